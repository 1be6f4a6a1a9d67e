/* compact: see compact.h. */
#include "compact.h"

#include "blob.h"
#include "collection.h"
#include "database.h"
#include "expire.h"

#define COMPACT_FILL 192       /* of 256: spans that are less full are emptied */
#define COMPACT_FILL_MOST 246
#define COMPACT_VISITS 4       /* slots that are looked at for one item */
#define COMPACT_MOVE 4         /* what a move takes of the budget, and what each further 64 bytes do: 1 */
#define COMPACT_GAIN 8         /* a pass that gains less than this part of the waste has gained little */
#define COMPACT_MUCH ((uint64_t)3 << 20) /* waste, beside a share of what is used, for which fuller spans are emptied, too */

typedef struct compact_step {
  kevy_store *s;
  space *sp;
  compacting *c;
  int64_t budget;
  collection *value; /* the large value at work */
} compact_step;

static inline void *compact_ptr(const space *sp, ref r) { return mem_ptr(sp->mem.base, r); }

static bool compact_wants(compact_step *step, ref r, size_t size) {
  if (!mem_sparse(&step->sp->mem, r, size, step->c->fill)) return false;
  step->budget -= COMPACT_MOVE + (int64_t)(size / 64);
  return true;
}

static inline void compact_set(uint64_t *slot, ref to) { *slot = (*slot & ~REF_MASK) | to; }

/* A blob that only its entry has. */
static void compact_blob(compact_step *step, const entry *e) {
  ref r = load64(entry_content(e));
  const blob *b = compact_ptr(step->sp, r);
  size_t size = b->capacity;
  if (b->owners == 1 && compact_wants(step, r, size)) store64(entry_content(e), mem_move(&step->sp->mem, r, size));
}

/* ---- large values ---- */

static bool compact_member(void *context, uint64_t *slot) {
  compact_step *step = context;
  ref r = slot_ref(*slot);
  const entry *e = compact_ptr(step->sp, r);
  if ((entry_flags(e) & ENTRY_CONTENT) == ENTRY_BLOB) compact_blob(step, e);
  if (!compact_wants(step, r, entry_size(e))) return true;
  const collection_kind *kind = collection_kind_of(step->value->type);
  compact_set(slot, kind->move != NULL ? kind->move(step->sp, step->value, r) : mem_move(&step->sp->mem, r, entry_size(e)));
  return true;
}

/* The inner nodes whose first leaf the path leads to. */
static void compact_inner(compact_step *step, tree *t, tree_path *p) {
  for (uint32_t level = p->height; level-- > 0 && p->at[level].index == 0;) {
    ref r = p->at[level].node;
    size_t size = ((const node *)compact_ptr(step->sp, r))->size;
    if (compact_wants(step, r, size)) tree_move_inner(step->s->base, t, p, level, mem_move(&step->sp->mem, r, size));
  }
}

static bool compact_leaves(compact_step *step, tree *t) {
  const char *base = step->s->base;
  tree_path p;
  uint64_t offset;
  for (ref leaf; (leaf = tree_seek_position(base, t, step->c->position, &p, &offset)) != 0; step->budget--) {
    if (step->budget <= 0) return false;
    step->c->position += tree_at(base, &p).count - offset;
    compact_inner(step, t, &p);
    size_t size = ((const node *)compact_ptr(step->sp, leaf))->size;
    if (compact_wants(step, leaf, size)) tree_move(base, &p, mem_move(&step->sp->mem, leaf, size));
  }
  return true;
}

/* False when the budget is used up first; it goes on then where it was, if the value is still the same. */
static bool compact_large(compact_step *step, ref top) {
  compacting *c = step->c;
  const collection_kind *kind;
  if (c->value != top) {
    c->value = top;
    c->members = (table_walk){0, 0, false};
    c->position = 0;
  }
  step->value = compact_ptr(step->sp, top);
  kind = collection_kind_of(step->value->type);
  if (kind->keyed &&
      !table_compact(step->sp, &((keyed *)step->value)->members, &c->members, c->fill, &step->budget, compact_member, step))
    return false;
  if (kind->leaves != NULL && !compact_leaves(step, kind->leaves(step->value))) return false;
  c->value = 0;
  return true;
}

