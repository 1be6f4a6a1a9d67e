/* module: kevy.core, the module itself: opening stores, and the classes of its objects.
 *
 * `require "kevy"` is what users load: kevy.lua chooses this module or the FFI door, and gives both the
 * open() that reads {path=, maxmemory=, policy=}. */
#include <stdio.h>
#include <string.h>

#include "module.h"

/* kevy_options.progress: calls the function at index 8. What it raises is on the stack. */
static int32_t module_open_tell(void *context, uint64_t done, uint64_t total, uint64_t keys) {
  lua_State *L = context;
  lua_pushvalue(L, 8);
  compat_push_int(L, (int64_t)done);
  compat_push_int(L, (int64_t)total);
  compat_push_int(L, (int64_t)keys);
  return lua_pcall(L, 3, 0, 0) == 0 ? 0 : 1;
}

/* open(url, maxmemory, policy, flags, fsync, log_queue, rewrite_at, progress), each of them or nil: a store; nil, why not. */
static int module_open(lua_State *L) {
  kevy_options options = KEVY_OPTIONS_INIT;
  options.url = luaL_optstring(L, 1, NULL);
  int64_t maxmemory = arg_int_or(L, 2, 0);
  luaL_argcheck(L, maxmemory >= 0, 2, "bytes expected");
  options.maxmemory = (uint64_t)maxmemory;
  options.policy = luaL_optstring(L, 3, NULL);
  options.flags = (uint32_t)arg_int_or(L, 4, 0);
  options.fsync = luaL_optstring(L, 5, NULL);
  options.log_queue = (uint64_t)arg_int_or(L, 6, 0);
  options.rewrite_at = (uint64_t)arg_int_or(L, 7, 0);
  lua_settop(L, 8);
  luaL_checkstack(L, 8, NULL);
  if (!lua_isnil(L, 8)) {
    options.progress = module_open_tell;
    options.progress_context = L;
  }
  lua_store *self = store_new(L, CLASS_META);
  kevy_status status = kevy_open(&options, &self->handle);
  if (status == KEVY_OK) return 1;
  if (status == KEVY_ECANCELLED) return lua_error(L);
  char message[512];
  snprintf(message, sizeof message, "%s", kevy_errmsg(NULL));
  return push_no(L, message);
}

static int null_tostring(lua_State *L) {
  lua_pushliteral(L, "kevy.null");
  return 1;
}

/* Pushes kevy.null: what stands for nil inside the tables of a reply. */
static void push_null(lua_State *L) {
  compat_new_userdata(L, 1);
  lua_createtable(L, 0, 1);
  lua_pushcfunction(L, null_tostring);
  lua_setfield(L, -2, "__tostring");
  lua_setmetatable(L, -2);
}

/* Adds functions, with the count upvalues found from index upvalues on and the table of methods as one more: those
 * whose names begin with "__" to the metatable on top of the stack, others to the table of methods below it. */
static void add_methods(lua_State *L, const luaL_Reg *list, int upvalues, int count) {
  for (; list->name != NULL; list++) {
    for (int i = 0; i < count; i++) lua_pushvalue(L, upvalues + i);
    lua_pushvalue(L, -2 - count);
    lua_pushcclosure(L, list->func, count + 1);
    lua_setfield(L, strncmp(list->name, "__", 2) == 0 ? -2 : -3, list->name);
  }
}

/* Ends a class whose table of methods and metatable are on the stack, and takes the metatable off. Methods are
 * found by __index, where the class has no other. A finalizer is in the metatable only, out of reach of
 * s:method(). */
static void end_class(lua_State *L, const char *name) {
  lua_getfield(L, -1, "__index");
  if (lua_isnil(L, -1)) {
    lua_pushvalue(L, -3);
    lua_setfield(L, -3, "__index");
  }
  lua_pop(L, 1);
  lua_pushstring(L, name);
  lua_setfield(L, -2, "__metatable");
  lua_pop(L, 1);
}

static void new_class(lua_State *L, const char *name, const luaL_Reg *methods) {
  lua_newtable(L);
  luaL_newmetatable(L, name);
  add_methods(L, methods, 0, 0);
  end_class(L, name);
  lua_pop(L, 1);
}

