/* packed: a compact sequence of scalars in one run of bytes: the small form of hash, set and sorted set,
 * and the chunks of lists and streams.
 *
 *     block:    count (2) | element | element | ...
 *     element:  head (1) | length or number (0-8) | bytes | size of all before (1-5), readable backwards
 *
 *     head      00LLLLLL  bytes of L            110KK000  length in 2 bytes    K: 0 bytes, 1 text, 2 int
 *               01LLLLLL  text of L             110KK001  length in 4 bytes
 *               10IIIIII  the int I             111KKWWW  an integer of width W: 1, 2, 3, 4, 6, 8 bytes
 *               11011000  a float, 8 bytes
 *
 * A string that is the canonical decimal of a 64-bit integer is kept as that integer, whatever its kind, and
 * its kind beside it; so two elements with the same bytes have the same content, and comparing against
 * a key parses the key once. Elements are unaligned; nothing in a block refers outside it, so it may be copied and
 * moved as it is. A block never holds more than PACKED_COUNT_MAX elements.
 *
 * Blocks that kevy made itself are walked without checks; bytes from outside go through packed_check
 * first. Any thread may read a block that does not change. */
#ifndef KEVY_PACKED_H
#define KEVY_PACKED_H

#include "base.h"
#include "kevy_types.h"

#define PACKED_HEAD 2 /* an empty block */
#define PACKED_COUNT_MAX UINT16_MAX
#define PACKED_NUMBER 24 /* room for an integer's digits */

/* A string to look for, with what comparing needs worked out once. Borrows ptr. */
typedef struct packed_key {
  const char *ptr;
  size_t len;
  bool is_int; /* ptr is the canonical decimal of i */
  int64_t i;
} packed_key;

/* From the byte form of a value: bytes and text as they are, an int as its decimal, in digits; not a float. */
packed_key packed_key_of(const kevy_value *v, char digits[PACKED_NUMBER]);

static inline uint32_t packed_count(const char *block) {
  uint16_t n;
  memcpy(&n, block, sizeof n);
  return n;
}

static inline void packed_set_count(char *block, uint32_t count) {
  uint16_t n = (uint16_t)count;
  memcpy(block, &n, sizeof n);
}
/* Makes an empty block of PACKED_HEAD bytes. */
static inline void packed_clear(char *block) { packed_set_count(block, 0); }

/* ---- walking: an element is named by where it begins; block + len is the end ---- */

static inline const char *packed_first(const char *block) { return block + PACKED_HEAD; }
const char *packed_next_wide(const char *at);
static inline const char *packed_next(const char *at) {
  uint8_t head = (uint8_t)*at;
  if (LIKELY(head < 0x80)) return at + 2 + (head & 63u);
  if (head < 0xc0) return at + 2;
  if (head == 0xd8) return at + 10; /* a float */
  return packed_next_wide(at);
}
/* The element that ends where `at` begins; at may be the end of the block. */
const char *packed_prev_wide(const char *at);
static inline const char *packed_prev(const char *at) {
  uint8_t back = (uint8_t)at[-1];
  if (LIKELY(back < 0x80)) return at - 1 - back;
  return packed_prev_wide(at);
}
/* The index-th element, from whichever end is nearer; the end for index = count. */
const char *packed_seek(const char *block, size_t len, uint32_t index);

/* Reads an element in its kind. Bytes and text borrow from the block, or, where digits are kept as a number,
 * from `digits`. */
void packed_get(const char *at, kevy_value *out, char digits[PACKED_NUMBER]);

/* Whether an element's byte form is this key. Floats are equal to nothing. */
bool packed_is(const char *at, const packed_key *key);
static inline bool packed_is_float(const char *at) { return (uint8_t)*at == 0xd8; }

/* The first element with this key among those whose index is a multiple of stride. NULL: none. O(count). */
const char *packed_find(const char *block, size_t len, const packed_key *key, uint32_t stride);

/* The same for a key that is quick: a string which its length and first byte tell to be short and no number. */
bool packed_is_quick(const kevy_value *key);
const char *packed_find_quick(const char *block, size_t len, const kevy_value *key, uint32_t stride);

/* ---- changing: in place, the caller having made room ---- */

/* An element worked out and not yet written. Borrows ptr. */
typedef struct packed_plan {
  const char *ptr;
  size_t len;    /* bytes at ptr */
  uint64_t word; /* the integer, the float's bits, or the length, its low bytes written before the bytes */
  uint32_t width; /* bytes of word */
  uint8_t head;
  size_t size; /* of the whole element */
} packed_plan;

/* v is bytes, text, int or a float that is no NaN. */
packed_plan packed_plan_of(const kevy_value *v);

/* Writes plan->size bytes; returns the end. Counts nothing: packed_splice and packed_append do that. */
char *packed_write(char *to, const packed_plan *plan);

/* Bytes an element of this value takes. */
size_t packed_size(const kevy_value *v);

/* Bytes from `at` over the next n elements. */
size_t packed_span(const char *at, uint32_t n);

/* Replaces `removed` elements from `at` on by k new ones and returns the block's new length, which is
 * len - packed_span(at, removed) + the sum of packed_size: the caller has made sure that so much fits and
 * that the count stays within PACKED_COUNT_MAX. Values must not borrow from the block. */
size_t packed_splice(char *block, size_t len, const char *at, uint32_t removed, const kevy_value *add,
                     size_t k);

/* packed_append of one string that packed_is_quick. */
size_t packed_append_quick(char *block, size_t len, const kevy_value *v);

/* packed_splice at the end with nothing removed. */
size_t packed_append(char *block, size_t len, const kevy_value *add, size_t k);

/* ---- bytes from outside ---- */

/* Whether these len bytes are a well-formed block: every length inside, every back size right, the count
 * right, everything in its one, shortest form, no float a NaN, text left unchecked. O(len). */
bool packed_check(const char *block, size_t len);

#endif
