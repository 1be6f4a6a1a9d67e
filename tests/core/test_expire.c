/* Time: deadlines against a plain list of them, a fake clock stepped both ways, slices, and the ends of time. */
#include "internals.h"

#include "../../core/wheel.c"
#include "../../core/expire.c"

#include "check.h"
#include "model.h"

static kevy_store *open_store(int64_t now) {
  kevy_store *s;
  REQUIRE(kevy_open(NULL, &s) == KEVY_OK && kevy_debug_clock(s, now) == KEVY_OK);
  return s;
}
static size_t name_of(char name[24], unsigned n) { return (size_t)snprintf(name, 24, "key:%u", n); }

static kevy_status set_until(kevy_store *s, unsigned n, int64_t deadline) {
  char name[24];
  kevy_value v = kevy_int(n);
  return kevy_set(s, name, name_of(name, n), &v, deadline, deadline == KEVY_NO_TTL ? 0 : KEVY_AT, NULL);
}

/* ---- the wheel against a list ---- */

/* From a millisecond to centuries, every power of two as likely. */
static int64_t some_span(void) { return 1 + (int64_t)(chance() >> (20 + below(44))); }

typedef struct world {
  kevy_store *s;
  int64_t now, *deadlines; /* 0 where absent */
  unsigned n;
} world;

/* Nothing is there whose time has come, nothing is gone whose time has not. */
static void settle(world *w) {
  while (kevy_tick(w->s, 0, NULL) == KEVY_UNMET) continue;
  uint64_t live = 0, with_ttl = 0, keys;
  int64_t earliest = INT64_MAX;
  for (unsigned i = 0; i < w->n; i++) {
    int64_t d = w->deadlines[i];
    if (d != 0 && d != KEVY_NO_TTL && d <= w->now) w->deadlines[i] = d = 0;
    if (d == 0) continue;
    live++;
    with_ttl += d != KEVY_NO_TTL;
    if (d != KEVY_NO_TTL && d < earliest) earliest = d;
  }
  CHECK(kevy_len(w->s, &keys) == KEVY_OK && keys == live && figure(w->s, "keys_with_ttl") == with_ttl);
  ref first = expire_earliest(w->s);
  CHECK((first == 0) == (with_ttl == 0));
  if (first != 0 && with_ttl != 0) { /* it shares its list with the earliest */
    const wheel *wh = wheel_of(w->s);
    wheel_place at = wheel_spot(wh, entry_deadline(mem_ptr(w->s->base, first))), best = wheel_spot(wh, earliest);
    CHECK(at.level == best.level && at.list == best.list);
  }
  CHECK(w->s->next_due <= earliest || with_ttl == 0);
}

static void verify(world *w) {
  char name[24];
  for (unsigned i = 0; i < w->n; i++) {
    int64_t d = w->deadlines[i], got;
    bool live = d == KEVY_NO_TTL || d > w->now;
    kevy_status status = kevy_deadline(w->s, name, name_of(name, i), &got);
    if (status != (live ? KEVY_OK : KEVY_MISSING) || (live && got != d)) FAIL("a key lives to its deadline");
  }
  CHECK(table_check(w->s->base, w->s->keys) && accounts_add_up(w->s));
}

