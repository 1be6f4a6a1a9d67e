/* The counted tree against a sorted array: elements come and go at the ends and in the middle, positions,
 * keys, ranks and walks agree, snapshots keep what they saw, and what fails for lack of memory changed nothing. */
#include "internals.h"

#include "../../core/tree.c"

#include "check.h"

/* ---- a tree of leaves with a few sorted numbers each, and what it should hold ---- */

enum { LEAF_MAX = 4, NUMBERS_MAX = 40000 };

typedef struct leaf {
  node head;
  uint64_t at[LEAF_MAX];
} leaf;

typedef struct numbers {
  size_t n;
  uint64_t at[NUMBERS_MAX];
} numbers;

typedef struct world {
  space *sp;
  tree t;
  numbers *model;
  uint64_t empty; /* used memory without a tree */
} world;

static world world_open(void) {
  world w = {.sp = space_open(0), .model = calloc(1, sizeof(numbers))};
  REQUIRE(w.sp != NULL && w.model != NULL);
  tree_open(&w.t);
  w.empty = w.sp->mem.root->used;
  return w;
}

static void drain(world *w) {
  snapshot_collect(w->sp);
  while (!node_drain(w->sp, 1000)) continue;
}

/* With no snapshot left, used memory is inner nodes and leaves, and nothing else. */
static void accounts_balance(world *w) {
  drain(w);
  CHECK(w->sp->retained == 0);
  CHECK(w->sp->mem.root->used == w->empty + w->t.bytes + w->t.leaves * mem_round(sizeof(leaf)));
}

static void world_close(world *w) {
  space_unref(w->sp);
  free(w->model);
}

static leaf *leaf_at(const world *w, ref r) { return mem_ptr(w->sp->mem.base, r); }

static size_t lower_bound(const uint64_t *at, size_t n, uint64_t x) {
  size_t low = 0;
  while (low < n) {
    size_t middle = low + (n - low) / 2;
    if (at[middle] < x) low = middle + 1;
    else n = middle;
  }
  return low;
}
static bool array_has(const uint64_t *at, size_t n, uint64_t x) {
  size_t i = lower_bound(at, n, x);
  return i < n && at[i] == x;
}
static void array_insert(uint64_t *at, size_t n, uint64_t x) {
  size_t i = lower_bound(at, n, x);
  memmove(at + i + 1, at + i, (n - i) * sizeof *at);
  at[i] = x;
}
static void array_remove(uint64_t *at, size_t n, uint64_t x) {
  size_t i = lower_bound(at, n, x);
  memmove(at + i, at + i + 1, (n - i - 1) * sizeof *at);
}

static int compare_number(const void *sought, const uint64_t key[2]) {
  uint64_t x = *(const uint64_t *)sought;
  return key[0] < x ? -1 : key[0] > x;
}

static ref seek(const world *w, const tree *t, uint64_t x, tree_path *p) {
  return tree_seek_key(w->sp->mem.base, t, compare_number, &x, p);
}

static ref leaf_make(world *w, const uint64_t *from, size_t n) {
  ref r = node_new(w->sp, sizeof(leaf), false);
  if (r != 0) memcpy(leaf_at(w, r)->at, from, n * sizeof *from);
  return r;
}

/* A leaf of its own for x, beside the path's. */
static bool add_leaf(world *w, tree_path *p, uint64_t x, bool before) {
  ref r = leaf_make(w, &x, 1);
  if (r == 0) return false;
  if (tree_insert(w->sp, &w->t, p, before, r, 1, (uint64_t[2]){x, ~x}, false)) {
    tree_cell c = tree_at(w->sp->mem.base, p);
    CHECK(c.child == r && c.count == 1 && c.key[0] == x && c.key[1] == ~x);
    return true;
  }
  node_retire(w->sp, r);
  return false;
}

