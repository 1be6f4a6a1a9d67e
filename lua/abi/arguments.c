/* arguments: see arguments.h. */
#include "arguments.h"

#include <stdint.h>
#include <string.h>

static bool is_out(abi_role role) {
  return role >= ABI_ROLE_HANDLE_OUT && role != ABI_ROLE_STRUCT_BOTH;
}

/* Whether a parameter is decided by a Lua argument of its own. */
static bool takes_argument(const abi_param *p) {
  if (is_out(p->role)) return p->optional;
  return p->role != ABI_ROLE_LENGTH && p->role != ABI_ROLE_COUNT && p->role != ABI_ROLE_BUFFER;
}

int arguments_count(const abi_function *f) {
  int n = 0;
  for (size_t i = 0; i < f->count; i++) n += takes_argument(&f->params[i]);
  return n;
}

/* ---- Numbers ---------------------------------------------------------------------------------- */

static bool fits(abi_type type, lua_Integer i) {
  switch (type) {
  case ABI_INT32: return i >= INT32_MIN && i <= INT32_MAX;
  case ABI_UINT32: return i >= 0 && i <= (lua_Integer)UINT32_MAX;
  case ABI_UINT64: return i >= 0;
  case ABI_SIZE: return i >= 0 && (uint64_t)i <= SIZE_MAX;
  case ABI_INT64: return true;
  case ABI_VOID:
  case ABI_DOUBLE:
  case ABI_POINTER: break;
  }
  return false;
}

static lua_Integer integer(lua_State *L, int index, int argument) {
  int exact = 0;
  lua_Integer i = lua_type(L, index) == LUA_TNUMBER ? lua_tointegerx(L, index, &exact) : 0;
  if (!exact) luaL_argerror(L, argument, "an integer expected");
  return i;
}

static double number(lua_State *L, int index, int argument) {
  if (lua_type(L, index) != LUA_TNUMBER) luaL_argerror(L, argument, "a number expected");
  return lua_tonumber(L, index);
}

static abi_slot read_number(lua_State *L, int index, int argument, abi_type type) {
  abi_slot slot = {0};
  if (type == ABI_DOUBLE) {
    slot.d = number(L, index, argument);
  } else {
    slot.i = integer(L, index, argument);
    luaL_argcheck(L, fits(type, slot.i), argument, "number out of range");
  }
  return slot;
}

/* ---- Scalars ---------------------------------------------------------------------------------- */

static const char SCALAR_EXPECTED[] =
    "a string, a number, or one of {text=}, {bytes=}, {int=}, {float=} expected";

static kevy_value string_value(lua_State *L, int index, int argument, bool text) {
  size_t len;
  if (lua_type(L, index) != LUA_TSTRING) luaL_argerror(L, argument, SCALAR_EXPECTED);
  const char *s = lua_tolstring(L, index, &len);
  return text ? kevy_text(s, len) : kevy_bytes(s, len);
}

/* A table's only field names the kind. The string stays anchored by the table. */
static kevy_value tagged_value(lua_State *L, int index, int argument) {
  kevy_value v = kevy_bytes("", 0);
  lua_pushnil(L);
  if (!lua_next(L, index) || lua_type(L, -2) != LUA_TSTRING)
    luaL_argerror(L, argument, SCALAR_EXPECTED);
  const char *kind = lua_tostring(L, -2);
  int field = lua_gettop(L);
  if (strcmp(kind, "text") == 0 || strcmp(kind, "bytes") == 0)
    v = string_value(L, field, argument, kind[0] == 't');
  else if (strcmp(kind, "int") == 0)
    v = kevy_int(integer(L, field, argument));
  else if (strcmp(kind, "float") == 0)
    v = kevy_float(number(L, field, argument));
  else
    luaL_argerror(L, argument, SCALAR_EXPECTED);
  lua_pop(L, 1);
  if (lua_next(L, index)) luaL_argerror(L, argument, SCALAR_EXPECTED);
  return v;
}

static kevy_value read_value(lua_State *L, int index, int argument) {
  switch (lua_type(L, index)) {
  case LUA_TTABLE: return tagged_value(L, lua_absindex(L, index), argument);
  case LUA_TNUMBER:
    return lua_isinteger(L, index) ? kevy_int(lua_tointeger(L, index))
                                   : kevy_float(lua_tonumber(L, index));
  default: return string_value(L, index, argument, false);
  }
}

