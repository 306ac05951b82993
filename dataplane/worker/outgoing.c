/* Sending in runs (UDP_SEGMENT) and batches (sendmmsg). A packet that cannot leave now is lost, as on a wire. */
#include "outgoing.h"

#include <errno.h>
#include <netinet/udp.h>
#include <string.h>
#include <sys/uio.h>

#include "relay.h"

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif

enum { MAX_RUNS = 64, MAX_VECTORS = 512, MAX_SEGMENTS = 64, MAX_OCTETS = 65000, PREFIX = 4 };

struct run {
    struct flow *flow;
    int fd;
    uint32_t first; /* vector */
    uint32_t segments;
    size_t size; /* of each segment on the wire; the last may be shorter */
    size_t total;
    bool complete;
};

static struct run runs[MAX_RUNS];
static struct mmsghdr messages[MAX_RUNS];
static struct iovec vectors[MAX_VECTORS];
static uint8_t prefixes[MAX_VECTORS][PREFIX];
static union {
    struct cmsghdr align;
    uint8_t space[CMSG_SPACE(sizeof(uint16_t))];
} controls[MAX_RUNS];
static uint32_t run_count, vector_count;

static uint32_t vectors_of(const struct flow *flow)
{
    return flow->add_kind != 0 ? 2 : 1;
}

static bool put_prefix(const struct flow *flow, uint8_t *to, size_t size)
{
    uint32_t value = flow->add;
    if (flow->add_kind == PORT_CHANNEL) {
        if (size > 0xffff)
            return false;
        value = value << 16 | (uint32_t)size;
    }
    to[0] = (uint8_t)(value >> 24);
    to[1] = (uint8_t)(value >> 16);
    to[2] = (uint8_t)(value >> 8);
    to[3] = (uint8_t)value;
    return true;
}

static bool continues(const struct run *run, const struct flow *flow, size_t wire)
{
    return run->flow == flow && !run->complete && !flow->no_segments && wire != 0 && wire <= run->size &&
           run->segments < MAX_SEGMENTS && run->total + wire <= MAX_OCTETS;
}

static int descriptor(const struct flow *flow)
{
    return flow->out_sibling != NONE ? siblings[flow->out_sibling].fd : ports[flow->out_port].fd;
}

bool outgoing_add(struct flow *flow, const uint8_t *data, size_t size)
{
    uint32_t needed = vectors_of(flow);
    size_t wire = size + (needed == 2 ? PREFIX : 0);
    if (run_count == MAX_RUNS || vector_count + needed > MAX_VECTORS)
        outgoing_flush();
    if (needed == 2) {
        if (!put_prefix(flow, prefixes[vector_count], size))
            return false;
        vectors[vector_count] = (struct iovec){prefixes[vector_count], PREFIX};
    }
    vectors[vector_count + needed - 1] = (struct iovec){(void *)data, size};
    struct run *run = run_count > 0 ? &runs[run_count - 1] : NULL;
    if (run != NULL && continues(run, flow, wire)) {
        run->segments++;
        run->total += wire;
        run->complete = wire < run->size;
    } else {
        runs[run_count++] = (struct run){flow, descriptor(flow), vector_count, 1, wire, wire, false};
    }
    vector_count += needed;
    return true;
}

static void compose(uint32_t i)
{
    const struct run *run = &runs[i];
    struct msghdr *header = &messages[i].msg_hdr;
    *header = (struct msghdr){
        .msg_iov = &vectors[run->first], .msg_iovlen = run->segments * vectors_of(run->flow),
    };
    if (run->flow->out_sibling == NONE) {
        header->msg_name = &run->flow->out_to;
        header->msg_namelen = run->flow->out_length;
    }
    if (run->segments > 1) {
        uint16_t size = (uint16_t)run->size;
        header->msg_control = &controls[i];
        header->msg_controllen = sizeof controls[i];
        struct cmsghdr *at = CMSG_FIRSTHDR(header);
        at->cmsg_level = IPPROTO_UDP;
        at->cmsg_type = UDP_SEGMENT;
        at->cmsg_len = CMSG_LEN(sizeof size);
        memcpy(CMSG_DATA(at), &size, sizeof size);
    }
}

static bool send_once(int fd, const struct msghdr *header)
{
    if (sendmsg(fd, header, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
        return true;
    /* A connected socket reports the ICMP error of an earlier packet in place of sending this one. */
    bool earlier = errno == ECONNREFUSED || errno == EHOSTUNREACH || errno == ENETUNREACH || errno == EHOSTDOWN;
    return earlier && sendmsg(fd, header, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0;
}

/* Packet by packet. */
static void send_apart(const struct run *run, struct msghdr header)
{
    size_t step = vectors_of(run->flow);
    header.msg_control = NULL;
    header.msg_controllen = 0;
    header.msg_iovlen = step;
    for (uint32_t i = 0; i < run->segments; i++, header.msg_iov += step)
        if (!send_once(run->fd, &header))
            totals.send_failed++;
}

/* A message that the kernel refused. */
static void send_again(struct run *run, const struct msghdr *header)
{
    if (run->segments > 1 && (errno == EINVAL || errno == EIO || errno == EMSGSIZE || errno == EOPNOTSUPP)) {
        run->flow->no_segments = true; /* this path does not take runs: too long for the link, or no checksums */
        send_apart(run, *header);
    } else if (errno == EAGAIN || errno == ENOBUFS || errno == ENOMEM || !send_once(run->fd, header)) {
        totals.send_failed += run->segments;
    }
}

/* Runs first to end - 1 leave by one socket. */
static void send_batch(uint32_t first, uint32_t end)
{
    while (first < end) {
        int sent = end - first == 1 ? (int)sendmsg(runs[first].fd, &messages[first].msg_hdr, MSG_DONTWAIT | MSG_NOSIGNAL)
                                    : sendmmsg(runs[first].fd, &messages[first], end - first, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent >= 0 && end - first == 1)
            return;
        if (sent > 0) {
            first += (uint32_t)sent;
        } else {
            send_again(&runs[first], &messages[first].msg_hdr);
            first++;
        }
    }
}

/* The common case, one packet: no message header for the kernel to copy. A prefix is put in place; what was there, a
 * packet of the same read, has gone up before. */
static bool send_single(void)
{
    const struct run *run = &runs[0];
    if (run_count != 1 || run->segments != 1)
        return false;
    bool connected = run->flow->out_sibling != NONE;
    uint8_t *data = vectors[vector_count - 1].iov_base;
    if (vector_count == 2)
        memcpy(data -= PREFIX, vectors[0].iov_base, PREFIX);
    return sendto(run->fd, data, run->size, MSG_DONTWAIT | MSG_NOSIGNAL,
                  connected ? NULL : &run->flow->out_to.any, connected ? 0 : run->flow->out_length) >= 0;
}

void outgoing_flush(void)
{
    uint32_t first = 0;
    if (send_single())
        run_count = 0;
    for (uint32_t i = 0; i < run_count; i++)
        compose(i);
    for (uint32_t i = 1; i <= run_count; i++) {
        if (i == run_count || runs[i].fd != runs[first].fd) {
            send_batch(first, i);
            first = i;
        }
    }
    run_count = vector_count = 0;
}
