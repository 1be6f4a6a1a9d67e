/* cmd_key.c: the handlers of the commands on keys, whatever their type, and on their time to live.
 *
 * KEYS and SCAN gather the matching keys first and answer then, so that an answer announces its length
 * and a host that builds it needs nothing from the store. */
#include "command.h"

#include <stdlib.h>

#include "database.h"
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

/* The number of a database. */
static bool key_database(command_call *c, const kevy_value *arg, uint32_t *db) {
  int64_t index;
  if (!command_int(c, arg, &index)) return false;
  if (index < INT32_MIN || index > INT32_MAX)
    command_fail(c, "ERR value is out of range, value must between -2147483648 and 2147483647");
  else if (index < 0 || index >= DATABASES) command_fail(c, "ERR DB index is out of range");
  else return *db = (uint32_t)index, true;
  return false;
}

/* Outside of a session there is nothing to remember another one. */
void cmd_select(command_call *c) {
  uint32_t db;
  if (!key_database(c, &c->argv[1], &db) || (c->db == NULL && db != 0 && session_missing(c))) return;
  if (c->db != NULL) *c->db = db;
  sink_status(c->out, "OK");
}

static void key_fail_same(command_call *c) { command_fail(c, "ERR source and destination objects are the same"); }

void cmd_move(command_call *c) {
  uint32_t db;
  if (!key_database(c, &c->argv[2], &db)) return;
  kevy_status status = keyspace_move(c->store, c->argv[1].as.ptr, c->argv[1].len, db);
  if (status == KEVY_EARG) key_fail_same(c);
  else key_answer_whether(c, status);
}

static bool key_swapped(command_call *c, size_t i, const char *wrong, int64_t *index) {
  const kevy_value *arg = &c->argv[i];
  if (number_parse_int(arg->as.ptr, arg->len, index) && *index >= INT32_MIN && *index <= INT32_MAX) return true;
  command_fail(c, wrong);
  return false;
}

void cmd_swapdb(command_call *c) {
  int64_t a, b;
  if (!key_swapped(c, 1, "ERR invalid first DB index", &a) || !key_swapped(c, 2, "ERR invalid second DB index", &b)) return;
  if (a < 0 || b < 0 || a >= DATABASES || b >= DATABASES) {
    command_fail(c, "ERR DB index is out of range");
    return;
  }
  kevy_status status = store_write(c->store);
  if (status == KEVY_OK && a != b) session_settle(c->store, (uint32_t)a, (uint32_t)b);
  if (status == KEVY_OK && a != b) session_settle(c->store, (uint32_t)b, (uint32_t)a);
  key_answer_done(c, status == KEVY_OK ? database_swap(c->store, (uint32_t)a, (uint32_t)b) : status);
}

void cmd_copy(command_call *c) {
  uint32_t flags = 0, db = c->store->index;
  for (size_t i = 3; i < c->argc; i++) {
    if (command_is(&c->argv[i], "REPLACE")) {
      flags |= KEVY_REPLACE;
    } else if (command_is(&c->argv[i], "DB") && i + 1 < c->argc) {
      if (!key_database(c, &c->argv[++i], &db)) return;
    } else {
      command_fail(c, COMMAND_SYNTAX);
      return;
    }
  }
  kevy_status status = keyspace_copy_to(c->store, c->argv[1].as.ptr, c->argv[1].len, db, c->argv[2].as.ptr, c->argv[2].len, flags | command_key_flag(c, 2));
  if (status == KEVY_EARG) key_fail_same(c);
  else key_answer_whether(c, status);
}

/* ---- The whole keyspace ------------------------------------------------------------------------ */

void cmd_dbsize(command_call *c) {
  store_upkeep(c->store, 128, NULL);
  sink_integer(c->out, (int64_t)keyspace_len(c->store));
}

/* Both words say what happens anyway: the keys are gone at once, and nobody waits for their memory. */
static void key_flush(command_call *c, kevy_status (*clear)(kevy_store *s)) {
  bool known = c->argc == 1 || (c->argc == 2 && (command_is(&c->argv[1], "ASYNC") ||
                                                 command_is(&c->argv[1], "SYNC")));
  if (known) key_answer_done(c, clear(c->store));
  else command_fail(c, COMMAND_SYNTAX);
}

void cmd_flushall(command_call *c) { key_flush(c, keyspace_clear_all); }
void cmd_flushdb(command_call *c) {
  session_settle(c->store, c->store->index, c->store->index);
  key_flush(c, keyspace_clear);
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
  kevy_status status = keyspace_expire(c->store, c->argv[1].as.ptr, c->argv[1].len, deadline, flags);
  if (status == KEVY_OK) session_touch(c->store, &c->argv[1]); /* the deadline may be the same */
  key_answer_whether(c, status);
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
