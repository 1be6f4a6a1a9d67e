/* collection: see collection.h. */
#include "collection.h"

#include "blob.h"
#include "expire.h"
#include "hashing.h"
#include "list_tree.h"
#include "type_hash.h"
#include "type_set.h"
#include "type_stream.h"
#include "type_zset.h"

static inline void *collection_ptr(const space *sp, ref r) { return mem_ptr(sp->mem.base, r); }
static inline ref collection_ref(const space *sp, const void *at) {
  return (ref)((const char *)at - sp->mem.base);
}

/* ---- types ---- */

const collection_kind *collection_kind_of(int32_t type) {
  switch (type) {
    case KEVY_TYPE_HASH: return &hash_kind;
    case KEVY_TYPE_SET: return &set_kind;
    case KEVY_TYPE_STREAM: return &stream_kind;
    case KEVY_TYPE_LIST: return &list_kind;
    case KEVY_TYPE_ZSET: return &zset_kind;
    default: return NULL;
  }
}

/* ---- finding ---- */

FLAT entry *collection_recent(const kevy_store *s, const char *key, size_t klen, int32_t type) {
  const store_recent *r = &s->recent;
  if (r->klen != klen || r->gone != s->sp->larges_gone) return NULL;
  if (UNLIKELY(entry_flags(r->e) != (COLLECTION_LARGE(type) | s->access))) return NULL;
  return LIKELY(bytes_equal((const char *)(r->e + 1), key, klen)) ? r->e : NULL;
}

FLAT entry *collection_guess_at(const char *base, const struct bucket *home, uint64_t hash, const char *key, size_t klen,
                                uint32_t flags, bool *absent) {
  entry *e = table_guess(base, home, hash, absent);
  if (UNLIKELY(e == NULL) || UNLIKELY((entry_flags(e) & ~ENTRY_ACCESS) != flags)) return NULL;
  return LIKELY(e->klen == klen) && LIKELY(bytes_equal((const char *)(e + 1), key, klen)) ? e : NULL;
}

FLAT entry *collection_small(const kevy_store *s, const char *key, size_t klen, int32_t type) {
  bool absent;
  if (UNLIKELY(klen > 16)) return NULL;
  uint64_t hash = hash_quick(s->secret, key, klen);
  return collection_guess_at(s->base, table_home(s->base, s->keys, hash), hash, key, klen, COLLECTION_SMALL(type), &absent);
}

FLAT entry *keyed_guess(const kevy_store *s, const entry *e, const kevy_value *member, bool *absent) {
  const keyed *k = (const keyed *)collection_large(s->base, e);
  if (member->len - 8 > 8) __builtin_unreachable();
  uint64_t hash = hash_short(s->secret, member->as.ptr, member->len);
  return table_guess(s->base, table_home(s->base, &k->members, hash), hash, absent);
}

FLAT bool keyed_is(const entry *guess, const kevy_value *member, uint32_t flags) {
  const char *at = (const char *)(guess + 1), *ptr = member->as.ptr;
  size_t len = member->len;
  return LIKELY((entry_flags(guess) & ~ENTRY_ACCESS) == flags) && LIKELY(guess->klen == (uint8_t)len) &&
         LIKELY(load64(at) == load64(ptr)) && LIKELY(load64(at + len - 8) == load64(ptr + len - 8));
}

static FLAT bool collection_find_recent(kevy_store *s, probe *p, const char *key, size_t klen, int32_t type) {
  const store_recent *r = &s->recent;
  entry *e = collection_recent(s, key, klen, type);
  if (e == NULL || UNLIKELY(!table_holds(s->base, s->keys, r->hash, r->slot, r->word))) return false;
  *p = (probe){key, klen, r->hash, r->slot, e};
  return true;
}

static FLAT void collection_remember(kevy_store *s, const probe *p) {
  if ((entry_flags(p->live) & (ENTRY_CONTENT | ENTRY_TTL | ENTRY_WIDE)) != ENTRY_NODE) return;
  if (entry_type(p->live) != KEVY_TYPE_HASH || LIKELY(!hash_has_deadlines(s->base, p->live)))
    s->recent = (store_recent){p->klen, s->sp->larges_gone, p->live, p->slot, *p->slot, p->hash};
}

kevy_status collection_read(kevy_store *s, probe *p, const char *key, size_t klen, int32_t type) {
  if (collection_find_recent(s, p, key, klen, type)) {
    s->hits++;
    return KEVY_OK;
  }
  if (probe_read(s, p, key, klen) == NULL) return KEVY_MISSING;
  collection_remember(s, p);
  return LIKELY(entry_type(p->live) == type) ? KEVY_OK : KEVY_EWRONGTYPE;
}

