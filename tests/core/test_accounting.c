/* Accounting: what memory_usage says of every key and the overhead that each structure counts add up to what the region has
 * handed out, to the byte, after every one of many random writes of every type, with deadlines that come, moments that are held,
 * values that are pinned and lent, and transactions that are taken back; and keys are counted by type. */
#include "internals.h"

#include "../../core/compact.h"

#include "check.h"
#include "model.h"
#include "writes.h"

#define HELD 4

static kevy_store *moments[HELD];
static kevy_pin *pins[HELD];
static unsigned depth;

/* Every key, expired ones that wait included, and how many there are of each type. */
static uint64_t of_keys(kevy_store *s, uint64_t typed[SPACE_TYPES]) {
  uint64_t bytes = 0;
  uint32_t i = 0;
  memset(typed, 0, SPACE_TYPES * sizeof *typed);
  for (const database *d; (d = database_next(&s->sp->db, &i)) != NULL;) {
    table_walk walk = {0, 0, false};
    for (ref r; (r = table_next(s->base, &d->keys, &walk)) != 0;) {
      const entry *e = mem_ptr(s->base, r);
      bytes += node_entry_bytes(s->sp, r) + collection_bytes(s->base, e);
      typed[entry_type(e)]++;
    }
  }
  return bytes;
}

static bool counted_by_type(kevy_store *s, const uint64_t typed[SPACE_TYPES]) {
  return figure(s, "strings") == typed[KEVY_TYPE_STRING] && figure(s, "hashes") == typed[KEVY_TYPE_HASH] &&
         figure(s, "lists") == typed[KEVY_TYPE_LIST] && figure(s, "sets") == typed[KEVY_TYPE_SET] &&
         figure(s, "zsets") == typed[KEVY_TYPE_ZSET] && figure(s, "streams") == typed[KEVY_TYPE_STREAM];
}

static bool balanced(const char *after) {
  uint64_t typed[SPACE_TYPES], keys = of_keys(a, typed), overhead = figure(a, "overhead_bytes"), used = kevy_used_memory(a);
  bool types = counted_by_type(a, typed);
  if (a->sp->flushed != NULL) return CHECK(types); /* of what is left of a database only an estimate is told */
  if (!CHECK(keys + overhead == used && types))
    fprintf(stderr, "%s: keys %llu + overhead %llu is %lld more than used %llu\n", after, (unsigned long long)keys,
            (unsigned long long)overhead, (long long)(keys + overhead - used), (unsigned long long)used);
  return keys + overhead == used && types;
}

/* ---- one key after another, through the public door ---- */

static void fill_each_type(kevy_store *s) {
  static char long_bytes[9000];
  char member[24];
  kevy_value v = kevy_bytes(long_bytes, sizeof long_bytes), n = kevy_int(5);
  uint64_t count;
  double score = 1;
  kevy_set(s, "int", 3, &n, KEVY_NO_TTL, 0, NULL);
  kevy_set(s, "blob", 4, &v, 100000, 0, NULL);
  v.len = 100;
  kevy_set(s, "short", 5, &v, KEVY_NO_TTL, 0, NULL);
  for (int i = 0; i < 3000; i++) {
    kevy_value m = kevy_bytes(member, (size_t)snprintf(member, sizeof member, "member %d", i));
    v.len = i % 300 == 0 ? 5000 : 30;
    score += 1;
    kevy_hset(s, "hash", 4, 1, &m, &v, 0, &count);
    kevy_push(s, "list", 4, 1, &v, 0, &count);
    kevy_sadd(s, "set", 3, 1, &m, 0, &count);
    kevy_zadd(s, "zset", 4, 1, &m, &score, 0, &count);
    kevy_stream_id id = {(uint64_t)i + 1, 1};
    kevy_xadd(s, "stream", 6, &id, 1, &m, &v, 0);
    if (i % 100 == 0) kevy_hexpire(s, "hash", 4, &m, 100000, 0);
  }
}

