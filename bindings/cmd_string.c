/* cmd_string.c: the handlers of the string commands.
 *
 * The order of checks is Redis's, since it decides which error is answered: syntax first, then
 * numbers among the arguments, then what the key holds (some commands look at the key before a
 * number; they say so). What a command writes is of kind bytes, unless
 * the call keeps kinds. */
#include "command.h"

#include <stdlib.h>

#include "keyspace.h"
#include "type_string.h"

/* A key by its bytes, of the kind that it has when this call makes it. */
static kevy_value string_key(const command_call *c, size_t i) {
  kevy_value key = kevy_bytes(c->argv[i].as.ptr, c->argv[i].len);
  if (command_key_flag(c, i) != 0) key.kind = KEVY_TEXT;
  return key;
}

/* ---- Answers --------------------------------------------------------------------------------- */

/* The value, nil where there is none, or the error. */
static void string_answer_value(command_call *c, kevy_status status, const kevy_value *value) {
  if (status < 0) command_error(c, status);
  else if (status == KEVY_MISSING || value->kind == KEVY_NIL) sink_nil(c->out);
  else sink_bulk(c->out, value);
}

static void string_answer_length(command_call *c, kevy_status status, uint64_t length) {
  if (status < 0) command_error(c, status);
  else sink_integer(c->out, (int64_t)length);
}

/* Before a command takes away or replaces the value that it answers: makes sure that the answer can
 * be built. Short answers always can. */
static bool string_answer_fits(command_call *c) {
  uint64_t bytes; /* no less than the value */
  kevy_status status =
      keyspace_memory_usage(c->store, c->argv[1].as.ptr, c->argv[1].len, &bytes);
  if (status != KEVY_OK || sink_room(c->out, (size_t)bytes)) return true;
  command_error(c, KEVY_EOOM);
  return false;
}

/* ---- Expire times among the options ------------------------------------------------------------ */

typedef enum string_unit { STRING_SECONDS, STRING_MILLISECONDS } string_unit;

typedef struct string_options {
  uint32_t flags;         /* KEVY_NX, XX, KEEPTTL, PERSIST, AT */
  bool get;               /* SET ... GET */
  const kevy_value *time; /* the expire time, NULL without one */
  string_unit unit;
} string_options;

/* The deadline that an expire time means: positive, and within the range of time once it is
 * absolute and in milliseconds. */
static kevy_status string_deadline(command_call *c, const string_options *o, int64_t *deadline) {
  *deadline = KEVY_NO_TTL;
  if (o->time == NULL) return KEVY_OK;
  int64_t time;
  if (!number_parse_int(o->time->as.ptr, o->time->len, &time)) return KEVY_ENOTINT;
  if (time <= 0 || (o->unit == STRING_SECONDS && time > INT64_MAX / 1000)) return KEVY_EEXPIRE;
  if (o->unit == STRING_SECONDS) time *= 1000;
  int64_t base = o->flags & KEVY_AT ? 0 : keyspace_now(c->store);
  if (base > 0 && time > INT64_MAX - base) return KEVY_EEXPIRE;
  *deadline = base + time;
  return KEVY_OK;
}

static void string_fail_deadline(command_call *c, kevy_status status) {
  if (status == KEVY_EEXPIRE) command_fail_expire(c);
  else command_error(c, status);
}

/* EX, PX, EXAT or PXAT with its number. Each excludes the other three, KEEPTTL and PERSIST, but may be
 * repeated, the last one counting. */
static bool string_time_option(string_options *o, const kevy_value *word, const kevy_value *time) {
  static const struct {
    const char *word;
    string_unit unit;
    uint32_t at;
  } options[] = {
      {"EX", STRING_SECONDS, 0},
      {"PX", STRING_MILLISECONDS, 0},
      {"EXAT", STRING_SECONDS, KEVY_AT},
      {"PXAT", STRING_MILLISECONDS, KEVY_AT},
  };
  for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
    if (!command_is(word, options[i].word)) continue;
    bool other = o->time != NULL && (o->unit != options[i].unit ||
                                     (o->flags & KEVY_AT) != options[i].at);
    if (time == NULL || other || o->flags & (KEVY_KEEPTTL | KEVY_PERSIST)) return false;
    o->time = time;
    o->unit = options[i].unit;
    o->flags |= options[i].at;
    return true;
  }
  return false;
}

/* One of SET's own words. */
static bool string_set_option(string_options *o, const kevy_value *word) {
  if (command_is(word, "NX") && !(o->flags & KEVY_XX)) o->flags |= KEVY_NX;
  else if (command_is(word, "XX") && !(o->flags & KEVY_NX)) o->flags |= KEVY_XX;
  else if (command_is(word, "GET")) o->get = true;
  else if (command_is(word, "KEEPTTL") && o->time == NULL) o->flags |= KEVY_KEEPTTL;
  else return false;
  return true;
}

