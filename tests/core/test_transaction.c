/* Transactions: random commands of all types inside nested ones, with snapshots and iterators opened at any time and read at
 * any time, clocks that move, stores that are cleared; what a rollback leaves is what was there, to the byte of memory. Then
 * every allocation failing, threads, and closing and forking with one open.
 *
 * What a store holds is told by a fingerprint: a hash over the answers of commands that read. */
#include <stdarg.h>

#include "internals.h"

#include "../../core/hash_forms.h"

#include "failing.h"

#include "check.h"

enum { KEYS = 24, DEPTH = 4, HELD = 6, START = 1000000 };

static int64_t present;

static kevy_store *open_store(uint32_t flags) {
  kevy_options o = KEVY_OPTIONS_INIT;
  kevy_store *s;
  o.flags = flags;
  REQUIRE(kevy_open(&o, &s) == KEVY_OK);
  present = START;
  CHECK(kevy_debug_clock(s, present) == KEVY_OK);
  return s;
}

/* ---- commands ---- */

static kevy_reply *scratch_reply;

/* Runs a command given as words. */
static kevy_status run(kevy_store *s, const char *line, const char **bytes, size_t *len) {
  char copy[512];
  kevy_value argv[40];
  size_t argc = 0;
  snprintf(copy, sizeof copy, "%s", line);
  for (char *save = NULL, *w = strtok_r(copy, " ", &save); w != NULL; w = strtok_r(NULL, " ", &save))
    argv[argc++] = kevy_bytes(w, strlen(w));
  return kevy_call_resp(s, argc, argv, scratch_reply, bytes, len);
}

__attribute__((format(printf, 2, 3))) static kevy_status say(kevy_store *s, const char *format, ...) {
  char line[512];
  const char *bytes;
  size_t len;
  va_list args;
  va_start(args, format);
  vsnprintf(line, sizeof line, format, args);
  va_end(args);
  return run(s, line, &bytes, &len);
}

static int roll(int n) { return (int)below((uint64_t)n); }

/* A value of up to n letters. */
static const char *word(int n) {
  static char words[4][400];
  static int turn;
  char *w = words[turn++ & 3];
  int len = 1 + roll(n);
  for (int i = 0; i < len; i++) w[i] = (char)('a' + roll(26));
  w[len] = '\0';
  return w;
}

static void say_string(kevy_store *s, int k) {
  switch (roll(9)) {
    case 0: say(s, "SET s%d %s", k, word(20)); break;
    case 1: say(s, "SET s%d %s PX %d", k, word(20), 1 + roll(5000)); break;
    case 2: say(s, "INCRBY n%d %d", k, roll(100)); break;
    case 3: say(s, "APPEND s%d %s", k, word(60)); break;
    case 4: say(s, "SETRANGE s%d %d %s", k, roll(3000), word(30)); break;
    case 5: say(s, "MSET s%d a s%d b n%d 1", k, (k + 1) % KEYS, k); break;
    case 6: say(s, "PEXPIRE s%d %d", k, 1 + roll(5000)); break;
    case 7: say(s, "PERSIST s%d", k); break;
    default: say(s, "GETDEL s%d", k); break;
  }
}

static void say_hash(kevy_store *s, int k) {
  int f = roll(300);
  switch (roll(7)) {
    case 0: say(s, "HSET h%d f%d %s", k, f, word(80)); break;
    case 1: say(s, "HSET h%d f%d 1 f%d 2 f%d 3", k, f, f + 1, f + 2); break;
    case 2: say(s, "HDEL h%d f%d f%d", k, f, f + 1); break;
    case 3: say(s, "HINCRBY h%d f%d 3", k, f); break;
    case 4: case 5: say(s, "HPEXPIRE h%d %d FIELDS 2 f%d f%d", k, 1 + roll(5000), f, f + 1); break;
    default: say(s, "HPERSIST h%d FIELDS 1 f%d", k, f); break;
  }
}

static void say_list(kevy_store *s, int k) {
  switch (roll(6)) {
    case 0: say(s, "RPUSH l%d %s %s %s", k, word(20), word(200), word(5)); break;
    case 1: say(s, "LPUSH l%d %s %s", k, word(300), word(8)); break;
    case 2: say(s, "LPOP l%d %d", k, 1 + roll(4)); break;
    case 3: say(s, "LSET l%d %d %s", k, roll(10), word(300)); break;
    case 4: say(s, "LTRIM l%d 0 %d", k, roll(100)); break;
    default: say(s, "LINSERT l%d BEFORE a %s", k, word(9)); break;
  }
}

static void say_set(kevy_store *s, int k) {
  int m = roll(400);
  switch (roll(5)) {
    case 0: say(s, "SADD t%d %d %d %d", k, m, m + 1, m + 2); break;
    case 1: say(s, "SADD t%d m%d m%d", k, m, m + 1); break;
    case 2: say(s, "SREM t%d m%d %d", k, m, m); break;
    case 3: say(s, "SPOP t%d 2", k); break;
    default: say(s, "SUNIONSTORE t%d t%d t%d", k, (k + 1) % 3, (k + 2) % 3); break;
  }
}

