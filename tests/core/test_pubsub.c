/* Messages: who hears what, in which words; bounds, transactions, threads, forks, and memory that runs out. */
#include "failing.h"
#include "internals.h"
#include "pubsub.h"
#include "session.h"

#include "check.h"
#include "words.h"

static kevy_store *open_store(uint32_t flags) {
  kevy_options o = KEVY_OPTIONS_INIT;
  o.flags = flags;
  kevy_store *s;
  REQUIRE(kevy_open(&o, &s) == KEVY_OK);
  return s;
}

static kevy_session *open_session(kevy_store *s) {
  kevy_session *session;
  REQUIRE(kevy_session_open(s, &session) == KEVY_OK);
  return session;
}

static bool is_reply(kevy_reply *r, const char *wanted) {
  const char *bytes;
  size_t len;
  kevy_reply_bytes(r, &bytes, &len);
  bool same = len == strlen(wanted) && memcmp(bytes, wanted, len) == 0;
  if (!same) fprintf(stderr, "answered %.*s\nwanted %s\n", (int)len, bytes, wanted);
  return same;
}

/* A command line of a session (NULL: of the store), as RESP bytes. */
static bool answers(kevy_store *s, kevy_session *session, const char *text, const char *wanted) {
  kevy_value argv[32];
  const char *bytes;
  size_t len;
  size_t n = words(text, argv);
  kevy_reply *r = kevy_reply_new();
  kevy_status status = session != NULL ? kevy_session_call(session, n, argv, KEVY_RESP, r)
                                       : kevy_call_resp(s, n, argv, r, &bytes, &len);
  bool same = status == KEVY_OK && is_reply(r, wanted);
  kevy_reply_free(r);
  return same;
}

static void call(kevy_session *session, const char *text) {
  kevy_value argv[32];
  size_t n = words(text, argv);
  kevy_reply *r = kevy_reply_new();
  CHECK(kevy_session_call(session, n, argv, KEVY_RESP, r) == KEVY_OK);
  kevy_reply_free(r);
}

/* How many heard it; UINT64_MAX where the command failed. Any thread. */
static uint64_t publish(kevy_store *s, const char *channel, const char *payload) {
  kevy_value c = kevy_bytes(channel, strlen(channel)), p = kevy_bytes(payload, strlen(payload));
  kevy_value argv[] = {kevy_bytes("PUBLISH", 7), c, p};
  kevy_reply *r = kevy_reply_new();
  kevy_item item;
  kevy_status status = kevy_call(s, 3, argv, r);
  kevy_reply_next(r, &item);
  kevy_reply_free(r);
  return status == KEVY_OK ? (uint64_t)item.value.as.i : UINT64_MAX;
}

/* The next push of a session, as RESP bytes; NULL: there is none. */
static bool hears(kevy_session *session, const char *wanted) {
  kevy_reply *r = kevy_reply_new();
  kevy_status status = kevy_session_next_push(session, KEVY_RESP, r);
  bool same = wanted != NULL ? status == KEVY_OK && is_reply(r, wanted) : status == KEVY_MISSING;
  kevy_reply_free(r);
  return same;
}

/* ---- What is said ------------------------------------------------------------------------------- */

#define DEAF "-ERR Can't execute '%s': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context\r\n"

