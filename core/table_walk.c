/* table_walk: what goes through a whole table of table.c, segment by segment in the order of hashes: scans with cursors, walks, a random
 * entry, compacting, taking apart in slices, going back to a moment, and the check of every invariant. Between two calls a place is a
 * prefix of 24 bits and an index, both of which outlive splits and merges. Comes after table.c in the same unit; callers see table.h. */
#include "table.h"

/* ---- order: scan, walk, random ---- */

#define PREFIXES (UINT64_C(1) << TABLE_DEPTH_MAX)

/* The first 24-bit prefix behind a segment. */
static uint64_t segment_end(const segment *s, uint64_t prefix) {
  uint32_t open = TABLE_DEPTH_MAX - s->depth;
  return ((prefix >> open) + 1) << open;
}

/* How many of the segment's slots lie in [from, to), by 64 equal parts of that range. */
static uint64_t histogram(const char *base, const segment *s, uint64_t from, uint64_t to,
                          uint32_t parts[64]) {
  uint64_t n = 0;
  memset(parts, 0, 64 * sizeof *parts);
  for (;; s = segment_at(base, s->next)) {
    for (unsigned b = 0; b < TABLE_BUCKETS; b++)
      for (unsigned i = 0; i < TABLE_WAYS; i++) {
        uint64_t prefix = s->buckets[b].slots[i] >> 40;
        if (lane_tag(&s->buckets[b], i) == 0 || prefix < from) continue;
        parts[(prefix - from) * 64 / (to - from)]++;
        n++;
      }
    if (s->next == 0) return n;
  }
}

/* The end of the shortest part of [from, to) that holds at least `want` slots. */
static uint64_t scan_limit(const char *base, const segment *s, uint64_t from, uint64_t to,
                           uint64_t want) {
  uint32_t parts[64];
  if (histogram(base, s, from, to, parts) <= want) return to;
  uint64_t have = 0;
  for (uint64_t i = 0; i < 64; i++) {
    have += parts[i];
    if (have >= want) return from + ((i + 1) * (to - from) + 63) / 64;
  }
  return to;
}

static uint64_t visit_range(const char *base, const segment *s, uint64_t from, uint64_t to,
                            table_visit visit, void *context) {
  uint64_t n = 0;
  for (;; s = segment_at(base, s->next)) {
    for (unsigned b = 0; b < TABLE_BUCKETS; b++)
      for (unsigned i = 0; i < TABLE_WAYS; i++) {
        uint64_t word = s->buckets[b].slots[i];
        if (lane_tag(&s->buckets[b], i) == 0 || word >> 40 < from || word >> 40 >= to) continue;
        visit(context, slot_ref(word));
        n++;
      }
    if (s->next == 0) return n;
  }
}

void table_scan(const char *base, const table *t, uint64_t *cursor, uint64_t count,
                table_visit visit, void *context) {
  uint64_t at = *cursor;
  for (uint64_t seen = 0; at < PREFIXES && seen < count;) {
    const segment *s = segment_head(base, t, at << 40);
    uint64_t to = scan_limit(base, s, at, segment_end(s, at), count - seen);
    seen += visit_range(base, s, at, to, visit, context);
    at = to;
  }
  *cursor = at < PREFIXES ? at : 0;
}

ref table_next(const char *base, const table *t, table_walk *w) {
  while (!w->done) {
    const segment *head = segment_head(base, t, w->prefix << 40), *s = head;
    uint32_t links = w->index / TABLE_SLOTS;
    for (; links > 0 && s->next != 0; links--) s = segment_at(base, s->next);
    for (uint32_t i = w->index % TABLE_SLOTS; links == 0 && i < TABLE_SLOTS; i++) {
      ref r = slot_ref(s->buckets[i / TABLE_WAYS].slots[i % TABLE_WAYS]);
      if (r == 0) continue;
      w->index += i - w->index % TABLE_SLOTS + 1;
      if (i + 8 < TABLE_SLOTS)
        __builtin_prefetch(
            base + slot_ref(s->buckets[(i + 8) / TABLE_WAYS].slots[(i + 8) % TABLE_WAYS]));
      return r;
    }
    if (links == 0 && s->next != 0) {
      w->index += TABLE_SLOTS - w->index % TABLE_SLOTS;
      continue;
    }
    w->index = 0;
    w->prefix = segment_end(head, w->prefix);
    w->done = w->prefix == PREFIXES;
  }
  return 0;
}