static void test_wheel(unsigned n, size_t steps, bool backwards) {
  world w = {NULL, MODEL_EPOCH, calloc(n, sizeof(int64_t)), n};
  REQUIRE(w.deadlines != NULL);
  w.s = open_store(w.now);
  char name[24];
  for (size_t i = 0; i < steps; i++) {
    unsigned k = (unsigned)below(n);
    size_t len = name_of(name, k);
    bool live = w.deadlines[k] == KEVY_NO_TTL || w.deadlines[k] > w.now;
    switch (below(8)) {
      case 0: case 1: case 2:
        w.deadlines[k] = w.now + some_span();
        CHECK(set_until(w.s, k, w.deadlines[k]) == KEVY_OK);
        break;
      case 3:
        if (live) w.deadlines[k] = w.now + some_span();
        CHECK(kevy_expire(w.s, name, len, live ? w.deadlines[k] - w.now : 5, 0) == (live ? KEVY_OK : KEVY_MISSING));
        break;
      case 4:
        CHECK(kevy_persist(w.s, name, len) ==
              (!live ? KEVY_MISSING : w.deadlines[k] == KEVY_NO_TTL ? KEVY_UNMET : KEVY_OK));
        if (live) w.deadlines[k] = KEVY_NO_TTL;
        break;
      case 5:
        CHECK(kevy_delete(w.s, name, len) == (live ? KEVY_OK : KEVY_MISSING));
        w.deadlines[k] = 0;
        break;
      default: {
        kevy_value v;
        CHECK(kevy_get(w.s, name, len, &v) == (live ? KEVY_OK : KEVY_MISSING));
      }
    }
    if (one_in(20)) {
      int64_t span = one_in(5) ? some_span() : (int64_t)below(2000);
      if (span > CLOCK_END / 100) span /= 100;
      if (backwards && one_in(3)) {
        for (unsigned d = 0; d < n; d++) /* what has gone stays gone */
          if (w.deadlines[d] != KEVY_NO_TTL && w.deadlines[d] <= w.now) w.deadlines[d] = 0;
        settle(&w);
        w.now -= w.now > span ? span : w.now;
      } else if (w.now + span < CLOCK_END) {
        w.now += span;
      }
      CHECK(kevy_debug_clock(w.s, w.now) == KEVY_OK);
      if (one_in(3)) settle(&w);
    }
    if (i % (steps / 30 + 1) == 0) verify(&w);
  }
  settle(&w);
  verify(&w);
  w.now = CLOCK_END - 1;
  CHECK(kevy_debug_clock(w.s, w.now) == KEVY_OK);
  settle(&w);
  verify(&w);
  free(w.deadlines);
  kevy_close(w.s);
}

/* Turned a millisecond at a time and in leaps, each key goes at its deadline, not before, not after. */
static void test_each_in_its_turn(void) {
  const unsigned n = (unsigned)scaled(3000, 300);
  const int64_t starts[] = {0, 1, 63, 64, 4095, MODEL_EPOCH, (INT64_C(1) << 42) - 50};
  for (size_t k = 0; k < sizeof starts / sizeof *starts; k++) {
    kevy_store *s = open_store(starts[k]);
    for (unsigned i = 0; i < n; i++) CHECK(set_until(s, i, starts[k] + 1 + i) == KEVY_OK);
    for (unsigned at = 0; at < n;) {
      at += one_in(3) ? (unsigned)below(200) : 1;
      if (at > n) at = n;
      CHECK(kevy_debug_clock(s, starts[k] + at) == KEVY_OK);
      while (kevy_tick(s, 0, NULL) == KEVY_UNMET) continue;
      uint64_t left;
      CHECK(kevy_len(s, &left) == KEVY_OK && left == n - at);
      ref first = expire_earliest(s);
      if (at < n) CHECK(first != 0 && entry_deadline(mem_ptr(s->base, first)) >= starts[k] + at + 1);
    }
    CHECK(figure(s, "expired") == n && figure(s, "keys_with_ttl") == 0);
    kevy_close(s);
  }
}

/* ---- edges ---- */

