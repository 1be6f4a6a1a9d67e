/* rdb_encode: see rdb_encode.h. */
#include "rdb_encode.h"

#include "../entry.h"

/* ---- items ---- */

/* Most strings are told by their first byte. */
static inline bool rdb_parse_int(const char *ptr, size_t len, int64_t *i) {
  if (len == 0 || len > 20 || (ptr[0] != '-' && (ptr[0] < '0' || ptr[0] > '9'))) return false;
  return number_parse_int(ptr, len, i);
}

void rdb_item_of(rdb_item *it, rdb_role role, const kevy_value *v) {
  kevy_value form = number_byte_form(v, it->digits);
  double d;
  it->ptr = form.as.ptr;
  it->len = form.len;
  it->kind = (uint8_t)v->kind;
  it->integer = rdb_parse_int(it->ptr, it->len, &it->i);
  if (it->integer) it->class = RDB_INTEGER;
  else if (v->kind == KEVY_FLOAT) it->class = RDB_FLOAT;
  else it->class = role == RDB_VALUE && rdb_is_float(it->ptr, it->len, &d) ? RDB_FLOAT : RDB_OTHER;
}

/* ---- lengths and strings ---- */

static inline char *rdb_big_endian(char *to, uint64_t n, int bytes) {
  for (int i = bytes - 1; i >= 0; i--) *to++ = (char)(n >> (8 * i));
  return to;
}
static inline char *rdb_little_endian(char *to, uint64_t n, int bytes) {
  for (int i = 0; i < bytes; i++) *to++ = (char)(n >> (8 * i));
  return to;
}

FLAT char *rdb_length_put(char *to, uint64_t n) {
  if (LIKELY(n < 64)) {
    *to++ = (char)n;
    return to;
  }
  if (n < 16384) return rdb_big_endian(to, (uint64_t)RDB_LEN_14 << 14 | n, 2);
  *to++ = (char)(n <= UINT32_MAX ? RDB_LEN_32 : RDB_LEN_64);
  return rdb_big_endian(to, n, n <= UINT32_MAX ? 4 : 8);
}

void rdb_put_byte(writer *w, unsigned byte) {
  char *to = writer_room(w);
  *to++ = (char)byte;
  writer_commit(w, to);
}

void rdb_put_length(writer *w, uint64_t n) { writer_commit(w, rdb_length_put(writer_room(w), n)); }

void rdb_put_8(writer *w, uint64_t word) { writer_commit(w, rdb_little_endian(writer_room(w), word, 8)); }

char *rdb_int_put(char *to, int64_t i) {
  if (i != (int32_t)i) return to;
  int bytes = i == (int8_t)i ? 1 : i == (int16_t)i ? 2 : 4;
  *to++ = (char)(bytes == 1 ? RDB_ENC_INT8 : bytes == 2 ? RDB_ENC_INT16 : RDB_ENC_INT32);
  return rdb_little_endian(to, (uint64_t)i, bytes);
}

static void rdb_put_raw(writer *w, const char *ptr, size_t len) {
  rdb_put_length(w, len);
  writer_put(w, ptr, len);
}

static bool rdb_put_int(writer *w, int64_t i) {
  char *to = writer_room(w), *end = rdb_int_put(to, i);
  writer_commit(w, end);
  return end != to;
}

void rdb_put_string(writer *w, const char *ptr, size_t len) {
  int64_t i;
  if (!rdb_parse_int(ptr, len, &i) || !rdb_put_int(w, i)) rdb_put_raw(w, ptr, len);
}

void rdb_put_item(writer *w, const rdb_item *it) {
  if (!it->integer || !rdb_put_int(w, it->i)) rdb_put_raw(w, it->ptr, it->len);
}

/* ---- listpacks ---- */

/* The head of an integer: its length. */
static size_t rdb_lp_int_head(char *to, int64_t i) {
  char *at = to;
  if (i >= 0 && i <= 127) {
    *at++ = (char)i;
    return 1;
  }
  if (i >= -4096 && i <= 4095) return (size_t)(rdb_big_endian(at, 0xc000u | ((uint64_t)i & 0x1fff), 2) - to);
  int bytes = i == (int16_t)i ? 2 : i >= -8388608 && i <= 8388607 ? 3 : i == (int32_t)i ? 4 : 8;
  *at++ = (char)(bytes == 8 ? 0xf4 : 0xf1 + bytes - 2);
  return (size_t)(rdb_little_endian(at, (uint64_t)i, bytes) - to);
}

static size_t rdb_lp_string_head(char *to, size_t len) {
  char *at = to;
  if (len < 64) {
    *at++ = (char)(0x80 | len);
    return 1;
  }
  if (len < 4096) return (size_t)(rdb_big_endian(at, 0xe000u | len, 2) - to);
  *at++ = (char)0xf0;
  return (size_t)(rdb_little_endian(at, len, 4) - to);
}

/* Bytes in which an element tells backwards that it has `size` before them. */
static size_t rdb_lp_back_size(uint64_t size) {
  return 1u + (size > 127) + (size >= 16383) + (size >= 2097151) + (size >= 268435455);
}

static char *rdb_lp_back(char *to, uint64_t size) {
  size_t bytes = rdb_lp_back_size(size);
  for (size_t i = bytes; i-- > 0; size >>= 7) to[i] = (char)((size & 127) | (i != 0 ? 128 : 0));
  return to + bytes;
}

static size_t rdb_lp_head(const rdb_item *it, char head[9], size_t *body) {
  *body = it->integer ? 0 : it->len;
  return it->integer ? rdb_lp_int_head(head, it->i) : rdb_lp_string_head(head, it->len);
}

size_t rdb_lp_size(const rdb_item *it) {
  char head[9];
  size_t body, size = rdb_lp_head(it, head, &body);
  size += body;
  return size + rdb_lp_back_size(size);
}

size_t rdb_lp_size_int(int64_t i) {
  char head[9];
  return rdb_lp_int_head(head, i) + 1;
}

void rdb_lp_begin(writer *w, size_t bytes, uint64_t count) {
  rdb_put_length(w, RDB_LP_FRAME + bytes);
  char *to = rdb_little_endian(writer_room(w), RDB_LP_FRAME + bytes, 4);
  to = rdb_little_endian(to, count < RDB_LP_COUNT_MAX ? count : RDB_LP_COUNT_MAX, 2);
  writer_commit(w, to);
}

void rdb_lp_put(writer *w, const rdb_item *it) {
  char *to = writer_room(w);
  size_t body, size = rdb_lp_head(it, to, &body);
  to += size;
  if (LIKELY(body < WRITER_ROOM / 2)) {
    bytes_move(to, it->ptr, body);
    to += body;
  } else {
    writer_commit(w, to);
    writer_put(w, it->ptr, body);
    to = writer_room(w);
  }
  writer_commit(w, rdb_lp_back(to, size + body));
}

void rdb_lp_put_int(writer *w, int64_t i) {
  char *to = writer_room(w);
  size_t size = rdb_lp_int_head(to, i);
  writer_commit(w, rdb_lp_back(to + size, size));
}

void rdb_lp_end(writer *w) { rdb_put_byte(w, 0xff); }