static void test_words(void) {
  kevy_store *s = open_store(0);
  kevy_session *a = open_session(s), *b = open_session(s);
  CHECK(answers(s, NULL, "PUBLISH c x", ":0\r\n"));
  CHECK(answers(s, NULL, "SUBSCRIBE c", "-ERR only a session can do this\r\n"));
  CHECK(answers(s, a, "UNSUBSCRIBE", "*3\r\n$11\r\nunsubscribe\r\n$-1\r\n:0\r\n"));
  CHECK(answers(s, a, "SUBSCRIBE c d c",
                "*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n*3\r\n$9\r\nsubscribe\r\n$1\r\nd\r\n:2\r\n"
                "*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:2\r\n"));
  CHECK(answers(s, a, "PSUBSCRIBE c* ?", "*3\r\n$10\r\npsubscribe\r\n$2\r\nc*\r\n:3\r\n*3\r\n$10\r\npsubscribe\r\n$1\r\n?\r\n:4\r\n"));
  CHECK(answers(s, a, "SSUBSCRIBE c", "*3\r\n$10\r\nssubscribe\r\n$1\r\nc\r\n:1\r\n"));
  CHECK(answers(s, a, "PING", "*2\r\n$4\r\npong\r\n$0\r\n\r\n"));
  CHECK(answers(s, a, "PING x", "*2\r\n$4\r\npong\r\n$1\r\nx\r\n"));
  char text[256];
  snprintf(text, sizeof text, DEAF, "get");
  CHECK(answers(s, a, "GET k", text));
  snprintf(text, sizeof text, DEAF, "pubsub|numpat");
  CHECK(answers(s, a, "PUBSUB NUMPAT", text));
  CHECK(answers(s, a, "GET", "-ERR wrong number of arguments for 'get' command\r\n"));
  CHECK(answers(s, b, "PUBLISH c hello", ":3\r\n"));
  CHECK(answers(s, b, "SPUBLISH c shard", ":1\r\n"));
  CHECK(answers(s, b, "PUBLISH cc long", ":1\r\n"));
  CHECK(hears(a, "*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$5\r\nhello\r\n"));
  CHECK(hears(a, "*4\r\n$8\r\npmessage\r\n$2\r\nc*\r\n$1\r\nc\r\n$5\r\nhello\r\n"));
  CHECK(hears(a, "*4\r\n$8\r\npmessage\r\n$1\r\n?\r\n$1\r\nc\r\n$5\r\nhello\r\n"));
  CHECK(hears(a, "*3\r\n$8\r\nsmessage\r\n$1\r\nc\r\n$5\r\nshard\r\n"));
  CHECK(hears(a, "*4\r\n$8\r\npmessage\r\n$2\r\nc*\r\n$2\r\ncc\r\n$4\r\nlong\r\n"));
  CHECK(hears(a, NULL));
  CHECK(hears(b, NULL));
  CHECK(answers(s, b, "PUBSUB NUMPAT", ":2\r\n"));
  CHECK(answers(s, b, "PUBSUB NUMSUB c e", "*4\r\n$1\r\nc\r\n:1\r\n$1\r\ne\r\n:0\r\n"));
  CHECK(answers(s, b, "PUBSUB SHARDCHANNELS", "*1\r\n$1\r\nc\r\n"));
  CHECK(answers(s, b, "PUBSUB CHANNELS [a-c]", "*1\r\n$1\r\nc\r\n"));
  CHECK(answers(s, a, "UNSUBSCRIBE",
                "*3\r\n$11\r\nunsubscribe\r\n$1\r\nc\r\n:3\r\n*3\r\n$11\r\nunsubscribe\r\n$1\r\nd\r\n:2\r\n"));
  CHECK(answers(s, a, "PUNSUBSCRIBE ? none", "*3\r\n$12\r\npunsubscribe\r\n$1\r\n?\r\n:1\r\n*3\r\n$12\r\npunsubscribe\r\n$4\r\nnone\r\n:1\r\n"));
  CHECK(answers(s, a, "PUNSUBSCRIBE", "*3\r\n$12\r\npunsubscribe\r\n$2\r\nc*\r\n:0\r\n"));
  snprintf(text, sizeof text, DEAF, "get");
  CHECK(answers(s, a, "GET k", text)); /* a shard channel is left */
  CHECK(answers(s, a, "SUNSUBSCRIBE", "*3\r\n$12\r\nsunsubscribe\r\n$1\r\nc\r\n:0\r\n"));
  CHECK(answers(s, a, "GET k", "$-1\r\n"));
  kevy_session_close(a);
  kevy_session_close(b);
  kevy_close(s);
}

static void test_protocol_3(void) {
  kevy_store *s = open_store(0);
  kevy_session *a = open_session(s);
  call(a, "HELLO 3");
  CHECK(answers(s, a, "SUBSCRIBE c", ">3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n"));
  CHECK(answers(s, a, "GET k", "_\r\n"));
  CHECK(answers(s, a, "PING", "+PONG\r\n"));
  CHECK(answers(s, a, "PUBLISH c x", ":1\r\n"));
  CHECK(hears(a, ">3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\nx\r\n"));
  CHECK(answers(s, a, "PUNSUBSCRIBE", ">3\r\n$12\r\npunsubscribe\r\n_\r\n:1\r\n"));
  CHECK(answers(s, a, "RESET", "+RESET\r\n"));
  CHECK(answers(s, a, "PUBLISH c x", ":0\r\n"));
  kevy_session_close(a);
  kevy_close(s);
}

