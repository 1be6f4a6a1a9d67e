/* cmd_function.c: the handlers of FUNCTION and FCALL, and the libraries of a store.
 *
 * A library is its code and the names of its functions; what they do is in the interpreter. One is loaded whole or not at all:
 * its functions wait there until nothing can go wrong any more (script/script.h).
 *
 * What a store has is the list of their code (functions.h), which files and snapshots carry. The libraries here are made of that list when
 * they are first asked for, and again when it has become another one, by a load; so a file with functions needs no interpreter to be read. */
#include <stdio.h>
#include <stdlib.h>

#include "../core/persist/crc64.h"
#include "../core/persist/rdb_encode.h"
#include "../core/persist/rdb_restore.h"
#include "../core/persist/rdb_source.h"
#include "../core/persist/writer.h"
#include "glob.h"
#include "scripting.h"

typedef struct library_function {
  struct library_function *next;
  uint32_t flags;
  bool described;
  size_t dlen;
  const char *description; /* behind the name */
  char name[];
} library_function;

struct library {
  script_library told; /* first: what the interpreter knows it by */
  library *next;
  size_t functions, len;
  library_function *first, **last;
  const char *code; /* behind the name */
  char name[];
};

/* ---- Libraries ---- */

static void library_free(library *l) {
  if (l == NULL) return;
  for (library_function *f = l->first, *next; f != NULL; f = next) {
    next = f->next;
    free(f);
  }
  free(l);
}

void libraries_free(library *l) {
  for (library *next; l != NULL; l = next) {
    next = l->next;
    library_free(l);
  }
}

static library *library_find(library *l, const char *name, size_t len) {
  while (l != NULL && (strlen(l->name) != len || memcmp(l->name, name, len) != 0)) l = l->next;
  return l;
}

/* Of a name in any case, as in Redis. */
static const library_function *library_function_of(const library *l, const char *name, size_t len) {
  kevy_value wanted = kevy_bytes(name, len);
  const library_function *f = l->first;
  while (f != NULL && !command_is(&wanted, f->name)) f = f->next;
  return f;
}

/* The function of a name in any of these libraries but one. */
static const library_function *libraries_function(const library *l, const library *but, const char *name, size_t len) {
  const library_function *f = NULL;
  for (; l != NULL && f == NULL; l = l->next)
    if (l != but) f = library_function_of(l, name, len);
  return f;
}

