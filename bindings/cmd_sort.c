/* cmd_sort.c: SORT and SORT_RO: the elements of a list, set or sorted set in the order of their own bytes, of their
 * numbers, or of what other keys hold for them; and, in their place, what other keys hold.
 *
 * Elements are gathered in memory of the process, sorted by reference, and answered or stored. All keys are read as they
 * stand: what has expired counts as absent and stays, so that nothing that was borrowed goes before the end. Text is
 * compared as C strings are, which is what Redis does in the C locale; as a whole where the result is stored. Sorting is
 * stable, and equal numbers are in the order of the elements' bytes. */
#include "command.h"

#include <math.h>
#include <stdlib.h>

#include "elements.h"
#include "propagate.h"
#include "store.h"

/* ---- Patterns ---------------------------------------------------------------------------------- */

/* BY's and GET's: a key's name with the element in place of the first asterisk, or a field of it; or the element. */
typedef struct sort_pattern {
  bool element; /* "#" */
  bool fixed;   /* without an asterisk: no key */
  const char *before, *after;
  size_t before_len, after_len;
  kevy_value field; /* of a hash; empty: the key is a string */
} sort_pattern;

/* Redis looks for the asterisk and the arrow up to the first zero byte. */
static sort_pattern sort_pattern_of(const kevy_value *arg) {
  const char *text = arg->as.ptr, *end = text + arg->len, *stop = text + strnlen(text, arg->len);
  const char *star = stop != text ? memchr(text, '*', (size_t)(stop - text)) : NULL;
  sort_pattern p = {.element = stop == text + 1 && *text == '#', .fixed = star == NULL};
  if (star == NULL) return p;
  p.before = text;
  p.before_len = (size_t)(star - text);
  p.after = star + 1;
  const char *arrow = p.after;
  while (stop - arrow >= 2 && (arrow[0] != '-' || arrow[1] != '>')) arrow++;
  if (stop - arrow > 2) {
    p.field = kevy_bytes(arrow + 2, (size_t)(end - arrow - 2));
    end = arrow;
  }
  p.after_len = (size_t)(end - p.after);
  return p;
}

/* ---- What is asked for ------------------------------------------------------------------------- */

typedef struct sort_query {
  bool descending, alpha;
  bool given;   /* BY something without an asterisk: in the order that is there */
  bool weighed; /* BY a pattern */
  sort_pattern by;
  int64_t offset, count;
  size_t store; /* the argument that names the destination; 0: none */
  size_t get_count;
  sort_pattern *gets;
} sort_query;

static void sort_read_by(const kevy_value *arg, sort_query *q) {
  q->by = sort_pattern_of(arg);
  q->weighed = true;
  q->given |= q->by.fixed;
}

/* One option at argument `at`; returns how many arguments it takes, 0 having answered the error. */
static size_t sort_option(command_call *c, size_t at, bool may_store, sort_query *q) {
  const kevy_value *word = &c->argv[at];
  size_t left = c->argc - at - 1;
  if (command_is(word, "ASC") || command_is(word, "DESC")) {
    q->descending = command_is(word, "DESC");
  } else if (command_is(word, "ALPHA")) {
    q->alpha = true;
  } else if (command_is(word, "LIMIT") && left >= 2) {
    return command_int(c, word + 1, &q->offset) && command_int(c, word + 2, &q->count) ? 3 : 0;
  } else if (may_store && command_is(word, "STORE") && left >= 1) {
    q->store = at + 1;
    return 2;
  } else if (command_is(word, "BY") && left >= 1) {
    sort_read_by(word + 1, q);
    return 2;
  } else if (command_is(word, "GET") && left >= 1) {
    q->gets[q->get_count++] = sort_pattern_of(word + 1);
    return 2;
  } else {
    command_fail(c, COMMAND_SYNTAX);
    return 0;
  }
  return 1;
}

/* False, having answered the error. q->gets is malloc's. */
static bool sort_read(command_call *c, bool may_store, sort_query *q) {
  *q = (sort_query){.count = -1};
  q->gets = malloc(c->argc * sizeof *q->gets);
  if (q->gets == NULL) {
    command_error(c, KEVY_EOOM);
    return false;
  }
  for (size_t at = 2, taken; at < c->argc; at += taken)
    if ((taken = sort_option(c, at, may_store, q)) == 0) return false;
  return true;
}

/* ---- Elements ---------------------------------------------------------------------------------- */

/* A value and its byte form. What is short is copied, since it may lie in a walk that goes on; the rest is borrowed. */
typedef struct sort_text {
  kevy_value value; /* KEVY_NIL: none */
  size_t len;       /* of a number's digits */
  char room[NUMBER_FLOAT_MAX];
} sort_text;

typedef struct sort_item {
  sort_text text;
  union {
    double number;
    const sort_text *by; /* ALPHA BY */
  } weight;
} sort_item;

