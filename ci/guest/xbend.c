// SPDX-License-Identifier: GPL-2.0-only
/*
 * xbend - end xenstore transactions that do not exist
 *
 * Usage:  xbend PID                 through /dev/xen/xenbus; PID is xenstored,
 *                                   which is stopped (SIGSTOP) and continued
 *                                   while two requests are on their way
 *
 * Output: the answer to each request; "FAIL: ..." says which one is missing
 *         (after 5 s) or wrong.
 * Status: 0 all answers as expected, 1 not, 2 wrong usage or no device.
 *
 * ABI: struct xsd_sockmsg, XS_* and the error names of Xen's io/xs_wire.h.
 * Xenstored's answer to XS_TRANSACTION_END is XS_TRANSACTION_END "OK", or
 * XS_ERROR "ENOENT" where there is no such transaction.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <xen/io/xs_wire.h>

struct message {
	struct xsd_sockmsg head;
	char body[256];
};

static int xenbus;
static unsigned int next_id;
static int failed;

static void quit(const char *why)
{
	perror(why);
	exit(2);
}

/* Returns the request's number. */
static unsigned int request(unsigned int type, unsigned int tx, const char *body)
{
	struct message m = {
		.head = { .type = type, .req_id = ++next_id, .tx_id = tx,
			  .len = strlen(body) + 1 },
	};
	ssize_t size = sizeof(m.head) + m.head.len;

	memcpy(m.body, body, m.head.len);
	if (write(xenbus, &m, size) != size)
		quit("write to /dev/xen/xenbus");
	return next_id;
}

/* An answer may come in pieces, one for the head and one for the body. */
static int get(void *to, size_t size)
{
	struct pollfd fd = { .fd = xenbus, .events = POLLIN };
	char *p = to;
	ssize_t n;

	while (size) {
		if (poll(&fd, 1, 5000) != 1)
			return 0;
		n = read(xenbus, p, size);
		if (n <= 0)
			quit("read from /dev/xen/xenbus");
		p += n;
		size -= n;
	}
	return 1;
}

/* Compares the next answer; returns the transaction it names, 0 if none. */
static unsigned int expect(const char *what, unsigned int id,
			   unsigned int type, const char *body)
{
	struct message m = { .head = { .len = 0 } };

	if (!get(&m.head, sizeof(m.head)) || m.head.len >= sizeof(m.body) ||
	    !get(m.body, m.head.len)) {
		printf("FAIL: %s: no answer\n", what);
		exit(1);
	}
	printf("%s: type %u, \"%s\"\n", what, m.head.type, m.body);
	if (m.head.req_id != id || m.head.type != type ||
	    (body && strcmp(m.body, body))) {
		printf("FAIL: %s: expected request %u, type %u, \"%s\"\n",
		       what, id, type, body ? body : "a number");
		failed = 1;
	}
	return strtoul(m.body, NULL, 10);
}

int main(int argc, char **argv)
{
	unsigned int id, second, tx, transaction;
	pid_t xenstored;

	if (argc != 2) {
		fprintf(stderr, "usage: xbend PID\n");
		return 2;
	}
	xenstored = atoi(argv[1]);
	xenbus = open("/dev/xen/xenbus", O_RDWR);
	if (xenbus < 0)
		quit("/dev/xen/xenbus");

	/* No transaction at all. */
	id = request(XS_TRANSACTION_END, 0, "T");
	expect("end of no transaction", id, XS_ERROR, "ENOENT");

	/* Nor may that end another one whose number is not yet known. */
	if (kill(xenstored, SIGSTOP))
		quit("stopping xenstored");
	id = request(XS_TRANSACTION_START, 0, "");
	/* Let the kernel pass it on: it has only one buffer per open file. */
	usleep(200000);
	second = request(XS_TRANSACTION_END, 0, "F");
	expect("end of no transaction beside a new one", second, XS_ERROR,
	       "ENOENT");
	kill(xenstored, SIGCONT);
	transaction = expect("start", id, XS_TRANSACTION_START, NULL);
	if (!transaction)
		return 1;

	/* A transaction that is ended twice before the first answer. */
	if (kill(xenstored, SIGSTOP))
		quit("stopping xenstored");
	tx = transaction;
	id = request(XS_TRANSACTION_END, tx, "F");
	usleep(200000);
	second = request(XS_TRANSACTION_END, tx, "F");
	usleep(200000);
	kill(xenstored, SIGCONT);
	expect("end", id, XS_TRANSACTION_END, "OK");
	expect("second end", second, XS_ERROR, "ENOENT");

	/* And one after the answer. */
	id = request(XS_TRANSACTION_END, tx, "F");
	expect("third end", id, XS_ERROR, "ENOENT");

	id = request(XS_TRANSACTION_START, 0, "");
	transaction = expect("start", id, XS_TRANSACTION_START, NULL);
	id = request(XS_TRANSACTION_END, transaction, "T");
	expect("end", id, XS_TRANSACTION_END, "OK");
	return failed;
}
