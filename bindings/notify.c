/* notify: see notify.h. */
#include "notify.h"

#include <stdlib.h>

#include "../core/database.h"
#include "../core/events.h"
#include "../core/expire.h"
#include "../core/keyspace.h"
#include "../core/probe.h"
#include "../core/type_hash.h"
#include "../core/type_list.h"
#include "../core/type_set.h"
#include "../core/type_stream.h"
#include "../core/type_zset.h"
#include "pubsub.h"

/* ---- Telling ------------------------------------------------------------------------------------ */

typedef struct notify_staged {
  const char *event;
  uint32_t class;
  notify_when when;
  uint32_t db;      /* of the key */
  size_t key, klen; /* among the bytes */
  uint64_t count;   /* of elements before; UINT64_MAX: there was no such key */
} notify_staged;

typedef struct notify {
  uint32_t flags;
  notify_staged *staged;
  size_t count, room;
  char *bytes; /* of their keys */
  size_t len, bytes_room;
} notify;

#define NOTIFY_SHORT 256 /* names of channels on the stack */

/* "__keyspace@0__:" and the rest, made in memory of the caller's where it fits. NULL: no memory. */
static char *notify_channel(char *room, const char *prefix, const kevy_value *rest, size_t *len) {
  size_t head = strlen(prefix);
  char *name = head + rest->len <= NOTIFY_SHORT ? room : malloc(head + rest->len);
  if (name == NULL) return NULL;
  memcpy(name, prefix, head);
  if (rest->len != 0) memcpy(name + head, rest->as.ptr, rest->len);
  *len = head + rest->len;
  return name;
}

static void notify_publish(kevy_store *s, const char *prefix, const kevy_value *rest, const kevy_value *payload) {
  char room[NOTIFY_SHORT];
  size_t len;
  char *name = notify_channel(room, prefix, rest, &len);
  if (name == NULL) return;
  kevy_value channel = kevy_bytes(name, len);
  (void)pubsub_publish(s, PUBSUB_CHANNEL, &channel, payload);
  if (name != room) free(name);
}

/* "__keyspace@0__:" */
#define NOTIFY_PREFIX 24
static const char *notify_prefix(char prefix[NOTIFY_PREFIX], const char *what, uint32_t db) {
  snprintf(prefix, NOTIFY_PREFIX, "__%s@%u__:", what, (unsigned)db % DATABASES);
  return prefix;
}

static void notify_tell(kevy_store *s, uint32_t db, uint32_t class, const char *event, const char *key, size_t klen) {
  uint32_t flags = s->notify->flags;
  if (!(flags & class) || !pubsub_heard(s)) return;
  kevy_value name = kevy_bytes(key, klen), what = kevy_bytes(event, strlen(event));
  char prefix[NOTIFY_PREFIX];
  if (flags & CONFIG_EVENTS_KEYSPACE) notify_publish(s, notify_prefix(prefix, "keyspace", db), &name, &what);
  if (flags & CONFIG_EVENTS_KEYEVENT) notify_publish(s, notify_prefix(prefix, "keyevent", db), &what, &name);
}

/* What the engine tells of: keys that come, and keys that go by themselves. */
static void notify_event(kevy_store *s, const entry *e, uint32_t event) {
  uint32_t class = event == KEVY_EVENT_EXPIRED ? CONFIG_EVENTS_EXPIRED : event == KEVY_EVENT_EVICTED ? CONFIG_EVENTS_EVICTED : CONFIG_EVENTS_NEW;
  const char *word = class == CONFIG_EVENTS_EXPIRED ? "expired" : class == CONFIG_EVENTS_EVICTED ? "evicted" : "new";
  notify_tell(s, s->index, class, word, entry_key(e), entry_klen(e));
}

kevy_status notify_set(kevy_store *s, uint32_t flags) {
  if (s->notify == NULL && flags != 0) s->notify = calloc(1, sizeof *s->notify);
  if (s->notify == NULL) return flags != 0 ? KEVY_EOOM : KEVY_OK;
  bool tells = (flags & (CONFIG_EVENTS_KEYSPACE | CONFIG_EVENTS_KEYEVENT)) != 0;
  if (!events_tell(s, tells ? notify_event : NULL)) return KEVY_EOOM;
  s->notify->flags = flags;
  s->told = tells;
  return KEVY_OK;
}

void notify_close(kevy_store *s) {
  if (s->notify == NULL) return;
  s->told = false;
  (void)events_tell(s, NULL);
  free(s->notify->staged);
  free(s->notify->bytes);
  free(s->notify);
  s->notify = NULL;
}

/* ---- Staging ------------------------------------------------------------------------------------ */

#define NOTIFY_NONE UINT64_MAX

