/* hyperloglog: see hyperloglog.h. */
#include "hyperloglog.h"

#include <math.h>

#include "base.h"

#define HLL_INDEX_BITS 14
#define HLL_RANKS (64 - HLL_INDEX_BITS) /* bits of the hash that give values: 1 to HLL_RANKS + 1 */
#define HLL_SPARSE_VALUE 32             /* the highest value of a run */
#define HLL_OUTDATED 0x80

enum { HLL_DENSE, HLL_SPARSE };

/* ---- elements ---- */

/* MurmurHash64A with Redis's seed; words are little-endian. */
static uint64_t hll_hash(const char *bytes, size_t len) {
  const uint64_t m = UINT64_C(0xc6a4a7935bd1e995);
  uint64_t hash = UINT64_C(0xadc83b19) ^ len * m;
  for (; len >= 8; bytes += 8, len -= 8) {
    uint64_t word = load64(bytes) * m;
    hash = (hash ^ (word ^ word >> 47) * m) * m;
  }
  if (len != 0) {
    uint64_t rest = 0;
    memcpy(&rest, bytes, len);
    hash = (hash ^ rest) * m;
  }
  hash = (hash ^ hash >> 47) * m;
  return hash ^ hash >> 47;
}

hll_mark hll_mark_of(const char *element, size_t len) {
  uint64_t hash = hll_hash(element, len);
  uint64_t rest = hash >> HLL_INDEX_BITS | UINT64_C(1) << HLL_RANKS;
  return (hll_mark){(uint16_t)(hash % HLL_REGISTERS), (uint8_t)(1 + __builtin_ctzll(rest))};
}

/* ---- the header ---- */

bool hll_is(const char *bytes, size_t len) {
  if (len < HLL_HEADER || memcmp(bytes, "HYLL", 4) != 0) return false;
  return bytes[4] == HLL_DENSE ? len == HLL_DENSE_BYTES : bytes[4] == HLL_SPARSE;
}

bool hll_is_dense(const char *bytes) { return bytes[4] == HLL_DENSE; }

bool hll_cached(const char *bytes, uint64_t *count) {
  *count = load64(bytes + 8);
  return *count >> 63 == 0;
}
void hll_cache(char *bytes, uint64_t count) { store64(bytes + 8, count); }
void hll_outdate(char *bytes) { bytes[15] = (char)((unsigned char)bytes[15] | HLL_OUTDATED); }

void hll_make(char *bytes) {
  static const char empty[HLL_EMPTY_BYTES] = {'H', 'Y', 'L', 'L', HLL_SPARSE, [HLL_HEADER] = 0x7f, (char)0xff};
  memcpy(bytes, empty, sizeof empty);
}

/* ---- dense registers ---- */

/* A register lies in one byte or in two; the last one in one. */
static unsigned hll_dense_get(const char *bytes, size_t index) {
  const unsigned char *at = (const unsigned char *)bytes + HLL_HEADER + index * 6 / 8;
  unsigned shift = index * 6 % 8, pair = at[0];
  if (shift > 2) pair |= (unsigned)at[1] << 8;
  return pair >> shift & 63;
}

static void hll_dense_set(char *bytes, size_t index, unsigned value) {
  unsigned char *at = (unsigned char *)bytes + HLL_HEADER + index * 6 / 8;
  unsigned shift = index * 6 % 8;
  at[0] = (unsigned char)((at[0] & ~(63u << shift)) | value << shift);
  if (shift > 2) at[1] = (unsigned char)((at[1] & ~(63u >> (8 - shift))) | value >> (8 - shift));
}

bool hll_dense_lacks(const char *bytes, hll_mark m) { return hll_dense_get(bytes, m.index) < m.value; }

hll_result hll_dense_raise(char *bytes, hll_mark m) {
  if (!hll_dense_lacks(bytes, m)) return HLL_SAME;
  hll_dense_set(bytes, m.index, m.value);
  hll_outdate(bytes);
  return HLL_RAISED;
}

/* ---- sparse runs ---- */

