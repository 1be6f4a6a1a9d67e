/* kevy.h: Redis data types inside your process. The C ABI, written as a manual.
 *
 *     kevy_store *s;
 *     if (kevy_open(NULL, &s) != KEVY_OK) return 1;
 *     kevy_value v = kevy_text("alice", 5);
 *     kevy_set(s, "user:1", 6, &v, 60000, 0, NULL);        // for a minute
 *     if (kevy_get(s, "user:1", 6, &v) == KEVY_OK) fwrite(v.as.ptr, 1, v.len, stdout);
 *     kevy_close(s);
 *
 * One sentence rules ownership: what you pass is copied; what you receive is borrowed until the
 * next call on that store, unless you pinned it. Every function that can fail returns a
 * kevy_status: zero or positive is success, negative is an error that changed nothing
 * (kevy_strerror names it, kevy_errmsg explains the last one). Results go through out-parameters,
 * which come last; they are written only on KEVY_OK unless a function says otherwise. Keys and
 * strings are a pointer and a length, binary-safe; a NULL pointer is allowed when the length is 0.
 *
 * Threads: a store is used by one thread at a time. Opened with KEVY_THREADS it carries its own
 * lock and any thread may call; a borrowed pointer is then safe only between kevy_lock and
 * kevy_unlock on the calling thread. Snapshots and iterators are used by one thread at a time
 * each, any thread, also while the owner of the live store writes.
 *
 * The ABI only grows: nothing declared here is changed or removed within a major version. Option
 * structs start with their size so that they can grow. Complexities: n is the number of keys, k of
 * keys in the call, len of bytes; "O(1)" is expected time, with no pause for growth. */
#ifndef KEVY_H
#define KEVY_H

#include "kevy_types.h"

#if defined(_WIN32)
#define KEVY_API
#else
#define KEVY_API __attribute__((visibility("default")))
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ==== Version ================================================================================ */

#define KEVY_VERSION "0.1.0"
#define KEVY_ABI 1

/* The version of the library at run time, "major.minor.patch". Static. Since 0.1. */
KEVY_API const char *kevy_version(void);

/* The ABI number of the library at run time: a door refuses to load where it differs from the
 * KEVY_ABI it was built with. Since 0.1. */
KEVY_API int32_t kevy_abi(void);

/* The message of a status, without detail: "value is not an integer or out of range". Static,
 * never NULL, also for numbers it does not know. Since 0.1. */
KEVY_API const char *kevy_strerror(kevy_status status);

/* ==== Stores ================================================================================= */

typedef struct kevy_store kevy_store;

/* Is told how far a long piece of work is: bytes read, of how many, and keys there are. Anything but 0 ends it, with KEVY_ECANCELLED. It may
 * call other stores, but not the one it is about. */
typedef int32_t (*kevy_progress)(void *context, uint64_t done, uint64_t total, uint64_t keys);

typedef struct kevy_options {
  size_t size;        /* sizeof(kevy_options); fields beyond it take their defaults */
  const char *url;    /* "mem://": a store of its own (also NULL); "mem://name": one store per name
                         in the process; "file://DIR": the store in this directory, relative or absolute, which is
                         made if need be, and may be one that can only be read. NUL-terminated. */
  const char *policy; /* what to evict at maxmemory; NULL is "noeviction" */
  uint64_t maxmemory; /* bytes; 0 is no limit */
  uint32_t flags;     /* KEVY_THREADS: any thread may call, the store carries a lock;
                         KEVY_BACKGROUND: a thread of kevy's own reclaims what expired
                         (implies KEVY_THREADS); of a directory, KEVY_FAIL_FAST: a write is refused, not
                         delayed, while the disk is behind; KEVY_SALVAGE: a corrupt log is cut where that begins */
  uint32_t reserved;
  const char *fsync;  /* of a directory: "always": a write returns when it is on the disk; "everysec": it is within a second or two;
                         "no": when the system writes it; NULL is "everysec" */
  uint64_t log_queue; /* bytes of writes that may wait for the disk; 0: 64 MiB */
  uint64_t rewrite_at; /* bytes of log from which on it is rewritten, once it is as large as its base, too; 0: 64 MiB */
  kevy_progress progress; /* of a directory: called about once a megabyte while it is read, by the thread that opens it; NULL: nobody asks */
  void *progress_context; /* what it is called with */
} kevy_options;

#define KEVY_OPTIONS_INIT                                                                          \
  { sizeof(kevy_options), NULL, NULL, 0, 0, 0, NULL, 0, 0, NULL, NULL }

/* Opens a store. options may be NULL. *out is released by kevy_close. A second open of one
 * "mem://name" gives the same store, which lives until the last close; it always has KEVY_THREADS,
 * and the first open decides the other options.
 * A directory belongs to one store of one process. It is Redis's: redis-server 7.0 started there with --appendonly yes finds the
 * data, and the other way round. Every write is appended to its log; a log that has grown is rewritten in the background, when calls
 * come. The store is read-only (KEVY_EREFUSED) while the log cannot be written, and mends it when the disk lets it, at later calls.
 * A directory that may only be read (no right to write, a read-only file system) gives a store that refuses writes (KEVY_EREFUSED), in
 * mode "readonly", and leaves every file as it is; several may have it open.
 * After a fork it is closed in the child. Errors: KEVY_ECORRUPT (the message has file and offset), KEVY_EDURABILITY (the directory is in use
 * elsewhere, or cannot be read or written: errno says why), KEVY_ECANCELLED (progress ended it).
 * Errors: KEVY_EARG (an unknown policy, fsync or flag, a size that is too small), KEVY_EUNSUPPORTED (a
 * scheme that is unknown or not built; the message names those that work), KEVY_EOOM.
 * kevy_errmsg(NULL) explains, on the calling thread. O(1). Since 0.1. */
KEVY_API kevy_status kevy_open(const kevy_options *options, kevy_store **out);

/* Closes a store, a snapshot, or one opening of a named store. NULL is allowed. Pinned values,
 * snapshots and iterators opened from it stay valid until they are released themselves.
 * O(pages of memory), not O(n). Since 0.1. */
KEVY_API void kevy_close(kevy_store *s);

/* What went wrong in the last failed call on this store, with detail; NULL asks for the last
 * failed kevy_open of this thread. Borrowed until the next call; never NULL. Since 0.1. */
KEVY_API const char *kevy_errmsg(kevy_store *s);

/* Waits until everything written to a store in a directory is on its disk, whatever its fsync says. KEVY_OK at once for others.
 * KEVY_EDURABILITY: it could not be written. Since 0.1. */
KEVY_API kevy_status kevy_sync(kevy_store *s);

/* BGREWRITEAOF, and waits for its end: the log of a store in a directory begins anew with a file of this moment. Others go on
 * writing meanwhile. KEVY_EDURABILITY (kevy_errmsg says why; errno): the log is what it was. KEVY_EUNSUPPORTED: not a
 * directory's. O(n), in a thread of kevy's. Since 0.1. */
KEVY_API kevy_status kevy_rewrite(kevy_store *s);

/* "memory", "snapshot", "directory", or "readonly": a directory that may only be read. Static. Since 0.1. */
KEVY_API const char *kevy_mode(kevy_store *s);

/* How lasting a write is when it returns: "none", "always", "everysec", "no", or "refused: " and why, while the log cannot be written, and of
 * a directory that may only be read.
 * Borrowed until the thread's next call. Since 0.1. */
KEVY_API const char *kevy_durability(kevy_store *s);

/* A directory's policy: "always", "everysec" or "no"; "none" of other stores. Static. Since 0.1. */
KEVY_API const char *kevy_fsync(kevy_store *s);

/* Another one while the store is open (CONFIG SET appendfsync). What is queued is synced at once. KEVY_EARG; KEVY_EUNSUPPORTED: not a
 * directory's. Since 0.1. */
