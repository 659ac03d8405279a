// SPDX-License-Identifier: GPL-2.0-only
/*
 * privres - map a resource of a domain into memory that is not made for it, through /dev/xen/privcmd
 *
 * Usage:  privres
 *
 * The domain does not exist, so that Xen refuses to name the frames of the resource. Before it is asked, Linux
 * has to refuse memory that has another size, an address that is not the first one, and a second attempt.
 *
 * Status: 0 everything as expected, 1 not (a line "FAIL: ..." says what).
 *
 * ABI: xen/privcmd.h of Linux (IOCTL_PRIVCMD_MMAP_RESOURCE), XENMEM_acquire_resource of Xen's memory.h.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#define __XEN_TOOLS__
#include <xen/xen.h>
#include <xen/memory.h>
#include <xen/sys/privcmd.h>
#include "fail.h"

#define PAGE		4096
#define NO_DOMAIN	777

static int privcmd;

static void try(const char *what, char *at, unsigned int frames, bool refused)
{
	privcmd_mmap_resource_t r = {
		.dom = NO_DOMAIN, .type = XENMEM_resource_grant_table, .num = frames, .addr = (unsigned long)at,
	};
	int error = ioctl(privcmd, IOCTL_PRIVCMD_MMAP_RESOURCE, &r) ? errno : 0;

	printf("%s: %s\n", what, strerror(error));
	if (!error || (error == EINVAL) != refused)
		fail("%s", what);
}

static char *memory(unsigned int pages)
{
	char *at = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, privcmd, 0);

	if (at == MAP_FAILED)
		fail("mmap: %m");
	return at;
}

int main(void)
{
	char *at;

	setvbuf(stdout, NULL, _IONBF, 0);
	privcmd = dev_open("/dev/xen/privcmd");
	at = memory(4);
	try("all of the memory", at, 4, false);
	try("a second time", at, 4, true);
	munmap(at, 4 * PAGE);
	at = memory(4);
	try("a part of it", at, 1, true);
	try("more than it", at, 5, true);
	try("from the second page on", at + PAGE, 3, true);
	munmap(at, 4 * PAGE);
	return 0;
}
