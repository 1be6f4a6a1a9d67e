/* rdb_write: see rdb_write.h. */
#include "rdb_write.h"

#include "../functions.h"

#include <stdlib.h>

#include "../database.h"
#include "../elements.h"
#include "rdb_write_stream.h"

#define RDB_LIST_NODE 8192 /* bytes of a quicklist's listpack, but for a longer element */
#define RDB_AHEAD 12       /* entries that are loaded ahead */

/* ---- walking hashes, lists, sets and sorted sets: both passes see the same ---- */

typedef struct rdb_walk {
  elements of;
  bool second; /* what elements_next gives second is written, too: it is no score */
  rdb_role role;      /* of the first */
} rdb_walk;

/* Large sorted sets go from the end: Redis loads that fastest. */
static void rdb_walk_begin(rdb_walk *walk, const rdb_writer *rw, const entry *e) {
  int32_t type = entry_type(e);
  elements_begin(&walk->of, rw->sp, e, rw->now, type == KEVY_TYPE_ZSET && entry_is_large(e));
  walk->role = type == KEVY_TYPE_LIST ? RDB_VALUE : RDB_NAME;
  walk->second = type == KEVY_TYPE_HASH;
}

/* The next element in rw->key and, of a hash, rw->value; *score of a sorted set. */
static bool rdb_walk_next(rdb_walk *walk, rdb_writer *rw, kevy_value *second) {
  kevy_value first;
  if (!elements_next(&walk->of, &first, second)) return false;
  rdb_item_of(&rw->key, walk->role, &first);
  if (walk->second) rdb_item_of(&rw->value, RDB_VALUE, second);
  return true;
}

static void rdb_item_of_score(rdb_item *it, const kevy_value *score) { rdb_item_of(it, RDB_VALUE, score); }

/* Whether an element of so many bytes begins a node; counts it in. */
static bool rdb_node_begins(uint64_t *in_node, uint64_t size) {
  bool begins = *in_node == 0 || *in_node + size > RDB_LIST_NODE - RDB_LP_FRAME;
  *in_node = (begins ? 0 : *in_node) + size;
  return begins;
}

static void rdb_survey_element(rdb_survey *s, const rdb_walk *walk, rdb_writer *rw, const kevy_value *second) {
  s->count++;
  rdb_survey_add(s, walk->role, &rw->key);
  if (walk->second) {
    rdb_survey_add(s, RDB_VALUE, &rw->value);
    s->deadlines |= walk->of.of.hash.deadline != KEVY_NO_TTL;
  } else if (walk->of.type == KEVY_TYPE_ZSET) {
    rdb_item_of_score(&rw->value, second);
    s->bytes += rdb_lp_size(&rw->value);
  } else if (walk->of.type == KEVY_TYPE_LIST) {
    s->nodes += rdb_node_begins(&s->in_node, rdb_lp_size(&rw->key));
  }
}

static void rdb_survey_value(rdb_writer *rw, const entry *e, rdb_survey *s) {
  rdb_walk walk;
  kevy_value second;
  memset(s, 0, sizeof *s);
  rdb_walk_begin(&walk, rw, e);
  while (rdb_walk_next(&walk, rw, &second)) rdb_survey_element(s, &walk, rw, &second);
}

/* Tells of every element's kind, and of every field's deadline, before the key that has them. */
static void rdb_aux_elements(rdb_writer *rw, const entry *e, bool kinds, bool deadlines) {
  rdb_walk walk;
  kevy_value second;
  if (!kinds && !deadlines) return;
  rw->deadlines.gap = 0;
  rw->deadlines.last = 0;
  rdb_walk_begin(&walk, rw, e);
  while (rdb_walk_next(&walk, rw, &second)) {
    if (kinds) rdb_runs_add(rw->w, &rw->runs, rw->key.kind);
    if (kinds && walk.second) rdb_runs_add(rw->w, &rw->runs, rw->value.kind);
    if (deadlines) rdb_deadlines_add(rw->w, &rw->deadlines, walk.of.of.hash.deadline);
  }
  rdb_runs_flush(rw->w, &rw->runs);
  rdb_part_flush(rw->w, &rw->runs.part);
  rdb_part_flush(rw->w, &rw->deadlines.part);
}

/* ---- values ---- */

/* Small sets have their integers first, in order: whether there is nothing else. */
static bool rdb_is_intset(const rdb_survey *s) {
  unsigned names = rdb_kinds_shift(RDB_NAME, RDB_OTHER) / 2;
  return s->kinds[names] == 0;
}

