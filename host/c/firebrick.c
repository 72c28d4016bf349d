/* firebrick.c - see firebrick.h, and docs/protocol.md for what is on the line.
 *
 * A place is the number of a packet among all packets of all frames since the last reset: number
 * of the frame times packets a frame, plus index. The board takes packets in the order of places.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "firebrick.h"

#include <string.h>

#define HEADER_BYTES 8u
#define CRC_BYTES 4u
#define INFO_BYTES 52u
#define STATISTICS_BYTES 32u
#define RESULT_BYTES 8u
#define CREDIT_BYTES 4u
#define NETWORK_BYTES 4u
#define MAGIC 0x4B524246u
#define FLAG 0x7Eu
#define ESCAPE 0x7Du
#define FLIP 0x20u
#define MOST_STREAMS 4000u
#define MOST_MEMORIES 255u
#define MOST_PACKETS 65536u
#define KNOWN_UPDATE_BITS 3u
#define FORM_REFUSED 4u
#define PIECE_BYTES 128u /* of a stream, written or read at once */
#define MOST_READS 64u   /* in one step, so that it ends whatever comes */
#define NO_PLACE (-1)

enum { KIND_RESET = 1, KIND_INFO, KIND_STATISTICS, KIND_FRAME, KIND_ACK, KIND_NACK, KIND_RESULT };
enum { PHASE_RESET, PHASE_INFO, PHASE_READY };
/* Questions that are to be sent. */
enum { DUE_RESET = 1, DUE_INFO = 2, DUE_STATISTICS = 4, DUE_INFO_AGAIN = 8 };

typedef struct packet {
    const uint8_t *payload;
    size_t length;
    uint16_t sequence, index;
    uint8_t kind, form;
} packet;

/* ------------------------------------------------------------------ bytes */

static uint16_t get16(const uint8_t *from)
{
    return (uint16_t)(from[0] | ((uint32_t)from[1] << 8));
}

static uint32_t get32(const uint8_t *from)
{
    return get16(from) | ((uint32_t)get16(from + 2) << 16);
}

static void put16(uint8_t *to, uint32_t value)
{
    to[0] = (uint8_t)(value & 0xFFu);
    to[1] = (uint8_t)((value >> 8) & 0xFFu);
}

static void put32(uint8_t *to, uint32_t value)
{
    put16(to, value);
    put16(to + 2, value >> 16);
}

/* The CRC-32 of IEEE 802.3, four bits at a time. */
static uint32_t crc32(const uint8_t *data, size_t size)
{
    static const uint32_t table[16] = {
        0x00000000u, 0x1DB71064u, 0x3B6E20C8u, 0x26D930ACu, 0x76DC4190u, 0x6B6B51F4u,
        0x4DB26158u, 0x5005713Cu, 0xEDB88320u, 0xF00F9344u, 0xD6D6A3E8u, 0xCB61B38Cu,
        0x9B64C2B0u, 0x86D3D2D4u, 0xA00AE278u, 0xBDBDF21Cu,
    };
    uint32_t crc = 0xFFFFFFFFu;
    for (size_t at = 0; at < size; at++) {
        crc ^= data[at];
        crc = (crc >> 4) ^ table[crc & 15u];
        crc = (crc >> 4) ^ table[crc & 15u];
    }
    return ~crc;
}

/* ------------------------------------------------------------------ frames that wait */

static void list_append(fb_list *list, fb_frame *frame)
{
    frame->next = NULL;
    if (list->last != NULL) {
        list->last->next = frame;
    } else {
        list->first = frame;
    }
    list->last = frame;
    list->count++;
}

static fb_frame *list_take(fb_list *list, const fb_frame *wanted)
{
    fb_frame *before = NULL;
    fb_frame *frame = list->first;
    while (frame != NULL && frame != wanted) {
        before = frame;
        frame = frame->next;
    }
    if (frame == NULL) {
        return NULL;
    }
    if (before != NULL) {
        before->next = frame->next;
    } else {
        list->first = frame->next;
    }
    if (list->last == frame) {
        list->last = before;
    }
    list->count--;
    return frame;
}

static fb_frame *find_frame(const fb_board *board, int64_t number)
{
    fb_frame *frame = board->waiting.first;
    while (frame != NULL && frame->number != number) {
        frame = frame->next;
    }
    return frame;
}

static void append_frame(fb_board *board, fb_frame *frame)
{
    memset(frame->parts, 0, sizeof frame->parts);
    frame->number = board->frames++;
    list_append(&board->waiting, frame);
}

/* Give new numbers to the frames below one: their results were lost. The list is in the order of
 * numbers. */
