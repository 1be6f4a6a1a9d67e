/* scan: iterators over the keys of one moment, or the elements of one value.
 *
 * An iterator is a userdata that one calls: each call answers the next key (and value), nil at the end. It
 * holds a snapshot until it ends, is closed or collected. What kevy_iter_next lends stays put whatever
 * happens to the store; only a call on the same iterator moves it, so the iterator is marked busy while it
 * is read: a nested next raises, a nested close waits. */
#include <string.h>

#include "module.h"

typedef struct lua_iter {
  kevy_iter *handle; /* NULL once it ended */
  iter_shape shape;
  bool busy;         /* what it lent is being read */
  bool closing;      /* close when that is done */
} lua_iter;

kevy_iter **iter_new(lua_State *L, iter_shape shape) {
  lua_iter *it = compat_new_userdata(L, sizeof *it);
  memset(it, 0, sizeof *it);
  it->shape = shape;
  luaL_setmetatable(L, ITER_CLASS);
  return &it->handle;
}

int iter_end(lua_State *L, kevy_store *s, kevy_status status) {
  if (status < 0) return push_failure(L, s, status);
  kevy_unlock(s);
  lua_pushnil(L);
  lua_pushnil(L);
  lua_pushvalue(L, -3);
  return 4;
}

/* iter(), and pairs(store): every key with its value (nil for collections). */
static int scan_iter(lua_State *L) {
  arg_store(L);
  kevy_iter **handle = iter_new(L, ITER_PAIR);
  kevy_store *s = arg_handle(L);
  kevy_lock(s);
  return iter_end(L, s, kevy_iter_open(s, NULL, 0, KEVY_TYPE_NONE, handle));
}

/* scan{match = pattern, type = name}: every key that matches. */
static int scan_scan(lua_State *L) {
  size_t plen;
  arg_store(L);
  lua_settop(L, 2);
  lua_getfield(L, CLASS_OPTIONS, "scan");
  lua_pushvalue(L, 2);
  lua_call(L, 1, 2);
  const char *pattern = lua_tolstring(L, 3, &plen);
  int32_t type = (int32_t)lua_tonumber(L, 4);
  kevy_iter **handle = iter_new(L, ITER_KEY);
  kevy_store *s = arg_handle(L);
  kevy_lock(s);
  return iter_end(L, s, kevy_iter_open(s, pattern, plen, type, handle));
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

/* Pushes what the iterator lent; how many values that is. */
static int iter_push(lua_State *L, iter_shape shape, const kevy_value *key, const kevy_value *value) {
  if (shape == ITER_POSITION) compat_push_int(L, value->as.i + 1);
  value_push(L, key);
  if (shape == ITER_PAIR) value_push(L, value);
  return shape == ITER_KEY ? 1 : 2;
}

static int iter_next(lua_State *L) {
  kevy_value key, value;
  int results = 0;
  lua_iter *it = iter_self(L);
  if (it->busy) return luaL_error(L, "the iterator is in use");
  kevy_status status = KEVY_MISSING;
  if (it->handle != NULL) status = kevy_iter_next(it->handle, &key, it->shape != ITER_KEY ? &value : NULL);
  if (status == KEVY_OK) {
    it->busy = true;
    results = iter_push(L, it->shape, &key, &value);
    it->busy = false;
    if (!it->closing) return results;
  }
  iter_close(L);
  if (status < 0) return luaL_error(L, "%s", kevy_strerror(status));
  if (status == KEVY_OK) return results;
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
