/* lzf: see lzf.h. */
#include "lzf.h"

/* A copy that may overlap what it writes: then it repeats. */
static void lzf_repeat(uint8_t *to, const uint8_t *from, size_t n) {
  if ((size_t)(to - from) >= n) {
    memcpy(to, from, n);
    return;
  }
  while (n-- != 0) *to++ = *from++;
}

bool lzf_unpack(const char *packed, size_t packed_len, char *plain, size_t plain_len) {
  const uint8_t *in = (const uint8_t *)packed, *in_end = in + packed_len;
  uint8_t *start = (uint8_t *)plain, *out = start, *out_end = out + plain_len;
  while (in != in_end) {
    size_t control = *in++;
    if (control < 32) {
      size_t n = control + 1;
      if ((size_t)(in_end - in) < n || (size_t)(out_end - out) < n) return false;
      memcpy(out, in, n);
      in += n;
      out += n;
      continue;
    }
    size_t n = control >> 5;
    if (n == 7) {
      if (in == in_end) return false;
      n += *in++;
    }
    if (in == in_end) return false;
    size_t back = ((control & 31u) << 8 | *in++) + 1;
    n += 2;
    if ((size_t)(out - start) < back || (size_t)(out_end - out) < n) return false;
    lzf_repeat(out, out - back, n);
    out += n;
  }
  return out == out_end;
}
