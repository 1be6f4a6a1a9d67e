/* cmd_zset_algebra.c: unions, intersections and differences of sorted sets, and of plain sets, whose members
 * have score 1.
 *
 * What is found is gathered in memory of the process, borrowing members from the sources, sorted, and then
 * answered or stored. The sources stay as they are meanwhile. */
#include "cmd_zset.h"

#include <math.h>
#include <stdlib.h>

#include "hashing.h"
#include "space.h"
#include "store.h"
#include "type_set.h"

typedef enum zset_operation { ZSET_UNION, ZSET_INTER, ZSET_DIFF } zset_operation;
typedef enum zset_aggregate { ZSET_SUM, ZSET_MIN, ZSET_MAX } zset_aggregate;

/* ---- Sources ----------------------------------------------------------------------------------- */

typedef struct zset_source {
  bool plain; /* a set */
  zset_view zset;
  set_view set;
  uint64_t count;
  double weight;
} zset_source;

static kevy_status zset_source_open(kevy_store *s, const kevy_value *key, zset_source *from) {
  from->weight = 1;
  from->plain = false;
  kevy_status status = zset_view_open(s, key->as.ptr, key->len, true, &from->zset);
  from->count = from->zset.count;
  if (status != KEVY_EWRONGTYPE) return status;
  from->plain = true;
  status = set_view_open(s, key->as.ptr, key->len, true, &from->set);
  from->count = from->set.count;
  return status;
}

/* KEVY_MISSING where the member is not in it. */
static kevy_status zset_source_score(const zset_source *from, const kevy_value *member, double *score) {
  if (!from->plain) return zset_view_score(&from->zset, member, score);
  bool found = false;
  *score = 1;
  if (from->count == 0) return KEVY_MISSING;
  kevy_status status = set_view_has(&from->set, 1, member, &found);
  return status < 0 ? status : found ? KEVY_OK : KEVY_MISSING;
}

typedef struct zset_source_walk {
  const zset_source *from;
  zset_walk zset;
  set_walk set;
  char digits[PACKED_NUMBER];
} zset_source_walk;

static void zset_source_begin(zset_source_walk *w, const zset_source *from) {
  w->from = from;
  if (from->plain) w->set = set_walk_begin(&from->set);
  else zset_walk_begin(&w->zset, &from->zset, 0, from->count, false);
}

static bool zset_source_next(zset_source_walk *w, kevy_value *member, double *score) {
  if (!w->from->plain) return zset_walk_next(&w->zset, member, score);
  set_item item = w->from->count != 0 ? set_walk_next(&w->set) : 0;
  if (item == 0) return false;
  set_item_value(item, member, w->digits);
  *score = 1;
  return true;
}

/* ---- What is gathered -------------------------------------------------------------------------- */

typedef struct zset_gather {
  kevy_store *s;
  zset_source *sources;
  size_t k;
  zset_aggregate aggregate;
  zset_found *found;
  size_t n;
  size_t *cells; /* of a union: indices into found, from 1; a power of two of them */
  size_t mask;
} zset_gather;

static int zset_found_compare(const void *a, const void *b) {
  const zset_found *x = a, *y = b;
  if (x->score != y->score) return x->score < y->score ? -1 : 1;
  size_t common = x->len < y->len ? x->len : y->len;
  int c = common != 0 ? memcmp(zset_found_bytes(x), zset_found_bytes(y), common) : 0;
  return c != 0 ? c : (x->len > y->len) - (x->len < y->len);
}

static double zset_weighted(const zset_source *from, double score) {
  score *= from->weight;
  return isnan(score) ? 0 : score;
}

static void zset_join_score(const zset_gather *g, double *score, double other) {
  switch (g->aggregate) {
    case ZSET_MIN: *score = other < *score ? other : *score; return;
    case ZSET_MAX: *score = other > *score ? other : *score; return;
    default:
      *score += other;
      if (isnan(*score)) *score = 0;
  }
}

/* Fewest elements first; scores are summed in that order. */
static void zset_sort_sources(zset_source *sources, size_t k) {
  for (size_t i = 1; i < k; i++) {
    zset_source moved = sources[i];
    size_t at = i;
    for (; at > 0 && sources[at - 1].count > moved.count; at--) sources[at] = sources[at - 1];
    sources[at] = moved;
  }
}

/* Room for what may be found. False: no memory. */
static bool zset_gather_room(zset_gather *g, zset_operation what) {
  uint64_t n = 0;
  for (size_t i = 0; i < (what == ZSET_UNION ? g->k : 1); i++) n += g->sources[i].count;
  if (n >= SIZE_MAX / sizeof *g->found / 2) return false;
  g->found = malloc((size_t)(n + 1) * sizeof *g->found);
  if (g->found == NULL || what != ZSET_UNION) return g->found != NULL;
  size_t cells = 16;
  while (cells < 2 * n) cells *= 2;
  g->mask = cells - 1;
  g->cells = calloc(cells, sizeof *g->cells);
  return g->cells != NULL;
}

