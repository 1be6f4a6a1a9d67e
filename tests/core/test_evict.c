/* Eviction: random writes of every kind under tiny limits and every policy, allocations failing: the limit holds after each,
 * what fails changed nothing, and the records of a store that evicts make the same store again. Then each rule by itself. */
#include "internals.h"

#include "../../core/persist/log_read.h"
#include "replay.h"

#include "check.h"
#include "writes.h"

static const char *const policies[] = {"allkeys-lru",  "allkeys-lfu",  "allkeys-random",  "volatile-lru",
                                       "volatile-lfu", "volatile-random", "volatile-ttl", "allkeys-adaptive", "noeviction"};
#define POLICIES (sizeof policies / sizeof *policies)

static kevy_store *open_with(uint64_t maxmemory, const char *policy) {
  kevy_options o = KEVY_OPTIONS_INIT;
  kevy_store *s;
  o.maxmemory = maxmemory;
  o.policy = policy;
  REQUIRE(kevy_open(&o, &s) == KEVY_OK);
  return s;
}

static uint64_t figure_of(kevy_store *s, const char *name) {
  const char *label;
  kevy_value v;
  for (size_t i = 0; kevy_info(s, i, &label, &v) == KEVY_OK; i++)
    if (strcmp(label, name) == 0) return (uint64_t)v.as.i;
  FAIL(name);
  return 0;
}

static uint64_t keys_in(kevy_store *s) {
  uint64_t count = 0;
  kevy_len(s, &count);
  return count;
}

static char key_name[32];
static size_t key_of(size_t i) { return (size_t)snprintf(key_name, sizeof key_name, "key:%08zu", i); }

static kevy_status set_key(kevy_store *s, size_t i, size_t len, int64_t ttl) {
  static char bytes[1 << 21];
  kevy_value v = kevy_bytes(bytes, len);
  size_t klen = key_of(i);
  return kevy_set(s, key_name, klen, &v, ttl, 0, NULL);
}
static bool has_key(kevy_store *s, size_t i) {
  size_t klen = key_of(i);
  return kevy_exists(s, key_name, klen) == KEVY_OK;
}
static bool read_key(kevy_store *s, size_t i) {
  kevy_value v;
  size_t klen = key_of(i);
  return kevy_get(s, key_name, klen, &v) == KEVY_OK;
}

/* ---- chance ---- */

static kevy_store *b; /* made from a's effects */

static kevy_status publish(kevy_store *s, uint64_t *ticket) {
  effects *e = s->effects;
  log_reader r;
  char message[160];
  CHECK(!e->lost && e->staged == e->len);
  b->clock.fixed = now;
  log_read_open_bytes(&r, e->bytes, e->len);
  while (log_read_next(&r) == LOG_READ_RECORD)
    if (!CHECK(replay_record(b, r.argc, r.argv, message, sizeof message))) fprintf(stderr, "replay: %s\n", message);
  log_read_close(&r);
  e->len = e->staged = 0;
  e->records = 0;
  s->noted = false;
  *ticket = 0;
  return KEVY_OK;
}

static void same(const char *policy) {
  b->clock.fixed = now;
  text x = text_of(a), y = text_of(b);
  if (!CHECK(x.len == y.len && (x.len == 0 || memcmp(x.bytes, y.bytes, x.len) == 0)))
    fprintf(stderr, "%s: after %s\n", policy, line);
  free(x.bytes);
  free(y.bytes);
}

