/* Strings through kevy.h: kinds, errors, pieces, blobs, and borrowed pointers passed back in. */
#include "internals.h"

#include "check.h"
#include "model.h"

static kevy_store *open_store(void) {
  kevy_store *s;
  REQUIRE(kevy_open(NULL, &s) == KEVY_OK);
  return s;
}

static kevy_value text(const char *z) { return kevy_text(z, strlen(z)); }
static kevy_value bytes(const char *z) { return kevy_bytes(z, strlen(z)); }

static kevy_status set(kevy_store *s, const char *key, kevy_value v) {
  return kevy_set(s, key, strlen(key), &v, KEVY_NO_TTL, 0, NULL);
}

static bool is(const kevy_value *v, kevy_value want) { return mval_alike(v, &want); }

static bool holds(kevy_store *s, const char *key, kevy_value want) {
  kevy_value v;
  return kevy_get(s, key, strlen(key), &v) == KEVY_OK && is(&v, want);
}
static bool missing(kevy_store *s, const char *key) {
  kevy_value v;
  return kevy_get(s, key, strlen(key), &v) == KEVY_MISSING;
}

static kevy_value pattern(char *buf, size_t len, unsigned from) {
  for (size_t i = 0; i < len; i++) buf[i] = (char)(from + i * 31 + i / 251);
  return kevy_bytes(buf, len);
}

/* ---- against the model ---- */

static void test_against_model(uint32_t keys, size_t steps) {
  kevy_store *s = open_store();
  model m;
  model_open(&m, s, keys);
  for (size_t i = 0; i < steps; i++) {
    model_step(&m, s);
    if (one_in(50)) model_move_clock(&m, s);
    if (one_in(100)) kevy_tick(s, 1 + below(50), NULL);
    if (i % (steps / 40 + 1) == 0) CHECK(model_matches(&m, s) && accounts_add_up(s) && table_check(s->base, s->keys));
  }
  CHECK(model_matches(&m, s));
  model_close(&m);
  kevy_close(s);
}

/* ---- kinds ---- */

static void test_kinds(void) {
  kevy_store *s = open_store();
  const kevy_value all[] = {kevy_bytes("", 0), kevy_bytes("a\0b", 3), text(""), text("\xc3\xa9t\xc3\xa9"),
                            kevy_int(0), kevy_int(42), kevy_int(-1), kevy_int(INT64_MAX), kevy_int(INT64_MIN),
                            kevy_float(0), kevy_float(-0.0), kevy_float(2.5), kevy_float(3.0), kevy_float(1e300),
                            kevy_float(INFINITY), kevy_float(-INFINITY), kevy_float(5e-324)};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++)
    for (size_t j = 0; j < sizeof all / sizeof *all; j++) {
      CHECK(set(s, "k", all[i]) == KEVY_OK && holds(s, "k", all[i]));
      CHECK(set(s, "k", all[j]) == KEVY_OK && holds(s, "k", all[j]));
    }
  kevy_value v;
  CHECK(kevy_get(s, "", 0, &v) == KEVY_MISSING);
  v = text("no name");
  CHECK(kevy_set(s, NULL, 0, &v, KEVY_NO_TTL, 0, NULL) == KEVY_OK && holds(s, "", text("no name")));
  v = kevy_bytes(NULL, 0);
  CHECK(set(s, "nothing", v) == KEVY_OK && kevy_get(s, "nothing", 7, &v) == KEVY_OK);
  CHECK(v.len == 0 && v.as.ptr != NULL && v.kind == KEVY_BYTES);
  kevy_close(s);
}

