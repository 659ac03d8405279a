// SPDX-License-Identifier: GPL-2.0-only
/*
 * ublk - serve a file as a block device /dev/ublkbN
 *
 * Usage:  ublk [-f] [-r] [-q DEPTH] FILE
 *
 *   FILE      the file behind the device; its size, rounded down to whole
 *             512-byte sectors, is the size of the device
 *   -f        do not know flushes, though the device says that it has a
 *             write cache
 *   -r        a read-only device
 *   -q DEPTH  requests in flight, 1..128 (default 32)
 *
 * Output:  "/dev/ublkbN" on a line of its own once the device can be used.
 *          The program stays in the foreground until SIGTERM or SIGINT, then
 *          stops and deletes the device and prints what it served:
 *          "served reads=N writes=N flushes=N discards=N errors=N".
 * Status:  0 the device was removed, 1 an error (message on stderr).
 *          If the serving process dies, the device is removed as well, its
 *          outstanding requests fail, and the status is 1. If the program
 *          itself is killed, the device stays but fails all requests.
 *
 * How it works: the parent sends control commands (io_uring commands to
 * /dev/ublk-control) one at a time; a child owns /dev/ublkcN, maps the request
 * descriptors, and keeps one io_uring command per tag in the driver. A
 * completed command is a request, the next command for that tag returns its
 * result. Data is copied by the driver from and to the buffer given with
 * each command. After STOP_DEV every command completes with -ENODEV.
 *
 * ABI: linux/ublk_cmd.h (commands, struct ublksrv_*, struct ublk_params),
 *      linux/io_uring.h (rings, IORING_OP_URING_CMD, IORING_SETUP_SQE128).
 *      The header of Linux 6.1 lacks the ioctl-encoded command numbers, which
 *      are the only ones that kernels without CONFIG_BLKDEV_UBLK_LEGACY_OPCODES
 *      take; Linux 6.1 to 6.3 know the plain numbers only. Both are tried.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <linux/ublk_cmd.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define SECTOR_SHIFT	9
#define MAX_DEPTH	128
#define IO_BYTES	(512 * 1024)

struct uring {
	int fd;
	unsigned int entries;
	unsigned int *sq_tail, *sq_mask, *sq_array;
	unsigned int *cq_head, *cq_tail, *cq_mask;
	char *sqes;
	struct io_uring_cqe *cqes;
	unsigned int queued;
};

struct counters {
	unsigned long reads, writes, flushes, discards, errors;
};

static int control = -1;
static struct uring control_ring;
static int ioctl_encoded = 1;
static int no_flush;
static volatile sig_atomic_t stop;

static void __attribute__((noreturn, format(printf, 1, 2)))
die(const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "ublk: ");
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(1);
}

/* --- io_uring, as little as needed: entries of 128 bytes, no polling --- */

static void uring_setup(struct uring *r, unsigned int entries)
{
	struct io_uring_params p = { .flags = IORING_SETUP_SQE128 };
	size_t bytes;
	char *ring;

	r->fd = syscall(__NR_io_uring_setup, entries, &p);
	if (r->fd < 0)
		die("io_uring_setup: %m");
	if (!(p.features & IORING_FEAT_SINGLE_MMAP))
		die("io_uring: rings are not in one mapping");
	r->entries = p.sq_entries;
	bytes = p.sq_off.array + p.sq_entries * sizeof(unsigned int);
	if (bytes < p.cq_off.cqes + p.cq_entries * sizeof(*r->cqes))
		bytes = p.cq_off.cqes + p.cq_entries * sizeof(*r->cqes);
	ring = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_POPULATE, r->fd, IORING_OFF_SQ_RING);
	r->sqes = mmap(NULL, (size_t)p.sq_entries * 128, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_POPULATE, r->fd, IORING_OFF_SQES);
	if (ring == MAP_FAILED || r->sqes == MAP_FAILED)
		die("io_uring mmap: %m");
	r->sq_tail = (unsigned int *)(ring + p.sq_off.tail);
	r->sq_mask = (unsigned int *)(ring + p.sq_off.ring_mask);
	r->sq_array = (unsigned int *)(ring + p.sq_off.array);
	r->cq_head = (unsigned int *)(ring + p.cq_off.head);
	r->cq_tail = (unsigned int *)(ring + p.cq_off.tail);
	r->cq_mask = (unsigned int *)(ring + p.cq_off.ring_mask);
	r->cqes = (struct io_uring_cqe *)(ring + p.cq_off.cqes);
}

