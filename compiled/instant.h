/* When an event happened, from the forms that nearly all feeds write.
 *
 * Invariant: what is understood here is understood exactly, as datasync_spider.records.timestamp has it; whatever else,
 * false. Microseconds since 1970-01-01 UTC; what is below one is cut off.
 */

#ifndef DATASYNC_INSTANT_H
#define DATASYNC_INSTANT_H

#include "json.h"

#define SECOND_US INT64_C(1000000)
#define FIRST_US (INT64_C(-62135596800) * SECOND_US) /* the year 1 */
#define LAST_US (INT64_C(253402300800) * SECOND_US - 1) /* the year 9999 */

/* The number that so many digits are, or -1 where one is none. */
static inline int number_of(Place at, int digits) {
    int number = 0;
    for (int place = 0; place < digits; place++) {
        if (!is_digit(at[place])) return -1;
        number = number * 10 + (at[place] - '0');
    }
    return number;
}

/* Of the Gregorian calendar, from 1970-01-01 on; false where there is no such day. */
static inline bool days_of(int year, int month, int day, int64_t *days) {
    static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    static const int before[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
    if (year < 1 || month < 1 || month > 12 || day < 1) return false;
    bool is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    if (day > lengths[month - 1] + (month == 2 && is_leap)) return false;
    int64_t years = year - 1;
    *days = years * 365 + years / 4 - years / 100 + years / 400 + before[month - 1] + (month > 2 && is_leap) + day - 1;
    *days -= 719162;
    return true;
}

/* Z, or an offset from it such as +02:00, which must be all that is left. */
static inline bool offset_of(Place at, Place end, int *minutes) {
    if (end - at == 1 && *at == 'Z') {
        *minutes = 0;
        return true;
    }
    if (end - at != 6 || (*at != '+' && *at != '-') || at[3] != ':') return false;
    int hour = number_of(at + 1, 2), minute = number_of(at + 4, 2);
    if (hour < 0 || minute < 0 || minute > 59 || hour * 60 + minute > 18 * 60) return false;
    *minutes = (*at == '-' ? -1 : 1) * (hour * 60 + minute);
    return true;
}

/* From the inside of a string such as 2025-01-01T04:47:59.915Z. */
static inline bool instant_of_text(Place at, Place end, int64_t *time_us) {
    if (end - at < 20 || at[4] != '-' || at[7] != '-' || at[10] != 'T' || at[13] != ':' || at[16] != ':') return false;
    int hour = number_of(at + 11, 2), minute = number_of(at + 14, 2), second = number_of(at + 17, 2), offset;
    int64_t days, fraction_us = 0;
    if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59) return false;
    if (!days_of(number_of(at, 4), number_of(at + 5, 2), number_of(at + 8, 2), &days)) return false;
    at += 19;
    if (*at == '.') {
        int digits = 0;
        /* Not counted on beyond what is too many: a string may be longer than an int can count. */
        for (at++; at < end && is_digit(*at) && digits <= 9; at++)
            if (++digits <= 6) fraction_us = fraction_us * 10 + (*at - '0');
        if (digits < 1 || digits > 9) return false;
        for (; digits < 6; digits++) fraction_us *= 10;
    }
    if (!offset_of(at, end, &offset)) return false;
    *time_us = (((days * 24 + hour) * 60 + minute - offset) * 60 + second) * SECOND_US + fraction_us;
    return *time_us >= FIRST_US && *time_us <= LAST_US;
}

/* From a whole number of a unit, which is so many microseconds, or such a part of one; not before 1970. */
static inline bool instant_of_unit(Place at, Place end, int64_t factor, int64_t part, int64_t *time_us) {
    int64_t number = 0;
    if (end - at > 18) return false;
    for (; at < end; at++) {
        if (!is_digit(*at)) return false;
        number = number * 10 + (*at - '0');
    }
    if (number > LAST_US / factor) return false;
    *time_us = number * factor / part;
    return *time_us <= LAST_US;
}

/* From a whole number, whose magnitude shows its unit. */
static inline bool instant_of_number(Place at, Place end, int64_t *time_us) {
    int64_t number = 0;
    if (end - at > 18) return false;
    for (; at < end; at++) {
        if (!is_digit(*at)) return false;
        number = number * 10 + (*at - '0');
    }
    if (number < INT64_C(100000000)) return false;
    if (number < INT64_C(100000000000)) *time_us = number * SECOND_US;
    else if (number < INT64_C(100000000000000)) *time_us = number * 1000;
    else if (number < INT64_C(100000000000000000)) *time_us = number;
    else *time_us = number / 1000;
    return true;
}

#endif