kevy_status collection_read_kept(kevy_store *s, probe *p, const char *key, size_t klen, int32_t type) {
  if (probe_read_hashed(s, p, key, klen, probe_hash(s, key, klen)) == NULL) return KEVY_MISSING;
  return entry_type(p->live) == type ? KEVY_OK : KEVY_EWRONGTYPE;
}

kevy_status collection_write(kevy_store *s, probe *p, const char *key, size_t klen, int32_t type) {
  kevy_status status = store_write(s);
  if (UNLIKELY(status != KEVY_OK)) return status;
  if (UNLIKELY(klen > KEVY_MAX_LEN)) return KEVY_ETOOBIG;
  s->grows = true;
  if (collection_find_recent(s, p, key, klen, type)) return KEVY_OK;
  if (probe_find(s, p, key, klen) == NULL) return KEVY_OK;
  probe_note_access(s, p->live);
  collection_remember(s, p);
  s->grows = s->recent.e == p->live;
  return LIKELY(entry_type(p->live) == type) ? KEVY_OK : KEVY_EWRONGTYPE;
}

/* ---- small values ---- */

char *collection_edit_packed(kevy_store *s, const probe *p, size_t len) {
  entry *e = p->live;
  uint32_t flags = entry_flags(e);
  if (!probe_in_place(s, p)) return NULL;
  bool wide = (flags & ENTRY_WIDE) != 0;
  size_t klen = entry_klen(e), head = entry_head(flags) + klen;
  if (wide != (klen > UINT8_MAX || len > UINT16_MAX) ||
      mem_round(head + len) != mem_round(head + entry_vlen(e)))
    return NULL;
  if (wide) store32((char *)e + entry_head(flags) - 4, (uint32_t)len);
  e->vlen = (uint16_t)len;
  probe_note_access(s, e);
  if (UNLIKELY(s->serve != NULL)) store_note_ready(s, p->hash);
  return (char *)e + head;
}

/* Puts the block where the old one stands. */
static bool overwrite_packed(kevy_store *s, const probe *p, int32_t type, const char *block,
                             size_t len) {
  const entry *e = p->live;
  if (entry_type(e) != type || (entry_flags(e) & ENTRY_CONTENT) != ENTRY_RAW) return false;
  char *to = collection_edit_packed(s, p, len);
  if (to != NULL) memcpy(to, block, len);
  return to != NULL;
}

/* The caller's key may lie in an element that the same call took away; the entry's own does not. */
static kevy_status put_content(kevy_store *s, probe *p, int32_t type, const content *c,
                               uint32_t flags) {
  int64_t deadline = KEVY_NO_TTL;
  if (p->live != NULL) {
    deadline = entry_deadline(p->live);
    p->key = entry_key(p->live);
  }
  kevy_status status =
      probe_put(s, p, type, c, deadline, flags & KEVY_TEXT_KEY ? KEVY_TEXT : KEVY_BYTES);
  if (p->live != NULL) p->key = entry_key(p->live);
  return status;
}

static ref entry_alloc(space *sp, size_t size, bool must) {
  return must ? mem_alloc_reserved(&sp->mem, size) : mem_alloc(&sp->mem, size);
}

/* Puts an entry with this content in the live one's place; the probe follows. False: no memory. */
static bool replace_live(kevy_store *s, probe *p, const content *c, bool must) {
  space *sp = s->sp;
  const entry *old = p->live;
  size_t size = entry_size_for(entry_klen(old), entry_deadline(old), c);
  uint64_t *slot = table_own(sp, s->keys, p->hash, p->slot, must);
  ref block = slot != NULL ? entry_alloc(sp, size, must) : 0;
  if (block == 0) return false;
  entry *e = collection_ptr(sp, block);
  entry_init(e, entry_type(old), entry_key(old), entry_klen(old), entry_key_kind(old),
             entry_deadline(old), c);
  e->access_flags |= s->born;
  uint64_t before = *slot & (REF_MASK | SLOT_FRESH);
  table_replace(slot, block);
  probe_commit(s, p->hash, block, before);
  p->slot = slot;
  p->live = e;
  return true;
}

/* A value that only loses elements needs no memory beyond the limit's reserve. */
static bool shrinks(const entry *e, int32_t type, size_t len) {
  return entry_type(e) == type && !entry_is_large(e) && len <= small_len(e);
}

