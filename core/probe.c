/* probe: see probe.h. */
#include "probe.h"

#include "blob.h"
#include "database.h"
#include "effect.h"
#include "events.h"
#include "evict.h"
#include "expire.h"
#include "hashing.h"
#include "light.h"
#include "timers.h"
#include "type_hash.h"

FLAT uint64_t probe_hash(const kevy_store *s, const char *key, size_t klen) {
  return hash_bytes(s->sp->secret, key, klen);
}

FLAT uint64_t probe_hash_short(const kevy_store *s, const char *key, size_t klen) {
  return hash_short(s->secret, key, klen);
}

/* True of a hash all of whose fields are due. */
static inline bool probe_is_over(kevy_store *s, const entry *e) {
  return entry_type(e) == KEVY_TYPE_HASH && UNLIKELY(hash_has_deadlines(s->base, e)) &&
         hash_is_over(s->base, e, store_due_time(s));
}

bool probe_gone(kevy_store *s, const entry *e) { return probe_expired(s, e) || probe_is_over(s, e); }

/* Fills a probe from what was found. */
static FLAT entry *probe_found(kevy_store *s, probe *p, const char *key, size_t klen, uint64_t hash, uint64_t *slot) {
  *p = (probe){key, klen, hash, slot, NULL};
  if (slot == NULL) return NULL;
  entry *e = mem_ptr(s->base, slot_ref(*slot));
  if (!probe_expired(s, e) && !probe_is_over(s, e)) p->live = e;
  return p->live;
}

FLAT entry *probe_find_hashed(kevy_store *s, probe *p, const char *key, size_t klen,
                              uint64_t hash) {
  return probe_found(s, p, key, klen, hash, table_find(s->base, s->keys, hash, key, klen));
}

entry *probe_find(kevy_store *s, probe *p, const char *key, size_t klen) {
  uint64_t hash = probe_hash(s, key, klen);
  return probe_found(s, p, key, klen, hash, table_find_to_write(s->base, s->keys, hash, key, klen));
}

FLAT void probe_note_access(const kevy_store *s, entry *e) {
  uint32_t word = entry_flags(e);
  if ((word & ENTRY_ACCESS) == s->access) return;
  if (UNLIKELY(s->access == ACCESS_COUNTED)) evict_counted(s, e);
  else __atomic_store_n(&e->access_flags, (word & ~ENTRY_ACCESS) | s->access, __ATOMIC_RELAXED);
}


FLAT entry *probe_read_hashed(kevy_store *s, probe *p, const char *key, size_t klen,
                              uint64_t hash) {
  if (LIKELY(probe_find_hashed(s, p, key, klen, hash) != NULL)) {
    s->hits++;
    probe_note_access(s, p->live);
    return p->live;
  }
  s->misses++;
  return NULL;
}

/* What a read finds expired goes. */
COLD entry *probe_missed(kevy_store *s, const probe *p) {
  if (p->slot != NULL && s->frozen == NULL && s->sp->light == NULL) probe_expire(s, slot_ref(*p->slot));
  return NULL;
}

FLAT entry *probe_read(kevy_store *s, probe *p, const char *key, size_t klen) {
  if (LIKELY(probe_read_hashed(s, p, key, klen, probe_hash(s, key, klen)) != NULL)) return p->live;
  return probe_missed(s, p);
}

bool probe_in_place(kevy_store *s, const probe *p) {
  s->touched = true;
  if (LIKELY(s->sp->newest == 0)) return true;
  return table_slot_fresh(s->sp, p->slot);
}

void content_drop(kevy_store *s, const content *c) {
  if (c->form == ENTRY_BLOB) node_release_blob(s->sp, c->as.word);
}

bool probe_swap(kevy_store *s, const probe *p, ref block, uint64_t *before) {
  space *sp = s->sp;
  *before = 0;
  if (p->slot == NULL) return table_insert(sp, s->keys, p->hash, block, false);
  uint64_t *slot = table_own(sp, s->keys, p->hash, p->slot, false);
  if (slot == NULL || !node_room(sp, 1)) return false;
  *before = *slot & (REF_MASK | SLOT_FRESH);
  table_replace(slot, block);
  return true;
}