static void send_again(fb_board *board, int64_t below)
{
    while (board->waiting.first != NULL && board->waiting.first->number < below) {
        append_frame(board, list_take(&board->waiting, board->waiting.first));
        board->resent++;
    }
}

/* ------------------------------------------------------------------ places */

static int64_t chunks_of(const fb_board *board)
{
    return (int64_t)board->info.chunks;
}

static int64_t end_of(const fb_board *board)
{
    return board->frames * chunks_of(board);
}

static uint16_t wire_number(const fb_board *board, int64_t number)
{
    return (uint16_t)((board->base + (uint64_t)number) & 0xFFFFu);
}

/* The number nearest to where the board should be that has this sequence number. */
static int64_t number_of(const fb_board *board, uint16_t sequence)
{
    const int64_t near = board->accepted / chunks_of(board);
    const int64_t ahead = (int64_t)((uint16_t)(sequence - wire_number(board, near)));
    return near + (ahead < 0x8000 ? ahead : ahead - 0x10000);
}

/* NO_PLACE of a frame that the board has taken, and behind all of one that there is not. */
static int64_t place_of(const fb_board *board, uint16_t sequence, uint16_t index)
{
    const int64_t number = number_of(board, sequence);
    if (number < board->accepted / chunks_of(board)) {
        return NO_PLACE;
    }
    if (number > board->frames) {
        return end_of(board) + 1;
    }
    return number * chunks_of(board) + index;
}

/* ------------------------------------------------------------------ the session */

static void fail(fb_board *board, fb_status status)
{
    if (board->status == FB_OK) {
        board->status = status;
    }
}

/* Start again, with all frames that have no result. */
static void reset(fb_board *board)
{
    board->base = wire_number(board, board->frames);
    board->frames = 0;
    for (fb_frame *frame = board->waiting.first; frame != NULL; frame = frame->next) {
        memset(frame->parts, 0, sizeof frame->parts);
        frame->number = board->frames++;
    }
    board->cursor = board->sent = board->accepted = board->limit = 0;
    board->open_questions = 0;
    board->returned_to = NO_PLACE;
    board->due = DUE_RESET;
    board->phase = PHASE_RESET;
    board->resets++;
}

static void advance(fb_board *board, unsigned phase)
{
    board->phase = phase;
    if (board->resets == 0u) {
        board->progress++; /* once: a board that is reset over and over brings no frame further */
    }
}

/* Ask how the board is, behind all that has been sent: its answer says what it took. */
static void inquire(fb_board *board)
{
    board->question++;
    board->asked[board->question % FB_QUESTIONS] = board->cursor;
    if (board->open_questions < FB_QUESTIONS) {
        board->open_questions++;
    }
    board->due |= DUE_STATISTICS;
}

/* Ask again what the board is, until it says so. */
static void ask_info(fb_board *board)
{
    board->info_question++;
    board->info_open = true;
    board->due |= DUE_INFO_AGAIN;
}

/* Find out what was lost, since nothing has come for a while. */
static void retry(fb_board *board)
{
    if (board->phase == PHASE_RESET) {
        board->due |= DUE_RESET;
    } else if (board->phase == PHASE_INFO) {
        board->due |= DUE_INFO;
    } else {
        /* One question at a time, for a board that is busy keeps one. */
        board->info_turn = board->info_open && !board->info_turn;
        if (board->info_turn) {
            board->due |= DUE_INFO_AGAIN;
        } else {
            inquire(board);
        }
    }
}

static bool is_in_range(const fb_info *info)
{
    return info->height > 0u && info->width > 0u && info->channels > 0u && info->classes > 0u &&
           info->chunk > 0u && info->credits > 0u && info->frames > 0u &&
           info->streams <= MOST_STREAMS && info->memories <= MOST_MEMORIES &&
           (info->update & ~KNOWN_UPDATE_BITS) == 0u;
}

