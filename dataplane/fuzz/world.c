/* System calls, sockets.c and control.c as the fuzzer has them, and the model that they are compared with: slow, without
 * hash tables, batches or runs. */
#include "world.h"

#include <errno.h>
#include <netinet/udp.h>
#include <sanitizer/asan_interface.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/uio.h>
#include <time.h>

#include "../worker/control.h"
#include "../worker/relay.h"
#include "../worker/sockets.h"

#pragma clang attribute push(__attribute__((no_sanitize("coverage"))), apply_to = function)
/* What the world does is no news for the fuzzer. */

enum { MAX_PACKETS = 4096, ARENA = 1 << 22, GUARD = 256, LARGEST = 65507, FIRST_FD = 1000 };
enum trouble { FINE, FULL, TOO_LONG, EARLIER, PARTLY, BROKEN, KINDS };

struct packet {
    int fd; /* to the outside; -1: up */
    bool connected;
    struct address to; /* from, of what goes up */
    const uint8_t *data; /* NULL: whatever SRTP makes of it, or nothing; `size` is the most it may be */
    size_t size;
};

static struct packet expected[MAX_PACKETS], ups[MAX_PACKETS], sent[MAX_PACKETS];
static uint32_t expected_count, up_count, up_next, sent_count;
static uint8_t arena[ARENA];
static size_t arena_used;
static const struct datagram *waiting;
static uint32_t waiting_count, reading_port;
static uint8_t plan[TROUBLES];
static uint32_t plan_next;
static double clock_now = 1;
static int open_sockets, next_fd = FIRST_FD;

#define MUST(that) ((that) ? (void)0 : wrong(#that, __LINE__))

static void wrong(const char *what, int line)
{
    fprintf(stderr, "world.c:%d: not so: %s\n", line, what);
    abort();
}

static uint8_t *keep(size_t size)
{
    MUST(arena_used + size <= ARENA);
    arena_used += size;
    return arena + arena_used - size;
}

/* -- the model */

static uint32_t half(const uint8_t *at)
{
    return (uint32_t)(at[0] * 256 + at[1]);
}

/* RFC 3550 §5.1, §6.4.1, RFC 5761 §4. */
static bool is_media(const uint8_t *data, size_t size)
{
    if (size < 8 || (data[0] & 0xc0) != 0x80)
        return false;
    if (data[1] >= 192 && data[1] < 224)
        return size >= (half(data + 2) + 1) * 4;
    size_t header = 12 + (data[0] & 15) * 4;
    if (data[0] & 0x10)
        header += size >= header + 4 ? 4 + half(data + header + 2) * 4 : 4;
    return size >= header;
}

static const struct flow *model_flow(uint32_t port, uint32_t prefix, const struct address *remote)
{
    for (uint32_t i = 0; i < table.flows_high; i++) {
        const struct flow *it = &flows[i];
        if (it->used && it->key.port == port && it->key.prefix == prefix &&
            memcmp(&it->key.remote, remote, sizeof *remote) == 0)
            return it;
    }
    return NULL;
}

/* The largest packet that SRTP is done for here (relay.c). */
enum { CIPHERED = 2048 - SRTP_GROWTH };

/* The packet that has to leave; false: it has to go up. */
static bool model_pass(uint32_t port, const struct address *source, const uint8_t *data, size_t size, struct packet *to)
{
    uint32_t prefix = 0;
    if (ports[port].kind != PORT_PLAIN) {
        if (size < 4)
            return false;
        prefix = half(data) * 65536 + half(data + 2);
        data += 4;
        size -= 4;
        if (ports[port].kind == PORT_CHANNEL) {
            if (prefix >> 16 < 0x4000 || prefix >> 16 > 0x7fff || (prefix & 0xffff) > size)
                return false;
            size = prefix & 0xffff;
            prefix >>= 16;
        }
    }
    const struct flow *flow = model_flow(port, prefix, source);
    if (flow == NULL || (flow->kind != FLOW_DATA && !is_media(data, size)))
        return false;
    if (flow->kind == FLOW_RTP && data[1] >= 192 && data[1] <= 223)
        return false;
    if (flow->add_kind == PORT_CHANNEL && size > 0xffff)
        return false;
    size_t front = flow->add_kind == 0 ? 0 : 4;
    bool connected = flow->out_sibling != NONE;
    *to = (struct packet){
        .fd = connected ? siblings[flow->out_sibling].fd : ports[flow->out_port].fd,
        .connected = connected, .to = flow->out_remote, .size = front + size,
    };
    if (flow->receive != NULL || flow->send != NULL) {
        to->size += SRTP_GROWTH;
        return size <= CIPHERED;
    }
    uint8_t *copy = keep(front + size);
    if (front != 0) {
        uint32_t value = flow->add_kind == PORT_MUX ? flow->add : flow->add * 65536 + (uint32_t)size;
        for (int i = 0; i < 4; i++)
            copy[i] = (uint8_t)(value >> (24 - 8 * i));
    }
    memcpy(copy + front, data, size);
    to->data = copy;
    return true;
}

