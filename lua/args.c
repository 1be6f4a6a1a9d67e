/* args: Lua arguments as the engine takes them. Wrong types are misuse and raise; a TTL that cannot be
 * is an expected failure and answers false. Strings are borrowed from the Lua stack, which keeps them. */
#include <math.h>
#include <string.h>

#include "module.h"

/* The userdata at index 1, of this method's class. */
static void *arg_self(lua_State *L, const char *otherwise) {
  void *self = lua_touserdata(L, 1);
  if (self != NULL && lua_getmetatable(L, 1)) {
    bool ours = lua_rawequal(L, -1, CLASS_META) != 0;
    lua_pop(L, 1);
    if (ours) return self;
  }
  luaL_argerror(L, 1, otherwise);
  return NULL;
}

lua_store *arg_store(lua_State *L) {
  return arg_self(L, "a store expected: call it as store:method(...)");
}

kevy_store *store_handle(lua_State *L, const lua_store *self) {
  if (self->handle == NULL) luaL_error(L, "%s", kevy_strerror(KEVY_ECLOSED));
  return self->handle;
}

kevy_store *arg_handle(lua_State *L) {
  return store_handle(L, arg_store(L));
}

const lua_view *arg_view(lua_State *L) {
  return arg_self(L, "a view of its type expected: call it as view:method(...)");
}

kevy_store *view_handle(lua_State *L, const lua_view *v) {
  return store_handle(L, v->store);
}

/* Raises: what is wrong with an argument. A method with a "_" before its name is called by kevy's own Lua, which counts
 * arguments otherwise than the user: neither name nor number is told. */
static void arg_refuse(lua_State *L, int argument, const char *why) {
  lua_Debug call;
  if (lua_getstack(L, 0, &call) && lua_getinfo(L, "n", &call) && call.name != NULL && call.name[0] == '_')
    luaL_error(L, "bad argument (%s)", why);
  luaL_argerror(L, argument, why);
}

/* Raises: what is at index, a part of that argument, is of the wrong type. */
static void arg_type_error(lua_State *L, int index, int argument, const char *expected) {
  const char *got = lua_isnone(L, index) ? "nothing" : luaL_typename(L, index);
  arg_refuse(L, argument, lua_pushfstring(L, "%s expected, not %s", expected, got));
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
    case COMPAT_INT_RANGE: arg_refuse(L, argument, "the integer does not fit 64 bits"); break;
    case COMPAT_NOT_INT: break;
  }
  if (type != LUA_TNUMBER) arg_type_error(L, index, argument, expected);
  double d = lua_tonumber(L, index);
  if (isnan(d)) arg_refuse(L, argument, "NaN is not a value");
  return kevy_float(d);
}

/* As arg_value, an integral float as the integer. */
static kevy_value arg_integral(lua_State *L, int index, int argument) {
  kevy_value v = arg_value(L, index, argument);
  if (v.kind == KEVY_FLOAT && v.as.d >= -0x1p63 && v.as.d < 0x1p63 && floor(v.as.d) == v.as.d)
    v = kevy_int((int64_t)v.as.d);
  return v;
}

int64_t arg_int(lua_State *L, int index) {
  int type = lua_type(L, index);
  if (type != LUA_TNUMBER && type <= LUA_TTHREAD) arg_type_error(L, index, index, "an integer");
  kevy_value v = arg_integral(L, index, index);
  if (v.kind != KEVY_INT) arg_type_error(L, index, index, "an integer");
  return v.as.i;
}

kevy_value arg_member(lua_State *L, int index, int argument) {
  static const char expected[] = "a string or integer as the field or member";
  int type = lua_type(L, index);
  if (type == LUA_TSTRING) return arg_string(L, index, expected);
  if (type != LUA_TNUMBER && type <= LUA_TTHREAD) arg_type_error(L, index, argument, expected);
  kevy_value v = arg_integral(L, index, argument);
  if (v.kind == KEVY_FLOAT) arg_type_error(L, index, argument, expected);
  return v;
}

kevy_value arg_by(lua_State *L, int index) {
  if (lua_isnoneornil(L, index)) return kevy_int(1);
  kevy_value by = arg_value(L, index, index);
  luaL_argcheck(L, by.kind != KEVY_BYTES, index, "a number expected, not string");
  return by;
}

