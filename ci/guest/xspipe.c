// SPDX-License-Identifier: GPL-2.0-only
/*
 * xspipe - several requests on their way to xenstored at once, through
 *          /dev/xen/xenbus
 *
 * Usage:  xspipe watch PID          a watch is set, then removed, while the
 *                                   answer to a request is outstanding
 *         xspipe requests PID DIR   many requests arrive as they were written;
 *                                   they write nodes below the XenStore
 *                                   directory DIR
 *         xspipe fault PID DEVICE   a file is read into a page that has to come
 *                                   from the block device DEVICE, whose server
 *                                   is PID, and another file meanwhile
 *         xspipe start              a transaction fails to start
 *
 * PID is xenstored (except for fault) and is stopped (SIGSTOP) and continued.
 *
 * Status: 0 everything as expected, 1 not (a line "FAIL: ..." says what). A
 * wait for an answer ends after 5 s.
 *
 * ABI: xen/io/xs_wire.h: struct xsd_sockmsg, XS_*. xenstored answers the
 * requests of a connection in their order; the kernel answers XS_WATCH and
 * XS_UNWATCH itself, after xenstored has answered its own request for them. The
 * ring to xenstored has 1024 bytes (XENSTORE_RING_SIZE).
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <xen/io/xs_wire.h>
#include "fail.h"

#define WAIT_MS		5000
#define REQUESTS	6
#define VALUE		700	/* bytes: two don't fit into the ring */

struct message {
	struct xsd_sockmsg head;
	char body[XENSTORE_PAYLOAD_MAX + 1];
};

static int xenbus;
static pid_t server;
static uint32_t next_id;

static void resume(void)
{
	kill(server, SIGCONT);
}

static void xenbus_open(void)
{
	xenbus = open("/dev/xen/xenbus", O_RDWR | O_CLOEXEC);
	if (xenbus < 0)
		fail("/dev/xen/xenbus: %m");
}

/* Body: @path with its terminating zero, and @len bytes of @rest. */
static uint32_t request(unsigned int type, uint32_t tx, const char *path,
			const char *rest, size_t len)
{
	struct message m = { .head = { .type = type, .tx_id = tx } };
	ssize_t size;

	m.head.req_id = ++next_id;
	m.head.len = strlen(path) + 1 + len;
	memcpy(m.body, path, strlen(path) + 1);
	memcpy(m.body + strlen(path) + 1, rest, len);
	size = sizeof(m.head) + m.head.len;
	if (write(xenbus, &m, size) != size)
		fail("write to /dev/xen/xenbus: %m");
	return next_id;
}

static int get(void *to, size_t size)
{
	struct pollfd fd = { .fd = xenbus, .events = POLLIN };
	char *p = to;
	ssize_t n;

	while (size) {
		if (poll(&fd, 1, WAIT_MS) != 1)
			return 0;
		n = read(xenbus, p, size);
		if (n <= 0)
			fail("read from /dev/xen/xenbus: %m");
		p += n;
		size -= n;
	}
	return 1;
}

static void receive(const char *what, struct message *m)
{
	if (!get(&m->head, sizeof(m->head)) ||
	    m->head.len > XENSTORE_PAYLOAD_MAX || !get(m->body, m->head.len))
		fail("%s: no answer", what);
	m->body[m->head.len] = 0;
}

/* The answer to request @id; watch events may come before it. */
static void expect(const char *what, uint32_t id, unsigned int type,
		   struct message *m)
{
	do
		receive(what, m);
	while (m->head.type == XS_WATCH_EVENT);
	if (m->head.req_id != id || m->head.type != type)
		fail("%s: type %u (%.20s) for request %u instead of type %u for request %u",
		     what, m->head.type, m->body, m->head.req_id, type, id);
}

static void stop(void)
{
	if (kill(server, SIGSTOP))
		fail("SIGSTOP: %m");
}

/* A request, then @type before its answer. */
static void watch(const char *what, unsigned int type)
{
	static struct message m;
	uint32_t first;

	stop();
	first = request(XS_READ, 0, "/tool", "", 0);
	/* The second one returns only when it is answered. */
	if (!fork()) {
		request(type, 0, "/tool/xspipe", "token", 6);
		_exit(0);
	}
	usleep(300000);
	kill(server, SIGCONT);
	expect("READ", first, XS_READ, &m);
	expect(what, ++next_id, type, &m);
	printf("%s behind a request: answered\n", what);
}

