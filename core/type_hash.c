/* type_hash: see type_hash.h. */
#include "type_hash.h"

#include <math.h>
#include <stdlib.h>

#include "blob.h"
#include "effect.h"
#include "expire.h"
#include "hashing.h"
#include "light.h"
#include "members.h"
#include "number.h"
#include "timers.h"
#include "wheel.h"

typedef struct hash_large {
  keyed k;
  ref wheel;        /* of the fields that have deadlines; 0 until the first one */
  int64_t next_due; /* no field is due before this time */
} hash_large;

#define HASH_SHED_ITEMS 128 /* what a read frees at most */
#define HASH_SHRINK_FIELDS (HASH_SMALL_FIELDS / 4)

/* A small hash never takes more: per field two strings of at most 64 bytes (69 with what surrounds them) and a
 * deadline (10), and the head of a timed block. */
#define HASH_ROOM (PACKED_HEAD + 10 + HASH_SMALL_FIELDS * (69 + 69 + 10))

static inline hash_large *hash_large_at(const char *base, const entry *e) {
  return (hash_large *)collection_at(base, e);
}

/* ---- fields ---- */

/* A member's field, in the kind it was first written in. */
static void hash_member_field(const entry *e, kevy_value *field) {
  field->kind = entry_key_kind(e);
  field->reserved = 0;
  field->len = entry_klen(e);
  field->as.ptr = entry_key(e);
  if (field->kind != KEVY_INT) return;
  int64_t i = 0;
  (void)number_parse_int(field->as.ptr, field->len, &i);
  field->len = 0;
  field->as.i = i;
}

/* ---- small and timed blocks ---- */

#define HASH_TIMED_HEAD 0xd8 /* how a float begins (packed.h) */
#define HASH_SOONEST_MAX (INT64_C(1) << 53) /* what a float holds exactly */

static inline bool hash_is_timed(const char *block) { return (uint8_t)block[PACKED_HEAD] == HASH_TIMED_HEAD; }

static inline uint32_t hash_block_fields(const char *block) {
  uint32_t count = packed_count(block);
  return count != 0 && hash_is_timed(block) ? (count - 1) / 3 : count / 2;
}

static inline const char *hash_block_first(const char *block, bool timed) {
  const char *at = packed_first(block);
  return timed ? packed_next(at) : at;
}

static int64_t hash_packed_int(const char *at) {
  kevy_value v;
  char digits[PACKED_NUMBER];
  packed_get(at, &v, digits);
  return v.as.i;
}

/* Of a timed block's field. */
static int64_t hash_block_deadline(const char *field) {
  int64_t deadline = hash_packed_int(packed_next(packed_next(field)));
  return deadline != 0 ? deadline : KEVY_NO_TTL;
}

static int64_t hash_block_soonest(const char *block) {
  kevy_value v;
  char digits[PACKED_NUMBER];
  packed_get(packed_first(block), &v, digits);
  return (int64_t)v.as.d;
}

static bool hash_has_come(kevy_store *s, int64_t deadline) {
  return deadline != KEVY_NO_TTL && store_passed(s, deadline);
}

static COLD const char *hash_timed_find(const char *block, size_t len, const packed_key *key) {
  const char *at = hash_block_first(block, true), *end = block + len;
  while (at < end) {
    if (packed_is(at, key)) return at;
    at = packed_next(packed_next(packed_next(at)));
  }
  return NULL;
}

static FLAT const char *hash_block_find(const char *block, size_t len, const packed_key *key) {
  if (LIKELY(!hash_is_timed(block))) return packed_find(block, len, key, 2);
  return hash_timed_find(block, len, key);
}

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

static __attribute__((noinline)) kevy_status hash_get_noted(kevy_store *s, const char *key, size_t klen,
                                                            const kevy_value *field, kevy_value *out) {
  return store_noted(s, hash_get(s, key, klen, field, out));
}

