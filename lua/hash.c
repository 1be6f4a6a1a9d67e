/* hash: the hot methods of a view of a hash. The others are in kevy/views/hash.lua. */
#include "module.h"

/* get(field): its value, or nil. */
static int hash_get(lua_State *L) {
  kevy_value lent;
  const lua_view *v = arg_view(L);
  kevy_value field = arg_member(L, 2, 2);
  kevy_store *s = view_handle(L, v);
  kevy_lock(s);
  return end_lent(L, s, kevy_hget(s, v->key, v->klen, &field, &lent), &lent);
}

/* set(field, value, {nx=}): true; nil, "exists" when nx forbids. set{field = value, ...}: how many were new. */
static int hash_set(lua_State *L) {
  uint32_t flags = 0;
  const lua_view *v = arg_view(L);
  if (lua_istable(L, 2)) return view_delegate(L, "_set_many");
  kevy_value field = arg_member(L, 2, 2), value = arg_value(L, 3, 3);
  arg_options(L, 4, "hset", "set", &flags, NULL);
  kevy_store *s = view_handle(L, v);
  kevy_lock(s);
  kevy_status status = kevy_hset(s, v->key, v->klen, 1, &field, &value, flags, NULL);
  if (status != KEVY_UNMET) return end_true(L, s, status);
  kevy_unlock(s);
  return push_no(L, "exists");
}

/* _write(fields, values, flags): sets many, whole or not at all; how many were new. */
static int hash_write(lua_State *L) {
  uint64_t added = 0;
  arg_list fields, values;
  const lua_view *v = arg_view(L);
  arg_items(L, 2, arg_member, &fields);
  arg_items(L, 3, arg_value, &values);
  luaL_argcheck(L, fields.count == values.count, 3, "as many values as fields expected");
  uint32_t flags = (uint32_t)arg_int(L, 4);
  kevy_store *s = view_handle(L, v);
  kevy_lock(s);
  kevy_status status =
      kevy_hset(s, v->key, v->klen, fields.count, fields.values, values.values, flags, &added);
  return end_count(L, s, status, added);
}

/* delete(field, ...): how many there were. */
static int hash_delete(lua_State *L) {
  return view_remove(L, kevy_hdel);
}

/* has(field). */
static int hash_has(lua_State *L) {
  return view_has(L, kevy_hexists);
}

/* incr(field, by = 1): the new number; a float when by is one. */
static int hash_incr(lua_State *L) {
  kevy_status status;
  const lua_view *v = arg_view(L);
  kevy_value field = arg_member(L, 2, 2), by = arg_by(L, 3), sum = by;
  kevy_store *s = view_handle(L, v);
  kevy_lock(s);
  if (by.kind == KEVY_INT)
    status = kevy_hincr(s, v->key, v->klen, &field, by.as.i, 0, &sum.as.i);
  else
    status = kevy_hincr_float(s, v->key, v->klen, &field, by.as.d, 0, &sum.as.d);
  return end_number(L, s, status, &sum);
}

/* len(), and #hash: how many fields there are. */
static int hash_len(lua_State *L) {
  return view_len(L, kevy_hlen);
}

/* iter(), and pairs(hash): every field with its value. */
static int hash_iter(lua_State *L) {
  return view_iter(L, KEVY_TYPE_HASH, 0, ITER_PAIR);
}

const luaL_Reg hash_methods[] = {
    {"get", hash_get},       {"set", hash_set},   {"_write", hash_write}, {"delete", hash_delete},
    {"has", hash_has},       {"incr", hash_incr}, {"len", hash_len},
    {"iter", hash_iter}, {NULL, NULL},
};
