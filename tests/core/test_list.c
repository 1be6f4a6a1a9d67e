/* Lists against an array: random operations on small and large values, under snapshots that are verified later,
 * with elements of every size; each allocation failing in turn; and memory given back. */
#include "internals.h"

#include "check.h"

enum { KEYS = 3, MOST = 6000, HELD = 4 };

/* An element with its owners; models share them. */
typedef struct item {
  uint32_t refs;
  kevy_value v;
  char bytes[];
} item;

typedef struct array {
  size_t n;
  item *at[MOST];
} array;

typedef struct world {
  array of[KEYS];
} world;

static const char *const names[KEYS] = {"a", "bb", "ccc"};
static world live;

static item *item_new(const kevy_value *v) {
  size_t len = v->kind <= KEVY_TEXT ? v->len : 0;
  item *it = malloc(sizeof *it + len);
  REQUIRE(it != NULL);
  it->refs = 1;
  it->v = *v;
  if (len != 0) memcpy(it->bytes, v->as.ptr, len);
  if (v->kind <= KEVY_TEXT) it->v.as.ptr = it->bytes;
  return it;
}

static void item_drop(item *it) {
  if (--it->refs == 0) free(it);
}

static bool alike(const kevy_value *a, const kevy_value *b) {
  if (a->kind != b->kind) return false;
  if (a->kind > KEVY_TEXT) return a->as.i == b->as.i;
  return a->len == b->len && (a->len == 0 || memcmp(a->as.ptr, b->as.ptr, a->len) == 0);
}

/* How elements look: changes from time to time, so that leaves of one shape come about. */
static enum { ANY, SIXTEEN, TINY, HUGE_ONES } fashion;

static item *some_item(void) {
  static char bytes[20000];
  kevy_value v = {KEVY_BYTES, 0, below(40), {.ptr = bytes}};
  uint64_t x = chance();
  if (fashion == SIXTEEN && !one_in(200)) {
    v.len = (size_t)snprintf(bytes, sizeof bytes, "item%012u", (unsigned)below(50));
    return item_new(&v);
  }
  switch (below(fashion == HUGE_ONES ? 10 : 30)) {
    case 0: v.len = 2030 + below(40); break;
    case 1: v.len = 3000 + below(9000); break;
    case 2: v.kind = KEVY_FLOAT; v.as.d = (double)below(20) / 4; return item_new(&v);
    case 3: v.len = 300 + below(300); break;
    default:
      if (x % 3 == 0 || fashion == TINY) {
        v.kind = KEVY_INT;
        v.as.i = (int64_t)below(one_in(4) ? 100000 : 60) - 10;
        return item_new(&v);
      }
  }
  v.kind = (uint32_t)below(2);
  if (v.len < 8) v.len = (size_t)snprintf(bytes, sizeof bytes, "%u", (unsigned)below(30));
  else memset(bytes, 'a' + (int)below(4), v.len);
  return item_new(&v);
}

/* ---- the model ---- */

static void array_splice(array *a, size_t at, size_t removed, item **add, size_t k) {
  for (size_t i = 0; i < removed; i++) item_drop(a->at[at + i]);
  memmove(&a->at[at + k], &a->at[at + removed], (a->n - at - removed) * sizeof a->at[0]);
  for (size_t i = 0; i < k; i++) a->at[at + i] = add[i];
  a->n = a->n - removed + k;
}

static void world_copy(world *to, const world *from) {
  *to = *from;
  for (int key = 0; key < KEYS; key++)
    for (size_t i = 0; i < to->of[key].n; i++) to->of[key].at[i]->refs++;
}

static void world_clear(world *w) {
  for (int key = 0; key < KEYS; key++) array_splice(&w->of[key], 0, w->of[key].n, NULL, 0);
}

static bool array_matches(kevy_store *s, int key, const array *a) {
  probe p;
  entry *e = probe_find(s, &p, names[key], strlen(names[key]));
  if (e == NULL) return a->n == 0;
  if (list_entry_len(s->base, e) != a->n || a->n == 0 || !list_check(s->base, e)) return false;
  list_iter it;
  kevy_value v;
  size_t start = below(a->n);
  list_iter_open(&it, s->base, e, 0, false);
  for (size_t i = 0; i < a->n; i++)
    if (!list_iter_next(&it, &v) || !alike(&v, &a->at[i]->v)) return false;
  if (list_iter_next(&it, &v)) return false;
  list_iter_open(&it, s->base, e, start, true);
  for (size_t i = start + 1; i-- > 0;)
    if (!list_iter_next(&it, &v) || !alike(&v, &a->at[i]->v)) return false;
  if (list_iter_next(&it, &v)) return false;
  for (int i = 0; i < 4; i++) {
    size_t at = below(a->n);
    int64_t position = one_in(2) ? (int64_t)at : (int64_t)at - (int64_t)a->n;
    if (kevy_lindex(s, names[key], strlen(names[key]), position, &v) != KEVY_OK || !alike(&v, &a->at[at]->v)) return false;
  }
  return true;
}

