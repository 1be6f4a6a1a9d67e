/* hash_deadlines: the deadlines of a hash's fields: when it is woken for them, how what is due is shed, and how they are set and read. */
#include "hash_forms.h"

#include "effect.h"
#include "expire.h"
#include "timers.h"

/* ---- waking up and shedding ---- */

bool hash_has_deadlines(const char *base, const entry *e) {
  return entry_is_large(e) ? hash_large_at(base, e)->wheel != 0 : hash_is_timed(small_block(e));
}

bool hash_is_over(const char *base, const entry *e, int64_t now) {
  if (entry_type(e) != KEVY_TYPE_HASH || LIKELY(hash_soonest(base, e) > now)) return false;
  if (entry_is_large(e) && hash_large_at(base, e)->k.members.count > HASH_OVER_MAX) return false;
  hash_walk w;
  kevy_value field;
  hash_walk_start(&w, base, e, now);
  return !hash_walk_next(&w, &field, NULL);
}

bool hash_arm(kevy_store *s, const entry *e, const probe *to) {
  if (entry_type(e) != KEVY_TYPE_HASH) return true;
  int64_t soonest = hash_soonest(s->base, e);
  return soonest == INT64_MAX || timers_arm(s, to->key, to->klen, to->hash, soonest);
}

static COLD void hash_note_shed(kevy_store *s, const probe *p, const char *at) {
  kevy_value field;
  char digits[PACKED_NUMBER];
  packed_get(at, &field, digits);
  effect_shed(s, entry_key(p->live), entry_klen(p->live), &field);
}

static int64_t hash_shed_small(kevy_store *s, probe *p, int64_t now, uint32_t *items) {
  hash_edit b;
  hash_edit_open(&b, p->live);
  const char *at = hash_block_first(b.block, b.timed);
  while (at < b.block + b.len) {
    int64_t deadline = hash_block_deadline(at);
    if (deadline == KEVY_NO_TTL || deadline > now) {
      at = packed_next(packed_next(packed_next(at)));
      continue;
    }
    if (effect_kept(s)) hash_note_shed(s, p, at);
    hash_edit_remove(&b, at); /* the next one stands there now */
    if (*items != 0) --*items;
  }
  /* Fails only when the address space is exhausted: another time, then. */
  if (hash_edit_put_back(s, p, &b, 0) != KEVY_OK) return now + 1000;
  return p->live != NULL ? hash_soonest(s->base, p->live) : INT64_MAX;
}

/* The tests' clock went back: the wheel is made anew. */
static COLD void hash_wheel_rewind(kevy_store *s, hash_large *h, int64_t now) {
  table_walk walk = {0, 0, false};
  ref r;
  wheel_start(hash_wheel(s, h), now);
  h->next_due = INT64_MAX;
  while ((r = table_next(s->base, &h->k.members, &walk)) != 0) hash_wheel_add(s, h, r);
}

static void hash_wheel_drop(kevy_store *s, hash_large *h) {
  mem_free(&s->sp->mem, h->wheel, sizeof(wheel));
  h->wheel = 0;
  h->k.c.bytes -= mem_round(sizeof(wheel));
}

static void hash_shed_field(kevy_store *s, probe *p, hash_large *h, ref block) {
  const entry *e = mem_ptr(s->base, block);
  uint64_t hash = hash_bytes(s->sp->secret, entry_key(e), entry_klen(e));
  uint64_t *slot = table_find_ref(s->base, &h->k.members, hash, block);
  if (slot == NULL) return;
  kevy_value field;
  hash_member_field(e, &field);
  effect_shed(s, entry_key(p->live), entry_klen(p->live), &field);
  hash_doomed d = hash_unlink(s, h, hash, slot);
  hash_free(s, h, &d);
}

static int64_t hash_shed_large(kevy_store *s, probe *p, int64_t now, uint32_t *items) {
  hash_large *h = (hash_large *)collection_own(s, p, true);
  if (h == NULL) return now + 1000;
  if (hash_wheel(s, h)->elapsed > now) hash_wheel_rewind(s, h, now);
  ref due[WHEEL_SOME];
  for (uint32_t n; (n = wheel_due(s->base, hash_wheel(s, h), now, items, &h->next_due, due)) != 0;)
    for (uint32_t i = 0; i < n; i++) hash_shed_field(s, p, h, due[i]);
  int64_t next = h->next_due;
  /* Inside a transaction an older version may come to need it again. */
  if (next == INT64_MAX && s->sp->transactions == 0) hash_wheel_drop(s, h);
  hash_settle(s, p);
  return p->live != NULL && !entry_is_large(p->live) ? hash_soonest(s->base, p->live) : next;
}

