/* HyperLogLogs: sparse and dense ones against plain registers, estimates against the truth, and bytes that are none. What Redis
 * makes of the same elements is in tests/conformance, byte for byte. And LCS against the textbook's table. */
#include "internals.h"

#include "hyperloglog.h"
#include "lcs.h"

#include "check.h"
#include "words.h"

static uint8_t registers[HLL_REGISTERS];
static char hll[HLL_MOST];
static size_t len;

static void begin(void) {
  memset(registers, 0, sizeof registers);
  hll_make(hll);
  len = HLL_EMPTY_BYTES;
  CHECK(hll_is(hll, len) && !hll_is_dense(hll));
}

/* Raises a register in both; whether they agree that it was. */
static bool raises(hll_mark m, hll_hint *hint) {
  bool higher = m.value > registers[m.index];
  if (higher) registers[m.index] = m.value;
  return hll_raise(hll, &len, HLL_SPARSE_MOST, m, hint) == (higher ? HLL_RAISED : HLL_SAME);
}

static bool same(void) {
  uint8_t merged[HLL_REGISTERS] = {0};
  uint64_t a, b;
  bool valid = hll_is(hll, len) && hll_merge(merged, hll, len) && hll_count(hll, len, &a);
  b = hll_count_registers(registers);
  return valid && memcmp(merged, registers, sizeof merged) == 0 && a == b;
}

/* Elements, marks of any value, and marks in rising order. */
static void test_registers(void) {
  for (size_t round = scaled(30, 3); round > 0; round--) {
    hll_hint hint = {0};
    unsigned most = round % 3 == 0 ? 51 : 1 + (unsigned)(chance() % 32);
    size_t steps = chance() % 4000, index = 0;
    begin();
    for (size_t i = 0; i < steps; i++) {
      uint64_t element = chance();
      hll_mark m = hll_mark_of((const char *)&element, chance() % 9);
      if (round % 3 != 1) m.value = (uint8_t)(1 + chance() % most);
      if (round % 3 == 2) index = m.index = (uint16_t)((index + chance() % 10) % HLL_REGISTERS);
      if (round % 3 != 2) hint = (hll_hint){0};
      if (!CHECK(raises(m, &hint))) break;
      if (i % 512 == 0) CHECK(same());
    }
    CHECK(same() && (hll_is_dense(hll) || len <= HLL_SPARSE_MOST));
    CHECK(hll_to_dense(hll, &len) && len == HLL_DENSE_BYTES && same());
  }
}

/* Where the search begins changes nothing. */
static void test_hints(void) {
  char other[HLL_MOST];
  size_t other_len = HLL_EMPTY_BYTES;
  begin();
  hll_make(other);
  for (unsigned pass = 1; pass < 4; pass++) {
    hll_hint hint = {0};
    for (unsigned i = 0; i < 900; i++) {
      hll_mark m = {(uint16_t)(i * (i % 5 ? 1 : 3)), (uint8_t)(pass + chance() % 2)};
      hll_hint none = {0};
      CHECK(hll_raise(hll, &len, HLL_SPARSE_MOST, m, &hint) == hll_raise(other, &other_len, HLL_SPARSE_MOST, m, &none));
    }
    CHECK(len == other_len && memcmp(hll, other, len) == 0);
  }
}

static void test_estimates(void) {
  uint64_t count;
  begin();
  CHECK(hll_count(hll, len, &count) && count == 0);
  for (uint64_t i = 1; i <= 100000; i++) {
    hll_mark m = hll_mark_of((const char *)&i, sizeof i);
    hll_hint hint = {0};
    hll_raise(hll, &len, HLL_SPARSE_MOST, m, &hint);
    if (i % 9973 == 0 || i == 10) CHECK(hll_count(hll, len, &count) && count >= i - i / 20 && count <= i + i / 20);
  }
  CHECK(!hll_cached(hll, &count));
  hll_cache(hll, 12345);
  CHECK(hll_cached(hll, &count) && count == 12345);
  hll_outdate(hll);
  CHECK(!hll_cached(hll, &count));
}

/* Whatever the bytes are: nothing beyond them is touched, and what is valid stays so. */
static void test_garbage(void) {
  for (size_t n = scaled(20000, 500); n > 0; n--) {
    size_t room = HLL_HEADER + chance() % (n % 50 == 0 ? HLL_MOST - HLL_HEADER : 40);
    begin();
    for (len = HLL_HEADER; len < room; len++)
      hll[len] = (char)(chance() % 3 == 0 ? 0x7f : chance() % 3 == 0 ? 0x80 | chance() % 128 : chance());
    CHECK(hll_is(hll, len));
    char *exact = malloc(len); /* a sanitizer sees the end */
    REQUIRE(exact != NULL);
    memcpy(exact, hll, len);
    uint8_t merged[HLL_REGISTERS] = {0};
    uint64_t count;
    size_t at = HLL_HEADER;
    hll_run run;
    bool valid = hll_count(exact, len, &count);
    CHECK(hll_merge(merged, exact, len) == valid);
    while (hll_run_next(exact, len, &at, &run)) continue;
    free(exact);
    hll_hint hint = {0};
    for (unsigned i = 0; i < 3; i++) {
      hll_mark m = {(uint16_t)(chance() % HLL_REGISTERS), (uint8_t)(1 + chance() % (i == 2 ? 51 : 32))};
      hll_result result = hll_raise(hll, &len, HLL_SPARSE_MOST, m, &hint);
      hint = (hll_hint){0};
      CHECK(len <= HLL_MOST && (!valid || (result != HLL_INVALID && hll_count(hll, len, &count))));
    }
    CHECK(hll_to_dense(hll, &len) == hll_is(hll, len) || !valid);
  }
  CHECK(!hll_is("HYLL", 4) && !hll_is("HYLL\2...............", 20) && !hll_is("HYLL\0...............", 20) && !hll_is("", 0));
  begin();
  hll_to_dense(hll, &len);
  memset(hll + HLL_HEADER, 0xff, len - HLL_HEADER);
  uint64_t count;
  CHECK(hll_count(hll, len, &count)); /* registers that no element makes */
}

