/* type_set: see type_set.h. */
#include "type_set.h"

#include <stdlib.h>

#include "hashing.h"
#include "members.h"
#include "number.h"

/* ---- SADD ---- */

static void set_report(uint64_t *out, uint64_t n) {
  if (out != NULL) *out = n;
}

static kevy_status set_build_all(set_build *b, size_t k, const kevy_value *members, uint64_t *added) {
  *added = 0;
  for (size_t i = 0; i < k; i++) {
    kevy_status status = set_build_add(b, &members[i]);
    if (status < 0) return status;
    *added += status == KEVY_OK;
  }
  return KEVY_OK;
}

/* Adds to what is small or not there at all. */
static kevy_status set_add_small(kevy_store *s, probe *p, size_t k, const kevy_value *members, uint32_t flags,
                                 uint64_t *added) {
  set_build b;
  if (p->live != NULL) set_build_from(s, &b, small_block(p->live), small_len(p->live));
  else set_build_begin(s, &b);
  uint64_t n;
  kevy_status status = set_build_all(&b, k, members, &n);
  if (status == KEVY_OK && n != 0) status = set_build_put(&b, p, flags);
  if (status == KEVY_OK) set_report(added, n);
  else set_build_drop(&b);
  return status;
}

/* Members of one call, made ready together so that what they need is loaded ahead. */
#define SET_BATCH 16
typedef struct set_batch {
  packed_key key[SET_BATCH];
  uint64_t hash[SET_BATCH];
  char digits[SET_BATCH][PACKED_NUMBER];
} set_batch;

/* Hashes the keys and loads what they will be looked for in. */
static void set_batch_load(const space *sp, const keyed *k, set_batch *b, size_t n) {
  const char *base = sp->mem.base;
  for (size_t i = 0; i < n; i++) {
    b->hash[i] = set_hash(sp, &b->key[i]);
    table_prefetch(base, &k->members, b->hash[i]);
  }
  for (size_t i = 0; i < n; i++) table_prefetch_entry(base, &k->members, b->hash[i]);
}

static size_t set_batch_read(const space *sp, const keyed *k, set_batch *b, size_t n, const kevy_value *members) {
  if (n > SET_BATCH) n = SET_BATCH;
  for (size_t i = 0; i < n; i++) b->key[i] = packed_key_of(&members[i], b->digits[i]);
  if (k != NULL) set_batch_load(sp, k, b, n);
  return n;
}

/* Takes out what a call that failed has put in. */
static void set_undo(space *sp, keyed *k, const ref *blocks, size_t n) {
  while (n > 0) {
    const entry *e = mem_ptr(sp->mem.base, blocks[--n]);
    uint64_t hash = hash_bytes(sp->secret, entry_key(e), entry_klen(e));
    set_take_out(sp, k, hash, table_find_ref(sp->mem.base, &k->members, hash, blocks[n]));
  }
}

/* Adds all, noting the new ones' blocks. False: no memory, and *n were put in. */
static bool set_put_in(kevy_store *s, keyed *set, size_t k, const kevy_value *members, ref *blocks, size_t *n) {
  set_batch b;
  for (size_t at = 0, step; at < k; at += step) {
    step = set_batch_read(s->sp, set, &b, k - at, members + at);
    for (size_t i = 0; i < step; i++) {
      if (member_find(s->base, set, b.hash[i], b.key[i].ptr, b.key[i].len) != NULL) continue;
      ref block = set_insert(s, set, b.hash[i], &b.key[i], members[at + i].kind);
      if (block == 0) return false;
      blocks[(*n)++] = block;
    }
  }
  return true;
}

static kevy_status set_add_many(kevy_store *s, keyed *set, size_t k, const kevy_value *members, uint64_t *added) {
  ref few[SET_BATCH], *blocks = few;
  if (k > SET_BATCH) blocks = k <= SIZE_MAX / sizeof *blocks ? malloc(k * sizeof *blocks) : NULL;
  if (blocks == NULL) return KEVY_EOOM;
  size_t n = 0;
  bool done = set_put_in(s, set, k, members, blocks, &n);
  if (done) set_report(added, n);
  else set_undo(s->sp, set, blocks, n);
  if (blocks != few) free(blocks);
  return done ? KEVY_OK : KEVY_EOOM;
}

