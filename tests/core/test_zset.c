/* Sorted sets against an array of what they should hold: every way of changing them, through promotion and
 * demotion, with snapshots open; allocations that fail; accounts; and the work of the worst write. */
#include "internals.h"

#include "check.h"

/* ---- members by number ---- */

enum { MEMBERS = 1200, LONG_FROM = 1150, LONGEST = 300 };

static char names[MEMBERS][LONGEST];
static size_t lens[MEMBERS];

/* The empty one, decimals, names, and long ones. */
static void name_members(void) {
  for (unsigned m = 1; m < MEMBERS; m++) {
    lens[m] = (size_t)snprintf(names[m], LONGEST, m % 4 == 1 ? "%u" : "member:%u", m);
    if (m < LONG_FROM) continue;
    size_t len = m % 2 ? 65 : 200 + m % 90;
    memset(names[m] + lens[m], 'x', len - lens[m]);
    lens[m] = len;
  }
}

static kevy_value member(unsigned m) {
  if (m % 8 == 1) return kevy_int(m);
  kevy_value v = kevy_bytes(names[m], lens[m]);
  if (m % 3 == 0) v.kind = KEVY_TEXT;
  return v;
}

static bool is_member(const kevy_value *v, unsigned m) {
  kevy_value want = member(m);
  if (v->kind != want.kind) return false;
  return v->kind == KEVY_INT ? v->as.i == want.as.i : v->len == want.len && memcmp(v->as.ptr, want.as.ptr, v->len) == 0;
}

/* ---- the model ---- */

typedef struct model {
  bool there[MEMBERS];
  double score[MEMBERS];
  unsigned n;
} model;

static void model_put(model *m, unsigned x, double score) {
  m->n += !m->there[x];
  m->there[x] = true;
  m->score[x] = score;
}
static void model_take(model *m, unsigned x) {
  m->n -= m->there[x];
  m->there[x] = false;
}

static const model *sorting;
static int compare_members(const void *a, const void *b) {
  unsigned x = *(const unsigned *)a, y = *(const unsigned *)b;
  if (sorting->score[x] != sorting->score[y]) return sorting->score[x] < sorting->score[y] ? -1 : 1;
  size_t common = lens[x] < lens[y] ? lens[x] : lens[y];
  int c = memcmp(names[x], names[y], common);
  return c != 0 ? c : (lens[x] > lens[y]) - (lens[x] < lens[y]);
}

/* The members in order. */
static void model_sort(const model *m, unsigned *order) {
  unsigned n = 0;
  for (unsigned x = 0; x < MEMBERS; x++)
    if (m->there[x]) order[n++] = x;
  sorting = m;
  qsort(order, n, sizeof *order, compare_members);
}

/* ---- comparing ---- */

static bool same_walk(const zset_view *v, const model *m, const unsigned *order, uint64_t from, uint64_t k, bool backward) {
  zset_walk w;
  kevy_value at;
  double score;
  zset_walk_begin(&w, v, from, k, backward);
  for (uint64_t met = 0; zset_walk_next(&w, &at, &score); met++) {
    unsigned x = order[backward ? from - met : from + met];
    if (!is_member(&at, x) || score != m->score[x]) return false;
  }
  return true;
}

static bool same_members(const zset_view *v, const model *m, const unsigned *order) {
  for (unsigned i = 0; i < m->n; i++) {
    kevy_value at = member(order[i]);
    uint64_t rank;
    double score;
    if (zset_view_rank(v, &at, &rank, &score) != KEVY_OK || rank != i || score != m->score[order[i]]) return false;
  }
  for (unsigned x = 0; x < MEMBERS; x++) {
    kevy_value at = member(x);
    double score;
    if (!m->there[x] && zset_view_score(v, &at, &score) != KEVY_MISSING) return false;
  }
  return true;
}

static bool same_cuts(const zset_view *v, const model *m) {
  for (int i = 0; i < 10; i++) {
    double at = (double)((int64_t)below(40) - 20) / 2;
    zset_cut cut = {.by = ZSET_BY_SCORE, .behind = one_in(2), .score = zset_order_of(at)};
    uint64_t want = 0;
    for (unsigned x = 0; x < MEMBERS; x++)
      want += m->there[x] && (cut.behind ? m->score[x] <= at : m->score[x] < at);
    if (zset_view_before(v, cut) != want) return false;
  }
  return true;
}

