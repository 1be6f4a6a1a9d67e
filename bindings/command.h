/* command: the Redis dialect over the engine: rows, dispatch, and what a handler needs.
 *
 * A command runs with the store's lock held, from its first argument to the last byte of its
 * answer; no code of the host program runs in between. command_run finds the row and checks the
 * arity once for all handlers; a handler then reads its arguments, calls the engine, and writes
 * exactly one answer to the sink: a value, or an error after which nothing has changed. */
#ifndef KEVY_COMMAND_H
#define KEVY_COMMAND_H

#include "kevy.h"
#include "reply.h"

typedef struct command_call command_call;

typedef struct command {
  kevy_command_row about;
  void (*handler)(command_call *c);
  const char *key_specs;            /* see commands.def */
  const char *categories;
  const char *tips;
  const char *complexity;
} command;

struct command_call {
  kevy_store *store;
  const command *row;
  size_t argc;            /* counts the name */
  const kevy_value *argv; /* strings, of kind bytes or text, which mean the same to a command */
  const kevy_value *given; /* the arguments as they came, numbers as numbers */
  bool kinds;              /* what is stored keeps the kind it was given in (kevy_call_typed) */
  kevy_status failed;      /* the status behind an error answered by command_error; else KEVY_OK */
  bool erred;              /* the answer is an error */
  kevy_session *session;   /* whose command it is; NULL: of none */
  uint32_t *db;            /* where the database that was selected is remembered; NULL: nowhere, and it is the store's */
  bool inside;             /* EXEC runs it */
  bool scripted;           /* a script calls it */
  bool may_wait;           /* the caller keeps a command that waits */
  bool late;               /* it comes while a script is late (scripting.h) */
  bool over;               /* the error is none of the keys' that it waits for: it ends the wait */
  struct {                 /* set by command_wait */
    size_t first, keys;    /* the arguments that are the keys to wait for; keys is 0 when it does not wait */
    int64_t timeout_ms;    /* 0 for ever */
    kevy_value *argv;      /* what to run later in place of the arguments given, allocated as one; NULL: these */
  } waits;
  sink *out;
};

/* A call of no session, in the database that is selected, with everything else that it may be unset. Each member by itself: a
 * literal of this size is cleared by `rep stos`, which is slow to begin. */
static inline void command_begin(command_call *c, kevy_store *s, size_t argc, const kevy_value *argv, sink *out) {
  c->store = s;
  c->row = NULL;
  c->argc = argc;
  c->argv = argv;
  c->given = argv;
  c->kinds = false;
  c->failed = KEVY_OK;
  c->erred = false;
  c->session = NULL;
  c->db = NULL;
  c->inside = false;
  c->scripted = false;
  c->may_wait = false;
  c->late = false;
  c->over = false;
  c->waits.first = 0;
  c->waits.keys = 0;
  c->waits.timeout_ms = 0;
  c->waits.argv = NULL;
  c->out = out;
}

/* Runs a command and answers to out. The caller holds the lock of an open store. Returns KEVY_OK when
 * there is an answer, errors included; KEVY_EARG when there is no command or an argument is of no
 * scalar kind; KEVY_EOOM when the arguments could not be prepared. */
kevy_status command_run(kevy_store *s, size_t argc, const kevy_value *argv, sink *out);

/* The same for native callers: what is stored keeps its kind. *failed is the status behind an error reply,
 * KEVY_ECOMMAND where there is none; KEVY_OK when the reply is no error that command_error answered. */
kevy_status command_run_typed(kevy_store *s, size_t argc, const kevy_value *argv, sink *out,
                              kevy_status *failed);

/* The same with everything in *c given; c says afterwards whether it waits, and what failed. */
kevy_status command_run_call(command_call *c);

/* Runs the row's handler, and tells what it did where somebody wants to know. */
void command_handle(command_call *c);

/* The status of a flat reply that is an error: why the engine failed (below 0), or else KEVY_ECOMMAND. Notes its
 * text for kevy_errmsg. */
kevy_status command_failed(kevy_store *s, kevy_reply *r, kevy_status why);

/* What a call returns once it has left the store, which answered `durable`: that, where it is no success. With resp, whose
 * errors are answers, the reply becomes the error. */
kevy_status command_left(kevy_store *s, kevy_status status, kevy_status durable, kevy_reply *resp);

/* ---- Rows ------------------------------------------------------------------------------------ */

/* The row at index, NULL past the last. */
const command *command_at(size_t index);

/* The row that a command line means, the subcommand's where there is one; NULL when unknown. */
const command *command_lookup(size_t argc, const kevy_value *argv);

/* The row of a whole name, "get" or "object|freq", in any case; NULL when unknown. */
const command *command_find(const char *name, size_t len);

/* The lower-case name that replies and messages use, "object|freq". Static. */
const char *command_full_name(const command *row);

/* Whether the row is a subcommand, and of this container when one is given. */
bool command_is_sub(const command *row, const command *container);

/* Whether the row's flags have "write". */
bool command_writes(const command *row);

/* Visits the keys of a command line. */
void command_each_key(const command *row, size_t argc, const kevy_value *argv,
                      void (*visit)(void *context, const kevy_value *key), void *context);

/* Whether argc arguments, the name included, suit the row. */
bool command_arity_fits(const command *row, size_t argc);

/* The next word of a row's list, from *at on; false at the end or at a remark in parentheses. */
bool command_word_next(const char **at, kevy_value *word);