/* Lets go of the large value of an entry that another one replaces, unless that one has it now. */
static void release_large(kevy_store *s, ref old, ref block) {
  const entry *e = mem_ptr(s->base, old);
  if (LIKELY((entry_flags(e) & ENTRY_CONTENT) != ENTRY_NODE)) return;
  ref top = load64(entry_content(e));
  if (block != 0) {
    const entry *other = mem_ptr(s->base, block);
    if ((entry_flags(other) & ENTRY_CONTENT) == ENTRY_NODE && load64(entry_content(other)) == top)
      return;
  }
  node_retire_collection(s->sp, top);
}

/* A hash that goes, or gives way to another type (`next`; 0: to nothing), has no fields to wake up for. */
static COLD void forget_timer(kevy_store *s, ref block, ref next, uint64_t hash) {
  const entry *e = mem_ptr(s->base, block);
  if (entry_type(e) != KEVY_TYPE_HASH) return;
  if (next != 0 && entry_type(mem_ptr(s->base, next)) == KEVY_TYPE_HASH) return;
  timers_forget(s, entry_key(e), entry_klen(e), hash);
}

/* An expired key that gives way to a new value went first. */
static COLD void note_replaced(kevy_store *s, const entry *old) {
  if (probe_gone(s, old)) effect_removed(s, entry_key(old), entry_klen(old));
}
static COLD void note_removed(kevy_store *s, const entry *e) {
  if (probe_gone(s, e)) effect_removed(s, entry_key(e), entry_klen(e));
  else effect_taken(s, entry_key(e), entry_klen(e));
}

/* Keys by type: strings are those that no other type counts. */
static FLAT void count_type(const kevy_store *s, const entry *e, uint64_t change) {
  int32_t type = entry_type(e);
  if (UNLIKELY(type != KEVY_TYPE_STRING)) s->db->typed[type] += change;
}

/* Every key that goes because its time has come passes here. */
static COLD void tell_expired(kevy_store *s, const entry *e) {
  if (probe_expired(s, e)) events_add(s, e, KEVY_EVENT_EXPIRED);
}

/* A key that was not there, or whose time had come. */
static COLD void tell_new(kevy_store *s, const entry *e, uint64_t before) {
  if (before == 0 || probe_gone(s, mem_ptr(s->base, slot_ref(before)))) events_add(s, e, EVENTS_NEW);
}

void probe_commit(kevy_store *s, uint64_t hash, ref block, uint64_t before) {
  s->touched = true;
  if (before != 0) {
    ref old = slot_ref(before);
    if (effect_kept(s)) note_replaced(s, mem_ptr(s->base, old));
    if (UNLIKELY(s->events != NULL)) {
      tell_expired(s, mem_ptr(s->base, old));
      tell_new(s, mem_ptr(s->base, block), before);
    }
    if (entry_has_deadline(mem_ptr(s->base, old))) expire_remove(s, old);
    if (UNLIKELY(s->db->timers.count != 0)) forget_timer(s, old, block, hash);
    release_large(s, old, block);
    count_type(s, mem_ptr(s->base, old), UINT64_MAX);
    if (UNLIKELY(s->access == ACCESS_COUNTED)) evict_inherit(s, mem_ptr(s->base, block), mem_ptr(s->base, old));
    node_retire_entry(s->sp, old, hash, (before & SLOT_FRESH) != 0);
  } else {
    if (UNLIKELY(s->events != NULL)) tell_new(s, mem_ptr(s->base, block), 0);
    if (UNLIKELY(s->access == ACCESS_COUNTED)) evict_arrived(s, hash, mem_ptr(s->base, block));
  }
  count_type(s, mem_ptr(s->base, block), 1);
  s->last_put = block;
  if (entry_has_deadline(mem_ptr(s->base, block))) expire_add(s, block);
  if (UNLIKELY(s->serve != NULL)) store_note_ready(s, hash);
}

