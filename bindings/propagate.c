/* propagate: see propagate.h. */
#include "propagate.h"

#include <stdio.h>
#include <stdlib.h>

#include "../core/expire.h"
#include "../core/probe.h"
#include "../core/type_hash.h"
#include "../core/type_list.h"
#include "cmd_stream.h"
#include "notify.h"

#define WORD(text) effect_word(text)
#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

/* ---- describing what came of a call ---- */

/* SET with the value and deadline that the key has now; DEL without one. */
static void propagate_after_string(kevy_store *s, size_t argc, const kevy_value *argv) {
  (void)argc;
  probe p;
  if (probe_find(s, &p, argv[1].as.ptr, argv[1].len) == NULL) {
    effect_removed(s, argv[1].as.ptr, argv[1].len);
    return;
  }
  kevy_value set[5] = {WORD("SET"), effect_key(argv[1].as.ptr, argv[1].len, entry_key_kind(p.live))};
  probe_value(s, p.live, &set[2]);
  int64_t deadline = entry_deadline(p.live);
  set[3] = WORD("PXAT");
  set[4] = effect_number(deadline);
  effect_add(s, deadline != KEVY_NO_TTL ? 5 : 3, set);
}

/* The key's deadline. Where it went at once, that was noted. */
static void propagate_after_deadline(kevy_store *s, size_t argc, const kevy_value *argv) {
  (void)argc;
  probe p;
  if (probe_find(s, &p, argv[1].as.ptr, argv[1].len) == NULL) return;
  int64_t deadline = entry_deadline(p.live);
  kevy_value at[] = {WORD("PEXPIREAT"), argv[1], effect_number(deadline)}, none[] = {WORD("PERSIST"), argv[1]};
  if (deadline != KEVY_NO_TTL) effect_add(s, 3, at);
  else effect_add(s, 2, none);
}

/* The payload that was restored, until the key's deadline. Where that had come, the key that went was noted. */
static void propagate_after_restore(kevy_store *s, size_t argc, const kevy_value *argv) {
  (void)argc;
  probe p;
  if (probe_find(s, &p, argv[1].as.ptr, argv[1].len) == NULL) return;
  kevy_value restore[] = {argv[0], effect_key(argv[1].as.ptr, argv[1].len, entry_key_kind(p.live)),
                          effect_number(propagate_ttl(entry_deadline(p.live))), argv[3], WORD("REPLACE"), WORD("ABSTTL")};
  effect_add(s, COUNT_OF(restore), restore);
}

/* A field: its value, where that may be new, and its deadline, which Redis 7.0 has no command for. */
static void propagate_field_state(kevy_store *s, const kevy_value *key, const kevy_value *field, bool value) {
  kevy_value set[] = {WORD("HSET"), *key, *field, WORD("")};
  if (hash_get(s, key->as.ptr, key->len, field, &set[3]) != KEVY_OK) {
    effect_shed(s, key->as.ptr, key->len, field);
    return;
  }
  if (value) effect_add(s, COUNT_OF(set), set);
  int64_t deadline = KEVY_NO_TTL;
  (void)hash_deadline(s, key->as.ptr, key->len, field, &deadline);
  kevy_value at[] = {WORD("HPEXPIREAT"), *key, effect_number(deadline), WORD("FIELDS"), WORD("1"), *field};
  kevy_value none[] = {WORD("HPERSIST"), *key, WORD("FIELDS"), WORD("1"), *field};
  if (deadline != KEVY_NO_TTL) effect_add_hidden(s, COUNT_OF(at), at);
  else if (!value) effect_add_hidden(s, COUNT_OF(none), none);
}

static void propagate_after_field(kevy_store *s, size_t argc, const kevy_value *argv) {
  (void)argc;
  propagate_field_state(s, &argv[1], &argv[2], true);
}

/* FIELDS n field ..., every step-th. */
static void propagate_fields(kevy_store *s, size_t argc, const kevy_value *argv, size_t step, bool value) {
  size_t i = 2;
  while (i < argc && !command_is(&argv[i], "FIELDS")) i++;
  for (i += 2; i < argc; i += step) propagate_field_state(s, &argv[1], &argv[i], value);
}

