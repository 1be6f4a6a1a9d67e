/* scripting: see scripting.h. */
#include "scripting.h"

#include <dlfcn.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "clients.h"
#include "config.h"
#include "effect.h"
#include "number.h"
#include "store.h"

static bool windows_meanwhile(kevy_store *s); /* window.c */

/* ---- The module ---- */

#define MODULE_NAME "libkevy-script.so"

/* dladdr, which is not named without _GNU_SOURCE. */
typedef struct module_place {
  const char *file;
  void *base;
  const char *symbol;
  void *address;
} module_place;
int module_find_place(const void *address, module_place *place) __asm__("dladdr");

static pthread_once_t module_once = PTHREAD_ONCE_INIT;
static const script_engine *module_engine;
static char module_error[256];

static const script_engine *module_open(const char *path) {
  void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  const script_engine *engine = handle != NULL ? dlsym(handle, "kevy_script_engine") : NULL;
  if (engine != NULL && engine->contract == SCRIPT_CONTRACT) return engine;
  const char *why = handle == NULL ? dlerror() : NULL;
  snprintf(module_error, sizeof module_error, "%s", why != NULL ? why : MODULE_NAME " is of another version of kevy");
  return NULL;
}

/* Beside the library that this is in, or where the system looks. */
static void module_load(void) {
  module_place place = {NULL, NULL, NULL, NULL};
  char path[4096];
  bool known = module_find_place(&module_once, &place) != 0 && place.file != NULL;
  const char *slash = known ? strrchr(place.file, '/') : NULL;
  size_t len = slash != NULL ? (size_t)(slash + 1 - place.file) : 0;
  if (len != 0 && len + sizeof MODULE_NAME <= sizeof path) {
    memcpy(path, place.file, len);
    memcpy(path + len, MODULE_NAME, sizeof MODULE_NAME);
    module_engine = module_open(path);
  }
  if (module_engine == NULL) module_engine = module_open(MODULE_NAME);
}

/* ---- What the interpreter asks for ---- */

/* A run, and whose it is; the contract's part comes first. */
typedef struct scripting_call {
  script_run run;
  command_call *c;
  scripting *s;
  bool read_only;
  uint32_t db; /* that it selects, for itself */
  int64_t began; /* on clients_clock */
  bool function, wrote, late, killed;
} scripting_call;

static scripting_call *host_of(script_run *run) { return (scripting_call *)(void *)run; }
static sink *host_out(script_run *run) { return host_of(run)->c->out; }

/* Whether a read-only script must not call a command: those that write, and those that Redis may replicate as if they did. */
static bool host_may_write(const command *row) {
  return command_writes(row) || row->handler == cmd_pfcount || row->handler == cmd_publish || row->handler == cmd_spublish;
}

/* Why a script must not call a command; NULL: it may. */
static const char *host_refuses(const scripting_call *call, size_t argc, const kevy_value *argv) {
  const command *row = command_lookup(argc, argv);
  if (row == NULL) return "Unknown Redis command called from script";
  if (!command_arity_fits(row, argc)) return "Wrong number of args calling Redis command from script";
  if (command_has_word(row->about.flags, "noscript")) return "This Redis command is not allowed from script";
  if (call->read_only && host_may_write(row)) return "Write commands are not allowed from read-only scripts.";
  return NULL;
}

static const char *host_call(script_run *run, size_t argc, const kevy_value *argv, const char **answer, size_t *len) {
  scripting_call *call = host_of(run);
  const char *refused = host_refuses(call, argc, argv);
  if (refused != NULL) return refused;
  if (command_writes(command_lookup(argc, argv))) call->wrote = true;
  kevy_reply *r = call->s->reply;
  reply_start(r, reply_encoded(REPLY_RESP, run->protocol));
  command_call one;
  command_begin(&one, call->c->store, argc, argv, &r->sink);
  one.db = &call->db;
  one.scripted = true;
  kevy_status status = command_run_call(&one);
  free(one.waits.argv);
  if (status != KEVY_OK || r->failed) return "-OOM command not allowed when used memory > 'maxmemory'.";
  *answer = r->bytes;
  *len = r->len;
  return NULL;
}