KEVY_API kevy_status kevy_set_fsync(kevy_store *s, const char *fsync);

/* What opening the directory found: how many records it did again, and what was cut off a torn file and where that is kept, or
 * left where it is, of a directory that may only be read; ""
 * for other stores. Borrowed until the thread's next call. Since 0.1. */
KEVY_API const char *kevy_recovery(kevy_store *s);

/* Enters and leaves the store's lock (KEVY_THREADS), so that several calls and the reading of what
 * they lend happen as one. Calls inside need not be told: the lock may be entered again by its
 * owner. No-ops on a store without a lock. Since 0.1. */
KEVY_API void kevy_lock(kevy_store *s);
KEVY_API void kevy_unlock(kevy_store *s);

/* Reclaims what expired and frees what snapshots left behind, for at most budget_us microseconds
 * (0: one slice of about 100). *reclaimed, if not NULL, counts the keys. Hosts with an event loop
 * call it from a timer. Returns KEVY_OK when nothing is left that is due, KEVY_UNMET when the
 * budget ran out first. Since 0.1. */
KEVY_API kevy_status kevy_tick(kevy_store *s, uint64_t budget_us, uint64_t *reclaimed);

/* A read-only store of this instant: every function that only reads works on it, time stands
 * still in it, and writes fail with KEVY_EREADONLY. Released by kevy_close; it may outlive s.
 * O(1) at any size; writers of s pay for the nodes they touch first. Errors: KEVY_EOOM. Since 0.1. */
KEVY_API kevy_status kevy_snapshot(kevy_store *s, kevy_store **out);

/* ==== Values ================================================================================= */

static inline kevy_value kevy_bytes(const char *ptr, size_t len) {
  kevy_value v;
  v.kind = KEVY_BYTES;
  v.reserved = 0;
  v.len = len;
  v.as.ptr = ptr;
  return v;
}
static inline kevy_value kevy_text(const char *ptr, size_t len) {
  kevy_value v = kevy_bytes(ptr, len);
  v.kind = KEVY_TEXT;
  return v;
}
static inline kevy_value kevy_int(int64_t i) {
  kevy_value v = kevy_bytes(NULL, 0);
  v.kind = KEVY_INT;
  v.as.i = i;
  return v;
}
static inline kevy_value kevy_float(double d) {
  kevy_value v = kevy_bytes(NULL, 0);
  v.kind = KEVY_FLOAT;
  v.as.d = d;
  return v;
}

/* ==== Strings ================================================================================
 * Errors that any of these may return, beside those named: KEVY_ECLOSED, KEVY_EWRONGTYPE (the key
 * holds a collection); writers also KEVY_EREADONLY, KEVY_EOOM, KEVY_ETOOBIG (key or value beyond
 * KEVY_MAX_LEN), KEVY_EARG (NaN, an unknown kind or flag). */

/* GET. *out borrows the value, in the kind it was stored. KEVY_MISSING when there is no such key.
 * O(1). Since 0.1. */
KEVY_API kevy_status kevy_get(kevy_store *s, const char *key, size_t klen, kevy_value *out);

/* As kevy_get, but bytes and text of at most cap bytes are copied into buf, where *out then points: they
 * stay valid whatever is called next, from any thread. Of longer ones *out has the length and a NULL
 * pointer: pin them. For callers that cannot keep other calls out between the call and the copy. O(1) +
 * O(len). Since 0.1. */
KEVY_API kevy_status kevy_get_into(kevy_store *s, const char *key, size_t klen, char *buf,
                                   size_t cap, kevy_value *out);

/* SET. ttl is milliseconds from now, KEVY_NO_TTL for none. flags: KEVY_NX, KEVY_XX, KEVY_KEEPTTL,
 * KEVY_AT, KEVY_TEXT_KEY. old, if not NULL, receives what the key held before, or KEVY_NIL; it is
 * also written on KEVY_UNMET. Without old, any type is overwritten. KEVY_UNMET when NX or XX forbids.
 * Errors: KEVY_EEXPIRE (ttl is 0 or below, or beyond the range of time), KEVY_EARG (NX with XX,
 * KEVY_KEEPTTL with a ttl). O(1) + O(len). Since 0.1. */
KEVY_API kevy_status kevy_set(kevy_store *s, const char *key, size_t klen, const kevy_value *value,
                              int64_t ttl, uint32_t flags, kevy_value *old);

/* GETDEL. As kevy_get, and the key is gone. Since 0.1. */
KEVY_API kevy_status kevy_getdel(kevy_store *s, const char *key, size_t klen, kevy_value *out);

/* GETEX. As kevy_get; then sets the deadline (ttl, KEVY_AT) or removes it (KEVY_PERSIST); with
 * KEVY_NO_TTL and no flag it changes nothing. Errors: KEVY_EEXPIRE. Since 0.1. */
KEVY_API kevy_status kevy_getex(kevy_store *s, const char *key, size_t klen, int64_t ttl,
                                uint32_t flags, kevy_value *out);

/* INCRBY. Adds by to an integer, a missing key counting as 0; the deadline stays. flags:
 * KEVY_TEXT_KEY. Errors: KEVY_ENOTINT, KEVY_EOVERFLOW. O(1). Since 0.1. */
KEVY_API kevy_status kevy_incr(kevy_store *s, const char *key, size_t klen, int64_t by,
                               uint32_t flags, int64_t *out);

/* Adds a float to a number; the result is stored as KEVY_FLOAT. (The INCRBYFLOAT command stores
 * the text it answers instead.) Errors: KEVY_ENOTFLOAT, KEVY_ENAN. O(1). Since 0.1. */
KEVY_API kevy_status kevy_incr_float(kevy_store *s, const char *key, size_t klen, double by,
                                     uint32_t flags, double *out);

/* APPEND. The result is text when both sides are text (a missing key takes the tail's kind), else
 * bytes; numbers count as their decimal form. *length, if not NULL, is the new length in bytes.
 * O(len), amortised O(appended). Since 0.1. */
KEVY_API kevy_status kevy_append(kevy_store *s, const char *key, size_t klen,
                                 const kevy_value *tail, uint32_t flags, uint64_t *length);

/* STRLEN. Bytes of the value's byte form; 0 with KEVY_MISSING. Since 0.1. */
KEVY_API kevy_status kevy_strlen(kevy_store *s, const char *key, size_t klen, uint64_t *length);

/* GETRANGE. Bytes first..last, both included; negative counts from the end. *out borrows KEVY_BYTES,
 * empty where the range or the key is; always KEVY_OK. O(1), O(len) for numbers. Since 0.1. */
KEVY_API kevy_status kevy_getrange(kevy_store *s, const char *key, size_t klen, int64_t first,
                                   int64_t last, kevy_value *out);

/* SETRANGE. Overwrites from offset, padding with zero bytes; the result is of kind bytes. An empty
 * piece changes nothing. Errors: KEVY_ERANGE (offset below 0), KEVY_ETOOBIG. Since 0.1. */
KEVY_API kevy_status kevy_setrange(kevy_store *s, const char *key, size_t klen, int64_t offset,
                                   const char *piece, size_t len, uint32_t flags,
                                   uint64_t *length);

/* MGET. Reads k keys (of kind bytes, text or int) with overlapped memory accesses. out[i] borrows,
 * or is KEVY_NIL where the key is missing or holds a collection. O(k). Since 0.1. */
KEVY_API kevy_status kevy_mget(kevy_store *s, size_t k, const kevy_value *keys, kevy_value *out);

/* MSET; with KEVY_NX MSETNX: KEVY_UNMET and nothing written when any key exists. keys[i] is of kind
 * bytes, text or int and keeps its kind; ttl as in kevy_set, for all. All are written or, on an
 * error, none. O(k). Since 0.1. */