/* The hot one. */
static FLAT kevy_status set_add_one(kevy_store *s, probe *p, const kevy_value *member, uint64_t *added) {
  char digits[PACKED_NUMBER];
  packed_key key = packed_key_of(member, digits);
  uint64_t hash = set_hash(s->sp, &key);
  keyed *set = (keyed *)collection_at(s->base, p->live);
  bool there = member_find_to_write(s->base, set, hash, key.ptr, key.len) != NULL;
  if (!there) {
    set = (keyed *)collection_own(s, p, false);
    if (set == NULL || set_insert(s, set, hash, &key, member->kind) == 0) return KEVY_EOOM;
  }
  set_report(added, !there);
  return KEVY_OK;
}

static kevy_status set_add_large(kevy_store *s, probe *p, size_t k, const kevy_value *members, uint64_t *added) {
  if (LIKELY(k == 1)) return set_add_one(s, p, members, added);
  keyed *set = (keyed *)collection_own(s, p, false);
  return set != NULL ? set_add_many(s, set, k, members, added) : KEVY_EOOM;
}

/* Makes the probe's key count as absent, so that what is put has no deadline; its kind stays. */
static void set_overwrite(probe *p, uint32_t *flags) {
  if (p->live == NULL) return;
  *flags = entry_key_kind(p->live) == KEVY_TEXT ? KEVY_TEXT_KEY : 0;
  p->live = NULL;
}

static kevy_status set_replace(kevy_store *s, probe *p, size_t k, const kevy_value *members, uint32_t flags,
                               uint64_t *added) {
  set_build b;
  uint64_t n;
  set_build_begin(s, &b);
  kevy_status status = set_build_all(&b, k, members, &n);
  if (status == KEVY_OK && n == 0) {
    if (p->live != NULL) probe_remove(s, p);
  } else if (status == KEVY_OK) {
    set_overwrite(p, &flags);
    status = set_build_put(&b, p, flags);
  }
  if (status == KEVY_OK) set_report(added, n);
  else set_build_drop(&b);
  return status;
}

kevy_status set_add(kevy_store *s, const char *key, size_t klen, size_t k, const kevy_value *members,
                    uint32_t flags, uint64_t *added) {
  probe p;
  kevy_status status = collection_write(s, &p, key, klen, KEVY_TYPE_SET);
  bool replace = flags & KEVY_REPLACE;
  if (UNLIKELY(status != KEVY_OK) && !(replace && status == KEVY_EWRONGTYPE)) return status;
  status = set_check_members(k, members);
  if (UNLIKELY(status != KEVY_OK)) return status;
  if (UNLIKELY(replace)) return set_replace(s, &p, k, members, flags, added);
  if (p.live != NULL && entry_is_large(p.live)) return set_add_large(s, &p, k, members, added);
  return set_add_small(s, &p, k, members, flags, added);
}

__attribute__((noinline)) bool set_add_member(kevy_store *s, const entry *e, const kevy_value *member,
                                              uint64_t *added) {
  if (member->len - 8 > 8) __builtin_unreachable();
  keyed *k = (keyed *)collection_large(s->base, e);
  uint64_t hash = hash_short(s->secret, member->as.ptr, member->len);
  bool there = member_find_to_write(s->base, k, hash, member->as.ptr, member->len) != NULL;
  if (!there && !keyed_insert(s, k, hash, member->as.ptr, member->len, member->kind, &set_no_content)) return false;
  set_report(added, !there);
  s->sp->written = true;
  s->until_pay--;
  return true;
}

FLAT bool set_add_quick(kevy_store *s, const char *key, size_t klen, const kevy_value *member, uint64_t *added) {
  if (!collection_calm(s)) return false;
  const entry *e = collection_recent(s, key, klen, KEVY_TYPE_SET);
  s->grows = true;
  return e != NULL && set_add_member(s, e, member, added);
}

/* ---- SREM ---- */

/* Makes a large set that has become few short members small again, where memory allows. */
static void set_shrink(kevy_store *s, probe *p, const keyed *k) {
  set_build b;
  set_build_begin(s, &b);
  table_walk walk = {0, 0, false};
  for (ref r; (r = table_next(s->base, &k->members, &walk)) != 0;) {
    const entry *e = mem_ptr(s->base, r);
    if (entry_klen(e) > SET_SMALL_LEN) return;
    set_build_add_new(&b, set_item_large(s->base, r));
  }
  set_build_put(&b, p, 0);
}

