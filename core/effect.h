/* effect: what a write did, as commands that do it again.
 *
 * A store with a log keeps the effects of each call as records, Redis commands in RESP, that replayed in order make the
 * same store: the same keys, values, kinds and deadlines. A record never depends on the time, on chance, or on
 * what has expired, and Redis understands it.
 *
 *     call:    begin | what expires meanwhile | what the call says about itself | end
 *     buffer:  effects that stand ........... | staged: the call's own ......... |
 *
 * What the call does is staged before it is done, since its arguments may lie in what it replaces, and stands or goes at
 * the call's end: when it failed, or touched nothing, it goes. Or the call is described after it, from a copy of its
 * arguments and from what it made. Keys that go are noted where they go, in one place for all types (probe.c), unless a
 * staged call takes them away, which a replay does, too. They stand before what is staged: so an expired key that a write
 * meets is deleted first, and a replay, in which nothing expires by itself, sees what the write saw.
 *
 * A record is done again in the database that was selected last: SELECT stands before one that is of another. Of itself it is no
 * record: it does nothing.
 *
 *     record:  [#K:kinds CRLF]... *3 CRLF $3 CRLF SET CRLF ...       kinds: a letter an argument, b(ytes) t(ext) i(nt) f(loat);
 *                                                                    those left out at the end are bytes
 *     hidden:  #C+hex CRLF ... #C.hex CRLF                           a record that Redis does not know, as hex in lines
 *
 * Redis skips lines that begin with '#'; it wants them shorter than 1,024 bytes.
 *
 * Memory comes from malloc. Running out of it is remembered (`lost`): the effects are not whole, and the log has to begin
 * anew from a snapshot. Callers hold the store's lock. All functions take a store that has effects, but
 * for the removals, which ask first. */
#ifndef KEVY_EFFECT_H
#define KEVY_EFFECT_H

#include "store.h"

#define EFFECT_LINE 1000 /* bytes of an annotation line's content */

/* Describes a call after it, by effect_add and effect_hide; argv is a copy. */
typedef void (*effect_after)(kevy_store *s, size_t argc, const kevy_value *argv);

typedef struct effects {
  char *bytes;
  size_t len, room;
  size_t staged;           /* where the staged records begin; len: there are none */
  uint64_t records;        /* that stand */
  uint64_t staged_records;
  uint32_t db;             /* the database that is selected where what stands ends, in the file, too */
  uint32_t staged_db;      /* and where what is staged ends */
  bool said;               /* what stands is what a caller wrote, who waits for it; else only what went by itself */
  bool lost;
  bool stopped;            /* the store's clock */
  bool plain;              /* what is staged is bytes, whatever its kind */
  uint32_t held;           /* publishing waits while this is not 0 */
  int32_t until_pay;       /* the store's, which itself asks for every write (store_pay) */
  effect_after after;
  size_t argc;
  kevy_value *argv;        /* one block with what it points at */
  kevy_status (*publish)(kevy_store *s, uint64_t *ticket); /* hands over what stands; store_leave */
  kevy_status (*wait)(kevy_store *s, uint64_t ticket, bool lends); /* until it is as durable as asked for; without the lock */
  uint64_t *deferred;      /* not NULL: where a call leaves its ticket instead of waiting, for who holds the lock around several and
                              waits once for them all */
  struct logfile *log;
  struct directory *directory;
  const struct log_host *host; /* NULL: none */
} effects;

/* Effects that nobody publishes yet. NULL: no memory. */
effects *effect_new(void);
void effect_free(effects *e);

static inline bool effect_kept(const kevy_store *s) { return UNLIKELY(s->effects != NULL); }

/* ---- a call ---- */

/* Begins to note what a write does. Where there are deadlines, time stands still to its end: what it found alive does not
 * expire while it is noted. */
void effect_begin(kevy_store *s);

/* Lets time stand still from here to the call's end. */
void effect_stop_time(kevy_store *s);

/* Stages a record; hidden: one that Redis does not know. */
void effect_stage(kevy_store *s, size_t argc, const kevy_value *argv);
void effect_stage_hidden(kevy_store *s, size_t argc, const kevy_value *argv);

/* Has the call described after it. False: no memory, and the call is over. */
bool effect_describe(kevy_store *s, effect_after after, size_t argc, const kevy_value *argv);

/* Ends it: what is staged stands when the call did something (KEVY_OK, and something was touched), else it goes. */
void effect_end(kevy_store *s, kevy_status status);

/* Adds a record that stands, before what is staged. */
void effect_add(kevy_store *s, size_t argc, const kevy_value *argv);
void effect_add_hidden(kevy_store *s, size_t argc, const kevy_value *argv);

/* ---- removals ---- */

/* A key that goes by itself: expired, or evicted. */
void effect_removed(kevy_store *s, const char *key, size_t klen);
/* One that the call takes away. */
void effect_taken(kevy_store *s, const char *key, size_t klen);
void effect_shed(kevy_store *s, const char *key, size_t klen, const kevy_value *field);
void effect_cleared(kevy_store *s);
void effect_flushed(kevy_store *s);

/* The file ends with this database selected: after one was opened, and where a new one begins. */
#define EFFECT_ANY_DB UINT32_MAX /* which one is not known */
void effect_selected(kevy_store *s, uint32_t db);

/* ---- transactions ---- */

/* Between hold and release nothing is published; what stands then is published as one. A mark is a moment to go back to. */
typedef struct effect_mark {
  size_t len;
  uint64_t records;
  uint32_t db;
} effect_mark;
void effect_hold(kevy_store *s);
void effect_release(kevy_store *s);
effect_mark effect_here(const kevy_store *s);
void effect_back(kevy_store *s, effect_mark mark);

/* ---- words ---- */

static inline kevy_value effect_bytes(const char *ptr, size_t len) {
  kevy_value v = {KEVY_BYTES, 0, len, {.ptr = ptr}};
  return v;
}
static inline kevy_value effect_word(const char *word) { return effect_bytes(word, strlen(word)); }
static inline kevy_value effect_key(const char *key, size_t klen, uint32_t kind) {
  kevy_value v = {kind, 0, klen, {.ptr = key}};
  return v;
}
/* A number that is an argument, not content. */
#define EFFECT_NUMBER 4u
static inline kevy_value effect_number(int64_t i) {
  kevy_value v = {EFFECT_NUMBER, 0, 0, {.i = i}};
  return v;
}

#endif
