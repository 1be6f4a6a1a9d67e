/* sandbox: what a script sees of Lua, and what it cannot break.
 *
 * Scripts share one state, so nothing that all of them see may be changed by one. A shared table is therefore an empty one in
 * front of the real one, which reads through and refuses to be written:
 *
 *     string ---> {} --metatable--> { __index = real table, __newindex = an error }
 *
 * and the few functions that read or write a table without asking its metatable know the two apart: they are guarded. The table of
 * globals is made so as well, and asking it for what is not there is an error. There is no io, no package, no debug, of os the
 * clock; no bytecode is loaded; what a library of Lua 5.1 does badly with wild arguments is refused here first. */
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "state.h"

#define PATTERN_LONG 1000 /* bytes, and items that the matcher calls itself for, past which a pattern is refused */

#define JSON_DEPTH 1000   /* of nested values in JSON, as cjson has it before it is told otherwise */

#define READONLY "Attempt to modify a readonly table"

int luaopen_cjson(lua_State *L);
int luaopen_bit(lua_State *L);

/* Where the registry keeps the real table of each shared one, and what getmetatable gives for each metatable of ours. */
static const char *const reals = "kevy.reals", *const metas = "kevy.metas";

/* ---- Shared tables ---- */

static int refuse_write(lua_State *L) { return luaL_error(L, READONLY); }

static int refuse_read(lua_State *L) {
  if (!lua_isstring(L, 2)) return luaL_error(L, "Second argument to luaProtectedTableError must be a string or number");
  return luaL_error(L, "Script attempted to access nonexistent global variable '%s'", lua_tostring(L, 2));
}

/* Notes registry[list][the value at key] = the value on top, and pops that. */
static void note(lua_State *L, const char *list, int key) {
  lua_pushvalue(L, key);
  lua_getfield(L, LUA_REGISTRYINDEX, list);
  lua_insert(L, -3);
  lua_insert(L, -2);
  lua_rawset(L, -3);
  lua_pop(L, 1);
}

/* Replaces the table on top by one in front of it. */
void sandbox_share(lua_State *L) {
  int real = lua_gettop(L);
  lua_newtable(L);
  lua_createtable(L, 0, 2);
  lua_pushvalue(L, real);
  lua_setfield(L, -2, "__index");
  lua_pushcfunction(L, refuse_write);
  lua_setfield(L, -2, "__newindex");
  lua_pushboolean(L, 0);
  note(L, metas, real + 2);
  lua_setmetatable(L, real + 1);
  lua_pushvalue(L, real);
  note(L, reals, real + 1);
  lua_remove(L, real);
}

/* Pushes the real table behind the shared one that is the argument; else pushes nothing. */
static bool push_real(lua_State *L, int argument) {
  if (!lua_istable(L, argument)) return false;
  lua_pushvalue(L, argument);
  lua_rawget(L, lua_upvalueindex(1));
  if (lua_istable(L, -1)) return true;
  lua_pop(L, 1);
  return false;
}

/* ---- Guards: closures over the real tables and the function they stand before, which runs in their place ---- */

static int proceed(lua_State *L) { return lua_tocfunction(L, lua_upvalueindex(2))(L); }

/* rawset, setmetatable, table.insert and others that write their first argument. */
static int guard_write(lua_State *L) {
  if (!push_real(L, 1)) return proceed(L);
  lua_pushliteral(L, READONLY);
  return lua_error(L);
}

/* rawget, next, table.foreach: read their first argument. */
static int guard_read(lua_State *L) {
  if (push_real(L, 1)) lua_replace(L, 1);
  return proceed(L);
}

static int guard_pairs(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  bool shared = push_real(L, 1);
  lua_settop(L, 1);
  lua_pushvalue(L, lua_upvalueindex(shared ? 3 : 2));
  lua_insert(L, 1);
  lua_pushnil(L);
  return 3;
}

