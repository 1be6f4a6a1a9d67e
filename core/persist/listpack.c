/* listpack: the compact list of Redis 5 and later.
 *
 *     bytes in all (4) | elements (2; 65535: not known) | element | element | ... | 0xff
 *     element:  head | string or integer | length of both, readable backwards (1-5)
 *
 *     head   0IIIIIII            the integer I               11110000 LLLL      string, length in 4 bytes
 *            10LLLLLL            string of L                 11110001 - 11110100  integer of 2, 3, 4, 8 bytes
 *            110IIIII IIIIIIII   integer of 13 bits
 *            1110LLLL LLLLLLLL   string of L */
#include "pack.h"

#define LISTPACK_HEAD 6

bool listpack_open(pack *p) {
  size_t len = pack_room(p);
  if (len < LISTPACK_HEAD + 1 || pack_u32(p->at) != len || p->end[-1] != 0xff) return false;
  uint32_t count = pack_u16(p->at + 4);
  p->left = count == UINT16_MAX ? PACK_UNCOUNTED : count;
  p->at += LISTPACK_HEAD;
  p->end--;
  return true;
}

/* Bytes in which a length is written backwards. */
static size_t listpack_back_size(size_t len) {
  if (len <= 127) return 1;
  if (len < 16383) return 2;
  if (len < 2097151) return 3;
  return len < 268435455 ? 4 : 5;
}

/* Whether the `size` bytes before `end` are this length, written backwards. */
static bool listpack_back_is(const uint8_t *end, size_t size, size_t len) {
  for (size_t i = 1; i <= size; i++, len >>= 7)
    if (end[-(ptrdiff_t)i] != ((len & 127) | (i < size ? 128 : 0))) return false;
  return len == 0;
}

/* Goes behind an element of so many bytes. */
static bool listpack_pass(pack *p, size_t len) {
  size_t size = listpack_back_size(len), room = pack_room(p) - len;
  if (room >= size && listpack_back_is(p->at + len + size, size, len)) {
    p->at += len + size;
    return true;
  }
  /* Where a length is the greatest of its size, both sizes are written. */
  if (size == 1 || room < --size || !listpack_back_is(p->at + len + size, size, len)) return false;
  p->at += len + size;
  return true;
}

static pack_step listpack_give_int(pack *p, kevy_value *out, size_t len, int64_t i) {
  if (!listpack_pass(p, len)) return PACK_BAD;
  return pack_give_int(out, i);
}

static pack_step listpack_give_string(pack *p, kevy_value *out, size_t head, size_t len) {
  const uint8_t *at = p->at;
  if (pack_room(p) < head || pack_room(p) - head < len || !listpack_pass(p, head + len)) return PACK_BAD;
  return pack_give_bytes(out, at + head, len);
}

pack_step listpack_next(pack *p, kevy_value *out) {
  if (p->at == p->end) return pack_finish(p);
  if (!pack_count(p)) return PACK_BAD;
  static const uint8_t widths[] = {0, 2, 3, 4, 8};
  const uint8_t *at = p->at;
  size_t room = pack_room(p);
  uint32_t head = *at;
  if (head < 0x80) return listpack_give_int(p, out, 1, head);
  if (head < 0xc0) return listpack_give_string(p, out, 1, head & 63);
  if (head < 0xf0 && room < 2) return PACK_BAD;
  if (head < 0xe0) {
    int64_t i = (int64_t)(head & 31) << 8 | at[1];
    return listpack_give_int(p, out, 2, i < 4096 ? i : i - 8192);
  }
  if (head < 0xf0) return listpack_give_string(p, out, 2, (size_t)(head & 15) << 8 | at[1]);
  if (head == 0xf0) return room < 5 ? PACK_BAD : listpack_give_string(p, out, 5, pack_u32(at + 1));
  if (head > 0xf4) return PACK_BAD;
  uint32_t width = widths[head - 0xf0];
  if (room < 1 + width) return PACK_BAD;
  return listpack_give_int(p, out, 1 + width, pack_int(at + 1, width));
}
