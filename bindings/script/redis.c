/* redis: the table `redis` of scripts: call, pcall and their relatives, with the texts of Redis 7.2. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "state.h"

/* ---- Errors ---- */

static int raise(lua_State *L, const char *text) {
  redis_push_error(L, text, strlen(text));
  return lua_error(L);
}

/* "-CODE text" is taken as it is; a text alone, or one word behind the dash, is of code ERR. */
void redis_push_error(lua_State *L, const char *text, size_t len) {
  while (len > 0 && (text[len - 1] == '\r' || text[len - 1] == '\n')) len--;
  bool dash = len > 0 && text[0] == '-';
  if (dash) text++, len--;
  lua_createtable(L, 0, 2);
  luaL_Buffer b;
  luaL_buffinit(L, &b);
  if (!dash || memchr(text, ' ', len) == NULL) luaL_addstring(&b, "ERR ");
  luaL_addlstring(&b, text, len);
  luaL_pushresult(&b);
  lua_setfield(L, -2, "err");
}

/* ---- Arguments ---- */

/* Room for n arguments; the state keeps it. */
static void reserve(lua_State *L, script_state *st, size_t n) {
  if (n <= st->room) return;
  size_t room = n < 16 ? 16 : n;
  kevy_value *argv = realloc(st->argv, room * sizeof *argv);
  if (argv != NULL) st->argv = argv;
  void *digits = realloc(st->digits, room * sizeof *st->digits);
  if (digits != NULL) st->digits = digits;
  if (argv == NULL || digits == NULL) luaL_error(L, "not enough memory");
  st->room = room;
}

/* Integers are printed as such however large, since a command may not take 1e+20 for one. */
static size_t print_number(const script_state *st, double d, char out[SCRIPT_NUMBER]) {
  if (d >= (double)(-LLONG_MAX / 2) && d <= (double)(LLONG_MAX / 2) && d == (double)(long long)d)
    return (size_t)snprintf(out, SCRIPT_NUMBER, "%lld", (long long)d);
  return st->host->number(d, out);
}

/* All arguments of the call that is running, as a command's; NULL with the error pushed. */
static const kevy_value *arguments(lua_State *L, script_state *st, size_t *argc) {
  int n = lua_gettop(L);
  *argc = (size_t)n;
  if (n == 0) {
    redis_push_error(L, "Please specify at least one argument for this redis lib call", 60);
    return NULL;
  }
  reserve(L, st, *argc);
  for (int i = 0; i < n; i++) {
    kevy_value *v = &st->argv[i];
    *v = (kevy_value){.kind = KEVY_BYTES};
    if (lua_type(L, i + 1) == LUA_TNUMBER) {
      v->as.ptr = st->digits[i];
      v->len = print_number(st, lua_tonumber(L, i + 1), st->digits[i]);
    } else if (lua_type(L, i + 1) == LUA_TSTRING) {
      v->as.ptr = lua_tolstring(L, i + 1, &v->len);
    } else {
      redis_push_error(L, "Lua redis lib command arguments must be strings or integers", 59);
      return NULL;
    }
  }
  return st->argv;
}

/* ---- call, pcall ---- */

/* Only while a script runs: not while a library is being loaded. */
static script_run *running(lua_State *L, const char *without) {
  script_run *run = state_of(L)->run;
  if (run == NULL) raise(L, without);
  return run;
}

static int call(lua_State *L, bool raises) {
  script_state *st = state_of(L);
  script_run *run = running(L, "redis.call/pcall can only be called inside a script invocation");
  state_check_time(L);
  size_t argc, len;
  const char *answer;
  const kevy_value *argv = arguments(L, st, &argc);
  if (argv == NULL) return raises ? lua_error(L) : 1;
  const char *refused = run->host->call(run, argc, argv, &answer, &len);
  lua_settop(L, 0);
  bool failed = true;
  if (refused != NULL) redis_push_error(L, refused, strlen(refused));
  else failed = convert_push(L, answer, len);
  return failed && raises ? lua_error(L) : 1;
}

static int redis_call(lua_State *L) { return call(L, true); }
static int redis_pcall(lua_State *L) { return call(L, false); }

/* ---- Replies ---- */

static int wrong_arguments(lua_State *L) {
  redis_push_error(L, "wrong number or type of arguments", 33);
  return 1;
}

static int redis_error_reply(lua_State *L) {
  if (lua_gettop(L) != 1 || lua_type(L, 1) != LUA_TSTRING) return wrong_arguments(L);
  const char *text = lua_tostring(L, 1);
  if (text[0] != '-') text = lua_pushfstring(L, "-%s", text);
  redis_push_error(L, text, strlen(text));
  return 1;
}

static int redis_status_reply(lua_State *L) {
  if (lua_gettop(L) != 1 || lua_type(L, 1) != LUA_TSTRING) return wrong_arguments(L);
  lua_createtable(L, 0, 1);
  lua_pushvalue(L, 1);
  lua_setfield(L, -2, "ok");
  return 1;
}