static int guard_getmetatable(lua_State *L) {
  luaL_checkany(L, 1);
  if (!lua_getmetatable(L, 1)) {
    lua_pushnil(L);
    return 1;
  }
  lua_getfield(L, LUA_REGISTRYINDEX, metas);
  lua_pushvalue(L, -2);
  lua_rawget(L, -2);
  if (lua_isnil(L, -1)) return lua_settop(L, 1), proceed(L);
  if (!lua_istable(L, -1)) lua_pushnil(L);
  return 1;
}

/* ---- Base ---- */

/* Errors are tables (engine.c); scripts that catch one expect its text. */
static int base_pcall(lua_State *L) {
  luaL_checkany(L, 1);
  int failed = lua_pcall(L, lua_gettop(L) - 1, LUA_MULTRET, 0);
  if (failed && lua_istable(L, -1)) {
    lua_getfield(L, -1, "err");
    if (lua_isstring(L, -1)) lua_replace(L, -2);
    else lua_pop(L, 1);
  }
  lua_pushboolean(L, !failed);
  lua_insert(L, 1);
  return lua_gettop(L);
}

/* An interval of any two integers. */
static int base_unpack(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  int64_t first = luaL_optint(L, 2, 1);
  int64_t last = lua_isnoneornil(L, 3) ? (int64_t)lua_objlen(L, 1) : luaL_checkint(L, 3);
  if (first > last) return 0;
  if (last - first >= INT_MAX || !lua_checkstack(L, (int)(last - first + 1)))
    return luaL_error(L, "too many results to unpack");
  for (int64_t i = first; i <= last; i++) lua_rawgeti(L, 1, (int)i);
  return (int)(last - first + 1);
}

static int loaded(lua_State *L, int failed) {
  if (!failed) return 1;
  lua_pushnil(L);
  lua_insert(L, -2);
  return 2;
}

static int base_loadstring(lua_State *L) {
  size_t len;
  const char *text = luaL_checklstring(L, 1, &len);
  const char *name = luaL_optstring(L, 2, text);
  return loaded(L, state_load(L, text, len, name));
}

/* Takes all pieces of the text first, so that none of them is what bytecode begins with. */
static int base_load(lua_State *L) {
  luaL_checktype(L, 1, LUA_TFUNCTION);
  const char *name = luaL_optstring(L, 2, "=(load)");
  lua_settop(L, 2);
  lua_pushliteral(L, "");
  for (;;) {
    lua_pushvalue(L, 1);
    lua_call(L, 0, 1);
    if (lua_isnil(L, -1)) break;
    if (!lua_isstring(L, -1)) return luaL_error(L, "reader function must return a string");
    if (lua_objlen(L, -1) == 0) break;
    lua_concat(L, 2);
  }
  size_t len;
  const char *text = lua_tolstring(L, 3, &len);
  return loaded(L, state_load(L, text, len, name));
}

/* ---- Libraries that do not expect the worst ---- */

static int string_rep(lua_State *L) {
  size_t len;
  (void)luaL_checklstring(L, 1, &len);
  lua_Number n = luaL_checknumber(L, 2);
  if (len == 0 || n < 1) {
    lua_pushliteral(L, "");
    return 1;
  }
  if (n > INT_MAX || n * (lua_Number)len > (lua_Number)state_of(L)->limit) return luaL_error(L, "resulting string too large");
  return proceed(L);
}

/* The matcher calls itself for each item that may be matched in several ways. */
static int string_match(lua_State *L) {
  size_t len = 0, items = 0;
  const char *pattern = lua_type(L, 2) == LUA_TSTRING ? lua_tolstring(L, 2, &len) : NULL;
  state_check_time(L);
  if (len <= PATTERN_LONG) return proceed(L);
  for (size_t i = 0; i < len; i++) items += strchr("?*+-(", pattern[i]) != NULL;
  if (items > PATTERN_LONG) return luaL_error(L, "pattern too complex");
  return proceed(L);
}

