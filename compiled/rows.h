/* Rows: many rows of COPY, as one object instead of an object for each.
 *
 * Invariant: rows never change, and what they lie in lives as long as they do. So they are sorted and joined without the
 * interpreter's lock.
 */

#ifndef DATASYNC_ROWS_H
#define DATASYNC_ROWS_H

#include "order.h"

typedef struct {
    PyObject_HEAD
    PyObject *memory; /* what the rows lie in, or a tuple of such */
    RowPlace *places;
    size_t count;
} Rows;

static PyTypeObject *rows_type;

/* Without any rows yet, but with room for so many. Takes over the memory, also where it fails. */
static Rows *new_rows(PyObject *memory, size_t count) {
    Rows *rows = memory != NULL ? PyObject_New(Rows, rows_type) : NULL;
    if (rows == NULL) {
        Py_XDECREF(memory);
        return NULL;
    }
    rows->memory = memory;
    rows->count = 0;
    rows->places = count <= PY_SSIZE_T_MAX / sizeof(RowPlace) ? PyMem_Malloc(count * sizeof(RowPlace)) : NULL;
    if (rows->places != NULL) return rows;
    Py_DECREF(rows);
    PyErr_NoMemory();
    return NULL;
}

static void rows_dealloc(PyObject *object) {
    Rows *self = (Rows *)object;
    PyTypeObject *type = Py_TYPE(object);
    Py_XDECREF(self->memory);
    PyMem_Free(self->places);
    freefunc release = PyType_GetSlot(type, Py_tp_free);
    release(object);
    Py_DECREF(type);
}

static Py_ssize_t rows_length(PyObject *object) { return (Py_ssize_t)((Rows *)object)->count; }

static PyObject *rows_item(PyObject *object, Py_ssize_t place) {
    Rows *self = (Rows *)object;
    if (place < 0 || (size_t)place >= self->count) {
        PyErr_SetString(PyExc_IndexError, "there are fewer rows");
        return NULL;
    }
    return PyBytes_FromStringAndSize((const char *)self->places[place].row, (Py_ssize_t)self->places[place].bytes);
}

static PyObject *id_of_row(const unsigned char *row) {
    return PyUnicode_FromStringAndSize((const char *)row + ID_AT, (Py_ssize_t)id_bytes_of(row));
}

PyDoc_STRVAR(event_ids_doc, "event_ids()\n--\n\nThe rows' ids, in their order, as a new list.");

static PyObject *rows_event_ids(PyObject *object, PyObject *Py_UNUSED(ignored)) {
    Rows *self = (Rows *)object;
    PyObject *event_ids = PyList_New((Py_ssize_t)self->count);
    for (size_t i = 0; event_ids != NULL && i < self->count; i++) {
        PyObject *event_id = id_of_row(self->places[i].row);
        if (event_id == NULL || PyList_SetItem(event_ids, (Py_ssize_t)i, event_id) < 0) Py_CLEAR(event_ids);
    }
    return event_ids;
}

PyDoc_STRVAR(only_doc, "only(picks, /)\n--\n\nThose whose pick is true, in the same order. As many picks as rows.");

static PyObject *rows_only(PyObject *object, PyObject *picks) {
    Rows *self = (Rows *)object;
    if (!PyList_Check(picks) || (size_t)PyList_Size(picks) != self->count) {
        PyErr_SetString(PyExc_ValueError, "picks must be a list of one length with the rows");
        return NULL;
    }
    Rows *picked = new_rows(Py_NewRef(self->memory), self->count);
    for (size_t i = 0; picked != NULL && i < self->count; i++) {
        PyObject *pick = PyList_GetItem(picks, (Py_ssize_t)i);
        /* Nothing else is asked whether it is true, for that may be code of Python's. */
        if (pick != Py_True && pick != Py_False) {
            PyErr_SetString(PyExc_TypeError, "a pick must be True or False");
            Py_CLEAR(picked);
        } else if (pick == Py_True) {
            picked->places[picked->count++] = self->places[i];
        }
    }
    return (PyObject *)picked;
}

/* What lies beyond the last row is left out. */
static bool is_range(const Rows *self, Py_ssize_t from, Py_ssize_t to, size_t *start, size_t *stop) {
    if (from < 0 || to < from) {
        PyErr_SetString(PyExc_ValueError, "a range of rows must go upwards from 0");
        return false;
    }
    *start = (size_t)from < self->count ? (size_t)from : self->count;
    *stop = (size_t)to < self->count ? (size_t)to : self->count;
    return true;
}

PyDoc_STRVAR(part_doc, "part(start, stop, /)\n--\n\nThe rows of these places.");

static PyObject *rows_part(PyObject *object, PyObject *arguments) {
    Rows *self = (Rows *)object;
    Py_ssize_t from, to;
    size_t start, stop;
    if (!PyArg_ParseTuple(arguments, "nn:part", &from, &to)) return NULL;
    if (!is_range(self, from, to, &start, &stop)) return NULL;
    Rows *part = new_rows(Py_NewRef(self->memory), stop - start);
    if (part == NULL) return NULL;
    memcpy(part->places, self->places + start, (stop - start) * sizeof(RowPlace));
    part->count = stop - start;
    return (PyObject *)part;
}

PyDoc_STRVAR(in_order_doc, "in_order()\n--\n\nThe same in the order of their ids.");