static void test_edges(void) {
  const int64_t now = MODEL_EPOCH;
  kevy_store *s = open_store(now);
  kevy_value v = kevy_int(1), got;
  int64_t t;
  CHECK(kevy_now(s, &t) == KEVY_OK && t == now);
  CHECK(kevy_ttl(s, "k", 1, &t) == KEVY_MISSING && kevy_deadline(s, "k", 1, &t) == KEVY_MISSING);
  CHECK(kevy_expire(s, "k", 1, 5, 0) == KEVY_MISSING && kevy_persist(s, "k", 1) == KEVY_MISSING);
  CHECK(kevy_set(s, "k", 1, &v, KEVY_NO_TTL, 0, NULL) == KEVY_OK);
  CHECK(kevy_ttl(s, "k", 1, &t) == KEVY_OK && t == KEVY_NO_TTL);
  CHECK(kevy_deadline(s, "k", 1, &t) == KEVY_OK && t == KEVY_NO_TTL && kevy_persist(s, "k", 1) == KEVY_UNMET);
  static const int64_t wrong[] = {0, -1, -2, INT64_MIN, INT64_MAX};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    CHECK(kevy_expire(s, "k", 1, wrong[i], 0) == KEVY_EEXPIRE);
    if (wrong[i] != KEVY_NO_TTL) {
      CHECK(kevy_set(s, "k", 1, &v, wrong[i], 0, NULL) == KEVY_EEXPIRE);
      CHECK(kevy_getex(s, "k", 1, wrong[i], 0, &got) == KEVY_EEXPIRE);
    }
  }
  CHECK(kevy_expire(s, "k", 1, -1, KEVY_AT) == KEVY_EEXPIRE && kevy_expire(s, "k", 1, INT64_MIN, KEVY_AT) == KEVY_EEXPIRE);
  static const int64_t right[] = {1, 1000, INT64_C(1) << 47, INT64_C(1) << 48, INT64_C(1) << 62};
  for (size_t i = 0; i < sizeof right / sizeof *right; i++) {
    CHECK(kevy_expire(s, "k", 1, right[i], 0) == KEVY_OK);
    CHECK(kevy_ttl(s, "k", 1, &t) == KEVY_OK && t == right[i]);
    CHECK(kevy_deadline(s, "k", 1, &t) == KEVY_OK && t == now + right[i]);
  }
  CHECK(kevy_expire(s, "k", 1, INT64_MAX - now, 0) == KEVY_OK && kevy_expire(s, "k", 1, INT64_MAX, KEVY_AT) == KEVY_OK);
  CHECK(kevy_deadline(s, "k", 1, &t) == KEVY_OK && t == INT64_MAX);
  CHECK(kevy_tick(s, 0, NULL) == KEVY_OK && kevy_exists(s, "k", 1) == KEVY_OK);
  CHECK(kevy_debug_clock(s, CLOCK_END - 1) == KEVY_OK && kevy_tick(s, 0, NULL) == KEVY_OK);
  CHECK(kevy_exists(s, "k", 1) == KEVY_OK && figure(s, "keys") == 1);
  CHECK(kevy_debug_clock(s, CLOCK_END) == KEVY_EARG && kevy_debug_clock(s, INT64_MAX) == KEVY_EARG);
  CHECK(kevy_debug_clock(s, -2) == KEVY_EARG);

  /* A deadline that has come deletes. */
  CHECK(kevy_debug_clock(s, now) == KEVY_OK);
  CHECK(kevy_expire(s, "k", 1, now, KEVY_AT) == KEVY_OK && kevy_exists(s, "k", 1) == KEVY_MISSING);
  CHECK(kevy_set(s, "k", 1, &v, KEVY_NO_TTL, 0, NULL) == KEVY_OK);
  CHECK(kevy_set(s, "k", 1, &v, 0, KEVY_AT, &got) == KEVY_OK && got.as.i == 1);
  CHECK(kevy_exists(s, "k", 1) == KEVY_MISSING && figure(s, "keys") == 0);
  kevy_close(s);
}

