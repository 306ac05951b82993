/* SPDX-License-Identifier: MIT OR GPL-2.0
 *
 * The fast path of established media: a packet whose flow is in the map leaves again, with other addresses and ports and
 * its prefix changed, without any process. Every other packet goes up the stack as if this program were not there; none
 * is dropped. `media/flows.py` says what a flow is.
 *
 * No BPF-to-BPF calls, no globals, no CO-RE: the loader is small (`runtime/fastpath/elf.py`).
 */
#include "packet.h"

/* The same code for three hooks, chosen at compile time. GENERIC: XDP on packets of the stack, where a checksum that is
 * left to the hardware stays marked so. */
enum hook { NATIVE, GENERIC, TC };

/* How a relayed packet differs from the one that came. */
struct rewrite {
	u64 pseudo; /* change of the checksum: of the pseudo header */
	u64 plain;  /* and of what is in the packet */
	be32 prefix;
	u32 size; /* of the UDP payload */
	s32 shift; /* octets that the head moves by: positive makes the packet shorter */
};

static INLINE void plan(struct rewrite *rewrite, const struct packet *packet, const struct flow *flow, const int v6,
			u32 strip, be32 old_prefix)
{
	u32 add = flow->add ? PREFIX : 0;
	u32 carried = packet->size - strip;
	rewrite->size = carried + add;
	rewrite->shift = strip - add;
	rewrite->prefix = SWAP32(flow->add == CHANNEL ? flow->add_value << 16 | (carried & 0xFFFF) : flow->add_value);
	u64 length = change16(SWAP16(packet->size + UDP), SWAP16(rewrite->size + UDP));
	rewrite->pseudo = length + change_of(packet->local, flow->out_local, v6) +
			  change_of(packet->remote, flow->out_remote, v6);
	rewrite->plain = length + change32(packet->ports, flow->out_ports);
	if (strip)
		rewrite->plain += (u32)~old_prefix;
	if (add)
		rewrite->plain += rewrite->prefix;
}

/* The field as senders with checksum offload leave it: the sum of the pseudo header, not complemented. One finished
 * checksum in 65535 looks so too. */
static INLINE int unfinished(const struct packet *packet, const int v6)
{
	u64 sum = sum_of(packet->local, v6) + sum_of(packet->remote, v6);
	return fold(sum + SWAP16(packet->size + UDP) + SWAP16(17)) == packet->check;
}

static INLINE int write_xdp(void *ctx, const struct flow *flow, const struct packet *packet, const struct rewrite *rewrite,
			    const int v6)
{
	struct xdp_md *xdp = ctx;
	if (rewrite->shift && xdp_adjust_head(ctx, rewrite->shift))
		return up(NO_ROOM);
	u16 check = packet->check;
	if (check) {
		check = ~fold((u64)(u16)~check + rewrite->pseudo + rewrite->plain);
		check = check ? check : 0xFFFF;
	}
	void *data = (void *)(u64)xdp->data, *end = (void *)(u64)xdp->data_end;
	u32 room = ETHERNET + L3_LENGTH(v6) + UDP;
	if (flow->add) {
		if (data + room + PREFIX > end)
			return -1; /* never: the packet was longer than what was taken away */
		write_headers(data, flow, v6, 1, packet->tos, rewrite->size, check, rewrite->prefix);
	} else {
		if (data + room > end)
			return -1;
		write_headers(data, flow, v6, 0, packet->tos, rewrite->size, check, 0);
	}
	return 1;
}

/* Move `count` octets by 4 to the front or to the back. */
static INLINE int move(void *ctx, u32 from, u32 to, u32 count, const int back)
{
	u64 chunk[CHUNK / 8] = {};
#pragma clang loop unroll(disable)
	for (u32 done = 0; done < LONGEST; done += CHUNK) {
		u32 size = count - done;
		OPAQUE(size);
		if ((s32)size <= 0)
			break;
		u32 at = done;
		if (size > CHUNK)
			size = CHUNK;
		if (back)
			at = count - done - size;
		if (skb_load_bytes(ctx, from + at, chunk, size) || skb_store_bytes(ctx, to + at, chunk, size, 0))
			return 0;
	}
	return 1;
}

/* Room for another prefix. An unfinished checksum is marked in the packet's metadata by where the UDP header is, so that
 * the payload has to move and not the headers. */
static INLINE int make_room(void *ctx, const struct packet *packet, const struct rewrite *rewrite, const int v6)
{
	const u32 payload = ETHERNET + L3_LENGTH(v6) + UDP;
	if (!unfinished(packet, v6))
		return skb_adjust_room(ctx, -rewrite->shift, ROOM_MAC, 0) ? up(NO_ROOM) : 1;
	if (packet->size > LONGEST)
		return up(CHECKSUM);
	if (rewrite->shift > 0)
		return move(ctx, payload + PREFIX, payload, rewrite->size, 0) &&
			!skb_change_tail(ctx, payload + rewrite->size, 0) ? 1 : -1;
	if (skb_change_tail(ctx, payload + rewrite->size, 0))
		return up(NO_ROOM);
	return move(ctx, payload, payload + PREFIX, packet->size, 1) ? 1 : -1;
}

