/* stream_chunk: a run of stream entries in one block: the leaf of a stream's tree.
 *
 *     chunk:  node | first ID | counters | names | entry | entry | ...
 *     names:  how many | scalar | scalar | ...             the field names of the entry that opened the chunk
 *     entry:  length of the rest | head | [ms] | [seq] | [how many] | scalar | scalar | ...
 *
 *     head    bit 0  the fields are those of `names`, and only values follow; else fields and values in turn
 *             bit 1  the ID's ms is that of the chunk's first ID, whose seq is then counted from
 *             bit 2  seq is 0 (counted so)
 *     scalar  00LLLLLL bytes of L   01LLLLLL text of L   (L = 63: the length follows)
 *             10IIIIII the int I    1100WWWW an int of W bytes    11010000 a float, 8 bytes
 *
 * Numbers without a width of their own are varints: seven bits a byte, the lowest first. Entries are in ID order; a
 * deleted one is cut out. `ever` counts the entries that were ever put in: it closes the chunk. What is lent points into the
 * block. Any thread may read a chunk that does not change. */
#ifndef KEVY_STREAM_CHUNK_H
#define KEVY_STREAM_CHUNK_H

#include <math.h>

#include "entry.h"
#include "node.h"

#define STREAM_CHUNK_ENTRIES 100 /* entries a chunk ever takes */
#define STREAM_CHUNK_BYTES 4096  /* and bytes, but for an entry that is longer by itself */

typedef struct stream_chunk {
  node head;
  kevy_stream_id first; /* of the entry that opened the chunk, which may be gone */
  uint32_t used;        /* bytes of text */
  uint32_t names;       /* of these, the names */
  uint32_t last;        /* where the last entry begins */
  uint16_t live, ever;  /* entries: that there are, that there ever were */
  uint32_t third[2];    /* where an entry begins a third and two thirds on; 0: not known */
  char text[];
} stream_chunk;

/* One entry while it is read; at and names go on as pairs are taken. */
typedef struct stream_entry {
  kevy_stream_id id;
  uint64_t pairs;    /* left */
  const char *names; /* the next field where the chunk keeps them; NULL: it is at `at` */
  const char *at;
} stream_entry;

/* Fields and values in order, each `stride` values apart; plain: all count as bytes, whatever their kind. */
typedef struct stream_pairs {
  const kevy_value *fields, *values;
  size_t k, stride;
  bool plain;
} stream_pairs;

static inline int stream_id_compare(const kevy_stream_id *a, const kevy_stream_id *b) {
  if (a->ms != b->ms) return a->ms < b->ms ? -1 : 1;
  return a->seq < b->seq ? -1 : a->seq > b->seq;
}

/* ---- varints ---- */

static inline size_t stream_varint_size(uint64_t n) {
  size_t size = 1;
  while ((n >>= 7) != 0) size++;
  return size;
}
static inline char *stream_varint_put(char *to, uint64_t n) {
  for (; n >= 0x80; n >>= 7) *to++ = (char)(n | 0x80);
  *to++ = (char)n;
  return to;
}
static inline const char *stream_varint_take(const char *at, uint64_t *n) {
  uint64_t byte = (unsigned char)*at++, sum = byte & 0x7f;
  for (unsigned shift = 7; UNLIKELY(byte >= 0x80); shift += 7) {
    byte = (unsigned char)*at++;
    sum |= (byte & 0x7f) << shift;
  }
  *n = sum;
  return at;
}

/* ---- scalars ---- */

#define STREAM_SCALAR_LONG 63u
#define STREAM_SCALAR_SMALL_INT 0x80u
#define STREAM_SCALAR_INT 0xc0u
#define STREAM_SCALAR_FLOAT 0xd0u

static inline uint32_t stream_scalar_kind(const kevy_value *v, bool plain) { return plain ? KEVY_BYTES : v->kind; }

