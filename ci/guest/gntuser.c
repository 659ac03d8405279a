// SPDX-License-Identifier: GPL-2.0-only
/*
 * gntuser - grants from user space, through /dev/xen/gntalloc and gntdev
 *
 * Usage:  gntuser share DOM PAGES   grant PAGES pages (1..256) to domain DOM and
 *                                   one more read-only, print
 *                                   "peer PORT RO-REF REF...", and play the
 *                                   owner's side of the exchange below
 *         gntuser map DOM PORT RO-REF REF...
 *                                   the other side: DOM shares, the rest is
 *                                   what its "peer" line said
 *         gntuser share-dmabuf, map-dmabuf
 *                                   likewise, but the pages are those of a
 *                                   dma-buf that is imported or exported;
 *                                   map-dmabuf wants the module dmabufmap
 *         gntuser refused DOM PORT RO-REF REF...
 *                                   none of the references can be mapped or
 *                                   copied from (any more)
 *
 * Status: 0 everything as expected, 1 not (a line "FAIL: ..." says what).
 * A wait for the other side ends after 20 s.
 *
 * The exchange, every page holding a pattern of its own:
 *   owner   fills the pages with pattern 1
 *   peer    reads them by grant copy, then maps them and reads them again;
 *           writes pattern 2, one half by grant copy, one half through the
 *           mapping; finds a read-only grant and invalid ones refused; event
 *   owner   reads pattern 2 everywhere, writes pattern 3; event
 *   peer    reads pattern 3 through the mapping it has had all the time, asks
 *           for a byte to be cleared and an event to be sent on unmapping, and
 *           unmaps (with a dma-buf it clears the byte and sends the event itself)
 *   owner   gets that event, finds that byte 0 and all others as they were,
 *           ends the grants
 *
 * ABI: xen/gntalloc.h, xen/gntdev.h and xen/evtchn.h of Linux (the ioctls),
 * xen/grant_table.h of Xen (GNTCOPY_*, GNTST_*: the status of a copy).
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xen/xen.h>
#include <xen/grant_table.h>
/* After Xen's, which define domid_t and grant_ref_t. */
#include <xen/evtchn.h>
#include <xen/gntalloc.h>
#include <xen/gntdev.h>
#include "dmabuf.h"
#include "fail.h"

#define PAGE		4096
#define MAX_PAGES	256
#define WAIT_MS		20000
#define CLEARED		77	/* the byte of the last page cleared by unmapping */
#define BAD_REF		0x7fffff0

static int evtchn, gntdev, dmabuf;
static uint32_t port;

/* --- patterns: 64-bit words of a generator seeded by pattern and page --- */

static uint64_t step(uint64_t x)
{
	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return x;
}

static void fill(void *page, int pattern, int nr)
{
	uint64_t x = 0x9e3779b97f4a7c15ull * (pattern * 1000 + nr + 1);
	uint64_t *p = page;
	unsigned int i;

	for (i = 0; i < PAGE / sizeof(*p); i++)
		p[i] = x = step(x);
}

static void check(const char *how, const void *page, int pattern, int nr)
{
	char want[PAGE];
	const char *got = page;
	int i;

	fill(want, pattern, nr);
	if (!memcmp(got, want, PAGE))
		return;
	for (i = 0; got[i] == want[i]; i++)
		;
	fail("%s: page %d, byte %d is not of pattern %d", how, nr, i, pattern);
}

/* --- events --- */

static void event_wait(const char *what)
{
	struct pollfd p = { .fd = evtchn, .events = POLLIN };
	uint32_t got;

	if (poll(&p, 1, WAIT_MS) <= 0)
		fail("no event: %s", what);
	if (read(evtchn, &got, sizeof(got)) != sizeof(got) || got != port)
		fail("read of the event: %s", what);
	if (write(evtchn, &got, sizeof(got)) != sizeof(got))
		fail("unmask: %m");
}

static void event_send(void)
{
	struct ioctl_evtchn_notify n = { .port = port };

	if (ioctl(evtchn, IOCTL_EVTCHN_NOTIFY, &n))
		fail("NOTIFY: %m");
}

/* --- the owner --- */