static void propagate_after_hsetex(kevy_store *s, size_t argc, const kevy_value *argv) {
  propagate_fields(s, argc, argv, 2, true);
}
static void propagate_after_hexpire(kevy_store *s, size_t argc, const kevy_value *argv) {
  propagate_fields(s, argc, argv, 1, false);
}

/* The length that a stream was cut to. */
static void propagate_after_xtrim(kevy_store *s, size_t argc, const kevy_value *argv) {
  (void)argc;
  const stream *st;
  if (stream_find(s, argv[1].as.ptr, argv[1].len, &st) != KEVY_OK) return;
  kevy_value trim[] = {WORD("XTRIM"), argv[1], WORD("MAXLEN"), WORD("="), effect_number((int64_t)st->length)};
  effect_add(s, COUNT_OF(trim), trim);
}

static bool propagate_has_trim(size_t argc, const kevy_value *argv) {
  if (argc > 3 && command_is(&argv[2], "NOMKSTREAM")) argv++;
  return argc > 3 && (command_is(&argv[2], "MAXLEN") || command_is(&argv[2], "MINID"));
}

/* The last entry as it stands in the stream; one that was cut off at once had any content. */
static void propagate_after_xadd(kevy_store *s, size_t argc, const kevy_value *argv) {
  const stream *st;
  stream_range r;
  stream_entry e = {.pairs = 0};
  if (stream_find(s, argv[1].as.ptr, argv[1].len, &st) != KEVY_OK) return;
  stream_range_open(s->base, st, &r, st->last, st->last, false);
  bool there = stream_range_next(&r, &e);
  size_t pairs = there ? e.pairs : 1, n = 3;
  kevy_value few[16], *add = pairs <= 6 ? few : malloc((3 + 2 * pairs) * sizeof *add);
  if (add == NULL) {
    s->effects->lost = true;
    return;
  }
  char text[STREAM_ID_TEXT];
  add[0] = WORD("XADD");
  add[1] = argv[1];
  add[2] = effect_bytes(text, stream_format_id(&st->last, text));
  for (; there && n < 3 + 2 * pairs && stream_entry_next(&e, &add[n], &add[n + 1]); n += 2) continue;
  for (; n < 3 + 2 * pairs; n++) add[n] = WORD("");
  effect_add(s, n, add);
  if (add != few) free(add);
  if (propagate_has_trim(argc, argv)) propagate_after_xtrim(s, argc, argv);
}

/* ---- the table ---- */

typedef struct propagate_rule {
  void (*handler)(command_call *c);
  effect_after after; /* NULL: the removals that are noted where they happen, or the handler, say all */
} propagate_rule;

static const propagate_rule propagate_rules[] = {
    {cmd_set, propagate_after_string}, /* with options; a plain one is its own effect */
    {cmd_setex, propagate_after_string},
    {cmd_psetex, propagate_after_string},
    {cmd_incrbyfloat, propagate_after_string},
    {cmd_getex, propagate_after_deadline},
    {cmd_expire, propagate_after_deadline},
    {cmd_pexpire, propagate_after_deadline},
    {cmd_expireat, propagate_after_deadline},
    {cmd_pexpireat, propagate_after_deadline},
    {cmd_persist, propagate_after_deadline},
    {cmd_restore, propagate_after_restore},
    {cmd_del, NULL},
    {cmd_getdel, NULL},
    {cmd_flushall, NULL},
    {cmd_flushdb, NULL},
    {cmd_hsetnx, propagate_after_field},
    {cmd_hincrby, propagate_after_field},
    {cmd_hincrbyfloat, propagate_after_field},
    {cmd_hsetex, propagate_after_hsetex},
    {cmd_hgetex, propagate_after_hexpire},
    {cmd_hgetdel, propagate_after_hexpire},
    {cmd_hexpire, propagate_after_hexpire},
    {cmd_hpexpire, propagate_after_hexpire},
    {cmd_hexpireat, propagate_after_hexpire},
    {cmd_hpexpireat, propagate_after_hexpire},
    {cmd_hpersist, propagate_after_hexpire},
    {cmd_xadd, propagate_after_xadd},
    {cmd_xtrim, propagate_after_xtrim},
    {cmd_spop, NULL},
    {cmd_sort, NULL},
    {cmd_xreadgroup, NULL},
    {cmd_xclaim, NULL},
    {cmd_xautoclaim, NULL},
};

