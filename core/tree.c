/* tree: see tree.h. */
#include "tree.h"

#include "space.h"

typedef struct tree_node {
  node head;
  uint32_t used, unused;
  uint64_t count[TREE_WAYS];
  ref child[TREE_WAYS];
  uint64_t key[TREE_WAYS][2];
} tree_node;

static_assert(sizeof(tree_node) <= 2048, "an inner node is half a page");

#define TREE_LEAST (TREE_WAYS / 3)       /* cells of a node that is not on an edge */
#define TREE_JOINED (2 * TREE_WAYS / 3)  /* two nodes become one when it has no more cells than this */

static inline tree_node *inner_at(const char *base, ref r) { return mem_ptr(base, r); }
static inline tree_node *path_node(const char *base, const tree_path *p, uint32_t level) {
  return inner_at(base, p->at[level].node);
}
static inline ref path_leaf(const char *base, const tree_path *p) {
  return path_node(base, p, p->height - 1)->child[p->at[p->height - 1].index];
}
static inline void path_set(tree_path *p, uint32_t level, ref node_ref, uint32_t index) {
  p->at[level].node = node_ref;
  p->at[level].index = index;
}

/* ---- finding ---- */

/* Goes down from a level whose node and index are set, along first cells or along last ones. */
static ref descend(const char *base, tree_path *p, uint32_t level, bool last) {
  while (level + 1 < p->height) {
    ref child = path_node(base, p, level)->child[p->at[level].index];
    path_set(p, ++level, child, last ? inner_at(base, child)->used - 1 : 0);
  }
  return path_leaf(base, p);
}

ref tree_first(const char *base, const tree *t, tree_path *p) {
  p->height = t->height;
  if (t->height == 0) return 0;
  path_set(p, 0, t->root, 0);
  return descend(base, p, 0, false);
}

ref tree_last(const char *base, const tree *t, tree_path *p) {
  p->height = t->height;
  if (t->height == 0) return 0;
  path_set(p, 0, t->root, inner_at(base, t->root)->used - 1);
  return descend(base, p, 0, true);
}

/* The cell that has the position-th element below a node, which then is counted from the cell's first. */
static FLAT uint32_t cell_with(const tree_node *n, uint64_t *position) {
  uint64_t at = *position;
  uint32_t i = 0;
  for (; i + 8 <= n->used; i += 8) {
    const uint64_t *c = n->count + i;
    uint64_t eight = (c[0] + c[1]) + (c[2] + c[3]) + ((c[4] + c[5]) + (c[6] + c[7]));
    if (at < eight) break;
    at -= eight;
  }
  while (at >= n->count[i]) at -= n->count[i++];
  *position = at;
  return i;
}

ref tree_seek_position(const char *base, const tree *t, uint64_t position, tree_path *p, uint64_t *offset) {
  p->height = t->height;
  if (position >= t->count) return 0;
  ref at = t->root;
  for (uint32_t level = 0; level < t->height; level++) {
    const tree_node *n = inner_at(base, at);
    uint32_t i = cell_with(n, &position);
    path_set(p, level, at, i);
    at = n->child[i];
  }
  *offset = position;
  return at;
}

FLAT ref tree_leaf_at(const char *base, const tree *t, uint64_t position, uint64_t *offset) {
  bool last = position + 1 == t->count;
  ref at = t->root;
  for (uint32_t level = 0; level < t->height; level++) {
    const tree_node *n = inner_at(base, at);
    uint32_t i = n->used - 1;
    if (last) position = n->count[i] - 1;
    else i = cell_with(n, &position);
    at = n->child[i];
  }
  *offset = position;
  return at;
}

