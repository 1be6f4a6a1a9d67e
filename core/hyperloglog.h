/* hyperloglog: how many different elements were added, from their hashes alone: Redis's HyperLogLog, byte for byte.
 *
 *     "HYLL" | encoding 1 | 0 0 0 | cardinality 8 | registers         little-endian
 *
 * An element's hash chooses one of 16,384 registers by its low 14 bits, and raises it to the place of the lowest one among the
 * other 50, counted from 1. The cardinality is estimated from how many registers have which value (Ertl, arXiv 1702.01284); the
 * last estimate is kept in the header, its highest bit set while it is out of date.
 *
 *     dense    registers of 6 bits, the lowest bits of a byte first: 12,288 bytes
 *     sparse   runs of registers   00nnnnnn           n + 1 of value 0
 *                                  01nnnnnn nnnnnnnn  n + 1 of value 0
 *                                  1vvvvvnn           n + 1 of value v + 1
 *
 * One begins sparse, and turns dense when a value or the length goes beyond what sparse ones may have. Pure functions over
 * the caller's bytes, which may be anything: what is not valid is answered with false, or an estimate of no meaning. */
#ifndef KEVY_HYPERLOGLOG_H
#define KEVY_HYPERLOGLOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HLL_REGISTERS 16384
#define HLL_HEADER 16
#define HLL_EMPTY_BYTES (HLL_HEADER + 2)
#define HLL_DENSE_BYTES (HLL_HEADER + HLL_REGISTERS * 6 / 8)
#define HLL_SPARSE_MOST 3000                      /* bytes beyond which a sparse one does not grow, where nobody says otherwise */
#define HLL_MOST (HLL_HEADER + 2 * HLL_REGISTERS) /* bytes of the longest valid one: runs of one, written in two bytes */

/* The register that an element belongs to, and the value it gives it. */
typedef struct hll_mark {
  uint16_t index;
  uint8_t value;
} hll_mark;

hll_mark hll_mark_of(const char *element, size_t len);

/* Whether a string begins as one does, and has the length if it is dense. All functions below take such strings. */
bool hll_is(const char *bytes, size_t len);
bool hll_is_dense(const char *bytes);

/* Writes an empty one of HLL_EMPTY_BYTES. */
void hll_make(char *bytes);

typedef enum hll_result { HLL_SAME, HLL_RAISED, HLL_INVALID } hll_result;

/* Raises a register, when the mark is higher. HLL_RAISED: the estimate is marked as out of date. */
hll_result hll_dense_raise(char *bytes, hll_mark m);

/* The same of a sparse or dense one in HLL_MOST bytes of room, whose length changes. One that would grow beyond `most` bytes, which
 * are HLL_MOST at most, turns dense. *from: where to begin to look, for marks in
 * rising order: {0} at first. HLL_INVALID: nothing changed. */
typedef struct hll_hint {
  size_t offset, index;
} hll_hint;
hll_result hll_raise(char *bytes, size_t *len, size_t most, hll_mark m, hll_hint *from);

/* Whether the mark is higher than a dense one's register. */
bool hll_dense_lacks(const char *bytes, hll_mark m);

/* Turns a sparse one in HLL_DENSE_BYTES of room dense. False: it is not valid, and did not change. */
bool hll_to_dense(char *bytes, size_t *len);

/* Raises registers, a byte each, to those of `bytes`. False: it is not valid. */
bool hll_merge(uint8_t registers[HLL_REGISTERS], const char *bytes, size_t len);

/* Estimates. False: not valid. */
bool hll_count(const char *bytes, size_t len, uint64_t *count);
uint64_t hll_count_registers(const uint8_t registers[HLL_REGISTERS]);

/* The estimate in the header. False: it is out of date. */
bool hll_cached(const char *bytes, uint64_t *count);
void hll_cache(char *bytes, uint64_t count);
void hll_outdate(char *bytes);

/* One run of a sparse one, from *at on, which moves behind it. False at the end. */
typedef struct hll_run {
  size_t at;       /* where it is written */
  uint32_t length; /* registers */
  uint8_t value;
  bool wide; /* in two bytes */
} hll_run;
bool hll_run_next(const char *bytes, size_t len, size_t *at, hll_run *run);

#endif
