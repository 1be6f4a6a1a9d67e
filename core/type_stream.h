/* type_stream: the stream type: entries of fields and values under rising IDs, and the groups that read them.
 *
 *     entry of the key -> stream -> tree of chunks (stream_chunk.h), keyed by ID
 *                                -> groups (stream_group.h)
 *
 * A stream is always large. Its tree's elements are chunks: a count of entries is kept in the stream alone. An
 * emptied stream stays. `tail` is the last chunk, so that adding needs no way through the tree: where a leaf
 * is writable, all above it are.
 *
 * Functions mirror kevy.h's; callers hold the store's lock and have checked that it is open. Commands that do more
 * take the stream itself: stream_find to read, stream_change to write. A stream that was found is good until
 * the next write to the store, one that is being changed until the key is put, removed or looked up anew. */
#ifndef KEVY_TYPE_STREAM_H
#define KEVY_TYPE_STREAM_H

#include "collection.h"
#include "records.h"
#include "stream_chunk.h"

#define STREAM_PAIRS_BYTES ((size_t)1 << 30) /* of one entry's fields and values */

typedef struct stream {
  collection c;
  tree entries;
  uint64_t length;
  kevy_stream_id last;    /* the highest ever given */
  kevy_stream_id deleted; /* the highest ever deleted by name */
  uint64_t added;         /* entries ever */
  ref tail;               /* 0: to be looked up */
  tree groups;            /* by name */
  ref doomed;             /* groups that are being taken apart, by next_doomed */
} stream;

/* The ID that an entry is to have: "*", "ms-*", or this one. */
typedef struct stream_wish {
  enum { STREAM_ANY_ID, STREAM_ANY_SEQ, STREAM_THIS_ID } what;
  kevy_stream_id id;
} stream_wish;

/* What to cut off at the front. */
typedef struct stream_trim {
  enum { STREAM_KEEP_ALL, STREAM_MAXLEN, STREAM_MINID } what;
  bool about;            /* whole chunks only */
  uint64_t limit;        /* entries at most; 0: any number */
  uint64_t maxlen;
  kevy_stream_id minid;
} stream_trim;

extern const collection_kind stream_kind;

/* ---- what the ABI calls ---- */

/* XADD; *id is the ID given. flags: KEVY_XX, KEVY_TEXT_KEY. trim may be NULL. KEVY_ERANGE: the ID is not above the last one;
 * KEVY_EOVERFLOW: there is none above; KEVY_MISSING: KEVY_XX without a key. */
kevy_status stream_add(kevy_store *s, const char *key, size_t klen, const stream_wish *wish, const stream_pairs *pairs,
                       uint32_t flags, const stream_trim *trim, kevy_stream_id *id);
kevy_status stream_length(kevy_store *s, const char *key, size_t klen, uint64_t *count);
kevy_status stream_delete(kevy_store *s, const char *key, size_t klen, size_t k, const kevy_stream_id *ids,
                          uint64_t *removed);
kevy_status stream_cut(kevy_store *s, const char *key, size_t klen, const stream_trim *trim, uint64_t *removed);

/* ---- the stream itself ---- */

/* KEVY_MISSING, KEVY_EWRONGTYPE. */
kevy_status stream_find(kevy_store *s, const char *key, size_t klen, const stream **out);

/* The same, writable; with `create`, made when the key is missing (flags: KEVY_TEXT_KEY). KEVY_EOOM. */
kevy_status stream_change(kevy_store *s, const char *key, size_t klen, bool create, uint32_t flags, stream **out);

/* The same to take something away: draws on the reserve, so that it does not fail. */
kevy_status stream_lessen(kevy_store *s, const char *key, size_t klen, stream **out);

/* The lowest and the highest ID there are; 0-0 in an empty stream. */
kevy_stream_id stream_first_id(const char *base, const stream *st);
kevy_stream_id stream_last_id(const char *base, const stream *st);

/* Whether there is an entry of this ID. */
bool stream_has(const char *base, const stream *st, const kevy_stream_id *id);

/* The next higher and the next lower ID. False where there is none, and *id stays. */
bool stream_id_up(kevy_stream_id *id);
bool stream_id_down(kevy_stream_id *id);

/* ---- reading a range: for commands and doors ---- */

typedef struct stream_range {
  const char *base;
  const stream_chunk *chunk; /* NULL: at the end */
  tree_path path;
  kevy_stream_id low, high;
  bool reverse;
  uint32_t at;   /* forwards: where the next entry begins; backwards: how many offsets are left */
  uint32_t offsets[STREAM_CHUNK_ENTRIES];
} stream_range;

/* From low to high, both included; reverse: from high down. Works on a live stream that does not change, and on a
 * snapshot's. */
void stream_range_open(const char *base, const stream *st, stream_range *r, kevy_stream_id low, kevy_stream_id high,
                       bool reverse);

/* The next entry, which lends its pairs (stream_entry_next) until the stream changes. False: no more. */
bool stream_range_next(stream_range *r, stream_entry *e);

/* Checks every invariant of this page; for tests. */
bool stream_check(const char *base, const stream *st);

#endif
