// SPDX-License-Identifier: GPL-2.0-only
/*
 * ptecheck - page tables keep every promise of theirs while they are worked on
 *
 * Usage:  ptecheck [-d DIRECTORY] [-s SEED] [-t SECONDS] CHECK...
 *
 *   -d   directory of a file system on a disk, for the checks with files (default: .);
 *        what is compared with the disk is read from there with O_DIRECT
 *   -s   seed of the random numbers (default: a new one, which is printed)
 *   -t   seconds that each check may take, at least one round (default: 1)
 *
 *   anon        random mmap, munmap, mprotect, mremap, MADV_DONTNEED, MADV_PAGEOUT and
 *               fork on anonymous memory, against a model of it
 *   fork        threads write while others fork and change protections; snapshots hold still
 *   stale       no CPU reaches a page after munmap, mprotect, mremap have returned,
 *               and no page that was freed changes any more
 *   private     private file mappings: faults around do not touch pages written before
 *   file        random writes to shared file mappings, against a model; compared with the disk
 *   file-race   threads write to a shared file mapping while others clean it; as above
 *   dirty       dirty bits of swapped memory and of tmpfs survive until the page is swapped
 *   flags       dirty and accessed pages as /proc/self/smaps counts them
 *   soft-dirty  soft-dirty bits in /proc/self/pagemap    (CONFIG_MEM_SOFT_DIRTY)
 *   uffd-wp     write protection by userfaultfd          (CONFIG_USERFAULTFD)
 *   exits       many processes end at once, in all ways; no memory is lost
 *   vmap        memory which the kernel maps for io_uring (CONFIG_IO_URING)
 *   pressure    more memory in use than there is
 *
 * anon, dirty, flags and pressure need swap space. All need root.
 *
 * Output: "NAME: what was done" for each check, "NAME: not configured: OPTION" where the kernel
 * has not got it. Status: 0 all is well, 1 not (a line "FAIL: ...").
 *
 * ABI: /proc/self/pagemap, smaps and clear_refs as in Linux' Documentation/admin-guide/mm/pagemap.rst
 * and Documentation/filesystems/proc.rst; userfaultfd and io_uring as in Linux' include/uapi/linux.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

/* Newer than the headers of this machine. */
#ifndef IORING_SETUP_NO_MMAP
#define IORING_SETUP_NO_MMAP (1U << 14)
#endif

#define PAGE 4096UL
#define WORDS (PAGE / 8)

typedef uint64_t u64;
typedef union {
	volatile u64 w[WORDS];
	char bytes[PAGE];
} page_t;

static const char *check = "ptecheck";
static const char *directory = ".";
static u64 seed;
static double seconds = 1, deadline;
static int cpus;
static unsigned long rounds;

/* ---- small things --------------------------------------------------------------------- */

__attribute__((noreturn, format(printf, 1, 2))) static void fail(const char *format, ...)
{
	char text[400];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	/* Not printf(): another thread may have been in it when this process was forked. */
	dprintf(1, "FAIL: %s: %s (seed %llu, round %lu)\n", check, text, (unsigned long long)seed, rounds);
	_exit(1);
}

#define must(condition) \
	do { \
		if (!(condition)) \
			fail("line %d: %s: %s", __LINE__, #condition, strerror(errno)); \
	} while (0)

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec * 1e-9;
}

/* Another round? Always one. */
static int more(void)
{
	return !rounds++ || now() < deadline;
}

static __thread u64 rng;

static u64 rnd(void)
{
	rng ^= rng >> 12;
	rng ^= rng << 25;
	rng ^= rng >> 27;
	return rng * 0x2545f4914f6cdd1dULL;
}

static unsigned int below(unsigned int n)
{
	return (rnd() >> 33) % n;
}

static void rng_start(u64 number)
{
	rng = (seed + 1) * 0x9e3779b97f4a7c15ULL + number * 0xd1342543de82ef95ULL;
	rng |= !rng;
	rnd();
}

/* A range of pages, short ones more often. */
static void range(unsigned int pages, unsigned int *from, unsigned int *n)
{
	*n = 1 + below(below(3) ? (pages < 24 ? pages : 24) : pages);
	*from = below(pages - *n + 1);
}

static void shuffle(unsigned int *order, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		order[i] = i;
	for (unsigned int i = n; i > 1; i--) {
		unsigned int k = below(i), t = order[i - 1];

		order[i - 1] = order[k];
		order[k] = t;
	}
}

/* Accesses that may fault: 0 if so. One instruction each, which the handler knows. */
int try_write(volatile u64 *to, u64 value);
int try_read(const volatile u64 *from, u64 *value);
extern const char try_write_at[], try_read_at[], try_failed[];
asm(".text\n"
    "try_write:\n"
    "try_write_at:\n"
    "	movq %rsi, (%rdi)\n"
    "	movl $1, %eax\n"
    "	ret\n"
    "try_read:\n"
    "try_read_at:\n"
    "	movq (%rdi), %rax\n"
    "	movq %rax, (%rsi)\n"
    "	movl $1, %eax\n"
    "	ret\n"
    "try_failed:\n"
    "	xorl %eax, %eax\n"
    "	ret\n");

