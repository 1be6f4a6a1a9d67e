/* mem: see mem.h. */
#include "mem.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* One descriptor per page. Only the first page of a span or run carries all of it; the pages behind
 * it in a span say how far back the first one is, and the last page of a free run repeats its kind
 * and length so that a neighbour can coalesce with it. */
typedef struct mem_page {
  uint32_t next; /* of the list it is on: a class's partial spans, or a bin's free runs */
  uint32_t prev;
  union {
    struct {
      uint16_t free; /* span: first free block, distance from the span / 8 */
      uint16_t live; /* span: blocks handed out */
    };
    uint32_t length; /* run: pages */
  };
  uint16_t fresh; /* span: blocks from here on were never handed out, / 8; free run: pages that may be resident, at most */
  uint8_t kind;   /* PAGE_... */
  uint8_t back;   /* span: pages to its first one */
} mem_page;

typedef struct mem_chunk {
  uint16_t free;  /* pages in free runs */
  uint16_t freed; /* pages that were freed since some of it were given back last, at most so many as it has */
  uint16_t huge;  /* 1 where the chunk was prepared as a huge page */
} mem_chunk;

static_assert(sizeof(mem_page) == 16, "a page costs 16 bytes of description");
static_assert(sizeof(mem_root) <= MEM_PAGE, "the root is one page");

enum {
  PAGE_NONE = 0,
  PAGE_FREE = 1,
  PAGE_RUN = 2,
  PAGE_SPAN = 3, /* + class */
  PAGE_KEPT = 255 /* by mem_keep */
};

#define FREE_END UINT16_MAX
#define MEM_CHUNK ((uint64_t)MEM_CHUNK_PAGES * MEM_PAGE)
#define MEM_SLACK ((uint64_t)1 << 20) /* dirty free bytes always kept */
#define MEM_WORTH 16                  /* dirty pages that are worth a system call */
#define MEM_WASTE ((uint64_t)1 << 20) /* what partly used spans may waste beside a share of what is used */
#define MEM_RETURNED 256              /* spans that one call of mem_move_end returns */
#define TRIM_CALLS 12                 /* of the system, by one call of mem_trim */
#define TRIM_STEPS 64                 /* runs it looks at */
#define TRIM_LONGEST 65536            /* ... of one length, in a pass */
#define SPAN_LEAVING 0x80u            /* in a span's kind: it gives no blocks away */

#if defined(KEVY_ASAN) || defined(KEVY_TSAN)
#define MEM_RESERVE_LEAST ((uint64_t)4 << 30)
#define MEM_RESERVE_MOST ((uint64_t)4 << 30)
#else
#define MEM_RESERVE_LEAST ((uint64_t)64 << 30)
#define MEM_RESERVE_MOST ((uint64_t)256 << 30)
#endif
static_assert(MEM_RESERVE_MOST < (UINT64_C(1) << REF_BITS), "every offset is a ref");

/* ---- size classes ---- */

static inline unsigned class_of(size_t size) {
  if (size <= 128) return size == 0 ? 0 : (unsigned)((size - 1) >> 3);
  unsigned k = 63u - (unsigned)__builtin_clzll(size - 1); /* 7 .. 13 */
  return 16 + (k - 7) * 8 + (unsigned)(((size - 1) >> (k - 3)) & 7);
}

static inline size_t class_size(unsigned c) {
  if (c < 16) return (size_t)(c + 1) * 8;
  unsigned k = 7 + (c - 16) / 8, step = (c - 16) % 8;
  return ((size_t)1 << k) + (size_t)(step + 1) * ((size_t)1 << (k - 3));
}

/* Long enough that the tail which holds no block stays around 3 %. */
static inline uint32_t span_pages(size_t block) {
  if (block <= 128) return 1;
  if (block <= 1024) return 4;
  return block <= 4096 ? 16 : 32;
}

