/* model: a store as plain arrays, the oracle of the random tests.
 *
 * An op is chosen (op_choose), run on the store (op_run) and on the model (op_expect); both give a result,
 * and the two must be alike. The model holds what the store should hold; a copy of it is what a snapshot
 * should hold for ever. Chance comes through `choose`, so that a fuzzer can put its bytes in its place.
 * Includers have included the amalgamation and check.h. */
#ifndef KEVY_MODEL_H
#define KEVY_MODEL_H

#include <math.h>

#define MODEL_KEYS_MAX 512
#define MODEL_KEY_LEN 320
#define MODEL_EPOCH INT64_C(1700000000000)

static uint64_t (*choose)(uint64_t n) = below;

/* A value with its owners; models share them. */
typedef struct mval {
  uint32_t refs;
  kevy_value v; /* as.ptr points to bytes */
  char bytes[];
} mval;

typedef struct mkey {
  mval *value; /* NULL where absent */
  int64_t deadline;
  uint32_t kind;
} mkey;

typedef struct model {
  uint32_t keys;
  int64_t now;
  mkey at[MODEL_KEYS_MAX];
} model;

static inline mval *mval_new(const char *ptr, size_t len, uint32_t kind) {
  mval *m = calloc(1, sizeof *m + len);
  REQUIRE(m != NULL);
  m->refs = 1;
  m->v.kind = kind;
  m->v.reserved = 0;
  m->v.len = len;
  m->v.as.ptr = m->bytes;
  if (len != 0 && ptr != NULL) memcpy(m->bytes, ptr, len);
  return m;
}
static inline mval *mval_copy(const kevy_value *v) {
  mval *m = mval_new(v->kind <= KEVY_TEXT ? v->as.ptr : NULL, v->kind <= KEVY_TEXT ? v->len : 0, v->kind);
  if (v->kind == KEVY_INT) m->v.as.i = v->as.i;
  if (v->kind == KEVY_FLOAT) m->v.as.d = v->as.d;
  return m;
}
static inline void mval_release(mval *m) {
  if (m != NULL && --m->refs == 0) free(m);
}
static inline bool mval_alike(const kevy_value *a, const kevy_value *b) {
  if (a->kind != b->kind) return false;
  if (a->kind == KEVY_INT) return a->as.i == b->as.i;
  if (a->kind == KEVY_FLOAT) return memcmp(&a->as.d, &b->as.d, sizeof a->as.d) == 0;
  if (a->kind == KEVY_NIL) return true;
  return a->len == b->len && (a->len == 0 || memcmp(a->as.ptr, b->as.ptr, a->len) == 0);
}
/* The value's byte form, as a value of its own. */
static inline mval *mval_bytes(const mval *m) {
  char digits[NUMBER_FLOAT_MAX];
  if (m->v.kind <= KEVY_TEXT) return mval_new(m->bytes, m->v.len, m->v.kind);
  size_t len = m->v.kind == KEVY_INT ? number_format_int(m->v.as.i, digits)
                                     : number_format_float(m->v.as.d, digits);
  return mval_new(digits, len, KEVY_BYTES);
}

/* ---- keys ---- */

static char model_names[MODEL_KEYS_MAX][MODEL_KEY_LEN];
static size_t model_lens[MODEL_KEYS_MAX];

/* Short, decimal, empty and long ones. */
static inline void model_name_keys(void) {
  for (unsigned k = 0; k < MODEL_KEYS_MAX; k++) {
    char *name = model_names[k];
    int len = snprintf(name, MODEL_KEY_LEN, k % 8 == 3 ? "%u" : "key:%u", k);
    model_lens[k] = (size_t)len;
    if (k % 16 == 15) {
      memset(name + len, 'x', MODEL_KEY_LEN - (size_t)len);
      model_lens[k] = MODEL_KEY_LEN - k % 3;
    }
  }
  model_lens[1] = 0;
}

static inline uint32_t model_key_of(const model *m, const kevy_value *key) {
  for (uint32_t k = 0; k < m->keys; k++)
    if (key->len == model_lens[k] && memcmp(key->as.ptr, model_names[k], key->len) == 0) return k;
  return UINT32_MAX;
}