static void random_writes(const char *policy, uint64_t limit, size_t steps, bool logged) {
  a = open_with(limit, policy);
  b = open_with(0, NULL);
  now = EPOCH;
  entries = 1;
  if (logged) {
    REQUIRE((a->effects = effect_new()) != NULL);
    a->effects->publish = publish;
    a->effects->until_pay = 64;
    a->until_pay = 1;
    replay_begin(b);
  }
  kevy_debug_clock(a, now);
  kevy_store *seen = NULL;
  for (size_t i = 0; i < steps; i++) {
    if (below(4) == 0) kevy_debug_clock(a, now += (int64_t)below(12));
    if (below(60) == 0) kevy_debug_fail_alloc(a, 1 + below(6));
    if (!logged && below(100) == 0) {
      if (seen != NULL) kevy_close(seen);
      seen = NULL;
      if (below(3) == 0) (void)kevy_snapshot(a, &seen);
    }
    if (below(3) == 0) {
      run_function();
    } else {
      const char *template = templates[below(TEMPLATES)];
      if (strncmp(template, "FLUSH", 5) == 0 && below(20) != 0) continue;
      run_command(template);
    }
    kevy_debug_fail_alloc(a, 0);
    if (seen == NULL && figure_of(a, "retained_bytes") == 0 && !CHECK(kevy_used_memory(a) <= limit)) {
      fprintf(stderr, "%s, %zu: after %s\n", policy, (size_t)limit, line);
      break;
    }
    if (logged && below(12) == 0) same(policy);
  }
  CHECK(table_check(a->base, a->keys));
  CHECK(strcmp(policy, "noeviction") != 0 || figure_of(a, "evicted") == 0);
  if (seen != NULL) kevy_close(seen);
  if (logged) {
    effect_free(a->effects);
    a->effects = NULL;
  }
  kevy_close(a);
  kevy_close(b);
}

static void test_random(void) {
  may_run_out = true;
  static const uint64_t limits[] = {12 << 10, 24 << 10, 100 << 10};
  for (size_t p = 0; p < POLICIES; p++)
    for (size_t l = 0; l < 3; l++) {
      random_writes(policies[p], limits[l], scaled(1500, 100), false);
      random_writes(policies[p], limits[l], scaled(500, 50), true);
    }
}

/* ---- which keys go ---- */

static void test_lru(void) {
  kevy_store *s = open_with(1 << 20, "allkeys-lru");
  for (size_t i = 0; i < 40000; i++) {
    CHECK(set_key(s, i, 16, KEVY_NO_TTL) == KEVY_OK);
    CHECK(kevy_used_memory(s) <= 1 << 20 && has_key(s, i));
    for (size_t kept = 0; kept < 10 && i > 10 && i % 100 == 0; kept++) CHECK(read_key(s, kept));
  }
  uint64_t keys = keys_in(s);
  CHECK(keys > 10000 && figure_of(s, "evicted") == 40000 - keys);
  size_t young = 0, old = 0;
  for (size_t i = 40000 - keys / 2; i < 40000; i++) young += has_key(s, i);
  for (size_t i = 10; i < 40000 - 2 * keys; i++) old += has_key(s, i);
  CHECK(young > keys / 2 * 99 / 100 && old <= keys / 50);
  kevy_close(s);
}

static void test_lfu(void) {
  kevy_store *s = open_with(1 << 20, "allkeys-lfu");
  for (size_t i = 0; i < 1000; i++) {
    set_key(s, i, 16, KEVY_NO_TTL);
    for (int n = 0; n < 50; n++) read_key(s, i);
  }
  for (size_t i = 1000; i < 60000; i++) CHECK(set_key(s, i, 16, KEVY_NO_TTL) == KEVY_OK && has_key(s, i));
  size_t kept = 0;
  for (size_t i = 0; i < 1000; i++) kept += has_key(s, i);
  CHECK(kept > 990);
  kevy_close(s);
}

static void test_volatile(void) {
  for (size_t p = 0; p < POLICIES; p++) {
    if (strncmp(policies[p], "volatile", 8) != 0) continue;
    for (size_t every = 2; every <= 50; every += 24) { /* one key in so many has a deadline */
      kevy_store *s = open_with(1 << 20, policies[p]);
      kevy_debug_clock(s, (int64_t)1 << 40); /* the nearest deadlines are on short lists of the wheel */
      size_t n = 0;
      while (figure_of(s, "evicted") < 50 && n < 40000) {
        kevy_status status = set_key(s, n, 16, n % every == 0 ? 1000000 + (int64_t)n * 1000 : KEVY_NO_TTL);
        if (!CHECK(status == KEVY_OK)) break;
        n++;
      }
      size_t lasting = 0, gone = 0;
      for (size_t i = 0; i < n; i++) {
        lasting += i % every != 0 && has_key(s, i);
        gone += i % every == 0 && !has_key(s, i);
      }
      CHECK(lasting == n - (n + every - 1) / every && gone >= 50);
      if (strcmp(policies[p], "volatile-ttl") == 0)
        for (size_t i = 0; i < 20; i++) CHECK(!has_key(s, i * every));
      while (set_key(s, n, 16, KEVY_NO_TTL) == KEVY_OK) n++; /* until no key with a deadline is left */
      CHECK(figure_of(s, "keys_with_ttl") < 120 && s->db->ttl_bytes <= 5000);
      uint64_t evicted = figure_of(s, "evicted"), keys = keys_in(s);
      CHECK(set_key(s, n, 9000, KEVY_NO_TTL) == KEVY_EOOM && figure_of(s, "evicted") == evicted && keys_in(s) == keys);
      kevy_close(s);
    }
  }
}