/* ---- commands ---- */

static kevy_store *s;
static kevy_reply *r;

static kevy_status run(kevy_store *store, const char *line) {
  kevy_value argv[12];
  return kevy_call_typed(store, words(line, argv), argv, r);
}

static int64_t number(kevy_store *store, const char *line) {
  kevy_item item;
  if (run(store, line) != KEVY_OK) return -1;
  kevy_reply_next(r, &item);
  return item.value.kind == KEVY_INT ? item.value.as.i : -1;
}

/* A snapshot counts without keeping the estimate, and sees what was; memory comes back. */
static void test_snapshots(void) {
  REQUIRE(kevy_open(NULL, &s) == KEVY_OK && (r = kevy_reply_new()) != NULL);
  kevy_store *still;
  kevy_value before, after;
  run(s, "PFADD sparse a b c");
  run(s, "PFADD dense a b c");
  run(s, "PFDEBUG TODENSE dense");
  REQUIRE(kevy_snapshot(s, &still) == KEVY_OK);
  CHECK(number(s, "PFADD sparse d") == 1 && number(s, "PFADD dense d") == 1 && number(s, "PFADD dense e d") == 1);
  CHECK(number(s, "PFCOUNT sparse") == 4 && number(s, "PFCOUNT dense") == 5 && number(s, "PFCOUNT sparse dense") == 5);
  CHECK(number(still, "PFCOUNT sparse") == 3 && number(still, "PFCOUNT dense") == 3);
  CHECK(run(still, "PFADD sparse x") == KEVY_EREADONLY && run(still, "PFMERGE sparse dense") == KEVY_EREADONLY);
  CHECK(kevy_get(still, "dense", 5, &before) == KEVY_OK && kevy_get(s, "dense", 5, &after) == KEVY_OK);
  CHECK(before.len == after.len && (unsigned char)before.as.ptr[15] == 0x80 && after.as.ptr[15] == 0);
  kevy_close(still);
  s->sp->mem.fail_in = 1;
  CHECK(run(s, "PFADD new a") == KEVY_EOOM && number(s, "EXISTS new") == 0);
  s->sp->mem.fail_in = 1;
  CHECK(run(s, "PFMERGE new sparse dense") == KEVY_EOOM && number(s, "EXISTS new") == 0 && number(s, "PFCOUNT dense") == 5);
  kevy_reply_free(r);
  kevy_close(s);
}

/* ---- LCS ---- */

static void test_lcs(void) {
  enum { MOST = 40 };
  for (size_t n = scaled(2000, 50); n > 0; n--) {
    char a[MOST], b[MOST];
    size_t best[MOST + 1][MOST + 1] = {{0}}, a_len = chance() % MOST, b_len = chance() % MOST, total = 0;
    for (size_t i = 0; i < MOST; i++) a[i] = (char)('a' + chance() % 3), b[i] = (char)('a' + chance() % 3);
    for (size_t i = 1; i <= a_len; i++)
      for (size_t j = 1; j <= b_len; j++)
        best[i][j] = a[i - 1] == b[j - 1] ? best[i - 1][j - 1] + 1
                      : best[i - 1][j] > best[i][j - 1] ? best[i - 1][j] : best[i][j - 1];
    lcs l, no_path;
    REQUIRE(lcs_open(&l, a, a_len, b, b_len, true) && lcs_open(&no_path, a, a_len, b, b_len, false));
    CHECK(l.length == best[a_len][b_len] && no_path.length == l.length);
    lcs_range at = {a_len, b_len, 0};
    for (size_t i = a_len, j = b_len; lcs_next(&l, &at); i = at.a, j = at.b) {
      CHECK(at.a + at.length <= i && at.b + at.length <= j && memcmp(a + at.a, b + at.b, at.length) == 0);
      total += at.length;
    }
    CHECK(total == l.length);
    lcs_close(&l);
    lcs_close(&no_path);
  }
  CHECK(lcs_fits(0, 0) && lcs_fits(1 << 13, (1 << 13) - 1) && !lcs_fits(1 << 14, 1 << 14) && !lcs_fits(SIZE_MAX, SIZE_MAX));
}

int main(void) {
  check_begin("hyperloglog");
  test_registers();
  test_hints();
  test_estimates();
  test_garbage();
  test_snapshots();
  test_lcs();
  return check_end();
}
