/* zipmap: the compact hash of Redis up to 2.4.
 *
 *     pairs (1; 254 and above: not known) | field | value | field | value | ... | 0xff
 *     field:  length (1; or 254 and 4) | bytes
 *     value:  length (1; or 254 and 4) | unused bytes behind it (1) | bytes | unused bytes */
#include "pack.h"

bool zipmap_open(pack *p) {
  if (pack_room(p) < 2 || p->end[-1] != 0xff) return false;
  uint32_t pairs = *p->at;
  p->left = pairs >= 254 ? PACK_UNCOUNTED : 2 * pairs;
  p->at++;
  p->end--;
  return true;
}

pack_step zipmap_next(pack *p, kevy_value *out) {
  if (p->at == p->end) return p->value ? PACK_BAD : pack_finish(p);
  if (!pack_count(p)) return PACK_BAD;
  size_t len = *p->at++, unused = 0;
  if (len == 255) return PACK_BAD;
  if (len == 254) {
    if (pack_room(p) < 4) return PACK_BAD;
    len = pack_u32(p->at);
    p->at += 4;
  }
  if (p->value) {
    if (pack_room(p) < 1) return PACK_BAD;
    unused = *p->at++;
  }
  const uint8_t *at = p->at;
  if (pack_room(p) < len || pack_room(p) - len < unused) return PACK_BAD;
  p->at = at + len + unused;
  p->value = !p->value;
  return pack_give_bytes(out, at, len);
}
