// SPDX-License-Identifier: GPL-2.0-only
/*
 * gntmisuse - grants that are unmapped, refused or freed in unusual ways,
 *             through /dev/xen/gntalloc and gntdev
 *
 * Usage:  gntmisuse inuse PAGES     map PAGES (1..16) pages of this PV domain,
 *                                   unmap them one by one while a pipe refers
 *                                   to them, then empty the pipe
 *         gntmisuse notify          have a byte cleared in a page that is mapped
 *                                   read-only, and in one that is not mapped
 *         gntmisuse own             map a page of its own domain where that must
 *                                   be refused, and look after the page
 *         gntmisuse mix             map pages of one file of gntalloc which
 *                                   another one has allocated pages between
 *         gntmisuse copy FILE       copy a page of the file to a grant, and from
 *                                   there to memory; the file's stays clean
 *
 * Status: 0 everything as expected, 1 not (a line "FAIL: ..." says what).
 *
 * ABI: xen/gntalloc.h and xen/gntdev.h of Linux (the ioctls). vmsplice() puts
 * references to pages of a process into a pipe, which the kernel keeps until
 * somebody reads them. /proc/self/pagemap and /proc/kpageflags tell the flags of
 * a page (Documentation/admin-guide/mm/pagemap.rst of Linux).
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>
#include <xen/xen.h>
#include <xen/grant_table.h>
/* After Xen's, which define domid_t and grant_ref_t. */
#include <xen/gntalloc.h>
#include <xen/gntdev.h>
#include "fail.h"

#define PAGE		4096
#define MAX_PAGES	16	/* as many as a pipe takes */
#define BAD_REF		0x7fffff0
#define BYTE		123
#define PM_PRESENT	(1ULL << 63)
#define PM_PFN		((1ULL << 55) - 1)
#define KPF_DIRTY	(1 << 4)

static int gntdev;

static int gntalloc_open(void)
{
	return dev_open("/dev/xen/gntalloc");
}

/* Grant pages to this domain; returns their index in the file. */
static uint64_t grant(int fd, unsigned int count, uint32_t *refs)
{
	struct ioctl_gntalloc_alloc_gref *op;
	uint64_t index;

	op = calloc(1, sizeof(*op) + count * sizeof(op->gref_ids[0]));
	op->domid = 0;
	op->flags = GNTALLOC_FLAG_WRITABLE;
	op->count = count;
	if (ioctl(fd, IOCTL_GNTALLOC_ALLOC_GREF, op))
		fail("ALLOC_GREF: %m");
	memcpy(refs, op->gref_ids, count * sizeof(refs[0]));
	index = op->index;
	free(op);
	return index;
}

static uint64_t map_ref(const uint32_t *refs, unsigned int count)
{
	struct ioctl_gntdev_map_grant_ref *op;
	uint64_t index;
	unsigned int i;

	op = calloc(1, sizeof(*op) + count * sizeof(op->refs[0]));
	op->count = count;
	for (i = 0; i < count; i++)
		op->refs[i].ref = refs[i];
	if (ioctl(gntdev, IOCTL_GNTDEV_MAP_GRANT_REF, op))
		fail("MAP_GRANT_REF: %m");
	index = op->index;
	free(op);
	return index;
}

static void unmap_ref(uint64_t index, unsigned int count)
{
	struct ioctl_gntdev_unmap_grant_ref u = {
		.index = index,
		.count = count,
	};

	if (ioctl(gntdev, IOCTL_GNTDEV_UNMAP_GRANT_REF, &u))
		fail("UNMAP_GRANT_REF: %m");
}

static void dealloc(int fd, uint64_t index, unsigned int count)
{
	struct ioctl_gntalloc_dealloc_gref d = {
		.index = index,
		.count = count,
	};

	if (ioctl(fd, IOCTL_GNTALLOC_DEALLOC_GREF, &d))
		fail("DEALLOC_GREF: %m");
}

