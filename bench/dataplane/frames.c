/* frames OBJECT DEVICE TEMPLATE FLOWS PREFIX RATE SECONDS BURST: send frames into DEVICE; prints how many it sent.
 * TEMPLATE: the octets of one frame. FLOWS: records of struct flow. RATE: packets a second, 0 without pause. What is due
 * in BURST us leaves at once, as a network card with interrupt moderation hands packets over. */
#include <errno.h>
#include <net/if.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#define PROGRAM "frames"
#include "generator.h"

enum { BATCH = 16, WITHOUT_END = 2000000000 };

static void stop(int number)
{
	(void)number; /* that there was a signal ends the call */
}

int main(int count, char **words)
{
	static char template[4096];
	if (count != 9) {
		fprintf(stderr, "usage: frames OBJECT DEVICE TEMPLATE FLOWS PREFIX RATE SECONDS BURST\n");
		return 2;
	}
	double rate = atof(words[6]), seconds = atof(words[7]);
	size_t length = whole(words[3], template, sizeof template);
	struct pace pace = {
		.flows = read_flows(words[4]),
		.device = if_nametoindex(words[2]),
		.prefix = atoi(words[5]),
		.burst = atof(words[8]) * 1000,
		.interval = rate > 0 ? 1e9 / rate : 0,
	};
	if (!length || !pace.flows || !pace.device)
		return fail("template, flows or device");

	struct bpf_object *object = bpf_object__open_file(words[1], NULL);
	if (!object || bpf_object__load(object))
		return fail("load");
	int paces = bpf_object__find_map_fd_by_name(object, "paces");
	int table = bpf_object__find_map_fd_by_name(object, "flows");
	int program = bpf_program__fd(bpf_object__find_program_by_name(object, "emit"));
	for (__u32 each = 0; each < pace.flows; each++)
		if (bpf_map_update_elem(table, &each, &flows[each], BPF_ANY))
			return fail("flow");

	memcpy(pace.head, template, sizeof pace.head);
	__u32 zero = 0;
	pace.next = now();
	pace.until = pace.next + seconds * 1e9;
	if (bpf_map_update_elem(paces, &zero, &pace, BPF_ANY))
		return fail("pace");
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = template, .data_size_in = length,
		    .flags = BPF_F_TEST_XDP_LIVE_FRAMES, .repeat = WITHOUT_END, .batch_size = BATCH);
	/* One call for all: the end of each takes 20 ms. A signal ends it. */
	struct itimerval alarm_at = {.it_value = {.tv_sec = seconds, .tv_usec = (seconds - (long)seconds) * 1e6}};
	signal(SIGALRM, stop);
	setitimer(ITIMER_REAL, &alarm_at, NULL);
	if (bpf_prog_test_run_opts(program, &options) && errno != EINTR)
		return fail("live frames");
	if (bpf_map_lookup_elem(paces, &zero, &pace))
		return fail("read");
	printf("%llu\n", (unsigned long long)pace.sent);
	return 0;
}
