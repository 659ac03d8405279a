// SPDX-License-Identifier: GPL-2.0-only
/*
 * xenrand - what several processes do at random with Xen's device files
 *
 * Usage:  xenrand SEED SECONDS [faults]
 *
 * Four processes call /dev/xen/evtchn, gntalloc, gntdev, privcmd and xenbus with arguments that are right
 * most of the time, share what they get with each other, map and unmap memory, fork and die. With "faults"
 * allocations of the kernel fail now and then (/proc/thread-self/fail-nth). The same SEED makes the same
 * calls, as far as the processes do not get in each other's way.
 *
 * Only what must not harm dom0 is called: no hypercall by IOCTL_PRIVCMD_HYPERCALL, memory of no domain but
 * this one, nodes of XenStore below /tool/xenrand only.
 *
 * Prints how many calls of each kind succeeded and failed. Status: 0 if events, grants and XenStore work as
 * they did before, 1 if not, if a process is stuck, or if a kind of call never succeeded which has to now
 * and then (a line "FAIL: ..." says what).
 *
 * ABI: xen/evtchn.h, gntalloc.h, gntdev.h and privcmd.h of Linux (the ioctls), io/xs_wire.h of Xen.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
/* For the version of the ABI. */
#define __XEN_TOOLS__
#include <xen/xen.h>
#include <xen/grant_table.h>
#include <xen/io/xs_wire.h>
#include <xen/sys/privcmd.h>
/* After Xen's, which define domid_t and grant_ref_t. */
#include <xen/gntalloc.h>
#include <xen/gntdev.h>
#include "evtchn.h"

#define PAGE		4096UL
#define PROCESSES	4
#define SLOTS		16
#define NO_DOMAIN	777
#define STUCK		30 /* seconds without an end */

/* Younger than the headers of Debian 12. */
#define BIND_STATIC	_IOC(_IOC_NONE, 'E', 7, sizeof(unsigned int))
#define IRQFD		_IOC(_IOC_WRITE, 'P', 8, 24)
#define IOEVENTFD	_IOC(_IOC_WRITE, 'P', 9, 48)
#define GET_GSI		_IOC(_IOC_NONE, 'P', 10, 8)

enum file { EVTCHN, GNTALLOC, GNTDEV, PRIVCMD, XENBUS, KINDS };

static const char *const names[KINDS] = {
	"/dev/xen/evtchn", "/dev/xen/gntalloc", "/dev/xen/gntdev", "/dev/xen/privcmd", "/dev/xen/xenbus",
};

/* What all processes know of each other; the values may be out of date, which is as good. */
static struct shared {
	uint32_t ports[SLOTS], refs[SLOTS];
	unsigned int good[64], bad[64], current[PROCESSES];
} *shared;

/* Each process has two files of a kind. A restriction is for good, and only the second gets one. */
static int fds[KINDS][2];
static uint64_t indices[KINDS][2][SLOTS];
static struct {
	char *at;
	size_t size;
} maps[SLOTS];
static uint32_t transactions[SLOTS], ports[SLOTS];
static uint64_t state;

static uint32_t rnd(uint32_t below)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (state >> 16) % below;
}

/* Now and then something else than @value. */
static uint64_t wild(uint64_t value)
{
	static const uint64_t odd[] = { 0, 1, 7, 0x7ff0, 0x7fff, 0xffff, 0x7fffffff, ~0U, PAGE, ~0ULL, 1ULL << 47 };

	switch (rnd(16)) {
	case 0:
		return odd[rnd(sizeof(odd) / sizeof(*odd))];
	case 1:
		return value + rnd(3) - 1;
	default:
		return value;
	}
}

static int file(enum file kind)
{
	return fds[kind][rnd(2)];
}

