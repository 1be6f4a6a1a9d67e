/* Snapshots and iterators against models of their moments, while the store is written; what holding and
 * opening them costs; letting go from other threads, and after close and clear.
 *
 * Under ThreadSanitizer: cmake -DKEVY_TESTS=ON -DKEVY_SANITIZE=thread; KEVY_TEST_SCALE=0.1 tests/test_snapshot. */
#include "internals.h"

#include "../../core/table.c"
#include "../../core/table_walk.c"

#include "check.h"
#include "model.h"

static kevy_store *open_store(void) {
  kevy_store *s;
  REQUIRE(kevy_open(NULL, &s) == KEVY_OK);
  return s;
}

static void tick_until_done(kevy_store *s) {
  while (kevy_tick(s, 0, NULL) == KEVY_UNMET) continue;
}

/* ---- against models ---- */

enum { HELD = 10 };
typedef struct held {
  kevy_store *snapshot;
  model moment;
} held;

static void held_verify(held *h) {
  CHECK(model_matches(&h->moment, h->snapshot));
  CHECK(table_check(h->snapshot->base, h->snapshot->keys));
}
static void held_close(held *h) {
  held_verify(h);
  kevy_close(h->snapshot);
  model_close(&h->moment);
  h->snapshot = NULL;
}
static void held_open(held *h, kevy_store *s, const model *m) {
  REQUIRE(kevy_snapshot(s, &h->snapshot) == KEVY_OK);
  model_copy(&h->moment, m);
}

/* A read-only op on a snapshot gives what it would have given then; a writing one is refused. */
static void held_read(held *h) {
  op o;
  op_choose(&o, &h->moment);
  switch (o.what) {
    case OP_GET: case OP_STRLEN: case OP_GETRANGE: case OP_MGET: case OP_EXISTS: case OP_TOUCH: case OP_TYPE:
    case OP_RANDOM: case OP_TTL: case OP_DEADLINE: case OP_PIN: case OP_GET_INTO: {
      result got = op_run(h->snapshot, &h->moment, &o), want = op_expect(&h->moment, &o);
      CHECK(results_alike(&got, &want));
      result_release(&got);
      result_release(&want);
      break;
    }
    case OP_DELETE: case OP_RENAME: case OP_PERSIST: case OP_APPEND: case OP_INCR: {
      result got = op_run(h->snapshot, &h->moment, &o);
      CHECK(got.status == KEVY_EREADONLY);
      result_release(&got);
      break;
    }
    default: break;
  }
  op_release(&o);
}

static void test_overlapping(uint32_t keys, size_t steps, bool clearing) {
  kevy_store *s = open_store();
  model m;
  model_open(&m, s, keys);
  held *all = calloc(HELD, sizeof *all);
  REQUIRE(all != NULL);
  for (size_t i = 0; i < steps; i++) {
    model_step(&m, s);
    held *h = &all[below(HELD)];
    uint64_t what = below(400);
    if (what < 6 && h->snapshot == NULL) held_open(h, s, &m);
    else if (what < 9 && h->snapshot != NULL) held_close(h);
    else if (what < 12 && h->snapshot != NULL) held_verify(h);
    else if (what < 40 && h->snapshot != NULL) held_read(h);
    else if (what < 44) model_move_clock(&m, s);
    else if (what < 46) kevy_tick(s, below(50), NULL);
    else if (what < 48) CHECK(model_matches(&m, s)); /* which opens and closes an iterator */
    if (what == 399 && clearing && one_in(4)) {
      CHECK(kevy_clear(s) == KEVY_OK);
      for (uint32_t k = 0; k < m.keys; k++) model_remove(&m, k);
    }
    if (i % (steps / 20 + 1) == 0) CHECK(table_check(s->base, s->keys) && accounts_add_up(s));
  }
  CHECK(model_matches(&m, s));
  for (int i = 0; i < HELD; i++)
    if (all[i].snapshot != NULL) held_close(&all[i]);
  tick_until_done(s);
  CHECK(figure(s, "retained_bytes") == 0 && figure(s, "snapshots") == 0);
  CHECK(model_matches(&m, s) && accounts_add_up(s));
  free(all);
  model_close(&m);
  kevy_close(s);
}

/* A snapshot of a snapshot, an iterator of a snapshot: the same moment. */
static void test_nested(void) {
  kevy_store *s = open_store();
  model m;
  model_open(&m, s, 100);
  for (int i = 0; i < 500; i++) model_step(&m, s);
  held first, second;
  held_open(&first, s, &m);
  for (int i = 0; i < 200; i++) model_step(&m, s);
  held_open(&second, first.snapshot, &first.moment);
  for (int i = 0; i < 200; i++) model_step(&m, s);
  held_close(&first);
  for (int i = 0; i < 200; i++) model_step(&m, s);
  tick_until_done(s);
  held_close(&second);
  CHECK(model_matches(&m, s));
  model_close(&m);
  kevy_close(s);
}

