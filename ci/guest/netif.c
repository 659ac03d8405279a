// SPDX-License-Identifier: GPL-2.0-only
/*
 * netif: a network frontend in user space, for what no netfront says.
 *
 * usage: netif OPERATION...
 *
 * It creates a vif whose frontend is the program itself, performs the operations in order and removes
 * the vif. As backend and frontend are the same domain, Xen is asked to map a domain's grants of its
 * own. A PV dom0 can do that; in a PVH domain Xen would move the granted page.
 *
 *	front:NODE=VALUE	the next connect writes this to the frontend's directory, instead of or
 *				besides what it writes otherwise
 *	up			set the interface up, e.g. before it connects
 *	connect:QUEUES[:1]	with 1 or 2 queues, 1: and a control ring
 *	close
 *	hash			make Toeplitz hashes of IPv4 addresses choose the queue
 *	excess:COUNT		set the control ring's producer index to COUNT requests, more than fit
 *	send:QUEUE		a frame of 60 bytes, from 00:16:3e:00:00:07 to all
 *	cross:QUEUE		a frame that exceeds its page: backends have to refuse it
 *	bad:QUEUE		a frame without a whole Ethernet header, and one in a page that is not
 *				granted; okay if both are answered with an error
 *	multicast:ROUNDS	add 31 multicast addresses by each queue, at the same time, and delete
 *				them one after the other; queue N's process stays on CPU N
 *	overtake:ROUNDS		fill queue 0 with multicast requests and then send one by queue 1, from
 *				CPU 1; okay if this one was answered earlier than the last of queue 0
 *				in any of the rounds
 *	run:COMMAND		a command of the shell, to look at the backend meanwhile; $VIF is the
 *				network device's name
 *
 * Output: one line per operation: its name and "okay", or what went wrong.
 *
 * Exit status: 0 if everything came out as said above; 1 if not (an answer not within 10 s, a
 * request refused, a command that failed); 2 if the vif could not be set up.
 *
 * ABI: the rings and their requests are those of public/io/netif.h and public/io/ring.h; frontend.h
 * names the rest.
 */
#define _GNU_SOURCE
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#include "frontend.h"
#include <xen/io/netif.h>

#define QUEUES 2
#define MAC "00:16:3e:00:00:07"

struct queue {
	struct page tx_page, rx_page;
	unsigned int port;
	netif_tx_front_ring_t tx;
};

static struct {
	char *assignment; /* of front: */
	unsigned int queues; /* 0: not connected */
	struct queue queue[QUEUES];
	struct page ctrl_page, data_page;
	unsigned int ctrl_port;
	xen_netif_ctrl_front_ring_t ctrl;
} vif;

static int problems;

/* NULL: okay */
static void result(const char *operation, const char *problem)
{
	printf("%s: %s\n", operation, problem ? problem : "okay");
	problems += !!problem;
}

/* In front.../queue-N for one of several queues (netif.h: "Multiple queues"). */
static __attribute__((format(printf, 3, 4))) void queue_write(unsigned int number, const char *name,
							      const char *format, ...)
{
	char directory[128], value[64];
	va_list args;

	va_start(args, format);
	vsnprintf(value, sizeof(value), format, args);
	va_end(args);
	if (vif.queues == 1)
		snprintf(directory, sizeof(directory), "%s", front);
	else
		snprintf(directory, sizeof(directory), "%s/queue-%u", front, number);
	node_write(directory, name, "%s", value);
}

/* ---- setting up the vif ---- */

/* What the toolstack writes. There is no hotplug script: hotplug-status is what it would say. */
static void vif_create(void)
{
	char name[32];

	pair_create("vif");
	snprintf(name, sizeof(name), "vif0.%d", getpid());
	setenv("VIF", name, 1);
	node_write(back, "handle", "%d", getpid());
	node_write(back, "mac", MAC);
	node_write(back, "script", "none");
	node_write(back, "hotplug-status", "connected");
	node_write(back, "state", "%d", XenbusStateInitialising);
	if (!backend_reaches(XenbusStateInitWait))
		errx(2, "the backend does not reach InitWait");
}