int64_t hash_shed(kevy_store *s, probe *p, int64_t now, uint32_t *items) {
  int64_t soonest = hash_soonest(s->base, p->live);
  if (soonest > now) return soonest;
  if (UNLIKELY(s->sp->light != NULL) && !light_settle(s, p->hash, &p->slot)) return now + 1000;
  s->sp->written = true;
  return entry_is_large(p->live) ? hash_shed_large(s, p, now, items) : hash_shed_small(s, p, now, items);
}

/* ---- setting them ---- */

/* Whether the field may get this deadline, given the one it has. */
static kevy_status hash_expire_check(int64_t before, int64_t after, uint32_t flags) {
  if (flags & KEVY_PERSIST) return before != KEVY_NO_TTL ? KEVY_OK : KEVY_UNMET;
  return expire_allowed(before, after, flags) ? KEVY_OK : KEVY_UNMET;
}

/* What HPEXPIREAT is about. */
typedef struct hash_expiry {
  size_t k;
  const kevy_value *fields;
  int64_t deadline; /* KEVY_NO_TTL to persist */
  uint32_t flags;
  bool come; /* the deadline has come: fields go */
  kevy_status *done;
} hash_expiry;

static kevy_status hash_expire_small(kevy_store *s, probe *p, const hash_expiry *x) {
  hash_edit b;
  bool changed = false;
  hash_edit_open(&b, p->live);
  for (size_t i = 0; i < x->k; i++) {
    member_name f;
    (void)member_name_of(&f, &x->fields[i]);
    const char *at = hash_edit_find(&b, &f.key);
    int64_t before = at != NULL ? hash_edit_deadline(&b, at) : KEVY_NO_TTL;
    x->done[i] = at == NULL || hash_has_come(s, before) ? KEVY_MISSING : hash_expire_check(before, x->deadline, x->flags);
    if (x->done[i] != KEVY_OK) continue;
    changed = true;
    if (x->come) {
      hash_edit_remove(&b, at);
      x->done[i] = HASH_DELETED;
    } else {
      kevy_value value;
      char digits[PACKED_NUMBER], copy[HASH_SMALL_BYTES];
      packed_get(packed_next(at), &value, digits);
      if (value.kind <= KEVY_TEXT && value.len != 0) value.as.ptr = memcpy(copy, value.as.ptr, value.len);
      hash_edit_put(&b, &f.key, at, &value, &value, x->deadline);
    }
  }
  return changed ? hash_edit_put_back(s, p, &b, 0) : KEVY_OK;
}

/* One field's deadline as it was: its old member, or, where that changed in place, its old deadline. */
typedef struct hash_moved {
  hash_staged st;
  int64_t before;
  bool in_place;
} hash_moved;

/* Gives a member another deadline: false, and nothing done, without memory. */
static bool hash_move(kevy_store *s, hash_large *h, hash_moved *m, uint64_t hash, uint64_t *slot, int64_t deadline) {
  ref old = slot_ref(*slot);
  const entry *e = mem_ptr(s->base, old);
  m->before = entry_deadline(e);
  m->in_place = m->before != KEVY_NO_TTL && deadline != KEVY_NO_TTL &&
                (s->sp->newest == 0 || table_slot_fresh(s->sp, slot));
  m->st = (hash_staged){old, hash, 0};
  if (m->in_place) {
    wheel_move(s->base, hash_wheel(s, h), old, deadline);
  } else {
    content c = probe_share(s, e);
    member_name f = {.key = {entry_key(e), entry_klen(e), false, 0}, .kind = entry_key_kind(e)};
    if (hash_stage(s, h, &m->st, &f, hash, &c, deadline) != KEVY_OK) return false;
    if (!hash_swap_in(s, h, &m->st)) {
      hash_unstage(s, h, &m->st);
      return false;
    }
    hash_wheel_remove(s, h, old);
    hash_wheel_add(s, h, m->st.block);
  }
  if (deadline != KEVY_NO_TTL && deadline < h->next_due) h->next_due = deadline;
  return true;
}

static void hash_move_back(kevy_store *s, hash_large *h, const hash_moved *m) {
  if (m->in_place) {
    wheel_move(s->base, hash_wheel(s, h), m->st.block, m->before);
    return;
  }
  hash_undo(s, h, &m->st);
  hash_wheel_remove(s, h, m->st.block);
  hash_wheel_add(s, h, slot_ref(m->st.before));
  hash_unstage(s, h, &m->st);
}

static void hash_move_done(kevy_store *s, hash_large *h, const hash_moved *m) {
  if (!m->in_place)
    member_retire(s->sp, &h->k, slot_ref(m->st.before), m->st.hash, (m->st.before & SLOT_FRESH) != 0);
}

