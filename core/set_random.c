/* set_random: members by chance: SPOP and SRANDMEMBER. Every member is as likely as any other. */
#include "members.h"
#include "type_set.h"

set_item set_random(kevy_store *s, const set_view *v) {
  if (v->count == 0) return 0;
  if (v->large != NULL)
    return set_item_large(s->base, table_random(s->base, &v->large->members, store_random, s));
  return set_item_small(packed_seek(v->block, v->len, (uint32_t)members_below(s, v->count)));
}

static void set_pick_all(set_pick *c) {
  set_walk w = set_walk_begin(&c->view);
  for (set_item item; (item = set_walk_next(&w)) != 0;) c->items[c->count++] = item;
}

static void set_pick_small(kevy_store *s, set_pick *c, uint64_t n) {
  members_sampler sampler = {c->view.count, n};
  set_walk w = set_walk_begin(&c->view);
  for (set_item item; (item = set_walk_next(&w)) != 0;)
    if (members_take(s, &sampler)) c->items[c->count++] = item;
}

static void set_pick_entry(void *context, ref block) {
  set_pick *c = context;
  c->items[c->count++] = set_item_large(c->view.sp->mem.base, block);
}

static bool set_pick_some(kevy_store *s, set_pick *c, uint64_t n) {
  if (n == c->view.count) set_pick_all(c);
  else if (n == 1) c->items[c->count++] = set_random(s, &c->view);
  else if (c->view.large == NULL) set_pick_small(s, c, n);
  else return members_sample(s, &c->view.large->members, c->view.count, n, 0, set_pick_entry, c);
  return true;
}

static kevy_status set_pick_find(kevy_store *s, set_pick *c, const char *key, size_t klen, bool to_remove) {
  kevy_status status = to_remove ? collection_write(s, &c->p, key, klen, KEVY_TYPE_SET)
                                 : collection_read(s, &c->p, key, klen, KEVY_TYPE_SET);
  return status == KEVY_OK && c->p.live == NULL ? KEVY_MISSING : status;
}

kevy_status set_pick_begin(kevy_store *s, set_pick *c, const char *key, size_t klen, uint64_t n, bool to_remove) {
  c->count = 0;
  c->items = c->room;
  kevy_status status = set_pick_find(s, c, key, klen, to_remove);
  if (status != KEVY_OK) return status;
  c->view = set_view_of(s->sp, c->p.live);
  if (n > c->view.count) n = c->view.count;
  if (n > SET_PICK_FEW) c->items = malloc(n * sizeof *c->items);
  return c->items != NULL && set_pick_some(s, c, n) ? KEVY_OK : KEVY_EOOM;
}

void set_pick_end(set_pick *c) {
  if (c->items != c->room) free(c->items);
}

static void set_pick_remove_large(kevy_store *s, set_pick *c) {
  keyed *set = (keyed *)collection_own(s, &c->p, true);
  if (set == NULL) return;
  for (uint64_t i = 0; i < c->count; i++) {
    if (i + 4 < c->count) __builtin_prefetch(set_item_at(c->items[i + 4]));
    const entry *e = set_item_at(c->items[i]);
    uint64_t hash = hash_bytes(s->sp->secret, entry_key(e), entry_klen(e));
    ref block = (ref)((const char *)e - s->base);
    uint64_t *slot = table_find_ref(s->base, &set->members, hash, block);
    if (slot != NULL) set_take_out(s->sp, set, hash, slot);
  }
  set_taken_out(s, &c->p, set);
}

/* Items come in the order of their elements: what lies between them is kept. */
static void set_pick_remove_small(kevy_store *s, set_pick *c) {
  char block[SET_BLOCK_MAX];
  size_t len = 0;
  const char *from = c->view.block;
  for (uint64_t i = 0; i < c->count; i++) {
    const char *at = set_item_at(c->items[i]);
    memcpy(block + len, from, (size_t)(at - from));
    len += (size_t)(at - from);
    from = packed_next(at);
  }
  size_t rest = (size_t)(c->view.block + c->view.len - from);
  memcpy(block + len, from, rest);
  packed_set_count(block, (uint32_t)(c->view.count - c->count));
  collection_put_packed(s, &c->p, KEVY_TYPE_SET, block, len + rest, 0);
}

void set_pick_remove(kevy_store *s, set_pick *c) {
  if (c->count == 0) return;
  if (c->count == c->view.count) probe_remove(s, &c->p);
  else if (c->view.large != NULL) set_pick_remove_large(s, c);
  else set_pick_remove_small(s, c);
}
