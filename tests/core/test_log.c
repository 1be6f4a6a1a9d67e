/* Stores in a directory: what is written is there after a close, after a kill at any moment, behind a torn or corrupt end, and when
 * the disk fails at any call. */
#include "internals.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <time.h>

#include "../../core/persist/directory.h"
#include "../../core/persist/file.h"

#include "check.h"
#include "writes.h"

static char home[64], url[96];
static const char *const policies[] = {"always", "everysec", "no"};

/* A directory of its own; where nothing depends on the disk, one in memory, which syncs at once. */
static void make_home(const char *under) {
  snprintf(home, sizeof home, "%s/kevy-log-XXXXXX", access(under, W_OK) == 0 ? under : "/tmp");
  REQUIRE(mkdtemp(home) != NULL);
  snprintf(url, sizeof url, "file://%s", home);
}

static void clear_home(void) {
  char line_of_shell[128];
  snprintf(line_of_shell, sizeof line_of_shell, "rm -rf %s/*", home);
  if (system(line_of_shell) != 0) FAIL("rm");
}

static void remove_home(void) {
  clear_home();
  rmdir(home);
}

static kevy_status try_open(const char *fsync, uint64_t rewrite_at, uint32_t flags) {
  kevy_options o = KEVY_OPTIONS_INIT;
  o.url = url;
  o.fsync = fsync;
  o.rewrite_at = rewrite_at;
  o.flags = flags;
  a = NULL;
  return kevy_open(&o, &a);
}

static void open_home(const char *fsync, uint64_t rewrite_at) {
  kevy_status status = try_open(fsync, rewrite_at, 0);
  if (status != KEVY_OK) fprintf(stderr, "open: %s\n", kevy_errmsg(NULL));
  REQUIRE(status == KEVY_OK);
}

static void in_home(char path[256], const char *name) { snprintf(path, 256, "%s/appendonlydir/%s", home, name); }

/* ---- random writes that a second run repeats ---- */

static void begin_run(uint64_t seed) {
  check.state = seed;
  entries = 1;
  now = EPOCH;
  kevy_debug_clock(a, now);
}

/* Everything but what is drawn from the store's own chance. */
static void one_write(void) {
  if (below(4) == 0) kevy_debug_clock(a, now += (int64_t)below(12));
  if (below(3) == 0) {
    run_function();
    return;
  }
  const char *template;
  do template = templates[below(TEMPLATES)];
  while (strncmp(template, "SPOP", 4) == 0 || (strncmp(template, "FLUSH", 5) == 0 && below(20) != 0));
  run_command(template);
}

static bool alike(const text *x, const text *y) { return x->len == y->len && (x->len == 0 || memcmp(x->bytes, y->bytes, x->len) == 0); }

static void tell_difference(const text *x, const text *y) {
  size_t at = 0;
  while (at < x->len && at < y->len && x->bytes[at] == y->bytes[at]) at++;
  size_t from = at > 200 ? at - 200 : 0;
  fprintf(stderr, "--- expected\n%.*s\n--- found\n%.*s\n", (int)(x->len - from < 500 ? x->len - from : 500), x->bytes + from,
          (int)(y->len - from < 500 ? y->len - from : 500), y->bytes + from);
}

/* Closes, opens again, and expects the same. */
static bool comes_back(const char *fsync) {
  text before = text_of(a);
  kevy_close(a);
  open_home(fsync, UINT64_MAX);
  kevy_debug_clock(a, now);
  text after = text_of(a);
  bool fine = CHECK(alike(&before, &after));
  if (!fine) tell_difference(&before, &after);
  free(before.bytes);
  free(after.bytes);
  return fine;
}

/* ---- opening and closing ---- */

static void test_reopen(void) {
  for (unsigned p = 0; p < 3; p++) {
    clear_home();
    open_home(policies[p], UINT64_MAX);
    CHECK(strcmp(kevy_mode(a), "directory") == 0 && strcmp(kevy_durability(a), policies[p]) == 0);
    begin_run(check.seed + p);
    size_t steps = scaled(p == 0 ? 200 : 1500, 50);
    for (unsigned round = 0; round < 4; round++) {
      for (size_t i = 0; i < steps; i++) one_write();
      if (round % 2 == 1) CHECK(kevy_rewrite(a) == KEVY_OK);
      if (round == 3)
        for (size_t i = 0; i < steps; i++) one_write();
      CHECK(kevy_sync(a) == KEVY_OK);
      if (!comes_back(policies[p])) return;
    }
    kevy_close(a);
  }
}