KEVY_API kevy_status kevy_mset(kevy_store *s, size_t k, const kevy_value *keys,
                               const kevy_value *values, int64_t ttl, uint32_t flags);

/* ==== Streams ================================================================================
 * Entries of fields and values under rising IDs. Fields are of kind bytes, text or int, values any scalar. An emptied
 * stream stays. Errors that any of these may return: KEVY_ECLOSED, KEVY_EWRONGTYPE; writers also KEVY_EREADONLY, KEVY_EOOM,
 * KEVY_ETOOBIG, KEVY_EARG. Reading and consumer groups go through kevy_call_typed (XRANGE, XREADGROUP, ...). */

/* XADD with k field-value pairs. *id in: the ID wanted, ms UINT64_MAX for one made from the time ("*"), else seq
 * UINT64_MAX for the next of this ms ("ms-*"); out: the ID given. Makes the key, and keeps its TTL. flags: KEVY_XX
 * (NOMKSTREAM: KEVY_MISSING without a key), KEVY_TEXT_KEY. Errors: KEVY_ERANGE (the ID is not above the last one; *id
 * stays), KEVY_EARG (k is 0). O(k) + O(len). Since 0.2. */
KEVY_API kevy_status kevy_xadd(kevy_store *s, const char *key, size_t klen, kevy_stream_id *id, size_t k,
                               const kevy_value *fields, const kevy_value *values, uint32_t flags);

/* XLEN. *count is 0 with KEVY_MISSING, when there is no such key. O(1). Since 0.2. */
KEVY_API kevy_status kevy_xlen(kevy_store *s, const char *key, size_t klen, uint64_t *count);

/* ==== Lists ==================================================================================
 * Elements are any scalar. Positions count from 0, negative ones from the end (-1 is the last element). A list whose
 * last element goes takes its key along; writers make the key and keep its TTL. Errors that any of these may return:
 * KEVY_ECLOSED, KEVY_EWRONGTYPE; writers also KEVY_EREADONLY, KEVY_EOOM, KEVY_ETOOBIG, KEVY_EARG. */

/* RPUSH; LPUSH with KEVY_LEFT, so that the last item given comes first. flags: KEVY_LEFT, KEVY_XX (RPUSHX,
 * LPUSHX: KEVY_MISSING without a key), KEVY_REPLACE (the list is made anew, whatever the key held, and has no
 * TTL; with k = 0 the key is deleted), KEVY_TEXT_KEY. *length, if not NULL, is the list's afterwards. All are
 * added or none. O(k). Since 0.2. */
KEVY_API kevy_status kevy_push(kevy_store *s, const char *key, size_t klen, size_t k,
                               const kevy_value *items, uint32_t flags, uint64_t *length);

/* RPOP; LPOP with KEVY_LEFT. *out borrows, and is no part of the list any more. KEVY_MISSING. O(1).
 * Since 0.2. */
KEVY_API kevy_status kevy_pop(kevy_store *s, const char *key, size_t klen, uint32_t flags,
                              kevy_value *out);

/* As kevy_pop, into buf as kevy_get_into does; one that is longer stays in the list, and *out has its length. Since 0.1. */
KEVY_API kevy_status kevy_pop_into(kevy_store *s, const char *key, size_t klen, uint32_t flags,
                                   char *buf, size_t cap, kevy_value *out);

/* LINDEX. *out borrows. KEVY_MISSING past the ends, too. O(log n). Since 0.2. */
KEVY_API kevy_status kevy_lindex(kevy_store *s, const char *key, size_t klen, int64_t position,
                                 kevy_value *out);

/* As kevy_lindex, into buf as kevy_get_into does. Since 0.1. */
KEVY_API kevy_status kevy_lindex_into(kevy_store *s, const char *key, size_t klen, int64_t position,
                                      char *buf, size_t cap, kevy_value *out);

/* LSET. KEVY_MISSING without a key. Errors: KEVY_ERANGE past the ends. O(log n). Since 0.2. */
KEVY_API kevy_status kevy_lset(kevy_store *s, const char *key, size_t klen, int64_t position,
                               const kevy_value *item);

/* LLEN. *count is 0 with KEVY_MISSING. O(1). Since 0.2. */
KEVY_API kevy_status kevy_llen(kevy_store *s, const char *key, size_t klen, uint64_t *count);

/* Replaces `removed` elements from position (0 to the length) on by k others: inserts, deletes and sets
 * slices, all or nothing. A removed beyond the end counts to the end. flags: KEVY_XX, KEVY_TEXT_KEY.
 * KEVY_MISSING where there is no key and none is made. Errors: KEVY_ERANGE. O(log n + removed + k). Since 0.2. */
KEVY_API kevy_status kevy_lsplice(kevy_store *s, const char *key, size_t klen, int64_t position,
                                  uint64_t removed, size_t k, const kevy_value *items,
                                  uint32_t flags);

/* LTRIM: keeps the elements from first to last, both included. KEVY_MISSING. O(removed). Since 0.2. */
KEVY_API kevy_status kevy_ltrim(kevy_store *s, const char *key, size_t klen, int64_t first,
                                int64_t last);

/* ==== Keys =================================================================================== */

/* DEL of one key: KEVY_OK or KEVY_MISSING. O(1); big values are freed in slices. Since 0.1. */
KEVY_API kevy_status kevy_delete(kevy_store *s, const char *key, size_t klen);

/* EXISTS, and TOUCH, of one key: KEVY_OK or KEVY_MISSING. kevy_exists leaves access times alone,
 * kevy_touch sets them. Since 0.1. */
KEVY_API kevy_status kevy_exists(kevy_store *s, const char *key, size_t klen);
KEVY_API kevy_status kevy_touch(kevy_store *s, const char *key, size_t klen);

/* TYPE. *type is KEVY_TYPE_...; KEVY_TYPE_NONE with KEVY_MISSING. Since 0.1. */
KEVY_API kevy_status kevy_type(kevy_store *s, const char *key, size_t klen, int32_t *type);

/* The word for a KEVY_TYPE_ number: "string", ..., "none". Static. Since 0.1. */
KEVY_API const char *kevy_type_name(int32_t type);

/* RENAME; with KEVY_NX RENAMENX: KEVY_UNMET when the destination exists. Value and deadline move.
 * KEVY_MISSING when the source does not exist. flags: KEVY_NX, KEVY_TEXT_KEY (of the new name).
 * Since 0.1. */
KEVY_API kevy_status kevy_rename(kevy_store *s, const char *key, size_t klen, const char *to,
                                 size_t tolen, uint32_t flags);

/* COPY: value and deadline. KEVY_UNMET when the destination exists and KEVY_REPLACE is not given;
 * KEVY_MISSING without a source. Errors: KEVY_EARG (source and destination are one). Since 0.1. */
KEVY_API kevy_status kevy_copy(kevy_store *s, const char *key, size_t klen, const char *to,
                               size_t tolen, uint32_t flags);

/* DBSIZE, after reclaiming a slice of what is due; may count keys that still wait beyond it. Since 0.1. */
KEVY_API kevy_status kevy_len(kevy_store *s, uint64_t *count);

/* RANDOMKEY: each live key is as likely as another. *key borrows. KEVY_MISSING when empty. Since 0.1. */
KEVY_API kevy_status kevy_random_key(kevy_store *s, kevy_value *key);

/* FLUSHALL: forgets every key at once. O(pages). Since 0.1. */
KEVY_API kevy_status kevy_clear(kevy_store *s);

/* ==== Time =================================================================================== */

/* PTTL. Milliseconds left, KEVY_NO_TTL when the key has none; KEVY_MISSING. Since 0.1. */
KEVY_API kevy_status kevy_ttl(kevy_store *s, const char *key, size_t klen, int64_t *ttl);

