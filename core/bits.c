/* bits: see bits.h. Words are counted in parallel lanes of bytes, and combined a block that stays in the first-level cache at a
 * time, in loops that compilers turn into vector instructions. */
#include "bits.h"

#include "base.h"

/* ---- counting ---- */

#define BITS_LANES UINT64_C(0x0101010101010101)
#define BITS_PAIRS UINT64_C(0x0001000100010001)

/* How many bits are set in each byte of the word. */
static inline uint64_t bits_count_lanes(uint64_t w) {
  w -= w >> 1 & 0x55 * BITS_LANES;
  w = (w & 0x33 * BITS_LANES) + (w >> 2 & 0x33 * BITS_LANES);
  return (w + (w >> 4)) & 0x0f * BITS_LANES;
}

/* The sum of all lanes. */
static inline uint64_t bits_add_lanes(uint64_t lanes) {
  uint64_t pairs = (lanes & 0x00ff * BITS_PAIRS) + (lanes >> 8 & 0x00ff * BITS_PAIRS);
  return pairs * BITS_PAIRS >> 48;
}

#define BITS_STRIDE 8 /* words; a lane of the sum holds 8 * 8 */

static uint64_t bits_count_bytes(const char *bytes, size_t len) {
  uint64_t count = 0;
  for (; len >= BITS_STRIDE * 8; bytes += BITS_STRIDE * 8, len -= BITS_STRIDE * 8) {
    uint64_t lanes = 0;
    for (size_t i = 0; i < BITS_STRIDE; i++) lanes += bits_count_lanes(load64(bytes + 8 * i));
    count += bits_add_lanes(lanes);
  }
  for (; len >= 8; bytes += 8, len -= 8) count += bits_add_lanes(bits_count_lanes(load64(bytes)));
  uint64_t rest = 0;
  memcpy(&rest, bytes, len);
  return count + bits_add_lanes(bits_count_lanes(rest));
}

uint64_t bits_count(const char *bytes, uint64_t first, uint64_t last) {
  uint64_t from = first / 8, to = last / 8;
  unsigned before = (unsigned char)bytes[from] & ~(0xffu >> first % 8);
  unsigned behind = (unsigned char)bytes[to] & 0x7fu >> last % 8;
  return bits_count_bytes(bytes + from, to - from + 1) - (uint64_t)__builtin_popcount(before) -
         (uint64_t)__builtin_popcount(behind);
}

/* ---- finding ---- */

int64_t bits_find(const char *bytes, uint64_t first, uint64_t last, bool bit) {
  uint64_t without = bit ? 0 : UINT64_MAX;
  for (uint64_t at = first; at <= last;) {
    if (at % 8 == 0 && last - at >= 63 && load64(bytes + at / 8) == without) at += 64;
    else if (at % 8 == 0 && (unsigned char)bytes[at / 8] == (unsigned char)without) at += 8;
    else if (bits_get(bytes, at) == bit) return (int64_t)at;
    else at++;
  }
  return -1;
}

/* ---- combining ---- */

#define BITS_BLOCK 4096

static FLAT uint64_t bits_word(bits_operation operation, uint64_t a, uint64_t b) {
  switch (operation) {
    case BITS_AND: return a & b;
    case BITS_OR: return a | b;
    case BITS_XOR: return a ^ b;
    default: return ~b;
  }
}

static FLAT void bits_merge(bits_operation operation, char *to, const char *from, size_t len) {
  for (; len >= 32; to += 32, from += 32, len -= 32)
    for (size_t i = 0; i < 32; i += 8) store64(to + i, bits_word(operation, load64(to + i), load64(from + i)));
  for (; len >= 8; to += 8, from += 8, len -= 8) store64(to, bits_word(operation, load64(to), load64(from)));
  for (size_t i = 0; i < len; i++)
    to[i] = (char)bits_word(operation, (unsigned char)to[i], (unsigned char)from[i]);
}