static const propagate_rule *propagate_rule_of(const command_call *c) {
  if (c->row->handler == cmd_set && c->argc == 3) return NULL;
  for (size_t i = 0; i < COUNT_OF(propagate_rules); i++)
    if (propagate_rules[i].handler == c->row->handler) return &propagate_rules[i];
  return NULL;
}

/* ---- commands ---- */

static void propagate_expire_key(void *context, const kevy_value *key) {
  kevy_store *s = context;
  probe p;
  if (probe_find(s, &p, key->as.ptr, key->len) == NULL && p.slot != NULL) probe_remove(s, &p);
}

/* Among several keys, one that has expired and still lies there would be met by a replay: they go first. */
static void propagate_expire_keys(command_call *c) {
  kevy_store *s = c->store;
  if (LIKELY(s->sp->wheel == 0) || store_writable(s) != KEVY_OK) return;
  const kevy_command_row *row = &c->row->about;
  bool single = row->first_key == row->last_key && row->first_key != 0;
  if (single && strstr(row->flags, "movablekeys") == NULL) return;
  command_each_key(c->row, c->argc, c->argv, propagate_expire_key, s);
}

/* What a command that keeps no kinds stores is bytes, whatever it was given. */
static const kevy_value *propagate_args(const command_call *c) {
  c->store->effects->plain = !c->kinds;
  return c->kinds ? c->given : c->argv;
}

void propagate_command(command_call *c) {
  kevy_store *s = c->store;
  const propagate_rule *rule = propagate_rule_of(c);
  bool fine = true;
  effect_begin(s);
  propagate_expire_keys(c);
  if (rule == NULL) effect_stage(s, c->argc, propagate_args(c));
  else if (rule->after != NULL) fine = effect_describe(s, rule->after, c->argc, propagate_args(c));
  s->effects->plain = false;
  if (fine) command_handle(c);
  else command_error(c, KEVY_EOOM);
  effect_end(s, c->erred ? KEVY_EOOM : KEVY_OK);
}

/* ---- what handlers say themselves ---- */

#define PROPAGATE_MEMBERS 64 /* in one record */

void propagate_members(command_call *c, const char *what, size_t n, kevy_value (*member)(void *context, size_t i, char *digits),
                       void *context) {
  if (LIKELY(!effect_kept(c->store))) return;
  kevy_value argv[2 + PROPAGATE_MEMBERS];
  char digits[PROPAGATE_MEMBERS][PACKED_NUMBER];
  argv[0] = WORD(what);
  argv[1] = effect_bytes(c->argv[1].as.ptr, c->argv[1].len);
  for (size_t i = 0; i < n;) {
    size_t k = 0;
    for (; k < PROPAGATE_MEMBERS && i < n; k++, i++) argv[2 + k] = member(context, i, digits[k]);
    effect_add(c->store, 2 + k, argv);
  }
}

static void propagate_claim(kevy_store *s, const kevy_value names[3], const stream_group *g, const stream_pending *p) {
  char id[STREAM_ID_TEXT], last[STREAM_ID_TEXT];
  kevy_value argv[] = {WORD("XCLAIM"),
                       names[0],
                       names[1],
                       names[2],
                       WORD("0"),
                       effect_bytes(id, stream_format_id(&p->id, id)),
                       WORD("TIME"),
                       effect_number(p->delivered),
                       WORD("RETRYCOUNT"),
                       effect_number((int64_t)p->count),
                       WORD("FORCE"),
                       WORD("JUSTID"),
                       WORD("LASTID"),
                       effect_bytes(last, stream_format_id(&g->last, last))};
  effect_add(s, COUNT_OF(argv), argv);
}

static void propagate_forgotten(kevy_store *s, const kevy_value names[3], const kevy_stream_id *id) {
  char text[STREAM_ID_TEXT];
  kevy_value argv[] = {WORD("XACK"), names[0], names[1], effect_bytes(text, stream_format_id(id, text))};
  effect_add(s, COUNT_OF(argv), argv);
}

