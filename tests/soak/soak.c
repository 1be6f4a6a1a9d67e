/* soak: one store against a model, for as long as told, through the public ABI.
 *
 *     soak SECONDS SEED
 *
 * Random operations on a fixed universe of keys, among them renames, copies, deadlines, a clock that is
 * stepped, pins, iterators that are left open while the store changes under them, and snapshots that are
 * kept for a while and checked against the model of their moment. Every answer is compared with the model.
 * Memory has to stay flat: the resident size after the first quarter is a bound for the rest, and an
 * emptied store holds no more than a new one did.
 *
 * A value is not kept in the model but derived from its key and version, so a mismatch is always seen. The
 * clock takes even milliseconds and deadlines are odd: no key is ever exactly at its end. */
#include <kevy.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "soak.h"

#define KEYS 20000
#define SNAPSHOTS 4
#define PINS 64
#define BATCH 16
#define LONGEST 20000

typedef struct {
  uint64_t version; /* 0: the key is not there */
  int64_t deadline; /* KEVY_NO_TTL: none */
} model_key;

typedef struct { /* a read-only moment: of a snapshot or of an iterator */
  kevy_store *store;
  kevy_iter *iter;
  int64_t now;
  uint32_t seen;
  model_key keys[KEYS];
} moment;

typedef struct {
  kevy_pin *pin;
  kevy_value value;
  uint64_t version;
} pinned;

static kevy_store *store;
static model_key model[KEYS];
static int64_t now_ms = INT64_C(1700000000000);
static uint64_t versions, steps;
static moment *snapshots[SNAPSHOTS], *iterating;
static pinned pins[PINS];

/* ---- Chance, names and values ---------------------------------------------------------------- */

static void fail(const char *what) {
  printf("step %llu: %s (%s)\n0 passed, 1 failed\n", (unsigned long long)steps, what, kevy_errmsg(store));
  exit(1);
}
#define CHECK(holds) ((holds) ? (void)0 : fail(#holds))

typedef struct {
  char text[16];
  size_t len;
} name;

static name name_of(uint32_t key) {
  name n;
  n.len = (size_t)snprintf(n.text, sizeof n.text, "key:%u", (unsigned)key);
  return n;
}

static uint32_t key_of(const kevy_value *v) {
  char text[16];
  CHECK(v->kind == KEVY_TEXT && v->len > 4 && v->len < sizeof text);
  memcpy(text, v->as.ptr, v->len);
  text[v->len] = '\0';
  return (uint32_t)strtoul(text + 4, NULL, 10);
}

/* The value of a version: every kind, mostly short, now and then past any bulk threshold. */
static kevy_value value_of(uint64_t version) {
  static char bytes[LONGEST];
  uint64_t dice = mix(version);
  size_t len = (dice >> 8) % (dice % 64 == 0 ? LONGEST : 200), i;
  if (dice % 8 == 1) return kevy_int((int64_t)mix(dice));
  if (dice % 8 == 2) return kevy_float((double)(int64_t)(dice >> 20) / 8);
  for (i = 0; i < len; i++) bytes[i] = (char)('a' + ((dice >> (i % 56)) + i / 56) % 26);
  return dice % 2 ? kevy_text(bytes, len) : kevy_bytes(bytes, len);
}

static int same(const kevy_value *a, uint64_t version) {
  kevy_value b = value_of(version);
  if (a->kind != b.kind || a->len != b.len) return 0;
  if (a->kind == KEVY_INT || a->kind == KEVY_FLOAT) return a->as.i == b.as.i;
  return memcmp(a->as.ptr, b.as.ptr, a->len) == 0;
}

static int alive(const model_key *k, int64_t now) {
  return k->version && (k->deadline == KEVY_NO_TTL || k->deadline > now);
}

static int64_t some_deadline(void) { return now_ms + 1 + 2 * (int64_t)chance(30000); }

/* ---- Operations on the live store ------------------------------------------------------------- */

static void check_key(kevy_store *s, uint32_t key, const model_key *k, int64_t now) {
  name n = name_of(key);
  kevy_value v;
  int64_t deadline;
  if (!alive(k, now)) {
    CHECK(kevy_get(s, n.text, n.len, &v) == KEVY_MISSING);
    return;
  }
  CHECK(kevy_get(s, n.text, n.len, &v) == KEVY_OK);
  CHECK(same(&v, k->version));
  CHECK(kevy_deadline(s, n.text, n.len, &deadline) == KEVY_OK && deadline == k->deadline);
}

static void do_get(uint32_t key) { check_key(store, key, &model[key], now_ms); }

