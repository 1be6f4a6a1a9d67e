/* failing: a malloc that runs out when a test says so, for the whole program. Who includes this is linked with
 * --wrap, which sends every call of malloc, calloc, realloc and strdup here. */
#ifndef KEVY_FAILING_H
#define KEVY_FAILING_H

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* The n-th call from now fails, once; 0 for none. */
static unsigned long fail_malloc_in;
/* Every realloc of at least so many bytes fails; 0 for none. */
static size_t fail_realloc_from;

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
char *__real_strdup(const char *z);

static inline bool malloc_fails(void) { return fail_malloc_in != 0 && --fail_malloc_in == 0; }

void *__wrap_malloc(size_t n);
void *__wrap_malloc(size_t n) { return malloc_fails() ? NULL : __real_malloc(n); }
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size) { return malloc_fails() ? NULL : __real_calloc(n, size); }
void *__wrap_realloc(void *p, size_t n);
void *__wrap_realloc(void *p, size_t n) {
  bool fails = malloc_fails() || (fail_realloc_from != 0 && n >= fail_realloc_from);
  return fails ? NULL : __real_realloc(p, n);
}
char *__wrap_strdup(const char *z);
char *__wrap_strdup(const char *z) { return malloc_fails() ? NULL : __real_strdup(z); }

/* What the test itself takes, from here on, is always given. */
#undef strdup
#define malloc(n) __real_malloc(n)
#define calloc(n, size) __real_calloc(n, size)
#define realloc(p, n) __real_realloc(p, n)
#define strdup(z) __real_strdup(z)

#endif