static bool string_getex_option(string_options *o, const kevy_value *word) {
  if (!command_is(word, "PERSIST") || o->time != NULL) return false;
  o->flags |= KEVY_PERSIST;
  return true;
}

/* Reads the options from argument first on; false, having answered the error, on a wrong one. */
static bool string_read_options(command_call *c, size_t first, string_options *o,
                                bool (*own)(string_options *o, const kevy_value *word)) {
  for (size_t i = first; i < c->argc; i++) {
    if (own(o, &c->argv[i])) continue;
    const kevy_value *time = i + 1 < c->argc ? &c->argv[i + 1] : NULL;
    if (!string_time_option(o, &c->argv[i], time)) {
      command_fail(c, COMMAND_SYNTAX);
      return false;
    }
    i++;
  }
  return true;
}

/* ---- SET and its relatives --------------------------------------------------------------------- */

/* Stores the argument at this place. */
static kevy_status string_store(command_call *c, size_t at, int64_t deadline, uint32_t flags,
                                kevy_value *old) {
  kevy_value value = command_value(c, at);
  return string_set(c->store, c->argv[1].as.ptr, c->argv[1].len, &value, deadline,
                    flags | command_key_flag(c, 1), old);
}

/* Stores and answers what the key held before, also when NX or XX forbade to store. */
static void string_swap(command_call *c, size_t at, int64_t deadline, uint32_t flags) {
  if (!string_answer_fits(c)) return;
  kevy_value old = kevy_bytes("", 0);
  kevy_status status = string_store(c, at, deadline, flags, &old);
  string_answer_value(c, status, &old);
}

void cmd_set(command_call *c) {
  string_options o = {0};
  if (!string_read_options(c, 3, &o, string_set_option)) return;
  int64_t deadline;
  kevy_status status = string_deadline(c, &o, &deadline);
  if (status < 0) {
    string_fail_deadline(c, status);
    return;
  }
  uint32_t flags = o.flags & (KEVY_NX | KEVY_XX | KEVY_KEEPTTL);
  if (o.get) {
    string_swap(c, 2, deadline, flags);
    return;
  }
  status = string_store(c, 2, deadline, flags, NULL);
  if (status < 0) command_error(c, status);
  else if (status == KEVY_UNMET) sink_nil(c->out);
  else sink_status(c->out, "OK");
}

void cmd_getset(command_call *c) { string_swap(c, 2, KEVY_NO_TTL, 0); }

void cmd_setnx(command_call *c) {
  kevy_status status = string_store(c, 2, KEVY_NO_TTL, KEVY_NX, NULL);
  if (status < 0) command_error(c, status);
  else sink_integer(c->out, status == KEVY_OK);
}

/* SETEX and PSETEX: key, time, value. */
static void string_set_for(command_call *c, string_unit unit) {
  string_options o = {.time = &c->argv[2], .unit = unit};
  int64_t deadline;
  kevy_status status = string_deadline(c, &o, &deadline);
  if (status < 0) {
    string_fail_deadline(c, status);
    return;
  }
  status = string_store(c, 3, deadline, 0, NULL);
  if (status < 0) command_error(c, status);
  else sink_status(c->out, "OK");
}

void cmd_setex(command_call *c) { string_set_for(c, STRING_SECONDS); }
void cmd_psetex(command_call *c) { string_set_for(c, STRING_MILLISECONDS); }

/* ---- GET and its relatives --------------------------------------------------------------------- */

static kevy_status string_fetch(command_call *c, kevy_value *value) {
  return string_get(c->store, c->argv[1].as.ptr, c->argv[1].len, value);
}

void cmd_get(command_call *c) {
  kevy_value value;
  kevy_status status = string_fetch(c, &value);
  string_answer_value(c, status, &value);
}

void cmd_getdel(command_call *c) {
  if (!string_answer_fits(c)) return;
  kevy_value value;
  kevy_status status = string_getdel(c->store, c->argv[1].as.ptr, c->argv[1].len, &value);
  string_answer_value(c, status, &value);
}

/* Looks at the key before the expire time: a missing key is nil whatever the time says. */
void cmd_getex(command_call *c) {
  string_options o = {0};
  if (!string_read_options(c, 2, &o, string_getex_option)) return;
  int64_t deadline;
  kevy_value value;
  kevy_status wrong = string_deadline(c, &o, &deadline);
  if (wrong < 0) {
    kevy_status status = string_fetch(c, &value);
    if (status == KEVY_OK) string_fail_deadline(c, wrong);
    else string_answer_value(c, status, &value);
    return;
  }
  if (!string_answer_fits(c)) return;
  kevy_status status = string_getex(c->store, c->argv[1].as.ptr, c->argv[1].len, deadline,
                                    o.flags & KEVY_PERSIST, &value);
  string_answer_value(c, status, &value);
}

/* ---- Many keys --------------------------------------------------------------------------------- */

#define STRING_BATCH 64

