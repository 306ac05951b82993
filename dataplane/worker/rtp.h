/* What is well-formed RTP and RTCP, and the statistics of one direction. Knows no sockets and no clock. */
#ifndef SEAWAY_RTP_H
#define SEAWAY_RTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { RTP_SOURCES = 4, RTP_CLOCKS = 4 };

enum packet_class { PACKET_OTHER, PACKET_RTP, PACKET_RTCP };

struct rtp_source {
    uint32_t ssrc;
    int32_t highest;
    int32_t bad; /* what would confirm a jump, -1: none */
    bool has_transit;
    int64_t base;
    int64_t cycles;
    int64_t received;
    double jitter; /* in units of the RTP clock */
    double transit;
};

struct rtp_clocks {
    uint32_t usual; /* Hz */
    uint32_t count;
    uint32_t hertz[RTP_CLOCKS];
    uint8_t payload_type[RTP_CLOCKS];
};

struct rtp_stats {
    uint64_t packets; /* RTP and RTCP */
    uint64_t octets;
    uint64_t rtcp_packets;
    uint64_t reordered;
    uint64_t unauthenticated; /* dropped, and counted nowhere else */
    int64_t lost_before; /* of sources that made room */
    double last_seen; /* of any packet; 0: none yet */
    double last_rtp;
    double max_gap; /* seconds */
    double jitter_ms;
    uint32_t count; /* sources */
    uint32_t oldest;
    uint32_t recent; /* the source of the last packet */
    struct rtp_source sources[RTP_SOURCES];
};

enum packet_class rtp_classify(const uint8_t *data, size_t size);

/* Count a packet of this class. `now` in seconds, above 0. */
void rtp_count(struct rtp_stats *it, const struct rtp_clocks *clocks, enum packet_class class, const uint8_t *data,
               size_t size, double now);

uint64_t rtp_lost(const struct rtp_stats *it);

#endif
