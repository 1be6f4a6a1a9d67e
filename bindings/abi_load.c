/* abi_load: the functions of kevy.h that read files and payloads of Redis's format. */
#include "../core/persist/loading.h"
#include "../core/persist/rdb_restore.h"
#include "kevy.h"

#define LOAD_STEP ((uint64_t)1 << 20)

/* What every load checks first, with the store entered. */
static kevy_status load_checked(kevy_store *s, const void *from, const kevy_load_options *options, rdb_load *load) {
  kevy_load_options o = KEVY_LOAD_OPTIONS_INIT;
  if (s->frozen != NULL) return KEVY_EREADONLY;
  if (s->transaction != NULL) return KEVY_ETRANSACTION;
  if (directory_of(s) != NULL && directory_denied(directory_of(s)) != 0) return KEVY_EREFUSED;
  if (from == NULL) return store_fail(s, KEVY_EARG, "nothing to load from");
  if (options != NULL) {
    if (options->size < offsetof(kevy_load_options, db)) return store_fail(s, KEVY_EARG, "kevy_load_options.size is not set");
    memcpy(&o, options, options->size < sizeof o ? options->size : sizeof o);
  }
  if (o.db < -1 || (o.flags & ~KEVY_SKIP_MODULES)) return store_fail(s, KEVY_EARG, "a database or flag that there is none of");
  *load = (rdb_load){o.db, (o.flags & KEVY_SKIP_MODULES) != 0};
  return KEVY_OK;
}

kevy_status kevy_load_start(kevy_store *s, const char *path, const kevy_load_options *options, kevy_loading **out) {
  ENTER(s);
  rdb_load load;
  kevy_status status = load_checked(s, path, options, &load);
  if (status == KEVY_OK) status = loading_path(s, path, &load, out);
  return lending(s, status);
}

/* Of a store in a directory: waits until the log begins anew with what was loaded. Until then the directory has,
 * after a crash, what it had before, and the store takes no writes. */
static kevy_status load_kept(kevy_store *s) {
  int error = 0;
  if (!effect_kept(s)) return KEVY_OK;
  while (!directory_stepped(s, &error)) directory_nap(s);
  ENTER(s);
  if (store_writable(s) == KEVY_OK) return lending(s, KEVY_OK);
  errno = error;
  return lending(s, store_fail(s, KEVY_EDURABILITY, "what was loaded is not in the log yet: %s", strerror(error)));
}

static kevy_status load_step(kevy_loading *l, uint64_t bytes) {
  kevy_status status = loading_step(l, bytes);
  return status == KEVY_OK ? load_kept(loading_store(l)) : status;
}

kevy_status kevy_load_step(kevy_loading *l, uint64_t bytes) { return load_step(l, bytes != 0 ? bytes : LOAD_STEP); }

void kevy_load_progress(kevy_loading *l, uint64_t *done, uint64_t *total, uint64_t *keys) {
  loading_progress(l, done, total, keys);
}

void kevy_load_close(kevy_loading *l) {
  if (l != NULL) loading_close(l);
}

static kevy_status load_all(kevy_loading *l) {
  kevy_status status = load_step(l, UINT64_MAX);
  loading_close(l);
  return status;
}

kevy_status kevy_load(kevy_store *s, const char *path, const kevy_load_options *options) {
  kevy_loading *l;
  kevy_status status = kevy_load_start(s, path, options, &l);
  return status == KEVY_OK ? load_all(l) : status;
}

kevy_status kevy_load_bytes(kevy_store *s, const char *bytes, size_t len, const kevy_load_options *options) {
  ENTER(s);
  rdb_load load;
  kevy_loading *l = NULL;
  kevy_status status = load_checked(s, len != 0 ? bytes : "", options, &load);
  if (status == KEVY_OK) status = loading_memory(s, bytes, len, &load, &l);
  status = lending(s, status);
  return status == KEVY_OK ? load_all(l) : status;
}

kevy_status kevy_restore(kevy_store *s, const char *key, size_t klen, const char *payload, size_t len, int64_t ttl,
                         uint32_t flags) {
  ENTER(s);
  int64_t deadline;
  if (!flags_allowed(flags, KEVY_REPLACE | KEVY_AT | KEVY_TEXT_KEY)) return lending(s, KEVY_EARG);
  kevy_status status = deadline_of(s, ttl, flags, &deadline);
  if (status != KEVY_OK) return lending(s, status);
  PROPAGATE(s, WORD("RESTORE"), KEY(key, klen, flags), effect_number(propagate_ttl(deadline)), effect_bytes(payload, len),
            WORD("REPLACE"), WORD("ABSTTL"));
  if (UNLIKELY(s->told)) notify_did(s, CONFIG_EVENTS_GENERIC, "restore", key, klen);
  status = rdb_restore(s, key, klen, payload, len, deadline, flags);
  if (status == KEVY_EARG) status = store_fail(s, KEVY_ECORRUPT, "the payload's version or checksum is wrong");
  return settled(s, status);
}
