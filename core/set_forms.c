/* set_forms: the two forms of a set: one packed block, sorted where all members are integers; and a table of member entries. What
 * a member looks like in each, and finding, adding and taking out one. Only the other set files call in here. */
#include <stdlib.h>

#include "hashing.h"
#include "members.h"
#include "number.h"
#include "type_set.h"

/* ---- members in and out ---- */

static const content set_no_content = {ENTRY_RAW, KEVY_BYTES, 0, {.ptr = ""}};

static kevy_status set_check_member(const kevy_value *v) {
  if (UNLIKELY(v->kind > KEVY_INT)) return KEVY_EARG;
  return LIKELY(v->kind == KEVY_INT || v->len <= KEVY_MAX_LEN) ? KEVY_OK : KEVY_ETOOBIG;
}

static kevy_status set_check_members(size_t k, const kevy_value *members) {
  for (size_t i = 0; i < k; i++) {
    kevy_status status = set_check_member(&members[i]);
    if (UNLIKELY(status != KEVY_OK)) return status;
  }
  return KEVY_OK;
}

static FLAT uint64_t set_hash(const space *sp, const packed_key *key) {
  return hash_bytes(sp->secret, key->ptr, key->len);
}

/* The member of an entry. */
static void set_entry_value(const entry *e, kevy_value *out) {
  out->kind = entry_key_kind(e);
  out->reserved = 0;
  out->len = entry_klen(e);
  out->as.ptr = entry_key(e);
  if (LIKELY(out->kind <= KEVY_TEXT)) return;
  int64_t i = 0;
  number_parse_int(out->as.ptr, out->len, &i);
  out->len = 0;
  out->as.i = i;
}

/* An item is an address doubled, and odd for an element of a block. */
static inline set_item set_item_small(const char *at) { return (uint64_t)(uintptr_t)at << 1 | 1; }
static inline set_item set_item_large(const char *base, ref r) {
  return (uint64_t)(uintptr_t)(base + r) << 1;
}
static inline const void *set_item_at(set_item item) { return (const void *)(uintptr_t)(item >> 1); }

void set_item_value(set_item item, kevy_value *out, char digits[PACKED_NUMBER]) {
  if (item & 1) packed_get(set_item_at(item), out, digits);
  else set_entry_value(set_item_at(item), out);
}

/* Its byte form and kind. */
static packed_key set_item_key(set_item item, char digits[PACKED_NUMBER], uint32_t *kind) {
  if (!(item & 1)) {
    const entry *e = set_item_at(item);
    *kind = entry_key_kind(e);
    return (packed_key){entry_key(e), entry_klen(e), false, 0};
  }
  kevy_value v;
  packed_get(set_item_at(item), &v, digits);
  *kind = v.kind;
  return packed_key_of(&v, digits);
}

/* ---- small sets ---- */

static inline bool set_at_int(const char *at) { return packed_is_int((uint8_t)*at); }

/* Integers come first, so the last element tells. True for an empty block. */
static inline bool set_all_ints(const char *block, size_t len) {
  return packed_count(block) == 0 || set_at_int(packed_prev(block + len));
}

/* Where all elements are integers of one size: the first that is not below i. Sizes grow away from 0, so when the
 * outermost two are as long as the average, all are. */
static const char *set_seek_even(const char *first, size_t size, uint32_t count, int64_t i) {
  while (count > 0) {
    const char *middle = first + size * (count / 2);
    if (packed_int(middle) < i) {
      first = middle + size;
      count -= count / 2 + 1;
    } else {
      count /= 2;
    }
  }
  return first;
}

