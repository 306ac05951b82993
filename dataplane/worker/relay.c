/* Reading, looking up, and the choice: by a flow or up. Packets of one read that belong together leave together. */
#include "relay.h"

#include <errno.h>
#include <netinet/udp.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>

#include "control.h"
#include "outgoing.h"
#include "sockets.h"
#include "table.h"

#ifndef UDP_GRO
#define UDP_GRO 104
#endif

enum { BATCH = 32, DATAGRAM = 65536, STRIDE = DATAGRAM + 192 }; /* not all buffers in the same cache sets */

struct totals totals;

static uint8_t buffers[BATCH][STRIDE];
static struct mmsghdr messages[BATCH];
static struct iovec vectors[BATCH];
static union endpoint sources[BATCH];
static union {
    struct cmsghdr align;
    uint8_t space[CMSG_SPACE(sizeof(int))];
} controls[BATCH];

static void prepare(int i)
{
    struct msghdr *header = &messages[i].msg_hdr;
    vectors[i] = (struct iovec){buffers[i] + HEADROOM, DATAGRAM};
    *header = (struct msghdr){
        .msg_name = &sources[i], .msg_namelen = sizeof sources[i], .msg_iov = &vectors[i], .msg_iovlen = 1,
        .msg_control = &controls[i], .msg_controllen = sizeof controls[i],
    };
}

void relay_start(void)
{
    for (int i = 0; i < BATCH; i++)
        prepare(i);
}

static double now(void)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return (double)at.tv_sec + (double)at.tv_nsec * 1e-9;
}

/* The size of the packets that the kernel put together to one datagram (UDP_GRO); 0: it is one packet. */
static size_t segment_size(struct msghdr *header)
{
    for (struct cmsghdr *at = CMSG_FIRSTHDR(header); at != NULL; at = CMSG_NXTHDR(header, at)) {
        int size;
        if (at->cmsg_level == IPPROTO_UDP && at->cmsg_type == UDP_GRO && at->cmsg_len >= CMSG_LEN(sizeof size)) {
            memcpy(&size, CMSG_DATA(at), sizeof size);
            return size > 0 ? (size_t)size : 0;
        }
    }
    return 0;
}

static uint32_t half(const uint8_t *at)
{
    return (uint32_t)at[0] << 8 | at[1];
}

/* Split off the prefix that the port's kind has. False: no such prefix, the packet goes up. */
static bool take_prefix(uint8_t kind, uint32_t *prefix, const uint8_t **data, size_t *size)
{
    *prefix = 0;
    if (kind == PORT_PLAIN)
        return true;
    if (*size < 4)
        return false;
    if (kind == PORT_CHANNEL) {
        size_t length = half(*data + 2);
        *prefix = half(*data);
        if (*prefix < CHANNEL_FIRST || *prefix > CHANNEL_LAST || length > *size - 4)
            return false;
        *size = length; /* what follows is padding (RFC 8656 §12.5) */
    } else {
        *prefix = half(*data) << 16 | half(*data + 2);
        *size -= 4;
    }
    *data += 4;
    return true;
}

/* Packets that are opened or sealed are put here until the flush: sealed ones are longer than they came. */
enum { SLOTS = 64, SLOT = 2048 };
static uint8_t slots[SLOTS][HEADROOM + SLOT];
static uint32_t slots_used;

static uint8_t *take_slot(void)
{
    if (slots_used == SLOTS) {
        outgoing_flush();
        slots_used = 0;
    }
    return slots[slots_used++] + HEADROOM;
}

/* False: the packet goes up. */
static bool pass_ciphered(struct flow *flow, enum packet_class class, const uint8_t *data, size_t size, double at)
{
    bool rtcp = class == PACKET_RTCP;
    size_t length = size;
    if (size > SLOT - SRTP_GROWTH || class == PACKET_OTHER)
        return false;
    uint8_t *slot = flow->verify ? NULL : take_slot();
    if (flow->receive != NULL)
        length = srtp_open(flow->receive->srtp, rtcp, data, size, slot);
    else
        memcpy(slot, data, size);
    if (length == 0) { /* nothing of it counts: no learning, no life sign, no jitter */
        flow->stats.unauthenticated++;
        totals.unauthenticated++;
        return true;
    }
    rtp_count(&flow->stats, &flow->clocks, class, data, size, at);
    totals.passed++;
    if (flow->verify)
        return outgoing_add(flow, data, size);
    if (flow->send != NULL)
        length = srtp_seal(flow->send->srtp, rtcp, slot, length);
    if (length > 0)
        outgoing_add(flow, slot, length);
    return true;
}

/* True when a flow took the packet. */
static bool pass(uint32_t port, const struct address *source, const uint8_t *data, size_t size, double at)
{
    struct flow_key key = {.port = port, .remote = *source};
    if (!take_prefix(ports[port].kind, &key.prefix, &data, &size))
        return false;
    struct flow *flow = flow_find(&key);
    if (flow == NULL)
        return false;
    enum packet_class class = PACKET_OTHER;
    if (flow->kind != FLOW_DATA && (class = rtp_classify(data, size)) == PACKET_OTHER)
        return false;
    if (flow->kind == FLOW_RTP && class == PACKET_RTCP)
        return false;
    if (flow->receive != NULL || flow->send != NULL)
        return pass_ciphered(flow, class, data, size, at);
    if (!outgoing_add(flow, data, size))
        return false;
    rtp_count(&flow->stats, &flow->clocks, class, data, size, at);
    totals.passed++;
    return true;
}

static void handle(uint32_t port, int i, double at)
{
    struct address source;
    size_t size = messages[i].msg_len;
    if (!address_from(&source, &sources[i]))
        return;
    size_t step = segment_size(&messages[i].msg_hdr);
    if (step == 0)
        step = size;
    const uint8_t *data = buffers[i] + HEADROOM;
    do {
        size_t length = size < step ? size : step;
        if (!pass(port, &source, data, length, at))
            control_up(ports[port].owner, &ports[port].local, &source, data, length);
        data += length;
        size -= length;
    } while (size > 0);
}

/* One batch. Readiness is told once (EPOLLET), so false: there may be more, and it has to be told again. */
static bool read_batch(int fd, uint32_t port)
{
    int count = recvmmsg(fd, messages, BATCH, MSG_DONTWAIT, NULL);
    if (count < 0)
        return errno == EAGAIN; /* else an ICMP error of an earlier packet, which is gone now */
    double at = now();
    totals.reads++;
    for (int i = 0; i < count; i++)
        handle(port, i, at);
    outgoing_flush();
    slots_used = 0;
    for (int i = 0; i < count; i++)
        prepare(i);
    return count < BATCH;
}

void relay_port(uint32_t index)
{
    int fd = ports[index].fd;
    if (fd >= 0 && !read_batch(fd, index))
        watch_change(fd, WATCH_PORT, index, EPOLLIN | EPOLLET);
}

void relay_sibling(uint32_t index)
{
    int fd = siblings[index].fd;
    if (fd >= 0 && !read_batch(fd, siblings[index].port))
        watch_change(fd, WATCH_SIBLING, index, EPOLLIN | EPOLLET);
}
