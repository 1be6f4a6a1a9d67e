/* cmd_hash.c: the handlers of the commands on hashes.
 *
 * Whole hashes are answered from a view (type_hash.h): opened once, so that the announced length and the items are
 * of one instant. HSCAN walks twice, first to count what it will answer. */
#include "command.h"

#include <math.h>
#include <stdlib.h>

#include "keyspace.h"
#include "type_hash.h"

#define HASH_CMD_FEW 64 /* fields whose values live on the stack */

static const char *hash_key(const command_call *c) { return c->argv[1].as.ptr; }
static size_t hash_klen(const command_call *c) { return c->argv[1].len; }

/* ---- Answers --------------------------------------------------------------------------------- */

/* An error in words of its own. */
static void hash_fail(command_call *c, kevy_status status, const char *text) {
  command_fail(c, text);
  c->failed = status;
}

static void hash_answer_value(command_call *c, kevy_status status, const kevy_value *value) {
  if (status < 0) command_error(c, status);
  else if (status == KEVY_MISSING || value->kind == KEVY_NIL) sink_nil(c->out);
  else sink_bulk(c->out, value);
}

static void hash_answer_count(command_call *c, kevy_status status, uint64_t count) {
  if (status < 0) command_error(c, status);
  else sink_integer(c->out, (int64_t)count);
}

static void hash_answer_whether(command_call *c, kevy_status status) {
  hash_answer_count(c, status, status == KEVY_OK);
}

/* ---- Writing --------------------------------------------------------------------------------- */

/* Field-value pairs from an argument on, sorted apart. False, having answered, when memory ran out. */
typedef struct hash_pairs {
  kevy_value few[2 * HASH_CMD_FEW];
  kevy_value *fields, *values;
} hash_pairs;

static bool hash_pairs_read(command_call *c, hash_pairs *all, size_t first, size_t k) {
  all->fields = all->few;
  if (k > HASH_CMD_FEW) all->fields = malloc(2 * k * sizeof *all->fields);
  if (all->fields == NULL) {
    command_error(c, KEVY_EOOM);
    return false;
  }
  all->values = all->fields + k;
  for (size_t i = 0; i < k; i++) {
    all->fields[i] = command_value(c, first + 2 * i);
    all->values[i] = command_value(c, first + 2 * i + 1);
  }
  return true;
}

static void hash_pairs_free(hash_pairs *all) {
  if (all->fields != all->few) free(all->fields);
}

/* HSET and HMSET. */
static kevy_status hash_write_pairs(command_call *c, uint64_t *added) {
  if (c->argc % 2 == 1) {
    command_fail_arity(c);
    return KEVY_ECOMMAND;
  }
  hash_pairs all;
  size_t k = (c->argc - 2) / 2;
  if (!hash_pairs_read(c, &all, 2, k)) return KEVY_ECOMMAND;
  kevy_status status =
      hash_set(c->store, hash_key(c), hash_klen(c), k, all.fields, all.values, command_key_flag(c, 1), added);
  hash_pairs_free(&all);
  if (status < 0) command_error(c, status);
  return status;
}

void cmd_hset(command_call *c) {
  uint64_t added;
  if (hash_write_pairs(c, &added) == KEVY_OK) sink_integer(c->out, (int64_t)added);
}

void cmd_hmset(command_call *c) {
  if (hash_write_pairs(c, NULL) == KEVY_OK) sink_status(c->out, "OK");
}

void cmd_hsetnx(command_call *c) {
  kevy_value field = command_value(c, 2), value = command_value(c, 3);
  uint32_t flags = KEVY_NX | command_key_flag(c, 1);
  hash_answer_whether(c, hash_set(c->store, hash_key(c), hash_klen(c), 1, &field, &value, flags, NULL));
}

void cmd_hdel(command_call *c) {
  uint64_t removed = 0;
  kevy_status status = hash_del(c->store, hash_key(c), hash_klen(c), c->argc - 2, c->argv + 2, &removed);
  hash_answer_count(c, status, removed);
}

