/* Bytes become operations: on a store, its snapshots, its clock and its memory, beside the model that says
 * what must come out. Any disagreement, and any broken invariant at the end, aborts. */
#include "../core/internals.h"

#include "../core/check.h"
#include "../core/model.h"

static const uint8_t *input, *input_end;

/* A choice below n from the next byte, or the next four; 0 when the input is used up. */
static uint64_t choose_from_input(uint64_t n) {
  size_t wanted = n <= 256 ? 1 : 4;
  uint64_t x = 0;
  for (size_t i = 0; i < wanted && input < input_end; i++) x = x << 8 | *input++;
  return x % n;
}

enum { HELD = 3 };
typedef struct held {
  kevy_store *snapshot;
  model past;
} held;

static void held_close(held *h) {
  CHECK(model_matches(&h->past, h->snapshot));
  kevy_close(h->snapshot);
  model_close(&h->past);
  h->snapshot = NULL;
}

static void held_toggle(held *h, kevy_store *s, const model *m) {
  if (h->snapshot != NULL) {
    held_close(h);
    return;
  }
  if (kevy_snapshot(s, &h->snapshot) == KEVY_OK) model_copy(&h->past, m);
  else h->snapshot = NULL;
}

/* One op of which the n-th allocation fails: it either does without or changes nothing. */
static void failing_step(model *m, kevy_store *s) {
  op o;
  kevy_debug_fail_alloc(s, 1 + choose(6));
  op_choose(&o, m);
  result got = op_run(s, m, &o);
  kevy_debug_fail_alloc(s, 0);
  if (got.status == KEVY_EOOM) {
    CHECK(model_matches(m, s));
  } else {
    result want = op_expect(m, &o);
    CHECK(results_alike(&got, &want));
    result_release(&want);
  }
  result_release(&got);
  op_release(&o);
}

static void clear_both(model *m, kevy_store *s) {
  CHECK(kevy_clear(s) == KEVY_OK);
  for (uint32_t k = 0; k < m->keys; k++) model_remove(m, k);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (check.name == NULL) check_begin("fuzz_ops");
  choose = choose_from_input;
  input = data;
  input_end = data + size;
  kevy_store *s;
  REQUIRE(kevy_open(NULL, &s) == KEVY_OK);
  static model m;
  static held all[HELD];
  model_open(&m, s, 1 + (uint32_t)choose(100));
  for (int ops = 0; input < input_end && ops < 3000; ops++) {
    uint64_t what = choose(32);
    if (what < 25) model_step(&m, s);
    else if (what == 25) model_move_clock(&m, s);
    else if (what == 26) kevy_tick(s, 1 + choose(20), NULL);
    else if (what == 27) failing_step(&m, s);
    else if (what == 28 && choose(16) == 0) clear_both(&m, s);
    else held_toggle(&all[choose(HELD)], s, &m);
  }
  for (int i = 0; i < HELD; i++)
    if (all[i].snapshot != NULL) held_close(&all[i]);
  CHECK(model_matches(&m, s) && table_check(s->base, s->keys) && accounts_add_up(s));
  while (kevy_tick(s, 0, NULL) == KEVY_UNMET) continue;
  CHECK(figure(s, "retained_bytes") == 0 && figure(s, "snapshots") == 0 && figure(s, "pins") == 0);
  model_close(&m);
  kevy_close(s);
  if (check.failed != 0) abort();
  return 0;
}
