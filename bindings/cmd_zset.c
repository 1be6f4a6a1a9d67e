/* cmd_zset.c: the handlers of the sorted-set commands that go by member, by chance or by either end.
 *
 * Order of checks and texts are Redis's. Ranges are in cmd_zset_range.c, unions and the like in
 * cmd_zset_algebra.c. */
#include "cmd_zset.h"

#include <stdlib.h>

#include "members.h"
#include "store.h"

/* ---- Arguments --------------------------------------------------------------------------------- */

#define ZSET_FEW 16
#define ZSET_NOT_POSITIVE "ERR value is out of range, must be positive"

/* An integer of this range; false, having answered the error by its text. */
static bool zset_int_within(command_call *c, const kevy_value *arg, int64_t least, const char *text, int64_t *out) {
  if (number_parse_int(arg->as.ptr, arg->len, out) && *out >= least) return true;
  command_fail(c, text);
  return false;
}

static bool zset_float(command_call *c, const kevy_value *arg, double *out) {
  if (number_parse_float(arg->as.ptr, arg->len, out)) return true;
  command_error(c, KEVY_ENOTFLOAT);
  return false;
}

/* ---- ZADD and ZINCRBY -------------------------------------------------------------------------- */

/* ZADD's words; returns where the first score is. */
static size_t zset_read_add_options(const command_call *c, uint32_t *flags, bool *incr) {
  static const struct {
    const char *word;
    uint32_t flag;
  } options[] = {{"NX", KEVY_NX}, {"XX", KEVY_XX}, {"GT", KEVY_GT}, {"LT", KEVY_LT}, {"CH", KEVY_CHANGED}};
  size_t at = 2;
  for (; at < c->argc; at++) {
    size_t i = 0, n = sizeof options / sizeof options[0];
    while (i < n && !command_is(&c->argv[at], options[i].word)) i++;
    if (i < n) *flags |= options[i].flag;
    else if (command_is(&c->argv[at], "INCR")) *incr = true;
    else break;
  }
  return at;
}

static const char *zset_add_contradiction(uint32_t flags) {
  if ((flags & KEVY_NX) && (flags & KEVY_XX)) return "ERR XX and NX options at the same time are not compatible";
  uint32_t some = flags & (KEVY_GT | KEVY_LT);
  if (some != 0 && ((flags & KEVY_NX) || some == (KEVY_GT | KEVY_LT)))
    return "ERR GT, LT, and/or NX options at the same time are not compatible";
  return NULL;
}

static void zset_answer_incr(command_call *c, size_t member, double by, uint32_t flags) {
  kevy_value m = command_value(c, member);
  double score;
  /* A key that is not there may not come to be. */
  kevy_status status = zset_incr(c->store, c->argv[1].as.ptr, c->argv[1].len, &m, by,
                                 (flags & ~KEVY_CHANGED) | command_key_flag(c, 1), &score);
  if (status == KEVY_ENAN) command_fail(c, "ERR resulting score is not a number (NaN)");
  else if (status < 0) command_error(c, status);
  else if (status == KEVY_UNMET) sink_nil(c->out);
  else sink_real(c->out, score);
}

static void zset_answer_add(command_call *c, size_t k, const kevy_value *members, const double *scores,
                            uint32_t flags) {
  uint64_t changed = 0;
  kevy_status status = zset_add(c->store, c->argv[1].as.ptr, c->argv[1].len, k, members, scores,
                                flags | command_key_flag(c, 1), &changed);
  zset_answer_count(c, status, changed);
}

/* Reads the pairs from argument `first` on, and adds them. */
static void zset_add_pairs(command_call *c, size_t first, kevy_value *members, double *scores, uint32_t flags) {
  size_t k = (c->argc - first) / 2;
  for (size_t i = 0; i < k; i++) {
    if (!zset_float(c, &c->argv[first + 2 * i], &scores[i])) return;
    members[i] = command_value(c, first + 2 * i + 1);
  }
  zset_answer_add(c, k, members, scores, flags);
}

static void zset_add_many(command_call *c, size_t first, uint32_t flags) {
  size_t k = (c->argc - first) / 2;
  kevy_value few[ZSET_FEW], *members = few;
  double few_scores[ZSET_FEW], *scores = few_scores;
  if (k > ZSET_FEW) {
    members = k <= SIZE_MAX / (sizeof *members + sizeof *scores) ? malloc(k * (sizeof *members + sizeof *scores)) : NULL;
    if (members == NULL) {
      command_error(c, KEVY_EOOM);
      return;
    }
    scores = (double *)(void *)(members + k);
  }
  zset_add_pairs(c, first, members, scores, flags);
  if (members != few) free(members);
}