/* In a small hash whose key is found at first sight. */
__attribute__((noinline)) kevy_status hash_get_small(kevy_store *s, const char *key, size_t klen,
                                                     const kevy_value *field, kevy_value *out) {
  bool absent;
  if (klen > 16 || !packed_is_quick(field)) return hash_get_noted(s, key, klen, field, out);
  uint64_t hash = hash_quick(s->sp->secret, key, klen);
  entry *e = collection_guess_at(s->base, table_home(s->base, s->keys, hash), hash, key, klen,
                                 COLLECTION_SMALL(KEVY_TYPE_HASH), &absent);
  if (UNLIKELY(e == NULL)) return hash_get_noted(s, key, klen, field, out);
  const char *block = (const char *)(e + 1) + klen;
  if (UNLIKELY(hash_is_timed(block))) return hash_get_noted(s, key, klen, field, out);
  const char *at = packed_find_quick(block, e->vlen, field, 2);
  if (at != NULL && UNLIKELY(!hash_value_quick(at, out))) return hash_get_noted(s, key, klen, field, out);
  s->hits++;
  probe_note_access(s, e);
  return at != NULL ? KEVY_OK : KEVY_MISSING;
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

/* ---- the wheel of a large hash ---- */

static wheel *hash_wheel(const kevy_store *s, const hash_large *h) { return mem_ptr(s->base, h->wheel); }

static bool hash_wheel_prepare(kevy_store *s, hash_large *h) {
  if (h->wheel != 0) return true;
  ref r = mem_alloc(&s->sp->mem, sizeof(wheel));
  if (r == 0) return false;
  wheel_start(mem_ptr(s->base, r), store_now(s));
  h->wheel = r;
  h->next_due = INT64_MAX;
  store_forget_recent(s); /* a hash with deadlines may be over the next time */
  h->k.c.bytes += mem_round(sizeof(wheel));
  return true;
}

static void hash_wheel_add(kevy_store *s, hash_large *h, ref block) {
  const entry *e = mem_ptr(s->base, block);
  if (LIKELY(!entry_has_deadline(e))) return;
  wheel_add(s->base, hash_wheel(s, h), block);
  if (entry_deadline(e) < h->next_due) h->next_due = entry_deadline(e);
}

static void hash_wheel_remove(kevy_store *s, hash_large *h, ref block) {
  if (UNLIKELY(entry_has_deadline(mem_ptr(s->base, block)))) wheel_remove(s->base, hash_wheel(s, h), block);
}

/* ---- writing one field of a large hash ---- */

/* An empty large hash that no key refers to. 0: no memory. */
static ref hash_large_new(kevy_store *s) {
  ref r = collection_new(s->sp, sizeof(hash_large), KEVY_TYPE_HASH);
  if (r == 0) return 0;
  hash_large *h = mem_ptr(s->base, r);
  if (table_open(s->sp, &h->k.members)) return r;
  node_retire(s->sp, r);
  return 0;
}

/* Overwrites a member where it stands, when a new one would be of the same size and no snapshot sees this
 * one. Its deadline stays. */
static bool hash_overwrite(kevy_store *s, uint64_t *slot, const content *c) {
  if (s->sp->newest != 0 && !table_slot_fresh(s->sp, slot)) return false;
  entry *e = mem_ptr(s->base, slot_ref(*slot));
  uint32_t flags = entry_flags(e);
  if ((flags & ENTRY_CONTENT) == ENTRY_BLOB || c->form == ENTRY_BLOB || (flags & ENTRY_WIDE)) return false;
  size_t head = entry_head(flags) + e->klen, len = c->form == ENTRY_RAW ? c->len : 8;
  if (len != e->vlen && mem_round(head + len) != mem_round(head + e->vlen)) return false;
  e->vlen = (uint16_t)len;
  __atomic_store_n(&e->access_flags, (flags & ~ENTRY_CONTENT) | c->form, __ATOMIC_RELAXED);
  entry_set_content(e, c);
  return true;
}

/* A field on its way into a large hash. */
typedef struct hash_staged {
  ref block;
  uint64_t hash, before; /* once it is in its place: the slot's word before, 0 for none */
} hash_staged;

/* Swaps a staged member in at its field's slot, NULL where it is new. False: no memory, and nothing changed. */
static FLAT bool hash_swap_at(kevy_store *s, hash_large *h, hash_staged *st, uint64_t *slot) {
  space *sp = s->sp;
  entry *e = mem_ptr(s->base, st->block);
  st->before = 0;
  if (slot == NULL) return table_insert(sp, &h->k.members, st->hash, st->block, false);
  slot = table_own(sp, &h->k.members, st->hash, slot, false);
  if (slot == NULL || !node_room(sp, 1)) return false;
  const entry *old = mem_ptr(s->base, slot_ref(*slot));
  if (LIKELY(!hash_has_come(s, entry_deadline(old)))) e->kinds = (uint8_t)((e->kinds & 7u) | (old->kinds & 0x30u));
  st->before = *slot & (REF_MASK | SLOT_FRESH);
  table_replace(slot, st->block);
  return true;
}

/* Swaps a staged member in. The field is read from the block: the caller's may lie in what an earlier one of the
 * same call replaced. */
static bool hash_swap_in(kevy_store *s, hash_large *h, hash_staged *st) {
  const entry *e = mem_ptr(s->base, st->block);
  return hash_swap_at(s, h, st, member_find(s->base, &h->k, st->hash, entry_key(e), entry_klen(e)));
}

static void hash_undo(kevy_store *s, hash_large *h, const hash_staged *st) {
  uint64_t *slot = table_find_ref(s->base, &h->k.members, st->hash, st->block);
  if (st->before != 0) *slot = (*slot & ~(REF_MASK | SLOT_FRESH)) | st->before;
  else table_remove(s->sp, &h->k.members, st->hash, slot);
}

/* True when the field is new. */
static bool hash_commit(kevy_store *s, hash_large *h, const hash_staged *st) {
  bool added = true;
  if (st->before != 0) {
    ref old = slot_ref(st->before);
    added = hash_has_come(s, entry_deadline(mem_ptr(s->base, old)));
    hash_wheel_remove(s, h, old);
    member_retire(s->sp, &h->k, old, st->hash, (st->before & SLOT_FRESH) != 0);
  }
  hash_wheel_add(s, h, st->block);
  return added;
}

/* What a call writes. */
typedef struct hash_change {
  size_t k;
  const kevy_value *fields, *values;
  int64_t deadline;  /* of all of them; KEVY_NO_TTL for none */
  uint32_t flags;    /* KEVY_KEEPTTL, KEVY_TEXT_KEY */
  uint64_t added;
  const entry *live; /* the key that they are written to, NULL for a new one */
} hash_change;

/* A field that is due, which another takes the place of, goes first: a replay, in which nothing is due, would find it. */
static COLD void hash_note_due(kevy_store *s, const hash_change *ch, const kevy_value *field) {
  if (ch->live != NULL) effect_shed(s, entry_key(ch->live), entry_klen(ch->live), field);
}

/* The deadline that a field gets, given the one it has. */
static int64_t hash_new_deadline(kevy_store *s, const hash_change *ch, int64_t before) {
  return (ch->flags & KEVY_KEEPTTL) && !hash_has_come(s, before) ? before : ch->deadline;
}

/* Builds the member of the i-th field. */
static kevy_status hash_stage(kevy_store *s, hash_large *h, hash_staged *st, const member_name *f, uint64_t hash,
                              const content *c, int64_t deadline) {
  st->hash = hash;
  st->block = 0;
  if (deadline == KEVY_NO_TTL || hash_wheel_prepare(s, h))
    st->block = member_new(s, &h->k, f->key.ptr, f->key.len, f->kind, c, deadline);
  if (LIKELY(st->block != 0)) return KEVY_OK;
  content_drop(s, c);
  return KEVY_EOOM;
}

static void hash_unstage(kevy_store *s, hash_large *h, const hash_staged *st) {
  member_retire(s->sp, &h->k, st->block, st->hash, true);
}

/* Writes the i-th field into a writable large hash, whole or not at all. */
static kevy_status hash_large_put(kevy_store *s, hash_large *h, hash_change *ch, size_t i) {
  member_name f;
  hash_staged st;
  content c;
  (void)member_name_of(&f, &ch->fields[i]);
  kevy_status status = content_value(s, &c, &ch->values[i]);
  if (UNLIKELY(status != KEVY_OK)) return status;
  uint64_t hash = member_name_hash(s->sp, &f), *slot = member_find_to_write(s->base, &h->k, hash, f.key.ptr, f.key.len);
  int64_t before = slot != NULL ? entry_deadline(mem_ptr(s->base, slot_ref(*slot))) : KEVY_NO_TTL;
  int64_t deadline = hash_new_deadline(s, ch, before);
  if (UNLIKELY(hash_has_come(s, before))) hash_note_due(s, ch, &ch->fields[i]);
  if (slot != NULL && before == deadline && hash_overwrite(s, slot, &c)) return KEVY_OK;
  status = hash_stage(s, h, &st, &f, hash, &c, deadline);
  if (UNLIKELY(status != KEVY_OK)) return status;
  if (UNLIKELY(!hash_swap_at(s, h, &st, slot))) {
    hash_unstage(s, h, &st);
    return KEVY_EOOM;
  }
  ch->added += hash_commit(s, h, &st);
  return KEVY_OK;
}

/* ---- writing many ---- */

static kevy_status hash_stage_one(kevy_store *s, hash_large *h, hash_staged *st, const hash_change *ch, size_t i) {
  member_name f;
  content c;
  (void)member_name_of(&f, &ch->fields[i]);
  kevy_status status = content_value(s, &c, &ch->values[i]);
  if (status != KEVY_OK) return status;
  uint64_t hash = member_name_hash(s->sp, &f), *slot = member_find(s->base, &h->k, hash, f.key.ptr, f.key.len);
  int64_t before = slot != NULL ? entry_deadline(mem_ptr(s->base, slot_ref(*slot))) : KEVY_NO_TTL;
  if (UNLIKELY(hash_has_come(s, before))) hash_note_due(s, ch, &ch->fields[i]);
  return hash_stage(s, h, st, &f, hash, &c, hash_new_deadline(s, ch, before));
}

/* All members are in place before the first change is final: all or none. */
static kevy_status hash_large_put_all(kevy_store *s, hash_large *h, hash_change *ch) {
  if (ch->k == 1) return hash_large_put(s, h, ch, 0);
  hash_staged *all = malloc(ch->k * sizeof *all);
  if (all == NULL) return KEVY_EOOM;
  size_t built = 0, swapped = 0;
  kevy_status status = KEVY_OK;
  while (built < ch->k && (status = hash_stage_one(s, h, &all[built], ch, built)) == KEVY_OK) built++;
  while (status == KEVY_OK && swapped < ch->k) {
    if (hash_swap_in(s, h, &all[swapped])) swapped++;
    else status = KEVY_EOOM;
  }
  if (status == KEVY_OK) {
    for (size_t i = 0; i < ch->k; i++) ch->added += hash_commit(s, h, &all[i]);
  } else {
    while (swapped > 0) hash_undo(s, h, &all[--swapped]);
    while (built > 0) hash_unstage(s, h, &all[--built]);
  }
  free(all);
  return status;
}

/* ---- editing a small hash ---- */

/* A copy of the block, with room for whatever a small hash may become. */
typedef struct hash_edit {
  size_t len;
  bool timed;
  char block[HASH_ROOM];
} hash_edit;

static void hash_edit_open(hash_edit *b, const entry *e) {
  if (e == NULL) {
    packed_clear(b->block);
    b->len = PACKED_HEAD;
    b->timed = false;
    return;
  }
  b->len = small_len(e);
  memcpy(b->block, small_block(e), b->len);
  b->timed = hash_is_timed(b->block);
}

static uint32_t hash_edit_fields(const hash_edit *b) {
  uint32_t count = packed_count(b->block);
  return b->timed ? (count - 1) / 3 : count / 2;
}

static const char *hash_edit_find(const hash_edit *b, const packed_key *key) {
  if (b->len == PACKED_HEAD) return NULL;
  return hash_block_find(b->block, b->len, key);
}

static int64_t hash_edit_deadline(const hash_edit *b, const char *field) {
  return b->timed ? hash_block_deadline(field) : KEVY_NO_TTL;
}

static kevy_value hash_deadline_value(int64_t deadline) {
  kevy_value v = {KEVY_INT, 0, 0, {.i = deadline != KEVY_NO_TTL ? deadline : 0}};
  return v;
}
static kevy_value hash_soonest_value(int64_t deadline) {
  kevy_value v = {KEVY_FLOAT, 0, 0, {.d = (double)(deadline < HASH_SOONEST_MAX ? deadline : HASH_SOONEST_MAX)}};
  return v;
}

/* Makes room for deadlines in a plain block. */
static COLD void hash_edit_time(hash_edit *b) {
  char plain[HASH_ROOM];
  size_t len = b->len;
  memcpy(plain, b->block, len);
  kevy_value head = hash_soonest_value(HASH_SOONEST_MAX), v[3];
  packed_clear(b->block);
  b->len = packed_append(b->block, PACKED_HEAD, &head, 1);
  b->timed = true;
  v[2] = hash_deadline_value(KEVY_NO_TTL);
  for (const char *at = packed_first(plain); at < plain + len;) {
    char digits[2][PACKED_NUMBER];
    packed_get(at, &v[0], digits[0]);
    at = packed_next(at);
    packed_get(at, &v[1], digits[1]);
    at = packed_next(at);
    b->len = packed_append(b->block, b->len, v, 3);
  }
}

/* The head's promise, after a field got a deadline. */
static void hash_edit_soonest(hash_edit *b, int64_t deadline) {
  if (deadline == KEVY_NO_TTL || deadline >= hash_block_soonest(b->block)) return;
  kevy_value head = hash_soonest_value(deadline);
  b->len = packed_splice(b->block, b->len, packed_first(b->block), 1, &head, 1);
}

/* Gives the field at `at` (NULL: a new one) this value and deadline. There is room. */
static void hash_edit_put(hash_edit *b, const packed_key *key, const char *at, const kevy_value *field,
                          const kevy_value *value, int64_t deadline) {
  if (deadline != KEVY_NO_TTL && !b->timed) {
    hash_edit_time(b);
    at = at != NULL ? hash_edit_find(b, key) : NULL;
  }
  kevy_value v[3] = {*field, *value, hash_deadline_value(deadline)};
  uint32_t more = b->timed;
  if (at != NULL) b->len = packed_splice(b->block, b->len, packed_next(at), 1 + more, v + 1, 1 + more);
  else b->len = packed_append(b->block, b->len, v, 2 + more);
  if (b->timed) hash_edit_soonest(b, deadline);
}

static void hash_edit_remove(hash_edit *b, const char *at) {
  b->len = packed_splice(b->block, b->len, at, b->timed ? 3 : 2, NULL, 0);
}

/* A timed block without a field is empty; one without a deadline is plain again. */
static void hash_edit_finish(hash_edit *b) {
  if (!b->timed) return;
  int64_t soonest = HASH_SOONEST_MAX;
  for (const char *at = hash_block_first(b->block, true); at < b->block + b->len;) {
    int64_t deadline = hash_block_deadline(at);
    if (deadline != KEVY_NO_TTL && deadline < soonest) soonest = deadline;
    at = packed_next(packed_next(packed_next(at)));
  }
  kevy_value head = hash_soonest_value(soonest);
  b->len = packed_splice(b->block, b->len, packed_first(b->block), 1, &head, 1);
  if (soonest != HASH_SOONEST_MAX) return;
  b->len = packed_splice(b->block, b->len, packed_first(b->block), 1, NULL, 0);
  b->timed = false;
  const char *at = packed_first(b->block);
  for (uint32_t left = packed_count(b->block) / 3; left > 0; left--) {
    at = packed_next(packed_next(at));
    b->len = packed_splice(b->block, b->len, at, 1, NULL, 0);
  }
}

static bool hash_fits_small(const kevy_value *v) { return v->kind > KEVY_TEXT || v->len <= HASH_SMALL_BYTES; }

/* Adds a new field to a plain block, where both it and its value are short strings and no numbers. False, and nothing
 * done, where anything is otherwise. */
static FLAT bool hash_edit_add_quick(hash_edit *b, const kevy_value *field, const kevy_value *value) {
  if (b->timed || !packed_is_quick(field) || !packed_is_quick(value)) return false;
  if (hash_edit_fields(b) == HASH_SMALL_FIELDS || packed_find_quick(b->block, b->len, field, 2) != NULL) return false;
  b->len = packed_append_quick(b->block, b->len, field);
  b->len = packed_append_quick(b->block, b->len, value);
  return true;
}

/* Writes the i-th field; false, and nothing done, when the hash has to be a large one for it. */
static bool hash_edit_change(kevy_store *s, hash_edit *b, hash_change *ch, size_t i) {
  const kevy_value *field = &ch->fields[i], *value = &ch->values[i];
  if (ch->deadline == KEVY_NO_TTL && hash_edit_add_quick(b, field, value)) {
    ch->added++;
    return true;
  }
  if (!hash_fits_small(field) || !hash_fits_small(value)) return false;
  member_name f;
  (void)member_name_of(&f, field);
  const char *at = hash_edit_find(b, &f.key);
  int64_t before = at != NULL ? hash_edit_deadline(b, at) : KEVY_NO_TTL;
  if (UNLIKELY(hash_has_come(s, before))) {
    hash_note_due(s, ch, field);
    hash_edit_remove(b, at);
    at = NULL;
  }
  if (at == NULL && hash_edit_fields(b) == HASH_SMALL_FIELDS) return false;
  ch->added += at == NULL;
  hash_edit_put(b, &f.key, at, field, value, hash_new_deadline(s, ch, before));
  return true;
}

static kevy_status hash_edit_put_back(kevy_store *s, probe *p, hash_edit *b, uint32_t flags) {
  hash_edit_finish(b);
  return collection_put_packed(s, p, KEVY_TYPE_HASH, b->block, b->len, flags);
}

/* ---- between small and large ---- */

static hash_walk hash_walk_block(const char *block, size_t len) {
  hash_walk w = {.now = INT64_MIN, .end = block + len, .timed = len > PACKED_HEAD && hash_is_timed(block)};
  w.at = hash_block_first(block, w.timed);
  return w;
}

/* A large hash of what a block holds. 0: no memory. */
static ref hash_grow(kevy_store *s, const hash_edit *b) {
  ref top = hash_large_new(s);
  if (top == 0) return 0;
  hash_large *h = mem_ptr(s->base, top);
  hash_walk w = hash_walk_block(b->block, b->len);
  const char *at;
  kevy_value field, value;
  while (at = w.at, hash_walk_next(&w, &field, &value)) {
    hash_change ch = {1, &field, &value, hash_edit_deadline(b, at), 0, 0, NULL};
    if (hash_large_put(s, h, &ch, 0) == KEVY_OK) continue;
    node_retire_collection(s->sp, top);
    return 0;
  }
  return top;
}

/* Writes the fields from the i-th on into a large hash made of the block. 0: no memory. */
static ref hash_grow_with(kevy_store *s, const hash_edit *b, hash_change *ch, size_t i) {
  ref top = hash_grow(s, b);
  for (; top != 0 && i < ch->k; i++) {
    if (hash_large_put(s, mem_ptr(s->base, top), ch, i) == KEVY_OK) continue;
    node_retire_collection(s->sp, top);
    top = 0;
  }
  return top;
}

/* What a large hash holds, as a block; false when it does not fit one. */
static bool hash_pack(const kevy_store *s, const hash_large *h, hash_edit *b) {
  table_walk walk = {0, 0, false};
  ref r;
  hash_edit_open(b, NULL);
  while ((r = table_next(s->base, &h->k.members, &walk)) != 0) {
    const entry *e = mem_ptr(s->base, r);
    kevy_value field, value;
    hash_member_field(e, &field);
    entry_value(s->base, e, &value);
    if (!hash_fits_small(&field) || !hash_fits_small(&value)) return false;
    hash_edit_put(b, NULL, NULL, &field, &value, entry_deadline(e));
  }
  return true;
}

/* Makes a hash that has lost most of its fields small again, where it fits and memory allows. */
static void hash_shrink(kevy_store *s, probe *p) {
  const hash_large *h = hash_large_at(s->base, p->live);
  hash_edit b;
  if (h->k.members.count > HASH_SHRINK_FIELDS || !hash_pack(s, h, &b)) return;
  (void)collection_put_packed(s, p, KEVY_TYPE_HASH, b.block, b.len, 0);
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
  uint64_t hash = hash_bytes(s->sp->secret, field->as.ptr, field->len);
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

/* ---- numbers ---- */

/* The value to add to, in its kind; an int 0 for a missing field. */
static kevy_status hash_operand(kevy_store *s, probe *p, const char *key, size_t klen, const kevy_value *field,
                                kevy_value *v, char digits[PACKED_NUMBER]) {
  member_name f;
  kevy_status status = member_name_of(&f, field);
  if (status == KEVY_OK) status = collection_write(s, p, key, klen, KEVY_TYPE_HASH);
  if (status != KEVY_OK) return status;
  if (p->live != NULL && hash_lookup(s, p->live, &f, v, NULL, digits) == KEVY_OK) return KEVY_OK;
  *v = (kevy_value){KEVY_INT, 0, 0, {.i = 0}};
  return KEVY_OK;
}

static kevy_status hash_put_sum(kevy_store *s, probe *p, const kevy_value *field, const kevy_value *sum,
                                uint32_t flags) {
  hash_change ch = {1, field, sum, KEVY_NO_TTL, (flags & KEVY_TEXT_KEY) | KEVY_KEEPTTL, 0, NULL};
  return hash_apply(s, p, &ch);
}

kevy_status hash_incr(kevy_store *s, const char *key, size_t klen, const kevy_value *field, int64_t by, uint32_t flags,
                      int64_t *out) {
  probe p;
  kevy_value v;
  char digits[PACKED_NUMBER], buf[NUMBER_FLOAT_MAX];
  kevy_status status = hash_operand(s, &p, key, klen, field, &v, digits);
  if (status != KEVY_OK) return status;
  int64_t before = v.as.i;
  if (v.kind != KEVY_INT) {
    kevy_value bytes = number_byte_form(&v, buf);
    if (!number_parse_int(bytes.as.ptr, bytes.len, &before)) return KEVY_ENOTINT;
  }
  kevy_value sum = {KEVY_INT, 0, 0, {.i = 0}};
  if (__builtin_add_overflow(before, by, &sum.as.i)) return KEVY_EOVERFLOW;
  status = hash_put_sum(s, &p, field, &sum, flags);
  if (status == KEVY_OK && out != NULL) *out = sum.as.i;
  return status;
}

kevy_status hash_incr_float(kevy_store *s, const char *key, size_t klen, const kevy_value *field, double by,
                            uint32_t flags, double *out) {
  probe p;
  kevy_value v;
  char digits[PACKED_NUMBER];
  kevy_status status = hash_operand(s, &p, key, klen, field, &v, digits);
  if (status != KEVY_OK) return status;
  double before;
  if (v.kind == KEVY_FLOAT) before = v.as.d;
  else if (v.kind == KEVY_INT) before = (double)v.as.i;
  else if (!number_parse_float(v.as.ptr, v.len, &before)) return KEVY_ENOTFLOAT;
  kevy_value sum = {KEVY_FLOAT, 0, 0, {.d = before + by}};
  if (isnan(sum.as.d) || isinf(sum.as.d)) return KEVY_ENAN;
  status = hash_put_sum(s, &p, field, &sum, flags);
  if (status == KEVY_OK && out != NULL) *out = sum.as.d;
  return status;
}

kevy_status hash_incr_text(kevy_store *s, const char *key, size_t klen, const kevy_value *field, long double by,
                           uint32_t flags, kevy_value *out) {
  probe p;
  kevy_value v;
  char digits[PACKED_NUMBER], buf[NUMBER_FLOAT_MAX], text[NUMBER_LONG_DOUBLE_MAX];
  kevy_status status = hash_operand(s, &p, key, klen, field, &v, digits);
  if (status != KEVY_OK) return status;
  kevy_value bytes = number_byte_form(&v, buf);
  long double sum;
  if (!number_parse_long_double(bytes.as.ptr, bytes.len, &sum)) return KEVY_ENOTFLOAT;
  sum += by;
  if (isnan(sum) || isinf(sum)) return KEVY_ENAN;
  kevy_value answer = {KEVY_BYTES, 0, number_format_long_double(sum, text), {.ptr = text}};
  /* Memory for the answer first. What an argument may lie in is written, or freed, last. */
  char *room = answer.len <= BLOB_THRESHOLD ? store_scratch(s) : malloc(answer.len);
  if (room == NULL) return KEVY_EOOM;
  bool own = answer.len > BLOB_THRESHOLD;
  status = hash_put_sum(s, &p, field, &answer, flags);
  if (status != KEVY_OK) {
    if (own) free(room);
    return status;
  }
  if (own) hash_lend_batch(s, room);
  answer.as.ptr = memcpy(room, text, answer.len);
  *out = answer;
  return KEVY_OK;
}

/* ---- all of it ---- */

void hash_walk_start(hash_walk *w, const char *base, const entry *e, int64_t now) {
  memset(w, 0, sizeof *w);
  if (!entry_is_large(e)) *w = hash_walk_block(small_block(e), small_len(e));
  w->deadline = KEVY_NO_TTL;
  w->base = base;
  w->e = e;
  w->now = now;
}

static bool hash_walk_large(hash_walk *w, kevy_value *field, kevy_value *value) {
  ref r;
  while ((r = table_next(w->base, &hash_large_at(w->base, w->e)->k.members, &w->walk)) != 0) {
    const entry *member = mem_ptr(w->base, r);
    if (!member_lives(member, w->now)) continue;
    w->deadline = entry_deadline(member);
    hash_member_field(member, field);
    if (value != NULL) entry_value(w->base, member, value);
    return true;
  }
  return false;
}

bool hash_walk_next(hash_walk *w, kevy_value *field, kevy_value *value) {
  if (w->at == NULL) return hash_walk_large(w, field, value);
  while (w->at < w->end) {
    const char *at = w->at, *second = packed_next(at);
    w->at = packed_next(second);
    if (UNLIKELY(w->timed)) {
      w->at = packed_next(w->at);
      w->deadline = hash_block_deadline(at);
      if (w->deadline != KEVY_NO_TTL && w->deadline <= w->now) continue;
    }
    packed_get(at, field, w->digits[0]);
    if (value != NULL) packed_get(second, value, w->digits[1]);
    return true;
  }
  return false;
}

/* ---- deadlines: waking up and shedding ---- */

/* When the hash is to be woken, INT64_MAX for never. */
static int64_t hash_soonest_of(const char *base, const entry *e) {
  if (entry_is_large(e)) {
    const hash_large *h = hash_large_at(base, e);
    return h->wheel != 0 ? h->next_due : INT64_MAX;
  }
  return hash_is_timed(small_block(e)) ? hash_block_soonest(small_block(e)) : INT64_MAX;
}
static int64_t hash_soonest(const kevy_store *s, const entry *e) { return hash_soonest_of(s->base, e); }

bool hash_has_deadlines(const char *base, const entry *e) {
  return entry_is_large(e) ? hash_large_at(base, e)->wheel != 0 : hash_is_timed(small_block(e));
}

bool hash_is_over(const char *base, const entry *e, int64_t now) {
  if (entry_type(e) != KEVY_TYPE_HASH || LIKELY(hash_soonest_of(base, e) > now)) return false;
  if (entry_is_large(e) && hash_large_at(base, e)->k.members.count > HASH_OVER_MAX) return false;
  hash_walk w;
  kevy_value field;
  hash_walk_start(&w, base, e, now);
  return !hash_walk_next(&w, &field, NULL);
}

bool hash_arm(kevy_store *s, const entry *e, const probe *to) {
  if (entry_type(e) != KEVY_TYPE_HASH) return true;
  int64_t soonest = hash_soonest(s, e);
  return soonest == INT64_MAX || timers_arm(s, to->key, to->klen, to->hash, soonest);
}

static COLD void hash_note_shed(kevy_store *s, const probe *p, const char *at) {
  kevy_value field;
  char digits[PACKED_NUMBER];
  packed_get(at, &field, digits);
  effect_shed(s, entry_key(p->live), entry_klen(p->live), &field);
}

static int64_t hash_shed_small(kevy_store *s, probe *p, int64_t now, uint32_t *items) {
  hash_edit b;
  hash_edit_open(&b, p->live);
  const char *at = hash_block_first(b.block, b.timed);
  while (at < b.block + b.len) {
    int64_t deadline = hash_block_deadline(at);
    if (deadline == KEVY_NO_TTL || deadline > now) {
      at = packed_next(packed_next(packed_next(at)));
      continue;
    }
    if (effect_kept(s)) hash_note_shed(s, p, at);
    hash_edit_remove(&b, at); /* the next one stands there now */
    if (*items != 0) --*items;
  }
  /* Fails only when the address space is exhausted: another time, then. */
  if (hash_edit_put_back(s, p, &b, 0) != KEVY_OK) return now + 1000;
  return p->live != NULL ? hash_soonest(s, p->live) : INT64_MAX;
}

/* The tests' clock went back: the wheel is made anew. */
static COLD void hash_wheel_rewind(kevy_store *s, hash_large *h, int64_t now) {
  table_walk walk = {0, 0, false};
  ref r;
  wheel_start(hash_wheel(s, h), now);
  h->next_due = INT64_MAX;
  while ((r = table_next(s->base, &h->k.members, &walk)) != 0) hash_wheel_add(s, h, r);
}

static void hash_wheel_drop(kevy_store *s, hash_large *h) {
  mem_free(&s->sp->mem, h->wheel, sizeof(wheel));
  h->wheel = 0;
  h->k.c.bytes -= mem_round(sizeof(wheel));
}

static int64_t hash_shed_large(kevy_store *s, probe *p, int64_t now, uint32_t *items) {
  hash_large *h = (hash_large *)collection_own(s, p, true);
  if (h == NULL) return now + 1000;
  if (hash_wheel(s, h)->elapsed > now) hash_wheel_rewind(s, h, now);
  ref block;
  while ((block = wheel_due(s->base, hash_wheel(s, h), now, items, &h->next_due)) != 0) {
    const entry *e = mem_ptr(s->base, block);
    uint64_t hash = hash_bytes(s->sp->secret, entry_key(e), entry_klen(e));
    uint64_t *slot = table_find_ref(s->base, &h->k.members, hash, block);
    if (slot == NULL) continue;
    kevy_value field;
    hash_member_field(e, &field);
    effect_shed(s, entry_key(p->live), entry_klen(p->live), &field);
    hash_doomed d = hash_unlink(s, h, hash, slot);
    hash_free(s, h, &d);
  }
  int64_t next = h->next_due;
  /* Inside a transaction an older version may come to need it again. */
  if (next == INT64_MAX && s->sp->transactions == 0) hash_wheel_drop(s, h);
  hash_settle(s, p);
  return p->live != NULL && !entry_is_large(p->live) ? hash_soonest(s, p->live) : next;
}

int64_t hash_shed(kevy_store *s, probe *p, int64_t now, uint32_t *items) {
  int64_t soonest = hash_soonest(s, p->live);
  if (soonest > now) return soonest;
  if (UNLIKELY(s->sp->light != NULL) && !light_settle(s, p->hash, &p->slot)) return now + 1000;
  s->sp->written = true;
  return entry_is_large(p->live) ? hash_shed_large(s, p, now, items) : hash_shed_small(s, p, now, items);
}

/* ---- deadlines: setting them ---- */

/* Whether the field may get this deadline, given the one it has. */
static kevy_status hash_expire_check(int64_t before, int64_t after, uint32_t flags) {
  if (flags & KEVY_PERSIST) return before != KEVY_NO_TTL ? KEVY_OK : KEVY_UNMET;
  return expire_allowed(before, after, flags) ? KEVY_OK : KEVY_UNMET;
}

/* What HPEXPIREAT is about. */
typedef struct hash_expiry {
  size_t k;
  const kevy_value *fields;
  int64_t deadline; /* KEVY_NO_TTL to persist */
  uint32_t flags;
  bool come; /* the deadline has come: fields go */
  kevy_status *done;
} hash_expiry;

static kevy_status hash_expire_small(kevy_store *s, probe *p, const hash_expiry *x) {
  hash_edit b;
  bool changed = false;
  hash_edit_open(&b, p->live);
  for (size_t i = 0; i < x->k; i++) {
    member_name f;
    (void)member_name_of(&f, &x->fields[i]);
    const char *at = hash_edit_find(&b, &f.key);
    int64_t before = at != NULL ? hash_edit_deadline(&b, at) : KEVY_NO_TTL;
    x->done[i] = at == NULL || hash_has_come(s, before) ? KEVY_MISSING : hash_expire_check(before, x->deadline, x->flags);
    if (x->done[i] != KEVY_OK) continue;
    changed = true;
    if (x->come) {
      hash_edit_remove(&b, at);
      x->done[i] = HASH_DELETED;
    } else {
      kevy_value value;
      char digits[PACKED_NUMBER], copy[HASH_SMALL_BYTES];
      packed_get(packed_next(at), &value, digits);
      if (value.kind <= KEVY_TEXT && value.len != 0) value.as.ptr = memcpy(copy, value.as.ptr, value.len);
      hash_edit_put(&b, &f.key, at, &value, &value, x->deadline);
    }
  }
  return changed ? hash_edit_put_back(s, p, &b, 0) : KEVY_OK;
}

/* One field's deadline as it was: its old member, or, where that changed in place, its old deadline. */
typedef struct hash_moved {
  hash_staged st;
  int64_t before;
  bool in_place;
} hash_moved;

/* Gives a member another deadline: false, and nothing done, without memory. */
static bool hash_move(kevy_store *s, hash_large *h, hash_moved *m, uint64_t hash, uint64_t *slot, int64_t deadline) {
  ref old = slot_ref(*slot);
  const entry *e = mem_ptr(s->base, old);
  m->before = entry_deadline(e);
  m->in_place = m->before != KEVY_NO_TTL && deadline != KEVY_NO_TTL &&
                (s->sp->newest == 0 || table_slot_fresh(s->sp, slot));
  m->st = (hash_staged){old, hash, 0};
  if (m->in_place) {
    wheel_move(s->base, hash_wheel(s, h), old, deadline);
  } else {
    content c = probe_share(s, e);
    member_name f = {.key = {entry_key(e), entry_klen(e), false, 0}, .kind = entry_key_kind(e)};
    if (hash_stage(s, h, &m->st, &f, hash, &c, deadline) != KEVY_OK) return false;
    if (!hash_swap_in(s, h, &m->st)) {
      hash_unstage(s, h, &m->st);
      return false;
    }
    hash_wheel_remove(s, h, old);
    hash_wheel_add(s, h, m->st.block);
  }
  if (deadline != KEVY_NO_TTL && deadline < h->next_due) h->next_due = deadline;
  return true;
}

static void hash_move_back(kevy_store *s, hash_large *h, const hash_moved *m) {
  if (m->in_place) {
    wheel_move(s->base, hash_wheel(s, h), m->st.block, m->before);
    return;
  }
  hash_undo(s, h, &m->st);
  hash_wheel_remove(s, h, m->st.block);
  hash_wheel_add(s, h, slot_ref(m->st.before));
  hash_unstage(s, h, &m->st);
}

static void hash_move_done(kevy_store *s, hash_large *h, const hash_moved *m) {
  if (!m->in_place)
    member_retire(s->sp, &h->k, slot_ref(m->st.before), m->st.hash, (m->st.before & SLOT_FRESH) != 0);
}

/* A field's slot and whether it may get the deadline. */
static uint64_t *hash_expire_find(kevy_store *s, const hash_large *h, const hash_expiry *x, size_t i, uint64_t *hash) {
  member_name f;
  (void)member_name_of(&f, &x->fields[i]);
  *hash = member_name_hash(s->sp, &f);
  uint64_t *slot = member_find(s->base, &h->k, *hash, f.key.ptr, f.key.len);
  int64_t before = slot != NULL ? entry_deadline(mem_ptr(s->base, slot_ref(*slot))) : KEVY_NO_TTL;
  x->done[i] = slot == NULL || hash_has_come(s, before) ? KEVY_MISSING : hash_expire_check(before, x->deadline, x->flags);
  return slot;
}

static kevy_status hash_expire_large(kevy_store *s, probe *p, const hash_expiry *x) {
  hash_large *h = (hash_large *)collection_own(s, p, false);
  hash_moved few[HASH_FEW], *all = few;
  if (h == NULL || (!x->come && x->deadline != KEVY_NO_TTL && !hash_wheel_prepare(s, h))) return KEVY_EOOM;
  if (x->k > HASH_FEW && (all = malloc(x->k * sizeof *all)) == NULL) return KEVY_EOOM;
  size_t n = 0;
  kevy_status status = KEVY_OK;
  for (size_t i = 0; i < x->k && status == KEVY_OK; i++) {
    uint64_t hash, *slot = hash_expire_find(s, h, x, i, &hash);
    if (x->done[i] != KEVY_OK) continue;
    if (hash_move(s, h, &all[n], hash, slot, x->deadline)) n++;
    else status = KEVY_EOOM;
  }
  for (size_t i = n; i > 0 && status != KEVY_OK; i--) hash_move_back(s, h, &all[i - 1]);
  for (size_t i = 0; i < n && status == KEVY_OK; i++) hash_move_done(s, h, &all[i]);
  if (all != few) free(all);
  return status;
}

/* A deadline that has come: the fields go. */
static kevy_status hash_expire_now(kevy_store *s, probe *p, const hash_expiry *x) {
  hash_doomed few[HASH_FEW], *all = few;
  if (x->k > HASH_FEW && (all = malloc(x->k * sizeof *all)) == NULL) return KEVY_EOOM;
  hash_large *h = (hash_large *)collection_own(s, p, true);
  size_t n = 0;
  for (size_t i = 0; h != NULL && i < x->k; i++) {
    uint64_t hash, *slot = hash_expire_find(s, h, x, i, &hash);
    if (x->done[i] != KEVY_OK) continue;
    x->done[i] = HASH_DELETED;
    all[n++] = hash_unlink(s, h, hash, slot);
  }
  for (size_t i = 0; i < n; i++) hash_free(s, h, &all[i]);
  if (all != few) free(all);
  if (n != 0) hash_settle(s, p);
  return h != NULL ? KEVY_OK : KEVY_EOOM;
}

kevy_status hash_expire(kevy_store *s, const char *key, size_t klen, size_t k, const kevy_value *fields,
                        int64_t deadline, uint32_t flags, kevy_status *done) {
  hash_expiry x = {k, fields, deadline, flags, hash_has_come(s, deadline), done};
  probe p;
  for (size_t i = 0; i < k; i++)
    if (fields[i].kind > KEVY_INT) return KEVY_EARG;
  kevy_status status = collection_write(s, &p, key, klen, KEVY_TYPE_HASH);
  if (status != KEVY_OK) return status;
  for (size_t i = 0; i < k; i++) done[i] = KEVY_MISSING;
  if (p.live == NULL) return KEVY_MISSING;
  if (deadline != KEVY_NO_TTL && !x.come && !timers_arm(s, key, klen, p.hash, deadline)) return KEVY_EOOM;
  if (!entry_is_large(p.live)) return hash_expire_small(s, &p, &x);
  return x.come ? hash_expire_now(s, &p, &x) : hash_expire_large(s, &p, &x);
}

kevy_status hash_set_until(kevy_store *s, const char *key, size_t klen, size_t k, const kevy_value *fields,
                           const kevy_value *values, int64_t deadline, uint32_t flags) {
  hash_change ch = {k, fields, values, deadline, flags & (KEVY_TEXT_KEY | KEVY_KEEPTTL), 0, NULL};
  probe p;
  kevy_status status = collection_write(s, &p, key, klen, KEVY_TYPE_HASH);
  if (status != KEVY_OK || (status = hash_check(&ch)) != KEVY_OK || k == 0) return status;
  if (!hash_allowed(s, &p, &ch, flags)) return KEVY_UNMET;
  if (hash_has_come(s, deadline)) {
    status = p.live != NULL ? hash_del(s, key, klen, k, fields, NULL) : KEVY_OK;
    return status < 0 ? status : KEVY_OK;
  }
  if (deadline != KEVY_NO_TTL && !timers_arm(s, key, klen, p.hash, deadline)) return KEVY_EOOM;
  return hash_apply(s, &p, &ch);
}

/* ---- counting ---- */

/* Whether a field may have expired. */
static bool hash_may_be_due(const kevy_store *s, const entry *e, int64_t now) {
  return hash_soonest(s, e) <= now;
}

static uint64_t hash_count_live(const hash_view *v, const char *base) {
  hash_walk w;
  kevy_value field;
  uint64_t count = 0;
  hash_walk_start(&w, base, v->e, v->now);
  while (hash_walk_next(&w, &field, NULL)) count++;
  return count;
}

kevy_status hash_open(kevy_store *s, const char *key, size_t klen, hash_view *v) {
  probe p;
  *v = (hash_view){NULL, 0, 0};
  kevy_status status = collection_read(s, &p, key, klen, KEVY_TYPE_HASH);
  if (status != KEVY_OK) return status;
  int64_t now = 0;
  if (UNLIKELY(hash_has_deadlines(s->base, p.live))) {
    now = store_due_time(s);
    if (s->frozen == NULL) {
      uint32_t items = HASH_SHED_ITEMS;
      (void)hash_shed(s, &p, now, &items);
      if (p.live == NULL) return KEVY_MISSING;
    }
  }
  v->e = p.live;
  v->now = now;
  v->count = entry_is_large(p.live) ? hash_large_at(s->base, p.live)->k.members.count
                                    : hash_block_fields(small_block(p.live));
  if (hash_may_be_due(s, p.live, now)) v->count = hash_count_live(v, s->base);
  return v->count != 0 ? KEVY_OK : KEVY_MISSING;
}

kevy_status hash_len(kevy_store *s, const char *key, size_t klen, uint64_t *count) {
  hash_view v;
  kevy_status status = hash_open(s, key, klen, &v);
  *count = v.count;
  return status;
}

void hash_each(kevy_store *s, const hash_view *v, hash_visit visit, void *context) {
  if (v->count == 0) return;
  hash_walk w;
  kevy_value field, value;
  hash_walk_start(&w, s->base, v->e, v->now);
  while (hash_walk_next(&w, &field, &value)) visit(context, &field, &value);
}

typedef struct hash_step {
  kevy_store *s;
  const hash_view *v;
  hash_visit visit;
  void *context;
} hash_step;

static void hash_visit_member(void *context, ref block) {
  const hash_step *step = context;
  const entry *e = mem_ptr(step->s->base, block);
  if (!member_lives(e, step->v->now)) return;
  kevy_value field, value;
  hash_member_field(e, &field);
  entry_value(step->s->base, e, &value);
  step->visit(step->context, &field, &value);
}

void hash_scan(kevy_store *s, const hash_view *v, uint64_t *cursor, uint64_t count, hash_visit visit, void *context) {
  if (v->count == 0 || !entry_is_large(v->e)) {
    hash_each(s, v, visit, context);
    *cursor = 0;
    return;
  }
  hash_step step = {s, v, visit, context};
  table_scan(s->base, &hash_large_at(s->base, v->e)->k.members, cursor, count, hash_visit_member, &step);
}

bool hash_sample(kevy_store *s, const hash_view *v, uint64_t k, hash_visit visit, void *context) {
  if (k > v->count) k = v->count;
  if (k == 0) return true;
  if (entry_is_large(v->e)) {
    hash_step step = {s, v, visit, context};
    return members_sample(s, &hash_large_at(s->base, v->e)->k.members, v->count, k, v->now, hash_visit_member, &step);
  }
  hash_walk w;
  kevy_value field, value;
  members_sampler m = {v->count, k};
  hash_walk_start(&w, s->base, v->e, v->now);
  while (m.need != 0 && hash_walk_next(&w, &field, &value))
    if (members_take(s, &m)) visit(context, &field, &value);
  return true;
}

void hash_random(kevy_store *s, const hash_view *v, hash_visit visit, void *context) {
  if (entry_is_large(v->e)) {
    hash_step step = {s, v, visit, context};
    hash_visit_member(&step, members_random(s, &hash_large_at(s->base, v->e)->k.members, v->now));
    return;
  }
  hash_walk w;
  kevy_value field, value;
  hash_walk_start(&w, s->base, v->e, v->now);
  for (uint64_t at = members_below(s, v->count) + 1; at > 0; at--) (void)hash_walk_next(&w, &field, &value);
  visit(context, &field, &value);
}

/* ---- as a value ---- */

static bool hash_drop(space *sp, collection *c, uint32_t *items) {
  hash_large *h = (hash_large *)c;
  if (!keyed_drop(sp, &h->k, items)) return false;
  if (h->wheel != 0) mem_free(&sp->mem, h->wheel, sizeof(wheel));
  h->wheel = 0;
  return true;
}

/* A blob is copied with the rest, so that each is one member's (collection.c). */
static bool hash_clone_content(kevy_store *s, const entry *e, content *c) {
  kevy_value v;
  if (LIKELY((entry_flags(e) & ENTRY_CONTENT) != ENTRY_BLOB)) {
    *c = probe_share(s, e);
    return true;
  }
  entry_value(s->base, e, &v);
  return content_value(s, c, &v) == KEVY_OK;
}

static bool hash_clone_member(kevy_store *s, hash_large *h, const entry *e) {
  content c;
  if (!hash_clone_content(s, e, &c)) return false;
  member_name f = {.key = {entry_key(e), entry_klen(e), false, 0}, .kind = entry_key_kind(e)};
  hash_staged st;
  if (hash_stage(s, h, &st, &f, member_name_hash(s->sp, &f), &c, entry_deadline(e)) != KEVY_OK) return false;
  if (!hash_swap_in(s, h, &st)) {
    hash_unstage(s, h, &st);
    return false;
  }
  (void)hash_commit(s, h, &st);
  return true;
}

static ref hash_clone(kevy_store *s, const collection *c) {
  ref top = hash_large_new(s);
  if (top == 0) return 0;
  table_walk walk = {0, 0, false};
  ref r;
  while ((r = table_next(s->base, &((const keyed *)c)->members, &walk)) != 0)
    if (!hash_clone_member(s, mem_ptr(s->base, top), mem_ptr(s->base, r))) {
      node_retire_collection(s->sp, top);
      return 0;
    }
  return top;
}

static uint64_t hash_tables(const collection *c) { return ((const keyed *)c)->members.bytes; }

static void hash_abandon(space *sp, collection *c, collection *before, uint64_t epoch) {
  hash_large *h = (hash_large *)c;
  keyed_abandon(sp, &h->k, (keyed *)before, epoch);
  if (h->wheel != 0 && !c->borrows) mem_free(&sp->mem, h->wheel, sizeof(wheel));
}

typedef struct hash_unhang_step {
  const char *base;
  wheel *wheel;
} hash_unhang_step;

static void hash_unhang_member(void *context, ref block) {
  const hash_unhang_step *step = context;
  if (entry_has_deadline(mem_ptr(step->base, block))) wheel_remove(step->base, step->wheel, block);
}

/* Versions share their wheel, but for one that was made since. */
static void hash_unhang(space *sp, collection *c, collection *before, uint64_t epoch) {
  hash_large *h = (hash_large *)c;
  if (h->wheel == 0 || h->wheel != ((hash_large *)before)->wheel) return;
  hash_unhang_step step = {sp->mem.base, mem_ptr(sp->mem.base, h->wheel)};
  table_abandon(sp, &h->k.members, &((keyed *)before)->members, epoch, false, hash_unhang_member, &step);
  c->borrows = true;
}

static void hash_hang(space *sp, collection *before, ref member) {
  const hash_large *h = (hash_large *)before;
  if (entry_has_deadline(mem_ptr(sp->mem.base, member)))
    wheel_add(sp->mem.base, mem_ptr(sp->mem.base, h->wheel), member);
}

static ref hash_move_member(space *sp, collection *c, ref member) {
  const char *base = sp->mem.base;
  const entry *e = mem_ptr(base, member);
  bool timed = entry_has_deadline(e);
  wheel *w = timed ? mem_ptr(base, ((hash_large *)c)->wheel) : NULL;
  if (timed) wheel_remove(base, w, member);
  ref to = mem_move(&sp->mem, member, entry_size(e));
  if (timed) wheel_add(base, w, to);
  return to;
}

const collection_kind hash_kind = {.drop = hash_drop, .clone = hash_clone, .bytes = hash_tables, .abandon = hash_abandon,
                                   .unhang = hash_unhang, .hang = hash_hang, .keyed = true, .move = hash_move_member};
