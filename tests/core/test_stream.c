/* Streams against a model: entries and pending entries through every change, with snapshots that are read back later; every
 * allocation failing; memory back to the byte. */
#include <stdarg.h>

#include "check.h"
#include "internals.h"
#include "stream_group.h"

/* ---- the model: what XRANGE and XPENDING would say ---- */

enum { MODEL_MOST = 4000, MODEL_NAMES = 5 };

typedef struct mentry {
  kevy_stream_id id;
  uint32_t seed; /* which its fields and values are made from */
} mentry;

typedef struct mpending {
  kevy_stream_id id;
  int owner;
} mpending;

typedef struct model {
  mentry entries[MODEL_MOST];
  size_t n;
  mpending pending[MODEL_MOST];
  size_t waiting;
  kevy_stream_id last, given;
  bool group;
} model;

static const char *const owners[MODEL_NAMES] = {"alpha", "b", "carol", "", "delta-with-a-longer-name"};

/* The pairs of an entry: mostly the same two fields, sometimes others, sometimes long, of all kinds. */
static size_t pairs_make(uint32_t seed, kevy_value *fields, kevy_value *values, char *room) {
  size_t k = seed % 7 == 0 ? 1 + seed % 5 : 2;
  for (size_t i = 0; i < k; i++) {
    int len = seed % 7 == 0 ? sprintf(room, "field %u.%zu", seed % 13, i) : sprintf(room, "f%zu", i);
    fields[i] = seed % 11 == 0 ? kevy_int((int64_t)seed - 40) : i == 0 ? kevy_text(room, (size_t)len) : kevy_bytes(room, (size_t)len);
    room += len;
    switch ((seed + i) % 5) {
      case 0: values[i] = kevy_int((int64_t)(seed % 9 == 0 ? (int64_t)seed << 30 : seed % 300) * (seed % 2 ? 1 : -1)); break;
      case 1: values[i] = kevy_float((double)seed / 3); break;
      default: {
        size_t n = seed % 97 == 0 ? 5000 : seed % 31 == 0 ? 200 : seed % 12;
        memset(room, 'a' + (int)(seed % 26), n);
        values[i] = (seed + i) % 5 == 2 ? kevy_text(room, n) : kevy_bytes(room, n);
        room += n;
      }
    }
  }
  return k;
}

static bool same_value(const kevy_value *a, const kevy_value *b) {
  if (a->kind != b->kind) return false;
  if (a->kind > KEVY_TEXT) return a->as.i == b->as.i;
  return a->len == b->len && (a->len == 0 || memcmp(a->as.ptr, b->as.ptr, a->len) == 0);
}

static bool entry_matches(stream_entry *e, const mentry *want) {
  char room[32768];
  kevy_value fields[8], values[8], f, v;
  size_t k = pairs_make(want->seed, fields, values, room), i = 0;
  if (stream_id_compare(&e->id, &want->id) != 0) return false;
  for (; stream_entry_next(e, &f, &v); i++)
    if (i == k || !same_value(&f, &fields[i]) || !same_value(&v, &values[i])) return false;
  return i == k;
}

static const kevy_stream_id lowest = {0, 0}, highest = {UINT64_MAX, UINT64_MAX};

/* Both directions over all, and the group. */
static bool matches(kevy_store *s, const model *m) {
  const stream *st;
  if (stream_find(s, "k", 1, &st) != KEVY_OK) return m->n == 0 && !m->group;
  if (!CHECK(stream_check(s->base, st)) || st->length != m->n) return false;
  stream_range r;
  stream_entry e;
  stream_range_open(s->base, st, &r, lowest, highest, false);
  for (size_t i = 0; i < m->n; i++)
    if (!stream_range_next(&r, &e) || !entry_matches(&e, &m->entries[i])) return false;
  if (stream_range_next(&r, &e)) return false;
  stream_range_open(s->base, st, &r, lowest, highest, true);
  for (size_t i = m->n; i-- != 0;)
    if (!stream_range_next(&r, &e) || !entry_matches(&e, &m->entries[i])) return false;
  if (stream_range_next(&r, &e)) return false;
  const stream_group *g = stream_group_find(s->base, st, "g", 1);
  if ((g != NULL) != m->group) return false;
  if (g == NULL) return true;
  if (g->pending.count != m->waiting || stream_id_compare(&g->last, &m->given) != 0) return false;
  records_at at;
  size_t i = 0;
  for (const stream_pending *p = stream_pending_seek(s->base, g, lowest, &at); p != NULL; p = stream_pending_next(s->base, &at), i++) {
    const stream_name *n = stream_name_at(s->base, p->consumer);
    const char *owner = owners[m->pending[i].owner];
    if (stream_id_compare(&p->id, &m->pending[i].id) != 0 || n->len != strlen(owner) || memcmp(n->bytes, owner, n->len) != 0)
      return false;
  }
  return i == m->waiting;
}

