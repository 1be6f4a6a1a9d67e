/* store: the life of a store or snapshot, its clock, and what can be watched about it. */
#include <string.h>

#include "module.h"

lua_store *store_new(lua_State *L, int meta) {
  lua_store *self = compat_new_userdata(L, sizeof *self);
  self->handle = NULL;
  self->reply = NULL;
  self->reply_busy = self->served = false;
  lua_pushvalue(L, meta);
  lua_setmetatable(L, -2);
  compat_own_itself(L);
  return self;
}

static void store_shut(lua_store *self) {
  kevy_store *handle = self->handle;
  self->handle = NULL;
  kevy_close(handle);
}

/* close(): may be called again. What a method further up the stack still pushes is its own by now. */
static int store_close(lua_State *L) {
  lua_store *self = arg_store(L);
  window_leave(L, self);
  store_shut(self);
  return 0;
}

static int store_gc(lua_State *L) {
  lua_store *self = arg_store(L);
  kevy_reply_free(self->reply);
  self->reply = NULL;
  store_shut(self);
  return 0;
}

static int store_tostring(lua_State *L) {
  const lua_store *self = arg_store(L);
  lua_pushfstring(L, self->handle != NULL ? STORE_CLASS ": %p" : STORE_CLASS " (closed)",
                  (const void *)self);
  return 1;
}

/* snapshot(): a read-only store of this moment. */
static int store_snapshot(lua_State *L) {
  arg_store(L);
  lua_store *moment = store_new(L, CLASS_META);
  kevy_store *s = arg_handle(L);
  kevy_lock(s);
  kevy_status status = kevy_snapshot(s, &moment->handle);
  if (status < 0) return push_failure(L, s, status);
  kevy_unlock(s);
  return 1;
}

/* save(path): true, when this moment is a file that Redis loads; nil, why not. */
static int store_save(lua_State *L) {
  size_t len;
  kevy_store *s = arg_handle(L);
  const char *path = luaL_checklstring(L, 2, &len);
  luaL_argcheck(L, len != 0 && strlen(path) == len, 2, "a path expected");
  kevy_status status = kevy_save(s, path, 0);
  kevy_lock(s);
  return end_true(L, s, status);
}

/* Calls the function at index 5 with bytes read, of how many, and keys. Not 0: it raised, and what it did is on the stack. */
static int load_tell(lua_State *L, kevy_loading *l) {
  uint64_t told[3];
  if (lua_isnil(L, 5)) return 0;
  kevy_load_progress(l, &told[0], &told[1], &told[2]);
  lua_pushvalue(L, 5);
  for (int i = 0; i < 3; i++) lua_pushnumber(L, (lua_Number)told[i]);
  return lua_pcall(L, 3, 0, 0);
}

/* _load(path, db, flags, progress): true, and the store holds what the file does; nil, why not. progress is a function or
 * nil; what it raises ends the load. */
static int store_load(lua_State *L) {
  kevy_load_options options = KEVY_LOAD_OPTIONS_INIT;
  kevy_loading *l;
  int raised = 0;
  lua_settop(L, 5);
  luaL_checkstack(L, 8, NULL);
  const char *path = luaL_checkstring(L, 2);
  options.db = (int32_t)arg_int_or(L, 3, -1);
  options.flags = (uint32_t)arg_int_or(L, 4, 0);
  kevy_store *s = arg_handle(L);
  kevy_status status = kevy_load_start(s, path, &options, &l);
  if (status == KEVY_OK) {
    while ((status = kevy_load_step(l, 0)) == KEVY_UNMET && (raised = load_tell(L, l)) == 0) continue;
    if (status == KEVY_OK) raised = load_tell(L, l);
    kevy_load_close(l);
  }
  if (raised != 0) return lua_error(L);
  kevy_lock(s);
  return end_true(L, s, status);
}

/* tick(seconds): reclaims what expired for at most that long (nil: one short slice); how many keys
 * went, and whether nothing is left to do. */
static int store_tick(lua_State *L) {
  uint64_t reclaimed = 0;
  lua_Number budget = luaL_optnumber(L, 2, 0);
  luaL_argcheck(L, budget >= 0 && budget < 1e9, 2, "a number of seconds expected");
  kevy_store *s = arg_handle(L);
  kevy_lock(s);
  kevy_status status = kevy_tick(s, (uint64_t)(budget * 1e6), &reclaimed);
  if (status < 0) return push_failure(L, s, status);
  kevy_unlock(s);
  compat_require(L, "kevy.events");
  lua_getfield(L, -1, "told");
  lua_pushvalue(L, 1);
  compat_push_int(L, (int64_t)reclaimed);
  lua_pushboolean(L, status == KEVY_OK);
  lua_call(L, 3, 2);
  return 2;
}

