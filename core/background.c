/* background: see background.h. */
#include "background.h"

#include <signal.h>
#include <stdlib.h>

#define REST_MS 20   /* between two rounds */
#define SLICE_ITEMS 256 /* less than 100 us under the lock */

typedef struct background {
  pthread_t thread;
  pthread_mutex_t lock; /* guards stop */
  pthread_cond_t wake;
  bool stop;
  bool running; /* the writer's word: changed under the store's lock */
} background;

/* Waits for the next round; true when asked to stop. */
static bool rest(background *b) {
  struct timespec until;
  clock_gettime(CLOCK_MONOTONIC, &until);
  until.tv_nsec += REST_MS * 1000000L;
  if (until.tv_nsec >= 1000000000L) {
    until.tv_nsec -= 1000000000L;
    until.tv_sec++;
  }
  pthread_mutex_lock(&b->lock);
  if (!b->stop) pthread_cond_timedwait(&b->wake, &b->lock, &until);
  bool stop = b->stop;
  pthread_mutex_unlock(&b->lock);
  return stop;
}

static void *background_main(void *context) {
  kevy_store *s = context;
  background *b = s->background;
  while (!rest(b)) {
    for (bool done = false; !done;) {
      if (!store_enter(s)) break;
      done = store_reclaim(s, SLICE_ITEMS, NULL);
      store_leave(s);
      store_offer(s);
    }
  }
  return NULL;
}

static bool spawn(kevy_store *s) {
  sigset_t all, before; /* the host's signals are the host's threads' business */
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  s->background->running = pthread_create(&s->background->thread, NULL, background_main, s) == 0;
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return s->background->running;
}

static void prepare(background *b) {
  pthread_condattr_t attr;
  pthread_condattr_init(&attr);
  pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
  pthread_cond_init(&b->wake, &attr);
  pthread_condattr_destroy(&attr);
  pthread_mutex_init(&b->lock, NULL);
  b->stop = b->running = false;
}

bool background_start(kevy_store *s) {
  s->background = calloc(1, sizeof(background));
  if (s->background == NULL) return false;
  prepare(s->background);
  if (spawn(s)) return true;
  free(s->background);
  s->background = NULL;
  return false;
}

void background_ensure(kevy_store *s) {
  if (UNLIKELY(!s->background->running)) spawn(s);
}

void background_stop(kevy_store *s) {
  background *b = s->background;
  if (b == NULL) return;
  if (b->running) {
    pthread_mutex_lock(&b->lock);
    b->stop = true;
    pthread_cond_signal(&b->wake);
    pthread_mutex_unlock(&b->lock);
    pthread_join(b->thread, NULL);
  }
  pthread_mutex_destroy(&b->lock);
  pthread_cond_destroy(&b->wake);
  free(b);
  s->background = NULL;
}

void background_forked(kevy_store *s) {
  if (s->background != NULL) prepare(s->background);
}
