/* hash_edit: how fields are written, in either form of a hash, and how one form becomes the other.
 *
 * A large hash changes in steps that can be taken back: new entries are staged, then swapped in, and what may fail comes
 * before. A small one is edited in a block of its own and put back whole. For the files of the hash type alone. */
#include "hash_forms.h"

#include "blob.h"
#include "effect.h"
#include "hashing.h"
#include "timers.h"

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