__attribute__((noinline)) size_t mem_round_long(size_t size) {
  if (size <= MEM_CLASS_MAX) return class_size(class_of(size));
  return (size + MEM_PAGE - 1) & ~(size_t)(MEM_PAGE - 1);
}

FLAT size_t mem_round(size_t size) { return LIKELY(size - 1 < 128) ? (size + 7) & ~(size_t)7 : mem_round_long(size); }

static inline char *page_address(const mem *m, uint32_t page) {
  return m->base + (uint64_t)page * MEM_PAGE;
}

/* ---- free runs ---- */

static unsigned bin_of(uint32_t length) {
  if (length < 64) return length;
  unsigned b = 64u + (31u - (unsigned)__builtin_clz(length >> 6));
  return b < MEM_BINS ? b : MEM_BINS - 1;
}

/* A run that may be resident goes to the head of its bin, to be taken first; what was given back, or cannot be now, to the tail. */
static void bin_link(mem *m, uint32_t first, unsigned b, bool tail) {
  mem_page *p = &m->pages[first];
  uint32_t before = tail ? m->root->tails[b] : 0, after = tail ? 0 : m->root->bins[b];
  p->prev = before;
  p->next = after;
  if (before != 0) m->pages[before].next = first;
  else m->root->bins[b] = first;
  if (after != 0) m->pages[after].prev = first;
  else m->root->tails[b] = first;
  m->root->bins_set[b >> 6] |= UINT64_C(1) << (b & 63);
}

static void bin_insert(mem *m, uint32_t first, uint32_t length, uint32_t dirty) {
  mem_page *p = &m->pages[first], *last = &m->pages[first + length - 1];
  p->fresh = (uint16_t)(dirty < UINT16_MAX ? dirty : UINT16_MAX);
  m->root->dirty -= (uint64_t)(dirty - p->fresh) * MEM_PAGE;
  last->kind = p->kind = PAGE_FREE;
  last->length = p->length = length;
  bin_link(m, first, bin_of(length), dirty == 0);
}

static void bin_remove(mem *m, uint32_t first) {
  mem_page *p = &m->pages[first];
  unsigned b = bin_of(p->length);
  if (p->prev != 0) m->pages[p->prev].next = p->next;
  else m->root->bins[b] = p->next;
  if (p->next != 0) m->pages[p->next].prev = p->prev;
  else m->root->tails[b] = p->prev;
  if (m->root->bins[b] == 0) m->root->bins_set[b >> 6] &= ~(UINT64_C(1) << (b & 63));
}

/* The first bin from b on that holds a run, MEM_BINS for none. */
static unsigned bin_next(const mem *m, unsigned b) {
  for (unsigned word = b >> 6; word < 2; word++) {
    uint64_t set = m->root->bins_set[word];
    if (word == b >> 6) set &= ~UINT64_C(0) << (b & 63);
    if (set != 0) return word * 64 + (unsigned)__builtin_ctzll(set);
  }
  return MEM_BINS;
}

/* Joins a run with its free neighbours, which leave their bins. */
static void run_join(mem *m, uint32_t *first, uint32_t *length, uint32_t *dirty) {
  POISON(page_address(m, *first), (size_t)*length * MEM_PAGE);
  const mem_page *after = &m->pages[*first + *length];
  if (after->kind == PAGE_FREE) {
    uint32_t joined = after->length;
    *dirty += after->fresh;
    bin_remove(m, *first + *length);
    *length += joined;
  }
  const mem_page *before = &m->pages[*first - 1];
  if (before->kind == PAGE_FREE) {
    uint32_t joined = before->length;
    *first -= joined;
    *dirty += m->pages[*first].fresh;
    bin_remove(m, *first);
    *length += joined;
  }
}

/* The pages that [*from, to) has in the chunk of *from; moves *from behind them. */
static uint32_t pages_in_chunk(uint32_t *from, uint32_t to) {
  uint32_t end = *from - *from % MEM_CHUNK_PAGES + MEM_CHUNK_PAGES, start = *from;
  *from = end < to ? end : to;
  return *from - start;
}

