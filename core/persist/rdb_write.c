/* rdb_write: see rdb_write.h. */
#include "rdb_write.h"

#include <stdlib.h>

#include "../elements.h"
#include "../stream_group.h"
#include "rdb_encode.h"

#define RDB_LIST_NODE 8192 /* bytes of a quicklist's listpack, but for a longer element */
#define RDB_AHEAD 12       /* entries that are loaded ahead */

/* An AUX value that comes in parts. */
typedef struct rdb_part {
  char letter;
  size_t len;
  char bytes[RDB_AUX_PART];
} rdb_part;

/* Elements of one kind in a row, not yet told of. */
typedef struct rdb_runs {
  rdb_part part;
  uint64_t count;
  uint32_t kind;
} rdb_runs;

/* Deadlines of fields. */
typedef struct rdb_deadlines {
  rdb_part part;
  uint64_t gap;
  int64_t last;
} rdb_deadlines;

typedef struct rdb_writer {
  writer *w;
  const space *sp;
  int64_t now;
  rdb_kinds state; /* in force */
  uint8_t plain;   /* entry.kinds of a string under a key, neither of which looks like a number, that the state suits */
  rdb_runs runs;
  rdb_deadlines deadlines;
  rdb_item key, value;
} rdb_writer;

/* ---- AUX ---- */

static void rdb_aux(writer *w, const char *name, const char *value, size_t len) {
  rdb_put_byte(w, RDB_OP_AUX);
  rdb_put_string(w, name, strlen(name));
  rdb_put_length(w, len);
  writer_put(w, value, len);
}

static void rdb_part_open(rdb_part *part, char letter) {
  part->letter = part->bytes[0] = letter;
  part->len = 1;
}

static void rdb_part_flush(writer *w, rdb_part *part) {
  if (part->len > 1) rdb_aux(w, RDB_AUX, part->bytes, part->len);
  part->bytes[0] = part->letter;
  part->len = 1;
}

static void rdb_part_add(writer *w, rdb_part *part, uint64_t n) {
  if (part->len > sizeof part->bytes - RDB_VARINT_MAX) rdb_part_flush(w, part);
  part->len += rdb_varint_put(part->bytes + part->len, n);
}

static void rdb_runs_flush(writer *w, rdb_runs *r) {
  if (r->count != 0) rdb_part_add(w, &r->part, (r->count - 1) << 2 | r->kind);
  r->count = 0;
}

static void rdb_runs_add(writer *w, rdb_runs *r, uint32_t kind) {
  if (kind != r->kind) rdb_runs_flush(w, r);
  r->kind = kind;
  r->count++;
}

static void rdb_deadlines_add(writer *w, rdb_deadlines *d, int64_t deadline) {
  if (deadline == KEVY_NO_TTL) {
    d->gap++;
    return;
  }
  rdb_part_add(w, &d->part, d->gap);
  rdb_part_add(w, &d->part, rdb_zigzag(deadline - d->last));
  d->gap = 0;
  d->last = deadline;
}

static void rdb_set_state(rdb_writer *rw, rdb_kinds state) {
  unsigned key = (unsigned)state >> rdb_kinds_shift(RDB_KEY, RDB_OTHER) & 3u;
  unsigned value = (unsigned)state >> rdb_kinds_shift(RDB_VALUE, RDB_OTHER) & 3u;
  rw->state = state;
  rw->plain = (uint8_t)(key << 4 | value);
}

static void rdb_aux_state(rdb_writer *rw, rdb_kinds state) {
  const char value[] = {RDB_AUX_KINDS, (char)state, (char)(state >> 8)};
  rdb_aux(rw->w, RDB_AUX, value, sizeof value);
  rdb_set_state(rw, state);
}

/* ---- kinds ---- */

/* The state in which strings of this role and class are of this kind, too. */
static inline rdb_kinds rdb_kinds_with(rdb_kinds state, unsigned shift, uint32_t kind) {
  return (rdb_kinds)((state & ~(3u << shift)) | kind << shift);
}

static rdb_kinds rdb_kinds_of_key(rdb_kinds state, const char *ptr, size_t len, uint32_t kind) {
  int64_t i;
  double d;
  return rdb_kinds_with(state, rdb_kinds_shift(RDB_KEY, rdb_class_of(RDB_KEY, ptr, len, &i, &d)), kind);
}

/* What walking a collection tells. */
typedef struct rdb_survey {
  uint64_t count;    /* elements, a pair counted once */
  uint64_t bytes;    /* of all as elements of a listpack */
  uint64_t nodes;    /* of a quicklist, */
  uint64_t in_node;  /* and bytes of the last of them */
  bool deadlines;    /* some field has one */
  uint8_t kinds[16]; /* by the place in a state / 2: a bit for each kind there is */
} rdb_survey;

