/* Addresses as the worker keeps and sends them: one form of 20 octets for both families. */
#ifndef SEAWAY_ADDRESS_H
#define SEAWAY_ADDRESS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

struct address {
    uint8_t family; /* 4 or 6 */
    uint8_t zero;
    uint16_t port; /* network order */
    uint8_t ip[16]; /* IPv4: the first 4, the rest zero */
};

union endpoint {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

/* False for another family. */
bool address_from(struct address *to, const union endpoint *from);
/* The length of the written socket address. */
socklen_t address_to(union endpoint *to, const struct address *from);
/* Well-formed: a known family, nothing where nothing belongs. */
bool address_valid(const struct address *it);
/* Something that a datagram may be sent to: a port, no multicast, not unspecified. */
bool address_unicast(const struct address *it);
bool address_equal(const struct address *one, const struct address *other);

#endif