/* How many elements a key's value has, NOTIFY_NONE where there is no such key. */
static uint64_t notify_elements(kevy_store *s, const char *key, size_t klen) {
  uint64_t count = 0;
  probe p;
  const entry *e = probe_find(s, &p, key, klen);
  switch (e != NULL ? entry_type(e) : KEVY_TYPE_NONE) {
    case KEVY_TYPE_NONE: return NOTIFY_NONE;
    case KEVY_TYPE_HASH: (void)hash_len(s, key, klen, &count); break;
    case KEVY_TYPE_LIST: (void)list_len(s, key, klen, &count); break;
    case KEVY_TYPE_SET: (void)set_count(s, key, klen, &count); break;
    case KEVY_TYPE_ZSET: (void)zset_count(s, key, klen, &count); break;
    case KEVY_TYPE_STREAM: (void)stream_length(s, key, klen, &count); break;
    default: break;
  }
  return count;
}

/* The same in another database. */
static uint64_t notify_elements_in(kevy_store *s, uint32_t db, const char *key, size_t klen) {
  uint32_t back = s->index;
  if (db != back && database_at(&s->sp->db, db) == NULL) return NOTIFY_NONE;
  database_select(s, db);
  uint64_t count = notify_elements(s, key, klen);
  database_select(s, back);
  return count;
}

static bool notify_there(kevy_store *s, const char *key, size_t klen) {
  probe p;
  return probe_find(s, &p, key, klen) != NULL;
}

static bool notify_grow(void **block, size_t *room, size_t wanted, size_t size) {
  size_t more = *room * 2 < wanted ? wanted + 8 : *room * 2;
  void *grown = realloc(*block, more * size);
  if (grown == NULL) return false;
  *block = grown;
  *room = more;
  return true;
}

/* The place for one more, and for its key; false: it stays untold. */
static bool notify_room(notify *n, size_t klen) {
  return (n->count < n->room || notify_grow((void **)&n->staged, &n->room, n->count + 1, sizeof *n->staged)) &&
         (klen <= n->bytes_room - n->len || notify_grow((void **)&n->bytes, &n->bytes_room, n->len + klen, 1));
}

void notify_begin(kevy_store *s) {
  s->notify->count = s->notify->len = 0;
  s->touched = false;
}

void notify_stage_in(kevy_store *s, uint32_t db, uint32_t class, const char *event, notify_when when, const char *key, size_t klen) {
  notify *n = s->notify;
  if (!(n->flags & class)) return;
  uint64_t count = notify_elements_in(s, db, key, klen);
  bool needed = when == NOTIFY_TAKEN || when == NOTIFY_GONE;
  if ((needed && count == NOTIFY_NONE) || !notify_room(n, klen)) return;
  n->staged[n->count++] = (notify_staged){event, class, when, db, n->len, klen, count};
  if (klen != 0) memcpy(n->bytes + n->len, key, klen);
  n->len += klen;
}

void notify_stage(kevy_store *s, uint32_t class, const char *event, notify_when when, const char *key, size_t klen) {
  notify_stage_in(s, s->index, class, event, when, key, klen);
}

static bool notify_holds(kevy_store *s, const notify_staged *g, bool touched) {
  if (g->when == NOTIFY_FINE) return true;
  if (!touched && g->when != NOTIFY_ABSENT) return false;
  uint64_t count = notify_elements_in(s, g->db, s->notify->bytes + g->key, g->klen);
  switch (g->when) {
    case NOTIFY_DID: return count != NOTIFY_NONE;
    case NOTIFY_GONE:
    case NOTIFY_ABSENT: return count == NOTIFY_NONE;
    case NOTIFY_ARRIVED: return count != NOTIFY_NONE && g->count == NOTIFY_NONE;
    case NOTIFY_GREW: return count != NOTIFY_NONE && (g->count == NOTIFY_NONE || count > g->count);
    case NOTIFY_TAKEN: return count == NOTIFY_NONE || count < g->count;
    case NOTIFY_TRIMMED: return count != (g->count == NOTIFY_NONE ? 0 : g->count) + 1;
    default: return true;
  }
}

void notify_end(kevy_store *s, bool fine) {
  notify *n = s->notify;
  bool touched = s->touched;
  for (size_t i = 0; fine && i < n->count; i++) {
    const notify_staged *g = &n->staged[i];
    if (notify_holds(s, g, touched)) notify_tell(s, g->db, g->class, g->event, n->bytes + g->key, g->klen);
  }
  n->count = n->len = 0;
}

/* ---- The ABI's ---------------------------------------------------------------------------------- */

void notify_fine(kevy_store *s, uint32_t class, const char *event, const char *key, size_t klen) {
  notify_begin(s);
  notify_stage(s, class, event, NOTIFY_FINE, key, klen);
}

void notify_did(kevy_store *s, uint32_t class, const char *event, const char *key, size_t klen) {
  notify_begin(s);
  notify_stage(s, class, event, NOTIFY_DID, key, klen);
}

void notify_grows(kevy_store *s, uint32_t class, const char *event, const char *key, size_t klen) {
  notify_begin(s);
  notify_stage(s, class, event, NOTIFY_GREW, key, klen);
}

