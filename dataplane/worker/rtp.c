/* RTP and RTCP headers (RFC 3550 §5.1, §6.4.1), and loss, reordering and jitter (§A.1, §A.3, §A.8).
 *
 * The same rules as in the relay's Python, so that a stream reads the same whichever way it took.
 */
#include "rtp.h"

enum { MAX_DROPOUT = 3000, MAX_MISORDER = 100, SEQUENCES = 0x10000 };

static uint32_t word(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static uint32_t half(const uint8_t *at)
{
    return (uint32_t)at[0] << 8 | at[1];
}

static bool is_rtcp(const uint8_t *data, size_t size)
{
    return size >= 8 && 4 + 4 * (size_t)half(data + 2) <= size;
}

static bool is_rtp(const uint8_t *data, size_t size)
{
    if (size < 12)
        return false;
    size_t end = 12 + 4 * (size_t)(data[0] & 0x0f);
    if (data[0] & 0x10) {
        if (end + 4 > size)
            return false;
        end += 4 + 4 * (size_t)half(data + end + 2);
    }
    return end <= size;
}

enum packet_class rtp_classify(const uint8_t *data, size_t size)
{
    if (size < 8 || data[0] >> 6 != 2)
        return PACKET_OTHER;
    if (data[1] >= 192 && data[1] <= 223) /* RFC 5761 §4 */
        return is_rtcp(data, size) ? PACKET_RTCP : PACKET_OTHER;
    return is_rtp(data, size) ? PACKET_RTP : PACKET_OTHER;
}

static int64_t source_lost(const struct rtp_source *it)
{
    int64_t lost = it->cycles + it->highest - it->base + 1 - it->received;
    return lost > 0 ? lost : 0;
}

uint64_t rtp_lost(const struct rtp_stats *it)
{
    int64_t lost = it->lost_before;
    for (uint32_t i = 0; i < it->count; i++)
        lost += source_lost(&it->sources[i]);
    return (uint64_t)lost;
}

/* The source of an SSRC; a new one takes the place of the oldest when there is no other. */
static struct rtp_source *find_source(struct rtp_stats *it, uint32_t ssrc, int32_t sequence)
{
    if (it->recent < it->count && it->sources[it->recent].ssrc == ssrc)
        return &it->sources[it->recent];
    for (uint32_t i = 0; i < it->count; i++) {
        if (it->sources[i].ssrc == ssrc) {
            it->recent = i;
            return &it->sources[i];
        }
    }
    uint32_t place = it->count;
    if (place < RTP_SOURCES) {
        it->count++;
    } else {
        place = it->oldest;
        it->oldest = (place + 1) % RTP_SOURCES;
        it->lost_before += source_lost(&it->sources[place]);
    }
    it->recent = place;
    it->sources[place] = (struct rtp_source){
        .ssrc = ssrc,
        .base = sequence,
        .highest = (sequence - 1) & 0xffff, /* the packet itself comes next */
        .cycles = sequence == 0 ? -SEQUENCES : 0,
        .bad = -1,
    };
    return &it->sources[place];
}

/* RFC 3550 §A.1, without probation. */
static void count_sequence(struct rtp_stats *it, struct rtp_source *source, int32_t sequence)
{
    int32_t step = (sequence - source->highest) & 0xffff;
    if (step > 0 && step < MAX_DROPOUT) {
        if (sequence < source->highest)
            source->cycles += SEQUENCES;
        source->highest = sequence;
    } else if (step != 0 && step <= SEQUENCES - MAX_MISORDER) {
        if (sequence != source->bad) { /* a jump: believed when the next packet follows it */
            source->bad = (sequence + 1) & 0xffff;
            return;
        }
        it->lost_before += source_lost(source);
        source->base = source->highest = sequence;
        source->cycles = source->received = 0;
        source->has_transit = false;
    } else if (step != 0) {
        it->reordered++;
    }
    source->bad = -1;
    source->received++;
}

static uint32_t rate_of(const struct rtp_clocks *clocks, uint8_t payload_type)
{
    for (uint32_t i = 0; i < clocks->count; i++)
        if (clocks->payload_type[i] == payload_type)
            return clocks->hertz[i];
    return clocks->usual;
}

/* The difference of two transit times: the RTP timestamp wraps at 32 bits. */
static double wrapped(double difference)
{
    const double range = 4294967296.0, half_range = 2147483648.0;
    if (difference >= -half_range && difference < half_range)
        return difference;
    int64_t turns = (int64_t)((difference + half_range) / range);
    if ((double)turns * range > difference + half_range)
        turns--;
    return difference - (double)turns * range;
}

/* RFC 3550 §6.4.1: J += (|D| - J) / 16. */
static void count_jitter(struct rtp_stats *it, struct rtp_source *source, uint32_t rate, uint32_t timestamp, double now)
{
    double transit = now * rate - timestamp;
    if (source->has_transit) {
        double difference = wrapped(transit - source->transit);
        source->jitter += ((difference < 0 ? -difference : difference) - source->jitter) / 16;
        it->jitter_ms = source->jitter * 1000 / rate;
    }
    source->transit = transit;
    source->has_transit = true;
}

void rtp_count(struct rtp_stats *it, const struct rtp_clocks *clocks, enum packet_class class, const uint8_t *data,
               size_t size, double now)
{
    it->packets++;
    it->octets += size;
    it->last_seen = now;
    if (class == PACKET_RTCP)
        it->rtcp_packets++;
    if (class != PACKET_RTP)
        return;
    if (it->last_rtp > 0 && now - it->last_rtp > it->max_gap)
        it->max_gap = now - it->last_rtp;
    it->last_rtp = now;
    int32_t sequence = (int32_t)half(data + 2);
    struct rtp_source *source = find_source(it, word(data + 8), sequence);
    count_sequence(it, source, sequence);
    count_jitter(it, source, rate_of(clocks, data[1] & 0x7f), word(data + 4), now);
}
