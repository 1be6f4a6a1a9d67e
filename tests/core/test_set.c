/* Sets against arrays of what they should hold: every way of changing, drawing and combining them, through
 * promotion and demotion, with snapshots open; allocations that fail, in the region and in malloc; accounts;
 * and chance, which is even. */
#include "internals.h"

#include "failing.h"

#include "check.h"

/* ---- members by number, and numbers of members ---- */

enum { INTS = 700, SHORT = 1000, MEMBERS = 1060, KEYS = 7, LONGEST = 3000 };

static int64_t int_of(unsigned m) {
  if (m < 300) return m;
  if (m < 400) return 299 - (int64_t)m;
  if (m < 500) return 1000000 + m;
  return (int64_t)m * 1000000000000000;
}
static unsigned of_int(int64_t i) {
  if (i < 0) return (unsigned)(299 - i);
  if (i < 300) return (unsigned)i;
  return i < 2000000 ? (unsigned)(i - 1000000) : (unsigned)(i / 1000000000000000);
}

static char names[MEMBERS][LONGEST];
static size_t lens[MEMBERS];

static void name_members(void) {
  for (unsigned m = 0; m < MEMBERS; m++) {
    lens[m] = (size_t)(m < INTS ? snprintf(names[m], LONGEST, "%lld", (long long)int_of(m))
                                : snprintf(names[m], LONGEST, "m:%u", m));
    if (m < SHORT) continue;
    size_t len = m % 3 == 0 ? LONGEST - m % 7 : m % 3 == 1 ? 65 : 300;
    memset(names[m] + lens[m], 'x', len - lens[m]);
    lens[m] = len;
  }
  lens[INTS] = 0; /* the empty one */
  memset(names[INTS + 1] + lens[INTS + 1], 'y', 64 - lens[INTS + 1]);
  lens[INTS + 1] = 64;
}

static unsigned number_of(const kevy_value *v) {
  if (v->kind == KEVY_INT) return of_int(v->as.i);
  int64_t i;
  if (v->len == 0) return INTS;
  if (number_parse_int(v->as.ptr, v->len, &i)) return of_int(i);
  char text[16] = {0};
  memcpy(text, v->as.ptr, v->len < 15 ? v->len : 15);
  return (unsigned)strtoul(text + 2, NULL, 10);
}

static kevy_value member(unsigned m, uint32_t kind) {
  if (kind == KEVY_INT) return kevy_int(int_of(m));
  kevy_value v = kevy_bytes(names[m], lens[m]);
  v.kind = kind;
  return v;
}
static uint32_t some_kind(unsigned m) { return (uint32_t)below(m < INTS ? 3 : 2); }

/* ---- the model ---- */

#define ABSENT 9
typedef struct mset {
  uint8_t kind[MEMBERS]; /* ABSENT, or the kind of the one that came first */
  uint32_t count;
  uint32_t key_kind;
  bool string; /* the key holds a string instead */
} mset;
typedef struct model {
  mset at[KEYS];
} model;

static const char *const keys[KEYS] = {"a", "b", "set:3", "", "12", "another", "zz"};

static void clear_set(mset *x) {
  memset(x->kind, ABSENT, sizeof x->kind);
  x->count = 0;
  x->string = false;
}
static void put_in(mset *x, unsigned m, uint32_t kind) {
  if (x->kind[m] != ABSENT) return;
  x->kind[m] = (uint8_t)kind;
  x->count++;
}
static void take(mset *x, unsigned m) {
  if (x->kind[m] == ABSENT) return;
  x->kind[m] = ABSENT;
  x->count--;
}

/* One member met in a store's set: in the model, of its kind. */
static bool same_member(const mset *x, set_item item, uint32_t *met) {
  char digits[PACKED_NUMBER];
  kevy_value v;
  set_item_value(item, &v, digits);
  unsigned m = number_of(&v);
  ++*met;
  if (m >= MEMBERS || x->kind[m] != v.kind) return false;
  kevy_value want = member(m, v.kind);
  return v.kind == KEVY_INT ? v.as.i == want.as.i : v.len == want.len && memcmp(v.as.ptr, want.as.ptr, v.len) == 0;
}

