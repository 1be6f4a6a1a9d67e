/* simulate: reference simulators of what kevy's eviction is compared with: how many accesses of a trace each policy
 * would have served from a cache of so many entries. Written to be checked by reading, not to be fast.
 *
 *     simulate TRACE CAPACITY POLICY ...     prints one count of hits a policy, one a line
 *
 * TRACE is a file of 32-bit words in this machine's order: the keys in the order of access, numbered from 0 without gaps. An access that
 * misses puts its key into the cache. */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NONE UINT32_MAX

static uint32_t *trace, accesses, keys, capacity;

static void *zeroed(size_t n, size_t size) {
  void *p = calloc(n + 1, size);
  if (p == NULL) exit(2);
  return p;
}

/* ---- Queues: lists through per-key links; a key is in one at a time ------------------------------------------ */

typedef struct queue {
  uint32_t head, tail, length; /* new ones come in at the head */
} queue;

static uint32_t *newer, *older;
static queue **place; /* the queue each key is in, NULL when it is not cached */

static queue *queues(uint32_t n) {
  queue *q = zeroed(n, sizeof *q);
  for (uint32_t i = 0; i < n; i++) q[i] = (queue){NONE, NONE, 0};
  return q;
}
static void push(queue *q, uint32_t k) {
  older[k] = q->head;
  newer[k] = NONE;
  if (q->head != NONE) newer[q->head] = k;
  else q->tail = k;
  q->head = k;
  q->length++;
  place[k] = q;
}
static void take(uint32_t k) {
  queue *q = place[k];
  if (newer[k] != NONE) older[newer[k]] = older[k];
  else q->head = older[k];
  if (older[k] != NONE) newer[older[k]] = newer[k];
  else q->tail = newer[k];
  q->length--;
  place[k] = NULL;
}
static uint32_t take_tail(queue *q) {
  uint32_t k = q->tail;
  take(k);
  return k;
}
static void move(uint32_t k, queue *to) {
  take(k);
  push(to, k);
}

/* ---- The policies ------------------------------------------------------------------------------------------- */

/* What was used longest ago goes. */
static uint32_t lru(void) {
  queue *q = queues(1);
  uint32_t hits = 0;
  for (uint32_t i = 0; i < accesses; i++) {
    uint32_t k = trace[i];
    if (place[k] != NULL) {
      hits++;
      take(k);
    } else if (q->length == capacity) {
      take_tail(q);
    }
    push(q, k);
  }
  return hits;
}

/* What was used least often since it came goes; of several, what was used longest ago. */
static uint32_t lfu(void) {
  queue *by_count = queues(accesses + 2);
  uint32_t hits = 0, held = 0, least = 1;
  for (uint32_t i = 0; i < accesses; i++) {
    uint32_t k = trace[i];
    if (place[k] != NULL) {
      hits++;
      move(k, place[k] + 1);
      continue;
    }
    if (held++ == capacity) {
      while (by_count[least].length == 0) least++;
      take_tail(&by_count[least]);
      held--;
    }
    push(&by_count[1], k);
    least = 1;
  }
  return hits;
}

/* FIFO with a hand: from the oldest on, what was visited since the hand came by stays where it is. */
static uint32_t sieve(void) {
  queue *q = queues(1);
  bool *visited = zeroed(keys, sizeof *visited);
  uint32_t hits = 0, hand = NONE;
  for (uint32_t i = 0; i < accesses; i++) {
    uint32_t k = trace[i];
    if (place[k] != NULL) {
      hits++;
      visited[k] = true;
      continue;
    }
    if (q->length == capacity) {
      if (hand == NONE) hand = q->tail;
      while (visited[hand]) {
        visited[hand] = false;
        hand = newer[hand] != NONE ? newer[hand] : q->tail;
      }
      uint32_t victim = hand;
      hand = newer[hand];
      take(victim);
    }
    visited[k] = false;
    push(q, k);
  }
  return hits;
}

/* S3-FIFO (Yang et al., SOSP 2023): a small queue of a tenth, a main queue, and the names of what left the small one. */
typedef struct s3fifo_state {
  queue *small, *main;
  uint8_t *count;
  uint32_t *named_at; /* 1 + how many names had been noted when this one was; 0 when it was not */
  uint32_t named;
} s3fifo_state;