static void say_zset(kevy_store *s, int k) {
  int m = roll(400);
  switch (roll(5)) {
    case 0: say(s, "ZADD z%d %d m%d %d m%d", k, roll(1000), m, roll(1000), m + 1); break;
    case 1: say(s, "ZINCRBY z%d 2.5 m%d", k, m); break;
    case 2: say(s, "ZREM z%d m%d m%d", k, m, m + 7); break;
    case 3: say(s, "ZPOPMIN z%d 3", k); break;
    default: say(s, "ZREMRANGEBYRANK z%d 0 1", k); break;
  }
}

static void say_stream(kevy_store *s, int k) {
  switch (roll(9)) {
    case 0: case 1: say(s, "XADD x%d * f %s g %s", k, word(50), word(9)); break;
    case 2: say(s, "XGROUP CREATE x%d g%d 0 MKSTREAM", k, roll(3)); break;
    case 3: case 4: say(s, "XREADGROUP GROUP g%d c%d COUNT 5 STREAMS x%d >", roll(3), roll(4), k); break;
    case 5: say(s, "XTRIM x%d MAXLEN %d", k, roll(200)); break;
    case 6: say(s, "XGROUP DELCONSUMER x%d g%d c%d", k, roll(3), roll(4)); break;
    case 7: say(s, "XAUTOCLAIM x%d g%d c%d 0 0 COUNT 3", k, roll(3), roll(4)); break;
    default: say(s, "XGROUP DESTROY x%d g%d", k, roll(3)); break;
  }
}

static void say_key(kevy_store *s) {
  static const char kinds[] = "snhltzx";
  char a = kinds[roll(7)], b = kinds[roll(7)];
  int i = roll(3), j = roll(3);
  switch (roll(8)) {
    case 0: say(s, "DEL %c%d", a, i); break;
    case 1: say(s, "RENAME %c%d %c%d", a, i, a, j); break;
    case 2: say(s, "COPY %c%d %c%d REPLACE", a, i, a, j); break;
    case 3: say(s, "PEXPIRE %c%d %d", a, i, 1 + roll(8000)); break;
    case 4: say(s, "EXISTS %c%d %c%d", a, i, b, j); break;
    case 5: say(s, "SET %c%d over", a, i); break;
    case 6: say(s, "PERSIST %c%d", a, i); break;
    default: say(s, "DBSIZE"); break;
  }
}

static void say_something(kevy_store *s) {
  int k = roll(3);
  switch (roll(8)) {
    case 0: say_string(s, roll(KEYS)); break;
    case 1: say_hash(s, k); break;
    case 2: say_list(s, k); break;
    case 3: say_set(s, k); break;
    case 4: say_zset(s, k); break;
    case 5: say_stream(s, k); break;
    case 6: say_hash(s, k); break;
    default: say_key(s); break;
  }
}

/* ---- fingerprints ---- */

static uint64_t mixed(uint64_t h, const void *bytes, size_t len) {
  for (size_t i = 0; i < len; i++) h = (h ^ ((const unsigned char *)bytes)[i]) * UINT64_C(1099511628211);
  return h;
}

static uint64_t answered(kevy_store *s, uint64_t h, const char *format, char kind, int k) {
  char line[128];
  const char *bytes;
  size_t len;
  snprintf(line, sizeof line, format, kind, k);
  CHECK(run(s, line, &bytes, &len) == KEVY_OK);
  return mixed(h, bytes, len);
}

/* Deadlines of a large hash's fields, which no command gives as one. */
static uint64_t field_deadlines(kevy_store *s, const entry *e) {
  uint64_t sum = 0;
  table_walk walk = {0, 0, false};
  ref r;
  if (entry_type(e) != KEVY_TYPE_HASH || !entry_is_large(e)) return 0;
  while ((r = table_next(s->base, &((keyed *)collection_at(s->base, e))->members, &walk)) != 0)
    if (entry_deadline(mem_ptr(s->base, r)) > store_now(s)) sum += (uint64_t)entry_deadline(mem_ptr(s->base, r)) * 31;
  return sum;
}

static uint64_t fingerprint_key(kevy_store *s, uint64_t h, char kind, int k) {
  char name[16];
  int len = snprintf(name, sizeof name, "%c%d", kind, k);
  probe p;
  if (probe_find(s, &p, name, (size_t)len) == NULL) return h;
  int32_t type = entry_type(p.live);
  int64_t deadline = entry_deadline(p.live);
  uint64_t fields = field_deadlines(s, p.live);
  h = mixed(h, name, (size_t)len);
  h = mixed(h, &type, sizeof type);
  h = mixed(h, &deadline, sizeof deadline);
  h = mixed(h, &fields, sizeof fields);
  switch (type) {
    case KEVY_TYPE_STRING: return answered(s, h, "GET %c%d", kind, k);
    case KEVY_TYPE_HASH: return answered(s, h, "HGETALL %c%d", kind, k);
    case KEVY_TYPE_LIST: return answered(s, h, "LRANGE %c%d 0 -1", kind, k);
    case KEVY_TYPE_SET: return answered(s, h, "SMEMBERS %c%d", kind, k);
    case KEVY_TYPE_ZSET: return answered(s, h, "ZRANGE %c%d 0 -1 WITHSCORES", kind, k);
    default: return answered(s, answered(s, h, "XINFO STREAM %c%d FULL COUNT 0", kind, k), "XRANGE %c%d - +", kind, k);
  }
}

