/* Where things stand in the pages of an API: their records, and in a record its id and its time.
 *
 * Invariant: as Names, made once. Of several places of an id or of a time the first one that is there counts; of those of
 * the records, all are looked at.
 */

#ifndef DATASYNC_LAYOUT_H
#define DATASYNC_LAYOUT_H

#include "names.h"

#define MOST_ALTERNATIVES 8

/* What a number is where a time stands. Beside a declared unit a text is left to the fallback. */
typedef enum { BY_MAGNITUDE, NO_TIMES, SECONDS, MILLISECONDS, MICROSECONDS, NANOSECONDS } Numbers;

/* The places of a record are numbered as they come; of each kind, that of the lowest number counts. */
typedef struct {
    Names page, record;
    unsigned records, ids, times; /* the numbers of the places of each kind, as bits */
    Numbers numbers;
} Layout;

static inline void begin_layout(Layout *layout) {
    begin_names(&layout->page);
    begin_names(&layout->record);
    layout->records = layout->ids = layout->times = 0;
    layout->numbers = BY_MAGNITUDE;
}

/* Adds one more place to those of its kind, after all places that there are; false where it is beyond the bounds. */
static inline bool put_next(Names *names, unsigned others, unsigned *kind, const Step *steps, size_t count) {
    const int number = __builtin_popcount(others | *kind);
    if (__builtin_popcount(*kind) == MOST_ALTERNATIVES || !put_place(names, number, steps, count)) return false;
    *kind |= 1u << number;
    return true;
}

/* A path without a step is the body itself. */
static inline bool put_records(Layout *layout, const Step *steps, size_t count) {
    return put_next(&layout->page, 0, &layout->records, steps, count);
}

/* Of ids, and of times, the first that is there counts. */
static inline bool put_id(Layout *layout, const Step *steps, size_t count) {
    return count > 0 && put_next(&layout->record, layout->times, &layout->ids, steps, count);
}

static inline bool put_time(Layout *layout, const Step *steps, size_t count) {
    return count > 0 && put_next(&layout->record, layout->ids, &layout->times, steps, count);
}

#endif
