/* cmd_command.c: COMMAND and its subcommands, and HELP: the rows of commands.def as replies.
 *
 * Lists in a row are words separated by spaces; they are walked, never split into memory. */
#include "command.h"

#include "glob.h"

/* ---- Words ------------------------------------------------------------------------------------- */

bool command_word_next(const char **at, kevy_value *word) {
  while (**at == ' ') ++*at;
  if (**at == '\0' || **at == ';' || **at == '(') return false;
  size_t len = strcspn(*at, " ;(");
  *word = kevy_bytes(*at, len);
  *at += len;
  return true;
}

static size_t word_count(const char *list) {
  size_t count = 0;
  kevy_value word;
  while (command_word_next(&list, &word)) count++;
  return count;
}

bool command_has_word(const char *list, const char *wanted) {
  kevy_value word;
  while (command_word_next(&list, &word))
    if (command_is(&word, wanted)) return true;
  return false;
}

static void word_status(sink *out, const kevy_value *word) {
  out->ops->status(out, word->as.ptr, word->len);
}

static void word_answer_statuses(sink *out, const char *list) {
  kevy_value word;
  sink_set(out, word_count(list));
  while (command_word_next(&list, &word)) word_status(out, &word);
}

static void word_answer_text(sink *out, const char *text) { sink_bytes(out, text, strlen(text)); }

/* ---- Categories -------------------------------------------------------------------------------- */

/* In the order in which Redis lists them. */
static const char *const acl_categories[] = {
    "keyspace", "read",   "write", "set",    "sortedset", "list",     "hash",
    "string",   "bitmap", "hyperloglog",     "geo",       "stream",   "pubsub",
    "admin",    "fast",   "slow",  "blocking", "dangerous", "connection", "transaction",
    "scripting",
};

#define ACL_CATEGORIES (sizeof acl_categories / sizeof acl_categories[0])

/* Flags imply some categories, the string group one, and what is not fast is slow. */
static bool acl_has(const command *row, const char *category) {
  bool scripts = command_has_word(row->categories, "scripting"); /* none of these only reads, whatever its flags say */
  if (strcmp(category, "read") == 0) return !scripts && command_has_word(row->about.flags, "readonly");
  if (strcmp(category, "write") == 0) return command_has_word(row->about.flags, "write");
  if (strcmp(category, "fast") == 0) return command_has_word(row->about.flags, "fast");
  if (strcmp(category, "slow") == 0) return !command_has_word(row->about.flags, "fast");
  if (strcmp(category, "string") == 0) return strcmp(row->about.group, "string") == 0;
  return command_has_word(row->categories, category);
}

static void acl_answer(sink *out, const command *row) {
  size_t count = 0;
  for (size_t i = 0; i < ACL_CATEGORIES; i++) count += acl_has(row, acl_categories[i]);
  sink_set(out, count);
  for (size_t i = 0; i < ACL_CATEGORIES; i++) {
    if (!acl_has(row, acl_categories[i])) continue;
    char word[24] = "@";
    sink_status(out, strcat(word, acl_categories[i]));
  }
}

static bool acl_known(const kevy_value *name, const char **category) {
  for (size_t i = 0; i < ACL_CATEGORIES; i++)
    if (command_is(name, acl_categories[i])) return *category = acl_categories[i], true;
  return false;
}

static void acl_answer_commands(command_call *c, const char *category) {
  size_t count = 0;
  const command *row;
  for (size_t i = 0; (row = command_at(i)) != NULL; i++) count += acl_has(row, category);
  sink_array(c->out, count);
  for (size_t i = 0; (row = command_at(i)) != NULL; i++)
    if (acl_has(row, category)) word_answer_text(c->out, command_full_name(row));
}