typedef struct sort_run {
  kevy_store *s;
  const sort_query *query;
  sort_item *items;
  sort_item **order; /* and as much room again, to merge in */
  sort_text *weights;
  char *key;         /* room for a pattern's key */
  size_t n;
} sort_run;

static void sort_text_set(sort_text *t, const kevy_value *v) {
  t->value = *v;
  if (v->kind == KEVY_INT) t->len = number_format_int(v->as.i, t->room);
  else if (v->kind == KEVY_FLOAT) t->len = number_format_float(v->as.d, t->room);
  if (v->kind > KEVY_TEXT || v->len > sizeof t->room) return;
  if (v->len != 0) memcpy(t->room, v->as.ptr, v->len);
  t->value.as.ptr = t->room;
}

static kevy_value sort_text_bytes(const sort_text *t) {
  if (t->value.kind <= KEVY_TEXT) return kevy_bytes(t->value.as.ptr, t->value.len);
  return kevy_bytes(t->room, t->len);
}

static uint64_t sort_count(kevy_store *s, const entry *e) {
  switch (entry_type(e)) {
    case KEVY_TYPE_LIST: return list_entry_len(s->base, e);
    case KEVY_TYPE_SET: return set_view_of(s->sp, e).count;
    default: return zset_view_of(s->sp, e).count;
  }
}

/* Gathers n elements behind `skip`, from the end where `backward`. */
static void sort_gather(sort_run *r, const entry *e, uint64_t skip, bool backward) {
  elements w;
  kevy_value element, rest;
  uint64_t position = backward ? sort_count(r->s, e) - 1 - skip : skip;
  if (r->n == 0 || !elements_begin(&w, r->s->sp, e, store_now(r->s), backward)) return;
  if (w.type == KEVY_TYPE_LIST) list_iter_seek(&w.of.list, position, backward);
  else if (w.type == KEVY_TYPE_ZSET) zset_walk_begin(&w.of.zset.walk, &w.of.zset.view, position, r->n, backward);
  else while (skip-- > 0) (void)elements_next(&w, &element, &rest);
  for (size_t i = 0; i < r->n && elements_next(&w, &element, &rest); i++) {
    sort_text_set(&r->items[i].text, &element);
    r->order[i] = &r->items[i];
  }
}

/* ---- Other keys -------------------------------------------------------------------------------- */

/* Room for the longest key that a pattern makes. False: no memory. */
static bool sort_make_room(sort_run *r) {
  const sort_query *q = r->query;
  size_t pattern = q->by.before_len + q->by.after_len, element = 0;
  for (size_t i = 0; i < q->get_count; i++) {
    size_t len = q->gets[i].before_len + q->gets[i].after_len;
    if (len > pattern) pattern = len;
  }
  for (size_t i = 0; i < r->n; i++) {
    size_t len = sort_text_bytes(&r->items[i].text).len;
    if (len > element) element = len;
  }
  return (r->key = malloc(pattern + element + 1)) != NULL;
}

static size_t sort_put(char *to, size_t at, const char *bytes, size_t len) {
  if (len != 0) memcpy(to + at, bytes, len);
  return at + len;
}

/* What the pattern means for an element; KEVY_NIL where there is nothing. Borrowed from the store, the element or
 * `digits`. */
static kevy_value sort_find(sort_run *r, const sort_pattern *p, const sort_item *item, char digits[PACKED_NUMBER]) {
  kevy_value nothing = {KEVY_NIL, 0, 0, {.ptr = NULL}}, found = nothing;
  if (p->element) return item->text.value;
  if (p->fixed) return nothing;
  kevy_value element = sort_text_bytes(&item->text);
  size_t len = sort_put(r->key, 0, p->before, p->before_len);
  len = sort_put(r->key, len, element.as.ptr, element.len);
  len = sort_put(r->key, len, p->after, p->after_len);
  probe at;
  int32_t type = p->field.len != 0 ? KEVY_TYPE_HASH : KEVY_TYPE_STRING;
  if (collection_read_kept(r->s, &at, r->key, len, type) != KEVY_OK) return nothing;
  if (type == KEVY_TYPE_STRING) probe_value(r->s, at.live, &found);
  else if (hash_entry_get(r->s, at.live, &p->field, &found, digits) != KEVY_OK) return nothing;
  return found;
}

/* ---- Weights ----------------------------------------------------------------------------------- */

/* False for what is no number. Nothing at all is 0. */
static bool sort_number(const kevy_value *v, double *out) {
  bool lost = false;
  *out = 0;
  if (v->kind == KEVY_INT) *out = (double)v->as.i;
  else if (v->kind == KEVY_FLOAT) *out = v->as.d;
  else if (v->kind <= KEVY_TEXT) return number_parse_loose(v->as.ptr, v->len, out, &lost) && !lost;
  return !isnan(*out);
}

