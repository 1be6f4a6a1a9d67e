/* space: the databases of a store in one region, with its epochs and snapshots.
 *
 * A store owns one space at a time; clearing it takes a new one and lets the old go. Snapshots,
 * iterators and pins hold a reference each, so what they lend stays mapped after clear and close;
 * the last reference unmaps the region whole, O(pages).
 *
 * Fields are the owner's; `refs`, `released` and `unpinned` are for any thread. */
#ifndef KEVY_SPACE_H
#define KEVY_SPACE_H

#include "table.h"

#define SPACE_TYPES 8 /* KEVY_TYPE_s, and room */
#define SPACE_SECRET 192 /* bytes of secret XXH3 asks for */

typedef struct wheel wheel;

#define DATABASES 16

/* What a database is (database.h). */
typedef struct database {
  table keys;      /* no root: it is not in use */
  uint64_t life;   /* no other one of the space, before or after, has it */
  uint64_t with_ttl;
  uint64_t ttl_bytes;          /* of the blocks of entries with a deadline */
  uint64_t typed[SPACE_TYPES]; /* keys by type, but for strings */
  table timers;                /* of hashes whose fields have deadlines (timers.h); no root until the first */
  uint64_t timer_bytes;        /* of its entries */
} database;

/* All of them: 0, which is always in use, and the others, NULL until one is used. */
typedef struct databases {
  database first;
  database *rest;
} databases;

/* A moment of a space, shared by every snapshot and iterator opened while nothing was written. */
typedef struct moment {
  databases db;
  uint64_t epoch;
  int64_t now; /* Unix ms: time stands still in it */
  ref dead; /* newest chunk of the dead list, 0 for none */
  _Atomic uint64_t holders;
  struct space *sp;
  struct moment *newer, *older; /* live moments, by epoch */
  struct moment *next_released;
  struct transaction *undone; /* the one it was opened in, which was rolled back; NULL: none */
} moment;

/* One owner's count of a blob, held by a pin. On the owner's list while it lives; on `unpinned`, too, once
 * it was let go of. */
typedef struct pin_node {
  struct pin_node *next, *prev;
  struct pin_node *next_unpinned;
  ref blob;
} pin_node;

/* How far a pass over scattered memory has got (compact.h). */
typedef struct compacting {
  bool on, walked;
  uint32_t fill;            /* of 256: spans that are less full are emptied */
  uint32_t eager;           /* passes that gained little, one after another, and left much */
  uint64_t before;          /* what was wasted when it began */
  uint64_t left;            /* what spans had been emptied of until then (mem.h) */
  uint64_t rest;            /* no pass before so much is wasted */
  uint32_t index;           /* of the database at work */
  table_walk keys, members; /* members: of the large value at work */
  ref value;                /* that value, 0 for none */
  uint64_t position;        /* in its tree */
} compacting;

struct space {
  mem mem;
  databases db;
  uint64_t epoch;  /* of nodes born now */
  uint64_t newest; /* epoch of the newest live moment, 0 for none; all ones while a transaction is light */
  bool written;    /* since that moment was opened */
  moment *moments; /* newest first */
  moment *draining;  /* released ones whose dead lists are not empty yet, by next_released */
  ref graves;        /* large values nobody sees any more, by next_grave */
  ref kept;          /* the like made of what a transaction began with: they wait for its end */
  uint32_t transactions; /* that hold a moment of this space and can go back to it */
  struct transaction *light;  /* one that has not opened its moment (light.h), NULL for none */
  struct transaction *undone; /* rolled back while moments from inside them live */
  uint64_t retained; /* bytes on dead lists */
  uint64_t buried;   /* bytes of graves and of what is kept */
  struct flushed *flushed; /* databases that are being taken apart (database.h), newest first */
  uint64_t lives;       /* of databases, so far */
  uint32_t versions;    /* that are held (kevy_version_of): until then a database stays in use, to tell what came and went */
  ref wheel;            /* the deadline index of all databases, 0 until the first deadline */
  ref ringing;          /* the timer at work, 0 for none */
  uint64_t blobs;  /* bytes of blobs */
  uint64_t shared; /* of them, of those that are no single entry's (blob.h) */
  ref ghosts;           /* the past of evicted keys (ghosts.h), 0 until one is kept */
  uint64_t ghost_bytes;
  uint64_t larges_gone; /* entries of large values that left the keyspace, ever */
  uint64_t work_moved, work_bytes; /* counted work: slots moved, bytes copied or zeroed */
  _Atomic uint64_t live; /* how many moments; any thread may ask */
  _Atomic uint64_t refs;
  _Atomic(moment *) released;
  _Atomic(pin_node *) unpinned;
  pin_node *pinned;
  uint64_t pins, pinned_bytes; /* a blob counts for each of its pins */
  compacting compacting;
  unsigned char secret[SPACE_SECRET];
};

/* A new, empty space with one reference. NULL: no memory. */
space *space_open(uint64_t limit);

/* For tests: spaces that are opened from now on have secrets that follow from the seed, so that a run can be had again. 0: secrets
 * nobody knows. */
void space_debug_seed(uint64_t from);

void space_ref(space *sp);
void space_unref(space *sp);

/* The owner lets go of its reference. Snapshots and iterators keep the space whole; where only pins are
 * left, all pages but those of their blobs go at once. */
void space_abandon(space *sp);

#endif