static char *grant(int fd, unsigned int dom, unsigned int count, int writable,
		   uint32_t *refs)
{
	struct ioctl_gntalloc_alloc_gref *op;
	char *p;

	op = calloc(1, sizeof(*op) + count * sizeof(op->gref_ids[0]));
	op->domid = dom;
	op->flags = writable ? GNTALLOC_FLAG_WRITABLE : 0;
	op->count = count;
	if (ioctl(fd, IOCTL_GNTALLOC_ALLOC_GREF, op))
		fail("ALLOC_GREF of %u pages: %m", count);
	memcpy(refs, op->gref_ids, count * sizeof(*refs));
	p = mmap(NULL, (size_t)count * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED,
		 fd, op->index);
	if (p == MAP_FAILED)
		fail("mmap of gntalloc: %m");
	free(op);
	return p;
}

static char *import(unsigned int dom, unsigned int count, uint32_t *refs, int *fd)
{
	struct ioctl_gntdev_dmabuf_imp_to_refs *op = NULL;
	char *p;

	*fd = dmabuf_create(count, (size_t)count * PAGE, &p);
	errno = dmabuf_import(gntdev, *fd, dom, count, &op);
	if (errno)
		fail("DMABUF_IMP_TO_REFS of %u pages: %m", count);
	memcpy(refs, op->refs, count * sizeof(*refs));
	free(op);
	return p;
}

static int share(unsigned int dom, unsigned int count)
{
	struct ioctl_evtchn_bind_unbound_port b = { .remote_domain = dom };
	struct ioctl_gntalloc_dealloc_gref d = { .index = 0, .count = count };
	uint32_t refs[MAX_PAGES], ro_ref;
	char *pages, *ro, want[PAGE];
	unsigned int i;
	int alloc = dev_open("/dev/xen/gntalloc"), buf = -1;
	int ret = ioctl(evtchn, IOCTL_EVTCHN_BIND_UNBOUND_PORT, &b);

	if (ret < 0)
		fail("BIND_UNBOUND_PORT: %m");
	port = ret;
	pages = dmabuf ? import(dom, count, refs, &buf) :
			 grant(alloc, dom, count, 1, refs);
	ro = grant(alloc, dom, 1, 0, &ro_ref);
	for (i = 0; i < count; i++)
		fill(pages + i * PAGE, 1, i);
	fill(ro, 1, count);
	printf("peer %u %u", port, ro_ref);
	for (i = 0; i < count; i++)
		printf(" %u", refs[i]);
	putchar('\n');

	event_wait("pattern 2 written");
	for (i = 0; i < count; i++) {
		check("written by the peer", pages + i * PAGE, 2, i);
		fill(pages + i * PAGE, 3, i);
	}
	check("read-only page", ro, 1, count);
	event_send();

	event_wait("unmapped");
	fill(want, 3, count - 1);
	want[CLEARED] = 0;
	if (memcmp(pages + (count - 1) * PAGE, want, PAGE))
		fail("unmap notification: byte %d is %#x, want 0 and no other change",
		     CLEARED, (unsigned char)pages[(count - 1) * PAGE + CLEARED]);
	for (i = 0; i < count - 1; i++)
		check("after unmapping", pages + i * PAGE, 3, i);

	if (dmabuf) {
		errno = dmabuf_import_end(gntdev, buf);
		if (errno)
			fail("DMABUF_IMP_RELEASE: %m");
		if (dmabuf_import_end(gntdev, buf) != ENOENT)
			fail("DMABUF_IMP_RELEASE twice: not ENOENT");
		d.count = 1;	/* the read-only page */
	}
	if (ioctl(alloc, IOCTL_GNTALLOC_DEALLOC_GREF, &d))
		fail("DEALLOC_GREF: %m");
	if (!ioctl(alloc, IOCTL_GNTALLOC_DEALLOC_GREF, &d) || errno != EINVAL)
		fail("DEALLOC_GREF twice: not EINVAL");
	if (munmap(pages, (size_t)count * PAGE) || munmap(ro, PAGE))
		fail("munmap: %m");
	close(alloc);
	printf("owner: %u pages went both ways\n", count);
	return 0;
}

/* --- the peer --- */

