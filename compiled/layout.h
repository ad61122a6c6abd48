/* Where things stand in the pages of an API: their records, and in a record its id and its time.
 *
 * Invariant: as Names, made once. Of several places of an id or of a time the first one that is there counts; of those of
 * the records, all are looked at.
 */

#ifndef DATASYNC_LAYOUT_H
#define DATASYNC_LAYOUT_H

#include "names.h"

#define MOST_ALTERNATIVES 8

/* The places of a record are numbered: those of its id first, then those of its time. */
typedef struct {
    Names page, record;
    int records, ids, times;
} Layout;

static inline void begin_layout(Layout *layout) {
    begin_names(&layout->page);
    begin_names(&layout->record);
    layout->records = layout->ids = layout->times = 0;
}

/* Each of these adds the next place of its kind; false where it is beyond the bounds, and the layout then of no use. */

/* A path without a step is the body itself. */
static inline bool put_records(Layout *layout, const Step *steps, size_t count) {
    return layout->records < MOST_ALTERNATIVES && put_place(&layout->page, layout->records++, steps, count);
}

/* Before any of a time. */
static inline bool put_id(Layout *layout, const Step *steps, size_t count) {
    return layout->ids < MOST_ALTERNATIVES && count > 0 && put_place(&layout->record, layout->ids++, steps, count);
}

static inline bool put_time(Layout *layout, const Step *steps, size_t count) {
    return layout->times < MOST_ALTERNATIVES && count > 0 &&
           put_place(&layout->record, layout->ids + layout->times++, steps, count);
}

#endif
