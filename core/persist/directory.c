/* directory: see directory.h. */
#include "directory.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include "../effect.h"
#include "file.h"
#include "log_read.h"
#include "rdb_read.h"
#include "rdb_write.h"

#define DIRECTORY_LOCK "kevy.lock"
#define DIRECTORY_GROWN ((uint64_t)64 << 20) /* incremental files below this are not rewritten */
#define DIRECTORY_RETRY_MS 1000

enum { REWRITE_IDLE, REWRITE_PREPARING, REWRITE_READY, REWRITE_WRITING, REWRITE_DONE };

struct directory {
  char path[PATH_MAX];
  int lock;
  logfile *log;
  log_fsync fsync;
  manifest files;         /* the helper's while one runs, else the owner's */
  uint64_t base_bytes;    /* of the base */
  uint64_t older_bytes;   /* of the incremental files but the last */
  uint64_t rewrite_at;
  directory_report report;
  /* rewriting */
  _Atomic int state;
  bool mending;           /* the log was broken when it began */
  bool wanted;
  pthread_t helper;
  manifest_file next;
  int next_fd;
  kevy_store *frozen;
  int error;              /* of the last */
  int64_t retry_at;
};

/* ---- opening: messages ---- */

typedef struct directory_opening {
  kevy_store *s;
  struct directory *d;
  const directory_options *o;
  char *message;
  size_t room;
} directory_opening;

static kevy_status directory_fail(const directory_opening *g, int error, const char *step, const char *name) {
  snprintf(g->message, g->room, "cannot %s: %s: %s", step, strerror(error), name);
  return error == ENOMEM ? KEVY_EOOM : KEVY_EDURABILITY;
}

static kevy_status directory_corrupt(const directory_opening *g, const char *name, uint64_t offset, const char *what) {
  snprintf(g->message, g->room, "corrupt file: %s at offset %" PRIu64 ": %s", name, offset, what);
  return KEVY_ECORRUPT;
}

/* ---- opening: the directory and its lock ---- */

static kevy_status directory_lock(const directory_opening *g) {
  char path[PATH_MAX + sizeof DIRECTORY_LOCK + 1];
  snprintf(path, sizeof path, "%s/" DIRECTORY_LOCK, g->d->path);
  int error = file_open(path, O_RDWR | O_CREAT, 0666, &g->d->lock);
  if (error != 0) return directory_fail(g, error, "open", path);
  if (flock(g->d->lock, LOCK_EX | LOCK_NB) == 0) return KEVY_OK;
  if (errno != EWOULDBLOCK) return directory_fail(g, errno, "lock", path);
  snprintf(g->message, g->room, "another process, or another store of this one, has %s open", g->d->path);
  return KEVY_EDURABILITY;
}

static kevy_status directory_make(const directory_opening *g) {
  char path[PATH_MAX + sizeof MANIFEST_DIR + 1];
  int error = file_make_directory(g->d->path);
  if (error != 0 && error != EEXIST) return directory_fail(g, error, "make", g->d->path);
  kevy_status status = directory_lock(g);
  if (status != KEVY_OK) return status;
  snprintf(path, sizeof path, "%s/" MANIFEST_DIR, g->d->path);
  error = file_make_directory(path);
  return error == 0 || error == EEXIST ? KEVY_OK : directory_fail(g, error, "make", path);
}

/* ---- opening: doing records again ---- */

/* Keeps what is cut off beside the file. */
static int directory_keep(const char *path, int fd, uint64_t offset, uint64_t size) {
  char beside[MANIFEST_PATH + 32], *piece = malloc((size_t)1 << 20);
  int to, error = piece == NULL ? ENOMEM : 0;
  snprintf(beside, sizeof beside, "%s.torn-%" PRIu64, path, offset);
  if (error == 0) error = file_open(beside, O_WRONLY | O_CREAT | O_TRUNC, 0666, &to);
  if (error != 0) {
    free(piece);
    return error;
  }
  if (lseek(fd, (off_t)offset, SEEK_SET) < 0) error = errno;
  for (size_t got = 1; error == 0 && offset < size && got != 0; offset += got) {
    error = file_read(fd, piece, (size_t)1 << 20, &got);
    if (error == 0) error = file_write(to, piece, got);
  }
  if (error == 0) error = file_sync(to);
  (void)file_close(to);
  free(piece);
  return error;
}

