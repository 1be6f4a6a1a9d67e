/* crc64: two ways to the same sum.
 *
 * With tables: eight bytes a step ("slicing by 8"); row k is what a byte comes to when k bytes follow it.
 * With carry-less multiplication, where the processor has it: a sum is a remainder of polynomials, so 16 bytes may be
 * replaced by any others of the same remainder further on. X * x^n mod P is a product with a constant, the remainder of x^n;
 * four blocks of 16 bytes go ahead 64 bytes a step, are folded into one, and that one is summed with tables. */
#include "crc64.h"

#include <pthread.h>

#include "../base.h"

#define CRC64_POLYNOMIAL UINT64_C(0x95ac9329ac4bc9b5) /* 0xad93d23594c935a9, lowest bit first */

static uint64_t crc64_rows[8][256];
static pthread_once_t crc64_once = PTHREAD_ONCE_INIT;

/* A polynomial times x; its bit 63 is the coefficient of x^0. */
static uint64_t crc64_times_x(uint64_t p) { return p >> 1 ^ ((0 - (p & 1)) & CRC64_POLYNOMIAL); }

static void crc64_make_rows(void) {
  for (unsigned byte = 0; byte < 256; byte++) {
    uint64_t crc = byte;
    for (int bit = 0; bit < 8; bit++) crc = crc64_times_x(crc);
    crc64_rows[0][byte] = crc;
  }
  for (unsigned row = 1; row < 8; row++)
    for (unsigned byte = 0; byte < 256; byte++) {
      uint64_t before = crc64_rows[row - 1][byte];
      crc64_rows[row][byte] = before >> 8 ^ crc64_rows[0][before & 0xff];
    }
}

static uint64_t crc64_with_tables(uint64_t crc, const unsigned char *at, size_t len) {
  uint64_t(*row)[256] = crc64_rows;
  for (; len >= 8; at += 8, len -= 8) {
    crc ^= load64(at);
    crc = row[7][crc & 0xff] ^ row[6][crc >> 8 & 0xff] ^ row[5][crc >> 16 & 0xff] ^ row[4][crc >> 24 & 0xff] ^
          row[3][crc >> 32 & 0xff] ^ row[2][crc >> 40 & 0xff] ^ row[1][crc >> 48 & 0xff] ^ row[0][crc >> 56];
  }
  while (len-- != 0) crc = crc >> 8 ^ row[0][(crc ^ *at++) & 0xff];
  return crc;
}

#ifdef __x86_64__
#include <immintrin.h>

#define CRC64_FOLDS __attribute__((target("pclmul,sse2")))
#define CRC64_FOLD_LEAST 128 /* bytes from which on it is worth it */

static bool crc64_can_fold;
static uint64_t crc64_ahead_64[2], crc64_ahead_16[2]; /* what the halves of 16 bytes are multiplied with, to go ahead so far */

/* x^n mod P. */
static uint64_t crc64_power(unsigned n) {
  uint64_t p = UINT64_C(1) << 63;
  while (n-- != 0) p = crc64_times_x(p);
  return p;
}

/* A product of two such words stands one place too high, which the constants make up for. The half that comes first is of
 * the higher powers. */
static void crc64_make_folds(void) {
  crc64_ahead_64[0] = crc64_power(512 + 64 - 1);
  crc64_ahead_64[1] = crc64_power(512 - 1);
  crc64_ahead_16[0] = crc64_power(128 + 64 - 1);
  crc64_ahead_16[1] = crc64_power(128 - 1);
  crc64_can_fold = __builtin_cpu_supports("pclmul");
}

CRC64_FOLDS static inline __m128i crc64_fold(__m128i block, __m128i ahead, __m128i onto) {
  __m128i first = _mm_clmulepi64_si128(block, ahead, 0x00), second = _mm_clmulepi64_si128(block, ahead, 0x11);
  return _mm_xor_si128(_mm_xor_si128(first, second), onto);
}
CRC64_FOLDS static inline __m128i crc64_load(const void *at) { return _mm_loadu_si128((const __m128i *)at); }

/* Of CRC64_FOLD_LEAST bytes or more. */
CRC64_FOLDS static uint64_t crc64_with_folds(uint64_t crc, const unsigned char *at, size_t len) {
  __m128i ahead = crc64_load(crc64_ahead_64), lane[4];
  for (int i = 0; i < 4; i++) lane[i] = crc64_load(at + 16 * i);
  lane[0] = _mm_xor_si128(lane[0], _mm_cvtsi64_si128((long long)crc));
  for (at += 64, len -= 64; len >= 64; at += 64, len -= 64)
    for (int i = 0; i < 4; i++) lane[i] = crc64_fold(lane[i], ahead, crc64_load(at + 16 * i));
  ahead = crc64_load(crc64_ahead_16);
  for (int i = 1; i < 4; i++) lane[0] = crc64_fold(lane[0], ahead, lane[i]);
  unsigned char rest[16];
  _mm_storeu_si128((__m128i *)rest, lane[0]);
  return crc64_with_tables(crc64_with_tables(0, rest, sizeof rest), at, len);
}
#endif

static void crc64_make(void) {
  crc64_make_rows();
#ifdef __x86_64__
  crc64_make_folds();
#endif
}

uint64_t crc64(uint64_t crc, const void *bytes, size_t len) {
  pthread_once(&crc64_once, crc64_make);
#ifdef __x86_64__
  if (LIKELY(len >= CRC64_FOLD_LEAST && crc64_can_fold)) return crc64_with_folds(crc, bytes, len);
#endif
  return crc64_with_tables(crc, bytes, len);
}
