/* Hashes against arrays: random writes through growing, shrinking and expiring, with snapshots opened in the middle
 * and verified to their end; every allocation failing; memory that comes back. */
#include "internals.h"

#include "check.h"
#include "model.h"

#define HASHES 3
#define FIELDS 300

typedef struct hfield {
  mval *value; /* NULL where absent */
  int64_t deadline;
  uint32_t kind;
} hfield;

typedef struct hmodel {
  int64_t now;
  hfield at[HASHES][FIELDS];
} hmodel;

static const char *const hash_names[HASHES] = {"h", "another hash", "3"};

static kevy_store *open_store(void) {
  kevy_store *s;
  REQUIRE(kevy_open(NULL, &s) == KEVY_OK);
  CHECK(kevy_debug_clock(s, MODEL_EPOCH) == KEVY_OK);
  return s;
}

/* ---- the model ---- */

static uint32_t field_kind(int f) {
  static const uint32_t kinds[] = {KEVY_INT, KEVY_TEXT, KEVY_BYTES};
  return kinds[f % 3];
}

static void field_name(int f, kevy_value *v, char buf[128]) {
  v->kind = field_kind(f);
  v->reserved = 0;
  v->len = 0;
  if (v->kind == KEVY_INT) {
    v->as.i = f * 1000 - 40000;
    return;
  }
  v->len = (size_t)snprintf(buf, 128, f % 2 ? "f:%d" : "%d", f);
  if (f % 75 == 1) {
    memset(buf + v->len, 'x', 90 - v->len);
    v->len = 90;
  }
  v->as.ptr = buf;
}

static bool field_lives(const hmodel *m, const hfield *f) {
  return f->value != NULL && (f->deadline == KEVY_NO_TTL || f->deadline > m->now);
}

static unsigned hmodel_len(const hmodel *m, int h) {
  unsigned n = 0;
  for (int f = 0; f < FIELDS; f++) n += field_lives(m, &m->at[h][f]);
  return n;
}

static void hmodel_put(hmodel *m, int h, int f, const kevy_value *v, int64_t deadline) {
  hfield *at = &m->at[h][f];
  if (at->value == NULL) at->kind = field_kind(f);
  mval_release(at->value);
  at->value = mval_copy(v);
  at->deadline = deadline;
}

static void hmodel_remove(hmodel *m, int h, int f) {
  mval_release(m->at[h][f].value);
  m->at[h][f].value = NULL;
}

static void hmodel_copy_key(hmodel *m, int to, int from) {
  for (int f = 0; f < FIELDS; f++) {
    mval_release(m->at[to][f].value);
    m->at[to][f] = m->at[from][f];
    if (m->at[to][f].value != NULL) m->at[to][f].value->refs++;
  }
}

static void hmodel_clear_key(hmodel *m, int h) {
  for (int f = 0; f < FIELDS; f++) hmodel_remove(m, h, f);
}

static void hmodel_copy(hmodel *to, const hmodel *from) {
  *to = *from;
  for (int h = 0; h < HASHES; h++)
    for (int f = 0; f < FIELDS; f++)
      if (to->at[h][f].value != NULL) to->at[h][f].value->refs++;
}

static void hmodel_close(hmodel *m) {
  for (int h = 0; h < HASHES; h++) hmodel_clear_key(m, h);
}

/* ---- comparing ---- */

#define KEY(h) hash_names[h], strlen(hash_names[h])

static bool field_matches(const hmodel *m, kevy_store *s, int h, int f) {
  char buf[128];
  kevy_value name, v;
  int64_t ttl;
  const hfield *at = &m->at[h][f];
  field_name(f, &name, buf);
  kevy_status status = kevy_hget(s, KEY(h), &name, &v);
  if (!field_lives(m, at)) return status == KEVY_MISSING && kevy_hexists(s, KEY(h), &name) == KEVY_MISSING;
  if (status != KEVY_OK || !mval_alike(&v, &at->value->v)) return false;
  if (kevy_httl(s, KEY(h), &name, &ttl) != KEVY_OK) return false;
  return ttl == (at->deadline == KEVY_NO_TTL ? KEVY_NO_TTL : at->deadline - m->now);
}

typedef struct meeting {
  const hmodel *m;
  int h;
  bool seen[FIELDS];
  bool ok;
  unsigned met;
} meeting;

