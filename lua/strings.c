/* strings: the methods of a store that read and write scalars. Positions count from 1, as string.sub's. */
#include <stdlib.h>
#include <string.h>

#include "module.h"

/* get(key): value, or nil. */
static int string_get(lua_State *L) {
  size_t klen;
  held h;
  const char *key = arg_key(L, 2, &klen);
  kevy_store *s = arg_handle(L);
  kevy_lock(s);
  kevy_status status = held_get(&h, s, key, klen);
  return end_value(L, s, status, &h);
}

/* getdel(key): the value that was there, or nil. It is held before the key goes, so that nothing is lost
 * when memory runs out. */
static int string_getdel(lua_State *L) {
  size_t klen;
  held h;
  const char *key = arg_key(L, 2, &klen);
  kevy_store *s = arg_handle(L);
  kevy_lock(s);
  kevy_status status = held_get(&h, s, key, klen);
  if (status == KEVY_OK) {
    status = kevy_delete(s, key, klen);
    if (status < 0) held_release(&h);
  }
  return end_value(L, s, status, &h);
}

/* Why NX or XX forbade. */
static int push_unmet(lua_State *L, uint32_t flags) {
  return push_no(L, flags & KEVY_NX ? "exists" : "missing");
}

/* set(key, value, {get=true}): the old value or nil, whether or not it was replaced. */
static int set_and_get(lua_State *L, const char *key, size_t klen, const kevy_value *value,
                       int64_t ttl, uint32_t flags) {
  held old;
  kevy_store *s = arg_handle(L);
  kevy_lock(s);
  kevy_status found = held_get(&old, s, key, klen);
  if (found < 0) return push_failure(L, s, found);
  kevy_status status = kevy_set(s, key, klen, value, ttl, flags, NULL);
  if (status < 0) {
    if (found == KEVY_OK) held_release(&old);
    return push_failure(L, s, status);
  }
  kevy_unlock(s);
  if (found == KEVY_OK) return held_push(L, &old);
  lua_pushnil(L);
  return 1;
}

/* set(key, value, ttl | options): true; nil, "exists" or "missing" when nx or xx forbids. */
static int string_set(lua_State *L) {
  size_t klen;
  uint32_t flags = 0;
  int64_t ttl = KEVY_NO_TTL;
  const char *key = arg_key(L, 2, &klen);
  kevy_value value = arg_value(L, 3, 3);
  if (!arg_ttl_or_options(L, 4, "set", &flags, &ttl)) return push_bad_ttl(L);
  if (flags & ARG_GET) return set_and_get(L, key, klen, &value, ttl, flags & ~ARG_GET);
  kevy_store *s = arg_handle(L);
  kevy_lock(s);
  kevy_status status = kevy_set(s, key, klen, &value, ttl, flags, NULL);
  if (status < 0) return push_failure(L, s, status);
  kevy_unlock(s);
  if (status == KEVY_UNMET) return push_unmet(L, flags);
  return push_bool(L, true);
}

/* incr(key, by = 1): the new number; a float when by is one. */
static int string_incr(lua_State *L) {
  size_t klen;
  kevy_status status;
  const char *key = arg_key(L, 2, &klen);
  kevy_value by = arg_by(L, 3), sum = by;
  kevy_store *s = arg_handle(L);
  kevy_lock(s);
  if (by.kind == KEVY_INT)
    status = kevy_incr(s, key, klen, by.as.i, 0, &sum.as.i);
  else
    status = kevy_incr_float(s, key, klen, by.as.d, 0, &sum.as.d);
  return end_number(L, s, status, &sum);
}

/* append(key, value): the new length. */
static int string_append(lua_State *L) {
  size_t klen;
  uint64_t length = 0;
  const char *key = arg_key(L, 2, &klen);
  kevy_value tail = arg_value(L, 3, 3);
  kevy_store *s = arg_handle(L);
  kevy_lock(s);
  kevy_status status = kevy_append(s, key, klen, &tail, 0, &length);
  return end_count(L, s, status, length);
}

/* strlen(key): bytes of the value, 0 for none. */
static int string_strlen(lua_State *L) {
  size_t klen;
  uint64_t length = 0;
  const char *key = arg_key(L, 2, &klen);
  kevy_store *s = arg_handle(L);
  kevy_lock(s);
  kevy_status status = kevy_strlen(s, key, klen, &length);
  return end_count(L, s, status, length);
}

/* Positions i to j of a string of that length, as string.sub counts: from 1 on, negative ones from the end.
 * Makes them offsets; false when nothing is between them. */
static bool sub_range(int64_t length, int64_t *i, int64_t *j) {
  if (*i < 0) *i = *i < -length ? 1 : length + *i + 1;
  if (*i == 0) *i = 1;
  if (*j < 0) *j = *j < -length ? 0 : length + *j + 1;
  if (*j > length) *j = length;
  if (*i > *j) return false;
  --*i;
  --*j;
  return true;
}

/* getrange(key, i, j = -1): the bytes i to j, as string.sub. */
static int string_getrange(lua_State *L) {
  size_t klen;
  uint64_t length = 0;
  kevy_value lent = kevy_bytes("", 0);
  const char *key = arg_key(L, 2, &klen);
  int64_t i = arg_int_or(L, 3, 1), j = arg_int_or(L, 4, -1);
  kevy_store *s = arg_handle(L);
  kevy_lock(s);
  kevy_status status = kevy_strlen(s, key, klen, &length);
  if (status == KEVY_OK && sub_range((int64_t)length, &i, &j))
    status = kevy_getrange(s, key, klen, i, j, &lent);
  return end_lent(L, s, status < 0 ? status : KEVY_OK, &lent);
}

