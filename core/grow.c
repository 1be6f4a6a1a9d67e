/* grow: see grow.h. */
#include "grow.h"

#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

static struct {
  pthread_mutex_t lock;
  pthread_cond_t work; /* something was queued */
  pthread_cond_t idle; /* a region was left */
  grow_region *queue;
  grow_region *busy; /* the region being worked on, outside the lock */
  bool running;
} grower = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, PTHREAD_COND_INITIALIZER,
            NULL, NULL, false};

uint32_t grow_ready(const grow_region *g) {
  return atomic_load_explicit(&g->ready_head, memory_order_acquire) -
         atomic_load_explicit(&g->ready_tail, memory_order_relaxed);
}

/* Touches every page where the kernel cannot populate a range by itself. */
static void grow_populate(char *p) {
  if (madvise(p, GROW_CHUNK, MADV_POPULATE_WRITE) == 0) return;
  for (size_t i = 0; i < GROW_CHUNK; i += 4096) ((volatile char *)p)[i] = 0;
}

static void grow_prepare(grow_region *g) {
  while (grow_ready(g) < g->want) {
    uint64_t chunk = atomic_fetch_add(&g->next, 1);
    if (chunk >= g->chunks) return;
    char *p = g->base + chunk * GROW_CHUNK;
    if (madvise(p, GROW_CHUNK, MADV_HUGEPAGE) == 0) grow_populate(p);
    uint32_t head = atomic_load_explicit(&g->ready_head, memory_order_relaxed);
    atomic_store_explicit(&g->ready[head % GROW_AHEAD], (uint32_t)chunk, memory_order_relaxed);
    atomic_store_explicit(&g->ready_head, head + 1, memory_order_release);
  }
}

static void *grow_main(void *unused) {
  (void)unused;
  pthread_mutex_lock(&grower.lock);
  for (;;) {
    while (grower.queue == NULL) pthread_cond_wait(&grower.work, &grower.lock);
    grow_region *g = grower.queue;
    grower.queue = g->queued;
    grower.busy = g;
    pthread_mutex_unlock(&grower.lock);
    grow_prepare(g);
    pthread_mutex_lock(&grower.lock);
    grower.busy = NULL;
    atomic_store(&g->pending, false);
    pthread_cond_broadcast(&grower.idle);
  }
  return NULL;
}

static void grow_before_fork(void) { pthread_mutex_lock(&grower.lock); }
static void grow_after_fork_parent(void) { pthread_mutex_unlock(&grower.lock); }

/* The child has no helper: what it was doing is lost (a claimed chunk stays unused), and the next
 * request starts another. */
static void grow_after_fork_child(void) {
  for (grow_region *g = grower.queue; g != NULL; g = g->queued) atomic_store(&g->pending, false);
  if (grower.busy != NULL) atomic_store(&grower.busy->pending, false);
  grower.queue = grower.busy = NULL;
  grower.running = false;
  pthread_cond_init(&grower.work, NULL);
  pthread_cond_init(&grower.idle, NULL);
  pthread_mutex_unlock(&grower.lock);
}

static bool fork_aware;
static void register_fork(void) {
  fork_aware =
      pthread_atfork(grow_before_fork, grow_after_fork_parent, grow_after_fork_child) == 0;
}
bool grow_fork_aware(void) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, register_fork);
  return fork_aware;
}

/* Called with the lock held. */
static bool grow_start(void) {
  if (grower.running) return true;
  if (!grow_fork_aware()) return false;
  pthread_attr_t attr;
  pthread_t thread;
  if (pthread_attr_init(&attr) != 0) return false;
  pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
  pthread_attr_setstacksize(&attr, 128 * 1024);
  sigset_t all, before; /* the host's signals are the host's threads' business */
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  grower.running = pthread_create(&thread, &attr, grow_main, NULL) == 0;
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  pthread_attr_destroy(&attr);
  return grower.running;
}

void grow_open(grow_region *g, char *base, uint64_t first, uint64_t chunks) {
  memset(g, 0, sizeof *g);
  g->base = base;
  g->chunks = chunks;
  atomic_init(&g->next, first);
}

void grow_close(grow_region *g) {
  if (!atomic_load(&g->pending)) return;
  atomic_store(&g->want, 0);
  pthread_mutex_lock(&grower.lock);
  for (grow_region **link = &grower.queue; *link != NULL; link = &(*link)->queued) {
    if (*link != g) continue;
    *link = g->queued;
    break;
  }
  while (grower.busy == g) pthread_cond_wait(&grower.idle, &grower.lock);
  pthread_mutex_unlock(&grower.lock);
}

bool grow_take(grow_region *g, uint64_t *chunk, bool *huge) {
  *huge = grow_ready(g) != 0;
  if (!*huge) return grow_take_many(g, 1, chunk);
  uint32_t tail = atomic_load_explicit(&g->ready_tail, memory_order_relaxed);
  *chunk = atomic_load_explicit(&g->ready[tail % GROW_AHEAD], memory_order_relaxed);
  atomic_store_explicit(&g->ready_tail, tail + 1, memory_order_release);
  return true;
}

bool grow_take_many(grow_region *g, uint64_t count, uint64_t *first) {
  uint64_t next = atomic_load(&g->next);
  do {
    if (count > g->chunks || next > g->chunks - count) return false;
  } while (!atomic_compare_exchange_weak(&g->next, &next, next + count));
  *first = next;
  return true;
}

void grow_ahead(grow_region *g, uint32_t want) {
  if (want > GROW_AHEAD) want = GROW_AHEAD;
  if (grow_ready(g) >= want || atomic_load(&g->pending)) return;
  pthread_mutex_lock(&grower.lock);
  if (grow_start()) {
    atomic_store(&g->want, want);
    atomic_store(&g->pending, true);
    g->queued = grower.queue;
    grower.queue = g;
    pthread_cond_signal(&grower.work);
  }
  pthread_mutex_unlock(&grower.lock);
}
