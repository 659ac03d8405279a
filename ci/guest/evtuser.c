// SPDX-License-Identifier: GPL-2.0-only
/*
 * evtuser - event channels from user space, through /dev/xen/evtchn
 *
 * Usage:  evtuser local SELF        check every call within this domain, whose
 *                                   number is SELF
 *         evtuser listen DOM COUNT  offer a port to domain DOM, print
 *                                   "port N", echo COUNT events, end
 *         evtuser ring DOM PORT COUNT
 *                                   connect to PORT of domain DOM, send COUNT
 *                                   events, each after the echo of the one
 *                                   before; print "COUNT round trips"
 *
 * Status: 0 everything as expected, 1 not (a line "FAIL: ..." says what).
 * A wait for an event ends after 10 s.
 *
 * ABI: xen/evtchn.h of Linux (the ioctls), xen/event_channel.h of Xen (what
 * they call: EVTCHNOP_alloc_unbound, _bind_interdomain, _bind_virq, _send) and
 * xen/xen.h (VIRQ_*, DOMID_*). read() returns 32-bit port numbers, each of
 * which is masked from then on; write() of a port number unmasks it.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include "evtchn.h"

#define WAIT_MS	10000
#define MANY	100

static int evtchn_open(void)
{
	int fd = open("/dev/xen/evtchn", O_RDWR | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		fail("/dev/xen/evtchn: %m");
	return fd;
}

static int bind_interdomain(int fd, unsigned int dom, unsigned int port)
{
	struct ioctl_evtchn_bind_interdomain b = {
		.remote_domain = dom,
		.remote_port = port,
	};
	int ret = ioctl(fd, IOCTL_EVTCHN_BIND_INTERDOMAIN, &b);

	return ret < 0 ? -errno : ret;
}

static int bind_virq(int fd, unsigned int virq)
{
	struct ioctl_evtchn_bind_virq b = { .virq = virq };
	int ret = ioctl(fd, IOCTL_EVTCHN_BIND_VIRQ, &b);

	return ret < 0 ? -errno : ret;
}

static int restrict_domid(int fd, unsigned int dom)
{
	struct ioctl_evtchn_restrict_domid r = { .domid = dom };

	return ioctl(fd, IOCTL_EVTCHN_RESTRICT_DOMID, &r) < 0 ? -errno : 0;
}

/* The next port that has an event, or -1 after @ms milliseconds. */
static int pending(int fd, int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	uint32_t port;
	ssize_t n;

	if (poll(&p, 1, ms) <= 0)
		return -1;
	n = read(fd, &port, sizeof(port));
	if (n != sizeof(port))
		fail("read: %s", n < 0 ? strerror(errno) : "short");
	return port;
}

static void wait_port(int fd, int port)
{
	int got = pending(fd, WAIT_MS);

	if (got < 0)
		fail("no event on port %d within %d s", port, WAIT_MS / 1000);
	if (got != port)
		fail("event on port %d instead of %d", got, port);
}

static void unmask(int fd, uint32_t port)
{
	if (write(fd, &port, sizeof(port)) != sizeof(port))
		fail("unmask port %u: %m", port);
}

static void echo(int fd, int port, long count)
{
	while (count--) {
		wait_port(fd, port);
		unmask(fd, port);
		must("NOTIFY", notify(fd, port));
	}
}

static void ring(int fd, int port, long count)
{
	while (count--) {
		must("NOTIFY", notify(fd, port));
		wait_port(fd, port);
		unmask(fd, port);
	}
}

static void pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		fail("no CPU %d: %m", cpu);
}

/* Two processes on two CPUs, an event each way per round. */
static void check_round_trips(unsigned int self)
{
	int a, b, port_a, port_b, status, rounds = 200;
	pid_t child;

	a = evtchn_open();
	port_a = must("BIND_UNBOUND_PORT", bind_unbound(a, self));
	fflush(stdout);
	child = fork();
	if (!child) {
		if (sysconf(_SC_NPROCESSORS_ONLN) > 1)
			pin(1);
		b = evtchn_open();
		port_b = must("BIND_INTERDOMAIN",
			      bind_interdomain(b, self, port_a));
		/* Xen sets the new port pending when it connects it. */
		wait_port(b, port_b);
		unmask(b, port_b);
		ring(b, port_b, rounds);
		exit(0);
	}
	pin(0);
	echo(a, port_a, rounds);
	if (waitpid(child, &status, 0) < 0 || status)
		fail("the other end ended with status %#x", status);
	close(a);
	printf("%d round trips between two processes on %ld CPUs\n", rounds,
	       sysconf(_SC_NPROCESSORS_ONLN) > 1 ? 2L : 1L);
}

/* An event that was read stays masked until its port is written. */
static void check_mask(unsigned int self)
{
	int a = evtchn_open(), b = evtchn_open();
	int port_a, port_b;
	uint32_t none;

	port_a = must("BIND_UNBOUND_PORT", bind_unbound(a, self));
	port_b = must("BIND_INTERDOMAIN", bind_interdomain(b, self, port_a));
	wait_port(b, port_b);
	unmask(b, port_b);

	if (read(a, &none, sizeof(none)) != -1 || errno != EAGAIN)
		fail("read without an event: not EAGAIN");
	must("NOTIFY", notify(b, port_b));
	wait_port(a, port_a);
	must("NOTIFY", notify(b, port_b));
	if (pending(a, 100) >= 0)
		fail("an event came through a masked port");
	unmask(a, port_a);
	wait_port(a, port_a);
	unmask(a, port_a);

	/* The end that stays becomes an unbound port again. */
	close(b);
	b = evtchn_open();
	port_b = must("BIND_INTERDOMAIN after the other end closed",
		      bind_interdomain(b, self, port_a));
	wait_port(b, port_b);
	must("NOTIFY", notify(b, port_b));
	wait_port(a, port_a);
	must("UNBIND", unbind(a, port_a));
	close(a);
	close(b);
	puts("masking, and binding a port anew");
}

