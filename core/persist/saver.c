/* saver: see saver.h. */
#include "saver.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "../database.h"
#include "../store_open.h"

struct kevy_job {
  kevy_store *snapshot;
  pid_t process;
  uint32_t flags;
  uint64_t total;
  _Atomic uint64_t keys;
  _Atomic int holders; /* the thread and the handle */
  pthread_mutex_t lock; /* guards what follows */
  pthread_cond_t ended;
  bool over;
  rdb_outcome outcome;
  char path[];
};

static void saver_drop(kevy_job *j) {
  if (atomic_fetch_sub(&j->holders, 1) != 1) return;
  pthread_mutex_destroy(&j->lock);
  pthread_cond_destroy(&j->ended);
  free(j);
}

static void *saver_main(void *context) {
  kevy_job *j = context;
  rdb_outcome outcome = rdb_save(j->snapshot, j->path, j->flags, &j->keys);
  store_free(j->snapshot);
  pthread_mutex_lock(&j->lock);
  j->outcome = outcome;
  j->over = true;
  pthread_cond_broadcast(&j->ended);
  pthread_mutex_unlock(&j->lock);
  saver_drop(j);
  return NULL;
}

/* The host's signals are the host's threads' business. */
static bool saver_spawn(kevy_job *j) {
  sigset_t all, before;
  pthread_t thread;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  bool running = pthread_create(&thread, NULL, saver_main, j) == 0;
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  if (running) pthread_detach(thread);
  return running;
}

static kevy_job *saver_new(kevy_store *snapshot, const char *path, uint32_t flags) {
  size_t len = strlen(path) + 1;
  kevy_job *j = calloc(1, sizeof *j + len);
  if (j == NULL) return NULL;
  memcpy(j->path, path, len);
  j->snapshot = snapshot;
  j->process = getpid();
  j->flags = flags;
  j->total = database_keys(&snapshot->frozen->db);
  atomic_init(&j->holders, 2);
  pthread_condattr_t attr;
  pthread_condattr_init(&attr);
  pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
  pthread_cond_init(&j->ended, &attr);
  pthread_condattr_destroy(&attr);
  pthread_mutex_init(&j->lock, NULL);
  return j;
}

kevy_job *saver_start(kevy_store *snapshot, const char *path, uint32_t flags) {
  kevy_job *j = saver_new(snapshot, path, flags);
  if (j == NULL || saver_spawn(j)) return j;
  saver_drop(j);
  saver_drop(j);
  return NULL;
}

static struct timespec saver_deadline(int64_t timeout_ms) {
  struct timespec until;
  clock_gettime(CLOCK_MONOTONIC, &until);
  until.tv_sec += timeout_ms / 1000;
  until.tv_nsec += timeout_ms % 1000 * 1000000L;
  if (until.tv_nsec >= 1000000000L) {
    until.tv_nsec -= 1000000000L;
    until.tv_sec++;
  }
  return until;
}

bool saver_wait(kevy_job *j, int64_t timeout_ms, rdb_outcome *out) {
  *out = (rdb_outcome){EINTR, "go on in a forked process to save"};
  if (j->process != getpid()) return true;
  struct timespec until = saver_deadline(timeout_ms < 0 ? 0 : timeout_ms);
  int waited = 0;
  pthread_mutex_lock(&j->lock);
  while (!j->over && waited != ETIMEDOUT)
    waited = timeout_ms < 0 ? pthread_cond_wait(&j->ended, &j->lock)
                            : pthread_cond_timedwait(&j->ended, &j->lock, &until);
  bool over = j->over;
  *out = j->outcome;
  pthread_mutex_unlock(&j->lock);
  return over;
}

void saver_progress(kevy_job *j, uint64_t *done, uint64_t *total) {
  *done = j->keys;
  *total = j->total;
}

/* In a forked process there is no thread that would let go of its hold. */
void saver_close(kevy_job *j) {
  if (j->process == getpid()) saver_drop(j);
}

const char *saver_path(const kevy_job *j) { return j->path; }
