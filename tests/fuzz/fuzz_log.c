/* fuzz_log: any bytes as an append-only file: read to the end or to what is wrong with it, and done again on a store. */
#include "internals.h"

#include "persist/log_read.h"
#include "replay.h"

#define FUZZ_MEMORY ((uint64_t)64 << 20)

/* What the reader says of these bytes; a store takes in what it reads. */
static log_read_result fuzz_read(kevy_store *s, const char *bytes, size_t len, uint64_t *end) {
  log_reader r;
  char message[160];
  log_read_result got;
  log_read_open_bytes(&r, bytes, len);
  while ((got = log_read_next(&r)) == LOG_READ_RECORD) {
    if (log_read_at(&r) <= r.record || log_read_at(&r) > len) abort();
    if (s != NULL) (void)replay_record(s, r.argc, r.argv, message, sizeof message);
  }
  *end = r.record;
  log_read_close(&r);
  return got;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  kevy_options o = KEVY_OPTIONS_INIT;
  kevy_store *s;
  uint64_t end, again;
  o.maxmemory = FUZZ_MEMORY;
  if (kevy_open(&o, &s) != KEVY_OK) abort();
  replay_begin(s);
  log_read_result got = fuzz_read(s, (const char *)data, size, &end);
  replay_end(s);
  kevy_close(s);
  /* What is before a torn or corrupt end is a whole file. */
  if (got != LOG_READ_END && fuzz_read(NULL, (const char *)data, (size_t)end, &again) != LOG_READ_END) abort();
  return 0;
}
