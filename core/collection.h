/* collection: values that hold elements: small ones packed in their key's entry, large ones under a node.
 *
 *     small:  entry | key | packed block                 ENTRY_RAW: the whole value is in the entry
 *     large:  entry | key | ref -> collection -> table and/or tree     ENTRY_NODE
 *
 * A large value's top is a `collection`, a node like any other: the first write after a snapshot copies it
 * (collection_own) and leaves the old one, a *version*, to the snapshots that see it. Its nodes follow node.h's
 * rule by their births. Its member entries carry none, as the keyspace's do not: whether a retired member
 * belongs to an older version is asked of that version's own table, and if it does, it goes onto the
 * version's dead list. Versions of one value form a chain, newest first; history is linear.
 *
 * A value that is deleted, replaced or expired is let go of in O(1): nothing of it is walked on the caller's
 * path. When no snapshot sees it any more it lies in the graveyard, and node_drain takes it apart a slice
 * at a time: each type says how (collection_kind.drop).
 *
 * `older`, `newer`, `dead`, `next_grave` and the flags are the owner's and are written in place also in versions that
 * snapshots see; readers of snapshots never look at them. Owner's thread only, but for reading.
 *
 * How an operation goes: collection_read or collection_write finds the key once; a small value is edited in a
 * copy and put back whole (collection_put_packed), a large one is owned (collection_own) and changed in place.
 * Every operation happens whole or not at all: what may fail comes first, or is undone. */
#ifndef KEVY_COLLECTION_H
#define KEVY_COLLECTION_H

#include "packed.h"
#include "probe.h"
#include "tree.h"

typedef struct collection {
  node head;
  ref older, newer; /* versions */
  ref dead;         /* members that only older moments see, through this version */
  ref next_grave;
  uint64_t bytes;   /* handed out below, but for tables and inner nodes, which count their own */
  uint8_t type;     /* KEVY_TYPE_ */
  bool superseded;  /* a newer version took its place: its blocks are on dead lists, or that one's */
  bool borrows;     /* undone: its index of deadlines is the older version's */
  uint8_t unused[5];
} collection;

/* One whose elements are entries in a table: hash, set, sorted set. */
typedef struct keyed {
  collection c;
  table members;
  table_walk walk; /* how far the graveyard has got */
} keyed;

/* What the engine must know of a type. */
typedef struct collection_kind {
  /* Retires blocks of a value nobody sees, at most *items of them (counted down). True when only the top node
   * is left. */
  bool (*drop)(space *sp, collection *c, uint32_t *items);
  /* A copy of a large value for another key; 0: no memory, and nothing is left behind. */
  ref (*clone)(kevy_store *s, const collection *c);
  /* What its tables and inner nodes take, which c->bytes leaves out. */
  uint64_t (*bytes)(const collection *c);
  /* Going back (transaction.h) from c to the version that a moment of this epoch sees: frees what was born since, but for
   * the top node. */
  void (*abandon)(space *sp, collection *c, collection *before, uint64_t epoch);
  /* Before that, where members have deadlines (NULL: none have): takes c's new members off the index that both share, and
   * hangs a member that `before` has again on it. */
  void (*unhang)(space *sp, collection *c, collection *before, uint64_t epoch);
  void (*hang)(space *sp, collection *before, ref member);
  /* Compacting (compact.h): whether it is a keyed one; moves a member (mem_move) with what refers to it but its slot (NULL: nothing
   * else does); the tree whose leaves may be moved, which nothing else refers to any more (NULL: there is none). */
  bool keyed;
  ref (*move)(space *sp, collection *c, ref member);
  tree *(*leaves)(collection *c);
} collection_kind;

/* By KEVY_TYPE_; NULL for what has no large form. */
const collection_kind *collection_kind_of(int32_t type);

static inline collection *collection_at(const char *base, const entry *e) {
  return mem_ptr(base, load64(entry_content(e)));
}
static inline bool entry_is_large(const entry *e) {
  return (entry_flags(e) & ENTRY_CONTENT) == ENTRY_NODE;
}

