/* crc64: eight bytes a step, through a table for each ("slicing by 8"): row k of the table is what a byte comes to
 * when k bytes follow it. */
#include "crc64.h"

#include <pthread.h>

#include "../base.h"

#define CRC64_POLYNOMIAL UINT64_C(0x95ac9329ac4bc9b5) /* 0xad93d23594c935a9, lowest bit first */

static uint64_t crc64_rows[8][256];
static pthread_once_t crc64_once = PTHREAD_ONCE_INIT;

static void crc64_make(void) {
  for (unsigned byte = 0; byte < 256; byte++) {
    uint64_t crc = byte;
    for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ ((0 - (crc & 1)) & CRC64_POLYNOMIAL);
    crc64_rows[0][byte] = crc;
  }
  for (unsigned row = 1; row < 8; row++)
    for (unsigned byte = 0; byte < 256; byte++) {
      uint64_t before = crc64_rows[row - 1][byte];
      crc64_rows[row][byte] = before >> 8 ^ crc64_rows[0][before & 0xff];
    }
}

uint64_t crc64(uint64_t crc, const void *bytes, size_t len) {
  pthread_once(&crc64_once, crc64_make);
  const unsigned char *at = bytes;
  uint64_t(*row)[256] = crc64_rows;
  for (; len >= 8; at += 8, len -= 8) {
    crc ^= load64(at);
    crc = row[7][crc & 0xff] ^ row[6][crc >> 8 & 0xff] ^ row[5][crc >> 16 & 0xff] ^ row[4][crc >> 24 & 0xff] ^
          row[3][crc >> 32 & 0xff] ^ row[2][crc >> 40 & 0xff] ^ row[1][crc >> 48 & 0xff] ^ row[0][crc >> 56];
  }
  while (len-- != 0) crc = crc >> 8 ^ row[0][(crc ^ *at++) & 0xff];
  return crc;
}
