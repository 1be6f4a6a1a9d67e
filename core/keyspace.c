/* keyspace: see keyspace.h. */
#include "keyspace.h"

#include "collection.h"
#include "database.h"
#include "expire.h"
#include "probe.h"
#include "type_hash.h"
#include "type_list.h"

kevy_status keyspace_delete(kevy_store *s, const char *key, size_t klen) {
  kevy_status status = store_write(s);
  if (status != KEVY_OK) return status;
  probe p;
  bool live = probe_find(s, &p, key, klen) != NULL;
  if (p.slot != NULL) probe_remove(s, &p);
  return live ? KEVY_OK : KEVY_MISSING;
}

kevy_status keyspace_exists(kevy_store *s, const char *key, size_t klen) {
  probe p;
  if (probe_find(s, &p, key, klen) != NULL) return KEVY_OK;
  probe_missed(s, &p);
  return KEVY_MISSING;
}

kevy_status keyspace_touch(kevy_store *s, const char *key, size_t klen) {
  probe p;
  return probe_read(s, &p, key, klen) != NULL ? KEVY_OK : KEVY_MISSING;
}

kevy_status keyspace_type(kevy_store *s, const char *key, size_t klen, int32_t *type) {
  probe p;
  *type = KEVY_TYPE_NONE;
  if (probe_find(s, &p, key, klen) == NULL) return KEVY_MISSING;
  *type = entry_type(p.live);
  return KEVY_OK;
}

/* Puts what the source holds, with its deadline, under another key. */
static kevy_status put_elsewhere(kevy_store *s, const probe *from, probe *to, uint32_t flags) {
  content c = probe_share(s, from->live);
  kevy_status status =
      probe_put(s, to, entry_type(from->live), &c, entry_deadline(from->live),
                flags & KEVY_TEXT_KEY ? KEVY_TEXT : KEVY_BYTES);
  if (status != KEVY_OK) content_drop(s, &c);
  return status;
}

/* Puts a copy of a large value, with its deadline, under another key. */
static kevy_status put_clone(kevy_store *s, const probe *from, probe *to, uint32_t flags) {
  const collection *c = collection_at(s->base, from->live);
  ref top = collection_kind_of(c->type)->clone(s, c);
  if (top == 0) return KEVY_EOOM;
  content copy = {ENTRY_NODE, KEVY_BYTES, 0, {.word = top}};
  kevy_status status = probe_put(s, to, c->type, &copy, entry_deadline(from->live),
                                 flags & KEVY_TEXT_KEY ? KEVY_TEXT : KEVY_BYTES);
  if (status != KEVY_OK) node_retire_collection(s->sp, top);
  return status;
}

#define RENAME_RETIRES 8 /* blocks: both entries, and the nodes on the target's path */

kevy_status keyspace_rename(kevy_store *s, const char *key, size_t klen, const char *to,
                            size_t tolen, uint32_t flags) {
  kevy_status status = store_write(s);
  if (status != KEVY_OK) return status;
  if (tolen > KEVY_MAX_LEN) return KEVY_ETOOBIG;
  probe source, target;
  if (probe_find(s, &source, key, klen) == NULL) return KEVY_MISSING;
  bool exists = probe_find(s, &target, to, tolen) != NULL;
  if (exists && (flags & KEVY_NX)) return KEVY_UNMET;
  if (target.slot == source.slot) return KEVY_OK;
  /* What removing the source will take comes first, so that after the put nothing does. */
  space *sp = s->sp;
  source.slot = table_own(sp, s->keys, source.hash, source.slot, false);
  if (source.slot == NULL || !node_room(sp, RENAME_RETIRES)) return KEVY_EOOM;
  probe_find(s, &target, to, tolen);
  /* A new name has the kind it is given now, also where an old key of that name goes. */
  target.live = NULL;
  ref block = slot_ref(*source.slot);
  if (!hash_arm(s, source.live, &target)) return KEVY_EOOM;
  status = put_elsewhere(s, &source, &target, flags);
  if (status != KEVY_OK) return status;
  /* The put may have moved the slot, and freed an old value that `key` borrowed from. */
  source.slot = table_find_ref(s->base, s->keys, source.hash, block);
  probe_forget(s, &source);
  return KEVY_OK;
}

/* Into the database that is selected. */
static kevy_status copy_here(kevy_store *s, const probe *from, const char *to, size_t tolen, uint32_t flags) {
  probe source = *from, target;
  if (probe_find(s, &target, to, tolen) != NULL && !(flags & KEVY_REPLACE)) return KEVY_UNMET;
  if (!hash_arm(s, source.live, &target)) return KEVY_EOOM;
  return entry_is_large(source.live) ? put_clone(s, &source, &target, flags)
                                     : put_elsewhere(s, &source, &target, flags);
}

kevy_status keyspace_copy_to(kevy_store *s, const char *key, size_t klen, uint32_t db, const char *to, size_t tolen, uint32_t flags) {
  kevy_status status = store_write(s);
  if (status != KEVY_OK) return status;
  if (tolen > KEVY_MAX_LEN) return KEVY_ETOOBIG;
  if (db == s->index && klen == tolen && (klen == 0 || memcmp(key, to, klen) == 0))
    return store_fail(s, KEVY_EARG, "source and destination are the same key");
  probe source;
  uint32_t back = s->index;
  if (probe_find(s, &source, key, klen) == NULL) return KEVY_MISSING;
  if (!database_enter(s, db)) return KEVY_EOOM;
  status = copy_here(s, &source, to, tolen, flags);
  database_leave(s, back);
  return status;
}