void cmd_acl_cat(command_call *c) {
  const char *category;
  if (c->argc > 3) {
    command_fail(c, "ERR unknown subcommand or wrong number of arguments for 'CAT'. Try ACL HELP.");
  } else if (c->argc == 3 && acl_known(&c->argv[2], &category)) {
    acl_answer_commands(c, category);
  } else if (c->argc == 3) {
    command_text t = {.len = 0};
    command_text_add(&t, "ERR Unknown category '");
    command_text_add_arg(&t, &c->argv[2], 128);
    command_text_add(&t, "'");
    command_fail_text(c, &t);
  } else {
    sink_array(c->out, ACL_CATEGORIES);
    for (size_t i = 0; i < ACL_CATEGORIES; i++) word_answer_text(c->out, acl_categories[i]);
  }
}

/* ---- Key specifications ------------------------------------------------------------------------ */

/* One key specification of a row: where its keys begin, and how many there are. */
typedef struct key_spec {
  const char *words;   /* its flags, a remark, and the marks below */
  int32_t index;       /* where it begins; with a keyword, where that is looked for */
  const char *keyword; /* "@STREAMS:1": behind this word; its length up to the colon. NULL without one */
  bool counted;        /* "#1": their number stands at index, they behind it */
  bool optional;       /* "=STORE:6", "?STORE:2": the one behind such a word, if any; "?": none that can be found */
  bool unknown;        /* "?": what clients are told */
  int32_t last;        /* else the last one, from the first, or, negative, from the end */
  int32_t step;
  int32_t limit; /* 2: only the first half of what follows */
} key_spec;

static bool spec_is_mark(const kevy_value *word) { return memchr("#@=?", *word->as.ptr, 4) != NULL; }

static void spec_read_mark(key_spec *spec, const char *mark) {
  if (*mark == '#') {
    spec->counted = true;
    spec->index = mark[1] - '0';
    return;
  }
  size_t colon = strcspn(mark, " :;");
  spec->optional = *mark != '@';
  spec->unknown = *mark == '?';
  if (mark[colon] != ':') return;
  spec->keyword = mark + 1;
  spec->index = mark[colon + 1] - '0';
  if (spec->optional) return;
  spec->last = -1;
  spec->limit = 2;
}

/* How many specifications a row has. */
static size_t spec_count(const command *row) {
  size_t count = *row->key_specs != '\0';
  for (const char *at = row->key_specs; *at != '\0'; at++) count += *at == ';';
  return count;
}

/* The one at index i. Where there are several, each is of one key, the last one of the rest where keys go on to the
 * end. */
static key_spec spec_at(const command *row, size_t i) {
  const kevy_command_row *about = &row->about;
  size_t count = spec_count(row);
  key_spec spec = {.words = row->key_specs, .index = about->first_key + (int32_t)i, .step = 1};
  for (size_t skip = i; skip > 0; skip--) spec.words += strcspn(spec.words, ";") + 1;
  if (count == 1) {
    spec.last = about->last_key < 0 ? about->last_key : about->last_key - about->first_key;
    spec.step = about->key_step;
  } else if (i + 1 == count && about->last_key < 0) {
    spec.last = about->last_key;
  }
  kevy_value word;
  for (const char *at = spec.words; command_word_next(&at, &word);)
    if (spec_is_mark(&word)) spec_read_mark(&spec, word.as.ptr);
  if (spec.keyword != NULL || spec.counted) spec.step = 1;
  return spec;
}

static void spec_answer_flags(sink *out, const char *words) {
  size_t marks = 0;
  kevy_value word;
  for (const char *at = words; command_word_next(&at, &word);) marks += spec_is_mark(&word);
  sink_set(out, word_count(words) - marks);
  while (command_word_next(&words, &word))
    if (!spec_is_mark(&word)) word_status(out, &word);
}

static void spec_answer_number(sink *out, const char *name, int64_t number) {
  word_answer_text(out, name);
  sink_integer(out, number);
}

/* "type", its name, "spec", and a map of so many pairs, which follow. */
static void spec_answer_type(sink *out, const char *type, size_t pairs) {
  sink_map(out, 2);
  word_answer_text(out, "type");
  word_answer_text(out, type);
  word_answer_text(out, "spec");
  sink_map(out, pairs);
}