static void s3fifo_evict_main(s3fifo_state *s) {
  for (;;) {
    uint32_t k = take_tail(s->main);
    if (s->count[k] == 0) return;
    s->count[k]--;
    push(s->main, k);
  }
}
static void s3fifo_evict(s3fifo_state *s) {
  uint32_t share = capacity / 10 > 0 ? capacity / 10 : 1;
  while (s->small->length >= share || s->main->length == 0) {
    uint32_t k = take_tail(s->small);
    if (s->count[k] <= 1) {
      s->named_at[k] = ++s->named;
      return;
    }
    s->count[k] = 0;
    push(s->main, k);
    if (s->main->length > capacity - share) break;
  }
  s3fifo_evict_main(s);
}
static uint32_t s3fifo(void) {
  s3fifo_state s = {queues(1), queues(1), zeroed(keys, 1), zeroed(keys, sizeof(uint32_t)), 0};
  uint32_t hits = 0;
  for (uint32_t i = 0; i < accesses; i++) {
    uint32_t k = trace[i];
    if (place[k] != NULL) {
      hits++;
      if (s.count[k] < 3) s.count[k]++;
      continue;
    }
    if (s.small->length + s.main->length == capacity) s3fifo_evict(&s);
    bool known = s.named_at[k] != 0 && s.named - s.named_at[k] < capacity - capacity / 10;
    s.count[k] = 0;
    s.named_at[k] = 0;
    push(known ? s.main : s.small, k);
  }
  return hits;
}

/* W-TinyLFU (Einziger et al.) with a window that climbs towards the better hit ratio, as Caffeine has it: new keys go through an
 * LRU window; what leaves it stays only if it was used more often lately than what the main part would give up. The
 * counts are exact where a real one keeps a sketch. */
typedef struct tinylfu {
  queue *window, *probation, *protected;
  uint8_t *count;
  uint32_t counted;
  double share, step; /* the window's, of the capacity */
} tinylfu;

static void tinylfu_count(tinylfu *t, uint32_t k) {
  if (t->count[k] < 15) t->count[k]++;
  if (++t->counted < 10 * capacity) return;
  for (uint32_t i = 0; i < keys; i++) t->count[i] /= 2;
  t->counted /= 2;
}
static void tinylfu_hit(tinylfu *t, uint32_t k, uint32_t protected_max) {
  queue *q = place[k];
  move(k, q == t->probation ? t->protected : q);
  if (t->protected->length > protected_max) move(t->protected->tail, t->probation);
}
static void tinylfu_fit(tinylfu *t, uint32_t window_max) {
  while (t->window->length > window_max) {
    uint32_t candidate = t->window->tail;
    move(candidate, t->probation);
    if (t->window->length + t->probation->length + t->protected->length <= capacity) continue;
    uint32_t victim = t->probation->tail != candidate ? t->probation->tail
                      : t->protected->length > 0      ? t->protected->tail
                                                      : candidate;
    take(t->count[candidate] > t->count[victim] ? victim : candidate);
  }
  while (t->window->length + t->probation->length + t->protected->length > capacity)
    take(t->probation->length > 0 ? t->probation->tail : t->protected->tail);
}
static uint32_t wtinylfu(void) {
  tinylfu t = {queues(1), queues(1), queues(1), zeroed(keys, 1), 0, 0.01, 0.0625};
  uint32_t hits = 0, period_hits = 0;
  double before = 0;
  for (uint32_t i = 0; i < accesses; i++) {
    uint32_t k = trace[i], window_max = (uint32_t)(t.share * capacity);
    if (window_max == 0) window_max = 1;
    tinylfu_count(&t, k);
    if (place[k] != NULL) {
      hits++;
      period_hits++;
      tinylfu_hit(&t, k, (uint32_t)(0.8 * (capacity - window_max)));
    } else {
      push(t.window, k);
      tinylfu_fit(&t, window_max);
    }
    if (i % (10 * capacity) != 10 * capacity - 1) continue;
    double now = period_hits / (10.0 * capacity), change = now - before;
    if (change < 0) t.step = -t.step;
    t.share += t.step;
    t.share = t.share < 0.01 ? 0.01 : t.share > 0.8 ? 0.8 : t.share;
    t.step = change >= 0.05 || change <= -0.05 ? (t.step < 0 ? -0.0625 : 0.0625) : 0.98 * t.step;
    before = now;
    period_hits = 0;
    tinylfu_fit(&t, (uint32_t)(t.share * capacity) > 0 ? (uint32_t)(t.share * capacity) : 1);
  }
  return hits;
}