/* ---- The rest ---- */

static int redis_sha1hex(lua_State *L);

static int redis_log(lua_State *L) {
  if (lua_gettop(L) < 2) return raise(L, "redis.log() requires two arguments or more.");
  if (!lua_isnumber(L, 1)) return raise(L, "First argument must be a number (log level).");
  lua_Number level = lua_tonumber(L, 1);
  if (!(level > -1 && level < 4)) return raise(L, "Invalid debug level.");
  return 0; /* there is no log of a server's */
}

static int redis_setresp(lua_State *L) {
  script_run *run = running(L, "redis.setresp can only be called inside a script invocation");
  if (lua_gettop(L) != 1) return raise(L, "redis.setresp() requires one argument.");
  lua_Number protocol = lua_tonumber(L, 1);
  if (!(protocol >= 2 && protocol < 4)) return raise(L, "RESP version must be 2 or 3.");
  run->protocol = (int)protocol;
  return 0;
}

/* Effects are logged, all of them, and there are no replicas. */
static int redis_set_repl(lua_State *L) {
  running(L, "redis.set_repl can only be called inside a script invocation");
  if (lua_gettop(L) != 1) return raise(L, "redis.set_repl() requires two arguments.");
  lua_Number flags = lua_tonumber(L, 1);
  if (!(flags > -1 && flags < 4))
    return raise(L, "Invalid replication flags. Use REPL_AOF, REPL_REPLICA, REPL_ALL or REPL_NONE.");
  return 0;
}

static int redis_replicate_commands(lua_State *L) {
  lua_pushboolean(L, 1);
  return 1;
}

static int redis_breakpoint(lua_State *L) {
  lua_pushboolean(L, 0);
  return 1;
}

static int redis_debug(lua_State *L) {
  (void)L;
  return 0;
}

static int redis_acl_check_cmd(lua_State *L) {
  script_run *run = running(L, "redis.acl_check_cmd can only be called inside a script invocation");
  size_t argc;
  const kevy_value *argv = arguments(L, state_of(L), &argc);
  if (argv == NULL) return lua_error(L);
  if (!run->host->known(argc, argv)) return raise(L, "Invalid command passed to redis.acl_check_cmd()");
  lua_pushboolean(L, 1);
  return 1;
}

extern const script_engine kevy_script_engine;

static int redis_sha1hex(lua_State *L) {
  if (lua_gettop(L) != 1) return raise(L, "wrong number of arguments");
  size_t len = 0;
  const char *bytes = lua_tolstring(L, 1, &len);
  char hex[SCRIPT_SHA + 1];
  kevy_script_engine.sha1(bytes != NULL ? bytes : "", len, hex);
  lua_pushstring(L, hex);
  return 1;
}

void redis_open_constants(lua_State *L) {
  static const struct {
    const char *name;
    int number;
  } levels[] = {{"LOG_DEBUG", 0}, {"LOG_VERBOSE", 1}, {"LOG_NOTICE", 2}, {"LOG_WARNING", 3}};
  const script_host *host = state_of(L)->host;
  lua_pushcfunction(L, redis_log);
  lua_setfield(L, -2, "log");
  for (size_t i = 0; i < sizeof levels / sizeof *levels; i++) {
    lua_pushinteger(L, levels[i].number);
    lua_setfield(L, -2, levels[i].name);
  }
  lua_pushstring(L, host->version);
  lua_setfield(L, -2, "REDIS_VERSION");
  lua_pushinteger(L, (lua_Integer)host->version_number);
  lua_setfield(L, -2, "REDIS_VERSION_NUM");
}

void redis_open(lua_State *L) {
  static const luaL_Reg functions[] = {
      {"call", redis_call},
      {"pcall", redis_pcall},
      {"error_reply", redis_error_reply},
      {"status_reply", redis_status_reply},
      {"sha1hex", redis_sha1hex},
      {"setresp", redis_setresp},
      {"set_repl", redis_set_repl},
      {"acl_check_cmd", redis_acl_check_cmd},
      {NULL, NULL},
  };
  static const luaL_Reg of_scripts[] = {
      {"replicate_commands", redis_replicate_commands},
      {"breakpoint", redis_breakpoint},
      {"debug", redis_debug},
      {NULL, NULL},
  };
  static const struct {
    const char *name;
    int number;
  } repl[] = {{"REPL_NONE", 0}, {"REPL_AOF", 1}, {"REPL_SLAVE", 2}, {"REPL_REPLICA", 2}, {"REPL_ALL", 3}};
  lua_newtable(L);
  luaL_register(L, NULL, functions);
  if (!state_of(L)->functions) luaL_register(L, NULL, of_scripts);
  redis_open_constants(L);
  for (size_t i = 0; i < sizeof repl / sizeof *repl; i++) {
    lua_pushinteger(L, repl[i].number);
    lua_setfield(L, -2, repl[i].name);
  }
}