/* ---- what fits ---- */

static void test_too_large(void) {
  kevy_store *s = open_with(1 << 20, "allkeys-lru");
  for (size_t i = 0; i < 30000; i++) set_key(s, i, 16, KEVY_NO_TTL);
  uint64_t keys = keys_in(s), evicted = figure_of(s, "evicted");
  CHECK(set_key(s, 1, 1 << 20, KEVY_NO_TTL) == KEVY_EOOM && keys_in(s) == keys && figure_of(s, "evicted") == evicted);
  CHECK(set_key(s, 99999, 500000, KEVY_NO_TTL) == KEVY_OK && kevy_used_memory(s) <= 1 << 20);
  CHECK(has_key(s, 99999) && keys_in(s) > keys / 8 && figure_of(s, "used_memory_peak") <= 1 << 20);
  /* Of several at once: all or none. */
  static char bytes[100000];
  kevy_value names[12], values[12];
  char called[12][16];
  for (int i = 0; i < 12; i++) {
    snprintf(called[i], sizeof called[i], "m%d", i);
    names[i] = kevy_bytes(called[i], strlen(called[i]));
    values[i] = kevy_bytes(bytes, sizeof bytes);
  }
  keys = keys_in(s);
  evicted = figure_of(s, "evicted");
  CHECK(kevy_mset(s, 12, names, values, KEVY_NO_TTL, 0) == KEVY_EOOM);
  CHECK(keys_in(s) == keys && figure_of(s, "evicted") == evicted);
  CHECK(kevy_mset(s, 4, names, values, KEVY_NO_TTL, 0) == KEVY_OK && kevy_used_memory(s) <= 1 << 20);
  for (int i = 0; i < 4; i++) CHECK(kevy_exists(s, called[i], strlen(called[i])) == KEVY_OK);
  kevy_close(s);
}

/* A store full of the smallest values has room for one of a megabyte, and then for small ones again. */
static void test_stranded(void) {
  for (size_t p = 0; p < POLICIES; p++) {
    if (strncmp(policies[p], "allkeys", 7) != 0) continue;
    kevy_store *s = open_with(4 << 20, policies[p]);
    for (size_t i = 0; i < 150000; i++) CHECK(set_key(s, i, 16, KEVY_NO_TTL) == KEVY_OK && kevy_used_memory(s) <= 4 << 20);
    for (size_t i = 0; i < 3; i++) {
      CHECK(set_key(s, 200000 + i, 1 << 20, KEVY_NO_TTL) == KEVY_OK && has_key(s, 200000 + i) && keys_in(s) > 10000);
      CHECK(set_key(s, i, 16, KEVY_NO_TTL) == KEVY_OK && kevy_used_memory(s) <= 4 << 20 && table_check(s->base, s->keys));
    }
    kevy_close(s);
  }
}

/* A value that grows evicts the others, and fails where it is the last. */
static void test_growing(void) {
  kevy_store *s = open_with(1 << 20, "allkeys-lru");
  for (size_t i = 0; i < 5000; i++) set_key(s, i, 16, KEVY_NO_TTL);
  kevy_status status = KEVY_OK;
  uint64_t length = 0;
  for (size_t i = 0; status == KEVY_OK && i < 100000; i++) {
    char member[32];
    kevy_value v = kevy_bytes(member, (size_t)snprintf(member, sizeof member, "member:%zu", i));
    status = kevy_sadd(s, "set", 3, 1, &v, 0, NULL);
    length += status == KEVY_OK;
    CHECK(kevy_used_memory(s) <= 1 << 20);
  }
  uint64_t have = 0;
  CHECK(status == KEVY_EOOM && kevy_scard(s, "set", 3, &have) == KEVY_OK);
  CHECK(have == length && length > 5000);
  CHECK(set_key(s, 1, 300000, KEVY_NO_TTL) == KEVY_OK && kevy_used_memory(s) <= 1 << 20);
  CHECK(kevy_exists(s, "set", 3) == KEVY_MISSING && has_key(s, 1));
  kevy_close(s);
}