static bool world_matches(kevy_store *s, const world *w) {
  for (int key = 0; key < KEYS; key++)
    if (!array_matches(s, key, &w->of[key])) return false;
  return true;
}

/* ---- one operation on both ---- */

typedef struct step {
  int what, key, to;
  uint32_t flags, flags2;
  size_t position, removed, k;
  int64_t count;
  item *items[64];
} step;

enum { PUSH, POP, SET, SPLICE, TRIM, REMOVE, INSERT, MOVE, COPY, RENAME, DEL, NEW, WHATS };

static item *present(int key) {
  const array *a = &live.of[key];
  return a->n != 0 && !one_in(4) ? item_new(&a->at[below(a->n)]->v) : some_item();
}

static step some_step(void) {
  step t = {.key = (int)below(KEYS), .to = (int)below(KEYS)};
  size_t n = live.of[t.key].n;
  static const int often[] = {PUSH, PUSH, PUSH, POP, POP, POP, SET, SET, SPLICE, SPLICE, INSERT, MOVE, MOVE};
  t.what = one_in(30) ? (int)below(WHATS) : often[below(sizeof often / sizeof often[0])];
  if (n > MOST - 200) t.what = TRIM;
  t.flags = one_in(2) ? KEVY_LEFT : 0;
  t.flags2 = one_in(2) ? KEVY_LEFT : 0;
  t.position = below(n + 1);
  t.removed = one_in(8) ? below(n + 1) : below(4);
  if (t.removed > n - t.position) t.removed = n - t.position;
  t.count = (int64_t)below(9) - 4;
  if (t.what == PUSH || t.what == SPLICE || t.what == NEW) t.k = one_in(3) ? below(60) : below(5);
  if (t.what == SET) t.k = 1;
  if (t.what == INSERT || t.what == REMOVE) t.k = 2;
  for (size_t i = 0; i < t.k; i++) t.items[i] = some_item();
  if (t.what == INSERT || t.what == REMOVE) {
    item_drop(t.items[0]);
    t.items[0] = present(t.key);
  }
  if (t.what == TRIM && one_in(3)) t.removed = (n - t.position) / 2;
  return t;
}

static kevy_status run(kevy_store *s, const step *t, kevy_value *out, uint64_t *number) {
  const char *key = names[t->key], *to = names[t->to];
  size_t klen = strlen(key), tolen = strlen(to);
  kevy_value v[64];
  for (size_t i = 0; i < t->k; i++) v[i] = t->items[i]->v;
  switch (t->what) {
    case PUSH: return kevy_push(s, key, klen, t->k, v, t->flags, number);
    case NEW: return kevy_push(s, key, klen, t->k, v, t->flags | KEVY_REPLACE, number);
    case POP: return kevy_pop(s, key, klen, t->flags, out);
    case SET: return kevy_lset(s, key, klen, (int64_t)t->position, v);
    case SPLICE: return kevy_lsplice(s, key, klen, (int64_t)t->position, t->removed, t->k, v, 0);
    case TRIM: return kevy_ltrim(s, key, klen, (int64_t)t->position, (int64_t)(t->position + t->removed) - 1);
    case REMOVE: return list_remove(s, key, klen, t->count, &v[0], number);
    case INSERT: return list_insert(s, key, klen, t->flags != 0, &v[0], &v[1], number);
    case MOVE: return list_move(s, key, klen, t->flags, to, tolen, t->flags2, out);
    case COPY: return kevy_copy(s, key, klen, to, tolen, KEVY_REPLACE);
    case RENAME: return kevy_rename(s, key, klen, to, tolen, 0);
    default: return kevy_delete(s, key, klen);
  }
}

static bool equal_bytes(const item *a, const item *b) {
  char da[NUMBER_FLOAT_MAX], db[NUMBER_FLOAT_MAX];
  kevy_value x = number_byte_form(&a->v, da), y = number_byte_form(&b->v, db);
  return x.len == y.len && (x.len == 0 || memcmp(x.as.ptr, y.as.ptr, x.len) == 0);
}

