/* type_hash: see type_hash.h. */
#include "hash_forms.h"

#include <math.h>
#include <stdlib.h>

#include "blob.h"
#include "effect.h"
#include "expire.h"
#include "hashing.h"
#include "light.h"
#include "timers.h"

/* ---- reading one field ---- */

/* Finds a field that is there. out: its value, whose digits may be printed into `digits`; deadline may be NULL. */
static FLAT kevy_status hash_lookup(kevy_store *s, const entry *e, const member_name *f, kevy_value *out,
                                    int64_t *deadline, char digits[PACKED_NUMBER]) {
  int64_t until = KEVY_NO_TTL;
  if (entry_is_large(e)) {
    uint64_t hash = member_name_hash(s->sp, f);
    uint64_t *slot = member_find(s->base, &hash_large_at(s->base, e)->k, hash, f->key.ptr, f->key.len);
    if (slot == NULL) return KEVY_MISSING;
    const entry *member = mem_ptr(s->base, slot_ref(*slot));
    until = entry_deadline(member);
    entry_value(s->base, member, out);
  } else {
    const char *block = small_block(e), *at = hash_block_find(block, small_len(e), &f->key);
    if (at == NULL) return KEVY_MISSING;
    if (UNLIKELY(hash_is_timed(block))) until = hash_block_deadline(at);
    packed_get(packed_next(at), out, digits);
  }
  if (deadline != NULL) *deadline = until;
  return UNLIKELY(until != KEVY_NO_TTL) && store_passed(s, until) ? KEVY_MISSING : KEVY_OK;
}

/* Moves digits that a small hash keeps as a number to memory that outlives the call. */
static kevy_status hash_lend(kevy_store *s, kevy_value *v, const char *digits) {
  if (v->kind > KEVY_TEXT || v->as.ptr != digits) return KEVY_OK;
  char *room = store_scratch(s);
  if (room == NULL) return KEVY_EOOM;
  v->as.ptr = memcpy(room, digits, v->len);
  return KEVY_OK;
}

/* ---- the quick ways ---- */

/* The value behind a field of a plain block; false where it is no short string. */
static FLAT bool hash_value_quick(const char *field, kevy_value *out) {
  const char *at = packed_next(field);
  uint32_t head = (uint8_t)*at;
  if (UNLIKELY(head >= 0x80)) return false;
  *out = (kevy_value){head >> 6, 0, head & 63u, {.ptr = at + 1}};
  return true;
}

kevy_status hash_get(kevy_store *s, const char *key, size_t klen, const kevy_value *field, kevy_value *out) {
  member_name f;
  probe p;
  char digits[PACKED_NUMBER];
  kevy_status status = member_name_of(&f, field);
  if (UNLIKELY(status != KEVY_OK)) return status;
  status = collection_read(s, &p, key, klen, KEVY_TYPE_HASH);
  if (UNLIKELY(status != KEVY_OK)) return status;
  status = hash_lookup(s, p.live, &f, out, NULL, digits);
  return LIKELY(status == KEVY_OK) ? hash_lend(s, out, digits) : status;
}

kevy_status hash_entry_get(kevy_store *s, const entry *e, const kevy_value *field, kevy_value *out,
                           char digits[PACKED_NUMBER]) {
  member_name f;
  kevy_status status = member_name_of(&f, field);
  return status == KEVY_OK ? hash_lookup(s, e, &f, out, NULL, digits) : status;
}

static __attribute__((noinline)) kevy_status hash_get_noted(kevy_store *s, const char *key, size_t klen,
                                                            const kevy_value *field, kevy_value *out) {
  return store_noted(s, hash_get(s, key, klen, field, out));
}

/* In a small hash that was found; the rest is for any field, and where the read is to be noted. */
static __attribute__((noinline)) kevy_status hash_walk_small(kevy_store *s, entry *e, const kevy_value *field,
                                                             kevy_value *out) {
  const char *key = (const char *)(e + 1), *block = key + e->klen;
  if (UNLIKELY(hash_is_timed(block)) || !packed_is_quick(field)) return hash_get_noted(s, key, e->klen, field, out);
  const char *at = packed_find_quick(block, e->vlen, field, 2);
  if (at != NULL && UNLIKELY(!hash_value_quick(at, out))) return hash_get_noted(s, key, e->klen, field, out);
  s->hits++;
  probe_note_access(s, e);
  return at != NULL ? KEVY_OK : KEVY_MISSING;
}