FLAT ref tree_seek_key(const char *base, const tree *t, tree_compare compare, const void *sought, tree_path *p) {
  p->height = t->height;
  ref at = t->root;
  for (uint32_t level = 0; level < t->height; level++) {
    const tree_node *n = inner_at(base, at);
    for (uint32_t i = TREE_WAYS / 8; i < TREE_WAYS; i += TREE_WAYS / 8 + 1) __builtin_prefetch(n->key[i]);
    uint32_t low = 0, high = n->used; /* the cell is in [low, high) */
    while (high - low > 1) {
      uint32_t middle = low + (high - low) / 2;
      if (compare(sought, n->key[middle]) <= 0) low = middle;
      else high = middle;
    }
    path_set(p, level, at, low);
    at = n->child[low];
  }
  return at;
}

static inline void prefetch_leaf(const char *base, ref r) {
  const char *leaf = mem_ptr(base, r);
  __builtin_prefetch(leaf);
  __builtin_prefetch(leaf + 64);
  __builtin_prefetch(leaf + 128);
}

ref tree_next(const char *base, tree_path *p) {
  for (uint32_t level = p->height; level-- > 0;) {
    const tree_node *n = path_node(base, p, level);
    uint32_t i = p->at[level].index + 1;
    if (i == n->used) continue;
    p->at[level].index = i;
    if (level + 1 < p->height) return descend(base, p, level, false);
    if (i + 1 < n->used) prefetch_leaf(base, n->child[i + 1]);
    return n->child[i];
  }
  return 0;
}

ref tree_prev(const char *base, tree_path *p) {
  for (uint32_t level = p->height; level-- > 0;) {
    uint32_t i = p->at[level].index;
    if (i-- == 0) continue;
    p->at[level].index = i;
    if (level + 1 < p->height) return descend(base, p, level, true);
    const tree_node *n = path_node(base, p, level);
    if (i > 0) prefetch_leaf(base, n->child[i - 1]);
    return n->child[i];
  }
  return 0;
}

tree_cell tree_at(const char *base, const tree_path *p) {
  const tree_node *n = path_node(base, p, p->height - 1);
  uint32_t i = p->at[p->height - 1].index;
  return (tree_cell){n->child[i], n->count[i], {n->key[i][0], n->key[i][1]}};
}

uint64_t tree_rank(const char *base, const tree_path *p) {
  uint64_t rank = 0;
  for (uint32_t level = 0; level < p->height; level++) {
    const tree_node *n = path_node(base, p, level);
    for (uint32_t i = 0; i < p->at[level].index; i++) rank += n->count[i];
  }
  return rank;
}

/* ---- owning ---- */

/* Points the path's cell of a level, or for level 0 the tree, at what stands there now. */
static void path_link(const char *base, tree *t, const tree_path *p, uint32_t level, ref r) {
  if (level == 0) t->root = r;
  else path_node(base, p, level - 1)->child[p->at[level - 1].index] = r;
}

static bool own_inner(space *sp, tree *t, tree_path *p, bool must) {
  for (uint32_t level = 0; level < p->height; level++) {
    ref own = node_own(sp, p->at[level].node, must);
    if (own == 0) return false;
    path_link(sp->mem.base, t, p, level, own);
    p->at[level].node = own;
  }
  return true;
}

ref tree_own(space *sp, tree *t, tree_path *p, bool must) {
  const char *base = sp->mem.base;
  ref leaf = path_leaf(base, p);
  if (LIKELY(node_surely_writable(sp, mem_ptr(base, leaf)))) return leaf;
  if (!own_inner(sp, t, p, must)) return 0;
  leaf = node_own(sp, leaf, must);
  if (leaf != 0) path_link(base, t, p, p->height, leaf);
  return leaf;
}

void tree_update(const char *base, tree *t, const tree_path *p, int64_t delta, const uint64_t key[2]) {
  t->count += (uint64_t)delta;
  for (uint32_t level = p->height; level-- > 0;) {
    tree_node *n = path_node(base, p, level);
    uint32_t i = p->at[level].index;
    n->count[i] += (uint64_t)delta;
    if (key == NULL) continue;
    n->key[i][0] = key[0];
    n->key[i][1] = key[1];
    if (i != 0) key = NULL;
  }
}