kevy_status collection_put_packed(kevy_store *s, probe *p, int32_t type, const char *block,
                                  size_t len, uint32_t flags) {
  if (packed_count(block) == 0) {
    if (p->live != NULL) probe_remove(s, p);
    return KEVY_OK;
  }
  if (p->live != NULL && overwrite_packed(s, p, type, block, len)) return KEVY_OK;
  content c = {ENTRY_RAW, KEVY_BYTES, len, {.ptr = block}};
  if (p->live == NULL || !shrinks(p->live, type, len)) return put_content(s, p, type, &c, flags);
  return replace_live(s, p, &c, true) ? KEVY_OK : KEVY_EOOM;
}

/* ---- large values ---- */

ref collection_new(space *sp, uint32_t size, int32_t type) {
  ref r = node_new(sp, size, false);
  if (r == 0) return 0;
  collection *c = collection_ptr(sp, r);
  memset((char *)c + sizeof(node), 0, size - sizeof(node));
  c->type = (uint8_t)type;
  return r;
}

kevy_status collection_put(kevy_store *s, probe *p, ref top, uint32_t flags) {
  content c = {ENTRY_NODE, KEVY_BYTES, 0, {.word = top}};
  return put_content(s, p, ((collection *)collection_ptr(s->sp, top))->type, &c, flags);
}

/* A writable copy of a version, which takes its place as the newest. */
static collection *version_new(space *sp, collection *old, bool must) {
  ref r = node_new(sp, old->head.size, must);
  if (r == 0) return NULL;
  collection *c = collection_ptr(sp, r);
  memcpy((char *)c + sizeof(node), (char *)old + sizeof(node), old->head.size - sizeof(node));
  sp->work_bytes += old->head.size;
  c->older = collection_ref(sp, old);
  c->dead = 0;
  old->newer = r;
  old->superseded = true;
  return c;
}

/* Points the probe's entry at a newer version: a copy of the entry where a snapshot sees it. */
static bool point_entry(kevy_store *s, probe *p, ref top, bool must) {
  if (probe_in_place(s, p)) {
    ref old = load64(entry_content(p->live));
    store64(entry_content(p->live), top);
    node_retire_collection(s->sp, old);
    return true;
  }
  content c = {ENTRY_NODE, KEVY_BYTES, 0, {.word = top}};
  return replace_live(s, p, &c, must);
}

#define OWN_RETIRES 8 /* blocks: the top node, the entry, and the nodes on the entry's path */

static COLD collection *own_version(kevy_store *s, probe *p, collection *old, bool must) {
  space *sp = s->sp;
  if (!must && !node_room(sp, OWN_RETIRES)) return NULL;
  collection *c = version_new(sp, old, must);
  if (c == NULL) return NULL;
  if (!point_entry(s, p, collection_ref(sp, c), must)) {
    old->newer = 0;
    old->superseded = false;
    mem_free(&sp->mem, collection_ref(sp, c), c->head.size);
    return NULL;
  }
  return c;
}

collection *collection_own(kevy_store *s, probe *p, bool must) {
  if (UNLIKELY(s->serve != NULL)) store_note_ready(s, p->hash);
  s->touched = true;
  collection *c = collection_at(s->base, p->live);
  if (LIKELY(node_surely_writable(s->sp, &c->head))) return c;
  return own_version(s, p, c, must);
}

/* ---- versions and their members ---- */

/* The version that a moment of this epoch sees, from k on to older ones. NULL: none. A version is seen by the
 * epochs from its birth to the next newer one's. */
collection *collection_version(const space *sp, collection *c, uint64_t epoch) {
  while (c->head.birth > epoch) {
    if (c->older == 0) return NULL;
    c = collection_ptr(sp, c->older);
  }
  return c;
}

static keyed *version_at(const space *sp, keyed *k, uint64_t epoch) {
  return (keyed *)collection_version(sp, &k->c, epoch);
}

static bool version_has(const space *sp, const keyed *k, uint64_t hash, ref block) {
  return table_find_ref(sp->mem.base, &k->members, hash, block) != NULL;
}

FLAT ref member_new(kevy_store *s, keyed *k, const char *ptr, size_t len, uint32_t kind,
               const content *c, int64_t deadline) {
  size_t size = entry_size_for(len, deadline, c);
  ref block = mem_alloc(&s->sp->mem, size);
  if (UNLIKELY(block == 0)) return 0;
  entry_init(collection_ptr(s->sp, block), KEVY_TYPE_STRING, ptr, len, kind, deadline, c);
  k->c.bytes += mem_round(size);
  if (UNLIKELY(c->form == ENTRY_BLOB)) {
    node_blob_enters(s->sp, c->as.word);
    k->c.bytes += blob_at(s->base, c->as.word)->capacity;
  }
  return block;
}

