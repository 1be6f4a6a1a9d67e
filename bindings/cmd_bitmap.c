/* cmd_bitmap.c: the handlers of the commands on strings as arrays of bits.
 *
 * What is asked for is read first, then the key, as Redis 7.2 does. Offsets count bits of at most 512 MB of bytes. What is
 * written grows the value as SETRANGE does. */
#include "command.h"

#include <stdlib.h>

#include "../core/bits.h"
#include "../core/keyspace.h"
#include "../core/type_string.h"
#include "notify.h"

#define BITMAP_OFFSET "ERR bit offset is not an integer or out of range"
#define BITMAP_BIT "ERR bit is not an integer or out of range"

/* ---- Arguments --------------------------------------------------------------------------------- */

/* An offset in bits; "#2" is the third of fields that are `width` bits wide, where that is not 0. */
static bool bitmap_offset(command_call *c, const kevy_value *arg, uint32_t width, uint64_t *offset) {
  int64_t n;
  bool fields = width != 0 && arg->len != 0 && arg->as.ptr[0] == '#';
  if (number_parse_int(arg->as.ptr + fields, arg->len - fields, &n) && n >= 0 &&
      !(fields && __builtin_mul_overflow(n, (int64_t)width, &n)) && (uint64_t)n / 8 < KEVY_MAX_LEN) {
    *offset = (uint64_t)n;
    return true;
  }
  command_fail(c, BITMAP_OFFSET);
  return false;
}

/* BYTE or BIT, where there is such an argument. */
static bool bitmap_unit(command_call *c, size_t at, bool *in_bits) {
  *in_bits = at < c->argc && command_is(&c->argv[at], "BIT");
  if (at >= c->argc || *in_bits || command_is(&c->argv[at], "BYTE")) return true;
  command_fail(c, COMMAND_SYNTAX);
  return false;
}

/* The bytes of a string that is read. */
typedef struct bitmap {
  bits_source of;
  bool exists;
  char digits[NUMBER_FLOAT_MAX];
} bitmap;

static bool bitmap_read(command_call *c, const kevy_value *key, bitmap *m) {
  kevy_value value = kevy_bytes("", 0);
  kevy_status status = string_get(c->store, key->as.ptr, key->len, &value);
  if (status < 0) {
    command_error(c, status);
    return false;
  }
  m->exists = status == KEVY_OK;
  value = number_byte_form(&value, m->digits);
  m->of = (bits_source){value.as.ptr, value.len};
  return true;
}

/* A range of bytes, or of bits, as Redis cuts it to the string; then in bits. False: it is empty. */
static bool bitmap_range(const bitmap *m, int64_t *first, int64_t *last, bool in_bits) {
  int64_t n = (int64_t)m->of.len * (in_bits ? 8 : 1);
  if (*first < 0) *first = *first < -n ? 0 : *first + n;
  if (*last < 0) *last = *last < -n ? 0 : *last + n;
  if (*last >= n) *last = n - 1;
  if (*first > *last) return false;
  if (!in_bits) {
    *first *= 8;
    *last = *last * 8 + 7;
  }
  return true;
}

/* ---- Single bits ------------------------------------------------------------------------------- */

void cmd_getbit(command_call *c) {
  uint64_t at;
  bitmap m;
  if (!bitmap_offset(c, &c->argv[2], 0, &at) || !bitmap_read(c, &c->argv[1], &m)) return;
  sink_integer(c->out, at / 8 < m.of.len && bits_get(m.of.bytes, at));
}

/* Sets a bit; what it was. A bit that is as it should be is not written. */
static kevy_status bitmap_set(command_call *c, uint64_t at, bool on, bool *was) {
  string_edit e;
  kevy_status status = string_edit_open(c->store, &e, c->argv[1].as.ptr, c->argv[1].len);
  if (status != KEVY_OK) return status;
  bool inside = at / 8 < e.old_len;
  *was = inside && bits_get(e.old, at);
  if (inside && *was == on) return KEVY_OK;
  status = string_edit_resize(c->store, &e, inside ? e.old_len : at / 8 + 1);
  if (status != KEVY_OK) return status;
  bits_set(e.bytes, at, on);
  return string_edit_close(c->store, &e, command_key_flag(c, 1));
}

