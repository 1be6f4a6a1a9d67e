/* type_string: see type_string.h. */
#include "type_string.h"

#include <math.h>
#include <stdlib.h>

#include "blob.h"
#include "expire.h"
#include "light.h"
#include "number.h"
#include "probe.h"
#include "type_hash.h"

/* ---- values in and out ---- */

static bool is_string(const entry *e) { return entry_type(e) == KEVY_TYPE_STRING; }

static kevy_status check_key(size_t klen) {
  return LIKELY(klen <= KEVY_MAX_LEN) ? KEVY_OK : KEVY_ETOOBIG;
}

/* The bytes as content; past the threshold they go to a blob of their own. */
static kevy_status content_bytes(kevy_store *s, content *c, const char *ptr, size_t len,
                                 uint32_t kind) {
  if (len > KEVY_MAX_LEN) return KEVY_ETOOBIG;
  c->kind = kind;
  c->len = len;
  if (LIKELY(len <= BLOB_THRESHOLD)) {
    c->form = ENTRY_RAW;
    c->as.ptr = ptr;
    return KEVY_OK;
  }
  ref r = node_blob(s->sp, len, 0);
  if (r == 0) return KEVY_EOOM;
  memcpy(blob_at(s->base, r)->bytes, ptr, len);
  c->form = ENTRY_BLOB;
  c->as.word = r;
  return KEVY_OK;
}

static content content_int(int64_t i) {
  content c = {ENTRY_NUM, KEVY_INT, 0, {.word = (uint64_t)i}};
  return c;
}
static content content_float(double d) {
  content c = {ENTRY_NUM, KEVY_FLOAT, 0, {.word = 0}};
  memcpy(&c.as.word, &d, sizeof d);
  return c;
}

/* A kind that there is, and not NaN. */
static bool acceptable(const kevy_value *v) {
  return v->kind < KEVY_FLOAT || (v->kind == KEVY_FLOAT && !isnan(v->as.d));
}

static inline kevy_status content_value(kevy_store *s, content *c, const kevy_value *v) {
  if (LIKELY(v->kind <= KEVY_TEXT)) return content_bytes(s, c, v->as.ptr, v->len, v->kind);
  if (v->kind == KEVY_INT) {
    *c = content_int(v->as.i);
    return KEVY_OK;
  }
  if (!acceptable(v)) return KEVY_EARG;
  *c = content_float(v->as.d);
  return KEVY_OK;
}

/* number_byte_form as a pointer and a length. */
static void byte_form(const kevy_value *v, char buf[NUMBER_FLOAT_MAX], const char **ptr,
                      size_t *len) {
  kevy_value bytes = number_byte_form(v, buf);
  *ptr = bytes.as.ptr;
  *len = bytes.len;
}

/* Puts content under the probe's key, or drops it. */
static kevy_status put(kevy_store *s, probe *p, const content *c, int64_t deadline,
                       uint32_t flags) {
  kevy_status status = probe_put(s, p, KEVY_TYPE_STRING, c, deadline,
                                 flags & KEVY_TEXT_KEY ? KEVY_TEXT : KEVY_BYTES);
  if (UNLIKELY(status != KEVY_OK)) content_drop(s, c);
  return status;
}

static int64_t live_deadline(const probe *p) {
  return p->live != NULL ? entry_deadline(p->live) : KEVY_NO_TTL;
}

static bool has_come(kevy_store *s, int64_t deadline) {
  return UNLIKELY(deadline != KEVY_NO_TTL) && store_passed(s, deadline);
}

/* ---- reading ---- */

/* Finds a string for reading: KEVY_MISSING, KEVY_EWRONGTYPE. */
static FLAT kevy_status read_string(kevy_store *s, probe *p, const char *key, size_t klen) {
  if (probe_read(s, p, key, klen) == NULL) return KEVY_MISSING;
  return LIKELY(is_string(p->live)) ? KEVY_OK : KEVY_EWRONGTYPE;
}

__attribute__((noinline)) kevy_status string_get_hashed(kevy_store *s, const char *key,
                                                        size_t klen, uint64_t hash,
                                                        kevy_value *out) {
  probe p;
  if (probe_read_hashed(s, &p, key, klen, hash) == NULL) {
    probe_missed(s, &p);
    return KEVY_MISSING;
  }
  if (!is_string(p.live)) return store_noted(s, KEVY_EWRONGTYPE);
  probe_value(s, p.live, out);
  return KEVY_OK;
}