static inline unsigned stream_scalar_int_width(int64_t i) {
  if (i == (int8_t)i) return 1;
  if (i == (int16_t)i) return 2;
  return i == (int32_t)i ? 4 : 8;
}

static inline size_t stream_scalar_size(const kevy_value *v, bool plain) {
  uint32_t kind = stream_scalar_kind(v, plain);
  if (LIKELY(kind <= KEVY_TEXT)) return 1 + v->len + (v->len < STREAM_SCALAR_LONG ? 0 : stream_varint_size(v->len));
  if (kind == KEVY_FLOAT) return 9;
  return v->as.i >= 0 && v->as.i < 64 ? 1 : 1 + stream_scalar_int_width(v->as.i);
}

static inline char *stream_scalar_put(char *to, const kevy_value *v, bool plain) {
  uint32_t kind = stream_scalar_kind(v, plain);
  if (LIKELY(kind <= KEVY_TEXT)) {
    *to++ = (char)(kind << 6 | (v->len < STREAM_SCALAR_LONG ? v->len : STREAM_SCALAR_LONG));
    if (UNLIKELY(v->len >= STREAM_SCALAR_LONG)) to = stream_varint_put(to, v->len);
    bytes_move(to, v->as.ptr, v->len);
    return to + v->len;
  }
  if (kind == KEVY_INT && v->as.i >= 0 && v->as.i < 64) {
    *to++ = (char)(STREAM_SCALAR_SMALL_INT | (uint64_t)v->as.i);
    return to;
  }
  unsigned width = kind == KEVY_FLOAT ? 8 : stream_scalar_int_width(v->as.i);
  *to++ = (char)(kind == KEVY_FLOAT ? STREAM_SCALAR_FLOAT : STREAM_SCALAR_INT | width);
  memcpy(to, &v->as, width);
  return to + width;
}

static inline const char *stream_scalar_take(const char *at, kevy_value *out) {
  unsigned head = (unsigned char)*at++;
  out->reserved = 0;
  if (LIKELY(head < STREAM_SCALAR_SMALL_INT)) {
    uint64_t len = head & 63u;
    if (UNLIKELY(len == STREAM_SCALAR_LONG)) at = stream_varint_take(at, &len);
    out->kind = head >> 6;
    out->len = (size_t)len;
    out->as.ptr = at;
    return at + len;
  }
  out->len = 0;
  out->kind = head == STREAM_SCALAR_FLOAT ? KEVY_FLOAT : KEVY_INT;
  if (head < STREAM_SCALAR_INT) {
    out->as.i = head & 63;
    return at;
  }
  unsigned width = head == STREAM_SCALAR_FLOAT ? 8 : head & 15u, spare = 64 - 8 * width;
  uint64_t bits = 0;
  memcpy(&bits, at, width);
  out->as.i = (int64_t)(bits << spare) >> spare;
  return at + width;
}

/* Whether the scalar at *at is this value, kind included; goes behind it. */
static inline bool stream_scalar_same(const char **at, const kevy_value *v, bool plain) {
  uint32_t kind = stream_scalar_kind(v, plain);
  if (LIKELY(kind <= KEVY_TEXT && v->len < STREAM_SCALAR_LONG)) {
    if ((unsigned char)**at != (kind << 6 | v->len) || !bytes_equal(*at + 1, v->as.ptr, v->len)) return false;
    *at += 1 + v->len;
    return true;
  }
  kevy_value there;
  *at = stream_scalar_take(*at, &there);
  if (there.kind != kind) return false;
  if (kind > KEVY_TEXT) return there.as.i == v->as.i;
  return there.len == v->len && memcmp(there.as.ptr, v->as.ptr, v->len) == 0;
}

/* ---- entries ---- */

#define STREAM_SAME_FIELDS 1u
#define STREAM_SAME_MS 2u
#define STREAM_SEQ_0 4u

static inline const stream_chunk *stream_chunk_at(const char *base, ref r) { return mem_ptr(base, r); }

