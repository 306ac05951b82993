/* UDP sockets: checks of what a client hands over, options, and connected siblings. */
#include "sockets.h"

#include <netinet/udp.h>
#include <sys/epoll.h>
#include <unistd.h>

#ifndef UDP_GRO
#define UDP_GRO 104
#endif

static int watching = -1;

void sockets_start(int epoll)
{
    watching = epoll;
}

static uint64_t event_data(enum watch kind, uint32_t index)
{
    return (uint64_t)kind << 32 | index;
}

bool watch_add(int fd, enum watch kind, uint32_t index, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.u64 = event_data(kind, index)};
    return epoll_ctl(watching, EPOLL_CTL_ADD, fd, &event) == 0;
}

void watch_change(int fd, enum watch kind, uint32_t index, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.u64 = event_data(kind, index)};
    epoll_ctl(watching, EPOLL_CTL_MOD, fd, &event);
}

static int number_option(int fd, int level, int name)
{
    int value = -1;
    socklen_t length = sizeof value;
    return getsockopt(fd, level, name, &value, &length) == 0 ? value : -1;
}

static bool set_option(int fd, int level, int name, int value)
{
    return setsockopt(fd, level, name, &value, sizeof value) == 0;
}

const char *socket_unfit(int fd, const struct address *local)
{
    union endpoint bound, far;
    struct address found;
    socklen_t length = sizeof bound;
    if (number_option(fd, SOL_SOCKET, SO_TYPE) != SOCK_DGRAM || number_option(fd, SOL_SOCKET, SO_PROTOCOL) != IPPROTO_UDP)
        return "the descriptor is no UDP socket";
    if (getsockname(fd, &bound.any, &length) != 0 || !address_from(&found, &bound))
        return "the descriptor is no IPv4 or IPv6 socket";
    if (!address_equal(&found, local))
        return "the socket is bound to another address";
    length = sizeof far;
    if (getpeername(fd, &far.any, &length) == 0)
        return "the socket is connected";
    return NULL;
}

bool socket_same(int one, int other)
{
    uint64_t first = 0, second = 0;
    socklen_t length = sizeof first;
    if (getsockopt(one, SOL_SOCKET, SO_COOKIE, &first, &length) != 0)
        return false;
    length = sizeof second;
    return getsockopt(other, SOL_SOCKET, SO_COOKIE, &second, &length) == 0 && first == second;
}

bool socket_serve(int fd, uint8_t family, uint32_t index)
{
    /* An unread error queue would keep the socket ready for ever. */
    set_option(fd, IPPROTO_IP, IP_RECVERR, 0);
    if (family == 6)
        set_option(fd, IPPROTO_IPV6, IPV6_RECVERR, 0);
    set_option(fd, IPPROTO_UDP, UDP_GRO, 1);
    return watch_add(fd, WATCH_PORT, index, EPOLLIN | EPOLLET);
}

/* The marks and sizes that the port's owner gave its socket. */
static void copy_options(int from, int to, uint8_t family)
{
    static const int halved[] = {SO_RCVBUF, SO_SNDBUF}; /* the kernel shows twice what was asked for */
    for (unsigned i = 0; i < sizeof halved / sizeof *halved; i++)
        set_option(to, SOL_SOCKET, halved[i], number_option(from, SOL_SOCKET, halved[i]) / 2);
    int level = family == 6 ? IPPROTO_IPV6 : IPPROTO_IP;
    int names[] = {family == 6 ? IPV6_TCLASS : IP_TOS, family == 6 ? IPV6_UNICAST_HOPS : IP_TTL,
                   family == 6 ? IPV6_MTU_DISCOVER : IP_MTU_DISCOVER};
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++) {
        int value = number_option(from, level, names[i]);
        if (value >= 0)
            set_option(to, level, names[i], value);
    }
    int device = number_option(from, SOL_SOCKET, SO_BINDTOIFINDEX);
    if (device > 0)
        set_option(to, SOL_SOCKET, SO_BINDTOIFINDEX, device);
    if (family == 6)
        set_option(to, IPPROTO_IPV6, IPV6_V6ONLY, 1);
    set_option(to, IPPROTO_UDP, UDP_GRO, 1);
}

int socket_connect_beside(int fd, const struct address *local, const struct address *remote, uint32_t index)
{
    union endpoint near, far;
    socklen_t near_length = address_to(&near, local), far_length = address_to(&far, remote);
    int made = socket(near.any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (made < 0)
        return -1;
    copy_options(fd, made, local->family);
    /* The address may be shared in this moment only: afterwards a bind of somebody else fails as before. What comes from
     * others between bind and connect is read from the sibling, with its source. */
    bool done = set_option(made, SOL_SOCKET, SO_REUSEADDR, 1) && set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1) &&
                bind(made, &near.any, near_length) == 0;
    set_option(fd, SOL_SOCKET, SO_REUSEADDR, 0);
    if (!done || connect(made, &far.any, far_length) != 0 || !watch_add(made, WATCH_SIBLING, index, EPOLLIN | EPOLLET)) {
        close(made);
        return -1;
    }
    return made;
}

void socket_close(int fd)
{
    /* Explicitly: a descriptor elsewhere would keep the socket watched. */
    epoll_ctl(watching, EPOLL_CTL_DEL, fd, NULL);
    set_option(fd, IPPROTO_UDP, UDP_GRO, 0);
    close(fd);
}
