/* posix_port.h - a firebrick board on a serial port, a pseudo-terminal or a UDP socket of POSIX.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef POSIX_PORT_H
#define POSIX_PORT_H

#include "firebrick.h"

#define PORT_MESSAGE_BYTES 256u

typedef struct posix_port {
    int file;
    bool stream;
    uint32_t bytes_per_second;
    char message[PORT_MESSAGE_BYTES]; /* what went wrong, in one line */
} posix_port;

/* Open a serial port at some speed, 8 bits, no parity, one stop bit. False if it cannot be had. */
bool posix_open_serial(posix_port *port, const char *path, uint32_t baud);

/* Send to a UDP port of a machine, "HOST" or "HOST:PORT". False if there is no way there. */
bool posix_open_udp(posix_port *port, const char *address);

/* The callbacks for an open port, which stays where it is. */
fb_port posix_callbacks(posix_port *port);

/* A number that is hardly the same in two runs, for fb_config.first. */
uint16_t posix_first(void);

void posix_close(posix_port *port);

#endif
