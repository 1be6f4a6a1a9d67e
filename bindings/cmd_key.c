/* cmd_key.c: the handlers of the commands on keys, whatever their type, and on their time to live.
 *
 * KEYS and SCAN gather the matching keys first and answer then, so that an answer announces its length
 * and a host that builds it needs nothing from the store. */
#include "command.h"

#include <stdlib.h>

#include "keyspace.h"
#include "notify.h"
#include "persist/payload.h"
#include "store.h"

/* Answers OK, or the error. */
static void key_answer_done(command_call *c, kevy_status status) {
  if (status < 0) command_error(c, status);
  else sink_status(c->out, "OK");
}

/* Answers 1 when the engine did it, 0 when a condition or a missing key forbade, or the error. */
static void key_answer_whether(command_call *c, kevy_status status) {
  if (status < 0) command_error(c, status);
  else sink_integer(c->out, status == KEVY_OK);
}

/* ---- Single keys and counts of keys ------------------------------------------------------------ */

/* Answers for how many of the keys the engine says yes. */
static void key_count(command_call *c,
                      kevy_status (*ask)(kevy_store *s, const char *key, size_t klen)) {
  int64_t count = 0;
  for (size_t i = 1; i < c->argc; i++) {
    kevy_status status = ask(c->store, c->argv[i].as.ptr, c->argv[i].len);
    if (status < 0) {
      command_error(c, status);
      return;
    }
    count += status == KEVY_OK;
  }
  sink_integer(c->out, count);
}

static kevy_status key_delete(kevy_store *s, const char *key, size_t klen) {
  if (UNLIKELY(s->told)) notify_deleting(s, key, klen);
  return keyspace_delete(s, key, klen);
}

void cmd_del(command_call *c) { key_count(c, key_delete); } /* DEL and UNLINK */
void cmd_exists(command_call *c) { key_count(c, keyspace_exists); }
void cmd_touch(command_call *c) { key_count(c, keyspace_touch); }

void cmd_dump(command_call *c) {
  kevy_value payload;
  kevy_status status = payload_dump(c->store, c->argv[1].as.ptr, c->argv[1].len, &payload);
  if (status < 0) command_error(c, status);
  else if (status == KEVY_MISSING) sink_nil(c->out);
  else sink_bulk(c->out, &payload);
}

void cmd_type(command_call *c) {
  int32_t type = KEVY_TYPE_NONE;
  keyspace_type(c->store, c->argv[1].as.ptr, c->argv[1].len, &type);
  sink_status(c->out, kevy_type_name(type));
}

static void key_fail_missing(command_call *c) { command_fail(c, "ERR no such key"); }

static kevy_status key_rename(command_call *c, uint32_t flags) {
  return keyspace_rename(c->store, c->argv[1].as.ptr, c->argv[1].len, c->argv[2].as.ptr,
                         c->argv[2].len, flags | command_key_flag(c, 2));
}

void cmd_rename(command_call *c) {
  kevy_status status = key_rename(c, 0);
  if (status == KEVY_MISSING) key_fail_missing(c);
  else key_answer_done(c, status);
}

void cmd_renamenx(command_call *c) {
  kevy_status status = key_rename(c, KEVY_NX);
  if (status == KEVY_MISSING) key_fail_missing(c);
  else key_answer_whether(c, status);
}

/* The number of a database: there is one, 0. */
static bool key_database(command_call *c, const kevy_value *arg) {
  int64_t index;
  if (!command_int(c, arg, &index)) return false;
  if (index < INT32_MIN || index > INT32_MAX)
    command_fail(c, "ERR value is out of range, value must between -2147483648 and 2147483647");
  else if (index != 0) command_fail(c, "ERR DB index is out of range");
  else return true;
  return false;
}

void cmd_select(command_call *c) {
  if (key_database(c, &c->argv[1])) sink_status(c->out, "OK");
}