static inline void model_open(model *m, kevy_store *s, uint32_t keys) {
  memset(m, 0, sizeof *m);
  m->keys = keys;
  m->now = MODEL_EPOCH;
  model_name_keys();
  CHECK(kevy_debug_clock(s, m->now) == KEVY_OK);
}
static inline void model_copy(model *to, const model *from) {
  *to = *from;
  for (uint32_t k = 0; k < to->keys; k++)
    if (to->at[k].value != NULL) to->at[k].value->refs++;
}
static inline void model_close(model *m) {
  for (uint32_t k = 0; k < m->keys; k++) mval_release(m->at[k].value);
}

/* The key where it lives at the model's present, else NULL. */
static inline const mkey *model_live(const model *m, uint32_t k) {
  const mkey *key = &m->at[k];
  if (key->value == NULL || (key->deadline != KEVY_NO_TTL && key->deadline <= m->now)) return NULL;
  return key;
}
static inline void model_put(model *m, uint32_t k, mval *value, int64_t deadline, uint32_t kind) {
  const mkey *live = model_live(m, k);
  mkey *key = &m->at[k];
  if (live != NULL) kind = key->kind;
  mval *before = key->value;
  *key = (mkey){value, deadline, kind};
  mval_release(before);
}
static inline void model_remove(model *m, uint32_t k) {
  mval_release(m->at[k].value);
  m->at[k].value = NULL;
}

/* ---- ops ---- */

enum {
  OP_SET, OP_GET, OP_GETDEL, OP_GETEX, OP_INCR, OP_INCR_FLOAT, OP_APPEND, OP_STRLEN, OP_GETRANGE,
  OP_SETRANGE, OP_MGET, OP_MSET, OP_DELETE, OP_EXISTS, OP_TOUCH, OP_TYPE, OP_RENAME, OP_COPY, OP_RANDOM,
  OP_TTL, OP_DEADLINE, OP_EXPIRE, OP_PERSIST, OP_PIN, OP_GET_INTO, OP_KINDS
};
#define OP_BATCH 20

typedef struct op {
  int what;
  uint32_t key, to;
  uint32_t flags;
  bool wants_old;
  int64_t ttl, by, first, last;
  double real;
  size_t batch;
  uint32_t keys[OP_BATCH], key_kinds[OP_BATCH];
  mval *value, *values[OP_BATCH];
} op;

typedef struct result {
  kevy_status status;
  int64_t number;
  double real;
  mval *value, *values[OP_BATCH];
} result;

static inline void op_release(op *o) {
  mval_release(o->value);
  for (size_t i = 0; i < OP_BATCH; i++) mval_release(o->values[i]);
}
static inline void result_release(result *r) {
  mval_release(r->value);
  for (size_t i = 0; i < OP_BATCH; i++) mval_release(r->values[i]);
}

static inline mval *some_bytes(size_t len) {
  mval *m = mval_new(NULL, len, choose(2) ? KEVY_TEXT : KEVY_BYTES);
  uint64_t x = choose(256);
  for (size_t i = 0; i < len; i++) m->bytes[i] = (char)(x + i * 7);
  return m;
}
static inline mval *some_value(void) {
  char digits[32];
  switch (choose(12)) {
    case 0: return mval_copy(&(kevy_value){KEVY_INT, 0, 0, {.i = (int64_t)choose(100)}});
    case 1: return mval_copy(&(kevy_value){KEVY_INT, 0, 0, {.i = INT64_MAX - (int64_t)choose(3)}});
    case 2: return mval_copy(&(kevy_value){KEVY_FLOAT, 0, 0, {.d = (double)choose(1000) / 8}});
    case 3: return mval_copy(&(kevy_value){KEVY_FLOAT, 0, 0, {.d = choose(2) ? 1e308 : -0.0}});
    case 4: return mval_new(digits, (size_t)snprintf(digits, sizeof digits, "%d", (int)choose(50)), KEVY_TEXT);
    case 5: return some_bytes(2030 + choose(40)); /* both sides of the bulk threshold */
    case 6: return some_bytes(choose(30) == 0 ? 3000 + choose(40000) : choose(300));
    default: return some_bytes(choose(40));
  }
}
/* A TTL and, at times, KEVY_AT for it: none, short, long, wrong, at the ends of time. */
static int64_t some_ttl(const model *m, uint32_t *flags) {
  switch (choose(16)) {
    case 0: return 1 + (int64_t)choose(100);
    case 1: return 1 + (int64_t)choose(10000000);
    case 2: *flags |= KEVY_AT; return m->now + 1 + (int64_t)choose(1000000);
    case 3: *flags |= KEVY_AT; return m->now - (int64_t)choose(3);
    case 4: *flags |= KEVY_AT; return INT64_MAX - (int64_t)choose(2);
    case 5: return INT64_MAX - m->now - (int64_t)choose(2);
    case 6: return choose(4) == 0 ? -2 + (int64_t)choose(3) : INT64_MAX;
    default: return KEVY_NO_TTL;
  }
}

