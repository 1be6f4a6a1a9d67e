/* expire: see expire.h. */
#include "expire.h"

#include "blob.h"
#include "database.h"
#include "probe.h"
#include "timers.h"
#include "wheel.h"

size_t expire_bytes(void) { return mem_round(sizeof(wheel)); }

static inline wheel *wheel_of(const kevy_store *s) { return mem_ptr(s->base, s->sp->wheel); }

bool expire_prepare(kevy_store *s) {
  if (LIKELY(s->sp->wheel != 0)) return true;
  ref r = mem_alloc(&s->sp->mem, sizeof(wheel));
  if (r == 0) return false;
  wheel_start(mem_ptr(s->base, r), store_now(s));
  s->sp->wheel = r;
  return true;
}

void expire_hang(kevy_store *s, ref block) {
  wheel_add(s->base, wheel_of(s), block);
  int64_t deadline = entry_deadline(mem_ptr(s->base, block));
  if (deadline < s->next_due) s->next_due = deadline;
}

void expire_unhang(kevy_store *s, ref block) { wheel_remove(s->base, wheel_of(s), block); }

void expire_mark_forsaken(const kevy_store *s, ref block) { wheel_mark_off(s->base, block); }
bool expire_forsaken(const kevy_store *s, ref block) { return wheel_is_off(s->base, block); }
void expire_forsake(kevy_store *s, ref block) {
  expire_unhang(s, block);
  expire_mark_forsaken(s, block);
}

/* The same however its value changes where it stands. */
static uint64_t block_bytes(const kevy_store *s, ref block) { return mem_round(entry_size(mem_ptr(s->base, block))); }

void expire_add(kevy_store *s, ref block) {
  expire_hang(s, block);
  s->db->with_ttl++;
  s->db->ttl_bytes += block_bytes(s, block);
}

void expire_remove(kevy_store *s, ref block) {
  expire_unhang(s, block);
  s->db->with_ttl--;
  s->db->ttl_bytes -= block_bytes(s, block);
}

void expire_move(kevy_store *s, ref block, int64_t deadline) {
  wheel_move(s->base, wheel_of(s), block, deadline);
  if (deadline < s->next_due) s->next_due = deadline;
}

/* ---- slices ---- */

#define EXPIRE_HEAVY 2048 /* bytes of a blob that take as long as an entry */

static uint32_t blob_items(const kevy_store *s, const entry *e) {
  if (LIKELY((entry_flags(e) & ENTRY_CONTENT) != ENTRY_BLOB)) return 0;
  return (uint32_t)(blob_at(s->base, load64(entry_content(e)))->capacity / EXPIRE_HEAVY);
}

/* The hashes of the entries before the first timer; what removing them reads is on its way from here on. How many. */
static uint32_t expire_prepare_some(const kevy_store *s, const ref *blocks, uint32_t n, uint64_t *hashes) {
  for (uint32_t i = 0; i < n; i++) {
    const entry *e = mem_ptr(s->base, blocks[i]);
    if (UNLIKELY(entry_type(e) == ENTRY_TIMER)) return i;
    hashes[i] = probe_hash(s, entry_key(e), entry_klen(e));
    table_prefetch_to_remove(s->base, s->keys, hashes[i]);
    mem_prefetch_free(&s->sp->mem, blocks[i]);
  }
  return n;
}

/* Removing a key takes none of the others off the wheel, but may take timers; a timer that rings may take keys. So each of those
 * rings alone, when it comes first. */
static uint32_t expire_some(kevy_store *s, const ref *blocks, uint32_t n, uint32_t *items) {
  uint64_t hashes[WHEEL_SOME];
  uint32_t keys = expire_prepare_some(s, blocks, n, hashes), heavy = 0;
  if (UNLIKELY(keys == 0) && !timers_ring(s, blocks[0], items)) expire_forsake(s, blocks[0]);
  for (uint32_t i = 0; i < keys; i++) {
    heavy += blob_items(s, mem_ptr(s->base, blocks[i]));
    if (UNLIKELY(!probe_expire_hashed(s, hashes[i], blocks[i]))) expire_forsake(s, blocks[i]);
  }
  *items -= heavy < *items ? heavy : *items;
  return keys;
}

bool expire_slice(kevy_store *s, uint32_t items, uint64_t *expired) {
  if (s->sp->wheel == 0 || s->frozen != NULL || UNLIKELY(s->clock.still) || s->sp->transactions != 0) return true;
  int64_t now = store_now(s);
  if (now < s->next_due) return true;
  ref blocks[WHEEL_SOME];
  for (uint32_t n; (n = wheel_due(s->base, wheel_of(s), now, &items, &s->next_due, blocks)) != 0;) {
    n = expire_some(s, blocks, n, &items);
    if (expired != NULL) *expired += n;
  }
  return s->next_due > now;
}

static void expire_rehang(kevy_store *s, const table *t) {
  table_walk walk = {0, 0, false};
  if (t->root == 0) return;
  for (ref r; (r = table_next(s->base, t, &walk)) != 0;)
    if (entry_has_deadline(mem_ptr(s->base, r))) expire_hang(s, r);
}

void expire_rewind(kevy_store *s) {
  if (s->sp->wheel == 0) return;
  wheel_start(wheel_of(s), store_now(s));
  s->next_due = INT64_MAX;
  uint32_t i = 0;
  for (const database *d; (d = database_next(&s->sp->db, &i)) != NULL;) {
    expire_rehang(s, &d->keys);
    expire_rehang(s, &d->timers);
  }
  database_forsake_flushed(s);
}

ref expire_earliest(const kevy_store *s) {
  return s->sp->wheel != 0 ? wheel_earliest(wheel_of(s)) : 0;
}
