// SPDX-License-Identifier: GPL-2.0-only
/*
 * blkif: a block frontend in user space, for requests that no blkfront sends.
 *
 * usage: blkif [-p] [-r] [-b NODE=VALUE]... [-f NODE=VALUE]... DEVICE OPERATION...
 *
 *	-p	do not offer persistent grants
 *	-r	the vbd is read-only
 *	-b	one more node of the backend's directory, as a toolstack writes it
 *	-f	a node of the frontend's directory, replaces the one written otherwise
 *
 * It creates a vbd with the block device DEVICE behind it, whose frontend is the program itself,
 * performs the operations in order and removes the vbd. As backend and frontend are the same
 * domain, Xen is asked to map a domain's grants of its own. A PV dom0 can do that; in a PVH
 * domain Xen would move the granted page.
 *
 *	write:SECTOR:COUNT:BYTE[:N]	COUNT sectors of 512 bytes, all of this value, 88 at most
 *	read:SECTOR:COUNT[:BYTE[:N]]	...and compare each with this value
 *					Each N (0 to 31, otherwise 0) has pages of its own.
 *	badwrite:SECTOR:COUNT		the same, but nobody granted the page of the last segment
 *	badread:SECTOR:COUNT
 *	flush				the write cache
 *	discard:SECTOR:COUNT
 *	bench:REQUESTS:SEGMENTS:DEPTH	read from sector 0 on: SEGMENTS (1 to 11) pages each, DEPTH
 *					(1 to 32) at a time
 *	start:SECTOR:COUNT		read, but do not wait for the answer
 *	bogus				set the producer index beyond what the ring can hold
 *	random:SEED:CONNECTIONS		requests, rings and nodes that are right and wrong, as SEED wants it,
 *					on a disk of 4 to 512 MiB that flushes and discards
 *	node:NAME			print a node of the backend's directory
 *	run:COMMAND			a command of the shell, to look at the backend meanwhile
 *	reconnect:COMMAND		close, offer another ring, run a command, and wait until the
 *					backend connects
 *
 * Output: one line per operation: its name and the answer, one of okay, error and unsupported;
 * bench adds nanoseconds per request, random how many of each kind there were. Numbers may be
 * decimal, 0x... or 0....
 *
 * Exit status: 0 if each request was answered, however; 1 if not within 10 s, if data read was
 * not as expected, or if a command failed; 2 if the vbd could not be set up.
 *
 * ABI: the ring and its requests are those of public/io/blkif.h and public/io/ring.h with the
 * layout that public/io/protocols.h calls x86_64-abi; frontend.h names the rest.
 */
#include <poll.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <time.h>

#include "frontend.h"
#include <xen/io/blkif.h>
#include <xen/io/protocols.h>

#define SECTOR 512
#define PAGE_SECTORS (PAGE / SECTOR)
#define SEGMENTS BLKIF_MAX_SEGMENTS_PER_REQUEST
#define DEPTH 32 /* requests in a ring of one page */
#define ID_NONE UINT64_MAX

static struct {
	unsigned int port;
	struct page ring_page;
	struct page pages[DEPTH * SEGMENTS]; /* of request n: from n * SEGMENTS on, allocated when used */
	blkif_front_ring_t ring;
} vbd;

static int problems;

/* The port has to be written back to unmask it. */
static bool event_wait(void)
{
	struct pollfd fd = { .fd = evtchn, .events = POLLIN };
	uint32_t port;

	return poll(&fd, 1, TIMEOUT * 1000) > 0 && read(evtchn, &port, sizeof(port)) == sizeof(port) &&
	       write(evtchn, &port, sizeof(port)) == sizeof(port);
}

static void run(const char *command)
{
	int status = system(command);

	if (!WIFEXITED(status) || WEXITSTATUS(status)) {
		printf("run: failed\n");
		problems++;
	}
}

/* ---- setting up and removing the vbd ---- */

static void vbd_create(const char *device, bool readonly)
{
	struct stat st;

	if (stat(device, &st) || !S_ISBLK(st.st_mode))
		errx(2, "%s is no block device", device);
	pair_create("vbd");
	node_write(back, "dev", "blkif");
	node_write(back, "mode", readonly ? "r" : "w");
	node_write(back, "physical-device", "%x:%x", major(st.st_rdev), minor(st.st_rdev));
}

