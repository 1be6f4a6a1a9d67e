/* pubsub: see pubsub.h. */
#include "pubsub.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "../core/glob.h"
#include "../core/hashing.h"
#include "../core/transaction.h"

/* ---- Tables -------------------------------------------------------------------------------------
 * Chains in an array of buckets, of which the first `size` are in use. The bucket that is added takes its share from the one
 * whose index it has without its highest bit. */

typedef struct pubsub_node {
  struct pubsub_node *next;
  uint64_t hash;
} pubsub_node;

typedef struct pubsub_table {
  pubsub_node **buckets;
  size_t size, room, mask; /* mask: the least 2^n - 1 that is not below size - 1 */
  size_t count;
} pubsub_table;

#define TABLE_LEAST 16

static size_t pubsub_index(const pubsub_table *t, uint64_t hash) {
  size_t i = (size_t)hash & t->mask;
  return i < t->size ? i : i & (t->mask >> 1);
}

static bool pubsub_table_open(pubsub_table *t) {
  *t = (pubsub_table){.size = 1, .room = TABLE_LEAST};
  t->buckets = malloc(TABLE_LEAST * sizeof *t->buckets);
  if (t->buckets != NULL) t->buckets[0] = NULL;
  return t->buckets != NULL;
}

static bool pubsub_table_resize(pubsub_table *t, size_t room) {
  pubsub_node **buckets = realloc(t->buckets, room * sizeof *buckets);
  if (buckets == NULL) return false;
  t->buckets = buckets;
  t->room = room;
  return true;
}

/* One bucket more. Without memory chains get longer. */
static void pubsub_table_grow(pubsub_table *t) {
  if (t->size == t->room && !pubsub_table_resize(t, t->room * 2)) return;
  size_t added = t->size++;
  if (added > t->mask) t->mask = t->mask * 2 + 1;
  pubsub_node **link = &t->buckets[added & (t->mask >> 1)], *taken = NULL;
  while (*link != NULL) {
    pubsub_node *n = *link;
    if (pubsub_index(t, n->hash) != added) {
      link = &n->next;
      continue;
    }
    *link = n->next;
    n->next = taken;
    taken = n;
  }
  t->buckets[added] = taken;
}

/* One less. */
static void pubsub_table_shrink(pubsub_table *t) {
  size_t last = --t->size;
  pubsub_node **link = &t->buckets[last & (t->mask >> 1)];
  while (*link != NULL) link = &(*link)->next;
  *link = t->buckets[last];
  if (t->size - 1 == t->mask >> 1) t->mask >>= 1;
  if (t->size <= t->room / 4 && t->room > TABLE_LEAST) (void)pubsub_table_resize(t, t->room / 2);
}

static void pubsub_table_add(pubsub_table *t, pubsub_node *n) {
  if (++t->count > t->size) pubsub_table_grow(t);
  pubsub_node **chain = &t->buckets[pubsub_index(t, n->hash)];
  n->next = *chain;
  *chain = n;
}

static void pubsub_table_remove(pubsub_table *t, pubsub_node *n) {
  pubsub_node **link = &t->buckets[pubsub_index(t, n->hash)];
  while (*link != n) link = &(*link)->next;
  *link = n->next;
  t->count--;
  if (t->size > 1 && t->count < t->size / 2) pubsub_table_shrink(t);
}

/* ---- The registry ------------------------------------------------------------------------------- */

struct pubsub_subscription {
  pubsub_node node; /* of the ties */
  pubsub_topic *topic;
  subscriber *who;
  pubsub_subscription *next, *prev;  /* of the topic's */
  pubsub_subscription *later, *sooner; /* of the subscriber's */
};

struct pubsub_topic {
  pubsub_node node;
  pubsub_kind kind;
  pubsub_subscription *first, *last;
  uint64_t subscribers;
  pubsub_topic *next, *prev; /* of its kind */
  size_t len;
  char name[];
};

/* What was published within a transaction. */
typedef struct pubsub_held {
  struct pubsub_held *next;
  uint32_t depth;
  pubsub_kind kind;
  size_t channel, payload;
  char bytes[];
} pubsub_held;