void cmd_hincrby(command_call *c) {
  int64_t by, sum = 0;
  if (!command_int(c, &c->argv[3], &by)) return;
  kevy_value field = command_value(c, 2);
  kevy_status status =
      hash_incr(c->store, hash_key(c), hash_klen(c), &field, by, command_key_flag(c, 1), &sum);
  if (status == KEVY_ENOTINT) hash_fail(c, status, "ERR hash value is not an integer");
  else hash_answer_count(c, status, (uint64_t)sum);
}

void cmd_hincrbyfloat(command_call *c) {
  long double by;
  if (!number_parse_long_double(c->argv[3].as.ptr, c->argv[3].len, &by)) {
    command_error(c, KEVY_ENOTFLOAT);
    return;
  }
  if (isnan(by) || isinf(by)) {
    hash_fail(c, KEVY_ENAN, "ERR value is NaN or Infinity");
    return;
  }
  kevy_value field = command_value(c, 2), sum;
  kevy_status status =
      hash_incr_text(c->store, hash_key(c), hash_klen(c), &field, by, command_key_flag(c, 1), &sum);
  if (status == KEVY_ENOTFLOAT) hash_fail(c, status, "ERR hash value is not a float");
  else hash_answer_value(c, status, &sum);
}

/* ---- Reading fields -------------------------------------------------------------------------- */

static kevy_status hash_fetch(command_call *c, kevy_value *value) {
  return hash_get(c->store, hash_key(c), hash_klen(c), &c->argv[2], value);
}

void cmd_hget(command_call *c) {
  kevy_value value;
  kevy_status status = hash_fetch(c, &value);
  hash_answer_value(c, status, &value);
}

void cmd_hexists(command_call *c) {
  hash_answer_whether(c, hash_exists(c->store, hash_key(c), hash_klen(c), &c->argv[2]));
}

void cmd_hstrlen(command_call *c) {
  kevy_value value;
  char digits[NUMBER_FLOAT_MAX];
  kevy_status status = hash_fetch(c, &value);
  hash_answer_count(c, status, status == KEVY_OK ? number_byte_form(&value, digits).len : 0);
}

void cmd_hlen(command_call *c) {
  uint64_t count = 0;
  kevy_status status = hash_len(c->store, hash_key(c), hash_klen(c), &count);
  hash_answer_count(c, status, count);
}

/* Answers an array of values or nils. */
static void hash_answer_fields(command_call *c, size_t first, size_t k) {
  kevy_value few[HASH_CMD_FEW], *values = few;
  if (k > HASH_CMD_FEW) values = malloc(k * sizeof *values);
  kevy_status status =
      values != NULL ? hash_mget(c->store, hash_key(c), hash_klen(c), k, c->argv + first, values) : KEVY_EOOM;
  if (status < 0) {
    command_error(c, status);
  } else {
    sink_array(c->out, k);
    for (size_t i = 0; i < k; i++) hash_answer_value(c, KEVY_OK, &values[i]);
  }
  if (values != few) free(values);
}

void cmd_hmget(command_call *c) { hash_answer_fields(c, 2, c->argc - 2); }

/* ---- Whole hashes ---------------------------------------------------------------------------- */

/* Opens the key's hash; false, having answered the error, when it holds something else. */
static bool hash_view_open(command_call *c, hash_view *v) {
  kevy_status status = hash_open(c->store, hash_key(c), hash_klen(c), v);
  if (status >= 0) return true;
  command_error(c, status);
  return false;
}

static void hash_answer_field(void *context, const kevy_value *field, const kevy_value *value) {
  (void)value;
  sink_bulk(((command_call *)context)->out, field);
}
static void hash_answer_its_value(void *context, const kevy_value *field, const kevy_value *value) {
  (void)field;
  sink_bulk(((command_call *)context)->out, value);
}
static void hash_answer_both(void *context, const kevy_value *field, const kevy_value *value) {
  sink_bulk(((command_call *)context)->out, field);
  sink_bulk(((command_call *)context)->out, value);
}
static void hash_answer_pair(void *context, const kevy_value *field, const kevy_value *value) {
  sink_pair(((command_call *)context)->out);
  hash_answer_both(context, field, value);
}

void cmd_hgetall(command_call *c) {
  hash_view v;
  if (!hash_view_open(c, &v)) return;
  sink_map(c->out, v.count);
  hash_each(c->store, &v, hash_answer_both, c);
}

