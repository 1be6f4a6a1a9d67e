/* pywire: see pywire.h. */
#include "pywire.h"

#include <structmember.h>

#include <poll.h>
#include <stddef.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "number.h"
#include "reply.h"

enum { SPARES = 8, ARGUMENTS = 16 };

/* The descriptors of a wire: one to watch, which is readable when one of the others is. */
typedef struct {
  int watched; /* an epoll; -1 before the three are made */
  int bell;    /* an eventfd: replies are in the queue */
  int timer;   /* the end of a command that blocks for a while */
  pid_t pid;   /* in a child they are the parent's, too, and are left alone */
} Descriptors;

typedef struct {
  PyObject_HEAD
  Store *store;
  kevy_store *of;        /* the engine's store it was opened on */
  kevy_session *session; /* NULL when closed */
  PyObject *encode;      /* redis-py's, for arguments that are neither bytes nor int nor plain str */
  PyObject *error;       /* makes the exception for the text of an error */
  PyObject *encoding, *errors;
  bool utf8;  /* the encoding is UTF-8, and errors are strict */
  bool resp3; /* replies have the types of RESP3 */
  bool listens; /* a command was run that subscribes */
  char pushed;  /* what was read last is a pushed message of RESP3 */
  bool closed;
  int busy; /* calls that use the session, or wait: who closes leaves the rest to them */
  size_t head, count, room;
  kevy_reply **replies; /* a ring */
  size_t spares;
  kevy_reply *spare[SPARES];
  kevy_wait *wait;   /* of the last reply in the queue; NULL when it is there */
  PyObject *backlog; /* a list of commands that wait behind it; NULL: none */
  Descriptors fds;
} Wire;

/* ---- Descriptors ----------------------------------------------------------------------------------- */

static bool fds_ours(const Wire *self) { return self->fds.watched >= 0 && self->fds.pid == getpid(); }

static void fds_watch(Wire *self, int fd) {
  struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
  epoll_ctl(self->fds.watched, EPOLL_CTL_ADD, fd, &event);
}

static void fds_set_timer(Wire *self, int64_t ms) {
  struct itimerspec at = {.it_value = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}};
  if (ms == 0) at.it_value.tv_nsec = 1;
  timerfd_settime(self->fds.timer, 0, &at, NULL);
}

static void fds_watch_wait(Wire *self) {
  int64_t left = kevy_wait_left(self->wait);
  fds_watch(self, kevy_wait_fd(self->wait));
  if (left != KEVY_NO_TTL) fds_set_timer(self, left);
}

static void fds_forget_wait(Wire *self) {
  struct itimerspec never = {.it_value = {0}};
  epoll_ctl(self->fds.watched, EPOLL_CTL_DEL, kevy_wait_fd(self->wait), NULL);
  timerfd_settime(self->fds.timer, 0, &never, NULL);
}

static void fds_watch_pushes(Wire *self) {
  int fd = kevy_session_push_fd(self->session);
  if (fd >= 0) fds_watch(self, fd);
}

/* The bell is silent, or has been rung once. */
static void fds_ring(Wire *self, bool on) {
  uint64_t word = 1;
  if (!fds_ours(self)) return;
  ssize_t done = on ? write(self->fds.bell, &word, sizeof word) : read(self->fds.bell, &word, sizeof word);
  (void)done;
}

/* Whether the next read would have to wait. */
static bool wire_empty(const Wire *self) { return self->count == (self->wait ? 1 : 0); }

static void fds_close(Wire *self) {
  if (self->fds.watched < 0) return;
  close(self->fds.timer);
  close(self->fds.bell);
  close(self->fds.watched);
  self->fds.watched = -1;
}

