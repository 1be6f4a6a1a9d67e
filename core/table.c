/* table: see table.h. */
#include "table.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "space.h"

typedef struct bucket {
  uint64_t tags; /* seven tags and the overflow byte */
  uint64_t slots[TABLE_WAYS];
} bucket;

struct segment {
  node head;
  uint32_t depth; /* hash bits all its keys share */
  uint32_t count; /* entries in this segment alone */
  ref next;       /* chain */
  uint64_t lost[4]; /* table_note_lost */
  bucket buckets[TABLE_BUCKETS];
};
typedef struct segment segment;

typedef struct dir_page {
  node head;
  uint32_t prefix; /* hash bits that lead to this page */
  uint32_t width;  /* bits that choose its cell */
  uint32_t cells[]; /* segment's ref / 4096 */
} dir_page;

typedef struct dir_root {
  node head;
  uint64_t cells[]; /* see "the directory" */
} dir_root;

static_assert(sizeof(bucket) == 64, "a bucket is a cache line");
static_assert(sizeof(segment) == 4096, "a segment is a page");

#define PAGE_WIDTH_MAX 10u
#define SPLIT_AT (TABLE_SLOTS * 85 / 100)
#define MERGE_AT (TABLE_SLOTS * 70 / 100) /* so that what chance split is made good where keys come and go */
#define DISTANCE_MAX 7u
#define TAG_LANES UINT64_C(0x0080808080808080)
#define OV_SHIFT 56
#define OV_CHAINED (UINT64_C(0x80) << OV_SHIFT)
#define TOP24(hash) ((hash) & ~((UINT64_C(1) << 40) - 1))

/* ---- hash bits ---- */

static inline uint64_t top_bits(uint64_t hash, uint32_t n) { return (hash >> 1) >> (63 - n); }
static inline unsigned home_of(uint64_t hash) {
  return (unsigned)(((hash & UINT32_MAX) * TABLE_BUCKETS) >> 32);
}
/* Where that bucket begins behind the first one: home_of buckets, without a shift there and back. By hand for gcc, which
 * takes three instructions to multiply by 63. */
static inline uint64_t home_offset(uint64_t hash) {
#if defined(__x86_64__) && !defined(__clang__)
  uint64_t scaled;
  __asm__("imulq %2, %1, %0" : "=r"(scaled) : "r"(hash & UINT32_MAX), "i"(TABLE_BUCKETS) : "cc");
#else
  uint64_t scaled = (hash & UINT32_MAX) * TABLE_BUCKETS;
#endif
  return (scaled >> 26) & ~UINT64_C(63);
}
static inline uint64_t tag_of(uint64_t hash) {
  uint64_t tag = hash & 0xff;
  return tag + (tag == 0);
}

/* The high bit of each of the seven tag lanes that equals `tag`, exactly. */
static inline uint64_t lanes_equal(uint64_t tags, uint64_t tag) {
  const uint64_t low7 = UINT64_C(0x7f7f7f7f7f7f7f7f);
  uint64_t x = tags ^ (tag * UINT64_C(0x0101010101010101));
  return ~(((x & low7) + low7) | x | low7) & TAG_LANES;
}
/* A bit for each lane that equals the hash's low byte. In few steps and few registers: this is most of what a lookup that
 * hits computes, and a processor looks ahead over so many instructions as it can hold, so that each that is saved lets it
 * begin the next lookup's misses earlier (docs/floors.md). */
static FLAT uint64_t lanes_like(const bucket *b, uint64_t hash) {
#ifdef __SSE2__
  __m128i low = _mm_cvtsi64_si128((long long)hash);
  __m128i tag = _mm_shufflelo_epi16(_mm_unpacklo_epi8(low, low), 0);
  __m128i equal = _mm_cmpeq_epi8(tag, _mm_loadl_epi64((const __m128i *)(const void *)&b->tags));
  uint64_t lanes = (unsigned)_mm_movemask_epi8(equal) & ((1u << TABLE_WAYS) - 1);
  OPAQUE(lanes);
  return lanes;
#else
  uint64_t lanes = lanes_equal(b->tags, hash & 0xff) >> 7; /* gathers the low bits of its bytes */
  return (lanes * UINT64_C(0x0102040810204080)) >> 56;
#endif
}
/* Their first. */
static inline uint64_t lane_like(uint64_t lanes) {
#if defined(__x86_64__) && !defined(__clang__)
  __asm__("rep bsfq %0, %0" : "+r"(lanes) : : "cc");
  return lanes;
#else
  return (uint64_t)__builtin_ctzll(lanes);
#endif
}
static inline unsigned lane_first(uint64_t lanes) {
  return (unsigned)__builtin_ctzll(lanes) >> 3;
}
static inline unsigned wrap(unsigned bucket_index) {
  return bucket_index < TABLE_BUCKETS ? bucket_index : bucket_index - TABLE_BUCKETS;
}

/* ---- the overflow byte ---- */