static void requests(const char *dir)
{
	static struct message m;
	uint32_t id[REQUESTS];
	char path[REQUESTS][128], value[VALUE];
	int i;

	stop();
	for (i = 0; i < REQUESTS; i++) {
		snprintf(path[i], sizeof(path[i]), "%s/%d", dir, i);
		memset(value, 'a' + i, sizeof(value));
		id[i] = request(XS_WRITE, 0, path[i], value, sizeof(value));
	}
	kill(server, SIGCONT);
	for (i = 0; i < REQUESTS; i++)
		expect("WRITE", id[i], XS_WRITE, &m);
	for (i = 0; i < REQUESTS; i++) {
		id[i] = request(XS_READ, 0, path[i], "", 0);
		receive("READ", &m);
		if (m.head.type != XS_READ)
			fail("node %d was not written: %s", i, m.body);
		memset(value, 'a' + i, sizeof(value));
		if (m.head.len != sizeof(value) ||
		    memcmp(m.body, value, sizeof(value)))
			fail("node %d has %u bytes %.3s...%s instead of %.3s...",
			     i, m.head.len, m.body,
			     m.body + (m.head.len > 3 ? m.head.len - 3 : 0),
			     value);
	}
	id[0] = request(XS_RM, 0, dir, "", 0);
	expect("RM", id[0], XS_RM, &m);
	printf("%d requests arrived as they were written\n", REQUESTS);
}

static void fault(const char *device)
{
	static struct message m;
	int fd = open(device, O_RDWR), slow = xenbus, status;
	struct xsd_sockmsg *page;
	uint32_t id, second;
	pid_t child;

	page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 1 << 20);
	if (fd < 0 || page == MAP_FAILED)
		fail("%s: %m", device);
	id = request(XS_READ, 0, "/tool", "", 0);
	usleep(300000);
	stop();
	child = fork();
	if (!child) {
		if (read(slow, page, sizeof(*page)) != sizeof(*page))
			fail("read into the page: %m");
		_exit(page->req_id != id);
	}
	usleep(300000);
	if (waitpid(child, &status, WNOHANG))
		fail("the page did not have to be fetched");
	/* The next answer for this file comes before that for the other. */
	second = request(XS_READ, 0, "/tool", "", 0);
	xenbus_open();
	id = request(XS_READ, 0, "/tool", "", 0);
	expect("READ of another file", id, XS_READ, &m);
	kill(server, SIGCONT);
	if (waitpid(child, &status, 0) != child || status)
		fail("the read ended with %#x", status);
	xenbus = slow;
	if (!get(m.body, page->len))
		fail("no body of the first answer");
	expect("READ", second, XS_READ, &m);
	puts("another file is read while one waits");
}

int main(int argc, char **argv)
{
	static struct message m;
	uint32_t id;

	setvbuf(stdout, NULL, _IOLBF, 0);
	xenbus_open();
	if (argc == 2 && !strcmp(argv[1], "start")) {
		/* The number is that of no transaction, so it is refused. */
		id = request(XS_TRANSACTION_START, 12345, "", "", 0);
		expect("START in an unknown transaction", id, XS_ERROR, &m);
		printf("start refused: %s\n", m.body);
		return 0;
	}
	if (argc < 3)
		goto usage;
	server = atoi(argv[2]);
	if (server <= 0)
		goto usage;
	atexit(resume);
	if (argc == 3 && !strcmp(argv[1], "watch")) {
		watch("WATCH", XS_WATCH);
		watch("UNWATCH", XS_UNWATCH);
	} else if (argc == 4 && !strcmp(argv[1], "requests")) {
		requests(argv[3]);
	} else if (argc == 4 && !strcmp(argv[1], "fault")) {
		fault(argv[3]);
	} else {
		goto usage;
	}
	return 0;
usage:
	fail("usage: xspipe watch PID | requests PID DIR | fault PID DEVICE | start");
}