static void notify_stage_takes(kevy_store *s, uint32_t class, const char *event, const char *key, size_t klen) {
  notify_stage(s, class, event, NOTIFY_TAKEN, key, klen);
  notify_stage(s, CONFIG_EVENTS_GENERIC, "del", NOTIFY_GONE, key, klen);
}

void notify_takes(kevy_store *s, uint32_t class, const char *event, const char *key, size_t klen) {
  notify_begin(s);
  notify_stage_takes(s, class, event, key, klen);
}

static void notify_stage_deadline(kevy_store *s, const char *key, size_t klen, bool persist) {
  notify_stage(s, CONFIG_EVENTS_GENERIC, persist ? "persist" : "expire", NOTIFY_DID, key, klen);
  notify_stage(s, CONFIG_EVENTS_GENERIC, "del", NOTIFY_GONE, key, klen);
}

void notify_deadline(kevy_store *s, const char *key, size_t klen, bool persist) {
  notify_begin(s);
  notify_stage_deadline(s, key, klen, persist);
}

static void notify_stage_string(kevy_store *s, const char *key, size_t klen, bool surely, bool deadline) {
  notify_when when = surely ? NOTIFY_FINE : NOTIFY_CHANGED;
  notify_stage(s, CONFIG_EVENTS_STRING, "set", when, key, klen);
  if (deadline) notify_stage(s, CONFIG_EVENTS_GENERIC, "expire", when, key, klen);
  if (deadline && surely) notify_stage(s, CONFIG_EVENTS_EXPIRED, "expired", NOTIFY_ABSENT, key, klen);
}

/* SET with NX or XX. */
static void notify_stage_set(kevy_store *s, const char *key, size_t klen, bool nx, bool xx, bool deadline) {
  if ((nx || xx) && notify_there(s, key, klen) != xx) return;
  notify_stage_string(s, key, klen, true, deadline);
}

void notify_string(kevy_store *s, const char *key, size_t klen, uint32_t flags, bool deadline) {
  notify_begin(s);
  notify_stage_set(s, key, klen, (flags & KEVY_NX) != 0, (flags & KEVY_XX) != 0, deadline);
}

void notify_strings(kevy_store *s, size_t k, const kevy_value *keys, bool surely, bool deadline) {
  notify_begin(s);
  for (size_t i = 0; i < k; i++)
    if (keys[i].kind <= KEVY_TEXT) notify_stage_string(s, keys[i].as.ptr, keys[i].len, surely, deadline);
}

void notify_hexpire(kevy_store *s, const char *key, size_t klen, bool persist) {
  notify_begin(s);
  notify_stage(s, CONFIG_EVENTS_HASH, persist ? "hpersist" : "hexpire", NOTIFY_DID, key, klen);
  notify_stage(s, CONFIG_EVENTS_GENERIC, "del", NOTIFY_GONE, key, klen);
}

void notify_splice(kevy_store *s, const char *key, size_t klen, bool removes, bool inserts) {
  notify_begin(s);
  if (removes) notify_stage(s, CONFIG_EVENTS_LIST, "lrem", NOTIFY_CHANGED, key, klen);
  if (inserts) notify_stage(s, CONFIG_EVENTS_LIST, "linsert", NOTIFY_DID, key, klen);
  if (removes) notify_stage(s, CONFIG_EVENTS_GENERIC, "del", NOTIFY_GONE, key, klen);
}

void notify_gone(kevy_store *s, const char *key, size_t klen) {
  notify_begin(s);
  notify_deleting(s, key, klen);
}

static void notify_stage_renamed(kevy_store *s, const char *key, size_t klen, const char *to, size_t tolen) {
  notify_stage(s, CONFIG_EVENTS_GENERIC, "rename_from", NOTIFY_TAKEN, key, klen);
  notify_stage(s, CONFIG_EVENTS_GENERIC, "rename_to", NOTIFY_DID, to, tolen);
}

void notify_renamed(kevy_store *s, const char *key, size_t klen, const char *to, size_t tolen) {
  notify_begin(s);
  notify_stage_renamed(s, key, klen, to, tolen);
}

void notify_copied(kevy_store *s, const char *key, size_t klen, const char *to, size_t tolen) {
  notify_begin(s);
  if (notify_there(s, key, klen)) notify_stage(s, CONFIG_EVENTS_GENERIC, "copy_to", NOTIFY_DID, to, tolen);
}

/* ---- Commands: shapes --------------------------------------------------------------------------- */

typedef struct notify_rule notify_rule;
struct notify_rule {
  const char *name;
  uint32_t class;
  const char *event;
  void (*stage)(command_call *c, const notify_rule *r);
};

static void stage_key(command_call *c, const notify_rule *r, notify_when when, size_t i) {
  notify_stage(c->store, r->class, r->event, when, c->argv[i].as.ptr, c->argv[i].len);
}

