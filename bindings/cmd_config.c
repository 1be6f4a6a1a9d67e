/* cmd_config.c: CONFIG over one table of options, config.def. GET prints; SET checks all that it was given, and then
 * changes all of it, or says why not and changes nothing. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>

#include "../core/persist/directory.h"
#include "command.h"
#include "evict.h"
#include "glob.h"
#include "notify.h"

typedef enum config_kind {
  CONFIG_IS_NUMBER, CONFIG_IS_MEMORY, CONFIG_IS_BOOL, CONFIG_IS_WORD, CONFIG_IS_EVENTS, CONFIG_IS_SAVE, CONFIG_IS_LIMITS,
  CONFIG_IS_TEXT
} config_kind;
typedef enum config_access { CONFIG_IS_OPEN, CONFIG_IS_IMMUTABLE, CONFIG_IS_PROTECTED } config_access;

typedef struct config_row {
  const char *name, *other;
  config_kind kind;
  config_access access;
  int64_t initial, low, high;
  const char *text;
} config_row;

static const config_row config_rows[] = {
#define CONFIG(id, name, other, kind, access, initial, low, high, text) \
  {name, other, CONFIG_IS_##kind, CONFIG_IS_##access, initial, low, high, text},
#include "config.def"
#undef CONFIG
};

#define CONFIG_LINE 256 /* the longest text of a value, terminator included */

struct config {
  int64_t numbers[CONFIG_ROWS];
  char save[CONFIG_LINE];
  pubsub_limit limits[CONFIG_CLASSES]; /* but for subscribers', which pubsub.h has */
};

/* A value as CONFIG SET read it. */
typedef struct config_value {
  int64_t number;
  char save[CONFIG_LINE];
  pubsub_limit limits[CONFIG_CLASSES];
  bool limited[CONFIG_CLASSES]; /* which of them were given */
} config_value;

/* ---- Words ------------------------------------------------------------------------------------- */

/* The word at an index of "one, two, three"; false past the last. */
static bool config_word(const char *words, int64_t index, kevy_value *word) {
  for (; index > 0 && *words != '\0'; index--) {
    words += strcspn(words, ",");
    words += strspn(words, ", ");
  }
  *word = kevy_bytes(words, strcspn(words, ","));
  return index == 0 && word->len != 0;
}

static int64_t config_word_index(const char *words, const char *wanted) {
  kevy_value word;
  for (int64_t i = 0; config_word(words, i, &word); i++)
    if (command_is(&word, wanted)) return i;
  return -1;
}

/* ---- Values that live elsewhere ------------------------------------------------------------------ */

static int64_t config_policy(const kevy_store *s) {
  for (size_t i = 0; i < POLICY_ROWS; i++)
    if (policy_rows[i].policy == evict_policy(s)) return config_word_index(config_rows[CONFIG_MAXMEMORY_POLICY].text, policy_rows[i].word);
  return -1;
}

/* In the order of the option's words. */
static const log_fsync config_fsyncs[] = {LOG_EVERYSEC, LOG_ALWAYS, LOG_NO};
static int64_t config_fsync(const struct directory *d) {
  int64_t word = 0;
  while (config_fsyncs[word] != directory_fsync(d)) word++;
  return word;
}

static int64_t config_clamp(uint64_t number) { return number < INT64_MAX ? (int64_t)number : INT64_MAX; }

/* What is kept where the log is. */
static bool config_logs(const kevy_store *s, config_id id, int64_t *number) {
  const struct directory *d = directory_of(s);
  if (d == NULL) return false;
  if (id == CONFIG_APPENDFSYNC) *number = config_fsync(d);
  else if (id == CONFIG_AUTO_AOF_REWRITE_PERCENTAGE) *number = config_clamp(directory_percentage(d));
  else if (id == CONFIG_AUTO_AOF_REWRITE_MIN_SIZE) *number = config_clamp(directory_rewrite_at(d));
  else return false;
  return true;
}

