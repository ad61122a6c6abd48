/* One event: where it stands, where its id does, and when it happened.
 *
 * Invariant: an event that is known here, datasync_spider.api.scrutiny would accept too, and read the same from it.
 */

#ifndef DATASYNC_EVENT_H
#define DATASYNC_EVENT_H

#include "instant.h"

#define MAX_ID_BYTES 1000 /* as datasync_spider.api.eventid has it */
#define MAX_INTEGER_DIGITS 18

/* In the order in which they count. */
enum { ID, EVENT_ID_CAMEL, EVENT_ID_SNAKE, TIMESTAMP, OCCURRED_AT_CAMEL, OCCURRED_AT_SNAKE, NAMES };

/* What id and time were read from; where is_known is false that needs a closer look. */
typedef struct {
    Place id, id_end;
    int64_t time_us;
    bool is_known, has_time;
} Event;

static inline int name_of(Place at, ptrdiff_t length) {
    switch (length) {
        case 2: return memcmp(at, "id", 2) == 0 ? ID : NAMES;
        case 7: return memcmp(at, "eventId", 7) == 0 ? EVENT_ID_CAMEL : NAMES;
        case 8: return memcmp(at, "event_id", 8) == 0 ? EVENT_ID_SNAKE : NAMES;
        case 9: return memcmp(at, "timestamp", 9) == 0 ? TIMESTAMP : NAMES;
        case 10: return memcmp(at, "occurredAt", 10) == 0 ? OCCURRED_AT_CAMEL : NAMES;
        case 11: return memcmp(at, "occurred_at", 11) == 0 ? OCCURRED_AT_SNAKE : NAMES;
        default: return NAMES;
    }
}

static inline bool is_absent(const Value *value) { return value->start == NULL || *value->start == 'n'; }

static inline bool id_of(const Value values[NAMES], Event *event) {
    int name = ID;
    while (name < EVENT_ID_SNAKE && is_absent(&values[name])) name++;
    const Value *value = &values[name];
    if (is_absent(value) || value->has_escape) return false;
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

/* The first of the names that has a time; false where one has something of which we cannot say. */
static inline bool time_of(const Value values[NAMES], Event *event) {
    event->has_time = true;
    for (int name = TIMESTAMP; name < NAMES; name++) {
        const Value *value = &values[name];
        if (is_absent(value)) continue;
        if (*value->start != '"') return instant_of_number(value->start, value->end, &event->time_us);
        return !value->has_escape && instant_of_text(value->start + 1, value->end - 1, &event->time_us);
    }
    event->has_time = false;
    return true;
}

/* After the object at a bracket, which may be an event. */
static inline Place read_event(Place at, Place end, Event *event) {
    Value values[NAMES] = {{0}};
    bool has_odd_key = false;
    at = skip_space(at + 1, end);
    while (at < end && *at != '}') {
        Value key, value;
        at = skip_key(at, end, &key);
        if (at == NULL) return NULL;
        at = skip_value(at, end, 1, &value);
        if (at == NULL) return NULL;
        /* A key with an escape may be one that we look for. */
        has_odd_key |= key.has_escape;
        /* Of one name the last value counts, as it does for PostgreSQL. */
        int name = name_of(key.start, key.end - key.start);
        if (name < NAMES) values[name] = value;
        at = skip_comma(at, end, '}');
        if (at == NULL) return NULL;
    }
    if (at == end) return NULL;
    event->is_known = !has_odd_key && id_of(values, event) && time_of(values, event);
    return at + 1;
}

#endif
