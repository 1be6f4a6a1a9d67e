/* pyargs: see pyargs.h. Objects are read through their exact C layout, never through a protocol that a
 * subclass can override: an int subclass is its number, a str subclass its text. */
#include "pyargs.h"

#include <math.h>

#define SCALARS "str, bytes, bytearray, memoryview, int or float"

/* ---- Shapes of calls ------------------------------------------------------------------------- */

static bool parse_keyword(const Signature *sig, PyObject *name, PyObject *value, PyObject **out) {
  for (int i = sig->positional_only; sig->names[i]; i++) {
    if (PyUnicode_CompareWithASCIIString(name, sig->names[i]) != 0) continue;
    if (out[i]) {
      PyErr_Format(PyExc_TypeError, "%s() got multiple values for argument '%U'", sig->function,
                   name);
      return false;
    }
    out[i] = value;
    return true;
  }
  PyErr_Format(PyExc_TypeError, "%s() got an unexpected keyword argument '%U'", sig->function,
               name);
  return false;
}

bool pyargs_parse(const Signature *sig, PyObject *const *args, Py_ssize_t nargs, PyObject *kwnames,
                  PyObject **out) {
  if (nargs > sig->positional) {
    PyErr_Format(PyExc_TypeError, "%s() takes at most %d positional argument%s (%zd given)",
                 sig->function, sig->positional, sig->positional == 1 ? "" : "s", nargs);
    return false;
  }
  for (int i = 0; sig->names[i]; i++) out[i] = i < nargs ? args[i] : NULL;
  Py_ssize_t keywords = kwnames ? PyTuple_GET_SIZE(kwnames) : 0;
  for (Py_ssize_t i = 0; i < keywords; i++)
    if (!parse_keyword(sig, PyTuple_GET_ITEM(kwnames, i), args[nargs + i], out)) return false;
  for (int i = 0; i < sig->required; i++) {
    if (out[i]) continue;
    PyErr_Format(PyExc_TypeError, "%s() missing required argument '%s' (pos %d)", sig->function,
                 sig->names[i], i + 1);
    return false;
  }
  return true;
}

PyObject *pyargs_attribute(PyObject *object, const char *name) {
  PyObject *interned = PyUnicode_InternFromString(name);
  PyObject *found = interned ? PyObject_GetAttr(object, interned) : NULL;
  Py_XDECREF(interned);
  return found;
}

PyObject *pyargs_call(PyObject *object, const char *name, PyObject *argument) {
  PyObject *interned = PyUnicode_InternFromString(name);
  PyObject *result =
      interned ? PyObject_CallMethodObjArgs(object, interned, argument, NULL) : NULL;
  Py_XDECREF(interned);
  return result;
}

/* ---- Keys and values ------------------------------------------------------------------------- */

static bool is_buffer(PyObject *object) {
  return PyByteArray_Check(object) || PyMemoryView_Check(object);
}

/* Lends the bytes of a bytearray or memoryview; *keep is a memoryview that holds them in place. */
static bool borrow_buffer(PyObject *object, const char **ptr, size_t *len, PyObject **keep) {
  PyObject *view = PyMemoryView_GetContiguous(object, PyBUF_READ, 'C');
  if (!view) return false;
  Py_buffer *buffer = PyMemoryView_GET_BUFFER(view);
  *ptr = buffer->buf;
  *len = (size_t)buffer->len;
  *keep = view;
  return true;
}

static bool borrow_text(PyObject *object, const char **ptr, size_t *len) {
  Py_ssize_t size;
  *ptr = PyUnicode_AsUTF8AndSize(object, &size);
  *len = (size_t)size;
  return *ptr != NULL;
}

bool pyargs_bytes(PyObject *object, const char *what, Key *key) {
  key->flags = 0;
  key->keep = NULL;
  if (PyBytes_Check(object)) {
    key->ptr = PyBytes_AS_STRING(object);
    key->len = (size_t)PyBytes_GET_SIZE(object);
    return true;
  }
  if (PyUnicode_Check(object)) {
    key->flags = KEVY_TEXT_KEY;
    return borrow_text(object, &key->ptr, &key->len);
  }
  if (is_buffer(object)) return borrow_buffer(object, &key->ptr, &key->len, &key->keep);
  PyErr_Format(PyExc_TypeError, "%s is str, bytes, bytearray or memoryview, not %.200s", what,
               Py_TYPE(object)->tp_name);
  return false;
}

bool pyargs_key_slow(PyObject *object, Key *key) { return pyargs_bytes(object, "a key", key); }