static void meet(void *context, const kevy_value *field, const kevy_value *value) {
  meeting *w = context;
  for (int f = 0; f < FIELDS; f++) {
    char buf[128];
    kevy_value name;
    field_name(f, &name, buf);
    if (!mval_alike(&name, field)) continue;
    w->ok &= !w->seen[f] && field_lives(w->m, &w->m->at[w->h][f]) && mval_alike(value, &w->m->at[w->h][f].value->v);
    w->seen[f] = true;
    w->met++;
    return;
  }
  w->ok = false;
}

static bool hash_matches(const hmodel *m, kevy_store *s, int h) {
  unsigned len = hmodel_len(m, h);
  uint64_t count;
  hash_view v;
  for (int f = 0; f < FIELDS; f++)
    if (!field_matches(m, s, h, f)) return false;
  if (kevy_hlen(s, KEY(h), &count) != (len != 0 ? KEVY_OK : KEVY_MISSING) || count != len) return false;
  if (kevy_exists(s, KEY(h)) != (len != 0 ? KEVY_OK : KEVY_MISSING) && s->frozen == NULL) return false;
  if (hash_open(s, KEY(h), &v) < 0 || v.count != len) return false;
  static meeting w;
  w = (meeting){.m = m, .h = h, .ok = true};
  hash_each(s, &v, meet, &w);
  if (!w.ok || w.met != len) return false;
  w = (meeting){.m = m, .h = h, .ok = true};
  uint64_t cursor = 0;
  do hash_scan(s, &v, &cursor, 10, meet, &w);
  while (cursor != 0);
  if (!w.ok || w.met != len) return false;
  w = (meeting){.m = m, .h = h, .ok = true};
  uint64_t k = below(len + 2);
  return hash_sample(s, &v, k, meet, &w) && w.ok && w.met == (k < len ? k : len);
}

static bool all_match(const hmodel *m, kevy_store *s) {
  for (int h = 0; h < HASHES; h++)
    if (!hash_matches(m, s, h)) return false;
  return true;
}

/* ---- random steps ---- */

static mval *some_field_value(void) {
  char buf[128];
  kevy_value v = {KEVY_BYTES, 0, 0, {.ptr = buf}};
  switch (below(10)) {
    case 0: v = kevy_float(1.5 * (double)below(100)); break;
    case 1: case 2: case 3: v = kevy_int((int64_t)below(3) ? (int64_t)below(1000) : (int64_t)chance()); break;
    case 4: v.len = (size_t)snprintf(buf, sizeof buf, "%llu", (unsigned long long)below(100000)); break;
    case 5:
      if (one_in(20)) return mval_new(NULL, 0, KEVY_TEXT);
      if (one_in(20)) {
        mval *m = mval_new(NULL, 100 + below(4000), KEVY_BYTES);
        memset(m->bytes, 'b', m->v.len);
        return m;
      }
      /* fallthrough */
    default:
      v.kind = one_in(2) ? KEVY_TEXT : KEVY_BYTES;
      v.len = below(30);
      memset(buf, 'a' + (int)below(26), v.len);
  }
  return mval_copy(&v);
}

#define STEP_FIELDS 40

typedef struct hop {
  int what, h, to, f[STEP_FIELDS];
  size_t k;
  char bufs[STEP_FIELDS][128];
  kevy_value names[STEP_FIELDS], values[STEP_FIELDS];
  mval *owned[STEP_FIELDS];
  int64_t ttl;
  uint32_t flags;
} hop;

enum { H_SET, H_SETNX, H_DEL, H_MGET, H_INCR, H_EXPIRE, H_PERSIST, H_REPLACE, H_COPY, H_RENAME, H_DELETE, H_SETEX };

static int some_what(int tide) {
  if (tide == 0) return below(3) ? H_SET : H_EXPIRE;
  if (tide == 1) return below(4) ? H_DEL : H_MGET;
  unsigned n = (unsigned)below(100);
  if (n < 30) return H_SET;
  if (n < 50) return H_DEL;
  if (n < 60) return H_EXPIRE;
  if (n < 65) return H_PERSIST;
  if (n < 72) return H_INCR;
  if (n < 80) return H_SETEX;
  if (n < 88) return H_MGET;
  if (n < 93) return H_SETNX;
  return n < 94 ? H_REPLACE : n < 96 ? H_COPY : n < 98 ? H_RENAME : H_DELETE;
}

