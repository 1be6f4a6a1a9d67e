/* command.c: rows, dispatch, and the helpers that handlers share.
 *
 * Rows are found by a small open-addressing table over their lower-case names, built once: a lookup
 * lowers, hashes and compares the name a word at a time (a third of the instructions of byte by byte),
 * allocates nothing, and touches one row. A subcommand is found under its whole name, "object|freq". */
#include "command.h"

#include <pthread.h>
#include <stdlib.h>

#include "../core/persist/directory.h"
#include "database.h"
#include "glob.h"
#include "notify.h"
#include "propagate.h"
#include "store.h"

/* ---- Rows ------------------------------------------------------------------------------------ */

static const command command_rows[] = {
#define COMMAND(name, handler, arity, flags, first_key, last_key, key_step, key_specs, categories, \
                tips, group, since, syntax, summary, complexity)                                   \
  {{name, arity, first_key, last_key, key_step, flags, group, since, syntax, summary},             \
   handler, key_specs, categories, tips, complexity},
#include "commands.def"
#undef COMMAND
};

#define COMMAND_ROWS (sizeof command_rows / sizeof command_rows[0])
#define COMMAND_NAME_MAX 32 /* longest whole name, terminator included */
#define COMMAND_SLOTS 1024  /* a power of two, well above the number of rows */

/* In lower case, with zeros behind. */
typedef struct command_name {
  size_t len;
  union {
    char bytes[COMMAND_NAME_MAX];
    uint64_t words[COMMAND_NAME_MAX / 8];
  };
} command_name;

static pthread_once_t command_once = PTHREAD_ONCE_INIT;
static command_name command_names[COMMAND_ROWS];
static bool command_contains[COMMAND_ROWS]; /* whether the row has subcommands */
static bool command_contained[COMMAND_ROWS]; /* whether it is one */
static bool command_writing[COMMAND_ROWS];
static uint16_t command_slots[COMMAND_SLOTS]; /* index of a row + 1; 0 is free */

_Static_assert(COMMAND_ROWS < COMMAND_SLOTS / 2,
               "the slots hold every row with room to spare");

static char command_lower(char ch) {
  return ch >= 'A' && ch <= 'Z' ? (char)(ch + ('a' - 'A')) : ch;
}

/* command_lower of eight bytes: a byte is a capital when it is below 128, and its high bit is set by adding what takes 'A' there,
 * and not by adding what takes the byte after 'Z' there. */
static uint64_t command_lower_word(uint64_t word) {
  const uint64_t each = UINT64_C(0x0101010101010101), high = each * 128, low = word & ~high;
  uint64_t capital = (low + each * (128 - 'A')) & ~(low + each * (127 - 'Z')) & ~word & high;
  return word | capital >> 2;
}

static size_t command_words(const command_name *name) { return (name->len + 7) / 8; }

/* Fewer than eight bytes as a word, zeros behind. By loads alone: bytes put together in memory and read as a word wait for each other. */
static uint64_t command_few(const char *bytes, size_t n) {
  if (n >= 4) return load32(bytes) | (uint64_t)load32(bytes + n - 4) << 8 * (n - 4);
  uint64_t word = 0;
  for (size_t i = n; i > 0; i--) word = word << 8 | (unsigned char)bytes[i - 1];
  return word;
}

/* A name in lower case; false when it is longer than any row's. */
static bool command_name_of(command_name *name, const char *bytes, size_t len) {
  *name = (command_name){.len = len};
  if (len >= COMMAND_NAME_MAX) return false;
  size_t whole = len / 8;
  for (size_t i = 0; i < whole; i++) name->words[i] = command_lower_word(load64(bytes + 8 * i));
  name->words[whole] = command_lower_word(command_few(bytes + 8 * whole, len % 8));
  return true;
}

/* The whole name of a subcommand: puts a bar and its name behind the container's. */
static bool command_name_under(command_name *name, const char *bytes, size_t len) {
  command_name sub;
  if (!command_name_of(&sub, bytes, len) || name->len + 1 + len >= COMMAND_NAME_MAX) return false;
  name->bytes[name->len] = '|';
  memcpy(name->bytes + name->len + 1, sub.bytes, len);
  name->len += 1 + len;
  return true;
}

static size_t command_hash(const command_name *name) {
  uint64_t hash = 0;
  for (size_t i = 0; i < command_words(name); i++) hash = (hash ^ name->words[i]) * UINT64_C(0x9E3779B97F4A7C15);
  return (hash ^ hash >> 32) >> 8 & (COMMAND_SLOTS - 1);
}

