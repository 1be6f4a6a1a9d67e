/* blob: a value past the bulk threshold, in a block of its own that several owners share.
 *
 * Entries, pins and lent results each hold one count. A blob with one owner, an entry that no
 * snapshot sees, may be changed in place; any other is replaced. Counts are changed by the
 * store's owner only: pins released elsewhere wait on a list.
 *
 * `live` says how many of the owners are entries of the present: of keys, or of a hash's fields. A blob with one of them is that
 * entry's in the account; all others, which only moments, pins and results hold, or several keys, are nobody's (space.shared).
 * node.c counts them. */
#ifndef KEVY_BLOB_H
#define KEVY_BLOB_H

#include "mem.h"

#define BLOB_THRESHOLD 2048 /* values longer than this are blobs */

typedef struct blob {
  uint64_t owners;
  uint64_t live;
  uint64_t len;
  uint64_t capacity; /* bytes the block was asked for, header included */
  char bytes[];
} blob;

static inline blob *blob_at(const char *base, ref r) { return mem_ptr(base, r); }

/* A blob of len bytes with room for `room` more and one owner; its bytes are not set. 0: no memory. */
static inline ref blob_new(mem *m, size_t len, size_t room) {
  size_t capacity = mem_round(sizeof(blob) + len + room);
  ref r = mem_alloc(m, capacity);
  if (r == 0) return 0;
  blob *b = blob_at(m->base, r);
  b->owners = 1;
  b->live = 0;
  b->len = len;
  b->capacity = capacity;
  return r;
}

#endif
