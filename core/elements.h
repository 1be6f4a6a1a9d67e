/* elements: walking what one hash, list, set or sorted set holds, whatever its type.
 *
 * The value belongs to a moment, so that it does not change while it is walked: the caller holds a snapshot. Reading
 * only: any thread that may read the moment. */
#ifndef KEVY_ELEMENTS_H
#define KEVY_ELEMENTS_H

#include "type_hash.h"
#include "type_set.h"
#include "type_list.h"
#include "type_zset.h"

typedef struct elements {
  int32_t type;
  bool reverse;
  uint64_t position; /* of the list item that comes next; backwards, of the one given last */
  union {
    hash_walk hash;
    struct {
      set_view view;
      set_walk walk;
      char digits[PACKED_NUMBER];
    } set;
    list_iter list;
    struct {
      zset_view view;
      zset_walk walk;
    } zset;
  } of;
} elements;

/* Stands before the first element of an entry's value as of `now`; reverse: lists and sorted sets from the end. False
 * for a type that has no elements of this kind. An `elements` does not move while it is used. */
bool elements_begin(elements *w, const space *sp, const entry *e, int64_t now, bool reverse);

/* The next: field and value; item and its position; member and KEVY_NIL; member and score. Borrowed until the
 * next call. False at the end. */
bool elements_next(elements *w, kevy_value *key, kevy_value *value);

#endif