/* Moves the upper half of the path's full leaf to a new one. */
static bool split_leaf(world *w, tree_path *p) {
  const uint64_t *upper = leaf_at(w, tree_at(w->sp->mem.base, p).child)->at + LEAF_MAX / 2;
  ref r = leaf_make(w, upper, LEAF_MAX / 2);
  if (r == 0) return false;
  if (!tree_insert(w->sp, &w->t, p, false, r, LEAF_MAX / 2, (uint64_t[2]){*upper, ~*upper}, false)) {
    node_retire(w->sp, r);
    return false;
  }
  REQUIRE(tree_prev(w->sp->mem.base, p) != 0);
  tree_update(w->sp->mem.base, &w->t, p, -(LEAF_MAX / 2), NULL);
  return true;
}

static bool in_order; /* full leaves at the ends are never split */

/* False when memory ran out. */
static bool tree_give(world *w, uint64_t x) {
  const char *base = w->sp->mem.base;
  tree_path p;
  ref r = seek(w, &w->t, x, &p);
  if (r == 0) return add_leaf(w, &p, x, false);
  uint64_t n = tree_at(base, &p).count;
  if (n == LEAF_MAX) {
    if (x > leaf_at(w, r)->at[n - 1] && (in_order || one_in(2))) return add_leaf(w, &p, x, false);
    if (x < leaf_at(w, r)->at[0] && (in_order || one_in(2))) return add_leaf(w, &p, x, true);
    if (!split_leaf(w, &p)) return false;
    r = seek(w, &w->t, x, &p);
    n = tree_at(base, &p).count;
  }
  r = tree_own(w->sp, &w->t, &p, false);
  if (r == 0) return false;
  leaf *l = leaf_at(w, r);
  array_insert(l->at, n, x);
  tree_update(base, &w->t, &p, 1, l->at[0] == x ? (uint64_t[2]){x, ~x} : NULL);
  return true;
}

static bool give(world *w, uint64_t x) {
  if (array_has(w->model->at, w->model->n, x) || w->model->n == NUMBERS_MAX) return true;
  w->sp->written = true;
  if (!tree_give(w, x)) return false;
  array_insert(w->model->at, w->model->n++, x);
  return true;
}

static void take(world *w, uint64_t x) {
  const char *base = w->sp->mem.base;
  tree_path p;
  w->sp->written = true;
  REQUIRE(seek(w, &w->t, x, &p) != 0);
  uint64_t n = tree_at(base, &p).count;
  if (n == 1) {
    uint64_t rank = tree_rank(base, &p);
    tree_remove(w->sp, &w->t, &p);
    if (w->t.count != 0) CHECK(tree_rank(base, &p) == (rank < w->t.count ? rank : w->t.count - tree_at(base, &p).count));
  } else {
    ref r = tree_own(w->sp, &w->t, &p, true);
    REQUIRE(r != 0);
    leaf *l = leaf_at(w, r);
    bool first = l->at[0] == x;
    array_remove(l->at, n, x);
    tree_update(base, &w->t, &p, -1, first ? (uint64_t[2]){l->at[0], ~l->at[0]} : NULL);
  }
  array_remove(w->model->at, w->model->n--, x);
}

/* ---- comparing ---- */

static void compare_forward(const world *w, const tree *t, const numbers *m) {
  tree_path p;
  size_t met = 0;
  for (ref r = tree_first(w->sp->mem.base, t, &p); r != 0; r = tree_next(w->sp->mem.base, &p)) {
    tree_cell c = tree_at(w->sp->mem.base, &p);
    REQUIRE(c.child == r && met + c.count <= m->n);
    if (c.key[0] != m->at[met] || c.key[1] != ~m->at[met]) FAIL("a cell has its first element's key");
    if (memcmp(leaf_at(w, r)->at, m->at + met, c.count * sizeof(uint64_t)) != 0) FAIL("the walk meets the model");
    met += c.count;
  }
  CHECK(met == m->n);
}

