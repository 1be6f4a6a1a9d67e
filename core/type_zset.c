/* type_zset: see type_zset.h. */
#include "zset_forms.h"

#include <stdlib.h>

#include "hashing.h"

/* ---- adding one ---- */

#define ZSET_INCR 0x80000000u /* beside the flags of kevy_types.h: the score given is added */

typedef struct zset_outcome {
  enum { ZSET_SAME, ZSET_ADDED, ZSET_UPDATED, ZSET_FORBIDDEN } what;
  double was, score;
} zset_outcome;

/* Decides what a score given means to a member: that was there, or not (was is NULL). */
static FLAT kevy_status zset_decide(const double *was, double given, uint32_t flags, zset_outcome *out) {
  *out = (zset_outcome){ZSET_ADDED, was != NULL ? *was : 0, given};
  out->what = ZSET_FORBIDDEN;
  if (flags & (was != NULL ? KEVY_NX : KEVY_XX)) return KEVY_OK;
  if (flags & ZSET_INCR) out->score += out->was;
  out->score += 0.0;
  if (isnan(out->score)) return KEVY_ENAN;
  if (was == NULL) {
    out->what = ZSET_ADDED;
    return KEVY_OK;
  }
  if ((flags & KEVY_GT) && !(out->score > *was)) return KEVY_OK;
  if ((flags & KEVY_LT) && !(out->score < *was)) return KEVY_OK;
  out->what = out->score == *was ? ZSET_SAME : ZSET_UPDATED;
  return KEVY_OK;
}

static kevy_status zset_apply_large(zset_edit *e, const member_name *m, double given, zset_outcome *out) {
  kevy_store *s = e->s;
  uint64_t hash = member_name_hash(s->sp, m);
  uint64_t *slot = member_find_to_write(s->base, &e->large->k, hash, m->key.ptr, m->key.len);
  double was = slot != NULL ? zset_entry_score(mem_ptr(s->base, slot_ref(*slot))) : 0;
  kevy_status status = zset_decide(slot != NULL ? &was : NULL, given, e->flags, out);
  if (status != KEVY_OK || out->what == ZSET_SAME || out->what == ZSET_FORBIDDEN) return status;
  if (!zset_edit_own(e, false)) return KEVY_EOOM;
  bool done = slot != NULL ? zset_rescore(s, e->large, hash, slot, out->score, false)
                           : zset_insert(s, e->large, hash, m->key.ptr, m->key.len, m->kind, out->score);
  return done ? KEVY_OK : KEVY_EOOM;
}

/* The member of an edited block gets another place. It keeps its kind. */
static void zset_reblock(zset_edit *e, const char *at, const member_name *m, double score) {
  kevy_value member;
  char digits[PACKED_NUMBER];
  packed_get(at, &member, digits);
  member = zset_value(m->key.ptr, m->key.len, member.kind);
  e->len = packed_splice(e->block, e->len, at, 2, NULL, 0);
  e->len = zset_block_insert(e->block, e->len, &member, &m->key, score);
}

static kevy_status zset_apply(zset_edit *e, const kevy_value *member, double given, zset_outcome *out) {
  member_name m;
  kevy_status status = member_name_of(&m, member);
  if (UNLIKELY(status != KEVY_OK)) return status;
  if (e->large != NULL) return zset_apply_large(e, &m, given, out);
  const char *at = packed_find(e->block, e->len, &m.key, 2);
  double was = at != NULL ? zset_packed_score(packed_next(at)) : 0;
  status = zset_decide(at != NULL ? &was : NULL, given, e->flags, out);
  if (status != KEVY_OK || out->what == ZSET_SAME || out->what == ZSET_FORBIDDEN) return status;
  e->changed = true;
  if (at != NULL) {
    zset_reblock(e, at, &m, out->score);
    return KEVY_OK;
  }
  if (m.key.len > ZSET_SMALL_LEN || packed_count(e->block) == 2 * ZSET_SMALL_COUNT)
    return zset_edit_promote(e) ? zset_apply_large(e, &m, given, out) : KEVY_EOOM;
  e->len = zset_block_insert(e->block, e->len, member, &m.key, out->score);
  return KEVY_OK;
}