/* Rewrites while writing, by growth. */
static void test_growth(void) {
  clear_home();
  open_home("no", 30000);
  begin_run(check.seed);
  size_t steps = scaled(6000, 4000);
  uint64_t most = 0;
  const char *name;
  kevy_value v;
  for (size_t i = 0; i < steps; i++) {
    one_write();
    if (i % 64 == 0) nanosleep(&(struct timespec){0, 200000}, NULL);
    REQUIRE(kevy_info(a, 20, &name, &v) == KEVY_OK && strcmp(name, "log_bytes") == 0);
    if ((uint64_t)v.as.i > most) most = (uint64_t)v.as.i;
  }
  CHECK(most > 0);
  char path[256];
  in_home(path, "appendonly.aof.1.incr.aof");
  for (unsigned i = 0; i < 2000 && access(path, F_OK) == 0; i++) {
    kevy_tick(a, 0, NULL); /* a rewrite that is under way goes on with the owner's calls */
    nanosleep(&(struct timespec){0, 1000000}, NULL);
  }
  CHECK(access(path, F_OK) != 0); /* rewritten once at least */
  comes_back("no");
  kevy_close(a);
}

/* A hash all of whose fields are due is no key, whoever meets it before it is shed: in a replay, too, where nothing is due. */
static void test_due_fields(void) {
  static const char *const meets[] = {"SUNIONSTORE e1 e2 h1", "RENAMENX h2 h1", "COPY h2 h1", "RENAME h2 h1", "SADD h1 m", "SET h1 v NX",
                                      "SET h1 v KEEPTTL", "HSET h1 f9 v", "HSETNX h1 f1 v", "HINCRBY h1 n 1", "HSET h2 f1 v g1 w",
                                      "HSETEX h2 FNX FIELDS 1 f1 v", "HDEL h2 f1", "LMOVE h1 l1 LEFT LEFT", "DEL h1", "SMOVE e2 h1 m"};
  static const char *const before[] = {"HSET h1 f1 v n 5", "PEXPIRE h1 1000", "HPEXPIRE h1 20 FIELDS 2 f1 n", "HSET h2 f1 v g1 w",
                                       "HPEXPIRE h2 20 FIELDS 1 f1", "SADD e2 m", "RPUSH l1 v"};
  for (size_t i = 0; i < sizeof meets / sizeof *meets; i++) {
    clear_home();
    open_home("no", UINT64_MAX);
    begin_run(check.seed + i);
    for (size_t k = 0; k < sizeof before / sizeof *before; k++) run_command(before[k]);
    kevy_debug_clock(a, now += 30);
    run_command(meets[i]);
    if (!comes_back("no")) fprintf(stderr, "after %s\n", meets[i]);
    kevy_close(a);
  }
}

static void test_lock(void) {
  clear_home();
  open_home("no", 0);
  kevy_store *first = a;
  CHECK(try_open("no", 0, 0) == KEVY_EDURABILITY && strstr(kevy_errmsg(NULL), "has") != NULL);
  a = first;
  CHECK(kevy_set(a, "k", 1, &(kevy_value){KEVY_INT, 0, 0, {.i = 1}}, KEVY_NO_TTL, 0, NULL) == KEVY_OK);
  pid_t child = fork();
  if (child == 0) {
    kevy_value v;
    bool fine = kevy_get(a, "k", 1, &v) == KEVY_ECLOSED;
    kevy_close(a);
    _exit(fine ? 0 : 1);
  }
  int status;
  CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
  CHECK(try_open("no", 0, 0) == KEVY_EDURABILITY); /* the child did not unlock it */
  a = first;
  CHECK(kevy_set(a, "l", 1, &(kevy_value){KEVY_INT, 0, 0, {.i = 2}}, KEVY_NO_TTL, 0, NULL) == KEVY_OK);
  now = EPOCH;
  comes_back("no");
  kevy_close(a);
  CHECK(try_open("sometimes", 0, 0) == KEVY_EARG);
}