static inline unsigned ov_farthest(uint64_t tags) { return (unsigned)(tags >> (OV_SHIFT + 4)) & 7; }
/* Whether any key that is at home here lives elsewhere: the byte alone, so that the tags are loaded but once, into the
 * register in which they are compared. */
static inline bool ov_any(const bucket *b) {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
  return ((const unsigned char *)b)[OV_SHIFT / 8] != 0;
#else
  return b->tags >> OV_SHIFT != 0;
#endif
}
static inline unsigned ov_count(uint64_t tags) { return (unsigned)(tags >> OV_SHIFT) & 15; }
static inline void ov_set(bucket *b, unsigned farthest, unsigned count) {
  b->tags &= ~(UINT64_C(0x7f) << OV_SHIFT);
  b->tags |= (uint64_t)(farthest << 4 | count) << OV_SHIFT;
}
static void ov_add(bucket *b, unsigned distance) {
  unsigned far = ov_farthest(b->tags), count = ov_count(b->tags);
  ov_set(b, far > distance ? far : distance, count < 15 ? count + 1 : 15);
}
/* 15 means "15 or more" and stays until the segment splits or merges. */
static void ov_sub(bucket *b) {
  unsigned far = ov_farthest(b->tags), count = ov_count(b->tags);
  if (count == 15) return;
  ov_set(b, count > 1 ? far : 0, count - 1);
}

/* ---- the directory ----
 * A root cell holds where the page's cell for the hash prefix 0 would lie, 48 bits | width 8 | shift 8, so
 * that the cell of any hash that leads here is found by one shift of the hash, without cutting off its
 * prefix: distance + 4 * (hash >> shift), shift = 64 - prefix - width. No shift is by 64: the root has at least
 * 2 cells, and so has each page. */

static inline dir_root *root_at(const char *base, const table *t) { return mem_ptr(base, t->root); }
static inline uint32_t cell_shift(uint64_t cell) { return cell & 63; }
static inline uint32_t cell_width(uint64_t cell) { return (uint32_t)(cell >> 8) & 0xff; }
static inline uint32_t cell_prefix(uint64_t cell) { return 64 - cell_shift(cell) - cell_width(cell); }
/* From a place in the page to the one of prefix 0, modulo 2^64. */
static inline uint64_t cell_bias(uint64_t hash, uint32_t prefix, uint32_t width) {
  return offsetof(dir_page, cells) - sizeof(uint32_t) * (top_bits(hash, prefix) << width);
}
static inline uint64_t cell_make(ref page, uint64_t hash, uint32_t prefix, uint32_t width) {
  return (page + cell_bias(hash, prefix, width)) << 16 | width << 8 | (64 - prefix - width);
}
static inline ref cell_ref(uint64_t cell, uint64_t hash) {
  return (ref)((int64_t)cell >> 16) - cell_bias(hash, cell_prefix(cell), cell_width(cell));
}
static inline dir_page *page_at(const char *base, ref page) { return mem_ptr(base, page); }
static inline dir_page *cell_page(const char *base, uint64_t cell, uint64_t hash) {
  return page_at(base, cell_ref(cell, hash));
}
static inline uint64_t root_cell(const char *base, const table *t, uint64_t hash) {
  return root_at(base, t)->cells[hash >> (-t->bits & 63)];
}
static inline uint32_t page_cell(const char *base, uint64_t cell, uint64_t hash) {
  uint64_t at = (uint64_t)((int64_t)cell >> 16) + sizeof(uint32_t) * (hash >> cell_shift(cell));
  return *(uint32_t *)mem_ptr(base, at);
}
static inline segment *segment_at(const char *base, ref r) { return mem_ptr(base, r); }
static FLAT segment *segment_head(const char *base, const table *t, uint64_t hash) {
  return segment_at(base, (ref)page_cell(base, root_cell(base, t, hash), hash) << 12);
}
static inline segment *segment_of(uint64_t *slot) {
  return (segment *)((uintptr_t)slot & ~(uintptr_t)4095);
}
static inline ref segment_ref(const char *base, const segment *s) {
  return (ref)((const char *)s - base);
}

/* Points every root cell of this prefix at a page. */
static void root_set(const char *base, const table *t, uint64_t hash, uint64_t cell) {
  uint32_t open = t->bits - cell_prefix(cell);
  uint64_t first = top_bits(hash, t->bits) >> open << open;
  uint64_t *cells = root_at(base, t)->cells;
  for (uint64_t i = 0; i < UINT64_C(1) << open; i++) cells[first + i] = cell;
}

/* Points every cell of the page that shares the hash's first `depth` bits at a segment. */
static void page_set(const char *base, uint64_t cell, uint64_t hash, uint32_t depth, ref seg) {
  uint32_t open = cell_prefix(cell) + cell_width(cell) - depth;
  uint64_t first = top_bits(hash << cell_prefix(cell), cell_width(cell)) >> open << open;
  uint32_t *cells = cell_page(base, cell, hash)->cells;
  for (uint64_t i = 0; i < UINT64_C(1) << open; i++) cells[first + i] = (uint32_t)(seg >> 12);
}