void cmd_zadd(command_call *c) {
  uint32_t flags = 0;
  bool incr = false;
  size_t first = zset_read_add_options(c, &flags, &incr), left = c->argc - first;
  const char *wrong = zset_add_contradiction(flags);
  double by;
  if (left == 0 || left % 2 != 0) command_fail(c, COMMAND_SYNTAX);
  else if (wrong != NULL) command_fail(c, wrong);
  else if (incr && left > 2) command_fail(c, "ERR INCR option supports a single increment-element pair");
  else if (!incr) zset_add_many(c, first, flags);
  else if (zset_float(c, &c->argv[first], &by)) zset_answer_incr(c, first + 1, by, flags);
}

void cmd_zincrby(command_call *c) {
  double by;
  if (zset_float(c, &c->argv[2], &by)) zset_answer_incr(c, 3, by, 0);
}

/* ---- Members ----------------------------------------------------------------------------------- */

void cmd_zrem(command_call *c) {
  size_t k = c->argc - 2;
  kevy_value few[ZSET_FEW], *members = few;
  if (k > ZSET_FEW) members = k <= SIZE_MAX / sizeof *members ? malloc(k * sizeof *members) : NULL;
  uint64_t removed = 0;
  kevy_status status = KEVY_EOOM;
  if (members != NULL) {
    for (size_t i = 0; i < k; i++) members[i] = kevy_bytes(c->argv[2 + i].as.ptr, c->argv[2 + i].len);
    status = zset_remove(c->store, c->argv[1].as.ptr, c->argv[1].len, k, members, &removed);
  }
  zset_answer_count(c, status, removed);
  if (members != few) free(members);
}

static void zset_answer_score(command_call *c, const zset_view *v, size_t member) {
  kevy_value m = kevy_bytes(c->argv[member].as.ptr, c->argv[member].len);
  double score;
  if (zset_view_score(v, &m, &score) == KEVY_OK) sink_real(c->out, score);
  else sink_nil(c->out);
}

void cmd_zscore(command_call *c) {
  zset_view v;
  if (zset_open(c, 1, &v)) zset_answer_score(c, &v, 2);
}

void cmd_zmscore(command_call *c) {
  zset_view v;
  if (!zset_open(c, 1, &v)) return;
  sink_array(c->out, c->argc - 2);
  for (size_t i = 2; i < c->argc; i++) zset_answer_score(c, &v, i);
}

void cmd_zcard(command_call *c) {
  uint64_t count = 0;
  kevy_status status = zset_count(c->store, c->argv[1].as.ptr, c->argv[1].len, &count);
  zset_answer_count(c, status, count);
}

static void zset_answer_rank(command_call *c, uint32_t flags) {
  if (c->argc > 4) {
    command_fail_arity(c);
    return;
  }
  bool with_score = c->argc == 4;
  if (with_score && !command_is(&c->argv[3], "WITHSCORE")) {
    command_fail(c, COMMAND_SYNTAX);
    return;
  }
  kevy_value member = kevy_bytes(c->argv[2].as.ptr, c->argv[2].len);
  uint64_t rank;
  double score;
  kevy_status status = zset_rank(c->store, c->argv[1].as.ptr, c->argv[1].len, &member, flags, &rank, &score);
  if (status < 0) {
    command_error(c, status);
  } else if (status == KEVY_MISSING) {
    if (with_score) sink_nil_array(c->out);
    else sink_nil(c->out);
  } else {
    if (with_score) sink_array(c->out, 2);
    sink_integer(c->out, (int64_t)rank);
    if (with_score) sink_real(c->out, score);
  }
}

void cmd_zrank(command_call *c) { zset_answer_rank(c, 0); }
void cmd_zrevrank(command_call *c) { zset_answer_rank(c, KEVY_REV); }

/* ---- Popping ----------------------------------------------------------------------------------- */

static void zset_walk_end(zset_walk *w, const zset_view *v, uint64_t k, bool max) {
  zset_walk_begin(w, v, max ? v->count - 1 : 0, k, max);
}

/* What the answer takes at most, before anything is taken out. */
static bool zset_pop_fits(command_call *c, const zset_view *v, uint64_t k, bool max) {
  size_t bytes = 64 + 2 * c->argv[1].len;
  zset_walk w;
  kevy_value member;
  double score;
  zset_walk_end(&w, v, k, max);
  while (zset_walk_next(&w, &member, &score)) bytes += 160 + member.len;
  if (sink_room(c->out, bytes)) return true;
  command_error(c, KEVY_EOOM);
  return false;
}

static void zset_pop_remove(command_call *c, probe *p, const zset_view *v, uint64_t k, bool max) {
  (void)zset_remove_range(c->store, p, v, max ? v->count - k : 0, max ? v->count : k);
}

