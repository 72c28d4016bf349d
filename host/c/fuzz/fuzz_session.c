/* fuzz_session.c - the driver against a board that says anything: a harness for libFuzzer.
 *
 * The input is a script. Its first byte chooses the kind of link; then each step is a byte that
 * says what happens, and the bytes that this takes. Buffers are exactly as long as the driver is
 * told, so that AddressSanitizer sees any byte beyond them. What is checked besides: no result
 * comes twice or for a frame that was not submitted, and its sums end where its classes do.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "fuzz_session.h"

#include "firebrick.h"

#include <stdlib.h>
#include <string.h>

#define FRAMES 4u
#define MOST_PIXELS 4096u
#define MOST_CLASSES 400u
#define TX_BYTES 76u
#define RX_BYTES 540u
#define STALLS 3u
#define LINE_BYTES 600u
#define PACKET_BYTES 556u

typedef struct script {
    const uint8_t *at;
    size_t left;
    /* What comes next from the board. */
    uint8_t line[LINE_BYTES];
    size_t waiting;
    bool stream;
    uint32_t now;
    uint32_t sent;
} script;

static uint8_t take(script *from)
{
    if (from->left == 0u) {
        return 0;
    }
    from->left--;
    return *from->at++;
}

static bool count_sent(void *context, const uint8_t *data, size_t size)
{
    script *play = context;
    for (size_t at = 0; at < size; at++) {
        play->sent += data[at]; /* all of it can be read */
    }
    return play->sent % 1009u != 1008u;
}

static int32_t give(void *context, uint8_t *data, size_t size, uint32_t wait_ms)
{
    script *play = context;
    const size_t given = play->waiting < size ? play->waiting : size;
    if (given == 0u) {
        play->now += wait_ms < 100u ? wait_ms : 100u;
        return 0;
    }
    memcpy(data, play->line, given);
    /* What a datagram has more than there is room for is lost. */
    play->waiting = play->stream ? play->waiting - given : 0u;
    memmove(play->line, play->line + given, play->waiting);
    return (int32_t)given;
}

static uint32_t tell(void *context)
{
    const script *play = context;
    return play->now;
}

static uint32_t crc32(const uint8_t *data, size_t size)
{
    uint32_t crc = 0xFFFFFFFFu;
    for (size_t at = 0; at < 8u * size; at++) {
        const uint32_t bit = (crc ^ ((uint32_t)data[at / 8u] >> (at % 8u))) & 1u;
        crc = (crc >> 1) ^ (bit != 0u ? 0xEDB88320u : 0u);
    }
    return ~crc;
}

static void put(uint8_t *to, uint64_t value, size_t bytes)
{
    for (size_t at = 0; at < bytes; at++) {
        to[at] = (uint8_t)((value >> (8u * at)) & 0xFFu);
    }
}

/* Put a packet whose CRC is right on the line. */
static void say(script *play, unsigned kind, unsigned sequence, unsigned index, size_t length,
                const uint8_t *payload)
{
    uint8_t packet[PACKET_BYTES];
    put(packet, sequence, 2);
    put(packet + 2, index, 2);
    packet[4] = (uint8_t)kind;
    packet[5] = kind == 7u ? (uint8_t)(take(play) & 4u) : 0u;
    put(packet + 6, length, 2);
    memcpy(packet + 8, payload, length);
    put(packet + 8 + length, crc32(packet, 8 + length), 4);
    play->waiting = 0;
    if (play->stream) {
        play->line[play->waiting++] = 0x7Eu;
    }
    for (size_t at = 0; at < length + 12u && play->waiting + 2u <= LINE_BYTES; at++) {
        const bool escaped = play->stream && (packet[at] == 0x7Eu || packet[at] == 0x7Du);
        if (escaped) {
            play->line[play->waiting++] = 0x7Du;
        }
        play->line[play->waiting++] = escaped ? packet[at] ^ 0x20u : packet[at];
    }
}

/* A board whose numbers are small, or as the script says. */
static void say_info(script *play, unsigned sequence)
{
    uint8_t info[52];
    memset(info, 0, sizeof info);
    put(info, 0x4B524246u, 4);
    info[4] = FB_PROTOCOL_VERSION;
    const uint8_t shape = take(play);
    put(info + 6, 1u + (shape & 63u), 2);       /* chunk */
    put(info + 8, 1u + (shape >> 5), 2);        /* credits */
    put(info + 10, 1u + (shape & 3u), 2);       /* frames */
    put(info + 12, 1u + (take(play) & 15u), 2); /* height */
    put(info + 14, 1u + (take(play) & 15u), 2); /* width */
    put(info + 16, 1u + (take(play) & 3u), 2);  /* channels */
    put(info + 18, 1u + 3u * (uint64_t)(take(play) & 127u), 2); /* classes */
    put(info + 20, take(play) & 7u, 2);         /* streams */
    put(info + 44, take(play) & 1u, 2);         /* memories */
    const uint8_t spoilt = take(play);
    if (spoilt > 200u) {
        info[spoilt - 200u < sizeof info ? spoilt - 200u : 0u] = take(play);
    }
    say(play, 2, sequence, 0, sizeof info, info);
}

