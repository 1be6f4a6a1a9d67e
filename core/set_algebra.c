/* set_algebra: see set_algebra.h. */
#include "set_algebra.h"

#include <stdlib.h>

#include "hashing.h"

/* ---- the sets ---- */

typedef struct set_views {
  size_t count;
  set_view *at;
  set_view few[8];
} set_views;

static void set_views_end(set_views *v) {
  if (v->at != v->few) free(v->at);
}

/* What has expired stays until the end, so that nothing a view shows goes. All keys are looked at before the
 * first is answered for. */
static kevy_status set_views_open(kevy_store *s, set_views *v, size_t k, const kevy_value *keys) {
  v->count = k;
  v->at = v->few;
  if (k > sizeof v->few / sizeof v->few[0]) v->at = k <= SIZE_MAX / sizeof *v->at ? malloc(k * sizeof *v->at) : NULL;
  if (v->at == NULL) return KEVY_EOOM;
  for (size_t i = 0; i < k; i++) {
    char digits[NUMBER_FLOAT_MAX];
    if (keys[i].kind > KEVY_INT) return KEVY_EARG;
    kevy_value key = number_byte_form(&keys[i], digits);
    kevy_status status = set_view_open(s, key.as.ptr, key.len, true, &v->at[i]);
    if (status < 0) return status;
  }
  return KEVY_OK;
}

static int set_views_order(const void *a, const void *b) {
  uint64_t x = ((const set_view *)a)->count, y = ((const set_view *)b)->count;
  return (x > y) - (x < y);
}
static void set_views_sort(set_view *at, size_t k) { qsort(at, k, sizeof *at, set_views_order); }

/* ---- results ---- */

void set_result_end(set_result *r) { free(r->items); }

static bool set_result_grow(set_result *r) {
  uint64_t room = r->room < 64 ? 64 : r->room * 2;
  set_item *items = room <= SIZE_MAX / sizeof *items ? realloc(r->items, room * sizeof *items) : NULL;
  if (items == NULL) return false;
  r->items = items;
  r->room = room;
  return true;
}

static inline bool set_result_add(set_result *r, set_item item) {
  if (r->count == r->room && !set_result_grow(r)) return false;
  r->items[r->count++] = item;
  return true;
}

/* ---- a set's members, some at a time ---- */

typedef struct set_some {
  set_batch batch; /* keys; hashes, once they are asked for */
  set_item items[SET_BATCH];
  size_t n;
  bool hashed;
} set_some;

static bool set_some_next(set_walk *w, set_some *some) {
  uint32_t kind;
  some->n = 0;
  some->hashed = false;
  while (some->n < SET_BATCH && (some->items[some->n] = set_walk_next(w)) != 0) some->n++;
  for (size_t i = 0; i < some->n; i++)
    some->batch.key[i] = set_item_key(some->items[i], some->batch.digits[i], &kind);
  return some->n != 0;
}

/* Keys of entries are read with what they mean as numbers, where a packed block is to be asked. */
static void set_some_parse(set_some *some) {
  for (size_t i = 0; i < some->n; i++) {
    packed_key *key = &some->batch.key[i];
    if (some->items[i] & 1) continue;
    kevy_value bytes = {KEVY_BYTES, 0, key->len, {.ptr = key->ptr}};
    *key = packed_key_of(&bytes, some->batch.digits[i]);
  }
}

static void set_some_hash(const space *sp, set_some *some) {
  if (some->hashed) return;
  for (size_t i = 0; i < some->n; i++) some->batch.hash[i] = set_hash(sp, &some->batch.key[i]);
  some->hashed = true;
}

/* Which of them are in a set. */
static void set_some_ask(const set_view *v, set_some *some, bool found[SET_BATCH]) {
  if (v->large == NULL) {
    set_some_parse(some);
  } else {
    set_some_hash(v->sp, some);
    const char *base = v->sp->mem.base;
    for (size_t i = 0; i < some->n; i++) table_prefetch(base, &v->large->members, some->batch.hash[i]);
    for (size_t i = 0; i < some->n; i++) table_prefetch_entry(base, &v->large->members, some->batch.hash[i]);
  }
  set_batch_has(v, &some->batch, some->n, found);
}

/* Keeps those for which found is as wanted. */
static void set_some_keep(set_some *some, const bool found[SET_BATCH], bool wanted) {
  size_t kept = 0;
  for (size_t i = 0; i < some->n; i++) {
    if (found[i] != wanted) continue;
    /* Keys of digits point into their own place's buffer. */
    if (kept != i) {
      packed_key key = some->batch.key[i];
      if (key.ptr == some->batch.digits[i]) {
        memcpy(some->batch.digits[kept], key.ptr, PACKED_NUMBER);
        key.ptr = some->batch.digits[kept];
      }
      some->batch.key[kept] = key;
      some->batch.hash[kept] = some->batch.hash[i];
      some->items[kept] = some->items[i];
    }
    kept++;
  }
  some->n = kept;
}

