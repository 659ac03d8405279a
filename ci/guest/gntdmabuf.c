// SPDX-License-Identifier: GPL-2.0-only
/*
 * gntdmabuf - dma-bufs of granted pages, used in unusual ways
 *
 * Usage:  gntdmabuf own               export a page of its own domain, where that
 *                                     must be refused, and look after the page
 *         gntdmabuf hidden DOM REF    export, and try to map and unmap what is
 *                                     behind the dma-buf
 *         gntdmabuf waiters DOM REF   two processes wait for the end of a dma-buf
 *         gntdmabuf killed DOM REF    kill a process that waits for it
 *         gntdmabuf import PAGES [SECONDS]
 *                                     references to a dma-buf of PAGES pages
 *                                     (a multiple of 256), held for a while
 *         gntdmabuf early TIMES       end an import while it begins
 *
 * REF is a reference which DOM has granted. Status: 0 everything as expected,
 * 1 not (a line "FAIL: ..." says what).
 *
 * ABI: xen/gntdev.h and xen/gntalloc.h of Linux (the ioctls).
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <xen/xen.h>
#include <xen/grant_table.h>
/* After Xen's, which define domid_t and grant_ref_t. */
#include <xen/gntalloc.h>
#include <xen/gntdev.h>
#include "dmabuf.h"
#include "fail.h"

#define PAGE		DMABUF_PAGE
#define WAIT_MS		3000

static int gntdev;

static int export(unsigned int dom, uint32_t ref)
{
	int fd = dmabuf_export(gntdev, dom, &ref, 1, 0);

	if (fd < 0)
		fail("DMABUF_EXP_FROM_REFS: %m");
	return fd;
}

static void own(void)
{
	struct ioctl_gntalloc_alloc_gref op = {
		.flags = GNTALLOC_FLAG_WRITABLE,
		.count = 1,
	};
	int alloc = dev_open("/dev/xen/gntalloc"), fd;
	char *p;

	if (ioctl(alloc, IOCTL_GNTALLOC_ALLOC_GREF, &op))
		fail("ALLOC_GREF: %m");
	p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, alloc, op.index);
	if (p == MAP_FAILED)
		fail("mmap of gntalloc: %m");
	memset(p, 'a', PAGE);
	fd = dmabuf_export(gntdev, 0, op.gref_ids, 1, 0);
	if (p[0] != 'a')
		fail("own page: it reads %#x instead of %#x", (unsigned char)p[0], 'a');
	if (fd >= 0)
		fail("own page: not refused");
	if (errno != EINVAL)
		fail("own page: %m instead of EINVAL");
	puts("own page refused");
}

static void hidden(unsigned int dom, uint32_t ref)
{
	struct ioctl_gntdev_unmap_grant_ref u = { .index = 0, .count = 1 };
	int fd = export(dom, ref), err;

	if (mmap(NULL, PAGE, PROT_READ, MAP_SHARED, gntdev, 0) != MAP_FAILED)
		puts("a process maps the pages of the dma-buf");
	err = ioctl(gntdev, IOCTL_GNTDEV_UNMAP_GRANT_REF, &u) ? errno : 0;
	if (!err)
		puts("a process unmaps the pages of the dma-buf");
	close(fd);
	if (err != ENOENT)
		fail("UNMAP_GRANT_REF: %s instead of ENOENT", strerror(err));
}

/* A process that waits for the end of the dma-buf: its status is 0, or errno. */
static pid_t waiter(int fd, unsigned int ms)
{
	pid_t pid = fork();

	if (pid < 0)
		fail("fork: %m");
	if (!pid) {
		close(fd);
		_exit(dmabuf_wait(gntdev, fd, ms));
	}
	return pid;
}

