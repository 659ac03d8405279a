// SPDX-License-Identifier: GPL-2.0-only
/*
 * grantcopy - copies between grants of this domain and memory of this process,
 *             through /dev/xen/gntalloc and gntdev, and what they cost
 *
 * Usage:  grantcopy check           copy in all the ways that matter to how the
 *                                   kernel pins the memory: aligned or not, in
 *                                   pieces, in both directions at once, memory
 *                                   that was never touched, and memory that must
 *                                   not be written or is not there
 *         grantcopy bench           print what a copy of 4 KiB costs, of 16 in
 *                                   one call: "bench together VALUE" with 16
 *                                   consecutive pages of memory, "bench apart
 *                                   VALUE" with every other page of 32; and
 *                                   "bench to-grant VALUE", consecutive pages
 *                                   that are read. In ticks of the time stamp
 *                                   counter, which below QEMU's -icount shift=0
 *                                   are instructions; for a machine with one CPU
 *         grantcopy bench-map       what it costs to map a page and unmap it, of
 *                                   16 at once: "bench map-unmap VALUE"; only a
 *                                   PV domain can map grants of its own
 *
 * Status: 0 everything as expected, 1 not (a line "FAIL: ..." says what).
 *
 * ABI: xen/gntalloc.h and xen/gntdev.h of Linux (the ioctls), xen/grant_table.h
 * of Xen (GNTCOPY_*, GNTST_*). /proc/vmstat counts pages that are pinned and
 * released, once /proc/sys/vm/stat_refresh has collected it from all CPUs.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <x86intrin.h>
#include <xen/xen.h>
#include <xen/grant_table.h>
/* After Xen's, which define domid_t and grant_ref_t. */
#include <xen/gntalloc.h>
#include <xen/gntdev.h>
#include "fail.h"

#define PAGE		4096
#define PAGES		40	/* more than the kernel copies with one hypercall */
#define BENCH_PAGES	16
#define BENCH_ROUNDS	16
#define BAD_REF		0x7fffff0
#define MAX_SEGMENTS	(PAGES * 8)

static int gntdev;
static uint32_t refs[PAGES];
static char *granted;		/* the pages that refs[] grant */
static struct gntdev_grant_copy_segment segments[MAX_SEGMENTS];
static unsigned int count;	/* of segments[] */

static void grant(void)
{
	struct ioctl_gntalloc_alloc_gref *op;
	int fd = dev_open("/dev/xen/gntalloc");

	op = calloc(1, sizeof(*op) + PAGES * sizeof(op->gref_ids[0]));
	op->flags = GNTALLOC_FLAG_WRITABLE;
	op->count = PAGES;
	if (ioctl(fd, IOCTL_GNTALLOC_ALLOC_GREF, op))
		fail("ALLOC_GREF: %m");
	memcpy(refs, op->gref_ids, sizeof(refs));
	granted = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED,
		       fd, op->index);
	if (granted == MAP_FAILED)
		fail("mmap of gntalloc: %m");
	free(op);
}

static char *memory(unsigned int pages)
{
	char *p = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		fail("mmap: %m");
	return p;
}

/* No two bytes at a distance of a page, or of a few bytes, are the same. */
static void fill(char *p, size_t len, unsigned int seed)
{
	size_t i;

	for (i = 0; i < len; i++)
		p[i] = (i * 7 + i / PAGE * 11 + seed) % 251;
}

static void same(const char *what, const char *got, const char *want, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		if (got[i] != want[i])
			fail("%s: byte %#zx is %#x instead of %#x", what, i,
			     (unsigned char)got[i], (unsigned char)want[i]);
}

/* Add a segment: @len bytes between @p and @offset in the granted pages. */
static void segment(int to_grant, char *p, size_t offset, size_t len)
{
	struct gntdev_grant_copy_segment *s = &segments[count++];

	memset(s, 0, sizeof(*s));
	s->len = len;
	s->status = 99;
	if (to_grant) {
		s->flags = GNTCOPY_dest_gref;
		s->source.virt = p;
		s->dest.foreign.ref = refs[offset / PAGE];
		s->dest.foreign.offset = offset % PAGE;
	} else {
		s->flags = GNTCOPY_source_gref;
		s->dest.virt = p;
		s->source.foreign.ref = refs[offset / PAGE];
		s->source.foreign.offset = offset % PAGE;
	}
}

/* Carry the segments out: 0 or an error number. */
static int copy(void)
{
	struct ioctl_gntdev_grant_copy op = { count, segments };
	int err = ioctl(gntdev, IOCTL_GNTDEV_GRANT_COPY, &op) ? errno : 0;

	count = 0;
	return err;
}