static void test_retained(void) {
  kevy_store *s = open_with(1 << 20, "allkeys-lru"), *seen;
  for (size_t i = 0; i < 30000; i++) set_key(s, i, 16, KEVY_NO_TTL);
  uint64_t evicted = figure_of(s, "evicted"), keys = keys_in(s);
  REQUIRE(kevy_snapshot(s, &seen) == KEVY_OK);
  size_t n = 0;
  while (n < 100000 && set_key(s, 40000 + n, 16, KEVY_NO_TTL) == KEVY_OK) n++;
  CHECK(n < 1000 && figure_of(s, "evicted") == evicted && keys_in(s) == keys + n);
  CHECK(kevy_used_memory(s) <= 1 << 20);
  kevy_close(seen);
  CHECK(set_key(s, 90000, 16, KEVY_NO_TTL) == KEVY_OK && kevy_used_memory(s) <= 1 << 20);
  kevy_close(s);
}

/* A transaction of a few writes at the limit happens or fails whole, and goes back to what was there. */
static void test_transactions(void) {
  for (size_t p = 0; p < POLICIES; p++)
    for (uint64_t limit = 100 << 10; limit <= 1 << 20; limit *= 10) {
      kevy_store *s = open_with(limit, policies[p]);
      for (size_t i = 0; i < 30000 && set_key(s, i, 16, i % 2 ? 100000 : KEVY_NO_TTL) == KEVY_OK; i++) continue;
      for (size_t round = 0; round < 200; round++) {
        size_t n = 1 + below(3), done = 0;
        REQUIRE(kevy_begin(s) == KEVY_OK);
        uint64_t keys = keys_in(s), evicted = figure_of(s, "evicted");
        while (done < n && set_key(s, 40000 + 3 * round + done, 16, KEVY_NO_TTL) == KEVY_OK) done++;
        CHECK(limit < 1 << 20 || done == n || strcmp(policies[p], "noeviction") == 0);
        CHECK(figure_of(s, "evicted") == evicted && keys_in(s) == keys + done);
        bool back = below(2);
        CHECK((back ? kevy_rollback(s) : kevy_commit(s)) == KEVY_OK);
        CHECK(!back || keys_in(s) == keys);
        for (size_t i = 0; i < done; i++) CHECK(back != has_key(s, 40000 + 3 * round + i));
        (void)set_key(s, below(30000), 16, 100000);
        CHECK(kevy_used_memory(s) <= limit && table_check(s->base, s->keys));
      }
      kevy_close(s);
    }
}

static kevy_status run_words(kevy_session *session, size_t n, const char *const *said) {
  kevy_value argv[4];
  kevy_reply *r = kevy_reply_new();
  for (size_t i = 0; i < n; i++) argv[i] = kevy_bytes(said[i], strlen(said[i]));
  kevy_status status = kevy_session_call(session, n, argv, 0, r);
  kevy_reply_free(r);
  return status;
}
#define RUN(session, ...) \
  run_words(session, sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *), (const char *const[]){__VA_ARGS__})

/* Keys with deadlines are few, and of two databases: whichever of them chance names, one goes. */
static void test_databases(void) {
  for (size_t p = 0; p < 10 * POLICIES; p++) {
    const char *policy = policies[p % POLICIES];
    if (strncmp(policy, "volatile", 8) != 0) continue;
    kevy_store *s = open_with(32 << 10, policy);
    kevy_session *session;
    REQUIRE(kevy_session_open(s, &session) == KEVY_OK);
    CHECK(RUN(session, "SELECT", "9") == KEVY_OK);
    for (size_t i = 0; i < 10; i++) {
      CHECK(set_key(s, i, 16, 1000000) == KEVY_OK);
      key_of(i);
      CHECK(RUN(session, "PSETEX", key_name, "1000000", "a value") == KEVY_OK);
    }
    size_t n = 10;
    for (; n < 1000 && set_key(s, n, 16, KEVY_NO_TTL) == KEVY_OK; n++) CHECK(kevy_used_memory(s) <= 32 << 10);
    CHECK(n < 1000 && figure_of(s, "evicted") >= 10 && kevy_used_memory(s) <= 32 << 10);
    kevy_session_close(session);
    kevy_close(s);
  }
}