static INLINE int write_tc(void *ctx, const struct flow *flow, const struct packet *packet, const struct rewrite *rewrite,
			   const int v6)
{
	u64 buffer[9] = {};
	void *headers = (void *)buffer + 2; /* the IP header is aligned then, as the stack must be */
	const u32 room = ETHERNET + L3_LENGTH(v6) + UDP;
	const u32 field = room - 2;
	int roomy = rewrite->shift ? make_room(ctx, packet, rewrite, v6) : 1;
	if (roomy != 1)
		return roomy;
	long failed;
	if (flow->add) {
		write_headers(headers, flow, v6, 1, packet->tos, rewrite->size, packet->check, rewrite->prefix);
		failed = skb_store_bytes(ctx, 0, headers, room + PREFIX, 0);
	} else {
		write_headers(headers, flow, v6, 0, packet->tos, rewrite->size, packet->check, 0);
		failed = skb_store_bytes(ctx, 0, headers, room, 0);
	}
	if (failed)
		return -1;
	if (packet->check) {
		l4_csum_replace(ctx, field, 0, fold32(rewrite->pseudo), CSUM_PSEUDO | CSUM_MANGLED_0);
		l4_csum_replace(ctx, field, 0, fold32(rewrite->plain), CSUM_MANGLED_0);
	}
	return 1;
}

/* The interface that the packet leaves by; 0: up the stack; -1: spoilt half way, which nothing leads to. */
static INLINE int relay(void *ctx, const void *data, const void *end, const enum hook hook, const int v6)
{
	const int tc = hook == TC;
	const u32 payload = ETHERNET + L3_LENGTH(v6) + UDP;
	struct packet packet = {};
	u32 frame = tc ? ((struct skb *)ctx)->len : xdp_length(ctx);
	if (v6 ? !parse6(data, end, frame, &packet) : !parse4(data, end, frame, &packet))
		return 0;
	u32 kind = port_kind(packet.local_port);
	if (!kind)
		return 0;
	u32 prefix = 0, strip = 0;
	if (kind != PLAIN) {
		if (!read_prefix(data, end, v6, kind, packet.size, &prefix))
			return up(NO_PREFIX);
		strip = PREFIX;
	}
	be32 head[3];
	read_head(data, end, v6, strip, head);
	struct flow *flow = find_flow(&packet, v6, prefix);
	if (!flow)
		return up(NO_FLOW);
	struct media media = {};
	u32 size = packet.size - strip;
	if (flow->kind != DATA && !read_media(ctx, tc, head, payload + strip, size, &media))
		return up(NOT_MEDIA);
	if (flow->kind == RTP && media.rtcp)
		return up(NOT_MEDIA);
	if (packet.ttl <= 1)
		return up(TTL);
	if (!packet.check && v6)
		return up(CHECKSUM);
	if (!tc && unfinished(&packet, v6)) {
		packet.check = hook == NATIVE ? finish(ctx, payload - UDP, packet.size + UDP) : 0;
		if (!packet.check)
			return up(CHECKSUM);
	}
	struct rewrite rewrite;
	be32 old = SWAP32(kind == CHANNEL ? prefix << 16 | (size & 0xFFFF) : prefix);
	plan(&rewrite, &packet, flow, v6, strip, old);
	u64 now = ktime_ns();
	if (!find_route(ctx, flow, v6, tc, packet.tos, rewrite.size + UDP + L3_LENGTH(v6), now))
		return 0;
	int written = tc ? write_tc(ctx, flow, &packet, &rewrite, v6) : write_xdp(ctx, flow, &packet, &rewrite, v6);
	if (written != 1)
		return written;
	count(flow, &media, size, now);
	tally(FAST);
	return flow->route_ifindex;
}

static INLINE int relay_any(void *ctx, const void *data, const void *end, const enum hook hook)
{
	const struct ethernet *ethernet = data;
	if ((const void *)(ethernet + 1) > end || *(const u8 *)data & 1) /* to a group */
		return 0;
	if (ethernet->protocol == SWAP16(0x0800))
		return relay(ctx, data, end, hook, 0);
	if (ethernet->protocol == SWAP16(0x86DD))
		return relay(ctx, data, end, hook, 1);
	return 0;
}

static INLINE int relay_xdp(struct xdp_md *ctx, const enum hook hook)
{
	int out = relay_any(ctx, (void *)(u64)ctx->data, (void *)(u64)ctx->data_end, hook);
	return out > 0 ? redirect(out, 0) : out < 0 ? XDP_ABORTED : XDP_PASS;
}

SECTION("xdp/native")
int seaway_native(struct xdp_md *ctx)
{
	return relay_xdp(ctx, NATIVE);
}

SECTION("xdp/generic")
int seaway_generic(struct xdp_md *ctx)
{
	return relay_xdp(ctx, GENERIC);
}

SECTION("tc/relay")
int seaway_tc(struct skb *ctx)
{
	enum { HEADERS = ETHERNET + 40 + UDP + PREFIX + 12 };
	if (ctx->vlan_present || ctx->pkt_type)
		return TC_NEXT;
	if ((void *)(u64)ctx->data + HEADERS > (void *)(u64)ctx->data_end)
		skb_pull_data(ctx, ctx->len < HEADERS ? ctx->len : HEADERS);
	if (ctx->gso_size)
		return TC_NEXT;
	int out = relay_any(ctx, (void *)(u64)ctx->data, (void *)(u64)ctx->data_end, TC);
	return out > 0 ? redirect(out, 0) : out < 0 ? 2 : TC_NEXT;
}

/* For a trial at load: a frame of ethertype 0x88B5 leaves by the interface whose number follows the header. */
SECTION("xdp/trial")
int seaway_trial(struct xdp_md *ctx)
{
	const struct ethernet *ethernet = (void *)(u64)ctx->data;
	const u16 *number = (const void *)(ethernet + 1);
	if ((const void *)(number + 2) > (void *)(u64)ctx->data_end || ethernet->protocol != SWAP16(0x88B5))
		return XDP_ABORTED;
	return redirect((u32)SWAP16(number[0]) << 16 | SWAP16(number[1]), 0);
}

char terms[] SECTION("license") = "Dual MIT/GPL";
