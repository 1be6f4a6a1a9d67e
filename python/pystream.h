/* pystream: what kevy.Stream and kevy.Group share: IDs as arguments, entries as results. */
#ifndef KEVY_PY_STREAM_H
#define KEVY_PY_STREAM_H

#include "pylive.h"

/* An ID: str, bytes or int. */
static inline void pystream_id(Call *call, PyObject *id) { pylive_arg(call, id, pyargs_member); }

/* One bound of a range of IDs, which kevy.exclusive may be around. low: None is below everything. */
void pystream_bound(Call *call, PyObject *bound, bool low);

/* COUNT n, unless it is None. */
void pystream_count(Call *call, PyObject *count);

/* An idle time in seconds as milliseconds, 0 allowed. */
void pystream_idle(Call *call, PyObject *seconds);

/* What follows in a reply: an ID as a str; an entry as (id, fields), where deleted (id, None); an array of
 * entries as a list, or of IDs. */
PyObject *pystream_build_id(kevy_reply *reply);
PyObject *pystream_build_entry(State *state, kevy_reply *reply);
PyObject *pystream_build_entries(State *state, kevy_reply *reply);
PyObject *pystream_build_ids(kevy_reply *reply);

/* The entries of one stream in the reply of XREAD and XREADGROUP. */
PyObject *pystream_build_read(State *state, kevy_reply *reply);

/* A name or ID as the kind it has or, of bytes that are text, as a str. */
PyObject *pystream_build_name(kevy_reply *reply);

/* What an XINFO tells as a dict; of an array of such a list. */
PyObject *pystream_build_info(State *state, kevy_reply *reply);
PyObject *pystream_build_infos(State *state, kevy_reply *reply);

/* What builds one object from what follows in a reply. */
typedef PyObject *(*ReplyBuilder)(State *state, kevy_reply *reply);

/* A list of what follows in an array, each built by build. */
PyObject *pystream_build_list(State *state, kevy_reply *reply, ReplyBuilder build);

/* Runs a call and builds its reply. */
PyObject *pystream_answer(Call *call, ReplyBuilder build);

/* A group of a stream. */
PyObject *pygroup_new(Live *stream, PyObject *name);

#endif
