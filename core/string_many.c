/* string_many: strings by the batch: MGET looks up many keys at once, MSET writes all or nothing. Callers as of type_string.h. */
#include <stdlib.h>

#include "number.h"
#include "probe.h"
#include "type_string.h"

#define MGET_BATCH 16

/* A key given as a scalar: bytes and text as they are, an int in decimal. */
static bool key_form(const kevy_value *v, char buf[NUMBER_FLOAT_MAX], const char **ptr,
                     size_t *len) {
  if (v->kind > KEVY_INT) return false;
  byte_form(v, buf, ptr, len);
  return *len <= KEVY_MAX_LEN;
}

/* In three rounds, so that the cache misses of all keys overlap: where each key's bucket is, where its entry
 * is, and what it holds. */
static void get_batch(kevy_store *s, size_t k, const kevy_value *keys, kevy_value *out) {
  char bufs[MGET_BATCH][NUMBER_FLOAT_MAX];
  const char *ptr[MGET_BATCH];
  size_t len[MGET_BATCH];
  uint64_t hash[MGET_BATCH];
  const struct bucket *home[MGET_BATCH];
  entry *guess[MGET_BATCH];
  bool absent;
  for (size_t i = 0; i < k; i++) {
    ptr[i] = keys[i].as.ptr;
    len[i] = keys[i].len;
    if (UNLIKELY(keys[i].kind > KEVY_TEXT)) byte_form(&keys[i], bufs[i], &ptr[i], &len[i]);
    hash[i] = probe_hash(s, ptr[i], len[i]);
    home[i] = table_home(s->base, s->keys, hash[i]);
    __builtin_prefetch(home[i]);
  }
  for (size_t i = 0; i < k; i++) {
    guess[i] = table_guess(s->base, home[i], hash[i], &absent);
    __builtin_prefetch(guess[i]);
    __builtin_prefetch((void *)((uintptr_t)guess[i] + sizeof(entry) + len[i] + 15)); /* a short value's end */
  }
  for (size_t i = 0; i < k; i++) {
    entry *e = guess[i];
    char *value = LIKELY(e != NULL) ? plain_value(s, e, ptr[i], len[i]) : NULL;
    if (LIKELY(value != NULL)) {
      probe_note_access(s, e);
      get_plain(s, e, value, &out[i]);
      continue;
    }
    probe p;
    e = probe_read_hashed(s, &p, ptr[i], len[i], hash[i]);
    if (e != NULL) probe_value(s, e, &out[i]);
    else set_nil(&out[i]);
  }
}

kevy_status string_mget(kevy_store *s, size_t k, const kevy_value *keys, kevy_value *out) {
  for (size_t i = 0; i < k; i++)
    if (keys[i].kind > KEVY_INT) return KEVY_EARG;
  for (size_t i = 0; i < k; i += MGET_BATCH)
    get_batch(s, k - i < MGET_BATCH ? k - i : MGET_BATCH, keys + i, out + i);
  return KEVY_OK;
}

/* One key of MSET. */
typedef struct staged {
  ref block;
  uint64_t hash, before; /* once it is in its key's place */
} staged;

/* Makes the block of one key. */
static kevy_status stage(kevy_store *s, ref *block, const kevy_value *key, const kevy_value *value,
                         int64_t deadline) {
  char buf[NUMBER_FLOAT_MAX];
  const char *ptr;
  size_t len;
  content c;
  if (!key_form(key, buf, &ptr, &len)) return key->kind > KEVY_INT ? KEVY_EARG : KEVY_ETOOBIG;
  kevy_status status = content_value(s, &c, value);
  if (status != KEVY_OK) return status;
  *block = probe_build(s, KEVY_TYPE_STRING, ptr, len, key->kind == KEVY_TEXT ? KEVY_TEXT : KEVY_BYTES,
                       &c, deadline);
  if (*block != 0) return KEVY_OK;
  content_drop(s, &c);
  return KEVY_EOOM;
}

static bool any_exists(kevy_store *s, size_t k, const kevy_value *keys) {
  for (size_t i = 0; i < k; i++) {
    char buf[NUMBER_FLOAT_MAX];
    const char *ptr;
    size_t len;
    probe p;
    if (key_form(&keys[i], buf, &ptr, &len) && probe_find(s, &p, ptr, len) != NULL) return true;
  }
  return false;
}

/* Puts a staged block in its key's place; a key that exists keeps its kind. The key is read from the block:
 * the caller's may lie in an entry that an earlier block of the same call replaced. */
static bool swap_in(kevy_store *s, staged *st) {
  entry *e = mem_ptr(s->base, st->block);
  probe p;
  if (probe_find(s, &p, entry_key(e), entry_klen(e)) != NULL)
    e->kinds = (uint8_t)((e->kinds & 7u) | (p.live->kinds & 0x30u));
  st->hash = p.hash;
  return probe_swap(s, &p, st->block, &st->before);
}

/* All blocks are in place before the first change is final: all or none. */
kevy_status string_mset(kevy_store *s, size_t k, const kevy_value *keys, const kevy_value *values,
                        int64_t deadline, uint32_t flags) {
  kevy_status status = store_write(s);
  if (status != KEVY_OK || k == 0) return status;
  if (has_come(s, deadline)) return KEVY_EEXPIRE;
  if ((flags & KEVY_NX) && any_exists(s, k, keys)) return KEVY_UNMET;
  if (deadline != KEVY_NO_TTL && !expire_prepare(s)) return KEVY_EOOM;
  staged *all = malloc(k * sizeof *all);
  if (all == NULL) return KEVY_EOOM;
  size_t built = 0, swapped = 0;
  while (built < k && (status = stage(s, &all[built].block, &keys[built], &values[built], deadline)) == KEVY_OK)
    built++;
  while (status == KEVY_OK && swapped < k) {
    if (swap_in(s, &all[swapped])) swapped++;
    else status = KEVY_EOOM;
  }
  if (status == KEVY_OK && !node_room(s->sp, k < NODE_ROOM_MAX ? (uint32_t)k : NODE_ROOM_MAX))
    status = KEVY_EOOM;
  if (status == KEVY_OK) {
    for (size_t i = 0; i < k; i++) probe_commit(s, all[i].hash, all[i].block, all[i].before);
  } else {
    for (size_t i = swapped; i > 0; i--) probe_undo(s, all[i - 1].hash, all[i - 1].block, all[i - 1].before);
    for (size_t i = 0; i < built; i++) probe_discard(s, all[i].block);
  }
  free(all);
  return status;
}
