/* file: see file.h. */
#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define FILE_PIECE ((size_t)1 << 30) /* what one read or write is asked for at most */

static struct {
  _Atomic unsigned operations;
  _Atomic uint64_t calls, nth;
  _Atomic bool on;
  _Atomic int error;
  _Atomic unsigned sync_ms;
} file_fault;

void file_fail(unsigned operations, uint64_t nth, bool on, int error) {
  file_fault.operations = 0;
  file_fault.calls = 0;
  file_fault.nth = nth;
  file_fault.on = on;
  file_fault.error = error;
  file_fault.operations = operations;
}

uint64_t file_calls(void) { return file_fault.calls; }

void file_slow_sync(unsigned ms) { file_fault.sync_ms = ms; }

/* Whether this call is one to fail. */
static bool file_fails(unsigned operation) {
  if (!(atomic_load_explicit(&file_fault.operations, memory_order_relaxed) & operation)) return false;
  uint64_t call = atomic_fetch_add(&file_fault.calls, 1) + 1, nth = file_fault.nth;
  return nth != 0 && (call == nth || (call > nth && file_fault.on));
}
/* ... and its error, 0 where it is only to be short. */
static int file_fault_error(unsigned operation) { return file_fails(operation) ? file_fault.error : 0; }

int file_open(const char *path, int flags, mode_t mode, int *fd) {
  int error = file_fault_error((flags & O_ACCMODE) == O_RDONLY ? FILE_OPEN : FILE_OPEN | FILE_OPEN_WRITE);
  if (error != 0) return error;
  do *fd = open(path, flags | O_CLOEXEC, mode);
  while (*fd < 0 && errno == EINTR);
  return *fd < 0 ? errno : 0;
}

int file_writable(const char *path) {
  int error = file_fault_error(FILE_OPEN | FILE_OPEN_WRITE);
  if (error != 0) return error;
  return access(path, W_OK) != 0 ? errno : 0;
}

/* The descriptor is gone, whatever close says. */
int file_close(int fd) {
  int error = close(fd) != 0 && errno != EINTR ? errno : 0, fault = file_fault_error(FILE_CLOSE);
  return fault != 0 ? fault : error;
}

static int file_write_some(int fd, const char *at, size_t len, size_t *done) {
  int fault = 0;
  if (len > FILE_PIECE) len = FILE_PIECE;
  if (file_fails(FILE_WRITE)) {
    fault = file_fault.error;
    if (len > 1) len /= 2;
  }
  ssize_t n = write(fd, at, len);
  *done = n > 0 ? (size_t)n : 0;
  if (fault != 0) return fault;
  return n < 0 && errno != EINTR ? errno : 0;
}

int file_write(int fd, const void *bytes, size_t len) {
  for (const char *at = bytes; len != 0;) {
    size_t done;
    int error = file_write_some(fd, at, len, &done);
    if (error != 0) return error;
    at += done;
    len -= done;
  }
  return 0;
}

int file_read(int fd, void *bytes, size_t len, size_t *got) {
  *got = 0;
  while (*got < len) {
    size_t want = len - *got;
    if (file_fails(FILE_READ)) {
      if (file_fault.error != 0) return file_fault.error;
      want = (want + 1) / 2;
    }
    ssize_t n = read(fd, (char *)bytes + *got, want < FILE_PIECE ? want : FILE_PIECE);
    if (n < 0 && errno != EINTR) return errno;
    if (n == 0) return 0;
    if (n > 0) *got += (size_t)n;
  }
  return 0;
}

int file_size(int fd, uint64_t *size) {
  struct stat st;
  int error = file_fault_error(FILE_TRUNCATE);
  if (error != 0) return error;
  if (fstat(fd, &st) != 0) return errno;
  *size = (uint64_t)st.st_size;
  return 0;
}

int file_truncate(int fd, uint64_t size) {
  int error = file_fault_error(FILE_TRUNCATE);
  if (error != 0) return error;
  while (ftruncate(fd, (off_t)size) != 0)
    if (errno != EINTR) return errno;
  return 0;
}

/* SYNC_FILE_RANGE_WRITE, which is not named without _GNU_SOURCE. */
void file_begin_sync(int fd, uint64_t from, uint64_t len) {
#ifdef SYS_sync_file_range
  (void)syscall(SYS_sync_file_range, fd, (off_t)from, (off_t)len, 2u);
#else
  (void)fd, (void)from, (void)len;
#endif
}

int file_sync(int fd) {
  int error = file_fault_error(FILE_SYNC);
  unsigned slow = atomic_load_explicit(&file_fault.sync_ms, memory_order_relaxed);
  if (error != 0) return error;
  if (slow != 0) (void)poll(NULL, 0, (int)slow);
  while (fdatasync(fd) != 0)
    if (errno != EINTR) return errno;
  return 0;
}

/* Directories that cannot be synced as such (some network file systems) are taken as they are. */
int file_sync_directory(const char *path) {
  char directory[PATH_MAX];
  const char *slash = strrchr(path, '/');
  size_t len = slash == NULL ? 0 : slash == path ? 1 : (size_t)(slash - path);
  if (len >= sizeof directory) return ENAMETOOLONG;
  snprintf(directory, sizeof directory, "%.*s", len != 0 ? (int)len : 1, len != 0 ? path : ".");
  int fd, error = file_open(directory, O_RDONLY | O_DIRECTORY, 0, &fd);
  if (error != 0) return error;
  error = file_fault_error(FILE_SYNC);
  while (error == 0 && fsync(fd) != 0)
    if (errno != EINTR) error = errno == EINVAL || errno == EROFS ? -1 : errno;
  close(fd);
  return error < 0 ? 0 : error;
}

int file_rename(const char *from, const char *to) {
  int error = file_fault_error(FILE_RENAME);
  if (error != 0) return error;
  return rename(from, to) != 0 ? errno : 0;
}

int file_remove(const char *path) {
  int error = file_fault_error(FILE_REMOVE);
  if (error != 0) return error;
  return unlink(path) != 0 ? errno : 0;
}

int file_make_directory(const char *path) {
  int error = file_fault_error(FILE_MAKE);
  if (error != 0) return error;
  return mkdir(path, 0777) != 0 ? errno : 0;
}
