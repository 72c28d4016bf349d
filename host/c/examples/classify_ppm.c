/* classify_ppm.c - classify a picture on a firebrick board.
 *
 *     classify_ppm --port /dev/ttyUSB1 --baud 6000000 cat.ppm
 *     classify_ppm --udp 192.168.1.50 --labels labels.txt cat.ppm
 *
 * The picture is a binary PPM (P6), or a PGM (P5) for networks of one channel, of exactly the
 * network's size. Prints the class and all class sums. The exit status is 1 if the board or the
 * link fails, and 2 if what was given is wrong.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "firebrick.h"
#include "posix_port.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PACKET_BYTES (16384u + FB_OVERHEAD)
#define LABEL_BYTES 256
#define MOST_SIDE 65535u
#define MOST_SECONDS 86400u

enum { FINE = 0, FAILED = 1, WRONG = 2 };

typedef struct options {
    const char *serial, *udp, *labels, *picture;
    uint32_t baud, timeout;
    uint8_t digest[FB_DIGEST_BYTES];
    bool has_digest;
} options;

static int complain(int status, const char *where, const char *what)
{
    (void)fprintf(stderr, "error: %s%s%s\n", where, where[0] != '\0' ? ": " : "", what);
    return status;
}

/* ------------------------------------------------------------------ the command line */

static bool read_number(const char *text, uint32_t *number)
{
    char *end = NULL;
    errno = 0;
    const unsigned long value = strtoul(text, &end, 10);
    *number = (uint32_t)value;
    return text[0] >= '0' && text[0] <= '9' && *end == '\0' && errno == 0 && value > 0u &&
           value <= 1000000000u;
}

static bool read_digest(const char *text, uint8_t *digest)
{
    if (strlen(text) != 2u * FB_DIGEST_BYTES ||
        strspn(text, "0123456789abcdefABCDEF") != 2u * FB_DIGEST_BYTES) {
        return false;
    }
    for (size_t at = 0; at < FB_DIGEST_BYTES; at++) {
        const char pair[3] = {text[2u * at], text[2u * at + 1u], '\0'};
        digest[at] = (uint8_t)strtoul(pair, NULL, 16);
    }
    return true;
}

static bool read_option(options *given, const char *name, const char *value)
{
    if (strcmp(name, "--port") == 0) {
        given->serial = value;
    } else if (strcmp(name, "--udp") == 0) {
        given->udp = value;
    } else if (strcmp(name, "--labels") == 0) {
        given->labels = value;
    } else if (strcmp(name, "--baud") == 0) {
        return read_number(value, &given->baud);
    } else if (strcmp(name, "--timeout") == 0) {
        return read_number(value, &given->timeout) && given->timeout <= MOST_SECONDS;
    } else if (strcmp(name, "--digest") == 0) {
        given->has_digest = true;
        return read_digest(value, given->digest);
    } else {
        return false;
    }
    return true;
}

static bool read_options(options *given, int count, char **arguments)
{
    memset(given, 0, sizeof *given);
    for (int at = 1; at < count; at++) {
        if (arguments[at][0] != '-') {
            if (given->picture != NULL) {
                return false;
            }
            given->picture = arguments[at];
        } else {
            if (at + 1 >= count || !read_option(given, arguments[at], arguments[at + 1])) {
                return false;
            }
            at++;
        }
    }
    const bool serial = given->serial != NULL;
    return given->picture != NULL && serial != (given->udp != NULL) &&
           serial == (given->baud != 0u);
}

/* ------------------------------------------------------------------ pictures and labels */

/* A number of a picture's head, behind white space and comments; 0 if there is none. */
static uint32_t read_size(FILE *file)
{
    uint32_t number = 0;
    int letter = getc(file);
    while (letter == ' ' || letter == '\t' || letter == '\n' || letter == '\r' || letter == '#') {
        if (letter == '#') {
            while (letter != '\n' && letter != EOF) {
                letter = getc(file);
            }
        } else {
            letter = getc(file);
        }
    }
    while (letter >= '0' && letter <= '9' && number <= MOST_SIDE) {
        number = 10u * number + (uint32_t)(letter - '0');
        letter = getc(file); /* in the end, the one character behind the number */
    }
    return number <= MOST_SIDE ? number : 0u;
}

