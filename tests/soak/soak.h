/* What the soaks share: chance from a seed, and what the system counts for the process. */
#ifndef SOAK_H
#define SOAK_H

#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

static uint64_t chance_state; /* the seed, to begin with */

static uint64_t mix(uint64_t x) {
  x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
  x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
  return x ^ (x >> 31);
}

static uint64_t chance(uint64_t below) {
  chance_state += UINT64_C(0x9e3779b97f4a7c15);
  return mix(chance_state) % below;
}

static uint64_t resident_bytes(void) {
  unsigned long long size = 0, pages = 0;
  FILE *f = fopen("/proc/self/statm", "r");
  if (f && fscanf(f, "%llu %llu", &size, &pages) != 2) pages = 0;
  if (f) fclose(f);
  return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

#endif
