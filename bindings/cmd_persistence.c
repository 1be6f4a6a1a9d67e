/* cmd_persistence.c: SAVE, BGSAVE, BGREWRITEAOF, LASTSAVE, WAIT and WAITAOF.
 *
 * A save puts dump.rdb into the store's directory. A store in memory has none, and says so: a library leaves no files where
 * it happens to run. */
#include "persistence.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "../core/persist/directory.h"
#include "../core/persist/saver.h"
#include "command.h"
#include "store_open.h"

struct saving {
  kevy_job *job; /* the last BGSAVE; NULL: none */
  int64_t last;  /* Unix seconds; 0: never */
  bool failed;
};

/* Notes how a save in the background ended, once it has. */
static bool saving_runs(kevy_store *s) {
  struct saving *v = s->saving;
  rdb_outcome o;
  if (v == NULL || v->job == NULL) return false;
  if (!saver_wait(v->job, 0, &o)) return true;
  v->failed = o.error != 0;
  if (o.error == 0) v->last = store_now(s) / 1000;
  saver_close(v->job);
  v->job = NULL;
  return false;
}

saving_report saving_reported(kevy_store *s) {
  int ignored;
  struct directory *d = directory_of(s);
  saving_report r = {.running = saving_runs(s), .rewriting = d != NULL && !directory_rewritten(d, &ignored)};
  r.last = s->saving != NULL && s->saving->last != 0 ? s->saving->last : s->opened / 1000;
  r.failed = s->saving != NULL && s->saving->failed;
  return r;
}

void saving_close(kevy_store *s) {
  if (s->saving != NULL && s->saving->job != NULL) saver_close(s->saving->job);
  free(s->saving);
  s->saving = NULL;
}

/* Where a save goes; false, having answered that there is no such place. */
static bool saving_path(command_call *c, char path[PATH_MAX + 16]) {
  const struct directory *d = directory_of(c->store);
  if (d == NULL) {
    command_fail(c, "ERR the store is in memory: it has no directory to save to");
    return false;
  }
  if (c->store->saving == NULL) c->store->saving = calloc(1, sizeof *c->store->saving);
  if (c->store->saving == NULL) {
    command_error(c, KEVY_EOOM);
    return false;
  }
  snprintf(path, PATH_MAX + 16, "%s/dump.rdb", directory_path(d));
  return true;
}

void cmd_save(command_call *c) {
  char path[PATH_MAX + 16];
  if (saving_runs(c->store)) {
    command_fail(c, "ERR Background save already in progress");
    return;
  }
  if (!saving_path(c, path)) return;
  kevy_store *snapshot = store_freeze(c->store);
  if (snapshot == NULL) {
    command_error(c, KEVY_EOOM);
    return;
  }
  rdb_outcome o = rdb_save(snapshot, path, 0, NULL);
  store_free(snapshot);
  if (o.error == 0) c->store->saving->last = store_now(c->store) / 1000;
  if (o.error == 0) sink_status(c->out, "OK");
  else command_fail(c, "ERR the file could not be written");
}

void cmd_bgsave(command_call *c) {
  char path[PATH_MAX + 16];
  bool schedule = c->argc == 2 && command_is(&c->argv[1], "SCHEDULE");
  if (c->argc > 2 || (c->argc == 2 && !schedule)) {
    command_fail(c, COMMAND_SYNTAX);
    return;
  }
  if (saving_runs(c->store)) {
    command_fail(c, "ERR Background save already in progress");
    return;
  }
  if (!saving_path(c, path)) return;
  kevy_store *snapshot = store_freeze(c->store);
  c->store->saving->job = snapshot != NULL ? saver_start(snapshot, path, 0) : NULL;
  if (c->store->saving->job != NULL) {
    sink_status(c->out, "Background saving started");
    return;
  }
  if (snapshot != NULL) store_free(snapshot);
  command_error(c, KEVY_EOOM);
}

void cmd_bgrewriteaof(command_call *c) {
  struct directory *d = directory_of(c->store);
  int error;
  if (d == NULL) {
    command_fail(c, "ERR the store is in memory: it has no append-only file");
  } else if (directory_denied(d) != 0) {
    command_error(c, KEVY_EREFUSED);
  } else if (!directory_rewritten(d, &error)) {
    command_fail(c, "ERR Background append only file rewriting already in progress");
  } else {
    directory_rewrite(d);
    sink_status(c->out, "Background append only file rewriting started");
  }
}

void cmd_lastsave(command_call *c) { sink_integer(c->out, saving_reported(c->store).last); }

/* ---- Waiting for copies ----------------------------------------------------------------------------- */

/* A timeout in milliseconds, which nothing is waited for; false, having answered the error. */
static bool saving_timeout(command_call *c, const kevy_value *arg) {
  int64_t ms;
  if (!number_parse_int(arg->as.ptr, arg->len, &ms)) command_fail(c, "ERR timeout is not an integer or out of range");
  else if (ms < 0) command_fail(c, "ERR timeout is negative");
  else return true;
  return false;
}

/* No replica ever has anything. */
void cmd_wait(command_call *c) {
  int64_t replicas;
  if (command_int(c, &c->argv[1], &replicas) && saving_timeout(c, &c->argv[2])) sink_integer(c->out, 0);
}

/* With fsync always a write is on disk when it is answered; else nothing is promised. */
void cmd_waitaof(command_call *c) {
  const struct directory *d = directory_of(c->store);
  int64_t local, replicas;
  if (!number_parse_int(c->argv[1].as.ptr, c->argv[1].len, &local) || local < 0 || local > 1) {
    command_fail(c, "ERR value is out of range, must be between 0 and 1");
    return;
  }
  if (!number_parse_int(c->argv[2].as.ptr, c->argv[2].len, &replicas) || replicas < 0) {
    command_fail(c, "ERR value is out of range, must be positive");
    return;
  }
  if (!saving_timeout(c, &c->argv[3])) return;
  if (local > 0 && d == NULL) {
    command_fail(c, "ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.");
    return;
  }
  sink_array(c->out, 2);
  sink_integer(c->out, d != NULL && directory_fsync(d) == LOG_ALWAYS);
  sink_integer(c->out, 0);
}
