/* Writing Redis's file format: its pieces against what Redis's own documentation and definitions say; a file that is whole
 * or not there, whatever call to the system fails; jobs in the background. What redis-server reads in whole files is
 * compared by tests/python/test_save.py. */
#include "internals.h"

#include <dirent.h>
#include <errno.h>
#include <sys/stat.h>

#include "check.h"
#include "failing.h"

static kevy_store *open_store(uint32_t flags) {
  kevy_options o = KEVY_OPTIONS_INIT;
  kevy_store *s;
  o.flags = flags;
  REQUIRE(kevy_open(&o, &s) == KEVY_OK);
  return s;
}

static void set(kevy_store *s, const char *key, kevy_value v) {
  REQUIRE(kevy_set(s, key, strlen(key), &v, KEVY_NO_TTL, 0, NULL) == KEVY_OK);
}
static kevy_value bytes(const char *text) { return kevy_bytes(text, strlen(text)); }

/* ---- pieces ---- */

static uint64_t crc64_slowly(const unsigned char *at, size_t len) {
  uint64_t crc = 0;
  for (; len-- != 0; at++) {
    crc ^= *at;
    for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ ((crc & 1) ? UINT64_C(0x95ac9329ac4bc9b5) : 0);
  }
  return crc;
}

static void test_crc64(void) {
  static unsigned char text[5000];
  CHECK(crc64(0, "123456789", 9) == UINT64_C(0xe9c6d914c4b8d9ca));
  CHECK(crc64(7, text, 0) == 7);
  for (size_t i = 0; i < sizeof text; i++) text[i] = (unsigned char)chance();
  for (size_t i = 0; i < scaled(2000, 200); i++) {
    size_t from = below(64), len = one_in(4) ? below(sizeof text - 64) : below(300), cut = below(len + 1);
    uint64_t whole = crc64(0, text + from, len);
    CHECK(whole == crc64_slowly(text + from, len));
    CHECK(crc64(crc64(0, text + from, cut), text + from + cut, len - cut) == whole);
  }
}

static void test_varints(void) {
  char text[RDB_VARINT_MAX];
  for (unsigned bit = 0; bit < 64; bit++)
    for (int more = -1; more <= 1; more++) {
      uint64_t n = (UINT64_C(1) << bit) + (uint64_t)more, back;
      size_t len = rdb_varint_put(text, n);
      CHECK(rdb_varint_take(text, text + len, &back) == text + len && back == n);
      CHECK(rdb_varint_take(text, text + len - 1, &back) == NULL);
      CHECK(rdb_unzigzag(n) == (int64_t)(n >> 1 ^ (0 - (n & 1))) && rdb_zigzag(rdb_unzigzag(n)) == n);
    }
  const char *endless = "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", *large = "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02";
  uint64_t n;
  CHECK(rdb_varint_take(endless, endless + 11, &n) == NULL && rdb_varint_take(large, large + 10, &n) == NULL);
  CHECK(rdb_zigzag(0) == 0 && rdb_zigzag(-1) == 1 && rdb_zigzag(1) == 2 && rdb_unzigzag(UINT64_MAX) == INT64_MIN);
}

static void check_class(rdb_role role, const char *text, rdb_class class) {
  int64_t i;
  double d;
  CHECK(rdb_class_of(role, text, strlen(text), &i, &d) == class);
}