/* Keeps those that are in all k sets, or in none. */
static void set_some_sift(set_some *some, const set_view *at, size_t k, bool wanted) {
  for (size_t i = 0; i < k && some->n != 0; i++) {
    bool found[SET_BATCH];
    if (at[i].count == 0 && !wanted) continue;
    set_some_ask(&at[i], some, found);
    set_some_keep(some, found, wanted);
  }
}

static bool set_some_give(const set_some *some, set_result *out) {
  for (size_t i = 0; i < some->n; i++)
    if (!set_result_add(out, some->items[i])) return false;
  return true;
}

/* ---- members met so far: open addressing by hash, at most half full ---- */

typedef struct set_met_cell {
  uint64_t hash;
  set_item item; /* 0: free */
} set_met_cell;

typedef struct set_met {
  set_met_cell *cells;
  uint64_t mask;
} set_met;

static bool set_met_open(set_met *m, uint64_t most) {
  uint64_t size = 16;
  while (size < 2 * most) size *= 2;
  m->mask = size - 1;
  m->cells = calloc(size, sizeof *m->cells);
  return m->cells != NULL;
}

static bool set_met_same(const set_met_cell *cell, uint64_t hash, const packed_key *key) {
  if (cell->hash != hash) return false;
  char digits[PACKED_NUMBER];
  uint32_t kind;
  packed_key other = set_item_key(cell->item, digits, &kind);
  return other.len == key->len && (key->len == 0 || memcmp(other.ptr, key->ptr, key->len) == 0);
}

static set_met_cell *set_met_find(const set_met *m, uint64_t hash, const packed_key *key) {
  uint64_t at = hash & m->mask;
  while (m->cells[at].item != 0 && !set_met_same(&m->cells[at], hash, key)) at = (at + 1) & m->mask;
  return &m->cells[at];
}

/* ---- intersection ---- */

/* What to do with members found: false when there is enough, or no memory. */
typedef bool (*set_take)(void *context, const set_some *some);

static void set_inter(set_views *v, set_take take, void *context) {
  set_views_sort(v->at, v->count);
  set_walk w = set_walk_begin(&v->at[0]);
  set_some some;
  if (v->at[0].count == 0) return;
  while (set_some_next(&w, &some)) {
    set_some_sift(&some, v->at + 1, v->count - 1, true);
    if (!take(context, &some)) return;
  }
}

typedef struct set_gather {
  set_result *out;
  bool failed;
} set_gather;

static bool set_gather_take(void *context, const set_some *some) {
  set_gather *g = context;
  if (!set_some_give(some, g->out)) g->failed = true;
  return !g->failed;
}

static bool set_combine_inter(set_views *v, set_result *out) {
  set_gather g = {out, false};
  set_inter(v, set_gather_take, &g);
  return !g.failed;
}

typedef struct set_tally {
  uint64_t count, limit;
} set_tally;

static bool set_tally_take(void *context, const set_some *some) {
  set_tally *t = context;
  t->count += some->n;
  return t->count < t->limit;
}

kevy_status set_common(kevy_store *s, size_t k, const kevy_value *keys, uint64_t limit, uint64_t *count) {
  set_views v;
  set_tally t = {0, limit};
  kevy_status status = set_views_open(s, &v, k, keys);
  if (status == KEVY_OK) set_inter(&v, set_tally_take, &t);
  set_views_end(&v);
  *count = t.count < limit ? t.count : limit;
  return status;
}

/* ---- union ---- */

/* The members of v[i] that are neither in the largest set nor met in those before. */
static bool set_union_more(const set_view *largest, const set_view *v, set_met *met, set_result *out) {
  set_walk w = set_walk_begin(v);
  set_some some;
  while (set_some_next(&w, &some)) {
    set_some_sift(&some, largest, 1, false);
    if (met != NULL) set_some_hash(v->sp, &some);
    for (size_t i = 0; i < some.n; i++) {
      if (met != NULL) {
        set_met_cell *cell = set_met_find(met, some.batch.hash[i], &some.batch.key[i]);
        if (cell->item != 0) continue;
        *cell = (set_met_cell){some.batch.hash[i], some.items[i]};
      }
      if (!set_result_add(out, some.items[i])) return false;
    }
  }
  return true;
}

static bool set_combine_union(set_views *v, set_result *out) {
  set_views_sort(v->at, v->count);
  size_t last = v->count - 1;
  const set_view *largest = &v->at[last];
  uint64_t others = 0;
  for (size_t i = 0; i < last; i++) others += v->at[i].count;
  set_met met = {NULL, 0};
  bool two = last > 0 && others == v->at[last - 1].count; /* no more than two that are not empty */
  if (!two && others != 0 && !set_met_open(&met, others)) return false;
  set_walk w = set_walk_begin(largest);
  bool done = true;
  for (set_item item; done && (item = set_walk_next(&w)) != 0;) done = set_result_add(out, item);
  for (size_t i = 0; i < last && done; i++) done = set_union_more(largest, &v->at[i], met.cells ? &met : NULL, out);
  free(met.cells);
  return done;
}