/* The next entry, cleared; never more than the ring holds are queued. */
static struct io_uring_sqe *uring_sqe(struct uring *r)
{
	unsigned int tail = *r->sq_tail;
	unsigned int i = tail & *r->sq_mask;
	struct io_uring_sqe *sqe = (void *)(r->sqes + (size_t)i * 128);

	memset(sqe, 0, 128);
	r->sq_array[i] = i;
	__atomic_store_n(r->sq_tail, tail + 1, __ATOMIC_RELEASE);
	r->queued++;
	return sqe;
}

/* Submit what is queued and wait for @wait completions; 0 or -errno. */
static int uring_enter(struct uring *r, unsigned int wait)
{
	int ret = syscall(__NR_io_uring_enter, r->fd, r->queued, wait,
			  wait ? IORING_ENTER_GETEVENTS : 0, NULL, 0);

	if (ret < 0)
		return -errno;
	r->queued -= ret;
	return 0;
}

static int uring_reap(struct uring *r, struct io_uring_cqe *cqe)
{
	unsigned int head = *r->cq_head;

	if (head == __atomic_load_n(r->cq_tail, __ATOMIC_ACQUIRE))
		return 0;
	*cqe = r->cqes[head & *r->cq_mask];
	__atomic_store_n(r->cq_head, head + 1, __ATOMIC_RELEASE);
	return 1;
}

static unsigned int opcode(unsigned int nr, unsigned int dir, size_t size)
{
	return ioctl_encoded ? _IOC(dir, 'u', nr, size) : nr;
}

/* --- control commands --- */

static int control_once(unsigned int nr, unsigned int dir, int dev_id,
			void *buf, size_t len, uint64_t data)
{
	struct io_uring_sqe *sqe = uring_sqe(&control_ring);
	struct ublksrv_ctrl_cmd *cmd = (void *)sqe->cmd;
	struct io_uring_cqe cqe;
	int ret;

	sqe->opcode = IORING_OP_URING_CMD;
	sqe->fd = control;
	sqe->cmd_op = opcode(nr, dir, sizeof(*cmd));
	cmd->dev_id = dev_id;
	cmd->queue_id = -1;
	cmd->addr = (uintptr_t)buf;
	cmd->len = len;
	cmd->data[0] = data;
	do {
		ret = uring_enter(&control_ring, 1);
		/* A signal only sets a flag; a command is always waited for. */
	} while (ret == -EINTR || (!ret && !uring_reap(&control_ring, &cqe)));
	return ret ? ret : cqe.res;
}

#define CONTROL(nr, id, buf, len, data) \
	control_once(nr, _IOC_READ | _IOC_WRITE, id, buf, len, data)

static int add_device(struct ublksrv_ctrl_dev_info *info)
{
	int ret;

	ret = CONTROL(UBLK_CMD_ADD_DEV, -1, info, sizeof(*info), 0);
	if (ret == -EOPNOTSUPP || ret == -EINVAL) {
		ioctl_encoded = 0;
		ret = CONTROL(UBLK_CMD_ADD_DEV, -1, info, sizeof(*info), 0);
	}
	return ret;
}

static int set_parameters(int id, uint64_t sectors, int readonly)
{
	struct ublk_params p = {
		.len = sizeof(p),
		.types = UBLK_PARAM_TYPE_BASIC | UBLK_PARAM_TYPE_DISCARD,
		.basic = {
			.attrs = UBLK_ATTR_VOLATILE_CACHE |
				 (readonly ? UBLK_ATTR_READ_ONLY : 0),
			.logical_bs_shift = 9,
			.physical_bs_shift = 12,
			.io_opt_shift = 12,
			.io_min_shift = 12,
			.max_sectors = IO_BYTES >> SECTOR_SHIFT,
			.dev_sectors = sectors,
		},
		.discard = {
			.discard_granularity = 4096,
			.max_discard_sectors = 1 << 20,
			.max_write_zeroes_sectors = 1 << 20,
			.max_discard_segments = 1,
		},
	};

	return CONTROL(UBLK_CMD_SET_PARAMS, id, &p, sizeof(p), 0);
}

/* --- the serving process --- */