static void test_conditions(void) {
  const int64_t now = MODEL_EPOCH;
  kevy_store *s = open_store(now);
  kevy_value v = kevy_int(1);
  int64_t t;
  CHECK(kevy_set(s, "k", 1, &v, KEVY_NO_TTL, 0, NULL) == KEVY_OK);
  CHECK(kevy_expire(s, "k", 1, 10, KEVY_XX) == KEVY_UNMET && kevy_expire(s, "k", 1, 10, KEVY_GT) == KEVY_UNMET);
  CHECK(kevy_expire(s, "k", 1, 100, KEVY_LT) == KEVY_OK && kevy_expire(s, "k", 1, 100, KEVY_NX) == KEVY_UNMET);
  CHECK(kevy_expire(s, "k", 1, 100, KEVY_GT) == KEVY_UNMET && kevy_expire(s, "k", 1, 100, KEVY_LT) == KEVY_UNMET);
  CHECK(kevy_expire(s, "k", 1, 200, KEVY_GT) == KEVY_OK && kevy_expire(s, "k", 1, 50, KEVY_LT) == KEVY_OK);
  CHECK(kevy_expire(s, "k", 1, 60, KEVY_XX | KEVY_GT) == KEVY_OK);
  CHECK(kevy_ttl(s, "k", 1, &t) == KEVY_OK && t == 60);
  CHECK(kevy_expire(s, "k", 1, 1, KEVY_NX | KEVY_XX) == KEVY_EARG);
  CHECK(kevy_expire(s, "k", 1, 1, KEVY_NX | KEVY_GT) == KEVY_EARG && kevy_expire(s, "k", 1, 1, KEVY_NX | KEVY_LT) == KEVY_EARG);
  CHECK(kevy_expire(s, "k", 1, 1, KEVY_GT | KEVY_LT) == KEVY_EARG && kevy_expire(s, "k", 1, 1, KEVY_KEEPTTL) == KEVY_EARG);
  CHECK(kevy_persist(s, "k", 1) == KEVY_OK && kevy_expire(s, "k", 1, 10, KEVY_NX) == KEVY_OK);
  kevy_close(s);
}

/* Which writes keep a deadline and which clear it. */
static void test_what_keeps(void) {
  kevy_store *s = open_store(MODEL_EPOCH);
  kevy_value v = kevy_text("5", 1), got;
  int64_t t, i;
#define TTL_IS(expected) CHECK(kevy_ttl(s, "k", 1, &t) == KEVY_OK && t == (expected))
  CHECK(kevy_set(s, "k", 1, &v, 1000, 0, NULL) == KEVY_OK);
  TTL_IS(1000);
  CHECK(kevy_incr(s, "k", 1, 1, 0, &i) == KEVY_OK);
  TTL_IS(1000);
  CHECK(kevy_incr_float(s, "k", 1, 0.5, 0, NULL) == KEVY_OK);
  TTL_IS(1000);
  CHECK(kevy_append(s, "k", 1, &v, 0, NULL) == KEVY_OK && kevy_setrange(s, "k", 1, 3000, "x", 1, 0, NULL) == KEVY_OK);
  TTL_IS(1000);
  CHECK(kevy_set(s, "k", 1, &v, KEVY_NO_TTL, KEVY_KEEPTTL, NULL) == KEVY_OK);
  TTL_IS(1000);
  CHECK(kevy_getex(s, "k", 1, KEVY_NO_TTL, 0, &got) == KEVY_OK);
  TTL_IS(1000);
  CHECK(kevy_set(s, "k", 1, &v, KEVY_NO_TTL, KEVY_NX, NULL) == KEVY_UNMET);
  TTL_IS(1000);
  CHECK(kevy_getex(s, "k", 1, 50, 0, &got) == KEVY_OK);
  TTL_IS(50);
  CHECK(kevy_getex(s, "k", 1, KEVY_NO_TTL, KEVY_PERSIST, &got) == KEVY_OK);
  TTL_IS(KEVY_NO_TTL);
  CHECK(kevy_set(s, "k", 1, &v, 1000, 0, NULL) == KEVY_OK && kevy_set(s, "k", 1, &v, KEVY_NO_TTL, 0, NULL) == KEVY_OK);
  TTL_IS(KEVY_NO_TTL);
#undef TTL_IS
  kevy_close(s);
}