/* The same among fields and values that are short strings, and nothing to be called: so that this saves no registers, which
 * took a fifth more instructions. A number in the field's place is never equal to it. */
static __attribute__((noinline)) kevy_status hash_find_small(kevy_store *s, entry *e, const kevy_value *field,
                                                             kevy_value *out) {
  const char *block = (const char *)(e + 1) + e->klen, *end = block + e->vlen, *ptr = field->as.ptr;
  size_t len = field->len;
  if (UNLIKELY(hash_is_timed(block)) || UNLIKELY((entry_flags(e) & ENTRY_ACCESS) != s->access))
    return hash_walk_small(s, e, field, out);
  for (const char *at = packed_first(block); at < end;) {
    uint32_t head = (uint8_t)*at;
    const char *value = at + 2 + (head & 63u);
    if (UNLIKELY(head >= 0x80) || UNLIKELY((uint8_t)*value >= 0xc0)) return hash_walk_small(s, e, field, out);
    if (LIKELY((head & 63u) == len) && LIKELY(load64(at + len - 7) == load64(ptr + len - 8)) &&
        LIKELY(load64(at + 1) == load64(ptr))) {
      if (UNLIKELY(!hash_value_quick(at, out))) return hash_walk_small(s, e, field, out);
      s->hits++;
      return KEVY_OK;
    }
    at = packed_next(value);
  }
  return hash_walk_small(s, e, field, out);
}

/* Of a key of fewer than 8 bytes, or more than 16. */
static __attribute__((noinline)) kevy_status hash_get_tiny(kevy_store *s, const char *key, size_t klen,
                                                           const kevy_value *field, kevy_value *out) {
  entry *e = collection_small(s, key, klen, KEVY_TYPE_HASH);
  return LIKELY(e != NULL) ? hash_find_small(s, e, field, out) : hash_get_noted(s, key, klen, field, out);
}

/* In a small hash whose key is found at first sight; the field is quick (collection.h). */
__attribute__((noinline)) kevy_status hash_get_small(kevy_store *s, const char *key, size_t klen,
                                                     const kevy_value *field, kevy_value *out) {
  bool absent;
  if (UNLIKELY(klen - 8 > 8)) return hash_get_tiny(s, key, klen, field, out);
  uint64_t hash = hash_short(s->secret, key, klen);
  entry *e = collection_guess_at(s->base, table_home(s->base, s->keys, hash), hash, key, klen,
                                 COLLECTION_SMALL(KEVY_TYPE_HASH), &absent);
  return LIKELY(e != NULL) ? hash_find_small(s, e, field, out) : hash_get_noted(s, key, klen, field, out);
}

/* In a large hash, in two steps (keyed_guess); with its entry's own key for the long way. */
static __attribute__((noinline)) kevy_status hash_get_guessed(kevy_store *s, const entry *e, const kevy_value *field,
                                                              kevy_value *out, const entry *member) {
  if (UNLIKELY(!keyed_is(member, field, MEMBER_SHORT)))
    return hash_get_noted(s, (const char *)(e + 1), e->klen, field, out);
  s->hits++;
  *out = (kevy_value){entry_value_kind(member), 0, member->vlen,
                      {.ptr = (const char *)(member + 1) + member->klen}};
  return KEVY_OK;
}

__attribute__((noinline)) kevy_status hash_get_large(kevy_store *s, const entry *e, const kevy_value *field,
                                                     kevy_value *out) {
  bool absent;
  const entry *member = keyed_guess(s, e, field, &absent);
  if (LIKELY(member != NULL)) return hash_get_guessed(s, e, field, out, member);
  if (UNLIKELY(!absent)) return hash_get_noted(s, (const char *)(e + 1), e->klen, field, out);
  s->hits++;
  return KEVY_MISSING;
}

FLAT kevy_status hash_get_quick(kevy_store *s, const char *key, size_t klen, const kevy_value *field,
                                kevy_value *out) {
  const entry *e = collection_recent(s, key, klen, KEVY_TYPE_HASH);
  return e != NULL ? hash_get_large(s, e, field, out) : hash_get_small(s, key, klen, field, out);
}