static void config_put_log(struct directory *d, config_id id, int64_t number) {
  uint64_t n = (uint64_t)number;
  if (id == CONFIG_APPENDFSYNC) directory_set_fsync(d, config_fsyncs[number]);
  else if (id == CONFIG_AUTO_AOF_REWRITE_PERCENTAGE) directory_set_growth(d, directory_rewrite_at(d), n);
  else directory_set_growth(d, n, directory_percentage(d));
}

/* True where an option's number is the store's own. */
static bool config_lives(const kevy_store *s, config_id id, int64_t *number) {
  if (id == CONFIG_MAXMEMORY) *number = (int64_t)s->maxmemory;
  else if (id == CONFIG_MAXMEMORY_POLICY) *number = config_policy(s);
  else if (id == CONFIG_APPENDONLY) *number = directory_of(s) != NULL;
  else return config_logs(s, id, number);
  return true;
}

int64_t config_number(const kevy_store *s, config_id id) {
  int64_t number;
  if (config_lives(s, id, &number)) return number;
  return s->config != NULL ? s->config->numbers[id] : config_rows[id].initial;
}

static const pubsub_limit config_limits[CONFIG_CLASSES] = {[CONFIG_OF_REPLICA] = {268435456, 67108864, 60}};

pubsub_limit config_limit(const kevy_store *s, config_class kind) {
  if (kind == CONFIG_OF_PUBSUB) return pubsub_limit_of(s);
  return s->config != NULL ? s->config->limits[kind] : config_limits[kind];
}

static bool config_put_limits(kevy_store *s, const config_value *v) {
  for (int i = 0; i < CONFIG_CLASSES; i++)
    if (v->limited[i]) s->config->limits[i] = v->limits[i];
  return !v->limited[CONFIG_OF_PUBSUB] || pubsub_set_limit(s, v->limits[CONFIG_OF_PUBSUB]) == KEVY_OK;
}

static kevy_status config_put_policy(kevy_store *s, int64_t index) {
  kevy_value word;
  char name[40] = "";
  uint32_t policy = EVICT_NOEVICTION;
  if (config_word(config_rows[CONFIG_MAXMEMORY_POLICY].text, index, &word)) memcpy(name, word.as.ptr, word.len);
  return policy_find(name, &policy) && evict_choose(s, policy) ? KEVY_OK : KEVY_EOOM;
}

/* Why an option cannot become a number; NULL when it has, or is it already. */
static const char *config_put(kevy_store *s, config_id id, const config_value *v) {
  int64_t now;
  bool lives = config_lives(s, id, &now);
  if (id == CONFIG_SAVE) memcpy(s->config->save, v->save, sizeof v->save);
  if (id == CONFIG_NOTIFY_KEYSPACE_EVENTS && notify_set(s, (uint32_t)v->number) != KEVY_OK) return "there is no memory for it";
  if (id == CONFIG_CLIENT_OUTPUT_BUFFER_LIMIT && !config_put_limits(s, v)) return "there is no memory for it";
  if (!lives) s->config->numbers[id] = v->number;
  if (!lives || now == v->number) return NULL;
  if (id == CONFIG_APPENDONLY) return "a store has a log where it was opened on a directory";
  if (config_logs(s, id, &now)) return config_put_log(directory_of(s), id, v->number), NULL;
  if (s->frozen != NULL) return "the store is a snapshot";
  kevy_status status = id == CONFIG_MAXMEMORY ? evict_limit(s, (uint64_t)v->number) : config_put_policy(s, v->number);
  return status == KEVY_OK ? NULL : "there is no memory for it";
}

/* ---- The letters of notify-keyspace-events --------------------------------------------------------- */

static const struct config_letter {
  char letter;
  int64_t bits;
} config_letters[] = {
    /* in the order in which they are printed: "A" stands for the first ones */
    {'g', CONFIG_EVENTS_GENERIC}, {'$', CONFIG_EVENTS_STRING}, {'l', CONFIG_EVENTS_LIST}, {'s', CONFIG_EVENTS_SET},
    {'h', CONFIG_EVENTS_HASH}, {'z', CONFIG_EVENTS_ZSET}, {'x', CONFIG_EVENTS_EXPIRED}, {'e', CONFIG_EVENTS_EVICTED},
    {'t', CONFIG_EVENTS_STREAM}, {'d', CONFIG_EVENTS_MODULE}, {'n', CONFIG_EVENTS_NEW},
    {'K', CONFIG_EVENTS_KEYSPACE}, {'E', CONFIG_EVENTS_KEYEVENT}, {'m', CONFIG_EVENTS_MISS},
    {'A', CONFIG_EVENTS_ALL},
};
#define CONFIG_LETTERS (sizeof config_letters / sizeof config_letters[0])
#define CONFIG_OF_A 11 /* letters that "A" is printed in place of; n is lost, as in Redis */