static inline void op_choose(op *o, const model *m) {
  memset(o, 0, sizeof *o);
  o->what = (int)choose(OP_KINDS);
  if (choose(4) == 0) o->what = OP_SET;
  o->key = (uint32_t)choose(m->keys);
  o->to = (uint32_t)choose(m->keys);
  o->flags = choose(3) == 0 ? KEVY_TEXT_KEY : 0;
  o->ttl = KEVY_NO_TTL;
  switch (o->what) {
    case OP_SET:
      o->value = some_value();
      if (choose(6) == 0) o->flags |= choose(2) ? KEVY_NX : KEVY_XX;
      if (choose(40) == 0) o->flags |= KEVY_NX | KEVY_XX;
      if (choose(6) == 0) o->flags |= KEVY_KEEPTTL;
      else o->ttl = some_ttl(m, &o->flags);
      o->wants_old = choose(3) == 0;
      break;
    case OP_GETEX:
      o->flags = 0;
      if (choose(4) == 0) o->flags = KEVY_PERSIST;
      else o->ttl = some_ttl(m, &o->flags);
      break;
    case OP_INCR: o->by = choose(2) ? (int64_t)choose(10) - 5 : INT64_MAX; break;
    case OP_INCR_FLOAT: o->real = choose(8) ? (double)choose(100) / 4 - 10 : 1e308; break;
    case OP_APPEND: o->value = some_value(); break;
    case OP_GETRANGE:
      o->first = (int64_t)choose(5000) - 2500;
      o->last = choose(4) ? (int64_t)choose(5000) - 2500 : choose(2) ? INT64_MAX : INT64_MIN;
      break;
    case OP_SETRANGE:
      o->first = choose(10) ? (int64_t)choose(100) : choose(3) ? (int64_t)choose(6000) : (int64_t)choose(2) * INT64_MAX - 1;
      o->value = some_bytes(choose(3) ? choose(30) : choose(3000));
      break;
    case OP_MSET: case OP_MGET:
      o->batch = choose(OP_BATCH + 1);
      for (size_t i = 0; i < o->batch; i++) {
        o->keys[i] = (uint32_t)choose(m->keys);
        o->key_kinds[i] = o->keys[i] % 8 == 3 ? KEVY_INT : (uint32_t)choose(2);
        if (o->keys[i] % 8 == 3 && o->keys[i] % 16 == 15) o->key_kinds[i] = KEVY_BYTES;
        if (o->what == OP_MSET) o->values[i] = some_value();
      }
      o->flags = o->what == OP_MSET && choose(4) == 0 ? KEVY_NX : 0;
      if (o->what == OP_MSET) o->ttl = some_ttl(m, &o->flags);
      break;
    case OP_RENAME: o->flags |= choose(4) == 0 ? KEVY_NX : 0; break;
    case OP_COPY: o->flags |= choose(2) ? KEVY_REPLACE : 0; break;
    case OP_EXPIRE:
      o->flags = choose(2) ? 0 : KEVY_NX << choose(4);
      if (choose(12) == 0) o->flags |= KEVY_NX << choose(4);
      o->ttl = some_ttl(m, &o->flags);
      break;
    default: break;
  }
}

/* ---- on the store ---- */

static inline void keep(result *r, const kevy_value *v) { r->value = mval_copy(v); }

