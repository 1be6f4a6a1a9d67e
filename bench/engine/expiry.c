/* expiry: how soon the memory of keys whose time has come is back, and what that costs the operations that pay for it. Reads
 * commands as driver.c does and links with kevy alone:
 *
 *     burst N HOW       N keys with one deadline. From there on to where 99.9 % of what they took is back, in ms: by the
 *                       background thread, by ticks of half a core, or by SETs of other keys one after another
 *     steady RATE SECS  SETs of new keys with a TTL of a second, RATE a second; the background thread reclaims. Of the keys whose
 *                       deadline lay a second back or more: the least share that was gone, looked at each 20 ms
 *     worst N RUNS      N keys with one deadline, and when that has come SETs, GETs and DELs of other keys till all are gone: the
 *                       most keys that one of them freed, and the thread's CPU time of the worst, operation by operation the
 *                       least over the runs, which are one sequence */
#include "alone.h"

#define OTHERS 1000 /* keys without a deadline: few, as a table that emptied keeps a place for what is left at less density */
#define TICK_EVERY_US 10000
#define TICK_US 5000
#define LOOK_NS UINT64_C(20000000)

static void open_store(uint32_t flags) {
  kevy_options o = KEVY_OPTIONS_INIT;
  kevy_close(store);
  o.flags = flags;
  check(kevy_open(&o, &store));
}

static void set(char kind, uint64_t id, int64_t ttl, uint32_t flags) {
  static const char bytes[16] = "0123456789abcdef";
  char name[24];
  kevy_value v = kevy_bytes(bytes, sizeof bytes);
  check(kevy_set(store, name, (size_t)snprintf(name, sizeof name, "%c:%012llu", kind, (unsigned long long)id), &v, ttl, flags, NULL));
}

static void fill_others(void) {
  for (uint64_t i = 0; i < OTHERS; i++) set('o', i, KEVY_NO_TTL, 0);
}

/* The deadlines come in an order unlike that of the keys, so that neighbours on the wheel are none in memory. */
static void expire_all(uint64_t n, int64_t deadline) {
  char name[24];
  for (uint64_t i = 0; i < n; i++)
    check(kevy_expire(store, name, (size_t)snprintf(name, sizeof name, "k:%012llu", (unsigned long long)(i * 7919 % n)), deadline, KEVY_AT));
}

static void nap(uint64_t us) {
  struct timespec t = {0, (long)us * 1000};
  nanosleep(&t, NULL);
}

static int64_t present(void) {
  int64_t now = 0;
  check(kevy_now(store, &now));
  return now;
}

/* ---- many at once ---- */

static uint64_t pay(const char *how, uint64_t turn) {
  if (strcmp(how, "background") == 0) nap(1000);
  else if (strcmp(how, "ticks") == 0) {
    check(kevy_tick(store, TICK_US, NULL));
    nap(TICK_EVERY_US - TICK_US);
  } else {
    for (int i = 0; i < 64; i++) set('o', turn++ % OTHERS, KEVY_NO_TTL, 0);
  }
  return turn;
}

static void burst(uint64_t n, const char *how) {
  open_store(strcmp(how, "background") == 0 ? KEVY_BACKGROUND : 0);
  fill_others();
  uint64_t before = kevy_used_memory(store);
  int64_t began = present();
  for (uint64_t i = 0; i < n; i++) set('k', i, 86400000, 0);
  int64_t deadline = (present() / 1000 + 2 + (present() - began) / 250) * 1000;
  expire_all(n, deadline);
  if (present() >= deadline) fail("the machine is too slow for this many keys");
  uint64_t turn = 0;
  while (present() < deadline) turn = pay(how, turn);
  uint64_t full = kevy_used_memory(store), enough = before + (full - before) / 1000, start = wall_ns(), cpu = cpu_ns();
  while (kevy_used_memory(store) > enough) turn = pay(how, turn);
  printf("{\"ms\": %.1f, \"cpu_ms\": %.1f, \"bytes\": %llu}\n", (double)(wall_ns() - start) / 1e6, (double)(cpu_ns() - cpu) / 1e6,
         (unsigned long long)(full - before));
}

/* ---- a stream ---- */

