/* recovery: what opening a directory does: its lock, its base, and the incremental files done again, which may end torn. directory.h tells
 * what of it is promised.
 *
 * What may not be written is opened to be read: the first step that the system denies (no right to write, a read-only file system) is
 * remembered, and from there on nothing is made, cut, renamed or removed. A torn end then stays where it is, and is not read.
 *
 * Only directory.c includes this. */
#ifndef KEVY_RECOVERY_H
#define KEVY_RECOVERY_H

#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>

#include "directory.h"

struct directory {
  char path[PATH_MAX];
  int lock;
  logfile *log;
  log_fsync fsync;
  int denied;             /* why it cannot be written, an errno: the store is read-only, and there is no log; 0: it can */
  manifest files;         /* the helper's while one runs, else the owner's */
  uint64_t base_bytes;    /* of the base */
  uint64_t older_bytes;   /* of the incremental files but the last */
  uint64_t rewrite_at, percentage; /* of incremental files: bytes, and of the base; percentage 0: never */
  uint64_t grown_at;      /* bytes from which both hold */
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

/* A directory that is being opened under a store, and where to say what is wrong. */
typedef struct recovery {
  kevy_store *s;
  struct directory *d;
  const directory_options *o;
  char *message;
  size_t room;
  uint64_t told, total; /* bytes read, of how many: what progress is told */
  uint64_t next;        /* when it is told again */
} recovery;

/* Locks the directory and fills the store. size: of the last incremental file. */
kevy_status recovery_run(recovery *g, uint64_t *size);

/* Explains an errno: KEVY_EDURABILITY or KEVY_EOOM. */
kevy_status recovery_fail(const recovery *g, int error, const char *step, const char *name);

/* Whether an error says that the directory may only be read, which is remembered. */
bool recovery_denied(const recovery *g, int error);

/* Makes an incremental file, empty and named nowhere yet. 0 or an errno. */
int recovery_make_incr(const struct directory *d, const manifest_file *f, int *fd);

#endif
