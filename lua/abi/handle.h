/* handle: the ABI's opaque objects as userdata of kevy.abi.
 *
 * One metatable per opaque type, so that a handle of another type is an error and not a crash. A
 * handle is released once: by the type's own function, by <close>, or by the collector; after that it is
 * closed, and only releasing it again is allowed. A store remembers how deep this Lua state has
 * entered its lock, so that only a lock that is held is left. */
#ifndef KEVY_LUA_ABI_HANDLE_H
#define KEVY_LUA_ABI_HANDLE_H

#include <lauxlib.h>
#include <lua.h>

#include "caller.h"

typedef struct handle {
  void *object;                  /* NULL: closed, or not yet filled */
  const abi_function *release;   /* its type's */
  unsigned locked;               /* kevy_lock calls not yet undone */
} handle;

/* Makes the metatables. Raises. */
void handle_open(lua_State *L);

/* Pushes an empty handle of an opaque type. Raises. */
handle *handle_push(lua_State *L, const char *type);

/* The handle at an argument; raises when it is not one of that type. */
handle *handle_check(lua_State *L, int argument, const char *type);

/* Releases what it holds, if anything. Never raises. */
void handle_release(handle *h);

#endif