static fb_status read_info(fb_info *info, const packet *from)
{
    const uint8_t *at = from->payload;
    if (from->length != INFO_BYTES || get32(at) != MAGIC) {
        return FB_ERR_NOT_OURS;
    }
    if (get16(at + 4) != FB_PROTOCOL_VERSION) {
        return FB_ERR_VERSION;
    }
    memset(info, 0, sizeof *info);
    info->chunk = get16(at + 6);
    info->credits = get16(at + 8);
    info->frames = get16(at + 10);
    info->height = get16(at + 12);
    info->width = get16(at + 14);
    info->channels = get16(at + 16);
    info->classes = get16(at + 18);
    info->streams = get16(at + 20);
    info->coded = get16(at + 22) != 0u;
    info->clock_hz = get32(at + 24);
    memcpy(info->digest, at + 28, FB_DIGEST_BYTES);
    memcpy(info->structure, at + 36, FB_DIGEST_BYTES);
    info->memories = get16(at + 44);
    info->update = get16(at + 46);
    info->counter = get32(at + 48);
    if (!is_in_range(info)) {
        return FB_ERR_NOT_OURS;
    }
    const uint64_t bytes = (uint64_t)info->height * info->width * info->channels;
    if (bytes > (uint64_t)MOST_PACKETS * info->chunk) {
        return FB_ERR_NOT_OURS;
    }
    info->frame_bytes = (uint32_t)bytes;
    info->chunks = (uint32_t)((bytes + info->chunk - 1u) / info->chunk);
    info->parts = (info->classes + FB_SUMS - 1u) / FB_SUMS;
    return FB_OK;
}

/* Whether it is the same board, but for what an update changes. */
static bool is_same_board(const fb_info *one, const fb_info *other)
{
    const bool updated = one->memories > 0u;
    return one->chunk == other->chunk && one->credits == other->credits &&
           one->frames == other->frames && one->height == other->height &&
           one->width == other->width && one->channels == other->channels &&
           one->classes == other->classes && one->streams == other->streams &&
           one->memories == other->memories && one->clock_hz == other->clock_hz &&
           one->coded == other->coded &&
           memcmp(one->structure, other->structure, FB_DIGEST_BYTES) == 0 &&
           (one->update & 1u) == (other->update & 1u) &&
           (updated || (one->update == other->update && one->counter == other->counter &&
                        memcmp(one->digest, other->digest, FB_DIGEST_BYTES) == 0));
}

/* Learn what the board says of itself. */
static void know(fb_board *board, const fb_info *info, bool must_be_same)
{
    const uint8_t *digest = board->config.digest;
    if (digest != NULL && memcmp(digest, info->digest, FB_DIGEST_BYTES) != 0) {
        fail(board, FB_ERR_NETWORK);
    } else if (must_be_same && board->known && !is_same_board(info, &board->info)) {
        fail(board, FB_ERR_CHANGED);
    } else if (fb_tx_bytes(info) > board->config.tx_size ||
               fb_rx_bytes(info) > board->config.rx_size) {
        fail(board, FB_ERR_ROOM);
    } else {
        board->info = *info;
        board->known = true;
        board->info_open = false;
        memcpy(board->network, info->digest, NETWORK_BYTES);
    }
}

static void meet(fb_board *board, const packet *from)
{
    fb_info info;
    const fb_status status = read_info(&info, from);
    if (status != FB_OK) {
        fail(board, status);
        return;
    }
    know(board, &info, board->waiting.count > 0u);
    if (board->status == FB_OK) {
        board->limit = info.credits;
        advance(board, PHASE_READY);
    }
}

/* Learn what the board takes next, and how many packets from there on. */
static void take_place(fb_board *board, int64_t place, uint16_t credit)
{
    if (place > board->sent) {
        reset(board); /* it has something that was never sent since the last reset */
    } else if (place >= board->accepted) { /* or else it is older than what we know */
        if (place > board->accepted) {
            board->progress++;
        }
        board->accepted = place;
        board->limit = place + (credit < board->info.credits ? credit : board->info.credits);
        if (board->cursor < place) {
            board->cursor = place;
        }
    } else {
        /* Older than what is known. */
    }
}

/* Send again from there on; what was asked before this says nothing of it. */
static void go_back(fb_board *board, int64_t place)
{
    board->cursor = place;
    board->open_questions = 0;
    board->returned++;
}

static bool acknowledge(fb_board *board, const packet *from)
{
    if (from->length != CREDIT_BYTES) {
        return false;
    }
    const int64_t place = place_of(board, from->sequence, from->index);
    take_place(board, place, get16(from->payload));
    if (from->kind == KIND_NACK && place == board->accepted && place != board->returned_to) {
        go_back(board, place);
        board->returned_to = place;
    }
    return true;
}

/* Whether the sums come from the network that the board should hold. */
static bool is_network(fb_board *board, const uint8_t *network)
{
    const uint8_t *digest = board->config.digest;
    if (memcmp(network, digest != NULL ? digest : board->network, NETWORK_BYTES) == 0) {
        return true;
    }
    if (board->info.memories > 0u) {
        ask_info(board);
    }
    return false;
}

