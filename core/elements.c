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
    default:
      return false;
  }
}

bool elements_next(elements *w, kevy_value *key, kevy_value *value) {
  return hash_walk_next(&w->of.hash, key, value);
}