static kevy_status directory_cut(const directory_opening *g, const char *name, int fd, uint64_t offset, uint64_t size) {
  char path[MANIFEST_PATH];
  directory_report *r = &g->d->report;
  manifest_path(g->d->path, name, path);
  int error = directory_keep(path, fd, offset, size);
  if (error != 0) return directory_fail(g, error, "keep the torn end of", name);
  if ((error = file_truncate(fd, offset)) != 0 || (error = file_sync(fd)) != 0)
    return directory_fail(g, error, "cut the torn end off", name);
  r->cut += size - offset;
  r->offset = offset;
  snprintf(r->file, sizeof r->file, "%s", name);
  return KEVY_OK;
}

/* Reads on to the end of the transaction that begins at the reader's record, and goes back behind that. */
static log_read_result directory_look_ahead(log_reader *r, uint64_t begin) {
  uint64_t after = log_read_at(r);
  log_read_result got;
  while ((got = log_read_next(r)) == LOG_READ_RECORD && !log_read_is(r, "EXEC")) continue;
  if (got == LOG_READ_END) got = LOG_READ_TORN;
  if (got == LOG_READ_RECORD) log_read_seek(r, after);
  else if (got == LOG_READ_TORN) r->record = begin;
  return got;
}

/* Does the file's records again, up to its end or to what is wrong; r->record is then where that begins. */
static log_read_result directory_apply(const directory_opening *g, log_reader *r, char *why, size_t room) {
  log_read_result got;
  while ((got = log_read_next(r)) == LOG_READ_RECORD) {
    if (log_read_is(r, "MULTI")) {
      got = directory_look_ahead(r, r->record);
      if (got != LOG_READ_RECORD) break;
      continue;
    }
    if (log_read_is(r, "EXEC")) continue;
    if (!g->o->apply(g->s, r->argc, r->argv, why, room)) return LOG_READ_CORRUPT;
    g->d->report.records++;
  }
  if (got == LOG_READ_CORRUPT) snprintf(why, room, "%s", r->wrong);
  return got;
}

/* Whether only empty files follow. */
static bool directory_is_last(const struct directory *d, size_t i) {
  char path[MANIFEST_PATH];
  while (++i < d->files.count) {
    int fd;
    uint64_t size = 0;
    manifest_path(d->path, d->files.incr[i].name, path);
    if (file_open(path, O_RDONLY, 0, &fd) != 0) continue;
    int error = file_size(fd, &size);
    (void)file_close(fd);
    if (error != 0 || size != 0) return false;
  }
  return true;
}

/* Puts what follows a cut out of the way. */
static kevy_status directory_set_aside(const directory_opening *g, size_t i) {
  struct directory *d = g->d;
  for (size_t k = i + 1; k < d->files.count; k++) {
    char path[MANIFEST_PATH], aside[MANIFEST_PATH + 8];
    manifest_path(d->path, d->files.incr[k].name, path);
    snprintf(aside, sizeof aside, "%s.torn", path);
    int error = file_rename(path, aside);
    if (error != 0 && error != ENOENT) return directory_fail(g, error, "rename", path);
  }
  d->files.count = i + 1;
  int error = manifest_write(d->path, &d->files, NULL);
  return error == 0 ? KEVY_OK : directory_fail(g, error, "write", "the manifest");
}

static kevy_status directory_judge(const directory_opening *g, size_t i, int fd, const log_reader *r, log_read_result got,
                                   const char *why) {
  const char *name = g->d->files.incr[i].name;
  bool last = directory_is_last(g->d, i);
  if (got == LOG_READ_ERROR) return directory_fail(g, r->error, "read", name);
  if (got == LOG_READ_TORN && last) return directory_cut(g, name, fd, r->record, r->size);
  if (!g->o->salvage)
    return directory_corrupt(g, name, r->record, got == LOG_READ_TORN ? "it ends within a record, but is not the last" : why);
  kevy_status status = directory_cut(g, name, fd, r->record, r->size);
  return status == KEVY_OK && !last ? directory_set_aside(g, i) : status;
}