static bool same_set(const mset *x, kevy_store *s, const char *key) {
  set_view v;
  uint64_t count;
  int32_t type;
  if (x->string) return kevy_type(s, key, strlen(key), &type) == KEVY_OK && type == KEVY_TYPE_STRING;
  kevy_status status = kevy_scard(s, key, strlen(key), &count);
  if (count != x->count || status != (x->count != 0 ? KEVY_OK : KEVY_MISSING)) return false;
  set_view_open(s, key, strlen(key), false, &v);
  if (v.count != x->count || !set_check(&v)) return false;
  uint32_t met = 0;
  set_walk w = set_walk_begin(&v);
  for (set_item item; (item = set_walk_next(&w)) != 0;)
    if (!same_member(x, item, &met)) return false;
  return met == x->count;
}

static bool same(const model *m, kevy_store *s) {
  for (unsigned k = 0; k < KEYS; k++)
    if (!same_set(&m->at[k], s, keys[k])) return false;
  return table_check(s->base, s->keys);
}

/* ---- accounts ---- */

static uint64_t figure(kevy_store *s, const char *name) {
  const char *at;
  kevy_value v;
  for (size_t i = 0; kevy_info(s, i, &at, &v) == KEVY_OK; i++)
    if (strcmp(at, name) == 0) return (uint64_t)v.as.i;
  FAIL("a figure has this name");
  return 0;
}

static uint64_t of_values(kevy_store *s) {
  uint64_t bytes = 0;
  table_walk walk = {0, 0, false};
  for (ref r; (r = table_next(s->base, s->keys, &walk)) != 0;) {
    const entry *e = mem_ptr(s->base, r);
    bytes += mem_round(entry_size(e)) + collection_bytes(s->base, e);
  }
  return bytes;
}
static uint64_t beside(kevy_store *s) {
  return figure(s, "table_bytes") + figure(s, "wheel_bytes") + figure(s, "blob_bytes") + figure(s, "retained_bytes");
}
static void come_to_rest(kevy_store *s) {
  while (kevy_tick(s, 0, NULL) == KEVY_UNMET) continue;
}

/* ---- ops ---- */

enum { ADD, REMOVE, MOVE, POP, COMBINE, STORE, REPLACE, DELETE, STRING, COPY, OPS };
enum { MOST = 700 };
typedef struct op {
  int what;
  set_operation how;
  unsigned key, to;
  size_t k;
  unsigned members[MOST];
  uint32_t kinds[MOST];
  size_t sources;
  unsigned from[6];
} op;

/* Runs of neighbours and members from all over; short ones, so that sets become small again. */
static void choose_members(op *o) {
  static const size_t most[] = {1, 1, 3, 30, 140, MOST};
  o->k = 1 + below(most[below(6)]);
  unsigned low = (unsigned)below(3) * 350, range = one_in(4) ? MEMBERS : 340, next = (unsigned)below(range);
  bool run = one_in(2);
  for (size_t i = 0; i < o->k; i++) {
    unsigned m = run ? next++ : (unsigned)below(range);
    o->members[i] = range == MEMBERS ? m % MEMBERS : low + m % 340;
    if (o->members[i] >= SHORT && !one_in(50)) o->members[i] %= SHORT;
    o->kinds[i] = some_kind(o->members[i]);
  }
}

static op choose_op(void) {
  op o = {0};
  o.what = one_in(3) ? ADD : one_in(4) ? REMOVE : (int)below(OPS);
  if ((o.what == DELETE || o.what == STRING) && !one_in(3)) o.what = REMOVE;
  o.how = (set_operation)below(3);
  o.key = (unsigned)below(KEYS);
  o.to = (unsigned)below(KEYS);
  choose_members(&o);
  o.sources = 1 + below(6);
  for (size_t i = 0; i < o.sources; i++) o.from[i] = (unsigned)below(KEYS);
  return o;
}

