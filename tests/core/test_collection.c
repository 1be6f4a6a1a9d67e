/* Large values as such: versions seen by snapshots, members that go to the version that sees them, graves
 * taken apart in slices, and what renaming, expiring, replacing and running out of memory do to them.
 *
 * The values here are tables of numbered members with an int each, written by the functions below and not
 * by any type; a model is an array of ints. */
#include "internals.h"

#include "check.h"

enum { KEYS = 4, MEMBERS = 900, HELD = 6, ABSENT = -1 };

typedef struct values {
  bool there[KEYS];
  int32_t of[KEYS][MEMBERS];
} values;

static void values_clear(values *v, int key) {
  v->there[key] = false;
  for (int i = 0; i < MEMBERS; i++) v->of[key][i] = ABSENT;
}

static const char *key_name(int key) {
  static const char *const names[KEYS] = {"a", "b", "c", "d"};
  return names[key];
}

static kevy_store *open_store(void) {
  kevy_store *s;
  REQUIRE(kevy_open(NULL, &s) == KEVY_OK);
  return s;
}

static uint64_t hash_member(const kevy_store *s, int i) {
  return hash_bytes(s->sp->secret, (const char *)&i, sizeof i);
}

/* ---- a value of numbered members ---- */

static kevy_status find_value(kevy_store *s, probe *p, int key) {
  return collection_write(s, p, key_name(key), 1, KEVY_TYPE_SET);
}

static kevy_status value_create(kevy_store *s, probe *p) {
  ref top = collection_new(s->sp, sizeof(keyed), KEVY_TYPE_SET);
  if (top == 0) return KEVY_EOOM;
  keyed *k = mem_ptr(s->base, top);
  if (!table_open(s->sp, &k->members)) {
    mem_free(&s->sp->mem, top, sizeof(keyed));
    return KEVY_EOOM;
  }
  kevy_status status = collection_put(s, p, top, 0);
  if (status != KEVY_OK) node_retire_collection(s->sp, top);
  return status;
}

/* Sets one member, which may create the value: whole, or KEVY_EOOM. An empty value is left when that fails late. */
static kevy_status value_set(kevy_store *s, int key, int member, int32_t to) {
  probe p;
  find_value(s, &p, key);
  if (p.live == NULL) {
    kevy_status status = value_create(s, &p);
    if (status != KEVY_OK) return status;
    find_value(s, &p, key);
  }
  keyed *k = (keyed *)collection_own(s, &p, false);
  if (k == NULL) return KEVY_EOOM;
  uint64_t hash = hash_member(s, member);
  content c = {ENTRY_NUM, KEVY_INT, 0, {.word = (uint64_t)to}};
  uint64_t *slot = member_find(s->base, k, hash, (const char *)&member, sizeof member);
  if (slot != NULL && (slot = table_own(s->sp, &k->members, hash, slot, false)) == NULL) return KEVY_EOOM;
  ref block = member_new(s, k, (const char *)&member, sizeof member, KEVY_BYTES, &c, KEVY_NO_TTL);
  if (block == 0) return KEVY_EOOM;
  if (slot != NULL) {
    ref old = slot_ref(*slot);
    bool fresh = *slot & SLOT_FRESH;
    table_replace(slot, block);
    member_retire(s->sp, k, old, hash, fresh);
  } else if (!table_insert(s->sp, &k->members, hash, block, false)) {
    member_retire(s->sp, k, block, hash, true);
    return KEVY_EOOM;
  }
  return KEVY_OK;
}

static void value_unset(kevy_store *s, int key, int member) {
  probe p;
  find_value(s, &p, key);
  if (p.live == NULL) return;
  uint64_t hash = hash_member(s, member);
  keyed *k = (keyed *)collection_own(s, &p, true);
  uint64_t *slot = member_find(s->base, k, hash, (const char *)&member, sizeof member);
  if (slot == NULL) return;
  slot = table_own(s->sp, &k->members, hash, slot, true);
  ref old = slot_ref(*slot);
  bool fresh = *slot & SLOT_FRESH;
  table_remove(s->sp, &k->members, hash, slot);
  member_retire(s->sp, k, old, hash, fresh);
}

