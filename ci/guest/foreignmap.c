// SPDX-License-Identifier: GPL-2.0-only
/*
 * foreignmap - frames of another domain, through /dev/xen/privcmd
 *
 * Usage:  foreignmap map DOM GFN PAGES     map PAGES frames of domain DOM from GFN on, then
 *                                          unmap them; each of them must exist
 *         foreignmap bench DOM GFN PAGES   what this costs: "bench NAME VALUE" lines, VALUE in
 *                                          ticks of the time stamp counter (instructions below
 *                                          QEMU's -icount shift=0) per frame
 *         foreignmap own PAGES SEED        the guest's side of check: fill PAGES pages and list
 *                                          their GFNs in further ones, print "index" and the GFNs
 *                                          of those; when the file /tmp/foreignmap.go appears,
 *                                          see what check wrote
 *         foreignmap check DOM SEED PAGES GFN...
 *                                          with what own printed: map the pages together with
 *                                          frames that do not exist, look for what own wrote,
 *                                          and write an answer into each page
 *
 * GFNs are hexadecimal and those of a PVH or HVM guest. SEED is a number, the same on both sides.
 * Status: 0 everything as expected, 1 not (a line "FAIL: ..." says what).
 *
 * ABI: xen/privcmd.h of Linux (the structures below; the installed file cannot be included),
 * xen/memory.h of Xen (XENMEM_add_to_physmap_batch, XENMEM_remove_from_physmap), and
 * admin-guide/mm/pagemap.rst of Linux. In a PVH or HVM guest the frame number of Linux is the GFN.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <x86intrin.h>
#define __XEN_TOOLS__ 1
#include <xen/xen.h>
#include <xen/memory.h>
#include "fail.h"

struct privcmd_hypercall {
	uint64_t op;
	uint64_t arg[5];
};

struct privcmd_mmapbatch_v2 {
	unsigned int num;
	domid_t dom;
	uint64_t addr;
	const xen_pfn_t *arr;
	int *err;
};

#define IOCTL_PRIVCMD_HYPERCALL		_IOC(_IOC_NONE, 'P', 0, sizeof(struct privcmd_hypercall))
#define IOCTL_PRIVCMD_MMAPBATCH_V2	_IOC(_IOC_NONE, 'P', 4, sizeof(struct privcmd_mmapbatch_v2))

#define PAGE		4096UL
#define WORDS		(PAGE / sizeof(uint64_t))
#define MAX_PAGES	4096
#define ROUNDS		4
#define WAIT_S		120
#define NO_DOMAIN	32000
#define HOLE		0x200000UL	/* GFN at 8 GiB: more than any guest here has */
#define LAST		0xfffffffUL	/* the last one of 40 address bits */
#define UNUSED		0x1000000UL	/* GFN of dom0 at 64 GiB: nothing is there */

static int privcmd;
static xen_pfn_t gfns[MAX_PAGES];
static int errs[MAX_PAGES];

static unsigned long number(const char *s, int base, unsigned long max)
{
	char *end;
	unsigned long n = strtoul(s, &end, base);

	if (!*s || *end || n > max)
		fail("%s is no number up to %lu", s, max);
	return n;
}

/* --- mapping --- */

/* Map gfns[0..pages) of a domain; fills errs. */
static volatile uint64_t *map(domid_t dom, unsigned int pages, uint64_t *ticks)
{
	struct privcmd_mmapbatch_v2 batch = {
		.num = pages, .dom = dom, .arr = gfns, .err = errs,
	};
	void *p = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, privcmd, 0);
	uint64_t begin;
	int rc;

	if (p == MAP_FAILED)
		fail("mmap of %u pages of /dev/xen/privcmd: %m", pages);
	batch.addr = (uintptr_t)p;
	memset(errs, 0x55, sizeof(errs));
	begin = __rdtsc();
	rc = ioctl(privcmd, IOCTL_PRIVCMD_MMAPBATCH_V2, &batch);
	if (ticks)
		*ticks += __rdtsc() - begin;
	if (rc)
		fail("MMAPBATCH_V2 of %u frames of domain %u: %m", pages, dom);
	return p;
}

static void unmap(volatile uint64_t *p, unsigned int pages, uint64_t *ticks)
{
	uint64_t begin = __rdtsc();

	if (munmap((void *)p, pages * PAGE))
		fail("munmap of %u pages: %m", pages);
	if (ticks)
		*ticks += __rdtsc() - begin;
}

static void map_all(domid_t dom, unsigned int pages, uint64_t *map_ticks, uint64_t *unmap_ticks)
{
	volatile uint64_t *p = map(dom, pages, map_ticks);

	for (unsigned int i = 0; i < pages; i++)
		if (errs[i])
			fail("frame %lx: error %d", gfns[i], errs[i]);
	unmap(p, pages, unmap_ticks);
}

/* --- costs --- */

