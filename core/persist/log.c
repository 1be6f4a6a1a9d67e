/* log: see log.h. */
#include "log.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "../clock.h"
#include "file.h"

#define LOG_REST_MS 10               /* between two writes while callers do not wait */
#define LOG_BATCH ((size_t)256 << 10) /* wakes the writer before that */
#define LOG_KEEP ((size_t)4 << 20)    /* room that an emptied buffer may keep */
#define LOG_GAPS 4                   /* parts of a sync's time: who comes back comes within one of the one before */

static const char log_multi[] = "*1\r\n$5\r\nMULTI\r\n", log_exec[] = "*1\r\n$4\r\nEXEC\r\n";

static int64_t log_now(void) { return clock_read_ms(CLOCK_MONOTONIC_COARSE); }

static void log_gate(logfile *l, kevy_status status) { __atomic_store_n(l->gate, status, __ATOMIC_RELAXED); }

/* ---- the writer; the lock is held but where it says so ---- */

static void log_set_size(logfile *l, uint64_t size) { __atomic_store_n(&l->size, size, __ATOMIC_RELAXED); }

static void log_fail(logfile *l, int error, const char *step) {
  if (l->error != 0) return;
  __atomic_store_n(&l->error, error, __ATOMIC_RELAXED);
  l->step = step;
  log_gate(l, KEVY_EREFUSED);
  pthread_cond_broadcast(&l->done);
}

static void log_rest_ns(logfile *l, uint64_t ns) {
  uint64_t end = clock_ticks() + ns;
  struct timespec until = {.tv_sec = (time_t)(end / 1000000000), .tv_nsec = (long)(end % 1000000000)};
  pthread_cond_timedwait(&l->work, &l->lock, &until);
}

static void log_rest(logfile *l, uint64_t ms) { log_rest_ns(l, ms * 1000000); }

static bool log_writes(const logfile *l) { return l->error == 0 && !l->held; }

/* Whether callers have to wait for the disk, or go without. */
static bool log_behind(const logfile *l) {
  return l->appended - l->written > l->bound || (l->oldest != 0 && l->fsync != LOG_NO && log_now() - l->oldest > LOG_BEHIND_MS);
}

static bool log_sync_due(const logfile *l) {
  if (!log_writes(l) || l->written == l->synced) return false;
  if (l->fsync == LOG_ALWAYS || l->stopping || l->urgent) return true;
  return l->fsync == LOG_EVERYSEC && l->oldest != 0 && log_now() - l->oldest >= LOG_SYNC_MS;
}

/* The file has all that was appended before the turn. */
static bool log_turn_due(const logfile *l) { return l->next >= 0 && log_writes(l) && l->written == l->turn_at; }

static bool log_work_due(const logfile *l) {
  return (l->filling.len != 0 && log_writes(l)) || log_turn_due(l) || log_sync_due(l) || l->stopping;
}

/* Waits for work; under a policy that nobody waits for, a little longer, so that writes are few and large. */
static void log_wait_for_work(logfile *l) {
  if (l->fsync != LOG_ALWAYS && !l->stopping && !l->urgent && l->filling.len < LOG_BATCH) log_rest(l, LOG_REST_MS);
  while (!log_work_due(l)) {
    if (l->written != l->synced && log_writes(l) && l->fsync == LOG_EVERYSEC) {
      log_rest(l, LOG_REST_MS);
    } else {
      l->sleeping = true;
      pthread_cond_wait(&l->work, &l->lock);
      l->sleeping = false;
    }
  }
}

/* Waits for those whom the last sync released, as log.h says. */
static void log_gather(logfile *l) {
  uint64_t before = l->appends;
  for (int gaps = 0; gaps < LOG_GAPS && l->fsync == LOG_ALWAYS && l->appends < l->expected; gaps++) {
    if (l->stopping || l->urgent || l->filling.len >= LOG_BATCH || !log_writes(l)) return;
    l->gathering = true;
    log_rest_ns(l, l->sync_ns / LOG_GAPS);
    l->gathering = false;
    if (l->appends == before) return;
    before = l->appends;
  }
}

/* Makes last what was written; without the lock meanwhile. */
static void log_make_last(logfile *l) {
  uint64_t upto = l->written;
  int64_t since = log_now();
  uint64_t began = clock_ticks();
  int fd = l->fd;
  l->busy = true;
  pthread_mutex_unlock(&l->lock);
  int error = file_sync(fd);
  pthread_mutex_lock(&l->lock);
  l->busy = false;
  l->syncs++;
  l->sync_ns = clock_ticks() - began;
  if (error != 0) {
    log_fail(l, error, "sync");
    return;
  }
  l->synced = upto;
  l->expected = l->appends + l->group;
  l->group = 0;
  l->oldest = l->appended > upto ? since : 0;
}

/* Writes that were refused because the disk was behind are taken again. */
static void log_reopen_gate(logfile *l) {
  if (l->fail_fast && log_writes(l) && !log_behind(l)) log_gate(l, KEVY_OK);
}