static void spec_answer_begin(sink *out, const key_spec *spec) {
  if (spec->unknown) {
    spec_answer_type(out, "unknown", 0);
    return;
  }
  if (spec->keyword == NULL) {
    spec_answer_type(out, "index", 1);
    spec_answer_number(out, "index", spec->index);
    return;
  }
  spec_answer_type(out, "keyword", 2);
  word_answer_text(out, "keyword");
  sink_bytes(out, spec->keyword, strcspn(spec->keyword, ":"));
  spec_answer_number(out, "startfrom", spec->index);
}

static void spec_answer_find(sink *out, const key_spec *spec) {
  if (spec->unknown) {
    spec_answer_type(out, "unknown", 0);
    return;
  }
  spec_answer_type(out, spec->counted ? "keynum" : "range", 3);
  if (spec->counted) {
    spec_answer_number(out, "keynumidx", 0);
    spec_answer_number(out, "firstkey", 1);
    spec_answer_number(out, "keystep", spec->step);
  } else {
    spec_answer_number(out, "lastkey", spec->last);
    spec_answer_number(out, "keystep", spec->step);
    spec_answer_number(out, "limit", spec->limit);
  }
}

static void spec_answer(sink *out, const key_spec *spec) {
  const char *words = spec->words, *end = words + strcspn(words, ";");
  const char *remark = memchr(words, '(', (size_t)(end - words));
  sink_map(out, remark != NULL ? 4 : 3);
  if (remark != NULL) {
    word_answer_text(out, "notes");
    sink_bytes(out, remark + 1, strcspn(remark + 1, ")"));
  }
  word_answer_text(out, "flags");
  spec_answer_flags(out, words);
  word_answer_text(out, "begin_search");
  spec_answer_begin(out, spec);
  word_answer_text(out, "find_keys");
  spec_answer_find(out, spec);
}

static void spec_answer_all(sink *out, const command *row) {
  size_t count = spec_count(row);
  sink_set(out, count);
  for (size_t i = 0; i < count; i++) {
    key_spec spec = spec_at(row, i);
    spec_answer(out, &spec);
  }
}

/* ---- Rows as replies --------------------------------------------------------------------------- */

/* The rows of one level: subcommands of a container, or with NULL the commands themselves. */
static const command *level_next(const command *container, size_t *index) {
  for (const command *row; (row = command_at(*index)) != NULL;) {
    ++*index;
    bool here = container != NULL ? command_is_sub(row, container) : !command_is_sub(row, NULL);
    if (here) return row;
  }
  return NULL;
}

static size_t level_count(const command *container) {
  size_t count = 0;
  for (size_t index = 0; level_next(container, &index) != NULL;) count++;
  return count;
}

static void row_answer_info(sink *out, const command *row, bool with_subs) {
  const kevy_command_row *about = &row->about;
  sink_array(out, 10);
  word_answer_text(out, command_full_name(row));
  sink_integer(out, about->arity);
  word_answer_statuses(out, about->flags);
  sink_integer(out, about->first_key);
  sink_integer(out, about->last_key);
  sink_integer(out, about->key_step);
  acl_answer(out, row);
  sink_set(out, word_count(row->tips));
  kevy_value tip;
  for (const char *tips = row->tips; command_word_next(&tips, &tip);) sink_bulk(out, &tip);
  spec_answer_all(out, row);
  if (with_subs && level_count(row) != 0) sink_array(out, level_count(row));
  else sink_set(out, 0);
  const command *sub;
  for (size_t index = 0; with_subs && (sub = level_next(row, &index)) != NULL;)
    row_answer_info(out, sub, false);
}

static void row_answer_pair(sink *out, const char *name, const char *text) {
  word_answer_text(out, name);
  word_answer_text(out, text);
}

/* A row's name, and what there is to read about it. */
static void row_answer_docs(sink *out, const command *row, bool with_subs) {
  size_t subs = with_subs ? level_count(row) : 0;
  bool arguments = command_docs_arguments(NULL, row->about.syntax);
  word_answer_text(out, command_full_name(row));
  sink_map(out, (size_t)4 + arguments + (subs > 0));
  row_answer_pair(out, "summary", row->about.summary);
  row_answer_pair(out, "since", row->about.since);
  row_answer_pair(out, "group", row->about.group);
  row_answer_pair(out, "complexity", row->complexity);
  if (arguments) (void)command_docs_arguments(out, row->about.syntax);
  if (subs == 0) return;
  word_answer_text(out, "subcommands");
  sink_map(out, subs);
  const command *sub;
  for (size_t index = 0; (sub = level_next(row, &index)) != NULL;)
    row_answer_docs(out, sub, false);
}

