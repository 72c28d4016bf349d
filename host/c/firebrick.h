/* firebrick.h - a driver for firebrick boards in C99.
 *
 * Frames of raw pixels go to a board, class sums come back. The driver allocates nothing and keeps
 * nothing but what is in the structures that it is given; bytes and time come by callbacks. It is
 * the same session as protocol/session.py and host/exchange.py, packet for packet.
 *
 *     fb_open(&board, &config);                       nothing is sent yet
 *     status = fb_meet(&board);                       or fb_poll() until fb_is_ready()
 *     status = fb_classify(&board, pixels, size, sums, room, &cycles);
 *
 * or, to keep a board busy, fb_submit() while fb_may_submit(), then fb_poll() and fb_result().
 * One thread at a time may use a board; different boards are independent of each other.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef FIREBRICK_H
#define FIREBRICK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define FB_PROTOCOL_VERSION 5u
#define FB_UDP_PORT 18002u      /* of boards, unless they are generated with another one */
#define FB_DIGEST_BYTES 8u      /* that name a network */
#define FB_OVERHEAD 12u         /* bytes of a packet around its payload */
#define FB_LEAST_RX 64u         /* bytes of the shortest buffer for what comes */
#define FB_SUMS 128u            /* class sums in a packet */
#define FB_PART_WORDS 16u       /* 32-bit words with a bit for each packet of a result */
#define FB_QUESTIONS 16u        /* that are remembered until they are answered */
#define FB_PATIENCE_MS 250u     /* of fb_config, if 0 is given */
#define FB_TIMEOUT_MS 5000u     /* of fb_config, if 0 is given */

typedef enum fb_status {
    FB_OK = 0,
    FB_PENDING,       /* of a frame: its result has not come */
    FB_ERR_ARGUMENT,  /* a pointer is missing, or a frame was submitted twice */
    FB_ERR_BUSY,      /* the board takes no further frame now: poll first */
    FB_ERR_SIZE,      /* the frame is not as large as the board's */
    FB_ERR_ROOM,      /* a buffer is too small for this board */
    FB_ERR_REFUSED,   /* of a frame: the board refused it, its class sums mean nothing */
    FB_ERR_LINK,      /* a callback could not send or receive */
    FB_ERR_SILENT,    /* the board says nothing */
    FB_ERR_STUCK,     /* the board answers, but no frame comes further */
    FB_ERR_NOT_OURS,  /* what answers is no firebrick board */
    FB_ERR_VERSION,   /* the board speaks another version of the protocol */
    FB_ERR_NETWORK,   /* the board holds another network */
    FB_ERR_CHANGED    /* another board or network came while frames were waiting */
} fb_status;

/* How bytes leave and come. `context` is handed to the callbacks. */
typedef struct fb_port {
    void *context;
    /* Send all of it, waiting as long as that takes: one datagram, or some bytes of a stream.
     * False if the link is broken; what is merely lost is sent again. */
    bool (*send)(void *context, const uint8_t *data, size_t size);
    /* Wait up to wait_ms (or not at all) for one datagram, or some bytes of a stream. How many
     * bytes came; 0 if none; negative if the link is broken. What is beyond `size` of a datagram
     * is cut off. */
    int32_t (*receive)(void *context, uint8_t *data, size_t size, uint32_t wait_ms);
    /* Milliseconds of any clock that goes on steadily and wraps after 2^32. NULL: fb_set_time()
     * tells the time, and the functions that wait cannot be used. */
    uint32_t (*now_ms)(void *context);
    bool stream;               /* a serial line; else datagrams */
    uint32_t bytes_per_second; /* that the link carries, so that patience is long enough; 0: many */
} fb_port;

typedef struct fb_config {
    fb_port port;
    uint8_t *tx;           /* a packet that leaves: FB_OVERHEAD and the board's chunk */
    size_t tx_size;
    uint8_t *rx;           /* a packet that comes: FB_LEAST_RX or more, see fb_rx_bytes() */
    size_t rx_size;
    const uint8_t *digest; /* of the network that the board must hold; NULL: any */
    uint16_t first;        /* number of the first frame; best a random one in each run */
    uint32_t patience_ms;  /* without progress, until it is asked what was lost */
    uint32_t timeout_ms;   /* without progress, until the board is given up */
    uint32_t *stalls;      /* for fb_statistics.stalls; may be NULL */
    size_t stalls_room;    /* words there */
} fb_config;

/* What a board says of itself. */
typedef struct fb_info {
    uint16_t chunk, credits, frames;
    uint16_t height, width, channels, classes;
    uint16_t streams, memories;
    uint16_t update; /* bit 0: takes contents only under a key; bit 1: an update is incomplete */
    uint32_t counter, clock_hz;
    bool coded;
    uint8_t digest[FB_DIGEST_BYTES], structure[FB_DIGEST_BYTES];
    /* These follow from those above. */
    uint32_t frame_bytes; /* height x width x channels */
    uint32_t chunks;      /* packets a frame */
    uint32_t parts;       /* packets a result */
} fb_info;

