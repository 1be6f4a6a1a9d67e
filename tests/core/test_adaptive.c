/* allkeys-adaptive: what is learned and what the ghosts keep, by itself; then a store with it: its hits on a loop and on a set
 * that moves on, its memory explained, its ghosts gone where they are not wanted. */
#include "internals.h"

#include "../../core/ghosts.h"

#include "check.h"

#define LIMIT (UINT64_C(1) << 20)

/* ---- learning ---- */

/* A thousand keys in turn, each a turnover after its last use: those that are about to come are worth more. */
static void test_loop(void) {
  static reuse r;
  static uint32_t past[1000];
  reuse_begin(&r, 1);
  reuse_expect(&r, 1000);
  for (size_t i = 0; i < 1000; i++) past[i] = reuse_first(&r);
  for (size_t i = 0; i < 40000; i++) {
    double ticks = reuse_share(&r, 1000);
    past[i % 1000] = reuse_again(&r, past[i % 1000]);
    for (int n = 0; n < 5; n++) reuse_passed(&r, past[below(1000)], ticks * 200);
    reuse_work(&r);
  }
  size_t last = 39999 % 1000;
  for (size_t ago = 100; ago < 900; ago += 100)
    CHECK(reuse_worth(&r, past[(last + 1000 - ago) % 1000]) <= reuse_worth(&r, past[(last + 1000 - ago - 99) % 1000]) ||
          reuse_age(&r, past[(last + 1000 - ago) % 1000]) >= reuse_age(&r, past[last]));
  CHECK(reuse_worth(&r, past[(last + 20) % 1000]) > reuse_worth(&r, past[last]));
}

/* Every past that uses can make has a worth, at every age. */
static void test_range(void) {
  static reuse r;
  reuse_begin(&r, 2);
  reuse_share(&r, 100);
  uint32_t past = reuse_first(&r);
  for (size_t i = 0; i < 200000; i++) {
    r.now += (double)below(i % 3 == 0 ? 20000 : 20);
    reuse_passed(&r, past, (double)below(100));
    past = below(50) == 0 ? reuse_first(&r) : reuse_again(&r, past);
    CHECK(past < 1u << 24);
    reuse_work(&r);
  }
  for (uint32_t c = 0; c < REUSE_CLASSES; c++)
    for (uint32_t step = 0; step < REUSE_AGES; step++) CHECK(r.worth[c][step] > 0 && r.worth[c][step] <= 1);
}

static void test_ghosts(void) {
  static reuse r;
  reuse_begin(&r, 3);
  reuse_share(&r, 100);
  space *sp = space_open(LIMIT);
  REQUIRE(sp != NULL);
  uint64_t empty = sp->mem.root->used;
  uint32_t past = reuse_first(&r), back;
  for (int i = 0; i < 9; i++) {
    r.now += 100;
    past = reuse_again(&r, past);
  }
  ghosts_add(sp, &r, 77, past, false);
  CHECK(!ghosts_take(sp, 77, &back) && sp->ghost_bytes == 0);
  ghosts_add(sp, &r, 77, past, true);
  CHECK(!ghosts_take(sp, 78u << 8, &back));
  CHECK(ghosts_take(sp, 77, &back) && !ghosts_take(sp, 77, &back));
  CHECK((back ^ past) >> 12 == 0 && ((back ^ past) >> 6 & 15) == 0 && (back & 7) / 2 == (past & 7) / 2);
  for (uint64_t i = 0; i < 100000; i++) {
    r.now += 0.1;
    ghosts_add(sp, &r, i * UINT64_C(0x9E3779B97F4A7C15), reuse_first(&r), true);
    ghosts_pass(sp, &r, 0.1, 1);
  }
  CHECK(sp->ghost_bytes == sp->mem.root->used - empty && sp->ghost_bytes <= LIMIT / 32 + 4096);
  size_t known = 0;
  for (uint64_t i = 99000; i < 100000; i++) known += ghosts_take(sp, i * UINT64_C(0x9E3779B97F4A7C15), &back);
  CHECK(known > 950);
  ghosts_drop(sp);
  CHECK(sp->ghost_bytes == 0 && sp->mem.root->used == empty);
  space_abandon(sp);
}

