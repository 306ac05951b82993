/* What the generators, the sink and figures.py agree on. Integers of packets are in network order, the rest in host
 * order. The RTP payload starts with a time stamp and the complements of all fields that change from packet to packet,
 * so that the UDP checksum of a flow never changes: nobody has to compute it while packets are sent. */
#ifndef LAYOUT_H
#define LAYOUT_H

#include <linux/types.h>

#define MAX_FLOWS 4096
#define BUCKETS 16384      /* of the latency histogram */
#define BUCKET_NS 250
#define VARIABLE 34        /* octets of struct variable */

struct flow {              /* one record of the flow file */
	__u16 source, target;  /* UDP ports, network order */
	__u16 check;           /* UDP checksum, as it stands in the packet */
	__u16 channel;         /* first two octets of the payload, network order; unused when there is no prefix */
	__u32 ssrc;            /* network order */
	__u32 sequence;
};

struct variable {          /* follows the prefix, if there is one */
	__u8 version, type;
	__u16 sequence;
	__u32 stamp;
	__u32 ssrc;
	__u64 time;            /* nanoseconds of CLOCK_MONOTONIC, host order */
	__u64 no_time;
	__u32 no_stamp;
	__u16 no_sequence;
} __attribute__((packed));

struct pace {              /* the only entry of the map `paces` */
	__u64 next, interval, until; /* nanoseconds; interval 0 sends without pause */
	__u64 burst, gate;           /* what is due in `burst` ns is sent at once; 0: each packet by itself */
	__u64 sent;
	__u32 flows, index, device, prefix; /* prefix: 0 or 4 octets */
	__u8 head[48];               /* the first octets of the template: a frame comes back as its receiver left it */
};

struct totals {            /* the only entry of the map `seen` */
	__u64 packets;
	__u64 wrong;           /* of the port range, but of another length */
	__u32 first, count;    /* UDP ports */
	__u32 length;          /* of the UDP payload */
	__u32 pass;            /* hand packets on to the sockets */
};

#endif