static void stage_fine(command_call *c, const notify_rule *r) { stage_key(c, r, NOTIFY_FINE, 1); }
static void stage_did(command_call *c, const notify_rule *r) { stage_key(c, r, NOTIFY_DID, 1); }
static void stage_grows(command_call *c, const notify_rule *r) { stage_key(c, r, NOTIFY_GREW, 1); }
static void stage_changed(command_call *c, const notify_rule *r) { stage_key(c, r, NOTIFY_CHANGED, 1); }
static void stage_shrinks(command_call *c, const notify_rule *r) { stage_key(c, r, NOTIFY_TAKEN, 1); }
static void stage_goes(command_call *c, const notify_rule *r) { stage_key(c, r, NOTIFY_GONE, 1); }
static void stage_sub_fine(command_call *c, const notify_rule *r) { stage_key(c, r, NOTIFY_FINE, 2); }

static void stage_taken(command_call *c, const notify_rule *r, size_t i) {
  notify_stage_takes(c->store, r->class, r->event, c->argv[i].as.ptr, c->argv[i].len);
}
static void stage_takes(command_call *c, const notify_rule *r) { stage_taken(c, r, 1); }

/* A destination: it has what was found, or is no more. */
static void stage_destination(command_call *c, const notify_rule *r, size_t i) {
  stage_key(c, r, NOTIFY_DID, i);
  notify_stage(c->store, CONFIG_EVENTS_GENERIC, "del", NOTIFY_GONE, c->argv[i].as.ptr, c->argv[i].len);
}
static void stage_store(command_call *c, const notify_rule *r) { stage_destination(c, r, 1); }
static void stage_second(command_call *c, const notify_rule *r) { stage_destination(c, r, 2); }

/* STORE key, or STOREDIST key, from an argument on. */
static void stage_stored(command_call *c, const notify_rule *r, size_t first) {
  size_t to = 0;
  for (size_t i = first; i + 1 < c->argc; i++)
    if (command_is(&c->argv[i], "STORE") || command_is(&c->argv[i], "STOREDIST")) to = ++i;
  if (to != 0) stage_destination(c, r, to);
}
static void stage_sort(command_call *c, const notify_rule *r) { stage_stored(c, r, 2); }
static void stage_radius(command_call *c, const notify_rule *r) { stage_stored(c, r, 4); }

static void stage_expire(command_call *c, const notify_rule *r) {
  (void)r;
  notify_stage_deadline(c->store, c->argv[1].as.ptr, c->argv[1].len, false);
}

/* Whether a word is among the arguments from `first` on. */
static bool stage_has(const command_call *c, size_t first, const char *word) {
  for (size_t i = first; i < c->argc; i++)
    if (command_is(&c->argv[i], word)) return true;
  return false;
}

static bool stage_has_deadline(const command_call *c, size_t first) {
  return stage_has(c, first, "EX") || stage_has(c, first, "PX") || stage_has(c, first, "EXAT") || stage_has(c, first, "PXAT");
}

/* ---- Commands: strings and keys ----------------------------------------------------------------- */

static void stage_set(command_call *c, const notify_rule *r) {
  (void)r;
  bool options = c->row->handler == cmd_set; /* SETEX has its deadline and no condition */
  notify_stage_set(c->store, c->argv[1].as.ptr, c->argv[1].len, options && stage_has(c, 3, "NX"),
                   options && stage_has(c, 3, "XX"), !options || stage_has_deadline(c, 3));
}

static void stage_mset(command_call *c, const notify_rule *r) {
  for (size_t i = 1; i + 1 < c->argc; i += 2) stage_key(c, r, NOTIFY_DID, i);
}

/* What changes nothing is no event. */
static void stage_setbit(command_call *c, const notify_rule *r) {
  int64_t at, on;
  probe p;
  kevy_value value;
  char scratch[NUMBER_FLOAT_MAX];
  const entry *e = probe_find(c->store, &p, c->argv[1].as.ptr, c->argv[1].len);
  if (!number_parse_int(c->argv[2].as.ptr, c->argv[2].len, &at) || !number_parse_int(c->argv[3].as.ptr, c->argv[3].len, &on)) return;
  if (e != NULL && entry_type(e) == KEVY_TYPE_STRING && at >= 0) {
    probe_value(c->store, e, &value);
    kevy_value bytes = number_byte_form(&value, scratch);
    if ((uint64_t)at / 8 < bytes.len && ((unsigned char)bytes.as.ptr[at / 8] >> (7 - at % 8) & 1) == on) return;
  }
  stage_fine(c, r);
}

/* The handler knows whether it changes anything (notify_nothing). */
static void stage_bitfield(command_call *c, const notify_rule *r) {
  stage_changed(c, r);
}

static void stage_setrange(command_call *c, const notify_rule *r) {
  if (c->argv[3].len != 0) stage_fine(c, r);
}

static void stage_getex(command_call *c, const notify_rule *r) {
  (void)r;
  if (c->argc > 2) notify_stage_deadline(c->store, c->argv[1].as.ptr, c->argv[1].len, command_is(&c->argv[2], "PERSIST"));
}

