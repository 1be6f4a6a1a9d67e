/* pycaching: Store.cached(), which is written in Python: kevy.caching. */
#include "pystore.h"

/* cached(store, *args, **kwargs) */
PyObject *pystore_cached(PyObject *object, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames) {
  Py_ssize_t total = nargs + (kwnames ? PyTuple_GET_SIZE(kwnames) : 0);
  PyObject *module = PyImport_ImportModule("kevy.caching");
  PyObject *function = module ? pyargs_attribute(module, "cached") : NULL;
  PyObject **all = function ? PyMem_Malloc((size_t)(total + 1) * sizeof *all) : NULL;
  PyObject *result = NULL;
  if (all) {
    all[0] = object;
    for (Py_ssize_t i = 0; i < total; i++) all[i + 1] = args[i];
    result = PyObject_Vectorcall(function, all, (size_t)nargs + 1, kwnames);
  } else if (function) {
    PyErr_NoMemory();
  }
  PyMem_Free(all);
  Py_XDECREF(function);
  Py_XDECREF(module);
  return result;
}