static const command *row_of(const kevy_value *name) {
  return name->len > 0 ? command_find(name->as.ptr, name->len) : NULL;
}

/* ---- COMMAND ----------------------------------------------------------------------------------- */

void cmd_command(command_call *c) {
  sink_array(c->out, level_count(NULL));
  const command *row;
  for (size_t index = 0; (row = level_next(NULL, &index)) != NULL;)
    row_answer_info(c->out, row, true);
}

void cmd_command_count(command_call *c) { sink_integer(c->out, (int64_t)level_count(NULL)); }

void cmd_command_info(command_call *c) {
  if (c->argc == 2) {
    cmd_command(c);
    return;
  }
  sink_array(c->out, c->argc - 2);
  for (size_t i = 2; i < c->argc; i++) {
    const command *row = row_of(&c->argv[i]);
    if (row != NULL) row_answer_info(c->out, row, true);
    else sink_nil(c->out);
  }
}

/* Names that are unknown are left out. */
void cmd_command_docs(command_call *c) {
  const command *row;
  if (c->argc == 2) {
    sink_map(c->out, level_count(NULL));
    for (size_t index = 0; (row = level_next(NULL, &index)) != NULL;)
      row_answer_docs(c->out, row, true);
    return;
  }
  size_t known = 0;
  for (size_t i = 2; i < c->argc; i++) known += row_of(&c->argv[i]) != NULL;
  sink_map(c->out, known);
  for (size_t i = 2; i < c->argc; i++)
    if ((row = row_of(&c->argv[i])) != NULL) row_answer_docs(c->out, row, true);
}

/* ---- COMMAND LIST ------------------------------------------------------------------------------ */

typedef struct list_filter {
  bool (*wants)(const command *row, const kevy_value *arg);
  const kevy_value *arg;
} list_filter;

static bool list_wants_all(const command *row, const kevy_value *arg) {
  (void)row;
  (void)arg;
  return true;
}

/* There are no modules. */
static bool list_wants_module(const command *row, const kevy_value *arg) {
  (void)row;
  (void)arg;
  return false;
}

static bool list_wants_category(const command *row, const kevy_value *arg) {
  for (size_t i = 0; i < ACL_CATEGORIES; i++)
    if (command_is(arg, acl_categories[i])) return acl_has(row, acl_categories[i]);
  return false;
}

static bool list_wants_pattern(const command *row, const kevy_value *arg) {
  const char *name = command_full_name(row);
  return glob_match(arg->as.ptr, arg->len, name, strlen(name), true);
}

/* FILTERBY and its two arguments, at most once; false on anything else. */
static bool list_read_filter(const command_call *c, list_filter *filter) {
  *filter = (list_filter){list_wants_all, NULL};
  if (c->argc == 2) return true;
  if (c->argc != 5 || !command_is(&c->argv[2], "FILTERBY")) return false;
  filter->arg = &c->argv[4];
  if (command_is(&c->argv[3], "MODULE")) filter->wants = list_wants_module;
  else if (command_is(&c->argv[3], "ACLCAT")) filter->wants = list_wants_category;
  else if (command_is(&c->argv[3], "PATTERN")) filter->wants = list_wants_pattern;
  else return false;
  return true;
}

void cmd_command_list(command_call *c) {
  list_filter filter;
  if (!list_read_filter(c, &filter)) {
    command_fail(c, COMMAND_SYNTAX);
    return;
  }
  size_t count = 0;
  const command *row;
  for (size_t i = 0; (row = command_at(i)) != NULL; i++) count += filter.wants(row, filter.arg);
  sink_array(c->out, count);
  for (size_t i = 0; (row = command_at(i)) != NULL; i++)
    if (filter.wants(row, filter.arg)) word_answer_text(c->out, command_full_name(row));
}

