/* clock: the store's one timeline. The present is the wall clock as it stood at open plus the boot time
 * elapsed since, so a step of the wall clock moves no deadline; suspended time counts. Tests put a
 * fixed present in its place. Milliseconds since the Unix epoch. */
#ifndef KEVY_CLOCK_H
#define KEVY_CLOCK_H

#include <time.h>

#include "base.h"
#include "kevy_types.h"

#define CLOCK_END ((INT64_C(1) << 48) - 1) /* no present reaches this, some 8,900 years from the epoch */

typedef struct timeline {
  int64_t offset; /* Unix time minus boot time, ms */
  int64_t fixed;  /* the tests' present, KEVY_NO_TTL for the system's */
  int64_t coarse; /* the coarse clock's last reading */
  int64_t exact;  /* the present as it was when that reading was new */
  bool still;     /* with a fixed present: no deadline ever comes */
} timeline;

#define CLOCK_NEAR 1000 /* ms; the coarse clock is never that late */

static inline int64_t clock_read_ms(clockid_t id) {
  struct timespec t;
  clock_gettime(id, &t);
  return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}
static inline timeline clock_open(void) {
  timeline c = {clock_read_ms(CLOCK_REALTIME) - clock_read_ms(CLOCK_BOOTTIME), KEVY_NO_TTL, 0, 0, false};
  return c;
}
static inline int64_t clock_now(const timeline *c) {
  if (UNLIKELY(c->fixed != KEVY_NO_TTL)) return c->fixed;
  return c->offset + clock_read_ms(CLOCK_BOOTTIME);
}
/* Whether a deadline has come. The coarse clock (8 ns; the exact one costs 40) tells whether the tick has
 * moved since the exact one was last read, and so that a deadline well ahead cannot have come; a tick
 * follows a resume from suspension before anything else runs for long. */
static inline bool clock_passed(timeline *c, int64_t deadline) {
  if (UNLIKELY(c->fixed != KEVY_NO_TTL)) return deadline <= c->fixed && !c->still;
  int64_t coarse = clock_read_ms(CLOCK_MONOTONIC_COARSE);
  if (UNLIKELY(coarse != c->coarse)) {
    c->exact = clock_now(c);
    c->coarse = coarse;
  }
  return UNLIKELY(deadline - CLOCK_NEAR <= c->exact) && deadline <= clock_now(c);
}
/* Nanoseconds on a clock of no fixed origin, to bound slices with. */
static inline uint64_t clock_ticks(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

#endif
