/* pytables: makes a type's `methods` and `properties` from the rows of its .def file, and declares the
 * functions they name. Define PYROWS as the file's name and include this once, in the file that makes the
 * type. */
#include "pyrows.h"

#define FUNCTION(name, function, call, text, typed, doc)
#define SLOT(name, typed)

static PyMethodDef methods[] = {
#define METHOD(name, function, call, text, typed, doc) PYMETHOD(name, function, call, text, doc)
#define PROPERTY(name, function, typed, doc)
#define SETTABLE(name, function, setter, typed, doc)
#include PYROWS
#undef METHOD
#undef PROPERTY
#undef SETTABLE
    {NULL, NULL, 0, NULL}};

static PyGetSetDef properties[] = {
#define METHOD(name, function, call, text, typed, doc)
#define PROPERTY(name, function, typed, doc) {name, function, NULL, doc, NULL},
#define SETTABLE(name, function, setter, typed, doc) {name, function, setter, doc, NULL},
#include PYROWS
#undef METHOD
#undef PROPERTY
#undef SETTABLE
    {NULL, NULL, NULL, NULL, NULL}};

#undef FUNCTION
#undef SLOT
#undef PYROWS