/* Map; NULL and errno when refused. @index: as UNMAP_GRANT_REF wants it. */
static char *map(unsigned int dom, const uint32_t *refs, unsigned int count,
		 int prot, uint64_t *index)
{
	struct ioctl_gntdev_unmap_grant_ref u = { .count = count };
	struct ioctl_gntdev_map_grant_ref *op;
	unsigned int i;
	char *p;
	int err;

	op = calloc(1, sizeof(*op) + count * sizeof(op->refs[0]));
	op->count = count;
	for (i = 0; i < count; i++) {
		op->refs[i].domid = dom;
		op->refs[i].ref = refs[i];
	}
	if (ioctl(gntdev, IOCTL_GNTDEV_MAP_GRANT_REF, op))
		fail("MAP_GRANT_REF: %m");
	*index = op->index;
	free(op);
	p = mmap(NULL, (size_t)count * PAGE, prot, MAP_SHARED, gntdev, *index);
	if (p != MAP_FAILED)
		return p;
	err = errno;
	u.index = *index;
	if (ioctl(gntdev, IOCTL_GNTDEV_UNMAP_GRANT_REF, &u))
		fail("UNMAP_GRANT_REF after a refused mmap: %m");
	errno = err;
	return NULL;
}

static void unmap(char *p, uint64_t index, unsigned int count)
{
	struct ioctl_gntdev_unmap_grant_ref u = {
		.index = index,
		.count = count,
	};

	if (munmap(p, (size_t)count * PAGE))
		fail("munmap: %m");
	if (ioctl(gntdev, IOCTL_GNTDEV_UNMAP_GRANT_REF, &u))
		fail("UNMAP_GRANT_REF: %m");
}

/* A dma-buf of the references, and a device which shows it. */
static char *export(unsigned int dom, const uint32_t *refs, unsigned int count,
		    unsigned int flags, int *buf, int *dev)
{
	char *p;

	*buf = dmabuf_export(gntdev, dom, refs, count, flags);
	if (*buf < 0)
		fail("DMABUF_EXP_FROM_REFS of %u pages: %m", count);
	*dev = dev_open("/dev/dmabufmap");
	if (write(*dev, buf, sizeof(*buf)) < 0)
		fail("a device cannot use the dma-buf: %m");
	p = mmap(NULL, (size_t)count * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED,
		 *dev, 0);
	if (p == MAP_FAILED)
		fail("mmap of the dma-buf: %m");
	return p;
}

static void unexport(char *p, unsigned int count, int buf, int dev)
{
	int err;

	if (dmabuf_wait(gntdev, buf, 1) != ETIMEDOUT)
		fail("DMABUF_EXP_WAIT_RELEASED of a dma-buf in use: not ETIMEDOUT");
	if (munmap(p, (size_t)count * PAGE) || close(dev) || close(buf))
		fail("release of the dma-buf: %m");
	err = dmabuf_wait(gntdev, buf, WAIT_MS);
	if (err && err != ENOENT)
		fail("DMABUF_EXP_WAIT_RELEASED: %s", strerror(err));
}

static void export_refused(const char *what, unsigned int dom,
			   const uint32_t *refs, unsigned int count)
{
	if (dmabuf_export(gntdev, dom, refs, count, 0) >= 0)
		fail("dma-buf of %s: not refused", what);
	if (errno != EINVAL)
		fail("dma-buf of %s: %m instead of EINVAL", what);
}

static void map_refused(const char *what, unsigned int dom,
			const uint32_t *refs, unsigned int count, int prot)
{
	uint64_t index;

	if (map(dom, refs, count, prot, &index))
		fail("mapping %s: not refused", what);
	if (errno != EINVAL)
		fail("mapping %s: %m instead of EINVAL", what);
}

/* One copy of @len bytes at @offset of a grant: a GNTST_* status, or -errno. */
static int copy(unsigned int dom, uint32_t ref, unsigned int offset, void *buf,
		unsigned int len, int to_grant)
{
	struct gntdev_grant_copy_segment s = { .len = len };
	struct ioctl_gntdev_grant_copy op = { .count = 1, .segments = &s };

	s.source.virt = buf;
	s.dest.virt = buf;
	s.flags = to_grant ? GNTCOPY_dest_gref : GNTCOPY_source_gref;
	if (to_grant) {
		s.dest.foreign.domid = dom;
		s.dest.foreign.ref = ref;
		s.dest.foreign.offset = offset;
	} else {
		s.source.foreign.domid = dom;
		s.source.foreign.ref = ref;
		s.source.foreign.offset = offset;
	}
	if (ioctl(gntdev, IOCTL_GNTDEV_GRANT_COPY, &op))
		return -errno;
	/* Xen's codes are negative as well; keep them apart from -errno. */
	return s.status == GNTST_okay ? 0 : -s.status;
}

