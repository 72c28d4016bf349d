/* posix_port.c - see posix_port.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#define _DEFAULT_SOURCE 1
#define _POSIX_C_SOURCE 200809L

#include "posix_port.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#ifdef __linux__
#include <asm/termbits.h> /* any baud rate; it does not go together with termios.h */
#else
#include <termios.h>
#endif

#define WRITE_PATIENCE_MS 5000
#define LAN_BYTES_PER_SECOND 12500000u /* of the slowest Ethernet that a board has */
#define SOCKET_BYTES (1 << 20)         /* that the operating system is asked to keep for us */

static bool complain(posix_port *port, const char *where, const char *what)
{
    (void)snprintf(port->message, sizeof port->message, "%s: %s (%s)", where, what,
                   strerror(errno));
    posix_close(port);
    return false;
}

/* Bytes as they are, without flow control, at any speed. */
#ifdef __linux__
static bool make_raw(int file, uint32_t baud)
{
    struct termios2 mode;
    if (ioctl(file, TCGETS2, &mode) != 0) {
        return false;
    }
    mode.c_iflag = 0;
    mode.c_oflag = 0;
    mode.c_lflag = 0;
    mode.c_cflag = CS8 | CREAD | CLOCAL | BOTHER | (BOTHER << IBSHIFT);
    mode.c_ispeed = mode.c_ospeed = baud;
    mode.c_cc[VMIN] = 1;
    mode.c_cc[VTIME] = 0;
    return ioctl(file, TCSETS2, &mode) == 0 && ioctl(file, TCFLSH, TCIFLUSH) == 0;
}
#else
static bool make_raw(int file, uint32_t baud)
{
    struct termios mode;
    if (tcgetattr(file, &mode) != 0) {
        return false;
    }
    mode.c_iflag = 0;
    mode.c_oflag = 0;
    mode.c_lflag = 0;
    mode.c_cflag = CS8 | CREAD | CLOCAL;
    mode.c_cc[VMIN] = 1;
    mode.c_cc[VTIME] = 0;
    return cfsetispeed(&mode, (speed_t)baud) == 0 && cfsetospeed(&mode, (speed_t)baud) == 0 &&
           tcsetattr(file, TCSANOW, &mode) == 0 && tcflush(file, TCIFLUSH) == 0;
}
#endif

bool posix_open_serial(posix_port *port, const char *path, uint32_t baud)
{
    memset(port, 0, sizeof *port);
    port->stream = true;
    port->bytes_per_second = baud / 10u; /* start bit, 8 bits, stop bit */
    port->file = open(path, O_RDWR | O_NOCTTY | O_NONBLOCK);
    if (port->file < 0) {
        return complain(port, path, "cannot open");
    }
    if (!make_raw(port->file, baud)) {
        return complain(port, path, "no serial port, or not of this speed");
    }
    return true;
}

bool posix_open_udp(posix_port *port, const char *address)
{
    char host[PORT_MESSAGE_BYTES];
    char service[8];
    const char *colon = strrchr(address, ':');
    const size_t length = colon != NULL ? (size_t)(colon - address) : strlen(address);
    memset(port, 0, sizeof *port);
    port->file = -1;
    port->bytes_per_second = LAN_BYTES_PER_SECOND;
    if (length == 0u || length >= sizeof host ||
        (colon != NULL && strlen(colon + 1) >= sizeof service)) {
        errno = EINVAL;
        return complain(port, address, "give a host, or HOST:PORT");
    }
    memcpy(host, address, length);
    host[length] = '\0';
    (void)snprintf(service, sizeof service, "%u", FB_UDP_PORT);
    if (colon != NULL) {
        (void)snprintf(service, sizeof service, "%s", colon + 1);
    }
    struct addrinfo wanted;
    struct addrinfo *found = NULL;
    memset(&wanted, 0, sizeof wanted);
    wanted.ai_family = AF_INET;
    wanted.ai_socktype = SOCK_DGRAM;
    wanted.ai_flags = AI_NUMERICSERV;
    const int failure = getaddrinfo(host, service, &wanted, &found);
    if (failure != 0) {
        (void)snprintf(port->message, sizeof port->message, "%.200s: %s", address,
                       gai_strerror(failure));
        return false;
    }
    port->file = socket(AF_INET, SOCK_DGRAM, 0);
    const int room = SOCKET_BYTES;
    const bool open = port->file >= 0 &&
                      setsockopt(port->file, SOL_SOCKET, SO_RCVBUF, &room, sizeof room) == 0 &&
                      connect(port->file, found->ai_addr, found->ai_addrlen) == 0 &&
                      fcntl(port->file, F_SETFL, O_NONBLOCK) == 0;
    freeaddrinfo(found);
    return open || complain(port, address, "cannot send there");
}

void posix_close(posix_port *port)
{
    if (port->file >= 0) {
        (void)close(port->file);
    }
    port->file = -1;
}

/* Wait until a file can be read or written. */
static bool is_ready(const posix_port *port, short events, uint32_t wait_ms)
{
    struct pollfd file = {.fd = port->file, .events = events, .revents = 0};
    return poll(&file, 1, wait_ms < (uint32_t)INT_MAX ? (int)wait_ms : -1) > 0;
}

static bool send_bytes(void *context, const uint8_t *data, size_t size)
{
    posix_port *port = context;
    while (size > 0u) {
        const ssize_t taken = write(port->file, data, size);
        if (taken >= 0) {
            data += taken;
            size -= (size_t)taken;
        } else if (errno == ECONNREFUSED && !port->stream) {
            return true; /* nobody takes it: lost, like others on the way */
        } else if ((errno != EAGAIN && errno != EINTR) ||
                   !is_ready(port, POLLOUT, WRITE_PATIENCE_MS)) {
            (void)snprintf(port->message, sizeof port->message, "cannot send (%s)",
                           strerror(errno));
            return false;
        } else {
            /* There is room now. */
        }
    }
    return true;
}

static int32_t receive_bytes(void *context, uint8_t *data, size_t size, uint32_t wait_ms)
{
    posix_port *port = context;
    const size_t room = size < INT32_MAX ? size : INT32_MAX;
    ssize_t came = read(port->file, data, room);
    if (came < 0 && errno == EAGAIN && wait_ms > 0u && is_ready(port, POLLIN, wait_ms)) {
        came = read(port->file, data, room);
    }
    if (came > 0) {
        return (int32_t)came;
    }
    if (!port->stream && (came == 0 || errno == ECONNREFUSED)) {
        return 0; /* an empty datagram, or the answer to something that was sent earlier */
    }
    if (came < 0 && (errno == EAGAIN || errno == EINTR)) {
        return 0;
    }
    (void)snprintf(port->message, sizeof port->message, "cannot receive (%s); unplugged?",
                   came < 0 ? strerror(errno) : "end of file");
    return -1;
}

static uint32_t milliseconds(void *context)
{
    struct timespec now;
    (void)context;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint32_t)((uint64_t)now.tv_sec * 1000u + (uint64_t)now.tv_nsec / 1000000u);
}

fb_port posix_callbacks(posix_port *port)
{
    const fb_port callbacks = {
        .context = port,
        .send = send_bytes,
        .receive = receive_bytes,
        .now_ms = milliseconds,
        .stream = port->stream,
        .bytes_per_second = port->bytes_per_second,
    };
    return callbacks;
}

uint16_t posix_first(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (uint16_t)(((uint64_t)now.tv_nsec / 1000u + (uint64_t)getpid()) & 0xFFFFu);
}
