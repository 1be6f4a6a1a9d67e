/* directory: see directory.h. */
#include "directory.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include "../effect.h"
#include "file.h"
#include "rdb_write.h"
#include "recovery.h"

#define DIRECTORY_GROWN ((uint64_t)64 << 20) /* incremental files below this are not rewritten */
#define DIRECTORY_RETRY_MS 1000

enum { REWRITE_IDLE, REWRITE_PREPARING, REWRITE_READY, REWRITE_WRITING, REWRITE_DONE };

/* ---- opening ---- */

/* A directory that may only be read has no log, and its store takes no writes; others may read it, too. */
static kevy_status directory_refuse(const recovery *g) {
  if (g->d->lock >= 0) (void)flock(g->d->lock, LOCK_SH | LOCK_NB);
  g->s->unwritable = KEVY_EREFUSED;
  return KEVY_OK;
}

static kevy_status directory_start_log(const recovery *g, uint64_t size) {
  struct directory *d = g->d;
  if (d->denied != 0) return directory_refuse(g);
  char path[MANIFEST_PATH];
  int fd;
  manifest_path(d->path, d->files.incr[d->files.count - 1].name, path);
  int error = file_open(path, O_WRONLY | O_APPEND, 0, &fd);
  if (recovery_denied(g, error)) return directory_refuse(g);
  if (error != 0) return recovery_fail(g, error, "open", path);
  d->log = log_open(fd, size, g->o->fsync, (size_t)g->o->queue, g->o->fail_fast, &g->s->unwritable);
  if (d->log != NULL) return KEVY_OK;
  (void)file_close(fd);
  return recovery_fail(g, ENOMEM, "start the log of", d->path);
}
/* ---- the store's side ---- */

static kevy_status directory_publish(kevy_store *s, uint64_t *ticket) {
  effects *e = s->effects;
  bool said = e->said, noted = e->len != 0 || e->lost;
  uint64_t at = 0;
  s->noted = e->said = false;
  if (UNLIKELY(e->log == NULL)) said = false; /* what goes by itself goes from memory alone */
  else if (UNLIKELY(e->lost)) log_break(e->log, ENOMEM, "note");
  else if (e->len != 0) at = log_append(e->log, e->bytes, e->len, e->records);
  e->lost = false;
  e->len = e->staged = 0;
  e->records = 0;
  directory_step(s);
  if (!said || !noted) return KEVY_OK;
  *ticket = at;
  return at != 0 ? KEVY_OK : KEVY_EDURABILITY;
}

static kevy_status directory_wait(kevy_store *s, uint64_t ticket, bool lends) {
  return log_wait(s->effects->log, ticket, lends ? NULL : s->effects->host);
}

void log_host_unlock(kevy_store *s) { store_unlock(s); }
void log_host_lock(kevy_store *s) { (void)store_enter_beside(s); }

void directory_host(kevy_store *s, const log_host *h) {
  if (s->effects != NULL) s->effects->host = h;
}

static bool directory_attach(kevy_store *s, struct directory *d) {
  effects *e = effect_new();
  if (e == NULL) return false;
  e->publish = directory_publish;
  e->wait = directory_wait;
  e->log = d->log;
  e->directory = d;
  e->until_pay = s->until_pay;
  s->until_pay = 1;
  s->effects = e;
  effect_selected(s, s->replayed);
  return true;
}

/* The lock is let go of in so many words: a child that was forked a moment ago may not have closed what it inherited yet. */
static void directory_free(struct directory *d) {
  if (d->log != NULL) (void)log_close(d->log);
  if (d->lock >= 0) {
    (void)flock(d->lock, LOCK_UN);
    (void)file_close(d->lock);
  }
  free(d);
}

kevy_status directory_open(kevy_store *s, const char *path, const directory_options *o, char *message, size_t room) {
  struct directory *d = calloc(1, sizeof *d);
  s->opening = d;
  recovery g = {.s = s, .d = d, .o = o, .message = message, .room = room};
  if (d == NULL) return recovery_fail(&g, ENOMEM, "open", path);
  d->lock = d->next_fd = -1;
  d->fsync = o->fsync;
  uint64_t size = 0;
  kevy_status status = KEVY_OK;
  if (strlen(path) + sizeof MANIFEST_DIR + MANIFEST_FILE_NAME + 64 > sizeof d->path) status = recovery_fail(&g, ENAMETOOLONG, "open", path);
  else snprintf(d->path, sizeof d->path, "%s", path);
  if (status == KEVY_OK) status = recovery_run(&g, &size);
  if (status == KEVY_OK) status = directory_start_log(&g, size);
  if (status == KEVY_OK && !directory_attach(s, d)) status = recovery_fail(&g, ENOMEM, "open", path);
  s->opening = NULL;
  directory_set_growth(d, o->rewrite_at != 0 ? o->rewrite_at : DIRECTORY_GROWN, 100);
  if (status != KEVY_OK) directory_free(d);
  return status;
}

