/* The grammar of JSON (RFC 8259), over bytes, without recursion and without a copy.
 *
 * Invariant: each function is given [at, end), reads no byte outside of it, and returns where the thing ends, or NULL
 * where it is none or is not for us to judge: nested too deeply, half of a surrogate pair, a NUL, broken UTF-8. NULL is a
 * doubt and no verdict: datasync_spider.records.strictparser looks again.
 */

#ifndef DATASYNC_JSON_H
#define DATASYNC_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define MAX_DEPTH 512 /* as datasync_spider.records.grammar has it */

typedef const unsigned char *Place;

static inline bool is_digit(unsigned char byte) { return byte >= '0' && byte <= '9'; }

static inline Place skip_space(Place at, Place end) {
    if (at < end && *at > ' ') return at; /* as nearly always */
    while (at < end && (*at == ' ' || *at == '\t' || *at == '\n' || *at == '\r')) at++;
    return at;
}

static inline bool is_plain(unsigned char byte) { return byte >= 0x20 && byte < 0x80 && byte != '"' && byte != '\\'; }

/* How many of the bytes at a place mean themselves in a string: of so many bytes at once, which must be there. */
#ifdef __SSE2__
#define AT_ONCE 16

static inline int plain_of(Place at) {
    __m128i bytes = _mm_loadu_si128((const __m128i *)at);
    /* Compared as signed, what is not ASCII is below a space. */
    __m128i odd = _mm_cmplt_epi8(bytes, _mm_set1_epi8(' '));
    odd = _mm_or_si128(odd, _mm_cmpeq_epi8(bytes, _mm_set1_epi8('"')));
    odd = _mm_or_si128(odd, _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\')));
    unsigned found = (unsigned)_mm_movemask_epi8(odd);
    return found ? __builtin_ctz(found) : AT_ONCE;
}
#else
#define AT_ONCE 8

static inline int plain_of(Place at) {
    int plain = 0;
    while (plain < AT_ONCE && is_plain(at[plain])) plain++;
    return plain;
}
#endif

/* After the bytes of a string that mean themselves. */
static inline Place skip_plain(Place at, Place end) {
    while (end - at >= AT_ONCE) {
        int plain = plain_of(at);
        at += plain;
        if (plain < AT_ONCE) return at;
    }
    while (at < end && is_plain(*at)) at++;
    return at;
}

static inline bool continues(Place at, Place end, ptrdiff_t count) {
    if (end - at < count) return false;
    for (ptrdiff_t place = 0; place < count; place++)
        if ((at[place] & 0xC0) != 0x80) return false;
    return true;
}

/* After one character of UTF-8 beyond ASCII (RFC 3629: nothing overlong, no surrogate, nothing above 10FFFF). */
static inline Place skip_character(Place at, Place end) {
    unsigned char lead = *at++;
    if (lead >= 0xC2 && lead <= 0xDF) return continues(at, end, 1) ? at + 1 : NULL;
    if (lead >= 0xE0 && lead <= 0xEF) {
        if (!continues(at, end, 2) || (lead == 0xE0 && *at < 0xA0) || (lead == 0xED && *at > 0x9F)) return NULL;
        return at + 2;
    }
    if (lead >= 0xF0 && lead <= 0xF4) {
        if (!continues(at, end, 3) || (lead == 0xF0 && *at < 0x90) || (lead == 0xF4 && *at > 0x8F)) return NULL;
        return at + 3;
    }
    return NULL;
}

/* The number that four hexadecimal digits are, or -1. */
static inline int hexadecimal(Place at, Place end) {
    if (end - at < 4) return -1;
    int unit = 0;
    for (int place = 0; place < 4; place++) {
        unsigned char byte = at[place], letter = byte | 0x20;
        if (is_digit(byte)) unit = unit * 16 + (byte - '0');
        else if (letter >= 'a' && letter <= 'f') unit = unit * 16 + (letter - 'a' + 10);
        else return -1;
    }
    return unit;
}

/* After the escape at a backslash. A NUL, and half of a surrogate pair, are in no text of PostgreSQL. */
static inline Place skip_escape(Place at, Place end) {
    if (end - at < 2) return NULL;
    if (at[1] != 'u') return memchr("\"\\/bfnrt", at[1], 8) ? at + 2 : NULL;
    int unit = hexadecimal(at + 2, end);
    if (unit <= 0 || (unit >= 0xDC00 && unit <= 0xDFFF)) return NULL;
    at += 6;
    if (unit < 0xD800 || unit > 0xDBFF) return at;
    if (end - at < 6 || at[0] != '\\' || at[1] != 'u') return NULL;
    int low = hexadecimal(at + 2, end);
    return low >= 0xDC00 && low <= 0xDFFF ? at + 6 : NULL;
}

/* After the string at a quote. */
static inline Place skip_string(Place at, Place end, bool *has_escape) {
    at++;
    for (;;) {
        at = skip_plain(at, end);
        if (at == end) return NULL;
        if (*at == '"') return at + 1;
        if (*at == '\\') {
            *has_escape = true;
            at = skip_escape(at, end);
        } else {
            at = *at < 0x80 ? NULL : skip_character(at, end);
        }
        if (at == NULL) return NULL;
    }
}

static inline Place skip_digits(Place at, Place end) {
    if (at == end || !is_digit(*at)) return NULL;
    while (at < end && is_digit(*at)) at++;
    return at;
}

static inline Place skip_number(Place at, Place end) {
    if (*at == '-') at++;
    Place digits = at;
    at = skip_digits(at, end);
    if (at == NULL || (*digits == '0' && at - digits > 1)) return NULL;
    if (at < end && *at == '.') at = skip_digits(at + 1, end);
    if (at != NULL && at < end && (*at | 0x20) == 'e') {
        at++;
        if (at < end && (*at == '+' || *at == '-')) at++;
        at = skip_digits(at, end);
    }
    return at;
}

static inline Place skip_word(Place at, Place end, const char *word) {
    ptrdiff_t length = (ptrdiff_t)strlen(word);
    return end - at >= length && memcmp(at, word, (size_t)length) == 0 ? at + length : NULL;
}

/* After a value that is no array and no object. */
static inline Place skip_scalar(Place at, Place end) {
    bool has_escape;
    switch (*at) {
        case '"': return skip_string(at, end, &has_escape);
        case 't': return skip_word(at, end, "true");
        case 'f': return skip_word(at, end, "false");
        case 'n': return skip_word(at, end, "null");
        default: return skip_number(at, end);
    }
}

/* A value as it is written; start is NULL where there is none. */
typedef struct {
    Place start, end;
    bool has_escape;
} Value;

/* After the key of a member, its colon, and the space around that: where its value begins. */
static inline Place skip_key(Place at, Place end, Value *key) {
    if (at == end || *at != '"') return NULL;
    key->start = at + 1;
    key->has_escape = false;
    at = skip_string(at, end, &key->has_escape);
    if (at == NULL) return NULL;
    key->end = at - 1;
    at = skip_space(at, end);
    if (at == end || *at != ':') return NULL;
    at = skip_space(at + 1, end);
    return at < end ? at : NULL;
}

/* From after a value to the next one, or to the closing bracket. */
static inline Place skip_comma(Place at, Place end, unsigned char closer) {
    at = skip_space(at, end);
    if (at == end || *at == closer) return at == end ? NULL : at;
    if (*at != ',') return NULL;
    at = skip_space(at + 1, end);
    return at < end && *at != closer ? at : NULL;
}

/* After the array or the object at a bracket, which itself lies depth levels deep. */
static inline Place skip_nested(Place at, Place end, int depth) {
    unsigned char closers[MAX_DEPTH + 1];
    const int outside = depth;
    Value key;
    for (;;) {
        if (*at == '{' || *at == '[') {
            if (++depth > MAX_DEPTH) return NULL;
            closers[depth] = *at + 2; /* in ASCII both closing brackets stand two after their opening ones */
            at = skip_space(at + 1, end);
            if (at == end) return NULL;
        } else {
            at = skip_scalar(at, end);
            if (at == NULL) return NULL;
            at = skip_comma(at, end, closers[depth]);
            if (at == NULL) return NULL;
        }
        while (*at == closers[depth]) {
            at++;
            if (--depth == outside) return at;
            at = skip_comma(at, end, closers[depth]);
            if (at == NULL) return NULL;
        }
        if (closers[depth] == '}') {
            at = skip_key(at, end, &key);
            if (at == NULL) return NULL;
        }
    }
}

/* After any value, within what lies depth levels deep. */
static inline Place skip_value(Place at, Place end, int depth, Value *value) {
    value->start = at;
    value->has_escape = false;
    if (*at == '"') at = skip_string(at, end, &value->has_escape);
    else if (*at == '{' || *at == '[') at = skip_nested(at, end, depth);
    else at = skip_scalar(at, end);
    value->end = at;
    return at;
}

#endif