/* Any payload, as long as the kind of packet wants or not, filled from the script. */
static void say_any(script *play, const fb_board *board, uint8_t what)
{
    uint8_t payload[PACKET_BYTES - 12u];
    const unsigned kind = what & 7u;
    const unsigned sequence = (board->base + (unsigned)take(play) % 12u) & 0xFFFFu;
    const unsigned index = take(play) % 6u;
    size_t length = 4;
    if (kind == 7u) {
        const size_t left = board->info.classes - (size_t)index * FB_SUMS;
        length = 8u + 4u * (left < FB_SUMS ? left : FB_SUMS);
    } else if (kind == 3u) {
        length = 32u + 4u * (size_t)board->info.streams;
    } else {
        length = kind < 3u ? 0u : 4u;
    }
    length = (what & 32u) != 0u ? take(play) : length;
    length = length < sizeof payload ? length : 0u;
    memset(payload, 0, sizeof payload);
    for (size_t at = 0; at < length && at < 32u; at++) {
        payload[at] = take(play);
    }
    if (kind == 3u && (what & 16u) != 0u) {
        put(payload + 12, sequence, 2);
        say(play, 3, board->question, 0, length, payload);
    } else {
        say(play, kind, sequence, index, length, payload);
    }
}

/* Bytes of the script as they are. */
static void say_bytes(script *play)
{
    const size_t wanted = take(play);
    play->waiting = 0;
    while (play->waiting < wanted && play->left > 0u) {
        play->line[play->waiting++] = take(play);
    }
}

static void check(bool holds)
{
    if (!holds) {
        abort();
    }
}

typedef struct store {
    fb_board board;
    fb_frame frames[FRAMES];
    bool busy[FRAMES];
    int32_t *sums[FRAMES];
    uint8_t *pixels, *tx, *rx;
    uint32_t *stalls;
} store;

static void submit(store *all)
{
    size_t slot = 0;
    while (slot < FRAMES && all->busy[slot]) {
        slot++;
    }
    if (slot == FRAMES || !fb_is_ready(&all->board)) {
        return;
    }
    const size_t size = all->board.info.frame_bytes;
    if (size > MOST_PIXELS || all->board.info.classes > MOST_CLASSES) {
        check(fb_submit(&all->board, &all->frames[slot], all->pixels, MOST_PIXELS, all->sums[slot],
                        MOST_CLASSES) != FB_OK);
        return;
    }
    free(all->sums[slot]);
    all->sums[slot] = calloc(all->board.info.classes, sizeof(int32_t));
    /* The pixels end where the buffer does. */
    all->busy[slot] = fb_submit(&all->board, &all->frames[slot],
                                all->pixels + (MOST_PIXELS - size), size, all->sums[slot],
                                all->board.info.classes) == FB_OK;
}

static void take_results(store *all)
{
    for (fb_frame *frame = fb_result(&all->board); frame != NULL; frame = fb_result(&all->board)) {
        const size_t slot = (size_t)(frame - all->frames);
        check(slot < FRAMES && all->busy[slot] && frame->status != FB_PENDING);
        all->busy[slot] = false;
    }
    size_t busy = 0;
    for (size_t slot = 0; slot < FRAMES; slot++) {
        busy += all->busy[slot] ? 1u : 0u;
    }
    check(busy == fb_unanswered(&all->board));
}

static void step(store *all, script *play)
{
    const uint8_t what = take(play);
    switch (what >> 5) {
    case 0:
        submit(all);
        break;
    case 1:
        play->now += 8u * (uint32_t)take(play);
        break;
    case 2:
        say_bytes(play);
        break;
    case 3:
        say(play, 1, all->board.base, 0, 0, play->line);
        break;
    case 4:
        say_info(play, (what & 1u) != 0u ? all->board.info_question : all->board.base);
        break;
    case 5:
        (void)fb_ask(&all->board);
        break;
    default:
        say_any(play, &all->board, what);
        break;
    }
    (void)fb_poll(&all->board, what & 15u);
    take_results(all);
}

static void *reserve(size_t bytes)
{
    void *found = calloc(bytes, 1);
    check(found != NULL);
    return found;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t digest[FB_DIGEST_BYTES];
    script *play = reserve(sizeof *play);
    store *all = reserve(sizeof *all);
    play->at = data;
    play->left = size;
    const uint8_t link = take(play);
    play->stream = (link & 1u) != 0u;
    all->pixels = reserve(MOST_PIXELS);
    all->tx = reserve(TX_BYTES);
    all->rx = reserve(RX_BYTES);
    all->stalls = reserve(STALLS * sizeof(uint32_t));
    const fb_config config = {
        .port = {play, count_sent, give, tell, play->stream, (link & 2u) != 0u ? 10000u : 0u},
        .tx = all->tx,
        .tx_size = TX_BYTES,
        .rx = all->rx,
        .rx_size = RX_BYTES,
        .digest = (link & 4u) != 0u ? digest : NULL,
        .first = (uint16_t)(0xFFF0u + (link >> 3)),
        .stalls = (link & 2u) != 0u ? all->stalls : NULL,
        .stalls_room = (link & 2u) != 0u ? STALLS : 0u,
    };
    check(fb_open(&all->board, &config) == FB_OK);
    (void)fb_poll(&all->board, 0);
    while (play->left > 0u) {
        step(all, play);
    }
    for (size_t slot = 0; slot < FRAMES; slot++) {
        free(all->sums[slot]);
    }
    free(all->stalls);
    free(all->rx);
    free(all->tx);
    free(all->pixels);
    free(all);
    free(play);
    return 0;
}