static void finish(fb_board *board, fb_frame *frame)
{
    const int64_t number = frame->number;
    frame->status = frame->refused ? FB_ERR_REFUSED : FB_OK;
    list_append(&board->done, list_take(&board->waiting, frame));
    /* The board answers in turn: what is older was answered, and that was lost. */
    send_again(board, number);
}

static bool take_result(fb_board *board, const packet *from)
{
    fb_frame *frame = find_frame(board, number_of(board, from->sequence));
    if (frame == NULL) {
        return true; /* came before */
    }
    const uint32_t index = from->index;
    if (index >= board->info.parts) {
        return false;
    }
    const uint32_t first = index * FB_SUMS;
    const uint32_t left = board->info.classes - first;
    const uint32_t count = left < FB_SUMS ? left : FB_SUMS;
    if (from->length != RESULT_BYTES + 4u * count || !is_network(board, from->payload + 4)) {
        return false;
    }
    frame->cycles = get32(from->payload);
    frame->refused = (from->form & FORM_REFUSED) != 0u;
    for (uint32_t at = 0; at < count; at++) {
        const uint32_t bits = get32(from->payload + RESULT_BYTES + 4u * (size_t)at);
        memcpy(&frame->sums[first + at], &bits, sizeof bits);
    }
    frame->parts[index / 32u] |= (uint32_t)1 << (index % 32u);
    board->progress++;
    bool complete = true;
    for (uint32_t part = 0; part < board->info.parts; part++) {
        complete = complete && ((frame->parts[part / 32u] >> (part % 32u)) & 1u) != 0u;
    }
    if (complete) {
        finish(board, frame);
    }
    return true;
}

static void read_statistics(fb_board *board, const uint8_t *at)
{
    fb_statistics *said = &board->statistics;
    said->cycles = get32(at);
    said->stalled = get32(at + 4);
    said->pixels = get32(at + 8);
    said->sequence = get16(at + 12);
    said->index = get16(at + 14);
    said->credit = get16(at + 16);
    said->in_flight = get16(at + 18);
    said->answered = get16(at + 20);
    said->bad = get16(at + 22);
    said->dropped = get16(at + 24);
    said->lost = get16(at + 26);
    said->refused = get16(at + 28);
    said->streams = board->info.streams;
    said->stalls = board->config.stalls;
    for (size_t stream = 0; stream < said->streams && stream < board->config.stalls_room;
         stream++) {
        board->config.stalls[stream] = get32(at + STATISTICS_BYTES + 4u * stream);
    }
}

static bool hear(fb_board *board, const packet *from)
{
    const uint32_t pixels = board->statistics.pixels;
    if (from->length != STATISTICS_BYTES + 4u * (size_t)board->info.streams) {
        return false;
    }
    read_statistics(board, from->payload);
    if (board->stats_known && pixels != board->statistics.pixels) {
        board->progress++;
    }
    board->stats_known = true;
    board->stats_asked = false;
    const uint16_t age = (uint16_t)(board->question - from->sequence);
    if (age >= board->open_questions) {
        return true; /* asked too long ago, or before packets were sent again */
    }
    board->open_questions = age;
    const int64_t asked = board->asked[from->sequence % FB_QUESTIONS];
    const fb_statistics *said = &board->statistics;
    const int64_t place = place_of(board, said->sequence, said->index);
    if (place < board->accepted) {
        reset(board); /* the board has forgotten what it had */
        return true;
    }
    take_place(board, place, said->credit);
    if (board->phase == PHASE_READY && place < asked) {
        go_back(board, place);
        board->returned_to = NO_PLACE;
    }
    if (said->in_flight == 0u && end_of(board) == board->accepted) {
        send_again(board, board->frames);
    }
    return true;
}

static bool hear_info(fb_board *board, const packet *from)
{
    fb_info info;
    if (!board->info_open || from->sequence != board->info_question || from->length == 0u) {
        return true; /* an answer to an older question, or an echo of the line */
    }
    if (read_info(&info, from) != FB_OK) {
        return false;
    }
    know(board, &info, true);
    return true;
}

static void take_ready(fb_board *board, const packet *from)
{
    bool makes_sense = true;
    switch (from->kind) {
    case KIND_ACK:
    case KIND_NACK:
        makes_sense = acknowledge(board, from);
        break;
    case KIND_RESULT:
        makes_sense = take_result(board, from);
        break;
    case KIND_STATISTICS:
        makes_sense = hear(board, from);
        break;
    case KIND_INFO:
        makes_sense = hear_info(board, from);
        break;
    default:
        break;
    }
    if (!makes_sense) {
        board->damaged++;
    }
}