static void compare_backward(const world *w, const tree *t, const numbers *m) {
  tree_path p;
  size_t left = m->n;
  for (ref r = tree_last(w->sp->mem.base, t, &p); r != 0; r = tree_prev(w->sp->mem.base, &p)) {
    tree_cell c = tree_at(w->sp->mem.base, &p);
    REQUIRE(c.count <= left);
    left -= c.count;
    if (memcmp(leaf_at(w, r)->at, m->at + left, c.count * sizeof(uint64_t)) != 0) FAIL("the walk back meets the model");
    if (one_in(10) && tree_rank(w->sp->mem.base, &p) != left) FAIL("a leaf's rank is what lies before it");
  }
  CHECK(left == 0);
}

static void compare_seeks(const world *w, const tree *t, const numbers *m, int times) {
  tree_path p;
  uint64_t offset;
  CHECK(tree_seek_position(w->sp->mem.base, t, m->n, &p, &offset) == 0);
  while (m->n != 0 && times-- > 0) {
    size_t i = (size_t)below(m->n);
    ref r = tree_seek_position(w->sp->mem.base, t, i, &p, &offset);
    REQUIRE(r != 0);
    CHECK(leaf_at(w, r)->at[offset] == m->at[i] && tree_rank(w->sp->mem.base, &p) + offset == i);
    r = seek(w, t, m->at[i], &p);
    CHECK(array_has(leaf_at(w, r)->at, tree_at(w->sp->mem.base, &p).count, m->at[i]));
  }
}

static void compare(const world *w, const tree *t, const numbers *m) {
  CHECK(t->count == m->n && tree_check(w->sp->mem.base, t));
  compare_forward(w, t, m);
  compare_backward(w, t, m);
  compare_seeks(w, t, m, 20);
}

/* ---- random steps ---- */

enum { HELD = 5 };
typedef struct held {
  moment *m;
  tree t;
  numbers *model;
} held;

static void held_toggle(world *w, held *h) {
  if (h->m != NULL) {
    compare(w, &h->t, h->model);
    snapshot_close(h->m);
    free(h->model);
    h->m = NULL;
    return;
  }
  h->m = snapshot_open(w->sp, 0);
  h->model = malloc(sizeof *h->model);
  REQUIRE(h->m != NULL && h->model != NULL);
  h->t = w->t;
  h->model->n = w->model->n;
  memcpy(h->model->at, w->model->at, w->model->n * sizeof w->model->at[0]);
}

/* Where numbers come and go: bits 0 to 3 say at which end each. */
enum { ADD_FRONT = 1, ADD_BACK = 2, TAKE_FRONT = 4, TAKE_BACK = 8, ANYWHERE = 0 };

static uint64_t number_to_give(const numbers *m, uint32_t where) {
  if (m->n != 0 && (where & ADD_FRONT) && ((where & ADD_BACK) == 0 || one_in(2))) return m->at[0] - 1 - below(3);
  if (m->n != 0 && (where & ADD_BACK)) return m->at[m->n - 1] + 1 + below(3);
  return (UINT64_C(1) << 40) + below(UINT64_C(1) << 22);
}
static uint64_t number_to_take(const numbers *m, uint32_t where) {
  if ((where & TAKE_FRONT) && ((where & TAKE_BACK) == 0 || one_in(2))) return m->at[0];
  if (where & TAKE_BACK) return m->at[m->n - 1];
  return m->at[below(m->n)];
}

static void drop_in_slices(world *w, uint32_t slice) {
  bool done = false;
  uint64_t bytes = 0; /* nobody's */
  while (!done) {
    uint32_t items = slice;
    uint64_t leaves = w->t.leaves;
    done = tree_drop(w->sp, &w->t, &items, &bytes);
    CHECK(leaves - w->t.leaves <= slice);
  }
  CHECK(tree_check(w->sp->mem.base, &w->t));
  w->model->n = 0;
}

