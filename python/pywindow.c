/* pywindow: windows, through which clients of Redis look into a store.
 *
 * While one is open the store has a lock, which turns take: Store.shared. That changes only while no turn is under way: with the GIL,
 * and when no call waits for the disk. A store keeps its windows; one that closes closes them (pywindow_leave, pywindow_end).
 * The window's thread knows nothing of Python. */
#include "pywindow.h"

#include <errno.h>
#include <time.h>

#define PYROWS "window.def"
#include "pytables.h"

typedef struct {
  PyObject_HEAD
  Store *store;
  kevy_window *handle; /* NULL when closed */
  kevy_window *left;   /* taken from it by its store, which closes */
  PyObject *address;
} Window;

/* ---- Opening ------------------------------------------------------------------------------------- */

static bool window_limit(PyObject *given, uint64_t *out) { return !given || given == Py_None || pyargs_memory(given, out); }

/* A word without null characters, or NULL for None. */
static bool window_word(PyObject *given, const char *name, const char **out) {
  if (!given || given == Py_None) return true;
  if (!PyUnicode_Check(given)) {
    PyErr_Format(PyExc_TypeError, "%s is a str, not %.200s", name, Py_TYPE(given)->tp_name);
    return false;
  }
  Py_ssize_t size;
  *out = PyUnicode_AsUTF8AndSize(given, &size);
  if (!*out || strlen(*out) == (size_t)size) return *out != NULL;
  PyErr_Format(PyExc_ValueError, "%s must not contain a null character", name);
  return false;
}

static bool window_flag(PyObject *given, uint32_t flag, kevy_window_options *options) {
  int set = given ? PyObject_IsTrue(given) : 0;
  if (set > 0) options->flags |= flag;
  return set >= 0;
}

static bool window_clients(PyObject *given, uint32_t *out) {
  int64_t n = 1;
  if (!given) return true;
  if (!pyargs_int64(given, "maxclients", &n)) return false;
  if (n < 1 || n > UINT32_MAX) {
    PyErr_SetString(PyExc_ValueError, "maxclients is at least 1");
    return false;
  }
  *out = (uint32_t)n;
  return true;
}

static PyObject *window_raise(Store *self, kevy_status status) {
  int error = errno;
  const char *text = kevy_errmsg(self->handle);
  PyObject *message = PyUnicode_DecodeUTF8(text, (Py_ssize_t)strlen(text), "replace");
  if (status != KEVY_EIO || !message) return pyerrors_raise(self->state, status, message);
  PyObject *exception = PyObject_CallFunction(PyExc_OSError, "iN", error, message);
  if (exception) PyErr_SetObject((PyObject *)Py_TYPE(exception), exception);
  Py_XDECREF(exception);
  return NULL;
}

/* Opens it behind the object, which the store keeps. */
static bool window_open(Store *self, Window *window, const char *address, const kevy_window_options *options) {
  bool opened = false;
  pystore_settle(self);
  Py_BEGIN_CRITICAL_SECTION(self);
  if (!self->handle) {
    pystore_closed(self);
  } else {
    kevy_status status = kevy_serve(self->handle, address, options, &window->handle);
    opened = status == KEVY_OK;
    if (opened) pystore_attach(self, self->handle, true);
    else window_raise(self, status);
  }
  Py_END_CRITICAL_SECTION();
  return opened;
}

static bool window_kept(Store *self, Window *window) {
  if (!self->windows) self->windows = PyList_New(0);
  return self->windows && PyList_Append(self->windows, (PyObject *)window) == 0;
}

PyObject *pystore_serve(PyObject *object, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames) {
  static const Signature sig = {
      "serve", 1, 1, 1, {"address", "write", "password", "public", "maxclients", "query_buffer", "output_buffer", NULL}};
  Store *self = (Store *)object;
  kevy_window_options options = KEVY_WINDOW_OPTIONS_INIT;
  PyObject *given[PYARGS_MAX];
  const char *address = NULL;
  if (!pyargs_parse(&sig, args, nargs, kwnames, given)) return NULL;
  if (given[0] == Py_None) return PyErr_Format(PyExc_TypeError, "an address is a str, not None");
  if (!window_word(given[0], "an address", &address) || !window_flag(given[1], KEVY_WINDOW_WRITE, &options) ||
      !window_word(given[2], "password", &options.password) || !window_flag(given[3], KEVY_WINDOW_PUBLIC, &options) ||
      !window_clients(given[4], &options.maxclients) || !window_limit(given[5], &options.query_buffer) ||
      !window_limit(given[6], &options.output_buffer))
    return NULL;
  Window *window = (Window *)self->state->window_type->tp_alloc(self->state->window_type, 0);
  if (!window) return NULL;
  window->store = (Store *)Py_NewRef(object);
  bool opened = window_open(self, window, address, &options);
  if (opened) window->address = PyUnicode_FromString(kevy_window_address(window->handle));
  if (!opened || !window->address || !window_kept(self, window)) Py_CLEAR(window);
  return (PyObject *)window;
}

