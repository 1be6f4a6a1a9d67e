/* payload: see payload.h. */
#include "payload.h"

#include <stdlib.h>

#include "../probe.h"
#include "rdb_write.h"

/* The memory is the store's until it lends other such memory. */
static kevy_status payload_write(kevy_store *s, const entry *e, kevy_value *out) {
  writer w;
  if (!writer_open(&w, -1)) return KEVY_EOOM;
  bool some = rdb_write_payload(&w, s->sp, e, store_now(s));
  if (!some || w.error != 0) {
    writer_close(&w);
    return some ? KEVY_EOOM : KEVY_MISSING;
  }
  free(s->batch);
  s->batch = w.buf;
  *out = (kevy_value){KEVY_BYTES, 0, w.len, {.ptr = w.buf}};
  return KEVY_OK;
}

kevy_status payload_dump(kevy_store *s, const char *key, size_t klen, kevy_value *out) {
  probe p;
  return probe_read(s, &p, key, klen) != NULL ? payload_write(s, p.live, out) : KEVY_MISSING;
}