static void test_kinds(void) {
  static const char *const floats[] = {"2.5", "-0", "inf", "-inf", "1e+100", "0.1", "5e-324", "-1.5"};
  static const char *const others[] = {"",   "a",     "2.50", "+2.5", " 2.5", "2.5 ", "1e100", "nan",  "0x10", ".5",
                                       "5.", "INF", "infinity", "00.5", "-0.0", "9223372036854775808x", "1.0"};
  static const char *const integers[] = {"0", "-1", "9223372036854775807", "-9223372036854775808", "42"};
  for (size_t i = 0; i < sizeof floats / sizeof *floats; i++) {
    check_class(RDB_VALUE, floats[i], RDB_FLOAT);
    check_class(RDB_NAME, floats[i], RDB_OTHER);
    check_class(RDB_KEY, floats[i], RDB_OTHER);
  }
  for (size_t i = 0; i < sizeof others / sizeof *others; i++) check_class(RDB_VALUE, others[i], RDB_OTHER);
  for (size_t i = 0; i < sizeof integers / sizeof *integers; i++)
    for (int role = RDB_KEY; role <= RDB_VALUE; role++) check_class((rdb_role)role, integers[i], RDB_INTEGER);

  rdb_kinds state = (rdb_kinds)(KEVY_TEXT << rdb_kinds_shift(RDB_VALUE, RDB_OTHER) |
                                KEVY_INT << rdb_kinds_shift(RDB_VALUE, RDB_INTEGER) |
                                KEVY_FLOAT << rdb_kinds_shift(RDB_VALUE, RDB_FLOAT));
  char digits[24];
  kevy_value v = rdb_kinds_read(state, RDB_VALUE, "42", 2);
  CHECK(v.kind == KEVY_INT && v.as.i == 42);
  v = rdb_kinds_read(state, RDB_VALUE, "2.5", 3);
  CHECK(v.kind == KEVY_FLOAT && v.as.d == 2.5);
  v = rdb_kinds_read(state, RDB_VALUE, "abc", 3);
  CHECK(v.kind == KEVY_TEXT && v.len == 3);
  v = rdb_kinds_read(state, RDB_NAME, "42", 2);
  CHECK(v.kind == KEVY_BYTES && v.len == 2);
  v = rdb_kinds_read_int(state, RDB_NAME, -7, digits);
  CHECK(v.kind == KEVY_BYTES && v.len == 2 && memcmp(v.as.ptr, "-7", 2) == 0);
  v = rdb_kinds_read_int(state, RDB_VALUE, -7, digits);
  CHECK(v.kind == KEVY_INT && v.as.i == -7);
  CHECK(!rdb_kind_apply(KEVY_INT, "07", 2, &v) && !rdb_kind_apply(KEVY_FLOAT, "x", 1, &v));
}

/* Writes what an encoder writes into memory, and compares. */
#define CHECK_WRITTEN(expected, ...)                                                                \
  do {                                                                                              \
    writer w;                                                                                       \
    REQUIRE(writer_open(&w, -1));                                                                   \
    __VA_ARGS__;                                                                                    \
    CHECK(w.len == sizeof(expected) - 1 && memcmp(w.buf, expected, w.len) == 0);                    \
    writer_close(&w);                                                                               \
  } while (0)

static void test_encodings(void) {
  CHECK_WRITTEN("\x3f", rdb_put_length(&w, 63));
  CHECK_WRITTEN("\x40\x40", rdb_put_length(&w, 64));
  CHECK_WRITTEN("\x7f\xff", rdb_put_length(&w, 16383));
  CHECK_WRITTEN("\x80\x00\x00\x40\x00", rdb_put_length(&w, 16384));
  CHECK_WRITTEN("\x81\x00\x00\x00\x01\x00\x00\x00\x00", rdb_put_length(&w, UINT64_C(1) << 32));
  CHECK_WRITTEN("\x02" "ab", rdb_put_string(&w, "ab", 2));
  CHECK_WRITTEN("\xc0\x9c", rdb_put_string(&w, "-100", 4));
  CHECK_WRITTEN("\xc1\x2c\x01", rdb_put_string(&w, "300", 3));
  CHECK_WRITTEN("\xc2\x00\x00\x00\x80", rdb_put_string(&w, "-2147483648", 11));
  CHECK_WRITTEN("\x0a" "2147483648", rdb_put_string(&w, "2147483648", 10));
  CHECK_WRITTEN("\x02" "07", rdb_put_string(&w, "07", 2));
  CHECK_WRITTEN("\x7f\x01", rdb_lp_put_int(&w, 127));
  CHECK_WRITTEN("\xc0\x80\x02", rdb_lp_put_int(&w, 128));
  CHECK_WRITTEN("\xdf\xff\x02", rdb_lp_put_int(&w, -1));
  CHECK_WRITTEN("\xd0\x00\x02", rdb_lp_put_int(&w, -4096));
  CHECK_WRITTEN("\xf1\x00\x10\x03", rdb_lp_put_int(&w, 4096));
  CHECK_WRITTEN("\xf2\x00\x80\x00\x04", rdb_lp_put_int(&w, 32768));
  CHECK_WRITTEN("\xf3\x00\x00\x80\x00\x05", rdb_lp_put_int(&w, 8388608));
  CHECK_WRITTEN("\xf4\x00\x00\x00\x80\x00\x00\x00\x00\x09", rdb_lp_put_int(&w, INT64_C(2147483648)));
}

