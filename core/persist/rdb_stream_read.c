/* rdb_stream_read: streams of RDB files, into the store.
 *
 *     stream:    listpacks | ID, listpack | ... | entries | last ID | [first ID | deleted ID | entries ever] | groups | group | ...
 *     listpack:  live | deleted | fields | field | ... | 0 | entry | ...
 *     entry:     flags | ms | seq | [fields | field | value | ...]  or  [value | ...] | elements of the entry
 *     group:     name | last ID | [entries read] | pending | {ID 16, delivered 8, count} | ... | consumers | consumer | ...
 *     consumer:  name | seen 8 | [active 8] | pending | ID 16 | ...
 *
 * What stands in brackets came with RDB_STREAM_LISTPACKS_2 and 3; before, it is worked out as Redis does. IDs of
 * listpacks and of what is pending are 16 bytes, big-endian; others are two lengths. */
#include <stdlib.h>

#include "../number.h"
#include "../stream_group.h"
#include "rdb_value.h"

/* The fields and values of one entry at a time. */
typedef struct rdb_stream_pairs {
  kevy_value *fields, *values; /* as they go into the store */
  kevy_value *names;           /* of the listpack's first entry, as the file has them */
  char (*digits)[2][24];
  size_t room, k, count; /* count: of names */
} rdb_stream_pairs;

static void rdb_stream_pairs_drop(rdb_stream_pairs *p) {
  free(p->fields);
  free(p->values);
  free(p->names);
  free(p->digits);
}

static bool rdb_grow(void *array, size_t size, size_t room) {
  void **place = array, *larger = realloc(*place, size * room);
  if (larger != NULL) *place = larger;
  return larger != NULL;
}

/* Room for k pairs, each of which has at least two bytes in the listpack. */
static kevy_status rdb_stream_pairs_room(rdb_reader *r, rdb_stream_pairs *p, const pack *list, uint64_t k) {
  if (k == 0 || k > pack_room(list) / 2) return rdb_corrupt(&r->in, "a stream's entry of %llu fields", (unsigned long long)k);
  if (k <= p->room) return KEVY_OK;
  size_t room = k < 16 ? 16 : (size_t)k;
  if (!rdb_grow(&p->fields, sizeof *p->fields, room) || !rdb_grow(&p->values, sizeof *p->values, room) ||
      !rdb_grow(&p->names, sizeof *p->names, room) || !rdb_grow(&p->digits, sizeof *p->digits, room))
    return rdb_refused(r, KEVY_EOOM);
  p->room = room;
  return KEVY_OK;
}

/* ---- listpacks ---- */

static kevy_status rdb_stream_bad(rdb_reader *r) { return rdb_corrupt(&r->in, "a stream's listpack that is not well-formed"); }

static kevy_status rdb_stream_item(rdb_reader *r, pack *list, kevy_value *raw) {
  return pack_next(list, raw) == PACK_ITEM ? KEVY_OK : rdb_stream_bad(r);
}

static kevy_status rdb_stream_number(rdb_reader *r, pack *list, int64_t *i) {
  kevy_value raw;
  kevy_status status = rdb_stream_item(r, list, &raw);
  if (status != KEVY_OK) return status;
  *i = raw.as.i;
  return raw.kind == KEVY_INT ? KEVY_OK : rdb_stream_bad(r);
}

/* What a listpack begins with: how many entries, and the fields that most of them have. */
static kevy_status rdb_stream_master(rdb_reader *r, pack *list, rdb_stream_pairs *p, uint64_t *entries) {
  int64_t live = 0, deleted = 0, fields = 0, end = 0;
  kevy_status status = rdb_stream_number(r, list, &live);
  if (status == KEVY_OK) status = rdb_stream_number(r, list, &deleted);
  if (status == KEVY_OK) status = rdb_stream_number(r, list, &fields);
  if (status == KEVY_OK && (live < 0 || deleted < 0)) status = rdb_stream_bad(r);
  if (status == KEVY_OK) status = rdb_stream_pairs_room(r, p, list, (uint64_t)fields);
  if (status != KEVY_OK) return status;
  p->count = (size_t)fields;
  for (size_t i = 0; status == KEVY_OK && i < p->count; i++) status = rdb_stream_item(r, list, &p->names[i]);
  if (status == KEVY_OK) status = rdb_stream_number(r, list, &end);
  if (status == KEVY_OK && end != 0) status = rdb_stream_bad(r);
  *entries = (uint64_t)live + (uint64_t)deleted;
  return status;
}

/* Reads over a deleted entry's fields and values. */
static kevy_status rdb_stream_pass(rdb_reader *r, pack *list, size_t items) {
  kevy_value raw;
  kevy_status status = KEVY_OK;
  while (status == KEVY_OK && items-- != 0) status = rdb_stream_item(r, list, &raw);
  return status;
}