static inline void run_batch(kevy_store *s, const op *o, result *r) {
  kevy_value keys[OP_BATCH], values[OP_BATCH];
  for (size_t i = 0; i < o->batch; i++) {
    keys[i] = kevy_bytes(model_names[o->keys[i]], model_lens[o->keys[i]]);
    keys[i].kind = o->key_kinds[i];
    if (o->key_kinds[i] == KEVY_INT) keys[i] = kevy_int(o->keys[i]);
    if (o->what == OP_MSET) values[i] = o->values[i]->v;
  }
  if (o->what == OP_MSET) {
    r->status = kevy_mset(s, o->batch, keys, values, o->ttl, o->flags);
    return;
  }
  r->status = kevy_mget(s, o->batch, keys, values);
  for (size_t i = 0; i < o->batch && r->status == KEVY_OK; i++) r->values[i] = mval_copy(&values[i]);
}

static inline void run_pin(kevy_store *s, const char *key, size_t klen, result *r) {
  kevy_pin *pin;
  kevy_value v;
  r->status = kevy_pin_value(s, key, klen, &pin, &v);
  if (r->status != KEVY_OK) return;
  keep(r, &v);
  kevy_unpin(pin);
}

static inline void run_get_into(kevy_store *s, const char *key, size_t klen, result *r) {
  char buf[64];
  kevy_value v;
  r->status = kevy_get_into(s, key, klen, buf, sizeof buf, &v);
  if (r->status != KEVY_OK) return;
  if (v.kind <= KEVY_TEXT && v.len > sizeof buf) {
    CHECK(v.as.ptr == NULL);
    r->number = (int64_t)v.len;
    return;
  }
  if (v.kind <= KEVY_TEXT) CHECK(v.len == 0 || v.as.ptr == buf);
  keep(r, &v);
}

static inline result op_run(kevy_store *s, const model *m, const op *o) {
  result r;
  memset(&r, 0, sizeof r);
  const char *key = model_names[o->key], *to = model_names[o->to];
  size_t klen = model_lens[o->key], tolen = model_lens[o->to];
  kevy_value v = kevy_bytes("", 0);
  uint64_t length = 0;
  int32_t type;
  switch (o->what) {
    case OP_SET:
      r.status = kevy_set(s, key, klen, &o->value->v, o->ttl, o->flags, o->wants_old ? &v : NULL);
      if (o->wants_old && r.status >= 0) keep(&r, &v);
      return r;
    case OP_GET: r.status = kevy_get(s, key, klen, &v); break;
    case OP_GETDEL: r.status = kevy_getdel(s, key, klen, &v); break;
    case OP_GETEX: r.status = kevy_getex(s, key, klen, o->ttl, o->flags, &v); break;
    case OP_INCR: r.status = kevy_incr(s, key, klen, o->by, o->flags, &r.number); return r;
    case OP_INCR_FLOAT: r.status = kevy_incr_float(s, key, klen, o->real, o->flags, &r.real); return r;
    case OP_APPEND: r.status = kevy_append(s, key, klen, &o->value->v, o->flags, &length); break;
    case OP_STRLEN: r.status = kevy_strlen(s, key, klen, &length); break;
    case OP_GETRANGE: r.status = kevy_getrange(s, key, klen, o->first, o->last, &v); break;
    case OP_SETRANGE:
      r.status = kevy_setrange(s, key, klen, o->first, o->value->bytes, o->value->v.len, o->flags, &length);
      break;
    case OP_MSET: case OP_MGET: run_batch(s, o, &r); return r;
    case OP_DELETE: r.status = kevy_delete(s, key, klen); return r;
    case OP_EXISTS: r.status = kevy_exists(s, key, klen); return r;
    case OP_TOUCH: r.status = kevy_touch(s, key, klen); return r;
    case OP_TYPE: r.status = kevy_type(s, key, klen, &type); r.number = type; return r;
    case OP_RENAME: r.status = kevy_rename(s, key, klen, to, tolen, o->flags); return r;
    case OP_COPY: r.status = kevy_copy(s, key, klen, to, tolen, o->flags); return r;
    case OP_RANDOM:
      r.status = kevy_random_key(s, &v);
      if (r.status == KEVY_OK) {
        uint32_t k = model_key_of(m, &v);
        CHECK(k != UINT32_MAX && model_live(m, k) != NULL && m->at[k].kind == v.kind);
      }
      return r;
    case OP_TTL: r.status = kevy_ttl(s, key, klen, &r.number); return r;
    case OP_DEADLINE: r.status = kevy_deadline(s, key, klen, &r.number); return r;
    case OP_EXPIRE: r.status = kevy_expire(s, key, klen, o->ttl, o->flags); return r;
    case OP_PERSIST: r.status = kevy_persist(s, key, klen); return r;
    case OP_PIN: run_pin(s, key, klen, &r); return r;
    default: run_get_into(s, key, klen, &r); return r;
  }
  if (r.status != KEVY_OK) return r;
  if (o->what == OP_APPEND || o->what == OP_STRLEN || o->what == OP_SETRANGE) r.number = (int64_t)length;
  else keep(&r, &v);
  return r;
}

