/* compat: what older versions of CPython do not have, under the names that later ones gave it. */
#ifndef KEVY_PY_COMPAT_H
#define KEVY_PY_COMPAT_H

#include <Python.h>

#if PY_VERSION_HEX < 0x030A0000
static inline PyObject *Py_NewRef(PyObject *object) {
  Py_INCREF(object);
  return object;
}

static inline PyObject *Py_XNewRef(PyObject *object) {
  Py_XINCREF(object);
  return object;
}

static inline int PyModule_AddObjectRef(PyObject *module, const char *name, PyObject *value) {
  Py_INCREF(value);
  if (PyModule_AddObject(module, name, value) == 0) return 0;
  Py_DECREF(value);
  return -1;
}

#define Py_TPFLAGS_IMMUTABLETYPE 0
#define Py_TPFLAGS_DISALLOW_INSTANTIATION 0
#define Py_TPFLAGS_MAPPING 0
#define Py_TPFLAGS_SEQUENCE 0
#endif

/* What Py_TPFLAGS_DISALLOW_INSTANTIATION does where it exists. */
static inline void pycompat_forbid_new(PyTypeObject *type) {
  if (Py_TPFLAGS_DISALLOW_INSTANTIATION == 0) type->tp_new = NULL;
}

#if PY_VERSION_HEX < 0x030D0000
#define Py_BEGIN_CRITICAL_SECTION(object) {
#define Py_END_CRITICAL_SECTION() }
#endif

#endif
