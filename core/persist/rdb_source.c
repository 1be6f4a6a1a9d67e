/* rdb_source: see rdb_source.h. */
#include "rdb_source.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "../number.h"
#include "crc64.h"
#include "file.h"
#include "lzf.h"

/* ---- opening ---- */

void rdb_source_memory(rdb_source *in, const char *bytes, size_t len) {
  memset(in, 0, sizeof *in);
  in->at = bytes;
  in->end = bytes + len;
  in->behind = in->size = len;
  in->fd = -1;
  in->over = true;
}

kevy_status rdb_source_file(rdb_source *in, int fd) {
  memset(in, 0, sizeof *in);
  in->fd = fd;
  int error = file_size(fd, &in->size);
  if (error != 0) return rdb_source_fail(in, KEVY_EIO, "%s", strerror(error));
  if (in->size == 0) in->size = UINT64_MAX; /* a pipe, or a file that the system makes up as it is read */
  in->capacity = in->size < RDB_SOURCE_BUFFER ? (size_t)in->size : RDB_SOURCE_BUFFER;
  in->buffer = malloc(in->capacity);
  if (in->buffer == NULL) return rdb_source_fail(in, KEVY_EOOM, "no memory to read with");
  in->at = in->end = in->buffer;
  return KEVY_OK;
}

void rdb_source_close(rdb_source *in) {
  free(in->buffer);
  free(in->plain);
  in->buffer = in->plain = NULL;
}

/* ---- failing ---- */

static kevy_status rdb_source_note(rdb_source *in, kevy_status status, const char *format, va_list args) {
  if (in->status != KEVY_OK) return in->status;
  in->status = status;
  int n = 0;
  if (status == KEVY_ECORRUPT)
    n = snprintf(in->why, sizeof in->why, "at offset %llu: ", (unsigned long long)in->item);
  vsnprintf(in->why + n, sizeof in->why - (size_t)n, format, args);
  return status;
}

kevy_status rdb_source_fail(rdb_source *in, kevy_status status, const char *format, ...) {
  va_list args;
  va_start(args, format);
  status = rdb_source_note(in, status, format, args);
  va_end(args);
  return status;
}

kevy_status rdb_corrupt(rdb_source *in, const char *format, ...) {
  va_list args;
  va_start(args, format);
  kevy_status status = rdb_source_note(in, KEVY_ECORRUPT, format, args);
  va_end(args);
  return status;
}

/* ---- the checksum: taken when bytes leave the buffer, many at a time ---- */

void rdb_source_sum(rdb_source *in) {
  in->summing = true;
  in->sum = 0;
  in->summed = in->at;
}

uint64_t rdb_source_summed(rdb_source *in) {
  if (in->summing) in->sum = crc64(in->sum, in->summed, (size_t)(in->at - in->summed));
  in->summed = in->at;
  return in->sum;
}

/* ---- the buffer ---- */

/* Moves what is at hand to the front of a buffer that holds len bytes. */
static kevy_status rdb_source_make_room(rdb_source *in, size_t len) {
  rdb_source_summed(in);
  size_t have = (size_t)(in->end - in->at);
  if (in->capacity < len) {
    char *larger = malloc(len);
    if (larger == NULL) return rdb_source_fail(in, KEVY_EOOM, "no memory to read %zu bytes", len);
    memcpy(larger, in->at, have);
    free(in->buffer);
    in->buffer = larger;
    in->capacity = len;
  } else if (have != 0) {
    memmove(in->buffer, in->at, have);
  }
  in->at = in->summed = in->buffer;
  in->end = in->buffer + have;
  return KEVY_OK;
}

static kevy_status rdb_source_fill(rdb_source *in) {
  size_t got, room = in->capacity - (size_t)(in->end - in->buffer);
  int error = file_read(in->fd, in->buffer + (in->end - in->buffer), room, &got);
  if (error != 0) {
    errno = error;
    return rdb_source_fail(in, KEVY_EIO, "%s", strerror(error));
  }
  in->over = got < room;
  in->end += got;
  in->behind += got;
  return KEVY_OK;
}

static kevy_status rdb_truncated(rdb_source *in) { return rdb_corrupt(in, "the file ends in the middle of it"); }

/* A buffer grows with what has been read, so that a length from a pipe is believed byte by byte. */
COLD kevy_status rdb_bytes_slow(rdb_source *in, size_t len, const char **out) {
  uint64_t offset = rdb_source_offset(in);
  if (in->over || (in->size != UINT64_MAX && (offset > in->size || in->size - offset < len))) return rdb_truncated(in);
  for (size_t have; (have = (size_t)(in->end - in->at)) < len;) {
    if (in->over) return rdb_truncated(in);
    size_t want = in->size != UINT64_MAX || len < 2 * in->capacity ? len : 2 * in->capacity;
    kevy_status status = rdb_source_make_room(in, want);
    if (status == KEVY_OK) status = rdb_source_fill(in);
    if (status != KEVY_OK) return status;
  }
  *out = in->at;
  in->at += len;
  return KEVY_OK;
}

kevy_status rdb_end(rdb_source *in) {
  kevy_status status = KEVY_OK;
  in->item = rdb_source_offset(in);
  if (in->at == in->end && !in->over) {
    status = rdb_source_make_room(in, 1);
    if (status == KEVY_OK) status = rdb_source_fill(in);
  }
  bool commands = status == KEVY_OK && in->at != in->end && (*in->at == '*' || *in->at == '#');
  return commands ? rdb_corrupt(in, "commands behind the file's end: this is an append-only file") : status;
}