typedef struct pubsub {
  unsigned char secret[SPACE_SECRET];
  pubsub_table topics, ties;
  struct {
    pubsub_topic *first, *last;
    uint64_t count;
  } kinds[PUBSUB_KINDS];
  subscriber *subscribers;
  pubsub_limit limit;
  pubsub_held *held, **held_end;
} pubsub;

#define PUBSUB_HARD ((uint64_t)32 << 20)
#define PUBSUB_SOFT ((uint64_t)8 << 20)
#define PUBSUB_SECONDS 60

static const pubsub_limit pubsub_default = {PUBSUB_HARD, PUBSUB_SOFT, PUBSUB_SECONDS};

static pubsub *pubsub_new(kevy_store *s) {
  pubsub *r = calloc(1, sizeof *r);
  if (r == NULL) return NULL;
  if (!pubsub_table_open(&r->topics) || !pubsub_table_open(&r->ties)) {
    free(r->topics.buckets);
    free(r);
    return NULL;
  }
  for (size_t i = 0; i < sizeof r->secret; i += sizeof(uint64_t)) {
    uint64_t random = store_random(s);
    memcpy(r->secret + i, &random, sizeof random);
  }
  r->limit = pubsub_default;
  r->held_end = &r->held;
  return r;
}

static pubsub *pubsub_of(kevy_store *s) {
  if (s->pubsub == NULL) s->pubsub = pubsub_new(s);
  return s->pubsub;
}

static uint64_t topic_hash(const pubsub *r, pubsub_kind kind, const char *name, size_t len) {
  return hash_bytes(r->secret, name, len) + (uint64_t)kind * UINT64_C(0x9E3779B97F4A7C15);
}

static pubsub_topic *topic_find(const pubsub *r, uint64_t hash, pubsub_kind kind, const char *name, size_t len) {
  pubsub_node *n = r->topics.buckets[pubsub_index(&r->topics, hash)];
  for (; n != NULL; n = n->next) {
    pubsub_topic *t = (pubsub_topic *)(void *)n;
    if (n->hash == hash && t->kind == kind && t->len == len && (len == 0 || memcmp(t->name, name, len) == 0)) return t;
  }
  return NULL;
}

static pubsub_topic *topic_named(const kevy_store *s, pubsub_kind kind, const char *name, size_t len) {
  const pubsub *r = s->pubsub;
  return r != NULL ? topic_find(r, topic_hash(r, kind, name, len), kind, name, len) : NULL;
}

static pubsub_topic *topic_new(pubsub *r, uint64_t hash, pubsub_kind kind, const char *name, size_t len) {
  pubsub_topic *t = calloc(1, sizeof *t + len);
  if (t == NULL) return NULL;
  t->node.hash = hash;
  t->kind = kind;
  t->len = len;
  if (len != 0) memcpy(t->name, name, len);
  pubsub_table_add(&r->topics, &t->node);
  t->prev = r->kinds[kind].last;
  if (t->prev != NULL) t->prev->next = t;
  else r->kinds[kind].first = t;
  r->kinds[kind].last = t;
  r->kinds[kind].count++;
  return t;
}

static void topic_free(pubsub *r, pubsub_topic *t) {
  pubsub_table_remove(&r->topics, &t->node);
  if (t->prev != NULL) t->prev->next = t->next;
  else r->kinds[t->kind].first = t->next;
  if (t->next != NULL) t->next->prev = t->prev;
  else r->kinds[t->kind].last = t->prev;
  r->kinds[t->kind].count--;
  free(t);
}

/* ---- Subscriptions ------------------------------------------------------------------------------ */

static uint64_t tie_hash(const pubsub *r, const pubsub_topic *t, const subscriber *u) {
  uint64_t words[2] = {(uint64_t)(uintptr_t)t, (uint64_t)(uintptr_t)u};
  return hash_bytes(r->secret, (const char *)words, sizeof words);
}

static pubsub_subscription *tie_find(const pubsub *r, uint64_t hash, const pubsub_topic *t, const subscriber *u) {
  pubsub_node *n = r->ties.buckets[pubsub_index(&r->ties, hash)];
  for (; n != NULL; n = n->next) {
    pubsub_subscription *tie = (pubsub_subscription *)(void *)n;
    if (tie->topic == t && tie->who == u) return tie;
  }
  return NULL;
}