static kevy_status directory_replay(const directory_opening *g, size_t i, uint64_t *size) {
  char path[MANIFEST_PATH], why[160] = "";
  int fd;
  log_reader r;
  manifest_path(g->d->path, g->d->files.incr[i].name, path);
  int error = file_open(path, O_RDWR, 0, &fd);
  if (error != 0) return directory_fail(g, error, "open", path);
  kevy_status status = KEVY_OK;
  if ((error = log_read_open(&r, fd)) != 0) status = directory_fail(g, error, "read", path);
  log_read_result got = status == KEVY_OK ? directory_apply(g, &r, why, sizeof why) : LOG_READ_END;
  if (got != LOG_READ_END) status = directory_judge(g, i, fd, &r, got, why);
  *size = got != LOG_READ_END ? r.record : r.size;
  g->d->report.bytes += *size;
  log_read_close(&r);
  (void)file_close(fd);
  return status;
}

/* ---- opening: the base ---- */

/* A base in RESP is replayed like the rest, but may not be torn. */
static kevy_status directory_base_log(const directory_opening *g, int fd) {
  char why[160] = "it ends within a record";
  log_reader r;
  int error = log_read_open(&r, fd);
  if (error != 0) return directory_fail(g, error, "read", g->d->files.base.name);
  log_read_result got = directory_apply(g, &r, why, sizeof why);
  kevy_status status = KEVY_OK;
  if (got == LOG_READ_ERROR) status = directory_fail(g, r.error, "read", g->d->files.base.name);
  else if (got != LOG_READ_END) status = directory_corrupt(g, g->d->files.base.name, r.record, why);
  log_read_close(&r);
  return status;
}

static kevy_status directory_base_rdb(const directory_opening *g, int fd) {
  rdb_load load = {.db = RDB_ANY_DB};
  rdb_file *f = rdb_file_new(g->s, &load);
  if (f == NULL) return directory_fail(g, ENOMEM, "read", g->d->files.base.name);
  rdb_source *in = rdb_file_source(f);
  kevy_status status = rdb_source_file(in, fd);
  while (status == KEVY_OK && (status = rdb_file_step(f, (uint64_t)1 << 30)) == KEVY_UNMET) status = KEVY_OK;
  if (status < 0) snprintf(g->message, g->room, "%s: %s", g->d->files.base.name, in->why);
  rdb_file_free(f);
  return status;
}

static kevy_status directory_base(const directory_opening *g) {
  struct directory *d = g->d;
  char path[MANIFEST_PATH], magic[5] = "";
  int fd;
  size_t got;
  if (!d->files.based) return KEVY_OK;
  manifest_path(d->path, d->files.base.name, path);
  int error = file_open(path, O_RDONLY, 0, &fd);
  if (error != 0) return directory_fail(g, error, "open", path);
  if ((error = file_size(fd, &d->base_bytes)) == 0) error = file_read(fd, magic, sizeof magic, &got);
  if (error == 0 && lseek(fd, 0, SEEK_SET) < 0) error = errno;
  kevy_status status = error != 0                               ? directory_fail(g, error, "read", path)
                       : memcmp(magic, "REDIS", 5) == 0 ||
                               memcmp(magic, "VALKE", 5) == 0 ? directory_base_rdb(g, fd)
                                                                : directory_base_log(g, fd);
  (void)file_close(fd);
  return status;
}

/* ---- opening ---- */

