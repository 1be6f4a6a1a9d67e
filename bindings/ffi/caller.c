/* caller: see caller.h. Call interfaces are prepared once, all together, at the first call. */
#include "caller.h"

#include <pthread.h>
#include <string.h>

#include "types.h"

/* ---- The tables -------------------------------------------------------------------------------
 * abi_table.inc is read once per purpose: prototypes checked, parameter lists laid out, and so on. */

#define ABI_TABLE_FUNCTIONS

#define ABI_EXACT(function, pointer)                                                               \
  _Static_assert(_Generic(&function, pointer : 1, default : 0), #function ": prototype differs");
#define ABI_PARAMS(function, rows)
#define ABI_FUNCTION(function, machine, what, type_name, n, rows, ends)
#include "abi_table.inc"
#undef ABI_EXACT
#undef ABI_PARAMS
#undef ABI_FUNCTION

#define ABI_EXACT(function, pointer)
#define ABI_PARAM(label, machine, purpose, may_be_null, type_name)                                 \
  {label, type_name, ABI_##machine, ABI_ROLE_##purpose, may_be_null},
#define ABI_PARAMS(function, rows) static const abi_param params_of_##function[] = {rows};
#define ABI_FUNCTION(function, machine, what, type_name, n, rows, ends)
#include "abi_table.inc"
#undef ABI_PARAMS
#undef ABI_FUNCTION

#define ABI_PARAMS(function, rows)
#define ABI_FUNCTION(function, machine, what, type_name, n, rows, ends)                            \
  {#function,  (void (*)(void))function, type_name, rows, n,                                       \
   ABI_##machine, ABI_RESULT_##what,      ends},
static const abi_function functions[] = {
#include "abi_table.inc"
};
#undef ABI_TABLE_FUNCTIONS

#define ABI_TABLE_STRUCTS
#define ABI_FIELD(type_name, field, machine, content)                                              \
  {#field, offsetof(type_name, field), ABI_##machine, ABI_WHAT_##content},
#define ABI_STRUCT(type_name, rows) static const abi_field fields_of_##type_name[] = {rows};
#include "abi_table.inc"
#undef ABI_STRUCT
#define ABI_STRUCT(type_name, rows)                                                                \
  {#type_name, fields_of_##type_name, COUNT(fields_of_##type_name), sizeof(type_name)},
#define COUNT(array) (sizeof(array) / sizeof(array)[0])
static const abi_struct structs[] = {
#include "abi_table.inc"
};
#undef ABI_TABLE_STRUCTS

#define ABI_TABLE_HANDLES
#define ABI_HANDLE(type_name, function) {#type_name, #function},
static const abi_opaque opaques[] = {
#include "abi_table.inc"
};
#undef ABI_TABLE_HANDLES

#define ABI_TABLE_CONSTANTS
#define ABI_NUMBER(constant) {#constant, NULL, constant},
#define ABI_STRING(constant) {#constant, constant, 0},
static const abi_constant constants[] = {
#include "abi_table.inc"
};
#undef ABI_TABLE_CONSTANTS

const abi_function *abi_functions(size_t *count) {
  *count = COUNT(functions);
  return functions;
}

const abi_opaque *abi_opaques(size_t *count) {
  *count = COUNT(opaques);
  return opaques;
}

const abi_constant *abi_constants(size_t *count) {
  *count = COUNT(constants);
  return constants;
}

const abi_function *abi_find(const char *name) {
  for (size_t i = 0; i < COUNT(functions); i++)
    if (strcmp(functions[i].name, name) == 0) return &functions[i];
  return NULL;
}

const abi_struct *abi_find_struct(const char *name) {
  for (size_t i = 0; i < COUNT(structs); i++)
    if (strcmp(structs[i].name, name) == 0) return &structs[i];
  return NULL;
}

/* ---- Calls ------------------------------------------------------------------------------------ */

typedef struct interface {
  ffi_cif cif;
  ffi_type *types[ABI_MOST_PARAMS];
  bool ready;
} interface;

static interface interfaces[COUNT(functions)];
static pthread_once_t prepared = PTHREAD_ONCE_INIT;

/* Only numbers travel by value; all else is a pointer, whatever it points to. */
static abi_type travels_as(const abi_param *p) {
  bool by_value = p->role == ABI_ROLE_NUMBER || p->role == ABI_ROLE_COUNT ||
                  p->role == ABI_ROLE_LENGTH || p->role == ABI_ROLE_CAPACITY;
  return by_value ? p->type : ABI_POINTER;
}

static void prepare(void) {
  for (size_t i = 0; i < COUNT(functions); i++) {
    const abi_function *f = &functions[i];
    interface *to = &interfaces[i];
    for (size_t p = 0; p < f->count; p++) to->types[p] = abi_ffi_type(travels_as(&f->params[p]));
    to->ready = ffi_prep_cif(&to->cif, FFI_DEFAULT_ABI, (unsigned)f->count, abi_ffi_type(f->type),
                             to->types) == FFI_OK;
  }
}

bool abi_call(const abi_function *f, const abi_slot *arguments, abi_slot *result) {
  pthread_once(&prepared, prepare);
  interface *through = &interfaces[f - functions];
  if (!through->ready) return false;
  abi_cell cells[ABI_MOST_PARAMS], back = {0};
  void *values[ABI_MOST_PARAMS];
  for (size_t p = 0; p < f->count; p++) {
    abi_slot_to_cell(travels_as(&f->params[p]), arguments[p], &cells[p]);
    values[p] = &cells[p];
  }
  ffi_call(&through->cif, f->address, &back, values);
  if (result) *result = abi_result_to_slot(f->type, &back);
  return true;
}

bool abi_call_by_name(const char *name, const abi_slot *arguments, size_t count, abi_slot *result) {
  const abi_function *f = abi_find(name);
  return f && f->count == count && abi_call(f, arguments, result);
}
