/* values: the engine's results as Lua values.
 *
 * Pushing a string allocates, and allocating may run a finalizer that writes to or closes the store the
 * string is read from. So bytes are first held: short ones copied into the C frame, long ones pinned or
 * copied to the heap; what is on the heap is pushed under a protected call, so that a memory error of
 * Lua's cannot leak it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "module.h"

kevy_status held_copy(held *h, const kevy_value *lent) {
  h->value = *lent;
  h->pin = NULL;
  h->heap = NULL;
  if (lent->kind > KEVY_TEXT) return KEVY_OK;
  if (lent->len > HELD_INLINE) {
    h->heap = malloc(lent->len);
    if (h->heap == NULL) return KEVY_EOOM;
  }
  h->value.as.ptr = h->heap != NULL ? h->heap : h->bytes;
  memcpy(h->heap != NULL ? h->heap : h->bytes, lent->as.ptr, lent->len);
  return KEVY_OK;
}

kevy_status held_get(held *h, kevy_store *s, const char *key, size_t klen) {
  kevy_value lent;
  kevy_status status = kevy_get(s, key, klen, &lent);
  if (status != KEVY_OK) return status;
  if (lent.kind > KEVY_TEXT || lent.len <= HELD_INLINE) return held_copy(h, &lent);
  h->heap = NULL;
  return kevy_pin_value(s, key, klen, &h->pin, &h->value);
}

void held_release(held *h) {
  kevy_unpin(h->pin);
  free(h->heap);
}

static void held_push_bytes(lua_State *L, void *context) {
  const held *h = context;
  lua_pushlstring(L, h->value.as.ptr, h->value.len);
}

static void held_release_context(void *context) {
  held_release(context);
}

int held_push(lua_State *L, held *h) {
  if (h->pin != NULL || h->heap != NULL) {
    guarded g = {held_push_bytes, held_release_context, h};
    return guarded_push(L, &g);
  }
  value_push(L, &h->value);
  return 1;
}

/* The function of the protected call: its argument is the guarded. */
int held_guard(lua_State *L) {
  const guarded *g = lua_touserdata(L, 1);
  g->push(L, g->context);
  return 1;
}

int guarded_push(lua_State *L, const guarded *g) {
  lua_pushvalue(L, CLASS_GUARD);
  lua_pushlightuserdata(L, (void *)(uintptr_t)g);
  int failed = lua_pcall(L, 1, 1, 0);
  g->release(g->context);
  if (failed) return lua_error(L);
  return 1;
}

void value_push(lua_State *L, const kevy_value *v) {
  switch (v->kind) {
    case KEVY_BYTES:
    case KEVY_TEXT: lua_pushlstring(L, v->as.ptr, v->len); break;
    case KEVY_INT: compat_push_int(L, v->as.i); break;
    case KEVY_FLOAT: lua_pushnumber(L, v->as.d); break;
    default: lua_pushnil(L); break;
  }
}

/* Where a message begins behind the code that commands put before it. */
static size_t without_code(const char *message) {
  static const char *const codes[] = {"ERR ", "WRONGTYPE "};
  for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
    if (strncmp(message, codes[i], strlen(codes[i])) == 0) return strlen(codes[i]);
  return 0;
}

int push_failure(lua_State *L, kevy_store *s, kevy_status status) { return push_failure_as(L, s, status, true); }

int push_failure_as(lua_State *L, kevy_store *s, kevy_status status, bool bare) {
  char message[512];
  /* Memory may have failed here, where the store has not heard of it. */
  snprintf(message, sizeof message, "%s",
           status == KEVY_EOOM ? kevy_strerror(status) : kevy_errmsg(s));
  kevy_unlock(s);
  if (status == KEVY_ECLOSED) return luaL_error(L, "%s", message);
  return push_no(L, bare ? message + without_code(message) : message);
}

int end_value(lua_State *L, kevy_store *s, kevy_status status, held *h) {
  if (status < 0) return push_failure(L, s, status);
  kevy_unlock(s);
  if (status == KEVY_OK) return held_push(L, h);
  lua_pushnil(L);
  return 1;
}

int end_lent(lua_State *L, kevy_store *s, kevy_status status, const kevy_value *lent) {
  held h;
  if (status == KEVY_OK) status = held_copy(&h, lent);
  return end_value(L, s, status, &h);
}

int end_count(lua_State *L, kevy_store *s, kevy_status status, uint64_t count) {
  if (status < 0) return push_failure(L, s, status);
  kevy_unlock(s);
  compat_push_int(L, (int64_t)count);
  return 1;
}

int end_number(lua_State *L, kevy_store *s, kevy_status status, const kevy_value *number) {
  if (status < 0) return push_failure(L, s, status);
  kevy_unlock(s);
  value_push(L, number);
  return 1;
}

int end_true(lua_State *L, kevy_store *s, kevy_status status) {
  if (status < 0) return push_failure(L, s, status);
  kevy_unlock(s);
  return push_bool(L, true);
}

int end_bool(lua_State *L, kevy_store *s, kevy_status status) {
  if (status < 0) return push_failure(L, s, status);
  kevy_unlock(s);
  return push_bool(L, status == KEVY_OK);
}

int push_no(lua_State *L, const char *reason) {
  lua_pushnil(L);
  lua_pushstring(L, reason);
  return 2;
}

int push_bool(lua_State *L, bool b) {
  lua_pushboolean(L, b);
  return 1;
}

int push_missing(lua_State *L) {
  return push_no(L, "no such key");
}

int push_bad_ttl(lua_State *L) {
  return push_no(L, kevy_strerror(KEVY_EEXPIRE));
}