static bool value_of_int(PyObject *object, kevy_value *value) {
  int overflow;
  long long i = PyLong_AsLongLongAndOverflow(object, &overflow);
  if (overflow) {
    PyErr_SetString(PyExc_OverflowError, "an int value must fit in 64 bits");
    return false;
  }
  *value = kevy_int(i);
  return true;
}

static bool value_of_float(PyObject *object, kevy_value *value) {
  double d = PyFloat_AS_DOUBLE(object);
  if (isnan(d)) {
    PyErr_SetString(PyExc_ValueError, "a float value must not be NaN");
    return false;
  }
  *value = kevy_float(d);
  return true;
}

/* 1 when object is a scalar and was read, 0 when it is none, -1 with an exception. */
static int read_scalar(PyObject *object, kevy_value *value, PyObject **keep) {
  const char *ptr;
  size_t len;
  *keep = NULL;
  if (PyUnicode_Check(object)) {
    if (!borrow_text(object, &ptr, &len)) return -1;
    *value = kevy_text(ptr, len);
    return 1;
  }
  if (PyBytes_Check(object)) {
    *value = kevy_bytes(PyBytes_AS_STRING(object), (size_t)PyBytes_GET_SIZE(object));
    return 1;
  }
  if (PyLong_Check(object) && !PyBool_Check(object)) return value_of_int(object, value) ? 1 : -1;
  if (PyFloat_Check(object)) return value_of_float(object, value) ? 1 : -1;
  if (!is_buffer(object)) return 0;
  if (!borrow_buffer(object, &ptr, &len, keep)) return -1;
  *value = kevy_bytes(ptr, len);
  return 1;
}

bool pyargs_value(PyObject *object, kevy_value *value, PyObject **keep) {
  int read = read_scalar(object, value, keep);
  if (read == 0)
    PyErr_Format(PyExc_TypeError, "a value is " SCALARS ", not %.200s", Py_TYPE(object)->tp_name);
  return read > 0;
}

bool pyargs_member(PyObject *object, kevy_value *value, PyObject **keep) {
  *keep = NULL;
  int read = PyFloat_Check(object) ? 0 : read_scalar(object, value, keep);
  if (read == 0)
    PyErr_Format(PyExc_TypeError,
                 "a field or member is str, bytes, bytearray, memoryview or int, not %.200s",
                 Py_TYPE(object)->tp_name);
  return read > 0;
}

/* ---- Values ---------------------------------------------------------------------------------- */

bool pyargs_values_new(Values *values, Py_ssize_t room) {
  values->count = 0;
  values->room = room > 0 ? (size_t)room : 1;
  values->values = PyMem_New(kevy_value, values->room);
  values->keeps = PyMem_New(PyObject *, values->room);
  if (values->values && values->keeps) return true;
  pyargs_values_done(values);
  PyErr_NoMemory();
  return false;
}

static bool values_grow(Values *values) {
  size_t room = values->room + values->room / 2 + 8;
  kevy_value *bigger = values->values;
  PyObject **keeps = values->keeps;
  PyMem_Resize(bigger, kevy_value, room);
  if (bigger) values->values = bigger;
  PyMem_Resize(keeps, PyObject *, room);
  if (keeps) values->keeps = keeps;
  if (bigger && keeps) {
    values->room = room;
    return true;
  }
  PyErr_NoMemory();
  return false;
}

bool pyargs_values_put(Values *values, kevy_value value) {
  if (values->count == values->room && !values_grow(values)) return false;
  values->values[values->count] = value;
  values->keeps[values->count++] = NULL;
  return true;
}

bool pyargs_values_add(Values *values, PyObject *object, ValueReader read) {
  kevy_value value;
  PyObject *keep;
  if (!read(object, &value, &keep)) return false;
  if (pyargs_values_put(values, value)) {
    values->keeps[values->count - 1] = keep;
    return true;
  }
  Py_XDECREF(keep);
  return false;
}

bool pyargs_values_of(Values *values, PyObject *list, ValueReader read) {
  Py_ssize_t count = PyList_GET_SIZE(list);
  if (!pyargs_values_new(values, count)) return false;
  for (Py_ssize_t i = 0; i < count; i++) {
    if (pyargs_values_add(values, PyList_GET_ITEM(list, i), read)) continue;
    pyargs_values_done(values);
    return false;
  }
  return true;
}

void pyargs_values_done(Values *values) {
  static const Values none;
  Values held = *values;
  *values = none;
  for (size_t i = 0; i < held.count; i++) Py_XDECREF(held.keeps[i]);
  PyMem_Free(held.values);
  PyMem_Free(held.keeps);
}

/* ---- Batches --------------------------------------------------------------------------------- */