static bool same(kevy_store *s, const model *m) {
  static unsigned order[MEMBERS];
  zset_view v;
  kevy_status status = zset_view_open(s, "z", 1, false, &v);
  if (status != (m->n != 0 ? KEVY_OK : KEVY_MISSING) || v.count != m->n || !zset_check(&v)) return false;
  model_sort(m, order);
  if (m->n == 0) return true;
  uint64_t from = below(m->n);
  return same_walk(&v, m, order, 0, UINT64_MAX, false) && same_walk(&v, m, order, m->n - 1, UINT64_MAX, true) &&
         same_walk(&v, m, order, from, below(50), one_in(2)) && same_members(&v, m, order) && same_cuts(&v, m);
}

/* ---- ops ---- */

enum { MOST = 300 };
typedef struct op {
  enum { ADD, INCR, REMOVE, RANGE, STORE, REPLACE, COPY, DELETE, OPS } what;
  uint32_t flags;
  size_t k;
  unsigned members[MOST];
  double scores[MOST];
  uint64_t first, end;
} op;

static double some_score(void) {
  switch (below(12)) {
    case 0: return INFINITY;
    case 1: return -INFINITY;
    case 2: return -0.0;
    case 3: return 0.1 * (double)below(100);
    case 4: return 9007199254740993.0 * (double)below(5);
    default: return (double)((int64_t)below(40) - 20) / 2;
  }
}

static op choose_op(const model *m, bool growing) {
  op o = {.what = (unsigned)below(OPS)};
  if (one_in(2)) o.what = growing ? ADD : REMOVE;
  if (o.what == DELETE && !one_in(20)) o.what = INCR;
  if ((o.what == STORE || o.what == REPLACE) && !one_in(8)) o.what = growing ? ADD : REMOVE;
  o.flags = one_in(4) ? KEVY_NX << below(4) : 0;
  if (one_in(3)) o.flags |= KEVY_CHANGED;
  o.k = 1 + below(one_in(20) ? MOST : one_in(3) ? 20 : 3);
  unsigned range = one_in(3) ? MEMBERS : 150, next = (unsigned)below(MEMBERS);
  bool run = one_in(3);
  double level = some_score();
  for (size_t i = 0; i < o.k; i++) {
    o.members[i] = run ? next++ % MEMBERS : (unsigned)below(range);
    if (o.members[i] >= LONG_FROM && !one_in(30)) o.members[i] -= 700;
    o.scores[i] = run ? level : some_score();
  }
  o.first = m->n != 0 ? below(m->n) : 0;
  o.end = o.first + below(growing ? 8 : 200);
  if (o.end > m->n) o.end = m->n;
  return o;
}

/* What adding one does to the model; 1: new, 2: another score. */
static int expect_add(model *m, unsigned x, double score, uint32_t flags) {
  score += 0.0;
  if (m->there[x]) {
    if ((flags & KEVY_NX) || ((flags & KEVY_GT) && !(score > m->score[x])) ||
        ((flags & KEVY_LT) && !(score < m->score[x])) || score == m->score[x])
      return 0;
    m->score[x] = score;
    return 2;
  }
  if (flags & KEVY_XX) return 0;
  model_put(m, x, score);
  return 1;
}

static bool run_add(kevy_store *s, model *m, const op *o, kevy_status *status) {
  static kevy_value values[MOST];
  uint64_t got = 77, added = 0, updated = 0;
  uint32_t flags = o->flags;
  if (o->what == REPLACE) flags = (flags & KEVY_CHANGED) | KEVY_REPLACE;
  for (size_t i = 0; i < o->k; i++) values[i] = member(o->members[i]);
  *status = zset_add(s, "z", 1, o->k, values, o->scores, flags, &got);
  if (*status < 0) return true;
  if (o->what == REPLACE) memset(m, 0, sizeof *m);
  for (size_t i = 0; i < o->k; i++) {
    int what = expect_add(m, o->members[i], o->scores[i], flags);
    added += what == 1;
    updated += what == 2;
  }
  return got == added + (flags & KEVY_CHANGED ? updated : 0);
}

