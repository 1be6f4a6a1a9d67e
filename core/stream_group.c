/* stream_group: see stream_group.h. */
#include "stream_group.h"

#include <stdlib.h>

#define STREAM_PAY_ITEMS 32

/* ---- the kinds of records ---- */

/* A group or a consumer in its set. */
typedef struct stream_named {
  ref name;
  ref node;
} stream_named;

typedef struct stream_name_key {
  const char *base, *ptr;
  size_t len;
} stream_name_key;

static int stream_compare_name(const void *sought, const uint64_t key[2]) {
  const stream_name_key *k = sought;
  const stream_name *n = stream_name_at(k->base, key[0]);
  size_t common = n->len < k->len ? n->len : k->len;
  int order = common != 0 ? memcmp(n->bytes, k->ptr, common) : 0;
  if (order != 0) return order;
  return n->len < k->len ? -1 : n->len > k->len;
}

static int stream_compare_id(const void *sought, const uint64_t key[2]) {
  kevy_stream_id at = {key[0], key[1]};
  return stream_id_compare(&at, sought);
}

static const record_kind named_records = {sizeof(stream_named), stream_compare_name};
static const record_kind pending_records = {sizeof(stream_pending), stream_compare_id};
static const record_kind own_records = {sizeof(kevy_stream_id), stream_compare_id};

static inline void *stream_ptr(const space *sp, ref r) { return mem_ptr(sp->mem.base, r); }
static inline ref stream_ref(const space *sp, const void *at) { return (ref)((const char *)at - sp->mem.base); }

/* ---- nodes ---- */

static ref stream_node_new(space *sp, stream *st, size_t size) {
  size = mem_round(size);
  ref r = node_new(sp, (uint32_t)size, false);
  if (r == 0) return 0;
  memset((char *)stream_ptr(sp, r) + sizeof(node), 0, size - sizeof(node));
  st->c.bytes += size;
  return r;
}

static void stream_node_retire(space *sp, stream *st, ref r) {
  st->c.bytes -= ((const node *)stream_ptr(sp, r))->size;
  node_retire(sp, r);
}

static ref stream_name_new(space *sp, stream *st, const char *ptr, size_t len) {
  ref r = stream_node_new(sp, st, sizeof(stream_name) + len);
  if (r == 0) return 0;
  stream_name *n = stream_ptr(sp, r);
  n->len = len;
  if (len != 0) memcpy(n->bytes, ptr, len);
  return r;
}

/* ---- sets of named nodes ---- */

static const stream_named *stream_named_find(const char *base, const tree *t, const char *ptr, size_t len,
                                             records_at *at) {
  stream_name_key k = {base, ptr, len};
  return records_find(base, t, &named_records, &k, at);
}

/* The named node for changing; its set follows. NULL: there is none, or no memory. */
static void *stream_named_change(space *sp, tree *t, const char *ptr, size_t len, bool must) {
  records_at at;
  if (stream_named_find(sp->mem.base, t, ptr, len, &at) == NULL) return NULL;
  stream_named *n = records_own(sp, t, &named_records, &at, must);
  if (n == NULL) return NULL;
  ref r = node_own(sp, n->node, must);
  if (r == 0) return NULL;
  n->node = r;
  return stream_ptr(sp, r);
}

/* Makes a node of this size with a name and puts both into a set that has none of that name. NULL: no memory. Name
 * and node begin alike: node, name. */
static void *stream_named_new(space *sp, stream *st, tree *t, const char *ptr, size_t len, size_t size) {
  stream_named n = {stream_name_new(sp, st, ptr, len), 0};
  if (n.name == 0) return NULL;
  n.node = stream_node_new(sp, st, size);
  records_at at;
  if (n.node != 0) {
    ((stream_consumer *)stream_ptr(sp, n.node))->name = n.name;
    stream_named_find(sp->mem.base, t, ptr, len, &at);
    if (records_insert(sp, t, &named_records, &at, &n, false, &st->c.bytes)) return stream_ptr(sp, n.node);
    stream_node_retire(sp, st, n.node);
  }
  stream_node_retire(sp, st, n.name);
  return NULL;
}

