/* blocking: commands that wait until there is something to answer with.
 *
 * A blocking command that finds nothing is kept, with copies of its arguments, in its store's handle, in order of
 * arrival. A call that writes to one of its keys runs it again, before that call leaves the store's lock and on
 * its thread, oldest first: so waiters are served in turn, whole, and nobody can come between a push and
 * the pop that it is for. Of a store with a log they are told when the log has what they were given, as their command would be. Whoever waits does so outside every lock, on a descriptor that becomes readable when
 * its command is over; an event loop watches the descriptor instead of a thread.
 *
 * A handler that finds nothing says command_wait; where nobody can wait (kevy_call) the null that it answered
 * is the answer, as Redis does inside MULTI. After a fork the child knows nothing of its parent's waiters. */
#ifndef KEVY_BLOCKING_H
#define KEVY_BLOCKING_H

#include "command.h"

/* kevy_wait_call, for a session where there is one; encoding is a reply's. The caller holds the lock. */
kevy_status blocking_call(kevy_store *s, kevy_session *session, size_t argc, const kevy_value *argv, int encoding,
                          kevy_reply *r, kevy_wait **out);

/* Tells waiters who were served that it is over: as durable as asked for, or not (KEVY_EDURABILITY). Without the store's lock. */
void blocking_tell(kevy_wait *served, kevy_status durable);

/* How many wait. The caller holds the lock. */
size_t blocking_count(const kevy_store *s);

/* Ends the wait of a session's command, if it has one: with an error's text, or NULL: as if its time was over. The caller holds the
 * lock. */
bool blocking_unblock(kevy_session *session, const char *error);

/* A session that closes while its command waits is not told any more. */
void blocking_forget(kevy_session *session);

/* Ends every wait on a store that closes, with KEVY_ECLOSED. */
void blocking_close(kevy_store *s);

#endif
