/* engine: what a store must offer to be measured by driver.c. One backend is linked per program: kevy.c,
 * table.c (the floor) or a Rust crate, so that clocks, keys and loops around them are the same code.
 *
 * The inner loops live in the backend, where the engine's own language may inline what it can; key
 * and value lengths are arguments, so that no compiler specialises on them. Loops return
 * ENGINE_HIT per key found plus the last byte of its value: the driver checks the hits, and the value
 * has to be read. */
#ifndef BENCH_ENGINE_H
#define BENCH_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ENGINE_HIT (UINT64_C(1) << 32)
#define ENGINE_BATCH 16

typedef struct engine engine;

/* Keys to look up, and pairs to store, in the order of use. */
typedef struct lookup {
  char key[16];
} lookup;
typedef struct pair {
  char key[16];
  char value[16];
} pair;

engine *engine_open(void);
void engine_close(engine *e);
void engine_clear(engine *e);

uint64_t engine_get(engine *e, const lookup *keys, size_t n, size_t klen);

/* The same in batches of ENGINE_BATCH; one by one where the engine has no batch call. */
uint64_t engine_mget(engine *e, const lookup *keys, size_t n, size_t klen);

/* ttl_ms 0 is none. */
void engine_set(engine *e, const pair *pairs, size_t n, size_t klen, size_t vlen, int64_t ttl_ms);

/* Opens and releases a view of this moment; NULL where the engine has none. */
void *engine_snapshot(engine *e);
void engine_snapshot_close(void *snapshot);

/* The engine's own account of its memory, 0 where it keeps none. */
uint64_t engine_used(engine *e);

/* Totals since open: entries moved by growth, bytes copied or zeroed. False where nobody counts. */
bool engine_work(engine *e, uint64_t *entries, uint64_t *bytes);

#endif
