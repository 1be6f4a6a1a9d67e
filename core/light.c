/* light: see light.h. */
#include "light.h"

#include "evict.h"
#include "hashing.h"

/* What opening the moment may take: of each write a segment, a page and a place on a dead list; and a root. Writes leave
 * that much. */
#define LIGHT_ROOM ((uint64_t)64 << 10)
#define LIGHT_KEY_MAX 4096

#define LIGHT_NEWEST UINT64_MAX

FLAT void light_enter(space *sp, transaction *t) {
  sp->light = t;
  sp->newest = LIGHT_NEWEST;
}

FLAT void light_leave(space *sp) {
  sp->light = NULL;
  sp->newest = 0;
}

FLAT bool light_begin(space *sp, transaction *t) {
  if (UNLIKELY(snapshot_waiting(sp))) snapshot_collect_some(sp, SNAPSHOT_SLICE);
  if (UNLIKELY(sp->newest != 0) || UNLIKELY(sp->undone != NULL)) return false;
  light_enter(sp, t);
  return true;
}

void light_commit(space *sp) {
  const transaction *t = sp->light;
  light_leave(sp);
  for (const light_write *w = t->log; w < t->log + t->writes; w++)
    if (w->slot != NULL && w->before != 0) node_free_entry(sp, slot_ref(w->before));
}

static void light_restore(entry *e, const light_write *w) {
  e->kinds = (uint8_t)w->before;
  bytes_move(entry_content(e), w->bytes, e->vlen);
}

/* Takes a write out of the table. */
static void light_lift(space *sp, const light_write *w) {
  if (w->slot == NULL) light_restore(mem_ptr(sp->mem.base, w->block), w);
  else if (w->before != 0) *w->slot = w->before;
  else table_displace(&sp->db.first.keys, w->slot);
}

void light_undo(space *sp) {
  const transaction *t = sp->light;
  light_leave(sp);
  for (uint32_t i = t->writes; i > 0; i--) {
    const light_write *w = &t->log[i - 1];
    light_lift(sp, w);
    if (w->slot != NULL) node_free_entry(sp, w->block);
  }
}

uint64_t light_bytes(const space *sp) {
  uint64_t bytes = 0;
  if (sp->light == NULL) return 0;
  for (const light_write *w = sp->light->log; w < sp->light->log + sp->light->writes; w++)
    if (w->slot != NULL && w->before != 0) bytes += node_entry_bytes(sp, slot_ref(w->before));
  return bytes;
}

/* ---- opening the moment ---- */

static uint64_t *light_slot(const space *sp, const light_write *w) {
  return w->before != 0 ? table_find_ref(sp->mem.base, &sp->db.first.keys, w->hash, slot_ref(w->before)) : NULL;
}

static bool light_own(space *sp, const transaction *t) {
  for (uint32_t i = 0; i < t->writes; i++) {
    const light_write *w = &t->log[i];
    uint64_t *slot = light_slot(sp, w);
    bool owned = slot != NULL ? table_own(sp, &sp->db.first.keys, w->hash, slot, true) != NULL
                              : table_own_place(sp, &sp->db.first.keys, w->hash, true);
    if (!owned) return false;
  }
  return true;
}

/* Puts a write back that was taken out; segments may be others now. */
static void light_lay(space *sp, light_write *w) {
  w->slot = light_slot(sp, w);
  if (w->slot != NULL) table_replace(w->slot, w->block);
  else w->slot = table_place(sp->mem.base, &sp->db.first.keys, w->hash, w->block);
}

static bool light_hold(space *sp, transaction *t, int64_t now) {
  if (!transaction_hold(sp, t, now)) return false;
  if (light_own(sp, t)) return true;
  snapshot_close(t->start);
  snapshot_collect(sp);
  t->start = NULL;
  return false;
}

/* What was there before bytes were changed where they stand gets an entry of its own: who calls may have borrowed the new
 * ones. */
static bool light_part(space *sp, light_write *w) {
  size_t size = entry_size(mem_ptr(sp->mem.base, w->block));
  ref old = mem_alloc_reserved(&sp->mem, size);
  if (old == 0) return false;
  memcpy(mem_ptr(sp->mem.base, old), mem_ptr(sp->mem.base, w->block), size);
  light_restore(mem_ptr(sp->mem.base, old), w);
  const entry *e = mem_ptr(sp->mem.base, w->block);
  w->hash = hash_bytes(sp->secret, entry_key(e), entry_klen(e));
  w->slot = table_find_ref(sp->mem.base, &sp->db.first.keys, w->hash, w->block);
  w->before = (*w->slot & ~REF_MASK) | old;
  return true;
}

bool light_open(space *sp, int64_t now) {
  transaction *t = sp->light;
  for (uint32_t i = 0; i < t->writes; i++)
    if (t->log[i].slot == NULL && !light_part(sp, &t->log[i])) return false;
  for (uint32_t i = t->writes; i > 0; i--) light_lift(sp, &t->log[i - 1]);
  light_leave(sp);
  bool open = light_hold(sp, t, now);
  if (!open) light_enter(sp, t);
  for (light_write *w = t->log; w < t->log + t->writes; w++) {
    light_lay(sp, w);
    if (open && w->before != 0) node_retire_entry(sp, slot_ref(w->before), w->hash, false);
  }
  return open;
}

