/* Packed blocks: every form at its edges, and random edits against a plain array. */
#include "internals.h"

#include "check.h"

/* ---- Forms ---- */

static kevy_value text_of(const char *s) { return (kevy_value){KEVY_TEXT, 0, strlen(s), {.ptr = s}}; }
static kevy_value bytes_of(const char *s, size_t len) { return (kevy_value){KEVY_BYTES, 0, len, {.ptr = s}}; }
static kevy_value int_of(int64_t i) { return (kevy_value){KEVY_INT, 0, 0, {.i = i}}; }
static kevy_value float_of(double d) { return (kevy_value){KEVY_FLOAT, 0, 0, {.d = d}}; }

static bool alike(const kevy_value *a, const kevy_value *b) {
  if (a->kind != b->kind) return false;
  if (a->kind == KEVY_INT || a->kind == KEVY_FLOAT) return a->as.i == b->as.i && b->len == 0;
  return a->len == b->len && (a->len == 0 || memcmp(a->as.ptr, b->as.ptr, a->len) == 0);
}

/* A block of this one value, in a block of exactly its size. */
static char *block_of(const kevy_value *v, size_t *len) {
  char *block = malloc(PACKED_HEAD + packed_size(v));
  REQUIRE(block != NULL);
  packed_clear(block);
  *len = packed_append(block, PACKED_HEAD, v, 1);
  CHECK(*len == PACKED_HEAD + packed_size(v));
  return block;
}

/* Written, it reads back as itself, from both ends, and takes this many bytes. */
static void holds(const kevy_value *v, size_t size) {
  size_t len;
  char digits[PACKED_NUMBER], *block = block_of(v, &len);
  kevy_value got;
  CHECK(size == 0 || len == PACKED_HEAD + size);
  CHECK(packed_check(block, len) && packed_count(block) == 1);
  CHECK(packed_next(packed_first(block)) == block + len && packed_prev(block + len) == packed_first(block));
  packed_get(packed_first(block), &got, digits);
  CHECK(alike(v, &got));
  if (v->kind != KEVY_FLOAT) {
    char others[PACKED_NUMBER];
    packed_key key = packed_key_of(v, others);
    CHECK(packed_is(packed_first(block), &key) && packed_find(block, len, &key, 1) == packed_first(block));
  }
  free(block);
}

static void test_ints(void) {
  static const struct {
    int64_t i;
    size_t size;
  } cases[] = {{0, 2}, {63, 2}, {64, 3}, {127, 3}, {128, 4}, {-1, 3}, {-128, 3}, {-129, 4}, {32767, 4},
               {32768, 5}, {-32768, 4}, {-32769, 5}, {8388607, 5}, {8388608, 6}, {-8388608, 5},
               {-8388609, 6}, {INT32_MAX, 6}, {INT32_MAX + INT64_C(1), 8}, {INT32_MIN, 6},
               {INT32_MIN - INT64_C(1), 8}, {INT64_C(140737488355327), 8}, {INT64_C(140737488355328), 10},
               {-INT64_C(140737488355328), 8}, {-INT64_C(140737488355329), 10}, {INT64_MAX, 10}, {INT64_MIN, 10}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    kevy_value v = int_of(cases[i].i);
    holds(&v, cases[i].size);
    char digits[NUMBER_INT_MAX];
    kevy_value s = bytes_of(digits, number_format_int(cases[i].i, digits));
    size_t size = cases[i].size + (cases[i].i >= 0 && cases[i].i < 64); /* the head of its own is the int's */
    holds(&s, size);
    s.kind = KEVY_TEXT;
    holds(&s, size);
  }
}

/* What looks like a number and prints as something else stays bytes. */
static void test_not_ints(void) {
  static const char *const cases[] = {"",    "-",     "007", "-0", "+1", " 1", "1 ", "00", "0x1", "1.0", "--1", "-01",
                                      "1a",  "9223372036854775808",  "-9223372036854775809", "99999999999999999999",
                                      "123456789012345678901", "0000000000000001"};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    kevy_value v = text_of(cases[i]);
    holds(&v, strlen(cases[i]) + 2);
  }
  kevy_value nul = bytes_of("1\0", 2);
  holds(&nul, 4);
}