/* ---- torn and corrupt files ---- */

static size_t read_log(char *bytes, size_t room) {
  char path[256];
  in_home(path, "appendonly.aof.1.incr.aof");
  FILE *f = fopen(path, "rb");
  REQUIRE(f != NULL);
  size_t len = fread(bytes, 1, room, f);
  fclose(f);
  return len;
}

static void write_log(const char *bytes, size_t len) {
  char path[256];
  in_home(path, "appendonly.aof.1.incr.aof");
  FILE *f = fopen(path, "wb");
  REQUIRE(f != NULL && fwrite(bytes, 1, len, f) == len);
  fclose(f);
}

static int64_t count_keys(void) {
  uint64_t n;
  CHECK(kevy_len(a, &n) == KEVY_OK);
  return (int64_t)n;
}

/* Six writes, the last two keys as one, and a hidden record; the file cut at each of its bytes. */
static void test_torn(void) {
  static char bytes[8192];
  kevy_value keys[] = {kevy_text("e", 1), kevy_text("f", 1)}, values[] = {kevy_int(5), kevy_int(6)}, f = kevy_text("f", 1);
  clear_home();
  open_home("no", 0);
  for (unsigned i = 0; i < 3; i++) kevy_set(a, (char[]){(char)('a' + i)}, 1, &f, KEVY_NO_TTL, KEVY_TEXT_KEY, NULL);
  kevy_hset(a, "d", 1, 1, &f, &values[0], 0, NULL);
  kevy_hexpire(a, "d", 1, &f, 1000000, 0);
  kevy_mset(a, 2, keys, values, 1000000, 0); /* two records: a transaction */
  kevy_close(a);
  size_t len = read_log(bytes, sizeof bytes);
  int64_t before = 0;
  for (size_t cut = 0; cut <= len; cut++) {
    write_log(bytes, cut);
    open_home("no", 0);
    const directory_report *r = directory_reported(directory_of(a));
    int64_t n = count_keys();
    CHECK(n >= before && n != 5 && n <= 6);
    CHECK(r->bytes + r->cut == cut && (r->cut == 0) == (strstr(kevy_recovery(a), "cut") == NULL));
    before = n;
    CHECK(kevy_set(a, "z", 1, &f, KEVY_NO_TTL, 0, NULL) == KEVY_OK);
    kevy_close(a);
    open_home("no", 0);
    CHECK(count_keys() == n + 1 && directory_reported(directory_of(a))->cut == 0);
    kevy_close(a);
  }
  CHECK(before == 6);
  memset(bytes + len, 0, 100); /* zeros behind the end, as power failures leave them */
  write_log(bytes, len + 100);
  open_home("no", 0);
  CHECK(count_keys() == 6 && directory_reported(directory_of(a))->cut == 100);
  kevy_close(a);
}

static void test_corrupt(void) {
  static char bytes[8192];
  kevy_value v = kevy_bytes("value", 5);
  clear_home();
  open_home("no", 0);
  for (unsigned i = 0; i < 20; i++) kevy_set(a, (char[]){(char)('a' + i)}, 1, &v, KEVY_NO_TTL, 0, NULL);
  kevy_close(a);
  size_t len = read_log(bytes, sizeof bytes), failed = 0;
  for (size_t i = 0; i < scaled(300, 40); i++) {
    size_t at = below(len);
    char kept = bytes[at];
    bytes[at] ^= (char)(1 + below(255));
    write_log(bytes, len);
    kevy_status status = try_open("no", 0, 0);
    CHECK(status == KEVY_OK || status == KEVY_ECORRUPT);
    if (status == KEVY_OK) {
      kevy_close(a);
    } else {
      failed++;
      CHECK(strstr(kevy_errmsg(NULL), "offset") != NULL);
      CHECK(try_open("no", 0, KEVY_SALVAGE) == KEVY_OK);
      CHECK(count_keys() < 20 && directory_reported(directory_of(a))->cut != 0);
      kevy_close(a);
    }
    bytes[at] = kept;
  }
  CHECK(failed > 10);
}