static inline uint64_t dirty_allowed(const mem *m) { return MEM_SLACK + m->root->used / 64; }

/* Whether a prepared chunk is worth keeping as it is, for growth or for what fills most of it. */
static bool chunk_stays_huge(const mem *m, const mem_chunk *c, uint32_t most) {
  return c->free < most || m->root->free <= MEM_CHUNK_PAGES + m->root->used / MEM_PAGE / 32;
}

/* Gives back to the system what a free run has in one chunk. A prepared chunk of which a part goes becomes plain: a later touch of a
 * missing huge page would stall its caller. */
static void piece_release(mem *m, mem_chunk *c, uint32_t at, uint32_t pages) {
  if (c->huge) (void)madvise(page_address(m, at - at % MEM_CHUNK_PAGES), MEM_CHUNK, MADV_NOHUGEPAGE);
  c->huge = c->freed = 0;
  (void)madvise(page_address(m, at), (size_t)pages * MEM_PAGE, MADV_DONTNEED);
}

/* So many pages of a free run are no longer resident. How many may be. */
static uint32_t run_cleaned(mem *m, uint32_t dirty, uint32_t gone) {
  if (gone > dirty) gone = dirty;
  m->root->dirty -= (uint64_t)gone * MEM_PAGE;
  return dirty - gone;
}

/* Gives back what a free run has in the chunks of a part of it that was just freed, where enough was freed in them to be worth the
 * call: one call for MEM_WORTH pages at most. How many pages of it may still be resident. */
static uint32_t run_release(mem *m, uint32_t first, uint32_t length, uint32_t dirty, uint32_t freed, uint32_t pages) {
  uint32_t from = freed - freed % MEM_CHUNK_PAGES, end = first + length;
  for (from = from < first ? first : from; from < freed + pages;) {
    uint32_t at = from;
    mem_chunk *c = &m->chunks[at / MEM_CHUNK_PAGES];
    uint32_t some = pages_in_chunk(&from, end), gone = c->freed < some ? c->freed : some;
    if (some < MEM_WORTH || c->freed < MEM_WORTH || (c->huge && chunk_stays_huge(m, c, MEM_CHUNK_PAGES / 2))) continue;
    piece_release(m, c, at, some);
    dirty = run_cleaned(m, dirty, some == length ? dirty : gone);
  }
  return dirty;
}

/* Adds a run to the free ones, which may be resident, and where more than the slack is dirty gives it back, with what lies free
 * around it, if that is worth a call. If not it waits for its neighbours, or for mem_trim. */
static void run_add(mem *m, uint32_t freed, uint32_t pages) {
  uint32_t first = freed, length = pages, dirty = pages;
  m->root->dirty += (uint64_t)dirty * MEM_PAGE;
  run_join(m, &first, &length, &dirty);
  if (m->root->dirty > dirty_allowed(m) && dirty >= MEM_WORTH) dirty = run_release(m, first, length, dirty, freed, pages);
  bin_insert(m, first, length, dirty);
}

/* Frees a run that was in use. */
static void run_free(mem *m, uint32_t first, uint32_t length) {
  for (uint32_t from = first, to = first + length; from < to;) {
    mem_chunk *c = &m->chunks[from / MEM_CHUNK_PAGES];
    uint32_t pages = pages_in_chunk(&from, to), freed = c->freed + pages;
    c->free = (uint16_t)(c->free + pages);
    c->freed = (uint16_t)(freed < MEM_CHUNK_PAGES ? freed : MEM_CHUNK_PAGES);
  }
  m->root->free += length;
  run_add(m, first, length);
}