/* After members were taken out of a large set. */
static void set_taken_out(kevy_store *s, probe *p, const keyed *k) {
  if (LIKELY(k->members.count > SET_SMALL_AGAIN)) return;
  if (k->members.count == 0) probe_remove(s, p);
  else set_shrink(s, p, k);
}

static kevy_status set_remove_large(kevy_store *s, probe *p, size_t k, const kevy_value *members, uint64_t *removed) {
  const keyed *seen = (const keyed *)collection_at(s->base, p->live);
  keyed *set = NULL; /* owned at the first member that is there: a set that loses nothing is not written */
  uint64_t before = seen->members.count;
  set_batch b;
  for (size_t at = 0, step; at < k; at += step) {
    step = set_batch_read(s->sp, set != NULL ? set : seen, &b, k - at, members + at);
    for (size_t i = 0; i < step; i++) {
      if (set == NULL && member_find(s->base, seen, b.hash[i], b.key[i].ptr, b.key[i].len) == NULL) continue;
      if (set == NULL && (set = (keyed *)collection_own(s, p, true)) == NULL) return KEVY_EOOM;
      uint64_t *slot = member_find(s->base, set, b.hash[i], b.key[i].ptr, b.key[i].len);
      if (slot != NULL) set_take_out(s->sp, set, b.hash[i], slot);
    }
  }
  if (set == NULL) return KEVY_OK;
  set_report(removed, before - set->members.count);
  set_taken_out(s, p, set);
  return KEVY_OK;
}

static kevy_status set_remove_small(kevy_store *s, probe *p, size_t k, const kevy_value *members, uint64_t *removed) {
  set_build b;
  set_build_from(s, &b, small_block(p->live), small_len(p->live));
  uint64_t before = packed_count(b.block);
  for (size_t i = 0; i < k; i++) {
    char digits[PACKED_NUMBER];
    packed_key key = packed_key_of(&members[i], digits);
    const char *where;
    if (set_find_small(b.block, b.len, &key, &where)) set_build_splice(&b, where, 1, NULL, 0);
  }
  uint64_t n = before - packed_count(b.block);
  kevy_status status = n != 0 ? set_build_put(&b, p, 0) : KEVY_OK;
  if (status == KEVY_OK) set_report(removed, n);
  return status;
}

static kevy_status set_remove_found(kevy_store *s, probe *p, size_t k, const kevy_value *members, uint64_t *removed) {
  return entry_is_large(p->live) ? set_remove_large(s, p, k, members, removed)
                                 : set_remove_small(s, p, k, members, removed);
}

kevy_status set_remove(kevy_store *s, const char *key, size_t klen, size_t k, const kevy_value *members,
                       uint64_t *removed) {
  probe p;
  set_report(removed, 0);
  kevy_status status = collection_write(s, &p, key, klen, KEVY_TYPE_SET);
  if (status != KEVY_OK) return status;
  if (p.live == NULL) return KEVY_MISSING;
  status = set_check_members(k, members);
  return status == KEVY_OK ? set_remove_found(s, &p, k, members, removed) : status;
}

/* ---- reading ---- */

static FLAT bool set_entry_has(const space *sp, const entry *e, const packed_key *key) {
  const char *where;
  if (entry_is_large(e)) return set_has_large(sp, (const keyed *)collection_at(sp->mem.base, e), key);
  return set_find_small(small_block(e), small_len(e), key, &where);
}

kevy_status set_has(kevy_store *s, const char *key, size_t klen, const kevy_value *member) {
  probe p;
  member_name m;
  kevy_status status = collection_read(s, &p, key, klen, KEVY_TYPE_SET);
  if (LIKELY(status == KEVY_OK)) status = member_name_of(&m, member);
  if (UNLIKELY(status != KEVY_OK)) return status;
  return set_entry_has(s->sp, p.live, &m.key) ? KEVY_OK : KEVY_MISSING;
}

static __attribute__((noinline)) kevy_status set_has_noted(kevy_store *s, const char *key, size_t klen,
                                                           const kevy_value *member) {
  return store_noted(s, set_has(s, key, klen, member));
}

