// SPDX-License-Identifier: GPL-2.0-only
/*
 * eatmem - give all memory that Xen has left to a domain
 *
 * Usage:  eatmem DOMID              page by page until Xen refuses. DOMID must
 *                                   be a PV domain whose maximum is large
 *                                   enough (xl mem-max); it does not see the
 *                                   pages, which return when it is destroyed.
 *
 * Output: "N pages of 4 KiB to domain DOMID".
 * Status: 0 Xen refused in the end, 1 a hypercall failed otherwise, 2 wrong
 *         usage or no device.
 *
 * ABI: XENMEM_increase_reservation and struct xen_memory_reservation of Xen's
 * memory.h. The hypercall returns how many extents it has done. It is made
 * through IOCTL_PRIVCMD_HYPERCALL of xen/privcmd.h of Linux.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#define __XEN_TOOLS__
#include <xen/xen.h>
#include <xen/memory.h>
#include <xen/sys/privcmd.h>

#define BATCH	1024

/* Xen reads it by its virtual address, so it must stay in memory. */
static struct xen_memory_reservation reservation;

int main(int argc, char **argv)
{
	privcmd_hypercall_t call = {
		.op = __HYPERVISOR_memory_op,
		.arg = { XENMEM_increase_reservation,
			 (unsigned long)&reservation },
	};
	unsigned long total = 0;
	int fd, done;

	if (argc != 2) {
		fprintf(stderr, "usage: eatmem DOMID\n");
		return 2;
	}
	fd = open("/dev/xen/privcmd", O_RDWR);
	if (fd < 0 || mlockall(MCL_CURRENT)) {
		perror("/dev/xen/privcmd");
		return 2;
	}
	do {
		reservation.nr_extents = BATCH;
		reservation.extent_order = 0;
		reservation.mem_flags = 0;
		reservation.domid = atoi(argv[1]);
		done = ioctl(fd, IOCTL_PRIVCMD_HYPERCALL, &call);
		if (done < 0) {
			perror("XENMEM_increase_reservation");
			return 1;
		}
		total += done;
	} while (done == BATCH);
	printf("%lu pages of 4 KiB to domain %s\n", total, argv[1]);
	return 0;
}