/* The digits are a signed 32-bit number; the least of them has no opposite. */
static int bit_tohex(lua_State *L) {
  if (lua_isnone(L, 2)) return proceed(L);
  double digits = remainder(luaL_checknumber(L, 2), 4294967296.0);
  if (!(digits <= 8)) digits = 8;
  if (digits < -8) digits = -8;
  lua_pushnumber(L, digits);
  lua_replace(L, 2);
  lua_settop(L, 2);
  return proceed(L);
}

/* Redis's own generator, so that a script draws what it draws there. */
static uint32_t draw(script_state *st) {
  st->random = (st->random * UINT64_C(0x5DEECE66D) + 0xB) & UINT64_C(0xFFFFFFFFFFFF);
  return (uint32_t)(st->random >> 17);
}

static int math_random(lua_State *L) {
  script_state *st = state_of(L);
  if (st->run == NULL) return luaL_error(L, "math.random can only be called inside a script invocation");
  lua_Number r = (lua_Number)(draw(st) % INT32_MAX) / (lua_Number)INT32_MAX;
  int n = lua_gettop(L);
  if (n > 2) return luaL_error(L, "wrong number of arguments");
  if (n == 0) {
    lua_pushnumber(L, r);
    return 1;
  }
  int64_t low = n == 2 ? luaL_checkint(L, 1) : 1, high = luaL_checkint(L, n);
  luaL_argcheck(L, low <= high, n, "interval is empty");
  lua_pushnumber(L, floor(r * (lua_Number)(high - low + 1)) + (lua_Number)low);
  return 1;
}

static int math_randomseed(lua_State *L) {
  script_state *st = state_of(L);
  if (st->run == NULL) return luaL_error(L, "math.randomseed can only be called inside a script invocation");
  st->random = (uint64_t)(uint32_t)luaL_checkint(L, 1) << 16 | 0x330E;
  return 0;
}

/* cjson ends the process where the text of a value outgrows an int: what cannot become a string here is refused before. Counts
 * down what a value needs at least; false: too much. */
static bool json_fits(lua_State *L, int depth, size_t *left) {
  size_t need = 1;
  bool fits = true;
  if (lua_type(L, -1) == LUA_TSTRING) need += lua_objlen(L, -1);
  if (need > *left) return false;
  *left -= need;
  if (!lua_istable(L, -1) || depth > JSON_DEPTH || !lua_checkstack(L, 4)) return true; /* cjson's own errors */
  lua_pushnil(L);
  while (fits && lua_next(L, -2)) {
    size_t key = lua_type(L, -2) == LUA_TSTRING ? lua_objlen(L, -2) : 0;
    fits = key <= *left;
    if (fits) *left -= key;
    fits = fits && json_fits(L, depth + 1, left);
    lua_pop(L, fits ? 1 : 2);
  }
  return fits;
}

static int json_encode(lua_State *L) {
  luaL_argcheck(L, lua_gettop(L) == 1, 1, "expected 1 argument");
  size_t left = state_of(L)->limit;
  if (!json_fits(L, 0, &left)) return luaL_error(L, "Cannot serialise: the text is too long");
  lua_pushvalue(L, lua_upvalueindex(2));
  lua_insert(L, 1);
  int failed = lua_pcall(L, 1, 1, 0);
  if (!failed) return 1;
  if (failed == LUA_ERRRUN && lua_type(L, -1) == LUA_TSTRING) { /* where it was raised is where this was called */
    luaL_where(L, 1);
    lua_insert(L, -2);
    lua_concat(L, 2);
  }
  return lua_error(L);
}

/* encode_max_depth, decode_max_depth: no deeper than a thread's stack allows. */
static int json_depth(lua_State *L) {
  if (lua_gettop(L) > 0 && lua_tonumber(L, 1) > JSON_DEPTH) {
    lua_pushinteger(L, JSON_DEPTH);
    lua_replace(L, 1);
  }
  lua_pushvalue(L, lua_upvalueindex(2));
  lua_insert(L, 1);
  lua_call(L, lua_gettop(L) - 1, 1);
  return 1;
}