/* Take what came in the place of a packet, damaged or not. */
static void take_packet(fb_board *board, const uint8_t *data, size_t size)
{
    if (size < HEADER_BYTES + CRC_BYTES ||
        size != HEADER_BYTES + CRC_BYTES + (size_t)get16(data + 6) ||
        crc32(data, size - CRC_BYTES) != get32(data + size - CRC_BYTES)) {
        board->damaged++;
        return;
    }
    const packet from = {
        .payload = data + HEADER_BYTES,
        .length = get16(data + 6),
        .sequence = get16(data),
        .index = get16(data + 2),
        .kind = data[4],
        .form = data[5],
    };
    board->heard++;
    if (board->phase == PHASE_READY) {
        take_ready(board, &from);
    } else if (from.sequence != board->base) {
        /* Of an earlier session. */
    } else if (board->phase == PHASE_RESET && from.kind == KIND_RESET) {
        advance(board, PHASE_INFO);
        board->due |= DUE_INFO;
    } else if (board->phase == PHASE_INFO && from.kind == KIND_INFO && from.length > 0u) {
        meet(board, &from); /* an empty one is our own question, echoed by the line */
    } else {
        /* Not what is waited for. */
    }
}

/* ------------------------------------------------------------------ packets out */

static size_t seal(fb_board *board, unsigned kind, uint16_t sequence, uint32_t index, size_t length)
{
    uint8_t *tx = board->config.tx;
    put16(tx, sequence);
    put16(tx + 2, index);
    tx[4] = (uint8_t)kind;
    tx[5] = 0;
    put16(tx + 6, (uint32_t)length);
    put32(tx + HEADER_BYTES + length, crc32(tx, HEADER_BYTES + length));
    return HEADER_BYTES + length + CRC_BYTES;
}

/* Make a question that is due. */
static size_t next_question(fb_board *board)
{
    if ((board->due & DUE_RESET) != 0u) {
        board->due &= ~(unsigned)DUE_RESET;
        return seal(board, KIND_RESET, board->base, 0, 0);
    }
    if ((board->due & DUE_INFO) != 0u) {
        board->due &= ~(unsigned)DUE_INFO;
        return seal(board, KIND_INFO, board->base, 0, 0);
    }
    if (board->phase != PHASE_READY) {
        return 0;
    }
    if ((board->due & DUE_STATISTICS) != 0u) {
        board->due &= ~(unsigned)DUE_STATISTICS;
        return seal(board, KIND_STATISTICS, board->question, 0, 0);
    }
    if ((board->due & DUE_INFO_AGAIN) != 0u) {
        board->due &= ~(unsigned)DUE_INFO_AGAIN;
        return seal(board, KIND_INFO, board->info_question, 0, 0);
    }
    return 0;
}

/* Make the next packet that may be sent, in `tx`; its bytes, or 0 if there is none. */
static size_t next_packet(fb_board *board)
{
    const size_t question = next_question(board);
    if (question > 0u || board->phase != PHASE_READY) {
        return question;
    }
    while (board->cursor < board->limit && board->cursor < end_of(board)) {
        const int64_t number = board->cursor / chunks_of(board);
        const fb_frame *frame = find_frame(board, number);
        if (frame == NULL) {
            /* Answered already, though the board has not said yet that it has all of it. */
            board->cursor = (number + 1) * chunks_of(board);
            continue;
        }
        const uint32_t index = (uint32_t)(board->cursor % chunks_of(board));
        const size_t start = (size_t)index * board->info.chunk;
        const size_t left = board->info.frame_bytes - start;
        const size_t length = left < board->info.chunk ? left : board->info.chunk;
        board->cursor++;
        if (board->sent < board->cursor) {
            board->sent = board->cursor;
        }
        memcpy(board->config.tx + HEADER_BYTES, frame->pixels + start, length);
        return seal(board, KIND_FRAME, wire_number(board, number), index, length);
    }
    return 0;
}

/* Send bytes of a stream: a flag, and the packet with its escapes. */
static bool send_framed(const fb_port *port, const uint8_t *data, size_t size)
{
    uint8_t piece[PIECE_BYTES];
    size_t filled = 0;
    piece[filled++] = FLAG;
    for (size_t at = 0; at < size; at++) {
        if (filled + 2u > PIECE_BYTES) {
            if (!port->send(port->context, piece, filled)) {
                return false;
            }
            filled = 0;
        }
        if (data[at] == FLAG || data[at] == ESCAPE) {
            piece[filled++] = ESCAPE;
            piece[filled++] = (uint8_t)(data[at] ^ FLIP);
        } else {
            piece[filled++] = data[at];
        }
    }
    return port->send(port->context, piece, filled);
}

