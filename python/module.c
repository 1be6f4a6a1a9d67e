/* module: the extension module kevy._kevy: its state, its types, its one function.
 *
 * Initialised in several phases (PEP 489) and without mutable statics, so that every interpreter of the
 * process, each with a GIL of its own or none at all, can import it. The engine is compiled into the same
 * shared object and exports its C ABI from it. */
#include "pylive.h"
#include "pywait.h"
#include "pywindow.h"
#include "pywire.h"

static struct PyModuleDef definition;

State *pymodule_state(PyTypeObject *type) {
  for (; type; type = type->tp_base) {
    if (!PyType_HasFeature(type, Py_TPFLAGS_HEAPTYPE)) continue;
    PyObject *module = ((PyHeapTypeObject *)type)->ht_module;
    if (module && PyModule_GetDef(module) == &definition) return PyModule_GetState(module);
  }
  return NULL;
}

/* ---- Filling the module ------------------------------------------------------------------------- */

/* The types of views, what they are called, and what they are registered as. */
static const struct {
  int32_t type;
  const char *name, *abc;
  PyTypeObject *(*make)(PyObject *module);
} views[] = {
    {KEVY_TYPE_HASH, "Hash", "MutableMapping", pyhash_type},
    {KEVY_TYPE_LIST, "List", "MutableSequence", pylist_type},
    {KEVY_TYPE_SET, "Set", "MutableSet", pyset_type},
    {KEVY_TYPE_ZSET, "ZSet", "MutableMapping", pyzset_type},
    {KEVY_TYPE_STREAM, "Stream", "Collection", pystream_type},
};
#define VIEWS (sizeof views / sizeof *views)

static int make_views(PyObject *module, State *state) {
  for (size_t i = 0; i < VIEWS; i++) {
    PyTypeObject *type = state->live_types[views[i].type] = views[i].make(module);
    if (!type) return -1;
    pycompat_forbid_new(type);
    if (PyModule_AddObjectRef(module, views[i].name, (PyObject *)type) < 0) return -1;
  }
  state->walk_type = pywalk_type(module);
  state->group_type = pygroup_type(module);
  state->exclusive_type = pyexclusive_type(module);
  state->wait_type = pywait_type(module);
  state->wire_type = pywire_type(module);
  if (!state->walk_type || !state->group_type || !state->exclusive_type || !state->wait_type || !state->wire_type)
    return -1;
  pycompat_forbid_new(state->wait_type);
  pycompat_forbid_new(state->wire_type);
  pycompat_forbid_new(state->walk_type);
  pycompat_forbid_new(state->group_type);
  state->version_type = pyversion_type(module);
  state->session_type = pysession_type(module);
  state->window_type = pywindow_type(module);
  if (!state->version_type || !state->session_type || !state->window_type) return -1;
  pycompat_forbid_new(state->window_type);
  if (PyModule_AddObjectRef(module, "Window", (PyObject *)state->window_type) < 0) return -1;
  pycompat_forbid_new(state->version_type);
  pycompat_forbid_new(state->session_type);
  if (PyModule_AddObjectRef(module, "Version", (PyObject *)state->version_type) < 0) return -1;
  if (PyModule_AddObjectRef(module, "Session", (PyObject *)state->session_type) < 0) return -1;
  if (PyModule_AddObjectRef(module, "Group", (PyObject *)state->group_type) < 0) return -1;
  return PyModule_AddObjectRef(module, "exclusive", (PyObject *)state->exclusive_type);
}

static int make_types(PyObject *module, State *state) {
  state->store_type = pystore_type(module);
  state->iter_type = pyiter_type(module);
  state->pin_type = pypin_type(module);
  if (!state->store_type || !state->iter_type || !state->pin_type) return -1;
  if (pyviews_types(module, state) < 0 || make_views(module, state) < 0) return -1;
  pycompat_forbid_new(state->iter_type);
  pycompat_forbid_new(state->pin_type);
  pycompat_forbid_new(state->keys_type);
  pycompat_forbid_new(state->items_type);
  pycompat_forbid_new(state->values_type);
  return PyModule_AddObjectRef(module, "Store", (PyObject *)state->store_type);
}

static int register_with(PyObject *abcs, const char *abc, PyTypeObject *type) {
  PyObject *class = PyObject_GetAttrString(abcs, abc);
  PyObject *done = class ? PyObject_CallMethod(class, "register", "O", type) : NULL;
  Py_XDECREF(done);
  Py_XDECREF(class);
  return done ? 0 : -1;
}

