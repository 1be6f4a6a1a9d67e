/* eviction: what a limit that is reached adds to writes, and what keeping track of reads adds to them. Reads commands
 * as driver.c does, with its values and keys of 10 bytes, and links with kevy alone:
 *
 *     open POLICY LIMIT  opens a store (LIMIT in bytes, 0: none)
 *     fill N             SETs N new keys
 *     set COUNT          SETs of new keys                                          CPU ns each
 *     get COUNT          GETs of random ones of the first N keys                   CPU ns each
 *     tight              makes what is used the limit
 *     held               keys there are
 *     worst COUNT        SETs of new keys and 16 to 16,384 bytes: the most that one evicted, per KiB it wrote; and the most
 *                        that used_memory passed the limit by after one of them, in bytes */
#include "alone.h"

#define LIST 16384 /* keys made, untimed: few enough for the cache */
#define LONGEST 16384

static uint64_t keys, filled, state = 1;
static char names[LIST][16], value[LONGEST];
static size_t klen = 10, vlen = 16;

static void make_name(size_t i, uint64_t id) { snprintf(names[i], sizeof names[i], "k%09llu", (unsigned long long)id); }

static void set(size_t i) {
  kevy_value v = kevy_bytes(value, vlen);
  check(kevy_set(store, names[i], klen, &v, KEVY_NO_TTL, 0, NULL));
}

static void open_store(const char *policy, uint64_t limit) {
  kevy_options o = KEVY_OPTIONS_INIT;
  kevy_close(store);
  o.policy = policy;
  o.maxmemory = limit;
  check(kevy_open(&o, &store));
  keys = filled = 0;
  printf("{}\n");
}

static uint64_t set_new(size_t count) {
  uint64_t t = 0;
  for (size_t done = 0; done < count;) {
    size_t n = count - done < LIST ? count - done : LIST;
    for (size_t i = 0; i < n; i++) make_name(i, keys++);
    uint64_t before = cpu_ns();
    for (size_t i = 0; i < n; i++) set(i);
    t += cpu_ns() - before;
    done += n;
  }
  return t;
}

static uint64_t get_random(size_t count) {
  uint64_t t = 0;
  kevy_value v;
  for (size_t done = 0; done < count; done += LIST) {
    for (size_t i = 0; i < LIST; i++) make_name(i, draw(&state) % filled);
    uint64_t before = cpu_ns();
    for (size_t i = 0; i < LIST; i++) check(kevy_get(store, names[i], klen, &v));
    t += cpu_ns() - before;
  }
  return t;
}

static void worst(size_t count) {
  double most = 0;
  uint64_t over = 0, evicted = figure("evicted"), limit = figure("maxmemory");
  for (size_t i = 0; i < count; i++) {
    make_name(0, keys++);
    vlen = 16 + draw(&state) % (LONGEST - 15) / (1 + draw(&state) % 64);
    set(0);
    uint64_t now = figure("evicted"), used = kevy_used_memory(store);
    double per_kib = (double)(now - evicted) / (double)((vlen + 1023) / 1024);
    if (per_kib > most) most = per_kib;
    if (used > limit && used - limit > over) over = used - limit;
    evicted = now;
  }
  vlen = 16;
  printf("{\"entries\": %.1f, \"over\": %llu}\n", most, (unsigned long long)over);
}

int main(void) {
  char line[256], what[32], policy[32];
  unsigned long long n;
  setvbuf(stdout, NULL, _IOLBF, 0);
  while (fgets(line, sizeof line, stdin) != NULL) {
    if (sscanf(line, "open %31s %llu", policy, &n) == 2) {
      open_store(policy, n);
      continue;
    }
    if (sscanf(line, "%31s %llu", what, &n) < 1) continue;
    if (strcmp(what, "fill") == 0) {
      set_new(n);
      filled = n;
      printf("{}\n");
    } else if (strcmp(what, "set") == 0) {
      printf("{\"ns\": %.2f}\n", (double)set_new(n) / (double)n);
    } else if (strcmp(what, "get") == 0) {
      size_t rounded = (n + LIST - 1) / LIST * LIST;
      printf("{\"ns\": %.2f}\n", (double)get_random(rounded) / (double)rounded);
    } else if (strcmp(what, "tight") == 0) {
      check(kevy_set_maxmemory(store, kevy_used_memory(store)));
      printf("{}\n");
    } else if (strcmp(what, "held") == 0) {
      printf("{\"keys\": %llu}\n", (unsigned long long)figure("keys"));
    } else if (strcmp(what, "worst") == 0) {
      worst(n);
    }
  }
  kevy_close(store);
  return 0;
}