/* An empty database can be selected where nothing may go, but it does not take a full one's place. */
static void test_swap(void) {
  for (uint64_t room = 0; room < 600; room += 8) {
    kevy_store *s = open_with(1 << 20, "volatile-lru");
    kevy_session *session;
    REQUIRE(kevy_session_open(s, &session) == KEVY_OK);
    for (size_t i = 0; i < 2000; i++) CHECK(set_key(s, i, 16, KEVY_NO_TTL) == KEVY_OK);
    uint64_t limit = kevy_used_memory(s) + room;
    CHECK(kevy_set_maxmemory(s, limit) == KEVY_OK);
    CHECK(RUN(session, "SELECT", "9") == KEVY_OK && RUN(session, "GET", "none") == KEVY_OK);
    (void)RUN(session, "SWAPDB", "0", "9");
    CHECK(kevy_used_memory(s) <= limit && keys_in(s) == 2000);
    kevy_session_close(session);
    kevy_close(s);
  }
}

/* What was lent stays readable as an argument of the write that evicts its key. */
static void test_lent(void) {
  kevy_store *s = open_with(64 << 10, "allkeys-random");
  for (size_t i = 0; i < 5000; i++) {
    set_key(s, i, 100, KEVY_NO_TTL);
    kevy_value v;
    if (kevy_random_key(s, &v) != KEVY_OK || kevy_get(s, v.as.ptr, v.len, &v) != KEVY_OK) continue;
    CHECK(kevy_set(s, "copy", 4, &v, KEVY_NO_TTL, 0, NULL) == KEVY_OK);
  }
  kevy_close(s);
}

/* ---- while open ---- */

static void test_changes(void) {
  kevy_store *s = open_with(0, NULL);
  for (size_t i = 0; i < 20000; i++) set_key(s, i, 16, KEVY_NO_TTL);
  CHECK(kevy_set_maxmemory(s, 1 << 20) == KEVY_EOOM && keys_in(s) == 20000 && figure_of(s, "maxmemory") == 0);
  CHECK(kevy_set_policy(s, "nonesuch") == KEVY_EARG && strcmp(kevy_policy(s), "noeviction") == 0);
  for (size_t p = 0; p < POLICIES; p++) {
    CHECK(kevy_set_policy(s, policies[p]) == KEVY_OK && strcmp(kevy_policy(s), policies[p]) == 0);
    for (size_t i = 0; i < 100; i++) CHECK(set_key(s, i, 16, i % 2 == 0 ? 100000 : KEVY_NO_TTL) == KEVY_OK && read_key(s, i));
  }
  kevy_set_policy(s, "allkeys-lru");
  CHECK(kevy_set_maxmemory(s, 500000) == KEVY_OK && kevy_used_memory(s) <= 500000 && keys_in(s) > 3000);
  CHECK(figure_of(s, "maxmemory") == 500000);
  kevy_clear(s);
  for (size_t i = 0; i < 20000; i++) CHECK(set_key(s, i, 16, KEVY_NO_TTL) == KEVY_OK && kevy_used_memory(s) <= 500000);
  CHECK(kevy_set_policy(s, "noeviction") == KEVY_OK);
  while (set_key(s, below(1 << 30), 16, KEVY_NO_TTL) == KEVY_OK) continue;
  CHECK(kevy_set_maxmemory(s, 0) == KEVY_OK && set_key(s, 30000, 16, KEVY_NO_TTL) == KEVY_OK);
  kevy_close(s);
}

static int64_t asked(kevy_store *s, const char *word, const char *key) {
  kevy_reply *r = kevy_reply_new();
  kevy_value argv[] = {kevy_bytes("OBJECT", 6), kevy_bytes(word, strlen(word)), kevy_bytes(key, strlen(key))};
  kevy_item item = {0};
  int64_t answer = -1;
  if (kevy_call(s, 3, argv, r) == KEVY_OK) {
    kevy_reply_next(r, &item);
    if (item.value.kind == KEVY_INT) answer = item.value.as.i;
  }
  kevy_reply_free(r);
  return answer;
}

