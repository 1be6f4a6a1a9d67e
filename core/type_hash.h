/* type_hash: the hash type: values by field under one key. Every function finds its key once.
 *
 *     small:  one packed block: field, value, field, value, ...
 *     timed:  the same once a field has had a deadline: soonest, then field, value, deadline, field, ...
 *     large:  a hash_large node: a table of entries, field -> value; deadlines in the entries' own tail
 *
 * `soonest` is a float, which no field is, so the first element tells a timed block from a plain one; its value
 * is the earliest deadline (Unix ms), or one earlier than that. A field's deadline there is an int, 0 for none.
 *
 * A small hash has at most HASH_SMALL_FIELDS fields, and no field or value of more than HASH_SMALL_BYTES bytes; it
 * grows into a large one, and a large one that shrinks to a quarter becomes small again where it fits.
 *
 * A field whose deadline has come counts as absent everywhere: readers pass over it, writers put a new one in its
 * place, of the kind they are given; in a log the old one is deleted first. On a live store its memory comes back by itself: `timers` (timers.h) wakes the hash when its earliest
 * deadline comes, and hash_shed frees what is due, a slice at a time; of a large hash through a timing wheel of
 * its own, made with the first deadline. In a snapshot time stands still: what was due when it was opened is
 * passed over.
 *
 * Fields are bytes, text or ints, equal when their byte forms are, and keep the kind they were first written in; values
 * are any scalar. Callers hold the store's lock. Flags, kinds and ownership are those of kevy.h; times are
 * deadlines (Unix ms) or KEVY_NO_TTL. Writes happen whole or not at all. */
#ifndef KEVY_TYPE_HASH_H
#define KEVY_TYPE_HASH_H

#include "collection.h"

/* Up to where a value is small; a build may have it lower, so that everything is large. */
#ifndef HASH_SMALL_FIELDS
#define HASH_SMALL_FIELDS 128
#endif
#define HASH_SMALL_BYTES 64

extern const collection_kind hash_kind;

/* ---- fields ---- */

kevy_status hash_get(kevy_store *s, const char *key, size_t klen, const kevy_value *field, kevy_value *out);
/* A field of the hash in an entry, borrowed from it or printed into digits. KEVY_MISSING. */
kevy_status hash_entry_get(kevy_store *s, const entry *e, const kevy_value *field, kevy_value *out,
                           char digits[PACKED_NUMBER]);
/* The quick ways of reading and of writing one field that collection_is_quick, on a store where no lock and nothing
 * else is to be seen to: short strings in what is found at first sight. The first takes the long way by itself, and
 * notes its errors; where the second answers false, nothing was done. */
kevy_status hash_get_quick(kevy_store *s, const char *key, size_t klen, const kevy_value *field, kevy_value *out);
bool hash_set_quick(kevy_store *s, const char *key, size_t klen, const kevy_value *field, const kevy_value *value,
                    uint64_t *added);
/* Where they go on: in a small hash whose key is found at first sight, and in the large one that e is the entry of. */
kevy_status hash_get_small(kevy_store *s, const char *key, size_t klen, const kevy_value *field, kevy_value *out);
kevy_status hash_get_large(kevy_store *s, const entry *e, const kevy_value *field, kevy_value *out);
bool hash_set_large(kevy_store *s, const entry *e, const kevy_value *field, const kevy_value *value, uint64_t *added);
/* KEVY_OK when the key is missing; KEVY_NIL for what is. */
kevy_status hash_mget(kevy_store *s, const char *key, size_t klen, size_t k, const kevy_value *fields, kevy_value *out);
kevy_status hash_exists(kevy_store *s, const char *key, size_t klen, const kevy_value *field);
kevy_status hash_len(kevy_store *s, const char *key, size_t klen, uint64_t *count);

/* flags: KEVY_TEXT_KEY; KEVY_NX (k = 1); KEVY_REPLACE: the hash is made anew, whatever the key held. *added may be
 * NULL. Fields lose their deadlines. */
kevy_status hash_set(kevy_store *s, const char *key, size_t klen, size_t k, const kevy_value *fields,
                     const kevy_value *values, uint32_t flags, uint64_t *added);
/* HSETEX. flags: KEVY_TEXT_KEY; KEVY_NX: only when none of the fields exists; KEVY_XX: only when all do (KEVY_UNMET);
 * KEVY_KEEPTTL: fields keep their deadlines, else they get this one; one that has come deletes them. */