static const char *config_read_events(const kevy_value *arg, int64_t *bits) {
  *bits = 0;
  for (size_t i = 0; i < arg->len; i++) {
    size_t at = 0;
    while (at < CONFIG_LETTERS && config_letters[at].letter != arg->as.ptr[i]) at++;
    if (at == CONFIG_LETTERS) return "Invalid event class character. Use 'Ag$lshzxeKEtmdn'.";
    *bits |= config_letters[at].bits;
  }
  return NULL;
}

static size_t config_print_events(int64_t bits, char *line) {
  size_t len = 0, at = 0;
  if ((bits & CONFIG_EVENTS_ALL) == CONFIG_EVENTS_ALL) {
    line[len++] = 'A';
    at = CONFIG_OF_A;
  }
  for (; at < CONFIG_LETTERS - 1; at++)
    if (bits & config_letters[at].bits) line[len++] = config_letters[at].letter;
  return len;
}

/* ---- The limits of client-output-buffer-limit ------------------------------------------------------- */

static const char *const config_class_names[CONFIG_CLASSES] = {"normal", "slave", "pubsub"};

static size_t config_print_limits(const kevy_store *s, char *line) {
  int len = 0;
  for (int i = 0; i < CONFIG_CLASSES; i++) {
    pubsub_limit limit = config_limit(s, (config_class)i);
    len += snprintf(line + len, (size_t)(CONFIG_LINE - len), "%s%s %llu %llu %lld", i > 0 ? " " : "", config_class_names[i],
                    (unsigned long long)limit.hard, (unsigned long long)limit.soft, (long long)limit.seconds);
  }
  return (size_t)len;
}

/* The next of words with one space between; false: there is none. */
static bool config_next_word(const kevy_value *arg, size_t *at, kevy_value *word) {
  if (*at > arg->len || arg->len == 0) return false;
  const char *from = arg->as.ptr + *at, *blank = memchr(from, ' ', arg->len - *at);
  size_t len = blank != NULL ? (size_t)(blank - from) : arg->len - *at;
  *word = kevy_bytes(from, len);
  *at += len + 1;
  return true;
}

static bool config_read_memory(const kevy_value *arg, int64_t *bytes);

/* A class, its hard and its soft limit, and seconds; any number of times. */
static const char *config_read_limits(const kevy_value *arg, config_value *v) {
  kevy_value words[4];
  size_t at = 0, n = 0;
  for (kevy_value word; config_next_word(arg, &at, &word); n++) continue;
  if (n % 4 != 0 || n == 0) return "Wrong number of arguments in buffer limit configuration.";
  for (at = 0; config_next_word(arg, &at, &words[0]);) {
    int64_t numbers[3], which = 0;
    for (int i = 1; i < 4; i++) (void)config_next_word(arg, &at, &words[i]);
    while (which < CONFIG_CLASSES && !command_is(&words[0], config_class_names[which])) which++;
    if (command_is(&words[0], "REPLICA")) which = CONFIG_OF_REPLICA;
    if (which == CONFIG_CLASSES) return "Invalid client class specified in buffer limit configuration.";
    bool right = config_read_memory(&words[1], &numbers[0]) && config_read_memory(&words[2], &numbers[1]) &&
                 number_parse_int(words[3].as.ptr, words[3].len, &numbers[2]) && numbers[2] >= 0 && numbers[2] <= INT32_MAX;
    if (!right) return "Error in hard, soft or soft_seconds setting in buffer limit configuration.";
    v->limits[which] = (pubsub_limit){(uint64_t)numbers[0], (uint64_t)numbers[1], numbers[2]};
    v->limited[which] = true;
  }
  return NULL;
}