/* PEXPIRETIME. The deadline in Unix ms, or KEVY_NO_TTL; KEVY_MISSING. Since 0.1. */
KEVY_API kevy_status kevy_deadline(kevy_store *s, const char *key, size_t klen, int64_t *deadline);

/* PEXPIRE, PEXPIREAT (KEVY_AT). flags: KEVY_NX, KEVY_XX, KEVY_GT, KEVY_LT, KEVY_AT. A deadline in
 * the past deletes the key. KEVY_UNMET when a condition forbids; KEVY_MISSING. Errors: KEVY_EEXPIRE
 * (a ttl of 0 or below), KEVY_EARG (flags that contradict each other). O(1). Since 0.1. */
KEVY_API kevy_status kevy_expire(kevy_store *s, const char *key, size_t klen, int64_t ttl,
                                 uint32_t flags);

/* PERSIST. KEVY_UNMET when there was no deadline; KEVY_MISSING. Since 0.1. */
KEVY_API kevy_status kevy_persist(kevy_store *s, const char *key, size_t klen);

/* The store's present, in Unix ms: the wall clock at open plus the time elapsed since. Since 0.1. */
KEVY_API kevy_status kevy_now(kevy_store *s, int64_t *now);

/* ==== Hashes =================================================================================
 * Fields are of kind bytes, text or int (a float is KEVY_EARG), are equal when their byte forms are, and keep the kind
 * they were first written in; values are any scalar. A hash whose last field goes takes its key along. Writers
 * create the key (KEVY_TEXT_KEY: its kind) and keep its TTL. Writes of many fields happen whole or not at all.
 * KEVY_MISSING: no such key, or field. Errors of any: KEVY_EWRONGTYPE, KEVY_ECLOSED; of writers also
 * KEVY_EREADONLY, KEVY_EOOM, KEVY_ETOOBIG. Small hashes are searched field by field: O(1) below stands for at most
 * 128 steps there. */

/* HGET. *out borrows. KEVY_MISSING. O(1). Since 0.1. */
KEVY_API kevy_status kevy_hget(kevy_store *s, const char *key, size_t klen, const kevy_value *field,
                               kevy_value *out);

/* As kevy_hget, into buf as kevy_get_into does; longer ones are found by a command. Since 0.1. */
KEVY_API kevy_status kevy_hget_into(kevy_store *s, const char *key, size_t klen, const kevy_value *field,
                                    char *buf, size_t cap, kevy_value *out);

/* HMGET: out[i] is KEVY_NIL for what is missing; KEVY_OK also without a key. All of out borrows. O(k). Since 0.1. */
KEVY_API kevy_status kevy_hmget(kevy_store *s, const char *key, size_t klen, size_t k, const kevy_value *fields,
                                kevy_value *out);

/* HSET of k fields. flags: KEVY_NX (HSETNX; k must be 1): KEVY_UNMET when the field is there; KEVY_REPLACE: the
 * value is made anew of these fields alone, whatever the key held, and has no TTL (k = 0 deletes the key);
 * KEVY_TEXT_KEY. *added, which may be NULL, gets the number of new fields. O(k). Since 0.1. */
KEVY_API kevy_status kevy_hset(kevy_store *s, const char *key, size_t klen, size_t k, const kevy_value *fields,
                               const kevy_value *values, uint32_t flags, uint64_t *added);

/* HDEL. *removed, which may be NULL, gets how many were there. KEVY_MISSING without a key. O(k). Since 0.1. */
KEVY_API kevy_status kevy_hdel(kevy_store *s, const char *key, size_t klen, size_t k, const kevy_value *fields,
                               uint64_t *removed);

/* HEXISTS: KEVY_OK or KEVY_MISSING. O(1). Since 0.1. */
KEVY_API kevy_status kevy_hexists(kevy_store *s, const char *key, size_t klen, const kevy_value *field);

/* HLEN. *count is 0 with KEVY_MISSING. O(1); fields that have just expired are counted out. Since 0.1. */
KEVY_API kevy_status kevy_hlen(kevy_store *s, const char *key, size_t klen, uint64_t *count);

/* HINCRBY: the field becomes an int; missing counts as 0. *out, which may be NULL, is the new number. Errors:
 * KEVY_ENOTINT, KEVY_EOVERFLOW. O(1). Since 0.1. */
KEVY_API kevy_status kevy_hincr(kevy_store *s, const char *key, size_t klen, const kevy_value *field, int64_t by,
                                uint32_t flags, int64_t *out);

/* The same with a float, which is what the field becomes. Errors: KEVY_ENOTFLOAT, KEVY_ENAN. O(1). Since 0.1. */
KEVY_API kevy_status kevy_hincr_float(kevy_store *s, const char *key, size_t klen, const kevy_value *field,
                                      double by, uint32_t flags, double *out);

/* HPEXPIRE of one field, HPEXPIREAT with KEVY_AT, HPERSIST with KEVY_PERSIST (ttl is ignored). flags also KEVY_NX,
 * KEVY_XX, KEVY_GT, KEVY_LT. A deadline in the past deletes the field. KEVY_UNMET when a condition forbids, or there was
 * nothing to persist; KEVY_MISSING. Errors: KEVY_EEXPIRE (a ttl of 0 or below), KEVY_EARG (flags that contradict
 * each other). O(1). Since 0.1. */
KEVY_API kevy_status kevy_hexpire(kevy_store *s, const char *key, size_t klen, const kevy_value *field,
                                  int64_t ttl, uint32_t flags);

/* HPTTL. Milliseconds left, KEVY_NO_TTL when the field has no deadline; KEVY_MISSING. O(1). Since 0.1. */
KEVY_API kevy_status kevy_httl(kevy_store *s, const char *key, size_t klen, const kevy_value *field,
                               int64_t *ttl);

/* ==== Sets ===================================================================================
 * Members are of kind bytes, text or int (KEVY_EARG) and are equal when their byte forms are; the kind of the
 * one that came first stays. Errors as of hashes. */

/* SADD. flags: KEVY_REPLACE (the set is made anew, whatever the key held, and has no TTL; with k = 0 the
 * key is deleted), KEVY_TEXT_KEY. *added, if not NULL, is how many members are new. All are added or
 * none. O(k). Since 0.1. */
KEVY_API kevy_status kevy_sadd(kevy_store *s, const char *key, size_t klen, size_t k,
                               const kevy_value *members, uint32_t flags, uint64_t *added);

/* SREM. *removed, if not NULL, is how many were there; 0 with KEVY_MISSING, when there is no key.
 * O(k). Since 0.1. */
KEVY_API kevy_status kevy_srem(kevy_store *s, const char *key, size_t klen, size_t k,
                               const kevy_value *members, uint64_t *removed);

/* SISMEMBER. KEVY_OK or KEVY_MISSING. O(1). Since 0.1. */
KEVY_API kevy_status kevy_sismember(kevy_store *s, const char *key, size_t klen,
                                    const kevy_value *member);

/* SCARD. *count is 0 with KEVY_MISSING. O(1). Since 0.1. */
KEVY_API kevy_status kevy_scard(kevy_store *s, const char *key, size_t klen, uint64_t *count);

/* ==== Sorted sets ============================================================================
 * Scores are doubles, never NaN (KEVY_ENOTFLOAT), and -0 is 0. Elements are in the order of (score, member bytes). */

/* ZADD. flags: KEVY_NX, XX, GT, LT (contradictions are KEVY_EARG); KEVY_REPLACE (the set is made anew, whatever
 * the key held, and has no TTL; with k = 0 the key is deleted); KEVY_CHANGED; KEVY_TEXT_KEY. *changed, if not
 * NULL, is how many members are new; with KEVY_CHANGED also those whose score is another now. All are added
 * or none. O(k log n). Since 0.1. */
KEVY_API kevy_status kevy_zadd(kevy_store *s, const char *key, size_t klen, size_t k,
                               const kevy_value *members, const double *scores, uint32_t flags,
                               uint64_t *changed);

