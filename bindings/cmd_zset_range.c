/* cmd_zset_range.c: the handlers of the sorted-set commands that go by rank, score or name.
 *
 * Every range, however it is given, becomes positions: from the first element in it to the one behind the
 * last. Reading, counting, storing and removing are the same for all from there on. */
#include "cmd_zset.h"

#include <math.h>
#include <stdlib.h>

/* ---- Ranges as they are given ------------------------------------------------------------------ */

typedef enum zset_range_by { ZRANGE_BY_RANK, ZRANGE_BY_SCORE, ZRANGE_BY_NAME, ZRANGE_BY_OPTION } zset_range_by;

typedef struct zset_range {
  zset_range_by by;
  bool reverse;
  int64_t first, last; /* ranks */
  zset_cut from, to;
} zset_range;

/* A score, exclusive behind a parenthesis, as strtod reads it: behind spaces, up to a zero byte, and nothing
 * at all as 0. */
static bool zset_read_score(const kevy_value *arg, bool low, zset_cut *cut) {
  const char *ptr = arg->as.ptr;
  size_t len = strnlen(ptr, arg->len);
  bool without = len > 0 && *ptr == '(';
  ptr += without;
  len -= without;
  double score;
  bool lost;
  if (!number_parse_loose(ptr, len, &score, &lost)) return false;
  *cut = (zset_cut){.by = ZSET_BY_SCORE, .behind = without == low, .score = zset_order_of(score)};
  return true;
}

/* -, +, [name or (name. */
static bool zset_read_name(const kevy_value *arg, bool low, zset_cut *cut) {
  const char *ptr = arg->as.ptr;
  size_t len = arg->len;
  if (len == 0) return false;
  *cut = (zset_cut){.by = ZSET_BY_END, .ptr = ptr + 1, .len = len - 1};
  if (*ptr == '-' || *ptr == '+') {
    cut->behind = *ptr == '+';
    return len == 1 || ptr[1] == '\0';
  }
  if (*ptr != '(' && *ptr != '[') return false;
  cut->by = ZSET_BY_MEMBER;
  cut->behind = (*ptr == '(') == low;
  return true;
}

/* Reads the two ends of a range; false, having answered the error. */
static bool zset_read_range(command_call *c, size_t low, size_t high, zset_range *r) {
  const kevy_value *a = &c->argv[low], *b = &c->argv[high];
  switch (r->by) {
    case ZRANGE_BY_RANK: return command_int(c, a, &r->first) && command_int(c, b, &r->last);
    case ZRANGE_BY_SCORE:
      if (zset_read_score(a, true, &r->from) && zset_read_score(b, false, &r->to)) return true;
      command_fail(c, "ERR min or max is not a float");
      return false;
    default:
      if (zset_read_name(a, true, &r->from) && zset_read_name(b, false, &r->to)) return true;
      command_fail(c, "ERR min or max not valid string range item");
      return false;
  }
}

/* Ranks count from the end where they are negative, and from the highest when reverse. */
static void zset_range_of_ranks(const zset_view *v, const zset_range *r, uint64_t *first, uint64_t *end) {
  int64_t count = (int64_t)v->count, a = r->first, b = r->last;
  if (a < 0) a = a + count < 0 ? 0 : a + count;
  if (b < 0) b += count;
  if (b >= count) b = count - 1;
  *first = *end = 0;
  if (a > b || a >= count) return;
  *first = (uint64_t)(r->reverse ? count - 1 - b : a);
  *end = *first + (uint64_t)(b - a) + 1;
}

/* The positions of a range: *first to before *end. */
static void zset_range_positions(const zset_view *v, const zset_range *r, uint64_t *first, uint64_t *end) {
  if (r->by == ZRANGE_BY_RANK) {
    zset_range_of_ranks(v, r, first, end);
    return;
  }
  *first = zset_view_before(v, r->from);
  *end = zset_view_before(v, r->to);
  if (*end < *first) *end = *first;
}

/* ---- ZRANGE and its relatives ------------------------------------------------------------------ */

typedef struct zset_range_options {
  bool with_scores;
  int64_t offset, limit; /* -1 is none */
} zset_range_options;

/* One option at argument *at; false when it is none. *wrong: the error is answered. */
static bool zset_range_option(command_call *c, size_t *at, bool store, bool choose_reverse, zset_range *r,
                              zset_range_options *o, bool *wrong) {
  const kevy_value *word = &c->argv[*at];
  if (!store && command_is(word, "WITHSCORES")) {
    o->with_scores = true;
  } else if (command_is(word, "LIMIT") && c->argc - *at > 2) {
    *wrong = !command_int(c, word + 1, &o->offset) || !command_int(c, word + 2, &o->limit);
    *at += 2;
  } else if (choose_reverse && !r->reverse && command_is(word, "REV")) {
    r->reverse = true;
  } else if (r->by == ZRANGE_BY_OPTION && command_is(word, "BYLEX")) {
    r->by = ZRANGE_BY_NAME;
  } else if (r->by == ZRANGE_BY_OPTION && command_is(word, "BYSCORE")) {
    r->by = ZRANGE_BY_SCORE;
  } else {
    return false;
  }
  return true;
}

/* The options behind the range at argument `low`; false, having answered the error. */
static bool zset_read_range_options(command_call *c, size_t low, bool store, bool choose_reverse, zset_range *r,
                                    zset_range_options *o) {
  bool wrong = false;
  for (size_t at = low + 2; at < c->argc; at++) {
    if (!zset_range_option(c, &at, store, choose_reverse, r, o, &wrong)) {
      command_fail(c, COMMAND_SYNTAX);
      return false;
    }
    if (wrong) return false;
  }
  if (r->by == ZRANGE_BY_OPTION) r->by = ZRANGE_BY_RANK;
  if (o->limit != -1 && r->by == ZRANGE_BY_RANK) {
    command_fail(c, "ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX");
    return false;
  }
  if (o->with_scores && r->by == ZRANGE_BY_NAME) {
    command_fail(c, "ERR syntax error, WITHSCORES not supported in combination with BYLEX");
    return false;
  }
  return true;
}

