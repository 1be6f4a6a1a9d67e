/* args: Lua arguments as the engine takes them. Wrong types are misuse and raise; a TTL that cannot be
 * is an expected failure and answers false. Strings are borrowed from the Lua stack, which keeps them. */
#include <math.h>
#include <string.h>

#include "module.h"

lua_store *arg_store(lua_State *L) {
  void *self = lua_touserdata(L, 1);
  if (self != NULL && lua_getmetatable(L, 1)) {
    bool ours = lua_rawequal(L, -1, STORE_META) != 0;
    lua_pop(L, 1);
    if (ours) return self;
  }
  luaL_argerror(L, 1, "a store expected: call it as store:method(...)");
  return NULL;
}

kevy_store *arg_handle(lua_State *L) {
  kevy_store *handle = arg_store(L)->handle;
  if (handle == NULL) luaL_error(L, "%s", kevy_strerror(KEVY_ECLOSED));
  return handle;
}

/* Raises: what is at index, a part of that argument, is of the wrong type. */
static void arg_type_error(lua_State *L, int index, int argument, const char *expected) {
  const char *got = lua_isnone(L, index) ? "nothing" : luaL_typename(L, index);
  luaL_argerror(L, argument, lua_pushfstring(L, "%s expected, not %s", expected, got));
}

kevy_value arg_string(lua_State *L, int index, const char *what) {
  kevy_value v;
  if (lua_type(L, index) != LUA_TSTRING) arg_type_error(L, index, index, what);
  const char *ptr = lua_tolstring(L, index, &v.len);
  return kevy_bytes(ptr, v.len);
}

const char *arg_key(lua_State *L, int index, size_t *len) {
  if (lua_type(L, index) != LUA_TSTRING) arg_type_error(L, index, index, "a string as the key");
  return lua_tolstring(L, index, len);
}

kevy_value arg_value(lua_State *L, int index, int argument) {
  static const char expected[] = "a string or number as the value";
  int64_t i = 0;
  int type = lua_type(L, index);
  if (type == LUA_TSTRING) return arg_string(L, index, expected);
  if (type < LUA_TNUMBER || (type >= LUA_TTABLE && type <= LUA_TTHREAD))
    arg_type_error(L, index, argument, expected);
  switch (compat_to_int(L, index, &i)) {
    case COMPAT_INT: return kevy_int(i);
    case COMPAT_INT_RANGE: luaL_argerror(L, argument, "the integer does not fit 64 bits"); break;
    case COMPAT_NOT_INT: break;
  }
  if (type != LUA_TNUMBER) arg_type_error(L, index, argument, expected);
  double d = lua_tonumber(L, index);
  if (isnan(d)) luaL_argerror(L, argument, "NaN is not a value");
  return kevy_float(d);
}

int64_t arg_int(lua_State *L, int index) {
  int type = lua_type(L, index);
  if (type != LUA_TNUMBER && type <= LUA_TTHREAD) arg_type_error(L, index, index, "an integer");
  kevy_value v = arg_value(L, index, index);
  if (v.kind == KEVY_FLOAT && v.as.d >= -0x1p63 && v.as.d < 0x1p63 && floor(v.as.d) == v.as.d)
    v = kevy_int((int64_t)v.as.d);
  if (v.kind != KEVY_INT) arg_type_error(L, index, index, "an integer");
  return v.as.i;
}

int64_t arg_int_or(lua_State *L, int index, int64_t absent) {
  return lua_isnoneornil(L, index) ? absent : arg_int(L, index);
}

/* Rounded up to a whole millisecond, but for what is a whole one up to the error of a double. */
static double milliseconds(double seconds) {
  double ms = seconds * 1000, nearest = floor(ms + 0.5);
  return fabs(ms - nearest) <= fabs(nearest) * 1e-15 ? nearest : ceil(ms);
}

static bool arg_seconds(lua_State *L, int index, int argument, int64_t *ms) {
  if (lua_type(L, index) != LUA_TNUMBER)
    arg_type_error(L, index, argument, "a number of seconds");
  double exact = milliseconds(lua_tonumber(L, index));
  if (!(exact > -0x1p62 && exact < 0x1p62)) return false;
  *ms = (int64_t)exact;
  return true;
}

bool arg_time(lua_State *L, int index, int64_t *ms) {
  return arg_seconds(L, index, index, ms);
}

bool arg_ttl(lua_State *L, int index, int64_t *ms) {
  return arg_seconds(L, index, index, ms) && *ms > 0;
}

/* The row of the option whose name is at index -2. */
static const arg_option *option_row(lua_State *L, int index, const arg_option *rows) {
  const char *name = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : luaL_typename(L, -2);
  while (rows->name != NULL && strcmp(rows->name, name) != 0) rows++;
  if (rows->name == NULL) luaL_argerror(L, index, lua_pushfstring(L, "unknown option '%s'", name));
  return rows;
}

bool arg_options(lua_State *L, int index, const arg_option *rows, uint32_t *flags, int64_t *ttl) {
  bool valid = true;
  if (lua_isnoneornil(L, index)) return true;
  if (!lua_istable(L, index)) arg_type_error(L, index, index, "a table of options");
  for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) {
    const arg_option *row = option_row(L, index, rows);
    if (row->flag == ARG_TTL) {
      valid = arg_seconds(L, lua_gettop(L), index, ttl) && *ttl > 0;
    } else if (lua_toboolean(L, -1)) {
      *flags |= row->flag;
    }
  }
  return valid;
}

bool arg_ttl_or_options(lua_State *L, int index, const arg_option *rows, uint32_t *flags,
                        int64_t *ttl) {
  if (lua_isnoneornil(L, index)) return true;
  if (lua_istable(L, index)) return arg_options(L, index, rows, flags, ttl);
  if (lua_type(L, index) != LUA_TNUMBER)
    arg_type_error(L, index, index, "seconds or a table of options");
  return arg_ttl(L, index, ttl);
}