static uint32_t page_bytes(uint32_t width) {
  return (uint32_t)(sizeof(dir_page) + (sizeof(uint32_t) << width));
}
static uint32_t root_bytes(uint32_t bits) {
  return (uint32_t)(sizeof(dir_root) + (sizeof(uint64_t) << bits));
}

static ref page_new(space *sp, table *t, uint32_t prefix, uint32_t width, bool must) {
  ref r = node_new(sp, page_bytes(width), must);
  if (r == 0) return 0;
  dir_page *p = mem_ptr(sp->mem.base, r);
  p->prefix = prefix;
  p->width = width;
  t->bytes += mem_round(p->head.size);
  sp->work_bytes += p->head.size;
  return r;
}

static void table_retire(space *sp, table *t, ref r) {
  t->bytes -= mem_round(((node *)mem_ptr(sp->mem.base, r))->size);
  node_retire(sp, r);
}

static ref segment_new(space *sp, table *t, uint32_t depth, bool must) {
  ref r = node_new(sp, sizeof(segment), must);
  if (r == 0) return 0;
  segment *s = segment_at(sp->mem.base, r);
  memset((char *)s + sizeof(node), 0, sizeof(segment) - sizeof(node));
  s->depth = depth;
  t->segments++;
  t->bytes += mem_round(sizeof(segment));
  sp->work_bytes += sizeof(segment);
  return r;
}

bool table_open(space *sp, table *t) { return table_start(sp, t, false); }

bool table_start(space *sp, table *t, bool must) {
  memset(t, 0, sizeof *t);
  t->longest_chain = 1;
  t->bits = 1;
  ref page = page_new(sp, t, 0, 1, must);
  ref seg = page != 0 ? segment_new(sp, t, 0, must) : 0;
  t->root = seg != 0 ? node_new(sp, root_bytes(1), must) : 0;
  if (t->root == 0) {
    if (seg != 0) node_retire(sp, seg);
    if (page != 0) node_retire(sp, page);
    return false;
  }
  t->bytes += mem_round(root_bytes(1));
  t->depths[0] = 1;
  root_set(sp->mem.base, t, 0, cell_make(page, 0, 0, 1));
  page_set(sp->mem.base, root_cell(sp->mem.base, t, 0), 0, 0, seg);
  return true;
}

/* ---- lookup ---- */

/* The slot whose entry has this key, or, with key NULL, is this block. */
__attribute__((noinline)) uint64_t *table_find_chained(const char *base, struct segment *s, uint64_t hash, const char *key,
                                  size_t klen, ref block) {
  unsigned home = home_of(hash);
  uint64_t tag = tag_of(hash);
  for (;;) {
    uint64_t overflow = s->buckets[home].tags;
    for (unsigned distance = 0;; distance++) {
      bucket *b = &s->buckets[wrap(home + distance)];
      for (uint64_t m = lanes_equal(b->tags, tag); m != 0; m &= m - 1) {
        uint64_t *slot = &b->slots[lane_first(m)];
        if (UNLIKELY(((*slot ^ hash) >> 40) != 0)) continue;
        if (block != 0 ? slot_ref(*slot) == block
                       : entry_is(mem_ptr(base, slot_ref(*slot)), key, klen))
          return slot;
      }
      if (LIKELY(distance == ov_farthest(overflow))) break;
    }
    if (LIKELY(!(overflow & OV_CHAINED))) return NULL;
    s = segment_at(base, s->next);
  }
}

static FLAT bucket *home_bucket(segment *s, uint64_t hash) {
  bucket *b = (bucket *)(void *)((char *)s->buckets + home_offset(hash));
  OPAQUE(b);
  return b;
}

FLAT const bucket *table_home(const char *base, const table *t, uint64_t hash) {
  return home_bucket(segment_head(base, t, hash), hash);
}

/* Without tag_of's care for 0: such a key's tag is 1, so for it no lane proves anything. */
FLAT entry *table_guess(const char *base, const bucket *b, uint64_t hash, bool *absent) {
  uint64_t lanes = lanes_like(b, hash);
  *absent = false;
  if (UNLIKELY(lanes == 0)) {
    *absent = !ov_any(b) && (hash & 0xff) != 0;
    return NULL;
  }
  uint64_t slot = b->slots[lane_like(lanes)];
  if (UNLIKELY(((slot ^ hash) >> 40) != 0)) return NULL;
  entry *e = mem_ptr(base, slot_ref(slot));
  if (e == NULL) __builtin_unreachable();
  return e;
}