static bool fds_open(Wire *self) {
  if (self->fds.watched >= 0) return true;
  Descriptors fds = {.watched = epoll_create1(EPOLL_CLOEXEC),
                     .bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
                     .timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK),
                     .pid = getpid()};
  if (fds.watched < 0 || fds.bell < 0 || fds.timer < 0) {
    PyErr_SetFromErrno(PyExc_OSError);
    if (fds.watched >= 0) close(fds.watched);
    if (fds.bell >= 0) close(fds.bell);
    if (fds.timer >= 0) close(fds.timer);
    return false;
  }
  self->fds = fds;
  fds_watch(self, fds.bell);
  fds_watch(self, fds.timer);
  if (self->wait) fds_watch_wait(self);
  if (self->listens) fds_watch_pushes(self);
  if (!wire_empty(self)) fds_ring(self, true);
  return true;
}

/* ---- Closing --------------------------------------------------------------------------------------- */

static void wire_end_wait(Wire *self) {
  if (fds_ours(self)) fds_forget_wait(self);
  kevy_wait_close(self->wait);
  self->wait = NULL;
}

static void wire_release(Wire *self) {
  if (self->wait) wire_end_wait(self);
  kevy_session_close(self->session);
  self->session = NULL;
  for (; self->count > 0; self->count--) {
    kevy_reply_free(self->replies[self->head]);
    self->head = (self->head + 1) % self->room;
  }
  while (self->spares > 0) kevy_reply_free(self->spare[--self->spares]);
  PyMem_Free(self->replies);
  self->replies = NULL;
  self->room = 0;
  fds_close(self);
  Py_CLEAR(self->backlog);
}

/* Begins to use the session: false, with ConnectionResetError, when the wire was closed or its store is another. */
static bool wire_enter(Wire *self) {
  if (!self->closed) {
    self->busy++;
    return true;
  }
  PyErr_SetString(PyExc_ConnectionResetError, "the connection was closed");
  return false;
}

static void wire_leave(Wire *self) {
  if (--self->busy == 0 && self->closed) wire_release(self);
}

/* ---- Arguments ------------------------------------------------------------------------------------- */

/* Whether the engine can be given an argument as it is. */
static bool is_plain(const Wire *self, PyObject *object) {
  if (PyBytes_CheckExact(object)) return true;
  if (PyLong_CheckExact(object)) {
    kevy_value value;
    return pyargs_quick_int(object, &value);
  }
  if (!PyUnicode_CheckExact(object) || !self->utf8) return false;
  if (PyUnicode_IS_COMPACT_ASCII(object) || PyUnicode_AsUTF8AndSize(object, &(Py_ssize_t){0})) return true;
  PyErr_Clear();
  return false;
}

static PyObject *encode_float(double d) {
  char *text = PyOS_double_to_string(d, 'r', 0, Py_DTSF_ADD_DOT_0, NULL);
  PyObject *bytes = text ? PyBytes_FromString(text) : NULL;
  PyMem_Free(text);
  return bytes;
}

/* What redis-py makes of an argument, as bytes: of a float its repr. */
static PyObject *encode_argument(Wire *self, PyObject *object) {
  if (PyFloat_CheckExact(object)) return encode_float(PyFloat_AS_DOUBLE(object));
  PyObject *encoded = PyObject_CallFunctionObjArgs(self->encode, object, NULL);
  if (!encoded || PyBytes_CheckExact(encoded)) return encoded;
  PyObject *bytes = PyBytes_FromObject(encoded);
  Py_DECREF(encoded);
  return bytes;
}

/* The command with those arguments encoded that are not plain, from the i-th on, which is not. */
static PyObject *pack_from(Wire *self, PyObject *args, Py_ssize_t i) {
  Py_ssize_t n = PyTuple_GET_SIZE(args);
  PyObject *packed = PyTuple_New(n);
  for (Py_ssize_t k = 0; packed && k < n; k++) {
    PyObject *object = PyTuple_GET_ITEM(args, k);
    object = k < i || is_plain(self, object) ? Py_NewRef(object) : encode_argument(self, object);
    if (object) PyTuple_SET_ITEM(packed, k, object);
    else Py_CLEAR(packed);
  }
  return packed;
}