static void test_multi(void) {
  kevy_store *s = open_store(0);
  kevy_session *a = open_session(s);
  CHECK(answers(s, a, "MULTI", "+OK\r\n"));
  CHECK(answers(s, a, "SUBSCRIBE c", "+QUEUED\r\n"));
  CHECK(answers(s, a, "PUBLISH c x", "+QUEUED\r\n"));
  CHECK(answers(s, a, "GET k", "+QUEUED\r\n"));
  CHECK(answers(s, a, "SSUBSCRIBE c", "+QUEUED\r\n"));
  CHECK(answers(s, a, "EXEC",
                "*4\r\n*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n:1\r\n$-1\r\n"
                "-ERR SSUBSCRIBE isn't allowed for a DENY BLOCKING client\r\n"));
  CHECK(hears(a, "*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\nx\r\n"));
  kevy_session_close(a);
  kevy_close(s);
}

/* What is published in a transaction is heard at its commit. */
static void test_transaction(void) {
  kevy_store *s = open_store(0);
  kevy_session *a = open_session(s);
  call(a, "SUBSCRIBE c");
  CHECK(kevy_begin(s) == KEVY_OK);
  CHECK(publish(s, "c", "1") == 1);
  CHECK(kevy_begin(s) == KEVY_OK);
  CHECK(publish(s, "c", "2") == 1);
  CHECK(kevy_rollback(s) == KEVY_OK);
  CHECK(kevy_begin(s) == KEVY_OK);
  CHECK(publish(s, "c", "3") == 1);
  CHECK(kevy_commit(s) == KEVY_OK);
  CHECK(publish(s, "other", "4") == 0);
  CHECK(hears(a, NULL));
  CHECK(kevy_commit(s) == KEVY_OK);
  CHECK(hears(a, "*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\n1\r\n"));
  CHECK(hears(a, "*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\n3\r\n"));
  CHECK(kevy_begin(s) == KEVY_OK);
  CHECK(publish(s, "c", "5") == 1);
  CHECK(kevy_rollback(s) == KEVY_OK);
  CHECK(hears(a, NULL));
  CHECK(kevy_begin(s) == KEVY_OK);
  CHECK(publish(s, "c", "6") == 1);
  kevy_close(s); /* which rolls back */
  kevy_session_close(a);
}

/* ---- Against a model ---------------------------------------------------------------------------- */

#define SESSIONS 8
#define NAMES 300

static bool model[PUBSUB_KINDS][SESSIONS][NAMES];

static const char *name_of(size_t i) {
  static char name[16];
  snprintf(name, sizeof name, "n%zu", i);
  return name;
}

static void model_step(kevy_store *s, kevy_session **sessions) {
  static const char *const verbs[] = {"SUBSCRIBE", "PSUBSCRIBE", "SSUBSCRIBE", "UNSUBSCRIBE", "PUNSUBSCRIBE", "SUNSUBSCRIBE"};
  size_t kind = below(PUBSUB_KINDS), who = below(SESSIONS), n = below(NAMES);
  bool on = below(5) != 0;
  char line[64];
  snprintf(line, sizeof line, "%s %s", verbs[on ? kind : kind + 3], name_of(n));
  call(sessions[who], line);
  model[kind][who][n] = on;
  if (below(1000) != 0) return;
  snprintf(line, sizeof line, "%s", verbs[kind + 3]);
  call(sessions[who], line);
  memset(model[kind][who], 0, sizeof model[kind][who]);
  (void)s;
}

static void model_compare(kevy_store *s, kevy_session **sessions) {
  uint64_t topics[PUBSUB_KINDS] = {0};
  for (size_t n = 0; n < NAMES; n++) {
    const char *name = name_of(n);
    uint64_t all[PUBSUB_KINDS] = {0};
    for (size_t kind = 0; kind < PUBSUB_KINDS; kind++) {
      for (size_t who = 0; who < SESSIONS; who++) all[kind] += model[kind][who][n];
      CHECK(pubsub_subscribers(s, (pubsub_kind)kind, name, strlen(name)) == all[kind]);
      topics[kind] += all[kind] != 0;
    }
    CHECK(publish(s, name, "x") == all[PUBSUB_CHANNEL] + all[PUBSUB_PATTERN]);
    for (size_t who = 0; who < SESSIONS; who++) {
      size_t heard = sessions[who]->listens.waiting;
      CHECK(heard == (size_t)model[PUBSUB_CHANNEL][who][n] + model[PUBSUB_PATTERN][who][n]);
      kevy_reply *r = kevy_reply_new();
      while (heard-- > 0) CHECK(kevy_session_next_push(sessions[who], 0, r) == KEVY_OK);
      kevy_reply_free(r);
    }
  }
  for (size_t kind = 0; kind < PUBSUB_KINDS; kind++) CHECK(pubsub_topics(s, (pubsub_kind)kind) == topics[kind]);
}