static bool command_same_name(const command_name *a, const command_name *b) {
  uint64_t differ = a->len ^ b->len;
  for (size_t i = 0; i < command_words(a); i++) differ |= a->words[i] ^ b->words[i];
  return differ == 0;
}

/* The slot that holds the name, or the free one where it would be. */
static size_t command_slot(const command_name *name) {
  size_t slot = command_hash(name);
  while (command_slots[slot] != 0 &&
         !command_same_name(&command_names[command_slots[slot] - 1], name))
    slot = (slot + 1) % COMMAND_SLOTS;
  return slot;
}

static const command *command_named(const command_name *name) {
  uint16_t found = command_slots[command_slot(name)];
  return found != 0 ? &command_rows[found - 1] : NULL;
}

static void command_build(void) {
  for (size_t i = 0; i < COMMAND_ROWS; i++) {
    const char *name = command_rows[i].about.name;
    command_name_of(&command_names[i], name, strlen(name));
    command_slots[command_slot(&command_names[i])] = (uint16_t)(i + 1);
    command_writing[i] = strncmp(command_rows[i].about.flags, "write", 5) == 0;
    command_contained[i] = command_is_sub(&command_rows[i], NULL);
  }
  for (size_t i = 0; i < COMMAND_ROWS; i++)
    for (size_t j = 0; j < COMMAND_ROWS; j++)
      if (command_is_sub(&command_rows[j], &command_rows[i])) command_contains[i] = true;
}

static size_t command_index(const command *row) { return (size_t)(row - command_rows); }

bool command_writes(const command *row) { return command_writing[command_index(row)]; }

const command *command_at(size_t index) {
  return index < COMMAND_ROWS ? &command_rows[index] : NULL;
}

KEVY_API const kevy_command_row *kevy_command(size_t index) {
  return index < COMMAND_ROWS ? &command_rows[index].about : NULL;
}

const char *command_full_name(const command *row) {
  pthread_once(&command_once, command_build);
  return command_names[command_index(row)].bytes;
}

bool command_is_sub(const command *row, const command *container) {
  const char *bar = strchr(row->about.name, '|');
  if (bar == NULL || container == NULL) return bar != NULL;
  size_t len = (size_t)(bar - row->about.name);
  return strlen(container->about.name) == len &&
         memcmp(container->about.name, row->about.name, len) == 0;
}

const command *command_find(const char *name, size_t len) {
  pthread_once(&command_once, command_build);
  command_name whole;
  return command_name_of(&whole, name, len) ? command_named(&whole) : NULL;
}

const command *command_lookup(size_t argc, const kevy_value *argv) {
  const command *row = command_find(argv[0].as.ptr, argv[0].len);
  if (row == NULL || command_contained[command_index(row)]) return NULL;
  if (argc == 1 || !command_contains[command_index(row)]) return row;
  command_name whole = command_names[command_index(row)];
  return command_name_under(&whole, argv[1].as.ptr, argv[1].len) ? command_named(&whole) : NULL;
}

bool command_arity_fits(const command *row, size_t argc) {
  int32_t arity = row->about.arity;
  return arity < 0 ? argc >= (size_t)-arity : argc == (size_t)arity;
}

/* ---- Answers --------------------------------------------------------------------------------- */

void command_text_add(command_text *t, const char *text) {
  kevy_value arg = kevy_bytes(text, strlen(text));
  command_text_add_arg(t, &arg, arg.len);
}

void command_text_add_arg(command_text *t, const kevy_value *arg, size_t most) {
  for (size_t i = 0; i < arg->len && i < most && t->len < sizeof t->bytes; i++) {
    char ch = arg->as.ptr[i];
    if (ch == '\0') break;
    t->bytes[t->len++] = ch == '\r' || ch == '\n' ? ' ' : ch;
  }
}

void command_fail_text(command_call *c, const command_text *t) {
  c->erred = true;
  sink_error(c->out, t->bytes, t->len);
}

void command_answer_title(command_call *c, size_t lines) {
  command_text title = {.len = 0};
  command_text_add(&title, c->row->about.name);
  title.len = strcspn(c->row->about.name, "|");
  command_text_add(&title, " <subcommand> [<arg> [value] [opt] ...]. Subcommands are:");
  sink_array(c->out, 1 + lines);
  c->out->ops->status(c->out, title.bytes, title.len);
}

void command_answer_help(command_call *c, const char *const *lines) {
  size_t n = 0;
  while (lines[n] != NULL) n++;
  command_answer_title(c, n);
  for (size_t i = 0; i < n; i++) sink_status(c->out, lines[i]);
}

