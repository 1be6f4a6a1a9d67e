/* cmd_geo.c: the handlers of the geo commands: sorted sets whose scores are places (geohash.h).
 *
 * All searches are one: an area, read from whichever arguments a command has for it, is covered by a few ranges of scores;
 * what lies in them and in the area is gathered in memory of the process, sorted where that is asked for, and answered or
 * stored. Order of checks, texts and digits are Redis's. */
#include "cmd_zset.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "geohash.h"

/* ---- Arguments --------------------------------------------------------------------------------- */

/* "ERR invalid longitude,latitude pair 200.000000,100.000000" */
static void geo_fail_place(command_call *c, geo_place at) {
  char numbers[700];
  command_text t = {0};
  snprintf(numbers, sizeof numbers, "%f,%f", at.longitude, at.latitude);
  command_text_add(&t, "ERR invalid longitude,latitude pair ");
  command_text_add(&t, numbers);
  command_fail_text(c, &t);
}

/* False, having answered the error. */
static bool geo_read_place(command_call *c, size_t i, geo_place *at) {
  if (!number_parse_float(c->argv[i].as.ptr, c->argv[i].len, &at->longitude) ||
      !number_parse_float(c->argv[i + 1].as.ptr, c->argv[i + 1].len, &at->latitude)) {
    command_error(c, KEVY_ENOTFLOAT);
    return false;
  }
  if (geo_on_map(*at)) return true;
  geo_fail_place(c, *at);
  return false;
}

/* How many metres a unit has; 0, having answered the error, for none. */
static double geo_read_unit(command_call *c, size_t i) {
  static const struct {
    const char *word;
    double metres;
  } units[] = {{"M", 1}, {"KM", 1000}, {"FT", 0.3048}, {"MI", 1609.34}};
  for (size_t u = 0; u < sizeof units / sizeof *units; u++)
    if (command_is(&c->argv[i], units[u].word)) return units[u].metres;
  command_fail(c, "ERR unsupported unit provided. please use M, KM, FT, MI");
  return 0;
}

/* A length in some unit; false, having answered this text. */
static bool geo_read_length(command_call *c, size_t i, const char *text, double *length) {
  if (number_parse_float(c->argv[i].as.ptr, c->argv[i].len, length)) return true;
  command_fail(c, text);
  return false;
}

/* The place of a member. */
static bool geo_place_of(const zset_view *v, const kevy_value *member, geo_place *at) {
  kevy_value m = kevy_bytes(member->as.ptr, member->len);
  double score;
  if (v->count == 0 || zset_view_score(v, &m, &score) != KEVY_OK) return false;
  *at = geo_of_score(score);
  return true;
}

/* ---- GEOADD ------------------------------------------------------------------------------------ */

/* Returns where the first place is. */
static size_t geo_read_add_options(const command_call *c, uint32_t *flags) {
  size_t at = 2;
  for (; at < c->argc; at++) {
    if (command_is(&c->argv[at], "NX")) *flags |= KEVY_NX;
    else if (command_is(&c->argv[at], "XX")) *flags |= KEVY_XX;
    else if (command_is(&c->argv[at], "CH")) *flags |= KEVY_CHANGED;
    else break;
  }
  return at;
}

static void geo_add_places(command_call *c, size_t first, size_t k, kevy_value *members, double *scores, uint32_t flags) {
  for (size_t i = 0; i < k; i++) {
    geo_place at;
    if (!geo_read_place(c, first + 3 * i, &at)) return;
    scores[i] = geo_score(at);
    members[i] = command_value(c, first + 3 * i + 2);
  }
  uint64_t changed = 0;
  kevy_status status = zset_add(c->store, c->argv[1].as.ptr, c->argv[1].len, k, members, scores,
                                flags | command_key_flag(c, 1), &changed);
  zset_answer_count(c, status, changed);
}

