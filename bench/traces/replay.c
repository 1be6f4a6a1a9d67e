/* replay: a trace through a kevy store at its limit: what misses is put, and the policy makes room.
 *
 *     replay TRACE CAPACITY POLICY     prints {"hits": …, "held": …}
 *
 * TRACE as for simulate.c. The limit is found by trying: it is set so that the store holds CAPACITY entries on average once it is full, which
 * `held` tells. Values are long enough that the table's growth, a segment at a time, is small beside them. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kevy.h"

#define KLEN 8
#define VLEN 480
#define TRIES 5
#define NEAR 0.002 /* of the capacity */
#define LOOK 64    /* accesses between two looks at how many are held */

static uint32_t *trace, accesses;
static kevy_store *store;

static void check(kevy_status status) {
  if (status >= 0) return;
  fprintf(stderr, "replay: %s\n", kevy_errmsg(store));
  exit(1);
}

static const char *key(uint32_t id) {
  static char text[KLEN + 1];
  for (int i = KLEN - 1; i >= 0; i--, id >>= 4) text[i] = "0123456789abcdef"[id & 15];
  return text;
}

static void put(uint32_t id) {
  static const char bytes[VLEN];
  kevy_value value = kevy_bytes(bytes, VLEN);
  check(kevy_set(store, key(id), KLEN, &value, KEVY_NO_TTL, 0, NULL));
}

static void open_store(const char *policy, uint64_t maxmemory) {
  kevy_options options = KEVY_OPTIONS_INIT;
  options.policy = policy;
  options.maxmemory = maxmemory;
  check(kevy_open(&options, &store));
}

static uint64_t figure(const char *wanted) {
  const char *name;
  kevy_value value;
  for (size_t i = 0; kevy_info(store, i, &name, &value) == KEVY_OK; i++)
    if (strcmp(name, wanted) == 0) return (uint64_t)value.as.i;
  exit(1);
}

static uint64_t memory_of(uint32_t entries) {
  open_store("noeviction", 0);
  for (uint32_t i = 0; i < entries; i++) put(i);
  uint64_t bytes = figure("used_memory");
  kevy_close(store);
  return bytes;
}

typedef struct outcome {
  uint64_t hits;
  double held; /* on average, from the first eviction on */
} outcome;

static outcome replay(const char *policy, uint64_t maxmemory) {
  uint64_t hits = 0, count, sum = 0, looks = 0;
  kevy_value value;
  open_store(policy, maxmemory);
  for (uint32_t i = 0; i < accesses; i++) {
    if (kevy_get(store, key(trace[i]), KLEN, &value) == KEVY_OK) hits++;
    else put(trace[i]);
    if (i % LOOK != 0 || figure("evicted") == 0) continue;
    check(kevy_len(store, &count));
    sum += count;
    looks++;
  }
  kevy_close(store);
  return (outcome){hits, looks > 0 ? (double)sum / (double)looks : 0};
}

static void load(const char *path) {
  FILE *f = fopen(path, "rb");
  if (f == NULL || fseek(f, 0, SEEK_END) != 0) exit(2);
  accesses = (uint32_t)(ftell(f) / 4);
  rewind(f);
  trace = malloc(accesses * sizeof *trace);
  if (trace == NULL || fread(trace, sizeof *trace, accesses, f) != accesses) exit(2);
  fclose(f);
}

int main(int argc, char **argv) {
  if (argc != 4) return 2;
  load(argv[1]);
  double capacity = atoi(argv[2]);
  double limit = (double)memory_of((uint32_t)capacity);
  outcome out = {0, 0};
  for (int i = 0; i < TRIES; i++) {
    out = replay(argv[3], (uint64_t)limit);
    double off = out.held > 0 ? out.held / capacity - 1 : 0;
    if (off < NEAR && off > -NEAR) break;
    limit /= 1 + off;
  }
  printf("{\"hits\": %llu, \"held\": %.1f}\n", (unsigned long long)out.hits, out.held);
  return 0;
}