void command_fail(command_call *c, const char *text) {
  c->erred = true;
  sink_error(c->out, text, strlen(text));
}

void command_error(command_call *c, kevy_status status) {
  c->failed = status;
  static const char *const replies[] = {
#define ERROR(name, python, python_base, reply) [-KEVY_##name] = reply,
#include "errors.def"
#undef ERROR
  };
  if (status == KEVY_EREFUSED && directory_of(c->store) != NULL && directory_denied(directory_of(c->store)) != 0) {
    command_fail(c, "READONLY You can't write against a read only directory.");
    return;
  }
  size_t row = (size_t)-status;
  bool known = row < sizeof replies / sizeof replies[0] && replies[row] != NULL;
  command_fail(c, known ? replies[row] : replies[-KEVY_EARG]);
}

static void command_fail_about(command_call *c, const char *before, const char *after) {
  command_text t = {.len = 0};
  command_text_add(&t, before);
  command_text_add(&t, command_full_name(c->row));
  command_text_add(&t, after);
  command_fail_text(c, &t);
}

void command_fail_arity(command_call *c) {
  command_fail_about(c, "ERR wrong number of arguments for '", "' command");
}

void command_fail_expire(command_call *c) {
  command_fail_about(c, "ERR invalid expire time in '", "' command");
}

void command_fail_option(command_call *c, const kevy_value *option) {
  command_text t = {.len = 0};
  command_text_add(&t, "ERR Unsupported option ");
  command_text_add_arg(&t, option, option->len);
  command_fail_text(c, &t);
}

void command_wait(command_call *c, size_t first, size_t keys, int64_t timeout_ms) {
  c->waits.first = first;
  c->waits.keys = keys;
  c->waits.timeout_ms = timeout_ms;
  sink_nil_array(c->out);
}

/* ---- Arguments ------------------------------------------------------------------------------- */

bool command_is(const kevy_value *arg, const char *word) {
  size_t i = 0;
  for (; i < arg->len && word[i] != '\0'; i++)
    if (command_lower(arg->as.ptr[i]) != command_lower(word[i])) return false;
  return i == arg->len && word[i] == '\0';
}

bool command_int(command_call *c, const kevy_value *arg, int64_t *out) {
  if (number_parse_int(arg->as.ptr, arg->len, out)) return true;
  command_error(c, KEVY_ENOTINT);
  return false;
}

/* ---- Scans ----------------------------------------------------------------------------------- */

static bool command_parse_cursor(const kevy_value *arg, uint64_t *cursor) {
  *cursor = 0;
  for (size_t i = 0; i < arg->len; i++) {
    char ch = arg->as.ptr[i];
    if (ch < '0' || ch > '9') return false;
    uint64_t digit = (uint64_t)(ch - '0');
    if (*cursor > (UINT64_MAX - digit) / 10) return false;
    *cursor = *cursor * 10 + digit;
  }
  return arg->len > 0;
}

bool command_cursor(command_call *c, const kevy_value *arg, uint64_t *cursor) {
  if (command_parse_cursor(arg, cursor)) return true;
  command_fail(c, "ERR invalid cursor");
  return false;
}

bool command_scan_options(command_call *c, size_t first, bool keys, command_scan *o) {
  int64_t count = 10;
  for (size_t i = first; i < c->argc; i += 2) {
    const kevy_value *word = &c->argv[i];
    const kevy_value *value = i + 1 < c->argc ? &c->argv[i + 1] : NULL;
    if (o->pairs && command_is(word, "NOVALUES")) {
      o->names = true;
      i--;
      continue;
    }
    if (value != NULL && command_is(word, "MATCH")) {
      o->pattern = value;
    } else if (value != NULL && keys && command_is(word, "TYPE")) {
      o->type = value;
    } else if (value != NULL && command_is(word, "COUNT")) {
      if (!command_int(c, value, &count)) return false;
      if (count < 1) value = NULL;
    } else {
      value = NULL;
    }
    if (value != NULL) continue;
    command_fail(c, COMMAND_SYNTAX);
    return false;
  }
  o->count = (uint64_t)count;
  return true;
}

bool command_scan_wants(const command_scan *o, const kevy_value *name) {
  if (o->pattern == NULL) return true;
  char digits[NUMBER_FLOAT_MAX];
  kevy_value bytes = number_byte_form(name, digits);
  return glob_match(o->pattern->as.ptr, o->pattern->len, bytes.as.ptr, bytes.len, false);
}

