/* hash_value: a large hash as a value of the keyspace: dropping it in slices, copying, moving its members, going back. */
#include "blob.h"
#include "hash_forms.h"
#include "timers.h"

static bool hash_drop(space *sp, collection *c, uint32_t *items) {
  hash_large *h = (hash_large *)c;
  if (!keyed_drop(sp, &h->k, items)) return false;
  if (h->wheel != 0) mem_free(&sp->mem, h->wheel, sizeof(wheel));
  h->wheel = 0;
  return true;
}

/* A blob is copied with the rest, so that each is one member's (collection.c). */
static bool hash_clone_content(kevy_store *s, const entry *e, content *c) {
  kevy_value v;
  if (LIKELY((entry_flags(e) & ENTRY_CONTENT) != ENTRY_BLOB)) {
    *c = probe_share(s, e);
    return true;
  }
  entry_value(s->base, e, &v);
  return content_value(s, c, &v) == KEVY_OK;
}

static bool hash_clone_member(kevy_store *s, hash_large *h, const entry *e) {
  content c;
  if (!hash_clone_content(s, e, &c)) return false;
  member_name f = {.key = {entry_key(e), entry_klen(e), false, 0}, .kind = entry_key_kind(e)};
  hash_staged st;
  if (hash_stage(s, h, &st, &f, member_name_hash(s->sp, &f), &c, entry_deadline(e)) != KEVY_OK) return false;
  if (!hash_swap_in(s, h, &st)) {
    hash_unstage(s, h, &st);
    return false;
  }
  (void)hash_commit(s, h, &st);
  return true;
}

static ref hash_clone(kevy_store *s, const collection *c) {
  ref top = hash_large_new(s);
  if (top == 0) return 0;
  table_walk walk = {0, 0, false};
  ref r;
  while ((r = table_next(s->base, &((const keyed *)c)->members, &walk)) != 0)
    if (!hash_clone_member(s, mem_ptr(s->base, top), mem_ptr(s->base, r))) {
      node_retire_collection(s->sp, top);
      return 0;
    }
  return top;
}

static uint64_t hash_tables(const collection *c) { return ((const keyed *)c)->members.bytes; }

static void hash_abandon(space *sp, collection *c, collection *before, uint64_t epoch) {
  hash_large *h = (hash_large *)c;
  keyed_abandon(sp, &h->k, (keyed *)before, epoch);
  if (h->wheel != 0 && !c->borrows) mem_free(&sp->mem, h->wheel, sizeof(wheel));
}

typedef struct hash_unhang_step {
  const char *base;
  wheel *wheel;
} hash_unhang_step;

static void hash_unhang_member(void *context, ref block) {
  const hash_unhang_step *step = context;
  if (entry_has_deadline(mem_ptr(step->base, block))) wheel_remove(step->base, step->wheel, block);
}

/* Versions share their wheel, but for one that was made since. */
static void hash_unhang(space *sp, collection *c, collection *before, uint64_t epoch) {
  hash_large *h = (hash_large *)c;
  if (h->wheel == 0 || h->wheel != ((hash_large *)before)->wheel) return;
  hash_unhang_step step = {sp->mem.base, mem_ptr(sp->mem.base, h->wheel)};
  table_abandon(sp, &h->k.members, &((keyed *)before)->members, epoch, false, hash_unhang_member, &step);
  c->borrows = true;
}

static void hash_hang(space *sp, collection *before, ref member) {
  const hash_large *h = (hash_large *)before;
  if (entry_has_deadline(mem_ptr(sp->mem.base, member)))
    wheel_add(sp->mem.base, mem_ptr(sp->mem.base, h->wheel), member);
}

static ref hash_move_member(space *sp, collection *c, ref member) {
  const char *base = sp->mem.base;
  const entry *e = mem_ptr(base, member);
  bool timed = entry_has_deadline(e);
  wheel *w = timed ? mem_ptr(base, ((hash_large *)c)->wheel) : NULL;
  if (timed) wheel_remove(base, w, member);
  ref to = mem_move(&sp->mem, member, entry_size(e));
  if (timed) wheel_add(base, w, to);
  return to;
}

const collection_kind hash_kind = {.drop = hash_drop, .clone = hash_clone, .bytes = hash_tables, .abandon = hash_abandon,
                                   .unhang = hash_unhang, .hang = hash_hang, .keyed = true, .move = hash_move_member};