/* How a board has been doing since it was switched on; docs/protocol.md tells what each means. */
typedef struct fb_statistics {
    uint32_t cycles, stalled, pixels;
    uint16_t sequence, index, credit, in_flight, answered, bad, dropped, lost, refused;
    uint16_t streams;       /* that it counts the stalls of */
    const uint32_t *stalls; /* of the first of them, as many as there was room for */
} fb_statistics;

/* A frame and its result. The driver has it, its pixels and its sums from fb_submit() until
 * fb_result() hands it back, or until the board is opened again. */
typedef struct fb_frame {
    fb_status status; /* FB_PENDING, FB_OK or FB_ERR_REFUSED */
    uint32_t ticket;  /* number of the frame: 0, 1, 2... in the order of submission */
    uint32_t cycles;  /* of the board's clock, from the first pixel to the last sum */
    const uint8_t *pixels;
    int32_t *sums;
    /* For the driver alone. */
    struct fb_frame *next;
    int64_t number;
    uint32_t parts[FB_PART_WORDS];
    bool refused;
} fb_frame;

typedef struct fb_list {
    fb_frame *first, *last;
    uint32_t count;
} fb_list;

/* A talk with a board. Read what is above the line; the rest is for the driver alone. */
typedef struct fb_board {
    fb_info info;
    uint32_t heard;    /* packets that came whole */
    uint32_t damaged;  /* packets that did not, or make no sense */
    uint32_t returned; /* times that packets were sent again */
    uint32_t resent;   /* frames computed again, since their results were lost */
    uint32_t resets;   /* sessions after the first */
    /* ------------------------------------------------------------------ */
    fb_config config;
    fb_status status;
    unsigned phase, due;
    uint16_t base, question, open_questions, info_question;
    bool known, info_open, info_turn, stats_asked, stats_known;
    uint8_t network[4];
    fb_statistics statistics;
    fb_list waiting, done;
    uint32_t tickets, progress;
    int64_t frames, cursor, sent, accepted, limit, returned_to;
    int64_t asked[FB_QUESTIONS]; /* packets sent when each of the last questions was asked */
    /* Of a stream's receiver. */
    size_t filled;
    bool idle, escaped;
    /* Time, in milliseconds. */
    uint32_t time, moved, retried, left, patience, heard_then;
} fb_board;

/* Begin a talk; nothing is sent before the first fb_poll(). Everything before is forgotten.
 * FB_ERR_ARGUMENT or FB_ERR_ROOM if something is missing in `config`, which is copied. */
fb_status fb_open(fb_board *board, const fb_config *config);

/* Whether the board has said what it is: `info` is valid. */
bool fb_is_ready(const fb_board *board);

/* Wait until it has. */
fb_status fb_meet(fb_board *board);

/* One step: send what may be sent, wait up to wait_ms for something to come (not at all while
 * results are there to be taken), take what has come, ask again if nothing does. An error is
 * lasting: the board must be opened again. */
fb_status fb_poll(fb_board *board, uint32_t wait_ms);

/* Tell the time, before each fb_poll(), if there is no callback for it. */
void fb_set_time(fb_board *board, uint32_t now_ms);

/* Whether the board takes another frame. */
bool fb_may_submit(const fb_board *board);

/* Take a frame to send: row by row, channels last, `size` bytes. `room` is how many class sums fit
 * in `sums`. It may be refused by FB_ERR_ARGUMENT, _BUSY, _SIZE or _ROOM, which do not last. */
fb_status fb_submit(fb_board *board, fb_frame *frame, const uint8_t *pixels, size_t size,
                    int32_t *sums, size_t room);

/* Frames without a result. */
uint32_t fb_unanswered(const fb_board *board);

/* The next frame whose result has come; NULL if there is none. They come in the order in which
 * they were submitted, unless a result was lost and its frame computed again. */
fb_frame *fb_result(fb_board *board);

/* Submit a frame and wait for its result. `cycles` may be NULL. */
fb_status fb_classify(fb_board *board, const uint8_t *pixels, size_t size, int32_t *sums,
                      size_t room, uint32_t *cycles);

/* Ask the board how it is doing; what it said before is forgotten. */
fb_status fb_ask(fb_board *board);

/* Whether it has answered since, and how. */
bool fb_heard(const fb_board *board, fb_statistics *said);

/* Ask it and wait for the answer. */
fb_status fb_statistics_now(fb_board *board, fb_statistics *said);

/* Bytes that `tx` and `rx` need for a board. */
size_t fb_tx_bytes(const fb_info *info);
size_t fb_rx_bytes(const fb_info *info);

/* Which class has the largest sum, the first one of several. */
size_t fb_top1(const int32_t *sums, size_t classes);

/* What a status means, in English. */
const char *fb_strerror(fb_status status);

#ifdef __cplusplus
}
#endif

#endif