/* A ring and a port of its own for each connection: the backend may still use those of the one before. */
static void ring_create(void)
{
	blkif_sring_t *sring;

	vbd.ring_page = (struct page){ 0 };
	page_alloc(&vbd.ring_page);
	sring = (blkif_sring_t *)vbd.ring_page.data;
	SHARED_RING_INIT(sring);
	FRONT_RING_INIT(&vbd.ring, sring, PAGE);
	vbd.port = 0;
	port_alloc(&vbd.port);

	node_write(front, "ring-ref", "%u", vbd.ring_page.gref);
	node_write(front, "event-channel", "%u", vbd.port);
}

/* What all connections end with; the command, if there is one, is run before the backend is waited for. */
static void ring_offer(const char *command)
{
	node_write(front, "state", "%d", XenbusStateInitialised);
	if (command)
		run(command);
	if (!backend_reaches(XenbusStateConnected))
		errx(2, "the backend does not connect");
	node_write(front, "state", "%d", XenbusStateConnected);
}

/* The order is that of the comment "Startup Protocol" in public/io/blkif.h. */
static void vbd_connect(bool persistent, char **back_nodes, char **front_nodes)
{
	while (*back_nodes)
		node_assign(back, *back_nodes++);
	node_write(back, "state", "%d", XenbusStateInitialising);
	if (!backend_reaches(XenbusStateInitWait))
		errx(2, "the backend does not reach InitWait");

	ring_create();
	node_write(front, "protocol", "%s", XEN_IO_PROTO_ABI_X86_64);
	node_write(front, "feature-persistent", "%d", persistent);
	while (*front_nodes)
		node_assign(front, *front_nodes++);
	ring_offer(NULL);
}

/* ---- requests ---- */

static void ring_push(void)
{
	int notify;

	RING_PUSH_REQUESTS_AND_CHECK_NOTIFY(&vbd.ring, notify);
	if (notify)
		event_send(vbd.port);
}

/* Puts a read or write of whole sectors on the ring, with the pages of request id, but does not push it: returns it. */
static blkif_request_t *request_rw(int operation, uint64_t id, uint64_t sector, unsigned int count)
{
	blkif_request_t *req = RING_GET_REQUEST(&vbd.ring, vbd.ring.req_prod_pvt);

	memset(req, 0, sizeof(*req));
	req->operation = operation;
	req->id = id;
	req->sector_number = sector;
	while (count) {
		unsigned int n = count < PAGE_SECTORS ? count : PAGE_SECTORS;
		struct page *page = &vbd.pages[id * SEGMENTS + req->nr_segments];

		page_alloc(page);
		req->seg[req->nr_segments++] = (struct blkif_request_segment){
			.gref = page->gref, .first_sect = 0, .last_sect = n - 1
		};
		count -= n;
	}
	vbd.ring.req_prod_pvt++;
	return req;
}

static void request_discard(uint64_t id, uint64_t sector, uint64_t count)
{
	struct blkif_request_discard *req = (void *)RING_GET_REQUEST(&vbd.ring, vbd.ring.req_prod_pvt);

	memset(req, 0, sizeof(*req));
	req->operation = BLKIF_OP_DISCARD;
	req->id = id;
	req->sector_number = sector;
	req->nr_sectors = count;
	vbd.ring.req_prod_pvt++;
}

/* Takes the next answer from the ring: returns its id and status, ID_NONE if there is none in time. */
static uint64_t response(int *status)
{
	blkif_response_t *rsp;
	uint64_t id;
	int more;

	for (;;) {
		RING_FINAL_CHECK_FOR_RESPONSES(&vbd.ring, more);
		if (more)
			break;
		if (!event_wait())
			return ID_NONE;
	}
	rsp = RING_GET_RESPONSE(&vbd.ring, vbd.ring.rsp_cons);
	*status = rsp->status;
	id = rsp->id;
	vbd.ring.rsp_cons++;
	if (id >= DEPTH)
		errx(2, "answer to a request that was not made: %llu", (unsigned long long)id);
	return id;
}

