/* stream_group: consumer groups: who has been given which entries of a stream, and not acknowledged them yet.
 *
 *     stream -> groups, by name -> group -> pending entries, by ID     {ID, consumer, delivered, count}
 *                                        -> consumers, by name -> consumer -> its pending IDs
 *
 * Groups and consumers are nodes; the sets are records (records.h). A name is a node of its own that never changes: its ref
 * stands for the consumer in pending entries, wherever copies of the consumer's node may be. So an entry's consumer is
 * found by name, and a consumer's own entries without walking everybody's. Invariant: the IDs of a group's
 * pending entries are those of its consumers', each once.
 *
 * A group that is destroyed leaves its stream's set at once and is taken apart a slice at a time by later writes to the
 * stream (stream_group_pay), or with the stream.
 *
 * Functions that change take a stream that is being changed (stream_change) and a group or consumer obtained for changing
 * in the same call; what they return is good until the next call that makes or deletes a group or consumer. All that gives
 * memory back never fails. */
#ifndef KEVY_STREAM_GROUP_H
#define KEVY_STREAM_GROUP_H

#include "type_stream.h"

#define STREAM_READ_UNKNOWN INT64_C(-1) /* entries read, where that cannot be told */

typedef struct stream_name {
  node head;
  uint64_t len;
  char bytes[];
} stream_name;

typedef struct stream_group {
  node head;
  ref name;
  kevy_stream_id last; /* delivered */
  int64_t read;        /* entries up to it, or STREAM_READ_UNKNOWN */
  tree pending;        /* stream_pending */
  tree consumers;      /* by name */
  ref next_doomed;
} stream_group;

typedef struct stream_consumer {
  node head;
  ref name;
  int64_t seen, active; /* Unix ms of the last try and of the last entry given; active -1: none yet */
  tree pending;         /* kevy_stream_id */
} stream_consumer;

typedef struct stream_pending {
  kevy_stream_id id;
  ref consumer; /* its name */
  int64_t delivered;
  uint64_t count;
} stream_pending;

static inline const stream_name *stream_name_at(const char *base, ref r) { return mem_ptr(base, r); }

/* ---- groups ---- */

/* NULL: no such group. */
const stream_group *stream_group_find(const char *base, const stream *st, const char *name, size_t len);

/* The same for changing. With a group there, NULL means no memory. */
stream_group *stream_group_change(kevy_store *s, stream *st, const char *name, size_t len, bool must);

/* KEVY_UNMET: there is one of that name. KEVY_EOOM, KEVY_ETOOBIG. */
kevy_status stream_group_create(kevy_store *s, stream *st, const char *name, size_t len, kevy_stream_id last,
                                int64_t read);

/* False: there was none. */
bool stream_group_destroy(kevy_store *s, stream *st, const char *name, size_t len);

/* Walks the groups, or a group's consumers, in the order of names. NULL at the end. */
const stream_group *stream_group_first(const char *base, const stream *st, records_at *at);
const stream_group *stream_group_next(const char *base, records_at *at);
const stream_consumer *stream_consumer_first(const char *base, const stream_group *g, records_at *at);
const stream_consumer *stream_consumer_next(const char *base, records_at *at);

/* ---- lag ---- */

/* How many entries there were up to this ID, from the first ever; STREAM_READ_UNKNOWN where deletions hide it. */
int64_t stream_distance(const char *base, const stream *st, const kevy_stream_id *id);

/* Entries that the group has not been given yet. False: cannot be told. */
bool stream_group_lag(const char *base, const stream *st, const stream_group *g, int64_t *lag);

/* Moves the group's last ID on to an entry that is being given, and counts it. */
void stream_group_advance(const char *base, const stream *st, stream_group *g, const kevy_stream_id *id);

/* ---- consumers ---- */

const stream_consumer *stream_consumer_find(const char *base, const stream_group *g, const char *name, size_t len);
stream_consumer *stream_consumer_change(kevy_store *s, stream *st, stream_group *g, const char *name, size_t len,
                                        bool must);

/* The consumer of this name, made when it is missing (*created). NULL: no memory. */
stream_consumer *stream_consumer_obtain(kevy_store *s, stream *st, stream_group *g, const char *name, size_t len,
                                        bool *created);

/* Takes a consumer and its pending entries away; these are counted in *pending. False: there was none. */
bool stream_consumer_delete(kevy_store *s, stream *st, stream_group *g, const char *name, size_t len,
                            uint64_t *pending);

/* ---- pending entries ---- */

/* NULL: not pending. */
const stream_pending *stream_pending_find(const char *base, const stream_group *g, const kevy_stream_id *id);

/* Walks a group's pending entries, or a consumer's IDs, from this one on. NULL at the end. */
const stream_pending *stream_pending_seek(const char *base, const stream_group *g, kevy_stream_id from, records_at *at);
const stream_pending *stream_pending_next(const char *base, records_at *at);
const stream_pending *stream_pending_last(const char *base, const stream_group *g);
const kevy_stream_id *stream_own_seek(const char *base, const stream_consumer *c, kevy_stream_id from, records_at *at);
const kevy_stream_id *stream_own_next(const char *base, records_at *at);

/* Makes `want->id` pending for this consumer, whose it is from now on, as `want` says (want->consumer is c's name). False: no
 * memory, and nothing changed. */
bool stream_pending_assign(kevy_store *s, stream *st, stream_group *g, stream_consumer *c, const stream_pending *want,
                           bool must);

/* Takes an entry off the pending ones. False: it was not there. */
bool stream_pending_remove(kevy_store *s, stream *st, stream_group *g, const kevy_stream_id *id);

/* ---- undoing: changes to many pending entries happen whole or not at all ---- */

typedef struct stream_undo {
  kevy_store *store;
  stream *st;
  stream_group *group;
  stream_pending *log; /* what was there before; consumer 0: nothing */
  size_t count, room;
} stream_undo;

/* Notes what is pending under this ID before it changes. False: no memory. */
bool stream_undo_note(stream_undo *u, const kevy_stream_id *id);

/* Restores all that was noted. */
void stream_undo_all(stream_undo *u);

/* Frees the log. */
void stream_undo_close(stream_undo *u);

/* ---- with the stream ---- */

/* Takes a slice off destroyed groups. */
void stream_group_pay(space *sp, stream *st);

bool stream_group_clone_all(space *sp, const stream *from, stream *to);
bool stream_group_drop_all(space *sp, stream *st, uint32_t *items);
void stream_group_abandon_all(space *sp, stream *st, uint64_t epoch); /* as collection_kind.abandon */
bool stream_group_check_all(const char *base, const stream *st);

#endif
