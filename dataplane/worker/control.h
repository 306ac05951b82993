/* Clients: who may connect, whose ports and flows are whose, and datagrams that go up to them. */
#ifndef SEAWAY_CONTROL_H
#define SEAWAY_CONTROL_H

#include <stddef.h>
#include <stdint.h>

#include "address.h"

void control_start(int listener);
void control_accept(void);
/* Something happened at a client's connection; `events` of epoll. */
void control_client(uint32_t index, uint32_t events);
/* Never waits: what the owner has no room for is dropped and counted. */
void control_up(uint8_t owner, const struct address *local, const struct address *source, const uint8_t *data,
                size_t size);

#endif
