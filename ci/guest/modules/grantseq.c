// SPDX-License-Identifier: GPL-2.0-only
/*
 * grantseq - sequences of grant references, in states of the grant table that
 *            grant-table.c has to handle with care
 *
 * Usage:  modprobe grantseq what=tail    a sequence takes exactly what is free at
 *                                        the end of the table, which grows then
 *         modprobe grantseq what=frame   a sequence as long as a frame, when the
 *                                        last entry of the table is in use
 *
 * It works while it is loaded, says what it did, and gives everything back.
 * Loading fails with ERANGE if the kernel handed out what it does not have, and
 * with EAGAIN if the table could not be brought into that state.
 *
 * The references are only taken, nothing is granted with them. GNTTABOP_query_size
 * in Xen's public grant_table.h tells how many frames the table has.
 */
#include <linux/module.h>
#include <linux/vmalloc.h>
#include <xen/xen.h>
#include <xen/grant_table.h>
#include <xen/interface/grant_table.h>
#include <asm/xen/hypercall.h>

#define GREFS_PER_FRAME	(XEN_PAGE_SIZE / sizeof(struct grant_entry_v1))

static char *what = "";
module_param(what, charp, 0444);

static grant_ref_t *refs;	/* taken one by one */
static unsigned int nr, max;
static unsigned int per_frame;

static unsigned int nr_frames(void)
{
	struct gnttab_query_size query = { .dom = DOMID_SELF };

	if (HYPERVISOR_grant_table_op(GNTTABOP_query_size, &query, 1))
		return 0;
	return query.nr_frames;
}

static int take(void)
{
	if (nr == max || gnttab_alloc_grant_reference_seq(1, &refs[nr]))
		return -EAGAIN;
	return refs[nr++];
}

static void give(unsigned int i)
{
	gnttab_free_grant_reference(refs[i]);
	refs[i] = refs[--nr];
}

/* Take until the table grows: the new frame's entries but the first are free. */
static int fill(void)
{
	unsigned int frames = nr_frames();
	int ref;

	do {
		ref = take();
		if (ref < 0)
			return ref;
	} while (nr_frames() == frames);
	if (!frames || ref % frames)
		return -EAGAIN;
	per_frame = ref / frames;
	return 0;
}

static int tail(void)
{
	grant_ref_t first, list;
	unsigned int n = 0;
	int ret = fill();

	if (ret)
		return ret;
	/* Two entries remain on the list when the sequence is taken. */
	give(0);
	give(1);
	if (gnttab_alloc_grant_reference_seq(per_frame - 1, &first))
		return -EAGAIN;
	pr_info("grantseq: took %u references from %u on, now for %u more\n",
		per_frame - 1, first, per_frame);
	if (!gnttab_alloc_grant_references(per_frame, &list))
		for (; (ret = gnttab_claim_grant_reference(&list)) >= 0; n++)
			gnttab_free_grant_reference(ret);
	gnttab_free_grant_reference_seq(first, per_frame - 1);
	return n == per_frame ? 0 : -ERANGE;
}

static int frame(void)
{
	grant_ref_t first, size;
	unsigned int i;
	int ret;

	for (i = 0; i < 3; i++) {
		ret = fill();
		if (ret)
			return ret;
	}
	do {
		ret = take();
		if (ret < 0)
			return ret;
	} while (ret != nr_frames() * per_frame - 1);
	/* Many free entries, no two of them next to each other. */
	for (i = nr; i-- > 0;)
		if (refs[i] % 2 == 0)
			give(i);
	if (gnttab_alloc_grant_reference_seq(per_frame, &first))
		return -EAGAIN;
	size = nr_frames() * per_frame;
	pr_info("grantseq: references %u to %u, of a table of %u\n", first,
		first + per_frame - 1, size);
	if (first + per_frame > size) {
		pr_err("grantseq: that is beyond the end\n");
		return -ERANGE;
	}
	gnttab_free_grant_reference_seq(first, per_frame);
	return 0;
}

static int __init grantseq_init(void)
{
	int ret = -EINVAL;

	max = gnttab_max_grant_frames() * GREFS_PER_FRAME;
	refs = vmalloc_array(max, sizeof(*refs));
	if (!refs)
		return -ENOMEM;
	if (!strcmp(what, "tail"))
		ret = tail();
	else if (!strcmp(what, "frame"))
		ret = frame();
	while (nr)
		give(nr - 1);
	vfree(refs);
	return ret;
}
module_init(grantseq_init);

static void __exit grantseq_exit(void)
{
}
module_exit(grantseq_exit);

MODULE_DESCRIPTION("Test of sequences of grant references");
MODULE_LICENSE("GPL");