FLAT uint64_t *table_guess_slot(const char *base, const table *t, uint64_t hash) {
  segment *s = segment_head(base, t, hash);
  __builtin_prefetch(s);
  bucket *b = home_bucket(s, hash);
  uint64_t lanes = lanes_like(b, hash);
  if (UNLIKELY(lanes == 0)) return NULL;
  uint64_t *slot = &b->slots[lane_like(lanes)];
  return LIKELY(((*slot ^ hash) >> 40) == 0) ? slot : NULL;
}

FLAT bool table_slot_owned(const space *sp, const uint64_t *slot) {
  return node_writable(sp, (const node *)((uintptr_t)slot & ~(uintptr_t)4095));
}

/* Nearly always the first lane of the home bucket that has the tag decides; the rest is for
 * table_find_chained. */
static FLAT uint64_t *find_in(const char *base, segment *s, uint64_t hash, const char *key, size_t klen) {
  bucket *b = home_bucket(s, hash);
  uint64_t lanes = lanes_like(b, tag_of(hash));
  if (LIKELY(lanes != 0)) {
    uint64_t *slot = &b->slots[lane_like(lanes)];
    if (LIKELY(((*slot ^ hash) >> 40) == 0) &&
        LIKELY(entry_is(mem_ptr(base, slot_ref(*slot)), key, klen)))
      return slot;
  } else if (LIKELY(!ov_any(b))) {
    return NULL;
  }
  return table_find_chained(base, s, hash, key, klen, 0);
}

FLAT uint64_t *table_find(const char *base, const table *t, uint64_t hash, const char *key,
                          size_t klen) {
  return find_in(base, segment_head(base, t, hash), hash, key, klen);
}

FLAT uint64_t *table_find_to_write(const char *base, const table *t, uint64_t hash, const char *key, size_t klen) {
  segment *s = segment_head(base, t, hash);
  __builtin_prefetch(s);
  return find_in(base, s, hash, key, klen);
}

uint64_t *table_find_ref(const char *base, const table *t, uint64_t hash, ref block) {
  return table_find_chained(base, segment_head(base, t, hash), hash, NULL, 0, block);
}

FLAT bool table_holds(const char *base, const table *t, uint64_t hash, const uint64_t *slot, uint64_t word) {
  return (uintptr_t)segment_head(base, t, hash) == ((uintptr_t)slot & ~(uintptr_t)4095) && LIKELY(*slot == word);
}

FLAT void table_prefetch_head(const void *within) {
  __builtin_prefetch((const void *)((uintptr_t)within & ~(uintptr_t)4095), 1);
}

FLAT void table_prefetch(const char *base, const table *t, uint64_t hash) {
  __builtin_prefetch(table_home(base, t, hash));
}

FLAT void table_prefetch_to_remove(const char *base, const table *t, uint64_t hash) {
  const bucket *home = table_home(base, t, hash);
  __builtin_prefetch(home, 1);
  table_prefetch_head(home);
}

FLAT void table_prefetch_entry(const char *base, const table *t, uint64_t hash) {
  bool absent;
  __builtin_prefetch(table_guess(base, table_home(base, t, hash), hash, &absent));
}

FLAT uint32_t table_look(const char *base, const table *t, uint64_t hash, uint32_t buckets, uint64_t **out) {
  segment *s = segment_head(base, t, hash);
  uint32_t n = 0;
  for (unsigned i = 0, at = home_of(hash); i < buckets; i++, at = wrap(at + 1))
    for (unsigned lane = 0; lane < TABLE_WAYS; lane++) {
      out[n] = &s->buckets[at].slots[lane];
      n += s->buckets[at].slots[lane] != 0;
    }
  return n;
}

FLAT void table_prefetch_buckets(const char *base, const table *t, uint64_t hash, uint32_t buckets) {
  const segment *s = segment_head(base, t, hash);
  for (unsigned i = 0, at = home_of(hash); i < buckets; i++, at = wrap(at + 1)) __builtin_prefetch(&s->buckets[at]);
}

FLAT void table_prefetch_entries(const char *base, const table *t, uint64_t hash, uint32_t buckets) {
  const segment *s = segment_head(base, t, hash);
  for (unsigned i = 0, at = home_of(hash); i < buckets; i++, at = wrap(at + 1))
    for (unsigned lane = 0; lane < TABLE_WAYS; lane++) __builtin_prefetch(mem_ptr(base, slot_ref(s->buckets[at].slots[lane])));
}

/* ---- owning ---- */

/* Owns the segment that `r` names; its copy has nothing fresh. Nobody asks for what was lost before the only moment that
 * lives. 0: no memory. */
static ref segment_own(space *sp, ref r, bool must) {
  ref own = node_own(sp, r, must);
  if (own == r || own == 0) return own;
  segment *s = segment_at(sp->mem.base, own);
  if (sp->moments->older == NULL) memset(s->lost, 0, sizeof s->lost);
  for (unsigned b = 0; b < TABLE_BUCKETS; b++)
    for (unsigned i = 0; i < TABLE_WAYS; i++) s->buckets[b].slots[i] &= ~SLOT_FRESH;
  return own;
}

