/* log: an append-only file that a thread of its own writes: an ordered, bounded, counted queue in front of it.
 *
 *     append ->  filling  ->  (swap)  writing  ->  write  ->  sync
 *     position:  appended             handed       written    synced          bytes since the log was opened
 *
 * Callers append records to one buffer while the writer writes the other. What is waited for is a position, the ticket: `always`
 * waits until it is synced, and whoever appends while a sync runs shares the next one (group commit); otherwise a caller waits only
 * while more than the bound is queued, or the oldest byte not synced is older than LOG_BEHIND_MS: a slow disk is absorbed, and
 * then slows down who writes, or makes the store refuse writes (fail_fast).
 *
 * Those whom a sync released mostly come back at once. So the next group is written when as many have come as were released, beside
 * those who came meanwhile; it does not go without them as long as they keep coming, nor for longer than a sync takes. Otherwise
 * two halves would take turns, each waiting for the other's sync. Who writes alone is never waited for.
 *
 * The first error breaks the log: what was appended and is not synced may be lost, nothing more is written, and the store's
 * gate refuses writes, until log_restart gives it a new file.
 *
 * log_append, log_turn, log_restart and log_go are the owner's, with the store's lock held; all else is any thread's. After a fork the child
 * calls log_abandon alone. */
#ifndef KEVY_LOG_H
#define KEVY_LOG_H

#include <pthread.h>

#include "../base.h"
#include "../kevy_types.h"
#include "log_host.h"

typedef enum log_fsync { LOG_ALWAYS, LOG_EVERYSEC, LOG_NO } log_fsync;

#define LOG_BEHIND_MS 2000
#define LOG_SYNC_MS 1000       /* everysec */
#define LOG_BOUND ((size_t)64 << 20)

typedef struct log_buffer {
  char *bytes;
  size_t len, room;
} log_buffer;

typedef struct logfile {
  pthread_mutex_t lock;
  pthread_cond_t work, done; /* the writer waits for one, callers for the other */
  pthread_t writer;
  log_fsync fsync;
  size_t bound;
  bool fail_fast;
  bool stopping, urgent;     /* urgent: what is written is to be synced at once */
  bool sleeping;             /* the writer wants to be told of the first byte */
  bool busy;                 /* the writer is at the file, without the lock */
  bool held;                 /* nothing is written until log_go */
  kevy_status *gate;         /* the store's `unwritable` */
  log_buffer filling, writing;
  uint64_t appended, handed, written, synced;
  int64_t oldest;            /* when the oldest byte not synced was appended, monotonic ms; 0: none */
  int fd;
  uint64_t size;             /* of the file */
  int next;                  /* the file to go on with from turn_at on; -1: none */
  uint64_t turn_at;
  uint64_t lost_from, lost_to; /* positions between them were forgotten at the last restart */
  int error;                 /* errno of what broke it; 0: whole */
  const char *step;          /* and what failed */
  uint64_t appends, syncs, waits;
  uint64_t queued, group;    /* appends since the last write, and those that the next sync is for */
  uint64_t expected;         /* appends, ever, when those whom the last sync released are back */
  bool gathering;            /* the writer wants to be told of the last of them */
  uint64_t sync_ns;          /* what the last sync took */
} logfile;

/* Begins to append to a file, whose descriptor becomes the log's. NULL: no memory, no thread. */
logfile *log_open(int fd, uint64_t size, log_fsync fsync, size_t bound, bool fail_fast, kevy_status *gate);

/* Writes and syncs what is queued, ends the thread, and closes the file. 0, or what broke the log. */
int log_close(logfile *l);

/* In the child of a fork: lets go of everything but the parent's file. */
void log_abandon(logfile *l);

/* Queues records, more than one as a transaction. The ticket to wait for; 0 where the log is broken. */
uint64_t log_append(logfile *l, const char *bytes, size_t len, uint64_t records);

/* Waits as long as the policy asks. KEVY_EDURABILITY. The host, which may be NULL, is told of a wait alone. */
kevy_status log_wait(logfile *l, uint64_t ticket, const log_host *host);

/* Waits until all that was appended is on the disk, whatever the policy. */
kevy_status log_sync(logfile *l, const log_host *host);

/* Another policy from now on. Who waits already waits for what it asked for; what is queued is synced at once. */
void log_set_fsync(logfile *l, log_fsync fsync);

/* Breaks the log: the store could not say what it did. */
void log_break(logfile *l, int error, const char *step);

/* What is appended from now on goes to this file, once the one before is synced. Of a log that is whole and not turning. */
void log_turn(logfile *l, int fd);

/* Whether the file before the turn has been left. */
bool log_turned(logfile *l);

/* A broken log begins anew with this file; what it could not write is forgotten. What is appended waits, and the gate stays
 * closed, until log_go. False: the writer is still at the old one. */
bool log_restart(logfile *l, int fd);
void log_go(logfile *l);

/* The file's size, and whether the log is broken, without the lock. */
static inline uint64_t log_size(const logfile *l) { return __atomic_load_n(&l->size, __ATOMIC_RELAXED); }
static inline bool log_is_broken(const logfile *l) { return __atomic_load_n(&l->error, __ATOMIC_RELAXED) != 0; }

/* 0 or the errno that broke it. */
int log_broken(logfile *l, const char **step);

#endif
