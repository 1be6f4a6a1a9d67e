/* cmd_docs.c: a row's syntax ("key value [NX | XX] [EX seconds]") as the arguments that COMMAND DOCS tells.
 *
 * A syntax is read into a few nodes, each a word, a choice or a block of others. A word in capitals is a token; with what
 * follows it, it makes one argument. [x] is optional; <x | y> and [x | y] are choices; "x [x ...]" is what may be said again.
 * The rows do not say what each number is called elsewhere: an argument has the name that its syntax has, a choice or a block
 * those of its parts. */
#include "command.h"

#define DOCS_NODES 128

typedef enum docs_kind { DOCS_WORD, DOCS_TOKEN, DOCS_ONEOF, DOCS_BLOCK } docs_kind;

typedef struct docs_node {
  docs_kind kind;
  kevy_value word, token; /* token: len 0 for none */
  bool optional, multiple, multiple_token, again; /* again: "[x ...]" */
  int first, next; /* -1: none */
} docs_node;

typedef struct docs {
  const char *at;
  docs_node nodes[DOCS_NODES];
  int count;
  uint32_t keys; /* told so far */
} docs;

/* ---- Reading ------------------------------------------------------------------------------------- */

static docs_node docs_node_of(docs_kind kind, int first) {
  return (docs_node){.kind = kind, .word = kevy_bytes("", 0), .token = kevy_bytes("", 0), .first = first, .next = -1};
}

/* -1: there are too many. */
static int docs_node_new(docs *d, docs_kind kind, int first) {
  if (d->count == DOCS_NODES) return -1;
  d->nodes[d->count] = docs_node_of(kind, first);
  return d->count++;
}

static size_t docs_length(const docs *d, int first) {
  size_t n = 0;
  for (; first >= 0; first = d->nodes[first].next) n++;
  return n;
}

static bool docs_is_token(const kevy_value *word) {
  for (size_t i = 0; i < word->len; i++)
    if (word->as.ptr[i] >= 'a' && word->as.ptr[i] <= 'z') return false;
  return word->len != 0;
}

static int docs_sequence(docs *d, bool *again);

/* What follows a token and belongs to it becomes one argument. */
static void docs_join_token(docs *d, int first) {
  for (int i = first; i >= 0; i = d->nodes[i].next) {
    docs_node *token = &d->nodes[i];
    if (token->kind != DOCS_TOKEN || token->optional || token->next < 0) continue;
    int from = token->next, last = -1;
    for (int j = from; j >= 0 && !d->nodes[j].optional && d->nodes[j].kind != DOCS_TOKEN; j = d->nodes[j].next) last = j;
    if (last < 0) continue;
    int after = d->nodes[last].next;
    d->nodes[last].next = -1;
    kevy_value name = token->word;
    if (from == last) *token = d->nodes[from];
    else token->kind = DOCS_BLOCK, token->first = from, token->word = kevy_bytes("", 0);
    token->token = name;
    token->next = after;
  }
}

/* "x [x ...]": the last n arguments may be said again. */
static void docs_repeat(docs *d, int first, int again) {
  size_t all = docs_length(d, first), n = docs_length(d, d->nodes[again].kind == DOCS_BLOCK ? d->nodes[again].first : -1);
  if (n == 0 || d->nodes[again].token.len != 0) n = 1;
  if (n > all) return;
  int at = first;
  for (size_t i = n; i < all; i++) at = d->nodes[at].next;
  if (n == 1) {
    d->nodes[at].multiple = true;
    d->nodes[at].multiple_token = d->nodes[again].token.len != 0;
    return;
  }
  int copy = docs_node_new(d, d->nodes[at].kind, -1);
  if (copy < 0) return;
  d->nodes[copy] = d->nodes[at];
  d->nodes[at] = docs_node_of(DOCS_BLOCK, copy);
  d->nodes[at].multiple = true;
}

/* Behind an opening bracket, up to the closing one. */
static int docs_choice(docs *d, bool optional) {
  int alternatives = -1, last = -1, found;
  bool again = false;
  size_t n = 0;
  do {
    int first = docs_sequence(d, &again);
    if (first >= 0 && d->nodes[first].next >= 0) first = docs_node_new(d, DOCS_BLOCK, first);
    if (first < 0) return -1;
    if (last >= 0) d->nodes[last].next = first;
    else alternatives = first;
    last = first;
    n++;
  } while (*d->at++ == '|');
  found = n > 1 ? docs_node_new(d, DOCS_ONEOF, alternatives) : alternatives;
  if (found < 0) return -1;
  d->nodes[found].optional = optional;
  d->nodes[found].again = again;
  return found;
}

/* One word or choice; -1: none, or no room. */
static int docs_item(docs *d) {
  bool bracket = *d->at == '[' || *d->at == '<';
  if (bracket) return docs_choice(d, *d->at++ == '[');
  size_t len = strcspn(d->at, " []<>|");
  kevy_value word = kevy_bytes(d->at, len);
  int made = docs_node_new(d, docs_is_token(&word) ? DOCS_TOKEN : DOCS_WORD, -1);
  if (made >= 0) d->nodes[made].word = word;
  d->at += len;
  return made;
}