/* Where the bytes of this entry's value are, when it is a plain one of this key, with or without a deadline
 * that has not come; else NULL. */
static FLAT char *plain_value(kevy_store *s, const entry *e, const char *key, size_t klen) {
  uint32_t flags = entry_flags(e) & ~ENTRY_ACCESS;
  char *at = (char *)(uintptr_t)(e + 1);
  if (UNLIKELY(flags != ENTRY_PLAIN)) {
    if (flags != (ENTRY_PLAIN | ENTRY_TTL) || store_passed(s, (int64_t)load64(at))) return NULL;
    at += ENTRY_TTL_BYTES;
  }
  return LIKELY(e->klen == klen && bytes_equal(at, key, klen)) ? at + klen : NULL;
}

/* The plain entry of this key when it is in the first place looked at: nearly all reads and overwrites of
 * short values. NULL otherwise; *absent then says whether there surely is no such key. *value is where
 * its bytes are. */
static FLAT entry *find_plain(kevy_store *s, const char *key, size_t klen, uint64_t hash,
                              bool *absent, char **value) {
  entry *e = table_guess(s->base, table_home(s->base, s->keys, hash), hash, absent);
  if (UNLIKELY(e == NULL) || UNLIKELY((*value = plain_value(s, e, key, klen)) == NULL)) return NULL;
  return e;
}

static FLAT kevy_status get_plain(kevy_store *s, const entry *e, const char *value,
                                  kevy_value *out) {
  s->hits++;
  value_begin(out, entry_value_kind(e));
  out->len = e->vlen;
  out->as.ptr = value;
  return KEVY_OK;
}

FLAT kevy_status string_get(kevy_store *s, const char *key, size_t klen, kevy_value *out) {
  uint64_t hash = probe_hash(s, key, klen);
  bool absent;
  char *value;
  entry *e = find_plain(s, key, klen, hash, &absent, &value);
  if (UNLIKELY(e == NULL)) {
    if (!absent) return string_get_hashed(s, key, klen, hash, out);
    s->misses++;
    return KEVY_MISSING;
  }
  probe_note_access(s, e);
  return get_plain(s, e, value, out);
}

__attribute__((noinline)) kevy_status string_get_marked(kevy_store *s, const char *key, size_t klen,
                                                        entry *e, kevy_value *out) {
  const char *value = plain_value(s, e, key, klen);
  if (value == NULL) return string_get_hashed(s, key, klen, probe_hash(s, key, klen), out);
  probe_note_access(s, e);
  return get_plain(s, e, value, out);
}

typedef struct quick_look {
  uint64_t hash;
  entry *e;     /* NULL: nothing at first sight */
  bool absent;  /* surely no such key */
  bool unmarked; /* e is a plain entry, read before at this very time */
} quick_look;

static FLAT quick_look look_quick(const kevy_store *s, const char *key, size_t klen) {
  quick_look q;
  q.hash = probe_hash_short(s, key, klen);
  q.e = table_guess(s->base, table_home(s->base, s->keys, q.hash), q.hash, &q.absent);
  q.unmarked = q.e != NULL && LIKELY((entry_flags(q.e) ^ s->access) == ENTRY_PLAIN);
  return q;
}

/* Whether a plain entry's key is this one of 8 to 16 bytes. */
static FLAT bool is_key_quick(const entry *e, const char *key, size_t klen) {
  const char *at = (const char *)(e + 1);
  return LIKELY(e->klen == (uint8_t)klen) && LIKELY(load64(at) == load64(key)) &&
         LIKELY(load64(at + klen - 8) == load64(key + klen - 8));
}

FLAT kevy_status string_get_quick(kevy_store *s, const char *key, size_t klen, kevy_value *out) {
  quick_look q = look_quick(s, key, klen);
  if (LIKELY(q.unmarked) && is_key_quick(q.e, key, klen))
    return get_plain(s, q.e, (const char *)(q.e + 1) + klen, out);
  if (q.absent) {
    s->misses++;
    return KEVY_MISSING;
  }
  return q.e != NULL && !q.unmarked ? string_get_marked(s, key, klen, q.e, out)
                                    : string_get_hashed(s, key, klen, q.hash, out);
}