static bool value_matches(kevy_store *s, int key, const values *v) {
  probe p;
  entry *e = probe_find(s, &p, key_name(key), 1);
  if ((e != NULL) != v->there[key]) return false;
  if (e == NULL) return true;
  const keyed *k = (const keyed *)collection_at(s->base, e);
  if (!table_check(s->base, &k->members)) return false;
  uint64_t count = 0, bytes = 0;
  for (int i = 0; i < MEMBERS; i++) {
    const uint64_t *slot = member_find(s->base, k, hash_member(s, i), (const char *)&i, sizeof i);
    if ((slot == NULL) != (v->of[key][i] == ABSENT)) return false;
    if (slot == NULL) continue;
    const entry *m = mem_ptr(s->base, slot_ref(*slot));
    if ((int64_t)load64(entry_content(m)) != v->of[key][i]) return false;
    count++;
    bytes += mem_round(entry_size(m));
  }
  return count == k->members.count && bytes == k->c.bytes;
}

static bool all_match(kevy_store *s, const values *v) {
  for (int key = 0; key < KEYS; key++)
    if (!value_matches(s, key, v)) return false;
  return true;
}

static void drain(kevy_store *s) {
  while (kevy_tick(s, 0, NULL) == KEVY_UNMET) continue;
}

/* ---- random steps, under snapshots ---- */

static void step_write(kevy_store *s, values *v) {
  int key = (int)below(KEYS), member = (int)below(MEMBERS);
  if (one_in(3) && v->there[key]) {
    value_unset(s, key, member);
    v->of[key][member] = ABSENT;
    return;
  }
  int32_t to = (int32_t)below(1000);
  if (!CHECK(value_set(s, key, member, to) == KEVY_OK)) return;
  v->there[key] = true;
  v->of[key][member] = to;
}

static void step_whole(kevy_store *s, values *v) {
  int from = (int)below(KEYS), to = (int)below(KEYS);
  kevy_value text = kevy_text("x", 1);
  switch (below(4)) {
    case 0:
      kevy_delete(s, key_name(from), 1);
      break;
    case 1:
      CHECK(kevy_set(s, key_name(from), 1, &text, KEVY_NO_TTL, 0, NULL) == KEVY_OK);
      kevy_delete(s, key_name(from), 1);
      break;
    case 2: {
      if (!v->there[from] || from == to) return;
      CHECK(kevy_rename(s, key_name(from), 1, key_name(to), 1, 0) == KEVY_OK);
      v->there[to] = true;
      memcpy(v->of[to], v->of[from], sizeof v->of[to]);
      break;
    }
    default: { /* a deadline copies the entry, not the value; then it comes */
      int64_t now;
      kevy_now(s, &now);
      if (kevy_expire(s, key_name(from), 1, 1000, 0) == KEVY_OK && one_in(2)) {
        CHECK(kevy_persist(s, key_name(from), 1) == KEVY_OK);
        return;
      }
      kevy_debug_clock(s, now + 2000);
    }
  }
  values_clear(v, from);
}

static void test_versions(size_t steps) {
  kevy_store *s = open_store(), *held[HELD] = {NULL};
  values now, *then = malloc(HELD * sizeof *then);
  REQUIRE(then != NULL);
  kevy_debug_clock(s, 1700000000000);
  for (int key = 0; key < KEYS; key++) values_clear(&now, key);
  for (size_t i = 0; i < steps; i++) {
    step_write(s, &now);
    if (one_in(60)) step_whole(s, &now);
    if (one_in(200)) kevy_tick(s, below(30), NULL);
    size_t h = below(HELD);
    if (held[h] == NULL && one_in(40)) {
      REQUIRE(kevy_snapshot(s, &held[h]) == KEVY_OK);
      then[h] = now;
    } else if (held[h] != NULL && one_in(80)) {
      CHECK(all_match(held[h], &then[h]));
      kevy_close(held[h]);
      held[h] = NULL;
    }
    if (one_in(300)) CHECK(all_match(s, &now));
  }
  for (size_t h = 0; h < HELD; h++) {
    if (held[h] == NULL) continue;
    CHECK(all_match(held[h], &then[h]));
    kevy_close(held[h]);
  }
  CHECK(all_match(s, &now));
  for (int key = 0; key < KEYS; key++) kevy_delete(s, key_name(key), 1);
  drain(s);
  CHECK(s->sp->graves == 0 && s->sp->draining == NULL && s->sp->retained == 0);
  uint64_t used = kevy_used_memory(s);
  kevy_store *empty = open_store();
  CHECK(used <= kevy_used_memory(empty) + expire_bytes());
  kevy_close(empty);
  kevy_close(s);
  free(then);
}