struct directory *directory_of(const kevy_store *s) { return s->effects != NULL ? s->effects->directory : NULL; }
const directory_report *directory_reported(const struct directory *d) { return &d->report; }
logfile *directory_log(const struct directory *d) { return d->log; }
log_fsync directory_fsync(const struct directory *d) { return d->fsync; }
int directory_denied(const struct directory *d) { return d->denied; }
uint64_t directory_log_bytes(const struct directory *d) { return d->log != NULL ? log_size(d->log) : 0; }

const char *directory_path(const struct directory *d) { return d->path; }

void directory_set_fsync(struct directory *d, log_fsync fsync) {
  d->fsync = fsync;
  if (d->log != NULL) log_set_fsync(d->log, fsync);
}

/* ---- growth ---- */

static void directory_set_grown(struct directory *d) {
  double part = (double)d->base_bytes / 100 * (double)d->percentage;
  if (d->percentage == 0 || part >= (double)(UINT64_MAX / 2)) d->grown_at = UINT64_MAX;
  else d->grown_at = (uint64_t)part > d->rewrite_at ? (uint64_t)part : d->rewrite_at;
}

uint64_t directory_rewrite_at(const struct directory *d) { return d->rewrite_at; }
uint64_t directory_percentage(const struct directory *d) { return d->percentage; }

/* Not while the helper has the base in hand: what it comes to be is asked for at the rewrite's end. */
void directory_set_growth(struct directory *d, uint64_t rewrite_at, uint64_t percentage) {
  d->rewrite_at = rewrite_at;
  d->percentage = percentage;
  if (atomic_load(&d->state) == REWRITE_IDLE) directory_set_grown(d);
}

/* ---- rewriting: the helper ---- */

static void directory_remove(const struct directory *d, const char *name) {
  char path[MANIFEST_PATH];
  manifest_path(d->path, name, path);
  (void)file_remove(path);
}

/* The next file, named in the manifest unless it is to mend a broken log. */
static int directory_prepare(struct directory *d) {
  d->next = manifest_next_incr(&d->files);
  int error = d->files.count < MANIFEST_FILES ? recovery_make_incr(d, &d->next, &d->next_fd) : EMFILE;
  if (error != 0 || d->mending) return error;
  d->files.incr[d->files.count++] = d->next;
  if ((error = manifest_write(d->path, &d->files, NULL)) != 0) d->files.count--;
  return error;
}

/* The new base and the file behind it are all there is from now on. */
static int directory_replace(struct directory *d, const manifest_file *base) {
  manifest before = d->files;
  d->files.based = true;
  d->files.base = *base;
  d->files.incr[0] = d->next;
  d->files.count = 1;
  bool placed;
  int error = manifest_write(d->path, &d->files, &placed);
  if (!placed) d->files = before;
  if (error != 0) return error; /* a power cut may bring either back: all files of both stay */
  if (before.based) directory_remove(d, before.base.name);
  for (size_t i = 0; i < before.count; i++)
    if (strcmp(before.incr[i].name, d->next.name) != 0) directory_remove(d, before.incr[i].name);
  return 0;
}

static int directory_write_base(struct directory *d) {
  char path[MANIFEST_PATH];
  manifest_file base = manifest_next_base(&d->files);
  int fd;
  manifest_path(d->path, base.name, path);
  rdb_outcome o = rdb_save(d->frozen, path, RDB_LOG_BASE, NULL);
  /* What the manifest lets go of must not be missed by what is still being synced before the turn. */
  while (o.error == 0 && !d->mending && !log_turned(d->log)) {
    const char *step;
    if ((o.error = log_broken(d->log, &step)) != 0) break;
    usleep(1000);
  }
  if (o.error == 0) o.error = directory_replace(d, &base);
  if (o.error != 0) {
    bool named = d->files.based && strcmp(d->files.base.name, base.name) == 0;
    if (!named) directory_remove(d, base.name);
    return o.error;
  }
  if (file_open(path, O_RDONLY, 0, &fd) == 0) {
    (void)file_size(fd, &d->base_bytes);
    (void)file_close(fd);
  }
  d->older_bytes = 0;
  return 0;
}