/* Files of ours that the manifest does not name, left behind by a process that was killed; what was cut off stays. */
static bool directory_is_stray(const directory_opening *g, const char *name) {
  const manifest *m = &g->d->files;
  size_t len = strlen(name);
  if (strcmp(name, "temp-" MANIFEST_NAME ".manifest") == 0) return true;
  if (strncmp(name, MANIFEST_NAME ".", sizeof MANIFEST_NAME) != 0 || strstr(name, ".torn") != NULL) return false;
  if (strcmp(name, MANIFEST_NAME ".manifest") == 0 || (m->based && strcmp(name, m->base.name) == 0)) return false;
  for (size_t i = 0; i < m->count; i++)
    if (strcmp(name, m->incr[i].name) == 0) return false;
  return len > 4 && (strcmp(name + len - 4, ".tmp") == 0 || strcmp(name + len - 4, ".aof") == 0 || strcmp(name + len - 4, ".rdb") == 0);
}

static void directory_tidy(const directory_opening *g) {
  char path[PATH_MAX + sizeof MANIFEST_DIR + 1], stray[MANIFEST_PATH];
  snprintf(path, sizeof path, "%s/" MANIFEST_DIR, g->d->path);
  DIR *dir = opendir(path);
  if (dir == NULL) return;
  for (struct dirent *e; (e = readdir(dir)) != NULL;) {
    if (!directory_is_stray(g, e->d_name)) continue;
    manifest_path(g->d->path, e->d_name, stray);
    (void)file_remove(stray);
  }
  closedir(dir);
}

/* A first incremental file, or one more, empty and named nowhere yet. */
static int directory_make_incr(const struct directory *d, const manifest_file *f, int *fd) {
  char path[MANIFEST_PATH];
  manifest_path(d->path, f->name, path);
  int error = file_open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0666, fd);
  return error != 0 ? error : file_sync_directory(path);
}

static kevy_status directory_begin(const directory_opening *g) {
  struct directory *d = g->d;
  int fd;
  manifest_file first = manifest_next_incr(&d->files);
  int error = directory_make_incr(d, &first, &fd);
  if (error != 0) return directory_fail(g, error, "make", first.name);
  (void)file_close(fd);
  d->files.incr[d->files.count++] = first;
  error = manifest_write(d->path, &d->files, NULL);
  return error == 0 ? KEVY_OK : directory_fail(g, error, "write", "the manifest");
}

static kevy_status directory_load(const directory_opening *g, uint64_t *size) {
  struct directory *d = g->d;
  int error = manifest_read(d->path, &d->files);
  if (error == EINVAL) return directory_corrupt(g, MANIFEST_NAME ".manifest", 0, "it is no manifest");
  if (error != 0 && error != ENOENT) return directory_fail(g, error, "read", "the manifest");
  kevy_status status = directory_base(g);
  for (size_t i = 0; status == KEVY_OK && i < d->files.count; i++) {
    d->older_bytes += *size;
    status = directory_replay(g, i, size);
  }
  if (status == KEVY_OK) directory_tidy(g);
  return status == KEVY_OK && d->files.count == 0 ? directory_begin(g) : status;
}

static kevy_status directory_start_log(const directory_opening *g, uint64_t size) {
  struct directory *d = g->d;
  char path[MANIFEST_PATH];
  int fd;
  manifest_path(d->path, d->files.incr[d->files.count - 1].name, path);
  int error = file_open(path, O_WRONLY | O_APPEND, 0, &fd);
  if (error != 0) return directory_fail(g, error, "open", path);
  d->log = log_open(fd, size, g->o->fsync, (size_t)g->o->queue, g->o->fail_fast, &g->s->unwritable);
  if (d->log != NULL) return KEVY_OK;
  (void)file_close(fd);
  return directory_fail(g, ENOMEM, "start the log of", d->path);
}

/* ---- the store's side ---- */

static kevy_status directory_publish(kevy_store *s, uint64_t *ticket) {
  effects *e = s->effects;
  bool said = e->said, noted = e->len != 0 || e->lost;
  uint64_t at = 0;
  s->noted = e->said = false;
  if (UNLIKELY(e->lost)) log_break(e->log, ENOMEM, "note");
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
  return true;
}

static void directory_free(struct directory *d) {
  if (d->log != NULL) (void)log_close(d->log);
  if (d->lock >= 0) (void)file_close(d->lock);
  free(d);
}