#define OUT_OF_TIME "Script killed, it ran longer than lua-time-limit allows"

static const char *host_late(script_run *run) {
  scripting_call *call = host_of(run);
  kevy_store *s = call->c->store;
  if (!s->locked) return OUT_OF_TIME;
  if (!call->late) store_late_begin(s);
  call->late = true;
  store_give_way(s);
  if (s->windows != NULL && !windows_meanwhile(s)) return OUT_OF_TIME;
  if (call->killed) return "Script killed by user with SCRIPT KILL...";
  uint64_t ran = (uint64_t)(clients_clock() - call->began);
  return ran > SCRIPTING_LATE_MS && ran - SCRIPTING_LATE_MS > run->limit_ms ? OUT_OF_TIME : NULL;
}

static bool host_known(size_t argc, const kevy_value *argv) { return command_lookup(argc, argv) != NULL; }

static size_t host_number(double d, char out[SCRIPT_NUMBER]) {
  _Static_assert(SCRIPT_NUMBER >= NUMBER_FLOAT_MAX, "room for a number's text");
  if (d == d) return number_format_float(d, out);
  return (size_t)snprintf(out, SCRIPT_NUMBER, "%s", signbit(d) ? "-nan" : "nan");
}

/* A line has no line ends. What does not fit into memory is cut. */
static void host_line(script_run *run, const char *text, size_t len, void (*write)(sink *k, const char *text, size_t len)) {
  char few[256], *line = len <= sizeof few ? few : malloc(len);
  if (line == NULL) line = few, len = sizeof few;
  memcpy(line, text, len);
  for (size_t i = 0; i < len; i++)
    if (line[i] == '\r' || line[i] == '\n') line[i] = ' ';
  write(host_out(run), line, len);
  if (line != few) free(line);
}

static void host_nil(script_run *run) { sink_nil(host_out(run)); }
static void host_integer(script_run *run, int64_t i) { sink_integer(host_out(run), i); }
static void host_boolean(script_run *run, bool b) { sink_boolean(host_out(run), b); }
static void host_real(script_run *run, double d) { sink_real(host_out(run), d); }
static void host_bulk(script_run *run, const char *bytes, size_t len) { sink_bytes(host_out(run), bytes, len); }
static void host_verbatim(script_run *run, const char *format, const char *bytes, size_t len) {
  host_out(run)->ops->verbatim(host_out(run), format, bytes, len);
}
static void host_big(script_run *run, const char *digits, size_t len) {
  host_line(run, digits, len, host_out(run)->ops->big);
}
static void host_array(script_run *run, size_t n) { sink_array(host_out(run), n); }
static void host_map(script_run *run, size_t n) { sink_map(host_out(run), n); }
static void host_set(script_run *run, size_t n) { sink_set(host_out(run), n); }

static void host_status(script_run *run, const char *text, size_t len) {
  host_line(run, text, len, host_out(run)->ops->status);
}

static void host_error(script_run *run, const char *text, size_t len) {
  while (len > 0 && (text[len - 1] == '\r' || text[len - 1] == '\n')) len--;
  host_of(run)->c->erred = true;
  host_line(run, text, len, sink_error);
}

static const script_host scripting_host = {
    .version = "7.2.0",
    .version_number = 0x00070200,
    .call = host_call,
    .late = host_late,
    .known = host_known,
    .number = host_number,
    .nil = host_nil,
    .integer = host_integer,
    .boolean = host_boolean,
    .real = host_real,
    .bulk = host_bulk,
    .big = host_big,
    .verbatim = host_verbatim,
    .status = host_status,
    .error = host_error,
    .array = host_array,
    .map = host_map,
    .set = host_set,
};

/* ---- A store's interpreter ---- */

static void scripting_close(scripting *s) {
  if (s == NULL) return;
  s->engine->close(s->state);
  s->engine->close(s->functions);
  libraries_free(s->libraries);
  functions_release(s->made_of);
  kevy_reply_free(s->reply);
  free(s);
}

