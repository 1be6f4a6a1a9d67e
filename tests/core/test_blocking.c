/* Waiting: who is served by what write, in which order, from which thread; timeouts, giving up, closing, forking. */
#include "internals.h"

#include "check.h"
#include "words.h"

static kevy_store *open_store(uint32_t flags) {
  kevy_options o = KEVY_OPTIONS_INIT;
  o.flags = flags;
  kevy_store *s;
  REQUIRE(kevy_open(&o, &s) == KEVY_OK);
  return s;
}

typedef struct waiter {
  kevy_reply *reply;
  kevy_wait *wait;
} waiter;

static kevy_status wait_for(kevy_store *s, waiter *w, const char *text) {
  kevy_value argv[16];
  size_t n = words(text, argv);
  w->reply = kevy_reply_new();
  REQUIRE(w->reply != NULL);
  return kevy_wait_call(s, n, argv, KEVY_RESP, w->reply, &w->wait);
}

static bool over(const waiter *w) { return kevy_wait_poll(w->wait, 0) == KEVY_OK; }

static bool answers(const waiter *w, const char *resp) {
  const char *bytes;
  size_t len;
  kevy_reply_bytes(w->reply, &bytes, &len);
  bool same = len == strlen(resp) && memcmp(bytes, resp, len) == 0;
  if (!same) fprintf(stderr, "%.*s\n", (int)len, bytes);
  return same;
}

/* Ends the wait and compares what it was served with. */
static bool ends_with(waiter *w, const char *resp) {
  bool same = kevy_wait_end(w->wait) == KEVY_OK && answers(w, resp);
  kevy_wait_close(w->wait);
  kevy_reply_free(w->reply);
  return same;
}

static void call(kevy_store *s, const char *text) {
  kevy_value argv[16];
  size_t n = words(text, argv);
  kevy_reply *r = kevy_reply_new();
  REQUIRE(r != NULL);
  CHECK(kevy_call(s, n, argv, r) == KEVY_OK);
  kevy_reply_free(r);
}

static uint64_t length_of(kevy_store *s, const char *key) {
  uint64_t n = 0;
  kevy_llen(s, key, strlen(key), &n);
  return n;
}

/* ---- order and service ---- */

static void test_at_once(void) {
  kevy_store *s = open_store(0);
  waiter w;
  call(s, "RPUSH l a b");
  CHECK(wait_for(s, &w, "BLPOP none l 0") == KEVY_OK && w.wait == NULL);
  CHECK(answers(&w, "*2\r\n$1\r\nl\r\n$1\r\na\r\n"));
  kevy_reply_free(w.reply);
  CHECK(wait_for(s, &w, "BLPOP l nonsense") == KEVY_OK && w.wait == NULL); /* the reply is the error */
  kevy_reply_free(w.reply);
  kevy_close(s);
}

static void test_arrival_order(void) {
  kevy_store *s = open_store(0);
  waiter first, second, third;
  CHECK(wait_for(s, &first, "BLPOP a l 0") == KEVY_UNMET);
  CHECK(wait_for(s, &second, "BRPOP l b 0") == KEVY_UNMET);
  CHECK(wait_for(s, &third, "BLPOP l 0") == KEVY_UNMET);
  call(s, "RPUSH other x");
  CHECK(!over(&first) && !over(&second));
  call(s, "RPUSH l 1 2");
  CHECK(over(&first) && over(&second) && !over(&third));
  CHECK(length_of(s, "l") == 0);
  CHECK(ends_with(&first, "*2\r\n$1\r\nl\r\n$1\r\n1\r\n"));
  CHECK(ends_with(&second, "*2\r\n$1\r\nl\r\n$1\r\n2\r\n"));
  kevy_value v = kevy_text("t", 1);
  CHECK(kevy_push(s, "l", 1, 1, &v, 0, NULL) == KEVY_OK); /* the typed call serves, too */
  CHECK(over(&third) && ends_with(&third, "*2\r\n$1\r\nl\r\n$1\r\nt\r\n"));
  CHECK(s->waiters == NULL && s->serve == NULL);
  kevy_close(s);
}

/* What one waiter pushes serves the next. */
static void test_chain(void) {
  kevy_store *s = open_store(0);
  waiter last, middle;
  CHECK(wait_for(s, &last, "BLPOP b 0") == KEVY_UNMET);
  CHECK(wait_for(s, &middle, "BLMOVE a b LEFT RIGHT 0") == KEVY_UNMET);
  call(s, "LPUSH a x");
  CHECK(over(&last) && over(&middle));
  CHECK(ends_with(&middle, "$1\r\nx\r\n"));
  CHECK(ends_with(&last, "*2\r\n$1\r\nb\r\n$1\r\nx\r\n"));
  kevy_close(s);
}

