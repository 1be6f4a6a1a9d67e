/* cmd_list.c: the handlers of the list commands.
 *
 * The order of checks is Redis's, which differs from command to command: LINDEX and LSET look at the key before the
 * number, LRANGE and LTRIM after it. What takes elements away and answers them makes sure of the answer's
 * memory first. */
#include "command.h"

#include <stdlib.h>

#include "type_list.h"

#define LIST_FEW_ITEMS 16

static kevy_value list_name(const command_call *c, size_t i) {
  return kevy_bytes(c->argv[i].as.ptr, c->argv[i].len);
}

/* ---- Answers and arguments ----------------------------------------------------------------------- */

/* The value, nil where there is none, or the error. */
static void list_answer_value(command_call *c, kevy_status status, const kevy_value *value) {
  if (status < 0) command_error(c, status);
  else if (status != KEVY_OK) sink_nil(c->out);
  else sink_bulk(c->out, value);
}

static void list_answer_number(command_call *c, kevy_status status, uint64_t number) {
  if (status < 0) command_error(c, status);
  else sink_integer(c->out, (int64_t)number);
}

static void list_answer_ok(command_call *c, kevy_status status) {
  if (status < 0) command_error(c, status);
  else sink_status(c->out, "OK");
}

/* LEFT or RIGHT as KEVY_LEFT or 0; false, having answered the error, on anything else. */
static bool list_side_of(command_call *c, size_t i, uint32_t *flags) {
  *flags = command_is(&c->argv[i], "LEFT") ? KEVY_LEFT : 0;
  if (*flags != 0 || command_is(&c->argv[i], "RIGHT")) return true;
  command_fail(c, COMMAND_SYNTAX);
  return false;
}

/* An integer of at least `least`; false, having answered this text, on anything else. */
static bool list_int_from(command_call *c, const kevy_value *arg, int64_t least, const char *text, int64_t *out) {
  if (number_parse_int(arg->as.ptr, arg->len, out) && *out >= least) return true;
  command_fail(c, text);
  return false;
}

/* An integer whose negative is one, too. */
static bool list_int_signed(command_call *c, const kevy_value *arg, int64_t *out) {
  if (!command_int(c, arg, out)) return false;
  if (*out != INT64_MIN) return true;
  command_fail(c, "ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807");
  return false;
}

/* A position as one from 0 on; UINT64_MAX where it lies outside. */
static uint64_t list_range_start(int64_t first, uint64_t len) {
  if (first < 0) first = first + (int64_t)len < 0 ? 0 : first + (int64_t)len;
  return (uint64_t)first;
}

/* ---- Pushing ------------------------------------------------------------------------------------- */

static void list_push_args(command_call *c, uint32_t flags) {
  kevy_value few[LIST_FEW_ITEMS] = {command_value(c, 2)}, *items = few;
  size_t k = c->argc - 2;
  if (k > LIST_FEW_ITEMS) items = malloc(k * sizeof *items);
  if (items == NULL) {
    command_error(c, KEVY_EOOM);
    return;
  }
  for (size_t i = 0; i < k; i++) items[i] = command_value(c, i + 2);
  uint64_t length = 0;
  flags |= command_key_flag(c, 1);
  kevy_status status = list_push(c->store, c->argv[1].as.ptr, c->argv[1].len, k, items, flags, &length);
  if (items != few) free(items);
  list_answer_number(c, status, length);
}

void cmd_lpush(command_call *c) { list_push_args(c, KEVY_LEFT); }
void cmd_rpush(command_call *c) { list_push_args(c, 0); }
void cmd_lpushx(command_call *c) { list_push_args(c, KEVY_LEFT | KEVY_XX); }
void cmd_rpushx(command_call *c) { list_push_args(c, KEVY_XX); }

/* ---- Popping ------------------------------------------------------------------------------------- */

/* Finds the elements to pop and makes sure that they can be answered; false, having answered an error. A key that is
 * missing is *count 0. */
