/* abi_memory: the functions of kevy.h on memory: its limit, the policies, figures. */
#include <stdio.h>
#include <string.h>

#include "../core/evict.h"
#include "../core/keyspace.h"
#include "kevy.h"

/* The policies there are: rows of options.def. */
#define OPTION(name, kind, fallback, summary)
#define POLICY(name, word, summary) " " word
static const char policy_words[] =
#include "options.def"
    ;
#undef POLICY

static const struct policy_row {
  const char *word;
  uint32_t policy;
} policy_rows[] = {
#define POLICY(name, word, summary) {word, EVICT_##name},
#include "options.def"
#undef POLICY
#undef OPTION
};
#define POLICY_ROWS (sizeof policy_rows / sizeof *policy_rows)

static bool policy_find(const char *word, uint32_t *policy) {
  for (size_t i = 0; i < POLICY_ROWS; i++) {
    if (strcmp(word, policy_rows[i].word) != 0) continue;
    *policy = policy_rows[i].policy;
    return true;
  }
  return false;
}

static kevy_status policy_fail(const char *policy) {
  snprintf(open_message, sizeof open_message, "policy \"%.40s\" is not one of:%s", policy,
           policy_words);
  return KEVY_EARG;
}

kevy_status kevy_info(kevy_store *s, size_t index, const char **name, kevy_value *value) {
  ENTER(s);
  return lending(s, store_info(s, index, name, value));
}

kevy_status kevy_reset_stats(kevy_store *s) {
  ENTER(s);
  store_reset_stats(s);
  return lending(s, KEVY_OK);
}

uint64_t kevy_used_memory(kevy_store *s) {
  if (!store_enter(s)) return 0;
  uint64_t used = s->sp->mem.root->used;
  store_leave(s);
  return used;
}

kevy_status kevy_set_maxmemory(kevy_store *s, uint64_t maxmemory) {
  ENTER(s);
  return settled(s, s->frozen != NULL ? KEVY_EREADONLY : evict_limit(s, maxmemory));
}

kevy_status kevy_set_policy(kevy_store *s, const char *policy) {
  uint32_t found = EVICT_NOEVICTION;
  ENTER(s);
  kevy_status status = s->frozen != NULL ? KEVY_EREADONLY : KEVY_OK;
  if (status == KEVY_OK && !policy_find(policy, &found))
    status = store_fail(s, KEVY_EARG, "policy \"%.40s\" is not one of:%s", policy, policy_words);
  if (status == KEVY_OK && !evict_choose(s, found)) status = KEVY_EOOM;
  return lending(s, status);
}

const char *kevy_policy(kevy_store *s) {
  ENTER_OR(s, "");
  const char *word = "";
  for (size_t i = 0; i < POLICY_ROWS; i++)
    if (policy_rows[i].policy == evict_policy(s)) word = policy_rows[i].word;
  store_leave(s);
  return word;
}

kevy_status kevy_memory_usage(kevy_store *s, const char *key, size_t klen, uint64_t *bytes) {
  ENTER(s);
  return lending(s, keyspace_memory_usage(s, key, klen, bytes));
}
