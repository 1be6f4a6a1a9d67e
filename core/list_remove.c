/* list_remove: LREM: taking away by value. */
#include "list_tree.h"
#include "number.h"
#include "type_list.h"

static uint32_t list_count_equal(uint32_t uniform, const char *block, const packed_key *key) {
  const char *at = packed_first(block);
  uint32_t n = 0;
  for (uint32_t i = packed_count(block); i > 0; i--, at = list_after(uniform, at)) n += list_is(uniform, at, key);
  return n;
}

/* Takes n equal elements, behind the first `skip` ones, out of a packed block; returns its length. */
static size_t list_purge(char *block, size_t len, const packed_key *key, uint32_t skip, uint32_t n) {
  const char *at = packed_first(block), *end = block + len;
  char *to = block + PACKED_HEAD;
  uint32_t count = packed_count(block) - n;
  while (n > 0) {
    const char *next = packed_next(at);
    bool equal = list_is(0, at, key);
    if (equal && skip == 0) {
      n--;
    } else {
      if (equal) skip--;
      memmove(to, at, (size_t)(next - at));
      to += next - at;
    }
    at = next;
  }
  memmove(to, at, (size_t)(end - at));
  packed_set_count(block, count);
  return (size_t)(to - block) + (size_t)(end - at);
}

/* Takes up to n equal elements out of the leaf with the element at this position: the first ones or the last ones.
 * Sets *begins to where the leaf begins, *stays to how many of its elements stay. */
static uint64_t list_purge_leaf(space *sp, list_value *l, uint64_t position, const packed_key *key, bool last, uint64_t n,
                                uint64_t *begins, uint64_t *stays) {
  tree_path p;
  uint64_t offset = 0;
  list_leaf *leaf = list_at(sp->mem.base, tree_seek_position(sp->mem.base, &l->order, position, &p, &offset));
  uint32_t count = list_count(leaf), equal = list_count_equal(leaf->uniform, list_block(leaf), key);
  uint32_t take = equal < n ? equal : (uint32_t)n;
  *begins = position - offset;
  *stays = count - take;
  if (take == 0) return 0;
  if (take == count) {
    list_remove_leaf(sp, l, &p);
    return take;
  }
  leaf = list_leaf_open(sp, l, &p, true);
  if (leaf == NULL) return 0;
  leaf->len = (uint32_t)list_purge(list_block(leaf), leaf->len, key, last ? equal - take : 0, take);
  sp->work_bytes += leaf->len;
  tree_update(sp->mem.base, &l->order, &p, -(int64_t)take, NULL);
  list_leaf_shrink(sp, l, &p, leaf, false);
  return take;
}

static uint64_t list_remove_large(space *sp, list_value *l, const packed_key *key, bool last, uint64_t n) {
  uint64_t removed = 0, position = last ? l->order.count - 1 : 0;
  while (removed < n && position < l->order.count) {
    uint64_t begins, stays, took = list_purge_leaf(sp, l, position, key, last, n - removed, &begins, &stays);
    removed += took;
    position = last ? begins - 1 : begins + stays; /* below 0 is past the end */
    if (took == 0 || stays == 0 || l->order.count == 0) continue;
    uint64_t before = l->order.leaves;
    list_join(sp, l, begins);
    if (last && l->order.leaves != before) position = begins - 1;
  }
  return removed;
}

static kevy_status list_remove_small(kevy_store *s, probe *p, const packed_key *key, bool last, uint64_t n,
                                     uint64_t *removed) {
  list_room room;
  size_t len = small_len(p->live);
  memcpy(room.bytes, small_block(p->live), len);
  uint32_t equal = list_count_equal(0, room.bytes, key), take = equal < n ? equal : (uint32_t)n;
  if (take == 0) return KEVY_OK;
  len = list_purge(room.bytes, len, key, last ? equal - take : 0, take);
  kevy_status status = collection_put_packed(s, p, KEVY_TYPE_LIST, room.bytes, len, 0);
  if (status == KEVY_OK) *removed = take;
  return status;
}

static kevy_status list_remove_equal(kevy_store *s, probe *p, int64_t count, const packed_key *key, uint64_t *removed) {
  bool last = count < 0;
  uint64_t n = last ? 0 - (uint64_t)count : count > 0 ? (uint64_t)count : UINT64_MAX;
  if (!entry_is_large(p->live)) return list_remove_small(s, p, key, last, n, removed);
  /* Under a moment a list that loses nothing is not copied; without one, looking first would cost and save nothing. */
  if (s->sp->newest != 0 && list_find_value(s, p->live, key) == UINT64_MAX) return KEVY_OK;
  list_value *l = (list_value *)collection_own(s, p, true);
  if (l == NULL) return KEVY_EOOM;
  *removed = list_remove_large(s->sp, l, key, last, n);
  list_settle(s, p, l);
  return KEVY_OK;
}

kevy_status list_remove(kevy_store *s, const char *key, size_t klen, int64_t count, const kevy_value *item,
                        uint64_t *removed) {
  probe p;
  *removed = 0;
  kevy_status status = collection_write(s, &p, key, klen, KEVY_TYPE_LIST);
  if (status != KEVY_OK) return status;
  if (p.live == NULL) return KEVY_MISSING;
  list_items safe;
  status = list_items_open(s, &safe, item, 1);
  if (status != KEVY_OK) return status;
  char digits[NUMBER_FLOAT_MAX];
  packed_key equal = list_key_of(safe.at, digits);
  status = list_remove_equal(s, &p, count, &equal, removed);
  list_items_close(&safe);
  return status;
}
