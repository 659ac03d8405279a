// SPDX-License-Identifier: GPL-2.0-only
/*
 * memfill - write memory and read it again
 *
 * Usage:  memfill MIB [PROCESSES]
 *
 *   MIB        MiB of anonymous memory, split evenly among the processes
 *   PROCESSES  default 1
 *
 * Every page gets its own number in eight places; all pages are written before
 * the first is read, then read twice, so that two pages on one frame, or a page
 * whose frame changes, show.
 *
 * Output: "N MiB held". Status: 0 all as written, 1 not (a line "FAIL: ...").
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE	4096
#define PLACES	8

static int hold(size_t pages, uint64_t tag)
{
	uint64_t *p = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	size_t words = PAGE / sizeof(*p), i, k;
	int round;

	if (p == MAP_FAILED) {
		printf("FAIL: mmap of %zu pages: %m\n", pages);
		return 1;
	}
	for (i = 0; i < pages; i++)
		for (k = 0; k < PLACES; k++)
			p[i * words + k * words / PLACES] = tag + i * PLACES + k;
	for (round = 0; round < 2; round++) {
		for (i = 0; i < pages * PLACES; i++) {
			if (p[i * words / PLACES] == tag + i)
				continue;
			printf("FAIL: page %zu of %zu holds %#llx instead of %#llx\n",
			       i / PLACES, pages,
			       (unsigned long long)p[i * words / PLACES],
			       (unsigned long long)(tag + i));
			return 1;
		}
	}
	return 0;
}

int main(int argc, char **argv)
{
	int processes = argc > 2 ? atoi(argv[2]) : 1, status, bad = 0, i;
	size_t mib = argc > 1 ? strtoul(argv[1], NULL, 0) : 0;

	if (!mib || processes < 1) {
		printf("FAIL: usage: memfill MIB [PROCESSES]\n");
		return 1;
	}
	for (i = 0; i < processes; i++)
		if (!fork())
			return hold(mib * 256 / processes,
				    (uint64_t)(i + 1) << 40);
	while (wait(&status) > 0)
		if (status)
			bad++;
	if (bad) {
		printf("FAIL: %d of %d processes failed\n", bad, processes);
		return 1;
	}
	printf("%zu MiB held\n", mib);
	return 0;
}
