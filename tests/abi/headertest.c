/* headertest: the public headers, alone, under every standard they promise to be read by.
 *
 * Compiled as C99, C11 and C++17 with -pedantic and warnings as errors; it includes kevy.h before anything
 * else, so the header has to bring what it needs. The body uses each macro and inline function once,
 * because a macro is only compiled where it is used. It runs, too: the inline functions are checked. */
#include <kevy.h>
/* Twice: the include guard holds. */
#include <kevy.h>
#include <kevy_types.h>

#include <stdio.h>

static int passed, failed;

static void check(int holds, const char *what) {
  if (holds) {
    passed++;
  } else {
    failed++;
    printf("not so: %s\n", what);
  }
}
#define CHECK(what) check((what) ? 1 : 0, #what)

static void check_values(void) {
  kevy_value bytes = kevy_bytes("\0x", 2), text = kevy_text("alice", 5);
  kevy_value number = kevy_int(INT64_MIN), real = kevy_float(2.5);
  CHECK(bytes.kind == KEVY_BYTES && bytes.len == 2 && bytes.as.ptr[1] == 'x');
  CHECK(text.kind == KEVY_TEXT && text.len == 5 && text.as.ptr[0] == 'a');
  CHECK(number.kind == KEVY_INT && number.len == 0 && number.as.i == INT64_MIN);
  CHECK(real.kind == KEVY_FLOAT && real.len == 0 && real.as.d > 2.25);
  CHECK(KEVY_NIL == 4);
}

static void check_options(void) {
  kevy_options options = KEVY_OPTIONS_INIT;
  CHECK(options.size == sizeof options && options.url == NULL && options.policy == NULL);
  CHECK(options.maxmemory == 0 && options.flags == 0);
  CHECK((KEVY_THREADS & KEVY_BACKGROUND) == 0);
}

/* Numbers that compiled programs carry: they never change. */
static void check_numbers(void) {
  static const int errors[] = {
#define NUMBER(name, number, message) number,
      KEVY_ERRORS(NUMBER)
#undef NUMBER
  };
  static const char *const messages[] = {
#define MESSAGE(name, number, message) message,
      KEVY_ERRORS(MESSAGE)
#undef MESSAGE
  };
  size_t i;
  for (i = 0; i < sizeof errors / sizeof *errors; i++) {
    CHECK(errors[i] == -1 - (int)i);
    CHECK(messages[i][0] != '\0');
  }
  CHECK(KEVY_OK == 0 && KEVY_MISSING == 1 && KEVY_UNMET == 2);
  CHECK(KEVY_EARG == -1 && KEVY_ECORRUPT == -15);
  CHECK(KEVY_TYPE_NONE == 0 && KEVY_TYPE_STREAM == 6);
  CHECK(KEVY_REPLY_NIL == 0 && KEVY_REPLY_END == 8);
  CHECK(KEVY_NO_TTL == -1 && KEVY_MAX_LEN == 512u * 1024u * 1024u);
  CHECK((KEVY_NX | KEVY_XX | KEVY_GT | KEVY_LT | KEVY_KEEPTTL | KEVY_AT | KEVY_PERSIST | KEVY_REPLACE | KEVY_TEXT_KEY) == 0x1ffu);
}

/* The layout of what crosses the border by pointer. */
static void check_layout(void) {
  CHECK(sizeof(kevy_value) == 24 && offsetof(kevy_value, len) == 8 && offsetof(kevy_value, as) == 16);
  CHECK(sizeof(kevy_item) == 40 && offsetof(kevy_item, value) == 16);
  CHECK(offsetof(kevy_options, size) == 0);
}

int main(void) {
  check_values();
  check_options();
  check_numbers();
  check_layout();
  printf("%d passed, %d failed\n", passed, failed);
  return failed != 0;
}
