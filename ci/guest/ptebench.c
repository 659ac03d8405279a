// SPDX-License-Identifier: GPL-2.0-only
/*
 * usage: ptebench [GROUP...]      fork protect unmap fault file walk exec switch (default: all of them)
 *
 * Cost of page-table work as a process sees it. Prints "bench NAME VALUE OPERATIONS" lines; VALUE is
 * in ticks of the time stamp counter, per page or per call as the name says: OPERATIONS is how many
 * were measured. Below QEMU's -icount shift=0 a tick is an instruction, so that a value repeats to
 * 0.1 % on a machine with one CPU.
 * Ends with status 1 if a system call fails, 2 for an unknown group.
 */
#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <x86intrin.h>

#define PAGE 4096UL
#define PAGES 2048UL
#define ROUNDS 8
#define PROCESSES 64 /* so many that a timer tick in one of them does not count */
#define TRIPS 4000 /* likewise */

/* A file of more than PAGES pages, on a file system that caches files in large folios. */
#define BIG_FILE "/pvops/vmlinuz"

static char *map(size_t pages, int prot, int flags, int fd)
{
	char *p = mmap(NULL, pages * PAGE, prot, flags, fd, 0);

	if (p == MAP_FAILED)
		err(1, "mmap of %zu pages", pages);
	return p;
}

static char *anon(size_t pages)
{
	char *p = map(pages, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);

	madvise(p, pages * PAGE, MADV_NOHUGEPAGE);
	for (size_t i = 0; i < pages; i++)
		p[i * PAGE] = 1;
	return p;
}

static void read_all(const char *p, size_t pages)
{
	for (size_t i = 0; i < pages; i++)
		(void)*(volatile const char *)(p + i * PAGE);
}

static uint64_t sum, begin;

/* A long NOP, in which scripts/lib/xenshare.c sees where a measurement starts, stops and ends. */
#define MARK(what) asm volatile(".byte 0x0f, 0x1f, 0x80; .long 0x70766f00 + %c0" : : "i"(what) : "memory")

static void start(void)
{
	MARK(0);
	begin = __rdtsc();
}

static void stop(void)
{
	sum += __rdtsc() - begin;
	MARK(1);
}

static void result(const char *name, unsigned long operations)
{
	MARK(2);
	printf("bench %s %lu %lu\n", name, (unsigned long)(sum / operations), operations);
	sum = 0;
}

static void reap(pid_t child)
{
	if (child < 0)
		err(1, "fork");
	if (waitpid(child, NULL, 0) != child)
		err(1, "waitpid");
}

/* A child that waits until the gate is closed: it takes no part in what is measured. */
static pid_t waiting_child(int *gate, int measure)
{
	int ends[2];
	pid_t child;
	char c;

	if (pipe(ends))
		err(1, "pipe");
	if (measure)
		start();
	child = fork();
	if (!child) {
		close(ends[1]);
		_exit(read(ends[0], &c, 1));
	}
	if (measure)
		stop();
	close(ends[0]);
	*gate = ends[1];
	return child;
}

static void release(int gate, pid_t child)
{
	close(gate);
	reap(child);
}

static void bench_fork(void)
{
	char *p = NULL;
	pid_t child;
	int gate;

	for (int round = 0; round < ROUNDS; round++) {
		p = anon(PAGES);
		child = waiting_child(&gate, 1);
		release(gate, child);
		munmap(p, PAGES * PAGE);
	}
	result("fork-anon-per-page", ROUNDS * PAGES);

	/* Now the pages are write-protected already. */
	p = anon(PAGES);
	for (int round = 0; round <= ROUNDS; round++) {
		child = waiting_child(&gate, round);
		release(gate, child);
	}
	munmap(p, PAGES * PAGE);
	result("fork-protected-per-page", ROUNDS * PAGES);

	for (int round = 0; round < PROCESSES; round++) {
		start();
		child = fork();
		if (!child)
			_exit(0);
		reap(child);
		stop();
	}
	result("fork-exit-wait", PROCESSES);
}

