/* One event: where it stands, where its id does, and when it happened.
 *
 * Invariant: an event that is known here, datasync_spider.records.strictparser would accept too, and read the same from it.
 */

#ifndef DATASYNC_EVENT_H
#define DATASYNC_EVENT_H

#include "instant.h"
#include "layout.h"

#define MAX_ID_BYTES 1000 /* as datasync_spider.records.eventid has it */
#define MAX_INTEGER_DIGITS 18

/* What id and time were read from; where is_known is false that needs a closer look. */
typedef struct {
    Place id, id_end;
    int64_t time_us;
    bool is_known, has_time;
} Event;

/* What stands at the places of a record. */
typedef struct {
    unsigned there; /* which of the places have a value, as bits */
    Value of[MOST_PLACES];
} Values;

/* Of one name the last value counts, as it does for PostgreSQL: with it goes what was read below the one before. */
static inline void put_value(const Name *name, Values *values, const Value *value) {
    values->there = (values->there & ~(unsigned)name->below) | name->here;
    for (unsigned left = name->here; left != 0; left &= left - 1) values->of[__builtin_ctz(left)] = *value;
}

/* That of the first of these places that has one, and no null; NULL where there is none. */
static inline const Value *first_of(const Values *values, unsigned places) {
    for (unsigned left = values->there & places; left != 0; left &= left - 1) {
        const Value *value = &values->of[__builtin_ctz(left)];
        if (*value->start != 'n') return value;
    }
    return NULL;
}

static inline bool id_of(const Layout *layout, const Values *values, Event *event) {
    const Value *value = first_of(values, layout->ids);
    if (value == NULL || value->has_escape) return false;
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

/* The time that a number is by such a rule; false where it is none, or none that is plain. */
static inline bool instant_by(Numbers numbers, Place at, Place end, int64_t *time_us) {
    switch (numbers) {
    case SECONDS: return instant_of_unit(at, end, SECOND_US, 1, time_us);
    case MILLISECONDS: return instant_of_unit(at, end, 1000, 1, time_us);
    case MICROSECONDS: return instant_of_unit(at, end, 1, 1, time_us);
    case NANOSECONDS: return instant_of_unit(at, end, 1, 1000, time_us);
    default: return instant_of_number(at, end, time_us);
    }
}

/* False where there is something of which we cannot say what time it is. */
static inline bool time_of(const Layout *layout, const Values *values, Event *event) {
    const Value *value = first_of(values, layout->times);
    event->has_time = value != NULL;
    if (value == NULL) return true;
    if (*value->start != '"') {
        if (layout->numbers != NO_TIMES) return instant_by(layout->numbers, value->start, value->end, &event->time_us);
        /* No time, but another place may have one. */
        event->has_time = false;
        return __builtin_popcount(layout->times) == 1;
    }
    if (value->has_escape || layout->numbers > NO_TIMES) return false;
    return instant_of_text(value->start + 1, value->end - 1, &event->time_us);
}

/* After the object at a bracket, which may be an event. */
static inline Place read_event(const Layout *layout, Place at, Place end, Event *event) {
    const Names *names = &layout->record;
    const Name *inside = &names->names[0], *around[MOST_STEPS];
    int level = 0;
    Values values;
    Value value, key;
    bool has_odd_key = false;
    values.there = 0;
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
                put_value(name, &values, &(Value){.start = at, .end = at + 1});
                around[level++] = inside;
                inside = name;
                at = skip_space(at + 1, end);
                continue;
            }
            at = skip_value(at, end, level + 1, &value);
            if (at == NULL) return NULL;
            if (name != NULL) put_value(name, &values, &value);
        } else {
            at++;
            if (level == 0) break;
            inside = around[--level];
        }
        at = skip_comma(at, end, '}');
        if (at == NULL) return NULL;
    }
    event->is_known = !has_odd_key && id_of(layout, &values, event) && time_of(layout, &values, event);
    return at;
}

#endif
