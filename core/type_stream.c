/* type_stream: see type_stream.h. */
#include "type_stream.h"

#include "stream_group.h"

#define STREAM_CHUNK_LEAST 128 /* bytes of the first chunk's first block */

static inline stream_chunk *stream_chunk_of(const space *sp, ref r) { return mem_ptr(sp->mem.base, r); }

/* ---- IDs ---- */

static inline int stream_compare_key(const void *sought, const uint64_t key[2]) {
  kevy_stream_id at = {key[0], key[1]};
  return stream_id_compare(&at, sought);
}

bool stream_id_up(kevy_stream_id *id) {
  if (id->seq != UINT64_MAX) {
    id->seq++;
  } else if (id->ms != UINT64_MAX) {
    id->ms++;
    id->seq = 0;
  } else {
    return false;
  }
  return true;
}

bool stream_id_down(kevy_stream_id *id) {
  if (id->seq != 0) {
    id->seq--;
  } else if (id->ms != 0) {
    id->ms--;
    id->seq = UINT64_MAX;
  } else {
    return false;
  }
  return true;
}

static inline kevy_stream_id stream_chunk_last_id(const stream_chunk *c) {
  stream_entry e;
  stream_chunk_read(c, c->last, &e);
  return e.id;
}

kevy_stream_id stream_first_id(const char *base, const stream *st) {
  stream_entry e = {.id = {0, 0}};
  tree_path p;
  ref r = tree_first(base, &st->entries, &p);
  if (r != 0) {
    const stream_chunk *c = stream_chunk_at(base, r);
    stream_chunk_read(c, c->names, &e);
  }
  return e.id;
}

kevy_stream_id stream_last_id(const char *base, const stream *st) {
  tree_path p;
  ref r = tree_last(base, &st->entries, &p);
  if (r != 0) return stream_chunk_last_id(stream_chunk_at(base, r));
  return (kevy_stream_id){0, 0};
}

/* The ID of the next entry, above the last one. */
static FLAT kevy_status stream_next_id(kevy_store *s, const kevy_stream_id *last, const stream_wish *wish,
                                       kevy_stream_id *id) {
  *id = *last;
  bool more = stream_id_up(id);
  if (UNLIKELY(!more)) return KEVY_EOVERFLOW;
  if (wish->what == STREAM_ANY_ID) {
    uint64_t now = (uint64_t)store_now(s);
    if (now > last->ms) *id = (kevy_stream_id){now, 0};
    return KEVY_OK;
  }
  if (wish->what == STREAM_ANY_SEQ && wish->id.ms == last->ms) return id->ms == last->ms ? KEVY_OK : KEVY_ERANGE;
  *id = wish->id;
  if (wish->what == STREAM_ANY_SEQ) id->seq = 0;
  return stream_id_compare(id, last) > 0 ? KEVY_OK : KEVY_ERANGE;
}

/* ---- chunks of a stream that is writable ---- */

static ref stream_chunk_new(space *sp, stream *st, size_t size) {
  size = mem_round(size);
  ref r = node_new(sp, (uint32_t)size, false);
  if (LIKELY(r != 0)) st->c.bytes += size;
  return r;
}

static void stream_chunk_retire(space *sp, stream *st, ref r) {
  st->c.bytes -= stream_chunk_of(sp, r)->head.size;
  node_retire(sp, r);
}

/* A copy of a chunk in a block of another size, into which it fits. 0: no memory. */
static ref stream_chunk_copy(space *sp, stream *st, const stream_chunk *from, size_t size) {
  ref r = stream_chunk_new(sp, st, size);
  if (r == 0) return 0;
  stream_chunk *to = stream_chunk_of(sp, r);
  memcpy((char *)to + sizeof(node), (const char *)from + sizeof(node), sizeof *from - sizeof(node) + from->used);
  return r;
}

/* Gives a chunk that is writable a block of its size, when that saves enough. */
static void stream_chunk_fit(space *sp, stream *st, const tree_path *p, ref r) {
  const stream_chunk *c = stream_chunk_of(sp, r);
  size_t size = mem_round(sizeof *c + c->used);
  if (!node_writable(sp, &c->head) || size + c->head.size / 16 > c->head.size) return;
  ref copy = stream_chunk_copy(sp, st, c, size);
  if (copy == 0) return;
  tree_move(sp->mem.base, p, copy);
  if (st->tail == r) st->tail = copy;
  stream_chunk_retire(sp, st, r);
}