/* What a key frees is what it said; with the table and the wheel, nothing else is left. */
static void test_each_type(void) {
  static const char *const names[] = {"int", "blob", "short", "hash", "list", "set", "zset", "stream"};
  REQUIRE(kevy_open(NULL, &a) == KEVY_OK);
  fill_each_type(a);
  balanced("filling");
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    uint64_t bytes, before = figure(a, "overhead_bytes"), used = kevy_used_memory(a);
    CHECK(kevy_memory_usage(a, names[i], strlen(names[i]), &bytes) == KEVY_OK);
    CHECK(kevy_delete(a, names[i], strlen(names[i])) == KEVY_OK);
    balanced(names[i]);
    while (kevy_tick(a, 0, NULL) == KEVY_UNMET) balanced("a slice of upkeep");
    CHECK(used - kevy_used_memory(a) == bytes + before - figure(a, "overhead_bytes"));
  }
  CHECK(kevy_used_memory(a) == figure(a, "table_bytes") + figure(a, "wheel_bytes"));
  kevy_close(a);
}

/* A value that several keys have is nobody's until one of them is left. */
static void test_shared(void) {
  static char bytes[100000];
  kevy_value v = kevy_bytes(bytes, sizeof bytes), held;
  uint64_t usage;
  kevy_pin *pin;
  REQUIRE(kevy_open(NULL, &a) == KEVY_OK);
  kevy_set(a, "a", 1, &v, KEVY_NO_TTL, 0, NULL);
  kevy_memory_usage(a, "a", 1, &usage);
  CHECK(usage > sizeof bytes && figure(a, "shared_blob_bytes") == 0);
  kevy_copy(a, "a", 1, "b", 1, 0);
  kevy_memory_usage(a, "b", 1, &usage);
  CHECK(usage < 100 && figure(a, "shared_blob_bytes") > sizeof bytes && balanced("COPY"));
  kevy_delete(a, "a", 1);
  kevy_memory_usage(a, "b", 1, &usage);
  CHECK(usage > sizeof bytes && figure(a, "shared_blob_bytes") == 0 && balanced("DEL"));
  REQUIRE(kevy_pin_value(a, "b", 1, &pin, &held) == KEVY_OK);
  CHECK(figure(a, "shared_blob_bytes") == 0 && balanced("pin"));
  kevy_delete(a, "b", 1);
  CHECK(figure(a, "shared_blob_bytes") > sizeof bytes && balanced("DEL of what is pinned"));
  kevy_unpin(pin);
  kevy_tick(a, 0, NULL);
  CHECK(figure(a, "shared_blob_bytes") == 0 && balanced("unpin"));
  kevy_close(a);
}

/* ---- at random ---- */

static void hold_something(void) {
  kevy_store **s = &moments[below(HELD)];
  if (*s != NULL) {
    kevy_close(*s);
    *s = NULL;
  } else {
    kevy_snapshot(a, s);
  }
}

static void pin_something(void) {
  kevy_pin **p = &pins[below(HELD)];
  kevy_value v;
  char key[8];
  if (*p != NULL) {
    kevy_unpin(*p);
    *p = NULL;
  } else if (kevy_pin_value(a, key, (size_t)snprintf(key, sizeof key, "s%u", (unsigned)below(3)), p, &v) != KEVY_OK) {
    *p = NULL;
  }
}

/* Moves what lies scattered, as upkeep does where much is; the store holds what it held. */
static void compact_some(void) {
  if (!a->sp->compacting.on) a->sp->compacting = (compacting){.on = true, .fill = 128 + (uint32_t)below(128)};
  bool look = one_in(8);
  text before = look ? text_of(a) : (text){NULL, 0, 0};
  for (uint64_t n = below(20); n > 0; n--) compact_slice(a, 1 + (uint32_t)below(64));
  CHECK(table_check(a->base, a->keys));
  if (!look) return;
  text after = text_of(a);
  CHECK(after.len == before.len && (after.len == 0 || memcmp(after.bytes, before.bytes, after.len) == 0));
  free(before.bytes);
  free(after.bytes);
  kevy_tick(a, 0, NULL);
}

