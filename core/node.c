/* node: see node.h. */
#include "node.h"

#include <stdlib.h>

#include "blob.h"
#include "collection.h"
#include "database.h"
#include "hashing.h"
#include "space.h"
#include "timers.h"

#define DEAD_ITEMS NODE_ROOM_MAX

/* A link of a dead list: blocks that some live moment can still see. */
typedef struct dead_chunk {
  ref next;
  uint64_t count;
  uint64_t items[DEAD_ITEMS];
} dead_chunk;

static_assert(sizeof(dead_chunk) == 512, "a size class of its own");

static inline void *at(const space *sp, ref r) { return mem_ptr(sp->mem.base, r); }

ref node_new(space *sp, uint32_t size, bool must) {
  ref r = must ? mem_alloc_reserved(&sp->mem, size) : mem_alloc(&sp->mem, size);
  if (UNLIKELY(r == 0)) return 0;
  node *n = at(sp, r);
  n->birth = sp->epoch;
  n->size = size;
  n->reserved = 0;
  return r;
}

FLAT bool node_writable(const space *sp, const node *n) { return n->birth > sp->newest; }

FLAT bool node_surely_writable(const space *sp, const node *n) { return LIKELY(sp->newest == 0) || node_writable(sp, n); }

ref node_own(space *sp, ref r, bool must) {
  node *n = at(sp, r);
  if (LIKELY(node_writable(sp, n))) return r;
  if (!must && !node_room(sp, 1)) return 0;
  ref copy = node_new(sp, n->size, must);
  if (UNLIKELY(copy == 0)) return 0;
  memcpy((char *)at(sp, copy) + sizeof(node), n + 1, n->size - sizeof(node));
  sp->work_bytes += n->size;
  node_retire(sp, r);
  return copy;
}

uint64_t node_dead_bytes(const space *sp, uint64_t item) {
  if (item & DEAD_COLLECTION) return collection_held(at(sp, item & ~DEAD_NODES));
  if (item & DEAD_NODES) return mem_round(((node *)at(sp, item & ~DEAD_NODES))->size);
  return mem_round(entry_size(at(sp, item)));
}

/* The link of a dead list that has room for so many items more. NULL: no memory. */
static dead_chunk *dead_room(space *sp, ref *list, uint32_t items, bool must) {
  dead_chunk *c = *list != 0 ? at(sp, *list) : NULL;
  if (c != NULL && c->count + items <= DEAD_ITEMS) return c;
  ref r = must ? mem_alloc_reserved(&sp->mem, sizeof *c) : mem_alloc(&sp->mem, sizeof *c);
  if (r == 0) return NULL;
  c = at(sp, r);
  c->next = *list;
  c->count = 0;
  *list = r;
  sp->retained += sizeof *c;
  return c;
}

bool node_room(space *sp, uint32_t items) {
  return LIKELY(sp->newest == 0) || dead_room(sp, &sp->moments->dead, items, false) != NULL;
}

/* Losing an item would lose memory until the region goes, never an answer; with the reserve to draw on
 * that takes an exhausted address space. */
void node_dead_push(space *sp, ref *list, uint64_t item) {
  dead_chunk *c = dead_room(sp, list, 1, true);
  if (c == NULL) return;
  c->items[c->count++] = item;
  sp->retained += node_dead_bytes(sp, item);
}

void node_dead_trim(space *sp, ref *list) {
  while (*list != 0) {
    ref r = *list;
    const dead_chunk *c = at(sp, r);
    if (c->count != 0) return;
    *list = c->next;
    mem_free(&sp->mem, r, sizeof(dead_chunk));
    sp->retained -= sizeof(dead_chunk);
  }
}

ref node_dead_top(const space *sp, ref list) {
  const dead_chunk *c = list != 0 ? at(sp, list) : NULL;
  while (c != NULL && c->count == 0) c = c->next != 0 ? at(sp, c->next) : NULL;
  return c != NULL ? c->items[c->count - 1] : 0;
}