static void answer(const char *operation)
{
	int status;

	ring_push();
	if (response(&status) == ID_NONE) {
		printf("%s: no answer\n", operation);
		problems++;
	} else if (status == BLKIF_RSP_OKAY || status == BLKIF_RSP_ERROR || status == BLKIF_RSP_EOPNOTSUPP) {
		printf("%s: %s\n", operation,
		       status == BLKIF_RSP_OKAY ? "okay" : status == BLKIF_RSP_ERROR ? "error" : "unsupported");
	} else {
		printf("%s: status %d\n", operation, status);
		problems++;
	}
}

/* ---- operations ---- */

#define OPERATION_ARGS 4

static struct page *fill(uint64_t id, uint64_t sectors, uint8_t byte)
{
	struct page *pages = &vbd.pages[id * SEGMENTS];

	for (unsigned int i = 0; i * PAGE_SECTORS < sectors; i++) {
		page_alloc(&pages[i]);
		memset(pages[i].data, byte, PAGE);
	}
	return pages;
}

static void op_write(uint64_t *arg, int count)
{
	(void)count;
	fill(arg[3], arg[1], arg[2]);
	request_rw(BLKIF_OP_WRITE, arg[3], arg[0], arg[1]);
	answer("write");
}

static void op_read(uint64_t *arg, int count)
{
	struct page *pages = fill(arg[3], arg[1], ~arg[2]);

	request_rw(BLKIF_OP_READ, arg[3], arg[0], arg[1]);
	answer("read");
	for (unsigned int i = 0; count > 2 && i < arg[1] * SECTOR; i++) {
		uint8_t byte = pages[i / PAGE].data[i % PAGE];

		if (byte == (uint8_t)arg[2])
			continue;
		printf("read: byte %u is 0x%02x\n", i, byte);
		problems++;
		break;
	}
}

static void op_start(uint64_t *arg, int count)
{
	(void)count;
	request_rw(BLKIF_OP_READ, 0, arg[0], arg[1]);
	ring_push();
}

static void bad(int operation, const char *name, uint64_t *arg)
{
	blkif_request_t *req = request_rw(operation, 0, arg[0], arg[1]);

	req->seg[req->nr_segments - 1].gref = INT32_MAX;
	answer(name);
}

static void op_badwrite(uint64_t *arg, int count)
{
	(void)count;
	bad(BLKIF_OP_WRITE, "badwrite", arg);
}

static void op_badread(uint64_t *arg, int count)
{
	(void)count;
	bad(BLKIF_OP_READ, "badread", arg);
}

static void op_flush(uint64_t *arg, int count)
{
	(void)arg, (void)count;
	request_rw(BLKIF_OP_FLUSH_DISKCACHE, 0, 0, 0);
	answer("flush");
}

static void op_discard(uint64_t *arg, int count)
{
	(void)count;
	request_discard(0, arg[0], arg[1]);
	answer("discard");
}

static void op_bogus(uint64_t *arg, int count)
{
	(void)arg, (void)count;
	vbd.ring.sring->req_prod = vbd.ring.rsp_cons + RING_SIZE(&vbd.ring) + 1;
	xen_mb();
	event_send(vbd.port);
	printf("bogus: sent\n");
}

static void op_bench(uint64_t *arg, int count)
{
	unsigned int requests = arg[0], segments = arg[1], depth = arg[2], sent = 0, done = 0;
	struct timespec start, end;

	(void)count;
	if (!requests || !segments || segments > SEGMENTS || !depth || depth > DEPTH)
		errx(2, "bench:%u:%u:%u is out of range", requests, segments, depth);
	clock_gettime(CLOCK_MONOTONIC, &start);
	while (done < requests) {
		int status = BLKIF_RSP_OKAY;

		for (unsigned int i = 0; i < depth && sent < requests; i++, sent++)
			request_rw(BLKIF_OP_READ, i, i * segments * PAGE_SECTORS, segments * PAGE_SECTORS);
		ring_push();
		while (done < sent) {
			if (response(&status) == ID_NONE || status != BLKIF_RSP_OKAY) {
				printf("bench: request %u failed\n", done);
				problems++;
				return;
			}
			done++;
		}
	}
	clock_gettime(CLOCK_MONOTONIC, &end);
	printf("bench: okay, %llu ns per request\n",
	       ((end.tv_sec - start.tv_sec) * 1000000000ULL + end.tv_nsec - start.tv_nsec) / requests);
}

