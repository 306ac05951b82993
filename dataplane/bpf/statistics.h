/* SPDX-License-Identifier: MIT OR GPL-2.0
 *
 * What is counted of a flow, as `media/stats.py` counts it. Packets of one flow arrive on one CPU (receive hashing), so
 * nothing is locked: when they do not, a count may miss some, and no packet suffers.
 */
#pragma once
#include "flow.h"

enum { MAX_DROPOUT = 3000, MAX_MISORDER = 100, NONE = 0x10000 }; /* RFC 3550 §A.1 */
#define SECOND 1000000000ull

struct media {
	u32 rtcp, type, sequence, timestamp, ssrc;
};

static INLINE u32 lost_of(const struct source *source)
{
	s32 lost = (s32)(source->cycles + source->highest - source->base + 1 - source->received);
	return lost > 0 ? lost : 0;
}

/* Clock of a static payload type (RFC 3551 §6), where it is not what a flow has anyway. */
static INLINE u32 clock_of(const struct flow *flow, u32 type)
{
	u32 clock = flow->clock;
	if (type == 6)
		clock = 16000;
	if (type == 10 || type == 11)
		clock = 44100;
	if (type == 14 || (type >= 25 && type <= 34))
		clock = 90000;
	if (type == 16)
		clock = 11025;
	if (type == 17)
		clock = 22050;
#pragma unroll
	for (int i = 0; i < CLOCKS; i++)
		if (flow->types[i] == type)
			clock = flow->clocks[i];
	return clock;
}

/* `&flow->sources[at]` by comparing: CAP_BPF alone may not calculate it, and the compiler would. */
static INLINE struct source *slot(struct flow *flow, u32 at)
{
	struct source *source = &flow->sources[0];
#pragma unroll
	for (int i = 1; i < SOURCES; i++)
		if (at == i) {
			source = &flow->sources[i];
			OPAQUE(source);
		}
	return source;
}

static INLINE struct source *source_of(struct flow *flow, const struct media *media)
{
	u32 used = flow->used;
#pragma unroll
	for (int i = 0; i < SOURCES; i++)
		if (i < used && flow->sources[i].ssrc == media->ssrc)
			return &flow->sources[i];
	u32 at = used;
	if (used >= SOURCES) {
		at = flow->oldest & (SOURCES - 1);
		flow->oldest = (at + 1) & (SOURCES - 1);
		flow->lost += lost_of(slot(flow, at));
	} else {
		flow->used = used + 1;
	}
	struct source *source = slot(flow, at);
	source->ssrc = media->ssrc;
	source->base = media->sequence;
	source->highest = media->sequence - 1; /* the packet itself comes next */
	source->cycles = media->sequence ? 0 : -0x10000;
	source->received = 0;
	source->bad = NONE;
	source->arrival = 0;
	source->jitter = 0;
	return source;
}

/* RFC 3550 §A.1, without probation: a relay passes the first packet on anyway. */
static INLINE void count_sequence(struct flow *flow, struct source *source, u32 sequence)
{
	u32 step = (sequence - source->highest) & 0xFFFF;
	if (step && step < MAX_DROPOUT) {
		if (sequence < source->highest)
			source->cycles += 0x10000;
		source->highest = sequence;
	} else if (step && step <= 0x10000 - MAX_MISORDER) {
		if (sequence != source->bad) { /* a jump: believed when the next packet follows it */
			source->bad = (sequence + 1) & 0xFFFF;
			return;
		}
		flow->lost += lost_of(source);
		source->base = source->highest = sequence;
		source->cycles = source->received = 0;
		source->arrival = 0;
	} else if (step) {
		flow->reordered++;
	}
	source->bad = NONE;
	source->received++;
}

/* RFC 3550 §6.4.1 and §A.8 in whole nanoseconds. */
static INLINE void count_jitter(struct flow *flow, struct source *source, const struct media *media, u64 now)
{
	u32 clock = clock_of(flow, media->type);
	if (source->arrival && clock) {
		s32 ticks = (s32)(media->timestamp - source->timestamp);
		u64 size = ticks < 0 ? -(s64)ticks : ticks;
		s64 sent = size * SECOND / clock;
		s64 difference = (s64)(now - source->arrival) - (ticks < 0 ? -sent : sent);
		u64 distance = difference < 0 ? -difference : difference;
		source->jitter = source->jitter - (source->jitter >> 4) + (distance >> 4);
		flow->jitter = source->jitter;
	}
	source->arrival = now;
	source->timestamp = media->timestamp;
}

static INLINE void count_rtp(struct flow *flow, const struct media *media, u64 now)
{
	u64 last = flow->last_rtp;
	if (last && now > last && now - last > flow->max_gap)
		flow->max_gap = now - last;
	flow->last_rtp = now;
	struct source *source = source_of(flow, media);
	count_sequence(flow, source, media->sequence);
	count_jitter(flow, source, media, now);
}

static INLINE void count(struct flow *flow, const struct media *media, u32 octets, u64 now)
{
	flow->packets++;
	flow->octets += octets;
	flow->last_seen = now;
	if (flow->kind == DATA)
		return;
	if (media->rtcp)
		flow->rtcp_packets++;
	else
		count_rtp(flow, media, now);
}