/* A part that the disk did not take whole is cut off again, so that the file ends with a record. */
static void log_write_out(logfile *l, const char *bytes, size_t len) {
  uint64_t size = l->size;
  int fd = l->fd;
  l->busy = true;
  pthread_mutex_unlock(&l->lock);
  int error = file_write(fd, bytes, len);
  if (error != 0) (void)file_truncate(fd, size);
  pthread_mutex_lock(&l->lock);
  l->busy = false;
  if (error != 0) {
    log_fail(l, error, "write");
    return;
  }
  log_set_size(l, size + len);
  l->written += len;
}

/* Leaves the file for the next one. */
static void log_change_file(logfile *l) {
  if (l->written != l->synced && l->error == 0) log_make_last(l);
  if (l->error != 0) return;
  int before = l->fd;
  l->fd = l->next;
  l->next = -1;
  log_set_size(l, 0);
  pthread_mutex_unlock(&l->lock);
  (void)file_close(before);
  pthread_mutex_lock(&l->lock);
}

static void log_swap(logfile *l) {
  log_buffer full = l->filling;
  l->filling = l->writing;
  l->writing = full;
  l->handed = l->appended;
  l->group += l->queued;
  l->queued = 0;
}

static void log_empty(log_buffer *b) {
  b->len = 0;
  if (b->room <= LOG_KEEP) return;
  free(b->bytes);
  *b = (log_buffer){NULL, 0, 0};
}

static void log_write_all(logfile *l) {
  log_swap(l);
  size_t at = 0, len = l->writing.len;
  if (l->next >= 0 && l->turn_at < l->handed) {
    at = l->turn_at > l->written ? (size_t)(l->turn_at - l->written) : 0;
    if (at != 0) log_write_out(l, l->writing.bytes, at);
    if (l->error == 0) log_change_file(l);
  }
  if (l->error == 0) log_write_out(l, l->writing.bytes + at, len - at);
  log_empty(&l->writing);
}

static void *log_main(void *context) {
  logfile *l = context;
  pthread_mutex_lock(&l->lock);
  for (;;) {
    log_wait_for_work(l);
    log_gather(l);
    if (l->filling.len != 0 && log_writes(l)) log_write_all(l);
    if (log_turn_due(l)) log_change_file(l);
    if (log_sync_due(l)) log_make_last(l);
    if (l->written == l->synced && l->filling.len == 0) l->urgent = false;
    log_reopen_gate(l);
    pthread_cond_broadcast(&l->done);
    if (l->stopping && (!log_writes(l) || (l->filling.len == 0 && l->written == l->synced))) break;
  }
  pthread_mutex_unlock(&l->lock);
  return NULL;
}

/* ---- opening and closing ---- */

static bool log_spawn(logfile *l) {
  sigset_t all, before; /* the host's signals are the host's threads' business */
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  bool done = pthread_create(&l->writer, NULL, log_main, l) == 0;
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return done;
}

logfile *log_open(int fd, uint64_t size, log_fsync fsync, size_t bound, bool fail_fast, kevy_status *gate) {
  logfile *l = calloc(1, sizeof *l);
  if (l == NULL) return NULL;
  pthread_condattr_t attr;
  pthread_condattr_init(&attr);
  pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
  pthread_cond_init(&l->work, &attr);
  pthread_cond_init(&l->done, &attr);
  pthread_condattr_destroy(&attr);
  pthread_mutex_init(&l->lock, NULL);
  l->fd = fd;
  l->size = size;
  l->next = -1;
  l->fsync = fsync;
  l->bound = bound != 0 ? bound : LOG_BOUND;
  l->fail_fast = fail_fast;
  l->gate = gate;
  if (log_spawn(l)) return l;
  free(l);
  return NULL;
}

static void log_free(logfile *l) {
  free(l->filling.bytes);
  free(l->writing.bytes);
  free(l);
}

int log_close(logfile *l) {
  pthread_mutex_lock(&l->lock);
  l->stopping = true;
  pthread_cond_signal(&l->work);
  pthread_mutex_unlock(&l->lock);
  pthread_join(l->writer, NULL);
  int error = l->error;
  if (l->next >= 0) (void)file_close(l->next);
  (void)file_close(l->fd);
  pthread_mutex_destroy(&l->lock);
  pthread_cond_destroy(&l->work);
  pthread_cond_destroy(&l->done);
  log_free(l);
  return error;
}

/* The writer may have held anything when the process forked: nothing is waited for, and the buffers stay. */
void log_abandon(logfile *l) {
  (void)close(l->fd);
  if (l->next >= 0) (void)close(l->next);
}

/* ---- appending ---- */

static bool log_reserve(log_buffer *b, size_t more) {
  if (LIKELY(more <= b->room - b->len)) return true;
  size_t room = b->room * 2 > 65536 ? b->room * 2 : 65536;
  while (room - b->len < more) room *= 2;
  char *bytes = realloc(b->bytes, room);
  if (bytes == NULL) return false;
  b->bytes = bytes;
  b->room = room;
  return true;
}

static void log_put(log_buffer *b, const char *bytes, size_t len) {
  memcpy(b->bytes + b->len, bytes, len);
  b->len += len;
}