static inline uint32_t stream_chunk_room(const stream_chunk *c) {
  return c->head.size - (uint32_t)sizeof *c - c->used;
}

/* Reads the entry that begins there; returns where the next one does. */
static inline uint32_t stream_chunk_read(const stream_chunk *c, uint32_t offset, stream_entry *e) {
  uint64_t n;
  const char *at = stream_varint_take(c->text + offset, &n);
  uint32_t next = (uint32_t)(at - c->text + (ptrdiff_t)n);
  unsigned head = (unsigned char)*at++;
  e->id = c->first;
  if (!(head & STREAM_SAME_MS)) {
    at = stream_varint_take(at, &n);
    e->id.ms += n;
    e->id.seq = 0;
  }
  if (!(head & STREAM_SEQ_0)) {
    at = stream_varint_take(at, &n);
    e->id.seq += n;
  }
  e->names = NULL;
  if (LIKELY(head & STREAM_SAME_FIELDS)) e->names = stream_varint_take(c->text, &e->pairs);
  else at = stream_varint_take(at, &e->pairs);
  e->at = at;
  return next;
}

/* Where the next entry begins. */
static inline uint32_t stream_chunk_next(const stream_chunk *c, uint32_t offset) {
  uint64_t n;
  const char *at = stream_varint_take(c->text + offset, &n);
  return (uint32_t)(at - c->text + (ptrdiff_t)n);
}

/* An entry from which on to look for id: it is not behind it. */
static inline uint32_t stream_chunk_near(const stream_chunk *c, const kevy_stream_id *id) {
  stream_entry e;
  for (int i = 1; i >= 0; i--) {
    if (c->third[i] == 0) continue;
    stream_chunk_read(c, c->third[i], &e);
    if (stream_id_compare(&e.id, id) <= 0) return c->third[i];
  }
  return c->names;
}

/* Where the first entry not before id begins; c->used when all are. Compares IDs as they are counted. */
static inline uint32_t stream_chunk_seek(const stream_chunk *c, const kevy_stream_id *id) {
  if (stream_id_compare(id, &c->first) <= 0) return c->names;
  uint64_t ms = id->ms - c->first.ms, seq = ms == 0 ? id->seq - c->first.seq : id->seq;
  for (uint32_t offset = stream_chunk_near(c, id); offset < c->used;) {
    uint64_t n, here = 0;
    const char *at = stream_varint_take(c->text + offset, &n);
    uint32_t next = (uint32_t)(at - c->text + (ptrdiff_t)n);
    unsigned head = (unsigned char)*at++;
    if (!(head & STREAM_SAME_MS)) at = stream_varint_take(at, &here);
    if (here > ms) return offset;
    if (here == ms) {
      uint64_t there = 0;
      if (!(head & STREAM_SEQ_0)) stream_varint_take(at, &there);
      if (there >= seq) return offset;
    }
    offset = next;
  }
  return c->used;
}

/* The next pair of an entry, borrowed. False: no more. */
static inline bool stream_entry_next(stream_entry *e, kevy_value *field, kevy_value *value) {
  if (e->pairs == 0) return false;
  e->pairs--;
  if (LIKELY(e->names != NULL)) e->names = stream_scalar_take(e->names, field);
  else e->at = stream_scalar_take(e->at, field);
  e->at = stream_scalar_take(e->at, value);
  return true;
}

/* ---- writing ---- */

/* An entry as it will be written. */
typedef struct stream_draft {
  const stream_pairs *pairs;
  uint64_t ms, seq; /* as counted */
  unsigned head;
  size_t rest;      /* bytes behind the length */
  size_t size;      /* all of it */
} stream_draft;

static inline const kevy_value *stream_pairs_field(const stream_pairs *p, size_t i) { return &p->fields[i * p->stride]; }
static inline const kevy_value *stream_pairs_value(const stream_pairs *p, size_t i) { return &p->values[i * p->stride]; }

