/* Keys whatever their type, through kevy.h: opening, names, moving, order, chance, patterns, figures. */
#include "internals.h"

#include "check.h"
#include "model.h"

static kevy_store *open_store(void) {
  kevy_store *s;
  REQUIRE(kevy_open(NULL, &s) == KEVY_OK);
  return s;
}
static kevy_status set_int(kevy_store *s, const char *key, int64_t i) {
  kevy_value v = kevy_int(i);
  return kevy_set(s, key, strlen(key), &v, KEVY_NO_TTL, 0, NULL);
}
static size_t name_of(char name[24], unsigned n) { return (size_t)snprintf(name, 24, "key:%u", n); }

/* ---- opening ---- */

static void test_open(void) {
  kevy_store *s = NULL, *t = NULL;
  kevy_options o = KEVY_OPTIONS_INIT;
  CHECK(kevy_abi() == KEVY_ABI && strcmp(kevy_version(), KEVY_VERSION) == 0);
  o.size = 0;
  CHECK(kevy_open(&o, &s) == KEVY_EARG && s == NULL);
  o.size = sizeof o;
  o.flags = 0x80;
  CHECK(kevy_open(&o, &s) == KEVY_EARG && kevy_errmsg(NULL)[0] != '\0');
  o.flags = 0;
  o.policy = "some-lru";
  CHECK(kevy_open(&o, &s) == KEVY_EARG && strstr(kevy_errmsg(NULL), "some-lru") != NULL);
  o.policy = NULL;
  static const char *const urls[] = {"", "mem:", "mem:/", "shm://x", "valkey://h:1", "MEM://", "name"};
  for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
    o.url = urls[i];
    CHECK(kevy_open(&o, &s) == KEVY_EUNSUPPORTED && strstr(kevy_errmsg(NULL), "mem://") != NULL && s == NULL);
  }
  o.url = "mem://";
  o.policy = "noeviction";
  CHECK(kevy_open(&o, &s) == KEVY_OK && kevy_open(&o, &t) == KEVY_OK && s != t);
  CHECK(set_int(s, "k", 1) == KEVY_OK && kevy_exists(t, "k", 1) == KEVY_MISSING);
  kevy_close(s);
  kevy_close(t);
  /* A caller built against a smaller struct: the fields it does not know take their defaults. */
  o.size = offsetof(kevy_options, policy);
  o.policy = "rubbish";
  CHECK(kevy_open(&o, &s) == KEVY_OK);
  kevy_close(s);
  kevy_close(NULL);
}

static void test_named(void) {
  kevy_options o = KEVY_OPTIONS_INIT;
  kevy_store *a = NULL, *b = NULL, *other = NULL;
  o.url = "mem://jobs";
  CHECK(kevy_open(&o, &a) == KEVY_OK && kevy_open(&o, &b) == KEVY_OK && a == b);
  o.url = "mem://mails";
  CHECK(kevy_open(&o, &other) == KEVY_OK && other != a);
  CHECK(set_int(a, "k", 1) == KEVY_OK && kevy_exists(b, "k", 1) == KEVY_OK);
  CHECK(kevy_exists(other, "k", 1) == KEVY_MISSING);
  kevy_close(a);
  CHECK(kevy_exists(b, "k", 1) == KEVY_OK);
  kevy_lock(b);
  kevy_lock(b);
  CHECK(set_int(b, "k", 2) == KEVY_OK);
  kevy_unlock(b);
  kevy_unlock(b);
  kevy_close(b);
  o.url = "mem://jobs";
  CHECK(kevy_open(&o, &a) == KEVY_OK && kevy_exists(a, "k", 1) == KEVY_MISSING);
  kevy_close(a);
  kevy_close(other);
}