static void propagate_group_state(kevy_store *s, const kevy_value names[3], const stream_group *g) {
  char text[STREAM_ID_TEXT];
  kevy_value argv[] = {WORD("XGROUP"), WORD("SETID"), names[0], names[1], effect_bytes(text, stream_format_id(&g->last, text)),
                       WORD("ENTRIESREAD"), effect_number(g->read)};
  effect_add(s, COUNT_OF(argv), argv);
}

/* Entries that are pending but deleted from the stream can only be acknowledged: that they were given once more stays
 * untold, as in Redis. */
void propagate_pending(command_call *c, const kevy_value *key, const kevy_value *group, const kevy_value *consumer,
                       const stream_undo *undo, bool created, bool moved) {
  kevy_store *s = c->store;
  if (UNLIKELY(s->told) && created) notify_group(s, "xgroup-createconsumer", key);
  if (LIKELY(!effect_kept(s))) return;
  const stream_group *g = undo->group;
  kevy_value names[3] = {effect_bytes(key->as.ptr, key->len), effect_bytes(group->as.ptr, group->len),
                         effect_bytes(consumer->as.ptr, consumer->len)};
  kevy_value make[] = {WORD("XGROUP"), WORD("CREATECONSUMER"), names[0], names[1], names[2]};
  if (created) effect_add(s, COUNT_OF(make), make);
  for (size_t i = 0; i < undo->count; i++) {
    const kevy_stream_id *id = &undo->log[i].id;
    const stream_pending *p = stream_pending_find(s->base, g, id);
    if (p == NULL) propagate_forgotten(s, names, id);
    else if (stream_has(s->base, undo->st, id)) propagate_claim(s, names, g, p);
  }
  if (moved) propagate_group_state(s, names, g);
}

/* ---- the ABI ---- */

void propagate_words(kevy_store *s, size_t argc, const kevy_value *argv) {
  effect_begin(s);
  effect_stage(s, argc, argv);
}

static void propagate_many_more(kevy_store *s, const char *word, const kevy_value *key, size_t k, const kevy_value *a,
                                const kevy_value *b) {
  size_t argc = 2 + (b != NULL ? 2 * k : k), n = 0;
  kevy_value few[18], *argv = argc <= COUNT_OF(few) ? few : malloc(argc * sizeof *argv);
  if (argv == NULL) {
    s->effects->lost = true;
    return;
  }
  argv[n++] = WORD(word);
  argv[n++] = *key;
  for (size_t i = 0; i < k; i++) {
    argv[n++] = a[i];
    if (b != NULL) argv[n++] = b[i];
  }
  effect_stage(s, n, argv);
  if (argv != few) free(argv);
}

static void propagate_del(kevy_store *s, const kevy_value *key) {
  kevy_value argv[] = {WORD("DEL"), effect_bytes(key->as.ptr, key->len)};
  effect_stage(s, 2, argv);
}

/* The key goes first; what is made anew in its place keeps its kind. */
static void propagate_replace(kevy_store *s, kevy_value *key) {
  probe p;
  if (probe_find(s, &p, key->as.ptr, key->len) != NULL) key->kind = entry_key_kind(p.live);
  propagate_del(s, key);
}


static bool propagate_storable(size_t k, const kevy_value *v) {
  for (size_t i = 0; v != NULL && i < k; i++)
    if (v[i].kind > KEVY_FLOAT) return false;
  return true;
}

void propagate_many(kevy_store *s, const char *word, const char *key, size_t klen, uint32_t flags, size_t k,
                    const kevy_value *a, const kevy_value *b) {
  kevy_value name = effect_key(key, klen, propagate_kind(flags));
  effect_begin(s);
  if (!propagate_storable(k, a) || !propagate_storable(k, b)) return; /* refused */
  if (flags & KEVY_REPLACE) propagate_replace(s, &name);
  if (k != 0) propagate_many_more(s, word, &name, k, a, b);
}

/* Time stands still from the question to the call. */
static bool propagate_has_come(kevy_store *s, int64_t deadline) {
  if (deadline == KEVY_NO_TTL) return false;
  effect_stop_time(s);
  return store_passed(s, deadline);
}