/* ---- at random ---- */

#define AREA 1024 /* sectors, the last of the disk, which only valid requests change */
#define PARTS 4 /* valid requests at a time, each in a part of the area */
#define MANY (AREA / PARTS / PAGE_SECTORS) /* segments at most */
#define FRAMES (PARTS * MANY) /* behind the pages of their data: those of their indirect segments */
#define WILD (FRAMES + PARTS) /* the pages of malformed requests, the first of them for indirect segments, too */
#define WILDS 16
#define RINGS 4 /* pairs, taken in turn */
#define NOBODY (1U << 20) /* no grant has such a number, and no sector of the disk */
#define LENGTH(array) (sizeof(array) / sizeof(*(array)))

enum {
	READS, WRITES, INDIRECT, FLUSHES, DISCARDS, MALFORMED, REFUSED, KICKS, BROKEN, NODES, STATES, CONNECTIONS, KINDS
};

static struct {
	uint64_t state; /* of the generator of numbers */
	uint64_t sectors[AREA]; /* what each of them consists of, again and again */
	uint64_t *data[AREA]; /* the latest copy of each, if any */
	uint64_t base, size; /* where the area begins and ends */
	uint32_t asked; /* bit N: the valid request N has been made and is not answered yet */
	struct page pages[2 * RINGS];
	unsigned int ports[2 * RINGS], count[KINDS];
} rnd;

static uint32_t any(uint32_t below)
{
	rnd.state ^= rnd.state << 13;
	rnd.state ^= rnd.state >> 7;
	rnd.state ^= rnd.state << 17;
	return (rnd.state >> 16) % below;
}

static void problem(const char *what)
{
	printf("random: %s\n", what);
	problems++;
}

/* Whatever is asked has to be answered, though in no particular order, and with okay if it is valid. */
static void drain(void)
{
	int more;

	ring_push();
	while (vbd.ring.rsp_cons != vbd.ring.req_prod_pvt) {
		blkif_response_t *rsp = RING_GET_RESPONSE(&vbd.ring, vbd.ring.rsp_cons);

		RING_FINAL_CHECK_FOR_RESPONSES(&vbd.ring, more);
		if (!more) {
			if (event_wait())
				continue;
			problem("no answer");
			break;
		}
		vbd.ring.rsp_cons++;
		if (rsp->id >= DEPTH) {
			rnd.count[REFUSED] += rsp->status != BLKIF_RSP_OKAY;
			continue;
		}
		if (!(rnd.asked & 1U << rsp->id) || rsp->status != BLKIF_RSP_OKAY)
			problem("a valid request failed");
		rnd.asked &= ~(1U << rsp->id);
	}
	if (rnd.asked)
		problem("a valid request was not answered");
	rnd.asked = 0;
}

static blkif_request_t *request_segs(int operation, uint64_t id, uint64_t sector, unsigned int count,
				     const struct blkif_request_segment segs[MANY], struct page *frame)
{
	blkif_request_t *req = request_rw(operation, id, sector, 0);
	blkif_request_indirect_t *indirect = (void *)req;

	req->nr_segments = count;
	memcpy(req->seg, segs, SEGMENTS * sizeof(*segs));
	if (frame) {
		memset(req->seg, 0, sizeof(req->seg));
		memcpy(frame->data, segs, MANY * sizeof(*segs));
		indirect->operation = BLKIF_OP_INDIRECT;
		indirect->indirect_op = operation;
		indirect->nr_segments = count;
		indirect->indirect_grefs[0] = frame->gref;
	}
	return req;
}

