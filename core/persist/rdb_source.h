/* rdb_source: the bytes of an RDB file as they are read: lengths, strings, numbers, each checked against what is
 * there.
 *
 * A source is a descriptor, read through a buffer, or memory. What a string lends is good until the next call that
 * reads. A buffer grows to hold what is asked for, but never beyond what the file still has; a compressed string gets
 * memory only where its compressed bytes can be that long. So a small file asks for little memory, whatever it says.
 *
 * A read that fails returns a status below 0 and notes why and where: the offset of the item that was being read.
 * After that nothing more may be read. One thread at a time. */
#ifndef KEVY_RDB_SOURCE_H
#define KEVY_RDB_SOURCE_H

#include "rdb.h"

#define RDB_SOURCE_BUFFER ((size_t)256 << 10)

typedef struct rdb_source {
  const char *at, *end;   /* bytes at hand, not read yet */
  uint64_t behind;        /* offset in the file of `end` */
  uint64_t item;          /* offset of the item being read */
  uint64_t size;          /* of the whole file; UINT64_MAX: not known */
  int fd;                 /* -1: memory */
  bool over;              /* the descriptor has no more */
  bool summing;
  uint64_t sum;           /* the checksum up to `summed` */
  const char *summed;
  char *buffer, *plain;   /* the bytes at hand; a string that was unpacked */
  size_t capacity, plain_capacity;
  char digits[24];
  kevy_status status;     /* of the read that failed */
  char why[144];
} rdb_source;

/* Reads memory, which stays the caller's. */
void rdb_source_memory(rdb_source *in, const char *bytes, size_t len);
/* Reads a descriptor, which stays the caller's. KEVY_EOOM, KEVY_EIO. */
kevy_status rdb_source_file(rdb_source *in, int fd);
void rdb_source_close(rdb_source *in);

/* Begins to sum what is read from here on; the checksum of what has been read since. */
void rdb_source_sum(rdb_source *in);
uint64_t rdb_source_summed(rdb_source *in);

/* Offset of what is read next. */
static inline uint64_t rdb_source_offset(const rdb_source *in) { return in->behind - (uint64_t)(in->end - in->at); }

/* Fails as a corrupt file, at the item at hand; notes the first reason only. */
__attribute__((format(printf, 2, 3))) kevy_status rdb_corrupt(rdb_source *in, const char *format, ...);
/* Fails with another status. */
__attribute__((format(printf, 3, 4))) kevy_status rdb_source_fail(rdb_source *in, kevy_status status,
                                                                  const char *format, ...);

/* The next len bytes, lent. */
kevy_status rdb_bytes_slow(rdb_source *in, size_t len, const char **out);
static inline kevy_status rdb_bytes(rdb_source *in, size_t len, const char **out) {
  if (UNLIKELY((size_t)(in->end - in->at) < len)) return rdb_bytes_slow(in, len, out);
  *out = in->at;
  in->at += len;
  return KEVY_OK;
}

/* That no commands follow. Other bytes behind a file's end are passed over, as Redis does: what came through a
 * replication stream has a mark there. */
kevy_status rdb_end(rdb_source *in);

/* One byte: an op or a type. Begins an item. */
static inline kevy_status rdb_byte(rdb_source *in, uint8_t *out) {
  const char *p;
  in->item = rdb_source_offset(in);
  kevy_status status = rdb_bytes(in, 1, &p);
  if (LIKELY(status == KEVY_OK)) *out = (uint8_t)*p;
  return status;
}

/* Little-endian numbers. Begin an item. */
kevy_status rdb_u64(rdb_source *in, uint64_t *out);
kevy_status rdb_u32(rdb_source *in, uint32_t *out);

/* A length, or a number kept as one. Begins an item. */
kevy_status rdb_length(rdb_source *in, uint64_t *out);

/* A string: bytes, lent; or, where the file keeps it so, an int (KEVY_INT), which means its digits. At most
 * KEVY_MAX_LEN long. Begins an item. */
kevy_status rdb_string(rdb_source *in, kevy_value *out);
/* The same, as bytes always. */
kevy_status rdb_string_bytes(rdb_source *in, const char **ptr, size_t *len);

#endif