/* Takes a chunk out, with what is in it. */
static void stream_chunk_remove(space *sp, stream *st, tree_path *p, ref r) {
  const stream_chunk *c = stream_chunk_of(sp, r);
  st->length -= c->live;
  st->c.bytes -= c->head.size;
  st->tail = 0;
  tree_remove(sp, &st->entries, p);
}

/* Cuts n of a chunk's entries out, not all of them; its path is not owned yet. */
static void stream_chunk_thin(space *sp, stream *st, tree_path *p, uint32_t from, uint32_t to, uint32_t n) {
  ref r = tree_own(sp, &st->entries, p, true);
  if (r == 0) return;
  stream_chunk *c = stream_chunk_of(sp, r);
  stream_chunk_cut(c, from, to, n);
  st->length -= n;
  st->tail = 0;
  if (2 * (sizeof *c + c->used) < c->head.size && c->ever == STREAM_CHUNK_ENTRIES) stream_chunk_fit(sp, st, p, r);
}

/* ---- adding ---- */

/* The size of the block that takes over from a full one: the first chunk doubles, later ones began with a
 * good guess. */
static size_t stream_chunk_grown(const stream *st, const stream_chunk *c, size_t more) {
  size_t size = c->head.size + (st->entries.leaves == 1 ? c->head.size : c->head.size / 8);
  size_t most = sizeof *c + STREAM_CHUNK_BYTES, least = sizeof *c + c->used + more;
  if (size > most) size = most;
  return size < least ? least : size;
}

/* Adds to the last chunk where it cannot simply be written: a snapshot sees it, or its block is full. */
static COLD bool stream_tail_extend(space *sp, stream *st, const stream_draft *d) {
  tree_path p;
  tree_last(sp->mem.base, &st->entries, &p);
  ref r = tree_own(sp, &st->entries, &p, false);
  if (r == 0) return false;
  st->tail = r;
  stream_chunk *c = stream_chunk_of(sp, r);
  if (stream_chunk_room(c) < d->size) {
    ref larger = stream_chunk_copy(sp, st, c, stream_chunk_grown(st, c, d->size));
    if (larger == 0) return false;
    c = stream_chunk_of(sp, larger);
    tree_move(sp->mem.base, &p, larger);
    st->tail = larger;
  }
  stream_chunk_append(c, d);
  if (st->tail != r) stream_chunk_retire(sp, st, r); /* what was added may have been borrowed from it */
  return true;
}

/* Opens a new chunk with this entry. */
static COLD bool stream_tail_new(space *sp, stream *st, const kevy_stream_id *id, const stream_pairs *pairs) {
  stream_draft d;
  stream_draft_make(&d, id, id, pairs, true);
  size_t size = sizeof(stream_chunk) + stream_names_size(pairs) + d.size, guess = STREAM_CHUNK_LEAST;
  if (st->tail != 0) guess = sizeof(stream_chunk) + stream_chunk_of(sp, st->tail)->used;
  if (guess > sizeof(stream_chunk) + STREAM_CHUNK_BYTES) guess = STREAM_CHUNK_LEAST;
  ref r = stream_chunk_new(sp, st, size < guess ? guess : size);
  if (r == 0) return false;
  stream_chunk *c = stream_chunk_of(sp, r);
  stream_chunk_open(c, id, pairs);
  stream_chunk_append(c, &d);
  tree_path p;
  tree_last(sp->mem.base, &st->entries, &p);
  const uint64_t key[2] = {id->ms, id->seq};
  if (!tree_insert(sp, &st->entries, &p, false, r, 1, key, false)) {
    stream_chunk_retire(sp, st, r);
    return false;
  }
  st->tail = r;
  ref full = tree_prev(sp->mem.base, &p);
  if (full != 0) stream_chunk_fit(sp, st, &p, full);
  return true;
}