/* Owns root, page and head segment on the hash's path. A node born after the newest snapshot has
 * owned parents: linking it in needed them. */
static COLD segment *own_path(space *sp, table *t, uint64_t hash, segment *s, bool must) {
  const char *base = sp->mem.base;
  ref root = node_own(sp, t->root, must);
  if (root == 0) return NULL;
  t->root = root;
  uint64_t cell = root_cell(base, t, hash);
  ref page = node_own(sp, cell_ref(cell, hash), must);
  if (page == 0) return NULL;
  if (page != cell_ref(cell, hash)) {
    cell = cell_make(page, hash, cell_prefix(cell), cell_width(cell));
    root_set(base, t, hash, cell);
  }
  ref own = segment_own(sp, segment_ref(base, s), must);
  if (own == 0) return NULL;
  page_set(base, cell, hash, s->depth, own);
  return segment_at(base, own);
}

static FLAT segment *own_head(space *sp, table *t, uint64_t hash, bool must) {
  segment *s = segment_head(sp->mem.base, t, hash);
  return LIKELY(node_surely_writable(sp, &s->head)) ? s : own_path(sp, t, hash, s, must);
}

/* The next of an owned segment, owned. */
static segment *own_next(space *sp, segment *s, bool must) {
  ref own = segment_own(sp, s->next, must);
  if (own == 0) return NULL;
  s->next = own;
  return segment_at(sp->mem.base, own);
}

uint64_t *table_own(space *sp, table *t, uint64_t hash, uint64_t *slot, bool must) {
  segment *s = segment_of(slot);
  if (LIKELY(node_surely_writable(sp, &s->head))) return slot;
  unsigned links = 0;
  for (segment *c = segment_head(sp->mem.base, t, hash); c != s;
       c = segment_at(sp->mem.base, c->next))
    links++;
  segment *own = own_head(sp, t, hash, must);
  for (; own != NULL && links > 0; links--) own = own_next(sp, own, must);
  if (own == NULL) return NULL;
  return (uint64_t *)(void *)((char *)own + ((char *)slot - (char *)s));
}

bool table_slot_fresh(const space *sp, uint64_t *slot) {
  return node_writable(sp, &segment_of(slot)->head) && (*slot & SLOT_FRESH);
}

/* ---- placing, splitting, chaining ---- */

/* Puts a slot word (without distance) into the first free slot at or behind its home. */
static uint64_t *place(segment *s, unsigned home, uint64_t word, uint64_t tag) {
  for (unsigned distance = 0; distance <= DISTANCE_MAX; distance++) {
    bucket *b = &s->buckets[wrap(home + distance)];
    uint64_t vacant = lanes_equal(b->tags, 0);
    if (vacant == 0) continue;
    unsigned lane = lane_first(vacant);
    b->slots[lane] = word | distance;
    b->tags |= tag << (8 * lane);
    if (distance != 0) ov_add(&s->buckets[home], distance);
    s->count++;
    return &b->slots[lane];
  }
  return NULL;
}

/* The same in the home bucket alone. */
static FLAT uint64_t *place_home(segment *s, uint64_t hash, uint64_t word) {
  bucket *b = &s->buckets[home_of(hash)];
  uint64_t vacant = lanes_equal(b->tags, 0);
  if (UNLIKELY(vacant == 0)) return NULL;
  unsigned lane = lane_first(vacant);
  b->slots[lane] = word;
  b->tags |= tag_of(hash) << (8 * lane);
  s->count++;
  return &b->slots[lane];
}

static inline uint64_t lane_tag(const bucket *b, unsigned lane) {
  return (b->tags >> (8 * lane)) & 0xff;
}
static inline void lane_clear(bucket *b, unsigned lane) {
  b->slots[lane] = 0;
  b->tags &= ~(UINT64_C(0xff) << (8 * lane));
}

/* The lanes whose slots are not at home, a bit each. */
static inline unsigned lanes_displaced(const bucket *b) {
  uint64_t any = 0;
  for (unsigned i = 0; i < TABLE_WAYS; i++) any |= b->slots[i];
  if ((any & SLOT_DISTANCE) == 0) return 0;
  unsigned lanes = 0;
  for (unsigned i = 0; i < TABLE_WAYS; i++) lanes |= (unsigned)((b->slots[i] & SLOT_DISTANCE) != 0) << i;
  return lanes;
}

/* Brings displaced slots home where there is room now and counts the others afresh. */
static void resettle(segment *s) {
  for (unsigned b = 0; b < TABLE_BUCKETS; b++) ov_set(&s->buckets[b], 0, 0);
  for (unsigned b = 0; b < TABLE_BUCKETS; b++) {
    bucket *here = &s->buckets[b];
    for (unsigned lanes = lanes_displaced(here); lanes != 0; lanes &= lanes - 1) {
      unsigned i = (unsigned)__builtin_ctz(lanes);
      uint64_t word = here->slots[i];
      unsigned distance = (unsigned)(word & SLOT_DISTANCE);
      bucket *home = &s->buckets[wrap(b + TABLE_BUCKETS - distance)];
      uint64_t vacant = lanes_equal(home->tags, 0);
      if (vacant == 0) {
        ov_add(home, distance);
        continue;
      }
      home->slots[lane_first(vacant)] = word & ~SLOT_DISTANCE;
      home->tags |= lane_tag(here, i) << (8 * lane_first(vacant));
      lane_clear(here, i);
    }
  }
}