typedef struct outcome {
  kevy_status status;
  uint64_t number;
} outcome;

static bool wrong_sources(const model *m, const op *o) {
  for (size_t i = 0; i < o->sources; i++)
    if (m->at[o->from[i]].string) return true;
  return false;
}

static void expect_combined(const model *m, const op *o, mset *out) {
  clear_set(out);
  for (unsigned x = 0; x < MEMBERS; x++) {
    size_t in = 0;
    for (size_t i = 0; i < o->sources; i++) in += m->at[o->from[i]].kind[x] != ABSENT;
    bool first = m->at[o->from[0]].kind[x] != ABSENT, others = false;
    for (size_t i = 1; i < o->sources; i++) others |= m->at[o->from[i]].kind[x] != ABSENT;
    bool wanted = o->how == SET_INTER ? in == o->sources : o->how == SET_UNION ? in != 0 : first && !others;
    if (wanted) put_in(out, x, KEVY_BYTES);
  }
}

/* Which of the sources a member's kind comes from is nobody's concern; it is of one of them. */
static bool fits_combined(const model *m, const op *o, const mset *want, const set_result *r, mset *got) {
  clear_set(got);
  for (uint64_t i = 0; i < r->count; i++) {
    char digits[PACKED_NUMBER];
    kevy_value v;
    set_item_value(r->items[i], &v, digits);
    unsigned x = number_of(&v);
    bool from_one = false;
    for (size_t j = 0; j < o->sources; j++) from_one |= m->at[o->from[j]].kind[x] == v.kind;
    if (x >= MEMBERS || want->kind[x] == ABSENT || got->kind[x] != ABSENT || !from_one) return false;
    put_in(got, x, v.kind);
  }
  return got->count == want->count;
}

static void source_keys(const op *o, kevy_value *at) {
  for (size_t i = 0; i < o->sources; i++) at[i] = kevy_bytes(keys[o->from[i]], strlen(keys[o->from[i]]));
}

/* Runs one op on the store; on success, does to the model what it should have done. False: they differ. */
static bool run_change(kevy_store *s, model *m, const op *o, kevy_status *status) {
  static kevy_value values[MOST];
  mset *x = &m->at[o->key];
  const char *key = keys[o->key];
  uint64_t n = 77, want = 0;
  for (size_t i = 0; i < o->k; i++) values[i] = member(o->members[i], o->kinds[i]);
  if (o->what == REMOVE) *status = kevy_srem(s, key, strlen(key), o->k, values, &n);
  else *status = kevy_sadd(s, key, strlen(key), o->k, values, o->what == REPLACE ? KEVY_REPLACE : 0, &n);
  if (*status == KEVY_EOOM) return true;
  if (x->string && o->what != REPLACE) return *status == KEVY_EWRONGTYPE;
  if (o->what == REMOVE && x->count == 0) return *status == KEVY_MISSING && n == 0;
  if (o->what == REPLACE) clear_set(x);
  uint32_t before = x->count;
  for (size_t i = 0; i < o->k; i++) {
    if (o->what == REMOVE) take(x, o->members[i]);
    else put_in(x, o->members[i], o->kinds[i]);
  }
  want = o->what == REMOVE ? before - x->count : x->count - before;
  return *status == KEVY_OK && n == want;
}

static bool run_move(kevy_store *s, model *m, const op *o, kevy_status *status) {
  mset *from = &m->at[o->key], *to = &m->at[o->to];
  kevy_value v = member(o->members[0], o->kinds[0]);
  *status = set_move(s, keys[o->key], strlen(keys[o->key]), keys[o->to], strlen(keys[o->to]), &v, 0);
  if (*status == KEVY_EOOM) return true;
  if (!from->string && from->count == 0) return *status == KEVY_MISSING;
  if (from->string || to->string) return *status == KEVY_EWRONGTYPE;
  if (from->kind[o->members[0]] == ABSENT) return *status == KEVY_MISSING;
  if (from != to) {
    take(from, o->members[0]);
    put_in(to, o->members[0], o->kinds[0]);
  }
  return *status == KEVY_OK;
}