/* A field's slot and whether it may get the deadline. */
static uint64_t *hash_expire_find(kevy_store *s, const hash_large *h, const hash_expiry *x, size_t i, uint64_t *hash) {
  member_name f;
  (void)member_name_of(&f, &x->fields[i]);
  *hash = member_name_hash(s->sp, &f);
  uint64_t *slot = member_find(s->base, &h->k, *hash, f.key.ptr, f.key.len);
  int64_t before = slot != NULL ? entry_deadline(mem_ptr(s->base, slot_ref(*slot))) : KEVY_NO_TTL;
  x->done[i] = slot == NULL || hash_has_come(s, before) ? KEVY_MISSING : hash_expire_check(before, x->deadline, x->flags);
  return slot;
}

static kevy_status hash_expire_large(kevy_store *s, probe *p, const hash_expiry *x) {
  hash_large *h = (hash_large *)collection_own(s, p, false);
  hash_moved few[HASH_FEW], *all = few;
  if (h == NULL || (!x->come && x->deadline != KEVY_NO_TTL && !hash_wheel_prepare(s, h))) return KEVY_EOOM;
  if (x->k > HASH_FEW && (all = malloc(x->k * sizeof *all)) == NULL) return KEVY_EOOM;
  size_t n = 0;
  kevy_status status = KEVY_OK;
  for (size_t i = 0; i < x->k && status == KEVY_OK; i++) {
    uint64_t hash, *slot = hash_expire_find(s, h, x, i, &hash);
    if (x->done[i] != KEVY_OK) continue;
    if (hash_move(s, h, &all[n], hash, slot, x->deadline)) n++;
    else status = KEVY_EOOM;
  }
  for (size_t i = n; i > 0 && status != KEVY_OK; i--) hash_move_back(s, h, &all[i - 1]);
  for (size_t i = 0; i < n && status == KEVY_OK; i++) hash_move_done(s, h, &all[i]);
  if (all != few) free(all);
  return status;
}

/* A deadline that has come: the fields go. */
static kevy_status hash_expire_now(kevy_store *s, probe *p, const hash_expiry *x) {
  hash_doomed few[HASH_FEW], *all = few;
  if (x->k > HASH_FEW && (all = malloc(x->k * sizeof *all)) == NULL) return KEVY_EOOM;
  hash_large *h = (hash_large *)collection_own(s, p, true);
  size_t n = 0;
  for (size_t i = 0; h != NULL && i < x->k; i++) {
    uint64_t hash, *slot = hash_expire_find(s, h, x, i, &hash);
    if (x->done[i] != KEVY_OK) continue;
    x->done[i] = HASH_DELETED;
    all[n++] = hash_unlink(s, h, hash, slot);
  }
  for (size_t i = 0; i < n; i++) hash_free(s, h, &all[i]);
  if (all != few) free(all);
  if (n != 0) hash_settle(s, p);
  return h != NULL ? KEVY_OK : KEVY_EOOM;
}

kevy_status hash_expire(kevy_store *s, const char *key, size_t klen, size_t k, const kevy_value *fields,
                        int64_t deadline, uint32_t flags, kevy_status *done) {
  hash_expiry x = {k, fields, deadline, flags, hash_has_come(s, deadline), done};
  probe p;
  for (size_t i = 0; i < k; i++)
    if (fields[i].kind > KEVY_INT) return KEVY_EARG;
  kevy_status status = collection_write(s, &p, key, klen, KEVY_TYPE_HASH);
  if (status != KEVY_OK) return status;
  for (size_t i = 0; i < k; i++) done[i] = KEVY_MISSING;
  if (p.live == NULL) return KEVY_MISSING;
  if (deadline != KEVY_NO_TTL && !x.come && !timers_arm(s, key, klen, p.hash, deadline)) return KEVY_EOOM;
  if (!entry_is_large(p.live)) return hash_expire_small(s, &p, &x);
  return x.come ? hash_expire_now(s, &p, &x) : hash_expire_large(s, &p, &x);
}

kevy_status hash_set_until(kevy_store *s, const char *key, size_t klen, size_t k, const kevy_value *fields,
                           const kevy_value *values, int64_t deadline, uint32_t flags) {
  hash_change ch = {k, fields, values, deadline, flags & (KEVY_TEXT_KEY | KEVY_KEEPTTL), 0, NULL};
  probe p;
  kevy_status status = collection_write(s, &p, key, klen, KEVY_TYPE_HASH);
  if (status != KEVY_OK || (status = hash_check(&ch)) != KEVY_OK || k == 0) return status;
  if (!hash_allowed(s, &p, &ch, flags)) return KEVY_UNMET;
  if (hash_has_come(s, deadline)) {
    status = p.live != NULL ? hash_del(s, key, klen, k, fields, NULL) : KEVY_OK;
    return status < 0 ? status : KEVY_OK;
  }
  if (deadline != KEVY_NO_TTL && !timers_arm(s, key, klen, p.hash, deadline)) return KEVY_EOOM;
  return hash_apply(s, &p, &ch);
}
