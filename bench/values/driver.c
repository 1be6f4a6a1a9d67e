/* driver: measures collections of the store it is linked with. Commands on standard input, one a line, each
 * answered with one line of JSON. OP is a name of values.h.
 *
 *     fill OP N       a new store, N items written with OP             CPU ns per item; resident and counted bytes each
 *     run OP COUNT    on random items of the N, in another order       CPU ns per item
 *     del             DEL of the big value                             CPU us
 *     worst OP N RUNS   every single write while growing to N, memory touched before; least of RUNS by operation
 *     held OP N RUNS    every single write of 100,000 into a value of N while a snapshot is open; the same
 *     work OP N       counted work of each write; held 1: of 100,000 writes under a snapshot
 *     idle N RUNS     the loop of `worst` without the write
 */
#include "../engine/measure.h"

#include "values.h"

#define CHUNK 4096
#define HELD_WRITES 100000

static const char *const names[OPERATIONS] = {
    "hset", "hget", "sadd", "sismember", "zadd", "zscore", "zrank", "zrange", "zrangebyscore", "rpush", "rotate",
    "xadd", "xrange", "small_hset", "small_hget", "small_sadd", "del"};

static values *store;
static uint64_t count; /* items filled */

static operation operation_of(const char *name) {
  for (int op = 0; op < OPERATIONS; op++)
    if (strcmp(name, names[op]) == 0) return (operation)op;
  fail("no such operation");
  return DEL;
}

/* Letters, so that nobody can keep them as numbers. */
static void letters(char *at, size_t n, uint64_t id) {
  for (size_t i = n; i-- > 0; id /= 26) at[i] = (char)('a' + id % 26);
}

/* The id-th of n items. Scores are 0 to n - 1 in a scattered order: n is even, the factor odd and prime. */
static void make_item(item *i, uint64_t id, uint64_t n) {
  letters(i->name, 8, id);
  letters(i->name + 8, 8, id);
  letters(i->name + 16, 8, id);
  letters(i->value, 16, id);
  letters(i->key, 10, id);
  i->score = (double)(id * UINT64_C(1000003) % n);
  i->id = id + 1;
}

static void make_items(item *items, uint64_t first, size_t k, uint64_t n) {
  for (size_t i = 0; i < k; i++) make_item(&items[i], first + i, n);
}

static void drop(void) {
  if (store != NULL) values_close(store);
  store = NULL;
}

static values *open_seeded(void) {
  secret_state = 1;
  mapping.size = 0;
  return values_open();
}

/* Grows a value; the CPU time it took. */
static uint64_t grow(values *v, operation op, uint64_t n) {
  static item items[CHUNK];
  uint64_t cpu = 0;
  for (uint64_t i = 0; i < n; i += CHUNK) {
    size_t k = n - i < CHUNK ? (size_t)(n - i) : CHUNK;
    make_items(items, i, k, n);
    uint64_t t = cpu_ns();
    if (values_run(v, op, items, k) != k) fail("an item was not added");
    cpu += cpu_ns() - t;
  }
  return cpu;
}

static void fill(operation op, uint64_t n) {
  drop();
  uint64_t before = status_bytes("VmRSS");
  store = values_open();
  uint64_t used = values_used(store), cpu = grow(store, op, n);
  count = n;
  printf("{\"ns\": %.2f, \"rss\": %.2f, \"used\": %.2f}\n", (double)cpu / (double)n,
         (double)(status_bytes("VmRSS") - before) / (double)n, (double)(values_used(store) - used) / (double)n);
}

static void run(operation op, size_t k) {
  static uint64_t state = 7;
  item *items = must(malloc(k * sizeof *items));
  uint64_t last = count > 20 ? count - 20 : 1;
  for (size_t i = 0; i < k; i++) make_item(&items[i], draw(&state) % last, count);
  if (op == ZRANGEBYSCORE)
    for (size_t i = 0; i < k; i++) items[i].score = (double)(draw(&state) % last);
  uint64_t t = cpu_ns(), found = values_run(store, op, items, k);
  t = cpu_ns() - t;
  if (op != HSET && op != SADD && op != ZADD && found != k) fail("an item was not found");
  printf("{\"ns\": %.2f}\n", (double)t / (double)k);
  free(items);
}

static void del(void) {
  item none;
  memset(&none, 0, sizeof none);
  uint64_t t = thread_ns();
  values_run(store, DEL, &none, 1);
  printf("{\"us\": %.2f}\n", (double)(thread_ns() - t) / 1e3);
}