static bool run_pop(kevy_store *s, model *m, const op *o, kevy_status *status) {
  mset *x = &m->at[o->key], drawn = *x;
  set_pick pick;
  uint64_t n = one_in(2) ? 1 : one_in(2) ? o->k : x->count > 0 ? x->count - below(2) : 3;
  bool remove = one_in(2), right = true;
  *status = set_pick_begin(s, &pick, keys[o->key], strlen(keys[o->key]), n, remove);
  if (*status >= 0) right = pick.count == (n < x->count ? n : x->count);
  for (uint64_t i = 0; i < pick.count && *status >= 0; i++) {
    char digits[PACKED_NUMBER];
    kevy_value v;
    set_item_value(pick.items[i], &v, digits);
    unsigned at = number_of(&v);
    right &= drawn.kind[at] == v.kind;
    take(&drawn, at);
  }
  if (*status >= 0 && remove) {
    set_pick_remove(s, &pick);
    *x = drawn;
  }
  set_pick_end(&pick);
  if (*status == KEVY_EOOM) return true;
  return x->string ? *status == KEVY_EWRONGTYPE : right;
}

static bool run_combine(kevy_store *s, model *m, const op *o, kevy_status *status) {
  static mset want, got;
  kevy_value at[6];
  set_result r;
  bool right = true;
  source_keys(o, at);
  *status = set_combine(s, o->how, o->sources, at, &r);
  expect_combined(m, o, &want);
  if (*status == KEVY_OK) right = fits_combined(m, o, &want, &r, &got);
  set_result_end(&r);
  if (*status == KEVY_EOOM) return true;
  if (wrong_sources(m, o)) return *status == KEVY_EWRONGTYPE;
  uint64_t common = 0, limit = one_in(2) ? UINT64_MAX : 1 + below(50);
  if (o->how == SET_INTER && *status == KEVY_OK) {
    if (set_common(s, o->sources, at, limit, &common) == KEVY_OK)
      right &= common == (want.count < limit ? want.count : limit);
  }
  return *status == KEVY_OK && right;
}

static bool run_store(kevy_store *s, model *m, const op *o, kevy_status *status) {
  static mset want, got;
  kevy_value at[6];
  uint64_t n = 77;
  source_keys(o, at);
  *status = set_combine_into(s, o->how, keys[o->to], strlen(keys[o->to]), o->sources, at, 0, &n);
  if (*status == KEVY_EOOM) return true;
  if (wrong_sources(m, o)) return *status == KEVY_EWRONGTYPE;
  expect_combined(m, o, &want);
  clear_set(&got);
  set_view v;
  set_view_open(s, keys[o->to], strlen(keys[o->to]), false, &v);
  set_walk w = set_walk_begin(&v);
  static set_item items[MEMBERS];
  set_result r = {0, items, MEMBERS};
  for (set_item item; r.count < MEMBERS && (item = set_walk_next(&w)) != 0;) items[r.count++] = item;
  bool right = *status == KEVY_OK && n == want.count && fits_combined(m, o, &want, &r, &got);
  m->at[o->to] = got;
  return right;
}

static bool run_other(kevy_store *s, model *m, const op *o, kevy_status *status) {
  mset *x = &m->at[o->key], *to = &m->at[o->to];
  const char *key = keys[o->key], *other = keys[o->to];
  kevy_value v = kevy_bytes("text", 4);
  bool there = x->string || x->count != 0;
  if (o->what == DELETE) {
    *status = kevy_delete(s, key, strlen(key));
    clear_set(x);
  } else if (o->what == STRING) {
    *status = kevy_set(s, key, strlen(key), &v, KEVY_NO_TTL, 0, NULL);
    if (*status == KEVY_EOOM) return true;
    clear_set(x);
    x->string = true;
    return *status == KEVY_OK;
  } else {
    bool rename = one_in(2);
    *status = rename ? kevy_rename(s, key, strlen(key), other, strlen(other), 0)
                     : kevy_copy(s, key, strlen(key), other, strlen(other), KEVY_REPLACE);
    if (*status == KEVY_EOOM) return true;
    if (x == to && !rename) return *status == KEVY_EARG;
    if (there && x != to) *to = *x;
    if (there && x != to && rename) clear_set(x);
  }
  return *status == (there ? KEVY_OK : KEVY_MISSING);
}