/* The length of an array. The first one of a call sets the count, the others must agree. */
static size_t read_count(lua_State *L, frame *fr, int argument) {
  luaL_checktype(L, argument, LUA_TTABLE);
  size_t n = lua_rawlen(L, argument);
  luaL_argcheck(L, n <= SIZE_MAX / sizeof(kevy_value), argument, "too many values");
  luaL_argcheck(L, !fr->counted || n == fr->count, argument, "as many values as before expected");
  fr->count = n;
  fr->counted = true;
  return n;
}

static void read_numbers(lua_State *L, frame *fr, size_t i, int argument) {
  size_t n = read_count(L, fr, argument);
  double *numbers = frame_block(L, fr, i, n, sizeof *numbers);
  for (size_t at = 0; at < n; at++) {
    lua_rawgeti(L, argument, (lua_Integer)at + 1);
    numbers[at] = read_number(L, -1, argument, ABI_DOUBLE).d;
    lua_pop(L, 1);
  }
  fr->slots[i].p = numbers;
}

static void read_values(lua_State *L, frame *fr, size_t i, int argument) {
  size_t n = read_count(L, fr, argument);
  kevy_value *values = frame_block(L, fr, i, n, sizeof *values);
  for (size_t at = 0; at < n; at++) {
    lua_rawgeti(L, argument, (lua_Integer)at + 1);
    values[at] = read_value(L, -1, argument);
    lua_pop(L, 1);
  }
  fr->slots[i].p = values;
}

/* ---- Structs ---------------------------------------------------------------------------------- */

static void write_number(const abi_field *f, char *at, abi_slot slot) {
  switch (f->type) {
  case ABI_INT32: *(int32_t *)(void *)at = (int32_t)slot.i; break;
  case ABI_UINT32: *(uint32_t *)(void *)at = (uint32_t)slot.u; break;
  case ABI_INT64: *(int64_t *)(void *)at = slot.i; break;
  case ABI_UINT64: *(uint64_t *)(void *)at = slot.u; break;
  case ABI_SIZE: *(size_t *)(void *)at = (size_t)slot.u; break;
  case ABI_DOUBLE: *(double *)(void *)at = slot.d; break;
  case ABI_VOID:
  case ABI_POINTER: break;
  }
}

static const char *text(lua_State *L, int index, int argument) {
  size_t len;
  const char *s = lua_type(L, index) == LUA_TSTRING ? lua_tolstring(L, index, &len) : NULL;
  if (!s || strlen(s) != len) luaL_argerror(L, argument, "a string without a zero byte expected");
  return s;
}

static const abi_field *find_field(const abi_struct *type, const char *name) {
  for (size_t i = 0; i < type->count; i++)
    if (strcmp(type->fields[i].name, name) == 0) return &type->fields[i];
  return NULL;
}

/* The field at the top of the stack under its key, as lua_next left them. both: the call writes the struct, too, and a
 * uint64_t is given as it is answered: by its bits. */
static void read_field(lua_State *L, const abi_struct *type, char *block, int argument, bool both) {
  const char *name = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : "?";
  const abi_field *f = find_field(type, name);
  if (!f || strcmp(name, "size") == 0)
    luaL_argerror(L, argument, lua_pushfstring(L, "%s has no field '%s'", type->name, name));
  else if (both && f->type == ABI_UINT64)
    write_number(f, block + f->offset, (abi_slot){.i = integer(L, -1, argument)});
  else if (f->what == ABI_WHAT_NUMBER)
    write_number(f, block + f->offset, read_number(L, -1, argument, f->type));
  else if (f->what == ABI_WHAT_TEXT)
    *(const char **)(void *)(block + f->offset) = text(L, -1, argument);
  else
    *(kevy_value *)(void *)(block + f->offset) = read_value(L, -1, argument);
}

/* A table of fields; those not named are zero, but the size that a growing struct begins with. */
static void read_struct(lua_State *L, frame *fr, size_t i, int argument) {
  const abi_param *p = &fr->function->params[i];
  const abi_struct *type = abi_find_struct(p->of);
  if (p->optional && lua_isnil(L, argument)) return;
  luaL_checktype(L, argument, LUA_TTABLE);
  char *block = frame_block(L, fr, i, 1, type->size);
  const abi_field *size = find_field(type, "size");
  if (size) write_number(size, block + size->offset, (abi_slot){.u = type->size});
  for (lua_pushnil(L); lua_next(L, argument); lua_pop(L, 1)) read_field(L, type, block, argument, p->role == ABI_ROLE_STRUCT_BOTH);
  fr->slots[i].p = block;
}