void tree_move(const char *base, const tree_path *p, ref leaf) {
  path_node(base, p, p->height - 1)->child[p->at[p->height - 1].index] = leaf;
}

void tree_move_inner(const char *base, tree *t, tree_path *p, uint32_t level, ref to) {
  if (level == 0) t->root = to;
  else path_node(base, p, level - 1)->child[p->at[level - 1].index] = to;
  p->at[level].node = to;
}

/* ---- cells ---- */

static ref inner_new(space *sp, tree *t, bool must) {
  ref r = node_new(sp, sizeof(tree_node), must);
  if (r == 0) return 0;
  inner_at(sp->mem.base, r)->used = 0;
  inner_at(sp->mem.base, r)->unused = 0;
  t->bytes += mem_round(sizeof(tree_node));
  return r;
}

static void inner_retire(space *sp, tree *t, ref r) {
  t->bytes -= mem_round(sizeof(tree_node));
  node_retire(sp, r);
}

/* Copies k cells; the two places may overlap. */
static void cells_move(tree_node *to, uint32_t at, const tree_node *from, uint32_t first, uint32_t k) {
  memmove(to->count + at, from->count + first, k * sizeof *to->count);
  memmove(to->child + at, from->child + first, k * sizeof *to->child);
  memmove(to->key + at, from->key + first, k * sizeof *to->key);
}

static void cell_set(tree_node *n, uint32_t at, const tree_cell *c) {
  n->count[at] = c->count;
  n->child[at] = c->child;
  n->key[at][0] = c->key[0];
  n->key[at][1] = c->key[1];
}

static void cell_insert(tree_node *n, uint32_t at, const tree_cell *c) {
  cells_move(n, at + 1, n, at, n->used - at);
  cell_set(n, at, c);
  n->used++;
}

static void cell_remove(tree_node *n, uint32_t at) {
  n->used--;
  cells_move(n, at, n, at + 1, n->used - at);
}

/* The cell that a parent keeps of a node. */
static tree_cell cell_of(const char *base, ref r) {
  const tree_node *n = inner_at(base, r);
  tree_cell c = {r, 0, {n->key[0][0], n->key[0][1]}};
  for (uint32_t i = 0; i < n->used; i++) c.count += n->count[i];
  return c;
}

/* Writes anew what the levels above keep of the path's node at this one. */
static void refresh_above(const char *base, const tree_path *p, uint32_t level) {
  for (; level > 0; level--) {
    tree_cell c = cell_of(base, p->at[level].node);
    cell_set(path_node(base, p, level - 1), p->at[level - 1].index, &c);
  }
}

/* ---- adding ---- */

/* The nodes that adding a leaf takes: one for each full node from the bottom on, and a root. */
typedef struct spares {
  uint32_t n;
  ref at[TREE_HEIGHT_MAX + 1];
} spares;

static bool spares_take(space *sp, tree *t, const tree_path *p, bool must, spares *s) {
  uint32_t full = 0;
  while (full < p->height && path_node(sp->mem.base, p, p->height - 1 - full)->used == TREE_WAYS) full++;
  uint32_t want = full == p->height ? full + 1 : full;
  if (want > 0 && full == TREE_HEIGHT_MAX) return false;
  for (s->n = 0; s->n < want; s->n++)
    if ((s->at[s->n] = inner_new(sp, t, must)) == 0) break;
  if (s->n == want) return true;
  while (s->n > 0) inner_retire(sp, t, s->at[--s->n]);
  return false;
}

static bool on_edge(const char *base, const tree_path *p, uint32_t level, bool left) {
  for (uint32_t l = 0; l < level; l++)
    if (p->at[l].index != (left ? 0 : path_node(base, p, l)->used - 1)) return false;
  return true;
}