/* In a small set whose key is found at first sight. */
__attribute__((noinline)) kevy_status set_has_small(kevy_store *s, const char *key, size_t klen,
                                                    const kevy_value *member) {
  entry *e = packed_is_quick(member) ? collection_small(s, key, klen, KEVY_TYPE_SET) : NULL;
  if (UNLIKELY(e == NULL)) return set_has_noted(s, key, klen, member);
  bool found = packed_find_quick((const char *)(e + 1) + klen, e->vlen, member, 1) != NULL;
  s->hits++;
  probe_note_access(s, e);
  return found ? KEVY_OK : KEVY_MISSING;
}

/* In a large set, in two steps (keyed_guess). */
static __attribute__((noinline)) kevy_status set_has_guessed(kevy_store *s, const entry *e, const kevy_value *member,
                                                             const entry *there) {
  if (UNLIKELY(!keyed_is(there, member, MEMBER_SHORT)))
    return set_has_noted(s, (const char *)(e + 1), e->klen, member);
  s->hits++;
  return KEVY_OK;
}

__attribute__((noinline)) kevy_status set_has_member(kevy_store *s, const entry *e, const kevy_value *member) {
  bool absent;
  const entry *there = keyed_guess(s, e, member, &absent);
  if (LIKELY(there != NULL)) return set_has_guessed(s, e, member, there);
  if (UNLIKELY(!absent)) return set_has_noted(s, (const char *)(e + 1), e->klen, member);
  s->hits++;
  return KEVY_MISSING;
}

FLAT kevy_status set_has_quick(kevy_store *s, const char *key, size_t klen, const kevy_value *member) {
  const entry *e = collection_recent(s, key, klen, KEVY_TYPE_SET);
  return e != NULL ? set_has_member(s, e, member) : set_has_small(s, key, klen, member);
}

set_view set_view_of(const space *sp, const entry *e) {
  set_view v = {sp, NULL, 0, NULL, 0};
  if (entry_is_large(e)) {
    v.large = (const keyed *)collection_at(sp->mem.base, e);
    v.count = v.large->members.count;
  } else {
    v.block = small_block(e);
    v.len = small_len(e);
    v.count = packed_count(v.block);
  }
  return v;
}

static const char set_nothing[PACKED_HEAD] = {0};

static set_view set_view_empty(const space *sp) { return (set_view){sp, set_nothing, PACKED_HEAD, NULL, 0}; }

kevy_status set_view_open(kevy_store *s, const char *key, size_t klen, bool keep, set_view *v) {
  probe p;
  *v = set_view_empty(s->sp);
  kevy_status status =
      keep ? collection_read_kept(s, &p, key, klen, KEVY_TYPE_SET) : collection_read(s, &p, key, klen, KEVY_TYPE_SET);
  if (status == KEVY_OK) *v = set_view_of(s->sp, p.live);
  return status;
}

kevy_status set_count(kevy_store *s, const char *key, size_t klen, uint64_t *count) {
  set_view v;
  kevy_status status = set_view_open(s, key, klen, false, &v);
  *count = v.count;
  return status;
}

static void set_batch_has(const set_view *v, const set_batch *b, size_t n, bool *found) {
  const char *where;
  for (size_t i = 0; i < n; i++) {
    const packed_key *key = &b->key[i];
    if (v->large == NULL) found[i] = set_find_small(v->block, v->len, key, &where);
    else found[i] = member_find(v->sp->mem.base, v->large, b->hash[i], key->ptr, key->len) != NULL;
  }
}

kevy_status set_view_has(const set_view *v, size_t k, const kevy_value *members, bool *found) {
  kevy_status status = set_check_members(k, members);
  if (status != KEVY_OK) return status;
  set_batch b;
  for (size_t at = 0, step; at < k; at += step) {
    step = set_batch_read(v->sp, v->large, &b, k - at, members + at);
    set_batch_has(v, &b, step, found + at);
  }
  return KEVY_OK;
}

set_walk set_walk_begin(const set_view *v) {
  set_walk w = {v, NULL, {0, 0, false}};
  if (v->large == NULL) w.at = packed_first(v->block);
  return w;
}

