/* command: Redis commands and their replies as Lua values.
 *
 * A reply is memory of its own, so that reading it may allocate: it only must not be used by a nested
 * command meanwhile. A store keeps one for its commands; a command that finds it in use makes another,
 * which the collector frees. */
#include <string.h>

#include "module.h"

/* Owns a reply that is not a store's. */
typedef struct lua_reply {
  kevy_reply *reply;
} lua_reply;

static int reply_gc(lua_State *L) {
  lua_reply *box = lua_touserdata(L, 1);
  kevy_reply_free(box->reply);
  box->reply = NULL;
  return 0;
}

const luaL_Reg reply_metamethods[] = {{"__gc", reply_gc}, {NULL, NULL}};

/* The store's reply, marked busy, or a new one on the stack. */
static kevy_reply *reply_take(lua_State *L, lua_store *self) {
  kevy_reply *reply;
  if (!self->reply_busy) {
    if (self->reply == NULL) self->reply = kevy_reply_new();
    reply = self->reply;
    self->reply_busy = reply != NULL;
  } else {
    lua_reply *box = compat_new_userdata(L, sizeof *box);
    box->reply = NULL;
    luaL_setmetatable(L, REPLY_CLASS);
    reply = box->reply = kevy_reply_new();
  }
  if (reply == NULL) luaL_error(L, "%s", kevy_strerror(KEVY_EOOM));
  return reply;
}

static void reply_give_back(lua_store *self, const kevy_reply *reply) {
  if (reply == self->reply) self->reply_busy = false;
}

/* Takes the reply, which reply_take pushed where it is not the store's, away for good. */
static void reply_keep(lua_State *L, lua_store *self, const kevy_reply *reply) {
  if (reply == self->reply) {
    self->reply = NULL;
    self->reply_busy = false;
  } else {
    ((lua_reply *)lua_touserdata(L, -1))->reply = NULL;
  }
}

static void reply_push(lua_State *L, kevy_reply *reply);

/* Pushes a table of count items, or of pairs of them. */
static void reply_push_items(lua_State *L, kevy_reply *reply, uint64_t count, bool pairs) {
  luaL_checkstack(L, 4, "reply nested too deeply");
  int hint = count < 1 << 20 ? (int)count : 1 << 20;
  lua_createtable(L, pairs ? 0 : hint, pairs ? hint : 0);
  for (uint64_t i = 1; i <= count; i++) {
    reply_push(L, reply);
    if (!pairs) {
      lua_rawseti(L, -2, (int)i);
      continue;
    }
    reply_push(L, reply);
    lua_rawset(L, -3);
  }
}

/* Pushes {err = message}, an error within an array. */
static void reply_push_error(lua_State *L, const kevy_value *message) {
  lua_createtable(L, 0, 1);
  value_push(L, message);
  lua_setfield(L, -2, "err");
}

static void reply_push_item(lua_State *L, kevy_reply *reply, const kevy_item *item) {
  switch (item->type) {
    case KEVY_REPLY_VALUE:
    case KEVY_REPLY_STATUS: value_push(L, &item->value); break;
    case KEVY_REPLY_ERROR: reply_push_error(L, &item->value); break;
    case KEVY_REPLY_ARRAY:
    case KEVY_REPLY_PUSH:
    case KEVY_REPLY_SET: reply_push_items(L, reply, item->count, false); break;
    case KEVY_REPLY_MAP: reply_push_items(L, reply, item->count, true); break;
    case KEVY_REPLY_BOOL: lua_pushboolean(L, item->value.as.i != 0); break;
    default: lua_pushvalue(L, CLASS_NULL); break;
  }
}

static void reply_push(lua_State *L, kevy_reply *reply) {
  kevy_item item;
  kevy_reply_next(reply, &item);
  reply_push_item(L, reply, &item);
}

int reply_push_all(lua_State *L, kevy_reply *reply, bool bare) {
  kevy_item item;
  kevy_reply_next(reply, &item);
  if (item.type == KEVY_REPLY_ERROR) {
    size_t skip = bare && item.value.len > 4 && memcmp(item.value.as.ptr, "ERR ", 4) == 0 ? 4 : 0;
    lua_pushnil(L);
    lua_pushlstring(L, item.value.as.ptr + skip, item.value.len - skip);
    return 2;
  }
  if (item.type == KEVY_REPLY_NIL)
    lua_pushnil(L);
  else
    reply_push_item(L, reply, &item);
  return 1;
}