/* ---- One parameter ---------------------------------------------------------------------------- */

/* NULL where that is allowed, and a closed handle where the call releases it. */
static void read_handle(lua_State *L, frame *fr, size_t i, int argument) {
  const abi_param *p = &fr->function->params[i];
  if (p->optional && lua_isnil(L, argument)) return;
  handle *h = handle_check(L, argument, p->of);
  if (!h->object && !fr->function->releases)
    luaL_argerror(L, argument, lua_pushfstring(L, "the %s is closed", p->of));
  fr->handles[i] = h;
  fr->slots[i].p = h->object;
}

static void read_bytes(lua_State *L, frame *fr, size_t i, int argument) {
  size_t len;
  luaL_checktype(L, argument, LUA_TSTRING);
  fr->slots[i].p = (void *)(uintptr_t)lua_tolstring(L, argument, &len);
  fr->slots[i + 1].u = len;
}

static void read_capacity(lua_State *L, frame *fr, size_t i, int argument) {
  fr->slots[i] = read_number(L, argument, argument, ABI_SIZE);
  luaL_argcheck(L, fr->slots[i].u <= KEVY_MAX_LEN, argument, "number out of range");
  fr->slots[i - 1].p = frame_block(L, fr, i - 1, (size_t)fr->slots[i].u, 1);
}

static void read_in(lua_State *L, frame *fr, size_t i, int argument) {
  const abi_param *p = &fr->function->params[i];
  switch (p->role) {
  case ABI_ROLE_HANDLE: read_handle(L, fr, i, argument); break;
  case ABI_ROLE_BYTES: read_bytes(L, fr, i, argument); break;
  case ABI_ROLE_CAPACITY: read_capacity(L, fr, i, argument); break;
  case ABI_ROLE_VALUES: read_values(L, fr, i, argument); break;
  case ABI_ROLE_NUMBERS: read_numbers(L, fr, i, argument); break;
  case ABI_ROLE_STRUCT:
  case ABI_ROLE_STRUCT_BOTH: read_struct(L, fr, i, argument); break;
  case ABI_ROLE_NUMBER: fr->slots[i] = read_number(L, argument, argument, p->type); break;
  case ABI_ROLE_TEXT: fr->slots[i].p = (void *)(uintptr_t)text(L, argument, argument); break;
  case ABI_ROLE_VALUE:
    fr->cells[i].value = read_value(L, argument, argument);
    fr->slots[i].p = &fr->cells[i].value;
    break;
  default: break; /* given by a neighbour */
  }
}

/* Where a result goes. Values start as KEVY_NIL, all else as zero. */
static void prepare_out(lua_State *L, frame *fr, size_t i) {
  const abi_param *p = &fr->function->params[i];
  fr->slots[i].p = &fr->cells[i];
  if (p->role == ABI_ROLE_VALUE_OUT) {
    fr->cells[i].value.kind = KEVY_NIL;
  } else if (p->role == ABI_ROLE_VALUES_OUT) {
    kevy_value *values = frame_block(L, fr, i, fr->count, sizeof *values);
    for (size_t v = 0; v < fr->count; v++) values[v].kind = KEVY_NIL;
    fr->slots[i].p = values;
  } else if (p->role == ABI_ROLE_STRUCT_OUT) {
    fr->slots[i].p = frame_block(L, fr, i, 1, abi_find_struct(p->of)->size);
  }
}

static bool asked_for(lua_State *L, int argument) {
  luaL_argcheck(L, lua_isnoneornil(L, argument) || lua_isboolean(L, argument), argument,
                "true (to receive it) or nil expected");
  return lua_toboolean(L, argument);
}

void arguments_read(lua_State *L, frame *fr) {
  const abi_function *f = fr->function;
  int argument = 1;
  for (size_t i = 0; i < f->count; i++) {
    const abi_param *p = &f->params[i];
    if (!is_out(p->role)) {
      read_in(L, fr, i, argument);
    } else if (!p->optional || asked_for(L, argument)) {
      prepare_out(L, fr, i);
    }
    argument += takes_argument(p);
  }
  for (size_t i = 0; i < f->count; i++)
    if (f->params[i].role == ABI_ROLE_COUNT) fr->slots[i].u = fr->count;
}
