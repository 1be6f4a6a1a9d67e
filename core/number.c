/* number.c: integers and floats as Redis reads and prints them.
 *
 * The host program may run under a locale whose decimal point is a comma, and other threads may
 * change it at any time: everything here that goes through the C library does so under the C
 * locale of the calling thread, restored before returning. Text is copied to a terminated buffer
 * before the C library reads it, which also bounds how long a number may be. */
#include "number.h"

#include <errno.h>
#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#if defined(__APPLE__)
#include <xlocale.h>
#endif

/* ---- The C locale --------------------------------------------------------------------------- */

static pthread_once_t number_locale_once = PTHREAD_ONCE_INIT;
static locale_t number_locale;

static void number_locale_make(void) { number_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0); }

/* Returns what to give back to number_locale_leave; a libc without a C locale to lend changes
 * nothing. */
static locale_t number_locale_enter(void) {
  pthread_once(&number_locale_once, number_locale_make);
  return number_locale != (locale_t)0 ? uselocale(number_locale) : (locale_t)0;
}

static void number_locale_leave(locale_t before) {
  if (before != (locale_t)0) uselocale(before);
}

/* ---- Integers ------------------------------------------------------------------------------- */

/* The digits of an unsigned number without sign or leading zero; false past 2^64. */
static bool number_parse_digits(const char *s, size_t len, uint64_t *out) {
  if (len == 0 || len > 20 || s[0] < '1') return false;
  uint64_t n = 0;
  for (size_t i = 0; i < len; i++) {
    if (s[i] < '0' || s[i] > '9') return false;
    uint64_t digit = (uint64_t)(s[i] - '0');
    if (n > (UINT64_MAX - digit) / 10) return false;
    n = n * 10 + digit;
  }
  *out = n;
  return true;
}

bool number_parse_int(const char *s, size_t len, int64_t *out) {
  if (len == 0) return false;
  if (len == 1 && s[0] == '0') {
    *out = 0;
    return true;
  }
  bool negative = s[0] == '-';
  uint64_t n;
  if (!number_parse_digits(s + negative, len - negative, &n)) return false;
  if (n > (uint64_t)INT64_MAX + negative) return false;
  *out = negative ? (int64_t)(0 - n) : (int64_t)n;
  return true;
}

size_t number_format_int(int64_t i, char out[NUMBER_INT_MAX]) {
  char digits[20];
  size_t n = 0;
  uint64_t rest = i < 0 ? 0 - (uint64_t)i : (uint64_t)i;
  do {
    digits[n++] = (char)('0' + rest % 10);
    rest /= 10;
  } while (rest != 0);
  size_t len = 0;
  if (i < 0) out[len++] = '-';
  while (n > 0) out[len++] = digits[--n];
  return len;
}

/* ---- Reading floats ------------------------------------------------------------------------- */

static bool number_is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

/* Copies s to a terminated buffer for the C library; false where no number can be meant. */
static bool number_copy(const char *s, size_t len, char buffer[NUMBER_LONG_DOUBLE_MAX]) {
  if (len == 0 || len >= NUMBER_LONG_DOUBLE_MAX || number_is_space(s[0])) return false;
  memcpy(buffer, s, len);
  buffer[len] = '\0';
  return true;
}

/* *lost: it is beyond what a double can hold. */
static bool number_read_double(const char *s, size_t len, double *out, bool *lost) {
  char buffer[NUMBER_LONG_DOUBLE_MAX];
  if (!number_copy(s, len, buffer)) return false;
  char *end;
  locale_t before = number_locale_enter();
  errno = 0;
  double d = strtod(buffer, &end);
  *lost = errno == ERANGE && (isinf(d) || fpclassify(d) == FP_ZERO);
  number_locale_leave(before);
  if (isnan(d) || (size_t)(end - buffer) != len) return false;
  *out = d;
  return true;
}

bool number_parse_float(const char *s, size_t len, double *out) {
  double d;
  bool lost;
  if (!number_read_double(s, len, &d, &lost) || lost) return false;
  *out = d;
  return true;
}

bool number_parse_bound(const char *s, size_t len, double *out) {
  bool lost;
  return number_read_double(s, len, out, &lost);
}

bool number_parse_loose(const char *s, size_t len, double *out, bool *lost) {
  const char *end = s + strnlen(s, len), *at = s;
  while (at < end && number_is_space(*at)) at++;
  *out = 0;
  *lost = false;
  if (s == end) return true;
  if (!number_read_double(at, (size_t)(end - at), out, lost)) return false;
  *lost |= fpclassify(*out) == FP_SUBNORMAL;
  return true;
}

bool number_parse_long_double(const char *s, size_t len, long double *out) {
  char buffer[NUMBER_LONG_DOUBLE_MAX];
  if (!number_copy(s, len, buffer)) return false;
  char *end;
  locale_t before = number_locale_enter();
  errno = 0;
  long double d = strtold(buffer, &end);
  bool lost = errno == ERANGE && (isinf(d) || fpclassify(d) == FP_ZERO);
  number_locale_leave(before);
  if (lost || isnan(d) || (size_t)(end - buffer) != len) return false;
  *out = d;
  return true;
}

/* ---- Printing floats ------------------------------------------------------------------------ */

/* A finite positive number as digits d1 d2 ... dn and the exponent of d1: d1.d2...dn * 10^exponent.
 * n is the smallest that reads back as the same double. */
typedef struct number_decimal {
  char digits[18];
  int count;
  int exponent;
} number_decimal;