static void send_all(fb_board *board)
{
    const fb_port *port = &board->config.port;
    size_t size = next_packet(board);
    while (size > 0u) {
        const bool sent = port->stream ? send_framed(port, board->config.tx, size)
                                       : port->send(port->context, board->config.tx, size);
        if (!sent) {
            fail(board, FB_ERR_LINK);
            return;
        }
        size = next_packet(board);
    }
}

/* ------------------------------------------------------------------ packets in */

/* A byte of a packet, without its escape. */
static void store(fb_board *board, uint8_t byte)
{
    uint8_t *rx = board->config.rx;
    rx[board->filled++] = byte;
    if (board->filled < HEADER_BYTES) {
        return;
    }
    const size_t size = HEADER_BYTES + CRC_BYTES + (size_t)get16(rx + 6);
    if (size > board->config.rx_size) {
        board->idle = true; /* no packet of this board is so long: its length is damaged */
        board->damaged++;
    } else if (board->filled == size) {
        board->idle = true;
        take_packet(board, rx, size);
    } else {
        /* More of it is to come. */
    }
}

static void take_byte(fb_board *board, uint8_t byte)
{
    if (byte == FLAG) {
        if (!board->idle && (board->filled > 0u || board->escaped)) {
            board->damaged++; /* the packet before was cut short */
        }
        board->filled = 0;
        board->idle = board->escaped = false;
    } else if (board->idle) {
        /* Noise between packets. */
    } else if (board->escaped) {
        board->escaped = false;
        store(board, byte ^ FLIP);
    } else if (byte == ESCAPE) {
        board->escaped = true;
    } else {
        store(board, byte);
    }
}

/* Read once; whether anything came. */
static bool receive_once(fb_board *board, uint32_t wait_ms)
{
    const fb_port *port = &board->config.port;
    uint8_t piece[PIECE_BYTES];
    uint8_t *to = port->stream ? piece : board->config.rx;
    const size_t room = port->stream ? sizeof piece : board->config.rx_size;
    const int32_t came = port->receive(port->context, to, room, wait_ms);
    if (came < 0 || (size_t)came > room) {
        fail(board, FB_ERR_LINK);
        return false;
    }
    if (port->stream) {
        for (int32_t at = 0; at < came && board->status == FB_OK; at++) {
            take_byte(board, piece[at]);
        }
    } else if (came > 0) {
        take_packet(board, to, (size_t)came);
    } else {
        /* Nothing came. */
    }
    return came > 0 && board->status == FB_OK;
}

/* ------------------------------------------------------------------ time */

static uint32_t time_of(fb_board *board)
{
    const fb_port *port = &board->config.port;
    if (port->now_ms != NULL) {
        board->time = port->now_ms(port->context);
    }
    return board->time;
}

/* How long the link takes at most for what may be under way, there and back. */
static uint32_t window_ms(const fb_board *board)
{
    const uint32_t rate = board->config.port.bytes_per_second;
    if (rate == 0u || !board->known) {
        return 0;
    }
    const uint64_t window = (uint64_t)board->info.credits * (board->info.chunk + FB_OVERHEAD + 1u);
    const uint64_t taken = 2000u * window / rate;
    return taken < 0x10000000u ? (uint32_t)taken : 0x10000000u;
}

/* Whether the board owes an answer. */
static bool is_due(const fb_board *board)
{
    return board->phase != PHASE_READY || board->waiting.count > 0u || board->stats_asked ||
           board->info_open;
}

/* Time since something came further, or was asked for. */
static uint32_t quiet_ms(const fb_board *board, uint32_t now)
{
    const uint32_t moved = now - board->moved;
    const uint32_t retried = now - board->retried;
    return moved < retried ? moved : retried;
}

/* Count the time from now on, but for what the caller took for itself: of that, as much as it
 * takes until it is asked what was lost. */
static void start_clock(fb_board *board, uint32_t now)
{
    const uint32_t away = now - board->left;
    const uint32_t patience = board->patience + window_ms(board);
    if (!is_due(board)) {
        board->moved = board->retried = now;
        board->heard_then = board->heard;
    } else if (away > patience) {
        board->moved += away - patience;
        board->retried += away - patience;
    } else {
        /* It counts. */
    }
}

/* Note that something came further. */
static void note_progress(fb_board *board, uint32_t now)
{
    const uint32_t eased = (uint32_t)((uint64_t)board->patience * 9u / 10u);
    const uint32_t least = board->config.patience_ms;
    board->moved = now;
    board->heard_then = board->heard;
    board->patience = eased > least ? eased : least;
}