static void tie_append(pubsub_subscription *tie) {
  pubsub_topic *t = tie->topic;
  subscriber *u = tie->who;
  tie->prev = t->last;
  if (tie->prev != NULL) tie->prev->next = tie;
  else t->first = tie;
  t->last = tie;
  t->subscribers++;
  tie->sooner = u->kinds[t->kind].last;
  if (tie->sooner != NULL) tie->sooner->later = tie;
  else u->kinds[t->kind].first = tie;
  u->kinds[t->kind].last = tie;
  u->kinds[t->kind].count++;
}

static void tie_take_out(pubsub_subscription *tie) {
  pubsub_topic *t = tie->topic;
  subscriber *u = tie->who;
  if (tie->prev != NULL) tie->prev->next = tie->next;
  else t->first = tie->next;
  if (tie->next != NULL) tie->next->prev = tie->prev;
  else t->last = tie->prev;
  t->subscribers--;
  if (tie->sooner != NULL) tie->sooner->later = tie->later;
  else u->kinds[t->kind].first = tie->later;
  if (tie->later != NULL) tie->later->sooner = tie->sooner;
  else u->kinds[t->kind].last = tie->sooner;
  u->kinds[t->kind].count--;
}

static void subscriber_enlist(pubsub *r, subscriber *u) {
  if (u->listed) return;
  u->listed = true;
  u->prev = NULL;
  u->next = r->subscribers;
  if (u->next != NULL) u->next->prev = u;
  r->subscribers = u;
}

static void subscriber_delist(pubsub *r, subscriber *u) {
  u->listed = false;
  if (u->prev != NULL) u->prev->next = u->next;
  else r->subscribers = u->next;
  if (u->next != NULL) u->next->prev = u->prev;
  u->next = u->prev = NULL;
}

static kevy_status tie_new(pubsub *r, pubsub_topic *t, subscriber *u) {
  uint64_t hash = tie_hash(r, t, u);
  if (tie_find(r, hash, t, u) != NULL) return KEVY_UNMET;
  pubsub_subscription *tie = calloc(1, sizeof *tie);
  if (tie == NULL) return KEVY_EOOM;
  subscriber_enlist(r, u);
  tie->node.hash = hash;
  tie->topic = t;
  tie->who = u;
  pubsub_table_add(&r->ties, &tie->node);
  tie_append(tie);
  return KEVY_OK;
}

static void tie_free(pubsub *r, pubsub_subscription *tie) {
  pubsub_topic *t = tie->topic;
  pubsub_table_remove(&r->ties, &tie->node);
  tie_take_out(tie);
  free(tie);
  if (t->first == NULL) topic_free(r, t);
}

kevy_status subscriber_add(subscriber *u, pubsub_kind kind, const char *name, size_t len) {
  pubsub *r = u->store != NULL ? pubsub_of(u->store) : NULL;
  if (r == NULL) return KEVY_EOOM;
  uint64_t hash = topic_hash(r, kind, name, len);
  pubsub_topic *t = topic_find(r, hash, kind, name, len);
  if (t == NULL) t = topic_new(r, hash, kind, name, len);
  if (t == NULL) return KEVY_EOOM;
  kevy_status status = tie_new(r, t, u);
  if (t->first == NULL) topic_free(r, t);
  return status;
}

bool subscriber_remove(subscriber *u, pubsub_kind kind, const char *name, size_t len) {
  pubsub *r = u->store != NULL ? u->store->pubsub : NULL;
  pubsub_topic *t = r != NULL ? topic_named(u->store, kind, name, len) : NULL;
  pubsub_subscription *tie = t != NULL ? tie_find(r, tie_hash(r, t, u), t, u) : NULL;
  if (tie != NULL) tie_free(r, tie);
  return tie != NULL;
}

void subscriber_remove_all(subscriber *u) {
  for (int kind = 0; kind < PUBSUB_KINDS; kind++)
    while (u->kinds[kind].first != NULL) tie_free(u->store->pubsub, u->kinds[kind].first);
}