static bool set_find_int(const char *block, size_t len, int64_t i, const char **where) {
  const char *at = packed_first(block), *end = block + len;
  uint32_t count = packed_count(block);
  if (count != 0) {
    const char *last = packed_prev(end);
    size_t size = (size_t)(end - last);
    if (size * count == len - PACKED_HEAD && packed_next(at) == at + size && set_at_int(last))
      at = set_seek_even(at, size, count, i);
  }
  while (at < end && set_at_int(at) && packed_int(at) < i) at = packed_next(at);
  *where = at;
  return at < end && set_at_int(at) && packed_int(at) == i;
}

/* Finds a member; *where is its element, or where it would go. */
static bool set_find_small(const char *block, size_t len, const packed_key *key, const char **where) {
  if (key->is_int) return set_find_int(block, len, key->i, where);
  *where = packed_find(block, len, key, 1);
  if (*where != NULL) return true;
  *where = block + len;
  return false;
}

/* Whether a block stays small with one more member. */
static bool set_stays_small(const char *block, size_t len, const packed_key *key) {
  uint32_t count = packed_count(block);
  if (count < SET_SMALL_COUNT) return key->is_int || key->len <= SET_SMALL_LEN;
  return count < SET_SMALL_INTS && key->is_int && set_all_ints(block, len);
}

/* ---- large sets ---- */

static inline keyed *set_keyed(const char *base, ref top) { return mem_ptr(base, top); }

/* An empty large set. 0: no memory. */
static ref set_new_large(space *sp) {
  ref top = collection_new(sp, sizeof(keyed), KEVY_TYPE_SET);
  if (top == 0) return 0;
  if (table_open(sp, &set_keyed(sp->mem.base, top)->members)) return top;
  mem_free(&sp->mem, top, sizeof(keyed));
  return 0;
}

static FLAT bool set_has_large(const space *sp, const keyed *k, const packed_key *key) {
  return member_find(sp->mem.base, k, set_hash(sp, key), key->ptr, key->len) != NULL;
}

/* Adds a member that is not there. Returns its block; 0: no memory. */
static ref set_insert(kevy_store *s, keyed *k, uint64_t hash, const packed_key *key, uint32_t kind) {
  ref block = member_new(s, k, key->ptr, key->len, kind, &set_no_content, KEVY_NO_TTL);
  if (UNLIKELY(block == 0)) return 0;
  if (LIKELY(table_insert(s->sp, &k->members, hash, block, false))) return block;
  member_retire(s->sp, k, block, hash, true);
  return 0;
}

/* Takes a found member out. It stays only where the address space is exhausted. */
static void set_take_out(space *sp, keyed *k, uint64_t hash, uint64_t *slot) {
  slot = table_own(sp, &k->members, hash, slot, true);
  if (slot == NULL) return;
  ref block = slot_ref(*slot);
  bool fresh = *slot & SLOT_FRESH;
  table_remove(sp, &k->members, hash, slot);
  member_retire(sp, k, block, hash, fresh);
}

static ref set_clone(kevy_store *s, const collection *c) {
  const keyed *from = (const keyed *)c;
  ref top = set_new_large(s->sp);
  if (top == 0) return 0;
  table_walk walk = {0, 0, false};
  for (ref r; (r = table_next(s->base, &from->members, &walk)) != 0;) {
    uint32_t kind;
    packed_key key = set_item_key(set_item_large(s->base, r), NULL, &kind);
    if (set_insert(s, set_keyed(s->base, top), set_hash(s->sp, &key), &key, kind) != 0) continue;
    node_retire_collection(s->sp, top);
    return 0;
  }
  return top;
}

static bool set_drop(space *sp, collection *c, uint32_t *items) { return keyed_drop(sp, (keyed *)c, items); }
static uint64_t set_bytes(const collection *c) { return ((const keyed *)c)->members.bytes; }

static void set_abandon(space *sp, collection *c, collection *before, uint64_t epoch) {
  keyed_abandon(sp, (keyed *)c, (keyed *)before, epoch);
}

const collection_kind set_kind = {
    .drop = set_drop, .clone = set_clone, .bytes = set_bytes, .abandon = set_abandon, .keyed = true};