static void hop_choose(hop *o, int tide) {
  o->what = some_what(tide);
  o->h = (int)below(HASHES);
  o->to = (int)below(HASHES);
  o->k = o->what == H_SETNX || o->what == H_INCR ? 1 : one_in(3) ? below(STEP_FIELDS) + 1 : 1 + below(3);
  if (o->what == H_REPLACE && one_in(3)) o->k = 0;
  uint64_t range = one_in(2) ? FIELDS : 60;
  for (size_t i = 0; i < o->k; i++) {
    o->f[i] = (int)below(range);
    field_name(o->f[i], &o->names[i], o->bufs[i]);
    o->owned[i] = some_field_value();
    o->values[i] = o->owned[i]->v;
  }
  o->ttl = 1 + (int64_t)below(one_in(3) ? 100000 : 3000);
  static const uint32_t conditions[] = {0, 0, 0, KEVY_NX, KEVY_XX, KEVY_GT, KEVY_LT};
  o->flags = o->what == H_EXPIRE ? conditions[below(7)] : o->what == H_SETEX && one_in(3) ? KEVY_KEEPTTL : 0;
}

static void hop_release(hop *o) {
  for (size_t i = 0; i < o->k; i++) mval_release(o->owned[i]);
}

static kevy_status hop_run(kevy_store *s, hmodel *m, hop *o, uint64_t *number, kevy_status *done) {
  int64_t sum;
  kevy_value out[STEP_FIELDS];
  kevy_status status;
  *number = 0;
  switch (o->what) {
    case H_SET: return kevy_hset(s, KEY(o->h), o->k, o->names, o->values, 0, number);
    case H_SETNX: return kevy_hset(s, KEY(o->h), 1, o->names, o->values, KEVY_NX, NULL);
    case H_REPLACE: return kevy_hset(s, KEY(o->h), o->k, o->names, o->values, KEVY_REPLACE, number);
    case H_DEL: return kevy_hdel(s, KEY(o->h), o->k, o->names, number);
    case H_INCR:
      status = kevy_hincr(s, KEY(o->h), o->names, o->ttl, 0, &sum);
      if (status == KEVY_OK) *number = (uint64_t)sum;
      return status;
    case H_EXPIRE:
      return hash_expire(s, KEY(o->h), o->k, o->names, m->now + o->ttl, o->flags, done);
    case H_PERSIST: return hash_expire(s, KEY(o->h), o->k, o->names, KEVY_NO_TTL, KEVY_PERSIST, done);
    case H_SETEX:
      return hash_set_until(s, KEY(o->h), o->k, o->names, o->values, o->flags ? KEVY_NO_TTL : m->now + o->ttl, o->flags);
    case H_MGET:
      status = kevy_hmget(s, KEY(o->h), o->k, o->names, out);
      for (size_t i = 0; status == KEVY_OK && i < o->k; i++) {
        const hfield *f = &m->at[o->h][o->f[i]];
        if (field_lives(m, f) ? !mval_alike(&out[i], &f->value->v) : out[i].kind != KEVY_NIL) *number = 1;
      }
      return status;
    case H_COPY: return kevy_copy(s, KEY(o->h), KEY(o->to), KEVY_REPLACE);
    case H_RENAME: return kevy_rename(s, KEY(o->h), KEY(o->to), 0);
    default: return kevy_delete(s, KEY(o->h));
  }
}

static kevy_status hexpect_set(hmodel *m, const hop *o, uint64_t *number) {
  if (o->what == H_REPLACE) hmodel_clear_key(m, o->h);
  if (o->what == H_SETNX && field_lives(m, &m->at[o->h][o->f[0]])) return KEVY_UNMET;
  for (size_t i = 0; i < o->k; i++) {
    hfield *f = &m->at[o->h][o->f[i]];
    bool lives = field_lives(m, f);
    int64_t deadline = KEVY_NO_TTL;
    if (o->what == H_SETEX) deadline = !o->flags ? m->now + o->ttl : lives ? f->deadline : KEVY_NO_TTL;
    if (o->what != H_SETEX && o->what != H_SETNX) *number += !lives;
    hmodel_put(m, o->h, o->f[i], &o->values[i], deadline);
  }
  return KEVY_OK;
}