void cmd_copy(command_call *c) {
  uint32_t flags = 0;
  for (size_t i = 3; i < c->argc; i++) {
    if (command_is(&c->argv[i], "REPLACE")) {
      flags |= KEVY_REPLACE;
    } else if (command_is(&c->argv[i], "DB") && i + 1 < c->argc) {
      if (!key_database(c, &c->argv[++i])) return;
    } else {
      command_fail(c, COMMAND_SYNTAX);
      return;
    }
  }
  kevy_status status = keyspace_copy(c->store, c->argv[1].as.ptr, c->argv[1].len,
                                     c->argv[2].as.ptr, c->argv[2].len, flags | command_key_flag(c, 2));
  if (status == KEVY_EARG) command_fail(c, "ERR source and destination objects are the same");
  else key_answer_whether(c, status);
}

/* ---- The whole keyspace ------------------------------------------------------------------------ */

void cmd_dbsize(command_call *c) {
  store_upkeep(c->store, 128, NULL);
  sink_integer(c->out, (int64_t)keyspace_len(c->store));
}

/* FLUSHALL and FLUSHDB. Both words say what happens anyway: the memory goes at once. */
void cmd_flushall(command_call *c) {
  bool known = c->argc == 1 || (c->argc == 2 && (command_is(&c->argv[1], "ASYNC") ||
                                                 command_is(&c->argv[1], "SYNC")));
  if (known) key_answer_done(c, keyspace_clear(c->store));
  else command_fail(c, COMMAND_SYNTAX);
}

void cmd_randomkey(command_call *c) {
  kevy_value key;
  if (keyspace_random(c->store, &key) == KEVY_OK) sink_bulk(c->out, &key);
  else sink_nil(c->out);
}

/* ---- KEYS and SCAN ----------------------------------------------------------------------------- */

/* Keys that match, one after another: a size_t length, then the bytes. */
typedef struct key_list {
  char *bytes;
  size_t len;
  size_t capacity;
  size_t count;
  bool failed; /* memory ran out */
  command_scan wanted; /* all zero: every key */
} key_list;

static bool key_list_grow(key_list *l, size_t more) {
  if (more <= l->capacity - l->len) return true;
  if (more > SIZE_MAX / 4 - l->len) return false;
  size_t capacity = (l->len + more) * 2;
  char *bytes = realloc(l->bytes, capacity);
  if (bytes == NULL) return false;
  l->bytes = bytes;
  l->capacity = capacity;
  return true;
}

static bool key_list_wants(const key_list *l, const kevy_value *key, int32_t type) {
  const kevy_value *wanted = l->wanted.type;
  if (wanted != NULL && !command_is(wanted, kevy_type_name(type))) return false;
  return command_scan_wants(&l->wanted, key);
}

static void key_list_visit(void *context, const kevy_value *key, int32_t type) {
  key_list *l = context;
  if (l->failed || !key_list_wants(l, key, type)) return;
  if (!key_list_grow(l, sizeof key->len + key->len)) {
    l->failed = true;
    return;
  }
  memcpy(l->bytes + l->len, &key->len, sizeof key->len);
  l->len += sizeof key->len;
  if (key->len > 0) memcpy(l->bytes + l->len, key->as.ptr, key->len);
  l->len += key->len;
  l->count++;
}

static void key_list_answer(command_call *c, const key_list *l) {
  sink_array(c->out, l->count);
  size_t len;
  for (size_t at = 0; at < l->len; at += len) {
    memcpy(&len, l->bytes + at, sizeof len);
    at += sizeof len;
    sink_bytes(c->out, l->bytes + at, len);
  }
}

void cmd_keys(command_call *c) {
  key_list list = {.wanted = {.pattern = &c->argv[1]}};
  uint64_t cursor = 0;
  do keyspace_scan(c->store, &cursor, UINT64_MAX, key_list_visit, &list);
  while (cursor != 0);
  if (list.failed) command_error(c, KEVY_EOOM);
  else key_list_answer(c, &list);
  free(list.bytes);
}