/* ---- Assembling ---- */

/* In the table on top, puts a guard before a function. */
static void guard(lua_State *L, const char *name, lua_CFunction with) {
  lua_getfield(L, LUA_REGISTRYINDEX, reals);
  lua_getfield(L, -2, name);
  lua_pushcclosure(L, with, 2);
  lua_setfield(L, -2, name);
}

static void set(lua_State *L, const char *name, lua_CFunction function) {
  lua_pushcfunction(L, function);
  lua_setfield(L, -2, name);
}

static void unset(lua_State *L, const char *name) {
  lua_pushnil(L);
  lua_setfield(L, -2, name);
}

static void open_library(lua_State *L, const char *name, lua_CFunction open) {
  lua_pushcfunction(L, open);
  lua_pushstring(L, name);
  lua_call(L, 1, 1);
}

/* In a module of cjson, on top. */
static void guard_json(lua_State *L) {
  lua_getfield(L, -1, "encode_keep_buffer");
  lua_pushboolean(L, 0);
  lua_call(L, 1, 0);
  guard(L, "encode", json_encode);
  guard(L, "encode_max_depth", json_depth);
  guard(L, "decode_max_depth", json_depth);
}

/* cjson.new makes a module as it comes. */
static int json_new(lua_State *L) {
  lua_pushvalue(L, lua_upvalueindex(2));
  lua_call(L, 0, 1);
  guard_json(L);
  return 1;
}

static void open_string(lua_State *L) {
  static const char *const matching[] = {"find", "match", "gmatch", "gfind", "gsub"};
  open_library(L, LUA_STRLIBNAME, luaopen_string);
  guard(L, "rep", string_rep);
  for (size_t i = 0; i < sizeof matching / sizeof *matching; i++) guard(L, matching[i], string_match);
}

static void open_table(lua_State *L) {
  static const char *const writing[] = {"insert", "remove", "sort", "setn"};
  open_library(L, LUA_TABLIBNAME, luaopen_table);
  guard(L, "foreach", guard_read);
  for (size_t i = 0; i < sizeof writing / sizeof *writing; i++) guard(L, writing[i], guard_write);
}

static void open_math(lua_State *L) {
  open_library(L, LUA_MATHLIBNAME, luaopen_math);
  set(L, "random", math_random);
  set(L, "randomseed", math_randomseed);
}

static void open_json(lua_State *L) {
  open_library(L, "cjson", luaopen_cjson);
  guard_json(L);
  guard(L, "new", json_new);
}

static void open_bit(lua_State *L) {
  open_library(L, "bit", luaopen_bit);
  guard(L, "tohex", bit_tohex);
}

static void open_os(lua_State *L) {
  open_library(L, LUA_OSLIBNAME, luaopen_os);
  lua_getfield(L, -1, "clock");
  lua_newtable(L);
  lua_insert(L, -2);
  lua_setfield(L, -2, "clock");
  lua_replace(L, -2);
}

static int missing_library(lua_State *L) {
  return luaL_error(L, "%s is not part of this build of kevy", lua_tostring(L, lua_upvalueindex(1)));
}

/* A table that says why it is empty. */
static void open_missing(lua_State *L, const char *name) {
  lua_newtable(L);
  lua_newtable(L);
  lua_pushstring(L, name);
  lua_pushcclosure(L, missing_library, 1);
  lua_setfield(L, -2, "__index");
  lua_setmetatable(L, -2);
}

static void open_pairs(lua_State *L, int globals) {
  lua_getfield(L, LUA_REGISTRYINDEX, reals);
  lua_getfield(L, globals, "next");
  lua_pushvalue(L, globals);
  guard(L, "next", guard_read);
  lua_getfield(L, -1, "next");
  lua_replace(L, -2);
  lua_pushcclosure(L, guard_pairs, 3);
  lua_setfield(L, globals, "pairs");
}

