/* ziplist: the compact list of Redis 2 to 6.
 *
 *     bytes in all (4) | where the last element begins (4) | elements (2; 65535: not known) | element | ... | 0xff
 *     element:  size of the one before (1; or 254 and 4) | head | string or integer
 *
 *     head   00LLLLLL            string of L                   11000000  integer of 2 bytes    11110000  of 3
 *            01LLLLLL LLLLLLLL   string of L                   11010000  of 4                  11111110  of 1
 *            10______ LLLL       string, length in 4 bytes     11100000  of 8                  1111IIII  I - 1, of 1 to 13
 *
 * Lengths are big-endian, all else is little-endian. */
#include "pack.h"

#define ZIPLIST_HEAD 10

bool ziplist_open(pack *p) {
  size_t len = pack_room(p);
  if (len < ZIPLIST_HEAD + 1 || pack_u32(p->at) != len || p->end[-1] != 0xff) return false;
  uint32_t tail = pack_u32(p->at + 4), count = pack_u16(p->at + 8);
  if (tail < ZIPLIST_HEAD || tail >= len) return false;
  p->tail = p->at + tail;
  p->left = count == UINT16_MAX ? PACK_UNCOUNTED : count;
  p->at += ZIPLIST_HEAD;
  p->end--;
  return true;
}

/* Checks the size of the element before that an element begins with, and goes behind it. */
static bool ziplist_before(pack *p) {
  const uint8_t *at = p->at;
  size_t size = *at, width = 1;
  if (size == 254) {
    width = 5;
    if (pack_room(p) < width) return false;
    size = pack_u32(at + 1);
  }
  size_t is = p->before != NULL ? (size_t)(at - p->before) : 0;
  p->before = at;
  p->at += width;
  return size == is && p->at != p->end;
}

static pack_step ziplist_give_string(pack *p, kevy_value *out, size_t head, size_t len) {
  const uint8_t *at = p->at + head;
  if (pack_room(p) < head || pack_room(p) - head < len) return PACK_BAD;
  p->at = at + len;
  return pack_give_bytes(out, at, len);
}

static pack_step ziplist_give_int(pack *p, kevy_value *out, uint32_t width) {
  const uint8_t *at = p->at + 1;
  if (pack_room(p) < 1 + width) return PACK_BAD;
  p->at = at + width;
  return pack_give_int(out, pack_int(at, width));
}

static pack_step ziplist_number(pack *p, kevy_value *out) {
  uint32_t head = *p->at;
  switch (head) {
    case 0xc0: return ziplist_give_int(p, out, 2);
    case 0xd0: return ziplist_give_int(p, out, 4);
    case 0xe0: return ziplist_give_int(p, out, 8);
    case 0xf0: return ziplist_give_int(p, out, 3);
    case 0xfe: return ziplist_give_int(p, out, 1);
    default: break;
  }
  if (head < 0xf1 || head > 0xfd) return PACK_BAD;
  p->at++;
  return pack_give_int(out, (int64_t)(head & 15) - 1);
}

pack_step ziplist_next(pack *p, kevy_value *out) {
  if (p->at == p->end) {
    bool tail = p->before != NULL ? p->tail == p->before : p->tail == p->end;
    return tail ? pack_finish(p) : PACK_BAD;
  }
  if (!pack_count(p) || !ziplist_before(p)) return PACK_BAD;
  const uint8_t *at = p->at;
  size_t room = pack_room(p);
  switch (*at >> 6) {
    case 0: return ziplist_give_string(p, out, 1, *at & 63);
    case 1: return room < 2 ? PACK_BAD : ziplist_give_string(p, out, 2, (size_t)(*at & 63) << 8 | at[1]);
    case 2:
      if (room < 5) return PACK_BAD;
      return ziplist_give_string(p, out, 5, (size_t)at[1] << 24 | (size_t)at[2] << 16 | (size_t)at[3] << 8 | at[4]);
    default: return ziplist_number(p, out);
  }
}