static uint64_t expect_remove(array *a, const item *it, int64_t count) {
  uint64_t removed = 0, most = count == 0 ? UINT64_MAX : (uint64_t)llabs(count);
  for (size_t i = 0; i < a->n && removed < most; i++) {
    size_t at = count < 0 ? a->n - 1 - i : i;
    if (!equal_bytes(a->at[at], it)) continue;
    array_splice(a, at, 1, NULL, 0);
    removed++;
    i--;
  }
  return removed;
}

static void array_take(array *to, array *from) {
  array_splice(to, 0, to->n, NULL, 0);
  *to = *from;
}

static kevy_status expect_copy(const step *t) {
  array *a = &live.of[t->key], *to = &live.of[t->to];
  if (t->key == t->to) return KEVY_OK;
  array_take(to, a);
  if (t->what == RENAME) a->n = 0;
  else for (size_t i = 0; i < to->n; i++) to->at[i]->refs++;
  return KEVY_OK;
}

/* What the step does to the model; its items belong to the model then, where it takes them. */
static kevy_status expect(step *t, item **out, uint64_t *number) {
  array *a = &live.of[t->key], *to = &live.of[t->to];
  size_t n = a->n, end = t->flags & KEVY_LEFT ? 0 : n - 1;
  if (t->what == COPY && t->key == t->to) return KEVY_EARG;
  if (n == 0 && t->what != PUSH && t->what != NEW && !(t->what == SPLICE && t->k != 0)) return KEVY_MISSING;
  switch (t->what) {
    case NEW:
      array_splice(a, 0, n, NULL, 0);
      /* fall through */
    case PUSH:
      for (size_t i = 0; i < t->k; i++) array_splice(a, t->flags & KEVY_LEFT ? 0 : a->n, 0, &t->items[i], 1);
      t->k = 0;
      *number = a->n;
      return KEVY_OK;
    case POP:
      *out = item_new(&a->at[end]->v);
      array_splice(a, end, 1, NULL, 0);
      return KEVY_OK;
    case SET:
      if (t->position >= n) return KEVY_ERANGE;
      /* fall through */
    case SPLICE:
      array_splice(a, t->position, t->what == SET ? 1 : t->removed, t->items, t->k);
      t->k = 0;
      return KEVY_OK;
    case TRIM:
      if (t->removed == 0) t->position = n;
      if (t->position == 0 && t->removed == 0) t->position = n;
      array_splice(a, t->position + t->removed, n - t->position - t->removed, NULL, 0);
      array_splice(a, 0, t->position, NULL, 0);
      return KEVY_OK;
    case REMOVE: *number = expect_remove(a, t->items[0], t->count); return KEVY_OK;
    case INSERT:
      for (size_t i = 0; i < n; i++) {
        if (!equal_bytes(a->at[i], t->items[0])) continue;
        array_splice(a, i + (t->flags == 0), 0, &t->items[1], 1);
        t->k = 1;
        *number = a->n;
        return KEVY_OK;
      }
      return KEVY_UNMET;
    case MOVE: {
      *out = item_new(&a->at[end]->v);
      item *it = a->at[end];
      it->refs++;
      array_splice(a, end, 1, NULL, 0);
      array_splice(to, t->flags2 & KEVY_LEFT ? 0 : to->n, 0, &it, 1);
      return KEVY_OK;
    }
    case COPY: case RENAME: return expect_copy(t);
    default: array_splice(a, 0, n, NULL, 0); return KEVY_OK;
  }
}

static void step_drop(step *t) {
  for (size_t i = 0; i < t->k; i++) item_drop(t->items[i]);
}

/* Both, and what they answer is alike. */
static void both(kevy_store *s, step *t) {
  kevy_value got = {KEVY_NIL, 0, 0, {.ptr = NULL}};
  uint64_t number = 0, wanted = 0;
  item *out = NULL;
  bool trims_all = t->what == TRIM && t->position == 0 && t->removed == 0;
  if (trims_all) t->position = live.of[t->key].n; /* 0 to -1 is everything */
  kevy_status status = run(s, t, &got, &number), want = expect(t, &out, &wanted);
  if (!CHECK(status == want && number == wanted))
    fprintf(stderr, "step %d: %d, not %d; %llu, not %llu\n", t->what, status, want, (unsigned long long)number,
            (unsigned long long)wanted);
  if (out != NULL) {
    CHECK(alike(&got, &out->v));
    item_drop(out);
  }
  step_drop(t);
}

