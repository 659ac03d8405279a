/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * dma-bufs of granted pages: the ioctls of xen/gntdev.h that export them (a dma-buf from the references of
 * another domain) and import them (references to the pages of any dma-buf). Include it after xen/gntdev.h,
 * with _GNU_SOURCE.
 */
#ifndef DMABUF_H
#define DMABUF_H

#include <errno.h>
#include <fcntl.h>
#include <linux/udmabuf.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include "fail.h"

#define DMABUF_PAGE	4096

/* A dma-buf from references; -1 and errno when refused. */
static inline int dmabuf_export(int gntdev, unsigned int dom, const uint32_t *refs, unsigned int count,
				unsigned int flags)
{
	struct ioctl_gntdev_dmabuf_exp_from_refs *op;
	int fd = -1, err = 0;

	op = calloc(1, sizeof(*op) + count * sizeof(op->refs[0]));
	op->flags = flags;
	op->count = count;
	op->domid = dom;
	memcpy(op->refs, refs, count * sizeof(refs[0]));
	if (!ioctl(gntdev, IOCTL_GNTDEV_DMABUF_EXP_FROM_REFS, op))
		fd = op->fd;
	else
		err = errno;
	free(op);
	errno = err;
	return fd;
}

/* 0 or errno */
static inline int dmabuf_wait(int gntdev, int fd, unsigned int ms)
{
	struct ioctl_gntdev_dmabuf_exp_wait_released op = { .fd = fd, .wait_to_ms = ms };

	return ioctl(gntdev, IOCTL_GNTDEV_DMABUF_EXP_WAIT_RELEASED, &op) ? errno : 0;
}

/* A dma-buf of @count pages: memory of this process, of @size bytes, as often as it takes. */
static inline int dmabuf_create(unsigned int count, size_t size, char **pages)
{
	size_t nr = count * (size_t)DMABUF_PAGE / size, i;
	struct udmabuf_create_list *op;
	int fd, mem = memfd_create("dmabuf", MFD_ALLOW_SEALING);

	if (mem < 0 || ftruncate(mem, size) || fcntl(mem, F_ADD_SEALS, F_SEAL_SHRINK))
		fail("memfd: %m");
	*pages = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, mem, 0);
	if (*pages == MAP_FAILED)
		fail("mmap of a memfd: %m");
	op = calloc(1, sizeof(*op) + nr * sizeof(op->list[0]));
	op->count = nr;
	for (i = 0; i < nr; i++) {
		op->list[i].memfd = mem;
		op->list[i].size = size;
	}
	fd = ioctl(dev_open("/dev/udmabuf"), UDMABUF_CREATE_LIST, op);
	if (fd < 0)
		fail("UDMABUF_CREATE_LIST of %u pages: %m", count);
	free(op);
	close(mem);
	return fd;
}

/* References to a dma-buf's pages for @dom: into the refs of *@op, which may be given. 0 or errno. */
static inline int dmabuf_import(int gntdev, int fd, unsigned int dom, unsigned int count,
				struct ioctl_gntdev_dmabuf_imp_to_refs **op)
{
	if (!*op)
		*op = calloc(1, sizeof(**op) + count * sizeof((*op)->refs[0]));
	(*op)->fd = fd;
	(*op)->count = count;
	(*op)->domid = dom;
	return ioctl(gntdev, IOCTL_GNTDEV_DMABUF_IMP_TO_REFS, *op) ? errno : 0;
}

/* 0 or errno */
static inline int dmabuf_import_end(int gntdev, int fd)
{
	struct ioctl_gntdev_dmabuf_imp_release op = { .fd = fd };

	return ioctl(gntdev, IOCTL_GNTDEV_DMABUF_IMP_RELEASE, &op) ? errno : 0;
}

#endif