static_assert(offsetof(stream_group, name) == offsetof(stream_consumer, name), "named nodes begin alike");

static const void *stream_named_node(const char *base, const stream_named *n) {
  return n != NULL ? mem_ptr(base, n->node) : NULL;
}

/* ---- groups ---- */

const stream_group *stream_group_find(const char *base, const stream *st, const char *name, size_t len) {
  records_at at;
  return stream_named_node(base, stream_named_find(base, &st->groups, name, len, &at));
}

stream_group *stream_group_change(kevy_store *s, stream *st, const char *name, size_t len, bool must) {
  return stream_named_change(s->sp, &st->groups, name, len, must);
}

kevy_status stream_group_create(kevy_store *s, stream *st, const char *name, size_t len, kevy_stream_id last,
                                int64_t read) {
  if (len > KEVY_MAX_LEN) return KEVY_ETOOBIG;
  if (stream_group_find(s->base, st, name, len) != NULL) return KEVY_UNMET;
  stream_group *g = stream_named_new(s->sp, st, &st->groups, name, len, sizeof *g);
  if (g == NULL) return KEVY_EOOM;
  g->last = last;
  g->read = read;
  return KEVY_OK;
}

bool stream_group_destroy(kevy_store *s, stream *st, const char *name, size_t len) {
  stream_group *g = stream_group_change(s, st, name, len, true);
  if (g == NULL) return false;
  records_at at;
  stream_named_find(s->base, &st->groups, name, len, &at);
  records_remove(s->sp, &st->groups, &named_records, &at, &st->c.bytes);
  g->next_doomed = st->doomed;
  st->doomed = stream_ref(s->sp, g);
  stream_group_pay(s->sp, st);
  return true;
}

const stream_group *stream_group_first(const char *base, const stream *st, records_at *at) {
  return stream_named_node(base, records_first(base, &st->groups, &named_records, at));
}
const stream_group *stream_group_next(const char *base, records_at *at) {
  return stream_named_node(base, records_next(base, &named_records, at));
}
const stream_consumer *stream_consumer_first(const char *base, const stream_group *g, records_at *at) {
  return stream_named_node(base, records_first(base, &g->consumers, &named_records, at));
}
const stream_consumer *stream_consumer_next(const char *base, records_at *at) {
  return stream_named_node(base, records_next(base, &named_records, at));
}

/* ---- lag ---- */

static bool stream_id_zero(const kevy_stream_id *id) { return id->ms == 0 && id->seq == 0; }

/* Whether entries behind this ID were deleted by name, as far as is known. */
static bool stream_gap_behind(const char *base, const stream *st, const kevy_stream_id *id) {
  if (st->length == 0 || stream_id_zero(&st->deleted)) return false;
  kevy_stream_id first = stream_first_id(base, st);
  return stream_id_compare(&first, &st->deleted) <= 0 && stream_id_compare(id, &st->deleted) <= 0;
}

int64_t stream_distance(const char *base, const stream *st, const kevy_stream_id *id) {
  if (st->added == 0) return 0;
  int order = stream_id_compare(id, &st->last);
  if (st->length == 0 && order <= 0) return (int64_t)st->added;
  if (!stream_id_zero(id) && stream_id_compare(id, &st->deleted) < 0) return STREAM_READ_UNKNOWN;
  if (order == 0) return (int64_t)st->added;
  if (order > 0) return STREAM_READ_UNKNOWN;
  kevy_stream_id first = stream_first_id(base, st);
  if (!stream_id_zero(&st->deleted) && stream_id_compare(&st->deleted, &first) >= 0) return STREAM_READ_UNKNOWN;
  order = stream_id_compare(id, &first);
  if (order > 0) return STREAM_READ_UNKNOWN;
  return (int64_t)(st->added - st->length) + (order == 0);
}