/* Adds chunks that were never used; what was prepared of them stays. */
static void chunks_add(mem *m, uint64_t first, uint64_t chunks, bool huge) {
  for (uint64_t c = first; c < first + chunks; c++) m->chunks[c] = (mem_chunk){MEM_CHUNK_PAGES, 0, huge};
  m->root->top += chunks;
  m->root->free += chunks * MEM_CHUNK_PAGES;
  uint32_t page = (uint32_t)(first * MEM_CHUNK_PAGES), length = (uint32_t)(chunks * MEM_CHUNK_PAGES);
  uint32_t dirty = huge ? MEM_CHUNK_PAGES : 0;
  m->root->dirty += (uint64_t)dirty * MEM_PAGE;
  run_join(m, &page, &length, &dirty);
  bin_insert(m, page, length, dirty);
}

/* Takes chunks into use so that a run of `length` pages exists. */
static bool mem_expand(mem *m, uint32_t length) {
  uint64_t chunks = ((uint64_t)length + MEM_CHUNK_PAGES - 1) / MEM_CHUNK_PAGES, first;
  bool huge = false;
  if (chunks == 1 ? !grow_take(&m->grow, &first, &huge) : !grow_take_many(&m->grow, chunks, &first))
    return false;
  chunks_add(m, first, chunks, huge);
  if (m->root->top > 1) {
    uint64_t ahead = m->root->top / 64 + 1;
    grow_ahead(&m->grow, ahead < GROW_AHEAD ? (uint32_t)ahead : GROW_AHEAD);
  }
  return true;
}

/* A free run of at least `length` pages, taken out of its bin; 0 for none. */
static uint32_t run_find(mem *m, uint32_t length) {
  unsigned b = bin_next(m, bin_of(length));
  if (b == bin_of(length) && length >= 64) {
    uint32_t page = m->root->bins[b];
    for (int tries = 0; page != 0 && tries < 16; tries++, page = m->pages[page].next)
      if (m->pages[page].length >= length) return page;
    b = bin_next(m, b + 1);
  }
  return b < MEM_BINS ? m->root->bins[b] : 0;
}

static uint32_t run_take(mem *m, uint32_t length) {
  uint32_t first = run_find(m, length);
  if (first == 0) {
    if (!mem_expand(m, length)) return 0;
    first = run_find(m, length);
    if (first == 0) return 0;
  }
  uint32_t rest = m->pages[first].length - length, dirty = m->pages[first].fresh, kept = dirty < rest ? dirty : rest;
  bin_remove(m, first);
  m->root->dirty -= (uint64_t)(dirty - kept) * MEM_PAGE;
  if (rest != 0) bin_insert(m, first + length, rest, kept);
  for (uint32_t from = first, to = first + length; from < to;) {
    mem_chunk *c = &m->chunks[from / MEM_CHUNK_PAGES];
    c->free = (uint16_t)(c->free - pages_in_chunk(&from, to));
  }
  m->root->free -= length;
  m->pages[first].kind = m->pages[first + length - 1].kind = PAGE_RUN;
  return first;
}

/* ---- spans ---- */

static void spans_push(mem *m, uint32_t *list, uint32_t first) {
  mem_page *p = &m->pages[first];
  p->prev = 0;
  p->next = *list;
  if (p->next != 0) m->pages[p->next].prev = first;
  *list = first;
}

static void spans_remove(mem *m, uint32_t *list, uint32_t first) {
  mem_page *p = &m->pages[first];
  if (p->prev != 0) m->pages[p->prev].next = p->next;
  else *list = p->next;
  if (p->next != 0) m->pages[p->next].prev = p->prev;
}

static void partial_push(mem *m, unsigned c, uint32_t first) { spans_push(m, &m->root->partial[c], first); }
static void partial_remove(mem *m, unsigned c, uint32_t first) { spans_remove(m, &m->root->partial[c], first); }

/* A span that was to be emptied gives blocks away again. */
static void span_return(mem *m, unsigned c, uint32_t first) {
  spans_remove(m, &m->root->leaving[c], first);
  m->pages[first].kind = (uint8_t)(PAGE_SPAN + c);
  partial_push(m, c, first);
}

