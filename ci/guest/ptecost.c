// SPDX-License-Identifier: GPL-2.0-only
/*
 * usage: ptecost
 *
 * What the kernel spends on one page-table entry, and on a system call to compare it with. Prints
 * "bench NAME VALUE" lines; VALUE is in ticks of the time stamp counter, which below QEMU's
 * -icount shift=0 are instructions. For a machine with one CPU.
 *
 *   system-call   getppid(). In a PV guest it enters Xen, which enters the kernel, and the same back.
 *   fork-copy     a page in a fork() that finds it write-protected already
 *   fork-protect  what a page costs beyond that if fork() has to write-protect it
 *   clear-zero    a page of zeroes in madvise(MADV_DONTNEED)
 *   clear-file    a page of a file, mapped read-only, in munmap()
 *   vfree         a page of a vmalloc() area. A table of file descriptors beyond
 *                 KMALLOC_MAX_SIZE (4 MiB) is one, and goes when its process exits.
 *   frame-number  what a page costs more in a read of /proc/self/pagemap that shows the frame numbers
 *                 (to who had CAP_SYS_ADMIN when it was opened) than in one that does not
 *
 * Ends with status 1 if a system call fails.
 */
#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <x86intrin.h>

#define PAGE 4096UL
#define PAGES 2048L
#define ROUNDS 4
/* The first descriptor which needs a table of PAGES pages (alloc_fdtable() rounds to a power of 2). */
#define HIGH_FD (PAGES * PAGE / sizeof(void *) / 2)

static char *map(int prot, int flags, int fd)
{
	char *p = mmap(NULL, PAGES * PAGE, prot, flags, fd, 0);

	if (p == MAP_FAILED)
		err(1, "mmap");
	madvise(p, PAGES * PAGE, MADV_NOHUGEPAGE);
	return p;
}

static void write_all(char *p)
{
	for (long i = 0; i < PAGES; i++)
		*(volatile char *)(p + i * PAGE) = 1;
}

static void read_all(const char *p)
{
	for (long i = 0; i < PAGES; i++)
		(void)*(volatile const char *)(p + i * PAGE);
}

static void unmap(char *p)
{
	if (munmap(p, PAGES * PAGE))
		err(1, "munmap");
}

static void result(const char *name, int64_t ticks, long operations)
{
	printf("bench %s %ld\n", name, (long)(ticks / operations));
}

static void wait_for(pid_t child)
{
	int status;

	if (child < 0)
		err(1, "fork");
	if (waitpid(child, &status, 0) != child || status)
		errx(1, "child failed");
}

/* The parent has a real-time policy and the child has not, so the child runs after this. */
static int64_t timed_fork(void)
{
	uint64_t begin = __rdtsc();
	pid_t child = fork();
	int64_t took;

	if (!child)
		_exit(0);
	took = __rdtsc() - begin;
	wait_for(child);
	return took;
}

static void bench_fork(void)
{
	int64_t none = 0, copy = 0, protect = 0;

	for (int round = 0; round < ROUNDS; round++) {
		char *p;

		none += timed_fork();
		p = map(PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
		write_all(p);
		protect += timed_fork();
		copy += timed_fork();
		unmap(p);
	}
	result("fork-copy", copy - none, ROUNDS * PAGES);
	result("fork-protect", protect - copy, ROUNDS * PAGES);
}

static void bench_clear(void)
{
	FILE *f = tmpfile();
	int64_t zero = 0, file = 0;
	char *p;

	if (!f || ftruncate(fileno(f), PAGES * PAGE))
		err(1, "tmpfile");
	p = map(PROT_READ | PROT_WRITE, MAP_SHARED, fileno(f));
	write_all(p);
	unmap(p);
	for (int round = 0; round < ROUNDS; round++) {
		p = map(PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1);
		read_all(p);
		zero -= __rdtsc();
		if (madvise(p, PAGES * PAGE, MADV_DONTNEED))
			err(1, "madvise");
		zero += __rdtsc();
		unmap(p);

		p = map(PROT_READ, MAP_SHARED, fileno(f));
		read_all(p);
		file -= __rdtsc();
		unmap(p);
		file += __rdtsc();
	}
	fclose(f);
	result("clear-zero", zero, ROUNDS * PAGES);
	result("clear-file", file, ROUNDS * PAGES);
}

/* The time from _exit() of a process with a descriptor, if any, to its parent's return from waitpid(). */
static int64_t timed_exit(volatile uint64_t *begin, long fd)
{
	pid_t child = fork();

	if (!child) {
		if (fd && dup2(0, fd) != fd)
			err(1, "dup2 to %ld", fd);
		*begin = __rdtsc();
		_exit(0);
	}
	wait_for(child);
	return __rdtsc() - *begin;
}

static void bench_vfree(void)
{
	struct rlimit files = { HIGH_FD + 1, HIGH_FD + 1 };
	int64_t vfree = 0;
	uint64_t *begin = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (begin == MAP_FAILED)
		err(1, "mmap");
	if (setrlimit(RLIMIT_NOFILE, &files))
		err(1, "setrlimit");
	for (int round = 0; round < ROUNDS; round++)
		vfree += timed_exit(begin, HIGH_FD) - timed_exit(begin, 0);
	result("vfree", vfree, ROUNDS * PAGES);
}

/* Reads what /proc/self/pagemap says about the pages. */
static int64_t timed_pagemap(int fd, const char *p)
{
	static uint64_t entries[PAGES];
	uint64_t begin = __rdtsc();

	if (pread(fd, entries, sizeof(entries), (uintptr_t)p / PAGE * sizeof(*entries)) != sizeof(entries))
		err(1, "/proc/self/pagemap");
	return __rdtsc() - begin;
}

static int open_pagemap(int admin)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct all[2], data[2];
	int fd;

	if (syscall(SYS_capget, &header, all))
		err(1, "capget");
	data[0] = all[0];
	data[1] = all[1];
	if (!admin)
		data[0].effective &= ~(1U << CAP_SYS_ADMIN);
	if (syscall(SYS_capset, &header, data))
		err(1, "capset");
	fd = open("/proc/self/pagemap", O_RDONLY);
	if (fd < 0 || syscall(SYS_capset, &header, all))
		err(1, "/proc/self/pagemap");
	return fd;
}

static void bench_pagemap(void)
{
	int with = open_pagemap(1), without = open_pagemap(0);
	char *p = map(PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	int64_t ticks;

	write_all(p);
	timed_pagemap(with, p); /* warms up */
	ticks = timed_pagemap(with, p) - timed_pagemap(without, p);
	result("frame-number", ticks, PAGES);
	unmap(p);
	close(with);
	close(without);
}

int main(void)
{
	struct sched_param param = { .sched_priority = 1 };
	uint64_t begin;

	setvbuf(stdout, NULL, _IONBF, 0);
	if (sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &param))
		err(1, "sched_setscheduler");
	begin = __rdtsc();
	for (long i = 0; i < PAGES; i++)
		syscall(SYS_getppid);
	result("system-call", __rdtsc() - begin, PAGES);
	bench_fork();
	bench_clear();
	bench_pagemap();
	bench_vfree();
	return 0;
}
