/* persistence: SAVE, BGSAVE and BGREWRITEAOF of a store that lives in a directory: what of them is going on, and how the last
 * ones ended. */
#ifndef KEVY_PERSISTENCE_H
#define KEVY_PERSISTENCE_H

#include "store.h"

typedef struct saving_report {
  int64_t last;   /* when the last save ended well, or the store was opened: Unix seconds */
  bool running, failed, rewriting;
} saving_report;

/* The caller holds the store's lock. */
saving_report saving_reported(kevy_store *s);

/* Lets go of what a closing store has of it; a save that is not over goes on. */
void saving_close(kevy_store *s);

#endif
