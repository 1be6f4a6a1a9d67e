/* Integers and floats: what is read as a number, what is not, and that what is printed reads back. */
#include "../../core/number.c"

#include <float.h>

#include "check.h"

/* ---- Integers ---- */

static bool reads_int(const char *text, int64_t want) {
  int64_t got = 0;
  return number_parse_int(text, strlen(text), &got) && got == want;
}

static bool refuses_int(const char *text, size_t len) {
  int64_t got;
  return !number_parse_int(text, len, &got);
}

static bool prints_int(int64_t i, const char *want) {
  char out[NUMBER_INT_MAX];
  size_t len = number_format_int(i, out);
  return len == strlen(want) && memcmp(out, want, len) == 0;
}

static void test_int(void) {
  CHECK(reads_int("0", 0) && reads_int("7", 7) && reads_int("-7", -7) && reads_int("10", 10));
  CHECK(reads_int("9223372036854775807", INT64_MAX));
  CHECK(reads_int("-9223372036854775808", INT64_MIN));
  static const char *const refused[] = {
      "", "-", "+1", "01", "-0", "-01", "00", " 1", "1 ", "1a", "a", "0x10", "1.0", "1e3", "--1", "9223372036854775808",
      "-9223372036854775809", "18446744073709551615", "18446744073709551616", "99999999999999999999",
      "100000000000000000000", "-100000000000000000000", "1/", "1:", "\xff",
  };
  for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
    CHECK(refuses_int(refused[i], strlen(refused[i])));
  CHECK(refuses_int("1\0", 2) && refuses_int("\0", 1) && refuses_int(NULL, 0));
  CHECK(prints_int(0, "0") && prints_int(-1, "-1") && prints_int(INT64_MAX, "9223372036854775807"));
  CHECK(prints_int(INT64_MIN, "-9223372036854775808"));
}

/* Every integer prints as printf would print it, and reads back. */
static void test_int_there_and_back(void) {
  bool same = true;
  for (size_t i = scaled(200000, 1000); i > 0; i--) {
    int64_t n = (int64_t)(chance() >> below(64));
    if (one_in(2)) n = (int64_t)(0 - (uint64_t)n);
    char text[32];
    snprintf(text, sizeof text, "%lld", (long long)n);
    same = same && prints_int(n, text) && reads_int(text, n);
  }
  CHECK(same);
}

/* ---- Reading floats ---- */

static bool reads_float(const char *text, double want) {
  double got = 0;
  long double longer = 0;
  size_t len = strlen(text);
  return number_parse_float(text, len, &got) && got == want &&
         number_parse_long_double(text, len, &longer) && (double)longer == want;
}

static bool refuses_float(const char *text, size_t len) {
  double d;
  long double longer;
  return !number_parse_float(text, len, &d) && !number_parse_long_double(text, len, &longer);
}

static void test_read_float(void) {
  CHECK(reads_float("0", 0) && reads_float("-0", 0) && reads_float("3.0", 3) && reads_float(".5", .5));
  CHECK(reads_float("5.", 5) && reads_float("1e3", 1000) && reads_float("-1E-2", -.01));
  CHECK(reads_float("+1.5", 1.5) && reads_float("0x10", 16) && reads_float("007", 7));
  CHECK(reads_float("inf", (double)INFINITY) && reads_float("-Infinity", -(double)INFINITY));
  static const char *const refused[] = {
      "", " 1", "\t1", "1 ", "1,5", "nan", "-nan", "NAN(1)", "x", "1x", "1e", "e5", ".", "-", "--1", "1e5000", "-1e5000",
      "1e-5000", "0x", "1.5.1",
  };
  for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
    CHECK(refuses_float(refused[i], strlen(refused[i])));
  CHECK(refuses_float("1\0", 2) && refuses_float("\0", 1) && refuses_float(NULL, 0));
}

/* What a double cannot hold and a long double can. */
static void test_read_range(void) {
  double d;
  long double longer;
  CHECK(!number_parse_float("1e400", 5, &d) && !number_parse_float("1e-400", 6, &d));
  CHECK(number_parse_float("5e-324", 6, &d) && d == 5e-324); /* subnormal: inexact, not nothing */
  CHECK(number_parse_bound("1e5000", 6, &d) && isinf(d) && d > 0 && number_parse_bound("-1e400", 6, &d) && isinf(d) && d < 0);
  CHECK(number_parse_bound("1e-400", 6, &d) && d == 0 && !number_parse_bound("1e400x", 6, &d) && !number_parse_bound("nan", 3, &d));
  bool wide = LDBL_MAX_EXP > DBL_MAX_EXP;
  CHECK(number_parse_long_double("1e400", 5, &longer) == wide);
}

static void test_read_long_text(void) {
  static char text[NUMBER_LONG_DOUBLE_MAX + 1];
  memset(text, '0', sizeof text);
  text[0] = '1';
  text[1] = '.';
  double d;
  CHECK(number_parse_float(text, NUMBER_LONG_DOUBLE_MAX - 1, &d) && d == 1);
  CHECK(refuses_float(text, NUMBER_LONG_DOUBLE_MAX));
  CHECK(refuses_float(text, NUMBER_LONG_DOUBLE_MAX + 1));
}

/* ---- Printing floats ---- */

static bool prints_float(double d, const char *want) {
  char out[NUMBER_FLOAT_MAX];
  size_t len = number_format_float(d, out);
  return len == strlen(want) && memcmp(out, want, len) == 0;
}