set_item set_walk_next(set_walk *w) {
  const set_view *v = w->view;
  if (v->large != NULL) {
    ref r = table_next(v->sp->mem.base, &v->large->members, &w->walk);
    return r != 0 ? set_item_large(v->sp->mem.base, r) : 0;
  }
  if (w->at == v->block + v->len) return 0;
  const char *at = w->at;
  w->at = packed_next(at);
  return set_item_small(at);
}

typedef struct set_scan_step {
  const char *base;
  set_visit visit;
  void *context;
} set_scan_step;

static void set_scan_entry(void *context, ref block) {
  const set_scan_step *step = context;
  step->visit(step->context, set_item_large(step->base, block));
}

void set_scan(const set_view *v, uint64_t *cursor, uint64_t count, set_visit visit, void *context) {
  if (v->large != NULL) {
    set_scan_step step = {v->sp->mem.base, visit, context};
    table_scan(v->sp->mem.base, &v->large->members, cursor, count, set_scan_entry, &step);
    return;
  }
  set_walk w = set_walk_begin(v);
  for (set_item item; (item = set_walk_next(&w)) != 0;) visit(context, item);
  *cursor = 0;
}

/* ---- SMOVE ---- */

/* Into the other set first: taking out cannot fail. */
static kevy_status set_move_over(kevy_store *s, probe *from, const char *to, size_t tolen, const kevy_value *member,
                                 uint32_t flags) {
  const char *key = entry_key(from->live);
  size_t klen = entry_klen(from->live);
  kevy_status status = set_add(s, to, tolen, 1, member, flags, NULL);
  if (status != KEVY_OK) return status;
  probe p;
  probe_find_hashed(s, &p, key, klen, from->hash);
  return p.live != NULL ? set_remove_found(s, &p, 1, member, NULL) : KEVY_OK;
}

kevy_status set_move(kevy_store *s, const char *key, size_t klen, const char *to, size_t tolen,
                     const kevy_value *member, uint32_t flags) {
  probe from, target;
  member_name m;
  kevy_status status = collection_write(s, &from, key, klen, KEVY_TYPE_SET);
  if (from.live == NULL) return status != KEVY_OK ? status : KEVY_MISSING;
  if (status == KEVY_OK) status = tolen <= KEVY_MAX_LEN ? member_name_of(&m, member) : KEVY_ETOOBIG;
  if (status != KEVY_OK) return status;
  probe_find(s, &target, to, tolen);
  if (target.live != NULL && entry_type(target.live) != KEVY_TYPE_SET) return KEVY_EWRONGTYPE;
  if (!set_entry_has(s->sp, from.live, &m.key)) return KEVY_MISSING;
  return target.live == from.live ? KEVY_OK : set_move_over(s, &from, to, tolen, member, flags);
}

/* ---- checking ---- */

static bool set_check_small(const set_view *v) {
  if (!packed_check(v->block, v->len) || v->len > SET_BLOCK_MAX) return false;
  bool ints = set_all_ints(v->block, v->len), before = true;
  int64_t last = INT64_MIN;
  uint64_t n = 0;
  set_walk w = set_walk_begin(v);
  for (set_item item; (item = set_walk_next(&w)) != 0; n++) {
    const char *at = set_item_at(item), *where;
    char digits[PACKED_NUMBER];
    uint32_t kind;
    packed_key key = set_item_key(item, digits, &kind);
    if (key.is_int && (!before || (n != 0 && key.i <= last))) return false;
    if (!key.is_int && key.len > SET_SMALL_LEN) return false;
    before = key.is_int;
    last = key.i;
    if (!set_find_small(v->block, v->len, &key, &where) || where != at) return false;
  }
  return n == v->count && n <= (ints ? SET_SMALL_INTS : SET_SMALL_COUNT);
}

bool set_check(const set_view *v) {
  if (v->large == NULL) return set_check_small(v);
  if (!table_check(v->sp->mem.base, &v->large->members)) return false;
  set_walk w = set_walk_begin(v);
  uint64_t n = 0;
  for (set_item item; (item = set_walk_next(&w)) != 0; n++) {
    uint32_t kind;
    packed_key key = set_item_key(item, NULL, &kind);
    if (!set_has_large(v->sp, v->large, &key)) return false;
  }
  return n == v->count;
}
