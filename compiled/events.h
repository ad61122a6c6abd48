/* Events: those of a page, for Python. */

#ifndef DATASYNC_EVENTS_H
#define DATASYNC_EVENTS_H

#include "ends.h"
#include "none.h"
#include "page.h"
#include "row.h"
#include "rows.h"

/* Keeps the page's text alive, which its slices are of. */
typedef struct {
    PyObject_HEAD
    PyObject *text;
    Slices events;
    Py_ssize_t fallbacks;
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
             "Ids, times in microseconds since 1970-01-01 UTC (None: the event has none), and how many need the fallback.\n\n"
             "Where an event needs the fallback its id is None.");

static PyObject *events_columns(PyObject *object, PyObject *Py_UNUSED(ignored)) {
    Events *self = (Events *)object;
    Py_ssize_t count = events_length(object);
    PyObject *event_ids = PyList_New(count), *times_us = PyList_New(count);
    bool failed = event_ids == NULL || times_us == NULL;
    for (Py_ssize_t place = 0; !failed && place < count; place++) {
        failed = put_columns(&self->events.slices[place], text_of(self), event_ids, times_us, place) < 0;
    }
    if (!failed) return Py_BuildValue("(NNn)", event_ids, times_us, self->fallbacks);
    Py_XDECREF(event_ids);
    Py_XDECREF(times_us);
    return NULL;
}

PyDoc_STRVAR(fallbacks_doc, "fallbacks()\n--\n\nHow many of the events fall back to the strict parser.");

static PyObject *events_fallbacks(PyObject *object, PyObject *Py_UNUSED(ignored)) {
    return PyLong_FromSsize_t(((Events *)object)->fallbacks);
}

static Row row_of(const Events *self, const Slice *slice) {
    const char *text = (const char *)text_of(self);
    return (Row){
        .id = text + slice->id_start,
        .id_bytes = slice->id_length,
        .payload = text + slice->start,
        .payload_bytes = slice->length,
        .has_time = slice->time_us != NO_TIME,
        .time_us = slice->time_us,
    };
}

/* The memory for all rows, as bytes of Python's. */
static PyObject *memory_for(const Events *self) {
    Py_ssize_t all = 0;
    for (size_t i = 0; i < self->events.count; i++) {
        Row row = row_of(self, &self->events.slices[i]);
        Py_ssize_t bytes = row_bytes(&row);
        if (bytes < 0) return NULL;
        all += bytes;
    }
    return PyBytes_FromStringAndSize(NULL, all);
}

PyDoc_STRVAR(rows_doc, "rows()\n--\n\nThe events as Rows. ValueError where one needs the fallback.");

static PyObject *events_rows(PyObject *object, PyObject *Py_UNUSED(ignored)) {
    Events *self = (Events *)object;
    if (self->fallbacks) {
        PyErr_SetString(PyExc_ValueError, "an event that needs the fallback has no row");
        return NULL;
    }
    PyObject *memory = memory_for(self);
    Rows *rows = new_rows(memory, self->events.count);
    if (rows == NULL) return NULL;
    unsigned char *at = (unsigned char *)PyBytes_AsString(memory);
    Py_BEGIN_ALLOW_THREADS
    for (size_t i = 0; i < self->events.count; i++) {
        Row row = row_of(self, &self->events.slices[i]);
        unsigned char *end = put_row(at, &row);
        rows->places[i] = (RowPlace){at, (size_t)(end - at)};
        at = end;
    }
    Py_END_ALLOW_THREADS
    rows->count = self->events.count;
    return (PyObject *)rows;
}

static PyObject *mark_of(const Events *self, const Slice *slice) {
    if (slice == NULL) return new_none();
    const char *id = (const char *)text_of(self) + slice->id_start;
    /* Not "s#", whose length is an int to a Python before 3.13 where no one defined PY_SSIZE_T_CLEAN. */
    return Py_BuildValue("(LN)", (long long)slice->time_us, PyUnicode_FromStringAndSize(id, (Py_ssize_t)slice->id_length));
}

PyDoc_STRVAR(ends_doc,
             "ends()\n--\n\n"
             "Whether no time rises from event to event and each has one; the first and the last of those that have one,\n"
             "and the newest and the oldest of them: time and id, of one time the greatest and the least id; or None.\n\n"
             "Events that need the fallback are left out.");

static PyObject *events_ends(PyObject *object, PyObject *Py_UNUSED(ignored)) {
    Events *self = (Events *)object;
    Ends ends = ends_of(&self->events, text_of(self));
    return Py_BuildValue("(NNNNN)", PyBool_FromLong(ends.never_rise), mark_of(self, ends.first), mark_of(self, ends.last),
                         mark_of(self, ends.newest), mark_of(self, ends.oldest));
}

static PyMethodDef events_methods[] = {
    {"columns", events_columns, METH_NOARGS, columns_doc},
    {"fallbacks", events_fallbacks, METH_NOARGS, fallbacks_doc},
    {"ends", events_ends, METH_NOARGS, ends_doc},
    {"rows", events_rows, METH_NOARGS, rows_doc},
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

/* A page's events, and where their array begins and ends; None where the page needs a closer look. */
static PyObject *split_by(const Layout *layout, PyObject *text) {
    if (!PyBytes_Check(text)) {
        PyErr_SetString(PyExc_TypeError, "a page must be bytes");
        return NULL;
    }
    if ((size_t)PyBytes_Size(text) >= UINT32_MAX) return new_none();
    Events *events = PyObject_New(Events, events_type);
    if (events == NULL) return NULL;
    events->text = Py_NewRef(text);
    events->events = (Slices){0};
    events->fallbacks = 0;
    Place start = text_of(events);
    Span span;
    if (!read_whole_page(layout, start, start + PyBytes_Size(text), &events->events, &span)) {
        Py_DECREF(events);
        return new_none();
    }
    for (size_t i = 0; i < events->events.count; i++) events->fallbacks += events->events.slices[i].id_length == 0;
    return Py_BuildValue("(Nnn)", events, (Py_ssize_t)(span.start - start), (Py_ssize_t)(span.end - start));
}

#endif