/* ---- numbers ---- */

kevy_status rdb_u64(rdb_source *in, uint64_t *out) {
  const char *p;
  in->item = rdb_source_offset(in);
  kevy_status status = rdb_bytes(in, 8, &p);
  if (status == KEVY_OK) *out = load64(p);
  return status;
}

kevy_status rdb_u32(rdb_source *in, uint32_t *out) {
  const char *p;
  in->item = rdb_source_offset(in);
  kevy_status status = rdb_bytes(in, 4, &p);
  if (status == KEVY_OK) *out = load32(p);
  return status;
}

/* The rest of a length whose first byte is this one and which is no string's encoding. */
static kevy_status rdb_length_rest(rdb_source *in, uint8_t first, uint64_t *out) {
  const char *p;
  kevy_status status = KEVY_OK;
  if (first < 0x40) {
    *out = first;
  } else if (first < 0x80) {
    if ((status = rdb_bytes(in, 1, &p)) == KEVY_OK) *out = (uint64_t)(first & 63u) << 8 | (uint8_t)*p;
  } else if (first == RDB_LEN_32) {
    if ((status = rdb_bytes(in, 4, &p)) == KEVY_OK) *out = __builtin_bswap32(load32(p));
  } else if (first == RDB_LEN_64) {
    if ((status = rdb_bytes(in, 8, &p)) == KEVY_OK) *out = __builtin_bswap64(load64(p));
  } else {
    status = rdb_corrupt(in, "0x%02x is no length", first);
  }
  return status;
}

kevy_status rdb_length(rdb_source *in, uint64_t *out) {
  uint8_t first;
  kevy_status status = rdb_byte(in, &first);
  return status == KEVY_OK ? rdb_length_rest(in, first, out) : status;
}

/* ---- strings ---- */

static kevy_status rdb_string_int(rdb_source *in, uint32_t width, kevy_value *out) {
  const char *p;
  kevy_status status = rdb_bytes(in, width, &p);
  if (status != KEVY_OK) return status;
  uint64_t bits = 0;
  memcpy(&bits, p, width);
  unsigned spare = 64 - 8 * width;
  *out = (kevy_value){KEVY_INT, 0, 0, {.i = (int64_t)(bits << spare) >> spare}};
  return KEVY_OK;
}

static kevy_status rdb_check_len(rdb_source *in, uint64_t len) {
  if (LIKELY(len <= KEVY_MAX_LEN)) return KEVY_OK;
  return rdb_corrupt(in, "a string of %llu bytes", (unsigned long long)len);
}

static kevy_status rdb_string_unpack(rdb_source *in, const char *packed, size_t packed_len, size_t len,
                                     kevy_value *out) {
  if (!lzf_plausible(packed_len, len)) return rdb_corrupt(in, "a compressed string that cannot be so long");
  if (in->plain_capacity < len + 1) {
    free(in->plain);
    in->plain_capacity = len + 1;
    in->plain = malloc(in->plain_capacity);
    if (in->plain == NULL) {
      in->plain_capacity = 0;
      return rdb_source_fail(in, KEVY_EOOM, "no memory to unpack %zu bytes", len);
    }
  }
  if (!lzf_unpack(packed, packed_len, in->plain, len)) return rdb_corrupt(in, "a compressed string that is not LZF");
  *out = (kevy_value){KEVY_BYTES, 0, len, {.ptr = in->plain}};
  return KEVY_OK;
}

static kevy_status rdb_string_packed(rdb_source *in, kevy_value *out) {
  uint64_t item = in->item, packed_len = 0, len = 0;
  const char *packed = NULL;
  kevy_status status = rdb_length(in, &packed_len);
  if (status == KEVY_OK) status = rdb_length(in, &len);
  in->item = item;
  if (status == KEVY_OK) status = rdb_check_len(in, packed_len);
  if (status == KEVY_OK) status = rdb_check_len(in, len);
  if (status == KEVY_OK) status = rdb_bytes(in, (size_t)packed_len, &packed);
  return status == KEVY_OK ? rdb_string_unpack(in, packed, (size_t)packed_len, (size_t)len, out) : status;
}

kevy_status rdb_string(rdb_source *in, kevy_value *out) {
  uint8_t first;
  uint64_t len = 0;
  kevy_status status = rdb_byte(in, &first);
  if (UNLIKELY(status != KEVY_OK)) return status;
  switch (first) {
    case RDB_ENC_INT8: return rdb_string_int(in, 1, out);
    case RDB_ENC_INT16: return rdb_string_int(in, 2, out);
    case RDB_ENC_INT32: return rdb_string_int(in, 4, out);
    case RDB_ENC_LZF: return rdb_string_packed(in, out);
    default: break;
  }
  status = rdb_length_rest(in, first, &len);
  if (LIKELY(status == KEVY_OK)) status = rdb_check_len(in, len);
  if (UNLIKELY(status != KEVY_OK)) return status;
  *out = (kevy_value){KEVY_BYTES, 0, (size_t)len, {.ptr = NULL}};
  return rdb_bytes(in, (size_t)len, &out->as.ptr);
}

kevy_status rdb_string_bytes(rdb_source *in, const char **ptr, size_t *len) {
  kevy_value v;
  kevy_status status = rdb_string(in, &v);
  if (status != KEVY_OK) return status;
  if (v.kind == KEVY_INT) {
    *len = number_format_int(v.as.i, in->digits);
    *ptr = in->digits;
  } else {
    *len = v.len;
    *ptr = v.as.ptr;
  }
  return KEVY_OK;
}