/* Sizes announced are sizes written. */
static void test_listpack_sizes(void) {
  static char text[300000];
  const size_t lens[] = {0, 1, 63, 64, 125, 126, 127, 4095, 4096, 16377, 16378, 16379, 16380, 200000, 300000};
  memset(text, 'x', sizeof text);
  for (size_t i = 0; i < sizeof lens / sizeof *lens; i++) {
    kevy_value v = kevy_bytes(text, lens[i]);
    rdb_item it;
    writer w;
    REQUIRE(writer_open(&w, -1));
    rdb_item_of(&it, RDB_VALUE, &v);
    rdb_lp_put(&w, &it);
    CHECK(w.error == 0 && w.len == rdb_lp_size(&it));
    writer_close(&w);
  }
}

static void test_payload(void) {
  kevy_store *s = open_store(0);
  kevy_value v;
  set(s, "mykey", bytes("10"));
  CHECK(kevy_dump(s, "mykey", 5, &v) == KEVY_OK);
  /* As the page of DUMP shows it. */
  static const char shown[] = "\x00\xc0\x0a\x0a\x00\x6e\x9f\x57\x45\x0e\xae\x63\xbb";
  CHECK(v.len == sizeof shown - 1 && memcmp(v.as.ptr, shown, v.len) == 0);
  CHECK(kevy_dump(s, "none", 4, &v) == KEVY_MISSING);
  size_t len = 3000000;
  char *large = malloc(len);
  REQUIRE(large != NULL);
  memset(large, 'L', len);
  set(s, "large", kevy_bytes(large, len));
  CHECK(kevy_dump(s, "large", 5, &v) == KEVY_OK && v.len == 1 + 5 + len + 10 && memcmp(v.as.ptr + 6, large, len) == 0);
  CHECK(kevy_set(s, "copy", 4, &v, KEVY_NO_TTL, 0, NULL) == KEVY_OK); /* an argument that the store lent */
  CHECK(crc64(0, v.as.ptr, v.len - 8) == load64(v.as.ptr + v.len - 8));
  free(large);
  kevy_close(s);
}

/* ---- files ---- */

static char directory[64];

static const char *in_directory(const char *name) {
  static char paths[2][128]; /* for calls that take two */
  static unsigned turn;
  char *path = paths[turn ^= 1];
  snprintf(path, sizeof paths[0], "%s/%s", directory, name);
  return path;
}

static size_t files_there(void) {
  DIR *d = opendir(directory);
  size_t n = 0;
  REQUIRE(d != NULL);
  for (struct dirent *e; (e = readdir(d)) != NULL;) n += e->d_name[0] != '.';
  closedir(d);
  return n;
}

static char *contents(const char *path, size_t *len) {
  struct stat st;
  FILE *f = fopen(path, "rb");
  *len = 0;
  if (f == NULL) return NULL;
  REQUIRE(fstat(fileno(f), &st) == 0);
  char *text = malloc((size_t)st.st_size + 1);
  REQUIRE(text != NULL);
  *len = fread(text, 1, (size_t)st.st_size, f);
  fclose(f);
  return text;
}

static bool file_is(const char *path, const char *text, size_t len) {
  size_t there;
  char *now = contents(path, &there);
  bool same = now != NULL && there == len && memcmp(now, text, len) == 0;
  free(now);
  return same;
}

/* Values long enough for several writes. */
static kevy_store *some_store(void) {
  kevy_store *s = open_store(0);
  static char text[200000];
  memset(text, 't', sizeof text);
  CHECK(kevy_debug_clock(s, INT64_C(1700000000000)) == KEVY_OK);
  for (int i = 0; i < 2000; i++) {
    char key[20];
    snprintf(key, sizeof key, "key:%d", i);
    set(s, key, i % 100 == 0 ? kevy_text(text, sizeof text / (size_t)(1 + i % 7)) : kevy_int(i));
  }
  return s;
}

static void test_minimal_file(void) {
  kevy_store *s = open_store(0);
  const char *path = in_directory("minimal");
  CHECK(kevy_debug_clock(s, INT64_C(1700000000000)) == KEVY_OK);
  set(s, "k", bytes("v"));
  CHECK(kevy_save(s, path, 0) == KEVY_OK);
  static const char all[] = "REDIS0010"
                            "\xfa\x0aredis-bits\x02" "64"
                            "\xfa\x05" "ctime\x0a" "1700000000"
                            "\xfa\x08" "aof-base\x01" "0"
                            "\xfe\x00\xfb\x01\x00\x00\x01k\x01v\xff";
  size_t len;
  char *text = contents(path, &len);
  CHECK(len == sizeof all - 1 + 8 && memcmp(text, all, sizeof all - 1) == 0);
  if (len > 8) CHECK(load64(text + len - 8) == crc64(0, text, len - 8));
  free(text);
  unlink(path);
  kevy_close(s);
}