/* ZPOPMIN without a count: the one member and its score, in protocol 3, too, side by side. */
static void zset_answer_popped(command_call *c, zset_walk *w) {
  kevy_value member;
  double score;
  sink_array(c->out, 2);
  zset_walk_next(w, &member, &score);
  sink_bulk(c->out, &member);
  sink_real(c->out, score);
}

static void zset_pop(command_call *c, bool max) {
  int64_t count = 1;
  if (c->argc > 3) {
    command_fail(c, COMMAND_SYNTAX);
    return;
  }
  if (c->argc == 3 && !zset_int_within(c, &c->argv[2], 0, ZSET_NOT_POSITIVE, &count)) return;
  probe p;
  zset_view v;
  kevy_status status = zset_open_write(c->store, &p, c->argv[1].as.ptr, c->argv[1].len, &v);
  uint64_t k = (uint64_t)count < v.count ? (uint64_t)count : v.count;
  if (status < 0) {
    command_error(c, status);
  } else if (k == 0) {
    sink_array(c->out, 0);
  } else if (zset_pop_fits(c, &v, k, max)) {
    zset_walk w;
    zset_walk_end(&w, &v, k, max);
    if (c->argc == 3) zset_answer_walk(c, &w, true);
    else zset_answer_popped(c, &w);
    zset_pop_remove(c, &p, &v, k, max);
  }
}

void cmd_zpopmin(command_call *c) { zset_pop(c, false); }
void cmd_zpopmax(command_call *c) { zset_pop(c, true); }

/* The key, and its k first or last elements, each an array. */
static void zset_answer_mpop(command_call *c, const kevy_value *key, const zset_view *v, uint64_t k, bool max) {
  zset_walk w;
  kevy_value member;
  double score;
  sink_array(c->out, 2);
  sink_bytes(c->out, key->as.ptr, key->len);
  sink_array(c->out, (size_t)k);
  zset_walk_end(&w, v, k, max);
  while (zset_walk_next(&w, &member, &score)) {
    sink_array(c->out, 2);
    sink_bulk(c->out, &member);
    sink_real(c->out, score);
  }
}

/* From the first of the keys that is there; false, and nothing answered, when none is. */
static bool zset_mpop(command_call *c, size_t first, size_t keys, uint64_t count, bool max) {
  for (size_t i = first; i < first + keys; i++) {
    const kevy_value *key = &c->argv[i];
    probe p;
    zset_view v;
    kevy_status status = zset_open_write(c->store, &p, key->as.ptr, key->len, &v);
    if (status == KEVY_MISSING) continue;
    uint64_t k = count < v.count ? count : v.count;
    if (status < 0) {
      command_error(c, status);
    } else if (zset_pop_fits(c, &v, k, max)) {
      zset_answer_mpop(c, key, &v, k, max);
      zset_pop_remove(c, &p, &v, k, max);
    }
    return true;
  }
  return false;
}

/* numkeys, keys, MIN or MAX, COUNT and its number, from argument `at` on. False, having answered the error. */
static bool zset_read_mpop(command_call *c, size_t at, int64_t *keys, bool *max, int64_t *count) {
  if (!zset_int_within(c, &c->argv[at], 1, "ERR numkeys should be greater than 0", keys)) return false;
  const kevy_value *where = (uint64_t)*keys < c->argc - at - 1 ? &c->argv[at + 1 + (size_t)*keys] : NULL;
  if (where == NULL || (!command_is(where, "MIN") && !command_is(where, "MAX"))) {
    command_fail(c, COMMAND_SYNTAX);
    return false;
  }
  *max = command_is(where, "MAX");
  *count = -1;
  for (size_t i = at + 2 + (size_t)*keys; i < c->argc; i += 2) {
    if (*count != -1 || !command_is(&c->argv[i], "COUNT") || i + 1 == c->argc) {
      command_fail(c, COMMAND_SYNTAX);
      return false;
    }
    if (!zset_int_within(c, &c->argv[i + 1], 1, "ERR count should be greater than 0", count)) return false;
  }
  if (*count == -1) *count = 1;
  return true;
}

void cmd_zmpop(command_call *c) {
  int64_t keys, count;
  bool max;
  if (zset_read_mpop(c, 1, &keys, &max, &count) && !zset_mpop(c, 2, (size_t)keys, (uint64_t)count, max))
    sink_nil_array(c->out);
}

/* ---- ZRANDMEMBER ------------------------------------------------------------------------------- */

static void zset_answer_at(command_call *c, const zset_view *v, uint64_t position, bool with_score) {
  zset_walk w;
  kevy_value member;
  double score;
  zset_walk_begin(&w, v, position, 1, false);
  if (zset_walk_next(&w, &member, &score)) zset_answer_element(c, &member, score, with_score);
}

