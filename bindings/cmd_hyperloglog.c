/* cmd_hyperloglog.c: the handlers of the commands on HyperLogLogs, which are strings (core/hyperloglog.h).
 *
 * Everything is worked out beside the store and put in its place at the end, but for dense ones, whose registers are raised
 * where they stand. Counting keeps its estimate in the value: a read that writes where it may. */
#include "command.h"

#include <stdio.h>
#include <stdlib.h>

#include "../core/hyperloglog.h"
#include "../core/type_string.h"
#include "config.h"
#include "propagate.h"

static void hll_fail_string(command_call *c) {
  command_fail(c, "WRONGTYPE Key is not a valid HyperLogLog string value.");
}
static void hll_fail_corrupt(command_call *c) { command_fail(c, "INVALIDOBJ Corrupted HLL object detected"); }

/* Reads a key. False, having answered the error, where it is no HyperLogLog. Without the key, len is 0. */
static bool hll_read(command_call *c, const kevy_value *key, const char **bytes, size_t *len) {
  kevy_value value = kevy_bytes("", 0);
  kevy_status status = string_get(c->store, key->as.ptr, key->len, &value);
  *bytes = value.as.ptr;
  *len = value.len;
  if (status < 0) command_error(c, status);
  else if (status == KEVY_OK && (value.kind > KEVY_TEXT || !hll_is(*bytes, *len))) hll_fail_string(c);
  return !c->erred;
}

/* A key that is going to be changed, and a copy of what it holds; an empty one where it is not there. */
typedef struct hll_draft {
  string_edit edit;
  size_t len;
  char bytes[HLL_MOST];
} hll_draft;

/* Opens the edit. False, having answered the error. */
static bool hll_open(command_call *c, const kevy_value *key, string_edit *e) {
  kevy_status status = string_edit_open(c->store, e, key->as.ptr, key->len);
  if (status < 0) command_error(c, status);
  else if (e->exists && !hll_is(e->old, e->old_len)) hll_fail_string(c);
  return !c->erred;
}

/* Copies what is there. */
static bool hll_draw(command_call *c, hll_draft *d) {
  d->len = d->edit.exists ? d->edit.old_len : HLL_EMPTY_BYTES;
  if (!d->edit.exists) hll_make(d->bytes);
  else if (d->len <= sizeof d->bytes) memcpy(d->bytes, d->edit.old, d->len);
  else hll_fail_corrupt(c);
  return !c->erred;
}

/* Bytes beyond which sparse ones do not grow. */
static size_t hll_most(const command_call *c) {
  int64_t most = config_number(c->store, CONFIG_HLL_SPARSE_MAX_BYTES);
  return most < HLL_MOST ? (size_t)most : HLL_MOST;
}

/* Puts the draft in its key's place. */
static kevy_status hll_store(command_call *c, hll_draft *d, size_t key) {
  kevy_status status = string_edit_resize(c->store, &d->edit, d->len);
  if (status != KEVY_OK) return status;
  memcpy(d->edit.bytes, d->bytes, d->len);
  return string_edit_close(c->store, &d->edit, command_key_flag(c, key));
}

/* ---- PFADD ------------------------------------------------------------------------------------- */

/* Raises the registers of a dense one, where it stands, from the first mark on that is higher. */
static kevy_status hll_add_dense(command_call *c, string_edit *e, const hll_mark *marks, size_t n, bool *raised) {
  size_t i = 0;
  while (i < n && !hll_dense_lacks(e->old, marks[i])) i++;
  *raised = i < n;
  if (!*raised) return KEVY_OK;
  kevy_status status = string_edit_resize(c->store, e, e->old_len);
  if (status != KEVY_OK) return status;
  for (; i < n; i++) hll_dense_raise(e->bytes, marks[i]);
  return string_edit_close(c->store, e, 0);
}