/* More ports than the first ring of the file holds, all pending at once. */
static void check_many(unsigned int self)
{
	int a = evtchn_open(), b = evtchn_open();
	int port_a[MANY], port_b[MANY], i, j, got;
	char seen[MANY] = { 0 };

	for (i = 0; i < MANY; i++) {
		port_a[i] = must("BIND_UNBOUND_PORT", bind_unbound(a, self));
		port_b[i] = must("BIND_INTERDOMAIN",
				 bind_interdomain(b, self, port_a[i]));
	}
	for (i = 0; i < MANY; i++)
		must("NOTIFY", notify(b, port_b[i]));
	for (i = 0; i < MANY; i++) {
		got = pending(a, WAIT_MS);
		if (got < 0)
			fail("%d of %d ports pending", i, MANY);
		for (j = 0; j < MANY && port_a[j] != got; j++)
			;
		if (j == MANY || seen[j]++)
			fail("event on port %d: unknown or twice", got);
	}
	close(b);
	close(a);
	printf("%d ports pending at once, each reported once\n", MANY);
}

/* What must be refused, and with which error. */
static void check_refusals(unsigned int self)
{
	int a = evtchn_open(), b = evtchn_open(), c = evtchn_open();
	unsigned int other = self + 1;
	int mine, foreign, port_b;

	mine = must("BIND_UNBOUND_PORT", bind_unbound(a, self));
	foreign = must("BIND_UNBOUND_PORT for another domain",
		       bind_unbound(a, other));
	expect("BIND_INTERDOMAIN of a port offered to another domain",
	       bind_interdomain(b, self, foreign), -EINVAL);
	expect("BIND_INTERDOMAIN of a port that nobody has",
	       bind_interdomain(b, self, 1 << 20), -EINVAL);
	expect("BIND_INTERDOMAIN with a domain that does not exist",
	       bind_interdomain(b, 0x7fee, 1), -ESRCH);

	expect("NOTIFY of another file's port", notify(b, mine), -ENOTCONN);
	expect("UNBIND of another file's port", unbind(b, mine), -ENOTCONN);
	expect("NOTIFY of a port that nobody has", notify(b, 1 << 20),
	       -ENOTCONN);
	expect("UNBIND beyond the last port", unbind(b, 1 << 30), -EINVAL);

	port_b = must("BIND_INTERDOMAIN", bind_interdomain(b, self, mine));
	expect("BIND_INTERDOMAIN of a connected port",
	       bind_interdomain(c, self, mine), -EINVAL);
	must("UNBIND", unbind(b, port_b));
	expect("NOTIFY after UNBIND", notify(b, port_b), -ENOTCONN);
	expect("UNBIND twice", unbind(b, port_b), -ENOTCONN);

	expect("RESTRICT_DOMID to domain 0", restrict_domid(c, 0), -EINVAL);
	expect("RESTRICT_DOMID to DOMID_SELF", restrict_domid(c, DOMID_SELF),
	       -EINVAL);
	expect("RESTRICT_DOMID", restrict_domid(c, other), 0);
	expect("RESTRICT_DOMID twice", restrict_domid(c, other + 1), -EACCES);
	expect("BIND_UNBOUND_PORT on a restricted file",
	       bind_unbound(c, other), -EACCES);
	expect("BIND_VIRQ on a restricted file", bind_virq(c, VIRQ_ENOMEM),
	       -EACCES);
	expect("BIND_INTERDOMAIN with another domain on a restricted file",
	       bind_interdomain(c, self, mine), -EACCES);

	if (!self) {
		int virq = must("BIND_VIRQ", bind_virq(b, VIRQ_ENOMEM));

		expect("BIND_VIRQ of a bound virq", bind_virq(a, VIRQ_ENOMEM),
		       -EEXIST);
		must("UNBIND", unbind(b, virq));
		must("BIND_VIRQ after UNBIND", bind_virq(a, VIRQ_ENOMEM));
		expect("BIND_VIRQ of a virq that Xen does not have",
		       bind_virq(a, NR_VIRQS), -EINVAL);
	}
	close(a);
	close(b);
	close(c);
	puts("foreign, unknown and restricted ports refused");
}

int main(int argc, char **argv)
{
	long count;
	int fd, port;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc == 3 && !strcmp(argv[1], "local")) {
		unsigned int self = strtoul(argv[2], NULL, 0);

		check_round_trips(self);
		check_mask(self);
		check_many(self);
		check_refusals(self);
		return 0;
	}
	if (argc == 4 && !strcmp(argv[1], "listen")) {
		fd = evtchn_open();
		count = strtol(argv[3], NULL, 0);
		port = must("BIND_UNBOUND_PORT",
			    bind_unbound(fd, strtoul(argv[2], NULL, 0)));
		printf("port %d\n", port);
		echo(fd, port, count);
		printf("%ld events echoed\n", count);
		return 0;
	}
	if (argc == 5 && !strcmp(argv[1], "ring")) {
		fd = evtchn_open();
		count = strtol(argv[4], NULL, 0);
		port = must("BIND_INTERDOMAIN",
			    bind_interdomain(fd, strtoul(argv[2], NULL, 0),
					     strtoul(argv[3], NULL, 0)));
		wait_port(fd, port);
		unmask(fd, port);
		ring(fd, port, count);
		printf("%ld round trips\n", count);
		return 0;
	}
	fail("usage: evtuser local SELF | listen DOM COUNT | ring DOM PORT COUNT");
}