/* Keys of every length class keep their bytes and their kind. */
static void test_keys(void) {
  kevy_store *s = open_store();
  char *key = malloc(100000);
  REQUIRE(key != NULL);
  static const size_t lens[] = {0, 1, 3, 7, 8, 9, 254, 255, 256, 257, 4000, 65535, 65536, 100000};
  const size_t n = sizeof lens / sizeof *lens;
  for (size_t i = 0; i < n; i++) {
    pattern(key, lens[i], 1);
    kevy_value v = kevy_int((int64_t)i);
    CHECK(kevy_set(s, key, lens[i], &v, i % 2 ? 100000 : KEVY_NO_TTL, i % 3 ? KEVY_TEXT_KEY : 0, NULL) == KEVY_OK);
    CHECK(kevy_set(s, key, lens[i], &v, i % 2 ? 100000 : KEVY_NO_TTL, 0, NULL) == KEVY_OK);
  }
  kevy_iter *it;
  kevy_value got, v;
  REQUIRE(kevy_iter_open(s, NULL, 0, KEVY_TYPE_NONE, &it) == KEVY_OK);
  size_t met = 0;
  while (kevy_iter_next(it, &got, &v) == KEVY_OK) {
    size_t i = (size_t)v.as.i;
    pattern(key, lens[i], 1);
    CHECK(got.len == lens[i] && memcmp(got.as.ptr, key, lens[i]) == 0);
    CHECK(got.kind == (i % 3 ? KEVY_TEXT : KEVY_BYTES));
    met++;
  }
  CHECK(met == n && accounts_add_up(s));
  kevy_iter_close(it);
  for (size_t i = 0; i < n; i++) {
    pattern(key, lens[i], 1);
    int64_t ttl;
    CHECK(kevy_get(s, key, lens[i], &v) == KEVY_OK && v.as.i == (int64_t)i);
    CHECK(kevy_ttl(s, key, lens[i], &ttl) == KEVY_OK && (ttl > 0) == (i % 2 == 1));
    CHECK(kevy_delete(s, key, lens[i]) == KEVY_OK);
  }
  free(key);
  kevy_close(s);
}

/* ---- errors ---- */

