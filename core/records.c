/* records: see records.h. */
#include "records.h"

#include "space.h"

typedef struct records_leaf {
  node head;
  uint32_t used;
  uint32_t unused;
  char bytes[];
} records_leaf;

#define RECORDS_LEAF_LEAST 64

static inline records_leaf *records_leaf_at(const char *base, ref r) { return mem_ptr(base, r); }

static inline uint32_t records_capacity(const records_leaf *l, const record_kind *kind) {
  return (l->head.size - (uint32_t)sizeof *l) / kind->size;
}

static inline char *records_nth(records_leaf *l, const record_kind *kind, uint32_t i) {
  return l->bytes + (size_t)i * kind->size;
}

/* The first record of a leaf that is not before what is sought. */
static uint32_t records_lower(records_leaf *l, const record_kind *kind, const void *sought, bool *found) {
  uint32_t low = 0, high = l->used;
  *found = false;
  while (low < high) {
    uint32_t middle = low + (high - low) / 2;
    uint64_t key[2];
    memcpy(key, records_nth(l, kind, middle), sizeof key);
    int order = kind->compare(sought, key);
    if (order < 0) low = middle + 1;
    else high = middle;
    if (order == 0) *found = true;
  }
  return low;
}

/* ---- finding ---- */

static void *records_here(const char *base, const record_kind *kind, const records_at *at) {
  return records_nth(records_leaf_at(base, at->leaf), kind, at->index);
}

const void *records_in_leaf(const char *base, ref leaf, const record_kind *kind, uint32_t i) {
  records_leaf *l = records_leaf_at(base, leaf);
  return i < l->used ? records_nth(l, kind, i) : NULL;
}

void *records_find(const char *base, const tree *t, const record_kind *kind, const void *sought, records_at *at) {
  at->index = 0;
  at->found = false;
  at->leaf = tree_seek_key(base, t, kind->compare, sought, &at->path);
  if (at->leaf == 0) return NULL;
  at->index = records_lower(records_leaf_at(base, at->leaf), kind, sought, &at->found);
  return at->found ? records_here(base, kind, at) : NULL;
}

static void *records_at_leaf(const char *base, const record_kind *kind, records_at *at, ref leaf, uint32_t index) {
  at->leaf = leaf;
  at->index = index;
  at->found = leaf != 0;
  return leaf != 0 ? records_here(base, kind, at) : NULL;
}

/* The record at the place, or the next leaf's first. */
static void *records_settle(const char *base, const record_kind *kind, records_at *at) {
  if (at->index < records_leaf_at(base, at->leaf)->used) {
    at->found = true;
    return records_here(base, kind, at);
  }
  ref next = tree_next(base, &at->path);
  return next != 0 ? records_at_leaf(base, kind, at, next, 0) : NULL;
}

void *records_seek(const char *base, const tree *t, const record_kind *kind, const void *sought, records_at *at) {
  if (records_find(base, t, kind, sought, at) != NULL) return records_here(base, kind, at);
  return at->leaf != 0 ? records_settle(base, kind, at) : NULL;
}

void *records_first(const char *base, const tree *t, const record_kind *kind, records_at *at) {
  return records_at_leaf(base, kind, at, tree_first(base, t, &at->path), 0);
}

void *records_last(const char *base, const tree *t, const record_kind *kind, records_at *at) {
  ref leaf = tree_last(base, t, &at->path);
  return records_at_leaf(base, kind, at, leaf, leaf != 0 ? records_leaf_at(base, leaf)->used - 1 : 0);
}

void *records_next(const char *base, const record_kind *kind, records_at *at) {
  at->index++;
  void *record = records_settle(base, kind, at);
  if (record == NULL) at->index--;
  return record;
}

/* ---- changing ---- */

void *records_own(space *sp, tree *t, const record_kind *kind, records_at *at, bool must) {
  ref leaf = tree_own(sp, t, &at->path, must);
  if (UNLIKELY(leaf == 0)) return NULL;
  at->leaf = leaf;
  return records_here(sp->mem.base, kind, at);
}