FLAT kevy_status string_copy_quick(kevy_store *s, const char *key, size_t klen, char *buf,
                                   size_t cap, kevy_value *out) {
  quick_look q = look_quick(s, key, klen);
  if (LIKELY(q.unmarked) && is_key_quick(q.e, key, klen)) {
    size_t len = q.e->vlen;
    if (UNLIKELY(len > cap) || UNLIKELY(len - 8 > 24)) return KEVY_UNMET;
    get_plain(s, q.e, buf, out);
    bytes_move(buf, (const char *)(q.e + 1) + klen, len);
    return KEVY_OK;
  }
  if (!q.absent) return KEVY_UNMET;
  s->misses++;
  return KEVY_MISSING;
}

/* Without a live moment nothing is frozen, and no slot needs owning. */
FLAT bool string_quiet(const kevy_store *s, const kevy_value *value) {
  return s->sp->newest == 0 && s->until_pay > 1 && s->lent == 0 && value->kind <= KEVY_TEXT &&
         value->len - 8 <= 24;
}

FLAT entry *string_guess_quick(const kevy_store *s, const char *key, size_t klen, uint64_t *hash, bool *absent) {
  *hash = probe_hash_short(s, key, klen);
  return table_guess(s->base, table_home(s->base, s->keys, *hash), *hash, absent);
}

static FLAT bool is_overwritten(const kevy_store *s, const entry *e, const char *key, size_t klen, size_t len) {
  return LIKELY((entry_flags(e) ^ s->access) == ENTRY_PLAIN) && is_key_quick(e, key, klen) && e->vlen == (uint16_t)len;
}

static FLAT void overwrite_quick(kevy_store *s, entry *e, size_t klen, const kevy_value *value) {
  size_t len = value->len;
  if (len - 8 > 24) __builtin_unreachable();
  s->sp->written = true;
  s->until_pay--;
  e->kinds = (uint8_t)((e->kinds & 0x30u) | value->kind);
  bytes_move((char *)(e + 1) + klen, value->as.ptr, len);
}

FLAT bool string_overwrite_quick(kevy_store *s, entry *e, const char *key, size_t klen, const kevy_value *value) {
  if (value->len - 8 > 24) __builtin_unreachable();
  if (!is_overwritten(s, e, key, klen, value->len)) return false;
  overwrite_quick(s, e, klen, value);
  return true;
}

/* Whether nothing is to be seen to but the newest moment, which sees all of the present that is not fresh. */
static FLAT bool is_held_quietly(const kevy_store *s, const kevy_value *value) {
  return s->sp->newest != 0 && s->sp->newest == s->sp->epoch - 1 && s->until_pay > 1 && s->lent == 0 && s->serve == NULL &&
         s->access != ACCESS_COUNTED && value->kind <= KEVY_TEXT && value->len - 8 <= 24;
}

/* Puts a plain entry in the place of a like one that the newest moment sees; its value is yet to be written. NULL: no memory. */
static FLAT entry *part_quick(kevy_store *s, uint64_t *slot, const entry *e, size_t klen, size_t len) {
  space *sp = s->sp;
  size_t size = sizeof *e + klen + len;
  ref block = mem_alloc(&sp->mem, size);
  if (UNLIKELY(block == 0)) return NULL;
  if (UNLIKELY(!node_retire_plain(sp, slot_ref(*slot), size))) {
    mem_free(&sp->mem, block, size);
    return NULL;
  }
  entry *own = mem_ptr(s->base, block);
  store64(own, load64(e));
  bytes_move((char *)(own + 1), (const char *)(e + 1), klen);
  table_replace(slot, block);
  s->last_put = block;
  s->grows = false;
  return own;
}

FLAT bool string_overwrite_held(kevy_store *s, const char *key, size_t klen, const kevy_value *value) {
  if (!is_held_quietly(s, value) || store_writable(s) != KEVY_OK) return false;
  uint64_t hash = probe_hash_short(s, key, klen);
  uint64_t *slot = table_guess_slot(s->base, s->keys, hash);
  if (slot == NULL) return false;
  entry *e = mem_ptr(s->base, slot_ref(*slot));
  if (!is_overwritten(s, e, key, klen, value->len) || !table_slot_owned(s->sp, slot)) return false;
  if (!(*slot & SLOT_FRESH) && UNLIKELY((e = part_quick(s, slot, e, klen, value->len)) == NULL)) return false;
  overwrite_quick(s, e, klen, value);
  return true;
}

