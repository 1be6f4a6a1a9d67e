/* ghosts: see ghosts.h. */
#include "ghosts.h"

#define GHOST_WAYS 16
#define GHOST_LINES 64        /* in a page */
#define GHOST_PAGES_MAX 8192u
#define GHOST_SEEN 4          /* by learning, for each eviction */

typedef struct ghost_page {
  uint32_t word[GHOST_LINES][GHOST_WAYS];
} ghost_page;

static_assert(sizeof(ghost_page) == MEM_PAGE, "a page");

/* The block at space.ghosts. */
typedef struct ghost_directory {
  uint32_t pages, made, hand;
  uint32_t reserved;
  ref page[];
} ghost_directory;

static size_t ghost_directory_size(uint32_t pages) { return sizeof(ghost_directory) + pages * sizeof(ref); }

static ghost_directory *ghost_directory_of(const space *sp) {
  return sp->ghosts != 0 ? mem_ptr(sp->mem.base, sp->ghosts) : NULL;
}

/* ---- Words ---- */

static uint32_t ghost_name(uint64_t hash) { return (uint32_t)(hash >> 8 & 0x3fff) << 18; }
static bool ghost_is_followed(uint32_t word) { return (word >> 18 & 7) == 0; }

static uint32_t ghost_word(uint64_t hash, uint32_t past) {
  uint32_t word = ghost_name(hash) | (past >> 12) << 6 | (past >> 6 & 15) << 2 | (past & 7) / 2;
  return word != 0 ? word : 1;
}
static uint32_t ghost_past(uint32_t word) {
  uint32_t count = word & 3, used_once = count == 0 && (word >> 2 & 15) == 0;
  return (word >> 6 & 0xfff) << 12 | (word >> 2 & 15) << 6 | 4u << 3 | (used_once ? 0 : count * 2 + 1);
}
/* In steps of 4 ticks. */
static uint32_t ghost_age(const reuse *r, uint32_t word) {
  uint32_t age = (((uint32_t)(uint64_t)r->now >> 2) - (word >> 6)) & 0xfff;
  return ghost_is_followed(word) ? age / 8 : age;
}

/* ---- Lines ---- */

static void ghosts_open(space *sp) {
  uint64_t pages = sp->mem.limit / 32 / MEM_PAGE;
  uint32_t n = pages > GHOST_PAGES_MAX ? GHOST_PAGES_MAX : (uint32_t)pages;
  if (n == 0) return;
  size_t size = ghost_directory_size(n);
  sp->ghosts = mem_alloc_reserved(&sp->mem, size);
  if (sp->ghosts == 0) return;
  ghost_directory *d = ghost_directory_of(sp);
  memset(d, 0, size);
  d->pages = n;
  sp->ghost_bytes += mem_round(size);
}

static void ghost_page_make(space *sp, ghost_directory *d, uint32_t at) {
  d->page[at] = mem_alloc_reserved(&sp->mem, MEM_PAGE);
  if (d->page[at] == 0) return;
  memset(mem_ptr(sp->mem.base, d->page[at]), 0, MEM_PAGE);
  d->made++;
  sp->ghost_bytes += mem_round(MEM_PAGE);
}

static uint32_t *ghost_line(space *sp, uint64_t hash, bool grow) {
  if (grow && sp->ghosts == 0) ghosts_open(sp);
  ghost_directory *d = ghost_directory_of(sp);
  if (d == NULL) return NULL;
  uint32_t line = (uint32_t)(((hash >> 32) * d->pages * GHOST_LINES) >> 32), at = line / GHOST_LINES;
  if (grow && d->page[at] == 0) ghost_page_make(sp, d, at);
  if (d->page[at] == 0) return NULL;
  return ((ghost_page *)mem_ptr(sp->mem.base, d->page[at]))->word[line % GHOST_LINES];
}

void ghosts_add(space *sp, const reuse *r, uint64_t hash, uint32_t past, bool grow) {
  uint32_t *line = ghost_line(sp, hash, grow), oldest = 0;
  if (line == NULL) return;
  for (uint32_t i = 0; i < GHOST_WAYS && line[oldest] != 0; i++)
    if (line[i] == 0 || ghost_age(r, line[i]) > ghost_age(r, line[oldest])) oldest = i;
  line[oldest] = ghost_word(hash, past);
}

bool ghosts_take(space *sp, uint64_t hash, uint32_t *past) {
  uint32_t *line = ghost_line(sp, hash, false), name = ghost_name(hash);
  if (line == NULL) return false;
  for (uint32_t i = 0; i < GHOST_WAYS; i++) {
    if (line[i] == 0 || (line[i] & 0xfffc0000u) != name) continue;
    *past = ghost_past(line[i]);
    line[i] = 0;
    return true;
  }
  return false;
}

void ghosts_pass(space *sp, reuse *r, double ticks, uint32_t evictions) {
  ghost_directory *d = ghost_directory_of(sp);
  if (d == NULL) return;
  uint32_t words = d->pages * GHOST_LINES * GHOST_WAYS, seen = evictions * GHOST_SEEN;
  double each = ticks * words / seen;
  for (uint32_t i = 0; i < seen; i++, d->hand = (d->hand + 1) % words) {
    ref page = d->page[d->hand / (GHOST_LINES * GHOST_WAYS)];
    if (page == 0) continue;
    uint32_t word = ((uint32_t *)mem_ptr(sp->mem.base, page))[d->hand % (GHOST_LINES * GHOST_WAYS)];
    if (word != 0) reuse_passed(r, ghost_past(word), each);
  }
}

void ghosts_drop(space *sp) {
  ghost_directory *d = ghost_directory_of(sp);
  if (d == NULL) return;
  for (uint32_t i = 0; i < d->pages; i++)
    if (d->page[i] != 0) mem_free(&sp->mem, d->page[i], MEM_PAGE);
  mem_free(&sp->mem, sp->ghosts, ghost_directory_size(d->pages));
  sp->ghosts = 0;
  sp->ghost_bytes = 0;
}