/* ---- Printing ------------------------------------------------------------------------------------ */

kevy_value config_text(const kevy_store *s, config_id id, char *line) {
  const config_row *row = &config_rows[id];
  kevy_value text = kevy_bytes(line, 0);
  if (row->kind == CONFIG_IS_SAVE && s->config != NULL) return kevy_bytes(s->config->save, strlen(s->config->save));
  if (id == CONFIG_DIR && directory_of(s) != NULL) {
    const char *path = directory_path(directory_of(s));
    return kevy_bytes(path, strlen(path));
  }
  if (row->kind == CONFIG_IS_TEXT || row->kind == CONFIG_IS_SAVE) return kevy_bytes(row->text, strlen(row->text));
  int64_t number = config_number(s, id);
  if (row->kind == CONFIG_IS_WORD) (void)config_word(row->text, number, &text);
  else if (row->kind == CONFIG_IS_BOOL) text = number ? kevy_bytes("yes", 3) : kevy_bytes("no", 2);
  else if (row->kind == CONFIG_IS_LIMITS) text.len = config_print_limits(s, line);
  else if (row->kind == CONFIG_IS_EVENTS) text.len = config_print_events(number, line);
  else text.len = number_format_int(number, line);
  return text;
}

static void config_answer(command_call *c, config_id id, const char *name, size_t len) {
  char line[CONFIG_LINE];
  kevy_value text = config_text(c->store, id, line);
  sink_bytes(c->out, name, len);
  sink_bulk(c->out, &text);
}

/* ---- CONFIG GET ---------------------------------------------------------------------------------- */

/* A name is looked for as it is, in any case; a pattern among all names, both of an option that has two. */
typedef struct config_names {
  bool listed[CONFIG_ROWS][2];
  const kevy_value *spelled[CONFIG_ROWS][2]; /* as it was asked for; NULL: by a pattern */
  size_t count;
} config_names;

static bool config_is_pattern(const kevy_value *arg) {
  for (size_t i = 0; i < arg->len; i++)
    if (strchr("*?[", arg->as.ptr[i]) != NULL && arg->as.ptr[i] != '\0') return true;
  return false;
}

static const char *config_name(size_t id, int which) { return which == 0 ? config_rows[id].name : config_rows[id].other; }

static void config_list(config_names *names, const kevy_value *arg) {
  bool pattern = config_is_pattern(arg);
  for (size_t id = 0; id < CONFIG_ROWS; id++)
    for (int which = 0; which < 2; which++) {
      const char *name = config_name(id, which);
      bool fits = *name != '\0' && !names->listed[id][which] &&
                  (pattern ? glob_match(arg->as.ptr, arg->len, name, strlen(name), true) : command_is(arg, name));
      if (!fits) continue;
      names->listed[id][which] = true;
      names->spelled[id][which] = pattern ? NULL : arg;
      names->count++;
    }
}

void cmd_config_get(command_call *c) {
  config_names names = {.count = 0};
  for (size_t i = 2; i < c->argc; i++) config_list(&names, &c->argv[i]);
  sink_map(c->out, names.count);
  for (size_t id = 0; id < CONFIG_ROWS; id++)
    for (int which = 0; which < 2; which++) {
      const kevy_value *spelled = names.spelled[id][which];
      const char *name = spelled != NULL ? spelled->as.ptr : config_name(id, which);
      if (names.listed[id][which]) config_answer(c, (config_id)id, name, spelled != NULL ? spelled->len : strlen(name));
    }
}

/* ---- Reading values ------------------------------------------------------------------------------ */