static PyObject *rows_in_order(PyObject *object, PyObject *Py_UNUSED(ignored)) {
    Rows *self = (Rows *)object;
    Rows *sorted = new_rows(Py_NewRef(self->memory), self->count);
    if (sorted == NULL) return NULL;
    bool is_sorted;
    Py_BEGIN_ALLOW_THREADS
    is_sorted = sort_rows(self->places, self->count, sorted->places);
    Py_END_ALLOW_THREADS
    if (!is_sorted) {
        Py_DECREF(sorted);
        return PyErr_NoMemory();
    }
    sorted->count = self->count;
    return (PyObject *)sorted;
}

PyDoc_STRVAR(piece_doc,
             "piece(start, stop, prefix, /)\n--\n\n"
             "The bytes of the rows of these places, one behind the other, each behind the prefix.");

static PyObject *rows_piece(PyObject *object, PyObject *arguments) {
    Rows *self = (Rows *)object;
    PyObject *prefix;
    Py_ssize_t from, to;
    size_t start, stop;
    if (!PyArg_ParseTuple(arguments, "nnS:piece", &from, &to, &prefix)) return NULL;
    if (!is_range(self, from, to, &start, &stop)) return NULL;
    const char *before = PyBytes_AsString(prefix);
    size_t before_bytes = (size_t)PyBytes_Size(prefix), bytes = (stop - start) * before_bytes;
    for (size_t i = start; i < stop; i++) bytes += self->places[i].bytes;
    PyObject *piece = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)bytes);
    if (piece == NULL) return NULL;
    unsigned char *at = (unsigned char *)PyBytes_AsString(piece);
    Py_BEGIN_ALLOW_THREADS
    for (size_t i = start; i < stop; i++) {
        if (i + AHEAD < self->count) fetch_row(&self->places[i + AHEAD]);
        memcpy(at, before, before_bytes);
        at += before_bytes;
        memcpy(at, self->places[i].row, self->places[i].bytes);
        at += self->places[i].bytes;
    }
    Py_END_ALLOW_THREADS
    return piece;
}

static PyMethodDef rows_methods[] = {
    {"event_ids", rows_event_ids, METH_NOARGS, event_ids_doc},
    {"only", rows_only, METH_O, only_doc},
    {"part", rows_part, METH_VARARGS, part_doc},
    {"in_order", rows_in_order, METH_NOARGS, in_order_doc},
    {"piece", rows_piece, METH_VARARGS, piece_doc},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot rows_slots[] = {
    {Py_tp_doc, "Rows of PostgreSQL's binary COPY; as a sequence, each as bytes."},
    {Py_tp_dealloc, rows_dealloc},
    {Py_tp_methods, rows_methods},
    {Py_sq_length, rows_length},
    {Py_sq_item, rows_item},
    {0, NULL},
};

static PyType_Spec rows_spec = {
    "datasync_columns.Rows",
    sizeof(Rows),
    0,
    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE,
    rows_slots,
};

PyDoc_STRVAR(listed_doc, "listed(rows, /)\n--\n\nRows that a list has as bytes each.");

static PyObject *listed(PyObject *Py_UNUSED(module), PyObject *rows) {
    if (!PyList_Check(rows)) {
        PyErr_SetString(PyExc_TypeError, "rows must be a list");
        return NULL;
    }
    PyObject *held = PyList_AsTuple(rows);
    size_t count = held != NULL ? (size_t)PyTuple_Size(held) : 0;
    Rows *made = new_rows(held, count);
    for (size_t i = 0; made != NULL && i < count; i++) {
        PyObject *row = PyTuple_GetItem(held, (Py_ssize_t)i);
        const unsigned char *bytes = PyBytes_Check(row) ? (const unsigned char *)PyBytes_AsString(row) : NULL;
        if (bytes != NULL && holds_its_id(bytes, (size_t)PyBytes_Size(row))) {
            made->places[made->count++] = (RowPlace){bytes, (size_t)PyBytes_Size(row)};
        } else {
            PyErr_SetString(PyExc_ValueError, "a row must be the bytes of one");
            Py_CLEAR(made);
        }
    }
    return (PyObject *)made;
}

PyDoc_STRVAR(join_doc, "join(parts, /)\n--\n\nThe rows of all these Rows, in a list, one behind the other.");

static PyObject *join(PyObject *Py_UNUSED(module), PyObject *parts) {
    if (!PyList_Check(parts)) {
        PyErr_SetString(PyExc_TypeError, "parts must be a list");
        return NULL;
    }
    PyObject *held = PyList_AsTuple(parts);
    size_t count = 0;
    for (Py_ssize_t i = 0; held != NULL && i < PyTuple_Size(held); i++) {
        PyObject *part = PyTuple_GetItem(held, i);
        if (Py_IS_TYPE(part, rows_type)) {
            count += ((const Rows *)part)->count;
        } else {
            PyErr_SetString(PyExc_TypeError, "a part must be Rows");
            Py_CLEAR(held);
        }
    }
    Rows *joined = new_rows(held, count);
    for (Py_ssize_t i = 0; joined != NULL && i < PyTuple_Size(held); i++) {
        const Rows *part = (const Rows *)PyTuple_GetItem(held, i);
        memcpy(joined->places + joined->count, part->places, part->count * sizeof(RowPlace));
        joined->count += part->count;
    }
    return (PyObject *)joined;
}

#endif