/* Narrows positions to what offset and limit leave, seen from the end that comes first. */
static void zset_limit_range(const zset_range_options *o, bool reverse, uint64_t *first, uint64_t *end) {
  uint64_t n = *end - *first, skip = o->offset < 0 || (uint64_t)o->offset > n ? n : (uint64_t)o->offset;
  n -= skip;
  if (o->limit >= 0 && (uint64_t)o->limit < n) n = (uint64_t)o->limit;
  if (reverse) *first = *end - skip - n;
  else *first += skip;
  *end = *first + n;
}

/* Copies the elements of a walk to another key. */
static kevy_status zset_store_walk(command_call *c, zset_walk *w, uint64_t n) {
  zset_pair few[8], *pairs = few;
  if (n > 8) pairs = n <= SIZE_MAX / (sizeof *pairs + PACKED_NUMBER) ? malloc(n * (sizeof *pairs + PACKED_NUMBER)) : NULL;
  if (pairs == NULL) return KEVY_EOOM;
  char few_digits[8 * PACKED_NUMBER], *digits = pairs != few ? (char *)(pairs + n) : few_digits;
  for (zset_pair *p = pairs; zset_walk_next(w, &p->member, &p->score); p++) {
    if (p->member.as.ptr != w->digits || p->member.kind == KEVY_INT) continue;
    memcpy(digits, w->digits, PACKED_NUMBER);
    p->member.as.ptr = digits;
    digits += PACKED_NUMBER;
  }
  kevy_status status = zset_store(c->store, c->argv[1].as.ptr, c->argv[1].len, n, pairs, command_key_flag(c, 1));
  if (pairs != few) free(pairs);
  return status;
}

/* ZRANGE and all that read a range: the key's argument, by what, from which end. */
static void zset_range_command(command_call *c, size_t key, bool store, zset_range_by by, bool reverse,
                               bool choose_reverse) {
  zset_range r = {.by = by, .reverse = reverse};
  zset_range_options o = {false, 0, -1};
  if (!zset_read_range_options(c, key + 1, store, choose_reverse, &r, &o)) return;
  bool swapped = r.reverse && r.by != ZRANGE_BY_RANK;
  if (!zset_read_range(c, key + (swapped ? 2 : 1), key + (swapped ? 1 : 2), &r)) return;
  zset_view v;
  if (!zset_open(c, key, &v)) return;
  uint64_t first, end;
  zset_range_positions(&v, &r, &first, &end);
  if (r.by != ZRANGE_BY_RANK) zset_limit_range(&o, r.reverse, &first, &end);
  zset_walk w;
  zset_walk_begin(&w, &v, r.reverse && end != first ? end - 1 : first, end - first, r.reverse);
  if (store) zset_answer_count(c, zset_store_walk(c, &w, end - first), end - first);
  else zset_answer_walk(c, &w, o.with_scores);
}

void cmd_zrange(command_call *c) { zset_range_command(c, 1, false, ZRANGE_BY_OPTION, false, true); }
void cmd_zrangestore(command_call *c) { zset_range_command(c, 2, true, ZRANGE_BY_OPTION, false, true); }
void cmd_zrevrange(command_call *c) { zset_range_command(c, 1, false, ZRANGE_BY_RANK, true, false); }
void cmd_zrangebyscore(command_call *c) { zset_range_command(c, 1, false, ZRANGE_BY_SCORE, false, false); }
void cmd_zrevrangebyscore(command_call *c) { zset_range_command(c, 1, false, ZRANGE_BY_SCORE, true, false); }
void cmd_zrangebylex(command_call *c) { zset_range_command(c, 1, false, ZRANGE_BY_NAME, false, false); }
void cmd_zrevrangebylex(command_call *c) { zset_range_command(c, 1, false, ZRANGE_BY_NAME, true, false); }

/* ---- Counting and removing --------------------------------------------------------------------- */

static void zset_count_range(command_call *c, zset_range_by by) {
  zset_range r = {.by = by};
  zset_view v;
  uint64_t first, end;
  if (!zset_read_range(c, 2, 3, &r) || !zset_open(c, 1, &v)) return;
  zset_range_positions(&v, &r, &first, &end);
  sink_integer(c->out, (int64_t)(end - first));
}

void cmd_zcount(command_call *c) { zset_count_range(c, ZRANGE_BY_SCORE); }
void cmd_zlexcount(command_call *c) { zset_count_range(c, ZRANGE_BY_NAME); }

static void zset_remove_by(command_call *c, zset_range_by by) {
  zset_range r = {.by = by};
  if (!zset_read_range(c, 2, 3, &r)) return;
  probe p;
  zset_view v;
  kevy_status status = zset_open_write(c->store, &p, c->argv[1].as.ptr, c->argv[1].len, &v);
  uint64_t first = 0, end = 0;
  if (status == KEVY_OK) {
    zset_range_positions(&v, &r, &first, &end);
    status = zset_remove_range(c->store, &p, &v, first, end);
  }
  zset_answer_count(c, status, end - first);
}

void cmd_zremrangebyrank(command_call *c) { zset_remove_by(c, ZRANGE_BY_RANK); }
void cmd_zremrangebyscore(command_call *c) { zset_remove_by(c, ZRANGE_BY_SCORE); }
void cmd_zremrangebylex(command_call *c) { zset_remove_by(c, ZRANGE_BY_NAME); }
