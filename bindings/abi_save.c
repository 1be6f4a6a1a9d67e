/* abi_save: the functions of kevy.h that write files and payloads of Redis's format. */
#include <errno.h>

#include "../core/persist/payload.h"
#include "../core/persist/saver.h"
#include "kevy.h"

/* ---- files ---- */

static kevy_status save_status(rdb_outcome o) {
  return o.error == 0 ? KEVY_OK : o.error == ENOMEM ? KEVY_EOOM : KEVY_EDURABILITY;
}

/* "cannot write: No space left on device: /data/dump.rdb" */
static void save_explain(char *message, size_t room, rdb_outcome o, const char *path) {
  snprintf(message, room, "cannot %s: %s: %s", o.step, strerror(o.error), path);
}

/* The moment to save, as a snapshot of its own. */
static kevy_status save_freeze(kevy_store *s, const char *path, uint32_t flags, kevy_store **out) {
  ENTER(s);
  kevy_status status = path != NULL && path[0] != '\0' && flags == 0 ? KEVY_OK : KEVY_EARG;
  if (status == KEVY_OK && (*out = store_freeze(s)) == NULL) status = KEVY_EOOM;
  return lending(s, status);
}

kevy_status kevy_save(kevy_store *s, const char *path, uint32_t flags) {
  kevy_store *snapshot;
  kevy_status status = save_freeze(s, path, flags, &snapshot);
  if (status != KEVY_OK) return status;
  rdb_outcome o = rdb_save(snapshot, path, 0, NULL);
  store_free(snapshot);
  if (o.error == 0) return KEVY_OK;
  char message[sizeof s->message];
  save_explain(message, sizeof message, o, path);
  ENTER(s);
  status = lending(s, store_fail(s, save_status(o), "%s", message));
  errno = o.error;
  return status;
}

kevy_status kevy_save_start(kevy_store *s, const char *path, uint32_t flags, kevy_job **out) {
  kevy_store *snapshot;
  kevy_status status = save_freeze(s, path, flags, &snapshot);
  if (status != KEVY_OK) return status;
  kevy_job *j = saver_start(snapshot, path, 0);
  if (j == NULL) {
    store_free(snapshot);
    ENTER(s);
    return lending(s, KEVY_EOOM);
  }
  *out = j;
  return KEVY_OK;
}

kevy_status kevy_job_wait(kevy_job *j, int64_t timeout_ms) {
  rdb_outcome o;
  return saver_wait(j, timeout_ms, &o) ? save_status(o) : KEVY_UNMET;
}

const char *kevy_job_errmsg(kevy_job *j) {
  static __thread char message[160];
  rdb_outcome o;
  if (!saver_wait(j, 0, &o) || o.error == 0) return "";
  save_explain(message, sizeof message, o, saver_path(j));
  return message;
}

void kevy_job_progress(kevy_job *j, uint64_t *done, uint64_t *total) { saver_progress(j, done, total); }

void kevy_job_close(kevy_job *j) {
  if (j != NULL) saver_close(j);
}

/* ---- payloads ---- */

kevy_status kevy_dump(kevy_store *s, const char *key, size_t klen, kevy_value *out) {
  ENTER(s);
  return lending(s, payload_dump(s, key, klen, out));
}
