/* abi_string: the functions of kevy.h on strings. */
#include "../core/type_string.h"
#include "kevy.h"

static __attribute__((noinline)) kevy_status get_entered(kevy_store *s, const char *key,
                                                         size_t klen, kevy_value *out) {
  ENTER(s);
  return lending(s, string_get(s, key, klen, out));
}

/* Calls only at its ends, so that it saves no registers. */
kevy_status kevy_get(kevy_store *s, const char *key, size_t klen, kevy_value *out) {
  if (LIKELY(s->guard == 0) && STRING_IS_QUICK(klen)) return string_get_quick(s, key, klen, out);
  return get_entered(s, key, klen, out);
}

static __attribute__((noinline)) kevy_status get_into_entered(kevy_store *s, const char *key,
                                                              size_t klen, char *buf, size_t cap,
                                                              kevy_value *out) {
  ENTER(s);
  return lending(s, copied_into(string_get(s, key, klen, out), buf, cap, out));
}

kevy_status kevy_get_into(kevy_store *s, const char *key, size_t klen, char *buf, size_t cap,
                          kevy_value *out) {
  if (LIKELY(s->guard == 0) && STRING_IS_QUICK(klen)) {
    kevy_status status = string_copy_quick(s, key, klen, buf, cap, out);
    if (LIKELY(status != KEVY_UNMET)) return status;
  }
  return get_into_entered(s, key, klen, buf, cap, out);
}

static __attribute__((noinline)) kevy_status set_entered(kevy_store *s, const char *key,
                                                         size_t klen, const kevy_value *value,
                                                         int64_t ttl, uint32_t flags,
                                                         kevy_value *old) {
  ENTER(s);
  if (!flags_allowed(flags, KEVY_NX | KEVY_XX | KEVY_KEEPTTL | KEVY_AT | KEVY_TEXT_KEY))
    return lending(s, KEVY_EARG);
  int64_t deadline;
  kevy_status status = deadline_of(s, ttl, flags, &deadline);
  if (LIKELY(status == KEVY_OK)) {
    if (effect_kept(s)) propagate_set(s, key, klen, value, deadline, flags);
    if (UNLIKELY(s->told)) notify_string(s, key, klen, flags, deadline != KEVY_NO_TTL);
    status = string_set(s, key, klen, value, deadline, flags, old);
  }
  return old == NULL ? settled(s, status) : settled_lending(s, status);
}

/* The quick way of overwriting goes from function to function by jumps: none of them needs more registers than a function
 * may use without saving them (a tenth fewer instructions). */
static __attribute__((noinline)) kevy_status set_long(kevy_store *s, const char *key, size_t klen,
                                                      const kevy_value *value, uint32_t flags) {
  return set_entered(s, key, klen, value, KEVY_NO_TTL, flags, NULL);
}

static __attribute__((noinline)) kevy_status set_found(kevy_store *s, const char *key, size_t klen,
                                                       const kevy_value *value, uint32_t flags, entry *e) {
  return string_overwrite_quick(s, e, key, klen, value) ? KEVY_OK : set_long(s, key, klen, value, flags);
}

static __attribute__((noinline)) kevy_status set_new(kevy_store *s, const char *key, size_t klen,
                                                     const kevy_value *value, uint32_t flags, uint64_t hash) {
  if (s->serve == NULL && string_add_quick(s, hash, key, klen, flags & KEVY_TEXT_KEY ? KEVY_TEXT : KEVY_BYTES, value))
    return store_leave(s);
  return set_long(s, key, klen, value, flags);
}

static __attribute__((noinline)) kevy_status set_quick(kevy_store *s, const char *key, size_t klen,
                                                       const kevy_value *value, uint32_t flags) {
  uint64_t hash;
  bool absent;
  entry *e = string_guess_quick(s, key, klen, &hash, &absent);
  if (LIKELY(e != NULL)) return set_found(s, key, klen, value, flags, e);
  return absent ? set_new(s, key, klen, value, flags, hash) : set_long(s, key, klen, value, flags);
}