/* A request that is wrong in one way or another. What it would change lies before the area. */
static void malformed(void)
{
	static const uint16_t counts[] = { 0, 12, 255, 256, 257, 512, 513, 0x1000, 0xffff };
	static const uint64_t lengths[] = { 0, 1, -1, -AREA, 1ULL << 40, 1ULL << 63 };
	struct page *pages = &vbd.pages[WILD];
	struct blkif_request_segment segs[MANY], *seg;
	uint64_t sector = any(rnd.base - 2 * AREA), id = 1ULL << 63 | any(UINT32_MAX);
	int operation = any(2) ? BLKIF_OP_READ : BLKIF_OP_WRITE, how = any(11);
	unsigned int count = 1 + any(SEGMENTS);
	blkif_request_t *req;

	for (int i = 0; i < MANY; i++)
		segs[i] = (struct blkif_request_segment){ .gref = pages[any(WILDS)].gref, .last_sect = any(8) };
	seg = &segs[any(count)];
	switch (how) {
	case 0:
		seg->gref = NOBODY + any(NOBODY);
		break;
	case 1:
		seg->first_sect = seg->last_sect + 1 + any(200);
		break;
	case 2:
		seg->last_sect = PAGE_SECTORS + any(200);
		break;
	case 3:
		count = counts[any(LENGTH(counts))];
		break;
	case 4: /* across the end of the disk, or behind it */
		seg->last_sect = PAGE_SECTORS - 1;
		sector = any(2) ? rnd.size - 1 - any(PAGE_SECTORS - 1) : rnd.size + any(UINT32_MAX);
		break;
	case 5: /* the sum is small again */
		sector = -1 - (uint64_t)any(PAGE_SECTORS);
		break;
	case 6:
		operation = any(2) ? any(8) : any(256);
		break;
	}
	/* Indirect segments may be others by the time they are used: those across the end must not be. */
	req = request_segs(operation, id, sector, count, segs, how == 7 || (how != 4 && !any(3)) ? pages : NULL);
	switch (how) {
	case 7:
		((blkif_request_indirect_t *)req)->indirect_grefs[0] = any(2) ? NOBODY : pages[1].gref;
		break;
	case 8:
		vbd.ring.req_prod_pvt--;
		request_discard(id, any(2) ? sector : NOBODY, lengths[any(LENGTH(lengths))]);
		((blkif_request_discard_t *)req)->flag = any(256);
		break;
	case 9:
		for (size_t i = 0; i < sizeof(*req); i++)
			((uint8_t *)req)[i] = any(256);
		req->id |= 1ULL << 63;
		for (int i = 0; i < SEGMENTS; i++)
			req->seg[i].gref |= NOBODY;
		break;
	}
	rnd.count[MALFORMED]++;
}

/* In each part of the area read or write all of it, or some segments of any size, amid malformed requests. */
static void valid(int operation, bool all)
{
	bool write = operation == BLKIF_OP_WRITE;

	memset(rnd.data, 0, sizeof(rnd.data));
	for (unsigned int part = 0; part < PARTS; part++) {
		struct blkif_request_segment segs[MANY] = { 0 };
		unsigned int end = (part + 1) * AREA / PARTS, at = end - (all ? AREA / PARTS : 1 + any(AREA / PARTS));
		unsigned int start = at, count = 0, most = all ? MANY : 1 + any(any(2) ? SEGMENTS : MANY);
		bool indirect;

		for (; count < most && at < end; count++) {
			struct page *page = &vbd.pages[part * MANY + count];
			unsigned int sect = all ? 0 : any(PAGE_SECTORS);
			unsigned int last = all ? PAGE_SECTORS - 1 : sect + any(PAGE_SECTORS - sect);

			if (last - sect >= end - at)
				last = sect + end - at - 1;
			segs[count] = (struct blkif_request_segment){ page->gref, sect, last };
			for (; sect <= last; sect++, at++) {
				if (write)
					rnd.sectors[at] = (uint64_t)any(UINT32_MAX) << 32 | any(UINT32_MAX);
				rnd.data[at] = (uint64_t *)(page->data + sect * SECTOR);
				for (int i = 0; i < SECTOR / 8; i++)
					rnd.data[at][i] = write ? rnd.sectors[at] : ~rnd.sectors[at];
			}
		}
		while (!all && !any(3))
			malformed();
		indirect = count > SEGMENTS || !any(3);
		request_segs(write && !indirect && !any(4) ? BLKIF_OP_WRITE_BARRIER : operation, part, rnd.base + start,
			     count, segs, indirect ? &vbd.pages[FRAMES + part] : NULL);
		rnd.asked |= 1U << part;
		rnd.count[INDIRECT] += indirect;
		rnd.count[write ? WRITES : READS]++;
	}
	drain();
	for (int at = 0; at < AREA; at++) {
		for (int i = 0; rnd.data[at] && i < SECTOR / 8; i++) {
			if (rnd.data[at][i] != rnd.sectors[at]) {
				printf("random: %s: sector %d of the last %d: %016llx, not %016llx\n",
				       write ? "write" : "read", at, AREA, (unsigned long long)rnd.data[at][i],
				       (unsigned long long)rnd.sectors[at]);
				problems++;
				return;
			}
		}
	}
}

