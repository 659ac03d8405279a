// SPDX-License-Identifier: GPL-2.0-only
/*
 * runstate - take back the virtual address at which Xen keeps the run state of
 *            a virtual CPU up to date
 *
 * Usage:  runstate CPU
 *
 * Xen goes on counting, but the kernel does not see it, unless it has given a
 * physical address, too. Below Xen 4.18 that can not be: steal time stands still
 * until the CPU is taken offline and online.
 *
 * Status: 0 done, 1 not (a line "FAIL: ..." says why).
 *
 * ABI: VCPUOP_register_runstate_memory_area with a null address, in Xen's
 * public vcpu.h; sys/privcmd.h (the ioctl).
 */
#include <stdint.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <xen/xen.h>
#include <xen/vcpu.h>
#include <xen/sys/privcmd.h>
#include "fail.h"

int main(int argc, char **argv)
{
	struct vcpu_register_runstate_memory_area none = { .addr.p = 0 };
	privcmd_hypercall_t call = {
		.op = __HYPERVISOR_vcpu_op,
		.arg = { VCPUOP_register_runstate_memory_area,
			 argc == 2 ? strtoul(argv[1], NULL, 0) : 0, (uintptr_t)&none },
	};

	if (argc != 2)
		fail("usage: runstate CPU");
	if (ioctl(dev_open("/dev/xen/privcmd"), IOCTL_PRIVCMD_HYPERCALL, &call))
		fail("VCPUOP_register_runstate_memory_area: %m");
	return 0;
}