bool pyargs_batch_new(Batch *batch, Py_ssize_t count, bool with_values) {
  size_t capacity = count > 0 ? (size_t)count : 1;
  bool few = capacity <= PYARGS_FEW;
  batch->count = 0;
  batch->keys = few ? batch->few_keys : PyMem_New(kevy_value, capacity);
  batch->values = with_values ? PyMem_New(kevy_value, capacity) : NULL;
  batch->keeps = few ? batch->few_keeps : PyMem_New(PyObject *, 2 * capacity);
  if (batch->keys && batch->keeps && (batch->values || !with_values)) return true;
  pyargs_batch_done(batch);
  PyErr_NoMemory();
  return false;
}

bool pyargs_batch_add(Batch *batch, PyObject *object, PyObject *value) {
  size_t i = batch->count;
  PyObject **keeps = batch->keeps + 2 * i;
  Key key;
  if (!pyargs_key(object, &key)) return false;
  if (value && !pyargs_value(value, &batch->values[i], &keeps[1])) {
    pyargs_key_done(&key);
    return false;
  }
  if (!value) keeps[1] = NULL;
  keeps[0] = key.keep;
  batch->keys[i] = key.flags & KEVY_TEXT_KEY ? kevy_text(key.ptr, key.len)
                                             : kevy_bytes(key.ptr, key.len);
  batch->count++;
  return true;
}

bool pyargs_batch_argument(Batch *batch, PyObject *object) {
  size_t i = batch->count;
  batch->keeps[2 * i] = batch->keeps[2 * i + 1] = NULL;
  int read = pyargs_quick_value(object, &batch->keys[i]) ? 1 : read_scalar(object, &batch->keys[i], &batch->keeps[2 * i]);
  if (read == 0)
    PyErr_Format(PyExc_TypeError, "an argument of a command is " SCALARS ", not %.200s",
                 Py_TYPE(object)->tp_name);
  if (read <= 0) return false;
  batch->count++;
  return true;
}

void pyargs_batch_done(Batch *batch) {
  for (size_t i = 0; i < 2 * batch->count; i++) Py_XDECREF(batch->keeps[i]);
  if (batch->keys != batch->few_keys) PyMem_Free(batch->keys);
  if (batch->values) PyMem_Free(batch->values);
  if (batch->keeps != batch->few_keeps) PyMem_Free(batch->keeps);
}

/* ---- Flags and numbers ----------------------------------------------------------------------- */

bool pyargs_flag(PyObject *object, uint32_t flag, uint32_t *flags) {
  int truth = object ? PyObject_IsTrue(object) : 0;
  if (truth > 0) *flags |= flag;
  return truth >= 0;
}

bool pyargs_int64(PyObject *object, const char *what, int64_t *out) {
  if (!PyLong_Check(object) || PyBool_Check(object)) {
    PyErr_Format(PyExc_TypeError, "%s is an int, not %.200s", what, Py_TYPE(object)->tp_name);
    return false;
  }
  int overflow;
  *out = PyLong_AsLongLongAndOverflow(object, &overflow);
  if (overflow) PyErr_Format(PyExc_OverflowError, "%s must fit in 64 bits", what);
  return !overflow;
}

bool pyargs_conditions(PyObject *const *given, uint32_t *flags) {
  return pyargs_flag(given[0], KEVY_NX, flags) && pyargs_flag(given[1], KEVY_XX, flags) &&
         pyargs_flag(given[2], KEVY_GT, flags) && pyargs_flag(given[3], KEVY_LT, flags);
}

bool pyargs_by(PyObject *object, kevy_value *by) {
  *by = kevy_int(1);
  if (!object) return true;
  if (PyFloat_Check(object)) return value_of_float(object, by);
  if (PyLong_Check(object) && !PyBool_Check(object)) return value_of_int(object, by);
  PyErr_Format(PyExc_TypeError, "by is an int or a float, not %.200s", Py_TYPE(object)->tp_name);
  return false;
}

static uint64_t unit_of(const char *unit) {
  static const struct {
    const char *word;
    uint64_t bytes;
  } units[] = {{"", 1},       {"b", 1},       {"k", 1000},          {"kb", 1 << 10},
               {"m", 1000000}, {"mb", 1 << 20}, {"g", 1000000000}, {"gb", 1 << 30}};
  for (size_t i = 0; i < sizeof units / sizeof *units; i++)
    if (PyOS_stricmp(unit, units[i].word) == 0) return units[i].bytes;
  return 0;
}