static void test_other_types(void) {
  kevy_store *s = open_store(0);
  waiter list, sorted;
  CHECK(wait_for(s, &list, "BLPOP k 0") == KEVY_UNMET);
  CHECK(wait_for(s, &sorted, "BZPOPMIN k 0") == KEVY_UNMET);
  call(s, "SET k string");
  CHECK(!over(&list) && !over(&sorted));
  call(s, "DEL k");
  call(s, "ZADD k 1 m");
  CHECK(!over(&list) && over(&sorted));
  CHECK(ends_with(&sorted, "*3\r\n$1\r\nk\r\n$1\r\nm\r\n$1\r\n1\r\n"));
  call(s, "RPUSH source x");
  call(s, "RENAME source k");
  CHECK(over(&list) && ends_with(&list, "*2\r\n$1\r\nk\r\n$1\r\nx\r\n"));
  call(s, "DEL k");
  CHECK(wait_for(s, &list, "BLPOP k 0") == KEVY_UNMET);
  call(s, "SET k string");
  CHECK(!over(&list) && ends_with(&list, "*-1\r\n")); /* given up */
  /* A target that is no list ends the wait, and the element stays. */
  CHECK(wait_for(s, &list, "BLMOVE a k LEFT RIGHT 0") == KEVY_UNMET);
  call(s, "RPUSH a x");
  CHECK(over(&list) && length_of(s, "a") == 1);
  CHECK(ends_with(&list, "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n"));
  kevy_close(s);
}

static void test_streams(void) {
  kevy_store *s = open_store(0);
  waiter plain, group;
  call(s, "XADD x 5-1 a 1");
  call(s, "XGROUP CREATE x g $");
  CHECK(wait_for(s, &plain, "XREAD BLOCK 0 STREAMS x $") == KEVY_UNMET);
  CHECK(wait_for(s, &group, "XREADGROUP GROUP g me BLOCK 0 STREAMS x >") == KEVY_UNMET);
  call(s, "XADD x 6-1 b 2");
  CHECK(over(&plain) && over(&group));
  const char *added = "*1\r\n*2\r\n$1\r\nx\r\n*1\r\n*2\r\n$3\r\n6-1\r\n*2\r\n$1\r\nb\r\n$1\r\n2\r\n";
  CHECK(ends_with(&plain, added) && ends_with(&group, added));
  kevy_close(s);
}

/* ---- ends without an element ---- */

static void test_timeout(void) {
  kevy_store *s = open_store(0);
  waiter w;
  CHECK(wait_for(s, &w, "BLPOP l 0.02") == KEVY_UNMET);
  CHECK(kevy_wait_poll(w.wait, 0) == KEVY_UNMET && kevy_wait_left(w.wait) > 0);
  CHECK(kevy_wait_poll(w.wait, -1) == KEVY_OK);
  CHECK(ends_with(&w, "*-1\r\n"));
  CHECK(wait_for(s, &w, "BLPOP l 0") == KEVY_UNMET && kevy_wait_left(w.wait) == KEVY_NO_TTL);
  CHECK(ends_with(&w, "*-1\r\n")); /* given up */
  call(s, "RPUSH l 1");
  CHECK(length_of(s, "l") == 1);
  kevy_close(s);
}

static void test_close(void) {
  kevy_store *s = open_store(0);
  waiter w;
  CHECK(wait_for(s, &w, "BLPOP l 0") == KEVY_UNMET);
  kevy_close(s);
  CHECK(over(&w) && kevy_wait_end(w.wait) == KEVY_ECLOSED);
  kevy_wait_close(w.wait);
  kevy_reply_free(w.reply);
}

/* Nothing ever comes to a snapshot: its answer is null at once. */
static void test_snapshot(void) {
  kevy_store *s = open_store(0), *then;
  waiter w;
  REQUIRE(kevy_snapshot(s, &then) == KEVY_OK);
  CHECK(wait_for(then, &w, "XREAD BLOCK 0 STREAMS x $") == KEVY_OK && w.wait == NULL);
  CHECK(answers(&w, "*-1\r\n"));
  kevy_reply_free(w.reply);
  kevy_close(then);
  kevy_close(s);
}

