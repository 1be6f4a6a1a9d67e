/* request: what a client of Redis sends, as arguments: a command's strings, each announced by its length, or a line that a
 * person typed.
 *
 *     *2 CRLF $3 CRLF GET CRLF $1 CRLF k CRLF          GET "k" CRLF
 *
 * A request may come in any number of pieces. Whoever reads keeps all of its bytes together from its first one on, and calls
 * request_read again when there are more; what was understood before is not looked at again. Nothing is taken on trust:
 * memory grows with the bytes that came, never with a length that was announced. Arguments point into the bytes, or, those of a
 * typed line, into a copy of it without its quotes. Knows no store and no socket. */
#ifndef KEVY_REQUEST_H
#define KEVY_REQUEST_H

#include <stdbool.h>

#include "kevy.h"

#define REQUEST_LINE ((size_t)64 * 1024)     /* bytes of a line that announces something, or is a request */
#define REQUEST_ARGS ((int64_t)1024 * 1024)  /* arguments of a request */

typedef enum request_status {
  REQUEST_WHOLE, /* argv has it; argc is 0 where it asks for nothing */
  REQUEST_PART,  /* more bytes are needed */
  REQUEST_BAD,   /* error says why; the connection makes no sense any more */
} request_status;

/* Zero but for the limits is a reader that has read nothing. */
typedef struct request {
  kevy_value *argv; /* while it is read, places instead of pointers */
  size_t argc, room;
  size_t at;     /* bytes of it that were understood */
  int64_t left;  /* arguments still to come */
  int64_t bulk;  /* bytes of the one whose length was read, and one; 0: it was not */
  bool headed;   /* how many there are was read */
  bool stranger; /* who asks has not said the password: small requests only, as Redis has it */
  int64_t most;  /* bytes of an argument */
  char *line;    /* a typed line, without its quotes */
  char error[64];
} request;

/* Reads one request, whose first len bytes are there. REQUEST_WHOLE: *used of them were it, and the arguments are valid while they
 * stay where they are; request_reset comes before the next one is read. O(new bytes). */
request_status request_read(request *q, const char *bytes, size_t len, size_t *used);

/* Forgets what was read of a request, and gives back memory that a large one took. */
void request_reset(request *q);

void request_free(request *q);

#endif