static __attribute__((noinline)) kevy_status set_held(kevy_store *s, const char *key, size_t klen,
                                                      const kevy_value *value, uint32_t flags) {
  return string_overwrite_held(s, key, klen, value) ? KEVY_OK : set_long(s, key, klen, value, flags);
}

static __attribute__((noinline)) kevy_status set_again(kevy_store *s, const char *key, size_t klen,
                                                       const kevy_value *value, uint32_t flags, entry *e) {
  return string_overwrite_again(s, e, key, klen, value) ? KEVY_OK : set_long(s, key, klen, value, flags);
}

static __attribute__((noinline)) kevy_status set_noted(kevy_store *s, const char *key, size_t klen,
                                                       const kevy_value *value, uint32_t flags, entry *e) {
  return string_overwrite_light(s, e, key, klen, value) ? KEVY_OK : set_again(s, key, klen, value, flags, e);
}

static __attribute__((noinline)) kevy_status set_unquiet(kevy_store *s, const char *key, size_t klen,
                                                         const kevy_value *value, uint32_t flags) {
  if (s->sp->light == NULL) return set_held(s, key, klen, value, flags);
  entry *e = string_guess_light(s, key, klen, value);
  return e != NULL ? set_noted(s, key, klen, value, flags, e) : set_long(s, key, klen, value, flags);
}

kevy_status kevy_set(kevy_store *s, const char *key, size_t klen, const kevy_value *value,
                     int64_t ttl, uint32_t flags, kevy_value *old) {
  if (LIKELY(s->guard == 0) && STRING_IS_QUICK(klen) && ttl == KEVY_NO_TTL &&
      (flags & ~(uint32_t)KEVY_TEXT_KEY) == 0 && old == NULL)
    return LIKELY(string_quiet(s, value)) ? set_quick(s, key, klen, value, flags)
                                          : set_unquiet(s, key, klen, value, flags);
  return set_entered(s, key, klen, value, ttl, flags, old);
}

kevy_status kevy_getdel(kevy_store *s, const char *key, size_t klen, kevy_value *out) {
  ENTER(s);
  if (effect_kept(s)) effect_begin(s);
  if (UNLIKELY(s->told)) notify_gone(s, key, klen);
  return settled_lending(s, string_getdel(s, key, klen, out));
}

kevy_status kevy_getex(kevy_store *s, const char *key, size_t klen, int64_t ttl, uint32_t flags,
                       kevy_value *out) {
  ENTER(s);
  if (!flags_allowed(flags, KEVY_AT | KEVY_PERSIST)) return lending(s, KEVY_EARG);
  int64_t deadline;
  kevy_status status = deadline_of(s, ttl, flags, &deadline);
  if (status == KEVY_OK && deadline != KEVY_NO_TTL && effect_kept(s)) propagate_expire(s, key, klen, deadline);
  else if (status == KEVY_OK && (flags & KEVY_PERSIST))
    PROPAGATE(s, WORD("PERSIST"), KEY(key, klen, 0));
  if (status == KEVY_OK && UNLIKELY(s->told) && (deadline != KEVY_NO_TTL || (flags & KEVY_PERSIST)))
    notify_deadline(s, key, klen, (flags & KEVY_PERSIST) != 0);
  if (status == KEVY_OK) status = string_getex(s, key, klen, deadline, flags, out);
  return deadline != KEVY_NO_TTL || (flags & KEVY_PERSIST) ? settled_lending(s, status) : lending(s, status);
}

