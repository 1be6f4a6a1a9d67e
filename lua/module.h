/* module.h: what the files of kevy.core share: its objects, its arguments, its results.
 *
 * The rule that everything here serves: a finalizer or a memory error may strike inside any Lua call
 * that allocates, and may call the same store again or close it. So a method
 *   1. reads its arguments, which may allocate,
 *   2. takes the store's handle (arg_handle), locks it, calls the engine, copies or pins what the engine
 *      lent, unlocks it: no Lua call that allocates in between,
 *   3. pushes its results, and touches the handle no more.
 * What a result owns while it is pushed is freed even when pushing raises (held_push). */
#ifndef KEVY_LUA_MODULE_H
#define KEVY_LUA_MODULE_H

#include "compat.h"
#include "kevy.h"

/* ---- Objects -------------------------------------------------------------------------------- */

/* The userdata of a store or snapshot. */
typedef struct lua_store {
  kevy_store *handle; /* NULL once closed */
  kevy_reply *reply;  /* memory of command replies, made by the first command */
  bool reply_busy;    /* a command reads it: a nested one needs another */
} lua_store;

#define STORE_CLASS "kevy.Store"
#define ITER_CLASS "kevy.Iterator"
#define REPLY_CLASS "kevy.Reply"

/* Upvalues of every method of a store. */
#define STORE_META lua_upvalueindex(1) /* the metatable of stores */
#define STORE_GUARD lua_upvalueindex(2) /* held_guard, to be called protected */
#define STORE_NULL lua_upvalueindex(3) /* kevy.null */
#define STORE_UPVALUES 3

/* The methods, one list per file. */
extern const luaL_Reg store_methods[], string_methods[], key_methods[], command_methods[];
extern const luaL_Reg scan_methods[], store_metamethods[], iter_metamethods[], reply_metamethods[];

/* Pushes a new, closed store, to be filled by the caller. The metatable is at index meta. */
lua_store *store_new(lua_State *L, int meta);

/* ---- Arguments (args.c). Misuse raises. ------------------------------------------------------ */

lua_store *arg_store(lua_State *L);      /* the store at index 1 */
kevy_store *arg_handle(lua_State *L);    /* its handle; a closed store raises */
const char *arg_key(lua_State *L, int index, size_t *len);
kevy_value arg_string(lua_State *L, int index, const char *what); /* a Lua string, as KEVY_BYTES */
int64_t arg_int(lua_State *L, int index);
int64_t arg_int_or(lua_State *L, int index, int64_t absent); /* absent for nil */

/* The string or number at index, which is, or is part of, that argument. */
kevy_value arg_value(lua_State *L, int index, int argument);

/* Seconds at index as milliseconds, rounded up. Not a number raises; false where it is not finite or,
 * for a TTL, not positive. */
bool arg_ttl(lua_State *L, int index, int64_t *ms);
bool arg_time(lua_State *L, int index, int64_t *ms);

/* The options of one method: boolean ones set a flag, one may be a TTL. */
typedef struct arg_option {
  const char *name;
  uint32_t flag; /* ARG_TTL: not a flag but the ttl */
} arg_option;

#define ARG_TTL 0u
#define ARG_GET 0x80000000u /* flags of ours, never passed on */

/* Reads {name = true, ...} at index; nil is no options. Unknown names raise. False when a ttl is not
 * a valid one. ttl may be NULL where no row asks for it. */
bool arg_options(lua_State *L, int index, const arg_option *rows, uint32_t *flags, int64_t *ttl);

/* As arg_options, and a plain number is the ttl. */
bool arg_ttl_or_options(lua_State *L, int index, const arg_option *rows, uint32_t *flags,
                        int64_t *ttl);

/* ---- Results (values.c) ----------------------------------------------------------------------- */

#define HELD_INLINE 1024

/* A value taken out of the engine's hands, so that pushing it may do anything. */
typedef struct held {
  kevy_value value;
  kevy_pin *pin; /* what a long value is held by, if not NULL */
  char *heap;    /* or by this */
  char bytes[HELD_INLINE];
} held;

/* Copies what the engine lent. KEVY_EOOM when there is no memory for it. */
kevy_status held_copy(held *h, const kevy_value *lent);

/* kevy_get into h; long values are pinned, not copied. The store's lock is held by the caller where
 * it has one. */
kevy_status held_get(held *h, kevy_store *s, const char *key, size_t klen);

void held_release(held *h);
int held_push(lua_State *L, held *h); /* pushes and releases; answers 1 */
int held_guard(lua_State *L);

/* Runs push(L, context), which pushes one value, then release(context), also when push raises.
 * Inside a method of a store only. Answers 1. */
typedef struct guarded {
  void (*push)(lua_State *L, void *context);
  void (*release)(void *context);
  void *context;
} guarded;
int guarded_push(lua_State *L, const guarded *g);

/* Pushes a scalar; KEVY_NIL is nil. The value must not be the engine's any more, or belong to an object
 * that nobody else reaches. */
void value_push(lua_State *L, const kevy_value *v);

/* Unlocks s and pushes what a failed call answers: nil, message. A closed store raises. */
int push_failure(lua_State *L, kevy_store *s, kevy_status status);

int push_no(lua_State *L, const char *reason); /* nil, reason */
int push_bool(lua_State *L, bool b);
int push_missing(lua_State *L); /* nil, "no such key" */
int push_bad_ttl(lua_State *L); /* nil, what KEVY_EEXPIRE says */

#endif