/* ---- on the model ---- */

static inline kevy_status expect_deadline(const model *m, int64_t ttl, uint32_t flags, int64_t *deadline) {
  *deadline = ttl;
  if (flags & KEVY_AT) return ttl < 0 ? KEVY_EEXPIRE : KEVY_OK;
  if (ttl == KEVY_NO_TTL) return KEVY_OK;
  if (ttl <= 0 || ttl > INT64_MAX - m->now) return KEVY_EEXPIRE;
  *deadline = m->now + ttl;
  return KEVY_OK;
}
static inline uint32_t given_kind(const op *o) { return o->flags & KEVY_TEXT_KEY ? KEVY_TEXT : KEVY_BYTES; }

static inline mval *shared(mval *m) {
  m->refs++;
  return m;
}

static inline void expect_set(model *m, const op *o, result *r) {
  int64_t deadline;
  r->status = expect_deadline(m, o->ttl, o->flags, &deadline);
  if (r->status != KEVY_OK) return;
  if ((o->flags & KEVY_NX) && (o->flags & KEVY_XX)) {
    r->status = KEVY_EARG;
    return;
  }
  const mkey *live = model_live(m, o->key);
  if (o->wants_old)
    r->value = live != NULL ? shared(live->value) : mval_copy(&(kevy_value){KEVY_NIL, 0, 0, {.ptr = NULL}});
  if (((o->flags & KEVY_NX) && live != NULL) || ((o->flags & KEVY_XX) && live == NULL)) {
    r->status = KEVY_UNMET;
    return;
  }
  if (o->flags & KEVY_KEEPTTL) deadline = live != NULL ? live->deadline : KEVY_NO_TTL;
  if (deadline != KEVY_NO_TTL && deadline <= m->now) model_remove(m, o->key);
  else model_put(m, o->key, shared(o->value), deadline, given_kind(o));
}

static inline void expect_new_deadline(model *m, uint32_t k, int64_t deadline) {
  if (deadline != KEVY_NO_TTL && deadline <= m->now) model_remove(m, k);
  else m->at[k].deadline = deadline;
}

static inline void expect_getex(model *m, const op *o, const mkey *live, result *r) {
  int64_t deadline;
  r->status = expect_deadline(m, o->ttl, o->flags, &deadline);
  if (r->status != KEVY_OK) return;
  if (live == NULL) {
    r->status = KEVY_MISSING;
    return;
  }
  r->value = shared(live->value);
  if (o->flags & KEVY_PERSIST) deadline = KEVY_NO_TTL;
  else if (o->ttl == KEVY_NO_TTL && !(o->flags & KEVY_AT)) return;
  expect_new_deadline(m, o->key, deadline);
}

static inline void expect_number(model *m, const op *o, mval *after) {
  const mkey *live = model_live(m, o->key);
  model_put(m, o->key, after, live != NULL ? live->deadline : KEVY_NO_TTL, given_kind(o));
}

static inline void expect_incr(model *m, const op *o, const mkey *live, result *r) {
  int64_t before = 0;
  if (live != NULL) {
    mval *form = mval_bytes(live->value);
    bool ok = number_parse_int(form->bytes, form->v.len, &before);
    mval_release(form);
    if (!ok) {
      r->status = KEVY_ENOTINT;
      return;
    }
  }
  if (__builtin_add_overflow(before, o->by, &r->number)) {
    r->number = 0;
    r->status = KEVY_EOVERFLOW;
    return;
  }
  kevy_value v = kevy_int(r->number);
  expect_number(m, o, mval_copy(&v));
}