static uint64_t fingerprint(kevy_store *s) {
  uint64_t h = UINT64_C(14695981039346656037);
  for (int k = 0; k < KEYS; k++) h = fingerprint_key(s, fingerprint_key(s, h, 's', k), 'n', k);
  for (int k = 0; k < 3; k++)
    for (const char *kind = "hltzx"; *kind != '\0'; kind++) h = fingerprint_key(s, h, *kind, k);
  return h;
}

/* ---- what must hold ---- */

static uint64_t wheel_length(kevy_store *s, const wheel *w) {
  uint64_t n = 0;
  for (unsigned l = 0; l < WHEEL_LEVELS; l++)
    for (unsigned i = 0; i < WHEEL_LISTS; i++) {
      ref before = 0, next = 0;
      for (ref r = w->heads[l][i]; r != 0; before = r, r = next) {
        uint64_t five = 0;
        CHECK(entry_has_deadline(mem_ptr(s->base, r)));
        memcpy(&five, s->base + r + 21, 5);
        CHECK(five << 3 == before);
        five = 0;
        memcpy(&five, s->base + r + 16, 5);
        next = five << 3;
        n++;
      }
    }
  return n;
}

static void check_value(kevy_store *s, const entry *e) {
  if (!entry_is_large(e)) return;
  collection *c = collection_at(s->base, e);
  CHECK(!c->superseded && c->newer == 0);
  CHECK(node_dead_top(s->sp, c->dead) == 0);
  if (c->type == KEVY_TYPE_STREAM) CHECK(stream_check(s->base, (stream *)c));
  if (c->type == KEVY_TYPE_LIST || c->type == KEVY_TYPE_STREAM) return;
  CHECK(table_check(s->base, &((keyed *)c)->members));
  if (c->type != KEVY_TYPE_HASH) return;
  const hash_large *h = (hash_large *)c;
  uint64_t timed = 0;
  table_walk walk = {0, 0, false};
  ref r;
  while ((r = table_next(s->base, &h->k.members, &walk)) != 0) timed += entry_has_deadline(mem_ptr(s->base, r));
  CHECK(timed == (h->wheel != 0 ? wheel_length(s, mem_ptr(s->base, h->wheel)) : 0));
}

static void check_store(kevy_store *s) {
  uint64_t count = 0, timed = 0;
  table_walk walk = {0, 0, false};
  ref r;
  CHECK(table_check(s->base, &s->keys[0]));
  if (s->db->timers.root != 0) CHECK(table_check(s->base, &s->db->timers));
  while ((r = table_next(s->base, &s->keys[0], &walk)) != 0) {
    count++;
    timed += entry_has_deadline(mem_ptr(s->base, r));
    check_value(s, mem_ptr(s->base, r));
  }
  CHECK(count == s->keys[0].count);
  CHECK(timed == s->db->with_ttl);
  if (s->sp->wheel != 0) CHECK(wheel_length(s, mem_ptr(s->base, s->sp->wheel)) == timed + s->db->timers.count);
}

static void drain_all(kevy_store *s) {
  store_unlend(s);
  snapshot_collect(s->sp);
  while (!node_drain(s->sp, 1000)) continue;
}

/* ---- the random test ---- */

typedef struct level {
  uint64_t print, used, count;
  int64_t now;
  kevy_store *before; /* the same in a snapshot, where the clock may move inside; or NULL */
  bool disturbed;     /* a snapshot from before was closed, or one from inside lives */
} level;

typedef struct holding {
  kevy_store *snapshot;
  kevy_iter *iter;
  uint64_t print;
  uint32_t left; /* of the iterator's keys */
  int depth;
} holding;

typedef struct session {
  kevy_store *s;
  level levels[DEPTH];
  int depth;
  holding held[HELD];
  bool quiet; /* no snapshots */
} session;

static uint32_t keys_left(kevy_iter *it, uint32_t most) {
  kevy_value key;
  uint32_t n = 0;
  while (n < most && kevy_iter_next(it, &key, NULL) == KEVY_OK) n++;
  return n;
}

static void take_hold(session *t) {
  holding *h = &t->held[roll(HELD)];
  if (h->snapshot != NULL) return;
  REQUIRE(kevy_snapshot(t->s, &h->snapshot) == KEVY_OK);
  REQUIRE(kevy_iter_open(t->s, NULL, 0, KEVY_TYPE_NONE, &h->iter) == KEVY_OK);
  uint64_t count;
  kevy_len(h->snapshot, &count);
  kevy_iter *all;
  REQUIRE(kevy_iter_open(h->snapshot, NULL, 0, KEVY_TYPE_NONE, &all) == KEVY_OK);
  h->left = keys_left(all, UINT32_MAX);
  kevy_iter_close(all);
  h->print = fingerprint(h->snapshot);
  h->depth = t->depth;
}

static void look_at(session *t, holding *h) {
  (void)t;
  if (h->snapshot != NULL) CHECK(fingerprint(h->snapshot) == h->print);
  if (h->snapshot != NULL && roll(3) == 0) h->left -= keys_left(h->iter, (uint32_t)roll(10));
}

static void let_go(session *t, holding *h) {
  if (h->snapshot == NULL) return;
  look_at(t, h);
  CHECK(keys_left(h->iter, UINT32_MAX) == h->left);
  kevy_close(h->snapshot);
  kevy_iter_close(h->iter);
  h->snapshot = NULL;
  for (int d = 0; d < t->depth; d++)
    if (h->depth <= d) t->levels[d].disturbed = true;
}

