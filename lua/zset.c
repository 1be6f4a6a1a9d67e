/* zset: the hot methods of a view of a sorted set. The others are in kevy/views/zset.lua. */
#include "module.h"

/* _write(members, scores, flags): adds many, whole or not at all; how many were new, or with KEVY_CHANGED changed. */
static int zset_write(lua_State *L) {
  uint64_t count = 0;
  arg_list members;
  const lua_view *v = arg_view(L);
  arg_items(L, 2, arg_member, &members);
  luaL_argcheck(L, compat_raw_length(L, 3) == members.count, 3, "as many scores as members expected");
  double *scores = compat_new_userdata(L, members.count * sizeof *scores + 1);
  for (size_t i = 0; i < members.count; i++) {
    lua_rawgeti(L, 3, (int)i + 1);
    scores[i] = arg_score(L, lua_gettop(L), 2);
    lua_pop(L, 1);
  }
  uint32_t flags = (uint32_t)arg_int(L, 4);
  kevy_store *s = view_handle(L, v);
  kevy_lock(s);
  kevy_status status = kevy_zadd(s, v->key, v->klen, members.count, members.values, scores, flags, &count);
  return end_count(L, s, status, count);
}

/* add(member, score, {nx=, xx=, gt=, lt=, ch=}), add({member = score, ...}, options): how many were new, or with ch
 * changed. */
static int zset_add(lua_State *L) {
  uint64_t count = 0;
  uint32_t flags = 0;
  const lua_view *v = arg_view(L);
  if (lua_istable(L, 2)) return view_delegate(L, "_add_many");
  kevy_value member = arg_member(L, 2, 2);
  double score = arg_score(L, 3, 3);
  arg_options(L, 4, "add", "add", &flags, NULL);
  kevy_store *s = view_handle(L, v);
  kevy_lock(s);
  kevy_status status = kevy_zadd(s, v->key, v->klen, 1, &member, &score, flags, &count);
  return end_count(L, s, status, count);
}

/* score(member): its score, or nil. */
static int zset_score(lua_State *L) {
  double score = 0;
  const lua_view *v = arg_view(L);
  kevy_value member = arg_member(L, 2, 2);
  kevy_store *s = view_handle(L, v);
  kevy_lock(s);
  kevy_status status = kevy_zscore(s, v->key, v->klen, &member, &score);
  kevy_value found = status == KEVY_MISSING ? (kevy_value){.kind = KEVY_NIL} : kevy_float(score);
  return end_number(L, s, status, &found);
}

/* incr(member, by = 1): the new score. */
static int zset_incr(lua_State *L) {
  double score = 0;
  const lua_view *v = arg_view(L);
  kevy_value member = arg_member(L, 2, 2);
  double by = lua_isnoneornil(L, 3) ? 1 : arg_score(L, 3, 3);
  kevy_store *s = view_handle(L, v);
  kevy_lock(s);
  kevy_status status = kevy_zincr(s, v->key, v->klen, &member, by, 0, &score);
  kevy_value sum = kevy_float(score);
  return end_number(L, s, status, &sum);
}

/* rank(member, {rev=}): its position, 1 for the lowest score (rev: the highest), or nil. */
static int zset_rank(lua_State *L) {
  uint64_t rank = 0;
  uint32_t flags = 0;
  const lua_view *v = arg_view(L);
  kevy_value member = arg_member(L, 2, 2);
  arg_options(L, 3, "iter", "rank", &flags, NULL);
  kevy_store *s = view_handle(L, v);
  kevy_lock(s);
  kevy_status status = kevy_zrank(s, v->key, v->klen, &member, flags, &rank, NULL);
  kevy_value position = status == KEVY_MISSING ? (kevy_value){.kind = KEVY_NIL} : kevy_int((int64_t)rank + 1);
  return end_number(L, s, status, &position);
}

/* remove(member, ...): how many there were. */
static int zset_remove(lua_State *L) {
  return view_remove(L, kevy_zrem);
}

/* len(), and #zset. */
static int zset_len(lua_State *L) {
  return view_len(L, kevy_zcard);
}

/* iter{rev=}, and pairs(zset): every member with its score, in order. */
static int zset_iter(lua_State *L) {
  return view_iter(L, KEVY_TYPE_ZSET, KEVY_REV, ITER_PAIR);
}

const luaL_Reg zset_methods[] = {
    {"_write", zset_write}, {"add", zset_add},  {"score", zset_score}, {"incr", zset_incr},
    {"rank", zset_rank},    {"remove", zset_remove}, {"len", zset_len}, {"iter", zset_iter}, {NULL, NULL},
};