/* In batches, each copied into the answer before the next reads the store again. */
void cmd_mget(command_call *c) {
  kevy_value values[STRING_BATCH];
  sink_array(c->out, c->argc - 1);
  for (size_t at = 1; at < c->argc; at += STRING_BATCH) {
    size_t k = c->argc - at < STRING_BATCH ? c->argc - at : STRING_BATCH;
    kevy_status status = string_mget(c->store, k, c->argv + at, values);
    for (size_t i = 0; i < k; i++)
      string_answer_value(c, status < 0 ? KEVY_MISSING : status, &values[i]);
  }
}

/* MSET and MSETNX: sorts keys and values apart and writes them as one. */
static kevy_status string_store_all(command_call *c, uint32_t flags) {
  size_t k = (c->argc - 1) / 2;
  kevy_value few[2 * STRING_BATCH];
  kevy_value *keys = few;
  if (k > STRING_BATCH)
    keys = k <= SIZE_MAX / (2 * sizeof *keys) ? malloc(2 * k * sizeof *keys) : NULL;
  if (keys == NULL) return KEVY_EOOM;
  kevy_value *values = keys + k;
  size_t i = 0;
  do { /* the arity asks for one pair at least */
    keys[i] = string_key(c, 1 + 2 * i);
    values[i] = command_value(c, 2 + 2 * i);
  } while (++i < k);
  kevy_status status = string_mset(c->store, k, keys, values, KEVY_NO_TTL, flags);
  if (keys != few) free(keys);
  return status;
}

void cmd_mset(command_call *c) {
  if (c->argc % 2 == 0) {
    command_fail_arity(c);
    return;
  }
  kevy_status status = string_store_all(c, 0);
  if (status < 0) command_error(c, status);
  else sink_status(c->out, "OK");
}

void cmd_msetnx(command_call *c) {
  if (c->argc % 2 == 0) {
    command_fail_arity(c);
    return;
  }
  kevy_status status = string_store_all(c, KEVY_NX);
  if (status < 0) command_error(c, status);
  else sink_integer(c->out, status == KEVY_OK);
}

/* ---- Numbers ----------------------------------------------------------------------------------- */

static void string_add(command_call *c, int64_t by) {
  int64_t sum;
  kevy_status status = string_incr(c->store, c->argv[1].as.ptr, c->argv[1].len, by,
                                   command_key_flag(c, 1), &sum);
  if (status < 0) command_error(c, status);
  else sink_integer(c->out, sum);
}

void cmd_incr(command_call *c) { string_add(c, 1); }
void cmd_decr(command_call *c) { string_add(c, -1); }

void cmd_incrby(command_call *c) {
  int64_t by;
  if (command_int(c, &c->argv[2], &by)) string_add(c, by);
}

void cmd_decrby(command_call *c) {
  int64_t by;
  if (!command_int(c, &c->argv[2], &by)) return;
  if (by == INT64_MIN) command_fail(c, "ERR decrement would overflow");
  else string_add(c, -by);
}

/* Looks at the key's type before the increment. */
void cmd_incrbyfloat(command_call *c) {
  const kevy_value *key = &c->argv[1];
  kevy_value sum;
  long double by;
  kevy_status status;
  if (number_parse_long_double(c->argv[2].as.ptr, c->argv[2].len, &by)) {
    status = string_incr_text(c->store, key->as.ptr, key->len, by, command_key_flag(c, 1), &sum);
  } else {
    status = string_fetch(c, &sum);
    if (status >= 0) status = KEVY_ENOTFLOAT;
  }
  string_answer_value(c, status, &sum);
}

/* ---- Parts of a value -------------------------------------------------------------------------- */

void cmd_append(command_call *c) {
  kevy_value tail = command_value(c, 2);
  uint64_t length;
  kevy_status status = string_append(c->store, c->argv[1].as.ptr, c->argv[1].len, &tail,
                                     command_key_flag(c, 1), &length);
  string_answer_length(c, status, length);
}

void cmd_strlen(command_call *c) {
  uint64_t length;
  kevy_status status = string_strlen(c->store, c->argv[1].as.ptr, c->argv[1].len, &length);
  string_answer_length(c, status, length);
}

/* GETRANGE and SUBSTR. */
void cmd_getrange(command_call *c) {
  int64_t first;
  int64_t last;
  if (!command_int(c, &c->argv[2], &first) || !command_int(c, &c->argv[3], &last)) return;
  kevy_value piece;
  kevy_status status =
      string_getrange(c->store, c->argv[1].as.ptr, c->argv[1].len, first, last, &piece);
  string_answer_value(c, status, &piece);
}

void cmd_setrange(command_call *c) {
  const kevy_value *piece = &c->argv[3];
  int64_t offset;
  if (!command_int(c, &c->argv[2], &offset)) return;
  uint64_t length;
  kevy_status status = string_setrange(c->store, c->argv[1].as.ptr, c->argv[1].len, offset,
                                       piece->as.ptr, piece->len, command_key_flag(c, 1), &length);
  string_answer_length(c, status, length);
}
