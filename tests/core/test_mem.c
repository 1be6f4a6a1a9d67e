/* The region allocator: classes, accounting, limits, and what it gives back, against a shadow of its own. */
#include "internals.h"

#include "../../core/grow.c"
#include "../../core/mem.c"

#include <sys/mman.h>

#include "check.h"

typedef struct held {
  ref at;
  size_t size;
  uint8_t mark;
} held;

static void fill(const mem *m, held *h) {
  h->mark = (uint8_t)chance();
  memset(mem_ptr(m->base, h->at), h->mark, h->size);
}

static bool intact(const mem *m, const held *h) {
  const uint8_t *p = mem_ptr(m->base, h->at);
  for (size_t i = 0; i < h->size; i++)
    if (p[i] != h->mark) return false;
  return true;
}

static int by_address(const void *a, const void *b) {
  ref x = ((const held *)a)->at, y = ((const held *)b)->at;
  return x < y ? -1 : x > y;
}

/* No two blocks share a byte. */
static bool apart(const held *blocks, size_t n) {
  held *sorted = malloc((n + 1) * sizeof *sorted);
  REQUIRE(sorted != NULL);
  memcpy(sorted, blocks, n * sizeof *sorted);
  qsort(sorted, n, sizeof *sorted, by_address);
  bool ok = true;
  for (size_t i = 0; i + 1 < n; i++)
    if (sorted[i].at + mem_round(sorted[i].size) > sorted[i + 1].at) ok = false;
  free(sorted);
  return ok;
}

static void test_classes(void) {
  for (size_t size = 1; size <= 1024; size++) {
    size_t waste = mem_round(size) - size;
    CHECK(mem_round(size) >= size && (waste < 8 || waste * 8 <= size));
  }
  for (size_t size = 1025; size <= MEM_CLASS_MAX; size++)
    CHECK(mem_round(size) >= size && (mem_round(size) - size) * 8 <= size);
  for (size_t size = MEM_CLASS_MAX + 1; size < 300000; size += 997)
    CHECK(mem_round(size) >= size && mem_round(size) - size < MEM_PAGE);
  for (size_t size = 0; size < 300000; size += 1 + size / 64)
    CHECK(mem_round(mem_round(size)) == mem_round(size) && mem_round(size) % 8 == 0);
}

/* A size: mostly of an entry, at times anything up to 300 KB. */
static size_t some_size(void) {
  if (one_in(100)) return 1 + below(300000);
  if (one_in(10)) return 1 + below(20000);
  return 1 + below(200);
}

static void test_against_model(void) {
  enum { MOST = 20000 };
  mem m;
  REQUIRE(mem_open(&m, 0));
  held *blocks = calloc(MOST, sizeof *blocks);
  REQUIRE(blocks != NULL);
  size_t n = 0, steps = scaled(1000000, 20000);
  uint64_t used = 0, peak = 0;
  for (size_t i = 0; i < steps; i++) {
    bool growing = (i / 50000) % 2 == 0;
    if (n < MOST && (n == 0 || below(100) < (growing ? 60u : 40u))) {
      held *h = &blocks[n++];
      h->size = some_size();
      h->at = mem_alloc(&m, h->size);
      REQUIRE(h->at != 0 && h->at % 8 == 0);
      if (h->size > MEM_CLASS_MAX) CHECK(h->at % MEM_PAGE == 0);
      fill(&m, h);
      used += mem_round(h->size);
    } else {
      held *h = &blocks[below(n)];
      CHECK(intact(&m, h));
      mem_free(&m, h->at, h->size);
      used -= mem_round(h->size);
      *h = blocks[--n];
    }
    if (used > peak) peak = used;
    if (m.root->used != used || m.root->peak != peak) FAIL("used and peak are exact");
    if (i % 20000 == 0) CHECK(apart(blocks, n));
  }
  CHECK(apart(blocks, n));
  while (n > 0) {
    n--;
    CHECK(intact(&m, &blocks[n]));
    mem_free(&m, blocks[n].at, blocks[n].size);
  }
  CHECK(m.root->used == 0);
  free(blocks);
  mem_close(&m);
}