static void test_steps(uint32_t where, size_t steps, size_t most) {
  world w = world_open();
  held snapshots[HELD] = {{.m = NULL}};
  size_t wave = steps / 5 + 1, checks = steps / 30 + 1;
  for (size_t i = 0; i < steps; i++) {
    bool growing = below(100) < ((i / wave) % 2 == 0 ? 75 : 20);
    if (growing && w.model->n < most) CHECK(give(&w, number_to_give(w.model, where)));
    else if (w.model->n != 0) take(&w, number_to_take(w.model, where));
    if (one_in(steps / 50 + 1)) held_toggle(&w, &snapshots[below(HELD)]);
    if (one_in(200)) {
      snapshot_collect(w.sp);
      node_drain(w.sp, (uint32_t)below(100));
    }
    if (i % checks == 0) compare(&w, &w.t, w.model);
  }
  for (int i = 0; i < HELD; i++)
    if (snapshots[i].m != NULL) held_toggle(&w, &snapshots[i]);
  compare(&w, &w.t, w.model);
  accounts_balance(&w);
  if (one_in(2)) drop_in_slices(&w, 7);
  while (w.model->n != 0) take(&w, number_to_take(w.model, where));
  CHECK(w.t.height == 0 && tree_check(w.sp->mem.base, &w.t));
  accounts_balance(&w);
  world_close(&w);
}

/* Filled in order, every inner node but the last of its level is full, and the height follows. */
static void test_in_order(bool backward, size_t n) {
  in_order = true;
  world w = world_open();
  for (size_t i = 0; i < n; i++) CHECK(give(&w, (UINT64_C(1) << 40) + (backward ? n - i : i)));
  compare(&w, &w.t, w.model);
  uint64_t least = 0;
  for (uint64_t nodes = w.t.leaves; nodes > 1 || least == 0; least += nodes) nodes = (nodes + TREE_WAYS - 1) / TREE_WAYS;
  CHECK(w.t.bytes <= (least + w.t.height) * mem_round(sizeof(tree_node)));
  drop_in_slices(&w, 100);
  accounts_balance(&w);
  world_close(&w);
  in_order = false;
}

/* Every allocation of a step fails once: nothing changes that can be seen, and the next try goes on. */
static void test_fails(uint32_t where, size_t n) {
  world w = world_open();
  uint64_t failures = 0;
  held h = {.m = NULL};
  for (size_t i = 0; i < n; i++) {
    if (i % 40 == 0) held_toggle(&w, &h);
    uint64_t x = number_to_give(w.model, where);
    for (uint64_t fail = 1;; fail++) {
      w.sp->mem.fail_in = fail;
      if (give(&w, x)) break;
      failures++;
      REQUIRE(fail < 100);
      CHECK(w.t.count == w.model->n);
      if (failures % 64 == 0) compare(&w, &w.t, w.model);
    }
    w.sp->mem.fail_in = 0;
    if (i % 4 == 3 && w.model->n != 0) take(&w, number_to_take(w.model, where));
  }
  CHECK(failures > n / 8);
  if (h.m != NULL) held_toggle(&w, &h);
  compare(&w, &w.t, w.model);
  accounts_balance(&w);
  world_close(&w);
}

/* One step copies no more than a path and what splits on it. */
static void test_worst_step(size_t n) {
  world w = world_open();
  uint64_t worst = 0;
  for (size_t i = 0; i < n; i++) {
    moment *m = i % 16 == 0 ? snapshot_open(w.sp, 0) : NULL;
    uint64_t before = w.sp->work_bytes;
    CHECK(give(&w, number_to_give(w.model, ANYWHERE)));
    if (w.sp->work_bytes - before > worst) worst = w.sp->work_bytes - before;
    if (m != NULL) snapshot_close(m);
    drain(&w);
  }
  CHECK(worst > 0 && worst <= 64 << 10);
  world_close(&w);
}

int main(void) {
  check_begin(TREE_WAYS == 63 ? "test_tree" : "test_tree_narrow");
  test_steps(ANYWHERE, scaled(120000, 6000), 8000);
  test_steps(ANYWHERE, scaled(20000, 2000), 60);
  for (uint32_t where = 1; where < 16; where++) test_steps(where, scaled(30000, 2000), 6000);
  test_in_order(false, scaled(30000, 3000));
  test_in_order(true, scaled(30000, 3000));
  test_fails(ANYWHERE, scaled(6000, 500));
  test_fails(ADD_FRONT | ADD_BACK, scaled(6000, 500));
  test_worst_step(scaled(6000, 500));
  return check_end();
}