/* The newest moment goes while an older one stays: the next to open is neither the older nor of its epoch. */
static void test_newest_goes_first(void) {
  kevy_store *s = open_store(), *older, *newer, *third;
  kevy_value one = kevy_int(1), two = kevy_int(2), v;
  CHECK(kevy_debug_clock(s, 1000) == KEVY_OK);
  CHECK(kevy_set(s, "k", 1, &one, KEVY_NO_TTL, 0, NULL) == KEVY_OK);
  CHECK(kevy_snapshot(s, &older) == KEVY_OK);
  CHECK(kevy_set(s, "k", 1, &two, KEVY_NO_TTL, 0, NULL) == KEVY_OK);
  CHECK(kevy_snapshot(s, &newer) == KEVY_OK);
  kevy_close(newer);
  tick_until_done(s);
  CHECK(kevy_snapshot(s, &third) == KEVY_OK);
  CHECK(kevy_get(third, "k", 1, &v) == KEVY_OK && v.as.i == 2);
  CHECK(kevy_set(s, "k", 1, &one, KEVY_NO_TTL, 0, NULL) == KEVY_OK);
  CHECK(kevy_incr(s, "k", 1, 40, 0, NULL) == KEVY_OK);
  CHECK(kevy_get(third, "k", 1, &v) == KEVY_OK && v.as.i == 2);
  CHECK(kevy_get(older, "k", 1, &v) == KEVY_OK && v.as.i == 1);
  kevy_close(older);
  kevy_close(third);
  kevy_close(s);
}

/* ---- what it costs ---- */

static segment *segment_of_key(kevy_store *s, const char *key, size_t klen) {
  return segment_head(s->base, s->keys, probe_hash(s, key, klen));
}

static size_t name_of(char name[24], unsigned n) { return (size_t)snprintf(name, 24, "key:%u", n); }

static void fill_store(kevy_store *s, unsigned n) {
  char name[24];
  kevy_value v = kevy_bytes("0123456789abcdef", 16);
  for (unsigned i = 0; i < n; i++) {
    size_t len = name_of(name, i);
    if (kevy_set(s, name, len, &v, KEVY_NO_TTL, 0, NULL) != KEVY_OK) FAIL("set works");
  }
}

/* One old snapshot, a hot key and its neighbour in the segment overwritten for ever, iterators coming and
 * going: what is retained stops growing. */
static void test_flat_memory(void) {
  const unsigned n = 20000;
  const size_t writes = scaled(1000000, 50000);
  kevy_store *s = open_store(), *old;
  fill_store(s, n);
  char hot[24], near[24];
  size_t hot_len = name_of(hot, 0), near_len = 0;
  segment *home = segment_of_key(s, hot, hot_len);
  for (unsigned i = 1; i < n && near_len == 0; i++) {
    size_t len = name_of(near, i);
    if (segment_of_key(s, near, len) == home) near_len = len;
  }
  REQUIRE(near_len != 0);
  REQUIRE(kevy_snapshot(s, &old) == KEVY_OK);
  uint64_t early = 0, most = 0;
  kevy_iter *its[4] = {NULL, NULL, NULL, NULL};
  for (size_t i = 0; i < writes; i++) {
    char text[24];
    kevy_value v = kevy_bytes(text, name_of(text, (unsigned)(i * 7919)));
    bool is_hot = i % 2 == 0;
    if (kevy_set(s, is_hot ? hot : near, is_hot ? hot_len : near_len, &v, KEVY_NO_TTL, 0, NULL) != KEVY_OK)
      FAIL("set works");
    if (i % 16 == 0) {
      kevy_iter **it = &its[below(4)];
      kevy_iter_close(*it);
      CHECK(kevy_iter_open(s, NULL, 0, KEVY_TYPE_NONE, it) == KEVY_OK);
    }
    if (i % 1000 != 999) continue;
    uint64_t retained = figure(s, "retained_bytes");
    if (i < writes / 20) early = retained > early ? retained : early;
    most = retained > most ? retained : most;
  }
  if (!CHECK(most <= early * 2 + 65536))
    fprintf(stderr, "retained %llu at first, %llu at most\n", (unsigned long long)early, (unsigned long long)most);
  for (int i = 0; i < 4; i++) kevy_iter_close(its[i]);
  tick_until_done(s);
  /* One version of each of the two, and of the path to their segment. */
  CHECK(figure(s, "retained_bytes") < 16384);
  kevy_value v;
  CHECK(kevy_get(old, hot, hot_len, &v) == KEVY_OK && v.len == 16);
  CHECK(kevy_get(old, near, near_len, &v) == KEVY_OK && v.len == 16);
  kevy_close(old);
  tick_until_done(s);
  CHECK(figure(s, "retained_bytes") == 0 && accounts_add_up(s));
  kevy_close(s);
}