/* Adds one unit in the last place to the digits of "1.23e+45"; false when that carries out. */
static bool number_step_up(char *text) {
  char *p = strchr(text, 'e');
  while (p-- > text) {
    if (*p == '.') continue;
    if (*p != '9') {
      (*p)++;
      return true;
    }
    *p = '0';
  }
  return false;
}

/* d rounded to count digits; true when that reads back as d. The gap below a power of two is half
 * the gap above it, so that the nearest decimal may miss on the near side where the next one up
 * still hits. */
static bool number_round(double d, int count, number_decimal *out) {
  char text[32]; /* 1.2345678901234567e-308 */
  snprintf(text, sizeof text, "%.*e", count - 1, d);
  bool same = strtod(text, NULL) == d;
  if (!same) same = number_step_up(text) && strtod(text, NULL) == d;
  out->count = 0;
  const char *p = text;
  for (; *p != 'e'; p++)
    if (*p != '.') out->digits[out->count++] = *p;
  out->exponent = (int)strtol(p + 1, NULL, 10);
  while (out->count > 1 && out->digits[out->count - 1] == '0') out->count--;
  return same;
}

/* Up to 15 digits survive the way through a normal double and back, so fewer need not be tried;
 * below the normal range precision fades and every count is. */
static void number_shortest(double d, number_decimal *out) {
  locale_t before = number_locale_enter();
  int count = fpclassify(d) == FP_NORMAL ? 15 : 1;
  while (count < 17 && !number_round(d, count, out)) count++;
  if (count == 17) number_round(d, 17, out);
  number_locale_leave(before);
}

static size_t number_put(char *out, size_t at, const char *bytes, size_t len) {
  memcpy(out + at, bytes, len);
  return at + len;
}

static size_t number_put_zeros(char *out, size_t at, int count) {
  memset(out + at, '0', (size_t)count);
  return at + (size_t)count;
}

/* 1.2345e-7: no padding of the exponent. */
static size_t number_put_scientific(const number_decimal *n, char *out, size_t at) {
  out[at++] = n->digits[0];
  if (n->count > 1) {
    out[at++] = '.';
    at = number_put(out, at, n->digits + 1, (size_t)n->count - 1);
  }
  out[at++] = 'e';
  out[at++] = n->exponent < 0 ? '-' : '+';
  char exponent[NUMBER_INT_MAX];
  size_t len = number_format_int(n->exponent < 0 ? -n->exponent : n->exponent, exponent);
  return number_put(out, at, exponent, len);
}

/* Redis 7.2's choice of notation: plain for integers with few zeros behind the digits and for
 * fractions with at most six digits after the point or an exponent within -3..3, else scientific. */
static size_t number_put_decimal(const number_decimal *n, char *out, size_t at) {
  int scale = n->exponent - n->count + 1; /* the number is digits * 10^scale */
  int magnitude = n->exponent < 0 ? -n->exponent : n->exponent;
  if (scale >= 0 && magnitude < n->count + 7) {
    at = number_put(out, at, n->digits, (size_t)n->count);
    return number_put_zeros(out, at, scale);
  }
  if (scale >= 0 || (scale <= -7 && magnitude >= 4)) return number_put_scientific(n, out, at);
  if (n->exponent < 0) {
    at = number_put(out, at, "0.", 2);
    at = number_put_zeros(out, at, -n->exponent - 1);
    return number_put(out, at, n->digits, (size_t)n->count);
  }
  size_t whole = (size_t)n->exponent + 1;
  at = number_put(out, at, n->digits, whole);
  out[at++] = '.';
  return number_put(out, at, n->digits + whole, (size_t)n->count - whole);
}

size_t number_format_float(double d, char out[NUMBER_FLOAT_MAX]) {
  if (isnan(d)) return number_put(out, 0, "nan", 3);
  size_t at = 0;
  if (signbit(d)) out[at++] = '-';
  if (isinf(d)) return number_put(out, at, "inf", 3);
  if (d == 0) return number_put(out, at, "0", 1);
  double limit = 4611686018427387904.0; /* 2^62: every integral double up to here prints in full */
  if (d >= -limit && d <= limit && d == (double)(int64_t)d)
    return number_format_int((int64_t)d, out);
  number_decimal n;
  number_shortest(fabs(d), &n);
  return number_put_decimal(&n, out, at);
}

size_t number_format_long_double(long double d, char out[NUMBER_LONG_DOUBLE_MAX]) {
  if (isinf(d)) {
    memcpy(out, "-inf", 4);
    if (d < 0) return 4;
    memcpy(out, "inf", 3);
    return 3;
  }
  locale_t before = number_locale_enter();
  int printed = snprintf(out, NUMBER_LONG_DOUBLE_MAX, "%.17Lf", d);
  number_locale_leave(before);
  if (printed < 0 || printed >= NUMBER_LONG_DOUBLE_MAX) return 0;
  size_t len = (size_t)printed;
  if (memchr(out, '.', len) != NULL) {
    while (out[len - 1] == '0') len--;
    if (out[len - 1] == '.') len--;
  }
  if (len == 2 && out[0] == '-' && out[1] == '0') {
    out[0] = '0';
    len = 1;
  }
  return len;
}

kevy_value number_byte_form(const kevy_value *v, char buf[NUMBER_FLOAT_MAX]) {
  kevy_value bytes = {KEVY_BYTES, 0, v->len, {.ptr = buf}};
  if (v->kind == KEVY_INT) bytes.len = number_format_int(v->as.i, buf);
  else if (v->kind == KEVY_FLOAT) bytes.len = number_format_float(v->as.d, buf);
  else bytes.as.ptr = v->as.ptr;
  return bytes;
}