/* The span that gives the class's next block away: one that was leaving where there is no other. 0: there is none. */
static uint32_t span_target(mem *m, unsigned c) {
  if (m->root->partial[c] != 0) return m->root->partial[c];
  uint32_t first = m->root->leaving[c];
  if (first == 0) return 0;
  span_return(m, c, first);
  return first;
}

static uint32_t span_new(mem *m, unsigned c) {
  uint32_t pages = span_pages(class_size(c)), first = run_take(m, pages);
  if (first == 0) return 0;
  for (uint32_t i = 0; i < pages; i++) {
    m->pages[first + i].kind = (uint8_t)(PAGE_SPAN + c);
    m->pages[first + i].back = (uint8_t)i;
  }
  m->pages[first].free = FREE_END;
  m->pages[first].live = 0;
  m->pages[first].fresh = 0;
  partial_push(m, c, first);
  return first;
}

static inline bool span_full(const mem_page *p, unsigned c) {
  size_t block = class_size(c);
  return p->free == FREE_END && (size_t)p->fresh * 8 + block > (size_t)span_pages(block) * MEM_PAGE;
}

/* Takes a block out of the span that begins with page `first` and has room. */
static FLAT ref span_take(mem *m, uint32_t first, unsigned c, size_t block, size_t span) {
  mem_page *p = &m->pages[first];
  ref at = (ref)first * MEM_PAGE;
  if (p->free != FREE_END) {
    at += (ref)p->free * 8;
    UNPOISON(m->base + at, block);
    memcpy(&p->free, m->base + at, sizeof p->free);
    /* What the next allocation reads. */
    if (LIKELY(p->free != FREE_END)) __builtin_prefetch(m->base + (ref)first * MEM_PAGE + (ref)p->free * 8, 1);
  } else {
    at += (ref)p->fresh * 8;
    UNPOISON(m->base + at, block);
    p->fresh = (uint16_t)(p->fresh + block / 8);
  }
  p->live++;
  if (UNLIKELY(p->free == FREE_END && (size_t)p->fresh * 8 + block > span)) partial_remove(m, c, first);
  return at;
}

static __attribute__((noinline)) ref span_alloc(mem *m, unsigned c) {
  uint32_t first = m->root->partial[c];
  if (UNLIKELY(first == 0) && (first = span_target(m, c)) == 0 && (first = span_new(m, c)) == 0) return 0;
  size_t block = class_size(c);
  return span_take(m, first, c, block, (size_t)span_pages(block) * MEM_PAGE);
}

/* The same for blocks of up to 128 bytes, whose spans are a page. */
static FLAT ref span_alloc_short(mem *m, unsigned c, size_t block) {
  uint32_t first = m->root->partial[c];
  return LIKELY(first != 0) ? span_take(m, first, c, block, MEM_PAGE) : span_alloc(m, c);
}

/* An emptied span goes, unless it is the class's only one with room: the next block would fetch it back. */
static __attribute__((noinline)) void span_emptied(mem *m, uint32_t first, unsigned c) {
  mem_page *p = &m->pages[first];
  if (p->kind & SPAN_LEAVING) {
    spans_remove(m, &m->root->leaving[c], first);
    m->left += (uint64_t)span_pages(class_size(c)) * MEM_PAGE;
  } else if (m->root->partial[c] == first && p->next == 0) return;
  else partial_remove(m, c, first);
  run_free(m, first, span_pages(class_size(c)));
}

static void span_free(mem *m, ref block, unsigned c) {
  uint32_t first = (uint32_t)(block / MEM_PAGE);
  first -= m->pages[first].back;
  mem_page *p = &m->pages[first];
  bool was_full = span_full(p, c);
  memcpy(m->base + block, &p->free, sizeof p->free);
  POISON(m->base + block, class_size(c));
  p->free = (uint16_t)((block - (ref)first * MEM_PAGE) / 8);
  p->live--;
  if (UNLIKELY(was_full)) partial_push(m, c, first);
  if (UNLIKELY(p->live == 0)) span_emptied(m, first, c);
}

/* ---- compacting ---- */

