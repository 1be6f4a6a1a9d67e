/* manifest: which files a directory's append-only log consists of, as redis-server 7.0 keeps it.
 *
 *     DIR/kevy.lock                                        held by the process that has the store open
 *     DIR/appendonlydir/appendonly.aof.manifest            file NAME seq N type b|h|i, a line a file
 *                       appendonly.aof.3.base.rdb          type b: everything up to some moment
 *                       appendonly.aof.5.incr.aof          type i: what was written since, in order
 *
 * Files of type h are of the past and may go. The manifest is replaced as a whole (written beside, synced, renamed), so that it always
 * names files that belong together. */
#ifndef KEVY_MANIFEST_H
#define KEVY_MANIFEST_H

#include "../base.h"

#define MANIFEST_DIR "appendonlydir"
#define MANIFEST_NAME "appendonly.aof"
#define MANIFEST_FILES 64 /* incremental files there may be */
#define MANIFEST_FILE_NAME 96

typedef struct manifest_file {
  char name[MANIFEST_FILE_NAME];
  uint64_t seq;
} manifest_file;

typedef struct manifest {
  bool based;
  manifest_file base;
  size_t count;
  manifest_file incr[MANIFEST_FILES];
} manifest;

/* Reads DIR's manifest. 0, ENOENT: there is none, EINVAL: it is not one; another errno. */
int manifest_read(const char *dir, manifest *m);

/* Replaces it. *placed: the new one is there, even where an error follows, since it may not survive a power cut. May be NULL. */
int manifest_write(const char *dir, const manifest *m, bool *placed);

/* The path of one of the files, of length 0 when it is too long. */
#define MANIFEST_PATH 4096
void manifest_path(const char *dir, const char *name, char path[MANIFEST_PATH]);

/* Names for the next base and the next incremental file. */
manifest_file manifest_next_base(const manifest *m);
manifest_file manifest_next_incr(const manifest *m);

#endif