static FLAT bool stream_append(space *sp, stream *st, const kevy_stream_id *id, const stream_pairs *pairs) {
  tree_path p;
  if (UNLIKELY(st->tail == 0)) st->tail = tree_last(sp->mem.base, &st->entries, &p);
  stream_draft d;
  bool done;
  stream_chunk *c = st->tail != 0 ? stream_chunk_of(sp, st->tail) : NULL;
  if (LIKELY(c != NULL && c->ever < STREAM_CHUNK_ENTRIES)) {
    stream_draft_make(&d, &c->first, id, pairs, stream_names_same(c, pairs));
    if (UNLIKELY(c->used + d.size >= STREAM_CHUNK_BYTES)) {
      done = stream_tail_new(sp, st, id, pairs);
    } else if (LIKELY(node_writable(sp, &c->head) && stream_chunk_room(c) >= d.size)) {
      stream_chunk_append(c, &d);
      done = true;
    } else {
      done = stream_tail_extend(sp, st, &d);
    }
  } else {
    done = stream_tail_new(sp, st, id, pairs);
  }
  if (UNLIKELY(!done)) return false;
  st->length++;
  st->added++;
  st->last = *id;
  return true;
}

/* Kinds that may be stored, and lengths that can be added up. */
static FLAT kevy_status stream_pairs_check(const stream_pairs *p) {
  if (p->k == 0) return KEVY_EARG;
  if (p->k > STREAM_PAIRS_BYTES / 32) return KEVY_ETOOBIG;
  size_t bytes = 0;
  for (size_t i = 0; i < p->k; i++) {
    const kevy_value *f = stream_pairs_field(p, i), *v = stream_pairs_value(p, i);
    if (f->kind > KEVY_INT || v->kind > KEVY_FLOAT || (v->kind == KEVY_FLOAT && isnan(v->as.d))) return KEVY_EARG;
    size_t flen = f->kind <= KEVY_TEXT ? f->len : 0, vlen = v->kind <= KEVY_TEXT ? v->len : 0;
    if (flen > STREAM_PAIRS_BYTES || vlen > STREAM_PAIRS_BYTES) return KEVY_ETOOBIG;
    bytes += flen + vlen;
    if (UNLIKELY(bytes > STREAM_PAIRS_BYTES)) return KEVY_ETOOBIG;
  }
  return KEVY_OK;
}

static ref stream_new(space *sp) { return collection_new(sp, sizeof(stream), KEVY_TYPE_STREAM); }

static inline stream *stream_at(const space *sp, ref r) { return mem_ptr(sp->mem.base, r); }

/* Adds to a stream that does not exist yet; its key comes last. */
static COLD kevy_status stream_add_first(kevy_store *s, probe *p, const kevy_stream_id *id, const stream_pairs *pairs,
                                         uint32_t flags) {
  ref top = stream_new(s->sp);
  if (top == 0) return KEVY_EOOM;
  kevy_status status = KEVY_EOOM;
  if (stream_append(s->sp, stream_at(s->sp, top), id, pairs))
    status = collection_put(s, p, top, flags & KEVY_TEXT_KEY);
  if (status != KEVY_OK) node_retire_collection(s->sp, top);
  return status;
}

static uint64_t stream_trim_front(space *sp, stream *st, const stream_trim *t);

kevy_status stream_add(kevy_store *s, const char *key, size_t klen, const stream_wish *wish, const stream_pairs *pairs,
                       uint32_t flags, const stream_trim *trim, kevy_stream_id *id) {
  probe p;
  kevy_status status = collection_write(s, &p, key, klen, KEVY_TYPE_STREAM);
  if (UNLIKELY(status != KEVY_OK)) return status;
  if (UNLIKELY(p.live == NULL) && (flags & KEVY_XX)) return KEVY_MISSING;
  static const kevy_stream_id none = {0, 0};
  stream *st = LIKELY(p.live != NULL) ? (stream *)collection_at(s->base, p.live) : NULL;
  kevy_stream_id next;
  status = stream_next_id(s, st != NULL ? &st->last : &none, wish, &next);
  if (UNLIKELY(status != KEVY_OK)) return status;
  status = stream_pairs_check(pairs);
  if (UNLIKELY(status != KEVY_OK)) return status;
  if (LIKELY(st != NULL)) {
    st = (stream *)collection_own(s, &p, false);
    if (UNLIKELY(st == NULL) || !stream_append(s->sp, st, &next, pairs)) return KEVY_EOOM;
    if (UNLIKELY(st->doomed != 0)) stream_group_pay(s->sp, st);
  } else {
    status = stream_add_first(s, &p, &next, pairs, flags);
    if (status != KEVY_OK) return status;
    st = (stream *)collection_at(s->base, p.live);
  }
  *id = next;
  if (UNLIKELY(trim != NULL)) stream_trim_front(s->sp, st, trim);
  return KEVY_OK;
}