/* ---- progress ---- */

typedef struct progress {
  unsigned calls, stop;
  uint64_t done, total, keys;
} progress;

static int32_t told(void *context, uint64_t done, uint64_t total, uint64_t keys) {
  progress *p = context;
  CHECK(done >= p->done && total >= done && keys <= 3000);
  p->done = done;
  p->total = total;
  p->keys = keys;
  return ++p->calls == p->stop;
}

static kevy_status try_open_telling(progress *p) {
  kevy_options o = KEVY_OPTIONS_INIT;
  o.url = url;
  o.rewrite_at = UINT64_MAX;
  o.progress = told;
  o.progress_context = p;
  return kevy_open(&o, &a);
}

static void write_many(unsigned from, unsigned to) {
  static char big[2000];
  kevy_value v = kevy_bytes(big, sizeof big);
  for (unsigned i = from; i < to; i++) kevy_set(a, (char *)&i, sizeof i, &v, KEVY_NO_TTL, 0, NULL);
}

/* It is told of every megabyte, and each time it may end the opening, which leaves all as it was. */
static void test_progress(void) {
  clear_home();
  open_home("no", UINT64_MAX);
  write_many(0, 2000);
  CHECK(kevy_rewrite(a) == KEVY_OK);
  write_many(1000, 3000);
  kevy_close(a);
  progress p = {0};
  CHECK(try_open_telling(&p) == KEVY_OK && count_keys() == 3000);
  CHECK(p.calls >= 6 && p.done == p.total && p.keys == 3000);
  kevy_close(a);
  for (unsigned stop = 1; stop <= p.calls; stop++) {
    progress one = {.stop = stop};
    CHECK(try_open_telling(&one) == KEVY_ECANCELLED && strstr(kevy_errmsg(NULL), "ended by its caller") != NULL && one.calls == stop);
  }
}

/* ---- failing disks ---- */

/* A disk that fails from some call on for a while: what is answered is true, reads go on, and it mends. */
static void fail_at(unsigned operations, uint64_t nth, int error, bool always) {
  clear_home();
  open_home(always ? "always" : "everysec", 3000);
  begin_run(check.seed + nth);
  for (unsigned i = 0; i < 20; i++) one_write();
  kevy_value v = kevy_int(7), got;
  CHECK(kevy_set(a, "~sure", 5, &v, KEVY_NO_TTL, 0, NULL) == KEVY_OK);
  file_fail(operations, nth, true, error);
  bool refused = false;
  for (unsigned i = 0; i < 60; i++) {
    kevy_status status = kevy_incr(a, "~n", 2, 1, 0, NULL);
    CHECK(status == KEVY_OK || status == KEVY_EDURABILITY || status == KEVY_EREFUSED);
    CHECK(!refused || status != KEVY_EDURABILITY); /* what is refused is not applied */
    refused |= status == KEVY_EREFUSED;
    if (!refused) one_write();
    CHECK(kevy_get(a, "~sure", 5, &got) >= 0); /* a FLUSHALL among the writes may have taken it */
  }
  if (refused) CHECK(strncmp(kevy_durability(a), "refused: ", 9) == 0);
  file_fail(0, 0, false, 0);
  kevy_status status = KEVY_EREFUSED;
  for (unsigned i = 0; i < 4000 && status != KEVY_OK; i++) {
    status = kevy_set(a, "~again", 6, &v, KEVY_NO_TTL, 0, NULL);
    if (status != KEVY_OK) nanosleep(&(struct timespec){0, 1000000}, NULL);
  }
  CHECK(status == KEVY_OK);
  for (unsigned i = 0; i < 10; i++) one_write();
  CHECK(kevy_sync(a) == KEVY_OK);
  bool there = kevy_get(a, "~again", 6, &got) == KEVY_OK; /* or a FLUSHALL took it */
  comes_back("no");
  CHECK((kevy_get(a, "~again", 6, &got) == KEVY_OK) == there);
  kevy_close(a);
}

