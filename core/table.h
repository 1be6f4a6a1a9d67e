/* table: extendible hashing over entries: the keyspace's structure.
 *
 *     root (2^bits cells) -> directory page (2^width cells) -> segment (63 buckets of 7 slots) -> entry
 *
 * A hash is read from its top: `bits` bits pick the root's cell, `width` bits the page's cell, and
 * all keys of a segment share their first `depth` bits. Segments and pages appear in as many cells
 * as their depth leaves open, so a full segment splits alone, a full page splits alone, and only the
 * root (a few hundred bytes at ten million keys) ever doubles. Order is hash-prefix order
 * everywhere: that is what SCAN cursors count in.
 *
 * A segment is 4 KiB, page-aligned: a header line and 63 cache-line buckets.
 *
 *     bucket:  tag tag tag tag tag tag tag ov | slot | slot | slot | slot | slot | slot | slot
 *     tag:     8 low bits of the hash (0 becomes 1); 0 marks a free slot
 *     slot:    hash's top 24 bits | fresh 1 | entry's ref / 8, 36 bits | distance 3 bits
 *     ov:      chained 1 | farthest 3 | count 4: keys at home here that live in a following bucket
 *
 * Home bucket and low tag come from hash bits that no depth consumes, so a split moves a slot to
 * the same place of the new segment by one bit of its own 24: no entry is read. 32 stored hash bits make
 * a miss touch no entry (1 in 2^17 at ten million keys). A key lives at most 7 buckets behind its home. A delete
 * frees its slot, and its home's count drops: nothing decays. Where splitting cannot help (keys that
 * share their whole hash), segments chain.
 *
 * fresh: the slot's entry was made after its segment was last owned, so no snapshot can see it.
 *
 * Lookups (table_find, scan, walk) work on a live table and on a snapshot's; writers follow node.h:
 * they own the path first. Hashes are given by the caller, always the same for the same key. */
#ifndef KEVY_TABLE_H
#define KEVY_TABLE_H

#include "entry.h"
#include "node.h"

#define TABLE_BUCKETS 63
#define TABLE_WAYS 7
#define TABLE_SLOTS (TABLE_BUCKETS * TABLE_WAYS)

#define TABLE_DEPTH_MAX 24 /* hash bits a slot keeps: no split goes deeper */

typedef struct table {
  ref root;
  uint32_t bits;          /* of the root */
  uint32_t longest_chain; /* segments in one chain, at most; 1 without chains */
  uint64_t count;         /* entries */
  uint64_t segments;      /* chained ones included */
  uint64_t bytes;         /* of root, pages and segments, as handed out */
  uint32_t depths[TABLE_DEPTH_MAX + 1]; /* how many unchained segments have each depth */
} table;

#define SLOT_FRESH (UINT64_C(1) << REF_BITS)
#define SLOT_DISTANCE UINT64_C(7)

static inline ref slot_ref(uint64_t slot) { return slot & REF_MASK; }

/* An empty table, one segment. False when memory ran out. */
bool table_open(space *sp, table *t);
bool table_start(space *sp, table *t, bool must); /* must: draw on the reserve */

/* The slot of the key, NULL when it is not there. */
uint64_t *table_find(const char *base, const table *t, uint64_t hash, const char *key, size_t klen);

/* The hash's home bucket, and the entry of its first lane that agrees with 32 of the hash's bits: nearly
 * always the key's, when the key is there. NULL when no lane does; *absent then says whether the key is surely not
 * in the table. In two steps, so that a batch can prefetch between them. (Inlined: gcc takes a function
 * that only prefetches for one without effect and drops its calls.) */
struct bucket;
const struct bucket *table_home(const char *base, const table *t, uint64_t hash);
entry *table_guess(const char *base, const struct bucket *home, uint64_t hash, bool *absent);

/* The slot of that entry, for who puts another one there: the head of its segment is on its way. NULL when no lane agrees. */
uint64_t *table_guess_slot(const char *base, const table *t, uint64_t hash);

/* Whether no moment sees the segment that a slot lies in. */
bool table_slot_owned(const space *sp, const uint64_t *slot);

/* Starts loading the head of the segment that a bucket or a slot lies in, for who adds a key or takes it away. */
void table_prefetch_head(const void *within);

/* Starts loading what table_find will read first, then (once the first has come) what it reads last. */
void table_prefetch(const char *base, const table *t, uint64_t hash);
void table_prefetch_entry(const char *base, const table *t, uint64_t hash);

/* The same for who takes the key out. */
void table_prefetch_to_remove(const char *base, const table *t, uint64_t hash);

/* The slots in use of some buckets that follow one another, from the hash's home on, whatever the homes of what they hold: at most
 * TABLE_WAYS of each. How many. And, ahead of it: starts loading those buckets, then (once they have come) their entries. */
uint32_t table_look(const char *base, const table *t, uint64_t hash, uint32_t buckets, uint64_t **out);
void table_prefetch_buckets(const char *base, const table *t, uint64_t hash, uint32_t buckets);
void table_prefetch_entries(const char *base, const table *t, uint64_t hash, uint32_t buckets);

/* The rest of table_find: displaced slots, tags that deceive, chains. With key NULL it looks for a block. */
struct segment;
uint64_t *table_find_chained(const char *base, struct segment *s, uint64_t hash, const char *key,
                             size_t klen, ref block);