static void flush_or_discard(void)
{
	unsigned int at = any(AREA / PAGE_SECTORS), count = 1 + any(AREA / PAGE_SECTORS - at);

	if (any(2)) {
		request_rw(BLKIF_OP_FLUSH_DISKCACHE, 0, 0, 0);
		rnd.count[FLUSHES]++;
	} else {
		request_discard(0, rnd.base + at * PAGE_SECTORS, count * PAGE_SECTORS);
		memset(&rnd.sectors[at * PAGE_SECTORS], 0, count * PAGE_SECTORS * sizeof(*rnd.sectors));
		rnd.count[DISCARDS]++;
	}
	rnd.asked = 1;
	drain();
}

static void kick(void)
{
	event_send(vbd.port);
	rnd.count[KICKS]++;
}

/* The backend may ignore all that follows until it connects again. */
static void break_ring(void)
{
	vbd.ring.sring->req_prod = vbd.ring.rsp_cons + DEPTH + 1 + any(1U << 30);
	vbd.ring.sring->rsp_prod = any(UINT32_MAX);
	xen_mb();
	kick();
	rnd.count[BROKEN]++;
}

/* Neither the backend nor the vbd need to exist after that. */
static void misuse_nodes(void)
{
	static const char *const nodes[] = {
		"ring-ref", "event-channel", "protocol", "feature-persistent", "multi-queue-num-queues",
		"ring-page-order", "state",
	};
	/* The first 7 are no grants or ports of others. */
	static const char *const values[] = {
		"", "x", "-1", "0", "1048576", "4294967295", "18446744073709551616", "1", "2", "3", "4", "7", "31",
		"33", XEN_IO_PROTO_ABI_X86_32,
	};

	for (int steps = 2 + any(10); steps; steps--) {
		unsigned int node = any(LENGTH(nodes));

		switch (any(8)) {
		case 0:
			xs(XS_RM, front, nodes[node], NULL);
			rnd.count[NODES]++;
			break;
		case 1:
			node_write(front, "state", "%u", any(10));
			rnd.count[STATES]++;
			break;
		case 2:
		case 3: /* may well work */
			node_write(front, "state", "%d", XenbusStateClosed);
			usleep(any(40000));
			node_write(front, "state", "%d", XenbusStateInitialising);
			usleep(any(40000));
			node_write(front, "state", "%d", any(2) ? XenbusStateInitialised : XenbusStateConnected);
			rnd.count[STATES] += 3;
			break;
		case 4:
			if (!RING_FULL(&vbd.ring))
				malformed();
			ring_push();
			kick();
			break;
		default:
			node_write(front, nodes[node], "%s", values[any(node < 2 ? 7 : LENGTH(values))]);
			rnd.count[NODES]++;
			break;
		}
		usleep(any(10000));
	}
}

/* What an orderly frontend does, and a toolstack if the backend is gone. */
static void start_anew(void)
{
	enum xenbus_state state = XenbusStateClosed;
	char device[64];

	snprintf(device, sizeof(device), "/sys/bus/xen-backend/devices/vbd-0-%d", getpid());
	node_write(front, "state", "%d", state);
	for (int i = 0; i < TIMEOUT * 200; i++, usleep(5000)) {
		enum xenbus_state other = backend_state();

		if (access(device, F_OK)) {
			if (other != XenbusStateInitialising)
				node_write(back, "state", "%d", XenbusStateInitialising);
		} else if (other == XenbusStateInitWait && state == XenbusStateInitialising) {
			return;
		} else if ((other == XenbusStateClosed) == (state == XenbusStateClosed)) {
			/* Or once more, if it was about to answer something else. */
			state ^= XenbusStateClosed ^ XenbusStateInitialising;
			node_write(front, "state", "%d", state);
		}
	}
	errx(2, "the backend does not prepare for another connection");
}