/* ---- adding many ---- */

/* What was done to a set where it stands, to undo it. */
typedef struct zset_done {
  bool added, updated;
  double was;
} zset_done;

static void zset_undo_one(zset_edit *e, const kevy_value *member, const zset_done *done) {
  if (!done->added && !done->updated) return;
  member_name m;
  (void)member_name_of(&m, member);
  uint64_t hash = member_name_hash(e->s->sp, &m);
  uint64_t *slot = member_find(e->s->base, &e->large->k, hash, m.key.ptr, m.key.len);
  if (slot == NULL) return;
  if (done->added) zset_delete(e->s->sp, e->large, hash, slot);
  else (void)zset_rescore(e->s, e->large, hash, slot, done->was, true);
}

static COLD void zset_undo(zset_edit *e, size_t k, const kevy_value *members, const zset_done *done) {
  if (done == NULL) return;
  while (k-- > 0) zset_undo_one(e, &members[k], &done[k]);
}

static kevy_status zset_check_args(kevy_store *s, size_t k, const kevy_value *members, const double *scores, uint32_t flags) {
  kevy_status status = store_conditions(s, flags);
  if (UNLIKELY(status != KEVY_OK)) return status;
  for (size_t i = 0; i < k; i++) {
    if (members[i].kind > KEVY_INT) return KEVY_EARG;
    if (isnan(scores[i])) return KEVY_ENOTFLOAT;
  }
  return KEVY_OK;
}

static kevy_status zset_apply_all(zset_edit *e, size_t k, const kevy_value *members, const double *scores,
                                  zset_done *done, uint64_t *added, uint64_t *updated) {
  for (size_t i = 0; i < k; i++) {
    zset_outcome out;
    kevy_status status = zset_apply(e, &members[i], scores[i], &out);
    if (UNLIKELY(status != KEVY_OK)) {
      zset_undo(e, i, members, done);
      return status;
    }
    *added += out.what == ZSET_ADDED;
    *updated += out.what == ZSET_UPDATED;
    if (done != NULL) done[i] = (zset_done){out.what == ZSET_ADDED, out.what == ZSET_UPDATED, out.was};
  }
  return KEVY_OK;
}

kevy_status zset_add(kevy_store *s, const char *key, size_t klen, size_t k, const kevy_value *members,
                     const double *scores, uint32_t flags, uint64_t *changed) {
  uint64_t added = 0, updated = 0;
  if (changed != NULL) *changed = 0;
  kevy_status status = zset_check_args(s, k, members, scores, flags);
  if (UNLIKELY(status != KEVY_OK)) return status;
  zset_edit e;
  status = zset_edit_begin(&e, s, key, klen, flags);
  if (UNLIKELY(status != KEVY_OK)) return status;
  zset_done *done = NULL;
  if (k > 1 && e.large != NULL) {
    done = k <= SIZE_MAX / sizeof *done ? malloc(k * sizeof *done) : NULL;
    if (done == NULL) return KEVY_EOOM;
  }
  status = zset_edit_end(&e, zset_apply_all(&e, k, members, scores, done, &added, &updated));
  free(done);
  if (status == KEVY_OK && changed != NULL) *changed = added + (flags & KEVY_CHANGED ? updated : 0);
  return status;
}

__attribute__((noinline)) bool zset_add_member(kevy_store *s, const entry *e, const kevy_value *member,
                                               double score, uint64_t *changed) {
  if (member->len - 8 > 8) __builtin_unreachable();
  zset *z = (zset *)collection_large(s->base, e);
  uint64_t hash = hash_short(s->secret, member->as.ptr, member->len);
  if (member_find_to_write(s->base, &z->k, hash, member->as.ptr, member->len) != NULL) return false;
  if (!zset_insert(s, z, hash, member->as.ptr, member->len, member->kind, score + 0.0)) return false;
  if (changed != NULL) *changed = 1;
  s->sp->written = true;
  s->until_pay--;
  return true;
}

