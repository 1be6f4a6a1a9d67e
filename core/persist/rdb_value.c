/* rdb_value: see rdb_value.h. */
#include "rdb_value.h"

#include <math.h>

#include "../number.h"

kevy_status rdb_string_value(rdb_reader *r, char digits[24], kevy_value *out) {
  kevy_value raw;
  kevy_status status = rdb_string(&r->in, &raw);
  return LIKELY(status == KEVY_OK) ? rdb_scalar(r, RDB_VALUE, &raw, digits, out) : status;
}

/* ---- lists and sets: one string an element ---- */

static kevy_status rdb_read_members(rdb_reader *r, uint8_t type, rdb_role role, kevy_value *into) {
  rdb_elements e;
  kevy_value raw;
  kevy_status status = rdb_elements_open(r, type, &e);
  while (status == KEVY_OK && (status = rdb_elements_next(r, &e, &raw)) == KEVY_OK) {
    status = rdb_batch_take(r, role, &raw, true, &into[r->batch.n]);
    if (status == KEVY_OK) status = rdb_batch_next(r);
  }
  return status == KEVY_MISSING ? rdb_batch_end(r) : status;
}

/* ---- sorted sets: a member and a score ---- */

/* A score written as text: its length, or what it is where it is no finite number. */
static kevy_status rdb_text_score(rdb_reader *r, double *score) {
  uint8_t len;
  const char *text;
  kevy_status status = rdb_byte(&r->in, &len);
  if (status != KEVY_OK) return status;
  if (len >= 254) {
    *score = len == 254 ? (double)INFINITY : -(double)INFINITY;
    return KEVY_OK;
  }
  if (len == 253) return rdb_refused(r, KEVY_ENOTFLOAT);
  status = rdb_bytes(&r->in, len, &text);
  if (status != KEVY_OK) return status;
  return number_parse_float(text, len, score) ? KEVY_OK : rdb_refused(r, KEVY_ENOTFLOAT);
}

static kevy_status rdb_double_score(rdb_reader *r, double *score) {
  uint64_t bits;
  kevy_status status = rdb_u64(&r->in, &bits);
  memcpy(score, &bits, sizeof bits);
  return status;
}

static kevy_status rdb_element_score(rdb_reader *r, rdb_elements *e, double *score) {
  kevy_value raw;
  kevy_status status = rdb_elements_need(r, e, &raw);
  if (status != KEVY_OK) return status;
  if (raw.kind == KEVY_INT) {
    *score = (double)raw.as.i;
    return KEVY_OK;
  }
  return number_parse_float(raw.as.ptr, raw.len, score) ? KEVY_OK : rdb_refused(r, KEVY_ENOTFLOAT);
}

static kevy_status rdb_read_score(rdb_reader *r, uint8_t type, rdb_elements *e, double *score) {
  switch (type) {
    case RDB_ZSET: return rdb_text_score(r, score);
    case RDB_ZSET_2: return rdb_double_score(r, score);
    default: return rdb_element_score(r, e, score);
  }
}

static kevy_status rdb_read_zset(rdb_reader *r, uint8_t type) {
  rdb_batch *b = &r->batch;
  rdb_elements e;
  kevy_value raw;
  kevy_status status = rdb_elements_open(r, type, &e);
  while (status == KEVY_OK && (status = rdb_elements_next(r, &e, &raw)) == KEVY_OK) {
    status = rdb_batch_take(r, RDB_NAME, &raw, false, &b->names[b->n]);
    if (status == KEVY_OK) status = rdb_read_score(r, type, &e, &b->scores[b->n]);
    if (status == KEVY_OK) status = rdb_batch_next(r);
  }
  return status == KEVY_MISSING ? rdb_batch_end(r) : status;
}

/* ---- hashes: a field, a value, and perhaps a deadline ---- */

/* Puts the pair at hand with its deadline, unless that has come. */
static kevy_status rdb_pair_until(rdb_reader *r, int64_t deadline) {
  rdb_batch *b = &r->batch;
  b->deadlines[b->n] = deadline;
  if (LIKELY(deadline == KEVY_NO_TTL)) return rdb_batch_next(r);
  if (deadline <= r->now) return rdb_batch_pass(r);
  b->timed = true;
  return rdb_batch_next(r);
}

