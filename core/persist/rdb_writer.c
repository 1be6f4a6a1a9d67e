/* rdb_writer: see rdb_writer.h. */
#include "rdb_writer.h"

/* ---- AUX ---- */

void rdb_aux(writer *w, const char *name, const char *value, size_t len) {
  rdb_put_byte(w, RDB_OP_AUX);
  rdb_put_string(w, name, strlen(name));
  rdb_put_length(w, len);
  writer_put(w, value, len);
}

void rdb_part_open(rdb_part *part, char letter) {
  part->letter = part->bytes[0] = letter;
  part->len = 1;
}

void rdb_part_flush(writer *w, rdb_part *part) {
  if (part->len > 1) rdb_aux(w, RDB_AUX, part->bytes, part->len);
  part->bytes[0] = part->letter;
  part->len = 1;
}

void rdb_part_add(writer *w, rdb_part *part, uint64_t n) {
  if (part->len > sizeof part->bytes - RDB_VARINT_MAX) rdb_part_flush(w, part);
  part->len += rdb_varint_put(part->bytes + part->len, n);
}

void rdb_runs_flush(writer *w, rdb_runs *r) {
  if (r->count != 0) rdb_part_add(w, &r->part, (r->count - 1) << 2 | r->kind);
  r->count = 0;
}

void rdb_runs_add(writer *w, rdb_runs *r, uint32_t kind) {
  if (kind != r->kind) rdb_runs_flush(w, r);
  r->kind = kind;
  r->count++;
}

void rdb_deadlines_add(writer *w, rdb_deadlines *d, int64_t deadline) {
  if (deadline == KEVY_NO_TTL) {
    d->gap++;
    return;
  }
  rdb_part_add(w, &d->part, d->gap);
  rdb_part_add(w, &d->part, rdb_zigzag(deadline - d->last));
  d->gap = 0;
  d->last = deadline;
}

void rdb_set_state(rdb_writer *rw, rdb_kinds state) {
  unsigned key = (unsigned)state >> rdb_kinds_shift(RDB_KEY, RDB_OTHER) & 3u;
  unsigned value = (unsigned)state >> rdb_kinds_shift(RDB_VALUE, RDB_OTHER) & 3u;
  rw->state = state;
  rw->plain = (uint8_t)(key << 4 | value);
}

static void rdb_aux_state(rdb_writer *rw, rdb_kinds state) {
  const char value[] = {RDB_AUX_KINDS, (char)state, (char)(state >> 8)};
  rdb_aux(rw->w, RDB_AUX, value, sizeof value);
  rdb_set_state(rw, state);
}

/* ---- kinds ---- */

static rdb_kinds rdb_kinds_of_key(rdb_kinds state, const char *ptr, size_t len, uint32_t kind) {
  int64_t i;
  double d;
  return rdb_kinds_with(state, rdb_kinds_shift(RDB_KEY, rdb_class_of(RDB_KEY, ptr, len, &i, &d)), kind);
}

rdb_kinds rdb_state_for_key(const rdb_writer *rw, const entry *e) {
  return rdb_kinds_of_key(rw->state, entry_key(e), entry_klen(e), entry_key_kind(e));
}

void rdb_announce(rdb_writer *rw, rdb_kinds state) {
  if (UNLIKELY(state != rw->state)) rdb_aux_state(rw, state);
}

void rdb_survey_add(rdb_survey *s, rdb_role role, const rdb_item *it) {
  s->kinds[rdb_kinds_shift(role, it->class) / 2] |= (uint8_t)(1u << it->kind);
  s->bytes += rdb_lp_size(it);
}

bool rdb_survey_state(const rdb_survey *s, rdb_kinds *state) {
  for (unsigned place = 0; place < 8; place++) {
    unsigned kinds = s->kinds[place];
    if (kinds == 0) continue;
    if ((kinds & (kinds - 1)) != 0) return false;
    *state = rdb_kinds_with(*state, 2 * place, (uint32_t)__builtin_ctz(kinds));
  }
  return true;
}

/* ---- keys ---- */

void rdb_put_key(rdb_writer *rw, const entry *e, unsigned type) {
  if (entry_has_deadline(e)) {
    rdb_put_byte(rw->w, RDB_OP_EXPIRETIME_MS);
    rdb_put_8(rw->w, (uint64_t)entry_deadline(e));
  }
  rdb_put_byte(rw->w, type);
  rdb_put_string(rw->w, entry_key(e), entry_klen(e));
}