void cmd_setbit(command_call *c) {
  uint64_t at;
  int64_t on;
  bool was;
  if (!bitmap_offset(c, &c->argv[2], 0, &at)) return;
  if (!number_parse_int(c->argv[3].as.ptr, c->argv[3].len, &on) || on < 0 || on > 1) {
    command_fail(c, BITMAP_BIT);
    return;
  }
  kevy_status status = bitmap_set(c, at, on, &was);
  if (status < 0) command_error(c, status);
  else sink_integer(c->out, was);
}

/* ---- Counting and finding ---------------------------------------------------------------------- */

void cmd_bitcount(command_call *c) {
  int64_t first = 0, last = -1;
  bool in_bits;
  bitmap m;
  if (c->argc == 3 || c->argc > 5) {
    command_fail(c, COMMAND_SYNTAX);
    return;
  }
  if (c->argc > 2 && (!command_int(c, &c->argv[2], &first) || !command_int(c, &c->argv[3], &last))) return;
  if (!bitmap_unit(c, 4, &in_bits) || !bitmap_read(c, &c->argv[1], &m)) return;
  bool backwards = first < 0 && last < 0 && first > last;
  bool some = !backwards && bitmap_range(&m, &first, &last, in_bits);
  sink_integer(c->out, some ? (int64_t)bits_count(m.of.bytes, (uint64_t)first, (uint64_t)last) : 0);
}

/* Where a bit was looked for without an end and in vain, clear ones follow behind the string. */
void cmd_bitpos(command_call *c) {
  int64_t bit, first = 0, last = -1;
  bool in_bits;
  bitmap m;
  if (!command_int(c, &c->argv[2], &bit)) return;
  bool wrong = bit < 0 || bit > 1;
  if (wrong || c->argc > 6) {
    command_fail(c, wrong ? "ERR The bit argument must be 1 or 0." : COMMAND_SYNTAX);
    return;
  }
  if (c->argc > 3 && !command_int(c, &c->argv[3], &first)) return;
  if (!bitmap_unit(c, 5, &in_bits) || (c->argc > 4 && !command_int(c, &c->argv[4], &last))) return;
  if (!bitmap_read(c, &c->argv[1], &m)) return;
  int64_t found = -1;
  if (!m.exists) {
    found = bit ? -1 : 0;
  } else if (bitmap_range(&m, &first, &last, in_bits)) {
    found = bits_find(m.of.bytes, (uint64_t)first, (uint64_t)last, bit);
    if (found < 0 && !bit && c->argc < 5) found = (int64_t)m.of.len * 8;
  }
  sink_integer(c->out, found);
}

/* ---- BITOP ------------------------------------------------------------------------------------- */

static bool bitmap_operation(const kevy_value *arg, bits_operation *operation) {
  static const char *const names[] = {[BITS_AND] = "AND", [BITS_OR] = "OR", [BITS_XOR] = "XOR", [BITS_NOT] = "NOT"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    *operation = (bits_operation)i;
    if (command_is(arg, names[i])) return true;
  }
  return false;
}

/* Puts the combination of the sources, len bytes long, in the destination's place; nothing, when it is empty. */
static kevy_status bitmap_store(command_call *c, bits_operation operation, const bits_source *sources, size_t n, size_t len) {
  const kevy_value *to = &c->argv[2];
  if (len == 0) return keyspace_delete(c->store, to->as.ptr, to->len);
  string_edit e;
  kevy_status status = string_edit_open_whole(c->store, &e, to->as.ptr, to->len);
  if (status == KEVY_OK) status = string_edit_resize(c->store, &e, len);
  if (status != KEVY_OK) return status;
  bits_combine(e.bytes, len, operation, sources, n);
  return string_edit_close(c->store, &e, command_key_flag(c, 2));
}

static void bitmap_combine(command_call *c, bits_operation operation, bitmap *maps, bits_source *sources) {
  size_t n = c->argc - 3, len = 0;
  for (size_t i = 0; i < n; i++) {
    if (!bitmap_read(c, &c->argv[3 + i], &maps[i])) return;
    sources[i] = maps[i].of;
    if (sources[i].len > len) len = sources[i].len;
  }
  kevy_status status = bitmap_store(c, operation, sources, n, len);
  if (status < 0) command_error(c, status);
  else sink_integer(c->out, (int64_t)len);
}