void command_answer_cursor(command_call *c, uint64_t cursor) {
  char text[NUMBER_INT_MAX];
  size_t len = cursor <= INT64_MAX ? number_format_int((int64_t)cursor, text)
                                   : number_format_int((int64_t)(cursor / 10), text);
  if (cursor > INT64_MAX) text[len++] = (char)('0' + cursor % 10);
  sink_array(c->out, 2);
  sink_bytes(c->out, text, len);
}

bool command_timeout(command_call *c, const kevy_value *arg, int64_t *timeout_ms) {
  long double seconds;
  if (!number_parse_long_double(arg->as.ptr, arg->len, &seconds)) {
    command_fail(c, "ERR timeout is not a float or out of range");
    return false;
  }
  if (seconds < 0) {
    command_fail(c, "ERR timeout is negative");
    return false;
  }
  if (seconds * 1000 >= (long double)INT64_MAX / 2) {
    command_fail(c, "ERR timeout is out of range");
    return false;
  }
  *timeout_ms = (int64_t)(seconds * 1000);
  if ((long double)*timeout_ms < seconds * 1000) ++*timeout_ms;
  return true;
}

/* ---- Dispatch -------------------------------------------------------------------------------- */

static void command_unknown(command_call *c) {
  command_text t = {.len = 0};
  command_text_add(&t, "ERR unknown command '");
  command_text_add_arg(&t, &c->argv[0], 128);
  command_text_add(&t, "', with args beginning with: ");
  size_t begin = t.len;
  for (size_t i = 1; i < c->argc && t.len - begin < 128; i++) {
    size_t most = 128 - (t.len - begin);
    command_text_add(&t, "'");
    command_text_add_arg(&t, &c->argv[i], most);
    command_text_add(&t, "' ");
  }
  command_fail_text(c, &t);
}

static void command_unknown_sub(command_call *c, const command *container) {
  command_text t = {.len = 0};
  command_text_add(&t, "ERR unknown subcommand '");
  command_text_add_arg(&t, &c->argv[1], 128);
  command_text_add(&t, "'. Try ");
  command_text_add(&t, container->about.name);
  command_text_add(&t, " HELP.");
  command_fail_text(c, &t);
}

/* A container has no answer of its own: without a subcommand its arity fails. */
void cmd_container(command_call *c) { command_fail_arity(c); }

#define COMMAND_EXEC_ARITY                                                                         \
  "EXECABORT Transaction discarded because of: wrong number of arguments for 'exec' command"

void command_handle(command_call *c) {
  if (UNLIKELY(c->store->told) && !c->late) notify_command(c);
  else c->row->handler(c);
}

static void command_dispatch(command_call *c) {
  c->row = command_lookup(c->argc, c->argv);
  bool fits = c->row != NULL && command_arity_fits(c->row, c->argc);
  if (UNLIKELY(c->session != NULL) && !c->inside) {
    session_note(c->session, c->row);
    if (!fits) session_rejects(c);
    else if (session_refuses(c) || session_forbids(c) || (UNLIKELY(c->late) && session_waits_for_script(c)) || session_queues(c)) return;
  }
  if (c->row == NULL) {
    const command *container = command_lookup(1, c->argv);
    if (container == NULL) command_unknown(c);
    else command_unknown_sub(c, container);
  } else if (!fits) {
    if (c->row->handler == cmd_exec) command_fail(c, COMMAND_EXEC_ARITY);
    else command_fail_arity(c);
  } else if (effect_kept(c->store) && command_writes(c->row)) {
    propagate_command(c);
  } else {
    command_handle(c);
  }
}

/* In another database than the one that is selected in the store. */
static COLD void command_dispatch_elsewhere(command_call *c) {
  kevy_store *s = c->store;
  uint32_t back = s->index;
  if (!database_enter(s, *c->db)) {
    command_error(c, KEVY_EOOM);
    return;
  }
  command_dispatch(c);
  database_leave(s, back);
}

static FLAT void command_dispatch_selected(command_call *c) {
  if (UNLIKELY(c->db != NULL && *c->db != c->store->index)) command_dispatch_elsewhere(c);
  else command_dispatch(c);
}

#define COMMAND_FEW 8 /* arguments whose numbers are printed into the caller's frame */

