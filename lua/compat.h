/* compat.h: what differs between Lua 5.4 and LuaJIT (which has the Lua 5.1 API), and nothing else.
 *
 * Both sides offer the same functions: userdata without user values, a length without metamethods, and
 * the two directions of a 64-bit integer. Lua 5.4 has integers. LuaJIT has doubles, and int64_t cdata
 * for what a double cannot hold; cdata is out of the C API's reach, so kevy/int64.lua takes it apart
 * and puts it together. Those two functions are Lua: calling them may run the collector. */
#ifndef KEVY_LUA_COMPAT_H
#define KEVY_LUA_COMPAT_H

#include <lauxlib.h>
#include <lua.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define COMPAT_EXPORT __attribute__((visibility("default")))

#define COMPAT_SAFE_INT INT64_C(9007199254740992) /* 2^53: doubles count exactly up to here */

/* compat_callk: lua_call, which a coroutine may leave where COMPAT_RESUMES: k(L, status, context) is then its end. */

/* What compat_to_int found. */
typedef enum compat_int { COMPAT_INT, COMPAT_NOT_INT, COMPAT_INT_RANGE } compat_int;

/* Sets up what the functions below need; leaves the stack as it was. Raises. */
static void compat_open(lua_State *L);

/* A new userdata that keeps alive the value at index owner, which is a userdata whose environment lists it
 * (compat_own_itself; of use to LuaJIT only). */
static void *compat_new_owned(lua_State *L, size_t size, int owner);
static void compat_own_itself(lua_State *L);

/* Pushes the owner of the userdata at index. */
static void compat_push_owner(lua_State *L, int index);

static inline void compat_require(lua_State *L, const char *name) {
  lua_getglobal(L, "require");
  lua_pushstring(L, name);
  lua_call(L, 1, 1);
}

/* Reads an integer out of a number (or LuaJIT's int64_t and uint64_t). A LuaJIT double counts as an
 * integer when it is integral within 2^53. Runs the collector for cdata only. */
static compat_int compat_to_int(lua_State *L, int index, int64_t *out);

/* Pushes an integer. Raises when memory runs out. */
static void compat_push_int(lua_State *L, int64_t i);

#if LUA_VERSION_NUM >= 504

#define COMPAT_RESUMES 1
typedef lua_KContext compat_context;
#define compat_callk lua_callk
#define compat_new_userdata(L, size) lua_newuserdatauv(L, size, 0)
#define compat_raw_length(L, index) ((size_t)lua_rawlen(L, index))

static inline void compat_open(lua_State *L) {
  luaL_checkversion(L);
}

static inline void *compat_new_owned(lua_State *L, size_t size, int owner) {
  void *made = lua_newuserdatauv(L, size, 1);
  lua_pushvalue(L, owner);
  lua_setiuservalue(L, -2, 1);
  return made;
}

static inline void compat_own_itself(lua_State *L) {
  (void)L;
}

static inline void compat_push_owner(lua_State *L, int index) {
  lua_getiuservalue(L, index, 1);
}

static inline compat_int compat_to_int(lua_State *L, int index, int64_t *out) {
  if (!lua_isinteger(L, index)) return COMPAT_NOT_INT;
  *out = lua_tointegerx(L, index, NULL);
  return COMPAT_INT;
}

static inline void compat_push_int(lua_State *L, int64_t i) {
  lua_pushinteger(L, i);
}

#else

#define COMPAT_TCDATA 10 /* what lua_type answers for LuaJIT's cdata */
#define COMPAT_INT64 "kevy.int64"

#define COMPAT_RESUMES 0
typedef ptrdiff_t compat_context;
#define compat_callk(L, arguments, results, context, k) ((void)(k), lua_call(L, arguments, results))
#define compat_new_userdata(L, size) lua_newuserdata(L, size)
#define compat_raw_length(L, index) ((size_t)lua_objlen(L, index))

static inline void compat_open(lua_State *L) {
  compat_require(L, COMPAT_INT64);
  lua_setfield(L, LUA_REGISTRYINDEX, COMPAT_INT64);
}

static inline void *compat_new_owned(lua_State *L, size_t size, int owner) {
  void *made = lua_newuserdata(L, size);
  lua_getfenv(L, owner);
  lua_setfenv(L, -2);
  return made;
}

/* The environment of the userdata on top of the stack becomes {itself}: what it owns shares that. */
static inline void compat_own_itself(lua_State *L) {
  lua_createtable(L, 1, 0);
  lua_pushvalue(L, -2);
  lua_rawseti(L, -2, 1);
  lua_setfenv(L, -2);
}

static inline void compat_push_owner(lua_State *L, int index) {
  lua_getfenv(L, index);
  lua_rawgeti(L, -1, 1);
  lua_remove(L, -2);
}

/* Pushes kevy.int64's function of that name. */
static inline void compat_int64_function(lua_State *L, const char *name) {
  lua_getfield(L, LUA_REGISTRYINDEX, COMPAT_INT64);
  lua_getfield(L, -1, name);
  lua_remove(L, -2);
}

static inline compat_int compat_split_cdata(lua_State *L, int index, int64_t *out) {
  lua_pushvalue(L, index);
  compat_int64_function(L, "split");
  lua_insert(L, -2);
  lua_call(L, 1, 2);
  compat_int found = COMPAT_INT;
  if (lua_type(L, -2) == LUA_TNUMBER) {
    int64_t high = (int64_t)lua_tonumber(L, -2), low = (int64_t)lua_tonumber(L, -1);
    *out = high * INT64_C(4294967296) + low;
  } else {
    found = lua_toboolean(L, -2) ? COMPAT_INT_RANGE : COMPAT_NOT_INT;
  }
  lua_pop(L, 2);
  return found;
}

static inline compat_int compat_to_int(lua_State *L, int index, int64_t *out) {
  if (lua_type(L, index) == COMPAT_TCDATA) return compat_split_cdata(L, index, out);
  lua_Number n = lua_tonumber(L, index);
  const lua_Number safe = (lua_Number)COMPAT_SAFE_INT;
  if (!(n >= -safe && n <= safe) || (lua_Number)(int64_t)n != n) return COMPAT_NOT_INT;
  *out = (int64_t)n;
  return COMPAT_INT;
}

static inline void compat_push_int(lua_State *L, int64_t i) {
  if (i >= -COMPAT_SAFE_INT && i <= COMPAT_SAFE_INT) {
    lua_pushnumber(L, (lua_Number)i);
    return;
  }
  int64_t low = (int64_t)((uint64_t)i & UINT64_C(0xffffffff));
  compat_int64_function(L, "join");
  lua_pushnumber(L, (lua_Number)((i - low) / INT64_C(4294967296)));
  lua_pushnumber(L, (lua_Number)low);
  lua_call(L, 2, 1);
}

#endif

#endif
