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
  bool served;        /* it has, or had, windows */
} lua_store;

#define STORE_CLASS "kevy.Store"
#define ITER_CLASS "kevy.Iterator"
#define REPLY_CLASS "kevy.Reply"
#define WAIT_CLASS "kevy.Wait"
#define WINDOW_CLASS "kevy.Window handle"

/* The userdata of a view: a key of a store, which it owns and so keeps alive. */
typedef struct lua_view {
  lua_store *store;
  size_t klen;
  char key[];
} lua_view;

/* Upvalues of every method of a store or view. */
#define CLASS_META lua_upvalueindex(1) /* the metatable of its class */
#define CLASS_GUARD lua_upvalueindex(2) /* held_guard, to be called protected */
#define CLASS_NULL lua_upvalueindex(3) /* kevy.null */
#define CLASS_OPTIONS lua_upvalueindex(4) /* kevy.options, which reads options for both doors */
#define CLASS_UPVALUES 4
#define CLASS_OWN lua_upvalueindex(5) /* of a class's __index: its methods; of a maker of views: its type */

/* The methods, one list per file. */
extern const luaL_Reg store_methods[], string_methods[], key_methods[], command_methods[];
extern const luaL_Reg serve_methods[], window_methods[];
extern const luaL_Reg scan_methods[], store_metamethods[], iter_metamethods[], reply_metamethods[], wait_metamethods[];
extern const luaL_Reg view_methods[], hash_methods[], list_methods[], set_methods[], zset_methods[];

/* Pushes a new, closed store, to be filled by the caller. The metatable is at index meta. */
lua_store *store_new(lua_State *L, int meta);

/* ---- Arguments (args.c). Misuse raises. ------------------------------------------------------ */

lua_store *arg_store(lua_State *L);      /* the store at index 1 */
kevy_store *arg_handle(lua_State *L);    /* its handle; a closed store raises */
kevy_store *store_handle(lua_State *L, const lua_store *self);
const lua_view *arg_view(lua_State *L);  /* the view at index 1, of this method's class */
kevy_store *view_handle(lua_State *L, const lua_view *v); /* its store's; a closed store raises */
const char *arg_key(lua_State *L, int index, size_t *len);
kevy_value arg_member(lua_State *L, int index, int argument); /* a field or member: a string or an integer */
kevy_value arg_by(lua_State *L, int index); /* what incr adds: 1 for nil */
double arg_score(lua_State *L, int index, int argument);      /* a number that is not NaN */
kevy_value arg_string(lua_State *L, int index, const char *what); /* a Lua string, as KEVY_BYTES */
int64_t arg_int(lua_State *L, int index);
int64_t arg_int_or(lua_State *L, int index, int64_t absent); /* absent for nil */

/* The string or number at index, which is, or is part of, that argument. */
kevy_value arg_value(lua_State *L, int index, int argument);

/* Seconds at index as milliseconds, rounded up. Not a number raises; false where it is not finite or,
 * for a TTL, not positive. */
bool arg_ttl(lua_State *L, int index, int64_t *ms);
bool arg_time(lua_State *L, int index, int64_t *ms);

#define ARG_GET 0x80000000u /* a flag of ours, never passed on */

/* Reads the table of options at index, of the kind that kevy.options describes, for the method of that name; nil
 * is none. Unknown names raise. False when a ttl is not a valid one; ttl is for kinds that have one. */
bool arg_options(lua_State *L, int index, const char *kind, const char *method, uint32_t *flags, int64_t *ttl);

/* As arg_options, and a plain number is the ttl. */
bool arg_ttl_or_options(lua_State *L, int index, const char *method, uint32_t *flags, int64_t *ttl);

/* The arguments of one method that takes any number of them. */
typedef kevy_value (*arg_reader)(lua_State *L, int index, int argument);

#define ARG_FEW 8

typedef struct arg_list {
  size_t count;
  kevy_value *values; /* few, or owned by the Lua stack */
  kevy_value few[ARG_FEW];
} arg_list;

/* Reads those from index first on. */
void arg_rest(lua_State *L, int first, arg_reader read, arg_list *list);

/* Reads those of the table at index, which nobody else may change. */
void arg_items(lua_State *L, int index, arg_reader read, arg_list *list);

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
 * Inside a method of a store or view only. Answers 1. */
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
/* The same; not bare: with the code that commands put before the message, for who speaks in commands. */
int push_failure_as(lua_State *L, kevy_store *s, kevy_status status, bool bare);