bool subscriber_oldest(const subscriber *u, pubsub_kind kind, kevy_value *name) {
  const pubsub_subscription *tie = u->kinds[kind].first;
  if (tie != NULL) *name = kevy_bytes(tie->topic->name, tie->topic->len);
  return tie != NULL;
}

/* ---- Messages ----------------------------------------------------------------------------------- */

/* A pattern, for those who listen to patterns; a channel; a payload. */
struct pubsub_message {
  atomic_uint owners; /* let go of also by those whose store has closed, without a lock */
  pubsub_kind kind;
  size_t len[3];
  char bytes[];
};

/* What Redis would have to send, nearly. */
#define MESSAGE_FRAME 48

static uint64_t message_size(const pubsub_message *m) {
  return MESSAGE_FRAME + (uint64_t)m->len[0] + m->len[1] + m->len[2];
}

static pubsub_message *message_new(const pubsub_topic *t, const kevy_value *channel, const kevy_value *payload) {
  kevy_value parts[3] = {kevy_bytes(t->name, t->kind == PUBSUB_PATTERN ? t->len : 0), *channel, *payload};
  pubsub_message *m = malloc(sizeof *m + parts[0].len + parts[1].len + parts[2].len);
  if (m == NULL) return NULL;
  atomic_init(&m->owners, 1);
  m->kind = t->kind;
  char *at = m->bytes;
  for (int i = 0; i < 3; i++) {
    m->len[i] = parts[i].len;
    if (parts[i].len != 0) memcpy(at, parts[i].as.ptr, parts[i].len);
    at += parts[i].len;
  }
  return m;
}

static void message_release(pubsub_message *m) {
  if (m != NULL && atomic_fetch_sub(&m->owners, 1) == 1) free(m);
}

static void message_write(const pubsub_message *m, sink *out) {
  static const char *const words[] = {"message", "pmessage", "smessage"};
  bool pattern = m->kind == PUBSUB_PATTERN;
  sink_push(out, pattern ? 4 : 3);
  sink_bytes(out, words[m->kind], strlen(words[m->kind]));
  if (pattern) sink_bytes(out, m->bytes, m->len[0]);
  sink_bytes(out, m->bytes + m->len[0], m->len[1]);
  sink_bytes(out, m->bytes + m->len[0] + m->len[1], m->len[2]);
}

/* ---- The ring of a subscriber ------------------------------------------------------------------- */

#define RING_LEAST 8

static pubsub_message *ring_take(subscriber *u) {
  pubsub_message *m = u->ring[u->head];
  u->head = (u->head + 1) & (u->room - 1);
  u->waiting--;
  u->bytes -= message_size(m);
  return m;
}

static void ring_clear(subscriber *u) {
  while (u->waiting != 0) message_release(ring_take(u));
  free(u->ring);
  u->ring = NULL;
  u->room = u->head = 0;
  u->soft_since = 0;
}

static bool ring_grow(subscriber *u) {
  size_t room = u->room != 0 ? u->room * 2 : RING_LEAST;
  pubsub_message **ring = malloc(room * sizeof(pubsub_message *));
  if (ring == NULL) return false;
  for (size_t i = 0; i < u->waiting; i++) ring[i] = u->ring[(u->head + i) & (u->room - 1)];
  free(u->ring);
  u->ring = ring;
  u->room = room;
  u->head = 0;
  return true;
}

static bool ring_put(subscriber *u, pubsub_message *m) {
  if (m == NULL || (u->waiting == u->room && !ring_grow(u))) return false;
  u->ring[(u->head + u->waiting++) & (u->room - 1)] = m;
  u->bytes += message_size(m);
  atomic_fetch_add(&m->owners, 1);
  return true;
}

static bool soft_for_too_long(subscriber *u, const pubsub_limit *limit) {
  if (limit->soft == 0 || u->bytes <= limit->soft) {
    u->soft_since = 0;
    return false;
  }
  int64_t now = clock_read_ms(CLOCK_MONOTONIC);
  if (u->soft_since == 0) u->soft_since = now;
  return now - u->soft_since > limit->seconds * 1000;
}

static bool ring_fits(subscriber *u, const pubsub_limit *limit) {
  return (limit->hard == 0 || u->bytes <= limit->hard) && !soft_for_too_long(u, limit);
}

