// SPDX-License-Identifier: GPL-2.0-only
/*
 * xsuser - XenStore through the kernel's connection, /dev/xen/xenbus
 *
 * Usage:  xsuser DIR      check reading, writing, watches and transactions below
 *                         the XenStore directory DIR, which is made and removed
 *
 * Output: one line per group of checks. Status: 0 everything as expected, 1 not
 * (a line "FAIL: ..." says what). A wait for a watch event ends after 5 s.
 *
 * ABI: xen/io/xs_wire.h: a message is struct xsd_sockmsg (type, request id,
 * transaction id, length) and a body; an answer repeats type and request id, or
 * has type XS_ERROR and the name of an errno value as body. The kernel passes
 * requests of all open files on through its one connection, gives every answer
 * back to the file that asked, and delivers watch events to the file that set
 * the watch. Xenstored accepts a transaction only if nothing it read or wrote
 * was changed meanwhile (EAGAIN: the caller starts again).
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xen/io/xs_wire.h>
#include "fail.h"

#define WAIT_MS	5000

/* One open file, with the body of what was received last. */
struct conn {
	int fd;
	char body[XENSTORE_PAYLOAD_MAX + 1];
	unsigned int len;
	/* A watch event that came before the answer to a request, or "". */
	char early[XENSTORE_PAYLOAD_MAX + 1];
};

static const char *dir;

static void xs_open(struct conn *c)
{
	c->fd = open("/dev/xen/xenbus", O_RDWR | O_CLOEXEC);
	if (c->fd < 0)
		fail("/dev/xen/xenbus: %m");
}

static void get(struct conn *c, void *buf, size_t len)
{
	struct pollfd p = { .fd = c->fd, .events = POLLIN };
	ssize_t n;

	for (; len; len -= n, buf = (char *)buf + n) {
		if (poll(&p, 1, WAIT_MS) <= 0)
			fail("no answer from XenStore for %d s", WAIT_MS / 1000);
		n = read(c->fd, buf, len);
		if (n <= 0)
			fail("read: %m");
	}
}

static void receive(struct conn *c, struct xsd_sockmsg *m)
{
	get(c, m, sizeof(*m));
	if (m->len > XENSTORE_PAYLOAD_MAX)
		fail("an answer of %u bytes", m->len);
	get(c, c->body, m->len);
	c->body[m->len] = 0;
	c->len = m->len;
}

/*
 * Send a request and get its answer: NULL, or the name of the error. @path and
 * @value are the parts of the body, the first with its terminating zero.
 */
static const char *request(struct conn *c, unsigned int type, uint32_t tx,
			   const char *path, const char *value, size_t value_len)
{
	static uint32_t id;
	struct xsd_sockmsg m = { .type = type, .tx_id = tx };
	size_t path_len = strlen(path) + 1;
	char msg[sizeof(m) + XENSTORE_PAYLOAD_MAX];

	m.req_id = ++id;
	m.len = path_len + value_len;
	memcpy(msg, &m, sizeof(m));
	memcpy(msg + sizeof(m), path, path_len);
	memcpy(msg + sizeof(m) + path_len, value, value_len);
	if (write(c->fd, msg, sizeof(m) + m.len) != (ssize_t)(sizeof(m) + m.len))
		fail("write: %m");
	receive(c, &m);
	if (m.type == XS_WATCH_EVENT) {
		if (*c->early)
			fail("two watch events before an answer");
		memcpy(c->early, c->body, c->len + 1);
		receive(c, &m);
	}
	if (m.req_id != id)
		fail("request %u answered with id %u", id, m.req_id);
	if (m.type == XS_ERROR)
		return c->body;
	if (m.type != type)
		fail("request %u answered with type %u", type, m.type);
	return NULL;
}

static const char *path_of(const char *name)
{
	static char buf[4][256];
	static int i;

	i = (i + 1) % 4;
	snprintf(buf[i], sizeof(buf[i]), "%s%s%s", dir, *name ? "/" : "", name);
	return buf[i];
}

static const char *xs_write(struct conn *c, uint32_t tx, const char *name,
			    const char *value)
{
	return request(c, XS_WRITE, tx, path_of(name), value, strlen(value));
}

static const char *xs_op(struct conn *c, unsigned int type, uint32_t tx,
			 const char *name)
{
	return request(c, type, tx, path_of(name), "", 0);
}

static void must(const char *what, const char *error)
{
	if (error)
		fail("%s: %s", what, error);
}

static void must_fail(const char *what, const char *error, const char *want)
{
	if (!error || strcmp(error, want))
		fail("%s: %s instead of %s", what, error ? error : "success",
		     want);
}

static void must_read(struct conn *c, uint32_t tx, const char *name,
		      const char *want)
{
	must("READ", xs_op(c, XS_READ, tx, name));
	if (strcmp(c->body, want))
		fail("%s is \"%s\" instead of \"%s\"", name, c->body, want);
}

static uint32_t tx_start(struct conn *c)
{
	must("TRANSACTION_START", request(c, XS_TRANSACTION_START, 0, "", "", 0));
	return strtoul(c->body, NULL, 10);
}

static const char *tx_end(struct conn *c, uint32_t tx, int commit)
{
	return request(c, XS_TRANSACTION_END, tx, commit ? "T" : "F", "", 0);
}