/* In the table of globals, on top: the functions of Lua itself. */
static void open_base(lua_State *L) {
  static const char *const hidden[] = {"dofile", "loadfile", "print", "newproxy", "getfenv", "setfenv"};
  static const char *const writing[] = {"rawset", "setmetatable"};
  open_library(L, "", luaopen_base);
  lua_pop(L, 1);
  for (size_t i = 0; i < sizeof hidden / sizeof *hidden; i++) unset(L, hidden[i]);
  for (size_t i = 0; i < sizeof writing / sizeof *writing; i++) guard(L, writing[i], guard_write);
  guard(L, "rawget", guard_read);
  open_pairs(L, lua_gettop(L));
  guard(L, "getmetatable", guard_getmetatable);
  set(L, "pcall", base_pcall);
  set(L, "unpack", base_unpack);
  set(L, "load", base_load);
  set(L, "loadstring", base_loadstring);
}

void sandbox_strict(lua_State *L) {
  lua_newtable(L);
  set(L, "__index", refuse_read);
  lua_setmetatable(L, -2);
}

/* What getmetatable gives for the metatable on top, which it pops: a shared table with one field, or an empty one. */
static void show_metatable(lua_State *L, const char *field, const char *library, int globals) {
  lua_newtable(L);
  if (field != NULL) {
    lua_getfield(L, globals, library);
    lua_setfield(L, -2, field);
  }
  sandbox_share(L);
  note(L, metas, lua_gettop(L) - 1);
  lua_pop(L, 1);
}

/* The table that scripts know as _G, in front of the real one. */
static void open_globals(lua_State *L, int globals) {
  lua_newtable(L);
  lua_pushvalue(L, -1);
  lua_setfield(L, globals, "_G");
  lua_pushvalue(L, globals);
  note(L, reals, lua_gettop(L) - 1);
  lua_createtable(L, 0, 2);
  lua_pushvalue(L, globals);
  lua_setfield(L, -2, "__index");
  set(L, "__newindex", refuse_write);
  lua_pushvalue(L, -1);
  show_metatable(L, NULL, NULL, globals);
  lua_setmetatable(L, -2);
  lua_pushvalue(L, globals);
  sandbox_strict(L);
  lua_pop(L, 1);
  lua_replace(L, LUA_GLOBALSINDEX);
}

void sandbox_open(lua_State *L) {
  static const struct {
    const char *name;
    void (*open)(lua_State *L);
  } libraries[] = {{"string", open_string}, {"table", open_table}, {"math", open_math}, {"cjson", open_json},
                   {"bit", open_bit},       {"os", open_os},       {"redis", redis_open}};
  static const char *const missing[] = {"cmsgpack", "struct"};
  lua_newtable(L);
  lua_setfield(L, LUA_REGISTRYINDEX, reals);
  lua_newtable(L);
  lua_setfield(L, LUA_REGISTRYINDEX, metas);
  lua_pushvalue(L, LUA_GLOBALSINDEX);
  int globals = lua_gettop(L);
  open_base(L);
  for (size_t i = 0; i < sizeof libraries / sizeof *libraries; i++) {
    libraries[i].open(L);
    sandbox_share(L);
    lua_setfield(L, globals, libraries[i].name);
  }
  for (size_t i = 0; i < sizeof missing / sizeof *missing; i++) {
    open_missing(L, missing[i]);
    sandbox_share(L);
    lua_setfield(L, globals, missing[i]);
  }
  lua_getfield(L, globals, "coroutine");
  sandbox_share(L);
  lua_setfield(L, globals, "coroutine");
  lua_pushliteral(L, "");
  (void)lua_getmetatable(L, -1);
  show_metatable(L, "__index", "string", globals);
  open_globals(L, globals);
  lua_pushvalue(L, globals);
  state_of(L)->globals = luaL_ref(L, LUA_REGISTRYINDEX);
}