/* A second byte that is missing counts as 0. */
bool hll_run_next(const char *bytes, size_t len, size_t *at, hll_run *run) {
  if (*at >= len) return false;
  unsigned first = (unsigned char)bytes[*at], second = *at + 1 < len ? (unsigned char)bytes[*at + 1] : 0;
  *run = (hll_run){.at = *at, .length = (first & 63) + 1};
  if (first & 0x80) {
    run->length = (first & 3) + 1;
    run->value = (uint8_t)((first >> 2 & 31) + 1);
  } else if (first & 0x40) {
    run->length = ((first & 63) << 8 | second) + 1;
    run->wide = true;
  }
  *at += run->wide ? 2 : 1;
  return true;
}

static char hll_value_run(unsigned value, size_t length) { return (char)(0x80u | (value - 1) << 2 | (length - 1)); }

/* Writes a run, nothing for no registers; returns where the next goes. */
static char *hll_write_run(char *to, unsigned value, size_t length) {
  if (length == 0) return to;
  if (value != 0) {
    *to++ = hll_value_run(value, length);
  } else if (length <= 64) {
    *to++ = (char)(length - 1);
  } else {
    *to++ = (char)(0x40 | (length - 1) >> 8);
    *to++ = (char)((length - 1) & 255);
  }
  return to;
}

/* Where all runs together are those of a valid one. */
static bool hll_sparse_is_valid(const char *bytes, size_t len) {
  size_t at = HLL_HEADER, registers = 0;
  hll_run run;
  while (registers <= HLL_REGISTERS && hll_run_next(bytes, len, &at, &run)) registers += run.length;
  return registers == HLL_REGISTERS && at >= len;
}

bool hll_to_dense(char *bytes, size_t *len) {
  if (hll_is_dense(bytes)) return true;
  if (!hll_sparse_is_valid(bytes, *len)) return false;
  char dense[HLL_DENSE_BYTES] = {0};
  size_t at = HLL_HEADER, index = 0;
  hll_run run;
  memcpy(dense, bytes, HLL_HEADER);
  dense[4] = HLL_DENSE;
  for (; hll_run_next(bytes, *len, &at, &run); index += run.length)
    for (size_t i = 0; run.value != 0 && i < run.length; i++) hll_dense_set(dense, index + i, run.value);
  memcpy(bytes, dense, HLL_DENSE_BYTES);
  *len = HLL_DENSE_BYTES;
  return true;
}

static hll_result hll_promote(char *bytes, size_t *len, hll_mark m) {
  return hll_to_dense(bytes, len) ? hll_dense_raise(bytes, m) : HLL_INVALID;
}

/* ---- raising a register of a sparse one ---- */

/* Where a register is: its run, the first register of that, and the run before it. */
typedef struct hll_place {
  hll_run run;
  size_t first, before; /* before: of the run itself where there is none */
  size_t before_first;
} hll_place;

static bool hll_find(const char *bytes, size_t len, size_t index, const hll_hint *from, hll_place *p) {
  size_t at = from->offset, first = from->index;
  p->before = at;
  p->before_first = first;
  while (hll_run_next(bytes, len, &at, &p->run)) {
    p->first = first;
    if (index < first + p->run.length) return at <= len;
    p->before = p->run.at;
    p->before_first = first;
    first += p->run.length;
  }
  return false;
}

#define HLL_MERGES 5 /* runs that are looked at, from the one before the change on */

/* Runs of the same value that have become neighbours are one run, as far as it can be that long. */
static void hll_join(char *bytes, size_t *len, size_t at) {
  hll_run run, next;
  for (int i = 0; i < HLL_MERGES; i++) {
    size_t behind = at, end;
    if (!hll_run_next(bytes, *len, &behind, &run)) return;
    end = behind;
    bool same = run.value != 0 && hll_run_next(bytes, *len, &end, &next) && next.value == run.value;
    if (!same || run.length + next.length > 4) {
      at = behind;
      continue;
    }
    bytes[at] = hll_value_run(run.value, run.length + next.length);
    memmove(bytes + behind, bytes + end, *len - end);
    *len -= end - behind;
  }
}

