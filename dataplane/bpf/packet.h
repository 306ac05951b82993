/* SPDX-License-Identifier: MIT OR GPL-2.0
 *
 * Reading a packet, and writing its headers anew.
 */
#pragma once
#include "checksum.h"
#include "statistics.h"

enum { ETHERNET = 14, UDP = 8, PREFIX = 4, HOPS = 64 };
#define L3_LENGTH(v6) ((v6) ? 40 : 20)

struct packet {
	be32 local[4], remote[4]; /* the first word of each only for IPv4 */
	be32 ports; /* source, destination */
	u32 size; /* of the UDP payload */
	u16 check;
	u8 tos, ttl;
	be16 local_port, remote_port;
};

static INLINE void copy_address(be32 *to, const be32 *from, const int v6)
{
	to[0] = from[0];
	if (v6) {
		to[1] = from[1];
		to[2] = from[2];
		to[3] = from[3];
	}
}

static INLINE void read_ports(const struct udp *udp, struct packet *packet)
{
	const be16 *each = (const void *)&udp->ports;
	packet->ports = udp->ports;
	packet->remote_port = each[0];
	packet->local_port = each[1];
}

/* A whole IPv4 packet without options, not a fragment, UDP whose length agrees. `frame`: octets of the whole frame; CAP_BPF
 * alone may not calculate with `end`. */
static INLINE int parse4(const void *data, const void *end, u32 frame, struct packet *packet)
{
	const struct ipv4 *ip = data + ETHERNET;
	const struct udp *udp = data + ETHERNET + sizeof(*ip);
	if ((const void *)(udp + 1) > end)
		return 0;
	if (ip->version != 0x45 || ip->protocol != 17 || ip->fragment & SWAP16(0x3FFF))
		return 0;
	u32 length = SWAP16(ip->length);
	if (length < sizeof(*ip) + UDP || SWAP16(udp->length) != length - sizeof(*ip) || ETHERNET + length > frame)
		return 0;
	packet->local[0] = ip->destination;
	packet->remote[0] = ip->source;
	packet->tos = ip->tos;
	packet->ttl = ip->ttl;
	packet->size = length - sizeof(*ip) - UDP;
	read_ports(udp, packet);
	packet->check = udp->check;
	return 1;
}

/* The same of IPv6 without extension headers. */
static INLINE int parse6(const void *data, const void *end, u32 frame, struct packet *packet)
{
	const struct ipv6 *ip = data + ETHERNET;
	const struct udp *udp = data + ETHERNET + sizeof(*ip);
	if ((const void *)(udp + 1) > end)
		return 0;
	u32 word = SWAP32(ip->version);
	if (word >> 28 != 6 || ip->next != 17)
		return 0;
	u32 length = SWAP16(ip->length);
	if (length < UDP || udp->length != ip->length || ETHERNET + sizeof(*ip) + length > frame)
		return 0;
	copy_address(packet->local, ip->destination, 1);
	copy_address(packet->remote, ip->source, 1);
	packet->tos = word >> 20;
	packet->ttl = ip->hops;
	packet->size = length - UDP;
	read_ports(udp, packet);
	packet->check = udp->check;
	return 1;
}

static INLINE u32 port_kind(be16 local_port)
{
	u32 port = SWAP16(local_port);
	const u8 *owners = map_lookup(&ports, &port);
	return owners ? owners[1] | owners[2] : 0;
}

/* The prefix as the key has it; 0 when the packet has none as it should be. Channel numbers start
 * with the bits 01 (RFC 5766 §11; wire/stun/channel_data.py says why no fewer), which tells ChannelData from STUN. */
static INLINE int read_prefix(const void *data, const void *end, const int v6, u32 kind, u32 size, u32 *prefix)
{
	const be32 *word = data + ETHERNET + L3_LENGTH(v6) + UDP;
	if (size < PREFIX || (const void *)(word + 1) > end)
		return 0;
	u32 value = SWAP32(*word);
	if (kind == MUX) {
		*prefix = value;
		return 1;
	}
	*prefix = value >> 16;
	return kind == CHANNEL && value >> 30 == 1 && (value & 0xFFFF) == size - PREFIX;
}

static INLINE struct flow *find_flow(const struct packet *packet, const int v6, u32 prefix)
{
	if (v6) {
		struct key6 key = {.local_port = packet->local_port, .remote_port = packet->remote_port, .prefix = prefix};
		copy_address(key.local, packet->local, 1);
		copy_address(key.remote, packet->remote, 1);
		return map_lookup(&flows6, &key);
	}
	struct key4 key = {
		packet->local[0], packet->remote[0], packet->local_port, packet->remote_port, prefix,
	};
	return map_lookup(&flows4, &key);
}

static INLINE long load(void *ctx, const int tc, u32 at, void *to, u32 size)
{
	return tc ? skb_load_bytes(ctx, at, to, size) : xdp_load_bytes(ctx, at, to, size);
}

/* The first words after the prefix, as far as the packet has them. Read at once: without CAP_PERFMON the verifier does
 * not let the compiler keep a pointer on the stack and use its place again. */
