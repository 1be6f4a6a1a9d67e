/* abi_list: the lists of kevy.h. */
#include "../core/type_list.h"

kevy_status kevy_push(kevy_store *s, const char *key, size_t klen, size_t k, const kevy_value *items,
                      uint32_t flags, uint64_t *length) {
  ENTER(s);
  if (!flags_allowed(flags, KEVY_LEFT | KEVY_XX | KEVY_REPLACE | KEVY_TEXT_KEY))
    return lending(s, KEVY_EARG);
  if (effect_kept(s)) propagate_many(s, flags & KEVY_LEFT ? "LPUSH" : "RPUSH", key, klen, flags, k, items, NULL);
  if (UNLIKELY(s->told)) notify_did(s, CONFIG_EVENTS_LIST, flags & KEVY_LEFT ? "lpush" : "rpush", key, klen);
  return settled(s, list_push(s, key, klen, k, items, flags, length));
}

kevy_status kevy_pop(kevy_store *s, const char *key, size_t klen, uint32_t flags, kevy_value *out) {
  ENTER(s);
  if (!flags_allowed(flags, KEVY_LEFT)) return lending(s, KEVY_EARG);
  PROPAGATE(s, WORD(flags & KEVY_LEFT ? "LPOP" : "RPOP"), KEY(key, klen, 0));
  if (UNLIKELY(s->told)) notify_takes(s, CONFIG_EVENTS_LIST, flags & KEVY_LEFT ? "lpop" : "rpop", key, klen);
  return settled_lending(s, list_pop(s, key, klen, flags, out));
}

static __attribute__((noinline)) kevy_status lindex_entered(kevy_store *s, const char *key, size_t klen,
                                                            int64_t position, kevy_value *out) {
  ENTER(s);
  return lending(s, list_index(s, key, klen, position, out));
}

kevy_status kevy_lindex(kevy_store *s, const char *key, size_t klen, int64_t position,
                        kevy_value *out) {
  if (LIKELY(s->guard == 0)) return list_index_quick(s, key, klen, position, out);
  return lindex_entered(s, key, klen, position, out);
}

kevy_status kevy_lindex_into(kevy_store *s, const char *key, size_t klen, int64_t position,
                             char *buf, size_t cap, kevy_value *out) {
  ENTER(s);
  return lending(s, copied_into(list_index(s, key, klen, position, out), buf, cap, out));
}

kevy_status kevy_pop_into(kevy_store *s, const char *key, size_t klen, uint32_t flags, char *buf,
                          size_t cap, kevy_value *out) {
  ENTER(s);
  if (!flags_allowed(flags, KEVY_LEFT)) return lending(s, KEVY_EARG);
  PROPAGATE(s, WORD(flags & KEVY_LEFT ? "LPOP" : "RPOP"), KEY(key, klen, 0));
  if (UNLIKELY(s->told)) notify_takes(s, CONFIG_EVENTS_LIST, flags & KEVY_LEFT ? "lpop" : "rpop", key, klen);
  kevy_status status = list_index(s, key, klen, flags & KEVY_LEFT ? 0 : -1, out);
  if (status == KEVY_OK && (out->kind > KEVY_TEXT || out->len <= cap))
    status = list_pop(s, key, klen, flags, out);
  return settled_lending(s, copied_into(status, buf, cap, out));
}

kevy_status kevy_lset(kevy_store *s, const char *key, size_t klen, int64_t position,
                      const kevy_value *item) {
  ENTER(s);
  if (item->kind <= KEVY_FLOAT) PROPAGATE(s, WORD("LSET"), KEY(key, klen, 0), effect_number(position), *item);
  if (UNLIKELY(s->told)) notify_fine(s, CONFIG_EVENTS_LIST, "lset", key, klen);
  return settled(s, list_set(s, key, klen, position, item));
}

kevy_status kevy_llen(kevy_store *s, const char *key, size_t klen, uint64_t *count) {
  ENTER(s);
  return lending(s, list_len(s, key, klen, count));
}

kevy_status kevy_lsplice(kevy_store *s, const char *key, size_t klen, int64_t position,
                         uint64_t removed, size_t k, const kevy_value *items, uint32_t flags) {
  ENTER(s);
  if (!flags_allowed(flags, KEVY_XX | KEVY_TEXT_KEY)) return lending(s, KEVY_EARG);
  if (effect_kept(s)) propagate_splice(s, key, klen, position, removed, k, items, flags);
  if (UNLIKELY(s->told)) notify_splice(s, key, klen, removed != 0, k != 0);
  return settled(s, list_splice(s, key, klen, position, removed, k, items, flags));
}

kevy_status kevy_ltrim(kevy_store *s, const char *key, size_t klen, int64_t first, int64_t last) {
  ENTER(s);
  PROPAGATE(s, WORD("LTRIM"), KEY(key, klen, 0), effect_number(first), effect_number(last));
  if (UNLIKELY(s->told)) notify_takes(s, CONFIG_EVENTS_LIST, "ltrim", key, klen);
  return settled(s, list_trim(s, key, klen, first, last));
}