static void on_fault(int signal, siginfo_t *info, void *context)
{
	greg_t *rip = &((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];

	if (*rip != (greg_t)try_write_at && *rip != (greg_t)try_read_at)
		fail("signal %d at %#llx for address %p", signal, (unsigned long long)*rip, info->si_addr);
	*rip = (greg_t)try_failed;
}

static page_t *map(void *at, unsigned int pages, int prot, int flags, int fd)
{
	void *p = mmap(at, pages * PAGE, prot, flags | (at ? MAP_FIXED : 0), fd, 0);

	must(p != MAP_FAILED);
	madvise(p, pages * PAGE, MADV_NOHUGEPAGE);
	return p;
}

static page_t *anon(void *at, unsigned int pages)
{
	return map(at, pages, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
}

/* What a page holds: the same number at both ends and in the middle. */
static void stamp(page_t *p, u64 value)
{
	p->w[0] = value;
	p->w[WORDS / 2] = value;
	p->w[WORDS - 1] = value;
}

static int has(const page_t *p, u64 value)
{
	return p->w[0] == value && p->w[WORDS / 2] == value && p->w[WORDS - 1] == value;
}

static void expect(const page_t *p, u64 value, unsigned int number, const char *when)
{
	if (!has(p, value))
		fail("%s: page %u holds %#llx %#llx %#llx instead of %#llx", when, number,
		     (unsigned long long)p->w[0], (unsigned long long)p->w[WORDS / 2],
		     (unsigned long long)p->w[WORDS - 1], (unsigned long long)value);
}

static void pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu % cpus, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

/* After fork(): the child's end, which must be a good one. */
static void reap(pid_t child, const char *what)
{
	int status;

	must(child > 0);
	must(waitpid(child, &status, 0) == child);
	if (status)
		fail("%s: the child ended with status %#x", what, status);
}

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		fail("%s: %s", path, strerror(errno));
	close(fd);
}

/* A value of a line "NAME:   N kB" in a file like /proc/meminfo, in pages. */
static long meminfo(const char *name)
{
	FILE *f = fopen("/proc/meminfo", "r");
	char line[200];
	long kib = -1;

	must(f);
	while (kib < 0 && fgets(line, sizeof(line), f))
		if (!strncmp(line, name, strlen(name)) && line[strlen(name)] == ':')
			kib = atol(line + strlen(name) + 1);
	fclose(f);
	must(kib >= 0);
	return kib / 4;
}

static int temporary(int flags)
{
	int fd = open(directory, O_TMPFILE | O_RDWR | flags, 0600);

	must(fd >= 0);
	return fd;
}

static u64 pagemap(const void *p)
{
	static int fd = -1;
	static pid_t whose;
	u64 entry;

	if (whose != getpid()) {
		fd = open("/proc/self/pagemap", O_RDONLY);
		whose = getpid();
	}
	must(pread(fd, &entry, 8, (uintptr_t)p / PAGE * 8) == 8);
	return entry;
}

#define PM_SOFT_DIRTY (1ULL << 55)
#define PM_UFFD_WP (1ULL << 57)
#define PM_SWAP (1ULL << 62)

/*
 * To swap: all pages, or almost; some may be held by another CPU's lists, which this empties. A page
 * that was read back stays while the disk is still writing it, and the disk may be slow.
 */
static void page_out(page_t *p, unsigned int pages)
{
	unsigned int i, out = 0;

	for (int try = 0; try < 40; try++) {
		must(!madvise(p, pages * PAGE, MADV_PAGEOUT));
		for (i = out = 0; i < pages; i++)
			out += !!(pagemap(p + i) & PM_SWAP);
		if (out == pages || (try >= 3 && out >= pages / 4 * 3))
			return;
		write_file("/proc/sys/vm/drop_caches", "1");
		if (try >= 3)
			usleep(50000);
	}
	fail("only %u of %u pages go to swap", out, pages);
}

/* ---- anon ----------------------------------------------------------------------------- */

enum { UNMAPPED, NONE, RO, RW };
static const int prots[] = { -1, PROT_NONE, PROT_READ, PROT_READ | PROT_WRITE };

#define MODEL 160
static page_t *area;
static struct {
	u64 value;
	int state;
} model[MODEL];

static void model_check(unsigned int i, const char *when)
{
	int state = model[i].state;
	u64 value;

	if (try_read(&area[i].w[0], &value) != (state >= RO))
		fail("%s: page %u can%s be read", when, i, state >= RO ? "not" : "");
	if (state >= RO)
		expect(&area[i], model[i].value, i, when);
	if (state != RW && try_write(&area[i].w[1], 1))
		fail("%s: page %u can be written", when, i);
}

static void model_check_all(const char *when)
{
	unsigned int order[MODEL];

	shuffle(order, MODEL);
	for (unsigned int i = 0; i < MODEL; i++)
		model_check(order[i], when);
}

static void model_write(unsigned int i, u64 value)
{
	if (model[i].state != RW)
		return;
	stamp(&area[i], value);
	model[i].value = value;
}

static void model_move(void)
{
	unsigned int from = below(MODEL), to, n = 1, limit = 1 + below(40);
	void *p;

	if (model[from].state == UNMAPPED)
		return;
	while (n < limit && from + n < MODEL && model[from + n].state == model[from].state)
		n++;
	to = below(MODEL - n + 1);
	if (to < from + n && from < to + n)
		return;
	p = mremap(&area[from], n * PAGE, n * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, &area[to]);
	if (p == MAP_FAILED) {
		/* Older kernels do not move more than one mapping; the target has gone by now. */
		munmap(&area[to], n * PAGE);
		for (unsigned int i = 0; i < n; i++)
			model[to + i].state = UNMAPPED;
		return;
	}
	for (unsigned int i = 0; i < n; i++) {
		model[to + i] = model[from + i];
		model[from + i].state = UNMAPPED;
	}
}

static void model_fork(void)
{
	pid_t child = fork();
	unsigned int i;

	if (!child) {
		model_check_all("child");
		for (i = 0; i < MODEL; i++)
			model_write(i, rnd());
		model_check_all("child after its writes");
		_exit(0);
	}
	for (i = 0; i < MODEL; i++)
		if (below(2))
			model_write(i, rnd());
	model_check_all("parent");
	reap(child, "fork");
	model_check_all("parent after its child");
}

static void check_anon(void)
{
	static const char * const names[] = { "write", "MADV_DONTNEED", "mprotect", "munmap", "mmap",
					      "mremap", "fork", "MADV_PAGEOUT", "clear_refs" };
	unsigned long count[9] = { 0 };
	unsigned int from, n, i, op;

	area = anon(NULL, MODEL);
	for (i = 0; i < MODEL; i++) {
		model[i].state = RW;
		model[i].value = 0;
	}
	while (more()) {
		op = below(20);
		op = op < 6 ? 0 : op < 17 ? 1 + (op - 6) % 6 : op - 11;
		if (op == 6 && below(4))
			op = 0;
		range(MODEL, &from, &n);
		switch (op) {
		case 0:
			for (i = from; i < from + n; i++)
				model_write(i, rnd());
			break;
		case 1:
			madvise(&area[from], n * PAGE, MADV_DONTNEED);
			for (i = from; i < from + n; i++)
				model[i].value = 0;
			break;
		case 2: {
			int state = 1 + below(3);

			for (i = from; i < from + n && model[i].state != UNMAPPED; i++)
				model[i].state = state;
			mprotect(&area[from], n * PAGE, prots[state]);
			break;
		}
		case 3:
			munmap(&area[from], n * PAGE);
			for (i = from; i < from + n; i++)
				model[i].state = UNMAPPED;
			break;
		case 4:
			anon(&area[from], n);
			for (i = from; i < from + n; i++) {
				model[i].state = RW;
				model[i].value = 0;
			}
			break;
		case 5:
			model_move();
			break;
		case 6:
			model_fork();
			break;
		case 7:
			madvise(&area[from], n * PAGE, MADV_PAGEOUT);
			break;
		case 8:
			write_file("/proc/self/clear_refs", "1");
			break;
		}
		count[op]++;
		for (i = 0; i < 6; i++)
			model_check(below(MODEL), names[op]);
		if (!(rounds % 16))
			model_check_all(names[op]);
	}
	model_check_all("the end");
	munmap(area, MODEL * PAGE);
	printf("anon:");
	for (op = 0; op < 9; op++)
		printf(" %s %lu", names[op], count[op]);
	printf("\n");
}

/* ---- threads that write -------------------------------------------------------------- */

#define SLICE 48
#define MAX_WRITERS 3

static struct writer {
	pthread_t thread;
	unsigned int number;
	page_t *pages;			/* SLICE of them, which nobody else writes */
	u64 mine[SLICE];		/* what they must hold */
	atomic_ulong *progress;		/* shared with children */
	atomic_int pause, paused;
} writers[MAX_WRITERS];
static unsigned int nr_writers;
static atomic_int stop;
static page_t *shared;			/* between processes */

/* Both ends of a page get a number that grows; nothing else may change it. */
static void *writer(void *arg)
{
	struct writer *me = arg;
	u64 value = 1;

	pin(me->number + 1);
	rng_start(1000 + me->number);
	while (!atomic_load(&stop)) {
		unsigned int i = below(SLICE);
		page_t *p = &me->pages[i];
		u64 first, last;

		if (atomic_load(&me->pause)) {
			atomic_store(&me->paused, 1);
			while (atomic_load(&me->pause))
				sched_yield();
			atomic_store(&me->paused, 0);
		}
		if (!try_read(&p->w[0], &first) || !try_read(&p->w[WORDS - 1], &last))
			continue;
		if (first != me->mine[i] || last != me->mine[i])
			fail("page %u of thread %u holds %#llx %#llx, but %#llx was written", i, me->number,
			     (unsigned long long)first, (unsigned long long)last, (unsigned long long)me->mine[i]);
		value++;
		if (!try_write(&p->w[0], value))
			continue;
		while (!try_write(&p->w[WORDS - 1], value))
			;
		me->mine[i] = value;
		if (!(atomic_fetch_add(me->progress, 1) % 64) && cpus == 1)
			sched_yield();
	}
	return NULL;
}

static void writers_start(page_t *pages)
{
	nr_writers = cpus > MAX_WRITERS ? MAX_WRITERS : cpus > 1 ? cpus - 1 : 1;
	atomic_store(&stop, 0);
	for (unsigned int i = 0; i < nr_writers; i++) {
		struct writer *w = &writers[i];

		w->number = i;
		w->pages = pages + i * SLICE;
		memset(w->mine, 0, sizeof(w->mine));
		w->progress = (atomic_ulong *)&shared->w[8 * i];
		must(!pthread_create(&w->thread, NULL, writer, w));
	}
}

static void writers_stop(void)
{
	atomic_store(&stop, 1);
	for (unsigned int i = 0; i < nr_writers; i++)
		must(!pthread_join(writers[i].thread, NULL));
}

/* Until each has written some pages more. */
static void writers_go_on(unsigned long some)
{
	for (unsigned int i = 0; i < nr_writers; i++) {
		unsigned long from = atomic_load(writers[i].progress);

		/* Not for ever: they may have lost the right to write. */
		for (double end = now() + 0.03; atomic_load(writers[i].progress) < from + some && now() < end;)
			sched_yield();
	}
}

static void writers_pause(int pause)
{
	for (unsigned int i = 0; i < nr_writers; i++)
		atomic_store(&writers[i].pause, pause);
	for (unsigned int i = 0; i < nr_writers; i++)
		while (atomic_load(&writers[i].paused) != pause)
			sched_yield();
}

static unsigned int writers_pages(void)
{
	return nr_writers * SLICE;
}

/* ---- fork ----------------------------------------------------------------------------- */

/* The child of a process whose threads go on writing: nothing may change here. */
static void fork_child(page_t *pages, unsigned int n)
{
	u64 first[MAX_WRITERS * SLICE], last[MAX_WRITERS * SLICE];
	unsigned int order[MAX_WRITERS * SLICE], i, k;

	must(!mprotect(pages, n * PAGE, PROT_READ));
	shuffle(order, n);
	for (k = 0; k < n; k++) {
		i = order[k];
		first[i] = pages[i].w[0];
		last[i] = pages[i].w[WORDS - 1];
		/* A thread may have been between the two. */
		if (first[i] < last[i])
			fail("child: page %u holds %#llx before %#llx", i, (unsigned long long)first[i],
			     (unsigned long long)last[i]);
	}
	writers_go_on(40);
	for (i = 0; i < n; i++)
		if (pages[i].w[0] != first[i] || pages[i].w[WORDS - 1] != last[i])
			fail("child: page %u changes from %#llx to %#llx while its parent writes", i,
			     (unsigned long long)first[i], (unsigned long long)pages[i].w[0]);
	for (i = 0; i < n; i++)
		if (try_write(&pages[i].w[0], 1))
			fail("child: page %u can be written after mprotect(PROT_READ)", i);
	must(!mprotect(pages, n * PAGE, PROT_READ | PROT_WRITE));
	shuffle(order, n);
	for (k = 0; k < n; k++)
		stamp(&pages[order[k]], rng ^ order[k]);
	writers_go_on(10);
	for (i = 0; i < n; i++)
		expect(&pages[i], rng ^ i, i, "child after its writes");
	_exit(0);
}

static atomic_int protector_go;

/* Takes the right to write away and gives it back, again and again. */
static void *protector(void *arg)
{
	page_t *pages = arg;
	unsigned int from, n, i;

	rng_start(2000);
	while (atomic_load(&protector_go)) {
		range(writers_pages(), &from, &n);
		must(!mprotect(&pages[from], n * PAGE, below(2) ? PROT_READ : PROT_NONE));
		for (i = from; i < from + n; i++)
			if (try_write(&pages[i].w[1], 1))
				fail("page %u can be written after mprotect() has returned", i);
		must(!mprotect(&pages[from], n * PAGE, PROT_READ | PROT_WRITE));
		usleep(1000);
	}
	return NULL;
}

static void check_fork(void)
{
	int fd = temporary(0);
	page_t *pages, *back;
	pthread_t protects;
	pid_t children[3];
	unsigned int n, i;

	pages = anon(NULL, MAX_WRITERS * SLICE);
	/* The last slice in use, or half of the only one, is a private file mapping. */
	nr_writers = cpus > MAX_WRITERS ? MAX_WRITERS : cpus > 1 ? cpus - 1 : 1;
	n = writers_pages();
	must(!ftruncate(fd, n * PAGE));
	back = map(NULL, n, PROT_READ, MAP_SHARED, fd);
	map(&pages[n - SLICE / 2], SLICE / 2, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd);
	writers_start(pages);
	atomic_store(&protector_go, 1);
	must(!pthread_create(&protects, NULL, protector, pages));
	while (more()) {
		for (i = 0; i < 3; i++) {
			children[i] = fork();
			if (!children[i])
				fork_child(pages, n);
		}
		for (i = 0; i < 3; i++)
			reap(children[i], "fork");
	}
	atomic_store(&protector_go, 0);
	must(!pthread_join(protects, NULL));
	writers_stop();
	for (i = 0; i < n; i++)
		if (!has(&back[i], 0))
			fail("a write to a private mapping reached page %u of the file", i);
	printf("fork: %lu times 3 children, %u threads\n", rounds, nr_writers);
	munmap(back, n * PAGE);
	munmap(pages, MAX_WRITERS * SLICE * PAGE);
	close(fd);
}

/* ---- stale ---------------------------------------------------------------------------- */

#define STALE 72
enum { OPEN, READ_ONLY, CLOSED };

static atomic_int gate[STALE];		/* what is still allowed; closed when the call has returned */
static const char *gate_keeper;
static page_t *spare, *stash;		/* reserved, so that no hole in area gets used */
static struct {
	pthread_t thread;
	unsigned int number;
	atomic_ulong epoch;
} visitors[MAX_WRITERS];

static u64 mark(unsigned int i, unsigned int who)
{
	return (seed << 32) ^ 0xabcd000000000000ULL ^ i << 8 ^ who;
}

static void *visitor(void *arg)
{
	unsigned int me = *(unsigned int *)arg;
	u64 value;

	pin(me + 1);
	rng_start(3000 + me);
	while (!atomic_load(&stop)) {
		unsigned int i = below(STALE), word = 2 + below(MAX_WRITERS);
		int allowed = atomic_load(&gate[i]);

		if (below(2)) {
			if (try_write(&area[i].w[2 + me], mark(i, 2 + me)) && allowed != OPEN)
				fail("CPU %u writes page %u after %s has returned", me + 1, i, gate_keeper);
		} else if (try_read(&area[i].w[word], &value)) {
			if (allowed == CLOSED)
				fail("CPU %u reads page %u after %s has returned", me + 1, i, gate_keeper);
			if (value && value != mark(i, word))
				fail("CPU %u finds %#llx in page %u", me + 1, (unsigned long long)value, i);
		}
		if (!(atomic_fetch_add(&visitors[me].epoch, 1) % 256) && cpus == 1)
			sched_yield();
	}
	return NULL;
}

static void visitors_go_on(unsigned long some)
{
	for (unsigned int i = 0; i < nr_writers; i++) {
		unsigned long from = atomic_load(&visitors[i].epoch);

		while (atomic_load(&visitors[i].epoch) < from + some)
			sched_yield();
	}
}

static void close_gate(unsigned int from, unsigned int n, int how)
{
	for (unsigned int i = from; i < from + n; i++)
		atomic_store(&gate[i], how);
	visitors_go_on(60);
}

static void open_gate(unsigned int from, unsigned int n)
{
	for (unsigned int i = from; i < from + n; i++)
		atomic_store(&gate[i], OPEN);
	visitors_go_on(2);
}

/* Take the pages that were just freed, and see that nobody else has them. */
static void take_freed(unsigned int n)
{
	page_t *p = anon(stash, n);
	unsigned int i, k;

	for (i = 0; i < n; i++)
		for (k = 0; k < 8; k++)
			p[i].w[k] = ~mark(i, k);
	visitors_go_on(40);
	for (i = 0; i < n; i++)
		for (k = 0; k < 8; k++)
			if (p[i].w[k] != ~mark(i, k))
				fail("a page that was taken after %s is written from elsewhere: %#llx", gate_keeper,
				     (unsigned long long)p[i].w[k]);
	map(p, n, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
}

/* The same in a process of its own, whose page tables take freed pages as well. */
static void reuser(void)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;) {
		page_t *p = anon(NULL, 64);
		unsigned int i, k;

		for (i = 0; i < 64; i++)
			for (k = 0; k < 8; k++)
				p[i].w[k] = ~mark(i, k);
		sched_yield();
		for (i = 0; i < 64; i++)
			for (k = 0; k < 8; k++)
				if (p[i].w[k] != ~mark(i, k))
					fail("a page of another process is written: %#llx", (unsigned long long)p[i].w[k]);
		munmap(p, 64 * PAGE);
	}
}

