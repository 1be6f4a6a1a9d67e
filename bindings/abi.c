/* abi: what the files of kevy.h's functions (abi_*.c) have in common: each function checks, calls inward, sets the error; nothing
 * else. How a call enters the store and how it ends is here. kevy.h is the manual. */
#include "kevy.h"

#include "../core/effect.h"
#include "../core/number.h"
#include "../core/store.h"
#include "notify.h"
#include "propagate.h"

/* Stages the words that do again what the call is about to do. */
#define PROPAGATE(s, ...) \
  do { \
    if (effect_kept(s)) { \
      const kevy_value words[] = {__VA_ARGS__}; \
      propagate_words(s, sizeof words / sizeof *words, words); \
    } \
  } while (0)
#define KEY(key, klen, flags) effect_key(key, klen, propagate_kind(flags))
#define WORD(text) effect_word(text)

/* ---- version, messages ---- */

const char *kevy_version(void) { return KEVY_VERSION; }

int32_t kevy_abi(void) { return KEVY_ABI; }

const char *kevy_strerror(kevy_status status) {
  switch (status) {
    case KEVY_OK: return "ok";
    case KEVY_MISSING: return "no such key";
    case KEVY_UNMET: return "the condition is not met";
#define MESSAGE(name, number, message)                                                             \
  case KEVY_##name: return message;
      KEVY_ERRORS(MESSAGE)
#undef MESSAGE
    default: return "unknown status";
  }
}

static __thread char open_message[320];

/* More than the status tells, of a store in a directory (abi_directory.c); NULL: there is none. */
const char *directory_explain(const kevy_store *s);

const char *kevy_errmsg(kevy_store *s) {
  if (s == NULL) return open_message;
  if (s->message[0] != '\0') return s->message;
  const char *explained = effect_kept(s) ? directory_explain(s) : NULL;
  return explained != NULL ? explained : kevy_strerror(s->last_status);
}

/* What a call answers that did what it says, unless it could not be made durable. */
static FLAT kevy_status left(kevy_store *s, kevy_status status, kevy_status durable) {
  if (LIKELY(durable == KEVY_OK)) return status;
  s->last_status = durable;
  return durable;
}

/* The end of a call that lends nothing, and of one whose result borrows from the store. */
static FLAT kevy_status settled(kevy_store *s, kevy_status status) {
  if (UNLIKELY(s->told)) notify_end(s, status == KEVY_OK);
  if (effect_kept(s)) effect_end(s, status);
  status = store_noted(s, status);
  return left(s, status, store_settle(s));
}
static FLAT kevy_status lending(kevy_store *s, kevy_status status) {
  status = store_noted(s, status);
  return left(s, status, store_leave(s));
}

/* The same of a write, whose result is in scratch memory or held until the next call: what is due may go meanwhile. */
static FLAT kevy_status settled_lending(kevy_store *s, kevy_status status) {
  if (UNLIKELY(s->told)) notify_end(s, status == KEVY_OK);
  if (effect_kept(s)) effect_end(s, status);
  if (UNLIKELY(s->until_pay <= 0) && status == KEVY_OK) store_pay_lending(s);
  return lending(s, status);
}

/* What the _into functions answer in place of a value that was found: a copy in buf, or the length alone. */
static FLAT kevy_status copied_into(kevy_status status, char *buf, size_t cap, kevy_value *out) {
  if (status != KEVY_OK || out->kind > KEVY_TEXT) return status;
  if (out->len <= cap) {
    bytes_move(buf, out->as.ptr, out->len);
    out->as.ptr = out->len != 0 ? buf : "";
  } else {
    out->as.ptr = NULL;
  }
  return KEVY_OK;
}

#define ENTER_OR(s, answer)                                                                        \
  if (UNLIKELY(!store_enter(s))) return answer
#define ENTER(s) ENTER_OR(s, KEVY_ECLOSED)

/* Turns a ttl into a deadline. */
static FLAT kevy_status deadline_of(kevy_store *s, int64_t ttl, uint32_t flags,
                                      int64_t *deadline) {
  *deadline = ttl;
  if (LIKELY(ttl == KEVY_NO_TTL) && !(flags & KEVY_AT)) return KEVY_OK;
  if (flags & KEVY_AT) return ttl < 0 ? KEVY_EEXPIRE : KEVY_OK;
  if (ttl <= 0 || __builtin_add_overflow(store_now(s), ttl, deadline)) return KEVY_EEXPIRE;
  return KEVY_OK;
}

static inline bool flags_allowed(uint32_t flags, uint32_t allowed) {
  return LIKELY((flags & ~allowed) == 0);
}