static void copy_must(unsigned int dom, uint32_t ref, void *buf, int to_grant)
{
	int ret = copy(dom, ref, 0, buf, PAGE, to_grant);

	if (ret)
		fail("GRANT_COPY %s ref %u: %s %d", to_grant ? "to" : "from", ref,
		     ret < 0 ? strerror(-ret) : "status", -ret);
}

static void copy_refused(const char *what, unsigned int dom, uint32_t ref,
			 void *buf, int to_grant)
{
	if (copy(dom, ref, 0, buf, PAGE, to_grant) <= 0)
		fail("GRANT_COPY %s: not refused by Xen", what);
}

static void check_refusals(unsigned int dom, uint32_t ro_ref,
			   const uint32_t *refs, void *buf)
{
	uint32_t bad = BAD_REF, mixed[2] = { refs[0], BAD_REF };
	struct ioctl_gntdev_map_grant_ref none = { .count = 0 };
	uint64_t index;
	char *p;

	map_refused("a read-only grant writable", dom, &ro_ref, 1,
		    PROT_READ | PROT_WRITE);
	map_refused("an invalid reference", dom, &bad, 1,
		    PROT_READ | PROT_WRITE);
	map_refused("a valid and an invalid reference", dom, mixed, 2,
		    PROT_READ | PROT_WRITE);
	map_refused("a reference of a domain that does not exist", 0x7fee, refs,
		    1, PROT_READ | PROT_WRITE);
	p = map(dom, refs, 1, PROT_READ | PROT_WRITE, &index);
	if (!p)
		fail("a valid reference after the invalid ones: %m");
	unmap(p, index, 1);
	if (!ioctl(gntdev, IOCTL_GNTDEV_MAP_GRANT_REF, &none) ||
	    errno != EINVAL)
		fail("MAP_GRANT_REF of nothing: not EINVAL");
	if (mmap(NULL, PAGE, PROT_READ, MAP_SHARED, gntdev, 1 << 30) !=
	    MAP_FAILED)
		fail("mmap of an index that was not given out: not refused");
	copy_refused("to a read-only grant", dom, ro_ref, buf, 1);
	copy_refused("from an invalid reference", dom, bad, buf, 0);
	if (copy(dom, refs[0], PAGE - 100, buf, 200, 0) != -EINVAL)
		fail("GRANT_COPY across the end of a page: not EINVAL");
}

