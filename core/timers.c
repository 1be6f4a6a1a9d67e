/* timers: see timers.h. */
#include "timers.h"

#include "database.h"
#include "expire.h"
#include "hashing.h"
#include "transaction.h"
#include "type_hash.h"

static uint64_t *timers_find(const kevy_store *s, const char *key, size_t klen, uint64_t hash) {
  if (s->db->timers.count == 0) return NULL;
  return table_find(s->base, &s->db->timers, hash, key, klen);
}

static size_t timers_size(size_t klen) {
  content none = {ENTRY_RAW, KEVY_BYTES, 0, {.ptr = NULL}};
  return entry_size_for(klen, 0, &none);
}

static bool timers_add(kevy_store *s, const char *key, size_t klen, uint64_t hash, int64_t deadline) {
  space *sp = s->sp;
  if (!expire_prepare(s) || (s->db->timers.root == 0 && !table_open(sp, &s->db->timers))) return false;
  ref block = mem_alloc(&sp->mem, timers_size(klen));
  if (block == 0) return false;
  content none = {ENTRY_RAW, KEVY_BYTES, 0, {.ptr = NULL}};
  entry_init(mem_ptr(s->base, block), ENTRY_TIMER, key, klen, KEVY_BYTES, deadline, &none);
  if (!table_insert(sp, &s->db->timers, hash, block, false)) {
    mem_free(&sp->mem, block, timers_size(klen));
    return false;
  }
  s->db->timer_bytes += mem_round(timers_size(klen));
  expire_hang(s, block);
  return true;
}

bool timers_seen(const moment *m, ref timer, uint64_t hash) {
  return database_has_timer(m->sp->mem.base, &m->db, hash, timer);
}

bool timers_arm(kevy_store *s, const char *key, size_t klen, uint64_t hash, int64_t deadline) {
  uint64_t *slot = timers_find(s, key, klen, hash);
  if (slot == NULL) return timers_add(s, key, klen, hash, deadline);
  ref timer = slot_ref(*slot);
  if (deadline < entry_deadline(mem_ptr(s->base, timer))) expire_move(s, timer, deadline);
  return true;
}

size_t timers_free(kevy_store *s, ref timer) {
  const entry *e = mem_ptr(s->base, timer);
  size_t size = timers_size(entry_klen(e));
  moment *keeper = transaction_keeper(s);
  bool seen = UNLIKELY(keeper != NULL) && timers_seen(keeper, timer, hash_bytes(s->sp->secret, entry_key(e), entry_klen(e)));
  if (seen) node_dead_push(s->sp, &keeper->dead, timer);
  else mem_free(&s->sp->mem, timer, size);
  return mem_round(size);
}

/* A timer that cannot be taken out, where the address space is exhausted, goes with its region. */
static void timers_remove(kevy_store *s, uint64_t hash, uint64_t *slot) {
  space *sp = s->sp;
  slot = table_own(sp, &s->db->timers, hash, slot, true);
  if (slot == NULL) return;
  ref timer = slot_ref(*slot);
  expire_unhang(s, timer);
  table_remove(sp, &s->db->timers, hash, slot);
  s->db->timer_bytes -= timers_free(s, timer);
}

void timers_forget(kevy_store *s, const char *key, size_t klen, uint64_t hash) {
  uint64_t *slot = timers_find(s, key, klen, hash);
  if (slot != NULL && slot_ref(*slot) != s->sp->ringing) timers_remove(s, hash, slot);
}

/* The timer lends the key while the hash is at it: one that rings is not forgotten meanwhile. */
static void timers_ring_here(kevy_store *s, ref timer, uint32_t *items) {
  const entry *e = mem_ptr(s->base, timer);
  probe p;
  int64_t next = INT64_MAX;
  s->sp->ringing = timer;
  probe_find(s, &p, entry_key(e), entry_klen(e));
  if (p.live == NULL && p.slot != NULL) probe_remove(s, &p);
  else if (p.live != NULL && entry_type(p.live) == KEVY_TYPE_HASH) next = hash_shed(s, &p, store_now(s), items);
  s->sp->ringing = 0;
  if (next != INT64_MAX) expire_move(s, timer, next);
  else timers_remove(s, p.hash, timers_find(s, entry_key(e), entry_klen(e), p.hash));
}

bool timers_ring(kevy_store *s, ref timer, uint32_t *items) {
  const entry *e = mem_ptr(s->base, timer);
  uint32_t back = s->index;
  if (!database_find_timer(s, hash_bytes(s->sp->secret, entry_key(e), entry_klen(e)), timer)) return false;
  timers_ring_here(s, timer, items);
  database_leave(s, back);
  return true;
}