/* ZINCRBY; a member that is not there begins at 0. flags: KEVY_NX, XX, GT, LT: KEVY_UNMET when they forbid it;
 * KEVY_TEXT_KEY. *score, if not NULL, is the new one. KEVY_ENAN. O(log n). Since 0.1. */
KEVY_API kevy_status kevy_zincr(kevy_store *s, const char *key, size_t klen,
                                const kevy_value *member, double by, uint32_t flags, double *score);

/* ZSCORE. KEVY_MISSING. O(1). Since 0.1. */
KEVY_API kevy_status kevy_zscore(kevy_store *s, const char *key, size_t klen,
                                 const kevy_value *member, double *score);

/* ZREM. *removed, if not NULL, is how many were there; 0 with KEVY_MISSING, when there is no key.
 * O(k log n). Since 0.1. */
KEVY_API kevy_status kevy_zrem(kevy_store *s, const char *key, size_t klen, size_t k,
                               const kevy_value *members, uint64_t *removed);

/* ZCARD. *count is 0 with KEVY_MISSING. O(1). Since 0.1. */
KEVY_API kevy_status kevy_zcard(kevy_store *s, const char *key, size_t klen, uint64_t *count);

/* ZRANK; ZREVRANK with KEVY_REV. *score may be NULL. KEVY_MISSING. O(log n). Since 0.1. */
KEVY_API kevy_status kevy_zrank(kevy_store *s, const char *key, size_t klen,
                                const kevy_value *member, uint32_t flags, uint64_t *rank,
                                double *score);

/* ==== Iteration ============================================================================== */

typedef struct kevy_iter kevy_iter;

/* Iterates over the moment of the call, in no order one may rely on: keys that match the glob
 * pattern (plen 0: all) and the type (KEVY_TYPE_NONE: all), each once, whatever is written
 * meanwhile. It holds a snapshot: release it with kevy_iter_close. It may outlive s.
 * Errors: KEVY_EOOM. O(1). Since 0.1. */
KEVY_API kevy_status kevy_iter_open(kevy_store *s, const char *pattern, size_t plen, int32_t type,
                                    kevy_iter **out);

/* The next key, and with value not NULL its scalar (KEVY_NIL for collections). Both borrow until
 * the next call on the iterator. KEVY_MISSING at the end. O(1) amortised. Since 0.1. */
KEVY_API kevy_status kevy_iter_next(kevy_iter *it, kevy_value *key, kevy_value *value);

/* Iterates over the elements of the hash, list, set or sorted set under a key, at this moment. kevy_iter_next then gives,
 * as key and value: a field and its value; an item and its position (int); a member and KEVY_NIL; a member and its
 * score (float). flags: KEVY_REV, lists and sorted sets from the end. type: what the key must hold, KEVY_TYPE_NONE
 * for any of them. KEVY_MISSING. Errors: KEVY_EWRONGTYPE, KEVY_EARG, KEVY_EOOM. O(1). Since 0.1. */
KEVY_API kevy_status kevy_iter_elements(kevy_store *s, const char *key, size_t klen, int32_t type,
                                        uint32_t flags, kevy_iter **out);

/* The type of the key that kevy_iter_next gave last. Since 0.1. */
KEVY_API int32_t kevy_iter_type(kevy_iter *it);

/* Releases an iterator. NULL is allowed. Any thread. Since 0.1. */
KEVY_API void kevy_iter_close(kevy_iter *it);

/* ==== Pins =================================================================================== */

typedef struct kevy_pin kevy_pin;

/* Holds a string's value so that it stays readable after overwrite, delete and close. Past the bulk
 * threshold nothing is copied, below it, and in a snapshot, the bytes are. Numbers are pinned in their byte form.
 * *value's pointer is valid until kevy_unpin. KEVY_MISSING. Since 0.1. */
KEVY_API kevy_status kevy_pin_value(kevy_store *s, const char *key, size_t klen, kevy_pin **pin,
                                    kevy_value *value);

/* Lets go of a pin. NULL is allowed. Any thread, also after kevy_close. Since 0.1. */
KEVY_API void kevy_unpin(kevy_pin *pin);

/* ==== Files ==================================================================================
 * Redis's RDB format. Version 10 is written: every Redis and Valkey from 7.0 on loads it. Kinds of scalars and deadlines of hash
 * fields are in auxiliary fields that only kevy reads. Read are the files of Redis 1 to 8 and of Valkey to 9, in all encodings
 * that they ever had for strings, hashes, lists, sets, sorted sets and streams. */

/* SAVE. Writes this moment of a store, or a snapshot, to the file at path (NUL-terminated): into a temporary file beside it, which
 * is synced and takes its place; then the directory is synced. Until then the file that was there is untouched. On
 * a store opened for threads the lock is held only to take the moment; of a snapshot any thread may save, also while the
 * owner of the store writes. flags: 0. Errors: KEVY_EDURABILITY (some step failed; kevy_errmsg says which, and why,
 * and errno does), KEVY_EARG (no path, an unknown flag), KEVY_ECLOSED, KEVY_EOOM. O(elements). Since 0.1. */
KEVY_API kevy_status kevy_save(kevy_store *s, const char *path, uint32_t flags);

typedef struct kevy_job kevy_job;

/* BGSAVE. The same of this moment, on a thread of its own: returns at once, and the store may be written to and closed
 * meanwhile. *out is released by kevy_job_close. Errors before it begins: KEVY_EARG, KEVY_ECLOSED, KEVY_EOOM (also where
 * there is no thread to be had). O(1). Since 0.1. */
KEVY_API kevy_status kevy_save_start(kevy_store *s, const char *path, uint32_t flags, kevy_job **out);

/* Waits until the job is over, at most timeout_ms (0: asks; below 0: for ever): KEVY_UNMET when it is not, else how it
 * ended: KEVY_OK, KEVY_EDURABILITY, KEVY_EOOM. In a process forked meanwhile it is over with KEVY_EDURABILITY: there it does
 * not go on. Touches no store; any thread. Since 0.1. */
KEVY_API kevy_status kevy_job_wait(kevy_job *j, int64_t timeout_ms);

/* Why the job failed; "" while it runs, or when it did not. Borrowed until the next call of this thread; never NULL.
 * Since 0.1. */
KEVY_API const char *kevy_job_errmsg(kevy_job *j);

/* How many keys the job is done with, of how many. Any thread. Since 0.1. */
KEVY_API void kevy_job_progress(kevy_job *j, uint64_t *done, uint64_t *total);

/* Lets go of a job; one that is not over goes on. NULL is allowed. Since 0.1. */
KEVY_API void kevy_job_close(kevy_job *j);

/* DUMP. The value of a key as bytes that RESTORE takes, here or in Redis 7.0 and later; *out borrows. They carry neither kinds nor
 * deadlines. KEVY_MISSING. Errors: KEVY_EOOM. O(len), O(elements). Since 0.1. */
KEVY_API kevy_status kevy_dump(kevy_store *s, const char *key, size_t klen, kevy_value *out);

typedef struct kevy_load_options {
  size_t size;    /* sizeof(kevy_load_options); fields beyond it take their defaults */
  int32_t db;     /* of a file of several databases, the one to load; into 0; -1: all of them */
  uint32_t flags; /* KEVY_SKIP_MODULES: leave out keys of module types, which otherwise fail the load */
} kevy_load_options;

#define KEVY_LOAD_OPTIONS_INIT                                                                     \
  { sizeof(kevy_load_options), -1, 0 }

#define KEVY_SKIP_MODULES 0x1u