static scripting *scripting_new(void) {
  scripting *s = calloc(1, sizeof *s);
  if (s == NULL) return NULL;
  s->engine = module_engine;
  s->reply = kevy_reply_new();
  if (s->reply != NULL) return s;
  scripting_close(s);
  return NULL;
}

static void scripting_missing(command_call *c) {
  command_text t = {.len = 0};
  command_text_add(&t, "ERR scripts need kevy's interpreter: ");
  command_text_add(&t, module_error);
  command_fail_text(c, &t);
}

static scripting *scripting_open(command_call *c) {
  pthread_once(&module_once, module_load);
  kevy_store *store = c->store;
  if (module_engine == NULL) {
    scripting_missing(c);
    return NULL;
  }
  if (store->scripts == NULL) {
    store->scripts = scripting_new();
    store->close_scripts = scripting_close;
  }
  if (store->scripts == NULL) command_error(c, KEVY_EOOM);
  return store->scripts;
}

static scripting *scripting_with(command_call *c, scripting *s, script_state **state, bool of_libraries) {
  if (*state == NULL) *state = s->engine->open(&scripting_host, SCRIPTING_MEMORY, of_libraries);
  if (*state != NULL) return s;
  command_error(c, KEVY_EOOM);
  return NULL;
}

scripting *scripting_of(command_call *c) {
  scripting *s = scripting_open(c);
  return s != NULL ? scripting_with(c, s, &s->state, false) : NULL;
}

scripting *scripting_functions_of(command_call *c) {
  scripting *s = scripting_open(c);
  return s != NULL ? scripting_with(c, s, &s->functions, true) : NULL;
}

void scripting_flush(kevy_store *store) {
  scripting *s = store->scripts;
  if (s == NULL) return;
  s->engine->close(s->state);
  s->state = NULL;
}

void scripting_flush_functions(kevy_store *store) {
  scripting *s = store->scripts;
  if (s == NULL) return;
  s->engine->close(s->functions);
  s->functions = NULL;
  libraries_free(s->libraries);
  functions_release(s->made_of);
  s->libraries = NULL;
  s->made_of = NULL;
}

/* ---- The first line ---- */

static const struct scripting_flag {
  const char *word;
  uint32_t flag;
} scripting_flags[] = {{"no-writes", SCRIPT_NO_WRITES},
                       {"allow-oom", SCRIPT_ALLOW_OOM},
                       {"allow-stale", SCRIPT_ALLOW_STALE},
                       {"no-cluster", SCRIPT_NO_CLUSTER},
                       {"allow-cross-slot-keys", SCRIPT_CROSS_SLOT}};

static bool shebang_fail(command_call *c, const char *text, const kevy_value *about) {
  command_text t = {.len = 0};
  command_text_add(&t, text);
  if (about != NULL) command_text_add_arg(&t, about, 128);
  command_fail_text(c, &t);
  return false;
}

static bool shebang_flag(command_call *c, const kevy_value *word, uint32_t *flags) {
  for (size_t i = 0; i < sizeof scripting_flags / sizeof *scripting_flags; i++) {
    const struct scripting_flag *f = &scripting_flags[i];
    if (word->len != strlen(f->word) || memcmp(word->as.ptr, f->word, word->len) != 0) continue;
    *flags |= f->flag;
    return true;
  }
  return shebang_fail(c, "ERR Unexpected flag in script shebang: ", word);
}

/* no-writes,allow-oom */
static bool shebang_flags(command_call *c, const char *at, const char *end, uint32_t *flags) {
  if (at == end) return true;
  for (const char *next; at <= end; at = next + 1) {
    next = memchr(at, ',', (size_t)(end - at));
    if (next == NULL) next = end;
    kevy_value word = kevy_bytes(at, (size_t)(next - at));
    if (!shebang_flag(c, &word, flags)) return false;
  }
  return true;
}

