// SPDX-License-Identifier: GPL-2.0-only
/*
 * foliomap - do mappings of a file in large folios show the right pages?
 *
 * Usage:  foliomap FILE MIB
 *
 * Reads the first MIB MiB of FILE, which fills the page cache with large folios
 * where the file system knows them, and compares them with what mappings show:
 * after faults, after mprotect() to PROT_NONE and back, in parent and child after
 * fork(), with some pages written. The kernel handles the page table entries of a
 * folio in batches in all these places.
 *
 * Output: "N pages in M faults". Status: 0 all pages right, 1 not (a line "FAIL: ...").
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE	4096UL

static char *want, *map;
static size_t pages;

static void fail(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	printf("FAIL: ");
	vprintf(format, ap);
	printf("\n");
	va_end(ap);
	fflush(stdout);
	_exit(1);
}

static void compare(const char *when)
{
	for (size_t i = 0; i < pages; i++)
		if (memcmp(want + i * PAGE, map + i * PAGE, PAGE))
			fail("page %zu is wrong %s", i, when);
}

static void protect(size_t first, size_t count, int prot)
{
	if (mprotect(map + first * PAGE, count * PAGE, prot))
		fail("mprotect of %zu pages: %m", count);
}

static void reap(pid_t child)
{
	int status;

	if (child < 0 || waitpid(child, &status, 0) != child || status)
		fail("a child failed");
}

/* Write to a page of this process, and to what it should be. */
static void write_to(size_t page, int value)
{
	memset(want + page * PAGE, value, PAGE);
	memset(map + page * PAGE, value, PAGE);
}

static long faults(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_minflt;
}

int main(int argc, char **argv)
{
	pid_t child;
	long count;
	int fd;

	if (argc != 3)
		fail("usage: foliomap FILE MIB");
	pages = strtoul(argv[2], NULL, 10) << 8;
	want = malloc(pages * PAGE);
	fd = open(argv[1], O_RDONLY);
	if (fd < 0 || !want || posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED))
		fail("%s: %m", argv[1]);
	for (size_t done = 0; done < pages * PAGE; ) {
		ssize_t got = read(fd, want + done, pages * PAGE - done);

		if (got <= 0)
			fail("%s is too short", argv[1]);
		done += got;
	}

	map = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	if (map == MAP_FAILED)
		fail("mmap: %m");
	count = faults();
	compare("after the faults");
	printf("%zu pages in %ld faults\n", pages, faults() - count);
	fflush(stdout);

	protect(0, pages, PROT_NONE);
	protect(0, pages, PROT_READ | PROT_WRITE);
	compare("after mprotect()");
	for (size_t i = 1; i < pages; i += 2)
		protect(i, 1, PROT_NONE);
	protect(0, pages, PROT_READ | PROT_WRITE);
	compare("after mprotect() of single pages");

	/* Only a mapping with pages of its own is copied by fork(). */
	write_to(pages / 2, 'p');
	child = fork();
	if (!child) {
		compare("in the child");
		write_to(pages / 2 + 1, 'c');
		compare("in the child that wrote");
		_exit(0);
	}
	reap(child);
	compare("in the parent");

	protect(0, pages, PROT_NONE);
	child = fork();
	if (!child) {
		protect(0, pages, PROT_READ | PROT_WRITE);
		compare("in the child, which had no access");
		write_to(pages / 2, 'c');
		compare("in the child that got access");
		_exit(0);
	}
	reap(child);
	protect(0, pages, PROT_READ);
	compare("in the parent that got access again");
	return 0;
}