static void hll_add(command_call *c, const hll_mark *marks, size_t n) {
  hll_draft d;
  hll_hint hint = {0};
  size_t most = hll_most(c);
  kevy_status status = KEVY_OK;
  if (!hll_open(c, &c->argv[1], &d.edit)) return;
  bool raised = !d.edit.exists;
  if (d.edit.exists && hll_is_dense(d.edit.old)) {
    status = hll_add_dense(c, &d.edit, marks, n, &raised);
  } else {
    if (!hll_draw(c, &d)) return;
    if (raised) hll_outdate(d.bytes);
    hll_result result = HLL_SAME;
    for (size_t i = 0; i < n && result != HLL_INVALID; i++) {
      result = hll_raise(d.bytes, &d.len, most, marks[i], &hint);
      raised |= result == HLL_RAISED;
    }
    if (result == HLL_INVALID) {
      hll_fail_corrupt(c);
      return;
    }
    if (raised) status = hll_store(c, &d, 1);
  }
  if (status < 0) command_error(c, status);
  else sink_integer(c->out, raised);
}

#define HLL_FEW 64

/* All elements are hashed first: they may lie in what is changed. */
void cmd_pfadd(command_call *c) {
  hll_mark few[HLL_FEW] = {{0, 0}}, *marks = few;
  size_t n = c->argc - 2;
  if (n > HLL_FEW) marks = malloc(n * sizeof *marks);
  if (marks == NULL) {
    command_error(c, KEVY_EOOM);
    return;
  }
  for (size_t i = 0; i < n; i++) marks[i] = hll_mark_of(c->argv[2 + i].as.ptr, c->argv[2 + i].len);
  hll_add(c, marks, n);
  if (marks != few) free(marks);
}

/* ---- PFCOUNT ----------------------------------------------------------------------------------- */

/* Keeps the estimate in the value; not in a snapshot, and not without memory. */
static void hll_keep(command_call *c, uint64_t count) {
  kevy_store *s = c->store;
  const kevy_value *key = &c->argv[1];
  kevy_value again[] = {effect_word("PFCOUNT"), effect_bytes(key->as.ptr, key->len)};
  string_edit e;
  if (store_writable(s) != KEVY_OK) return;
  if (effect_kept(s)) propagate_words(s, 2, again);
  kevy_status status = string_edit_open(s, &e, key->as.ptr, key->len);
  if (status == KEVY_OK && e.exists) status = string_edit_resize(s, &e, e.old_len);
  if (status == KEVY_OK && e.exists) {
    hll_cache(e.bytes, count);
    status = string_edit_close(s, &e, 0);
  }
  if (effect_kept(s)) effect_end(s, status);
}

static void hll_count_one(command_call *c) {
  const char *bytes;
  size_t len;
  uint64_t count = 0;
  if (!hll_read(c, &c->argv[1], &bytes, &len)) return;
  if (len != 0 && !hll_cached(bytes, &count)) {
    if (!hll_count(bytes, len, &count)) {
      hll_fail_corrupt(c);
      return;
    }
    hll_keep(c, count);
  }
  sink_integer(c->out, (int64_t)count);
}

/* Merges the keys from argument 1 on, which may be missing. False, having answered the error. */
static bool hll_merge_keys(command_call *c, uint8_t registers[HLL_REGISTERS], bool *dense) {
  memset(registers, 0, HLL_REGISTERS);
  *dense = false;
  for (size_t i = 1; i < c->argc; i++) {
    const char *bytes;
    size_t len;
    if (!hll_read(c, &c->argv[i], &bytes, &len)) return false;
    if (len == 0) continue;
    *dense |= hll_is_dense(bytes);
    if (hll_merge(registers, bytes, len)) continue;
    hll_fail_corrupt(c);
    return false;
  }
  return true;
}

void cmd_pfcount(command_call *c) {
  uint8_t registers[HLL_REGISTERS];
  bool dense;
  if (c->argc == 2) hll_count_one(c);
  else if (hll_merge_keys(c, registers, &dense)) sink_integer(c->out, (int64_t)hll_count_registers(registers));
}

/* ---- PFMERGE ----------------------------------------------------------------------------------- */

/* The destination is one of the sources. It turns dense when one of them is. */
void cmd_pfmerge(command_call *c) {
  uint8_t registers[HLL_REGISTERS];
  bool dense;
  hll_draft d;
  hll_hint hint = {0};
  size_t most = hll_most(c);
  if (!hll_merge_keys(c, registers, &dense) || !hll_open(c, &c->argv[1], &d.edit) || !hll_draw(c, &d)) return;
  if (dense) hll_to_dense(d.bytes, &d.len);
  for (uint16_t i = 0; i < HLL_REGISTERS; i++)
    if (registers[i] != 0) hll_raise(d.bytes, &d.len, most, (hll_mark){i, registers[i]}, &hint);
  hll_outdate(d.bytes);
  kevy_status status = hll_store(c, &d, 1);
  if (status < 0) command_error(c, status);
  else sink_status(c->out, "OK");
}