void node_dead_pop(space *sp, ref *list) {
  node_dead_trim(sp, list);
  dead_chunk *c = at(sp, *list);
  sp->retained -= node_dead_bytes(sp, c->items[--c->count]);
  node_dead_trim(sp, list);
}

void node_dead_each(space *sp, ref list, void (*visit)(void *context, uint64_t item), void *context) {
  for (const dead_chunk *c; list != 0; list = c->next) {
    c = at(sp, list);
    for (uint64_t i = 0; i < c->count; i++) visit(context, c->items[i]);
  }
}

void node_free(space *sp, ref r) {
  mem_free(&sp->mem, r, ((node *)at(sp, r))->size);
}

/* ---- blobs ---- */

ref node_blob(space *sp, size_t len, size_t room) {
  ref r = blob_new(&sp->mem, len, room);
  if (r == 0) return 0;
  uint64_t bytes = blob_at(sp->mem.base, r)->capacity;
  sp->blobs += bytes;
  sp->shared += bytes;
  return r;
}

void node_release_blob(space *sp, ref r) {
  blob *b = blob_at(sp->mem.base, r);
  if (--b->owners != 0) return;
  sp->blobs -= b->capacity;
  sp->shared -= b->capacity;
  mem_free(&sp->mem, r, b->capacity);
}

/* A blob that one entry of the present has is that entry's; any other is shared. */
static void blob_count_live(space *sp, ref r, uint64_t change) {
  blob *b = blob_at(sp->mem.base, r);
  if (b->live == 1) sp->shared += b->capacity;
  b->live += change;
  if (b->live == 1) sp->shared -= b->capacity;
}

void node_blob_enters(space *sp, ref r) { blob_count_live(sp, r, 1); }
void node_blob_leaves(space *sp, ref r) { blob_count_live(sp, r, UINT64_MAX); }

static inline bool holds_blob(const entry *e) { return (entry_flags(e) & ENTRY_CONTENT) == ENTRY_BLOB; }

void node_entry_dies(space *sp, ref r) {
  const entry *e = at(sp, r);
  if (UNLIKELY(holds_blob(e))) node_blob_leaves(sp, load64(entry_content(e)));
}

void node_entry_revives(space *sp, ref r) {
  const entry *e = at(sp, r);
  if (UNLIKELY(holds_blob(e))) node_blob_enters(sp, load64(entry_content(e)));
}

/* ---- entries ---- */

void node_free_dead_entry(space *sp, ref r) {
  entry *e = at(sp, r);
  size_t size = entry_size(e);
  uint32_t form = entry_flags(e) & ENTRY_CONTENT;
  if (UNLIKELY(form == ENTRY_BLOB)) node_release_blob(sp, load64(entry_content(e)));
  if (UNLIKELY(form == ENTRY_NODE)) sp->larges_gone++;
  mem_free(&sp->mem, r, size);
}

void node_free_entry(space *sp, ref r) {
  node_entry_dies(sp, r);
  node_free_dead_entry(sp, r);
}

uint64_t node_entry_bytes(const space *sp, ref r) {
  const entry *e = at(sp, r);
  uint64_t bytes = mem_round(entry_size(e));
  if (LIKELY(!holds_blob(e))) return bytes;
  const blob *b = blob_at(sp->mem.base, load64(entry_content(e)));
  return b->live == 1 ? bytes + b->capacity : bytes;
}

static void bury(space *sp, ref r) {
  collection *c = at(sp, r);
  ref *list = UNLIKELY(sp->transactions != 0) && c->older != 0 ? &sp->kept : &sp->graves;
  c->next_grave = *list;
  *list = r;
  sp->buried += collection_held(c);
}

void node_retire_collection(space *sp, ref r) {
  if (node_writable(sp, at(sp, r))) bury(sp, r);
  else node_dead_push(sp, &sp->moments->dead, r | DEAD_COLLECTION);
}

void node_retire(space *sp, ref r) {
  if (LIKELY(node_writable(sp, at(sp, r)))) node_free(sp, r);
  else node_dead_push(sp, &sp->moments->dead, r | DEAD_NODE);
}

