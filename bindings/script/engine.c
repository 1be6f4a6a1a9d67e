/* engine: the interpreter as the engine of kevy sees it (script.h): states, compiling, running, limits. */
#include <math.h>
#include <sha1.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "state.h"

#define HOOK_EVERY 10000 /* instructions between two looks at the clock: some 50 microseconds */

/* The archives that are linked in name these, in code that is never run, and are not position independent: the linker is told
 * that they mean our own. */
void *script_stdin, *script_stdout, *script_stderr;

/* ---- Memory ---- */

static void *state_alloc(void *context, void *block, size_t before, size_t after) {
  script_state *st = context;
  if (after == 0) {
    free(block);
    st->used -= before;
    return NULL;
  }
  if (after > before && (st->used >= st->limit || after - before > st->limit - st->used)) return NULL;
  void *moved = realloc(block, after);
  if (moved == NULL) return after <= before ? block : NULL;
  st->used = st->used - before + after;
  return moved;
}

/* ---- Protected calls ---- */

typedef struct request {
  void (*what)(lua_State *L, struct request *q);
  script_state *st;
  script_run *run;
  const char *sha, *body;
  size_t len;
  uint32_t flags;
  char *message;
  script_library *library;
  bool done; /* a script is compiled, is found, has answered */
} request;

static int request_enter(lua_State *L) {
  request *q = lua_touserdata(L, 1);
  lua_settop(L, 0);
  q->what(L, q);
  return 0;
}

/* 0, or Lua's error code. */
static int state_protect(script_state *st, request *q) {
  q->st = st;
  int status = lua_cpcall(st->L, request_enter, q);
  lua_settop(st->L, 0);
  return status;
}

/* ---- Time ---- */

static uint64_t now_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void hook(lua_State *L, lua_Debug *ar) {
  (void)ar;
  state_check_time(L);
}

/* From then on every line raises it again: a script that catches it does not get far. */
void state_check_time(lua_State *L) {
  script_state *st = state_of(L);
  if (st->ended == NULL) {
    if (st->deadline == 0 || now_ms() < st->deadline) return;
    st->ended = st->library != NULL ? "FUNCTION LOAD timeout" : st->run != NULL ? st->run->host->late(st->run) : NULL;
    if (st->ended == NULL) return;
  }
  lua_sethook(L, hook, LUA_MASKLINE, 0);
  redis_push_error(L, st->ended, strlen(st->ended));
  lua_error(L);
}

/* ---- Opening ---- */

/* What an error becomes: a table with its text and where it was raised, as Redis words it. */
static int handle_error(lua_State *L) {
  lua_settop(L, 1);
  lua_Debug where;
  bool known = lua_getstack(L, 1, &where) && lua_getinfo(L, "nSl", &where);
  if (known && strcmp(where.what, "C") == 0) known = lua_getstack(L, 2, &where) && lua_getinfo(L, "nSl", &where);
  if (!lua_istable(L, 1)) {
    lua_newtable(L);
    const char *text = lua_isstring(L, 1)    ? lua_tostring(L, 1)
                       : lua_isboolean(L, 1) ? (lua_toboolean(L, 1) ? "true" : "false")
                                             : luaL_typename(L, 1);
    lua_pushfstring(L, "ERR %s", text);
    lua_setfield(L, 2, "err");
    lua_replace(L, 1);
  }
  if (!known) return 1;
  lua_pushstring(L, where.source);
  lua_setfield(L, 1, "source");
  lua_pushinteger(L, where.currentline);
  lua_setfield(L, 1, "line");
  return 1;
}

static void request_open(lua_State *L, request *q) {
  script_state *st = q->st;
  sandbox_open(L);
  convert_open(L);
  lua_newtable(L);
  st->scripts = luaL_ref(L, LUA_REGISTRYINDEX);
  lua_newtable(L);
  st->flags = luaL_ref(L, LUA_REGISTRYINDEX);
  lua_pushcfunction(L, handle_error);
  st->handler = luaL_ref(L, LUA_REGISTRYINDEX);
  if (!st->functions) return;
  lua_newtable(L);
  st->waiting = luaL_ref(L, LUA_REGISTRYINDEX);
  functions_open(L);
  st->loader = luaL_ref(L, LUA_REGISTRYINDEX);
  state_push(L, st->globals);
  lua_getfield(L, -1, "redis");
  st->redis = luaL_ref(L, LUA_REGISTRYINDEX);
}

static void state_close(script_state *st) {
  if (st == NULL) return;
  if (st->L != NULL) lua_close(st->L);
  free(st->argv);
  free(st->digits);
  free(st);
}

static script_state *state_open(const script_host *host, size_t memory, bool functions) {
  script_state *st = calloc(1, sizeof *st);
  if (st == NULL) return NULL;
  st->host = host;
  st->limit = memory;
  st->functions = functions;
  st->random = UINT64_C(0x1234ABCD330E); /* as Redis: the first script draws the same numbers everywhere */
  st->L = lua_newstate(state_alloc, st);
  request q = {.what = request_open};
  if (st->L != NULL && state_protect(st, &q) == 0) return st;
  state_close(st);
  return NULL;
}