static void test_floats(void) {
  static const double cases[] = {0, -0.0, 1, 1.5, 1e308, -1e308, 5e-324};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    kevy_value v = float_of(cases[i]);
    holds(&v, 10);
  }
  kevy_value inf = float_of((double)INFINITY), one = float_of(1), number = int_of(1);
  holds(&inf, 10);
  size_t len;
  char digits[PACKED_NUMBER], *block = block_of(&one, &len);
  packed_key key = packed_key_of(&number, digits);
  CHECK(!packed_is(packed_first(block), &key));
  free(block);
}

static void test_lengths(void) {
  static const size_t lens[] = {0, 1, 62, 63, 64, 65, 124, 125, 126, 127, 128, 16379, 16380, 16381, 16382, 16383,
                                16384, 65534, 65535, 65536, 65537, 2097143, 2097144, 2097145, 2097152};
  char *bytes = malloc(2097152);
  REQUIRE(bytes != NULL);
  memset(bytes, 'x', 2097152);
  for (size_t i = 0; i < sizeof lens / sizeof lens[0]; i++)
    for (uint32_t kind = KEVY_BYTES; kind <= KEVY_TEXT; kind++) {
      kevy_value v = {kind, 0, lens[i], {.ptr = bytes}};
      holds(&v, lens[i] <= 63 ? lens[i] + 2 : 0);
      kevy_value null = {kind, 0, 0, {.ptr = NULL}};
      holds(&null, 2);
    }
  free(bytes);
}

/* Strings, text and ints with the same bytes are the same key; nothing else is. */
static void test_keys(void) {
  kevy_value seven[] = {int_of(7), text_of("7"), bytes_of("7", 1)}, other = bytes_of("07", 2);
  char block[64], digits[PACKED_NUMBER];
  packed_clear(block);
  size_t len = packed_append(block, PACKED_HEAD, seven, 3);
  packed_key zero = packed_key_of(&other, digits);
  CHECK(packed_find(block, len, &zero, 1) == NULL);
  for (int i = 0; i < 3; i++) {
    packed_key key = packed_key_of(&seven[i], digits);
    for (uint32_t j = 0; j < 3; j++) CHECK(packed_is(packed_seek(block, len, j), &key));
    CHECK(packed_find(block, len, &key, 2) == packed_first(block));
  }
}

/* ---- Random edits ---- */

#define MANY 1200
typedef struct item {
  kevy_value v;
  char *own;
} item;

static struct {
  item at[MANY];
  uint32_t count;
  char *block;
  size_t len, room;
} m;

static item some_item(void) {
  item it = {int_of(0), NULL};
  size_t len = one_in(200) ? 16370 + below(30) : one_in(20) ? below(300) : below(20);
  switch (below(8)) {
    case 0: it.v.as.i = (int64_t)(chance() >> below(64)); return it;
    case 1: it.v.as.i = -(int64_t)(chance() >> (1 + below(63))); return it;
    case 2: it.v = float_of((double)below(1000) / 8); return it;
    case 3: len = 20; break;
    default: break;
  }
  it.own = malloc(len + 1);
  REQUIRE(it.own != NULL);
  if (len == 20) len = (size_t)snprintf(it.own, 20, one_in(8) ? "0%u" : "%u", (unsigned)below(300));
  else for (size_t i = 0; i < len; i++) it.own[i] = (char)(one_in(4) ? below(256) : 'a' + below(3));
  it.v = (kevy_value){(uint32_t)below(2), 0, len, {.ptr = it.own}};
  return it;
}

/* Replaces in the array and in the block. */
static void edit(uint32_t at, uint32_t removed, uint32_t k) {
  item add[8];
  kevy_value values[8];
  size_t size = 0;
  for (uint32_t i = 0; i < k; i++) {
    add[i] = some_item();
    values[i] = add[i].v;
    size += packed_size(&values[i]);
  }
  const char *place = packed_seek(m.block, m.len, at);
  size_t expected = m.len - packed_span(place, removed) + size;
  if (expected > m.len) {
    char *block = malloc(expected); /* exactly: a sanitizer sees a byte too many */
    REQUIRE(block != NULL);
    memcpy(block, m.block, m.len);
    place = block + (place - m.block);
    free(m.block);
    m.block = block;
  }
  bool append = at == m.count && one_in(2);
  size_t len = append ? packed_append(m.block, m.len, values, k)
                      : packed_splice(m.block, m.len, place, removed, values, k);
  CHECK(len == expected);
  m.len = len;
  for (uint32_t i = 0; i < removed; i++) free(m.at[at + i].own);
  memmove(&m.at[at + k], &m.at[at + removed], (m.count - at - removed) * sizeof(item));
  memcpy(&m.at[at], add, k * sizeof(item));
  m.count = m.count - removed + k;
}

