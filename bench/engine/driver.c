/* driver: measures the engine it is linked with. It reads commands from standard input, one a line,
 * and answers each with one line of JSON; the caller interleaves several drivers. A command that
 * needs keys works on the one store that `fill` opened.
 *
 *     fill N TTL     close what is open, open, store N keys (TTL in ms, 0 none)    CPU ns per key
 *     get|miss|mget|set COUNT    on random keys, in an order unlike insertion      CPU ns per key
 *     memory         resident, peak and own-account bytes
 *     snapshot · clear · close   milliseconds, wall and CPU
 *     worst N RUNS   every single SET while growing to N, memory touched before    CPU ns
 *     cold N         the same once, memory fresh, with the page faults of each SET
 *     work N         counted work of each SET
 *     idle N RUNS    the loop of `worst` without the SET: what the clock and the machine add
 *
 * Keys are "key:0000000000" (14 bytes), values "value:0000000000" (16). Every driver draws the same
 * random numbers, so all see the same keys in the same order.
 *
 * `worst` takes the minimum over RUNS operation by operation, which is only honest when the same
 * operation does the same work in every run: getrandom is answered here, from a seed that each run
 * restarts, so a store's secret hash key is the same in all of them; and mmap is watched here, so that
 * the pages which the first, unmeasured run touched can be touched again before each later one. */
#include "measure.h"

#include "engine.h"

#define KLEN 14
#define VLEN 16
#define CHUNK 4096 /* pairs made, untimed, before they are stored, timed */

static volatile size_t klen = KLEN, vlen = VLEN;

static void digits(char *at, uint64_t id) {
  for (int i = 9; i >= 0; i--, id /= 10) at[i] = (char)('0' + id % 10);
}

static void make_key(char *key, uint64_t id) {
  memcpy(key, "key:", 4);
  digits(key + 4, id);
}

static void make_pair(pair *p, uint64_t id) {
  make_key(p->key, id);
  memcpy(p->value, "value:", 6);
  digits(p->value + 6, id);
}

static void make_pairs(pair *pairs, uint64_t first, size_t n) {
  for (size_t i = 0; i < n; i++) make_pair(&pairs[i], first + i);
}

/* ---- Growing ---------------------------------------------------------------------------------- */

static engine *store;
static uint64_t keys; /* in the store */
static uint64_t lookup_state;
static uint64_t resident_before;

static engine *open_seeded(void) {
  secret_state = 1;
  mapping.size = 0;
  return engine_open();
}

static void drop(void) {
  if (store != NULL) engine_close(store);
  store = NULL;
}

static void fill(uint64_t n, int64_t ttl) {
  static pair pairs[CHUNK];
  drop();
  resident_before = status_bytes("VmRSS");
  store = engine_open();
  keys = n;
  lookup_state = n;
  uint64_t cpu = 0, wall = wall_ns();
  for (uint64_t i = 0; i < n; i += CHUNK) {
    size_t count = n - i < CHUNK ? (size_t)(n - i) : CHUNK;
    make_pairs(pairs, i, count);
    uint64_t t = cpu_ns();
    engine_set(store, pairs, count, klen, vlen, ttl);
    cpu += cpu_ns() - t;
  }
  printf("{\"ns\": %.2f, \"wall_s\": %.3f}\n", (double)cpu / (double)n, (double)(wall_ns() - wall) / 1e9);
}

static void memory(void) {
  printf("{\"rss\": %llu, \"before\": %llu, \"peak\": %llu, \"used\": %llu}\n",
         (unsigned long long)status_bytes("VmRSS"), (unsigned long long)resident_before,
         (unsigned long long)status_bytes("VmHWM"), (unsigned long long)engine_used(store));
}

/* ---- Lookups and overwrites --------------------------------------------------------------------- */

/* Few keys fit in the cache, and so shall the list of those to look up. */
static size_t distinct(size_t count) { return keys <= 100000 && count > 16384 ? 16384 : count; }

