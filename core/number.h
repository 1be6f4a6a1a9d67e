/* number: integers and floats as Redis reads and prints them. Pure functions, any caller.
 *
 * Every buffer is the caller's; nothing is NUL-terminated unless said. */
#ifndef KEVY_NUMBER_H
#define KEVY_NUMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kevy_types.h"

#define NUMBER_INT_MAX 21    /* bytes of the longest integer, sign included */
#define NUMBER_FLOAT_MAX 40  /* bytes of the longest double as number_format_float prints it */
#define NUMBER_LONG_DOUBLE_MAX 5120

/* Redis's string2ll: true only for the canonical decimal form of a 64-bit integer ("-7", "0";
 * not "+7", "07", "-0", " 7" or ""). */
bool number_parse_int(const char *s, size_t len, int64_t *out);

/* Prints i in decimal; returns its length. */
size_t number_format_int(int64_t i, char out[NUMBER_INT_MAX]);

/* Redis's getDoubleFromObject: what strtod reads, whole, no leading space, no NaN; "inf" allowed. */
bool number_parse_float(const char *s, size_t len, double *out);

/* The same, but that what is too large is infinite, and what is too small 0: bounds of ranges of scores. */
bool number_parse_bound(const char *s, size_t len, double *out);

/* What strtod makes of a C string: behind spaces, up to a zero byte, nothing at all as 0. *lost: it is too large or too
 * small for a double of full precision. False for anything else, and NaN. */
bool number_parse_loose(const char *s, size_t len, double *out, bool *lost);

/* The same in long double, as INCRBYFLOAT reads its operands. */
bool number_parse_long_double(const char *s, size_t len, long double *out);

/* The shortest decimal form that reads back as d, as Redis 7.2 prints a double: "3", "2.5", "1e+100",
 * "inf", "-inf". */
size_t number_format_float(double d, char out[NUMBER_FLOAT_MAX]);

/* INCRBYFLOAT's form: at most 17 digits after the point, no exponent, no trailing zeros. */
size_t number_format_long_double(long double d, char out[NUMBER_LONG_DOUBLE_MAX]);

/* The byte form of a scalar, as commands see it: bytes and text as they are, numbers printed into buf. The
 * result is of kind bytes and borrows. */
kevy_value number_byte_form(const kevy_value *v, char buf[NUMBER_FLOAT_MAX]);

#endif
