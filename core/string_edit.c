/* string_edit: changing a part of a string: APPEND, SETRANGE, and editing in place for what works on bits. Callers as of type_string.h. */
#include "blob.h"
#include "number.h"
#include "probe.h"
#include "type_string.h"

/* ---- pieces ---- */

/* The found entry's blob, when it may be changed in place and holds up to `len` bytes; else NULL. */
static blob *growable(kevy_store *s, const probe *p, size_t len) {
  if (p->live == NULL || (entry_flags(p->live) & ENTRY_CONTENT) != ENTRY_BLOB) return NULL;
  blob *b = blob_at(s->base, load64(entry_content(p->live)));
  if (b->owners != 1 || len > b->capacity - sizeof(blob) || !probe_in_place(s, p)) return NULL;
  return b;
}

/* Makes the found key's value the bytes `old` (cut or zero-padded to len) with `piece` at offset. */
static kevy_status splice(kevy_store *s, probe *p, const char *old, size_t oldlen, size_t len,
                          size_t offset, const char *piece, size_t plen, uint32_t kind,
                          uint32_t flags) {
  char small[BLOB_THRESHOLD];
  content c = {ENTRY_RAW, kind, len, {.ptr = small}};
  char *to = small;
  if (len > BLOB_THRESHOLD) {
    ref r = node_blob(s->sp, len, oldlen != 0 ? len / 4 : 0);
    if (r == 0) return KEVY_EOOM;
    to = blob_at(s->base, r)->bytes;
    c.form = ENTRY_BLOB;
    c.as.word = r;
  }
  if (oldlen != 0) memcpy(to, old, oldlen);
  if (len > oldlen) memset(to + oldlen, 0, len - oldlen);
  if (plen != 0) memcpy(to + offset, piece, plen);
  return put(s, p, &c, live_deadline(p), flags);
}

/* Writes a piece at offset into the found key's value. */
static kevy_status write_piece(kevy_store *s, probe *p, const kevy_value *old, size_t offset,
                               const char *piece, size_t plen, uint32_t kind, uint32_t flags,
                               uint64_t *length) {
  char buf[NUMBER_FLOAT_MAX];
  const char *ptr;
  size_t oldlen;
  byte_form(old, buf, &ptr, &oldlen);
  if (plen > KEVY_MAX_LEN || offset > KEVY_MAX_LEN - plen) return KEVY_ETOOBIG;
  size_t len = offset + plen > oldlen ? offset + plen : oldlen;
  blob *b = growable(s, p, len);
  if (b != NULL) {
    if (offset > b->len) memset(b->bytes + b->len, 0, offset - b->len);
    if (plen != 0) memmove(b->bytes + offset, piece, plen);
    b->len = len;
    p->live->kinds = (uint8_t)((p->live->kinds & 0x30u) | kind);
  } else {
    kevy_status status = splice(s, p, ptr, oldlen, len, offset, piece, plen, kind, flags);
    if (status != KEVY_OK) return status;
  }
  if (length != NULL) *length = len;
  return KEVY_OK;
}

kevy_status string_append(kevy_store *s, const char *key, size_t klen, const kevy_value *tail,
                          uint32_t flags, uint64_t *length) {
  probe p;
  kevy_status status = find_for_change(s, &p, key, klen);
  if (status != KEVY_OK) return status;
  if (!acceptable(tail)) return KEVY_EARG;
  char tail_buf[NUMBER_FLOAT_MAX], old_buf[NUMBER_FLOAT_MAX];
  const char *piece, *old_ptr;
  size_t plen, oldlen;
  byte_form(tail, tail_buf, &piece, &plen);
  kevy_value old = {KEVY_BYTES, 0, 0, {.ptr = ""}};
  if (p.live != NULL) probe_value(s, p.live, &old);
  byte_form(&old, old_buf, &old_ptr, &oldlen);
  bool text = tail->kind == KEVY_TEXT && (p.live == NULL || old.kind == KEVY_TEXT);
  return write_piece(s, &p, &old, oldlen, piece, plen, text ? KEVY_TEXT : KEVY_BYTES, flags,
                     length);
}

