/* recovery: see recovery.h. */
#include "recovery.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include "../database.h"
#include "file.h"
#include "log_read.h"
#include "rdb_read.h"

#define RECOVERY_LOCK "kevy.lock"

/* ---- messages ---- */

kevy_status recovery_fail(const recovery *g, int error, const char *step, const char *name) {
  snprintf(g->message, g->room, "cannot %s: %s: %s", step, strerror(error), name);
  return error == ENOMEM ? KEVY_EOOM : KEVY_EDURABILITY;
}

static kevy_status recovery_corrupt(const recovery *g, const char *name, uint64_t offset, const char *what) {
  snprintf(g->message, g->room, "corrupt file: %s at offset %" PRIu64 ": %s", name, offset, what);
  return KEVY_ECORRUPT;
}

/* ---- the directory and its lock ---- */

bool recovery_denied(const recovery *g, int error) {
  if (error != EACCES && error != EPERM && error != EROFS) return false;
  if (g->d->denied == 0) g->d->denied = error;
  return true;
}

static kevy_status recovery_flock(const recovery *g, int how, const char *path) {
  if (flock(g->d->lock, how | LOCK_NB) == 0) return KEVY_OK;
  if (errno != EWOULDBLOCK) return recovery_fail(g, errno, "lock", path);
  snprintf(g->message, g->room, "another process, or another store of this one, has %s open", g->d->path);
  return KEVY_EDURABILITY;
}

/* Readers share the lock. Where there is no file of it, nobody has ever written here. */
static kevy_status recovery_lock_shared(const recovery *g, const char *path) {
  int error = file_open(path, O_RDONLY, 0, &g->d->lock);
  if (error == ENOENT) g->d->lock = -1;
  if (error == ENOENT) return KEVY_OK;
  return error == 0 ? recovery_flock(g, LOCK_SH, path) : recovery_fail(g, error, "open", path);
}

static kevy_status recovery_lock(const recovery *g) {
  char path[PATH_MAX + sizeof RECOVERY_LOCK + 1];
  snprintf(path, sizeof path, "%s/" RECOVERY_LOCK, g->d->path);
  int error = g->d->denied != 0 ? g->d->denied : file_open(path, O_RDWR | O_CREAT, 0666, &g->d->lock);
  if (error == 0) return recovery_flock(g, LOCK_EX, path);
  return recovery_denied(g, error) ? recovery_lock_shared(g, path) : recovery_fail(g, error, "open", path);
}

/* Makes a directory, unless it is there or nothing can be made. */
static kevy_status recovery_make_one(const recovery *g, const char *path) {
  int error = g->d->denied == 0 ? file_make_directory(path) : 0;
  return error == 0 || error == EEXIST || recovery_denied(g, error) ? KEVY_OK : recovery_fail(g, error, "make", path);
}

static kevy_status recovery_make(const recovery *g) {
  char path[PATH_MAX + sizeof MANIFEST_DIR + 1];
  snprintf(path, sizeof path, "%s/" MANIFEST_DIR, g->d->path);
  kevy_status status = recovery_make_one(g, g->d->path);
  if (status == KEVY_OK) status = recovery_lock(g);
  if (status == KEVY_OK) status = recovery_make_one(g, path);
  if (status != KEVY_OK || g->d->denied != 0) return status;
  int error = file_writable(path);
  return error == 0 || recovery_denied(g, error) ? KEVY_OK : recovery_fail(g, error, "write to", path);
}

/* ---- progress ---- */

#define RECOVERY_TOLD ((uint64_t)1 << 20) /* bytes from one time to the next */

static uint64_t recovery_size_of(const recovery *g, const char *name) {
  char path[MANIFEST_PATH];
  uint64_t size = 0;
  int fd;
  manifest_path(g->d->path, name, path);
  if (file_open(path, O_RDONLY, 0, &fd) != 0) return 0;
  (void)file_size(fd, &size);
  (void)file_close(fd);
  return size;
}

static void recovery_measure(recovery *g) {
  const manifest *m = &g->d->files;
  if (g->o->progress == NULL) return;
  g->next = RECOVERY_TOLD;
  if (m->based) g->total += recovery_size_of(g, m->base.name);
  for (size_t i = 0; i < m->count; i++) g->total += recovery_size_of(g, m->incr[i].name);
}

