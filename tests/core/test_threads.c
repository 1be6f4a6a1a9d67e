/* Threads: one store hammered from many, named stores, fork, and the background thread.
 *
 * Under ThreadSanitizer: cmake -DKEVY_TESTS=ON -DKEVY_SANITIZE=thread; KEVY_TEST_SCALE=0.1 tests/test_threads. */
#include "internals.h"

#include <sys/wait.h>

#include "check.h"
#include "model.h"

enum { THREADS = 8 };

typedef struct worker {
  pthread_t thread;
  kevy_store *s;
  unsigned number;
  size_t steps;
  uint64_t state, wrong;
} worker;

static uint64_t draw(worker *w) {
  w->state = w->state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
  return w->state >> 33;
}

static void run_all(void *(*body)(void *), kevy_store *s, size_t steps) {
  worker workers[THREADS];
  for (unsigned i = 0; i < THREADS; i++) {
    workers[i] = (worker){.s = s, .number = i, .steps = steps, .state = chance(), .wrong = 0};
    REQUIRE(pthread_create(&workers[i].thread, NULL, body, &workers[i]) == 0);
  }
  for (unsigned i = 0; i < THREADS; i++) {
    CHECK(pthread_join(workers[i].thread, NULL) == 0);
    CHECK(workers[i].wrong == 0);
  }
}

static kevy_store *open_store(const char *url, uint32_t flags) {
  kevy_options o = KEVY_OPTIONS_INIT;
  kevy_store *s;
  o.url = url;
  o.flags = flags;
  REQUIRE(kevy_open(&o, &s) == KEVY_OK);
  return s;
}

static size_t name_of(char name[24], unsigned n) { return (size_t)snprintf(name, 24, "key:%u", n); }

/* ---- one store, many threads ---- */

/* Every thread adds to shared counters and keeps keys of its own. */
static void *hammer(void *context) {
  worker *w = context;
  char name[24], own[24], buf[64];
  for (size_t i = 0; i < w->steps; i++) {
    kevy_status status = kevy_incr(w->s, "total", 5, 1, 0, NULL);
    w->wrong += status != KEVY_OK;
    size_t len = name_of(name, (unsigned)draw(w) % 300);
    size_t own_len = (size_t)snprintf(own, sizeof own, "own:%u:%u", w->number, (unsigned)draw(w) % 50);
    kevy_value v = kevy_int(w->number), got;
    w->wrong += kevy_set(w->s, own, own_len, &v, KEVY_NO_TTL, 0, NULL) != KEVY_OK;
    w->wrong += kevy_get_into(w->s, own, own_len, buf, sizeof buf, &got) != KEVY_OK || got.as.i != w->number;
    switch (draw(w) % 10) {
      case 0: kevy_delete(w->s, name, len); break;
      case 1: kevy_expire(w->s, name, len, 1 + (int64_t)(draw(w) % 5), 0); break;
      case 2: kevy_append(w->s, name, len, &v, 0, NULL); break;
      case 3: kevy_rename(w->s, name, len, "renamed", 7, 0); break;
      case 4: {
        kevy_pin *pin;
        if (kevy_pin_value(w->s, name, len, &pin, &got) == KEVY_OK) kevy_unpin(pin);
        break;
      }
      case 5: {
        kevy_store *snapshot;
        if (draw(w) % 8 == 0 && kevy_snapshot(w->s, &snapshot) == KEVY_OK) {
          int64_t a = -1, b = -1;
          if (kevy_get(snapshot, "total", 5, &got) == KEVY_OK) a = got.as.i;
          if (kevy_get(snapshot, "total", 5, &got) == KEVY_OK) b = got.as.i;
          w->wrong += a != b || a <= 0;
          kevy_close(snapshot);
        }
        break;
      }
      case 6: w->wrong += kevy_set(w->s, name, len, &v, 1 + (int64_t)(draw(w) % 1000), KEVY_GT, NULL) != KEVY_EARG; break;
      case 7:
        /* Several calls, and the reading of what they lend, as one. */
        kevy_lock(w->s);
        if (kevy_get(w->s, "pair", 4, &got) == KEVY_OK) {
          v = kevy_int(got.as.i + 1);
          w->wrong += kevy_set(w->s, "pair", 4, &v, KEVY_NO_TTL, 0, NULL) != KEVY_OK;
          w->wrong += kevy_get(w->s, "pair", 4, &got) != KEVY_OK || got.as.i != v.as.i;
        }
        kevy_unlock(w->s);
        break;
      default: kevy_set(w->s, name, len, &v, draw(w) % 2 ? KEVY_NO_TTL : 3, 0, NULL);
    }
  }
  return NULL;
}

