/* functions: the libraries of functions of a store as files keep them: their code, in order. The engine does not look into it; what runs
 * it is in bindings/.
 *
 * A list that several hold (a store and its snapshots) is never changed; each has its own from the next change on. Memory comes from malloc.
 * Holding and releasing: any thread. */
#ifndef KEVY_FUNCTIONS_H
#define KEVY_FUNCTIONS_H

#include "base.h"

typedef struct functions functions;

/* Adds code to the list at *f, where NULL is the empty one. False: no memory. O(len), amortised, where nobody else holds it. */
bool functions_add(functions **f, const char *code, size_t len);

/* The next library's code; *at begins as 0. False: there is none. */
bool functions_next(const functions *f, size_t *at, const char **code, size_t *len);

functions *functions_hold(functions *f);
void functions_release(functions *f);

#endif