FLAT entry *string_guess_light(const kevy_store *s, const char *key, size_t klen, const kevy_value *value) {
  uint64_t hash;
  bool absent;
  if (s->until_pay <= 1 || s->lent != 0 || value->kind > KEVY_TEXT || value->len - 8 > 24) return NULL;
  return string_guess_quick(s, key, klen, &hash, &absent);
}

FLAT bool string_overwrite_light(kevy_store *s, entry *e, const char *key, size_t klen, const kevy_value *value) {
  const kevy_value v = *value;
  if (v.len - 8 > 24) __builtin_unreachable();
  if (!is_overwritten(s, e, key, klen, v.len) || !light_note_first(s->sp, e, (const char *)(e + 1) + klen, v.len)) return false;
  overwrite_quick(s, e, klen, &v);
  return true;
}

FLAT bool string_overwrite_again(kevy_store *s, entry *e, const char *key, size_t klen, const kevy_value *value) {
  if (!is_overwritten(s, e, key, klen, value->len) || !light_note(s->sp, e)) return false;
  overwrite_quick(s, e, klen, value);
  return true;
}

FLAT bool string_add_quick(kevy_store *s, uint64_t hash, const char *key, size_t klen, uint32_t key_kind,
                           const kevy_value *value) {
  if (value->len - 8 > 24 || klen - 8 > 8) __builtin_unreachable();
  content c = {ENTRY_RAW, value->kind, value->len, {.ptr = value->as.ptr}};
  ref block = probe_build(s, KEVY_TYPE_STRING, key, klen, key_kind, &c, KEVY_NO_TTL);
  if (UNLIKELY(block == 0)) return false;
  if (UNLIKELY(!table_insert(s->sp, s->keys, hash, block, false))) {
    probe_discard(s, block);
    return false;
  }
  if (UNLIKELY(s->access == ACCESS_COUNTED)) evict_arrived(s, hash, mem_ptr(s->base, block));
  s->last_put = block;
  s->grows = false;
  s->sp->written = true;
  s->until_pay--;
  return true;
}

kevy_status string_strlen(kevy_store *s, const char *key, size_t klen, uint64_t *length) {
  kevy_value v;
  kevy_status status = string_get(s, key, klen, &v);
  *length = 0;
  if (status != KEVY_OK) return status;
  char buf[NUMBER_FLOAT_MAX];
  const char *ptr;
  size_t len;
  byte_form(&v, buf, &ptr, &len);
  *length = len;
  return KEVY_OK;
}

/* Redis's clamping of an inclusive range. False when it is empty. */
static bool clamp_range(int64_t *first, int64_t *last, size_t len) {
  int64_t n = (int64_t)len;
  if (n == 0 || (*first < 0 && *last < 0 && *first > *last)) return false;
  if (*first < 0) *first = *first < -n ? 0 : *first + n;
  if (*last < 0) *last = *last < -n ? 0 : *last + n;
  if (*last >= n) *last = n - 1;
  return *first <= *last;
}

kevy_status string_getrange(kevy_store *s, const char *key, size_t klen, int64_t first,
                            int64_t last, kevy_value *out) {
  kevy_value v;
  kevy_status status = string_get(s, key, klen, &v);
  if (status < 0) return status;
  out->kind = KEVY_BYTES;
  out->reserved = 0;
  out->len = 0;
  out->as.ptr = "";
  if (status == KEVY_MISSING) return KEVY_OK;
  char buf[NUMBER_FLOAT_MAX];
  const char *ptr;
  size_t len;
  byte_form(&v, buf, &ptr, &len);
  if (!clamp_range(&first, &last, len)) return KEVY_OK;
  if (ptr == buf) {
    char *copy = store_scratch(s);
    if (copy == NULL) return KEVY_EOOM;
    memcpy(copy, buf, len);
    ptr = copy;
  }
  out->as.ptr = ptr + first;
  out->len = (size_t)(last - first + 1);
  return KEVY_OK;
}