static bool run(kevy_store *s, model *m, const op *o, kevy_status *status) {
  switch (o->what) {
    case ADD: case REMOVE: case REPLACE: return run_change(s, m, o, status);
    case MOVE: return run_move(s, m, o, status);
    case POP: return run_pop(s, m, o, status);
    case COMBINE: return run_combine(s, m, o, status);
    case STORE: return run_store(s, m, o, status);
    default: return run_other(s, m, o, status);
  }
}

static void step(kevy_store *s, model *m) {
  op o = choose_op();
  kevy_status status;
  if (!CHECK(run(s, m, &o, &status)))
    fprintf(stderr, "op %d how %d on %u to %u with %zu: status %d\n", o.what, o.how, o.key, o.to, o.k, status);
}

static kevy_store *open_store(void) {
  kevy_store *s;
  REQUIRE(kevy_open(NULL, &s) == KEVY_OK);
  return s;
}
static void start(kevy_store **s, model *m) {
  *s = open_store();
  memset(m, 0, sizeof *m);
  for (unsigned k = 0; k < KEYS; k++) clear_set(&m->at[k]);
}

/* ---- tests ---- */

static void finish(kevy_store *s, model *m) {
  CHECK(same(m, s));
  for (unsigned k = 0; k < KEYS; k++) (void)kevy_delete(s, keys[k], strlen(keys[k]));
  come_to_rest(s);
  CHECK(figure(s, "retained_bytes") == 0 && kevy_used_memory(s) == beside(s) && of_values(s) == 0);
  kevy_close(s);
}

static void test_random(void) {
  kevy_store *s;
  static model m;
  start(&s, &m);
  for (size_t i = 0, n = scaled(30000, 300); i < n; i++) {
    step(s, &m);
    if (one_in(20)) CHECK(same(&m, s));
    if (one_in(50)) {
      come_to_rest(s);
      CHECK(kevy_used_memory(s) == of_values(s) + beside(s));
    }
  }
  finish(s, &m);
}

enum { HELD = 5 };
static void test_snapshots(void) {
  kevy_store *s, *held[HELD] = {0};
  static model m, then[HELD];
  start(&s, &m);
  for (size_t i = 0, n = scaled(20000, 300); i < n; i++) {
    step(s, &m);
    if (one_in(4)) kevy_tick(s, 1, NULL);
    if (!one_in(30)) continue;
    size_t at = below(HELD);
    if (held[at] == NULL) {
      REQUIRE(kevy_snapshot(s, &held[at]) == KEVY_OK);
      then[at] = m;
    } else {
      CHECK(same(&then[at], held[at]));
      kevy_value v = kevy_int(1);
      CHECK(kevy_sadd(held[at], "a", 1, 1, &v, 0, NULL) == KEVY_EREADONLY);
      kevy_close(held[at]);
      held[at] = NULL;
    }
    CHECK(same(&m, s));
  }
  for (size_t at = 0; at < HELD; at++) {
    if (held[at] == NULL) continue;
    CHECK(same(&then[at], held[at]));
    kevy_close(held[at]);
  }
  finish(s, &m);
}