FLAT bool zset_add_quick(kevy_store *s, const char *key, size_t klen, const kevy_value *member, double score,
                         uint64_t *changed) {
  if (!collection_calm(s) || isnan(score)) return false;
  const entry *e = collection_recent(s, key, klen, KEVY_TYPE_ZSET);
  s->grows = true;
  return e != NULL && zset_add_member(s, e, member, score, changed);
}

kevy_status zset_incr(kevy_store *s, const char *key, size_t klen, const kevy_value *member, double by,
                      uint32_t flags, double *score) {
  kevy_status status = zset_check_args(s, 1, member, &by, flags);
  if (status != KEVY_OK) return status;
  zset_edit e;
  status = zset_edit_begin(&e, s, key, klen, (flags & ~KEVY_REPLACE) | ZSET_INCR);
  if (status != KEVY_OK) return status;
  zset_outcome out;
  status = zset_edit_end(&e, zset_apply(&e, member, by, &out));
  if (status != KEVY_OK) return status;
  if (score != NULL) *score = out.score;
  return out.what == ZSET_FORBIDDEN ? KEVY_UNMET : KEVY_OK;
}

/* Whether all pairs together, as yet without a set, may be a small one. */
static bool zset_pairs_small(size_t n, const zset_pair *pairs) {
  if (n > ZSET_SMALL_COUNT) return false;
  for (size_t i = 0; i < n; i++)
    if (pairs[i].member.kind != KEVY_INT && pairs[i].member.len > ZSET_SMALL_LEN) return false;
  return true;
}

kevy_status zset_store(kevy_store *s, const char *key, size_t klen, size_t n, const zset_pair *pairs,
                       uint32_t flags) {
  zset_edit e;
  kevy_status status = zset_edit_begin(&e, s, key, klen, (flags & KEVY_TEXT_KEY) | KEVY_REPLACE);
  if (status == KEVY_OK && !zset_pairs_small(n, pairs) && !zset_edit_promote(&e)) status = KEVY_EOOM;
  if (status != KEVY_OK) return status;
  for (size_t i = 0; i < n && status == KEVY_OK; i++) {
    zset_outcome out;
    status = zset_apply(&e, &pairs[i].member, pairs[i].score, &out);
  }
  return zset_edit_end(&e, status);
}

/* ---- removing ---- */

static kevy_status zset_remove_one(zset_edit *e, const kevy_value *member, uint64_t *removed) {
  member_name m;
  kevy_status status = member_name_of(&m, member);
  if (status == KEVY_ETOOBIG) return KEVY_OK;
  if (status != KEVY_OK) return status;
  if (e->large == NULL) {
    const char *at = packed_find(e->block, e->len, &m.key, 2);
    if (at == NULL) return KEVY_OK;
    e->len = packed_splice(e->block, e->len, at, 2, NULL, 0);
    e->changed = true;
  } else {
    uint64_t hash = member_name_hash(e->s->sp, &m);
    uint64_t *slot = member_find(e->s->base, &e->large->k, hash, m.key.ptr, m.key.len);
    if (slot == NULL || !zset_edit_own(e, true)) return KEVY_OK;
    zset_delete(e->s->sp, e->large, hash, slot);
  }
  ++*removed;
  return KEVY_OK;
}

/* Puts an edited block that became shorter; where there is no memory for a copy of it, on the reserve. */
static kevy_status zset_put_less(zset_edit *e) {
  if (e->large != NULL) {
    zset_edit_shrunk(e);
    return KEVY_OK;
  }
  if (!e->changed) return KEVY_OK;
  return collection_put_packed(e->s, &e->p, KEVY_TYPE_ZSET, e->block, e->len, e->flags);
}