void cmd_geoadd(command_call *c) {
  uint32_t flags = 0;
  size_t first = geo_read_add_options(c, &flags), left = c->argc - first, k = left / 3;
  if (k == 0 || left % 3 != 0 || ((flags & KEVY_NX) && (flags & KEVY_XX))) {
    command_fail(c, COMMAND_SYNTAX);
    return;
  }
  size_t each = sizeof(kevy_value) + sizeof(double);
  kevy_value *members = k <= SIZE_MAX / each ? malloc(k * each) : NULL;
  if (members != NULL) geo_add_places(c, first, k, members, (double *)(void *)(members + k), flags);
  else command_error(c, KEVY_EOOM);
  free(members);
}

/* ---- Places of members ------------------------------------------------------------------------- */

static void geo_answer_degrees(command_call *c, double degrees) {
  char text[NUMBER_LONG_DOUBLE_MAX];
  sink_decimal(c->out, text, number_format_long_double(degrees, text));
}

static void geo_answer_place(command_call *c, geo_place at) {
  sink_array(c->out, 2);
  geo_answer_degrees(c, at.longitude);
  geo_answer_degrees(c, at.latitude);
}

/* Four digits behind the point. */
static void geo_answer_distance(command_call *c, double distance) {
  char text[40], digits[NUMBER_INT_MAX];
  size_t len = number_format_int(llrint(distance * 1e4), digits), at = 0;
  for (size_t zeros = len < 5 ? 5 - len : 0; at < zeros; at++) text[at] = '0';
  memcpy(text + at, digits, len);
  at += len;
  memmove(text + at - 3, text + at - 4, 4);
  text[at - 4] = '.';
  sink_bytes(c->out, text, at + 1);
}

void cmd_geopos(command_call *c) {
  zset_view v;
  geo_place at;
  if (!zset_open(c, 1, &v)) return;
  sink_array(c->out, c->argc - 2);
  for (size_t i = 2; i < c->argc; i++) {
    if (geo_place_of(&v, &c->argv[i], &at)) geo_answer_place(c, at);
    else sink_nil_array(c->out);
  }
}

void cmd_geohash(command_call *c) {
  zset_view v;
  geo_place at;
  char text[GEO_TEXT];
  if (!zset_open(c, 1, &v)) return;
  sink_array(c->out, c->argc - 2);
  for (size_t i = 2; i < c->argc; i++) {
    if (!geo_place_of(&v, &c->argv[i], &at)) {
      sink_nil(c->out);
      continue;
    }
    geo_text(at, text);
    sink_bytes(c->out, text, sizeof text);
  }
}

void cmd_geodist(command_call *c) {
  zset_view v;
  geo_place a, b;
  double unit = 1;
  if (c->argc > 5) {
    command_fail(c, COMMAND_SYNTAX);
    return;
  }
  if (c->argc == 5 && (unit = geo_read_unit(c, 4)) == 0) return;
  if (!zset_open(c, 1, &v)) return;
  if (geo_place_of(&v, &c->argv[2], &a) && geo_place_of(&v, &c->argv[3], &b))
    geo_answer_distance(c, geo_distance(a, b) / unit);
  else sink_nil(c->out);
}

/* ---- What a search asks for -------------------------------------------------------------------- */

typedef enum geo_order { GEO_UNORDERED, GEO_NEAREST, GEO_FARTHEST } geo_order;

typedef struct geo_query {
  bool search;    /* GEOSEARCH and GEOSEARCHSTORE: the area is among the options */
  bool may_store; /* GEORADIUS and GEORADIUSBYMEMBER */
  zset_view set;
  bool from_member, from_place, by_radius, by_box;
  geo_area area;
  double unit;
  bool with_place, with_distance, with_score;
  bool any;
  int64_t count; /* 0: all */
  geo_order order;
  size_t store; /* the argument that names the destination; 0: none */
  bool store_distance;
} geo_query;

/* radius unit */
static bool geo_read_radius(command_call *c, size_t i, geo_query *q) {
  if (!geo_read_length(c, i, "ERR need numeric radius", &q->area.radius)) return false;
  if (q->area.radius < 0) {
    command_fail(c, "ERR radius cannot be negative");
    return false;
  }
  q->unit = geo_read_unit(c, i + 1);
  q->area.radius *= q->unit;
  return q->unit != 0;
}

