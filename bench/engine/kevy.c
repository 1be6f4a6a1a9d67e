/* kevy behind engine.h: nothing but calls of the C ABI. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine.h"
#include "kevy.h"

static void check(kevy_store *s, kevy_status status) {
  if (status >= 0) return;
  fprintf(stderr, "kevy: %s\n", kevy_errmsg(s));
  exit(1);
}

static kevy_store *store(engine *e) { return (kevy_store *)(void *)e; }

engine *engine_open(void) {
  kevy_store *s = NULL;
  check(NULL, kevy_open(NULL, &s));
  return (engine *)(void *)s;
}

void engine_close(engine *e) { kevy_close(store(e)); }

void engine_clear(engine *e) { check(store(e), kevy_clear(store(e))); }

uint64_t engine_get(engine *e, const lookup *keys, size_t n, size_t klen) {
  uint64_t sum = 0;
  kevy_value v;
  for (size_t i = 0; i < n; i++)
    if (kevy_get(store(e), keys[i].key, klen, &v) == KEVY_OK)
      sum += ENGINE_HIT + (uint8_t)v.as.ptr[v.len - 1];
  return sum;
}

uint64_t engine_mget(engine *e, const lookup *keys, size_t n, size_t klen) {
  uint64_t sum = 0;
  kevy_value k[ENGINE_BATCH], v[ENGINE_BATCH];
  for (size_t i = 0; i + ENGINE_BATCH <= n; i += ENGINE_BATCH) {
    for (size_t j = 0; j < ENGINE_BATCH; j++) k[j] = kevy_bytes(keys[i + j].key, klen);
    check(store(e), kevy_mget(store(e), ENGINE_BATCH, k, v));
    for (size_t j = 0; j < ENGINE_BATCH; j++)
      if (v[j].kind != KEVY_NIL) sum += ENGINE_HIT + (uint8_t)v[j].as.ptr[v[j].len - 1];
  }
  return sum;
}

void engine_set(engine *e, const pair *pairs, size_t n, size_t klen, size_t vlen, int64_t ttl_ms) {
  for (size_t i = 0; i < n; i++) {
    kevy_value v = kevy_bytes(pairs[i].value, vlen);
    check(store(e), kevy_set(store(e), pairs[i].key, klen, &v, ttl_ms > 0 ? ttl_ms : KEVY_NO_TTL, 0, NULL));
  }
}

void *engine_snapshot(engine *e) {
  kevy_store *snapshot = NULL;
  check(store(e), kevy_snapshot(store(e), &snapshot));
  return snapshot;
}

void engine_snapshot_close(void *snapshot) { kevy_close(snapshot); }

uint64_t engine_used(engine *e) { return kevy_used_memory(store(e)); }

/* The index of a figure of kevy_info, or -1. */
static long figure(engine *e, const char *wanted) {
  const char *name;
  kevy_value v;
  for (size_t i = 0; kevy_info(store(e), i, &name, &v) == KEVY_OK; i++)
    if (strcmp(name, wanted) == 0) return (long)i;
  return -1;
}

bool engine_work(engine *e, uint64_t *entries, uint64_t *bytes) {
  static long moved = -2, copied = -2;
  if (moved == -2) {
    moved = figure(e, "work_entries_moved");
    copied = figure(e, "work_bytes_copied");
  }
  if (moved < 0 || copied < 0) return false;
  const char *name;
  kevy_value v;
  check(store(e), kevy_info(store(e), (size_t)moved, &name, &v));
  *entries = (uint64_t)v.as.i;
  check(store(e), kevy_info(store(e), (size_t)copied, &name, &v));
  *bytes = (uint64_t)v.as.i;
  return true;
}