/* ---- finding ---- */

kevy_status stream_find(kevy_store *s, const char *key, size_t klen, const stream **out) {
  probe p;
  kevy_status status = collection_read(s, &p, key, klen, KEVY_TYPE_STREAM);
  if (status == KEVY_OK) *out = (const stream *)collection_at(s->base, p.live);
  return status;
}

/* The found stream, writable. */
static kevy_status stream_owned(kevy_store *s, probe *p, bool must, stream **out) {
  *out = (stream *)collection_own(s, p, must);
  if (*out == NULL) return KEVY_EOOM;
  if ((*out)->doomed != 0) stream_group_pay(s->sp, *out);
  return KEVY_OK;
}

kevy_status stream_change(kevy_store *s, const char *key, size_t klen, bool create, uint32_t flags, stream **out) {
  probe p;
  kevy_status status = collection_write(s, &p, key, klen, KEVY_TYPE_STREAM);
  if (status != KEVY_OK) return status;
  if (p.live == NULL) {
    if (!create) return KEVY_MISSING;
    ref top = stream_new(s->sp);
    if (top == 0) return KEVY_EOOM;
    status = collection_put(s, &p, top, flags & KEVY_TEXT_KEY);
    if (status != KEVY_OK) {
      node_retire_collection(s->sp, top);
      return status;
    }
  }
  return stream_owned(s, &p, false, out);
}

kevy_status stream_lessen(kevy_store *s, const char *key, size_t klen, stream **out) {
  probe p;
  kevy_status status = collection_write(s, &p, key, klen, KEVY_TYPE_STREAM);
  if (status != KEVY_OK) return status;
  return p.live != NULL ? stream_owned(s, &p, true, out) : KEVY_MISSING;
}

kevy_status stream_length(kevy_store *s, const char *key, size_t klen, uint64_t *count) {
  const stream *st;
  *count = 0;
  kevy_status status = stream_find(s, key, klen, &st);
  if (status == KEVY_OK) *count = st->length;
  return status;
}

/* The chunk and offset of the entry with this ID. 0: there is none. */
static ref stream_seek(const char *base, const stream *st, const kevy_stream_id *id, tree_path *p, uint32_t *offset) {
  ref r = tree_seek_key(base, &st->entries, stream_compare_key, id, p);
  if (r == 0) return 0;
  const stream_chunk *c = stream_chunk_at(base, r);
  *offset = stream_chunk_seek(c, id);
  if (*offset == c->used) return 0;
  stream_entry e;
  stream_chunk_read(c, *offset, &e);
  return stream_id_compare(&e.id, id) == 0 ? r : 0;
}

bool stream_has(const char *base, const stream *st, const kevy_stream_id *id) {
  tree_path p;
  uint32_t offset;
  return stream_seek(base, st, id, &p, &offset) != 0;
}

/* ---- deleting ---- */

static bool stream_delete_one(space *sp, stream *st, const kevy_stream_id *id) {
  tree_path p;
  uint32_t at;
  ref r = stream_seek(sp->mem.base, st, id, &p, &at);
  if (r == 0) return false;
  const stream_chunk *c = stream_chunk_of(sp, r);
  if (c->live == 1) {
    stream_chunk_remove(sp, st, &p, r);
  } else {
    stream_entry e;
    stream_chunk_thin(sp, st, &p, at, stream_chunk_read(c, at, &e), 1);
  }
  if (stream_id_compare(id, &st->deleted) > 0) st->deleted = *id;
  return true;
}

kevy_status stream_delete(kevy_store *s, const char *key, size_t klen, size_t k, const kevy_stream_id *ids,
                          uint64_t *removed) {
  const stream *seen;
  stream *st;
  size_t i = 0;
  *removed = 0;
  kevy_status status = stream_find(s, key, klen, &seen);
  while (status == KEVY_OK && i < k && !stream_has(s->sp->mem.base, seen, &ids[i])) i++;
  if (status != KEVY_OK || i == k) return status; /* a stream that loses nothing is not written */
  status = stream_lessen(s, key, klen, &st);
  for (; status == KEVY_OK && i < k; i++) *removed += stream_delete_one(s->sp, st, &ids[i]);
  return status;
}