/* ---- writing ---- */

/* Overwrites a plain entry by a value of its length in a light transaction. */
static bool overwrite_noted(kevy_store *s, entry *e, const content *c, int64_t deadline) {
  if ((entry_flags(e) & ~ENTRY_ACCESS) != ENTRY_PLAIN || deadline != KEVY_NO_TTL) return false;
  if (c->form != ENTRY_RAW || c->len != e->vlen || c->len > LIGHT_VALUE_MAX) return false;
  if (!light_note(s->sp, e)) return false;
  s->touched = true;
  entry_set_content(e, c);
  probe_note_access(s, e);
  return true;
}

/* Overwrites the found block where it stands, when a block for the new value would be of the same
 * size and no snapshot sees this one. */
static bool overwrite(kevy_store *s, const probe *p, const content *c, int64_t deadline) {
  if (p->live == NULL || !is_string(p->live)) return false;
  if (UNLIKELY(s->sp->light != NULL)) return overwrite_noted(s, p->live, c, deadline);
  if (!probe_in_place(s, p)) return false;
  entry *e = p->live;
  uint32_t flags = entry_flags(e);
  if ((flags & ENTRY_CONTENT) == ENTRY_BLOB || c->form == ENTRY_BLOB || (flags & ENTRY_WIDE))
    return false;
  if ((deadline != KEVY_NO_TTL) != ((flags & ENTRY_TTL) != 0)) return false;
  size_t klen = entry_klen(e), size = entry_size_for(klen, deadline, c);
  if (mem_round(size) != mem_round(entry_size(e)) ||
      (c->form == ENTRY_RAW && c->len > UINT16_MAX))
    return false;
  e->vlen = (uint16_t)(c->form == ENTRY_RAW ? c->len : 8);
  __atomic_store_n(&e->access_flags, (flags & ~ENTRY_CONTENT) | c->form, __ATOMIC_RELAXED);
  probe_note_access(s, e);
  entry_set_content(e, c);
  if (deadline != entry_deadline(e)) expire_move(s, slot_ref(*p->slot), deadline);
  return true;
}

/* Sets the found key, whatever held before. */
static inline kevy_status assign(kevy_store *s, probe *p, const kevy_value *value,
                                 int64_t deadline, uint32_t flags, bool in_place) {
  content c;
  kevy_status status = content_value(s, &c, value);
  if (UNLIKELY(status != KEVY_OK)) return status;
  if (in_place && overwrite(s, p, &c, deadline)) return KEVY_OK;
  return put(s, p, &c, deadline, flags);
}

static void set_nil(kevy_value *v) {
  v->kind = KEVY_NIL;
  v->reserved = 0;
  v->len = 0;
  v->as.ptr = NULL;
}

/* SET with the old value wanted: it is lent before the new one takes its place. */
static kevy_status set_and_get(kevy_store *s, probe *p, const kevy_value *value, int64_t deadline,
                               uint32_t flags, kevy_value *old) {
  content c;
  kevy_status status = content_value(s, &c, value);
  if (status != KEVY_OK) return status;
  if (p->live == NULL) {
    set_nil(old);
    return put(s, p, &c, deadline, flags);
  }
  /* Memory for the old value first: after the change nothing may fail. */
  if (store_scratch(s) == NULL) {
    content_drop(s, &c);
    return KEVY_EOOM;
  }
  /* The new value may lie in what an earlier result lent, so it is put before anything is lent anew. */
  char kept[BLOB_THRESHOLD];
  content held = probe_share(s, p->live);
  probe_value(s, p->live, old);
  if (held.form == ENTRY_RAW) memcpy(kept, held.as.ptr, held.len);
  status = put(s, p, &c, deadline, flags);
  if (status != KEVY_OK) {
    content_drop(s, &held);
    return status;
  }
  if (held.form == ENTRY_RAW) {
    old->as.ptr = memcpy(store_scratch(s), kept, held.len);
  } else if (held.form == ENTRY_BLOB) {
    store_lend_blob(s, held.as.word);
  }
  return KEVY_OK;
}

/* The commonest write: bytes over a plain entry's, in a block of the same size, with no snapshot to mind.
 * False, and nothing done, where it is anything else. */
