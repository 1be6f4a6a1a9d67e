/* abi_directory: the functions of kevy.h on stores that live in a directory. */
#include "../core/persist/directory.h"
#include "kevy.h"
#include "replay.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>

kevy_status directory_fill(kevy_store *s, const char *path, const directory_options *options, char *message, size_t room) {
  directory_options o = *options;
  o.apply = replay_record;
  replay_begin(s);
  kevy_status status = directory_open(s, path, &o, message, room);
  replay_end(s);
  store_reset_stats(s);
  s->expired = s->evicted = 0;
  return status;
}

kevy_status kevy_sync(kevy_store *s) {
  ENTER(s);
  logfile *l = effect_kept(s) ? s->effects->log : NULL;
  kevy_status status = lending(s, KEVY_OK);
  if (l == NULL || status != KEVY_OK) return status;
  return left(s, KEVY_OK, log_sync(l, s->effects->host));
}

static void directory_nap(const kevy_store *s) {
  const log_host *host = s->effects->host;
  void *token = log_host_away(host);
  nanosleep(&(struct timespec){0, 1000000}, NULL);
  log_host_back(host, token);
}

/* Goes on with what the owner has to do for a rewrite. */
static bool directory_stepped(kevy_store *s, int *error) {
  if (!store_enter(s)) return true;
  directory_step(s);
  bool done = directory_rewritten(directory_of(s), error);
  (void)store_leave(s);
  return done;
}

kevy_status kevy_rewrite(kevy_store *s) {
  ENTER(s);
  struct directory *d = directory_of(s);
  if (d == NULL) return lending(s, KEVY_EUNSUPPORTED);
  if (directory_denied(d) != 0) return lending(s, KEVY_EREFUSED);
  directory_rewrite(d);
  (void)lending(s, KEVY_OK);
  int error = 0;
  while (!directory_stepped(s, &error)) directory_nap(s);
  if (error == 0) return KEVY_OK;
  ENTER(s);
  errno = error;
  return lending(s, store_fail(s, KEVY_EDURABILITY, "cannot rewrite the log: %s", strerror(error)));
}

const char *kevy_mode(kevy_store *s) {
  ENTER_OR(s, "closed");
  const char *mode = s->frozen != NULL ? "snapshot" : !effect_kept(s) ? "memory" : directory_denied(directory_of(s)) != 0 ? "readonly" : "directory";
  (void)lending(s, KEVY_OK);
  return mode;
}

static const char *const directory_fsyncs[] = {[LOG_ALWAYS] = "always", [LOG_EVERYSEC] = "everysec", [LOG_NO] = "no"};

bool directory_fsync_known(const char *word, log_fsync *out) {
  for (unsigned i = 0; i < sizeof directory_fsyncs / sizeof *directory_fsyncs; i++) {
    if (strcmp(word, directory_fsyncs[i]) != 0) continue;
    *out = (log_fsync)i;
    return true;
  }
  return false;
}

const char *kevy_fsync(kevy_store *s) {
  ENTER_OR(s, "none");
  const char *word = directory_of(s) != NULL ? directory_fsyncs[directory_fsync(directory_of(s))] : "none";
  (void)lending(s, KEVY_OK);
  return word;
}

kevy_status kevy_set_fsync(kevy_store *s, const char *fsync) {
  log_fsync policy;
  ENTER(s);
  struct directory *d = directory_of(s);
  if (d == NULL) return lending(s, KEVY_EUNSUPPORTED);
  if (!directory_fsync_known(fsync, &policy))
    return lending(s, store_fail(s, KEVY_EARG, "fsync \"%.40s\" is not one of: always everysec no", fsync));
  directory_set_fsync(d, policy);
  return lending(s, KEVY_OK);
}

static __thread char directory_text[320];

/* Why writes are refused; false where they are not. */
static bool directory_refusal(const struct directory *d, char *text, size_t room) {
  const char *step = NULL;
  int denied = directory_denied(d), error = denied == 0 ? log_broken(directory_log(d), &step) : 0;
  if (denied != 0) snprintf(text, room, "the directory may only be read: %s", strerror(denied));
  else if (error != 0) snprintf(text, room, "cannot %s: %s", step, strerror(error));
  return denied != 0 || error != 0;
}

/* What kevy_errmsg says of a refused write, for which nobody wrote a message. */
const char *directory_explain(const kevy_store *s) {
  char why[160];
  if (s->last_status != KEVY_EREFUSED || directory_of(s) == NULL || !directory_refusal(directory_of(s), why, sizeof why)) return NULL;
  snprintf(directory_text, sizeof directory_text, "the write is refused, and not applied: %s", why);
  return directory_text;
}

const char *kevy_durability(kevy_store *s) {
  char why[160];
  ENTER_OR(s, "none");
  struct directory *d = directory_of(s);
  const char *answer = "none";
  if (d != NULL && directory_refusal(d, why, sizeof why)) {
    snprintf(directory_text, sizeof directory_text, "refused: %s", why);
    answer = directory_text;
  } else if (d != NULL) {
    answer = directory_fsyncs[directory_fsync(d)];
  }
  (void)lending(s, KEVY_OK);
  return answer;
}

const char *kevy_recovery(kevy_store *s) {
  ENTER_OR(s, "");
  struct directory *d = directory_of(s);
  directory_text[0] = '\0';
  if (d != NULL) {
    const directory_report *r = directory_reported(d);
    int n = snprintf(directory_text, sizeof directory_text, "%llu records done again", (unsigned long long)r->records);
    if (r->left)
      snprintf(directory_text + n, sizeof directory_text - (size_t)n,
               "; %llu bytes from offset %llu of %s on are no whole record, and left alone", (unsigned long long)r->cut,
               (unsigned long long)r->offset, r->file);
    else if (r->cut != 0)
      snprintf(directory_text + n, sizeof directory_text - (size_t)n,
               "; %llu bytes cut off %s at offset %llu, kept in %s.torn-%llu", (unsigned long long)r->cut, r->file,
               (unsigned long long)r->offset, r->file, (unsigned long long)r->offset);
  }
  (void)lending(s, KEVY_OK);
  return directory_text;
}
