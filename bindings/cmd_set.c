/* cmd_set.c: the handlers of the set commands.
 *
 * Order of checks and texts are Redis's. What is drawn or combined is found first and borrowed, then answered;
 * nothing is written to the store in between, and SPOP takes out what it has answered. */
#include "command.h"
#include "propagate.h"

#include <stdlib.h>

#include "set_algebra.h"
#include "store.h"
#include "type_set.h"

/* ---- Answers --------------------------------------------------------------------------------- */

static void set_answer_item(command_call *c, set_item item) {
  char digits[PACKED_NUMBER];
  kevy_value v;
  set_item_value(item, &v, digits);
  sink_bulk(c->out, &v);
}

static void set_answer_count(command_call *c, kevy_status status, uint64_t count) {
  if (status < 0) command_error(c, status);
  else sink_integer(c->out, (int64_t)count);
}

static void set_answer_whether(command_call *c, kevy_status status) {
  if (status < 0) command_error(c, status);
  else sink_integer(c->out, status == KEVY_OK);
}

/* Opens the set under the first key; false, having answered the error. */
static bool set_open(command_call *c, set_view *v) {
  kevy_status status = set_view_open(c->store, c->argv[1].as.ptr, c->argv[1].len, false, v);
  if (status < 0) command_error(c, status);
  return status >= 0;
}

/* ---- Members --------------------------------------------------------------------------------- */

#define SET_FEW 16

/* The arguments from first on as members; few, or malloc's. NULL: no memory. */
static kevy_value *set_members(const command_call *c, size_t first, kevy_value few[SET_FEW]) {
  size_t k = c->argc - first;
  kevy_value *members = few;
  if (k > SET_FEW) members = k <= SIZE_MAX / sizeof *members ? malloc(k * sizeof *members) : NULL;
  for (size_t i = 0; i < k && members != NULL; i++) members[i] = command_value(c, first + i);
  return members;
}

/* SADD and SREM. */
static void set_change(command_call *c, bool add) {
  kevy_value few[SET_FEW], *members = set_members(c, 2, few);
  const kevy_value *key = &c->argv[1];
  uint64_t count = 0;
  kevy_status status = KEVY_EOOM;
  if (members != NULL)
    status = add ? set_add(c->store, key->as.ptr, key->len, c->argc - 2, members, command_key_flag(c, 1), &count)
                 : set_remove(c->store, key->as.ptr, key->len, c->argc - 2, members, &count);
  set_answer_count(c, status, count);
  if (members != few) free(members);
}

void cmd_sadd(command_call *c) { set_change(c, true); }
void cmd_srem(command_call *c) { set_change(c, false); }

void cmd_sismember(command_call *c) {
  kevy_value member = command_value(c, 2);
  set_answer_whether(c, set_has(c->store, c->argv[1].as.ptr, c->argv[1].len, &member));
}

static void set_answer_found(command_call *c, const set_view *v, const kevy_value *members, bool *found) {
  size_t k = c->argc - 2;
  kevy_status status = set_view_has(v, k, members, found);
  if (status != KEVY_OK) {
    command_error(c, status);
    return;
  }
  sink_array(c->out, k);
  for (size_t i = 0; i < k; i++) sink_integer(c->out, found[i]);
}

void cmd_smismember(command_call *c) {
  set_view v;
  if (!set_open(c, &v)) return;
  kevy_value few[SET_FEW], *members = set_members(c, 2, few);
  bool few_found[SET_FEW], *found = members != few ? malloc(c->argc) : few_found;
  if (members != NULL && found != NULL) set_answer_found(c, &v, members, found);
  else command_error(c, KEVY_EOOM);
  if (members != few) free(members);
  if (found != few_found) free(found);
}

void cmd_scard(command_call *c) {
  uint64_t count = 0;
  kevy_status status = set_count(c->store, c->argv[1].as.ptr, c->argv[1].len, &count);
  set_answer_count(c, status, count);
}

void cmd_smembers(command_call *c) {
  set_view v;
  if (!set_open(c, &v)) return;
  sink_set(c->out, v.count);
  set_walk w = set_walk_begin(&v);
  for (set_item item; (item = set_walk_next(&w)) != 0;) set_answer_item(c, item);
}

