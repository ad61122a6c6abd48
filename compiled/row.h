/* A row of PostgreSQL's binary COPY: event_id text, occurred_at timestamptz, payload jsonb.
 *
 * The format is PostgreSQL's documentation of COPY, "Binary Format"; timestamptz is microseconds since 2000-01-01 UTC, jsonb
 * a version byte before its text. The number of columns, and those that all rows of a COPY have alike, are not here: they are
 * put before each row when it is sent.
 */

#ifndef DATASYNC_ROW_H
#define DATASYNC_ROW_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define POSTGRES_EPOCH_US INT64_C(946684800000000)
#define TIME_BYTES 8
#define JSONB_VERSION 1

typedef struct {
    const char *id, *payload;
    Py_ssize_t id_bytes, payload_bytes;
    bool has_time;
    int64_t time_us;
} Row;

static inline unsigned char *put_number(unsigned char *at, uint64_t number, int bytes) {
    for (int shift = (bytes - 1) * 8; shift >= 0; shift -= 8) *at++ = (unsigned char)(number >> shift);
    return at;
}

static inline unsigned char *put_bytes(unsigned char *at, const char *bytes, Py_ssize_t count) {
    if (count > 0) memcpy(at, bytes, (size_t)count);
    return at + count;
}

/* How long the row will be; -1 with an exception where it cannot be one. */
static inline Py_ssize_t row_bytes(const Row *row) {
    if (row->id_bytes > INT32_MAX || row->payload_bytes >= INT32_MAX) {
        PyErr_SetString(PyExc_OverflowError, "a column of COPY has at most 2 GB");
        return -1;
    }
    if (row->has_time && row->time_us < INT64_MIN + POSTGRES_EPOCH_US) {
        PyErr_SetString(PyExc_OverflowError, "a time lies before all that a column of COPY can hold");
        return -1;
    }
    return 4 + row->id_bytes + 4 + (row->has_time ? TIME_BYTES : 0) + 4 + 1 + row->payload_bytes;
}

/* Where it ends. */
static inline unsigned char *put_row(unsigned char *at, const Row *row) {
    at = put_number(at, (uint64_t)row->id_bytes, 4);
    at = put_bytes(at, row->id, row->id_bytes);
    at = put_number(at, row->has_time ? TIME_BYTES : UINT32_MAX, 4);
    if (row->has_time) at = put_number(at, (uint64_t)(row->time_us - POSTGRES_EPOCH_US), TIME_BYTES);
    at = put_number(at, (uint64_t)row->payload_bytes + 1, 4);
    at = put_number(at, JSONB_VERSION, 1);
    return put_bytes(at, row->payload, row->payload_bytes);
}

/* As bytes of Python's, or NULL with an exception. */
static inline PyObject *write_row(const Row *row) {
    Py_ssize_t bytes = row_bytes(row);
    PyObject *written = bytes < 0 ? NULL : PyBytes_FromStringAndSize(NULL, bytes);
    if (written != NULL) put_row((unsigned char *)PyBytes_AsString(written), row);
    return written;
}

#endif