/* Prints the numbers among the arguments once, for all handlers. */
static kevy_status command_run_numbers(command_call *c) {
  kevy_value few[COMMAND_FEW];
  char few_scratch[COMMAND_FEW][NUMBER_FLOAT_MAX];
  kevy_value *argv = few;
  char(*scratch)[NUMBER_FLOAT_MAX] = few_scratch;
  if (c->argc > COMMAND_FEW) {
    size_t each = sizeof *argv + sizeof *scratch;
    argv = c->argc <= SIZE_MAX / each ? malloc(c->argc * each) : NULL;
    if (argv == NULL) return KEVY_EOOM;
    scratch = (char(*)[NUMBER_FLOAT_MAX])(void *)(argv + c->argc);
  }
  for (size_t i = 0; i < c->argc; i++) argv[i] = number_byte_form(&c->argv[i], scratch[i]);
  c->argv = argv;
  command_dispatch_selected(c);
  if (argv != few) free(argv);
  return KEVY_OK;
}

kevy_status command_run_call(command_call *c) {
  if (c->argc == 0) return KEVY_EARG;
  bool numbers = false;
  for (size_t i = 0; i < c->argc; i++) {
    if (c->argv[i].kind > KEVY_FLOAT) return KEVY_EARG;
    numbers |= c->argv[i].kind >= KEVY_INT;
  }
  if (numbers) return command_run_numbers(c);
  command_dispatch_selected(c);
  return KEVY_OK;
}

kevy_status command_run(kevy_store *s, size_t argc, const kevy_value *argv, sink *out) {
  command_call c;
  command_begin(&c, s, argc, argv, out);
  kevy_status status = command_run_call(&c);
  free(c.waits.argv);
  return status;
}

kevy_status command_run_typed(kevy_store *s, size_t argc, const kevy_value *argv, sink *out,
                              kevy_status *failed) {
  command_call c;
  command_begin(&c, s, argc, argv, out);
  c.kinds = true;
  kevy_status status = command_run_call(&c);
  free(c.waits.argv);
  *failed = c.failed;
  return status;
}

/* ---- The ABI --------------------------------------------------------------------------------- */

kevy_status command_failed(kevy_store *s, kevy_reply *r, kevy_status why) {
  kevy_item item;
  kevy_reply_next(r, &item);
  r->at = 0;
  return store_fail(s, why < 0 ? why : KEVY_ECOMMAND, "%.*s", (int)item.value.len,
                    item.value.as.ptr);
}

/* What a call answers once it has left the store: an error in place of the answer where what it did could not be made
 * durable. resp: the reply, where errors are answers. */
kevy_status command_left(kevy_store *s, kevy_status status, kevy_status durable, kevy_reply *resp) {
  if (LIKELY(durable == KEVY_OK)) return status;
  if (resp == NULL) {
    s->last_status = durable;
    s->message[0] = '\0';
    return durable;
  }
  static const char text[] = "MISCONF the write is applied but not durable";
  reply_start(resp, REPLY_RESP);
  sink_error(&resp->sink, text, sizeof text - 1);
  return status;
}

static kevy_status command_call_flat(kevy_store *s, size_t argc, const kevy_value *argv,
                                     kevy_reply *r, bool typed) {
  reply_start(r, typed ? REPLY_TYPED : REPLY_FLAT);
  if (!store_enter(s)) return KEVY_ECLOSED;
  kevy_status failed = KEVY_OK;
  kevy_status status = typed ? command_run_typed(s, argc, argv, &r->sink, &failed)
                             : command_run(s, argc, argv, &r->sink);
  if (status == KEVY_OK && r->failed) status = KEVY_EOOM;
  if (status != KEVY_OK) store_fail(s, status, "%s", "");
  else if (r->error) status = command_failed(s, r, failed);
  return command_left(s, status, store_settle(s), NULL);
}

KEVY_API kevy_status kevy_call(kevy_store *s, size_t argc, const kevy_value *argv, kevy_reply *r) {
  return command_call_flat(s, argc, argv, r, false);
}

KEVY_API kevy_status kevy_call_typed(kevy_store *s, size_t argc, const kevy_value *argv,
                                     kevy_reply *r) {
  return command_call_flat(s, argc, argv, r, true);
}

KEVY_API kevy_status kevy_call_resp(kevy_store *s, size_t argc, const kevy_value *argv,
                                    kevy_reply *r, const char **bytes, size_t *len) {
  reply_start(r, REPLY_RESP);
  if (!store_enter(s)) return KEVY_ECLOSED;
  kevy_status status = command_run(s, argc, argv, &r->sink);
  if (status == KEVY_OK && r->failed) status = KEVY_EOOM;
  if (status != KEVY_OK) store_fail(s, status, "%s", "");
  status = command_left(s, status, store_settle(s), r);
  if (status != KEVY_OK) return status;
  *bytes = r->bytes;
  *len = r->len;
  return KEVY_OK;
}