static bool list_pop_opens(command_call *c, const kevy_value *key, uint32_t flags, uint64_t n, list_iter *it,
                           uint64_t *count) {
  size_t bytes = 0;
  *count = 0;
  kevy_status status = list_measure(c->store, key->as.ptr, key->len, flags, n, it, count, &bytes);
  if (status >= 0 && !sink_room(c->out, bytes + (size_t)*count * 64)) status = KEVY_EOOM;
  if (status >= 0) return true;
  command_error(c, status);
  return false;
}

/* Answers the elements and takes them away. */
static void list_pop_answers(command_call *c, const kevy_value *key, uint32_t flags, list_iter *it, uint64_t count) {
  kevy_value v;
  sink_array(c->out, (size_t)count);
  for (uint64_t i = 0; i < count && list_iter_next(it, &v); i++) sink_bulk(c->out, &v);
  list_splice(c->store, key->as.ptr, key->len, flags & KEVY_LEFT ? 0 : -(int64_t)count, count, 0, NULL, 0);
}

static void list_pop_one(command_call *c, uint32_t flags) {
  kevy_value key = list_name(c, 1), v;
  list_iter it;
  uint64_t count;
  if (!list_pop_opens(c, &key, flags, 1, &it, &count)) return;
  kevy_status status = count != 0 ? list_pop(c->store, key.as.ptr, key.len, flags, &v) : KEVY_MISSING;
  list_answer_value(c, status, &v);
}

static void list_pop_many(command_call *c, uint32_t flags) {
  int64_t n;
  if (!list_int_from(c, &c->argv[2], 0, "ERR value is out of range, must be positive", &n)) return;
  kevy_value key = list_name(c, 1);
  list_iter it;
  uint64_t count;
  if (!list_pop_opens(c, &key, flags, n != 0 ? (uint64_t)n : 1, &it, &count)) return;
  if (count == 0) sink_nil_array(c->out);
  else if (n == 0) sink_array(c->out, 0);
  else list_pop_answers(c, &key, flags, &it, count);
}

static void list_pop_args(command_call *c, uint32_t flags) {
  if (c->argc > 3) command_fail_arity(c);
  else if (c->argc == 3) list_pop_many(c, flags);
  else list_pop_one(c, flags);
}

void cmd_lpop(command_call *c) { list_pop_args(c, KEVY_LEFT); }
void cmd_rpop(command_call *c) { list_pop_args(c, 0); }

/* What follows LMPOP's keys: the end, and how many. */
static bool list_mpop_options(command_call *c, size_t where, uint32_t *flags, int64_t *count) {
  if (!list_side_of(c, where, flags)) return false;
  *count = 1;
  if (where + 1 == c->argc) return true;
  if (where + 3 == c->argc && command_is(&c->argv[where + 1], "COUNT"))
    return list_int_from(c, &c->argv[where + 2], 1, "ERR count should be greater than 0", count);
  if (where + 3 < c->argc && command_is(&c->argv[where + 1], "COUNT") &&
      !list_int_from(c, &c->argv[where + 2], 1, "ERR count should be greater than 0", count))
    return false;
  command_fail(c, COMMAND_SYNTAX);
  return false;
}

/* numkeys, keys, the end and how many, from argument `at` on. False, having answered the error. */
static bool list_read_mpop(command_call *c, size_t at, int64_t *keys, uint32_t *flags, int64_t *count) {
  if (!list_int_from(c, &c->argv[at], 1, "ERR numkeys should be greater than 0", keys)) return false;
  if ((uint64_t)*keys <= c->argc - at - 2) return list_mpop_options(c, at + 1 + (size_t)*keys, flags, count);
  command_fail(c, COMMAND_SYNTAX);
  return false;
}

/* From the first of the keys that is there; false, and nothing answered, when none is. */
static bool list_mpop(command_call *c, size_t first, size_t keys, uint32_t flags, uint64_t n) {
  for (size_t i = first; i < first + keys; i++) {
    kevy_value key = list_name(c, i);
    list_iter it;
    uint64_t count;
    if (!list_pop_opens(c, &key, flags, n, &it, &count)) return true;
    if (count == 0) continue;
    sink_array(c->out, 2);
    sink_bulk(c->out, &key);
    list_pop_answers(c, &key, flags, &it, count);
    return true;
  }
  return false;
}