static void stale_round(void)
{
	static const char * const names[] = { "mprotect(PROT_READ)", "mprotect(PROT_NONE)", "munmap", "mmap",
					      "MADV_DONTNEED", "mremap", "MADV_PAGEOUT", "fork" };
	unsigned int from, n, op = below(8), i, k;
	page_t *p;

	range(STALE, &from, &n);
	p = &area[from];
	gate_keeper = names[op];
	switch (op) {
	case 0:
		must(!mprotect(p, n * PAGE, PROT_READ));
		close_gate(from, n, READ_ONLY);
		open_gate(from, n);
		must(!mprotect(p, n * PAGE, PROT_READ | PROT_WRITE));
		break;
	case 1:
		must(!mprotect(p, n * PAGE, PROT_NONE));
		close_gate(from, n, CLOSED);
		open_gate(from, n);
		must(!mprotect(p, n * PAGE, PROT_READ | PROT_WRITE));
		break;
	case 2:
		must(!munmap(p, n * PAGE));
		for (i = from; i < from + n; i++)
			atomic_store(&gate[i], CLOSED);
		take_freed(n);
		close_gate(from, n, CLOSED);
		open_gate(from, n);
		anon(p, n);
		break;
	case 3:
		map(p, n, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
		for (i = from; i < from + n; i++)
			atomic_store(&gate[i], CLOSED);
		take_freed(n);
		open_gate(from, n);
		must(!mprotect(p, n * PAGE, PROT_READ | PROT_WRITE));
		break;
	case 4:
		must(!madvise(p, n * PAGE, MADV_DONTNEED));
		take_freed(n);
		break;
	case 5:
		must(mremap(p, n * PAGE, n * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, spare) == spare);
		for (i = 0; i < n; i++)
			for (k = 2; k < 2 + MAX_WRITERS; k++) {
				if (spare[i].w[k] && spare[i].w[k] != mark(from + i, k))
					fail("mremap() mixes up pages: %#llx", (unsigned long long)spare[i].w[k]);
				spare[i].w[k] = 0;
			}
		close_gate(from, n, CLOSED);
		for (i = 0; i < n; i++)
			for (k = 2; k < 2 + MAX_WRITERS; k++)
				if (spare[i].w[k])
					fail("a page that mremap() moved is written by its old address");
		open_gate(from, n);
		must(mremap(spare, n * PAGE, n * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, p) == p);
		map(spare, n, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
		break;
	case 6:
		must(!madvise(p, n * PAGE, MADV_PAGEOUT));
		break;
	case 7: {
		pid_t child = fork();

		if (!child) {
			/* Words that the visitors have not written yet must stay so. */
			for (i = 0; i < STALE; i++)
				area[i].w[2] = ~0ULL;
			sched_yield();
			for (i = 0; i < STALE; i++)
				if (area[i].w[2] != ~0ULL)
					fail("child: the parent writes its page %u", i);
			_exit(0);
		}
		reap(child, "fork");
		break;
	}
	}
}

static void check_stale(void)
{
	pid_t child;

	spare = map(NULL, STALE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	stash = map(NULL, STALE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	area = anon(NULL, STALE);
	child = fork();
	if (!child)
		reuser();
	nr_writers = cpus > MAX_WRITERS ? MAX_WRITERS : cpus > 1 ? cpus - 1 : 1;
	atomic_store(&stop, 0);
	pin(0);
	for (unsigned int i = 0; i < nr_writers; i++) {
		visitors[i].number = i;
		must(!pthread_create(&visitors[i].thread, NULL, visitor, &visitors[i].number));
	}
	while (more()) {
		int status;

		stale_round();
		if (waitpid(child, &status, WNOHANG))
			fail("the process beside has ended: %#x", status);
	}
	atomic_store(&stop, 1);
	for (unsigned int i = 0; i < nr_writers; i++)
		must(!pthread_join(visitors[i].thread, NULL));
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	munmap(area, STALE * PAGE);
	munmap(spare, STALE * PAGE);
	munmap(stash, STALE * PAGE);
	printf("stale: %lu rounds, %u other CPUs or threads\n", rounds, nr_writers);
}

/* ---- private -------------------------------------------------------------------------- */

#define FILE_PAGES 160

static void check_private(void)
{
	int fd = temporary(0);
	u64 written[FILE_PAGES];
	unsigned int order[FILE_PAGES], i, k, from, n;
	page_t page, *p;

	memset(&page, 0, sizeof(page));
	for (i = 0; i < FILE_PAGES; i++) {
		stamp(&page, mark(i, 1));
		must(pwrite(fd, &page, PAGE, i * PAGE) == PAGE);
	}
	must(!fsync(fd));
	while (more()) {
		/* Holes in the cache, which a fault around leaves out. */
		for (k = 0; k < 4; k++) {
			range(FILE_PAGES, &from, &n);
			posix_fadvise(fd, from * PAGE, n * PAGE, POSIX_FADV_DONTNEED);
			for (i = 0; i < 3; i++)
				must(pread(fd, &page, 8, (from + below(n)) * PAGE) == 8);
		}
		n = 1 + below(FILE_PAGES);
		p = mmap(NULL, n * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
		must(p != MAP_FAILED);
		memset(written, 0, sizeof(written));
		shuffle(order, n);
		for (k = 0; k < n; k++) {
			i = order[k];
			if (below(3)) {
				expect(&p[i], mark(i, 1), i, "before a write");
				if (below(3) == 0) {
					unsigned int m = 1 + below(n - i < 20 ? n - i : 20);

					/* Away and back: the page of the file again. */
					must(!madvise(&p[i], m * PAGE, MADV_DONTNEED));
					memset(&written[i], 0, m * 8);
				}
			} else {
				written[i] = rnd() | 1;
				stamp(&p[i], written[i]);
			}
		}
		if (below(2)) {
			pid_t child = fork();

			if (!child) {
				for (i = 0; i < n; i++)
					expect(&p[i], written[i] ? written[i] : mark(i, 1), i, "child");
				for (i = 0; i < n; i++)
					stamp(&p[i], 1);
				_exit(0);
			}
			reap(child, "fork");
		}
		for (i = 0; i < n; i++)
			expect(&p[i], written[i] ? written[i] : mark(i, 1), i, "in the end");
		munmap(p, n * PAGE);
	}
	for (i = 0; i < FILE_PAGES; i++) {
		must(pread(fd, &page, PAGE, i * PAGE) == PAGE);
		expect(&page, mark(i, 1), i, "file");
	}
	close(fd);
	printf("private: %lu mappings\n", rounds);
}

/* ---- file ----------------------------------------------------------------------------- */

#define FILE_MODEL (2 * SLICE)
static u64 in_file[FILE_MODEL];
static int file_fd, direct_fd;

static void files_open(void)
{
	char name[64];

	file_fd = temporary(0);
	must(!ftruncate(file_fd, FILE_MODEL * PAGE));
	snprintf(name, sizeof(name), "/proc/self/fd/%d", file_fd);
	direct_fd = open(name, O_RDONLY | O_DIRECT);
	must(direct_fd >= 0);
}

static void files_close(void)
{
	close(direct_fd);
	close(file_fd);
}

/* What is on the disk; the pages in memory are not looked at. */
static const page_t *from_disk(void)
{
	static page_t *buffer;

	if (!buffer)
		buffer = map(NULL, FILE_MODEL, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	must(pread(direct_fd, buffer, FILE_MODEL * PAGE, 0) == FILE_MODEL * PAGE);
	return buffer;
}

static void file_check_disk(const char *when)
{
	const page_t *disk;

	must(!fsync(file_fd));
	disk = from_disk();
	for (unsigned int i = 0; i < FILE_MODEL; i++)
		expect(&disk[i], in_file[i], i, when);
}

static void check_file(void)
{
	static const char * const names[] = { "write", "pwrite", "msync", "mprotect", "MADV_DONTNEED", "munmap",
					      "fork", "truncate", "punch", "disk", "drop_caches" };
	unsigned long count[11] = { 0 };
	unsigned char writable[2][FILE_MODEL];
	unsigned int from, n, i, op;
	page_t *p[2], page;
	u64 value;

	files_open();
	memset(&page, 0, sizeof(page));
	memset(in_file, 0, sizeof(in_file));
	memset(writable, 1, sizeof(writable));
	for (i = 0; i < 2; i++)
		p[i] = map(NULL, FILE_MODEL, PROT_READ | PROT_WRITE, MAP_SHARED, file_fd);
	while (more()) {
		unsigned int way = below(2);
		page_t *here = p[way];

		op = below(24);
		op = op < 10 ? 0 : op < 14 ? 2 : op < 17 ? 3 : op < 19 ? 4 : op - 14;
		if (op == 5 && below(2))
			op = 1;
		if (op == 9 && below(8) == 0)
			op = 10;
		range(FILE_MODEL, &from, &n);
		switch (op) {
		case 0:
			for (i = from; i < from + n; i++) {
				value = rnd();
				if (try_write(&here[i].w[1], 0) != writable[way][i])
					fail("page %u can%s be written", i, writable[way][i] ? "not" : "");
				if (writable[way][i]) {
					stamp(&here[i], value);
					in_file[i] = value;
				}
			}
			break;
		case 1:
			in_file[from] = rnd();
			stamp(&page, in_file[from]);
			must(pwrite(file_fd, &page, PAGE, from * PAGE) == PAGE);
			break;
		case 2:
			must(!msync(&here[from], n * PAGE, MS_SYNC));
			break;
		case 3:
			value = below(3);
			must(!mprotect(&here[from], n * PAGE, value ? PROT_READ | PROT_WRITE : PROT_READ));
			memset(&writable[way][from], !!value, n);
			break;
		case 4:
			must(!madvise(&here[from], n * PAGE, MADV_DONTNEED));
			break;
		case 5:
			map(&here[from], n, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
			must(mmap(&here[from], n * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, file_fd,
				  from * PAGE) == &here[from]);
			memset(&writable[way][from], 1, n);
			break;
		case 6: {
			pid_t child = fork();

			if (child)
				reap(child, "fork");
			/* Both draw the same numbers; the child writes. */
			for (i = from; i < from + n; i++) {
				value = rnd();
				if (!writable[way][i])
					continue;
				if (!child)
					stamp(&here[i], value);
				in_file[i] = value;
			}
			if (!child)
				_exit(0);
			break;
		}
		case 7:
			must(!ftruncate(file_fd, from * PAGE));
			for (i = from; i < FILE_MODEL; i++) {
				if (try_read(&here[i].w[0], &value))
					fail("page %u can be read after truncate", i);
				in_file[i] = 0;
			}
			must(!ftruncate(file_fd, FILE_MODEL * PAGE));
			break;
		case 8:
			if (fallocate(file_fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, from * PAGE, n * PAGE))
				break;
			memset(&in_file[from], 0, n * 8);
			break;
		case 9:
			file_check_disk("disk");
			break;
		case 10:
			must(!fsync(file_fd));
			for (i = 0; i < 2; i++)
				must(!madvise(p[i], FILE_MODEL * PAGE, MADV_DONTNEED));
			write_file("/proc/sys/vm/drop_caches", "1");
			for (i = 0; i < FILE_MODEL; i++)
				expect(&p[way][i], in_file[i], i, "after drop_caches");
			break;
		}
		count[op]++;
		for (n = 0; n < 6; n++) {
			i = below(FILE_MODEL);
			if (below(2)) {
				must(pread(file_fd, &page, PAGE, i * PAGE) == PAGE);
				expect(&page, in_file[i], i, names[op]);
			} else {
				expect(&p[below(2)][i], in_file[i], i, names[op]);
			}
		}
	}
	for (i = 0; i < 2; i++)
		munmap(p[i], FILE_MODEL * PAGE);
	file_check_disk("disk after munmap");
	files_close();
	printf("file:");
	for (op = 0; op < 11; op++)
		printf(" %s %lu", names[op], count[op]);
	printf("\n");
}

static void check_file_race(void)
{
	unsigned int from, n, i, k, compared = 0;
	page_t *p, *other;
	const page_t *disk;

	files_open();
	spare = map(NULL, FILE_MODEL, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	p = map(NULL, FILE_MODEL, PROT_READ | PROT_WRITE, MAP_SHARED, file_fd);
	other = map(NULL, FILE_MODEL, PROT_READ | PROT_WRITE, MAP_SHARED, file_fd);
	pin(0);
	/* Two threads at most: FILE_MODEL is two slices. */
	i = cpus;
	cpus = cpus > 3 ? 3 : cpus;
	writers_start(p);
	cpus = i;
	while (more()) {
		range(writers_pages(), &from, &n);
		switch (below(8)) {
		case 0:
		case 1:
			must(!msync(&p[from], n * PAGE, MS_SYNC));
			break;
		case 2:
			must(!sync_file_range(file_fd, from * PAGE, n * PAGE, SYNC_FILE_RANGE_WRITE));
			break;
		case 3:
			must(!mprotect(&p[from], n * PAGE, PROT_READ));
			if (below(2))
				must(!msync(&p[from], n * PAGE, MS_SYNC));
			for (i = from; i < from + n; i++)
				if (try_write(&p[i].w[1], 0))
					fail("page %u can be written after mprotect(PROT_READ)", i);
			must(!mprotect(&p[from], n * PAGE, PROT_READ | PROT_WRITE));
			break;
		case 4:
			must(!madvise(&p[from], n * PAGE, MADV_DONTNEED));
			break;
		case 5:
			for (i = from; i < from + n; i++)
				other[i].w[1] = rnd();
			must(!munmap(&other[from], n * PAGE));
			must(mmap(&other[from], n * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, file_fd,
				  from * PAGE) == &other[from]);
			break;
		case 6:
			must(mremap(&p[from], n * PAGE, n * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, spare) == spare);
			for (i = from; i < from + n; i++)
				if (try_write(&p[i].w[1], 0))
					fail("page %u can be written after mremap", i);
			must(mremap(spare, n * PAGE, n * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, &p[from]) == &p[from]);
			map(spare, n, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
			break;
		case 7: {
			pid_t child = fork();

			if (!child) {
				for (i = from; i < from + n; i++)
					p[i].w[1] = 2;
				_exit(0);
			}
			reap(child, "fork");
			break;
		}
		}
		if (rounds % 8)
			continue;
		writers_pause(1);
		must(!fsync(file_fd));
		disk = from_disk();
		for (i = 0; i < nr_writers; i++)
			for (k = 0; k < SLICE; k++)
				if (disk[i * SLICE + k].w[0] != writers[i].mine[k] ||
				    disk[i * SLICE + k].w[WORDS - 1] != writers[i].mine[k])
					fail("page %u on the disk holds %#llx, the process had written %#llx",
					     i * SLICE + k, (unsigned long long)disk[i * SLICE + k].w[0],
					     (unsigned long long)writers[i].mine[k]);
		compared++;
		writers_pause(0);
	}
	writers_stop();
	munmap(p, FILE_MODEL * PAGE);
	munmap(other, FILE_MODEL * PAGE);
	munmap(spare, FILE_MODEL * PAGE);
	must(!fsync(file_fd));
	disk = from_disk();
	for (i = 0; i < nr_writers; i++)
		for (k = 0; k < SLICE; k++)
			if (disk[i * SLICE + k].w[0] != writers[i].mine[k])
				fail("page %u on the disk is old after munmap", i * SLICE + k);
	files_close();
	printf("file-race: %lu rounds, %u threads, %u times compared with the disk\n", rounds, nr_writers, compared + 1);
}

/* ---- dirty ---------------------------------------------------------------------------- */

#define DIRTY 96

static struct dirtier {
	page_t *pages;
	u64 want[DIRTY];
	unsigned char chosen[DIRTY];
} dirtier;

/* Writes the chosen pages once, however often it takes. */
static void *dirty_chosen(void *arg)
{
	struct dirtier *d = arg;

	for (unsigned int i = 0; i < DIRTY; i++) {
		if (!d->chosen[i])
			continue;
		while (!try_write(&d->pages[i].w[0], d->want[i]))
			sched_yield();
		while (!try_write(&d->pages[i].w[WORDS / 2], d->want[i]))
			sched_yield();
		while (!try_write(&d->pages[i].w[WORDS - 1], d->want[i]))
			sched_yield();
	}
	return NULL;
}

static void *dirty_chosen_elsewhere(void *arg)
{
	pin(1);
	return dirty_chosen(arg);
}

static unsigned int choose(unsigned char *chosen, unsigned int n)
{
	unsigned int i, count = 0, share = 1 + below(7);

	for (i = 0; i < n; i++)
		count += chosen[i] = below(8) < share;
	return count;
}

/* Of all of this process; not every kernel can. */
static int clear_soft_dirty(void)
{
	int fd = open("/proc/self/clear_refs", O_WRONLY), ok;

	must(fd >= 0);
	ok = write(fd, "4", 1) == 1;
	close(fd);
	return ok;
}

/*
 * A page that was read from swap is clean and still has its place there. A write makes the page
 * table entry dirty and nothing else; reclaim frees a clean page without writing it again.
 */
static void dirty_anon(page_t *p)
{
	unsigned int order[DIRTY], i, how = below(8), race = below(2);
	static const char * const names[] = { "nothing", "mprotect", "fork", "fork and MADV_DONTNEED", "mremap",
					      "clear_refs", "MADV_COLD", "MADV_PAGEOUT" };
	pthread_t thread;
	pid_t child;
	int go[2];

	for (i = 0; i < DIRTY; i++) {
		dirtier.want[i] = rnd();
		stamp(&p[i], dirtier.want[i]);
	}
	page_out(p, DIRTY);
	shuffle(order, DIRTY);
	for (i = 0; i < DIRTY; i++)
		expect(&p[order[i]], dirtier.want[order[i]], order[i], "swapped in");
	choose(dirtier.chosen, DIRTY);
	for (i = 0; i < DIRTY; i++)
		if (dirtier.chosen[i])
			dirtier.want[i] = rnd();
	dirtier.pages = p;
	if (how == 0 || how == 3 || how == 4)
		race = 0;
	if (race)
		must(!pthread_create(&thread, NULL, dirty_chosen_elsewhere, &dirtier));
	else
		dirty_chosen(&dirtier);
	switch (how) {
	case 1:
		for (i = 0; i < 4; i++) {
			must(!mprotect(p, DIRTY * PAGE, i & 1 ? PROT_NONE : PROT_READ));
			must(!mprotect(p, DIRTY * PAGE, PROT_READ | PROT_WRITE));
		}
		break;
	case 2:
		child = fork();
		if (!child) {
			for (i = 0; i < DIRTY; i++)
				if (below(2))
					stamp(&p[i], 1);
			_exit(0);
		}
		reap(child, "fork");
		break;
	case 3:
		must(!pipe(go));
		child = fork();
		if (!child) {
			close(go[1]);
			must(read(go[0], &i, 1) == 0);
			page_out(p, DIRTY);
			for (i = 0; i < DIRTY; i++)
				expect(&p[i], dirtier.want[i], i, "swapped in by the child");
			_exit(0);
		}
		must(!madvise(p, DIRTY * PAGE, MADV_DONTNEED));
		close(go[0]);
		close(go[1]);
		reap(child, "fork");
		for (i = 0; i < DIRTY; i++)
			dirtier.want[i] = 0;
		break;
	case 4:
		must(mremap(p, DIRTY * PAGE, DIRTY * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, spare) == spare);
		must(mremap(spare, DIRTY * PAGE, DIRTY * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, p) == p);
		map(spare, DIRTY, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
		break;
	case 5:
		write_file("/proc/self/clear_refs", "1");
		clear_soft_dirty();
		break;
	case 6:
		must(!madvise(p, DIRTY * PAGE, MADV_COLD));
		break;
	case 7:
		must(!madvise(p, DIRTY * PAGE, MADV_PAGEOUT));
		break;
	}
	if (race)
		must(!pthread_join(thread, NULL));
	if (how != 3)
		page_out(p, DIRTY);
	for (i = 0; i < DIRTY; i++)
		if (!has(&p[i], dirtier.want[i]))
			fail("page %u holds %#llx instead of %#llx: not written to swap again after %s", i,
			     (unsigned long long)p[i].w[0], (unsigned long long)dirtier.want[i], names[how]);
}

/*
 * A hole of tmpfs that is read gets a clean page, mapped writable. That it was written is known from
 * the page table entry alone, until that goes; a clean page is dropped and becomes a hole again.
 */
static void dirty_tmpfs(void)
{
	int fd = memfd_create("ptecheck", 0), how = below(6);
	static const char * const names[] = { "munmap", "MADV_DONTNEED", "the end of a process", "mremap",
					      "mprotect", "MADV_PAGEOUT" };
	unsigned int i, n, from, present = 0;
	page_t *p, page;
	u64 sum = 0;
	pid_t child;

	must(fd >= 0 && !ftruncate(fd, DIRTY * PAGE));
	p = map(NULL, DIRTY, PROT_READ | PROT_WRITE, MAP_SHARED, fd);
	for (i = 0; i < DIRTY; i++)
		sum += p[i].w[7];
	must(!sum);
	choose(dirtier.chosen, DIRTY);
	for (i = 0; i < DIRTY; i++)
		dirtier.want[i] = dirtier.chosen[i] ? rnd() | 1 : 0;
	dirtier.pages = p;
	if (how != 2)
		dirty_chosen(&dirtier);
	switch (how) {
	case 1:
		for (n = 0; n < DIRTY; n += i) {
			i = 1 + below(DIRTY - n);
			must(!madvise(&p[n], i * PAGE, MADV_DONTNEED));
		}
		break;
	case 2:
		child = fork();
		if (!child) {
			for (i = 0; i < DIRTY; i++)
				sum += p[i].w[7];
			must(!sum);
			dirty_chosen(&dirtier);
			_exit(0);
		}
		reap(child, "fork");
		break;
	case 3:
		range(DIRTY, &from, &n);
		must(mremap(&p[from], n * PAGE, n * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, spare) == spare);
		map(spare, n, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
		map(&p[from], n, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
		break;
	case 4:
		must(!mprotect(p, DIRTY * PAGE, PROT_READ));
		must(!mprotect(p, DIRTY * PAGE, PROT_NONE));
		break;
	}
	if (how != 5) {
		munmap(p, DIRTY * PAGE);
		p = map(NULL, DIRTY, PROT_READ, MAP_SHARED, fd);
		for (i = 0; i < DIRTY; i++)
			expect(&p[i], dirtier.want[i], i, names[how]);
	}
	write_file("/proc/sys/vm/drop_caches", "1");
	must(!madvise(p, DIRTY * PAGE, MADV_PAGEOUT));
	for (i = 0; i < DIRTY; i++)
		present += pagemap(&p[i]) >> 63;
	if (present > DIRTY / 4)
		fail("%u of %u pages of tmpfs do not go to swap", present, DIRTY);
	for (i = 0; i < DIRTY; i++) {
		must(pread(fd, &page, PAGE, i * PAGE) == PAGE);
		if (!has(&page, dirtier.want[i]))
			fail("page %u of tmpfs holds %#llx instead of %#llx: dropped as clean after %s", i,
			     (unsigned long long)page.w[0], (unsigned long long)dirtier.want[i], names[how]);
	}
	munmap(p, DIRTY * PAGE);
	close(fd);
}

static void check_dirty(void)
{
	page_t *p;

	pin(0);
	spare = map(NULL, DIRTY, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	p = anon(NULL, DIRTY);
	while (more()) {
		dirty_anon(p);
		dirty_tmpfs();
	}
	munmap(p, DIRTY * PAGE);
	munmap(spare, DIRTY * PAGE);
	printf("dirty: %lu rounds of anonymous memory and of tmpfs\n", rounds);
}

/* ---- flags ---------------------------------------------------------------------------- */

#define FLAGS 64

struct smaps {
	unsigned int private_dirty, private_clean, shared_dirty, referenced;
};

/* The counts of the mapping that begins at p, in pages. */
static struct smaps smaps(const void *p)
{
	struct smaps s = { 0 };
	FILE *f = fopen("/proc/self/smaps", "r");
	int inside = 0, found = 0;
	char line[300];
	unsigned int kib;

	must(f);
	while (fgets(line, sizeof(line), f)) {
		unsigned long from, to;

		if (sscanf(line, "%lx-%lx ", &from, &to) == 2) {
			inside = from == (uintptr_t)p;
			found |= inside && to - from == FLAGS * PAGE;
		} else if (inside) {
			if (sscanf(line, "Private_Dirty: %u", &kib) == 1)
				s.private_dirty = kib / 4;
			else if (sscanf(line, "Private_Clean: %u", &kib) == 1)
				s.private_clean = kib / 4;
			else if (sscanf(line, "Shared_Dirty: %u", &kib) == 1)
				s.shared_dirty = kib / 4;
			else if (sscanf(line, "Referenced: %u", &kib) == 1)
				s.referenced = kib / 4;
		}
	}
	fclose(f);
	if (!found)
		fail("no mapping of its own at %p", p);
	return s;
}

/* Far more than the kernel flushes page by page: the whole TLB goes. */
static void flush_tlb(void)
{
	static page_t *p;

	if (!p) {
		p = anon(NULL, 512);
		for (int i = 0; i < 512; i++)
			p[i].w[0] = 1;
	}
	must(!mprotect(p, 512 * PAGE, PROT_READ));
	must(!mprotect(p, 512 * PAGE, PROT_READ | PROT_WRITE));
	for (int i = 0; i < 512; i++)
		p[i].w[0] = 1;
}

/* Work on the page tables which neither cleans nor touches a page. Returns where the pages are then. */
static page_t *flags_work(page_t *p, page_t *other, unsigned int how)
{
	pid_t child;

	switch (how) {
	case 0:
		must(!mprotect(p, FLAGS * PAGE, PROT_READ));
		break;
	case 1:
		must(!mprotect(p, FLAGS * PAGE, PROT_NONE));
		must(!mprotect(p, FLAGS * PAGE, PROT_READ | PROT_WRITE));
		break;
	case 2:
		child = fork();
		if (!child)
			_exit(0);
		reap(child, "fork");
		break;
	case 3:
		must(mremap(p, FLAGS * PAGE, FLAGS * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, other) == other);
		map(p, FLAGS, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
		return other;
	}
	return p;
}

static void flags_fork(page_t *p, unsigned int dirty)
{
	int go[2];
	pid_t child;
	struct smaps s;

	must(!pipe(go));
	child = fork();
	if (!child) {
		s = smaps(p);
		if (s.shared_dirty != dirty || s.private_dirty)
			fail("child: %u dirty pages instead of %u", s.shared_dirty + s.private_dirty, dirty);
		close(go[1]);
		must(read(go[0], &s, 1) == 0);
		_exit(0);
	}
	s = smaps(p);
	if (s.shared_dirty != dirty || s.private_dirty)
		fail("after fork: %u dirty pages instead of %u", s.shared_dirty + s.private_dirty, dirty);
	close(go[0]);
	close(go[1]);
	reap(child, "fork");
}

static void check_flags(void)
{
	static const char * const names[] = { "mprotect", "mprotect and back", "fork", "mremap" };
	page_t *base = map(NULL, 2 * FLAGS + 3, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	unsigned int i, dirty, touched, how, useful = 0;
	unsigned char chosen[FLAGS];
	volatile u64 sink;
	struct smaps s;
	page_t *p;

	pin(0);
	while (more()) {
		/* A page on each side is left out: mappings beside each other become one. */
		p = anon(base + 1, FLAGS);
		for (i = 0; i < FLAGS; i++)
			stamp(&p[i], i + rounds);
		page_out(p, FLAGS);
		for (i = 0; i < FLAGS; i++)
			expect(&p[i], i + rounds, i, "swapped in");
		s = smaps(p);
		if (s.private_dirty == 0) {
			useful++;
			dirty = choose(chosen, FLAGS);
			for (i = 0; i < FLAGS; i++)
				if (chosen[i])
					p[i].w[1] = 1;
			s = smaps(p);
			if (s.private_dirty != dirty || s.private_clean != FLAGS - dirty)
				fail("%u pages are dirty, %u were written", s.private_dirty, dirty);
			flags_fork(p, dirty);
			how = below(4);
			p = flags_work(p, base + FLAGS + 2, how);
			s = smaps(p);
			if (s.private_dirty != dirty)
				fail("%u pages are dirty after %s, %u before", s.private_dirty, names[how], dirty);
		}
		write_file("/proc/self/clear_refs", "1");
		flush_tlb();
		s = smaps(p);
		if (s.referenced)
			fail("%u pages are referenced after clear_refs", s.referenced);
		touched = choose(chosen, FLAGS);
		for (i = 0; i < FLAGS; i++)
			if (chosen[i])
				sink = p[i].w[0];
		how = below(3);
		flags_work(p, NULL, how);
		s = smaps(p);
		if (s.referenced != touched)
			fail("%u pages are referenced after %s, %u were read", s.referenced, names[how], touched);
		map(base, 2 * FLAGS + 3, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	}
	(void)sink;
	if (!useful)
		fail("pages read from swap are never clean");
	munmap(base, (2 * FLAGS + 3) * PAGE);
	printf("flags: %lu rounds, %u with clean pages\n", rounds, useful);
}

/* ---- soft-dirty ----------------------------------------------------------------------- */

static void soft_dirty_check(const page_t *p, const unsigned char *chosen, const char *when)
{
	for (unsigned int i = 0; i < DIRTY; i++)
		if (!!(pagemap(&p[i]) & PM_SOFT_DIRTY) != chosen[i])
			fail("%s: page %u is%s soft-dirty", when, i, chosen[i] ? " not" : "");
}

static void check_soft_dirty(void)
{
	unsigned char chosen[DIRTY];
	unsigned int i, how;
	page_t *p = anon(NULL, DIRTY);
	pid_t child;

	/* A new mapping is soft-dirty as a whole, where there is such a thing. */
	if (!(pagemap(p) & PM_SOFT_DIRTY)) {
		printf("soft-dirty: not configured: MEM_SOFT_DIRTY\n");
		return;
	}
	pin(0);
	while (more()) {
		for (i = 0; i < DIRTY; i++)
			stamp(&p[i], i);
		must(clear_soft_dirty());
		memset(chosen, 0, sizeof(chosen));
		soft_dirty_check(p, chosen, "cleared");
		choose(chosen, DIRTY);
		for (i = 0; i < DIRTY; i++)
			if (chosen[i])
				p[i].w[1] = rounds;
		soft_dirty_check(p, chosen, "written");
		for (int k = 0; k < 3; k++) {
			how = below(4);
			switch (how) {
			case 0:
				must(!mprotect(p, DIRTY * PAGE, PROT_READ));
				soft_dirty_check(p, chosen, "mprotect");
				must(!mprotect(p, DIRTY * PAGE, PROT_READ | PROT_WRITE));
				soft_dirty_check(p, chosen, "mprotect and back");
				break;
			case 1:
			case 2:
				child = fork();
				if (!child) {
					soft_dirty_check(p, chosen, "child");
					_exit(0);
				}
				reap(child, "fork");
				soft_dirty_check(p, chosen, "fork");
				break;
			case 3:
				page_out(p, DIRTY);
				soft_dirty_check(p, chosen, "swapped out");
				for (i = 0; i < DIRTY; i++)
					expect(&p[i], i, i, "swapped in");
				soft_dirty_check(p, chosen, "swapped in");
				break;
			}
		}
	}
	munmap(p, DIRTY * PAGE);
	printf("soft-dirty: %lu rounds\n", rounds);
}

/* ---- uffd-wp -------------------------------------------------------------------------- */

/* Every write where one is not allowed, and only there, ends in SIGBUS (UFFD_FEATURE_SIGBUS). */
static void uffd_check(page_t *p, const unsigned char *protected, const char *when)
{
	for (unsigned int i = 0; i < DIRTY; i++) {
		if (!!(pagemap(&p[i]) & PM_UFFD_WP) != protected[i])
			fail("%s: page %u is%s protected", when, i, protected[i] ? " not" : "");
		if (below(3) == 0 && try_write(&p[i].w[1], 0) == protected[i])
			fail("%s: page %u can%s be written", when, i, protected[i] ? "" : "not");
	}
}

static void uffd_protect(int uffd, page_t *p, unsigned int n, int yes)
{
	struct uffdio_writeprotect wp = {
		.range = { (uintptr_t)p, n * PAGE },
		.mode = yes ? UFFDIO_WRITEPROTECT_MODE_WP : 0,
	};

	must(!ioctl(uffd, UFFDIO_WRITEPROTECT, &wp));
}

static void uffd_round(int uffd, page_t *p, int tmpfs)
{
	struct uffdio_register r = { .range = { (uintptr_t)p, DIRTY * PAGE }, .mode = UFFDIO_REGISTER_MODE_WP };
	unsigned char protected[DIRTY];
	unsigned int i;
	pid_t child;

	for (i = 0; i < DIRTY; i++)
		stamp(&p[i], i + rounds);
	must(!ioctl(uffd, UFFDIO_REGISTER, &r));
	choose(protected, DIRTY);
	for (i = 0; i < DIRTY; i++)
		if (protected[i])
			uffd_protect(uffd, &p[i], 1, 1);
	uffd_check(p, protected, "protected");
	for (int k = 0; k < 4; k++) {
		switch (below(5)) {
		case 0:
			must(!mprotect(p, DIRTY * PAGE, PROT_READ));
			must(!mprotect(p, DIRTY * PAGE, PROT_READ | PROT_WRITE));
			uffd_check(p, protected, "mprotect and back");
			break;
		case 1:
			child = fork();
			if (!child) {
				/* The child's are not protected: it did not ask to be told (UFFD_FEATURE_EVENT_FORK). */
				if (!tmpfs)
					for (i = 0; i < DIRTY; i++)
						stamp(&p[i], 1);
				_exit(0);
			}
			reap(child, "fork");
			uffd_check(p, protected, "fork");
			break;
		case 2:
			must(!madvise(p, DIRTY * PAGE, MADV_PAGEOUT));
			uffd_check(p, protected, "MADV_PAGEOUT");
			break;
		case 3:
			if (!tmpfs)
				break;
			/* The file keeps the data; a marker in the page table keeps the protection. */
			must(!madvise(p, DIRTY * PAGE, MADV_DONTNEED));
			uffd_check(p, protected, "MADV_DONTNEED");
			break;
		case 4:
			i = below(DIRTY);
			protected[i] ^= 1;
			uffd_protect(uffd, &p[i], 1, protected[i]);
			uffd_check(p, protected, "changed");
			break;
		}
	}
	for (i = 0; i < DIRTY; i++)
		expect(&p[i], i + rounds, i, "in the end");
	must(!ioctl(uffd, UFFDIO_UNREGISTER, &r.range));
	memset(protected, 0, sizeof(protected));
	uffd_check(p, protected, "unregistered");
}

static void check_uffd_wp(void)
{
	struct uffdio_api api = {
		.api = UFFD_API,
		.features = UFFD_FEATURE_PAGEFAULT_FLAG_WP | UFFD_FEATURE_SIGBUS | UFFD_FEATURE_WP_HUGETLBFS_SHMEM,
	};
	int uffd = syscall(SYS_userfaultfd, O_CLOEXEC), fd = memfd_create("ptecheck", 0);
	page_t *p, *file;

	if (uffd < 0) {
		printf("uffd-wp: not configured: USERFAULTFD\n");
		return;
	}
	must(!ioctl(uffd, UFFDIO_API, &api));
	must(fd >= 0 && !ftruncate(fd, DIRTY * PAGE));
	p = anon(NULL, DIRTY);
	file = map(NULL, DIRTY, PROT_READ | PROT_WRITE, MAP_SHARED, fd);
	while (more()) {
		uffd_round(uffd, p, 0);
		uffd_round(uffd, file, 1);
	}
	munmap(p, DIRTY * PAGE);
	munmap(file, DIRTY * PAGE);
	close(fd);
	close(uffd);
	printf("uffd-wp: %lu rounds of anonymous memory and of tmpfs\n", rounds);
}

/* ---- exits ---------------------------------------------------------------------------- */

#define CHILDREN 16
#define EXIT_PAGES 48

/* Writes to the second half of the pages: the first one may go before the process does. */
static void *idle(void *arg)
{
	page_t *p = arg;

	for (;;) {
		for (unsigned int i = EXIT_PAGES / 2; i < EXIT_PAGES; i++)
			p[i].w[1]++;
		sched_yield();
	}
	return NULL;
}

static void exit_child(unsigned int me, int go, int fd, page_t *common)
{
	page_t *mine = anon(NULL, EXIT_PAGES), *file = map(NULL, EXIT_PAGES, PROT_READ | PROT_WRITE, MAP_SHARED, fd);
	unsigned int i, order[EXIT_PAGES];
	pthread_t thread;
	char c;

	rng_start(5000 + me + rounds * CHILDREN);
	shuffle(order, EXIT_PAGES);
	for (i = 0; i < EXIT_PAGES; i++) {
		stamp(&mine[order[i]], me);
		file[order[i]].w[me] = mark(order[i], me) + rounds;
		common[order[i]].w[me] = mark(order[i], me) + rounds;
	}
	if (me % 8 == 1 || me % 8 == 3)
		must(!pthread_create(&thread, NULL, idle, mine));
	must(read(go, &c, 1) == 0);
	for (i = 0; i < EXIT_PAGES; i++)
		expect(&mine[i], me, i, "a child's own pages");
	switch (me % 4) {
	case 0:
		_exit(0);
	case 1:
		kill(getpid(), SIGKILL);
		for (;;)
			pause();
	case 2:
		execl("/proc/self/exe", "ptecheck", "nothing", NULL);
		_exit(2);
	}
	munmap(mine, EXIT_PAGES / 2 * PAGE);
	_exit(0);
}

static void check_exits(void)
{
	int fd = temporary(0), go[2], status;
	page_t *common = map(NULL, EXIT_PAGES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1);
	page_t *file, *mine = anon(NULL, EXIT_PAGES);
	long free = 0, tables = 0;
	pid_t child[CHILDREN];
	unsigned int i, k;

	must(!ftruncate(fd, EXIT_PAGES * PAGE));
	file = map(NULL, EXIT_PAGES, PROT_READ | PROT_WRITE, MAP_SHARED, fd);
	for (i = 0; i < EXIT_PAGES; i++)
		stamp(&mine[i], i);
	while (more()) {
		must(!pipe(go));
		for (k = 0; k < CHILDREN; k++) {
			child[k] = fork();
			if (!child[k]) {
				close(go[1]);
				exit_child(k, go[0], fd, common);
			}
			must(child[k] > 0);
		}
		close(go[0]);
		close(go[1]);
		for (k = 0; k < CHILDREN; k++) {
			must(waitpid(child[k], &status, 0) == child[k]);
			if (status != (k % 4 == 1 ? SIGKILL : 0))
				fail("child %u ended with status %#x", k, status);
		}
		for (i = 0; i < EXIT_PAGES; i++) {
			expect(&mine[i], i, i, "parent");
			for (k = 0; k < CHILDREN; k++)
				if (common[i].w[k] != mark(i, k) + rounds || file[i].w[k] != mark(i, k) + rounds)
					fail("page %u lacks what child %u wrote", i, k);
		}
		if (rounds == 1) {
			free = meminfo("MemFree");
			tables = meminfo("PageTables");
		}
	}
	/* What all children of all rounds had is far more than else comes and goes. */
	if (rounds > 24 && free - meminfo("MemFree") > (long)rounds * CHILDREN * EXIT_PAGES / 2)
		fail("%ld pages less are free than at first", free - meminfo("MemFree"));
	if (rounds > 24 && meminfo("PageTables") - tables > (long)rounds * CHILDREN)
		fail("%ld page tables more than at first", meminfo("PageTables") - tables);
	munmap(common, EXIT_PAGES * PAGE);
	munmap(mine, EXIT_PAGES * PAGE);
	munmap(file, EXIT_PAGES * PAGE);
	close(fd);
	printf("exits: %lu times %u processes\n", rounds, CHILDREN);
}

/* ---- vmap ----------------------------------------------------------------------------- */

#define ENTRIES 8192
#define RING_PAGES ((ENTRIES * 2 * sizeof(struct io_uring_cqe) + ENTRIES * 4) / PAGE + 2)
#define SQE_PAGES (ENTRIES * sizeof(struct io_uring_sqe) / PAGE)

/*
 * The rings lie in memory of this process, page by page anywhere; the kernel maps them for itself.
 * What it reads there and what it writes has to be what is seen here.
 */
static int vmap_round(void)
{
	struct io_uring_params p = { .flags = IORING_SETUP_NO_MMAP };
	unsigned int order[RING_PAGES + SQE_PAGES], i, k, *array, *tail, n = 256;
	page_t *memory = anon(NULL, RING_PAGES + SQE_PAGES);
	struct io_uring_sqe *sqes = (void *)(memory + RING_PAGES);
	struct io_uring_cqe *cqes;
	char *ring = memory->bytes;
	int fd;

	shuffle(order, RING_PAGES + SQE_PAGES);
	for (i = 0; i < RING_PAGES + SQE_PAGES; i++)
		memory[order[i]].w[0] = 0;
	/* user_addr: the last member of both, which older headers do not name. */
	((u64 *)(&p.cq_off + 1))[-1] = (uintptr_t)ring;
	((u64 *)(&p.sq_off + 1))[-1] = (uintptr_t)sqes;
	fd = syscall(SYS_io_uring_setup, ENTRIES, &p);
	if (fd < 0) {
		must(errno == ENOSYS || errno == EINVAL || errno == EPERM);
		munmap(memory, (RING_PAGES + SQE_PAGES) * PAGE);
		return 0;
	}
	array = (unsigned int *)(ring + p.sq_off.array);
	tail = (unsigned int *)(ring + p.sq_off.tail);
	cqes = (struct io_uring_cqe *)(ring + p.cq_off.cqes);
	must(ring + p.sq_off.array + p.sq_entries * 4 <= (char *)sqes);
	for (k = 0; k < 4 * n; k += n) {
		for (i = k; i < k + n; i++) {
			unsigned int at = i % n * (ENTRIES / n) + below(ENTRIES / n);

			memset(&sqes[at], 0, sizeof(sqes[at]));
			sqes[at].opcode = IORING_OP_NOP;
			sqes[at].user_data = mark(i, 0) + rounds;
			array[i % p.sq_entries] = at;
		}
		__atomic_store_n(tail, k + n, __ATOMIC_RELEASE);
		must(syscall(SYS_io_uring_enter, fd, n, n, IORING_ENTER_GETEVENTS, NULL, 0) == n);
		for (i = k; i < k + n; i++)
			if (cqes[i % p.cq_entries].user_data != mark(i, 0) + rounds)
				fail("completion %u holds %#llx instead of %#llx", i,
				     (unsigned long long)cqes[i % p.cq_entries].user_data,
				     (unsigned long long)(mark(i, 0) + rounds));
		__atomic_store_n((unsigned int *)(ring + p.cq_off.head), k + n, __ATOMIC_RELEASE);
	}
	close(fd);
	munmap(memory, (RING_PAGES + SQE_PAGES) * PAGE);
	return 1;
}

static void *short_thread(void *arg)
{
	return arg;
}

static void check_vmap(void)
{
	pthread_t threads[24];
	pid_t child;

	while (more()) {
		if (!vmap_round()) {
			printf("vmap: not configured: IO_URING\n");
			return;
		}
		child = fork();
		if (!child) {
			vmap_round();
			_exit(0);
		}
		vmap_round();
		reap(child, "vmap");
		/* Kernel stacks come from there, too (CONFIG_VMAP_STACK). */
		for (int i = 0; i < 24; i++)
			must(!pthread_create(&threads[i], NULL, short_thread, NULL));
		for (int i = 0; i < 24; i++)
			must(!pthread_join(threads[i], NULL));
	}
	printf("vmap: %lu times 3 rings and 24 threads\n", rounds);
}

/* ---- pressure ------------------------------------------------------------------------- */

static void pressure_child(unsigned int me, unsigned int pages, double until)
{
	page_t *p = anon(NULL, pages);
	unsigned int i, from, turn = 0;
	int fd = memfd_create("ptecheck", 0);
	page_t *file;
	pid_t child;

	rng_start(6000 + me);
	must(fd >= 0 && !ftruncate(fd, pages / 8 * PAGE));
	file = map(NULL, pages / 8, PROT_READ | PROT_WRITE, MAP_SHARED, fd);
	for (i = 0; i < pages; i++)
		stamp(&p[i], mark(i, me));
	for (i = 0; i < pages / 8; i++)
		stamp(&file[i], mark(i, me + 100));
	do {
		for (unsigned int k = 0; k < 64; k++) {
			i = below(pages);
			expect(&p[i], mark(i, me), i, "some time later");
			if (k % 4 == 0)
				stamp(&p[i], mark(i, me));
			i = below(pages / 8);
			expect(&file[i], mark(i, me + 100), i, "tmpfs");
		}
		if (turn++ % 4)
			continue;
		child = fork();
		if (!child) {
			from = below(pages / 8);
			for (unsigned int k = 0; k < 64; k++) {
				i = (from + k) % (pages / 8);
				expect(&file[i], mark(i, me + 100), i, "tmpfs, child");
				expect(&p[i], mark(i, me), i, "child");
				stamp(&p[i], 3);
			}
			_exit(0);
		}
		reap(child, "fork");
	} while (now() < until);
	/* One after the other: swap is read ahead. */
	from = below(pages / 2);
	for (i = from; i < from + pages / 2; i++)
		expect(&p[i], mark(i, me), i, "last look");
	_exit(0);
}

static void check_pressure(void)
{
	long available = meminfo("MemAvailable"), swap = meminfo("SwapFree"), least = swap, left;
	unsigned int n = cpus + 1, i, ended = 0;
	pid_t child[9];
	int status;

	if (n > 8)
		n = 8;
	/* A ninth of each is tmpfs. */
	for (i = 0; i < n; i++) {
		child[i] = fork();
		if (!child[i])
			pressure_child(i, (available + swap / 4) / n * 8 / 9, now() + seconds);
		must(child[i] > 0);
	}
	while (ended < n) {
		left = meminfo("SwapFree");
		if (left < least)
			least = left;
		while (waitpid(-1, &status, WNOHANG) > 0) {
			ended++;
			if (status)
				fail("a process ended with status %#x", status);
		}
		usleep(50000);
	}
	if (swap - least < swap / 16)
		fail("only %ld pages went to swap: no pressure", swap - least);
	printf("pressure: %u processes, %ld pages available, up to %ld of %ld in swap\n", n, available, swap - least, swap);
}

/* --------------------------------------------------------------------------------------- */

static const struct {
	const char *name;
	void (*run)(void);
} checks[] = {
	{ "anon", check_anon },
	{ "fork", check_fork },
	{ "stale", check_stale },
	{ "private", check_private },
	{ "file", check_file },
	{ "file-race", check_file_race },
	{ "dirty", check_dirty },
	{ "flags", check_flags },
	{ "soft-dirty", check_soft_dirty },
	{ "uffd-wp", check_uffd_wp },
	{ "exits", check_exits },
	{ "vmap", check_vmap },
	{ "pressure", check_pressure },
};
#define NR_CHECKS (sizeof(checks) / sizeof(checks[0]))

/* Each check in a process of its own: it begins and ends without the others' memory. */
static void run(const char *name)
{
	unsigned int i;
	double begin = now();
	pid_t child;

	for (i = 0; i < NR_CHECKS && strcmp(checks[i].name, name); i++)
		;
	check = name;
	if (i == NR_CHECKS)
		fail("no such check");
	child = fork();
	if (!child) {
		rng_start(i);
		deadline = now() + seconds;
		checks[i].run();
		exit(0);
	}
	reap(child, "check");
	printf("# %s took %.1f s\n", name, now() - begin);
}

int main(int argc, char **argv)
{
	struct sigaction action = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_NODEFER };
	int option;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc == 2 && !strcmp(argv[1], "nothing"))
		return 0;
	must(getrandom(&seed, sizeof(seed), 0) == sizeof(seed));
	seed &= 0xffffffff;
	while ((option = getopt(argc, argv, "d:s:t:")) != -1) {
		switch (option) {
		case 'd':
			directory = optarg;
			break;
		case 's':
			seed = strtoull(optarg, NULL, 0);
			break;
		case 't':
			seconds = atof(optarg);
			break;
		default:
			return 1;
		}
	}
	cpus = sysconf(_SC_NPROCESSORS_ONLN);
	sigaction(SIGSEGV, &action, NULL);
	sigaction(SIGBUS, &action, NULL);
	shared = map(NULL, 1, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1);
	printf("seed %llu, %d CPUs\n", (unsigned long long)seed, cpus);
	if (optind == argc)
		fail("no check named");
	for (int i = optind; i < argc; i++)
		run(argv[i]);
	return 0;
}
