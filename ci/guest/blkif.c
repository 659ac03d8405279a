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
 *	node:NAME			print a node of the backend's directory
 *	run:COMMAND			a command of the shell, to look at the backend meanwhile
 *	reconnect:COMMAND		close, offer another ring, run a command, and wait until the
 *					backend connects
 *
 * Output: one line per operation: its name and the answer, one of okay, error and unsupported;
 * bench adds nanoseconds per request. Numbers may be decimal, 0x... or 0....
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
