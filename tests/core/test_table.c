/* The table against a plain array: growth, shrinking, order, chance, snapshots, and keys whose hashes were
 * chosen to hurt. The hash function is replaced: a key is a number, its hash whatever the test makes of it. */
#define KEVY_HASHING_H
#include "../../core/base.h"

typedef enum {
  HONEST,
  WHOLE,  /* all keys share their whole hash */
  TOP,    /* ... the bits that segments split by */
  TOP_2,  /* ... the same, but for two values of them */
  LOW,    /* ... home and tag */
  SKEWED, /* half of them share 6 top bits */
  MODES
} hash_mode;
static hash_mode mode;

static uint64_t mix(uint64_t z) {
  z += UINT64_C(0x9E3779B97F4A7C15);
  z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
  z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
  return z ^ (z >> 31);
}
static uint64_t hash_of(uint32_t key) {
  const uint64_t low40 = (UINT64_C(1) << 40) - 1;
  uint64_t h = mix(key);
  switch (mode) {
    case WHOLE: return UINT64_C(0x123456789abcdef0);
    case TOP: return (UINT64_C(0xABCDEF) << 40) | (h & low40);
    case TOP_2: return ((h >> 63 ? UINT64_C(0xABCDEF) : UINT64_C(0xABCDEE)) << 40) | (h & low40);
    case LOW: return (h & ~low40) | UINT64_C(0x1122334455);
    case SKEWED: return key & 1 ? h : (h >> 6) | UINT64_C(0xfc) << 56;
    default: return h;
  }
}
static inline uint64_t hash_bytes(const unsigned char *secret, const char *p, size_t n) {
  (void)secret;
  return n == 4 ? hash_of(load32(p)) : 0;
}
#define HASH_SHORT_SECRET 32
static inline uint64_t hash_short(const unsigned char *secret, const char *p, size_t n) {
  return hash_bytes(secret, p, n);
}

#include "internals.h"

#include "../../core/table.c"
#include "../../core/table_walk.c"
#include "../../core/node.c"
#include "../../core/probe.c"

#include "check.h"

/* ---- a space, its keys, and what they should be ---- */

typedef struct world {
  space *sp;
  uint32_t *model; /* version of each key, 0 where absent */
  uint32_t keys;   /* in the universe */
  uint64_t count;
  uint32_t version;
} world;

static world world_open(uint32_t keys) {
  world w = {space_open(0), calloc(keys, sizeof(uint32_t)), keys, 0, 0};
  REQUIRE(w.sp != NULL && w.model != NULL);
  return w;
}

static void world_close(world *w) {
  space_unref(w->sp);
  free(w->model);
}

static ref entry_make(world *w, uint32_t key, uint32_t version) {
  char k[4], v[4];
  store32(k, key);
  store32(v, version);
  content c = {ENTRY_RAW, KEVY_BYTES, 4, {.ptr = v}};
  ref r = mem_alloc(&w->sp->mem, entry_size_for(4, KEVY_NO_TTL, &c));
  if (r != 0) entry_init(mem_ptr(w->sp->mem.base, r), KEVY_TYPE_STRING, k, 4, KEVY_BYTES, KEVY_NO_TTL, &c);
  return r;
}

static uint32_t entry_key_number(const char *base, ref r) { return load32(entry_key(mem_ptr(base, r))); }
static uint32_t entry_version(const char *base, ref r) { return load32(entry_content(mem_ptr(base, r))); }

static uint64_t *find(const world *w, const table *t, uint32_t key) {
  char k[4];
  store32(k, key);
  return table_find(w->sp->mem.base, t, hash_of(key), k, 4);
}

/* False when memory ran out. */
static bool give(world *w, uint32_t key) {
  space *sp = w->sp;
  uint64_t hash = hash_of(key);
  uint64_t *slot = find(w, &sp->db.first.keys, key);
  ref r = entry_make(w, key, w->version + 1);
  if (r == 0) return false;
  sp->written = true;
  if (slot == NULL) {
    if (!table_insert(sp, &sp->db.first.keys, hash, r, false)) {
      node_free_entry(sp, r);
      return false;
    }
    w->count++;
  } else {
    slot = table_own(sp, &sp->db.first.keys, hash, slot, false);
    if (slot == NULL) {
      node_free_entry(sp, r);
      return false;
    }
    ref old = slot_ref(*slot);
    bool fresh = *slot & SLOT_FRESH;
    table_replace(slot, r);
    node_retire_entry(sp, old, hash, fresh);
  }
  w->model[key] = ++w->version;
  return true;
}

