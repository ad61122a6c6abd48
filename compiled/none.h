/* None, to give away.
 *
 * Not Py_RETURN_NONE: with the headers of 3.12 and later it counts no reference, and an older Python, in which None is
 * counted like everything else, would free None in the end.
 */

#ifndef DATASYNC_NONE_H
#define DATASYNC_NONE_H

static inline PyObject *new_none(void) { return Py_NewRef(Py_None); }

#endif