/* What a moment from inside a transaction keeps of it once that was taken back is in nobody's account before the moment is
 * closed. */
static void end_transaction(void) {
  if (below(2)) {
    CHECK(kevy_commit(a) == KEVY_OK);
  } else {
    for (size_t i = 0; i < HELD; i++) {
      if (moments[i] != NULL) kevy_close(moments[i]);
      moments[i] = NULL;
    }
    CHECK(kevy_rollback(a) == KEVY_OK);
  }
  depth--;
}

static void step(void) {
  snprintf(line, sizeof line, "something held");
  switch (below(40)) {
    case 0: hold_something(); break;
    case 1: pin_something(); break;
    case 2:
    case 3: kevy_debug_clock(a, now += (int64_t)below(60)); break;
    case 4: kevy_tick(a, 50, NULL); break;
    case 7:
    case 8: compact_some(); break;
    case 5:
      if (depth < 3 && below(2) && kevy_begin(a) == KEVY_OK) depth++;
      break;
    case 6:
      if (depth > 0) end_transaction();
      break;
    default:
      if (below(3) == 0) run_function();
      else run_command(templates[below(TEMPLATES)]);
  }
}

static void let_go(void) {
  while (depth > 0) end_transaction();
  for (size_t i = 0; i < HELD; i++) {
    if (moments[i] != NULL) kevy_close(moments[i]);
    kevy_unpin(pins[i]);
    moments[i] = NULL;
    pins[i] = NULL;
  }
}

/* ---- scattered memory ---- */

static uint32_t member_at(char *to, uint32_t i) { return (uint32_t)snprintf(to, 24, "name %u", (unsigned)(i * 2654435761u)); }

static void fill_all(uint32_t n) {
  char name[24], bytes[3000];
  uint64_t count;
  memset(bytes, 'b', sizeof bytes);
  for (uint32_t i = 0; i < n; i++) {
    kevy_value m = kevy_bytes(name, member_at(name, i)), v = kevy_bytes(bytes, i % 500 == 0 ? 2900 : 10 + i % 50);
    double score = i % 1000;
    kevy_set(a, name, m.len, &v, i % 3 == 0 ? 1000000 + i : KEVY_NO_TTL, 0, NULL);
    kevy_hset(a, "hash", 4, 1, &m, &v, 0, &count);
    if (i % 7 == 0) kevy_hexpire(a, "hash", 4, &m, 1000000 + i, 0);
    kevy_sadd(a, "set", 3, 1, &m, 0, &count);
    kevy_zadd(a, "zset", 4, 1, &m, &score, 0, &count);
    kevy_push(a, "list", 4, 1, &v, 0, &count);
    kevy_stream_id id = {i + 1, 1};
    if (i % 8 == 0) kevy_xadd(a, "stream", 6, &id, 1, &m, &v, 0);
  }
}

static void thin_out(uint32_t n) {
  char name[24];
  for (uint32_t i = 0; i < n; i++) {
    if (i % 10 == 0) continue;
    kevy_value m = kevy_bytes(name, member_at(name, i));
    CHECK(kevy_delete(a, name, m.len) == KEVY_OK && kevy_hdel(a, "hash", 4, 1, &m, NULL) == KEVY_OK);
    CHECK(kevy_srem(a, "set", 3, 1, &m, NULL) == KEVY_OK && kevy_zrem(a, "zset", 4, 1, &m, NULL) == KEVY_OK);
  }
}