/* The ends of methods: what a call answered that came back with that status, after unlocking s. What is held is
 * the value of KEVY_OK; nil otherwise. */
int end_value(lua_State *L, kevy_store *s, kevy_status status, held *h);
int end_lent(lua_State *L, kevy_store *s, kevy_status status, const kevy_value *lent); /* s still lends it */
int end_count(lua_State *L, kevy_store *s, kevy_status status, uint64_t count);
int end_number(lua_State *L, kevy_store *s, kevy_status status, const kevy_value *number);
int end_true(lua_State *L, kevy_store *s, kevy_status status); /* true whatever the success */
int end_bool(lua_State *L, kevy_store *s, kevy_status status); /* whether KEVY_OK */

int push_no(lua_State *L, const char *reason); /* nil, reason */
int push_bool(lua_State *L, bool b);
int push_missing(lua_State *L); /* nil, "no such key" */
int push_bad_ttl(lua_State *L); /* nil, what KEVY_EEXPIRE says */

/* ---- Commands (command.c, wait.c) ---------------------------------------------------------------- */

/* The whole reply: a nil is nil and an error is nil, message, as only inside a table they cannot be. A bare message
 * is without "ERR ", which is for who speaks in commands. */
int reply_push_all(lua_State *L, kevy_reply *reply, bool bare);

/* Waits for a command that was kept, in a way of kevy.waiting's, and answers as reply_push_all does. wait and reply are its
 * own from now on. To be returned: a coroutine may be left meanwhile. */
int wait_for(lua_State *L, lua_store *store, kevy_wait *wait, kevy_reply *reply, bool bare);

/* ---- Windows (window.c) ---------------------------------------------------------------------------- */

/* Closes the windows of the store at index 1, which is about to close. */
void window_leave(lua_State *L, const lua_store *self);

/* ---- Views (views.c) and iterators (scan.c) ------------------------------------------------------ */

typedef enum iter_shape {
  ITER_KEY,      /* answers keys, or members */
  ITER_PAIR,     /* key and value, field and value, member and score */
  ITER_POSITION, /* position and element */
} iter_shape;

/* Store:Hash(key) and its like: a view of the type that CLASS_OWN is. */
int view_new(lua_State *L);
const char *view_class_name(int32_t type);

/* The method of a view that counts its elements. */
typedef kevy_status (*view_counter)(kevy_store *s, const char *key, size_t klen, uint64_t *count);
int view_len(lua_State *L, view_counter count);

/* Those that write the arguments from index 2 on, all members or all values, and answer the count the engine gives. */
typedef kevy_status (*view_batch)(kevy_store *s, const char *key, size_t klen, size_t k, const kevy_value *values,
                                  uint32_t flags, uint64_t *count);
int view_write(lua_State *L, view_batch write, arg_reader read, uint32_t flags);

/* Those that remove the members from index 2 on, and answer how many there were. */
typedef kevy_status (*view_removal)(kevy_store *s, const char *key, size_t klen, size_t k, const kevy_value *members,
                                    uint64_t *removed);
int view_remove(lua_State *L, view_removal remove);

/* Those that ask whether there is a member. */
typedef kevy_status (*view_question)(kevy_store *s, const char *key, size_t klen, const kevy_value *member);
int view_has(lua_State *L, view_question ask);

/* The same of a table at index 2 and flags at index 3: _write. */
int view_write_items(lua_State *L, view_batch write, arg_reader read);

/* The method that iterates over the elements. allowed: KEVY_REV where the option rev is. */
int view_iter(lua_State *L, int32_t type, uint32_t allowed, iter_shape shape);

/* The end of an operator, which has no place for nil, message: raises instead. results are those of the method. */
int operator_end(lua_State *L, int results);

/* Iterators: iter_new pushes one and answers where its handle goes; iter_end is the end of the method that asked
 * for it, with the status of opening: iterator, nil, nil, iterator, as the generic for of Lua 5.4 takes them. */

kevy_iter **iter_new(lua_State *L, iter_shape shape);
int iter_end(lua_State *L, kevy_store *s, kevy_status status);

/* Calls the method of that name, one of lua/kevy/views, with the same arguments. */
int view_delegate(lua_State *L, const char *method);

/* Runs a command on the view's store and answers it as s:command does, but with kinds kept; an error is nil and
 * its text without "ERR". The arguments may borrow from the Lua stack. */
int view_run(lua_State *L, const lua_view *v, size_t argc, const kevy_value *argv);

#endif