static kevy_status hexpect_incr(hmodel *m, const hop *o, uint64_t *number) {
  hfield *f = &m->at[o->h][o->f[0]];
  int64_t before = 0, after;
  bool lives = field_lives(m, f);
  if (lives) {
    mval *form = mval_bytes(f->value);
    bool is_int = number_parse_int(form->bytes, form->v.len, &before);
    mval_release(form);
    if (!is_int) return KEVY_ENOTINT;
  }
  if (__builtin_add_overflow(before, o->ttl, &after)) return KEVY_EOVERFLOW;
  kevy_value v = kevy_int(after);
  hmodel_put(m, o->h, o->f[0], &v, lives ? f->deadline : KEVY_NO_TTL);
  *number = (uint64_t)after;
  return KEVY_OK;
}

static kevy_status hexpect_expire(hmodel *m, const hop *o, kevy_status *done) {
  if (hmodel_len(m, o->h) == 0) return KEVY_MISSING;
  for (size_t i = 0; i < o->k; i++) {
    hfield *f = &m->at[o->h][o->f[i]];
    int64_t after = m->now + o->ttl;
    if (!field_lives(m, f)) done[i] = KEVY_MISSING;
    else if (o->what == H_PERSIST) done[i] = f->deadline != KEVY_NO_TTL ? KEVY_OK : KEVY_UNMET;
    else done[i] = expire_allowed(f->deadline, after, o->flags) ? KEVY_OK : KEVY_UNMET;
    if (done[i] == KEVY_OK) f->deadline = o->what == H_PERSIST ? KEVY_NO_TTL : after;
  }
  return KEVY_OK;
}

static kevy_status hexpect_move(hmodel *m, const hop *o) {
  if (o->what == H_COPY && o->h == o->to) return KEVY_EARG;
  if (hmodel_len(m, o->h) == 0) return KEVY_MISSING;
  if (o->h == o->to) return KEVY_OK;
  hmodel_copy_key(m, o->to, o->h);
  if (o->what == H_RENAME) hmodel_clear_key(m, o->h);
  return KEVY_OK;
}

static kevy_status hop_expect(hmodel *m, hop *o, uint64_t *number, kevy_status *done) {
  bool exists = hmodel_len(m, o->h) != 0;
  *number = 0;
  switch (o->what) {
    case H_SET: case H_SETNX: case H_REPLACE: case H_SETEX: return hexpect_set(m, o, number);
    case H_INCR: return hexpect_incr(m, o, number);
    case H_EXPIRE: case H_PERSIST: return hexpect_expire(m, o, done);
    case H_COPY: case H_RENAME: return hexpect_move(m, o);
    case H_MGET: return KEVY_OK;
    case H_DEL:
      for (size_t i = 0; i < o->k; i++) {
        *number += field_lives(m, &m->at[o->h][o->f[i]]);
        hmodel_remove(m, o->h, o->f[i]);
      }
      return exists ? KEVY_OK : KEVY_MISSING;
    default:
      hmodel_clear_key(m, o->h);
      return exists ? KEVY_OK : KEVY_MISSING;
  }
}

/* A hash all of whose fields are due may still be taken for a key until it is woken: the model's statuses of
 * keys hold after the timers had their turn. */
static void come_to_rest(kevy_store *s) {
  while (kevy_tick(s, 1000, NULL) == KEVY_UNMET) continue;
}

static void hstep(kevy_store *s, hmodel *m, int tide) {
  hop o;
  uint64_t got_number, want_number;
  kevy_status got_done[STEP_FIELDS] = {0}, want_done[STEP_FIELDS] = {0};
  hop_choose(&o, tide);
  kevy_status got = hop_run(s, m, &o, &got_number, got_done), want = hop_expect(m, &o, &want_number, want_done);
  bool same = got == want && got_number == want_number;
  for (size_t i = 0; same && got == KEVY_OK && (o.what == H_EXPIRE || o.what == H_PERSIST) && i < o.k; i++)
    same = got_done[i] == want_done[i];
  if (!CHECK(same))
    fprintf(stderr, "op %d of %zu: status %d, not %d; number %llu, not %llu\n", o.what, o.k, got, want,
            (unsigned long long)got_number, (unsigned long long)want_number);
  hop_release(&o);
}

static void move_clock(kevy_store *s, hmodel *m) {
  m->now += 1 + (int64_t)below(one_in(10) ? 20000 : 500);
  CHECK(kevy_debug_clock(s, m->now) == KEVY_OK);
  if (one_in(2)) come_to_rest(s);
}

