/* bits: bytes as an array of bits, as Redis counts them: bit 0 is the highest of the first byte. Pure loops, any caller.
 *
 * A field is an integer of 1 to 64 bits that begins at any bit, its highest bit first; unsigned ones have 63 at most, so that an
 * int64_t holds every value. What lies past the end of the bytes reads as zero. */
#ifndef KEVY_BITS_H
#define KEVY_BITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline bool bits_get(const char *bytes, uint64_t at) {
  return (unsigned char)bytes[at / 8] >> (7 - at % 8) & 1;
}
static inline void bits_set(char *bytes, uint64_t at, bool on) {
  unsigned bit = 0x80u >> at % 8, byte = (unsigned char)bytes[at / 8];
  bytes[at / 8] = (char)(on ? byte | bit : byte & ~bit);
}

/* How many of the bits first to last, both included, are set. first <= last. O(bytes). */
uint64_t bits_count(const char *bytes, uint64_t first, uint64_t last);

/* The first of the bits first to last, both included, that is `bit`; -1: none. O(bytes). */
int64_t bits_find(const char *bytes, uint64_t first, uint64_t last, bool bit);

typedef enum bits_operation { BITS_AND, BITS_OR, BITS_XOR, BITS_NOT } bits_operation;

typedef struct bits_source {
  const char *bytes;
  size_t len;
} bits_source;

/* The first len bits times 8 of n sources, combined; BITS_NOT takes the first source alone. `to` overlaps no source. O(n * len). */
void bits_combine(char *to, size_t len, bits_operation operation, const bits_source *sources, size_t n);

typedef struct bits_field {
  uint64_t offset; /* of its first bit */
  uint32_t width;  /* bits */
  bool is_signed;
} bits_field;

/* The field's value in `len` bytes; and its change, where the field lies in them whole. */
int64_t bits_field_get(const char *bytes, size_t len, bits_field f);
void bits_field_set(char *bytes, bits_field f, int64_t value);

/* What a sum does that the field cannot hold: begins again at the other end, stays at the end, is refused. */
typedef enum bits_overflow { BITS_WRAP, BITS_SATURATE, BITS_FAIL } bits_overflow;

/* value + by as the field holds it. False: refused. Of an unsigned field a negative `value` is a large number. */
bool bits_field_add(bits_field f, int64_t value, int64_t by, bits_overflow overflow, int64_t *sum);

#endif
