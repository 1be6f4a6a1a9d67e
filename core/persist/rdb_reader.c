/* rdb_reader: see rdb_reader.h. */
#include "rdb_reader.h"

#include <stdlib.h>

#include "../number.h"
#include "../type_hash.h"
#include "../type_list.h"
#include "../type_set.h"
#include "../type_zset.h"

rdb_reader *rdb_reader_new(kevy_store *s) {
  rdb_reader *r = malloc(sizeof *r);
  if (r == NULL) return NULL;
  memset(r, 0, offsetof(rdb_reader, batch));
  memset(&r->batch, 0, offsetof(rdb_batch, names));
  r->store = s;
  r->now = store_due_time(s);
  return r;
}

static void rdb_batch_drop(rdb_batch *b) {
  for (int i = 0; i < 2; i++) {
    free(b->apart[i]);
    b->apart[i] = NULL;
  }
  b->n = b->used = 0;
  b->full = b->timed = false;
}

void rdb_reader_free(rdb_reader *r) {
  rdb_batch_drop(&r->batch);
  rdb_source_close(&r->in);
  free(r->elements.bytes);
  free(r->deadlines.bytes);
  free(r->active.bytes);
  free(r->key);
  free(r);
}

kevy_status rdb_refused(rdb_reader *r, kevy_status status) {
  if (status == KEVY_EOOM) return rdb_source_fail(&r->in, status, "out of memory");
  if (status == KEVY_ENOTFLOAT) return rdb_corrupt(&r->in, "a score that is not a number");
  return rdb_corrupt(&r->in, "a value that cannot be (%d)", (int)status);
}

/* ---- elements ---- */

static kevy_status rdb_elements_packs(rdb_elements *e, pack_form form) {
  e->packs = true;
  e->form = form;
  e->left = 1;
  return KEVY_OK;
}

kevy_status rdb_elements_open(rdb_reader *r, uint8_t type, rdb_elements *e) {
  memset(e, 0, sizeof *e);
  switch (type) {
    case RDB_HASH_ZIPMAP: return rdb_elements_packs(e, PACK_ZIPMAP);
    case RDB_SET_INTSET: return rdb_elements_packs(e, PACK_INTSET);
    case RDB_LIST_ZIPLIST:
    case RDB_ZSET_ZIPLIST:
    case RDB_HASH_ZIPLIST: return rdb_elements_packs(e, PACK_ZIPLIST);
    case RDB_HASH_LISTPACK:
    case RDB_ZSET_LISTPACK:
    case RDB_SET_LISTPACK:
    case RDB_HASH_LISTPACK_EX_PRE_GA:
    case RDB_HASH_LISTPACK_EX: return rdb_elements_packs(e, PACK_LISTPACK);
    default: break;
  }
  e->packs = type == RDB_LIST_QUICKLIST || type == RDB_LIST_QUICKLIST_2;
  e->nodes = type == RDB_LIST_QUICKLIST_2;
  e->form = e->nodes ? PACK_LISTPACK : PACK_ZIPLIST;
  kevy_status status = rdb_length(&r->in, &e->left);
  if (status == KEVY_OK && e->left > UINT64_MAX / 2) return rdb_corrupt(&r->in, "more elements than there can be");
  if (type == RDB_HASH) e->left *= 2;
  return status;
}

/* The next pack, or an element that stands where one could: KEVY_OK, with *raw. KEVY_MISSING: the pack is open. */
static kevy_status rdb_elements_node(rdb_reader *r, rdb_elements *e, kevy_value *raw) {
  uint64_t what = RDB_NODE_PACKED;
  const char *bytes;
  size_t len;
  kevy_status status = e->nodes ? rdb_length(&r->in, &what) : KEVY_OK;
  if (status == KEVY_OK && what != RDB_NODE_PACKED && what != RDB_NODE_PLAIN)
    status = rdb_corrupt(&r->in, "a list's node of kind %llu", (unsigned long long)what);
  if (status != KEVY_OK) return status;
  if (what == RDB_NODE_PLAIN) return rdb_string(&r->in, raw);
  status = rdb_string_bytes(&r->in, &bytes, &len);
  if (status != KEVY_OK) return status;
  if (!pack_open(&e->at, e->form, bytes, len)) return rdb_corrupt(&r->in, "not a %s", pack_name(e->form));
  e->open = true;
  return KEVY_MISSING;
}

kevy_status rdb_elements_next(rdb_reader *r, rdb_elements *e, kevy_value *raw) {
  for (;;) {
    if (e->open) {
      pack_step step = pack_next(&e->at, raw);
      if (step == PACK_ITEM) return KEVY_OK;
      if (step == PACK_BAD) return rdb_corrupt(&r->in, "a %s that is not well-formed", pack_name(e->form));
      e->open = false;
    }
    if (e->left == 0) return KEVY_MISSING;
    e->left--;
    if (!e->packs) return rdb_string(&r->in, raw);
    kevy_status status = rdb_elements_node(r, e, raw);
    if (status != KEVY_MISSING) return status;
  }
}