static void model_segment(uint32_t port, const struct address *source, const uint8_t *data, size_t size)
{
    struct packet it;
    MUST(expected_count < MAX_PACKETS && up_count < MAX_PACKETS);
    if (model_pass(port, source, data, size, &it)) {
        expected[expected_count++] = it;
        return;
    }
    uint8_t *copy = keep(size);
    memcpy(copy, data, size);
    ups[up_count++] = (struct packet){.fd = -1, .to = *source, .data = copy, .size = size};
}

static void model_datagram(const struct datagram *it, const uint8_t *data)
{
    struct address source;
    if (!address_from(&source, &it->source))
        return;
    size_t step = it->segment > 0 ? (size_t)it->segment : it->size;
    size_t at = 0;
    do {
        size_t size = it->size - at < step ? it->size - at : step;
        model_segment(reading_port, &source, data + at, size);
        at += size;
    } while (at < it->size);
}

/* -- what the worker calls */

int world_recvmmsg(int fd, struct mmsghdr *messages, unsigned room, int flags, struct timespec *timeout)
{
    (void)flags;
    (void)timeout;
    MUST(fd == ports[reading_port].fd);
    if (waiting_count == 0) {
        errno = EAGAIN;
        return -1;
    }
    unsigned count = waiting_count < room ? waiting_count : room;
    for (unsigned i = 0; i < count; i++) {
        const struct datagram *from = &waiting[i];
        struct msghdr *to = &messages[i].msg_hdr;
        struct iovec *space = to->msg_iov;
        MUST(to->msg_iovlen == 1 && from->size <= space->iov_len && to->msg_namelen == sizeof from->source);
        uint8_t *data = space->iov_base;
        size_t guard = space->iov_len - from->size < GUARD ? space->iov_len - from->size : GUARD;
        ASAN_UNPOISON_MEMORY_REGION(data, space->iov_len);
        for (size_t at = 0; at < from->size;) {
            size_t size = from->data_size == 0 ? from->size : from->data_size;
            if (size > from->size - at)
                size = from->size - at;
            if (from->data_size == 0)
                memset(data + at, 0x80, size);
            else
                memcpy(data + at, from->data, size);
            at += size;
        }
        messages[i].msg_len = (unsigned)from->size;
        memcpy(to->msg_name, &from->source, sizeof from->source);
        if (from->segment != 0) {
            MUST(to->msg_controllen >= CMSG_SPACE(sizeof from->segment));
            struct cmsghdr *told = CMSG_FIRSTHDR(to);
            told->cmsg_level = IPPROTO_UDP;
            told->cmsg_type = UDP_GRO;
            told->cmsg_len = CMSG_LEN(sizeof from->segment);
            memcpy(CMSG_DATA(told), &from->segment, sizeof from->segment);
            to->msg_controllen = CMSG_SPACE(sizeof from->segment);
        } else {
            to->msg_controllen = 0;
        }
        model_datagram(from, data);
        ASAN_POISON_MEMORY_REGION(data + from->size, guard); /* nothing there was received */
    }
    waiting += count;
    waiting_count -= count;
    return (int)count;
}

static enum trouble next_trouble(void)
{
    return plan[plan_next++ % TROUBLES] % KINDS;
}

/* As the kernel segments it. */
static void deliver(int fd, const union endpoint *to, const struct iovec *vectors, size_t count, size_t segment)
{
    size_t total = 0;
    for (size_t i = 0; i < count; i++)
        total += vectors[i].iov_len;
    uint8_t *data = keep(total), *end = data;
    for (size_t i = 0; i < count; i++) {
        memcpy(end, vectors[i].iov_base, vectors[i].iov_len);
        end += vectors[i].iov_len;
    }
    struct address where = {0};
    MUST(to == NULL || address_from(&where, to));
    do {
        size_t size = segment != 0 && segment < total ? segment : total;
        MUST(sent_count < MAX_PACKETS);
        sent[sent_count++] = (struct packet){.fd = fd, .connected = to == NULL, .to = where, .data = data, .size = size};
        data += size;
        total -= size;
    } while (total > 0);
}

static int refuse(int reason)
{
    errno = reason;
    return -1;
}

static ssize_t send_one(int fd, const struct msghdr *it, enum trouble trouble)
{
    size_t total = 0;
    uint16_t segment = 0;
    for (size_t i = 0; i < it->msg_iovlen; i++)
        total += it->msg_iov[i].iov_len;
    struct cmsghdr *told = it->msg_controllen > 0 ? CMSG_FIRSTHDR(it) : NULL;
    if (told != NULL) {
        MUST(told->cmsg_level == IPPROTO_UDP && told->cmsg_type == UDP_SEGMENT);
        memcpy(&segment, CMSG_DATA(told), sizeof segment);
        MUST(segment > 0 && total > segment && (total + segment - 1) / segment <= 64); /* UDP_MAX_SEGMENTS */
    }
    if (trouble == FULL)
        return refuse(EAGAIN);
    if (trouble == EARLIER)
        return refuse(ECONNREFUSED);
    if (trouble == BROKEN)
        return refuse(EIO);
    if (total > LARGEST || (trouble == TOO_LONG && segment != 0))
        return refuse(EMSGSIZE);
    deliver(fd, it->msg_name, it->msg_iov, it->msg_iovlen, segment);
    return (ssize_t)total;
}

