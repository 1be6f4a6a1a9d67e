/* functions: see functions.h. Each library is its code's length and its code. */
#include "functions.h"

#include <stdatomic.h>
#include <stdlib.h>

struct functions {
  _Atomic uint32_t holders;
  size_t len, room;
  char bytes[];
};

functions *functions_hold(functions *f) {
  if (f != NULL) atomic_fetch_add(&f->holders, 1);
  return f;
}

void functions_release(functions *f) {
  if (f != NULL && atomic_fetch_sub(&f->holders, 1) == 1) free(f);
}

/* A list of one's own with room for so much more. */
static bool functions_own(functions **f, size_t more) {
  functions *old = *f;
  size_t len = old != NULL ? old->len : 0, room = len + more > 2 * len ? len + more : 2 * len;
  bool own = old != NULL && atomic_load(&old->holders) == 1;
  if (own && old->room - len >= more) return true;
  functions *fresh = own ? realloc(old, sizeof *old + room) : malloc(sizeof *old + room);
  if (fresh == NULL) return false;
  if (!own) {
    atomic_init(&fresh->holders, 1);
    fresh->len = len;
    if (len != 0) memcpy(fresh->bytes, old->bytes, len);
    functions_release(old);
  }
  fresh->room = room;
  *f = fresh;
  return true;
}

bool functions_add(functions **f, const char *code, size_t len) {
  if (!functions_own(f, sizeof len + len)) return false;
  char *to = (*f)->bytes + (*f)->len;
  memcpy(to, &len, sizeof len);
  if (len != 0) memcpy(to + sizeof len, code, len);
  (*f)->len += sizeof len + len;
  return true;
}

bool functions_next(const functions *f, size_t *at, const char **code, size_t *len) {
  if (f == NULL || *at == f->len) return false;
  memcpy(len, f->bytes + *at, sizeof *len);
  *code = f->bytes + *at + sizeof *len;
  *at += sizeof *len + *len;
  return true;
}
