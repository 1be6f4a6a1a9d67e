/* Databases: random commands in all of them against plain arrays, with keys that move, databases that are exchanged and
 * flushed, deadlines that come, moments, transactions that are taken back and scattered memory; what is used is what the keys and
 * the overhead say, to the byte. And eviction from all of them, allocations that fail, and a flush that waits for nothing. */
#include "internals.h"

#include <stdarg.h>

#include "failing.h"

#include "check.h"
#include "words.h"

#define USED 6   /* databases of the random test: 0, and some others */
#define KEYS 60
#define NEVER INT64_MAX
#define EPOCH INT64_C(1700000000000)

static const uint32_t numbers[USED] = {0, 1, 2, 7, 14, 15};

static kevy_store *s;
static kevy_session *session;
static kevy_reply *reply;
static int64_t now;

/* ---- the model ---- */

typedef struct cell {
  int64_t value;    /* 0: there is no such key */
  int64_t deadline;
  uint32_t fields;  /* of a hash with so many fields; 0: a string */
} cell;

typedef struct world {
  cell cells[USED][KEYS];
} world;

static world w;

static bool there(const cell *c) { return c->value != 0 && c->deadline > now; }

static uint64_t count(const world *of, unsigned d) {
  uint64_t n = 0;
  for (unsigned k = 0; k < KEYS; k++) n += there(&of->cells[d][k]);
  return n;
}

/* ---- the store ---- */

static void open_store(uint64_t maxmemory) {
  kevy_options o = KEVY_OPTIONS_INIT;
  o.maxmemory = maxmemory;
  REQUIRE(kevy_open(&o, &s) == KEVY_OK && kevy_session_open(s, &session) == KEVY_OK);
  REQUIRE((reply = kevy_reply_new()) != NULL);
  now = EPOCH;
  kevy_debug_clock(s, now);
  memset(&w, 0, sizeof w);
}

static void close_store(void) {
  kevy_reply_free(reply);
  kevy_session_close(session);
  kevy_close(s);
}

/* Runs a command line in the session; its first item. */
static kevy_item item;
__attribute__((format(printf, 1, 2))) static kevy_status run(const char *format, ...) {
  char line[512];
  kevy_value argv[40];
  va_list args;
  va_start(args, format);
  vsnprintf(line, sizeof line, format, args);
  va_end(args);
  kevy_status status = kevy_session_call(session, words(line, argv), argv, 0, reply);
  memset(&item, 0, sizeof item);
  if (status == KEVY_OK) kevy_reply_next(reply, &item);
  return status;
}

static int64_t answer(void) { return item.value.kind == KEVY_INT ? item.value.as.i : -1; }

static void use(unsigned d) { CHECK(run("SELECT %u", numbers[d]) == KEVY_OK); }

static int64_t digits(const char *at, size_t len) {
  int64_t n = 0;
  for (size_t i = 0; i < len; i++) n = n * 10 + (at[i] - '0');
  return n;
}

/* What lies in a table, by the model's key; false where it is another. */
static bool alike(const databases *all, const char *base, unsigned d, const world *of) {
  const database *db = database_at(all, numbers[d]);
  uint64_t seen = 0, timed = 0, typed = 0, live = 0;
  table_walk walk = {0, 0, false};
  ref r;
  while (db != NULL && (r = table_next(base, &db->keys, &walk)) != 0) {
    const entry *e = mem_ptr(base, r);
    unsigned k = (unsigned)digits(entry_key(e) + 1, entry_klen(e) - 1);
    const cell *c = &of->cells[d][k];
    kevy_value v;
    seen++;
    timed += entry_has_deadline(e);
    typed += entry_type(e) == KEVY_TYPE_HASH;
    if (entry_deadline(e) != KEVY_NO_TTL && entry_deadline(e) <= now) continue;
    live++;
    entry_value(base, e, &v);
    bool hash = entry_type(e) == KEVY_TYPE_HASH;
    if (!CHECK(there(c) && hash == (c->fields != 0) && (hash || digits(v.as.ptr, v.len) == c->value))) return false;
    if (!CHECK((entry_has_deadline(e) ? entry_deadline(e) : NEVER) == c->deadline)) return false;
  }
  if (db == NULL) return CHECK(count(of, d) == 0);
  return CHECK(table_check(base, &db->keys) && seen == db->keys.count && timed == db->with_ttl && typed == db->typed[KEVY_TYPE_HASH] &&
               live == count(of, d));
}