static inline void expect_incr_float(model *m, const op *o, const mkey *live, result *r) {
  double before = 0;
  if (live != NULL) {
    const kevy_value *v = &live->value->v;
    if (v->kind == KEVY_FLOAT) before = v->as.d;
    else if (v->kind == KEVY_INT) before = (double)v->as.i;
    else if (!number_parse_float(v->as.ptr, v->len, &before)) {
      r->status = KEVY_ENOTFLOAT;
      return;
    }
  }
  if (!isfinite(before + o->real)) {
    r->status = KEVY_ENAN;
    return;
  }
  r->real = before + o->real;
  kevy_value v = kevy_float(r->real);
  expect_number(m, o, mval_copy(&v));
}

/* Puts `piece` at `offset` of what the key holds. */
static inline void expect_piece(model *m, const op *o, const mkey *live, size_t offset, const mval *piece,
                         uint32_t kind, result *r) {
  mval *old = live != NULL ? mval_bytes(live->value) : mval_new(NULL, 0, KEVY_BYTES);
  size_t end = offset + piece->v.len, len = end > old->v.len ? end : old->v.len;
  mval *after = mval_new(NULL, len, kind);
  memset(after->bytes, 0, len);
  memcpy(after->bytes, old->bytes, old->v.len);
  memcpy(after->bytes + offset, piece->bytes, piece->v.len);
  mval_release(old);
  r->number = (int64_t)len;
  expect_number(m, o, after);
}

static inline void expect_append(model *m, const op *o, const mkey *live, result *r) {
  mval *tail = mval_bytes(o->value), *old = live != NULL ? mval_bytes(live->value) : NULL;
  bool text = o->value->v.kind == KEVY_TEXT && (live == NULL || live->value->v.kind == KEVY_TEXT);
  expect_piece(m, o, live, old != NULL ? old->v.len : 0, tail, text ? KEVY_TEXT : KEVY_BYTES, r);
  mval_release(tail);
  mval_release(old);
}

static inline void expect_setrange(model *m, const op *o, const mkey *live, result *r) {
  if (o->first < 0) {
    r->status = KEVY_ERANGE;
  } else if (o->value->v.len == 0) {
    mval *old = live != NULL ? mval_bytes(live->value) : NULL;
    r->number = old != NULL ? (int64_t)old->v.len : 0;
    mval_release(old);
  } else if ((uint64_t)o->first + o->value->v.len > KEVY_MAX_LEN) {
    r->status = KEVY_ETOOBIG;
  } else {
    expect_piece(m, o, live, (size_t)o->first, o->value, KEVY_BYTES, r);
  }
}

static inline void expect_getrange(const op *o, const mkey *live, result *r) {
  mval *form = live != NULL ? mval_bytes(live->value) : mval_new(NULL, 0, KEVY_BYTES);
  int64_t len = (int64_t)form->v.len, first = o->first, last = o->last;
  bool empty = len == 0 || (first < 0 && last < 0 && first > last);
  if (first < 0) first = first + len < 0 ? 0 : first + len;
  if (last < 0) last = last < -len ? 0 : last + len;
  if (last >= len) last = len - 1;
  if (first > last) empty = true;
  r->value = empty ? mval_new(NULL, 0, KEVY_BYTES)
                   : mval_new(form->bytes + first, (size_t)(last - first + 1), KEVY_BYTES);
  mval_release(form);
}

static inline void expect_mset(model *m, const op *o, result *r) {
  int64_t deadline;
  r->status = expect_deadline(m, o->ttl, o->flags, &deadline);
  if (r->status != KEVY_OK || o->batch == 0) return;
  if (deadline != KEVY_NO_TTL && deadline <= m->now) {
    r->status = KEVY_EEXPIRE;
    return;
  }
  for (size_t i = 0; i < o->batch && (o->flags & KEVY_NX); i++)
    if (model_live(m, o->keys[i]) != NULL) {
      r->status = KEVY_UNMET;
      return;
    }
  for (size_t i = 0; i < o->batch; i++)
    model_put(m, o->keys[i], shared(o->values[i]), deadline,
              o->key_kinds[i] == KEVY_TEXT ? KEVY_TEXT : KEVY_BYTES);
}

static inline void expect_mget(const model *m, const op *o, result *r) {
  for (size_t i = 0; i < o->batch; i++) {
    const mkey *live = model_live(m, o->keys[i]);
    r->values[i] = live != NULL ? shared(live->value)
                                : mval_copy(&(kevy_value){KEVY_NIL, 0, 0, {.ptr = NULL}});
  }
}