static int open_file(enum file kind, int which)
{
	int fd = open(names[kind], O_RDWR | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return -1;
	close(fds[kind][which]);
	fds[kind][which] = fd;
	return 0;
}

/* Memory for the kernel to read or write: mapped, or not. */
static void *memory(void)
{
	static char page[4 * PAGE] __attribute__((aligned(4096)));
	char *at = rnd(2) ? maps[rnd(SLOTS)].at : page;

	return rnd(12) ? at + rnd(PAGE / 8) * 8 : (void *)(uintptr_t)wild(0);
}

/* What a call that binds a port has returned. */
static int keep_port(int ret)
{
	if (ret > 0)
		ports[rnd(SLOTS)] = ret;
	return ret;
}

static int evtchn_unbound(void)
{
	int ret = bind_unbound(file(EVTCHN), wild(0));

	if (ret > 0)
		shared->ports[rnd(SLOTS)] = ret;
	return keep_port(ret);
}

static int evtchn_interdomain(void)
{
	struct ioctl_evtchn_bind_interdomain b = { wild(0), wild(shared->ports[rnd(SLOTS)]) };

	return keep_port(ioctl(file(EVTCHN), IOCTL_EVTCHN_BIND_INTERDOMAIN, &b));
}

static int evtchn_virq(void)
{
	struct ioctl_evtchn_bind_virq b = { wild(rnd(24)) };

	return keep_port(ioctl(file(EVTCHN), IOCTL_EVTCHN_BIND_VIRQ, &b));
}

static int evtchn_static(void)
{
	uint32_t port = wild(shared->ports[rnd(SLOTS)]);

	return ioctl(file(EVTCHN), BIND_STATIC, &port);
}

static int evtchn_unbind(void)
{
	struct ioctl_evtchn_unbind u = { wild(ports[rnd(SLOTS)]) };

	return ioctl(file(EVTCHN), IOCTL_EVTCHN_UNBIND, &u);
}

static int evtchn_notify(void)
{
	struct ioctl_evtchn_notify n = { wild(ports[rnd(SLOTS)]) };

	return ioctl(file(EVTCHN), IOCTL_EVTCHN_NOTIFY, &n);
}

static int evtchn_read(void)
{
	return read(file(EVTCHN), memory(), wild(rnd(32) * 4));
}

static int evtchn_write(void)
{
	uint32_t list[4];

	for (int i = 0; i < 4; i++)
		list[i] = wild(ports[rnd(SLOTS)]);
	return write(file(EVTCHN), rnd(8) ? list : memory(), wild(rnd(5) * 4));
}

static int evtchn_reset(void)
{
	return ioctl(file(EVTCHN), IOCTL_EVTCHN_RESET);
}

static int evtchn_restrict(void)
{
	domid_t domid = wild(0);

	return ioctl(fds[EVTCHN][1], IOCTL_EVTCHN_RESTRICT_DOMID, &domid);
}

static int alloc_grants(void)
{
	struct ioctl_gntalloc_alloc_gref *a = calloc(1, sizeof(*a) + 8 * sizeof(a->gref_ids[0]));
	int which = rnd(2), ret;

	a->domid = wild(0);
	a->flags = wild(1);
	a->count = wild(1 + rnd(8));
	/* Not so many that nobody else gets one. */
	if (a->count > 8)
		a->count |= 0x80000000;
	ret = ioctl(fds[GNTALLOC][which], IOCTL_GNTALLOC_ALLOC_GREF, a);
	if (!ret) {
		indices[GNTALLOC][which][rnd(SLOTS)] = a->index;
		for (unsigned int i = 0; i < a->count; i++)
			shared->refs[rnd(SLOTS)] = a->gref_ids[i];
	}
	free(a);
	return ret;
}

static int free_grants(void)
{
	int which = rnd(2);
	struct ioctl_gntalloc_dealloc_gref d = {
		.index = wild(indices[GNTALLOC][which][rnd(SLOTS)]), .count = wild(1 + rnd(8)),
	};

	return ioctl(fds[GNTALLOC][which], IOCTL_GNTALLOC_DEALLOC_GREF, &d);
}

/* The same for both: only the number of the ioctl differs. */
static int unmap_notify(enum file kind)
{
	int which = rnd(2);
	struct ioctl_gntdev_unmap_notify n = {
		.index = wild(indices[kind][which][rnd(SLOTS)] + rnd(PAGE)),
		.action = wild(rnd(4)),
		.event_channel_port = wild(ports[rnd(SLOTS)]),
	};

	return ioctl(fds[kind][which], IOCTL_GNTDEV_SET_UNMAP_NOTIFY, &n);
}

static int alloc_notify(void)
{
	return unmap_notify(GNTALLOC);
}

static int dev_notify(void)
{
	return unmap_notify(GNTDEV);
}

static int map_grants(void)
{
	struct ioctl_gntdev_map_grant_ref *m = calloc(1, sizeof(*m) + 8 * sizeof(m->refs[0]));
	int which = rnd(2), ret;

	m->count = wild(1 + rnd(8));
	for (int i = 0; i < 8; i++) {
		m->refs[i].domid = wild(0);
		m->refs[i].ref = wild(shared->refs[rnd(SLOTS)]);
	}
	ret = ioctl(fds[GNTDEV][which], IOCTL_GNTDEV_MAP_GRANT_REF, m);
	if (!ret)
		indices[GNTDEV][which][rnd(SLOTS)] = m->index;
	free(m);
	return ret;
}

static int unmap_grants(void)
{
	int which = rnd(2);
	struct ioctl_gntdev_unmap_grant_ref u = {
		.index = wild(indices[GNTDEV][which][rnd(SLOTS)]), .count = wild(1 + rnd(8)),
	};

	return ioctl(fds[GNTDEV][which], IOCTL_GNTDEV_UNMAP_GRANT_REF, &u);
}

static int offset_of_map(void)
{
	struct ioctl_gntdev_get_offset_for_vaddr o = { .vaddr = wild((uintptr_t)maps[rnd(SLOTS)].at) };

	return ioctl(file(GNTDEV), IOCTL_GNTDEV_GET_OFFSET_FOR_VADDR, &o);
}

static int copy_grants(void)
{
	struct gntdev_grant_copy_segment s[20];
	struct ioctl_gntdev_grant_copy c = { .count = wild(rnd(20)), .segments = rnd(12) ? s : memory() };

	memset(s, 0, sizeof(s));
	for (int i = 0; i < 20; i++) {
		s[i].len = wild(rnd(64));
		s[i].flags = wild(rnd(4));
		if (s[i].flags & GNTCOPY_source_gref) {
			s[i].source.foreign.ref = wild(shared->refs[rnd(SLOTS)]);
			s[i].source.foreign.offset = wild(rnd(PAGE));
		} else {
			s[i].source.virt = memory();
		}
		if (s[i].flags & GNTCOPY_dest_gref) {
			s[i].dest.foreign.ref = wild(shared->refs[rnd(SLOTS)]);
			s[i].dest.foreign.offset = wild(rnd(PAGE));
		} else {
			s[i].dest.virt = memory();
		}
	}
	return ioctl(file(GNTDEV), IOCTL_GNTDEV_GRANT_COPY, &c);
}

static void keep_map(char *at, size_t size)
{
	int slot = rnd(SLOTS);

	if (maps[slot].at)
		munmap(maps[slot].at, maps[slot].size);
	maps[slot].at = at;
	maps[slot].size = size;
}

static int map_file(void)
{
	enum file kind = rnd(2) ? GNTDEV : GNTALLOC;
	int which = rnd(2);
	size_t size = wild(1 + rnd(8)) % 64 * PAGE;
	char *at = mmap(NULL, size, rnd(4), rnd(8) ? MAP_SHARED : MAP_PRIVATE, fds[kind][which],
			wild(indices[kind][which][rnd(SLOTS)]) & ~(PAGE - 1));

	if (at == MAP_FAILED)
		return -1;
	keep_map(at, size);
	return 0;
}

static int unmap_file(void)
{
	int slot = rnd(SLOTS);
	size_t size = maps[slot].size;

	if (!size)
		return -1;
	if (size > PAGE && rnd(2))
		size = PAGE;
	munmap(maps[slot].at, size);
	maps[slot].size -= size;
	maps[slot].at = maps[slot].size ? maps[slot].at + size : NULL;
	return 0;
}

/* By system calls, which end with EFAULT where a write would end the process. */
static int touch_map(void)
{
	int to[2], ret = -1, slot = rnd(SLOTS);

	if (!maps[slot].size || pipe(to))
		return -1;
	if (write(to[1], maps[slot].at + rnd(maps[slot].size), 1) == 1)
		ret = read(to[0], maps[slot].at + rnd(maps[slot].size), 1);
	close(to[0]);
	close(to[1]);
	return ret;
}

static int protect_map(void)
{
	int slot = rnd(SLOTS);

	return maps[slot].size ? mprotect(maps[slot].at, PAGE, rnd(4)) : -1;
}

/* A child has all of it, too, and may be the last. */
static int fork_and_die(void)
{
	pid_t child = fork();

	if (!child) {
		touch_map();
		unmap_file();
		_exit(0);
	}
	return child < 0 ? -1 : waitpid(child, NULL, 0);
}

static int open_again(void)
{
	return open_file(rnd(KINDS), rnd(2));
}

static int map_foreign(void)
{
	xen_pfn_t frames[8];
	int errors[8];
	privcmd_mmapbatch_v2_t m = {
		.num = wild(rnd(8)), .dom = NO_DOMAIN, .addr = (uintptr_t)memory() & ~(PAGE - 1),
		.arr = rnd(12) ? frames : memory(), .err = rnd(12) ? errors : memory(),
	};

	for (int i = 0; i < 8; i++)
		frames[i] = wild(rnd(0x10000));
	return ioctl(file(PRIVCMD), IOCTL_PRIVCMD_MMAPBATCH_V2, &m);
}

static int privcmd_map(void)
{
	void *at = mmap(NULL, 8 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, file(PRIVCMD), 0);

	if (at == MAP_FAILED)
		return -1;
	keep_map(at, 8 * PAGE);
	return 0;
}

static int map_resource(void)
{
	privcmd_mmap_resource_t r = {
		.dom = NO_DOMAIN, .type = wild(rnd(3)), .id = wild(rnd(3)), .idx = wild(rnd(3)),
		.num = wild(rnd(8)), .addr = (uintptr_t)memory() & ~(PAGE - 1),
	};

	return ioctl(file(PRIVCMD), IOCTL_PRIVCMD_MMAP_RESOURCE, &r);
}

static int dm_op(void)
{
	privcmd_dm_op_buf_t bufs[4];
	privcmd_dm_op_t d = { .dom = NO_DOMAIN, .num = wild(rnd(5)), .ubufs = rnd(12) ? bufs : memory() };

	for (int i = 0; i < 4; i++)
		bufs[i] = (privcmd_dm_op_buf_t){ memory(), wild(rnd(PAGE)) };
	return ioctl(file(PRIVCMD), IOCTL_PRIVCMD_DM_OP, &d);
}

static int privcmd_restrict(void)
{
	domid_t domid = NO_DOMAIN;

	return ioctl(fds[PRIVCMD][1], IOCTL_PRIVCMD_RESTRICT, &domid);
}

static int event_fd(void)
{
	int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), ret;
	struct {
		uint64_t op;
		uint32_t size, fd, flags;
		domid_t dom;
		uint8_t pad[2];
	} irq = { (uintptr_t)memory(), wild(rnd(PAGE)), wild(fd), wild(rnd(2)), NO_DOMAIN, {} };
	struct {
		uint64_t ioreq, ports, addr;
		uint32_t addr_len, fd, vcpus, vq, flags;
		domid_t dom;
		uint8_t pad[2];
	} io = { (uintptr_t)memory() & ~(PAGE - 1), (uintptr_t)memory(), wild(0), wild(rnd(9)), wild(fd),
		 wild(1 + rnd(4)), rnd(4), wild(rnd(2)), NO_DOMAIN, {} };

	_Static_assert(sizeof(irq) == 24, "struct privcmd_irqfd of xen/privcmd.h");
	_Static_assert(sizeof(io) == 48, "struct privcmd_ioeventfd of xen/privcmd.h");
	ret = rnd(2) ? ioctl(file(PRIVCMD), IRQFD, &irq) : ioctl(file(PRIVCMD), IOEVENTFD, &io);
	if (write(fd, &(uint64_t){ 1 }, 8) != 8)
		ret = -1;
	close(fd);
	return ret;
}