static void test_hammer(const char *url, uint32_t flags) {
  kevy_store *s = open_store(url, flags);
  const size_t steps = scaled(20000, 500);
  kevy_value v = kevy_int(0);
  CHECK(kevy_set(s, "pair", 4, &v, KEVY_NO_TTL, 0, NULL) == KEVY_OK);
  run_all(hammer, s, steps);
  CHECK(kevy_get(s, "total", 5, &v) == KEVY_OK && v.as.i == (int64_t)(THREADS * steps));
  kevy_lock(s);
  while (kevy_tick(s, 0, NULL) == KEVY_UNMET) continue;
  CHECK(table_check(s->base, s->keys) && accounts_add_up(s));
  CHECK(figure(s, "snapshots") == 0 && figure(s, "pins") == 0);
  kevy_unlock(s);
  kevy_close(s);
}

/* ---- named stores ---- */

/* Opens and closes stores of a few names, all the time: each sees its own, and no two of one name exist. */
static void *open_and_close(void *context) {
  worker *w = context;
  for (size_t i = 0; i < w->steps; i++) {
    char url[32];
    kevy_options o = KEVY_OPTIONS_INIT;
    kevy_store *a = NULL, *b = NULL;
    unsigned name = (unsigned)draw(w) % 3;
    snprintf(url, sizeof url, "mem://n%u", name);
    o.url = url;
    if (draw(w) % 20 == 0) o.flags = KEVY_BACKGROUND;
    w->wrong += kevy_open(&o, &a) != KEVY_OK || kevy_open(&o, &b) != KEVY_OK || a != b;
    kevy_lock(a);
    kevy_value v = kevy_int(name), got;
    kevy_status status = kevy_get(a, "name", 4, &got);
    w->wrong += status == KEVY_OK ? got.as.i != name : status != KEVY_MISSING;
    w->wrong += kevy_set(a, "name", 4, &v, KEVY_NO_TTL, 0, NULL) != KEVY_OK;
    kevy_unlock(a);
    kevy_close(a);
    kevy_close(b);
  }
  return NULL;
}

/* ---- fork ---- */

/* In the child: the store is whole, its own, and its background thread comes back. */
static int child(kevy_store *s, bool reclaims) {
  alarm(60);
  kevy_value v = kevy_int(1), got;
  uint64_t n;
  if (kevy_get(s, "total", 5, &got) != KEVY_OK || !table_check(s->base, s->keys)) return 2;
  int64_t total = got.as.i;
  char name[24];
  for (unsigned i = 0; i < 3000; i++) {
    size_t len = name_of(name, i);
    if (kevy_set(s, name, len, &v, i % 2 ? 1 : KEVY_NO_TTL, 0, NULL) != KEVY_OK) return 3;
  }
  if (kevy_get(s, "total", 5, &got) != KEVY_OK || got.as.i != total) return 4;
  kevy_options o = KEVY_OPTIONS_INIT;
  kevy_store *other;
  o.url = "mem://of the child";
  o.flags = KEVY_BACKGROUND;
  if (kevy_open(&o, &other) != KEVY_OK || kevy_set(other, "k", 1, &v, KEVY_NO_TTL, 0, NULL) != KEVY_OK) return 5;
  kevy_close(other);
  for (int i = 0; reclaims && i < 500 && figure(s, "keys_with_ttl") != 0; i++) {
    struct timespec nap = {0, 10000000};
    nanosleep(&nap, NULL);
  }
  if (reclaims && figure(s, "keys_with_ttl") != 0) return 6;
  if (kevy_clear(s) != KEVY_OK || kevy_len(s, &n) != KEVY_OK || n != 0) return 7;
  kevy_close(s);
  return 0;
}

typedef struct forker {
  worker w;
  _Atomic bool stop;
} forker;

static void *hammer_until_told(void *context) {
  forker *f = context;
  f->w.steps = 50;
  while (!atomic_load(&f->stop)) hammer(f);
  return NULL;
}

static void test_fork(uint32_t flags, size_t forks) {
  kevy_store *s = open_store(NULL, flags);
  kevy_value v = kevy_int(0);
  CHECK(kevy_set(s, "total", 5, &v, KEVY_NO_TTL, 0, NULL) == KEVY_OK);
  forker workers[3];
  for (unsigned i = 0; i < 3; i++) {
    workers[i].w = (worker){.s = s, .number = i, .state = chance(), .wrong = 0};
    atomic_init(&workers[i].stop, false);
    REQUIRE(pthread_create(&workers[i].w.thread, NULL, hammer_until_told, &workers[i]) == 0);
  }
  for (size_t i = 0; i < forks; i++) {
    fflush(NULL);
    pid_t pid = fork();
    REQUIRE(pid >= 0);
    if (pid == 0) _exit(child(s, (flags & KEVY_BACKGROUND) != 0));
    int status;
    CHECK(waitpid(pid, &status, 0) == pid);
    if (!CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0)) fprintf(stderr, "the child left with %x\n", (unsigned)status);
  }
  for (unsigned i = 0; i < 3; i++) {
    atomic_store(&workers[i].stop, true);
    CHECK(pthread_join(workers[i].w.thread, NULL) == 0);
    CHECK(workers[i].w.wrong == 0);
  }
  CHECK(kevy_get(s, "total", 5, &v) == KEVY_OK && v.as.i > 0);
  kevy_close(s);
}