static void memory_op(unsigned long cmd, void *arg)
{
	struct privcmd_hypercall call = {
		.op = __HYPERVISOR_memory_op, .arg = { cmd, (uintptr_t)arg },
	};
	int rc = ioctl(privcmd, IOCTL_PRIVCMD_HYPERCALL, &call);

	if (rc)
		fail("memory_op %lu: %d %m", cmd, rc);
}

/* The hypercall by itself, for size frames at a time, at GFNs of this domain which nothing uses. */
static uint64_t bench_hypercall(domid_t dom, unsigned int pages, unsigned int size)
{
	static xen_pfn_t gpfns[MAX_PAGES];
	struct xen_add_to_physmap_batch add = {
		.domid = DOMID_SELF, .space = XENMAPSPACE_gmfn_foreign, .size = size,
	};
	struct xen_remove_from_physmap remove = { .domid = DOMID_SELF };
	uint64_t begin, ticks;

	add.u.foreign_domid = dom;
	for (unsigned int i = 0; i < pages; i++)
		gpfns[i] = UNUSED + i;
	memset(errs, 0, sizeof(errs));
	begin = __rdtsc();
	for (unsigned int i = 0; i < pages; i += size) {
		set_xen_guest_handle(add.idxs, gfns + i);
		set_xen_guest_handle(add.gpfns, gpfns + i);
		set_xen_guest_handle(add.errs, errs + i);
		memory_op(XENMEM_add_to_physmap_batch, &add);
	}
	ticks = __rdtsc() - begin;
	for (unsigned int i = 0; i < pages; i++) {
		if (errs[i])
			fail("frame %lx: error %d", gfns[i], errs[i]);
		remove.gpfn = gpfns[i];
		memory_op(XENMEM_remove_from_physmap, &remove);
	}
	return ticks / pages;
}

static int translated(void)
{
	char type[8] = "";
	FILE *f = fopen("/sys/hypervisor/guest_type", "r");

	if (!f || !fgets(type, sizeof(type), f))
		fail("/sys/hypervisor/guest_type: %m");
	fclose(f);
	return strcmp(type, "PV\n") != 0;
}

static void bench(domid_t dom, unsigned int pages)
{
	uint64_t map_ticks = 0, unmap_ticks = 0;

	/* Page tables and lists of free pages are there in the second run. */
	map_all(dom, pages, NULL, NULL);
	for (int i = 0; i < ROUNDS; i++)
		map_all(dom, pages, &map_ticks, &unmap_ticks);
	printf("bench foreign-map-per-page %lu\n", (unsigned long)(map_ticks / pages / ROUNDS));
	printf("bench foreign-unmap-per-page %lu\n", (unsigned long)(unmap_ticks / pages / ROUNDS));
	if (!translated())
		return;
	bench_hypercall(dom, pages, 1);
	for (unsigned int size = 1; size <= 64; size *= 64)
		printf("bench foreign-hypercall-of-%u-per-page %lu\n", size,
		       (unsigned long)bench_hypercall(dom, pages, size));
}

/* --- contents --- */

static uint64_t pattern(uint64_t seed, unsigned int page, unsigned int word)
{
	uint64_t x = (seed << 32) + page * WORDS + word + 1;

	x *= 0x9e3779b97f4a7c15;
	return x ^ x >> 29;
}

/* The last word of a page is for the answer. */
static uint64_t answer(uint64_t seed, unsigned int page)
{
	return ~pattern(seed, page, WORDS - 1);
}

/* The frame of a page of this process. */
static uint64_t frame_of(const void *page)
{
	static int pagemap = -1;
	off_t at = (uintptr_t)page / PAGE * sizeof(uint64_t);
	uint64_t entry;

	if (pagemap < 0)
		pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	if (pread(pagemap, &entry, sizeof(entry), at) != sizeof(entry))
		fail("/proc/self/pagemap: %m");
	/* Bit 63: present. Bits 0 to 54: the frame. */
	if (!(entry >> 63) || !(entry & ((1UL << 55) - 1)))
		fail("a page has no frame: %lx", entry);
	return entry & ((1UL << 55) - 1);
}