/* ---- Signals ------------------------------------------------------------------------------------ */

/* After a fork the descriptor is the parent's. */
static bool fd_own(const subscriber *u) { return u->fd >= 0 && u->pid == getpid(); }

static void fd_raise(const subscriber *u) {
  uint64_t one = 1;
  if (fd_own(u)) (void)!write(u->fd, &one, sizeof one);
}

static void fd_lower(const subscriber *u) {
  uint64_t count;
  if (fd_own(u)) (void)!read(u->fd, &count, sizeof count);
}

int subscriber_fd(subscriber *u) {
  if (fd_own(u)) return u->fd;
  if (u->fd >= 0) close(u->fd);
  u->fd = -1;
  pubsub *r = u->store != NULL ? pubsub_of(u->store) : NULL;
  if (u->store != NULL && r == NULL) return -1;
  if (r != NULL) subscriber_enlist(r, u);
  u->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  u->pid = getpid();
  if (u->waiting != 0 || u->dropped || u->store == NULL) fd_raise(u);
  return u->fd;
}

void subscriber_wake(const subscriber *u) { fd_raise(u); }

/* A message for one subscriber; NULL: there was no memory for it. */
static void subscriber_give(subscriber *u, pubsub_message *m, const pubsub_limit *limit) {
  if (u->dropped) return;
  bool idle = u->waiting == 0;
  if (!ring_put(u, m) || !ring_fits(u, limit)) {
    ring_clear(u);
    u->dropped = true;
  }
  if (idle) fd_raise(u);
  if (u->told != NULL) u->told(u->context);
}

kevy_status subscriber_next(subscriber *u, sink *out) {
  kevy_status status = KEVY_OK;
  if (u->waiting != 0) {
    pubsub_message *m = ring_take(u);
    message_write(m, out);
    message_release(m);
  } else {
    status = u->dropped ? KEVY_UNMET : KEVY_MISSING;
    u->dropped = false;
  }
  if (u->waiting == 0 && u->store != NULL) fd_lower(u);
  return status;
}

void subscriber_open(subscriber *u, kevy_store *s) {
  *u = (subscriber){.store = s, .fd = -1};
}

void subscriber_close(subscriber *u) {
  if (u->listed) {
    subscriber_remove_all(u);
    subscriber_delist(u->store->pubsub, u);
  }
  ring_clear(u);
  if (u->fd >= 0) close(u->fd);
  u->fd = -1;
}

/* ---- Publishing --------------------------------------------------------------------------------- */

static uint64_t topic_give(const pubsub *r, const pubsub_topic *t, const kevy_value *channel, const kevy_value *payload) {
  pubsub_message *m = message_new(t, channel, payload);
  for (pubsub_subscription *tie = t->first; tie != NULL; tie = tie->next) subscriber_give(tie->who, m, &r->limit);
  message_release(m);
  return t->subscribers;
}

static bool topic_matches(const pubsub_topic *t, const kevy_value *channel) {
  return glob_match(t->name, t->len, channel->as.ptr, channel->len, false);
}

/* Gives it (give), or only counts to how many it would be given. */
static uint64_t pubsub_spread(const pubsub *r, pubsub_kind kind, const kevy_value *channel, const kevy_value *payload, bool give) {
  uint64_t heard = 0;
  uint64_t hash = topic_hash(r, kind, channel->as.ptr, channel->len);
  const pubsub_topic *t = topic_find(r, hash, kind, channel->as.ptr, channel->len);
  if (t != NULL) heard += give ? topic_give(r, t, channel, payload) : t->subscribers;
  if (kind == PUBSUB_SHARD) return heard;
  for (t = r->kinds[PUBSUB_PATTERN].first; t != NULL; t = t->next)
    if (topic_matches(t, channel)) heard += give ? topic_give(r, t, channel, payload) : t->subscribers;
  return heard;
}

static void held_free(pubsub *r, uint32_t from) {
  pubsub_held **link = &r->held;
  while (*link != NULL && (*link)->depth < from) link = &(*link)->next;
  for (pubsub_held *h = *link, *next; h != NULL; h = next) {
    next = h->next;
    free(h);
  }
  *link = NULL;
  r->held_end = link;
}

