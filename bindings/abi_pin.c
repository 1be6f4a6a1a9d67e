/* abi_pin: the functions of kevy.h that keep a value's bytes past the next call. */
#include <stdlib.h>

#include "../core/blob.h"
#include "../core/number.h"
#include "../core/probe.h"
#include "kevy.h"

/* A blob's pin is the node that gives the blob back; below the threshold the bytes follow. */
struct kevy_pin {
  pin_node node;
  space *sp; /* NULL for a copy */
  char bytes[];
};

static kevy_pin *pin_copy(const kevy_value *v, size_t *len) {
  char digits[NUMBER_FLOAT_MAX];
  kevy_value bytes = number_byte_form(v, digits);
  *len = bytes.len;
  kevy_pin *p = malloc(sizeof *p + *len);
  if (p == NULL) return NULL;
  p->sp = NULL;
  if (bytes.len != 0) memcpy(p->bytes, bytes.as.ptr, bytes.len);
  return p;
}

static kevy_pin *pin_blob(kevy_store *s, const entry *e) {
  kevy_pin *p = malloc(sizeof *p);
  if (p == NULL) return NULL;
  p->sp = s->sp;
  snapshot_pin(s->sp, &p->node, probe_share(s, e).as.word);
  return p;
}

static kevy_status pin_entry(kevy_store *s, const entry *e, kevy_pin **pin, kevy_value *value) {
  kevy_value v;
  probe_value(s, e, &v);
  if (v.kind == KEVY_NIL) return KEVY_EWRONGTYPE;
  /* A snapshot's reader is not the owner, who alone may count a blob's owners: it copies. */
  bool shared = (entry_flags(e) & ENTRY_CONTENT) == ENTRY_BLOB && s->frozen == NULL;
  kevy_pin *p = shared ? pin_blob(s, e) : pin_copy(&v, &v.len);
  if (p == NULL) return KEVY_EOOM;
  if (!shared) v.as.ptr = p->bytes;
  v.kind = v.kind == KEVY_TEXT ? KEVY_TEXT : KEVY_BYTES;
  *pin = p;
  *value = v;
  return KEVY_OK;
}

kevy_status kevy_pin_value(kevy_store *s, const char *key, size_t klen, kevy_pin **pin,
                           kevy_value *value) {
  ENTER(s);
  probe p;
  kevy_status status = KEVY_MISSING;
  if (probe_read(s, &p, key, klen) != NULL) status = pin_entry(s, p.live, pin, value);
  return lending(s, status);
}

void kevy_unpin(kevy_pin *pin) {
  if (pin == NULL) return;
  if (pin->sp != NULL) snapshot_unpin(pin->sp, &pin->node);
  else free(pin);
}
