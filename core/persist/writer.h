/* writer: a buffer in front of a file, or a string in memory that grows; it sums up (crc64) what goes through.
 *
 * An error is remembered, and what is written after it goes nowhere: who writes asks once, at the end. One thread at a
 * time. */
#ifndef KEVY_WRITER_H
#define KEVY_WRITER_H

#include "../base.h"

#define WRITER_ROOM 4096 /* bytes that writer_room gives at most */

typedef struct writer {
  char *buf;
  size_t len, room;
  int fd;        /* -1: memory */
  int error;     /* errno of the first failure; 0 */
  uint64_t done; /* bytes that left the buffer */
  uint64_t begun; /* of these, on their way to the disk */
  uint64_t crc;  /* of them */
} writer;

/* To a file that is open for writing, or to memory. False: no memory. */
bool writer_open(writer *w, int fd);

/* Frees the buffer. The file stays open. */
void writer_close(writer *w);

/* Gives what is in the buffer to the file, and sums it up. Of one in memory, only the latter. */
void writer_flush(writer *w);

void writer_make_room(writer *w);

/* Where the next bytes go: at most WRITER_ROOM; writer_commit with the first byte not written. */
static inline char *writer_room(writer *w) {
  if (UNLIKELY(w->room - w->len < WRITER_ROOM)) writer_make_room(w);
  return w->buf + w->len;
}
static inline void writer_commit(writer *w, const char *end) { w->len = (size_t)(end - w->buf); }

/* Any number of bytes, copied through the buffer only when they are few. */
void writer_put(writer *w, const void *bytes, size_t len);

/* The sum of all that was written so far. */
uint64_t writer_sum(writer *w);

#endif