/* ("CONFIG GET", ...) as ("CONFIG", "GET", ...). */
static PyObject *pack_name(PyObject *args) {
  PyObject *words = pyargs_call(PyTuple_GET_ITEM(args, 0), "split", NULL);
  PyObject *first = words ? PyList_AsTuple(words) : NULL;
  PyObject *rest = first ? PyTuple_GetSlice(args, 1, PyTuple_GET_SIZE(args)) : NULL;
  PyObject *all = rest ? PySequence_Concat(first, rest) : NULL;
  Py_XDECREF(words);
  Py_XDECREF(first);
  Py_XDECREF(rest);
  return all;
}

static bool name_has_space(PyObject *name) {
  const char *ptr;
  Py_ssize_t len;
  if (PyUnicode_CheckExact(name) && PyUnicode_IS_COMPACT_ASCII(name)) {
    ptr = (const char *)((PyASCIIObject *)name + 1);
    len = ((PyASCIIObject *)name)->length;
  } else if (PyBytes_CheckExact(name)) {
    ptr = PyBytes_AS_STRING(name);
    len = PyBytes_GET_SIZE(name);
  } else {
    return false;
  }
  return memchr(ptr, ' ', (size_t)len) != NULL;
}

/* A command ready to be sent, the same one where nothing is to be done; whether it is known or has the arguments
 * it should is for the engine to say. */
static PyObject *wire_pack(PyObject *object, PyObject *args) {
  Wire *self = (Wire *)object;
  if (!PyTuple_CheckExact(args)) return PyErr_Format(PyExc_TypeError, "a command is a tuple");
  Py_INCREF(args);
  if (PyTuple_GET_SIZE(args) > 0 && name_has_space(PyTuple_GET_ITEM(args, 0))) {
    Py_SETREF(args, pack_name(args));
    if (!args) return NULL;
  }
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(args); i++) {
    if (LIKELY(is_plain(self, PyTuple_GET_ITEM(args, i)))) continue;
    Py_SETREF(args, pack_from(self, args, i));
    break;
  }
  return args;
}

/* The arguments of a command that is packed, which they borrow from. */
static bool read_arguments(const Wire *self, PyObject *args, kevy_value *values) {
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(args); i++) {
    PyObject *object = PyTuple_GET_ITEM(args, i);
    if (LIKELY(pyargs_quick_member(object, &values[i]))) continue;
    if (!is_plain(self, object)) {
      PyErr_SetString(PyExc_TypeError, "a command is packed before it is sent");
      return false;
    }
    Py_ssize_t len;
    const char *text = PyUnicode_AsUTF8AndSize(object, &len);
    values[i] = kevy_text(text, (size_t)len);
  }
  return true;
}

/* ---- The queue ------------------------------------------------------------------------------------- */

static bool queue_grow(Wire *self) {
  size_t room = self->room ? self->room * 2 : 8;
  kevy_reply **replies = PyMem_New(kevy_reply *, room);
  if (!replies) return PyErr_NoMemory() != NULL;
  for (size_t i = 0; i < self->count; i++) replies[i] = self->replies[(self->head + i) % self->room];
  PyMem_Free(self->replies);
  self->replies = replies;
  self->head = 0;
  self->room = room;
  return true;
}

static bool queue_has_room(Wire *self) { return self->count < self->room || queue_grow(self); }

static void queue_push(Wire *self, kevy_reply *reply) {
  self->replies[(self->head + self->count) % self->room] = reply;
  self->count++;
}

/* Takes the first reply off, to be read or read on; SUBSCRIBE's has several answers. */
static kevy_reply *queue_pop(Wire *self) {
  kevy_reply *reply = self->replies[self->head];
  self->head = (self->head + 1) % self->room;
  self->count--;
  if (wire_empty(self)) fds_ring(self, false);
  return reply;
}

