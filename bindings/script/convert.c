/* convert: between Redis's types and Lua's, as Redis converts them.
 *
 *     command -> script   integer: number, bulk: string, nil: false, status: {ok=}, error: {err=}, array: table; in protocol 3 also
 *                         nil: nil, boolean, double: {double=}, map: {map=}, set: {set=}, and their kind
 *     script -> caller    the same backwards; a number loses its fraction, an array ends at its first nil
 *
 * An answer is written to a sink that takes nothing back, so writing it must not raise an error halfway: the collector stands
 * still, the stack has room before it is used, and no string is made. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "state.h"

#define DEPTH_MAX 200   /* of nested tables: who reads the reply calls itself for each, too */
#define SLOTS 8        /* of the stack that one level takes, at most */
#define STEP 16        /* levels that room is made for at a time */

/* ---- A command's answer ---- */

typedef struct parser {
  const char *at, *end;
} parser;

/* The next line without its type and end. */
static const char *parse_line(parser *p, size_t *len) {
  const char *line = p->at + 1, *end = memchr(p->at, '\r', (size_t)(p->end - p->at));
  if (end == NULL) end = p->end;
  *len = (size_t)(end - line);
  p->at = end + 2;
  return line;
}

static double parse_double(const char *text) {
  return strncmp(text, "nan", 3) == 0 ? NAN : strtod(text, NULL); /* which knows inf */
}

static void push_field(lua_State *L, const char *field, const char *text, size_t len) {
  lua_createtable(L, 0, 1);
  lua_pushlstring(L, text, len);
  lua_setfield(L, -2, field);
}

static void push_next(lua_State *L, parser *p);

static void push_array(lua_State *L, parser *p, long long n) {
  lua_createtable(L, n < INT32_MAX ? (int)n : 0, 0);
  for (long long i = 1; i <= n; i++) {
    push_next(L, p);
    lua_rawseti(L, -2, (int)i);
  }
}

/* {map = {key = value, ...}} or {set = {member = true, ...}} */
static void push_keyed(lua_State *L, parser *p, const char *field, long long n, bool values) {
  lua_createtable(L, 0, 1);
  lua_createtable(L, 0, n < INT32_MAX ? (int)n : 0);
  for (long long i = 0; i < n; i++) {
    push_next(L, p);
    if (values) push_next(L, p);
    else lua_pushboolean(L, 1);
    lua_rawset(L, -3);
  }
  lua_setfield(L, -2, field);
}

/* =15\r\ntxt:Some string\r\n */
static void push_verbatim(lua_State *L, const char *text, size_t len) {
  lua_createtable(L, 0, 1);
  lua_createtable(L, 0, 2);
  lua_pushlstring(L, text + 4, len - 4);
  lua_setfield(L, -2, "string");
  lua_pushlstring(L, text, 3);
  lua_setfield(L, -2, "format");
  lua_setfield(L, -2, "verbatim_string");
}

static void push_string(lua_State *L, parser *p, char type, long long n) {
  if (n < 0) {
    lua_pushboolean(L, 0);
    return;
  }
  const char *text = p->at;
  p->at += n + 2;
  if (type == '=') push_verbatim(L, text, (size_t)n);
  else lua_pushlstring(L, text, (size_t)n);
}

static void push_line(lua_State *L, char type, const char *text, size_t len) {
  if (type == '+') {
    push_field(L, "ok", text, len);
  } else if (type == '-') {
    push_field(L, "err", text, len);
    lua_pushboolean(L, 1);
    lua_setfield(L, -2, "ignore_error_stats_update");
  } else if (type == ':') {
    lua_pushnumber(L, (lua_Number)strtoll(text, NULL, 10));
  } else if (type == '#') {
    lua_pushboolean(L, *text == 't');
  } else if (type == '(') {
    push_field(L, "big_number", text, len);
  } else if (type == ',') {
    lua_createtable(L, 0, 1);
    lua_pushnumber(L, parse_double(text));
    lua_setfield(L, -2, "double");
  } else {
    lua_pushnil(L); /* _ */
  }
}

static void push_next(lua_State *L, parser *p) {
  luaL_checkstack(L, SLOTS, "the reply is nested too deeply");
  size_t len;
  char type = *p->at;
  const char *text = parse_line(p, &len);
  long long n = strchr("$=*>%~", type) != NULL ? strtoll(text, NULL, 10) : 0;
  if (type == '$' || type == '=') push_string(L, p, type, n);
  else if (type == '%') push_keyed(L, p, "map", n, true);
  else if (type == '~') push_keyed(L, p, "set", n, false);
  else if ((type == '*' || type == '>') && n >= 0) push_array(L, p, n);
  else if (type == '*') lua_pushboolean(L, 0);
  else push_line(L, type, text, len);
}

bool convert_push(lua_State *L, const char *answer, size_t len) {
  parser p = {answer, answer + len};
  push_next(L, &p);
  return *answer == '-';
}

/* ---- A script's answer ---- */

static const char *const fields[] = {"err", "ok", "double", "big_number", "verbatim_string", "format", "string", "map", "set"};

/* The names of the fields exist from then on: to push one makes no string. */
void convert_open(lua_State *L) {
  lua_newtable(L);
  for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
    lua_pushboolean(L, 1);
    lua_setfield(L, -2, fields[i]);
  }
  (void)luaL_ref(L, LUA_REGISTRYINDEX);
}