/* width height unit */
static bool geo_read_box(command_call *c, size_t i, geo_query *q) {
  geo_area *a = &q->area;
  if (!geo_read_length(c, i, "ERR need numeric width", &a->width)) return false;
  if (!geo_read_length(c, i + 1, "ERR need numeric height", &a->height)) return false;
  if (a->width < 0 || a->height < 0) {
    command_fail(c, "ERR height or width cannot be negative");
    return false;
  }
  q->unit = geo_read_unit(c, i + 2);
  a->width *= q->unit;
  a->height *= q->unit;
  return a->box = q->unit != 0;
}

/* Without a set the rest is still read. */
static bool geo_read_member(command_call *c, size_t i, geo_query *q) {
  if (q->set.count == 0 || geo_place_of(&q->set, &c->argv[i], &q->area.center)) return true;
  command_fail(c, "ERR could not decode requested zset member");
  return false;
}

static bool geo_read_count(command_call *c, size_t i, geo_query *q) {
  if (!command_int(c, &c->argv[i], &q->count)) return false;
  if (q->count > 0) return true;
  command_fail(c, "ERR COUNT must be > 0");
  return false;
}

/* A word that stands alone. */
static bool geo_flag(const kevy_value *word, geo_query *q) {
  if (command_is(word, "WITHDIST")) q->with_distance = true;
  else if (command_is(word, "WITHHASH")) q->with_score = true;
  else if (command_is(word, "WITHCOORD")) q->with_place = true;
  else if (command_is(word, "ANY")) q->any = true;
  else if (command_is(word, "ASC")) q->order = GEO_NEAREST;
  else if (command_is(word, "DESC")) q->order = GEO_FARTHEST;
  else if (q->search && q->store != 0 && command_is(word, "STOREDIST")) q->store_distance = true;
  else return false;
  return true;
}

/* One of the options that say where GEOSEARCH searches; returns as geo_option. *known: it is one. */
static size_t geo_area_option(command_call *c, size_t at, geo_query *q, bool *known) {
  const kevy_value *word = &c->argv[at];
  size_t left = c->argc - at - 1;
  *known = true;
  if (left >= 1 && !q->from_place && command_is(word, "FROMMEMBER")) {
    q->from_member = true;
    return geo_read_member(c, at + 1, q) ? 2 : 0;
  }
  if (left >= 2 && !q->from_member && command_is(word, "FROMLONLAT")) {
    q->from_place = true;
    return geo_read_place(c, at + 1, &q->area.center) ? 3 : 0;
  }
  if (left >= 2 && !q->by_box && command_is(word, "BYRADIUS")) {
    q->by_radius = true;
    return geo_read_radius(c, at + 1, q) ? 3 : 0;
  }
  if (left >= 3 && !q->by_radius && command_is(word, "BYBOX")) {
    q->by_box = true;
    return geo_read_box(c, at + 1, q) ? 4 : 0;
  }
  *known = false;
  return 0;
}

/* One option at argument `at`; returns how many arguments it takes, 0 having answered the error. */
static size_t geo_option(command_call *c, size_t at, geo_query *q) {
  const kevy_value *word = &c->argv[at];
  bool more = at + 1 < c->argc, known = false;
  if (geo_flag(word, q)) return 1;
  if (more && command_is(word, "COUNT")) return geo_read_count(c, at + 1, q) ? 2 : 0;
  if (more && q->may_store && (command_is(word, "STORE") || command_is(word, "STOREDIST"))) {
    q->store = at + 1;
    q->store_distance = command_is(word, "STOREDIST");
    return 2;
  }
  size_t taken = q->search ? geo_area_option(c, at, q, &known) : 0;
  if (!known) command_fail(c, COMMAND_SYNTAX);
  return taken;
}

/* "ERR exactly one of FROMMEMBER or FROMLONLAT can be specified for geosearch" */
static void geo_fail_exactly(command_call *c, const char *which) {
  command_text t = {0};
  command_text_add(&t, "ERR exactly one of ");
  command_text_add(&t, which);
  command_text_add(&t, " can be specified for ");
  command_text_add_arg(&t, &c->argv[0], c->argv[0].len);
  command_fail_text(c, &t);
}