kevy_status kevy_incr(kevy_store *s, const char *key, size_t klen, int64_t by, uint32_t flags,
                      int64_t *out) {
  ENTER(s);
  if (!flags_allowed(flags, KEVY_TEXT_KEY)) return lending(s, KEVY_EARG);
  int64_t after;
  PROPAGATE(s, WORD("INCRBY"), KEY(key, klen, flags), effect_number(by));
  if (UNLIKELY(s->told)) notify_fine(s, CONFIG_EVENTS_STRING, "incrby", key, klen);
  kevy_status status = string_incr(s, key, klen, by, flags, &after);
  if (status == KEVY_OK && out != NULL) *out = after;
  return settled(s, status);
}

kevy_status kevy_incr_float(kevy_store *s, const char *key, size_t klen, double by,
                            uint32_t flags, double *out) {
  ENTER(s);
  if (!flags_allowed(flags, KEVY_TEXT_KEY)) return lending(s, KEVY_EARG);
  double after;
  if (effect_kept(s) && !propagate_string(s, key, klen)) return lending(s, KEVY_EOOM);
  if (UNLIKELY(s->told)) notify_fine(s, CONFIG_EVENTS_STRING, "incrbyfloat", key, klen);
  kevy_status status = string_incr_float(s, key, klen, by, flags, &after);
  if (status == KEVY_OK && out != NULL) *out = after;
  return settled(s, status);
}

kevy_status kevy_append(kevy_store *s, const char *key, size_t klen, const kevy_value *tail,
                        uint32_t flags, uint64_t *length) {
  ENTER(s);
  if (!flags_allowed(flags, KEVY_TEXT_KEY)) return lending(s, KEVY_EARG);
  if (tail->kind <= KEVY_FLOAT) PROPAGATE(s, WORD("APPEND"), KEY(key, klen, flags), *tail);
  if (UNLIKELY(s->told)) notify_fine(s, CONFIG_EVENTS_STRING, "append", key, klen);
  return settled(s, string_append(s, key, klen, tail, flags, length));
}

kevy_status kevy_strlen(kevy_store *s, const char *key, size_t klen, uint64_t *length) {
  ENTER(s);
  return lending(s, string_strlen(s, key, klen, length));
}

kevy_status kevy_getrange(kevy_store *s, const char *key, size_t klen, int64_t first, int64_t last,
                          kevy_value *out) {
  ENTER(s);
  return lending(s, string_getrange(s, key, klen, first, last, out));
}

kevy_status kevy_setrange(kevy_store *s, const char *key, size_t klen, int64_t offset,
                          const char *piece, size_t len, uint32_t flags, uint64_t *length) {
  ENTER(s);
  if (!flags_allowed(flags, KEVY_TEXT_KEY)) return lending(s, KEVY_EARG);
  PROPAGATE(s, WORD("SETRANGE"), KEY(key, klen, flags), effect_number(offset), effect_bytes(piece, len));
  if (UNLIKELY(s->told) && len != 0) notify_fine(s, CONFIG_EVENTS_STRING, "setrange", key, klen);
  return settled(s, string_setrange(s, key, klen, offset, piece, len, flags, length));
}

kevy_status kevy_mget(kevy_store *s, size_t k, const kevy_value *keys, kevy_value *out) {
  ENTER(s);
  return lending(s, string_mget(s, k, keys, out));
}

kevy_status kevy_mset(kevy_store *s, size_t k, const kevy_value *keys, const kevy_value *values,
                      int64_t ttl, uint32_t flags) {
  ENTER(s);
  if (!flags_allowed(flags, KEVY_NX | KEVY_AT)) return lending(s, KEVY_EARG);
  int64_t deadline;
  kevy_status status = deadline_of(s, ttl, flags, &deadline);
  if (status == KEVY_OK && effect_kept(s)) propagate_mset(s, k, keys, values, deadline);
  if (status == KEVY_OK && UNLIKELY(s->told)) notify_strings(s, k, keys, !(flags & KEVY_NX), deadline != KEVY_NO_TTL);
  if (status == KEVY_OK) status = string_mset(s, k, keys, values, deadline, flags);
  return settled(s, status);
}
