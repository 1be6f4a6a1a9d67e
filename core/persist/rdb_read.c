/* rdb_read: see rdb_read.h. */
#include "rdb_read.h"

#include "../functions.h"

#include <stdlib.h>

#include "../blob.h"
#include "../database.h"
#include "../evict.h"
#include "../expire.h"
#include "../keyspace.h"
#include "../probe.h"
#include "../store_open.h"
#include "../type_string.h"
#include "rdb_value.h"

#define RDB_RING 32        /* strings on their way into the table */
#define RDB_LIMBO_ITEMS 64 /* blocks of what is not wanted, freed after each key */

/* An entry that is made, and not yet in the table. */
typedef struct rdb_ready {
  uint64_t hash;
  ref block;
} rdb_ready;

struct rdb_file {
  rdb_reader *r;
  kevy_store *store, *limbo; /* limbo: where values go that are not wanted; NULL until there is one */
  rdb_load load;
  uint64_t db;
  int64_t deadline; /* of the next key */
  int64_t idle, frequency; /* of the next key; -1: not told */
  uint64_t keys;    /* so far */
  uint32_t version;
  bool begun;
  size_t ready;
  rdb_ready ring[RDB_RING];
};

/* ---- strings ---- */

/* All that was read is in the table: where the limit is passed and a policy makes room, now. */
static void rdb_make_room(kevy_store *s) {
  if (UNLIKELY(s->beyond)) evict_settle(s);
  s->used_before = s->sp->mem.root->used;
}

/* Puts the entries that are made into the table. */
static kevy_status rdb_ring_put(rdb_file *f) {
  kevy_store *s = f->store;
  for (size_t i = 0; i < f->ready; i++) {
    rdb_ready *at = &f->ring[i];
    entry *e = mem_ptr(s->base, at->block);
    if (table_find(s->base, s->keys, at->hash, entry_key(e), entry_klen(e)) != NULL)
      return rdb_corrupt(&f->r->in, "a key twice, not far before this");
    if (!table_insert(s->sp, s->keys, at->hash, at->block, false)) return rdb_refused(f->r, KEVY_EOOM);
    if (entry_has_deadline(e)) expire_add(s, at->block);
  }
  f->ready = 0;
  rdb_make_room(s);
  return KEVY_OK;
}

static kevy_status rdb_ring_add(rdb_file *f, const char *key, size_t klen, uint32_t key_kind, const kevy_value *v) {
  kevy_store *s = f->store;
  content c;
  if (UNLIKELY(f->deadline != KEVY_NO_TTL) && !expire_prepare(s)) return rdb_refused(f->r, KEVY_EOOM);
  kevy_status status = content_value(s, &c, v);
  if (UNLIKELY(status != KEVY_OK)) return rdb_refused(f->r, status);
  rdb_ready *at = &f->ring[f->ready];
  at->block = probe_build(s, KEVY_TYPE_STRING, key, klen, key_kind, &c, f->deadline);
  if (UNLIKELY(at->block == 0)) {
    content_drop(s, &c);
    return rdb_refused(f->r, KEVY_EOOM);
  }
  if (UNLIKELY(s->evictor != NULL)) evict_recall_entry(s, mem_ptr(s->base, at->block), f->idle, f->frequency);
  at->hash = probe_hash(s, key, klen);
  table_prefetch(s->base, s->keys, at->hash);
  return ++f->ready == RDB_RING ? rdb_ring_put(f) : KEVY_OK;
}

/* ---- keys ---- */

/* Reads a key, keeps a copy of it (the value is read before it is used), and says its kind. */
static kevy_status rdb_key(rdb_reader *r, size_t *klen, uint32_t *kind) {
  kevy_value raw, key;
  char digits[24];
  kevy_status status = rdb_string(&r->in, &raw);
  if (UNLIKELY(status != KEVY_OK)) return status;
  if (UNLIKELY(raw.kind == KEVY_INT) || UNLIKELY(r->kinds != 0)) {
    status = rdb_scalar(r, RDB_KEY, &raw, digits, &key);
    if (status != KEVY_OK) return status;
    if (key.kind > KEVY_TEXT) return rdb_corrupt(&r->in, "a key that is a number");
    *kind = key.kind;
    raw = key;
  }
  if (UNLIKELY(raw.len > r->key_capacity)) {
    char *larger = realloc(r->key, raw.len + 64);
    if (larger == NULL) return rdb_refused(r, KEVY_EOOM);
    r->key = larger;
    r->key_capacity = raw.len + 64;
  }
  bytes_move(r->key, raw.as.ptr, raw.len);
  *klen = raw.len;
  return KEVY_OK;
}

