/* Names to look for while a text is read once: of places such as data, response.items or meta.id, as one tree.
 *
 * A place is a path of member names. Invariant: the tree is made once, within bounds, and never changes; names are bytes
 * of UTF-8, and equal to a key only where that is written without an escape.
 */

#ifndef DATASYNC_NAMES_H
#define DATASYNC_NAMES_H

#include "json.h"

#define MOST_PLACES 16 /* in one tree */
#define MOST_STEPS 8 /* from its root to a place */
#define MOST_NAME_BYTES 255
#define MOST_NAMES (1 + MOST_PLACES * MOST_STEPS)

/* Of a path, as whoever makes the tree gives it. */
typedef struct {
    const unsigned char *bytes;
    size_t length;
} Step;

#define SLOTS 64

/* One name, at one place in the tree. */
typedef struct {
    uint8_t slots[SLOTS]; /* of the names below it, in each slot the first one that belongs there, or 0 */
    uint8_t next; /* the next one of its own slot, or 0 */
    uint16_t here, below; /* the numbers of the places that this name leads to, and of those below it, as bits */
    uint16_t text, length; /* where it lies in the texts */
} Name;

/* The first name is the root, which has no text: it stands for whatever the paths start from. */
typedef struct {
    Name names[MOST_NAMES];
    int count;
    size_t used;
    unsigned char texts[MOST_PLACES * MOST_STEPS * MOST_NAME_BYTES];
} Names;

static inline void begin_names(Names *names) {
    names->names[0] = (Name){0};
    names->count = 1;
    names->used = 0;
}

/* Whether two texts of one length are the same. As names are short, without a call. */
static inline bool is_same(const unsigned char *one, const unsigned char *other, size_t length) {
    uint64_t word, other_word;
    uint32_t half, other_half;
    if (length < sizeof half) {
        while (length > 0 && one[length - 1] == other[length - 1]) length--;
        return length == 0;
    }
    /* What is no multiple is looked at twice in part. */
    if (length < sizeof word) {
        memcpy(&half, one, sizeof half);
        memcpy(&other_half, other, sizeof half);
        if (half != other_half) return false;
        memcpy(&half, one + length - sizeof half, sizeof half);
        memcpy(&other_half, other + length - sizeof half, sizeof half);
        return half == other_half;
    }
    for (size_t at = 0; at + sizeof word <= length; at += sizeof word) {
        memcpy(&word, one + at, sizeof word);
        memcpy(&other_word, other + at, sizeof word);
        if (word != other_word) return false;
    }
    memcpy(&word, one + length - sizeof word, sizeof word);
    memcpy(&other_word, other + length - sizeof word, sizeof word);
    return word == other_word;
}

/* The slot of a text, of which one byte can be read even where it is empty. Most keys are none of the names, and lie in a
 * slot with none. */
static inline size_t slot_of(const unsigned char *text, size_t length) { return (*text + 11 * length) % SLOTS; }

/* The name below another one that is this text; NULL where there is none. */
static inline const Name *name_below(const Names *names, const Name *name, const unsigned char *text, size_t length) {
    for (uint8_t place = name->slots[slot_of(text, length)]; place != 0; place = names->names[place].next) {
        const Name *found = &names->names[place];
        if (found->length == length && is_same(names->texts + found->text, text, length)) return found;
    }
    return NULL;
}

static inline Name *put_name(Names *names, Name *above, const Step *step) {
    uint8_t *slot = &above->slots[slot_of(step->bytes, step->length)];
    Name *name = &names->names[names->count];
    *name = (Name){.next = *slot, .text = (uint16_t)names->used, .length = (uint16_t)step->length};
    *slot = (uint8_t)names->count++;
    memcpy(names->texts + names->used, step->bytes, step->length);
    names->used += step->length;
    return name;
}

/* Adds the place of this number, below MOST_PLACES; false where its path is beyond the bounds. Each number once. */
static inline bool put_place(Names *names, int number, const Step *steps, size_t count) {
    if (number >= MOST_PLACES || count > MOST_STEPS) return false;
    for (size_t i = 0; i < count; i++)
        if (steps[i].length == 0 || steps[i].length > MOST_NAME_BYTES) return false;
    const uint16_t bit = (uint16_t)(1u << number);
    Name *name = &names->names[0];
    for (size_t i = 0; i < count; i++) {
        name->below |= bit;
        const Name *known = name_below(names, name, steps[i].bytes, steps[i].length);
        name = known != NULL ? &names->names[known - names->names] : put_name(names, name, &steps[i]);
    }
    name->here |= bit;
    return true;
}

#endif
