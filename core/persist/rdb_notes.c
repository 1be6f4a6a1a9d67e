/* rdb_notes: what AUX ops of ours tell of the next key; see rdb.h and rdb_reader.h. */
#include <stdlib.h>

#include "../number.h"
#include "rdb_reader.h"

static kevy_status rdb_note_add(rdb_reader *r, rdb_note *n, const char *bytes, size_t len) {
  if (n->capacity - n->len < len) {
    size_t capacity = 2 * n->capacity > n->len + len ? 2 * n->capacity : n->len + len;
    char *larger = realloc(n->bytes, capacity);
    if (larger == NULL) return rdb_source_fail(&r->in, KEVY_EOOM, "no memory to read with");
    n->bytes = larger;
    n->capacity = capacity;
  }
  if (len != 0) memcpy(n->bytes + n->len, bytes, len);
  n->len += len;
  return KEVY_OK;
}

kevy_status rdb_note_take(rdb_reader *r, const char *bytes, size_t len) {
  switch (len != 0 ? bytes[0] : 0) {
    case RDB_AUX_KINDS:
      if (len != 3) return rdb_corrupt(&r->in, "kinds of %zu bytes", len);
      r->kinds = (rdb_kinds)((uint8_t)bytes[1] | (unsigned)(uint8_t)bytes[2] << 8);
      return KEVY_OK;
    case RDB_AUX_ELEMENTS: return rdb_note_add(r, &r->elements, bytes + 1, len - 1);
    case RDB_AUX_DEADLINES: return rdb_note_add(r, &r->deadlines, bytes + 1, len - 1);
    case RDB_AUX_ACTIVE: return rdb_note_add(r, &r->active, bytes + 1, len - 1);
    default: return KEVY_OK; /* of a kevy to come */
  }
}

static bool rdb_note_over(const rdb_note *n) { return n->used == n->len; }

/* The next varint of a note that is not over. */
static kevy_status rdb_note_varint(rdb_reader *r, rdb_note *n, uint64_t *out) {
  const char *next = rdb_varint_take(n->bytes + n->used, n->bytes + n->len, out);
  if (next == NULL) return rdb_corrupt(&r->in, "what is told of the key ends too early");
  n->used = (size_t)(next - n->bytes);
  return KEVY_OK;
}

kevy_status rdb_notes_end(rdb_reader *r) {
  bool over = r->run == 0 && rdb_note_over(&r->elements) && rdb_note_over(&r->deadlines) && !r->told;
  r->elements.len = r->elements.used = r->run = 0;
  r->deadlines.len = r->deadlines.used = 0;
  r->active.len = r->active.used = 0;
  r->told = false;
  r->deadline = 0;
  return over ? KEVY_OK : rdb_corrupt(&r->in, "more is told of the key than it has elements");
}

/* ---- kinds ---- */

static kevy_status rdb_next_kind(rdb_reader *r, uint32_t *kind) {
  uint64_t run;
  if (r->run == 0) {
    kevy_status status = rdb_note_varint(r, &r->elements, &run);
    if (status != KEVY_OK) return status;
    r->kind = run & 3;
    r->run = (run >> 2) + 1;
  }
  r->run--;
  *kind = r->kind;
  return KEVY_OK;
}

static kevy_status rdb_scalar_told(rdb_reader *r, rdb_role role, const kevy_value *raw, char digits[24],
                                   kevy_value *out) {
  uint32_t kind;
  kevy_status status = rdb_next_kind(r, &kind);
  if (status != KEVY_OK) return status;
  const char *ptr = raw->as.ptr;
  size_t len = raw->len;
  if (raw->kind == KEVY_INT) {
    len = number_format_int(raw->as.i, digits);
    ptr = digits;
  }
  if (kind == KEVY_FLOAT && role != RDB_VALUE) return rdb_corrupt(&r->in, "a float where there can be none");
  return rdb_kind_apply(kind, ptr, len, out) ? KEVY_OK : rdb_corrupt(&r->in, "a string that is no number, told to be one");
}

kevy_status rdb_scalar(rdb_reader *r, rdb_role role, const kevy_value *raw, char digits[24], kevy_value *out) {
  if (UNLIKELY(r->elements.len != 0) && role != RDB_KEY) return rdb_scalar_told(r, role, raw, digits, out);
  if (raw->kind == KEVY_INT) *out = rdb_kinds_read_int(r->kinds, role, raw->as.i, digits);
  else *out = rdb_kinds_read(r->kinds, role, raw->as.ptr, raw->len);
  return KEVY_OK;
}

/* ---- deadlines ---- */

kevy_status rdb_field_deadline(rdb_reader *r, int64_t *out) {
  *out = KEVY_NO_TTL;
  if (LIKELY(r->deadlines.len == 0)) return KEVY_OK;
  if (!r->told) {
    if (rdb_note_over(&r->deadlines)) return KEVY_OK;
    kevy_status status = rdb_note_varint(r, &r->deadlines, &r->gap);
    if (status != KEVY_OK) return status;
    r->told = true;
  }
  if (r->gap != 0) {
    r->gap--;
    return KEVY_OK;
  }
  uint64_t later;
  kevy_status status = rdb_note_varint(r, &r->deadlines, &later);
  if (status != KEVY_OK) return status;
  if (__builtin_add_overflow(r->deadline, rdb_unzigzag(later), &r->deadline) || r->deadline < 0)
    return rdb_corrupt(&r->in, "a deadline beyond time");
  r->told = false;
  *out = r->deadline;
  return KEVY_OK;
}

kevy_status rdb_consumer_active(rdb_reader *r, int64_t *out) {
  if (rdb_note_over(&r->active)) return KEVY_OK;
  uint64_t time;
  kevy_status status = rdb_note_varint(r, &r->active, &time);
  if (status == KEVY_OK) *out = rdb_unzigzag(time);
  return status;
}
