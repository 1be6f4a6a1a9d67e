/* transaction: see transaction.h. */
#include "transaction.h"

#include <stdlib.h>

#include "collection.h"
#include "database.h"
#include "evict.h"
#include "expire.h"
#include "hashing.h"
#include "light.h"
#include "timers.h"

static inline void *transaction_ptr(const space *sp, ref r) { return mem_ptr(sp->mem.base, r); }

moment *transaction_keeper(const kevy_store *s) {
  return UNLIKELY(s->sp->transactions != 0) || UNLIKELY(s->sp->undone != NULL) ? s->sp->moments : NULL;
}

uint32_t transaction_depth(const kevy_store *s) {
  uint32_t depth = 0;
  for (const transaction *t = s->transaction; t != NULL; t = t->outer) depth++;
  return depth;
}

/* ---- begin, commit ---- */

static void transaction_drop(transaction *t) {
  if (t == NULL) return;
  free(t->present.rest);
  free(t);
}

void transaction_free_spare(kevy_store *s) { transaction_drop(s->spare); }

/* The one that is kept is as a new one, but for its room: nothing that begins it clears it again. */
static void transaction_free(kevy_store *s, transaction *t) {
  transaction_drop(s->spare);
  t->outer = NULL;
  t->start = NULL;
  t->writes = t->held = 0;
  t->events = (events_mark){.chunk = NULL};
  s->spare = t;
}

/* Where there are several databases a rollback may have to keep the words of them all. */
static bool transaction_has_room(const space *sp, transaction *t) {
  if (LIKELY(sp->db.rest == NULL) || t->present.rest != NULL) return true;
  t->present.rest = malloc((DATABASES - 1) * sizeof *t->present.rest);
  return t->present.rest != NULL;
}

/* The moment is this one's alone, and nothing that is opened later shares its epoch: what is newer was opened inside. */
bool transaction_hold(space *sp, transaction *t, int64_t now) {
  if (!transaction_has_room(sp, t)) return false;
  sp->written = true;
  t->start = snapshot_open(sp, now);
  if (t->start == NULL) return false;
  sp->written = true;
  t->kept = sp->kept;
  t->wheel = sp->wheel;
  t->flushed = sp->flushed;
  return true;
}

static __attribute__((noinline)) bool begin_holding(kevy_store *s, transaction *t) {
  return transaction_hold(s->sp, t, clock_now(&s->clock));
}

/* What else its beginning keeps: figures, and whose it is. */
static FLAT void transaction_enter(kevy_store *s, transaction *t, bool outermost) {
  t->sp = s->sp;
  t->expired = s->expired;
  t->evicted = s->evicted;
  t->readies = s->readies;
  t->sp->transactions++;
  s->transaction = t;
  if (outermost) atomic_store_explicit(&s->transaction_owner, store_thread(), memory_order_release);
}

FLAT bool transaction_begin_quick(kevy_store *s) {
  const space *sp = s->sp;
  transaction *t = s->spare;
  uintptr_t other = s->lent | (uintptr_t)s->transaction | (uintptr_t)s->evictor | (uintptr_t)s->events | (uintptr_t)s->effects |
                    snapshot_released(sp) | sp->newest | (uintptr_t)sp->undone;
  if (UNLIKELY(other != 0) || UNLIKELY(t == NULL)) return false;
  s->spare = NULL;
  light_enter(s->sp, t);
  transaction_enter(s, t, true);
  return true;
}

kevy_status transaction_begin(kevy_store *s) {
  if (s->frozen != NULL) return KEVY_EREADONLY;
  transaction *t = s->spare;
  if (UNLIKELY(t == NULL) && (t = calloc(1, sizeof *t)) == NULL) return KEVY_EOOM;
  s->spare = NULL;
  space *sp = s->sp;
  store_unlend(s);
  if (UNLIKELY(s->evictor != NULL)) evict_ahead(s);
  if (!light_begin(sp, t) && !begin_holding(s, t)) {
    transaction_free(s, t);
    return KEVY_EOOM;
  }
  t->events = events_here(s);
  if (effect_kept(s)) {
    t->effects = effect_here(s);
    effect_hold(s);
  }
  t->outer = s->transaction;
  transaction_enter(s, t, t->outer == NULL);
  return KEVY_OK;
}

/* Takes the innermost out. The store is anybody's after the outermost. */
static FLAT transaction *transaction_pop(kevy_store *s) {
  transaction *t = s->transaction;
  store_unlend(s);
  s->transaction = t->outer;
  if (t->sp->light == NULL || s->readies != 0 || effect_kept(s)) s->until_pay = 0;
  if (t->outer == NULL) atomic_store_explicit(&s->transaction_owner, 0, memory_order_release);
  return t;
}