static void settle(kevy_store *s) {
  while (kevy_tick(s, 0, NULL) == KEVY_UNMET) continue;
}

static void test_random(void) {
  kevy_store *s, *held[HELD] = {NULL};
  static world seen[HELD];
  REQUIRE(kevy_open(NULL, &s) == KEVY_OK);
  uint64_t empty = kevy_used_memory(s);
  for (size_t i = 0, n = scaled(60000, 500); i < n; i++) {
    if (one_in(400)) fashion = (unsigned)below(4);
    step t = some_step();
    both(s, &t);
    if (one_in(64)) CHECK(array_matches(s, t.key, &live.of[t.key]));
    size_t h = below(HELD);
    if (one_in(one_in(2) ? 50 : 800)) {
      if (held[h] != NULL) {
        CHECK(world_matches(held[h], &seen[h]));
        kevy_close(held[h]);
        world_clear(&seen[h]);
        held[h] = NULL;
      } else {
        REQUIRE(kevy_snapshot(s, &held[h]) == KEVY_OK);
        world_copy(&seen[h], &live);
      }
    }
    if (one_in(100)) kevy_tick(s, 0, NULL);
  }
  CHECK(world_matches(s, &live));
  for (int h = 0; h < HELD; h++) {
    if (held[h] == NULL) continue;
    CHECK(world_matches(held[h], &seen[h]));
    kevy_close(held[h]);
    world_clear(&seen[h]);
  }
  for (int key = 0; key < KEYS; key++) kevy_delete(s, names[key], strlen(names[key]));
  world_clear(&live);
  settle(s);
  settle(s);
  CHECK(kevy_used_memory(s) == empty);
  kevy_close(s);
}

/* Every allocation fails in turn: a write then changes nothing, and what only takes away does not fail. */
static void test_out_of_memory(void) {
  kevy_store *s, *held = NULL;
  REQUIRE(kevy_open(NULL, &s) == KEVY_OK);
  static world seen;
  kevy_value v;
  kevy_pop(s, "none", 4, 0, &v);
  size_t failed = 0;
  for (size_t i = 0, n = scaled(4000, 100); i < n; i++) {
    if (one_in(100)) fashion = (unsigned)below(4);
    if (one_in(20)) {
      if (held != NULL) {
        CHECK(world_matches(held, &seen));
        kevy_close(held);
        world_clear(&seen);
        held = NULL;
      } else {
        REQUIRE(kevy_snapshot(s, &held) == KEVY_OK);
        world_copy(&seen, &live);
      }
    }
    step t = some_step();
    bool adds = t.what == PUSH || t.what == SET || t.what == SPLICE || t.what == INSERT || t.what == MOVE ||
                t.what == COPY || t.what == RENAME || t.what == NEW;
    if (t.what == TRIM && t.removed == 0) t.position = live.of[t.key].n;
    for (uint64_t fail = 1; adds && fail < 12; fail++) {
      uint64_t number;
      kevy_debug_fail_alloc(s, fail);
      step again = t;
      if (one_in(3)) break;
      kevy_status status = run(s, &again, &v, &number);
      if (status != KEVY_EOOM) {
        kevy_debug_fail_alloc(s, 0);
        for (size_t j = 0; j < t.k; j++) t.items[j]->refs++;
        item *out = NULL;
        CHECK(expect(&again, &out, &number) == status);
        if (out != NULL) item_drop(out);
        step_drop(&again);
        for (size_t j = 0; j < t.k; j++) item_drop(t.items[j]);
        t.k = 0;
        t.what = WHATS;
        break;
      }
      failed++;
      CHECK(world_matches(s, &live));
    }
    kevy_debug_fail_alloc(s, adds ? 0 : 1);
    if (t.what != WHATS) both(s, &t);
    kevy_debug_fail_alloc(s, 0);
    if (!CHECK(world_matches(s, &live))) break;
  }
  CHECK(failed > 0);
  if (held != NULL) {
    CHECK(world_matches(held, &seen));
    kevy_close(held);
    world_clear(&seen);
  }
  world_clear(&live);
  kevy_close(s);
}

