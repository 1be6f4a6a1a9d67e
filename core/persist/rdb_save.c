/* rdb_save: a file that is there whole or not at all: written beside its place, synced, and renamed into it. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "file.h"
#include "rdb_write.h"

#define RDB_SUFFIX 48 /* room for what a temporary file's name has more */

static _Atomic uint64_t rdb_saves; /* tells temporary files of one process apart */

/* A new file beside path; what an earlier process of this number left behind is passed over. */
static int rdb_save_open(const char *path, char *temporary, int *fd) {
  for (;;) {
    uint64_t n = atomic_fetch_add(&rdb_saves, 1);
    snprintf(temporary, strlen(path) + RDB_SUFFIX, "%s.%ld-%llu.tmp", path, (long)getpid(), (unsigned long long)n);
    int error = file_open(temporary, O_WRONLY | O_CREAT | O_EXCL, 0666, fd);
    if (error != EEXIST) return error;
  }
}

static rdb_outcome rdb_save_write(const kevy_store *snapshot, int fd, uint32_t flags, _Atomic uint64_t *keys) {
  writer w;
  if (!writer_open(&w, fd)) return (rdb_outcome){ENOMEM, "write"};
  if (!rdb_write(&w, snapshot, flags, keys)) w.error = ENOMEM;
  writer_close(&w);
  if (w.error != 0) return (rdb_outcome){w.error, "write"};
  return (rdb_outcome){file_sync(fd), "sync"};
}

static rdb_outcome rdb_save_beside(const kevy_store *snapshot, const char *path, char *temporary, uint32_t flags,
                                   _Atomic uint64_t *keys) {
  int fd, error = rdb_save_open(path, temporary, &fd);
  if (error != 0) return (rdb_outcome){error, "create"};
  rdb_outcome o = rdb_save_write(snapshot, fd, flags, keys);
  error = file_close(fd);
  if (o.error == 0) o = (rdb_outcome){error, "close"};
  if (o.error == 0) o = (rdb_outcome){file_rename(temporary, path), "rename"};
  if (o.error != 0) (void)file_remove(temporary);
  else o = (rdb_outcome){file_sync_directory(path), "sync the directory of"};
  return o;
}

rdb_outcome rdb_save(const kevy_store *snapshot, const char *path, uint32_t flags, _Atomic uint64_t *keys) {
  char *temporary = malloc(strlen(path) + RDB_SUFFIX);
  if (temporary == NULL) return (rdb_outcome){ENOMEM, "create"};
  rdb_outcome o = rdb_save_beside(snapshot, path, temporary, flags, keys);
  free(temporary);
  return o;
}
