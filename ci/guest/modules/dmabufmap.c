// SPDX-License-Identifier: GPL-2.0-only
/*
 * dmabufmap - a device for which dma-bufs are mapped, and which shows a process
 *             what is at the addresses that the device was given
 *
 * Usage:  fd = open("/dev/dmabufmap", O_RDWR), write the file descriptor of a
 *         dma-buf (an int) to it, and mmap() all of it. The buffer is in use
 *         until fd is closed.
 *
 * Not every exporter lets processes map its buffers, but all have to serve
 * devices: dma_buf_attach() and dma_buf_map_attachment() of linux/dma-buf.h.
 */
#include <linux/dma-buf.h>
#include <linux/dma-direct.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

struct dmabufmap {
	struct dma_buf_attachment *attach;
	struct sg_table *sgt;
};

static struct miscdevice dmabufmap_misc;

static int dmabufmap_open(struct inode *inode, struct file *file)
{
	file->private_data = kzalloc(sizeof(struct dmabufmap), GFP_KERNEL);
	return file->private_data ? 0 : -ENOMEM;
}

static ssize_t dmabufmap_write(struct file *file, const char __user *user,
			       size_t len, loff_t *pos)
{
	struct dmabufmap *map = file->private_data;
	struct dma_buf_attachment *attach;
	struct sg_table *sgt;
	struct dma_buf *buf;
	int fd;

	if (map->attach || len != sizeof(fd))
		return -EINVAL;
	if (copy_from_user(&fd, user, sizeof(fd)))
		return -EFAULT;
	buf = dma_buf_get(fd);
	if (IS_ERR(buf))
		return PTR_ERR(buf);
	attach = dma_buf_attach(buf, dmabufmap_misc.this_device);
	if (IS_ERR(attach)) {
		dma_buf_put(buf);
		return PTR_ERR(attach);
	}
	sgt = dma_buf_map_attachment_unlocked(attach, DMA_BIDIRECTIONAL);
	if (IS_ERR(sgt)) {
		dma_buf_detach(buf, attach);
		dma_buf_put(buf);
		return PTR_ERR(sgt);
	}
	map->attach = attach;
	map->sgt = sgt;
	return len;
}

static int dmabufmap_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct dmabufmap *map = file->private_data;
	unsigned long addr = vma->vm_start;
	struct scatterlist *sg;
	int i, ret;

	if (!map->attach || vma->vm_pgoff ||
	    vma->vm_end - vma->vm_start != map->attach->dmabuf->size)
		return -EINVAL;
	for_each_sgtable_dma_sg(map->sgt, sg, i) {
		phys_addr_t phys = dma_to_phys(map->attach->dev, sg_dma_address(sg));

		ret = remap_pfn_range(vma, addr, PHYS_PFN(phys), sg_dma_len(sg),
				      vma->vm_page_prot);
		if (ret)
			return ret;
		addr += sg_dma_len(sg);
	}
	return 0;
}

static int dmabufmap_release(struct inode *inode, struct file *file)
{
	struct dmabufmap *map = file->private_data;

	if (map->attach) {
		struct dma_buf *buf = map->attach->dmabuf;

		dma_buf_unmap_attachment_unlocked(map->attach, map->sgt,
						  DMA_BIDIRECTIONAL);
		dma_buf_detach(buf, map->attach);
		dma_buf_put(buf);
	}
	kfree(map);
	return 0;
}

static const struct file_operations dmabufmap_fops = {
	.owner = THIS_MODULE,
	.open = dmabufmap_open,
	.write = dmabufmap_write,
	.mmap = dmabufmap_mmap,
	.release = dmabufmap_release,
};

static struct miscdevice dmabufmap_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "dmabufmap",
	.fops = &dmabufmap_fops,
};

static int __init dmabufmap_init(void)
{
	int ret = misc_register(&dmabufmap_misc);

	if (ret)
		return ret;
	ret = dma_coerce_mask_and_coherent(dmabufmap_misc.this_device,
					   DMA_BIT_MASK(64));
	if (ret)
		misc_deregister(&dmabufmap_misc);
	return ret;
}
module_init(dmabufmap_init);

static void __exit dmabufmap_exit(void)
{
	misc_deregister(&dmabufmap_misc);
}
module_exit(dmabufmap_exit);

MODULE_DESCRIPTION("Device of the tests that imports dma-bufs");
MODULE_LICENSE("GPL");
MODULE_IMPORT_NS("DMA_BUF");