static void test_random(size_t steps, bool ticks) {
  kevy_store *s = open_store(), *snapshots[3] = {NULL};
  static hmodel m, past[3];
  memset(&m, 0, sizeof m);
  m.now = MODEL_EPOCH;
  uint64_t empty = kevy_used_memory(s);
  int tide = 2;
  for (size_t i = 0; i < steps; i++) {
    if (one_in(60)) tide = (int)below(3);
    hstep(s, &m, tide);
    if (one_in(12)) {
      move_clock(s, &m);
      if (ticks) come_to_rest(s);
    }
    unsigned n = (unsigned)below(3);
    if (one_in(40)) {
      if (snapshots[n] != NULL) {
        CHECK(all_match(&past[n], snapshots[n]));
        kevy_close(snapshots[n]);
        hmodel_close(&past[n]);
        snapshots[n] = NULL;
      } else {
        REQUIRE(kevy_snapshot(s, &snapshots[n]) == KEVY_OK);
        hmodel_copy(&past[n], &m);
      }
    }
    if (one_in(30)) CHECK(all_match(&m, s));
  }
  for (unsigned n = 0; n < 3; n++)
    if (snapshots[n] != NULL) {
      CHECK(all_match(&past[n], snapshots[n]));
      kevy_close(snapshots[n]);
      hmodel_close(&past[n]);
    }
  CHECK(all_match(&m, s));
  for (int h = 0; h < HASHES; h++) (void)kevy_delete(s, KEY(h));
  come_to_rest(s);
  CHECK(s->db->timers.count == 0 && s->db->timer_bytes == 0);
  CHECK(kevy_used_memory(s) - empty == figure(s, "wheel_bytes") && figure(s, "retained_bytes") == 0);
  if (kevy_used_memory(s) - empty != figure(s, "wheel_bytes"))
    fprintf(stderr, "%lld bytes stay\n", (long long)(kevy_used_memory(s) - empty - figure(s, "wheel_bytes")));
  hmodel_close(&m);
  kevy_close(s);
}

/* ---- memory that runs out ---- */

static void test_failing(size_t steps, bool snapshots) {
  kevy_store *s = open_store(), *snapshot = NULL;
  static hmodel m, past;
  memset(&m, 0, sizeof m);
  m.now = MODEL_EPOCH;
  unsigned failures = 0;
  for (size_t i = 0; i < steps; i++) {
    if (snapshots && i % 20 == 0) {
      if (snapshot != NULL) {
        CHECK(all_match(&past, snapshot));
        kevy_close(snapshot);
        hmodel_close(&past);
      }
      REQUIRE(kevy_snapshot(s, &snapshot) == KEVY_OK);
      hmodel_copy(&past, &m);
    }
    hop o;
    uint64_t number, want_number;
    kevy_status done[STEP_FIELDS] = {0}, want_done[STEP_FIELDS] = {0}, got;
    hop_choose(&o, (int)(i / 100) % 3);
    for (unsigned n = 1;; n++) {
      REQUIRE(n < 2000);
      come_to_rest(s);
      kevy_debug_fail_alloc(s, n);
      got = hop_run(s, &m, &o, &number, done);
      kevy_debug_fail_alloc(s, 0);
      if (got != KEVY_EOOM) break;
      failures++;
      if (n == 1 || one_in(10)) CHECK(all_match(&m, s));
    }
    CHECK(got == hop_expect(&m, &o, &want_number, want_done) && number == want_number);
    hop_release(&o);
    if (one_in(30)) move_clock(s, &m);
    if (one_in(30)) CHECK(all_match(&m, s));
  }
  CHECK(failures > steps / 10);
  if (snapshot != NULL) {
    CHECK(all_match(&past, snapshot));
    kevy_close(snapshot);
    hmodel_close(&past);
  }
  CHECK(all_match(&m, s));
  for (int h = 0; h < HASHES; h++) (void)kevy_delete(s, KEY(h));
  come_to_rest(s);
  CHECK(figure(s, "retained_bytes") == 0 &&
        kevy_used_memory(s) == figure(s, "wheel_bytes") + figure(s, "table_bytes"));
  hmodel_close(&m);
  kevy_close(s);
}

/* ---- bounds ---- */