static int gsi_of_device(void)
{
	uint32_t arg[2] = { rnd(256), 0 };

	return ioctl(file(PRIVCMD), GET_GSI, arg);
}

static int xenstore_request(void)
{
	static const int types[] = {
		XS_DIRECTORY, XS_READ, XS_GET_PERMS, XS_WATCH, XS_UNWATCH, XS_TRANSACTION_START, XS_TRANSACTION_END,
		XS_GET_DOMAIN_PATH, XS_WRITE, XS_MKDIR, XS_RM, XS_SET_PERMS, XS_WATCH_EVENT, XS_ERROR,
		XS_IS_DOMAIN_INTRODUCED, XS_DIRECTORY_PART, XS_TYPE_COUNT, 0x7fffffff,
	};
	struct {
		struct xsd_sockmsg head;
		char body[XENSTORE_PAYLOAD_MAX + 1];
	} m = { .head = { .type = types[rnd(sizeof(types) / sizeof(*types))], .req_id = wild(0),
			  .tx_id = rnd(2) ? 0 : wild(transactions[rnd(SLOTS)]) } };
	int which = rnd(2), fd = fds[XENBUS][which], len, size, sent = 0;

	switch (m.head.type) {
	case XS_TRANSACTION_START:
		len = 1;
		break;
	case XS_TRANSACTION_END:
		len = sprintf(m.body, "%c", rnd(2) ? 'T' : 'F') + 1;
		break;
	case XS_GET_DOMAIN_PATH:
	case XS_IS_DOMAIN_INTRODUCED:
		len = sprintf(m.body, "%u", (unsigned int)wild(0)) + 1;
		break;
	default:
		len = sprintf(m.body, "/tool/xenrand/%u%s", rnd(8), rnd(4) ? "" : "/a") + 1;
		if (m.head.type == XS_WATCH || m.head.type == XS_UNWATCH || m.head.type == XS_DIRECTORY_PART)
			len += sprintf(m.body + len, "%u", rnd(4)) + 1;
		else if (m.head.type == XS_SET_PERMS)
			len += sprintf(m.body + len, "%c%u", "nrwbx"[rnd(5)], rnd(3)) + 1;
		else if (m.head.type == XS_WRITE)
			len += rnd(rnd(8) ? 64 : 2000);
	}
	/* The kernel reads these itself; malformed ones of other types can end Xen 4.17's xenstored. */
	if ((m.head.type == XS_WATCH || m.head.type == XS_UNWATCH || m.head.type == XS_TRANSACTION_END) && !rnd(8))
		len = wild(rnd(2 * XENSTORE_PAYLOAD_MAX));
	m.head.len = len;
	size = sizeof(m.head) + (m.head.len <= XENSTORE_PAYLOAD_MAX ? m.head.len : 0);
	/* A message may come in pieces. What would follow the first piece only would be another request. */
	if (!rnd(4))
		sent = write(fd, &m, rnd(size));
	if (sent >= 0 && rnd(16))
		sent += write(fd, (char *)&m + sent, size - sent);
	if (sent != size)
		open_file(XENBUS, which);
	return sent == size ? 0 : -1;
}