/* Reads over a value that is not wanted: into a store that is thrown away. */
static kevy_status rdb_value_pass(rdb_file *f, uint8_t type) {
  rdb_reader *r = f->r;
  char digits[24];
  kevy_value v;
  if (type == RDB_STRING) return rdb_string_value(r, digits, &v);
  if (f->limbo == NULL) {
    f->limbo = store_new(f->store->maxmemory, 0);
    if (f->limbo == NULL) return rdb_refused(r, KEVY_EOOM);
    f->limbo->clock = f->store->clock;
  }
  r->store = f->limbo;
  kevy_status status = rdb_value_read(r, type, "", 0, 0);
  r->store = f->store;
  if (status < 0) return status;
  keyspace_delete(f->limbo, "", 0);
  store_upkeep(f->limbo, RDB_LIMBO_ITEMS, NULL);
  return KEVY_OK;
}

static kevy_status rdb_collection(rdb_file *f, uint8_t type, size_t klen, uint32_t key_kind) {
  rdb_reader *r = f->r;
  uint64_t item = r->in.item;
  kevy_status status = rdb_ring_put(f);
  if (status != KEVY_OK) return status;
  if (keyspace_exists(f->store, r->key, klen) == KEVY_OK) return rdb_corrupt(&r->in, "a key twice");
  status = rdb_value_read(r, type, r->key, klen, key_kind == KEVY_TEXT ? KEVY_TEXT_KEY : 0);
  if (status < 0) return status;
  if (f->deadline != KEVY_NO_TTL) {
    status = keyspace_expire(f->store, r->key, klen, f->deadline, 0);
    r->in.item = item;
    if (status < 0) return rdb_refused(r, status);
  }
  evict_recall(f->store, r->key, klen, f->idle, f->frequency);
  rdb_make_room(f->store);
  return KEVY_OK;
}

static kevy_status rdb_string_key(rdb_file *f, size_t klen, uint32_t key_kind) {
  char digits[24];
  kevy_value v;
  kevy_status status = rdb_string_value(f->r, digits, &v);
  return LIKELY(status == KEVY_OK) ? rdb_ring_add(f, f->r->key, klen, key_kind, &v) : status;
}

static kevy_status rdb_foreign(rdb_file *f) {
  return rdb_corrupt(&f->r->in, "a key of database %llu, of which there are %d: name the one to load", (unsigned long long)f->db, DATABASES);
}

/* A module's value, behind its key. */
static kevy_status rdb_module_key(rdb_file *f, uint8_t type) {
  rdb_reader *r = f->r;
  char name[10];
  uint64_t id = 0;
  if (type == RDB_MODULE_PRE_GA) return rdb_corrupt(&r->in, "a value of a module, in a form that nobody else can read");
  kevy_status status = rdb_length(&r->in, &id);
  if (status != KEVY_OK) return status;
  if (!f->load.skip_modules) return rdb_corrupt(&r->in, "a value of the module type \"%s\"", rdb_module_name(id, name));
  return rdb_module_pass(r);
}

static kevy_status rdb_key_value(rdb_file *f, uint8_t type) {
  rdb_reader *r = f->r;
  size_t klen = 0;
  uint32_t key_kind = KEVY_BYTES;
  if (UNLIKELY(type > RDB_HASH_LISTPACK_EX || type == 8)) return rdb_corrupt(&r->in, "a value of unknown type %u", type);
  bool wanted = f->load.db < 0 || f->db == (uint64_t)f->load.db;
  if (UNLIKELY(f->db >= DATABASES) && wanted && f->load.db < 0) return rdb_foreign(f);
  kevy_status status = rdb_key(r, &klen, &key_kind);
  if (UNLIKELY(status != KEVY_OK)) return status;
  if (UNLIKELY(type == RDB_MODULE_2 || type == RDB_MODULE_PRE_GA)) status = rdb_module_key(f, type);
  else if (!wanted || UNLIKELY(f->deadline != KEVY_NO_TTL && f->deadline <= r->now)) status = rdb_value_pass(f, type);
  else if (LIKELY(type == RDB_STRING)) status = rdb_string_key(f, klen, key_kind);
  else status = rdb_collection(f, type, klen, key_kind);
  f->deadline = KEVY_NO_TTL;
  f->idle = f->frequency = -1;
  f->keys++;
  if (UNLIKELY(status != KEVY_OK)) return status;
  bool told = (r->elements.len | r->deadlines.len | r->active.len) != 0;
  return UNLIKELY(told) ? rdb_notes_end(r) : KEVY_OK;
}