/* Loads the RDB file at path (NUL-terminated) in place of everything the store holds; options may be NULL. Keys whose
 * deadline has come are left out; functions, access times, and what modules keep beside keys are passed over. The
 * store stays unlocked, and as it was, until all is read; what was written to it meanwhile is gone then. Memory for
 * both is needed. The wall clock is taken in anew. Of a store in a directory the log begins anew with what was loaded,
 * which is waited for. Errors: KEVY_ECORRUPT (kevy_errmsg says what is wrong, and at which offset), KEVY_EIO (errno
 * says why), KEVY_EREADONLY (a snapshot), KEVY_EARG, KEVY_EOOM, KEVY_ECLOSED, KEVY_EDURABILITY (all is loaded, but the
 * log could not begin anew). O(bytes). Since 0.1. */
KEVY_API kevy_status kevy_load(kevy_store *s, const char *path, const kevy_load_options *options);

/* The same from len bytes of memory. options may be NULL. Since 0.1. */
KEVY_API kevy_status kevy_load_bytes(kevy_store *s, const char *bytes, size_t len,
                                     const kevy_load_options *options);

typedef struct kevy_loading kevy_loading;

/* kevy_load in steps, for who shows progress or has other things to do: opens the file. options may be NULL. The
 * store outlives *out, which is released by kevy_load_close; until the last step it is not touched. Errors: KEVY_EIO,
 * KEVY_EREADONLY, KEVY_EARG, KEVY_EOOM, KEVY_ECLOSED. O(1). Since 0.1. */
KEVY_API kevy_status kevy_load_start(kevy_store *s, const char *path, const kevy_load_options *options,
                                     kevy_loading **out);

/* Reads about so many bytes (0: a megabyte) of the file: KEVY_UNMET when there is more to come, KEVY_OK when all of
 * it has taken the store's place. Errors as of kevy_load; what is over stays so. One thread at a time, any. Since
 * 0.1. */
KEVY_API kevy_status kevy_load_step(kevy_loading *l, uint64_t bytes);

/* How many bytes are read, of how many (0: not known), and how many keys. Since 0.1. */
KEVY_API void kevy_load_progress(kevy_loading *l, uint64_t *done, uint64_t *total, uint64_t *keys);

/* Gives up a load that is not over, and lets go of it. NULL is allowed. Since 0.1. */
KEVY_API void kevy_load_close(kevy_loading *l);

/* RESTORE: puts the value that DUMP gave, here or in a server, under a key. ttl as in kevy_set. flags: KEVY_REPLACE,
 * KEVY_AT, KEVY_TEXT_KEY. KEVY_UNMET when there is a key and KEVY_REPLACE is not given. A deadline in the past leaves
 * no key. Errors: KEVY_ECORRUPT (version, checksum or value), KEVY_EEXPIRE, KEVY_EARG. O(len). Since 0.1. */
KEVY_API kevy_status kevy_restore(kevy_store *s, const char *key, size_t klen, const char *payload,
                                  size_t len, int64_t ttl, uint32_t flags);

/* ==== Commands =============================================================================== */

typedef struct kevy_reply kevy_reply;

/* What a reply is made of, in the order of reading. */
#define KEVY_REPLY_NIL 0
#define KEVY_REPLY_VALUE 1  /* value: bulk string, integer or double, as a scalar */
#define KEVY_REPLY_STATUS 2 /* value: "OK" and other simple strings */
#define KEVY_REPLY_ERROR 3  /* value: "ERR ...", with its code word */
#define KEVY_REPLY_ARRAY 4  /* count items follow */
#define KEVY_REPLY_MAP 5    /* count pairs follow: 2 * count items */
#define KEVY_REPLY_SET 6    /* count items follow */
#define KEVY_REPLY_BOOL 7   /* value: int 0 or 1 */
#define KEVY_REPLY_END 8    /* nothing left */
#define KEVY_REPLY_PUSH 9   /* count items follow, of a message that answers no command; an array outside of protocol 3 */

typedef struct kevy_item {
  int32_t type; /* KEVY_REPLY_... */
  int32_t reserved;
  uint64_t count;
  kevy_value value;
} kevy_item;

/* A reply's memory, to be used for any number of calls on any store, one at a time. NULL when
 * memory ran out. Since 0.1. */
KEVY_API kevy_reply *kevy_reply_new(void);
KEVY_API void kevy_reply_free(kevy_reply *r);

/* Runs a Redis command: argv[0] is its name; ints and floats count as their decimal form. The reply
 * replaces what r held and is read with kevy_reply_next; it belongs to r, not to the store.
 * Returns KEVY_OK, or KEVY_ECOMMAND when the reply is an error (which can be read like any other).
 * Other errors: KEVY_ECLOSED, KEVY_EOOM (the reply could not be built), KEVY_EARG (argc is 0).
 * Complexity: the command's. Since 0.1. */
KEVY_API kevy_status kevy_call(kevy_store *s, size_t argc, const kevy_value *argv, kevy_reply *r);

/* As kevy_call for callers with kinds: values, fields, members and elements are stored as the scalars they
 * are given as, and keys that are created keep theirs. (kevy_call stores bytes, as Redis does.) An error that
 * has a status of its own returns it, KEVY_EWRONGTYPE say; others KEVY_ECOMMAND. Since 0.1. */
KEVY_API kevy_status kevy_call_typed(kevy_store *s, size_t argc, const kevy_value *argv,
                                     kevy_reply *r);

/* The next item, depth first; KEVY_REPLY_END after the last. Borrowed until the next kevy_call
 * or kevy_reply_free with r. Since 0.1. */
KEVY_API void kevy_reply_next(kevy_reply *r, kevy_item *item);

/* Whether items are left: 1 or 0. A command that answers several times (SUBSCRIBE of two channels) has several items that are in no
 * other. Since 0.1. */
KEVY_API int32_t kevy_reply_more(kevy_reply *r);

/* As kevy_call, the reply as the exact RESP2 bytes Redis would send; *bytes is borrowed until the
 * next call with r. Errors inside the reply are not errors of the call: KEVY_OK. Since 0.1. */
KEVY_API kevy_status kevy_call_resp(kevy_store *s, size_t argc, const kevy_value *argv,
                                    kevy_reply *r, const char **bytes, size_t *len);

/* One row per command the library answers, in a fixed order: what COMMAND, the language doors and
 * the reference are derived from. NULL past the last. Static. Since 0.1. */
typedef struct kevy_command_row {
  const char *name;     /* "GET" */
  int32_t arity;        /* as Redis: includes the name; negative is a minimum */
  int32_t first_key;    /* position of the first key, 0 for none */
  int32_t last_key;     /* of the last; negative counts from the end */
  int32_t key_step;     /* between keys */
  const char *flags;    /* Redis's flag words, separated by spaces */
  const char *group;    /* "string", "generic", ... */
  const char *since;    /* the Redis version that brought it */
  const char *syntax;   /* arguments as the Redis pages write them: "key value [NX | XX]" */
  const char *summary;  /* one sentence */
} kevy_command_row;
KEVY_API const kevy_command_row *kevy_command(size_t index);

/* ==== Waiting ================================================================================
 * BLPOP, XREAD BLOCK and the other blocking commands. In kevy_call they answer at once, with nil where they
 * would wait. Here they wait: any number of commands per store, without a thread each. */

typedef struct kevy_wait kevy_wait;

/* As kevy_call (with KEVY_TYPED kevy_call_typed, with KEVY_RESP RESP2 bytes, for kevy_reply_bytes); but a command
 * that finds nothing to answer with is kept: KEVY_UNMET, and *out stands for it (else NULL). It is served, in order
 * of arrival, by the very call that writes what it waits for, from whatever thread; arguments are copied, r is
 * its own until kevy_wait_close. Errors: KEVY_EOOM also where the system has no more descriptors. Since 0.1. */
KEVY_API kevy_status kevy_wait_call(kevy_store *s, size_t argc, const kevy_value *argv,
                                    uint32_t flags, kevy_reply *r, kevy_wait **out);