/* Up to a closing bracket, a bar, or the end, where d->at is then. */
static int docs_sequence(docs *d, bool *again) {
  int first = -1, last = -1;
  while (true) {
    while (*d->at == ' ') d->at++;
    if (strchr("]>|", *d->at) != NULL) break; /* the end, too */
    if (strncmp(d->at, "...", 3) == 0) {
      *again = true;
      d->at += 3;
      continue;
    }
    int item = docs_item(d);
    if (item < 0) return -1;
    if (d->nodes[item].again && first >= 0) {
      if (d->nodes[item].token.len != 0) docs_join_token(d, first);
      docs_repeat(d, first, item);
      for (last = first; d->nodes[last].next >= 0;) last = d->nodes[last].next;
      continue;
    }
    if (first < 0) first = item;
    else d->nodes[last].next = item;
    last = item;
  }
  docs_join_token(d, first);
  return first;
}

/* ---- Telling ------------------------------------------------------------------------------------- */

static bool docs_among(const kevy_value *word, const char *list) {
  for (kevy_value one; command_word_next(&list, &one);)
    if (one.len == word->len && memcmp(one.as.ptr, word->as.ptr, one.len) == 0) return true;
  return false;
}

static const char *docs_type(const docs_node *n) {
  static const char *const others[] = {[DOCS_TOKEN] = "pure-token", [DOCS_ONEOF] = "oneof", [DOCS_BLOCK] = "block"};
  if (n->kind != DOCS_WORD) return others[n->kind];
  if (docs_among(&n->word, "key key1 key2 newkey source destination src dst destkey sourcekey")) return "key";
  if (docs_among(&n->word, "pattern")) return "pattern";
  if (docs_among(&n->word, "unix-time-seconds unix-time-milliseconds")) return "unix-time";
  if (docs_among(&n->word, "score weight longitude latitude radius width height timeout")) return "double";
  if (docs_among(&n->word, "seconds milliseconds count offset start stop end index numkeys numfields limit rank len num-matches decrement "
                           "min-idle-time ms lastid bit client-id numlocal numreplicas cursor ttl frequency entries-read"))
    return "integer";
  return "string";
}

static void docs_pair(sink *out, const char *name, const kevy_value *text) {
  sink_bytes(out, name, strlen(name));
  sink_bytes(out, text->as.ptr, text->len);
}

#define DOCS_NAME 200

/* A word's name; of several those of the parts. In small letters. */
static size_t docs_name(const docs *d, const docs_node *n, char name[DOCS_NAME], size_t len) {
  for (size_t i = 0; i < n->word.len && len < DOCS_NAME - 1; i++)
    name[len++] = (char)(n->word.as.ptr[i] >= 'A' && n->word.as.ptr[i] <= 'Z' ? n->word.as.ptr[i] + 32 : n->word.as.ptr[i]);
  for (int part = n->first; part >= 0; part = d->nodes[part].next) {
    if (part != n->first && len < DOCS_NAME - 1) name[len++] = '_';
    len = docs_name(d, &d->nodes[part], name, len);
  }
  return len;
}

static void docs_answer(sink *out, docs *d, int first);

static void docs_answer_flags(sink *out, const docs_node *n) {
  const char *all[] = {n->optional ? "optional" : NULL, n->multiple ? "multiple" : NULL, n->multiple_token ? "multiple_token" : NULL};
  sink_bytes(out, "flags", 5);
  sink_set(out, (size_t)n->optional + n->multiple + n->multiple_token);
  for (size_t i = 0; i < 3; i++)
    if (all[i] != NULL) sink_status(out, all[i]);
}

static void docs_answer_one(sink *out, docs *d, const docs_node *n) {
  char name[DOCS_NAME];
  const char *type = docs_type(n);
  kevy_value kind = kevy_bytes(type, strlen(type)), called = kevy_bytes(name, docs_name(d, n, name, 0));
  const kevy_value *token = n->kind == DOCS_TOKEN ? &n->word : &n->token;
  bool key = strcmp(type, "key") == 0, flags = n->optional || n->multiple, parts = n->first >= 0;
  sink_map(out, (size_t)2 + !parts + key + (token->len != 0) + flags + parts);
  docs_pair(out, "name", &called);
  docs_pair(out, "type", &kind);
  if (!parts) docs_pair(out, "display_text", &called);
  if (key) {
    sink_bytes(out, "key_spec_index", 14);
    sink_integer(out, d->keys++);
  }
  if (token->len != 0) docs_pair(out, "token", token);
  if (flags) docs_answer_flags(out, n);
  if (!parts) return;
  sink_bytes(out, "arguments", 9);
  docs_answer(out, d, n->first);
}

static void docs_answer(sink *out, docs *d, int first) {
  sink_array(out, docs_length(d, first));
  for (; first >= 0; first = d->nodes[first].next) docs_answer_one(out, d, &d->nodes[first]);
}

bool command_docs_arguments(sink *out, const char *syntax) {
  docs d = {.at = syntax};
  bool again = false;
  int first = docs_sequence(&d, &again);
  if (first < 0 || *d.at != '\0') return false;
  if (out == NULL) return true;
  sink_bytes(out, "arguments", 9);
  docs_answer(out, &d, first);
  return true;
}