static bool sort_weigh_numbers(sort_run *r) {
  char digits[PACKED_NUMBER];
  bool fine = true;
  for (size_t i = 0; i < r->n; i++) {
    sort_item *item = &r->items[i];
    kevy_value v = r->query->weighed ? sort_find(r, &r->query->by, item, digits) : item->text.value;
    fine &= sort_number(&v, &item->weight.number);
  }
  return fine;
}

static bool sort_weigh_texts(sort_run *r) {
  char digits[PACKED_NUMBER];
  r->weights = malloc((r->n + 1) * sizeof *r->weights);
  for (size_t i = 0; r->weights != NULL && i < r->n; i++) {
    kevy_value v = sort_find(r, &r->query->by, &r->items[i], digits);
    sort_text_set(&r->weights[i], &v);
    r->items[i].weight.by = &r->weights[i];
  }
  return r->weights != NULL;
}

/* False, having answered the error. */
static bool sort_weigh(command_call *c, sort_run *r) {
  if (!r->query->alpha) {
    if (sort_weigh_numbers(r)) return true;
    command_fail(c, "ERR One or more scores can't be converted into double");
  } else {
    if (!r->query->weighed || sort_weigh_texts(r)) return true;
    command_error(c, KEVY_EOOM);
  }
  return false;
}

/* ---- Sorting ----------------------------------------------------------------------------------- */

static int sort_compare_texts(const sort_text *a, const sort_text *b, bool whole) {
  kevy_value x = sort_text_bytes(a), y = sort_text_bytes(b);
  if (!whole) {
    x.len = strnlen(x.as.ptr, x.len);
    y.len = strnlen(y.as.ptr, y.len);
  }
  size_t common = x.len < y.len ? x.len : y.len;
  int order = common != 0 ? memcmp(x.as.ptr, y.as.ptr, common) : 0;
  return order != 0 ? order : (x.len > y.len) - (x.len < y.len);
}

static int sort_compare(const sort_query *q, const sort_item *a, const sort_item *b) {
  bool whole = q->store != 0;
  if (!q->alpha) {
    if (a->weight.number != b->weight.number) return a->weight.number < b->weight.number ? -1 : 1;
    return sort_compare_texts(&a->text, &b->text, true);
  }
  if (!q->weighed) return sort_compare_texts(&a->text, &b->text, whole);
  bool there = a->weight.by->value.kind != KEVY_NIL, other = b->weight.by->value.kind != KEVY_NIL;
  return there && other ? sort_compare_texts(a->weight.by, b->weight.by, whole) : there - other;
}

/* Merges the runs [0, half) and [half, n) of `from` into `to`. */
static void sort_merge(const sort_query *q, sort_item **from, size_t half, size_t n, sort_item **to) {
  size_t a = 0, b = half;
  while (a < half && b < n) {
    int order = sort_compare(q, from[a], from[b]);
    *to++ = (q->descending ? order < 0 : order > 0) ? from[b++] : from[a++];
  }
  while (a < half) *to++ = from[a++];
  while (b < n) *to++ = from[b++];
}

/* Merge sort, bottom up; order is where the result is. */
static void sort_order(sort_run *r) {
  sort_item **from = r->order, **to = r->order + r->n;
  for (size_t width = 1; width < r->n; width *= 2) {
    for (size_t at = 0; at < r->n; at += 2 * width) {
      size_t left = r->n - at, n = left < 2 * width ? left : 2 * width;
      sort_merge(r->query, from + at, width < n ? width : n, n, to + at);
    }
    sort_item **sorted = to;
    to = from;
    from = sorted;
  }
  if (from != r->order) memcpy(r->order, from, r->n * sizeof *from);
}

/* ---- Answers ----------------------------------------------------------------------------------- */

/* The elements from `first` to before `end`. */
static void sort_answer(command_call *c, sort_run *r, size_t first, size_t end) {
  const sort_query *q = r->query;
  char digits[PACKED_NUMBER];
  sink_array(c->out, (end - first) * (q->get_count != 0 ? q->get_count : 1));
  for (size_t i = first; i < end; i++) {
    if (q->get_count == 0) sink_bulk(c->out, &r->order[i]->text.value);
    for (size_t j = 0; j < q->get_count; j++) {
      kevy_value v = sort_find(r, &q->gets[j], r->order[i], digits);
      if (v.kind == KEVY_NIL) sink_nil(c->out);
      else sink_bulk(c->out, &v);
    }
  }
}