static void take(world *w, uint32_t key) {
  space *sp = w->sp;
  uint64_t hash = hash_of(key);
  uint64_t *slot = find(w, &sp->db.first.keys, key);
  CHECK((slot != NULL) == (w->model[key] != 0));
  if (slot == NULL) return;
  sp->written = true;
  slot = table_own(sp, &sp->db.first.keys, hash, slot, true);
  REQUIRE(slot != NULL);
  ref r = slot_ref(*slot);
  bool fresh = *slot & SLOT_FRESH;
  table_remove(sp, &sp->db.first.keys, hash, slot);
  node_retire_entry(sp, r, hash, fresh);
  w->model[key] = 0;
  w->count--;
}

static void look(world *w, uint32_t key) {
  uint64_t *slot = find(w, &w->sp->db.first.keys, key);
  CHECK((slot != NULL) == (w->model[key] != 0));
  if (slot != NULL) CHECK(entry_version(w->sp->mem.base, slot_ref(*slot)) == w->model[key]);
}

/* A table holds exactly what a model says: by lookup and by walking. */
static void compare(const world *w, const table *t, const uint32_t *model) {
  const char *base = w->sp->mem.base;
  uint64_t present = 0, met = 0;
  for (uint32_t key = 0; key < w->keys; key++) {
    uint64_t *slot = find(w, t, key);
    present += model[key] != 0;
    if ((slot != NULL) != (model[key] != 0) ||
        (slot != NULL && entry_version(base, slot_ref(*slot)) != model[key]))
      FAIL("the table finds what the model has");
  }
  table_walk walk = {0, 0, false};
  ref r;
  while ((r = table_next(base, t, &walk)) != 0) {
    met++;
    if (model[entry_key_number(base, r)] != entry_version(base, r)) FAIL("the walk meets what the model has");
  }
  CHECK(met == present && t->count == present);
  CHECK(table_check(base, t));
}

static void drain(world *w) {
  snapshot_collect(w->sp);
  while (!node_drain(w->sp, 1000)) continue;
}

/* With no snapshot left, used memory is the table and its entries, and nothing else. */
static void accounts_balance(world *w) {
  drain(w);
  CHECK(w->sp->retained == 0 && w->sp->moments == NULL);
  CHECK(w->sp->mem.root->used == w->sp->db.first.keys.bytes + w->count * mem_round(sizeof(entry) + 8));
}

/* ---- random steps ---- */

enum { HELD = 6 };
typedef struct held {
  moment *m;
  uint32_t *model;
} held;

static void held_close(world *w, held *h) {
  compare(w, &h->m->db.first.keys, h->model);
  snapshot_close(h->m);
  free(h->model);
  h->m = NULL;
}

static void held_toggle(world *w, held *h) {
  if (h->m != NULL) {
    held_close(w, h);
    return;
  }
  h->m = snapshot_open(w->sp, (int64_t)below(2));
  h->model = malloc(w->keys * sizeof *h->model);
  REQUIRE(h->m != NULL && h->model != NULL);
  memcpy(h->model, w->model, w->keys * sizeof *h->model);
}

static void one_step(world *w, uint32_t growing) {
  uint32_t key = (uint32_t)below(w->keys);
  uint64_t what = below(100);
  if (what < growing) CHECK(give(w, key));
  else if (what < 85) take(w, key);
  else look(w, key);
}

static void test_steps(hash_mode m, uint32_t keys, size_t steps) {
  mode = m;
  world w = world_open(keys);
  held snapshots[HELD] = {{NULL, NULL}};
  size_t wave = steps / 4 + 1, checks = steps / 25 + 1;
  for (size_t i = 0; i < steps; i++) {
    one_step(&w, (i / wave) % 2 == 0 ? 70 : 15);
    if (one_in(steps / 60 + 1)) held_toggle(&w, &snapshots[below(HELD)]);
    if (one_in(300)) {
      snapshot_collect(w.sp);
      node_drain(w.sp, (uint32_t)below(200));
    }
    if (i % checks == 0) compare(&w, &w.sp->db.first.keys, w.model);
  }
  for (int i = 0; i < HELD; i++)
    if (snapshots[i].m != NULL) held_close(&w, &snapshots[i]);
  compare(&w, &w.sp->db.first.keys, w.model);
  accounts_balance(&w);
  for (uint32_t key = 0; key < keys; key++)
    if (w.model[key] != 0) take(&w, key);
  CHECK(table_check(w.sp->mem.base, &w.sp->db.first.keys));
  if (!CHECK(w.sp->db.first.keys.segments == 1 && w.sp->db.first.keys.bits == 1 && w.count == 0))
    fprintf(stderr, "mode %d: %llu segments stay\n", (int)m, (unsigned long long)w.sp->db.first.keys.segments);
  accounts_balance(&w);
  world_close(&w);
}

/* ---- hashes chosen to hurt ---- */