static kevy_reply *reply_take(Wire *self) {
  if (self->spares > 0) return self->spare[--self->spares];
  return kevy_reply_new();
}

/* Puts back what has more answers; else keeps the reply for another command. */
static void queue_done(Wire *self, kevy_reply *reply) {
  if (UNLIKELY(reply->at < reply->len && !self->closed && queue_has_room(self))) {
    self->head = (self->head + self->room - 1) % self->room;
    self->replies[self->head] = reply;
    self->count++;
    fds_ring(self, true);
  } else if (self->spares < SPARES && !self->closed) {
    self->spare[self->spares++] = reply;
  } else {
    kevy_reply_free(reply);
  }
}

/* ---- Running --------------------------------------------------------------------------------------- */

/* Runs a command in one turn and queues its reply; false with an exception, and nothing is queued. */
static bool run_values(Wire *self, size_t argc, const kevy_value *argv) {
  Turn turn;
  if (!queue_has_room(self)) return false;
  if (!turn_begin_command(&turn, self->store)) return false;
  if (turn.handle != self->of) {
    turn_end(&turn);
    PyErr_SetString(PyExc_ConnectionResetError, "the store was replaced");
    return false;
  }
  if (UNLIKELY(kevy_session_protocol(self->session) == 0)) {
    turn_end(&turn);
    PyErr_SetString(PyExc_ConnectionResetError, "the session is over");
    return false;
  }
  bool was_empty = wire_empty(self);
  kevy_wait *wait = NULL;
  kevy_reply *reply = reply_take(self);
  kevy_status status = reply ? kevy_session_wait(self->session, argc, argv, 0, reply, &wait) : KEVY_EOOM;
  reply = pyreply_end(&turn, status, reply);
  if (!reply) return false;
  if (!queue_has_room(self)) { /* another thread sent while this one waited for the disk */
    kevy_wait_close(wait);
    kevy_reply_free(reply);
    return false;
  }
  queue_push(self, reply);
  self->wait = wait;
  if (LIKELY(self->fds.watched < 0)) return true;
  if (wait && fds_ours(self)) fds_watch_wait(self);
  if (was_empty && !wire_empty(self)) fds_ring(self, true);
  return true;
}

/* SUBSCRIBE and its like, or an end of them: from now on messages may come. */
static void note_listening(Wire *self, const kevy_value *name) {
  if (name->kind > KEVY_TEXT || name->len < 9 || strncasecmp(name->as.ptr + name->len - 9, "SUBSCRIBE", 9) != 0) return;
  self->listens = true;
  if (fds_ours(self)) fds_watch_pushes(self);
}

static bool run_command(Wire *self, PyObject *args) {
  kevy_value few[ARGUMENTS], *values = few;
  if (!PyTuple_CheckExact(args)) return PyErr_Format(PyExc_TypeError, "a command is a tuple") != NULL;
  Py_ssize_t n = PyTuple_GET_SIZE(args);
  if (n > ARGUMENTS && !(values = PyMem_New(kevy_value, (size_t)n))) return PyErr_NoMemory() != NULL;
  bool done = read_arguments(self, args, values);
  if (done && n > 0 && !self->listens) note_listening(self, &values[0]);
  done = done && run_values(self, (size_t)n, values);
  if (values != few) PyMem_Free(values);
  return done;
}

/* Runs what is waiting behind a command that blocked, up to the next one. */
static bool run_backlog(Wire *self) {
  PyObject *backlog = self->backlog;
  self->backlog = NULL;
  Py_ssize_t done = 0, n = PyList_GET_SIZE(backlog);
  bool ran = true;
  for (; ran && done < n && !self->wait; done++) ran = run_command(self, PyList_GET_ITEM(backlog, done));
  if (ran && done < n) self->backlog = PyList_GetSlice(backlog, done, n);
  Py_DECREF(backlog);
  return ran && (done == n || self->backlog);
}