static int compare(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static void in_use(unsigned int count)
{
	uint32_t refs[MAX_PAGES], again[MAX_PAGES];
	char page[PAGE], want[PAGE], *p;
	int alloc = gntalloc_open(), fd[2];
	uint64_t index, mapping;
	struct iovec iov;
	unsigned int i;

	index = grant(alloc, count, refs);
	mapping = map_ref(refs, count);
	p = mmap(NULL, count * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, gntdev,
		 mapping);
	if (p == MAP_FAILED)
		fail("mmap of gntdev: %m");
	for (i = 0; i < count; i++)
		memset(p + i * PAGE, 'a' + i, PAGE);
	if (pipe(fd))
		fail("pipe: %m");
	iov.iov_base = p;
	iov.iov_len = count * PAGE;
	if (vmsplice(fd[1], &iov, 1, 0) != (ssize_t)iov.iov_len)
		fail("vmsplice: %m");
	for (i = 0; i < count; i++)
		if (munmap(p + i * PAGE, PAGE))
			fail("munmap: %m");
	unmap_ref(mapping, count);
	/* Time for whatever is wrong to show up. */
	usleep(500000);

	for (i = 0; i < count; i++) {
		memset(want, 'a' + i, PAGE);
		if (read(fd[0], page, PAGE) != PAGE)
			fail("read of the pipe: %m");
		if (memcmp(page, want, PAGE))
			fail("page %u has changed while it was in the pipe", i);
	}
	close(fd[0]);
	close(fd[1]);
	/* The kernel looks after the pages now and then. */
	usleep(500000);

	/*
	 * A reference that was mapped for the last time is free as soon as it
	 * is given up, and the next to be given out.
	 */
	dealloc(alloc, index, count);
	index = grant(alloc, count, again);
	qsort(refs, count, sizeof(refs[0]), compare);
	qsort(again, count, sizeof(again[0]), compare);
	for (i = 0; i < count; i++)
		if (refs[i] != again[i])
			fail("reference %u is still in use", refs[i]);
	dealloc(alloc, index, count);
	close(alloc);
	printf("%u pages in use unmapped and returned\n", count);
}

static void set_notify(const char *what, uint64_t index, int want)
{
	struct ioctl_gntdev_unmap_notify n = {
		.index = index + BYTE,
		.action = UNMAP_NOTIFY_CLEAR_BYTE,
	};
	int ret = ioctl(gntdev, IOCTL_GNTDEV_SET_UNMAP_NOTIFY, &n) ? errno : 0;

	if (ret != want)
		fail("SET_UNMAP_NOTIFY %s: %s", what, strerror(ret));
}

static void notify(void)
{
	int alloc = gntalloc_open();
	uint64_t index, mapping;
	uint32_t refs[2];
	char *own, *p;

	index = grant(alloc, 1, refs);
	own = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, alloc, index);
	if (own == MAP_FAILED)
		fail("mmap of gntalloc: %m");
	memset(own, 'x', PAGE);

	mapping = map_ref(refs, 1);
	set_notify("before mmap", mapping, 0);
	p = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, gntdev, mapping);
	if (p != MAP_FAILED) {
		munmap(p, PAGE);
		fail("a read-only mapping, and a byte to be cleared");
	}
	if (errno != EINVAL)
		fail("read-only mmap with a byte to be cleared: %m");
	/* It is the mapping that is refused, not the grant. */
	p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, gntdev,
		 mapping);
	if (p == MAP_FAILED)
		fail("mmap after the refusal: %m");
	if (own[BYTE] != 'x')
		fail("the byte was cleared too early");
	munmap(p, PAGE);
	if (own[BYTE])
		fail("the byte was not cleared");
	unmap_ref(mapping, 1);

	mapping = map_ref(refs, 1);
	p = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, gntdev, mapping);
	if (p == MAP_FAILED)
		fail("read-only mmap: %m");
	set_notify("of a read-only mapping", mapping, EINVAL);
	munmap(p, PAGE);
	unmap_ref(mapping, 1);

	/* The second page can't be mapped, so there is nothing to clear. */
	refs[1] = BAD_REF;
	mapping = map_ref(refs, 2);
	set_notify("of an invalid reference", mapping + PAGE, 0);
	p = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, gntdev,
		 mapping);
	if (p != MAP_FAILED)
		fail("mmap of an invalid reference");
	unmap_ref(mapping, 2);
	close(alloc);
	puts("bytes cleared only where they can be");
}

static void own_page(void)
{
	struct ioctl_gntdev_map_grant_ref op = { .count = 1 };
	int alloc = gntalloc_open(), ret, i;
	volatile char *own;
	uint64_t index;
	char *p;

	index = grant(alloc, 1, &op.refs[0].ref);
	own = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, alloc, index);
	if (own == MAP_FAILED)
		fail("mmap of gntalloc: %m");
	memset((char *)own, 'x', PAGE);
	ret = ioctl(gntdev, IOCTL_GNTDEV_MAP_GRANT_REF, &op);
	if (ret && errno != EINVAL)
		fail("MAP_GRANT_REF: %m");
	if (!ret) {
		p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, gntdev,
			 op.index);
		printf("mapping of its own page: %s\n",
		       p == MAP_FAILED ? strerror(errno) : "success");
		if (p != MAP_FAILED)
			munmap(p, PAGE);
	}
	for (i = 0; i < PAGE; i++)
		if (own[i] != 'x') {
			/* A page without memory must not be used again. */
			if (!fork()) {
				setsid();
				pause();
			}
			fail("own page: byte %d is %#x", i,
			     (unsigned char)own[i]);
		}
	if (!ret)
		fail("MAP_GRANT_REF: not refused");
	close(alloc);
	puts("a page of the same domain refused, and still there");
}

