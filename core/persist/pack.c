/* pack: see pack.h. */
#include "pack.h"

bool pack_open(pack *p, pack_form form, const char *bytes, size_t len) {
  memset(p, 0, sizeof *p);
  p->form = form;
  p->at = (const uint8_t *)bytes;
  p->end = p->at + len;
  switch (form) {
    case PACK_LISTPACK: return listpack_open(p);
    case PACK_ZIPLIST: return ziplist_open(p);
    case PACK_ZIPMAP: return zipmap_open(p);
    default: return intset_open(p);
  }
}

pack_step pack_next(pack *p, kevy_value *out) {
  switch (p->form) {
    case PACK_LISTPACK: return listpack_next(p, out);
    case PACK_ZIPLIST: return ziplist_next(p, out);
    case PACK_ZIPMAP: return zipmap_next(p, out);
    default: return intset_next(p, out);
  }
}

const char *pack_name(pack_form form) {
  static const char *const names[] = {"listpack", "ziplist", "zipmap", "intset"};
  return names[form];
}