/* ---- finding ----
 * The large value that was found last is mostly the one that is looked for next. It is remembered, and stays so until
 * the entry of some large value leaves the keyspace; finding it again neither hashes its key nor searches. */

/* The entry of this key, when it is that value, of this type, and marked as read at this very time. NULL: look for
 * it. Counts nothing. */
entry *collection_recent(const kevy_store *s, const char *key, size_t klen, int32_t type);

/* The flags of the commonest entries of a type: with narrow lengths and no deadline. */
#define COLLECTION_SMALL(type) ((uint32_t)(type) << ENTRY_TYPE_SHIFT | ENTRY_RAW)
#define COLLECTION_LARGE(type) ((uint32_t)(type) << ENTRY_TYPE_SHIFT | ENTRY_NODE)
/* And of members, by what they hold. */
#define MEMBER_SHORT ENTRY_PLAIN
#define MEMBER_NUMBER ((uint32_t)KEVY_TYPE_STRING << ENTRY_TYPE_SHIFT | ENTRY_NUM)

/* An entry of these flags whose key this is, in the first place looked at, its home bucket: nearly always where it is.
 * NULL: look further; *absent then says whether there surely is none. */
entry *collection_guess_at(const char *base, const struct bucket *home, uint64_t hash, const char *key, size_t klen,
                           uint32_t flags, bool *absent);

/* The same of a small value of this type, key and all; of keys that are not short it knows nothing. NULL: look further. */
entry *collection_small(const kevy_store *s, const char *key, size_t klen, int32_t type);

/* The large value of such an entry. */
static inline collection *collection_large(const char *base, const entry *e) {
  return mem_ptr(base, load64((const char *)(e + 1) + e->klen));
}

/* The same for a member of the keyed value that an entry of COLLECTION_LARGE holds, in two steps; the member is quick. The
 * first gives an entry to look at, the second whether it is the member's. Each step in a function of its own that jumps to
 * the next needs no more registers than a function may use without saving them. */
entry *keyed_guess(const kevy_store *s, const entry *e, const kevy_value *member, bool *absent);
bool keyed_is(const entry *guess, const kevy_value *member, uint32_t flags);

/* What the quick ways of reading and writing one element take: a string of 8 to 16 bytes, hashed and compared by two
 * words. */
static inline bool collection_is_quick(const kevy_value *v) { return v->kind <= KEVY_TEXT && v->len - 8 <= 8; }

/* Whether the store is one on which nothing else is to be seen to: no moment lives, no upkeep is due, nobody waits. */
static inline bool collection_calm(const kevy_store *s) {
  return s->sp->newest == 0 && s->until_pay > 1 && s->lent == 0 && s->serve == NULL;
}

/* Finds a value of this type for reading: KEVY_MISSING, KEVY_EWRONGTYPE. Counts a hit or a miss. */
kevy_status collection_read(kevy_store *s, probe *p, const char *key, size_t klen, int32_t type);

/* The same, but what is found expired stays: for commands that look at several keys. */
kevy_status collection_read_kept(kevy_store *s, probe *p, const char *key, size_t klen, int32_t type);

/* Finds it for a change: store_write, the key's length, KEVY_EWRONGTYPE. Absent is KEVY_OK with p->live NULL. */
kevy_status collection_write(kevy_store *s, probe *p, const char *key, size_t klen, int32_t type);

/* ---- small values ---- */

static inline const char *small_block(const entry *e) { return entry_content(e); }
static inline size_t small_len(const entry *e) { return entry_vlen(e); }

/* Makes these len bytes, a packed block, the value under the probe's key; its deadline and its key's kind stay. flags:
 * KEVY_TEXT_KEY for a new key. An empty block removes the key. A large value that was there is let go of.
 * In place where the size class stays and no snapshot minds; a value that gets no longer draws on the reserve and
 * does not fail. On KEVY_EOOM nothing changed; on success p->live is the entry (NULL when removed). `block` does not
 * borrow from the entry. A caller that sets p->live to NULL makes a value from scratch: whatever the slot holds goes,
 * and so does its deadline. */