/* Without feature-rx-notify there is a carrier although the Rx ring remains empty. */
static void vif_connect(unsigned int queues, bool control)
{
	vif.queues = queues;
	xs(XS_RM, front, "ctrl-ring-ref", NULL);
	node_write(front, "multi-queue-num-queues", "%u", queues);
	node_write(front, "request-rx-copy", "1");
	node_write(front, "request-multicast-control", "1");
	for (unsigned int i = 0; i < queues; i++) {
		struct queue *queue = &vif.queue[i];
		netif_rx_sring_t *rx;
		netif_tx_sring_t *tx;

		page_alloc(&queue->tx_page);
		page_alloc(&queue->rx_page);
		port_alloc(&queue->port);
		tx = (netif_tx_sring_t *)queue->tx_page.data;
		rx = (netif_rx_sring_t *)queue->rx_page.data;
		SHARED_RING_INIT(tx);
		SHARED_RING_INIT(rx);
		FRONT_RING_INIT(&queue->tx, tx, PAGE);
		queue_write(i, "tx-ring-ref", "%u", queue->tx_page.gref);
		queue_write(i, "rx-ring-ref", "%u", queue->rx_page.gref);
		queue_write(i, "event-channel", "%u", queue->port);
	}
	if (control) {
		xen_netif_ctrl_sring_t *sring;

		page_alloc(&vif.ctrl_page);
		port_alloc(&vif.ctrl_port);
		sring = (xen_netif_ctrl_sring_t *)vif.ctrl_page.data;
		SHARED_RING_INIT(sring);
		FRONT_RING_INIT(&vif.ctrl, sring, PAGE);
		node_write(front, "ctrl-ring-ref", "%u", vif.ctrl_page.gref);
		node_write(front, "event-channel-ctrl", "%u", vif.ctrl_port);
	}
	if (vif.assignment) {
		node_assign(front, vif.assignment);
		vif.assignment = NULL;
	}
	node_write(front, "state", "%d", XenbusStateConnected);
}

/* ---- requests ---- */

/* The place for the next one; there has to be room. */
static netif_tx_request_t *tx_slot(struct queue *queue)
{
	return RING_GET_REQUEST(&queue->tx, queue->tx.req_prod_pvt++);
}

static void tx_push(struct queue *queue)
{
	int notify;

	RING_PUSH_REQUESTS_AND_CHECK_NOTIFY(&queue->tx, notify);
	if (notify)
		event_send(queue->port);
}

static bool expired(const struct timespec *start)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec - start->tv_sec > TIMEOUT;
}

/*
 * Takes the answers on the ring until no more than so many requests are without one. Returns NULL if
 * none of them says error. It does not wait for events, but looks again and again.
 */
static const char *tx_answers(struct queue *queue, unsigned int remaining)
{
	const char *problem = NULL;
	struct timespec start;
	unsigned int spins = 0;

	clock_gettime(CLOCK_MONOTONIC, &start);
	while (queue->tx.req_prod_pvt - queue->tx.rsp_cons > remaining) {
		if (queue->tx.rsp_cons == __atomic_load_n(&queue->tx.sring->rsp_prod, __ATOMIC_ACQUIRE)) {
			if (!(++spins % 65536) && expired(&start))
				return "no answer";
			continue;
		}
		if (RING_GET_RESPONSE(&queue->tx, queue->tx.rsp_cons)->status == NETIF_RSP_ERROR)
			problem = "error";
		queue->tx.rsp_cons++;
	}
	return problem;
}

/* A request without data, whose second slot has the address. */
static void multicast(struct queue *queue, uint8_t type, uint8_t last)
{
	netif_tx_request_t *req = tx_slot(queue);
	struct netif_extra_info *extra = (void *)tx_slot(queue);

	*req = (netif_tx_request_t){ .flags = NETTXF_extra_info };
	*extra = (struct netif_extra_info){ .type = type, .u.mcast.addr = { 1, 0, 0x5e, 0, 0, last } };
}

static const char *ctrl_request(uint16_t type, uint32_t data)
{
	struct xen_netif_ctrl_request *req = RING_GET_REQUEST(&vif.ctrl, vif.ctrl.req_prod_pvt++);
	struct timespec start;
	int notify;

	*req = (struct xen_netif_ctrl_request){ .type = type, .data = { data } };
	RING_PUSH_REQUESTS_AND_CHECK_NOTIFY(&vif.ctrl, notify);
	if (notify)
		event_send(vif.ctrl_port);
	clock_gettime(CLOCK_MONOTONIC, &start);
	while (vif.ctrl.rsp_cons == __atomic_load_n(&vif.ctrl.sring->rsp_prod, __ATOMIC_ACQUIRE)) {
		if (expired(&start))
			return "no answer";
		usleep(1000);
	}
	return RING_GET_RESPONSE(&vif.ctrl, vif.ctrl.rsp_cons++)->status == XEN_NETIF_CTRL_STATUS_SUCCESS ? NULL :
													    "refused";
}

/* ---- operations ---- */

#define OPERATION_ARGS 2

static void op_up(unsigned int *arg)
{
	(void)arg;
	result("up", system("ip link set \"$VIF\" up") ? "failed" : NULL);
}