static ref records_leaf_new(space *sp, uint32_t size, bool must, uint64_t *bytes) {
  size = (uint32_t)mem_round(size);
  ref r = node_new(sp, size, must);
  if (UNLIKELY(r == 0)) return 0;
  records_leaf *l = records_leaf_at(sp->mem.base, r);
  l->used = l->unused = 0;
  *bytes += size;
  return r;
}

static void records_leaf_free(space *sp, ref r, uint64_t *bytes) {
  *bytes -= records_leaf_at(sp->mem.base, r)->head.size;
  node_retire(sp, r);
}

static void records_first_key(const char *base, ref leaf, uint64_t key[2]) {
  memcpy(key, records_leaf_at(base, leaf)->bytes, 2 * sizeof(uint64_t));
}

/* Puts the record into a leaf that is owned and has room. */
static void records_put(space *sp, tree *t, const record_kind *kind, const records_at *at, const void *record) {
  records_leaf *l = records_leaf_at(sp->mem.base, at->leaf);
  char *here = records_nth(l, kind, at->index);
  memmove(here + kind->size, here, (size_t)(l->used - at->index) * kind->size);
  memcpy(here, record, kind->size);
  l->used++;
  uint64_t key[2];
  records_first_key(sp->mem.base, at->leaf, key);
  tree_update(sp->mem.base, t, &at->path, 1, at->index == 0 ? key : NULL);
}

/* Moves an owned leaf into a block of another size. */
static bool records_resize(space *sp, records_at *at, uint32_t size, bool must, uint64_t *bytes) {
  ref r = records_leaf_new(sp, size, must, bytes);
  if (r == 0) return false;
  records_leaf *from = records_leaf_at(sp->mem.base, at->leaf), *to = records_leaf_at(sp->mem.base, r);
  uint32_t room = to->head.size < from->head.size ? to->head.size : from->head.size;
  to->used = from->used;
  memcpy(to->bytes, from->bytes, room - sizeof *to);
  tree_move(sp->mem.base, &at->path, r);
  records_leaf_free(sp, at->leaf, bytes);
  at->leaf = r;
  return true;
}

/* A new leaf beside the place's, with these records. */
static bool records_add_leaf(space *sp, tree *t, const record_kind *kind, tree_path *p, const char *records,
                             uint32_t n, uint32_t size, bool must, uint64_t *bytes) {
  ref r = records_leaf_new(sp, size, must, bytes);
  if (r == 0) return false;
  records_leaf *l = records_leaf_at(sp->mem.base, r);
  l->used = n;
  memcpy(l->bytes, records, (size_t)n * kind->size);
  uint64_t key[2];
  records_first_key(sp->mem.base, r, key);
  if (tree_insert(sp, t, p, false, r, n, key, must)) return true;
  records_leaf_free(sp, r, bytes);
  return false;
}

/* Halves the place's leaf, which is owned and full, and moves the place to the half where the record belongs. */
static bool records_split(space *sp, tree *t, const record_kind *kind, records_at *at, bool must, uint64_t *bytes) {
  records_leaf *l = records_leaf_at(sp->mem.base, at->leaf);
  uint32_t keep = l->used / 2, n = l->used - keep;
  tree_path p = at->path;
  if (!records_add_leaf(sp, t, kind, &p, records_nth(l, kind, keep), n, l->head.size, must, bytes)) return false;
  tree_path left = p;
  tree_prev(sp->mem.base, &left);
  l->used = keep;
  tree_update(sp->mem.base, t, &left, -(int64_t)n, NULL);
  if (at->index <= keep) {
    at->path = left;
  } else {
    at->index -= keep;
    at->path = p;
  }
  at->leaf = tree_own(sp, t, &at->path, must);
  return at->leaf != 0;
}

