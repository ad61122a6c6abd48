/* Rows in the order of their ids.
 *
 * A row begins with its id: four bytes of the id's length, the id. Invariant: the order is that of the ids' bytes, which in
 * UTF-8 is that of their characters; rows of one id stay in the order in which they came.
 */

#ifndef DATASYNC_ORDER_H
#define DATASYNC_ORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define ID_AT 4
#define DIGITS 8
#define AHEAD 16 /* so many rows before its own turn a row is fetched from memory: a batch is larger than the caches */
#define LINE_BYTES 64
#define MOST_LINES 8

static inline void fetch(const void *place) {
#ifdef __GNUC__
    __builtin_prefetch(place);
#else
    (void)place;
#endif
}

typedef struct {
    const unsigned char *row;
    size_t bytes;
} RowPlace;

/* Of a large row its beginning: then the processor sees by itself what is read. */
static inline void fetch_row(const RowPlace *row) {
    size_t lines = row->bytes / LINE_BYTES + 1;
    for (size_t line = 0; line < lines && line < MOST_LINES; line++) fetch(row->row + line * LINE_BYTES);
}

static inline size_t id_bytes_of(const unsigned char *row) {
    return (size_t)row[0] << 24 | (size_t)row[1] << 16 | (size_t)row[2] << 8 | row[3];
}

/* Whether these bytes are long enough for the id that they announce. */
static inline bool holds_its_id(const unsigned char *row, size_t bytes) {
    return bytes >= ID_AT && id_bytes_of(row) <= bytes - ID_AT;
}

/* A row under the first bytes of its id, as a number. */
typedef struct {
    uint64_t key;
    const RowPlace *row;
} Keyed;

static inline uint64_t key_of(const unsigned char *row) {
    size_t bytes = id_bytes_of(row);
    uint64_t key = 0;
    for (size_t digit = 0; digit < DIGITS; digit++) key = key << 8 | (digit < bytes ? row[ID_AT + digit] : 0);
    return key;
}

static int compare_whole(const void *one, const void *other) {
    const RowPlace *a = ((const Keyed *)one)->row, *b = ((const Keyed *)other)->row;
    size_t a_bytes = id_bytes_of(a->row), b_bytes = id_bytes_of(b->row);
    int order = memcmp(a->row + ID_AT, b->row + ID_AT, a_bytes < b_bytes ? a_bytes : b_bytes);
    if (order != 0) return order;
    if (a_bytes != b_bytes) return a_bytes < b_bytes ? -1 : 1;
    return a < b ? -1 : 1;
}

/* By one digit of the key, the rows of one digit in the order in which they are. */
static inline void sort_by_digit(const Keyed *from, Keyed *to, size_t count, int shift) {
    size_t starts[256] = {0}, sum = 0;
    for (size_t i = 0; i < count; i++) starts[from[i].key >> shift & 255]++;
    for (int digit = 0; digit < 256; digit++) {
        size_t of_digit = starts[digit];
        starts[digit] = sum;
        sum += of_digit;
    }
    for (size_t i = 0; i < count; i++) to[starts[from[i].key >> shift & 255]++] = from[i];
}

/* Puts the rows in order into sorted; false where there is no memory for it. */
static inline bool sort_rows(const RowPlace *rows, size_t count, RowPlace *sorted) {
    if (count == 0) return true;
    if (count > SIZE_MAX / (2 * sizeof(Keyed))) return false;
    Keyed *keyed = malloc(2 * count * sizeof(Keyed));
    if (keyed == NULL) return false;
    Keyed *from = keyed, *to = keyed + count;
    uint64_t common = ~UINT64_C(0), some = 0;
    for (size_t i = 0; i < count; i++) {
        if (i + AHEAD < count) fetch(rows[i + AHEAD].row);
        from[i] = (Keyed){key_of(rows[i].row), &rows[i]};
        common &= from[i].key;
        some |= from[i].key;
    }
    for (int shift = 0; shift < 8 * DIGITS; shift += 8) {
        /* A digit that is the same in all, as hyphens are, orders nothing. */
        if (((common ^ some) >> shift & 255) == 0) continue;
        sort_by_digit(from, to, count, shift);
        Keyed *swapped = from;
        from = to;
        to = swapped;
    }
    for (size_t start = 0; start < count;) {
        size_t stop = start + 1;
        while (stop < count && from[stop].key == from[start].key) stop++;
        if (stop - start > 1) qsort(from + start, stop - start, sizeof(Keyed), compare_whole);
        start = stop;
    }
    for (size_t i = 0; i < count; i++) sorted[i] = *from[i].row;
    free(keyed);
    return true;
}

#endif