kevy_status hash_exists(kevy_store *s, const char *key, size_t klen, const kevy_value *field) {
  member_name f;
  probe p;
  kevy_value v;
  char digits[PACKED_NUMBER];
  kevy_status status = member_name_of(&f, field);
  if (status == KEVY_OK) status = collection_read(s, &p, key, klen, KEVY_TYPE_HASH);
  return status == KEVY_OK ? hash_lookup(s, p.live, &f, &v, NULL, digits) : status;
}

kevy_status hash_deadline(kevy_store *s, const char *key, size_t klen, const kevy_value *field, int64_t *deadline) {
  member_name f;
  probe p;
  kevy_value v;
  char digits[PACKED_NUMBER];
  kevy_status status = member_name_of(&f, field);
  if (status == KEVY_OK) status = collection_read(s, &p, key, klen, KEVY_TYPE_HASH);
  return status == KEVY_OK ? hash_lookup(s, p.live, &f, &v, deadline, digits) : status;
}

/* ---- reading many ---- */

static void hash_nil(kevy_value *v) {
  v->kind = KEVY_NIL;
  v->reserved = 0;
  v->len = 0;
  v->as.ptr = NULL;
}

/* Keeps memory of malloc's for the result that points into it; what an earlier one pointed into goes. */
static void hash_lend_batch(kevy_store *s, char *memory) {
  free(s->batch);
  s->batch = memory;
}

#define HASH_BATCH 16

/* Loads what the lookups of a batch will read. */
static void hash_prefetch(const kevy_store *s, const keyed *k, size_t n, const kevy_value *fields) {
  uint64_t hashes[HASH_BATCH];
  member_name f;
  for (size_t i = 0; i < n; i++) {
    (void)member_name_of(&f, &fields[i]);
    hashes[i] = member_name_hash(s->sp, &f);
    table_prefetch(s->base, &k->members, hashes[i]);
  }
  for (size_t i = 0; i < n; i++) table_prefetch_entry(s->base, &k->members, hashes[i]);
}

static void hash_get_batch(kevy_store *s, const entry *e, size_t n, const kevy_value *fields, kevy_value *out,
                           char (*digits)[PACKED_NUMBER]) {
  if (entry_is_large(e)) hash_prefetch(s, &hash_large_at(s->base, e)->k, n, fields);
  for (size_t i = 0; i < n; i++) {
    member_name f;
    (void)member_name_of(&f, &fields[i]);
    if (hash_lookup(s, e, &f, &out[i], NULL, digits[i]) != KEVY_OK) hash_nil(&out[i]);
  }
}

/* Fields may lie in the memory that an earlier call lent: a small hash's digits go to new memory where there are
 * more than a few, and within a batch after its fields were read. */
kevy_status hash_mget(kevy_store *s, const char *key, size_t klen, size_t k, const kevy_value *fields,
                      kevy_value *out) {
  probe p;
  for (size_t i = 0; i < k; i++)
    if (fields[i].kind > KEVY_INT) return KEVY_EARG;
  kevy_status status = collection_read(s, &p, key, klen, KEVY_TYPE_HASH);
  if (status == KEVY_MISSING) {
    for (size_t i = 0; i < k; i++) hash_nil(&out[i]);
    return KEVY_OK;
  }
  if (status != KEVY_OK) return status;
  char few[HASH_BATCH][PACKED_NUMBER], (*digits)[PACKED_NUMBER] = few;
  bool many = k > HASH_BATCH && !entry_is_large(p.live);
  if (many && (digits = malloc(k * sizeof *digits)) == NULL) return KEVY_EOOM;
  for (size_t i = 0; i < k; i += HASH_BATCH)
    hash_get_batch(s, p.live, k - i < HASH_BATCH ? k - i : HASH_BATCH, fields + i, out + i, many ? digits + i : few);
  if (many) {
    hash_lend_batch(s, (char *)digits);
    return KEVY_OK;
  }
  char *room = entry_is_large(p.live) ? few[0] : store_scratch(s);
  if (room == NULL) return KEVY_EOOM;
  for (size_t i = 0; i < k; i++, room += PACKED_NUMBER)
    if (out[i].kind <= KEVY_TEXT && out[i].as.ptr == few[i % HASH_BATCH] && !entry_is_large(p.live))
      out[i].as.ptr = memcpy(room, out[i].as.ptr, out[i].len);
  return KEVY_OK;
}

