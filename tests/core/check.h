/* check: what every C unit stands on: CHECK, seeded chance, and the last line.
 *
 * A unit is one program: check_begin, tests, return check_end. Its last line is "name: N passed, N failed".
 * KEVY_TEST_SEED picks another run of the random tests (a failure prints the seed), KEVY_TEST_SCALE
 * shrinks or stretches them: 0.01 for valgrind, 10 for a night. */
#ifndef KEVY_CHECK_H
#define KEVY_CHECK_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct {
  const char *name;
  uint64_t passed, failed, seed, state;
  double scale;
} check;

/* Counts, and tells of the first failures; true when the condition holds. */
static inline bool check_that(bool holds, const char *file, int line, const char *what) {
  if (holds) check.passed++;
  else if (check.failed++ < 20) fprintf(stderr, "%s:%d: %s\n", file, line, what);
  return holds;
}
#define CHECK(condition) check_that((condition), __FILE__, __LINE__, #condition)
#define FAIL(what) check_that(false, __FILE__, __LINE__, what)

/* For what the rest of a test cannot do without. */
#define REQUIRE(condition)                                                                         \
  do {                                                                                             \
    if (!CHECK(condition)) exit(1);                                                                \
  } while (0)

static inline void check_begin(const char *name) {
  const char *seed = getenv("KEVY_TEST_SEED"), *scale = getenv("KEVY_TEST_SCALE");
  check.name = name;
  check.seed = check.state = seed != NULL ? strtoull(seed, NULL, 10) : 20261123;
  check.scale = scale != NULL ? strtod(scale, NULL) : 1;
}

static inline int check_end(void) {
  if (check.failed != 0) fprintf(stderr, "%s: seed %llu\n", check.name, (unsigned long long)check.seed);
  printf("%s: %llu passed, %llu failed\n", check.name, (unsigned long long)check.passed,
         (unsigned long long)check.failed);
  return check.failed != 0;
}

/* n steps at the chosen scale, at least `least`. */
static inline size_t scaled(size_t n, size_t least) {
  size_t steps = (size_t)((double)n * check.scale);
  return steps < least ? least : steps;
}

/* splitmix64 */
static inline uint64_t chance(void) {
  uint64_t z = (check.state += UINT64_C(0x9E3779B97F4A7C15));
  z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
  z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
  return z ^ (z >> 31);
}
static inline uint64_t below(uint64_t n) { return chance() % n; }
static inline bool one_in(uint64_t n) { return below(n) == 0; }

#endif