/* Opening copies nothing, whatever the size; the first write after it copies one path. */
static void test_opening_is_free(void) {
  for (unsigned n = 10; n <= 100000; n *= 10) {
    kevy_store *s = open_store(), *snapshot;
    fill_store(s, n);
    uint64_t copied = figure(s, "work_bytes_copied"), used = kevy_used_memory(s);
    CHECK(kevy_snapshot(s, &snapshot) == KEVY_OK);
    CHECK(figure(s, "work_bytes_copied") == copied && kevy_used_memory(s) == used);
    kevy_value v = kevy_int(1);
    CHECK(kevy_set(s, "key:1", 5, &v, KEVY_NO_TTL, 0, NULL) == KEVY_OK);
    CHECK(figure(s, "work_bytes_copied") - copied <= 16384);
    copied = figure(s, "work_bytes_copied");
    CHECK(kevy_set(s, "key:1", 5, &v, KEVY_NO_TTL, 0, NULL) == KEVY_OK);
    CHECK(figure(s, "work_bytes_copied") == copied);
    kevy_close(snapshot);
    kevy_close(s);
  }
}

/* While nothing is written moments are shared: a million iterators hold no more than one. */
static void test_shared_moments(void) {
  kevy_store *s = open_store();
  CHECK(kevy_debug_clock(s, 1000) == KEVY_OK);
  fill_store(s, 1000);
  enum { MANY = 1000 };
  kevy_iter *its[MANY];
  for (int i = 0; i < MANY; i++) REQUIRE(kevy_iter_open(s, NULL, 0, KEVY_TYPE_NONE, &its[i]) == KEVY_OK);
  CHECK(figure(s, "snapshots") == 1);
  for (int i = 0; i < MANY; i++) kevy_iter_close(its[i]);
  tick_until_done(s);
  CHECK(figure(s, "snapshots") == 0);
  kevy_close(s);
}

/* ---- outliving ---- */

static void test_outliving(bool close_first) {
  kevy_store *s = open_store(), *snapshot;
  model m;
  model_open(&m, s, 200);
  for (int i = 0; i < 2000; i++) model_step(&m, s);
  char *big = malloc(100000);
  REQUIRE(big != NULL);
  memset(big, 'b', 100000);
  kevy_value v = kevy_bytes(big, 100000), got, small = kevy_text("small", 5), key;
  CHECK(kevy_set(s, "big", 3, &v, KEVY_NO_TTL, 0, NULL) == KEVY_OK);
  CHECK(kevy_set(s, "small", 5, &small, KEVY_NO_TTL, 0, NULL) == KEVY_OK);
  kevy_pin *pins[2];
  kevy_value pinned[2];
  CHECK(kevy_pin_value(s, "big", 3, &pins[0], &pinned[0]) == KEVY_OK);
  CHECK(kevy_pin_value(s, "small", 5, &pins[1], &pinned[1]) == KEVY_OK);
  CHECK(kevy_get(s, "big", 3, &got) == KEVY_OK && got.as.ptr == pinned[0].as.ptr);
  CHECK(kevy_delete(s, "big", 3) == KEVY_OK && kevy_delete(s, "small", 5) == KEVY_OK);
  kevy_iter *it;
  held h;
  held_open(&h, s, &m);
  snapshot = h.snapshot;
  CHECK(kevy_iter_open(s, NULL, 0, KEVY_TYPE_NONE, &it) == KEVY_OK);
  if (close_first) kevy_close(s);
  else CHECK(kevy_clear(s) == KEVY_OK);
  uint64_t met = 0, live = 0;
  while (kevy_iter_next(it, &key, &got) == KEVY_OK) met++;
  for (uint32_t k = 0; k < m.keys; k++) live += model_live(&m, k) != NULL;
  CHECK(met == live);
  kevy_iter_close(it);
  CHECK(snapshot == h.snapshot && model_matches(&h.moment, snapshot));
  CHECK(pinned[0].len == 100000 && memcmp(pinned[0].as.ptr, big, 100000) == 0);
  CHECK(pinned[1].len == 5 && memcmp(pinned[1].as.ptr, "small", 5) == 0 && pinned[1].kind == KEVY_TEXT);
  held_close(&h);
  CHECK(memcmp(pinned[0].as.ptr, big, 100000) == 0);
  kevy_unpin(pins[0]);
  kevy_unpin(pins[1]);
  if (!close_first) {
    uint64_t keys;
    CHECK(kevy_len(s, &keys) == KEVY_OK && keys == 0);
    kevy_close(s);
  }
  free(big);
  model_close(&m);
}

