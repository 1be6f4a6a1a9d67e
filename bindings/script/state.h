/* state: what the files of the interpreter share: one Lua state and what is kept beside it.
 *
 * Everything that touches Lua runs inside a protected call (state_protect), so that running out of memory is a status and never a
 * panic. The state is found from a lua_State through its allocator's context. */
#ifndef KEVY_SCRIPT_STATE_H
#define KEVY_SCRIPT_STATE_H

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

#include "script.h"

struct script_state {
  lua_State *L;
  const script_host *host;
  size_t used, limit;    /* bytes of Lua's */
  script_run *run;       /* what runs, NULL for nothing */
  uint64_t deadline;     /* of that, in ms of the monotonic clock; 0: none */
  const char *ended;     /* why it is ended, NULL: it is not */
  uint64_t random;       /* state of math.random */
  kevy_value *argv;      /* of the command that is being called */
  char (*digits)[SCRIPT_NUMBER];
  size_t room;           /* of both */
  int globals;           /* references into the registry: the real table of globals, */
  int scripts, flags;    /* functions and flags by SHA-1, */
  bool functions;        /* it runs functions, not scripts: `scripts` has them by name */
  int waiting;           /* those of libraries that are being loaded */
  int loader, redis;     /* the table `redis` while one is, and otherwise */
  script_library *library; /* that is being loaded, or NULL */
  int handler;           /* and what turns an error into a table that says where it was raised */
};

static inline script_state *state_of(lua_State *L) {
  void *context;
  (void)lua_getallocf(L, &context);
  return context;
}

/* Pushes what a reference stands for. */
static inline void state_push(lua_State *L, int reference) { lua_rawgeti(L, LUA_REGISTRYINDEX, reference); }

/* Compiles text, and text only, and pushes the function or the message; 0 for success. The collector stands still meanwhile. */
int state_load(lua_State *L, const char *text, size_t len, const char *name);

/* Raises an error where the script has to end, which it asks the host once its time is over: in functions that loops may consist
 * of. */
void state_check_time(lua_State *L);

/* ---- sandbox.c ---- */

/* Fills an empty state: the libraries, their guards, `redis`, and the globals that scripts see. Pushes nothing. */
void sandbox_open(lua_State *L);

/* Replaces the table on top by one in front of it, which cannot be changed. */
void sandbox_share(lua_State *L);

/* Gives the table on top a metatable for which asking for what it lacks is an error. */
void sandbox_strict(lua_State *L);

/* ---- functions.c ---- */

/* Pushes the table `redis` as libraries see it while they are loaded. */
void functions_open(lua_State *L);

/* ---- redis.c ---- */

/* Pushes the table `redis`. */
void redis_open(lua_State *L);

/* Adds redis.log and the constants to the table on top. */
void redis_open_constants(lua_State *L);

/* Pushes {err = text}: "-CODE text" or a text of code ERR. */
void redis_push_error(lua_State *L, const char *text, size_t len);

/* ---- convert.c ---- */

/* Pushes what a command answered; true: it is an error. */
bool convert_push(lua_State *L, const char *answer, size_t len);

/* Writes the value on top of the stack as the script's answer. Does not raise errors. */
void convert_answer(lua_State *L, script_run *run);

/* Makes sure that the collector never has to allocate for convert_answer. Called once. */
void convert_open(lua_State *L);

#endif