static void test_flood(hash_mode m, uint32_t keys) {
  mode = m;
  world w = world_open(keys);
  for (uint32_t key = 0; key < keys; key++) CHECK(give(&w, key));
  compare(&w, &w.sp->db.first.keys, w.model);
  if (!CHECK(w.sp->db.first.keys.bytes <= keys * UINT64_C(256) + (128 << 10)))
    fprintf(stderr, "mode %d: %llu bytes for %u keys\n", (int)m, (unsigned long long)w.sp->db.first.keys.bytes, keys);
  for (uint32_t key = 0; key < keys; key += 2) take(&w, key);
  compare(&w, &w.sp->db.first.keys, w.model);
  for (uint32_t key = 0; key < keys; key += 2) CHECK(give(&w, key));
  CHECK(w.sp->db.first.keys.bytes <= keys * UINT64_C(256) + (128 << 10));
  for (uint32_t key = keys; key > 0; key--) take(&w, key - 1);
  CHECK(w.sp->db.first.keys.segments == 1 && table_check(w.sp->mem.base, &w.sp->db.first.keys));
  accounts_balance(&w);
  world_close(&w);
}

/* Every allocation an insert makes fails once: nothing changes, and the next try goes on. */
static void test_insert_fails(hash_mode m, uint32_t keys) {
  mode = m;
  world w = world_open(keys);
  uint64_t failures = 0;
  for (uint32_t key = 0; key < keys; key++) {
    if (one_in(40)) {
      moment *brief = snapshot_open(w.sp, 0);
      REQUIRE(brief != NULL);
      snapshot_close(brief);
      if (one_in(2)) drain(&w);
    }
    for (uint64_t n = 1;; n++) {
      w.sp->mem.fail_in = n;
      bool done = give(&w, key);
      if (done) break;
      failures++;
      REQUIRE(n < 1000);
      CHECK(find(&w, &w.sp->db.first.keys, key) == NULL && w.sp->db.first.keys.count == w.count);
    }
    w.sp->mem.fail_in = 0;
    if (key % 997 == 0) compare(&w, &w.sp->db.first.keys, w.model);
  }
  CHECK(failures > keys);
  compare(&w, &w.sp->db.first.keys, w.model);
  accounts_balance(&w);
  world_close(&w);
}

/* ---- order ---- */

typedef struct tally {
  const char *base;
  uint8_t *met;
  uint64_t count;
} tally;

static void tally_visit(void *context, ref block) {
  tally *t = context;
  t->met[entry_key_number(t->base, block)] = 1;
  t->count++;
}

/* Keys that are there from the first step to the last are met, whatever comes and goes meanwhile. */
static void test_scan(hash_mode m, uint32_t keys, bool growing) {
  mode = m;
  world w = world_open(keys);
  uint32_t stable = keys / 10;
  for (uint32_t key = 0; key < (growing ? stable : keys); key++) CHECK(give(&w, key));
  tally t = {w.sp->mem.base, calloc(keys, 1), 0};
  REQUIRE(t.met != NULL);
  uint64_t cursor = 0, turns = 0;
  do {
    uint64_t count = 1 + below(one_in(4) ? 500 : 20), before = t.count;
    table_scan(t.base, &w.sp->db.first.keys, &cursor, count, tally_visit, &t);
    CHECK(cursor == 0 || t.count - before >= count);
    for (uint64_t i = below(60); i > 0; i--) {
      uint32_t key = stable + (uint32_t)below(keys - stable);
      if (below(10) < (growing ? 9u : 1u)) CHECK(give(&w, key));
      else take(&w, key);
    }
    REQUIRE(++turns < 1000000);
  } while (cursor != 0);
  for (uint32_t key = 0; key < stable; key++) CHECK(t.met[key]);
  free(t.met);
  world_close(&w);
}

/* Nothing is met twice when nothing changes. */
static void test_scan_at_rest(hash_mode m, uint32_t keys) {
  mode = m;
  world w = world_open(keys);
  for (uint32_t key = 0; key < keys; key++) CHECK(give(&w, key));
  for (uint64_t count = 1; count < 2000; count = count * 3 + 1) {
    tally t = {w.sp->mem.base, calloc(keys, 1), 0};
    REQUIRE(t.met != NULL);
    uint64_t cursor = 0;
    do table_scan(t.base, &w.sp->db.first.keys, &cursor, count, tally_visit, &t);
    while (cursor != 0);
    CHECK(t.count == keys && memchr(t.met, 0, keys) == NULL);
    free(t.met);
  }
  world_close(&w);
}

static uint64_t draw(void *unused) {
  (void)unused;
  return chance();
}