static void propagate_set_more(kevy_store *s, const kevy_value *key, const kevy_value *value, int64_t deadline,
                               uint32_t flags) {
  kevy_value argv[8] = {WORD("SET"), *key, *value};
  size_t n = 3;
  if (value->kind > KEVY_FLOAT) return;
  if (flags & KEVY_NX) argv[n++] = WORD("NX");
  if (flags & KEVY_XX) argv[n++] = WORD("XX");
  if (flags & KEVY_KEEPTTL) {
    argv[n++] = WORD("KEEPTTL");
  } else if (deadline != KEVY_NO_TTL) {
    argv[n++] = WORD("PXAT");
    argv[n++] = effect_number(deadline > 0 ? deadline : 1);
  }
  effect_stage(s, n, argv);
}

void propagate_set(kevy_store *s, const char *key, size_t klen, const kevy_value *value, int64_t deadline,
                   uint32_t flags) {
  kevy_value name = effect_key(key, klen, propagate_kind(flags));
  effect_begin(s);
  if (propagate_has_come(s, deadline)) propagate_del(s, &name);
  else propagate_set_more(s, &name, value, deadline, flags);
}

void propagate_expire(kevy_store *s, const char *key, size_t klen, int64_t deadline) {
  kevy_value name = effect_bytes(key, klen), at[] = {WORD("PEXPIREAT"), name, effect_number(deadline)};
  effect_begin(s);
  if (propagate_has_come(s, deadline)) propagate_del(s, &name);
  else effect_stage(s, COUNT_OF(at), at);
}

void propagate_mset(kevy_store *s, size_t k, const kevy_value *keys, const kevy_value *values, int64_t deadline) {
  effect_begin(s);
  if (!propagate_storable(k, keys) || !propagate_storable(k, values)) return;
  for (size_t i = 0; i < k; i++) propagate_set_more(s, &keys[i], &values[i], deadline, 0);
}

void propagate_zadd(kevy_store *s, const char *key, size_t klen, size_t k, const kevy_value *members,
                    const double *scores, uint32_t flags, bool incr) {
  kevy_value name = effect_key(key, klen, propagate_kind(flags));
  effect_begin(s);
  if (!propagate_storable(k, members)) return;
  if (flags & KEVY_REPLACE) propagate_replace(s, &name);
  if (k == 0) return;
  kevy_value *argv = malloc((7 + 2 * k) * sizeof *argv);
  if (argv == NULL) {
    s->effects->lost = true;
    return;
  }
  size_t n = 0;
  argv[n++] = WORD("ZADD");
  argv[n++] = name;
  if (flags & KEVY_NX) argv[n++] = WORD("NX");
  if (flags & KEVY_XX) argv[n++] = WORD("XX");
  if (flags & KEVY_GT) argv[n++] = WORD("GT");
  if (flags & KEVY_LT) argv[n++] = WORD("LT");
  if (incr) argv[n++] = WORD("INCR");
  for (size_t i = 0; i < k; i++) {
    argv[n++] = (kevy_value){KEVY_FLOAT, 0, 0, {.d = scores[i]}};
    argv[n++] = members[i];
  }
  effect_stage(s, n, argv);
  free(argv);
}

bool propagate_string(kevy_store *s, const char *key, size_t klen) {
  kevy_value argv[] = {WORD("SET"), effect_bytes(key, klen)};
  effect_begin(s);
  return effect_describe(s, propagate_after_string, COUNT_OF(argv), argv);
}

bool propagate_field(kevy_store *s, const char *key, size_t klen, const kevy_value *field, uint32_t flags, bool expire) {
  kevy_value name = effect_key(key, klen, propagate_kind(flags));
  kevy_value value[] = {WORD("HSET"), name, *field}, time[] = {WORD("HEXPIRE"), name, WORD("FIELDS"), WORD("1"), *field};
  effect_begin(s);
  return expire ? effect_describe(s, propagate_after_hexpire, COUNT_OF(time), time)
                : effect_describe(s, propagate_after_field, COUNT_OF(value), value);
}

bool propagate_xadd(kevy_store *s, const char *key, size_t klen, uint32_t flags) {
  kevy_value argv[] = {WORD("XADD"), effect_key(key, klen, propagate_kind(flags))};
  effect_begin(s);
  return effect_describe(s, propagate_after_xadd, COUNT_OF(argv), argv);
}

