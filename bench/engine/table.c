/* table: the floor that engines are measured against: a bare cache-friendly hash table behind engine.h.
 *
 * A bucket is one cache line of eight slots; a slot is a 48-bit pointer under a 16-bit tag of the
 * hash; 0 is empty. A full bucket overflows into the next one. Entries are exact blocks (lengths, key,
 * value) cut from an arena. Nothing is ever deleted and values keep their length, which is all the
 * benchmark asks; there is no TTL, no accounting, no defence: what a store adds, it adds to this.
 * The table doubles as a whole at 80 %. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "engine.h"

#define SLOTS 8
#define ARENA ((size_t)64 << 20)

typedef struct entry {
  uint16_t klen, vlen;
  char data[]; /* key, value */
} entry;

typedef struct bucket {
  uint64_t slot[SLOTS];
} bucket;

typedef struct arena {
  struct arena *next;
} arena;

struct engine {
  bucket *buckets;
  uint64_t mask, count;
  arena *arenas;
  size_t arena_used;
};

static void *map(size_t size) {
  char *p = mmap(NULL, size + ((size_t)2 << 20), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED) abort();
  char *aligned = (char *)(((uintptr_t)p + ((1 << 21) - 1)) & ~(uintptr_t)((1 << 21) - 1));
  if (aligned != p) munmap(p, (size_t)(aligned - p));
  munmap(aligned + size, (size_t)(p + ((size_t)2 << 20) - aligned));
  madvise(aligned, size, MADV_HUGEPAGE);
  return aligned;
}

static uint64_t mix(uint64_t a, uint64_t b) {
  __uint128_t m = (__uint128_t)a * b;
  return (uint64_t)m ^ (uint64_t)(m >> 64);
}

/* Two overlapping words cover the key; keys here have 8 to 16 bytes. */
static uint64_t hash(const char *key, size_t len) {
  uint64_t a, b;
  memcpy(&a, key, 8);
  memcpy(&b, key + len - 8, 8);
  return mix(a ^ 0x9e3779b97f4a7c15, b ^ 0xe7037ed1a0b428db ^ len);
}

static entry *entry_of(uint64_t slot) { return (entry *)(uintptr_t)(slot & 0xffffffffffff); }
static uint64_t tag_of(uint64_t h) { return h >> 48; }

static const entry *find(const engine *e, const char *key, size_t klen, uint64_t h) {
  for (uint64_t i = h & e->mask;; i = (i + 1) & e->mask) {
    const bucket *b = &e->buckets[i];
    for (int s = 0; s < SLOTS; s++) {
      uint64_t slot = b->slot[s];
      if (slot == 0) return NULL;
      if (slot >> 48 != tag_of(h)) continue;
      const entry *found = entry_of(slot);
      if (found->klen == klen && memcmp(found->data, key, klen) == 0) return found;
    }
  }
}

static void place(engine *e, uint64_t h, entry *new) {
  for (uint64_t i = h & e->mask;; i = (i + 1) & e->mask)
    for (int s = 0; s < SLOTS; s++)
      if (e->buckets[i].slot[s] == 0) {
        e->buckets[i].slot[s] = (uint64_t)(uintptr_t)new | tag_of(h) << 48;
        return;
      }
}

static void grow(engine *e) {
  bucket *old = e->buckets;
  uint64_t n = e->mask + 1;
  e->buckets = map(2 * n * sizeof(bucket));
  e->mask = 2 * n - 1;
  for (uint64_t i = 0; i < n; i++)
    for (int s = 0; s < SLOTS && old[i].slot[s] != 0; s++) {
      entry *moved = entry_of(old[i].slot[s]);
      place(e, hash(moved->data, moved->klen), moved);
    }
  munmap(old, n * sizeof(bucket));
}

static entry *entry_new(engine *e, size_t klen, size_t vlen) {
  size_t size = (sizeof(entry) + klen + vlen + 7) & ~(size_t)7;
  if (e->arenas == NULL || e->arena_used + size > ARENA) {
    arena *a = map(ARENA);
    a->next = e->arenas;
    e->arenas = a;
    e->arena_used = sizeof(arena);
  }
  entry *new = (entry *)(void *)((char *)e->arenas + e->arena_used);
  e->arena_used += size;
  new->klen = (uint16_t)klen;
  new->vlen = (uint16_t)vlen;
  return new;
}

engine *engine_open(void) {
  engine *e = calloc(1, sizeof *e);
  if (e == NULL) abort();
  e->mask = ((size_t)2 << 20) / sizeof(bucket) - 1;
  e->buckets = map((e->mask + 1) * sizeof(bucket));
  return e;
}

void engine_close(engine *e) {
  for (arena *a = e->arenas; a != NULL;) {
    arena *next = a->next;
    munmap(a, ARENA);
    a = next;
  }
  munmap(e->buckets, (e->mask + 1) * sizeof(bucket));
  free(e);
}

void engine_clear(engine *e) {
  engine *fresh = engine_open();
  engine dropped = *e;
  *e = *fresh;
  *fresh = dropped;
  engine_close(fresh);
}

static uint64_t seen(const entry *found) {
  return found == NULL ? 0 : ENGINE_HIT + (uint8_t)found->data[found->klen + found->vlen - 1];
}

uint64_t engine_get(engine *e, const lookup *keys, size_t n, size_t klen) {
  uint64_t sum = 0;
  for (size_t i = 0; i < n; i++) sum += seen(find(e, keys[i].key, klen, hash(keys[i].key, klen)));
  return sum;
}

uint64_t engine_mget(engine *e, const lookup *keys, size_t n, size_t klen) {
  uint64_t sum = 0, h[ENGINE_BATCH];
  for (size_t i = 0; i + ENGINE_BATCH <= n; i += ENGINE_BATCH) {
    for (int j = 0; j < ENGINE_BATCH; j++) {
      h[j] = hash(keys[i + (size_t)j].key, klen);
      __builtin_prefetch(&e->buckets[h[j] & e->mask]);
    }
    for (int j = 0; j < ENGINE_BATCH; j++)
      for (int s = 0; s < SLOTS; s++) {
        uint64_t slot = e->buckets[h[j] & e->mask].slot[s];
        if (slot >> 48 == tag_of(h[j])) __builtin_prefetch(entry_of(slot));
      }
    for (int j = 0; j < ENGINE_BATCH; j++) sum += seen(find(e, keys[i + (size_t)j].key, klen, h[j]));
  }
  return sum;
}

void engine_set(engine *e, const pair *pairs, size_t n, size_t klen, size_t vlen, int64_t ttl_ms) {
  (void)ttl_ms;
  for (size_t i = 0; i < n; i++) {
    uint64_t h = hash(pairs[i].key, klen);
    entry *at = (entry *)(uintptr_t)find(e, pairs[i].key, klen, h);
    if (at == NULL) {
      if (++e->count > (e->mask + 1) * SLOTS * 4 / 5) grow(e);
      at = entry_new(e, klen, vlen);
      memcpy(at->data, pairs[i].key, klen);
      place(e, h, at);
    }
    memcpy(at->data + klen, pairs[i].value, vlen);
  }
}

void *engine_snapshot(engine *e) {
  (void)e;
  return NULL;
}
void engine_snapshot_close(void *snapshot) { (void)snapshot; }

uint64_t engine_used(engine *e) {
  (void)e;
  return 0;
}

bool engine_work(engine *e, uint64_t *entries, uint64_t *bytes) {
  (void)e, (void)entries, (void)bytes;
  return false;
}