/* Opens and closes stores with the lock of another held, as a callback may. */
static void *open_inside(void *context) {
  forker *f = context;
  while (!atomic_load(&f->stop)) {
    kevy_lock(f->w.s);
    kevy_close(open_store("mem://opened inside", 0));
    kevy_unlock(f->w.s);
    struct timespec nap = {0, 10000};
    nanosleep(&nap, NULL);
  }
  return NULL;
}

static void test_fork_while_opening(size_t forks) {
  kevy_store *s = open_store(NULL, KEVY_THREADS);
  forker f = {.w = {.s = s}};
  REQUIRE(pthread_create(&f.w.thread, NULL, open_inside, &f) == 0);
  for (size_t i = 0; i < forks; i++) {
    pid_t pid = fork();
    REQUIRE(pid >= 0);
    if (pid == 0) _exit(0);
    CHECK(waitpid(pid, NULL, 0) == pid);
  }
  atomic_store(&f.stop, true);
  CHECK(pthread_join(f.w.thread, NULL) == 0);
  kevy_close(s);
}

/* A store of one thread, large enough that the helper which prepares its memory is at work. */
static void test_fork_while_growing(void) {
  kevy_store *s = open_store(NULL, 0);
  char name[24], value[200] = {0};
  kevy_value v = kevy_bytes(value, sizeof value), got;
  unsigned n = 0;
  for (size_t round = 0; round < scaled(6, 2); round++) {
    for (unsigned to = n + 30000; n < to; n++) {
      size_t len = name_of(name, n);
      if (kevy_set(s, name, len, &v, KEVY_NO_TTL, 0, NULL) != KEVY_OK) FAIL("set works");
    }
    pid_t pid = fork();
    REQUIRE(pid >= 0);
    if (pid == 0) {
      alarm(60);
      int wrong = 0;
      for (unsigned i = 0; i < 60000; i++) {
        size_t len = name_of(name, n + i);
        wrong |= kevy_set(s, name, len, &v, KEVY_NO_TTL, 0, NULL) != KEVY_OK;
      }
      wrong |= kevy_get(s, "key:1", 5, &got) != KEVY_OK || !table_check(s->base, s->keys);
      kevy_close(s);
      _exit(wrong);
    }
    int status;
    CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0);
  }
  CHECK(table_check(s->base, s->keys));
  kevy_close(s);
}

/* ---- the background thread ---- */

static void test_background(void) {
  kevy_store *s = open_store(NULL, KEVY_BACKGROUND), *snapshot = NULL;
  char name[24];
  kevy_value v = kevy_int(1);
  CHECK(kevy_snapshot(s, &snapshot) == KEVY_OK);
  for (unsigned i = 0; i < 5000; i++) {
    size_t len = name_of(name, i);
    CHECK(kevy_set(s, name, len, &v, 200 + i % 50, 0, NULL) == KEVY_OK); /* due before it is there: not "expired" */
  }
  kevy_close(snapshot);
  /* Nobody calls; memory comes back. */
  uint64_t left = 1;
  for (int i = 0; i < 1000 && left != 0; i++) {
    struct timespec nap = {0, 10000000};
    nanosleep(&nap, NULL);
    left = figure(s, "keys") + figure(s, "retained_bytes") + figure(s, "snapshots");
  }
  CHECK(left == 0 && figure(s, "expired") == 5000);
  kevy_close(s);
  for (int i = 0; i < 20; i++) kevy_close(open_store(NULL, KEVY_BACKGROUND));
}

int main(void) {
  check_begin("test_threads");
  test_hammer(NULL, KEVY_THREADS);
  test_hammer("mem://hammered", 0);
  test_hammer(NULL, KEVY_BACKGROUND);
  run_all(open_and_close, NULL, scaled(300, 30));
  test_background();
#ifdef KEVY_TSAN
  const bool forks = false; /* the sanitizer does not follow the child of a process with threads */
#else
  const bool forks = true;
#endif
  if (forks) {
    test_fork(KEVY_THREADS, scaled(20, 3));
    test_fork(KEVY_BACKGROUND, scaled(10, 3));
    test_fork_while_growing();
    test_fork_while_opening(scaled(100, 20));
  }
  return check_end();
}