void cmd_lmpop(command_call *c) {
  int64_t keys, n;
  uint32_t flags;
  if (list_read_mpop(c, 1, &keys, &flags, &n) && !list_mpop(c, 2, (size_t)keys, flags, (uint64_t)n))
    sink_nil_array(c->out);
}

/* ---- Reading ------------------------------------------------------------------------------------- */

void cmd_llen(command_call *c) {
  uint64_t count;
  kevy_status status = list_len(c->store, c->argv[1].as.ptr, c->argv[1].len, &count);
  list_answer_number(c, status, count);
}

void cmd_lindex(command_call *c) {
  list_iter it;
  uint64_t len;
  int64_t index;
  kevy_value v;
  kevy_status status = list_open(c->store, c->argv[1].as.ptr, c->argv[1].len, &it, &len);
  if (status != KEVY_OK) {
    list_answer_value(c, status, NULL);
    return;
  }
  if (!command_int(c, &c->argv[2], &index)) return;
  if (index < 0) index += (int64_t)len;
  if (index < 0 || (uint64_t)index >= len) {
    sink_nil(c->out);
    return;
  }
  list_iter_seek(&it, (uint64_t)index, false);
  list_iter_next(&it, &v);
  sink_bulk(c->out, &v);
}

void cmd_lrange(command_call *c) {
  int64_t first, last;
  if (!command_int(c, &c->argv[2], &first) || !command_int(c, &c->argv[3], &last)) return;
  list_iter it;
  uint64_t len;
  kevy_value v;
  kevy_status status = list_open(c->store, c->argv[1].as.ptr, c->argv[1].len, &it, &len);
  if (status < 0) {
    command_error(c, status);
    return;
  }
  uint64_t from = list_range_start(first, len);
  if (last < 0) last += (int64_t)len;
  if (last >= (int64_t)len) last = (int64_t)len - 1;
  if (last < 0 || from > (uint64_t)last) {
    sink_array(c->out, 0);
    return;
  }
  uint64_t n = (uint64_t)last - from + 1;
  sink_array(c->out, (size_t)n);
  list_iter_seek(&it, from, false);
  for (; n > 0 && list_iter_next(&it, &v); n--) sink_bulk(c->out, &v);
}

/* ---- LPOS ---------------------------------------------------------------------------------------- */

typedef struct list_search {
  int64_t rank, count, most; /* count -1: not given; most 0: the whole list */
  uint64_t len;
  packed_key key;
} list_search;

static bool list_search_option(command_call *c, const kevy_value *word, const kevy_value *value, list_search *o) {
  if (value != NULL && command_is(word, "RANK")) {
    if (!list_int_signed(c, value, &o->rank)) return false;
    if (o->rank != 0) return true;
    command_fail(c, "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use "
                    "negative to start from the end of the list");
    return false;
  }
  if (value != NULL && command_is(word, "COUNT"))
    return list_int_from(c, value, 0, "ERR COUNT can't be negative", &o->count);
  if (value != NULL && command_is(word, "MAXLEN"))
    return list_int_from(c, value, 0, "ERR MAXLEN can't be negative", &o->most);
  command_fail(c, COMMAND_SYNTAX);
  return false;
}

/* Looks through the list; answers each position found when `answers`. Returns how many there are. */
static uint64_t list_search_run(command_call *c, const list_search *o, list_iter *it, bool answers) {
  bool back = o->rank < 0;
  uint64_t skip = (uint64_t)(back ? -o->rank : o->rank) - 1, found = 0;
  uint64_t wanted = o->count > 0 ? (uint64_t)o->count : o->count == 0 ? UINT64_MAX : 1;
  uint64_t most = o->most != 0 && (uint64_t)o->most < o->len ? (uint64_t)o->most : o->len;
  list_iter_seek(it, back ? o->len - 1 : 0, back);
  for (uint64_t i = 0; i < most && found < wanted; i++) {
    if (!list_iter_match(it, &o->key)) continue;
    if (skip != 0) {
      skip--;
      continue;
    }
    found++;
    if (answers) sink_integer(c->out, (int64_t)(back ? o->len - 1 - i : i));
  }
  return found;
}

