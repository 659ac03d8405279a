// SPDX-License-Identifier: GPL-2.0-only
/*
 * netxfer - traffic whose every byte is checked by the receiver
 *
 * Usage:  netxfer serve PORT          TCP and UDP server on PORT, IPv4; prints
 *                                     "ready"; in the foreground until killed
 *         netxfer tcp ADDR PORT BYTES [FLOWS]
 *                                     FLOWS (default 1) connections at a time,
 *                                     each BYTES bytes there and BYTES back
 *         netxfer udp ADDR PORT COUNT SIZE [FLOWS]
 *                                     COUNT datagrams of SIZE bytes (32..60000)
 *                                     there, each answered by one as large
 *         netxfer send ADDR PORT COUNT SIZE
 *                                     COUNT datagrams of SIZE bytes (1..60000)
 *                                     there, of zeroes; no answer is expected
 *         netxfer frames IF1 IF2 COUNT
 *                                     COUNT Ethernet frames sent out of IF1 to
 *                                     the address of IF2 and received there,
 *                                     and as many the other way round
 *
 * Output: one line per direction or flow with bytes, packets sent again (UDP
 *         and frames may be lost; what arrives must be right) and milliseconds.
 * Status: 0 all data arrived unchanged, 1 not (a line "FAIL: ..." says what).
 *         Nothing received for 10 s is an error.
 *
 * Data: word i of a stream is a function of the stream's seed and i, so the
 * receiver computes what it must see; lost, repeated, reordered and changed
 * bytes all show. Every datagram and frame starts with the magic number, seed,
 * sequence number and length, and is checked to its last byte.
 *
 * ABI: BSD sockets; linux/if_packet.h (AF_PACKET) for frames, with the EtherType
 * 0x88b5 that IEEE 802 sets aside for local experiments.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "fail.h"

#define MAGIC		0x70766f70u
#define ETHERTYPE	0x88b5
#define BUF		65536
#define IDLE_MS		10000
#define RESEND_MS	300
#define WINDOW		32

struct header {
	uint32_t magic;
	uint32_t seed;
	uint32_t seq;	/* TCP: unused */
	uint32_t len;	/* TCP: bytes each way; else of the whole datagram */
};

static long now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* Bytes pos..pos+len of the stream @seed; pos and len are multiples of 8. */
static void fill(void *buf, uint32_t seed, uint64_t pos, size_t len)
{
	uint64_t *p = buf, i = pos / 8;

	for (; len; len -= 8)
		*p++ = ((uint64_t)seed << 32 ^ i++) * 0x9e3779b97f4a7c15ull;
}

/* The first byte in which @buf is not that part of the stream, or -1. */
static long differs(const char *buf, uint32_t seed, uint64_t pos, size_t len)
{
	static char want[BUF + 16];
	size_t skip = pos % 8, i;

	fill(want, seed, pos - skip, (skip + len + 7) / 8 * 8);
	if (!memcmp(buf, want + skip, len))
		return -1;
	for (i = 0; buf[i] == want[skip + i]; i++)
		;
	return pos + i;
}

static void wait_readable(int fd, const char *what)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	if (poll(&p, 1, IDLE_MS) <= 0)
		fail("%s: nothing received for %d s", what, IDLE_MS / 1000);
}

static struct sockaddr_in address(const char *ip, const char *port)
{
	struct sockaddr_in sa = { .sin_family = AF_INET };

	sa.sin_port = htons(atoi(port));
	if (!inet_aton(ip, &sa.sin_addr))
		fail("%s is no IPv4 address", ip);
	return sa;
}

/* --- TCP --- */

static void tcp_send(int fd, uint32_t seed, uint64_t len)
{
	static char buf[BUF];
	uint64_t pos = 0;

	while (pos < len) {
		size_t part = len - pos < BUF ? len - pos : BUF, done = 0;

		fill(buf, seed, pos, (part + 7) / 8 * 8);
		while (done < part) {
			ssize_t n = send(fd, buf + done, part - done,
					 MSG_NOSIGNAL);

			if (n <= 0)
				fail("tcp send: %m");
			done += n;
		}
		pos += part;
	}
}

