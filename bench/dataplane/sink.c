/* sink OBJECT DEVICE: count and drop, by XDP, what arrives at DEVICE. Commands, one a line, each with one line of answer:
 *   set FIRST COUNT LENGTH   UDP ports that count, and the length of their payload; forgets everything seen
 *   read                     packets, wrong, then latency in ns: median, 99th percentile, number in the histogram
 *   check                    from now on packets go to real sockets, so that this kernel verifies their checksums
 *   checked                  how many of the ports got a packet with the right length and content; counts and drops again
 */
#include <arpa/inet.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "layout.h"

static int seen, latencies, sockets[MAX_FLOWS];
static struct totals totals;

static int fail(const char *what)
{
	fprintf(stderr, "sink: ");
	perror(what);
	return 1;
}

static void store(void)
{
	__u32 zero = 0;
	bpf_map_update_elem(seen, &zero, &totals, BPF_ANY);
}

static void set(unsigned first, unsigned count, unsigned length)
{
	static const __u64 none;
	totals = (struct totals){.first = first, .count = count, .length = length};
	store();
	for (__u32 each = 0; each < BUCKETS; each++)
		bpf_map_update_elem(latencies, &each, &none, BPF_ANY);
	puts("ok");
}

static void read_all(void)
{
	static __u64 buckets[BUCKETS];
	struct totals now;
	__u32 zero = 0;
	__u64 sum = 0, passed = 0, median = 0, high = 0;
	bpf_map_lookup_elem(seen, &zero, &now);
	for (__u32 each = 0; each < BUCKETS; each++) {
		bpf_map_lookup_elem(latencies, &each, &buckets[each]);
		sum += buckets[each];
	}
	for (__u32 each = 0; each < BUCKETS; each++) {
		passed += buckets[each];
		if (!median && passed * 2 >= sum)
			median = (each + 1) * BUCKET_NS;
		if (!high && passed * 100 >= sum * 99)
			high = (each + 1) * BUCKET_NS;
	}
	printf("%llu %llu %llu %llu %llu\n", (unsigned long long)now.packets, (unsigned long long)now.wrong,
	       (unsigned long long)median, (unsigned long long)high, (unsigned long long)sum);
}

static void check(void)
{
	for (unsigned each = 0; each < totals.count; each++) {
		struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(totals.first + each)};
		sockets[each] = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
		if (bind(sockets[each], (struct sockaddr *)&at, sizeof at))
			fail("bind");
	}
	totals.pass = 1;
	store();
	puts("ok");
}

static int right(const char *data, ssize_t length)
{
	struct variable head;
	if (length != (ssize_t)totals.length)
		return 0;
	memcpy(&head, data, sizeof head);
	for (ssize_t each = sizeof head; each < length; each++)
		if ((unsigned char)data[each] != (each & 0xff))
			return 0;
	return head.version == 0x80 && head.time == ~head.no_time && head.stamp == (__u32)~head.no_stamp;
}

static void checked(void)
{
	unsigned good = 0;
	for (unsigned each = 0; each < totals.count; each++) {
		char data[2048];
		int found = 0;
		ssize_t length;
		while ((length = recv(sockets[each], data, sizeof data, 0)) >= 0) {
			struct variable head;
			memcpy(&head, data, sizeof head);
			found |= right(data, length) && ntohl(head.ssrc) == each + 1;
		}
		good += found;
		close(sockets[each]);
	}
	totals.pass = 0;
	store();
	printf("%u\n", good);
}

int main(int count, char **words)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	int device = count == 3 ? if_nametoindex(words[2]) : 0;
	if (!device)
		return fail("device");
	struct bpf_object *object = bpf_object__open_file(words[1], NULL);
	if (!object || bpf_object__load(object))
		return fail("load");
	seen = bpf_object__find_map_fd_by_name(object, "seen");
	latencies = bpf_object__find_map_fd_by_name(object, "latencies");
	struct bpf_program *program = bpf_object__find_program_by_name(object, "count");
	/* A link: the program goes when this process goes. */
	if (!bpf_program__attach_xdp(program, device))
		return fail("attach");
	puts("ready");
	char line[128];
	unsigned first, ports, length;
	while (fgets(line, sizeof line, stdin)) {
		if (sscanf(line, "set %u %u %u", &first, &ports, &length) == 3 && ports <= MAX_FLOWS)
			set(first, ports, length);
		else if (!strcmp(line, "read\n"))
			read_all();
		else if (!strcmp(line, "check\n"))
			check();
		else if (!strcmp(line, "checked\n"))
			checked();
		else
			puts("?");
	}
	return 0;
}
