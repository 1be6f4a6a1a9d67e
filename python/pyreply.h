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

/* What makes objects of a reply's items: of whatever holds no others (values, statuses, errors, booleans, nil) by leaf; a set is a
 * list where it is not to be a set, and a map a list of keys and values where it is not to be a dict. Part of a larger struct
 * where leaf needs more to know. */
typedef struct ReplyMaker {
  PyObject *(*leaf)(const struct ReplyMaker *self, const kevy_item *item);
  bool sets, maps;
} ReplyMaker;

/* The next item of the reply, with all that is in it. Runs outside of a turn. */
PyObject *pyreply_make(const ReplyMaker *maker, kevy_reply *reply);

/* What a reply is built as for who calls kevy: strings as bytes whatever kind they have, as commands answer; or each value in
 * the kind it was stored. */
typedef enum ReplyForm { REPLY_BYTES, REPLY_KINDS } ReplyForm;

/* pyreply_make in one of these forms. */
PyObject *pyreply_build(State *state, kevy_reply *reply, ReplyForm form);

/* The error that the whole reply is, raised. Always NULL. */
PyObject *pyreply_raise(State *state, kevy_reply *reply);

/* The end of a turn in which a command was run: the reply, or NULL with an exception, the reply freed
 * (which may be NULL). An error that is an answer stays in the reply. */
kevy_reply *pyreply_end(Turn *turn, kevy_status status, kevy_reply *reply);

#endif