/* What was kept for the end of transactions is dead like any other. */
static void release_kept(space *sp) {
  while (sp->kept != 0) {
    collection *c = transaction_ptr(sp, sp->kept);
    sp->kept = c->next_grave;
    c->next_grave = sp->graves;
    sp->graves = (ref)((char *)c - sp->mem.base);
  }
}

static __attribute__((noinline)) void commit_moment(const kevy_store *s, space *sp, moment *start) {
  snapshot_close(start);
  if (sp->transactions == 0) release_kept(sp);
  if (sp == s->sp || sp->transactions != 0) snapshot_collect_some(sp, SNAPSHOT_SLICE);
  else space_abandon(sp); /* it was cleared inside */
}

/* While one is light that is in no other, none was begun since, so that there is no spare one. */
FLAT bool transaction_commit_quick(kevy_store *s) {
  transaction *t = s->transaction;
  space *sp = s->sp;
  if (UNLIKELY(t == NULL) || UNLIKELY(sp->light != t)) return false;
  uintptr_t other = s->lent | (uintptr_t)t->outer | (uintptr_t)s->effects | s->readies | t->held;
  if (UNLIKELY(other != 0) || UNLIKELY(s->until_pay <= 0)) return false;
  light_leave(sp);
  sp->transactions--;
  t->writes = 0;
  s->transaction = NULL;
  atomic_store_explicit(&s->transaction_owner, 0, memory_order_release);
  s->spare = t;
  return true;
}

kevy_status transaction_commit(kevy_store *s) {
  if (s->transaction == NULL) return KEVY_ETRANSACTION;
  transaction *t = transaction_pop(s);
  space *sp = t->sp;
  if (effect_kept(s)) effect_release(s);
  sp->transactions--;
  if (LIKELY(sp->light != NULL)) light_commit(sp);
  else commit_moment(s, sp, t->start);
  transaction_free(s, t);
  return KEVY_OK;
}

/* ---- rolling back ---- */

/* Whether a moment sees an item of a dead list. */
static bool moment_sees(const space *sp, const moment *m, uint64_t item) {
  if (item & DEAD_NODES) return ((node *)transaction_ptr(sp, item & ~DEAD_NODES))->birth <= m->epoch;
  const entry *e = transaction_ptr(sp, item);
  uint64_t hash = hash_bytes(sp->secret, entry_key(e), entry_klen(e));
  if (entry_type(e) == ENTRY_TIMER) return timers_seen(m, item, hash);
  return database_has(sp->mem.base, &m->db, hash, item);
}

typedef struct undo_step {
  kevy_store *s; /* NULL where no deadlines are to be seen to */
  space *sp;
  const moment *start;
  bool give_back;
} undo_step;

/* What the start sees is the present's again. */
static void undo_revive(const undo_step *step, uint64_t item) {
  space *sp = step->sp;
  if (item & DEAD_NODE) return;
  if (item & DEAD_COLLECTION) collection_revive(sp, transaction_ptr(sp, item & ~DEAD_NODES));
  else {
    node_entry_revives(sp, item);
    if (entry_has_deadline(transaction_ptr(sp, item))) expire_hang(step->s, item);
  }
}

/* The dead list of the start: everything on it comes back. */
static void undo_start(const undo_step *step, moment *start) {
  uint64_t item;
  while ((item = node_dead_top(step->sp, start->dead)) != 0) {
    node_dead_pop(step->sp, &start->dead);
    undo_revive(step, item);
  }
}

/* One of a moment from inside, which keeps it: on its list it counts for nothing any more where it is the present's again. */
static void undo_inside(void *context, uint64_t item) {
  const undo_step *step = context;
  if (moment_sees(step->sp, step->start, item)) {
    step->sp->retained -= node_dead_bytes(step->sp, item);
    undo_revive(step, item);
  } else if (item & DEAD_COLLECTION)
    collection_unhang(step->sp, transaction_ptr(step->sp, item & ~DEAD_NODES), step->start->epoch);
}

static ref large_since(const undo_step *step, const entry *e) {
  if (!entry_is_large(e)) return 0;
  ref top = load64(entry_content(e));
  return ((node *)transaction_ptr(step->sp, top))->birth > step->start->epoch ? top : 0;
}