static int xenstore_reply(void)
{
	struct {
		struct xsd_sockmsg head;
		char body[XENSTORE_PAYLOAD_MAX];
	} m;
	int fd = file(XENBUS), got;

	if (!rnd(8))
		return read(fd, memory(), wild(rnd(PAGE)));
	got = read(fd, &m, rnd(8) ? sizeof(m.head) : sizeof(m));
	if (got >= (int)sizeof(m.head) && m.head.type == XS_TRANSACTION_START && !rnd(2))
		if (read(fd, m.body, 10) > 0)
			transactions[rnd(SLOTS)] = strtoul(m.body, NULL, 10);
	return got;
}

static int poll_all(void)
{
	struct pollfd p[2 * KINDS];

	for (int i = 0; i < 2 * KINDS; i++)
		p[i] = (struct pollfd){ .fd = fds[i / 2][i % 2], .events = POLLIN | POLLOUT };
	return poll(p, 2 * KINDS, 0);
}

#define MUST	1 /* succeed now and then; the others need what a kernel or a hypervisor may lack */
#define RARE	2 /* as it leaves little to those that follow */

static const struct {
	const char *name;
	int (*call)(void);
	int how;
} calls[] = {
	{ "bind unbound", evtchn_unbound, MUST },
	{ "bind interdomain", evtchn_interdomain, MUST },
	{ "bind VIRQ", evtchn_virq, MUST },
	{ "bind static", evtchn_static, 0 },
	{ "unbind", evtchn_unbind, MUST },
	{ "notify", evtchn_notify, MUST },
	{ "read ports", evtchn_read, MUST },
	{ "write ports", evtchn_write, MUST },
	{ "reset ports", evtchn_reset, MUST },
	{ "restrict evtchn", evtchn_restrict, RARE },
	{ "allocate grants", alloc_grants, MUST },
	{ "free grants", free_grants, MUST },
	{ "notify of gntalloc", alloc_notify, MUST },
	{ "map grants", map_grants, MUST },
	{ "unmap grants", unmap_grants, MUST },
	{ "offset of a map", offset_of_map, 0 },
	{ "notify of gntdev", dev_notify, MUST },
	{ "copy grants", copy_grants, MUST },
	{ "mmap", map_file, MUST },
	{ "munmap", unmap_file, MUST },
	{ "touch", touch_map, 0 },
	{ "mprotect", protect_map, MUST },
	{ "fork", fork_and_die, MUST },
	{ "open again", open_again, MUST | RARE },
	{ "map foreign", map_foreign, 0 },
	{ "mmap of privcmd", privcmd_map, MUST },
	{ "map a resource", map_resource, 0 },
	{ "dm_op", dm_op, 0 },
	{ "restrict privcmd", privcmd_restrict, RARE },
	{ "irqfd, ioeventfd", event_fd, 0 },
	{ "GSI of a device", gsi_of_device, 0 },
	{ "XenStore request", xenstore_request, MUST },
	{ "XenStore reply", xenstore_reply, MUST },
	{ "poll", poll_all, MUST },
};

