/* SPDX-License-Identifier: MIT OR GPL-2.0
 *
 * Sums of the Internet checksum (RFC 1071), and how they change (RFC 1624). A sum is of 16-bit words in memory order,
 * wherefore byte order does not matter; it is kept in 64 bits and folded at the end.
 */
#pragma once
#include "kernel.h"

enum { CHUNK = 128, LONGEST = 9216 };

static INLINE u32 fold32(u64 sum)
{
	sum = (sum & 0xFFFFFFFF) + (sum >> 32);
	return (u32)(sum & 0xFFFFFFFF) + (u32)(sum >> 32);
}

static INLINE u16 fold(u64 sum)
{
	sum = fold32(sum);
	sum = (sum & 0xFFFF) + (sum >> 16);
	return (sum & 0xFFFF) + (sum >> 16);
}

/* What a sum changes by when a word does. */
static INLINE u64 change32(u32 old, u32 new)
{
	return (u64)(u32)~old + new;
}

static INLINE u64 change16(u16 old, u16 new)
{
	return (u64)(u16)~old + new;
}

/* Of an address. No loops: the compiler may leave them as loops, and CAP_BPF alone may not index in them. */
static INLINE u64 sum_of(const be32 *words, const int v6)
{
	return v6 ? (u64)words[0] + words[1] + words[2] + words[3] : words[0];
}

static INLINE u64 change_of(const be32 *old, const be32 *new, const int v6)
{
	u64 first = change32(old[0], new[0]);
	return v6 ? first + change32(old[1], new[1]) + change32(old[2], new[2]) + change32(old[3], new[3]) : first;
}

/* Finish the checksum of the UDP packet at `at`, whose field holds the sum of the pseudo header as a sender with
 * checksum offload leaves it. 0 when it cannot be done. */
static INLINE u16 finish(void *ctx, u32 at, u32 length)
{
	u64 chunk[CHUNK / 8];
	s64 sum = 0;
#pragma clang loop unroll(disable)
	for (u32 done = 0; done < LONGEST; done += CHUNK) {
		u32 size = length - done;
		OPAQUE(size);
		if ((s32)size <= 0)
			break;
		if (size > CHUNK)
			size = CHUNK;
#pragma unroll
		for (int i = 0; i < CHUNK / 8; i++)
			chunk[i] = 0;
		if (xdp_load_bytes(ctx, at + done, chunk, size))
			return 0;
		sum = csum_diff(0, 0, chunk, CHUNK, sum);
		if (sum < 0)
			return 0;
	}
	if (length > LONGEST)
		return 0;
	u16 check = ~fold(sum);
	return check ? check : 0xFFFF;
}