kevy_status zset_remove(kevy_store *s, const char *key, size_t klen, size_t k, const kevy_value *members,
                        uint64_t *removed) {
  uint64_t count = 0;
  if (removed != NULL) *removed = 0;
  for (size_t i = 0; i < k; i++)
    if (members[i].kind > KEVY_INT) return KEVY_EARG;
  zset_edit e;
  kevy_status status = zset_edit_begin(&e, s, key, klen, 0);
  if (status != KEVY_OK) return status;
  if (e.p.live == NULL) return KEVY_MISSING;
  for (size_t i = 0; i < k; i++) (void)zset_remove_one(&e, &members[i], &count);
  status = zset_put_less(&e);
  if (status == KEVY_OK && removed != NULL) *removed = count;
  return status;
}

kevy_status zset_open_write(kevy_store *s, probe *p, const char *key, size_t klen, zset_view *v) {
  *v = (zset_view){.sp = s->sp};
  kevy_status status = collection_write(s, p, key, klen, KEVY_TYPE_ZSET);
  if (status != KEVY_OK) return status;
  if (p->live == NULL) return KEVY_MISSING;
  *v = zset_view_of(s->sp, p->live);
  return KEVY_OK;
}

/* Takes out of a writable large set up to k elements from a position on, those of one leaf. Returns how many. */
static uint32_t zset_remove_leaf(space *sp, zset *z, uint64_t position, uint64_t k) {
  const char *base = sp->mem.base;
  tree_path p;
  uint64_t at;
  ref r = tree_seek_position(base, &z->order, position, &p, &at);
  if (r == 0) return 0;
  uint32_t n = zset_path_count(base, &p) - (uint32_t)at;
  if (n > k) n = (uint32_t)k;
  ref members[ZSET_LEAF_MAX];
  for (uint32_t i = 0; i < n; i++) members[i] = zset_leaf_at(base, r)->at[at + i].member;
  zset_order_cut(sp, z, &p, (uint32_t)at, n);
  for (uint32_t i = 0; i < n; i++) {
    const entry *e = mem_ptr(base, members[i]);
    uint64_t hash = hash_bytes(sp->secret, entry_key(e), entry_klen(e));
    uint64_t *slot = table_find_ref(base, &z->k.members, hash, members[i]);
    if (slot != NULL) zset_forget(sp, z, hash, slot);
  }
  return n;
}

kevy_status zset_remove_range(kevy_store *s, probe *p, const zset_view *v, uint64_t first, uint64_t end) {
  if (first >= end) return KEVY_OK;
  if (first == 0 && end >= v->count) {
    probe_remove(s, p);
    return KEVY_OK;
  }
  zset_edit e = {.s = s, .p = *p, .len = v->len};
  if (v->large == NULL) {
    memcpy(e.block, v->block, v->len);
    const char *at = packed_seek(e.block, e.len, (uint32_t)first * 2);
    e.len = packed_splice(e.block, e.len, at, (uint32_t)(end - first) * 2, NULL, 0);
    e.changed = true;
    return zset_put_less(&e);
  }
  if (!zset_edit_own(&e, true)) return KEVY_EOOM;
  while (first < end) {
    uint32_t n = zset_remove_leaf(s->sp, e.large, first, end - first);
    if (n == 0) break;
    end -= n;
  }
  return zset_put_less(&e);
}

/* ---- reading ---- */

zset_view zset_view_of(const space *sp, const entry *e) {
  zset_view v = {.sp = sp};
  if (entry_is_large(e)) {
    v.large = zset_at(sp->mem.base, e);
    v.count = v.large->order.count;
  } else {
    v.block = small_block(e);
    v.len = small_len(e);
    v.count = packed_count(v.block) / 2;
  }
  return v;
}

kevy_status zset_view_open(kevy_store *s, const char *key, size_t klen, bool keep, zset_view *v) {
  probe p;
  *v = (zset_view){.sp = s->sp};
  kevy_status status = keep ? collection_read_kept(s, &p, key, klen, KEVY_TYPE_ZSET)
                            : collection_read(s, &p, key, klen, KEVY_TYPE_ZSET);
  if (status == KEVY_OK) *v = zset_view_of(s->sp, p.live);
  return status;
}

