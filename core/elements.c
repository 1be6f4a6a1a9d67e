/* elements: see elements.h. */
#include "elements.h"

bool elements_begin(elements *w, const space *sp, const entry *e, int64_t now, bool reverse) {
  const char *base = sp->mem.base;
  w->type = entry_type(e);
  w->reverse = reverse;
  w->position = 0;
  switch (w->type) {
    case KEVY_TYPE_HASH:
      hash_walk_start(&w->of.hash, base, e, now);
      return true;
    case KEVY_TYPE_SET:
      w->of.set.view = set_view_of(sp, e);
      w->of.set.walk = set_walk_begin(&w->of.set.view);
      return true;
    case KEVY_TYPE_LIST: {
      uint64_t len = list_entry_len(base, e);
      list_iter_open(&w->of.list, base, e, reverse ? len - 1 : 0, reverse);
      w->position = reverse ? len : 0;
      return true;
    }
    case KEVY_TYPE_ZSET:
      w->of.zset.view = zset_view_of(sp, e);
      zset_walk_begin(&w->of.zset.walk, &w->of.zset.view, reverse ? w->of.zset.view.count - 1 : 0, UINT64_MAX,
                      reverse);
      return true;
    default:
      return false;
  }
}

static bool elements_next_item(elements *w, kevy_value *item, kevy_value *position) {
  if (!list_iter_next(&w->of.list, item)) return false;
  uint64_t at = w->reverse ? --w->position : w->position++;
  *position = (kevy_value){KEVY_INT, 0, 0, {.i = (int64_t)at}};
  return true;
}

static bool elements_next_member(elements *w, kevy_value *key, kevy_value *value) {
  set_item item = set_walk_next(&w->of.set.walk);
  if (item == 0) return false;
  set_item_value(item, key, w->of.set.digits);
  *value = (kevy_value){KEVY_NIL, 0, 0, {.ptr = NULL}};
  return true;
}

static bool elements_next_scored(elements *w, kevy_value *key, kevy_value *value) {
  double score;
  if (!zset_walk_next(&w->of.zset.walk, key, &score)) return false;
  *value = (kevy_value){KEVY_FLOAT, 0, 0, {.d = score}};
  return true;
}

bool elements_next(elements *w, kevy_value *key, kevy_value *value) {
  if (w->type == KEVY_TYPE_LIST) return elements_next_item(w, key, value);
  if (w->type == KEVY_TYPE_ZSET) return elements_next_scored(w, key, value);
  if (w->type == KEVY_TYPE_SET) return elements_next_member(w, key, value);
  return hash_walk_next(&w->of.hash, key, value);
}
