/* module: require "kevy.abi": the whole C ABI for plain Lua 5.4, through libffi.
 *
 *     local abi = require "kevy.abi"
 *     local status, s = abi.kevy_open{ url = "mem://", maxmemory = 1 << 20 }
 *     abi.kevy_set(s, "user:1", {text = "alice"}, 60000, abi.KEVY_NX)
 *     local status, value, kind = abi.kevy_get(s, "user:1")
 *     abi.kevy_close(s)
 *
 * Every KEVY_API function and every constant under its own name; arguments.h says how arguments are
 * given. Results: first the function's own (a status is an integer), then, unless the status is
 * negative, the out-parameters in their order: a scalar as a Lua value, an array as a table with its
 * length in n, a struct as a table, an object as a handle, and what was not asked for or not given as
 * nil. Where scalars were received their kinds follow at the end in the same order, an array's as a
 * table. A wrong argument raises; what the engine reports is a status. */
#include <stdint.h>
#include <string.h>

#include "arguments.h"
#include "frame.h"

/* ---- Results ---------------------------------------------------------------------------------- */

static void push_number(lua_State *L, abi_type type, abi_slot slot) {
  bool is_unsigned = type == ABI_UINT64 || type == ABI_SIZE;
  if (type == ABI_DOUBLE)
    lua_pushnumber(L, slot.d);
  else if (is_unsigned && slot.i < 0)
    lua_pushnumber(L, (lua_Number)slot.u);
  else
    lua_pushinteger(L, slot.i);
}

/* A string whose pointer is NULL did not fit the buffer that was offered. */
static void push_value(lua_State *L, const kevy_value *v) {
  bool string = v->kind == KEVY_BYTES || v->kind == KEVY_TEXT;
  if (string && v->as.ptr)
    lua_pushlstring(L, v->as.ptr, v->len);
  else if (v->kind == KEVY_INT)
    lua_pushinteger(L, v->as.i);
  else if (v->kind == KEVY_FLOAT)
    lua_pushnumber(L, v->as.d);
  else
    lua_pushnil(L);
}