static bool held_inside(const session *t, int depth) {
  for (int i = 0; i < HELD; i++)
    if (t->held[i].snapshot != NULL && t->held[i].depth > depth) return true;
  return false;
}

static void session_begin(session *t) {
  if (t->depth == DEPTH) return;
  level *l = &t->levels[t->depth];
  (void)fingerprint(t->s); /* the first to look at a field that is due sheds it */
  drain_all(t->s);
  l->print = fingerprint(t->s);
  drain_all(t->s);
  kevy_len(t->s, &l->count);
  drain_all(t->s);
  l->used = kevy_used_memory(t->s);
  l->now = present;
  l->before = NULL;
  l->disturbed = held_inside(t, t->depth) || t->s->sp->light != NULL; /* a savepoint opens the moment of the one around it */
  if (!t->quiet && roll(3) == 0) {
    REQUIRE(kevy_snapshot(t->s, &l->before) == KEVY_OK);
    l->disturbed = true;
  }
  REQUIRE(kevy_begin(t->s) == KEVY_OK);
  t->depth++;
  CHECK(kevy_transaction_depth(t->s) == t->depth);
}

static void session_end(session *t, bool commit) {
  if (t->depth == 0) return;
  level *l = &t->levels[--t->depth];
  bool disturbed = l->disturbed || held_inside(t, t->depth);
  uint64_t count;
  if (commit) {
    REQUIRE(kevy_commit(t->s) == KEVY_OK);
  } else {
    REQUIRE(kevy_rollback(t->s) == KEVY_OK);
    check_store(t->s);
    if (!disturbed && present == l->now) { /* where the clock moved, keys may have expired by now */
      drain_all(t->s);
      if (!CHECK(kevy_used_memory(t->s) == l->used))
        fprintf(stderr, "used %llu, was %llu\n", (unsigned long long)kevy_used_memory(t->s), (unsigned long long)l->used);
    }
    if (present == l->now) {
      CHECK(fingerprint(t->s) == l->print);
      kevy_len(t->s, &count);
      CHECK(count == l->count);
    }
    if (l->before != NULL) CHECK(fingerprint(l->before) == l->print);
  }
  kevy_close(l->before);
  for (int d = 0; d < t->depth; d++)
    if (l->disturbed || commit) t->levels[d].disturbed |= l->disturbed;
  for (int i = 0; i < HELD; i++)
    if (t->held[i].depth > t->depth) t->held[i].depth = commit && t->held[i].depth <= DEPTH ? t->held[i].depth - 1 : DEPTH + 1;
  for (int i = 0; i < HELD; i++)
    if (t->held[i].snapshot == NULL) t->held[i].depth = 0;
}

static void session_step(session *t) {
  int what = roll(100);
  if (what < 4) session_begin(t);
  else if (what < 8) session_end(t, roll(3) == 0);
  else if (what < 11 && !t->quiet) take_hold(t);
  else if (what < 14) look_at(t, &t->held[roll(HELD)]);
  else if (what < 16) let_go(t, &t->held[roll(HELD)]);
  else if (what < 17 && (t->depth == 0 || !t->quiet)) kevy_debug_clock(t->s, present += roll(300));
  else if (what < 19) kevy_tick(t->s, 0, NULL);
  else if (what < 20 && roll(10) == 0) kevy_clear(t->s);
  else say_something(t->s);
}

static void test_random(size_t steps, bool quiet) {
  session t = {.s = open_store(0), .quiet = quiet};
  for (size_t i = 0; i < steps; i++) {
    session_step(&t);
    if (i % 64 == 0) check_store(t.s);
  }
  while (t.depth > 0) session_end(&t, roll(2) == 0);
  for (int i = 0; i < HELD; i++) let_go(&t, &t.held[i]);
  check_store(t.s);
  drain_all(t.s);
  CHECK(t.s->sp->retained == 0);
  CHECK(t.s->sp->undone == NULL);
  CHECK(t.s->sp->kept == 0);
  CHECK(t.s->sp->moments == NULL);
  for (int k = 0; k < KEYS; k++) say(t.s, "DEL s%d n%d h%d l%d t%d z%d x%d", k, k, k, k, k, k, k);
  kevy_debug_clock(t.s, present + 1000000);
  while (kevy_tick(t.s, 10000, NULL) != KEVY_OK) continue;
  drain_all(t.s);
  uint64_t count;
  kevy_len(t.s, &count);
  CHECK(count == 0 && t.s->db->timers.count == 0 && t.s->sp->blobs == 0);
  uint64_t fixed = t.s->keys[0].bytes + t.s->db->timers.bytes + (t.s->sp->wheel != 0 ? expire_bytes() : 0);
  CHECK(kevy_used_memory(t.s) == fixed && store_overhead(t.s) == fixed && t.s->sp->shared == 0);
  kevy_close(t.s);
}

/* ---- cases ---- */

static void test_errors(void) {
  kevy_store *s = open_store(0), *frozen;
  CHECK(kevy_commit(s) == KEVY_ETRANSACTION);
  CHECK(kevy_rollback(s) == KEVY_ETRANSACTION);
  CHECK(strcmp(kevy_errmsg(s), "no transaction is open") == 0);
  REQUIRE(kevy_snapshot(s, &frozen) == KEVY_OK);
  CHECK(kevy_begin(frozen) == KEVY_EREADONLY);
  kevy_close(frozen);
  CHECK(kevy_transaction_depth(s) == 0);
  kevy_close(s);
}