/* An expired key is seen by nobody, before anything has reclaimed it, and not in later snapshots either. */
static void test_unseen(void) {
  kevy_store *s = open_store(MODEL_EPOCH), *before = NULL, *after = NULL;
  kevy_value v = kevy_text("old", 3), got;
  kevy_iter *it;
  int32_t type;
  uint64_t n;
  int64_t t;
#define EXPIRED                                                                                    \
  CHECK(kevy_debug_clock(s, MODEL_EPOCH) == KEVY_OK);                                              \
  CHECK(kevy_set(s, "k", 1, &v, 10, KEVY_TEXT_KEY, NULL) == KEVY_OK);                              \
  CHECK(kevy_debug_clock(s, MODEL_EPOCH + 10) == KEVY_OK && figure(s, "keys") == 1)
  CHECK(kevy_set(s, "k", 1, &v, 10, 0, NULL) == KEVY_OK && kevy_snapshot(s, &before) == KEVY_OK);
  EXPIRED;
  CHECK(kevy_get(before, "k", 1, &got) == KEVY_OK && kevy_ttl(before, "k", 1, &t) == KEVY_OK && t == 10);
  CHECK(kevy_snapshot(s, &after) == KEVY_OK && kevy_get(after, "k", 1, &got) == KEVY_MISSING);
  CHECK(kevy_iter_open(s, NULL, 0, 0, &it) == KEVY_OK && kevy_iter_next(it, &got, NULL) == KEVY_MISSING);
  kevy_iter_close(it);
  kevy_close(before);
  kevy_close(after);
  CHECK(kevy_exists(s, "k", 1) == KEVY_MISSING && kevy_type(s, "k", 1, &type) == KEVY_MISSING);
  CHECK(kevy_ttl(s, "k", 1, &t) == KEVY_MISSING && kevy_strlen(s, "k", 1, &n) == KEVY_MISSING && n == 0);
  EXPIRED;
  CHECK(kevy_get(s, "k", 1, &got) == KEVY_MISSING && figure(s, "keys") == 0);
  EXPIRED;
  CHECK(kevy_delete(s, "k", 1) == KEVY_MISSING && figure(s, "keys") == 0);
  EXPIRED;
  CHECK(kevy_append(s, "k", 1, &v, 0, &n) == KEVY_OK && n == 3 && kevy_ttl(s, "k", 1, &t) == KEVY_OK && t == KEVY_NO_TTL);
  CHECK(kevy_delete(s, "k", 1) == KEVY_OK);
  EXPIRED;
  CHECK(kevy_set(s, "k", 1, &v, KEVY_NO_TTL, KEVY_XX, NULL) == KEVY_UNMET);
  CHECK(kevy_set(s, "k", 1, &v, KEVY_NO_TTL, KEVY_NX, &got) == KEVY_OK && got.kind == KEVY_NIL);
  CHECK(kevy_random_key(s, &got) == KEVY_OK && got.kind == KEVY_BYTES); /* a new key, of the kind given now */
  CHECK(kevy_delete(s, "k", 1) == KEVY_OK);
  EXPIRED;
  CHECK(kevy_rename(s, "k", 1, "z", 1, 0) == KEVY_MISSING && kevy_getdel(s, "k", 1, &got) == KEVY_MISSING);
  EXPIRED;
  CHECK(kevy_set(s, "a", 1, &v, KEVY_NO_TTL, 0, NULL) == KEVY_OK && kevy_rename(s, "a", 1, "k", 1, KEVY_NX) == KEVY_OK);
  CHECK(kevy_expire(s, "k", 1, 5, 0) == KEVY_OK);
#undef EXPIRED
  kevy_close(s);
}

/* ---- paying in slices ---- */