static unsigned rdb_type_of(const entry *e, const rdb_survey *s) {
  bool large = entry_is_large(e);
  switch (entry_type(e)) {
    case KEVY_TYPE_HASH: return large ? RDB_HASH : RDB_HASH_LISTPACK;
    case KEVY_TYPE_LIST: return RDB_LIST_QUICKLIST_2;
    case KEVY_TYPE_SET: return large || !rdb_is_intset(s) ? RDB_SET : RDB_SET_INTSET;
    case KEVY_TYPE_ZSET: return large ? RDB_ZSET_2 : RDB_ZSET_LISTPACK;
    case KEVY_TYPE_STREAM: return RDB_STREAM_LISTPACKS_2;
    default: return RDB_STRING;
  }
}

static void rdb_put_listpack(rdb_writer *rw, const entry *e, const rdb_survey *s) {
  rdb_walk walk;
  kevy_value second;
  rdb_lp_begin(rw->w, s->bytes, 2 * s->count);
  rdb_walk_begin(&walk, rw, e);
  while (rdb_walk_next(&walk, rw, &second)) {
    rdb_lp_put(rw->w, &rw->key);
    if (!walk.second) rdb_item_of_score(&rw->value, &second);
    rdb_lp_put(rw->w, &rw->value);
  }
  rdb_lp_end(rw->w);
}

/* A large one, string by string. */
static void rdb_put_elements(rdb_writer *rw, const entry *e, const rdb_survey *s) {
  rdb_walk walk;
  kevy_value second;
  rdb_put_length(rw->w, s->count);
  rdb_walk_begin(&walk, rw, e);
  while (rdb_walk_next(&walk, rw, &second)) {
    rdb_put_item(rw->w, &rw->key);
    if (walk.second) rdb_put_item(rw->w, &rw->value);
    else if (walk.of.type == KEVY_TYPE_ZSET) rdb_put_8(rw->w, (uint64_t)second.as.i);
  }
}

/* intset:  width of a number, 4 | how many, 4 | number | number | ...    little-endian, ascending */
static void rdb_put_intset(rdb_writer *rw, const entry *e, const rdb_survey *s) {
  rdb_walk walk;
  kevy_value second;
  int64_t low = 0, high = 0;
  rdb_walk_begin(&walk, rw, e);
  while (rdb_walk_next(&walk, rw, &second)) {
    if (rw->key.i < low) low = rw->key.i;
    if (rw->key.i > high) high = rw->key.i;
  }
  unsigned width = low == (int16_t)low && high == (int16_t)high ? 2 : low == (int32_t)low && high == (int32_t)high ? 4 : 8;
  rdb_put_length(rw->w, 8 + width * s->count);
  rdb_put_8(rw->w, s->count << 32 | width);
  rdb_walk_begin(&walk, rw, e);
  while (rdb_walk_next(&walk, rw, &second)) {
    char *to = writer_room(rw->w);
    store64(to, (uint64_t)rw->key.i); /* only its low bytes stay */
    writer_commit(rw->w, to + width);
  }
}

/* The elements that make up the next node, by a walk that goes ahead of the one that writes them. */
typedef struct rdb_node {
  rdb_walk ahead;
  uint64_t in_node, bytes, elements;
  bool over;
  uint64_t held; /* bytes of an element that begins the node behind; 0: none */
} rdb_node;

static bool rdb_node_next(rdb_writer *rw, rdb_node *n) {
  kevy_value position;
  n->bytes = n->held;
  n->elements = n->held != 0;
  n->held = 0;
  while (rdb_walk_next(&n->ahead, rw, &position)) {
    uint64_t size = rdb_lp_size(&rw->key);
    if (rdb_node_begins(&n->in_node, size) && n->elements != 0) {
      n->held = size;
      return true;
    }
    n->bytes += size;
    n->elements++;
  }
  return n->elements != 0;
}

static void rdb_put_quicklist(rdb_writer *rw, const entry *e, const rdb_survey *s) {
  rdb_walk walk;
  rdb_node next = {.in_node = 0};
  kevy_value position;
  rdb_put_length(rw->w, s->nodes);
  rdb_walk_begin(&walk, rw, e);
  rdb_walk_begin(&next.ahead, rw, e);
  while (rdb_node_next(rw, &next)) {
    rdb_put_length(rw->w, RDB_NODE_PACKED);
    rdb_lp_begin(rw->w, next.bytes, next.elements);
    for (uint64_t i = 0; i < next.elements && rdb_walk_next(&walk, rw, &position); i++) rdb_lp_put(rw->w, &rw->key);
    rdb_lp_end(rw->w);
  }
}