static bool run_incr(kevy_store *s, model *m, const op *o, kevy_status *status) {
  unsigned x = o->members[0];
  kevy_value v = member(x);
  double got = 77, sum = (m->there[x] ? m->score[x] : 0) + o->scores[0];
  uint32_t flags = o->flags & ~KEVY_CHANGED;
  *status = zset_incr(s, "z", 1, &v, o->scores[0], flags, &got);
  if (*status == KEVY_EOOM) return true;
  if (flags & (m->there[x] ? KEVY_NX : KEVY_XX)) return *status == KEVY_UNMET;
  if (sum != sum) return *status == KEVY_ENAN;
  if (m->there[x] && (((flags & KEVY_GT) && !(sum > m->score[x])) || ((flags & KEVY_LT) && !(sum < m->score[x]))))
    return *status == KEVY_UNMET;
  model_put(m, x, sum + 0.0);
  return *status == KEVY_OK && got == sum;
}

static bool run_remove(kevy_store *s, model *m, const op *o, kevy_status *status) {
  static kevy_value values[MOST];
  uint64_t got = 77, before = m->n;
  for (size_t i = 0; i < o->k; i++) values[i] = member(o->members[i]);
  *status = zset_remove(s, "z", 1, o->k, values, &got);
  if (before == 0) return *status == KEVY_MISSING && got == 0;
  for (size_t i = 0; i < o->k; i++) model_take(m, o->members[i]);
  return *status == KEVY_OK && got == before - m->n;
}

static bool run_range(kevy_store *s, model *m, const op *o, kevy_status *status) {
  static unsigned order[MEMBERS];
  probe p;
  zset_view v;
  *status = zset_open_write(s, &p, "z", 1, &v);
  if (m->n == 0) return *status == KEVY_MISSING;
  *status = zset_remove_range(s, &p, &v, o->first, o->end);
  if (*status != KEVY_OK) return false;
  model_sort(m, order);
  for (uint64_t i = o->first; i < o->end; i++) model_take(m, order[i]);
  return true;
}

static bool run_store(kevy_store *s, model *m, const op *o, kevy_status *status) {
  static zset_pair pairs[MOST];
  static model made;
  size_t n = 0;
  memset(&made, 0, sizeof made);
  for (size_t i = 0; i < o->k; i++) {
    if (made.there[o->members[i]]) continue;
    model_put(&made, o->members[i], o->scores[i] + 0.0);
    pairs[n++] = (zset_pair){member(o->members[i]), o->scores[i]};
  }
  *status = zset_store(s, "z", 1, n, pairs, 0);
  if (*status == KEVY_OK) *m = made;
  return *status == KEVY_OK || *status == KEVY_EOOM;
}

/* There and back. */
static bool run_copy(kevy_store *s, const model *m, kevy_status *status) {
  *status = kevy_copy(s, "z", 1, "other", 5, KEVY_REPLACE);
  if (m->n == 0) return *status == KEVY_MISSING;
  if (*status != KEVY_OK) return *status == KEVY_EOOM;
  kevy_delete(s, "z", 1);
  kevy_debug_fail_alloc(s, 0);
  CHECK(kevy_rename(s, "other", 5, "z", 1, 0) == KEVY_OK);
  return true;
}

static bool run_op(kevy_store *s, model *m, const op *o, kevy_status *status) {
  switch (o->what) {
    case ADD: case REPLACE: return run_add(s, m, o, status);
    case INCR: return run_incr(s, m, o, status);
    case REMOVE: return run_remove(s, m, o, status);
    case RANGE: return run_range(s, m, o, status);
    case STORE: return run_store(s, m, o, status);
    case COPY: return run_copy(s, m, status);
    default:
      *status = kevy_delete(s, "z", 1);
      memset(m, 0, sizeof *m);
      return true;
  }
}

/* ---- stores ---- */

static kevy_store *open_store(void) {
  kevy_store *s = NULL;
  REQUIRE(kevy_open(NULL, &s) == KEVY_OK);
  return s;
}

static void come_to_rest(kevy_store *s) {
  while (kevy_tick(s, 0, NULL) == KEVY_UNMET) continue;
}

/* ---- tests ---- */

enum { HELD = 4 };
typedef struct held {
  kevy_store *s;
  model m;
} held;

static void toggle(kevy_store *s, const model *m, held *h) {
  if (h->s == NULL) {
    REQUIRE(kevy_snapshot(s, &h->s) == KEVY_OK);
    h->m = *m;
    return;
  }
  CHECK(same(h->s, &h->m));
  kevy_close(h->s);
  h->s = NULL;
}