/* Digits and a unit; false for anything else. What is beyond all memory is the most there is. */
static bool config_read_memory(const kevy_value *arg, int64_t *bytes) {
  static const struct unit {
    const char *name;
    int64_t bytes;
  } units[] = {{"", 1}, {"B", 1}, {"K", 1000}, {"KB", 1024}, {"M", 1000000}, {"MB", 1048576}, {"G", 1000000000}, {"GB", 1073741824}};
  *bytes = 0;
  size_t i = 0;
  for (; i < arg->len && arg->as.ptr[i] >= '0' && arg->as.ptr[i] <= '9'; i++)
    if (__builtin_mul_overflow(*bytes, 10, bytes) || __builtin_add_overflow(*bytes, arg->as.ptr[i] - '0', bytes)) *bytes = INT64_MAX;
  kevy_value unit = kevy_bytes(arg->as.ptr + i, arg->len - i);
  for (size_t u = 0; u < sizeof units / sizeof units[0]; u++) {
    if (!command_is(&unit, units[u].name)) continue;
    if (__builtin_mul_overflow(*bytes, units[u].bytes, bytes)) *bytes = INT64_MAX;
    return true;
  }
  return false;
}

/* Pairs of seconds and changes, one space between numbers. */
static const char *config_read_save(const kevy_value *arg, char *save) {
  size_t numbers = 0;
  bool right = arg->len < CONFIG_LINE;
  for (size_t from = 0, to; right && arg->len != 0 && from <= arg->len; from = to + 1, numbers++) {
    int64_t number;
    for (to = from; to < arg->len && arg->as.ptr[to] != ' ';) to++;
    right = number_parse_int(arg->as.ptr + from, to - from, &number) && number >= (numbers % 2 == 0);
  }
  if (!right || numbers % 2 != 0) return "Invalid save parameters";
  if (arg->len != 0) memcpy(save, arg->as.ptr, arg->len);
  save[arg->len] = '\0';
  return NULL;
}

static const char *config_within(const config_row *row, int64_t number, char *why) {
  if (number >= row->low && number <= row->high) return NULL;
  snprintf(why, CONFIG_LINE, "argument must be between %lld and %lld inclusive", (long long)row->low, (long long)row->high);
  return why;
}

/* Reads a value for an option. NULL, or why it is none, which may stand in why. */
static const char *config_read(config_id id, const kevy_value *arg, config_value *v, char *why) {
  const config_row *row = &config_rows[id];
  switch (row->kind) {
    case CONFIG_IS_MEMORY:
      return config_read_memory(arg, &v->number) ? config_within(row, v->number, why) : "argument must be a memory value";
    case CONFIG_IS_BOOL:
      v->number = command_is(arg, "YES");
      return v->number || command_is(arg, "NO") ? NULL : "argument must be 'yes' or 'no'";
    case CONFIG_IS_WORD:
      for (kevy_value word; config_word(row->text, v->number, &word); v->number++)
        if (word.len == arg->len && strncasecmp(word.as.ptr, arg->as.ptr, arg->len) == 0) return NULL;
      snprintf(why, CONFIG_LINE, "argument(s) must be one of the following: %s", row->text);
      return why;
    case CONFIG_IS_EVENTS: return config_read_events(arg, &v->number);
    case CONFIG_IS_SAVE: return config_read_save(arg, v->save);
    case CONFIG_IS_LIMITS: return config_read_limits(arg, v);
    case CONFIG_IS_TEXT: return "can't set immutable config";
    case CONFIG_IS_NUMBER: break;
  }
  if (!number_parse_int(arg->as.ptr, arg->len, &v->number)) return "argument couldn't be parsed into an integer";
  return config_within(row, v->number, why);
}

/* ---- CONFIG SET ---------------------------------------------------------------------------------- */

static bool config_find(const kevy_value *arg, config_id *id) {
  for (size_t i = 0; i < CONFIG_ROWS; i++) {
    if (!command_is(arg, config_rows[i].name) && (*config_rows[i].other == '\0' || !command_is(arg, config_rows[i].other))) continue;
    *id = (config_id)i;
    return true;
  }
  return false;
}

static void config_fail(command_call *c, const kevy_value *name, const char *why) {
  command_text t = {.len = 0};
  command_text_add(&t, "ERR CONFIG SET failed (possibly related to argument '");
  command_text_add_arg(&t, name, 128);
  command_text_add(&t, "') - ");
  command_text_add(&t, why);
  command_fail_text(c, &t);
}

static void config_fail_unknown(command_call *c, const kevy_value *name) {
  command_text t = {.len = 0};
  command_text_add(&t, "ERR Unknown option or number of arguments for CONFIG SET - '");
  command_text_add_arg(&t, name, 128);
  command_text_add(&t, "'");
  command_fail_text(c, &t);
}

