/* Addresses: between the kernel's form and ours, and what may be sent to. */
#include "address.h"

#include <string.h>

_Static_assert(sizeof(struct address) == 20, "the protocol has addresses of 20 octets");

bool address_from(struct address *to, const union endpoint *from)
{
    memset(to, 0, sizeof *to);
    if (from->any.sa_family == AF_INET) {
        to->family = 4;
        to->port = from->v4.sin_port;
        memcpy(to->ip, &from->v4.sin_addr, 4);
        return true;
    }
    if (from->any.sa_family == AF_INET6) {
        to->family = 6;
        to->port = from->v6.sin6_port;
        memcpy(to->ip, &from->v6.sin6_addr, 16);
        return true;
    }
    return false;
}

socklen_t address_to(union endpoint *to, const struct address *from)
{
    memset(to, 0, sizeof *to);
    if (from->family == 4) {
        to->v4.sin_family = AF_INET;
        to->v4.sin_port = from->port;
        memcpy(&to->v4.sin_addr, from->ip, 4);
        return sizeof to->v4;
    }
    to->v6.sin6_family = AF_INET6;
    to->v6.sin6_port = from->port;
    memcpy(&to->v6.sin6_addr, from->ip, 16);
    return sizeof to->v6;
}

bool address_valid(const struct address *it)
{
    static const uint8_t none[12];
    if (it->zero != 0)
        return false;
    return it->family == 6 || (it->family == 4 && memcmp(it->ip + 4, none, sizeof none) == 0);
}

bool address_unicast(const struct address *it)
{
    static const uint8_t none[16];
    if (!address_valid(it) || it->port == 0 || memcmp(it->ip, none, sizeof none) == 0)
        return false;
    return it->family == 4 ? it->ip[0] < 224 : it->ip[0] != 0xff;
}

bool address_equal(const struct address *one, const struct address *other)
{
    return memcmp(one, other, sizeof *one) == 0;
}
