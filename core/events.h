/* events: the keys that went by themselves, for those who want to hear of it.
 *
 * A key that expires or is evicted goes in the middle of some call, with the store's lock held. Nobody is called then: what
 * went is noted in a queue of the process's memory, oldest first, and asked for later, outside of any lock.
 *
 *     chunk -> chunk -> chunk      record: [event_head][key][value], to a multiple of 8 bytes
 *     ^ first, read up to `taken`  ^ last, written up to its `used`
 *
 * The queue is bounded: what finds no room, or no memory, is counted as missed. Inside a transaction nothing is given; what was
 * noted since its beginning goes with a rollback, so a mark into the queue stays good while it is open.
 *
 * A store that nobody listens to has no queue. Callers hold the store's lock. */
#ifndef KEVY_EVENTS_H
#define KEVY_EVENTS_H

#include "store.h"

#define EVENTS_ROOM ((uint64_t)1 << 20) /* of the queue, where its listener does not say */
#define EVENTS_MOST 65536               /* longest key, and longest value, that is kept */

typedef struct events_chunk {
  struct events_chunk *next;
  size_t used, room;
  char bytes[];
} events_chunk;

typedef struct events {
  uint32_t wanted; /* KEVY_EVENT_... */
  events_chunk *first, *last;
  size_t taken;     /* of the first chunk */
  uint64_t waiting; /* events that are to be given */
  uint64_t missed;
  uint64_t bytes, limit; /* of all chunks */
  void (*tell)(kevy_store *s, const entry *e, uint32_t event); /* is told at once, EVENTS_NEW included; NULL: nobody */
} events;

/* A moment of the queue, to go back to. */
typedef struct events_mark {
  events_chunk *chunk; /* the last one then, NULL for none */
  size_t used;
  uint64_t waiting, missed;
} events_mark;

/* Begins to note these events, or others (0: none any more; what waits is forgotten). False: no memory. */
bool events_listen(kevy_store *s, uint32_t wanted, uint64_t limit);
void events_free(events *q);

/* Has somebody told of each event where it happens, within the store's lock, who must not touch the store; NULL: nobody any more.
 * False: no memory. */
bool events_tell(kevy_store *s, void (*tell)(kevy_store *s, const entry *e, uint32_t event));

/* A key that was not there before: this is told, never noted. */
#define EVENTS_NEW 0x100u

/* Notes that the entry goes because of this event. */
void events_add(kevy_store *s, const entry *e, uint32_t event);
static inline void events_note(kevy_store *s, const entry *e, uint32_t event) {
  if (UNLIKELY(s->events != NULL)) events_add(s, e, event);
}

/* Gives the oldest, whose key and value stay until the next is taken. False: there is none, or a transaction is open. */
bool events_take(kevy_store *s, int32_t *event, int32_t *type, kevy_value *key, kevy_value *value);

events_mark events_here(const kevy_store *s);
void events_back(kevy_store *s, events_mark mark);

#endif
