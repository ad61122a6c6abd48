/* What a crawl does with every byte of every event, compiled: the module datasync_columns.
 *
 *   Scanner(records, ids, times)         reads pages whose records, their ids and their times stand at such paths:
 *                                        split(text) gives a page's records, and where their array stands
 *   Events                               these: a sequence of bytes, and columns of ids and times
 *   encode_rows(ids, times_us, payloads) the rows of PostgreSQL's binary COPY, each as bytes
 *   Rows, listed(rows), join(parts)      many such rows as one object: of a page's events, of a list, of several
 *   InFlight                             the ids of rows that are on their way
 *
 * All have their like in Python (datasync_spider.records, datasync_spider.storage.rows), which is what runs where this could
 * not be compiled, and what the tests hold it to. Invariant: no byte outside of an argument is read; whatever is not plain is
 * left to Python. Only the stable ABI is used, so that one build serves every Python from 3.11 on.
 */

#define Py_LIMITED_API 0x030b0000
/* So that a length in a format is a Py_ssize_t to each Python, whichever of them had its headers here. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "events.h"
#include "inflight.h"
#include "scanner.h"

static PyObject *encode_row(PyObject *event_id, PyObject *time_us, const char *payload, Py_ssize_t payload_bytes) {
    Row row = {.payload = payload, .payload_bytes = payload_bytes, .has_time = time_us != Py_None};
    row.id = PyUnicode_AsUTF8AndSize(event_id, &row.id_bytes);
    if (row.id == NULL) return NULL;
    if (row.has_time) {
        if (!PyLong_Check(time_us)) {
            PyErr_SetString(PyExc_TypeError, "a time must be an int or None");
            return NULL;
        }
        row.time_us = PyLong_AsLongLong(time_us);
        if (row.time_us == -1 && PyErr_Occurred()) return NULL;
    }
    return write_row(&row);
}

/* Runs no code of Python's, so that nothing can empty the lists meanwhile. */
static PyObject *encode_event(PyObject *event_ids, PyObject *times_us, const Events *events, Py_ssize_t place) {
    PyObject *event_id = PyList_GetItem(event_ids, place), *time_us = PyList_GetItem(times_us, place);
    const Slice *slice = &events->events.slices[place];
    return encode_row(event_id, time_us, (const char *)text_of(events) + slice->start, slice->length);
}

static PyObject *encode_object(PyObject *event_id, PyObject *time_us, PyObject *payload) {
    Py_buffer bytes;
    if (event_id == NULL || time_us == NULL || payload == NULL) return NULL;
    if (PyObject_GetBuffer(payload, &bytes, PyBUF_SIMPLE) < 0) return NULL;
    PyObject *row = encode_row(event_id, time_us, bytes.buf, bytes.len);
    PyBuffer_Release(&bytes);
    return row;
}

/* An object may have Python code that shows its bytes, and that code may empty the lists: so all three are held. */
static PyObject *encode_listed(PyObject *event_ids, PyObject *times_us, PyObject *payloads, Py_ssize_t place) {
    PyObject *event_id = Py_XNewRef(PyList_GetItem(event_ids, place));
    PyObject *time_us = Py_XNewRef(PyList_GetItem(times_us, place));
    PyObject *payload = Py_XNewRef(PyList_GetItem(payloads, place));
    PyObject *row = encode_object(event_id, time_us, payload);
    Py_XDECREF(event_id);
    Py_XDECREF(time_us);
    Py_XDECREF(payload);
    return row;
}

PyDoc_STRVAR(encode_rows_doc,
             "encode_rows(event_ids, times_us, payloads, /)\n--\n\n"
             "Each as a row of PostgreSQL's binary COPY. All three are of one length; ``payloads`` are Events or a list.");

static PyObject *encode_rows(PyObject *Py_UNUSED(module), PyObject *arguments) {
    PyObject *event_ids, *times_us, *payloads;
    if (!PyArg_ParseTuple(arguments, "O!O!O:encode_rows", &PyList_Type, &event_ids, &PyList_Type, &times_us, &payloads))
        return NULL;
    const Events *events = Py_IS_TYPE(payloads, events_type) ? (const Events *)payloads : NULL;
    if (events == NULL && !PyList_Check(payloads)) {
        PyErr_SetString(PyExc_TypeError, "payloads must be Events or a list");
        return NULL;
    }
    Py_ssize_t count = PyList_Size(event_ids);
    if (PyList_Size(times_us) != count || PyObject_Size(payloads) != count) {
        PyErr_SetString(PyExc_ValueError, "ids, times and payloads must be of one length");
        return NULL;
    }
    PyObject *rows = PyList_New(count);
    for (Py_ssize_t place = 0; rows != NULL && place < count; place++) {
        PyObject *row = events != NULL ? encode_event(event_ids, times_us, events, place)
                                       : encode_listed(event_ids, times_us, payloads, place);
        if (row == NULL || PyList_SetItem(rows, place, row) < 0) Py_CLEAR(rows);
    }
    return rows;
}

static PyMethodDef methods[] = {
    {"encode_rows", encode_rows, METH_VARARGS, encode_rows_doc},
    {"listed", listed, METH_O, listed_doc},
    {"join", join, METH_O, join_doc},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    .m_base = PyModuleDef_HEAD_INIT,
    .m_name = "datasync_columns",
    .m_doc = "Events as columns and as rows, compiled.",
    .m_size = -1,
    .m_methods = methods,
};

/* The type, which the module has under that name as well; NULL with an exception. */
static PyTypeObject *add_type(PyObject *module, const char *name, PyType_Spec *spec) {
    PyObject *type = PyType_FromSpec(spec);
    if (type != NULL && PyModule_AddObjectRef(module, name, type) < 0) Py_CLEAR(type);
    return (PyTypeObject *)type;
}

PyMODINIT_FUNC PyInit_datasync_columns(void) {
    PyObject *module = PyModule_Create(&definition);
    if (module == NULL) return NULL;
    events_type = add_type(module, "Events", &events_spec);
    rows_type = events_type != NULL ? add_type(module, "Rows", &rows_spec) : NULL;
    if (rows_type == NULL || add_type(module, "InFlight", &inflight_spec) == NULL ||
        add_type(module, "Scanner", &scanner_spec) == NULL) {
        Py_DECREF(module);
        return NULL;
    }
    return module;
}
