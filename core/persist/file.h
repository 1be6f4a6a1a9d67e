/* file: the only door to the file system. All of persistence reads, writes, syncs, renames and removes through here, so that
 * a test can make any of these calls fail, one after the other.
 *
 * Every function returns 0 or an errno. Calls that a signal interrupted are made again; short reads and writes are gone on
 * with. Any thread. */
#ifndef KEVY_FILE_H
#define KEVY_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* flags and mode as of open(2); O_CLOEXEC is added. */
int file_open(const char *path, int flags, mode_t mode, int *fd);
int file_close(int fd);

/* 0 where this process may write the file, or make files in the directory; else why not. */
int file_writable(const char *path);

/* All of it, or an error. */
int file_write(int fd, const void *bytes, size_t len);
/* At most len bytes; *got is less only at the end of the file. */
int file_read(int fd, void *bytes, size_t len, size_t *got);
int file_size(int fd, uint64_t *size);
int file_truncate(int fd, uint64_t size);

/* Lets the system begin to write these bytes of the file to the disk, so that file_sync waits less. Never fails. */
void file_begin_sync(int fd, uint64_t from, uint64_t len);

/* Makes what was written last (fdatasync). */
int file_sync(int fd);
/* Makes last what happened to the names in the directory that holds this path. */
int file_sync_directory(const char *path);

int file_rename(const char *from, const char *to);
int file_remove(const char *path);
int file_make_directory(const char *path); /* mode 0777 less umask; EEXIST where it is there already */

/* ---- For tests ---- */

enum {
  FILE_OPEN = 1,
  FILE_CLOSE = 2,
  FILE_WRITE = 4,
  FILE_READ = 8,
  FILE_SYNC = 16, /* directories included */
  FILE_RENAME = 32,
  FILE_REMOVE = 64,
  FILE_TRUNCATE = 128, /* and sizes */
  FILE_MAKE = 256,
  FILE_ANY = 511,
  FILE_OPEN_WRITE = 512, /* of FILE_OPEN, those to write */
  FILE_CHANGE = FILE_OPEN_WRITE | FILE_WRITE | FILE_SYNC | FILE_RENAME | FILE_REMOVE | FILE_MAKE /* what a read-only file system refuses */
};

/* From now on calls of these operations are counted, from 1; the nth one fails with this errno, and with `on` all
 * after it, too; nth 0: none. A failing write writes half of what it was to write first. errno 0: it is short instead (writes, reads).
 * Process-wide. */
void file_fail(unsigned operations, uint64_t nth, bool on, int error);
/* Calls counted since. */
uint64_t file_calls(void);
/* From now on file_sync takes so many milliseconds longer. Process-wide. */
void file_slow_sync(unsigned ms);

#endif