/* A hundred thousand elements of each type, one written, deleted, cleared: back in no time and to the byte. */
static void test_large(void) {
  kevy_store *s = open_store(0);
  for (int i = 0; i < 20000; i++) {
    say(s, "RPUSH l%d element:%d", 0, i);
    say(s, "SADD t%d member:%d", 0, i);
    say(s, "ZADD z%d %d member:%d", 0, i, i);
    say(s, "HSET h%d field:%d %d", 0, i, i);
  }
  say(s, "HPEXPIRE h%d 100000 FIELDS 2 field:1 field:2", 0);
  drain_all(s);
  uint64_t print = fingerprint(s), used = kevy_used_memory(s);
  for (int what = 0; what < 6; what++) {
    REQUIRE(kevy_begin(s) == KEVY_OK);
    for (int i = 0; i < 10; i++) {
      say(s, "LSET l0 %d other", 1000 * i);
      say(s, "SREM t0 member:%d", 100 * i);
      say(s, "ZINCRBY z0 5 member:%d", 100 * i);
      say(s, "HSET h0 field:%d x", i);
      say(s, "HPEXPIRE h0 500 FIELDS 2 field:%d field:%d", i, i + 40);
    }
    if (what == 1) say(s, "DEL l0 t0 z0 h0");
    if (what == 2) say(s, "FLUSHALL");
    if (what == 3) say(s, "RENAME h0 t0");
    if (what == 4) say(s, "COPY l0 l1");
    if (what == 5) say(s, "SUNIONSTORE t5 t0 z9");
    for (int i = 0; i < 300; i++) say(s, "SET s1 %d", i);
    REQUIRE(kevy_rollback(s) == KEVY_OK);
    drain_all(s);
    CHECK(kevy_used_memory(s) == used);
    CHECK(fingerprint(s) == print);
    check_store(s);
    drain_all(s);
  }
  kevy_close(s);
}

/* Deadlines that come inside; expired keys come back, to expire again. */
static void test_deadlines(void) {
  kevy_store *s = open_store(0);
  uint64_t count;
  kevy_value v;
  say(s, "SET s1 x PX 100");
  say(s, "SET s2 y PX 200000");
  REQUIRE(kevy_begin(s) == KEVY_OK);
  say(s, "SET s1 z");
  say(s, "PERSIST s2");
  say(s, "SET s3 w PX 50");
  kevy_debug_clock(s, present += 1000);
  CHECK(kevy_get(s, "s3", 2, &v) == KEVY_MISSING);
  REQUIRE(kevy_rollback(s) == KEVY_OK);
  check_store(s);
  CHECK(kevy_get(s, "s2", 2, &v) == KEVY_OK);
  int64_t ttl;
  CHECK(kevy_ttl(s, "s2", 2, &ttl) == KEVY_OK && ttl == 199000);
  while (kevy_tick(s, 0, NULL) != KEVY_OK) continue;
  kevy_len(s, &count);
  CHECK(count == 1);
  kevy_close(s);
}

/* Every allocation fails in turn: the step fails and changed nothing, and a rollback needs none. */
static void test_no_memory(void) {
  for (int n = 1; n < 60; n++) {
    kevy_store *s = open_store(0);
    say(s, "HSET h0 a 1 b 2");
    say(s, "SET s1 before");
    for (int i = 0; i < 200; i++) say(s, "ZADD z0 %d m%d", i, i);
    drain_all(s);
    uint64_t print = fingerprint(s), used = kevy_used_memory(s);
    fail_malloc_in = n % 5 == 0 ? (unsigned long)n / 5 : 0;
    kevy_status status = kevy_begin(s);
    fail_malloc_in = 0;
    if (status == KEVY_OK) {
      uint64_t inside = fingerprint(s);
      kevy_debug_fail_alloc(s, (uint64_t)n);
      for (int i = 0; i < 30; i++) {
        const char *bytes;
        size_t len;
        char line[64];
        snprintf(line, sizeof line, i % 3 == 0 ? "ZADD z0 1 m%d" : i % 3 == 1 ? "SET s%d x" : "HSET h0 f%d 1", i + 190);
        bool failed = run(s, line, &bytes, &len) == KEVY_OK && len > 3 && memcmp(bytes, "-OOM", 4) == 0;
        if (!failed) inside = 0;
        else if (inside != 0) CHECK(fingerprint(s) == inside);
      }
      kevy_debug_fail_alloc(s, 1);
      CHECK(kevy_rollback(s) == KEVY_OK);
      kevy_debug_fail_alloc(s, 0);
    } else {
      CHECK(status == KEVY_EOOM);
    }
    drain_all(s);
    CHECK(fingerprint(s) == print);
    drain_all(s);
    CHECK(kevy_used_memory(s) == used);
    kevy_close(s);
  }
}

/* ---- light ones ---- */

enum { LIGHT_KEYS = 8 };