/* A descriptor that becomes readable when the command is over, for an event loop; it belongs to w. Since 0.1. */
KEVY_API int32_t kevy_wait_fd(kevy_wait *w);

/* Milliseconds until the command's own timeout, KEVY_NO_TTL when it has none. Since 0.1. */
KEVY_API int64_t kevy_wait_left(kevy_wait *w);

/* Blocks until the command is over or its timeout has come (KEVY_OK), or until timeout_ms have passed or
 * a signal was caught (KEVY_UNMET; below 0: no limit). Touches no store: call it outside kevy_lock. Any thread.
 * Since 0.1. */
KEVY_API kevy_status kevy_wait_poll(kevy_wait *w, int64_t timeout_ms);

/* Ends the wait, whether it is over or not. KEVY_OK: r has the answer, which is nil where the command was not served.
 * Errors: those of the command, KEVY_ECLOSED (the store was closed meanwhile). Since 0.1. */
KEVY_API kevy_status kevy_wait_end(kevy_wait *w);

/* Ends the wait and frees w. NULL is allowed. Since 0.1. */
KEVY_API void kevy_wait_close(kevy_wait *w);

/* The RESP2 bytes of a reply that was made as such, lent until its next use; no NUL ends them. Since 0.1. */
KEVY_API void kevy_reply_bytes(kevy_reply *r, const char **bytes, size_t *len);

/* ==== Transactions ===========================================================================
 * Several calls that happen as one, or not at all. A transaction belongs to the thread that began it: on a store with
 * a lock the calls of others wait for its end, but for kevy_snapshot, which gives them the moment before it. Commands
 * that block answer at once. Who waits for a key is served at the end. */

typedef struct kevy_version_handle kevy_version_handle; /* a key's version */
typedef struct kevy_session kevy_session;

/* Begins a transaction, or, inside one, a savepoint: end them in the reverse order. Snapshots and iterators opened inside
 * stay valid whatever its end. Errors: KEVY_EREADONLY, KEVY_EOOM. O(1). Since 0.1. */
KEVY_API kevy_status kevy_begin(kevy_store *s);

/* Ends the innermost: what was done since its kevy_begin stays, and is seen by others when the outermost ends.
 * Errors: KEVY_ETRANSACTION (none is open). O(1). Since 0.1. */
KEVY_API kevy_status kevy_commit(kevy_store *s);

/* Ends the innermost: the store is as it was at its kevy_begin, deadlines and used memory included. Takes no memory.
 * Errors: KEVY_ETRANSACTION (none is open). O(what was written inside). Since 0.1. */
KEVY_API kevy_status kevy_rollback(kevy_store *s);

/* How many are open, one inside the other; those of another thread are not counted. Since 0.1. */
KEVY_API int32_t kevy_transaction_depth(kevy_store *s);

/* kevy_lock, for hosts with a lock of their own: KEVY_UNMET, and nothing entered, while another thread's transaction is
 * open, on a store without a lock, too. Since 0.1. */
KEVY_API kevy_status kevy_try_lock(kevy_store *s);

/* A key's version, to tell later whether the key was written, removed or has expired since. While it is held, writers pay as for
 * a snapshot. May outlive s. Errors: KEVY_EREADONLY (a snapshot), KEVY_EOOM. O(1). Since 0.1. */
KEVY_API kevy_status kevy_version_of(kevy_store *s, const char *key, size_t klen, kevy_version_handle **out);

/* KEVY_OK: the key is of this version still; KEVY_UNMET: it changed. O(1). Since 0.1. */
KEVY_API kevy_status kevy_version_check(kevy_store *s, kevy_version_handle *v);

/* KEVY_OK: two versions of one key are the same; KEVY_UNMET: it changed between them. Since 0.1. */
KEVY_API kevy_status kevy_version_compare(kevy_version_handle *a, kevy_version_handle *b);

/* Lets go of it. NULL is allowed. Any thread. Since 0.1. */
KEVY_API void kevy_version_close(kevy_version_handle *v);

/* A session: where HELLO, MULTI, EXEC, DISCARD, WATCH and UNWATCH work, as on a connection of Redis. One thread at a time. s must not
 * be closed before it. Errors: KEVY_EREADONLY, KEVY_EOOM. Since 0.1. */
KEVY_API kevy_status kevy_session_open(kevy_store *s, kevy_session **out);

/* As kevy_call (with KEVY_TYPED kevy_call_typed, with KEVY_RESP the exact bytes, for kevy_reply_bytes), in the session's
 * protocol: after HELLO 3 replies are RESP3, or, as items, have its shapes. Since 0.1. */
KEVY_API kevy_status kevy_session_call(kevy_session *session, size_t argc, const kevy_value *argv,
                                       uint32_t flags, kevy_reply *r);

/* kevy_session_call with KEVY_RESP: what a connection would read, for kevy_reply_bytes. Since 0.1. */
KEVY_API kevy_status kevy_session_call_resp(kevy_session *session, size_t argc, const kevy_value *argv,
                                            kevy_reply *r);

/* As kevy_session_call, but a command that finds nothing to answer with is kept, as by kevy_wait_call: KEVY_UNMET. Since 0.1. */
KEVY_API kevy_status kevy_session_wait(kevy_session *session, size_t argc, const kevy_value *argv,
                                       uint32_t flags, kevy_reply *r, kevy_wait **out);

/* The protocol that replies are in: 2, or 3 after HELLO 3. 0: the session is over, so who serves a connection closes it:
 * QUIT was answered, or CLIENT KILL ended it, and then its calls are KEVY_ECLOSED. Since 0.1. */
KEVY_API int32_t kevy_session_protocol(kevy_session *session);

/* Forgets what was queued and watched, and ends its subscriptions; no other thread may be using it. NULL is allowed. Since 0.1. */
KEVY_API void kevy_session_close(kevy_session *session);

/* ==== Messages ===============================================================================
 * SUBSCRIBE, PSUBSCRIBE and SSUBSCRIBE in a session; PUBLISH and SPUBLISH anywhere. What they answer is a reply for each channel that was
 * named, one behind the other. Messages wait in the session, in order, until they are asked for; PUBLISH in a transaction
 * (kevy_begin) is heard at its commit. On a store with a lock the functions here may be called from any thread. */

/* Writes the oldest message that waits as a command's answer would be, in the form that flags ask for (as kevy_session_call) and
 * the session's protocol: "message", channel, payload; or "pmessage", pattern, channel, payload; or "smessage", ...
 * KEVY_MISSING: none waits. KEVY_UNMET, once: more would have waited than kevy_set_push_limit allows; all were dropped, as
 * Redis drops such a connection, and those published from now on are heard again. Errors: KEVY_ECLOSED, KEVY_EARG, KEVY_EOOM. O(the
 * message). Since 0.1. */
KEVY_API kevy_status kevy_session_next_push(kevy_session *session, uint32_t flags, kevy_reply *r);

/* A descriptor that can be read while kevy_session_next_push has something to say, to poll or for an event loop; the session's, not
 * to be read or closed. -1: there is none to be had. Since 0.1. */
KEVY_API int32_t kevy_session_push_fd(kevy_session *session);

/* Waits, without any lock, until it can be read; -1: without limit. KEVY_UNMET: the time is over, or a signal came. Errors:
 * KEVY_EOOM (no descriptor). Since 0.1. */
KEVY_API kevy_status kevy_session_wait_push(kevy_session *session, int64_t timeout_ms);

/* Lets the descriptor be read once more, to wake who waits for it. Since 0.1. */
KEVY_API void kevy_session_wake(kevy_session *session);

/* CONFIG SET client-output-buffer-limit pubsub: at most hard bytes of messages wait for a session, and not more than soft ones for
 * longer than so many seconds; 0: no such limit. At first 32 MiB, 8 MiB, 60 s. Errors: KEVY_EREADONLY, KEVY_EARG, KEVY_EOOM. Since 0.1. */
