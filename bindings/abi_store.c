/* abi_store: the functions of kevy.h on a store as a whole: opening, closing, its lock, upkeep, moments; and what only tests call. */
#include <stdio.h>
#include <string.h>

#include "../core/background.h"
#include "../core/evict.h"
#include "../core/persist/directory.h"
#include "../core/registry.h"
#include "../core/snapshot.h"
#include "../core/store_open.h"
#include "../core/transaction.h"
#include "blocking.h"
#include "clients.h"
#include "kevy.h"
#include "persistence.h"
#include "pubsub.h"

/* Of a store that closes (window/window.c). */
static void windows_close(kevy_store *s);

/* A new store with what a directory holds, and its log (abi_directory.c). */
kevy_status directory_fill(kevy_store *s, const char *path, const directory_options *options, char *message, size_t room);

/* Whether the word is a policy of directories (abi_directory.c). */
bool directory_fsync_known(const char *word, log_fsync *out);

static kevy_status open_fail(kevy_status status, const char *format, const char *detail) {
  snprintf(open_message, sizeof open_message, format, detail);
  return status;
}

typedef struct open_request {
  uint64_t maxmemory;
  uint32_t flags, policy;
  const char *directory; /* NULL: a store in memory */
  directory_options kept;
  kevy_status status;    /* why there is none */
} open_request;

static kevy_store *same_store(void *context) { return context; }

/* A store that reads a directory is known to the registry meanwhile, which is free: its caller's progress may open others. */
static kevy_status fill_store(kevy_store *s, const open_request *r) {
  if (registry_open(NULL, same_store, s) == NULL) return KEVY_EOOM;
  return directory_fill(s, r->directory, &r->kept, open_message, sizeof open_message);
}

/* One that came to nothing. */
static void unmake_store(kevy_store *s) {
  if (s->registered) (void)registry_close(s);
  if (effect_kept(s)) (void)directory_close(s);
  store_free(s);
}

static kevy_store *make_store(void *context) {
  open_request *r = context;
  kevy_store *s = store_new(r->maxmemory, r->flags);
  r->status = KEVY_EOOM;
  if (s == NULL) return NULL;
  r->status = evict_choose(s, r->policy) ? KEVY_OK : KEVY_EOOM;
  if (r->directory != NULL && r->status == KEVY_OK) r->status = fill_store(s, r);
  if (r->status == KEVY_OK) evict_settle(s);
  if (r->status == KEVY_OK && (r->flags & KEVY_BACKGROUND) && !background_start(s)) r->status = KEVY_EOOM;
  if (r->status == KEVY_OK) return s;
  unmake_store(s);
  return NULL;
}

/* Where the store is: in memory, perhaps under a name, or in a directory. */
static kevy_status open_where(const kevy_options *o, open_request *r, const char **name) {
  if (o->url == NULL) return KEVY_OK;
  if (strncmp(o->url, "file://", 7) == 0) {
    r->directory = o->url + 7;
    return r->directory[0] != '\0' ? KEVY_OK : open_fail(KEVY_EARG, "\"%s\" names no directory", o->url);
  }
  if (strncmp(o->url, "mem://", 6) != 0)
    return open_fail(KEVY_EUNSUPPORTED, "cannot open \"%s\": the schemes that work are mem://, "
                     "mem://name and file://directory", o->url);
  if (o->url[6] != '\0') *name = o->url + 6;
  return KEVY_OK;
}