static void test_messages(void) {
#define MESSAGE_IS_THERE(name, number, message)                                                    \
  CHECK(KEVY_##name == number && strcmp(kevy_strerror(number), message) == 0);
  KEVY_ERRORS(MESSAGE_IS_THERE)
#undef MESSAGE_IS_THERE
  CHECK(kevy_strerror(KEVY_OK) != NULL && kevy_strerror(KEVY_MISSING) != NULL && kevy_strerror(KEVY_UNMET) != NULL);
  CHECK(kevy_strerror(-1000) != NULL && kevy_strerror(1000) != NULL && kevy_strerror(INT32_MIN) != NULL);
  static const char *const names[] = {"none", "string", "hash", "list", "set", "zset", "stream"};
  for (int32_t t = 0; t <= KEVY_TYPE_STREAM; t++) CHECK(strcmp(kevy_type_name(t), names[t]) == 0);
  CHECK(kevy_type_name(-1) != NULL && kevy_type_name(1000) != NULL);
}

/* ---- keys ---- */

static void test_moving(void) {
  kevy_store *s = open_store();
  int64_t ttl;
  kevy_value v = kevy_text("v", 1), got;
  CHECK(kevy_rename(s, "a", 1, "b", 1, 0) == KEVY_MISSING && kevy_copy(s, "a", 1, "b", 1, 0) == KEVY_MISSING);
  CHECK(kevy_rename(s, "a", 1, "a", 1, 0) == KEVY_MISSING && kevy_copy(s, "a", 1, "a", 1, 0) == KEVY_EARG);
  CHECK(kevy_set(s, "a", 1, &v, 60000, KEVY_TEXT_KEY, NULL) == KEVY_OK && set_int(s, "b", 2) == KEVY_OK);
  CHECK(kevy_rename(s, "a", 1, "a", 1, 0) == KEVY_OK && kevy_rename(s, "a", 1, "a", 1, KEVY_NX) == KEVY_UNMET);
  CHECK(kevy_rename(s, "a", 1, "b", 1, KEVY_NX) == KEVY_UNMET && kevy_copy(s, "a", 1, "b", 1, 0) == KEVY_UNMET);
  CHECK(kevy_get(s, "b", 1, &got) == KEVY_OK && got.kind == KEVY_INT);
  CHECK(kevy_copy(s, "a", 1, "b", 1, KEVY_REPLACE) == KEVY_OK && kevy_ttl(s, "b", 1, &ttl) == KEVY_OK && ttl > 0);
  CHECK(kevy_rename(s, "b", 1, "c", 1, 0) == KEVY_OK && kevy_exists(s, "b", 1) == KEVY_MISSING);
  CHECK(kevy_get(s, "c", 1, &got) == KEVY_OK && got.kind == KEVY_TEXT);
  CHECK(kevy_ttl(s, "c", 1, &ttl) == KEVY_OK && ttl > 59000 && ttl <= 60000);
  CHECK(kevy_rename(s, "a", 1, "b", 1, KEVY_XX) == KEVY_EARG && kevy_copy(s, "a", 1, "b", 1, KEVY_NX) == KEVY_EARG);
  CHECK(kevy_rename(s, "a", 1, "b", SIZE_MAX, 0) == KEVY_ETOOBIG);
  CHECK(kevy_copy(s, "a", 1, "b", KEVY_MAX_LEN + 1, 0) == KEVY_ETOOBIG);
  kevy_close(s);
}

static void test_read_only(void) {
  kevy_store *s = open_store(), *snapshot = NULL;
  CHECK(set_int(s, "a", 1) == KEVY_OK && kevy_snapshot(s, &snapshot) == KEVY_OK);
  CHECK(kevy_delete(snapshot, "a", 1) == KEVY_EREADONLY && kevy_delete(snapshot, "none", 4) == KEVY_EREADONLY);
  CHECK(kevy_rename(snapshot, "a", 1, "b", 1, 0) == KEVY_EREADONLY);
  CHECK(kevy_copy(snapshot, "a", 1, "b", 1, 0) == KEVY_EREADONLY);
  CHECK(kevy_clear(snapshot) == KEVY_EREADONLY && kevy_expire(snapshot, "a", 1, 5, 0) == KEVY_EREADONLY);
  CHECK(kevy_persist(snapshot, "a", 1) == KEVY_EREADONLY && kevy_debug_clock(snapshot, 5) == KEVY_EREADONLY);
  CHECK(kevy_tick(snapshot, 0, NULL) == KEVY_OK && kevy_touch(snapshot, "a", 1) == KEVY_OK);
  kevy_close(snapshot);
  kevy_close(s);
}

static void test_clear(void) {
  kevy_store *s = open_store();
  char name[24];
  for (int round = 0; round < 5; round++) {
    uint64_t empty = kevy_used_memory(s), n;
    for (unsigned i = 0; i < 5000; i++) {
      size_t len = name_of(name, i);
      kevy_value v = kevy_int(i);
      CHECK(kevy_set(s, name, len, &v, i % 2 ? 1000 : KEVY_NO_TTL, 0, NULL) == KEVY_OK);
    }
    CHECK(kevy_clear(s) == KEVY_OK && kevy_len(s, &n) == KEVY_OK && n == 0);
    CHECK(kevy_used_memory(s) == empty && kevy_exists(s, "key:1", 5) == KEVY_MISSING);
    CHECK(figure(s, "keys_with_ttl") == 0);
  }
  kevy_close(s);
}

/* ---- order and chance ---- */

typedef struct tally {
  uint8_t met[4000];
  unsigned most; /* numbers from here on are of keys that come and go */
} tally;

static void tally_visit(void *context, const kevy_value *key, int32_t type) {
  tally *t = context;
  char name[24];
  memcpy(name, key->as.ptr, key->len);
  name[key->len] = '\0';
  unsigned i = (unsigned)strtoul(name + 4, NULL, 10);
  CHECK(type == KEVY_TYPE_STRING);
  if (i < t->most) t->met[i] = 1;
}

static void test_scan(void) {
  const unsigned stable = 4000;
  tally *t = calloc(1, sizeof *t);
  REQUIRE(t != NULL);
  for (int round = 0; round < 6; round++) {
    kevy_store *s = open_store();
    char name[24];
    bool growing = round % 2 == 0;
    const unsigned others = 20000;
    for (unsigned i = 0; i < (growing ? stable : stable + others); i++) {
      kevy_value v = kevy_int(i);
      size_t len = name_of(name, i);
      if (kevy_set(s, name, len, &v, KEVY_NO_TTL, 0, NULL) != KEVY_OK) FAIL("set works");
    }
    memset(t, 0, sizeof *t);
    t->most = stable;
    uint64_t cursor = 0, turns = 0;
    do {
      keyspace_scan(s, &cursor, 1 + below(40), tally_visit, t);
      for (uint64_t k = below(200); k > 0; k--) {
        size_t len = name_of(name, stable + (unsigned)below(others));
        kevy_value v = kevy_int(0);
        if (below(10) < (growing ? 9u : 1u)) kevy_set(s, name, len, &v, KEVY_NO_TTL, 0, NULL);
        else kevy_delete(s, name, len);
      }
      REQUIRE(++turns < 100000);
    } while (cursor != 0);
    CHECK(memchr(t->met, 0, stable) == NULL);
    kevy_close(s);
  }
  free(t);
}

static void test_iteration(void) {
  kevy_store *s = open_store();
  char name[24];
  const unsigned n = 3000;
  for (unsigned i = 0; i < n; i++) {
    size_t len = name_of(name, i);
    kevy_value v = kevy_int(i);
    CHECK(kevy_set(s, name, len, &v, KEVY_NO_TTL, 0, NULL) == KEVY_OK);
  }
  /* What is written meanwhile changes nothing of what is met. */
  kevy_iter *it;
  kevy_value key, v;
  uint64_t met = 0, sum = 0;
  REQUIRE(kevy_iter_open(s, NULL, 0, KEVY_TYPE_NONE, &it) == KEVY_OK);
  CHECK(kevy_iter_type(it) == KEVY_TYPE_NONE);
  while (kevy_iter_next(it, &key, &v) == KEVY_OK) {
    met++;
    sum += (uint64_t)v.as.i;
    CHECK(kevy_iter_type(it) == KEVY_TYPE_STRING);
    if (met % 2) CHECK(kevy_delete(s, key.as.ptr, key.len) == KEVY_OK);
    size_t len = name_of(name, n + (unsigned)met);
    CHECK(kevy_set(s, name, len, &v, KEVY_NO_TTL, 0, NULL) == KEVY_OK);
  }
  CHECK(met == n && sum == (uint64_t)n * (n - 1) / 2 && kevy_iter_next(it, &key, NULL) == KEVY_MISSING);
  kevy_iter_close(it);
  kevy_iter_close(NULL);

  CHECK(kevy_clear(s) == KEVY_OK);
  for (unsigned i = 0; i < 100; i++) CHECK(set_int(s, (name_of(name, i), name), i) == KEVY_OK);
  static const struct { const char *pattern; int32_t type; uint64_t n; } cases[] = {
      {"key:*", KEVY_TYPE_STRING, 100}, {"key:?", 0, 10}, {"key:1*", 0, 11}, {"*:[0-4]", 0, 5}, {"", 0, 100},
      {"nothing", 0, 0}, {"key:*", KEVY_TYPE_HASH, 0}, {"key:[^1-9]", 0, 1}, {"*", KEVY_TYPE_STREAM, 0}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    REQUIRE(kevy_iter_open(s, cases[i].pattern, strlen(cases[i].pattern), cases[i].type, &it) == KEVY_OK);
    met = 0;
    while (kevy_iter_next(it, &key, NULL) == KEVY_OK) met++;
    CHECK(met == cases[i].n);
    kevy_iter_close(it);
  }
  CHECK(kevy_iter_open(s, NULL, 0, -1, &it) == KEVY_EARG && kevy_iter_open(s, NULL, 0, 7, &it) == KEVY_EARG);
  CHECK(kevy_iter_open(s, "*", SIZE_MAX, 0, &it) == KEVY_ETOOBIG);
  kevy_close(s);
}

/* Every live key is as likely as another, also among many that have expired. */
static void test_random(void) {
  enum { LIVE = 200 };
  kevy_store *s = open_store();
  char name[24];
  kevy_value key;
  CHECK(kevy_random_key(s, &key) == KEVY_MISSING && kevy_debug_clock(s, 1000) == KEVY_OK);
  for (unsigned i = 0; i < 2 * LIVE; i++) {
    size_t len = name_of(name, i);
    kevy_value v = kevy_int(i);
    CHECK(kevy_set(s, name, len, &v, i < LIVE ? KEVY_NO_TTL : 10, 0, NULL) == KEVY_OK);
  }
  CHECK(kevy_debug_clock(s, 2000) == KEVY_OK);
  unsigned met[LIVE] = {0};
  const size_t draws = scaled(40000, 4000);
  for (size_t i = 0; i < draws; i++) {
    REQUIRE(kevy_random_key(s, &key) == KEVY_OK);
    memcpy(name, key.as.ptr, key.len);
    name[key.len] = '\0';
    unsigned k = (unsigned)strtoul(name + 4, NULL, 10);
    REQUIRE(k < LIVE);
    met[k]++;
  }
  double expected = (double)draws / LIVE, chi = 0;
  for (unsigned k = 0; k < LIVE; k++) chi += (met[k] - expected) * (met[k] - expected) / expected;
  CHECK(chi < LIVE + 6 * sqrt(2.0 * LIVE));
  for (unsigned i = 0; i < LIVE; i++) CHECK(kevy_delete(s, name, name_of(name, i)) == KEVY_OK);
  CHECK(kevy_random_key(s, &key) == KEVY_MISSING);
  kevy_close(s);
}

/* ---- figures ---- */

static void test_figures(void) {
  kevy_store *s = open_store();
  kevy_value v = kevy_text("v", 1), got;
  CHECK(figure(s, "keys") == 0 && figure(s, "hits") == 0);
  CHECK(kevy_set(s, "a", 1, &v, KEVY_NO_TTL, 0, NULL) == KEVY_OK);
  CHECK(kevy_get(s, "a", 1, &got) == KEVY_OK && kevy_get(s, "b", 1, &got) == KEVY_MISSING);
  CHECK(kevy_exists(s, "b", 1) == KEVY_MISSING); /* counts for nothing */
  CHECK(figure(s, "hits") == 1 && figure(s, "misses") == 1 && figure(s, "keys") == 1);
  CHECK(kevy_reset_stats(s) == KEVY_OK && figure(s, "hits") == 0 && figure(s, "misses") == 0);
  CHECK(figure(s, "used_memory") == kevy_used_memory(s) && figure(s, "used_memory_peak") >= kevy_used_memory(s));
  uint64_t bytes;
  CHECK(kevy_memory_usage(s, "none", 4, &bytes) == KEVY_MISSING);
  kevy_close(s);
}

/* The sum of the keys' own figures and the store's others is what is used, when no blob is shared. */
static void test_usage_adds_up(void) {
  kevy_store *s = open_store();
  char *buf = calloc(1, 9000), name[24];
  REQUIRE(buf != NULL);
  for (int round = 0; round < 20; round++) {
    for (size_t i = 0; i < scaled(2000, 200); i++) {
      size_t len = name_of(name, (unsigned)below(700));
      kevy_value v = kevy_bytes(buf, below(one_in(10) ? 9000 : 100));
      switch (below(4)) {
        case 0: kevy_delete(s, name, len); break;
        case 1: kevy_append(s, name, len, &v, 0, NULL); break;
        default: kevy_set(s, name, len, &v, one_in(3) ? 100000 : KEVY_NO_TTL, 0, NULL);
      }
    }
    uint64_t sum = 0, bytes;
    kevy_iter *it;
    kevy_value key;
    REQUIRE(kevy_iter_open(s, NULL, 0, KEVY_TYPE_NONE, &it) == KEVY_OK);
    while (kevy_iter_next(it, &key, NULL) == KEVY_OK) {
      CHECK(kevy_memory_usage(s, key.as.ptr, key.len, &bytes) == KEVY_OK);
      sum += bytes;
    }
    kevy_iter_close(it);
    CHECK(sum + figure(s, "table_bytes") + figure(s, "wheel_bytes") + figure(s, "retained_bytes") ==
          kevy_used_memory(s));
    kevy_tick(s, 1000, NULL);
  }
  free(buf);
  kevy_close(s);
}

/* A store full to its limit: writes that do not fit change nothing, deletes make room. */
static void test_maxmemory(void) {
  const uint64_t limit = 2000000;
  kevy_options o = KEVY_OPTIONS_INIT;
  o.maxmemory = limit;
  kevy_store *s;
  REQUIRE(kevy_open(&o, &s) == KEVY_OK);
  char name[24];
  kevy_value v = kevy_text("0123456789abcdef", 16), got;
  unsigned n = 0;
  kevy_status status;
  while ((status = kevy_set(s, name, name_of(name, n), &v, KEVY_NO_TTL, 0, NULL)) == KEVY_OK) {
    n++;
    if (kevy_used_memory(s) > limit) FAIL("the limit holds");
  }
  CHECK(status == KEVY_EOOM && n > 20000 && table_check(s->base, s->keys));
  CHECK(kevy_get(s, name, name_of(name, n), &got) == KEVY_MISSING && figure(s, "keys") == n);
  CHECK(kevy_set(s, name, name_of(name, 5), &v, KEVY_NO_TTL, 0, NULL) == KEVY_OK); /* the same size */
  for (unsigned i = 0; i < n; i++) {
    if (kevy_delete(s, name, name_of(name, i)) != KEVY_OK) FAIL("deletes work in a full store");
  }
  CHECK(kevy_used_memory(s) < 10000 && figure(s, "used_memory_peak") <= limit);
  kevy_close(s);
}

/* MSET into a store with room for the values but not for what the table must grow by: all or nothing. */
static void test_mset_at_the_limit(bool snapshots) {
  enum { MANY = 3000, SPREAD = 5 };
  static kevy_value keys[MANY], values[MANY];
  static char names[MANY][24];
  uint64_t refused = 0, done = 0;
  for (uint64_t limit = 150000; limit < 700000; limit += 13777) {
    kevy_options o = KEVY_OPTIONS_INIT;
    kevy_store *s, *snapshot = NULL;
    o.maxmemory = limit;
    REQUIRE(kevy_open(&o, &s) == KEVY_OK);
    char name[24];
    kevy_value v = kevy_text("old", 3), got;
    for (unsigned i = 0; i < MANY; i += SPREAD)
      REQUIRE(kevy_set(s, name, name_of(name, i), &v, i % 2 ? 60000 : KEVY_NO_TTL, 0, NULL) == KEVY_OK);
    if (snapshots) REQUIRE(kevy_snapshot(s, &snapshot) == KEVY_OK);
    for (unsigned i = 0; i < MANY; i++) {
      keys[i] = kevy_bytes(names[i], name_of(names[i], i % (MANY - 7))); /* the last ones come twice */
      values[i] = kevy_int(i);
    }
    uint64_t before = kevy_used_memory(s);
    kevy_status status = kevy_mset(s, MANY, keys, values, one_in(2) ? 60000 : KEVY_NO_TTL, 0);
    CHECK(status == KEVY_OK || status == KEVY_EOOM);
    refused += status == KEVY_EOOM;
    done += status == KEVY_OK;
    /* A snapshot's list of what it still sees is not refused its room. */
    CHECK(before <= limit && kevy_used_memory(s) <= limit + (snapshots ? MANY * 16 : 0));
    for (unsigned i = 0; i < MANY; i++) {
      kevy_status found = kevy_get(s, names[i], keys[i].len, &got);
      unsigned k = i % (MANY - 7), last = k < 7 ? k + MANY - 7 : k;
      bool as_before = k % SPREAD == 0 ? found == KEVY_OK && got.kind == KEVY_TEXT : found == KEVY_MISSING;
      if (status == KEVY_OK ? found != KEVY_OK || got.as.i != last : !as_before) FAIL("all or nothing");
      if (snapshots && kevy_exists(snapshot, names[i], keys[i].len) != (k % SPREAD ? KEVY_MISSING : KEVY_OK))
        FAIL("the snapshot stays");
    }
    CHECK(table_check(s->base, s->keys) && accounts_add_up(s));
    kevy_close(snapshot);
    kevy_close(s);
  }
  CHECK(refused > 0 && done > 0);
}

int main(void) {
  check_begin("test_keyspace");
  test_open();
  test_named();
  test_messages();
  test_moving();
  test_read_only();
  test_clear();
  test_scan();
  test_iteration();
  test_random();
  test_figures();
  test_usage_adds_up();
  test_maxmemory();
  test_mset_at_the_limit(false);
  test_mset_at_the_limit(true);
  return check_end();
}