static void test_failing_disk(void) {
  static const unsigned operations[] = {FILE_WRITE, FILE_SYNC, FILE_OPEN, FILE_RENAME, FILE_ANY & ~(unsigned)FILE_TRUNCATE};
  size_t most = scaled(4, 2);
  for (unsigned i = 0; i < sizeof operations / sizeof *operations; i++)
    for (uint64_t nth = 1; nth <= most; nth++) fail_at(operations[i], nth, nth % 2 ? ENOSPC : EIO, nth % 3 != 2);
}

static kevy_status call_three(const char *const *three, kevy_reply *r, kevy_wait **wait) {
  kevy_value given[3];
  for (size_t i = 0; i < 3; i++) given[i] = kevy_bytes(three[i], strlen(three[i]));
  return wait != NULL ? kevy_wait_call(a, 3, given, 0, r, wait) : kevy_call(a, 3, given, r);
}

/* Who waited is given nothing that is not on the disk without being told so. */
static void test_served(void) {
  static const char *const pop[] = {"BLPOP", "q", "0"}, *const push[] = {"RPUSH", "q", "v"};
  kevy_reply *r = kevy_reply_new(), *waits = kevy_reply_new();
  clear_home();
  open_home("always", UINT64_MAX);
  for (unsigned fails = 0; fails < 2; fails++) {
    kevy_wait *w = NULL;
    CHECK(call_three(pop, waits, &w) == KEVY_UNMET && kevy_wait_poll(w, 0) == KEVY_UNMET);
    if (fails) file_fail(FILE_SYNC, 1, true, EIO);
    CHECK(call_three(push, r, NULL) == (fails ? KEVY_EDURABILITY : KEVY_OK));
    CHECK(kevy_wait_poll(w, 10000) == KEVY_OK && kevy_wait_end(w) == (fails ? KEVY_EDURABILITY : KEVY_OK));
    kevy_wait_close(w);
  }
  file_fail(0, 0, false, 0);
  kevy_close(a);
  kevy_reply_free(r);
  kevy_reply_free(waits);
}

enum { GROUP = 8, GROUP_WRITES = 10, GROUP_SYNC_MS = 40 };

static void *write_alone(void *context) {
  kevy_store *s = context;
  char key[32];
  kevy_value v = kevy_int(1);
  for (int i = 0; i < GROUP_WRITES; i++) {
    int len = snprintf(key, sizeof key, "%p:%d", (void *)&v, i);
    if (kevy_set(s, key, (size_t)len, &v, KEVY_NO_TTL, 0, NULL) != KEVY_OK) return context;
  }
  return NULL;
}

/* Threads that write again as soon as they may share each sync, all of them: not one half this one and the other half the next. */
static void test_group(void) {
  pthread_t threads[GROUP];
  clear_home();
  REQUIRE(try_open("always", UINT64_MAX, KEVY_THREADS) == KEVY_OK);
  file_slow_sync(GROUP_SYNC_MS);
  file_fail(FILE_SYNC, 0, false, 0);
  for (int i = 0; i < GROUP; i++) REQUIRE(pthread_create(&threads[i], NULL, write_alone, a) == 0);
  for (int i = 0; i < GROUP; i++) {
    void *failed;
    REQUIRE(pthread_join(threads[i], &failed) == 0);
    CHECK(failed == NULL);
  }
  uint64_t syncs = file_calls();
  if (!CHECK(syncs <= GROUP_WRITES * 8 / 5)) fprintf(stderr, "%llu syncs\n", (unsigned long long)syncs);
  file_fail(0, 0, false, 0);
  file_slow_sync(0);
  kevy_close(a);
}