static void test_errors(void) {
  kevy_store *s = open_store(), *snapshot;
  kevy_value v = text("x"), nan = kevy_float(NAN), old, wrong = text("x");
  wrong.kind = 9;
  int64_t i;
  double d;
  uint64_t n;
  CHECK(set(s, "t", text("word")) == KEVY_OK);
  CHECK(kevy_set(s, "k", 1, &nan, KEVY_NO_TTL, 0, NULL) == KEVY_EARG);
  CHECK(kevy_set(s, "k", 1, &wrong, KEVY_NO_TTL, 0, NULL) == KEVY_EARG);
  wrong.kind = KEVY_NIL;
  CHECK(kevy_set(s, "k", 1, &wrong, KEVY_NO_TTL, 0, NULL) == KEVY_EARG);
  CHECK(kevy_set(s, "t", 1, &wrong, 0, KEVY_AT, NULL) == KEVY_EARG && holds(s, "t", text("word")));
  CHECK(kevy_set(s, "k", 1, &v, KEVY_NO_TTL, KEVY_NX | KEVY_XX, NULL) == KEVY_EARG);
  CHECK(kevy_set(s, "k", 1, &v, KEVY_NO_TTL, 0x8000, NULL) == KEVY_EARG);
  CHECK(kevy_set(s, "k", 1, &v, KEVY_NO_TTL, KEVY_GT, NULL) == KEVY_EARG);
  CHECK(kevy_set(s, "k", 1, &v, 0, 0, NULL) == KEVY_EEXPIRE);
  CHECK(kevy_set(s, "k", 1, &v, -2, 0, &old) == KEVY_EEXPIRE);
  CHECK(kevy_set(s, "k", 1, &v, INT64_MAX, 0, NULL) == KEVY_EEXPIRE);
  CHECK(kevy_set(s, "k", 1, &v, -1, KEVY_AT, NULL) == KEVY_EEXPIRE);
  CHECK(kevy_getex(s, "t", 1, 0, 0, &old) == KEVY_EEXPIRE);
  CHECK(kevy_getex(s, "t", 1, 5, KEVY_NX, &old) == KEVY_EARG);
  CHECK(kevy_incr(s, "t", 1, 1, 0, &i) == KEVY_ENOTINT);
  CHECK(kevy_incr(s, "t", 1, 1, KEVY_NX, &i) == KEVY_EARG);
  CHECK(kevy_incr_float(s, "t", 1, 1, 0, &d) == KEVY_ENOTFLOAT);
  CHECK(kevy_incr_float(s, "t", 1, 1, KEVY_XX, &d) == KEVY_EARG);
  CHECK(kevy_append(s, "t", 1, &nan, 0, &n) == KEVY_EARG && kevy_append(s, "t", 1, &wrong, 0, &n) == KEVY_EARG);
  CHECK(kevy_append(s, "t", 1, &v, KEVY_REPLACE, &n) == KEVY_EARG);
  CHECK(kevy_setrange(s, "t", 1, -1, "x", 1, 0, &n) == KEVY_ERANGE);
  CHECK(kevy_setrange(s, "t", 1, INT64_MAX, "x", 1, 0, &n) == KEVY_ETOOBIG);
  CHECK(kevy_setrange(s, "t", 1, (int64_t)KEVY_MAX_LEN, "x", 1, 0, &n) == KEVY_ETOOBIG);
  CHECK(kevy_setrange(s, "t", 1, 0, "x", 1, KEVY_NX, &n) == KEVY_EARG);
  CHECK(holds(s, "t", text("word")) && missing(s, "k"));

  /* Too long; nothing is read of what the length promises. */
  v.len = KEVY_MAX_LEN + 1;
  CHECK(kevy_set(s, "k", 1, &v, KEVY_NO_TTL, 0, NULL) == KEVY_ETOOBIG);
  CHECK(kevy_append(s, "t", 1, &v, 0, &n) == KEVY_ETOOBIG);
  v.len = SIZE_MAX;
  CHECK(kevy_set(s, "k", 1, &v, KEVY_NO_TTL, 0, NULL) == KEVY_ETOOBIG);
  CHECK(kevy_append(s, "t", 1, &v, 0, &n) == KEVY_ETOOBIG);
  CHECK(kevy_setrange(s, "t", 1, 3, "x", SIZE_MAX, 0, &n) == KEVY_ETOOBIG);

  /* The ends of numbers. */
  CHECK(set(s, "n", kevy_int(INT64_MAX)) == KEVY_OK && kevy_incr(s, "n", 1, 1, 0, &i) == KEVY_EOVERFLOW);
  CHECK(holds(s, "n", kevy_int(INT64_MAX)));
  CHECK(set(s, "n", kevy_int(INT64_MIN)) == KEVY_OK && kevy_incr(s, "n", 1, -1, 0, &i) == KEVY_EOVERFLOW);
  CHECK(kevy_incr(s, "n", 1, INT64_MAX, 0, &i) == KEVY_OK && i == -1);
  CHECK(kevy_incr(s, "fresh", 5, INT64_MIN, 0, &i) == KEVY_OK && i == INT64_MIN);
  static const char *const odd[] = {"", " 1", "1 ", "+1", "01", "-0", "1.0", "0x10", "9223372036854775808"};
  for (size_t k = 0; k < sizeof odd / sizeof *odd; k++)
    CHECK(set(s, "n", bytes(odd[k])) == KEVY_OK && kevy_incr(s, "n", 1, 1, 0, &i) == KEVY_ENOTINT);
  CHECK(set(s, "n", bytes("-9223372036854775808")) == KEVY_OK && kevy_incr(s, "n", 1, 1, 0, &i) == KEVY_OK);
  CHECK(holds(s, "n", kevy_int(-INT64_MAX)));
  CHECK(set(s, "n", kevy_float(3)) == KEVY_OK && kevy_incr(s, "n", 1, 1, 0, &i) == KEVY_OK && i == 4);
  CHECK(set(s, "n", kevy_float(1e308)) == KEVY_OK && kevy_incr_float(s, "n", 1, 1e308, 0, &d) == KEVY_ENAN);
  CHECK(kevy_incr_float(s, "n", 1, NAN, 0, &d) < 0 && holds(s, "n", kevy_float(1e308)));

  CHECK(kevy_snapshot(s, &snapshot) == KEVY_OK);
  v = text("y");
  CHECK(kevy_set(snapshot, "t", 1, &v, KEVY_NO_TTL, 0, NULL) == KEVY_EREADONLY);
  CHECK(kevy_getdel(snapshot, "t", 1, &old) == KEVY_EREADONLY);
  CHECK(kevy_getex(snapshot, "t", 1, 5, 0, &old) == KEVY_EREADONLY);
  CHECK(kevy_getex(snapshot, "t", 1, KEVY_NO_TTL, 0, &old) == KEVY_OK && is(&old, text("word")));
  CHECK(kevy_incr(snapshot, "t", 1, 1, 0, &i) == KEVY_EREADONLY);
  CHECK(kevy_mset(snapshot, 1, &v, &v, KEVY_NO_TTL, 0) == KEVY_EREADONLY);
  CHECK(strcmp(kevy_errmsg(snapshot), kevy_strerror(KEVY_EREADONLY)) == 0);
  kevy_close(snapshot);

  kevy_value keys[2] = {text("a"), kevy_float(1)}, values[2] = {text("1"), text("2")}, out[2];
  CHECK(kevy_mset(s, 2, keys, values, KEVY_NO_TTL, 0) == KEVY_EARG && missing(s, "a"));
  CHECK(kevy_mget(s, 2, keys, out) == KEVY_EARG);
  keys[1] = text("b");
  values[1] = nan;
  CHECK(kevy_mset(s, 2, keys, values, KEVY_NO_TTL, 0) == KEVY_EARG && missing(s, "a"));
  values[1].kind = KEVY_BYTES;
  values[1].as.ptr = "";
  values[1].len = KEVY_MAX_LEN + 1;
  CHECK(kevy_mset(s, 2, keys, values, KEVY_NO_TTL, 0) == KEVY_ETOOBIG && missing(s, "a"));
  CHECK(kevy_mset(s, 2, keys, values, 0, 0) == KEVY_EEXPIRE);
  CHECK(kevy_mset(s, 2, keys, values, 10, KEVY_XX) == KEVY_EARG);
  CHECK(kevy_mset(s, 0, NULL, NULL, KEVY_NO_TTL, 0) == KEVY_OK);
  CHECK(accounts_add_up(s));
  kevy_close(s);
}

