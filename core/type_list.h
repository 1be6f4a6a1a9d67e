/* type_list: lists: small ones one packed block, large ones a counted tree of leaves (list_tree.h).
 * A list that has become short is packed again, where memory allows.
 *
 * Callers hold the lock of an open store. Positions count from 0. What `out` holds borrows until the next call, as
 * in kevy.h. Writers happen whole or not at all; what only takes elements away never fails for lack of memory. */
#ifndef KEVY_TYPE_LIST_H
#define KEVY_TYPE_LIST_H

#include "collection.h"

/* RPUSH, LPUSH (KEVY_LEFT); KEVY_XX, KEVY_REPLACE, KEVY_TEXT_KEY. length may be NULL. */
kevy_status list_push(kevy_store *s, const char *key, size_t klen, size_t k, const kevy_value *items,
                      uint32_t flags, uint64_t *length);

/* RPOP, LPOP (KEVY_LEFT). */
kevy_status list_pop(kevy_store *s, const char *key, size_t klen, uint32_t flags, kevy_value *out);

kevy_status list_len(kevy_store *s, const char *key, size_t klen, uint64_t *count);

/* Negative positions count from the end. KEVY_MISSING past the ends. */
kevy_status list_index(kevy_store *s, const char *key, size_t klen, int64_t position, kevy_value *out);

/* The quick way, on a store without a lock; errors are noted. */
kevy_status list_index_quick(kevy_store *s, const char *key, size_t klen, int64_t position, kevy_value *out);
/* Where it goes on: in the large list that e is the entry of, and in a small one. */
kevy_status list_index_large(kevy_store *s, const entry *e, int64_t position, kevy_value *out);
kevy_status list_index_small(kevy_store *s, const char *key, size_t klen, int64_t position, kevy_value *out);

/* KEVY_ERANGE past the ends. */
kevy_status list_set(kevy_store *s, const char *key, size_t klen, int64_t position, const kevy_value *item);

/* Replaces `removed` elements from position on by k others; KEVY_XX, KEVY_TEXT_KEY. KEVY_ERANGE; KEVY_MISSING where
 * there is no key and none is made. */
kevy_status list_splice(kevy_store *s, const char *key, size_t klen, int64_t position, uint64_t removed,
                        size_t k, const kevy_value *items, uint32_t flags);

/* Keeps what lies between two positions, both included. */
kevy_status list_trim(kevy_store *s, const char *key, size_t klen, int64_t first, int64_t last);

/* LREM: takes away elements equal to item: the first `count`, the last -count, or all (0). */
kevy_status list_remove(kevy_store *s, const char *key, size_t klen, int64_t count, const kevy_value *item,
                        uint64_t *removed);

/* LINSERT: KEVY_MISSING without a key, KEVY_UNMET without the pivot. */
kevy_status list_insert(kevy_store *s, const char *key, size_t klen, bool before, const kevy_value *pivot,
                        const kevy_value *item, uint64_t *length);

/* LMOVE: takes from the end that KEVY_LEFT in `from` names and adds at the one in `to`, where KEVY_TEXT_KEY counts
 * too. KEVY_MISSING: no source. */
kevy_status list_move(kevy_store *s, const char *key, size_t klen, uint32_t from, const char *key2,
                      size_t klen2, uint32_t to, kevy_value *out);

/* ---- for commands ---- */

/* Finds a list that elements are about to be taken from: of n from an end (KEVY_LEFT), how many there are, and how
 * many bytes they have at most. The iterator is opened on them. KEVY_MISSING, as writers do. */
typedef struct list_iter list_iter;
kevy_status list_measure(kevy_store *s, const char *key, size_t klen, uint32_t flags, uint64_t n, list_iter *it,
                         uint64_t *count, size_t *bytes);

/* Opens an iterator on the list under a key, for reading; *len is its length. KEVY_MISSING. */
kevy_status list_open(kevy_store *s, const char *key, size_t klen, list_iter *it, uint64_t *len);

/* Whether Redis would say that it is one packed block. */
bool list_is_packed(const char *base, const entry *e);

/* ---- reading in order ---- */

/* Elements of a list that does not change meanwhile, one after the other. */
struct list_iter {
  const char *base;
  const entry *e;
  const char *at;   /* the element that comes next; backwards, where it ends */
  uint32_t left;    /* elements of this block that are still to come */
  uint32_t uniform; /* of the leaf */
  bool reverse;
  tree_path path;   /* of a large list */
  char digits[PACKED_NUMBER];
};

uint64_t list_entry_len(const char *base, const entry *e);

/* Begins anew with a position below the length, towards the end or (reverse) towards the beginning. */
void list_iter_open(list_iter *it, const char *base, const entry *e, uint64_t position, bool reverse);
void list_iter_seek(list_iter *it, uint64_t position, bool reverse);

/* The next element; borrows from the list, or, where digits are kept as a number, from the iterator until the next
 * call. False at the end. */
bool list_iter_next(list_iter *it, kevy_value *out);

/* Whether the next element's byte form is this key; false at the end, too. */
bool list_iter_match(list_iter *it, const packed_key *key);

/* Checks every invariant of a list; for tests. */
bool list_check(const char *base, const entry *e);

#endif