/* All that was kept is found where it was moved to, in its order, and goes at its time. */
static void check_thinned(uint32_t n) {
  char name[24];
  kevy_value v;
  for (uint32_t i = 0; i < n; i += 10) {
    kevy_value m = kevy_bytes(name, member_at(name, i));
    double score;
    uint64_t rank;
    CHECK(kevy_get(a, name, m.len, &v) == KEVY_OK && v.len == (i % 500 == 0 ? 2900 : 10 + i % 50) && *v.as.ptr == 'b');
    CHECK(kevy_hget(a, "hash", 4, &m, &v) == KEVY_OK && v.len == (i % 500 == 0 ? 2900 : 10 + i % 50) && *v.as.ptr == 'b');
    CHECK(kevy_sismember(a, "set", 3, &m) == KEVY_OK);
    CHECK(kevy_zscore(a, "zset", 4, &m, &score) == KEVY_OK && score == i % 1000);
    CHECK(kevy_zrank(a, "zset", 4, &m, 0, &rank, NULL) == KEVY_OK);
  }
  kevy_debug_clock(a, now + 1000000 + n / 2);
  while (kevy_tick(a, 0, NULL) == KEVY_UNMET) continue;
  for (uint32_t i = 0; i < n; i += 10) {
    bool due = i % 3 == 0 && i <= n / 2;
    CHECK((kevy_get(a, name, member_at(name, i), &v) == KEVY_MISSING) == due);
  }
}

/* Nine in ten go, at random: what is left takes few pages more than it needs, as soon as upkeep has had its slices. */
static void test_scattered(void) {
  uint32_t n = (uint32_t)scaled(40000, 20000);
  REQUIRE(kevy_open(NULL, &a) == KEVY_OK);
  kevy_debug_clock(a, now = EPOCH);
  fill_all(n);
  thin_out(n);
  while (kevy_tick(a, 0, NULL) == KEVY_UNMET) continue;
  balanced("moving");
  CHECK(figure(a, "resident_bytes") < kevy_used_memory(a) / 10 * 11 + (UINT64_C(8) << 20));
  CHECK(mem_wasted(&a->sp->mem) == 0 || a->sp->compacting.rest != 0);
  check_thinned(n);
  balanced("thinning");
  kevy_close(a);
}

/* Half of the long fields of a hash go. The pass that begins while they do finds little to gain; it is not the last one. */
static void test_scattered_later(void) {
  enum { FIELDS = 20000 };
  static char bytes[1500];
  char name[24];
  REQUIRE(kevy_open(NULL, &a) == KEVY_OK);
  kevy_value v = kevy_bytes(bytes, sizeof bytes);
  for (uint32_t i = 0; i < FIELDS; i++) {
    kevy_value m = kevy_bytes(name, member_at(name, i));
    CHECK(kevy_hset(a, "hash", 4, 1, &m, &v, 0, NULL) == KEVY_OK);
  }
  for (uint32_t i = 0; i < FIELDS; i++) {
    kevy_value m = kevy_bytes(name, member_at(name, i));
    if (below(2)) CHECK(kevy_hdel(a, "hash", 4, 1, &m, NULL) == KEVY_OK);
  }
  while (kevy_tick(a, 0, NULL) == KEVY_UNMET) continue;
  CHECK(figure(a, "resident_bytes") < kevy_used_memory(a) / 10 * 11 + (UINT64_C(8) << 20));
  balanced("moving");
  kevy_close(a);
}

static void test_random(void) {
  REQUIRE(kevy_open(NULL, &a) == KEVY_OK);
  kevy_debug_clock(a, now = EPOCH);
  entries = 1;
  size_t steps = scaled(60000, 2000);
  for (size_t i = 0; i < steps; i++) {
    step();
    if (!balanced(line)) break;
  }
  let_go();
  while (kevy_tick(a, 0, NULL) == KEVY_UNMET) continue;
  balanced("all is let go of");
  CHECK(figure(a, "dead_list_bytes") == 0 && figure(a, "grave_bytes") == 0 && figure(a, "retained_bytes") == 0);
  (void)kevy_clear(a);
  balanced("CLEAR");
  kevy_close(a);
}

int main(void) {
  check_begin("accounting");
  test_each_type();
  test_shared();
  test_scattered();
  test_scattered_later();
  test_random();
  return check_end();
}
