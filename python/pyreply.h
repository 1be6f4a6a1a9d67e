/* pyreply: commands run in one turn, and their replies as Python objects.
 *
 * A call fills a reply, which then belongs to this call alone: it is taken off the store while it is
 * read, so that code that runs while a list or a dict is made may run commands of its own. */
#ifndef KEVY_PY_REPLY_H
#define KEVY_PY_REPLY_H

#include "pystore.h"

/* The reply that the next command fills, taken off the store within a turn; NULL when memory ran out. */
kevy_reply *pyreply_take(Store *self);

/* Gives a reply back to be used again, or frees it. NULL is allowed. */
void pyreply_give(Store *self, kevy_reply *reply);

/* What a reply is built as: strings as bytes whatever kind they have, as commands answer; or each value in
 * the kind it was stored. */
typedef enum ReplyForm { REPLY_BYTES, REPLY_KINDS } ReplyForm;

/* The next item of the reply, with all that is in it. Runs outside of a turn. */
PyObject *pyreply_build(State *state, kevy_reply *reply, ReplyForm form);

/* The error that the whole reply is, raised. Always NULL. */
PyObject *pyreply_raise(State *state, kevy_reply *reply);

/* The end of a turn in which a command was run: the reply, or NULL with an exception, the reply freed
 * (which may be NULL). An error that is an answer stays in the reply. */
kevy_reply *pyreply_end(Turn *turn, kevy_status status, kevy_reply *reply);

#endif