static void test_shedding(void) {
  kevy_store *s = open_store();
  const int n = (int)scaled(20000, 2000);
  kevy_value one = kevy_int(1);
  for (int i = 0; i < n; i++) {
    kevy_value f = kevy_int(i);
    REQUIRE(kevy_hset(s, "big", 3, 1, &f, &one, 0, NULL) == KEVY_OK);
    if (i % 2) CHECK(kevy_hexpire(s, "big", 3, &f, 1000 + i % 100, 0) == KEVY_OK);
  }
  uint64_t before = kevy_used_memory(s), count, ticks = 0;
  CHECK(kevy_debug_clock(s, MODEL_EPOCH + 5000) == KEVY_OK);
  for (bool done = false; !done; ticks++) done = store_upkeep(s, 32, NULL);
  CHECK(ticks >= (uint64_t)n / 2 / 32);
  CHECK(kevy_used_memory(s) < before - (uint64_t)n / 2 * 24);
  CHECK(kevy_hlen(s, "big", 3, &count) == KEVY_OK && count == (uint64_t)n / 2);
  CHECK(s->db->timers.count == 0);
  /* All of a hash at once: it goes, and nobody saw it in between. */
  for (int i = 0; i < n; i += 2) {
    kevy_value f = kevy_int(i);
    CHECK(kevy_hexpire(s, "big", 3, &f, 1000, 0) == KEVY_OK);
  }
  CHECK(kevy_debug_clock(s, MODEL_EPOCH + 10000) == KEVY_OK);
  CHECK(kevy_hlen(s, "big", 3, &count) == KEVY_MISSING && count == 0);
  come_to_rest(s);
  CHECK(kevy_exists(s, "big", 3) == KEVY_MISSING && figure(s, "keys") == 0);
  kevy_close(s);
}

/* Time stands still in a snapshot: what was due when it was opened is not there. */
static void test_due_in_snapshot(void) {
  kevy_store *s = open_store(), *then;
  kevy_value f = kevy_int(1);
  CHECK(kevy_hset(s, "h", 1, 1, &f, &f, 0, NULL) == KEVY_OK);
  CHECK(kevy_hexpire(s, "h", 1, &f, 1000, 0) == KEVY_OK);
  CHECK(kevy_debug_clock(s, MODEL_EPOCH + 1000) == KEVY_OK);
  REQUIRE(kevy_snapshot(s, &then) == KEVY_OK);
  CHECK(kevy_exists(then, "h", 1) == KEVY_MISSING);
  kevy_close(then);
  kevy_close(s);
}

/* A key that was lent as a value of a field that is due by now. */
static void test_borrowed_key(void) {
  kevy_store *s = open_store();
  kevy_value name = kevy_bytes("some key of some length", 23), v;
  for (int i = 0; i < 300; i++) {
    kevy_value f = kevy_int(i);
    CHECK(kevy_hset(s, "h", 1, 1, &f, &name, 0, NULL) == KEVY_OK);
  }
  kevy_value f = kevy_int(7);
  CHECK(kevy_hexpire(s, "h", 1, &f, 1000, 0) == KEVY_OK);
  CHECK(kevy_hget(s, "h", 1, &f, &v) == KEVY_OK);
  CHECK(kevy_hset(s, name.as.ptr, name.len, 1, &f, &f, 0, NULL) == KEVY_OK);
  CHECK(kevy_debug_clock(s, MODEL_EPOCH + 1000) == KEVY_OK);
  CHECK(kevy_exists(s, v.as.ptr, v.len) == KEVY_OK);
  CHECK(kevy_hexpire(s, name.as.ptr, name.len, &f, 1000, 0) == KEVY_OK);
  CHECK(kevy_debug_clock(s, MODEL_EPOCH + 2000) == KEVY_OK);
  CHECK(kevy_delete(s, name.as.ptr, name.len) == KEVY_MISSING); /* its only field is due */
  kevy_close(s);
}

static bool listed(kevy_store *s) {
  kevy_iter *it;
  kevy_value key;
  REQUIRE(kevy_iter_open(s, "", 0, KEVY_TYPE_NONE, &it) == KEVY_OK);
  bool any = kevy_iter_next(it, &key, NULL) == KEVY_OK;
  kevy_iter_close(it);
  return any;
}

static void count_key(void *context, const kevy_value *key, int32_t type) {
  (void)key, (void)type;
  ++*(uint64_t *)context;
}

