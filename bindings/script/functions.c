/* functions: redis.register_function, what a library calls while it is loaded.
 *
 * The function waits in a table (state.waiting) until all of its library is there; its name and flags go to the engine, which
 * keeps the lists of libraries. */
#include <string.h>

#include "state.h"

typedef struct registration {
  const char *name, *description;
  size_t len, dlen;
  uint32_t flags;
  bool callback; /* it is at 2 of the stack */
} registration;

static int fail(lua_State *L, const char *text) {
  redis_push_error(L, text, strlen(text));
  return lua_error(L);
}

/* The flags in the table on top. */
static uint32_t read_flags(lua_State *L) {
  static const struct {
    const char *word;
    uint32_t flag;
  } known[] = {{"no-writes", SCRIPT_NO_WRITES},
               {"allow-oom", SCRIPT_ALLOW_OOM},
               {"allow-stale", SCRIPT_ALLOW_STALE},
               {"no-cluster", SCRIPT_NO_CLUSTER},
               {"allow-cross-slot-keys", SCRIPT_CROSS_SLOT}};
  uint32_t flags = 0;
  for (int i = 1;; i++) {
    lua_rawgeti(L, -1, i);
    if (lua_isnil(L, -1)) break;
    uint32_t flag = 0;
    for (size_t k = 0; k < sizeof known / sizeof *known; k++)
      if (lua_type(L, -1) == LUA_TSTRING && strcmp(lua_tostring(L, -1), known[k].word) == 0) flag = known[k].flag;
    if (flag == 0) fail(L, "unknown flag given");
    flags |= flag;
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
  return flags;
}

/* A text that lives as long as the call: in the table that is the argument. */
static const char *read_text(lua_State *L, size_t *len, const char *wrong) {
  if (!lua_isstring(L, -1)) fail(L, wrong);
  if (lua_type(L, -1) != LUA_TSTRING) { /* a number: its text is kept on the stack below the iteration */
    lua_pushvalue(L, -1);
    lua_tostring(L, -1);
    lua_insert(L, 3);
    return lua_tolstring(L, 3, len);
  }
  return lua_tolstring(L, -1, len);
}

/* One field: its name at -2 and its value at -1. */
static void read_field(lua_State *L, registration *r) {
  if (!lua_isstring(L, -2)) fail(L, "named argument key given to redis.register_function is not a string");
  const char *field = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : ""; /* a key must stay what it is */
  if (strcmp(field, "function_name") == 0) {
    r->name = read_text(L, &r->len, "function_name argument given to redis.register_function must be a string");
  } else if (strcmp(field, "description") == 0) {
    r->description = read_text(L, &r->dlen, "description argument given to redis.register_function must be a string");
  } else if (strcmp(field, "callback") == 0) {
    if (!lua_isfunction(L, -1)) fail(L, "callback argument given to redis.register_function must be a function");
    lua_pushvalue(L, -1);
    lua_replace(L, 2);
    r->callback = true;
  } else if (strcmp(field, "flags") == 0) {
    if (!lua_istable(L, -1)) fail(L, "flags argument to redis.register_function must be a table representing function flags");
    r->flags = read_flags(L);
  } else {
    fail(L, "unknown argument given to redis.register_function");
  }
}

/* {function_name =, callback =, flags =, description =} at 1. */
static void read_named(lua_State *L, registration *r) {
  if (!lua_istable(L, 1))
    fail(L, "calling redis.register_function with a single argument is only applicable to Lua table (representing named "
            "arguments).");
  lua_settop(L, 1);
  lua_pushnil(L);
  lua_pushnil(L);
  while (lua_next(L, 1)) {
    read_field(L, r);
    lua_pop(L, 1);
  }
  if (r->name == NULL) fail(L, "redis.register_function must get a function name argument");
  if (!r->callback) fail(L, "redis.register_function must get a callback argument");
}

static void read_positional(lua_State *L, registration *r) {
  if (!lua_isstring(L, 1)) fail(L, "first argument to redis.register_function must be a string");
  if (!lua_isfunction(L, 2)) fail(L, "second argument to redis.register_function must be a function");
  r->name = lua_tolstring(L, 1, &r->len);
}

static int register_function(lua_State *L) {
  script_state *st = state_of(L);
  registration r = {.name = NULL};
  if (st->library == NULL) return fail(L, "redis.register_function can only be called on FUNCTION LOAD command");
  int n = lua_gettop(L);
  if (n < 1 || n > 2) return fail(L, "wrong number of arguments to redis.register_function");
  luaL_checkstack(L, 16, "");
  if (n == 1) read_named(L, &r);
  else read_positional(L, &r);
  const char *wrong = st->library->registers(st->library, r.name, r.len, r.description, r.dlen, r.flags);
  if (wrong != NULL) return fail(L, wrong);
  state_push(L, st->waiting);
  lua_pushlstring(L, r.name, r.len);
  lua_pushvalue(L, 2);
  lua_rawset(L, -3);
  return 0;
}

void functions_open(lua_State *L) {
  lua_newtable(L);
  lua_pushcfunction(L, register_function);
  lua_setfield(L, -2, "register_function");
  redis_open_constants(L);
  sandbox_strict(L);
  sandbox_share(L);
}