/* The values to store, what is not there as nothing; what a small hash keeps as a number is printed into `digits`. */
static void sort_collect(sort_run *r, size_t first, size_t end, kevy_value *values, char (*digits)[PACKED_NUMBER]) {
  const sort_query *q = r->query;
  for (size_t i = first; i < end; i++) {
    if (q->get_count == 0) *values++ = r->order[i]->text.value;
    for (size_t j = 0; j < q->get_count; j++, digits++) {
      kevy_value v = sort_find(r, &q->gets[j], r->order[i], *digits);
      *values++ = v.kind != KEVY_NIL ? v : kevy_bytes("", 0);
    }
  }
}

/* Makes the values the destination's list. A log keeps the list: what it was made from may be gone when it is read. */
static kevy_status sort_store_values(command_call *c, const sort_query *q, size_t n, const kevy_value *values) {
  const kevy_value *to = &c->argv[q->store];
  uint32_t flags = KEVY_REPLACE | command_key_flag(c, q->store);
  if (effect_kept(c->store)) propagate_many(c->store, "RPUSH", to->as.ptr, to->len, flags, n, values, NULL);
  return list_push(c->store, to->as.ptr, to->len, n, values, flags, NULL);
}

static void sort_store(command_call *c, sort_run *r, size_t first, size_t end) {
  size_t columns = r->query->get_count, n = (end - first) * (columns != 0 ? columns : 1);
  size_t each = sizeof(kevy_value) + PACKED_NUMBER;
  kevy_value *values = n < SIZE_MAX / each ? malloc((n + 1) * each) : NULL;
  kevy_status status = KEVY_EOOM;
  if (values != NULL) {
    sort_collect(r, first, end, values, (char(*)[PACKED_NUMBER])(void *)(values + n));
    status = sort_store_values(c, r->query, n, values);
  }
  if (status < 0) command_error(c, status);
  else sink_integer(c->out, (int64_t)n);
  free(values);
}

/* ---- SORT -------------------------------------------------------------------------------------- */

/* Room for n elements. False: no memory. */
static bool sort_open(sort_run *r, uint64_t n) {
  if (n > SIZE_MAX / 2 / sizeof *r->items) return false;
  r->n = (size_t)n;
  r->items = malloc((r->n + 1) * sizeof *r->items);
  r->order = malloc((r->n + 1) * 2 * sizeof *r->order);
  return r->items != NULL && r->order != NULL;
}

static void sort_close(sort_run *r) {
  free(r->items);
  free(r->order);
  free(r->weights);
  free(r->key);
}

/* Of n elements: those behind `offset` that a limit leaves. */
static uint64_t sort_limit(const sort_query *q, uint64_t n, uint64_t *offset) {
  *offset = q->offset < 0 ? 0 : (uint64_t)q->offset < n ? (uint64_t)q->offset : n;
  uint64_t left = n - *offset;
  return q->count >= 0 && (uint64_t)q->count < left ? (uint64_t)q->count : left;
}

/* Sorts what is in e (NULL: nothing), and answers. What keeps its order is gathered only as far as it is answered. */
static void sort_elements(command_call *c, const sort_query *q, const entry *e) {
  sort_run r = {.s = c->store, .query = q};
  uint64_t n = e != NULL ? sort_count(c->store, e) : 0, offset;
  uint64_t count = sort_limit(q, n, &offset), skip = q->given ? offset : 0;
  bool ready = sort_open(&r, q->given ? count : n);
  if (ready && e != NULL) sort_gather(&r, e, skip, q->given && q->descending && entry_type(e) != KEVY_TYPE_SET);
  if (!ready || !sort_make_room(&r)) {
    command_error(c, KEVY_EOOM);
  } else if (q->given || sort_weigh(c, &r)) {
    if (!q->given) sort_order(&r);
    size_t first = (size_t)(offset - skip), end = first + (size_t)count;
    if (q->store != 0) sort_store(c, &r, first, end);
    else sort_answer(c, &r, first, end);
  }
  sort_close(&r);
}

static void sort_key(command_call *c, sort_query *q) {
  const kevy_value *key = &c->argv[1];
  probe p;
  entry *e = probe_read_hashed(c->store, &p, key->as.ptr, key->len, probe_hash(c->store, key->as.ptr, key->len));
  int32_t type = e != NULL ? entry_type(e) : KEVY_TYPE_LIST;
  if (type != KEVY_TYPE_LIST && type != KEVY_TYPE_SET && type != KEVY_TYPE_ZSET) {
    command_error(c, KEVY_EWRONGTYPE);
    return;
  }
  if (type == KEVY_TYPE_SET && q->given && (q->store != 0 || c->scripted)) { /* which has no order of its own */
    q->given = q->weighed = false;
    q->alpha = true;
  }
  sort_elements(c, q, e);
}

static void sort_command(command_call *c, bool may_store) {
  sort_query q;
  if (sort_read(c, may_store, &q)) sort_key(c, &q);
  free(q.gets);
}

void cmd_sort(command_call *c) { sort_command(c, true); }
void cmd_sort_ro(command_call *c) { sort_command(c, false); }