/* Every allocation of many ops fails once: what failed changed nothing, and nothing is lost. */
static void fail_each(kevy_store *s, model *m, const op *o, bool in_malloc) {
  static model before;
  for (unsigned n = 1; n < 3000; n = n < 20 ? n + 1 : n + 1 + (unsigned)below(n)) {
    kevy_status status;
    come_to_rest(s);
    uint64_t values = of_values(s);
    before = *m;
    if (in_malloc) fail_malloc_in = n;
    else kevy_debug_fail_alloc(s, n);
    bool right = run(s, m, o, &status);
    bool fired = in_malloc ? fail_malloc_in == 0 : s->sp->mem.fail_in == 0;
    fail_malloc_in = 0;
    kevy_debug_fail_alloc(s, 0);
    if (!CHECK(right)) fprintf(stderr, "op %d: status %d with allocation %u failing\n", o->what, status, n);
    if (status == KEVY_EOOM) {
      *m = before;
      CHECK(o->what != REMOVE && o->what != DELETE);
      come_to_rest(s);
      CHECK(same(m, s) && (s->sp->newest != 0 || of_values(s) <= values + 16384));
    }
    if (!fired) return;
  }
}

static void test_no_memory(bool snapshots) {
  kevy_store *s, *held = NULL;
  static model m, then;
  start(&s, &m);
  for (size_t i = 0, n = scaled(1500, 30); i < n; i++) {
    if (one_in(2)) step(s, &m);
    if (snapshots && one_in(10)) {
      if (held != NULL) {
        CHECK(same(&then, held));
        kevy_close(held);
        held = NULL;
      } else {
        REQUIRE(kevy_snapshot(s, &held) == KEVY_OK);
        then = m;
      }
    }
    op o = choose_op();
    if (o.k > 150) o.k = 1 + below(150);
    fail_each(s, &m, &o, one_in(4));
  }
  if (held != NULL) kevy_close(held);
  finish(s, &m);
}

/* Where a full store refuses what is new, it still lets go. */
static void test_full(void) {
  kevy_options o = KEVY_OPTIONS_INIT;
  kevy_store *s;
  o.maxmemory = 4 << 20;
  REQUIRE(kevy_open(&o, &s) == KEVY_OK);
  uint64_t n = 0, most = kevy_used_memory(s);
  for (kevy_status status = KEVY_OK; status == KEVY_OK; n++) {
    char key[16];
    kevy_value v[5];
    for (int64_t i = 0; i < 5; i++) v[i] = kevy_int(i * 1000);
    status = kevy_sadd(s, key, (size_t)snprintf(key, sizeof key, "k%u", (unsigned)(n % 1000)), 5, v, 0, NULL);
    if (status == KEVY_OK) {
      v[0] = kevy_int((int64_t)n * 7919 + 1);
      status = kevy_sadd(s, "large", 5, 1, v, 0, NULL);
    }
    if (kevy_used_memory(s) > most) most = kevy_used_memory(s);
  }
  CHECK(n > 10000 && most <= 4 << 20);
  kevy_store *snapshot;
  REQUIRE(kevy_snapshot(s, &snapshot) == KEVY_OK);
  for (uint64_t i = 0; i < 1000; i++) {
    char key[16];
    kevy_value v = kevy_int(2000);
    uint64_t removed = 0;
    CHECK(kevy_srem(s, key, (size_t)snprintf(key, sizeof key, "k%u", (unsigned)i), 1, &v, &removed) == KEVY_OK);
    v = kevy_int((int64_t)i * 7919 + 1);
    CHECK(removed == 1 && kevy_srem(s, "large", 5, 1, &v, &removed) == KEVY_OK && removed == 1);
  }
  kevy_close(snapshot);
  kevy_close(s);
}

/* ---- chance ---- */

/* Below the 99.9999th percentile of chi-squared with n - 1 degrees, by Wilson and Hilferty. */
static bool even(const unsigned *seen, unsigned n, uint64_t draws) {
  double expected = (double)draws / n, chi = 0, d = n - 1, z = 4.75;
  for (unsigned i = 0; i < n; i++) chi += (seen[i] - expected) * (seen[i] - expected) / expected;
  double cube = 1 - 2 / (9 * d) + z * sqrt(2 / (9 * d));
  return chi < d * cube * cube * cube;
}

