/* Bits of strings: the loops against loops a bit at a time, and what snapshots, transactions and a store without memory make of
 * strings that are edited. */
#include "internals.h"

#include "bits.h"

#include "check.h"
#include "words.h"

#define ROOM 700
#define BLOCK 4096 /* what is combined at a time */

static char bytes[ROOM + 16];

/* Mostly runs of one bit, from any address on. */
static char *some_bytes(size_t len) {
  char *at = bytes + chance() % 8;
  memset(at, chance() % 2 ? 0 : chance() % 2 ? 0xff : 0x5a, len);
  for (uint64_t n = chance() % 4; n > 0 && len != 0; n--) at[chance() % len] = (char)chance();
  return at;
}

static void test_count_and_find(void) {
  for (size_t n = scaled(20000, 200); n > 0; n--) {
    size_t len = 1 + chance() % (chance() % 4 ? 40 : ROOM);
    const char *at = some_bytes(len);
    uint64_t first = chance() % (len * 8), last = first + chance() % (len * 8 - first);
    bool bit = chance() % 2;
    uint64_t count = 0;
    int64_t found = -1;
    for (uint64_t i = first; i <= last; i++) {
      count += bits_get(at, i);
      if (found < 0 && bits_get(at, i) == bit) found = (int64_t)i;
    }
    CHECK(bits_count(at, first, last) == count && bits_find(at, first, last, bit) == found);
  }
}

static unsigned combined(bits_operation operation, const bits_source *sources, size_t n, size_t at) {
  unsigned result = at < sources[0].len ? (unsigned char)sources[0].bytes[at] : 0;
  if (operation == BITS_NOT) return ~result & 0xff;
  for (size_t i = 1; i < n; i++) {
    unsigned byte = at < sources[i].len ? (unsigned char)sources[i].bytes[at] : 0;
    result = operation == BITS_AND ? result & byte : operation == BITS_OR ? result | byte : result ^ byte;
  }
  return result;
}

static void test_combine(void) {
  static char data[4][3 * BLOCK], to[3 * BLOCK + 1];
  for (size_t i = 0; i < 4; i++)
    for (size_t j = 0; j < sizeof data[i]; j++) data[i][j] = (char)chance();
  for (size_t n = scaled(300, 20); n > 0; n--) {
    bits_source sources[4];
    bits_operation operation = (bits_operation)(chance() % 4);
    size_t k = operation == BITS_NOT ? 1 : 1 + chance() % 4, len = 0;
    for (size_t i = 0; i < k; i++) {
      sources[i] = (bits_source){data[i], chance() % 3 ? chance() % 80 : chance() % sizeof data[i]};
      if (sources[i].len > len) len = sources[i].len;
    }
    memset(to, 'x', sizeof to);
    bits_combine(to, len, operation, sources, k);
    size_t same = 0;
    while (same < len && (unsigned char)to[same] == combined(operation, sources, k, same)) same++;
    CHECK(same == len && to[len] == 'x');
  }
}

/* ---- fields ---- */

static bits_field some_field(void) {
  bits_field f = {chance() % 100, 0, chance() % 2};
  f.width = 1 + (uint32_t)(chance() % (f.is_signed ? 64 : 63));
  return f;
}

static void test_fields(void) {
  for (size_t n = scaled(20000, 200); n > 0; n--) {
    char before[32], after[32];
    for (size_t i = 0; i < sizeof before; i++) before[i] = (char)chance();
    bits_field f = some_field();
    uint64_t value = chance();
    memcpy(after, before, sizeof before);
    bits_field_set(after, f, (int64_t)value);
    bool kept = true;
    for (uint64_t i = 0; i < sizeof before * 8; i++) {
      bool in = i >= f.offset && i < f.offset + f.width;
      bool wanted = in ? value >> (f.offset + f.width - 1 - i) & 1 : bits_get(before, i);
      kept &= bits_get(after, i) == wanted;
    }
    CHECK(kept);
    uint64_t all = UINT64_MAX >> (64 - f.width), got = (uint64_t)bits_field_get(after, sizeof after, f);
    CHECK((got & all) == (value & all));
    CHECK(f.is_signed ? (got & ~all) == (got >> (f.width - 1) & 1 ? ~all : 0) : (got & ~all) == 0);
    CHECK(bits_field_get(after, f.offset / 8, f) == 0);
  }
}

static int64_t near_an_end(void) {
  static const int64_t ends[] = {0, INT64_MAX, INT64_MIN, 127, -128, 1, 3, INT32_MAX};
  uint64_t end = (uint64_t)ends[chance() % 8];
  return (int64_t)(end + chance() % 5 - 2);
}

static void test_sums(void) {
  for (size_t n = scaled(50000, 500); n > 0; n--) {
    bits_field f = some_field();
    char field[32] = {0};
    bits_field_set(field, f, near_an_end());
    int64_t value = bits_field_get(field, sizeof field, f), by = near_an_end(), sum = 0, kept = 0;
    __int128 exact = (__int128)value + by, low = f.is_signed ? -((__int128)1 << (f.width - 1)) : 0;
    __int128 high = f.is_signed ? -low - 1 : ((__int128)1 << f.width) - 1;
    bool fits = exact >= low && exact <= high;
    CHECK(bits_field_add(f, value, by, BITS_FAIL, &sum) == fits && (!fits || sum == exact));
    CHECK(bits_field_add(f, value, by, BITS_SATURATE, &sum) && sum == (fits ? exact : exact > high ? high : low));
    CHECK(bits_field_add(f, value, by, BITS_WRAP, &sum));
    bits_field_set(field, f, (int64_t)((uint64_t)value + (uint64_t)by));
    kept = bits_field_get(field, sizeof field, f);
    CHECK(sum == kept);
  }
}

