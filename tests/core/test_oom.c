/* Memory that runs out: every allocation of every operation fails once, in the region and in malloc, in many
 * states of the store; what failed changed nothing. And maxmemory, which no write exceeds. */
#include "internals.h"

#include "failing.h"

#include "check.h"
#include "model.h"

static kevy_store *open_store(uint64_t maxmemory) {
  kevy_options o = KEVY_OPTIONS_INIT;
  kevy_store *s;
  o.maxmemory = maxmemory;
  REQUIRE(kevy_open(&o, &s) == KEVY_OK);
  return s;
}

/* What the entries and blobs take: what a failed operation must give back to the byte. (The table may have
 * split before the entry found no place, and the wheel stays once it exists.) */
static uint64_t of_entries(kevy_store *s) {
  return kevy_used_memory(s) - figure(s, "table_bytes") - figure(s, "wheel_bytes") - figure(s, "retained_bytes");
}

/* Nothing is lent, nothing is due: an operation pays for itself alone. */
static void come_to_rest(kevy_store *s) {
  (void)kevy_delete(s, "no such key", 11);
  while (kevy_tick(s, 0, NULL) == KEVY_UNMET) continue;
}

/* Fails the op's n-th allocation for n = 1, 2, ... until it succeeds. in_malloc: the process's, not the region's.
 * Returns how often it failed. */
static unsigned fail_each(kevy_store *s, model *m, const op *o, bool in_malloc, const char *what) {
  for (unsigned n = 1;; n++) {
    REQUIRE(n < 200);
    come_to_rest(s);
    uint64_t entries = of_entries(s), used = kevy_used_memory(s), keys = figure(s, "keys");
    bool copies = s->sp->newest != 0;
    if (in_malloc) fail_malloc_in = n;
    else kevy_debug_fail_alloc(s, n);
    result got = op_run(s, m, o);
    bool fired = in_malloc ? fail_malloc_in == 0 : s->sp->mem.fail_in == 0;
    fail_malloc_in = 0;
    kevy_debug_fail_alloc(s, 0);
    if (got.status != KEVY_EOOM) {
      result want = op_expect(m, o);
      if (!CHECK(results_alike(&got, &want)))
        fprintf(stderr, "%s: op %d: status %d, not %d, with allocation %u failing\n", what, o->what, got.status,
                want.status, n);
      result_release(&got);
      result_release(&want);
      if (!fired) return n - 1;
      /* It did without: there is nothing to try again. */
      return n;
    }
    result_release(&got);
    bool unchanged = figure(s, "keys") == keys && of_entries(s) == entries;
    if (!copies && used != kevy_used_memory(s)) unchanged &= kevy_used_memory(s) - used < 16384;
    if (!CHECK(unchanged && fired && kevy_errmsg(s)[0] != '\0'))
      fprintf(stderr, "%s: op %d leaves %lld bytes\n", what, o->what, (long long)(of_entries(s) - entries));
    if (n == 1 || one_in(8)) CHECK(model_matches(m, s) && table_check(s->base, s->keys));
  }
}

enum { STATE_EMPTY, STATE_SMALL, STATE_SNAPSHOT, STATE_BLOBS, STATE_TTL, STATE_LARGE, STATES };
static const char *const state_names[] = {"empty", "small", "snapshot", "blobs", "ttl", "large"};

static void prepare_state(kevy_store *s, model *m, int state) {
  size_t steps = state == STATE_EMPTY ? 0 : state == STATE_LARGE ? 3000 : 300;
  for (size_t i = 0; i < steps; i++) {
    op o;
    op_choose(&o, m);
    if (o.what == OP_SET && (state == STATE_BLOBS || (state == STATE_SNAPSHOT && one_in(3)))) {
      mval_release(o.value);
      o.value = some_bytes(2000 + below(9000));
    }
    if (o.what == OP_SET && state == STATE_TTL) {
      o.flags = 0;
      o.ttl = 1000 + (int64_t)below(100000);
    }
    result got = op_run(s, m, &o), want = op_expect(m, &o);
    CHECK(results_alike(&got, &want));
    result_release(&got);
    result_release(&want);
    op_release(&o);
  }
}