/* Every call of an open fails once: an error, and nothing is lost. */
static void test_failing_open(void) {
  clear_home();
  open_home("no", 0);
  begin_run(check.seed);
  for (unsigned i = 0; i < 100; i++) one_write();
  CHECK(kevy_rewrite(a) == KEVY_OK);
  for (unsigned i = 0; i < 100; i++) one_write();
  text before = text_of(a);
  kevy_close(a);
  for (uint64_t nth = 1;; nth++) {
    file_fail(FILE_ANY, nth, false, EIO);
    kevy_status status = try_open("no", UINT64_MAX, 0);
    uint64_t calls = file_calls();
    file_fail(0, 0, false, 0);
    if (status == KEVY_OK) kevy_close(a);
    else CHECK(status == KEVY_EDURABILITY || status == KEVY_EIO);
    if (calls < nth) break;
  }
  open_home("no", 0);
  kevy_debug_clock(a, now);
  text after = text_of(a);
  if (!CHECK(alike(&before, &after))) tell_difference(&before, &after);
  free(before.bytes);
  free(after.bytes);
  kevy_close(a);
}

/* Every call of a rewrite fails once: nothing is lost, and a later one succeeds. */
static void test_failing_rewrite(void) {
  for (uint64_t nth = 1;; nth++) {
    clear_home();
    open_home("no", UINT64_MAX);
    begin_run(check.seed);
    for (unsigned i = 0; i < 30; i++) one_write();
    CHECK(kevy_rewrite(a) == KEVY_OK);
    for (unsigned i = 0; i < 30; i++) one_write();
    CHECK(kevy_sync(a) == KEVY_OK); /* so that the writer has nothing to lose */
    file_fail(FILE_ANY, nth, false, EIO);
    kevy_status status = kevy_rewrite(a);
    uint64_t calls = file_calls();
    file_fail(0, 0, false, 0);
    CHECK(status == KEVY_OK || status == KEVY_EDURABILITY);
    if (!comes_back("no")) fprintf(stderr, "call %llu failed\n", (unsigned long long)nth);
    CHECK(kevy_rewrite(a) == KEVY_OK);
    comes_back("no");
    kevy_close(a);
    if (calls < nth) break;
  }
}

/* ---- directories that may only be read ---- */

/* What it holds is read, nothing is written, and whatever would change a file fails meanwhile. */
static void expect_read_only(const text *expected) {
  kevy_value v = kevy_int(1);
  kevy_store *first = a;
  kevy_debug_clock(a, now);
  CHECK(strcmp(kevy_mode(a), "readonly") == 0 && strstr(kevy_durability(a), "refused: the directory may only be read") != NULL);
  CHECK(strstr(kevy_recovery(a), "records done again") != NULL);
  CHECK(kevy_set(a, "k", 1, &v, KEVY_NO_TTL, 0, NULL) == KEVY_EREFUSED && strstr(kevy_errmsg(a), "may only be read") != NULL);
  CHECK(kevy_clear(a) == KEVY_EREFUSED && kevy_rewrite(a) == KEVY_EREFUSED && kevy_load(a, "/nowhere", NULL) == KEVY_EREFUSED);
  CHECK(kevy_sync(a) == KEVY_OK && kevy_tick(a, 0, NULL) >= 0);
  text there = text_of(a);
  if (!CHECK(alike(expected, &there))) tell_difference(expected, &there);
  free(there.bytes);
  kevy_debug_clock(a, now + 100000000); /* what expires goes from memory alone */
  for (unsigned i = 0; i < 100; i++) kevy_tick(a, 0, NULL);
  CHECK(try_open("no", 0, 0) == KEVY_OK && strcmp(kevy_mode(a), "readonly") == 0); /* readers share it */
  kevy_close(a);
  a = first;
}