static uint32_t segment_entries(const segment *s, ref *out) {
  uint32_t n = 0;
  for (unsigned b = 0; b < TABLE_BUCKETS; b++)
    for (unsigned i = 0; i < TABLE_WAYS; i++) {
      ref r = slot_ref(s->buckets[b].slots[i]);
      out[n] = r;
      n += r != 0;
    }
  return n;
}

uint32_t table_next_some(const char *base, const table *t, table_walk *w, ref *out) {
  while (!w->done) {
    const segment *head = segment_head(base, t, w->prefix << 40), *s = head;
    for (uint32_t links = w->index; links > 0; links--) s = segment_at(base, s->next);
    w->index++;
    if (s->next == 0) {
      w->index = 0;
      w->prefix = segment_end(head, w->prefix);
      w->done = w->prefix == PREFIXES;
    }
    uint32_t n = segment_entries(s, out);
    if (n != 0) return n;
  }
  return 0;
}

/* A hash lands in a segment with probability 2^-depth; keeping it with probability 2^(depth - deepest),
 * and its chain with links / longest, makes all slots equally likely. */
ref table_random(const char *base, const table *t, uint64_t (*random)(void *), void *context) {
  if (t->count == 0) return 0;
  uint32_t deepest = TABLE_DEPTH_MAX;
  while (deepest > 0 && t->depths[deepest] == 0) deepest--;
  for (;;) {
    uint64_t hash = random(context), die = random(context);
    const segment *s = segment_head(base, t, hash);
    if ((die & ((UINT64_C(1) << (deepest - s->depth)) - 1)) != 0) continue;
    for (uint64_t link = (die >> 32) % t->longest_chain; link > 0 && s != NULL; link--)
      s = s->next != 0 ? segment_at(base, s->next) : NULL;
    if (s == NULL) continue;
    uint64_t i = random(context) % TABLE_SLOTS;
    ref r = slot_ref(s->buckets[i / TABLE_WAYS].slots[i % TABLE_WAYS]);
    if (r != 0) return r;
  }
}

/* ---- compacting ---- */

#define COMPACT_NODE 64 /* what moving a node takes of the budget */

/* Moves the page and the segment that a hash leads to, and the root with the first ones, where they lie sparse. Chained segments
 * stay. */
static void compact_nodes(space *sp, table *t, uint64_t hash, uint32_t fill, int64_t *budget) {
  const char *base = sp->mem.base;
  size_t size = root_at(base, t)->head.size;
  if (hash == 0 && mem_sparse(&sp->mem, t->root, size, fill)) {
    t->root = mem_move(&sp->mem, t->root, size);
    *budget -= COMPACT_NODE;
  }
  uint64_t cell = root_cell(base, t, hash);
  ref page = cell_ref(cell, hash);
  size = page_at(base, page)->head.size;
  if (mem_sparse(&sp->mem, page, size, fill)) {
    cell = cell_make(mem_move(&sp->mem, page, size), hash, cell_prefix(cell), cell_width(cell));
    root_set(base, t, hash, cell);
    *budget -= COMPACT_NODE;
  }
  const segment *s = segment_head(base, t, hash);
  if (s->next != 0 || !mem_sparse(&sp->mem, segment_ref(base, s), sizeof *s, fill)) return;
  uint32_t depth = s->depth;
  page_set(base, cell, hash, depth, mem_move(&sp->mem, segment_ref(base, s), sizeof *s));
  *budget -= COMPACT_NODE;
}

/* The slots of one segment from *index on. */
static bool compact_slots(const char *base, segment *s, uint32_t *index, int64_t *budget, table_move_visit visit, void *context) {
  for (; *index < TABLE_SLOTS; ++*index) {
    uint32_t i = *index, ahead = i + 8 < TABLE_SLOTS ? i + 8 : i;
    uint64_t *slot = &s->buckets[i / TABLE_WAYS].slots[i % TABLE_WAYS];
    if (*slot == 0) continue;
    if (*budget <= 0) return false;
    --*budget;
    __builtin_prefetch(base + slot_ref(s->buckets[ahead / TABLE_WAYS].slots[ahead % TABLE_WAYS]));
    if (!visit(context, slot)) return false;
  }
  return true;
}