/* The handler stages (notify_deleting). */
static void stage_nothing(command_call *c, const notify_rule *r) { (void)c, (void)r; }

/* The number of a database among the arguments; what is none fails. */
static uint32_t stage_database(const command_call *c, size_t i) {
  int64_t db;
  return number_parse_int(c->argv[i].as.ptr, c->argv[i].len, &db) && db >= 0 && db < DATABASES ? (uint32_t)db : c->store->index;
}

static void stage_copy(command_call *c, const notify_rule *r) {
  uint32_t db = c->store->index;
  for (size_t i = 3; i + 1 < c->argc; i++)
    if (command_is(&c->argv[i], "DB")) db = stage_database(c, ++i);
  if (notify_there(c->store, c->argv[1].as.ptr, c->argv[1].len))
    notify_stage_in(c->store, db, r->class, r->event, NOTIFY_DID, c->argv[2].as.ptr, c->argv[2].len);
}

/* A key that goes arrives. */
static void stage_movedb(command_call *c, const notify_rule *r) {
  stage_key(c, r, NOTIFY_GONE, 1);
  if (notify_there(c->store, c->argv[1].as.ptr, c->argv[1].len))
    notify_stage_in(c->store, stage_database(c, 2), r->class, "move_to", NOTIFY_ARRIVED, c->argv[1].as.ptr, c->argv[1].len);
}

static void stage_rename(command_call *c, const notify_rule *r) {
  (void)r;
  notify_stage_renamed(c->store, c->argv[1].as.ptr, c->argv[1].len, c->argv[2].as.ptr, c->argv[2].len);
}

/* ---- Commands: lists ---------------------------------------------------------------------------- */

static const char *const list_pushes[] = {"rpush", "lpush"}, *const list_pops[] = {"rpop", "lpop"};

static void stage_list_pop(command_call *c, size_t i, bool left) {
  notify_stage_takes(c->store, CONFIG_EVENTS_LIST, list_pops[left], c->argv[i].as.ptr, c->argv[i].len);
}

/* The first key that is there is the one that is popped from. */
static size_t stage_first_there(command_call *c, size_t first, size_t keys) {
  for (size_t i = first; i < first + keys && i < c->argc; i++)
    if (notify_there(c->store, c->argv[i].as.ptr, c->argv[i].len)) return i;
  return 0;
}

static void stage_blocking_pop(command_call *c, const notify_rule *r) {
  size_t i = stage_first_there(c, 1, c->argc - 2);
  if (i != 0) stage_taken(c, r, i);
}

/* numkeys at `first` - 1; *side: the word behind the keys. False where they are no such arguments. */
static bool stage_counted(command_call *c, size_t first, size_t *i, const kevy_value **side) {
  int64_t keys;
  if (!number_parse_int(c->argv[first - 1].as.ptr, c->argv[first - 1].len, &keys)) return false;
  if (keys < 1 || (uint64_t)keys >= c->argc - first) return false;
  *i = stage_first_there(c, first, (size_t)keys);
  *side = &c->argv[first + (size_t)keys];
  return *i != 0;
}

static void stage_mpop_at(command_call *c, size_t first) {
  size_t i;
  const kevy_value *side;
  if (stage_counted(c, first, &i, &side)) stage_list_pop(c, i, command_is(side, "LEFT"));
}
static void stage_lmpop(command_call *c, const notify_rule *r) { (void)r, stage_mpop_at(c, 2); }
static void stage_blmpop(command_call *c, const notify_rule *r) { (void)r, stage_mpop_at(c, 3); }

static void stage_move(command_call *c, bool from_left, bool to_left) {
  const kevy_value *from = &c->argv[1], *to = &c->argv[2];
  bool same = from->len == to->len && (to->len == 0 || memcmp(from->as.ptr, to->as.ptr, to->len) == 0);
  if (!notify_there(c->store, c->argv[1].as.ptr, c->argv[1].len)) return;
  notify_stage(c->store, CONFIG_EVENTS_LIST, list_pushes[to_left], NOTIFY_DID, to->as.ptr, to->len);
  if (same) notify_stage(c->store, CONFIG_EVENTS_LIST, list_pops[from_left], NOTIFY_DID, to->as.ptr, to->len);
  else stage_list_pop(c, 1, from_left);
}
static void stage_lmove(command_call *c, const notify_rule *r) {
  (void)r;
  stage_move(c, command_is(&c->argv[3], "LEFT"), command_is(&c->argv[4], "LEFT"));
}
static void stage_rpoplpush(command_call *c, const notify_rule *r) { (void)r, stage_move(c, false, true); }

/* That nothing was cut off is no reason to be silent. */
static void stage_ltrim(command_call *c, const notify_rule *r) {
  const kevy_value *key = &c->argv[1];
  if (!notify_there(c->store, key->as.ptr, key->len)) return;
  stage_fine(c, r);
  notify_stage(c->store, CONFIG_EVENTS_GENERIC, "del", NOTIFY_GONE, key->as.ptr, key->len);
}