static void op_connect(unsigned int *arg)
{
	if (!arg[0] || arg[0] > QUEUES)
		errx(2, "connect: 1 to %d queues", QUEUES);
	vif_connect(arg[0], arg[1]);
	result("connect", backend_reaches(XenbusStateConnected) ? NULL : "refused");
}

static void op_close(unsigned int *arg)
{
	(void)arg;
	vif.queues = 0;
	node_write(front, "state", "%d", XenbusStateClosed);
	if (!backend_reaches(XenbusStateClosed))
		errx(2, "the backend does not close");
	node_write(front, "state", "%d", XenbusStateInitialising);
	result("close", backend_reaches(XenbusStateInitWait) ? NULL : "the backend does not reach InitWait");
}

static void op_hash(unsigned int *arg)
{
	const char *problem = ctrl_request(XEN_NETIF_CTRL_TYPE_SET_HASH_ALGORITHM,
					   XEN_NETIF_CTRL_HASH_ALGORITHM_TOEPLITZ);

	(void)arg;
	if (!problem)
		problem = ctrl_request(XEN_NETIF_CTRL_TYPE_SET_HASH_FLAGS, XEN_NETIF_CTRL_HASH_TYPE_IPV4);
	result("hash", problem);
}

/* Requests of type XEN_NETIF_CTRL_TYPE_INVALID: the page is empty. */
static void op_excess(unsigned int *arg)
{
	unsigned int answers;

	vif.ctrl.sring->req_prod = arg[0];
	xen_mb();
	event_send(vif.ctrl_port);
	sleep(1);
	answers = vif.ctrl.sring->rsp_prod;
	printf("excess: %u answers from a ring of %u\n", answers, RING_SIZE(&vif.ctrl));
	problems += answers > RING_SIZE(&vif.ctrl);
}

static void transmit(const char *operation, unsigned int number, unsigned int offset)
{
	static const uint8_t frame[60] = {
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x00, 0x16, 0x3e, 0x00, 0x00, 0x07,
		0x88, 0xb5 /* for local experiments */
	};
	struct queue *queue = &vif.queue[number];

	if (number >= vif.queues)
		errx(2, "there is no queue %u", number);
	page_alloc(&vif.data_page);
	memcpy(vif.data_page.data, frame, sizeof(frame));
	*tx_slot(queue) = (netif_tx_request_t){
		.gref = vif.data_page.gref, .offset = offset, .size = sizeof(frame)
	};
	tx_push(queue);
	if (!offset)
		result(operation, tx_answers(queue, 0));
	else
		result(operation, NULL); /* the backend says no more */
}

static void op_send(unsigned int *arg)
{
	transmit("send", arg[0], 0);
}

static void op_cross(unsigned int *arg)
{
	transmit("cross", arg[0], PAGE - 1);
}

static void op_bad(unsigned int *arg)
{
	struct queue *queue = &vif.queue[arg[0]];
	unsigned int refused = 0;

	if (arg[0] >= vif.queues)
		errx(2, "there is no queue %u", arg[0]);
	page_alloc(&vif.data_page);
	for (unsigned int i = 0; i < 2; i++) {
		const char *answer;

		*tx_slot(queue) = (netif_tx_request_t){
			.gref = i ? UINT32_MAX : vif.data_page.gref, .size = i ? 60 : 13
		};
		tx_push(queue);
		answer = tx_answers(queue, 0);
		refused += answer && !strcmp(answer, "error");
	}
	result("bad", refused == 2 ? NULL : "not refused");
}

static void stay_on(unsigned int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		err(2, "CPU %u", cpu);
}

#define ADDRESSES 31 /* of a queue: netback takes 64 in all */

/* Queue 1 is served by a child. Each side tells here which round it has begun and finished. */
struct progress {
	unsigned int begun[QUEUES], done[QUEUES];
	const char *problem[QUEUES];
};

static bool wait_until(unsigned int *number, unsigned int value)
{
	struct timespec start;
	unsigned int spins = 0;

	clock_gettime(CLOCK_MONOTONIC, &start);
	while (__atomic_load_n(number, __ATOMIC_ACQUIRE) < value) {
		if (!(++spins % 65536) && expired(&start))
			return false;
	}
	return true;
}

