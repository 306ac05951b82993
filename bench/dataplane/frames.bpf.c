/* The generator of frames and the sink, both as XDP programs: about 0.1 us a packet, and none of it on the core of
 * what is measured. `emit` runs by BPF_PROG_TEST_RUN with live frames: it turns the template into a packet of the next
 * flow when it is due and redirects it into a device, where it arrives as from a network card. `count` counts and drops. */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/udp.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "layout.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct pace);
} paces SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MAX_FLOWS);
	__type(key, __u32);
	__type(value, struct flow);
} flows SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct totals);
} seen SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, BUCKETS);
	__type(key, __u32);
	__type(value, __u64);
} latencies SEC(".maps");

struct packet {
	struct ethhdr link;
	struct iphdr ip;
	struct udphdr udp;
} __attribute__((packed));

SEC("xdp")
int emit(struct xdp_md *context)
{
	__u32 zero = 0;
	struct pace *pace = bpf_map_lookup_elem(&paces, &zero);
	if (!pace)
		return XDP_ABORTED;
	__u64 now = bpf_ktime_get_ns();
	if (now < pace->gate || now > pace->until)
		return XDP_DROP;
	if (now < pace->next) {
		pace->gate = now + pace->burst;
		return XDP_DROP;
	}
	/* What was missed is sent later, but only that much of it. */
	__u64 late = (pace->interval << 6) + (pace->burst << 2);
	pace->next = (now - pace->next > late ? now - late : pace->next) + pace->interval;

	__u32 index = pace->index;
	struct flow *flow = bpf_map_lookup_elem(&flows, &index);
	pace->index = index + 1 < pace->flows ? index + 1 : 0;
	void *end = (void *)(long)context->data_end;
	struct packet *packet = (void *)(long)context->data;
	if (!flow || (void *)(packet + 1) + 4 + VARIABLE > end)
		return XDP_ABORTED;
	struct variable *head = (void *)(packet + 1);
	__builtin_memcpy(packet, pace->head, sizeof(*packet));
	if (pace->prefix) {
		head = (void *)(packet + 1) + 4;
		__builtin_memcpy(packet + 1, pace->head + sizeof(*packet), 4);
		*(__u16 *)(packet + 1) = flow->channel;
	}
	packet->udp.source = flow->source;
	packet->udp.dest = flow->target;
	packet->udp.check = flow->check;
	__u32 sequence = flow->sequence++;
	head->version = 0x80;
	head->type = 0;
	head->sequence = bpf_htons(sequence);
	head->no_sequence = ~head->sequence;
	head->stamp = bpf_htonl(sequence * 160);
	head->no_stamp = ~head->stamp;
	head->ssrc = flow->ssrc;
	head->time = now;
	head->no_time = ~now;
	pace->sent++;
	return bpf_redirect(pace->device, 0);
}

SEC("xdp")
int count(struct xdp_md *context)
{
	__u32 zero = 0;
	void *end = (void *)(long)context->data_end;
	struct packet *packet = (void *)(long)context->data;
	struct variable *head = (void *)(packet + 1);
	struct totals *totals = bpf_map_lookup_elem(&seen, &zero);
	if (!totals || (void *)head + VARIABLE > end)
		return XDP_PASS;
	if (packet->link.h_proto != bpf_htons(ETH_P_IP) || packet->ip.ihl != 5 || packet->ip.protocol != IPPROTO_UDP)
		return XDP_PASS;
	if ((__u32)bpf_ntohs(packet->udp.dest) - totals->first >= totals->count)
		return XDP_PASS;
	if (bpf_ntohs(packet->udp.len) != totals->length + sizeof(packet->udp))
		totals->wrong++;
	else
		totals->packets++;
	if (totals->pass)
		return XDP_PASS;
	__u64 delay = bpf_ktime_get_ns() - head->time;
	__u32 bucket = delay / BUCKET_NS;
	if (bucket >= BUCKETS)
		bucket = BUCKETS - 1;
	__u64 *slot = bpf_map_lookup_elem(&latencies, &bucket);
	if (slot)
		++*slot;
	return XDP_DROP;
}

char _license[] SEC("license") = "GPL";
