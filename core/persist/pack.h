/* pack: the compact forms in which Redis keeps a small value, or a piece of a larger one, within one string.
 *
 *     listpack   since Redis 5 (streams) and 7 (all types)
 *     ziplist    Redis 2.6 to 6: hashes, lists, sorted sets
 *     zipmap     before that: hashes
 *     intset     sets of integers
 *
 * A pack is walked once from its front. Bytes come from files and payloads, so every step is checked and nothing
 * before the end of the walk says that all of it is well-formed. What is given borrows from the pack; integers that
 * a form keeps as numbers are given as KEVY_INT and mean their decimal digits. No memory is asked for. */
#ifndef KEVY_PACK_H
#define KEVY_PACK_H

#include "../base.h"
#include "../kevy_types.h"

typedef enum pack_form { PACK_LISTPACK, PACK_ZIPLIST, PACK_ZIPMAP, PACK_INTSET } pack_form;

typedef enum pack_step { PACK_ITEM, PACK_END, PACK_BAD } pack_step;

#define PACK_UNCOUNTED UINT64_MAX

typedef struct pack {
  const uint8_t *at, *end; /* end: the terminator, where the form has one */
  uint64_t left;           /* elements to come, as announced; PACK_UNCOUNTED */
  const uint8_t *tail;     /* ziplist: where the last element is said to begin */
  const uint8_t *before;   /* ziplist: the element given last; NULL: none */
  uint32_t width;          /* intset: bytes of an integer */
  bool value;              /* zipmap: a value comes next */
  pack_form form;
} pack;

/* Stands before the first element. False: not of this form. */
bool pack_open(pack *p, pack_form form, const char *bytes, size_t len);

/* The next element. PACK_END once, when all that was announced has been given and nothing is left over. */
pack_step pack_next(pack *p, kevy_value *out);

/* "listpack", ... */
const char *pack_name(pack_form form);

/* ---- the forms: each opens with the first two fields set to all of the bytes ---- */

bool listpack_open(pack *p);
pack_step listpack_next(pack *p, kevy_value *out);
bool ziplist_open(pack *p);
pack_step ziplist_next(pack *p, kevy_value *out);
bool zipmap_open(pack *p);
pack_step zipmap_next(pack *p, kevy_value *out);
bool intset_open(pack *p);
pack_step intset_next(pack *p, kevy_value *out);

/* ---- reading: little-endian numbers that are known to be inside ---- */

static inline uint32_t pack_u16(const uint8_t *p) { return p[0] | (uint32_t)p[1] << 8; }
static inline uint32_t pack_u32(const uint8_t *p) { return pack_u16(p) | pack_u16(p + 2) << 16; }
/* A signed integer of 1 to 8 bytes. */
static inline int64_t pack_int(const uint8_t *p, uint32_t width) {
  uint64_t bits = 0;
  for (uint32_t i = 0; i < width; i++) bits |= (uint64_t)p[i] << (8 * i);
  unsigned spare = 64 - 8 * width;
  return (int64_t)(bits << spare) >> spare;
}

static inline size_t pack_room(const pack *p) { return (size_t)(p->end - p->at); }

static inline pack_step pack_give_int(kevy_value *out, int64_t i) {
  out->kind = KEVY_INT;
  out->reserved = 0;
  out->len = 0;
  out->as.i = i;
  return PACK_ITEM;
}
static inline pack_step pack_give_bytes(kevy_value *out, const uint8_t *ptr, size_t len) {
  out->kind = KEVY_BYTES;
  out->reserved = 0;
  out->len = len;
  out->as.ptr = (const char *)ptr;
  return PACK_ITEM;
}

/* One element less to come. False: more than were announced. */
static inline bool pack_count(pack *p) {
  if (p->left == PACK_UNCOUNTED) return true;
  if (p->left == 0) return false;
  p->left--;
  return true;
}
static inline pack_step pack_finish(const pack *p) {
  return p->left == 0 || p->left == PACK_UNCOUNTED ? PACK_END : PACK_BAD;
}

#endif