/* Reads the arguments from index 2 on into a block owned by the stack. */
static const kevy_value *command_arguments(lua_State *L, size_t *argc) {
  int top = lua_gettop(L);
  arg_string(L, 2, "a string as the command's name");
  *argc = (size_t)top - 1;
  kevy_value *argv = compat_new_userdata(L, *argc * sizeof *argv);
  for (int i = 2; i <= top; i++) argv[i - 2] = arg_value(L, i, i);
  return argv;
}

/* Runs a command on a store and pushes its reply; flags are those of kevy_wait_call. */
static int command_run(lua_State *L, lua_store *self, uint32_t flags, size_t argc, const kevy_value *argv) {
  kevy_wait *wait;
  kevy_reply *reply = reply_take(L, self);
  kevy_store *s = store_handle(L, self);
  kevy_lock(s);
  kevy_status status = kevy_wait_call(s, argc, argv, flags, reply, &wait);
  if (status < 0 && status != KEVY_ECOMMAND) {
    reply_give_back(self, reply);
    return push_failure_as(L, s, status, flags & KEVY_TYPED);
  }
  kevy_unlock(s);
  if (wait != NULL) {
    reply_keep(L, self, reply);
    return wait_for(L, self, wait, reply, flags & KEVY_TYPED);
  }
  int results = reply_push_all(L, reply, flags & KEVY_TYPED);
  reply_give_back(self, reply);
  return results;
}

/* command(name, ...): the reply; nil, message when it is an error. */
static int command_call(lua_State *L) {
  size_t argc;
  lua_store *self = arg_store(L);
  const kevy_value *argv = command_arguments(L, &argc);
  arg_handle(L);
  return command_run(L, self, 0, argc, argv);
}

int view_run(lua_State *L, const lua_view *v, size_t argc, const kevy_value *argv) {
  view_handle(L, v);
  return command_run(L, v->store, KEVY_TYPED, argc, argv);
}

/* command_resp(name, ...): the bytes that Redis would answer. */
static int command_resp(lua_State *L) {
  size_t argc, len = 0;
  const char *bytes = NULL;
  lua_store *self = arg_store(L);
  const kevy_value *argv = command_arguments(L, &argc);
  arg_handle(L);
  kevy_reply *reply = reply_take(L, self);
  kevy_store *s = arg_handle(L);
  kevy_lock(s);
  kevy_status status = kevy_call_resp(s, argc, argv, reply, &bytes, &len);
  if (status < 0) {
    reply_give_back(self, reply);
    return push_failure(L, s, status);
  }
  kevy_unlock(s);
  lua_pushlstring(L, bytes, len);
  reply_give_back(self, reply);
  return 1;
}

/* ---- Sessions and versions ------------------------------------------------------------------- */

#define SESSION_CLASS "kevy.Session"
#define VERSION_CLASS "kevy.Version"

typedef struct lua_session {
  lua_store *store; /* which it owns */
  const kevy_store *of; /* the engine's store it was opened on */
  kevy_session *handle; /* NULL when closed */
} lua_session;

typedef struct lua_key_version {
  kevy_version_handle *handle;
} lua_key_version;

/* Makes the userdata on top one of a class, whose methods have a store's upvalues. */
static void session_class(lua_State *L, const char *name, const luaL_Reg *methods) {
  if (luaL_newmetatable(L, name)) {
    for (; methods->name != NULL; methods++) {
      for (int i = 1; i <= CLASS_UPVALUES; i++) lua_pushvalue(L, lua_upvalueindex(i));
      lua_pushcclosure(L, methods->func, CLASS_UPVALUES);
      lua_setfield(L, -2, methods->name);
    }
    lua_pushvalue(L, -1);
    lua_setfield(L, -2, "__index");
  }
  lua_setmetatable(L, -2);
}

/* Locks the store; a reply to be given back. Raises an error where the session, or its store, is closed. */
static kevy_reply *session_enter(lua_State *L, lua_session *self) {
  kevy_reply *reply = reply_take(L, self->store);
  if (self->handle == NULL || self->store->handle != self->of) {
    reply_give_back(self->store, reply);
    luaL_error(L, "%s", kevy_strerror(KEVY_ECLOSED));
  }
  kevy_lock(self->store->handle);
  return reply;
}