/* Names of 8 to 16 bytes, so that short values take the straight way. */
static kevy_status set_light(kevy_store *s, int k, size_t len) {
  char name[24], bytes[3000];
  memset(bytes, 'a' + roll(26), len);
  kevy_value v = kevy_bytes(bytes, len);
  int klen = snprintf(name, sizeof name, "light:%05d", k);
  return kevy_set(s, name, (size_t)klen, &v, KEVY_NO_TTL, 0, NULL);
}

static void step_light(kevy_store *s) {
  static const size_t lengths[] = {8, 8, 8, 20, 32, 100, 2500};
  int k = roll(LIGHT_KEYS);
  switch (roll(12)) {
    case 0: say(s, "INCR light:1000%d", k % 3); break;
    case 1: say(s, "APPEND light:2000%d xyz", k % 3); break;
    case 2: say(s, "GET light:%05d", k); break;
    case 3: say(s, "SET light:%05d other%d GET", k, k); break;
    default: set_light(s, k + (roll(4) == 0 ? 20 : 0), lengths[roll(7)]);
  }
}

/* What makes it open its moment. */
static void step_heavy(kevy_store *s, kevy_store **held) {
  int k = roll(LIGHT_KEYS);
  switch (roll(10)) {
    case 0: say(s, "PEXPIRE light:%05d 5000", k); break;
    case 1: say(s, "DEL light:%05d", k); break;
    case 2: say(s, "HSET light:hash f%d v", k); break;
    case 3: say(s, "SET light:%05d x PX 9000", k); break;
    case 4: say(s, "SADD light:%05d x", k + 20); break;
    case 5: say(s, "RENAME light:%05d light:%05d", k, k + 20); break;
    case 6: if (*held == NULL) (void)kevy_snapshot(s, held); break; /* out of memory: none */
    case 7: say(s, "MSET light:%05d a light:%05d b", k, k + 1); break;
    case 8: say(s, "FLUSHALL"); break;
    default:
      if (kevy_begin(s) != KEVY_OK) break;
      step_light(s);
      CHECK((roll(2) ? kevy_commit(s) : kevy_rollback(s)) == KEVY_OK);
  }
}

static uint64_t print_light(kevy_store *s) {
  uint64_t h = fingerprint_key(s, 1, 'x', 0);
  kevy_iter *all;
  kevy_value key;
  uint64_t sum = 0;
  REQUIRE(kevy_iter_open(s, NULL, 0, KEVY_TYPE_NONE, &all) == KEVY_OK);
  while (kevy_iter_next(all, &key, NULL) == KEVY_OK) {
    char name[24];
    const char *bytes;
    size_t len;
    int64_t ttl = 0;
    kevy_value argv[2] = {kevy_bytes("DUMP", 4), key};
    memcpy(name, key.as.ptr, key.len);
    argv[1].as.ptr = name;
    CHECK(kevy_call_resp(s, 2, argv, scratch_reply, &bytes, &len) == KEVY_OK);
    uint64_t one = mixed(mixed(h, name, key.len), bytes, len);
    (void)kevy_ttl(s, name, key.len, &ttl);
    sum += mixed(one, &ttl, sizeof ttl);
  }
  kevy_iter_close(all);
  return sum;
}

/* Few writes a transaction, so that most end without a moment; whatever it turns into, and wherever an allocation fails, a
 * rollback leaves what was there, and a snapshot from inside sees what was written. */
static void test_light(size_t rounds) {
  kevy_store *s = open_store(0), *held = NULL;
  for (int k = 0; k < LIGHT_KEYS; k++) set_light(s, k, 8);
  for (size_t i = 0; i < rounds; i++) {
    bool fails = roll(4) == 0, commit = roll(3) == 0;
    drain_all(s);
    uint64_t print = print_light(s), inside = print;
    drain_all(s);
    uint64_t used = kevy_used_memory(s);
    REQUIRE(kevy_begin(s) == KEVY_OK);
    CHECK(s->sp->light != NULL);
    if (fails) {
      kevy_debug_fail_alloc(s, 1 + (uint64_t)roll(12));
      fail_malloc_in = (unsigned long)roll(3);
    }
    for (int n = roll(7); n > 0; n--) {
      step_light(s);
      if (roll(12) == 0) step_heavy(s, &held);
    }
    kevy_debug_fail_alloc(s, 0);
    fail_malloc_in = 0;
    if (commit) inside = print_light(s);
    if (held != NULL && roll(2) == 0) CHECK(print_light(held) != 0 || held->keys->count == 0);
    REQUIRE((commit ? kevy_commit(s) : kevy_rollback(s)) == KEVY_OK);
    kevy_close(held);
    held = NULL;
    check_store(s);
    CHECK(print_light(s) == inside);
    drain_all(s);
    if (!commit && !CHECK(kevy_used_memory(s) == used))
      fprintf(stderr, "round %zu: used %llu, was %llu\n", i, (unsigned long long)kevy_used_memory(s), (unsigned long long)used);
    CHECK(s->sp->light == NULL && s->sp->newest == 0 && s->sp->transactions == 0 && s->sp->live == 0);
  }
  kevy_close(s);
}

