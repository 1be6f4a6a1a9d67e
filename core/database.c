/* database: see database.h. */
#include "database.h"

#include <stdlib.h>

#include "effect.h"
#include "evict.h"
#include "expire.h"
#include "hashing.h"
#include "light.h"
#include "timers.h"

/* ---- all of them ---- */

static database *database_place(const databases *all, uint32_t index) {
  if (index == 0) return (database *)(uintptr_t)&all->first;
  return all->rest != NULL ? &all->rest[index - 1] : NULL;
}

database *database_at(const databases *all, uint32_t index) {
  database *d = database_place(all, index);
  return d != NULL && d->keys.root != 0 ? d : NULL;
}

database *database_next(const databases *all, uint32_t *index) {
  uint32_t end = all->rest != NULL ? DATABASES : 1;
  while (*index < end) {
    database *d = database_at(all, (*index)++);
    if (d != NULL) return d;
  }
  return NULL;
}

const database *database_of_life(const databases *all, uint64_t life) {
  uint32_t i = 0;
  const database *d;
  while ((d = database_next(all, &i)) != NULL)
    if (d->life == life) return d;
  return NULL;
}

const databases *database_all(const kevy_store *s) { return s->frozen != NULL ? &s->frozen->db : &s->sp->db; }

/* A sum over the databases, each as d. */
#define SUM(all, what)                                                                    \
  ({                                                                                      \
    uint64_t sum = 0;                                                                     \
    uint32_t at = 0;                                                                      \
    for (const database *d; (d = database_next((all), &at)) != NULL;) sum += (what);      \
    sum;                                                                                  \
  })

uint64_t database_keys(const databases *all) { return SUM(all, d->keys.count); }
uint64_t database_with_ttl(const databases *all) { return SUM(all, d->with_ttl); }
uint64_t database_typed(const databases *all, int32_t type) { return SUM(all, d->typed[type]); }
uint64_t database_ttl_bytes(const space *sp) { return SUM(&sp->db, d->ttl_bytes); }

uint64_t database_table_bytes(const space *sp) {
  uint64_t bytes = SUM(&sp->db, d->keys.bytes);
  for (const flushed *f = sp->flushed; f != NULL; f = f->next) bytes += f->db.keys.bytes;
  return bytes;
}

uint64_t database_timer_bytes(const space *sp) {
  uint64_t bytes = SUM(&sp->db, d->timers.bytes + d->timer_bytes);
  for (const flushed *f = sp->flushed; f != NULL; f = f->next) bytes += f->db.timers.bytes + f->db.timer_bytes;
  return bytes;
}

uint64_t database_flushed_bytes(const space *sp) {
  uint64_t sum = 0;
  for (const flushed *f = sp->flushed; f != NULL; f = f->next) sum += f->left * f->each;
  return sum;
}

bool database_has(const char *base, const databases *all, uint64_t hash, ref block) {
  uint32_t i = 0;
  for (const database *d; (d = database_next(all, &i)) != NULL;)
    if (table_find_ref(base, &d->keys, hash, block) != NULL) return true;
  return false;
}

static bool timers_has(const char *base, const database *d, uint64_t hash, ref timer) {
  return d->timers.root != 0 && table_find_ref(base, &d->timers, hash, timer) != NULL;
}

bool database_has_timer(const char *base, const databases *all, uint64_t hash, ref timer) {
  uint32_t i = 0;
  for (const database *d; (d = database_next(all, &i)) != NULL;)
    if (timers_has(base, d, hash, timer)) return true;
  return false;
}

bool database_copy(databases *to, const databases *from) {
  uint32_t i = 1;
  to->first = from->first;
  to->rest = NULL;
  if (LIKELY(database_next(from, &i) == NULL)) return true;
  to->rest = malloc((DATABASES - 1) * sizeof *to->rest);
  if (to->rest == NULL) return false;
  memcpy(to->rest, from->rest, (DATABASES - 1) * sizeof *to->rest);
  return true;
}

/* ---- the one selected ---- */

void database_select(kevy_store *s, uint32_t index) {
  if (LIKELY(index == s->index)) return;
  s->index = index;
  s->db = database_place(&s->sp->db, index);
  s->keys = &s->db->keys;
  store_forget_recent(s);
}