static void do_set(uint32_t key) {
  name n = name_of(key);
  int64_t deadline = chance(3) ? KEVY_NO_TTL : some_deadline();
  uint32_t flags = KEVY_TEXT_KEY | (deadline == KEVY_NO_TTL ? 0 : KEVY_AT);
  int was = alive(&model[key], now_ms), nx = chance(8) == 0;
  uint64_t version = ++versions;
  kevy_value v = value_of(version), old;
  kevy_status status = kevy_set(store, n.text, n.len, &v, deadline, flags | (nx ? KEVY_NX : 0), &old);
  CHECK(status == (nx && was ? KEVY_UNMET : KEVY_OK));
  CHECK(was ? same(&old, model[key].version) : old.kind == KEVY_NIL);
  if (status != KEVY_OK) return;
  model[key].version = version;
  model[key].deadline = deadline;
}

static void do_delete(uint32_t key) {
  name n = name_of(key);
  CHECK(kevy_delete(store, n.text, n.len) == (alive(&model[key], now_ms) ? KEVY_OK : KEVY_MISSING));
  model[key].version = 0;
}

static void do_expire(uint32_t key) {
  name n = name_of(key);
  int64_t deadline = some_deadline();
  int was = alive(&model[key], now_ms);
  CHECK(kevy_expire(store, n.text, n.len, deadline, KEVY_AT) == (was ? KEVY_OK : KEVY_MISSING));
  if (was) model[key].deadline = deadline;
}

static void do_persist(uint32_t key) {
  name n = name_of(key);
  int was = alive(&model[key], now_ms), had = was && model[key].deadline != KEVY_NO_TTL;
  CHECK(kevy_persist(store, n.text, n.len) == (had ? KEVY_OK : was ? KEVY_UNMET : KEVY_MISSING));
  if (was) model[key].deadline = KEVY_NO_TTL;
}

static void do_rename(uint32_t from, uint32_t to) {
  name a = name_of(from), b = name_of(to);
  int was = alive(&model[from], now_ms);
  CHECK(kevy_rename(store, a.text, a.len, b.text, b.len, KEVY_TEXT_KEY) == (was ? KEVY_OK : KEVY_MISSING));
  if (!was || from == to) return;
  model[to] = model[from];
  model[from].version = 0;
}

static void do_copy(uint32_t from, uint32_t to) {
  name a = name_of(from), b = name_of(to);
  int was = alive(&model[from], now_ms);
  if (from == to) return;
  CHECK(kevy_copy(store, a.text, a.len, b.text, b.len, KEVY_REPLACE | KEVY_TEXT_KEY) == (was ? KEVY_OK : KEVY_MISSING));
  if (was) model[to] = model[from];
}

static void do_mget(void) {
  name names[BATCH];
  kevy_value keys[BATCH], out[BATCH];
  uint32_t which[BATCH];
  int i;
  for (i = 0; i < BATCH; i++) {
    which[i] = (uint32_t)chance(KEYS);
    names[i] = name_of(which[i]);
    keys[i] = kevy_text(names[i].text, names[i].len);
  }
  CHECK(kevy_mget(store, BATCH, keys, out) == KEVY_OK);
  for (i = 0; i < BATCH; i++) {
    const model_key *k = &model[which[i]];
    CHECK(alive(k, now_ms) ? same(&out[i], k->version) : out[i].kind == KEVY_NIL);
  }
}

static void do_random_key(void) {
  kevy_value key;
  kevy_status status = kevy_random_key(store, &key);
  CHECK(status == KEVY_MISSING || alive(&model[key_of(&key)], now_ms));
}

static void do_pin(uint32_t key) {
  pinned *p = &pins[chance(PINS)];
  name n = name_of(key);
  if (p->pin) {
    kevy_value v = value_of(p->version);
    if (v.kind <= KEVY_TEXT) CHECK(p->value.len == v.len && memcmp(p->value.as.ptr, v.as.ptr, v.len) == 0);
    kevy_unpin(p->pin);
    p->pin = NULL;
  }
  if (!alive(&model[key], now_ms)) return;
  CHECK(kevy_pin_value(store, n.text, n.len, &p->pin, &p->value) == KEVY_OK);
  p->version = model[key].version;
}

static void do_clock(void) {
  now_ms += 2 * (int64_t)chance(500);
  CHECK(kevy_debug_clock(store, now_ms) == KEVY_OK);
}

static void do_clear(void) {
  CHECK(kevy_clear(store) == KEVY_OK);
  memset(model, 0, sizeof model);
}