static void test_fork(void) {
  kevy_store *s = open_store(KEVY_THREADS);
  waiter w;
  CHECK(wait_for(s, &w, "BLPOP l 0") == KEVY_UNMET);
  pid_t child = fork();
  if (child == 0) {
    kevy_value v = kevy_int(1);
    bool kept = kevy_push(s, "l", 1, 1, &v, 0, NULL) == KEVY_OK && length_of(s, "l") == 1;
    _exit(kept ? 0 : 1);
  }
  int status = 1;
  waitpid(child, &status, 0);
  CHECK(status == 0 && !over(&w));
  call(s, "RPUSH l 2");
  CHECK(ends_with(&w, "*2\r\n$1\r\nl\r\n$1\r\n2\r\n"));
  kevy_close(s);
}

/* ---- threads: every item reaches exactly one of the waiting threads ---- */

enum { TAKERS = 6, ITEMS = 3000 };
typedef struct taker {
  kevy_store *s;
  uint64_t sum, taken;
} taker;

static void *take_items(void *context) {
  taker *t = context;
  kevy_reply *r = kevy_reply_new();
  kevy_value argv[] = {kevy_bytes("BLPOP", 5), kevy_bytes("q", 1), kevy_bytes("10", 2)};
  for (;;) {
    kevy_wait *w;
    kevy_item item;
    kevy_status status = kevy_wait_call(t->s, 3, argv, KEVY_TYPED, r, &w);
    if (status == KEVY_UNMET) {
      while (kevy_wait_poll(w, 1000) == KEVY_UNMET) continue;
      status = kevy_wait_end(w);
      kevy_wait_close(w);
    }
    if (status != KEVY_OK) break;
    for (int i = 0; i < 3; i++) kevy_reply_next(r, &item);
    if (item.value.kind != KEVY_INT || item.value.as.i == 0) break;
    t->sum += (uint64_t)item.value.as.i;
    t->taken++;
  }
  kevy_reply_free(r);
  return NULL;
}

static void test_threads(void) {
  kevy_store *s = open_store(KEVY_THREADS);
  pthread_t threads[TAKERS];
  taker takers[TAKERS];
  for (int i = 0; i < TAKERS; i++) {
    takers[i] = (taker){s, 0, 0};
    REQUIRE(pthread_create(&threads[i], NULL, take_items, &takers[i]) == 0);
  }
  uint64_t sum = 0, taken = 0;
  for (int i = 1; i <= ITEMS + TAKERS; i++) {
    kevy_value v = kevy_int(i <= ITEMS ? i : 0); /* a 0 for each sends them home */
    CHECK(kevy_push(s, "q", 1, 1, &v, 0, NULL) == KEVY_OK);
  }
  for (int i = 0; i < TAKERS; i++) {
    pthread_join(threads[i], NULL);
    sum += takers[i].sum;
    taken += takers[i].taken;
  }
  CHECK(taken == ITEMS && sum == (uint64_t)ITEMS * (ITEMS + 1) / 2);
  CHECK(length_of(s, "q") == 0);
  kevy_close(s);
}

static void *give_up(void *context) {
  waiter *w = context;
  kevy_wait_poll(w->wait, 1);
  kevy_status status = kevy_wait_end(w->wait);
  CHECK(status == KEVY_OK || status == KEVY_ECLOSED);
  return NULL;
}

/* Waits end of themselves while their store is closed. */
static void test_close_races(void) {
  for (size_t round = 0; round < scaled(400, 100); round++) {
    kevy_store *s = open_store(KEVY_THREADS);
    pthread_t threads[3];
    waiter w[3];
    for (int i = 0; i < 3; i++) {
      CHECK(wait_for(s, &w[i], "BLPOP q 0.001") == KEVY_UNMET);
      REQUIRE(pthread_create(&threads[i], NULL, give_up, &w[i]) == 0);
    }
    struct timespec nap = {0, 900000 + (long)(round % 20) * 20000};
    nanosleep(&nap, NULL);
    kevy_close(s);
    for (int i = 0; i < 3; i++) {
      pthread_join(threads[i], NULL);
      kevy_wait_close(w[i].wait);
      kevy_reply_free(w[i].reply);
    }
  }
}

int main(void) {
  check_begin("blocking");
  test_at_once();
  test_arrival_order();
  test_chain();
  test_other_types();
  test_streams();
  test_timeout();
  test_snapshot();
  test_close();
  test_fork();
  test_threads();
  test_close_races();
  return check_end();
}