/* Moves the slots whose bit behind `depth` is set to the same places of an empty segment. Which ones do is chance: no
 * branch asks. A free slot is 0, and so is its bit. */
static void divide(space *sp, segment *s, segment *to) {
  uint32_t shift = 63 - s->depth;
  for (unsigned b = 0; b < TABLE_BUCKETS; b++) {
    bucket *from = &s->buckets[b], *into = &to->buckets[b];
    uint64_t tags = 0;
    for (unsigned i = 0; i < TABLE_WAYS; i++) {
      uint64_t word = from->slots[i], bit = (word >> shift) & 1, moves = 0 - bit;
      into->slots[i] = word & moves;
      from->slots[i] = word & ~moves;
      tags |= (moves & 0xff) << (8 * i);
      to->count += (uint32_t)bit;
    }
    into->tags = from->tags & tags;
    from->tags &= ~tags;
  }
  s->count -= to->count;
  sp->work_moved += to->count;
  memcpy(to->lost, s->lost, sizeof to->lost);
  resettle(s);
  resettle(to);
}

static bool root_double(space *sp, table *t, bool must) {
  ref r = node_new(sp, root_bytes(t->bits + 1), must);
  if (r == 0) return false;
  dir_root *wide = mem_ptr(sp->mem.base, r), *old = root_at(sp->mem.base, t);
  for (uint64_t i = 0; i < UINT64_C(2) << t->bits; i++) wide->cells[i] = old->cells[i >> 1];
  t->bytes += mem_round(wide->head.size);
  sp->work_bytes += wide->head.size;
  table_retire(sp, t, t->root);
  t->root = r;
  t->bits++;
  return true;
}

/* Gives the hash's page one more bit. */
static bool page_widen(space *sp, table *t, uint64_t hash, uint64_t cell, bool must) {
  uint32_t width = cell_width(cell);
  ref r = page_new(sp, t, cell_prefix(cell), width + 1, must);
  if (r == 0) return false;
  dir_page *wide = page_at(sp->mem.base, r), *old = cell_page(sp->mem.base, cell, hash);
  for (uint32_t i = 0; i < 2u << width; i++) wide->cells[i] = old->cells[i >> 1];
  root_set(sp->mem.base, t, hash, cell_make(r, hash, cell_prefix(cell), width + 1));
  table_retire(sp, t, cell_ref(cell, hash));
  return true;
}

/* Splits the hash's page into two, each with one more bit of prefix and one less of width. */
static bool page_split(space *sp, table *t, uint64_t hash, uint64_t cell, bool must) {
  uint32_t prefix = cell_prefix(cell), width = cell_width(cell) - 1;
  if (prefix == t->bits && !root_double(sp, t, must)) return false;
  ref low = page_new(sp, t, prefix + 1, width, must);
  ref high = low != 0 ? page_new(sp, t, prefix + 1, width, must) : 0;
  if (high == 0) {
    if (low != 0) table_retire(sp, t, low);
    return false;
  }
  const char *base = sp->mem.base;
  dir_page *old = cell_page(base, cell, hash);
  size_t half = sizeof(uint32_t) << width;
  memcpy(page_at(base, low)->cells, old->cells, half);
  memcpy(page_at(base, high)->cells, old->cells + (UINT64_C(1) << width), half);
  uint64_t bit = UINT64_C(1) << (63 - prefix);
  root_set(base, t, hash & ~bit, cell_make(low, hash & ~bit, prefix + 1, width));
  root_set(base, t, hash | bit, cell_make(high, hash | bit, prefix + 1, width));
  table_retire(sp, t, cell_ref(cell, hash));
  return true;
}

/* Splits the owned head segment of this hash. False: no memory, nothing lost. */
static bool split(space *sp, table *t, uint64_t hash, segment *s, bool must) {
  const char *base = sp->mem.base;
  uint64_t cell;
  for (;;) {
    cell = root_cell(base, t, hash);
    if (s->depth < cell_prefix(cell) + cell_width(cell)) break;
    if (!(cell_width(cell) < PAGE_WIDTH_MAX ? page_widen(sp, t, hash, cell, must)
                                            : page_split(sp, t, hash, cell, must)))
      return false;
  }
  ref r = segment_new(sp, t, s->depth + 1, must);
  if (r == 0) return false;
  divide(sp, s, segment_at(base, r));
  t->depths[s->depth]--;
  s->depth++;
  t->depths[s->depth] += 2;
  page_set(base, cell, hash | UINT64_C(1) << (64 - s->depth), s->depth, r);
  return true;
}

