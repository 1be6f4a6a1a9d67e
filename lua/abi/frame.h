/* frame: what one call of kevy.abi owns while it runs: slots, the values in and out, copies.
 *
 * A frame is a userdata on the Lua stack, so that an error anywhere gives its memory back. All its
 * allocation that Lua can see happens when it is made; reading arguments then runs neither the collector
 * nor a finalizer, and the strings that slots borrow from the arguments stay put. What a call lends is
 * copied into the frame, under the store's lock, before Lua sees any of it. */
#ifndef KEVY_LUA_ABI_FRAME_H
#define KEVY_LUA_ABI_FRAME_H

#include <lauxlib.h>
#include <lua.h>

#include "caller.h"
#include "handle.h"

/* What a parameter's slot points to when it is a pointer to something of ours. */
typedef union frame_cell {
  kevy_value value;
  int32_t i32;
  uint32_t u32;
  int64_t i64;
  uint64_t u64;
  size_t size;
  double d;
  void *p;
  const char *text;
} frame_cell;

typedef struct frame {
  const abi_function *function;
  abi_slot slots[ABI_MOST_PARAMS];
  frame_cell cells[ABI_MOST_PARAMS];
  void *blocks[ABI_MOST_PARAMS]; /* arrays and structs, malloc */
  handle *handles[ABI_MOST_PARAMS + 1]; /* those given, and those to be filled; the last: the result */
  size_t count;                  /* of values, where the function has a count */
  bool counted;
  char *copies; /* the bytes of everything lent, one after the other; malloc */
} frame;

/* Makes the metatable. Raises. */
void frame_open(lua_State *L);

/* Pushes a frame for a call of f. Raises. */
frame *frame_push(lua_State *L, const abi_function *f);

/* Gives its memory back early. */
void frame_clear(frame *fr);

/* A zeroed block for parameter i; raises when memory runs out. */
void *frame_block(lua_State *L, frame *fr, size_t i, size_t count, size_t size);

/* Copies what the parameters and *result borrow, so that they point into the frame. False when
 * memory ran out. */
bool frame_keep(frame *fr, abi_slot *result);

#endif
