/* abi_hash: the functions of kevy.h on hashes. */
#include "../core/type_hash.h"
#include "kevy.h"

static __attribute__((noinline)) kevy_status hget_entered(kevy_store *s, const char *key, size_t klen,
                                                          const kevy_value *field, kevy_value *out) {
  ENTER(s);
  return lending(s, hash_get(s, key, klen, field, out));
}

/* Calls only at its ends, as kevy_get; so below. */
kevy_status kevy_hget(kevy_store *s, const char *key, size_t klen, const kevy_value *field, kevy_value *out) {
  if (LIKELY(s->guard == 0) && LIKELY(collection_is_quick(field))) return hash_get_quick(s, key, klen, field, out);
  return hget_entered(s, key, klen, field, out);
}

kevy_status kevy_hget_into(kevy_store *s, const char *key, size_t klen, const kevy_value *field, char *buf,
                           size_t cap, kevy_value *out) {
  ENTER(s);
  return lending(s, copied_into(hash_get(s, key, klen, field, out), buf, cap, out));
}

kevy_status kevy_hmget(kevy_store *s, const char *key, size_t klen, size_t k, const kevy_value *fields,
                       kevy_value *out) {
  ENTER(s);
  return lending(s, hash_mget(s, key, klen, k, fields, out));
}

static __attribute__((noinline)) kevy_status hset_entered(kevy_store *s, const char *key, size_t klen, size_t k,
                                                          const kevy_value *fields, const kevy_value *values,
                                                          uint32_t flags, uint64_t *added) {
  ENTER(s);
  if (!flags_allowed(flags, KEVY_NX | KEVY_REPLACE | KEVY_TEXT_KEY) ||
      ((flags & KEVY_NX) && (k != 1 || (flags & KEVY_REPLACE))))
    return lending(s, KEVY_EARG);
  if (effect_kept(s)) propagate_many(s, "HSET", key, klen, flags, k, fields, values);
  if (UNLIKELY(s->told)) notify_fine(s, CONFIG_EVENTS_HASH, "hset", key, klen);
  return settled(s, hash_set(s, key, klen, k, fields, values, flags, added));
}

kevy_status kevy_hset(kevy_store *s, const char *key, size_t klen, size_t k, const kevy_value *fields,
                      const kevy_value *values, uint32_t flags, uint64_t *added) {
  if (k == 1 && LIKELY(s->guard == 0) && (flags & ~(uint32_t)KEVY_TEXT_KEY) == 0 && collection_is_quick(fields) &&
      hash_set_quick(s, key, klen, fields, values, added))
    return store_leave(s);
  return hset_entered(s, key, klen, k, fields, values, flags, added);
}

kevy_status kevy_hdel(kevy_store *s, const char *key, size_t klen, size_t k, const kevy_value *fields,
                      uint64_t *removed) {
  ENTER(s);
  if (effect_kept(s)) propagate_many(s, "HDEL", key, klen, 0, k, fields, NULL);
  if (UNLIKELY(s->told)) notify_takes(s, CONFIG_EVENTS_HASH, "hdel", key, klen);
  return settled(s, hash_del(s, key, klen, k, fields, removed));
}

kevy_status kevy_hexists(kevy_store *s, const char *key, size_t klen, const kevy_value *field) {
  ENTER(s);
  return lending(s, hash_exists(s, key, klen, field));
}

kevy_status kevy_hlen(kevy_store *s, const char *key, size_t klen, uint64_t *count) {
  ENTER(s);
  return lending(s, hash_len(s, key, klen, count));
}

kevy_status kevy_hincr(kevy_store *s, const char *key, size_t klen, const kevy_value *field, int64_t by,
                       uint32_t flags, int64_t *out) {
  ENTER(s);
  if (!flags_allowed(flags, KEVY_TEXT_KEY)) return lending(s, KEVY_EARG);
  if (effect_kept(s) && !propagate_field(s, key, klen, field, flags, false)) return lending(s, KEVY_EOOM);
  if (UNLIKELY(s->told)) notify_fine(s, CONFIG_EVENTS_HASH, "hincrby", key, klen);
  return settled(s, hash_incr(s, key, klen, field, by, flags, out));
}

kevy_status kevy_hincr_float(kevy_store *s, const char *key, size_t klen, const kevy_value *field, double by,
                             uint32_t flags, double *out) {
  ENTER(s);
  if (!flags_allowed(flags, KEVY_TEXT_KEY)) return lending(s, KEVY_EARG);
  if (effect_kept(s) && !propagate_field(s, key, klen, field, flags, false)) return lending(s, KEVY_EOOM);
  if (UNLIKELY(s->told)) notify_fine(s, CONFIG_EVENTS_HASH, "hincrbyfloat", key, klen);
  return settled(s, hash_incr_float(s, key, klen, field, by, flags, out));
}

/* The deadline that kevy_hexpire means. */
static kevy_status hash_deadline_of(kevy_store *s, int64_t ttl, uint32_t flags, int64_t *deadline) {
  *deadline = KEVY_NO_TTL;
  if (flags & KEVY_PERSIST) return flags == KEVY_PERSIST ? KEVY_OK : KEVY_EARG;
  if (!flags_allowed(flags, KEVY_NX | KEVY_XX | KEVY_GT | KEVY_LT | KEVY_AT)) return KEVY_EARG;
  kevy_status status = store_conditions(s, flags);
  if (status != KEVY_OK) return status;
  return ttl == KEVY_NO_TTL ? KEVY_EEXPIRE : deadline_of(s, ttl, flags, deadline);
}

kevy_status kevy_hexpire(kevy_store *s, const char *key, size_t klen, const kevy_value *field, int64_t ttl,
                         uint32_t flags) {
  ENTER(s);
  int64_t deadline;
  kevy_status done = KEVY_OK, status = hash_deadline_of(s, ttl, flags, &deadline);
  if (status == KEVY_OK && effect_kept(s) && !propagate_field(s, key, klen, field, 0, true)) status = KEVY_EOOM;
  if (status == KEVY_OK && UNLIKELY(s->told))
    notify_hexpire(s, key, klen, (flags & KEVY_PERSIST) != 0);
  if (status == KEVY_OK) status = hash_expire(s, key, klen, 1, field, deadline, flags, &done);
  if (status == KEVY_OK && done != HASH_DELETED) status = done;
  return settled(s, status);
}

kevy_status kevy_httl(kevy_store *s, const char *key, size_t klen, const kevy_value *field, int64_t *ttl) {
  ENTER(s);
  int64_t deadline;
  kevy_status status = hash_deadline(s, key, klen, field, &deadline);
  if (status == KEVY_OK) {
    *ttl = deadline;
    if (deadline != KEVY_NO_TTL) *ttl -= store_now(s);
    if (deadline != KEVY_NO_TTL && *ttl < 1) *ttl = 1; /* its time came since it was found alive */
  }
  return lending(s, status);
}
