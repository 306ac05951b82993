/* The tables: attached ports, their connected siblings, flows. Fixed pools, nothing is allocated per packet. */
#ifndef SEAWAY_TABLE_H
#define SEAWAY_TABLE_H

#include "address.h"
#include "ciphers.h"
#include "rtp.h"

enum { MAX_PORTS = 32768, MAX_FLOWS = 65536, MAX_SIBLINGS = 65536, SIBLINGS_OF_PORT = 16 };
#define NONE UINT32_MAX
enum port_kind { PORT_PLAIN = 1, PORT_CHANNEL = 2, PORT_MUX = 3 };
enum flow_kind { FLOW_MEDIA = 1, FLOW_DATA = 2, FLOW_RTP = 3 }; /* FLOW_RTP: as FLOW_MEDIA, but RTCP goes up */
enum { CHANNEL_FIRST = 0x4000, CHANNEL_LAST = 0x7fff }; /* RFC 5766 §11; see wire/stun/channel_data.py */

struct port {
    int fd; /* -1: free */
    uint8_t owner;
    uint8_t kind;
    uint16_t siblings;
    uint32_t next; /* in its hash chain, or the free list */
    uint32_t first_sibling;
    uint32_t users; /* flows that come in or go out here, counted for each end */
    struct address local;
};

/* A second socket of the same local address, connected to one remote: sending needs no route lookup. What it receives
 * is read as if it came from the port's own socket. */
struct sibling {
    int fd; /* -1: free */
    uint32_t port;
    uint32_t next; /* of the same port, or the free list */
    uint32_t users;
    struct address remote;
};

struct flow_key {
    uint32_t port;
    uint32_t prefix; /* 0 on a plain port */
    struct address remote;
};

struct flow {
    struct flow_key key;
    bool used;
    bool no_segments; /* the way out does not take UDP_SEGMENT */
    uint8_t kind;
    uint8_t add_kind; /* 0: nothing in front */
    uint32_t add;
    uint32_t next; /* in its hash chain, or the free list */
    uint32_t out_port;
    uint32_t in_sibling; /* or NONE */
    uint32_t out_sibling;
    struct address out_remote;
    union endpoint out_to;
    socklen_t out_length;
    struct rtp_clocks clocks;
    struct rtp_stats stats;
    struct cipher *receive; /* NULL: what comes is as it goes on */
    struct cipher *send;
    bool verify; /* it has to be authentic, and passes as it is */
};

/* What a flow is to be; the indexes and counters are the table's. */
struct flow_wish {
    struct flow_key key;
    uint32_t out_port;
    struct address out_remote;
    uint8_t kind;
    uint8_t add_kind;
    uint32_t add;
    struct rtp_clocks clocks;
    struct cipher *receive;
    struct cipher *send;
    bool verify;
};

struct table {
    uint32_t max_ports, max_flows;
    uint32_t ports_used, flows_used, siblings_used;
    uint32_t ports_high, flows_high; /* no index at or above was ever used */
    uint32_t siblings_max;
};

extern struct table table;
extern struct port ports[MAX_PORTS];
extern struct sibling siblings[MAX_SIBLINGS];
extern struct flow flows[MAX_FLOWS];

void table_start(uint32_t max_ports, uint32_t max_flows, uint32_t siblings_max);

uint32_t port_find(uint8_t owner, const struct address *local);
/* Takes the descriptor; NONE and leaves it when there is no room. */
uint32_t port_add(uint8_t owner, uint8_t kind, const struct address *local, int fd);
/* Removes its flows and closes it. */
void port_remove(uint32_t index);

struct flow *flow_find(const struct flow_key *key);
/* Adds or replaces; NULL when there is no room. */
struct flow *flow_put(const struct flow_wish *wish);
void flow_remove(struct flow *it);

#endif