static void tcp_receive(int fd, uint32_t seed, uint64_t len)
{
	static char buf[BUF];
	uint64_t pos = 0;
	long bad;

	while (pos < len) {
		size_t part = len - pos < BUF ? len - pos : BUF;
		ssize_t n;

		wait_readable(fd, "tcp");
		n = recv(fd, buf, part, 0);
		if (n <= 0)
			fail("tcp receive at %llu of %llu: %s",
			     (unsigned long long)pos, (unsigned long long)len,
			     n ? strerror(errno) : "closed");
		bad = differs(buf, seed, pos, n);
		if (bad >= 0)
			fail("tcp: byte %ld is wrong", bad);
		pos += n;
	}
}

static void tcp_client(struct sockaddr_in *sa, uint32_t len, uint32_t seed)
{
	struct header h = { .magic = MAGIC, .seed = seed, .len = len };
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	long start, middle;

	if (fd < 0 || connect(fd, (void *)sa, sizeof(*sa)))
		fail("connect: %m");
	start = now_ms();
	if (send(fd, &h, sizeof(h), MSG_NOSIGNAL) != sizeof(h))
		fail("tcp send: %m");
	tcp_send(fd, seed, len);
	/* The server answers only after it has checked everything. */
	wait_readable(fd, "tcp answer");
	middle = now_ms();
	tcp_receive(fd, ~seed, len);
	printf("tcp: %u bytes there %ld ms, back %ld ms\n", len, middle - start,
	       now_ms() - middle);
	close(fd);
}

static void tcp_serve(int fd)
{
	struct header h;

	wait_readable(fd, "tcp");
	if (recv(fd, &h, sizeof(h), MSG_WAITALL) != sizeof(h) ||
	    h.magic != MAGIC)
		fail("tcp: bad header");
	tcp_receive(fd, h.seed, h.len);
	tcp_send(fd, ~h.seed, h.len);
}

/* --- datagrams: UDP and Ethernet frames --- */

static void datagram_fill(char *buf, uint32_t seed, uint32_t seq, uint32_t len)
{
	struct header *h = (void *)buf;

	fill(buf, seed ^ seq * 2654435761u, 0, (len + 7) / 8 * 8);
	h->magic = MAGIC;
	h->seed = seed;
	h->seq = seq;
	h->len = len;
}

/* The sequence number; -1 if it is of another stream, fails if it is damaged. */
static long datagram_check(const char *buf, ssize_t len, uint32_t seed)
{
	const struct header *h = (const void *)buf;
	static char want[BUF + 16];
	int i;

	if (len < (ssize_t)sizeof(*h) || h->magic != MAGIC)
		fail("a datagram of %zd bytes without the magic number", len);
	if (h->seed != seed)
		return -1;
	if (h->len != len)
		fail("datagram %u has %zd bytes instead of %u", h->seq, len,
		     h->len);
	datagram_fill(want, seed, h->seq, h->len);
	if (!memcmp(buf, want, len))
		return h->seq;
	for (i = 0; buf[i] == want[i]; i++)
		;
	fail("datagram %u: byte %d of %zd is wrong", h->seq, i, len);
}

/*
 * Send @count datagrams on @out (to @to if it is not connected), receive each
 * one's counterpart (seed @back) on @in; a window of unanswered ones, which are
 * sent again after RESEND_MS.
 */
