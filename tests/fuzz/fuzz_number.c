/* fuzz_number: any bytes as numbers. What is read as an integer is canonical: it prints as the bytes it was
 * read from. What is read as a float prints as something that reads back as the same float. */
#include "../../core/number.c"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds) {
  if (!holds) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const char *s = (const char *)data;
  static char out[NUMBER_LONG_DOUBLE_MAX];
  int64_t i;
  if (number_parse_int(s, size, &i))
    require(number_format_int(i, out) == size && memcmp(out, s, size) == 0);
  double d, again;
  if (number_parse_float(s, size, &d)) {
    size_t len = number_format_float(d, out);
    require(len <= NUMBER_FLOAT_MAX && number_parse_float(out, len, &again) && again == d);
  }
  long double longer, back;
  if (number_parse_long_double(s, size, &longer)) {
    size_t len = number_format_long_double(longer, out);
    require(len > 0 && number_parse_long_double(out, len, &back) && (back == 0) == (len == 1 && out[0] == '0'));
  }
  return 0;
}
