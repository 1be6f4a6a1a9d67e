/* list_edit: one change to a list of either form, a packed block or a tree of them: so many items out, so many in, at a position;
 * and going from one form to the other. Only the other list files call in here. */
#include <stdlib.h>

#include "hashing.h"
#include "list_tree.h"
#include "number.h"
#include "type_list.h"

#define LIST_FEW (LIST_SMALL / 4) /* bytes: a value that has shrunk to so many is packed again */

/* ---- Values given -------------------------------------------------------------------------------------------- */

static FLAT kevy_status list_check_items(const kevy_value *items, size_t k) {
  for (size_t i = 0; i < k; i++) {
    const kevy_value *v = &items[i];
    if (v->kind <= KEVY_TEXT) {
      if (UNLIKELY(v->len > KEVY_MAX_LEN)) return KEVY_ETOOBIG;
    } else if (v->kind > KEVY_FLOAT || (v->kind == KEVY_FLOAT && isnan(v->as.d))) {
      return KEVY_EARG;
    }
  }
  return KEVY_OK;
}

/* Items that lie in the store's own memory, where what is changed may move: short ones, lent by an earlier call.
 * Longer ones stand alone, or in blobs. */
static FLAT bool list_borrows(const kevy_store *s, const kevy_value *v) {
  return v->kind <= KEVY_TEXT && (uintptr_t)(v->as.ptr - s->base) < s->sp->mem.mapped && v->len <= LIST_ALONE;
}

typedef struct list_items {
  const kevy_value *at;
  void *own; /* copies, where some had to be made */
} list_items;

static COLD bool list_copy_items(const kevy_store *s, list_items *items, size_t k) {
  size_t bytes = 0;
  for (size_t i = 0; i < k; i++)
    if (list_borrows(s, &items->at[i])) bytes += items->at[i].len;
  kevy_value *copy = malloc(k * sizeof *copy + bytes);
  if (copy == NULL) return false;
  char *to = (char *)(copy + k);
  for (size_t i = 0; i < k; i++) {
    copy[i] = items->at[i];
    if (!list_borrows(s, &copy[i])) continue;
    memcpy(to, copy[i].as.ptr, copy[i].len);
    copy[i].as.ptr = to;
    to += copy[i].len;
  }
  items->at = items->own = copy;
  return true;
}

/* Checks the items and makes them safe to hold while the store changes; list_items_close afterwards. */
static FLAT kevy_status list_items_open(const kevy_store *s, list_items *items, const kevy_value *at, size_t k) {
  *items = (list_items){at, NULL};
  kevy_status status = list_check_items(at, k);
  if (status != KEVY_OK) return status;
  for (size_t i = 0; i < k; i++)
    if (UNLIKELY(list_borrows(s, &at[i]))) return list_copy_items(s, items, k) ? KEVY_OK : KEVY_EOOM;
  return KEVY_OK;
}

static FLAT void list_items_close(list_items *items) {
  if (UNLIKELY(items->own != NULL)) free(items->own);
}

/* ---- Small values -------------------------------------------------------------------------------------------- */

/* Bytes of a small value in an edit. */
typedef struct list_room {
  char bytes[LIST_SMALL];
} list_room;

/* A small value's length with k items more and some bytes less; 0 when it would be no small one. */
static FLAT size_t list_small_size(size_t len, const kevy_value *items, size_t k, size_t less) {
  len -= less;
  for (size_t i = 0; i < k; i++) {
    size_t size = packed_size(&items[i]);
    if (size > LIST_SMALL - len) return 0;
    len += size;
  }
  return len;
}

/* Items given to LPUSH are added one before the other. */
static size_t list_splice_front(char *block, size_t len, const kevy_value *items, size_t k) {
  for (size_t i = 0; i < k; i++) len = packed_splice(block, len, packed_first(block), 0, &items[i], 1);
  return len;
}

typedef struct list_edit {
  uint64_t position, removed; /* of and from the present length */
  const kevy_value *items;
  size_t k;
  bool front; /* each item before the one added last */
} list_edit;

static size_t list_edit_block(char *block, size_t len, const list_edit *e) {
  if (e->front) return list_splice_front(block, len, e->items, e->k);
  const char *at = packed_seek(block, len, (uint32_t)e->position);
  return packed_splice(block, len, at, (uint32_t)e->removed, e->items, e->k);
}

static bool list_edit_tree(space *sp, list_value *l, const list_edit *e) {
  return e->front ? list_add_front(sp, l, e->items, e->k) : list_add(sp, l, e->position, e->items, e->k);
}

/* A small or absent value becomes a large one, with the edit done. */
static kevy_status list_promote(kevy_store *s, probe *p, const char *block, size_t len, const list_edit *e,
                                uint32_t flags) {
  list_value *l = list_from_block(s->sp, block, len);
  if (l == NULL) return KEVY_EOOM;
  kevy_status status = KEVY_EOOM;
  if (list_edit_tree(s->sp, l, e)) {
    list_erase(s->sp, l, e->position + e->k, e->removed);
    status = collection_put(s, p, (ref)((char *)l - s->base), flags);
  }
  if (status != KEVY_OK) list_discard(s->sp, l);
  return status;
}

