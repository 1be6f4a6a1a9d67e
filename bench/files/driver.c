/* driver: kevy's files: how fast a store is saved, and what a save in the background costs who writes meanwhile.
 * Commands and answers as of bench/engine/driver.c, with the same keys and values.
 *
 *     fill N              a store of N keys
 *     save PATH           seconds, wall and CPU
 *     load PATH           the same, of a new store
 *     beside PATH         a writer overwrites random keys: CPU ns a SET alone, and while a save runs
 *     held                the same under a snapshot that nobody saves: the store's own share of that
 *     log PATH N          ns a SET of N new keys, wall, without a log and with one in this new directory, everysec
 *     group PATH N THREADS  threads make N SETs each under `always`: SETs a second, and syncs a second of as much alone;
 *                           bare: threads that only wait for each other and the sync
 *     worst PATH N RUNS   each of N overwrites while a save runs, the minimum of the runs by operation */
#include "measure.h"

#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#include "kevy.h"

#define KLEN 14
#define VLEN 16
#define SOME 1000 /* SETs between two looks at the job */

static kevy_store *store;
static uint64_t keys, state;

static void check(kevy_status status) {
  if (status < 0) fail(kevy_errmsg(store));
}

static void digits(char *at, uint64_t id) {
  for (int i = 9; i >= 0; i--, id /= 10) at[i] = (char)('0' + id % 10);
}

static void put(uint64_t id, uint64_t value) {
  char key[KLEN] = "key:", text[VLEN] = "value:";
  digits(key + 4, id);
  digits(text + 6, value);
  kevy_value v = kevy_bytes(text, VLEN);
  check(kevy_set(store, key, KLEN, &v, KEVY_NO_TTL, 0, NULL));
}

static void put_some(uint64_t n) {
  while (n-- > 0) put(draw(&state) % keys, n);
}

/* What a snapshot left behind goes before the next is measured. */
static void settle(void) {
  while (kevy_tick(store, 10000, NULL) == KEVY_UNMET) continue;
}

static void fill(uint64_t n) {
  kevy_close(store);
  secret_state = 1;
  check(kevy_open(NULL, &store));
  keys = n;
  state = n;
  for (uint64_t i = 0; i < n; i++) put(i, i);
  printf("{}\n");
}

static void save(const char *path) {
  uint64_t cpu = cpu_ns(), wall = wall_ns();
  check(kevy_save(store, path, 0));
  printf("{\"wall_s\": %.4f, \"cpu_s\": %.4f}\n", (double)(wall_ns() - wall) / 1e9, (double)(cpu_ns() - cpu) / 1e9);
}

static void load(const char *path) {
  kevy_close(store);
  check(kevy_open(NULL, &store));
  uint64_t cpu = cpu_ns(), wall = wall_ns();
  check(kevy_load(store, path, NULL));
  printf("{\"wall_s\": %.4f, \"cpu_s\": %.4f}\n", (double)(wall_ns() - wall) / 1e9, (double)(cpu_ns() - cpu) / 1e9);
}

static double ns_of(uint64_t n) {
  uint64_t t = thread_ns();
  put_some(n);
  return (double)(thread_ns() - t) / (double)n;
}

static void beside(const char *path) {
  kevy_job *job;
  uint64_t n = 0, t = 0;
  settle();
  put_some(keys / 50);
  double alone = ns_of(keys / 10);
  check(kevy_save_start(store, path, 0, &job));
  while (kevy_job_wait(job, 0) == KEVY_UNMET) {
    uint64_t before = thread_ns();
    put_some(SOME);
    t += thread_ns() - before;
    n += SOME;
  }
  check(kevy_job_wait(job, -1));
  kevy_job_close(job);
  printf("{\"alone_ns\": %.2f, \"beside_ns\": %.2f, \"sets\": %llu}\n", alone, n != 0 ? (double)t / (double)n : 0,
         (unsigned long long)n);
}

static void held(uint64_t n) {
  kevy_store *snapshot;
  settle();
  double alone = ns_of(n);
  check(kevy_snapshot(store, &snapshot));
  double under = ns_of(n);
  kevy_close(snapshot);
  printf("{\"alone_ns\": %.2f, \"held_ns\": %.2f}\n", alone, under);
}

static void worst(const char *path, uint64_t n, int runs) {
  uint32_t *least = must(malloc(n * sizeof *least));
  memset(least, 0xff, n * sizeof *least);
  worst_case all = {0, 0, 0, 0}, one = {0, 0, 0, 0};
  for (int run = 0; run < runs; run++) {
    kevy_job *job;
    settle();
    state = 7;
    check(kevy_save_start(store, path, 0, &job));
    uint64_t before = thread_ns();
    for (uint64_t i = 0; i < n; i++) {
      put_some(1);
      uint64_t now = thread_ns(), took = now - before;
      before = now;
      judge(&one, took);
      if (took < least[i]) least[i] = (uint32_t)took;
    }
    check(kevy_job_wait(job, -1));
    kevy_job_close(job);
  }
  for (uint64_t i = 0; i < n; i++) judge(&all, least[i]);
  printf("{\"least_us\": %.2f, \"single_us\": %.2f, \"single_over_300us\": %llu}\n", (double)all.max / 1e3,
         (double)one.max / 1e3, (unsigned long long)one.over_300us);
  free(least);
}

/* ---- the log ---- */