bool stream_group_lag(const char *base, const stream *st, const stream_group *g, int64_t *lag) {
  int64_t read = 0;
  if (st->added != 0) {
    read = g->read;
    if (read == STREAM_READ_UNKNOWN || stream_gap_behind(base, st, &g->last)) read = stream_distance(base, st, &g->last);
    if (read == STREAM_READ_UNKNOWN) return false;
  }
  *lag = (int64_t)(st->added - (uint64_t)read);
  return true;
}

void stream_group_advance(const char *base, const stream *st, stream_group *g, const kevy_stream_id *id) {
  if (stream_id_compare(id, &g->last) <= 0) return;
  kevy_stream_id first = stream_first_id(base, st);
  if (g->read != STREAM_READ_UNKNOWN && stream_id_compare(&g->last, &first) >= 0 &&
      !stream_gap_behind(base, st, &g->last))
    g->read++;
  else if (st->added != 0) g->read = stream_distance(base, st, id);
  g->last = *id;
}

/* ---- consumers ---- */

const stream_consumer *stream_consumer_find(const char *base, const stream_group *g, const char *name, size_t len) {
  records_at at;
  return stream_named_node(base, stream_named_find(base, &g->consumers, name, len, &at));
}

stream_consumer *stream_consumer_change(kevy_store *s, stream *st, stream_group *g, const char *name, size_t len,
                                        bool must) {
  (void)st;
  return stream_named_change(s->sp, &g->consumers, name, len, must);
}

stream_consumer *stream_consumer_obtain(kevy_store *s, stream *st, stream_group *g, const char *name, size_t len,
                                        bool *created) {
  *created = stream_consumer_find(s->base, g, name, len) == NULL;
  if (!*created) return stream_consumer_change(s, st, g, name, len, false);
  if (len > KEVY_MAX_LEN) return NULL;
  stream_consumer *c = stream_named_new(s->sp, st, &g->consumers, name, len, sizeof *c);
  if (c == NULL) return NULL;
  c->seen = store_now(s);
  c->active = -1;
  return c;
}

/* The consumer a pending entry belongs to, for changing. */
static stream_consumer *stream_pending_owner(kevy_store *s, stream *st, stream_group *g, ref name) {
  const stream_name *n = stream_name_at(s->base, name);
  return stream_consumer_change(s, st, g, n->bytes, n->len, true);
}

bool stream_consumer_delete(kevy_store *s, stream *st, stream_group *g, const char *name, size_t len,
                            uint64_t *pending) {
  stream_consumer *c = stream_consumer_change(s, st, g, name, len, true);
  *pending = 0;
  if (c == NULL) return false;
  *pending = c->pending.count;
  records_at at, where;
  const kevy_stream_id *id;
  while ((id = records_last(s->base, &c->pending, &own_records, &at)) != NULL) {
    if (records_find(s->base, &g->pending, &pending_records, id, &where) != NULL)
      records_remove(s->sp, &g->pending, &pending_records, &where, &st->c.bytes);
    records_remove(s->sp, &c->pending, &own_records, &at, &st->c.bytes);
  }
  stream_named_find(s->base, &g->consumers, name, len, &at);
  ref name_ref = c->name, node_ref = stream_ref(s->sp, c);
  records_remove(s->sp, &g->consumers, &named_records, &at, &st->c.bytes);
  stream_node_retire(s->sp, st, name_ref);
  stream_node_retire(s->sp, st, node_ref);
  return true;
}

/* ---- pending entries ---- */

const stream_pending *stream_pending_find(const char *base, const stream_group *g, const kevy_stream_id *id) {
  records_at at;
  return records_find(base, &g->pending, &pending_records, id, &at);
}