/* ---- commands ---- */

static kevy_reply *reply;

/* Runs a command of words; the status. */
static kevy_status run(kevy_store *s, const char *format, ...) {
  char line[512];
  va_list args;
  va_start(args, format);
  vsnprintf(line, sizeof line, format, args);
  va_end(args);
  kevy_value argv[32];
  size_t argc = 0;
  for (char *at = line;;) {
    size_t len = strcspn(at, " ");
    argv[argc++] = kevy_bytes(strcmp(at, "''") == 0 || strncmp(at, "'' ", 3) == 0 ? "" : at, strncmp(at, "''", 2) == 0 ? 0 : len);
    if (at[len] == '\0') break;
    at += len + 1;
  }
  return kevy_call_typed(s, argc, argv, reply);
}

static const char *owner_word(int owner) { return owners[owner][0] != '\0' ? owners[owner] : "''"; }

static kevy_status do_add(kevy_store *s, model *m) {
  char room[32768];
  kevy_value fields[8], values[8];
  uint32_t seed = (uint32_t)below(100000);
  kevy_stream_id id = {m->last.ms + (one_in(3) ? below(1000) : 0), UINT64_MAX};
  if (id.ms == 0) id.ms = 1;
  size_t k = pairs_make(seed, fields, values, room);
  kevy_status status = kevy_xadd(s, "k", 1, &id, k, fields, values, 0);
  if (status != KEVY_OK) return status;
  CHECK(stream_id_compare(&id, &m->last) > 0);
  m->entries[m->n++] = (mentry){id, seed};
  m->last = id;
  return KEVY_OK;
}

static kevy_stream_id some_id(const model *m) {
  if (m->n == 0 || one_in(10)) return (kevy_stream_id){below(50), below(3)};
  return m->entries[below(m->n)].id;
}

static kevy_status do_delete(kevy_store *s, model *m) {
  kevy_stream_id ids[3];
  uint64_t removed, expect = 0;
  for (int i = 0; i < 3; i++) ids[i] = some_id(m);
  kevy_status status = stream_delete(s, "k", 1, 3, ids, &removed);
  if (status != KEVY_OK) return status;
  for (int i = 0; i < 3; i++)
    for (size_t at = 0; at < m->n; at++)
      if (stream_id_compare(&m->entries[at].id, &ids[i]) == 0) {
        memmove(&m->entries[at], &m->entries[at + 1], (m->n - at - 1) * sizeof m->entries[0]);
        m->n--;
        expect++;
        break;
      }
  CHECK(removed == expect);
  return KEVY_OK;
}

static kevy_status do_trim(kevy_store *s, model *m) {
  stream_trim t = {.what = one_in(2) ? STREAM_MAXLEN : STREAM_MINID, .about = one_in(4)};
  uint64_t removed;
  t.maxlen = m->n - (m->n != 0 ? below(m->n < 60 ? m->n : 60) : 0);
  t.minid = m->n != 0 ? m->entries[below(m->n < 60 ? m->n : 60)].id : lowest;
  kevy_status status = stream_cut(s, "k", 1, &t, &removed);
  if (status != KEVY_OK) return status;
  size_t most = 0;
  if (t.what == STREAM_MAXLEN) most = m->n > t.maxlen ? m->n - t.maxlen : 0;
  else
    while (most < m->n && stream_id_compare(&m->entries[most].id, &t.minid) < 0) most++;
  CHECK(t.about ? removed <= most : removed == most);
  memmove(m->entries, m->entries + removed, (m->n - removed) * sizeof m->entries[0]);
  m->n -= removed;
  return KEVY_OK;
}

