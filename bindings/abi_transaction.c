/* abi_transaction: the functions of kevy.h on transactions and versions; see abi.c. */
#include "../core/database.h"
#include "../core/transaction.h"
#include "pubsub.h"

/* Begin and commit of one's own are two calls, with the lock given back in between: whose transaction it is keeps others out. */
static __attribute__((noinline)) kevy_status begin_entered(kevy_store *s) {
  ENTER(s);
  return lending(s, transaction_begin(s));
}

kevy_status kevy_begin(kevy_store *s) {
  if (LIKELY(s->guard == 0) && transaction_begin_quick(s)) return KEVY_OK;
  return begin_entered(s);
}

static FLAT kevy_status transaction_ended(kevy_store *s, uint32_t depth, bool committed, kevy_status status) {
  if (UNLIKELY(status == KEVY_ETRANSACTION)) {
    store_fail(s, status, "no transaction is open");
    return lending(s, status);
  }
  if (UNLIKELY(s->pubsub != NULL)) pubsub_ended(s, depth, committed);
  status = store_noted(s, status);
  return left(s, status, store_settle(s));
}

static __attribute__((noinline)) kevy_status commit_entered(kevy_store *s) {
  ENTER(s);
  uint32_t depth = transaction_depth(s);
  return transaction_ended(s, depth, true, transaction_commit(s));
}

kevy_status kevy_commit(kevy_store *s) {
  if (LIKELY((s->guard | (uintptr_t)s->pubsub) == 0) && transaction_commit_quick(s)) return KEVY_OK;
  return commit_entered(s);
}

kevy_status kevy_rollback(kevy_store *s) {
  ENTER(s);
  uint32_t depth = transaction_depth(s);
  return transaction_ended(s, depth, false, transaction_rollback(s));
}

int32_t kevy_transaction_depth(kevy_store *s) {
  if (store_taken(s) || !store_enter(s)) return 0;
  int32_t depth = (int32_t)transaction_depth(s);
  store_leave(s);
  return depth;
}

kevy_status kevy_try_lock(kevy_store *s) {
  if (store_taken(s)) return KEVY_UNMET;
  if (!store_enter_beside(s)) return KEVY_ECLOSED;
  if (!store_taken(s)) return KEVY_OK;
  if (s->locked) store_unlock(s);
  return KEVY_UNMET;
}

/* ---- versions ----
 * What a moment sees is never changed where it stands. So while one is held, a key whose entry is the very block that the
 * moment has was not written. A key that was missing and is again may have been there in between: tables keep a trace of
 * keys that go (table_lost). */

struct kevy_version_handle {
  moment *m;
  ref block; /* 0: there was no such key */
  uint32_t index; /* of its database */
  size_t klen;
  char key[];
};

/* The block of a live key, 0 for none. */
static ref version_block(kevy_store *s, const char *key, size_t klen) {
  probe p;
  return probe_find(s, &p, key, klen) != NULL ? slot_ref(*p.slot) : 0;
}

static kevy_status version_open(kevy_store *s, const char *key, size_t klen, kevy_version_handle **out) {
  if (s->frozen != NULL) return KEVY_EREADONLY;
  if (klen > KEVY_MAX_LEN) return KEVY_ETOOBIG;
  kevy_version_handle *v = malloc(sizeof *v + klen);
  if (v == NULL) return KEVY_EOOM;
  v->m = snapshot_open(s->sp, store_now(s));
  if (v->m == NULL) {
    free(v);
    return KEVY_EOOM;
  }
  v->index = s->index;
  v->klen = klen;
  if (klen != 0) memcpy(v->key, key, klen);
  v->block = version_block(s, key, klen);
  (void)__atomic_fetch_add(&v->m->sp->versions, 1, __ATOMIC_RELAXED);
  *out = v;
  return KEVY_OK;
}

kevy_status kevy_version_of(kevy_store *s, const char *key, size_t klen, kevy_version_handle **out) {
  ENTER(s);
  return lending(s, version_open(s, key, klen, out));
}

/* Whether a key that was missing was not written in the space that the version is of, which may be cleared by now; as far as
 * a database was emptied or exchanged, whether it is missing. */
static bool version_still_missing(const kevy_version_handle *v) {
  const space *sp = v->m->sp;
  const char *base = sp->mem.base;
  uint64_t hash = hash_bytes(sp->secret, v->key, v->klen);
  const database *now = database_at(&sp->db, v->index), *before = database_at(&v->m->db, v->index);
  const uint64_t *slot = now != NULL ? table_find(base, &now->keys, hash, v->key, v->klen) : NULL;
  if (now == NULL || before == NULL || now->life != before->life) return slot == NULL;
  if (slot != NULL && table_find_ref(base, &before->keys, hash, slot_ref(*slot)) == NULL) return false;
  return !table_lost(base, &now->keys, &before->keys, hash);
}

static kevy_status version_check(kevy_store *s, const kevy_version_handle *v) {
  uint32_t back = s->index;
  bool there = database_at(database_all(s), v->index) != NULL;
  if (there && s->frozen == NULL) database_select(s, v->index);
  ref now = there ? version_block(s, v->key, v->klen) : 0;
  bool same = now == v->block && (now == 0 ? version_still_missing(v) : v->m->sp == s->sp);
  if (s->frozen == NULL) database_select(s, back);
  return same ? KEVY_OK : KEVY_UNMET;
}

kevy_status kevy_version_check(kevy_store *s, kevy_version_handle *v) {
  ENTER(s);
  return lending(s, version_check(s, v));
}

static bool version_lost_between(const kevy_version_handle *a, const kevy_version_handle *b) {
  const space *sp = a->m->sp;
  if (sp != b->m->sp || a->m->epoch == b->m->epoch) return false;
  const moment *before = a->m->epoch < b->m->epoch ? a->m : b->m, *later = before == a->m ? b->m : a->m;
  const database *one = database_at(&before->db, a->index), *other = database_at(&later->db, a->index);
  if (one == NULL || other == NULL || one->life != other->life) return false;
  return table_lost(sp->mem.base, &other->keys, &one->keys, hash_bytes(sp->secret, a->key, a->klen));
}

kevy_status kevy_version_compare(kevy_version_handle *a, kevy_version_handle *b) {
  if (a->index != b->index || a->klen != b->klen || memcmp(a->key, b->key, a->klen) != 0 || a->block != b->block) return KEVY_UNMET;
  bool same = a->block == 0 ? !version_lost_between(a, b) : a->m->sp == b->m->sp;
  return same ? KEVY_OK : KEVY_UNMET;
}

void kevy_version_close(kevy_version_handle *v) {
  if (v == NULL) return;
  (void)__atomic_fetch_sub(&v->m->sp->versions, 1, __ATOMIC_RELAXED);
  snapshot_close(v->m);
  free(v);
}