const stream_pending *stream_pending_seek(const char *base, const stream_group *g, kevy_stream_id from,
                                          records_at *at) {
  return records_seek(base, &g->pending, &pending_records, &from, at);
}
const stream_pending *stream_pending_next(const char *base, records_at *at) {
  return records_next(base, &pending_records, at);
}
const stream_pending *stream_pending_last(const char *base, const stream_group *g) {
  records_at at;
  return records_last(base, &g->pending, &pending_records, &at);
}
const kevy_stream_id *stream_own_seek(const char *base, const stream_consumer *c, kevy_stream_id from,
                                      records_at *at) {
  return records_seek(base, &c->pending, &own_records, &from, at);
}
const kevy_stream_id *stream_own_next(const char *base, records_at *at) {
  return records_next(base, &own_records, at);
}

static bool stream_own_add(space *sp, stream *st, stream_consumer *c, const kevy_stream_id *id, bool must) {
  records_at at;
  records_find(sp->mem.base, &c->pending, &own_records, id, &at);
  return at.found || records_insert(sp, &c->pending, &own_records, &at, id, must, &st->c.bytes);
}

static void stream_own_remove(space *sp, stream *st, stream_consumer *c, const kevy_stream_id *id) {
  records_at at;
  if (c != NULL && records_find(sp->mem.base, &c->pending, &own_records, id, &at) != NULL)
    records_remove(sp, &c->pending, &own_records, &at, &st->c.bytes);
}

bool stream_pending_assign(kevy_store *s, stream *st, stream_group *g, stream_consumer *c, const stream_pending *want,
                           bool must) {
  records_at at;
  stream_pending *there = records_find(s->base, &g->pending, &pending_records, &want->id, &at);
  if (there != NULL && (there = records_own(s->sp, &g->pending, &pending_records, &at, must)) == NULL) return false;
  if (there != NULL && there->consumer == c->name) {
    *there = *want;
    return true;
  }
  if (!stream_own_add(s->sp, st, c, &want->id, must)) return false;
  if (there != NULL) {
    stream_own_remove(s->sp, st, stream_pending_owner(s, st, g, there->consumer), &want->id);
    *there = *want;
    return true;
  }
  if (records_insert(s->sp, &g->pending, &pending_records, &at, want, must, &st->c.bytes)) return true;
  stream_own_remove(s->sp, st, c, &want->id);
  return false;
}

bool stream_pending_remove(kevy_store *s, stream *st, stream_group *g, const kevy_stream_id *id) {
  records_at at;
  const stream_pending *there = records_find(s->base, &g->pending, &pending_records, id, &at);
  if (there == NULL) return false;
  ref owner = there->consumer;
  records_remove(s->sp, &g->pending, &pending_records, &at, &st->c.bytes);
  stream_own_remove(s->sp, st, stream_pending_owner(s, st, g, owner), id);
  return true;
}

/* ---- undoing ---- */

bool stream_undo_note(stream_undo *u, const kevy_stream_id *id) {
  if (u->count == u->room) {
    size_t room = u->room != 0 ? 2 * u->room : 16;
    if (room > SIZE_MAX / sizeof *u->log) return false;
    stream_pending *log = realloc(u->log, room * sizeof *log);
    if (log == NULL) return false;
    u->log = log;
    u->room = room;
  }
  const stream_pending *there = stream_pending_find(u->store->base, u->group, id);
  u->log[u->count++] = there != NULL ? *there : (stream_pending){.id = *id, .consumer = 0};
  return true;
}

void stream_undo_all(stream_undo *u) {
  while (u->count != 0) {
    const stream_pending *before = &u->log[--u->count];
    stream_consumer *c =
        before->consumer != 0 ? stream_pending_owner(u->store, u->st, u->group, before->consumer) : NULL;
    if (c != NULL) stream_pending_assign(u->store, u->st, u->group, c, before, true);
    else stream_pending_remove(u->store, u->st, u->group, &before->id);
  }
}

void stream_undo_close(stream_undo *u) {
  free(u->log);
  u->log = NULL;
  u->count = u->room = 0;
}

/* ---- taking apart ---- */