static kevy_status rdb_read_hash(rdb_reader *r, uint8_t type) {
  rdb_batch *b = &r->batch;
  rdb_elements e;
  kevy_value raw;
  kevy_status status = rdb_elements_open(r, type, &e);
  while (status == KEVY_OK && (status = rdb_elements_next(r, &e, &raw)) == KEVY_OK) {
    int64_t deadline = KEVY_NO_TTL;
    status = rdb_batch_take(r, RDB_NAME, &raw, false, &b->names[b->n]);
    if (status == KEVY_OK) status = rdb_elements_need(r, &e, &raw);
    if (status == KEVY_OK) status = rdb_batch_take(r, RDB_VALUE, &raw, true, &b->values[b->n]);
    if (status == KEVY_OK) status = rdb_field_deadline(r, &deadline);
    if (status == KEVY_OK) status = rdb_pair_until(r, deadline);
  }
  return status == KEVY_MISSING ? rdb_batch_end(r) : status;
}

/* The time in Unix ms that a field's number stands for; 0: none. */
static kevy_status rdb_deadline_of(rdb_reader *r, uint64_t number, uint64_t since, int64_t *deadline) {
  *deadline = KEVY_NO_TTL;
  if (number == 0) return KEVY_OK;
  uint64_t at;
  if (__builtin_add_overflow(number, since, &at) || at > INT64_MAX) return rdb_corrupt(&r->in, "a deadline beyond time");
  *deadline = (int64_t)at;
  return KEVY_OK;
}

/* A packed hash of triples: field, value, deadline. */
static kevy_status rdb_read_hash_triples(rdb_reader *r, uint8_t type) {
  rdb_batch *b = &r->batch;
  rdb_elements e;
  kevy_value raw;
  uint64_t earliest; /* for others, who do not look into the pack */
  kevy_status status = type == RDB_HASH_LISTPACK_EX ? rdb_u64(&r->in, &earliest) : KEVY_OK;
  if (status == KEVY_OK) status = rdb_elements_open(r, type, &e);
  while (status == KEVY_OK && (status = rdb_elements_next(r, &e, &raw)) == KEVY_OK) {
    int64_t deadline = KEVY_NO_TTL;
    status = rdb_batch_take(r, RDB_NAME, &raw, false, &b->names[b->n]);
    if (status == KEVY_OK) status = rdb_elements_need(r, &e, &raw);
    if (status == KEVY_OK) status = rdb_batch_take(r, RDB_VALUE, &raw, true, &b->values[b->n]);
    if (status == KEVY_OK) status = rdb_elements_need(r, &e, &raw);
    if (status == KEVY_OK && (raw.kind != KEVY_INT || raw.as.i < 0)) status = rdb_corrupt(&r->in, "a deadline beyond time");
    if (status == KEVY_OK) status = rdb_deadline_of(r, (uint64_t)raw.as.i, 0, &deadline);
    if (status == KEVY_OK) status = rdb_pair_until(r, deadline);
  }
  return status == KEVY_MISSING ? rdb_batch_end(r) : status;
}

/* Redis: each field behind its deadline, 0 or one more than the ms since the earliest of all (before that: since 0). */
static kevy_status rdb_read_hash_metadata(rdb_reader *r, uint8_t type) {
  rdb_batch *b = &r->batch;
  kevy_value raw;
  uint64_t earliest = 1, left = 0;
  kevy_status status = type == RDB_HASH_METADATA ? rdb_u64(&r->in, &earliest) : KEVY_OK;
  if (status == KEVY_OK && earliest - 1 > INT64_MAX) earliest = 1; /* none has any */
  if (status == KEVY_OK) status = rdb_length(&r->in, &left);
  for (; status == KEVY_OK && left != 0; left--) {
    uint64_t number = 0;
    int64_t deadline = KEVY_NO_TTL;
    status = rdb_length(&r->in, &number);
    if (status == KEVY_OK) status = rdb_deadline_of(r, number, earliest - 1, &deadline);
    if (status == KEVY_OK) status = rdb_string(&r->in, &raw);
    if (status == KEVY_OK) status = rdb_batch_take(r, RDB_NAME, &raw, false, &b->names[b->n]);
    if (status == KEVY_OK) status = rdb_string(&r->in, &raw);
    if (status == KEVY_OK) status = rdb_batch_take(r, RDB_VALUE, &raw, true, &b->values[b->n]);
    if (status == KEVY_OK) status = rdb_pair_until(r, deadline);
  }
  return status == KEVY_OK ? rdb_batch_end(r) : status;
}

