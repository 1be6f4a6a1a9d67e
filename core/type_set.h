/* type_set: the set type: members without order. Every function finds its key once.
 *
 *     small:  one packed block: integers first, in ascending order, then the other members as they came
 *     large:  keyed: a table of entries, whose key is the member and which have no content
 *
 * A set becomes large when it holds more than SET_SMALL_COUNT members (SET_SMALL_INTS where all are integers) or
 * one longer than SET_SMALL_LEN, and small again when it has shrunk to SET_SMALL_AGAIN short ones. Members
 * are equal when their byte forms are; the kind of the one that came first is kept.
 *
 * Callers hold the store's lock and have checked that it is open. Flags, kinds and ownership are those of
 * kevy.h. Arguments may borrow from the store. What happens, happens whole or not at all; taking out never
 * fails for lack of memory. Writers on a snapshot answer KEVY_EREADONLY. */
#ifndef KEVY_TYPE_SET_H
#define KEVY_TYPE_SET_H

#include "collection.h"

/* Up to where a value is small; a build may have it lower, so that everything is large. */
#ifndef SET_SMALL_COUNT
#define SET_SMALL_COUNT 128
#define SET_SMALL_INTS 512
#define SET_SMALL_AGAIN 32
#endif
#define SET_SMALL_LEN 64

extern const collection_kind set_kind;

/* Members are of kind bytes, text or int (KEVY_EARG). flags: KEVY_REPLACE (the set is made anew whatever was there;
 * with k = 0 the key goes), KEVY_TEXT_KEY. *added and *removed may be NULL. */
kevy_status set_add(kevy_store *s, const char *key, size_t klen, size_t k, const kevy_value *members,
                    uint32_t flags, uint64_t *added);
kevy_status set_remove(kevy_store *s, const char *key, size_t klen, size_t k, const kevy_value *members,
                       uint64_t *removed);

/* KEVY_MISSING when the member or the key is not there. */
kevy_status set_has(kevy_store *s, const char *key, size_t klen, const kevy_value *member);
/* The quick ways of asking for and adding a member that collection_is_quick, on a store without a lock. The first takes
 * the long way by itself, and notes its errors; where the second answers false, nothing was done. */
bool set_add_quick(kevy_store *s, const char *key, size_t klen, const kevy_value *member, uint64_t *added);
kevy_status set_has_quick(kevy_store *s, const char *key, size_t klen, const kevy_value *member);
/* Where they go on: in the large set that e is the entry of, and in one that is not known for one. */
bool set_add_member(kevy_store *s, const entry *e, const kevy_value *member, uint64_t *added);
kevy_status set_has_member(kevy_store *s, const entry *e, const kevy_value *member);
kevy_status set_has_small(kevy_store *s, const char *key, size_t klen, const kevy_value *member);
kevy_status set_count(kevy_store *s, const char *key, size_t klen, uint64_t *count);

/* SMOVE: KEVY_MISSING when the member is not in the source. */
kevy_status set_move(kevy_store *s, const char *key, size_t klen, const char *to, size_t tolen,
                     const kevy_value *member, uint32_t flags);

/* ---- Reading a set: good until the store is written to, or a key is read that has expired ---- */

typedef struct set_view {
  const space *sp;
  const char *block; /* small: the packed block; NULL for a large one */
  size_t len;        /* of the block */
  const keyed *large;
  uint64_t count;    /* 0 where there is no key */
} set_view;

/* Counts a hit or a miss. KEVY_MISSING: an empty view. What has expired stays when `keep` is set: for commands
 * that look at several sets. */
kevy_status set_view_open(kevy_store *s, const char *key, size_t klen, bool keep, set_view *v);

/* The set in an entry of a live store or a snapshot's table. */
set_view set_view_of(const space *sp, const entry *e);

/* found[i]: whether members[i] is in the set. KEVY_EARG. Loads what it needs ahead. */
kevy_status set_view_has(const set_view *v, size_t k, const kevy_value *members, bool *found);

/* Where a member is: its element in a block or its entry. */
typedef uint64_t set_item;

/* The member, borrowed from the set or, where digits are kept as a number, from `digits`. */
void set_item_value(set_item item, kevy_value *out, char digits[PACKED_NUMBER]);

/* Walks a set, one member a call: 0 at the end. Small sets give integers first, in order. */
typedef struct set_walk {
  const set_view *view;
  const char *at; /* small: the next element */
  table_walk walk;
} set_walk;
set_walk set_walk_begin(const set_view *v);
set_item set_walk_next(set_walk *w);

/* SSCAN: visits the members from *cursor on, at least count of them or all; moves *cursor, 0 at the end. A small set
 * is visited whole. */
typedef void (*set_visit)(void *context, set_item item);
void set_scan(const set_view *v, uint64_t *cursor, uint64_t count, set_visit visit, void *context);

/* A member by chance, all equally likely; 0 when the set is empty. O(1) expected. */
set_item set_random(kevy_store *s, const set_view *v);

/* ---- Choosing members by chance, to answer and perhaps to take them out ---- */

#define SET_PICK_FEW 8
typedef struct set_pick {
  probe p;
  set_view view;
  uint64_t count;   /* of items: different ones; all choices are equally likely */
  set_item *items;  /* room, or malloc's */
  set_item room[SET_PICK_FEW];
} set_pick;

/* Chooses n members, or all when there are fewer, and changes nothing. to_remove: as a write. KEVY_MISSING: none
 * chosen. End with set_pick_end, whatever the status. */
kevy_status set_pick_begin(kevy_store *s, set_pick *c, const char *key, size_t klen, uint64_t n, bool to_remove);
/* Takes the chosen members out of the set. Nothing else was written since they were chosen. Never fails. */
void set_pick_remove(kevy_store *s, set_pick *c);
void set_pick_end(set_pick *c);

/* ---- Making a set aside, then putting it whole ---- */

#define SET_BLOCK_MAX (PACKED_HEAD + SET_SMALL_COUNT * (SET_SMALL_LEN + 4))

typedef struct set_build {
  kevy_store *s;
  const char *block; /* small so far: borrowed, or `room` */
  size_t len;
  ref top; /* large; 0 while small */
  char room[SET_BLOCK_MAX];
} set_build;

/* Begins with nothing. */
void set_build_begin(kevy_store *s, set_build *b);
/* Adds a member. KEVY_UNMET: it was there already. KEVY_EARG, KEVY_ETOOBIG, KEVY_EOOM. */
kevy_status set_build_add(set_build *b, const kevy_value *member);
/* The same for one that is surely not there yet. */
kevy_status set_build_add_new(set_build *b, set_item item);
uint64_t set_build_count(const set_build *b);
/* Puts the set under the probe's key; an empty one removes the key. On KEVY_EOOM nothing changed. */
kevy_status set_build_put(set_build *b, probe *p, uint32_t flags);
/* Gets rid of what was not put. */
void set_build_drop(set_build *b);

/* Checks the invariants of this page, and the table's or the block's; for tests. */
bool set_check(const set_view *v);

#endif
