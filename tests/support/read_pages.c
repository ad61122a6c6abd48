/* Reads the texts of a file as pages, each in a block of memory of its very size, so that a sanitizer sees a byte too many.
 *
 * read_pages FILE: in the file each text follows its length (four bytes, the lowest first). For each, a line: "left", or
 * how many events there are, how many of them need the fallback, where their array begins and ends, and the sum of all times,
 * modulo 2^64.
 */

#include <stdio.h>

#include "page.h"

static Layout layout;

/* Of the DataSync API. */
static void put_names(void) {
    const char *records[] = {"data", "events"}, *ids[] = {"id", "eventId", "event_id"},
               *times[] = {"timestamp", "occurredAt", "occurred_at"};
    begin_layout(&layout);
    for (int i = 0; i < 2; i++) put_records(&layout, &(Step){(Place)records[i], strlen(records[i])}, 1);
    for (int i = 0; i < 3; i++) put_id(&layout, &(Step){(Place)ids[i], strlen(ids[i])}, 1);
    for (int i = 0; i < 3; i++) put_time(&layout, &(Step){(Place)times[i], strlen(times[i])}, 1);
}

static void tell(Place text, size_t bytes) {
    Slices events = {0};
    Span span;
    if (read_whole_page(&layout, text, text + bytes, &events, &span)) {
        size_t doubts = 0;
        uint64_t sum = 0;
        for (size_t place = 0; place < events.count; place++) {
            const Slice *slice = &events.slices[place];
            doubts += slice->id_length == 0;
            if (slice->time_us != NO_TIME) sum += (uint64_t)slice->time_us;
        }
        printf("%zu %zu %td %td %llu\n", events.count, doubts, span.start - text, span.end - text, (unsigned long long)sum);
    } else {
        puts("left");
    }
    free(events.slices);
}

int main(int count, char **arguments) {
    FILE *file = count == 2 ? fopen(arguments[1], "rb") : NULL;
    if (file == NULL) return 2;
    put_names();
    unsigned char length[4];
    while (fread(length, 1, 4, file) == 4) {
        size_t bytes = length[0] | (size_t)length[1] << 8 | (size_t)length[2] << 16 | (size_t)length[3] << 24;
        unsigned char *text = malloc(bytes);
        if ((text == NULL && bytes > 0) || fread(text, 1, bytes, file) != bytes) return 3;
        tell(text, bytes);
        free(text);
    }
    fclose(file);
    return 0;
}