/* What does not go together; true, having answered the error. */
static bool geo_contradicts(command_call *c, const geo_query *q) {
  if (q->store != 0 && (q->with_distance || q->with_score || q->with_place))
    command_fail(c, q->search ? "ERR GEOSEARCHSTORE is not compatible with WITHDIST, WITHHASH and WITHCOORD options"
                              : "ERR STORE option in GEORADIUS is not compatible with WITHDIST, WITHHASH and WITHCOORD "
                                "options");
  else if (q->search && !q->from_member && !q->from_place) geo_fail_exactly(c, "FROMMEMBER or FROMLONLAT");
  else if (q->search && !q->by_radius && !q->by_box) geo_fail_exactly(c, "BYRADIUS and BYBOX");
  else if (q->any && q->count == 0) command_fail(c, "ERR the ANY argument requires COUNT argument");
  else return false;
  return true;
}

/* The options from argument `at` on; false, having answered the error. Fewest are the nearest. */
static bool geo_read_options(command_call *c, size_t at, geo_query *q) {
  for (size_t taken; at < c->argc; at += taken)
    if ((taken = geo_option(c, at, q)) == 0) return false;
  if (geo_contradicts(c, q)) return false;
  if (q->count != 0 && q->order == GEO_UNORDERED && !q->any) q->order = GEO_NEAREST;
  return true;
}

/* ---- What a search finds ----------------------------------------------------------------------- */

typedef struct geo_match {
  zset_found element;
  geo_place at;
  double distance;
  size_t turn; /* in which it was found: so are equals answered */
} geo_match;

typedef struct geo_matches {
  geo_match *at;
  size_t n, room;
} geo_matches;

/* False: no memory. */
static bool geo_match_add(geo_matches *m, const kevy_value *member, double score, geo_place at, double distance) {
  if (m->n == m->room) {
    size_t room = m->room != 0 ? 2 * m->room : 16;
    geo_match *more = room <= SIZE_MAX / sizeof *more ? realloc(m->at, room * sizeof *more) : NULL;
    if (more == NULL) return false;
    m->at = more;
    m->room = room;
  }
  geo_match *found = &m->at[m->n];
  zset_found_set(&found->element, member, score);
  found->at = at;
  found->distance = distance;
  found->turn = m->n++;
  return true;
}

static uint64_t geo_position(const zset_view *v, double score) {
  return zset_view_before(v, (zset_cut){.by = ZSET_BY_SCORE, .score = zset_order_of(score)});
}

/* Those of a range of scores that are in the area, as long as there are not `most`. False: no memory. */
static bool geo_gather_range(const geo_query *q, double first, double end, size_t most, geo_matches *m) {
  zset_walk w;
  kevy_value member;
  double score, distance;
  uint64_t from = geo_position(&q->set, first), to = geo_position(&q->set, end);
  if (from >= to) return true;
  zset_walk_begin(&w, &q->set, from, to - from, false);
  while (m->n < most && zset_walk_next(&w, &member, &score)) {
    geo_place at = geo_of_score(score);
    if (geo_within(&q->area, at, &distance) && !geo_match_add(m, &member, score, at, distance)) return false;
  }
  return true;
}

static int geo_compare_near(const void *a, const void *b) {
  const geo_match *x = a, *y = b;
  if (x->distance != y->distance) return x->distance < y->distance ? -1 : 1;
  return (x->turn > y->turn) - (x->turn < y->turn);
}

static int geo_compare_far(const void *a, const void *b) {
  const geo_match *x = a, *y = b;
  return x->distance != y->distance ? geo_compare_near(y, x) : geo_compare_near(x, y);
}