static bool all_alike(const databases *all, const char *base, const world *of) {
  bool fine = true;
  for (unsigned d = 0; d < USED; d++) fine &= alike(all, base, d, of);
  return fine;
}

static void drain(void) {
  store_unlend(s);
  while (kevy_tick(s, 0, NULL) == KEVY_UNMET) continue;
}

static uint64_t figure(const char *wanted) {
  const char *name;
  kevy_value value;
  for (size_t i = 0; kevy_info(s, i, &name, &value) == KEVY_OK; i++)
    if (strcmp(name, wanted) == 0) return (uint64_t)value.as.i;
  return 0;
}

/* Where nothing waits to be taken apart, and nothing is set aside. */
static bool balanced(void) {
  uint64_t keys = 0;
  uint32_t i = 0;
  for (const database *d; (d = database_next(&s->sp->db, &i)) != NULL;) {
    table_walk walk = {0, 0, false};
    for (ref r; (r = table_next(s->base, &d->keys, &walk)) != 0;)
      keys += node_entry_bytes(s->sp, r) + collection_bytes(s->base, mem_ptr(s->base, r));
  }
  return s->sp->flushed != NULL || s->sp->undone != NULL || CHECK(keys + figure("overhead_bytes") == kevy_used_memory(s));
}

/* ---- one random command, in both ---- */

static void put(unsigned d) {
  unsigned k = (unsigned)below(KEYS);
  cell *c = &w.cells[d][k];
  int64_t value = 1 + (int64_t)below(1000000), ms = one_in(3) ? 1 + (int64_t)below(3000) : 0;
  kevy_status status = ms != 0 ? run("SET k%u %lld PX %lld", k, (long long)value, (long long)ms) : run("SET k%u %lld", k, (long long)value);
  if (status == KEVY_OK) *c = (cell){value, ms != 0 ? now + ms : NEVER, 0};
}

/* A hash, small or large, perhaps with fields that have deadlines. */
static void put_hash(unsigned d) {
  unsigned k = (unsigned)below(KEYS), rounds = one_in(4) ? 40 : 1;
  cell *c = &w.cells[d][k];
  if (there(c) && c->fields == 0) return;
  for (unsigned n = 0; n < rounds; n++) {
    unsigned f = c->fields * 16;
    if (run("HSET k%u %u-1 a %u-2 b %u-3 c %u-4 d %u-5 e %u-6 f %u-7 g %u-8 h %u-9 i %u-10 j %u-11 k %u-12 l %u-13 m", k, f, f, f, f, f, f, f, f,
            f, f, f, f, f) != KEVY_OK)
      return;
    if (!there(c)) *c = (cell){1, NEVER, 0};
    c->fields++;
  }
  if (one_in(2)) run("HPEXPIRE k%u %u FIELDS 1 0-%u", k, 1 + (unsigned)below(3000), 1 + (unsigned)below(12));
}

static void move(unsigned from) {
  unsigned k = (unsigned)below(KEYS), to = (unsigned)below(USED);
  if (to == from || run("MOVE k%u %u", k, numbers[to]) != KEVY_OK) return;
  cell *source = &w.cells[from][k], *target = &w.cells[to][k];
  bool moves = there(source) && !there(target);
  CHECK(answer() == moves);
  if (!moves) return;
  *target = *source;
  source->value = 0;
}

static void copy(unsigned from) {
  unsigned k = (unsigned)below(KEYS), as = (unsigned)below(KEYS), to = (unsigned)below(USED);
  bool replace = one_in(2);
  if ((to == from && as == k) || run("COPY k%u k%u DB %u%s", k, as, numbers[to], replace ? " REPLACE" : "") != KEVY_OK) return;
  cell *source = &w.cells[from][k], *target = &w.cells[to][as];
  bool copies = there(source) && (replace || !there(target));
  CHECK(answer() == copies);
  if (copies) *target = *source;
}

static void swap(unsigned a) {
  unsigned b = (unsigned)below(USED);
  if (run("SWAPDB %u %u", numbers[a], numbers[b]) != KEVY_OK) return;
  cell was[KEYS];
  memcpy(was, w.cells[a], sizeof was);
  memmove(w.cells[a], w.cells[b], sizeof was);
  memcpy(w.cells[b], was, sizeof was);
}