static void check_nodes(struct conn *c)
{
	char big[2049];

	must("MKDIR", xs_op(c, XS_MKDIR, 0, ""));
	must("WRITE", xs_write(c, 0, "one", "first"));
	must_read(c, 0, "one", "first");
	must("WRITE", xs_write(c, 0, "one", ""));
	must_read(c, 0, "one", "");
	memset(big, 'x', sizeof(big) - 1);
	big[sizeof(big) - 1] = 0;
	must("WRITE of 2048 bytes", xs_write(c, 0, "two", big));
	must_read(c, 0, "two", big);
	must("DIRECTORY", xs_op(c, XS_DIRECTORY, 0, ""));
	if (c->len != 8 || (memcmp(c->body, "one\0two", 8) &&
			    memcmp(c->body, "two\0one", 8)))
		fail("DIRECTORY has %u bytes, \"%s\"...", c->len, c->body);
	must("GET_PERMS", xs_op(c, XS_GET_PERMS, 0, "one"));
	if (strcmp(c->body, "n0"))
		fail("permissions of a new node are \"%s\", not \"n0\"", c->body);
	must("RM", xs_op(c, XS_RM, 0, "two"));
	must_fail("READ of a removed node", xs_op(c, XS_READ, 0, "two"),
		  "ENOENT");
	must_fail("READ of no path", request(c, XS_READ, 0, "@@", "", 0),
		  "EINVAL");
	puts("nodes: written, read, listed, removed");
}

/* The next watch event, which must be on @name with @token. */
static void expect_event(struct conn *c, const char *name, const char *token)
{
	struct xsd_sockmsg m;

	if (*c->early) {
		memcpy(c->body, c->early, sizeof(c->body));
		*c->early = 0;
	} else {
		receive(c, &m);
		if (m.type != XS_WATCH_EVENT)
			fail("type %u instead of a watch event", m.type);
	}
	if (strcmp(c->body, path_of(name)))
		fail("watch event on %s instead of %s", c->body, path_of(name));
	if (strcmp(c->body + strlen(c->body) + 1, token))
		fail("watch event with token %s instead of %s",
		     c->body + strlen(c->body) + 1, token);
}

static void expect_silence(struct conn *c)
{
	struct pollfd p = { .fd = c->fd, .events = POLLIN };

	if (*c->early || poll(&p, 1, 200))
		fail("a watch event that should not come");
}

static void check_watches(struct conn *c, struct conn *other)
{
	must("WATCH", request(c, XS_WATCH, 0, path_of("one"), "my token", 9));
	/* A watch fires once when it is set. */
	expect_event(c, "one", "my token");
	expect_silence(c);
	must("WRITE", xs_write(other, 0, "one", "by another file"));
	expect_event(c, "one", "my token");
	must("WRITE", xs_write(other, 0, "one/below", "x"));
	expect_event(c, "one/below", "my token");
	must("WRITE", xs_write(other, 0, "elsewhere", "x"));
	expect_silence(c);
	must("UNWATCH", request(c, XS_UNWATCH, 0, path_of("one"), "my token", 9));
	must("WRITE", xs_write(other, 0, "one", "unwatched"));
	expect_silence(c);
	puts("watches: fire with path and token, below and not beside");
}

static void check_transactions(struct conn *c, struct conn *other)
{
	uint32_t tx, tx2;

	must("WRITE", xs_write(c, 0, "t", "before"));
	tx = tx_start(c);
	must("WRITE", xs_write(c, tx, "t", "inside"));
	must_read(c, tx, "t", "inside");
	must_read(other, 0, "t", "before");
	must("TRANSACTION_END", tx_end(c, tx, 1));
	must_read(other, 0, "t", "inside");

	tx = tx_start(c);
	must("WRITE", xs_write(c, tx, "t", "given up"));
	must("TRANSACTION_END, abort", tx_end(c, tx, 0));
	must_read(c, 0, "t", "inside");

	tx = tx_start(c);
	tx2 = tx_start(other);
	if (tx == tx2)
		fail("two transactions with id %u", tx);
	must_read(c, tx, "t", "inside");
	must("WRITE", xs_write(c, tx, "u", "1"));
	must("WRITE", xs_write(other, tx2, "t", "second"));
	must("TRANSACTION_END", tx_end(other, tx2, 1));
	must_fail("TRANSACTION_END after a change of what it read",
		  tx_end(c, tx, 1), "EAGAIN");
	must_fail("READ of what was not committed", xs_op(c, XS_READ, 0, "u"),
		  "ENOENT");
	must_read(c, 0, "t", "second");
	must_fail("READ in a transaction that has ended",
		  xs_op(c, XS_READ, tx, "t"), "ENOENT");
	puts("transactions: isolated, committed, aborted, in conflict");
}

int main(int argc, char **argv)
{
	static struct conn a, b;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc != 2)
		fail("usage: xsuser DIR");
	dir = argv[1];
	xs_open(&a);
	xs_open(&b);
	check_nodes(&a);
	check_watches(&a, &b);
	check_transactions(&a, &b);
	must("RM", xs_op(&a, XS_RM, 0, ""));
	return 0;
}