static bool records_at_end(const char *base, const records_at *at) {
  tree_path p = at->path;
  return at->index == records_leaf_at(base, at->leaf)->used && tree_next(base, &p) == 0;
}

static bool records_insert_into(space *sp, tree *t, const record_kind *kind, records_at *at, const void *record,
                                bool must, uint64_t *bytes) {
  uint32_t least = RECORDS_LEAF_LEAST;
  if (at->leaf == 0) return records_add_leaf(sp, t, kind, &at->path, record, 1, least, must, bytes);
  records_leaf *l = records_leaf_at(sp->mem.base, at->leaf);
  bool full = l->used == records_capacity(l, kind);
  if (full && l->head.size >= RECORDS_LEAF && records_at_end(sp->mem.base, at))
    return records_add_leaf(sp, t, kind, &at->path, record, 1, RECORDS_LEAF, must, bytes);
  if ((at->leaf = tree_own(sp, t, &at->path, must)) == 0) return false;
  l = records_leaf_at(sp->mem.base, at->leaf);
  if (full && l->head.size < RECORDS_LEAF) {
    uint32_t size = 2 * l->head.size < RECORDS_LEAF ? 2 * l->head.size : RECORDS_LEAF;
    if (!records_resize(sp, at, size, must, bytes)) return false;
  } else if (full && !records_split(sp, t, kind, at, must, bytes)) {
    return false;
  }
  records_put(sp, t, kind, at, record);
  return true;
}

bool records_insert(space *sp, tree *t, const record_kind *kind, records_at *at, const void *record, bool must,
                    uint64_t *bytes) {
  uint64_t before = t->bytes;
  bool done = records_insert_into(sp, t, kind, at, record, must, bytes);
  *bytes += t->bytes - before;
  return done;
}

void records_remove(space *sp, tree *t, const record_kind *kind, records_at *at, uint64_t *bytes) {
  uint64_t before = t->bytes;
  records_leaf *l = records_leaf_at(sp->mem.base, at->leaf);
  if (l->used == 1) {
    *bytes -= l->head.size;
    tree_remove(sp, t, &at->path);
  } else if ((at->leaf = tree_own(sp, t, &at->path, true)) != 0) {
    l = records_leaf_at(sp->mem.base, at->leaf);
    char *here = records_nth(l, kind, at->index);
    l->used--;
    memmove(here, here + kind->size, (size_t)(l->used - at->index) * kind->size);
    uint64_t key[2];
    records_first_key(sp->mem.base, at->leaf, key);
    tree_update(sp->mem.base, t, &at->path, -1, at->index == 0 ? key : NULL);
    if (l->used * 4 < records_capacity(l, kind) && l->head.size > 2 * RECORDS_LEAF_LEAST)
      (void)records_resize(sp, at, l->head.size / 2, false, bytes);
  }
  *bytes += t->bytes - before;
}

/* ---- all of it ---- */

bool records_clone(space *sp, const tree *from, tree *to, const record_kind *kind, uint64_t *bytes) {
  const char *base = sp->mem.base;
  tree_path p, end = {0};
  tree_open(to);
  bool done = true;
  for (ref r = tree_first(base, from, &p); r != 0 && done; r = tree_next(base, &p)) {
    records_leaf *l = records_leaf_at(base, r);
    done = records_add_leaf(sp, to, kind, &end, l->bytes, l->used, l->head.size, false, bytes);
  }
  *bytes += to->bytes;
  return done;
}

bool records_drop(space *sp, tree *t, uint32_t *items, uint64_t *bytes) {
  tree_path p;
  for (ref r; (r = tree_last(sp->mem.base, t, &p)) != 0; --*items) {
    if (*items == 0) return false;
    uint64_t before = t->bytes;
    *bytes -= records_leaf_at(sp->mem.base, r)->head.size;
    tree_remove(sp, t, &p);
    *bytes += t->bytes - before;
  }
  return true;
}