/* Adds the addresses of a queue, beginning when the other one does. */
static void multicast_add(struct progress *progress, unsigned int number, unsigned int round)
{
	struct queue *queue = &vif.queue[number];

	for (unsigned int i = 0; i < ADDRESSES; i++)
		multicast(queue, XEN_NETIF_EXTRA_TYPE_MCAST_ADD, number * ADDRESSES + i);
	__atomic_store_n(&progress->begun[number], round, __ATOMIC_RELEASE);
	if (wait_until(&progress->begun[!number], round)) {
		tx_push(queue);
		progress->problem[number] = tx_answers(queue, 0);
	} else {
		progress->problem[number] = "the other queue is not ready";
	}
	__atomic_store_n(&progress->done[number], round, __ATOMIC_RELEASE);
}

static void op_multicast(unsigned int *arg)
{
	struct progress *progress = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	const char *problem = NULL;
	unsigned int round;
	pid_t child;

	if (progress == MAP_FAILED || vif.queues != QUEUES)
		errx(2, "multicast needs %d queues", QUEUES);
	child = fork();
	if (!child) {
		stay_on(1);
		for (round = 1; round <= arg[0]; round++) {
			multicast_add(progress, 1, round);
			/* The parent has deleted the addresses when it comes back. */
			if (progress->problem[1])
				break;
		}
		_exit(0);
	}
	stay_on(0);
	for (round = 1; round <= arg[0] && !problem; round++) {
		multicast_add(progress, 0, round);
		if (!wait_until(&progress->done[1], round))
			problem = "no answer";
		else
			problem = progress->problem[0] ? progress->problem[0] : progress->problem[1];
		for (unsigned int i = 0; i < 2 * ADDRESSES && !problem; i++)
			multicast(&vif.queue[0], XEN_NETIF_EXTRA_TYPE_MCAST_DEL, i);
		tx_push(&vif.queue[0]);
		if (!problem)
			problem = tx_answers(&vif.queue[0], 0);
	}
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	printf("multicast: %u rounds\n", round - 1);
	result("multicast", problem);
}

static void op_overtake(unsigned int *arg)
{
	struct queue *first = &vif.queue[0], *second = &vif.queue[1];
	unsigned int overtaken = 0;
	const char *problem = NULL;

	if (vif.queues != QUEUES)
		errx(2, "overtake needs %d queues", QUEUES);
	stay_on(1);
	for (unsigned int round = 0; round < arg[0] && !problem; round++) {
		unsigned int begin = first->tx.rsp_cons;

		for (unsigned int i = 0; i < RING_SIZE(&first->tx) / 4; i++) {
			multicast(first, XEN_NETIF_EXTRA_TYPE_MCAST_ADD, 0);
			multicast(first, XEN_NETIF_EXTRA_TYPE_MCAST_DEL, 0);
		}
		multicast(second, XEN_NETIF_EXTRA_TYPE_MCAST_DEL, 1);
		tx_push(first);
		if (!wait_until(&first->tx.sring->rsp_prod, begin + 1))
			problem = "no answer";
		tx_push(second);
		if (!problem)
			problem = tx_answers(second, 0);
		overtaken += __atomic_load_n(&first->tx.sring->rsp_prod, __ATOMIC_ACQUIRE) != first->tx.req_prod_pvt;
		if (!problem)
			problem = tx_answers(first, 0);
	}
	printf("overtake: %u of %u\n", overtaken, arg[0]);
	result("overtake", problem ? problem : overtaken ? NULL : "never");
}

static const struct operation {
	const char *name;
	int min, max; /* number of arguments */
	void (*run)(unsigned int *arg);
} operations[] = {
	{ "up", 0, 0, op_up },
	{ "connect", 1, 2, op_connect },
	{ "close", 0, 0, op_close },
	{ "hash", 0, 0, op_hash },
	{ "excess", 1, 1, op_excess },
	{ "send", 1, 1, op_send },
	{ "cross", 1, 1, op_cross },
	{ "bad", 1, 1, op_bad },
	{ "multicast", 1, 1, op_multicast },
	{ "overtake", 1, 1, op_overtake },
};

static void perform(char *text)
{
	unsigned int arg[OPERATION_ARGS] = { 0 };
	char *next;
	int count = 0;

	if (!strncmp(text, "run:", 4)) {
		int status = system(text + 4);

		if (!WIFEXITED(status) || WEXITSTATUS(status))
			result("run", "failed");
		return;
	}
	if (!strncmp(text, "front:", 6)) {
		vif.assignment = text + 6;
		return;
	}
	next = strchr(text, ':');
	if (next)
		*next++ = '\0';
	while (next && count < OPERATION_ARGS) {
		arg[count++] = strtoul(next, &next, 0);
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
		op->run(arg);
		return;
	}
	errx(2, "no such operation: %s", text);
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	vif_create();
	for (int i = 1; i < argc; i++)
		perform(argv[i]);
	return problems ? 1 : 0;
}