static int grow(lua_State *L) {
  luaL_checkstack(L, STEP * SLOTS, "");
  return 0;
}

/* Room for some more levels, without raising an error. */
static bool make_room(lua_State *L) {
  if (lua_cpcall(L, grow, NULL) == 0) return lua_checkstack(L, STEP * SLOTS) != 0;
  lua_pop(L, 1);
  return false;
}

/* Pushes a field of the table on top; whether it is of this type. */
static bool field_is(lua_State *L, const char *field, int type) {
  lua_pushstring(L, field);
  lua_rawget(L, -2);
  if (lua_type(L, -1) == type) return true;
  lua_pop(L, 1);
  return false;
}

static void answer_next(lua_State *L, script_run *run, int depth);

static void answer_array(lua_State *L, script_run *run, int depth) {
  int n = 0;
  for (bool more = true; more;) {
    lua_rawgeti(L, -1, n + 1);
    more = !lua_isnil(L, -1);
    n += more;
    lua_pop(L, 1);
  }
  run->host->array(run, (size_t)n);
  for (int i = 1; i <= n; i++) {
    lua_rawgeti(L, -1, i);
    answer_next(L, run, depth + 1);
    lua_pop(L, 1);
  }
}

static size_t count_pairs(lua_State *L) {
  size_t n = 0;
  for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) n++;
  return n;
}

static void answer_keyed(lua_State *L, script_run *run, bool values, int depth) {
  size_t n = count_pairs(L);
  if (values) run->host->map(run, n);
  else run->host->set(run, n);
  lua_pushnil(L);
  while (lua_next(L, -2)) {
    lua_pushvalue(L, -2);
    answer_next(L, run, depth + 1);
    lua_pop(L, 1);
    if (values) answer_next(L, run, depth + 1);
    lua_pop(L, 1);
  }
}

/* {verbatim_string = {format =, string =}}, whose inner table is on top. */
static bool answer_verbatim(lua_State *L, script_run *run) {
  if (!field_is(L, "format", LUA_TSTRING)) return false;
  lua_insert(L, -2);
  bool whole = field_is(L, "string", LUA_TSTRING);
  if (whole) {
    size_t len;
    const char *text = lua_tolstring(L, -1, &len);
    run->host->verbatim(run, lua_tostring(L, -3), text, len);
    lua_pop(L, 1);
  }
  lua_insert(L, -2);
  lua_pop(L, 1);
  return whole;
}

/* A table that stands for something else than an array, by the first of these fields it has. */
static bool answer_special(lua_State *L, script_run *run, int depth) {
  const script_host *host = run->host;
  int top = lua_gettop(L);
  bool done = true;
  size_t len;
  const char *text;
  if (field_is(L, "err", LUA_TSTRING)) {
    text = lua_tostring(L, -1); /* up to its first NUL, as in Redis */
    host->error(run, text, strlen(text));
  } else if (field_is(L, "ok", LUA_TSTRING)) {
    text = lua_tostring(L, -1);
    host->status(run, text, strlen(text));
  } else if (field_is(L, "double", LUA_TNUMBER)) {
    host->real(run, lua_tonumber(L, -1));
  } else if (field_is(L, "big_number", LUA_TSTRING)) {
    text = lua_tolstring(L, -1, &len);
    host->big(run, text, len);
  } else if (field_is(L, "verbatim_string", LUA_TTABLE) && answer_verbatim(L, run)) {
    ;
  } else {
    lua_settop(L, top);
    done = false;
    for (int keyed = 0; keyed < 2 && !done; keyed++)
      if ((done = field_is(L, keyed == 0 ? "map" : "set", LUA_TTABLE))) answer_keyed(L, run, keyed == 0, depth);
  }
  lua_settop(L, top);
  return done;
}

static void answer_table(lua_State *L, script_run *run, int depth) {
  static const char limit[] = "ERR reached lua stack limit";
  if (depth >= DEPTH_MAX || (depth % STEP == 0 && !make_room(L))) run->host->error(run, limit, sizeof limit - 1);
  else if (!answer_special(L, run, depth)) answer_array(L, run, depth);
}

/* A number's integer part; what has none that fits is the least, as the processor converts it for Redis. */
static int64_t whole_part(double d) {
  return d >= -9223372036854775808.0 && d < 9223372036854775808.0 ? (int64_t)d : INT64_MIN;
}

static void answer_next(lua_State *L, script_run *run, int depth) {
  const script_host *host = run->host;
  size_t len;
  const char *text;
  switch (lua_type(L, -1)) {
    case LUA_TSTRING:
      text = lua_tolstring(L, -1, &len);
      host->bulk(run, text, len);
      break;
    case LUA_TBOOLEAN:
      if (run->protocol == 3) host->boolean(run, lua_toboolean(L, -1) != 0);
      else if (lua_toboolean(L, -1)) host->integer(run, 1);
      else host->nil(run);
      break;
    case LUA_TNUMBER: host->integer(run, whole_part(lua_tonumber(L, -1))); break;
    case LUA_TTABLE: answer_table(L, run, depth); break;
    default: host->nil(run);
  }
}

void convert_answer(lua_State *L, script_run *run) {
  bool table = lua_istable(L, -1);
  if (table) lua_gc(L, LUA_GCSTOP, 0);
  answer_next(L, run, 0);
  if (table) lua_gc(L, LUA_GCRESTART, 0);
}