/* A missing source is looked at before the destination's type, and a wrong type before the member. */
void cmd_smove(command_call *c) {
  kevy_value member = command_value(c, 3);
  set_answer_whether(c, set_move(c->store, c->argv[1].as.ptr, c->argv[1].len, c->argv[2].as.ptr,
                                 c->argv[2].len, &member, command_key_flag(c, 2)));
}

/* ---- Chance ---------------------------------------------------------------------------------- */

#define SET_NOT_POSITIVE "ERR value is out of range, must be positive"

/* What the answer takes at most, before anything is taken out. */
static bool set_pick_fits(command_call *c, const set_pick *pick) {
  size_t bytes = 0;
  for (uint64_t i = 0; i < pick->count; i++) {
    char digits[PACKED_NUMBER];
    kevy_value v;
    set_item_value(pick->items[i], &v, digits);
    bytes += 48 + v.len;
  }
  return sink_room(c->out, bytes);
}

static void set_answer_pick(command_call *c, const set_pick *pick) {
  for (uint64_t i = 0; i < pick->count; i++) set_answer_item(c, pick->items[i]);
}

static kevy_value set_picked(void *context, size_t i, char *digits) {
  const set_pick *pick = context;
  kevy_value v;
  set_item_value(pick->items[i], &v, digits);
  return v;
}

/* SPOP's and SRANDMEMBER's members; without a count, one or nil. */
static void set_answer_picked(command_call *c, uint64_t n, bool counted, bool pop) {
  set_pick pick;
  kevy_status status = set_pick_begin(c->store, &pick, c->argv[1].as.ptr, c->argv[1].len, n, pop);
  if (status >= 0 && pop && !set_pick_fits(c, &pick)) status = KEVY_EOOM;
  if (status < 0) {
    command_error(c, status);
  } else if (!counted && pick.count == 0) {
    sink_nil(c->out);
  } else {
    if (counted && pop) sink_set(c->out, pick.count);
    else if (counted) sink_array(c->out, pick.count);
    set_answer_pick(c, &pick);
    if (pop) propagate_members(c, "SREM", pick.count, set_picked, &pick);
    if (pop) set_pick_remove(c->store, &pick);
  }
  set_pick_end(&pick);
}

void cmd_spop(command_call *c) {
  int64_t n = 1;
  if (c->argc > 3) command_fail(c, COMMAND_SYNTAX);
  else if (c->argc == 3 && (!number_parse_int(c->argv[2].as.ptr, c->argv[2].len, &n) || n < 0))
    command_fail(c, SET_NOT_POSITIVE);
  else set_answer_picked(c, (uint64_t)n, c->argc == 3, true);
}

#define SET_DRAWS_MAX (UINT64_C(1) << 32) /* more than an answer holds */

/* With a negative count: so many, each drawn from the whole set. */
static void set_answer_drawn(command_call *c, uint64_t n) {
  set_view v;
  if (!set_open(c, &v)) return;
  if (v.count == 0) n = 0;
  if (n > SET_DRAWS_MAX || !sink_room(c->out, (size_t)n * 8)) {
    command_error(c, KEVY_EOOM);
    return;
  }
  sink_array(c->out, (size_t)n);
  for (; n > 0; n--) set_answer_item(c, set_random(c->store, &v));
}

void cmd_srandmember(command_call *c) {
  int64_t n = 1;
  if (c->argc > 3) command_fail(c, COMMAND_SYNTAX);
  else if (c->argc == 3 && !command_int(c, &c->argv[2], &n)) return;
  else if (n == INT64_MIN)
    command_fail(c, "ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807");
  else if (n < 0) set_answer_drawn(c, (uint64_t)-n);
  else set_answer_picked(c, (uint64_t)n, c->argc == 3, false);
}

/* ---- Algebra --------------------------------------------------------------------------------- */

static void set_answer_combined(command_call *c, set_operation what) {
  set_result r;
  kevy_status status = set_combine(c->store, what, c->argc - 1, c->argv + 1, &r);
  if (status < 0) {
    command_error(c, status);
  } else {
    sink_set(c->out, r.count);
    for (uint64_t i = 0; i < r.count; i++) set_answer_item(c, r.items[i]);
  }
  set_result_end(&r);
}