void cmd_lpos(command_call *c) {
  list_search o = {1, -1, 0, 0, {NULL, 0, false, 0}};
  for (size_t i = 3; i < c->argc; i += 2)
    if (!list_search_option(c, &c->argv[i], i + 1 < c->argc ? &c->argv[i + 1] : NULL, &o)) return;
  list_iter it;
  kevy_status status = list_open(c->store, c->argv[1].as.ptr, c->argv[1].len, &it, &o.len);
  if (status < 0) {
    command_error(c, status);
    return;
  }
  kevy_value item = list_name(c, 2);
  o.key = packed_key_of(&item, NULL);
  uint64_t found = status == KEVY_OK ? list_search_run(c, &o, &it, false) : 0;
  if (o.count >= 0) sink_array(c->out, (size_t)found);
  else if (found == 0) sink_nil(c->out);
  if (found != 0) list_search_run(c, &o, &it, true);
}

/* ---- Changing in the middle ----------------------------------------------------------------------- */

void cmd_lset(command_call *c) {
  uint64_t len;
  int64_t index;
  const char *key = c->argv[1].as.ptr;
  size_t klen = c->argv[1].len;
  kevy_status status = list_len(c->store, key, klen, &len);
  if (status == KEVY_MISSING) {
    command_fail(c, "ERR no such key");
    return;
  }
  if (status == KEVY_OK && !command_int(c, &c->argv[2], &index)) return;
  kevy_value item = command_value(c, 3);
  if (status == KEVY_OK) status = list_set(c->store, key, klen, index, &item);
  if (status == KEVY_ERANGE) command_fail(c, "ERR index out of range");
  else list_answer_ok(c, status);
}

void cmd_ltrim(command_call *c) {
  int64_t first, last;
  if (!command_int(c, &c->argv[2], &first) || !command_int(c, &c->argv[3], &last)) return;
  kevy_status status = list_trim(c->store, c->argv[1].as.ptr, c->argv[1].len, first, last);
  if (status == KEVY_OK) session_touch(c->store, &c->argv[1]);
  list_answer_ok(c, status);
}

void cmd_lrem(command_call *c) {
  int64_t count;
  uint64_t removed;
  if (!list_int_signed(c, &c->argv[2], &count)) return;
  kevy_value item = list_name(c, 3);
  kevy_status status = list_remove(c->store, c->argv[1].as.ptr, c->argv[1].len, count, &item, &removed);
  list_answer_number(c, status, removed);
}

void cmd_linsert(command_call *c) {
  bool before = command_is(&c->argv[2], "BEFORE");
  if (!before && !command_is(&c->argv[2], "AFTER")) {
    command_fail(c, COMMAND_SYNTAX);
    return;
  }
  uint64_t length = 0;
  kevy_value pivot = list_name(c, 3), item = command_value(c, 4);
  kevy_status status = list_insert(c->store, c->argv[1].as.ptr, c->argv[1].len, before, &pivot, &item, &length);
  if (status == KEVY_UNMET) sink_integer(c->out, -1);
  else list_answer_number(c, status, length);
}

/* ---- Moving between lists -------------------------------------------------------------------------- */

/* False, and nothing answered, when there is no source. */
static bool list_move_args(command_call *c, uint32_t from, uint32_t to) {
  kevy_value key = list_name(c, 1), v;
  list_iter it;
  uint64_t count;
  if (!list_pop_opens(c, &key, from, 1, &it, &count)) return true;
  if (count == 0) return false;
  kevy_status status = list_move(c->store, key.as.ptr, key.len, from, c->argv[2].as.ptr, c->argv[2].len,
                                 to | command_key_flag(c, 2), &v);
  c->over = true;
  list_answer_value(c, status, &v);
  return true;
}

void cmd_lmove(command_call *c) {
  uint32_t from, to;
  if (list_side_of(c, 3, &from) && list_side_of(c, 4, &to) && !list_move_args(c, from, to))
    sink_nil(c->out);
}

void cmd_rpoplpush(command_call *c) {
  if (!list_move_args(c, 0, KEVY_LEFT)) sink_nil(c->out);
}