/* The entry of a large set's member. */
static FLAT ref zset_view_find(const zset_view *v, const member_name *m) {
  uint64_t hash = member_name_hash(v->sp, m);
  uint64_t *slot = member_find(v->sp->mem.base, &v->large->k, hash, m->key.ptr, m->key.len);
  return slot != NULL ? slot_ref(*slot) : 0;
}

FLAT kevy_status zset_view_score(const zset_view *v, const kevy_value *member, double *score) {
  member_name m;
  kevy_status status = member_name_of(&m, member);
  if (UNLIKELY(status != KEVY_OK)) return status == KEVY_ETOOBIG ? KEVY_MISSING : status;
  if (v->large != NULL) {
    ref r = zset_view_find(v, &m);
    if (r == 0) return KEVY_MISSING;
    *score = zset_entry_score(mem_ptr(v->sp->mem.base, r));
    return KEVY_OK;
  }
  const char *at = v->count != 0 ? packed_find(v->block, v->len, &m.key, 2) : NULL;
  if (at == NULL) return KEVY_MISSING;
  *score = zset_packed_score(packed_next(at));
  return KEVY_OK;
}

kevy_status zset_view_rank(const zset_view *v, const kevy_value *member, uint64_t *rank, double *score) {
  member_name m;
  kevy_status status = member_name_of(&m, member);
  if (status != KEVY_OK) return status == KEVY_ETOOBIG ? KEVY_MISSING : status;
  *rank = 0;
  if (v->large == NULL) {
    const char *at = v->count != 0 ? packed_find(v->block, v->len, &m.key, 2) : NULL;
    if (at == NULL) return KEVY_MISSING;
    *score = zset_packed_score(packed_next(at));
    for (const char *p = packed_first(v->block); p < at; ++*rank) p = packed_next(packed_next(p));
    return KEVY_OK;
  }
  const char *base = v->sp->mem.base;
  ref r = zset_view_find(v, &m);
  if (r == 0) return KEVY_MISSING;
  tree_path p;
  uint32_t at;
  zset_item item = zset_item_of(base, r);
  zset_order_find(base, v->large, item, &p, &at);
  *rank = tree_rank(base, &p) + at;
  *score = zset_score_of(item.score);
  return KEVY_OK;
}

uint64_t zset_view_before(const zset_view *v, zset_cut cut) {
  if (v->count == 0 || cut.by == ZSET_BY_END) return cut.behind ? v->count : 0;
  uint64_t before;
  if (v->large == NULL) {
    zset_block_seek(v->block, v->len, &cut, &before);
    return before;
  }
  const char *base = v->sp->mem.base;
  tree_path p;
  cut.base = base;
  ref r = tree_seek_key(base, &v->large->order, zset_compare_cell, &cut, &p);
  before = zset_leaf_before(zset_leaf_at(base, r), zset_path_count(base, &p), &cut);
  return before + tree_rank(base, &p);
}

kevy_status zset_score(kevy_store *s, const char *key, size_t klen, const kevy_value *member, double *score) {
  zset_view v;
  kevy_status status = zset_view_open(s, key, klen, false, &v);
  return status == KEVY_OK ? zset_view_score(&v, member, score) : status;
}

static __attribute__((noinline)) kevy_status zset_score_noted(kevy_store *s, const char *key, size_t klen,
                                                              const kevy_value *member, double *score) {
  return store_noted(s, zset_score(s, key, klen, member, score));
}

/* In a small sorted set whose key is found at first sight. */
__attribute__((noinline)) kevy_status zset_score_small(kevy_store *s, const char *key, size_t klen,
                                                       const kevy_value *member, double *score) {
  entry *e = packed_is_quick(member) ? collection_small(s, key, klen, KEVY_TYPE_ZSET) : NULL;
  if (UNLIKELY(e == NULL)) return zset_score_noted(s, key, klen, member, score);
  const char *at = packed_find_quick((const char *)(e + 1) + klen, e->vlen, member, 2);
  s->hits++;
  probe_note_access(s, e);
  if (at == NULL) return KEVY_MISSING;
  *score = zset_packed_score(packed_next(at));
  return KEVY_OK;
}