kevy_status hash_set_until(kevy_store *s, const char *key, size_t klen, size_t k, const kevy_value *fields,
                           const kevy_value *values, int64_t deadline, uint32_t flags);
/* *removed may be NULL. KEVY_MISSING without a key. */
kevy_status hash_del(kevy_store *s, const char *key, size_t klen, size_t k, const kevy_value *fields, uint64_t *removed);

/* The new number; deadlines stay. The text variant adds in long double, stores and lends the text it answers. */
kevy_status hash_incr(kevy_store *s, const char *key, size_t klen, const kevy_value *field, int64_t by, uint32_t flags,
                      int64_t *out);
kevy_status hash_incr_float(kevy_store *s, const char *key, size_t klen, const kevy_value *field, double by,
                            uint32_t flags, double *out);
kevy_status hash_incr_text(kevy_store *s, const char *key, size_t klen, const kevy_value *field, long double by,
                           uint32_t flags, kevy_value *out);

/* ---- deadlines ---- */

/* HPEXPIREAT of each field; KEVY_NO_TTL with KEVY_PERSIST. flags also KEVY_NX XX GT LT. *done[i]: KEVY_OK, or
 * KEVY_MISSING, KEVY_UNMET (nothing to persist), or HASH_DELETED where the deadline has come. KEVY_MISSING without a key. */
#define HASH_DELETED 3
kevy_status hash_expire(kevy_store *s, const char *key, size_t klen, size_t k, const kevy_value *fields,
                        int64_t deadline, uint32_t flags, kevy_status *done);
/* KEVY_NO_TTL for none. KEVY_MISSING. */
kevy_status hash_deadline(kevy_store *s, const char *key, size_t klen, const kevy_value *field, int64_t *deadline);

/* Frees fields that are due at `now`, at most about *items of them (counted down), of the probe's live hash; an
 * emptied hash goes, and p->live is NULL. Returns when the next field is due, INT64_MAX for never; not after `now`
 * when there is more to free. Never fails. */
int64_t hash_shed(kevy_store *s, probe *p, int64_t now, uint32_t *items);

/* Whether all fields of the hash in e are due at `now`: then it is no key (probe_gone), though nothing took it away yet. Frees
 * nothing. Always false of a large one of more than HASH_OVER_MAX fields, which counts until its fields are shed. */
#define HASH_OVER_MAX 1000
bool hash_is_over(const char *base, const entry *e, int64_t now);

/* Whether fields of the hash in e may have deadlines. O(1). */
bool hash_has_deadlines(const char *base, const entry *e);

/* Before a value is put under another key: makes sure that it is woken there, if it is a hash with deadlines.
 * False: no memory. */
bool hash_arm(kevy_store *s, const entry *e, const probe *to);

/* ---- all of it ---- */

/* A walk over the hash in an entry, as of `now`: neither the hash nor its key may change meanwhile. */
typedef struct hash_walk {
  const char *base;
  const entry *e;
  int64_t now;
  const char *at, *end; /* small: the next field, the block's end */
  bool timed;
  int64_t deadline; /* of the field given last */
  table_walk walk; /* large */
  char digits[2][PACKED_NUMBER];
} hash_walk;

void hash_walk_start(hash_walk *w, const char *base, const entry *e, int64_t now);

/* The next field and its value, borrowed until the next call; value may be NULL. False at the end. */
bool hash_walk_next(hash_walk *w, kevy_value *field, kevy_value *value);

/* A hash opened for reading as a whole. */
typedef struct hash_view {
  const entry *e;
  int64_t now;
  uint64_t count; /* of the fields that are there */
} hash_view;

/* KEVY_MISSING: and an empty view. Good until the store is written to. */
kevy_status hash_open(kevy_store *s, const char *key, size_t klen, hash_view *v);

/* value is NULL where the visitor does not ask for it. */
typedef void (*hash_visit)(void *context, const kevy_value *field, const kevy_value *value);

void hash_each(kevy_store *s, const hash_view *v, hash_visit visit, void *context);
/* SCAN: from *cursor on at least count fields, or all of a small hash; moves *cursor, 0 at the end. */
void hash_scan(kevy_store *s, const hash_view *v, uint64_t *cursor, uint64_t count, hash_visit visit, void *context);
/* k different ones (at most all), uniformly. False: no memory. */
bool hash_sample(kevy_store *s, const hash_view *v, uint64_t k, hash_visit visit, void *context);
/* Any one, uniformly; the view is not empty. */
void hash_random(kevy_store *s, const hash_view *v, hash_visit visit, void *context);

#endif
