/* resident: whatever a store has been through, how near what the system counts for the process stays to what the store uses.
 *
 *     resident SECONDS SEED
 *
 * Histories one after another, on one store: keys of one size of value or of many, hashes, sets, sorted sets, lists; then nine in
 * ten of them go at random, or all, or they expire. Each time, when upkeep has had its slices: RSS over used_memory and
 * 10 % + 8 MB; the worst is printed. */
#include <kevy.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../../tests/soak/soak.h"

#define MOST 600000u /* keys */

static kevy_store *store;
static uint64_t checks;
static double worst;

static void check(void) {
  while (kevy_tick(store, 10000, NULL) == KEVY_UNMET) continue;
  uint64_t used = kevy_used_memory(store), rss = resident_bytes(), allowed = used + used / 10 + (8u << 20);
  checks++;
  if (allowed != 0 && (double)rss / (double)allowed > worst) worst = (double)rss / (double)allowed;
}

/* ---- a history: a kind of value, how many, how long ---- */

typedef struct {
  unsigned kind, keys;
  size_t least, most;
} history;

static history some_history(void) {
  static const size_t lengths[] = {16, 40, 100, 400, 1500, 6000, 30000};
  history h;
  size_t i = chance(7), j = chance(3) ? i : chance(7);
  h.kind = (unsigned)chance(5);
  h.least = lengths[i < j ? i : j];
  h.most = lengths[i < j ? j : i];
  if (h.kind != 0 && h.most > 1500) h.least = h.most = 60;
  h.keys = (unsigned)(60000000 / (h.most + 50));
  if (h.keys > MOST) h.keys = MOST;
  return h;
}

static void write_key(const history *h, unsigned i, int64_t ttl) {
  static char bytes[30001];
  char name[24];
  uint64_t n;
  double score = (double)(i % 777);
  kevy_value m = kevy_bytes(name, (size_t)snprintf(name, sizeof name, "k%08x", i * 2654435761u));
  kevy_value v = kevy_bytes(bytes, h->least + chance(h->most - h->least + 1));
  char owner[8];
  size_t len = (size_t)snprintf(owner, sizeof owner, "%u:%u", h->kind, i % 3);
  switch (h->kind) {
    case 0: kevy_set(store, name, m.len, &v, ttl, 0, NULL); break;
    case 1: kevy_hset(store, owner, len, 1, &m, &v, 0, &n); break;
    case 2: kevy_sadd(store, owner, len, 1, &m, 0, &n); break;
    case 3: kevy_zadd(store, owner, len, 1, &m, &score, 0, &n); break;
    default: kevy_push(store, owner, len, 1, &v, 0, &n);
  }
}

static void drop_key(const history *h, unsigned i) {
  char name[24], owner[8];
  kevy_value m = kevy_bytes(name, (size_t)snprintf(name, sizeof name, "k%08x", i * 2654435761u)), v;
  size_t len = (size_t)snprintf(owner, sizeof owner, "%u:%u", h->kind, i % 3);
  switch (h->kind) {
    case 0: kevy_delete(store, name, m.len); break;
    case 1: kevy_hdel(store, owner, len, 1, &m, NULL); break;
    case 2: kevy_srem(store, owner, len, 1, &m, NULL); break;
    case 3: kevy_zrem(store, owner, len, 1, &m, NULL); break;
    default: kevy_pop(store, owner, len, chance(2) ? KEVY_LEFT : 0, &v);
  }
}

static void live_through(const history *h) {
  int64_t ttl = chance(4) == 0 ? 1 : KEVY_NO_TTL;
  for (unsigned i = 0; i < h->keys; i++) write_key(h, i, chance(2) ? ttl : KEVY_NO_TTL);
  check();
  uint64_t left = chance(3) == 0 ? 2 : 10;
  for (unsigned i = 0; i < h->keys; i++)
    if (mix(i ^ chance_state) % left != 0) drop_key(h, i);
  check();
  if (chance(2)) {
    for (unsigned i = 0; i < h->keys; i++) drop_key(h, i);
    check();
  }
}

int main(int argc, char **argv) {
  double seconds = argc > 1 ? strtod(argv[1], NULL) : 10;
  chance_state = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
  time_t end = time(NULL) + (time_t)seconds;
  if (kevy_open(NULL, &store) != KEVY_OK) return 1;
  do {
    history h = some_history();
    live_through(&h);
    if (kevy_used_memory(store) > (UINT64_C(256) << 20)) kevy_clear(store);
  } while (time(NULL) < end);
  kevy_close(store);
  printf("{\"looks\": %llu, \"worst\": %.4f}\n", (unsigned long long)checks, worst);
  return 0;
}