/* A hash of n fields, all of which are due, though nobody has seen it yet. */
static kevy_store *store_of_due(int n) {
  kevy_store *s = open_store();
  for (int i = 0; i < n; i++) {
    kevy_value f = kevy_int(i);
    CHECK(kevy_hset(s, "h", 1, 1, &f, &f, 0, NULL) == KEVY_OK);
    CHECK(kevy_hexpire(s, "h", 1, &f, 1000, 0) == KEVY_OK);
  }
  CHECK(kevy_debug_clock(s, MODEL_EPOCH + 1000) == KEVY_OK);
  return s;
}

/* It is no key to whatever asks first. */
static void test_over(int n) {
  kevy_value one = kevy_int(1), v;
  int64_t ms;
  uint64_t count = 0, cursor = 0;
  kevy_store *s = store_of_due(n);
  CHECK(kevy_rename(s, "h", 1, "g", 1, 0) == KEVY_MISSING && kevy_copy(s, "h", 1, "g", 1, 0) == KEVY_MISSING);
  CHECK(kevy_ttl(s, "h", 1, &ms) == KEVY_MISSING && kevy_expire(s, "h", 1, 1000, 0) == KEVY_MISSING);
  CHECK(!listed(s));
  keyspace_scan(s, &cursor, UINT64_MAX, count_key, &count);
  CHECK(count == 0);
  CHECK(kevy_get(s, "h", 1, &v) == KEVY_MISSING && kevy_llen(s, "h", 1, &count) == KEVY_MISSING);
  CHECK(kevy_sadd(s, "h", 1, 1, &one, 0, NULL) == KEVY_OK && kevy_scard(s, "h", 1, &count) == KEVY_OK && count == 1);
  kevy_close(s);
  s = store_of_due(n);
  CHECK(kevy_incr(s, "h", 1, 5, 0, &ms) == KEVY_OK && ms == 5 && kevy_get(s, "h", 1, &v) == KEVY_OK);
  CHECK(kevy_tick(s, UINT64_MAX, NULL) == KEVY_OK && kevy_get(s, "h", 1, &v) == KEVY_OK && v.as.i == 5);
  kevy_close(s);
  s = store_of_due(n);
  CHECK(kevy_set(s, "k", 1, &one, KEVY_NO_TTL, 0, NULL) == KEVY_OK);
  CHECK(kevy_rename(s, "k", 1, "h", 1, KEVY_NX) == KEVY_OK && kevy_get(s, "h", 1, &v) == KEVY_OK);
  CHECK(kevy_tick(s, UINT64_MAX, NULL) == KEVY_OK && kevy_len(s, &count) == KEVY_OK && count == 1);
  kevy_close(s);
}

static void test_uniform(unsigned n) {
  kevy_store *s = open_store();
  static unsigned hits[400];
  memset(hits, 0, sizeof hits);
  kevy_value one = kevy_int(1);
  for (unsigned i = 0; i < n; i++) {
    kevy_value f = kevy_int((int64_t)i);
    CHECK(kevy_hset(s, "h", 1, 1, &f, &one, 0, NULL) == KEVY_OK);
  }
  const char *words[] = {"HRANDFIELD", "h"};
  kevy_value argv[2] = {kevy_bytes(words[0], 10), kevy_bytes(words[1], 1)};
  kevy_reply *r = kevy_reply_new();
  const unsigned draws = n * 400;
  for (unsigned i = 0; i < draws; i++) {
    kevy_item item;
    CHECK(kevy_call_typed(s, 2, argv, r) == KEVY_OK);
    kevy_reply_next(r, &item);
    if (CHECK(item.value.kind == KEVY_INT && (uint64_t)item.value.as.i < n)) hits[item.value.as.i]++;
  }
  double chi = 0;
  for (unsigned i = 0; i < n; i++) chi += ((double)hits[i] - 400) * ((double)hits[i] - 400) / 400;
  CHECK(chi < n + 5 * sqrt(2.0 * n) + 10);
  kevy_reply_free(r);
  kevy_close(s);
}

int main(void) {
  check_begin("hash");
  test_random(scaled(6000, 300), true);
  test_random(scaled(6000, 300), false);
  test_failing(scaled(400, 60), false);
  test_failing(scaled(400, 60), true);
  test_shedding();
  test_due_in_snapshot();
  test_borrowed_key();
  test_over(20);
  test_over(300);
  test_uniform(20);
  test_uniform(300);
  return check_end();
}
