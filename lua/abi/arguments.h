/* arguments: Lua values into the slots of a call.
 *
 * One Lua argument per thing a caller decides: a string stands for its pointer and length, a table for an
 * array and its count, a table of fields for a struct. A scalar is a string (bytes), an integer, a float,
 * or a table with one field that names the kind: {text = "..."}, {bytes = ...}, {int = ...},
 * {float = ...}. An out-parameter takes no argument, unless it may be NULL: true then asks for it. */
#ifndef KEVY_LUA_ABI_ARGUMENTS_H
#define KEVY_LUA_ABI_ARGUMENTS_H

#include "frame.h"

/* How many Lua arguments a call of f takes. */
int arguments_count(const abi_function *f);

/* Fills the frame's slots from the Lua arguments 1..arguments_count(f), all of them on the stack, and
 * raises for what does not fit. Does not allocate on the Lua side unless it raises. */
void arguments_read(lua_State *L, frame *fr);

#endif
