/* rdb_writer: what a file is written with: how far it is, which kinds are in force, and the AUX fields that tell of kinds
 * and of fields' deadlines (rdb.h).
 *
 * Used by what writes values: rdb_write and rdb_write_stream. Errors are the writer's (writer.h). */
#ifndef KEVY_RDB_WRITER_H
#define KEVY_RDB_WRITER_H

#include "../space.h"
#include "rdb_encode.h"

/* An AUX value that comes in parts. */
typedef struct rdb_part {
  char letter;
  size_t len;
  char bytes[RDB_AUX_PART];
} rdb_part;

/* Elements of one kind in a row, not yet told of. */
typedef struct rdb_runs {
  rdb_part part;
  uint64_t count;
  uint32_t kind;
} rdb_runs;

/* Deadlines of fields. */
typedef struct rdb_deadlines {
  rdb_part part;
  uint64_t gap;
  int64_t last;
} rdb_deadlines;

typedef struct rdb_writer {
  writer *w;
  const space *sp;
  int64_t now;
  rdb_kinds state; /* in force */
  uint8_t plain;   /* entry.kinds of a string under a key, neither of which looks like a number, that the state suits */
  rdb_runs runs;
  rdb_deadlines deadlines;
  rdb_item key, value;
} rdb_writer;

/* ---- AUX ---- */

void rdb_aux(writer *w, const char *name, const char *value, size_t len);

void rdb_part_open(rdb_part *part, char letter);
void rdb_part_add(writer *w, rdb_part *part, uint64_t n);
void rdb_part_flush(writer *w, rdb_part *part);

void rdb_runs_add(writer *w, rdb_runs *r, uint32_t kind);
void rdb_runs_flush(writer *w, rdb_runs *r);

void rdb_deadlines_add(writer *w, rdb_deadlines *d, int64_t deadline);

/* ---- kinds ---- */

/* The state in which strings of this role and class are of this kind, too. */
static inline rdb_kinds rdb_kinds_with(rdb_kinds state, unsigned shift, uint32_t kind) {
  return (rdb_kinds)((state & ~(3u << shift)) | kind << shift);
}

/* The state in force, but for what the entry's key needs. */
rdb_kinds rdb_state_for_key(const rdb_writer *rw, const entry *e);

/* Puts a state in force without a word, and with one where it is another: the next key needs it. */
void rdb_set_state(rdb_writer *rw, rdb_kinds state);
void rdb_announce(rdb_writer *rw, rdb_kinds state);

/* What walking a value tells. */
typedef struct rdb_survey {
  uint64_t count;    /* elements, a pair counted once */
  uint64_t bytes;    /* of all as elements of a listpack */
  uint64_t nodes;    /* of a quicklist, */
  uint64_t in_node;  /* and bytes of the last of them */
  bool deadlines;    /* some field has one */
  uint8_t kinds[16]; /* by the place in a state / 2: a bit for each kind there is */
} rdb_survey;

void rdb_survey_add(rdb_survey *s, rdb_role role, const rdb_item *it);

/* The state that suits all elements. False: there is none. */
bool rdb_survey_state(const rdb_survey *s, rdb_kinds *state);

/* ---- keys ---- */

/* The deadline, the type and the key: the value follows. */
void rdb_put_key(rdb_writer *rw, const entry *e, unsigned type);

#endif