KEVY_API kevy_status kevy_set_push_limit(kevy_store *s, uint64_t hard, uint64_t soft, int64_t soft_seconds);

/* ==== Events =================================================================================
 * Keys that went by themselves. Nothing is called in the middle of a call: what went is noted, in the process's memory, and
 * given to who asks, outside of every lock, so that what is done about it may write to the store, or close it.
 * A host asks after kevy_tick, or between its own calls. */

/* Begins to note the events of wanted (KEVY_EVENT_EXPIRED, KEVY_EVENT_EVICTED; KEVY_EVENT_VALUES: with values); another call
 * changes what is noted, and 0 ends it and forgets what waits. At most room bytes wait (0: 1 MiB); what finds
 * no room is counted as missed, and so are keys beyond 64 KiB. A store has one queue, whoever asks. Errors: KEVY_EREADONLY (a snapshot),
 * KEVY_ETRANSACTION (one is open), KEVY_EARG, KEVY_EOOM. Since 0.1. */
KEVY_API kevy_status kevy_listen(kevy_store *s, uint32_t wanted, uint64_t room);

/* The oldest event that waits: which (KEVY_EVENT_EXPIRED or EVICTED), the type that the key had (KEVY_TYPE_STRING ...), the key and
 * its value: KEVY_NIL where it was not asked for, is no string, or is beyond 64 KiB. value may be NULL. What is lent stays until the
 * next kevy_next_event or kevy_listen. KEVY_MISSING: none waits, or a transaction is open: what happens inside is given
 * after its commit, and a rollback drops it. O(1). Since 0.1. */
KEVY_API kevy_status kevy_next_event(kevy_store *s, int32_t *event, int32_t *type, kevy_value *key, kevy_value *value);

/* The same, key and value copied as the two items of r, which keep their kinds (kevy_reply_next): for who cannot read what is lent
 * before others get to the store. Errors: KEVY_EOOM, and this event is lost. Since 0.1. */
KEVY_API kevy_status kevy_next_event_into(kevy_store *s, int32_t *event, int32_t *type, kevy_reply *r);

/* How many events wait, how many were missed for lack of room since kevy_listen, and the bytes of the queue. missed may be NULL, bytes may be NULL.
 * Since 0.1. */
KEVY_API kevy_status kevy_events_waiting(kevy_store *s, uint64_t *waiting, uint64_t *missed, uint64_t *bytes);

/* ==== A window ===============================================================================
 * Redis's protocol on a socket, for a store of this process: redis-cli and any client of Redis talk to the live store. A thread of
 * kevy's own serves it; while a window is open the store has a lock, as if it was opened with KEVY_THREADS, held for one
 * command at a time. */

typedef struct kevy_window kevy_window;

typedef struct kevy_window_options {
  size_t size;            /* sizeof(kevy_window_options) */
  const char *password;   /* what AUTH and HELLO ask for; NULL: nothing */
  uint32_t flags;         /* KEVY_WINDOW_WRITE: clients may write; KEVY_WINDOW_PUBLIC: the address may be one that other
                             machines reach */
  uint32_t maxclients;    /* further ones are turned away; 0: as many as the option maxclients says, 10,000 */
  uint64_t query_buffer;  /* bytes of one request, at most 1 GiB; 0: 64 MiB */
  uint64_t output_buffer; /* bytes that a client may leave untaken before it is cut off, at most 1 GiB; 0: 64 MiB */
} kevy_window_options;

#define KEVY_WINDOW_OPTIONS_INIT                                                                   \
  { sizeof(kevy_window_options), NULL, 0, 0, 0, 0 }

/* Opens a window at "127.0.0.1:6390" (port 0: one that is free), "[::1]:6390", "6390", or "unix:/tmp/app.sock", a file of the
 * process's user alone. options may be NULL. Several may be open. *out is released by kevy_window_close. No other thread is in a
 * call on a store that has no lock yet, and the caller is not between kevy_lock and kevy_unlock. In the child of a fork
 * nobody serves it. Errors: KEVY_EARG (an address that is none, or that needs KEVY_WINDOW_PUBLIC), KEVY_EIO
 * (errno: the address is in use, say), KEVY_EREADONLY (a snapshot), KEVY_ETRANSACTION (one is open), KEVY_EUNSUPPORTED (built without
 * libuv), KEVY_EOOM. kevy_errmsg explains. O(1). Since 0.1. */
KEVY_API kevy_status kevy_serve(kevy_store *s, const char *address, const kevy_window_options *options, kevy_window **out);

/* Where it listens, as it is given to kevy_serve, the port a real one. Lent until kevy_window_close. Since 0.1. */
KEVY_API const char *kevy_window_address(kevy_window *w);

/* How many clients are connected. Any thread. Since 0.1. */
KEVY_API uint64_t kevy_window_connections(kevy_window *w);

/* Cuts the clients off and ends the window's thread. The caller is not between kevy_lock and kevy_unlock; a transaction may
 * be open. Again: nothing. Since 0.1. */
KEVY_API void kevy_window_stop(kevy_window *w);

/* Stops it and frees w; with the last window goes the lock that a store has only for them, so no other thread is in a
 * call on it. kevy_close stops the windows of its store, which are closed before or after. NULL is allowed. Since 0.1. */
KEVY_API void kevy_window_close(kevy_window *w);

/* ==== Watching =============================================================================== */

/* The index-th figure of the store: its name ("used_memory") and value. KEVY_MISSING past the last.
 * The names are listed in info.def; *name is static. Since 0.1. */
KEVY_API kevy_status kevy_info(kevy_store *s, size_t index, const char **name, kevy_value *value);

/* Sets hits, misses and other counters of events to 0. Since 0.1. */
KEVY_API kevy_status kevy_reset_stats(kevy_store *s);

/* Bytes the store's memory has handed out, exactly. 0 on a closed store. Since 0.1. */
KEVY_API uint64_t kevy_used_memory(kevy_store *s);

/* Another limit while the store is open (CONFIG SET maxmemory); 0: none. Keys go until it holds, however many that are.
 * KEVY_EOOM, and nothing changed, where what the policy lets go does not suffice; KEVY_EREADONLY on a snapshot. Since 0.1. */
KEVY_API kevy_status kevy_set_maxmemory(kevy_store *s, uint64_t maxmemory);

/* Another policy (CONFIG SET maxmemory-policy), one of those kevy_open takes. What the old one knew of the use of
 * keys is lost, but from one LRU policy to another, and from one LFU policy to another. KEVY_EARG, KEVY_EOOM,
 * KEVY_EREADONLY on a snapshot. Since 0.1. */
KEVY_API kevy_status kevy_set_policy(kevy_store *s, const char *policy);

/* The policy's name, which is static. Since 0.1. */
KEVY_API const char *kevy_policy(kevy_store *s);

/* MEMORY USAGE. Bytes that go when this key goes, exactly: its entry, its value, all that a large value owns. A value of more than
 * 2,048 bytes that COPY has made several keys' is in none of them. With the figure overhead_bytes, the sum over all keys is
 * used_memory. O(1). KEVY_MISSING. Since 0.1. */
KEVY_API kevy_status kevy_memory_usage(kevy_store *s, const char *key, size_t klen,
                                       uint64_t *bytes);

/* ==== For tests ============================================================================== */

/* Replaces the clocks of this store by a fixed present in Unix ms, which only this call moves, either
 * way; KEVY_NO_TTL returns to the system's. Since 0.1. */
KEVY_API kevy_status kevy_debug_clock(kevy_store *s, int64_t now);

/* Makes the n-th allocation from now (1: the next) fail, once; 0 disarms. Since 0.1. */
KEVY_API kevy_status kevy_debug_fail_alloc(kevy_store *s, uint64_t n);

#ifdef __cplusplus
}
#endif

#endif