/* ---- edits ---- */

static kevy_store *s;
static kevy_reply *r;

static kevy_status run(kevy_store *store, const char *line) {
  kevy_value argv[12];
  return kevy_call_typed(store, words(line, argv), argv, r);
}

static bool holds(kevy_store *store, const char *key, const char *value, size_t len) {
  kevy_value v;
  return kevy_get(store, key, strlen(key), &v) == KEVY_OK && v.len == len && memcmp(v.as.ptr, value, len) == 0;
}

static uint64_t used(void) {
  kevy_call(s, 1, (kevy_value[]){kevy_bytes("DBSIZE", 6)}, r); /* lets go of what is lent */
  while (!store_upkeep(s, 64, &(uint64_t){0})) continue;
  return s->sp->mem.root->used;
}

/* Short, long and new values: a snapshot sees what was there, and memory comes back. */
static void test_snapshots(void) {
  static char large[5000], edited[5000];
  memset(large, 'a', sizeof large);
  memcpy(edited, large, sizeof large);
  edited[4000] = 'c';
  REQUIRE(kevy_open(NULL, &s) == KEVY_OK && (r = kevy_reply_new()) != NULL);
  uint64_t before = used();
  kevy_value v = kevy_bytes("aaaa", 4), w = kevy_bytes(large, sizeof large);
  CHECK(kevy_set(s, "short", 5, &v, KEVY_NO_TTL, 0, NULL) == KEVY_OK);
  CHECK(kevy_set(s, "long", 4, &w, KEVY_NO_TTL, 0, NULL) == KEVY_OK);
  kevy_store *still;
  REQUIRE(kevy_snapshot(s, &still) == KEVY_OK);
  for (int i = 0; i < 2; i++) { /* a copy first, and then that copy where it stands */
    CHECK(run(s, "BITFIELD short SET u8 #1 98") == KEVY_OK && run(s, "SETBIT short 22 1") == KEVY_OK);
    CHECK(run(s, "BITFIELD long SET u8 #4000 99") == KEVY_OK && run(s, "SETBIT new 9 1") == KEVY_OK);
    CHECK(run(s, "BITOP NOT copy long") == KEVY_OK && run(s, "BITOP NOT copy copy") == KEVY_OK);
    CHECK(holds(s, "short", "abca", 4) && holds(s, "long", edited, sizeof edited) && holds(s, "new", "\0@", 2));
    CHECK(holds(s, "copy", edited, sizeof edited));
    CHECK(holds(still, "short", "aaaa", 4) && holds(still, "long", large, sizeof large));
  }
  CHECK(run(still, "SETBIT short 1 1") == KEVY_EREADONLY && run(still, "BITCOUNT short") == KEVY_OK);
  CHECK(kevy_get(still, "new", 3, &v) == KEVY_MISSING);
  kevy_close(still);
  CHECK(run(s, "DEL short long new copy") == KEVY_OK && used() == before);
  kevy_reply_free(r);
  kevy_close(s);
}

/* Grows where it stands, bit by bit, in memory that is accounted for. */
static void test_growth(void) {
  REQUIRE(kevy_open(NULL, &s) == KEVY_OK && (r = kevy_reply_new()) != NULL);
  char line[64];
  kevy_value v;
  for (unsigned at = 7; at < 80000; at += 8) {
    snprintf(line, sizeof line, "SETBIT k %u 1", at);
    run(s, line);
  }
  CHECK(kevy_get(s, "k", 1, &v) == KEVY_OK && v.len == 10000 && bits_count(v.as.ptr, 0, 79999) == 10000);
  CHECK(bits_find(v.as.ptr, 8, 79999, true) == 15);
  CHECK(kevy_begin(s) == KEVY_OK && run(s, "SETBIT k 0 1") == KEVY_OK && run(s, "SETBIT k 90000 1") == KEVY_OK);
  CHECK(run(s, "SETBIT small 3 1") == KEVY_OK && run(s, "SETBIT small 4 1") == KEVY_OK);
  CHECK(kevy_rollback(s) == KEVY_OK && kevy_get(s, "small", 5, &v) == KEVY_MISSING);
  CHECK(kevy_get(s, "k", 1, &v) == KEVY_OK && v.len == 10000 && !bits_get(v.as.ptr, 0));
  kevy_reply_free(r);
  kevy_close(s);
}

static void test_no_memory(void) {
  REQUIRE(kevy_open(NULL, &s) == KEVY_OK && (r = kevy_reply_new()) != NULL);
  REQUIRE(kevy_set_maxmemory(s, 2 << 20) == KEVY_OK);
  CHECK(run(s, "SET k a") == KEVY_OK);
  CHECK(run(s, "SETBIT k 4294967295 1") == KEVY_EOOM && run(s, "BITFIELD k SET u8 4294967288 1") == KEVY_EOOM);
  CHECK(run(s, "SETBIT new 4294967295 1") == KEVY_EOOM && run(s, "BITFIELD k SET u8 4294967295 1") == KEVY_ETOOBIG);
  CHECK(holds(s, "k", "a", 1));
  kevy_value v;
  CHECK(kevy_get(s, "new", 3, &v) == KEVY_MISSING);
  kevy_reply_free(r);
  kevy_close(s);
}

int main(void) {
  check_begin("bits");
  test_count_and_find();
  test_combine();
  test_fields();
  test_sums();
  test_snapshots();
  test_growth();
  test_no_memory();
  return check_end();
}