static void flush(unsigned d) {
  if (run("FLUSHDB") == KEVY_OK) memset(w.cells[d], 0, sizeof w.cells[d]);
}

static void step(void) {
  unsigned d = (unsigned)below(USED), k = (unsigned)below(KEYS);
  use(d);
  switch (below(40)) {
    case 0: swap(d); break;
    case 1: if (one_in(2)) flush(d); break;
    case 2: if (one_in(20) && run("FLUSHALL") == KEVY_OK) memset(&w, 0, sizeof w); break;
    case 3: case 4: case 5: case 6: move(d); break;
    case 7: case 8: case 9: copy(d); break;
    case 10: case 11: case 12: put_hash(d); break;
    case 13: case 14: case 15: case 16: case 17:
      if (run("DEL k%u", k) == KEVY_OK) {
        CHECK(answer() == there(&w.cells[d][k]));
        w.cells[d][k].value = 0;
      }
      break;
    case 18:
      if (run("EXISTS k%u", k) == KEVY_OK) CHECK(answer() == there(&w.cells[d][k]));
      break;
    case 19:
      if (run("PEXPIRE k%u 500", k) == KEVY_OK && there(&w.cells[d][k])) w.cells[d][k].deadline = now + 500;
      break;
    default: put(d);
  }
}

/* ---- the random test ---- */

#define DEPTH 3
#define MOMENTS 3

static void test_random(void) {
  world before[DEPTH], seen[MOMENTS];
  kevy_store *moments[MOMENTS] = {NULL};
  int64_t at[MOMENTS];
  unsigned depth = 0;
  open_store(0);
  for (size_t n = 0, end = scaled(60000, 2000); n < end; n++) {
    step();
    unsigned m = (unsigned)below(MOMENTS);
    if (one_in(60) && depth < DEPTH) {
      before[depth] = w;
      if (CHECK(kevy_begin(s) == KEVY_OK)) depth++;
    } else if (one_in(40) && depth > 0) {
      bool back = one_in(2);
      depth--;
      CHECK((back ? kevy_rollback(s) : kevy_commit(s)) == KEVY_OK);
      if (back) w = before[depth];
      if (back) all_alike(&s->sp->db, s->base, &w);
    }
    if (one_in(200) && moments[m] == NULL && CHECK(kevy_snapshot(s, &moments[m]) == KEVY_OK)) {
      seen[m] = w;
      at[m] = now;
    } else if (one_in(200) && moments[m] != NULL) {
      int64_t here = now;
      now = at[m];
      all_alike(&moments[m]->frozen->db, moments[m]->base, &seen[m]);
      now = here;
      kevy_close(moments[m]);
      moments[m] = NULL;
    }
    if (one_in(50)) kevy_debug_clock(s, now += (int64_t)below(400));
    if (one_in(100)) all_alike(&s->sp->db, s->base, &w);
    if (one_in(300) && depth == 0) drain();
    if (one_in(100)) balanced();
  }
  while (depth-- > 0) CHECK(kevy_rollback(s) == KEVY_OK), w = before[depth];
  for (unsigned m = 0; m < MOMENTS; m++) kevy_close(moments[m]);
  all_alike(&s->sp->db, s->base, &w);
  for (unsigned d = 0; d < USED; d++) use(d), run("FLUSHDB");
  use(0);
  drain();
  balanced();
  CHECK(s->sp->flushed == NULL && database_keys(&s->sp->db) == 0 && s->sp->blobs == 0 && figure("grave_bytes") == 0);
  for (uint32_t i = 1; i < DATABASES; i++) CHECK(database_at(&s->sp->db, i) == NULL);
  close_store();
}

/* A database that is empty again leaves nothing. */
static void test_memory_comes_back(void) {
  open_store(0);
  run("SET a 1");
  uint64_t used = kevy_used_memory(s);
  for (unsigned d = 1; d < USED; d++) {
    use(d);
    run("DBSIZE");
    CHECK(kevy_used_memory(s) == used);
    run("SET a 1");
    CHECK(kevy_used_memory(s) > used);
    run("DEL a");
    CHECK(kevy_used_memory(s) == used);
    run("SET a 1");
    run("FLUSHDB");
    use(0);
    run("EXISTS a");
    CHECK(answer() == 1);
    drain();
    CHECK(kevy_used_memory(s) == used);
  }
  close_store();
}