kevy_status string_setrange(kevy_store *s, const char *key, size_t klen, int64_t offset,
                            const char *piece, size_t len, uint32_t flags, uint64_t *length) {
  if (offset < 0) return KEVY_ERANGE;
  probe p;
  kevy_status status = find_for_change(s, &p, key, klen);
  if (status != KEVY_OK) return status;
  kevy_value old = {KEVY_BYTES, 0, 0, {.ptr = ""}};
  if (p.live != NULL) probe_value(s, p.live, &old);
  if (len == 0) {
    char buf[NUMBER_FLOAT_MAX];
    const char *ptr;
    size_t oldlen;
    byte_form(&old, buf, &ptr, &oldlen);
    if (length != NULL) *length = oldlen;
    return KEVY_OK;
  }
  if ((uint64_t)offset > KEVY_MAX_LEN) return KEVY_ETOOBIG;
  return write_piece(s, &p, &old, (size_t)offset, piece, len, KEVY_BYTES, flags, length);
}

/* ---- editing ---- */

kevy_status string_edit_open(kevy_store *s, string_edit *e, const char *key, size_t klen) {
  kevy_status status = find_for_change(s, &e->p, key, klen);
  if (status != KEVY_OK) return status;
  kevy_value old = {KEVY_BYTES, 0, 0, {.ptr = ""}};
  e->exists = e->p.live != NULL;
  if (e->exists) probe_value(s, e->p.live, &old);
  byte_form(&old, e->digits, &e->old, &e->old_len);
  e->deadline = live_deadline(&e->p);
  e->whole = e->in_place = false;
  return KEVY_OK;
}

kevy_status string_edit_open_whole(kevy_store *s, string_edit *e, const char *key, size_t klen) {
  kevy_status status = store_write_light(s);
  if (status != KEVY_OK || (status = check_key(klen)) != KEVY_OK) return status;
  probe_find(s, &e->p, key, klen);
  e->exists = false;
  e->old = "";
  e->old_len = 0;
  e->deadline = KEVY_NO_TTL;
  e->whole = true;
  e->in_place = false;
  return KEVY_OK;
}

/* The found value's bytes, made len long where they stand; NULL where that may not be. What stays a blob is as long as one. */
static char *edit_in_place(kevy_store *s, const string_edit *e, size_t len) {
  entry *live = e->p.live;
  if (e->whole || live == NULL) return NULL;
  blob *b = len > BLOB_THRESHOLD ? growable(s, &e->p, len) : NULL;
  if (b != NULL) {
    if (len > b->len) memset(b->bytes + b->len, 0, len - b->len);
    b->len = len;
    return b->bytes;
  }
  bool fits = (entry_flags(live) & ENTRY_CONTENT) == ENTRY_RAW && entry_vlen(live) == len;
  return fits && probe_in_place(s, &e->p) ? entry_content(live) : NULL;
}

kevy_status string_edit_resize(kevy_store *s, string_edit *e, size_t len) {
  if (len > KEVY_MAX_LEN) return KEVY_ETOOBIG;
  e->len = len;
  e->blob = 0;
  e->bytes = edit_in_place(s, e, len);
  e->in_place = e->bytes != NULL;
  if (e->in_place) return KEVY_OK;
  e->bytes = e->small;
  if (len > BLOB_THRESHOLD) {
    e->blob = node_blob(s->sp, len, e->old_len != 0 ? len / 4 : 0);
    if (e->blob == 0) return KEVY_EOOM;
    e->bytes = blob_at(s->base, e->blob)->bytes;
  }
  if (e->whole) return KEVY_OK;
  size_t kept = e->old_len < len ? e->old_len : len;
  memcpy(e->bytes, e->old, kept);
  memset(e->bytes + kept, 0, len - kept);
  return KEVY_OK;
}

kevy_status string_edit_close(kevy_store *s, string_edit *e, uint32_t flags) {
  if (e->in_place) {
    e->p.live->kinds = (uint8_t)((e->p.live->kinds & 0x30u) | KEVY_BYTES);
    return KEVY_OK;
  }
  content c = {ENTRY_RAW, KEVY_BYTES, e->len, {.ptr = e->small}};
  if (e->blob != 0) {
    c.form = ENTRY_BLOB;
    c.as.word = e->blob;
  }
  return put(s, &e->p, &c, e->deadline, flags);
}

void string_edit_abandon(kevy_store *s, const string_edit *e) {
  if (!e->in_place && e->blob != 0) node_release_blob(s->sp, e->blob);
}
