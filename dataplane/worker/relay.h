/* The packet loop: what arrives at a port goes out by its flow, or up to the port's owner. */
#ifndef SEAWAY_RELAY_H
#define SEAWAY_RELAY_H

#include <stdint.h>

struct totals {
    uint64_t passed; /* packets by a flow */
    uint64_t up; /* packets handed to their owner */
    uint64_t up_dropped; /* the owner did not read fast enough */
    uint64_t unowned; /* dropped: no flow, and the owner is away */
    uint64_t send_failed;
    uint64_t unauthenticated; /* dropped by flows with a key */
    uint64_t reads; /* recvmmsg calls that had something */
};

extern struct totals totals;

void relay_start(void);
/* Read once what is ready at a port or sibling. */
void relay_port(uint32_t index);
void relay_sibling(uint32_t index);

#endif