static kevy_status rdb_stream_pair(rdb_reader *r, pack *list, rdb_stream_pairs *p, size_t i, const kevy_value *name) {
  kevy_value raw;
  kevy_status status = KEVY_OK;
  if (name == NULL) {
    status = rdb_stream_item(r, list, &raw);
    name = &raw;
  }
  if (status == KEVY_OK) status = rdb_scalar(r, RDB_NAME, name, p->digits[i][0], &p->fields[i]);
  if (status == KEVY_OK) status = rdb_stream_item(r, list, &raw);
  return status == KEVY_OK ? rdb_scalar(r, RDB_VALUE, &raw, p->digits[i][1], &p->values[i]) : status;
}

/* Where entries go. */
typedef struct rdb_stream_to {
  const char *key;
  size_t klen;
  uint32_t flags;
} rdb_stream_to;

static kevy_status rdb_stream_put(rdb_reader *r, const rdb_stream_to *to, const rdb_stream_pairs *p, kevy_stream_id id) {
  stream_wish wish = {STREAM_THIS_ID, id};
  stream_pairs pairs = {p->fields, p->values, p->k, 1, false};
  kevy_status status = stream_add(r->store, to->key, to->klen, &wish, &pairs, to->flags, NULL, &id);
  if (status == KEVY_ERANGE || status == KEVY_EOVERFLOW) return rdb_corrupt(&r->in, "stream entries that are not in order");
  return status == KEVY_OK ? KEVY_OK : rdb_refused(r, status);
}

static kevy_status rdb_stream_entry(rdb_reader *r, pack *list, rdb_stream_pairs *p, const kevy_stream_id *first,
                                    const rdb_stream_to *to, bool *live) {
  int64_t flags = 0, ms = 0, seq = 0, fields = 0, items = 0;
  kevy_status status = rdb_stream_number(r, list, &flags);
  if (status == KEVY_OK) status = rdb_stream_number(r, list, &ms);
  if (status == KEVY_OK) status = rdb_stream_number(r, list, &seq);
  if (status == KEVY_OK && (flags & ~(RDB_STREAM_DELETED | RDB_STREAM_SAME_FIELDS)) != 0) status = rdb_stream_bad(r);
  bool same = flags & RDB_STREAM_SAME_FIELDS;
  p->k = p->count;
  if (status == KEVY_OK && !same && (status = rdb_stream_number(r, list, &fields)) == KEVY_OK) {
    status = rdb_stream_pairs_room(r, p, list, (uint64_t)fields);
    p->k = (size_t)fields;
  }
  *live = !(flags & RDB_STREAM_DELETED);
  if (status == KEVY_OK && !*live) status = rdb_stream_pass(r, list, same ? p->k : 2 * p->k);
  for (size_t i = 0; *live && status == KEVY_OK && i < p->k; i++)
    status = rdb_stream_pair(r, list, p, i, same ? &p->names[i] : NULL);
  if (status == KEVY_OK) status = rdb_stream_number(r, list, &items);
  if (status == KEVY_OK && items != (int64_t)(same ? p->k + 3 : 2 * p->k + 4)) status = rdb_stream_bad(r);
  if (status != KEVY_OK || !*live) return status;
  return rdb_stream_put(r, to, p, (kevy_stream_id){first->ms + (uint64_t)ms, first->seq + (uint64_t)seq});
}

static kevy_status rdb_stream_list(rdb_reader *r, pack *list, rdb_stream_pairs *p, const kevy_stream_id *first,
                                   const rdb_stream_to *to) {
  uint64_t entries = 0;
  kevy_value raw;
  bool live;
  kevy_status status = rdb_stream_master(r, list, p, &entries);
  for (; status == KEVY_OK && entries != 0; entries--) status = rdb_stream_entry(r, list, p, first, to, &live);
  if (status == KEVY_OK && pack_next(list, &raw) != PACK_END) status = rdb_stream_bad(r);
  return status;
}

static kevy_stream_id rdb_stream_big_id(const char *p) {
  return (kevy_stream_id){__builtin_bswap64(load64(p)), __builtin_bswap64(load64(p + 8))};
}

static kevy_status rdb_stream_lists(rdb_reader *r, rdb_stream_pairs *p, const rdb_stream_to *to) {
  uint64_t lists = 0;
  const char *bytes = NULL;
  size_t len = 0;
  kevy_status status = rdb_length(&r->in, &lists);
  for (; status == KEVY_OK && lists != 0; lists--) {
    pack list;
    status = rdb_string_bytes(&r->in, &bytes, &len);
    if (status == KEVY_OK && len != 16) status = rdb_corrupt(&r->in, "a stream ID of %zu bytes", len);
    if (status != KEVY_OK) return status;
    kevy_stream_id first = rdb_stream_big_id(bytes);
    status = rdb_string_bytes(&r->in, &bytes, &len);
    if (status == KEVY_OK && !pack_open(&list, PACK_LISTPACK, bytes, len)) status = rdb_stream_bad(r);
    if (status == KEVY_OK) status = rdb_stream_list(r, &list, p, &first, to);
  }
  return status;
}