void probe_undo(kevy_store *s, uint64_t hash, ref block, uint64_t before) {
  uint64_t *slot = table_find_ref(s->base, s->keys, hash, block);
  if (before != 0) *slot = (*slot & ~(REF_MASK | SLOT_FRESH)) | before;
  else table_remove(s->sp, s->keys, hash, slot);
}

FLAT ref probe_build(kevy_store *s, int32_t type, const char *key, size_t klen, uint32_t key_kind,
                const content *c, int64_t deadline) {
  ref block = mem_alloc(&s->sp->mem, entry_size_for(klen, deadline, c));
  if (UNLIKELY(block == 0)) return 0;
  entry *e = mem_ptr(s->base, block);
  entry_init(e, type, key, klen, key_kind, deadline, c);
  e->access_flags |= s->born;
  if (UNLIKELY(c->form == ENTRY_BLOB)) node_blob_enters(s->sp, c->as.word);
  return block;
}

void probe_discard(kevy_store *s, ref block) { node_free_entry(s->sp, block); }

kevy_status probe_put(kevy_store *s, probe *p, int32_t type, const content *c, int64_t deadline,
                      uint32_t key_kind) {
  if (UNLIKELY(s->sp->light != NULL)) return light_put(s, p, type, c, deadline, key_kind);
  if (deadline != KEVY_NO_TTL && !expire_prepare(s)) return KEVY_EOOM;
  if (p->live != NULL) key_kind = entry_key_kind(p->live);
  ref block = probe_build(s, type, p->key, p->klen, key_kind, c, deadline);
  if (UNLIKELY(block == 0)) return KEVY_EOOM;
  uint64_t before;
  if (LIKELY(probe_swap(s, p, block, &before))) {
    probe_commit(s, p->hash, block, before);
    p->live = mem_ptr(s->base, block);
    return KEVY_OK;
  }
  node_entry_dies(s->sp, block);
  mem_free(&s->sp->mem, block, entry_size_for(p->klen, deadline, c));
  return KEVY_EOOM;
}

/* With the reserve to draw on, owning the path fails only when the address space is exhausted; the
 * entry then stays, and goes with its region. */
static void remove_block(kevy_store *s, uint64_t hash, uint64_t *slot, bool release) {
  space *sp = s->sp;
  if (UNLIKELY(sp->light != NULL) && !light_settle(s, hash, &slot)) return;
  slot = table_own(sp, s->keys, hash, slot, true);
  if (slot == NULL) return;
  ref block = slot_ref(*slot);
  bool fresh = *slot & SLOT_FRESH;
  const entry *e = mem_ptr(s->base, block);
  s->touched = true;
  if (release && effect_kept(s)) note_removed(s, e);
  if (UNLIKELY(s->events != NULL)) tell_expired(s, e);
  if (entry_has_deadline(e)) expire_remove(s, block);
  if (UNLIKELY(s->db->timers.count != 0)) forget_timer(s, block, 0, hash);
  if (release) release_large(s, block, 0);
  count_type(s, e, UINT64_MAX);
  if (UNLIKELY(sp->newest != 0) && (fresh || sp->moments->older != NULL)) table_note_lost(s->base, s->keys, hash);
  table_remove(sp, s->keys, hash, slot);
  node_retire_entry(sp, block, hash, fresh);
}

void probe_remove(kevy_store *s, probe *p) {
  if (p->live == NULL) s->expired++;
  s->sp->written = true;
  remove_block(s, p->hash, p->slot, true);
  p->slot = NULL;
  p->live = NULL;
}

void probe_forget(kevy_store *s, probe *p) {
  s->sp->written = true;
  remove_block(s, p->hash, p->slot, false);
  p->slot = NULL;
  p->live = NULL;
}

bool probe_expire(kevy_store *s, ref block) {
  const entry *e = mem_ptr(s->base, block);
  return probe_expire_hashed(s, hash_bytes(s->sp->secret, entry_key(e), entry_klen(e)), block);
}