#define CALLS (sizeof(calls) / sizeof(*calls))

static void open_all(void)
{
	for (int i = 0; i < 2 * KINDS; i++) {
		fds[i / 2][i % 2] = open(names[i / 2], O_RDWR | O_CLOEXEC | O_NONBLOCK);
		if (fds[i / 2][i % 2] < 0)
			fail("%s: %m", names[i / 2]);
	}
}

static void __attribute__((noreturn)) work(int number, uint64_t seed, time_t end, bool faults)
{
	int nth = faults ? open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC) : -1;

	if (faults && nth < 0)
		fail("/proc/thread-self/fail-nth: %m");
	state = (seed * PROCESSES + number + 1) * 0x9e3779b97f4a7c15;
	open_all();
	while (time(NULL) < end) {
		unsigned int c = rnd(CALLS);

		if ((calls[c].how & RARE) && rnd(16))
			continue;
		shared->current[number] = c;
		if (faults && rnd(2))
			dprintf(nth, "%u", 1 + rnd(8));
		if (calls[c].call() < 0)
			__atomic_add_fetch(&shared->bad[c], 1, __ATOMIC_RELAXED);
		else
			__atomic_add_fetch(&shared->good[c], 1, __ATOMIC_RELAXED);
		if (faults)
			dprintf(nth, "0");
	}
	exit(0);
}