static void model_assign(model *m, kevy_stream_id id, int owner) {
  size_t at = 0;
  while (at < m->waiting && stream_id_compare(&m->pending[at].id, &id) < 0) at++;
  if (at == m->waiting || stream_id_compare(&m->pending[at].id, &id) != 0) {
    memmove(&m->pending[at + 1], &m->pending[at], (m->waiting - at) * sizeof m->pending[0]);
    m->waiting++;
  }
  m->pending[at] = (mpending){id, owner};
}

static void model_forget(model *m, size_t at) {
  memmove(&m->pending[at], &m->pending[at + 1], (m->waiting - at - 1) * sizeof m->pending[0]);
  m->waiting--;
}

static kevy_status do_read(kevy_store *s, model *m) {
  int owner = (int)below(MODEL_NAMES);
  size_t count = 1 + below(40);
  if (m->waiting + count >= MODEL_MOST) return KEVY_OK;
  kevy_status status = run(s, "XREADGROUP GROUP g %s COUNT %zu STREAMS k >", owner_word(owner), count);
  if (status != KEVY_OK) return status;
  for (size_t i = 0; i < m->n && count != 0; i++) {
    if (stream_id_compare(&m->entries[i].id, &m->given) <= 0) continue;
    model_assign(m, m->entries[i].id, owner);
    m->given = m->entries[i].id;
    count--;
  }
  return KEVY_OK;
}

static kevy_status do_ack(kevy_store *s, model *m) {
  if (m->waiting == 0) return KEVY_OK;
  size_t at = one_in(2) ? 0 : below(m->waiting);
  kevy_stream_id id = m->pending[at].id;
  kevy_status status = run(s, "XACK k g %llu-%llu", (unsigned long long)id.ms, (unsigned long long)id.seq);
  if (status == KEVY_OK) model_forget(m, at);
  return status;
}

static bool model_has(const model *m, const kevy_stream_id *id) {
  for (size_t i = 0; i < m->n; i++)
    if (stream_id_compare(&m->entries[i].id, id) == 0) return true;
  return false;
}

static kevy_status do_claim(kevy_store *s, model *m) {
  if (m->waiting == 0) return KEVY_OK;
  int owner = (int)below(MODEL_NAMES);
  size_t at = below(m->waiting), count = 1 + below(30);
  kevy_stream_id from = m->pending[at].id;
  kevy_status status = run(s, "XAUTOCLAIM k g %s 0 %llu-%llu COUNT %zu", owner_word(owner), (unsigned long long)from.ms,
                           (unsigned long long)from.seq, count);
  if (status != KEVY_OK) return status;
  for (; count != 0 && at < m->waiting; count--) {
    if (model_has(m, &m->pending[at].id)) m->pending[at++].owner = owner;
    else model_forget(m, at);
  }
  return KEVY_OK;
}

static kevy_status do_group(kevy_store *s, model *m) {
  if (!m->group) {
    kevy_status status = run(s, "XGROUP CREATE k g 0 MKSTREAM");
    if (status != KEVY_OK) return status;
    m->group = true;
    m->given = lowest;
    m->waiting = 0;
    return KEVY_OK;
  }
  if (one_in(4)) {
    kevy_status status = run(s, "XGROUP DESTROY k g");
    if (status == KEVY_OK) {
      m->group = false;
      m->waiting = 0;
    }
    return status;
  }
  if (one_in(2)) {
    int owner = (int)below(MODEL_NAMES);
    kevy_status status = run(s, "XGROUP DELCONSUMER k g %s", owner_word(owner));
    for (size_t i = m->waiting; status == KEVY_OK && i-- != 0;)
      if (m->pending[i].owner == owner) model_forget(m, i);
    return status;
  }
  kevy_stream_id to = one_in(2) ? lowest : some_id(m);
  kevy_status status = run(s, "XGROUP SETID k g %llu-%llu", (unsigned long long)to.ms, (unsigned long long)to.seq);
  if (status == KEVY_OK) m->given = to;
  return status;
}

