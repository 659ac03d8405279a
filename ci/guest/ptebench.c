// SPDX-License-Identifier: GPL-2.0-only
/*
 * usage: ptebench
 *
 * Cost of page-table work as a process sees it. Prints "bench NAME VALUE" lines; VALUE is in
 * ticks of the time stamp counter, per page or per call as the name says. Below QEMU's -icount
 * shift=0 a tick is an instruction, so that a value repeats to 0.1 % on a machine with one CPU.
 * Ends with status 1 if a system call fails.
 */
#include <err.h>
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

static void start(void)
{
	begin = __rdtsc();
}

static void stop(void)
{
	sum += __rdtsc() - begin;
}

static void result(const char *name, unsigned long operations)
{
	printf("bench %s %lu\n", name, (unsigned long)(sum / operations));
	sum = 0;
}

static void reap(pid_t child)
{
	if (child < 0)
		err(1, "fork");
	if (waitpid(child, NULL, 0) != child)
		err(1, "waitpid");
}

static void bench_fork(void)
{
	char *p = NULL;
	pid_t child;

	for (int round = 0; round < ROUNDS; round++) {
		p = anon(PAGES);
		start();
		child = fork();
		if (!child)
			_exit(0);
		stop();
		reap(child);
		munmap(p, PAGES * PAGE);
	}
	result("fork-anon-per-page", ROUNDS * PAGES);

	for (int round = 0; round < ROUNDS; round++) {
		start();
		child = fork();
		if (!child)
			_exit(0);
		reap(child);
		stop();
	}
	result("fork-exit-wait", ROUNDS);
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

int main(void)
{
	setvbuf(stdout, NULL, _IONBF, 0);
	bench_fork();
	bench_protect(PAGES, "mprotect-per-page", PAGES);
	bench_protect(33, "mprotect-33-pages", 1);
	bench_protect(34, "mprotect-34-pages", 1);
	bench_unmap();
	return 0;
}
