/* space: see space.h. */
#include "space.h"

#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

#include "blob.h"
#include "database.h"
#include "snapshot.h"
#include "transaction.h"

static _Atomic uint64_t seed; /* of the next space's secret, 0: there is none */

void space_debug_seed(uint64_t from) { atomic_store(&seed, from); }

/* The same for the same seed. */
static void secret_repeat(unsigned char *secret, uint64_t z) {
  for (size_t i = 0; i < SPACE_SECRET; i++) {
    z += UINT64_C(0x9E3779B97F4A7C15);
    secret[i] = (unsigned char)((z ^ z >> 31) * UINT64_C(0xBF58476D1CE4E5B9) >> 56);
  }
}

/* getrandom does not fail for 192 bytes on a system that has booted; the clock is there for one that
 * forbids the call. */
static void secret_fill(unsigned char *secret) {
  size_t have = 0;
  uint64_t repeated = atomic_load(&seed);
  if (repeated != 0) {
    atomic_store(&seed, repeated + SPACE_SECRET);
    secret_repeat(secret, repeated);
    return;
  }
  while (have < SPACE_SECRET) {
    ssize_t n = getrandom(secret + have, SPACE_SECRET - have, 0);
    if (n <= 0) break;
    have += (size_t)n;
  }
  uint64_t x = (uint64_t)(uintptr_t)secret;
  for (; have < SPACE_SECRET; have++) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    x = (x ^ (uint64_t)t.tv_nsec) * UINT64_C(0x9E3779B97F4A7C15);
    secret[have] = (unsigned char)(x >> 56);
  }
}

space *space_open(uint64_t limit) {
  space *sp = calloc(1, sizeof *sp);
  if (sp == NULL) return NULL;
  if (!mem_open(&sp->mem, limit)) {
    free(sp);
    return NULL;
  }
  sp->epoch = 1;
  atomic_init(&sp->refs, 1);
  secret_fill(sp->secret);
  if (!table_open(sp, &sp->db.first.keys)) {
    mem_close(&sp->mem);
    free(sp);
    return NULL;
  }
  return sp;
}

void space_ref(space *sp) { atomic_fetch_add_explicit(&sp->refs, 1, memory_order_relaxed); }

static void free_moments(moment *m, moment *(*next)(const moment *)) {
  while (m != NULL) {
    moment *after = next(m);
    snapshot_free(m);
    m = after;
  }
}
static moment *next_older(const moment *m) { return m->older; }
static moment *next_released(const moment *m) { return m->next_released; }

/* Every moment is on exactly one of the two lists: released ones leave the first when they are
 * collected. */
void space_unref(space *sp) {
  if (atomic_fetch_sub_explicit(&sp->refs, 1, memory_order_acq_rel) != 1) return;
  free_moments(sp->moments, next_older);
  free_moments(sp->draining, next_released);
  transaction_forget(sp);
  database_forget(sp);
  pin_node *p = sp->pinned; /* all let go of, or the space would be referenced */
  while (p != NULL) {
    pin_node *next = p->next;
    free(p);
    p = next;
  }
  mem_close(&sp->mem);
  free(sp);
}

void space_abandon(space *sp) {
  snapshot_collect(sp);
  if (sp->moments == NULL && sp->pinned != NULL) {
    for (const pin_node *p = sp->pinned; p != NULL; p = p->next)
      mem_keep(&sp->mem, p->blob, blob_at(sp->mem.base, p->blob)->capacity);
    mem_discard_rest(&sp->mem);
  }
  space_unref(sp);
}
