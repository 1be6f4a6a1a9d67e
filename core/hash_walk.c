/* hash_walk: looking at many fields of a hash: all of them, those that are alive counted, a page of a scan, some by chance. */
#include "hash_forms.h"
#include "hashing.h"

/* ---- all of it ---- */

void hash_walk_start(hash_walk *w, const char *base, const entry *e, int64_t now) {
  memset(w, 0, sizeof *w);
  if (!entry_is_large(e)) *w = hash_walk_block(small_block(e), small_len(e));
  w->deadline = KEVY_NO_TTL;
  w->base = base;
  w->e = e;
  w->now = now;
}

static bool hash_walk_large(hash_walk *w, kevy_value *field, kevy_value *value) {
  ref r;
  while ((r = table_next(w->base, &hash_large_at(w->base, w->e)->k.members, &w->walk)) != 0) {
    const entry *member = mem_ptr(w->base, r);
    if (!member_lives(member, w->now)) continue;
    w->deadline = entry_deadline(member);
    hash_member_field(member, field);
    if (value != NULL) entry_value(w->base, member, value);
    return true;
  }
  return false;
}

bool hash_walk_next(hash_walk *w, kevy_value *field, kevy_value *value) {
  if (w->at == NULL) return hash_walk_large(w, field, value);
  while (w->at < w->end) {
    const char *at = w->at, *second = packed_next(at);
    w->at = packed_next(second);
    if (UNLIKELY(w->timed)) {
      w->at = packed_next(w->at);
      w->deadline = hash_block_deadline(at);
      if (w->deadline != KEVY_NO_TTL && w->deadline <= w->now) continue;
    }
    packed_get(at, field, w->digits[0]);
    if (value != NULL) packed_get(second, value, w->digits[1]);
    return true;
  }
  return false;
}

/* ---- counting ---- */

/* Whether a field may have expired. */
static bool hash_may_be_due(const kevy_store *s, const entry *e, int64_t now) {
  return hash_soonest(s->base, e) <= now;
}

static uint64_t hash_count_live(const hash_view *v, const char *base) {
  hash_walk w;
  kevy_value field;
  uint64_t count = 0;
  hash_walk_start(&w, base, v->e, v->now);
  while (hash_walk_next(&w, &field, NULL)) count++;
  return count;
}

kevy_status hash_open(kevy_store *s, const char *key, size_t klen, hash_view *v) {
  probe p;
  *v = (hash_view){NULL, 0, 0};
  kevy_status status = collection_read(s, &p, key, klen, KEVY_TYPE_HASH);
  if (status != KEVY_OK) return status;
  int64_t now = 0;
  if (UNLIKELY(hash_has_deadlines(s->base, p.live))) {
    now = store_due_time(s);
    if (s->frozen == NULL) {
      uint32_t items = HASH_SHED_ITEMS;
      (void)hash_shed(s, &p, now, &items);
      if (p.live == NULL) return KEVY_MISSING;
    }
  }
  v->e = p.live;
  v->now = now;
  v->count = entry_is_large(p.live) ? hash_large_at(s->base, p.live)->k.members.count
                                    : hash_block_fields(small_block(p.live));
  if (hash_may_be_due(s, p.live, now)) v->count = hash_count_live(v, s->base);
  return v->count != 0 ? KEVY_OK : KEVY_MISSING;
}

kevy_status hash_len(kevy_store *s, const char *key, size_t klen, uint64_t *count) {
  hash_view v;
  kevy_status status = hash_open(s, key, klen, &v);
  *count = v.count;
  return status;
}

void hash_each(kevy_store *s, const hash_view *v, hash_visit visit, void *context) {
  if (v->count == 0) return;
  hash_walk w;
  kevy_value field, value;
  hash_walk_start(&w, s->base, v->e, v->now);
  while (hash_walk_next(&w, &field, &value)) visit(context, &field, &value);
}

typedef struct hash_step {
  kevy_store *s;
  const hash_view *v;
  hash_visit visit;
  void *context;
} hash_step;

static void hash_visit_member(void *context, ref block) {
  const hash_step *step = context;
  const entry *e = mem_ptr(step->s->base, block);
  if (!member_lives(e, step->v->now)) return;
  kevy_value field, value;
  hash_member_field(e, &field);
  entry_value(step->s->base, e, &value);
  step->visit(step->context, &field, &value);
}

void hash_scan(kevy_store *s, const hash_view *v, uint64_t *cursor, uint64_t count, hash_visit visit, void *context) {
  if (v->count == 0 || !entry_is_large(v->e)) {
    hash_each(s, v, visit, context);
    *cursor = 0;
    return;
  }
  hash_step step = {s, v, visit, context};
  table_scan(s->base, &hash_large_at(s->base, v->e)->k.members, cursor, count, hash_visit_member, &step);
}

bool hash_sample(kevy_store *s, const hash_view *v, uint64_t k, hash_visit visit, void *context) {
  if (k > v->count) k = v->count;
  if (k == 0) return true;
  if (entry_is_large(v->e)) {
    hash_step step = {s, v, visit, context};
    return members_sample(s, &hash_large_at(s->base, v->e)->k.members, v->count, k, v->now, hash_visit_member, &step);
  }
  hash_walk w;
  kevy_value field, value;
  members_sampler m = {v->count, k};
  hash_walk_start(&w, s->base, v->e, v->now);
  while (m.need != 0 && hash_walk_next(&w, &field, &value))
    if (members_take(s, &m)) visit(context, &field, &value);
  return true;
}

void hash_random(kevy_store *s, const hash_view *v, hash_visit visit, void *context) {
  if (entry_is_large(v->e)) {
    hash_step step = {s, v, visit, context};
    hash_visit_member(&step, members_random(s, &hash_large_at(s->base, v->e)->k.members, v->now));
    return;
  }
  hash_walk w;
  kevy_value field, value;
  hash_walk_start(&w, s->base, v->e, v->now);
  for (uint64_t at = members_below(s, v->count) + 1; at > 0; at--) (void)hash_walk_next(&w, &field, &value);
  visit(context, &field, &value);
}
