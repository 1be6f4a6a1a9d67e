/* abi_set: the functions of kevy.h on sets; see abi.c. */
#include "../core/type_set.h"

static __attribute__((noinline)) kevy_status sadd_entered(kevy_store *s, const char *key, size_t klen, size_t k,
                                                          const kevy_value *members, uint32_t flags,
                                                          uint64_t *added) {
  ENTER(s);
  if (!flags_allowed(flags, KEVY_REPLACE | KEVY_TEXT_KEY)) return lending(s, KEVY_EARG);
  if (effect_kept(s)) propagate_many(s, "SADD", key, klen, flags, k, members, NULL);
  if (UNLIKELY(s->told)) (flags & KEVY_REPLACE ? notify_did : notify_grows)(s, CONFIG_EVENTS_SET, "sadd", key, klen);
  return settled(s, set_add(s, key, klen, k, members, flags, added));
}

kevy_status kevy_sadd(kevy_store *s, const char *key, size_t klen, size_t k, const kevy_value *members,
                      uint32_t flags, uint64_t *added) {
  if (k == 1 && LIKELY(s->guard == 0) && (flags & ~(uint32_t)KEVY_TEXT_KEY) == 0 && collection_is_quick(members) &&
      set_add_quick(s, key, klen, members, added))
    return store_leave(s);
  return sadd_entered(s, key, klen, k, members, flags, added);
}

kevy_status kevy_srem(kevy_store *s, const char *key, size_t klen, size_t k, const kevy_value *members,
                      uint64_t *removed) {
  ENTER(s);
  if (effect_kept(s)) propagate_many(s, "SREM", key, klen, 0, k, members, NULL);
  if (UNLIKELY(s->told)) notify_takes(s, CONFIG_EVENTS_SET, "srem", key, klen);
  return settled(s, set_remove(s, key, klen, k, members, removed));
}

static __attribute__((noinline)) kevy_status sismember_entered(kevy_store *s, const char *key, size_t klen,
                                                               const kevy_value *member) {
  ENTER(s);
  return lending(s, set_has(s, key, klen, member));
}

kevy_status kevy_sismember(kevy_store *s, const char *key, size_t klen, const kevy_value *member) {
  if (LIKELY(s->guard == 0) && LIKELY(collection_is_quick(member))) return set_has_quick(s, key, klen, member);
  return sismember_entered(s, key, klen, member);
}

kevy_status kevy_scard(kevy_store *s, const char *key, size_t klen, uint64_t *count) {
  ENTER(s);
  return lending(s, set_count(s, key, klen, count));
}