static void test_steps(size_t steps, size_t snapshots) {
  static model m;
  static held held_at[HELD];
  memset(&m, 0, sizeof m);
  kevy_store *s = open_store();
  uint64_t empty = kevy_used_memory(s);
  for (size_t i = 0; i < steps; i++) {
    op o = choose_op(&m, (i / 300) % 2 == 0);
    kevy_status status;
    CHECK(run_op(s, &m, &o, &status) && status != KEVY_EOOM);
    if (one_in(20) && !CHECK(same(s, &m))) break;
    if (snapshots != 0 && one_in(snapshots)) toggle(s, &m, &held_at[below(HELD)]);
    if (one_in(50)) kevy_tick(s, 0, NULL);
  }
  CHECK(same(s, &m));
  for (int i = 0; i < HELD; i++)
    if (held_at[i].s != NULL) toggle(s, &m, &held_at[i]);
  kevy_delete(s, "z", 1);
  come_to_rest(s);
  kevy_delete(s, "none", 4);
  come_to_rest(s);
  CHECK(kevy_used_memory(s) == empty);
  kevy_close(s);
}

/* Each allocation of an op fails in turn: nothing has changed then, and in the end the op succeeds. */
static void test_failures(size_t steps) {
  static model m, before;
  memset(&m, 0, sizeof m);
  kevy_store *s = open_store(), *snapshot = NULL;
  uint64_t failures = 0;
  for (size_t i = 0; i < steps; i++) {
    op o = choose_op(&m, (i / 40) % 2 == 0);
    for (uint64_t n = 1;; n++) {
      kevy_status status;
      before = m;
      kevy_debug_fail_alloc(s, n);
      CHECK(run_op(s, &m, &o, &status));
      kevy_debug_fail_alloc(s, 0);
      if (status != KEVY_EOOM) break;
      failures++;
      CHECK(o.what == ADD || o.what == INCR || o.what == STORE || o.what == REPLACE || o.what == COPY);
      if (n % 7 == 0 || n < 5) CHECK(memcmp(&before, &m, sizeof m) == 0 && same(s, &m));
      REQUIRE(n < 20000);
      if (n > 40) n += n / 8; /* large ones by samples */
    }
    if (i % 10 == 9) {
      if (snapshot != NULL) kevy_close(snapshot);
      snapshot = NULL;
      if (one_in(2)) REQUIRE(kevy_snapshot(s, &snapshot) == KEVY_OK);
    }
  }
  CHECK(failures > steps / 8 && same(s, &m));
  if (snapshot != NULL) kevy_close(snapshot);
  kevy_close(s);
}

static void add_number(kevy_store *s, uint64_t i, double score) {
  char name[17];
  snprintf(name, sizeof name, "m%015llu", (unsigned long long)i);
  kevy_value v = kevy_bytes(name, 16);
  if (zset_add(s, "z", 1, 1, &v, &score, 0, NULL) != KEVY_OK) FAIL("ZADD");
}

/* One write copies and moves little, whatever the size, whether snapshots are open or not. */
static void test_worst_write(size_t n) {
  kevy_store *s = open_store(), *snapshot = NULL;
  uint64_t worst = 0, moved = 0;
  for (size_t i = 0; i < n; i++) {
    if (i % 20 == 0) {
      if (snapshot != NULL) kevy_close(snapshot);
      REQUIRE(kevy_snapshot(s, &snapshot) == KEVY_OK);
    }
    uint64_t bytes = s->sp->work_bytes, slots = s->sp->work_moved;
    add_number(s, below(n), (double)below(n));
    if (s->sp->work_bytes - bytes > worst) worst = s->sp->work_bytes - bytes;
    if (s->sp->work_moved - slots > moved) moved = s->sp->work_moved - slots;
  }
  if (!CHECK(worst <= 64 << 10 && moved <= 1000))
    fprintf(stderr, "%llu bytes, %llu slots\n", (unsigned long long)worst, (unsigned long long)moved);
  kevy_close(snapshot);
  kevy_close(s);
}