kevy_status kevy_open(const kevy_options *options, kevy_store **out) {
  kevy_options o = KEVY_OPTIONS_INIT;
  if (options != NULL) {
    if (options->size < offsetof(kevy_options, url))
      return open_fail(KEVY_EARG, "kevy_options.size is not set%s", "");
    memcpy(&o, options, options->size < sizeof o ? options->size : sizeof o);
  }
  if (o.flags & ~(KEVY_THREADS | KEVY_BACKGROUND | KEVY_FAIL_FAST | KEVY_SALVAGE))
    return open_fail(KEVY_EARG, "unknown flag in kevy_options.flags%s", "");
  uint32_t policy = EVICT_NOEVICTION;
  if (o.policy != NULL && !policy_find(o.policy, &policy)) return policy_fail(o.policy);
  const char *name = NULL;
  open_request r = {.maxmemory = o.maxmemory, .flags = o.flags & (KEVY_THREADS | KEVY_BACKGROUND),
                    .policy = policy};
  r.kept.fsync = LOG_EVERYSEC;
  if (o.fsync != NULL && !directory_fsync_known(o.fsync, &r.kept.fsync))
    return open_fail(KEVY_EARG, "fsync \"%.40s\" is not one of: always everysec no", o.fsync);
  r.kept.queue = o.log_queue;
  r.kept.rewrite_at = o.rewrite_at;
  r.kept.fail_fast = (o.flags & KEVY_FAIL_FAST) != 0;
  r.kept.salvage = (o.flags & KEVY_SALVAGE) != 0;
  r.kept.progress = o.progress;
  r.kept.progress_context = o.progress_context;
  kevy_status where = open_where(&o, &r, &name);
  if (where != KEVY_OK) return where;
  if (name != NULL || (r.flags & KEVY_BACKGROUND)) r.flags |= KEVY_THREADS;
  bool known = (r.flags & KEVY_THREADS) && r.directory == NULL;
  kevy_store *s = known ? registry_open(name, make_store, &r) : make_store(&r);
  if (s == NULL && r.status != KEVY_OK && r.status != KEVY_EOOM) return r.status;
  if (s == NULL && o.maxmemory != 0)
    return open_fail(KEVY_EOOM, "maxmemory is too small for what the store holds as it opens, or the system has no memory%s", "");
  if (s == NULL) return open_fail(KEVY_EOOM, "no memory for a store%s", "");
  *out = s;
  return KEVY_OK;
}

void kevy_close(kevy_store *s) {
  if (s == NULL) return;
  bool known = s->registered;
  if (known && !registry_close(s)) return;
  s->registered = false;
  if (s->windows != NULL) windows_close(s);
  if (known) {
    if (store_enter(s)) {
      transaction_undo_all(s);
      store_leave(s);
    }
    background_stop(s);
  }
  blocking_close(s);
  notify_close(s);
  pubsub_close(s);
  clients_close(s);
  saving_close(s);
  if (effect_kept(s)) (void)directory_close(s);
  store_free(s);
}

void kevy_lock(kevy_store *s) { (void)store_enter(s); }

void kevy_unlock(kevy_store *s) { store_leave(s); }

kevy_status kevy_tick(kevy_store *s, uint64_t budget_us, uint64_t *reclaimed) {
  ENTER(s);
  if (budget_us == 0) budget_us = 100;
  uint64_t count = 0, start = clock_ticks();
  bool done = false;
  if (effect_kept(s)) s->noted = true; /* a rewrite may be waiting for its owner */
  while (!done) {
    done = store_reclaim(s, 64, &count);
    if ((clock_ticks() - start) / 1000 >= budget_us) break;
  }
  if (reclaimed != NULL) *reclaimed = count;
  return lending(s, done ? KEVY_OK : KEVY_UNMET);
}

kevy_status kevy_snapshot(kevy_store *s, kevy_store **out) {
  if (UNLIKELY(!store_enter_beside(s))) return KEVY_ECLOSED;
  if (UNLIKELY(store_taken(s) && s->transaction == NULL)) { /* a script: what it does is one */
    store_unlock(s);
    if (!store_enter(s)) return KEVY_ECLOSED;
  }
  kevy_store *frozen = store_taken(s) ? store_freeze_before(s) : store_freeze(s);
  if (frozen != NULL) *out = frozen;
  return lending(s, frozen != NULL ? KEVY_OK : KEVY_EOOM);
}

/* ---- for tests ---- */

kevy_status kevy_debug_clock(kevy_store *s, int64_t now) {
  ENTER(s);
  if (s->frozen != NULL) return lending(s, KEVY_EREADONLY);
  if ((now < 0 && now != KEVY_NO_TTL) || now >= CLOCK_END) return lending(s, KEVY_EARG);
  store_set_clock(s, now);
  return lending(s, KEVY_OK);
}

kevy_status kevy_debug_fail_alloc(kevy_store *s, uint64_t n) {
  ENTER(s);
  s->sp->mem.fail_in = n;
  return lending(s, KEVY_OK);
}
