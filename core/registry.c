/* registry: see registry.h. */
#include "registry.h"

#include <sched.h>
#include <stdlib.h>

#include "background.h"
#include "effect.h"
#include "persist/directory.h"
#include "transaction.h"

static pthread_mutex_t registry_lock = PTHREAD_MUTEX_INITIALIZER;
static kevy_store *registry_stores;

/* Of the stores up to `end`. */
static void unlock_stores(const kevy_store *end) {
  for (kevy_store *s = registry_stores; s != end; s = s->next_threaded) store_unlock(s);
}

/* Who holds a store's lock may be about to open or close one, and so wait for the registry: nothing is waited for
 * with it. */
static void before_fork(void) {
  for (;;) {
    pthread_mutex_lock(&registry_lock);
    kevy_store *s = registry_stores;
    while (s != NULL && store_try_lock(s)) s = s->next_threaded;
    if (s == NULL) return;
    unlock_stores(s);
    pthread_mutex_unlock(&registry_lock);
    sched_yield();
  }
}
static void after_fork_parent(void) {
  unlock_stores(NULL);
  pthread_mutex_unlock(&registry_lock);
}
/* The directory is the parent's. */
static void close_directory(kevy_store *s) {
  directory_abandon(s);
  s->noted = false;
  s->closed = true;
}

static void after_fork_child(void) {
  for (kevy_store *s = registry_stores; s != NULL; s = s->next_threaded) {
    background_forked(s);
    if (s->forked != NULL) s->forked(s);
    if (store_taken(s)) transaction_undo_all(s); /* its thread is not here */
    if (effect_kept(s)) close_directory(s);
    else if (s->opening != NULL) directory_abandon_opening(s);
  }
  unlock_stores(NULL);
  pthread_mutex_unlock(&registry_lock);
}

static bool fork_handlers;
static void register_fork_handlers(void) {
  fork_handlers = grow_fork_aware() &&
                  pthread_atfork(before_fork, after_fork_parent, after_fork_child) == 0;
}

static kevy_store *find_named(const char *name) {
  for (kevy_store *s = registry_stores; s != NULL; s = s->next_threaded)
    if (s->name != NULL && strcmp(s->name, name) == 0) return s;
  return NULL;
}

static kevy_store *add_new(const char *name, kevy_store *(*make)(void *), void *context) {
  char *copy = name != NULL ? strdup(name) : NULL;
  if (name != NULL && copy == NULL) return NULL;
  kevy_store *s = make(context);
  if (s == NULL) {
    free(copy);
    return NULL;
  }
  s->name = copy;
  s->registered = true;
  s->next_threaded = registry_stores;
  registry_stores = s;
  return s;
}

kevy_store *registry_open(const char *name, kevy_store *(*make)(void *), void *context) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, register_fork_handlers);
  if (!fork_handlers) return NULL;
  pthread_mutex_lock(&registry_lock);
  kevy_store *s = name != NULL ? find_named(name) : NULL;
  if (s != NULL) s->opens++;
  else s = add_new(name, make, context);
  pthread_mutex_unlock(&registry_lock);
  return s;
}

bool registry_close(kevy_store *s) {
  pthread_mutex_lock(&registry_lock);
  bool last = --s->opens == 0;
  if (last) {
    kevy_store **link = &registry_stores;
    while (*link != s) link = &(*link)->next_threaded;
    *link = s->next_threaded;
  }
  pthread_mutex_unlock(&registry_lock);
  return last;
}