/* A few levels beyond what that many segments need: enough for any honest hash, and a bound for
 * the directory when keys share theirs. */
static bool may_split(const table *t, const segment *s) {
  uint32_t deepest = 8 + 64 - (uint32_t)__builtin_clzll(t->segments);
  if (deepest > TABLE_DEPTH_MAX) deepest = TABLE_DEPTH_MAX;
  return s->next == 0 && s->depth < deepest;
}

/* Puts the word into the first segment of the chain that has room, growing the chain if none has. */
static bool chain_place(space *sp, table *t, segment *s, uint64_t hash, uint64_t word,
                        bool must) {
  const char *base = sp->mem.base;
  unsigned home = home_of(hash);
  for (uint32_t links = 2;; links++) {
    if (s->next == 0) {
      ref r = segment_new(sp, t, s->depth, must);
      if (r == 0) return false;
      s->next = r;
      if (links > t->longest_chain) t->longest_chain = links;
    }
    segment *next = own_next(sp, s, must);
    if (next == NULL) return false;
    s->buckets[home].tags |= OV_CHAINED;
    s = segment_at(base, segment_ref(base, next));
    if (place(s, home, word, tag_of(hash)) != NULL) return true;
  }
}

/* Where the first segment is full, or has no place for the key. */
__attribute__((noinline)) bool table_insert_crowded(space *sp, table *t, uint64_t hash, uint64_t word, bool must) {
  for (;;) {
    segment *s = own_head(sp, t, hash, must);
    if (s == NULL) return false;
    bool splittable = may_split(t, s);
    if (!splittable || s->count < SPLIT_AT) {
      if (place(s, home_of(hash), word, tag_of(hash)) != NULL) break;
    }
    if (!splittable) {
      if (!chain_place(sp, t, s, hash, word, must)) return false;
      break;
    }
    if (split(sp, t, hash, s, must)) continue;
    if (place(s, home_of(hash), word, tag_of(hash)) == NULL) return false;
    break;
  }
  t->count++;
  return true;
}

FLAT bool table_insert(space *sp, table *t, uint64_t hash, ref block, bool must) {
  uint64_t word = TOP24(hash) | SLOT_FRESH | block;
  segment *s = own_head(sp, t, hash, must);
  if (UNLIKELY(s == NULL)) return false;
  if (UNLIKELY(s->count >= SPLIT_AT) || UNLIKELY(place_home(s, hash, word) == NULL))
    return table_insert_crowded(sp, t, hash, word, must);
  t->count++;
  return true;
}

/* ---- in place and back ---- */

bool table_has_place(const char *base, const table *t, uint64_t hash) {
  const segment *s = segment_head(base, t, hash);
  return s->count < SPLIT_AT && lanes_equal(s->buckets[home_of(hash)].tags, 0) != 0;
}

uint64_t *table_place(const char *base, table *t, uint64_t hash, ref block) {
  t->count++;
  return place_home(segment_head(base, t, hash), hash, TOP24(hash) | SLOT_FRESH | block);
}

void table_displace(table *t, uint64_t *slot) {
  bucket *b = (bucket *)((uintptr_t)slot & ~(uintptr_t)(sizeof(bucket) - 1));
  lane_clear(b, (unsigned)(slot - b->slots));
  segment_of(slot)->count--;
  t->count--;
}

bool table_own_place(space *sp, table *t, uint64_t hash, bool must) { return own_head(sp, t, hash, must) != NULL; }

/* ---- removing, merging ---- */

static bool halves_equal(const void *cells, size_t cell, uint64_t count) {
  const char *p = cells;
  for (uint64_t i = 0; i < count; i += 2)
    if (memcmp(p + i * cell, p + (i + 1) * cell, cell) != 0) return false;
  return true;
}

/* Takes bits back from the hash's page and from the root while no cell needs them. Optional: without
 * memory for the smaller ones the larger ones stay. */
static void directory_shrink(space *sp, table *t, uint64_t hash) {
  const char *base = sp->mem.base;
  for (;;) {
    uint64_t cell = root_cell(base, t, hash);
    uint32_t width = cell_width(cell);
    dir_page *old = cell_page(base, cell, hash);
    if (width == 1 || !halves_equal(old->cells, sizeof *old->cells, UINT64_C(1) << width)) break;
    ref r = page_new(sp, t, cell_prefix(cell), width - 1, false);
    if (r == 0) return;
    for (uint32_t i = 0; i < 1u << (width - 1); i++)
      page_at(base, r)->cells[i] = old->cells[2 * i];
    root_set(base, t, hash, cell_make(r, hash, cell_prefix(cell), width - 1));
    table_retire(sp, t, cell_ref(cell, hash));
  }
  while (t->bits > 1) {
    dir_root *old = root_at(base, t);
    if (!halves_equal(old->cells, sizeof *old->cells, UINT64_C(1) << t->bits)) break;
    ref r = node_new(sp, root_bytes(t->bits - 1), false);
    if (r == 0) return;
    dir_root *narrow = mem_ptr(base, r);
    t->bytes += mem_round(narrow->head.size);
    for (uint64_t i = 0; i < UINT64_C(1) << (t->bits - 1); i++)
      narrow->cells[i] = old->cells[2 * i];
    table_retire(sp, t, t->root);
    t->root = r;
    t->bits--;
  }
}