FLAT bool keyed_insert(kevy_store *s, keyed *k, uint64_t hash, const char *ptr, size_t len, uint32_t kind,
                       const content *c) {
  ref block = member_new(s, k, ptr, len, kind, c, KEVY_NO_TTL);
  if (UNLIKELY(block == 0)) return false;
  if (LIKELY(table_insert(s->sp, &k->members, hash, block, false))) return true;
  member_retire(s->sp, k, block, hash, true);
  return false;
}

/* A blob is a member's own but while the member is being replaced: copies of a value share none (hash_clone). */
static uint64_t member_bytes(const space *sp, ref block) {
  const entry *e = collection_ptr(sp, block);
  uint64_t bytes = mem_round(entry_size(e));
  if ((entry_flags(e) & ENTRY_CONTENT) == ENTRY_BLOB) bytes += blob_at(sp->mem.base, load64(entry_content(e)))->capacity;
  return bytes;
}

void member_retire(space *sp, keyed *k, ref block, uint64_t hash, bool fresh) {
  k->c.bytes -= member_bytes(sp, block);
  if (UNLIKELY(sp->newest != 0) && !fresh) {
    keyed *seen = version_at(sp, k, sp->newest);
    if (seen != NULL && version_has(sp, seen, hash, block)) {
      node_entry_dies(sp, block);
      node_dead_push(sp, &seen->c.dead, block);
      return;
    }
  }
  node_free_entry(sp, block);
}

/* ---- the graveyard ---- */

typedef struct drop_step {
  space *sp;
  keyed *k;
} drop_step;

static void drop_member(void *context, ref block, bool fresh) {
  const drop_step *step = context;
  const entry *e = collection_ptr(step->sp, block);
  uint64_t hash = 0; /* asked for only where a snapshot may see the member */
  if (step->sp->newest != 0 && !fresh)
    hash = hash_bytes(step->sp->secret, entry_key(e), entry_klen(e));
  member_retire(step->sp, step->k, block, hash, fresh);
}

bool keyed_drop(space *sp, keyed *k, uint32_t *items) {
  drop_step step = {sp, k};
  return table_drop(sp, &k->members, &k->walk, items, drop_member, &step);
}

/* A superseded version: what only it kept goes, or to the next older one that sees it. */
static bool drop_version(space *sp, collection *c, uint32_t *items) {
  keyed *older = NULL;
  if (sp->newest != 0 && c->older != 0)
    older = version_at(sp, collection_ptr(sp, c->older), sp->newest);
  ref block;
  while ((block = node_dead_top(sp, c->dead)) != 0) {
    if (*items == 0) return false;
    --*items;
    node_dead_pop(sp, &c->dead);
    const entry *e = collection_ptr(sp, block);
    if (older != NULL &&
        version_has(sp, older, hash_bytes(sp->secret, entry_key(e), entry_klen(e)), block))
      node_dead_push(sp, &older->c.dead, block);
    else
      node_free_dead_entry(sp, block);
  }
  return true;
}

static void unlink_version(space *sp, collection *c) {
  if (c->newer != 0) ((collection *)collection_ptr(sp, c->newer))->older = c->older;
  if (c->older == 0) return;
  /* After a rollback an older version may have another newer one. */
  collection *older = collection_ptr(sp, c->older);
  if (older->newer == collection_ref(sp, c)) older->newer = c->newer;
}

static bool drain_grave(space *sp, uint32_t *items) {
  ref r = sp->graves;
  collection *c = collection_ptr(sp, r);
  sp->buried -= collection_held(c);
  bool done = c->superseded ? drop_version(sp, c, items)
                            : collection_kind_of(c->type)->drop(sp, c, items);
  if (!done) {
    sp->buried += collection_held(c);
    return false;
  }
  /* Nothing was buried meanwhile: taking a value apart releases no other. */
  sp->graves = c->next_grave;
  unlink_version(sp, c);
  mem_free(&sp->mem, r, c->head.size);
  return true;
}

/* A grave is taken apart as of its own time: moments that were opened after its value went see nothing of it, so
 * the newest that counts is the newest from before its birth. Returns the newest there is, to be set again. */