/* The next word of the line; NULL: none is left. */
static const char *shebang_word(const char **at, const char *end, size_t *len) {
  while (*at < end && strchr(" \t\v\f\r", **at) != NULL) ++*at;
  const char *word = *at;
  while (*at < end && strchr(" \t\v\f\r", **at) == NULL) ++*at;
  *len = (size_t)(*at - word);
  return *len != 0 ? word : NULL;
}

bool scripting_shebang(command_call *c, const kevy_value *body, uint32_t *flags, size_t *skip) {
  *flags = SCRIPT_COMPATIBLE;
  *skip = 0;
  if (body->len < 2 || memcmp(body->as.ptr, "#!", 2) != 0) return true;
  const char *at = body->as.ptr, *end = memchr(at, '\n', body->len);
  if (end == NULL) return shebang_fail(c, "ERR Invalid script shebang", NULL);
  *flags = 0;
  *skip = (size_t)(end - at);
  size_t len;
  const char *word = shebang_word(&at, end, &len);
  kevy_value engine = kevy_bytes(word, len);
  if (len != 5 || memcmp(word, "#!lua", 5) != 0) return shebang_fail(c, "ERR Unexpected engine in script shebang: ", &engine);
  while ((word = shebang_word(&at, end, &len)) != NULL) {
    kevy_value option = kevy_bytes(word, len);
    if (len < 6 || memcmp(word, "flags=", 6) != 0) return shebang_fail(c, "ERR Unknown lua shebang option: ", &option);
    if (!shebang_flags(c, word + 6, word + len, flags)) return false;
  }
  return true;
}

/* ---- Running ---- */

int64_t scripting_keys(command_call *c, size_t at) {
  int64_t keys;
  if (!command_int(c, &c->argv[at], &keys)) return -1;
  if (keys > (int64_t)(c->argc - at - 1)) command_fail(c, "ERR Number of keys can't be greater than number of args");
  else if (keys < 0) command_fail(c, "ERR Number of keys can't be negative");
  else return keys;
  return -1;
}

void scripting_run(command_call *c, scripting *s, const char *name, uint32_t flags, bool read_only, size_t first, int64_t keys) {
  if (read_only && !(flags & (SCRIPT_COMPATIBLE | SCRIPT_NO_WRITES))) {
    command_fail(c, "ERR Can not execute a script with write flag using *_ro command.");
    return;
  }
  kevy_store *store = c->store;
  const kevy_value *key = c->argv + first;
  uint64_t limit_ms = (uint64_t)config_number(store, CONFIG_BUSY_REPLY_THRESHOLD);
  scripting_call call = {{&scripting_host, name, (size_t)keys, c->argc - first - (size_t)keys, key, key + keys, limit_ms, 2},
                         c, s, read_only || (flags & SCRIPT_NO_WRITES) != 0, store->index, clients_clock(),
                         (flags & SCRIPT_FUNCTION) != 0, false, false, false};
  bool stopped = store->clock.fixed == KEVY_NO_TTL;
  if (stopped) store->clock.fixed = clock_now(&store->clock);
  if (effect_kept(store)) effect_hold(store);
  s->running = &call;
  if (flags & SCRIPT_FUNCTION) s->engine->invoke(s->functions, &call.run);
  else s->engine->run(s->state, &call.run);
  s->running = NULL;
  if (call.late) store_late_end(store);
  if (effect_kept(store)) effect_release(store);
  if (stopped) store->clock.fixed = KEVY_NO_TTL;
}

/* ---- One that is late ---- */

const char *scripting_busy(const kevy_store *s) {
  return s->scripts->running->function
             ? "BUSY Redis is busy running a script. You can only call FUNCTION KILL or SHUTDOWN NOSAVE."
             : "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.";
}

void scripting_kill(kevy_store *s) { s->scripts->running->killed = true; }

scripting_late scripting_that_is_late(const kevy_store *s) {
  const scripting_call *call = s->scripts->running;
  return (scripting_late){call->function, call->wrote, call->run.name, call->c->argc, call->c->argv, clients_clock() - call->began};
}
