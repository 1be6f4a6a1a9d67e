/* type_string: the string type: scalars under a key. Every function finds its key once.
 *
 * Callers hold the store's lock and have checked that it is open (abi_string.c and the command handlers do).
 * Flags, kinds and ownership are those of kevy.h; times are deadlines (Unix ms) or KEVY_NO_TTL. A deadline in
 * the past deletes the key at once, as in Redis. Writers on a snapshot answer KEVY_EREADONLY. */
#ifndef KEVY_TYPE_STRING_H
#define KEVY_TYPE_STRING_H

#include "blob.h"
#include "number.h"
#include "probe.h"

struct entry;

kevy_status string_get(kevy_store *s, const char *key, size_t klen, kevy_value *out);
/* The same, and kevy_get_into's copy, for keys of 8 to 16 bytes on a store without a lock: a straight line for plain
 * values. Errors are noted already. KEVY_UNMET: take the long way. */
#define STRING_IS_QUICK(klen) LIKELY((klen) - 8 <= 8)
kevy_status string_get_quick(kevy_store *s, const char *key, size_t klen, kevy_value *out);
kevy_status string_copy_quick(kevy_store *s, const char *key, size_t klen, char *buf, size_t cap,
                              kevy_value *out);

/* SET of a value of 8 to 32 bytes in two steps: string_quiet says whether the store is one where nothing else is to be seen
 * to, and the value such a one. string_guess_quick gives an entry to look at, or says that there is surely none; then a
 * plain one of this key is overwritten by a value of its length, or a new one added. False: take the long way, nothing was
 * done. */
bool string_quiet(const kevy_store *s, const kevy_value *value);
struct entry *string_guess_quick(const kevy_store *s, const char *key, size_t klen, uint64_t *hash, bool *absent);
bool string_overwrite_quick(kevy_store *s, struct entry *e, const char *key, size_t klen, const kevy_value *value);
bool string_add_quick(kevy_store *s, uint64_t hash, const char *key, size_t klen, uint32_t key_kind,
                      const kevy_value *value);

/* The same under a moment, in one step; it adds nothing. What the moment sees gives way to an entry of its own, which is
 * overwritten from then on. */
bool string_overwrite_held(kevy_store *s, const char *key, size_t klen, const kevy_value *value);

/* The same in a light transaction, in two steps; it adds nothing. The second as its first write, and as any. */
struct entry *string_guess_light(const kevy_store *s, const char *key, size_t klen, const kevy_value *value);
bool string_overwrite_light(kevy_store *s, struct entry *e, const char *key, size_t klen, const kevy_value *value);
bool string_overwrite_again(kevy_store *s, struct entry *e, const char *key, size_t klen, const kevy_value *value);

/* Where they go on when their first guess fails, under a hash they have, and from an entry that has a deadline or is
 * yet to be marked as read. Errors are noted. */
kevy_status string_get_hashed(kevy_store *s, const char *key, size_t klen, uint64_t hash,
                              kevy_value *out);
kevy_status string_get_marked(kevy_store *s, const char *key, size_t klen, struct entry *e,
                              kevy_value *out);

kevy_status string_set(kevy_store *s, const char *key, size_t klen, const kevy_value *value,
                       int64_t deadline, uint32_t flags, kevy_value *old);
kevy_status string_getdel(kevy_store *s, const char *key, size_t klen, kevy_value *out);
kevy_status string_getex(kevy_store *s, const char *key, size_t klen, int64_t deadline,
                         uint32_t flags, kevy_value *out);
kevy_status string_incr(kevy_store *s, const char *key, size_t klen, int64_t by, uint32_t flags,
                        int64_t *out);
kevy_status string_incr_float(kevy_store *s, const char *key, size_t klen, double by,
                              uint32_t flags, double *out);
/* INCRBYFLOAT: adds in long double, stores and lends the text it answers (kind bytes). */
kevy_status string_incr_text(kevy_store *s, const char *key, size_t klen, long double by,
                             uint32_t flags, kevy_value *out);
kevy_status string_append(kevy_store *s, const char *key, size_t klen, const kevy_value *tail,
                          uint32_t flags, uint64_t *length);
kevy_status string_strlen(kevy_store *s, const char *key, size_t klen, uint64_t *length);
kevy_status string_getrange(kevy_store *s, const char *key, size_t klen, int64_t first,
                            int64_t last, kevy_value *out);
kevy_status string_setrange(kevy_store *s, const char *key, size_t klen, int64_t offset,
                            const char *piece, size_t len, uint32_t flags, uint64_t *length);

/* ---- editing ---- */

/* A string whose bytes are changed here and there, in three steps: open it, look at what it holds and decide; ask for the bytes to
 * write to; and close it. Where nothing else sees the bytes they are changed where they stand, otherwise a copy is, which
 * takes the key's place at the end. Nothing else is called in between.
 *
 * What the key held stays readable until the end, but changes with what is written where the two are the same. */
typedef struct string_edit {
  const char *old; /* what the key holds; "" without one */
  size_t old_len;
  bool exists;
  char *bytes; /* to be written to: `len` of them */
  size_t len;
  /* Its own: */
  probe p;
  int64_t deadline;
  bool whole, in_place;
  ref blob;
  char digits[NUMBER_FLOAT_MAX];
  char small[BLOB_THRESHOLD];
} string_edit;

/* Finds a string, or none. KEVY_EWRONGTYPE. The key is borrowed until the end. */
kevy_status string_edit_open(kevy_store *s, string_edit *e, const char *key, size_t klen);

/* The same for a value that replaces whatever the key holds, and its deadline: `exists` is false, and the bytes are not set. */
kevy_status string_edit_open_whole(kevy_store *s, string_edit *e, const char *key, size_t klen);

/* Makes the value len bytes long: those of old, cut or with zeroes behind. Called once at most. KEVY_EOOM, KEVY_ETOOBIG: nothing
 * changed, and the edit is over. */
kevy_status string_edit_resize(kevy_store *s, string_edit *e, size_t len);

/* Ends an edit that was resized: the value is of kind bytes from now on. flags: KEVY_TEXT_KEY. KEVY_EOOM: nothing changed. */
kevy_status string_edit_close(kevy_store *s, string_edit *e, uint32_t flags);

/* Ends one that was resized to the same length, and changed nothing. */
void string_edit_abandon(kevy_store *s, const string_edit *e);

/* ---- many keys ---- */

kevy_status string_mget(kevy_store *s, size_t k, const kevy_value *keys, kevy_value *out);
kevy_status string_mset(kevy_store *s, size_t k, const kevy_value *keys, const kevy_value *values,
                        int64_t deadline, uint32_t flags);

#endif