/* ---- writing ---- */

static bool hash_acceptable(const kevy_value *v) {
  return v->kind < KEVY_FLOAT || (v->kind == KEVY_FLOAT && !isnan(v->as.d));
}

static kevy_status hash_check(const hash_change *ch) {
  for (size_t i = 0; i < ch->k; i++) {
    const kevy_value *field = &ch->fields[i], *value = &ch->values[i];
    if (field->kind > KEVY_INT || !hash_acceptable(value)) return KEVY_EARG;
    if ((field->kind <= KEVY_TEXT && field->len > KEVY_MAX_LEN) ||
        (value->kind <= KEVY_TEXT && value->len > KEVY_MAX_LEN))
      return KEVY_ETOOBIG;
  }
  return KEVY_OK;
}

static kevy_status hash_apply_small(kevy_store *s, probe *p, hash_change *ch) {
  hash_edit b;
  size_t i = 0;
  hash_edit_open(&b, p->live);
  while (i < ch->k && hash_edit_change(s, &b, ch, i)) i++;
  if (i == ch->k) return hash_edit_put_back(s, p, &b, ch->flags);
  ref top = hash_grow_with(s, &b, ch, i);
  if (top == 0) return KEVY_EOOM;
  kevy_status status = collection_put(s, p, top, ch->flags);
  if (status != KEVY_OK) node_retire_collection(s->sp, top);
  return status;
}

/* Writes into the found hash, or makes one. */
static kevy_status hash_apply(kevy_store *s, probe *p, hash_change *ch) {
  ch->live = p->live;
  if (p->live == NULL || !entry_is_large(p->live)) return hash_apply_small(s, p, ch);
  hash_large *h = (hash_large *)collection_own(s, p, false);
  return h != NULL ? hash_large_put_all(s, h, ch) : KEVY_EOOM;
}

/* How many of the fields are there. */
static size_t hash_count_present(kevy_store *s, const probe *p, const hash_change *ch) {
  size_t present = 0;
  for (size_t i = 0; p->live != NULL && i < ch->k; i++) {
    member_name f;
    kevy_value v;
    char digits[PACKED_NUMBER];
    (void)member_name_of(&f, &ch->fields[i]);
    present += hash_lookup(s, p->live, &f, &v, NULL, digits) == KEVY_OK;
  }
  return present;
}

static bool hash_allowed(kevy_store *s, const probe *p, const hash_change *ch, uint32_t flags) {
  if (LIKELY(!(flags & (KEVY_NX | KEVY_XX)))) return true;
  size_t present = hash_count_present(s, p, ch);
  return ((flags & KEVY_NX) == 0 || present == 0) && ((flags & KEVY_XX) == 0 || present == ch->k);
}

/* A hash of these fields alone in place of whatever is under the key, without its deadline. */
static kevy_status hash_replace(kevy_store *s, probe *p, hash_change *ch) {
  if (ch->k == 0) {
    if (p->slot != NULL) probe_remove(s, p);
    return KEVY_OK;
  }
  hash_edit b;
  size_t i = 0;
  hash_edit_open(&b, NULL);
  while (i < ch->k && hash_edit_change(s, &b, ch, i)) i++;
  content c = {ENTRY_RAW, KEVY_BYTES, b.len, {.ptr = b.block}};
  ref top = 0;
  if (i < ch->k) {
    if ((top = hash_grow_with(s, &b, ch, i)) == 0) return KEVY_EOOM;
    c = (content){ENTRY_NODE, KEVY_BYTES, 0, {.word = top}};
  }
  kevy_status status =
      probe_put(s, p, KEVY_TYPE_HASH, &c, KEVY_NO_TTL, ch->flags & KEVY_TEXT_KEY ? KEVY_TEXT : KEVY_BYTES);
  if (status != KEVY_OK && top != 0) node_retire_collection(s->sp, top);
  return status;
}

