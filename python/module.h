/* module: what one import of kevy._kevy owns, and what its files share.
 *
 * Nothing in the extension is a mutable static: every interpreter that imports it has a State of its
 * own, which every object reaches through a pointer; the object's type keeps the module alive. A name
 * that starts with py and a file's name is that file's; the engine, linked into the same shared object,
 * uses none of them. */
#ifndef KEVY_PY_MODULE_H
#define KEVY_PY_MODULE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdbool.h>

#include "compat.h"
#include "kevy.h"
#include "pyerrors.h"

typedef struct State {
  PyTypeObject *store_type;
  PyTypeObject *iter_type;
  PyTypeObject *pin_type;
  PyTypeObject *keys_type;
  PyTypeObject *items_type;
  PyTypeObject *values_type;
  PyTypeObject *live_types[KEVY_TYPE_STREAM + 1]; /* of views, by the KEVY_TYPE_ they are of */
  PyTypeObject *walk_type;                        /* iterators over streams */
  PyTypeObject *group_type;
  PyTypeObject *exclusive_type;
  PyTypeObject *wait_type;                        /* commands that wait, for event loops */
  PyTypeObject *wire_type;                        /* connections of kevy.redis */
  PyObject *gc;          /* for pycompat_stop_collecting */
  PyTypeObject *version_type;
  PyTypeObject *session_type;
  PyTypeObject *window_type;
  PyObject *mapping_abc; /* collections.abc.Mapping and Set, which comparisons ask */
  PyObject *set_abc;
  PyObject *error;                      /* kevy.Error */
  PyObject *exceptions[PYERRORS_COUNT]; /* what status -1, -2 ... raises */
} State;

/* The state behind a type of this module or a subclass of one. */
State *pymodule_state(PyTypeObject *type);

/* The shapes of a method, as store.def names them. */
#define PYCALL_KEYWORDS (METH_FASTCALL | METH_KEYWORDS)
#define PYCALL_CLASS (METH_FASTCALL | METH_KEYWORDS | METH_CLASS)
#define PYCALL_FAST METH_FASTCALL
#define PYCALL_ONE METH_O
#define PYCALL_NOARGS METH_NOARGS
#define PYDECL_KEYWORDS(f) PyObject *f(PyObject *, PyObject *const *, Py_ssize_t, PyObject *)
#define PYDECL_CLASS(f) PYDECL_KEYWORDS(f)
#define PYDECL_FAST(f) PyObject *f(PyObject *, PyObject *const *, Py_ssize_t)
#define PYDECL_ONE(f) PyObject *f(PyObject *, PyObject *)
#define PYDECL_NOARGS(f) PyObject *f(PyObject *, PyObject *)

/* One row of a PyMethodDef table: the docstring begins with the signature that inspect reads. */
#define PYMETHOD(name, function, call, text, doc)                                                  \
  {name, (PyCFunction)(void (*)(void))function, PYCALL_##call, name text "\n--\n\n" doc},

#define LIKELY(x) __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)

#endif
