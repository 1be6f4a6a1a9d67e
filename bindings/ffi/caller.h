/* caller: any ABI function by its name, through libffi.
 *
 * The rows that describe the functions are generated (abi_table.inc); a door that knows its
 * arguments only at run time reads a row, fills one slot per parameter and calls. The table is
 * linked against the library, so a function that the library lacks fails the link, and each row's
 * prototype is compared with the compiler's, so a row that is wrong fails the build.
 *
 * The table is constant and a call keeps its state on the stack: any thread may call. */
#ifndef KEVY_FFI_CALLER_H
#define KEVY_FFI_CALLER_H

#include <stdbool.h>
#include <stddef.h>

#include "kevy.h"

#include "abi_table.inc" /* ABI_MOST_PARAMS */

/* How a parameter or a result travels. */
typedef enum abi_type {
  ABI_VOID,
  ABI_INT32,
  ABI_UINT32,
  ABI_INT64,
  ABI_UINT64,
  ABI_SIZE,
  ABI_DOUBLE,
  ABI_POINTER
} abi_type;

/* What a parameter is for. Those from ABI_HANDLE_OUT on are pointers that receive a result. */
typedef enum abi_role {
  ABI_ROLE_HANDLE,  /* an opaque object, of: its type */
  ABI_ROLE_BYTES,   /* a string; its length is the next parameter */
  ABI_ROLE_LENGTH,  /* the length of the string before */
  ABI_ROLE_BUFFER,  /* memory of the caller that the call may write */
  ABI_ROLE_CAPACITY, /* its size */
  ABI_ROLE_TEXT,    /* a NUL-terminated string */
  ABI_ROLE_COUNT,   /* how many values the arrays after it have */
  ABI_ROLE_VALUE,   /* a kevy_value */
  ABI_ROLE_VALUES,  /* an array of them */
  ABI_ROLE_STRUCT,  /* another struct, of: its name */
  ABI_ROLE_NUMBER,  /* an integer or a double */
  ABI_ROLE_NUMBERS, /* an array of doubles */
  ABI_ROLE_HANDLE_OUT,
  ABI_ROLE_BYTES_OUT, /* a lent string; its length goes to the next parameter */
  ABI_ROLE_LENGTH_OUT,
  ABI_ROLE_TEXT_OUT, /* a static string */
  ABI_ROLE_VALUE_OUT,
  ABI_ROLE_VALUES_OUT,
  ABI_ROLE_STRUCT_OUT,
  ABI_ROLE_STRUCT_BOTH, /* given and received */
  ABI_ROLE_NUMBER_OUT /* type is that of the number */
} abi_role;

typedef enum abi_result {
  ABI_RESULT_NOTHING,
  ABI_RESULT_STATUS,
  ABI_RESULT_NUMBER,
  ABI_RESULT_TEXT,   /* a NUL-terminated string, lent */
  ABI_RESULT_HANDLE, /* a new opaque object, of: its type */
  ABI_RESULT_STRUCT  /* a static struct or NULL, of: its name */
} abi_result;

typedef struct abi_param {
  const char *name;
  const char *of; /* the handle's or struct's type; else NULL */
  abi_type type;
  abi_role role;
  bool optional; /* NULL is allowed */
} abi_param;

typedef struct abi_function {
  const char *name;
  void (*address)(void);
  const char *of; /* as in abi_param, for the result */
  const abi_param *params;
  size_t count; /* of params */
  abi_type type;
  abi_result result;
  bool releases; /* ends the life of its only parameter */
} abi_function;

/* Structs that are not kevy_value, for doors that show them as tables. */
typedef enum abi_what { ABI_WHAT_NUMBER, ABI_WHAT_TEXT, ABI_WHAT_VALUE } abi_what;

typedef struct abi_field {
  const char *name;
  size_t offset;
  abi_type type;
  abi_what what;
} abi_field;

typedef struct abi_struct {
  const char *name;
  const abi_field *fields;
  size_t count;
  size_t size;
} abi_struct;

/* An opaque type and what releases it. */
typedef struct abi_opaque {
  const char *name;
  const char *release;
} abi_opaque;

/* A constant of the headers; text is NULL for numbers. */
typedef struct abi_constant {
  const char *name;
  const char *text;
  int64_t number;
} abi_constant;

/* The tables, in the headers' order. */
const abi_function *abi_functions(size_t *count);
const abi_opaque *abi_opaques(size_t *count);
const abi_constant *abi_constants(size_t *count);

/* One row by its name; NULL where there is none. */
const abi_function *abi_find(const char *name);
const abi_struct *abi_find_struct(const char *name);

/* One argument or result. Integers of any width travel in i or u, pointers in p. */
typedef union abi_slot {
  int64_t i;
  uint64_t u;
  double d;
  void *p;
} abi_slot;

/* Calls f with one slot per parameter. result may be NULL. False when libffi does not support the
 * signature on this machine, and nothing was called. */
bool abi_call(const abi_function *f, const abi_slot *arguments, abi_slot *result);

/* As abi_call, by name. False also when there is no such function or count is not its number of
 * parameters. */
bool abi_call_by_name(const char *name, const abi_slot *arguments, size_t count, abi_slot *result);

#endif