bool table_compact(space *sp, table *t, table_walk *w, uint32_t fill, int64_t *budget, table_move_visit visit,
                   void *context) {
  const char *base = sp->mem.base;
  while (!w->done) {
    uint64_t hash = w->prefix << 40;
    if (w->index == 0) compact_nodes(sp, t, hash, fill, budget);
    segment *head = segment_head(base, t, hash), *s = head;
    uint32_t links = w->index / TABLE_SLOTS, index = w->index % TABLE_SLOTS;
    for (; links > 0 && s->next != 0; links--) s = segment_at(base, s->next);
    bool whole = links != 0 || compact_slots(base, s, &index, budget, visit, context);
    w->index = w->index / TABLE_SLOTS * TABLE_SLOTS + index;
    if (!whole) return false;
    if (links == 0 && s->next != 0) continue; /* the index now names the first slot of the next link */
    w->index = 0;
    w->prefix = segment_end(head, w->prefix);
    w->done = w->prefix == PREFIXES;
  }
  return true;
}

/* ---- the end ---- */

/* Visits and frees the slots of one segment from *index on. False when the items are used up first. */
static bool drop_slots(const space *sp, const segment *s, uint32_t *index, uint32_t *items,
                       table_last_visit visit, void *context) {
  bool owned = node_writable(sp, &s->head);
  for (; *index < TABLE_SLOTS; ++*index) {
    uint64_t word = s->buckets[*index / TABLE_WAYS].slots[*index % TABLE_WAYS];
    if (slot_ref(word) == 0) continue;
    if (*items == 0) return false;
    --*items;
    visit(context, slot_ref(word), owned && (word & SLOT_FRESH));
  }
  return true;
}

/* Retires the directory: every page once, then the root. */
static void drop_directory(space *sp, table *t) {
  const char *base = sp->mem.base;
  for (uint64_t i = 0; i < UINT64_C(1) << t->bits;) {
    uint64_t cell = root_at(base, t)->cells[i];
    ref page = cell_ref(cell, i << (64 - t->bits));
    i += UINT64_C(1) << (t->bits - cell_prefix(cell));
    table_retire(sp, t, page);
  }
  table_retire(sp, t, t->root);
  t->root = 0;
  t->count = 0;
}

bool table_drop(space *sp, table *t, table_walk *w, uint32_t *items, table_last_visit visit,
                void *context) {
  const char *base = sp->mem.base;
  while (!w->done) {
    segment *head = segment_head(base, t, w->prefix << 40), *s = head;
    uint32_t links = w->index / TABLE_SLOTS, index = w->index % TABLE_SLOTS;
    for (; links > 0; links--) s = segment_at(base, s->next);
    bool whole = drop_slots(sp, s, &index, items, visit, context);
    w->index = w->index / TABLE_SLOTS * TABLE_SLOTS + index;
    if (!whole) return false;
    if (s->next != 0) continue; /* the index now names the first slot of the next link */
    w->index = 0;
    w->prefix = segment_end(head, w->prefix);
    w->done = w->prefix == PREFIXES;
    for (ref r = segment_ref(base, head), next; r != 0; r = next) {
      next = segment_at(base, r)->next;
      table_retire(sp, t, r);
      t->segments--;
    }
  }
  if (t->root != 0) drop_directory(sp, t);
  return true;
}

/* ---- going back ---- */

typedef struct abandon_step {
  space *sp;
  const table *before;
  uint64_t epoch;
  bool give_back;
  table_visit visit;
  void *context;
} abandon_step;

/* A hash with this home bucket, tag and first 24 bits: all that a lookup by block asks of one. */
static uint64_t hash_like(uint64_t word, unsigned home, uint64_t tag) {
  uint64_t low = (((uint64_t)home << 32) / TABLE_BUCKETS + 512) & ~UINT64_C(0xff);
  return TOP24(word) | low | tag;
}

/* Visits what is new in one segment. What is not fresh in one that was owned in the first epoch was there before. */
static void abandon_slots(const abandon_step *step, const segment *s) {
  bool first = s->head.birth == step->epoch + 1;
  for (unsigned b = 0; b < TABLE_BUCKETS; b++)
    for (unsigned i = 0; i < TABLE_WAYS; i++) {
      uint64_t word = s->buckets[b].slots[i];
      if (slot_ref(word) == 0 || (first && !(word & SLOT_FRESH))) continue;
      unsigned home = wrap(b + TABLE_BUCKETS - (unsigned)(word & SLOT_DISTANCE));
      uint64_t hash = hash_like(word, home, lane_tag(&s->buckets[b], i));
      if (!(word & SLOT_FRESH) && step->before->root != 0 &&
          table_find_ref(step->sp->mem.base, step->before, hash, slot_ref(word)) != NULL)
        continue;
      step->visit(step->context, slot_ref(word));
    }
}