static void ring_offer_as(const char *ring_node, const char *port_node, unsigned int ring)
{
	node_write(front, ring_node, "%u", rnd.pages[ring].gref);
	if (port_node)
		node_write(front, port_node, "%u", rnd.ports[ring]);
}

/* With requests waiting already, and indices that wrap soon, unless it is to be plain. A second ring is not used. */
static void connect_anew(bool plain)
{
	const char *max = node_read(back, "multi-queue-max-queues");
	bool queues = !plain && max && atoi(max) > 1 && any(2), numbered = !plain && !queues && any(2);
	unsigned int ring = rnd.count[CONNECTIONS]++ % RINGS * 2;
	RING_IDX start = plain ? 0 : -any(2 * DEPTH);
	blkif_sring_t *sring;

	for (unsigned int i = ring; i < ring + 2; i++) {
		page_alloc(&rnd.pages[i]);
		port_alloc(&rnd.ports[i]);
		memset(rnd.pages[i].data, 0, PAGE);
		SHARED_RING_INIT((blkif_sring_t *)rnd.pages[i].data);
	}
	vbd.ring_page = rnd.pages[ring];
	vbd.port = rnd.ports[ring];
	sring = (blkif_sring_t *)vbd.ring_page.data;
	sring->req_prod = sring->rsp_prod = start;
	sring->req_event = sring->rsp_event = start + 1;
	FRONT_RING_ATTACH(&vbd.ring, sring, start, PAGE);

	ring_offer_as("ring-ref", "event-channel", ring);
	node_write(front, "protocol", "%s", XEN_IO_PROTO_ABI_X86_64);
	node_write(front, "feature-persistent", "%u", any(2));
	node_write(front, "multi-queue-num-queues", "%d", 1 + queues);
	if (queues) {
		ring_offer_as("queue-0/ring-ref", "queue-0/event-channel", ring);
		ring_offer_as("queue-1/ring-ref", "queue-1/event-channel", ring + 1);
	}
	if (numbered) {
		node_write(front, "ring-page-order", "0");
		ring_offer_as("ring-ref0", NULL, ring);
		ring_offer_as("ring-ref1", NULL, ring + 1);
	} else {
		xs(XS_RM, front, "ring-page-order", NULL);
	}
	for (int n = plain ? 0 : any(8); n; n--)
		malformed();
	ring_push();
	ring_offer(NULL);
	drain();
}

static void op_random(uint64_t *arg, int count)
{
	static const char *const kinds[KINDS] = {
		"reads", "writes", "indirect", "flushes", "discards", "malformed", "refused", "kicks", "broken",
		"nodes", "states", "connections",
	};
	const char *size = node_read(back, "sectors");

	(void)count;
	rnd.state = arg[0] * 0x9e3779b97f4a7c15 + 1;
	rnd.size = size ? strtoull(size, NULL, 0) : 0;
	if (rnd.size < 8 * AREA || rnd.size > NOBODY)
		errx(2, "random needs a disk of 4 to 512 MiB");
	rnd.base = rnd.size - AREA;
	for (int i = 0; i < WILD + WILDS; i++)
		page_alloc(&vbd.pages[i]);

	valid(BLKIF_OP_WRITE, true);
	for (uint64_t round = 0; !problems && round < arg[1]; round++) {
		start_anew();
		connect_anew(false);
		valid(BLKIF_OP_READ, true);
		for (int steps = 1 + any(8); steps; steps--) {
			switch (any(5)) {
			case 0:
				flush_or_discard();
				break;
			case 1:
				kick();
				break;
			case 2:
				for (int n = any(DEPTH + 1); n; n--)
					malformed();
				drain();
				break;
			default:
				valid(any(2) ? BLKIF_OP_READ : BLKIF_OP_WRITE, false);
				break;
			}
		}
		if (any(2))
			break_ring();
		if (any(4))
			misuse_nodes();
	}
	start_anew();
	connect_anew(true);
	valid(BLKIF_OP_READ, true);
	printf("random: %s, seed %llu:", problems ? "failed" : "okay", (unsigned long long)arg[0]);
	for (int i = 0; i < KINDS; i++)
		printf(" %s=%u", kinds[i], rnd.count[i]);
	printf("\n");
}