/* Why an option may not be set at all. An option under its two names is set twice, as by two. */
static const char *config_refused(const command_call *c, size_t at, config_id id) {
  if (config_rows[id].access == CONFIG_IS_IMMUTABLE) return "can't set immutable config";
  if (config_rows[id].access == CONFIG_IS_PROTECTED) return "can't set protected config";
  for (size_t i = 2; i < at; i += 2)
    if (c->argv[i].len == c->argv[at].len && strncasecmp(c->argv[i].as.ptr, c->argv[at].as.ptr, c->argv[at].len) == 0)
      return "duplicate parameter";
  return NULL;
}

/* Whether all names and values are right; answers what is wrong. */
static bool config_check(command_call *c, config_value *values) {
  char why[CONFIG_LINE];
  config_id id;
  for (size_t i = 2; i < c->argc; i += 2) {
    const char *wrong = NULL;
    if (!config_find(&c->argv[i], &id)) config_fail_unknown(c, &c->argv[i]);
    else if ((wrong = config_refused(c, i, id)) != NULL) config_fail(c, &c->argv[i], wrong);
    else continue;
    return false;
  }
  for (size_t i = 2; i < c->argc; i += 2) {
    (void)config_find(&c->argv[i], &id);
    const char *wrong = config_read(id, &c->argv[i + 1], &values[i / 2 - 1], why);
    if (wrong == NULL) continue;
    config_fail(c, &c->argv[i], wrong);
    return false;
  }
  return true;
}

/* Sets the options one by one; where one cannot be, the others are what they were. */
static void config_change(command_call *c, const config_value *values) {
  kevy_store *s = c->store;
  struct config before = *s->config;
  pubsub_limit subscribers = pubsub_limit_of(s);
  config_id id;
  static const config_id lives[] = {CONFIG_MAXMEMORY, CONFIG_MAXMEMORY_POLICY, CONFIG_APPENDFSYNC, CONFIG_AUTO_AOF_REWRITE_PERCENTAGE,
                                    CONFIG_AUTO_AOF_REWRITE_MIN_SIZE};
  enum { LIVES = sizeof lives / sizeof *lives };
  int64_t lived[LIVES];
  for (size_t i = 0; i < LIVES; i++) lived[i] = config_number(s, lives[i]);
  for (size_t i = 2; i < c->argc; i += 2) {
    (void)config_find(&c->argv[i], &id);
    const char *wrong = config_put(s, id, &values[i / 2 - 1]);
    if (wrong == NULL) continue;
    *s->config = before;
    (void)pubsub_set_limit(s, subscribers);
    for (size_t k = 0; k < LIVES; k++) (void)config_put(s, lives[k], &(config_value){.number = lived[k]});
    config_fail(c, &c->argv[i], wrong);
    return;
  }
  sink_status(c->out, "OK");
}

/* A table of its own for the store, with what its options begin with. */
static bool config_own(kevy_store *s) {
  if (s->config != NULL) return true;
  s->config = calloc(1, sizeof *s->config);
  for (size_t id = 0; s->config != NULL && id < CONFIG_ROWS; id++) s->config->numbers[id] = config_rows[id].initial;
  if (s->config != NULL) memcpy(s->config->limits, config_limits, sizeof config_limits);
  return s->config != NULL;
}

void cmd_config_set(command_call *c) {
  if (c->argc % 2 != 0) {
    command_fail(c, COMMAND_SYNTAX);
    return;
  }
  size_t pairs = (c->argc - 2) / 2;
  config_value *values = pairs <= 2 * CONFIG_ROWS ? calloc(pairs, sizeof *values) : NULL;
  if (values == NULL || !config_own(c->store)) command_error(c, KEVY_EOOM);
  else if (config_check(c, values)) config_change(c, values);
  free(values);
}

void cmd_config_resetstat(command_call *c) {
  store_reset_stats(c->store);
  sink_status(c->out, "OK");
}

/* There is none. */
void cmd_config_rewrite(command_call *c) { command_fail(c, "ERR The server is running without a config file"); }
