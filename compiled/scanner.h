/* Scanner: the reading of pages of one layout, for Python. */

#ifndef DATASYNC_SCANNER_H
#define DATASYNC_SCANNER_H

#include "events.h"

typedef struct {
    PyObject_HEAD
    Layout layout;
} Scanner;

/* Puts the next place of one kind; false where it is beyond the bounds. */
typedef bool (*PutPlace)(Layout *layout, const Step *steps, size_t count);

/* As a tuple; NULL with an exception. A text is a sequence of texts as well, and never what was meant. */
static PyObject *tuple_of(PyObject *sequence) {
    if (PySequence_Check(sequence) && !PyUnicode_Check(sequence)) return PySequence_Tuple(sequence);
    PyErr_SetString(PyExc_TypeError, "records, ids and times must be sequences of sequences of names");
    return NULL;
}

/* -1 with an exception. The steps' bytes are those of the names. */
static int put_path(Layout *layout, PutPlace put, PyObject *names) {
    Step steps[MOST_STEPS];
    Py_ssize_t count = PyTuple_Size(names);
    for (Py_ssize_t i = 0; i < count && i < MOST_STEPS; i++) {
        PyObject *name = PyTuple_GetItem(names, i);
        Py_ssize_t length;
        if (!PyUnicode_Check(name)) {
            PyErr_SetString(PyExc_TypeError, "a name must be a str");
            return -1;
        }
        steps[i].bytes = (const unsigned char *)PyUnicode_AsUTF8AndSize(name, &length);
        if (steps[i].bytes == NULL) return -1;
        steps[i].length = (size_t)length;
    }
    if (put(layout, steps, (size_t)count)) return 0;
    PyErr_Format(PyExc_ValueError, "a path has up to %d names of 1 to %d bytes, and up to %d alternatives", MOST_STEPS,
                 MOST_NAME_BYTES, MOST_ALTERNATIVES);
    return -1;
}

/* How many there were; -1 with an exception. */
static Py_ssize_t put_paths(Layout *layout, PutPlace put, PyObject *sequence) {
    PyObject *paths = tuple_of(sequence);
    Py_ssize_t count = paths != NULL ? PyTuple_Size(paths) : -1;
    bool failed = paths == NULL;
    for (Py_ssize_t i = 0; !failed && i < count; i++) {
        PyObject *names = tuple_of(PyTuple_GetItem(paths, i));
        failed = names == NULL || put_path(layout, put, names) < 0;
        Py_XDECREF(names);
    }
    Py_XDECREF(paths);
    return failed ? -1 : count;
}

/* -1 with an exception. */
static int put_layout(Layout *layout, PyObject *records, PyObject *ids, PyObject *times) {
    begin_layout(layout);
    Py_ssize_t of_records = put_paths(layout, put_records, records);
    Py_ssize_t of_ids = of_records < 0 ? -1 : put_paths(layout, put_id, ids);
    if (of_ids < 0 || put_paths(layout, put_time, times) < 0) return -1;
    if (of_records > 0 && of_ids > 0) return 0;
    PyErr_SetString(PyExc_ValueError, "records and ids need a path each");
    return -1;
}

/* -1 with an exception. */
static int put_numbers(Layout *layout, const char *name) {
    static const char *const names[] = {"auto", "none", "s", "ms", "us", "ns"};
    for (int i = 0; i < (int)(sizeof names / sizeof *names); i++) {
        if (strcmp(names[i], name) != 0) continue;
        layout->numbers = (Numbers)i;
        return 0;
    }
    PyErr_SetString(PyExc_ValueError, "numbers must be auto, none, s, ms, us or ns");
    return -1;
}

static PyObject *scanner_new(PyTypeObject *type, PyObject *arguments, PyObject *named) {
    static char *names[] = {"records", "ids", "times", "numbers", NULL};
    PyObject *records, *ids, *times;
    const char *numbers = "auto";
    if (!PyArg_ParseTupleAndKeywords(arguments, named, "OOO|$s:Scanner", names, &records, &ids, &times, &numbers))
        return NULL;
    allocfunc allocate = PyType_GetSlot(type, Py_tp_alloc);
    Scanner *self = (Scanner *)allocate(type, 0);
    if (self != NULL && put_layout(&self->layout, records, ids, times) < 0) Py_CLEAR(self);
    if (self != NULL && put_numbers(&self->layout, numbers) < 0) Py_CLEAR(self);
    return (PyObject *)self;
}

static void scanner_dealloc(PyObject *object) {
    PyTypeObject *type = Py_TYPE(object);
    freefunc release = PyType_GetSlot(type, Py_tp_free);
    release(object);
    Py_DECREF(type);
}

PyDoc_STRVAR(split_doc,
             "split(text, /)\n--\n\n"
             "The page's records, and where their array begins and ends; None where the page needs a closer look.");

static PyObject *scanner_split(PyObject *object, PyObject *text) {
    return split_by(&((Scanner *)object)->layout, text);
}

static PyMethodDef scanner_methods[] = {
    {"split", scanner_split, METH_O, split_doc},
    {NULL, NULL, 0, NULL},
};

PyDoc_STRVAR(scanner_doc,
             "Scanner(records, ids, times, *, numbers=\"auto\")\n--\n\n"
             "Reads pages whose records stand at one of the paths, and have their id and time at the first that is there.\n\n"
             "numbers: what one is that stands for a time: auto (its magnitude shows which), none, s, ms, us or ns.\n"
             "Each other is a sequence of paths, a path a sequence of names. ValueError: more, deeper or longer than it can do.");

static PyType_Slot scanner_slots[] = {
    {Py_tp_doc, (void *)scanner_doc},
    {Py_tp_new, scanner_new},
    {Py_tp_dealloc, scanner_dealloc},
    {Py_tp_methods, scanner_methods},
    {0, NULL},
};

static PyType_Spec scanner_spec = {
    "datasync_columns.Scanner",
    sizeof(Scanner),
    0,
    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE,
    scanner_slots,
};

#endif