static void test_limit(void) {
  const uint64_t limit = 1000000;
  static const size_t sizes[] = {16, 45, 700, 5000, 40000};
  for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
    mem m;
    REQUIRE(mem_open(&m, limit));
    size_t size = sizes[k];
    ref r, last = 0;
    uint64_t n = 0;
    while ((r = mem_alloc(&m, size)) != 0) {
      last = r;
      n++;
    }
    CHECK(n == limit / mem_round(size) && m.root->used == n * mem_round(size));
    CHECK(mem_alloc(&m, size) == 0 && m.root->used == n * mem_round(size));
    mem_free(&m, last, size);
    CHECK(mem_alloc(&m, size) != 0 && mem_alloc(&m, size) == 0);
    CHECK(m.root->peak <= limit);
    ref past = mem_alloc_reserved(&m, size);
    CHECK(past != 0 && m.root->used == (n + 1) * mem_round(size));
    CHECK(mem_alloc(&m, 1) == 0 || m.root->used <= limit);
    mem_close(&m);
  }
}

static void test_fail_nth(void) {
  mem m;
  REQUIRE(mem_open(&m, 0));
  for (uint64_t n = 1; n < 20; n++) {
    m.fail_in = n;
    for (uint64_t i = 1; i < n; i++) CHECK(mem_alloc(&m, 100) != 0);
    uint64_t used = m.root->used;
    CHECK(mem_alloc(&m, 100) == 0 && m.root->used == used);
    CHECK(mem_alloc(&m, 100) != 0 && m.fail_in == 0);
  }
  m.fail_in = 1;
  CHECK(mem_alloc_reserved(&m, 100) != 0 && m.fail_in == 1);
  mem_close(&m);
}

static void test_impossible_sizes(void) {
  static const size_t sizes[] = {SIZE_MAX,     SIZE_MAX - 1,      SIZE_MAX - 4094,   SIZE_MAX - 4095,
                                 SIZE_MAX / 2, (size_t)1 << 62, (size_t)1 << 44, (size_t)UINT32_MAX << 12};
  mem m;
  REQUIRE(mem_open(&m, 0));
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    CHECK(mem_alloc(&m, sizes[i]) == 0);
    CHECK(mem_alloc_reserved(&m, sizes[i]) == 0);
    CHECK(m.root->used == 0);
  }
  CHECK(mem_alloc(&m, 100) != 0);
  mem_close(&m);
}

/* Runs freed in any order become one again. */
static void test_coalescing(void) {
  enum { RUNS = 48, PAGES = 10 };
  mem m;
  REQUIRE(mem_open(&m, 0));
  for (int round = 0; round < 50; round++) {
    ref runs[RUNS];
    for (int i = 0; i < RUNS; i++) REQUIRE((runs[i] = mem_alloc(&m, PAGES * MEM_PAGE)) != 0);
    for (int left = RUNS; left > 0; left--) {
      uint64_t i = below((uint64_t)left);
      mem_free(&m, runs[i], PAGES * MEM_PAGE);
      runs[i] = runs[left - 1];
    }
    uint64_t top = m.root->top;
    ref whole = mem_alloc(&m, MEM_CHUNK_PAGES * MEM_PAGE);
    CHECK(whole != 0 && m.root->top == top && top == 1);
    mem_free(&m, whole, MEM_CHUNK_PAGES * MEM_PAGE);
  }
  mem_close(&m);
}

