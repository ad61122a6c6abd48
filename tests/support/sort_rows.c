/* Sorts rows and puts their ids in flight, each row in a block of memory of its very size, so that a sanitizer sees a byte
 * too many.
 *
 * sort_rows FILE: in the file each row follows its length (four bytes, the lowest first). Writes the rows in order, each
 * behind its length again; then takes all ids in, out and in once more, and ends with 0 where all was as it must be.
 */

#include <stdio.h>

#include "flight.h"

static size_t read_rows(FILE *file, RowPlace *rows, size_t room) {
    unsigned char length[4];
    size_t count = 0;
    while (count < room && fread(length, 1, 4, file) == 4) {
        size_t bytes = length[0] | (size_t)length[1] << 8 | (size_t)length[2] << 16 | (size_t)length[3] << 24;
        unsigned char *row = malloc(bytes);
        if (row == NULL || fread(row, 1, bytes, file) != bytes || !holds_its_id(row, bytes)) exit(3);
        rows[count++] = (RowPlace){row, bytes};
    }
    return count;
}

static void write_rows_out(const RowPlace *rows, size_t count) {
    for (size_t i = 0; i < count; i++) {
        for (int shift = 0; shift < 32; shift += 8) putchar((int)(rows[i].bytes >> shift & 255));
        fwrite(rows[i].row, 1, rows[i].bytes, stdout);
    }
}

/* Whether every id is found as long as it is in, and none afterwards. */
static bool come_and_go(const RowPlace *rows, size_t count) {
    Flight flight = {.seed = 7};
    bool is_well = make_room(&flight, count);
    for (int round = 0; is_well && round < 2; round++) {
        put_rows(&flight, rows, count);
        for (size_t i = 0; i < count; i++) is_well &= is_in_flight(&flight, hash_of_row(&flight, rows[i].row));
        for (size_t i = 0; i < count; i++) {
            is_well &= is_in_flight(&flight, hash_of_row(&flight, rows[i].row));
            is_well &= take_out(&flight, hash_of_row(&flight, rows[i].row));
        }
        for (size_t i = 0; i < count; i++) is_well &= !is_in_flight(&flight, hash_of_row(&flight, rows[i].row));
        is_well &= flight.used == 0 && make_room(&flight, 4 * count + LEAST_ROOM);
    }
    free(flight.hashes);
    return is_well;
}

int main(int count, char **arguments) {
    static RowPlace rows[100000], sorted[100000];
    FILE *file = count == 2 ? fopen(arguments[1], "rb") : NULL;
    if (file == NULL) return 2;
    size_t read = read_rows(file, rows, sizeof rows / sizeof *rows);
    fclose(file);
    if (!sort_rows(rows, read, sorted)) return 4;
    write_rows_out(sorted, read);
    bool is_well = come_and_go(rows, read);
    for (size_t i = 0; i < read; i++) free((void *)rows[i].row);
    return is_well ? 0 : 1;
}