static void hash_answer_each(command_call *c, hash_visit visit) {
  hash_view v;
  if (!hash_view_open(c, &v)) return;
  sink_array(c->out, v.count);
  hash_each(c->store, &v, visit, c);
}

void cmd_hkeys(command_call *c) { hash_answer_each(c, hash_answer_field); }
void cmd_hvals(command_call *c) { hash_answer_each(c, hash_answer_its_value); }

/* HRANDFIELD with a count: different ones, or for a negative count any that many times. */
static void hash_answer_random(command_call *c, const hash_view *v, int64_t count, bool values) {
  hash_visit visit = values ? hash_answer_pair : hash_answer_field;
  uint64_t each = values ? 2 : 1, n = count < 0 ? 0 - (uint64_t)count : (uint64_t)count;
  if (v->count == 0) n = 0;
  else if (count > 0 && n > v->count) n = v->count;
  if (n > SIZE_MAX / 16 || !sink_room(c->out, n * each * 8)) {
    command_error(c, KEVY_EOOM);
    return;
  }
  if (values) sink_pairs(c->out, n);
  else sink_array(c->out, n);
  if (count >= 0) {
    if (!hash_sample(c->store, v, n, visit, c)) command_error(c, KEVY_EOOM);
    return;
  }
  for (; n > 0; n--) hash_random(c->store, v, visit, c);
}

/* The count and WITHVALUES; false, having answered the error. */
static bool hash_random_options(command_call *c, int64_t *count, bool *values) {
  if (!command_int(c, &c->argv[2], count)) return false;
  *values = c->argc == 4 && command_is(&c->argv[3], "WITHVALUES");
  if (*count == INT64_MIN)
    command_fail(c, "ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807");
  else if (c->argc > 4 || (c->argc == 4 && !*values)) command_fail(c, COMMAND_SYNTAX);
  else if (*values && (*count < -INT64_MAX / 2 || *count > INT64_MAX / 2)) command_fail(c, "ERR value is out of range");
  else return true;
  return false;
}

void cmd_hrandfield(command_call *c) {
  hash_view v;
  int64_t count = 0;
  bool values = false;
  if (c->argc > 2 && !hash_random_options(c, &count, &values)) return;
  if (!hash_view_open(c, &v)) return;
  if (c->argc > 2) hash_answer_random(c, &v, count, values);
  else if (v.count == 0) sink_nil(c->out);
  else hash_random(c->store, &v, hash_answer_field, c);
}

/* ---- HSCAN ----------------------------------------------------------------------------------- */

typedef struct hash_scanning {
  command_call *c;
  command_scan options;
  bool answers; /* the second time */
  uint64_t count;
} hash_scanning;

static void hash_scan_visit(void *context, const kevy_value *field, const kevy_value *value) {
  hash_scanning *scan = context;
  if (!command_scan_wants(&scan->options, field)) return;
  scan->count++;
  if (!scan->answers) return;
  sink_bulk(scan->c->out, field);
  if (!scan->options.names) sink_bulk(scan->c->out, value);
}

/* A key that is missing is answered before the options are looked at. */
void cmd_hscan(command_call *c) {
  hash_view v;
  uint64_t cursor;
  hash_scanning scan = {.c = c, .options = {.pairs = true}};
  if (!command_cursor(c, &c->argv[2], &cursor) || !hash_view_open(c, &v)) return;
  if (v.count == 0) {
    command_answer_cursor(c, 0);
    sink_array(c->out, 0);
    return;
  }
  if (!command_scan_options(c, 3, false, &scan.options)) return;
  uint64_t next = cursor;
  hash_scan(c->store, &v, &next, scan.options.count, hash_scan_visit, &scan);
  command_answer_cursor(c, next);
  sink_array(c->out, scan.options.names ? scan.count : 2 * scan.count);
  scan.answers = true;
  hash_scan(c->store, &v, &cursor, scan.options.count, hash_scan_visit, &scan);
}

/* ---- Deadlines of fields --------------------------------------------------------------------- */

#define HASH_TIME_MAX ((INT64_C(1) << 46) - 1) /* the latest deadline that Redis takes, ms */

/* A list of fields behind the word FIELDS. */
typedef struct hash_fields {
  size_t first, k; /* arguments */
} hash_fields;