/* Finds the hash to write to; with KEVY_REPLACE anything may be there. */
static kevy_status hash_find_to_set(kevy_store *s, probe *p, const char *key, size_t klen, uint32_t flags) {
  if (LIKELY(!(flags & KEVY_REPLACE))) return collection_write(s, p, key, klen, KEVY_TYPE_HASH);
  kevy_status status = store_write(s);
  if (status != KEVY_OK) return status;
  if (klen > KEVY_MAX_LEN) return KEVY_ETOOBIG;
  probe_find(s, p, key, klen);
  return KEVY_OK;
}

static __attribute__((noinline)) bool hash_add_quick(kevy_store *s, keyed *k, uint64_t hash, const kevy_value *field,
                                                     const kevy_value *value) {
  content c = {ENTRY_RAW, value->kind, value->len, {.ptr = value->as.ptr}};
  if (!keyed_insert(s, k, hash, field->as.ptr, field->len, field->kind, &c)) return false;
  s->sp->written = true;
  s->until_pay--;
  return true;
}

static bool hash_overwrite_quick(kevy_store *s, entry *member, const kevy_value *value) {
  if (UNLIKELY((entry_flags(member) & ~ENTRY_ACCESS) != MEMBER_SHORT || member->vlen != value->len)) return false;
  member->kinds = (uint8_t)((member->kinds & 0x30u) | value->kind);
  bytes_move((char *)(member + 1) + member->klen, value->as.ptr, value->len);
  s->sp->written = true;
  s->until_pay--;
  return true;
}

/* In a large hash, whose entry this is. */
__attribute__((noinline)) bool hash_set_large(kevy_store *s, const entry *e, const kevy_value *field,
                                              const kevy_value *value, uint64_t *added) {
  if (field->len - 8 > 8 || value->len > 32) __builtin_unreachable();
  keyed *k = (keyed *)collection_large(s->base, e);
  uint64_t hash = hash_short(s->secret, field->as.ptr, field->len);
  const struct bucket *home = table_home(s->base, &k->members, hash);
  table_prefetch_head(home);
  bool absent;
  entry *member = collection_guess_at(s->base, home, hash, field->as.ptr, field->len, MEMBER_SHORT, &absent);
  if (member == NULL && !absent) {
    uint64_t *slot = member_find(s->base, k, hash, field->as.ptr, field->len);
    if (slot != NULL) member = mem_ptr(s->base, slot_ref(*slot));
  }
  if (added != NULL) *added = member == NULL;
  return member != NULL ? hash_overwrite_quick(s, member, value) : hash_add_quick(s, k, hash, field, value);
}

FLAT bool hash_set_quick(kevy_store *s, const char *key, size_t klen, const kevy_value *field,
                         const kevy_value *value, uint64_t *added) {
  if (!collection_calm(s) || value->kind > KEVY_TEXT || value->len > 32) return false;
  const entry *e = collection_recent(s, key, klen, KEVY_TYPE_HASH);
  s->grows = true;
  return e != NULL && hash_set_large(s, e, field, value, added);
}

kevy_status hash_set(kevy_store *s, const char *key, size_t klen, size_t k, const kevy_value *fields,
                     const kevy_value *values, uint32_t flags, uint64_t *added) {
  hash_change ch = {k, fields, values, KEVY_NO_TTL, flags & KEVY_TEXT_KEY, 0, NULL};
  probe p;
  if (added != NULL) *added = 0;
  kevy_status status = hash_find_to_set(s, &p, key, klen, flags);
  if (UNLIKELY(status != KEVY_OK) || UNLIKELY((status = hash_check(&ch)) != KEVY_OK)) return status;
  if (flags & KEVY_REPLACE) {
    status = hash_replace(s, &p, &ch);
  } else {
    if (k == 0) return KEVY_OK;
    if (!hash_allowed(s, &p, &ch, flags)) return KEVY_UNMET;
    status = hash_apply(s, &p, &ch);
  }
  if (added != NULL && status == KEVY_OK) *added = ch.added;
  return status;
}

/* ---- removing ---- */

/* A member that left the table and is not freed yet: a field that is still to be read may lie in it. */
typedef struct hash_doomed {
  uint64_t hash;
  ref block; /* 0: it stayed */
  bool fresh;
} hash_doomed;

/* Takes a member out of a writable large hash. With the reserve to draw on it fails only when the address space
 * is exhausted; the member then stays. */