static void bench_protect(size_t pages, const char *name, unsigned long per)
{
	char *p = anon(pages);

	for (int round = 0; round < ROUNDS; round++) {
		start();
		if (mprotect(p, pages * PAGE, PROT_READ))
			err(1, "mprotect");
		stop();
		if (mprotect(p, pages * PAGE, PROT_READ | PROT_WRITE))
			err(1, "mprotect");
		for (size_t i = 0; i < pages; i++)
			p[i * PAGE] = 2;
	}
	munmap(p, pages * PAGE);
	result(name, ROUNDS * per);
}

static void bench_unmap(void)
{
	FILE *f = tmpfile();
	char *p;

	for (int round = 0; round < ROUNDS; round++) {
		p = anon(PAGES);
		start();
		munmap(p, PAGES * PAGE);
		stop();
	}
	result("munmap-anon-per-page", ROUNDS * PAGES);

	p = map(PAGES, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	madvise(p, PAGES * PAGE, MADV_NOHUGEPAGE);
	for (int round = 0; round < ROUNDS; round++) {
		read_all(p, PAGES);
		start();
		madvise(p, PAGES * PAGE, MADV_DONTNEED);
		stop();
	}
	munmap(p, PAGES * PAGE);
	result("dontneed-zero-page", ROUNDS * PAGES);

	if (!f || ftruncate(fileno(f), PAGES * PAGE))
		err(1, "tmpfile");
	p = map(PAGES, PROT_READ | PROT_WRITE, MAP_SHARED, fileno(f));
	memset(p, 1, PAGES * PAGE);
	munmap(p, PAGES * PAGE);
	for (int round = 0; round < ROUNDS; round++) {
		p = map(PAGES, PROT_READ, MAP_SHARED, fileno(f));
		start();
		for (size_t i = 0; i < PAGES; i += 16)
			(void)*(volatile char *)(p + i * PAGE);
		stop();
		munmap(p, PAGES * PAGE);
	}
	result("fault-around-16-pages", ROUNDS * PAGES / 16);
	for (int round = 0; round < ROUNDS; round++) {
		p = map(PAGES, PROT_READ, MAP_SHARED, fileno(f));
		read_all(p, PAGES);
		start();
		munmap(p, PAGES * PAGE);
		stop();
	}
	result("munmap-file-per-page", ROUNDS * PAGES);
	fclose(f);
}

static void write_all(char *p, size_t pages)
{
	for (size_t i = 0; i < pages; i++)
		*(volatile char *)(p + i * PAGE) = 3;
}

/*
 * Faults that each work on one page: the first write to it, its copy after fork(), and the write
 * after the child has gone, which keeps the page.
 */
static void bench_fault(void)
{
	static const char *const names[] = { "anon-touch-per-page", "cow-copy-per-page", "cow-reuse-per-page" };

	for (int fault = 0; fault < 3; fault++) {
		for (int round = 0; round < ROUNDS; round++) {
			char *p = map(PAGES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
			pid_t child = 0;
			int gate = -1;

			madvise(p, PAGES * PAGE, MADV_NOHUGEPAGE);
			if (fault) {
				write_all(p, PAGES);
				child = waiting_child(&gate, 0);
			}
			if (fault == 2)
				release(gate, child);
			start();
			write_all(p, PAGES);
			stop();
			if (fault == 1)
				release(gate, child);
			munmap(p, PAGES * PAGE);
		}
		result(names[fault], ROUNDS * PAGES);
	}
}

/* Faults on a file that is cached in large folios: each maps many pages, all of one folio. */
static void bench_file(void)
{
	int fd = open(BIG_FILE, O_RDONLY);
	static char buffer[64 * PAGE];
	size_t pages = 0;
	char *p;

	if (fd < 0 || posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED))
		err(1, BIG_FILE);
	while (pages < PAGES && read(fd, buffer, sizeof(buffer)) == sizeof(buffer))
		pages += sizeof(buffer) / PAGE;
	if (pages < PAGES)
		errx(1, "%s has only %zu pages", BIG_FILE, pages);
	for (int round = 0; round < ROUNDS; round++) {
		p = map(PAGES, PROT_READ, MAP_PRIVATE, fd);
		start();
		read_all(p, PAGES);
		stop();
		munmap(p, PAGES * PAGE);
	}
	result("fault-folio-per-page", ROUNDS * PAGES);
	close(fd);
}

/* The kernel looks at page table entries and changes nothing: of pages, then of untouched memory. */
static void bench_walk(void)
{
	int fd = open("/proc/self/pagemap", O_RDONLY);
	static uint64_t entries[PAGES];
	const char *names[] = { "pagemap-per-page", "pagemap-of-nothing" };

	if (fd < 0)
		err(1, "/proc/self/pagemap");
	for (int nothing = 0; nothing < 2; nothing++) {
		char *p = anon(PAGES);

		if (nothing)
			madvise(p, PAGES * PAGE, MADV_DONTNEED);
		for (int round = 0; round < ROUNDS; round++) {
			start();
			if (pread(fd, entries, sizeof(entries), (uintptr_t)p / PAGE * 8) != sizeof(entries))
				err(1, "/proc/self/pagemap");
			stop();
		}
		if ((int)(entries[0] >> 63) == nothing)
			errx(1, "pagemap of the wrong pages");
		munmap(p, PAGES * PAGE);
		result(names[nothing], ROUNDS * PAGES);
	}
	close(fd);
}

static void spawn(const char *name, char *const argv[])
{
	pid_t child;

	/* Round 0 fills the page cache. posix_spawn() is vfork() and execve(). */
	for (int round = 0; round <= PROCESSES; round++) {
		if (round)
			start();
		if (posix_spawn(&child, argv[0], NULL, NULL, argv, NULL))
			errx(1, "cannot start %s", argv[0]);
		reap(child);
		if (round)
			stop();
	}
	result(name, PROCESSES);
}

static void bench_exec(void)
{
	spawn("vfork-exec-static", (char *[]){ "/proc/self/exe", "nothing", NULL });
	spawn("vfork-exec-bash", (char *[]){ "/bin/bash", "-c", ":", NULL });
}

/* A byte goes to another process and back: two context switches between address spaces. */
static void bench_switch(void)
{
	int to[2], from[2];
	char c = 0;
	pid_t child;

	for (int round = 0; round < 1000; round++) {
		start();
		getppid();
		stop();
	}
	result("getppid", 1000);

	if (pipe(to) || pipe(from))
		err(1, "pipe");
	child = fork();
	if (!child) {
		close(to[1]);
		while (read(to[0], &c, 1) == 1 && write(from[1], &c, 1) == 1)
			;
		_exit(0);
	}
	for (int round = 0; round < 100 + TRIPS; round++) {
		if (round >= 100)
			start();
		if (write(to[1], &c, 1) != 1 || read(from[0], &c, 1) != 1)
			err(1, "pipe");
		if (round >= 100)
			stop();
	}
	close(to[1]);
	reap(child);
	result("pipe-round-trip", TRIPS);
}

static void bench_protects(void)
{
	bench_protect(PAGES, "mprotect-per-page", PAGES);
	bench_protect(33, "mprotect-33-pages", 1);
	bench_protect(34, "mprotect-34-pages", 1);
}

static const struct {
	const char *name;
	void (*run)(void);
} groups[] = {
	{ "fork", bench_fork },	  { "protect", bench_protects }, { "unmap", bench_unmap },
	{ "fault", bench_fault }, { "file", bench_file },	 { "walk", bench_walk },
	{ "exec", bench_exec },	  { "switch", bench_switch },
};

#define GROUPS (sizeof(groups) / sizeof(*groups))

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "nothing"))
		return 0;
	setvbuf(stdout, NULL, _IONBF, 0);
	for (int i = 1; i < argc; i++) {
		size_t g = 0;

		while (g < GROUPS && strcmp(argv[i], groups[g].name))
			g++;
		if (g == GROUPS) {
			warnx("no group %s", argv[i]);
			return 2;
		}
		groups[g].run();
	}
	for (size_t g = 0; argc == 1 && g < GROUPS; g++)
		groups[g].run();
	return 0;
}