/* ---- what holding on costs ---- */

/* One old snapshot, a hot member, others opening and closing in between: one old version of the member. */
static void test_hot_member(void) {
  kevy_store *s = open_store(), *old;
  for (int i = 0; i < MEMBERS; i++) value_set(s, 0, i, i);
  REQUIRE(kevy_snapshot(s, &old) == KEVY_OK);
  uint64_t before = kevy_used_memory(s), most = 0;
  for (int i = 0; i < (int)scaled(20000, 500); i++) {
    kevy_store *other;
    value_set(s, 0, 7, i);
    value_set(s, 0, 8, i);
    if (i % 16 != 0) continue;
    REQUIRE(kevy_snapshot(s, &other) == KEVY_OK);
    value_set(s, 0, 7, i + 1);
    kevy_close(other);
    drain(s);
    uint64_t used = kevy_used_memory(s);
    if (used > most) most = used;
  }
  CHECK(most < before + 64 * 1024);
  kevy_close(old);
  kevy_delete(s, "a", 1);
  drain(s);
  CHECK(s->sp->retained == 0);
  kevy_close(s);
}

/* Deleting touches nothing of the value, and its memory comes back a slice at a time. */
static void test_graves(void) {
  kevy_store *s = open_store();
  uint64_t empty = kevy_used_memory(s);
  for (int round = 0; round < 3; round++) {
    for (int i = 0; i < (int)scaled(20000, 3000); i++) REQUIRE(value_set(s, 0, i, i) == KEVY_OK);
    uint64_t full = kevy_used_memory(s);
    CHECK(kevy_delete(s, "a", 1) == KEVY_OK);
    CHECK(kevy_used_memory(s) + 4096 > full);
    uint32_t slices = 0;
    while (!node_drain(s->sp, 100)) slices++;
    CHECK(slices > 20);
    CHECK(kevy_used_memory(s) <= empty + 1024);
  }
  kevy_close(s);
}

/* Every allocation fails once: nothing changes then, for the store and for what a snapshot sees. */
static void test_no_memory(void) {
  kevy_store *s = open_store(), *old;
  values now;
  for (int key = 0; key < KEYS; key++) values_clear(&now, key);
  for (int i = 0; i < MEMBERS; i += 2) {
    value_set(s, 0, i, i);
    now.of[0][i] = i;
  }
  now.there[0] = true;
  for (int member = 0; member < 60; member++) {
    REQUIRE(kevy_snapshot(s, &old) == KEVY_OK);
    values then = now;
    for (uint64_t n = 1;; n++) {
      kevy_debug_fail_alloc(s, n);
      kevy_status status = value_set(s, 0, member, 5000 + member);
      kevy_debug_fail_alloc(s, 0);
      if (status == KEVY_OK) break;
      CHECK(status == KEVY_EOOM && value_matches(s, 0, &now));
      if (n > 100) REQUIRE(false);
    }
    now.of[0][member] = 5000 + member;
    CHECK(value_matches(s, 0, &now) && all_match(old, &then));
    kevy_close(old);
    if (member % 7 == 0) drain(s);
  }
  kevy_close(s);
}

/* ---- the value that was found last ---- */

enum { RECENT_FIELDS = 300 };

