/* directory: a store that lives in a directory: its files (manifest.h), its log (log.h), what opening it recovered, and rewriting it.
 *
 * Opening locks the directory, reads the base, and does the incremental files again. A file that ends within a record or a transaction is cut
 * at the last whole one, and what is cut off kept beside it, under its name and ".torn-" and the offset; that is allowed where nothing
 * follows. Corruption elsewhere fails the open, or, to salvage what is before it, is cut off with everything that follows.
 *
 * Rewriting, when the incremental files have grown past the base, by a thread of its own (the helper), in steps:
 *
 *     IDLE -> PREPARING: the helper makes the next incremental file and names it in the manifest
 *          -> READY:     the owner, in some call, takes a snapshot and turns the log to that file: microseconds
 *          -> WRITING:   the helper writes the snapshot as the new base, puts it in the manifest, removes what is past
 *          -> IDLE
 *
 * A broken log is mended the same way, but that the owner restarts the log at the snapshot, and the files become part of the manifest together when
 * the base is whole; only then the store takes writes again. It is tried at the owner's calls, at most once a second.
 *
 * The owner calls with the store's lock held. After a fork the child's store is closed: directory_abandon. */
#ifndef KEVY_DIRECTORY_H
#define KEVY_DIRECTORY_H

#include "../store_open.h"
#include "log.h"
#include "manifest.h"


typedef struct directory_options {
  log_fsync fsync;
  uint64_t queue;      /* bytes; 0: the default */
  uint64_t rewrite_at; /* bytes of incremental files from which on the log is rewritten; 0: the default, UINT64_MAX: never */
  bool fail_fast, salvage;
  /* Does a record again on a store. False, with the reason: it cannot be done. */
  bool (*apply)(kevy_store *s, size_t argc, const kevy_value *argv, char *message, size_t room);
  /* Is told about once a megabyte how many bytes are read, of how many, and keys there are. Not 0: that is enough. NULL: nobody asks. */
  int32_t (*progress)(void *context, uint64_t done, uint64_t total, uint64_t keys);
  void *progress_context;
} directory_options;

/* What the open found. */
typedef struct directory_report {
  uint64_t records, bytes;  /* done again */
  uint64_t cut, offset;     /* bytes cut off, and where */
  bool left;                /* they are not cut off, but left alone: the directory may only be read */
  char file[MANIFEST_FILE_NAME];
} directory_report;

/* Fills an empty store from the directory, which is made where it is missing, and gives the store its log. KEVY_ECORRUPT, KEVY_EDURABILITY,
 * KEVY_EOOM, KEVY_ECANCELLED, with the reason in message. One that may only be read gives a store that refuses writes. */
kevy_status directory_open(kevy_store *s, const char *path, const directory_options *o, char *message, size_t room);

/* Writes what is queued and closes it; the store has no log any more. 0 or the errno that made it fail. */
int directory_close(kevy_store *s);

/* In the child of a fork. */
void directory_abandon(kevy_store *s);

/* The same of a store whose directory is being opened, which the child may go on with: that fails. */
void directory_abandon_opening(kevy_store *s);

struct directory *directory_of(const kevy_store *s);
const directory_report *directory_reported(const struct directory *d);
logfile *directory_log(const struct directory *d); /* NULL where it may only be read */
uint64_t directory_log_bytes(const struct directory *d); /* of the file appended to */
log_fsync directory_fsync(const struct directory *d);
void directory_set_fsync(struct directory *d, log_fsync fsync);

/* From how many bytes of incremental files on, and from what part of the base, in percent, the log is rewritten by itself; 0 percent: never. */
uint64_t directory_rewrite_at(const struct directory *d);
uint64_t directory_percentage(const struct directory *d);
void directory_set_growth(struct directory *d, uint64_t rewrite_at, uint64_t percentage);

/* Why it may only be read, an errno; 0: it is written. */
int directory_denied(const struct directory *d);

/* Where it is, as it was opened. */
const char *directory_path(const struct directory *d);

/* Begins a rewrite, unless one is running; the owner's later calls go on with it. */
void directory_rewrite(struct directory *d);
/* Whether none is running. *error: how the last ended, 0 for well. */
bool directory_rewritten(struct directory *d, int *error);

/* What the owner does at the end of a call. */
void directory_step(kevy_store *s);

#endif