/* What one class leaves serves any other. */
static void test_reuse_across_classes(void) {
  static const size_t sizes[] = {8, 48, 72, 120, 200, 1000, 3000, 9000, 16384, 100000};
  const size_t bytes = scaled((size_t)24 << 20, (size_t)6 << 20);
  mem m;
  REQUIRE(mem_open(&m, 0));
  uint64_t top = 0;
  for (size_t k = 0; k < 20; k++) {
    size_t size = sizes[k % 10], n = bytes / mem_round(size);
    ref *blocks = malloc(n * sizeof *blocks);
    REQUIRE(blocks != NULL);
    for (size_t i = 0; i < n; i++) REQUIRE((blocks[i] = mem_alloc(&m, size)) != 0);
    if (k == 0) top = m.root->top;
    CHECK(m.root->top <= top + top / 8 + 1);
    for (size_t i = n; i > 1; i--) {
      size_t j = below(i);
      ref swap = blocks[j];
      blocks[j] = blocks[i - 1];
      blocks[i - 1] = swap;
    }
    for (size_t i = 0; i < n; i++) mem_free(&m, blocks[i], size);
    free(blocks);
  }
  CHECK(m.root->used == 0);
  mem_close(&m);
}

/* Resident bytes of the chunks handed out so far. */
static size_t resident(const mem *m) {
  uint64_t last = atomic_load(&m->grow.next);
  char *from = m->base + m->first_chunk * MEM_CHUNK;
  size_t pages = (size_t)(last - m->first_chunk) * MEM_CHUNK_PAGES, n = 0;
  unsigned char *present = malloc(pages + 1);
  REQUIRE(present != NULL);
  if (pages != 0) REQUIRE(mincore(from, pages * MEM_PAGE, present) == 0);
  for (size_t i = 0; i < pages; i++) n += present[i] & 1;
  free(present);
  return n * MEM_PAGE;
}

enum { FORWARD, BACKWARD, SHUFFLED };

static void test_given_back(size_t size, int order) {
  const size_t bytes = scaled((size_t)48 << 20, (size_t)16 << 20), n = bytes / size;
  mem m;
  REQUIRE(mem_open(&m, 0));
  ref *blocks = malloc(n * sizeof *blocks);
  REQUIRE(blocks != NULL);
  for (size_t i = 0; i < n; i++) {
    REQUIRE((blocks[i] = mem_alloc(&m, size)) != 0);
    memset(mem_ptr(m.base, blocks[i]), 1, size);
  }
  CHECK(resident(&m) >= n * size);
  for (size_t i = 0; i < n; i++) {
    size_t at = order == FORWARD ? i : order == BACKWARD ? n - 1 - i : i + below(n - i);
    ref r = blocks[at];
    if (order == SHUFFLED) {
      blocks[at] = blocks[i];
      blocks[i] = r;
    }
    mem_free(&m, r, size);
  }
  CHECK(m.root->used == 0);
  unsigned slices = 0;
  while (mem_trim(&m)) slices++;
  CHECK(slices < 100000 && !mem_trim(&m));
  /* What stays: the slack, a span per class, and the chunks prepared ahead. */
  size_t kept = resident(&m), ahead = (size_t)grow_ready(&m.grow) * MEM_CHUNK;
  if (!CHECK(kept <= ahead + ((size_t)6 << 20)))
    fprintf(stderr, "size %zu order %d: %zu of %zu bytes stay resident, %zu prepared\n", size, order, kept,
            n * size, ahead);
  free(blocks);
  mem_close(&m);
}

/* Closing frees whatever is still held; many regions live side by side. */
static void test_many_regions(void) {
  mem m[8];
  for (int round = 0; round < 5; round++) {
    for (int i = 0; i < 8; i++) {
      REQUIRE(mem_open(&m[i], 0));
      for (int k = 0; k < 3000; k++) {
        ref r = mem_alloc(&m[i], 3000);
        REQUIRE(r != 0);
        memset(mem_ptr(m[i].base, r), i, 3000);
      }
    }
    for (int i = 0; i < 8; i++) mem_close(&m[i]);
  }
}

int main(void) {
  check_begin("test_mem");
  test_classes();
  test_against_model();
  test_limit();
  test_fail_nth();
  test_impossible_sizes();
  test_coalescing();
  test_reuse_across_classes();
  static const size_t sizes[] = {48, 1000, 5000, 20000, 3000000};
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
    for (int order = FORWARD; order <= SHUFFLED; order++) test_given_back(sizes[i], order);
  test_many_regions();
  return check_end();
}