static void copy_must(const char *what)
{
	unsigned int i, n = count;
	int err = copy();

	if (err)
		fail("%s: %s", what, strerror(err));
	for (i = 0; i < n; i++)
		if (segments[i].status)
			fail("%s: segment %u has status %d", what, i,
			     segments[i].status);
}

/* Add segments of @len bytes for all of the granted pages, and as much memory at @p. */
static void all_segments(int to_grant, char *p, size_t len)
{
	size_t i;

	for (i = 0; i < PAGES * PAGE; i += len)
		segment(to_grant, p + i, i, len);
}

/* All of the granted pages, in segments of @len bytes, at @p. */
static void check_all(const char *what, char *p, size_t len)
{
	fill(granted, PAGES * PAGE, len);
	memset(p, 0, PAGES * PAGE);
	all_segments(0, p, len);
	copy_must(what);
	same(what, p, granted, PAGES * PAGE);

	fill(p, PAGES * PAGE, len + 100);
	all_segments(1, p, len);
	copy_must(what);
	same(what, granted, p, PAGES * PAGE);
}

/* One call reads and writes the same pages of memory, one after the other. */
static void check_both_ways(void)
{
	char zero[PAGE] = "", *p = memory(3);

	/* Nobody has written to that memory, so its pages are no real ones yet. */
	fill(granted, 8 * PAGE, 1);
	segment(1, p, 0, PAGE);
	segment(1, p + PAGE, PAGE, PAGE);
	segment(0, p + PAGE, 2 * PAGE, PAGE);
	segment(0, p + 2 * PAGE, 3 * PAGE, PAGE);
	segment(1, p + PAGE, 4 * PAGE, PAGE);
	segment(1, p + 2 * PAGE, 5 * PAGE, PAGE);
	segment(0, p, 2 * PAGE, PAGE);
	/* From a grant to a grant takes no memory at all. */
	segments[count] = segments[count - 1];
	segments[count].flags |= GNTCOPY_dest_gref;
	segments[count].dest.foreign.ref = refs[6];
	segments[count].dest.foreign.offset = 0;
	segments[count++].dest.foreign.domid = 0;
	segment(1, p, 7 * PAGE, PAGE);
	copy_must("both ways");
	same("both ways, untouched memory", granted, zero, PAGE);
	same("both ways, untouched memory", granted + PAGE, zero, PAGE);
	same("both ways, to memory", p + PAGE, granted + 2 * PAGE, 2 * PAGE);
	same("both ways, back", granted + 4 * PAGE, p + PAGE, 2 * PAGE);
	same("both ways, grant to grant", granted + 6 * PAGE, granted + 2 * PAGE, PAGE);
	same("both ways, last page", granted + 7 * PAGE, granted + 2 * PAGE, PAGE);
	munmap(p, 3 * PAGE);
}

static void check_refusals(void)
{
	char *p = memory(PAGES);
	unsigned int i;
	int err;

	fill(granted, PAGES * PAGE, 2);
	fill(p, PAGES * PAGE, 3);
	if (mprotect(p + 20 * PAGE, PAGE, PROT_READ))
		fail("mprotect: %m");
	all_segments(0, p, PAGE);
	err = copy();
	if (err != EFAULT)
		fail("copy to a read-only page: %s", strerror(err));
	all_segments(1, p, PAGE);
	copy_must("from a read-only page");
	same("from a read-only page", granted, p, PAGES * PAGE);

	if (munmap(p + 20 * PAGE, PAGE))
		fail("munmap: %m");
	all_segments(1, p, PAGE);
	err = copy();
	if (err != EFAULT)
		fail("copy from a page that is not there: %s", strerror(err));
	munmap(p, PAGES * PAGE);

	/* What Xen refuses concerns a segment, not the call. */
	p = memory(PAGES);
	fill(granted, PAGES * PAGE, 4);
	all_segments(0, p, PAGE);
	segments[5].source.foreign.ref = BAD_REF;
	err = copy();
	if (err)
		fail("copy from an invalid reference: %s", strerror(err));
	for (i = 0; i < PAGES; i++)
		if (!segments[i].status != (i != 5))
			fail("with an invalid reference in segment 5, segment %u has status %d",
			     i, segments[i].status);
	same("before an invalid reference", p, granted, 5 * PAGE);
	same("after an invalid reference", p + 6 * PAGE, granted + 6 * PAGE,
	     (PAGES - 6) * PAGE);
	munmap(p, PAGES * PAGE);
}

