/* types: see types.h. */
#include "types.h"

ffi_type *abi_ffi_type(abi_type type) {
  switch (type) {
  case ABI_VOID: return &ffi_type_void;
  case ABI_INT32: return &ffi_type_sint32;
  case ABI_UINT32: return &ffi_type_uint32;
  case ABI_INT64: return &ffi_type_sint64;
  case ABI_UINT64: return &ffi_type_uint64;
  case ABI_SIZE: return sizeof(size_t) == 8 ? &ffi_type_uint64 : &ffi_type_uint32;
  case ABI_DOUBLE: return &ffi_type_double;
  case ABI_POINTER: break;
  }
  return &ffi_type_pointer;
}

void abi_slot_to_cell(abi_type type, abi_slot slot, abi_cell *cell) {
  switch (type) {
  case ABI_VOID: break;
  case ABI_INT32: cell->i32 = (int32_t)slot.i; break;
  case ABI_UINT32: cell->u32 = (uint32_t)slot.u; break;
  case ABI_INT64: cell->i64 = slot.i; break;
  case ABI_UINT64: cell->u64 = slot.u; break;
  case ABI_SIZE: cell->size = (size_t)slot.u; break;
  case ABI_DOUBLE: cell->d = slot.d; break;
  case ABI_POINTER: cell->p = slot.p; break;
  }
}

abi_slot abi_cell_to_slot(abi_type type, const void *memory) {
  const abi_cell *cell = memory;
  abi_slot slot = {0};
  switch (type) {
  case ABI_VOID: break;
  case ABI_INT32: slot.i = cell->i32; break;
  case ABI_UINT32: slot.u = cell->u32; break;
  case ABI_INT64: slot.i = cell->i64; break;
  case ABI_UINT64: slot.u = cell->u64; break;
  case ABI_SIZE: slot.u = cell->size; break;
  case ABI_DOUBLE: slot.d = cell->d; break;
  case ABI_POINTER: slot.p = cell->p; break;
  }
  return slot;
}

void abi_slot_to_result(abi_type type, abi_slot slot, void *result) {
  abi_cell *cell = result;
  if (type == ABI_INT32) {
    *(ffi_sarg *)result = (int32_t)slot.i;
  } else if (type == ABI_UINT32) {
    cell->word = (uint32_t)slot.u;
  } else {
    abi_slot_to_cell(type, slot, cell);
  }
}

abi_slot abi_result_to_slot(abi_type type, const abi_cell *result) {
  abi_slot slot = {0};
  if (type == ABI_INT32) {
    slot.i = (int32_t)result->word;
  } else if (type == ABI_UINT32) {
    slot.u = (uint32_t)result->word;
  } else {
    slot = abi_cell_to_slot(type, result);
  }
  return slot;
}
