/* cmd_stream: what the handlers of the stream commands share. */
#ifndef KEVY_CMD_STREAM_H
#define KEVY_CMD_STREAM_H

#include "../core/stream_group.h"
#include "command.h"

/* ---- IDs ---- */

#define STREAM_ID_TEXT 44 /* bytes of the longest ID as text */

/* An argument as an ID: "ms-seq", or "ms" with the seq that is missing then. "-" and "+", the lowest and the highest
 * ID, only where they are allowed. False when it is none. */
bool stream_parse_id(const kevy_value *arg, uint64_t missing_seq, bool ends, kevy_stream_id *id);

/* The same, having answered the error; "-" and "+" are none. */
bool stream_arg_id(command_call *c, const kevy_value *arg, kevy_stream_id *id);

/* The IDs of all arguments from this one on, freed by the caller; NULL, having answered the error, when one is none. */
kevy_stream_id *stream_arg_ids(command_call *c, size_t first);

/* An interval's ends, "(" before one excluding it. False, having answered the error. */
bool stream_arg_interval(command_call *c, const kevy_value *low, const kevy_value *high, kevy_stream_id *from,
                         kevy_stream_id *to);
bool stream_arg_start(command_call *c, const kevy_value *arg, kevy_stream_id *from);

size_t stream_format_id(const kevy_stream_id *id, char text[STREAM_ID_TEXT]);
void stream_answer_id(sink *out, const kevy_stream_id *id);

/* ---- entries ---- */

/* An ID and an array of fields and values. */
void stream_answer_entry(sink *out, stream_entry *e);

/* How many entries of a range there are, `most` at most; the range stays where it is. */
uint64_t stream_range_count(const stream_range *r, uint64_t most);

/* An array of the next n entries. */
void stream_answer_range(sink *out, stream_range *r, uint64_t n);

/* ---- errors and words ---- */

/* An error of the engine, with Redis's own words for streams. */
void stream_error(command_call *c, kevy_status status);

/* "NOGROUP No such key 'k' or consumer group 'g'", and what follows. */
void stream_fail_group(command_call *c, const kevy_value *key, const kevy_value *group, const char *after);

/* "NOGROUP No such consumer group 'g' for key name 'k'" */
void stream_fail_group_of(command_call *c, const kevy_value *key, const kevy_value *group);

/* "ERR unknown subcommand or wrong number of arguments for 'FOO'. Try XINFO HELP." */
void stream_fail_usage(command_call *c, const char *container);

#endif
