/* list: the hot methods of a view of a list, and those that need several calls as one. Positions count from 1, negative
 * ones from the end. The others are in kevy/views/list.lua. */
#include "module.h"

/* The engine's position, which counts from 0; -1 past the front for 0. */
static int64_t arg_position(lua_State *L, int index) {
  int64_t i = arg_int(L, index);
  if (i == 0) return INT64_MIN;
  return i > 0 ? i - 1 : i;
}

/* get(i), and list[i]: the element, or nil. */
static int list_get(lua_State *L) {
  kevy_value lent;
  const lua_view *v = arg_view(L);
  int64_t position = arg_position(L, 2);
  kevy_store *s = view_handle(L, v);
  kevy_lock(s);
  return end_lent(L, s, kevy_lindex(s, v->key, v->klen, position, &lent), &lent);
}

static int list_index(lua_State *L) {
  if (lua_type(L, 2) == LUA_TNUMBER) return operator_end(L, list_get(L));
  lua_settop(L, 2);
  lua_rawget(L, CLASS_OWN);
  return 1;
}

/* Sets the element at a position, or appends it at the position behind the last one. */
static kevy_status list_put(kevy_store *s, const lua_view *v, int64_t position, const kevy_value *item) {
  uint64_t count = 0;
  kevy_status status = kevy_lset(s, v->key, v->klen, position, item);
  if (status != KEVY_ERANGE && status != KEVY_MISSING) return status;
  kevy_llen(s, v->key, v->klen, &count);
  if (position < 0 || (uint64_t)position != count) return KEVY_ERANGE;
  return kevy_push(s, v->key, v->klen, 1, item, 0, NULL);
}

/* set(i, value), and list[i] = value: true; nil, message beyond the position behind the last one. */
static int list_set(lua_State *L) {
  const lua_view *v = arg_view(L);
  int64_t position = arg_position(L, 2);
  kevy_value item = arg_value(L, 3, 3);
  kevy_store *s = view_handle(L, v);
  kevy_lock(s);
  return end_true(L, s, list_put(s, v, position, &item));
}

static int list_newindex(lua_State *L) {
  return operator_end(L, list_set(L));
}

/* push(value, ...), pushleft(value, ...): the new length; the last of them becomes the last, or the first. */
static int list_push(lua_State *L) {
  return view_write(L, kevy_push, arg_value, 0);
}

static int list_pushleft(lua_State *L) {
  return view_write(L, kevy_push, arg_value, KEVY_LEFT);
}

/* _write(items, flags): pushes many, whole or not at all. */
static int list_write(lua_State *L) {
  return view_write_items(L, kevy_push, arg_value);
}

static int pop(lua_State *L, uint32_t flags) {
  kevy_value lent;
  const lua_view *v = arg_view(L);
  if (!lua_isnoneornil(L, 2)) return view_delegate(L, flags & KEVY_LEFT ? "_popleft_many" : "_pop_many");
  kevy_store *s = view_handle(L, v);
  kevy_lock(s);
  return end_lent(L, s, kevy_pop(s, v->key, v->klen, flags, &lent), &lent);
}

/* pop(), popleft(): the last, the first element, or nil; with a count a table of so many, or nil. */
static int list_pop(lua_State *L) {
  return pop(L, 0);
}

static int list_popleft(lua_State *L) {
  return pop(L, KEVY_LEFT);
}

/* insert(i, value): true; what was there and behind it moves back. nil, message beyond the end. */
static int list_insert(lua_State *L) {
  const lua_view *v = arg_view(L);
  int64_t position = arg_position(L, 2);
  kevy_value item = arg_value(L, 3, 3);
  kevy_store *s = view_handle(L, v);
  kevy_lock(s);
  return end_true(L, s, kevy_lsplice(s, v->key, v->klen, position, 0, 1, &item, 0));
}

/* remove(i = -1): the element that was there, or nil. It is held before it goes, so that nothing is lost when memory
 * runs out. */
static int list_remove(lua_State *L) {
  held h;
  kevy_value lent;
  const lua_view *v = arg_view(L);
  int64_t position = lua_isnoneornil(L, 2) ? -1 : arg_position(L, 2);
  kevy_store *s = view_handle(L, v);
  kevy_lock(s);
  kevy_status status = kevy_lindex(s, v->key, v->klen, position, &lent);
  if (status == KEVY_OK) status = held_copy(&h, &lent);
  if (status == KEVY_OK) {
    status = kevy_lsplice(s, v->key, v->klen, position, 1, 0, NULL, 0);
    if (status < 0) held_release(&h);
  }
  return end_value(L, s, status, &h);
}

/* trim(i, j = -1): true; only the elements i to j are left, counted as string.sub counts. */
static int list_trim(lua_State *L) {
  const lua_view *v = arg_view(L);
  int64_t i = arg_int(L, 2), j = arg_int_or(L, 3, -1);
  kevy_store *s = view_handle(L, v);
  kevy_lock(s);
  if (i > 0) i--;
  kevy_status status = j != 0 ? kevy_ltrim(s, v->key, v->klen, i, j > 0 ? j - 1 : j)
                              : kevy_ltrim(s, v->key, v->klen, 1, 0);
  return end_true(L, s, status);
}

/* len(), and #list. */
static int list_len(lua_State *L) {
  return view_len(L, kevy_llen);
}

/* iter{rev=}, and pairs(list): every position with its element. */
static int list_iter(lua_State *L) {
  return view_iter(L, KEVY_TYPE_LIST, KEVY_REV, ITER_POSITION);
}

const luaL_Reg list_methods[] = {
    {"get", list_get},           {"set", list_set},         {"push", list_push},   {"pushleft", list_pushleft},
    {"_write", list_write},      {"pop", list_pop},         {"popleft", list_popleft},
    {"insert", list_insert},     {"remove", list_remove},   {"trim", list_trim},   {"len", list_len},
    {"iter", list_iter},         {"__index", list_index},   {"__newindex", list_newindex},   {NULL, NULL},
};
