/* log_host: what a program whose threads share a lock of its own, an interpreter's, does around a wait for the disk: it lets go
 * of that lock, and takes it again. In between another thread may call the store, so only calls that lend nothing from
 * the store do it; the others keep the lock while they wait. */
#ifndef KEVY_LOG_HOST_H
#define KEVY_LOG_HOST_H

#include <stddef.h>

typedef struct log_host {
  void *(*away)(void *context); /* its answer goes to back */
  void (*back)(void *context, void *token);
  void *context;
} log_host;

struct kevy_store;

/* Of a store that lives in a directory, else nothing: *h is what is done from now on, and outlives the store. */
void directory_host(struct kevy_store *s, const log_host *h);

/* For a host that calls with the store's lock held around the call: gives it back before it lets go of its own, and takes it again. */
void log_host_unlock(struct kevy_store *s);
void log_host_lock(struct kevy_store *s);

static inline void *log_host_away(const log_host *h) { return h != NULL ? h->away(h->context) : NULL; }
static inline void log_host_back(const log_host *h, void *token) {
  if (h != NULL) h->back(h->context, token);
}

#endif
