// SPDX-License-Identifier: GPL-2.0-only
/*
 * grantmany - grant many pages at once, to find the end of the grant table
 *
 * Usage:  grantmany COUNT           grant COUNT new pages to this very domain
 *                                   through /dev/xen/gntalloc, nobody maps them,
 *                                   then take all grants back by closing it
 *
 * Output: "COUNT grants, references FIRST to LAST" (lowest and highest), or
 *         "FAIL: COUNT grants: " and ENOSPC (the kernel found no free entry),
 *         ENOMEM (no memory for the pages) or another error number.
 * Status: 0 all granted, 1 not, 2 wrong usage or no device.
 *
 * The driver has a limit of its own, by default 1024 pages:
 * /sys/module/xen_gntalloc/parameters/limit.
 *
 * ABI: xen/gntalloc.h of Linux (the ioctl).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <xen/gntalloc.h>

int main(int argc, char **argv)
{
	struct ioctl_gntalloc_alloc_gref *op;
	unsigned int first, last, count, i;
	int fd, error;

	count = argc == 2 ? strtoul(argv[1], NULL, 0) : 0;
	if (!count) {
		fprintf(stderr, "usage: grantmany COUNT\n");
		return 2;
	}
	op = calloc(1, sizeof(*op) + count * sizeof(op->gref_ids[0]));
	fd = open("/dev/xen/gntalloc", O_RDWR);
	if (!op || fd < 0) {
		perror("/dev/xen/gntalloc");
		return 2;
	}
	op->domid = 0;
	op->flags = GNTALLOC_FLAG_WRITABLE;
	op->count = count;
	if (ioctl(fd, IOCTL_GNTALLOC_ALLOC_GREF, op)) {
		error = errno;
		printf("FAIL: %u grants: %s\n", count,
		       error == ENOSPC ? "ENOSPC" :
		       error == ENOMEM ? "ENOMEM" : strerror(error));
		return 1;
	}
	first = op->gref_ids[0];
	last = first;
	for (i = 1; i < count; i++) {
		if (op->gref_ids[i] < first)
			first = op->gref_ids[i];
		if (op->gref_ids[i] > last)
			last = op->gref_ids[i];
	}
	printf("%u grants, references %u to %u\n", count, first, last);
	close(fd);
	return 0;
}