kevy_status directory_open(kevy_store *s, const char *path, const directory_options *o, char *message, size_t room) {
  struct directory *d = calloc(1, sizeof *d);
  directory_opening g = {s, d, o, message, room};
  if (d == NULL) return directory_fail(&g, ENOMEM, "open", path);
  d->lock = d->next_fd = -1;
  d->fsync = o->fsync;
  d->rewrite_at = o->rewrite_at != 0 ? o->rewrite_at : DIRECTORY_GROWN;
  uint64_t size = 0;
  kevy_status status = KEVY_OK;
  if (strlen(path) + sizeof MANIFEST_DIR + MANIFEST_FILE_NAME + 64 > sizeof d->path) status = directory_fail(&g, ENAMETOOLONG, "open", path);
  else snprintf(d->path, sizeof d->path, "%s", path);
  if (status == KEVY_OK) status = directory_make(&g);
  if (status == KEVY_OK) status = directory_load(&g, &size);
  if (status == KEVY_OK) status = directory_start_log(&g, size);
  if (status == KEVY_OK && !directory_attach(s, d)) status = directory_fail(&g, ENOMEM, "open", path);
  if (status != KEVY_OK) directory_free(d);
  return status;
}

struct directory *directory_of(const kevy_store *s) { return s->effects != NULL ? s->effects->directory : NULL; }
const directory_report *directory_reported(const struct directory *d) { return &d->report; }
logfile *directory_log(const struct directory *d) { return d->log; }
log_fsync directory_fsync(const struct directory *d) { return d->fsync; }

const char *directory_path(const struct directory *d) { return d->path; }

/* ---- rewriting: the helper ---- */

static void directory_remove(const struct directory *d, const char *name) {
  char path[MANIFEST_PATH];
  manifest_path(d->path, name, path);
  (void)file_remove(path);
}

/* The next file, named in the manifest unless it is to mend a broken log. */
static int directory_prepare(struct directory *d) {
  d->next = manifest_next_incr(&d->files);
  int error = d->files.count < MANIFEST_FILES ? directory_make_incr(d, &d->next, &d->next_fd) : EMFILE;
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
  rdb_outcome o = rdb_save(d->frozen->frozen, path, RDB_LOG_BASE, NULL);
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
  atomic_store(&d->state, REWRITE_IDLE);
}

/* The moment: a snapshot, and the log goes on in the new file. */
static void directory_take(kevy_store *s, struct directory *d) {
  pthread_join(d->helper, NULL);
  const char *step;
  bool broken = log_broken(d->log, &step) != 0;
  int fd = d->next_fd;
  if (broken != d->mending || (d->frozen = store_freeze(s)) == NULL || (broken && !log_restart(d->log, fd))) {
    (void)file_close(fd);
    directory_end(d, broken ? EIO : EAGAIN);
    return;
  }
  if (!broken) log_turn(d->log, fd);
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

static bool directory_grown(const struct directory *d) {
  uint64_t bytes = d->older_bytes + log_size(d->log);
  return bytes >= d->rewrite_at && bytes / 2 >= d->base_bytes / 2;
}

static void directory_start(struct directory *d, bool mending) {
  if (clock_read_ms(CLOCK_MONOTONIC) < d->retry_at) return;
  d->mending = mending;
  d->wanted = false;
  if (!directory_spawn(d, REWRITE_PREPARING)) directory_end(d, EAGAIN);
}

void directory_step(kevy_store *s) {
  struct directory *d = s->effects->directory;
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
  int error = log_close(d->log);
  d->log = NULL;
  directory_free(d);
  effect_free(s->effects);
  s->effects = NULL;
  return error;
}

/* Threads are gone, and what they held with them: memory of theirs stays. */
void directory_abandon(kevy_store *s) {
  struct directory *d = s->effects->directory;
  log_abandon(d->log);
  (void)close(d->lock);
  if (d->next_fd >= 0) (void)close(d->next_fd);
  effect_free(s->effects);
  s->effects = NULL;
}