static void test_model(void) {
  kevy_store *s = open_store(0);
  kevy_session *sessions[SESSIONS];
  memset(model, 0, sizeof model);
  for (size_t i = 0; i < SESSIONS; i++) sessions[i] = open_session(s);
  for (size_t round = 0; round < 4; round++) {
    for (size_t i = scaled(4000, 200); i > 0; i--) model_step(s, sessions);
    model_compare(s, sessions);
  }
  for (size_t i = 0; i < SESSIONS; i++) {
    kevy_session_close(sessions[i]);
    if (i + 1 < SESSIONS) CHECK(pubsub_heard(s));
  }
  CHECK(!pubsub_heard(s));
  kevy_close(s);
}

/* ---- Bounds ------------------------------------------------------------------------------------- */

static void count_up(void *context) { ++*(uint64_t *)context; }

static void test_limit(void) {
  kevy_store *s = open_store(0);
  kevy_session *a = open_session(s), *b = open_session(s);
  kevy_reply *r = kevy_reply_new();
  uint64_t told = 0;
  session_on_push(a, count_up, &told);
  call(a, "SUBSCRIBE c");
  call(b, "SUBSCRIBE c");
  CHECK(kevy_set_push_limit(s, 1000, 0, -1) == KEVY_EARG);
  CHECK(kevy_set_push_limit(s, 1000, 0, 0) == KEVY_OK);
  for (int i = 0; i < 100; i++) {
    CHECK(publish(s, "c", "0123456789") == 2);
    CHECK(kevy_session_next_push(b, 0, r) == KEVY_OK);
  }
  CHECK(a->listens.bytes == 0 && a->listens.dropped && told != 0 && told < 100);
  CHECK(kevy_session_wait_push(a, 0) == KEVY_OK);
  CHECK(kevy_session_next_push(a, 0, r) == KEVY_UNMET);
  CHECK(kevy_session_next_push(a, 0, r) == KEVY_MISSING);
  CHECK(kevy_session_wait_push(a, 0) == KEVY_UNMET);
  CHECK(publish(s, "c", "y") == 2);
  CHECK(kevy_session_wait_push(a, 0) == KEVY_OK);
  CHECK(hears(a, "*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\ny\r\n"));
  CHECK(kevy_session_wait_push(a, 0) == KEVY_UNMET);
  kevy_reply_free(r);
  kevy_session_close(a);
  kevy_session_close(b);
  kevy_close(s);
}

/* Whoever closes first. */
static void test_closing(void) {
  kevy_store *s = open_store(0);
  kevy_session *a = open_session(s), *b = open_session(s);
  kevy_reply *r = kevy_reply_new();
  call(a, "SUBSCRIBE c");
  CHECK(kevy_session_push_fd(b) >= 0);
  CHECK(publish(s, "c", "last") == 1);
  kevy_close(s);
  CHECK(hears(a, "*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$4\r\nlast\r\n"));
  CHECK(kevy_session_next_push(a, 0, r) == KEVY_ECLOSED);
  CHECK(kevy_session_wait_push(a, -1) == KEVY_OK);
  CHECK(kevy_session_wait_push(b, -1) == KEVY_OK);
  CHECK(kevy_session_next_push(b, 0, r) == KEVY_ECLOSED);
  kevy_session_close(a);
  kevy_session_close(b);
  kevy_reply_free(r);
}

/* Each allocation of a step fails once; what was there before stays. */
static void test_memory(void) {
  kevy_store *s = open_store(0);
  kevy_session *a = open_session(s);
  call(a, "SUBSCRIBE first");
  kevy_reply *r = kevy_reply_new();
  for (uint64_t n = 1; n < 12; n++) {
    kevy_value argv[] = {kevy_bytes("SUBSCRIBE", 9), kevy_bytes("second", 6)};
    fail_malloc_in = n;
    kevy_status status = kevy_session_call(a, 2, argv, 0, r);
    fail_malloc_in = 0;
    CHECK(status == KEVY_OK || status == KEVY_ECOMMAND);
    CHECK(a->listens.kinds[PUBSUB_CHANNEL].count == (status == KEVY_OK ? 2u : 1u));
    CHECK(pubsub_topics(s, PUBSUB_CHANNEL) == (status == KEVY_OK ? 2u : 1u));
    call(a, "UNSUBSCRIBE second");
    fail_malloc_in = n;
    uint64_t heard = pubsub_publish(s, PUBSUB_CHANNEL, &(kevy_value){KEVY_BYTES, 0, 5, {.ptr = "first"}}, &argv[1]);
    fail_malloc_in = 0;
    CHECK(heard == 1);
    status = kevy_session_next_push(a, 0, r);
    CHECK(status == KEVY_OK || status == KEVY_UNMET);
    CHECK(kevy_session_next_push(a, 0, r) == KEVY_MISSING);
  }
  kevy_reply_free(r);
  kevy_session_close(a);
  kevy_close(s);
}