static void test_every_op(int state, bool in_malloc, size_t ops) {
  kevy_store *s = open_store(0), *snapshot = NULL;
  model m, past;
  model_open(&m, s, state == STATE_LARGE ? 500 : 60);
  prepare_state(s, &m, state);
  unsigned failures = 0;
  for (size_t i = 0; i < ops; i++) {
    if (state == STATE_SNAPSHOT && i % 10 == 0) {
      if (snapshot != NULL) {
        CHECK(model_matches(&past, snapshot));
        kevy_close(snapshot);
        model_close(&past);
        if (one_in(2)) kevy_tick(s, 1000, NULL);
      }
      REQUIRE(kevy_snapshot(s, &snapshot) == KEVY_OK);
      model_copy(&past, &m);
    }
    op o;
    op_choose(&o, &m);
    failures += fail_each(s, &m, &o, in_malloc, state_names[state]);
    op_release(&o);
    if (one_in(20)) model_move_clock(&m, s);
  }
  CHECK(failures > (in_malloc ? 0 : ops / 20));
  CHECK(model_matches(&m, s) && table_check(s->base, s->keys));
  if (snapshot != NULL) {
    CHECK(model_matches(&past, snapshot));
    kevy_close(snapshot);
    model_close(&past);
  }
  come_to_rest(s);
  CHECK(accounts_add_up(s));
  for (uint32_t k = 0; k < m.keys; k++) (void)kevy_delete(s, model_names[k], model_lens[k]);
  CHECK(of_entries(s) == 0 && figure(s, "table_segments") == 1 && figure(s, "retained_bytes") == 0);
  model_close(&m);
  kevy_close(s);
}

/* A store grown one key at a time through splits, every allocation of each insert failing. */
static void test_growing(bool snapshots) {
  kevy_store *s = open_store(0), *snapshot = NULL;
  const unsigned n = (unsigned)scaled(4000, 1200);
  char name[24];
  uint64_t failures = 0;
  for (unsigned i = 0; i < n; i++) {
    if (snapshots && i % 50 == 0) {
      kevy_close(snapshot);
      REQUIRE(kevy_snapshot(s, &snapshot) == KEVY_OK);
    }
    size_t len = (size_t)snprintf(name, sizeof name, "key:%u", i);
    kevy_value v = kevy_int(i), got;
    for (unsigned k = 1;; k++) {
      kevy_debug_fail_alloc(s, k);
      kevy_status status = kevy_set(s, name, len, &v, i % 3 ? KEVY_NO_TTL : 100000, 0, NULL);
      if (status == KEVY_OK) break;
      failures++;
      REQUIRE(status == KEVY_EOOM && k < 100);
      if (kevy_get(s, name, len, &got) != KEVY_MISSING || figure(s, "keys") != i) FAIL("a failed set changes nothing");
    }
    kevy_debug_fail_alloc(s, 0);
    if (i % 500 == 0) CHECK(table_check(s->base, s->keys));
  }
  CHECK(failures > n && table_check(s->base, s->keys));
  for (unsigned i = 0; i < n; i++) {
    size_t len = (size_t)snprintf(name, sizeof name, "key:%u", i);
    kevy_value got;
    if (kevy_get(s, name, len, &got) != KEVY_OK || got.as.i != i) FAIL("what was set is there");
    kevy_debug_fail_alloc(s, 1); /* deletes do without */
    if (kevy_delete(s, name, len) != KEVY_OK) FAIL("deletes never fail");
  }
  kevy_debug_fail_alloc(s, 0);
  kevy_close(snapshot);
  CHECK(kevy_tick(s, 1000000, NULL) == KEVY_OK && of_entries(s) == 0 && figure(s, "retained_bytes") == 0);
  kevy_close(s);
}

