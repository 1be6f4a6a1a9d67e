/* window: the engine's windows, as kevy/serving.lua takes them, which is what s:serve() is. */
#include <string.h>

#include "module.h"

typedef struct lua_window {
  kevy_window *handle; /* NULL once closed */
} lua_window;

static kevy_window *window_handle(lua_State *L) {
  const lua_window *w = luaL_checkudata(L, 1, WINDOW_CLASS);
  if (w->handle == NULL) luaL_error(L, "the window is closed");
  return w->handle;
}

static int window_address(lua_State *L) {
  lua_pushstring(L, kevy_window_address(window_handle(L)));
  return 1;
}

static int window_connections(lua_State *L) {
  lua_pushinteger(L, (lua_Integer)kevy_window_connections(window_handle(L)));
  return 1;
}

static int window_close(lua_State *L) {
  lua_window *w = luaL_checkudata(L, 1, WINDOW_CLASS);
  kevy_window *handle = w->handle;
  w->handle = NULL;
  kevy_window_close(handle);
  return 0;
}

const luaL_Reg window_methods[] = {
    {"address", window_address}, {"connections", window_connections}, {"close", window_close}, {"__gc", window_close}, {NULL, NULL}};

/* _serve(address, flags, password, maxclients, query_buffer, output_buffer), all but the first two maybe nil: the window; nil,
 * why not. */
static int store_serve_at(lua_State *L) {
  kevy_window_options options = KEVY_WINDOW_OPTIONS_INIT;
  const char *address = luaL_checkstring(L, 2);
  options.flags = (uint32_t)arg_int_or(L, 3, 0);
  options.password = luaL_optstring(L, 4, NULL);
  options.maxclients = (uint32_t)arg_int_or(L, 5, 0);
  options.query_buffer = (uint64_t)arg_int_or(L, 6, 0);
  options.output_buffer = (uint64_t)arg_int_or(L, 7, 0);
  lua_window *w = compat_new_userdata(L, sizeof *w);
  w->handle = NULL;
  luaL_setmetatable(L, WINDOW_CLASS);
  lua_store *self = arg_store(L);
  kevy_store *s = arg_handle(L);
  kevy_status status = kevy_serve(s, address, &options, &w->handle);
  if (status < 0) return push_no(L, kevy_errmsg(s));
  self->served = true;
  return 1;
}

/* Calls that function of kevy.serving with what is on the stack. */
static int serving_call(lua_State *L, const char *name) {
  compat_require(L, "kevy.serving");
  lua_getfield(L, -1, name);
  lua_insert(L, 1);
  lua_pop(L, 1);
  lua_call(L, lua_gettop(L) - 1, LUA_MULTRET);
  return lua_gettop(L);
}

static int store_serve(lua_State *L) {
  arg_store(L);
  return serving_call(L, "serve");
}

void window_leave(lua_State *L, const lua_store *self) {
  if (!self->served) return;
  lua_settop(L, 1);
  serving_call(L, "leave");
}

const luaL_Reg serve_methods[] = {{"serve", store_serve}, {"_serve", store_serve_at}, {NULL, NULL}};