static bool parse_memory(PyObject *text, uint64_t *bytes) {
  Py_ssize_t size;
  const char *start = PyUnicode_AsUTF8AndSize(text, &size);
  if (!start) return false;
  const char *at = start;
  uint64_t number = 0;
  bool fits = true;
  for (; *at >= '0' && *at <= '9'; at++)
    fits = fits && !__builtin_mul_overflow(number, 10, &number) &&
           !__builtin_add_overflow(number, (uint64_t)(*at - '0'), &number);
  uint64_t unit = unit_of(at);
  if (at != start && unit && at + strlen(at) == start + size && fits &&
      !__builtin_mul_overflow(number, unit, bytes))
    return true;
  PyErr_Format(PyExc_ValueError, "maxmemory is a number of bytes with a unit b, k, kb, m, mb, g or "
               "gb at most, not %R", text);
  return false;
}

bool pyargs_memory(PyObject *object, uint64_t *bytes) {
  int64_t number;
  if (PyUnicode_Check(object)) return parse_memory(object, bytes);
  if (!PyLong_Check(object) || PyBool_Check(object)) {
    PyErr_Format(PyExc_TypeError, "maxmemory is an int or a str such as \"256mb\", not %.200s",
                 Py_TYPE(object)->tp_name);
    return false;
  }
  if (!pyargs_int64(object, "maxmemory", &number)) return false;
  if (number < 0) {
    PyErr_SetString(PyExc_ValueError, "maxmemory must not be negative");
    return false;
  }
  *bytes = (uint64_t)number;
  return true;
}

PyObject *pyargs_fill_pair(PyObject *pair, PyObject *first, PyObject *second) {
  if (pair && first && second) {
    PyTuple_SET_ITEM(pair, 0, first);
    PyTuple_SET_ITEM(pair, 1, second);
    return pair;
  }
  Py_XDECREF(pair);
  Py_XDECREF(first);
  Py_XDECREF(second);
  return NULL;
}

/* ---- Times ----------------------------------------------------------------------------------- */

static bool time_error(const char *what) {
  PyErr_Format(PyExc_ValueError, "%s is out of range: seconds are finite, and 64 bits hold their milliseconds", what);
  return false;
}

/* Whole and fractional seconds as ms, rounded up; what binary fractions leave behind the nearest
 * millisecond (0.035 is a little more than 35 ms) does not count. */
static bool ms_of_float(double seconds, const char *what, int64_t *ms) {
  double exact = seconds * 1000.0, nearest = nearbyint(exact);
  if (!isfinite(exact) || fabs(exact) >= 9.2e18) return time_error(what);
  if (fabs(exact - nearest) > fabs(exact) * 0x1p-51) nearest = ceil(exact);
  *ms = (int64_t)nearest;
  return true;
}

static bool ms_of_int(PyObject *seconds, const char *what, int64_t *ms) {
  int overflow;
  long long whole = PyLong_AsLongLongAndOverflow(seconds, &overflow);
  if (overflow || __builtin_mul_overflow(whole, 1000, ms)) return time_error(what);
  return true;
}

static bool int_attribute(PyObject *object, const char *name, int64_t *out) {
  PyObject *value = pyargs_attribute(object, name);
  bool read = value && pyargs_int64(value, name, out);
  Py_XDECREF(value);
  return read;
}

static bool ms_of_timedelta(PyObject *delta, const char *what, int64_t *ms) {
  int64_t days, seconds, micros;
  if (!int_attribute(delta, "days", &days) || !int_attribute(delta, "seconds", &seconds) ||
      !int_attribute(delta, "microseconds", &micros))
    return false;
  if (seconds < 0 || seconds >= 86400 || micros < 0 || micros >= 1000000) return time_error(what);
  if (__builtin_mul_overflow(days, 86400000, ms) ||
      __builtin_add_overflow(*ms, seconds * 1000 + (micros + 999) / 1000, ms))
    return time_error(what);
  return true;
}

/* An attribute of the datetime module, found anew each time: no interpreter pays for it that never
 * passes a timedelta, and whoever replaces the module's classes gets the replacement. */
static PyObject *datetime_attribute(const char *name) {
  PyObject *module = PyImport_ImportModule("datetime");
  PyObject *found = module ? pyargs_attribute(module, name) : NULL;
  Py_XDECREF(module);
  return found;
}

/* Whether object is an instance of datetime.<name>; -1 with an exception. */
static int is_datetime(PyObject *object, const char *name) {
  PyObject *class = datetime_attribute(name);
  int answer = class ? PyObject_IsInstance(object, class) : -1;
  Py_XDECREF(class);
  return answer;
}