/* ---- Closing ------------------------------------------------------------------------------------- */

static void window_forget(Store *store, Window *window) {
  for (Py_ssize_t i = 0; store->windows && i < PyList_GET_SIZE(store->windows); i++)
    if (PyList_GET_ITEM(store->windows, i) == (PyObject *)window) {
      PyList_SetSlice(store->windows, i, i + 1, NULL);
      return;
    }
}

/* The caller has taken the handle. The store, which may be asked to close meanwhile, waits. */
static void window_shut(Window *self, kevy_window *handle) {
  Store *store = self->store;
  store->stopping++;
  Py_BEGIN_ALLOW_THREADS
  kevy_window_stop(handle);
  Py_END_ALLOW_THREADS
  pystore_settle(store);
  Py_BEGIN_CRITICAL_SECTION(store);
  kevy_window_close(handle);
  window_forget(store, self);
  store->stopping--;
  if (store->handle) pystore_attach(store, store->handle, store->named || store->stopping || (store->windows && PyList_GET_SIZE(store->windows)));
  Py_END_CRITICAL_SECTION();
}

static kevy_window *window_take(Window *self) {
  kevy_window *handle;
  Py_BEGIN_CRITICAL_SECTION(self);
  handle = self->handle;
  self->handle = NULL;
  Py_END_CRITICAL_SECTION();
  return handle;
}

PyObject *pywindow_close(PyObject *object, PyObject *unused) {
  (void)unused;
  kevy_window *handle = window_take((Window *)object);
  if (handle) {
    Py_INCREF(object);
    window_shut((Window *)object, handle);
    Py_DECREF(object);
  }
  Py_RETURN_NONE;
}

void pywindow_leave(PyObject *windows) {
  for (Py_ssize_t i = 0; windows && i < PyList_GET_SIZE(windows); i++) {
    Window *window = (Window *)PyList_GET_ITEM(windows, i);
    window->left = window_take(window);
  }
}

void pywindow_end(PyObject *windows) {
  for (Py_ssize_t i = 0; windows && i < PyList_GET_SIZE(windows); i++) {
    Window *window = (Window *)PyList_GET_ITEM(windows, i);
    kevy_window_close(window->left);
    window->left = NULL;
  }
  Py_XDECREF(windows);
}

/* ---- The type ------------------------------------------------------------------------------------ */

PyObject *pywindow_enter(PyObject *self, PyObject *unused) {
  (void)unused;
  return Py_NewRef(self);
}

PyObject *pywindow_exit(PyObject *self, PyObject *const *args, Py_ssize_t nargs) {
  (void)args, (void)nargs;
  return pywindow_close(self, NULL);
}

PyObject *pywindow_get_address(PyObject *self, void *unused) {
  (void)unused;
  return Py_NewRef(((Window *)self)->address);
}
PyObject *pywindow_get_connections(PyObject *self, void *unused) {
  (void)unused;
  kevy_window *handle = ((Window *)self)->handle;
  return PyLong_FromUnsignedLongLong(handle ? kevy_window_connections(handle) : 0);
}
PyObject *pywindow_get_closed(PyObject *self, void *unused) {
  (void)unused;
  return PyBool_FromLong(((Window *)self)->handle == NULL);
}

static PyObject *window_repr(PyObject *object) {
  Window *self = (Window *)object;
  return PyUnicode_FromFormat("<kevy.Window %U%s>", self->address, self->handle ? "" : ", closed");
}

static int window_traverse(PyObject *object, visitproc visit, void *arg) {
  Py_VISIT(((Window *)object)->store);
  Py_VISIT(Py_TYPE(object));
  return 0;
}

static void window_dealloc(PyObject *object) {
  Window *self = (Window *)object;
  PyTypeObject *type = Py_TYPE(object);
  PyObject_GC_UnTrack(object);
  kevy_window *handle = self->handle;
  self->handle = NULL;
  if (handle) window_shut(self, handle);
  Py_XDECREF(self->store);
  Py_XDECREF(self->address);
  type->tp_free(object);
  Py_DECREF(type);
}

static const char doc[] =
    "A window into a store, as Store.serve(address) opens it: any client of Redis can talk to the live store.\n\n"
    "It is open until it, or its store, is closed.";

static PyType_Slot slots[] = {{Py_tp_doc, (void *)(uintptr_t)doc},
                              {Py_tp_dealloc, window_dealloc},
                              {Py_tp_traverse, window_traverse},
                              {Py_tp_repr, window_repr},
                              {Py_tp_methods, methods},
                              {Py_tp_getset, properties},
                              {0, NULL}};

static PyType_Spec spec = {"kevy.Window", sizeof(Window), 0,
                           Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE, slots};

PyTypeObject *pywindow_type(PyObject *module) { return (PyTypeObject *)PyType_FromModuleAndSpec(module, &spec, NULL); }