static hash_doomed hash_unlink(kevy_store *s, hash_large *h, uint64_t hash, uint64_t *slot) {
  slot = table_own(s->sp, &h->k.members, hash, slot, true);
  if (slot == NULL) return (hash_doomed){hash, 0, true};
  hash_doomed d = {hash, slot_ref(*slot), (*slot & SLOT_FRESH) != 0};
  hash_wheel_remove(s, h, d.block);
  table_remove(s->sp, &h->k.members, hash, slot);
  return d;
}

static void hash_free(kevy_store *s, hash_large *h, const hash_doomed *d) {
  if (d->block != 0) member_retire(s->sp, &h->k, d->block, d->hash, d->fresh);
}

/* After fields went: an empty hash goes, a sparse one becomes small. */
static void hash_settle(kevy_store *s, probe *p) {
  uint64_t count = hash_large_at(s->base, p->live)->k.members.count;
  if (count == 0) probe_remove(s, p);
  else if (count <= HASH_SHRINK_FIELDS) hash_shrink(s, p);
}

#define HASH_FEW 32

static bool hash_has_any(kevy_store *s, const hash_large *h, size_t k, const kevy_value *fields) {
  for (size_t i = 0; i < k; i++) {
    member_name f;
    (void)member_name_of(&f, &fields[i]);
    if (member_find(s->base, &h->k, member_name_hash(s->sp, &f), f.key.ptr, f.key.len) != NULL) return true;
  }
  return false;
}

static kevy_status hash_del_large(kevy_store *s, probe *p, size_t k, const kevy_value *fields, uint64_t *removed) {
  hash_doomed few[HASH_FEW], *all = few;
  if (!hash_has_any(s, hash_large_at(s->base, p->live), k, fields)) return KEVY_OK;
  if (k > HASH_FEW && (all = malloc(k * sizeof *all)) == NULL) return KEVY_EOOM;
  hash_large *h = (hash_large *)collection_own(s, p, true);
  size_t n = 0;
  for (size_t i = 0; h != NULL && i < k; i++) {
    member_name f;
    (void)member_name_of(&f, &fields[i]);
    uint64_t hash = member_name_hash(s->sp, &f), *slot = member_find(s->base, &h->k, hash, f.key.ptr, f.key.len);
    if (slot == NULL) continue;
    *removed += !hash_has_come(s, entry_deadline(mem_ptr(s->base, slot_ref(*slot))));
    all[n++] = hash_unlink(s, h, hash, slot);
  }
  for (size_t i = 0; i < n; i++) hash_free(s, h, &all[i]);
  if (all != few) free(all);
  if (h != NULL) hash_settle(s, p);
  return h != NULL ? KEVY_OK : KEVY_EOOM;
}

static kevy_status hash_del_small(kevy_store *s, probe *p, size_t k, const kevy_value *fields, uint64_t *removed) {
  hash_edit b;
  bool changed = false;
  hash_edit_open(&b, p->live);
  for (size_t i = 0; i < k; i++) {
    member_name f;
    (void)member_name_of(&f, &fields[i]);
    const char *at = hash_edit_find(&b, &f.key);
    if (at == NULL) continue;
    *removed += !hash_has_come(s, hash_edit_deadline(&b, at));
    hash_edit_remove(&b, at);
    changed = true;
  }
  return changed ? hash_edit_put_back(s, p, &b, 0) : KEVY_OK;
}

kevy_status hash_del(kevy_store *s, const char *key, size_t klen, size_t k, const kevy_value *fields,
                     uint64_t *removed) {
  probe p;
  uint64_t count = 0;
  if (removed != NULL) *removed = 0;
  for (size_t i = 0; i < k; i++)
    if (fields[i].kind > KEVY_INT) return KEVY_EARG;
  kevy_status status = collection_write(s, &p, key, klen, KEVY_TYPE_HASH);
  if (status != KEVY_OK) return status;
  if (p.live == NULL) return KEVY_MISSING;
  status = entry_is_large(p.live) ? hash_del_large(s, &p, k, fields, &count)
                                  : hash_del_small(s, &p, k, fields, &count);
  if (removed != NULL && status == KEVY_OK) *removed = count;
  return status;
}