/* Members of 16 bytes: all that the store takes for each. */
static void test_memory(size_t n) {
  kevy_store *s = open_store();
  uint64_t empty = kevy_used_memory(s);
  for (size_t i = 0; i < n; i++) add_number(s, i, (double)(chance() >> 20));
  double each = (double)(kevy_used_memory(s) - empty) / (double)n;
  if (!CHECK(each <= 72)) fprintf(stderr, "%.1f bytes for each of %zu\n", each, n);
  kevy_close(s);
}

/* A snapshot outlives the deletion of what it shares most of. */
static void test_deleted_under_snapshot(void) {
  kevy_store *s = open_store(), *snapshot;
  uint64_t empty = kevy_used_memory(s);
  for (uint64_t i = 0; i < 3000; i++) add_number(s, i, (double)i);
  REQUIRE(kevy_snapshot(s, &snapshot) == KEVY_OK);
  add_number(s, 5000, 1.5);
  kevy_delete(s, "z", 1);
  come_to_rest(s);
  zset_view v;
  CHECK(zset_view_open(snapshot, "z", 1, false, &v) == KEVY_OK && v.count == 3000 && zset_check(&v));
  kevy_close(snapshot);
  kevy_delete(s, "none", 4);
  come_to_rest(s);
  CHECK(kevy_used_memory(s) == empty);
  kevy_close(s);
}

static void test_arguments(void) {
  kevy_store *s = open_store();
  kevy_value v = kevy_bytes("m", 1), real = kevy_float(1), twice[2] = {v, v};
  double score = 1, nan = NAN, scores[2] = {1, 2};
  uint64_t changed = 7;
  CHECK(kevy_zadd(s, "z", 1, 1, &real, &score, 0, NULL) == KEVY_EARG);
  CHECK(kevy_zadd(s, "z", 1, 1, &v, &nan, 0, &changed) == KEVY_ENOTFLOAT && changed == 0);
  CHECK(kevy_zadd(s, "z", 1, 1, &v, &score, KEVY_NX | KEVY_XX, NULL) == KEVY_EARG);
  CHECK(kevy_zadd(s, "z", 1, 1, &v, &score, KEVY_GT | KEVY_LT, NULL) == KEVY_EARG);
  CHECK(kevy_zadd(s, "z", 1, 1, &v, &score, KEVY_XX, &changed) == KEVY_OK && changed == 0);
  CHECK(kevy_exists(s, "z", 1) == KEVY_MISSING);
  CHECK(kevy_zadd(s, "z", 1, 2, twice, scores, KEVY_CHANGED, &changed) == KEVY_OK && changed == 2);
  CHECK(kevy_zscore(s, "z", 1, &v, &score) == KEVY_OK && score == 2);
  CHECK(kevy_zincr(s, "z", 1, &v, INFINITY, 0, &score) == KEVY_OK);
  CHECK(kevy_zincr(s, "z", 1, &v, -INFINITY, 0, &score) == KEVY_ENAN);
  CHECK(kevy_zscore(s, "z", 1, &real, &score) == KEVY_EARG && kevy_zrem(s, "z", 1, 1, &real, NULL) == KEVY_EARG);
  CHECK(kevy_zadd(s, "z", 1, 0, NULL, NULL, KEVY_REPLACE, NULL) == KEVY_OK && kevy_exists(s, "z", 1) == KEVY_MISSING);
  kevy_value text = kevy_bytes("text", 4);
  CHECK(kevy_set(s, "z", 1, &text, KEVY_NO_TTL, 0, NULL) == KEVY_OK);
  CHECK(kevy_zadd(s, "z", 1, 1, &v, scores, 0, NULL) == KEVY_EWRONGTYPE);
  CHECK(kevy_zcard(s, "z", 1, &changed) == KEVY_EWRONGTYPE);
  CHECK(kevy_zadd(s, "z", 1, 1, &v, scores, KEVY_REPLACE, NULL) == KEVY_OK);
  CHECK(kevy_zrank(s, "z", 1, &v, KEVY_REV, &changed, NULL) == KEVY_OK && changed == 0);
  kevy_close(s);
}

int main(void) {
  check_begin("test_zset");
  name_members();
  test_arguments();
  test_deleted_under_snapshot();
  test_steps(scaled(6000, 1500), 0);
  test_steps(scaled(6000, 1500), 30);
  test_steps(scaled(4000, 1000), 5);
  test_failures(scaled(400, 120));
  test_worst_write(scaled(60000, 6000));
  test_memory(scaled(1000000, 20000));
  return check_end();
}