/* Opening, iterating, pinning, snapshots: what the process's malloc refuses. */
static void test_handles(void) {
  kevy_store *s = NULL, *snapshot = NULL;
  kevy_options o = KEVY_OPTIONS_INIT;
  for (int named = 0; named < 2; named++) {
    o.url = named ? "mem://oom" : NULL;
    o.flags = named ? KEVY_BACKGROUND : 0;
    kevy_status status = KEVY_EOOM;
    for (unsigned n = 1; status != KEVY_OK; n++) {
      fail_malloc_in = n;
      status = kevy_open(&o, &s);
      fail_malloc_in = 0;
      REQUIRE(n < 20 && (status == KEVY_OK || (status == KEVY_EOOM && kevy_errmsg(NULL)[0] != '\0')));
    }
    kevy_value v = kevy_text("value", 5), got;
    char big[5000] = "big";
    CHECK(kevy_set(s, "k", 1, &v, KEVY_NO_TTL, 0, NULL) == KEVY_OK);
    v = kevy_bytes(big, sizeof big);
    CHECK(kevy_set(s, "big", 3, &v, KEVY_NO_TTL, 0, NULL) == KEVY_OK);
    kevy_iter *it = NULL;
    for (unsigned n = 1; it == NULL; n++) {
      fail_malloc_in = n;
      status = kevy_iter_open(s, "*", 1, 0, &it);
      fail_malloc_in = 0;
      REQUIRE(n < 20 && status == (it != NULL ? KEVY_OK : KEVY_EOOM));
    }
    for (unsigned n = 1; snapshot == NULL; n++) {
      fail_malloc_in = n;
      status = kevy_snapshot(s, &snapshot);
      fail_malloc_in = 0;
      REQUIRE(n < 20 && status == (snapshot != NULL ? KEVY_OK : KEVY_EOOM));
    }
    static const char *const keys[] = {"k", "big"};
    for (int i = 0; i < 2; i++) {
      kevy_pin *pin = NULL;
      uint64_t used = kevy_used_memory(s);
      fail_malloc_in = 1;
      CHECK(kevy_pin_value(s, keys[i], strlen(keys[i]), &pin, &got) == KEVY_EOOM && pin == NULL);
      CHECK(kevy_used_memory(s) == used && figure(s, "pins") == 0);
    }
    fail_malloc_in = 1;
    CHECK(kevy_clear(s) == KEVY_EOOM && kevy_exists(s, "k", 1) == KEVY_OK);
    fail_malloc_in = 0;
    kevy_iter_close(it);
    kevy_close(snapshot);
    snapshot = NULL;
    kevy_close(s);
  }
}

/* Random writes at the limit of a small store: what does not fit changes nothing, and no operation takes
 * used memory past the limit but one that removes keys under a snapshot. */
static void test_limit(bool snapshots, size_t steps) {
  const uint64_t limit = 80000;
  kevy_store *s = open_store(limit), *snapshot = NULL;
  model m;
  model_open(&m, s, 400);
  uint64_t refused = 0, over = 0;
  for (size_t i = 0; i < steps; i++) {
    op o;
    op_choose(&o, &m);
    uint64_t before = kevy_used_memory(s), keys = figure(s, "keys"), expired = figure(s, "expired");
    result got = op_run(s, &m, &o);
    if (got.status == KEVY_EOOM) {
      refused++;
    } else {
      result want = op_expect(&m, &o);
      CHECK(results_alike(&got, &want));
      result_release(&want);
    }
    bool removes = figure(s, "keys") < keys || figure(s, "expired") > expired;
    if (!removes && kevy_used_memory(s) > limit && kevy_used_memory(s) > before) {
      if (over++ < 3) fprintf(stderr, "op %d: %llu bytes in use after %llu\n", o.what,
                              (unsigned long long)kevy_used_memory(s), (unsigned long long)before);
    }
    result_release(&got);
    op_release(&o);
    if (one_in(30)) model_move_clock(&m, s);
    if (snapshots && one_in(60)) {
      kevy_close(snapshot);
      snapshot = NULL;
      if (one_in(2)) CHECK(kevy_snapshot(s, &snapshot) == KEVY_OK);
    }
    if (i % (steps / 20 + 1) == 0) CHECK(model_matches(&m, s) && table_check(s->base, s->keys) && accounts_add_up(s));
  }
  CHECK(over == 0 && refused > 0);
  CHECK(model_matches(&m, s) && table_check(s->base, s->keys));
  kevy_close(snapshot);
  model_close(&m);
  kevy_close(s);
}

int main(void) {
  check_begin("test_oom");
  for (int state = 0; state < STATES; state++) {
    test_every_op(state, false, scaled(1500, 200));
    test_every_op(state, true, scaled(500, 400));
  }
  test_growing(false);
  test_growing(true);
  test_handles();
  test_limit(false, scaled(30000, 8000));
  test_limit(true, scaled(30000, 8000));
  return check_end();
}