/* In a large sorted set, in two steps (keyed_guess). */
static __attribute__((noinline)) kevy_status zset_score_guessed(kevy_store *s, const entry *e, const kevy_value *member,
                                                                double *score, const entry *there) {
  if (UNLIKELY(!keyed_is(there, member, MEMBER_NUMBER)))
    return zset_score_noted(s, (const char *)(e + 1), e->klen, member, score);
  s->hits++;
  memcpy(score, (const char *)(there + 1) + there->klen, sizeof *score);
  return KEVY_OK;
}

__attribute__((noinline)) kevy_status zset_score_member(kevy_store *s, const entry *e, const kevy_value *member,
                                                        double *score) {
  bool absent;
  const entry *there = keyed_guess(s, e, member, &absent);
  if (LIKELY(there != NULL)) return zset_score_guessed(s, e, member, score, there);
  if (UNLIKELY(!absent)) return zset_score_noted(s, (const char *)(e + 1), e->klen, member, score);
  s->hits++;
  return KEVY_MISSING;
}

FLAT kevy_status zset_score_quick(kevy_store *s, const char *key, size_t klen, const kevy_value *member,
                                  double *score) {
  const entry *e = collection_recent(s, key, klen, KEVY_TYPE_ZSET);
  return e != NULL ? zset_score_member(s, e, member, score) : zset_score_small(s, key, klen, member, score);
}

kevy_status zset_count(kevy_store *s, const char *key, size_t klen, uint64_t *count) {
  zset_view v;
  kevy_status status = zset_view_open(s, key, klen, false, &v);
  *count = v.count;
  return status;
}

kevy_status zset_rank(kevy_store *s, const char *key, size_t klen, const kevy_value *member, uint32_t flags,
                      uint64_t *rank, double *score) {
  zset_view v;
  double unused;
  kevy_status status = zset_view_open(s, key, klen, false, &v);
  if (status == KEVY_OK) status = zset_view_rank(&v, member, rank, score != NULL ? score : &unused);
  if (status == KEVY_OK && (flags & KEVY_REV)) *rank = v.count - 1 - *rank;
  return status;
}

/* ---- walking ---- */

void zset_walk_begin(zset_walk *w, const zset_view *v, uint64_t position, uint64_t k, bool backward) {
  w->view = v;
  w->backward = backward;
  uint64_t there = position >= v->count ? 0 : backward ? position + 1 : v->count - position;
  w->left = k < there ? k : there;
  if (w->left == 0) return;
  if (v->large == NULL) {
    w->at = packed_seek(v->block, v->len, (uint32_t)position * 2);
    return;
  }
  uint64_t index = 0;
  const char *base = v->sp->mem.base;
  ref r = tree_seek_position(base, &v->large->order, position, &w->path, &index);
  w->items = zset_leaf_at(base, r)->at;
  w->index = (uint32_t)index;
  w->n = zset_path_count(base, &w->path);
}

static void zset_walk_small(zset_walk *w, kevy_value *member, double *score) {
  packed_get(w->at, member, w->digits);
  const char *behind = packed_next(w->at);
  *score = zset_packed_score(behind);
  if (w->left == 0) return;
  w->at = w->backward ? packed_prev(packed_prev(w->at)) : packed_next(behind);
}

/* Moves on to the leaf where the next element is. */
static void zset_walk_leaf(zset_walk *w) {
  const char *base = w->view->sp->mem.base;
  ref r = w->backward ? tree_prev(base, &w->path) : tree_next(base, &w->path);
  w->items = zset_leaf_at(base, r)->at;
  w->n = zset_path_count(base, &w->path);
  w->index = w->backward ? w->n - 1 : 0;
}

#define ZSET_AHEAD 4