static void *directory_helper(void *context) {
  struct directory *d = context;
  int state = atomic_load(&d->state);
  d->error = state == REWRITE_PREPARING ? directory_prepare(d) : directory_write_base(d);
  bool on = state == REWRITE_PREPARING && d->error == 0;
  atomic_store(&d->state, on ? REWRITE_READY : REWRITE_DONE);
  return NULL;
}

/* ---- rewriting: the owner ---- */

static bool directory_spawn(struct directory *d, int state) {
  sigset_t all, before;
  atomic_store(&d->state, state);
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int error = pthread_create(&d->helper, NULL, directory_helper, d);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return error == 0;
}

static void directory_end(struct directory *d, int error) {
  d->error = error;
  if (error != 0) d->retry_at = clock_read_ms(CLOCK_MONOTONIC) + DIRECTORY_RETRY_MS;
  if (d->frozen != NULL) store_free(d->frozen);
  d->frozen = NULL;
  d->next_fd = -1;
  directory_set_grown(d);
  atomic_store(&d->state, REWRITE_IDLE);
}

/* The moment: a snapshot, and the log goes on in the new file. */
static void directory_take(kevy_store *s, struct directory *d) {
  pthread_join(d->helper, NULL);
  const char *step;
  bool broken = log_broken(d->log, &step) != 0;
  int fd = d->next_fd;
  effect_selected(s, EFFECT_ANY_DB); /* what goes with the moment may be noted for either file */
  if (broken != d->mending || (d->frozen = store_freeze(s)) == NULL || (broken && !log_restart(d->log, fd))) {
    (void)file_close(fd);
    directory_end(d, broken ? EIO : EAGAIN);
    return;
  }
  if (!broken) log_turn(d->log, fd);
  if (s->effects->db == EFFECT_ANY_DB) effect_selected(s, 0);
  d->next_fd = -1;
  if (!directory_spawn(d, REWRITE_WRITING)) directory_end(d, EAGAIN);
}

static void directory_finish(struct directory *d) {
  pthread_join(d->helper, NULL);
  int error = d->error;
  if (d->next_fd >= 0) (void)file_close(d->next_fd);
  if (d->mending && d->frozen != NULL) {
    if (error == 0) log_go(d->log);
    else log_break(d->log, error, "rewrite");
  }
  directory_end(d, error);
}

static bool directory_grown(const struct directory *d) { return d->older_bytes + log_size(d->log) >= d->grown_at; }

static void directory_start(struct directory *d, bool mending) {
  if (clock_read_ms(CLOCK_MONOTONIC) < d->retry_at) return;
  d->mending = mending;
  d->wanted = false;
  if (!directory_spawn(d, REWRITE_PREPARING)) directory_end(d, EAGAIN);
}

void directory_step(kevy_store *s) {
  struct directory *d = s->effects->directory;
  if (UNLIKELY(d->log == NULL)) return;
  switch (atomic_load_explicit(&d->state, memory_order_acquire)) {
    case REWRITE_READY:
      if (s->effects->held == 0) directory_take(s, d); /* a base holds no open transaction */
      break;
    case REWRITE_DONE: directory_finish(d); break;
    case REWRITE_IDLE: {
      bool broken = log_is_broken(d->log);
      if (UNLIKELY(broken || d->wanted || directory_grown(d))) directory_start(d, broken);
      break;
    }
    default: break;
  }
}

void directory_rewrite(struct directory *d) { d->wanted = true; }

bool directory_rewritten(struct directory *d, int *error) {
  *error = d->error;
  return !d->wanted && atomic_load(&d->state) == REWRITE_IDLE;
}

/* ---- closing ---- */

int directory_close(kevy_store *s) {
  struct directory *d = s->effects->directory;
  int state = atomic_load(&d->state);
  if (state != REWRITE_IDLE) {
    pthread_join(d->helper, NULL);
    if (d->next_fd >= 0) (void)file_close(d->next_fd);
    if (d->frozen != NULL) store_free(d->frozen);
  }
  int error = d->log != NULL ? log_close(d->log) : 0;
  d->log = NULL;
  directory_free(d);
  effect_free(s->effects);
  s->effects = NULL;
  return error;
}

void directory_abandon_opening(kevy_store *s) {
  struct directory *d = s->opening;
  if (d->lock >= 0) (void)close(d->lock);
  d->lock = -1;
  s->closed = true;
}

/* Threads are gone, and what they held with them: memory of theirs stays. */
void directory_abandon(kevy_store *s) {
  struct directory *d = s->effects->directory;
  if (d->log != NULL) log_abandon(d->log);
  if (d->lock >= 0) (void)close(d->lock);
  if (d->next_fd >= 0) (void)close(d->next_fd);
  effect_free(s->effects);
  s->effects = NULL;
}
