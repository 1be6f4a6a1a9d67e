/* abi_zset: the functions of kevy.h on sorted sets; see abi.c. */
#include "type_zset.h"

static __attribute__((noinline)) kevy_status zadd_entered(kevy_store *s, const char *key, size_t klen, size_t k,
                                                          const kevy_value *members, const double *scores,
                                                          uint32_t flags, uint64_t *changed) {
  const uint32_t allowed = KEVY_NX | KEVY_XX | KEVY_GT | KEVY_LT | KEVY_CHANGED | KEVY_REPLACE | KEVY_TEXT_KEY;
  ENTER(s);
  if (!flags_allowed(flags, allowed)) return settled(s, KEVY_EARG);
  if (effect_kept(s)) propagate_zadd(s, key, klen, k, members, scores, flags, false);
  if (UNLIKELY(s->told)) notify_did(s, CONFIG_EVENTS_ZSET, "zadd", key, klen);
  return settled(s, zset_add(s, key, klen, k, members, scores, flags, changed));
}

kevy_status kevy_zadd(kevy_store *s, const char *key, size_t klen, size_t k, const kevy_value *members,
                      const double *scores, uint32_t flags, uint64_t *changed) {
  if (k == 1 && LIKELY(s->guard == 0) && (flags & ~(uint32_t)KEVY_TEXT_KEY) == 0 && collection_is_quick(members) &&
      zset_add_quick(s, key, klen, members, *scores, changed))
    return store_leave(s);
  return zadd_entered(s, key, klen, k, members, scores, flags, changed);
}

kevy_status kevy_zincr(kevy_store *s, const char *key, size_t klen, const kevy_value *member, double by,
                       uint32_t flags, double *score) {
  ENTER(s);
  if (!flags_allowed(flags, KEVY_NX | KEVY_XX | KEVY_GT | KEVY_LT | KEVY_TEXT_KEY)) return settled(s, KEVY_EARG);
  if (effect_kept(s)) propagate_zadd(s, key, klen, 1, member, &by, flags, true);
  if (UNLIKELY(s->told)) notify_did(s, CONFIG_EVENTS_ZSET, "zincr", key, klen);
  return settled(s, zset_incr(s, key, klen, member, by, flags, score));
}

static __attribute__((noinline)) kevy_status zscore_entered(kevy_store *s, const char *key, size_t klen,
                                                            const kevy_value *member, double *score) {
  ENTER(s);
  return lending(s, zset_score(s, key, klen, member, score));
}

kevy_status kevy_zscore(kevy_store *s, const char *key, size_t klen, const kevy_value *member, double *score) {
  if (LIKELY(s->guard == 0) && LIKELY(collection_is_quick(member))) return zset_score_quick(s, key, klen, member, score);
  return zscore_entered(s, key, klen, member, score);
}

kevy_status kevy_zrem(kevy_store *s, const char *key, size_t klen, size_t k, const kevy_value *members,
                      uint64_t *removed) {
  ENTER(s);
  if (effect_kept(s)) propagate_many(s, "ZREM", key, klen, 0, k, members, NULL);
  if (UNLIKELY(s->told)) notify_takes(s, CONFIG_EVENTS_ZSET, "zrem", key, klen);
  return settled(s, zset_remove(s, key, klen, k, members, removed));
}

kevy_status kevy_zcard(kevy_store *s, const char *key, size_t klen, uint64_t *count) {
  ENTER(s);
  return settled(s, zset_count(s, key, klen, count));
}

kevy_status kevy_zrank(kevy_store *s, const char *key, size_t klen, const kevy_value *member, uint32_t flags,
                       uint64_t *rank, double *score) {
  ENTER(s);
  if (!flags_allowed(flags, KEVY_REV)) return settled(s, KEVY_EARG);
  return settled(s, zset_rank(s, key, klen, member, flags, rank, score));
}