/* One more source, of which `have` bytes are there: the rest of it is zero. */
static void bits_merge_one(bits_operation operation, char *to, size_t len, const char *from, size_t have) {
  switch (operation) {
    case BITS_AND:
      bits_merge(BITS_AND, to, from, have);
      memset(to + have, 0, len - have);
      break;
    case BITS_OR: bits_merge(BITS_OR, to, from, have); break;
    case BITS_XOR: bits_merge(BITS_XOR, to, from, have); break;
    case BITS_NOT:
      bits_merge(BITS_NOT, to, from, have);
      memset(to + have, 0xff, len - have);
      break;
  }
}

/* How much of a source lies in the block of `len` bytes at `at`. */
static size_t bits_have(const bits_source *source, size_t at, size_t len) {
  if (source->len <= at) return 0;
  return source->len - at < len ? source->len - at : len;
}

void bits_combine(char *to, size_t len, bits_operation operation, const bits_source *sources, size_t n) {
  for (size_t at = 0; at < len; at += BITS_BLOCK) {
    size_t block = len - at < BITS_BLOCK ? len - at : BITS_BLOCK, have = bits_have(&sources[0], at, block);
    if (operation != BITS_NOT && have != 0) memcpy(to + at, sources[0].bytes + at, have);
    if (operation != BITS_NOT) memset(to + at + have, 0, block - have);
    for (size_t i = operation != BITS_NOT; i < n; i++) {
      have = bits_have(&sources[i], at, block);
      bits_merge_one(operation, to + at, block, have != 0 ? sources[i].bytes + at : "", have);
    }
  }
}

/* ---- fields ---- */

/* The bits of a field that lie in the byte of its bit `at`: `take` of them, `shift` from the byte's end. */
typedef struct bits_piece {
  uint64_t byte;
  uint32_t take, shift;
} bits_piece;

static bits_piece bits_piece_at(bits_field f, uint32_t at) {
  uint32_t in = (uint32_t)((f.offset + at) % 8), room = 8 - in, left = f.width - at;
  uint32_t take = left < room ? left : room;
  return (bits_piece){(f.offset + at) / 8, take, room - take};
}

/* Of a field's value the sign in all higher bits. */
static int64_t bits_extend(bits_field f, uint64_t bits) {
  uint32_t unused = 64 - f.width;
  return f.is_signed ? (int64_t)(bits << unused) >> unused : (int64_t)bits;
}

int64_t bits_field_get(const char *bytes, size_t len, bits_field f) {
  uint64_t value = 0;
  for (uint32_t at = 0; at < f.width;) {
    bits_piece p = bits_piece_at(f, at);
    unsigned byte = p.byte < len ? (unsigned char)bytes[p.byte] : 0;
    value = value << p.take | (byte >> p.shift & ((1u << p.take) - 1));
    at += p.take;
  }
  return bits_extend(f, value);
}

void bits_field_set(char *bytes, bits_field f, int64_t value) {
  for (uint32_t at = 0; at < f.width;) {
    bits_piece p = bits_piece_at(f, at);
    at += p.take;
    unsigned mask = ((1u << p.take) - 1) << p.shift;
    unsigned piece = (unsigned)((uint64_t)value >> (f.width - at)) << p.shift;
    bytes[p.byte] = (char)(((unsigned char)bytes[p.byte] & ~mask) | (piece & mask));
  }
}

bool bits_field_add(bits_field f, int64_t value, int64_t by, bits_overflow overflow, int64_t *sum) {
  uint64_t all = UINT64_MAX >> (64 - f.width);
  int64_t highest = (int64_t)(f.is_signed ? all >> 1 : all), lowest = f.is_signed ? -highest - 1 : 0;
  bool past = __builtin_add_overflow(value, by, sum);
  bool above = past ? by > 0 : *sum > highest, below = past ? by < 0 : *sum < lowest;
  if (!f.is_signed && value < 0) {
    above = true;
    below = false;
  }
  if (!above && !below) return true;
  if (overflow == BITS_FAIL) return false;
  uint64_t low = ((uint64_t)value + (uint64_t)by) & all;
  *sum = overflow == BITS_WRAP ? bits_extend(f, low) : above ? highest : lowest;
  return true;
}