static inline bool stream_names_same(const stream_chunk *c, const stream_pairs *p) {
  uint64_t k;
  const char *at = stream_varint_take(c->text, &k);
  if (k != p->k) return false;
  for (size_t i = 0; i < p->k; i++)
    if (!stream_scalar_same(&at, stream_pairs_field(p, i), p->plain)) return false;
  return true;
}

/* Bytes that `names` made of these fields take. */
static inline size_t stream_names_size(const stream_pairs *p) {
  size_t size = stream_varint_size(p->k);
  for (size_t i = 0; i < p->k; i++) size += stream_scalar_size(stream_pairs_field(p, i), p->plain);
  return size;
}

/* Drafts an entry for a chunk that begins with this ID; same: with the chunk's fields. */
static FLAT void stream_draft_make(stream_draft *d, const kevy_stream_id *first, const kevy_stream_id *id,
                                   const stream_pairs *p, bool same) {
  d->pairs = p;
  d->ms = id->ms - first->ms;
  d->seq = d->ms == 0 ? id->seq - first->seq : id->seq;
  d->head = (same ? STREAM_SAME_FIELDS : 0) | (d->ms == 0 ? STREAM_SAME_MS : 0) | (d->seq == 0 ? STREAM_SEQ_0 : 0);
  d->rest = 1 + (d->ms != 0 ? stream_varint_size(d->ms) : 0) + (d->seq != 0 ? stream_varint_size(d->seq) : 0);
  if (!same) d->rest += stream_names_size(p);
  for (size_t i = 0; i < p->k; i++) d->rest += stream_scalar_size(stream_pairs_value(p, i), p->plain);
  d->size = stream_varint_size(d->rest) + d->rest;
}

/* Writes it behind the chunk's entries, where there is room. */
static FLAT void stream_chunk_append(stream_chunk *c, const stream_draft *d) {
  const stream_pairs *p = d->pairs;
  char *to = stream_varint_put(c->text + c->used, d->rest);
  *to++ = (char)d->head;
  if (d->ms != 0) to = stream_varint_put(to, d->ms);
  if (d->seq != 0) to = stream_varint_put(to, d->seq);
  bool same = d->head & STREAM_SAME_FIELDS;
  if (!same) to = stream_varint_put(to, p->k);
  for (size_t i = 0; i < p->k; i++) {
    if (!same) to = stream_scalar_put(to, stream_pairs_field(p, i), p->plain);
    to = stream_scalar_put(to, stream_pairs_value(p, i), p->plain);
  }
  c->last = c->used;
  if (UNLIKELY(c->live == STREAM_CHUNK_ENTRIES / 3)) c->third[0] = c->used;
  if (UNLIKELY(c->live == 2 * STREAM_CHUNK_ENTRIES / 3)) c->third[1] = c->used;
  c->used += (uint32_t)d->size;
  c->live++;
  c->ever++;
}

/* Fills a new block: no entries, these names. */
static inline void stream_chunk_open(stream_chunk *c, const kevy_stream_id *first, const stream_pairs *p) {
  c->first = *first;
  char *to = stream_varint_put(c->text, p->k);
  for (size_t i = 0; i < p->k; i++) to = stream_scalar_put(to, stream_pairs_field(p, i), p->plain);
  c->used = c->names = c->last = (uint32_t)(to - c->text);
  c->live = c->ever = 0;
  c->third[0] = c->third[1] = 0;
}

/* Cuts n entries out, those from `from` up to `to`. */
static inline void stream_chunk_cut(stream_chunk *c, uint32_t from, uint32_t to, uint32_t n) {
  memmove(c->text + from, c->text + to, c->used - to);
  c->third[0] = c->third[1] = 0;
  c->used -= to - from;
  c->live = (uint16_t)(c->live - n);
  if (c->last >= to) {
    c->last -= to - from;
    return;
  }
  for (uint32_t at = c->last = c->names; at < c->used; at = stream_chunk_next(c, at)) c->last = at;
}

#endif