kevy_status keyspace_copy(kevy_store *s, const char *key, size_t klen, const char *to, size_t tolen, uint32_t flags) {
  return keyspace_copy_to(s, key, klen, s->index, to, tolen, flags);
}

static kevy_status move_here(kevy_store *s, const probe *source) {
  probe target;
  uint32_t kind = entry_key_kind(source->live) == KEVY_TEXT ? KEVY_TEXT_KEY : 0;
  if (probe_find(s, &target, source->key, source->klen) != NULL) return KEVY_UNMET;
  if (!hash_arm(s, source->live, &target)) return KEVY_EOOM;
  return put_elsewhere(s, source, &target, kind);
}

kevy_status keyspace_move(kevy_store *s, const char *key, size_t klen, uint32_t db) {
  kevy_status status = store_write(s);
  if (status != KEVY_OK) return status;
  if (db == s->index) return KEVY_EARG;
  probe source;
  uint32_t back = s->index;
  if (probe_find(s, &source, key, klen) == NULL) return KEVY_MISSING;
  /* As in keyspace_rename; and the moment of a light transaction is opened already, by store_write. */
  source.slot = table_own(s->sp, s->keys, source.hash, source.slot, false);
  if (source.slot == NULL || !node_room(s->sp, RENAME_RETIRES)) return KEVY_EOOM;
  ref block = slot_ref(*source.slot);
  if (!database_enter(s, db)) return KEVY_EOOM;
  status = move_here(s, &source);
  database_leave(s, back);
  if (status != KEVY_OK) return status;
  source.slot = table_find_ref(s->base, s->keys, source.hash, block);
  probe_forget(s, &source);
  return KEVY_OK;
}

uint64_t keyspace_len(kevy_store *s) { return s->keys->count; }

static void key_value(const entry *e, kevy_value *key) {
  key->kind = entry_key_kind(e);
  key->reserved = 0;
  key->len = entry_klen(e);
  key->as.ptr = entry_key(e);
}

/* Some live key, when chance found only expired ones. */
static const entry *first_live(kevy_store *s) {
  table_walk walk = {0, 0, false};
  ref r;
  while ((r = table_next(s->base, s->keys, &walk)) != 0) {
    const entry *e = mem_ptr(s->base, r);
    if (!probe_gone(s, e)) return e;
  }
  return NULL;
}

kevy_status keyspace_random(kevy_store *s, kevy_value *key) {
  for (int tries = 0; tries < 100; tries++) {
    ref r = table_random(s->base, s->keys, store_random, s);
    if (r == 0) return KEVY_MISSING;
    const entry *e = mem_ptr(s->base, r);
    if (probe_gone(s, e)) continue;
    key_value(e, key);
    return KEVY_OK;
  }
  const entry *e = first_live(s);
  if (e == NULL) return KEVY_MISSING;
  key_value(e, key);
  return KEVY_OK;
}

kevy_status keyspace_clear(kevy_store *s) {
  kevy_status status = store_write(s);
  return status == KEVY_OK ? database_flush(s) : status;
}

kevy_status keyspace_clear_all(kevy_store *s) {
  kevy_status status = store_write(s);
  return status == KEVY_OK ? store_clear(s) : status;
}

typedef struct scan_step {
  kevy_store *s;
  keyspace_visit visit;
  void *context;
} scan_step;

static void scan_entry(void *context, ref block) {
  const scan_step *step = context;
  const entry *e = mem_ptr(step->s->base, block);
  if (probe_gone(step->s, e)) return;
  kevy_value key;
  key_value(e, &key);
  step->visit(step->context, &key, entry_type(e));
}

void keyspace_scan(kevy_store *s, uint64_t *cursor, uint64_t count, keyspace_visit visit,
                   void *context) {
  scan_step step = {s, visit, context};
  table_scan(s->base, s->keys, cursor, count, scan_entry, &step);
}

kevy_status keyspace_deadline(kevy_store *s, const char *key, size_t klen, int64_t *deadline) {
  probe p;
  if (probe_find(s, &p, key, klen) == NULL) return KEVY_MISSING;
  *deadline = entry_deadline(p.live);
  return KEVY_OK;
}

kevy_status keyspace_expire(kevy_store *s, const char *key, size_t klen, int64_t deadline,
                            uint32_t flags) {
  kevy_status status = store_write(s);
  if (status != KEVY_OK) return status;
  probe p;
  if (probe_find(s, &p, key, klen) == NULL) return KEVY_MISSING;
  int64_t before = entry_deadline(p.live);
  if (deadline == KEVY_NO_TTL && before == KEVY_NO_TTL) return KEVY_UNMET;
  if (!expire_allowed(before, deadline, flags)) return KEVY_UNMET;
  return probe_set_deadline(s, &p, deadline);
}

kevy_status keyspace_memory_usage(kevy_store *s, const char *key, size_t klen, uint64_t *bytes) {
  probe p;
  if (probe_find(s, &p, key, klen) == NULL) return KEVY_MISSING;
  *bytes = node_entry_bytes(s->sp, (ref)((char *)p.live - s->base)) +
           collection_bytes(s->base, p.live);
  return KEVY_OK;
}

int64_t keyspace_now(kevy_store *s) { return store_now(s); }