/* ---- strings ---- */

static void rdb_put_scalar(rdb_writer *rw, const entry *e) {
  kevy_value v;
  entry_value(rw->sp->mem.base, e, &v);
  rdb_item_of(&rw->value, RDB_VALUE, &v);
  rdb_put_item(rw->w, &rw->value);
}

/* ---- keys ---- */

static void rdb_put_value(rdb_writer *rw, const entry *e, unsigned type, const rdb_survey *s) {
  switch (type) {
    case RDB_STRING: rdb_put_scalar(rw, e); break;
    case RDB_LIST_QUICKLIST_2: rdb_put_quicklist(rw, e, s); break;
    case RDB_SET_INTSET: rdb_put_intset(rw, e, s); break;
    case RDB_STREAM_LISTPACKS_2: rdb_put_stream(rw, e); break;
    case RDB_HASH_LISTPACK:
    case RDB_ZSET_LISTPACK: rdb_put_listpack(rw, e, s); break;
    default: rdb_put_elements(rw, e, s);
  }
}

static void rdb_write_string(rdb_writer *rw, const entry *e) {
  kevy_value v;
  entry_value(rw->sp->mem.base, e, &v);
  rdb_item_of(&rw->value, RDB_VALUE, &v);
  rdb_announce(rw, rdb_kinds_with(rdb_state_for_key(rw, e), rdb_kinds_shift(RDB_VALUE, rw->value.class),
                                  rw->value.kind));
  rdb_put_key(rw, e, RDB_STRING);
  rdb_put_item(rw->w, &rw->value);
}

static void rdb_write_collection(rdb_writer *rw, const entry *e) {
  rdb_survey s;
  rdb_kinds key = rdb_state_for_key(rw, e), all = key;
  rdb_survey_value(rw, e, &s);
  if (s.count == 0) return; /* all of its fields have expired */
  bool same = rdb_survey_state(&s, &all);
  rdb_announce(rw, same ? all : key);
  rdb_aux_elements(rw, e, !same, s.deadlines);
  rdb_put_key(rw, e, rdb_type_of(e, &s));
  rdb_put_value(rw, e, rdb_type_of(e, &s), &s);
}

/* Integers and floats begin with a digit, '-' or "inf". */
static FLAT bool rdb_is_word(const char *ptr, size_t len) {
  return len == 0 || ((unsigned char)(*ptr - '0') > 9 && *ptr != '-' && *ptr != 'i');
}

/* The commonest key there is: a short string of the state's kind, in the entry itself. False: take the long way. */
static FLAT bool rdb_write_quick(rdb_writer *rw, const entry *e) {
  uint32_t flags = entry_flags(e);
  if ((flags & (ENTRY_TYPE | ENTRY_CONTENT | ENTRY_WIDE)) != ENTRY_PLAIN || e->kinds != rw->plain) return false;
  const char *key = (const char *)(e + 1) + (flags & ENTRY_TTL ? ENTRY_TTL_BYTES : 0), *value = key + e->klen;
  size_t klen = e->klen, vlen = e->vlen;
  if (vlen > WRITER_ROOM / 2 || !rdb_is_word(key, klen) || !rdb_is_word(value, vlen)) return false;
  char *to = writer_room(rw->w);
  if (flags & ENTRY_TTL) {
    *to++ = (char)RDB_OP_EXPIRETIME_MS;
    store64(to, load64(e + 1));
    to += 8;
  }
  *to++ = RDB_STRING;
  to = rdb_length_put(to, klen);
  bytes_move(to, key, klen);
  to = rdb_length_put(to + klen, vlen);
  bytes_move(to, value, vlen);
  writer_commit(rw->w, to + vlen);
  return true;
}

static FLAT void rdb_write_entry(rdb_writer *rw, const entry *e) {
  if (UNLIKELY(entry_has_deadline(e)) && entry_deadline(e) <= rw->now) return;
  if (LIKELY(rdb_write_quick(rw, e))) return;
  int32_t type = entry_type(e);
  if (type == KEVY_TYPE_STRING) rdb_write_string(rw, e);
  else if (type == KEVY_TYPE_STREAM) rdb_write_stream(rw, e);
  else rdb_write_collection(rw, e);
}

/* ---- files and payloads ---- */

