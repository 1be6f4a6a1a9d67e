/* loading: see loading.h. */
#include "loading.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "../evict.h"
#include "../store_open.h"
#include "file.h"

struct kevy_loading {
  kevy_store *store, *fresh; /* fresh: what is read into */
  rdb_file *file;
  int fd;      /* -1: memory */
  char *path;
  uint64_t done, keys;
  kevy_status status; /* KEVY_UNMET until it is over */
};

void loading_close(kevy_loading *l) {
  if (l->file != NULL) rdb_file_free(l->file);
  if (l->fresh != NULL) store_free(l->fresh);
  if (l->fd >= 0) (void)file_close(l->fd);
  free(l->path);
  free(l);
}

static kevy_status loading_no_memory(kevy_store *s, kevy_loading *l) {
  if (l != NULL) loading_close(l);
  return store_fail(s, KEVY_EOOM, "no memory to load with");
}

/* What is read into has the store's policy, and its clock of accesses. False: no memory. */
static bool loading_policy(const kevy_store *s, kevy_store *fresh) {
  if (s->evictor == NULL) return true;
  fresh->access = s->access;
  return evict_choose(fresh, evict_policy(s));
}

/* All but the source. NULL: no memory. */
static kevy_loading *loading_new(kevy_store *s, const char *path, const rdb_load *load) {
  kevy_loading *l = calloc(1, sizeof *l);
  if (l == NULL) return NULL;
  l->store = s;
  l->fd = -1;
  l->status = KEVY_UNMET;
  l->fresh = store_new(s->maxmemory, 0);
  if (l->fresh != NULL) {
    if (s->clock.fixed != KEVY_NO_TTL) l->fresh->clock = s->clock;
    if (loading_policy(s, l->fresh)) l->file = rdb_file_new(l->fresh, load);
  }
  if (path != NULL) l->path = strdup(path);
  if (l->file != NULL && (path == NULL || l->path != NULL)) return l;
  loading_close(l);
  return NULL;
}

static void loading_explain(kevy_store *s, kevy_status status, const char *why, const char *path) {
  if (path != NULL) store_fail(s, status, "%s (%s)", why, path);
  else store_fail(s, status, "%s", why);
}

kevy_status loading_path(kevy_store *s, const char *path, const rdb_load *load, kevy_loading **out) {
  kevy_loading *l = loading_new(s, path, load);
  if (l == NULL) return loading_no_memory(s, l);
  int error = file_open(path, O_RDONLY, 0, &l->fd);
  kevy_status status = KEVY_EIO;
  if (error != 0) {
    loading_explain(s, status, strerror(error), path);
  } else {
    status = rdb_source_file(rdb_file_source(l->file), l->fd);
    error = errno;
    if (status != KEVY_OK) loading_explain(s, status, rdb_file_source(l->file)->why, path);
  }
  *out = status == KEVY_OK ? l : NULL;
  if (status == KEVY_OK) return status;
  loading_close(l);
  errno = error;
  return status;
}

kevy_status loading_memory(kevy_store *s, const char *bytes, size_t len, const rdb_load *load, kevy_loading **out) {
  kevy_loading *l = loading_new(s, NULL, load);
  if (l == NULL) return loading_no_memory(s, l);
  rdb_source_memory(rdb_file_source(l->file), bytes, len);
  *out = l;
  return KEVY_OK;
}

/* Puts what was read under the store, or tells it why there is nothing. */
static kevy_status loading_end(kevy_loading *l, kevy_status status) {
  kevy_store *s = l->store;
  int error = errno;
  if (!store_enter(s)) return KEVY_ECLOSED;
  if (status == KEVY_OK && s->transaction != NULL) status = store_fail(s, KEVY_ETRANSACTION, "%s", "");
  else if (status == KEVY_OK) store_adopt(s, l->fresh);
  else loading_explain(s, status, rdb_file_source(l->file)->why, l->path);
  kevy_status durable = store_settle(s);
  errno = error;
  return status == KEVY_OK ? durable : status;
}

kevy_status loading_step(kevy_loading *l, uint64_t bytes) {
  if (l->status != KEVY_UNMET) return l->status;
  kevy_status status = rdb_file_step(l->file, bytes);
  l->done = rdb_source_offset(rdb_file_source(l->file));
  l->keys = rdb_file_keys(l->file);
  if (status != KEVY_UNMET) l->status = status = loading_end(l, status);
  return status;
}

void loading_progress(const kevy_loading *l, uint64_t *done, uint64_t *total, uint64_t *keys) {
  uint64_t size = rdb_file_source(l->file)->size;
  *done = l->done;
  *total = size != UINT64_MAX ? size : 0;
  *keys = l->keys;
}

kevy_store *loading_store(const kevy_loading *l) { return l->store; }
