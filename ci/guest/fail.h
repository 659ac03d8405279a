/* SPDX-License-Identifier: GPL-2.0-only */
/* What most programs of the tests share: they end with a line of text and status 1. */
#ifndef FAIL_H
#define FAIL_H

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* fail(): say why on standard output and end the program with status 1. */
static inline void __attribute__((noreturn, format(printf, 1, 2)))
fail(const char *fmt, ...)
{
	va_list ap;

	printf("FAIL: ");
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
	exit(1);
}

/* dev_open(): a file descriptor of the device file, for reading and writing. */
static inline int dev_open(const char *name)
{
	int fd = open(name, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		fail("%s: %m", name);
	return fd;
}

#endif