/* How many of a full node's cells and one more stay in it when it is split; the new leaf is below the one at
 * `follow`. */
static uint32_t split_point(const char *base, const tree_path *p, uint32_t level, uint32_t follow) {
  if (follow == TREE_WAYS && on_edge(base, p, level, false)) return TREE_WAYS;
  if (follow == 0 && on_edge(base, p, level, true)) return 1;
  return (TREE_WAYS + 1) / 2;
}

/* Adds a cell to a full node, whose cells from `cut` on go to an empty one. */
static void cell_insert_split(tree_node *n, tree_node *behind, uint32_t at, const tree_cell *c, uint32_t cut) {
  uint32_t stay = at < cut ? cut - 1 : cut;
  behind->used = TREE_WAYS - stay;
  cells_move(behind, 0, n, stay, behind->used);
  n->used = stay;
  if (at < cut) cell_insert(n, at, c);
  else cell_insert(behind, at - cut, c);
}

/* Puts a root over the path's, which was split off `behind`; the path goes through the second when `second`. */
static void root_raise(const char *base, tree *t, tree_path *p, ref root, ref behind, bool second) {
  tree_cell cells[2] = {cell_of(base, t->root), cell_of(base, behind)};
  tree_node *n = inner_at(base, root);
  cell_set(n, 0, &cells[0]);
  cell_set(n, 1, &cells[1]);
  n->used = 2;
  memmove(p->at + 1, p->at, p->height * sizeof p->at[0]);
  p->height++;
  path_set(p, 0, root, second);
  t->root = root;
  t->height++;
}

/* Adds a cell to the path's bottom node and splits upwards; the path follows it. */
static void insert_up(space *sp, tree *t, tree_path *p, uint32_t at, tree_cell c, spares *s) {
  const char *base = sp->mem.base;
  uint32_t level = p->height - 1, follow = at; /* where the path goes on among the node's cells and c */
  for (;;) {
    ref r = p->at[level].node;
    tree_node *n = inner_at(base, r);
    if (n->used < TREE_WAYS) {
      cell_insert(n, at, &c);
      p->at[level].index = follow;
      refresh_above(base, p, level);
      return;
    }
    ref behind = s->at[--s->n];
    uint32_t cut = split_point(base, p, level, follow);
    cell_insert_split(n, inner_at(base, behind), at, &c, cut);
    sp->work_bytes += sizeof(tree_node);
    bool second = follow >= cut;
    path_set(p, level, second ? behind : r, second ? follow - cut : follow);
    if (level == 0) {
      t->root = r;
      root_raise(base, t, p, s->at[--s->n], behind, second);
      return;
    }
    uint32_t above = p->at[level - 1].index;
    tree_cell stays = cell_of(base, r);
    cell_set(path_node(base, p, level - 1), above, &stays);
    c = cell_of(base, behind);
    at = above + 1;
    follow = second ? at : above;
    level--;
  }
}

static bool insert_alone(space *sp, tree *t, tree_path *p, const tree_cell *c, bool must) {
  ref root = inner_new(sp, t, must);
  if (root == 0) return false;
  cell_insert(inner_at(sp->mem.base, root), 0, c);
  t->root = root;
  t->height = 1;
  p->height = 1;
  path_set(p, 0, root, 0);
  return true;
}

bool tree_insert(space *sp, tree *t, tree_path *p, bool before, ref leaf, uint64_t count,
                 const uint64_t key[2], bool must) {
  tree_cell c = {leaf, count, {key != NULL ? key[0] : 0, key != NULL ? key[1] : 0}};
  if (t->height == 0) {
    if (!insert_alone(sp, t, p, &c, must)) return false;
  } else {
    spares s;
    if (!own_inner(sp, t, p, must) || !spares_take(sp, t, p, must, &s)) return false;
    insert_up(sp, t, p, p->at[p->height - 1].index + !before, c, &s);
  }
  t->count += count;
  t->leaves++;
  return true;
}