/* ---- a store ---- */

static uint64_t figure_of(kevy_store *s, const char *name) {
  const char *label;
  kevy_value v;
  for (size_t i = 0; kevy_info(s, i, &label, &v) == KEVY_OK; i++)
    if (strcmp(label, name) == 0) return (uint64_t)v.as.i;
  FAIL(name);
  return 0;
}

static kevy_store *open_adaptive(void) {
  kevy_options o = KEVY_OPTIONS_INIT;
  kevy_store *s;
  o.maxmemory = LIMIT;
  o.policy = "allkeys-adaptive";
  REQUIRE(kevy_open(&o, &s) == KEVY_OK);
  return s;
}

static char name[16];
static size_t name_of(uint64_t id) { return (size_t)snprintf(name, sizeof name, "key:%08u", (uint32_t)id); }

static bool use(kevy_store *s, uint64_t id) {
  static char bytes[200];
  kevy_value v;
  size_t n = name_of(id);
  if (kevy_get(s, name, n, &v) == KEVY_OK) return true;
  v = kevy_bytes(bytes, sizeof bytes);
  CHECK(kevy_set(s, name, n, &v, KEVY_NO_TTL, 0, NULL) == KEVY_OK && kevy_used_memory(s) <= LIMIT);
  return false;
}

static void check_explained(kevy_store *s) {
  uint64_t sum = 0, bytes;
  for (uint64_t id = 0; id < 40000; id++)
    if (kevy_memory_usage(s, name, name_of(id), &bytes) == KEVY_OK) sum += bytes;
  CHECK(sum + figure_of(s, "overhead_bytes") == kevy_used_memory(s));
}

static void test_store(void) {
  kevy_store *s = open_adaptive();
  size_t hits = 0;
  for (uint64_t i = 0; i < 100000; i++) hits += use(s, i % 8000);
  uint64_t keys;
  CHECK(kevy_len(s, &keys) == KEVY_OK && keys > 3500 && keys < 5000);
  CHECK(hits > 30000); /* LRU: none; all that can be: half */
  for (uint64_t i = 0; i < 100000; i++) use(s, i / 20 + below(2000));
  hits = 0;
  for (uint64_t i = 100000; i < 150000; i++) hits += use(s, i / 20 + below(2000));
  CHECK(hits > 45000);
  CHECK(figure_of(s, "ghost_bytes") > 0 && figure_of(s, "ghost_bytes") <= LIMIT / 32 + 4096);
  check_explained(s);
  CHECK(kevy_set_maxmemory(s, LIMIT / 2) == KEVY_OK && figure_of(s, "ghost_bytes") <= LIMIT / 64 + 4096);
  check_explained(s);
  for (uint64_t i = 0; i < 10000; i++) use(s, i % 8000);
  CHECK(kevy_used_memory(s) <= LIMIT / 2 && figure_of(s, "ghost_bytes") > 0);
  CHECK(kevy_set_policy(s, "allkeys-lru") == KEVY_OK && figure_of(s, "ghost_bytes") == 0);
  for (uint64_t i = 0; i < 10000; i++) use(s, i % 8000);
  CHECK(kevy_set_policy(s, "allkeys-adaptive") == KEVY_OK && kevy_set_maxmemory(s, LIMIT) == KEVY_OK);
  for (uint64_t i = 0; i < 20000; i++) use(s, i % 8000);
  CHECK(figure_of(s, "ghost_bytes") > 0 && kevy_clear(s) == KEVY_OK && figure_of(s, "ghost_bytes") == 0);
  for (uint64_t i = 0; i < 20000; i++) use(s, i % 8000);
  check_explained(s);
  kevy_close(s);
}

int main(void) {
  check_begin("adaptive");
  test_loop();
  test_range();
  test_ghosts();
  test_store();
  return check_end();
}
