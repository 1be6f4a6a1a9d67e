/* replay: doing again what a log's records say. */
#ifndef KEVY_REPLAY_H
#define KEVY_REPLAY_H

#include "kevy.h"

/* Before and after: in between nothing expires, no effects are kept and nobody waits. */
void replay_begin(kevy_store *s);
void replay_end(kevy_store *s);

/* Runs one record. False, with the text of the error in `message`, where the command answers one. */
bool replay_record(kevy_store *s, size_t argc, const kevy_value *argv, char *message, size_t room);

#endif