bool light_settle(kevy_store *s, uint64_t hash, uint64_t **slot) {
  ref block = *slot != NULL ? slot_ref(**slot) : 0;
  if (!light_open(s->sp, clock_now(&s->clock))) return false;
  if (block != 0) *slot = table_find_ref(s->base, s->keys, hash, block);
  return true;
}

/* ---- writing ---- */

static FLAT light_write *light_logged(transaction *t, ref block) {
  for (light_write *w = t->log; w < t->log + t->writes; w++)
    if (w->block == block) return w;
  return NULL;
}

static FLAT bool light_has_memory(const space *sp) { return sp->mem.root->used + LIGHT_ROOM <= sp->mem.limit; }

static FLAT bool light_has_room(const space *sp) { return sp->light->writes < LIGHT_WRITES && light_has_memory(sp); }

static FLAT void light_keep(light_write *w, ref block, const entry *e, const char *value, size_t len) {
  w->block = block;
  w->slot = NULL;
  w->before = e->kinds;
  bytes_move(w->bytes, value, len);
}

FLAT bool light_note_first(space *sp, const entry *e, const char *value, size_t len) {
  transaction *t = sp->light;
  if (t->writes != 0 || UNLIKELY(!light_has_memory(sp))) return false;
  t->writes = 1;
  light_keep(t->log, (ref)((const char *)e - sp->mem.base), e, value, len);
  return true;
}

bool light_note(space *sp, const entry *e) {
  transaction *t = sp->light;
  ref block = (ref)((const char *)e - sp->mem.base);
  if (light_logged(t, block) != NULL) return true;
  if (!light_has_room(sp)) return false;
  light_keep(&t->log[t->writes++], block, e, (const char *)(e + 1) + e->klen, e->vlen);
  return true;
}

/* Whether the log takes a new value of the probe's key. */
static bool light_takes(space *sp, const probe *p) {
  if (p->klen > LIGHT_KEY_MAX || !light_has_room(sp)) return false;
  if (p->slot == NULL) return table_has_place(sp->mem.base, &sp->db.first.keys, p->hash);
  const entry *e = mem_ptr(sp->mem.base, slot_ref(*p->slot));
  return entry_type(e) == KEVY_TYPE_STRING && !entry_has_deadline(e);
}

/* Puts a block in the place of what was there; what an earlier write of this transaction put there goes. */
static void light_replace(space *sp, uint64_t hash, uint64_t *slot, ref block) {
  transaction *t = sp->light;
  light_write *w = light_logged(t, slot_ref(*slot));
  if (w == NULL) {
    t->log[t->writes++] = (light_write){.block = block, .hash = hash, .slot = slot, .before = *slot};
    t->held++;
  } else {
    if (w->slot != NULL) {
      node_free_entry(sp, w->block);
    } else {
      light_restore(mem_ptr(sp->mem.base, w->block), w);
      w->slot = slot;
      w->hash = hash;
      w->before = *slot;
      t->held++;
    }
    w->block = block;
  }
  table_replace(slot, block);
}

static void light_insert(space *sp, uint64_t hash, ref block) {
  transaction *t = sp->light;
  uint64_t *slot = table_place(sp->mem.base, &sp->db.first.keys, hash, block);
  t->log[t->writes++] = (light_write){.block = block, .hash = hash, .slot = slot};
}

/* What the policy knows of a key it goes on knowing, whatever becomes of the transaction. */
static void light_count(kevy_store *s, const probe *p, entry *e) {
  if (LIKELY(s->access != ACCESS_COUNTED)) return;
  if (p->slot != NULL) evict_inherit(s, e, mem_ptr(s->base, slot_ref(*p->slot)));
  else evict_arrived(s, p->hash, e);
}

/* Only database 0 is written without a moment (store_write_seldom). */
kevy_status light_put(kevy_store *s, probe *p, int32_t type, const content *c, int64_t deadline, uint32_t key_kind) {
  if (deadline != KEVY_NO_TTL || !light_takes(s->sp, p))
    return light_settle(s, p->hash, &p->slot) ? probe_put(s, p, type, c, deadline, key_kind) : KEVY_EOOM;
  if (p->live != NULL) key_kind = entry_key_kind(p->live);
  ref block = probe_build(s, type, p->key, p->klen, key_kind, c, deadline);
  if (block == 0) return KEVY_EOOM;
  light_count(s, p, mem_ptr(s->base, block));
  if (p->slot != NULL) light_replace(s->sp, p->hash, p->slot, block);
  else light_insert(s->sp, p->hash, block);
  s->touched = true;
  if (s->serve != NULL) store_note_ready(s, p->hash);
  p->live = mem_ptr(s->base, block);
  return KEVY_OK;
}