#define BITMAP_FEW 8

void cmd_bitop(command_call *c) {
  bits_operation operation;
  if (!bitmap_operation(&c->argv[1], &operation)) {
    command_fail(c, COMMAND_SYNTAX);
    return;
  }
  size_t n = c->argc - 3, each = sizeof(bitmap) + sizeof(bits_source);
  if (operation == BITS_NOT && n != 1) {
    command_fail(c, "ERR BITOP NOT must be called with a single source key.");
    return;
  }
  bitmap few[BITMAP_FEW], *maps = few;
  bits_source few_sources[BITMAP_FEW], *sources = few_sources;
  if (n > BITMAP_FEW) {
    maps = n <= SIZE_MAX / each ? malloc(n * each) : NULL;
    sources = (bits_source *)(void *)(maps + n);
  }
  if (maps == NULL) command_error(c, KEVY_EOOM);
  else bitmap_combine(c, operation, maps, sources);
  if (maps != few) free(maps);
}

/* ---- BITFIELD ---------------------------------------------------------------------------------- */

typedef enum bitfield_verb { BITFIELD_GET, BITFIELD_SET, BITFIELD_INCRBY } bitfield_verb;

typedef struct bitfield_step {
  bitfield_verb verb;
  bits_overflow overflow;
  bits_field field;
  int64_t value; /* what is set or added, and then what is answered */
  bool refused;
} bitfield_step;

typedef struct bitfield {
  size_t count;
  bool writes;
  uint64_t bytes; /* that the fields written need */
  bitfield_step *steps;
} bitfield;

/* "i16", "u8" */
static bool bitfield_type(command_call *c, const kevy_value *arg, bits_field *f) {
  int64_t width = 0;
  size_t len = strnlen(arg->as.ptr, arg->len); /* as far as Redis reads it */
  f->is_signed = len != 0 && arg->as.ptr[0] == 'i';
  bool known = len != 0 && (f->is_signed || arg->as.ptr[0] == 'u') && number_parse_int(arg->as.ptr + 1, len - 1, &width);
  f->width = (uint32_t)width;
  if (known && width >= 1 && width <= (f->is_signed ? 64 : 63)) return true;
  command_fail(c, "ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.");
  return false;
}

static bool bitfield_read_overflow(command_call *c, const kevy_value *arg, bits_overflow *overflow) {
  if (command_is(arg, "WRAP")) *overflow = BITS_WRAP;
  else if (command_is(arg, "SAT")) *overflow = BITS_SATURATE;
  else if (command_is(arg, "FAIL")) *overflow = BITS_FAIL;
  else command_fail(c, "ERR Invalid OVERFLOW type specified");
  return !c->erred;
}

/* How many arguments a step has behind its word, which it names; 0: it is none, or they are not there. */
static size_t bitfield_verb_at(const command_call *c, size_t at, bitfield_verb *verb) {
  size_t left = c->argc - at - 1;
  const kevy_value *word = &c->argv[at];
  *verb = command_is(word, "GET") ? BITFIELD_GET : command_is(word, "SET") ? BITFIELD_SET : BITFIELD_INCRBY;
  if (*verb == BITFIELD_INCRBY && !command_is(word, "INCRBY")) return 0;
  size_t takes = *verb == BITFIELD_GET ? 2 : 3;
  return takes <= left ? takes : 0;
}

/* Reads the arguments of the step at `at`. */
static bool bitfield_read_step(command_call *c, bitfield *b, size_t at, bitfield_step *step) {
  if (!bitfield_type(c, &c->argv[at + 1], &step->field)) return false;
  if (!bitmap_offset(c, &c->argv[at + 2], step->field.width, &step->field.offset)) return false;
  if (step->verb == BITFIELD_GET) return true;
  uint64_t bytes = (step->field.offset + step->field.width - 1) / 8 + 1;
  if (bytes > b->bytes) b->bytes = bytes;
  b->writes = true;
  return command_int(c, &c->argv[at + 3], &step->value);
}