static void datagram_exchange(const char *what, int out,
			      const struct sockaddr_ll *to, int in,
			      uint32_t seed, uint32_t back, uint32_t count,
			      uint32_t len)
{
	struct { uint32_t seq; long sent; int used; } slot[WINDOW] = { 0 };
	static char buf[BUF + 16];
	uint32_t next = 0, done = 0, again = 0;
	long start = now_ms(), last = start;
	struct pollfd p = { .fd = in, .events = POLLIN };
	ssize_t n;
	long seq;
	int i;

	while (done < count) {
		for (i = 0; i < WINDOW; i++) {
			if (slot[i].used) {
				if (now_ms() - slot[i].sent < RESEND_MS)
					continue;
				again++;
			} else {
				if (next == count)
					continue;
				slot[i].seq = next++;
				slot[i].used = 1;
			}
			slot[i].sent = now_ms();
			datagram_fill(buf, seed, slot[i].seq, len);
			if (sendto(out, buf, len, 0, (const void *)to,
				   to ? sizeof(*to) : 0) < 0 &&
			    errno != ENOBUFS && errno != EAGAIN)
				fail("%s send: %m", what);
		}
		poll(&p, 1, RESEND_MS);
		while ((n = recv(in, buf, BUF, MSG_DONTWAIT)) > 0) {
			seq = datagram_check(buf, n, back);
			for (i = 0; i < WINDOW; i++) {
				if (!slot[i].used || slot[i].seq != seq)
					continue;
				slot[i].used = 0;
				done++;
				last = now_ms();
			}
		}
		if (n < 0 && errno != EAGAIN)
			fail("%s receive: %m", what);
		if (now_ms() - last > IDLE_MS)
			fail("%s: %u of %u arrived, then nothing for %d s", what,
			     done, count, IDLE_MS / 1000);
	}
	printf("%s: %u of %u bytes, %u sent again, %ld ms\n", what, count, len,
	       again, now_ms() - start);
}

static void udp_client(struct sockaddr_in *sa, uint32_t count, uint32_t len,
		       uint32_t seed)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	if (fd < 0 || connect(fd, (void *)sa, sizeof(*sa)))
		fail("udp socket: %m");
	datagram_exchange("udp", fd, NULL, fd, seed, ~seed, count, len);
	close(fd);
}

static void udp_send(struct sockaddr_in *sa, uint32_t count, uint32_t len)
{
	static char buf[BUF];
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	/* Not connected, or ICMP's answers become errors of the socket. */
	while (count--) {
		if (sendto(fd, buf, len, 0, (void *)sa, sizeof(*sa)) < 0)
			fail("udp send: %m");
	}
	close(fd);
}

/* Check one datagram, answer with one as long of the reverse stream. */
static void udp_serve(int fd)
{
	static char buf[BUF + 16];
	struct sockaddr_in from;
	socklen_t size = sizeof(from);
	struct header *h = (void *)buf;
	ssize_t n = recvfrom(fd, buf, BUF, 0, (void *)&from, &size);

	if (n < 0)
		fail("udp receive: %m");
	if (n < (ssize_t)sizeof(*h))
		fail("udp: %zd bytes", n);
	datagram_check(buf, n, h->seed);
	datagram_fill(buf, ~h->seed, h->seq, n);
	sendto(fd, buf, n, 0, (void *)&from, size);
}

static void serve(const char *port)
{
	struct sockaddr_in sa = address("0.0.0.0", port);
	struct pollfd p[2] = { { .events = POLLIN }, { .events = POLLIN } };
	int one = 1, fd;

	signal(SIGCHLD, SIG_IGN);
	p[0].fd = socket(AF_INET, SOCK_STREAM, 0);
	p[1].fd = socket(AF_INET, SOCK_DGRAM, 0);
	if (p[0].fd < 0 || p[1].fd < 0)
		fail("socket: %m");
	setsockopt(p[0].fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(p[0].fd, (void *)&sa, sizeof(sa)) ||
	    bind(p[1].fd, (void *)&sa, sizeof(sa)) || listen(p[0].fd, 64))
		fail("port %s: %m", port);
	puts("ready");
	for (;;) {
		if (poll(p, 2, -1) <= 0)
			continue;
		if (p[1].revents)
			udp_serve(p[1].fd);
		if (!p[0].revents)
			continue;
		fd = accept(p[0].fd, NULL, NULL);
		if (fd >= 0 && !fork()) {
			tcp_serve(fd);
			exit(0);
		}
		close(fd);
	}
}

/* --- Ethernet frames --- */