/* Events, grants and XenStore do what they are for. */
static void orderly(const char *when)
{
	struct ioctl_gntalloc_alloc_gref a = { .flags = GNTALLOC_FLAG_WRITABLE, .count = 1 };
	struct gntdev_grant_copy_segment s = { .len = 8, .flags = GNTCOPY_dest_gref };
	struct ioctl_gntdev_grant_copy c = { .count = 1, .segments = &s };
	struct ioctl_evtchn_bind_interdomain b = { 0, 0 };
	struct {
		struct xsd_sockmsg head;
		char body[64];
	} m = { .head = { .type = XS_GET_DOMAIN_PATH, .len = 2 }, .body = "0" };
	struct ioctl_evtchn_notify n;
	uint32_t port;
	char *page;

	open_all();
	b.remote_port = bind_unbound(fds[EVTCHN][0], 0);
	n.port = ioctl(fds[EVTCHN][1], IOCTL_EVTCHN_BIND_INTERDOMAIN, &b);
	if ((int)n.port < 0 || ioctl(fds[EVTCHN][1], IOCTL_EVTCHN_NOTIFY, &n))
		fail("%s: no event channel: %m", when);
	poll(&(struct pollfd){ .fd = fds[EVTCHN][0], .events = POLLIN }, 1, 5000);
	if (read(fds[EVTCHN][0], &port, 4) != 4 || port != b.remote_port)
		fail("%s: no event", when);

	if (ioctl(fds[GNTALLOC][0], IOCTL_GNTALLOC_ALLOC_GREF, &a))
		fail("%s: no grant: %m", when);
	page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fds[GNTALLOC][0], a.index);
	if (page == MAP_FAILED)
		fail("%s: no granted page: %m", when);
	s.source.virt = "granted";
	s.dest.foreign.ref = a.gref_ids[0];
	if (ioctl(fds[GNTDEV][0], IOCTL_GNTDEV_GRANT_COPY, &c) || s.status || strcmp(page, "granted"))
		fail("%s: no copy to a grant (%m, %d)", when, s.status);
	munmap(page, PAGE);

	if (write(fds[XENBUS][0], &m, sizeof(m.head) + 2) < 0)
		fail("%s: no request to XenStore: %m", when);
	poll(&(struct pollfd){ .fd = fds[XENBUS][0], .events = POLLIN }, 1, 5000);
	if (read(fds[XENBUS][0], &m, sizeof(m)) <= 0 || m.head.type != XS_GET_DOMAIN_PATH)
		fail("%s: no answer of XenStore", when);
	for (int i = 0; i < 2 * KINDS; i++)
		close(fds[i / 2][i % 2]);
}