static void test_print_float(void) {
  CHECK(prints_float(3.0, "3") && prints_float(2.5, "2.5") && prints_float(-2.5, "-2.5"));
  CHECK(prints_float(0.0, "0") && prints_float(-0.0, "-0") && prints_float(0.1, "0.1"));
  CHECK(prints_float((double)INFINITY, "inf") && prints_float(-(double)INFINITY, "-inf"));
  CHECK(prints_float(1e100, "1e+100") && prints_float(1.5e-7, "1.5e-7") && prints_float(5e-324, "5e-324"));
  CHECK(prints_float(1e19, "1e+19") && prints_float(1e18, "1000000000000000000"));
  CHECK(prints_float(4611686018427387904.0, "4611686018427387904"));
  CHECK(prints_float(9223372036854775808.0, "9223372036854776000"));
  CHECK(prints_float(1.7976931348623157e308, "1.7976931348623157e+308"));
  CHECK(prints_float(12345.678901234, "1.2345678901234e+4")); /* Redis 7.2's choice of notation */
  CHECK(prints_float(1234.5678901234, "1234.5678901234") && prints_float(123456.789, "123456.789"));
  CHECK(prints_float(0.00001, "0.00001") && prints_float(0.0000001, "1e-7") && prints_float(0.5, "0.5"));
  CHECK(prints_float(3.14159265358979, "3.14159265358979"));
}

/* How many digits printf needs for d to read back. */
static int digits_needed(double d) {
  char text[40];
  for (int digits = 1; digits < 17; digits++) {
    snprintf(text, sizeof text, "%.*e", digits - 1, d);
    if (strtod(text, NULL) == d) return digits;
  }
  return 17;
}

/* Significant digits of a printed number. */
static int digits_of(const char *text, size_t len) {
  int digits = 0, zeros = 0;
  for (size_t i = 0; i < len && text[i] != 'e'; i++) {
    if (text[i] == '.' || text[i] == '-' || (text[i] == '0' && digits == 0)) continue;
    zeros = text[i] == '0' ? zeros + 1 : 0;
    digits++;
  }
  return digits - zeros;
}

static double some_float(void) {
  uint64_t bits = chance();
  double d;
  memcpy(&d, &bits, sizeof d);
  if (one_in(4)) d = (double)(int64_t)bits / 1000;
  if (one_in(4)) d = ldexp(1, (int)below(2098) - 1074);
  if (one_in(8)) d = (double)below(1000) * 5e-324;
  return d;
}

/* Every double reads back as itself, from as few digits as that takes. */
static void test_float_there_and_back(void) {
  bool back = true, shortest = true;
  for (size_t i = scaled(100000, 1000); i > 0; i--) {
    double d = some_float(), read = 0;
    if (isnan(d)) continue;
    char out[NUMBER_FLOAT_MAX];
    size_t len = number_format_float(d, out);
    back = back && number_parse_float(out, len, &read) && read == d;
    bool integral = fabs(d) <= 4611686018427387904.0 && d == (double)(int64_t)d;
    if (!integral && !isinf(d)) shortest = shortest && digits_of(out, len) <= digits_needed(d);
  }
  CHECK(back);
  CHECK(shortest);
}

static bool prints_long_double(long double d, const char *want) {
  static char out[NUMBER_LONG_DOUBLE_MAX];
  size_t len = number_format_long_double(d, out);
  return len == strlen(want) && memcmp(out, want, len) == 0;
}

static void test_print_long_double(void) {
  CHECK(prints_long_double(0, "0") && prints_long_double(-0.0L, "0") && prints_long_double(3, "3"));
  CHECK(prints_long_double(10.6L, "10.6") && prints_long_double(5200, "5200"));
  CHECK(prints_long_double(-1.5L, "-1.5") && prints_long_double(1e-17L, "0.00000000000000001"));
  CHECK(prints_long_double(1e-18L, "0") && prints_long_double(-1e-30L, "0"));
  CHECK(prints_long_double(INFINITY, "inf") && prints_long_double(-INFINITY, "-inf"));
  static char out[NUMBER_LONG_DOUBLE_MAX];
  size_t len = number_format_long_double(LDBL_MAX, out);
  CHECK(len == (size_t)LDBL_MAX_10_EXP + 1);
}

/* A host that speaks of 1,5 changes nothing here, and finds its locale as it left it. */
static void test_locale(void) {
  static const char *const locales[] = {"C", "de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "C.UTF-8"};
  for (size_t i = 0; i < sizeof locales / sizeof locales[0]; i++) {
    if (setlocale(LC_ALL, locales[i]) == NULL) continue;
    char before[32], after[32];
    snprintf(before, sizeof before, "%.1f", 1.5);
    CHECK(reads_float("1.5", 1.5) && prints_float(1.5, "1.5") && prints_long_double(1.5L, "1.5"));
    snprintf(after, sizeof after, "%.1f", 1.5);
    CHECK(strcmp(before, after) == 0);
  }
  setlocale(LC_ALL, "C");
}

int main(void) {
  check_begin("number");
  test_int();
  test_int_there_and_back();
  test_read_float();
  test_read_range();
  test_read_long_text();
  test_print_float();
  test_float_there_and_back();
  test_print_long_double();
  test_locale();
  return check_end();
}