/* FIELDS n field ..., whose word is expected at argument `at`; false, having answered the error. */
static bool hash_read_fields(command_call *c, size_t at, const char *wrong_number, hash_fields *f) {
  int64_t n;
  if (at + 1 >= c->argc || !command_is(&c->argv[at], "FIELDS"))
    command_fail(c, "ERR Mandatory argument FIELDS is missing or not at the right position");
  else if (!number_parse_int(c->argv[at + 1].as.ptr, c->argv[at + 1].len, &n) || n < 1) command_fail(c, wrong_number);
  else if ((uint64_t)n != c->argc - at - 2)
    command_fail(c, "ERR The `numfields` parameter must match the number of arguments");
  else {
    *f = (hash_fields){at + 2, (size_t)n};
    return true;
  }
  return false;
}

#define HASH_NUMBER_OF_FIELDS "ERR Number of fields must be a positive integer"

/* A time in units of `unit` ms, counted from base; false, having answered the error. */
static bool hash_read_time(command_call *c, const kevy_value *arg, int64_t unit, int64_t base, int64_t *deadline) {
  int64_t time;
  if (!command_int(c, arg, &time)) return false;
  if (time < 0) command_fail(c, "ERR invalid expire time, must be >= 0");
  else if (time > HASH_TIME_MAX / unit || time * unit > HASH_TIME_MAX - base) command_fail_expire(c);
  else {
    *deadline = time * unit + base;
    return true;
  }
  return false;
}

/* Wrong type comes before every other complaint. */
static bool hash_is_one(command_call *c) {
  int32_t type = KEVY_TYPE_NONE;
  (void)keyspace_type(c->store, hash_key(c), hash_klen(c), &type);
  if (type == KEVY_TYPE_NONE || type == KEVY_TYPE_HASH) return true;
  command_error(c, KEVY_EWRONGTYPE);
  return false;
}

/* What hash_expire did to each field, in Redis's numbers; `unmet` is that for KEVY_UNMET. False, having answered the
 * error. */
static void hash_expire_all(command_call *c, const hash_fields *f, int64_t deadline, uint32_t flags, int64_t unmet) {
  kevy_status few[HASH_CMD_FEW], *done = few;
  if (f->k > HASH_CMD_FEW) done = malloc(f->k * sizeof *done);
  kevy_status status = done == NULL ? KEVY_EOOM
                                    : hash_expire(c->store, hash_key(c), hash_klen(c), f->k, c->argv + f->first,
                                                  deadline, flags, done);
  if (status < 0) {
    command_error(c, status);
  } else {
    sink_array(c->out, f->k);
    for (size_t i = 0; i < f->k; i++)
      sink_integer(c->out, done[i] == KEVY_OK        ? 1
                           : done[i] == HASH_DELETED ? 2
                           : done[i] == KEVY_UNMET   ? unmet
                                                     : -2);
  }
  if (done != few) free(done);
}

/* HEXPIRE and its relatives. */
static void hash_expire_fields(command_call *c, int64_t unit, int64_t base) {
  static const struct {
    const char *word;
    uint32_t flag;
  } conditions[] = {{"NX", KEVY_NX}, {"XX", KEVY_XX}, {"GT", KEVY_GT}, {"LT", KEVY_LT}};
  int64_t deadline;
  hash_fields f;
  uint32_t flags = 0;
  if (!hash_is_one(c) || !hash_read_time(c, &c->argv[2], unit, base, &deadline)) return;
  for (size_t i = 0; i < 4; i++)
    if (command_is(&c->argv[3], conditions[i].word)) flags = conditions[i].flag;
  if (!hash_read_fields(c, flags != 0 ? 4 : 3, "ERR Parameter `numFields` should be greater than 0", &f)) return;
  hash_expire_all(c, &f, deadline, flags, 0);
}

void cmd_hexpire(command_call *c) { hash_expire_fields(c, 1000, keyspace_now(c->store)); }
void cmd_hpexpire(command_call *c) { hash_expire_fields(c, 1, keyspace_now(c->store)); }
void cmd_hexpireat(command_call *c) { hash_expire_fields(c, 1000, 0); }
void cmd_hpexpireat(command_call *c) { hash_expire_fields(c, 1, 0); }

