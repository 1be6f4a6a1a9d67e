/* frame: see frame.h. */
#include "frame.h"

#include <stdlib.h>
#include <stdint.h>
#include <string.h>

#define METATABLE "kevy.abi.frame"

void frame_clear(frame *fr) {
  for (size_t i = 0; i < ABI_MOST_PARAMS; i++) {
    free(fr->blocks[i]);
    fr->blocks[i] = NULL;
  }
  free(fr->copies);
  fr->copies = NULL;
}

static int collect(lua_State *L) {
  frame *fr = luaL_testudata(L, 1, METATABLE);
  if (fr) frame_clear(fr);
  return 0;
}

void frame_open(lua_State *L) {
  luaL_newmetatable(L, METATABLE);
  lua_pushcfunction(L, collect);
  lua_setfield(L, -2, "__gc");
  lua_pop(L, 1);
}

frame *frame_push(lua_State *L, const abi_function *f) {
  frame *fr = lua_newuserdatauv(L, sizeof *fr, 0);
  memset(fr, 0, sizeof *fr);
  fr->function = f;
  luaL_setmetatable(L, METATABLE);
  return fr;
}

void *frame_block(lua_State *L, frame *fr, size_t i, size_t count, size_t size) {
  fr->blocks[i] = calloc(count ? count : 1, size);
  if (!fr->blocks[i]) luaL_error(L, "not enough memory");
  return fr->blocks[i];
}

/* ---- What is lent -----------------------------------------------------------------------------
 * Two passes over the same places: one measures, one copies. */

typedef struct keeper {
  char *to;     /* NULL while measuring */
  size_t bytes; /* so far */
} keeper;

static void keep_bytes(keeper *k, const char **at, size_t len) {
  if (k->to) {
    memcpy(k->to + k->bytes, *at, len);
    *at = k->to + k->bytes;
  }
  k->bytes += len;
}

static void keep_value(keeper *k, kevy_value *v) {
  if ((v->kind == KEVY_BYTES || v->kind == KEVY_TEXT) && v->as.ptr) keep_bytes(k, &v->as.ptr, v->len);
}

static void keep_text(keeper *k, const char **at) {
  if (*at) keep_bytes(k, at, strlen(*at) + 1);
}

static void keep_struct(keeper *k, const abi_param *p, char *at) {
  const abi_struct *type = abi_find_struct(p->of);
  for (size_t i = 0; i < type->count; i++)
    if (type->fields[i].what == ABI_WHAT_VALUE)
      keep_value(k, (kevy_value *)(void *)(at + type->fields[i].offset));
}

static void keep_param(keeper *k, frame *fr, size_t i) {
  const abi_param *p = &fr->function->params[i];
  if (!fr->slots[i].p) return;
  if (p->role == ABI_ROLE_VALUE_OUT) {
    keep_value(k, &fr->cells[i].value);
  } else if (p->role == ABI_ROLE_VALUES_OUT) {
    kevy_value *values = fr->blocks[i];
    for (size_t v = 0; v < fr->count; v++) keep_value(k, &values[v]);
  } else if (p->role == ABI_ROLE_BYTES_OUT) {
    if (fr->cells[i].text) keep_bytes(k, &fr->cells[i].text, fr->cells[i + 1].size);
  } else if (p->role == ABI_ROLE_TEXT_OUT) {
    keep_text(k, &fr->cells[i].text);
  } else if (p->role == ABI_ROLE_STRUCT_OUT || p->role == ABI_ROLE_STRUCT_BOTH) {
    keep_struct(k, p, fr->blocks[i]);
  }
}

static void keep_all(keeper *k, frame *fr, abi_slot *result) {
  for (size_t i = 0; i < fr->function->count; i++) keep_param(k, fr, i);
  if (fr->function->result == ABI_RESULT_TEXT) {
    const char *text = result->p;
    keep_text(k, &text);
    result->p = (void *)(uintptr_t)text;
  }
}

bool frame_keep(frame *fr, abi_slot *result) {
  keeper k = {NULL, 0};
  keep_all(&k, fr, result);
  if (!k.bytes) return true;
  fr->copies = malloc(k.bytes);
  if (!fr->copies) return false;
  k = (keeper){fr->copies, 0};
  keep_all(&k, fr, result);
  return true;
}