static void abandon_chain(const abandon_step *step, ref r) {
  const char *base = step->sp->mem.base;
  for (ref next; r != 0; r = next) {
    const segment *s = segment_at(base, r);
    next = s->next;
    if (s->head.birth <= step->epoch) return;
    abandon_slots(step, s);
    if (step->give_back) node_free(step->sp, r);
  }
}

/* The segment that was there before under this hash; 0 when there was no table. */
static ref segment_before(const char *base, const table *before, uint64_t hash) {
  if (before->root == 0) return 0;
  return (ref)page_cell(base, root_cell(base, before, hash), hash) << 12;
}

static void abandon_page(const abandon_step *step, const dir_page *p, uint64_t hash) {
  const char *base = step->sp->mem.base;
  uint32_t bits = p->prefix + p->width;
  for (uint32_t i = 0; i < 1u << p->width;) {
    uint64_t here = hash | (uint64_t)i << (64 - bits);
    ref r = (ref)p->cells[i] << 12;
    uint32_t cells = 1;
    if (r != segment_before(base, step->before, here)) {
      cells = 1u << (bits - segment_at(base, r)->depth);
      abandon_chain(step, r);
    }
    i += cells;
  }
}

void table_abandon(space *sp, const table *t, const table *before, uint64_t epoch, bool give_back,
                   table_visit visit, void *context) {
  const char *base = sp->mem.base;
  if (t->root == before->root || t->root == 0) return;
  abandon_step step = {sp, before, epoch, give_back, visit, context};
  const dir_root *root = root_at(base, t);
  for (uint64_t i = 0; i < UINT64_C(1) << t->bits;) {
    uint64_t hash = i << (64 - t->bits), cell = root->cells[i];
    ref page = cell_ref(cell, hash);
    i += UINT64_C(1) << (t->bits - cell_prefix(cell));
    if (page_at(base, page)->head.birth <= epoch) continue;
    abandon_page(&step, page_at(base, page), hash);
    if (give_back) node_free(sp, page);
  }
  if (give_back && root->head.birth > epoch) node_free(sp, t->root);
}

/* ---- checking ---- */

static bool segment_check(const segment *s, uint64_t hash, uint64_t *count) {
  unsigned displaced[TABLE_BUCKETS] = {0}, far[TABLE_BUCKETS] = {0};
  uint32_t n = 0;
  for (unsigned b = 0; b < TABLE_BUCKETS; b++)
    for (unsigned i = 0; i < TABLE_WAYS; i++) {
      uint64_t word = s->buckets[b].slots[i];
      if ((lane_tag(&s->buckets[b], i) == 0) != (slot_ref(word) == 0)) return false;
      if (word == 0) continue;
      if (top_bits(word, s->depth) != top_bits(hash, s->depth)) return false;
      unsigned distance = (unsigned)(word & SLOT_DISTANCE);
      unsigned home = wrap(b + TABLE_BUCKETS - distance);
      displaced[home] += distance != 0;
      if (distance > far[home]) far[home] = distance;
      n++;
    }
  for (unsigned b = 0; b < TABLE_BUCKETS; b++) {
    unsigned counted = ov_count(s->buckets[b].tags);
    if (counted != 15 && counted != displaced[b]) return false;
    if (ov_farthest(s->buckets[b].tags) < far[b]) return false;
  }
  *count += n;
  return n == s->count;
}

bool table_check(const char *base, const table *t) {
  uint64_t count = 0, segments = 0, heads = 0;
  for (uint64_t prefix = 0; prefix < PREFIXES;) {
    uint64_t hash = prefix << 40, cell = root_cell(base, t, hash);
    const dir_page *page = cell_page(base, cell, hash);
    const segment *head = segment_head(base, t, hash);
    if (page->prefix != cell_prefix(cell) || page->width != cell_width(cell)) return false;
    if (page->prefix > t->bits || head->depth < page->prefix) return false;
    if (head->depth > page->prefix + page->width) return false;
    uint64_t last = segment_end(head, prefix) - 1;
    if (segment_head(base, t, last << 40) != head) return false;
    for (const segment *s = head;; s = segment_at(base, s->next)) {
      if (!segment_check(s, hash, &count)) return false;
      segments++;
      if (s->next == 0) break;
    }
    heads++;
    prefix = last + 1;
  }
  uint64_t counted = 0;
  for (unsigned d = 0; d <= TABLE_DEPTH_MAX; d++) counted += t->depths[d];
  return count == t->count && segments == t->segments && counted == heads;
}