/* Reads all steps, before the first is done; false, having answered the error. */
static bool bitfield_read(command_call *c, bitfield *b) {
  bits_overflow overflow = BITS_WRAP;
  for (size_t at = 2; at < c->argc;) {
    bitfield_step *step = &b->steps[b->count];
    if (command_is(&c->argv[at], "OVERFLOW") && at + 1 < c->argc) {
      if (!bitfield_read_overflow(c, &c->argv[at + 1], &overflow)) return false;
      at += 2;
      continue;
    }
    *step = (bitfield_step){.overflow = overflow};
    size_t takes = bitfield_verb_at(c, at, &step->verb);
    if (takes == 0) command_fail(c, COMMAND_SYNTAX);
    if (takes == 0 || !bitfield_read_step(c, b, at, step)) return false;
    b->count++;
    at += 1 + takes;
  }
  return true;
}

/* Whether the field is another then. */
static bool bitfield_do(bitfield_step *step, char *bytes, size_t len) {
  int64_t old = bits_field_get(bytes, len, step->field), sum;
  bool sets = step->verb == BITFIELD_SET;
  if (step->verb == BITFIELD_GET) {
    step->value = old;
    return false;
  }
  step->refused = !bits_field_add(step->field, sets ? step->value : old, sets ? 0 : step->value, step->overflow, &sum);
  if (step->refused) return false;
  bits_field_set(bytes, step->field, sum);
  step->value = sets ? old : sum;
  return sum != old;
}

static void bitfield_answer(command_call *c, const bitfield *b) {
  sink_array(c->out, b->count);
  for (size_t i = 0; i < b->count; i++) {
    if (b->steps[i].refused) sink_nil(c->out);
    else sink_integer(c->out, b->steps[i].value);
  }
}

static void bitfield_look(command_call *c, bitfield *b) {
  bitmap m;
  if (UNLIKELY(c->store->told)) notify_nothing(c->store);
  if (!bitmap_read(c, &c->argv[1], &m)) return;
  for (size_t i = 0; i < b->count; i++)
    b->steps[i].value = bits_field_get(m.of.bytes, m.of.len, b->steps[i].field);
  bitfield_answer(c, b);
}

/* What leaves every field as it was is not written, and no event; unless it makes the string longer, and not every step is
 * refused. */
static void bitfield_write(command_call *c, bitfield *b) {
  string_edit e;
  bool changes = false, done = false;
  kevy_status status = string_edit_open(c->store, &e, c->argv[1].as.ptr, c->argv[1].len);
  if (status == KEVY_OK) status = string_edit_resize(c->store, &e, b->bytes > e.old_len ? b->bytes : e.old_len);
  for (size_t i = 0; status == KEVY_OK && i < b->count; i++) {
    changes |= bitfield_do(&b->steps[i], e.bytes, e.len);
    done |= b->steps[i].verb != BITFIELD_GET && !b->steps[i].refused;
  }
  bool grows = status == KEVY_OK && e.len > e.old_len;
  if (status == KEVY_OK && !changes && !grows) string_edit_abandon(c->store, &e);
  else if (status == KEVY_OK) status = string_edit_close(c->store, &e, command_key_flag(c, 1));
  if (UNLIKELY(c->store->told) && !changes && !(grows && done)) notify_nothing(c->store);
  if (status < 0) command_error(c, status);
  else bitfield_answer(c, b);
}

#define BITFIELD_FEW 16

static void bitfield_run(command_call *c, bool read_only) {
  bitfield_step few[BITFIELD_FEW];
  bitfield b = {.steps = few};
  size_t most = c->argc / 3; /* a step takes three arguments at least */
  if (most > BITFIELD_FEW) b.steps = most <= SIZE_MAX / sizeof *few ? malloc(most * sizeof *few) : NULL;
  if (b.steps == NULL) {
    command_error(c, KEVY_EOOM);
    return;
  }
  if (bitfield_read(c, &b)) {
    if (!b.writes) bitfield_look(c, &b);
    else if (read_only) command_fail(c, "ERR BITFIELD_RO only supports the GET subcommand");
    else bitfield_write(c, &b);
  }
  if (b.steps != few) free(b.steps);
}

void cmd_bitfield(command_call *c) { bitfield_run(c, false); }
void cmd_bitfield_ro(command_call *c) { bitfield_run(c, true); }