/* The same for who may add the key: starts loading the segment's head, too, which lies on a line of its own. */
uint64_t *table_find_to_write(const char *base, const table *t, uint64_t hash, const char *key, size_t klen);

/* Whether a slot that was found under this hash is still where the hash leads to and holds the same word: then that is
 * what finding it again would give. False for one in the rear of a chain. */
bool table_holds(const char *base, const table *t, uint64_t hash, const uint64_t *slot, uint64_t word);

/* The slot that holds this very block, NULL when none does. */
uint64_t *table_find_ref(const char *base, const table *t, uint64_t hash, ref block);

/* Makes the slot's segment writable; returns the slot in it, NULL when memory ran out (then nothing
 * changed). must: draw on the reserve. */
uint64_t *table_own(space *sp, table *t, uint64_t hash, uint64_t *slot, bool must);

/* Adds an entry under a hash whose key is not there. False when memory ran out, and nothing changed;
 * must: draw on the reserve. */
bool table_insert(space *sp, table *t, uint64_t hash, ref block, bool must);

/* The rest of table_insert, where the home bucket or the segment is full. */
bool table_insert_crowded(space *sp, table *t, uint64_t hash, uint64_t word, bool must);

/* True when no snapshot can see the slot's entry, so that it may be changed where it stands. */
bool table_slot_fresh(const space *sp, uint64_t *slot);

/* For who changes a table where it stands, and back again (light.h): whether a free slot is all that adding under this hash
 * takes; adds an entry so, and takes it away. */
bool table_has_place(const char *base, const table *t, uint64_t hash);
uint64_t *table_place(const char *base, table *t, uint64_t hash, ref block);
void table_displace(table *t, uint64_t *slot);

/* Makes the segment that table_place adds to writable. False when memory ran out. */
bool table_own_place(space *sp, table *t, uint64_t hash, bool must);

/* Points an owned slot at another entry of the same key. */
static inline void table_replace(uint64_t *slot, ref block) {
  *slot = (*slot & ~REF_MASK) | SLOT_FRESH | block;
}

/* Keys that come and go again leave no trace in a table but this, while moments live: 256 bits a segment, one of which the
 * hash of a key that goes sets; the segment is owned. table_lost: whether an entry of this hash may have gone between an
 * earlier state of a table, which a moment sees, and a later one. True for one in 256 other keys, too. */
void table_note_lost(const char *base, const table *t, uint64_t hash);
bool table_lost(const char *base, const table *later, const table *before, uint64_t hash);

/* Frees an owned slot; merges segments that became sparse. The entry is the caller's. Of the hash no more is read than the slot itself
 * tells. */
void table_remove(space *sp, table *t, uint64_t hash, uint64_t *slot);

typedef void (*table_visit)(void *context, ref block);

/* Visits the entries from hash prefix *cursor (24 bits) on, at least count of them or all; moves
 * *cursor, 0 at the end. The visitor must not write to the table. */
void table_scan(const char *base, const table *t, uint64_t *cursor, uint64_t count,
                table_visit visit, void *context);

/* Walks a table that does not change (a snapshot's), one entry a call: 0 at the end. */
typedef struct table_walk {
  uint64_t prefix; /* top 24 bits of the segment at hand */
  uint32_t index;  /* slot in it, chain included */
  bool done;
} table_walk;
ref table_next(const char *base, const table *t, table_walk *w);

/* The same with all that one segment holds, at most TABLE_SLOTS: how many; 0 at the end. Not with a walk that
 * table_next has begun. */
uint32_t table_next_some(const char *base, const table *t, table_walk *w, ref *out);

/* Goes on with moving what lies in sparse spans (mem.h): the table's nodes, and entries, which the visitor moves; it sets the
 * slot's ref, lowers *budget, and answers false to see the same slot again next time. *budget falls by one for each slot.
 * Nothing of the table may be seen by a moment. True when the walk is at its end, false when the budget is used up. */
typedef bool (*table_move_visit)(void *context, uint64_t *slot);
bool table_compact(space *sp, table *t, table_walk *w, uint32_t fill, int64_t *budget, table_move_visit visit, void *context);

/* Takes a table apart that nobody reads any more, at most *items blocks of it (counted down): visits every entry,
 * whose block is the visitor's, and retires the nodes. fresh as in the slots. True when nothing is left. */
typedef void (*table_last_visit)(void *context, ref block, bool fresh);
bool table_drop(space *sp, table *t, table_walk *w, uint32_t *items, table_last_visit visit, void *context);

/* Walks what is in t and not in `before`, an earlier state of it that a moment of this epoch sees: visits those
 * entries, and then, with give_back, frees the nodes born since. `before` may have no root: then all of t is. O(nodes born
 * since). The visitor may free the entry. */
void table_abandon(space *sp, const table *t, const table *before, uint64_t epoch, bool give_back,
                   table_visit visit, void *context);

/* A uniformly chosen entry; 0 when the table is empty. */
ref table_random(const char *base, const table *t, uint64_t (*random)(void *), void *context);

/* Checks every invariant of this page's drawing; for tests. */
bool table_check(const char *base, const table *t);

#endif