/* Arguments may be what an earlier call lent. */
static void test_borrowed(void) {
  kevy_store *s;
  REQUIRE(kevy_open(NULL, &s) == KEVY_OK);
  fashion = ANY;
  for (int i = 0; i < 3000; i++) {
    array *a = &live.of[0];
    item *it = some_item();
    CHECK(kevy_push(s, "a", 1, 1, &it->v, KEVY_LEFT, NULL) == KEVY_OK);
    array_splice(a, 0, 0, &it, 1);
    size_t at = below(a->n), to = below(a->n);
    kevy_value v;
    CHECK(kevy_lindex(s, "a", 1, (int64_t)at, &v) == KEVY_OK);
    item *same = item_new(&v);
    switch (below(4)) {
      case 0:
        CHECK(kevy_push(s, "a", 1, 1, &v, KEVY_LEFT, NULL) == KEVY_OK);
        array_splice(a, 0, 0, &same, 1);
        break;
      case 1:
        CHECK(kevy_lset(s, "a", 1, (int64_t)to, &v) == KEVY_OK);
        array_splice(a, to, 1, &same, 1);
        break;
      case 2:
        CHECK(kevy_lsplice(s, "a", 1, (int64_t)to, 1, 1, &v, 0) == KEVY_OK);
        array_splice(a, to, 1, &same, 1);
        break;
      default: {
        kevy_value popped;
        item_drop(same);
        CHECK(kevy_pop(s, "a", 1, 0, &popped) == KEVY_OK && alike(&popped, &a->at[a->n - 1]->v));
        CHECK(kevy_push(s, "a", 1, 1, &popped, KEVY_LEFT, NULL) == KEVY_OK);
        same = a->at[--a->n];
        array_splice(a, 0, 0, &same, 1);
      }
    }
    if (one_in(50)) CHECK(array_matches(s, 0, a));
  }
  CHECK(array_matches(s, 0, &live.of[0]));
  world_clear(&live);
  kevy_close(s);
}

/* A long list of one shape takes little more than its bytes, and a queue keeps nothing. */
static void test_memory(void) {
  kevy_store *s;
  REQUIRE(kevy_open(NULL, &s) == KEVY_OK);
  uint64_t empty = kevy_used_memory(s), n = scaled(200000, 20000);
  char bytes[32];
  kevy_value v = {KEVY_BYTES, 0, 16, {.ptr = bytes}};
  for (int left = 0; left < 2; left++) {
    for (uint64_t i = 0; i < n; i++) {
      snprintf(bytes, sizeof bytes, "item%012llu", (unsigned long long)i);
      CHECK(kevy_push(s, "k", 1, 1, &v, left ? KEVY_LEFT : 0, NULL) == KEVY_OK);
    }
    double each = (double)(kevy_used_memory(s) - empty) / (double)n;
    CHECK(each < 17.5);
    kevy_value out;
    for (uint64_t i = 0; i < n; i++) CHECK(kevy_pop(s, "k", 1, left ? 0 : KEVY_LEFT, &out) == KEVY_OK);
    settle(s);
    CHECK(kevy_used_memory(s) == empty);
  }
  for (uint64_t i = 0; i < n; i++) {
    v.len = 1 + below(30);
    CHECK(kevy_push(s, "q", 1, 1, &v, KEVY_LEFT, NULL) == KEVY_OK);
    if (i > 100) CHECK(kevy_pop(s, "q", 1, 0, &v) == KEVY_OK);
    v.as.ptr = bytes;
  }
  CHECK(kevy_used_memory(s) - empty < 16384);
  kevy_close(s);
}

