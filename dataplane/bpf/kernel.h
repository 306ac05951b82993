/* SPDX-License-Identifier: MIT OR GPL-2.0
 *
 * What the programs need of the kernel's interface: types, contexts, header layouts, helpers. Written down here so that
 * a build needs clang and no headers of the build host, and gives the same object everywhere.
 */
#pragma once

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef int s32;
typedef long long s64;
typedef u16 be16; /* network order */
typedef u32 be32;

#define INLINE inline __attribute__((always_inline))
#define SECTION(name) __attribute__((section(name), used))
#define LIKELY(x) __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)
/* The compiler forgets what it knows of x: bounds checks that it holds for superfluous stay for the verifier. */
#define OPAQUE(x) asm volatile("" : "+r"(x))

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define SWAP16(x) __builtin_bswap16(x)
#define SWAP32(x) __builtin_bswap32(x)
#else
#define SWAP16(x) (x)
#define SWAP32(x) (x)
#endif

enum { XDP_ABORTED = 0, XDP_PASS = 2 };
enum { TC_NEXT = -1 }; /* TCX: the next program; clsact: as if there were no filter */
enum { MAP_HASH = 1, MAP_ARRAY = 2, MAP_PER_CPU_ARRAY = 6 };
enum { MAP_NO_PREALLOC = 1, MAP_MMAPABLE = 1 << 10 };
enum { AF_IPV4 = 2, AF_IPV6 = 10 };
enum { ROOM_MAC = 1 };
enum { CSUM_PSEUDO = 1 << 4, CSUM_MANGLED_0 = 1 << 5 };

struct xdp_md {
	u32 data, data_end, data_meta, ingress_ifindex, rx_queue_index, egress_ifindex;
};

struct skb {
	u32 len, pkt_type, mark, queue_mapping, protocol, vlan_present, vlan_tci, vlan_proto, priority, ingress_ifindex;
	u32 ifindex, tc_index, cb[5], hash, tc_classid, data, data_end, napi_id, family, remote_ip4, local_ip4;
	u32 remote_ip6[4], local_ip6[4], remote_port, local_port, data_meta;
	u64 flow_keys, tstamp;
	u32 wire_len, gso_segs;
	u64 sk;
	u32 gso_size;
};

struct fib {
	u8 family, protocol;
	be16 source_port, destination_port;
	u16 length;
	u32 ifindex;
	be32 tos; /* first octet of it for IPv4; flow information for IPv6 */
	be32 source[4], destination[4];
	u16 vlan[2];
	u16 source_mac[3], destination_mac[3];
};

struct ethernet {
	u16 destination[3], source[3];
	be16 protocol;
};

struct ipv4 {
	u8 version, tos;
	be16 length, id, fragment;
	u8 ttl, protocol;
	u16 check;
	be32 source, destination;
};

struct ipv6 {
	be32 version;
	be16 length;
	u8 next, hops;
	be32 source[4], destination[4];
};

struct udp {
	be32 ports; /* source, destination */
	be16 length;
	u16 check;
};

/* A map as the loader reads it (elf.py). */
struct map {
	u32 type, key_size, value_size, max_entries, flags;
};

static void *(*const map_lookup)(const void *map, const void *key) = (void *)1;
static u64 (*const ktime_ns)(void) = (void *)5;
static long (*const skb_store_bytes)(void *ctx, u32 at, const void *from, u32 size, u64 flags) = (void *)9;
static long (*const l4_csum_replace)(void *ctx, u32 at, u64 from, u64 to, u64 flags) = (void *)11;
static long (*const redirect)(u32 ifindex, u64 flags) = (void *)23;
static long (*const skb_load_bytes)(const void *ctx, u32 at, void *to, u32 size) = (void *)26;
static s64 (*const csum_diff)(const void *from, u32 from_size, const void *to, u32 to_size, u32 seed) = (void *)28;
static long (*const skb_change_tail)(void *ctx, u32 size, u64 flags) = (void *)38;
static long (*const skb_pull_data)(void *ctx, u32 size) = (void *)39;
static long (*const xdp_adjust_head)(void *ctx, int delta) = (void *)44;
static long (*const skb_adjust_room)(void *ctx, s32 delta, u32 mode, u64 flags) = (void *)50;
static long (*const fib_lookup)(void *ctx, struct fib *fib, int size, u32 flags) = (void *)69;
static u64 (*const xdp_length)(const void *ctx) = (void *)188;
static long (*const xdp_load_bytes)(const void *ctx, u32 at, void *to, u32 size) = (void *)189;
