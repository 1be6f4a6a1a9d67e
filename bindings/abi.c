/* abi: the functions of kevy.h: check, call inward, set the error; nothing else. kevy.h is the manual. */
#include "kevy.h"

#include "blocking.h"
#include "persistence.h"

#include <stdio.h>
#include <stdlib.h>

#include "../core/background.h"
#include "../core/blob.h"
#include "../core/effect.h"
#include "../core/elements.h"
#include "../core/evict.h"
#include "../core/expire.h"
#include "../core/glob.h"
#include "../core/keyspace.h"
#include "../core/persist/directory.h"
#include "../core/number.h"
#include "../core/probe.h"
#include "../core/registry.h"
#include "../core/snapshot.h"
#include "../core/store_open.h"
#include "../core/transaction.h"
#include "../core/type_string.h"
#include "notify.h"
#include "propagate.h"
#include "pubsub.h"

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

const char *kevy_errmsg(kevy_store *s) {
  if (s == NULL) return open_message;
  return s->message[0] != '\0' ? s->message : kevy_strerror(s->last_status);
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

/* ---- stores ---- */

/* Of a store that closes (window/window.c). */
static void windows_close(kevy_store *s);

/* A new store with what a directory holds, and its log (abi_directory.c). */
kevy_status directory_fill(kevy_store *s, const char *path, const directory_options *options, char *message, size_t room);

static kevy_status open_fail(kevy_status status, const char *format, const char *detail) {
  snprintf(open_message, sizeof open_message, format, detail);
  return status;
}

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

typedef struct open_request {
  uint64_t maxmemory;
  uint32_t flags, policy;
  const char *directory; /* NULL: a store in memory */
  directory_options kept;
  kevy_status status;    /* why there is none */
} open_request;

static kevy_store *make_store(void *context) {
  open_request *r = context;
  kevy_store *s = store_new(r->maxmemory, r->flags);
  r->status = KEVY_EOOM;
  if (s == NULL) return NULL;
  r->status = evict_choose(s, r->policy) ? KEVY_OK : KEVY_EOOM;
  if (r->directory != NULL && r->status == KEVY_OK)
    r->status = directory_fill(s, r->directory, &r->kept, open_message, sizeof open_message);
  if (r->status == KEVY_OK) evict_settle(s);
  if (r->status == KEVY_OK && (r->flags & KEVY_BACKGROUND) && !background_start(s)) r->status = KEVY_EOOM;
  if (r->status == KEVY_OK) return s;
  if (effect_kept(s)) (void)directory_close(s);
  store_free(s);
  return NULL;
}

static bool fsync_known(const char *word, log_fsync *out) {
  static const char *const words[] = {"always", "everysec", "no"};
  *out = LOG_EVERYSEC;
  for (unsigned i = 0; word != NULL && i < 3; i++) {
    if (strcmp(word, words[i]) != 0) continue;
    *out = (log_fsync)i;
    return true;
  }
  return word == NULL;
}

/* Where the store is: in memory, perhaps under a name, or in a directory. */
static kevy_status open_where(const kevy_options *o, open_request *r, const char **name) {
  if (o->url == NULL) return KEVY_OK;
  if (strncmp(o->url, "file://", 7) == 0) {
    r->directory = o->url + 7;
    return r->directory[0] != '\0' ? KEVY_OK : open_fail(KEVY_EARG, "\"%s\" names no directory", o->url);
  }
  if (strncmp(o->url, "mem://", 6) != 0)
    return open_fail(KEVY_EUNSUPPORTED, "cannot open \"%s\": the schemes that work are mem://, "
                     "mem://name and file://directory", o->url);
  if (o->url[6] != '\0') *name = o->url + 6;
  return KEVY_OK;
}

kevy_status kevy_open(const kevy_options *options, kevy_store **out) {
  kevy_options o = KEVY_OPTIONS_INIT;
  if (options != NULL) {
    if (options->size < offsetof(kevy_options, url))
      return open_fail(KEVY_EARG, "kevy_options.size is not set%s", "");
    memcpy(&o, options, options->size < sizeof o ? options->size : sizeof o);
  }
  if (o.flags & ~(KEVY_THREADS | KEVY_BACKGROUND | KEVY_FAIL_FAST | KEVY_SALVAGE))
    return open_fail(KEVY_EARG, "unknown flag in kevy_options.flags%s", "");
  uint32_t policy = EVICT_NOEVICTION;
  if (o.policy != NULL && !policy_find(o.policy, &policy)) return policy_fail(o.policy);
  const char *name = NULL;
  open_request r = {.maxmemory = o.maxmemory, .flags = o.flags & (KEVY_THREADS | KEVY_BACKGROUND),
                    .policy = policy};
  if (!fsync_known(o.fsync, &r.kept.fsync))
    return open_fail(KEVY_EARG, "fsync \"%.40s\" is not one of: always everysec no", o.fsync);
  r.kept.queue = o.log_queue;
  r.kept.rewrite_at = o.rewrite_at;
  r.kept.fail_fast = (o.flags & KEVY_FAIL_FAST) != 0;
  r.kept.salvage = (o.flags & KEVY_SALVAGE) != 0;
  kevy_status where = open_where(&o, &r, &name);
  if (where != KEVY_OK) return where;
  if (name != NULL || (r.flags & KEVY_BACKGROUND)) r.flags |= KEVY_THREADS;
  bool known = (r.flags & KEVY_THREADS) || r.directory != NULL;
  kevy_store *s = known ? registry_open(name, make_store, &r) : make_store(&r);
  if (s == NULL && r.status != KEVY_OK && r.status != KEVY_EOOM) return r.status;
  if (s == NULL) return open_fail(KEVY_EOOM, "no memory for a store%s", "");
  *out = s;
  return KEVY_OK;
}

void kevy_close(kevy_store *s) {
  if (s == NULL) return;
  bool known = s->registered;
  if (known && !registry_close(s)) return;
  s->registered = false;
  if (s->windows != NULL) windows_close(s);
  if (known) {
    if (store_enter(s)) {
      transaction_undo_all(s);
      store_leave(s);
    }
    background_stop(s);
  }
  blocking_close(s);
  notify_close(s);
  pubsub_close(s);
  saving_close(s);
  if (effect_kept(s)) (void)directory_close(s);
  store_free(s);
}

void kevy_lock(kevy_store *s) { (void)store_enter(s); }

void kevy_unlock(kevy_store *s) { store_leave(s); }

kevy_status kevy_tick(kevy_store *s, uint64_t budget_us, uint64_t *reclaimed) {
  ENTER(s);
  if (budget_us == 0) budget_us = 100;
  uint64_t count = 0, start = clock_ticks();
  bool done = false;
  if (effect_kept(s)) s->noted = true; /* a rewrite may be waiting for its owner */
  while (!done) {
    done = store_reclaim(s, 32, &count);
    if ((clock_ticks() - start) / 1000 >= budget_us) break;
  }
  if (reclaimed != NULL) *reclaimed = count;
  return lending(s, done ? KEVY_OK : KEVY_UNMET);
}

kevy_status kevy_snapshot(kevy_store *s, kevy_store **out) {
  if (UNLIKELY(!store_enter_beside(s))) return KEVY_ECLOSED;
  kevy_store *frozen = store_taken(s) ? store_freeze_before(s) : store_freeze(s);
  if (frozen != NULL) *out = frozen;
  return lending(s, frozen != NULL ? KEVY_OK : KEVY_EOOM);
}

/* ---- strings ---- */

static __attribute__((noinline)) kevy_status get_entered(kevy_store *s, const char *key,
                                                         size_t klen, kevy_value *out) {
  ENTER(s);
  return lending(s, string_get(s, key, klen, out));
}

/* Calls only at its ends, so that it saves no registers. */
kevy_status kevy_get(kevy_store *s, const char *key, size_t klen, kevy_value *out) {
  if (LIKELY(s->guard == 0) && STRING_IS_QUICK(klen)) return string_get_quick(s, key, klen, out);
  return get_entered(s, key, klen, out);
}

static __attribute__((noinline)) kevy_status get_into_entered(kevy_store *s, const char *key,
                                                              size_t klen, char *buf, size_t cap,
                                                              kevy_value *out) {
  ENTER(s);
  return lending(s, copied_into(string_get(s, key, klen, out), buf, cap, out));
}

kevy_status kevy_get_into(kevy_store *s, const char *key, size_t klen, char *buf, size_t cap,
                          kevy_value *out) {
  if (LIKELY(s->guard == 0) && STRING_IS_QUICK(klen)) {
    kevy_status status = string_copy_quick(s, key, klen, buf, cap, out);
    if (LIKELY(status != KEVY_UNMET)) return status;
  }
  return get_into_entered(s, key, klen, buf, cap, out);
}

static __attribute__((noinline)) kevy_status set_entered(kevy_store *s, const char *key,
                                                         size_t klen, const kevy_value *value,
                                                         int64_t ttl, uint32_t flags,
                                                         kevy_value *old) {
  ENTER(s);
  if (!flags_allowed(flags, KEVY_NX | KEVY_XX | KEVY_KEEPTTL | KEVY_AT | KEVY_TEXT_KEY))
    return lending(s, KEVY_EARG);
  int64_t deadline;
  kevy_status status = deadline_of(s, ttl, flags, &deadline);
  if (LIKELY(status == KEVY_OK)) {
    if (effect_kept(s)) propagate_set(s, key, klen, value, deadline, flags);
    if (UNLIKELY(s->told)) notify_string(s, key, klen, flags, deadline != KEVY_NO_TTL);
    status = string_set(s, key, klen, value, deadline, flags, old);
  }
  return old == NULL ? settled(s, status) : settled_lending(s, status);
}

/* The quick way of overwriting goes from function to function by jumps: none of them needs more registers than a function
 * may use without saving them (a tenth fewer instructions). */
static __attribute__((noinline)) kevy_status set_long(kevy_store *s, const char *key, size_t klen,
                                                      const kevy_value *value, uint32_t flags) {
  return set_entered(s, key, klen, value, KEVY_NO_TTL, flags, NULL);
}

static __attribute__((noinline)) kevy_status set_found(kevy_store *s, const char *key, size_t klen,
                                                       const kevy_value *value, uint32_t flags, entry *e) {
  return string_overwrite_quick(s, e, key, klen, value) ? KEVY_OK : set_long(s, key, klen, value, flags);
}

static __attribute__((noinline)) kevy_status set_new(kevy_store *s, const char *key, size_t klen,
                                                     const kevy_value *value, uint32_t flags, uint64_t hash) {
  if (s->serve == NULL && string_add_quick(s, hash, key, klen, flags & KEVY_TEXT_KEY ? KEVY_TEXT : KEVY_BYTES, value))
    return store_leave(s);
  return set_long(s, key, klen, value, flags);
}

static __attribute__((noinline)) kevy_status set_quick(kevy_store *s, const char *key, size_t klen,
                                                       const kevy_value *value, uint32_t flags) {
  uint64_t hash;
  bool absent;
  entry *e = string_guess_quick(s, key, klen, &hash, &absent);
  if (LIKELY(e != NULL)) return set_found(s, key, klen, value, flags, e);
  return absent ? set_new(s, key, klen, value, flags, hash) : set_long(s, key, klen, value, flags);
}

static __attribute__((noinline)) kevy_status set_unquiet(kevy_store *s, const char *key, size_t klen,
                                                         const kevy_value *value, uint32_t flags) {
  if (s->sp->light != NULL && string_overwrite_light(s, key, klen, value)) return KEVY_OK;
  return set_long(s, key, klen, value, flags);
}

kevy_status kevy_set(kevy_store *s, const char *key, size_t klen, const kevy_value *value,
                     int64_t ttl, uint32_t flags, kevy_value *old) {
  if (LIKELY(s->guard == 0) && STRING_IS_QUICK(klen) && ttl == KEVY_NO_TTL &&
      (flags & ~(uint32_t)KEVY_TEXT_KEY) == 0 && old == NULL)
    return LIKELY(string_quiet(s, value)) ? set_quick(s, key, klen, value, flags)
                                          : set_unquiet(s, key, klen, value, flags);
  return set_entered(s, key, klen, value, ttl, flags, old);
}

kevy_status kevy_getdel(kevy_store *s, const char *key, size_t klen, kevy_value *out) {
  ENTER(s);
  if (effect_kept(s)) effect_begin(s);
  if (UNLIKELY(s->told)) notify_gone(s, key, klen);
  return settled_lending(s, string_getdel(s, key, klen, out));
}

kevy_status kevy_getex(kevy_store *s, const char *key, size_t klen, int64_t ttl, uint32_t flags,
                       kevy_value *out) {
  ENTER(s);
  if (!flags_allowed(flags, KEVY_AT | KEVY_PERSIST)) return lending(s, KEVY_EARG);
  int64_t deadline;
  kevy_status status = deadline_of(s, ttl, flags, &deadline);
  if (status == KEVY_OK && deadline != KEVY_NO_TTL && effect_kept(s)) propagate_expire(s, key, klen, deadline);
  else if (status == KEVY_OK && (flags & KEVY_PERSIST))
    PROPAGATE(s, WORD("PERSIST"), KEY(key, klen, 0));
  if (status == KEVY_OK && UNLIKELY(s->told) && (deadline != KEVY_NO_TTL || (flags & KEVY_PERSIST)))
    notify_deadline(s, key, klen, (flags & KEVY_PERSIST) != 0);
  if (status == KEVY_OK) status = string_getex(s, key, klen, deadline, flags, out);
  return deadline != KEVY_NO_TTL || (flags & KEVY_PERSIST) ? settled_lending(s, status) : lending(s, status);
}

kevy_status kevy_incr(kevy_store *s, const char *key, size_t klen, int64_t by, uint32_t flags,
                      int64_t *out) {
  ENTER(s);
  if (!flags_allowed(flags, KEVY_TEXT_KEY)) return lending(s, KEVY_EARG);
  int64_t after;
  PROPAGATE(s, WORD("INCRBY"), KEY(key, klen, flags), effect_number(by));
  if (UNLIKELY(s->told)) notify_fine(s, CONFIG_EVENTS_STRING, "incrby", key, klen);
  kevy_status status = string_incr(s, key, klen, by, flags, &after);
  if (status == KEVY_OK && out != NULL) *out = after;
  return settled(s, status);
}

kevy_status kevy_incr_float(kevy_store *s, const char *key, size_t klen, double by,
                            uint32_t flags, double *out) {
  ENTER(s);
  if (!flags_allowed(flags, KEVY_TEXT_KEY)) return lending(s, KEVY_EARG);
  double after;
  if (effect_kept(s) && !propagate_string(s, key, klen)) return lending(s, KEVY_EOOM);
  if (UNLIKELY(s->told)) notify_fine(s, CONFIG_EVENTS_STRING, "incrbyfloat", key, klen);
  kevy_status status = string_incr_float(s, key, klen, by, flags, &after);
  if (status == KEVY_OK && out != NULL) *out = after;
  return settled(s, status);
}

kevy_status kevy_append(kevy_store *s, const char *key, size_t klen, const kevy_value *tail,
                        uint32_t flags, uint64_t *length) {
  ENTER(s);
  if (!flags_allowed(flags, KEVY_TEXT_KEY)) return lending(s, KEVY_EARG);
  if (tail->kind <= KEVY_FLOAT) PROPAGATE(s, WORD("APPEND"), KEY(key, klen, flags), *tail);
  if (UNLIKELY(s->told)) notify_fine(s, CONFIG_EVENTS_STRING, "append", key, klen);
  return settled(s, string_append(s, key, klen, tail, flags, length));
}

kevy_status kevy_strlen(kevy_store *s, const char *key, size_t klen, uint64_t *length) {
  ENTER(s);
  return lending(s, string_strlen(s, key, klen, length));
}

kevy_status kevy_getrange(kevy_store *s, const char *key, size_t klen, int64_t first, int64_t last,
                          kevy_value *out) {
  ENTER(s);
  return lending(s, string_getrange(s, key, klen, first, last, out));
}

kevy_status kevy_setrange(kevy_store *s, const char *key, size_t klen, int64_t offset,
                          const char *piece, size_t len, uint32_t flags, uint64_t *length) {
  ENTER(s);
  if (!flags_allowed(flags, KEVY_TEXT_KEY)) return lending(s, KEVY_EARG);
  PROPAGATE(s, WORD("SETRANGE"), KEY(key, klen, flags), effect_number(offset), effect_bytes(piece, len));
  if (UNLIKELY(s->told) && len != 0) notify_fine(s, CONFIG_EVENTS_STRING, "setrange", key, klen);
  return settled(s, string_setrange(s, key, klen, offset, piece, len, flags, length));
}

kevy_status kevy_mget(kevy_store *s, size_t k, const kevy_value *keys, kevy_value *out) {
  ENTER(s);
  return lending(s, string_mget(s, k, keys, out));
}

kevy_status kevy_mset(kevy_store *s, size_t k, const kevy_value *keys, const kevy_value *values,
                      int64_t ttl, uint32_t flags) {
  ENTER(s);
  if (!flags_allowed(flags, KEVY_NX | KEVY_AT)) return lending(s, KEVY_EARG);
  int64_t deadline;
  kevy_status status = deadline_of(s, ttl, flags, &deadline);
  if (status == KEVY_OK && effect_kept(s)) propagate_mset(s, k, keys, values, deadline);
  if (status == KEVY_OK && UNLIKELY(s->told)) notify_strings(s, k, keys, !(flags & KEVY_NX), deadline != KEVY_NO_TTL);
  if (status == KEVY_OK) status = string_mset(s, k, keys, values, deadline, flags);
  return settled(s, status);
}

/* ---- keys ---- */

kevy_status kevy_delete(kevy_store *s, const char *key, size_t klen) {
  ENTER(s);
  if (effect_kept(s)) effect_begin(s);
  if (UNLIKELY(s->told)) notify_gone(s, key, klen);
  return settled(s, keyspace_delete(s, key, klen));
}

kevy_status kevy_exists(kevy_store *s, const char *key, size_t klen) {
  ENTER(s);
  return lending(s, keyspace_exists(s, key, klen));
}

kevy_status kevy_touch(kevy_store *s, const char *key, size_t klen) {
  ENTER(s);
  return lending(s, keyspace_touch(s, key, klen));
}

kevy_status kevy_type(kevy_store *s, const char *key, size_t klen, int32_t *type) {
  ENTER(s);
  return lending(s, keyspace_type(s, key, klen, type));
}

const char *kevy_type_name(int32_t type) {
  static const char *const names[] = {"none", "string", "hash", "list", "set", "zset", "stream"};
  return type >= 0 && type <= KEVY_TYPE_STREAM ? names[type] : "unknown";
}

kevy_status kevy_rename(kevy_store *s, const char *key, size_t klen, const char *to, size_t tolen,
                        uint32_t flags) {
  ENTER(s);
  if (!flags_allowed(flags, KEVY_NX | KEVY_TEXT_KEY)) return lending(s, KEVY_EARG);
  PROPAGATE(s, WORD("RENAME"), KEY(key, klen, 0), KEY(to, tolen, flags));
  if (UNLIKELY(s->told)) notify_renamed(s, key, klen, to, tolen);
  return settled(s, keyspace_rename(s, key, klen, to, tolen, flags));
}

kevy_status kevy_copy(kevy_store *s, const char *key, size_t klen, const char *to, size_t tolen,
                      uint32_t flags) {
  ENTER(s);
  if (!flags_allowed(flags, KEVY_REPLACE | KEVY_TEXT_KEY)) return lending(s, KEVY_EARG);
  PROPAGATE(s, WORD("COPY"), KEY(key, klen, 0), KEY(to, tolen, flags), WORD("REPLACE"));
  if (UNLIKELY(s->told)) notify_copied(s, key, klen, to, tolen);
  return settled(s, keyspace_copy(s, key, klen, to, tolen, flags));
}

kevy_status kevy_len(kevy_store *s, uint64_t *count) {
  ENTER(s);
  if (s->frozen == NULL) store_upkeep(s, 128, NULL);
  *count = keyspace_len(s);
  return lending(s, KEVY_OK);
}

kevy_status kevy_random_key(kevy_store *s, kevy_value *key) {
  ENTER(s);
  return lending(s, keyspace_random(s, key));
}

kevy_status kevy_clear(kevy_store *s) {
  ENTER(s);
  if (effect_kept(s)) effect_begin(s);
  return settled(s, keyspace_clear(s));
}

/* ---- time ---- */

kevy_status kevy_deadline(kevy_store *s, const char *key, size_t klen, int64_t *deadline) {
  ENTER(s);
  return lending(s, keyspace_deadline(s, key, klen, deadline));
}

kevy_status kevy_ttl(kevy_store *s, const char *key, size_t klen, int64_t *ttl) {
  ENTER(s);
  kevy_status status = keyspace_deadline(s, key, klen, ttl);
  if (status == KEVY_OK && *ttl != KEVY_NO_TTL) {
    *ttl -= store_now(s);
    if (*ttl < 1) *ttl = 1; /* its time came since it was found alive */
  }
  return lending(s, status);
}

kevy_status kevy_expire(kevy_store *s, const char *key, size_t klen, int64_t ttl, uint32_t flags) {
  const uint32_t conditions = KEVY_NX | KEVY_XX | KEVY_GT | KEVY_LT;
  ENTER(s);
  if (!flags_allowed(flags, conditions | KEVY_AT) ||
      ((flags & KEVY_NX) && (flags & conditions) != KEVY_NX) ||
      ((flags & KEVY_GT) && (flags & KEVY_LT)))
    return lending(s, KEVY_EARG);
  int64_t deadline;
  kevy_status status = ttl == KEVY_NO_TTL ? KEVY_EEXPIRE : deadline_of(s, ttl, flags, &deadline);
  if (status == KEVY_OK) {
    if (effect_kept(s)) propagate_expire(s, key, klen, deadline);
    if (UNLIKELY(s->told)) notify_deadline(s, key, klen, false);
    status = keyspace_expire(s, key, klen, deadline, flags);
  }
  return settled(s, status);
}

kevy_status kevy_persist(kevy_store *s, const char *key, size_t klen) {
  ENTER(s);
  PROPAGATE(s, WORD("PERSIST"), KEY(key, klen, 0));
  if (UNLIKELY(s->told)) notify_deadline(s, key, klen, true);
  return settled(s, keyspace_expire(s, key, klen, KEVY_NO_TTL, 0));
}

kevy_status kevy_now(kevy_store *s, int64_t *now) {
  ENTER(s);
  *now = store_now(s);
  return lending(s, KEVY_OK);
}

/* ---- iteration ---- */

struct kevy_iter {
  moment *m;
  elements *inside; /* of one value; NULL: over the keys */
  table_walk walk;
  const entry *at; /* what was given last */
  int32_t type;    /* KEVY_TYPE_NONE: all */
  size_t plen;
  char pattern[];
};

/* An iterator over this moment, with room for a pattern. NULL: no memory. */
static kevy_iter *iter_new(kevy_store *s, size_t plen) {
  kevy_iter *it = calloc(1, sizeof *it + plen);
  if (it == NULL) return NULL;
  it->m = s->frozen != NULL ? snapshot_share(s->frozen) : snapshot_open(s->sp, store_now(s));
  if (it->m != NULL) return it;
  free(it);
  return NULL;
}

kevy_status kevy_iter_open(kevy_store *s, const char *pattern, size_t plen, int32_t type,
                           kevy_iter **out) {
  ENTER(s);
  if (type < KEVY_TYPE_NONE || type > KEVY_TYPE_STREAM) return lending(s, KEVY_EARG);
  if (plen > KEVY_MAX_LEN) return lending(s, KEVY_ETOOBIG);
  kevy_iter *it = iter_new(s, plen);
  if (it == NULL) return lending(s, KEVY_EOOM);
  it->type = type;
  it->plen = plen;
  if (plen != 0) memcpy(it->pattern, pattern, plen);
  *out = it;
  return lending(s, KEVY_OK);
}

/* Stands before the first element of the key's value in the iterator's moment. */
static kevy_status iter_enter(kevy_store *s, kevy_iter *it, const char *key, size_t klen,
                              int32_t type, uint32_t flags) {
  const uint64_t *slot = table_find(s->base, &it->m->keys, probe_hash(s, key, klen), key, klen);
  const entry *e = slot != NULL ? mem_ptr(s->base, slot_ref(*slot)) : NULL;
  if (e == NULL || (entry_has_deadline(e) && entry_deadline(e) <= it->m->now)) return KEVY_MISSING;
  if (type != KEVY_TYPE_NONE && type != entry_type(e)) return KEVY_EWRONGTYPE;
  it->inside = malloc(sizeof *it->inside);
  if (it->inside == NULL) return KEVY_EOOM;
  it->at = e;
  return elements_begin(it->inside, it->m->sp, e, it->m->now, (flags & KEVY_REV) != 0)
             ? KEVY_OK
             : KEVY_EWRONGTYPE;
}

kevy_status kevy_iter_elements(kevy_store *s, const char *key, size_t klen, int32_t type,
                               uint32_t flags, kevy_iter **out) {
  ENTER(s);
  if (!flags_allowed(flags, KEVY_REV) || type < KEVY_TYPE_NONE || type > KEVY_TYPE_STREAM)
    return lending(s, KEVY_EARG);
  kevy_iter *it = iter_new(s, 0);
  if (it == NULL) return lending(s, KEVY_EOOM);
  kevy_status status = iter_enter(s, it, key, klen, type, flags);
  if (status == KEVY_OK) *out = it;
  else kevy_iter_close(it);
  return lending(s, status);
}

static bool iter_wants(const kevy_iter *it, const entry *e) {
  if (entry_has_deadline(e) && entry_deadline(e) <= it->m->now) return false;
  if (hash_is_over(it->m->sp->mem.base, e, it->m->now)) return false;
  if (it->type != KEVY_TYPE_NONE && it->type != entry_type(e)) return false;
  return it->plen == 0 ||
         glob_match(it->pattern, it->plen, entry_key(e), entry_klen(e), false);
}

kevy_status kevy_iter_next(kevy_iter *it, kevy_value *key, kevy_value *value) {
  const char *base = it->m->sp->mem.base;
  kevy_value unwanted;
  if (it->inside != NULL)
    return elements_next(it->inside, key, value != NULL ? value : &unwanted) ? KEVY_OK : KEVY_MISSING;
  ref r;
  while ((r = table_next(base, &it->m->keys, &it->walk)) != 0) {
    const entry *e = mem_ptr(base, r);
    if (!iter_wants(it, e)) continue;
    it->at = e;
    key->kind = entry_key_kind(e);
    key->reserved = 0;
    key->len = entry_klen(e);
    key->as.ptr = entry_key(e);
    if (value != NULL) entry_value(base, e, value);
    return KEVY_OK;
  }
  return KEVY_MISSING;
}

int32_t kevy_iter_type(kevy_iter *it) {
  return it->at != NULL ? entry_type(it->at) : KEVY_TYPE_NONE;
}

void kevy_iter_close(kevy_iter *it) {
  if (it == NULL) return;
  snapshot_close(it->m);
  free(it->inside);
  free(it);
}

/* ---- pins ---- */

/* A blob's pin is the node that gives the blob back; below the threshold the bytes follow. */
struct kevy_pin {
  pin_node node;
  space *sp; /* NULL for a copy */
  char bytes[];
};

static kevy_pin *pin_copy(const kevy_value *v, size_t *len) {
  char digits[NUMBER_FLOAT_MAX];
  kevy_value bytes = number_byte_form(v, digits);
  *len = bytes.len;
  kevy_pin *p = malloc(sizeof *p + *len);
  if (p == NULL) return NULL;
  p->sp = NULL;
  if (bytes.len != 0) memcpy(p->bytes, bytes.as.ptr, bytes.len);
  return p;
}

static kevy_pin *pin_blob(kevy_store *s, const entry *e) {
  kevy_pin *p = malloc(sizeof *p);
  if (p == NULL) return NULL;
  p->sp = s->sp;
  snapshot_pin(s->sp, &p->node, probe_share(s, e).as.word);
  return p;
}

static kevy_status pin_entry(kevy_store *s, const entry *e, kevy_pin **pin, kevy_value *value) {
  kevy_value v;
  probe_value(s, e, &v);
  if (v.kind == KEVY_NIL) return KEVY_EWRONGTYPE;
  /* A snapshot's reader is not the owner, who alone may count a blob's owners: it copies. */
  bool shared = (entry_flags(e) & ENTRY_CONTENT) == ENTRY_BLOB && s->frozen == NULL;
  kevy_pin *p = shared ? pin_blob(s, e) : pin_copy(&v, &v.len);
  if (p == NULL) return KEVY_EOOM;
  if (!shared) v.as.ptr = p->bytes;
  v.kind = v.kind == KEVY_TEXT ? KEVY_TEXT : KEVY_BYTES;
  *pin = p;
  *value = v;
  return KEVY_OK;
}

kevy_status kevy_pin_value(kevy_store *s, const char *key, size_t klen, kevy_pin **pin,
                           kevy_value *value) {
  ENTER(s);
  probe p;
  kevy_status status = KEVY_MISSING;
  if (probe_read(s, &p, key, klen) != NULL) status = pin_entry(s, p.live, pin, value);
  return lending(s, status);
}

void kevy_unpin(kevy_pin *pin) {
  if (pin == NULL) return;
  if (pin->sp != NULL) snapshot_unpin(pin->sp, &pin->node);
  else free(pin);
}

/* ---- watching ---- */

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

/* ---- for tests ---- */

kevy_status kevy_debug_clock(kevy_store *s, int64_t now) {
  ENTER(s);
  if (s->frozen != NULL) return lending(s, KEVY_EREADONLY);
  if ((now < 0 && now != KEVY_NO_TTL) || now >= CLOCK_END) return lending(s, KEVY_EARG);
  store_set_clock(s, now);
  return lending(s, KEVY_OK);
}

kevy_status kevy_debug_fail_alloc(kevy_store *s, uint64_t n) {
  ENTER(s);
  s->sp->mem.fail_in = n;
  return lending(s, KEVY_OK);
}