/* k elements, each drawn from the whole set. */
static void zset_answer_drawn(command_call *c, const zset_view *v, uint64_t k, bool with_scores) {
  if (v->count == 0) k = 0;
  if (k > SIZE_MAX / 64 || !sink_room(c->out, (size_t)k * 8)) {
    command_error(c, KEVY_EOOM);
    return;
  }
  zset_answer_start(c, k, with_scores);
  for (; k > 0; k--) zset_answer_at(c, v, members_below(c->store, v->count), with_scores);
}

/* k different elements of more, by selection: in order, in time that the count bounds. */
static void zset_answer_selected(command_call *c, const zset_view *v, uint64_t k, bool with_scores) {
  members_sampler m = {v->count, k};
  zset_walk w;
  kevy_value member;
  double score;
  zset_walk_begin(&w, v, 0, v->count, false);
  while (m.need != 0 && zset_walk_next(&w, &member, &score)) {
    if (members_take(c->store, &m)) zset_answer_element(c, &member, score, with_scores);
  }
}

/* k different elements, few among many: positions are drawn until they differ. */
static void zset_answer_few(command_call *c, const zset_view *v, uint64_t k, bool with_scores) {
  uint64_t met[ZSET_FEW];
  for (uint64_t n = 0; n < k;) {
    uint64_t position = members_below(c->store, v->count), i = 0;
    while (i < n && met[i] != position) i++;
    if (i < n) continue;
    met[n++] = position;
    zset_answer_at(c, v, position, with_scores);
  }
}

static void zset_answer_random(command_call *c, int64_t count, bool with_scores) {
  zset_view v;
  if (!zset_open(c, 1, &v)) return;
  if (count < 0) {
    zset_answer_drawn(c, &v, (uint64_t)-count, with_scores);
    return;
  }
  uint64_t k = (uint64_t)count < v.count ? (uint64_t)count : v.count;
  zset_answer_start(c, k, with_scores);
  if (k <= ZSET_FEW && k < v.count / 4) zset_answer_few(c, &v, k, with_scores);
  else zset_answer_selected(c, &v, k, with_scores);
}

void cmd_zrandmember(command_call *c) {
  int64_t count;
  if (c->argc == 2) {
    zset_view v;
    if (!zset_open(c, 1, &v)) return;
    if (v.count == 0) sink_nil(c->out);
    else zset_answer_at(c, &v, members_below(c->store, v.count), false);
    return;
  }
  if (!command_int(c, &c->argv[2], &count)) return;
  bool with_scores = c->argc == 4;
  if (count == INT64_MIN)
    command_fail(c, "ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807");
  else if (c->argc > 4 || (with_scores && !command_is(&c->argv[3], "WITHSCORES"))) command_fail(c, COMMAND_SYNTAX);
  else if (with_scores && (count < -(INT64_MAX / 2) || count > INT64_MAX / 2))
    command_fail(c, "ERR value is out of range");
  else zset_answer_random(c, count, with_scores);
}

/* ---- ZSCAN ------------------------------------------------------------------------------------- */

/* What is scanned is counted first, then answered. */
typedef struct zset_scanned {
  const command_scan *wanted;
  sink *out; /* NULL: count */
  size_t count;
} zset_scanned;

static void zset_scan_visit(void *context, const kevy_value *member, double score) {
  zset_scanned *l = context;
  if (!command_scan_wants(l->wanted, member)) return;
  l->count++;
  if (l->out == NULL) return;
  kevy_value text = kevy_float(score);
  sink_bulk(l->out, member);
  sink_bulk(l->out, &text);
}

static void zset_answer_scan(command_call *c, const zset_view *v, uint64_t cursor) {
  command_scan wanted = {0};
  if (!command_scan_options(c, 3, false, &wanted)) return;
  zset_scanned list = {.wanted = &wanted};
  uint64_t again = cursor;
  zset_scan(v, &cursor, wanted.count, zset_scan_visit, &list);
  command_answer_cursor(c, cursor);
  sink_array(c->out, 2 * list.count);
  list.out = c->out;
  zset_scan(v, &again, wanted.count, zset_scan_visit, &list);
}

/* A missing key is answered before the options are looked at. */
void cmd_zscan(command_call *c) {
  uint64_t cursor;
  if (!command_cursor(c, &c->argv[2], &cursor)) return;
  zset_view v;
  if (!zset_open(c, 1, &v)) return;
  if (v.count != 0) {
    zset_answer_scan(c, &v, cursor);
  } else {
    command_answer_cursor(c, 0);
    sink_array(c->out, 0);
  }
}