/* ---- removing ---- */

/* The child of an owned node, owned. */
static tree_node *own_child(space *sp, tree_node *n, uint32_t at) {
  ref own = node_own(sp, n->child[at], true);
  if (own == 0) return NULL;
  n->child[at] = own;
  return inner_at(sp->mem.base, own);
}

/* Gives two neighbours half of their cells each. */
static void share_cells(tree_node *left, tree_node *right) {
  uint32_t half = (left->used + right->used) / 2;
  if (left->used < half) {
    uint32_t k = half - left->used;
    cells_move(left, left->used, right, 0, k);
    cells_move(right, 0, right, k, right->used - k);
    left->used += k;
    right->used -= k;
  } else {
    uint32_t k = left->used - half;
    cells_move(right, k, right, 0, right->used);
    cells_move(right, 0, left, half, k);
    left->used -= k;
    right->used += k;
  }
}

/* Joins a sparse child with a neighbour, or, inside the tree, takes cells from it. Where no memory is to be
 * had for the neighbour, the child stays sparse. */
static void relieve(space *sp, tree *t, tree_node *above, uint32_t at, bool edge) {
  const char *base = sp->mem.base;
  if (above->used < 2) return;
  uint32_t l = at + 1 < above->used ? at : at - 1;
  uint32_t sum = inner_at(base, above->child[l])->used + inner_at(base, above->child[l + 1])->used;
  if (edge && sum > TREE_JOINED) return;
  tree_node *left = own_child(sp, above, l), *right = NULL;
  if (left == NULL) return;
  sp->work_bytes += sizeof(tree_node);
  if (sum <= TREE_JOINED) {
    right = inner_at(base, above->child[l + 1]);
    cells_move(left, left->used, right, 0, right->used);
    left->used = sum;
    inner_retire(sp, t, above->child[l + 1]);
    cell_remove(above, l + 1);
  } else if ((right = own_child(sp, above, l + 1)) != NULL) {
    share_cells(left, right);
    tree_cell c = cell_of(base, above->child[l + 1]);
    cell_set(above, l + 1, &c);
  }
  tree_cell c = cell_of(base, above->child[l]);
  cell_set(above, l, &c);
}

/* From the bottom up: what the levels above keep of the path's node, and whether it has cells enough. */
static void settle_up(space *sp, tree *t, tree_path *p) {
  const char *base = sp->mem.base;
  for (uint32_t level = p->height - 1; level > 0; level--) {
    tree_node *n = path_node(base, p, level), *above = path_node(base, p, level - 1);
    uint32_t at = p->at[level - 1].index;
    if (n->used == 0) {
      inner_retire(sp, t, p->at[level].node);
      cell_remove(above, at);
      continue;
    }
    tree_cell c = cell_of(base, p->at[level].node);
    cell_set(above, at, &c);
    if (n->used < TREE_LEAST)
      relieve(sp, t, above, at, on_edge(base, p, level, true) || on_edge(base, p, level, false));
  }
}

/* A root without cells goes; one with a single inner child gives way to it. */
static void root_lower(space *sp, tree *t) {
  const char *base = sp->mem.base;
  while (t->height > 0) {
    tree_node *n = inner_at(base, t->root);
    if (n->used > 1 || (n->used == 1 && t->height == 1)) return;
    ref child = n->used == 1 ? n->child[0] : 0;
    inner_retire(sp, t, t->root);
    t->root = child;
    t->height = child != 0 ? t->height - 1 : 0;
  }
}

ref tree_take(space *sp, tree *t, tree_path *p) {
  const char *base = sp->mem.base;
  uint64_t rank = tree_rank(base, p), offset;
  if (!own_inner(sp, t, p, true)) return 0;
  tree_cell gone = tree_at(base, p);
  t->count -= gone.count;
  t->leaves--;
  cell_remove(path_node(base, p, p->height - 1), p->at[p->height - 1].index);
  settle_up(sp, t, p);
  root_lower(sp, t);
  if (tree_seek_position(base, t, rank, p, &offset) == 0) tree_last(base, t, p);
  return gone.child;
}

