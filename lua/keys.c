/* keys: the methods of a store that treat keys whatever their type, and their time to live. */
#include "module.h"

typedef kevy_status (*key_question)(kevy_store *s, const char *key, size_t klen);

/* Asks about every argument from index 2 on and answers how many there were. */
static int count_keys(lua_State *L, key_question ask) {
  int count = 0, top = lua_gettop(L);
  for (int i = 2; i <= top; i++) arg_string(L, i, "a string as the key");
  kevy_store *s = arg_handle(L);
  kevy_lock(s);
  for (int i = 2; i <= top; i++) {
    size_t klen;
    const char *key = lua_tolstring(L, i, &klen);
    kevy_status status = ask(s, key, klen);
    if (status < 0) return push_failure(L, s, status);
    count += status == KEVY_OK;
  }
  kevy_unlock(s);
  lua_pushinteger(L, count);
  return 1;
}

/* delete(key, ...), exists(key, ...), touch(key, ...): how many of them there were. */
static int key_delete(lua_State *L) {
  return count_keys(L, kevy_delete);
}

static int key_exists(lua_State *L) {
  return count_keys(L, kevy_exists);
}

static int key_touch(lua_State *L) {
  return count_keys(L, kevy_touch);
}

/* type(key): "string", "hash", ..., or nil. */
static int key_type(lua_State *L) {
  size_t klen;
  int32_t type = KEVY_TYPE_NONE;
  const char *key = arg_key(L, 2, &klen);
  kevy_store *s = arg_handle(L);
  kevy_lock(s);
  kevy_status status = kevy_type(s, key, klen, &type);
  if (status < 0) return push_failure(L, s, status);
  kevy_unlock(s);
  if (status == KEVY_MISSING)
    lua_pushnil(L);
  else
    lua_pushstring(L, kevy_type_name(type));
  return 1;
}

typedef kevy_status (*key_transfer)(kevy_store *s, const char *key, size_t klen, const char *to,
                                    size_t tolen, uint32_t flags);

static int transfer(lua_State *L, key_transfer call, const char *method) {
  size_t klen, tolen;
  uint32_t flags = 0;
  const char *key = arg_key(L, 2, &klen), *to = arg_key(L, 3, &tolen);
  arg_options(L, 4, method, method, &flags, NULL);
  kevy_store *s = arg_handle(L);
  kevy_lock(s);
  kevy_status status = call(s, key, klen, to, tolen, flags);
  if (status < 0) return push_failure(L, s, status);
  kevy_unlock(s);
  if (status == KEVY_MISSING) return push_missing(L);
  if (status == KEVY_UNMET) return push_no(L, "exists");
  return push_bool(L, true);
}

/* rename(from, to, {nx=}), copy(from, to, {replace=}): true; nil, "no such key"; nil, "exists". */
static int key_rename(lua_State *L) {
  return transfer(L, kevy_rename, "rename");
}

static int key_copy(lua_State *L) {
  return transfer(L, kevy_copy, "copy");
}

/* len(), and #store: how many keys there are. */
static int key_len(lua_State *L) {
  uint64_t count = 0;
  kevy_store *s = arg_handle(L);
  kevy_lock(s);
  kevy_status status = kevy_len(s, &count);
  return end_count(L, s, status, count);
}

/* random_key(): any key, or nil when there is none. */
static int key_random(lua_State *L) {
  kevy_value lent;
  kevy_store *s = arg_handle(L);
  kevy_lock(s);
  return end_lent(L, s, kevy_random_key(s, &lent), &lent);
}

/* clear(): true; every key is gone. */
static int key_clear(lua_State *L) {
  kevy_store *s = arg_handle(L);
  kevy_lock(s);
  kevy_status status = kevy_clear(s);
  return end_true(L, s, status);
}

/* ---- Time ------------------------------------------------------------------------------------- */

typedef kevy_status (*time_question)(kevy_store *s, const char *key, size_t klen, int64_t *ms);

static int push_time_of(lua_State *L, time_question ask) {
  size_t klen;
  int64_t ms = KEVY_NO_TTL;
  const char *key = arg_key(L, 2, &klen);
  kevy_store *s = arg_handle(L);
  kevy_lock(s);
  kevy_status status = ask(s, key, klen, &ms);
  if (status < 0) return push_failure(L, s, status);
  kevy_unlock(s);
  if (status == KEVY_MISSING) return push_missing(L);
  if (ms == KEVY_NO_TTL)
    lua_pushnil(L);
  else
    lua_pushnumber(L, (lua_Number)ms / 1000);
  return 1;
}

/* ttl(key): seconds left, expires_at(key): Unix seconds; nil for none; nil, "no such key". */
static int key_ttl(lua_State *L) {
  return push_time_of(L, kevy_ttl);
}

static int key_expires_at(lua_State *L) {
  return push_time_of(L, kevy_deadline);
}

static int expire(lua_State *L, const char *key, size_t klen, int64_t ms, uint32_t flags, const char *method) {
  arg_options(L, 4, "expire", method, &flags, NULL);
  kevy_store *s = arg_handle(L);
  kevy_lock(s);
  kevy_status status = kevy_expire(s, key, klen, ms, flags);
  return end_bool(L, s, status);
}

/* expire(key, seconds, {nx=, xx=, gt=, lt=}), expire_at(key, unix_seconds, options): whether it did. */
static int key_expire(lua_State *L) {
  size_t klen;
  int64_t ms;
  const char *key = arg_key(L, 2, &klen);
  if (!arg_ttl(L, 3, &ms)) return push_bad_ttl(L);
  return expire(L, key, klen, ms, 0, "expire");
}

static int key_expire_at(lua_State *L) {
  size_t klen;
  int64_t ms;
  const char *key = arg_key(L, 2, &klen);
  if (!arg_time(L, 3, &ms)) return push_bad_ttl(L);
  return expire(L, key, klen, ms, KEVY_AT, "expire_at");
}

/* persist(key): whether there was a time to live to take away. */
static int key_persist(lua_State *L) {
  size_t klen;
  const char *key = arg_key(L, 2, &klen);
  kevy_store *s = arg_handle(L);
  kevy_lock(s);
  kevy_status status = kevy_persist(s, key, klen);
  return end_bool(L, s, status);
}

const luaL_Reg key_methods[] = {
    {"delete", key_delete},       {"exists", key_exists},
    {"touch", key_touch},         {"type", key_type},
    {"rename", key_rename},       {"copy", key_copy},
    {"len", key_len},             {"__len", key_len},
    {"random_key", key_random},   {"clear", key_clear},
    {"ttl", key_ttl},             {"expires_at", key_expires_at},
    {"expire", key_expire},       {"expire_at", key_expire_at},
    {"persist", key_persist},     {NULL, NULL},
};
