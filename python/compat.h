/* compat: what older versions of CPython do not have, under the names that later ones gave it. */
#ifndef KEVY_PY_COMPAT_H
#define KEVY_PY_COMPAT_H

#include <Python.h>
#include <stdbool.h>
#include <stdint.h>
#if PY_VERSION_HEX < 0x030B0000
#include <longintrepr.h>
#endif

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

/* Reads an int of few digits, exactly, without a call. False: take the long way. */
#if PY_VERSION_HEX >= 0x030C0000
static inline bool pycompat_small_int(PyObject *object, int64_t *out) {
  const PyLongObject *number = (const PyLongObject *)object;
  if (!PyUnstable_Long_IsCompact(number)) return false;
  *out = PyUnstable_Long_CompactValue(number);
  return true;
}
#else
static inline bool pycompat_small_int(PyObject *object, int64_t *out) {
  Py_ssize_t digits = Py_SIZE(object); /* negative where the number is */
  if (digits < -1 || digits > 1) return false;
  *out = digits * (int64_t)((PyLongObject *)object)->ob_digit[0];
  return true;
}
#endif

/* Between the two no garbage collection begins, so that making containers runs no code of the user's; what
 * the first answers goes to the second. From 3.12 on none begins before C returns to the interpreter. gc is
 * the module of that name, which 3.9 has to be asked through: NULL elsewhere. */
#if PY_VERSION_HEX >= 0x030C0000
#define PYCOMPAT_GC_MODULE NULL
static inline int pycompat_stop_collecting(PyObject *gc) {
  (void)gc;
  return 0;
}
static inline void pycompat_go_on_collecting(PyObject *gc, int was) { (void)gc, (void)was; }
#elif PY_VERSION_HEX >= 0x030A0000
#define PYCOMPAT_GC_MODULE NULL
static inline int pycompat_stop_collecting(PyObject *gc) {
  (void)gc;
  return PyGC_Disable();
}
static inline void pycompat_go_on_collecting(PyObject *gc, int was) {
  (void)gc;
  if (was) PyGC_Enable();
}
#else
#define PYCOMPAT_GC_MODULE PyImport_ImportModule("gc")
/* Calls a function of gc that takes nothing; an exception that is set stays. */
static inline int pycompat_gc_call(PyObject *gc, const char *name) {
  PyObject *type, *value, *traceback;
  PyErr_Fetch(&type, &value, &traceback);
  PyObject *answer = PyObject_CallMethod(gc, name, NULL);
  int truth = answer == Py_True;
  Py_XDECREF(answer);
  PyErr_Restore(type, value, traceback);
  return truth;
}
static inline int pycompat_stop_collecting(PyObject *gc) {
  int was = pycompat_gc_call(gc, "isenabled");
  if (was) pycompat_gc_call(gc, "disable");
  return was;
}
static inline void pycompat_go_on_collecting(PyObject *gc, int was) {
  if (was) pycompat_gc_call(gc, "enable");
}
#endif

/* The thread state that the calling thread runs with, NULL where it is none of Python's or has no GIL. */
#if PY_VERSION_HEX >= 0x030D0000
#define pycompat_thread() PyThreadState_GetUnchecked()
#else
#define pycompat_thread() _PyThreadState_UncheckedGet()
#endif

#if PY_VERSION_HEX < 0x030D0000
#define Py_BEGIN_CRITICAL_SECTION(object) {
#define Py_END_CRITICAL_SECTION() }
#endif

#endif