/* ---- what you receive may be passed back in ---- */

static void test_borrowed(size_t len) {
  char *buf = malloc(len), *twice = malloc(2 * len + 10);
  REQUIRE(buf != NULL && twice != NULL);
  kevy_value want = pattern(buf, len, 5), v;
  uint64_t n;
  memcpy(twice, buf, len);
  memcpy(twice + len, buf, len);
  kevy_store *s = open_store();

  /* onto itself and onto another key; whole and in part */
  CHECK(set(s, "a", want) == KEVY_OK);
  CHECK(kevy_get(s, "a", 1, &v) == KEVY_OK && set(s, "a", v) == KEVY_OK && holds(s, "a", want));
  CHECK(kevy_get(s, "a", 1, &v) == KEVY_OK && set(s, "b", v) == KEVY_OK && holds(s, "b", want));
  CHECK(kevy_getrange(s, "a", 1, 1, -1, &v) == KEVY_OK && set(s, "a", v) == KEVY_OK);
  CHECK(holds(s, "a", kevy_bytes(buf + 1, len - 1)));
  CHECK(kevy_get(s, "b", 1, &v) == KEVY_OK && kevy_set(s, "b", 1, &v, 100000, 0, NULL) == KEVY_OK);
  CHECK(holds(s, "b", want));

  /* with the old value wanted back */
  kevy_value old;
  CHECK(kevy_get(s, "b", 1, &v) == KEVY_OK && kevy_set(s, "b", 1, &v, KEVY_NO_TTL, 0, &old) == KEVY_OK);
  CHECK(is(&old, want));
  CHECK(kevy_set(s, "c", 1, &old, KEVY_NO_TTL, 0, &v) == KEVY_OK && v.kind == KEVY_NIL && holds(s, "c", want));
  CHECK(kevy_getdel(s, "c", 1, &old) == KEVY_OK && is(&old, want));
  CHECK(kevy_set(s, "b", 1, &old, KEVY_NO_TTL, 0, &v) == KEVY_OK && is(&v, want) && holds(s, "b", want));
  CHECK(set(s, "c", want) == KEVY_OK && kevy_getdel(s, "c", 1, &old) == KEVY_OK);
  CHECK(kevy_append(s, "b", 1, &old, 0, &n) == KEVY_OK && n == 2 * len && holds(s, "b", kevy_bytes(twice, 2 * len)));

  /* appended to itself, written over itself */
  CHECK(set(s, "a", want) == KEVY_OK && kevy_get(s, "a", 1, &v) == KEVY_OK);
  CHECK(kevy_append(s, "a", 1, &v, 0, &n) == KEVY_OK && holds(s, "a", kevy_bytes(twice, 2 * len)));
  CHECK(set(s, "a", want) == KEVY_OK && kevy_append(s, "a", 1, &want, 0, &n) == KEVY_OK);
  CHECK(kevy_getrange(s, "a", 1, 0, (int64_t)len - 1, &v) == KEVY_OK);
  CHECK(kevy_setrange(s, "a", 1, 3, v.as.ptr, v.len, 0, &n) == KEVY_OK && n == 2 * len);
  memmove(twice + 3, buf, len);
  CHECK(holds(s, "a", kevy_bytes(twice, 2 * len)));

  /* as a key: of the same entry, of one that goes, of one in scratch */
  CHECK(set(s, "name", want) == KEVY_OK && kevy_get(s, "name", 4, &v) == KEVY_OK);
  kevy_value number = kevy_int(7);
  CHECK(kevy_set(s, v.as.ptr, v.len, &number, KEVY_NO_TTL, 0, NULL) == KEVY_OK);
  CHECK(kevy_get(s, "name", 4, &v) == KEVY_OK && kevy_rename(s, v.as.ptr, v.len, "name", 4, 0) == KEVY_OK);
  CHECK(holds(s, "name", number));
  CHECK(kevy_get(s, buf, len, &v) == KEVY_MISSING);
  CHECK(set(s, "name", want) == KEVY_OK && kevy_set(s, buf, len, &number, KEVY_NO_TTL, 0, NULL) == KEVY_OK);
  CHECK(kevy_getdel(s, "name", 4, &v) == KEVY_OK);
  const char *key = v.as.ptr;
  CHECK(kevy_getex(s, key, len, 100000, 0, &v) == KEVY_OK && is(&v, number));
  int64_t ttl;
  CHECK(kevy_ttl(s, buf, len, &ttl) == KEVY_OK && ttl > 0);
  CHECK(set(s, "name", want) == KEVY_OK && kevy_set(s, buf, len, &want, KEVY_NO_TTL, 0, NULL) == KEVY_OK);
  CHECK(kevy_getdel(s, "name", 4, &v) == KEVY_OK);
  CHECK(kevy_getex(s, v.as.ptr, len, 100000, 0, &old) == KEVY_OK && is(&old, want));
  CHECK(kevy_get(s, buf, len, &v) == KEVY_OK && kevy_ttl(s, buf, len, &ttl) == KEVY_OK && ttl > 0);

  /* MSET: keys and values that borrow from keys it overwrites */
  CHECK(set(s, "x", want) == KEVY_OK && set(s, "y", text("yy")) == KEVY_OK);
  kevy_value got[2], keys[3] = {text("x"), text("y"), text("z")}, values[3];
  CHECK(kevy_mget(s, 2, keys, got) == KEVY_OK);
  values[0] = got[1];
  values[1] = got[0];
  keys[2] = got[0];
  values[2] = kevy_int(3);
  CHECK(kevy_mset(s, 3, keys, values, KEVY_NO_TTL, 0) == KEVY_OK);
  CHECK(holds(s, "x", text("yy")) && holds(s, "y", want));
  CHECK(kevy_get(s, buf, len, &v) == KEVY_OK && is(&v, kevy_int(3)));

  /* a random key, deleted by its own name */
  uint64_t left;
  while (kevy_len(s, &left) == KEVY_OK && left > 0) {
    CHECK(kevy_random_key(s, &v) == KEVY_OK);
    CHECK(kevy_delete(s, v.as.ptr, v.len) == KEVY_OK);
  }
  CHECK(accounts_add_up(s));
  free(buf);
  free(twice);
  kevy_close(s);
}

