/* set_algebra: intersection, union and difference of sets, as answers and as new sets.
 *
 * Nothing is copied: a result is where its members are in the sets they come from, and is good until the store is
 * written to. The smallest set is walked and the others are asked, ahead of what memory takes. A key that is
 * missing is an empty set. Scratch memory is the process's. Callers as those of type_set.h. */
#ifndef KEVY_SET_ALGEBRA_H
#define KEVY_SET_ALGEBRA_H

#include "type_set.h"

typedef enum set_operation { SET_INTER, SET_UNION, SET_DIFF } set_operation;

typedef struct set_result {
  uint64_t count;
  set_item *items;
  uint64_t room;
} set_result;

/* Combines the sets under k >= 1 keys (of kind bytes, text or int). KEVY_EWRONGTYPE, KEVY_EOOM. End with
 * set_result_end, whatever the status. */
kevy_status set_combine(kevy_store *s, set_operation what, size_t k, const kevy_value *keys, set_result *out);
void set_result_end(set_result *r);

/* How many members all k sets have in common, at most `limit`. */
kevy_status set_common(kevy_store *s, size_t k, const kevy_value *keys, uint64_t limit, uint64_t *count);

/* The result becomes the set under another key, whatever that held; an empty one removes it. */
kevy_status set_combine_into(kevy_store *s, set_operation what, const char *to, size_t tolen, size_t k,
                             const kevy_value *keys, uint32_t flags, uint64_t *count);

#endif
