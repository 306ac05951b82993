/* UDP sockets of others, taken into service and given back. */
#ifndef SEAWAY_SOCKETS_H
#define SEAWAY_SOCKETS_H

#include "address.h"

/* What an epoll event is about: the kind in the upper half, an index in the lower. */
enum watch { WATCH_SIGNAL, WATCH_LISTENER, WATCH_CLIENT, WATCH_PORT, WATCH_SIBLING };

void sockets_start(int epoll);
bool watch_add(int fd, enum watch kind, uint32_t index, uint32_t events);
void watch_change(int fd, enum watch kind, uint32_t index, uint32_t events);

/* NULL when the descriptor is an unconnected UDP socket bound to `local`, else what is wrong. */
const char *socket_unfit(int fd, const struct address *local);
/* Whether two descriptors are one socket. */
bool socket_same(int one, int other);
/* Read it as port `index` from now on. */
bool socket_serve(int fd, uint8_t family, uint32_t index);
/* A socket at the same local address, connected and watched as sibling `index`; -1 when that does not work. */
int socket_connect_beside(int fd, const struct address *local, const struct address *remote, uint32_t index);
/* Out of service: as it came, and our descriptor closed. The socket lives on when others have it. */
void socket_close(int fd);

#endif