static int register_views(PyObject *abcs, State *state) {
  for (size_t i = 0; i < VIEWS; i++)
    if (register_with(abcs, views[i].abc, state->live_types[views[i].type]) < 0) return -1;
  return 0;
}

/* isinstance(store, MutableMapping) and its like hold. */
static int register_types(State *state) {
  PyObject *abcs = PyImport_ImportModule("collections.abc");
  if (!abcs) return -1;
  state->mapping_abc = PyObject_GetAttrString(abcs, "Mapping");
  state->set_abc = PyObject_GetAttrString(abcs, "Set");
  bool done = state->mapping_abc && state->set_abc &&
              register_with(abcs, "MutableMapping", state->store_type) == 0 &&
              register_with(abcs, "KeysView", state->keys_type) == 0 &&
              register_with(abcs, "ItemsView", state->items_type) == 0 &&
              register_with(abcs, "ValuesView", state->values_type) == 0 &&
              register_views(abcs, state) == 0;
  Py_DECREF(abcs);
  return done ? 0 : -1;
}

static int module_exec(PyObject *module) {
  State *state = PyModule_GetState(module);
  if (kevy_abi() != KEVY_ABI) {
    PyErr_Format(PyExc_ImportError, "kevy's engine has ABI %d, not %d", (int)kevy_abi(), KEVY_ABI);
    return -1;
  }
  state->gc = PYCOMPAT_GC_MODULE;
  if (PyErr_Occurred()) return -1;
  if (pyerrors_init(module, state) < 0 || make_types(module, state) < 0) return -1;
  if (PyModule_AddStringConstant(module, "__version__", kevy_version()) < 0) return -1;
  return register_types(state);
}

/* ---- The state's life ----------------------------------------------------------------------------- */

/* Every object the state owns. */
#define EACH_OBJECT(X)                                                                             \
  X(store_type) X(iter_type) X(pin_type) X(keys_type) X(items_type) X(values_type) X(mapping_abc)  \
  X(set_abc) X(error) X(walk_type) X(group_type) X(exclusive_type) X(wait_type) X(wire_type) X(gc)             \
  X(version_type) X(session_type) X(window_type)

static int module_traverse(PyObject *module, visitproc visit, void *arg) {
  State *state = PyModule_GetState(module);
#define VISIT(field) Py_VISIT(state->field);
  EACH_OBJECT(VISIT)
#undef VISIT
  for (int i = 0; i <= KEVY_TYPE_STREAM; i++) Py_VISIT(state->live_types[i]);
  for (int i = 0; i < PYERRORS_COUNT; i++) Py_VISIT(state->exceptions[i]);
  return 0;
}

static int module_clear(PyObject *module) {
  State *state = PyModule_GetState(module);
#define CLEAR(field) Py_CLEAR(state->field);
  EACH_OBJECT(CLEAR)
#undef CLEAR
  for (int i = 0; i <= KEVY_TYPE_STREAM; i++) Py_CLEAR(state->live_types[i]);
  for (int i = 0; i < PYERRORS_COUNT; i++) Py_CLEAR(state->exceptions[i]);
  return 0;
}

static void module_free(void *module) { module_clear(module); }

/* ---- The definition -------------------------------------------------------------------------------- */

static PyMethodDef functions[] = {
#define METHOD(name, function, call, text, typed, doc)
#define FUNCTION(name, function, call, text, typed, doc) PYMETHOD(name, function, call, text, doc)
#define PROPERTY(name, function, typed, doc)
#define SETTABLE(name, function, setter, typed, doc)
#define SLOT(name, typed)
#include "store.def"
#undef METHOD
#undef FUNCTION
#undef PROPERTY
#undef SETTABLE
#undef SLOT
    {NULL, NULL, 0, NULL}};

static PyModuleDef_Slot slots[] = {{Py_mod_exec, module_exec},
#ifdef Py_mod_multiple_interpreters
                                   {Py_mod_multiple_interpreters,
                                    Py_MOD_PER_INTERPRETER_GIL_SUPPORTED},
#endif
#ifdef Py_mod_gil
                                   {Py_mod_gil, Py_MOD_GIL_NOT_USED},
#endif
                                   {0, NULL}};

static struct PyModuleDef definition = {
    .m_base = PyModuleDef_HEAD_INIT,
    .m_name = "kevy._kevy",
    .m_doc = "The native part of kevy: use `import kevy`.",
    .m_size = sizeof(State),
    .m_methods = functions,
    .m_slots = slots,
    .m_traverse = module_traverse,
    .m_clear = module_clear,
    .m_free = module_free,
};

PyMODINIT_FUNC PyInit__kevy(void) { return PyModuleDef_Init(&definition); }