static int peer(unsigned int dom, uint32_t remote_port, uint32_t ro_ref,
		const uint32_t *refs, unsigned int count)
{
	struct ioctl_evtchn_bind_interdomain b = {
		.remote_domain = dom,
		.remote_port = remote_port,
	};
	struct ioctl_gntdev_get_offset_for_vaddr g = { 0 };
	struct ioctl_gntdev_unmap_notify n = { 0 };
	uint32_t mixed[2] = { refs[0], BAD_REF };
	uint64_t index, ro_index;
	char *pages, *ro, *buf;
	unsigned int i;
	int dma_fd = -1, dev = -1;
	int ret = ioctl(evtchn, IOCTL_EVTCHN_BIND_INTERDOMAIN, &b);

	if (ret < 0)
		fail("BIND_INTERDOMAIN: %m");
	port = ret;
	/* Xen sets a port pending when it connects it. */
	event_wait("connected");

	buf = aligned_alloc(PAGE, PAGE);
	for (i = 0; i < count; i++) {
		memset(buf, 0, PAGE);
		copy_must(dom, refs[i], buf, 0);
		check("read by grant copy", buf, 1, i);
	}
	check_refusals(dom, ro_ref, refs, buf);

	if (dmabuf) {
		export_refused("a read-only grant", dom, &ro_ref, 1);
		export_refused("a valid and an invalid reference", dom, mixed, 2);
		/* Memory of the DMA API gives way to the grants, and comes back. */
		pages = export(dom, refs, count, GNTDEV_DMA_FLAG_COHERENT,
			       &dma_fd, &dev);
		for (i = 0; i < count; i++)
			check("read through coherent memory", pages + i * PAGE, 1, i);
		unexport(pages, count, dma_fd, dev);
		pages = export(dom, refs, count, 0, &dma_fd, &dev);
	} else {
		pages = map(dom, refs, count, PROT_READ | PROT_WRITE, &index);
		if (!pages)
			fail("mapping %u pages: %m", count);
	}
	ro = map(dom, &ro_ref, 1, PROT_READ, &ro_index);
	if (!ro)
		fail("mapping the read-only page: %m");
	check("read-only mapping", ro, 1, count);
	unmap(ro, ro_index, 1);
	for (i = 0; i < count; i++) {
		check("read through the mapping", pages + i * PAGE, 1, i);
		if (i % 2) {
			fill(buf, 2, i);
			copy_must(dom, refs[i], buf, 1);
		} else {
			fill(pages + i * PAGE, 2, i);
		}
	}
	event_send();

	event_wait("pattern 3 written");
	for (i = 0; i < count; i++)
		check("written by the owner", pages + i * PAGE, 3, i);
	if (dmabuf) {
		pages[(count - 1) * PAGE + CLEARED] = 0;
		unexport(pages, count, dma_fd, dev);
		event_send();
		goto out;
	}
	g.vaddr = (uintptr_t)pages;
	if (ioctl(gntdev, IOCTL_GNTDEV_GET_OFFSET_FOR_VADDR, &g))
		fail("GET_OFFSET_FOR_VADDR: %m");
	if (g.offset != index || g.count != count)
		fail("GET_OFFSET_FOR_VADDR: %#llx+%u instead of %#llx+%u",
		     (unsigned long long)g.offset, g.count,
		     (unsigned long long)index, count);
	n.index = index + (count - 1) * PAGE + CLEARED;
	n.action = UNMAP_NOTIFY_CLEAR_BYTE | UNMAP_NOTIFY_SEND_EVENT;
	n.event_channel_port = port;
	if (ioctl(gntdev, IOCTL_GNTDEV_SET_UNMAP_NOTIFY, &n))
		fail("SET_UNMAP_NOTIFY: %m");
	unmap(pages, index, count);
out:
	printf("peer: %u pages went both ways\n", count);
	return 0;
}

static int refused(unsigned int dom, uint32_t ro_ref, const uint32_t *refs,
		   unsigned int count)
{
	char *buf = aligned_alloc(PAGE, PAGE);
	unsigned int i;

	map_refused("an ended read-only grant", dom, &ro_ref, 1, PROT_READ);
	for (i = 0; i < count; i++) {
		map_refused("an ended grant", dom, &refs[i], 1, PROT_READ);
		copy_refused("from an ended grant", dom, refs[i], buf, 0);
	}
	printf("%u ended grants refused\n", count + 1);
	return 0;
}

int main(int argc, char **argv)
{
	uint32_t refs[MAX_PAGES];
	unsigned int i, dom, count = argc - 5;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc < 4)
		goto usage;
	dom = strtoul(argv[2], NULL, 0);
	evtchn = dev_open("/dev/xen/evtchn");
	gntdev = dev_open("/dev/xen/gntdev");
	dmabuf = !!strstr(argv[1], "-dmabuf");
	if (argc == 4 && !strncmp(argv[1], "share", 5)) {
		count = strtoul(argv[3], NULL, 0);
		if (count < 1 || count > MAX_PAGES)
			goto usage;
		return share(dom, count);
	}
	if (argc < 6 || count > MAX_PAGES)
		goto usage;
	for (i = 0; i < count; i++)
		refs[i] = strtoul(argv[5 + i], NULL, 0);
	if (!strncmp(argv[1], "map", 3))
		return peer(dom, strtoul(argv[3], NULL, 0),
			    strtoul(argv[4], NULL, 0), refs, count);
	if (!strcmp(argv[1], "refused"))
		return refused(dom, strtoul(argv[4], NULL, 0), refs, count);
usage:
	fail("usage: gntuser share[-dmabuf] DOM PAGES | map[-dmabuf]|refused DOM PORT RO-REF REF...");
}
