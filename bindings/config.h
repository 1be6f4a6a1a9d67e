/* config: the options of a store while it is open, as CONFIG names them. What was never set has no memory: a store
 * gets its table of numbers with its first CONFIG SET. */
#ifndef KEVY_CONFIG_H
#define KEVY_CONFIG_H

#include "pubsub.h"
#include "store.h"

typedef enum config_id {
#define CONFIG(id, ...) CONFIG_##id,
#include "config.def"
#undef CONFIG
  CONFIG_ROWS
} config_id;

/* An option's number: bytes, a count, 0 or 1, the index of a word, or the bits of notify-keyspace-events. The caller
 * holds the store's lock. O(1). */
int64_t config_number(const kevy_store *s, config_id id);

/* The classes of client-output-buffer-limit, and the limit of one. */
typedef enum config_class { CONFIG_OF_NORMAL, CONFIG_OF_REPLICA, CONFIG_OF_PUBSUB, CONFIG_CLASSES } config_class;
pubsub_limit config_limit(const kevy_store *s, config_class kind);

/* An option as CONFIG GET prints it; line is room for it, 64 bytes at least where it is no text. */
kevy_value config_text(const kevy_store *s, config_id id, char *line);

/* What the letters of notify-keyspace-events stand for. */
#define CONFIG_EVENTS_KEYSPACE 0x1  /* K */
#define CONFIG_EVENTS_KEYEVENT 0x2  /* E */
#define CONFIG_EVENTS_GENERIC 0x4   /* g */
#define CONFIG_EVENTS_STRING 0x8    /* $ */
#define CONFIG_EVENTS_LIST 0x10     /* l */
#define CONFIG_EVENTS_SET 0x20      /* s */
#define CONFIG_EVENTS_HASH 0x40     /* h */
#define CONFIG_EVENTS_ZSET 0x80     /* z */
#define CONFIG_EVENTS_EXPIRED 0x100 /* x */
#define CONFIG_EVENTS_EVICTED 0x200 /* e */
#define CONFIG_EVENTS_STREAM 0x400  /* t */
#define CONFIG_EVENTS_MISS 0x800    /* m */
#define CONFIG_EVENTS_MODULE 0x2000 /* d */
#define CONFIG_EVENTS_NEW 0x4000    /* n */
#define CONFIG_EVENTS_ALL 0x27fc    /* A: all but m and n */

#endif