/* Adds commands to those that wait: a list or tuple of them. */
static bool put_off(Wire *self, PyObject *commands, Py_ssize_t from) {
  if (!self->backlog && !(self->backlog = PyList_New(0))) return false;
  for (Py_ssize_t i = from; i < PySequence_Fast_GET_SIZE(commands); i++)
    if (PyList_Append(self->backlog, PySequence_Fast_GET_ITEM(commands, i)) < 0) return false;
  return true;
}

static bool run_commands(Wire *self, PyObject *commands) {
  for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(commands); i++) {
    if (UNLIKELY(self->wait != NULL)) return put_off(self, commands, i);
    if (!run_command(self, PySequence_Fast_GET_ITEM(commands, i))) return false;
  }
  return true;
}

/* send(commands): runs commands that are packed, each a tuple. */
static PyObject *wire_send(PyObject *object, PyObject *given) {
  Wire *self = (Wire *)object;
  PyObject *commands = PySequence_Fast(given, "commands are a list of tuples");
  if (!commands) return NULL;
  bool done = false;
  if (wire_enter(self)) {
    done = run_commands(self, commands);
    wire_leave(self);
  }
  Py_DECREF(commands);
  return done ? Py_NewRef(Py_None) : NULL;
}

/* call(command): packs and runs one. */
static PyObject *wire_call(PyObject *object, PyObject *args) {
  Wire *self = (Wire *)object;
  PyObject *packed = wire_pack(object, args);
  if (!packed) return NULL;
  bool done = false;
  if (wire_enter(self)) {
    if (LIKELY(!self->wait)) {
      done = run_command(self, packed);
    } else {
      PyObject *one = PyTuple_Pack(1, packed);
      done = one && put_off(self, one, 0);
      Py_XDECREF(one);
    }
    wire_leave(self);
  }
  Py_DECREF(packed);
  return done ? Py_NewRef(Py_None) : NULL;
}

/* ---- Waiting --------------------------------------------------------------------------------------- */

/* Moves the oldest message that waits in the session to the queue, where that is empty: 1, or 0 where there is none, or
 * -1 with an exception. */
static int take_push(Wire *self) {
  if (!queue_has_room(self)) return -1;
  kevy_reply *reply = reply_take(self);
  kevy_status status = KEVY_EOOM;
  Py_BEGIN_CRITICAL_SECTION(self->store);
  if (reply) status = kevy_session_next_push(self->session, 0, reply);
  Py_END_CRITICAL_SECTION();
  if (status == KEVY_OK) {
    queue_push(self, reply);
    fds_ring(self, true);
    return 1;
  }
  kevy_reply_free(reply);
  if (status == KEVY_MISSING) return 0;
  if (status == KEVY_UNMET) PyErr_SetString(PyExc_ConnectionResetError, "too many messages waited, and were dropped");
  else if (status == KEVY_ECLOSED) pystore_closed(self->store);
  else pyerrors_raise(self->store->state, status, PyUnicode_FromString(kevy_strerror(status)));
  return -1;
}

/* The command that blocks is over: ends its wait and runs what is behind it. */
static bool finish_wait(Wire *self) {
  kevy_status status = kevy_wait_end(self->wait);
  wire_end_wait(self);
  if (status < 0 && status != KEVY_ECOMMAND) {
    kevy_reply_free(self->replies[(self->head + self->count - 1) % self->room]);
    self->count--;
    if (status == KEVY_ECLOSED) pystore_closed(self->store);
    else pyerrors_raise(self->store->state, status, PyUnicode_FromString(kevy_strerror(status)));
    return false;
  }
  fds_ring(self, true);
  return !self->backlog || run_backlog(self);
}

/* Waits, without the GIL, up to ms (below 0: for ever); false with an exception. */
static bool wire_poll(Wire *self, int64_t ms) {
  struct pollfd p = {.fd = self->fds.watched, .events = POLLIN};
  int ready;
  Py_BEGIN_ALLOW_THREADS
  ready = poll(&p, 1, ms < 0 ? -1 : ms > INT32_MAX ? INT32_MAX : (int)ms);
  Py_END_ALLOW_THREADS
  if (ready < 0 && PyErr_CheckSignals() < 0) return false;
  if (!self->closed) return true;
  PyErr_SetString(PyExc_ConnectionResetError, "the connection was closed");
  return false;
}

