/* pyrows: declares the functions that the rows of one .def file name: methods, functions of the module,
 * getters. Define PYROWS as the file's name and include this, as often as need be; no guard. */
#define METHOD(name, function, call, text, typed, doc) PYDECL_##call(function);
#define FUNCTION(name, function, call, text, typed, doc) PYDECL_##call(function);
#define PROPERTY(name, function, typed, doc) PyObject *function(PyObject *, void *);
#define SETTABLE(name, function, setter, typed, doc) \
  PyObject *function(PyObject *, void *);            \
  int setter(PyObject *, PyObject *, void *);
#define SLOT(name, typed)
#include PYROWS
#undef METHOD
#undef FUNCTION
#undef PROPERTY
#undef SETTABLE
#undef SLOT