bool zset_walk_next(zset_walk *w, kevy_value *member, double *score) {
  if (w->left == 0) return false;
  w->left--;
  if (w->view->large == NULL) {
    zset_walk_small(w, member, score);
    return true;
  }
  const char *base = w->view->sp->mem.base;
  if (w->index >= w->n) zset_walk_leaf(w);
  const zset_item *item = &w->items[w->index];
  uint32_t ahead = w->backward ? w->index - ZSET_AHEAD : w->index + ZSET_AHEAD;
  if (ahead < w->n) __builtin_prefetch(base + w->items[ahead].member);
  w->index += w->backward ? UINT32_MAX : 1; /* below 0 it is above n */
  const entry *e = mem_ptr(base, item->member);
  *member = zset_value(entry_key(e), entry_klen(e), entry_key_kind(e));
  *score = zset_score_of(item->score);
  return true;
}

typedef struct zset_scan_step {
  const char *base;
  zset_visit visit;
  void *context;
} zset_scan_step;

static void zset_scan_member(void *context, ref block) {
  const zset_scan_step *step = context;
  const entry *e = mem_ptr(step->base, block);
  kevy_value member = zset_value(entry_key(e), entry_klen(e), entry_key_kind(e));
  step->visit(step->context, &member, zset_entry_score(e));
}

void zset_scan(const zset_view *v, uint64_t *cursor, uint64_t count, zset_visit visit, void *context) {
  if (v->large != NULL) {
    zset_scan_step step = {v->sp->mem.base, visit, context};
    table_scan(step.base, &v->large->k.members, cursor, count, zset_scan_member, &step);
    return;
  }
  *cursor = 0;
  zset_walk w;
  kevy_value member;
  double score;
  zset_walk_begin(&w, v, 0, v->count, false);
  while (zset_walk_next(&w, &member, &score)) visit(context, &member, score);
}

/* ---- checking ---- */

/* Elements come in order, and each is found. */
static bool zset_check_order(const zset_view *v) {
  zset_walk w;
  kevy_value member;
  double score, found, before = -INFINITY;
  char last[ZSET_SMALL_LEN], digits[PACKED_NUMBER];
  size_t last_len = 0;
  uint64_t met = 0;
  zset_walk_begin(&w, v, 0, v->count, false);
  for (; zset_walk_next(&w, &member, &score); met++) {
    if (zset_view_score(v, &member, &found) != KEVY_OK || found != score || signbit(score) != (score < 0)) return false;
    packed_key key = packed_key_of(&member, digits);
    if (met != 0 && (score < before || (score == before && key.len <= sizeof last && last_len <= sizeof last &&
                                        zset_compare(last, last_len, key.ptr, key.len) >= 0)))
      return false;
    before = score;
    last_len = key.len;
    if (key.len != 0 && key.len <= sizeof last) memcpy(last, key.ptr, key.len);
  }
  return met == v->count;
}

/* Leaves take what they need, and cells have their first items as keys. */
static bool zset_check_leaves(const char *base, const zset *z) {
  tree_path p;
  uint64_t bytes = 0;
  for (ref r = tree_first(base, &z->order, &p); r != 0; r = tree_next(base, &p)) {
    tree_cell c = tree_at(base, &p);
    const zset_leaf *l = zset_leaf_at(base, r);
    if (c.count > zset_leaf_capacity(l) || memcmp(c.key, l->at[0].key, sizeof c.key) != 0) return false;
    for (uint32_t i = 0; i < c.count; i++) {
      if (zset_item_of(base, l->at[i].member).score != l->at[i].score) return false;
      bytes += mem_round(entry_size(mem_ptr(base, l->at[i].member)));
    }
    bytes += l->head.size;
  }
  return bytes == z->k.c.bytes;
}

bool zset_check(const zset_view *v) {
  if (v->large == NULL && (v->count > ZSET_SMALL_COUNT || (v->count != 0 && !packed_check(v->block, v->len))))
    return false;
  if (v->large != NULL) {
    const char *base = v->sp->mem.base;
    const zset *z = v->large;
    if (!tree_check(base, &z->order) || !table_check(base, &z->k.members) || z->k.members.count != v->count ||
        !zset_check_leaves(base, z))
      return false;
  }
  return zset_check_order(v);
}