static void rdb_writer_open(rdb_writer *rw, writer *w, const space *sp, int64_t now) {
  rw->w = w;
  rw->sp = sp;
  rw->now = now;
  rdb_set_state(rw, 0);
  rw->runs.count = 0;
  rw->runs.kind = 0;
  rdb_part_open(&rw->runs.part, RDB_AUX_ELEMENTS);
  rdb_part_open(&rw->deadlines.part, RDB_AUX_DEADLINES);
}

static void rdb_write_head(writer *w, const moment *m, uint32_t flags) {
  char digits[NUMBER_INT_MAX];
  static_assert(RDB_VERSION == 10, "the magic says so");
  writer_put(w, "REDIS0010", 9);
  rdb_aux(w, "redis-bits", "64", 2);
  rdb_aux(w, "ctime", digits, number_format_int(m->now / 1000, digits));
  rdb_aux(w, "aof-base", flags & RDB_LOG_BASE ? "1" : "0", 1);
}

static void rdb_write_functions(writer *w, const functions *f) {
  const char *code;
  size_t at = 0, len;
  while (functions_next(f, &at, &code, &len)) {
    rdb_put_byte(w, RDB_OP_FUNCTION2);
    rdb_put_string(w, code, len);
  }
}

static void rdb_write_select(writer *w, uint32_t index, const database *d) {
  rdb_put_byte(w, RDB_OP_SELECTDB);
  rdb_put_length(w, index);
  rdb_put_byte(w, RDB_OP_RESIZEDB);
  rdb_put_length(w, d->keys.count);
  rdb_put_length(w, d->with_ttl);
}

static inline void rdb_load_ahead(const char *base, const ref *entries, uint32_t n, uint32_t i) {
  if (i + RDB_AHEAD >= n) return;
  const char *e = base + entries[i + RDB_AHEAD];
  __builtin_prefetch(e);
  __builtin_prefetch(e + 64);
}

static void rdb_write_keys(rdb_writer *rw, const table *t, _Atomic uint64_t *keys) {
  const char *base = rw->sp->mem.base;
  table_walk walk = {0, 0, false};
  ref entries[TABLE_SLOTS];
  for (uint32_t n; rw->w->error == 0 && (n = table_next_some(base, t, &walk, entries)) != 0;) {
    for (uint32_t i = 0; i < RDB_AHEAD && i < n; i++) __builtin_prefetch(base + entries[i]);
    for (uint32_t i = 0; i < n; i++) {
      rdb_load_ahead(base, entries, n, i);
      rdb_write_entry(rw, mem_ptr(base, entries[i]));
    }
    if (keys != NULL) atomic_fetch_add_explicit(keys, n, memory_order_relaxed);
  }
}

static void rdb_write_databases(rdb_writer *rw, const moment *m, _Atomic uint64_t *keys) {
  uint32_t i = 0;
  for (const database *d; (d = database_next(&m->db, &i)) != NULL;) {
    if (d->keys.count == 0) continue;
    rdb_write_select(rw->w, i - 1, d);
    rdb_write_keys(rw, &d->keys, keys);
  }
}

bool rdb_write(writer *w, const kevy_store *snapshot, uint32_t flags, _Atomic uint64_t *keys) {
  const moment *m = snapshot->frozen;
  rdb_writer *rw = malloc(sizeof *rw);
  if (rw == NULL) return false;
  rdb_writer_open(rw, w, m->sp, flags & RDB_LOG_BASE ? INT64_MIN : m->now);
  rdb_write_head(w, m, flags);
  rdb_write_functions(w, snapshot->functions);
  rdb_write_databases(rw, m, keys);
  rdb_put_byte(w, RDB_OP_EOF);
  rdb_put_8(w, writer_sum(w));
  writer_flush(w);
  free(rw);
  return true;
}

bool rdb_write_payload(writer *w, const space *sp, const entry *e, int64_t now) {
  rdb_writer rw;
  rdb_survey s = {.count = 0};
  rdb_writer_open(&rw, w, sp, now);
  if (entry_type(e) != KEVY_TYPE_STRING && entry_type(e) != KEVY_TYPE_STREAM) {
    rdb_survey_value(&rw, e, &s);
    if (s.count == 0) return false;
  }
  rdb_put_byte(w, rdb_type_of(e, &s));
  rdb_put_value(&rw, e, rdb_type_of(e, &s), &s);
  rdb_put_byte(w, RDB_VERSION);
  rdb_put_byte(w, 0);
  rdb_put_8(w, writer_sum(w));
  return true;
}
