/* transactions: what beginning, committing and rolling back add to the writes inside. Reads commands as driver.c does,
 * with its keys and values, and links with kevy alone:
 *
 *     fill N          opens a store of N keys
 *     set COUNT       SETs of random keys                                          CPU ns each
 *     commit COUNT    the same, each with a begin before and a commit behind it    CPU ns each
 *     rollback COUNT  COUNT SETs inside one transaction, rolled back               CPU ns of the writes, of the rollback */
#include "measure.h"

#include "engine.h"
#include "kevy.h"

#define LIST 16384 /* pairs made, untimed: few enough for the cache */

static volatile size_t klen = 14, vlen = 16;
static kevy_store *store;
static uint64_t keys, state;
static pair pairs[LIST];

static void check(kevy_status status) {
  if (status < 0) fail(kevy_errmsg(store));
}

static void make_pair(pair *p, uint64_t id, uint64_t value) {
  char text[32];
  snprintf(text, sizeof text, "key:%010llu", (unsigned long long)id);
  memcpy(p->key, text, sizeof p->key - 2);
  snprintf(text, sizeof text, "value:%010llu", (unsigned long long)value);
  memcpy(p->value, text, sizeof p->value);
}

static void set_pair(size_t i) {
  kevy_value v = kevy_bytes(pairs[i].value, vlen);
  check(kevy_set(store, pairs[i].key, klen, &v, KEVY_NO_TTL, 0, NULL));
}

static void make_pairs(void) {
  for (size_t i = 0; i < LIST; i++) make_pair(&pairs[i], draw(&state) % keys, draw(&state) % keys);
}

static void fill(uint64_t n) {
  kevy_close(store);
  check(kevy_open(NULL, &store));
  keys = state = n;
  for (uint64_t i = 0; i < n; i++) {
    make_pair(&pairs[0], i, i);
    set_pair(0);
  }
  printf("{}\n");
}

static void set_all(void) {
  for (size_t i = 0; i < LIST; i++) set_pair(i);
}

static void commit_each(void) {
  for (size_t i = 0; i < LIST; i++) {
    check(kevy_begin(store));
    set_pair(i);
    check(kevy_commit(store));
  }
}

static void timed(void (*all)(void), size_t count) {
  uint64_t t = 0;
  size_t passes = count / LIST + 1;
  for (size_t p = 0; p < passes; p++) {
    make_pairs();
    uint64_t before = cpu_ns();
    all();
    t += cpu_ns() - before;
  }
  printf("{\"ns\": %.2f}\n", (double)t / (double)(passes * LIST));
}

static void rolled_back(size_t count) {
  if (count > LIST) fail("too many");
  make_pairs();
  check(kevy_begin(store));
  uint64_t begun = cpu_ns();
  for (size_t i = 0; i < count; i++) set_pair(i);
  uint64_t written = cpu_ns();
  check(kevy_rollback(store));
  uint64_t back = cpu_ns();
  printf("{\"writes\": %llu, \"rollback\": %llu}\n", (unsigned long long)(written - begun),
         (unsigned long long)(back - written));
}

int main(void) {
  char line[256], what[32];
  unsigned long long n;
  setvbuf(stdout, NULL, _IOLBF, 0);
  while (fgets(line, sizeof line, stdin) != NULL) {
    if (sscanf(line, "%31s %llu", what, &n) < 2) continue;
    if (strcmp(what, "fill") == 0) fill(n);
    else if (strcmp(what, "set") == 0) timed(set_all, n);
    else if (strcmp(what, "commit") == 0) timed(commit_each, n);
    else if (strcmp(what, "rollback") == 0) rolled_back(n);
  }
  kevy_close(store);
  return 0;
}
