/* abi_iter: the functions of kevy.h that walk over the keys, or the elements of a value, of one moment. */
#include <stdlib.h>

#include "../core/elements.h"
#include "../core/glob.h"
#include "../core/probe.h"
#include "kevy.h"

struct kevy_iter {
  moment *m;
  elements *inside; /* of one value; NULL: over the keys */
  table_walk walk;
  const entry *at; /* what was given last */
  int32_t type;    /* KEVY_TYPE_NONE: all */
  size_t plen;
  char pattern[];
};

/* An iterator over this moment, with room for a pattern. NULL: no memory. */
static kevy_iter *iter_new(kevy_store *s, size_t plen) {
  kevy_iter *it = calloc(1, sizeof *it + plen);
  if (it == NULL) return NULL;
  it->m = s->frozen != NULL ? snapshot_share(s->frozen) : snapshot_open(s->sp, store_now(s));
  if (it->m != NULL) return it;
  free(it);
  return NULL;
}

kevy_status kevy_iter_open(kevy_store *s, const char *pattern, size_t plen, int32_t type,
                           kevy_iter **out) {
  ENTER(s);
  if (type < KEVY_TYPE_NONE || type > KEVY_TYPE_STREAM) return lending(s, KEVY_EARG);
  if (plen > KEVY_MAX_LEN) return lending(s, KEVY_ETOOBIG);
  kevy_iter *it = iter_new(s, plen);
  if (it == NULL) return lending(s, KEVY_EOOM);
  it->type = type;
  it->plen = plen;
  if (plen != 0) memcpy(it->pattern, pattern, plen);
  *out = it;
  return lending(s, KEVY_OK);
}

/* Stands before the first element of the key's value in the iterator's moment. */
static kevy_status iter_enter(kevy_store *s, kevy_iter *it, const char *key, size_t klen,
                              int32_t type, uint32_t flags) {
  const uint64_t *slot = table_find(s->base, &it->m->db.first.keys, probe_hash(s, key, klen), key, klen);
  const entry *e = slot != NULL ? mem_ptr(s->base, slot_ref(*slot)) : NULL;
  if (e == NULL || (entry_has_deadline(e) && entry_deadline(e) <= it->m->now)) return KEVY_MISSING;
  if (type != KEVY_TYPE_NONE && type != entry_type(e)) return KEVY_EWRONGTYPE;
  it->inside = malloc(sizeof *it->inside);
  if (it->inside == NULL) return KEVY_EOOM;
  it->at = e;
  return elements_begin(it->inside, it->m->sp, e, it->m->now, (flags & KEVY_REV) != 0)
             ? KEVY_OK
             : KEVY_EWRONGTYPE;
}

kevy_status kevy_iter_elements(kevy_store *s, const char *key, size_t klen, int32_t type,
                               uint32_t flags, kevy_iter **out) {
  ENTER(s);
  if (!flags_allowed(flags, KEVY_REV) || type < KEVY_TYPE_NONE || type > KEVY_TYPE_STREAM)
    return lending(s, KEVY_EARG);
  kevy_iter *it = iter_new(s, 0);
  if (it == NULL) return lending(s, KEVY_EOOM);
  kevy_status status = iter_enter(s, it, key, klen, type, flags);
  if (status == KEVY_OK) *out = it;
  else kevy_iter_close(it);
  return lending(s, status);
}

static bool iter_wants(const kevy_iter *it, const entry *e) {
  if (entry_has_deadline(e) && entry_deadline(e) <= it->m->now) return false;
  if (hash_is_over(it->m->sp->mem.base, e, it->m->now)) return false;
  if (it->type != KEVY_TYPE_NONE && it->type != entry_type(e)) return false;
  return it->plen == 0 ||
         glob_match(it->pattern, it->plen, entry_key(e), entry_klen(e), false);
}

kevy_status kevy_iter_next(kevy_iter *it, kevy_value *key, kevy_value *value) {
  const char *base = it->m->sp->mem.base;
  kevy_value unwanted;
  if (it->inside != NULL)
    return elements_next(it->inside, key, value != NULL ? value : &unwanted) ? KEVY_OK : KEVY_MISSING;
  ref r;
  while ((r = table_next(base, &it->m->db.first.keys, &it->walk)) != 0) {
    const entry *e = mem_ptr(base, r);
    if (!iter_wants(it, e)) continue;
    it->at = e;
    key->kind = entry_key_kind(e);
    key->reserved = 0;
    key->len = entry_klen(e);
    key->as.ptr = entry_key(e);
    if (value != NULL) entry_value(base, e, value);
    return KEVY_OK;
  }
  return KEVY_MISSING;
}

int32_t kevy_iter_type(kevy_iter *it) {
  return it->at != NULL ? entry_type(it->at) : KEVY_TYPE_NONE;
}

void kevy_iter_close(kevy_iter *it) {
  if (it == NULL) return;
  snapshot_close(it->m);
  free(it->inside);
  free(it);
}