kevy_status rdb_elements_need(rdb_reader *r, rdb_elements *e, kevy_value *raw) {
  kevy_status status = rdb_elements_next(r, e, raw);
  return status == KEVY_MISSING ? rdb_corrupt(&r->in, "an element that is not whole") : status;
}

/* ---- batches ---- */

void rdb_batch_begin(rdb_reader *r, int32_t type, const char *key, size_t klen, uint32_t flags) {
  rdb_batch *b = &r->batch;
  rdb_batch_drop(b);
  b->type = type;
  b->key = key;
  b->klen = klen;
  b->flags = flags;
  b->put = 0;
}

/* A place for a long string of the element at hand. NULL: no memory. */
static char *rdb_batch_apart(rdb_batch *b, size_t len) {
  char **place = b->apart[0] == NULL ? &b->apart[0] : &b->apart[1];
  return *place = malloc(len);
}

/* There is always room for two strings that are not long: rdb_batch_next sees to it. */
kevy_status rdb_batch_take(rdb_reader *r, rdb_role role, const kevy_value *raw, bool last, kevy_value *out) {
  rdb_batch *b = &r->batch;
  char digits[24];
  kevy_status status = rdb_scalar(r, role, raw, digits, out);
  if (status != KEVY_OK || out->kind > KEVY_TEXT) return status;
  char *to = b->room + b->used;
  if (UNLIKELY(out->len > RDB_LONG)) {
    b->full = true;
    if (last) return KEVY_OK;
    to = rdb_batch_apart(b, out->len);
    if (to == NULL) return rdb_refused(r, KEVY_EOOM);
  } else {
    b->used += out->len;
  }
  bytes_move(to, out->as.ptr, out->len);
  out->as.ptr = to;
  return KEVY_OK;
}

static kevy_status rdb_batch_deadlines(rdb_reader *r) {
  rdb_batch *b = &r->batch;
  kevy_status done, status = KEVY_OK;
  for (size_t i = 0; i < b->n && status == KEVY_OK; i++)
    if (b->deadlines[i] != KEVY_NO_TTL)
      status = hash_expire(r->store, b->key, b->klen, 1, &b->names[i], b->deadlines[i], 0, &done);
  return status;
}

/* What the type's own function says, and how many elements were new to it. */
static kevy_status rdb_batch_elements(rdb_reader *r, uint64_t *added) {
  rdb_batch *b = &r->batch;
  kevy_store *s = r->store;
  *added = b->n;
  switch (b->type) {
    case KEVY_TYPE_LIST: return list_push(s, b->key, b->klen, b->n, b->values, b->flags, NULL);
    case KEVY_TYPE_SET: return set_add(s, b->key, b->klen, b->n, b->names, b->flags, added);
    case KEVY_TYPE_ZSET: return zset_add(s, b->key, b->klen, b->n, b->names, b->scores, b->flags, added);
    default: break;
  }
  kevy_status status = hash_set(s, b->key, b->klen, b->n, b->names, b->values, b->flags, added);
  return status == KEVY_OK && b->timed ? rdb_batch_deadlines(r) : status;
}

static kevy_status rdb_batch_put(rdb_reader *r) {
  rdb_batch *b = &r->batch;
  uint64_t added = 0;
  kevy_status status = b->n != 0 ? rdb_batch_elements(r, &added) : KEVY_OK;
  if (status < 0) return rdb_refused(r, status);
  if (added != b->n) return rdb_corrupt(&r->in, "an element twice");
  rdb_batch_drop(b);
  return KEVY_OK;
}

static bool rdb_batch_full(const rdb_batch *b) {
  return b->n == RDB_BATCH || b->full || b->used > RDB_BATCH_BYTES - 2 * RDB_LONG;
}

kevy_status rdb_batch_next(rdb_reader *r) {
  rdb_batch *b = &r->batch;
  b->n++;
  b->put++;
  return UNLIKELY(rdb_batch_full(b)) ? rdb_batch_put(r) : KEVY_OK;
}

kevy_status rdb_batch_pass(rdb_reader *r) {
  r->batch.put++;
  return rdb_batch_full(&r->batch) ? rdb_batch_put(r) : KEVY_OK;
}

kevy_status rdb_batch_end(rdb_reader *r) {
  kevy_status status = rdb_batch_put(r);
  if (status == KEVY_OK && r->batch.put == 0) return KEVY_MISSING;
  return status;
}