/* Without memory it is as if those who listen had been too slow. */
static void pubsub_hold(kevy_store *s, pubsub_kind kind, const kevy_value *channel, const kevy_value *payload) {
  pubsub *r = s->pubsub;
  pubsub_held *h = malloc(sizeof *h + channel->len + payload->len);
  if (h == NULL) {
    for (subscriber *u = r->subscribers; u != NULL; u = u->next)
      if (subscriber_listens(u)) subscriber_give(u, NULL, &r->limit);
    return;
  }
  *h = (pubsub_held){.depth = transaction_depth(s), .kind = kind, .channel = channel->len, .payload = payload->len};
  if (channel->len != 0) memcpy(h->bytes, channel->as.ptr, channel->len);
  if (payload->len != 0) memcpy(h->bytes + channel->len, payload->as.ptr, payload->len);
  *r->held_end = h;
  r->held_end = &h->next;
}

bool pubsub_heard(const kevy_store *s) { return s->pubsub != NULL && s->pubsub->ties.count != 0; }

uint64_t pubsub_publish(kevy_store *s, pubsub_kind kind, const kevy_value *channel, const kevy_value *payload) {
  if (!pubsub_heard(s)) return 0;
  if (LIKELY(s->transaction == NULL)) return pubsub_spread(s->pubsub, kind, channel, payload, true);
  uint64_t heard = pubsub_spread(s->pubsub, kind, channel, payload, false);
  if (heard != 0) pubsub_hold(s, kind, channel, payload);
  return heard;
}

void pubsub_ended(kevy_store *s, uint32_t depth, bool committed) {
  pubsub *r = s->pubsub;
  if (LIKELY(r == NULL || r->held == NULL)) return;
  if (!committed) {
    held_free(r, depth);
    return;
  }
  for (pubsub_held *h = r->held; h != NULL; h = h->next) {
    if (h->depth == depth) h->depth--;
    kevy_value channel = kevy_bytes(h->bytes, h->channel), payload = kevy_bytes(h->bytes + h->channel, h->payload);
    if (h->depth == 0) pubsub_spread(r, h->kind, &channel, &payload, true);
  }
  if (depth == 1) held_free(r, 0);
}

/* ---- Looking ------------------------------------------------------------------------------------ */

uint64_t pubsub_subscribers(const kevy_store *s, pubsub_kind kind, const char *name, size_t len) {
  const pubsub_topic *t = topic_named(s, kind, name, len);
  return t != NULL ? t->subscribers : 0;
}

uint64_t pubsub_topics(const kevy_store *s, pubsub_kind kind) {
  return s->pubsub != NULL ? s->pubsub->kinds[kind].count : 0;
}

void pubsub_each(const kevy_store *s, pubsub_kind kind, void (*visit)(void *context, const kevy_value *name), void *context) {
  if (s->pubsub == NULL) return;
  for (const pubsub_topic *t = s->pubsub->kinds[kind].first; t != NULL; t = t->next) {
    kevy_value name = kevy_bytes(t->name, t->len);
    visit(context, &name);
  }
}

/* ---- The store ---------------------------------------------------------------------------------- */

pubsub_limit pubsub_limit_of(const kevy_store *s) { return s->pubsub != NULL ? s->pubsub->limit : pubsub_default; }

kevy_status pubsub_set_limit(kevy_store *s, pubsub_limit limit) {
  pubsub *r = pubsub_of(s);
  if (r == NULL) return KEVY_EOOM;
  r->limit = limit;
  return KEVY_OK;
}

/* A descriptor stays readable: whoever waits for it is to learn that the store has closed. */
static void subscriber_orphan(subscriber *u) {
  subscriber_remove_all(u);
  subscriber_delist(u->store->pubsub, u);
  u->store = NULL;
  fd_raise(u);
  if (u->told != NULL) u->told(u->context);
}

void pubsub_close(kevy_store *s) {
  pubsub *r = s->pubsub;
  if (r == NULL) return;
  while (r->subscribers != NULL) subscriber_orphan(r->subscribers);
  held_free(r, 0);
  free(r->topics.buckets);
  free(r->ties.buckets);
  free(r);
  s->pubsub = NULL;
}