static void zset_gather_end(zset_gather *g) {
  free(g->found);
  free(g->cells);
  free(g->sources);
}

/* ---- The three operations ---------------------------------------------------------------------- */

/* Adds the element behind those found, or to the one that has its member already. */
static void zset_unite(zset_gather *g, const kevy_value *member, double score) {
  zset_found *f = &g->found[g->n];
  zset_found_set(f, member, score);
  f->hash = hash_bytes(g->s->sp->secret, zset_found_bytes(f), f->len);
  for (size_t at = f->hash & g->mask;; at = (at + 1) & g->mask) {
    if (g->cells[at] == 0) {
      g->cells[at] = ++g->n;
      return;
    }
    zset_found *other = &g->found[g->cells[at] - 1];
    if (other->hash != f->hash || other->len != f->len ||
        memcmp(zset_found_bytes(other), zset_found_bytes(f), f->len) != 0)
      continue;
    zset_join_score(g, &other->score, score);
    return;
  }
}

static void zset_gather_union(zset_gather *g) {
  for (size_t i = 0; i < g->k; i++) {
    zset_source_walk w;
    kevy_value member;
    double score;
    zset_source_begin(&w, &g->sources[i]);
    while (zset_source_next(&w, &member, &score)) zset_unite(g, &member, zset_weighted(&g->sources[i], score));
  }
}

/* Whether all other sources have the member, and its score of all. */
static bool zset_in_all(const zset_gather *g, const kevy_value *member, double *score) {
  *score = zset_weighted(&g->sources[0], *score);
  for (size_t i = 1; i < g->k; i++) {
    double other;
    if (zset_source_score(&g->sources[i], member, &other) != KEVY_OK) return false;
    zset_join_score(g, score, other * g->sources[i].weight);
  }
  return true;
}

static bool zset_in_none(const zset_gather *g, const kevy_value *member) {
  double other;
  for (size_t i = 1; i < g->k; i++)
    if (zset_source_score(&g->sources[i], member, &other) == KEVY_OK) return false;
  return true;
}

/* Of the first source, those that belong; at most so many; NULL found: counts them only. */
static void zset_gather_first(zset_gather *g, zset_operation what, uint64_t most) {
  zset_source_walk w;
  kevy_value member;
  double score;
  zset_source_begin(&w, &g->sources[0]);
  while (g->n < most && zset_source_next(&w, &member, &score)) {
    if (what == ZSET_INTER ? !zset_in_all(g, &member, &score) : !zset_in_none(g, &member)) continue;
    if (g->found != NULL) zset_found_set(&g->found[g->n], &member, score);
    g->n++;
  }
}

static bool zset_gather_all(zset_gather *g, zset_operation what) {
  if (!zset_gather_room(g, what)) return false;
  if (what == ZSET_UNION) zset_gather_union(g);
  else zset_gather_first(g, what, UINT64_MAX);
  if (g->n > 1) qsort(g->found, g->n, sizeof *g->found, zset_found_compare);
  return true;
}

/* ---- Arguments --------------------------------------------------------------------------------- */

typedef struct zset_algebra {
  zset_operation what;
  bool store;      /* the first argument is the destination */
  bool count_only; /* ZINTERCARD */
  bool with_scores;
  int64_t limit;
} zset_algebra;

/* "ERR at least 1 input key is needed for 'zunion' command" */
static void zset_fail_no_keys(command_call *c) {
  command_text t = {0};
  command_text_add(&t, "ERR at least 1 input key is needed for '");
  command_text_add(&t, command_full_name(c->row));
  command_text_add(&t, "' command");
  command_fail_text(c, &t);
}

/* Opens the sources that argument `at` counts; false, having answered the error. */
static bool zset_open_sources(command_call *c, size_t at, zset_gather *g) {
  int64_t k;
  if (!command_int(c, &c->argv[at], &k)) return false;
  if (k < 1) {
    zset_fail_no_keys(c);
    return false;
  }
  if ((uint64_t)k > c->argc - at - 1) {
    command_fail(c, COMMAND_SYNTAX);
    return false;
  }
  g->k = (size_t)k;
  g->sources = calloc(g->k, sizeof *g->sources);
  kevy_status status = g->sources != NULL ? KEVY_OK : KEVY_EOOM;
  for (size_t i = 0; i < g->k && status >= 0; i++)
    status = zset_source_open(c->store, &c->argv[at + 1 + i], &g->sources[i]);
  if (status < 0) command_error(c, status);
  return status >= 0;
}