static void draw_one_by_one(kevy_store *s, const unsigned *place, unsigned n) {
  static unsigned seen[MEMBERS];
  memset(seen, 0, sizeof seen);
  set_view v;
  set_view_open(s, "a", 1, false, &v);
  uint64_t draws = (uint64_t)n * 200;
  for (uint64_t i = 0; i < draws; i++) {
    char digits[PACKED_NUMBER];
    kevy_value x;
    set_item_value(set_random(s, &v), &x, digits);
    seen[place[number_of(&x)]]++;
  }
  CHECK(even(seen, n, draws));
}

static void draw_several(kevy_store *s, const unsigned *place, unsigned n, uint64_t k) {
  static unsigned seen[MEMBERS];
  memset(seen, 0, sizeof seen);
  uint64_t draws = 0;
  while (draws < (uint64_t)n * 200) {
    set_pick pick;
    CHECK(set_pick_begin(s, &pick, "a", 1, k, false) == KEVY_OK && pick.count == k);
    for (uint64_t i = 0; i < pick.count; i++) {
      char digits[PACKED_NUMBER];
      kevy_value x;
      set_item_value(pick.items[i], &x, digits);
      seen[place[number_of(&x)]]++;
    }
    draws += pick.count;
    set_pick_end(&pick);
  }
  CHECK(even(seen, n, draws));
}

/* A set of n that once had `more` more. */
static void test_chance_of(unsigned n, unsigned more) {
  kevy_store *s = open_store();
  static unsigned place[MEMBERS];
  for (unsigned m = 0; m < n + more; m++) {
    kevy_value v = member((m * 7) % SHORT, KEVY_BYTES);
    CHECK(kevy_sadd(s, "a", 1, 1, &v, 0, NULL) == KEVY_OK);
  }
  for (unsigned m = 0; m < n + more; m++) {
    kevy_value v = member((m * 7) % SHORT, KEVY_BYTES);
    if (m >= n) CHECK(kevy_srem(s, "a", 1, 1, &v, NULL) == KEVY_OK);
    else place[(m * 7) % SHORT] = m;
  }
  draw_one_by_one(s, place, n);
  draw_several(s, place, n, 3);
  draw_several(s, place, n, n / 2);
  kevy_close(s);
}

static void test_chance(void) {
  test_chance_of(7, 0);
  test_chance_of(100, 0);
  test_chance_of(100, 20);
  test_chance_of(100, 800);
  test_chance_of(900, 0);
  test_chance_of(500, 499);
}

/* ---- scans, steps, borrowed arguments ---- */

static void note_scanned(void *context, set_item item) {
  unsigned *seen = context;
  char digits[PACKED_NUMBER];
  kevy_value v;
  set_item_value(item, &v, digits);
  seen[number_of(&v)]++;
}

/* A scan meets what is there all along, however the set grows and shrinks meanwhile. */
static void test_scan(void) {
  kevy_store *s = open_store();
  static unsigned seen[MEMBERS];
  for (unsigned m = 0; m < 100; m++) {
    kevy_value v = member(m, KEVY_INT);
    CHECK(kevy_sadd(s, "a", 1, 1, &v, 0, NULL) == KEVY_OK);
  }
  uint64_t cursor = 0, steps = 0;
  do {
    set_view v;
    set_view_open(s, "a", 1, false, &v);
    set_scan(&v, &cursor, 5, note_scanned, seen);
    for (unsigned i = 0; i < 40; i++) {
      kevy_value x = member(100 + (unsigned)((steps * 40 + i) % 900), KEVY_BYTES);
      CHECK(steps % 40 < 20 ? kevy_sadd(s, "a", 1, 1, &x, 0, NULL) == KEVY_OK
                            : kevy_srem(s, "a", 1, 1, &x, NULL) == KEVY_OK);
    }
  } while (cursor != 0 && ++steps < 10000);
  CHECK(cursor == 0);
  for (unsigned m = 0; m < 100; m++) CHECK(seen[m] > 0);
  kevy_close(s);
}