uint64_t mem_wasted(const mem *m) {
  uint64_t pages = (m->root->top * MEM_CHUNK_PAGES - m->root->free) * MEM_PAGE, used = m->root->used;
  return pages > used + used / 32 + MEM_WASTE ? pages - used : 0;
}

static inline uint32_t span_first(const mem *m, ref block) {
  uint32_t page = (uint32_t)(block / MEM_PAGE);
  return page - m->pages[page].back;
}

bool mem_sparse(mem *m, ref block, size_t size, uint32_t fill) {
  if (size > MEM_CLASS_MAX) return false;
  unsigned c = class_of(size);
  uint32_t first = span_first(m, block);
  mem_page *p = &m->pages[first];
  if (p->kind & SPAN_LEAVING) return span_target(m, c) != first;
  size_t takes = class_size(c), blocks = span_pages(takes) * (size_t)MEM_PAGE / takes;
  if (m->root->partial[c] == first || (size_t)p->live * 256 >= blocks * fill || span_full(p, c)) return false;
  partial_remove(m, c, first);
  p->kind |= SPAN_LEAVING;
  spans_push(m, &m->root->leaving[c], first);
  return true;
}

ref mem_move(mem *m, ref block, size_t size) {
  unsigned c = class_of(size);
  size_t takes = class_size(c);
  ref to = span_take(m, m->root->partial[c], c, takes, (size_t)span_pages(takes) * MEM_PAGE);
  memcpy(m->base + to, m->base + block, takes);
  span_free(m, block, c);
  return to;
}

bool mem_move_end(mem *m) {
  int some = MEM_RETURNED;
  for (unsigned c = 0; c < MEM_CLASSES; c++)
    for (uint32_t first; (first = m->root->leaving[c]) != 0; some--) {
      if (some == 0) return false;
      span_return(m, c, first);
    }
  return true;
}

/* Gives back the run at the head of a bin, which goes to its tail then; false when the calls are used up first. It goes on where it
 * was if the run is still the same. */
static bool trim_run(mem *m, uint32_t first, unsigned b, uint32_t *calls) {
  mem_page *p = &m->pages[first];
  mem_trimming *t = &m->trim;
  if (t->run != first || t->length != p->length || t->dirty != p->fresh) *t = (mem_trimming){first, p->length, p->fresh, first, 0};
  for (uint32_t to = p->fresh != 0 ? first + p->length : 0; t->at < to;) {
    uint32_t next = t->at;
    mem_chunk *c = &m->chunks[next / MEM_CHUNK_PAGES];
    uint32_t pages = pages_in_chunk(&next, to);
    bool stays = c->huge && chunk_stays_huge(m, c, MEM_WORTH);
    if (!stays && *calls == 0) return false;
    *calls -= !stays;
    if (stays) t->kept += pages;
    else piece_release(m, c, t->at, pages);
    t->at = next;
  }
  if (p->fresh > t->kept) p->fresh = (uint16_t)run_cleaned(m, p->fresh, p->fresh - t->kept);
  t->run = 0;
  m->trim_kept += (uint64_t)p->fresh * MEM_PAGE;
  bin_remove(m, first);
  bin_link(m, first, b, true);
  return true;
}

/* Whether all of the bin at hand was seen. A run may be seen twice, where the first that was seen has left. */
static bool trim_bin_done(const mem *m, uint32_t first) {
  return first == 0 || (m->trim_nth != 0 && first == m->trim_first) || m->trim_nth == TRIM_LONGEST;
}

/* A part of a pass through the bins, the longest runs first. True when it is at its end. */
static bool trim_some(mem *m) {
  uint32_t calls = TRIM_CALLS;
  for (uint32_t steps = 0; steps < TRIM_STEPS; steps++) {
    unsigned b = MEM_BINS - 1 - m->trim_bin;
    uint32_t first = m->root->bins[b];
    if (!trim_bin_done(m, first)) {
      if (!trim_run(m, first, b, &calls)) return false;
      if (m->trim_nth++ == 0) m->trim_first = first;
      continue;
    }
    m->trim_nth = 0;
    m->trim_bin = (m->trim_bin + 1) % MEM_BINS;
    if (m->trim_bin == 0) return true;
  }
  return false;
}

