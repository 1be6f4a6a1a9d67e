/* scripting: a store's interpreter of scripts, which is loaded when the first script comes (script/script.h).
 *
 * A script runs with the store's lock held from its first command to its last: nobody comes in between, time stands still, and
 * what it writes is logged as one. As in Redis an error among its commands undoes nothing. One that is ended leaves what it wrote, as
 * one that fails does: who wants it undone calls it in a transaction.
 *
 * After lua-time-limit it is late. Where nobody but its caller can reach the store it is ended then. Else it goes on, for
 * SCRIPTING_LATE_MS more at most, and the sessions of others are answered: those on other threads, who are given the lock for a
 * moment (store_late_begin), and the clients of the window whose thread it runs on (window_meanwhile). They hear that the store is busy;
 * what the rows call allow_busy is done, SCRIPT KILL among it. */
#ifndef KEVY_SCRIPTING_H
#define KEVY_SCRIPTING_H

#include "../core/functions.h"
#include "command.h"
#include "script/script.h"

#define SCRIPTING_LATE_MS 60000 /* how long a script may be late */
#define SCRIPTING_MEMORY ((size_t)128 << 20) /* bytes that the scripts of a store may use */

typedef struct library library; /* cmd_function.c */

typedef struct scripting {
  const script_engine *engine;
  script_state *state;     /* of scripts, NULL before the first */
  script_state *functions; /* of functions, which see other globals */
  library *libraries;
  functions *made_of; /* the store's list that the libraries were made of */
  kevy_reply *reply; /* what a script's commands answer */
  struct scripting_call *running; /* the script that does; NULL: none */
} scripting;

/* The store's, opened now where there was none; NULL, having answered the error, where there can be none. */
scripting *scripting_of(command_call *c);

/* The same with the interpreter of functions; its libraries may not be the store's yet (libraries_revive). */
scripting *scripting_functions_of(command_call *c);

/* Why others have to wait for the script that runs late. */
const char *scripting_busy(const kevy_store *s);

/* Ends it. */
void scripting_kill(kevy_store *s);

/* Whether it is a function, and has written; its name, its command, and how long it runs, in ms. */
typedef struct scripting_late {
  bool function, wrote;
  const char *name;
  size_t argc;
  const kevy_value *argv;
  int64_t ms;
} scripting_late;
scripting_late scripting_that_is_late(const kevy_store *s);

/* Forgets all scripts; all libraries. */
void scripting_flush(kevy_store *s);
void scripting_flush_functions(kevy_store *s);

/* cmd_function.c: frees a list of libraries. */
void libraries_free(library *l);

/* The first line of a script, "#!lua flags=no-writes": its flags, SCRIPT_COMPATIBLE where it has no such line, and how many
 * bytes of it are not to be compiled. False, having answered the error. */
bool scripting_shebang(command_call *c, const kevy_value *body, uint32_t *flags, size_t *skip);

/* How many keys argument `at` says follow it; -1, having answered the error. */
int64_t scripting_keys(command_call *c, size_t at);

/* Runs what is known under a name on the arguments from first on: so many keys, and the others. */
void scripting_run(command_call *c, scripting *s, const char *name, uint32_t flags, bool read_only, size_t first, int64_t keys);

#endif
