/* What libFuzzer calls: pages of any bytes, read by one of several layouts, or by one that comes with them.
 *
 * The first byte of an input says which layout: one of the table, or that its paths follow, up to the end of a line. The rest
 * is the page. A layout is written as records;ids;times, the alternatives of each between "|", the names of a path
 * between dots; no name is a path to the body itself.
 *
 * Checked: that no sanitizer finds fault; that all spans lie where they must; that a page is read alike twice; that each
 * record is read by itself as it was in its page; and that ids, times and records are what a plain look-up finds, path by
 * path, which knows nothing of trees of names.
 */

#include <stdio.h>

#include "ends.h"

#define COUNT(things) (sizeof(things) / sizeof *(things))
#define MUST(what) ((what) ? (void)0 : fail(#what, __LINE__))

static const char *const known_layouts[] = {
    "data|events;id|eventId|event_id;timestamp|occurredAt|occurred_at",
    ";id;ts",
    "response.items;meta.id|id;meta.at|meta.id",
    "|a|a.a;a|a.id|a.id.id;a.t|a.id|t",
    "a.a.a.a.a.a.a.a;a.a.a.a.a.a.a.a|a.a;",
    "a|b|c|d|e|f|g|a.b;a|b|c|d|e|f|g|a.b;a|b.a|c|d|e|f|g|a.b.c",
    "result.edges|edges;node.id|node.key.id;node.times.created|node.times.updated",
    "@odata.value;the identity of a record in full|id;a name of more than sixty-four bytes, that no one would give to a time",
};

typedef struct {
    Step steps[MOST_STEPS];
    size_t count;
} Path;

typedef struct {
    Path paths[3][MOST_ALTERNATIVES];
    size_t counts[3];
    Layout layout;
} Plan;

enum { RECORDS, IDS, TIMES };

static void fail(const char *what, int line) {
    fprintf(stderr, "BROKEN in line %d: %s\n", line, what);
    abort();
}

/* From one path to what ends it; NULL where it has too many steps. */
static Place parse_path(Place at, Place end, Path *path) {
    path->count = 0;
    if (at == end || *at == '|' || *at == ';') return at;
    for (;;) {
        Place start = at;
        while (at < end && *at != '.' && *at != '|' && *at != ';') at++;
        if (path->count == MOST_STEPS) return NULL;
        path->steps[path->count++] = (Step){start, (size_t)(at - start)};
        if (at == end || *at != '.') return at;
        at++;
    }
}

static bool parse_kind(Place at, Place end, Path paths[], size_t *count, Place *after) {
    for (*count = 0; *count < MOST_ALTERNATIVES;) {
        at = parse_path(at, end, &paths[(*count)++]);
        if (at == NULL) return false;
        if (at == end || *at == ';') {
            *after = at < end ? at + 1 : at;
            return true;
        }
        at++;
    }
    return false;
}

/* False where no layout can be made of it. */
static bool parse_plan(Place at, Place end, Plan *plan) {
    static bool (*const put[])(Layout *, const Step *, size_t) = {put_records, put_id, put_time};
    begin_layout(&plan->layout);
    for (int kind = RECORDS; kind <= TIMES; kind++) {
        if (!parse_kind(at, end, plan->paths[kind], &plan->counts[kind], &at)) return false;
        if (kind == TIMES && plan->counts[kind] == 1 && plan->paths[kind][0].count == 0) plan->counts[kind] = 0;
        for (size_t i = 0; i < plan->counts[kind]; i++)
            if (!put[kind](&plan->layout, plan->paths[kind][i].steps, plan->paths[kind][i].count)) return false;
    }
    return true;
}

/* What a path leads to in a text that is known to be JSON: of one name the last one. */
static Value look_up(Place at, Place end, const Path *path) {
    Value found = {0}, key, value;
    at = skip_space(at, end);
    MUST(skip_value(at, end, 0, &found) != NULL);
    for (size_t i = 0; i < path->count && found.start != NULL; i++) {
        const Value outer = found;
        found.start = NULL;
        if (*outer.start != '{') break;
        for (at = skip_space(outer.start + 1, outer.end); *at != '}'; at = skip_comma(at, outer.end, '}')) {
            at = skip_key(at, outer.end, &key);
            MUST(at != NULL);
            at = skip_value(at, outer.end, 0, &value);
            MUST(at != NULL);
            size_t length = (size_t)(key.end - key.start);
            if (length == path->steps[i].length && memcmp(key.start, path->steps[i].bytes, length) == 0) found = value;
        }
    }
    return found;
}

/* In a block of its very size, so that a sanitizer sees a byte too many on either side. */
static unsigned char *block_of(Place at, size_t bytes) {
    unsigned char *block = malloc(bytes);
    MUST(block != NULL || bytes == 0);
    if (bytes > 0) memcpy(block, at, bytes);
    return block;
}

static bool is_alike(const Slice *one, const Slice *other, uint32_t moved) {
    return one->start == other->start + moved && one->length == other->length && one->time_us == other->time_us &&
           one->id_length == other->id_length && (one->id_length == 0 || one->id_start == other->id_start + moved);
}