static const char list_empty[PACKED_HEAD];

/* An edit of a small or absent value. */
static kevy_status list_edit_small(kevy_store *s, probe *p, const list_edit *e, uint32_t flags) {
  const char *block = p->live != NULL ? small_block(p->live) : list_empty;
  size_t len = p->live != NULL ? small_len(p->live) : PACKED_HEAD, removed = 0;
  if (e->removed != 0) removed = packed_span(packed_seek(block, len, (uint32_t)e->position), (uint32_t)e->removed);
  size_t size = list_small_size(len, e->items, e->k, removed);
  if (UNLIKELY(size == 0)) return list_promote(s, p, block, len, e, flags);
  if (p->live != NULL && size > PACKED_HEAD) {
    char *in_place = collection_edit_packed(s, p, size);
    if (LIKELY(in_place != NULL)) {
      list_edit_block(in_place, len, e);
      return KEVY_OK;
    }
  }
  list_room room;
  memcpy(room.bytes, block, len);
  list_edit_block(room.bytes, len, e);
  return collection_put_packed(s, p, KEVY_TYPE_LIST, room.bytes, size, flags);
}

/* ---- Large values -------------------------------------------------------------------------------------------- */

/* A list that has become short is packed again; where memory does not allow it, it stays as it is. */
static COLD void list_demote(kevy_store *s, probe *p, const list_value *l) {
  tree_path path;
  const list_leaf *leaf = list_at(s->base, tree_first(s->base, &l->order, &path));
  if (leaf->len > LIST_FEW || leaf->uniform) return;
  (void)collection_put_packed(s, p, KEVY_TYPE_LIST, list_block(leaf), leaf->len, 0);
}

/* After elements went away. */
static FLAT void list_settle(kevy_store *s, probe *p, const list_value *l) {
  if (LIKELY(l->order.leaves > 1)) return;
  if (l->order.count == 0) probe_remove(s, p);
  else list_demote(s, p, l);
}

typedef enum list_outcome { LIST_DONE, LIST_ELSEWHERE, LIST_NO_MEMORY } list_outcome;

/* An edit that takes elements from one leaf, and leaves it with some, without a detour. */
static list_outcome list_edit_leaf(space *sp, list_value *l, const list_edit *e) {
  tree_path p;
  uint64_t offset = 0;
  ref r = tree_seek_position(sp->mem.base, &l->order, e->position, &p, &offset);
  if (r == 0) return LIST_ELSEWHERE;
  list_leaf *leaf = list_at(sp->mem.base, r);
  uint32_t index = (uint32_t)offset, count = list_count(leaf);
  if (list_is_alone(leaf) || e->removed > count - index || e->k > 64 || (e->k == 0 && e->removed == count))
    return LIST_ELSEWHERE;
  int64_t extra = 0;
  packed_plan plan = {0};
  for (size_t i = 0; i < e->k; i++) {
    plan = packed_plan_of(&e->items[i]);
    if (plan.size > LIST_ALONE_SIZE) return LIST_ELSEWHERE;
    extra += (int64_t)plan.size;
  }
  if (leaf->uniform) {
    if (e->k == 1 && e->removed == 1 && (LIST_UNIFORM | plan.head) == leaf->uniform)
      return list_set_uniform(sp, l, &p, index, &plan) ? LIST_DONE : LIST_NO_MEMORY;
    leaf = list_leaf_open(sp, l, &p, e->k == 0);
    if (leaf == NULL) return LIST_NO_MEMORY;
  }
  extra -= (int64_t)packed_span(list_seek(leaf, index), (uint32_t)e->removed);
  if (extra > 0 && !list_fits(leaf, (size_t)extra, false)) return LIST_ELSEWHERE;
  return list_splice_leaf(sp, l, &p, index, (uint32_t)e->removed, e->items, e->k, extra) ? LIST_DONE : LIST_NO_MEMORY;
}

static kevy_status list_edit_large(kevy_store *s, probe *p, const list_edit *e) {
  list_value *l = (list_value *)collection_own(s, p, e->k == 0);
  if (UNLIKELY(l == NULL)) return KEVY_EOOM;
  list_outcome outcome = e->removed != 0 && e->k != 0 ? list_edit_leaf(s->sp, l, e) : LIST_ELSEWHERE;
  if (outcome == LIST_NO_MEMORY) return KEVY_EOOM;
  if (outcome == LIST_ELSEWHERE) {
    if (!list_edit_tree(s->sp, l, e)) return KEVY_EOOM;
    if (e->removed != 0) list_erase(s->sp, l, e->position + e->k, e->removed);
  }
  if (e->removed != 0) list_settle(s, p, l);
  return KEVY_OK;
}

static kevy_status list_edit_any(kevy_store *s, probe *p, const list_edit *e, uint32_t flags) {
  if (p->live != NULL && entry_is_large(p->live)) return list_edit_large(s, p, e);
  return list_edit_small(s, p, e, flags);
}