static void push_values(lua_State *L, const kevy_value *values, size_t n, bool kinds) {
  lua_createtable(L, n > INT32_MAX ? 0 : (int)n, 1);
  for (size_t i = 0; i < n; i++) {
    if (kinds)
      lua_pushinteger(L, values[i].kind);
    else
      push_value(L, &values[i]);
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
  lua_pushinteger(L, (lua_Integer)n);
  lua_setfield(L, -2, "n");
}

/* A number in memory, as an out-parameter or a field has it. */
static abi_slot load_number(abi_type type, const void *at) {
  abi_slot slot = {0};
  switch (type) {
  case ABI_INT32: slot.i = *(const int32_t *)at; break;
  case ABI_UINT32: slot.u = *(const uint32_t *)at; break;
  case ABI_INT64: slot.i = *(const int64_t *)at; break;
  case ABI_UINT64: slot.u = *(const uint64_t *)at; break;
  case ABI_SIZE: slot.u = *(const size_t *)at; break;
  case ABI_DOUBLE: slot.d = *(const double *)at; break;
  case ABI_VOID:
  case ABI_POINTER: break;
  }
  return slot;
}

static void push_text(lua_State *L, const char *text) {
  if (text)
    lua_pushstring(L, text);
  else
    lua_pushnil(L);
}

static void push_struct(lua_State *L, const char *name, const char *at) {
  if (!at) {
    lua_pushnil(L);
    return;
  }
  const abi_struct *type = abi_find_struct(name);
  lua_createtable(L, 0, (int)type->count);
  for (size_t i = 0; i < type->count; i++) {
    const abi_field *f = &type->fields[i];
    const void *field = at + f->offset;
    if (strcmp(f->name, "reserved") == 0) continue;
    if (f->what == ABI_WHAT_VALUE) {
      lua_pushinteger(L, ((const kevy_value *)field)->kind);
      lua_setfield(L, -2, "kind");
      push_value(L, field);
    } else if (f->what == ABI_WHAT_TEXT)
      push_text(L, *(const char *const *)field);
    else
      push_number(L, f->type, load_number(f->type, field));
    lua_setfield(L, -2, f->name);
  }
}

/* Leaves what parameter i received on the stack. */
static void push_out(lua_State *L, const frame *fr, size_t i, int handle_index) {
  const abi_param *p = &fr->function->params[i];
  if (!fr->slots[i].p) {
    lua_pushnil(L);
    return;
  }
  switch (p->role) {
  case ABI_ROLE_HANDLE_OUT:
    if (fr->handles[i]->object)
      lua_pushvalue(L, handle_index);
    else
      lua_pushnil(L);
    break;
  case ABI_ROLE_VALUE_OUT: push_value(L, &fr->cells[i].value); break;
  case ABI_ROLE_VALUES_OUT: push_values(L, fr->blocks[i], fr->count, false); break;
  case ABI_ROLE_STRUCT_OUT:
  case ABI_ROLE_STRUCT_BOTH: push_struct(L, p->of, fr->blocks[i]); break;
  case ABI_ROLE_TEXT_OUT: push_text(L, fr->cells[i].text); break;
  case ABI_ROLE_BYTES_OUT:
    if (fr->cells[i].text)
      lua_pushlstring(L, fr->cells[i].text, fr->cells[i + 1].size);
    else
      lua_pushnil(L);
    break;
  default: push_number(L, p->type, load_number(p->type, &fr->cells[i])); break;
  }
}

static void push_kind(lua_State *L, const frame *fr, size_t i) {
  if (!fr->slots[i].p)
    lua_pushnil(L);
  else if (fr->function->params[i].role == ABI_ROLE_VALUE_OUT)
    lua_pushinteger(L, fr->cells[i].value.kind);
  else
    push_values(L, fr->blocks[i], fr->count, true);
}

static bool is_result(abi_role role) {
  return role >= ABI_ROLE_HANDLE_OUT && role != ABI_ROLE_LENGTH_OUT;
}

static bool is_scalar_result(abi_role role) {
  return role == ABI_ROLE_VALUE_OUT || role == ABI_ROLE_VALUES_OUT;
}

/* The function's own result; handle_index is where the handle for it waits. */
static void push_result(lua_State *L, const abi_function *f, abi_slot result, int handle_index) {
  switch (f->result) {
  case ABI_RESULT_NOTHING: break;
  case ABI_RESULT_STATUS:
  case ABI_RESULT_NUMBER: push_number(L, f->type, result); break;
  case ABI_RESULT_TEXT: push_text(L, result.p); break;
  case ABI_RESULT_STRUCT: push_struct(L, f->of, result.p); break;
  case ABI_RESULT_HANDLE:
    if (result.p)
      lua_pushvalue(L, handle_index);
    else
      lua_pushnil(L);
    break;
  }
}

/* All results of a call whose frame is at index, its waiting handles right above it. */
static int push_results(lua_State *L, frame *fr, int index, abi_slot result) {
  const abi_function *f = fr->function;
  int handle_index = index + 1, top = lua_gettop(L);
  push_result(L, f, result, handle_index);
  handle_index += f->result == ABI_RESULT_HANDLE;
  if (f->result != ABI_RESULT_STATUS || result.i >= 0) {
    for (size_t i = 0; i < f->count; i++) {
      if (is_result(f->params[i].role)) push_out(L, fr, i, handle_index);
      handle_index += f->params[i].role == ABI_ROLE_HANDLE_OUT;
    }
    for (size_t i = 0; i < f->count; i++)
      if (is_scalar_result(f->params[i].role)) push_kind(L, fr, i);
  }
  frame_clear(fr);
  return lua_gettop(L) - top;
}

/* ---- Calls ------------------------------------------------------------------------------------ */

/* Whether what f gives points into the store (or another object) until its next call. */
static bool lends(const abi_function *f) {
  if (f->result == ABI_RESULT_TEXT) return true;
  for (size_t i = 0; i < f->count; i++) {
    abi_role role = f->params[i].role;
    if (is_result(role) && role != ABI_ROLE_HANDLE_OUT && role != ABI_ROLE_NUMBER_OUT) return true;
  }
  return false;
}

/* The store whose lock a call of f must hold until what it lends is copied. */
static kevy_store *store_to_lock(const frame *fr) {
  const abi_function *f = fr->function;
  bool on_store = f->count && f->params[0].role == ABI_ROLE_HANDLE &&
                  strcmp(f->params[0].of, "kevy_store") == 0;
  return on_store && lends(f) ? fr->slots[0].p : NULL;
}

/* The handles that the call fills, made beforehand: afterwards nothing could be lost to an error. */
static void push_waiting_handles(lua_State *L, frame *fr) {
  const abi_function *f = fr->function;
  if (f->result == ABI_RESULT_HANDLE) fr->handles[ABI_MOST_PARAMS] = handle_push(L, f->of);
  for (size_t i = 0; i < f->count; i++)
    if (f->params[i].role == ABI_ROLE_HANDLE_OUT) fr->handles[i] = handle_push(L, f->params[i].of);
}

static void fill_waiting_handles(frame *fr, abi_slot result) {
  const abi_function *f = fr->function;
  if (f->result == ABI_RESULT_HANDLE) fr->handles[ABI_MOST_PARAMS]->object = result.p;
  for (size_t i = 0; i < f->count; i++)
    if (f->params[i].role == ABI_ROLE_HANDLE_OUT && fr->slots[i].p)
      fr->handles[i]->object = fr->cells[i].p;
}

/* A lock is left only by the Lua state that entered it. */
static void count_lock(lua_State *L, frame *fr) {
  handle *h = fr->handles[0];
  if (strcmp(fr->function->name, "kevy_lock") == 0) {
    h->locked++;
  } else if (strcmp(fr->function->name, "kevy_unlock") == 0) {
    luaL_argcheck(L, h->locked, 1, "the store is not locked");
    h->locked--;
  }
}

/* Calls, and copies what was lent before anything else may run. */
static abi_slot execute(lua_State *L, frame *fr) {
  abi_slot result = {0};
  kevy_store *store = store_to_lock(fr);
  if (store) kevy_lock(store);
  bool called = abi_call(fr->function, fr->slots, &result);
  if (called) fill_waiting_handles(fr, result);
  bool kept = !called || frame_keep(fr, &result);
  if (store) kevy_unlock(store);
  if (!called) luaL_error(L, "libffi cannot call %s on this machine", fr->function->name);
  if (!kept) luaL_error(L, "not enough memory");
  return result;
}

static int call(lua_State *L) {
  const abi_function *f = lua_touserdata(L, lua_upvalueindex(1));
  int expected = arguments_count(f);
  if (lua_gettop(L) > expected)
    return luaL_error(L, "%s takes %d arguments, %d given", f->name, expected, lua_gettop(L));
  lua_settop(L, expected);
  luaL_checkstack(L, 4 * ABI_MOST_PARAMS + LUA_MINSTACK, NULL);
  frame *fr = frame_push(L, f);
  push_waiting_handles(L, fr);
  arguments_read(L, fr);
  if (f->releases) {
    if (fr->handles[0]) handle_release(fr->handles[0]);
    frame_clear(fr);
    return 0;
  }
  count_lock(L, fr);
  abi_slot result = execute(L, fr);
  return push_results(L, fr, expected + 1, result);
}

/* ---- The module ------------------------------------------------------------------------------- */

static void add_functions(lua_State *L) {
  size_t count;
  const abi_function *f = abi_functions(&count);
  for (size_t i = 0; i < count; i++) {
    lua_pushlightuserdata(L, (void *)(uintptr_t)&f[i]);
    lua_pushcclosure(L, call, 1);
    lua_setfield(L, -2, f[i].name);
  }
}

static void add_constants(lua_State *L) {
  size_t count;
  const abi_constant *c = abi_constants(&count);
  for (size_t i = 0; i < count; i++) {
    if (c[i].text)
      lua_pushstring(L, c[i].text);
    else
      lua_pushinteger(L, c[i].number);
    lua_setfield(L, -2, c[i].name);
  }
}

__attribute__((visibility("default"))) int luaopen_kevy_abi(lua_State *L);

int luaopen_kevy_abi(lua_State *L) {
  luaL_checkversion(L);
  if (kevy_abi() != KEVY_ABI)
    return luaL_error(L, "libkevy has ABI %d, kevy.abi was built for %d", (int)kevy_abi(), KEVY_ABI);
  handle_open(L);
  frame_open(L);
  lua_newtable(L);
  add_functions(L);
  add_constants(L);
  return 1;
}