static void test_slices(void) {
  const unsigned n = (unsigned)scaled(100000, 10000);
  kevy_store *s = open_store(MODEL_EPOCH);
  for (unsigned i = 0; i < n; i++) CHECK(set_until(s, i, MODEL_EPOCH + 1 + (int64_t)below(1000)) == KEVY_OK);
  CHECK(kevy_debug_clock(s, MODEL_EPOCH + 5000) == KEVY_OK);
  /* One slice is bounded, in keys and in what kevy_len may spend. */
  uint64_t expired = 0, keys;
  CHECK(!expire_slice(s, 100, &expired) && expired <= 100);
  uint64_t before = figure(s, "keys");
  CHECK(kevy_len(s, &keys) == KEVY_OK && before - keys <= 128 && keys == figure(s, "keys"));
  /* Writers pay: with nobody ticking, memory comes back. */
  kevy_value v = kevy_int(1);
  unsigned writes = 0;
  while (figure(s, "keys_with_ttl") > 0 && writes < n) {
    CHECK(kevy_set(s, "w", 1, &v, KEVY_NO_TTL, 0, NULL) == KEVY_OK);
    writes++;
  }
  CHECK(writes < n && figure(s, "keys") == 1 && table_check(s->base, s->keys));
  CHECK(kevy_tick(s, UINT64_MAX, &expired) == KEVY_OK && expired == 0);
  /* A tick's budget ends it. */
  for (unsigned i = 0; i < n; i++) CHECK(set_until(s, i, MODEL_EPOCH + 6000) == KEVY_OK);
  CHECK(kevy_debug_clock(s, MODEL_EPOCH + 6000) == KEVY_OK);
  CHECK(kevy_tick(s, 1, &expired) == KEVY_UNMET && expired < n);
  CHECK(kevy_tick(s, UINT64_MAX, &expired) == KEVY_OK && figure(s, "keys") == 1);
  kevy_close(s);
}

/* Those who only take or exchange what they are lent pay, too. */
static void test_paid_by_lenders(void) {
  kevy_store *s = open_store(MODEL_EPOCH);
  kevy_value v = kevy_int(1), got;
  for (unsigned i = 0; i < 1000; i++) CHECK(set_until(s, i, MODEL_EPOCH + 1000) == KEVY_OK);
  CHECK(kevy_debug_clock(s, MODEL_EPOCH + 2000) == KEVY_OK);
  for (int i = 0; i < 2000; i++) {
    CHECK(kevy_set(s, "w", 1, &v, KEVY_NO_TTL, 0, &got) == KEVY_OK);
    CHECK(kevy_getdel(s, "w", 1, &got) == KEVY_OK && got.as.i == 1);
  }
  CHECK(figure(s, "keys") == 0);
  kevy_close(s);
}

/* The system's clock: TTLs count down in real time, and the fake one can be left. */
static void test_real_clock(void) {
  kevy_store *s;
  REQUIRE(kevy_open(NULL, &s) == KEVY_OK);
  kevy_value v = kevy_int(1), got;
  int64_t now, t;
  CHECK(kevy_now(s, &now) == KEVY_OK && now / 1000 - (int64_t)time(NULL) <= 2 && (int64_t)time(NULL) - now / 1000 <= 2);
  CHECK(kevy_set(s, "k", 1, &v, 30, 0, NULL) == KEVY_OK && kevy_set(s, "l", 1, &v, 3600000, 0, NULL) == KEVY_OK);
  struct timespec nap = {0, 40000000};
  nanosleep(&nap, NULL);
  CHECK(kevy_get(s, "k", 1, &got) == KEVY_MISSING && kevy_ttl(s, "l", 1, &t) == KEVY_OK && t > 3500000 && t <= 3599970);
  CHECK(kevy_debug_clock(s, MODEL_EPOCH) == KEVY_OK && kevy_now(s, &t) == KEVY_OK && t == MODEL_EPOCH);
  CHECK(kevy_debug_clock(s, KEVY_NO_TTL) == KEVY_OK && kevy_now(s, &t) == KEVY_OK && t >= now);
  CHECK(kevy_exists(s, "l", 1) == KEVY_OK);
  kevy_close(s);
}

int main(void) {
  check_begin("test_expire");
  test_wheel(50, scaled(60000, 3000), false);
  test_wheel(2000, scaled(100000, 5000), false);
  test_wheel(500, scaled(30000, 3000), true);
  test_each_in_its_turn();
  test_edges();
  test_conditions();
  test_what_keeps();
  test_unseen();
  test_slices();
  test_paid_by_lenders();
  test_real_clock();
  return check_end();
}