uint64_t log_append(logfile *l, const char *bytes, size_t len, uint64_t records) {
  bool several = records > 1;
  pthread_mutex_lock(&l->lock);
  uint64_t ticket = 0;
  if (l->error == 0 && log_reserve(&l->filling, len + sizeof log_multi + sizeof log_exec)) {
    size_t before = l->filling.len;
    if (several) log_put(&l->filling, log_multi, sizeof log_multi - 1);
    log_put(&l->filling, bytes, len);
    if (several) log_put(&l->filling, log_exec, sizeof log_exec - 1);
    ticket = l->appended += l->filling.len - before;
    if (l->oldest == 0) l->oldest = log_now();
    l->appends++;
    l->queued++;
    bool all_back = l->gathering && l->appends == l->expected;
    if (l->fail_fast && log_behind(l)) log_gate(l, KEVY_EREFUSED);
    if (l->sleeping || all_back || (before < LOG_BATCH && l->filling.len >= LOG_BATCH)) pthread_cond_signal(&l->work);
  } else if (l->error == 0) {
    log_fail(l, ENOMEM, "queue");
  }
  pthread_mutex_unlock(&l->lock);
  return ticket;
}

/* ---- waiting ---- */

/* The host's lock goes without the log's: whoever has it may be waiting for that. */
static void *log_leave_host(logfile *l, const log_host *host) {
  if (host == NULL) return NULL;
  pthread_mutex_unlock(&l->lock);
  void *token = log_host_away(host);
  pthread_mutex_lock(&l->lock);
  return token;
}

static bool log_enough(const logfile *l, log_fsync asked, uint64_t ticket) {
  if (asked == LOG_ALWAYS) return l->synced >= ticket;
  return l->fail_fast || !log_behind(l);
}

kevy_status log_wait(logfile *l, uint64_t ticket, const log_host *host) {
  pthread_mutex_lock(&l->lock);
  log_fsync asked = l->fsync;
  bool waits = !log_enough(l, asked, ticket) && log_writes(l);
  void *token = waits ? log_leave_host(l, host) : NULL;
  while (!log_enough(l, asked, ticket) && log_writes(l)) pthread_cond_wait(&l->done, &l->lock);
  l->waits += waits;
  bool lost = ticket > l->lost_from && ticket <= l->lost_to;
  bool safe = !lost && (l->error == 0 || l->synced >= ticket);
  pthread_mutex_unlock(&l->lock);
  if (waits) log_host_back(host, token);
  return safe ? KEVY_OK : KEVY_EDURABILITY;
}

kevy_status log_sync(logfile *l, const log_host *host) {
  pthread_mutex_lock(&l->lock);
  uint64_t ticket = l->appended;
  void *token = log_leave_host(l, host);
  while (l->synced < ticket && log_writes(l)) {
    l->urgent = true;
    pthread_cond_signal(&l->work);
    pthread_cond_wait(&l->done, &l->lock);
  }
  bool safe = l->synced >= ticket;
  pthread_mutex_unlock(&l->lock);
  log_host_back(host, token);
  return safe ? KEVY_OK : KEVY_EDURABILITY;
}

void log_set_fsync(logfile *l, log_fsync fsync) {
  pthread_mutex_lock(&l->lock);
  l->fsync = fsync;
  l->urgent = true;
  pthread_cond_signal(&l->work);
  pthread_mutex_unlock(&l->lock);
}

/* ---- breaking, and going on ---- */

void log_break(logfile *l, int error, const char *step) {
  pthread_mutex_lock(&l->lock);
  log_fail(l, error, step);
  pthread_mutex_unlock(&l->lock);
}

int log_broken(logfile *l, const char **step) {
  pthread_mutex_lock(&l->lock);
  int error = l->error;
  *step = l->step;
  pthread_mutex_unlock(&l->lock);
  return error;
}

void log_turn(logfile *l, int fd) {
  pthread_mutex_lock(&l->lock);
  l->next = fd;
  l->turn_at = l->appended;
  pthread_cond_signal(&l->work);
  pthread_mutex_unlock(&l->lock);
}

bool log_restart(logfile *l, int fd) {
  pthread_mutex_lock(&l->lock);
  bool idle = !l->busy;
  if (idle) {
    (void)file_close(l->fd);
    if (l->next >= 0) (void)file_close(l->next);
    l->fd = fd;
    l->next = -1;
    log_set_size(l, 0);
    l->filling.len = 0;
    l->lost_from = l->synced;
    l->lost_to = l->handed = l->written = l->synced = l->appended;
    l->oldest = 0;
    __atomic_store_n(&l->error, 0, __ATOMIC_RELAXED);
    l->step = NULL;
    l->held = true;
  }
  pthread_mutex_unlock(&l->lock);
  return idle;
}

void log_go(logfile *l) {
  pthread_mutex_lock(&l->lock);
  l->held = false;
  log_gate(l, KEVY_OK);
  pthread_cond_signal(&l->work);
  pthread_mutex_unlock(&l->lock);
}

bool log_turned(logfile *l) {
  pthread_mutex_lock(&l->lock);
  bool turned = l->next < 0;
  pthread_mutex_unlock(&l->lock);
  return turned;
}
