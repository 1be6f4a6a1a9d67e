/* rdb_reader: what reading an RDB file has at hand besides its bytes, and the collections it builds.
 *
 * Elements of a value are gathered in a batch and put into the store many at a time, through the type's own
 * functions: what those refuse, a file cannot bring in. Strings that an element is made of are copied into the batch
 * where more is read before it is put.
 *
 * What AUX ops have told of the next key (rdb.h) is noted, used up by the value that follows, and forgotten with it. */
#ifndef KEVY_RDB_READER_H
#define KEVY_RDB_READER_H

#include "../store.h"
#include "pack.h"
#include "rdb_source.h"

#define RDB_BATCH 128                  /* elements put at a time, at most */
#define RDB_BATCH_BYTES ((size_t)65536) /* of their strings */
#define RDB_LONG 4096                  /* strings beyond this are not copied among the others */

/* The bytes of an AUX op that tells of the next key, all its parts. */
typedef struct rdb_note {
  char *bytes;
  size_t len, capacity;
  size_t used; /* bytes read already */
} rdb_note;

typedef struct rdb_batch {
  const char *key; /* that they belong to */
  size_t klen;
  uint32_t flags;  /* KEVY_TEXT_KEY */
  int32_t type;    /* KEVY_TYPE_ */
  size_t n;
  bool full;       /* to be put before anything else is read */
  bool timed;      /* some have deadlines */
  uint64_t put;    /* elements whole so far */
  size_t used;     /* bytes of room */
  char *apart[2];  /* long strings of the element at hand */
  kevy_value names[RDB_BATCH], values[RDB_BATCH];
  double scores[RDB_BATCH];
  int64_t deadlines[RDB_BATCH];
  char room[RDB_BATCH_BYTES];
} rdb_batch;

typedef struct rdb_reader {
  rdb_source in;
  kevy_store *store;   /* what is read goes into it */
  int64_t now;
  bool valkey;         /* a file or payload of Valkey's, where its numbers differ from Redis's */
  rdb_kinds kinds;     /* the state in force */
  rdb_note elements, deadlines, active;
  uint32_t kind;       /* of the elements in the run at hand */
  uint64_t run;        /* how many are still to come */
  uint64_t gap;        /* fields before the next with a deadline; valid when `told` */
  bool told;
  int64_t deadline;    /* told last */
  char *key;           /* a copy of the key at hand */
  size_t key_capacity;
  rdb_batch batch;
} rdb_reader;

/* A reader without a source yet. NULL: no memory. */
rdb_reader *rdb_reader_new(kevy_store *s);
void rdb_reader_free(rdb_reader *r);

/* Fails as the engine did (`status` below 0): KEVY_EOOM as such, all else as a corrupt file. */
kevy_status rdb_refused(rdb_reader *r, kevy_status status);

/* ---- notes ---- */

/* Takes in the value of an AUX op of ours. */
kevy_status rdb_note_take(rdb_reader *r, const char *bytes, size_t len);

/* Forgets what was told of the key whose value has been read; fails where some of it was not used. */
kevy_status rdb_notes_end(rdb_reader *r);

/* A string of the value at hand, as the file has it, as the scalar it was. digits: where an integer's bytes go. */
kevy_status rdb_scalar(rdb_reader *r, rdb_role role, const kevy_value *raw, char digits[24], kevy_value *out);

/* The deadline of the next field; KEVY_NO_TTL for none. */
kevy_status rdb_field_deadline(rdb_reader *r, int64_t *out);

/* When the next consumer was last given something: *out stays where nothing is told. */
kevy_status rdb_consumer_active(rdb_reader *r, int64_t *out);

/* ---- elements ---- */

/* A value's elements, however the file keeps them: strings one after the other, a pack, or nodes that are packs. */
typedef struct rdb_elements {
  uint64_t left;     /* strings, or packs, to come */
  bool packs;
  bool nodes;        /* each behind a number that says what it is */
  bool open;         /* `at` is being walked */
  pack_form form;
  pack at;
} rdb_elements;

/* The elements of a value of this type (one of lists, sets, hashes and sorted sets) from what comes next on. */
kevy_status rdb_elements_open(rdb_reader *r, uint8_t type, rdb_elements *e);

/* The next one, lent until the next read; an int means its digits. KEVY_MISSING: no more. */
kevy_status rdb_elements_next(rdb_reader *r, rdb_elements *e, kevy_value *raw);
/* One that must be there. */
kevy_status rdb_elements_need(rdb_reader *r, rdb_elements *e, kevy_value *raw);

/* ---- batches ---- */

void rdb_batch_begin(rdb_reader *r, int32_t type, const char *key, size_t klen, uint32_t flags);

/* Takes a string of the element at hand as the scalar it was; last: nothing is read before rdb_batch_next. */
kevy_status rdb_batch_take(rdb_reader *r, rdb_role role, const kevy_value *raw, bool last, kevy_value *out);

/* The element at hand (names[n], values[n], scores[n], deadlines[n] as the type needs) is whole. */
kevy_status rdb_batch_next(rdb_reader *r);

/* The element at hand is whole and counts, but is not put. */
kevy_status rdb_batch_pass(rdb_reader *r);

/* Puts what is left. KEVY_MISSING: there was not one element. */
kevy_status rdb_batch_end(rdb_reader *r);

#endif
