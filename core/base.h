/* base: what every engine file leans on: references, branch hints, hand-made poisoning.
 *
 * A region is one contiguous range of addresses; everything inside it refers to other things inside
 * it by ref, the distance in bytes from the region's base. A ref is a multiple of 8, below 2^39, and
 * never 0 for a live block, so 0 means "none". */
#ifndef KEVY_BASE_H
#define KEVY_BASE_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef uint64_t ref;

#define REF_BITS 39
#define REF_MASK (((UINT64_C(1) << REF_BITS) - 1) & ~UINT64_C(7))

#define LIKELY(x) __builtin_expect(!!(x), 1)
/* On functions of the hot path: the amalgamation inlines them into their callers (a third fewer
 * instructions per GET). */
#define FLAT inline __attribute__((always_inline))
#define COLD __attribute__((noinline, cold))

#define UNLIKELY(x) __builtin_expect(!!(x), 0)

/* Has a value computed once: the compiler does not work it out again at each of its uses. */
#define OPAQUE(x) __asm__("" : "+r"(x))

#if defined(__SANITIZE_ADDRESS__)
#define KEVY_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define KEVY_ASAN 1
#endif
#if __has_feature(thread_sanitizer)
#define KEVY_TSAN 1
#endif
#endif
#if defined(__SANITIZE_THREAD__)
#define KEVY_TSAN 1
#endif

/* The region hands out blocks of memory that malloc never saw; sanitizer builds are told by hand. */
#ifdef KEVY_ASAN
#include <sanitizer/asan_interface.h>
#define POISON(p, n) __asan_poison_memory_region((p), (n))
#define UNPOISON(p, n) __asan_unpoison_memory_region((p), (n))
#else
#define POISON(p, n) ((void)(p), (void)(n))
#define UNPOISON(p, n) ((void)(p), (void)(n))
#endif

static inline uint64_t load64(const void *p) {
  uint64_t v;
  memcpy(&v, p, sizeof v);
  return v;
}
static inline uint32_t load32(const void *p) {
  uint32_t v;
  memcpy(&v, p, sizeof v);
  return v;
}
static inline void store64(void *p, uint64_t v) { memcpy(p, &v, sizeof v); }
static inline void store32(void *p, uint32_t v) { memcpy(p, &v, sizeof v); }

#endif