/* Whether what was read from a record is what a look-up of each path finds. */
static void check_values(const Plan *plan, Place text, const Slice *slice) {
    Place start = text + slice->start, end = start + slice->length;
    Values values = {.there = 0};
    Event event = {.is_known = false};
    if (*start != '{') {
        MUST(slice->id_length == 0);
        return;
    }
    int number = 0;
    for (int kind = IDS; kind <= TIMES; kind++) {
        for (size_t i = 0; i < plan->counts[kind]; i++, number++) {
            values.of[number] = look_up(start, end, &plan->paths[kind][i]);
            if (values.of[number].start != NULL) values.there |= 1u << number;
        }
    }
    event.is_known = id_of(&plan->layout, &values, &event) && time_of(&plan->layout, &values, &event);
    if (slice->id_length == 0) {
        /* An escape anywhere may be a reason for doubt. */
        MUST(!event.is_known || memchr(start, '\\', slice->length) != NULL);
        return;
    }
    MUST(event.is_known);
    MUST(event.id == text + slice->id_start && event.id_end == event.id + slice->id_length);
    MUST(slice->time_us == (event.has_time ? event.time_us : NO_TIME));
}

/* The same record in a page of nothing else. */
static void check_alone(const Plan *plan, Place text, const Slice *slice) {
    static Plan alone;
    alone.layout.record = plan->layout.record;
    alone.layout.ids = plan->layout.ids;
    alone.layout.times = plan->layout.times;
    begin_names(&alone.layout.page);
    put_place(&alone.layout.page, 0, NULL, 0);
    unsigned char *page = malloc((size_t)slice->length + 2);
    MUST(page != NULL);
    page[0] = '[';
    memcpy(page + 1, text + slice->start, slice->length);
    page[slice->length + 1] = ']';
    Slices slices = {0};
    Span span;
    MUST(read_whole_page(&alone.layout, page, page + slice->length + 2, &slices, &span));
    MUST(slices.count == 1 && span.start == page && span.end == page + slice->length + 2);
    MUST(is_alike(slice, &slices.slices[0], slice->start - 1));
    free(slices.slices);
    free(page);
}

static void check_slices(const Plan *plan, Place text, const Slices *slices, const Span *span) {
    Place at = span->start + 1, last = span->end - 1;
    for (size_t i = 0; i < slices->count; i++) {
        const Slice *slice = &slices->slices[i];
        Place start = text + slice->start, end = start + slice->length, id = text + slice->id_start;
        MUST(start >= at && end > start && end <= last);
        if (slice->id_length > 0) MUST(id > start && id + slice->id_length < end);
        if (slice->id_length == 0) MUST(slice->time_us == NO_TIME);
        if (slice->time_us != NO_TIME) MUST(slice->time_us >= FIRST_US && slice->time_us <= LAST_US);
        at = end;
        check_values(plan, text, slice);
        check_alone(plan, text, slice);
    }
    Ends ends = ends_of(slices, text);
    MUST((ends.first == NULL) == (ends.last == NULL) && (ends.first == NULL) == (ends.newest == NULL));
    if (ends.first != NULL) MUST(ends.newest->time_us >= ends.oldest->time_us && ends.first <= ends.last);
}

/* Whether the records are the one array to which a path leads. */
static void check_span(const Plan *plan, Place text, Place end, const Span *span) {
    bool was_found = false;
    MUST(span->start >= text && span->end <= end && span->end - span->start >= 2);
    MUST(span->start[0] == '[' && span->end[-1] == ']');
    for (size_t i = 0; i < plan->counts[RECORDS]; i++) {
        Value value = look_up(text, end, &plan->paths[RECORDS][i]);
        if (value.start == NULL || *value.start != '[') continue;
        MUST(value.start == span->start && value.end == span->end);
        was_found = true;
    }
    MUST(was_found);
}

static void check_page(const Plan *plan, Place given, size_t bytes) {
    unsigned char *text = block_of(given, bytes), *moved = malloc(bytes + 1);
    Slices slices = {0}, again = {0}, shorter = {0};
    Span span, other;
    MUST(moved != NULL);
    moved[0] = '"';
    if (bytes > 0) memcpy(moved + 1, given, bytes);
    bool is_taken = read_whole_page(&plan->layout, text, text + bytes, &slices, &span);
    /* Elsewhere in memory, and with a quote before it. */
    MUST(read_whole_page(&plan->layout, moved + 1, moved + 1 + bytes, &again, &other) == is_taken);
    MUST(again.count == slices.count);
    for (size_t i = 0; i < slices.count; i++) MUST(is_alike(&slices.slices[i], &again.slices[i], 0));
    if (is_taken) {
        MUST(other.start - moved - 1 == span.start - text && other.end - moved - 1 == span.end - text);
        check_span(plan, text, text + bytes, &span);
        check_slices(plan, text, &slices, &span);
        /* Nothing but space may be missing from its end. */
        if (read_whole_page(&plan->layout, text, text + bytes - 1, &shorter, &other))
            MUST(skip_space(text + bytes - 1, text + bytes) == text + bytes);
    }
    free(slices.slices);
    free(again.slices);
    free(shorter.slices);
    free(moved);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
    static Plan plan;
    if (bytes == 0) return -1;
    Place at = data + 1, end = data + bytes, page = at;
    size_t number = data[0] % (COUNT(known_layouts) + 1);
    if (number < COUNT(known_layouts)) {
        const char *known = known_layouts[number];
        MUST(parse_plan((Place)known, (Place)known + strlen(known), &plan));
    } else {
        Place line = at < end ? memchr(at, '\n', (size_t)(end - at)) : NULL;
        if (line == NULL || !parse_plan(at, line, &plan)) return -1;
        page = line + 1;
    }
    check_page(&plan, page, (size_t)(end - page));
    return 0;
}
