/* Messages between the worker and its clients, one in a SEQPACKET datagram; numbers in the host's byte order, ports and
 * addresses in network order. Each request has one reply. Python's side: runtime/fastpath/worker_protocol.py. */
#ifndef SEAWAY_PROTOCOL_H
#define SEAWAY_PROTOCOL_H

#include "address.h"
#include "srtp.h"

enum { PROTOCOL_VERSION = 2, MAX_OWNER = 7, MAX_TEXT = 200, PAGE = 400 };

enum operation {
    OP_HELLO = 1, /* a: owner, number: version. The reply brings the descriptor of datagrams without a flow; number: features */
    OP_ATTACH = 2, /* a: kind; struct address; with the descriptor */
    OP_DETACH = 3, /* struct address */
    OP_ADD = 4, /* struct wire_flow */
    OP_REMOVE = 5, /* struct wire_key; the reply has struct wire_counters */
    OP_READ = 6, /* the same */
    OP_KEYS = 7, /* number: where to go on. Reply: number to go on at (0: all told), struct wire_key... */
    OP_PORTS = 8, /* the same with struct wire_port... */
    OP_FETCH = 9, /* struct address. The reply brings a descriptor of the socket */
    OP_TOTALS = 10, /* the reply has struct wire_totals */
    OP_CIPHER = 11, /* struct wire_cipher: keep a context; one that is there with the same key goes on */
    OP_UNCIPHER = 12, /* its id: it goes with its last flow; the reply has its struct srtp_index... */
    OP_INDEXES = 13, /* the same, and it stays */
    OP_TRANSFORM = 14, /* a: enum transform; id and a packet. The reply has the packet, unknown: it must not pass */
};

enum features { FEATURE_SRTP = 1 };
enum transform { TRANSFORM_RTP = 0, TRANSFORM_RTCP = 1, TRANSFORM_VERIFY = 2 }; /* verify: it stays as it is */

enum status { STATUS_DONE = 0, STATUS_REFUSED = 1, STATUS_UNKNOWN = 2 }; /* refused: a line of text follows */

struct request {
    uint8_t operation;
    uint8_t a;
    uint16_t zero;
    uint32_t number;
};

struct reply {
    uint8_t operation;
    uint8_t status;
    uint16_t zero;
    uint32_t number;
};

struct wire_key {
    struct address local;
    struct address remote;
    uint32_t prefix;
    uint8_t has_prefix;
    uint8_t zero[3];
};

struct wire_flow {
    struct wire_key key;
    struct address out_local;
    struct address out_remote;
    uint32_t add;
    uint8_t add_kind;
    uint8_t kind;
    uint8_t clock_count;
    uint8_t zero;
    uint32_t clock;
    uint32_t hertz[4];
    uint8_t payload_type[4];
    uint64_t receive, send; /* contexts, 0: none */
    uint8_t verify;
    uint8_t zeros[7];
};

struct wire_port {
    struct address local;
    uint8_t kind;
    uint8_t zero[3];
};

struct wire_counters {
    uint64_t packets, octets, rtcp_packets, lost, reordered;
    double last_seen; /* 0: never */
    double jitter_ms, max_gap_ms;
    uint64_t unauthenticated;
};

struct wire_cipher {
    uint64_t id;
    struct srtp_wish wish;
    uint32_t count; /* of what is known */
    struct srtp_index known[SRTP_SENT];
};

struct wire_totals {
    uint64_t passed, up, up_dropped, unowned, send_failed, reads;
    uint32_t ports, flows, siblings, zero;
};

/* In front of each datagram that goes up. */
struct wire_up {
    struct address local;
    struct address source;
};

_Static_assert(sizeof(struct wire_key) == 48 && sizeof(struct wire_flow) == 144 && sizeof(struct wire_port) == 24 &&
                   sizeof(struct wire_counters) == 72 && sizeof(struct wire_totals) == 64 && sizeof(struct wire_up) == 40 &&
                   sizeof(struct wire_cipher) == 1616,
               "no holes");

#endif
