/* A page: where its events stand, each looked at on the way.
 *
 * Invariant: a page is taken whole or not at all. What is taken is JSON to its last byte, with exactly one array of
 * events; all else is left to datasync_spider.records.page.
 */

#ifndef DATASYNC_PAGE_H
#define DATASYNC_PAGE_H

#include <stdlib.h>

#include "event.h"

#define NO_TIME INT64_MIN

/* An event in a page, small, for there are many: id_length is 0 where the event needs a closer look. */
typedef struct {
    uint32_t start, length, id_start, id_length;
    int64_t time_us;
} Slice;

typedef struct {
    Slice *slices;
    size_t count, room;
} Slices;

/* Of the array of events, brackets included. */
typedef struct {
    Place start, end;
} Span;

static inline bool add_slice(Slices *slices, Place text, Place start, Place end, const Event *event) {
    if (slices->count == slices->room) {
        size_t room = slices->room ? slices->room * 2 : 64;
        if (room > SIZE_MAX / sizeof(Slice)) return false;
        Slice *larger = realloc(slices->slices, room * sizeof(Slice));
        if (larger == NULL) return false;
        slices->slices = larger;
        slices->room = room;
    }
    Slice *slice = &slices->slices[slices->count++];
    slice->start = (uint32_t)(start - text);
    slice->length = (uint32_t)(end - start);
    slice->id_start = event->is_known ? (uint32_t)(event->id - text) : 0;
    slice->id_length = event->is_known ? (uint32_t)(event->id_end - event->id) : 0;
    slice->time_us = event->is_known && event->has_time ? event->time_us : NO_TIME;
    return true;
}

/* After the array at a bracket. */
static inline Place read_events(const Layout *layout, Place text, Place at, Place end, Slices *slices) {
    at = skip_space(at + 1, end);
    while (at < end && *at != ']') {
        Event event = {.is_known = false};
        Value value;
        Place start = at;
        at = *at == '{' ? read_event(layout, at, end, &event) : skip_value(at, end, 0, &value);
        if (at == NULL || !add_slice(slices, text, start, at, &event)) return NULL;
        at = skip_comma(at, end, ']');
        if (at == NULL) return NULL;
    }
    return at < end ? at + 1 : NULL;
}

/* Whether the text is a page of which no doubt is left. */
static inline bool read_whole_page(const Layout *layout, Place text, Place end, Slices *slices, Span *events) {
    const Names *names = &layout->page;
    const Name *inside = &names->names[0], *around[MOST_STEPS];
    int level = 0;
    bool was_met[MOST_NAMES] = {false};
    Value key, value;
    events->start = NULL;
    Place at = skip_space(text, end);
    if (at == end) return false;
    if (*at == '[' && inside->here != 0) {
        events->start = at;
        at = events->end = read_events(layout, text, at, end, slices);
        return at != NULL && skip_space(at, end) == end;
    }
    if (*at != '{' || inside->below == 0) return false;
    at = skip_space(at + 1, end);
    for (;;) {
        if (at == end) return false;
        if (*at != '}') {
            at = skip_key(at, end, &key);
            if (at == NULL || key.has_escape) return false;
            const Name *name = name_below(names, inside, key.start, (size_t)(key.end - key.start));
            if (name == NULL) {
                at = skip_value(at, end, level + 1, &value);
            } else {
                /* Two arrays, or none, or one of two values of a name: which one counts is not for us to say. */
                if (was_met[name - names->names]) return false;
                was_met[name - names->names] = true;
                if (name->here != 0 && *at == '[') {
                    if (events->start != NULL) return false;
                    events->start = at;
                    at = events->end = read_events(layout, text, at, end, slices);
                } else if (name->below != 0 && *at == '{') {
                    around[level++] = inside;
                    inside = name;
                    at = skip_space(at + 1, end);
                    continue;
                } else {
                    return false;
                }
            }
            if (at == NULL) return false;
        } else {
            at++;
            if (level == 0) break;
            inside = around[--level];
        }
        at = skip_comma(at, end, '}');
        if (at == NULL) return false;
    }
    return events->start != NULL && skip_space(at, end) == end;
}

#endif