/* Allow the next retry twice as long as the answer to this one took. */
static void note_answer(fb_board *board, uint32_t now)
{
    const uint64_t twice = 2u * (uint64_t)(now - board->retried);
    const uint32_t most = board->config.timeout_ms / 4u;
    const uint32_t allowed = twice < most ? (uint32_t)twice : most;
    if (board->patience < allowed) {
        board->patience = allowed;
    }
}

/* Retry, or give up, if nothing has come further for long. */
static void note_silence(fb_board *board, uint32_t now, uint32_t patience)
{
    if (!is_due(board)) {
        return;
    }
    if (now - board->moved > board->config.timeout_ms + window_ms(board)) {
        fail(board, board->heard == board->heard_then ? FB_ERR_SILENT : FB_ERR_STUCK);
    } else if (quiet_ms(board, now) >= patience) {
        retry(board);
        board->retried = now;
    } else {
        /* It may still come. */
    }
}

/* ------------------------------------------------------------------ what callers see */

fb_status fb_open(fb_board *board, const fb_config *config)
{
    if (board == NULL || config == NULL || config->port.send == NULL ||
        config->port.receive == NULL || config->tx == NULL || config->rx == NULL ||
        (config->stalls == NULL && config->stalls_room > 0u)) {
        return FB_ERR_ARGUMENT;
    }
    if (config->tx_size < FB_OVERHEAD || config->rx_size < FB_LEAST_RX) {
        return FB_ERR_ROOM;
    }
    memset(board, 0, sizeof *board);
    board->config = *config;
    if (config->patience_ms == 0u) {
        board->config.patience_ms = FB_PATIENCE_MS;
    }
    if (config->timeout_ms == 0u) {
        board->config.timeout_ms = FB_TIMEOUT_MS;
    }
    board->patience = board->config.patience_ms;
    board->base = board->question = board->info_question = config->first;
    board->phase = PHASE_RESET;
    board->due = DUE_RESET;
    board->returned_to = NO_PLACE;
    board->idle = true;
    board->moved = board->retried = board->left = time_of(board);
    return FB_OK;
}

bool fb_is_ready(const fb_board *board)
{
    return board->status == FB_OK && board->phase == PHASE_READY;
}

void fb_set_time(fb_board *board, uint32_t now_ms)
{
    board->time = now_ms;
}

fb_status fb_poll(fb_board *board, uint32_t wait_ms)
{
    if (board->status != FB_OK) {
        return board->status;
    }
    start_clock(board, time_of(board));
    const uint32_t progress = board->progress;
    const uint32_t heard = board->heard;
    const uint32_t patience = board->patience + window_ms(board);
    send_all(board);
    const uint32_t quiet = quiet_ms(board, time_of(board));
    const uint32_t left = quiet < patience ? patience - quiet : 0u;
    const uint32_t most = board->done.count > 0u ? 0u : wait_ms; /* there is something to take */
    bool came = board->status == FB_OK &&
                receive_once(board, is_due(board) && left < most ? left : most);
    for (uint32_t reads = 1; came && reads < MOST_READS; reads++) {
        came = receive_once(board, 0);
    }
    const uint32_t now = time_of(board);
    if (board->heard != heard && now - board->retried < now - board->moved) {
        note_answer(board, now);
    }
    if (board->progress != progress) {
        note_progress(board, now);
    } else {
        note_silence(board, now, patience);
    }
    board->left = now;
    return board->status;
}

fb_status fb_meet(fb_board *board)
{
    if (board->config.port.now_ms == NULL) {
        return FB_ERR_ARGUMENT;
    }
    while (!fb_is_ready(board) && fb_poll(board, UINT32_MAX) == FB_OK) {
    }
    return board->status;
}

bool fb_may_submit(const fb_board *board)
{
    return fb_is_ready(board) && board->waiting.count < board->info.frames;
}

fb_status fb_submit(fb_board *board, fb_frame *frame, const uint8_t *pixels, size_t size,
                    int32_t *sums, size_t room)
{
    if (frame == NULL || pixels == NULL || sums == NULL) {
        return FB_ERR_ARGUMENT;
    }
    if (board->status != FB_OK) {
        return board->status;
    }
    if (!fb_may_submit(board)) {
        return FB_ERR_BUSY;
    }
    if (size != board->info.frame_bytes) {
        return FB_ERR_SIZE;
    }
    if (room < board->info.classes) {
        return FB_ERR_ROOM;
    }
    const fb_list *lists[2] = {&board->waiting, &board->done};
    for (size_t which = 0; which < 2u; which++) {
        for (const fb_frame *other = lists[which]->first; other != NULL; other = other->next) {
            if (other == frame) {
                return FB_ERR_ARGUMENT;
            }
        }
    }
    memset(frame, 0, sizeof *frame);
    frame->status = FB_PENDING;
    frame->ticket = board->tickets++;
    frame->pixels = pixels;
    frame->sums = sums;
    if (!is_due(board)) {
        board->moved = board->retried = board->left = time_of(board);
        board->heard_then = board->heard;
    }
    append_frame(board, frame);
    return FB_OK;
}

