/* pubsub: who listens to what, and the messages that wait for them.
 *
 * Channels are no data: they live in the process, beside the store, and go with its handle. A store that
 * anybody has listened to has a registry: topics (channels, patterns, shard channels) found by their names, each with its
 * subscriptions, oldest first; a subscription ties a topic to a subscriber, and both know it:
 *
 *     registry -- topics:  (kind, name) --> topic ----> subscription -> subscription -> ...
 *              -- ties:    (topic, subscriber) -------> subscription
 *                          subscriber, for each kind -> subscription -> ...   ring: message message ...
 *
 * Both tables grow and shrink by one bucket at a time (linear hashing), so that no call pays for all channels. Names
 * are hashed with a secret of the registry's own.
 *
 * A message is made once and counted; each subscriber has a ring of references. A ring is bounded as client-output-buffer-limit
 * bounds a subscriber of Redis: beyond the hard limit, or the soft one for too long, it is emptied and the subscriber marked;
 * nothing more is kept for it until its owner has learned of that (subscriber_next). Where memory runs out it is the same.
 *
 * What is published within a transaction waits for its commit, and goes with its rollback.
 *
 * Everything here is called with the store's lock held, but for what says otherwise. */
#ifndef KEVY_PUBSUB_H
#define KEVY_PUBSUB_H

#include <sys/types.h>

#include "../core/store.h"
#include "reply.h"

typedef enum pubsub_kind { PUBSUB_CHANNEL, PUBSUB_PATTERN, PUBSUB_SHARD, PUBSUB_KINDS } pubsub_kind;

typedef struct pubsub_topic pubsub_topic;
typedef struct pubsub_subscription pubsub_subscription;
typedef struct pubsub_message pubsub_message;

/* The end that listens; part of a session. Its fields are pubsub.c's. */
typedef struct subscriber {
  kevy_store *store; /* NULL once that has closed */
  struct subscriber *next, *prev; /* of the store's */
  bool listed;                    /* among them: it has subscribed to something, or is waited for */
  struct {
    pubsub_subscription *first, *last;
    uint64_t count;
  } kinds[PUBSUB_KINDS];
  pubsub_message **ring;
  size_t room, head, waiting; /* of the ring: slots, the oldest, how many */
  uint64_t bytes;             /* of the messages that wait */
  int64_t soft_since;         /* beyond the soft limit since then; 0: it is not */
  bool dropped;               /* messages were, and its owner does not know */
  int fd;                     /* an eventfd, readable while messages wait; -1: nobody asked */
  pid_t pid;                  /* whose eventfd that is */
  void (*told)(void *context);
  void *context;
} subscriber;

/* Bytes that may wait for one subscriber: never more than hard; not more than soft for longer than seconds. 0: no limit. */
typedef struct pubsub_limit {
  uint64_t hard, soft;
  int64_t seconds;
} pubsub_limit;

/* ---- the subscriber ---- */

void subscriber_open(subscriber *u, kevy_store *s);

/* Ends its subscriptions and forgets what waits. The store may have closed. */
void subscriber_close(subscriber *u);

/* KEVY_OK; KEVY_UNMET where it is subscribed already; KEVY_EOOM. */
kevy_status subscriber_add(subscriber *u, pubsub_kind kind, const char *name, size_t len);

/* False: it was not subscribed. */
bool subscriber_remove(subscriber *u, pubsub_kind kind, const char *name, size_t len);

/* Ends all its subscriptions; what waits stays. */
void subscriber_remove_all(subscriber *u);

/* The name of its oldest subscription of a kind; false: there is none. */
bool subscriber_oldest(const subscriber *u, pubsub_kind kind, kevy_value *name);

/* What SUBSCRIBE and its relatives count: channels and patterns, or shard channels. */
static inline uint64_t subscriber_count(const subscriber *u, pubsub_kind kind) {
  if (kind == PUBSUB_SHARD) return u->kinds[PUBSUB_SHARD].count;
  return u->kinds[PUBSUB_CHANNEL].count + u->kinds[PUBSUB_PATTERN].count;
}
static inline bool subscriber_listens(const subscriber *u) {
  return (u->kinds[0].count | u->kinds[1].count | u->kinds[2].count) != 0;
}

/* Writes the oldest message to the sink, as a push, and forgets it. KEVY_MISSING: there is none; KEVY_UNMET, once: messages
 * were dropped. */
kevy_status subscriber_next(subscriber *u, sink *out);

/* A descriptor that is readable while subscriber_next has something to say; -1: none was to be had. */
int subscriber_fd(subscriber *u);

/* Makes that readable once more. */
void subscriber_wake(const subscriber *u);

/* ---- publishing ---- */

/* Gives a message to all who listen to the channel (PUBSUB_SHARD: to the shard channel); how many that are. */
uint64_t pubsub_publish(kevy_store *s, pubsub_kind kind, const kevy_value *channel, const kevy_value *payload);

/* Whether anybody listens to anything. */
bool pubsub_heard(const kevy_store *s);

/* ---- looking ---- */

uint64_t pubsub_subscribers(const kevy_store *s, pubsub_kind kind, const char *name, size_t len);
uint64_t pubsub_topics(const kevy_store *s, pubsub_kind kind);

/* Visits the topics of a kind, in no order. */
void pubsub_each(const kevy_store *s, pubsub_kind kind, void (*visit)(void *context, const kevy_value *name), void *context);

/* ---- the store ---- */

/* The limit of its subscribers; KEVY_EOOM. */
pubsub_limit pubsub_limit_of(const kevy_store *s);
kevy_status pubsub_set_limit(kevy_store *s, pubsub_limit limit);

/* A transaction that ended, which was the depth-th: what was published in it is given, or belongs to the one around it; or goes. */
void pubsub_ended(kevy_store *s, uint32_t depth, bool committed);

/* The store closes: its subscribers hear no more. */
void pubsub_close(kevy_store *s);

#endif