/* Whether a pass could gain nothing that the last one did not: about as much is dirty as it had to keep, and as much free. */
static bool trim_is_vain(const mem *m) {
  uint64_t free = m->root->free, before = m->trim_free;
  return m->root->dirty <= m->trim_rest + MEM_SLACK / 2 && (free > before ? free - before : before - free) < MEM_CHUNK_PAGES / 8;
}

/* Where more is dirty than may be, gives free runs back that were not worth it, or not possible, when they came to be. */
static bool trim_runs(mem *m) {
  bool begun = (m->trim_bin | m->trim_nth | m->trim.run) != 0;
  if (m->root->dirty <= dirty_allowed(m) + MEM_SLACK / 2 || (!begun && trim_is_vain(m))) return false;
  if (trim_some(m)) {
    m->trim_rest = m->trim_kept;
    m->trim_free = m->root->free;
    m->trim_kept = 0;
  }
  return true;
}

/* Chunks that are to be ready for growth: none where much lies free. */
static uint64_t chunks_ahead(const mem *m) {
  if (m->root->free >= 2 * MEM_CHUNK_PAGES) return 0;
  return (m->root->top - m->root->free / MEM_CHUNK_PAGES) / 64 + 1;
}

bool mem_trim(mem *m) {
  if (trim_runs(m)) return true;
  uint64_t first;
  bool huge;
  if (grow_ready(&m->grow) <= chunks_ahead(m) || !grow_take(&m->grow, &first, &huge)) return false;
  (void)madvise(m->base + first * MEM_CHUNK, MEM_CHUNK, MADV_NOHUGEPAGE);
  (void)madvise(m->base + first * MEM_CHUNK, MEM_CHUNK, MADV_DONTNEED);
  chunks_add(m, first, 1, false);
  return true;
}

/* ---- the region ---- */

/* KEVY_RESERVE_MB in the environment overrides it, for tools that pay for every address a program maps
 * (Valgrind) and for systems that ration them. */
static uint64_t reservation_for(uint64_t limit) {
  const char *told = getenv("KEVY_RESERVE_MB");
  if (told != NULL) {
    uint64_t megabytes = strtoull(told, NULL, 10);
    if (megabytes >= 16 && megabytes <= MEM_RESERVE_MOST >> 20) return megabytes << 20;
  }
  uint64_t ram = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
  uint64_t want = MEM_RESERVE_LEAST;
  while (want < MEM_RESERVE_MOST && (want < 4 * ram || want < 4 * (limit >> 1))) want <<= 1;
  return want;
}