static inline void expect_move(model *m, const op *o, const mkey *live, result *r) {
  const mkey *target = model_live(m, o->to);
  bool copy = o->what == OP_COPY;
  if (copy && o->key == o->to) r->status = KEVY_EARG;
  else if (live == NULL) r->status = KEVY_MISSING;
  else if (target != NULL && (copy ? !(o->flags & KEVY_REPLACE) : (o->flags & KEVY_NX) != 0))
    r->status = KEVY_UNMET;
  if (r->status != KEVY_OK || o->key == o->to) return;
  if (!copy) model_remove(m, o->to); /* a new name takes the kind it is given */
  model_put(m, o->to, shared(live->value), live->deadline, given_kind(o));
  if (!copy) model_remove(m, o->key);
}

static inline void expect_expire(model *m, const op *o, const mkey *live, result *r) {
  const uint32_t f = o->flags;
  int64_t deadline;
  if (((f & KEVY_NX) && (f & (KEVY_XX | KEVY_GT | KEVY_LT))) || ((f & KEVY_GT) && (f & KEVY_LT)))
    r->status = KEVY_EARG;
  else if (o->ttl == KEVY_NO_TTL) r->status = KEVY_EEXPIRE;
  else r->status = expect_deadline(m, o->ttl, f, &deadline);
  if (r->status != KEVY_OK) return;
  if (live == NULL) {
    r->status = KEVY_MISSING;
    return;
  }
  bool has = live->deadline != KEVY_NO_TTL;
  if (((f & KEVY_NX) && has) || ((f & KEVY_XX) && !has) ||
      ((f & KEVY_GT) && (!has || deadline <= live->deadline)) ||
      ((f & KEVY_LT) && has && deadline >= live->deadline))
    r->status = KEVY_UNMET;
  else expect_new_deadline(m, o->key, deadline);
}

static inline void expect_pin(const mkey *live, result *r) {
  r->value = mval_bytes(live->value);
}

static inline void expect_get_into(const mkey *live, result *r) {
  const kevy_value *v = &live->value->v;
  if (v->kind <= KEVY_TEXT && v->len > 64) r->number = (int64_t)v->len;
  else r->value = shared(live->value);
}

static inline result op_expect(model *m, const op *o) {
  result r;
  memset(&r, 0, sizeof r);
  const mkey *live = model_live(m, o->key);
  kevy_status found = live != NULL ? KEVY_OK : KEVY_MISSING;
  switch (o->what) {
    case OP_SET: expect_set(m, o, &r); break;
    case OP_GETEX: expect_getex(m, o, live, &r); break;
    case OP_INCR: expect_incr(m, o, live, &r); break;
    case OP_INCR_FLOAT: expect_incr_float(m, o, live, &r); break;
    case OP_APPEND: expect_append(m, o, live, &r); break;
    case OP_GETRANGE: expect_getrange(o, live, &r); break;
    case OP_SETRANGE: expect_setrange(m, o, live, &r); break;
    case OP_MSET: expect_mset(m, o, &r); break;
    case OP_MGET: expect_mget(m, o, &r); break;
    case OP_RENAME: case OP_COPY: expect_move(m, o, live, &r); break;
    case OP_EXPIRE: expect_expire(m, o, live, &r); break;
    case OP_RANDOM:
      r.status = KEVY_MISSING;
      for (uint32_t k = 0; k < m->keys; k++)
        if (model_live(m, k) != NULL) r.status = KEVY_OK;
      break;
    default:
      r.status = found;
      if (o->what == OP_TYPE) r.number = live != NULL ? KEVY_TYPE_STRING : KEVY_TYPE_NONE;
      if (live == NULL) break;
      if (o->what == OP_GET || o->what == OP_GETDEL) r.value = shared(live->value);
      if (o->what == OP_STRLEN) {
        mval *form = mval_bytes(live->value);
        r.number = (int64_t)form->v.len;
        mval_release(form);
      }
      if (o->what == OP_TTL)
        r.number = live->deadline == KEVY_NO_TTL ? KEVY_NO_TTL : live->deadline - m->now;
      if (o->what == OP_DEADLINE) r.number = live->deadline;
      if (o->what == OP_PIN) expect_pin(live, &r);
      if (o->what == OP_GET_INTO) expect_get_into(live, &r);
      if (o->what == OP_PERSIST) {
        r.status = live->deadline == KEVY_NO_TTL ? KEVY_UNMET : KEVY_OK;
        m->at[o->key].deadline = KEVY_NO_TTL;
      }
      if (o->what == OP_DELETE || o->what == OP_GETDEL) model_remove(m, o->key);
  }
  return r;
}