/* A value that was read inside is good as an argument of what opens the moment. */
static void test_borrowed(void) {
  kevy_store *s = open_store(0);
  kevy_value v;
  set_light(s, 1, 8);
  REQUIRE(kevy_begin(s) == KEVY_OK);
  say(s, "SET light:00001 newbytes");
  REQUIRE(kevy_get(s, "light:00001", 11, &v) == KEVY_OK);
  CHECK(kevy_set(s, "light:00002", 11, &v, 1000, 0, NULL) == KEVY_OK);
  CHECK(s->sp->light == NULL);
  CHECK(kevy_get(s, "light:00002", 11, &v) == KEVY_OK && v.len == 8 && memcmp(v.as.ptr, "newbytes", 8) == 0);
  REQUIRE(kevy_rollback(s) == KEVY_OK);
  CHECK(kevy_get(s, "light:00002", 11, &v) == KEVY_MISSING);
  kevy_close(s);
}

/* ---- threads ---- */

enum { WRITERS = 3, ROUNDS = 200 };

static _Atomic uint64_t broken; /* what does not hold in a thread: CHECK counts in one */

static void must_hold(bool condition) {
  if (!condition) broken++;
}

/* Moves amounts between two keys: their sum never changes where it can be seen. */
static void *move_amounts(void *context) {
  kevy_store *s = context;
  for (int i = 0; i < ROUNDS; i++) {
    int64_t n;
    must_hold(kevy_begin(s) == KEVY_OK);
    must_hold(kevy_incr(s, "left", 4, -3, 0, &n) == KEVY_OK);
    must_hold(kevy_incr(s, "right", 5, 3, 0, &n) == KEVY_OK);
    must_hold((i % 3 == 0 ? kevy_rollback(s) : kevy_commit(s)) == KEVY_OK);
  }
  return NULL;
}

static int64_t amount(kevy_store *s, const char *key) {
  kevy_value v;
  kevy_lock(s);
  int64_t n = kevy_get(s, key, strlen(key), &v) == KEVY_OK ? v.as.i : 0;
  kevy_unlock(s);
  return n;
}

/* Sees one moment, whatever is open elsewhere. */
static void *look_on(void *context) {
  kevy_store *s = context;
  for (int i = 0; i < ROUNDS; i++) {
    kevy_store *frozen;
    must_hold(kevy_snapshot(s, &frozen) == KEVY_OK);
    must_hold(amount(frozen, "left") + amount(frozen, "right") == 0);
    kevy_close(frozen);
  }
  return NULL;
}

static void test_threads(void) {
  kevy_store *s = open_store(KEVY_THREADS | KEVY_BACKGROUND);
  pthread_t threads[WRITERS + 1];
  kevy_debug_clock(s, KEVY_NO_TTL);
  for (int i = 0; i < WRITERS; i++) must_hold(pthread_create(&threads[i], NULL, move_amounts, s) == 0);
  must_hold(pthread_create(&threads[WRITERS], NULL, look_on, s) == 0);
  for (int i = 0; i <= WRITERS; i++) pthread_join(threads[i], NULL);
  CHECK(broken == 0);
  CHECK(amount(s, "left") == -3 * WRITERS * (ROUNDS - (ROUNDS + 2) / 3));
  CHECK(amount(s, "left") + amount(s, "right") == 0);
  kevy_close(s);
}

static void *try_it(void *context) {
  kevy_store *s = context, *frozen;
  CHECK(kevy_try_lock(s) == KEVY_UNMET);
  CHECK(kevy_transaction_depth(s) == 0);
  REQUIRE(kevy_snapshot(s, &frozen) == KEVY_OK);
  kevy_value v;
  CHECK(kevy_get(frozen, "k", 1, &v) == KEVY_MISSING);
  kevy_close(frozen);
  return NULL;
}

static void test_beside(void) {
  kevy_store *s = open_store(KEVY_THREADS);
  kevy_value v = kevy_int(1);
  pthread_t thread;
  REQUIRE(kevy_begin(s) == KEVY_OK && kevy_set(s, "k", 1, &v, KEVY_NO_TTL, 0, NULL) == KEVY_OK);
  must_hold(pthread_create(&thread, NULL, try_it, s) == 0);
  pthread_join(thread, NULL);
  CHECK(kevy_try_lock(s) == KEVY_OK);
  kevy_unlock(s);
  CHECK(kevy_rollback(s) == KEVY_OK);
  CHECK(kevy_begin(s) == KEVY_OK);
  kevy_close(s);
}

static void *fork_beside(void *context) {
  kevy_store *s = context;
  pid_t child = fork();
  if (child == 0) {
    kevy_value v;
    bool fine = kevy_get(s, "k", 1, &v) == KEVY_MISSING && kevy_begin(s) == KEVY_OK && kevy_commit(s) == KEVY_OK;
    _exit(fine ? 0 : 1);
  }
  int status = -1;
  waitpid(child, &status, 0);
  CHECK(status == 0);
  return NULL;
}

/* In the child of another thread nobody can end it: it is undone. */
static void test_fork(void) {
  kevy_store *s = open_store(KEVY_THREADS);
  kevy_value v = kevy_int(1);
  pthread_t thread;
  REQUIRE(kevy_begin(s) == KEVY_OK && kevy_set(s, "k", 1, &v, KEVY_NO_TTL, 0, NULL) == KEVY_OK);
  must_hold(pthread_create(&thread, NULL, fork_beside, s) == 0);
  pthread_join(thread, NULL);
  pid_t child = fork();
  if (child == 0) _exit(kevy_commit(s) == KEVY_OK && kevy_get(s, "k", 1, &v) == KEVY_OK ? 0 : 1);
  int status = -1;
  waitpid(child, &status, 0);
  CHECK(status == 0);
  CHECK(kevy_rollback(s) == KEVY_OK && kevy_get(s, "k", 1, &v) == KEVY_MISSING);
  kevy_close(s);
}