/* One request, done synchronously: bytes done or -errno. */
static int handle(int file, const struct ublksrv_io_desc *d, char *buf,
		  struct counters *n)
{
	off_t pos = (off_t)d->start_sector << SECTOR_SHIFT;
	size_t len = (size_t)d->nr_sectors << SECTOR_SHIFT;
	size_t done = 0;
	ssize_t ret = 0;
	int mode;

	switch (ublksrv_get_op(d)) {
	case UBLK_IO_OP_READ:
		n->reads++;
		for (; done < len; done += ret) {
			ret = pread(file, buf + done, len - done, pos + done);
			if (ret <= 0)
				return ret ? -errno : -EIO;
		}
		return len;
	case UBLK_IO_OP_WRITE:
		n->writes++;
		for (; done < len; done += ret) {
			ret = pwrite(file, buf + done, len - done, pos + done);
			if (ret <= 0)
				return ret ? -errno : -EIO;
		}
		return len;
	case UBLK_IO_OP_FLUSH:
		n->flushes++;
		if (no_flush)
			return -EOPNOTSUPP;
		return fdatasync(file) ? -errno : 0;
	case UBLK_IO_OP_DISCARD:
	case UBLK_IO_OP_WRITE_ZEROES:
		n->discards++;
		mode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
		return fallocate(file, mode, pos, len) ? -errno : 0;
	default:
		return -EOPNOTSUPP;
	}
}

static void queue_command(struct uring *r, unsigned int nr, unsigned int tag,
			  int result, char *buf)
{
	struct io_uring_sqe *sqe = uring_sqe(r);
	struct ublksrv_io_cmd *cmd = (void *)sqe->cmd;

	sqe->opcode = IORING_OP_URING_CMD;
	sqe->flags = IOSQE_FIXED_FILE;
	sqe->fd = 0;
	sqe->cmd_op = opcode(nr, _IOC_READ | _IOC_WRITE, sizeof(*cmd));
	sqe->user_data = tag;
	cmd->q_id = 0;
	cmd->tag = tag;
	cmd->result = result;
	cmd->addr = (uintptr_t)buf;
}