/* So many bytes of the file at hand are read. False: the caller wants no more, or has forked and is the child. */
static bool recovery_tell(recovery *g, uint64_t bytes, uint64_t keys, bool last) {
  uint64_t done = g->told + bytes;
  if (last) g->told = done;
  if (g->o->progress == NULL || (!last && done < g->next)) return true;
  g->next = done + RECOVERY_TOLD;
  return g->o->progress(g->o->progress_context, done, done > g->total ? done : g->total, keys) == 0 && !g->s->closed;
}

static kevy_status recovery_cancelled(const recovery *g) {
  snprintf(g->message, g->room, "the opening of %s was ended by its caller", g->d->path);
  return KEVY_ECANCELLED;
}

/* ---- doing records again ---- */

/* Keeps what is cut off beside the file. */
static int recovery_keep(const char *path, int fd, uint64_t offset, uint64_t size) {
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

/* Takes note of what is not whole, and cuts it off where that is allowed. */
static kevy_status recovery_cut(const recovery *g, const char *name, int fd, uint64_t offset, uint64_t size) {
  char path[MANIFEST_PATH];
  directory_report *r = &g->d->report;
  manifest_path(g->d->path, name, path);
  int error = g->d->denied == 0 ? recovery_keep(path, fd, offset, size) : 0;
  if (error != 0) return recovery_fail(g, error, "keep the torn end of", name);
  if (g->d->denied == 0 && ((error = file_truncate(fd, offset)) != 0 || (error = file_sync(fd)) != 0))
    return recovery_fail(g, error, "cut the torn end off", name);
  r->cut += size - offset;
  r->offset = offset;
  r->left = g->d->denied != 0;
  snprintf(r->file, sizeof r->file, "%s", name);
  return KEVY_OK;
}

/* Reads on to the end of the transaction that begins at the reader's record, and goes back behind that. */
static log_read_result recovery_look_ahead(log_reader *r, uint64_t begin) {
  uint64_t after = log_read_at(r);
  log_read_result got;
  while ((got = log_read_next(r)) == LOG_READ_RECORD && !log_read_is(r, "EXEC")) continue;
  if (got == LOG_READ_END) got = LOG_READ_TORN;
  if (got == LOG_READ_RECORD) log_read_seek(r, after);
  else if (got == LOG_READ_TORN) r->record = begin;
  return got;
}

/* Does the file's records again, up to its end or to what is wrong; r->record is then where that begins. */
static log_read_result recovery_apply(recovery *g, log_reader *r, char *why, size_t room) {
  log_read_result got;
  g->s->replayed = 0; /* a file begins there */
  while ((got = log_read_next(r)) == LOG_READ_RECORD) {
    if (log_read_is(r, "MULTI")) {
      got = recovery_look_ahead(r, r->record);
      if (got != LOG_READ_RECORD) break;
      continue;
    }
    if (log_read_is(r, "EXEC")) continue;
    if (!g->o->apply(g->s, r->argc, r->argv, why, room)) return LOG_READ_CORRUPT;
    g->d->report.records++;
    if (!recovery_tell(g, log_read_at(r), g->s->keys->count, false)) {
      r->error = ECANCELED;
      return LOG_READ_ERROR;
    }
  }
  if (got == LOG_READ_CORRUPT) snprintf(why, room, "%s", r->wrong);
  return got;
}

/* Whether only empty files follow. */
static bool recovery_is_last(const struct directory *d, size_t i) {
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
static kevy_status recovery_set_aside(const recovery *g, size_t i) {
  struct directory *d = g->d;
  for (size_t k = i + 1; k < d->files.count && d->denied == 0; k++) {
    char path[MANIFEST_PATH], aside[MANIFEST_PATH + 8];
    manifest_path(d->path, d->files.incr[k].name, path);
    snprintf(aside, sizeof aside, "%s.torn", path);
    int error = file_rename(path, aside);
    if (error != 0 && error != ENOENT) return recovery_fail(g, error, "rename", path);
  }
  d->files.count = i + 1;
  int error = d->denied == 0 ? manifest_write(d->path, &d->files, NULL) : 0;
  return error == 0 ? KEVY_OK : recovery_fail(g, error, "write", "the manifest");
}

static kevy_status recovery_judge(const recovery *g, size_t i, int fd, const log_reader *r, log_read_result got,
                                   const char *why) {
  const char *name = g->d->files.incr[i].name;
  bool last = recovery_is_last(g->d, i);
  if (got == LOG_READ_ERROR && r->error == ECANCELED) return recovery_cancelled(g);
  if (got == LOG_READ_ERROR) return recovery_fail(g, r->error, "read", name);
  if (got == LOG_READ_TORN && last) return recovery_cut(g, name, fd, r->record, r->size);
  if (!g->o->salvage)
    return recovery_corrupt(g, name, r->record, got == LOG_READ_TORN ? "it ends within a record, but is not the last" : why);
  kevy_status status = recovery_cut(g, name, fd, r->record, r->size);
  return status == KEVY_OK && !last ? recovery_set_aside(g, i) : status;
}

/* To be cut, where that may be. */
static int recovery_open_incr(const recovery *g, const char *path, int *fd) {
  int error = g->d->denied == 0 ? file_open(path, O_RDWR, 0, fd) : g->d->denied;
  return recovery_denied(g, error) ? file_open(path, O_RDONLY, 0, fd) : error;
}

static kevy_status recovery_replay(recovery *g, size_t i, uint64_t *size) {
  char path[MANIFEST_PATH], why[160] = "";
  int fd;
  log_reader r;
  manifest_path(g->d->path, g->d->files.incr[i].name, path);
  int error = recovery_open_incr(g, path, &fd);
  if (error != 0) return recovery_fail(g, error, "open", path);
  kevy_status status = KEVY_OK;
  if ((error = log_read_open(&r, fd)) != 0) status = recovery_fail(g, error, "read", path);
  log_read_result got = status == KEVY_OK ? recovery_apply(g, &r, why, sizeof why) : LOG_READ_END;
  if (got != LOG_READ_END) status = recovery_judge(g, i, fd, &r, got, why);
  *size = got != LOG_READ_END ? r.record : r.size;
  g->d->report.bytes += *size;
  if (status == KEVY_OK && !recovery_tell(g, *size, database_keys(&g->s->sp->db), true)) status = recovery_cancelled(g);
  log_read_close(&r);
  (void)file_close(fd);
  return status;
}

/* ---- the base ---- */

/* A base in RESP is replayed like the rest, but may not be torn. */
static kevy_status recovery_base_log(recovery *g, int fd) {
  char why[160] = "it ends within a record";
  log_reader r;
  int error = log_read_open(&r, fd);
  if (error != 0) return recovery_fail(g, error, "read", g->d->files.base.name);
  log_read_result got = recovery_apply(g, &r, why, sizeof why);
  kevy_status status = KEVY_OK;
  if (got == LOG_READ_ERROR && r.error == ECANCELED) status = recovery_cancelled(g);
  else if (got == LOG_READ_ERROR) status = recovery_fail(g, r.error, "read", g->d->files.base.name);
  else if (got != LOG_READ_END) status = recovery_corrupt(g, g->d->files.base.name, r.record, why);
  log_read_close(&r);
  return status;
}

static kevy_status recovery_base_rdb(recovery *g, int fd) {
  rdb_load load = {.db = RDB_ANY_DB};
  rdb_file *f = rdb_file_new(g->s, &load);
  if (f == NULL) return recovery_fail(g, ENOMEM, "read", g->d->files.base.name);
  rdb_source *in = rdb_file_source(f);
  kevy_status status = rdb_source_file(in, fd);
  if (status == KEVY_OK) status = KEVY_UNMET;
  while (status == KEVY_UNMET && (status = rdb_file_step(f, RECOVERY_TOLD)) == KEVY_UNMET)
    if (!recovery_tell(g, rdb_source_offset(in), rdb_file_keys(f), false)) status = recovery_cancelled(g);
  if (status < 0 && status != KEVY_ECANCELLED) snprintf(g->message, g->room, "%s: %s", g->d->files.base.name, in->why);
  rdb_file_free(f);
  return status;
}

static kevy_status recovery_base(recovery *g) {
  struct directory *d = g->d;
  char path[MANIFEST_PATH], magic[5] = "";
  int fd;
  size_t got;
  if (!d->files.based) return KEVY_OK;
  manifest_path(d->path, d->files.base.name, path);
  int error = file_open(path, O_RDONLY, 0, &fd);
  if (error != 0) return recovery_fail(g, error, "open", path);
  if ((error = file_size(fd, &d->base_bytes)) == 0) error = file_read(fd, magic, sizeof magic, &got);
  if (error == 0 && lseek(fd, 0, SEEK_SET) < 0) error = errno;
  kevy_status status = error != 0                               ? recovery_fail(g, error, "read", path)
                       : memcmp(magic, "REDIS", 5) == 0 ||
                               memcmp(magic, "VALKE", 5) == 0 ? recovery_base_rdb(g, fd)
                                                                : recovery_base_log(g, fd);
  (void)file_close(fd);
  if (status == KEVY_OK && !recovery_tell(g, d->base_bytes, database_keys(&g->s->sp->db), true)) status = recovery_cancelled(g);
  return status;
}

/* ---- all of it ---- */

/* Files of ours that the manifest does not name, left behind by a process that was killed; what was cut off stays. */
static bool recovery_is_stray(const recovery *g, const char *name) {
  const manifest *m = &g->d->files;
  size_t len = strlen(name);
  if (strcmp(name, "temp-" MANIFEST_NAME ".manifest") == 0) return true;
  if (strncmp(name, MANIFEST_NAME ".", sizeof MANIFEST_NAME) != 0 || strstr(name, ".torn") != NULL) return false;
  if (strcmp(name, MANIFEST_NAME ".manifest") == 0 || (m->based && strcmp(name, m->base.name) == 0)) return false;
  for (size_t i = 0; i < m->count; i++)
    if (strcmp(name, m->incr[i].name) == 0) return false;
  return len > 4 && (strcmp(name + len - 4, ".tmp") == 0 || strcmp(name + len - 4, ".aof") == 0 || strcmp(name + len - 4, ".rdb") == 0);
}

static void recovery_tidy(const recovery *g) {
  if (g->d->denied != 0) return;
  char path[PATH_MAX + sizeof MANIFEST_DIR + 1], stray[MANIFEST_PATH];
  snprintf(path, sizeof path, "%s/" MANIFEST_DIR, g->d->path);
  DIR *dir = opendir(path);
  if (dir == NULL) return;
  for (struct dirent *e; (e = readdir(dir)) != NULL;) {
    if (!recovery_is_stray(g, e->d_name)) continue;
    manifest_path(g->d->path, e->d_name, stray);
    (void)file_remove(stray);
  }
  closedir(dir);
}

/* A first incremental file, or one more, empty and named nowhere yet. */
int recovery_make_incr(const struct directory *d, const manifest_file *f, int *fd) {
  char path[MANIFEST_PATH];
  manifest_path(d->path, f->name, path);
  int error = file_open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0666, fd);
  return error != 0 ? error : file_sync_directory(path);
}

static kevy_status recovery_begin(const recovery *g) {
  struct directory *d = g->d;
  int fd;
  manifest_file first = manifest_next_incr(&d->files);
  int error = recovery_make_incr(d, &first, &fd);
  if (error != 0) return recovery_fail(g, error, "make", first.name);
  (void)file_close(fd);
  g->s->replayed = 0;
  d->files.incr[d->files.count++] = first;
  error = manifest_write(d->path, &d->files, NULL);
  return error == 0 ? KEVY_OK : recovery_fail(g, error, "write", "the manifest");
}

static kevy_status recovery_load(recovery *g, uint64_t *size) {
  struct directory *d = g->d;
  int error = manifest_read(d->path, &d->files);
  if (error == ENOENT && d->denied != 0) return recovery_fail(g, d->denied, "make a store in", d->path);
  if (error == EINVAL) return recovery_corrupt(g, MANIFEST_NAME ".manifest", 0, "it is no manifest");
  if (error != 0 && error != ENOENT) return recovery_fail(g, error, "read", "the manifest");
  recovery_measure(g);
  kevy_status status = recovery_base(g);
  for (size_t i = 0; status == KEVY_OK && i < d->files.count; i++) {
    d->older_bytes += *size;
    status = recovery_replay(g, i, size);
  }
  if (status == KEVY_OK) recovery_tidy(g);
  return status == KEVY_OK && d->files.count == 0 && d->denied == 0 ? recovery_begin(g) : status;
}

kevy_status recovery_run(recovery *g, uint64_t *size) {
  kevy_status status = recovery_make(g);
  return status == KEVY_OK ? recovery_load(g, size) : status;
}
