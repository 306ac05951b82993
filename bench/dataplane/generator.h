/* What both generators do: the clock, reading the template and the flows, and one line for a failure. */
#ifndef BENCH_GENERATOR_H
#define BENCH_GENERATOR_H

#include <stdio.h>
#include <time.h>

#include "layout.h"

static struct flow flows[MAX_FLOWS];

static __u64 now(void)
{
	struct timespec at;
	clock_gettime(CLOCK_MONOTONIC, &at);
	return at.tv_sec * 1000000000ull + at.tv_nsec;
}

/* PROGRAM is defined by whoever includes this. */
static int fail(const char *what)
{
	fprintf(stderr, PROGRAM ": ");
	perror(what);
	return 1;
}

/* How many octets of the file there are; 0 when it cannot be read. */
static size_t whole(const char *path, void *into, size_t room)
{
	FILE *stream = fopen(path, "rb");
	size_t read = stream ? fread(into, 1, room, stream) : 0;
	if (stream)
		fclose(stream);
	return read;
}

/* How many flows the file has. */
static unsigned read_flows(const char *path)
{
	return whole(path, flows, sizeof flows) / sizeof *flows;
}

#endif
