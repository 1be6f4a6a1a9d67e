/* intset: integers in ascending order.
 *
 *     bytes of an integer (4): 2, 4 or 8 | integers (4) | integer | integer | ... */
#include "pack.h"

#define INTSET_HEAD 8

bool intset_open(pack *p) {
  size_t len = pack_room(p);
  if (len < INTSET_HEAD) return false;
  p->width = pack_u32(p->at);
  p->left = pack_u32(p->at + 4);
  p->at += INTSET_HEAD;
  if (p->width != 2 && p->width != 4 && p->width != 8) return false;
  return p->left * p->width == len - INTSET_HEAD;
}

pack_step intset_next(pack *p, kevy_value *out) {
  if (p->at == p->end) return pack_finish(p);
  if (!pack_count(p)) return PACK_BAD;
  int64_t i = pack_int(p->at, p->width);
  p->at += p->width;
  return pack_give_int(out, i);
}
