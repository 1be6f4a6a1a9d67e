/* fuzz_restore: bytes as a type and a value of a DUMP payload, with the version and checksum that RESTORE wants. What
 * fails leaves the store as it was, an allocation that fails included; what is restored is dumped and restored again,
 * and all memory comes back. */
#include <kevy.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds, const char *what) {
  if (holds) return;
  fprintf(stderr, "fuzz_restore: %s\n", what);
  abort();
}

static uint64_t checksum(const uint8_t *p, size_t n) {
  uint64_t crc = 0;
  while (n-- != 0) {
    crc ^= *p++;
    for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ ((0 - (crc & 1)) & UINT64_C(0x95ac9329ac4bc9b5));
  }
  return crc;
}

static kevy_store *open_store(void) {
  kevy_store *s;
  kevy_options options = KEVY_OPTIONS_INIT;
  options.maxmemory = 64 << 20;
  if (kevy_open(&options, &s) != KEVY_OK) return NULL;
  kevy_debug_clock(s, 1700000000000);
  return s;
}

static void drain(kevy_store *s) {
  while (kevy_tick(s, 1000, NULL) == KEVY_UNMET) continue;
}

static void restored(kevy_store *s) {
  kevy_value payload;
  int32_t type, other;
  if (kevy_type(s, "k", 1, &type) != KEVY_OK) return; /* all of it had expired */
  require(kevy_dump(s, "k", 1, &payload) == KEVY_OK, "DUMP fails");
  kevy_status status = kevy_restore(s, "l", 1, payload.as.ptr, payload.len, 5000, 0);
  require(status == KEVY_OK, "what was dumped is not restored");
  require(kevy_type(s, "l", 1, &other) == KEVY_OK && other == type, "another type");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static uint8_t payload[(1 << 14) + 10];
  if (size < 3 || size > 1 << 14) return 0;
  kevy_store *s = open_store();
  if (s == NULL) return 0;
  uint64_t fail = data[0]; /* the first byte: which allocation fails; the second: Redis or Valkey */
  size_t len = size - 2;
  memcpy(payload, data + 2, len);
  payload[len] = data[1] & 1 ? 80 : 10;
  payload[len + 1] = 0;
  uint64_t crc = checksum(payload, len + 2);
  memcpy(payload + len + 2, &crc, 8);
  kevy_value before = kevy_text("before", 6);
  require(kevy_set(s, "k", 1, &before, 1000000, 0, NULL) == KEVY_OK, "SET fails");
  uint64_t used = kevy_used_memory(s);
  kevy_debug_fail_alloc(s, fail);
  kevy_status status = kevy_restore(s, "k", 1, (const char *)payload, len + 10, KEVY_NO_TTL, KEVY_REPLACE);
  kevy_debug_fail_alloc(s, 0);
  if (status == KEVY_OK) {
    restored(s);
  } else {
    require(status == KEVY_ECORRUPT || status == KEVY_EOOM, "fails otherwise");
    require(kevy_get(s, "k", 1, &before) == KEVY_OK && before.len == 6, "changes the store");
    drain(s);
    require(kevy_used_memory(s) <= used + 8192, "keeps memory");
  }
  kevy_delete(s, "k", 1);
  kevy_delete(s, "l", 1);
  drain(s);
  require(kevy_used_memory(s) <= used + 8192, "does not give its memory back");
  kevy_close(s);
  return 0;
}