static bool same_key(const kevy_value *a, const kevy_value *b) {
  char da[NUMBER_FLOAT_MAX], db[NUMBER_FLOAT_MAX];
  if (a->kind == KEVY_FLOAT) return false;
  kevy_value x = number_byte_form(a, da), y = number_byte_form(b, db);
  return x.len == y.len && (x.len == 0 || memcmp(x.as.ptr, y.as.ptr, x.len) == 0);
}

static void compare(void) {
  char digits[PACKED_NUMBER];
  kevy_value v;
  bool ok = packed_count(m.block) == m.count && packed_check(m.block, m.len);
  const char *at = packed_first(m.block), *starts[MANY + 1];
  for (uint32_t i = 0; i < m.count; i++, at = packed_next(at)) {
    packed_get(at, &v, digits);
    starts[i] = at;
    ok = ok && alike(&v, &m.at[i].v);
  }
  starts[m.count] = at;
  ok = ok && at == m.block + m.len;
  for (uint32_t i = m.count; i-- > 0;) {
    at = packed_prev(at);
    ok = ok && at == starts[i];
  }
  for (uint32_t i = 0; i < 8; i++) {
    uint32_t index = (uint32_t)below(m.count + 1);
    ok = ok && packed_seek(m.block, m.len, index) == starts[index];
  }
  CHECK(ok);
}

static void look(void) {
  char digits[PACKED_NUMBER];
  item it = m.count != 0 && one_in(2) ? m.at[below(m.count)] : some_item();
  uint32_t stride = 1 + (uint32_t)below(3), i = 0;
  if (it.v.kind != KEVY_FLOAT) {
    packed_key key = packed_key_of(&it.v, digits);
    while (i < m.count && !same_key(&m.at[i].v, &it.v)) i += stride;
    const char *got = packed_find(m.block, m.len, &key, stride);
    CHECK(got == (i < m.count ? packed_seek(m.block, m.len, i) : NULL));
  }
  for (i = 0; i < m.count && m.at[i].own != it.own; i++) continue;
  if (i == m.count) free(it.own);
}

static void test_random(void) {
  m.block = malloc(PACKED_HEAD);
  REQUIRE(m.block != NULL);
  packed_clear(m.block);
  m.len = PACKED_HEAD;
  bool grows = true;
  for (size_t i = scaled(20000, 200); i > 0; i--) {
    if (m.count > MANY - 10) grows = false;
    if (m.count < 5) grows = true;
    uint32_t at = one_in(4) ? m.count : (uint32_t)below(m.count + 1);
    uint32_t removed = (uint32_t)below(grows ? 3 : 8), k = (uint32_t)below(grows ? 6 : 3);
    edit(at, removed < m.count - at ? removed : m.count - at, k);
    look();
    if (one_in(16)) compare();
  }
  edit(0, m.count, 0);
  compare();
  CHECK(m.len == PACKED_HEAD);
  free(m.block);
}

/* A block never tells more than its length: every cut of it, and every byte changed, is seen or well-formed. */
static void test_check(void) {
  kevy_value v[] = {text_of("hello"), int_of(300), float_of(1.5), bytes_of("12", 2), text_of("")};
  char block[64], other[64];
  packed_clear(block);
  size_t len = packed_append(block, PACKED_HEAD, v, 5);
  CHECK(packed_check(block, len));
  for (size_t cut = 0; cut < len; cut++) CHECK(!packed_check(block, cut));
  for (size_t i = 0; i < len; i++)
    for (int b = 0; b < 256; b++) {
      memcpy(other, block, len);
      other[i] = (char)b;
      if (!packed_check(other, len)) continue;
      const char *at = other + len;
      for (uint32_t n = 5; n > 0; n--) at = packed_prev(at);
      CHECK(at == packed_first(other));
    }
}

int main(void) {
  check_begin("packed");
  test_ints();
  test_not_ints();
  test_floats();
  test_lengths();
  test_keys();
  test_random();
  test_check();
  return check_end();
}