/* ---- PFDEBUG and PFSELFTEST ---------------------------------------------------------------------- */

/* Turns the key's value dense, where it is sparse. False, having answered the error. */
static bool hll_debug_dense(command_call *c, hll_draft *d) {
  if (hll_is_dense(d->bytes)) return true;
  if (!hll_to_dense(d->bytes, &d->len)) {
    hll_fail_corrupt(c);
    return false;
  }
  kevy_status status = hll_store(c, d, 2);
  if (status < 0) command_error(c, status);
  return status == KEVY_OK;
}

static void hll_debug_registers(command_call *c, hll_draft *d) {
  uint8_t registers[HLL_REGISTERS] = {0};
  if (!hll_debug_dense(c, d)) return;
  hll_merge(registers, d->bytes, d->len);
  sink_array(c->out, HLL_REGISTERS);
  for (size_t i = 0; i < HLL_REGISTERS; i++) sink_integer(c->out, registers[i]);
}

/* "Z:16379 v:2,1 z:4" */
static void hll_debug_decode(command_call *c, const hll_draft *d) {
  size_t room = d->len * 12 + 1, len = 0, at = HLL_HEADER;
  char *text = malloc(room);
  hll_run run;
  if (text == NULL) {
    command_error(c, KEVY_EOOM);
    return;
  }
  while (hll_run_next(d->bytes, d->len, &at, &run)) {
    const char *gap = len != 0 ? " " : "";
    int wrote = run.value != 0 ? snprintf(text + len, room - len, "%sv:%u,%u", gap, run.value, run.length)
                               : snprintf(text + len, room - len, "%s%c:%u", gap, run.wide ? 'Z' : 'z', run.length);
    len += (size_t)wrote;
  }
  sink_bytes(c->out, text, len);
  free(text);
}

static void hll_debug_unknown(command_call *c) {
  command_text t = {.len = 0};
  command_text_add(&t, "ERR Unknown PFDEBUG subcommand '");
  command_text_add_arg(&t, &c->argv[1], c->argv[1].len);
  command_text_add(&t, "'");
  command_fail_text(c, &t);
}

void cmd_pfdebug(command_call *c) {
  hll_draft d;
  const kevy_value *what = &c->argv[1];
  if (!hll_open(c, &c->argv[2], &d.edit)) return;
  if (!d.edit.exists) {
    command_fail(c, "ERR The specified key does not exist");
    return;
  }
  if (!hll_draw(c, &d)) return;
  bool dense = hll_is_dense(d.bytes);
  if (command_is(what, "GETREG")) hll_debug_registers(c, &d);
  else if (command_is(what, "DECODE") && dense) command_fail(c, "ERR HLL encoding is not sparse");
  else if (command_is(what, "DECODE")) hll_debug_decode(c, &d);
  else if (command_is(what, "ENCODING")) sink_status(c->out, dense ? "dense" : "sparse");
  else if (!command_is(what, "TODENSE")) hll_debug_unknown(c);
  else if (hll_debug_dense(c, &d)) sink_integer(c->out, !dense);
}

/* Adds to a sparse one and to a dense one, which must always agree, and be near the truth. */
void cmd_pfselftest(command_call *c) {
  char sparse[HLL_MOST], dense[HLL_MOST];
  size_t len = HLL_EMPTY_BYTES, dense_len = HLL_EMPTY_BYTES;
  hll_make(sparse);
  hll_make(dense);
  hll_to_dense(dense, &dense_len);
  for (uint64_t i = 1; i <= 10000; i++) {
    hll_hint hint = {0};
    hll_mark m = hll_mark_of((const char *)&i, sizeof i);
    uint64_t a, b;
    bool same = hll_raise(sparse, &len, HLL_SPARSE_MOST, m, &hint) == hll_dense_raise(dense, m);
    if (i % 100 == 0) same = same && hll_count(sparse, len, &a) && hll_count(dense, dense_len, &b) && a == b &&
                             a > i - i / 20 - 5 && a < i + i / 20 + 5;
    if (same) continue;
    command_fail(c, "TESTFAILED dense/sparse disagree");
    return;
  }
  sink_status(c->out, "OK");
}
