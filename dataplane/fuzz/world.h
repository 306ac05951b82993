/* The packet path's outside, made up: what it reads, where it sends, who takes what goes up. It says what has to happen
 * to each packet before the worker sees it, and stops the run when something else does. */
#ifndef SEAWAY_FUZZ_WORLD_H
#define SEAWAY_FUZZ_WORLD_H

#include <stddef.h>

#include "../worker/table.h"

enum { TROUBLES = 8 };

struct datagram {
    union endpoint source;
    int segment; /* told as UDP_GRO; 0: nothing is told */
    size_t size;
    const uint8_t *data; /* repeated until `size` is there */
    size_t data_size;
};

/* What becomes of the next system calls for sending, in turn: see `enum trouble` in world.c. */
void world_troubles(const uint8_t troubles[TROUBLES]);
/* Time goes on by so many seconds. */
void world_wait(double seconds);
/* These are waiting at the port, and are read now; all that comes of it is checked. */
void world_read(uint32_t port, const struct datagram *datagrams, uint32_t count);
/* Sockets in service, siblings among them. */
int world_open_sockets(void);

#endif