/* Pixels of a picture of a board's size; to be freed. NULL, and a message, if it is no such. */
static uint8_t *read_picture(const char *path, const fb_info *info)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        (void)complain(WRONG, path, strerror(errno));
        return NULL;
    }
    const int letter = getc(file);
    const int kind = getc(file);
    const uint32_t width = read_size(file);
    const uint32_t height = read_size(file);
    const uint32_t most = read_size(file);
    const uint32_t channels = kind == '6' ? 3u : 1u;
    uint8_t *pixels = NULL;
    if (letter != 'P' || (kind != '6' && kind != '5') || width == 0u || height == 0u ||
        most != 255u) {
        (void)complain(WRONG, path, "no binary PPM (P6) or PGM (P5) of 8 bits a sample");
    } else if (width != info->width || height != info->height || channels != info->channels) {
        char message[160];
        (void)snprintf(message, sizeof message,
                       "%ux%u pixels of %u channels; the board takes %ux%u of %u: resize it",
                       width, height, channels, info->width, info->height, info->channels);
        (void)complain(WRONG, path, message);
    } else {
        pixels = malloc(info->frame_bytes);
        if (pixels == NULL || fread(pixels, 1, info->frame_bytes, file) != info->frame_bytes) {
            (void)complain(WRONG, path, "the file ends before its pixels do");
            free(pixels);
            pixels = NULL;
        }
    }
    (void)fclose(file);
    return pixels;
}

/* A class's line of a file; whether there is such a line. */
static bool read_label(const char *path, size_t wanted, char *label)
{
    FILE *file = fopen(path, "r");
    bool found = file != NULL;
    size_t line = 0;
    while (found && line <= wanted) {
        found = fgets(label, LABEL_BYTES, file) != NULL;
        const bool ended = found && strchr(label, '\n') != NULL;
        line += (ended || (found && feof(file) != 0)) ? 1u : 0u;
    }
    if (file != NULL) {
        (void)fclose(file);
    }
    label[found ? strcspn(label, "\r\n") : 0u] = '\0';
    return found;
}

/* ------------------------------------------------------------------ the board */

static int print_result(const options *given, const int32_t *sums, size_t classes)
{
    char label[LABEL_BYTES] = "";
    const size_t best = fb_top1(sums, classes);
    if (given->labels != NULL && !read_label(given->labels, best, label)) {
        char message[64];
        (void)snprintf(message, sizeof message, "cannot read a label of class %lu there",
                       (unsigned long)best);
        return complain(WRONG, given->labels, message);
    }
    (void)printf("class %lu%s%s\nsums", (unsigned long)best, label[0] != '\0' ? ": " : "", label);
    for (size_t at = 0; at < classes; at++) {
        (void)printf(" %ld", (long)sums[at]);
    }
    (void)printf("\n");
    return FINE;
}

static int tell_board(const options *given, const posix_port *port, fb_status status)
{
    const char *name = given->serial != NULL ? given->serial : given->udp;
    const bool own = status == FB_ERR_LINK && port->message[0] != '\0';
    return complain(FAILED, name, own ? port->message : fb_strerror(status));
}

static int classify(const options *given, posix_port *port)
{
    static uint8_t tx[PACKET_BYTES];
    static uint8_t rx[PACKET_BYTES];
    static int32_t sums[MOST_SIDE];
    fb_board board;
    const fb_config config = {
        .port = posix_callbacks(port),
        .tx = tx,
        .tx_size = sizeof tx,
        .rx = rx,
        .rx_size = sizeof rx,
        .digest = given->has_digest ? given->digest : NULL,
        .first = posix_first(),
        .timeout_ms = 1000u * given->timeout,
    };
    fb_status status = fb_open(&board, &config);
    if (status == FB_OK) {
        status = fb_meet(&board);
    }
    if (status != FB_OK) {
        return tell_board(given, port, status);
    }
    uint8_t *pixels = read_picture(given->picture, &board.info);
    if (pixels == NULL) {
        return WRONG;
    }
    status = fb_classify(&board, pixels, board.info.frame_bytes, sums, MOST_SIDE, NULL);
    free(pixels);
    return status == FB_OK ? print_result(given, sums, board.info.classes)
                           : tell_board(given, port, status);
}

int main(int count, char **arguments)
{
    options given;
    posix_port port;
    if (!read_options(&given, count, arguments)) {
        return complain(WRONG, "",
                        "give classify_ppm (--port DEVICE --baud N | --udp HOST[:PORT]) "
                        "[--labels FILE] [--digest 16_HEX_DIGITS] [--timeout SECONDS] PICTURE.ppm");
    }
    const bool open = given.serial != NULL ? posix_open_serial(&port, given.serial, given.baud)
                                           : posix_open_udp(&port, given.udp);
    if (!open) {
        return complain(WRONG, "", port.message);
    }
    const int status = classify(&given, &port);
    posix_close(&port);
    return status;
}