/* How many entries of the first chunk go, and where those that stay begin. */
static uint32_t stream_trim_count(const stream *st, const stream_chunk *c, const stream_trim *t, uint32_t *to) {
  stream_entry e;
  uint32_t n = 0;
  for (*to = c->names; *to < c->used; n++) {
    uint32_t next = stream_chunk_read(c, *to, &e);
    if (t->what == STREAM_MAXLEN ? st->length - n <= t->maxlen : stream_id_compare(&e.id, &t->minid) >= 0) break;
    *to = next;
  }
  return n;
}

/* Whether all of the first chunk goes. */
static bool stream_trims_whole(const stream *st, const stream_chunk *c, const stream_trim *t) {
  if (t->what == STREAM_MAXLEN) return st->length - c->live >= t->maxlen;
  kevy_stream_id last = stream_chunk_last_id(c);
  return stream_id_compare(&last, &t->minid) < 0;
}

/* The first chunk, and how many of its entries go after `gone` did already. */
static uint32_t stream_trim_step(const char *base, const stream *st, const stream_trim *t, uint64_t gone, tree_path *p, ref *first,
                                 uint32_t *to) {
  if (t->what == STREAM_KEEP_ALL || (*first = tree_first(base, &st->entries, p)) == 0) return 0;
  const stream_chunk *c = stream_chunk_at(base, *first);
  if (t->what == STREAM_MAXLEN && st->length <= t->maxlen) return 0;
  if (t->limit != 0 && gone + c->live > t->limit) return 0;
  if (stream_trims_whole(st, c, t)) return c->live;
  return t->about ? 0 : stream_trim_count(st, c, t, to);
}

static uint64_t stream_trim_front(space *sp, stream *st, const stream_trim *t) {
  uint64_t length = st->length;
  tree_path p;
  ref r;
  uint32_t to = 0;
  for (uint32_t n; (n = stream_trim_step(sp->mem.base, st, t, length - st->length, &p, &r, &to)) != 0;) {
    const stream_chunk *c = stream_chunk_at(sp->mem.base, r);
    if (n == c->live) stream_chunk_remove(sp, st, &p, r);
    else stream_chunk_thin(sp, st, &p, c->names, to, n);
  }
  return length - st->length;
}

kevy_status stream_cut(kevy_store *s, const char *key, size_t klen, const stream_trim *trim, uint64_t *removed) {
  const stream *seen;
  stream *st;
  tree_path p;
  ref r;
  uint32_t to;
  *removed = 0;
  kevy_status status = stream_find(s, key, klen, &seen);
  if (status != KEVY_OK || stream_trim_step(s->sp->mem.base, seen, trim, 0, &p, &r, &to) == 0) return status;
  status = stream_lessen(s, key, klen, &st);
  if (status == KEVY_OK) *removed = stream_trim_front(s->sp, st, trim);
  return status;
}

/* ---- ranges ---- */

/* Where the first entry of the chunk above high begins. */
static uint32_t stream_range_end(const stream_range *r) {
  kevy_stream_id above = r->high;
  return stream_id_up(&above) ? stream_chunk_seek(r->chunk, &above) : r->chunk->used;
}

/* Forwards: from the first entry of the chunk on. Backwards: notes where its entries begin, those up to high. */
static void stream_range_enter(stream_range *r, ref leaf) {
  r->chunk = leaf != 0 ? stream_chunk_at(r->base, leaf) : NULL;
  r->at = 0;
  if (leaf == 0) return;
  if (!r->reverse) {
    r->at = r->chunk->names;
    return;
  }
  uint32_t end = stream_range_end(r);
  for (uint32_t at = r->chunk->names; at < end; at = stream_chunk_next(r->chunk, at)) r->offsets[r->at++] = at;
}

void stream_range_open(const char *base, const stream *st, stream_range *r, kevy_stream_id low, kevy_stream_id high,
                       bool reverse) {
  r->base = base;
  r->low = low;
  r->high = high;
  r->reverse = reverse;
  ref leaf = 0;
  if (stream_id_compare(&low, &high) <= 0)
    leaf = tree_seek_key(base, &st->entries, stream_compare_key, reverse ? &high : &low, &r->path);
  stream_range_enter(r, leaf);
  if (leaf != 0 && !reverse) r->at = stream_chunk_seek(r->chunk, &low);
}

