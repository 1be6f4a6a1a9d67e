/* measure: what the drivers share: clocks, resident memory, seeded chance, memory touched before it is timed.
 *
 * Included by exactly one file of a program: it answers getrandom and watches mmap for the whole process. */
#ifndef BENCH_MEASURE_H
#define BENCH_MEASURE_H

#define _GNU_SOURCE
#include <errno.h>
#include <malloc.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define GIB ((size_t)1 << 30)
#define HUGE ((size_t)2 << 20)
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

static inline void fail(const char *why) {
  fprintf(stderr, "driver: %s\n", why);
  exit(1);
}

static inline void *must(void *p) {
  if (p == NULL) fail("out of memory");
  return p;
}

/* ---- Clocks, memory ------------------------------------------------------------------------ */

static inline uint64_t clock_ns(clockid_t which) {
  struct timespec t;
  clock_gettime(which, &t);
  return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}
static inline uint64_t cpu_ns(void) { return clock_ns(CLOCK_PROCESS_CPUTIME_ID); }
static inline uint64_t thread_ns(void) { return clock_ns(CLOCK_THREAD_CPUTIME_ID); }
static inline uint64_t wall_ns(void) { return clock_ns(CLOCK_MONOTONIC); }

/* A line of /proc/self/status, in bytes. */
static inline uint64_t status_bytes(const char *line) {
  FILE *f = fopen("/proc/self/status", "r");
  if (f == NULL) fail("no /proc/self/status");
  char text[256];
  unsigned long long kib = 0;
  while (fgets(text, sizeof text, f) != NULL)
    if (strncmp(text, line, strlen(line)) == 0) sscanf(text + strlen(line), ": %llu", &kib);
  fclose(f);
  return kib * 1024;
}

static inline uint64_t faults(void) {
  struct rusage u;
  getrusage(RUSAGE_THREAD, &u);
  return (uint64_t)u.ru_minflt + (uint64_t)u.ru_majflt;
}

/* ---- Random numbers and keys ---------------------------------------------------------------- */

static inline uint64_t draw(uint64_t *state) {
  uint64_t z = (*state += 0x9e3779b97f4a7c15);
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
  z = (z ^ z >> 27) * 0x94d049bb133111eb;
  return z ^ z >> 31;
}

static uint64_t secret_state;

ssize_t getrandom(void *buf, size_t size, unsigned flags) {
  (void)flags;
  for (size_t i = 0; i < size; i++) ((unsigned char *)buf)[i] = (unsigned char)draw(&secret_state);
  return (ssize_t)size;
}

/* ---- Memory touched before ------------------------------------------------------------------- */

static struct {
  char *at;
  size_t size;
} mapping; /* the largest anonymous mapping since it was last forgotten */

void *mmap(void *addr, size_t size, int prot, int flags, int fd, off_t offset) {
  bool watched = size >= GIB && addr == NULL && (flags & MAP_ANONYMOUS) != 0;
  size_t slack = watched ? GIB : 0; /* one alignment, so that a page's offset means the same every time */
  char *p = (char *)syscall(SYS_mmap, addr, size + slack, prot, flags, fd, offset);
  if (p == MAP_FAILED || !watched) return p;
  char *aligned = (char *)(((uintptr_t)p + slack - 1) & ~(uintptr_t)(slack - 1));
  size_t before = (size_t)(aligned - p);
  if (before > 0) syscall(SYS_munmap, p, before);
  if (slack > before) syscall(SYS_munmap, aligned + size, slack - before);
  if (size > mapping.size) {
    mapping.at = aligned;
    mapping.size = size;
  }
  return aligned;
}

static struct {
  size_t offset, size;
} *touched;
static size_t touched_count;

/* Notes which pages of the watched mapping are resident; none where it was given back, as a peer's old table is. */
static inline void note_touched(void) {
  static unsigned char resident[GIB / 4096];
  touched_count = 0;
  for (size_t at = 0; at < mapping.size; at += GIB) {
    size_t span = mapping.size - at < GIB ? mapping.size - at : GIB;
    if (mincore(mapping.at + at, span, resident) != 0) {
      if (errno != ENOMEM) fail("mincore");
      mapping.size = touched_count = 0;
      return;
    }
    for (size_t i = 0; i < span / 4096; i++) {
      size_t offset = at + i * 4096;
      if ((resident[i] & 1) == 0) continue;
      if (touched_count == 0 || touched[touched_count - 1].offset + touched[touched_count - 1].size != offset) {
        if (touched_count % 1024 == 0)
          touched = must(realloc(touched, (touched_count + 1024) * sizeof *touched));
        touched[touched_count].offset = offset;
        touched[touched_count++].size = 0;
      }
      touched[touched_count - 1].size += 4096;
    }
  }
}

/* Touches them in a new mapping: huge pages where whole ones were resident. */
static inline void touch_again(void) {
  for (size_t i = 0; i < touched_count; i++) {
    char *at = mapping.at + touched[i].offset;
    size_t size = touched[i].size;
    char *huge = (char *)(((uintptr_t)at + HUGE - 1) & ~(uintptr_t)(HUGE - 1));
    if (at + size >= huge + HUGE) madvise(huge, (size_t)(at + size - huge) & ~(HUGE - 1), MADV_HUGEPAGE);
    if (madvise(at, size, MADV_POPULATE_WRITE) != 0) fail("cannot touch pages ahead (Linux 5.14 and newer can)");
  }
}

/* Malloc keeps what it got, so that a store of malloc's memory is warm after the first run, too. */
static inline void keep_memory(void) {
  mallopt(M_MMAP_MAX, 0);
  mallopt(M_TRIM_THRESHOLD, -1);
}

/* ---- Worst cases ----------------------------------------------------------------------------------- */

typedef struct worst_case {
  uint64_t max, over_100us, over_300us, over_1ms;
} worst_case;

static inline void judge(worst_case *w, uint64_t ns) {
  if (ns > w->max) w->max = ns;
  w->over_100us += ns > 100000;
  w->over_300us += ns > 300000;
  w->over_1ms += ns > 1000000;
}

#endif
