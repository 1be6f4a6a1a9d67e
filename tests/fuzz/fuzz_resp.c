/* fuzz_resp: what a client may send: read at once and read in pieces are the same requests, and no byte is looked at that is not there. */
#include "../core/internals.h"

#include <stdint.h>
#include <stdlib.h>

#include "../../bindings/window/request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct told {
  uint64_t hash;
  size_t requests, used;
  request_status end;
} told;

static void tell(told *t, const void *bytes, size_t len) {
  const uint8_t *p = bytes;
  for (size_t i = 0; i < len; i++) t->hash = (t->hash ^ p[i]) * UINT64_C(0x100000001b3);
}

static void tell_request(told *t, const request *q, size_t used) {
  for (size_t i = 0; i < q->argc; i++) {
    tell(t, &q->argv[i].len, sizeof q->argv[i].len);
    tell(t, q->argv[i].as.ptr, q->argv[i].len);
  }
  t->requests++;
  t->used += used;
}

/* What all of it says, when it comes in pieces of so many bytes, each time in a block of just its size. */
static told listen_to(const uint8_t *data, size_t size, size_t piece, bool stranger) {
  request q = {.most = 1 << 16, .stranger = stranger};
  told t = {.hash = 1, .end = REQUEST_PART};
  for (size_t have = 0; have < size && t.end != REQUEST_BAD;) {
    have = size - have < piece ? size : have + piece;
    char *bytes = malloc(have - t.used);
    if (bytes == NULL) abort();
    size_t from = t.used, used;
    memcpy(bytes, data + from, have - from);
    while (t.used < have && (t.end = request_read(&q, bytes + (t.used - from), have - t.used, &used)) == REQUEST_WHOLE) {
      if (used == 0 || used > have - t.used) abort();
      tell_request(&t, &q, used);
      request_reset(&q);
    }
    free(bytes);
  }
  if (t.end == REQUEST_BAD && memchr(q.error, '\n', strlen(q.error)) != NULL) abort();
  request_free(&q);
  return t;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size < 2 || size > 4096) return 0;
  bool stranger = data[0] & 1;
  size_t piece = (size_t)data[1] % 16 + 1;
  told whole = listen_to(data + 2, size - 2, size, stranger), parts = listen_to(data + 2, size - 2, piece, stranger);
  if (whole.hash != parts.hash || whole.requests != parts.requests || whole.used != parts.used) abort();
  if ((whole.end == REQUEST_BAD) != (parts.end == REQUEST_BAD)) abort();
  return 0;
}
