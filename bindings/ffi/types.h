/* types: kevy's machine types as libffi's, and slots as the memory libffi reads and writes.
 * For the files of this directory only. */
#ifndef KEVY_FFI_TYPES_H
#define KEVY_FFI_TYPES_H

#include <ffi.h>

#include "caller.h"

/* A slot in the width of its type, as libffi wants arguments. */
typedef union abi_cell {
  int32_t i32;
  uint32_t u32;
  int64_t i64;
  uint64_t u64;
  size_t size;
  double d;
  void *p;
  ffi_arg word; /* results narrower than a register come widened to one */
} abi_cell;

ffi_type *abi_ffi_type(abi_type type);
void abi_slot_to_cell(abi_type type, abi_slot slot, abi_cell *cell);
abi_slot abi_cell_to_slot(abi_type type, const void *cell);

/* The same for a result, in either direction. */
void abi_slot_to_result(abi_type type, abi_slot slot, void *result);
abi_slot abi_result_to_slot(abi_type type, const abi_cell *result);

#endif
