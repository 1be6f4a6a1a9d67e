/* hash_number: HINCRBY and its kin: a field as a number. */
#include <math.h>
#include <stdlib.h>

#include "hash_forms.h"

/* The value to add to, in its kind; an int 0 for a missing field. */
static kevy_status hash_operand(kevy_store *s, probe *p, const char *key, size_t klen, const kevy_value *field,
                                kevy_value *v, char digits[PACKED_NUMBER]) {
  member_name f;
  kevy_status status = member_name_of(&f, field);
  if (status == KEVY_OK) status = collection_write(s, p, key, klen, KEVY_TYPE_HASH);
  if (status != KEVY_OK) return status;
  if (p->live != NULL && hash_lookup(s, p->live, &f, v, NULL, digits) == KEVY_OK) return KEVY_OK;
  *v = (kevy_value){KEVY_INT, 0, 0, {.i = 0}};
  return KEVY_OK;
}

static kevy_status hash_put_sum(kevy_store *s, probe *p, const kevy_value *field, const kevy_value *sum,
                                uint32_t flags) {
  hash_change ch = {1, field, sum, KEVY_NO_TTL, (flags & KEVY_TEXT_KEY) | KEVY_KEEPTTL, 0, NULL};
  return hash_apply(s, p, &ch);
}

kevy_status hash_incr(kevy_store *s, const char *key, size_t klen, const kevy_value *field, int64_t by, uint32_t flags,
                      int64_t *out) {
  probe p;
  kevy_value v;
  char digits[PACKED_NUMBER], buf[NUMBER_FLOAT_MAX];
  kevy_status status = hash_operand(s, &p, key, klen, field, &v, digits);
  if (status != KEVY_OK) return status;
  int64_t before = v.as.i;
  if (v.kind != KEVY_INT) {
    kevy_value bytes = number_byte_form(&v, buf);
    if (!number_parse_int(bytes.as.ptr, bytes.len, &before)) return KEVY_ENOTINT;
  }
  kevy_value sum = {KEVY_INT, 0, 0, {.i = 0}};
  if (__builtin_add_overflow(before, by, &sum.as.i)) return KEVY_EOVERFLOW;
  status = hash_put_sum(s, &p, field, &sum, flags);
  if (status == KEVY_OK && out != NULL) *out = sum.as.i;
  return status;
}

kevy_status hash_incr_float(kevy_store *s, const char *key, size_t klen, const kevy_value *field, double by,
                            uint32_t flags, double *out) {
  probe p;
  kevy_value v;
  char digits[PACKED_NUMBER];
  kevy_status status = hash_operand(s, &p, key, klen, field, &v, digits);
  if (status != KEVY_OK) return status;
  double before;
  if (v.kind == KEVY_FLOAT) before = v.as.d;
  else if (v.kind == KEVY_INT) before = (double)v.as.i;
  else if (!number_parse_float(v.as.ptr, v.len, &before)) return KEVY_ENOTFLOAT;
  kevy_value sum = {KEVY_FLOAT, 0, 0, {.d = before + by}};
  if (isnan(sum.as.d) || isinf(sum.as.d)) return KEVY_ENAN;
  status = hash_put_sum(s, &p, field, &sum, flags);
  if (status == KEVY_OK && out != NULL) *out = sum.as.d;
  return status;
}

kevy_status hash_incr_text(kevy_store *s, const char *key, size_t klen, const kevy_value *field, long double by,
                           uint32_t flags, kevy_value *out) {
  probe p;
  kevy_value v;
  char digits[PACKED_NUMBER], buf[NUMBER_FLOAT_MAX], text[NUMBER_LONG_DOUBLE_MAX];
  kevy_status status = hash_operand(s, &p, key, klen, field, &v, digits);
  if (status != KEVY_OK) return status;
  kevy_value bytes = number_byte_form(&v, buf);
  long double sum;
  if (!number_parse_long_double(bytes.as.ptr, bytes.len, &sum)) return KEVY_ENOTFLOAT;
  sum += by;
  if (isnan(sum) || isinf(sum)) return KEVY_ENAN;
  kevy_value answer = {KEVY_BYTES, 0, number_format_long_double(sum, text), {.ptr = text}};
  /* Memory for the answer first. What an argument may lie in is written, or freed, last. */
  char *room = answer.len <= BLOB_THRESHOLD ? store_scratch(s) : malloc(answer.len);
  if (room == NULL) return KEVY_EOOM;
  bool own = answer.len > BLOB_THRESHOLD;
  status = hash_put_sum(s, &p, field, &answer, flags);
  if (status != KEVY_OK) {
    if (own) free(room);
    return status;
  }
  if (own) hash_lend_batch(s, room);
  answer.as.ptr = memcpy(room, text, answer.len);
  *out = answer;
  return KEVY_OK;
}