static kevy_status do_drop(kevy_store *s, model *m) {
  kevy_status status = kevy_delete(s, "k", 1);
  m->n = m->waiting = 0;
  m->last = m->given = lowest;
  m->group = false;
  return status;
}

/* One random operation. KEVY_EOOM only where an allocation failed. The same chance makes the same operation. */
static kevy_status step(kevy_store *s, model *m) {
  uint64_t what = below(1000);
  if (m->n + 1 >= MODEL_MOST) what = 998;
  if (what < 600) return do_add(s, m);
  if (what < 680) return do_delete(s, m);
  if (what < 690) return do_trim(s, m);
  if (what < 695 || !m->group) return do_group(s, m);
  if (what < 800) return do_read(s, m);
  if (what < 920) return do_ack(s, m);
  if (what < 990) return do_claim(s, m);
  if (what < 998) return do_trim(s, m);
  return one_in(4) || m->n + 1 >= MODEL_MOST ? do_drop(s, m) : do_add(s, m);
}

static void settle(kevy_store *s) {
  while (kevy_tick(s, 0, NULL) == KEVY_UNMET) continue;
}

/* ---- tests ---- */

enum { HELD = 4 };

static void test_model(size_t steps) {
  kevy_store *s, *held[HELD] = {NULL};
  model *m = calloc(1, sizeof *m), *then[HELD];
  REQUIRE(kevy_open(NULL, &s) == KEVY_OK && m != NULL);
  for (int i = 0; i < HELD; i++) REQUIRE((then[i] = malloc(sizeof *m)) != NULL);
  uint64_t empty = kevy_used_memory(s);
  for (size_t i = 0; i < steps; i++) {
    CHECK(step(s, m) >= KEVY_OK);
    int h = (int)below(HELD);
    if (one_in(150)) {
      if (held[h] != NULL) {
        CHECK(matches(held[h], then[h]));
        kevy_close(held[h]);
      }
      held[h] = NULL;
      if (one_in(2)) REQUIRE(kevy_snapshot(s, &held[h]) == KEVY_OK);
      *then[h] = *m;
    }
    if (one_in(200)) CHECK(matches(s, m));
    if (one_in(300)) kevy_tick(s, 10, NULL);
    if (one_in(400)) {
      CHECK(kevy_copy(s, "k", 1, "copy", 4, KEVY_REPLACE) >= KEVY_OK);
      CHECK(kevy_rename(s, "copy", 4, "k", 1, 0) >= KEVY_OK);
      CHECK(matches(s, m));
    }
  }
  CHECK(matches(s, m));
  (void)do_drop(s, m);
  settle(s);
  for (int h = 0; h < HELD; h++) {
    if (held[h] != NULL) CHECK(matches(held[h], then[h]));
    kevy_close(held[h]);
    free(then[h]);
  }
  settle(s);
  CHECK(kevy_used_memory(s) - empty < 16384);
  free(m);
  kevy_close(s);
}

/* Every allocation of every operation fails once, in turn; what failed changed nothing. */
static void test_failing(size_t steps, bool snapshots) {
  kevy_store *s, *held = NULL;
  model *m = calloc(1, sizeof *m), *before = calloc(1, sizeof *m);
  REQUIRE(kevy_open(NULL, &s) == KEVY_OK && m != NULL && before != NULL);
  for (size_t i = 0; i < steps; i++) {
    if (snapshots && one_in(10)) {
      kevy_close(held);
      REQUIRE(kevy_snapshot(s, &held) == KEVY_OK);
    }
    uint64_t seed = check.state;
    *before = *m;
    for (unsigned n = 1;; n++) {
      check.state = seed;
      kevy_debug_fail_alloc(s, n);
      kevy_status status = step(s, m);
      bool fired = s->sp->mem.fail_in == 0;
      kevy_debug_fail_alloc(s, 0);
      if (status != KEVY_EOOM) {
        CHECK(status >= KEVY_OK && (!fired || n > 0));
        break;
      }
      REQUIRE(n < 500);
      CHECK(fired && matches(s, before));
      *m = *before;
    }
    if (one_in(20)) CHECK(matches(s, m));
  }
  CHECK(matches(s, m));
  kevy_close(held);
  free(m);
  free(before);
  kevy_close(s);
}