bool probe_expire_hashed(kevy_store *s, uint64_t hash, ref block) {
  uint32_t back = s->index;
  uint64_t *slot = database_find(s, hash, block);
  if (slot == NULL) return false;
  s->expired++;
  s->sp->written = true;
  remove_block(s, hash, slot, true);
  database_leave(s, back);
  return true;
}

/* Every key that is evicted passes here. */
static void note_evicted(kevy_store *s, const entry *e) {
  s->evicted++;
  if (!probe_expired(s, e)) events_note(s, e, KEVY_EVENT_EVICTED);
  effect_removed(s, entry_key(e), entry_klen(e));
}

/* What the slot tells of the hash suffices where nobody asks for the key itself. */
void probe_evict(kevy_store *s, uint64_t *slot) {
  const entry *e = mem_ptr(s->base, slot_ref(*slot));
  uint64_t hash = *slot;
  if (UNLIKELY(s->sp->newest != 0) || UNLIKELY(s->db->timers.count != 0))
    hash = hash_bytes(s->sp->secret, entry_key(e), entry_klen(e));
  note_evicted(s, e);
  s->sp->written = true;
  remove_block(s, hash, slot, true);
}

kevy_status probe_set_deadline(kevy_store *s, probe *p, int64_t deadline) {
  entry *e = p->live;
  if (deadline != KEVY_NO_TTL && store_passed(s, deadline)) {
    probe_remove(s, p);
    return KEVY_OK;
  }
  int64_t before = entry_deadline(e);
  if (before == deadline) {
    s->touched |= deadline != KEVY_NO_TTL; /* it was set, if to what it was */
    return KEVY_OK;
  }
  if (before != KEVY_NO_TTL && deadline != KEVY_NO_TTL && probe_in_place(s, p)) {
    expire_move(s, slot_ref(*p->slot), deadline);
    return KEVY_OK;
  }
  /* The caller's key may lie where the value was lent; the entry's own is there until it is replaced. */
  p->key = entry_key(e);
  content c = probe_share(s, e);
  kevy_status status = probe_put(s, p, entry_type(e), &c, deadline, 0);
  if (status != KEVY_OK) content_drop(s, &c);
  return status;
}

FLAT void entry_value(const char *base, const entry *e, kevy_value *out) {
  uint32_t flags = entry_flags(e);
  char *at = entry_content(e);
  out->reserved = 0;
  if (UNLIKELY((flags & ENTRY_TYPE) >> ENTRY_TYPE_SHIFT != KEVY_TYPE_STRING)) {
    out->kind = KEVY_NIL;
    out->len = 0;
    out->as.ptr = NULL;
    return;
  }
  out->kind = entry_value_kind(e);
  switch (flags & ENTRY_CONTENT) {
    case ENTRY_RAW:
      out->len = entry_vlen(e);
      out->as.ptr = at;
      break;
    case ENTRY_BLOB: {
      const blob *b = blob_at(base, load64(at));
      out->len = b->len;
      out->as.ptr = b->bytes;
      break;
    }
    default:
      out->len = 0;
      out->as.i = (int64_t)load64(at);
  }
}

kevy_status probe_lend(kevy_store *s, const entry *e, kevy_value *out) {
  probe_value(s, e, out);
  if (out->kind > KEVY_TEXT) return KEVY_OK;
  if ((entry_flags(e) & ENTRY_CONTENT) == ENTRY_BLOB) {
    store_lend_blob(s, probe_share(s, e).as.word);
    return KEVY_OK;
  }
  char *copy = store_scratch(s);
  if (copy == NULL) return KEVY_EOOM;
  if (out->len != 0) memmove(copy, out->as.ptr, out->len);
  out->as.ptr = copy;
  return KEVY_OK;
}

content probe_share(kevy_store *s, const entry *e) {
  content c = {entry_flags(e) & ENTRY_CONTENT, entry_value_kind(e), entry_vlen(e), {.word = 0}};
  if (c.form == ENTRY_RAW) {
    c.as.ptr = entry_content(e);
    return c;
  }
  c.as.word = load64(entry_content(e));
  if (c.form == ENTRY_BLOB) blob_at(s->base, c.as.word)->owners++;
  return c;
}
