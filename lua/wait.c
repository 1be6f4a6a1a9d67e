/* wait: commands that block. kevy_wait_call keeps one that finds nothing; kevy.waiting (Lua) passes the time, in a
 * coroutine that may be left meanwhile, with the object made here. */
#include <string.h>

#include "module.h"

typedef struct lua_wait {
  kevy_wait *wait;   /* NULL once its answer was taken */
  kevy_reply *reply; /* its own */
  lua_store *store;
  bool bare;
} lua_wait;

static void wait_free(lua_wait *w) {
  kevy_wait_close(w->wait);
  kevy_reply_free(w->reply);
  w->wait = NULL;
  w->reply = NULL;
}

static lua_wait *wait_check(lua_State *L) {
  lua_wait *w = luaL_checkudata(L, 1, WAIT_CLASS);
  if (w->wait == NULL) luaL_error(L, "the wait is over");
  return w;
}

static int wait_gc(lua_State *L) {
  wait_free(luaL_checkudata(L, 1, WAIT_CLASS));
  return 0;
}

static int wait_over(lua_State *L) {
  lua_Number ms = luaL_checknumber(L, 2);
  return push_bool(L, kevy_wait_poll(wait_check(L)->wait, (int64_t)ms) == KEVY_OK);
}

static int wait_left(lua_State *L) {
  int64_t left = kevy_wait_left(wait_check(L)->wait);
  if (left == KEVY_NO_TTL) lua_pushnil(L);
  else lua_pushnumber(L, (lua_Number)left / 1000);
  return 1;
}

static int wait_close(lua_State *L) {
  kevy_wait_end(wait_check(L)->wait);
  return 0;
}

static int wait_index(lua_State *L) {
  static const luaL_Reg methods[] = {{"over", wait_over}, {"left", wait_left}, {"close", wait_close}, {NULL, NULL}};
  const char *name = luaL_checkstring(L, 2);
  const luaL_Reg *m = methods;
  while (m->name != NULL && strcmp(m->name, name) != 0) m++;
  if (m->name == NULL) lua_pushnil(L);
  else lua_pushcfunction(L, m->func);
  return 1;
}

const luaL_Reg wait_metamethods[] = {{"__gc", wait_gc}, {"__index", wait_index}, {NULL, NULL}};

static void wait_push(lua_State *L, void *context) {
  lua_wait *w = compat_new_userdata(L, sizeof *w);
  *w = (lua_wait){0};
  luaL_setmetatable(L, WAIT_CLASS);
  *w = *(lua_wait *)context;
  *(lua_wait *)context = (lua_wait){0};
}

static void wait_release(void *context) { wait_free(context); }

/* Pushes the answer of the wait at that index. */
static int wait_answer(lua_State *L, int index) {
  lua_wait *w = lua_touserdata(L, index);
  kevy_status status = kevy_wait_end(w->wait);
  store_handle(L, w->store);
  if (status < 0 && status != KEVY_ECOMMAND) return push_no(L, kevy_strerror(status));
  int results = reply_push_all(L, w->reply, w->bare);
  wait_free(w);
  return results;
}

static int wait_resumed(lua_State *L, int status, compat_context index) {
  (void)status;
  return wait_answer(L, (int)index);
}

int wait_for(lua_State *L, lua_store *store, kevy_wait *wait, kevy_reply *reply, bool bare) {
  lua_wait w = {.wait = wait, .reply = reply, .store = store, .bare = bare};
  guarded g = {.push = wait_push, .release = wait_release, .context = &w};
  guarded_push(L, &g);
  int index = lua_gettop(L);
  compat_require(L, "kevy.waiting");
  lua_getfield(L, -1, "pass");
  lua_pushvalue(L, index);
  lua_pushboolean(L, COMPAT_RESUMES);
  compat_callk(L, 2, 0, index, wait_resumed);
  return wait_answer(L, index);
}
