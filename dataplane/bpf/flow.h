/* SPDX-License-Identifier: MIT OR GPL-2.0
 *
 * The maps, and the layout of their keys and values. `layout.py` says the same in Python; a test compares sizes.
 */
#pragma once
#include "kernel.h"

enum port_kind { PLAIN = 1, CHANNEL = 2, MUX = 3 };
enum flow_kind { MEDIA = 1, DATA = 2, RTP = 3 }; /* RTP: as MEDIA, but RTCP goes up */
enum { SOURCES = 4, CLOCKS = 4 };

struct key4 {
	be32 local, remote;
	be16 local_port, remote_port;
	u32 prefix; /* channel number, multiplexID, or 0 */
};

struct key6 {
	be32 local[4], remote[4];
	be16 local_port, remote_port;
	u32 prefix;
};

/* One SSRC. RFC 3550 §A.1, §A.3. */
struct source {
	u32 ssrc;
	u16 base, highest;
	u32 bad; /* the number after a jump; 0x10000: none */
	u32 cycles;
	u32 received;
	u32 timestamp;
	u64 arrival; /* ns; 0: no packet to compare with */
	u64 jitter;  /* ns */
};

struct flow {
	/* what to do: written by userspace */
	u8 kind, owner, add, prefixed; /* prefixed: only for userspace */
	u32 add_value;
	be32 out_local[4], out_remote[4];
	be32 out_ports; /* source, destination */
	u32 clock;
	u8 types[CLOCKS]; /* payload types; 0xFF: none */
	u32 clocks[CLOCKS];
	u32 unused2;
	/* what was done */
	u64 packets, octets, rtcp_packets, last_seen;
	u64 last_rtp, max_gap, lost, reordered, jitter; /* times in ns; lost: by sources that made room */
	u32 used, oldest;
	struct source sources[SOURCES];
	/* the last route, believed for a short while */
	u64 route_until;
	u32 route_ifindex;
	u32 route_length; /* octets of an IP packet that had room */
	u16 source_mac[3], destination_mac[3];
	u32 unused3;
};

struct map flows4 SECTION("maps") = {MAP_HASH, sizeof(struct key4), sizeof(struct flow), 65536, MAP_NO_PREALLOC};
struct map flows6 SECTION("maps") = {MAP_HASH, sizeof(struct key6), sizeof(struct flow), 65536, MAP_NO_PREALLOC};

/* By local port: octet N is what owner N says of it, 0 for nothing. Userspace writes single octets through mmap. */
struct map ports SECTION("maps") = {MAP_ARRAY, 4, 8, 65536, MAP_MMAPABLE};

/* Interfaces that packets may leave by: those which were tried at load. */
struct map links SECTION("maps") = {MAP_HASH, 4, 4, 256, 0};

enum counter {
	FAST,         /* sent on */
	NO_FLOW,      /* for a port of ours, without a flow */
	NOT_MEDIA,    /* neither RTP nor RTCP, on a flow of media; RTCP, on one of RTP alone */
	NO_PREFIX,    /* no ChannelData, or too short for a multiplexID */
	TTL,          /* used up */
	CHECKSUM,     /* unfinished and cannot be finished here, or missing on IPv6 */
	SEGMENTS,     /* several packets in one (GSO), or not for this host */
	NO_ROOM,      /* no room for an added prefix */
	OTHER_LINK,   /* the route leaves by an interface without a fast path */
	FIB = 16,     /* + code of bpf_fib_lookup: no route */
	COUNTERS = 32
};

struct map counters SECTION("maps") = {MAP_PER_CPU_ARRAY, 4, 8, COUNTERS, 0};

static INLINE void tally(u32 which)
{
	u64 *count = map_lookup(&counters, &which);
	if (count)
		(*count)++;
}

/* The packet goes up the stack, for reason `which`. */
static INLINE int up(u32 which)
{
	tally(which);
	return 0;
}