kevy_status collection_put_packed(kevy_store *s, probe *p, int32_t type, const char *block, size_t len,
                                  uint32_t flags);

/* The block of the live small value, to be edited where it stands: its length is len from now on, not 0 elements; what
 * was there up to the old length still is. NULL, and nothing changed, where a snapshot minds or len takes another
 * size of memory: edit a copy then and put it. */
char *collection_edit_packed(kevy_store *s, const probe *p, size_t len);

/* ---- large values ---- */

/* A top node of this size, zeroed behind the header, of this type. 0: no memory. */
ref collection_new(space *sp, uint32_t size, int32_t type);

/* Makes a new large value the one under the probe's key, as collection_put_packed. On KEVY_EOOM nothing changed,
 * and the caller gets rid of it (node_retire_collection). */
kevy_status collection_put(kevy_store *s, probe *p, ref top, uint32_t flags);

/* The large value under the probe's live key, writable; the entry follows. NULL when memory ran out, and
 * nothing changed. must: draw on the reserve. */
collection *collection_own(kevy_store *s, probe *p, bool must);

/* Takes graves apart, at most *items blocks. True when the graveyard is empty. */
bool collection_drain(space *sp, uint32_t *items);

/* ---- going back: for transaction.h ---- */

/* The version that a moment of this epoch sees, from c on to older ones. NULL: none. */
collection *collection_version(const space *sp, collection *c, uint64_t epoch);

/* Takes those superseded apart, in the list of kept graves from its head to `until`. */
void collection_finish_kept(space *sp, ref until);

/* A version that a moment of this epoch sees becomes the newest again. */
void collection_revive(space *sp, collection *c);

/* Deadlines: takes what c has beyond what the epoch saw off the index; for a superseded version, hangs what only it kept
 * and what the epoch saw. */
void collection_unhang(space *sp, collection *c, uint64_t epoch);

/* Frees what c, which was born after the epoch, has beyond what the epoch saw, and c: at once what was written, a slice at a
 * time a value that the epoch saw nothing of. */
void collection_abandon(space *sp, ref top, uint64_t epoch);

/* ---- member entries of a keyed value that is writable ---- */

/* The member with these bytes, NULL when there is none. Not for writing: own the slot first. The second is for who
 * may add it (table_find_to_write). */
static inline uint64_t *member_find(const char *base, const keyed *k, uint64_t hash, const char *ptr, size_t len) {
  return table_find(base, &k->members, hash, ptr, len);
}
static inline uint64_t *member_find_to_write(const char *base, const keyed *k, uint64_t hash, const char *ptr,
                                             size_t len) {
  return table_find_to_write(base, &k->members, hash, ptr, len);
}

/* An entry of a member: bytes `ptr`, `len` of this kind, content and deadline as given; counted in k. 0: no memory. */
ref member_new(kevy_store *s, keyed *k, const char *ptr, size_t len, uint32_t kind, const content *c, int64_t deadline);

/* Adds such a member, without a deadline, that is not there. False: no memory, and nothing changed. */
bool keyed_insert(kevy_store *s, keyed *k, uint64_t hash, const char *ptr, size_t len, uint32_t kind,
                  const content *c);

/* Frees an entry that was never, or is no longer, in the table, or gives it to the older version that sees it.
 * fresh is its slot's bit; true for one that was never in. */
void member_retire(space *sp, keyed *k, ref block, uint64_t hash, bool fresh);

/* The table's half of a grave: members and segments, then the directory. For collection_kind.drop. */
bool keyed_drop(space *sp, keyed *k, uint32_t *items);

/* The table's half of collection_kind.abandon. */
void keyed_abandon(space *sp, keyed *k, const keyed *before, uint64_t epoch);

/* What a large value holds: its top node, and all below it unless it is superseded. O(1). */
uint64_t collection_held(const collection *c);

/* The same of an entry's; 0 when it has none. */
uint64_t collection_bytes(const char *base, const entry *e);

#endif
