/* rdb_write_stream: see rdb_write_stream.h. */
#include "rdb_write_stream.h"

#include "../stream_group.h"

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

void rdb_put_stream(rdb_writer *rw, const entry *e) {
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

void rdb_write_stream(rdb_writer *rw, const entry *e) {
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