/* ---- groups ---- */

static kevy_status rdb_stream_id(rdb_reader *r, kevy_stream_id *id) {
  *id = (kevy_stream_id){0, 0};
  kevy_status status = rdb_length(&r->in, &id->ms);
  return status == KEVY_OK ? rdb_length(&r->in, &id->seq) : status;
}

static kevy_status rdb_stream_raw_id(rdb_reader *r, kevy_stream_id *id) {
  const char *bytes;
  r->in.item = rdb_source_offset(&r->in);
  kevy_status status = rdb_bytes(&r->in, 16, &bytes);
  if (status == KEVY_OK) *id = rdb_stream_big_id(bytes);
  return status;
}

/* What a group's entries wait for: in the file they come before the consumers whose they are. */
typedef struct rdb_stream_waiting {
  stream_pending *at; /* in the order of IDs; consumer: not 0 once it is known whose it is */
  size_t count, room, known;
} rdb_stream_waiting;

static kevy_status rdb_stream_waiting_add(rdb_reader *r, rdb_stream_waiting *w) {
  stream_pending *p;
  uint64_t delivered = 0;
  if (w->count == w->room) {
    size_t room = w->room == 0 ? 16 : 2 * w->room;
    if (!rdb_grow(&w->at, sizeof *w->at, room)) return rdb_refused(r, KEVY_EOOM);
    w->room = room;
  }
  p = &w->at[w->count];
  memset(p, 0, sizeof *p);
  kevy_status status = rdb_stream_raw_id(r, &p->id);
  if (status == KEVY_OK && w->count != 0 && stream_id_compare(&p[-1].id, &p->id) >= 0)
    status = rdb_corrupt(&r->in, "pending entries that are not in order");
  if (status == KEVY_OK) status = rdb_u64(&r->in, &delivered);
  if (status == KEVY_OK) status = rdb_length(&r->in, &p->count);
  p->delivered = (int64_t)delivered;
  w->count++;
  return status;
}

static stream_pending *rdb_stream_waiting_find(rdb_stream_waiting *w, const kevy_stream_id *id) {
  size_t low = 0, high = w->count;
  while (low < high) {
    size_t mid = low + (high - low) / 2;
    int order = stream_id_compare(&w->at[mid].id, id);
    if (order == 0) return &w->at[mid];
    if (order < 0) low = mid + 1;
    else high = mid;
  }
  return NULL;
}

static kevy_status rdb_stream_consumer_pending(rdb_reader *r, stream *st, stream_group *g, stream_consumer *c,
                                               rdb_stream_waiting *w) {
  uint64_t pending = 0;
  kevy_status status = rdb_length(&r->in, &pending);
  for (; status == KEVY_OK && pending != 0; pending--) {
    kevy_stream_id id;
    status = rdb_stream_raw_id(r, &id);
    if (status != KEVY_OK) return status;
    stream_pending *p = rdb_stream_waiting_find(w, &id);
    if (p == NULL || p->consumer != 0) return rdb_corrupt(&r->in, "a consumer's entry that is not pending, or another's");
    p->consumer = c->name;
    w->known++;
    if (!stream_pending_assign(r->store, st, g, c, p, false)) return rdb_refused(r, KEVY_EOOM);
  }
  return status;
}

static kevy_status rdb_stream_consumer(rdb_reader *r, uint8_t type, stream *st, stream_group *g, rdb_stream_waiting *w) {
  const char *name = NULL;
  size_t len = 0;
  uint64_t seen = 0, active = 0;
  bool created = false;
  kevy_status status = rdb_string_bytes(&r->in, &name, &len);
  if (status != KEVY_OK) return status;
  stream_consumer *c = stream_consumer_obtain(r->store, st, g, name, len, &created);
  if (c == NULL) return rdb_refused(r, KEVY_EOOM);
  if (!created) return rdb_corrupt(&r->in, "a consumer twice");
  status = rdb_u64(&r->in, &seen);
  c->seen = c->active = (int64_t)seen;
  if (status == KEVY_OK && type == RDB_STREAM_LISTPACKS_3 && (status = rdb_u64(&r->in, &active)) == KEVY_OK)
    c->active = (int64_t)active;
  if (status == KEVY_OK) status = rdb_consumer_active(r, &c->active);
  return status == KEVY_OK ? rdb_stream_consumer_pending(r, st, g, c, w) : status;
}