/* ---- blobs ---- */

static void test_threshold(void) {
  kevy_store *s = open_store();
  char *buf = malloc(70000);
  REQUIRE(buf != NULL);
  static const size_t lens[] = {1, 2047, 2048, 2049, 2050, 16000, 16384, 65535, 65536, 65537, 70000};
  for (size_t i = 0; i < sizeof lens / sizeof *lens; i++) {
    kevy_value v = pattern(buf, lens[i], (unsigned)i), got;
    CHECK(set(s, "k", v) == KEVY_OK && holds(s, "k", v));
    CHECK((figure(s, "blob_bytes") != 0) == (lens[i] > BLOB_THRESHOLD));
    kevy_pin *pin;
    CHECK(kevy_pin_value(s, "k", 1, &pin, &got) == KEVY_OK && is(&got, v));
    CHECK(figure(s, "pins") == (lens[i] > BLOB_THRESHOLD));
    kevy_unpin(pin);
    kevy_tick(s, 0, NULL);
    CHECK(figure(s, "pins") == 0);
    uint64_t usage, used = kevy_used_memory(s);
    CHECK(kevy_memory_usage(s, "k", 1, &usage) == KEVY_OK && usage > lens[i]);
    CHECK(kevy_delete(s, "k", 1) == KEVY_OK && used - kevy_used_memory(s) == usage);
  }
  free(buf);
  kevy_close(s);
}

