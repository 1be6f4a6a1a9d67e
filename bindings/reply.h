/* reply: where a command's answer goes.
 *
 * A handler writes its answer to a sink and never learns who reads it. Every value it passes is
 * borrowed: the sink has copied what it keeps when the call returns. A sink runs no code of the
 * host program. Aggregates announce their length first, then their items follow through the same
 * sink.
 *
 * kevy_reply is the sink of the C ABI, in two encodings: RESP2 bytes, and the flat items that
 * kevy_reply_next walks, which keep the kinds of scalars where the caller wants them. Running out of memory is remembered, not reported by each call; a reply
 * that starts empty always has room for REPLY_ROOM bytes, so that short answers cannot fail. */
#ifndef KEVY_REPLY_H
#define KEVY_REPLY_H

#include <stdbool.h>
#include <string.h>

#include "kevy.h"
#include "number.h"

typedef struct sink sink;

typedef struct sink_ops {
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
static inline bool sink_room(sink *k, size_t len) { return k->ops->room(k, len); }

static inline void sink_bytes(sink *k, const char *ptr, size_t len) {
  kevy_value v = kevy_bytes(ptr, len);
  k->ops->bulk(k, &v);
}

/* ---- The reply of the C ABI ------------------------------------------------------------------ */

#define REPLY_ROOM 1024

struct kevy_reply {
  sink sink;       /* which encoding; first, so that the sink is the reply */
  char *bytes;     /* what was written */
  size_t len;      /* of it */
  size_t capacity; /* allocated, REPLY_ROOM at least */
  size_t at;       /* where kevy_reply_next reads on */
  bool failed;     /* memory ran out while writing */
  bool error;      /* the answer is an error */
};

typedef enum reply_encoding { REPLY_FLAT, REPLY_TYPED, REPLY_RESP } reply_encoding;

/* Empties the reply and chooses how the next answer is encoded. */
void reply_start(kevy_reply *r, reply_encoding encoding);

#endif