/* Makes the nth call of these operations fail while the store is saved over an older file. True when there was one. */
static bool fail_at(kevy_store *s, unsigned operations, uint64_t nth, bool on, const char *before, size_t len) {
  const char *path = in_directory("dump.rdb");
  file_fail(operations, nth, on, ENOSPC);
  errno = 0;
  kevy_status status = kevy_save(s, path, 0);
  int error = errno;
  bool met = file_calls() >= nth;
  file_fail(0, 0, false, 0);
  CHECK(status == (met ? KEVY_EDURABILITY : KEVY_OK));
  if (!met) return false;
  CHECK(error == ENOSPC && strstr(kevy_errmsg(s), "No space left on device") != NULL);
  CHECK(strncmp(kevy_errmsg(s), "cannot ", 7) == 0);
  bool renamed = strstr(kevy_errmsg(s), "directory of") != NULL;
  CHECK(renamed || file_is(path, before, len));
  CHECK(files_there() == 1);
  if (renamed) CHECK(rename(in_directory("dump.rdb"), in_directory("renamed")) == 0);
  return true;
}

static void test_every_call_fails(void) {
  const unsigned operations[] = {FILE_OPEN, FILE_WRITE, FILE_SYNC, FILE_CLOSE, FILE_RENAME,
                                 FILE_ANY & ~(unsigned)FILE_REMOVE};
  kevy_store *s = some_store();
  static const char before[] = "what was there";
  uint64_t met = 0;
  for (size_t i = 0; i < sizeof operations / sizeof *operations; i++)
    for (uint64_t nth = 1;; nth++, met++) {
      FILE *f = fopen(in_directory("dump.rdb"), "wb");
      REQUIRE(f != NULL && fwrite(before, 1, sizeof before - 1, f) == sizeof before - 1 && fclose(f) == 0);
      if (!fail_at(s, operations[i], nth, nth % 2 == 0, before, sizeof before - 1)) break;
      unlink(in_directory("renamed"));
    }
  CHECK(met > 15);
  unlink(in_directory("dump.rdb"));
  kevy_close(s);
}

static void test_short_writes(void) {
  kevy_store *s = some_store();
  size_t len;
  CHECK(kevy_save(s, in_directory("whole"), 0) == KEVY_OK);
  char *whole = contents(in_directory("whole"), &len);
  file_fail(FILE_WRITE, 1, true, 0);
  CHECK(kevy_save(s, in_directory("short"), 0) == KEVY_OK);
  CHECK(file_calls() > 30);
  file_fail(0, 0, false, 0);
  CHECK(file_is(in_directory("short"), whole, len));
  free(whole);
  unlink(in_directory("whole"));
  unlink(in_directory("short"));
  kevy_close(s);
}

/* Every allocation of a save fails in turn; then those of a payload. */
static void test_no_memory(void) {
  kevy_store *s = some_store();
  const char *path = in_directory("dump.rdb");
  kevy_value v;
  unsigned long n = 1;
  for (bool failed = true; failed; n++) {
    fail_malloc_in = n;
    kevy_status status = kevy_save(s, path, 0);
    failed = fail_malloc_in == 0;
    fail_malloc_in = 0;
    CHECK(status == (failed ? KEVY_EOOM : KEVY_OK));
    CHECK(files_there() == (failed ? 0 : 1));
  }
  CHECK(n > 4);
  unlink(path);
  for (n = 1; n < 4; n++) {
    kevy_job *j = NULL;
    fail_malloc_in = n;
    CHECK(kevy_save_start(s, path, 0, &j) == KEVY_EOOM && j == NULL);
    fail_malloc_in = 0;
  }
  fail_malloc_in = 1;
  CHECK(kevy_dump(s, "key:1", 5, &v) == KEVY_EOOM);
  fail_malloc_in = 0;
  fail_realloc_from = 100000;
  CHECK(kevy_dump(s, "key:0", 5, &v) == KEVY_EOOM);
  fail_realloc_from = 0;
  CHECK(kevy_dump(s, "key:0", 5, &v) == KEVY_OK && files_there() == 0);
  kevy_close(s);
}

static void test_misuse(void) {
  kevy_store *s = open_store(0);
  kevy_job *j = NULL;
  CHECK(kevy_save(s, NULL, 0) == KEVY_EARG && kevy_save(s, "", 0) == KEVY_EARG && kevy_save(s, "x", 1) == KEVY_EARG);
  CHECK(kevy_save_start(s, NULL, 0, &j) == KEVY_EARG && j == NULL);
  CHECK(kevy_save(s, in_directory("no/file"), 0) == KEVY_EDURABILITY && errno == ENOENT);
  CHECK(kevy_save(s, directory, 0) == KEVY_EDURABILITY);
  CHECK(files_there() == 0);
  kevy_job_close(NULL);
  kevy_close(s);
}