static void test_thresholds(void) {
  kevy_store *s = open_store();
  set_view v;
  for (int64_t i = 0; i < SET_SMALL_INTS; i++) {
    kevy_value x = kevy_int(i);
    CHECK(kevy_sadd(s, "i", 1, 1, &x, 0, NULL) == KEVY_OK);
    x = member(INTS + 1 + (unsigned)i % 200, KEVY_BYTES);
    if (i < SET_SMALL_COUNT) CHECK(kevy_sadd(s, "b", 1, 1, &x, 0, NULL) == KEVY_OK);
  }
  CHECK(set_view_open(s, "i", 1, false, &v) == KEVY_OK && v.large == NULL && v.count == SET_SMALL_INTS);
  CHECK(set_view_open(s, "b", 1, false, &v) == KEVY_OK && v.large == NULL && v.count == SET_SMALL_COUNT);
  kevy_value x = kevy_int(1000000), f = kevy_float(1.5);
  CHECK(kevy_sadd(s, "i", 1, 1, &x, 0, NULL) == KEVY_OK && kevy_sadd(s, "b", 1, 1, &x, 0, NULL) == KEVY_OK);
  CHECK(set_view_open(s, "i", 1, false, &v) == KEVY_OK && v.large != NULL && set_check(&v));
  CHECK(set_view_open(s, "b", 1, false, &v) == KEVY_OK && v.large != NULL && set_check(&v));
  for (int64_t i = 0; i < SET_SMALL_INTS; i++) {
    x = kevy_int(i);
    CHECK(kevy_srem(s, "i", 1, 1, &x, NULL) == KEVY_OK);
    CHECK(set_view_open(s, "i", 1, false, &v) == KEVY_OK && set_check(&v));
    CHECK((v.large == NULL) == (v.count <= SET_SMALL_AGAIN));
  }
  CHECK(kevy_sadd(s, "i", 1, 1, &f, 0, NULL) == KEVY_EARG && kevy_srem(s, "i", 1, 1, &f, NULL) == KEVY_EARG);
  CHECK(kevy_sismember(s, "i", 1, &f) == KEVY_EARG && kevy_sadd(s, "i", 1, 1, &x, KEVY_NX, NULL) == KEVY_EARG);
  CHECK(kevy_sadd(s, "i", 1, 0, NULL, KEVY_REPLACE, NULL) == KEVY_OK && kevy_exists(s, "i", 1) == KEVY_MISSING);
  CHECK(kevy_sadd(s, "i", 1, 0, NULL, 0, NULL) == KEVY_OK && kevy_exists(s, "i", 1) == KEVY_MISSING);
  kevy_close(s);
}

/* Counted work: no write moves more than a thousand members or copies more than 64 KiB, whatever has grown and
 * whether a snapshot looks on. */
static void test_bounded(void) {
  kevy_store *s = open_store(), *snapshot = NULL;
  uint64_t n = scaled(300000, 3000), moved = 0, copied = 0;
  for (uint64_t i = 0; i < n; i++) {
    uint64_t before = s->sp->work_moved, bytes = s->sp->work_bytes;
    kevy_value v = kevy_int((int64_t)(i * 7919));
    CHECK(kevy_sadd(s, "a", 1, 1, &v, 0, NULL) == KEVY_OK);
    if (s->sp->work_moved - before > moved) moved = s->sp->work_moved - before;
    if (s->sp->work_bytes - bytes > copied) copied = s->sp->work_bytes - bytes;
    if (i % 5000 != 4999) continue;
    if (snapshot != NULL) kevy_close(snapshot);
    REQUIRE(kevy_snapshot(s, &snapshot) == KEVY_OK);
  }
  CHECK(moved <= 1000 && copied <= 65536);
  kevy_close(snapshot);
  uint64_t before = s->sp->work_moved;
  CHECK(kevy_delete(s, "a", 1) == KEVY_OK && s->sp->work_moved == before);
  come_to_rest(s);
  CHECK(kevy_used_memory(s) == beside(s));
  kevy_close(s);
}

int main(void) {
  check_begin("set");
  name_members();
  test_thresholds();
  test_random();
  test_snapshots();
  test_no_memory(false);
  test_no_memory(true);
  test_full();
  test_chance();
  test_scan();
  test_bounded();
  return check_end();
}