static bool wait_over(Wire *self) { return self->wait && kevy_wait_poll(self->wait, 0) == KEVY_OK; }

static int64_t monotonic_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Whether there is something to read within ms: 1, 0, or -1 with an exception. */
static int wire_wait(Wire *self, int64_t ms) {
  int64_t end = ms <= 0 ? ms : monotonic_ms() + ms;
  for (;;) {
    if (!wire_empty(self)) return 1;
    if (wait_over(self)) {
      if (!finish_wait(self)) return -1;
      continue;
    }
    int pushed = self->listens && !self->wait ? take_push(self) : 0;
    if (pushed != 0) return pushed;
    int64_t left = ms > 0 ? end - monotonic_ms() : ms;
    if (ms >= 0 && left <= 0) return 0;
    if (!fds_open(self) || !wire_poll(self, left)) return -1;
  }
}

/* ready(timeout=0): waits up to timeout seconds, None for ever. */
static PyObject *wire_ready(PyObject *object, PyObject *const *args, Py_ssize_t nargs) {
  Wire *self = (Wire *)object;
  int64_t ms = 0;
  if (LIKELY(nargs == 0 && !self->wait && !self->listens && !self->closed)) return PyBool_FromLong(self->count > 0);
  if (nargs > 0 && args[0] == Py_None) {
    ms = -1;
  } else if (nargs > 0) {
    double seconds = PyFloat_AsDouble(args[0]);
    if (seconds == -1 && PyErr_Occurred()) return NULL;
    ms = seconds > 0 ? (int64_t)(seconds < 1e12 ? seconds * 1000 + 0.999 : 1e15) : 0;
  }
  if (!wire_enter(self)) return NULL;
  int ready = wire_wait(self, ms);
  wire_leave(self);
  return ready < 0 ? NULL : PyBool_FromLong(ready);
}

static PyObject *wire_fileno(PyObject *object, PyObject *unused) {
  (void)unused;
  Wire *self = (Wire *)object;
  if (!wire_enter(self)) return NULL;
  bool open = fds_open(self);
  wire_leave(self);
  return open ? PyLong_FromLong(self->fds.watched) : NULL;
}

/* ---- Replies --------------------------------------------------------------------------------------- */

/* What redis-py's parser makes of replies. */
typedef struct {
  ReplyMaker base;
  Wire *wire;
  bool decode;
} WireMaker;

static PyObject *build_string(Wire *self, const char *ptr, size_t len, bool decode) {
  if (!decode) return PyBytes_FromStringAndSize(ptr, (Py_ssize_t)len);
  if (LIKELY(self->utf8)) return PyUnicode_DecodeUTF8(ptr, (Py_ssize_t)len, NULL);
  const char *encoding = PyUnicode_AsUTF8(self->encoding), *errors = PyUnicode_AsUTF8(self->errors);
  return encoding && errors ? PyUnicode_Decode(ptr, (Py_ssize_t)len, encoding, errors) : NULL;
}

static PyObject *build_value(Wire *self, const kevy_value *value, bool decode) {
  char scratch[NUMBER_FLOAT_MAX];
  if (value->kind == KEVY_INT) return PyLong_FromLongLong(value->as.i);
  if (value->kind == KEVY_FLOAT && self->resp3) return PyFloat_FromDouble(value->as.d);
  kevy_value bytes = number_byte_form(value, scratch);
  return build_string(self, bytes.as.ptr, bytes.len, decode);
}