/* ---- jobs ---- */

static void test_jobs(void) {
  kevy_store *s = some_store(), *then;
  kevy_job *j;
  uint64_t done, total;
  size_t len;
  REQUIRE(kevy_snapshot(s, &then) == KEVY_OK);
  CHECK(kevy_save(then, in_directory("moment"), 0) == KEVY_OK);
  REQUIRE(kevy_save_start(s, in_directory("job"), 0, &j) == KEVY_OK);
  for (int i = 0; i < 2000; i++) {
    char key[20];
    snprintf(key, sizeof key, "key:%d", i);
    set(s, key, bytes("later"));
  }
  CHECK(kevy_job_wait(j, 0) >= KEVY_OK);
  kevy_close(s);
  CHECK(kevy_job_wait(j, -1) == KEVY_OK && kevy_job_wait(j, 0) == KEVY_OK && strcmp(kevy_job_errmsg(j), "") == 0);
  kevy_job_progress(j, &done, &total);
  CHECK(done == 2000 && total == 2000);
  kevy_job_close(j);
  char *text = contents(in_directory("moment"), &len);
  CHECK(file_is(in_directory("job"), text, len));
  free(text);
  REQUIRE(kevy_save_start(then, in_directory("no/file"), 0, &j) == KEVY_OK);
  CHECK(kevy_job_wait(j, 10000) == KEVY_EDURABILITY && strstr(kevy_job_errmsg(j), "No such file") != NULL);
  kevy_job_close(j);
  REQUIRE(kevy_save_start(then, in_directory("job"), 0, &j) == KEVY_OK);
  kevy_job_close(j); /* goes on */
  kevy_close(then);
  for (int i = 0; i < 1000 && files_there() != 2; i++) usleep(10000);
  unlink(in_directory("job"));
  unlink(in_directory("moment"));
}

/* A child has the handle, but not the thread. */
static void test_forked_job(void) {
  kevy_store *s = some_store();
  kevy_job *j;
  REQUIRE(kevy_save_start(s, in_directory("job"), 0, &j) == KEVY_OK);
  pid_t child = fork();
  if (child == 0) {
    bool good = kevy_job_wait(j, -1) == KEVY_EDURABILITY && strstr(kevy_job_errmsg(j), "forked") != NULL;
    kevy_job_close(j);
    _exit(good ? 0 : 1);
  }
  int status;
  CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
  CHECK(kevy_job_wait(j, -1) == KEVY_OK);
  kevy_job_close(j);
  unlink(in_directory("job"));
  kevy_close(s);
}

/* Snapshots are saved by several threads while their store is written. */
static void *save_moment(void *context) {
  char name[128];
  snprintf(name, sizeof name, "%s/t%p", directory, context);
  kevy_status status = kevy_save(context, name, 0);
  unlink(name);
  return status == KEVY_OK ? context : NULL;
}

static void test_threads(void) {
  kevy_store *s = some_store(), *moments[3];
  pthread_t threads[3];
  for (size_t round = 0; round < scaled(4, 1); round++) {
    for (int i = 0; i < 3; i++) {
      REQUIRE(kevy_snapshot(s, &moments[i]) == KEVY_OK);
      REQUIRE(pthread_create(&threads[i], NULL, save_moment, moments[i]) == 0);
      set(s, "key:1", kevy_int(i));
    }
    for (int i = 0; i < 2000; i++) {
      char key[20];
      snprintf(key, sizeof key, "key:%d", i);
      if (one_in(3)) kevy_delete(s, key, strlen(key));
      else set(s, key, kevy_int((int64_t)chance()));
    }
    for (int i = 0; i < 3; i++) {
      void *saved;
      CHECK(pthread_join(threads[i], &saved) == 0 && saved == moments[i]);
      kevy_close(moments[i]);
    }
  }
  kevy_close(s);
}

int main(void) {
  check_begin("test_rdb_write");
  snprintf(directory, sizeof directory, "/tmp/kevy-rdb-XXXXXX");
  REQUIRE(mkdtemp(directory) != NULL);
  test_crc64();
  test_varints();
  test_kinds();
  test_encodings();
  test_listpack_sizes();
  test_payload();
  test_minimal_file();
  test_every_call_fails();
  test_short_writes();
  test_no_memory();
  test_misuse();
  test_jobs();
  test_forked_job();
  test_threads();
  CHECK(rmdir(directory) == 0);
  return check_end();
}