void database_reselect(kevy_store *s) {
  uint32_t index = database_at(&s->sp->db, s->index) != NULL ? s->index : 0;
  s->index = UINT32_MAX;
  database_select(s, index);
}

/* An empty table. must: it may draw on the reserve. */
static bool database_start(space *sp, database *d, bool must) {
  database made = {.life = sp->lives + 1};
  if (!table_open(sp, &made.keys) && !(must && table_start(sp, &made.keys, true))) return false;
  sp->lives++;
  sp->written = true;
  *d = made;
  return true;
}

static bool database_make(kevy_store *s, uint32_t index, bool must) {
  databases *all = &s->sp->db;
  if (UNLIKELY(index != 0 && all->rest == NULL)) all->rest = calloc(DATABASES - 1, sizeof *all->rest);
  database *d = database_place(all, index);
  return d != NULL && (d->keys.root != 0 || database_start(s->sp, d, must));
}

bool database_prepare(kevy_store *s, uint32_t index) { return database_make(s, index, false); }

/* An empty database can be looked at where the limit is reached, too: it goes when it is left, since nothing can be put into it. */
bool database_enter(kevy_store *s, uint32_t index) {
  if (!database_make(s, index, true)) return false;
  database_select(s, index);
  return true;
}

/* Gives back the nodes of one that is empty. While a transaction is light nothing may be retired. */
static void database_close(space *sp, database *d) {
  table_walk keys = {0, 0, false}, timers = {0, 0, false};
  uint32_t all = UINT32_MAX;
  if (d->keys.root == 0 || d->keys.count != 0 || d->timers.count != 0 || sp->light != NULL) return;
  if (__atomic_load_n(&sp->versions, __ATOMIC_RELAXED) != 0) return;
  if (d->timers.root != 0) table_drop(sp, &d->timers, &timers, &all, NULL, NULL);
  table_drop(sp, &d->keys, &keys, &all, NULL, NULL);
  sp->written = true;
  *d = (database){.life = 0};
}

/* Unless it is the one selected, or 0. */
static void database_close_other(kevy_store *s, uint32_t index) {
  if (index != 0 && index != s->index) database_close(s->sp, database_place(&s->sp->db, index));
}

void database_leave(kevy_store *s, uint32_t back) {
  uint32_t left = s->index;
  if (LIKELY(left == back)) return;
  database_select(s, database_at(&s->sp->db, back) != NULL ? back : 0);
  database_close_other(s, left);
}

uint64_t *database_find(kevy_store *s, uint64_t hash, ref block) {
  uint64_t *slot = table_find_ref(s->base, s->keys, hash, block);
  if (LIKELY(slot != NULL) || LIKELY(s->sp->db.rest == NULL)) return slot;
  uint32_t i = 0;
  for (const database *d; (d = database_next(&s->sp->db, &i)) != NULL;) {
    slot = table_find_ref(s->base, &d->keys, hash, block);
    if (slot == NULL) continue;
    database_select(s, i - 1);
    return slot;
  }
  return NULL;
}

bool database_find_timer(kevy_store *s, uint64_t hash, ref timer) {
  uint32_t i = 0;
  for (const database *d; (d = database_next(&s->sp->db, &i)) != NULL;) {
    if (!timers_has(s->base, d, hash, timer)) continue;
    database_select(s, i - 1);
    return true;
  }
  return false;
}

/* ---- as a whole ---- */

/* What is about to change all keys of a database is nothing for a light transaction. */
static kevy_status database_write(kevy_store *s) {
  if (s->sp->light != NULL && !light_open(s->sp, clock_now(&s->clock))) return KEVY_EOOM;
  s->sp->written = true;
  s->touched = true;
  store_forget_recent(s);
  return KEVY_OK;
}

kevy_status database_swap(kevy_store *s, uint32_t a, uint32_t b) {
  if (a == b) return KEVY_OK;
  if (!database_prepare(s, a) || !database_prepare(s, b)) return KEVY_EOOM;
  if (!evict_could(s)) return KEVY_EOOM; /* an empty one, which may not stay (database_enter) */
  kevy_status status = database_write(s);
  if (status != KEVY_OK) return status;
  database *one = database_place(&s->sp->db, a), *other = database_place(&s->sp->db, b), was = *one;
  *one = *other;
  *other = was;
  database_close_other(s, a);
  database_close_other(s, b);
  store_ready_all(s);
  return KEVY_OK;
}

