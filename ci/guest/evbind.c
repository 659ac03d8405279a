// SPDX-License-Identifier: GPL-2.0-only
/*
 * evbind - bind event channels that somebody else has set up, through
 *          /dev/xen/evtchn
 *
 * Usage:  evbind kernel PORT        the kernel's ports can not be bound: IPIs,
 *                                   interrupts, the timers, and PORT, the one
 *                                   of its xenstore connection
 *         evbind owners             a port has one owner, be it another file or
 *                                   the same one that comes second
 *         evbind restricted         a file restricted to domain 5 binds a port
 *                                   for domain 5, and nothing else
 *
 * Status: 0 everything as expected, 1 not (a line "FAIL: ..." says what).
 *
 * ABI: xen/evtchn.h of Linux (the ioctls) and xen/event_channel.h of Xen:
 * EVTCHNOP_status tells what a port is (EVTCHNSTAT_*), EVTCHNOP_alloc_unbound
 * makes a port which a remote domain may connect to. Called through
 * IOCTL_PRIVCMD_HYPERCALL (xen/privcmd.h of Linux) it has no owner in Linux,
 * like a port that was set up before the domain began, which is what
 * IOCTL_EVTCHN_BIND_STATIC is made for. That is younger than the headers of
 * Debian 12, so it is defined here.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

/* For the version of the ABI. */
#define __XEN_TOOLS__
#include <xen/xen.h>
#include <xen/event_channel.h>
#include <xen/sys/privcmd.h>
#include "evtchn.h"

struct bind_static {
	unsigned int port;
};

#define BIND_STATIC	_IOC(_IOC_NONE, 'E', 7, sizeof(struct bind_static))
#define MAX_PORT	4096
#define OTHER		5

/* Xen reads it by its virtual address, so it must stay in memory. */
static union {
	struct evtchn_status status;
	struct evtchn_alloc_unbound alloc;
	struct evtchn_close close;
} arg;

static int privcmd;

static int evtchn_open(void)
{
	return dev_open("/dev/xen/evtchn");
}

/* EVTCHNOP_* on arg: 0 or -errno */
static int hypercall(unsigned int op)
{
	privcmd_hypercall_t call = {
		.op = __HYPERVISOR_event_channel_op,
		.arg = { op, (unsigned long)&arg },
	};

	return ioctl(privcmd, IOCTL_PRIVCMD_HYPERCALL, &call) < 0 ? -errno : 0;
}

/* A port that nobody in Linux has, for domain @dom. */
static unsigned int ownerless(unsigned int dom)
{
	int ret;

	memset(&arg, 0, sizeof(arg));
	arg.alloc.dom = DOMID_SELF;
	arg.alloc.remote_dom = dom;
	ret = hypercall(EVTCHNOP_alloc_unbound);
	if (ret)
		fail("EVTCHNOP_alloc_unbound: %s", strerror(-ret));
	return arg.alloc.port;
}

/* EVTCHNSTAT_*, or -errno for a port beyond the last one */
static int status(unsigned int port)
{
	int ret;

	memset(&arg, 0, sizeof(arg));
	arg.status.dom = DOMID_SELF;
	arg.status.port = port;
	ret = hypercall(EVTCHNOP_status);
	return ret ? ret : (int)arg.status.status;
}

static void xen_close(unsigned int port)
{
	memset(&arg, 0, sizeof(arg));
	arg.close.port = port;
	if (hypercall(EVTCHNOP_close))
		fail("EVTCHNOP_close of port %u", port);
}

/* The calls: a port or 0, or -errno. */
static int bind_static(int fd, unsigned int port)
{
	struct bind_static b = { .port = port };

	return ioctl(fd, BIND_STATIC, &b) < 0 ? -errno : 0;
}

static int restricted_open(void)
{
	struct ioctl_evtchn_restrict_domid r = { .domid = OTHER };
	int fd = evtchn_open();

	if (ioctl(fd, IOCTL_EVTCHN_RESTRICT_DOMID, &r))
		fail("RESTRICT_DOMID: %m");
	return fd;
}