/* ---- versions ---- */

static void test_versions(void) {
  kevy_store *s = open_store(0);
  kevy_version_handle *a, *b, *none;
  kevy_value v;
  for (int i = 0; i < 500; i++) say(s, "HSET h1 f%d %d", i, i);
  say(s, "SET s1 1");
  REQUIRE(kevy_version_of(s, "s1", 2, &a) == KEVY_OK && kevy_version_of(s, "h1", 2, &b) == KEVY_OK);
  REQUIRE(kevy_version_of(s, "none", 4, &none) == KEVY_OK);
  say(s, "SET s2 1");
  CHECK(kevy_get(s, "s1", 2, &v) == KEVY_OK);
  CHECK(kevy_version_check(s, a) == KEVY_OK && kevy_version_check(s, b) == KEVY_OK);
  CHECK(kevy_version_check(s, none) == KEVY_OK);
  REQUIRE(kevy_begin(s) == KEVY_OK);
  say(s, "INCR s1");
  CHECK(kevy_version_check(s, a) == KEVY_UNMET);
  REQUIRE(kevy_rollback(s) == KEVY_OK);
  CHECK(kevy_version_check(s, a) == KEVY_OK);
  say(s, "SET s1 1");
  say(s, "HSET h1 f7 8");
  say(s, "SET none 1");
  CHECK(kevy_version_check(s, a) == KEVY_UNMET && kevy_version_check(s, b) == KEVY_UNMET);
  CHECK(kevy_version_check(s, none) == KEVY_UNMET);
  kevy_version_close(b);
  REQUIRE(kevy_version_of(s, "s1", 2, &b) == KEVY_OK);
  CHECK(kevy_version_compare(a, b) == KEVY_UNMET && kevy_version_compare(b, b) == KEVY_OK);
  kevy_close(s);
  kevy_version_close(a);
  kevy_version_close(b);
  kevy_version_close(none);
}

/* A key that comes and goes again was written, among many others, through splits, merges and later moments; nearly no other
 * key was. */
static void test_missing_versions(void) {
  enum { MANY = 3000, WATCHED = 300 };
  kevy_store *s = open_store(0), *frozen;
  kevy_version_handle *came[WATCHED], *never[WATCHED], *later;
  char name[16];
  for (int i = 0; i < WATCHED; i++) {
    REQUIRE(kevy_version_of(s, name, (size_t)snprintf(name, sizeof name, "came%d", i), &came[i]) == KEVY_OK);
    REQUIRE(kevy_version_of(s, name, (size_t)snprintf(name, sizeof name, "never%d", i), &never[i]) == KEVY_OK);
  }
  for (int i = 0; i < WATCHED; i += 2) say(s, "SET came%d x", i);
  for (int i = 0; i < MANY; i++) say(s, "SET other%d x", i);
  for (int i = 1; i < WATCHED; i += 2) say(s, "SADD came%d x", i);
  for (int i = 0; i < WATCHED; i += 2) say(s, "DEL came%d", i);
  REQUIRE(kevy_snapshot(s, &frozen) == KEVY_OK);
  for (int i = 1; i < WATCHED; i += 2) say(s, "RENAME came%d moved", i);
  for (int i = 0; i < MANY; i++) say(s, "SET other%d y", i);
  for (int i = 0; i < WATCHED; i++) CHECK(kevy_version_check(s, came[i]) == KEVY_UNMET);
  int taken = 0;
  for (int i = 0; i < WATCHED; i++) taken += kevy_version_check(s, never[i]) != KEVY_OK;
  CHECK(taken < WATCHED / 2);
  REQUIRE(kevy_version_of(s, "came7", 5, &later) == KEVY_OK);
  CHECK(kevy_version_compare(came[7], later) == KEVY_UNMET && kevy_version_check(s, later) == KEVY_OK);
  for (int i = 0; i < MANY; i++) say(s, "DEL other%d", i);
  for (int i = 0; i < WATCHED; i++) CHECK(kevy_version_check(s, came[i]) == KEVY_UNMET);
  say(s, "SET came7 x PX 10");
  kevy_debug_clock(s, present += 20);
  CHECK(kevy_version_check(s, later) == KEVY_UNMET);
  say(s, "FLUSHALL");
  for (int i = 0; i < WATCHED; i++) CHECK(kevy_version_check(s, came[i]) == KEVY_UNMET);
  for (int i = 0; i < WATCHED; i++) {
    kevy_version_close(came[i]);
    kevy_version_close(never[i]);
  }
  kevy_version_close(later);
  kevy_close(frozen);
  kevy_close(s);
}

int main(void) {
  check_begin("transaction");
  scratch_reply = kevy_reply_new();
  test_errors();
  test_versions();
  test_missing_versions();
  test_deadlines();
  test_large();
  test_random(scaled(20000, 2000), true);
  for (int i = 0; i < 4; i++) test_random(scaled(10000, 1000), false);
  test_no_memory();
  test_light(scaled(6000, 600));
  test_borrowed();
  test_threads();
  test_beside();
  test_fork();
  kevy_reply_free(scratch_reply);
  return check_end();
}
