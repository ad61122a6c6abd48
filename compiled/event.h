/* One event: where it stands, where its id does, and when it happened.
 *
 * Invariant: an event that is known here, datasync_spider.api.scrutiny would accept too, and read the same from it.
 */

#ifndef DATASYNC_EVENT_H
#define DATASYNC_EVENT_H

#include "instant.h"
#include "layout.h"

#define MAX_ID_BYTES 1000 /* as datasync_spider.api.eventid has it */
#define MAX_INTEGER_DIGITS 18

/* What id and time were read from; where is_known is false that needs a closer look. */
typedef struct {
    Place id, id_end;
    int64_t time_us;
    bool is_known, has_time;
} Event;

static inline bool is_absent(const Value *value) { return value->start == NULL || *value->start == 'n'; }

static inline bool id_of(const Layout *layout, const Value values[], Event *event) {
    int place = 0;
    while (place < layout->ids && is_absent(&values[place])) place++;
    const Value *value = &values[place];
    if (place == layout->ids || value->has_escape) return false;
    event->id = value->start;
    event->id_end = value->end;
    if (*value->start == '"') {
        event->id++;
        event->id_end--;
        /* What begins with a visible character is not invisible. */
        return event->id_end - event->id <= MAX_ID_BYTES && *event->id > ' ' && *event->id < 0x7F && *event->id != '"';
    }
    if (value->end - value->start > MAX_INTEGER_DIGITS) return false;
    for (Place at = value->start; at < value->end; at++)
        if (!is_digit(*at)) return false;
    return true;
}

/* The first of the places that has a time; false where one has something of which we cannot say. */
static inline bool time_of(const Layout *layout, const Value values[], Event *event) {
    event->has_time = true;
    for (int place = layout->ids; place < layout->ids + layout->times; place++) {
        const Value *value = &values[place];
        if (is_absent(value)) continue;
        if (*value->start != '"') return instant_of_number(value->start, value->end, &event->time_us);
        return !value->has_escape && instant_of_text(value->start + 1, value->end - 1, &event->time_us);
    }
    event->has_time = false;
    return true;
}

/* Of one name the last value counts, as it does for PostgreSQL: with it goes what was read below the one before. */
static inline void put_value(const Name *name, Value values[], Value value) {
    for (unsigned left = name->below; left != 0; left &= left - 1) values[__builtin_ctz(left)].start = NULL;
    for (unsigned left = name->here; left != 0; left &= left - 1) values[__builtin_ctz(left)] = value;
}

/* After the object at a bracket, which may be an event. */
static inline Place read_event(const Layout *layout, Place at, Place end, Event *event) {
    const Names *names = &layout->record;
    const Name *inside = &names->names[0], *around[MOST_STEPS];
    int level = 0;
    Value values[MOST_PLACES], value, key;
    for (int place = 0; place < layout->ids + layout->times; place++) values[place].start = NULL;
    bool has_odd_key = false;
    at = skip_space(at + 1, end);
    for (;;) {
        if (at == end) return NULL;
        if (*at != '}') {
            at = skip_key(at, end, &key);
            if (at == NULL) return NULL;
            /* A key with an escape may be one that we look for. */
            has_odd_key |= key.has_escape;
            const Name *name = name_below(names, inside, key.start, (size_t)(key.end - key.start));
            if (name != NULL && name->below != 0 && *at == '{') {
                /* That it is an object is all that is said of it: where an id or a time could stand, that is odd. */
                put_value(name, values, (Value){.start = at, .end = at + 1});
                around[level++] = inside;
                inside = name;
                at = skip_space(at + 1, end);
                continue;
            }
            at = skip_value(at, end, level + 1, &value);
            if (at == NULL) return NULL;
            if (name != NULL) put_value(name, values, value);
        } else {
            at++;
            if (level == 0) break;
            inside = around[--level];
        }
        at = skip_comma(at, end, '}');
        if (at == NULL) return NULL;
    }
    event->is_known = !has_odd_key && id_of(layout, values, event) && time_of(layout, values, event);
    return at;
}

#endif
