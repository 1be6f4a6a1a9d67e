/* closure: see closure.h. */
#include "closure.h"

#include <stdlib.h>
#include <string.h>

#include "types.h"

struct abi_closure {
  ffi_closure *memory; /* libffi's, writable address */
  void *code;          /* the same, executable address */
  abi_handler handler;
  void *context;
  size_t count;
  abi_type result;
  abi_type params[ABI_MOST_PARAMS];
  ffi_cif cif;
  ffi_type *types[ABI_MOST_PARAMS];
};

static bool type_of_letter(char letter, abi_type *type) {
  static const char letters[] = "viulLzdp"; /* ORDER abi_type */
  const char *at = letter ? strchr(letters, letter) : NULL;
  if (at) *type = (abi_type)(at - letters);
  return at != NULL;
}

/* Fills result, params and count; false when the signature is not one. */
static bool parse(abi_closure *c, const char *signature) {
  if (!type_of_letter(signature[0], &c->result) || signature[1] != '(') return false;
  const char *at = signature + 2;
  for (; *at && *at != ')'; at++) {
    if (c->count == ABI_MOST_PARAMS) return false;
    abi_type *type = &c->params[c->count++];
    if (!type_of_letter(*at, type) || *type == ABI_VOID) return false;
  }
  return strcmp(at, ")") == 0;
}

static void enter(ffi_cif *cif, void *result, void **values, void *data) {
  abi_closure *c = data;
  abi_slot arguments[ABI_MOST_PARAMS] = {{0}}, answer = {0};
  (void)cif;
  for (size_t i = 0; i < c->count; i++)
    arguments[i] = abi_cell_to_slot(c->params[i], values[i]);
  c->handler(c->context, arguments, c->count, &answer);
  if (c->result != ABI_VOID) abi_slot_to_result(c->result, answer, result);
}

/* Prepares the interface and the code; what it allocates belongs to c either way. */
static bool build(abi_closure *c) {
  for (size_t i = 0; i < c->count; i++) c->types[i] = abi_ffi_type(c->params[i]);
  if (ffi_prep_cif(&c->cif, FFI_DEFAULT_ABI, (unsigned)c->count, abi_ffi_type(c->result),
                   c->types) != FFI_OK)
    return false;
  c->memory = ffi_closure_alloc(sizeof *c->memory, &c->code);
  return c->memory && ffi_prep_closure_loc(c->memory, &c->cif, enter, c, c->code) == FFI_OK;
}

abi_closure *abi_closure_new(const char *signature, abi_handler handler, void *context) {
  abi_closure *c = calloc(1, sizeof *c);
  if (!c) return NULL;
  c->handler = handler;
  c->context = context;
  if (parse(c, signature) && build(c)) return c;
  abi_closure_free(c);
  return NULL;
}

void (*abi_closure_code(const abi_closure *closure))(void) {
  void (*code)(void);
  memcpy(&code, &closure->code, sizeof code);
  return code;
}

void abi_closure_free(abi_closure *closure) {
  if (!closure) return;
  if (closure->memory) ffi_closure_free(closure->memory);
  free(closure);
}