/* ---- Commands: sets, sorted sets, hashes -------------------------------------------------------- */

static void stage_smove(command_call *c, const notify_rule *r) {
  const kevy_value *to = &c->argv[2];
  stage_takes(c, r);
  if (!notify_there(c->store, c->argv[1].as.ptr, c->argv[1].len)) return;
  if (set_has(c->store, to->as.ptr, to->len, &c->argv[3]) == KEVY_OK) return;
  notify_stage(c->store, CONFIG_EVENTS_SET, "sadd", NOTIFY_DID, to->as.ptr, to->len);
}

static bool stage_is_option(const kevy_value *word) {
  return command_is(word, "NX") || command_is(word, "XX") || command_is(word, "GT") || command_is(word, "LT") ||
         command_is(word, "CH") || command_is(word, "INCR");
}

static void stage_zadd(command_call *c, const notify_rule *r) {
  bool incr = false;
  for (size_t i = 2; i < c->argc && stage_is_option(&c->argv[i]); i++) incr |= command_is(&c->argv[i], "INCR");
  notify_stage(c->store, r->class, incr ? "zincr" : r->event, NOTIFY_DID, c->argv[1].as.ptr, c->argv[1].len);
}

static void stage_zmpop_at(command_call *c, size_t first) {
  size_t i;
  const kevy_value *side;
  if (!stage_counted(c, first, &i, &side)) return;
  const char *event = command_is(side, "MIN") ? "zpopmin" : "zpopmax";
  notify_stage_takes(c->store, CONFIG_EVENTS_ZSET, event, c->argv[i].as.ptr, c->argv[i].len);
}
static void stage_zmpop(command_call *c, const notify_rule *r) { (void)r, stage_zmpop_at(c, 2); }
static void stage_bzmpop(command_call *c, const notify_rule *r) { (void)r, stage_zmpop_at(c, 3); }

static void stage_hsetex(command_call *c, const notify_rule *r) {
  stage_did(c, r);
  if (stage_has_deadline(c, 2)) notify_stage(c->store, CONFIG_EVENTS_HASH, "hexpire", NOTIFY_DID, c->argv[1].as.ptr, c->argv[1].len);
}

static void stage_hgetex(command_call *c, const notify_rule *r) {
  if (!command_is(&c->argv[2], "FIELDS")) stage_store(c, r);
}

/* ---- Commands: streams -------------------------------------------------------------------------- */

static void stage_xadd(command_call *c, const notify_rule *r) {
  stage_did(c, r);
  if (stage_has(c, 2, "MAXLEN") || stage_has(c, 2, "MINID"))
    notify_stage(c->store, r->class, "xtrim", NOTIFY_TRIMMED, c->argv[1].as.ptr, c->argv[1].len);
}

/* ---- The table ---------------------------------------------------------------------------------- */