static PyObject *build_error(Wire *self, const kevy_value *value) {
  PyObject *text = PyUnicode_DecodeUTF8(value->as.ptr, (Py_ssize_t)value->len, "replace");
  PyObject *error = text ? PyObject_CallFunctionObjArgs(self->error, text, NULL) : NULL;
  Py_XDECREF(text);
  return error;
}

static PyObject *wire_leaf(const ReplyMaker *maker, const kevy_item *item) {
  Wire *self = ((const WireMaker *)maker)->wire;
  bool decode = ((const WireMaker *)maker)->decode;
  switch (item->type) {
    case KEVY_REPLY_VALUE: return build_value(self, &item->value, decode);
    case KEVY_REPLY_STATUS: return build_string(self, item->value.as.ptr, item->value.len, decode);
    case KEVY_REPLY_ERROR: return build_error(self, &item->value);
    case KEVY_REPLY_BOOL:
      return self->resp3 ? PyBool_FromLong(item->value.as.i != 0) : PyLong_FromLongLong(item->value.as.i);
    default: Py_RETURN_NONE;
  }
}

/* Whether the next reply to be read is a pushed message. */
static bool is_pushed(const Wire *self) {
  kevy_reply *reply = self->replies[self->head];
  kevy_item first;
  size_t at = reply->at;
  if (!self->resp3) return false;
  kevy_reply_next(reply, &first);
  reply->at = at;
  return first.type == KEVY_REPLY_PUSH;
}

/* Takes the next reply, which is there. */
static PyObject *read_next(Wire *self, bool decode) {
  WireMaker maker = {{wire_leaf, false, self->resp3}, self, decode};
  kevy_reply *reply = queue_pop(self);
  PyObject *result = pyreply_make(&maker.base, reply);
  queue_done(self, reply);
  return result;
}

/* read(decode): the next reply. Waits for none: BlockingIOError. */
static PyObject *wire_read(PyObject *object, PyObject *decode) {
  Wire *self = (Wire *)object;
  if (!wire_enter(self)) return NULL;
  PyObject *result = NULL;
  if (wire_empty(self)) {
    PyErr_SetString(PyExc_BlockingIOError, "there is nothing to read");
  } else {
    bool pushed = is_pushed(self);
    result = read_next(self, decode == Py_True);
    self->pushed = pushed;
  }
  wire_leave(self);
  return result;
}

/* read_some(n, decode): the next replies, up to n and to the first that is not there or answers no command. */
static PyObject *wire_read_some(PyObject *object, PyObject *const *args, Py_ssize_t nargs) {
  Wire *self = (Wire *)object;
  int64_t n;
  if (nargs != 2) return PyErr_Format(PyExc_TypeError, "read_some(n, decode)");
  if (!pyargs_int64(args[0], "n", &n) || !wire_enter(self)) return NULL;
  PyObject *list = PyList_New(0);
  while (list && n-- > 0 && !self->closed && !wire_empty(self) && !is_pushed(self)) {
    PyObject *item = read_next(self, args[1] == Py_True);
    if (!item || PyList_Append(list, item) < 0) Py_CLEAR(list);
    Py_XDECREF(item);
  }
  self->pushed = false;
  wire_leave(self);
  return list;
}

/* ---- The object ------------------------------------------------------------------------------------ */

static bool wire_open(Wire *self) {
  Turn turn;
  if (!turn_begin(&turn, self->store)) return false;
  kevy_status status = kevy_session_open(turn.handle, &self->session);
  self->of = turn.handle;
  if (status < 0) turn_fail(&turn, status);
  else turn_end(&turn);
  return status >= 0;
}