uint32_t fb_unanswered(const fb_board *board)
{
    return board->waiting.count;
}

fb_frame *fb_result(fb_board *board)
{
    return list_take(&board->done, board->done.first);
}

fb_status fb_classify(fb_board *board, const uint8_t *pixels, size_t size, int32_t *sums,
                      size_t room, uint32_t *cycles)
{
    fb_frame frame;
    if (board->config.port.now_ms == NULL) {
        return FB_ERR_ARGUMENT;
    }
    while (board->status == FB_OK && !fb_may_submit(board)) {
        (void)fb_poll(board, UINT32_MAX);
    }
    fb_status status = fb_submit(board, &frame, pixels, size, sums, room);
    if (status != FB_OK) {
        return status;
    }
    while (status == FB_OK && frame.status == FB_PENDING) {
        status = fb_poll(board, UINT32_MAX);
    }
    /* It is on the stack: the board may not keep it, whatever has become of it. */
    if (list_take(&board->done, &frame) == NULL) {
        (void)list_take(&board->waiting, &frame);
    }
    if (cycles != NULL) {
        *cycles = frame.cycles;
    }
    return status == FB_OK ? frame.status : status;
}

fb_status fb_ask(fb_board *board)
{
    if (!fb_is_ready(board)) {
        return board->status != FB_OK ? board->status : FB_ERR_BUSY;
    }
    board->stats_known = false;
    board->stats_asked = true;
    inquire(board);
    return FB_OK;
}

bool fb_heard(const fb_board *board, fb_statistics *said)
{
    if (!board->stats_known) {
        return false;
    }
    *said = board->statistics;
    return true;
}

fb_status fb_statistics_now(fb_board *board, fb_statistics *said)
{
    if (board->config.port.now_ms == NULL) {
        return FB_ERR_ARGUMENT;
    }
    fb_status status = fb_ask(board);
    while (status == FB_OK && !fb_heard(board, said)) {
        status = fb_poll(board, UINT32_MAX);
    }
    return status;
}

size_t fb_tx_bytes(const fb_info *info)
{
    return (size_t)info->chunk + FB_OVERHEAD;
}

size_t fb_rx_bytes(const fb_info *info)
{
    const size_t sums = info->classes < FB_SUMS ? info->classes : FB_SUMS;
    const size_t result = RESULT_BYTES + 4u * sums;
    const size_t statistics = STATISTICS_BYTES + 4u * (size_t)info->streams;
    const size_t longest = result > statistics ? result : statistics;
    return FB_OVERHEAD + (longest > INFO_BYTES ? longest : INFO_BYTES);
}

size_t fb_top1(const int32_t *sums, size_t classes)
{
    size_t best = 0;
    for (size_t at = 1; at < classes; at++) {
        if (sums[at] > sums[best]) {
            best = at;
        }
    }
    return best;
}

const char *fb_strerror(fb_status status)
{
    switch (status) {
    case FB_OK:
        return "no error";
    case FB_PENDING:
        return "the result has not come yet";
    case FB_ERR_ARGUMENT:
        return "an argument is missing, or the frame is in use";
    case FB_ERR_BUSY:
        return "the board takes no further frame now; poll first";
    case FB_ERR_SIZE:
        return "the frame is not as large as the board's";
    case FB_ERR_ROOM:
        return "a buffer is too small for this board";
    case FB_ERR_REFUSED:
        return "the board refused the frame; an update of its contents may be incomplete";
    case FB_ERR_LINK:
        return "the link is broken";
    case FB_ERR_SILENT:
        return "the board says nothing; is it configured and powered, and are address and baud "
               "rate right?";
    case FB_ERR_STUCK:
        return "the board answers, but no frame comes further; reset it";
    case FB_ERR_NOT_OURS:
        return "what answers is no firebrick board";
    case FB_ERR_VERSION:
        return "the board speaks another version of the protocol; generate its sources and this "
               "driver from one version";
    case FB_ERR_NETWORK:
        return "the board holds another network";
    case FB_ERR_CHANGED:
        return "another board, or another network, is at the end of the link";
    default:
        return "unknown status";
    }
}