/* Appending a little many times copies in proportion to the end, not to its square. */
static void test_append_grows(void) {
  kevy_store *s = open_store();
  const size_t times = scaled(40000, 2000);
  char tail[50];
  uint64_t n = 0, blocks = 0;
  const char *before = NULL;
  for (size_t i = 0; i < times; i++) {
    kevy_value t = pattern(tail, sizeof tail, (unsigned)i), v;
    if (kevy_append(s, "log", 3, &t, 0, &n) != KEVY_OK || n != (i + 1) * sizeof tail) FAIL("append works");
    if (kevy_get(s, "log", 3, &v) != KEVY_OK) FAIL("get works");
    blocks += v.len > BLOB_THRESHOLD && v.as.ptr != before;
    before = v.as.ptr;
  }
  CHECK(blocks < 60);
  kevy_value v;
  CHECK(kevy_get(s, "log", 3, &v) == KEVY_OK && v.len == times * sizeof tail);
  for (size_t i = 0; i < times; i++) {
    pattern(tail, sizeof tail, (unsigned)i);
    if (memcmp(v.as.ptr + i * sizeof tail, tail, sizeof tail) != 0) FAIL("the log holds what was appended");
  }
  uint64_t usage;
  CHECK(kevy_memory_usage(s, "log", 3, &usage) == KEVY_OK && usage <= v.len * 3 / 2 + 8192);
  kevy_close(s);
}

