/* cmd_restore.c: the handler of RESTORE. */
#include "command.h"

#include "evict.h"
#include "keyspace.h"
#include "persist/rdb_restore.h"
#include "store.h"

typedef struct restore_options {
  uint32_t flags; /* KEVY_REPLACE, KEVY_AT */
  int64_t idle, frequency; /* -1: not given */
} restore_options;

/* An option's number, which is 0 at least. */
static bool restore_number(command_call *c, size_t i, const char *range, int64_t most, int64_t *out) {
  if (!command_int(c, &c->argv[i], out)) return false;
  if (*out >= 0 && *out <= most) return true;
  command_fail(c, range);
  return false;
}

static bool restore_read_options(command_call *c, restore_options *o) {
  *o = (restore_options){0, -1, -1};
  for (size_t i = 4; i < c->argc; i++) {
    bool more = i + 1 < c->argc;
    if (command_is(&c->argv[i], "REPLACE")) {
      o->flags |= KEVY_REPLACE;
    } else if (command_is(&c->argv[i], "ABSTTL")) {
      o->flags |= KEVY_AT;
    } else if (command_is(&c->argv[i], "IDLETIME") && more && o->frequency < 0) {
      if (!restore_number(c, ++i, "ERR Invalid IDLETIME value, must be >= 0", INT64_MAX, &o->idle)) return false;
    } else if (command_is(&c->argv[i], "FREQ") && more && o->idle < 0) {
      if (!restore_number(c, ++i, "ERR Invalid FREQ value, must be >= 0 and <= 255", 255, &o->frequency)) return false;
    } else {
      command_fail(c, COMMAND_SYNTAX);
      return false;
    }
  }
  return true;
}

/* The deadline that a ttl of the command's means: 0 is none. */
static int64_t restore_deadline(command_call *c, int64_t ttl, uint32_t flags) {
  int64_t deadline = ttl;
  if (ttl == 0) return KEVY_NO_TTL;
  if (!(flags & KEVY_AT) && __builtin_add_overflow(ttl, store_now(c->store), &deadline)) deadline = 0;
  return deadline;
}

static void restore_answer(command_call *c, kevy_status status) {
  switch (status) {
    case KEVY_OK: sink_status(c->out, "OK"); return;
    case KEVY_UNMET: command_fail(c, "BUSYKEY Target key name already exists."); return;
    case KEVY_EARG: command_fail(c, "ERR DUMP payload version or checksum are wrong"); return;
    case KEVY_ECORRUPT: command_fail(c, "ERR Bad data format"); return;
    default: command_error(c, status);
  }
}

void cmd_restore(command_call *c) {
  const kevy_value *key = &c->argv[1], *payload = &c->argv[3];
  restore_options o;
  int64_t ttl;
  if (!restore_read_options(c, &o)) return;
  if (!(o.flags & KEVY_REPLACE) && keyspace_exists(c->store, key->as.ptr, key->len) == KEVY_OK) {
    restore_answer(c, KEVY_UNMET);
    return;
  }
  if (!command_int(c, &c->argv[2], &ttl)) return;
  if (ttl < 0) {
    command_fail(c, "ERR Invalid TTL value, must be >= 0");
    return;
  }
  int64_t deadline = restore_deadline(c, ttl, o.flags);
  kevy_status status = rdb_restore(c->store, key->as.ptr, key->len, payload->as.ptr, payload->len, deadline,
                                   o.flags | command_key_flag(c, 1));
  if (status == KEVY_OK) evict_recall(c->store, key->as.ptr, key->len, o.idle, o.frequency);
  restore_answer(c, status);
}