static bool library_name_fits(const char *name, size_t len) {
  for (size_t i = 0; i < len; i++) {
    char ch = name[i];
    if (!((ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || (ch >= '0' && ch <= '9') || ch == '_')) return false;
  }
  return len > 0;
}

/* script_library.registers. */
static const char *library_registers(script_library *told, const char *name, size_t len, const char *description, size_t dlen,
                                     uint32_t flags) {
  library *l = (library *)(void *)told;
  if (!library_name_fits(name, len))
    return "Library names can only contain letters, numbers, or underscores(_) and must be at least one character long";
  if (library_function_of(l, name, len) != NULL) return "Function already exists in the library";
  library_function *f = malloc(sizeof *f + len + 1 + dlen);
  if (f == NULL) return "not enough memory";
  memcpy(f->name, name, len);
  f->name[len] = '\0';
  char *behind = f->name + len + 1;
  if (dlen != 0) memcpy(behind, description, dlen);
  f->next = NULL;
  f->flags = flags;
  f->described = description != NULL;
  f->dlen = dlen;
  f->description = behind;
  *l->last = f;
  l->last = &f->next;
  l->functions++;
  return NULL;
}

static library *library_new(const char *name, size_t nlen, const kevy_value *code) {
  library *l = malloc(sizeof *l + nlen + 1 + code->len);
  if (l == NULL) return NULL;
  *l = (library){.told = {library_registers}, .len = code->len};
  l->last = &l->first;
  memcpy(l->name, name, nlen);
  l->name[nlen] = '\0';
  char *behind = l->name + nlen + 1;
  memcpy(behind, code->as.ptr, code->len);
  l->code = behind;
  return l;
}

/* ---- Loading ---- */

static library *library_refuse(command_call *c, const char *before, const char *about, size_t len, const char *after) {
  command_text t = {.len = 0};
  kevy_value arg = kevy_bytes(about, len);
  command_text_add(&t, before);
  command_text_add_arg(&t, &arg, 128);
  command_text_add(&t, after);
  command_fail_text(c, &t);
  return NULL;
}

/* #!lua name=mylib */
static library *library_parse(command_call *c, const kevy_value *code) {
  const char *at = code->as.ptr, *end = memchr(at, '\n', code->len), *name = NULL;
  size_t len, nlen = 0;
  if (code->len < 2 || memcmp(at, "#!", 2) != 0) return library_refuse(c, "ERR Missing library metadata", "", 0, "");
  if (end == NULL) return library_refuse(c, "ERR Invalid library metadata", "", 0, "");
  const char *engine = shebang_word(&at, end, &len) + 2, *word;
  kevy_value lua = kevy_bytes(engine, len - 2);
  while ((word = shebang_word(&at, end, &len)) != NULL) {
    kevy_value prefix = kevy_bytes(word, len < 5 ? len : 5);
    if (!command_is(&prefix, "NAME=")) return library_refuse(c, "ERR Invalid metadata value given: ", word, len, "");
    if (name != NULL)
      return library_refuse(c, "ERR Invalid metadata value, name argument was given multiple times", "", 0, "");
    name = word + 5;
    nlen = len - 5;
  }
  if (name == NULL) return library_refuse(c, "ERR Library name was not given", "", 0, "");
  if (!library_name_fits(name, nlen))
    return library_refuse(c, "ERR Library names can only contain letters, numbers, or underscores(_) and must be at least one "
                          "character long", "", 0, "");
  if (!command_is(&lua, "LUA")) return library_refuse(c, "ERR Engine '", lua.as.ptr, lua.len, "' not found");
  library *l = library_new(name, nlen, code);
  if (l == NULL) command_error(c, KEVY_EOOM);
  return l;
}

/* The first of its functions that another library has, too. */
static bool library_collides(command_call *c, const library *l, const library *others, const library *but) {
  for (const library_function *f = l->first; f != NULL; f = f->next) {
    size_t len = strlen(f->name);
    if (libraries_function(others, but, f->name, len) == NULL) continue;
    library_refuse(c, "ERR Function ", f->name, len, " already exists");
    return true;
  }
  return false;
}

/* A library whose functions wait in the interpreter; NULL, having answered the error. */
static library *library_load(command_call *c, scripting *s, const kevy_value *code, const library *kept, bool replaces) {
  library *l = library_parse(c, code);
  if (l == NULL) return NULL;
  size_t skip = (size_t)((const char *)memchr(code->as.ptr, '\n', code->len) - code->as.ptr), nlen = strlen(l->name);
  library *old = library_find(s->libraries, l->name, nlen);
  char why[SCRIPT_MESSAGE];
  if (old != NULL && !replaces) library_refuse(c, "ERR Library '", l->name, nlen, "' already exists");
  else if (!s->engine->load(s->functions, l->code + skip, l->len - skip, &l->told, why)) library_refuse(c, "ERR ", "", 0, why);
  else if (l->functions == 0) command_fail(c, "ERR No functions registered");
  else if (!library_collides(c, l, kept, old)) return l;
  library_free(l);
  return NULL;
}

static void library_remove(scripting *s, library *l) {
  library **link = &s->libraries;
  while (*link != l) link = &(*link)->next;
  *link = l->next;
  for (const library_function *f = l->first; f != NULL; f = f->next) s->engine->forget(s->functions, f->name);
  library_free(l);
}

/* Lets libraries that were loaded take their places, and those of their names go. */
static void libraries_settle(scripting *s, library *loaded) {
  library *next;
  for (library *l = loaded; l != NULL; l = l->next) {
    library *old = library_find(s->libraries, l->name, strlen(l->name));
    if (old != NULL) library_remove(s, old);
  }
  s->engine->settle(s->functions, true);
  for (library *l = loaded; l != NULL; l = next) {
    next = l->next;
    library **link = &s->libraries;
    while (*link != NULL) link = &(*link)->next;
    l->next = NULL;
    *link = l;
  }
}

/* ---- The store's list ---- */

/* The libraries that stay beside those loaded, and these, as a list. */
static bool libraries_list(const library *stay, const library *loaded, functions **list) {
  *list = NULL;
  for (const library *l = stay; l != NULL; l = l->next)
    if (library_find((library *)(uintptr_t)loaded, l->name, strlen(l->name)) == NULL && !functions_add(list, l->code, l->len)) goto no_memory;
  for (const library *l = loaded; l != NULL; l = l->next)
    if (!functions_add(list, l->code, l->len)) goto no_memory;
  return true;
no_memory:
  functions_release(*list);
  return false;
}

/* The store has another list now, of which its libraries are made already, where there are any; s may be NULL. */
static void libraries_note(kevy_store *store, scripting *s, functions *list) {
  store_set_functions(store, list);
  store->touched = true;
  if (s == NULL) return;
  functions_release(s->made_of);
  s->made_of = functions_hold(list);
}

static bool libraries_remake(command_call *c, scripting *s, functions *list) {
  const char *code;
  size_t at = 0, len;
  while (functions_next(list, &at, &code, &len)) {
    kevy_value value = kevy_bytes(code, len);
    library *l = library_load(c, s, &value, s->libraries, false);
    if (l == NULL) {
      s->engine->settle(s->functions, false);
      return false;
    }
    libraries_settle(s, l);
  }
  s->made_of = functions_hold(list);
  return true;
}

/* The store's interpreter with its libraries; NULL, having answered the error. */
static scripting *libraries_revive(command_call *c) {
  scripting *s = scripting_functions_of(c);
  functions *list = c->store->functions;
  if (s == NULL || s->made_of == list) return s;
  scripting_flush_functions(c->store);
  s = scripting_functions_of(c);
  return s != NULL && libraries_remake(c, s, list) ? s : NULL;
}

/* The libraries that there are; false, having answered the error. */
static bool libraries_of(command_call *c, library **all) {
  *all = NULL;
  if (c->store->functions == NULL) return true;
  scripting *s = libraries_revive(c);
  if (s != NULL) *all = s->libraries;
  return s != NULL;
}

/* While a log is done again nothing is compiled: the list alone is edited. *list: the store's without the library of a name. */
static bool list_without(command_call *c, const char *name, functions **list, bool *found) {
  const char *code;
  size_t at = 0, len;
  *list = NULL;
  *found = false;
  while (functions_next(c->store->functions, &at, &code, &len)) {
    kevy_value value = kevy_bytes(code, len);
    library *l = library_parse(c, &value);
    bool same = l != NULL && strcmp(l->name, name) == 0, known = l != NULL;
    library_free(l);
    *found |= same;
    if (known && (same || functions_add(list, code, len))) continue;
    if (known) command_error(c, KEVY_EOOM);
    functions_release(*list);
    return false;
  }
  return true;
}

static void replay_load(command_call *c, const kevy_value *code) {
  functions *list;
  bool found;
  library *l = library_parse(c, code);
  if (l == NULL) return;
  if (list_without(c, l->name, &list, &found)) {
    if (functions_add(&list, code->as.ptr, code->len)) {
      libraries_note(c->store, NULL, list);
      sink_bytes(c->out, l->name, strlen(l->name));
    } else {
      functions_release(list);
      command_error(c, KEVY_EOOM);
    }
  }
  library_free(l);
}

static void replay_delete(command_call *c) {
  functions *list;
  bool found;
  char name[256];
  snprintf(name, sizeof name, "%.*s", (int)c->argv[2].len, c->argv[2].as.ptr);
  if (!list_without(c, name, &list, &found)) return;
  libraries_note(c->store, NULL, list);
  if (found) sink_status(c->out, "OK");
  else command_fail(c, "ERR Library not found");
}

static bool function_writable(command_call *c) {
  kevy_status status = store_writable(c->store);
  if (status != KEVY_OK) command_error(c, status);
  return status == KEVY_OK;
}

/* ---- FUNCTION ---- */

void cmd_function_load(command_call *c) {
  bool replaces = false;
  for (size_t i = 2; i + 1 < c->argc; i++) {
    if (!command_is(&c->argv[i], "REPLACE")) {
      library_refuse(c, "ERR Unknown option given: ", c->argv[i].as.ptr, c->argv[i].len, "");
      return;
    }
    replaces = true;
  }
  if (!function_writable(c)) return;
  if (c->store->clock.still) {
    replay_load(c, &c->argv[c->argc - 1]);
    return;
  }
  scripting *s = libraries_revive(c);
  library *l = s != NULL ? library_load(c, s, &c->argv[c->argc - 1], s->libraries, replaces) : NULL;
  functions *list = NULL;
  bool listed = l != NULL && libraries_list(s->libraries, l, &list);
  if (!listed) {
    if (l != NULL) command_error(c, KEVY_EOOM);
    library_free(l);
    if (s != NULL) s->engine->settle(s->functions, false);
    return;
  }
  libraries_settle(s, l);
  libraries_note(c->store, s, list);
  sink_bytes(c->out, l->name, strlen(l->name));
}

void cmd_function_delete(command_call *c) {
  library *all, *l;
  functions *list = NULL;
  if (!function_writable(c)) return;
  if (c->store->clock.still) {
    replay_delete(c);
    return;
  }
  if (!libraries_of(c, &all)) return;
  if ((l = library_find(all, c->argv[2].as.ptr, c->argv[2].len)) == NULL) {
    command_fail(c, "ERR Library not found");
    return;
  }
  for (const library *stays = all; stays != NULL; stays = stays->next) {
    if (stays == l || functions_add(&list, stays->code, stays->len)) continue;
    functions_release(list);
    command_error(c, KEVY_EOOM);
    return;
  }
  library_remove(c->store->scripts, l);
  libraries_note(c->store, c->store->scripts, list);
  sink_status(c->out, "OK");
}

static void function_fail_usage(command_call *c) {
  command_text t = {.len = 0};
  command_text_add(&t, "ERR unknown subcommand or wrong number of arguments for '");
  command_text_add_arg(&t, &c->argv[1], 128);
  command_text_add(&t, "'. Try FUNCTION HELP.");
  command_fail_text(c, &t);
}

void cmd_function_flush(command_call *c) {
  if (c->argc > 3) {
    function_fail_usage(c);
  } else if (c->argc == 3 && !command_is(&c->argv[2], "SYNC") && !command_is(&c->argv[2], "ASYNC")) {
    command_fail(c, "ERR FUNCTION FLUSH only supports SYNC|ASYNC option");
  } else if (function_writable(c)) {
    scripting_flush_functions(c->store);
    libraries_note(c->store, c->store->scripts, NULL);
    sink_status(c->out, "OK");
  }
}

static void function_answer_flags(sink *out, uint32_t flags) {
  size_t n = 0;
  for (size_t i = 0; i < sizeof scripting_flags / sizeof *scripting_flags; i++) n += (flags & scripting_flags[i].flag) != 0;
  sink_set(out, n);
  for (size_t i = 0; i < sizeof scripting_flags / sizeof *scripting_flags; i++)
    if (flags & scripting_flags[i].flag) sink_status(out, scripting_flags[i].word);
}

static void function_answer_word(sink *out, const char *word) { sink_bytes(out, word, strlen(word)); }

static void function_answer_library(sink *out, const library *l, bool code) {
  sink_map(out, code ? 4 : 3);
  function_answer_word(out, "library_name");
  function_answer_word(out, l->name);
  function_answer_word(out, "engine");
  function_answer_word(out, "LUA");
  function_answer_word(out, "functions");
  sink_array(out, l->functions);
  for (const library_function *f = l->first; f != NULL; f = f->next) {
    sink_map(out, 3);
    function_answer_word(out, "name");
    function_answer_word(out, f->name);
    function_answer_word(out, "description");
    if (f->described) sink_bytes(out, f->description, f->dlen);
    else sink_nil(out);
    function_answer_word(out, "flags");
    function_answer_flags(out, f->flags);
  }
  if (!code) return;
  function_answer_word(out, "library_code");
  sink_bytes(out, l->code, l->len);
}

static bool function_listed(const library *l, const kevy_value *pattern) {
  return pattern == NULL || glob_match(pattern->as.ptr, pattern->len, l->name, strlen(l->name), true);
}

void cmd_function_list(command_call *c) {
  const kevy_value *pattern = NULL;
  bool code = false;
  for (size_t i = 2; i < c->argc; i++) {
    if (!code && command_is(&c->argv[i], "WITHCODE")) {
      code = true;
    } else if (pattern == NULL && command_is(&c->argv[i], "LIBRARYNAME")) {
      if (++i == c->argc) {
        command_fail(c, "ERR library name argument was not given");
        return;
      }
      pattern = &c->argv[i];
    } else {
      library_refuse(c, "ERR Unknown argument ", c->argv[i].as.ptr, c->argv[i].len, "");
      return;
    }
  }
  library *all;
  if (!libraries_of(c, &all)) return;
  size_t n = 0;
  for (const library *l = all; l != NULL; l = l->next) n += function_listed(l, pattern);
  sink_array(c->out, n);
  for (const library *l = all; l != NULL; l = l->next)
    if (function_listed(l, pattern)) function_answer_library(c->out, l, code);
}

/* The function that runs late. */
static void function_answer_running(sink *out, const scripting_late *running) {
  sink_map(out, 3);
  function_answer_word(out, "name");
  function_answer_word(out, running->name);
  function_answer_word(out, "command");
  sink_array(out, running->argc);
  for (size_t i = 0; i < running->argc; i++) sink_bulk(out, &running->argv[i]);
  function_answer_word(out, "duration_ms");
  sink_integer(out, running->ms);
}

void cmd_function_stats(command_call *c) {
  scripting_late running = {.name = NULL};
  if (c->late) running = scripting_that_is_late(c->store);
  if (c->late && !running.function) {
    command_fail(c, scripting_busy(c->store));
    return;
  }
  size_t libraries = 0, all_functions = 0;
  library *all;
  if (!libraries_of(c, &all)) return;
  for (const library *l = all; l != NULL; l = l->next) {
    libraries++;
    all_functions += l->functions;
  }
  sink_map(c->out, 2);
  function_answer_word(c->out, "running_script");
  if (c->late) function_answer_running(c->out, &running);
  else sink_nil(c->out);
  function_answer_word(c->out, "engines");
  sink_map(c->out, 1);
  function_answer_word(c->out, "LUA");
  sink_map(c->out, 2);
  function_answer_word(c->out, "libraries_count");
  sink_integer(c->out, (int64_t)libraries);
  function_answer_word(c->out, "functions_count");
  sink_integer(c->out, (int64_t)all_functions);
}

void cmd_function_dump(command_call *c) {
  writer w;
  bool fine = writer_open(&w, -1);
  if (fine) {
    const char *code;
    size_t at = 0, len;
    while (functions_next(c->store->functions, &at, &code, &len)) {
      rdb_put_byte(&w, RDB_OP_FUNCTION2);
      rdb_put_string(&w, code, len);
    }
    rdb_put_byte(&w, RDB_VERSION);
    rdb_put_byte(&w, 0);
    rdb_put_8(&w, writer_sum(&w));
    fine = w.error == 0;
    if (fine) sink_bytes(c->out, w.buf, w.len);
    writer_close(&w);
  }
  if (!fine) command_error(c, KEVY_EOOM);
}

/* ---- FUNCTION RESTORE ---- */

/* The libraries of a payload, loaded; false, having answered the error. */
static bool restore_load(command_call *c, scripting *s, rdb_source *in, library **loaded) {
  library **last = loaded;
  while (in->at != in->end) {
    uint8_t op = 0;
    const char *code;
    size_t len;
    if (rdb_byte(in, &op) != KEVY_OK || op != RDB_OP_FUNCTION2) {
      command_fail(c, "ERR given type is not a function");
      return false;
    }
    if (rdb_string_bytes(in, &code, &len) != KEVY_OK) {
      command_fail(c, "ERR Failed loading library data");
      return false;
    }
    kevy_value value = kevy_bytes(code, len);
    library *l = library_load(c, s, &value, NULL, true);
    if (l == NULL) return false;
    bool twice = library_find(*loaded, l->name, strlen(l->name)) != NULL;
    bool collides = !twice && library_collides(c, l, *loaded, NULL);
    if (twice) library_refuse(c, "ERR Library '", l->name, strlen(l->name), "' already exists");
    *last = l;
    last = &l->next;
    if (twice || collides) return false;
  }
  return true;
}

/* Whether the loaded libraries replace none, unless they may, and none of their functions is one of a library that stays. */
static bool restore_fits(command_call *c, const scripting *s, library *loaded, bool replaces) {
  for (const library *stays = s->libraries; stays != NULL; stays = stays->next) {
    bool same = library_find(loaded, stays->name, strlen(stays->name)) != NULL;
    if (same && !replaces) {
      library_refuse(c, "ERR Library ", stays->name, strlen(stays->name), " already exists");
      return false;
    }
    if (same) continue;
    for (const library_function *f = stays->first; f != NULL; f = f->next) {
      if (libraries_function(loaded, NULL, f->name, strlen(f->name)) == NULL) continue;
      library_refuse(c, "ERR Function ", f->name, strlen(f->name), " already exists");
      return false;
    }
  }
  return true;
}

static void function_restore(command_call *c, scripting *s, bool flush, bool replaces) {
  const kevy_value *payload = &c->argv[2];
  rdb_source *in = calloc(1, sizeof *in);
  library *loaded = NULL;
  if (in == NULL) {
    command_error(c, KEVY_EOOM);
    return;
  }
  rdb_source_memory(in, payload->as.ptr, payload->len - RDB_FOOTER);
  functions *list = NULL;
  bool fine = restore_load(c, s, in, &loaded) && (flush || restore_fits(c, s, loaded, replaces));
  if (fine && !libraries_list(flush ? NULL : s->libraries, loaded, &list)) {
    fine = false;
    command_error(c, KEVY_EOOM);
  }
  rdb_source_close(in);
  free(in);
  if (!fine) {
    s->engine->settle(s->functions, false);
    libraries_free(loaded);
    return;
  }
  while (flush && s->libraries != NULL) library_remove(s, s->libraries);
  libraries_settle(s, loaded);
  libraries_note(c->store, s, list);
  sink_status(c->out, "OK");
}

/* That of no library is a footer alone. */
static bool restore_valid(const kevy_value *payload) {
  bool valkey;
  const char *end = payload->as.ptr + payload->len;
  if (payload->len != RDB_FOOTER) return rdb_payload_valid(payload->as.ptr, payload->len, &valkey);
  return crc64(0, payload->as.ptr, RDB_FOOTER - 8) == load64(end - 8);
}

void cmd_function_restore(command_call *c) {
  bool flush = c->argc == 4 && command_is(&c->argv[3], "FLUSH"), replaces = c->argc == 4 && command_is(&c->argv[3], "REPLACE");
  if (c->argc > 4) {
    function_fail_usage(c);
  } else if (c->argc == 4 && !flush && !replaces && !command_is(&c->argv[3], "APPEND")) {
    command_fail(c, "ERR Wrong restore policy given, value should be either FLUSH, APPEND or REPLACE.");
  } else if (!restore_valid(&c->argv[2])) {
    command_fail(c, "ERR DUMP payload version or checksum are wrong");
  } else if (function_writable(c)) {
    scripting *s = libraries_revive(c);
    if (s != NULL) function_restore(c, s, flush, replaces);
  }
}

void cmd_function_help(command_call *c) {
  static const char *const lines[] = {
      "LOAD [REPLACE] <FUNCTION CODE>",
      "    Create a new library with the given library name and code.",
      "DELETE <LIBRARY NAME>",
      "    Delete the given library.",
      "LIST [LIBRARYNAME PATTERN] [WITHCODE]",
      "    Return general information on all the libraries:",
      "    * Library name",
      "    * The engine used to run the Library",
      "    * Library description",
      "    * Functions list",
      "    * Library code (if WITHCODE is given)",
      "    It also possible to get only function that matches a pattern using LIBRARYNAME argument.",
      "STATS",
      "    Return information about the current function running:",
      "    * Function name",
      "    * Command used to run the function",
      "    * Duration in MS that the function is running",
      "    If no function is running, return nil",
      "    In addition, returns a list of available engines.",
      "KILL",
      "    Kill the current running function.",
      "FLUSH [ASYNC|SYNC]",
      "    Delete all the libraries.",
      "    When called without the optional mode argument, the behavior is determined by the",
      "    lazyfree-lazy-user-flush configuration directive. Valid modes are:",
      "    * ASYNC: Asynchronously flush the libraries.",
      "    * SYNC: Synchronously flush the libraries.",
      "DUMP",
      "    Return a serialized payload representing the current libraries, can be restored using FUNCTION RESTORE command",
      "RESTORE <PAYLOAD> [FLUSH|APPEND|REPLACE]",
      "    Restore the libraries represented by the given payload, it is possible to give a restore policy to",
      "    control how to handle existing libraries (default APPEND):",
      "    * FLUSH: delete all existing libraries.",
      "    * APPEND: appends the restored libraries to the existing libraries. On collision, abort.",
      "    * REPLACE: appends the restored libraries to the existing libraries, On collision, replace the old",
      "      libraries with the new libraries (notice that even on this option there is a chance of failure",
      "      in case of functions name collision with another library).",
      "HELP",
      "    Prints this help.",
      NULL,
  };
  command_answer_help(c, lines);
}

/* ---- FCALL ---- */

static void function_call(command_call *c, bool read_only) {
  library *all;
  if (!libraries_of(c, &all)) return;
  scripting *s = c->store->scripts;
  const library_function *f = libraries_function(all, NULL, c->argv[1].as.ptr, c->argv[1].len);
  int64_t keys;
  if (f == NULL) command_fail(c, "ERR Function not found");
  else if (!number_parse_int(c->argv[2].as.ptr, c->argv[2].len, &keys)) command_fail(c, "ERR Bad number of keys provided");
  else if ((keys = scripting_keys(c, 2)) >= 0) scripting_run(c, s, f->name, f->flags | SCRIPT_FUNCTION, read_only, 3, keys);
}

void cmd_fcall(command_call *c) { function_call(c, false); }
void cmd_fcall_ro(command_call *c) { function_call(c, true); }