static void reads(const char *what, size_t count) {
  bool miss = strcmp(what, "miss") == 0, batch = strcmp(what, "mget") == 0;
  size_t list = distinct(count);
  lookup *wanted = must(malloc(list * sizeof *wanted));
  for (size_t i = 0; i < list; i++) make_key(wanted[i].key, draw(&lookup_state) % keys + (miss ? keys : 0));
  uint64_t sum = 0, t = cpu_ns(), passes = count / list;
  for (uint64_t p = 0; p < passes; p++)
    sum += batch ? engine_mget(store, wanted, list, klen) : engine_get(store, wanted, list, klen);
  t = cpu_ns() - t;
  uint64_t expected = miss ? 0 : passes * list;
  if (sum >> 32 != expected) fail("a lookup answered wrongly");
  printf("{\"ns\": %.2f}\n", (double)t / (double)(passes * list));
  free(wanted);
}

static void overwrites(size_t count) {
  size_t list = distinct(count);
  pair *pairs = must(malloc(list * sizeof *pairs));
  for (size_t i = 0; i < list; i++) make_pair(&pairs[i], draw(&lookup_state) % keys);
  uint64_t t = cpu_ns(), passes = count / list;
  for (uint64_t p = 0; p < passes; p++) engine_set(store, pairs, list, klen, vlen, 0);
  printf("{\"ns\": %.2f}\n", (double)(cpu_ns() - t) / (double)(passes * list));
  free(pairs);
}

/* ---- Whole-store moments -------------------------------------------------------------------------- */

static void snapshot(void) {
  uint64_t rss = status_bytes("VmRSS"), used = engine_used(store), cpu = cpu_ns(), wall = wall_ns();
  void *s = engine_snapshot(store);
  wall = wall_ns() - wall;
  cpu = cpu_ns() - cpu;
  uint64_t rss_after = status_bytes("VmRSS"), used_after = engine_used(store), back = cpu_ns();
  if (s != NULL) engine_snapshot_close(s);
  printf("{\"ms\": %.4f, \"cpu_ms\": %.4f, \"close_ms\": %.4f, \"rss\": %lld, \"used\": %lld}\n", (double)wall / 1e6,
         (double)cpu / 1e6, (double)(cpu_ns() - back) / 1e6, (long long)(rss_after - rss),
         (long long)(used_after - used));
}

static void ending(bool clear) {
  uint64_t cpu = cpu_ns(), wall = wall_ns();
  if (clear)
    engine_clear(store);
  else
    drop();
  wall = wall_ns() - wall;
  printf("{\"ms\": %.3f, \"cpu_ms\": %.3f}\n", (double)wall / 1e6, (double)(cpu_ns() - cpu) / 1e6);
}

/* ---- Single SETs ------------------------------------------------------------------------------------ */

/* Times n SETs on e one by one, or with e NULL just reads the clock. least[i] keeps the minimum. */
static worst_case grow_timed(engine *e, uint64_t n, uint32_t *least) {
  static pair pairs[CHUNK];
  worst_case w = {0, 0, 0, 0};
  for (uint64_t i = 0; i < n; i += CHUNK) {
    size_t count = n - i < CHUNK ? (size_t)(n - i) : CHUNK;
    make_pairs(pairs, i, count);
    uint64_t before = thread_ns();
    for (size_t k = 0; k < count; k++) {
      if (e != NULL) engine_set(e, &pairs[k], 1, klen, vlen, 0);
      uint64_t now = thread_ns(), took = now - before;
      before = now;
      judge(&w, took);
      if (took < least[i + k]) least[i + k] = (uint32_t)took;
    }
  }
  return w;
}

static void single(uint64_t n, int runs, bool idle) {
  keep_memory();
  uint32_t *least = must(malloc(n * sizeof *least));
  memset(least, 0xff, n * sizeof *least);
  drop();
  worst_case one = {0, 0, 0, 0};
  for (int run = idle ? 1 : 0; run <= runs; run++) {
    engine *e = idle ? NULL : open_seeded();
    if (run > 0 && !idle) touch_again();
    worst_case w = grow_timed(e, n, least);
    if (run == 0) {
      note_touched();
      memset(least, 0xff, n * sizeof *least);
    } else if (w.max > one.max) {
      one = w;
    }
    if (e != NULL) engine_close(e);
  }
  worst_case all = {0, 0, 0, 0};
  for (uint64_t i = 0; i < n; i++) judge(&all, least[i]);
  printf("{\"least_us\": %.2f, \"least_over_100us\": %llu, \"least_over_300us\": %llu, \"least_over_1ms\": %llu, "
         "\"single_us\": %.2f, \"single_over_300us\": %llu, \"single_over_1ms\": %llu}\n",
         (double)all.max / 1e3, (unsigned long long)all.over_100us, (unsigned long long)all.over_300us,
         (unsigned long long)all.over_1ms, (double)one.max / 1e3, (unsigned long long)one.over_300us,
         (unsigned long long)one.over_1ms);
  free(least);
}