static kevy_status rdb_stream_group_rest(rdb_reader *r, uint8_t type, stream *st, stream_group *g, rdb_stream_waiting *w) {
  uint64_t pending = 0, consumers = 0;
  kevy_status status = rdb_length(&r->in, &pending);
  for (; status == KEVY_OK && pending != 0; pending--) status = rdb_stream_waiting_add(r, w);
  if (status == KEVY_OK) status = rdb_length(&r->in, &consumers);
  for (; status == KEVY_OK && consumers != 0; consumers--) status = rdb_stream_consumer(r, type, st, g, w);
  if (status == KEVY_OK && w->known != w->count) status = rdb_corrupt(&r->in, "a pending entry that is no consumer's");
  return status;
}

/* The group's name is lent by the file until more is read. */
static kevy_status rdb_stream_group_new(rdb_reader *r, stream *st, stream_group **g) {
  const char *name;
  size_t len;
  kevy_status status = rdb_string_bytes(&r->in, &name, &len);
  if (status != KEVY_OK) return status;
  status = stream_group_create(r->store, st, name, len, (kevy_stream_id){0, 0}, STREAM_READ_UNKNOWN);
  if (status == KEVY_UNMET) return rdb_corrupt(&r->in, "a consumer group twice");
  if (status != KEVY_OK) return rdb_refused(r, status);
  *g = stream_group_change(r->store, st, name, len, false);
  return *g != NULL ? KEVY_OK : rdb_refused(r, KEVY_EOOM);
}

static kevy_status rdb_stream_group(rdb_reader *r, uint8_t type, stream *st) {
  stream_group *g = NULL;
  uint64_t read = 0;
  kevy_status status = rdb_stream_group_new(r, st, &g);
  if (status == KEVY_OK) status = rdb_stream_id(r, &g->last);
  if (status != KEVY_OK) return status;
  if (type == RDB_STREAM_LISTPACKS) {
    g->read = stream_distance(r->store->base, st, &g->last);
  } else {
    status = rdb_length(&r->in, &read);
    g->read = (int64_t)read < 0 ? STREAM_READ_UNKNOWN : (int64_t)read;
  }
  rdb_stream_waiting w = {NULL, 0, 0, 0};
  if (status == KEVY_OK) status = rdb_stream_group_rest(r, type, st, g, &w);
  free(w.at);
  return status;
}

/* ---- the stream ---- */

/* What is known of a stream beside its entries. */
static kevy_status rdb_stream_facts(rdb_reader *r, uint8_t type, stream *st) {
  uint64_t length = 0, added = 0;
  kevy_stream_id last = {0, 0}, first, deleted = {0, 0};
  kevy_status status = rdb_length(&r->in, &length);
  if (status == KEVY_OK && length != st->length) status = rdb_corrupt(&r->in, "a stream that has another length than told");
  if (status == KEVY_OK) status = rdb_stream_id(r, &last);
  if (status == KEVY_OK && stream_id_compare(&last, &st->last) < 0)
    status = rdb_corrupt(&r->in, "a stream whose last ID comes before its entries");
  if (status != KEVY_OK) return status;
  st->last = last;
  st->added = length;
  if (type == RDB_STREAM_LISTPACKS) return KEVY_OK;
  status = rdb_stream_id(r, &first);
  if (status == KEVY_OK) status = rdb_stream_id(r, &deleted);
  if (status == KEVY_OK) status = rdb_length(&r->in, &added);
  if (status == KEVY_OK && added < length) status = rdb_corrupt(&r->in, "a stream with more entries than were ever added");
  st->deleted = deleted;
  st->added = added;
  return status;
}

static kevy_status rdb_stream_rest(rdb_reader *r, uint8_t type, const rdb_stream_to *to) {
  stream *st;
  uint64_t groups = 0;
  kevy_status status = stream_change(r->store, to->key, to->klen, true, to->flags, &st);
  if (status != KEVY_OK) return rdb_refused(r, status);
  status = rdb_stream_facts(r, type, st);
  if (status == KEVY_OK) status = rdb_length(&r->in, &groups);
  for (; status == KEVY_OK && groups != 0; groups--) status = rdb_stream_group(r, type, st);
  return status;
}

kevy_status rdb_stream_read(rdb_reader *r, uint8_t type, const char *key, size_t klen, uint32_t flags) {
  rdb_stream_pairs pairs;
  rdb_stream_to to = {key, klen, flags};
  memset(&pairs, 0, sizeof pairs);
  kevy_status status = rdb_stream_lists(r, &pairs, &to);
  rdb_stream_pairs_drop(&pairs);
  return status == KEVY_OK ? rdb_stream_rest(r, type, &to) : status;
}