int main(int argc, char **argv)
{
	bool faults = argc == 4 && !strcmp(argv[3], "faults");
	time_t end = time(NULL) + (argc > 2 ? atoi(argv[2]) : 0);
	pid_t pids[PROCESSES];

	setvbuf(stdout, NULL, _IONBF, 0);
	if (argc != 3 && !faults) {
		fprintf(stderr, "usage: xenrand SEED SECONDS [faults]\n");
		return 2;
	}
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		fail("no memory");
	signal(SIGPIPE, SIG_IGN);
	orderly("before");
	for (int i = 0; i < PROCESSES; i++) {
		pids[i] = fork();
		if (!pids[i])
			work(i, strtoull(argv[1], NULL, 0), end, faults);
	}
	for (int i = 0; i < PROCESSES; i++) {
		int status;

		while (!waitpid(pids[i], &status, WNOHANG)) {
			if (time(NULL) > end + STUCK)
				fail("process %d is stuck in: %s", i, calls[shared->current[i]].name);
			usleep(100000);
		}
		if (status)
			fail("process %d ended with status %#x in: %s", i, status, calls[shared->current[i]].name);
	}
	for (unsigned int c = 0; c < CALLS; c++)
		printf("%-20s %6u succeeded %6u failed\n", calls[c].name, shared->good[c], shared->bad[c]);
	for (unsigned int c = 0; c < CALLS; c++)
		if ((calls[c].how & MUST) && !shared->good[c])
			fail("never succeeded: %s", calls[c].name);
	orderly("after");
	return 0;
}