/* How many pages are pinned at the moment, in the whole system. */
static long pinned(void)
{
	long acquired = -1, released = -1;
	char line[128];
	FILE *f = fopen("/proc/sys/vm/stat_refresh", "w");

	if (!f || fputs("1\n", f) < 0 || fclose(f))
		fail("/proc/sys/vm/stat_refresh: %m");
	f = fopen("/proc/vmstat", "r");
	while (f && fgets(line, sizeof(line), f)) {
		sscanf(line, "nr_foll_pin_acquired %ld", &acquired);
		sscanf(line, "nr_foll_pin_released %ld", &released);
	}
	if (!f || acquired < 0 || released < 0)
		fail("/proc/vmstat does not count pinned pages");
	fclose(f);
	return acquired - released;
}

static void check(void)
{
	char *p = memory(PAGES + 1);
	long before = pinned(), after;

	check_all("whole pages", p, PAGE);
	check_all("unaligned pages", p + 1000, PAGE);
	check_all("pieces of a page", p, PAGE / 8);
	check_all("unaligned pieces", p + 100, PAGE / 4);
	check_both_ways();
	check_refusals();
	after = pinned();
	if (after != before)
		fail("%ld pages pinned before, %ld after", before, after);
	puts("copied in all ways, and all pages released");
}

static void bench(const char *name, int to_grant, char *p, size_t distance)
{
	struct ioctl_gntdev_grant_copy op = { BENCH_PAGES, segments };
	uint64_t ticks = 0;
	unsigned int i;

	for (i = 0; i < BENCH_PAGES; i++)
		segment(to_grant, p + i * distance, i * PAGE, PAGE);
	copy_must(name);
	for (i = 0; i < BENCH_ROUNDS; i++) {
		ticks -= __rdtsc();
		if (ioctl(gntdev, IOCTL_GNTDEV_GRANT_COPY, &op))
			fail("%s: %m", name);
		ticks += __rdtsc();
	}
	printf("bench %s %ld\n", name,
	       (long)(ticks / (BENCH_ROUNDS * BENCH_PAGES)));
}

static void bench_map(void)
{
	struct ioctl_gntdev_map_grant_ref *map;
	struct ioctl_gntdev_unmap_grant_ref unmap = { .count = BENCH_PAGES };
	uint64_t ticks = 0;
	unsigned int i;
	char *p;

	map = calloc(1, sizeof(*map) + BENCH_PAGES * sizeof(map->refs[0]));
	map->count = BENCH_PAGES;
	for (i = 0; i < BENCH_PAGES; i++)
		map->refs[i].ref = refs[i];
	for (i = 0; i <= BENCH_ROUNDS; i++) {
		ticks -= __rdtsc();
		if (ioctl(gntdev, IOCTL_GNTDEV_MAP_GRANT_REF, map))
			fail("MAP_GRANT_REF: %m");
		p = mmap(NULL, BENCH_PAGES * PAGE, PROT_READ | PROT_WRITE,
			 MAP_SHARED, gntdev, map->index);
		if (p == MAP_FAILED)
			fail("mmap of gntdev: %m");
		unmap.index = map->index;
		if (ioctl(gntdev, IOCTL_GNTDEV_UNMAP_GRANT_REF, &unmap) ||
		    munmap(p, BENCH_PAGES * PAGE))
			fail("UNMAP_GRANT_REF or munmap: %m");
		ticks += __rdtsc();
		/* The first round also gets the pages to map into. */
		if (!i)
			ticks = 0;
	}
	printf("bench map-unmap %ld\n",
	       (long)(ticks / (BENCH_ROUNDS * BENCH_PAGES)));
}

int main(int argc, char **argv)
{
	struct sched_param param = { .sched_priority = 1 };
	char *p;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc != 2)
		goto usage;
	gntdev = dev_open("/dev/xen/gntdev");
	grant();
	if (!strcmp(argv[1], "check")) {
		check();
		return 0;
	}
	if (strncmp(argv[1], "bench", 5))
		goto usage;
	if (sched_setscheduler(0, SCHED_FIFO, &param))
		fail("sched_setscheduler: %m");
	if (!strcmp(argv[1], "bench-map")) {
		bench_map();
		return 0;
	}
	p = memory(2 * BENCH_PAGES);
	madvise(p, 2 * BENCH_PAGES * PAGE, MADV_NOHUGEPAGE);
	memset(p, 1, 2 * BENCH_PAGES * PAGE);
	bench("together", 0, p, PAGE);
	bench("apart", 0, p, 2 * PAGE);
	bench("to-grant", 1, p, PAGE);
	return 0;
usage:
	fail("usage: grantcopy check | bench | bench-map");
}