/* ---- keys ---- */

static bool compact_key(void *context, uint64_t *slot) {
  compact_step *step = context;
  ref r = slot_ref(*slot);
  const entry *e = compact_ptr(step->sp, r);
  uint32_t flags = entry_flags(e);
  if ((flags & ENTRY_CONTENT) == ENTRY_BLOB) compact_blob(step, e);
  else if ((flags & ENTRY_CONTENT) == ENTRY_NODE && !compact_large(step, load64(entry_content(e)))) return false;
  if (!compact_wants(step, r, entry_size(e))) return true;
  if (flags & ENTRY_TTL) expire_unhang(step->s, r);
  ref to = mem_move(&step->sp->mem, r, entry_size(e));
  if (flags & ENTRY_TTL) expire_hang(step->s, to);
  compact_set(slot, to);
  return true;
}

/* ---- passes ---- */

static bool compact_allowed(const kevy_store *s) {
  const space *sp = s->sp;
  return s->frozen == NULL && sp->moments == NULL && sp->draining == NULL && sp->graves == 0 && sp->kept == 0 &&
         sp->transactions == 0 && sp->light == NULL && sp->undone == NULL && sp->flushed == NULL && !snapshot_waiting(sp);
}

/* Spans that are less full than the average are emptied; after a pass that gained little, those of half its room. */
static void compact_begin(space *sp, uint64_t wasted) {
  compacting *c = &sp->compacting;
  uint64_t used = sp->mem.root->used, fill = 256 * used / (used + wasted);
  *c = (compacting){.on = true, .before = wasted, .left = sp->mem.left, .eager = c->eager};
  if (fill < COMPACT_FILL) fill = COMPACT_FILL;
  fill = 256 - ((256 - fill) >> c->eager);
  c->fill = (uint32_t)(fill > COMPACT_FILL_MOST ? COMPACT_FILL_MOST : fill);
}

static void compact_end(space *sp) {
  compacting *c = &sp->compacting;
  uint64_t now = mem_wasted(&sp->mem);
  bool vain = sp->mem.left - c->left < c->before / COMPACT_GAIN;
  bool again = vain && c->fill < COMPACT_FILL_MOST && now > sp->mem.root->used / 32 + COMPACT_MUCH;
  c->on = false;
  c->eager = again ? c->eager + 1 : 0;
  c->rest = vain && !again ? now + now / 4 : 0;
}

/* Goes on with one database. False when the budget is used up. */
static bool compact_database(compact_step *step) {
  compacting *c = step->c;
  database *d = database_at(&step->sp->db, c->index);
  if (d != NULL && !table_compact(step->sp, &d->keys, &c->keys, c->fill, &step->budget, compact_key, step)) return false;
  c->keys = (table_walk){0, 0, false};
  c->walked = ++c->index >= (step->sp->db.rest != NULL ? DATABASES : 1);
  return true;
}

bool compact_slice(kevy_store *s, uint32_t items) {
  space *sp = s->sp;
  compacting *c = &sp->compacting;
  if (!c->on) {
    uint64_t wasted = mem_wasted(&sp->mem);
    if (LIKELY(wasted <= c->rest)) {
      if (wasted == 0) c->rest = 0;
      return !mem_trim(&sp->mem);
    }
    if (!compact_allowed(s)) return true;
    compact_begin(sp, wasted);
  }
  if (!compact_allowed(s)) return true;
  compact_step step = {s, sp, c, (int64_t)items * COMPACT_VISITS, NULL};
  store_forget_recent(s);
  while (!c->walked && compact_database(&step)) continue;
  if (c->walked && mem_move_end(&sp->mem)) compact_end(sp);
  return false;
}