/* ---- ops ---- */

/* A deadline in Unix ms, of the next key: what comes before the epoch has come. */
static void rdb_deadline(rdb_file *f, int64_t ms) { f->deadline = ms < 0 ? 0 : ms; }

static kevy_status rdb_deadline_ms(rdb_file *f) {
  uint64_t ms = 0;
  kevy_status status = rdb_u64(&f->r->in, &ms);
  rdb_deadline(f, (int64_t)ms);
  return status;
}

static kevy_status rdb_deadline_s(rdb_file *f) {
  uint32_t seconds = 0;
  kevy_status status = rdb_u32(&f->r->in, &seconds);
  rdb_deadline(f, (int64_t)(int32_t)seconds * 1000);
  return status;
}

static kevy_status rdb_idle(rdb_file *f) {
  uint64_t seconds = 0;
  kevy_status status = rdb_length(&f->r->in, &seconds);
  f->idle = seconds < INT64_MAX ? (int64_t)seconds : INT64_MAX;
  return status;
}

static kevy_status rdb_frequency(rdb_file *f) {
  uint8_t counter = 0;
  kevy_status status = rdb_byte(&f->r->in, &counter);
  f->frequency = counter;
  return status;
}

static kevy_status rdb_read_aux(rdb_reader *r) {
  const char *bytes;
  size_t len;
  kevy_status status = rdb_string_bytes(&r->in, &bytes, &len);
  bool ours = status == KEVY_OK && len == sizeof RDB_AUX - 1 && memcmp(bytes, RDB_AUX, len) == 0;
  if (status == KEVY_OK) status = rdb_string_bytes(&r->in, &bytes, &len);
  return status == KEVY_OK && ours ? rdb_note_take(r, bytes, len) : status;
}

static kevy_status rdb_lengths_pass(rdb_reader *r, uint64_t n) {
  uint64_t number;
  kevy_status status = KEVY_OK;
  while (status == KEVY_OK && n-- != 0) status = rdb_length(&r->in, &number);
  return status;
}

static kevy_status rdb_string_pass(rdb_reader *r) {
  kevy_value v;
  return rdb_string(&r->in, &v);
}

static kevy_status rdb_function(rdb_file *f) {
  const char *code;
  size_t len;
  kevy_status status = rdb_string_bytes(&f->r->in, &code, &len);
  return status != KEVY_OK || functions_add(&f->store->functions, code, len) ? status : KEVY_EOOM;
}

/* What a module keeps beside keys: its number, when it wants it back, and pieces. */
static kevy_status rdb_module_aux(rdb_reader *r) {
  kevy_status status = rdb_lengths_pass(r, 3);
  return status == KEVY_OK ? rdb_module_pass(r) : status;
}

/* Slots of a cluster that are on their way: a name, and ranges. */
static kevy_status rdb_slot_import(rdb_reader *r) {
  uint64_t ranges = 0;
  kevy_status status = rdb_string_pass(r);
  if (status == KEVY_OK) status = rdb_length(&r->in, &ranges);
  while (status == KEVY_OK && ranges-- != 0) status = rdb_lengths_pass(r, 2);
  return status;
}

/* What was read belongs to the database before. */
static kevy_status rdb_select(rdb_file *f) {
  kevy_status status = rdb_ring_put(f);
  if (status == KEVY_OK) status = rdb_length(&f->r->in, &f->db);
  if (status != KEVY_OK || f->load.db >= 0 || f->db >= DATABASES) return status;
  return database_enter(f->store, (uint32_t)f->db) ? KEVY_OK : rdb_refused(f->r, KEVY_EOOM);
}

static kevy_status rdb_op(rdb_file *f, uint8_t op) {
  rdb_reader *r = f->r;
  switch (op) {
    case RDB_OP_EXPIRETIME_MS: return rdb_deadline_ms(f);
    case RDB_OP_EXPIRETIME: return rdb_deadline_s(f);
    case RDB_OP_SELECTDB: return rdb_select(f);
    case RDB_OP_RESIZEDB: return rdb_lengths_pass(r, 2);
    case RDB_OP_AUX: return rdb_read_aux(r);
    case RDB_OP_FREQ: return rdb_frequency(f);
    case RDB_OP_IDLE: return rdb_idle(f);
    case RDB_OP_MODULE_AUX: return rdb_module_aux(r);
    case RDB_OP_FUNCTION2: return rdb_function(f);
    case RDB_OP_FUNCTION_PRE_GA: return rdb_corrupt(&r->in, "functions in a form of Redis 7.0 before its release");
    case RDB_OP_SLOT_INFO: return rdb_lengths_pass(r, 3);
    case RDB_OP_SLOT_IMPORT:
      if (r->valkey) return rdb_slot_import(r);
      break;
    default: break;
  }
  return rdb_corrupt(&r->in, "an operation %u that is not known", op);
}