static moment *step_back(space *sp, const collection *c) {
  moment *newest = sp->moments, *before = newest;
  while (before != NULL && before->epoch >= c->head.birth) before = before->older;
  sp->moments = before;
  sp->newest = before != NULL ? before->epoch : 0;
  return newest;
}

static void step_forth(space *sp, moment *newest) {
  sp->moments = newest;
  sp->newest = newest != NULL ? newest->epoch : 0;
}

bool collection_drain(space *sp, uint32_t *items) {
  while (sp->graves != 0) {
    if (*items == 0) return false;
    --*items;
    moment *newest = step_back(sp, collection_ptr(sp, sp->graves));
    bool done = drain_grave(sp, items);
    step_forth(sp, newest);
    if (!done) return false;
  }
  return true;
}

/* ---- going back ---- */

static void finish_version(space *sp, collection *c) {
  uint32_t all = UINT32_MAX;
  moment *newest = step_back(sp, c);
  sp->buried -= collection_held(c);
  while (!drop_version(sp, c, &all)) all = UINT32_MAX;
  step_forth(sp, newest);
  unlink_version(sp, c);
  mem_free(&sp->mem, collection_ref(sp, c), c->head.size);
}

void collection_finish_kept(space *sp, ref until) {
  for (ref *link = &sp->kept; *link != until;) {
    collection *c = collection_ptr(sp, *link);
    if (!c->superseded) {
      link = &c->next_grave;
      continue;
    }
    *link = c->next_grave;
    finish_version(sp, c);
  }
}

void collection_revive(space *sp, collection *c) {
  const collection_kind *kind = collection_kind_of(c->type);
  ref member;
  c->superseded = false;
  c->newer = 0;
  while ((member = node_dead_top(sp, c->dead)) != 0) {
    node_dead_pop(sp, &c->dead);
    node_entry_revives(sp, member);
    if (kind->hang != NULL) kind->hang(sp, c, member);
  }
}

typedef struct hang_step {
  space *sp;
  collection *before;
} hang_step;

static bool version_keeps(const space *sp, const collection *c, ref member) {
  const entry *e = collection_ptr(sp, member);
  return version_has(sp, (const keyed *)c, hash_bytes(sp->secret, entry_key(e), entry_klen(e)), member);
}

static void hang_kept(void *context, uint64_t item) {
  const hang_step *step = context;
  if (version_keeps(step->sp, step->before, item))
    collection_kind_of(step->before->type)->hang(step->sp, step->before, item);
}

void collection_unhang(space *sp, collection *c, uint64_t epoch) {
  const collection_kind *kind = collection_kind_of(c->type);
  collection *before = kind->unhang != NULL ? collection_version(sp, c, epoch) : NULL;
  if (before == NULL) return;
  hang_step step = {sp, before};
  if (c->superseded) node_dead_each(sp, c->dead, hang_kept, &step);
  else kind->unhang(sp, c, before, epoch);
}

/* Frees what only a superseded version has kept, and it. */
static void abandon_version(space *sp, collection *c, const collection *before) {
  ref member;
  while ((member = node_dead_top(sp, c->dead)) != 0) {
    node_dead_pop(sp, &c->dead);
    if (before != NULL && version_keeps(sp, before, member)) node_entry_revives(sp, member);
    else node_free_dead_entry(sp, member);
  }
}

void collection_abandon(space *sp, ref top, uint64_t epoch) {
  collection *c = collection_ptr(sp, top), *before = collection_version(sp, c, epoch);
  if (c->superseded) {
    abandon_version(sp, c, before);
  } else if (before == NULL) {
    c->next_grave = sp->graves;
    sp->graves = top;
    sp->buried += collection_held(c);
    return;
  } else {
    collection_kind_of(c->type)->abandon(sp, c, before, epoch);
  }
  unlink_version(sp, c);
  mem_free(&sp->mem, top, c->head.size);
}

static void abandon_member(void *context, ref block) { node_free_entry(context, block); }

void keyed_abandon(space *sp, keyed *k, const keyed *before, uint64_t epoch) {
  table_abandon(sp, &k->members, &before->members, epoch, true, abandon_member, sp);
}

uint64_t collection_held(const collection *c) {
  uint64_t top = mem_round(c->head.size);
  return c->superseded ? top : top + c->bytes + collection_kind_of(c->type)->bytes(c);
}

uint64_t collection_bytes(const char *base, const entry *e) {
  if (!entry_is_large(e)) return 0;
  return collection_held(collection_at(base, e));
}