static void own(unsigned int pages, uint64_t seed)
{
	unsigned int all = pages + (pages + WORDS - 1) / WORDS;
	uint64_t *p = mmap(NULL, all * PAGE, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t *index = p + pages * WORDS;

	if (p == MAP_FAILED || madvise(p, all * PAGE, MADV_NOHUGEPAGE) || mlock(p, all * PAGE))
		fail("%u pages: %m", all);
	for (unsigned int i = 0; i < pages; i++) {
		for (unsigned int w = 0; w < WORDS; w++)
			p[i * WORDS + w] = pattern(seed, i, w);
		index[i] = frame_of(p + i * WORDS);
	}
	printf("index");
	for (unsigned int i = pages; i < all; i++)
		printf(" %lx", frame_of(p + i * WORDS));
	printf("\n");

	for (int i = 0; access("/tmp/foreignmap.go", F_OK); i++) {
		if (i == WAIT_S * 10)
			fail("nobody says go");
		usleep(100000);
	}
	for (unsigned int i = 0; i < pages; i++)
		for (unsigned int w = 0; w < WORDS; w++) {
			volatile uint64_t *q = p + i * WORDS + w;
			uint64_t want = w == WORDS - 1 ? answer(seed, i) : pattern(seed, i, w);

			if (*q != want)
				fail("page %u, word %u: %lx, not %lx", i, w, *q, want);
		}
	printf("answered\n");
}

/*
 * Where check puts frames that do not exist: in the first place (and the last), around multiples of
 * powers of two, here and there, and many in a row.
 */
static int is_bad(unsigned int at)
{
	return !at || at % 128 == 127 || at % 64 == 0 || at % 37 == 5 || (at >= 520 && at < 800);
}

static void check(domid_t dom, uint64_t seed, unsigned int pages, char **index)
{
	static xen_pfn_t good[MAX_PAGES];
	static int page_of[MAX_PAGES];
	unsigned int total = 0, next, bad = 0;
	volatile uint64_t *p;

	for (unsigned int i = 0; i < pages; i += WORDS) {
		gfns[0] = number(index[i / WORDS], 16, LAST);
		p = map(dom, 1, NULL);
		if (errs[0])
			fail("index, frame %lx: error %d", gfns[0], errs[0]);
		memcpy(good + i, (void *)p, PAGE);
		unmap(p, 1, NULL);
	}

	/* Every frame once, not in order, then one of them again. */
	for (next = 0; next < pages; total++)
		page_of[total] = is_bad(total) ? -1 : (int)(next++ * 299 % pages);
	page_of[total] = page_of[total - 1];
	page_of[++total] = -1;
	total++;

	for (unsigned int i = 0; i < total; i++) {
		gfns[i] = page_of[i] >= 0 ? good[page_of[i]] : i & 1 ? HOLE + i : LAST - i;
		bad += page_of[i] < 0;
	}
	printf("%u frames, %u of them do not exist\n", total, bad);

	/* The second time the answers are there already. */
	for (int round = 0; round < 2; round++) {
		p = map(dom, total, NULL);
		for (unsigned int i = 0; i < total; i++) {
			if (page_of[i] < 0) {
				if (errs[i] >= 0 || errs[i] == -ENOENT)
					fail("%u: frame %lx does not exist: error %d", i, gfns[i], errs[i]);
				continue;
			}
			if (errs[i])
				fail("%u: frame %lx: error %d", i, gfns[i], errs[i]);
			for (unsigned int w = 0; w < WORDS - 1 + round; w++) {
				uint64_t want = w == WORDS - 1 ? answer(seed, page_of[i]) :
						pattern(seed, page_of[i], w);

				if (p[i * WORDS + w] != want)
					fail("%u: frame %lx, word %u: %lx, not %lx", i, gfns[i], w,
					     p[i * WORDS + w], want);
			}
		}
		for (unsigned int i = 0; i < total; i++)
			if (page_of[i] >= 0)
				p[i * WORDS + WORDS - 1] = answer(seed, page_of[i]);
		unmap(p, total, NULL);
	}

	gfns[0] = HOLE;
	p = map(dom, 1, NULL);
	if (errs[0] >= 0)
		fail("a hole alone: error %d", errs[0]);
	unmap(p, 1, NULL);

	for (unsigned int i = 0; i < 3; i++)
		gfns[i] = good[i];
	p = map(NO_DOMAIN, 3, NULL);
	for (unsigned int i = 0; i < 3; i++)
		if (errs[i] >= 0)
			fail("frame %lx of no domain: error %d", gfns[i], errs[i]);
	unmap(p, 3, NULL);
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	unsigned long first, pages;
	domid_t dom;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc == 4 && !strcmp(what, "own")) {
		own(number(argv[2], 10, MAX_PAGES), number(argv[3], 10, UINT32_MAX));
		return 0;
	}
	privcmd = open("/dev/xen/privcmd", O_RDWR | O_CLOEXEC);
	if (privcmd < 0)
		fail("/dev/xen/privcmd: %m");
	if (argc > 5 && !strcmp(what, "check")) {
		dom = number(argv[2], 10, DOMID_FIRST_RESERVED - 1);
		pages = number(argv[4], 10, MAX_PAGES / 2);
		/* See check: 299 is 13 * 23. */
		if (pages < 500 || !(pages % 13) || !(pages % 23) ||
		    (unsigned int)argc != 5 + (pages + WORDS - 1) / WORDS)
			fail("%lu pages, %d index pages", pages, argc - 5);
		check(dom, number(argv[3], 10, UINT32_MAX), pages, argv + 5);
		return 0;
	}
	if (argc != 5 || (strcmp(what, "map") && strcmp(what, "bench")))
		fail("see the head of foreignmap.c");
	dom = number(argv[2], 10, DOMID_FIRST_RESERVED - 1);
	first = number(argv[3], 16, LAST);
	pages = number(argv[4], 10, MAX_PAGES);
	for (unsigned long i = 0; i < pages; i++)
		gfns[i] = first + i;
	if (!strcmp(what, "map"))
		map_all(dom, pages, NULL, NULL);
	else
		bench(dom, pages);
	return 0;
}