static INLINE void read_head(const void *data, const void *end, const int v6, u32 strip, be32 *head)
{
	const be32 *from = data + ETHERNET + L3_LENGTH(v6) + UDP;
	if (strip) {
		from = data + ETHERNET + L3_LENGTH(v6) + UDP + PREFIX;
		OPAQUE(from); /* or the compiler would calculate it from `strip` */
	}
	be32 first = 0, second = 0, third = 0;
	if ((const void *)(from + 3) <= end) {
		first = from[0];
		second = from[1];
		third = from[2];
	} else if ((const void *)(from + 2) <= end) {
		first = from[0];
		second = from[1];
	}
	OPAQUE(first);
	OPAQUE(second);
	OPAQUE(third);
	head[0] = first;
	head[1] = second;
	head[2] = third;
}

/* Well-formed RTP (RFC 3550 §5.1, §5.3.1) or RTCP (§6.1; packet types RFC 5761 §4), in clear or not. */
static INLINE int read_media(void *ctx, const int tc, const be32 *head, u32 at, u32 size, struct media *media)
{
	if (size < 8)
		return 0;
	u32 first = SWAP32(head[0]);
	if (first >> 30 != 2)
		return 0;
	u32 type = first >> 16 & 0xFF;
	if (type >= 192 && type <= 223) {
		media->rtcp = 1;
		return 4 + 4 * (first & 0xFFFF) <= size;
	}
	if (size < 12)
		return 0;
	u32 length = 12 + 4 * (first >> 24 & 15);
	if (first >> 28 & 1) {
		be32 extension;
		if (length + 4 > size || load(ctx, tc, at + length, &extension, 4))
			return 0;
		length += 4 + 4 * (SWAP32(extension) & 0xFFFF);
	}
	media->rtcp = 0;
	media->type = type & 0x7F;
	media->sequence = first & 0xFFFF;
	media->timestamp = SWAP32(head[1]);
	media->ssrc = SWAP32(head[2]);
	return length <= size;
}

/* The route of the flow's way out into its cache; 0 when the stack has to find it. Looked up as for a packet of our own
 * (from `lo`), so that no interface of the host has to forward. */
static INLINE int find_route(void *ctx, struct flow *flow, const int v6, const int tc, u32 tos, u32 length, u64 now)
{
	enum { LOOPBACK = 1, BELIEVED = SECOND / 10 };
	if (now < flow->route_until && length <= flow->route_length)
		return 1;
	const be16 *out = (const void *)&flow->out_ports;
	struct fib fib = {
		.family = v6 ? AF_IPV6 : AF_IPV4,
		.protocol = 17,
		.source_port = out[0],
		.destination_port = out[1],
		.length = length,
		.ifindex = LOOPBACK,
	};
	*(u8 *)&fib.tos = v6 ? 0 : tos;
	copy_address(fib.source, flow->out_local, v6);
	copy_address(fib.destination, flow->out_remote, v6);
	long code = fib_lookup(ctx, &fib, sizeof(fib), 0);
	if (code) {
		tally(FIB + (code > 0 && code < 15 ? code : 15));
		return 0;
	}
	u32 ifindex = fib.ifindex;
	if (!tc && !map_lookup(&links, &ifindex)) {
		tally(OTHER_LINK);
		return 0;
	}
	if (now >= flow->route_until || length > flow->route_length || ifindex != flow->route_ifindex)
		flow->route_length = length;
	flow->route_ifindex = ifindex;
#pragma unroll
	for (int i = 0; i < 3; i++) {
		flow->source_mac[i] = fib.source_mac[i];
		flow->destination_mac[i] = fib.destination_mac[i];
	}
	flow->route_until = now + BELIEVED;
	return 1;
}

/* All headers, and the added prefix. A fresh TTL: the relay is an end, not a router. DF as a socket's packets have it,
 * wherefore the identification may be 0 (RFC 6864 §4.1). */
static INLINE void write_headers(void *to, const struct flow *flow, const int v6, const int add, u32 tos, u32 size,
				 u16 check, be32 prefix)
{
	struct ethernet *ethernet = to;
#pragma unroll
	for (int i = 0; i < 3; i++) {
		ethernet->destination[i] = flow->destination_mac[i];
		ethernet->source[i] = flow->source_mac[i];
	}
	ethernet->protocol = v6 ? SWAP16(0x86DD) : SWAP16(0x0800);
	struct udp *udp = to + ETHERNET + L3_LENGTH(v6);
	udp->ports = flow->out_ports;
	udp->length = SWAP16(size + UDP);
	udp->check = check;
	if (add)
		*(be32 *)(udp + 1) = prefix;
	if (v6) {
		struct ipv6 *ip = to + ETHERNET;
		ip->version = SWAP32(6u << 28 | tos << 20);
		ip->length = SWAP16(size + UDP);
		ip->next = 17;
		ip->hops = HOPS;
		copy_address(ip->source, flow->out_local, 1);
		copy_address(ip->destination, flow->out_remote, 1);
		return;
	}
	struct ipv4 *ip = to + ETHERNET;
	be16 length = SWAP16(size + UDP + sizeof(*ip));
	be32 source = flow->out_local[0], destination = flow->out_remote[0];
	ip->version = 0x45;
	ip->tos = tos;
	ip->length = length;
	ip->id = 0;
	ip->fragment = SWAP16(0x4000);
	ip->ttl = HOPS;
	ip->protocol = 17;
	ip->source = source;
	ip->destination = destination;
	u64 sum = SWAP16(0x4500 | (tos & 0xFF)) + SWAP16(0x4000) + SWAP16(HOPS << 8 | 17);
	ip->check = ~fold(sum + length + source + destination);
}
