/* views: hash, list, set, zset and stream of a key, as objects: what all of them share.
 *
 * A view is bound to a key, not to what it holds: it sees later writes, and is empty while there is no such key.
 * It keeps its store's object alive; a closed store raises. Here are the ways that hold for every type: making one, its
 * name, and commands in typed form, which lua/kevy/views makes the rest of the methods of, for both doors. Its hot
 * methods are in hash.c, list.c, set.c and zset.c. */
#include <string.h>

#include "module.h"

int view_new(lua_State *L) {
  size_t klen;
  lua_store *store = arg_store(L);
  const char *key = arg_key(L, 2, &klen);
  store_handle(L, store);
  lua_view *v = compat_new_owned(L, sizeof *v + klen, 1);
  v->store = store;
  v->klen = klen;
  memcpy(v->key, key, klen);
  luaL_setmetatable(L, view_class_name((int32_t)lua_tointeger(L, CLASS_OWN)));
  return 1;
}

/* key(): the key that it is a view of. */
static int view_key(lua_State *L) {
  const lua_view *v = arg_view(L);
  lua_pushlstring(L, v->key, v->klen);
  return 1;
}

/* store(): the store that it is a view of. */
static int view_store(lua_State *L) {
  arg_view(L);
  compat_push_owner(L, 1);
  return 1;
}

/* The view at index, which has the metatable of one of the classes and is of this store; else NULL. */
static const lua_view *any_view(lua_State *L, int index, const lua_store *store) {
  const lua_view *found = NULL;
  if (lua_type(L, index) != LUA_TUSERDATA || !lua_getmetatable(L, index)) return NULL;
  for (int32_t type = KEVY_TYPE_HASH; type <= KEVY_TYPE_STREAM && found == NULL; type++) {
    luaL_getmetatable(L, view_class_name(type));
    if (lua_rawequal(L, -1, -2)) found = lua_touserdata(L, index);
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
  if (found != NULL && found->store != store) luaL_error(L, "the views are of different stores");
  return found;
}

/* An argument of _call: a scalar, or a view for its key. */
static kevy_value call_argument(lua_State *L, int index, int argument) {
  const lua_view *v = any_view(L, index, ((const lua_view *)lua_touserdata(L, 1))->store);
  return v != NULL ? kevy_bytes(v->key, v->klen) : arg_value(L, index, argument);
}

/* _call{name, ...}: the typed reply to a command, in which views stand for their keys. */
static int view_call(lua_State *L) {
  arg_list argv;
  const lua_view *v = arg_view(L);
  luaL_checktype(L, 2, LUA_TTABLE);
  arg_items(L, 2, call_argument, &argv);
  return view_run(L, v, argv.count, argv.values);
}

int operator_end(lua_State *L, int results) {
  if (results == 2 && lua_isnil(L, -2)) return luaL_error(L, "%s", lua_tostring(L, -1));
  return results;
}

int view_delegate(lua_State *L, const char *method) {
  lua_getfield(L, CLASS_OWN, method);
  lua_insert(L, 1);
  lua_call(L, lua_gettop(L) - 1, LUA_MULTRET);
  return lua_gettop(L);
}

int view_len(lua_State *L, view_counter count) {
  uint64_t n = 0;
  const lua_view *v = arg_view(L);
  kevy_store *s = view_handle(L, v);
  kevy_lock(s);
  kevy_status status = count(s, v->key, v->klen, &n);
  return end_count(L, s, status, n);
}

static int write_list(lua_State *L, const lua_view *v, view_batch write, const arg_list *list, uint32_t flags) {
  uint64_t count = 0;
  kevy_store *s = view_handle(L, v);
  kevy_lock(s);
  kevy_status status = write(s, v->key, v->klen, list->count, list->values, flags, &count);
  return end_count(L, s, status, count);
}

int view_write(lua_State *L, view_batch write, arg_reader read, uint32_t flags) {
  arg_list list;
  const lua_view *v = arg_view(L);
  arg_rest(L, 2, read, &list);
  return write_list(L, v, write, &list, flags);
}

int view_remove(lua_State *L, view_removal remove) {
  uint64_t removed = 0;
  arg_list list;
  const lua_view *v = arg_view(L);
  arg_rest(L, 2, arg_member, &list);
  kevy_store *s = view_handle(L, v);
  kevy_lock(s);
  kevy_status status = remove(s, v->key, v->klen, list.count, list.values, &removed);
  return end_count(L, s, status, removed);
}

int view_has(lua_State *L, view_question ask) {
  const lua_view *v = arg_view(L);
  kevy_value member = arg_member(L, 2, 2);
  kevy_store *s = view_handle(L, v);
  kevy_lock(s);
  return end_bool(L, s, ask(s, v->key, v->klen, &member));
}

int view_write_items(lua_State *L, view_batch write, arg_reader read) {
  arg_list list;
  const lua_view *v = arg_view(L);
  uint32_t flags = (uint32_t)arg_int(L, 3);
  luaL_checktype(L, 2, LUA_TTABLE);
  arg_items(L, 2, read, &list);
  return write_list(L, v, write, &list, flags);
}

int view_iter(lua_State *L, int32_t type, uint32_t allowed, iter_shape shape) {
  uint32_t flags = 0;
  const lua_view *v = arg_view(L);
  if (allowed & KEVY_REV) arg_options(L, 2, "iter", "iter", &flags, NULL);
  kevy_iter **handle = iter_new(L, shape);
  kevy_store *s = view_handle(L, v);
  kevy_lock(s);
  return iter_end(L, s, kevy_iter_elements(s, v->key, v->klen, type, flags, handle));
}

/* #view and pairs(view): len() and iter(). */
static int view_length(lua_State *L) {
  lua_settop(L, 1);
  return operator_end(L, view_delegate(L, "len"));
}

static int view_pairs(lua_State *L) {
  lua_settop(L, 1);
  return operator_end(L, view_delegate(L, "iter"));
}

static int view_tostring(lua_State *L) {
  const lua_view *v = arg_view(L);
  luaL_getmetafield(L, 1, "__metatable");
  lua_pushliteral(L, ": ");
  lua_pushlstring(L, v->key, v->klen);
  lua_concat(L, 3);
  return 1;
}

const luaL_Reg view_methods[] = {
    {"key", view_key},       {"store", view_store},   {"_call", view_call},
    {"__len", view_length},  {"__pairs", view_pairs}, {"__tostring", view_tostring}, {NULL, NULL},
};