/* What first touching a 4 KiB page costs here. */
static double page_us(void) {
  size_t size = (size_t)64 << 20;
  char *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED) fail("mmap");
  madvise(p, size, MADV_NOHUGEPAGE);
  uint64_t t = thread_ns();
  for (size_t i = 0; i < size; i += 4096) ((volatile char *)p)[i] = 1;
  t = thread_ns() - t;
  munmap(p, size);
  return (double)t / 1e3 / (double)(size / 4096);
}

static void cold(uint64_t n) {
  static pair pairs[CHUNK];
  drop();
  double page = page_us();
  engine *e = open_seeded();
  worst_case w = {0, 0, 0, 0};
  uint64_t most_faults = 0, worst_faults = 0, first = faults();
  for (uint64_t i = 0; i < n; i++) {
    if (i % CHUNK == 0) make_pairs(pairs, i, CHUNK);
    uint64_t f = faults(), t = thread_ns();
    engine_set(e, &pairs[i % CHUNK], 1, klen, vlen, 0);
    t = thread_ns() - t;
    f = faults() - f;
    if (t > w.max) worst_faults = f;
    if (f > most_faults) most_faults = f;
    judge(&w, t);
  }
  printf("{\"single_us\": %.2f, \"single_faults\": %llu, \"most_faults\": %llu, \"faults\": %llu, "
         "\"over_300us\": %llu, \"over_1ms\": %llu, \"page_us\": %.2f}\n",
         (double)w.max / 1e3, (unsigned long long)worst_faults, (unsigned long long)most_faults,
         (unsigned long long)(faults() - first), (unsigned long long)w.over_300us, (unsigned long long)w.over_1ms,
         page);
  engine_close(e);
}

static void work(uint64_t n) {
  static pair pairs[CHUNK];
  drop();
  engine *e = open_seeded();
  uint64_t entries = 0, bytes = 0, most_entries = 0, most_bytes = 0;
  bool counted = engine_work(e, &entries, &bytes);
  for (uint64_t i = 0; counted && i < n; i++) {
    if (i % CHUNK == 0) make_pairs(pairs, i, CHUNK);
    engine_set(e, &pairs[i % CHUNK], 1, klen, vlen, 0);
    uint64_t entries_now, bytes_now;
    engine_work(e, &entries_now, &bytes_now);
    if (entries_now - entries > most_entries) most_entries = entries_now - entries;
    if (bytes_now - bytes > most_bytes) most_bytes = bytes_now - bytes;
    entries = entries_now;
    bytes = bytes_now;
  }
  printf("{\"counted\": %s, \"most_entries\": %llu, \"most_bytes\": %llu, \"entries\": %llu, \"bytes\": %llu}\n",
         counted ? "true" : "false", (unsigned long long)most_entries, (unsigned long long)most_bytes,
         (unsigned long long)entries, (unsigned long long)bytes);
  engine_close(e);
}

/* ---- Commands ------------------------------------------------------------------------------------------ */

int main(void) {
  char line[256], what[32];
  setvbuf(stdout, NULL, _IOLBF, 0);
  while (fgets(line, sizeof line, stdin) != NULL) {
    unsigned long long a = 0;
    long long b = 0;
    if (sscanf(line, "%31s %llu %lld", what, &a, &b) < 1) continue;
    if (strcmp(what, "fill") == 0) fill(a, b);
    else if (strcmp(what, "worst") == 0) single(a, (int)b, false);
    else if (strcmp(what, "idle") == 0) single(a, (int)b, true);
    else if (strcmp(what, "cold") == 0) cold(a);
    else if (strcmp(what, "work") == 0) work(a);
    else if (store == NULL) fail("nothing is filled");
    else if (strcmp(what, "set") == 0) overwrites(a);
    else if (strcmp(what, "memory") == 0) memory();
    else if (strcmp(what, "snapshot") == 0) snapshot();
    else if (strcmp(what, "clear") == 0) ending(true);
    else if (strcmp(what, "close") == 0) ending(false);
    else reads(what, a);
  }
  drop();
  return 0;
}