/* ---- COMMAND GETKEYS --------------------------------------------------------------------------- */

/* The number of keys as atoi reads it: behind spaces, up to what is no digit, its low 32 bits. 0 where there is none. */
static int32_t keys_number(const kevy_value *arg) {
  char digits[32];
  size_t len = arg->len < sizeof digits - 1 ? arg->len : sizeof digits - 1;
  memcpy(digits, arg->as.ptr, len);
  digits[len] = '\0';
  return (int32_t)(uint32_t)strtoll(digits, NULL, 10);
}

/* How many arguments a word of SORT takes that is not STORE. */
static int64_t keys_of_sort_word(const kevy_value *word) {
  if (command_is(word, "LIMIT")) return 2;
  return command_is(word, "GET") || command_is(word, "BY");
}

/* The key behind the first such word; SORT's behind the last that is not another option's argument. False where there is
 * none. */
static bool keys_find_optional(const key_spec *spec, const char *word, size_t argc, const kevy_value *argv, int64_t *key) {
  int64_t n = (int64_t)argc;
  *key = n;
  for (int64_t i = spec->index; i + 1 < n && (spec->unknown || *key == n); i++) {
    if (command_is(&argv[i], word)) *key = ++i;
    else if (spec->unknown) i += keys_of_sort_word(&argv[i]);
  }
  return *key < n;
}

/* The keys of a specification in a command line: every step-th argument from *first to *last. False when it names
 * none. */
static bool keys_find(const key_spec *spec, size_t argc, const kevy_value *argv, int64_t *first, int64_t *last) {
  int64_t n = (int64_t)argc, count;
  *first = spec->index;
  if (spec->optional && spec->keyword == NULL) return false;
  if (spec->keyword != NULL) {
    size_t len = strcspn(spec->keyword, ":");
    char word[COMMAND_NAME_MAX] = {0};
    memcpy(word, spec->keyword, len);
    if (spec->optional) {
      bool found = keys_find_optional(spec, word, argc, argv, first);
      *last = *first;
      return found;
    }
    while (*first < n && !command_is(&argv[*first], word)) ++*first;
    ++*first;
  }
  if (*first >= n) return false;
  if (spec->counted) {
    count = keys_number(&argv[*first]);
    if (count < 1 || count >= n - *first) return false;
    *last = *first + count;
    ++*first;
  } else if (spec->last >= 0) {
    *last = *first + spec->last;
  } else {
    *last = spec->limit == 0 ? n + spec->last : *first + (n - *first) / spec->limit + spec->last;
  }
  if (*last >= n) *last = n - 1;
  return *first <= *last;
}

void command_each_key(const command *row, size_t argc, const kevy_value *argv,
                      void (*visit)(void *context, const kevy_value *key), void *context) {
  for (size_t i = 0; i < spec_count(row); i++) {
    key_spec spec = spec_at(row, i);
    int64_t first, last;
    if (!keys_find(&spec, argc, argv, &first, &last)) {
      if (spec.optional) continue;
      return;
    }
    for (; first <= last; first += spec.step) visit(context, &argv[first]);
  }
}

/* Whether a command counts its keys in a number that only atoi takes for one. */
static bool keys_loosely_counted(const command *row, size_t argc, const kevy_value *argv) {
  for (size_t i = 0; i < spec_count(row); i++) {
    key_spec spec = spec_at(row, i);
    int64_t n;
    if (spec.counted && spec.keyword == NULL && spec.index < (int64_t)argc)
      return !number_parse_int(argv[spec.index].as.ptr, argv[spec.index].len, &n) || n != keys_number(&argv[spec.index]);
  }
  return false;
}

/* Whether a BITFIELD does nothing but GET. */
static bool keys_only_get(size_t argc, const kevy_value *argv) {
  size_t i = 2;
  while (i < argc) {
    size_t words = command_is(&argv[i], "GET") ? 3 : command_is(&argv[i], "OVERFLOW") ? 2 : 0;
    if (words == 0 || words > argc - i) return false;
    i += words;
  }
  return true;
}