hll_result hll_raise(char *bytes, size_t *len, size_t most, hll_mark m, hll_hint *from) {
  static const hll_hint start = {HLL_HEADER, 0};
  hll_place p;
  if (hll_is_dense(bytes)) return hll_dense_raise(bytes, m);
  if (m.value > HLL_SPARSE_VALUE) return hll_promote(bytes, len, m);
  if (from->offset == 0 || m.index < from->index) *from = start;
  if (!hll_find(bytes, *len, m.index, from, &p)) return HLL_INVALID;
  if (p.run.at == from->offset && !hll_find(bytes, *len, m.index, &start, &p)) return HLL_INVALID;
  *from = (hll_hint){p.before, p.before_first};
  if (p.run.value >= m.value) return HLL_SAME;
  char runs[5], *to = hll_write_run(runs, p.run.value, m.index - p.first);
  to = hll_write_run(to, m.value, 1);
  to = hll_write_run(to, p.run.value, p.first + p.run.length - 1 - m.index);
  size_t now = (size_t)(to - runs), then = p.run.wide ? 2 : 1, rest = p.run.at + then;
  if (now > then && *len + now - then > most) return hll_promote(bytes, len, m);
  memmove(bytes + p.run.at + now, bytes + rest, *len - rest);
  memcpy(bytes + p.run.at, runs, now);
  *len = *len + now - then;
  hll_join(bytes, len, p.before);
  hll_outdate(bytes);
  return HLL_RAISED;
}

/* ---- merging and counting ---- */

bool hll_merge(uint8_t registers[HLL_REGISTERS], const char *bytes, size_t len) {
  if (hll_is_dense(bytes)) {
    for (size_t i = 0; i < HLL_REGISTERS; i++) {
      uint8_t value = (uint8_t)hll_dense_get(bytes, i);
      if (value > registers[i]) registers[i] = value;
    }
    return true;
  }
  if (!hll_sparse_is_valid(bytes, len)) return false;
  size_t at = HLL_HEADER, index = 0;
  hll_run run;
  for (; hll_run_next(bytes, len, &at, &run); index += run.length)
    for (size_t i = 0; run.value != 0 && i < run.length; i++)
      if (run.value > registers[index + i]) registers[index + i] = run.value;
  return true;
}

/* The sums sigma and tau of Ertl's estimator, to where they do not change any more. */
static double hll_sigma(double x) {
  if (x == 1) return INFINITY;
  double y = 1, z = x, before;
  do {
    before = z;
    x *= x;
    z += x * y;
    y += y;
  } while (z != before);
  return z;
}

static double hll_tau(double x) {
  if (x == 0 || x == 1) return 0;
  double y = 1, z = 1 - x, before;
  do {
    before = z;
    x = sqrt(x);
    y *= 0.5;
    z -= (1 - x) * (1 - x) * y;
  } while (z != before);
  return z / 3;
}

/* The estimate from how many registers have which value. */
static uint64_t hll_estimate(const uint32_t having[64]) {
  const double m = HLL_REGISTERS, alpha = 0.721347520444481703680; /* 1 / (2 ln 2) */
  double z = m * hll_tau((m - having[HLL_RANKS + 1]) / m);
  for (int i = HLL_RANKS; i >= 1; i--) z = (z + having[i]) * 0.5;
  z += m * hll_sigma(having[0] / m);
  return (uint64_t)llroundl((long double)(alpha * m * m / z));
}

bool hll_count(const char *bytes, size_t len, uint64_t *count) {
  uint32_t having[64] = {0};
  if (hll_is_dense(bytes)) {
    for (size_t i = 0; i < HLL_REGISTERS; i++) having[hll_dense_get(bytes, i)]++;
  } else {
    size_t at = HLL_HEADER;
    hll_run run;
    if (!hll_sparse_is_valid(bytes, len)) return false;
    while (hll_run_next(bytes, len, &at, &run)) having[run.value] += run.length;
  }
  *count = hll_estimate(having);
  return true;
}

uint64_t hll_count_registers(const uint8_t registers[HLL_REGISTERS]) {
  uint32_t having[64] = {0};
  for (size_t i = 0; i < HLL_REGISTERS; i++) having[registers[i] & 63]++;
  return hll_estimate(having);
}
