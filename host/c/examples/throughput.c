/* throughput.c - keep a firebrick board busy with frames, and tell how fast it goes.
 *
 *     throughput HOST[:PORT] FRAMES
 *
 * Prints frames, seconds, and seconds of this program's processor time; then what the link lost.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#define _POSIX_C_SOURCE 200809L

#include "firebrick.h"
#include "posix_port.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define PACKET_BYTES (16384u + FB_OVERHEAD)
#define MOST_IN_FLIGHT 64u

static double seconds(clockid_t clock)
{
    struct timespec now;
    (void)clock_gettime(clock, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* Send as many frames as are asked for, and take their results. */
static fb_status send_frames(fb_board *board, uint32_t wanted, const uint8_t *pixels, int32_t *sums)
{
    static fb_frame frames[MOST_IN_FLIGHT];
    fb_frame *spare[MOST_IN_FLIGHT];
    size_t spares = MOST_IN_FLIGHT;
    uint32_t sent = 0;
    uint32_t answered = 0;
    fb_status status = FB_OK;
    for (size_t at = 0; at < MOST_IN_FLIGHT; at++) {
        spare[at] = &frames[at];
    }
    while (status == FB_OK && answered < wanted) {
        while (status == FB_OK && sent < wanted && spares > 0u && fb_may_submit(board)) {
            fb_frame *frame = spare[--spares];
            const size_t slot = (size_t)(frame - frames) * board->info.classes;
            status = fb_submit(board, frame, pixels, board->info.frame_bytes, sums + slot,
                               board->info.classes);
            sent++;
        }
        if (status == FB_OK) {
            status = fb_poll(board, 1000);
        }
        for (fb_frame *frame = fb_result(board); frame != NULL; frame = fb_result(board)) {
            spare[spares++] = frame;
            answered++;
            status = status == FB_OK ? frame->status : status;
        }
    }
    return status;
}

static fb_status measure(fb_board *board, uint32_t wanted)
{
    uint8_t *pixels = calloc(board->info.frame_bytes, 1);
    int32_t *sums = calloc((size_t)MOST_IN_FLIGHT * board->info.classes, sizeof *sums);
    fb_status status = FB_ERR_ROOM;
    if (pixels != NULL && sums != NULL) {
        const double began = seconds(CLOCK_MONOTONIC);
        const double used = seconds(CLOCK_PROCESS_CPUTIME_ID);
        status = send_frames(board, wanted, pixels, sums);
        (void)printf("%lu %.6f %.6f\n", (unsigned long)wanted, seconds(CLOCK_MONOTONIC) - began,
                     seconds(CLOCK_PROCESS_CPUTIME_ID) - used);
        (void)printf("%lu %lu %lu\n", (unsigned long)board->damaged,
                     (unsigned long)board->returned, (unsigned long)board->resent);
    }
    free(pixels);
    free(sums);
    return status;
}

int main(int count, char **arguments)
{
    static uint8_t tx[PACKET_BYTES];
    static uint8_t rx[PACKET_BYTES];
    posix_port port;
    fb_board board;
    const long wanted = count == 3 ? strtol(arguments[2], NULL, 10) : 0;
    if (wanted < 1 || wanted > 100000000) {
        (void)fprintf(stderr, "error: give throughput HOST[:PORT] FRAMES\n");
        return 2;
    }
    if (!posix_open_udp(&port, arguments[1])) {
        (void)fprintf(stderr, "error: %s\n", port.message);
        return 2;
    }
    const fb_config config = {
        .port = posix_callbacks(&port),
        .tx = tx,
        .tx_size = sizeof tx,
        .rx = rx,
        .rx_size = sizeof rx,
        .first = posix_first(),
    };
    fb_status status = fb_open(&board, &config);
    if (status == FB_OK) {
        status = fb_meet(&board);
    }
    if (status == FB_OK) {
        status = measure(&board, (uint32_t)wanted);
    }
    posix_close(&port);
    if (status != FB_OK) {
        (void)fprintf(stderr, "error: %s: %s\n", arguments[1], fb_strerror(status));
        return 1;
    }
    return 0;
}