static int serve(int id, int file, unsigned int depth, int ready)
{
	struct ublksrv_io_desc *desc;
	struct counters n = { 0 };
	struct io_uring_cqe cqe;
	unsigned int tag, alive;
	struct uring ring = { 0 };
	char name[32], *buf;
	size_t bytes, page = sysconf(_SC_PAGESIZE);
	int dev, ret;

	/* The end comes from the parent, through STOP_DEV, or by its death. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGTERM, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	snprintf(name, sizeof(name), "/dev/ublkc%d", id);
	dev = open(name, O_RDWR);
	if (dev < 0)
		die("%s: %m", name);
	bytes = (depth * sizeof(*desc) + page - 1) & ~(page - 1);
	desc = mmap(NULL, bytes, PROT_READ, MAP_SHARED | MAP_POPULATE, dev,
		    UBLKSRV_CMD_BUF_OFFSET);
	if (desc == MAP_FAILED)
		die("%s: mmap: %m", name);
	buf = mmap(NULL, (size_t)depth * IO_BYTES, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (buf == MAP_FAILED)
		die("buffers: %m");
	uring_setup(&ring, depth);
	if (syscall(__NR_io_uring_register, ring.fd, IORING_REGISTER_FILES,
		    &dev, 1))
		die("io_uring_register: %m");
	for (tag = 0; tag < depth; tag++)
		queue_command(&ring, UBLK_IO_FETCH_REQ, tag, 0,
			      buf + (size_t)tag * IO_BYTES);
	ret = uring_enter(&ring, 0);
	if (ret)
		die("%s: fetch: %s", name, strerror(-ret));
	if (write(ready, "r", 1) != 1)
		die("parent is gone");
	close(ready);

	for (alive = depth; alive;) {
		ret = uring_enter(&ring, 1);
		if (ret && ret != -EINTR)
			die("io_uring_enter: %s", strerror(-ret));
		while (uring_reap(&ring, &cqe)) {
			if (cqe.res == UBLK_IO_RES_OK) {
				tag = cqe.user_data;
				ret = handle(file, &desc[tag],
					     buf + (size_t)tag * IO_BYTES, &n);
				if (ret < 0)
					n.errors++;
				queue_command(&ring,
					      UBLK_IO_COMMIT_AND_FETCH_REQ, tag,
					      ret, buf + (size_t)tag * IO_BYTES);
				continue;
			}
			alive--;
			if (cqe.res != UBLK_IO_RES_ABORT)
				die("tag %llu: %s", cqe.user_data,
				    strerror(-cqe.res));
		}
	}
	fdatasync(file);
	printf("served reads=%lu writes=%lu flushes=%lu discards=%lu errors=%lu\n",
	       n.reads, n.writes, n.flushes, n.discards, n.errors);
	fflush(stdout);
	return 0;
}

/* --- the parent --- */

static void on_signal(int sig)
{
	/* SIGCHLD needs no more than to end the wait. */
	if (sig != SIGCHLD)
		stop = 1;
}

int main(int argc, char **argv)
{
	struct sigaction sa = { .sa_handler = on_signal };
	struct ublksrv_ctrl_dev_info info = { 0 };
	int file, opt, ret, status, ready[2], readonly = 0;
	sigset_t block, old;
	unsigned int depth = 32;
	struct stat st;
	pid_t child;
	char c;

	while ((opt = getopt(argc, argv, "frq:")) != -1) {
		switch (opt) {
		case 'f':
			no_flush = 1;
			break;
		case 'r':
			readonly = 1;
			break;
		case 'q':
			depth = strtoul(optarg, NULL, 0);
			break;
		default:
			return 1;
		}
	}
	if (optind + 1 != argc || depth < 1 || depth > MAX_DEPTH)
		die("usage: ublk [-f] [-r] [-q DEPTH] FILE");
	file = open(argv[optind], (readonly ? O_RDONLY : O_RDWR) | O_CLOEXEC);
	if (file < 0 || fstat(file, &st))
		die("%s: %m", argv[optind]);
	control = open("/dev/ublk-control", O_RDWR | O_CLOEXEC);
	if (control < 0)
		die("/dev/ublk-control: %m (CONFIG_BLK_DEV_UBLK?)");
	uring_setup(&control_ring, 1);

	sigemptyset(&block);
	sigaddset(&block, SIGTERM);
	sigaddset(&block, SIGINT);
	sigaddset(&block, SIGCHLD);
	sigprocmask(SIG_BLOCK, &block, &old);
	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGCHLD, &sa, NULL);

	info.nr_hw_queues = 1;
	info.queue_depth = depth;
	info.max_io_buf_bytes = IO_BYTES;
	info.dev_id = -1;
	ret = add_device(&info);
	if (ret)
		die("ADD_DEV: %s", strerror(-ret));
	ret = set_parameters(info.dev_id, st.st_size >> SECTOR_SHIFT, readonly);
	if (ret) {
		fprintf(stderr, "ublk: SET_PARAMS: %s\n", strerror(-ret));
		goto del;
	}
	if (pipe(ready))
		goto del;
	child = fork();
	if (child < 0)
		goto del;
	if (!child) {
		close(ready[0]);
		exit(serve(info.dev_id, file, depth, ready[1]));
	}
	close(ready[1]);
	ret = read(ready[0], &c, 1) == 1 ? 0 : -EIO;
	if (!ret)
		ret = CONTROL(UBLK_CMD_START_DEV, info.dev_id, NULL, 0, child);
	if (ret) {
		fprintf(stderr, "ublk: START_DEV: %s\n", strerror(-ret));
		kill(child, SIGKILL);
	} else {
		printf("/dev/ublkb%u\n", info.dev_id);
		fflush(stdout);
	}

	/* Until told to stop, or the child has died. */
	status = 0;
	while (!waitpid(child, &status, WNOHANG)) {
		if (stop) {
			ret = CONTROL(UBLK_CMD_STOP_DEV, info.dev_id, NULL, 0, 0);
			if (ret) {
				fprintf(stderr, "ublk: STOP_DEV: %s\n",
					strerror(-ret));
				kill(child, SIGKILL);
			}
			waitpid(child, &status, 0);
			break;
		}
		sigsuspend(&old);
	}
	if (!WIFEXITED(status) || WEXITSTATUS(status)) {
		fprintf(stderr, "ublk: the serving process ended with %#x\n",
			status);
		ret = -EIO;
	}
	if (CONTROL(UBLK_CMD_DEL_DEV, info.dev_id, NULL, 0, 0))
		ret = -EIO;
	return ret ? 1 : 0;

del:
	CONTROL(UBLK_CMD_DEL_DEV, info.dev_id, NULL, 0, 0);
	return 1;
}