/* Valkey: a field, its value, and its deadline in eight bytes, -1 for none. */
static kevy_status rdb_read_hash_valkey(rdb_reader *r) {
  rdb_batch *b = &r->batch;
  kevy_value raw;
  uint64_t left = 0;
  kevy_status status = rdb_length(&r->in, &left);
  for (; status == KEVY_OK && left != 0; left--) {
    uint64_t deadline = 0;
    status = rdb_string(&r->in, &raw);
    if (status == KEVY_OK) status = rdb_batch_take(r, RDB_NAME, &raw, false, &b->names[b->n]);
    if (status == KEVY_OK) status = rdb_string(&r->in, &raw);
    if (status == KEVY_OK) status = rdb_batch_take(r, RDB_VALUE, &raw, false, &b->values[b->n]);
    if (status == KEVY_OK) status = rdb_u64(&r->in, &deadline);
    if (status == KEVY_OK && (int64_t)deadline < -1) status = rdb_corrupt(&r->in, "a deadline beyond time");
    if (status == KEVY_OK) status = rdb_pair_until(r, (int64_t)deadline);
  }
  return status == KEVY_OK ? rdb_batch_end(r) : status;
}

/* ---- modules ---- */

#define RDB_MODULE_END 0
#define RDB_MODULE_SIGNED 1
#define RDB_MODULE_UNSIGNED 2
#define RDB_MODULE_FLOAT 3
#define RDB_MODULE_DOUBLE 4
#define RDB_MODULE_STRING 5

kevy_status rdb_module_pass(rdb_reader *r) {
  for (;;) {
    uint64_t what = 0, number;
    uint32_t word;
    kevy_value string;
    kevy_status status = rdb_length(&r->in, &what);
    if (status != KEVY_OK || what == RDB_MODULE_END) return status;
    switch (what) {
      case RDB_MODULE_SIGNED:
      case RDB_MODULE_UNSIGNED: status = rdb_length(&r->in, &number); break;
      case RDB_MODULE_FLOAT: status = rdb_u32(&r->in, &word); break;
      case RDB_MODULE_DOUBLE: status = rdb_u64(&r->in, &number); break;
      case RDB_MODULE_STRING: status = rdb_string(&r->in, &string); break;
      default: status = rdb_corrupt(&r->in, "a module's piece of kind %llu", (unsigned long long)what);
    }
    if (status != KEVY_OK) return status;
  }
}

const char *rdb_module_name(uint64_t id, char name[10]) {
  static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  id >>= 10; /* its version */
  for (int i = 8; i >= 0; i--, id >>= 6) name[i] = letters[id & 63];
  name[9] = '\0';
  return name;
}

/* ---- any ---- */

kevy_status rdb_value_read(rdb_reader *r, uint8_t type, const char *key, size_t klen, uint32_t flags) {
  switch (type) {
    case RDB_LIST:
    case RDB_LIST_ZIPLIST:
    case RDB_LIST_QUICKLIST:
    case RDB_LIST_QUICKLIST_2:
      rdb_batch_begin(r, KEVY_TYPE_LIST, key, klen, flags);
      return rdb_read_members(r, type, RDB_VALUE, r->batch.values);
    case RDB_SET:
    case RDB_SET_INTSET:
    case RDB_SET_LISTPACK:
      rdb_batch_begin(r, KEVY_TYPE_SET, key, klen, flags);
      return rdb_read_members(r, type, RDB_NAME, r->batch.names);
    case RDB_ZSET:
    case RDB_ZSET_2:
    case RDB_ZSET_ZIPLIST:
    case RDB_ZSET_LISTPACK:
      rdb_batch_begin(r, KEVY_TYPE_ZSET, key, klen, flags);
      return rdb_read_zset(r, type);
    case RDB_STREAM_LISTPACKS:
    case RDB_STREAM_LISTPACKS_2:
    case RDB_STREAM_LISTPACKS_3: return rdb_stream_read(r, type, key, klen, flags);
    default: break;
  }
  rdb_batch_begin(r, KEVY_TYPE_HASH, key, klen, flags);
  switch (type) {
    case RDB_HASH:
    case RDB_HASH_ZIPMAP:
    case RDB_HASH_ZIPLIST:
    case RDB_HASH_LISTPACK: return rdb_read_hash(r, type);
    case RDB_HASH_LISTPACK_EX_PRE_GA:
    case RDB_HASH_LISTPACK_EX: return rdb_read_hash_triples(r, type);
    case RDB_HASH_METADATA_PRE_GA:
      if (r->valkey) return rdb_read_hash_valkey(r);
      return rdb_read_hash_metadata(r, type);
    case RDB_HASH_METADATA: return rdb_read_hash_metadata(r, type);
    default: return rdb_corrupt(&r->in, "a value of unknown type %u", type);
  }
}