void cmd_scan(command_call *c) {
  key_list list = {0};
  uint64_t cursor;
  if (!command_cursor(c, &c->argv[1], &cursor)) return;
  if (!command_scan_options(c, 2, true, &list.wanted)) return;
  keyspace_scan(c->store, &cursor, list.wanted.count, key_list_visit, &list);
  if (list.failed) {
    command_error(c, KEVY_EOOM);
  } else {
    command_answer_cursor(c, cursor);
    key_list_answer(c, &list);
  }
  free(list.bytes);
}

/* ---- Time to live ------------------------------------------------------------------------------ */

/* NX, XX, GT and LT; false, having answered the error, where they contradict each other. */
static bool key_expire_options(command_call *c, uint32_t *flags) {
  *flags = 0;
  for (size_t i = 3; i < c->argc; i++) {
    if (command_is(&c->argv[i], "NX")) *flags |= KEVY_NX;
    else if (command_is(&c->argv[i], "XX")) *flags |= KEVY_XX;
    else if (command_is(&c->argv[i], "GT")) *flags |= KEVY_GT;
    else if (command_is(&c->argv[i], "LT")) *flags |= KEVY_LT;
    else {
      command_fail_option(c, &c->argv[i]);
      return false;
    }
  }
  if ((*flags & KEVY_NX) && (*flags & ~KEVY_NX))
    command_fail(c, "ERR NX and XX, GT or LT options at the same time are not compatible");
  else if ((*flags & KEVY_GT) && (*flags & KEVY_LT))
    command_fail(c, "ERR GT and LT options at the same time are not compatible");
  else return true;
  return false;
}

/* EXPIRE and its three relatives: time * unit, counted from base. Any deadline that has passed, also
 * one before 1970, deletes the key. */
static void key_expire(command_call *c, int64_t unit, int64_t base) {
  uint32_t flags;
  int64_t time;
  if (!key_expire_options(c, &flags) || !command_int(c, &c->argv[2], &time)) return;
  if (time > INT64_MAX / unit || time < INT64_MIN / unit || time * unit > INT64_MAX - base) {
    command_fail_expire(c);
    return;
  }
  int64_t deadline = time * unit + base;
  if (deadline < 0) deadline = 0;
  key_answer_whether(c, keyspace_expire(c->store, c->argv[1].as.ptr, c->argv[1].len, deadline, flags));
}

void cmd_expire(command_call *c) { key_expire(c, 1000, keyspace_now(c->store)); }
void cmd_pexpire(command_call *c) { key_expire(c, 1, keyspace_now(c->store)); }
void cmd_expireat(command_call *c) { key_expire(c, 1000, 0); }
void cmd_pexpireat(command_call *c) { key_expire(c, 1, 0); }

void cmd_persist(command_call *c) {
  key_answer_whether(
      c, keyspace_expire(c->store, c->argv[1].as.ptr, c->argv[1].len, KEVY_NO_TTL, 0));
}

/* Answers the deadline less base, in units rounded to the nearest; -1 without one, -2 without a key. */
static void key_time(command_call *c, int64_t unit, int64_t base) {
  int64_t deadline;
  kevy_status status =
      keyspace_deadline(c->store, c->argv[1].as.ptr, c->argv[1].len, &deadline);
  if (status == KEVY_MISSING) {
    sink_integer(c->out, -2);
  } else if (deadline == KEVY_NO_TTL) {
    sink_integer(c->out, -1);
  } else {
    int64_t time = deadline > base ? deadline - base : 0;
    sink_integer(c->out, time / unit + (time % unit >= (unit + 1) / 2 ? 1 : 0));
  }
}

void cmd_ttl(command_call *c) { key_time(c, 1000, keyspace_now(c->store)); }
void cmd_pttl(command_call *c) { key_time(c, 1, keyspace_now(c->store)); }
void cmd_expiretime(command_call *c) { key_time(c, 1000, 0); }
void cmd_pexpiretime(command_call *c) { key_time(c, 1, 0); }
