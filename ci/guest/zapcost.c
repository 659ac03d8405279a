// SPDX-License-Identifier: GPL-2.0-only
/*
 * usage: zapcost
 *
 * What it costs to clear a page-table entry of the process, for a PV dom0 with one CPU. Prints "bench NAME
 * VALUE" lines; VALUE is in ticks of the time stamp counter per page, which below QEMU's -icount shift=0 are
 * instructions.
 *
 *   madvise     the kernel clears the entries of 2048 pages, for madvise(MADV_DONTNEED)
 *   hypervisor  Xen does it alone: this process hands over lists of updates itself, as multicalls of
 *               HYPERVISOR_update_va_mapping (Xen's public xen.h), through the kernel's IOCTL_PRIVCMD_HYPERCALL
 *
 * Each entry is for the page of zeroes, which Linux does not count, and thus does not miss. Ends with status 1
 * if a call fails, or if an entry is not cleared.
 */
#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <x86intrin.h>
#include <xen/xen.h>
#include <xen/sys/privcmd.h>

#define PAGE 4096UL
#define PAGES 2048L
#define ROUNDS 4
#define LIST 32

static int privcmd, pagemap;

/* Reads all pages. Each has an entry then. */
static void read_all(const volatile char *p)
{
	for (long i = 0; i < PAGES; i++)
		(void)p[i * PAGE];
}

/* Is there an entry for each page (all = 1), or for none? */
static void expect(const char *p, int all)
{
	static uint64_t entries[PAGES];

	if (pread(pagemap, entries, sizeof(entries), (uintptr_t)p / PAGE * sizeof(*entries)) != sizeof(entries))
		err(1, "/proc/self/pagemap");
	for (long i = 0; i < PAGES; i++)
		if ((int)(entries[i] >> 63) != all)
			errx(1, "page %ld is %spresent", i, all ? "not " : "");
}

static void clear(const char *p)
{
	static multicall_entry_t list[LIST];
	privcmd_hypercall_t call = { .op = __HYPERVISOR_multicall, .arg = { (uintptr_t)list, LIST } };

	for (int i = 0; i < LIST; i++)
		list[i] = (multicall_entry_t){ .op = __HYPERVISOR_update_va_mapping,
					       .args = { (uintptr_t)p + i * PAGE, 0, UVMF_NONE } };
	list[LIST - 1].args[2] = UVMF_TLB_FLUSH | UVMF_LOCAL;
	if (ioctl(privcmd, IOCTL_PRIVCMD_HYPERCALL, &call))
		err(1, "multicall");
	for (int i = 0; i < LIST; i++)
		if (list[i].result)
			errx(1, "update_va_mapping: %ld", (long)list[i].result);
}

int main(void)
{
	int64_t madvised = 0, cleared = 0;
	char *p;

	privcmd = open("/dev/xen/privcmd", O_RDWR);
	pagemap = open("/proc/self/pagemap", O_RDONLY);
	if (privcmd < 0 || pagemap < 0)
		err(1, "/dev/xen/privcmd or /proc/self/pagemap");
	p = mmap(NULL, PAGES * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED || madvise(p, PAGES * PAGE, MADV_NOHUGEPAGE))
		err(1, "mmap");
	for (int round = 0; round < ROUNDS; round++) {
		read_all(p);
		expect(p, 1);
		madvised -= __rdtsc();
		if (madvise(p, PAGES * PAGE, MADV_DONTNEED))
			err(1, "madvise");
		madvised += __rdtsc();
		expect(p, 0);

		read_all(p);
		expect(p, 1);
		cleared -= __rdtsc();
		for (long i = 0; i < PAGES; i += LIST)
			clear(p + i * PAGE);
		cleared += __rdtsc();
		expect(p, 0);
	}
	printf("bench madvise %ld\n", (long)(madvised / (ROUNDS * PAGES)));
	printf("bench hypervisor %ld\n", (long)(cleared / (ROUNDS * PAGES)));
	return 0;
}