/* ---- difference ---- */

/* Asks the others for each member of the first. */
static bool set_diff_by_asking(const set_view *first, const set_view *others, size_t k, set_result *out) {
  set_walk w = set_walk_begin(first);
  set_some some;
  while (set_some_next(&w, &some)) {
    set_some_sift(&some, others, k, false);
    if (!set_some_give(&some, out)) return false;
  }
  return true;
}

/* Marks what the others have of a large first one; then gives the rest of it. */
static void set_diff_mark(const set_view *first, const set_view *other, set_met *met) {
  const char *base = first->sp->mem.base;
  set_walk w = set_walk_begin(other);
  set_some some;
  while (set_some_next(&w, &some)) {
    set_batch_load(first->sp, first->large, &some.batch, some.n);
    for (size_t i = 0; i < some.n; i++) {
      const packed_key *key = &some.batch.key[i];
      uint64_t *slot = member_find(base, first->large, some.batch.hash[i], key->ptr, key->len);
      if (slot == NULL) continue;
      set_met_cell *cell = set_met_find(met, some.batch.hash[i], key);
      *cell = (set_met_cell){some.batch.hash[i], set_item_large(base, slot_ref(*slot))};
    }
  }
}

static bool set_diff_by_marking(const set_view *first, const set_view *others, size_t k, uint64_t marks,
                                set_result *out) {
  set_met met;
  if (!set_met_open(&met, marks)) return false;
  for (size_t i = 0; i < k; i++) set_diff_mark(first, &others[i], &met);
  set_walk w = set_walk_begin(first);
  set_some some;
  bool done = true;
  while (done && set_some_next(&w, &some)) {
    set_some_hash(first->sp, &some);
    for (size_t i = 0; i < some.n && done; i++)
      if (set_met_find(&met, some.batch.hash[i], &some.batch.key[i])->item == 0)
        done = set_result_add(out, some.items[i]);
  }
  free(met.cells);
  return done;
}

/* Marking costs a step for each member of all sets, asking up to one for each other set and member of the first. */
static bool set_combine_diff(set_views *v, set_result *out) {
  const set_view *first = &v->at[0];
  size_t k = v->count - 1;
  uint64_t others = 0;
  if (first->count == 0) return true;
  set_views_sort(v->at + 1, k);
  for (size_t i = 1; i <= k; i++) others += v->at[i].count;
  bool mark = first->large != NULL && others < first->count / 2 * k && others < first->count;
  return mark ? set_diff_by_marking(first, v->at + 1, k, others, out)
              : set_diff_by_asking(first, v->at + 1, k, out);
}

/* ---- all three ---- */

kevy_status set_combine(kevy_store *s, set_operation what, size_t k, const kevy_value *keys, set_result *out) {
  set_views v;
  *out = (set_result){0, NULL, 0};
  kevy_status status = set_views_open(s, &v, k, keys);
  if (status == KEVY_OK) {
    bool done = what == SET_INTER   ? set_combine_inter(&v, out)
                : what == SET_UNION ? set_combine_union(&v, out)
                                    : set_combine_diff(&v, out);
    if (!done) status = KEVY_EOOM;
  }
  set_views_end(&v);
  return status;
}

static kevy_status set_result_put(kevy_store *s, const set_result *r, const char *to, size_t tolen, uint32_t flags) {
  probe p;
  set_build b;
  kevy_status status = KEVY_OK;
  set_build_begin(s, &b);
  for (uint64_t i = 0; i < r->count && status == KEVY_OK; i++) status = set_build_add_new(&b, r->items[i]);
  if (status == KEVY_OK) {
    probe_find(s, &p, to, tolen);
    if (r->count == 0) {
      if (p.live != NULL) probe_remove(s, &p);
      return KEVY_OK;
    }
    set_overwrite(&p, &flags);
    status = set_build_put(&b, &p, flags);
  }
  if (status != KEVY_OK) set_build_drop(&b);
  return status;
}

kevy_status set_combine_into(kevy_store *s, set_operation what, const char *to, size_t tolen, size_t k,
                             const kevy_value *keys, uint32_t flags, uint64_t *count) {
  kevy_status status = store_write(s);
  if (status != KEVY_OK) return status;
  if (tolen > KEVY_MAX_LEN) return KEVY_ETOOBIG;
  set_result r;
  status = set_combine(s, what, k, keys, &r);
  if (status == KEVY_OK) status = set_result_put(s, &r, to, tolen, flags);
  if (status == KEVY_OK) *count = r.count;
  set_result_end(&r);
  return status;
}