void cmd_sinter(command_call *c) { set_answer_combined(c, SET_INTER); }
void cmd_sunion(command_call *c) { set_answer_combined(c, SET_UNION); }
void cmd_sdiff(command_call *c) { set_answer_combined(c, SET_DIFF); }

static void set_store_combined(command_call *c, set_operation what) {
  uint64_t count = 0;
  kevy_status status = set_combine_into(c->store, what, c->argv[1].as.ptr, c->argv[1].len, c->argc - 2,
                                        c->argv + 2, command_key_flag(c, 1), &count);
  set_answer_count(c, status, count);
}

void cmd_sinterstore(command_call *c) { set_store_combined(c, SET_INTER); }
void cmd_sunionstore(command_call *c) { set_store_combined(c, SET_UNION); }
void cmd_sdiffstore(command_call *c) { set_store_combined(c, SET_DIFF); }

/* LIMIT n, any number of times; 0 is none. False, having answered the error. */
static bool set_limit(command_call *c, size_t first, int64_t *limit) {
  for (size_t i = first; i < c->argc; i += 2) {
    if (i + 1 == c->argc || !command_is(&c->argv[i], "LIMIT")) {
      command_fail(c, COMMAND_SYNTAX);
      return false;
    }
    if (!number_parse_int(c->argv[i + 1].as.ptr, c->argv[i + 1].len, limit) || *limit < 0) {
      command_fail(c, "ERR LIMIT can't be negative");
      return false;
    }
  }
  return true;
}

void cmd_sintercard(command_call *c) {
  int64_t k, limit = 0;
  uint64_t count = 0;
  if (!number_parse_int(c->argv[1].as.ptr, c->argv[1].len, &k) || k < 1) {
    command_fail(c, "ERR numkeys should be greater than 0");
  } else if ((uint64_t)k > c->argc - 2) {
    command_fail(c, "ERR Number of keys can't be greater than number of args");
  } else if (set_limit(c, 2 + (size_t)k, &limit)) {
    kevy_status status =
        set_common(c->store, (size_t)k, c->argv + 2, limit != 0 ? (uint64_t)limit : UINT64_MAX, &count);
    set_answer_count(c, status, count);
  }
}

/* ---- SSCAN ----------------------------------------------------------------------------------- */

typedef struct set_scanned {
  const command_scan *wanted;
  set_item *items;
  size_t count, room;
  bool failed; /* memory ran out */
} set_scanned;

static void set_scan_visit(void *context, set_item item) {
  set_scanned *l = context;
  char digits[PACKED_NUMBER];
  kevy_value v;
  set_item_value(item, &v, digits);
  if (l->failed || !command_scan_wants(l->wanted, &v)) return;
  if (l->count == l->room) {
    size_t room = l->room < 32 ? 32 : l->room * 2;
    set_item *items = room <= SIZE_MAX / sizeof *items ? realloc(l->items, room * sizeof *items) : NULL;
    if (items == NULL) {
      l->failed = true;
      return;
    }
    l->items = items;
    l->room = room;
  }
  l->items[l->count++] = item;
}

static void set_answer_scan(command_call *c, const set_view *v, uint64_t cursor) {
  command_scan wanted = {0};
  if (!command_scan_options(c, 3, false, &wanted)) return;
  set_scanned list = {.wanted = &wanted};
  set_scan(v, &cursor, wanted.count, set_scan_visit, &list);
  if (list.failed) {
    command_error(c, KEVY_EOOM);
  } else {
    command_answer_cursor(c, cursor);
    sink_array(c->out, list.count);
    for (size_t i = 0; i < list.count; i++) set_answer_item(c, list.items[i]);
  }
  free(list.items);
}

/* A missing key is answered before the options are looked at. */
void cmd_sscan(command_call *c) {
  uint64_t cursor;
  if (!command_cursor(c, &c->argv[2], &cursor)) return;
  set_view v;
  kevy_status status = set_view_open(c->store, c->argv[1].as.ptr, c->argv[1].len, false, &v);
  if (status < 0) {
    command_error(c, status);
  } else if (status == KEVY_MISSING) {
    command_answer_cursor(c, 0);
    sink_array(c->out, 0);
  } else {
    set_answer_scan(c, &v, cursor);
  }
}
