/* log_read: reading an append-only file record by record: Redis commands in RESP, and the annotation lines of effect.h.
 *
 * What is read may be anything: a length is believed only where that many bytes follow. A file that ends within a record is
 * torn, which a crash does; zeros up to the end, as a file system leaves behind when power fails, are such an end, too. Any
 * other byte that does not belong is corruption. */
#ifndef KEVY_LOG_READ_H
#define KEVY_LOG_READ_H

#include "../base.h"
#include "../kevy_types.h"

typedef enum log_read_result { LOG_READ_RECORD, LOG_READ_END, LOG_READ_TORN, LOG_READ_CORRUPT, LOG_READ_ERROR } log_read_result;

typedef struct log_bytes {
  char *bytes;
  size_t len, room;
} log_bytes;

typedef struct log_reader {
  int fd;          /* -1: from memory */
  uint64_t size;   /* of the file */
  uint64_t offset; /* of buffer[0] in the file */
  log_bytes buffer;
  const char *memory; /* what is read instead of a file */
  size_t at;       /* where in the buffer the next record begins */
  uint64_t record; /* offset of the record read last, its annotations included; where a torn or corrupt one begins */
  size_t argc;
  kevy_value *argv; /* of that record, in their kinds; borrowed until the next call */
  size_t argv_room;
  log_bytes kinds, hidden;
  int error;       /* of LOG_READ_ERROR: an errno */
  const char *wrong; /* of LOG_READ_CORRUPT: what */
} log_reader;

/* Reads a file from its beginning; the descriptor stays the caller's. 0 or an errno. */
int log_read_open(log_reader *r, int fd);

/* Reads bytes that stay where they are. */
void log_read_open_bytes(log_reader *r, const char *bytes, size_t len);

/* The next record. */
log_read_result log_read_next(log_reader *r);

/* Goes to an offset where a record begins. */
void log_read_seek(log_reader *r, uint64_t offset);

/* Where the next record begins. */
static inline uint64_t log_read_at(const log_reader *r) { return r->offset + r->at; }

void log_read_close(log_reader *r);

/* Whether the record is this command, alone. */
bool log_read_is(const log_reader *r, const char *word);

#endif
