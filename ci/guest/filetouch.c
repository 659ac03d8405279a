// SPDX-License-Identifier: GPL-2.0-only
/*
 * usage: filetouch PAGES
 *
 * Makes a file of so many pages, maps it and reads every 16th page. The kernel maps the pages around it in
 * the same fault (fault_around_bytes: 64 KiB), so that those can be read without one. Ends with status 1 if a
 * system call fails, or if a page does not hold what was written to it.
 */
#define _GNU_SOURCE
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE 4096UL
#define AROUND 16UL

int main(int argc, char **argv)
{
	unsigned long pages = argc == 2 ? strtoul(argv[1], NULL, 0) : 0;
	static unsigned long page[PAGE / sizeof(unsigned long)];
	FILE *f = tmpfile();
	const volatile unsigned long *p;

	if (!pages)
		errx(2, "usage: filetouch PAGES");
	if (!f)
		err(1, "tmpfile");
	for (unsigned long i = 0; i < pages; i++) {
		page[0] = ~i;
		if (write(fileno(f), page, PAGE) != (ssize_t)PAGE)
			err(1, "write");
	}
	p = mmap(NULL, pages * PAGE, PROT_READ, MAP_SHARED, fileno(f), 0);
	if (p == MAP_FAILED)
		err(1, "mmap");
	for (unsigned long i = 0; i < pages; i += AROUND)
		if (p[i * PAGE / sizeof(*p)] != ~i)
			errx(1, "page %lu has the contents of another", i);
	/* These do not fault any more. */
	for (unsigned long i = 0; i < pages; i++)
		if (p[i * PAGE / sizeof(*p)] != ~i)
			errx(1, "page %lu has the contents of another", i);
	return 0;
}