/* The types of views, by the name of the method of a store that makes one. */
static const struct view_class {
  const char *maker, *name;
  const luaL_Reg *methods;
} view_classes[] = {
    [KEVY_TYPE_HASH] = {"Hash", "kevy.Hash", hash_methods},
    [KEVY_TYPE_LIST] = {"List", "kevy.List", list_methods},
    [KEVY_TYPE_SET] = {"Set", "kevy.Set", set_methods},
    [KEVY_TYPE_ZSET] = {"ZSet", "kevy.ZSet", zset_methods},
    [KEVY_TYPE_STREAM] = {"Stream", "kevy.Stream", NULL},
};

const char *view_class_name(int32_t type) {
  return view_classes[type].name;
}

/* Pushes the table of methods of a new class of views. The upvalues are those of its methods but for the first,
 * its metatable. */
static void new_view_class(lua_State *L, const struct view_class *class, int upvalues) {
  lua_newtable(L);
  luaL_newmetatable(L, class->name);
  lua_pushvalue(L, -1);
  lua_replace(L, upvalues);
  add_methods(L, view_methods, upvalues, CLASS_UPVALUES);
  if (class->methods != NULL) add_methods(L, class->methods, upvalues, CLASS_UPVALUES);
  end_class(L, class->name);
}

/* The classes of views: a table of their tables of methods, on the stack, by maker. */
static void new_view_classes(lua_State *L, int upvalues) {
  lua_newtable(L);
  for (int32_t type = KEVY_TYPE_HASH; type <= KEVY_TYPE_STREAM; type++) {
    new_view_class(L, &view_classes[type], upvalues);
    lua_setfield(L, -2, view_classes[type].maker);
  }
}

/* The class of stores, whose metatable is the first upvalue. */
static void new_store_class(lua_State *L, int upvalues) {
  const luaL_Reg *lists[] = {store_methods, string_methods,  key_methods,
                             scan_methods,  command_methods, serve_methods, store_metamethods};
  lua_newtable(L);
  luaL_newmetatable(L, STORE_CLASS);
  lua_pushvalue(L, -1);
  lua_replace(L, upvalues);
  for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
    add_methods(L, lists[i], upvalues, CLASS_UPVALUES);
  for (int32_t type = KEVY_TYPE_HASH; type <= KEVY_TYPE_STREAM; type++) {
    for (int i = 0; i < CLASS_UPVALUES; i++) lua_pushvalue(L, upvalues + i);
    lua_pushinteger(L, type);
    lua_pushcclosure(L, view_new, CLASS_UPVALUES + 1);
    lua_setfield(L, -3, view_classes[type].maker);
  }
  end_class(L, STORE_CLASS);
  lua_pop(L, 1);
}

COMPAT_EXPORT int luaopen_kevy_core(lua_State *L);

int luaopen_kevy_core(lua_State *L) {
  if (kevy_abi() != KEVY_ABI)
    return luaL_error(L, "kevy.core was built for ABI %d of libkevy, and this one has %d", KEVY_ABI,
                      (int)kevy_abi());
  lua_settop(L, 0);
  compat_open(L);
  lua_pushnil(L); /* the upvalues: the metatable of the class being made, ... */
  lua_pushcfunction(L, held_guard);
  push_null(L);
  compat_require(L, "kevy.options");
  lua_newtable(L);
  new_view_classes(L, 1);
  lua_setfield(L, -2, "classes");
  new_store_class(L, 1);
  new_class(L, ITER_CLASS, iter_metamethods);
  new_class(L, REPLY_CLASS, reply_metamethods);
  new_class(L, WAIT_CLASS, wait_metamethods);
  new_class(L, WINDOW_CLASS, window_methods);
  for (int i = 1; i <= CLASS_UPVALUES; i++) lua_pushvalue(L, i);
  lua_pushcclosure(L, module_open, CLASS_UPVALUES);
  lua_setfield(L, -2, "open");
  lua_pushvalue(L, 3);
  lua_setfield(L, -2, "null");
  lua_pushstring(L, kevy_version());
  lua_setfield(L, -2, "version");
  lua_pushliteral(L, "core");
  lua_setfield(L, -2, "door");
  return 1;
}