void cmd_hpersist(command_call *c) {
  hash_fields f;
  if (hash_is_one(c) && hash_read_fields(c, 2, HASH_NUMBER_OF_FIELDS, &f))
    hash_expire_all(c, &f, KEVY_NO_TTL, KEVY_PERSIST, -1);
}

/* HTTL and its relatives: each field's deadline less base, in units rounded up; -1 without one, -2 without a field. */
static void hash_answer_times(command_call *c, int64_t unit, int64_t base) {
  hash_fields f;
  if (!hash_is_one(c) || !hash_read_fields(c, 2, HASH_NUMBER_OF_FIELDS, &f)) return;
  sink_array(c->out, f.k);
  for (size_t i = 0; i < f.k; i++) {
    int64_t deadline;
    kevy_status status = hash_deadline(c->store, hash_key(c), hash_klen(c), &c->argv[f.first + i], &deadline);
    if (status != KEVY_OK) sink_integer(c->out, -2);
    else if (deadline == KEVY_NO_TTL) sink_integer(c->out, -1);
    else sink_integer(c->out, deadline > base ? (deadline - base + unit - 1) / unit : 0);
  }
}

void cmd_httl(command_call *c) { hash_answer_times(c, 1000, keyspace_now(c->store)); }
void cmd_hpttl(command_call *c) { hash_answer_times(c, 1, keyspace_now(c->store)); }
void cmd_hexpiretime(command_call *c) { hash_answer_times(c, 1000, 0); }
void cmd_hpexpiretime(command_call *c) { hash_answer_times(c, 1, 0); }

/* EX, PX, EXAT or PXAT: its unit in ms, 0 for another word. */
static int64_t hash_time_unit(const kevy_value *word, bool *at) {
  *at = command_is(word, "EXAT") || command_is(word, "PXAT");
  if (command_is(word, "EX") || command_is(word, "EXAT")) return 1000;
  return command_is(word, "PX") || command_is(word, "PXAT") ? 1 : 0;
}

/* Makes sure that the fields' values can be answered before they are taken away. */
static bool hash_answer_fits(command_call *c, const hash_fields *f) {
  kevy_value value;
  uint64_t room = 64 * f->k;
  for (size_t i = 0; i < f->k; i++)
    if (hash_get(c->store, hash_key(c), hash_klen(c), &c->argv[f->first + i], &value) == KEVY_OK) room += value.len;
  if (sink_room(c->out, (size_t)room)) return true;
  command_error(c, KEVY_EOOM);
  return false;
}

/* Answers the fields, and then removes them. */
static void hash_answer_and_remove(command_call *c, const hash_fields *f) {
  kevy_status status = store_write(c->store);
  if (status != KEVY_OK) {
    command_error(c, status);
    return;
  }
  if (!hash_answer_fits(c, f)) return;
  hash_answer_fields(c, f->first, f->k);
  (void)hash_del(c->store, hash_key(c), hash_klen(c), f->k, c->argv + f->first, NULL);
}

void cmd_hgetdel(command_call *c) {
  hash_fields f;
  if (hash_is_one(c) && hash_read_fields(c, 2, HASH_NUMBER_OF_FIELDS, &f)) hash_answer_and_remove(c, &f);
}

/* Gives the fields their new deadline, which may fail, and then answers them. */
static void hash_expire_and_answer(command_call *c, const hash_fields *f, int64_t deadline, uint32_t flags) {
  kevy_status few[HASH_CMD_FEW], *done = few;
  if (f->k > HASH_CMD_FEW) done = malloc(f->k * sizeof *done);
  kevy_status status = done == NULL ? KEVY_EOOM
                                    : hash_expire(c->store, hash_key(c), hash_klen(c), f->k, c->argv + f->first,
                                                  deadline, flags, done);
  if (status < 0) command_error(c, status);
  else hash_answer_fields(c, f->first, f->k);
  if (done != few) free(done);
}