/* Two small fields: bytes an entry takes, and what one addition copies at most. */
static void test_memory(size_t n) {
  kevy_store *s;
  REQUIRE(kevy_open(NULL, &s) == KEVY_OK);
  uint64_t before = kevy_used_memory(s), worst = 0;
  kevy_value fields[2] = {kevy_bytes("id", 2), kevy_bytes("name", 4)}, values[2];
  for (size_t i = 0; i < n; i++) {
    char a[16], b[16];
    values[0] = kevy_bytes(a, (size_t)snprintf(a, sizeof a, "%08zu", i));
    values[1] = kevy_bytes(b, (size_t)snprintf(b, sizeof b, "%08zu", i * 7 % 99999999));
    kevy_stream_id id = {1700000000000 + i / 3, i % 3};
    uint64_t copied = s->sp->work_bytes;
    REQUIRE(kevy_xadd(s, "k", 1, &id, 2, fields, values, 0) == KEVY_OK);
    if (s->sp->work_bytes - copied > worst) worst = s->sp->work_bytes - copied;
  }
  double each = (double)(kevy_used_memory(s) - before) / (double)n;
  if (getenv("KEVY_TEST_TALK") != NULL) fprintf(stderr, "%.1f bytes an entry, worst %llu copied\n", each, (unsigned long long)worst);
  CHECK(n < 10000 || each <= 30);
  CHECK(worst <= 65536);
  uint64_t usage;
  CHECK(kevy_memory_usage(s, "k", 1, &usage) == KEVY_OK && usage <= kevy_used_memory(s) - before + 64);
  CHECK(usage + 256 >= kevy_used_memory(s) - before);
  CHECK(kevy_delete(s, "k", 1) == KEVY_OK);
  settle(s);
  CHECK(kevy_used_memory(s) - before < 8192);
  kevy_close(s);
}

/* Millions of pending entries are found and acknowledged one by one; a destroyed group goes in slices. */
static void test_pending(size_t n) {
  kevy_store *s;
  REQUIRE(kevy_open(NULL, &s) == KEVY_OK);
  uint64_t before = kevy_used_memory(s);
  kevy_value f = kevy_bytes("f", 1), v = kevy_bytes("v", 1);
  for (size_t i = 0; i < n; i++) {
    kevy_stream_id id = {1 + i, 0};
    REQUIRE(kevy_xadd(s, "k", 1, &id, 1, &f, &v, 0) == KEVY_OK);
  }
  uint64_t entries = kevy_used_memory(s);
  CHECK(run(s, "XGROUP CREATE k g 0") == KEVY_OK);
  CHECK(run(s, "XREADGROUP GROUP g c COUNT %zu STREAMS k >", n / 2) == KEVY_OK);
  CHECK(run(s, "XREADGROUP GROUP g d STREAMS k >") == KEVY_OK);
  if (getenv("KEVY_TEST_TALK") != NULL)
    fprintf(stderr, "%.1f bytes a pending entry\n", (double)(kevy_used_memory(s) - entries) / (double)n);
  for (size_t i = 1; i <= n; i += 3) CHECK(run(s, "XACK k g %zu", i) == KEVY_OK);
  const stream *st;
  REQUIRE(stream_find(s, "k", 1, &st) == KEVY_OK);
  CHECK(stream_check(s->base, st));
  CHECK(run(s, "XGROUP DESTROY k g") == KEVY_OK);
  for (size_t i = 0; i < n / 100 + 100; i++) CHECK(run(s, "XSETID k %zu", n) == KEVY_OK);
  CHECK(kevy_used_memory(s) - entries < 8192);
  uint64_t usage;
  CHECK(kevy_memory_usage(s, "k", 1, &usage) == KEVY_OK && usage + 8192 >= entries - before && usage <= entries - before + 8192);
  kevy_close(s);
}