/* Bad arguments change nothing. */
static void test_arguments(void) {
  kevy_store *s;
  REQUIRE(kevy_open(NULL, &s) == KEVY_OK);
  double zero = 0;
  kevy_value nan = {KEVY_FLOAT, 0, 0, {.d = zero / zero}}, nil = {KEVY_NIL, 0, 0, {.ptr = NULL}}, out;
  kevy_value big = {KEVY_BYTES, 0, KEVY_MAX_LEN + 1, {.ptr = "x"}}, one = kevy_bytes("1", 1), text = kevy_text("1", 1);
  uint64_t n = 7;
  CHECK(kevy_push(s, "k", 1, 1, &nan, 0, NULL) == KEVY_EARG && kevy_push(s, "k", 1, 1, &nil, 0, NULL) == KEVY_EARG);
  CHECK(kevy_push(s, "k", 1, 1, &big, 0, NULL) == KEVY_ETOOBIG && kevy_push(s, "k", 1, 1, &one, KEVY_NX, NULL) == KEVY_EARG);
  CHECK(kevy_push(s, "k", 1, 0, NULL, 0, &n) == KEVY_OK && n == 0 && kevy_exists(s, "k", 1) == KEVY_MISSING);
  CHECK(kevy_push(s, "k", 1, 1, &one, KEVY_XX, NULL) == KEVY_MISSING && kevy_llen(s, "k", 1, &n) == KEVY_MISSING && n == 0);
  CHECK(kevy_lindex(s, "k", 1, 0, &out) == KEVY_MISSING && kevy_lset(s, "k", 1, 0, &one) == KEVY_MISSING);
  CHECK(kevy_lsplice(s, "k", 1, 0, 1, 0, NULL, 0) == KEVY_MISSING && kevy_ltrim(s, "k", 1, 0, 1) == KEVY_MISSING);
  CHECK(kevy_lsplice(s, "k", 1, 1, 0, 1, &one, 0) == KEVY_ERANGE && kevy_lsplice(s, "k", 1, 0, 9, 1, &text, 0) == KEVY_OK);
  CHECK(kevy_lindex(s, "k", 1, 0, &out) == KEVY_OK && out.kind == KEVY_TEXT && out.len == 1 && out.as.ptr[0] == '1');
  CHECK(kevy_lindex(s, "k", 1, INT64_MIN, &out) == KEVY_MISSING && kevy_lindex(s, "k", 1, INT64_MAX, &out) == KEVY_MISSING);
  CHECK(kevy_lset(s, "k", 1, 1, &one) == KEVY_ERANGE && kevy_lset(s, "k", 1, INT64_MIN, &one) == KEVY_ERANGE);
  CHECK(kevy_lset(s, "k", 1, 0, &nan) == KEVY_EARG && kevy_lsplice(s, "k", 1, 0, UINT64_MAX, 0, NULL, 0) == KEVY_OK);
  CHECK(kevy_exists(s, "k", 1) == KEVY_MISSING);
  CHECK(kevy_set(s, "k", 1, &one, KEVY_NO_TTL, 0, NULL) == KEVY_OK && kevy_push(s, "k", 1, 1, &one, 0, NULL) == KEVY_EWRONGTYPE);
  CHECK(kevy_pop(s, "k", 1, 0, &out) == KEVY_EWRONGTYPE && kevy_push(s, "k", 1, 1, &one, KEVY_REPLACE, &n) == KEVY_OK && n == 1);
  CHECK(kevy_expire(s, "k", 1, 100000, 0) == KEVY_OK && kevy_push(s, "k", 1, 1, &one, 0, &n) == KEVY_OK && n == 2);
  int64_t ttl;
  CHECK(kevy_ttl(s, "k", 1, &ttl) == KEVY_OK && ttl > 0);
  CHECK(kevy_push(s, "k", 1, 1, &one, KEVY_REPLACE, &n) == KEVY_OK && kevy_ttl(s, "k", 1, &ttl) == KEVY_OK && ttl == KEVY_NO_TTL);
  CHECK(kevy_push(s, "k", 1, 0, NULL, KEVY_REPLACE, &n) == KEVY_OK && n == 0 && kevy_exists(s, "k", 1) == KEVY_MISSING);
  kevy_close(s);
}

/* A key that was lent as an element of the very list, and goes with it while the list becomes a small one. */
static void test_borrowed_key(void) {
  static const char name[] = "a name of some length";
  const size_t len = sizeof name - 1;
  kevy_store *s;
  REQUIRE(kevy_open(NULL, &s) == KEVY_OK);
  kevy_value items[400], v;
  for (int i = 0; i < 400; i++) items[i] = i % 2 ? kevy_int(i) : kevy_bytes(name, len);
  for (int how = 0; how < 2; how++) {
    uint64_t n = 0;
    CHECK(kevy_push(s, name, len, 400, items, KEVY_REPLACE, NULL) == KEVY_OK);
    CHECK(kevy_lindex(s, name, len, 200, &v) == KEVY_OK);
    if (how == 0) CHECK(kevy_ltrim(s, v.as.ptr, v.len, 390, -1) == KEVY_OK);
    else CHECK(kevy_lsplice(s, v.as.ptr, v.len, 1, 390, 0, NULL, 0) == KEVY_OK);
    CHECK(kevy_llen(s, name, len, &n) == KEVY_OK && n == 10);
    CHECK(kevy_random_key(s, &v) == KEVY_OK && v.len == len && memcmp(v.as.ptr, name, len) == 0);
  }
  kevy_close(s);
}

int main(void) {
  check_begin("list");
  test_arguments();
  test_borrowed();
  test_borrowed_key();
  test_memory();
  test_random();
  test_out_of_memory();
  return check_end();
}