/* ---- Compiling ---- */

/* Bytecode is not checked when it is loaded: none is. */
int state_load(lua_State *L, const char *text, size_t len, const char *name) {
  if (len > 0 && text[0] == LUA_SIGNATURE[0]) {
    lua_pushfstring(L, "%s:1: unexpected symbol near 'char(27)'", name[0] == '@' || name[0] == '=' ? name + 1 : "?");
    return LUA_ERRSYNTAX;
  }
  lua_gc(L, LUA_GCSTOP, 0);
  int status = luaL_loadbuffer(L, text, len, name);
  lua_gc(L, LUA_GCRESTART, 0);
  return status;
}

static void request_compile(lua_State *L, request *q) {
  q->done = state_load(L, q->body, q->len, "@user_script") == 0;
  if (!q->done) {
    snprintf(q->message, SCRIPT_MESSAGE, "%s", lua_tostring(L, -1));
    return;
  }
  state_push(L, q->st->flags);
  lua_pushinteger(L, (lua_Integer)q->flags);
  lua_setfield(L, -2, q->sha);
  state_push(L, q->st->scripts);
  lua_pushvalue(L, 1);
  lua_setfield(L, -2, q->sha);
}

static bool engine_compile(script_state *st, const char *sha, const char *body, size_t len, uint32_t flags,
                           char message[SCRIPT_MESSAGE]) {
  request q = {.what = request_compile, .sha = sha, .body = body, .len = len, .flags = flags, .message = message};
  if (state_protect(st, &q) == 0) return q.done;
  snprintf(message, SCRIPT_MESSAGE, "not enough memory");
  return false;
}

static void request_find(lua_State *L, request *q) {
  state_push(L, q->st->flags);
  lua_getfield(L, -1, q->sha);
  q->done = lua_isnumber(L, -1);
  q->flags = (uint32_t)lua_tointeger(L, -1);
}

static bool engine_find(script_state *st, const char *sha, uint32_t *flags) {
  request q = {.what = request_find, .sha = sha};
  if (state_protect(st, &q) != 0) return false;
  *flags = q.flags;
  return q.done;
}

/* ---- Running ---- */

static void push_values(lua_State *L, size_t n, const kevy_value *values) {
  lua_createtable(L, (int)n, 0);
  for (size_t i = 0; i < n; i++) {
    lua_pushlstring(L, values[i].as.ptr, values[i].len);
    lua_rawseti(L, -2, (int)i + 1);
  }
}

/* Lets code see this table as `redis`. */
static void functions_see(lua_State *L, int table) {
  state_push(L, state_of(L)->globals);
  state_push(L, table);
  lua_setfield(L, -2, "redis");
  lua_pop(L, 1);
}

/* What a script before may have changed. */
static void reset(lua_State *L, script_state *st, uint64_t limit_ms) {
  lua_gc(L, LUA_GCSETPAUSE, 200);
  lua_gc(L, LUA_GCSETSTEPMUL, 200);
  st->ended = NULL;
  st->deadline = limit_ms != 0 ? now_ms() + limit_ms : 0;
  if (st->deadline != 0) lua_sethook(L, hook, LUA_MASKCOUNT, HOOK_EVERY);
}

static const char *raw_text(lua_State *L, const char *field) {
  lua_pushstring(L, field);
  lua_rawget(L, 1);
  return lua_tostring(L, -1);
}

/* The error on top of the stack, in Redis's words. */
static void answer_error(lua_State *L, script_run *run) {
  lua_replace(L, 1);
  lua_settop(L, 1);
  if (!lua_istable(L, 1)) {
    lua_pushfstring(L, "ERR Error running script %s, %s", run->name, lua_isstring(L, 1) ? lua_tostring(L, 1) : "execution failure");
  } else {
    const char *text = raw_text(L, "err"), *source = raw_text(L, "source"), *line = raw_text(L, "line");
    if (text == NULL) text = "ERR unknown error";
    if (source != NULL && line != NULL) lua_pushfstring(L, "%s script: %s, on %s:%s.", text, run->name, source, line);
    else lua_pushstring(L, text);
  }
  size_t len;
  const char *whole = lua_tolstring(L, -1, &len);
  run->host->error(run, whole, len);
}

/* What is to run is at 2 of the stack, its handler at 1, its arguments behind it. */
static void run_and_answer(lua_State *L, request *q) {
  reset(L, q->st, q->run->limit_ms);
  int status = lua_pcall(L, lua_gettop(L) - 2, 1, 1);
  lua_sethook(L, NULL, 0, 0);
  if (status == 0) convert_answer(L, q->run);
  else answer_error(L, q->run);
  q->done = true;
}

static void push_named(lua_State *L, request *q) {
  state_push(L, q->st->handler);
  state_push(L, q->st->scripts);
  lua_getfield(L, -1, q->run->name);
  lua_replace(L, 2);
}