/* command(name, ...): as a store's; MULTI, EXEC, DISCARD, WATCH and UNWATCH among them. */
static int session_command(lua_State *L) {
  size_t argc;
  lua_session *self = luaL_checkudata(L, 1, SESSION_CLASS);
  const kevy_value *argv = command_arguments(L, &argc);
  kevy_reply *reply = session_enter(L, self);
  kevy_store *s = self->store->handle;
  kevy_status status = kevy_session_call(self->handle, argc, argv, 0, reply);
  if (status < 0 && status != KEVY_ECOMMAND) {
    reply_give_back(self->store, reply);
    return push_failure_as(L, s, status, false);
  }
  kevy_unlock(s);
  int results = reply_push_all(L, reply, false);
  reply_give_back(self->store, reply);
  return results;
}

/* Milliseconds of an argument in seconds, 0 where there is none. */
static int64_t session_patience(lua_State *L) {
  lua_Number seconds = luaL_optnumber(L, 2, 0);
  return seconds > 0 ? (seconds < 1e15 ? (int64_t)(seconds * 1000) + 1 : -1) : 0;
}

/* One look for a message: how many results there are, or -1: none waits. */
static int session_look(lua_State *L, lua_session *self) {
  kevy_reply *reply = session_enter(L, self);
  kevy_store *s = self->store->handle;
  kevy_status status = kevy_session_next_push(self->handle, 0, reply);
  if (status < 0) {
    reply_give_back(self->store, reply);
    return push_failure(L, s, status);
  }
  kevy_unlock(s);
  int results = status == KEVY_MISSING ? -1 : 2;
  if (status == KEVY_OK) results = reply_push_all(L, reply, false);
  reply_give_back(self->store, reply);
  if (status != KEVY_UNMET) return results;
  lua_pushnil(L);
  lua_pushliteral(L, "messages were dropped: too many waited");
  return results;
}

/* next_message([seconds]): the oldest message, for which it waits so long, or until a signal; nil: there is none. */
static int session_next_message(lua_State *L) {
  lua_session *self = luaL_checkudata(L, 1, SESSION_CLASS);
  int64_t patience = session_patience(L);
  int results = session_look(L, self);
  if (results < 0 && patience != 0) {
    (void)kevy_session_wait_push(self->handle, patience);
    results = session_look(L, self);
  }
  return results < 0 ? 0 : results;
}

static int session_close(lua_State *L) {
  lua_session *self = luaL_checkudata(L, 1, SESSION_CLASS);
  kevy_session_close(self->handle);
  self->handle = NULL;
  return 0;
}

static const luaL_Reg session_methods[] = {
    {"command", session_command}, {"next_message", session_next_message}, {"close", session_close}, {"__gc", session_close}, {"__close", session_close}, {NULL, NULL}};

/* session(): where MULTI and WATCH work. */
static int command_session(lua_State *L) {
  lua_store *store = arg_store(L);
  lua_session *self = compat_new_owned(L, sizeof *self, 1);
  *self = (lua_session){store, NULL, NULL};
  session_class(L, SESSION_CLASS, session_methods);
  kevy_store *s = arg_handle(L);
  kevy_lock(s);
  kevy_status status = kevy_session_open(s, &self->handle);
  if (status < 0) return push_failure(L, s, status);
  kevy_unlock(s);
  self->of = s;
  return 1;
}

static int version_equal(lua_State *L) {
  const lua_key_version *a = luaL_checkudata(L, 1, VERSION_CLASS), *b = luaL_checkudata(L, 2, VERSION_CLASS);
  return push_bool(L, kevy_version_compare(a->handle, b->handle) == KEVY_OK);
}

static int version_close(lua_State *L) {
  lua_key_version *self = luaL_checkudata(L, 1, VERSION_CLASS);
  kevy_version_close(self->handle);
  self->handle = NULL;
  return 0;
}

static const luaL_Reg version_methods[] = {{"__eq", version_equal}, {"__gc", version_close}, {NULL, NULL}};

/* version(key): equal to a later one while the key was not written, removed or expired. */
static int command_version(lua_State *L) {
  size_t klen;
  const char *key = arg_key(L, 2, &klen);
  lua_key_version *self = compat_new_userdata(L, sizeof *self);
  self->handle = NULL;
  session_class(L, VERSION_CLASS, version_methods);
  kevy_store *s = arg_handle(L);
  kevy_lock(s);
  kevy_status status = kevy_version_of(s, key, klen, &self->handle);
  if (status < 0) return push_failure(L, s, status);
  kevy_unlock(s);
  return 1;
}

const luaL_Reg command_methods[] = {
    {"command", command_call},
    {"command_resp", command_resp},
    {"session", command_session},
    {"version", command_version},
    {NULL, NULL},
};