/* Times writes one by one; v NULL just reads the clock. least[i] keeps the minimum. */
static void timed(values *v, operation op, uint64_t first, uint64_t k, uint64_t n, uint32_t *least, worst_case *w) {
  static item items[CHUNK];
  for (uint64_t i = 0; i < k; i += CHUNK) {
    size_t some = k - i < CHUNK ? (size_t)(k - i) : CHUNK;
    make_items(items, first + i, some, n);
    uint64_t before = thread_ns();
    for (size_t j = 0; j < some; j++) {
      if (v != NULL) values_run(v, op, &items[j], 1);
      uint64_t now = thread_ns(), took = now - before;
      before = now;
      judge(w, took);
      if (took < least[i + j]) least[i + j] = (uint32_t)took;
    }
  }
}

/* One run: growth to n, or writes into a value of n under a snapshot. */
static void single_run(operation op, uint64_t n, bool held, uint32_t *least, worst_case *w, bool warm) {
  values *v = open_seeded();
  if (warm) touch_again();
  if (held) {
    grow(v, op, n);
    void *snapshot = values_snapshot(v);
    timed(v, op, n, HELD_WRITES, n + HELD_WRITES, least, w);
    values_snapshot_close(snapshot);
  } else {
    timed(v, op, 0, n, n, least, w);
  }
  if (!warm && mapping.size > 0) note_touched();
  values_close(v);
}

static void worst(operation op, uint64_t n, int runs, bool held, bool idle) {
  mallopt(M_MMAP_MAX, 0);
  mallopt(M_TRIM_THRESHOLD, -1);
  uint64_t k = held ? HELD_WRITES : n;
  uint32_t *least = must(malloc(k * sizeof *least));
  worst_case one = {0, 0, 0, 0}, all = {0, 0, 0, 0};
  drop();
  for (int r = idle ? 1 : 0; r <= runs; r++) {
    worst_case w = {0, 0, 0, 0};
    if (r <= 1) memset(least, 0xff, k * sizeof *least);
    if (idle) timed(NULL, op, 0, k, n, least, &w);
    else single_run(op, n, held, least, &w, r > 0);
    if (r > 0 && w.max > one.max) one = w;
  }
  for (uint64_t i = 0; i < k; i++) judge(&all, least[i]);
  printf("{\"least_us\": %.2f, \"over_100us\": %llu, \"over_300us\": %llu, \"single_us\": %.2f}\n", (double)all.max / 1e3,
         (unsigned long long)all.over_100us, (unsigned long long)all.over_300us, (double)one.max / 1e3);
  free(least);
}

static void work(operation op, uint64_t n, bool held) {
  item i;
  uint64_t entries = 0, bytes = 0, most_entries = 0, most_bytes = 0, k = held ? HELD_WRITES : n;
  drop();
  values *v = open_seeded();
  if (held) grow(v, op, n);
  void *snapshot = held ? values_snapshot(v) : NULL;
  bool known = values_work(v, &entries, &bytes) != 0;
  for (uint64_t at = 0; known && at < k; at++) {
    uint64_t entries_now, bytes_now;
    make_item(&i, held ? n + at : at, n + k);
    values_run(v, op, &i, 1);
    values_work(v, &entries_now, &bytes_now);
    if (entries_now - entries > most_entries) most_entries = entries_now - entries;
    if (bytes_now - bytes > most_bytes) most_bytes = bytes_now - bytes;
    entries = entries_now;
    bytes = bytes_now;
  }
  if (held) values_snapshot_close(snapshot);
  values_close(v);
  printf("{\"counted\": %s, \"most_entries\": %llu, \"most_bytes\": %llu}\n", known ? "true" : "false",
         (unsigned long long)most_entries, (unsigned long long)most_bytes);
}

int main(void) {
  char line[256], what[32], name[32];
  setvbuf(stdout, NULL, _IOLBF, 0);
  while (fgets(line, sizeof line, stdin) != NULL) {
    unsigned long long n = 0;
    int b = 0;
    if (sscanf(line, "%31s %31s %llu %d", what, name, &n, &b) < 1) continue;
    if (strcmp(what, "fill") == 0) fill(operation_of(name), n);
    else if (strcmp(what, "run") == 0) run(operation_of(name), n);
    else if (strcmp(what, "del") == 0) del();
    else if (strcmp(what, "worst") == 0) worst(operation_of(name), n, b, false, false);
    else if (strcmp(what, "held") == 0) worst(operation_of(name), n, b, true, false);
    else if (strcmp(what, "idle") == 0) worst(DEL, n, b, false, true);
    else if (strcmp(what, "work") == 0) work(operation_of(name), n, b != 0);
    else fail("no such command");
  }
  drop();
  return 0;
}