/* An entry that the start does not see. */
static void undo_entry(void *context, ref block) {
  const undo_step *step = context;
  space *sp = step->sp;
  const entry *e = transaction_ptr(sp, block);
  ref top = large_since(step, e);
  if (step->s != NULL) {
    if (entry_has_deadline(e)) expire_unhang(step->s, block);
    if (top != 0) collection_unhang(sp, transaction_ptr(sp, top), step->start->epoch);
  }
  if (!step->give_back) {
    node_entry_dies(sp, block);
    return;
  }
  if (top != 0) collection_abandon(sp, top, step->start->epoch);
  if (step->s != NULL) node_entry_dies(sp, block);
  node_free_dead_entry(sp, block);
}

static void undo_timer(void *context, ref block) {
  const undo_step *step = context;
  if (step->s != NULL) expire_unhang(step->s, block);
  if (step->give_back) node_free_entry(step->sp, block);
}

/* What is in the tables of a database and was not in those of its life at the start. */
static void undo_database(const undo_step *step, const database *d) {
  static const database none = {.life = 0};
  const database *before = database_of_life(&step->start->db, d->life);
  if (before == NULL) before = &none;
  table_abandon(step->sp, &d->timers, &before->timers, step->start->epoch, step->give_back, undo_timer, (void *)(uintptr_t)step);
  table_abandon(step->sp, &d->keys, &before->keys, step->start->epoch, step->give_back, undo_entry, (void *)(uintptr_t)step);
}

static void undo_databases(const undo_step *step, const databases *all, const flushed *first) {
  uint32_t i = 0;
  for (const database *d; (d = database_next(all, &i)) != NULL;) undo_database(step, d);
  for (const flushed *f = first; f != NULL; f = f->next) undo_database(step, &f->db);
}

static void free_flushed(flushed *first) {
  for (flushed *f = first, *next; f != NULL; f = next) {
    next = f->next;
    free(f);
  }
}

/* Graves of values born inside. */
static void undo_kept(const undo_step *step, ref first) {
  for (ref r = first, next; r != 0; r = next) {
    collection *c = transaction_ptr(step->sp, r);
    next = c->next_grave;
    if (step->s != NULL) collection_unhang(step->sp, c, step->start->epoch);
    if (!step->give_back) continue;
    step->sp->buried -= collection_held(c);
    collection_abandon(step->sp, r, step->start->epoch);
  }
}

/* Takes the graves of values born inside off the list of those kept; others were buried late. */
static ref take_kept(space *sp, const transaction *t) {
  ref taken = 0;
  for (ref *link = &sp->kept; *link != t->kept;) {
    ref r = *link;
    collection *c = transaction_ptr(sp, r);
    if (c->head.birth <= t->start->epoch) {
      link = &c->next_grave;
      continue;
    }
    *link = c->next_grave;
    c->next_grave = taken;
    taken = r;
  }
  return taken;
}

/* Keeps the words of the present. Where there was no room made, what there is of other databases began inside. */
static void undo_keep_words(space *sp, transaction *t) {
  t->present.first = sp->db.first;
  if (sp->db.rest == NULL) {
    free(t->present.rest);
    t->present.rest = NULL;
  } else if (t->present.rest != NULL) {
    memcpy(t->present.rest, sp->db.rest, (DATABASES - 1) * sizeof *sp->db.rest);
  } else {
    t->present.rest = sp->db.rest;
    sp->db.rest = NULL;
  }
}

/* Takes what was flushed inside off the list of what is to be taken apart. */
static flushed *take_flushed(space *sp, const transaction *t) {
  flushed *first = sp->flushed, **link = &first;
  while (*link != t->flushed) link = &(*link)->next;
  sp->flushed = t->flushed;
  *link = NULL;
  return first;
}

/* Sets aside what was born inside, while moments from there are held. */
static void undo_aside(space *sp, transaction *t) {
  undo_keep_words(sp, t);
  t->inside = sp->moments;
  for (moment *m = sp->moments; m != t->start; m = m->older) {
    m->undone = t;
    t->alive++;
    if (m->older == t->start) {
      m->older = NULL;
      break;
    }
  }
  t->outer = sp->undone;
  sp->undone = t;
  space_unref(sp); /* the start's; the space itself keeps it from here on */
}

