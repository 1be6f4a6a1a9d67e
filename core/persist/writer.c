/* writer: see writer.h. */
#include "writer.h"

#include <errno.h>
#include <stdlib.h>

#include "crc64.h"
#include "file.h"

#define WRITER_FILE ((size_t)256 * 1024) /* of the buffer; and a piece small enough to stay in the cache */
#define WRITER_SYNC ((uint64_t)8 << 20)  /* bytes after which the disk may begin */
#define WRITER_MEMORY ((size_t)2 * WRITER_ROOM)

bool writer_open(writer *w, int fd) {
  memset(w, 0, sizeof *w);
  w->fd = fd;
  w->room = fd >= 0 ? WRITER_FILE : WRITER_MEMORY;
  w->buf = malloc(w->room);
  return w->buf != NULL;
}

void writer_close(writer *w) {
  free(w->buf);
  w->buf = NULL;
}

/* Bytes that leave for the file. */
static void writer_send(writer *w, const void *bytes, size_t len) {
  if (w->error != 0) return;
  w->crc = crc64(w->crc, bytes, len);
  w->error = file_write(w->fd, bytes, len);
  w->done += len;
  if (w->done - w->begun < WRITER_SYNC) return;
  file_begin_sync(w->fd, w->begun, w->done - w->begun);
  w->begun = w->done;
}

void writer_flush(writer *w) {
  if (w->fd >= 0) {
    writer_send(w, w->buf, w->len);
    w->len = 0;
  } else {
    w->crc = crc64(w->crc, w->buf + w->done, w->len - w->done);
    w->done = w->len;
  }
}

/* Makes the string hold `more` bytes more; by half at least, so that growing costs each byte a constant. */
static void writer_grow(writer *w, size_t more) {
  size_t room = w->len + more > w->room + w->room / 2 ? w->len + more : w->room + w->room / 2;
  char *buf = room >= w->len && w->error == 0 ? realloc(w->buf, room) : NULL;
  if (buf != NULL) {
    w->buf = buf;
    w->room = room;
    return;
  }
  w->error = ENOMEM;
  w->len = w->done = 0; /* room for WRITER_ROOM there is always */
}

void writer_make_room(writer *w) {
  if (w->fd >= 0) writer_flush(w);
  else writer_grow(w, WRITER_ROOM);
}

void writer_put(writer *w, const void *bytes, size_t len) {
  if (len > w->room - w->len && w->fd < 0) {
    writer_grow(w, len);
    if (w->error != 0) return;
  }
  if (len > w->room - w->len) {
    writer_flush(w);
    const char *at = bytes;
    for (; len > WRITER_FILE; at += WRITER_FILE, len -= WRITER_FILE) writer_send(w, at, WRITER_FILE);
    bytes = at;
  }
  if (len != 0) memcpy(w->buf + w->len, bytes, len);
  w->len += len;
}

uint64_t writer_sum(writer *w) {
  writer_flush(w);
  return w->crc;
}
