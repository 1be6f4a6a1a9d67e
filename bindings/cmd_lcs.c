/* cmd_lcs.c: LCS, the longest common subsequence of two strings. */
#include "command.h"

#include <stdlib.h>

#include "../core/lcs.h"
#include "../core/type_string.h"

typedef struct lcs_options {
  bool length, ranges, lengths; /* LEN, IDX, WITHMATCHLEN */
  int64_t least;                /* MINMATCHLEN */
} lcs_options;

static bool lcs_read_options(command_call *c, lcs_options *o) {
  *o = (lcs_options){.least = 0};
  for (size_t i = 3; i < c->argc; i++) {
    const kevy_value *word = &c->argv[i];
    if (command_is(word, "IDX")) {
      o->ranges = true;
    } else if (command_is(word, "LEN")) {
      o->length = true;
    } else if (command_is(word, "WITHMATCHLEN")) {
      o->lengths = true;
    } else if (command_is(word, "MINMATCHLEN") && i + 1 < c->argc) {
      if (!command_int(c, &c->argv[++i], &o->least)) return false;
    } else {
      command_fail(c, COMMAND_SYNTAX);
      return false;
    }
  }
  if (o->length && o->ranges) command_fail(c, "ERR If you want both the length and indexes, please just use IDX.");
  return !c->erred;
}

/* One of the two strings; "" where there is none. Of another type: false. */
static bool lcs_string(command_call *c, size_t key, char digits[NUMBER_FLOAT_MAX], kevy_value *value) {
  *value = kevy_bytes("", 0);
  if (string_get(c->store, c->argv[key].as.ptr, c->argv[key].len, value) < 0) return false;
  *value = number_byte_form(value, digits);
  return true;
}

static bool lcs_range_counts(const lcs_options *o, const lcs_range *r) {
  return o->least <= 0 || r->length >= (uint64_t)o->least;
}

static void lcs_answer_range(command_call *c, size_t first, size_t length) {
  sink_array(c->out, 2);
  sink_integer(c->out, (int64_t)first);
  sink_integer(c->out, (int64_t)(first + length - 1));
}

static void lcs_answer_ranges(command_call *c, const lcs *l, const lcs_options *o) {
  size_t count = 0;
  lcs_range r = {l->a_len, l->b_len, 0};
  while (lcs_next(l, &r)) count += lcs_range_counts(o, &r);
  sink_map(c->out, 2);
  sink_bytes(c->out, "matches", 7);
  sink_array(c->out, count);
  for (r = (lcs_range){l->a_len, l->b_len, 0}; lcs_next(l, &r);) {
    if (!lcs_range_counts(o, &r)) continue;
    sink_array(c->out, o->lengths ? 3 : 2);
    lcs_answer_range(c, r.a, r.length);
    lcs_answer_range(c, r.b, r.length);
    if (o->lengths) sink_integer(c->out, (int64_t)r.length);
  }
  sink_bytes(c->out, "len", 3);
  sink_integer(c->out, (int64_t)l->length);
}

static void lcs_answer_string(command_call *c, const lcs *l) {
  char *text = malloc(l->length + 1), *to = text + l->length;
  if (text == NULL) {
    command_error(c, KEVY_EOOM);
    return;
  }
  for (lcs_range r = {l->a_len, l->b_len, 0}; lcs_next(l, &r);) memcpy(to -= r.length, l->a + r.a, r.length);
  sink_bytes(c->out, text, l->length);
  free(text);
}

/* Looks at the keys' types before the options. */
void cmd_lcs(command_call *c) {
  char digits[2][NUMBER_FLOAT_MAX];
  kevy_value a, b;
  lcs_options o;
  lcs l;
  bool strings = lcs_string(c, 1, digits[0], &a);
  if (!lcs_string(c, 2, digits[1], &b) || !strings) {
    command_fail(c, "ERR The specified keys must contain string values");
    return;
  }
  if (!lcs_read_options(c, &o)) return;
  if (!lcs_fits(a.len, b.len)) {
    command_fail(c, "ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len");
    return;
  }
  if (!lcs_open(&l, a.as.ptr, a.len, b.as.ptr, b.len, !o.length))
    command_fail(c, "ERR Insufficient memory, failed allocating transient memory for LCS");
  else if (o.ranges) lcs_answer_ranges(c, &l, &o);
  else if (o.length) sink_integer(c->out, (int64_t)l.length);
  else lcs_answer_string(c, &l);
  lcs_close(&l);
}
