/* rdb_kinds: what kind a string of a file is; see rdb.h. */
#include "../number.h"
#include "rdb.h"

/* Most strings that are no floats are told by their ends. */
static bool rdb_may_be_float(const char *ptr, size_t len) {
  if (len == 0 || len > NUMBER_FLOAT_MAX) return false;
  char first = ptr[0], last = ptr[len - 1];
  bool number = (first == '-' || (first >= '0' && first <= '9')) && last >= '0' && last <= '9';
  return number || last == 'f';
}

bool rdb_is_float(const char *ptr, size_t len, double *d) {
  char again[NUMBER_FLOAT_MAX];
  return rdb_may_be_float(ptr, len) && number_parse_float(ptr, len, d) && number_format_float(*d, again) == len &&
         memcmp(again, ptr, len) == 0;
}

rdb_class rdb_class_of(rdb_role role, const char *ptr, size_t len, int64_t *i, double *d) {
  if (number_parse_int(ptr, len, i)) return RDB_INTEGER;
  return role == RDB_VALUE && rdb_is_float(ptr, len, d) ? RDB_FLOAT : RDB_OTHER;
}

bool rdb_kind_apply(uint32_t kind, const char *ptr, size_t len, kevy_value *out) {
  *out = (kevy_value){kind, 0, 0, {.ptr = ptr}};
  if (kind == KEVY_INT) return number_parse_int(ptr, len, &out->as.i);
  if (kind == KEVY_FLOAT) return number_parse_float(ptr, len, &out->as.d);
  out->len = len;
  return true;
}

kevy_value rdb_kinds_read(rdb_kinds state, rdb_role role, const char *ptr, size_t len) {
  int64_t i;
  double d;
  kevy_value v = {KEVY_BYTES, 0, len, {.ptr = ptr}};
  if (state == 0) return v;
  rdb_class class = rdb_class_of(role, ptr, len, &i, &d);
  rdb_kind_apply(rdb_kind_in(state, role, class), ptr, len, &v);
  return v;
}

kevy_value rdb_kinds_read_int(rdb_kinds state, rdb_role role, int64_t i, char digits[24]) {
  uint32_t kind = rdb_kind_in(state, role, RDB_INTEGER);
  if (kind == KEVY_INT) return (kevy_value){KEVY_INT, 0, 0, {.i = i}};
  kevy_value v;
  rdb_kind_apply(kind, digits, number_format_int(i, digits), &v);
  return v;
}