static void request_run(lua_State *L, request *q) {
  push_named(L, q);
  state_push(L, q->st->globals);
  push_values(L, q->run->keys, q->run->key);
  lua_setfield(L, 3, "KEYS");
  push_values(L, q->run->args, q->run->arg);
  lua_setfield(L, 3, "ARGV");
  lua_settop(L, 2);
  run_and_answer(L, q);
}

static void request_invoke(lua_State *L, request *q) {
  push_named(L, q);
  push_values(L, q->run->keys, q->run->key);
  push_values(L, q->run->args, q->run->arg);
  run_and_answer(L, q);
}

static void request_collect(lua_State *L, request *q) {
  (void)q;
  lua_gc(L, LUA_GCCOLLECT, 0);
}

#define COLLECT_ROOM ((size_t)1 << 20) /* what collecting may take beyond the limit */

/* Lua frees nothing at the moment it runs out of memory: what one script leaves must not be what the next one lacks. */
static void run_guarded(script_state *st, script_run *run, void (*what)(lua_State *L, request *q)) {
  request q = {.what = what, .run = run};
  st->run = run;
  if (state_protect(st, &q) != 0 && !q.done) {
    char text[128];
    int len = snprintf(text, sizeof text, "ERR Error running script %.60s, not enough memory", run->name);
    run->host->error(run, text, (size_t)len);
  }
  lua_sethook(st->L, NULL, 0, 0);
  st->run = NULL;
  if (st->used < st->limit / 4) return;
  request collect = {.what = request_collect};
  st->limit += COLLECT_ROOM;
  (void)state_protect(st, &collect);
  st->limit -= COLLECT_ROOM;
}

static void engine_run(script_state *st, script_run *run) { run_guarded(st, run, request_run); }
static void engine_invoke(script_state *st, script_run *run) { run_guarded(st, run, request_invoke); }

/* ---- Libraries ---- */

#define LOAD_LIMIT_MS 500 /* Redis's */

static void request_load(lua_State *L, request *q) {
  script_state *st = q->st;
  state_push(L, st->handler);
  if (state_load(L, q->body, q->len, "@user_function") != 0) {
    snprintf(q->message, SCRIPT_MESSAGE, "Error compiling function: %s", lua_tostring(L, -1));
    return;
  }
  reset(L, st, LOAD_LIMIT_MS);
  st->library = q->library;
  functions_see(L, st->loader);
  q->done = lua_pcall(L, 0, 0, 1) == 0;
  lua_sethook(L, NULL, 0, 0);
  if (q->done) return;
  lua_replace(L, 1);
  lua_settop(L, 1);
  const char *why = lua_istable(L, 1) ? raw_text(L, "err") : lua_tostring(L, 1);
  snprintf(q->message, SCRIPT_MESSAGE, "Error registering functions: %s", why != NULL ? why : "ERR unknown error");
}

static void request_loaded(lua_State *L, request *q) { functions_see(L, q->st->redis); }

static bool engine_load(script_state *st, const char *code, size_t len, script_library *library, char message[SCRIPT_MESSAGE]) {
  request q = {.what = request_load, .body = code, .len = len, .library = library, .message = message};
  request after = {.what = request_loaded};
  if (state_protect(st, &q) != 0) snprintf(message, SCRIPT_MESSAGE, "not enough memory");
  lua_sethook(st->L, NULL, 0, 0);
  st->library = NULL;
  st->limit += COLLECT_ROOM;
  (void)state_protect(st, &after);
  st->limit -= COLLECT_ROOM;
  return q.done;
}

/* With room of its own: it must not fail halfway. */
static void request_settle(lua_State *L, request *q) {
  state_push(L, q->st->waiting);
  state_push(L, q->st->scripts);
  lua_pushnil(L);
  while (lua_next(L, 1)) {
    lua_pushvalue(L, -2);
    lua_insert(L, -2);
    if (q->done) lua_rawset(L, 2);
    else lua_pop(L, 2);
    lua_pushvalue(L, -1);
    lua_pushnil(L);
    lua_rawset(L, 1);
  }
}

static void engine_settle(script_state *st, bool keep) {
  request q = {.what = request_settle, .done = keep};
  st->limit += COLLECT_ROOM;
  (void)state_protect(st, &q);
  st->limit -= COLLECT_ROOM;
}

static void request_forget(lua_State *L, request *q) {
  state_push(L, q->st->scripts);
  lua_pushnil(L);
  lua_setfield(L, 1, q->sha);
}

static void engine_forget(script_state *st, const char *name) {
  request q = {.what = request_forget, .sha = name};
  st->limit += COLLECT_ROOM;
  (void)state_protect(st, &q);
  st->limit -= COLLECT_ROOM;
}

/* ---- The contract ---- */

static void engine_sha1(const void *bytes, size_t len, char out[SCRIPT_SHA + 1]) { SHA1Data(bytes, len, out); }

static size_t engine_memory(const script_state *st) { return sizeof *st + st->used; }

__attribute__((visibility("default"))) const script_engine kevy_script_engine = {
    SCRIPT_CONTRACT, state_open, state_close, engine_sha1, engine_compile, engine_find, engine_run,
    engine_load,     engine_settle, engine_forget, engine_invoke, engine_memory};