static void kernel(unsigned int xenstore)
{
	int fd = evtchn_open(), restricted = restricted_open(), ret, kind;
	unsigned int port, count = 0;

	if (status(xenstore) != EVTCHNSTAT_interdomain)
		fail("port %u is not a connection to xenstored", xenstore);
	for (port = 1; port < MAX_PORT; port++) {
		kind = status(port);
		/* The other virqs are xenstored's and xenconsoled's. */
		if (port != xenstore && kind != EVTCHNSTAT_ipi &&
		    kind != EVTCHNSTAT_pirq &&
		    (kind != EVTCHNSTAT_virq || arg.status.u.virq != VIRQ_TIMER))
			continue;
		ret = bind_static(fd, port);
		if (ret != -EBUSY && ret != -EINVAL)
			fail("BIND_STATIC of the kernel's port %u: %s", port,
			     strerror(-ret));
		ret = bind_static(restricted, port);
		if (ret != -EBUSY && ret != -EACCES)
			fail("restricted BIND_STATIC of the kernel's port %u: %s",
			     port, strerror(-ret));
		count++;
	}
	printf("%u ports of the kernel refused\n", count);
}

static void owners(void)
{
	int a = evtchn_open(), b = evtchn_open();
	int port, q, ret;

	port = must("BIND_UNBOUND_PORT", bind_unbound(a, 0));
	expect("BIND_STATIC of another file's port", bind_static(b, port),
	       -EBUSY);
	expect("BIND_STATIC of its own port", bind_static(a, port), -EISCONN);
	close(b);
	must("NOTIFY by the owner", notify(a, port));

	/*
	 * The same file has a number twice: it binds it while it is free
	 * (which may be refused), then Xen gives it out.
	 */
	q = must("BIND_UNBOUND_PORT", bind_unbound(a, 0));
	must("UNBIND", unbind(a, q));
	ret = bind_static(a, q);
	if (ret && ret != -EINVAL)
		fail("BIND_STATIC of a free port: %s", strerror(-ret));
	printf("free port %d: %s, then ", q, strerror(-ret));
	ret = bind_unbound(a, 0);
	printf("%d\n", ret);
	if (ret < 0 && ret != -EEXIST)
		fail("BIND_UNBOUND_PORT: %s", strerror(-ret));
	must("NOTIFY after the same port came twice", notify(a, port));
	close(a);

	/* A port without an owner can be bound, and survives. */
	port = ownerless(0);
	a = evtchn_open();
	b = evtchn_open();
	must("BIND_STATIC", bind_static(a, port));
	expect("BIND_STATIC by a second file", bind_static(b, port), -EBUSY);
	must("NOTIFY", notify(a, port));
	must("UNBIND", unbind(a, port));
	must("BIND_STATIC after UNBIND", bind_static(b, port));
	close(b);
	if (status(port) != EVTCHNSTAT_unbound)
		fail("a static port is closed with its file");
	xen_close(port);
	puts("one owner for each port");
}

static void restricted(void)
{
	unsigned int mine = ownerless(OTHER), foreign = ownerless(OTHER + 1);
	unsigned int gone = ownerless(OTHER);
	int r = restricted_open(), fd = evtchn_open();

	xen_close(gone);
	expect("BIND_STATIC of another domain's port on a restricted file",
	       bind_static(r, foreign), -EACCES);
	expect("BIND_STATIC of a closed port on a restricted file",
	       bind_static(r, gone), -EACCES);
	must("BIND_STATIC on a restricted file", bind_static(r, mine));
	must("NOTIFY", notify(r, mine));
	expect("BIND_STATIC of a closed port", bind_static(fd, gone), -EINVAL);
	expect("BIND_STATIC of port 0", bind_static(fd, 0), -EINVAL);
	must("BIND_STATIC of the other port", bind_static(fd, foreign));
	close(r);
	close(fd);
	xen_close(mine);
	xen_close(foreign);
	puts("ports of other domains refused on a restricted file");
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (mlockall(MCL_CURRENT))
		fail("mlockall: %m");
	privcmd = dev_open("/dev/xen/privcmd");
	if (argc == 3 && !strcmp(argv[1], "kernel"))
		kernel(strtoul(argv[2], NULL, 0));
	else if (argc == 2 && !strcmp(argv[1], "owners"))
		owners();
	else if (argc == 2 && !strcmp(argv[1], "restricted"))
		restricted();
	else
		fail("usage: evbind kernel PORT | owners | restricted");
	return 0;
}