/* store._wire(encode, error, encoding, errors, protocol) */
PyObject *pystore_wire(PyObject *object, PyObject *const *args, Py_ssize_t nargs) {
  Store *store = (Store *)object;
  if (nargs != 5 || !PyUnicode_Check(args[2]) || !PyUnicode_Check(args[3]) || !PyLong_Check(args[4]))
    return PyErr_Format(PyExc_TypeError, "_wire(encode, error, encoding, errors, protocol)");
  PyTypeObject *type = store->state->wire_type;
  Wire *self = (Wire *)type->tp_alloc(type, 0);
  if (!self) return NULL;
  self->fds.watched = -1;
  self->store = (Store *)Py_NewRef(object);
  self->encode = Py_NewRef(args[0]);
  self->error = Py_NewRef(args[1]);
  self->encoding = Py_NewRef(args[2]);
  self->errors = Py_NewRef(args[3]);
  self->utf8 = PyUnicode_CompareWithASCIIString(args[2], "utf-8") == 0 &&
               PyUnicode_CompareWithASCIIString(args[3], "strict") == 0;
  self->resp3 = PyLong_AsLong(args[4]) == 3;
  if (!wire_open(self)) Py_CLEAR(self);
  return (PyObject *)self;
}

static PyObject *wire_close(PyObject *object, PyObject *unused) {
  (void)unused;
  Wire *self = (Wire *)object;
  if (self->closed) Py_RETURN_NONE;
  self->closed = true;
  if (self->busy > 0) fds_ring(self, true);
  else wire_release(self);
  Py_RETURN_NONE;
}

static int wire_traverse(PyObject *object, visitproc visit, void *arg) {
  Wire *self = (Wire *)object;
  Py_VISIT(self->store);
  Py_VISIT(self->encode);
  Py_VISIT(self->error);
  Py_VISIT(self->backlog);
  Py_VISIT(Py_TYPE(object));
  return 0;
}

static void wire_dealloc(PyObject *object) {
  Wire *self = (Wire *)object;
  PyTypeObject *type = Py_TYPE(object);
  PyObject_GC_UnTrack(object);
  wire_release(self);
  Py_XDECREF(self->store);
  Py_XDECREF(self->encode);
  Py_XDECREF(self->error);
  Py_XDECREF(self->encoding);
  Py_XDECREF(self->errors);
  type->tp_free(object);
  Py_DECREF(type);
}

static PyMethodDef methods[] = {
    PYMETHOD("pack", wire_pack, ONE, "($self, command, /)", "A command, a tuple, with its arguments encoded.")
    PYMETHOD("send", wire_send, ONE, "($self, commands, /)", "Run commands that are packed.")
    PYMETHOD("call", wire_call, ONE, "($self, command, /)", "Pack a command and run it.")
    PYMETHOD("ready", wire_ready, FAST, "($self, timeout=0, /)",
             "Whether there is something to read within timeout seconds; None: wait for ever.")
    PYMETHOD("read", wire_read, ONE, "($self, decode, /)", "The next reply, strings decoded or as bytes.")
    PYMETHOD("read_some", wire_read_some, FAST, "($self, n, decode, /)",
             "The next replies: up to n, and to the first that is not there yet or answers no command.")
    PYMETHOD("fileno", wire_fileno, NOARGS, "($self, /)", "A descriptor that is readable as long as there is something to read.")
    PYMETHOD("close", wire_close, NOARGS, "($self, /)", "Close the session and forget what was not read.")
    {NULL, NULL, 0, NULL}};

static PyMemberDef members[] = {
    {"pushed", T_BOOL, offsetof(Wire, pushed), READONLY, "Whether what was read last answers no command."},
    {NULL, 0, 0, 0, NULL}};

static const char doc[] = "What a connection of kevy.redis is made of.";

static PyType_Slot slots[] = {{Py_tp_doc, (void *)(uintptr_t)doc},
                              {Py_tp_dealloc, wire_dealloc},
                              {Py_tp_traverse, wire_traverse},
                              {Py_tp_methods, methods},
                              {Py_tp_members, members},
                              {0, NULL}};

static PyType_Spec spec = {"kevy._kevy.Wire", sizeof(Wire), 0,
                           Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE, slots};

PyTypeObject *pywire_type(PyObject *module) {
  return (PyTypeObject *)PyType_FromModuleAndSpec(module, &spec, NULL);
}