/* The flags of a specification, where they vary those of this command line: of SET, and BITFIELD. */
static const char *keys_flags(const key_spec *spec, const command *row, size_t argc, const kevy_value *argv) {
  if (!command_has_word(spec->words, "variable_flags")) return spec->words;
  if (row->handler != cmd_set) return keys_only_get(argc, argv) ? "RO access" : "RW access update";
  for (size_t i = 3; i < argc; i++)
    if (command_is(&argv[i], "GET")) return "RW access update";
  return "OW update";
}

/* A key, or with the words of its specification an array of it and its flags. */
static void key_answer(sink *out, const kevy_value *key, const char *words) {
  if (words != NULL) sink_array(out, 2);
  sink_bulk(out, key);
  if (words != NULL) spec_answer_flags(out, words);
}

/* Answers the keys of a command line, or, with out NULL, counts them; 0 where it names too few. Those that are loosely
 * counted come before the destination, as in Redis. */
static size_t keys_answer(const command *row, size_t argc, const kevy_value *argv, sink *out, bool flags) {
  size_t count = 0, specs = spec_count(row);
  bool backwards = keys_loosely_counted(row, argc, argv);
  for (size_t i = 0; i < specs; i++) {
    key_spec spec = spec_at(row, backwards ? specs - 1 - i : i);
    int64_t first, last;
    if (!keys_find(&spec, argc, argv, &first, &last)) {
      if (spec.optional) continue;
      return 0;
    }
    for (; first <= last; first += spec.step, count++)
      if (out != NULL) key_answer(out, &argv[first], flags ? keys_flags(&spec, row, argc, argv) : NULL);
  }
  return count;
}

/* Channels stand where keys would, and are none. */
static bool keys_named(const command *row) {
  return spec_count(row) != 0 && !command_has_word(row->key_specs, "not_key");
}

static void keys_command(command_call *c, bool flags) {
  size_t argc = c->argc - 2;
  const kevy_value *argv = c->argv + 2;
  const command *row = command_lookup(argc, argv);
  if (row == NULL) {
    command_fail(c, "ERR Invalid command specified");
  } else if (!keys_named(row)) {
    command_fail(c, "ERR The command has no key arguments");
  } else if (!command_arity_fits(row, argc)) {
    command_fail(c, "ERR Invalid number of arguments specified for command");
  } else {
    size_t count = keys_answer(row, argc, argv, NULL, flags);
    if (count == 0 && !command_has_word(row->about.flags, "no_mandatory_keys")) {
      command_fail(c, "ERR Invalid arguments specified for command");
      return;
    }
    sink_array(c->out, count);
    keys_answer(row, argc, argv, c->out, flags);
  }
}

void cmd_command_getkeys(command_call *c) { keys_command(c, false); }
void cmd_command_getkeysandflags(command_call *c) { keys_command(c, true); }

/* ---- HELP -------------------------------------------------------------------------------------- */

static void help_answer_lines(sink *out, const char *name, const char *syntax,
                              const char *summary) {
  command_text line = {.len = 0};
  command_text_add(&line, name);
  if (syntax[0] != '\0') command_text_add(&line, " ");
  command_text_add(&line, syntax);
  out->ops->status(out, line.bytes, line.len);
  line.len = 0;
  command_text_add(&line, "    ");
  command_text_add(&line, summary);
  out->ops->status(out, line.bytes, line.len);
}

/* The subcommands of the container that was asked, HELP itself last. */
void cmd_help(command_call *c) {
  size_t len = strcspn(c->row->about.name, "|");
  const command *container = command_find(c->row->about.name, len);
  command_answer_title(c, 2 * level_count(container));
  const command *row;
  for (size_t index = 0; (row = level_next(container, &index)) != NULL;)
    if (row != c->row)
      help_answer_lines(c->out, row->about.name + len + 1, row->about.syntax, row->about.summary);
  help_answer_lines(c->out, "HELP", "", "Print this help.");
}