/* One of two is flushed: no entry is touched until upkeep comes to it, and deadlines that come meanwhile do no harm. */
static void test_flush_at_once(void) {
  open_store(0);
  run("SET keeper 1 PX 100000");
  use(1);
  for (unsigned i = 0; i < 3000; i++) {
    run("SET key%u 12345678 PX %u", i, 1 + (unsigned)below(2000));
    run("HSET hash%u f v", i);
    if (i % 10 == 0) run("HPEXPIRE hash%u 500 FIELDS 1 f", i);
  }
  uint64_t used = kevy_used_memory(s), work = figure("work_entries_moved") + figure("work_bytes_copied");
  run("FLUSHDB");
  CHECK(kevy_used_memory(s) > used / 2);
  CHECK(figure("work_entries_moved") + figure("work_bytes_copied") - work < 65536);
  run("DBSIZE");
  CHECK(answer() == 0);
  run("SET key1 again");
  kevy_debug_clock(s, now += 1000);
  for (unsigned i = 0; i < 40; i++) run("SET k%u %u PX 10", i, i), kevy_debug_clock(s, now += 50);
  run("GET key1");
  CHECK(item.value.len == 5);
  use(0);
  run("EXISTS keeper");
  CHECK(answer() == 1);
  kevy_debug_clock(s, now - 500); /* back */
  drain();
  CHECK(s->sp->flushed == NULL && balanced());
  close_store();
}

/* ---- eviction ---- */

static void test_eviction(uint32_t policy) {
  open_store(3 << 20);
  REQUIRE(evict_choose(s, policy));
  bool ttl = (policy & EVICT_VOLATILE) != 0;
  for (unsigned i = 0; i < scaled(60000, 60000); i++) {
    use(i % USED);
    kevy_status status = ttl ? run("SET key%u 0123456789012345678901234567890123456789 PX %u", i, 100000 + i)
                             : run("SET key%u 0123456789012345678901234567890123456789", i);
    if (!CHECK(status == KEVY_OK)) break;
    CHECK(kevy_used_memory(s) <= 3 << 20);
  }
  CHECK(figure("evicted") > 10000);
  for (unsigned d = 0; d < USED; d++) {
    const database *db = database_at(&s->sp->db, numbers[d]);
    CHECK(db != NULL && db->keys.count > 100 && table_check(s->base, &db->keys));
  }
  use(0);
  run("FLUSHDB");
  for (unsigned i = 0; i < 20000; i++) CHECK(run("SET more%u 0123456789012345678901234567890123456789%s", i, ttl ? " PX 100000" : "") == KEVY_OK);
  CHECK(kevy_used_memory(s) <= 3 << 20);
  drain();
  balanced();
  close_store();
}

/* ---- memory that runs out ---- */

static bool same_world(void) { return all_alike(&s->sp->db, s->base, &w); }

static void test_failing(void) {
  open_store(0);
  for (unsigned i = 0; i < 400; i++) step();
  kevy_store *snapshot = NULL;
  for (size_t n = 0, end = scaled(400, 50); n < end; n++) {
    uint64_t state = check.state;
    for (unsigned nth = 1; nth < 40; nth++) {
      bool process = one_in(2), fired;
      check.state = state;
      if (process) fail_malloc_in = nth;
      else kevy_debug_fail_alloc(s, nth);
      world before = w;
      step();
      fired = process ? fail_malloc_in == 0 : s->sp->mem.fail_in == 0;
      fail_malloc_in = 0;
      kevy_debug_fail_alloc(s, 0);
      (void)before;
      if (!same_world()) return;
      if (!fired) break;
      state = check.state;
    }
    if (one_in(20) && snapshot == NULL) kevy_snapshot(s, &snapshot);
    else if (one_in(20)) kevy_close(snapshot), snapshot = NULL;
    if (one_in(10)) kevy_debug_clock(s, now += (int64_t)below(200));
  }
  kevy_close(snapshot);
  drain();
  balanced();
  close_store();
}

int main(void) {
  check_begin("databases");
  test_random();
  test_memory_comes_back();
  test_flush_at_once();
  test_eviction(EVICT_ALLKEYS_LRU);
  test_eviction(EVICT_ALLKEYS_RANDOM);
  test_eviction(EVICT_VOLATILE_TTL);
  test_eviction(EVICT_VOLATILE_LRU);
  test_failing();
  return check_end();
}