/* The disk denies changes from some call of an open on. */
static void test_read_only(void) {
  clear_home();
  CHECK((file_fail(FILE_CHANGE, 1, true, EACCES), try_open("no", 0, 0)) == KEVY_EDURABILITY); /* there is nothing to read */
  file_fail(0, 0, false, 0);
  open_home("no", 0);
  begin_run(check.seed);
  for (unsigned i = 0; i < 100; i++) one_write();
  CHECK(kevy_rewrite(a) == KEVY_OK);
  for (unsigned i = 0; i < 100; i++) one_write();
  text before = text_of(a);
  kevy_store *holder = a;
  file_fail(FILE_CHANGE, 1, true, EROFS);
  CHECK(try_open("no", 0, 0) == KEVY_EDURABILITY && strstr(kevy_errmsg(NULL), "has") != NULL); /* who writes has it alone */
  file_fail(0, 0, false, 0);
  kevy_close(holder);
  unsigned denied = 0;
  for (uint64_t nth = 1;; nth++) {
    file_fail(FILE_CHANGE, nth, true, nth % 2 ? EROFS : EACCES);
    kevy_status status = try_open("always", UINT64_MAX, 0);
    uint64_t calls = file_calls();
    if (!CHECK(status == KEVY_OK)) fprintf(stderr, "call %llu: %s\n", (unsigned long long)nth, kevy_errmsg(NULL));
    if (status == KEVY_OK && strcmp(kevy_mode(a), "readonly") == 0) expect_read_only(&before), denied++;
    file_fail(0, 0, false, 0);
    if (status == KEVY_OK) kevy_close(a);
    if (calls < nth) break;
  }
  CHECK(denied >= 6);
  free(before.bytes);
}

/* What is torn or corrupt stays as it is. */
static void test_read_only_torn(void) {
  static char bytes[8192], again[8192];
  kevy_value v = kevy_bytes("value", 5);
  clear_home();
  open_home("no", 0);
  for (unsigned i = 0; i < 20; i++) kevy_set(a, (char[]){(char)('a' + i)}, 1, &v, KEVY_NO_TTL, 0, NULL);
  kevy_close(a);
  size_t len = read_log(bytes, sizeof bytes);
  write_log(bytes, len - 3);
  file_fail(FILE_CHANGE, 1, true, EROFS);
  CHECK(try_open("no", 0, 0) == KEVY_OK && count_keys() == 19 && strstr(kevy_recovery(a), "left alone") != NULL);
  kevy_close(a);
  CHECK(read_log(again, sizeof again) == len - 3 && memcmp(bytes, again, len - 3) == 0);
  bytes[len / 2] ^= 64;
  bytes[len / 2 + 1] ^= 64;
  write_log(bytes, len);
  kevy_status status = try_open("no", 0, 0);
  if (CHECK(status == KEVY_ECORRUPT)) CHECK(try_open("no", 0, KEVY_SALVAGE) == KEVY_OK && count_keys() < 20);
  kevy_close(a);
  file_fail(0, 0, false, 0);
  CHECK(read_log(again, sizeof again) == len && memcmp(bytes, again, len) == 0);
}

/* ---- killing ---- */

#define FLUSHED_TRIES 500

typedef struct told_write {
  uint32_t n;
  int64_t at;
} told_write;

static kevy_status number_write(uint32_t n) {
  kevy_value v = kevy_int(n);
  return kevy_set(a, "~n", 2, &v, KEVY_NO_TTL, 0, NULL);
}

/* Every fourth step is a transaction of several writes, whose number comes last. */
static bool is_transaction(uint32_t n) { return n % 4 == 0; }

static kevy_status one_step(uint32_t n) {
  if (!is_transaction(n)) {
    one_write();
    return number_write(n);
  }
  REQUIRE(kevy_begin(a) == KEVY_OK);
  for (unsigned i = 0; i < 3; i++) one_write();
  CHECK(number_write(n) == KEVY_OK);
  return kevy_commit(a);
}

static int64_t monotonic(void) { return clock_read_ms(CLOCK_MONOTONIC); }

/* In the child: step after step, each followed by its number, and told of when it returned. */
static void write_until_killed(int to, const char *fsync, uint64_t seed) {
  open_home(fsync, 4000);
  begin_run(seed);
  for (uint32_t n = 1;; n++) {
    if (one_step(n) != KEVY_OK) _exit(3);
    told_write t = {n, monotonic()};
    if (write(to, &t, sizeof t) != sizeof t) _exit(4);
  }
}

/* The last number that is there: SWAPDB may have put it, and earlier ones, into any database. */
static uint32_t found_number(void) {
  uint32_t last = 0;
  kevy_value v;
  for (uint32_t db = 0; db < DATABASES; db++) {
    if (database_at(&a->sp->db, db) == NULL) continue;
    database_select(a, db);
    if (kevy_get(a, "~n", 2, &v) == KEVY_OK && (uint32_t)v.as.i > last) last = (uint32_t)v.as.i;
  }
  database_select(a, 0);
  return last;
}

