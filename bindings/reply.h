/* reply: where a command's answer goes.
 *
 * A handler writes its answer to a sink and never learns who reads it. Every value it passes is
 * borrowed: the sink has copied what it keeps when the call returns. A sink runs no code of the
 * host program. Aggregates announce their length first, then their items follow through the same
 * sink.
 *
 * kevy_reply is the sink of the C ABI, in two encodings: RESP bytes, and the flat items that
 * kevy_reply_next walks, which keep the kinds of scalars where the caller wants them. Each speaks protocol 2 or 3: what
 * RESP2 has no type for is there an array, a bulk string or an integer, and some answers are nested otherwise
 * (sink_pairs, sink_table). Running out of memory is remembered, not reported by each call; a reply
 * that starts empty always has room for REPLY_ROOM bytes, so that short answers cannot fail. */
#ifndef KEVY_REPLY_H
#define KEVY_REPLY_H

#include <stdbool.h>
#include <string.h>

#include "kevy.h"
#include "number.h"

typedef struct sink sink;

typedef struct sink_ops {
  bool resp3; /* the shapes of protocol 3 */
  void (*nil)(sink *k);
  void (*nil_array)(sink *k); /* RESP2 has another null where an array was expected */
  void (*integer)(sink *k, int64_t i);
  void (*real)(sink *k, double d);
  void (*boolean)(sink *k, bool b);
  void (*bulk)(sink *k, const kevy_value *v); /* a scalar; its byte form counts */
  void (*status)(sink *k, const char *text, size_t len);
  void (*error)(sink *k, const char *text, size_t len);
  void (*array)(sink *k, size_t n); /* n items follow */
  void (*map)(sink *k, size_t n);   /* n pairs follow */
  void (*set)(sink *k, size_t n);   /* n items follow */
  void (*push)(sink *k, size_t n);  /* n items follow: a message that answers no command */

  /* Text that says what it is: a document, whose format is three letters, a number with a fraction, a large integer. */
  void (*verbatim)(sink *k, const char *format, const char *text, size_t len);
  void (*decimal)(sink *k, const char *text, size_t len);
  void (*big)(sink *k, const char *text, size_t len);

  /* What is written from now on is of protocol 2 or 3 (HELLO). */
  void (*speak)(sink *k, int protocol);

  /* Makes sure that a bulk string of len bytes can follow; false where memory does not suffice. What
   * a command that is about to change something asks first. */
  bool (*room)(sink *k, size_t len);
} sink_ops;

struct sink {
  const sink_ops *ops;
};

static inline void sink_nil(sink *k) { k->ops->nil(k); }
static inline void sink_nil_array(sink *k) { k->ops->nil_array(k); }
static inline void sink_integer(sink *k, int64_t i) { k->ops->integer(k, i); }
static inline void sink_real(sink *k, double d) { k->ops->real(k, d); }
static inline void sink_boolean(sink *k, bool b) { k->ops->boolean(k, b); }
static inline void sink_bulk(sink *k, const kevy_value *v) { k->ops->bulk(k, v); }
static inline void sink_status(sink *k, const char *text) { k->ops->status(k, text, strlen(text)); }
static inline void sink_error(sink *k, const char *text, size_t len) { k->ops->error(k, text, len); }
static inline void sink_array(sink *k, size_t n) { k->ops->array(k, n); }
static inline void sink_map(sink *k, size_t n) { k->ops->map(k, n); }
static inline void sink_set(sink *k, size_t n) { k->ops->set(k, n); }
static inline void sink_push(sink *k, size_t n) { k->ops->push(k, n); }
static inline void sink_decimal(sink *k, const char *text, size_t len) { k->ops->decimal(k, text, len); }
static inline void sink_big(sink *k, const char *text, size_t len) { k->ops->big(k, text, len); }
static inline void sink_speak(sink *k, int protocol) { k->ops->speak(k, protocol); }
static inline bool sink_room(sink *k, size_t len) { return k->ops->room(k, len); }

/* A document of plain text, as INFO is. */
static inline void sink_text(sink *k, const char *text, size_t len) { k->ops->verbatim(k, "txt", text, len); }

/* n pairs follow, sink_pair before each: their items one behind the other, or in protocol 3 an array of two for each
 * (ZRANGE WITHSCORES). */
static inline void sink_pairs(sink *k, size_t n) { k->ops->array(k, k->ops->resp3 ? n : 2 * n); }
static inline void sink_pair(sink *k) {
  if (k->ops->resp3) k->ops->array(k, 2);
}

/* n rows of a name and a value follow, sink_row before each: an array of two for each, or in protocol 3 a map (XREAD). */
static inline void sink_table(sink *k, size_t n) {
  if (k->ops->resp3) k->ops->map(k, n);
  else k->ops->array(k, n);
}
static inline void sink_row(sink *k) {
  if (!k->ops->resp3) k->ops->array(k, 2);
}

static inline void sink_bytes(sink *k, const char *ptr, size_t len) {
  kevy_value v = kevy_bytes(ptr, len);
  k->ops->bulk(k, &v);
}

/* ---- The reply of the C ABI ------------------------------------------------------------------ */

#define REPLY_ROOM 1024

struct kevy_reply {
  sink sink;       /* which encoding; first, so that the sink is the reply */
  int encoding;    /* its number: a form, and REPLY_3 in protocol 3 */
  char *bytes;     /* what was written */
  size_t len;      /* of it */
  size_t capacity; /* allocated, REPLY_ROOM at least */
  size_t at;       /* where kevy_reply_next reads on */
  bool failed;     /* memory ran out while writing */
  bool error;      /* the answer is an error */
};

/* The same forms in protocol 2 and, REPLY_3 further on, in protocol 3. */
typedef enum reply_encoding { REPLY_FLAT, REPLY_TYPED, REPLY_RESP, REPLY_3 } reply_encoding;

/* Empties the reply and chooses how the next answer is encoded. */
void reply_start(kevy_reply *r, int encoding);

/* A form in a protocol, and the form that is in an encoding. */
static inline int reply_encoded(reply_encoding form, int protocol) { return (int)form + (protocol == 3 ? REPLY_3 : 0); }
static inline reply_encoding reply_form(int encoding) { return (reply_encoding)(encoding % REPLY_3); }

#endif
