/* abi_stream: the functions of kevy.h on streams. */
#include "../core/type_stream.h"

static stream_wish wish_of(const kevy_stream_id *id) {
  stream_wish w = {STREAM_THIS_ID, *id};
  if (id->ms == UINT64_MAX) w.what = STREAM_ANY_ID;
  else if (id->seq == UINT64_MAX) w.what = STREAM_ANY_SEQ;
  return w;
}

kevy_status kevy_xadd(kevy_store *s, const char *key, size_t klen, kevy_stream_id *id, size_t k,
                      const kevy_value *fields, const kevy_value *values, uint32_t flags) {
  ENTER(s);
  if (!flags_allowed(flags, KEVY_XX | KEVY_TEXT_KEY)) return lending(s, KEVY_EARG);
  stream_wish wish = wish_of(id);
  stream_pairs pairs = {fields, values, k, 1, false};
  if (effect_kept(s) && !propagate_xadd(s, key, klen, flags)) return lending(s, KEVY_EOOM);
  if (UNLIKELY(s->told)) notify_did(s, CONFIG_EVENTS_STREAM, "xadd", key, klen);
  kevy_status status = stream_add(s, key, klen, &wish, &pairs, flags, NULL, id);
  return settled(s, status == KEVY_EOVERFLOW ? KEVY_ERANGE : status);
}

kevy_status kevy_xlen(kevy_store *s, const char *key, size_t klen, uint64_t *count) {
  ENTER(s);
  return lending(s, stream_length(s, key, klen, count));
}
