/* What a crawl does with every byte of every event, compiled: the module datasync_columns.
 *
 *   split(text)                          a page's events, and where their array stands
 *   Events                               these: a sequence of bytes, and columns of ids and times
 *   encode_rows(ids, times_us, payloads) the rows of PostgreSQL's binary COPY
 *
 * All have their twin in Python (datasync_spider.api, datasync_spider.storage.rows), which is what runs where nobody could
 * compile this, and what the tests hold it to. Invariant: no byte outside of an argument is read; whatever is not plain is
 * left to Python. Only the stable ABI is used, so that one build serves every Python from 3.11 on.
 */

#define Py_LIMITED_API 0x030b0000
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "page.h"
#include "row.h"

/* Keeps the page's text alive, which its slices are of. */
typedef struct {
    PyObject_HEAD
    PyObject *text;
    Slices events;
} Events;

static PyTypeObject *events_type;

static Place text_of(const Events *self) { return (Place)PyBytes_AsString(self->text); }

static void events_dealloc(PyObject *object) {
    Events *self = (Events *)object;
    PyTypeObject *type = Py_TYPE(object);
    Py_XDECREF(self->text);
    free(self->events.slices);
    freefunc release = PyType_GetSlot(type, Py_tp_free);
    release(object);
    Py_DECREF(type);
}

static Py_ssize_t events_length(PyObject *object) { return (Py_ssize_t)((Events *)object)->events.count; }

static PyObject *events_item(PyObject *object, Py_ssize_t place) {
    Events *self = (Events *)object;
    if (place < 0 || (size_t)place >= self->events.count) {
        PyErr_SetString(PyExc_IndexError, "a page has fewer events");
        return NULL;
    }
    const Slice *slice = &self->events.slices[place];
    return PyBytes_FromStringAndSize((const char *)text_of(self) + slice->start, slice->length);
}

static PyObject *new_none(void) { return Py_NewRef(Py_None); }

/* Puts an event's id and time into two lists, which take over both. */
static int put_columns(const Slice *slice, Place text, PyObject *event_ids, PyObject *times_us, Py_ssize_t place) {
    const char *id = (const char *)text + slice->id_start;
    PyObject *event_id = slice->id_length ? PyUnicode_FromStringAndSize(id, slice->id_length) : new_none();
    if (event_id == NULL || PyList_SetItem(event_ids, place, event_id) < 0) return -1;
    PyObject *time_us = slice->time_us != NO_TIME ? PyLong_FromLongLong(slice->time_us) : new_none();
    return time_us == NULL || PyList_SetItem(times_us, place, time_us) < 0 ? -1 : 0;
}

PyDoc_STRVAR(columns_doc,
             "columns()\n--\n\n"
             "Ids, times in microseconds since 1970-01-01 UTC (None: the event has none), and how many are in doubt.\n\n"
             "Where an event is in doubt its id is None.");

static PyObject *events_columns(PyObject *object, PyObject *Py_UNUSED(ignored)) {
    Events *self = (Events *)object;
    Py_ssize_t count = events_length(object), doubts = 0;
    PyObject *event_ids = PyList_New(count), *times_us = PyList_New(count);
    bool failed = event_ids == NULL || times_us == NULL;
    for (Py_ssize_t place = 0; !failed && place < count; place++) {
        const Slice *slice = &self->events.slices[place];
        doubts += slice->id_length == 0;
        failed = put_columns(slice, text_of(self), event_ids, times_us, place) < 0;
    }
    if (!failed) return Py_BuildValue("(NNn)", event_ids, times_us, doubts);
    Py_XDECREF(event_ids);
    Py_XDECREF(times_us);
    return NULL;
}

static PyMethodDef events_methods[] = {
    {"columns", events_columns, METH_NOARGS, columns_doc},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot events_slots[] = {
    {Py_tp_doc, "The events of a page, as the bytes that they are in it."},
    {Py_tp_dealloc, events_dealloc},
    {Py_tp_methods, events_methods},
    {Py_sq_length, events_length},
    {Py_sq_item, events_item},
    {0, NULL},
};

static PyType_Spec events_spec = {
    "datasync_columns.Events",
    sizeof(Events),
    0,
    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE,
    events_slots,
};

PyDoc_STRVAR(split_doc,
             "split(text, /)\n--\n\n"
             "The page's events, and where their array begins and ends; None where the page needs a closer look.");

static PyObject *split(PyObject *Py_UNUSED(module), PyObject *text) {
    if (!PyBytes_Check(text)) {
        PyErr_SetString(PyExc_TypeError, "a page must be bytes");
        return NULL;
    }
    if ((size_t)PyBytes_Size(text) >= UINT32_MAX) Py_RETURN_NONE;
    Events *events = PyObject_New(Events, events_type);
    if (events == NULL) return NULL;
    events->text = Py_NewRef(text);
    events->events = (Slices){0};
    Place start = text_of(events);
    Span span;
    if (!read_whole_page(start, start + PyBytes_Size(text), &events->events, &span)) {
        Py_DECREF(events);
        Py_RETURN_NONE;
    }
    return Py_BuildValue("(Nnn)", events, (Py_ssize_t)(span.start - start), (Py_ssize_t)(span.end - start));
}

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

/* Runs no code of Python's, so that nobody can empty the lists meanwhile. */
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
    {"split", split, METH_O, split_doc},
    {"encode_rows", encode_rows, METH_VARARGS, encode_rows_doc},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    .m_base = PyModuleDef_HEAD_INIT,
    .m_name = "datasync_columns",
    .m_doc = "Events as columns and as rows, compiled.",
    .m_size = -1,
    .m_methods = methods,
};

PyMODINIT_FUNC PyInit_datasync_columns(void) {
    PyObject *module = PyModule_Create(&definition);
    if (module == NULL) return NULL;
    events_type = (PyTypeObject *)PyType_FromSpec(&events_spec);
    if (events_type == NULL || PyModule_AddObjectRef(module, "Events", (PyObject *)events_type) < 0) {
        Py_DECREF(module);
        return NULL;
    }
    return module;
}