/* Takes the last of a set's named nodes, a part at a time. Each part is owned before it is written: a
 * snapshot may still see it. */
static bool stream_named_drop(space *sp, stream *st, tree *t, uint32_t *items,
                              bool (*inner)(space *sp, stream *st, void *of, uint32_t *items)) {
  records_at at;
  while (records_last(sp->mem.base, t, &named_records, &at) != NULL) {
    if (*items == 0) return false;
    --*items;
    stream_named *n = records_own(sp, t, &named_records, &at, true);
    if (n == NULL || (n->node = node_own(sp, n->node, true)) == 0) return true;
    if (!inner(sp, st, stream_ptr(sp, n->node), items)) return false;
    stream_node_retire(sp, st, n->name);
    stream_node_retire(sp, st, n->node);
    records_remove(sp, t, &named_records, &at, &st->c.bytes);
  }
  return true;
}

static bool stream_consumer_drop(space *sp, stream *st, void *of, uint32_t *items) {
  return records_drop(sp, &((stream_consumer *)of)->pending, items, &st->c.bytes);
}

static bool stream_group_drop(space *sp, stream *st, void *of, uint32_t *items) {
  stream_group *g = of;
  return records_drop(sp, &g->pending, items, &st->c.bytes) &&
         stream_named_drop(sp, st, &g->consumers, items, stream_consumer_drop);
}

static bool stream_doomed_drop(space *sp, stream *st, uint32_t *items) {
  while (st->doomed != 0) {
    ref r = node_own(sp, st->doomed, true);
    if (r == 0) return false;
    st->doomed = r;
    stream_group *g = stream_ptr(sp, r);
    if (!stream_group_drop(sp, st, g, items)) return false;
    st->doomed = g->next_doomed;
    stream_node_retire(sp, st, g->name);
    stream_node_retire(sp, st, r);
  }
  return true;
}

void stream_group_pay(space *sp, stream *st) {
  uint32_t items = STREAM_PAY_ITEMS;
  stream_doomed_drop(sp, st, &items);
}

bool stream_group_drop_all(space *sp, stream *st, uint32_t *items) {
  return stream_doomed_drop(sp, st, items) && stream_named_drop(sp, st, &st->groups, items, stream_group_drop);
}

/* ---- going back ---- */

typedef struct stream_going {
  space *sp;
  uint64_t epoch;
  void (*inner)(const struct stream_going *g, void *of);
} stream_going;

static bool stream_born_since(const stream_going *g, ref r) {
  return ((const node *)stream_ptr(g->sp, r))->birth > g->epoch;
}

static void stream_abandon_named(const stream_going *g, ref r, ref name) {
  if (!stream_born_since(g, r)) return;
  g->inner(g, stream_ptr(g->sp, r));
  if (stream_born_since(g, name)) node_free(g->sp, name);
  node_free(g->sp, r);
}

static void stream_abandon_leaf(void *context, ref leaf) {
  const stream_going *g = context;
  const stream_named *n;
  for (uint32_t i = 0; (n = records_in_leaf(g->sp->mem.base, leaf, &named_records, i)) != NULL; i++)
    stream_abandon_named(g, n->node, n->name);
}

static void stream_abandon_consumer(const stream_going *g, void *of) {
  tree_abandon(g->sp, &((stream_consumer *)of)->pending, g->epoch, NULL, NULL);
}

static void stream_abandon_group(const stream_going *g, void *of) {
  stream_going consumers = {g->sp, g->epoch, stream_abandon_consumer};
  tree_abandon(g->sp, &((stream_group *)of)->pending, g->epoch, NULL, NULL);
  tree_abandon(g->sp, &((stream_group *)of)->consumers, g->epoch, stream_abandon_leaf, &consumers);
}

