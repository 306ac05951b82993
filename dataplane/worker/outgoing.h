/* What leaves after one read: runs of packets of a flow, each sent as one message where the kernel can segment it. */
#ifndef SEAWAY_OUTGOING_H
#define SEAWAY_OUTGOING_H

#include "table.h"

/* Octets before each payload that may be written over at the flush. */
enum { HEADROOM = 16 };

/* Queue a payload, which stays where it is until the flush. False: it does not fit the flow's prefix. */
bool outgoing_add(struct flow *flow, const uint8_t *data, size_t size);
void outgoing_flush(void);

#endif