ssize_t world_sendmsg(int fd, const struct msghdr *message, int flags)
{
    (void)flags;
    return send_one(fd, message, next_trouble());
}

ssize_t world_sendto(int fd, const void *data, size_t size, int flags, const struct sockaddr *to, socklen_t length)
{
    struct iovec vector = {(void *)data, size};
    struct msghdr header = {.msg_name = (void *)to, .msg_namelen = length, .msg_iov = &vector, .msg_iovlen = 1};
    return world_sendmsg(fd, &header, flags);
}

int world_sendmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags)
{
    (void)flags;
    enum trouble trouble = next_trouble();
    MUST(count > 1);
    for (unsigned i = 0; i < count; i++) {
        if (trouble == PARTLY && i > 0)
            return (int)i;
        ssize_t size = send_one(fd, &messages[i].msg_hdr, i == 0 ? trouble : FINE);
        if (size < 0)
            return i == 0 ? -1 : (int)i;
        messages[i].msg_len = (unsigned)size;
    }
    return (int)count;
}

int world_clock_gettime(clockid_t clock, struct timespec *to)
{
    (void)clock;
    to->tv_sec = (time_t)clock_now;
    to->tv_nsec = (long)((clock_now - (double)to->tv_sec) * 1e9);
    return 0;
}

/* The same in each run, so that an input does the same again. */
ssize_t world_getrandom(void *to, size_t size, unsigned flags)
{
    (void)flags;
    memset(to, 0x5a, size);
    return (ssize_t)size;
}

/* -- control.c and sockets.c */

void control_up(uint8_t owner, const struct address *local, const struct address *source, const uint8_t *data,
                size_t size)
{
    MUST(up_next < up_count);
    const struct packet *it = &ups[up_next++];
    MUST(owner == ports[reading_port].owner && address_equal(local, &ports[reading_port].local));
    MUST(address_equal(source, &it->to) && size == it->size && memcmp(data, it->data, size) == 0);
    totals.up++;
}

void watch_change(int fd, enum watch kind, uint32_t index, uint32_t events)
{
    MUST(fd == ports[reading_port].fd && kind == WATCH_PORT && index == reading_port && events == (EPOLLIN | EPOLLET));
}

const char *socket_unfit(int fd, const struct address *local)
{
    (void)local;
    return fd < 0 ? "no socket" : NULL;
}

bool socket_same(int one, int other)
{
    return one == other;
}

bool socket_serve(int fd, uint8_t family, uint32_t index)
{
    MUST(fd >= 0 && ports[index].fd == fd && ports[index].local.family == family);
    open_sockets++;
    return true;
}

/* Every third has no sibling: then the port's own socket sends. */
int socket_connect_beside(int fd, const struct address *local, const struct address *remote, uint32_t index)
{
    MUST(fd >= 0 && local->family == remote->family && index < MAX_SIBLINGS);
    if (remote->ip[3] % 3 == 0)
        return -1;
    open_sockets++;
    next_fd = next_fd == INT32_MAX ? FIRST_FD : next_fd + 1;
    return next_fd;
}

void socket_close(int fd)
{
    MUST(fd >= 0);
    open_sockets--;
}

/* -- what the fuzzer calls */

int world_open_sockets(void)
{
    return open_sockets;
}

void world_troubles(const uint8_t troubles[TROUBLES])
{
    memcpy(plan, troubles, TROUBLES);
    plan_next = 0;
}

void world_wait(double seconds)
{
    clock_now += seconds;
    if (clock_now > 1e9)
        clock_now = 1;
}

static bool same(const struct packet *wanted, const struct packet *other)
{
    if (wanted->fd != other->fd || wanted->connected != other->connected ||
        (!wanted->connected && !address_equal(&wanted->to, &other->to)))
        return false;
    if (wanted->data == NULL)
        return other->size <= wanted->size;
    return wanted->size == other->size && memcmp(wanted->data, other->data, wanted->size) == 0;
}

void world_read(uint32_t port, const struct datagram *datagrams, uint32_t count)
{
    struct totals before = totals;
    expected_count = up_count = up_next = sent_count = 0;
    arena_used = 0;
    waiting = datagrams;
    waiting_count = count;
    reading_port = port;
    relay_port(port);
    uint32_t found = 0, ciphered = 0;
    for (uint32_t i = 0; i < expected_count; i++) {
        ciphered += expected[i].data == NULL;
        if (found < sent_count)
            found += same(&expected[i], &sent[found]);
    }
    MUST(found == sent_count); /* only what had to leave, in its order, to the octet */
    uint64_t missing = expected_count - sent_count, failed = totals.send_failed - before.send_failed;
    MUST(missing >= failed && missing <= failed + ciphered);
    uint64_t refused = totals.unauthenticated - before.unauthenticated;
    MUST(expected_count == totals.passed - before.passed + refused && refused <= ciphered);
    MUST(up_next == up_count);
}

#pragma clang attribute pop