/* ---- Events: kevy.events does what these leave to do ------------------------------------------ */

static int event_method(lua_State *L, const char *name) {
  arg_store(L);
  lua_settop(L, 3);
  compat_require(L, "kevy.events");
  lua_getfield(L, -1, name);
  lua_insert(L, 1);
  lua_pop(L, 1);
  lua_call(L, 3, 2);
  return 2;
}

static int store_on_expire(lua_State *L) { return event_method(L, "on_expire"); }

static int store_on_evict(lua_State *L) { return event_method(L, "on_evict"); }

/* _listen(flags): true; nil, why not. */
static int store_listen(lua_State *L) {
  uint32_t flags = (uint32_t)luaL_checknumber(L, 2);
  kevy_store *s = arg_handle(L);
  kevy_lock(s);
  return end_true(L, s, kevy_listen(s, flags, 0));
}

/* An event's key and value, taken out of the engine's hands. */
typedef struct event_pair {
  held key, value;
} event_pair;

static kevy_status event_copy(event_pair *pair, const kevy_value *key, const kevy_value *value) {
  kevy_status status = held_copy(&pair->key, key);
  if (status < 0) return status;
  status = held_copy(&pair->value, value);
  if (status < 0) held_release(&pair->key);
  return status;
}

static void event_push(lua_State *L, void *context) {
  event_pair *pair = context;
  lua_createtable(L, 2, 0);
  value_push(L, &pair->key.value);
  lua_rawseti(L, -2, 1);
  value_push(L, &pair->value.value);
  lua_rawseti(L, -2, 2);
}

static void event_release(void *context) {
  event_pair *pair = context;
  held_release(&pair->key);
  held_release(&pair->value);
}

/* _next_event(): nothing; or the event's flag, the type, and {key, value}. */
static int store_next_event(lua_State *L) {
  int32_t event, type;
  kevy_value key, value;
  event_pair pair;
  kevy_store *s = arg_handle(L);
  kevy_lock(s);
  kevy_status status = kevy_next_event(s, &event, &type, &key, &value);
  if (status == KEVY_MISSING) {
    kevy_unlock(s);
    return 0;
  }
  if (status == KEVY_OK) status = event_copy(&pair, &key, &value);
  if (status < 0) return push_failure(L, s, status);
  kevy_unlock(s);
  guarded g = {event_push, event_release, &pair};
  guarded_push(L, &g);
  lua_pushinteger(L, event);
  lua_pushstring(L, kevy_type_name(type));
  lua_pushvalue(L, -3);
  return 3;
}

/* now(): the store's present, in Unix seconds. */
static int store_now(lua_State *L) {
  int64_t now = 0;
  kevy_store *s = arg_handle(L);
  kevy_lock(s);
  kevy_status status = kevy_now(s, &now);
  if (status < 0) return push_failure(L, s, status);
  kevy_unlock(s);
  lua_pushnumber(L, (lua_Number)now / 1000);
  return 1;
}

/* ---- Transactions ----------------------------------------------------------------------------- */

static int store_begin(lua_State *L) {
  kevy_store *s = arg_handle(L);
  kevy_lock(s);
  return end_true(L, s, kevy_begin(s));
}

static int store_commit(lua_State *L) {
  kevy_store *s = arg_handle(L);
  kevy_lock(s);
  return end_true(L, s, kevy_commit(s));
}

static int store_rollback(lua_State *L) {
  kevy_store *s = arg_handle(L);
  kevy_lock(s);
  return end_true(L, s, kevy_rollback(s));
}

/* transaction(fn, ...): what fn does happens as one; an error takes it back, and goes on. The results of fn. A yield
 * cannot cross this call. */
static int store_transaction(lua_State *L) {
  luaL_checktype(L, 2, LUA_TFUNCTION);
  kevy_store *s = arg_handle(L);
  kevy_status status = kevy_begin(s);
  if (status < 0) return luaL_error(L, "%s", kevy_errmsg(s));
  int failed = lua_pcall(L, lua_gettop(L) - 2, LUA_MULTRET, 0);
  const lua_store *self = arg_store(L);
  if (failed) {
    if (self->handle != NULL) kevy_rollback(self->handle);
    return lua_error(L);
  }
  s = arg_handle(L);
  status = kevy_commit(s);
  if (status < 0) return luaL_error(L, "%s", kevy_errmsg(s));
  return lua_gettop(L) - 1;
}

/* ---- Watching --------------------------------------------------------------------------------- */

/* The index-th figure, held; a handle is taken for each, as pushing the one before may close the store. */
static kevy_status store_figure(lua_State *L, size_t index, const char **name, held *h) {
  kevy_value lent;
  kevy_store *s = arg_handle(L);
  kevy_lock(s);
  kevy_status status = kevy_info(s, index, name, &lent);
  if (status == KEVY_OK) status = held_copy(h, &lent);
  kevy_unlock(s);
  return status;
}

