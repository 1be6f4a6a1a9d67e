/* script: the contract between the engine and the interpreter of scripts.
 *
 * The interpreter is a module of its own, libkevy-script.so, which the engine loads when the first script comes. It has a Lua
 * inside that nobody else in the process can see, and it sees of the engine no more than this file says: so it works under every
 * door, whichever copy of the engine that brings, and the engine works without it.
 *
 *     engine  -- script_engine -->  interpreter: open, compile, run, close
 *     engine  <-- script_host ----  interpreter: call a command, write an answer
 *
 * A state belongs to one store and is used with the store's lock held. Nothing the interpreter does ends in an error of its own:
 * a script that fails, or runs out of memory or time, answers an error. Everything passed is borrowed for the call. */
#ifndef KEVY_SCRIPT_H
#define KEVY_SCRIPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../../core/kevy_types.h"

#define SCRIPT_CONTRACT 3
#define SCRIPT_SHA 40      /* hex digits of a SHA-1 */
#define SCRIPT_MESSAGE 512 /* room for why something does not compile */
#define SCRIPT_NUMBER 40   /* room for a number's text */

typedef struct script_state script_state; /* one interpreter, with the scripts that it knows */
typedef struct script_run script_run;

/* What a script may do, as its first line says: #!lua flags=... */
#define SCRIPT_NO_WRITES 1u
#define SCRIPT_ALLOW_OOM 2u
#define SCRIPT_ALLOW_STALE 4u
#define SCRIPT_NO_CLUSTER 8u
#define SCRIPT_CROSS_SLOT 16u
#define SCRIPT_COMPATIBLE 32u /* it has no such line */
#define SCRIPT_FUNCTION 64u   /* it is a function of a library */

/* What the engine gives. */
typedef struct script_host {
  const char *version; /* of Redis, that scripts are told */
  uint32_t version_number;

  /* Runs a command and lends its answer in RESP of the run's protocol until the next call; or returns why it must not run, the
   * text of an error. */
  const char *(*call)(script_run *run, size_t argc, const kevy_value *argv, const char **answer, size_t *len);

  /* The time that a script may run is over: why it ends now, or NULL, and it is asked again soon. */
  const char *(*late)(script_run *run);

  /* Whether there is such a command. */
  bool (*known)(size_t argc, const kevy_value *argv);

  /* Prints a number as Redis does; the length. */
  size_t (*number)(double d, char out[SCRIPT_NUMBER]);

  /* Write the answer of the script: exactly one value. Aggregates announce how many items, or pairs, follow. Texts of a status
   * and an error may be any bytes. */
  void (*nil)(script_run *run);
  void (*integer)(script_run *run, int64_t i);
  void (*boolean)(script_run *run, bool b);
  void (*real)(script_run *run, double d);
  void (*bulk)(script_run *run, const char *bytes, size_t len);
  void (*big)(script_run *run, const char *digits, size_t len);
  void (*verbatim)(script_run *run, const char *format, const char *bytes, size_t len);
  void (*status)(script_run *run, const char *text, size_t len);
  void (*error)(script_run *run, const char *text, size_t len);
  void (*array)(script_run *run, size_t n);
  void (*map)(script_run *run, size_t n);
  void (*set)(script_run *run, size_t n);
} script_host;

/* One run of a script. */
struct script_run {
  const script_host *host;
  const char *name; /* what errors call it: the SHA-1 of a script */
  size_t keys, args;
  const kevy_value *key, *arg;
  uint64_t limit_ms; /* after how long it is late; 0: never */
  int protocol;      /* of the answers it is given, 2 or 3; redis.setresp changes it */
};

/* Who is told of the functions of a library that is being loaded. Returns what is wrong with one, or NULL. */
typedef struct script_library {
  const char *(*registers)(struct script_library *library, const char *name, size_t len, const char *description, size_t dlen,
                           uint32_t flags); /* description: NULL where it has none */
} script_library;

/* What the module gives, under the name kevy_script_engine. */
typedef struct script_engine {
  uint32_t contract; /* SCRIPT_CONTRACT of the header it was compiled with */

  /* A new interpreter that takes at most `memory` bytes, of scripts or of functions. NULL: no memory. */
  script_state *(*open)(const script_host *host, size_t memory, bool functions);
  void (*close)(script_state *state);

  /* SHA-1 of bytes, as hex digits, terminated. */
  void (*sha1)(const void *bytes, size_t len, char out[SCRIPT_SHA + 1]);

  /* Remembers a script under its SHA-1. False: it does not compile, or no memory; message says why. */
  bool (*compile)(script_state *state, const char *sha, const char *body, size_t len, uint32_t flags,
                  char message[SCRIPT_MESSAGE]);

  /* Whether a script is known, and its flags. */
  bool (*find)(script_state *state, const char *sha, uint32_t *flags);

  /* Runs the script that run->name is the SHA-1 of, which is known, and writes its answer. */
  void (*run)(script_state *state, script_run *run);

  /* Runs the code of a library, which registers its functions. They wait for `settle`: until then the ones that are known stay
   * as they are. False: nothing of it stays; message says why. */
  bool (*load)(script_state *state, const char *code, size_t len, script_library *library, char message[SCRIPT_MESSAGE]);

  /* Lets the functions that wait take their places, or forgets them. */
  void (*settle)(script_state *state, bool keep);

  /* Forgets a function. */
  void (*forget)(script_state *state, const char *name);

  /* Runs the function that run->name says, with the keys and the other arguments as its two, and writes its answer. */
  void (*invoke)(script_state *state, script_run *run);

  /* Bytes it uses. */
  size_t (*memory)(const script_state *state);
} script_engine;

#endif