void stream_group_abandon_all(space *sp, stream *st, uint64_t epoch) {
  stream_going groups = {sp, epoch, stream_abandon_group};
  for (ref r = st->doomed, next; r != 0 && stream_born_since(&groups, r); r = next) {
    const stream_group *g = stream_ptr(sp, r);
    next = g->next_doomed;
    stream_abandon_named(&groups, r, g->name);
  }
  tree_abandon(sp, &st->groups, epoch, stream_abandon_leaf, &groups);
}

/* ---- copying ---- */

static bool stream_consumer_clone(space *sp, const stream_consumer *from, stream *to, stream_group *g) {
  const stream_name *n = stream_name_at(sp->mem.base, from->name);
  stream_consumer *c = stream_named_new(sp, to, &g->consumers, n->bytes, n->len, sizeof *c);
  if (c == NULL) return false;
  c->seen = from->seen;
  c->active = from->active;
  return records_clone(sp, &from->pending, &c->pending, &own_records, &to->c.bytes);
}

/* Points the copied pending entries at the copied consumers' names. The leaves are the clone's own. */
static void stream_pending_rename(space *sp, stream_group *g) {
  records_at at, where;
  stream_pending *p = records_first(sp->mem.base, &g->pending, &pending_records, &at);
  for (; p != NULL; p = records_next(sp->mem.base, &pending_records, &at)) {
    const stream_name *n = stream_name_at(sp->mem.base, p->consumer);
    const stream_named *to = stream_named_find(sp->mem.base, &g->consumers, n->bytes, n->len, &where);
    if (to != NULL) p->consumer = to->name;
  }
}

static bool stream_group_clone(space *sp, const stream_group *from, stream *to) {
  const stream_name *n = stream_name_at(sp->mem.base, from->name);
  stream_group *g = stream_named_new(sp, to, &to->groups, n->bytes, n->len, sizeof *g);
  if (g == NULL) return false;
  g->last = from->last;
  g->read = from->read;
  records_at at;
  const stream_consumer *c = stream_consumer_first(sp->mem.base, from, &at);
  for (; c != NULL; c = stream_consumer_next(sp->mem.base, &at))
    if (!stream_consumer_clone(sp, c, to, g)) return false;
  bool done = records_clone(sp, &from->pending, &g->pending, &pending_records, &to->c.bytes);
  stream_pending_rename(sp, g);
  return done;
}

bool stream_group_clone_all(space *sp, const stream *from, stream *to) {
  records_at at;
  const stream_group *g = stream_group_first(sp->mem.base, from, &at);
  for (; g != NULL; g = stream_group_next(sp->mem.base, &at))
    if (!stream_group_clone(sp, g, to)) return false;
  return true;
}

/* ---- checking ---- */

static bool stream_consumer_check(const char *base, const stream_group *g, const stream_consumer *c) {
  records_at at;
  uint64_t n = 0;
  kevy_stream_id before = {0, 0};
  const kevy_stream_id *id = stream_own_seek(base, c, before, &at);
  for (; id != NULL; id = stream_own_next(base, &at), n++) {
    const stream_pending *p = stream_pending_find(base, g, id);
    if (p == NULL || p->consumer != c->name || (n != 0 && stream_id_compare(id, &before) <= 0)) return false;
    before = *id;
  }
  return n == c->pending.count && tree_check(base, &c->pending);
}

static bool stream_group_check(const char *base, const stream_group *g) {
  records_at at;
  uint64_t pending = 0;
  const stream_consumer *c = stream_consumer_first(base, g, &at);
  for (; c != NULL; c = stream_consumer_next(base, &at)) {
    if (!stream_consumer_check(base, g, c)) return false;
    pending += c->pending.count;
  }
  return pending == g->pending.count && tree_check(base, &g->pending) && tree_check(base, &g->consumers);
}

bool stream_group_check_all(const char *base, const stream *st) {
  records_at at;
  const stream_group *g = stream_group_first(base, st, &at);
  for (; g != NULL; g = stream_group_next(base, &at))
    if (!stream_group_check(base, g)) return false;
  return tree_check(base, &st->groups);
}