bool pyargs_ttl(PyObject *object, int64_t *ms) {
  *ms = KEVY_NO_TTL;
  if (!object || object == Py_None) return true;
  if (PyFloat_Check(object)) {
    if (!ms_of_float(PyFloat_AS_DOUBLE(object), "ttl", ms)) return false;
  } else if (PyLong_Check(object) && !PyBool_Check(object)) {
    if (!ms_of_int(object, "ttl", ms)) return false;
  } else {
    int is_delta = is_datetime(object, "timedelta");
    if (is_delta == 0)
      PyErr_Format(PyExc_TypeError, "ttl is seconds (int or float), a timedelta or None, not %.200s",
                   Py_TYPE(object)->tp_name);
    if (is_delta <= 0 || !ms_of_timedelta(object, "ttl", ms)) return false;
  }
  if (*ms > 0) return true;
  PyErr_SetString(PyExc_ValueError, "ttl must be positive");
  return false;
}

/* datetime(1970, 1, 1, tzinfo=timezone.utc) */
static PyObject *unix_epoch(void) {
  PyObject *class = datetime_attribute("datetime"), *epoch = NULL;
  PyObject *zone = datetime_attribute("timezone");
  PyObject *utc = zone ? pyargs_attribute(zone, "utc") : NULL;
  if (class && utc) epoch = PyObject_CallFunction(class, "iiiiiiiO", 1970, 1, 1, 0, 0, 0, 0, utc);
  Py_XDECREF(utc);
  Py_XDECREF(zone);
  Py_XDECREF(class);
  return epoch;
}

static bool ms_of_datetime(PyObject *moment, int64_t *ms) {
  PyObject *offset = pyargs_call(moment, "utcoffset", NULL);
  if (!offset) return false;
  bool naive = offset == Py_None;
  Py_DECREF(offset);
  if (naive) {
    PyErr_SetString(PyExc_ValueError, "a datetime needs a time zone: use an aware one");
    return false;
  }
  PyObject *epoch = unix_epoch();
  PyObject *delta = epoch ? PyNumber_Subtract(moment, epoch) : NULL;
  bool read = delta && ms_of_timedelta(delta, "the time", ms);
  Py_XDECREF(delta);
  Py_XDECREF(epoch);
  return read;
}

bool pyargs_deadline(PyObject *object, int64_t *ms) {
  if (PyFloat_Check(object)) return ms_of_float(PyFloat_AS_DOUBLE(object), "the time", ms);
  if (PyLong_Check(object) && !PyBool_Check(object)) return ms_of_int(object, "the time", ms);
  int is_moment = is_datetime(object, "datetime");
  if (is_moment == 0)
    PyErr_Format(PyExc_TypeError,
                 "the time is Unix seconds (int or float) or an aware datetime, not %.200s",
                 Py_TYPE(object)->tp_name);
  return is_moment > 0 && ms_of_datetime(object, ms);
}

PyObject *pyargs_datetime(int64_t ms) {
  PyObject *epoch = unix_epoch(), *class = datetime_attribute("timedelta");
  PyObject *delta = NULL, *moment = NULL;
  if (epoch && class)
    delta = PyObject_CallFunction(class, "LLL", (long long)(ms / 86400000),
                                  (long long)(ms % 86400000 / 1000),
                                  (long long)(ms % 1000 * 1000));
  if (delta) moment = PyNumber_Add(epoch, delta);
  Py_XDECREF(delta);
  Py_XDECREF(class);
  Py_XDECREF(epoch);
  return moment;
}

/* ---- Results ---------------------------------------------------------------------------------- */

static inline __attribute__((always_inline)) PyObject *text_of_words(const char *ptr, size_t len, size_t words) {
  uint64_t all, word;
  memcpy(&all, ptr + len - 8, 8);
  for (size_t i = 0; i < words; i++) {
    memcpy(&word, ptr + 8 * i, 8);
    all |= word;
  }
  if (all & UINT64_C(0x8080808080808080)) return PyUnicode_DecodeUTF8(ptr, (Py_ssize_t)len, NULL);
  PyObject *text = PyUnicode_New((Py_ssize_t)(8 * words + 7), 127);
  if (UNLIKELY(!text)) return NULL;
  pyargs_fill_words((char *)((PyASCIIObject *)text + 1), ptr, len, words);
  ((PyASCIIObject *)text)->length = (Py_ssize_t)len;
  return text;
}

PyObject *pyargs_build_text(const char *ptr, size_t len) {
  switch (len / 8) {
    case 1: return text_of_words(ptr, len, 1);
    case 2: return text_of_words(ptr, len, 2);
    case 3: return text_of_words(ptr, len, 3);
    case 4: return text_of_words(ptr, len, 4);
    default: return PyUnicode_DecodeUTF8(ptr, (Py_ssize_t)len, NULL);
  }
}
