/* set_build: making a set from members one by one, small as long as it can be. Whoever builds calls set_build_begin first, and
 * set_build_put or set_build_drop at the end. */
#include "members.h"
#include "type_set.h"

void set_build_begin(kevy_store *s, set_build *b) {
  b->s = s;
  b->block = b->room;
  b->len = PACKED_HEAD;
  b->top = 0;
  packed_clear(b->room);
}

/* Goes on from a block that is there; it is copied before it is changed. */
static void set_build_from(kevy_store *s, set_build *b, const char *block, size_t len) {
  b->s = s;
  b->block = block;
  b->len = len;
  b->top = 0;
}

static inline keyed *set_build_large(const set_build *b) { return set_keyed(b->s->base, b->top); }

uint64_t set_build_count(const set_build *b) {
  return b->top != 0 ? set_build_large(b)->members.count : packed_count(b->block);
}

void set_build_drop(set_build *b) {
  if (b->top != 0) node_retire_collection(b->s->sp, b->top);
  b->top = 0;
}

/* Moves what there is so far into a table. */
static bool set_build_grow(set_build *b) {
  kevy_store *s = b->s;
  b->top = set_new_large(s->sp);
  if (b->top == 0) return false;
  for (const char *at = packed_first(b->block), *end = b->block + b->len; at < end; at = packed_next(at)) {
    char digits[PACKED_NUMBER];
    uint32_t kind;
    packed_key key = set_item_key(set_item_small(at), digits, &kind);
    if (set_insert(s, set_build_large(b), set_hash(s->sp, &key), &key, kind) == 0) return false;
  }
  s->sp->work_moved += packed_count(b->block);
  return true;
}

static void set_build_splice(set_build *b, const char *where, uint32_t removed, const kevy_value *add, size_t k) {
  size_t offset = (size_t)(where - b->block);
  if (b->block != b->room) {
    memcpy(b->room, b->block, b->len);
    b->block = b->room;
  }
  b->len = packed_splice(b->room, b->len, b->room + offset, removed, add, k);
}

static kevy_status set_build_insert(set_build *b, const packed_key *key, uint32_t kind) {
  if (b->top == 0 && !set_build_grow(b)) return KEVY_EOOM;
  kevy_store *s = b->s;
  return set_insert(s, set_build_large(b), set_hash(s->sp, key), key, kind) != 0 ? KEVY_OK : KEVY_EOOM;
}

/* A key that `member` is the value of. */
static kevy_status set_build_key(set_build *b, const packed_key *key, const kevy_value *member, bool surely_new) {
  if (b->top == 0) {
    const char *where;
    if (set_find_small(b->block, b->len, key, &where)) return KEVY_UNMET;
    if (set_stays_small(b->block, b->len, key)) {
      set_build_splice(b, where, 0, member, 1);
      return KEVY_OK;
    }
  } else if (!surely_new && set_has_large(b->s->sp, set_build_large(b), key)) {
    return KEVY_UNMET;
  }
  return set_build_insert(b, key, member->kind);
}

kevy_status set_build_add(set_build *b, const kevy_value *member) {
  member_name m;
  kevy_status status = member_name_of(&m, member);
  return status == KEVY_OK ? set_build_key(b, &m.key, member, false) : status;
}

kevy_status set_build_add_new(set_build *b, set_item item) {
  char digits[PACKED_NUMBER], more[PACKED_NUMBER];
  kevy_value v;
  set_item_value(item, &v, digits);
  packed_key key = packed_key_of(&v, more);
  return set_build_key(b, &key, &v, true);
}

kevy_status set_build_put(set_build *b, probe *p, uint32_t flags) {
  kevy_status status = b->top != 0 ? collection_put(b->s, p, b->top, flags)
                                   : collection_put_packed(b->s, p, KEVY_TYPE_SET, b->block, b->len, flags);
  if (status == KEVY_OK) b->top = 0;
  return status;
}