/* False: no memory. */
static bool geo_gather(const geo_query *q, geo_matches *m) {
  geo_cover cover;
  size_t most = q->any && (uint64_t)q->count < SIZE_MAX ? (size_t)q->count : SIZE_MAX;
  if (q->set.count == 0) return true;
  geo_cover_area(&q->area, &cover);
  for (uint32_t i = 0; i < cover.n; i++)
    if (!geo_gather_range(q, cover.ranges[i].first, cover.ranges[i].end, most, m)) return false;
  if (q->order != GEO_UNORDERED && m->n > 1)
    qsort(m->at, m->n, sizeof *m->at, q->order == GEO_NEAREST ? geo_compare_near : geo_compare_far);
  if (q->count != 0 && m->n > (uint64_t)q->count) m->n = (size_t)q->count;
  return true;
}

/* ---- Answers ----------------------------------------------------------------------------------- */

static void geo_answer_matches(command_call *c, const geo_query *q, const geo_matches *m) {
  size_t more = (size_t)q->with_distance + q->with_score + q->with_place;
  sink_array(c->out, m->n);
  for (size_t i = 0; i < m->n; i++) {
    const geo_match *found = &m->at[i];
    kevy_value member = zset_found_member(&found->element);
    if (more != 0) sink_array(c->out, 1 + more);
    sink_bulk(c->out, &member);
    if (q->with_distance) geo_answer_distance(c, found->distance / q->unit);
    if (q->with_score) sink_integer(c->out, (int64_t)found->element.score);
    if (q->with_place) geo_answer_place(c, found->at);
  }
}

static void geo_store_matches(command_call *c, const geo_query *q, const geo_matches *m) {
  const kevy_value *to = &c->argv[q->store];
  zset_pair *pairs = malloc((m->n + 1) * sizeof *pairs);
  kevy_status status = KEVY_EOOM;
  if (pairs != NULL) {
    for (size_t i = 0; i < m->n; i++) {
      const geo_match *found = &m->at[i];
      double score = q->store_distance ? found->distance / q->unit : found->element.score;
      pairs[i] = (zset_pair){zset_found_member(&found->element), score};
    }
    status = zset_store(c->store, to->as.ptr, to->len, m->n, pairs, command_key_flag(c, q->store));
  }
  zset_answer_count(c, status, m->n);
  free(pairs);
}

static void geo_search(command_call *c, const geo_query *q) {
  geo_matches m = {0};
  if (!geo_gather(q, &m)) command_error(c, KEVY_EOOM);
  else if (q->store != 0) geo_store_matches(c, q, &m);
  else geo_answer_matches(c, q, &m);
  free(m.at);
}

/* ---- The searches ------------------------------------------------------------------------------ */

static void geo_search_options(command_call *c, size_t key, size_t store) {
  geo_query q = {.search = true, .store = store, .unit = 1};
  if (zset_open(c, key, &q.set) && geo_read_options(c, key + 1, &q)) geo_search(c, &q);
}

void cmd_geosearch(command_call *c) { geo_search_options(c, 1, 0); }
void cmd_geosearchstore(command_call *c) { geo_search_options(c, 2, 1); }

static void geo_search_radius(command_call *c, bool may_store) {
  geo_query q = {.may_store = may_store, .unit = 1};
  if (zset_open(c, 1, &q.set) && geo_read_place(c, 2, &q.area.center) && geo_read_radius(c, 4, &q) &&
      geo_read_options(c, 6, &q))
    geo_search(c, &q);
}

void cmd_georadius(command_call *c) { geo_search_radius(c, true); }
void cmd_georadius_ro(command_call *c) { geo_search_radius(c, false); }

/* Without a set the radius is not looked at. */
static void geo_search_member(command_call *c, bool may_store) {
  geo_query q = {.may_store = may_store, .unit = 1};
  if (!zset_open(c, 1, &q.set)) return;
  if (q.set.count != 0 && (!geo_read_member(c, 2, &q) || !geo_read_radius(c, 3, &q))) return;
  if (geo_read_options(c, 5, &q)) geo_search(c, &q);
}

void cmd_georadiusbymember(command_call *c) { geo_search_member(c, true); }
void cmd_georadiusbymember_ro(command_call *c) { geo_search_member(c, false); }