/* ---- other threads ---- */

typedef struct reader {
  pthread_t thread;
  kevy_store *snapshot;
  kevy_pin *pin;
  kevy_value pinned;
  uint64_t keys, sum;
} reader;

/* Reads a whole snapshot three times, each time alike, and lets go of it and of a pin here. */
static void *read_all(void *context) {
  reader *r = context;
  bool alike = true;
  for (int round = 0; round < 3; round++) {
    uint64_t keys = 0, sum = 0;
    kevy_iter *it;
    kevy_value key, v;
    alike &= kevy_iter_open(r->snapshot, NULL, 0, KEVY_TYPE_NONE, &it) == KEVY_OK;
    while (kevy_iter_next(it, &key, &v) == KEVY_OK) {
      keys++;
      sum += v.kind == KEVY_INT ? (uint64_t)v.as.i : v.len;
      kevy_value again;
      alike &= kevy_get(r->snapshot, key.as.ptr, key.len, &again) == KEVY_OK && again.kind == v.kind;
    }
    kevy_iter_close(it);
    alike &= keys == r->keys && sum == r->sum;
  }
  for (size_t i = 0; i < r->pinned.len; i++) alike &= r->pinned.as.ptr[i] == 'p';
  kevy_unpin(r->pin);
  kevy_close(r->snapshot);
  return alike ? r : NULL;
}

static void test_threads(bool threaded) {
  enum { READERS = 6, KEYS = 500 };
  kevy_options options = KEVY_OPTIONS_INIT;
  options.flags = threaded ? KEVY_THREADS : 0;
  kevy_store *s;
  REQUIRE(kevy_open(&options, &s) == KEVY_OK);
  char *big = malloc(5000), name[24];
  REQUIRE(big != NULL);
  memset(big, 'p', 5000);
  const size_t rounds = scaled(40, 4);
  for (size_t round = 0; round < rounds; round++) {
    reader readers[READERS];
    for (int i = 0; i < READERS; i++) {
      reader *r = &readers[i];
      kevy_value v = kevy_bytes(big, 5000), key;
      CHECK(kevy_set(s, "big", 3, &v, KEVY_NO_TTL, 0, NULL) == KEVY_OK);
      CHECK(kevy_pin_value(s, "big", 3, &r->pin, &r->pinned) == KEVY_OK);
      REQUIRE(kevy_snapshot(s, &r->snapshot) == KEVY_OK);
      r->keys = r->sum = 0;
      kevy_iter *it;
      CHECK(kevy_iter_open(r->snapshot, NULL, 0, KEVY_TYPE_NONE, &it) == KEVY_OK);
      while (kevy_iter_next(it, &key, &v) == KEVY_OK) {
        r->keys++;
        r->sum += v.kind == KEVY_INT ? (uint64_t)v.as.i : v.len;
      }
      kevy_iter_close(it);
      REQUIRE(pthread_create(&r->thread, NULL, read_all, r) == 0);
      for (int k = 0; k < 2000; k++) {
        size_t len = name_of(name, (unsigned)below(KEYS));
        kevy_value number = kevy_int((int64_t)below(1000)), tail = kevy_bytes(big, 1 + below(3000));
        switch (below(5)) {
          case 0: kevy_delete(s, name, len); break;
          case 1: kevy_append(s, name, len, &tail, 0, NULL); break;
          case 2: kevy_incr(s, name, len, 1, 0, NULL); break;
          case 3: kevy_expire(s, name, len, 1 + (int64_t)below(20), 0); break;
          default: kevy_set(s, name, len, &number, one_in(3) ? 5 : KEVY_NO_TTL, 0, NULL);
        }
      }
    }
    for (int i = 0; i < READERS; i++) {
      void *ok;
      CHECK(pthread_join(readers[i].thread, &ok) == 0 && ok != NULL);
    }
    tick_until_done(s);
    CHECK(figure(s, "snapshots") == 0 && figure(s, "pins") == 0 && figure(s, "retained_bytes") == 0);
    CHECK(accounts_add_up(s));
  }
  free(big);
  kevy_close(s);
}

