// SPDX-License-Identifier: GPL-2.0-only
/*
 * pcigsi - ask pciback for the GSI of a PCI device
 *
 * Usage:  pcigsi BDF [COUNT]      BDF as in sysfs, e.g. 0000:00:03.0; ask COUNT
 *                                 times (default 1)
 *
 * Output: "gsi N", or "error NAME (NUMBER)" with the errno of the last call.
 * Status: 0 whatever the answer is, 1 the question could not be asked.
 *
 * ABI: linux/xen/privcmd.h: IOCTL_PRIVCMD_PCIDEV_GET_GSI on /dev/xen/privcmd takes
 * struct privcmd_pcidev_get_gsi, with sbdf = segment << 16 | bus << 8 | devfn.
 * Both are younger than the headers of Debian 12, so they are defined here.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

struct privcmd_pcidev_get_gsi {
	uint32_t sbdf;
	uint32_t gsi;
};

#define IOCTL_PRIVCMD_PCIDEV_GET_GSI \
	_IOC(_IOC_NONE, 'P', 10, sizeof(struct privcmd_pcidev_get_gsi))

int main(int argc, char **argv)
{
	unsigned int seg, bus, dev, func;
	struct privcmd_pcidev_get_gsi arg;
	int count = 1, err = 0, fd;

	if (argc < 2 || argc > 3 ||
	    sscanf(argv[1], "%x:%x:%x.%x", &seg, &bus, &dev, &func) != 4) {
		fprintf(stderr, "usage: pcigsi BDF [COUNT]\n");
		return 1;
	}
	if (argc == 3)
		count = atoi(argv[2]);

	fd = open("/dev/xen/privcmd", O_RDWR | O_CLOEXEC);
	if (fd < 0) {
		perror("/dev/xen/privcmd");
		return 1;
	}

	while (count-- > 0) {
		memset(&arg, 0, sizeof(arg));
		arg.sbdf = seg << 16 | bus << 8 | dev << 3 | func;
		err = ioctl(fd, IOCTL_PRIVCMD_PCIDEV_GET_GSI, &arg) ? errno : 0;
	}

	if (err)
		printf("error %s (%d)\n", strerrorname_np(err), err);
	else
		printf("gsi %u\n", arg.gsi);
	return 0;
}