/* ---- the file ---- */

static bool rdb_digits(const char *p, size_t n, uint32_t *number) {
  for (*number = 0; n != 0; n--, p++) {
    if (*p < '0' || *p > '9') return false;
    *number = *number * 10 + (uint32_t)(*p - '0');
  }
  return true;
}

static kevy_status rdb_magic(rdb_file *f) {
  rdb_reader *r = f->r;
  const char *p;
  kevy_status status = rdb_bytes(&r->in, 9, &p);
  if (status != KEVY_OK) return status;
  r->valkey = memcmp(p, "VALKEY", 6) == 0;
  size_t name = r->valkey ? 6 : 5;
  if ((!r->valkey && memcmp(p, "REDIS", 5) != 0) || !rdb_digits(p + name, 9 - name, &f->version))
    return rdb_corrupt(&r->in, "not an RDB file");
  uint32_t most = r->valkey ? RDB_VALKEY_VERSION : RDB_VERSION_MAX;
  if (f->version == 0 || f->version > most)
    return rdb_corrupt(&r->in, "RDB version %u, of which up to %u are known", f->version, most);
  return KEVY_OK;
}

static kevy_status rdb_trailer(rdb_file *f) {
  rdb_reader *r = f->r;
  uint64_t is = rdb_source_summed(&r->in), told = 0;
  kevy_status status = KEVY_OK;
  if (f->version >= 5) status = rdb_u64(&r->in, &told);
  if (status == KEVY_OK && told != 0 && told != is) status = rdb_corrupt(&r->in, "the checksum is not that of the file");
  return status == KEVY_OK ? rdb_end(&r->in) : status;
}

static kevy_status rdb_body_end(rdb_file *f) {
  kevy_status status = rdb_ring_put(f);
  database_leave(f->store, 0);
  return status;
}

/* What is between magic and checksum, from what comes next on, until the offset is passed: KEVY_UNMET. */
static kevy_status rdb_body(rdb_file *f, uint64_t until) {
  rdb_reader *r = f->r;
  while (LIKELY(rdb_source_offset(&r->in) < until)) {
    uint8_t what = 0;
    kevy_status status = rdb_byte(&r->in, &what);
    if (UNLIKELY(status != KEVY_OK)) return status;
    if (what == RDB_OP_EOF) return rdb_body_end(f);
    if (what >= RDB_OP_SLOT_IMPORT) status = rdb_op(f, what);
    else status = rdb_key_value(f, what);
    if (UNLIKELY(status != KEVY_OK)) return status;
  }
  return KEVY_UNMET;
}

rdb_file *rdb_file_new(kevy_store *s, const rdb_load *load) {
  rdb_file *f = malloc(sizeof *f);
  if (f == NULL) return NULL;
  memset(f, 0, offsetof(rdb_file, ring));
  f->r = rdb_reader_new(s);
  f->store = s;
  f->load = *load;
  f->deadline = KEVY_NO_TTL;
  f->idle = f->frequency = -1;
  s->used_before = s->sp->mem.root->used;
  if (f->r != NULL) return f;
  free(f);
  return NULL;
}

rdb_source *rdb_file_source(rdb_file *f) { return &f->r->in; }

uint64_t rdb_file_keys(const rdb_file *f) { return f->keys; }

kevy_status rdb_file_step(rdb_file *f, uint64_t bytes) {
  rdb_source *in = &f->r->in;
  uint64_t offset = rdb_source_offset(in), until = bytes < UINT64_MAX - offset ? offset + bytes : UINT64_MAX;
  kevy_status status = in->status;
  if (!f->begun && status == KEVY_OK) {
    f->begun = true;
    f->store->sp->written = true;
    rdb_source_sum(in);
    status = rdb_magic(f);
  }
  if (status == KEVY_OK) status = rdb_body(f, until);
  return status == KEVY_OK ? rdb_trailer(f) : status;
}

void rdb_file_free(rdb_file *f) {
  if (f->limbo != NULL) store_free(f->limbo);
  rdb_reader_free(f->r);
  free(f);
}