/* A blob that several keys, a snapshot and a pin share changes under none of them. */
static void test_shared_blob(void) {
  kevy_store *s = open_store(), *snapshot = NULL;
  char buf[5000], changed[5000];
  kevy_value v = pattern(buf, sizeof buf, 9), pinned, tail = text("tail"), want;
  memcpy(changed, buf, sizeof buf);
  memcpy(changed + 10, "piece", 5);
  uint64_t n;
  CHECK(set(s, "a", v) == KEVY_OK);
  uint64_t one = figure(s, "blob_bytes");
  CHECK(kevy_copy(s, "a", 1, "b", 1, 0) == KEVY_OK && kevy_copy(s, "a", 1, "c", 1, 0) == KEVY_OK);
  CHECK(kevy_rename(s, "c", 1, "d", 1, 0) == KEVY_OK && kevy_expire(s, "d", 1, 100000, 0) == KEVY_OK);
  CHECK(figure(s, "blob_bytes") == one && accounts_add_up(s));
  kevy_pin *pin;
  CHECK(kevy_pin_value(s, "a", 1, &pin, &pinned) == KEVY_OK && kevy_snapshot(s, &snapshot) == KEVY_OK);
  CHECK(kevy_setrange(s, "a", 1, 10, "piece", 5, 0, &n) == KEVY_OK && n == sizeof buf);
  want = kevy_bytes(changed, sizeof changed);
  CHECK(holds(s, "a", want) && holds(s, "b", v) && holds(s, "d", v) && holds(snapshot, "a", v) && is(&pinned, v));
  CHECK(kevy_append(s, "b", 1, &tail, 0, &n) == KEVY_OK && n == sizeof buf + 4);
  CHECK(holds(s, "d", v) && holds(snapshot, "b", v) && is(&pinned, v));
  CHECK(kevy_delete(s, "d", 1) == KEVY_OK && holds(snapshot, "d", v) && is(&pinned, v));
  kevy_close(snapshot);
  while (kevy_tick(s, 0, NULL) == KEVY_UNMET) continue;
  CHECK(is(&pinned, v) && figure(s, "pins") == 1 && accounts_add_up(s));
  kevy_unpin(pin);
  kevy_tick(s, 0, NULL);
  CHECK(accounts_add_up(s) && kevy_delete(s, "a", 1) == KEVY_OK && kevy_delete(s, "b", 1) == KEVY_OK);
  CHECK(figure(s, "blob_bytes") == 0);
  kevy_close(s);
}

static void test_empty_pieces(void) {
  kevy_store *s = open_store();
  char buf[4000];
  kevy_value v = pattern(buf, sizeof buf, 3), none = kevy_bytes(NULL, 0), got;
  uint64_t n;
  CHECK(set(s, "big", v) == KEVY_OK);
  for (int i = 0; i < 2; i++) {
    CHECK(kevy_append(s, "big", 3, &none, 0, &n) == KEVY_OK && n == sizeof buf && holds(s, "big", v));
    CHECK(kevy_setrange(s, "big", 3, 100000, NULL, 0, 0, &n) == KEVY_OK && n == sizeof buf);
  }
  CHECK(kevy_setrange(s, "none", 4, 10, NULL, 0, 0, &n) == KEVY_OK && n == 0 && missing(s, "none"));
  CHECK(kevy_append(s, "none", 4, &none, 0, NULL) == KEVY_OK && holds(s, "none", none));
  CHECK(kevy_setrange(s, "hole", 4, 3000, "x", 1, 0, NULL) == KEVY_OK);
  CHECK(kevy_getrange(s, "hole", 4, 0, 2999, &got) == KEVY_OK && got.len == 3000);
  for (size_t i = 0; i < got.len; i++)
    if (got.as.ptr[i] != 0) FAIL("holes are zero");
  kevy_close(s);
}

int main(void) {
  check_begin("test_string");
  test_against_model(16, scaled(100000, 3000));
  test_against_model(300, scaled(200000, 3000));
  test_kinds();
  test_keys();
  test_errors();
  static const size_t lens[] = {8, 40, 300, 2047, 2048, 2049, 6000, 40000};
  for (size_t i = 0; i < sizeof lens / sizeof *lens; i++) test_borrowed(lens[i]);
  test_threshold();
  test_append_grows();
  test_shared_blob();
  test_empty_pieces();
  return check_end();
}
