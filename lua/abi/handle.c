/* handle: see handle.h. The registry holds each type's metatable under the address of its row in
 * abi_opaques, so that a check neither allocates nor runs the collector. */
#include "handle.h"

#include <stdint.h>
#include <string.h>

static const abi_opaque *opaque_of(const char *type) {
  size_t count;
  const abi_opaque *types = abi_opaques(&count);
  for (size_t i = 0; i < count; i++)
    if (strcmp(types[i].name, type) == 0) return &types[i];
  return NULL;
}

/* Whether the value at index has this type's metatable. */
static bool is_handle(lua_State *L, int index, const abi_opaque *type) {
  if (lua_type(L, index) != LUA_TUSERDATA || !lua_getmetatable(L, index)) return false;
  lua_rawgetp(L, LUA_REGISTRYINDEX, type);
  bool same = lua_rawequal(L, -1, -2);
  lua_pop(L, 2);
  return same;
}

/* The handle that a metamethod of it was called with. */
static handle *self(lua_State *L) {
  const abi_opaque *type = lua_touserdata(L, lua_upvalueindex(1));
  if (!is_handle(L, 1, type)) luaL_typeerror(L, 1, type->name);
  return lua_touserdata(L, 1);
}

void handle_release(handle *h) {
  if (!h->object) return;
  for (; h->locked; h->locked--) kevy_unlock(h->object);
  abi_slot argument = {.p = h->object};
  h->object = NULL;
  abi_call(h->release, &argument, NULL);
}

static int release_method(lua_State *L) {
  handle_release(self(L));
  return 0;
}

static int tostring_method(lua_State *L) {
  const handle *h = self(L);
  const abi_opaque *type = lua_touserdata(L, lua_upvalueindex(1));
  if (h->object)
    lua_pushfstring(L, "%s: %p", type->name, h->object);
  else
    lua_pushfstring(L, "%s (closed)", type->name);
  return 1;
}

static const luaL_Reg methods[] = {
    {"__gc", release_method},
    {"__close", release_method},
    {"__tostring", tostring_method},
    {NULL, NULL},
};

static void make_metatable(lua_State *L, const abi_opaque *type) {
  lua_newtable(L);
  lua_pushlightuserdata(L, (void *)(uintptr_t)type);
  luaL_setfuncs(L, methods, 1);
  lua_pushstring(L, type->name);
  lua_setfield(L, -2, "__name");
  lua_pushboolean(L, 0); /* what getmetatable shows */
  lua_setfield(L, -2, "__metatable");
  lua_rawsetp(L, LUA_REGISTRYINDEX, type);
}

void handle_open(lua_State *L) {
  size_t count;
  const abi_opaque *types = abi_opaques(&count);
  for (size_t i = 0; i < count; i++) make_metatable(L, &types[i]);
}

handle *handle_push(lua_State *L, const char *type) {
  const abi_opaque *row = opaque_of(type);
  handle *h = lua_newuserdatauv(L, sizeof *h, 0);
  *h = (handle){NULL, abi_find(row->release), 0};
  lua_rawgetp(L, LUA_REGISTRYINDEX, row);
  lua_setmetatable(L, -2);
  return h;
}

handle *handle_check(lua_State *L, int argument, const char *type) {
  if (!is_handle(L, argument, opaque_of(type))) luaL_typeerror(L, argument, type);
  return lua_touserdata(L, argument);
}
