/* mem: the region allocator. All memory of a store comes from its own region; nothing else does.
 *
 * A region is one reservation of address space, used in 2 MiB chunks of 4 KiB pages:
 *
 *     base                                                            base + reserved
 *     | mem_root | page descriptors | chunk descriptors | chunk | chunk | chunk | ... untouched
 *
 * Blocks up to 16 KiB come in 72 size classes: steps of 8 bytes to 128, then eight steps per
 * doubling, so that a block wastes less than 8 bytes or 12.5 %, whichever is larger. A class cuts
 * its blocks from spans of 1 to 32 pages and threads free ones through the blocks themselves.
 * Larger blocks are runs of pages. Free runs are coalesced and binned by length; an emptied span is
 * a free run again, open to every class, and what the region keeps beyond a small slack goes back
 * to the system. Every operation is bounded: no list is walked further than a few steps.
 *
 * Blocks are freed with their size (owners know it), have no header, and are not zeroed. `used` is
 * the sum of what blocks really take, class rounding included; it never exceeds `limit` but for
 * mem_alloc_reserved and what the owner grants. One thread at a time; see grow.h for the helper thread that prepares huge
 * pages ahead of need. */
#ifndef KEVY_MEM_H
#define KEVY_MEM_H

#include "base.h"
#include "grow.h"

#define MEM_CLASSES 72
#define MEM_CLASS_MAX 16384 /* bytes of the largest class; beyond are page runs */
#define MEM_PAGE 4096
#define MEM_CHUNK_PAGES 512
#define MEM_BINS 80

/* Lives in the region's first page. */
typedef struct mem_root {
  uint64_t used;
  uint64_t peak;
  uint64_t dirty;                /* bytes in free runs that may be resident */
  uint64_t free;                 /* pages in free runs */
  uint64_t top;                  /* chunks taken into use */
  uint64_t bins_set[2];          /* which bins are not empty */
  uint32_t partial[MEM_CLASSES]; /* first page of a span with room, 0 for none */
  uint32_t leaving[MEM_CLASSES]; /* first page of a span that is being emptied, 0 for none */
  uint32_t bins[MEM_BINS];       /* first page of a free run, 0 for none */
  uint32_t tails[MEM_BINS];      /* ... and of the bin's last */
} mem_root;

/* A long free run that mem_trim is at: pages. */
typedef struct mem_trimming {
  uint32_t run, length, dirty; /* as it was found */
  uint32_t at, kept;
} mem_trimming;

/* The process-side handle. */
typedef struct mem {
  char *base;
  mem_root *root;
  struct mem_page *pages; /* one descriptor per page of the reservation */
  struct mem_chunk *chunks; /* and one per chunk */
  uint64_t limit;         /* bytes; UINT64_MAX for none */
  uint64_t fail_in;       /* the n-th allocation from now fails; 0 for none */
  bool (*grant)(void *grantor, size_t takes); /* asked beyond the limit: whether that may be; NULL: it may not */
  void *grantor;
  uint64_t first_chunk;   /* index of the first chunk behind the descriptors */
  uint32_t trim_bin, trim_nth, trim_first; /* how far mem_trim has got: bins, runs of the next, the first of those */
  uint64_t trim_kept;                      /* what the pass had to keep, so far: dirty bytes */
  uint64_t trim_rest, trim_free;           /* ... and the one before it; pages that were free then */
  mem_trimming trim;
  uint64_t left;          /* bytes of spans that were emptied as they were to be, ever (compacting) */
  void *mapping;
  size_t mapped;
  grow_region grow;
} mem;

/* Reserves a region. limit 0 is none. False when no address space is to be had. */
bool mem_open(mem *m, uint64_t limit);

/* Gives everything back, whatever is still allocated. O(pages). */
void mem_close(mem *m);

/* A block of at least size bytes, 8-byte aligned (blocks of 4 KiB and of whole pages are page-aligned).
 * 0 when the limit, the address space or an armed failure forbids. O(1). */
ref mem_alloc(mem *m, size_t size);

/* The same for what must not fail for lack of memory (deletes, expiry): past the limit if need be. */
ref mem_alloc_reserved(mem *m, size_t size);

/* size is what mem_alloc was asked for. O(1). */
void mem_free(mem *m, ref block, size_t size);

/* Starts loading what mem_free of this block reads. */
void mem_prefetch_free(const mem *m, ref block);

/* For a region that nothing is allocated from any more: mem_keep marks the pages of a block that is still
 * read, mem_discard_rest gives all others back to the system. O(pages). */
void mem_keep(mem *m, ref block, size_t size);
void mem_discard_rest(mem *m);

/* Bytes of pages that hold blocks, and of free ones that may be resident: what the system counts, nearly. */
static inline uint64_t mem_resident(const mem *m) {
  return (m->root->top * MEM_CHUNK_PAGES - m->root->free) * MEM_PAGE + m->root->dirty;
}

/* ---- compacting (compact.h) ---- */

/* Bytes of pages in use beyond what is handed out of them, where they are more than a region has any way; else 0. */
uint64_t mem_wasted(const mem *m);

/* Whether a block lies in a span of which less than `fill` (of 256) is in use, while others of its class have room. Such a
 * span gives no more blocks away until mem_move_end. Reads nothing of the block. O(1). */
bool mem_sparse(mem *m, ref block, size_t size, uint32_t fill);

/* Moves a block that is sparse, as it was just found to be, to another span: its new place. */
ref mem_move(mem *m, ref block, size_t size);

/* Spans that could not be emptied are as others again, some of them a call. True when all are. */
bool mem_move_end(mem *m);

/* Gives back a chunk that was prepared for growth which did not come, or some free runs where much lies free. False when nothing is to
 * be gained. At most a dozen system calls. */
bool mem_trim(mem *m);

/* What a block of this size takes. */
size_t mem_round(size_t size);

/* What mem_alloc and mem_round do for all but short blocks. */
ref mem_alloc_any(mem *m, size_t size);
size_t mem_round_long(size_t size);

static inline void *mem_ptr(const char *base, ref r) { return (void *)(uintptr_t)(base + r); }

#endif
