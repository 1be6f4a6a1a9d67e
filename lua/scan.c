/* scan: iterators over the keys of one moment.
 *
 * An iterator is a userdata that one calls: each call answers the next key (and value), nil at the end. It
 * holds a snapshot until it ends, is closed or collected. What kevy_iter_next lends stays put whatever
 * happens to the store; only a call on the same iterator moves it, so the iterator is marked busy while it
 * is read: a nested next raises, a nested close waits. */
#include <string.h>

#include "module.h"

typedef struct lua_iter {
  kevy_iter *handle; /* NULL once it ended */
  bool values;       /* answers key, value; else key */
  bool busy;         /* what it lent is being read */
  bool closing;      /* close when that is done */
} lua_iter;

/* Pushes an iterator over s, and what a generic for of Lua 5.4 closes: iterator, nil, nil, iterator. */
static int iter_new(lua_State *L, const kevy_value *pattern, int32_t type, bool values) {
  lua_iter *it = compat_new_userdata(L, sizeof *it);
  memset(it, 0, sizeof *it);
  it->values = values;
  luaL_setmetatable(L, ITER_CLASS);
  kevy_store *s = arg_handle(L);
  kevy_lock(s);
  kevy_status status = kevy_iter_open(s, pattern->as.ptr, pattern->len, type, &it->handle);
  if (status < 0) return push_failure(L, s, status);
  kevy_unlock(s);
  lua_pushnil(L);
  lua_pushnil(L);
  lua_pushvalue(L, -3);
  return 4;
}

/* iter(), and pairs(store): every key with its value (nil for collections). */
static int scan_iter(lua_State *L) {
  const kevy_value all = kevy_bytes(NULL, 0);
  arg_store(L);
  return iter_new(L, &all, KEVY_TYPE_NONE, true);
}

/* The number of the type of that name. */
static int32_t type_number(lua_State *L, const char *name) {
  for (int32_t type = KEVY_TYPE_STRING; type <= KEVY_TYPE_STREAM; type++)
    if (strcmp(kevy_type_name(type), name) == 0) return type;
  return luaL_argerror(L, 2, lua_pushfstring(L, "unknown type '%s'", name));
}

/* scan{match = pattern, type = name}: every key that matches. */
static int scan_scan(lua_State *L) {
  kevy_value pattern = kevy_bytes(NULL, 0);
  int32_t type = KEVY_TYPE_NONE;
  arg_store(L);
  if (!lua_isnoneornil(L, 2)) {
    luaL_checktype(L, 2, LUA_TTABLE);
    for (lua_pushnil(L); lua_next(L, 2); lua_pop(L, 1)) {
      const char *name = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : "?";
      bool match = strcmp(name, "match") == 0;
      if (!match && strcmp(name, "type") != 0)
        luaL_argerror(L, 2, lua_pushfstring(L, "unknown option '%s'", name));
      luaL_argcheck(L, lua_type(L, -1) == LUA_TSTRING, 2, "match and type are strings");
      if (match)
        pattern.as.ptr = lua_tolstring(L, -1, &pattern.len);
      else
        type = type_number(L, lua_tostring(L, -1));
    }
  }
  return iter_new(L, &pattern, type, false);
}

static lua_iter *iter_self(lua_State *L) {
  return luaL_checkudata(L, 1, ITER_CLASS);
}

static int iter_close(lua_State *L) {
  lua_iter *it = iter_self(L);
  kevy_iter *handle = it->handle;
  if (it->busy) {
    it->closing = true;
    return 0;
  }
  it->handle = NULL;
  kevy_iter_close(handle);
  return 0;
}

/* Collected, so nobody reads what it lent, whatever busy says. */
static int iter_gc(lua_State *L) {
  iter_self(L)->busy = false;
  return iter_close(L);
}

static int iter_next(lua_State *L) {
  kevy_value key, value;
  lua_iter *it = iter_self(L);
  if (it->busy) return luaL_error(L, "the iterator is in use");
  kevy_status status = KEVY_MISSING;
  if (it->handle != NULL) status = kevy_iter_next(it->handle, &key, it->values ? &value : NULL);
  if (status == KEVY_OK) {
    it->busy = true;
    value_push(L, &key);
    if (it->values) value_push(L, &value);
    it->busy = false;
    if (!it->closing) return it->values ? 2 : 1;
  }
  iter_close(L);
  if (status < 0) return luaL_error(L, "%s", kevy_strerror(status));
  if (status == KEVY_OK) return it->values ? 2 : 1;
  lua_pushnil(L);
  return 1;
}

static int iter_tostring(lua_State *L) {
  lua_pushfstring(L, ITER_CLASS ": %p", (const void *)iter_self(L));
  return 1;
}

const luaL_Reg scan_methods[] = {
    {"iter", scan_iter},
    {"__pairs", scan_iter},
    {"scan", scan_scan},
    {NULL, NULL},
};

const luaL_Reg iter_metamethods[] = {
    {"__call", iter_next},     {"__gc", iter_gc}, {"__close", iter_close},
    {"__tostring", iter_tostring}, {"close", iter_close}, {NULL, NULL},
};
