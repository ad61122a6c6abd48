/* Which ids are in flight: a table of their hashes, each as often as it was put in.
 *
 * Invariant: an id that was put in and not taken out is found. One that was not may be found as well, where another's hash
 * is the same: whoever asks looks again then.
 */

#ifndef DATASYNC_FLIGHT_H
#define DATASYNC_FLIGHT_H

#include "order.h"

#define LEAST_ROOM 1024

/* ``hashes`` has a power of two of places; 0 is an empty one. Hashes of one home lie behind each other without a gap. */
typedef struct {
    uint64_t *hashes;
    size_t room, used;
    uint64_t seed;
} Flight;

#define ODD UINT64_C(0xd6e8feb86659fd93)

static inline uint64_t stirred(uint64_t hash) {
    hash = (hash ^ hash >> 32) * ODD;
    hash = (hash ^ hash >> 32) * ODD;
    return hash ^ hash >> 32;
}

static inline uint64_t hash_of(const unsigned char *id, size_t bytes, uint64_t seed) {
    uint64_t hash = stirred(seed ^ bytes), some;
    for (; bytes >= sizeof some; id += sizeof some, bytes -= sizeof some) {
        memcpy(&some, id, sizeof some);
        hash = (hash ^ some) * ODD;
        hash ^= hash >> 32;
    }
    some = 0;
    memcpy(&some, id, bytes);
    hash = stirred(hash ^ some);
    return hash ? hash : 1;
}

static inline uint64_t hash_of_row(const Flight *flight, const unsigned char *row) {
    return hash_of(row + ID_AT, id_bytes_of(row), flight->seed);
}

/* Where a hash lies, or the empty place where it would. */
static inline size_t place_of(const Flight *flight, uint64_t hash) {
    size_t place = hash & (flight->room - 1);
    while (flight->hashes[place] != 0 && flight->hashes[place] != hash) place = (place + 1) & (flight->room - 1);
    return place;
}

static inline bool is_in_flight(const Flight *flight, uint64_t hash) {
    return flight->room != 0 && flight->hashes[place_of(flight, hash)] != 0;
}

/* Whether it was there already. There must be room. */
static inline bool put_in(Flight *flight, uint64_t hash) {
    size_t place = place_of(flight, hash);
    bool was_there = flight->hashes[place] != 0;
    while (flight->hashes[place] != 0) place = (place + 1) & (flight->room - 1);
    flight->hashes[place] = hash;
    flight->used++;
    return was_there;
}

/* Whether it was there. */
static inline bool take_out(Flight *flight, uint64_t hash) {
    if (!is_in_flight(flight, hash)) return false;
    size_t last = flight->room - 1, hole = place_of(flight, hash);
    /* What lies behind the hole moves into it, unless its home is behind the hole too. */
    for (size_t place = (hole + 1) & last; flight->hashes[place] != 0; place = (place + 1) & last) {
        size_t home = flight->hashes[place] & last;
        if (((place - home) & last) >= ((place - hole) & last)) {
            flight->hashes[hole] = flight->hashes[place];
            hole = place;
        }
    }
    flight->hashes[hole] = 0;
    flight->used--;
    return true;
}

/* Makes room for so many more; false where there is no memory for it. At most half of the places are taken. */
static inline bool make_room(Flight *flight, size_t more) {
    size_t room = flight->room ? flight->room : LEAST_ROOM;
    while (room / 2 < flight->used + more) {
        if (room > SIZE_MAX / 2 / sizeof(uint64_t)) return false;
        room *= 2;
    }
    if (room == flight->room) return true;
    Flight larger = {calloc(room, sizeof(uint64_t)), room, 0, flight->seed};
    if (larger.hashes == NULL) return false;
    for (size_t place = 0; place < flight->room; place++)
        if (flight->hashes[place] != 0) put_in(&larger, flight->hashes[place]);
    free(flight->hashes);
    *flight = larger;
    return true;
}

/* The hashes of up to AHEAD rows. The table is larger than the processor's caches: all of their places are fetched at once. */
static inline size_t hash_ahead(const Flight *flight, const RowPlace *rows, size_t count, uint64_t hashes[AHEAD]) {
    size_t some = count < AHEAD ? count : AHEAD;
    for (size_t i = 0; i < some; i++) {
        if (i + AHEAD < count) fetch(rows[i + AHEAD].row);
        hashes[i] = hash_of_row(flight, rows[i].row);
        fetch(&flight->hashes[hashes[i] & (flight->room - 1)]);
    }
    return some;
}

/* How many of the rows' ids were there already, or come twice among them. There must be room. */
static inline size_t put_rows(Flight *flight, const RowPlace *rows, size_t count) {
    uint64_t hashes[AHEAD];
    size_t were_there = 0;
    for (size_t start = 0, some; start < count; start += some) {
        some = hash_ahead(flight, rows + start, count - start, hashes);
        for (size_t i = 0; i < some; i++) were_there += put_in(flight, hashes[i]);
    }
    return were_there;
}

/* How many of the rows' ids were not there. */
static inline size_t take_rows_out(Flight *flight, const RowPlace *rows, size_t count) {
    uint64_t hashes[AHEAD];
    size_t missing = 0;
    if (flight->room == 0) return count;
    for (size_t start = 0, some; start < count; start += some) {
        some = hash_ahead(flight, rows + start, count - start, hashes);
        for (size_t i = 0; i < some; i++) missing += !take_out(flight, hashes[i]);
    }
    return missing;
}

#endif