/* What the child's store held after n steps, at the time that is now; more: and the first half of the next, which no transaction has. */
static text model_of(uint64_t seed, uint32_t n, bool more) {
  REQUIRE(kevy_open(NULL, &a) == KEVY_OK);
  begin_run(seed);
  for (uint32_t i = 0; i < n; i++) one_step(i + 1);
  if (more) one_write();
  text t = text_of(a);
  kevy_close(a);
  return t;
}

static bool holds(kevy_store *found, uint64_t seed, uint32_t n, bool more, bool tell) {
  text model = model_of(seed, n, more);
  kevy_debug_clock(found, now);
  text there = text_of(found);
  bool fine = alike(&model, &there);
  if (!fine && tell) tell_difference(&model, &there);
  free(model.bytes);
  free(there.bytes);
  return fine;
}

/* What is found must be what there was after an allowed number of steps, or behind the first half of the next. Where that was a FLUSHDB,
 * it took the number with it: then the latest ones are tried. */
static void judge_round(uint64_t seed, uint32_t least, uint32_t issued, const char *fsync) {
  open_home(fsync, UINT64_MAX);
  kevy_store *found = a;
  uint32_t n = found_number();
  bool fine = n >= least && n <= issued + 1 &&
              (holds(found, seed, n, false, false) || (!is_transaction(n + 1) && holds(found, seed, n, true, false)));
  for (uint32_t k = issued + 1; !fine && k > least && k + FLUSHED_TRIES > issued; k--)
    fine = !is_transaction(k) && holds(found, seed, k - 1, true, false);
  if (!CHECK(fine)) {
    fprintf(stderr, "%s, round of seed %llu: %u of at least %u, at most %u\n", fsync, (unsigned long long)seed, n, least, issued + 1);
    (void)holds(found, seed, n, false, true);
  }
  kevy_close(found);
}

static void kill_round(const char *fsync, uint64_t seed, unsigned ms) {
  int ends[2];
  clear_home();
  REQUIRE(pipe(ends) == 0);
  pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    close(ends[0]);
    write_until_killed(ends[1], fsync, seed);
  }
  close(ends[1]);
  int64_t until = monotonic() + ms;
  uint32_t told = 0, safe = 0;
  told_write t;
  while (monotonic() < until) {
    struct pollfd p = {.fd = ends[0], .events = POLLIN};
    if (poll(&p, 1, 1) > 0 && read(ends[0], &t, sizeof t) == sizeof t) {
      told = t.n;
      if (monotonic() < until - 500) safe = t.n;
    }
  }
  kill(child, SIGKILL);
  while (read(ends[0], &t, sizeof t) == sizeof t) told = t.n;
  close(ends[0]);
  int status;
  waitpid(child, &status, 0);
  CHECK(WIFSIGNALED(status));
  judge_round(seed, strcmp(fsync, "always") == 0 ? told : safe, told, fsync);
}

/* Now and then long enough for the bound on what may be lost without `always` to be asked for. */
static void test_kill(size_t rounds) {
  for (size_t i = 0; i < rounds && check.failed == 0; i++)
    kill_round(policies[i % 3], chance() >> 8, 5 + (unsigned)below(120) + (one_in(20) ? 600 : 0));
}

/* test_log kill ROUNDS: nothing but killing. */
int main(int n, char **argv) {
  check_begin("log");
  if (n == 3 && strcmp(argv[1], "kill") == 0) {
    make_home("/tmp");
    test_kill((size_t)strtoull(argv[2], NULL, 10));
    remove_home();
    return check_end();
  }
  make_home("/dev/shm");
  test_due_fields();
  test_lock();
  test_torn();
  test_corrupt();
  test_progress();
  test_served();
  test_group();
  test_failing_open();
  test_read_only();
  test_read_only_torn();
  test_failing_rewrite();
  remove_home();
  make_home("/tmp");
  test_reopen();
  test_growth();
  test_failing_disk();
  test_kill(scaled(45, 3));
  remove_home();
  return check_end();
}
