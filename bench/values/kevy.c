/* kevy behind values.h: nothing but calls of the C ABI. */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kevy.h"
#include "values.h"

static kevy_reply *reply;

static kevy_store *store(values *v) { return (kevy_store *)(void *)v; }

static kevy_status check(values *v, kevy_status status) {
  if (status >= 0) return status;
  fprintf(stderr, "kevy: %s\n", kevy_errmsg(store(v)));
  exit(1);
}

values *values_open(void) {
  kevy_store *s = NULL;
  if (kevy_open(NULL, &s) != KEVY_OK) exit(1);
  if (reply == NULL) reply = kevy_reply_new();
  return (values *)(void *)s;
}

void values_close(values *v) { kevy_close(store(v)); }

/* How many elements a command's array has. */
static uint64_t counted(values *v, size_t argc, const kevy_value *argv) {
  kevy_item item;
  check(v, kevy_call_typed(store(v), argc, argv, reply));
  kevy_reply_next(reply, &item);
  return item.count;
}

static kevy_value word(const char *text) { return kevy_bytes(text, strlen(text)); }

static uint64_t range(values *v, const char *command, kevy_value from, kevy_value to, bool limited) {
  kevy_value argv[] = {word(command), word("v"), from, to, word("LIMIT"), kevy_int(0), kevy_int(10)};
  return counted(v, limited ? 7 : 4, argv) == 10;
}

static uint64_t xrange(values *v, uint64_t id) {
  kevy_value argv[] = {word("XRANGE"), word("v"), kevy_int((int64_t)id), word("+"), word("COUNT"), kevy_int(10)};
  return counted(v, 6, argv) == 10;
}

static bool xadd(values *v, const item *i) {
  kevy_stream_id id = {i->id, 0};
  kevy_value fields[] = {word("a"), word("b")};
  kevy_value given[] = {kevy_bytes(i->value, 8), kevy_bytes(i->value + 8, 8)};
  return check(v, kevy_xadd(store(v), "v", 1, &id, 2, fields, given, 0)) == KEVY_OK;
}

static bool small_hset(values *v, const item *i) {
  kevy_value fields[] = {kevy_bytes(i->name, 8), kevy_bytes(i->name + 8, 8)};
  kevy_value given[] = {kevy_bytes(i->value, 8), kevy_bytes(i->value + 8, 8)};
  return check(v, kevy_hset(store(v), i->key, 10, 2, fields, given, 0, NULL)) == KEVY_OK;
}

static bool rotate(values *v, const item *i) {
  kevy_value given = kevy_bytes(i->value, 16), out;
  check(v, kevy_push(store(v), "v", 1, 1, &given, KEVY_LEFT, NULL));
  return check(v, kevy_pop(store(v), "v", 1, 0, &out)) == KEVY_OK;
}

static kevy_value field(const item *i) { return kevy_bytes(i->name, 8); }
static kevy_value member(const item *i, size_t len) { return kevy_bytes(i->name, len); }
static kevy_value value(const item *i) { return kevy_bytes(i->value, 16); }

static uint64_t hset(kevy_store *s, const item *i) {
  kevy_value f = field(i), v = value(i);
  uint64_t n = 0;
  check((values *)(void *)s, kevy_hset(s, "v", 1, 1, &f, &v, 0, &n));
  return n;
}
static uint64_t hget(kevy_store *s, const char *key, size_t klen, const item *i, size_t len) {
  kevy_value f = field(i), out;
  return kevy_hget(s, key, klen, &f, &out) == KEVY_OK && out.len == len;
}
static uint64_t sadd(kevy_store *s, const char *key, size_t klen, const item *i, size_t len) {
  kevy_value m = member(i, len);
  uint64_t n = 0;
  check((values *)(void *)s, kevy_sadd(s, key, klen, 1, &m, 0, &n));
  return n;
}
static uint64_t sismember(kevy_store *s, const item *i) {
  kevy_value m = member(i, 16);
  return kevy_sismember(s, "v", 1, &m) == KEVY_OK;
}
static uint64_t zadd(kevy_store *s, const item *i) {
  kevy_value m = member(i, 16);
  uint64_t n = 0;
  check((values *)(void *)s, kevy_zadd(s, "v", 1, 1, &m, &i->score, 0, &n));
  return n;
}
static uint64_t zscore(kevy_store *s, const item *i) {
  kevy_value m = member(i, 16);
  double score;
  return kevy_zscore(s, "v", 1, &m, &score) == KEVY_OK;
}
static uint64_t zrank(kevy_store *s, const item *i) {
  kevy_value m = member(i, 16);
  uint64_t rank;
  return kevy_zrank(s, "v", 1, &m, 0, &rank, NULL) == KEVY_OK;
}
static uint64_t rpush(kevy_store *s, const item *i) {
  kevy_value v = value(i);
  return check((values *)(void *)s, kevy_push(s, "v", 1, 1, &v, 0, NULL)) == KEVY_OK;
}

/* Each operation is a loop of its own, as the compiler makes them of a Rust crate's. */
#define ALL(call)                                                                                  \
  for (const item *i = items; i < items + n; i++) sum += (call);                                   \
  break

uint64_t values_run(values *v, operation op, const item *items, size_t n) {
  kevy_store *s = store(v);
  uint64_t sum = 0;
  switch (op) {
    case HSET: ALL(hset(s, i));
    case HGET: ALL(hget(s, "v", 1, i, 16));
    case SADD: ALL(sadd(s, "v", 1, i, 16));
    case SISMEMBER: ALL(sismember(s, i));
    case ZADD: ALL(zadd(s, i));
    case ZSCORE: ALL(zscore(s, i));
    case ZRANK: ALL(zrank(s, i));
    case ZRANGE: ALL(range(v, "ZRANGE", kevy_int((int64_t)i->id), kevy_int((int64_t)i->id + 9), false));
    case ZRANGEBYSCORE: ALL(range(v, "ZRANGEBYSCORE", kevy_float(i->score), kevy_float(i->score + 9), false));
    case RPUSH: ALL(rpush(s, i));
    case ROTATE: ALL(rotate(v, i));
    case XADD: ALL(xadd(v, i));
    case XRANGE: ALL(xrange(v, i->id));
    case SMALL_HSET: ALL(small_hset(v, i));
    case SMALL_HGET: ALL(hget(s, i->key, 10, i, 8));
    case SMALL_SADD: ALL(sadd(s, i->key, 10, i, 24));
    default: ALL(kevy_delete(s, "v", 1) == KEVY_OK);
  }
  return sum;
}

void *values_snapshot(values *v) {
  kevy_store *snapshot = NULL;
  check(v, kevy_snapshot(store(v), &snapshot));
  return snapshot;
}
void values_snapshot_close(void *snapshot) { kevy_close(snapshot); }

uint64_t values_used(values *v) { return kevy_used_memory(store(v)); }

/* A figure of kevy_info, whose place is looked up once. */
static uint64_t figure(values *v, const char *wanted, size_t *at) {
  const char *name;
  kevy_value value;
  while (kevy_info(store(v), *at, &name, &value) == KEVY_OK && strcmp(name, wanted) != 0) ++*at;
  return (uint64_t)value.as.i;
}

int values_work(values *v, uint64_t *entries, uint64_t *bytes) {
  static size_t moved, copied;
  *entries = figure(v, "work_entries_moved", &moved);
  *bytes = figure(v, "work_bytes_copied", &copied);
  return 1;
}