/* Whether a row's list has a word, in any case. */
bool command_has_word(const char *list, const char *wanted);

/* A syntax as COMMAND DOCS tells it, the word "arguments" first; false, and nothing told, where it has none. out: NULL asks. */
bool command_docs_arguments(sink *out, const char *syntax);

/* ---- Arguments ------------------------------------------------------------------------------- */

/* An argument as what is to be stored: of kind bytes, or, when the call keeps kinds, as it was given. */
static inline kevy_value command_value(const command_call *c, size_t i) {
  return c->kinds ? c->given[i] : kevy_bytes(c->argv[i].as.ptr, c->argv[i].len);
}
/* The kind of a key this call creates: KEVY_TEXT_KEY or 0. */
static inline uint32_t command_key_flag(const command_call *c, size_t i) {
  return c->kinds && c->given[i].kind == KEVY_TEXT ? KEVY_TEXT_KEY : 0;
}

/* Whether an argument is this word, in any case. word is upper-case. */
bool command_is(const kevy_value *arg, const char *word);

/* Reads an integer; false, having answered the error, when it is none. */
bool command_int(command_call *c, const kevy_value *arg, int64_t *out);

/* What SCAN, SSCAN, HSCAN and ZSCAN ask for. */
typedef struct command_scan {
  const kevy_value *pattern; /* MATCH; NULL: everything */
  const kevy_value *type;    /* TYPE; NULL: every type */
  uint64_t count;            /* COUNT; 10 without one */
  bool pairs;                /* set by the caller where names have values */
  bool names;                /* NOVALUES: then the names alone */
} command_scan;

/* Reads a cursor, and the options from argument first on; false, having answered the error. TYPE is an option
 * where keys are scanned. */
bool command_cursor(command_call *c, const kevy_value *arg, uint64_t *cursor);
bool command_scan_options(command_call *c, size_t first, bool keys, command_scan *o);

/* Whether an element's name, of kind bytes, text or int, matches the pattern. */
bool command_scan_wants(const command_scan *o, const kevy_value *name);

/* Begins a scan's answer, an array of two: the cursor, and what follows. */
void command_answer_cursor(command_call *c, uint64_t cursor);

/* ---- Answers --------------------------------------------------------------------------------- */

/* Answers that there is nothing yet, with RESP2's null array, and says what a caller who can wait should wait
 * for: `keys` of the arguments from `first` on, for timeout_ms (0: for ever). */
void command_wait(command_call *c, size_t first, size_t keys, int64_t timeout_ms);

/* Reads the timeout of a blocking command, in seconds, as milliseconds rounded up; false, having answered the
 * error, when it is none. */
bool command_timeout(command_call *c, const kevy_value *arg, int64_t *timeout_ms);

/* Answers the error that errors.def has for a status. */
void command_error(command_call *c, kevy_status status);

/* Answers an error by its whole text, code word included. */
void command_fail(command_call *c, const char *text);

#define COMMAND_SYNTAX "ERR syntax error"

#define COMMAND_REDIS_VERSION "7.2.0" /* of the Redis that answers are compared with */

/* "ERR wrong number of arguments for 'get' command" and "ERR invalid expire time in 'set' command". */
void command_fail_arity(command_call *c);
void command_fail_expire(command_call *c);

/* "ERR Unsupported option FOO" */
void command_fail_option(command_call *c, const kevy_value *option);

/* Error texts made of pieces. What a user sent is cut at its first zero byte and at most bytes, and
 * loses its line ends, so that an error always is one line. */
typedef struct command_text {
  size_t len;
  char bytes[REPLY_ROOM - 128];
} command_text;

void command_text_add(command_text *t, const char *text);
void command_text_add_arg(command_text *t, const kevy_value *arg, size_t most);
void command_fail_text(command_call *c, const command_text *t);

/* The answer to HELP: the array of so many lines and the one on what was asked before them; then lines up to NULL. */
void command_answer_title(command_call *c, size_t lines);
void command_answer_help(command_call *c, const char *const *lines);

/* ---- Sessions: session.c --------------------------------------------------------------------- */

/* Whether the session is between MULTI and EXEC and the command is one that waits for EXEC: then it is queued and answered. */
bool session_queues(command_call *c);

/* Answers an error where the command is of no session. */
bool session_missing(command_call *c);

/* Whether the session listens to channels, in protocol 2, and the command is none of those that it may use then: that is answered. */
bool session_refuses(command_call *c);

/* Whether it does. */
bool session_is_deaf(const kevy_session *session);

/* Whether the command, which comes while a script is late, has to wait: then it is answered. */
bool session_waits_for_script(command_call *c);

/* Whether the session may only look and the command is more than that: then it is answered. Writes, scripts that may write,
 * messages to others, and what changes the server. */
bool session_forbids(command_call *c);

/* Whether the row writes, may (a script), or tells others. */
bool session_changes(const command *row);

/* From now on the session may only look. */
void session_restrict(kevy_session *session);

/* Its last command is this one; NULL: an unknown one. */
void session_note(kevy_session *session, const command *row);

/* A command that is not accepted there: EXEC will refuse. */
void session_rejects(command_call *c);

/* ---- Handlers: cmd_string.c, cmd_key.c, cmd_server.c, cmd_command.c --------------------------- */

#define COMMAND(name, handler, ...) void handler(command_call *c);
#include "commands.def"
#undef COMMAND

#endif
