/* abi_key: the functions of kevy.h on keys of any type and their deadlines. */
#include "../core/keyspace.h"
#include "kevy.h"

kevy_status kevy_delete(kevy_store *s, const char *key, size_t klen) {
  ENTER(s);
  if (effect_kept(s)) effect_begin(s);
  if (UNLIKELY(s->told)) notify_gone(s, key, klen);
  return settled(s, keyspace_delete(s, key, klen));
}

kevy_status kevy_exists(kevy_store *s, const char *key, size_t klen) {
  ENTER(s);
  return lending(s, keyspace_exists(s, key, klen));
}

kevy_status kevy_touch(kevy_store *s, const char *key, size_t klen) {
  ENTER(s);
  return lending(s, keyspace_touch(s, key, klen));
}

kevy_status kevy_type(kevy_store *s, const char *key, size_t klen, int32_t *type) {
  ENTER(s);
  return lending(s, keyspace_type(s, key, klen, type));
}

const char *kevy_type_name(int32_t type) {
  static const char *const names[] = {"none", "string", "hash", "list", "set", "zset", "stream"};
  return type >= 0 && type <= KEVY_TYPE_STREAM ? names[type] : "unknown";
}

kevy_status kevy_rename(kevy_store *s, const char *key, size_t klen, const char *to, size_t tolen,
                        uint32_t flags) {
  ENTER(s);
  if (!flags_allowed(flags, KEVY_NX | KEVY_TEXT_KEY)) return lending(s, KEVY_EARG);
  PROPAGATE(s, WORD("RENAME"), KEY(key, klen, 0), KEY(to, tolen, flags));
  if (UNLIKELY(s->told)) notify_renamed(s, key, klen, to, tolen);
  return settled(s, keyspace_rename(s, key, klen, to, tolen, flags));
}

kevy_status kevy_copy(kevy_store *s, const char *key, size_t klen, const char *to, size_t tolen,
                      uint32_t flags) {
  ENTER(s);
  if (!flags_allowed(flags, KEVY_REPLACE | KEVY_TEXT_KEY)) return lending(s, KEVY_EARG);
  PROPAGATE(s, WORD("COPY"), KEY(key, klen, 0), KEY(to, tolen, flags), WORD("REPLACE"));
  if (UNLIKELY(s->told)) notify_copied(s, key, klen, to, tolen);
  return settled(s, keyspace_copy(s, key, klen, to, tolen, flags));
}

kevy_status kevy_len(kevy_store *s, uint64_t *count) {
  ENTER(s);
  if (s->frozen == NULL) store_upkeep(s, 128, NULL);
  *count = keyspace_len(s);
  return lending(s, KEVY_OK);
}

kevy_status kevy_random_key(kevy_store *s, kevy_value *key) {
  ENTER(s);
  return lending(s, keyspace_random(s, key));
}

kevy_status kevy_clear(kevy_store *s) {
  ENTER(s);
  if (effect_kept(s)) effect_begin(s);
  session_settle(s, s->index, s->index);
  return settled(s, keyspace_clear(s));
}


/* ---- time ---- */

kevy_status kevy_deadline(kevy_store *s, const char *key, size_t klen, int64_t *deadline) {
  ENTER(s);
  return lending(s, keyspace_deadline(s, key, klen, deadline));
}

kevy_status kevy_ttl(kevy_store *s, const char *key, size_t klen, int64_t *ttl) {
  ENTER(s);
  kevy_status status = keyspace_deadline(s, key, klen, ttl);
  if (status == KEVY_OK && *ttl != KEVY_NO_TTL) {
    *ttl -= store_now(s);
    if (*ttl < 1) *ttl = 1; /* its time came since it was found alive */
  }
  return lending(s, status);
}

kevy_status kevy_expire(kevy_store *s, const char *key, size_t klen, int64_t ttl, uint32_t flags) {
  ENTER(s);
  if (!flags_allowed(flags, KEVY_NX | KEVY_XX | KEVY_GT | KEVY_LT | KEVY_AT)) return lending(s, KEVY_EARG);
  int64_t deadline;
  kevy_status status = store_conditions(s, flags);
  if (status == KEVY_OK) status = ttl == KEVY_NO_TTL ? KEVY_EEXPIRE : deadline_of(s, ttl, flags, &deadline);
  if (status == KEVY_OK) {
    if (effect_kept(s)) propagate_expire(s, key, klen, deadline);
    if (UNLIKELY(s->told)) notify_deadline(s, key, klen, false);
    status = keyspace_expire(s, key, klen, deadline, flags);
  }
  return settled(s, status);
}

kevy_status kevy_persist(kevy_store *s, const char *key, size_t klen) {
  ENTER(s);
  PROPAGATE(s, WORD("PERSIST"), KEY(key, klen, 0));
  if (UNLIKELY(s->told)) notify_deadline(s, key, klen, true);
  return settled(s, keyspace_expire(s, key, klen, KEVY_NO_TTL, 0));
}

kevy_status kevy_now(kevy_store *s, int64_t *now) {
  ENTER(s);
  *now = store_now(s);
  return lending(s, KEVY_OK);
}
