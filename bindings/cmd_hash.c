/* cmd_hash.c: the handlers of the commands on hashes.
 *
 * Whole hashes are answered from a view (type_hash.h): opened once, so that the announced length and the items are
 * of one instant. HSCAN walks twice, first to count what it will answer. */
#include "command.h"

#include <math.h>
#include <stdlib.h>

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
static void hash_answer_pair(void *context, const kevy_value *field, const kevy_value *value) {
  sink_bulk(((command_call *)context)->out, field);
  sink_bulk(((command_call *)context)->out, value);
}

void cmd_hgetall(command_call *c) {
  hash_view v;
  if (!hash_view_open(c, &v)) return;
  sink_map(c->out, v.count);
  hash_each(c->store, &v, hash_answer_pair, c);
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
  if (count >= 0) {
    sink_array(c->out, n * each);
    if (!hash_sample(c->store, v, n, visit, c)) command_error(c, KEVY_EOOM);
    return;
  }
  sink_array(c->out, n * each);
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
