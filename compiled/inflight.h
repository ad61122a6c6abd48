/* InFlight: the ids of rows that are on their way, for Python. */

#ifndef DATASYNC_INFLIGHT_H
#define DATASYNC_INFLIGHT_H

#include "flight.h"
#include "none.h"
#include "rows.h"

typedef struct {
    PyObject_HEAD
    Flight flight;
} InFlight;

static PyObject *inflight_new(PyTypeObject *type, PyObject *arguments, PyObject *names) {
    if (PyTuple_Size(arguments) || (names != NULL && PyDict_Size(names))) {
        PyErr_SetString(PyExc_TypeError, "InFlight takes no arguments");
        return NULL;
    }
    /* Another number in each process, so that no one can choose ids that all lie in one place. */
    PyObject *text = PyUnicode_FromString("datasync");
    Py_hash_t seed = text != NULL ? PyObject_Hash(text) : -1;
    Py_XDECREF(text);
    if (seed == -1) return NULL;
    allocfunc allocate = PyType_GetSlot(type, Py_tp_alloc);
    InFlight *self = (InFlight *)allocate(type, 0);
    if (self != NULL) self->flight = (Flight){.seed = (uint64_t)seed};
    return (PyObject *)self;
}

static void inflight_dealloc(PyObject *object) {
    PyTypeObject *type = Py_TYPE(object);
    free(((InFlight *)object)->flight.hashes);
    freefunc release = PyType_GetSlot(type, Py_tp_free);
    release(object);
    Py_DECREF(type);
}

static const Rows *rows_of(PyObject *object) {
    if (Py_IS_TYPE(object, rows_type)) return (const Rows *)object;
    PyErr_SetString(PyExc_TypeError, "what is in flight must be Rows");
    return NULL;
}

PyDoc_STRVAR(add_doc,
             "add(rows, /)\n--\n\n"
             "Takes the rows' ids in; gives how many seem to have been there already or come twice. 0 is certain.");

static PyObject *inflight_add(PyObject *object, PyObject *added) {
    Flight *flight = &((InFlight *)object)->flight;
    const Rows *rows = rows_of(added);
    if (rows == NULL) return NULL;
    if (!make_room(flight, rows->count)) return PyErr_NoMemory();
    return PyLong_FromSize_t(put_rows(flight, rows->places, rows->count));
}

PyDoc_STRVAR(remove_doc, "remove(rows, /)\n--\n\nTakes the rows' ids out once. ValueError where one is not there.");

static PyObject *inflight_remove(PyObject *object, PyObject *removed) {
    Flight *flight = &((InFlight *)object)->flight;
    const Rows *rows = rows_of(removed);
    if (rows == NULL) return NULL;
    if (take_rows_out(flight, rows->places, rows->count) == 0) return new_none();
    PyErr_SetString(PyExc_ValueError, "an id that is not in flight cannot be taken out");
    return NULL;
}

PyDoc_STRVAR(held_doc, "held(rows, /)\n--\n\nFor each of the rows whether its id seems to be in flight.");

static PyObject *inflight_held(PyObject *object, PyObject *asked) {
    const Flight *flight = &((InFlight *)object)->flight;
    const Rows *rows = rows_of(asked);
    PyObject *held = rows != NULL ? PyList_New((Py_ssize_t)rows->count) : NULL;
    for (size_t i = 0; held != NULL && i < rows->count; i++) {
        PyObject *is_held = PyBool_FromLong(is_in_flight(flight, hash_of_row(flight, rows->places[i].row)));
        if (PyList_SetItem(held, (Py_ssize_t)i, is_held) < 0) Py_CLEAR(held);
    }
    return held;
}

static PyMethodDef inflight_methods[] = {
    {"add", inflight_add, METH_O, add_doc},
    {"remove", inflight_remove, METH_O, remove_doc},
    {"held", inflight_held, METH_O, held_doc},
    {NULL, NULL, 0, NULL},
};

static Py_ssize_t inflight_length(PyObject *object) { return (Py_ssize_t)((InFlight *)object)->flight.used; }

static PyType_Slot inflight_slots[] = {
    {Py_tp_doc, "The ids of rows that are in flight, each as often as it was added. Has the number of all as its length."},
    {Py_tp_new, inflight_new},
    {Py_tp_dealloc, inflight_dealloc},
    {Py_tp_methods, inflight_methods},
    {Py_sq_length, inflight_length},
    {0, NULL},
};

static PyType_Spec inflight_spec = {
    "datasync_columns.InFlight",
    sizeof(InFlight),
    0,
    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE,
    inflight_slots,
};

#endif
