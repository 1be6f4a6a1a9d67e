/* values: what a store must offer for its collections to be measured by driver.c: one function that runs one
 * operation over a list of items. One backend is linked per program: kevy.c, or a Rust crate's values.rs, which
 * repeats this numbering. */
#ifndef BENCH_VALUES_H
#define BENCH_VALUES_H

#include <stddef.h>
#include <stdint.h>

/* One big value lives under the key "v"; small ones under keys of 10 bytes. */
typedef struct item {
  char name[24];  /* 8 bytes of it are a field, 16 a member, 24 the member of a small set */
  char value[16];
  char key[16];   /* 10 bytes: the key of a small value */
  double score;
  uint64_t id;    /* rank, ms of a stream's entry */
} item;

typedef enum operation {
  HSET, HGET, SADD, SISMEMBER, ZADD, ZSCORE, ZRANK,
  ZRANGE,        /* 10 by rank from id on */
  ZRANGEBYSCORE, /* the 10 from score on: scores are whole numbers without gaps */
  RPUSH,
  ROTATE,        /* LPUSH and RPOP */
  XADD,          /* id-0 with the fields a and b of 8 bytes each */
  XRANGE,        /* 10 from id on */
  SMALL_HSET,    /* a hash of two fields, 8 + 8 bytes each */
  SMALL_HGET, SMALL_SADD, DEL,
  OPERATIONS
} operation;

typedef struct values values;

values *values_open(void);
void values_close(values *v);

/* Returns how many items were found (reads) or added (writes). */
uint64_t values_run(values *v, operation op, const item *items, size_t n);

/* As engine.h. */
void *values_snapshot(values *v);
void values_snapshot_close(void *snapshot);
uint64_t values_used(values *v);
int values_work(values *v, uint64_t *entries, uint64_t *bytes);

#endif
