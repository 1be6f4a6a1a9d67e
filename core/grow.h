/* grow: huge pages prepared ahead of need, off the caller's path.
 *
 * A random lookup in a large region costs half as much when it is backed by huge pages, but the
 * first touch of one can stall its caller for milliseconds. So one helper thread per process faults
 * 2 MiB chunks in before they are needed; a region takes prepared chunks when there are any and
 * plain untouched ones (4 KiB faults, microseconds each) when it outran the helper. Chunks are
 * claimed from one atomic counter, so both sides never meet on one. Growing makes no system call that
 * takes the address space's write lock, which the helper may hold up; only giving an emptied huge
 * page back to the system does (mem.c).
 *
 * The thread starts with the first request, keeps nothing alive, and is not needed for
 * correctness: where it cannot run, regions grow by small pages. After fork the child starts its own. */
#ifndef KEVY_GROW_H
#define KEVY_GROW_H

#include <stdatomic.h>

#include "base.h"

#define GROW_AHEAD 16 /* prepared chunks a region holds at most */
#define GROW_CHUNK ((size_t)2 << 20)

typedef struct grow_region {
  char *base;
  uint64_t chunks;             /* chunks in the reservation */
  _Atomic uint64_t next;       /* first chunk nobody has claimed */
  _Atomic uint32_t ready_head; /* ring of prepared chunks: the helper pushes */
  _Atomic uint32_t ready_tail; /* ... the owner takes */
  _Atomic uint32_t want;       /* how many to hold ready; 0 calls the helper off */
  _Atomic uint32_t ready[GROW_AHEAD];
  struct grow_region *queued; /* the helper's list */
  _Atomic bool pending;       /* on that list or being worked on */
} grow_region;

void grow_open(grow_region *g, char *base, uint64_t first, uint64_t chunks);

/* Calls the helper off and waits for it to leave this region, for one chunk at most; it does not come back. */
void grow_close(grow_region *g);

/* Claims one chunk. *huge tells whether the helper prepared it. False when the reservation is used up. */
bool grow_take(grow_region *g, uint64_t *chunk, bool *huge);

/* Claims count neighbouring plain chunks. */
bool grow_take_many(grow_region *g, uint64_t count, uint64_t *first);

/* Registers the fork handlers, once. Locks that are held while a region grows must be taken before this
 * file's at a fork, so whoever has such locks calls this before registering handlers of its own. */
bool grow_fork_aware(void);

/* How many prepared chunks it holds. */
uint32_t grow_ready(const grow_region *g);

/* Asks the helper to hold `want` chunks ready. */
void grow_ahead(grow_region *g, uint32_t want);

#endif