/* The region's words as the start has them. */
static void undo_words(kevy_store *s, const transaction *t) {
  space *sp = t->sp;
  moment *start = t->start;
  sp->db.first = start->db.first;
  if (start->db.rest != NULL) memcpy(sp->db.rest, start->db.rest, (DATABASES - 1) * sizeof *sp->db.rest);
  else if (sp->db.rest != NULL) memset(sp->db.rest, 0, (DATABASES - 1) * sizeof *sp->db.rest);
  database_reselect(s);
  if (t->wheel == 0 && sp->wheel != 0) {
    mem_free(&sp->mem, sp->wheel, expire_bytes());
    sp->wheel = 0;
    s->next_due = INT64_MAX;
  }
  sp->moments = start;
  start->newer = NULL;
  sp->newest = start->epoch;
  sp->written = true;
}

static void undo_space(kevy_store *s, transaction *t) {
  space *sp = t->sp;
  snapshot_collect(sp);
  node_drain_since(sp, t->start->epoch);
  collection_finish_kept(sp, t->kept);
  bool inside = sp->moments != t->start;
  undo_step step = {s, sp, t->start, !inside};
  undo_start(&step, t->start);
  for (moment *m = sp->moments; m != t->start; m = m->older) node_dead_each(sp, m->dead, undo_inside, &step);
  t->flushed = take_flushed(sp, t);
  undo_databases(&step, &sp->db, t->flushed);
  sp->transactions--;
  t->kept = take_kept(sp, t);
  if (sp->transactions == 0) release_kept(sp);
  undo_kept(&step, t->kept);
  if (inside) undo_aside(sp, t);
  undo_words(s, t);
  if (inside) return;
  free_flushed(t->flushed);
  snapshot_close(t->start);
  snapshot_collect(sp);
  transaction_free(s, t);
}

/* Under a store that was cleared inside, its old space comes back. */
static void undo_clear(kevy_store *s, space *sp) {
  space *cleared = s->sp;
  store_attach(s, sp);
  evict_attach(s);
  s->next_due = INT64_MIN;
  space_abandon(cleared);
}

kevy_status transaction_rollback(kevy_store *s) {
  if (s->transaction == NULL) return KEVY_ETRANSACTION;
  transaction *t = transaction_pop(s);
  s->expired = t->expired;
  s->evicted = t->evicted;
  s->readies = t->readies;
  events_back(s, t->events);
  if (effect_kept(s)) {
    effect_back(s, t->effects);
    effect_release(s);
  }
  if (t->sp->light != NULL) {
    t->sp->transactions--;
    light_undo(t->sp);
    transaction_free(s, t);
    return KEVY_OK;
  }
  if (t->sp != s->sp) undo_clear(s, t->sp);
  undo_space(s, t);
  store_forget_recent(s);
  return KEVY_OK;
}

void transaction_undo_all(kevy_store *s) {
  while (s->transaction != NULL) transaction_rollback(s);
}

/* ---- after the last moment from inside ---- */

/* Takes an item off a list; what the start sees did not count there (undo_inside). */
static void left_item(const undo_step *step, moment *m, uint64_t item) {
  space *sp = step->sp;
  bool seen = moment_sees(sp, step->start, item);
  if (seen) sp->retained += node_dead_bytes(sp, item);
  node_dead_pop(sp, &m->dead);
  if (seen) return;
  if (item & DEAD_COLLECTION) collection_abandon(sp, item & ~DEAD_NODES, step->start->epoch);
  else if (item & DEAD_NODE) node_free(sp, item & ~DEAD_NODES);
  else node_free_dead_entry(sp, item);
}

static void left_moment(const undo_step *step, moment *m) {
  uint64_t item;
  while ((item = node_dead_top(step->sp, m->dead)) != 0) left_item(step, m, item);
  node_dead_trim(step->sp, &m->dead);
}

static void left_all(space *sp, transaction *t) {
  undo_step step = {NULL, sp, t->start, true};
  for (moment *m = t->inside, *older; m != NULL; m = older) {
    older = m->older;
    left_moment(&step, m);
    snapshot_free(m);
  }
  undo_databases(&step, &t->present, t->flushed);
  free_flushed(t->flushed);
  undo_kept(&step, t->kept);
}

void transaction_left(space *sp, transaction *t) {
  if (--t->alive != 0) return;
  transaction **link = &sp->undone;
  while (*link != t) link = &(*link)->outer;
  *link = t->outer;
  left_all(sp, t);
  snapshot_let_go(t->start);
  transaction_drop(t);
}

void transaction_forget(space *sp) {
  for (transaction *t = sp->undone, *next; t != NULL; t = next) {
    next = t->outer;
    for (moment *m = t->inside, *older; m != NULL; m = older) {
      older = m->older;
      snapshot_free(m);
    }
    free_flushed(t->flushed);
    transaction_drop(t);
  }
}