static const notify_rule notify_rules[] = {
    {"SET", CONFIG_EVENTS_STRING, "set", stage_set},
    {"SETEX", CONFIG_EVENTS_STRING, "set", stage_set},
    {"PSETEX", CONFIG_EVENTS_STRING, "set", stage_set},
    {"SETNX", CONFIG_EVENTS_STRING, "set", stage_did},
    {"GETSET", CONFIG_EVENTS_STRING, "set", stage_fine},
    {"GETDEL", CONFIG_EVENTS_GENERIC, "del", stage_goes},
    {"GETEX", CONFIG_EVENTS_GENERIC, "expire", stage_getex},
    {"MSET", CONFIG_EVENTS_STRING, "set", stage_mset},
    {"MSETNX", CONFIG_EVENTS_STRING, "set", stage_mset},
    {"APPEND", CONFIG_EVENTS_STRING, "append", stage_fine},
    {"SETRANGE", CONFIG_EVENTS_STRING, "setrange", stage_setrange},
    {"INCR", CONFIG_EVENTS_STRING, "incrby", stage_fine},
    {"INCRBY", CONFIG_EVENTS_STRING, "incrby", stage_fine},
    {"DECR", CONFIG_EVENTS_STRING, "incrby", stage_fine},
    {"DECRBY", CONFIG_EVENTS_STRING, "incrby", stage_fine},
    {"INCRBYFLOAT", CONFIG_EVENTS_STRING, "incrbyfloat", stage_fine},
    {"DEL", CONFIG_EVENTS_GENERIC, "del", stage_nothing},
    {"UNLINK", CONFIG_EVENTS_GENERIC, "del", stage_nothing},
    {"MOVE", CONFIG_EVENTS_GENERIC, "move_from", stage_movedb},
    {"SORT", CONFIG_EVENTS_LIST, "sortstore", stage_sort},
    {"SETBIT", CONFIG_EVENTS_STRING, "setbit", stage_setbit},
    {"BITFIELD", CONFIG_EVENTS_STRING, "setbit", stage_bitfield},
    {"BITOP", CONFIG_EVENTS_STRING, "set", stage_second},
    {"PFADD", CONFIG_EVENTS_STRING, "pfadd", stage_changed},
    {"PFMERGE", CONFIG_EVENTS_STRING, "pfadd", stage_fine},
    {"COPY", CONFIG_EVENTS_GENERIC, "copy_to", stage_copy},
    {"RENAME", CONFIG_EVENTS_GENERIC, "rename_from", stage_rename},
    {"RENAMENX", CONFIG_EVENTS_GENERIC, "rename_from", stage_rename},
    {"RESTORE", CONFIG_EVENTS_GENERIC, "restore", stage_store},
    {"EXPIRE", CONFIG_EVENTS_GENERIC, "expire", stage_expire},
    {"EXPIREAT", CONFIG_EVENTS_GENERIC, "expire", stage_expire},
    {"PEXPIRE", CONFIG_EVENTS_GENERIC, "expire", stage_expire},
    {"PEXPIREAT", CONFIG_EVENTS_GENERIC, "expire", stage_expire},
    {"PERSIST", CONFIG_EVENTS_GENERIC, "persist", stage_did},

    {"LPUSH", CONFIG_EVENTS_LIST, "lpush", stage_fine},
    {"RPUSH", CONFIG_EVENTS_LIST, "rpush", stage_fine},
    {"LPUSHX", CONFIG_EVENTS_LIST, "lpush", stage_grows},
    {"RPUSHX", CONFIG_EVENTS_LIST, "rpush", stage_grows},
    {"LINSERT", CONFIG_EVENTS_LIST, "linsert", stage_grows},
    {"LSET", CONFIG_EVENTS_LIST, "lset", stage_fine},
    {"LREM", CONFIG_EVENTS_LIST, "lrem", stage_takes},
    {"LTRIM", CONFIG_EVENTS_LIST, "ltrim", stage_ltrim},
    {"LPOP", CONFIG_EVENTS_LIST, "lpop", stage_takes},
    {"RPOP", CONFIG_EVENTS_LIST, "rpop", stage_takes},
    {"LMPOP", CONFIG_EVENTS_LIST, NULL, stage_lmpop},
    {"BLMPOP", CONFIG_EVENTS_LIST, NULL, stage_blmpop},
    {"BLPOP", CONFIG_EVENTS_LIST, "lpop", stage_blocking_pop},
    {"BRPOP", CONFIG_EVENTS_LIST, "rpop", stage_blocking_pop},
    {"LMOVE", CONFIG_EVENTS_LIST, NULL, stage_lmove},
    {"BLMOVE", CONFIG_EVENTS_LIST, NULL, stage_lmove},
    {"RPOPLPUSH", CONFIG_EVENTS_LIST, NULL, stage_rpoplpush},
    {"BRPOPLPUSH", CONFIG_EVENTS_LIST, NULL, stage_rpoplpush},

    {"SADD", CONFIG_EVENTS_SET, "sadd", stage_grows},
    {"SREM", CONFIG_EVENTS_SET, "srem", stage_takes},
    {"SPOP", CONFIG_EVENTS_SET, "spop", stage_takes},
    {"SMOVE", CONFIG_EVENTS_SET, "srem", stage_smove},
    {"SINTERSTORE", CONFIG_EVENTS_SET, "sinterstore", stage_store},
    {"SUNIONSTORE", CONFIG_EVENTS_SET, "sunionstore", stage_store},
    {"SDIFFSTORE", CONFIG_EVENTS_SET, "sdiffstore", stage_store},

    {"HSET", CONFIG_EVENTS_HASH, "hset", stage_fine},
    {"HMSET", CONFIG_EVENTS_HASH, "hset", stage_fine},
    {"HSETNX", CONFIG_EVENTS_HASH, "hset", stage_grows},
    {"HINCRBY", CONFIG_EVENTS_HASH, "hincrby", stage_fine},
    {"HINCRBYFLOAT", CONFIG_EVENTS_HASH, "hincrbyfloat", stage_fine},
    {"HDEL", CONFIG_EVENTS_HASH, "hdel", stage_takes},
    {"HGETDEL", CONFIG_EVENTS_HASH, "hdel", stage_takes},
    {"HGETEX", CONFIG_EVENTS_HASH, "hexpire", stage_hgetex},
    {"HSETEX", CONFIG_EVENTS_HASH, "hset", stage_hsetex},
    {"HEXPIRE", CONFIG_EVENTS_HASH, "hexpire", stage_store},
    {"HPEXPIRE", CONFIG_EVENTS_HASH, "hexpire", stage_store},
    {"HEXPIREAT", CONFIG_EVENTS_HASH, "hexpire", stage_store},
    {"HPEXPIREAT", CONFIG_EVENTS_HASH, "hexpire", stage_store},
    {"HPERSIST", CONFIG_EVENTS_HASH, "hpersist", stage_did},

    {"ZADD", CONFIG_EVENTS_ZSET, "zadd", stage_zadd},
    {"GEOADD", CONFIG_EVENTS_ZSET, "zadd", stage_did},
    {"GEOSEARCHSTORE", CONFIG_EVENTS_ZSET, "geosearchstore", stage_store},
    {"GEORADIUS", CONFIG_EVENTS_ZSET, "georadiusstore", stage_radius},
    {"GEORADIUSBYMEMBER", CONFIG_EVENTS_ZSET, "georadiusstore", stage_radius},
    {"ZINCRBY", CONFIG_EVENTS_ZSET, "zincr", stage_did},
    {"ZREM", CONFIG_EVENTS_ZSET, "zrem", stage_takes},
    {"ZREMRANGEBYRANK", CONFIG_EVENTS_ZSET, "zremrangebyrank", stage_takes},
    {"ZREMRANGEBYSCORE", CONFIG_EVENTS_ZSET, "zremrangebyscore", stage_takes},
    {"ZREMRANGEBYLEX", CONFIG_EVENTS_ZSET, "zremrangebylex", stage_takes},
    {"ZPOPMIN", CONFIG_EVENTS_ZSET, "zpopmin", stage_takes},
    {"ZPOPMAX", CONFIG_EVENTS_ZSET, "zpopmax", stage_takes},
    {"BZPOPMIN", CONFIG_EVENTS_ZSET, "zpopmin", stage_blocking_pop},
    {"BZPOPMAX", CONFIG_EVENTS_ZSET, "zpopmax", stage_blocking_pop},
    {"ZMPOP", CONFIG_EVENTS_ZSET, NULL, stage_zmpop},
    {"BZMPOP", CONFIG_EVENTS_ZSET, NULL, stage_bzmpop},
    {"ZUNIONSTORE", CONFIG_EVENTS_ZSET, "zunionstore", stage_store},
    {"ZINTERSTORE", CONFIG_EVENTS_ZSET, "zinterstore", stage_store},
    {"ZDIFFSTORE", CONFIG_EVENTS_ZSET, "zdiffstore", stage_store},
    {"ZRANGESTORE", CONFIG_EVENTS_ZSET, "zrangestore", stage_store},

    {"XADD", CONFIG_EVENTS_STREAM, "xadd", stage_xadd},
    {"XTRIM", CONFIG_EVENTS_STREAM, "xtrim", stage_shrinks},
    {"XDEL", CONFIG_EVENTS_STREAM, "xdel", stage_shrinks},
    {"XSETID", CONFIG_EVENTS_STREAM, "xsetid", stage_fine},
    {"XGROUP|CREATE", CONFIG_EVENTS_STREAM, "xgroup-create", stage_sub_fine},
    {"XGROUP|SETID", CONFIG_EVENTS_STREAM, "xgroup-setid", stage_sub_fine},
};