/* info(): {name = figure, ...}. */
static int store_info(lua_State *L) {
  const char *name;
  held h;
  kevy_status status;
  lua_settop(L, 1);
  lua_newtable(L);
  for (size_t i = 0; (status = store_figure(L, i, &name, &h)) == KEVY_OK; i++) {
    held_push(L, &h);
    lua_setfield(L, 2, name);
  }
  if (status < 0) return push_no(L, kevy_strerror(status));
  return 1;
}

/* reset_stats(): true; hits, misses and other counters are 0 again. */
static int store_reset_stats(lua_State *L) {
  kevy_store *s = arg_handle(L);
  kevy_lock(s);
  kevy_status status = kevy_reset_stats(s);
  return end_true(L, s, status);
}

/* used_memory(): bytes, exactly. */
static int store_used_memory(lua_State *L) {
  compat_push_int(L, (int64_t)kevy_used_memory(arg_handle(L)));
  return 1;
}

/* maxmemory([bytes]): the limit, after it was changed where bytes are given; nil, why not. */
static int store_maxmemory(lua_State *L) {
  int64_t bytes = arg_int_or(L, 2, -1);
  luaL_argcheck(L, bytes >= 0 || lua_isnoneornil(L, 2), 2, "bytes expected");
  kevy_store *s = arg_handle(L);
  kevy_status status = bytes >= 0 ? kevy_set_maxmemory(s, (uint64_t)bytes) : KEVY_OK;
  if (status < 0) return push_no(L, kevy_errmsg(s));
  const char *name = "";
  kevy_value value = {0};
  for (size_t i = 0; kevy_info(s, i, &name, &value) == KEVY_OK && strcmp(name, "maxmemory") != 0; i++) continue;
  compat_push_int(L, value.as.i);
  return 1;
}

/* policy([word]): what is evicted, after it was changed where a word is given; nil, why not. */
static int store_policy(lua_State *L) {
  const char *word = luaL_optstring(L, 2, NULL);
  kevy_store *s = arg_handle(L);
  kevy_status status = word != NULL ? kevy_set_policy(s, word) : KEVY_OK;
  if (status < 0) return push_no(L, kevy_errmsg(s));
  lua_pushstring(L, kevy_policy(s));
  return 1;
}

/* memory_usage(key): the bytes that go when the key goes; nil, "no such key". */
static int store_memory_usage(lua_State *L) {
  size_t klen;
  uint64_t bytes = 0;
  const char *key = arg_key(L, 2, &klen);
  kevy_store *s = arg_handle(L);
  kevy_lock(s);
  kevy_status status = kevy_memory_usage(s, key, klen, &bytes);
  if (status < 0) return push_failure(L, s, status);
  kevy_unlock(s);
  if (status == KEVY_MISSING) return push_missing(L);
  compat_push_int(L, (int64_t)bytes);
  return 1;
}

/* ---- For tests -------------------------------------------------------------------------------- */

/* _debug_clock(ms): stops the clock there; nil lets it go. */
static int store_debug_clock(lua_State *L) {
  int64_t ms = arg_int_or(L, 2, KEVY_NO_TTL);
  return push_bool(L, kevy_debug_clock(arg_handle(L), ms) == KEVY_OK);
}

/* _debug_fail_alloc(n): the n-th allocation from now fails. */
static int store_debug_fail_alloc(lua_State *L) {
  int64_t n = arg_int_or(L, 2, 0);
  return push_bool(L, kevy_debug_fail_alloc(arg_handle(L), (uint64_t)n) == KEVY_OK);
}

const luaL_Reg store_methods[] = {
    {"close", store_close},
    {"snapshot", store_snapshot},
    {"save", store_save},
    {"_load", store_load},
    {"tick", store_tick},
    {"on_expire", store_on_expire},
    {"on_evict", store_on_evict},
    {"_listen", store_listen},
    {"_next_event", store_next_event},
    {"begin", store_begin},
    {"commit", store_commit},
    {"rollback", store_rollback},
    {"transaction", store_transaction},
    {"now", store_now},
    {"info", store_info},
    {"reset_stats", store_reset_stats},
    {"used_memory", store_used_memory},
    {"maxmemory", store_maxmemory},
    {"policy", store_policy},
    {"memory_usage", store_memory_usage},
    {"_debug_clock", store_debug_clock},
    {"_debug_fail_alloc", store_debug_fail_alloc},
    {NULL, NULL},
};

const luaL_Reg store_metamethods[] = {
    {"__gc", store_gc},
    {"__close", store_close},
    {"__tostring", store_tostring},
    {NULL, NULL},
};
