/* snapshot: see snapshot.h. */
#include "snapshot.h"

#include "blob.h"
#include "database.h"
#include "light.h"

#include <stdlib.h>

moment *snapshot_share(moment *m) {
  atomic_fetch_add(&m->holders, 1);
  space_ref(m->sp);
  return m;
}

/* Takes a hold unless the last one was just let go of. */
static bool hold_if_held(moment *m) {
  uint64_t holders = atomic_load(&m->holders);
  while (holders != 0)
    if (atomic_compare_exchange_weak(&m->holders, &holders, holders + 1)) return true;
  return false;
}

moment *snapshot_open(space *sp, int64_t now) {
  if (UNLIKELY(sp->light != NULL) && !light_open(sp, now)) return NULL;
  moment *newest = sp->moments;
  if (newest != NULL && !sp->written && newest->now == now && hold_if_held(newest)) {
    space_ref(sp);
    return newest;
  }
  moment *m = malloc(sizeof *m);
  if (m == NULL) return NULL;
  memset(m, 0, sizeof *m);
  if (!database_copy(&m->db, &sp->db)) {
    free(m);
    return NULL;
  }
  m->epoch = newest != NULL && !sp->written ? newest->epoch : sp->epoch++;
  m->now = now;
  m->sp = sp;
  atomic_init(&m->holders, 1);
  atomic_fetch_add_explicit(&sp->live, 1, memory_order_relaxed);
  m->older = sp->moments;
  if (m->older != NULL) m->older->newer = m;
  sp->moments = m;
  sp->newest = m->epoch;
  sp->written = false;
  space_ref(sp);
  return m;
}

void snapshot_free(moment *m) {
  free(m->db.rest);
  free(m);
}

void snapshot_let_go(moment *m) {
  space *sp = m->sp;
  if (atomic_fetch_sub(&m->holders, 1) != 1) return;
  m->next_released = atomic_load(&sp->released);
  while (!atomic_compare_exchange_weak(&sp->released, &m->next_released, m)) continue;
}

void snapshot_close(moment *m) {
  space *sp = m->sp;
  snapshot_let_go(m);
  space_unref(sp);
}

void snapshot_pin(space *sp, pin_node *p, ref held) {
  p->blob = held;
  p->prev = NULL;
  p->next = sp->pinned;
  if (p->next != NULL) p->next->prev = p;
  sp->pinned = p;
  sp->pins++;
  sp->pinned_bytes += blob_at(sp->mem.base, held)->capacity;
  space_ref(sp);
}

void snapshot_unpin(space *sp, pin_node *p) {
  p->next_unpinned = atomic_load(&sp->unpinned);
  while (!atomic_compare_exchange_weak(&sp->unpinned, &p->next_unpinned, p)) continue;
  space_unref(sp);
}

static void collect_pin(space *sp, pin_node *p) {
  if (p->next != NULL) p->next->prev = p->prev;
  if (p->prev != NULL) p->prev->next = p->next;
  else sp->pinned = p->next;
  sp->pinned_bytes -= blob_at(sp->mem.base, p->blob)->capacity;
  node_release_blob(sp, p->blob);
  sp->pins--;
  free(p);
}

/* Takes a released moment out of the live ones and hands its dead list to the drain. When the newest goes,
 * the one that takes its place was opened before writes that `written` no longer tells of, unless both are
 * of one epoch. */
static void retire_moment(space *sp, moment *m) {
  atomic_fetch_sub_explicit(&sp->live, 1, memory_order_relaxed);
  if (UNLIKELY(m->undone != NULL)) {
    transaction_left(sp, m->undone);
    return;
  }
  if (m->newer == NULL && m->older != NULL && m->older->epoch != m->epoch) sp->written = true;
  if (m->newer != NULL) m->newer->older = m->older;
  else sp->moments = m->older;
  if (m->older != NULL) m->older->newer = m->newer;
  m->next_released = sp->draining;
  sp->draining = m;
  sp->newest = sp->moments != NULL ? sp->moments->epoch : 0;
}

/* Others only add at the head: what is behind it stays. */
static moment *pop_released(space *sp) {
  moment *m = atomic_load(&sp->released);
  while (m != NULL && !atomic_compare_exchange_weak(&sp->released, &m, m->next_released)) continue;
  return m;
}

static pin_node *pop_unpinned(space *sp) {
  pin_node *p = atomic_load(&sp->unpinned);
  while (p != NULL && !atomic_compare_exchange_weak(&sp->unpinned, &p, p->next_unpinned)) continue;
  return p;
}

bool snapshot_collect_some(space *sp, uint32_t items) {
  moment *m;
  pin_node *p;
  for (; items > 0 && (m = pop_released(sp)) != NULL; items--) retire_moment(sp, m);
  for (; items > 0 && (p = pop_unpinned(sp)) != NULL; items--) collect_pin(sp, p);
  return !snapshot_waiting(sp);
}

/* The last moment from inside an undone transaction lets go of the one it began at. */
void snapshot_collect(space *sp) {
  while (snapshot_waiting(sp)) snapshot_collect_some(sp, UINT32_MAX);
}