static bool database_is_only(const kevy_store *s) { return database_keys(&s->sp->db) == s->keys->count; }

/* What a key takes, beside its share of the tables. */
static uint64_t database_bytes_each(const space *sp) {
  uint64_t used = sp->mem.root->used, tables = database_table_bytes(sp), keys = database_keys(&sp->db);
  return keys != 0 && used > tables ? (used - tables) / keys : 0;
}

#define DRAIN_BEYOND 1024 /* some hundred microseconds */

/* Where the new table is beyond the limit, more than it takes goes at once. */
static void drain_beyond(kevy_store *s) {
  uint32_t items = DRAIN_BEYOND;
  if (s->maxmemory == 0 || s->sp->mem.root->used <= s->maxmemory) return;
  database_drain(s, &items);
  node_drain(s->sp, DRAIN_BEYOND);
}

kevy_status database_flush(kevy_store *s) {
  if (database_is_only(s)) return store_clear(s);
  if (s->keys->count == 0) return KEVY_OK;
  kevy_status status = database_write(s);
  if (status != KEVY_OK) return status;
  space *sp = s->sp;
  flushed *f = calloc(1, sizeof *f);
  database was = *s->db;
  uint64_t each = database_bytes_each(sp);
  if (f == NULL || !database_start(sp, s->db, sp->transactions == 0)) {
    free(f);
    return KEVY_EOOM;
  }
  *f = (flushed){.next = sp->flushed, .db = was, .epoch = sp->epoch, .left = was.keys.count, .each = each};
  sp->flushed = f;
  s->until_pay = 0;
  effect_flushed(s);
  drain_beyond(s);
  return KEVY_OK;
}

/* ---- taking apart ---- */

typedef struct drain_step {
  kevy_store *s;
  flushed *f;
} drain_step;

static void drain_unhang(kevy_store *s, ref block) {
  if (!expire_forsaken(s, block)) expire_unhang(s, block);
}

static void drain_key(void *context, ref block, bool fresh) {
  const drain_step *step = context;
  space *sp = step->s->sp;
  const entry *e = mem_ptr(step->s->base, block);
  if (entry_has_deadline(e)) drain_unhang(step->s, block);
  if ((entry_flags(e) & ENTRY_CONTENT) == ENTRY_NODE) node_retire_collection(sp, load64(entry_content(e)));
  step->f->left--;
  node_retire_flushed(sp, block, hash_bytes(sp->secret, entry_key(e), entry_klen(e)), fresh, step->f->epoch);
}

static void drain_timer(void *context, ref timer, bool fresh) {
  const drain_step *step = context;
  (void)fresh;
  drain_unhang(step->s, timer);
  step->f->db.timer_bytes -= timers_free(step->s, timer);
}

static bool drain_flushed(kevy_store *s, flushed *f, uint32_t *items) {
  drain_step step = {s, f};
  if (f->db.timers.root != 0 && !table_drop(s->sp, &f->db.timers, &f->timers, items, drain_timer, &step)) return false;
  return f->db.keys.root == 0 || table_drop(s->sp, &f->db.keys, &f->keys, items, drain_key, &step);
}

bool database_drain(kevy_store *s, uint32_t *items) {
  space *sp = s->sp;
  if (sp->transactions != 0 || sp->light != NULL) return true;
  for (flushed *f; (f = sp->flushed) != NULL;) {
    sp->written = true;
    if (*items == 0 || !drain_flushed(s, f, items)) return false;
    sp->flushed = f->next;
    free(f);
  }
  return true;
}

/* Everything of a table that its drain has not come to yet. */
static void forsake_rest(kevy_store *s, const table *t, table_walk at) {
  if (t->root == 0) return;
  for (ref r; (r = table_next(s->base, t, &at)) != 0;)
    if (entry_has_deadline(mem_ptr(s->base, r))) expire_mark_forsaken(s, r);
}

void database_forsake_flushed(kevy_store *s) {
  for (const flushed *f = s->sp->flushed; f != NULL; f = f->next) {
    forsake_rest(s, &f->db.timers, f->timers);
    forsake_rest(s, &f->db.keys, f->keys);
  }
}

void database_forget(space *sp) {
  for (flushed *f = sp->flushed, *next; f != NULL; f = next) {
    next = f->next;
    free(f);
  }
  free(sp->db.rest);
}