/* setrange(key, i, piece): the new length. */
static int string_setrange(lua_State *L) {
  size_t klen;
  uint64_t length = 0;
  const char *key = arg_key(L, 2, &klen);
  int64_t at = arg_int(L, 3);
  kevy_value piece = arg_string(L, 4, "a string");
  kevy_store *s = arg_handle(L);
  kevy_lock(s);
  kevy_status status =
      kevy_setrange(s, key, klen, at > 0 ? at - 1 : -1, piece.as.ptr, piece.len, 0, &length);
  return end_count(L, s, status, length);
}

/* ---- Batches ---------------------------------------------------------------------------------- */

/* What mget read: the values' bytes are copied to one block. */
typedef struct batch {
  size_t count;
  kevy_value *values;
  char *block;
} batch;

static kevy_status batch_copy(batch *b) {
  size_t total = 0, at = 0;
  for (size_t i = 0; i < b->count; i++) total += b->values[i].len;
  b->block = malloc(total + 1);
  if (b->block == NULL) return KEVY_EOOM;
  for (size_t i = 0; i < b->count; i++) {
    kevy_value *v = &b->values[i];
    if (v->kind > KEVY_TEXT) continue;
    memcpy(b->block + at, v->as.ptr, v->len);
    v->as.ptr = b->block + at;
    at += v->len;
  }
  return KEVY_OK;
}

static void batch_push(lua_State *L, void *context) {
  const batch *b = context;
  lua_createtable(L, (int)b->count, 1);
  for (size_t i = 0; i < b->count; i++) {
    value_push(L, &b->values[i]);
    lua_rawseti(L, -2, (int)i + 1);
  }
  compat_push_int(L, (int64_t)b->count);
  lua_setfield(L, -2, "n");
}

static void batch_release(void *context) {
  free(((batch *)context)->block);
}

/* Room for count values, owned by the Lua stack. */
static kevy_value *values_new(lua_State *L, size_t count) {
  if (count > (size_t)INT32_MAX / sizeof(kevy_value)) luaL_error(L, "too many keys");
  return compat_new_userdata(L, count * sizeof(kevy_value) + 1);
}

/* mget{key, ...}: {value or nil, ..., n = the number of keys}. */
static int string_mget(lua_State *L) {
  luaL_checktype(L, 2, LUA_TTABLE);
  batch b = {compat_raw_length(L, 2), NULL, NULL};
  kevy_value *keys = values_new(L, b.count);
  b.values = values_new(L, b.count);
  for (size_t i = 0; i < b.count; i++) {
    lua_rawgeti(L, 2, (int)i + 1);
    if (lua_type(L, -1) != LUA_TSTRING) luaL_argerror(L, 2, "a key is a string");
    keys[i] = arg_string(L, -1, "");
    lua_pop(L, 1);
  }
  kevy_store *s = arg_handle(L);
  kevy_lock(s);
  kevy_status status = kevy_mget(s, b.count, keys, b.values);
  if (status == KEVY_OK) status = batch_copy(&b);
  if (status < 0) return push_failure(L, s, status);
  kevy_unlock(s);
  guarded g = {batch_push, batch_release, &b};
  return guarded_push(L, &g);
}

/* Pushes a list of the keys and values of the table at index 2: what a finalizer that runs while they
 * are converted cannot change. */
static size_t push_pairs(lua_State *L) {
  int count = 0, filled = 0;
  for (lua_pushnil(L); lua_next(L, 2); lua_pop(L, 1)) count++;
  lua_createtable(L, 2 * count, 0);
  int list = lua_gettop(L);
  for (lua_pushnil(L); lua_next(L, 2); lua_pop(L, 1)) {
    if (lua_type(L, -2) != LUA_TSTRING) luaL_argerror(L, 2, "a key is a string");
    lua_pushvalue(L, -2);
    lua_rawseti(L, list, ++filled);
    lua_pushvalue(L, -1);
    lua_rawseti(L, list, ++filled);
  }
  return (size_t)filled / 2;
}

/* mset({key = value, ...}, ttl | options): true; nil, "exists" when nx forbids. All or none. */
static int string_mset(lua_State *L) {
  uint32_t flags = 0;
  int64_t ttl = KEVY_NO_TTL;
  luaL_checktype(L, 2, LUA_TTABLE);
  if (!arg_ttl_or_options(L, 3, "mset", &flags, &ttl)) return push_bad_ttl(L);
  size_t count = push_pairs(L);
  int list = lua_gettop(L);
  kevy_value *keys = values_new(L, count), *values = values_new(L, count);
  for (size_t i = 0; i < count; i++) {
    lua_rawgeti(L, list, (int)(2 * i) + 1);
    keys[i] = arg_string(L, -1, "");
    lua_rawgeti(L, list, (int)(2 * i) + 2);
    values[i] = arg_value(L, lua_gettop(L), 2);
    lua_pop(L, 2);
  }
  kevy_store *s = arg_handle(L);
  kevy_lock(s);
  kevy_status status = kevy_mset(s, count, keys, values, ttl, flags);
  if (status < 0) return push_failure(L, s, status);
  kevy_unlock(s);
  if (status == KEVY_UNMET) return push_unmet(L, flags);
  return push_bool(L, true);
}

const luaL_Reg string_methods[] = {
    {"get", string_get},           {"set", string_set},       {"getdel", string_getdel},
    {"incr", string_incr},         {"append", string_append}, {"strlen", string_strlen},
    {"getrange", string_getrange}, {"setrange", string_setrange},
    {"mget", string_mget},         {"mset", string_mset},     {NULL, NULL},
};