static bool zset_read_weights(command_call *c, size_t first, zset_gather *g) {
  for (size_t i = 0; i < g->k; i++) {
    const kevy_value *arg = &c->argv[first + i];
    if (number_parse_float(arg->as.ptr, arg->len, &g->sources[i].weight)) continue;
    command_fail(c, "ERR weight value is not a float");
    return false;
  }
  return true;
}

static bool zset_read_aggregate(const kevy_value *word, zset_aggregate *out) {
  if (command_is(word, "SUM")) *out = ZSET_SUM;
  else if (command_is(word, "MIN")) *out = ZSET_MIN;
  else if (command_is(word, "MAX")) *out = ZSET_MAX;
  else return false;
  return true;
}

/* One option at argument `at`; returns how many arguments it takes, 0 having answered the error. */
static size_t zset_algebra_option(command_call *c, size_t at, zset_algebra *a, zset_gather *g) {
  const kevy_value *word = &c->argv[at];
  size_t left = c->argc - at;
  bool scored = a->what != ZSET_DIFF && !a->count_only;
  if (scored && left > g->k && command_is(word, "WEIGHTS")) return zset_read_weights(c, at + 1, g) ? g->k + 1 : 0;
  if (scored && left > 1 && command_is(word, "AGGREGATE") && zset_read_aggregate(word + 1, &g->aggregate)) return 2;
  if (!a->store && !a->count_only && command_is(word, "WITHSCORES")) {
    a->with_scores = true;
    return 1;
  }
  if (a->count_only && left > 1 && command_is(word, "LIMIT")) {
    if (number_parse_int(word[1].as.ptr, word[1].len, &a->limit) && a->limit >= 0) return 2;
    command_fail(c, "ERR LIMIT can't be negative");
    return 0;
  }
  command_fail(c, COMMAND_SYNTAX);
  return 0;
}

static bool zset_read_algebra(command_call *c, zset_algebra *a, zset_gather *g) {
  size_t at = a->store ? 2 : 1;
  if (!zset_open_sources(c, at, g)) return false;
  at += 1 + g->k;
  while (at < c->argc) {
    size_t taken = zset_algebra_option(c, at, a, g);
    if (taken == 0) return false;
    at += taken;
  }
  if (a->what != ZSET_DIFF) zset_sort_sources(g->sources, g->k);
  return true;
}

/* ---- Answers ----------------------------------------------------------------------------------- */

static void zset_answer_found(command_call *c, const zset_gather *g, bool with_scores) {
  zset_answer_start(c, g->n, with_scores);
  for (size_t i = 0; i < g->n; i++) {
    kevy_value member = zset_found_member(&g->found[i]);
    zset_answer_element(c, &member, g->found[i].score, with_scores);
  }
}

static void zset_store_found(command_call *c, const zset_gather *g) {
  zset_pair *pairs = malloc((g->n + 1) * sizeof *pairs);
  kevy_status status = KEVY_EOOM;
  if (pairs != NULL) {
    for (size_t i = 0; i < g->n; i++) pairs[i] = (zset_pair){zset_found_member(&g->found[i]), g->found[i].score};
    status = zset_store(c->store, c->argv[1].as.ptr, c->argv[1].len, g->n, pairs, command_key_flag(c, 1));
  }
  zset_answer_count(c, status, g->n);
  free(pairs);
}

static void zset_algebra_command(command_call *c, zset_algebra a) {
  zset_gather g = {.s = c->store};
  if (zset_read_algebra(c, &a, &g)) {
    if (a.count_only) {
      zset_gather_first(&g, ZSET_INTER, a.limit != 0 ? (uint64_t)a.limit : UINT64_MAX);
      sink_integer(c->out, (int64_t)g.n);
    } else if (!zset_gather_all(&g, a.what)) {
      command_error(c, KEVY_EOOM);
    } else if (a.store) {
      zset_store_found(c, &g);
    } else {
      zset_answer_found(c, &g, a.with_scores);
    }
  }
  zset_gather_end(&g);
}

void cmd_zunion(command_call *c) { zset_algebra_command(c, (zset_algebra){.what = ZSET_UNION}); }
void cmd_zinter(command_call *c) { zset_algebra_command(c, (zset_algebra){.what = ZSET_INTER}); }
void cmd_zdiff(command_call *c) { zset_algebra_command(c, (zset_algebra){.what = ZSET_DIFF}); }
void cmd_zunionstore(command_call *c) { zset_algebra_command(c, (zset_algebra){.what = ZSET_UNION, .store = true}); }
void cmd_zinterstore(command_call *c) { zset_algebra_command(c, (zset_algebra){.what = ZSET_INTER, .store = true}); }
void cmd_zdiffstore(command_call *c) { zset_algebra_command(c, (zset_algebra){.what = ZSET_DIFF, .store = true}); }
void cmd_zintercard(command_call *c) {
  zset_algebra_command(c, (zset_algebra){.what = ZSET_INTER, .count_only = true});
}