/* Moves every slot of `from` into s. False, and s as before, when one finds no place. */
static bool absorb(space *sp, segment *s, const segment *from) {
  segment before = *s;
  uint64_t keep = node_writable(sp, &from->head) ? ~UINT64_C(0) : ~SLOT_FRESH;
  for (unsigned b = 0; b < TABLE_BUCKETS; b++)
    for (unsigned i = 0; i < TABLE_WAYS; i++) {
      uint64_t word = from->buckets[b].slots[i], tag = lane_tag(&from->buckets[b], i);
      if (tag == 0) continue;
      unsigned home = wrap(b + TABLE_BUCKETS - (unsigned)(word & SLOT_DISTANCE));
      if (place(s, home, word & keep & ~SLOT_DISTANCE, tag) != NULL) continue;
      *s = before;
      return false;
    }
  for (unsigned i = 0; i < 4; i++) s->lost[i] |= from->lost[i];
  sp->work_moved += from->count;
  return true;
}

/* Joins the owned head segment of this hash with its sibling when both are sparse. False when they stay
 * apart. */
static bool merge(space *sp, table *t, uint64_t hash, segment *s) {
  const char *base = sp->mem.base;
  uint32_t depth = s->depth;
  if (depth == 0 || s->next != 0) return false;
  uint64_t bit = UINT64_C(1) << (64 - depth);
  segment *sibling = segment_head(base, t, hash ^ bit);
  if (sibling->depth != depth || sibling->next != 0 || s->count + sibling->count > MERGE_AT)
    return false;
  uint64_t cell = root_cell(base, t, hash), other = root_cell(base, t, hash ^ bit);
  bool two_pages = depth == cell_prefix(cell); /* each is all that its page leads to */
  if (!absorb(sp, s, sibling)) return false;
  t->depths[depth] -= 2;
  t->depths[depth - 1]++;
  s->depth = depth - 1;
  if (two_pages) {
    ref page = cell_ref(cell, hash);
    page_at(base, page)->prefix = depth - 1;
    cell = cell_make(page, hash, depth - 1, cell_width(cell));
    root_set(base, t, hash, cell);
    table_retire(sp, t, cell_ref(other, hash ^ bit));
  }
  page_set(base, cell, hash, depth - 1, segment_ref(base, s));
  table_retire(sp, t, segment_ref(base, sibling));
  t->segments--;
  directory_shrink(sp, t, hash);
  return true;
}

/* Takes an emptied segment out of its chain. */
static void chain_unlink(space *sp, table *t, uint64_t hash, segment *empty) {
  const char *base = sp->mem.base;
  segment *s = segment_head(base, t, hash);
  while (segment_at(base, s->next) != empty) s = segment_at(base, s->next);
  s->next = empty->next;
  table_retire(sp, t, segment_ref(base, empty));
  t->segments--;
  if (s->next != 0) return;
  for (unsigned b = 0; b < TABLE_BUCKETS; b++) s->buckets[b].tags &= ~OV_CHAINED;
}

void table_note_lost(const char *base, const table *t, uint64_t hash) {
  segment_head(base, t, hash)->lost[hash >> 8 & 3] |= UINT64_C(1) << (hash >> 10 & 63);
}

bool table_lost(const char *base, const table *later, const table *before, uint64_t hash) {
  const segment *s = segment_head(base, later, hash);
  return s != segment_head(base, before, hash) && (s->lost[hash >> 8 & 3] >> (hash >> 10 & 63) & 1) != 0;
}

void table_remove(space *sp, table *t, uint64_t hash, uint64_t *slot) {
  segment *s = segment_of(slot);
  size_t line = (size_t)((char *)slot - (char *)s->buckets) / sizeof(bucket);
  bucket *b = &s->buckets[line];
  unsigned distance = (unsigned)(*slot & SLOT_DISTANCE);
  lane_clear(b, (unsigned)(slot - b->slots));
  if (distance != 0) ov_sub(&s->buckets[wrap((unsigned)line + TABLE_BUCKETS - distance)]);
  s->count--;
  t->count--;
  if (LIKELY(s->count > MERGE_AT / 2 || (s->count & 7) != 0)) return;
  segment *head = segment_head(sp->mem.base, t, hash);
  if (s->count == 0 && s != head) chain_unlink(sp, t, hash, s);
  /* Siblings that emptied earlier, while this one was deeper, go with it; all that join hold few. */
  while (merge(sp, t, hash, head)) continue;
}