double arg_score(lua_State *L, int index, int argument) {
  int type = lua_type(L, index);
  if (type != LUA_TNUMBER && type <= LUA_TTHREAD) arg_type_error(L, index, argument, "a number");
  if (type == LUA_TNUMBER && isnan(lua_tonumber(L, index))) arg_refuse(L, argument, "a score must not be NaN");
  kevy_value v = arg_value(L, index, argument);
  if (v.kind <= KEVY_TEXT) arg_type_error(L, index, argument, "a number");
  return v.kind == KEVY_INT ? (double)v.as.i : v.as.d;
}

int64_t arg_int_or(lua_State *L, int index, int64_t absent) {
  return lua_isnoneornil(L, index) ? absent : arg_int(L, index);
}

/* Rounded up to a whole millisecond, but for what is a whole one up to the error of a double. */
static double milliseconds(double seconds) {
  double ms = seconds * 1000, nearest = floor(ms + 0.5);
  return fabs(ms - nearest) <= fabs(nearest) * 1e-15 ? nearest : ceil(ms);
}

bool arg_time(lua_State *L, int index, int64_t *ms) {
  if (lua_type(L, index) != LUA_TNUMBER) arg_type_error(L, index, index, "a number of seconds");
  double exact = milliseconds(lua_tonumber(L, index));
  if (!(exact > -0x1p62 && exact < 0x1p62)) return false;
  *ms = (int64_t)exact;
  return true;
}

bool arg_ttl(lua_State *L, int index, int64_t *ms) {
  return arg_time(L, index, ms) && *ms > 0;
}

/* Calls kevy.options' function on the argument at index and reads its results. */
static bool options_call(lua_State *L, const char *reader, int index, const char *kind, const char *method,
                         uint32_t *flags, int64_t *ttl) {
  lua_getfield(L, CLASS_OPTIONS, reader);
  lua_pushvalue(L, index);
  lua_pushstring(L, kind);
  lua_pushstring(L, method);
  lua_pushinteger(L, index - 1);
  lua_call(L, 4, 2);
  bool valid = lua_isnil(L, -1) || lua_toboolean(L, -1);
  *flags |= (uint32_t)lua_tonumber(L, -2);
  if (lua_type(L, -1) == LUA_TNUMBER) *ttl = (int64_t)lua_tonumber(L, -1);
  lua_pop(L, 2);
  return valid;
}

bool arg_options(lua_State *L, int index, const char *kind, const char *method, uint32_t *flags, int64_t *ttl) {
  return lua_isnoneornil(L, index) || options_call(L, "read", index, kind, method, flags, ttl);
}

bool arg_ttl_or_options(lua_State *L, int index, const char *method, uint32_t *flags, int64_t *ttl) {
  if (lua_isnoneornil(L, index)) return true;
  if (lua_type(L, index) == LUA_TNUMBER) return arg_ttl(L, index, ttl);
  return options_call(L, "read_ttl", index, method, method, flags, ttl);
}

/* ---- Many of them ----------------------------------------------------------------------------- */

static void list_new(lua_State *L, arg_list *list, size_t count) {
  list->count = count;
  list->values = list->few;
  if (count <= ARG_FEW) return;
  if (count > (size_t)INT32_MAX / sizeof *list->values) luaL_error(L, "too many arguments");
  list->values = compat_new_userdata(L, count * sizeof *list->values);
}

void arg_rest(lua_State *L, int first, arg_reader read, arg_list *list) {
  int top = lua_gettop(L);
  list_new(L, list, top >= first ? (size_t)(top - first) + 1 : 0);
  for (int i = first; i <= top; i++) list->values[i - first] = read(L, i, i);
}

void arg_items(lua_State *L, int index, arg_reader read, arg_list *list) {
  list_new(L, list, compat_raw_length(L, index));
  for (size_t i = 0; i < list->count; i++) {
    lua_rawgeti(L, index, (int)i + 1);
    list->values[i] = read(L, lua_gettop(L), index);
    lua_pop(L, 1);
  }
}