/* Whether the newest moment sees an entry that is not fresh. Its segment was copied after the last moment was opened, and then held
 * what that one sees; it is asked only where it is no longer the newest. */
static inline bool newest_sees(const space *sp, ref r, uint64_t hash) {
  return LIKELY(sp->newest == sp->epoch - 1) ||
         database_has(sp->mem.base, &sp->moments->db, hash, r);
}

void node_retire_entry(space *sp, ref r, uint64_t hash, bool fresh) {
  if (LIKELY(sp->newest == 0) || fresh || !newest_sees(sp, r, hash)) {
    node_free_entry(sp, r);
    return;
  }
  sp->larges_gone++; /* perhaps */
  node_entry_dies(sp, r);
  node_dead_push(sp, &sp->moments->dead, r);
}

bool node_retire_plain(space *sp, ref r, size_t size) {
  dead_chunk *c = dead_room(sp, &sp->moments->dead, 1, false);
  if (UNLIKELY(c == NULL)) return false;
  c->items[c->count++] = r;
  sp->retained += mem_round(size);
  return true;
}

/* The newest live moment that was opened before a released one of this epoch, NULL for none. One with the
 * same epoch is older: what the released one's list holds was written after both. */
static moment *moment_before(const space *sp, uint64_t epoch) {
  moment *m = sp->moments;
  while (m != NULL && m->epoch > epoch) m = m->older;
  return m;
}

void node_retire_flushed(space *sp, ref r, uint64_t hash, bool fresh, uint64_t epoch) {
  moment *m = fresh ? NULL : moment_before(sp, epoch - 1);
  if (m == NULL || !database_has(sp->mem.base, &m->db, hash, r)) {
    node_free_entry(sp, r);
    return;
  }
  sp->larges_gone++; /* perhaps */
  node_entry_dies(sp, r);
  node_dead_push(sp, &m->dead, r);
}

/* Whom an item of a released moment now belongs to: an older one that sees it, or nobody. */
static bool drain_sees(const space *sp, uint64_t item, const moment *older) {
  if (item & DEAD_NODES) return ((node *)at(sp, item & ~DEAD_NODES))->birth <= older->epoch;
  const entry *e = at(sp, item);
  uint64_t hash = hash_bytes(sp->secret, entry_key(e), entry_klen(e));
  if (UNLIKELY(entry_type(e) == ENTRY_TIMER))
    return (sp->transactions != 0 || sp->undone != NULL) && timers_seen(older, item, hash);
  return database_has(sp->mem.base, &older->db, hash, item);
}

static void drain_item(space *sp, uint64_t item, moment *older) {
  if (older != NULL && drain_sees(sp, item, older)) node_dead_push(sp, &older->dead, item);
  else if (item & DEAD_COLLECTION) bury(sp, item & ~DEAD_NODES);
  else if (item & DEAD_NODE) node_free(sp, item & ~DEAD_NODES);
  else node_free_dead_entry(sp, item);
}

/* Empties the dead list of a released moment. False when the items are used up first. */
static bool drain_moment(space *sp, moment *m, uint32_t *items) {
  moment *older = moment_before(sp, m->epoch);
  uint64_t item;
  while ((item = node_dead_top(sp, m->dead)) != 0) {
    if (*items == 0) return false;
    --*items;
    node_dead_pop(sp, &m->dead);
    drain_item(sp, item, older);
  }
  node_dead_trim(sp, &m->dead);
  return true;
}

void node_drain_since(space *sp, uint64_t epoch) {
  moment **link = &sp->draining;
  for (moment *m; (m = *link) != NULL;) {
    if (m->epoch <= epoch) {
      link = &m->next_released;
      continue;
    }
    uint32_t all = UINT32_MAX;
    while (!drain_moment(sp, m, &all)) all = UINT32_MAX;
    *link = m->next_released;
    snapshot_free(m);
  }
}

bool node_drain(space *sp, uint32_t items) {
  while (sp->draining != NULL) {
    moment *m = sp->draining;
    if (!drain_moment(sp, m, &items)) return false;
    sp->draining = m->next_released;
    snapshot_free(m);
  }
  return collection_drain(sp, &items);
}