#define SPAN_MS 120000

static void steady(uint64_t rate, uint64_t seconds) {
  static uint64_t due[SPAN_MS]; /* keys whose deadline came before this ms */
  open_store(KEVY_BACKGROUND);
  int64_t start = present(), end = start + (int64_t)seconds * 1000;
  uint64_t made = 0, look = wall_ns() + LOOK_NS, looks = 0;
  double least = 1;
  memset(due, 0, sizeof due);
  if (end + 2000 - start > SPAN_MS) fail("too long");
  for (int64_t now, last = start; (now = present()) < end;) {
    uint64_t wanted = (uint64_t)(now - start) * rate / 1000;
    for (; last < now; last++) due[last + 1001 - start] = made;
    while (made < wanted) set('s', made++, now + 1000, KEVY_AT);
    if (wall_ns() < look) {
      nap(200);
      continue;
    }
    look += LOOK_NS;
    kevy_lock(store);
    uint64_t gone = figure("expired"), over = now - start > 2000 ? due[now - 1000 - start] : 0;
    kevy_unlock(store);
    if (over == 0) continue;
    looks++;
    if ((double)gone < least * (double)over) least = (double)gone / (double)over;
  }
  printf("{\"share\": %.6f, \"looks\": %llu, \"made\": %.0f}\n", least, (unsigned long long)looks, (double)made / (double)seconds);
}

/* ---- the worst operation ---- */

static void operate(uint64_t *state) {
  uint64_t r = draw(state), id = r / 16 % OTHERS;
  char name[24];
  size_t len = (size_t)snprintf(name, sizeof name, "o:%012llu", (unsigned long long)id);
  kevy_value v;
  if (r % 16 < 8) set('o', id, KEVY_NO_TTL, 0);
  else if (r % 16 < 14) check(kevy_get(store, name, len, &v));
  else check(kevy_delete(store, name, len));
}

static void worst(uint64_t n, uint64_t runs) {
  const uint64_t most_ops = n;
  uint32_t *least = must(malloc(most_ops * sizeof *least));
  memset(least, 0xff, most_ops * sizeof *least);
  uint64_t freed_most = 0, ops = 0;
  worst_case single = {0, 0, 0, 0};
  for (uint64_t run = 0; run < runs; run++) {
    uint64_t state = 1;
    secret_state = 1;
    open_store(0);
    int64_t deadline = 2000000000000;
    check(kevy_debug_clock(store, deadline - 30000));
    fill_others();
    for (uint64_t i = 0; i < n; i++) set('k', i, 86400000, 0);
    expire_all(n, deadline);
    check(kevy_debug_clock(store, deadline + 1000));
    uint64_t last = figure("expired"), left = n;
    for (ops = 0; left != 0 && ops < most_ops; ops++) {
      uint64_t before = thread_ns();
      operate(&state);
      uint64_t took = thread_ns() - before, now = figure("expired");
      if (now - last > freed_most) freed_most = now - last;
      left -= now - last;
      last = now;
      judge(&single, took);
      if (took < least[ops]) least[ops] = (uint32_t)took;
    }
    if (left != 0) fail("keys are left");
  }
  worst_case all = {0, 0, 0, 0};
  for (uint64_t i = 0; i < ops; i++) judge(&all, least[i]);
  free(least);
  printf("{\"freed\": %llu, \"least_us\": %.1f, \"single_us\": %.1f, \"over_100us\": %llu, \"operations\": %llu}\n",
         (unsigned long long)freed_most, (double)all.max / 1e3, (double)single.max / 1e3, (unsigned long long)all.over_100us,
         (unsigned long long)ops);
}

int main(void) {
  char line[256], how[32];
  unsigned long long n, m;
  setvbuf(stdout, NULL, _IOLBF, 0);
  while (fgets(line, sizeof line, stdin) != NULL) {
    if (sscanf(line, "burst %llu %31s", &n, how) == 2) burst(n, how);
    else if (sscanf(line, "steady %llu %llu", &n, &m) == 2) steady(n, m);
    else if (sscanf(line, "worst %llu %llu", &n, &m) == 2) worst(n, m);
  }
  kevy_close(store);
  return 0;
}
