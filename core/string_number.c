/* string_number: INCR and its kin: a string as a number. Callers as of type_string.h. */
#include <math.h>
#include <stdlib.h>

#include "number.h"
#include "probe.h"
#include "type_string.h"

/* Finds a string for a change: absent is KEVY_OK with p->live NULL. */
static kevy_status find_for_change(kevy_store *s, probe *p, const char *key, size_t klen) {
  kevy_status status = store_write_light(s);
  if (status != KEVY_OK || (status = check_key(klen)) != KEVY_OK) return status;
  probe_find(s, p, key, klen);
  return p->live == NULL || is_string(p->live) ? KEVY_OK : KEVY_EWRONGTYPE;
}

/* Replaces a number, in place where there already is one. */
static kevy_status put_number(kevy_store *s, probe *p, const content *c, uint32_t flags) {
  entry *e = p->live;
  if (e != NULL && (entry_flags(e) & ENTRY_CONTENT) == ENTRY_NUM && probe_in_place(s, p)) {
    entry_set_content(e, c);
    return KEVY_OK;
  }
  return put(s, p, c, live_deadline(p), flags);
}

kevy_status string_incr(kevy_store *s, const char *key, size_t klen, int64_t by, uint32_t flags,
                        int64_t *out) {
  probe p;
  kevy_status status = find_for_change(s, &p, key, klen);
  if (status != KEVY_OK) return status;
  int64_t before = 0, after;
  if (p.live != NULL) {
    kevy_value v;
    probe_value(s, p.live, &v);
    if (LIKELY(v.kind == KEVY_INT)) {
      before = v.as.i;
    } else {
      char buf[NUMBER_FLOAT_MAX];
      const char *ptr;
      size_t len;
      byte_form(&v, buf, &ptr, &len);
      if (!number_parse_int(ptr, len, &before)) return KEVY_ENOTINT;
    }
  }
  if (__builtin_add_overflow(before, by, &after)) return KEVY_EOVERFLOW;
  content c = content_int(after);
  status = put_number(s, &p, &c, flags);
  if (status == KEVY_OK) *out = after;
  return status;
}

kevy_status string_incr_float(kevy_store *s, const char *key, size_t klen, double by,
                              uint32_t flags, double *out) {
  probe p;
  kevy_status status = find_for_change(s, &p, key, klen);
  if (status != KEVY_OK) return status;
  double before = 0;
  if (p.live != NULL) {
    kevy_value v;
    probe_value(s, p.live, &v);
    if (v.kind == KEVY_FLOAT) before = v.as.d;
    else if (v.kind == KEVY_INT) before = (double)v.as.i;
    else if (!number_parse_float(v.as.ptr, v.len, &before)) return KEVY_ENOTFLOAT;
  }
  double after = before + by;
  if (isnan(after) || isinf(after)) return KEVY_ENAN;
  content c = content_float(after);
  status = put_number(s, &p, &c, flags);
  if (status == KEVY_OK) *out = after;
  return status;
}

kevy_status string_incr_text(kevy_store *s, const char *key, size_t klen, long double by,
                             uint32_t flags, kevy_value *out) {
  probe p;
  kevy_status status = find_for_change(s, &p, key, klen);
  if (status != KEVY_OK) return status;
  long double before = 0;
  if (p.live != NULL) {
    kevy_value v;
    char buf[NUMBER_FLOAT_MAX];
    const char *ptr;
    size_t len;
    probe_value(s, p.live, &v);
    byte_form(&v, buf, &ptr, &len);
    if (!number_parse_long_double(ptr, len, &before)) return KEVY_ENOTFLOAT;
  }
  long double after = before + by;
  if (isnan(after) || isinf(after)) return KEVY_ENAN;
  char text[NUMBER_LONG_DOUBLE_MAX];
  size_t len = number_format_long_double(after, text);
  content c;
  status = content_bytes(s, &c, text, len, KEVY_BYTES);
  if (status == KEVY_OK) status = put(s, &p, &c, live_deadline(&p), flags);
  if (status == KEVY_OK) probe_value(s, p.live, out);
  return status;
}