bool mem_open(mem *m, uint64_t limit) {
  memset(m, 0, sizeof *m);
  uint64_t reserved = reservation_for(limit);
  for (;; reserved >>= 1) {
    if (reserved < 4 * MEM_CHUNK) return false;
    m->mapped = (size_t)(reserved + MEM_CHUNK);
    m->mapping = mmap(NULL, m->mapped, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (m->mapping != MAP_FAILED) break;
  }
  m->base = (char *)(((uintptr_t)m->mapping + MEM_CHUNK - 1) & ~(uintptr_t)(MEM_CHUNK - 1));
  m->root = (mem_root *)(void *)m->base;
  m->pages = (mem_page *)(void *)(m->base + MEM_PAGE);
  m->chunks = (mem_chunk *)(void *)(m->pages + reserved / MEM_PAGE + 1);
  uint64_t described =
      (uint64_t)((char *)m->chunks - m->base) + reserved / MEM_CHUNK * sizeof(mem_chunk);
  m->first_chunk = (described + MEM_CHUNK - 1) / MEM_CHUNK;
  m->limit = limit == 0 ? UINT64_MAX : limit;
  grow_open(&m->grow, m->base, m->first_chunk, reserved / MEM_CHUNK);
  return true;
}

void mem_close(mem *m) {
  grow_close(&m->grow);
  UNPOISON(m->base, atomic_load(&m->grow.next) * MEM_CHUNK);
  munmap(m->mapping, m->mapped);
}

static ref mem_take(mem *m, size_t size) {
  if (LIKELY(size <= MEM_CLASS_MAX)) return span_alloc(m, class_of(size));
  if (size > (size_t)UINT32_MAX * MEM_PAGE / 2) return 0;
  size_t length = (size + MEM_PAGE - 1) / MEM_PAGE;
  uint32_t first = run_take(m, (uint32_t)length);
  if (UNLIKELY(first == 0)) return 0;
  UNPOISON(page_address(m, first), length * MEM_PAGE);
  return (ref)first * MEM_PAGE;
}

static FLAT ref mem_counted(mem *m, ref block, size_t takes) {
  if (UNLIKELY(block == 0)) return 0;
  m->root->used += takes;
  if (m->root->used > m->root->peak) m->root->peak = m->root->used;
  return block;
}

static COLD bool mem_granted(mem *m, size_t takes) { return m->grant != NULL && m->grant(m->grantor, takes); }

static inline bool mem_within(const mem *m, size_t takes) {
  return LIKELY(takes <= m->limit && m->root->used <= m->limit - takes);
}

ref mem_alloc_reserved(mem *m, size_t size) {
  size_t takes = mem_round(size);
  if (!mem_within(m, takes)) (void)mem_granted(m, takes);
  return mem_counted(m, mem_take(m, size), takes);
}

static FLAT bool mem_allowed(mem *m, size_t takes) {
  if (UNLIKELY(m->fail_in != 0) && --m->fail_in == 0) return false;
  return mem_within(m, takes) || mem_granted(m, takes);
}

__attribute__((noinline)) ref mem_alloc_any(mem *m, size_t size) {
  size_t takes = mem_round(size);
  return mem_allowed(m, takes) ? mem_counted(m, mem_take(m, size), takes) : 0;
}

/* Entries are short: their class is a shift, its size another. */
FLAT ref mem_alloc(mem *m, size_t size) {
  if (UNLIKELY(size - 1 >= 128)) return mem_alloc_any(m, size);
  unsigned c = (unsigned)(size - 1) >> 3;
  size_t takes = (size_t)(c + 1) * 8;
  return mem_allowed(m, takes) ? mem_counted(m, span_alloc_short(m, c, takes), takes) : 0;
}

FLAT void mem_prefetch_free(const mem *m, ref block) { __builtin_prefetch(&m->pages[block / MEM_PAGE], 1); }

void mem_free(mem *m, ref block, size_t size) {
  m->root->used -= mem_round(size);
  if (LIKELY(size <= MEM_CLASS_MAX)) {
    span_free(m, block, class_of(size));
    return;
  }
  uint32_t length = (uint32_t)((size + MEM_PAGE - 1) / MEM_PAGE);
  run_free(m, (uint32_t)(block / MEM_PAGE), length);
}

void mem_keep(mem *m, ref block, size_t size) {
  for (uint64_t page = block / MEM_PAGE; page <= (block + size - 1) / MEM_PAGE; page++)
    m->pages[page].kind = PAGE_KEPT;
}

void mem_discard_rest(mem *m) {
  uint64_t page = m->first_chunk * MEM_CHUNK_PAGES;
  uint64_t end = atomic_load(&m->grow.next) * MEM_CHUNK_PAGES;
  while (page < end) {
    uint64_t from = page;
    while (page < end && m->pages[page].kind != PAGE_KEPT) page++;
    if (page > from)
      (void)madvise(m->base + from * MEM_PAGE, (size_t)(page - from) * MEM_PAGE, MADV_DONTNEED);
    while (page < end && m->pages[page].kind == PAGE_KEPT) page++;
  }
}