static const struct operation {
	const char *name;
	int min, max; /* number of arguments */
	bool pages; /* the second one is a number of sectors, the fourth whose pages */
	void (*run)(uint64_t *arg, int count);
} operations[] = {
	{ "write", 3, 4, true, op_write },
	{ "read", 2, 4, true, op_read },
	{ "start", 2, 2, true, op_start },
	{ "badwrite", 2, 2, true, op_badwrite },
	{ "badread", 2, 2, true, op_badread },
	{ "flush", 0, 0, false, op_flush },
	{ "discard", 2, 2, false, op_discard },
	{ "bogus", 0, 0, false, op_bogus },
	{ "bench", 3, 3, false, op_bench },
	{ "random", 2, 2, false, op_random },
};

static void reconnect(const char *command)
{
	close_backend();
	node_write(front, "state", "%d", XenbusStateInitialising);
	if (!backend_reaches(XenbusStateInitWait))
		errx(2, "the backend does not prepare for another connection");
	ring_create();
	ring_offer(command);
	printf("reconnect: okay\n");
}

static void perform(char *text)
{
	uint64_t arg[OPERATION_ARGS] = { 0 };
	char *next = strchr(text, ':');
	int count = 0;

	if (!strncmp(text, "run:", 4)) {
		run(text + 4);
		return;
	}
	if (!strncmp(text, "reconnect:", 10)) {
		reconnect(text + 10);
		return;
	}
	if (!strncmp(text, "node:", 5)) {
		const char *value = node_read(back, text + 5);

		printf("%s %s\n", text + 5, value ? value : "is absent");
		return;
	}
	if (next)
		*next++ = '\0';
	while (next && count < OPERATION_ARGS) {
		arg[count++] = strtoull(next, &next, 0);
		if (*next && *next != ':')
			errx(2, "%s: not a number: %s", text, next);
		next = *next ? next + 1 : NULL;
	}
	for (size_t i = 0; i < sizeof(operations) / sizeof(*operations); i++) {
		const struct operation *op = &operations[i];

		if (strcmp(text, op->name))
			continue;
		if (count < op->min || count > op->max)
			errx(2, "%s takes %d to %d numbers", text, op->min, op->max);
		if (op->pages && (!arg[1] || arg[1] > SEGMENTS * PAGE_SECTORS || arg[3] >= DEPTH))
			errx(2, "%s: 1 to %d sectors, N below %d", text, SEGMENTS * PAGE_SECTORS, DEPTH);
		op->run(arg, count);
		return;
	}
	errx(2, "no such operation: %s", text);
}

int main(int argc, char **argv)
{
	char *back_nodes[argc + 1], *front_nodes[argc + 1];
	int backs = 0, fronts = 0, option;
	bool persistent = true, readonly = false;

	while ((option = getopt(argc, argv, "+prb:f:")) != -1) {
		switch (option) {
		case 'p':
			persistent = false;
			break;
		case 'r':
			readonly = true;
			break;
		case 'b':
			back_nodes[backs++] = optarg;
			break;
		case 'f':
			front_nodes[fronts++] = optarg;
			break;
		default:
			errx(2, "unknown option; the head of blkif.c explains them");
		}
	}
	back_nodes[backs] = front_nodes[fronts] = NULL;
	if (optind >= argc)
		errx(2, "no block device given");
	setvbuf(stdout, NULL, _IOLBF, 0);
	vbd_create(argv[optind++], readonly);
	vbd_connect(persistent, back_nodes, front_nodes);
	while (optind < argc)
		perform(argv[optind++]);
	return problems ? 1 : 0;
}
