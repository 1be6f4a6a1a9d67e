/* cmd_zset: what the files of sorted-set and geo handlers share. */
#ifndef KEVY_CMD_ZSET_H
#define KEVY_CMD_ZSET_H

#include "command.h"
#include "type_zset.h"

static inline void zset_answer_count(command_call *c, kevy_status status, uint64_t count) {
  if (status < 0) command_error(c, status);
  else sink_integer(c->out, (int64_t)count);
}

/* Opens the set under an argument; false, having answered the error. */
static inline bool zset_open(command_call *c, size_t key, zset_view *v) {
  kevy_status status = zset_view_open(c->store, c->argv[key].as.ptr, c->argv[key].len, false, v);
  if (status < 0) command_error(c, status);
  return status >= 0;
}

/* An answer of n elements, and each of them: members, or pairs of member and score. */
static inline void zset_answer_start(command_call *c, uint64_t n, bool with_scores) {
  if (with_scores) sink_pairs(c->out, (size_t)n);
  else sink_array(c->out, (size_t)n);
}
static inline void zset_answer_element(command_call *c, const kevy_value *member, double score, bool with_score) {
  if (with_score) sink_pair(c->out);
  sink_bulk(c->out, member);
  if (with_score) sink_real(c->out, score);
}

/* The elements of a walk. */
static inline void zset_answer_walk(command_call *c, zset_walk *w, bool with_scores) {
  kevy_value member;
  double score;
  zset_answer_start(c, w->left, with_scores);
  while (zset_walk_next(w, &member, &score)) zset_answer_element(c, &member, score, with_scores);
}

/* An element kept beyond the walk that gave it. Borrows what is no number from the set. */
typedef struct zset_found {
  const char *ptr; /* the member's byte form; NULL: in digits */
  size_t len;
  uint64_t hash; /* for who looks members up */
  double score;
  uint32_t kind;
  char digits[PACKED_NUMBER];
} zset_found;

static inline void zset_found_set(zset_found *f, const kevy_value *member, double score) {
  packed_key key = packed_key_of(member, f->digits);
  f->ptr = key.ptr;
  f->len = key.len;
  f->kind = member->kind;
  f->score = score;
  if (!key.is_int) return;
  /* Digits of a block's number lie in the walk, which goes on. */
  if (key.ptr != f->digits) memcpy(f->digits, key.ptr, key.len);
  f->ptr = NULL;
}

static inline const char *zset_found_bytes(const zset_found *f) { return f->ptr != NULL ? f->ptr : f->digits; }

static inline kevy_value zset_found_member(const zset_found *f) {
  kevy_value v = {f->kind, 0, f->len, {.ptr = zset_found_bytes(f)}};
  if (f->kind != KEVY_INT) return v;
  int64_t i = 0;
  (void)number_parse_int(zset_found_bytes(f), f->len, &i);
  v.len = 0;
  v.as.i = i;
  return v;
}

#endif
