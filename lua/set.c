/* set: the hot methods of a view of a set. The others are in kevy/views/set.lua. */
#include "module.h"

/* add(member, ...): how many were new. */
static int set_add(lua_State *L) {
  return view_write(L, kevy_sadd, arg_member, 0);
}

/* _write(members, flags): adds many, whole or not at all. */
static int set_write(lua_State *L) {
  return view_write_items(L, kevy_sadd, arg_member);
}

/* remove(member, ...): how many there were. */
static int set_remove(lua_State *L) {
  return view_remove(L, kevy_srem);
}

/* has(member). */
static int set_has(lua_State *L) {
  return view_has(L, kevy_sismember);
}

/* len(), and #set. */
static int set_len(lua_State *L) {
  return view_len(L, kevy_scard);
}

/* iter(), and pairs(set): every member. */
static int set_iter(lua_State *L) {
  return view_iter(L, KEVY_TYPE_SET, 0, ITER_KEY);
}

const luaL_Reg set_methods[] = {
    {"add", set_add}, {"_write", set_write},   {"remove", set_remove}, {"has", set_has},       {"len", set_len},
    {"iter", set_iter}, {NULL, NULL},
};