/* ---- Moments ---------------------------------------------------------------------------------- */

static moment *this_moment(void) {
  moment *m = malloc(sizeof *m);
  if (!m) fail("no memory for the model");
  memset(m, 0, offsetof(moment, keys));
  memcpy(m->keys, model, sizeof model);
  m->now = now_ms;
  return m;
}

static void do_snapshot(void) {
  moment **slot = &snapshots[chance(SNAPSHOTS)];
  if (*slot) {
    kevy_close((*slot)->store);
    free(*slot);
    *slot = NULL;
    return;
  }
  *slot = this_moment();
  CHECK(kevy_snapshot(store, &(*slot)->store) == KEVY_OK);
}

static void do_look_back(void) {
  moment *m = snapshots[chance(SNAPSHOTS)];
  uint32_t key = (uint32_t)chance(KEYS);
  if (m) check_key(m->store, key, &m->keys[key], m->now);
}

static void end_iteration(void) {
  kevy_iter_close(iterating->iter);
  free(iterating);
  iterating = NULL;
}

/* A few keys further; at the end each key of that moment has been given once. */
static void do_iterate(void) {
  kevy_value key, value;
  int left = 100;
  if (!iterating) {
    iterating = this_moment();
    CHECK(kevy_iter_open(store, NULL, 0, KEVY_TYPE_NONE, &iterating->iter) == KEVY_OK);
  }
  while (left--) {
    kevy_status status = kevy_iter_next(iterating->iter, &key, &value);
    uint32_t i;
    if (status == KEVY_MISSING) {
      for (i = 0; i < KEYS; i++) CHECK(!alive(&iterating->keys[i], iterating->now));
      end_iteration();
      return;
    }
    CHECK(status == KEVY_OK);
    i = key_of(&key);
    CHECK(alive(&iterating->keys[i], iterating->now)); /* also: not given before */
    CHECK(same(&value, iterating->keys[i].version));
    iterating->keys[i].version = 0;
  }
}

/* ---- The run ---------------------------------------------------------------------------------- */

static void step(void) {
  uint32_t key = (uint32_t)chance(KEYS), other = (uint32_t)chance(KEYS);
  uint64_t dice = chance(1000);
  steps++;
  if (dice < 330) do_get(key);
  else if (dice < 650) do_set(key);
  else if (dice < 730) do_delete(key);
  else if (dice < 790) do_expire(key);
  else if (dice < 830) do_persist(key);
  else if (dice < 860) do_rename(key, other);
  else if (dice < 880) do_copy(key, other);
  else if (dice < 910) do_mget();
  else if (dice < 925) do_random_key();
  else if (dice < 945) do_pin(key);
  else if (dice < 950) do_clock();
  else if (dice < 960) do_iterate();
  else if (dice < 961) do_snapshot();
  else if (dice < 998) do_look_back();
  else if (dice < 999) CHECK(kevy_tick(store, 0, NULL) >= 0);
  else if (chance(500) == 0) do_clear();
}

static void release_all(void) {
  int i;
  for (i = 0; i < SNAPSHOTS; i++) {
    if (!snapshots[i]) continue;
    kevy_close(snapshots[i]->store);
    free(snapshots[i]);
  }
  for (i = 0; i < PINS; i++) kevy_unpin(pins[i].pin);
  if (iterating) end_iteration();
}

int main(int argc, char **argv) {
  long seconds = argc > 1 ? atol(argv[1]) : 10;
  time_t start = time(NULL);
  uint64_t at_open;
  uint64_t bound = 0;
  chance_state = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;

  CHECK(kevy_open(NULL, &store) == KEVY_OK);
  CHECK(kevy_debug_clock(store, now_ms) == KEVY_OK);
  at_open = kevy_used_memory(store);
  while (time(NULL) - start < seconds) {
    int i;
    for (i = 0; i < 10000; i++) step();
    if (!bound && time(NULL) - start >= seconds / 4) bound = resident_bytes() * 3 / 2 + (32u << 20);
    if (bound && resident_bytes() > bound) fail("resident memory grows");
  }
  release_all();
  do_clear();
  while (kevy_tick(store, 1000, NULL) == KEVY_UNMET) {
  }
  if (kevy_used_memory(store) > at_open + 65536) fail("an emptied store holds more than a new one");
  kevy_close(store);
  printf("%llu steps, seed %s, %llu MB resident\n1 passed, 0 failed\n", (unsigned long long)steps,
         argc > 2 ? argv[2] : "1", (unsigned long long)resident_bytes() >> 20);
  return 0;
}
