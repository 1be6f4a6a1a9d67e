/* kevy_types.h: the values, statuses and flags that every layer of kevy shares.
 *
 * This is the only header that both the engine and the public ABI include; kevy.h includes it for
 * you. It declares data, no functions. Numbers in this file are part of the ABI: they are never
 * changed, only added to. */
#ifndef KEVY_TYPES_H
#define KEVY_TYPES_H

#include <stddef.h>
#include <stdint.h>

/* ---- Statuses ------------------------------------------------------------------------------
 * Zero and positive mean the call did what it says; negative means it failed and changed nothing. */
typedef int32_t kevy_status;

#define KEVY_OK 0      /* done; for questions: yes */
#define KEVY_MISSING 1 /* there is no such key; at an iterator's end: nothing more */
#define KEVY_UNMET 2   /* a condition (NX, XX, GT, LT, nothing to persist) forbade the change */

/* Errors, X(NAME, number, message). errors.def adds what each language raises for them. */
#define KEVY_ERRORS(X)                                                                             \
  X(EARG, -1, "invalid argument")                                                                  \
  X(EWRONGTYPE, -2, "Operation against a key holding the wrong kind of value")                     \
  X(ENOTINT, -3, "value is not an integer or out of range")                                        \
  X(ENOTFLOAT, -4, "value is not a valid float")                                                   \
  X(EOVERFLOW, -5, "increment or decrement would overflow")                                        \
  X(ENAN, -6, "increment would produce NaN or Infinity")                                           \
  X(ETOOBIG, -7, "string exceeds maximum allowed size (512MB)")                                    \
  X(EOOM, -8, "out of memory: the write would exceed maxmemory or the system has none left")       \
  X(ECLOSED, -9, "the store is closed")                                                            \
  X(EREADONLY, -10, "a snapshot is read-only")                                                     \
  X(EUNSUPPORTED, -11, "not supported")                                                            \
  X(ERANGE, -12, "offset is out of range")                                                         \
  X(ECOMMAND, -13, "the command answered an error")                                                \
  X(ETRANSACTION, -14, "not allowed inside this transaction")                                      \
  X(ECORRUPT, -15, "corrupt file")                                                                 \
  X(EDURABILITY, -16, "the write is applied but not durable")                                      \
  X(EEXPIRE, -17, "invalid expire time: it must be a positive number of milliseconds")             \
  X(EREFUSED, -18, "the write is refused, and not applied: the store's log cannot be written")     \
  X(EIO, -19, "the file could not be read")                                                        \
  X(ECANCELLED, -20, "the caller ended it")

enum {
#define KEVY_ERROR_ENUM(name, number, message) KEVY_##name = number,
  KEVY_ERRORS(KEVY_ERROR_ENUM)
#undef KEVY_ERROR_ENUM
};

/* ---- Scalars -------------------------------------------------------------------------------
 * One value crosses every border, both ways. What goes in as an int comes out as an int. */
#define KEVY_BYTES 0 /* ptr, len: any bytes */
#define KEVY_TEXT 1  /* ptr, len: UTF-8 (the caller's promise; kevy keeps the tag, not the proof) */
#define KEVY_INT 2   /* i */
#define KEVY_FLOAT 3 /* d: finite or infinite, never NaN */
#define KEVY_NIL 4   /* only in results: no such key (batch reads, old values) */

typedef struct kevy_value {
  uint32_t kind; /* KEVY_BYTES ... KEVY_NIL */
  uint32_t reserved;
  size_t len; /* bytes at ptr; 0 for numbers */
  union {
    const char *ptr; /* never NULL for KEVY_BYTES and KEVY_TEXT in results, even when len is 0 */
    int64_t i;
    double d;
  } as;
} kevy_value;

/* An entry of a stream is named by two words: Unix milliseconds and a number within them. */
typedef struct kevy_stream_id {
  uint64_t ms;
  uint64_t seq;
} kevy_stream_id;

/* ---- Value types of a key ------------------------------------------------------------------ */
#define KEVY_TYPE_NONE 0
#define KEVY_TYPE_STRING 1
#define KEVY_TYPE_HASH 2
#define KEVY_TYPE_LIST 3
#define KEVY_TYPE_SET 4
#define KEVY_TYPE_ZSET 5
#define KEVY_TYPE_STREAM 6

/* ---- Time ----------------------------------------------------------------------------------
 * Milliseconds. A TTL counts from now and is positive; a deadline is Unix time. */
#define KEVY_NO_TTL INT64_C(-1)

/* ---- Flags of single calls; each function names those it takes ------------------------------ */
#define KEVY_NX 0x001u       /* only when the key does not exist (expire: has no TTL) */
#define KEVY_XX 0x002u       /* only when the key exists (expire: has a TTL) */
#define KEVY_GT 0x004u       /* only when the new deadline is later */
#define KEVY_LT 0x008u       /* only when the new deadline is earlier, or there was none */
#define KEVY_KEEPTTL 0x010u  /* keep the key's present deadline */
#define KEVY_AT 0x020u       /* the time given is a deadline (Unix ms), not a TTL */
#define KEVY_PERSIST 0x040u  /* remove the deadline */
#define KEVY_REPLACE 0x080u  /* overwrite the destination */
#define KEVY_TEXT_KEY 0x100u /* a key this call creates is of kind text, not bytes */
#define KEVY_LEFT 0x200u     /* at the head of a list */
#define KEVY_REV 0x400u      /* from the highest or last */
#define KEVY_CHANGED 0x800u  /* count what changed, not only what is new */

#define KEVY_TYPED 0x1000u   /* scalars keep their kinds, in and out */
#define KEVY_RESP 0x2000u    /* the reply as RESP2 bytes */

/* ---- Options of a store (kevy_options.flags) ------------------------------------------------- */
#define KEVY_THREADS 0x1u    /* any thread may call; the store carries a lock */
#define KEVY_BACKGROUND 0x2u /* a thread of kevy's own reclaims what expired; implies KEVY_THREADS */

#define KEVY_FAIL_FAST 0x4u  /* of a directory: a write is refused, not delayed, while the disk is behind */
#define KEVY_SALVAGE 0x8u    /* of a directory: a corrupt log is cut where that begins */

/* A window's (kevy_window_options.flags). */
#define KEVY_WINDOW_WRITE 0x1u  /* clients may write; else only look */
#define KEVY_WINDOW_PUBLIC 0x2u /* other machines may reach it */

/* Events. */
#define KEVY_EVENT_EXPIRED 0x1u /* a key whose time has come */
#define KEVY_EVENT_EVICTED 0x2u /* one that made room */
#define KEVY_EVENT_VALUES 0x4u  /* kevy_listen: with their values */

/* Limits. */
#define KEVY_MAX_LEN ((size_t)512 * 1024 * 1024) /* longest key and longest string, bytes */

#endif