/* ---- Threads and forks -------------------------------------------------------------------------- */

#define PUBLISHERS 2

typedef struct listener {
  kevy_session *session;
  size_t wanted;
} listener;

/* Of each publisher the messages come in order. */
static void *listen_on(void *context) {
  listener *l = context;
  kevy_reply *r = kevy_reply_new();
  long last[PUBLISHERS] = {-1, -1};
  for (size_t heard = 0; heard < l->wanted;) {
    kevy_status status = kevy_session_next_push(l->session, 0, r);
    if (status == KEVY_MISSING) {
      (void)kevy_session_wait_push(l->session, 1000);
      continue;
    }
    kevy_item item;
    for (int i = 0; i < 4; i++) kevy_reply_next(r, &item);
    long who = item.value.as.ptr[0] - '0', n = strtol(item.value.as.ptr + 2, NULL, 10);
    if (status != KEVY_OK || n <= last[who]) break;
    last[who] = n;
    heard++;
  }
  kevy_reply_free(r);
  return (void *)(uintptr_t)(last[0] + last[1] + 2 == (long)l->wanted);
}

typedef struct publisher {
  kevy_store *s;
  size_t who, count;
} publisher;

static void *publish_on(void *context) {
  publisher *p = context;
  for (size_t i = 0; i < p->count; i++) {
    char text[32];
    snprintf(text, sizeof text, "%zu:%zu", p->who, i);
    publish(p->s, "c", text);
  }
  return NULL;
}

static void test_threads(void) {
  kevy_store *s = open_store(KEVY_THREADS);
  size_t each = scaled(5000, 200);
  listener listeners[3];
  publisher publishers[PUBLISHERS];
  pthread_t ears[3], mouths[PUBLISHERS];
  for (size_t i = 0; i < 3; i++) {
    listeners[i] = (listener){open_session(s), each * PUBLISHERS};
    call(listeners[i].session, i == 0 ? "SUBSCRIBE c" : "SUBSCRIBE c d");
    REQUIRE(pthread_create(&ears[i], NULL, listen_on, &listeners[i]) == 0);
  }
  for (size_t i = 0; i < PUBLISHERS; i++) {
    publishers[i] = (publisher){s, i, each};
    REQUIRE(pthread_create(&mouths[i], NULL, publish_on, &publishers[i]) == 0);
  }
  for (size_t i = 0; i < PUBLISHERS; i++) pthread_join(mouths[i], NULL);
  for (size_t i = 0; i < 3; i++) {
    void *fine;
    pthread_join(ears[i], &fine);
    CHECK(fine != NULL);
    kevy_session_close(listeners[i].session);
  }
  kevy_close(s);
}

/* A child has a copy of what waits, and signals of its own. */
static void test_fork(void) {
  kevy_store *s = open_store(KEVY_THREADS);
  kevy_session *a = open_session(s);
  call(a, "SUBSCRIBE c");
  CHECK(kevy_session_wait_push(a, 0) == KEVY_UNMET);
  pid_t child = fork();
  if (child == 0) {
    bool fine = publish(s, "c", "x") == 1 && kevy_session_wait_push(a, 0) == KEVY_OK &&
                hears(a, "*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\nx\r\n") && kevy_session_wait_push(a, 0) == KEVY_UNMET;
    _exit(fine ? 0 : 1);
  }
  int status;
  REQUIRE(waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  CHECK(kevy_session_wait_push(a, 0) == KEVY_UNMET);
  CHECK(hears(a, NULL));
  kevy_session_close(a);
  kevy_close(s);
}

int main(void) {
  check_begin("test_pubsub");
  test_words();
  test_protocol_3();
  test_multi();
  test_transaction();
  test_model();
  test_limit();
  test_closing();
  test_memory();
  test_threads();
  test_fork();
  return check_end();
}