static inline bool values_alike(const mval *a, const mval *b) {
  if (a == NULL || b == NULL) return a == b;
  return mval_alike(&a->v, &b->v);
}

static inline bool results_alike(const result *a, const result *b) {
  if (a->status != b->status) return false;
  if (a->status < 0) return true;
  if (a->number != b->number || a->real != b->real || !values_alike(a->value, b->value)) return false;
  for (size_t i = 0; i < OP_BATCH; i++)
    if (!values_alike(a->values[i], b->values[i])) return false;
  return true;
}

/* One op on both; what is written goes alike. */
static inline void model_step(model *m, kevy_store *s) {
  op o;
  op_choose(&o, m);
  result got = op_run(s, m, &o), want = op_expect(m, &o);
  if (!CHECK(results_alike(&got, &want)))
    fprintf(stderr, "op %d key %u to %u flags %x ttl %lld: status %d, not %d; number %lld, not %lld\n", o.what,
            o.key, o.to, o.flags, (long long)o.ttl, got.status, want.status, (long long)got.number,
            (long long)want.number);
  result_release(&got);
  result_release(&want);
  op_release(&o);
}

/* Moves the fake clock, mostly a little. */
static inline void model_move_clock(model *m, kevy_store *s) {
  m->now += 1 + (int64_t)choose(choose(10) ? 200 : 2000000);
  CHECK(kevy_debug_clock(s, m->now) == KEVY_OK);
}

/* The store (or snapshot) holds what the model does: key by key, and iterated. */
static inline bool model_matches(const model *m, kevy_store *s) {
  uint64_t live = 0, met = 0, ok = 1;
  for (uint32_t k = 0; k < m->keys && ok; k++) {
    const mkey *key = model_live(m, k);
    kevy_value v;
    int64_t deadline;
    kevy_status status = kevy_deadline(s, model_names[k], model_lens[k], &deadline);
    live += key != NULL;
    if (key == NULL) {
      ok = status == KEVY_MISSING;
      continue;
    }
    ok = status == KEVY_OK && deadline == key->deadline &&
         kevy_get(s, model_names[k], model_lens[k], &v) == KEVY_OK && mval_alike(&v, &key->value->v);
  }
  kevy_iter *it;
  kevy_value key, v;
  if (!ok || kevy_iter_open(s, NULL, 0, KEVY_TYPE_NONE, &it) != KEVY_OK) return false;
  while (kevy_iter_next(it, &key, &v) == KEVY_OK && ok) {
    uint32_t k = model_key_of(m, &key);
    met++;
    ok = k != UINT32_MAX && model_live(m, k) != NULL && m->at[k].kind == key.kind &&
         mval_alike(&v, &m->at[k].value->v);
  }
  kevy_iter_close(it);
  return ok && met == live;
}

/* ---- accounts ---- */

/* A figure of kevy_info by name. */
static inline uint64_t figure(kevy_store *s, const char *name) {
  const char *at;
  kevy_value v;
  for (size_t i = 0; kevy_info(s, i, &at, &v) == KEVY_OK; i++)
    if (strcmp(at, name) == 0) return (uint64_t)v.as.i;
  FAIL("a figure has this name");
  return 0;
}

/* What the store says of itself adds up to what its region handed out. */
static inline bool accounts_add_up(kevy_store *s) {
  uint64_t entries = 0;
  table_walk walk = {0, 0, false};
  ref r;
  while ((r = table_next(s->base, s->keys, &walk)) != 0) entries += mem_round(entry_size(mem_ptr(s->base, r)));
  return entries + figure(s, "table_bytes") + figure(s, "wheel_bytes") + figure(s, "blob_bytes") +
             figure(s, "retained_bytes") ==
         kevy_used_memory(s);
}

#endif