static void waiters(unsigned int dom, uint32_t ref)
{
	int fd = export(dom, ref), status[2], i;
	pid_t pid[2];

	for (i = 0; i < 2; i++)
		pid[i] = waiter(fd, WAIT_MS);
	usleep(WAIT_MS * 1000 / 3);
	close(fd);
	for (i = 0; i < 2; i++)
		if (waitpid(pid[i], &status[i], 0) != pid[i])
			fail("waitpid: %m");
	for (i = 0; i < 2; i++)
		if (status[i])
			fail("process %d waits: %s", i + 1,
			     strerror(WEXITSTATUS(status[i])));
}

static void killed(unsigned int dom, uint32_t ref)
{
	int fd = export(dom, ref), status, i;
	pid_t pid = waiter(fd, -1);

	usleep(WAIT_MS * 1000 / 3);
	kill(pid, SIGKILL);
	for (i = 0; i < WAIT_MS / 100; i++) {
		usleep(100000);
		if (waitpid(pid, &status, WNOHANG) == pid)
			break;
	}
	close(fd);
	if (i == WAIT_MS / 100)
		fail("the process that waits lives on");
	if (!WIFSIGNALED(status))
		fail("the process did not wait: %s", strerror(WEXITSTATUS(status)));
}

static int compare(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static void import(unsigned int count, unsigned int seconds)
{
	struct ioctl_gntdev_dmabuf_imp_to_refs *op = NULL;
	unsigned int i;
	char *p;
	int fd = dmabuf_create(count, 256 * PAGE, &p);

	errno = dmabuf_import(gntdev, fd, 0, count, &op);
	if (errno)
		fail("DMABUF_IMP_TO_REFS of %u pages: %m", count);
	qsort(op->refs, count, sizeof(op->refs[0]), compare);
	for (i = 1; i < count; i++)
		if (op->refs[i] == op->refs[i - 1])
			fail("reference %u was given twice", op->refs[i]);
	printf("references %u to %u for %u pages\n", op->refs[0],
	       op->refs[count - 1], count);
	sleep(seconds);
	errno = dmabuf_import_end(gntdev, fd);
	if (errno)
		fail("DMABUF_IMP_RELEASE: %m");
}

static atomic_int ended;

static void *end_import(void *arg)
{
	int *fd = arg;

	for (;;)
		if (!dmabuf_import_end(gntdev, *fd))
			ended++;
	return NULL;
}

static void early(int times)
{
	struct ioctl_gntdev_dmabuf_imp_to_refs *op;
	pthread_t thread;
	int fd, i;
	char *p;

	fd = dmabuf_create(1, PAGE, &p);
	/* The references go to a page of their own, which is not there yet. */
	p = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		fail("mmap: %m");
	op = (void *)(p + PAGE - offsetof(struct ioctl_gntdev_dmabuf_imp_to_refs, refs));
	if (pthread_create(&thread, NULL, end_import, &fd))
		fail("pthread_create: %m");
	for (i = 0; i < times; i++) {
		if (madvise(p + PAGE, PAGE, MADV_DONTNEED))
			fail("madvise: %m");
		errno = dmabuf_import(gntdev, fd, 0, 1, &op);
		if (errno || !op->refs[0])
			fail("import %d: no reference (%m)", i);
		while (ended <= i)
			;
	}
	printf("%d imports ended at once\n", times);
	exit(0);
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	unsigned int a = argc > 2 ? strtoul(argv[2], NULL, 0) : 0;
	unsigned int b = argc > 3 ? strtoul(argv[3], NULL, 0) : 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	gntdev = dev_open("/dev/xen/gntdev");
	if (!strcmp(what, "own"))
		own();
	else if (argc == 4 && !strcmp(what, "hidden"))
		hidden(a, b);
	else if (argc == 4 && !strcmp(what, "waiters"))
		waiters(a, b);
	else if (argc == 4 && !strcmp(what, "killed"))
		killed(a, b);
	else if (argc > 2 && !strcmp(what, "import"))
		import(a, b);
	else if (argc == 3 && !strcmp(what, "early"))
		early(a);
	else
		fail("usage: gntdmabuf own | hidden|waiters|killed DOM REF | import PAGES [SECONDS] | early TIMES");
	return 0;
}
