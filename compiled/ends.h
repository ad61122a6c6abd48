/* The ends of a page in time: where it begins and ends, and its newest and oldest event.
 *
 * Invariant: an event without a time, or one that needs the fallback, proves no order and is no end.
 */

#ifndef DATASYNC_ENDS_H
#define DATASYNC_ENDS_H

#include "page.h"

typedef struct {
    bool never_rise;
    const Slice *first, *last, *newest, *oldest;
} Ends;

/* By time, then by id: below, at or above 0. */
static inline int compare_marks(const Slice *one, const Slice *other, Place text) {
    if (one->time_us != other->time_us) return one->time_us < other->time_us ? -1 : 1;
    size_t shorter = one->id_length < other->id_length ? one->id_length : other->id_length;
    int order = memcmp(text + one->id_start, text + other->id_start, shorter);
    if (order != 0) return order;
    return one->id_length < other->id_length ? -1 : one->id_length > other->id_length;
}

static inline Ends ends_of(const Slices *events, Place text) {
    Ends ends = {.never_rise = true};
    for (size_t i = 0; i < events->count; i++) {
        const Slice *slice = &events->slices[i];
        if (slice->id_length == 0 || slice->time_us == NO_TIME) {
            ends.never_rise = false;
            continue;
        }
        if (ends.first == NULL) ends.first = ends.newest = ends.oldest = slice;
        if (ends.last != NULL && slice->time_us > ends.last->time_us) ends.never_rise = false;
        if (compare_marks(slice, ends.newest, text) > 0) ends.newest = slice;
        if (compare_marks(slice, ends.oldest, text) < 0) ends.oldest = slice;
        ends.last = slice;
    }
    return ends;
}

#endif
