/* hash_forms: the forms a hash has in memory (type_hash.h), and how a field is found in them. For the files of the hash type alone. */
#ifndef KEVY_HASH_FORMS_H
#define KEVY_HASH_FORMS_H

#include "members.h"
#include "number.h"
#include "type_hash.h"
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
static inline void hash_member_field(const entry *e, kevy_value *field) {
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

static inline int64_t hash_packed_int(const char *at) {
  kevy_value v;
  char digits[PACKED_NUMBER];
  packed_get(at, &v, digits);
  return v.as.i;
}

/* Of a timed block's field. */
static inline int64_t hash_block_deadline(const char *field) {
  int64_t deadline = hash_packed_int(packed_next(packed_next(field)));
  return deadline != 0 ? deadline : KEVY_NO_TTL;
}

static inline int64_t hash_block_soonest(const char *block) {
  kevy_value v;
  char digits[PACKED_NUMBER];
  packed_get(packed_first(block), &v, digits);
  return (int64_t)v.as.d;
}

static inline bool hash_has_come(kevy_store *s, int64_t deadline) {
  return deadline != KEVY_NO_TTL && store_passed(s, deadline);
}

static inline const char *hash_timed_find(const char *block, size_t len, const packed_key *key) {
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

/* When the hash is to be woken, INT64_MAX for never. */
static inline int64_t hash_soonest(const char *base, const entry *e) {
  if (entry_is_large(e)) {
    const hash_large *h = hash_large_at(base, e);
    return h->wheel != 0 ? h->next_due : INT64_MAX;
  }
  return hash_is_timed(small_block(e)) ? hash_block_soonest(small_block(e)) : INT64_MAX;
}

#endif