static FLAT bool set_plain(kevy_store *s, const char *key, size_t klen, uint64_t hash,
                           const kevy_value *value, int64_t deadline) {
  if (s->sp->newest != 0 || value->kind > KEVY_TEXT || value->len > BLOB_THRESHOLD) return false;
  if (has_come(s, deadline)) return false;
  bool absent;
  char *to;
  entry *e = find_plain(s, key, klen, hash, &absent, &to);
  if (e == NULL || entry_has_deadline(e) != (deadline != KEVY_NO_TTL)) return false;
  size_t head = (size_t)(to - (char *)e);
  if (value->len != e->vlen && mem_round(head + value->len) != mem_round(head + e->vlen))
    return false;
  s->touched = true;
  e->vlen = (uint16_t)value->len;
  e->kinds = (uint8_t)((e->kinds & 0x30u) | value->kind);
  bytes_move(to, value->as.ptr, value->len);
  probe_note_access(s, e);
  if (deadline != KEVY_NO_TTL) expire_move(s, (ref)((char *)e - s->base), deadline);
  return true;
}

kevy_status string_set(kevy_store *s, const char *key, size_t klen, const kevy_value *value,
                       int64_t deadline, uint32_t flags, kevy_value *old) {
  kevy_status status = store_write_as(s, deadline == KEVY_NO_TTL && !(flags & KEVY_KEEPTTL));
  if (UNLIKELY(status != KEVY_OK) || UNLIKELY((status = check_key(klen)) != KEVY_OK)) return status;
  uint64_t hash = probe_hash(s, key, klen);
  if (old == NULL && (flags & ~KEVY_TEXT_KEY) == 0 &&
      set_plain(s, key, klen, hash, value, deadline))
    return KEVY_OK;
  if (UNLIKELY((status = store_conditions(s, flags)) != KEVY_OK)) return status;
  if (UNLIKELY((flags & KEVY_KEEPTTL) && deadline != KEVY_NO_TTL))
    return store_fail(s, KEVY_EARG, "a ttl and KEEPTTL exclude each other");
  probe p;
  probe_find_hashed(s, &p, key, klen, hash);
  if (p.live != NULL && !is_string(p.live) && old != NULL) return KEVY_EWRONGTYPE;
  if (UNLIKELY(flags & (KEVY_NX | KEVY_XX)) && !(flags & KEVY_NX) == (p.live == NULL)) {
    if (old == NULL) return KEVY_UNMET;
    if (p.live != NULL) probe_value(s, p.live, old);
    else set_nil(old);
    return KEVY_UNMET;
  }
  if (flags & KEVY_KEEPTTL) deadline = live_deadline(&p);
  if (has_come(s, deadline)) {
    if (!acceptable(value)) return KEVY_EARG;
    if (old != NULL) {
      set_nil(old);
      if (p.live != NULL && (status = probe_lend(s, p.live, old)) != KEVY_OK) return status;
    }
    if (p.slot != NULL) probe_remove(s, &p);
    return KEVY_OK;
  }
  if (old != NULL) return set_and_get(s, &p, value, deadline, flags, old);
  return assign(s, &p, value, deadline, flags, true);
}

kevy_status string_getdel(kevy_store *s, const char *key, size_t klen, kevy_value *out) {
  kevy_status status = store_write(s);
  if (status != KEVY_OK) return status;
  probe p;
  status = read_string(s, &p, key, klen);
  if (status != KEVY_OK || (status = probe_lend(s, p.live, out)) != KEVY_OK) return status;
  probe_remove(s, &p);
  return KEVY_OK;
}

kevy_status string_getex(kevy_store *s, const char *key, size_t klen, int64_t deadline,
                         uint32_t flags, kevy_value *out) {
  bool changes = deadline != KEVY_NO_TTL || (flags & KEVY_PERSIST);
  kevy_status status = changes ? store_write(s) : KEVY_OK;
  if (status != KEVY_OK) return status;
  probe p;
  status = read_string(s, &p, key, klen);
  if (status != KEVY_OK) return status;
  if (changes) {
    if ((status = probe_lend(s, p.live, out)) != KEVY_OK) return status;
    return probe_set_deadline(s, &p, flags & KEVY_PERSIST ? KEVY_NO_TTL : deadline);
  }
  probe_value(s, p.live, out);
  return KEVY_OK;
}
