/* packets SOURCE TARGET TEMPLATE FLOWS PREFIX RATE SECONDS BURST: the packets of `frames`, sent from one connected UDP socket
 * a flow; prints how many it sent. No segmentation offload: each packet is one of its own from the start. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define PROGRAM "packets"
#include "generator.h"

enum { BURST = 16, HEADERS = 14 + 20 + 8, ROOM = 2048 };

static int sockets[MAX_FLOWS];
static char template[ROOM], packets[BURST][ROOM];

static int opened(const char *source, const char *target, const struct flow *flow)
{
	struct sockaddr_in from = {.sin_family = AF_INET, .sin_port = flow->source};
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = flow->target};
	inet_pton(AF_INET, source, &from.sin_addr);
	inet_pton(AF_INET, target, &to.sin_addr);
	int made = socket(AF_INET, SOCK_DGRAM, 0);
	if (made < 0 || bind(made, (struct sockaddr *)&from, sizeof from) || connect(made, (struct sockaddr *)&to, sizeof to))
		return -1;
	return made;
}

static void fill(char *payload, struct flow *flow, int prefix, __u64 at)
{
	struct variable *head = (struct variable *)(payload + prefix);
	if (prefix)
		memcpy(payload, &flow->channel, 2);
	__u32 sequence = flow->sequence++;
	head->sequence = htons(sequence);
	head->no_sequence = ~head->sequence;
	head->stamp = htonl(sequence * 160);
	head->no_stamp = ~head->stamp;
	head->ssrc = flow->ssrc;
	head->time = at;
	head->no_time = ~at;
}

int main(int count, char **words)
{
	if (count != 9) {
		fprintf(stderr, "usage: packets SOURCE TARGET TEMPLATE FLOWS PREFIX RATE SECONDS BURST\n");
		return 2;
	}
	size_t length = whole(words[3], template, ROOM);
	unsigned number = read_flows(words[4]);
	int prefix = atoi(words[5]);
	double rate = atof(words[6]);
	__u64 interval = rate > 0 ? 1e9 / rate : 0;
	if (length <= HEADERS || !number)
		return fail("template or flows");
	length -= HEADERS;
	for (unsigned each = 0; each < number; each++)
		if ((sockets[each] = opened(words[1], words[2], &flows[each])) < 0)
			return fail("socket");
	struct iovec parts[BURST];
	struct mmsghdr messages[BURST];
	memset(messages, 0, sizeof messages);
	for (int each = 0; each < BURST; each++) {
		memcpy(packets[each], template + HEADERS, length);
		parts[each] = (struct iovec){packets[each], length};
		messages[each].msg_hdr.msg_iov = &parts[each];
		messages[each].msg_hdr.msg_iovlen = 1;
	}
	unsigned long long sent = 0;
	__u64 next = now(), until = next + atof(words[7]) * 1e9, burst = atof(words[8]) * 1000, gate = 0, at;
	unsigned index = 0;
	while ((at = now()) < until) {
		if (at < gate)
			continue;
		if (at < next) {
			gate = at + burst;
			continue;
		}
		if (at - next > 64 * interval + 4 * burst)
			next = at - 64 * interval - 4 * burst;
		int due = 0;
		if (number == 1) { /* what is due at once is one call */
			for (; due < BURST && next <= at; next += interval)
				fill(packets[due++], &flows[0], prefix, at);
			int done = sendmmsg(sockets[0], messages, due, 0);
			sent += done > 0 ? done : 0;
			continue;
		}
		for (; due < BURST && next <= at; next += interval, due++) {
			fill(packets[0], &flows[index], prefix, at);
			sent += send(sockets[index], packets[0], length, 0) > 0;
			index = index + 1 < number ? index + 1 : 0;
		}
	}
	printf("%llu\n", sent);
	return 0;
}