static void open_at(const char *path, const char *fsync_policy, uint32_t flags) {
  char url[512];
  kevy_options o = KEVY_OPTIONS_INIT;
  snprintf(url, sizeof url, "file://%s", path);
  if (fsync_policy != NULL) {
    o.url = url;
    o.fsync = fsync_policy;
    o.rewrite_at = UINT64_MAX;
  }
  o.flags = flags;
  kevy_close(store);
  check(kevy_open(&o, &store));
}

static double sets_ns(uint64_t n) {
  uint64_t began = wall_ns();
  for (uint64_t i = 0; i < n; i++) put(i, i);
  return (double)(wall_ns() - began) / (double)n;
}

static void logged(const char *path, uint64_t n) {
  open_at(path, NULL, 0);
  double alone = sets_ns(n);
  open_at(path, "everysec", 0);
  double with = sets_ns(n);
  open_at(path, NULL, 0);
  printf("{\"alone_ns\": %.1f, \"logged_ns\": %.1f}\n", alone, with);
}

/* Threads that write, the bare disk, and threads that do nothing but wait for each other and the disk take turns of GROUP_TURN
 * writes, because the time that a sync takes wanders. */
#define GROUP_TURN 10

static struct {
  uint64_t turns;
  int fd, threads; /* of the bare disk */
  pthread_barrier_t begin, end, all;
} turns_of;

/* The records of one group in one write, and a sync. */
static void disk_write(void) {
  static char records[64 * 64];
  if (write(turns_of.fd, records, (size_t)turns_of.threads * 60) < 0 || fdatasync(turns_of.fd) != 0) fail("fdatasync");
}

static void *group_main(void *context) {
  uint64_t at = *(uint64_t *)context;
  for (uint64_t turn = 0; turn < turns_of.turns; turn++) {
    pthread_barrier_wait(&turns_of.begin);
    for (int i = 0; i < GROUP_TURN; i++, at++) put(at, at);
    pthread_barrier_wait(&turns_of.end);
    pthread_barrier_wait(&turns_of.begin);
    for (int i = 0; i < GROUP_TURN; i++) {
      if (pthread_barrier_wait(&turns_of.all) == PTHREAD_BARRIER_SERIAL_THREAD) disk_write();
      pthread_barrier_wait(&turns_of.all);
    }
    pthread_barrier_wait(&turns_of.end);
  }
  return NULL;
}

static uint64_t group_turn_ns(void) {
  pthread_barrier_wait(&turns_of.begin);
  uint64_t began = wall_ns();
  pthread_barrier_wait(&turns_of.end);
  return wall_ns() - began;
}

/* What the disk does by itself. */
static uint64_t disk_turn_ns(void) {
  uint64_t began = wall_ns();
  for (int i = 0; i < GROUP_TURN; i++) disk_write();
  return wall_ns() - began;
}

static void group(const char *path, uint64_t n, int threads) {
  pthread_t ids[64];
  uint64_t from[64], group_ns = 0, bare_ns = 0, disk_ns = 0;
  char beside[512];
  if (threads > 64) threads = 64;
  snprintf(beside, sizeof beside, "%s.raw", path);
  turns_of.threads = threads;
  turns_of.fd = open(beside, O_WRONLY | O_CREAT | O_APPEND, 0666);
  if (turns_of.fd < 0) fail("open");
  open_at(path, "always", KEVY_THREADS);
  turns_of.turns = (n + GROUP_TURN - 1) / GROUP_TURN;
  pthread_barrier_init(&turns_of.begin, NULL, (unsigned)threads + 1);
  pthread_barrier_init(&turns_of.end, NULL, (unsigned)threads + 1);
  pthread_barrier_init(&turns_of.all, NULL, (unsigned)threads);
  for (int i = 0; i < threads; i++) {
    from[i] = (uint64_t)i * n;
    if (pthread_create(&ids[i], NULL, group_main, &from[i]) != 0) fail("pthread_create");
  }
  for (uint64_t turn = 0; turn < turns_of.turns; turn++) {
    disk_ns += disk_turn_ns();
    group_ns += group_turn_ns();
    bare_ns += group_turn_ns();
  }
  for (int i = 0; i < threads; i++) pthread_join(ids[i], NULL);
  close(turns_of.fd);
  open_at(path, NULL, 0);
  double writes = (double)(turns_of.turns * GROUP_TURN) * 1e9;
  printf("{\"sets\": %.1f, \"syncs\": %.1f, \"bare\": %.1f}\n", writes * threads / (double)group_ns, writes / (double)disk_ns,
         writes * threads / (double)bare_ns);
}

int main(void) {
  char line[512], what[32], path[384];
  setvbuf(stdout, NULL, _IOLBF, 0);
  while (fgets(line, sizeof line, stdin) != NULL) {
    unsigned long long n = 0;
    int runs = 1;
    if (sscanf(line, "fill %llu", &n) == 1) fill(n);
    else if (sscanf(line, "log %383s %llu", path, &n) == 2) logged(path, n);
    else if (sscanf(line, "group %383s %llu %d", path, &n, &runs) == 3) group(path, n, runs);
    else if (store == NULL) fail("nothing is filled");
    else if (sscanf(line, "held %llu", &n) == 1) held(n);
    else if (sscanf(line, "%31s %383s %llu %d", what, path, &n, &runs) < 2) continue;
    else if (strcmp(what, "save") == 0) save(path);
    else if (strcmp(what, "load") == 0) load(path);
    else if (strcmp(what, "beside") == 0) beside(path);
    else if (strcmp(what, "worst") == 0) worst(path, n, runs);
  }
  kevy_close(store);
  return 0;
}
