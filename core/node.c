/* node: see node.h. */
#include "node.h"

#include <stdlib.h>

#include "blob.h"
#include "hashing.h"
#include "space.h"

#define DEAD_ITEMS NODE_ROOM_MAX
#define DEAD_NODE UINT64_C(1) /* marks an item that is a node, not an entry */

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

static uint64_t dead_size(const space *sp, uint64_t item) {
  if (item & DEAD_NODE) return mem_round(((node *)at(sp, item & ~DEAD_NODE))->size);
  return mem_round(entry_size(at(sp, item)));
}

/* The link of a moment's dead list that has room for so many items more. NULL: no memory. */
static dead_chunk *dead_room(space *sp, moment *m, uint32_t items, bool must) {
  dead_chunk *c = m->dead != 0 ? at(sp, m->dead) : NULL;
  if (c != NULL && c->count + items <= DEAD_ITEMS) return c;
  ref r = must ? mem_alloc_reserved(&sp->mem, sizeof *c) : mem_alloc(&sp->mem, sizeof *c);
  if (r == 0) return NULL;
  c = at(sp, r);
  c->next = m->dead;
  c->count = 0;
  m->dead = r;
  sp->retained += sizeof *c;
  return c;
}

bool node_room(space *sp, uint32_t items) {
  return LIKELY(sp->newest == 0) || dead_room(sp, sp->moments, items, false) != NULL;
}

/* Losing an item would lose memory until the region goes, never an answer; with the reserve to draw on
 * that takes an exhausted address space. */
static void dead_push(space *sp, moment *m, uint64_t item) {
  dead_chunk *c = dead_room(sp, m, 1, true);
  if (c == NULL) return;
  c->items[c->count++] = item;
  sp->retained += dead_size(sp, item);
}

static void node_free(space *sp, ref r) {
  mem_free(&sp->mem, r, ((node *)at(sp, r))->size);
}

void node_release_blob(space *sp, ref r) {
  uint64_t before = sp->mem.root->used;
  blob_release(&sp->mem, r);
  sp->blobs -= before - sp->mem.root->used;
}

void node_free_entry(space *sp, ref r) {
  entry *e = at(sp, r);
  size_t size = entry_size(e);
  if ((entry_flags(e) & ENTRY_CONTENT) == ENTRY_BLOB)
    node_release_blob(sp, load64(entry_content(e)));
  mem_free(&sp->mem, r, size);
}

void node_retire(space *sp, ref r) {
  if (LIKELY(node_writable(sp, at(sp, r)))) node_free(sp, r);
  else dead_push(sp, sp->moments, r | DEAD_NODE);
}

void node_retire_entry(space *sp, ref r, uint64_t hash, bool fresh) {
  if (LIKELY(sp->newest == 0) || fresh ||
      table_find_ref(sp->mem.base, &sp->moments->keys, hash, r) == NULL)
    node_free_entry(sp, r);
  else
    dead_push(sp, sp->moments, r);
}

/* The newest live moment that was opened before a released one of this epoch, NULL for none. One with the
 * same epoch is older: what the released one's list holds was written after both. */
static moment *moment_before(const space *sp, uint64_t epoch) {
  moment *m = sp->moments;
  while (m != NULL && m->epoch > epoch) m = m->older;
  return m;
}

/* Passes an item of a released moment on to an older one that sees it, or frees it. */
static void drain_item(space *sp, uint64_t item, moment *older) {
  sp->retained -= dead_size(sp, item);
  if (item & DEAD_NODE) {
    ref r = item & ~DEAD_NODE;
    if (older != NULL && ((node *)at(sp, r))->birth <= older->epoch) dead_push(sp, older, item);
    else node_free(sp, r);
    return;
  }
  entry *e = at(sp, item);
  if (older != NULL) {
    uint64_t hash = hash_bytes(sp->secret, entry_key(e), entry_klen(e));
    if (table_find_ref(sp->mem.base, &older->keys, hash, item) != NULL) {
      dead_push(sp, older, item);
      return;
    }
  }
  node_free_entry(sp, item);
}

bool node_drain(space *sp, uint32_t items) {
  while (sp->draining != NULL) {
    moment *m = sp->draining;
    moment *older = moment_before(sp, m->epoch);
    while (m->dead != 0) {
      dead_chunk *c = at(sp, m->dead);
      for (; c->count != 0; items--) {
        if (items == 0) return false;
        drain_item(sp, c->items[--c->count], older);
      }
      ref empty = m->dead;
      m->dead = c->next;
      mem_free(&sp->mem, empty, sizeof(dead_chunk));
      sp->retained -= sizeof(dead_chunk);
    }
    sp->draining = m->next_released;
    free(m);
  }
  return true;
}
