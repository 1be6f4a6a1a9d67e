/* node: the one rule. A node older than the newest snapshot is copied before it is written.
 *
 * A node is a block with a birth epoch: a table's root, directory pages and segments. A space counts
 * epochs; opening a snapshot ends one. A node is writable in place when it was born after the newest
 * live snapshot, or none lives; otherwise its owner copies it and retires the old one. What is
 * retired is freed at once when no live snapshot can see it, else it waits on the newest snapshot's
 * dead list. Releasing a snapshot hands its dead list to the drain, which passes on to the next older
 * snapshot what that one may still see and frees the rest, a bounded slice at a time.
 *
 * Entries carry no epoch: the table's fresh bit says "no snapshot can see this", and otherwise the newest
 * snapshot is asked whether its own lookup finds this very block. History is linear: what the newest
 * does not see, no older one sees either, as long as the live store still did. So a hot key
 * overwritten a million times under an old snapshot, with others opening and closing in between,
 * leaves one old version.
 *
 * Owner's thread only, but for space_ref/space_unref and pushes onto `released` and `unpinned`. */
#ifndef KEVY_NODE_H
#define KEVY_NODE_H

#include <stdatomic.h>

#include "entry.h"
#include "mem.h"

typedef struct space space;

typedef struct node {
  uint64_t birth;
  uint32_t size; /* of the block */
  uint32_t reserved;
} node;

/* A new node of this size, born now; its bytes behind the header are not set. 0: no memory. */
ref node_new(space *sp, uint32_t size, bool must);

bool node_writable(const space *sp, const node *n);
/* The same without a look at the node where no moment lives: its head may lie on a line of its own. */
bool node_surely_writable(const space *sp, const node *n);

/* The node itself when it is writable, else a copy of it (the old one is retired). 0: no memory. */
ref node_own(space *sp, ref r, bool must);

/* Makes sure that retiring so many more blocks takes no memory beyond the limit. False: no memory. */
#define NODE_ROOM_MAX 62
bool node_room(space *sp, uint32_t items);

/* Lets go of a node that the live store no longer refers to. Never fails. */
void node_retire(space *sp, ref r);

/* The same for an entry under this hash; fresh is its slot's bit, read in an owned segment. */
void node_retire_entry(space *sp, ref r, uint64_t hash, bool fresh);

/* The same for a plain string of so many bytes that the newest moment sees. False: no memory, and nothing was done. */
bool node_retire_plain(space *sp, ref r, size_t size);

/* The same for one of a table that left the present in this epoch: what was opened since does not see it. */
void node_retire_flushed(space *sp, ref r, uint64_t hash, bool fresh, uint64_t epoch);

/* The same for the top node of a large collection (collection.h): to the moments that see it, or to the
 * graveyard, when none does. */
void node_retire_collection(space *sp, ref r);

/* What an item of a dead list is, when it is no entry. */
#define DEAD_NODE UINT64_C(1)
#define DEAD_COLLECTION UINT64_C(2)
#define DEAD_NODES (DEAD_NODE | DEAD_COLLECTION)

/* A dead list: entries that something older still sees. */
void node_dead_push(space *sp, ref *list, ref block);
ref node_dead_top(const space *sp, ref list); /* 0 when empty */
void node_dead_pop(space *sp, ref *list);
void node_dead_trim(space *sp, ref *list); /* lets go of emptied links at its head: of what node_room asked for in vain, too */
void node_dead_each(space *sp, ref list, void (*visit)(void *context, uint64_t item), void *context);

/* What an item counts for on a dead list. */
uint64_t node_dead_bytes(const space *sp, uint64_t item);

/* What goes when the entry goes: its block, and its blob where no other entry of the present has it, too. */
uint64_t node_entry_bytes(const space *sp, ref r);

/* Frees up to `items` of what released snapshots and large values left behind. True when nothing is left. */
bool node_drain(space *sp, uint32_t items);

/* Drains, all of it, what released moments behind this epoch left behind. */
void node_drain_since(space *sp, uint64_t epoch);

/* Frees a node that nobody sees. */
void node_free(space *sp, ref r);

/* A blob as blob_new makes it, counted. 0: no memory. */
ref node_blob(space *sp, size_t len, size_t room);

/* Gives back one owner's count of a blob. */
void node_release_blob(space *sp, ref r);

/* Tells that an entry of the present refers to a blob from now on, and that one no longer does. */
void node_blob_enters(space *sp, ref r);
void node_blob_leaves(space *sp, ref r);

/* The same of whatever an entry holds: only moments see it from now on; and, going back, it is the present's again. */
void node_entry_dies(space *sp, ref r);
void node_entry_revives(space *sp, ref r);

/* Frees an entry's block, and its blob when this was the last owner: one of the present, or one that had died. */
void node_free_entry(space *sp, ref r);
void node_free_dead_entry(space *sp, ref r);

#endif
