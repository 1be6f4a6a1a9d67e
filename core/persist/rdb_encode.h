/* rdb_encode: how single lengths, strings and listpack elements are written.
 *
 *     listpack:  bytes of all, 4 | elements, 2 | element | element | ... | 0xff
 *     element:   head (1-9), which is the number or the length | bytes | how long both are (1-5), readable backwards
 *
 * An rdb_item is a scalar about to be written, with what encoding it and telling its kind need worked out once. */
#ifndef KEVY_RDB_ENCODE_H
#define KEVY_RDB_ENCODE_H

#include "../number.h"
#include "rdb.h"
#include "writer.h"


#define RDB_LP_HEAD 6
#define RDB_LP_FRAME (RDB_LP_HEAD + 1) /* bytes of a listpack without elements */
#define RDB_LP_COUNT_MAX 65535         /* from so many elements on the head does not tell */

typedef struct rdb_item {
  const char *ptr; /* the byte form */
  size_t len;
  int64_t i;       /* its number */
  bool integer;    /* it has one: it is canonical */
  uint8_t class;   /* rdb_class */
  uint8_t kind;
  char digits[NUMBER_FLOAT_MAX];
} rdb_item;

/* Borrows what v points at, or points into itself: an rdb_item does not move. */
void rdb_item_of(rdb_item *it, rdb_role role, const kevy_value *v);

/* Writes a length; at most 9 bytes. */
char *rdb_length_put(char *to, uint64_t n);

void rdb_put_byte(writer *w, unsigned byte);
void rdb_put_length(writer *w, uint64_t n);
void rdb_put_8(writer *w, uint64_t word); /* little-endian */

/* A string: as an int where it is a short one. */
void rdb_put_string(writer *w, const char *ptr, size_t len);
void rdb_put_item(writer *w, const rdb_item *it);

/* The int forms of a string that is this number; `to` as it was when there is none. */
char *rdb_int_put(char *to, int64_t i);

/* ---- listpacks: the caller announces what they come to, and then writes that ---- */

size_t rdb_lp_size(const rdb_item *it);
size_t rdb_lp_size_int(int64_t i);
void rdb_lp_begin(writer *w, size_t bytes, uint64_t count); /* bytes: of all elements */
void rdb_lp_put(writer *w, const rdb_item *it);
void rdb_lp_put_int(writer *w, int64_t i);
void rdb_lp_end(writer *w);

#endif