/* Readers that wait: "$" means the moment at which it was asked, and waiting for a group wakes nobody else. */
static void test_waiting(void) {
  kevy_store *s;
  kevy_wait *plain = NULL, *grouped = NULL;
  kevy_reply *one = kevy_reply_new(), *two = kevy_reply_new();
  REQUIRE(kevy_open(NULL, &s) == KEVY_OK && one != NULL && two != NULL);
  CHECK(run(s, "XGROUP CREATE k g 0 MKSTREAM") == KEVY_OK);
  kevy_value read[6] = {kevy_bytes("XREAD", 5), kevy_bytes("BLOCK", 5), kevy_bytes("0", 1),
                        kevy_bytes("STREAMS", 7), kevy_bytes("k", 1), kevy_bytes("$", 1)};
  kevy_value group[9] = {kevy_bytes("XREADGROUP", 10), kevy_bytes("GROUP", 5), kevy_bytes("g", 1), kevy_bytes("c", 1),
                         read[1], read[2], read[3], read[4], kevy_bytes(">", 1)};
  CHECK(kevy_wait_call(s, 6, read, 0, one, &plain) == KEVY_UNMET);
  CHECK(kevy_wait_call(s, 9, group, 0, two, &grouped) == KEVY_UNMET);
  REQUIRE(plain != NULL && grouped != NULL);
  CHECK(run(s, "XGROUP CREATECONSUMER k g d") == KEVY_OK);
  CHECK(kevy_wait_poll(plain, 0) == KEVY_UNMET && kevy_wait_poll(grouped, 0) == KEVY_UNMET);
  CHECK(run(s, "XADD k 5-5 f v") == KEVY_OK);
  CHECK(kevy_wait_poll(plain, 0) == KEVY_OK && kevy_wait_poll(grouped, 0) == KEVY_OK);
  kevy_item item;
  CHECK(kevy_wait_end(plain) == KEVY_OK && kevy_wait_end(grouped) == KEVY_OK);
  kevy_reply_next(one, &item);
  CHECK(item.type == KEVY_REPLY_ARRAY && item.count == 1);
  kevy_reply_next(two, &item);
  CHECK(item.type == KEVY_REPLY_ARRAY && item.count == 1);
  kevy_wait_close(plain);
  kevy_wait_close(grouped);
  CHECK(kevy_wait_call(s, 6, read, 0, one, &plain) == KEVY_UNMET);
  CHECK(run(s, "XADD k 5-6 f v") == KEVY_OK && kevy_wait_end(plain) == KEVY_OK);
  kevy_wait_close(plain);
  CHECK(kevy_call(s, 6, read, one) == KEVY_OK);
  kevy_reply_free(one);
  kevy_reply_free(two);
  kevy_close(s);
}

/* What takes away does not fail in a full store, whatever a snapshot sees. */
static void test_full(void) {
  static const char *const calls[] = {"XDEL k 1-5",          "XTRIM k MAXLEN 20",           "XACK k g 1-9",
                                      "XGROUP DELCONSUMER k g c", "XGROUP DESTROY k g"};
  for (size_t how = 0; how < sizeof calls / sizeof calls[0]; how++) {
    kevy_options options = KEVY_OPTIONS_INIT;
    options.maxmemory = 1 << 20;
    kevy_store *s, *then;
    REQUIRE(kevy_open(&options, &s) == KEVY_OK);
    for (int i = 1; i < 300; i++) REQUIRE(run(s, "XADD k 1-%d f %d", i, i) == KEVY_OK);
    CHECK(run(s, "XGROUP CREATE k g 0") == KEVY_OK);
    CHECK(run(s, "XREADGROUP GROUP g c COUNT 200 STREAMS k >") == KEVY_OK);
    int full = 0;
    while (run(s, "SET key:%d 0123456789012345678901234567890123456789", full) == KEVY_OK) full++;
    while (run(s, "SET %d ''", full) == KEVY_OK) full++;
    REQUIRE(kevy_snapshot(s, &then) == KEVY_OK);
    CHECK(run(s, "%s", calls[how]) == KEVY_OK);
    kevy_close(then);
    kevy_close(s);
  }
}

int main(void) {
  check_begin("stream");
  REQUIRE((reply = kevy_reply_new()) != NULL);
  test_waiting();
  test_full();
  test_model(scaled(60000, 500));
  test_failing(scaled(1500, 50), false);
  test_failing(scaled(1500, 50), true);
  test_memory(scaled(100000, 1000));
  test_pending(scaled(20000, 1000));
  kevy_reply_free(reply);
  return check_end();
}