/* Belady: of everything cached and the key at hand, what is wanted latest goes: no policy can do better. A heap by the next use. */
static uint32_t *heap, *at, *wanted, heaped;

static void heap_put(uint32_t i, uint32_t k) {
  heap[i] = k;
  at[k] = i;
}
static void heap_settle(uint32_t k) {
  uint32_t i = at[k];
  for (; i > 0 && wanted[heap[(i - 1) / 2]] < wanted[k]; i = (i - 1) / 2) heap_put(i, heap[(i - 1) / 2]);
  for (;;) {
    uint32_t child = 2 * i + 1;
    if (child + 1 < heaped && wanted[heap[child + 1]] > wanted[heap[child]]) child++;
    if (child >= heaped || wanted[heap[child]] <= wanted[k]) break;
    heap_put(i, heap[child]);
    i = child;
  }
  heap_put(i, k);
}
static uint32_t belady(void) {
  uint32_t *next = zeroed(accesses, sizeof *next), *seen = zeroed(keys, sizeof *seen), hits = 0;
  bool *cached = zeroed(keys, sizeof *cached);
  heap = zeroed(capacity + 1, sizeof *heap);
  at = zeroed(keys, sizeof *at);
  wanted = zeroed(keys, sizeof *wanted);
  heaped = 0;
  memset(seen, 0xff, keys * sizeof *seen);
  for (uint32_t i = accesses; i-- > 0; seen[trace[i]] = i) next[i] = seen[trace[i]];
  for (uint32_t i = 0; i < accesses; i++) {
    uint32_t k = trace[i];
    wanted[k] = next[i];
    if (cached[k]) {
      hits++;
    } else {
      cached[k] = true;
      at[k] = heaped;
      heap[heaped++] = k;
    }
    heap_settle(k);
    if (heaped <= capacity) continue;
    uint32_t victim = heap[0], last = heap[--heaped];
    cached[victim] = false;
    if (victim == last) continue;
    at[last] = 0;
    heap[0] = last;
    heap_settle(last);
  }
  return hits;
}

static const struct {
  const char *name;
  uint32_t (*run)(void);
} policies[] = {{"lru", lru},       {"lfu", lfu},           {"sieve", sieve},
                {"s3fifo", s3fifo}, {"wtinylfu", wtinylfu}, {"belady", belady}};

static void load(const char *path) {
  FILE *f = fopen(path, "rb");
  if (f == NULL || fseek(f, 0, SEEK_END) != 0) exit(2);
  accesses = (uint32_t)(ftell(f) / 4);
  rewind(f);
  trace = zeroed(accesses, sizeof *trace);
  if (fread(trace, sizeof *trace, accesses, f) != accesses) exit(2);
  fclose(f);
  for (uint32_t i = 0; i < accesses; i++)
    if (trace[i] >= keys) keys = trace[i] + 1;
}

int main(int argc, char **argv) {
  if (argc < 4) return 2;
  load(argv[1]);
  capacity = (uint32_t)atoi(argv[2]);
  newer = zeroed(keys, sizeof *newer);
  older = zeroed(keys, sizeof *older);
  place = zeroed(keys, sizeof(queue *));
  for (int a = 3; a < argc; a++)
    for (size_t p = 0; p < sizeof policies / sizeof *policies; p++)
      if (strcmp(argv[a], policies[p].name) == 0) {
        memset(place, 0, keys * sizeof(queue *));
        printf("%u\n", policies[p].run());
      }
  return 0;
}