void cmd_hgetex(command_call *c) {
  hash_fields f;
  bool at, persist = command_is(&c->argv[2], "PERSIST");
  int64_t deadline = KEVY_NO_TTL, now = keyspace_now(c->store), unit = hash_time_unit(&c->argv[2], &at);
  if (!hash_is_one(c)) return;
  if (unit != 0 && !hash_read_time(c, &c->argv[3], unit, at ? 0 : now, &deadline)) return;
  if (!hash_read_fields(c, unit != 0 ? 4 : persist ? 3 : 2, HASH_NUMBER_OF_FIELDS, &f)) return;
  if (unit == 0 && !persist) hash_answer_fields(c, f.first, f.k);
  else if (unit != 0 && deadline <= now) hash_answer_and_remove(c, &f);
  else hash_expire_and_answer(c, &f, deadline, persist ? KEVY_PERSIST : 0);
}

/* What HSETEX is told before its fields. */
typedef struct hash_setex {
  int64_t deadline;
  uint32_t flags; /* KEVY_NX, KEVY_XX, KEVY_KEEPTTL */
  bool timed;     /* a time or KEEPTTL was given */
  size_t first, k;
} hash_setex;

/* FIELDS n field value ...: the last of the options. */
static bool hash_setex_fields(command_call *c, size_t at, hash_setex *o) {
  int64_t n;
  if (at + 3 >= c->argc) {
    command_fail_arity(c);
  } else if (!number_parse_int(c->argv[at + 1].as.ptr, c->argv[at + 1].len, &n) || n < 1 || n > INT32_MAX) {
    command_fail(c, "ERR invalid number of fields");
  } else if ((c->argc - at - 2) % 2 != 0 || (uint64_t)n != (c->argc - at - 2) / 2) {
    command_fail_arity(c);
  } else {
    o->first = at + 2;
    o->k = (size_t)n;
    return true;
  }
  return false;
}

/* A time or KEEPTTL at *at; false, having answered, when it is wrong. */
static bool hash_setex_time(command_call *c, size_t *i, int64_t unit, bool at, hash_setex *o) {
  if (o->timed) {
    command_fail(c, "ERR Only one of EX, PX, EXAT, PXAT or KEEPTTL arguments can be specified");
    return false;
  }
  o->timed = true;
  if (unit == 0) {
    o->flags |= KEVY_KEEPTTL;
    return true;
  }
  if (*i + 1 < c->argc) return hash_read_time(c, &c->argv[++*i], unit, at ? 0 : keyspace_now(c->store), &o->deadline);
  command_fail(c, "ERR missing expire time");
  return false;
}

static bool hash_setex_condition(command_call *c, uint32_t flag, hash_setex *o) {
  if (!(o->flags & (KEVY_NX | KEVY_XX))) {
    o->flags |= flag;
    return true;
  }
  command_fail(c, "ERR Only one of FXX or FNX arguments can be specified");
  return false;
}

static bool hash_setex_options(command_call *c, hash_setex *o) {
  for (size_t i = 2; i < c->argc; i++) {
    const kevy_value *word = &c->argv[i];
    bool at, fine;
    int64_t unit = hash_time_unit(word, &at);
    if (command_is(word, "FIELDS")) return hash_setex_fields(c, i, o);
    if (unit != 0 || command_is(word, "KEEPTTL")) {
      fine = hash_setex_time(c, &i, unit, at, o);
    } else if (command_is(word, "FNX")) {
      fine = hash_setex_condition(c, KEVY_NX, o);
    } else if (command_is(word, "FXX")) {
      fine = hash_setex_condition(c, KEVY_XX, o);
    } else {
      command_text t = {.len = 0};
      command_text_add(&t, "ERR unknown argument: ");
      command_text_add_arg(&t, word, word->len);
      command_fail_text(c, &t);
      fine = false;
    }
    if (!fine) return false;
  }
  command_fail(c, "ERR Mandatory argument FIELDS is missing or not at the right position");
  return false;
}

void cmd_hsetex(command_call *c) {
  hash_setex o = {.deadline = KEVY_NO_TTL};
  hash_pairs all;
  if (!hash_setex_options(c, &o) || !hash_pairs_read(c, &all, o.first, o.k)) return;
  kevy_status status = hash_set_until(c->store, hash_key(c), hash_klen(c), o.k, all.fields, all.values, o.deadline,
                                      o.flags | command_key_flag(c, 1));
  hash_pairs_free(&all);
  hash_answer_whether(c, status);
}