static void rdb_survey_add(rdb_survey *s, rdb_role role, const rdb_item *it) {
  s->kinds[rdb_kinds_shift(role, it->class) / 2] |= (uint8_t)(1u << it->kind);
  s->bytes += rdb_lp_size(it);
}

/* The state that suits all elements. False: there is none. */
static bool rdb_survey_state(const rdb_survey *s, rdb_kinds *state) {
  for (unsigned place = 0; place < 8; place++) {
    unsigned kinds = s->kinds[place];
    if (kinds == 0) continue;
    if ((kinds & (kinds - 1)) != 0) return false;
    *state = rdb_kinds_with(*state, 2 * place, (uint32_t)__builtin_ctz(kinds));
  }
  return true;
}

/* Tells of the state that the next key needs. */
static inline void rdb_announce(rdb_writer *rw, rdb_kinds state) {
  if (UNLIKELY(state != rw->state)) rdb_aux_state(rw, state);
}

/* ---- walking hashes, lists, sets and sorted sets: both passes see the same ---- */

typedef struct rdb_walk {
  elements of;
  bool first, second; /* what elements_next gives is written: as names or as values */
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

/* ---- streams ---- */

static const stream *rdb_stream(const rdb_writer *rw, const entry *e) {
  return (const stream *)collection_at(rw->sp->mem.base, e);
}

/* What is done to a chunk: both to learn its length and to write it. */
typedef struct rdb_chunk {
  rdb_writer *rw;
  rdb_survey *s; /* counts; NULL: writes */
} rdb_chunk;

static void rdb_chunk_int(const rdb_chunk *c, int64_t i) {
  if (c->s != NULL) c->s->bytes += rdb_lp_size_int(i);
  else rdb_lp_put_int(c->rw->w, i);
  if (c->s != NULL) c->s->count++;
}

static void rdb_chunk_item(const rdb_chunk *c, rdb_role role, const kevy_value *v) {
  rdb_item *it = role == RDB_NAME ? &c->rw->key : &c->rw->value;
  rdb_item_of(it, role, v);
  if (c->s == NULL) {
    rdb_lp_put(c->rw->w, it);
    return;
  }
  rdb_survey_add(c->s, role, it);
  c->s->count++;
}

/* The fields of the entry that opened the chunk, which others share:
 *     entries | deleted ones | fields | field | ... | 0 */
static void rdb_chunk_master(const rdb_chunk *c, const stream_chunk *chunk) {
  uint64_t k;
  const char *at = stream_varint_take(chunk->text, &k);
  rdb_chunk_int(c, chunk->live);
  rdb_chunk_int(c, 0);
  rdb_chunk_int(c, (int64_t)k);
  for (kevy_value name; k != 0; k--) {
    at = stream_scalar_take(at, &name);
    rdb_chunk_item(c, RDB_NAME, &name);
  }
  rdb_chunk_int(c, 0);
}

/* flags | ms and seq, less the first ID's | [fields | field |] value | ... | how many elements before this */
static void rdb_chunk_entry(const rdb_chunk *c, const stream_chunk *chunk, stream_entry *e) {
  bool same = e->names != NULL;
  int64_t pairs = (int64_t)e->pairs;
  kevy_value field, value;
  rdb_chunk_int(c, same ? RDB_STREAM_SAME_FIELDS : 0);
  rdb_chunk_int(c, (int64_t)(e->id.ms - chunk->first.ms));
  rdb_chunk_int(c, (int64_t)(e->id.seq - chunk->first.seq));
  if (!same) rdb_chunk_int(c, pairs);
  while (stream_entry_next(e, &field, &value)) {
    if (!same) rdb_chunk_item(c, RDB_NAME, &field);
    rdb_chunk_item(c, RDB_VALUE, &value);
  }
  rdb_chunk_int(c, same ? pairs + 3 : 2 * pairs + 4);
}

static void rdb_chunk_all(const rdb_chunk *c, const stream_chunk *chunk) {
  rdb_chunk_master(c, chunk);
  for (uint32_t at = chunk->names; at < chunk->used;) {
    stream_entry e;
    at = stream_chunk_read(chunk, at, &e);
    rdb_chunk_entry(c, chunk, &e);
  }
}

/* IDs as Redis compares them: big-endian. */
static char *rdb_id_put(char *to, const kevy_stream_id *id) {
  store64(to, __builtin_bswap64(id->ms));
  store64(to + 8, __builtin_bswap64(id->seq));
  return to + 16;
}

static void rdb_put_chunk(rdb_writer *rw, const stream_chunk *chunk) {
  rdb_survey s = {.count = 0};
  rdb_chunk_all(&(rdb_chunk){rw, &s}, chunk);
  char *to = rdb_length_put(writer_room(rw->w), 16);
  writer_commit(rw->w, rdb_id_put(to, &chunk->first));
  rdb_lp_begin(rw->w, s.bytes, s.count);
  rdb_chunk_all(&(rdb_chunk){rw, NULL}, chunk);
  rdb_lp_end(rw->w);
}

static void rdb_put_id(writer *w, const kevy_stream_id *id) {
  rdb_put_length(w, id->ms);
  rdb_put_length(w, id->seq);
}

static void rdb_put_raw_id(writer *w, const kevy_stream_id *id) { writer_commit(w, rdb_id_put(writer_room(w), id)); }

static void rdb_put_name(rdb_writer *rw, ref name) {
  const stream_name *n = stream_name_at(rw->sp->mem.base, name);
  rdb_put_string(rw->w, n->bytes, n->len);
}

static void rdb_put_pending(rdb_writer *rw, const stream_group *g) {
  const char *base = rw->sp->mem.base;
  records_at at;
  rdb_put_length(rw->w, g->pending.count);
  for (const stream_pending *p = stream_pending_seek(base, g, (kevy_stream_id){0, 0}, &at); p != NULL;
       p = stream_pending_next(base, &at)) {
    rdb_put_raw_id(rw->w, &p->id);
    rdb_put_8(rw->w, (uint64_t)p->delivered);
    rdb_put_length(rw->w, p->count);
  }
}

static void rdb_put_consumer(rdb_writer *rw, const stream_consumer *c) {
  const char *base = rw->sp->mem.base;
  records_at at;
  rdb_put_name(rw, c->name);
  rdb_put_8(rw->w, (uint64_t)c->seen);
  rdb_put_length(rw->w, c->pending.count);
  for (const kevy_stream_id *id = stream_own_seek(base, c, (kevy_stream_id){0, 0}, &at); id != NULL;
       id = stream_own_next(base, &at))
    rdb_put_raw_id(rw->w, id);
}

static void rdb_put_group(rdb_writer *rw, const stream_group *g) {
  const char *base = rw->sp->mem.base;
  records_at at;
  rdb_put_name(rw, g->name);
  rdb_put_id(rw->w, &g->last);
  rdb_put_length(rw->w, (uint64_t)g->read);
  rdb_put_pending(rw, g);
  rdb_put_length(rw->w, g->consumers.count);
  for (const stream_consumer *c = stream_consumer_first(base, g, &at); c != NULL; c = stream_consumer_next(base, &at))
    rdb_put_consumer(rw, c);
}

static void rdb_put_stream(rdb_writer *rw, const entry *e) {
  const stream *st = rdb_stream(rw, e);
  const char *base = rw->sp->mem.base;
  tree_path p;
  records_at at;
  rdb_put_length(rw->w, st->entries.leaves);
  for (ref r = tree_first(base, &st->entries, &p); r != 0; r = tree_next(base, &p))
    rdb_put_chunk(rw, stream_chunk_at(base, r));
  kevy_stream_id first = stream_first_id(base, st);
  rdb_put_length(rw->w, st->length);
  rdb_put_id(rw->w, &st->last);
  rdb_put_id(rw->w, &first);
  rdb_put_id(rw->w, &st->deleted);
  rdb_put_length(rw->w, st->added);
  rdb_put_length(rw->w, st->groups.count);
  for (const stream_group *g = stream_group_first(base, st, &at); g != NULL; g = stream_group_next(base, &at))
    rdb_put_group(rw, g);
}

/* Visits every field and value of a stream, entry by entry. */
static void rdb_stream_each(rdb_writer *rw, const entry *e,
                            void (*visit)(rdb_writer *rw, rdb_survey *s, rdb_role role, const rdb_item *it),
                            rdb_survey *s) {
  stream_range r;
  stream_entry at;
  kevy_value field, value;
  stream_range_open(rw->sp->mem.base, rdb_stream(rw, e), &r, (kevy_stream_id){0, 0},
                    (kevy_stream_id){UINT64_MAX, UINT64_MAX}, false);
  while (stream_range_next(&r, &at))
    while (stream_entry_next(&at, &field, &value)) {
      rdb_item_of(&rw->key, RDB_NAME, &field);
      visit(rw, s, RDB_NAME, &rw->key);
      rdb_item_of(&rw->value, RDB_VALUE, &value);
      visit(rw, s, RDB_VALUE, &rw->value);
    }
}

static void rdb_stream_note(rdb_writer *rw, rdb_survey *s, rdb_role role, const rdb_item *it) {
  (void)rw;
  rdb_survey_add(s, role, it);
}

static void rdb_stream_run(rdb_writer *rw, rdb_survey *s, rdb_role role, const rdb_item *it) {
  (void)s;
  (void)role;
  rdb_runs_add(rw->w, &rw->runs, it->kind);
}

static void rdb_aux_stream_kinds(rdb_writer *rw, const entry *e) {
  rdb_stream_each(rw, e, rdb_stream_run, NULL);
  rdb_runs_flush(rw->w, &rw->runs);
  rdb_part_flush(rw->w, &rw->runs.part);
}

/* What no consumer's `seen` tells: when it was last given something. */
static void rdb_aux_active(rdb_writer *rw, const entry *e) {
  const stream *st = rdb_stream(rw, e);
  const char *base = rw->sp->mem.base;
  rdb_part *part = &rw->deadlines.part; /* fields' deadlines a stream has none of */
  records_at groups, consumers;
  if (st->groups.count == 0) return;
  rdb_part_open(part, RDB_AUX_ACTIVE);
  for (const stream_group *g = stream_group_first(base, st, &groups); g != NULL; g = stream_group_next(base, &groups))
    for (const stream_consumer *c = stream_consumer_first(base, g, &consumers); c != NULL;
         c = stream_consumer_next(base, &consumers))
      rdb_part_add(rw->w, part, rdb_zigzag(c->active));
  rdb_part_flush(rw->w, part);
  rdb_part_open(part, RDB_AUX_DEADLINES);
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

static void rdb_put_key(rdb_writer *rw, const entry *e, unsigned type) {
  if (entry_has_deadline(e)) {
    rdb_put_byte(rw->w, RDB_OP_EXPIRETIME_MS);
    rdb_put_8(rw->w, (uint64_t)entry_deadline(e));
  }
  rdb_put_byte(rw->w, type);
  rdb_put_string(rw->w, entry_key(e), entry_klen(e));
}

static rdb_kinds rdb_state_for_key(const rdb_writer *rw, const entry *e) {
  return rdb_kinds_of_key(rw->state, entry_key(e), entry_klen(e), entry_key_kind(e));
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

static void rdb_write_stream(rdb_writer *rw, const entry *e) {
  rdb_survey s = {.count = 0};
  rdb_kinds key = rdb_state_for_key(rw, e), all = key;
  rdb_stream_each(rw, e, rdb_stream_note, &s);
  bool same = rdb_survey_state(&s, &all);
  rdb_announce(rw, same ? all : key);
  if (!same) rdb_aux_stream_kinds(rw, e);
  rdb_aux_active(rw, e);
  rdb_put_key(rw, e, RDB_STREAM_LISTPACKS_2);
  rdb_put_stream(rw, e);
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
  if (m->keys.count == 0) return;
  rdb_put_byte(w, RDB_OP_SELECTDB);
  rdb_put_length(w, 0);
  rdb_put_byte(w, RDB_OP_RESIZEDB);
  rdb_put_length(w, m->keys.count);
  rdb_put_length(w, m->with_ttl);
}

static inline void rdb_load_ahead(const char *base, const ref *entries, uint32_t n, uint32_t i) {
  if (i + RDB_AHEAD >= n) return;
  const char *e = base + entries[i + RDB_AHEAD];
  __builtin_prefetch(e);
  __builtin_prefetch(e + 64);
}

static void rdb_write_keys(rdb_writer *rw, const moment *m, _Atomic uint64_t *keys) {
  const char *base = rw->sp->mem.base;
  table_walk walk = {0, 0, false};
  ref entries[TABLE_SLOTS];
  for (uint32_t n; rw->w->error == 0 && (n = table_next_some(base, &m->keys, &walk, entries)) != 0;) {
    for (uint32_t i = 0; i < RDB_AHEAD && i < n; i++) __builtin_prefetch(base + entries[i]);
    for (uint32_t i = 0; i < n; i++) {
      rdb_load_ahead(base, entries, n, i);
      rdb_write_entry(rw, mem_ptr(base, entries[i]));
    }
    if (keys != NULL) atomic_fetch_add_explicit(keys, n, memory_order_relaxed);
  }
}

bool rdb_write(writer *w, const moment *m, uint32_t flags, _Atomic uint64_t *keys) {
  rdb_writer *rw = malloc(sizeof *rw);
  if (rw == NULL) return false;
  rdb_writer_open(rw, w, m->sp, flags & RDB_LOG_BASE ? INT64_MIN : m->now);
  rdb_write_head(w, m, flags);
  rdb_write_keys(rw, m, keys);
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