static const notify_rule *notify_rule_of(const command_call *c) {
  for (size_t i = 0; i < sizeof notify_rules / sizeof *notify_rules; i++)
    if (strcmp(notify_rules[i].name, c->row->about.name) == 0) return &notify_rules[i];
  return NULL;
}

/* ---- Running them ------------------------------------------------------------------------------- */

static void notify_missed(void *context, const kevy_value *key) {
  kevy_store *s = context;
  if (!notify_there(s, key->as.ptr, key->len)) notify_tell(s, s->index, CONFIG_EVENTS_MISS, "keymiss", key->as.ptr, key->len);
}

/* OBJECT and MEMORY look without anybody's noticing. */
static bool notify_reads(const command *row) {
  if (row->handler == cmd_getex || row->handler == cmd_getdel || row->handler == cmd_getset) return true;
  return command_has_word(row->about.flags, "readonly") && strncmp(row->about.name, "OBJECT", 6) != 0 &&
         strncmp(row->about.name, "MEMORY", 6) != 0;
}

void notify_command(command_call *c) {
  kevy_store *s = c->store;
  if ((s->notify->flags & CONFIG_EVENTS_MISS) && notify_reads(c->row))
    command_each_key(c->row, c->argc, c->argv, notify_missed, s);
  const notify_rule *rule = notify_rule_of(c);
  if (rule != NULL) {
    notify_begin(s);
    rule->stage(c, rule);
  }
  c->row->handler(c);
  if (rule != NULL) notify_end(s, !c->erred);
}

void notify_nothing(kevy_store *s) { s->notify->count = s->notify->len = 0; }

void notify_group(kevy_store *s, const char *event, const kevy_value *key) {
  notify_tell(s, s->index, CONFIG_EVENTS_STREAM, event, key->as.ptr, key->len);
}

void notify_deleting(kevy_store *s, const char *key, size_t klen) {
  notify_stage(s, CONFIG_EVENTS_GENERIC, "del", NOTIFY_GONE, key, klen);
}
