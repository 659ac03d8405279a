// SPDX-License-Identifier: GPL-2.0-only
/*
 * usage: cowtouch PAGES
 *
 * Shares so many pages of anonymous memory with a child, and writes to each while the child is there, so that
 * the kernel has to copy it. Then the child looks whether its pages have changed. Ends with status 1 if they
 * have, or if a system call fails.
 */
#include <err.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096UL

int main(int argc, char **argv)
{
	unsigned long pages = argc == 2 ? strtoul(argv[1], NULL, 0) : 0;
	volatile unsigned long *p;
	int gate[2], status;
	pid_t child;
	char c;

	if (!pages)
		errx(2, "usage: cowtouch PAGES");
	p = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED || madvise((void *)p, pages * PAGE, MADV_NOHUGEPAGE) || pipe(gate))
		err(1, "mmap");
	for (unsigned long i = 0; i < pages; i++)
		p[i * PAGE / sizeof(*p)] = i;
	child = fork();
	if (child < 0)
		err(1, "fork");
	if (!child) {
		close(gate[1]);
		if (read(gate[0], &c, 1))
			errx(1, "read");
		for (unsigned long i = 0; i < pages; i++)
			if (p[i * PAGE / sizeof(*p)] != i)
				errx(1, "page %lu of the child has changed", i);
		return 0;
	}
	for (unsigned long i = 0; i < pages; i++)
		p[i * PAGE / sizeof(*p)] = ~i;
	close(gate[1]);
	if (waitpid(child, &status, 0) != child || status)
		errx(1, "child failed");
	for (unsigned long i = 0; i < pages; i++)
		if (p[i * PAGE / sizeof(*p)] != ~i)
			errx(1, "page %lu has lost what was written", i);
	return 0;
}