static void test_use(void) {
  kevy_store *s = open_with(0, NULL);
  kevy_value v = kevy_bytes("v", 1);
  kevy_debug_clock(s, EPOCH);
  kevy_set_policy(s, "allkeys-lru");
  kevy_set(s, "old", 3, &v, KEVY_NO_TTL, 0, NULL);
  for (int i = 1; i <= 100; i++) {
    kevy_debug_clock(s, EPOCH + i * 1000);
    for (int n = 0; n < 100; n++) set_key(s, (size_t)i, 8, KEVY_NO_TTL);
  }
  CHECK(asked(s, "IDLETIME", "old") >= 98 && asked(s, "IDLETIME", "key:00000100") <= 1);
  CHECK(asked(s, "IDLETIME", "key:00000050") >= 45 && asked(s, "IDLETIME", "key:00000050") <= 55);
  kevy_get(s, "old", 3, &v);
  CHECK(asked(s, "IDLETIME", "old") <= 1 && asked(s, "IDLETIME", "none") == -1 && asked(s, "FREQ", "old") == -1);
  kevy_set_policy(s, "volatile-lfu");
  v = kevy_bytes("v", 1);
  kevy_set(s, "often", 5, &v, KEVY_NO_TTL, 0, NULL);
  CHECK(asked(s, "FREQ", "often") == 5 && asked(s, "IDLETIME", "often") == -1);
  for (int i = 0; i < 1000; i++) kevy_get(s, "often", 5, &v);
  int64_t counter = asked(s, "FREQ", "often");
  CHECK(counter > 8 && counter < 40);
  v = kevy_bytes("w", 1);
  kevy_set(s, "often", 5, &v, KEVY_NO_TTL, 0, NULL);
  CHECK(asked(s, "FREQ", "often") >= counter);
  v = kevy_bytes("of another length", 17);
  CHECK(kevy_begin(s) == KEVY_OK && kevy_set(s, "often", 5, &v, KEVY_NO_TTL, 0, NULL) == KEVY_OK && kevy_commit(s) == KEVY_OK);
  CHECK(asked(s, "FREQ", "often") >= counter);
  kevy_debug_clock(s, EPOCH + 100 * 1000 + 3 * 60000);
  CHECK(asked(s, "FREQ", "often") < counter);
  kevy_close(s);
}

/* A file that does not fit into a store with a policy is loaded as far as it fits; what it tells of use counts. */
static void test_load(void) {
  char path[] = "/tmp/kevy-evict-XXXXXX";
  int fd = mkstemp(path);
  CHECK(fd >= 0 && close(fd) == 0);
  kevy_store *s = open_with(0, "noeviction");
  for (size_t i = 0; i < 20000; i++) CHECK(set_key(s, i, 100, KEVY_NO_TTL) == KEVY_OK);
  CHECK(kevy_save(s, path, 0) == KEVY_OK);
  kevy_close(s);
  for (size_t p = 0; p < POLICIES; p++) {
    bool any = strncmp(policies[p], "allkeys", 7) == 0;
    s = open_with(1 << 20, policies[p]);
    CHECK(kevy_load(s, path, NULL) == (any ? KEVY_OK : KEVY_EOOM));
    CHECK(kevy_used_memory(s) <= 1 << 20 && keys_in(s) == (any ? 20000 - figure_of(s, "evicted") : 0));
    CHECK(!any || (keys_in(s) > 5000 && set_key(s, 20001, 100, KEVY_NO_TTL) == KEVY_OK && has_key(s, 20001)));
    kevy_close(s);
  }
  unlink(path);
  static const char file[] = "REDIS0010\xf9\x64\0\3key\1v\xf8\x40\xc8\0\3two\1v\xff\0\0\0\0\0\0\0";
  s = open_with(0, "allkeys-lfu");
  CHECK(kevy_load_bytes(s, file, sizeof file, NULL) == KEVY_OK && keys_in(s) == 2);
  CHECK(asked(s, "FREQ", "key") == 100 && asked(s, "FREQ", "two") == 5);
  kevy_close(s);
}

int main(void) {
  check_begin("evict");
  space_debug_seed(check.seed);
  test_random();
  test_lru();
  test_lfu();
  test_volatile();
  test_too_large();
  test_stranded();
  test_growing();
  test_retained();
  test_transactions();
  test_databases();
  test_swap();
  test_lent();
  test_changes();
  test_use();
  test_load();
  return check_end();
}