/* Our EtherType on @name. */
static struct sockaddr_ll frame_address(const char *name)
{
	struct sockaddr_ll sa = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETHERTYPE),
		.sll_ifindex = if_nametoindex(name),
	};

	if (!sa.sll_ifindex)
		fail("no interface %s", name);
	return sa;
}

/* A bound socket; frames of other EtherTypes do not reach it. */
static int frame_socket(const char *name)
{
	struct sockaddr_ll sa = frame_address(name);
	int fd = socket(AF_PACKET, SOCK_DGRAM, 0);

	if (fd < 0 || bind(fd, (void *)&sa, sizeof(sa)))
		fail("packet socket on %s: %m", name);
	return fd;
}

/* Where to send so that it leaves through @name for @peer's Ethernet address. */
static struct sockaddr_ll frame_route(int fd, const char *name,
				      const char *peer)
{
	struct sockaddr_ll sa = frame_address(name);
	struct ifreq ifr = { 0 };

	strncpy(ifr.ifr_name, peer, IFNAMSIZ - 1);
	if (ioctl(fd, SIOCGIFHWADDR, &ifr))
		fail("%s: %m", peer);
	sa.sll_halen = ETH_ALEN;
	memcpy(sa.sll_addr, ifr.ifr_hwaddr.sa_data, ETH_ALEN);
	return sa;
}

/* --- main --- */

/* Run @flows copies, fail if one fails. */
static void flows(int count, void (*one)(char **, uint32_t), char **argv)
{
	int status, bad = 0, i;

	fflush(stdout);
	for (i = 0; i < count; i++) {
		if (fork())
			continue;
		one(argv, 0x1234567u * (getpid() + 1) + i);
		exit(0);
	}
	while (wait(&status) > 0)
		bad += !!status;
	if (bad)
		fail("%d of %d flows failed", bad, count);
}

static void one_tcp(char **argv, uint32_t seed)
{
	struct sockaddr_in sa = address(argv[2], argv[3]);

	tcp_client(&sa, strtoul(argv[4], NULL, 0), seed);
}

static void one_udp(char **argv, uint32_t seed)
{
	struct sockaddr_in sa = address(argv[2], argv[3]);

	udp_client(&sa, strtoul(argv[4], NULL, 0), strtoul(argv[5], NULL, 0),
		   seed);
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc == 3 && !strcmp(argv[1], "serve")) {
		serve(argv[2]);
	} else if ((argc == 5 || argc == 6) && !strcmp(argv[1], "tcp")) {
		flows(argc == 6 ? atoi(argv[5]) : 1, one_tcp, argv);
	} else if ((argc == 6 || argc == 7) && !strcmp(argv[1], "udp")) {
		uint32_t len = strtoul(argv[5], NULL, 0);

		if (len < 32 || len > 60000)
			goto usage;
		flows(argc == 7 ? atoi(argv[6]) : 1, one_udp, argv);
	} else if (argc == 6 && !strcmp(argv[1], "send")) {
		struct sockaddr_in sa = address(argv[2], argv[3]);
		uint32_t len = strtoul(argv[5], NULL, 0);

		if (!len || len > 60000)
			goto usage;
		udp_send(&sa, strtoul(argv[4], NULL, 0), len);
	} else if (argc == 5 && !strcmp(argv[1], "frames")) {
		uint32_t count = strtoul(argv[4], NULL, 0);
		char what[2 * IFNAMSIZ + 16];
		int i;

		for (i = 0; i < 2; i++) {
			const char *from = argv[2 + i], *to = argv[3 - i];
			int out = frame_socket(from);
			struct sockaddr_ll sa = frame_route(out, from, to);

			snprintf(what, sizeof(what), "frames %s to %s", from, to);
			datagram_exchange(what, out, &sa, frame_socket(to),
					  MAGIC + i, MAGIC + i, count, 1500);
		}
	} else {
		goto usage;
	}
	return 0;
usage:
	fail("usage: netxfer serve PORT | tcp ADDR PORT BYTES [FLOWS] | udp ADDR PORT COUNT SIZE [FLOWS] | send ADDR PORT COUNT SIZE | frames IF1 IF2 COUNT");
}