/* A hash whose i-th field holds i + shift, under a key of one letter. */
static void recent_fill(kevy_store *s, const char *key, int shift) {
  char name[16], text[16];
  for (int i = 0; i < RECENT_FIELDS; i++) {
    int n = snprintf(name, sizeof name, "field-%04d", i), m = snprintf(text, sizeof text, "value-%04d", i + shift);
    kevy_value field = kevy_bytes(name, (size_t)n), value = kevy_bytes(text, (size_t)m);
    REQUIRE(kevy_hset(s, key, 1, 1, &field, &value, 0, NULL) == KEVY_OK);
  }
}

/* What the hash answers for the i-th field: its number, ABSENT where it is missing, or a status below. */
static int recent_get(kevy_store *s, const char *key, int i) {
  char name[16];
  kevy_value field = kevy_bytes(name, (size_t)snprintf(name, sizeof name, "field-%04d", i)), out;
  kevy_status status = kevy_hget(s, key, 1, &field, &out);
  if (status != KEVY_OK) return status == KEVY_MISSING ? ABSENT : status;
  return atoi(out.as.ptr + 6);
}

/* It is found again where it was, and no more once its key holds something else, or nothing, or another version. */
static void test_recent(void) {
  kevy_store *s = open_store(), *old;
  recent_fill(s, "a", 0);
  for (int i = 0; i < RECENT_FIELDS; i++) CHECK(recent_get(s, "a", i) == i);
  CHECK(recent_get(s, "a", RECENT_FIELDS) == ABSENT && recent_get(s, "b", 0) == ABSENT);
  CHECK(kevy_rename(s, "a", 1, "b", 1, 0) == KEVY_OK);
  CHECK(recent_get(s, "a", 1) == ABSENT && recent_get(s, "b", 1) == 1);
  REQUIRE(kevy_snapshot(s, &old) == KEVY_OK);
  recent_fill(s, "b", 1000);
  CHECK(recent_get(s, "b", 2) == 1002 && recent_get(old, "b", 2) == 2);
  kevy_close(old);
  CHECK(kevy_expire(s, "b", 1, 100000, 0) == KEVY_OK && recent_get(s, "b", 3) == 1003);
  kevy_value text = kevy_bytes("text", 4);
  REQUIRE(kevy_begin(s) == KEVY_OK);
  CHECK(kevy_persist(s, "b", 1) == KEVY_OK && recent_get(s, "b", 3) == 1003);
  recent_fill(s, "b", 2000);
  CHECK(recent_get(s, "b", 3) == 2003 && kevy_rollback(s) == KEVY_OK && recent_get(s, "b", 3) == 1003);
  CHECK(kevy_set(s, "b", 1, &text, KEVY_NO_TTL, 0, NULL) == KEVY_OK);
  CHECK(recent_get(s, "b", 4) == KEVY_EWRONGTYPE);
  CHECK(kevy_delete(s, "b", 1) == KEVY_OK && recent_get(s, "b", 4) == ABSENT);
  recent_fill(s, "b", 7);
  CHECK(recent_get(s, "b", 5) == 12 && kevy_clear(s) == KEVY_OK && recent_get(s, "b", 5) == ABSENT);
  recent_fill(s, "c", 0);
  CHECK(kevy_sismember(s, "c", 1, &text) == KEVY_EWRONGTYPE);
  for (int i = 0; i < 2000; i++) { /* the key's slot moves */
    char key[16];
    size_t n = (size_t)snprintf(key, sizeof key, "key-%08d", i);
    REQUIRE(kevy_set(s, key, n, &text, KEVY_NO_TTL, 0, NULL) == KEVY_OK);
    if (i % 100 == 0) recent_fill(s, "c", i);
    CHECK(recent_get(s, "c", i % RECENT_FIELDS) == i % RECENT_FIELDS + i / 100 * 100);
  }
  kevy_close(s);
}

int main(void) {
  check_begin("collection");
  test_versions(scaled(120000, 3000));
  test_hot_member();
  test_graves();
  test_no_memory();
  test_recent();
  return check_end();
}
