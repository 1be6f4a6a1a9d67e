/* fuzz_rdb: bytes as a whole RDB file. A load that fails says why, and leaves the store as it was; what loads can be
 * read, written again by DUMP and restored from that, and gives all its memory back. */
#include <kevy.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds, const char *what) {
  if (holds) return;
  fprintf(stderr, "fuzz_rdb: %s\n", what);
  abort();
}

/* A key's value as a payload, and from that again under another name. */
static void again(kevy_store *s, const kevy_value *key, kevy_reply *r) {
  static const char copy[] = "\xff\xfe a copy";
  kevy_value payload;
  int32_t type, other = KEVY_TYPE_NONE;
  require(kevy_type(s, key->as.ptr, key->len, &type) >= 0, "TYPE fails");
  if (kevy_dump(s, key->as.ptr, key->len, &payload) != KEVY_OK) return;
  kevy_status status = kevy_restore(s, copy, sizeof copy, payload.as.ptr, payload.len, KEVY_NO_TTL, KEVY_REPLACE);
  require(status == KEVY_OK || status == KEVY_ECORRUPT, "RESTORE fails otherwise"); /* all of a hash's fields may have expired */
  if (status == KEVY_OK) {
    require(kevy_type(s, copy, sizeof copy, &other) == KEVY_OK && other == type, "RESTORE makes something else");
    require(kevy_delete(s, copy, sizeof copy) == KEVY_OK, "DEL finds nothing");
  }
  kevy_value usage[] = {kevy_bytes("MEMORY", 6), kevy_bytes("USAGE", 5), *key};
  (void)kevy_call(s, 3, usage, r);
}

static void read_all(kevy_store *s) {
  kevy_reply *r = kevy_reply_new();
  kevy_iter *it;
  kevy_value key;
  require(kevy_iter_open(s, NULL, 0, KEVY_TYPE_NONE, &it) == KEVY_OK, "no iterator");
  while (kevy_iter_next(it, &key, NULL) == KEVY_OK) {
    kevy_iter *elements;
    kevy_value name, value;
    if (kevy_iter_type(it) != KEVY_TYPE_STREAM && kevy_iter_type(it) != KEVY_TYPE_STRING &&
        kevy_iter_elements(s, key.as.ptr, key.len, KEVY_TYPE_NONE, 0, &elements) == KEVY_OK) {
      while (kevy_iter_next(elements, &name, &value) == KEVY_OK) continue;
      kevy_iter_close(elements);
    }
    again(s, &key, r);
    kevy_value groups[] = {kevy_bytes("XINFO", 5), kevy_bytes("STREAM", 6), key, kevy_bytes("FULL", 4)};
    if (kevy_iter_type(it) == KEVY_TYPE_STREAM) (void)kevy_call(s, 4, groups, r);
  }
  kevy_iter_close(it);
  kevy_reply_free(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  kevy_store *s;
  kevy_options options = KEVY_OPTIONS_INIT;
  options.maxmemory = 64 << 20;
  if (size > 1 << 16 || kevy_open(&options, &s) != KEVY_OK) return 0;
  kevy_value before = kevy_text("before", 6);
  kevy_debug_clock(s, 1700000000000);
  require(kevy_set(s, "k", 1, &before, KEVY_NO_TTL, 0, NULL) == KEVY_OK, "SET fails");
  uint64_t used = kevy_used_memory(s);
  kevy_load_options load = KEVY_LOAD_OPTIONS_INIT;
  load.flags = KEVY_SKIP_MODULES;
  kevy_status status = kevy_load_bytes(s, (const char *)data, size, &load);
  if (status == KEVY_OK) {
    read_all(s);
    require(kevy_clear(s) == KEVY_OK, "FLUSHALL fails");
  } else {
    require(status == KEVY_ECORRUPT || status == KEVY_EOOM, "fails otherwise");
    require(status == KEVY_EOOM || strstr(kevy_errmsg(s), "at offset") != NULL, "says not where");
    require(kevy_get(s, "k", 1, &before) == KEVY_OK && kevy_used_memory(s) == used, "changes the store");
  }
  kevy_close(s);
  return 0;
}