/* Under a flood of equal hashes a draw takes thousands of throws, so there only a few are drawn. */
static void test_random(hash_mode m, uint32_t keys, size_t draws) {
  mode = m;
  world w = world_open(keys * 2);
  for (uint32_t key = 0; key < keys * 2; key++) CHECK(give(&w, key));
  for (uint32_t key = keys; key < keys * 2; key++) take(&w, key);
  uint32_t *met = calloc(keys, sizeof *met);
  REQUIRE(met != NULL);
  for (size_t i = 0; i < draws; i++)
    met[entry_key_number(w.sp->mem.base, table_random(w.sp->mem.base, &w.sp->db.first.keys, draw, NULL))]++;
  double expected = (double)draws / keys, chi = 0, freedom = keys - 1;
  for (uint32_t key = 0; key < keys; key++) {
    double off = met[key] - expected;
    chi += off * off / expected;
  }
  if (!CHECK(chi < freedom + 6 * sqrt(2 * freedom)))
    fprintf(stderr, "mode %d: chi-squared %.0f for %.0f degrees\n", (int)m, chi, freedom);
  free(met);
  for (uint32_t key = 0; key < keys; key++) take(&w, key);
  CHECK(table_random(w.sp->mem.base, &w.sp->db.first.keys, draw, NULL) == 0);
  world_close(&w);
}

/* ---- counted work ---- */

static void test_worst_insert(bool snapshots) {
  mode = HONEST;
  const uint32_t keys = (uint32_t)scaled(1000000, 50000);
  world w = world_open(keys);
  uint64_t most_moved = 0, most_bytes = 0;
  for (uint32_t key = 0; key < keys; key++) {
    if (snapshots && key % 10000 == 0) {
      moment *m = snapshot_open(w.sp, 0);
      REQUIRE(m != NULL);
      snapshot_close(m);
      drain(&w);
    }
    uint64_t moved = w.sp->work_moved, bytes = w.sp->work_bytes;
    if (!give(&w, key)) FAIL("inserts succeed");
    moved = w.sp->work_moved - moved;
    bytes = w.sp->work_bytes - bytes;
    if (moved > most_moved) most_moved = moved;
    if (bytes > most_bytes) most_bytes = bytes;
  }
  CHECK(most_moved > 0 && most_moved <= 1000);
  CHECK(most_bytes > 0 && most_bytes <= 64 << 10);
  CHECK(w.sp->db.first.keys.bytes <= keys * UINT64_C(24) + 65536);
  CHECK(table_check(w.sp->mem.base, &w.sp->db.first.keys));
  world_close(&w);
}

/* Deleting what is left pays in small change too. */
static void test_worst_remove(void) {
  mode = HONEST;
  const uint32_t keys = (uint32_t)scaled(300000, 30000);
  world w = world_open(keys);
  for (uint32_t key = 0; key < keys; key++) CHECK(give(&w, key));
  uint64_t most_moved = 0, most_bytes = 0;
  for (uint32_t key = 0; key < keys; key++) {
    uint64_t moved = w.sp->work_moved, bytes = w.sp->work_bytes;
    take(&w, key);
    moved = w.sp->work_moved - moved;
    bytes = w.sp->work_bytes - bytes;
    if (moved > most_moved) most_moved = moved;
    if (bytes > most_bytes) most_bytes = bytes;
  }
  CHECK(most_moved > 0 && most_moved <= 1000 && most_bytes <= 64 << 10);
  CHECK(w.sp->db.first.keys.segments == 1);
  world_close(&w);
}

int main(void) {
  check_begin("test_table");
  test_steps(HONEST, 30000, scaled(600000, 20000));
  test_steps(HONEST, 300, scaled(100000, 5000));
  test_steps(SKEWED, 20000, scaled(100000, 10000));
  test_steps(LOW, 5000, scaled(80000, 5000));
  test_steps(TOP, 5000, scaled(60000, 5000));
  test_steps(TOP_2, 5000, scaled(60000, 5000));
  test_steps(WHOLE, 1500, scaled(30000, 3000));
  for (int m = HONEST; m < MODES; m++) {
    test_flood((hash_mode)m, (uint32_t)scaled(m == WHOLE ? 4000 : 20000, 2000));
    test_insert_fails((hash_mode)m, (uint32_t)scaled(m == WHOLE ? 1000 : 5000, 800));
    test_scan((hash_mode)m, (uint32_t)scaled(m == WHOLE ? 1000 : 20000, 1000), true);
    test_scan((hash_mode)m, (uint32_t)scaled(m == WHOLE ? 1000 : 20000, 1000), false);
    test_scan_at_rest((hash_mode)m, (uint32_t)scaled(m == WHOLE ? 1000 : 10000, 500));
  }
  test_random(HONEST, 3000, scaled(150000, 15000));
  test_random(SKEWED, 3000, scaled(150000, 15000));
  test_random(LOW, 3000, scaled(60000, 15000));
  test_random(WHOLE, 100, scaled(1000, 200));
  test_random(TOP, 100, scaled(1000, 200));
  test_random(TOP_2, 100, scaled(1000, 200));
  test_worst_insert(false);
  test_worst_insert(true);
  test_worst_remove();
  return check_end();
}