static void mix(void)
{
	int a = gntalloc_open(), b = gntalloc_open(), c = gntalloc_open();
	uint32_t ref_a, ref_b, ref_c;
	uint64_t index, index_b;
	cpu_set_t cpu;
	char *p, *q;

	/* On one CPU the next allocation gets what was freed last. */
	CPU_ZERO(&cpu);
	CPU_SET(0, &cpu);
	if (sched_setaffinity(0, sizeof(cpu), &cpu))
		fail("sched_setaffinity: %m");
	index = grant(a, 1, &ref_a);
	index_b = grant(b, 1, &ref_b);
	grant(a, 1, &ref_a);
	p = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, a, index);
	if (p == MAP_FAILED)
		fail("mmap of two pages: %m");
	if (munmap(p, 2 * PAGE))
		fail("munmap: %m");
	grant(c, 1, &ref_c);
	printf("references: %u, now %u\n", ref_b, ref_c);
	q = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, b, index_b);
	if (q != MAP_FAILED)
		munmap(q, PAGE);
	close(b);
	if (ref_c == ref_b)
		fail("reference %u given out twice", ref_b);
	if (q == MAP_FAILED)
		fail("the page of the other file is lost");

	/* The right ones went: mapped pages outlive their file, no longer. */
	p = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, a, index);
	if (p == MAP_FAILED)
		fail("mmap of two pages again: %m");
	dealloc(a, index, 1);
	dealloc(a, index + PAGE, 1);
	close(a);
	memset(p, 1, 2 * PAGE);
	munmap(p, 2 * PAGE);
	close(c);
	puts("each mapping dropped its own pages");
}

static uint64_t word(const char *file, uint64_t number)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC);
	uint64_t value;

	if (fd < 0 || pread(fd, &value, sizeof(value), number * sizeof(value)) != sizeof(value))
		fail("%s: %m", file);
	close(fd);
	return value;
}

static int is_dirty(const void *p)
{
	uint64_t entry = word("/proc/self/pagemap", (uintptr_t)p / PAGE);

	if (!(entry & PM_PRESENT))
		fail("the page of the file is not mapped");
	return !!(word("/proc/kpageflags", entry & PM_PFN) & KPF_DIRTY);
}

static void copy(const char *name)
{
	struct gntdev_grant_copy_segment s[2] = {
		{ .len = PAGE, .flags = GNTCOPY_dest_gref },
		{ .len = PAGE, .flags = GNTCOPY_source_gref },
	};
	struct ioctl_gntdev_grant_copy op = { .count = 2, .segments = s };
	static char memory[PAGE];
	volatile char *file;
	uint32_t ref;
	int fd, alloc = gntalloc_open();

	grant(alloc, 1, &ref);
	fd = open(name, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		fail("%s: %m", name);
	file = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);
	if (file == MAP_FAILED)
		fail("mmap of %s: %m", name);
	if (!file[0] || is_dirty((char *)file))
		fail("%s has no data, or is dirty to begin with", name);
	s[0].source.virt = (char *)file;
	s[0].dest.foreign.ref = ref;
	s[1].source.foreign.ref = ref;
	s[1].dest.virt = memory;
	if (ioctl(gntdev, IOCTL_GNTDEV_GRANT_COPY, &op) || s[0].status || s[1].status)
		fail("GRANT_COPY: %m, status %d and %d", s[0].status, s[1].status);
	if (memcmp(memory, (char *)file, PAGE))
		fail("the copy is not what the file holds");
	if (is_dirty((char *)file))
		fail("a page that was only read is dirty");
	puts("copied, and the file is clean");
}

int main(int argc, char **argv)
{
	unsigned int count;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc == 2 && !strcmp(argv[1], "mix")) {
		mix();
		return 0;
	}
	gntdev = dev_open("/dev/xen/gntdev");
	if (argc == 2 && !strcmp(argv[1], "notify")) {
		notify();
	} else if (argc == 2 && !strcmp(argv[1], "own")) {
		own_page();
	} else if (argc == 3 && !strcmp(argv[1], "copy")) {
		copy(argv[2]);
	} else if (argc == 3 && !strcmp(argv[1], "inuse")) {
		count = strtoul(argv[2], NULL, 0);
		if (count < 1 || count > MAX_PAGES)
			goto usage;
		in_use(count);
	} else {
		goto usage;
	}
	return 0;
usage:
	fail("usage: gntmisuse inuse PAGES | notify | own | mix | copy FILE");
}