bool stream_range_next(stream_range *r, stream_entry *e) {
  if (r->chunk == NULL) return false;
  while (r->reverse ? r->at == 0 : r->at == r->chunk->used) {
    stream_range_enter(r, r->reverse ? tree_prev(r->base, &r->path) : tree_next(r->base, &r->path));
    if (r->chunk == NULL) return false;
  }
  if (r->reverse) stream_chunk_read(r->chunk, r->offsets[--r->at], e);
  else r->at = stream_chunk_read(r->chunk, r->at, e);
  if (r->reverse ? stream_id_compare(&e->id, &r->low) >= 0 : stream_id_compare(&e->id, &r->high) <= 0) return true;
  r->chunk = NULL;
  return false;
}

/* ---- all of it ---- */

static bool stream_clone_entries(space *sp, const stream *from, stream *to) {
  tree_path p, end = {0};
  bool done = true;
  for (ref r = tree_first(sp->mem.base, &from->entries, &p); r != 0 && done; r = tree_next(sp->mem.base, &p)) {
    const stream_chunk *c = stream_chunk_of(sp, r);
    ref copy = stream_chunk_copy(sp, to, c, sizeof *c + c->used);
    const uint64_t key[2] = {c->first.ms, c->first.seq};
    done = copy != 0 && tree_insert(sp, &to->entries, &end, false, copy, 1, key, false);
    if (copy != 0 && !done) stream_chunk_retire(sp, to, copy);
  }
  return done;
}

static ref stream_clone(kevy_store *s, const collection *c) {
  const stream *from = (const stream *)c;
  ref top = stream_new(s->sp);
  if (top == 0) return 0;
  stream *to = stream_at(s->sp, top);
  to->length = from->length;
  to->last = from->last;
  to->deleted = from->deleted;
  to->added = from->added;
  if (stream_clone_entries(s->sp, from, to) && stream_group_clone_all(s->sp, from, to)) return top;
  node_retire_collection(s->sp, top);
  return 0;
}

static bool stream_drop(space *sp, collection *c, uint32_t *items) {
  stream *st = (stream *)c;
  return tree_drop(sp, &st->entries, items, &c->bytes) && stream_group_drop_all(sp, st, items);
}

static uint64_t stream_bytes(const collection *c) { return ((const stream *)c)->entries.bytes; }

static void stream_abandon(space *sp, collection *c, collection *before, uint64_t epoch) {
  (void)before;
  tree_abandon(sp, &((stream *)c)->entries, epoch, NULL, NULL);
  stream_group_abandon_all(sp, (stream *)c, epoch);
}

static tree *stream_leaves(collection *c) {
  ((stream *)c)->tail = 0; /* it is looked up again */
  return &((stream *)c)->entries;
}

const collection_kind stream_kind = {.drop = stream_drop, .clone = stream_clone, .bytes = stream_bytes,
                                     .abandon = stream_abandon, .leaves = stream_leaves};

static bool stream_chunk_check(const stream_chunk *c, kevy_stream_id *after, uint64_t *entries) {
  stream_entry e;
  uint32_t at = c->names, last = at, n = 0;
  for (; at < c->used; n++) {
    last = at;
    at = stream_chunk_read(c, at, &e);
    if (stream_id_compare(&e.id, after) <= 0) return false;
    *after = e.id;
    kevy_value field, value;
    while (stream_entry_next(&e, &field, &value)) continue;
    if (e.at != c->text + at) return false;
  }
  *entries += n;
  return at == c->used && last == c->last && n == c->live && n > 0 && c->ever >= n &&
         c->used <= c->head.size - sizeof *c;
}

bool stream_check(const char *base, const stream *st) {
  tree_path p;
  kevy_stream_id after = {0, 0};
  uint64_t entries = 0;
  ref r = tree_first(base, &st->entries, &p), last = 0;
  for (; r != 0; r = tree_next(base, &p)) {
    last = r;
    if (!stream_chunk_check(stream_chunk_at(base, r), &after, &entries)) return false;
  }
  return entries == st->length && stream_id_compare(&after, &st->last) <= 0 && (st->tail == 0 || st->tail == last) &&
         tree_check(base, &st->entries) && stream_group_check_all(base, st);
}