void tree_remove(space *sp, tree *t, tree_path *p) {
  ref gone = tree_take(sp, t, p);
  if (gone != 0) node_retire(sp, gone);
}

/* ---- all of it ---- */

bool tree_drop(space *sp, tree *t, uint32_t *items, uint64_t *bytes) {
  const char *base = sp->mem.base;
  tree_path p;
  while (t->height > 0) {
    if (*items == 0) return false;
    --*items;
    tree_last(base, t, &p);
    if (!own_inner(sp, t, &p, true)) return true; /* an exhausted address space: what is left goes with the region */
    uint32_t level = p.height - 1;
    tree_node *n = path_node(base, &p, level);
    t->count -= n->count[--n->used];
    t->leaves--;
    *bytes -= mem_round(((node *)mem_ptr(base, n->child[n->used]))->size);
    node_retire(sp, n->child[n->used]);
    for (; path_node(base, &p, level)->used == 0; level--) {
      inner_retire(sp, t, p.at[level].node);
      if (level == 0) {
        tree_open(t);
        return true;
      }
      path_node(base, &p, level - 1)->used--;
    }
  }
  return true;
}

static void abandon_below(space *sp, ref r, uint32_t height, uint64_t epoch, tree_leaf_visit visit, void *context) {
  const tree_node *n = inner_at(sp->mem.base, r);
  if (n->head.birth <= epoch) return;
  for (uint32_t i = 0; i < n->used; i++) {
    ref child = n->child[i];
    if (height > 1) {
      abandon_below(sp, child, height - 1, epoch, visit, context);
    } else if (((const node *)mem_ptr(sp->mem.base, child))->birth > epoch) {
      if (visit != NULL) visit(context, child);
      node_free(sp, child);
    }
  }
  node_free(sp, r);
}

void tree_abandon(space *sp, const tree *t, uint64_t epoch, tree_leaf_visit visit, void *context) {
  if (t->height > 0) abandon_below(sp, t->root, t->height, epoch, visit, context);
}

/* ---- checking ---- */

typedef struct tree_tally {
  uint64_t leaves, nodes;
} tree_tally;

/* The node of a level and all below; c is what is kept of it above. */
static bool node_check(const char *base, const tree_cell *c, uint32_t height, bool left, bool right,
                       tree_tally *tally) {
  const tree_node *n = inner_at(base, c->child);
  if (n->used > TREE_WAYS || n->used < (left || right ? 1u : TREE_LEAST)) return false;
  tree_cell sum = cell_of(base, c->child);
  if (sum.count != c->count || memcmp(sum.key, c->key, sizeof sum.key) != 0) return false;
  tally->nodes++;
  for (uint32_t i = 0; i < n->used; i++) {
    if (n->count[i] == 0 || n->child[i] == 0) return false;
    tree_cell below = {n->child[i], n->count[i], {n->key[i][0], n->key[i][1]}};
    if (height > 1 && !node_check(base, &below, height - 1, left && i == 0, right && i + 1 == n->used, tally))
      return false;
  }
  if (height == 1) tally->leaves += n->used;
  return true;
}

bool tree_check(const char *base, const tree *t) {
  if (t->height == 0) return t->root == 0 && t->count == 0 && t->leaves == 0 && t->bytes == 0;
  if (t->height > 1 && inner_at(base, t->root)->used < 2) return false;
  tree_cell root = cell_of(base, t->root);
  tree_tally tally = {0, 0};
  return root.count == t->count && node_check(base, &root, t->height, true, true, &tally) &&
         tally.leaves == t->leaves && tally.nodes * mem_round(sizeof(tree_node)) == t->bytes;
}