/* ---- splices: Redis has no command for them ---- */

typedef struct propagate_list {
  kevy_store *s;
  kevy_value key, marker;
  char name[40];
} propagate_list;

static void propagate_lset(const propagate_list *l, int64_t position, const kevy_value *item) {
  kevy_value argv[] = {WORD("LSET"), l->key, effect_number(position), *item};
  effect_stage(l->s, COUNT_OF(argv), argv);
}

static void propagate_keep(const propagate_list *l, int64_t first, int64_t last) {
  kevy_value argv[] = {WORD("LTRIM"), l->key, effect_number(first), effect_number(last)};
  effect_stage(l->s, COUNT_OF(argv), argv);
}

/* Takes n elements away from a position on. Where all go, that is noted when it happens. */
static void propagate_cut(const propagate_list *l, int64_t position, int64_t n, int64_t len) {
  if (n == len) return;
  if (position == 0) {
    propagate_keep(l, n, -1);
  } else if (position + n == len) {
    propagate_keep(l, 0, position - 1);
  } else {
    for (int64_t i = 0; i < n; i++) propagate_lset(l, position + i, &l->marker);
    kevy_value argv[] = {WORD("LREM"), l->key, WORD("0"), l->marker};
    effect_stage(l->s, COUNT_OF(argv), argv);
  }
}

/* Inserts before a position that is neither the first nor the end: next to a marker that stands in for what is there. */
static void propagate_insert(const propagate_list *l, int64_t position, size_t k, const kevy_value *items) {
  list_iter it;
  uint64_t len;
  kevy_value there;
  if (list_open(l->s, l->key.as.ptr, l->key.len, &it, &len) != KEVY_OK) return;
  list_iter_seek(&it, (uint64_t)position, false);
  if (!list_iter_next(&it, &there)) return;
  propagate_lset(l, position, &l->marker);
  for (size_t i = 0; i < k; i++) {
    kevy_value argv[] = {WORD("LINSERT"), l->key, WORD("BEFORE"), l->marker, items[i]};
    effect_stage(l->s, COUNT_OF(argv), argv);
  }
  propagate_lset(l, position + (int64_t)k, &there);
}

/* At the head the last comes first. */
static void propagate_prepend(const propagate_list *l, size_t k, const kevy_value *items) {
  while (k-- > 0) {
    kevy_value argv[] = {WORD("LPUSH"), l->key, items[k]};
    effect_stage(l->s, COUNT_OF(argv), argv);
  }
}

void propagate_splice(kevy_store *s, const char *key, size_t klen, int64_t position, uint64_t removed, size_t k,
                      const kevy_value *items, uint32_t flags) {
  propagate_list l = {.s = s, .key = effect_key(key, klen, propagate_kind(flags))};
  uint64_t count = 0;
  int len16 = snprintf(l.name, sizeof l.name, "kevy:%016llx%016llx", (unsigned long long)store_random(s),
                       (unsigned long long)store_random(s));
  l.marker = effect_bytes(l.name, (size_t)len16);
  effect_begin(s);
  probe p;
  if (probe_find(s, &p, key, klen) != NULL && entry_type(p.live) == KEVY_TYPE_LIST) count = list_entry_len(s->base, p.live);
  int64_t len = (int64_t)count;
  if (position < 0) position += len;
  if (position < 0 || position > len || !propagate_storable(k, items)) return; /* refused */
  if (removed > count - (uint64_t)position) removed = count - (uint64_t)position;
  size_t both = removed < k ? (size_t)removed : k;
  int64_t at = position + (int64_t)both;
  for (size_t i = 0; i < both; i++) propagate_lset(&l, position + (int64_t)i, &items[i]);
  if (removed > k) propagate_cut(&l, at, (int64_t)(removed - k), len);
  else if (k > both && at == len) propagate_many_more(s, "RPUSH", &l.key, k - both, items + both, NULL);
  else if (k > both && at == 0) propagate_prepend(&l, k, items);
  else if (k > both) propagate_insert(&l, at, k - both, items + both);
}