/* However many are let go of at once, a write takes a slice of them back. */
static void test_collected_in_slices(void) {
  enum { MANY = 1000 };
  static kevy_store *many[MANY];
  kevy_store *s = open_store();
  for (int i = 0; i < MANY; i++) {
    kevy_value v = kevy_int(i);
    CHECK(kevy_set(s, "k", 1, &v, KEVY_NO_TTL, 0, NULL) == KEVY_OK);
    REQUIRE(kevy_snapshot(s, &many[i]) == KEVY_OK);
  }
  for (int i = 0; i < MANY; i++) kevy_close(many[i * 7 % MANY]);
  int writes = 0;
  for (uint64_t left = figure(s, "snapshots"), now; left > 0; left = now, writes++) {
    kevy_value v = kevy_int(writes);
    CHECK(kevy_set(s, "k", 1, &v, KEVY_NO_TTL, 0, NULL) == KEVY_OK);
    now = figure(s, "snapshots");
    CHECK(now < left && left - now <= 2 * SNAPSHOT_SLICE);
  }
  CHECK(writes > 1);
  tick_until_done(s);
  CHECK(figure(s, "retained_bytes") == 0);
  kevy_close(s);
}

/* Values of the same length over strings that moments see, the way on which most such writes go: each moment keeps what it
 * saw, one old version of a key is kept however often it is written, and all of it comes back. */
enum { PLAIN_KEYS = 3000, PLAIN_MOMENTS = 3 };

static void plain_set(kevy_store *s, uint32_t key, uint32_t value) {
  char k[16], v[24];
  size_t klen = (size_t)snprintf(k, sizeof k, "plain:%06u", key);
  kevy_value as = kevy_bytes(v, (size_t)snprintf(v, sizeof v, "value:%010u", value));
  CHECK(kevy_set(s, k, klen, &as, KEVY_NO_TTL, 0, NULL) == KEVY_OK);
}

static bool plain_is(kevy_store *s, uint32_t key, uint32_t value) {
  char k[16], v[24];
  size_t klen = (size_t)snprintf(k, sizeof k, "plain:%06u", key), vlen = (size_t)snprintf(v, sizeof v, "value:%010u", value);
  kevy_value got;
  return kevy_get(s, k, klen, &got) == KEVY_OK && got.len == vlen && memcmp(got.as.ptr, v, vlen) == 0;
}

static void test_plain_values(void) {
  static uint32_t now[PLAIN_KEYS], then[PLAIN_MOMENTS][PLAIN_KEYS];
  kevy_store *s = open_store(), *moments[PLAIN_MOMENTS];
  for (uint32_t i = 0; i < PLAIN_KEYS; i++) plain_set(s, i, now[i] = i);
  uint64_t before = figure(s, "used_memory"), retained = 0;
  for (int m = 0; m < PLAIN_MOMENTS; m++) {
    memcpy(then[m], now, sizeof now);
    REQUIRE(kevy_snapshot(s, &moments[m]) == KEVY_OK);
    for (uint32_t i = 0; i < 4 * PLAIN_KEYS; i++) {
      uint32_t key = (uint32_t)below(PLAIN_KEYS / 2);
      plain_set(s, key, now[key] = i * 7);
    }
    CHECK(accounts_add_up(s));
    if (m == 0) retained = figure(s, "retained_bytes");
    else CHECK(figure(s, "retained_bytes") <= retained * (uint64_t)(m + 1) + retained / 4);
  }
  for (int m = 0; m < PLAIN_MOMENTS; m++) {
    for (uint32_t i = 0; i < PLAIN_KEYS; i++) CHECK(plain_is(moments[m], i, then[m][i]));
    kevy_close(moments[m]);
  }
  for (uint32_t i = 0; i < PLAIN_KEYS; i++) CHECK(plain_is(s, i, now[i]));
  tick_until_done(s);
  CHECK(figure(s, "retained_bytes") == 0 && figure(s, "used_memory") == before);
  CHECK(table_check(s->base, s->keys) && accounts_add_up(s));
  kevy_close(s);
}

int main(void) {
  check_begin("test_snapshot");
  test_plain_values();
  test_collected_in_slices();
  test_newest_goes_first();
  test_overlapping(20, scaled(60000, 3000), false);
  test_overlapping(150, scaled(60000, 3000), true);
  test_overlapping(500, scaled(60000, 3000), false);
  test_nested();
  test_opening_is_free();
  test_shared_moments();
  test_flat_memory();
  test_outliving(true);
  test_outliving(false);
  test_threads(false);
  test_threads(true);
  return check_end();
}
