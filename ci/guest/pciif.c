// SPDX-License-Identifier: GPL-2.0-only
/*
 * pciif: a PCI frontend in user space, for requests that no pcifront sends.
 *
 * usage: pciif FRONTEND OPERATION...
 *
 * FRONTEND is the frontend's directory in xenstore, relative to the domain's own, e.g.
 * device/pci/0. The toolstack, or pci_export of lib-pciback.sh, has made it and the backend's,
 * with one device. The program connects, performs the operations in order and closes.
 *
 *	read:OFFSET:SIZE		from the configuration space of the device
 *	write:OFFSET:SIZE:VALUE
 *	enable-msi, disable-msi
 *	enable-msix:COUNT		entries 0 to COUNT - 1
 *	disable-msix
 *
 * Output: a line for each operation, "NAME: okay VALUE" or "NAME: error NUMBER" with a number
 * of XEN_PCI_ERR_*, or of errno.
 *
 * Exit status: 0 if each request was answered, however; 1 if not within 10 s; 2 if there was no
 * connection.
 *
 * ABI: the page is struct xen_pci_sharedinfo of public/io/pciif.h: to send a request a frontend
 * fills in op, sets XEN_PCIF_active and sends an event; the backend answers in op, clears the
 * flag and sends an event. The nodes are pci-op-ref, event-channel and magic (XEN_PCI_MAGIC).
 * frontend.h names the rest.
 */
#include "frontend.h"
#include <xen/io/pciif.h>

static unsigned int port;
static struct xen_pci_sharedinfo *shared;

static void connect_backend(const char *directory)
{
	struct page page = { 0 };
	const char *value;

	devices_open();
	snprintf(front, sizeof(front), "%s", directory);
	value = node_read(front, "backend");
	if (!value)
		errx(2, "no %s/backend", front);
	snprintf(back, sizeof(back), "%s", value);

	page_alloc(&page);
	shared = (struct xen_pci_sharedinfo *)page.data;
	port_alloc(&port);
	node_write(front, "pci-op-ref", "%u", page.gref);
	node_write(front, "event-channel", "%u", port);
	node_write(front, "magic", "%s", XEN_PCI_MAGIC);
	node_write(front, "state", "%d", XenbusStateInitialised);
	atexit(close_backend);
	if (!backend_reaches(XenbusStateConnected))
		errx(2, "the backend does not connect");
	node_write(front, "state", "%d", XenbusStateConnected);
}

/* ---- requests ---- */

static void request(const char *name, const struct xen_pci_op *op)
{
	int i;

	shared->op = *op;
	__atomic_fetch_or(&shared->flags, XEN_PCIF_active, __ATOMIC_SEQ_CST);
	event_send(port);
	for (i = 0; __atomic_load_n(&shared->flags, __ATOMIC_SEQ_CST) & XEN_PCIF_active; i++) {
		if (i == TIMEOUT * 1000) {
			printf("%s: no answer\n", name);
			fflush(stdout);
			_exit(1);
		}
		usleep(1000);
	}
	if (shared->op.err)
		printf("%s: error %d\n", name, shared->op.err);
	else
		printf("%s: okay %#x\n", name, shared->op.value);
}

static const struct operation {
	const char *name;
	uint32_t cmd;
	unsigned int args;
} operations[] = {
	{ "read", XEN_PCI_OP_conf_read, 2 },
	{ "write", XEN_PCI_OP_conf_write, 3 },
	{ "enable-msi", XEN_PCI_OP_enable_msi, 0 },
	{ "disable-msi", XEN_PCI_OP_disable_msi, 0 },
	{ "enable-msix", XEN_PCI_OP_enable_msix, 1 },
	{ "disable-msix", XEN_PCI_OP_disable_msix, 0 },
};
#define OPERATIONS (sizeof(operations) / sizeof(*operations))

static void perform(char *text)
{
	struct xen_pci_op op = { 0 };
	unsigned long arg[3] = { 0 };
	unsigned int count = 0, i;
	char *name = strtok(text, ":");

	for (char *word; (word = strtok(NULL, ":"));) {
		if (count == 3)
			errx(2, "%s: too many arguments", name);
		arg[count++] = strtoul(word, NULL, 0);
	}
	for (i = 0; i < OPERATIONS && strcmp(operations[i].name, name); i++)
		;
	if (i == OPERATIONS || operations[i].args != count)
		errx(2, "%s: no such operation with %u arguments", name, count);

	op.cmd = operations[i].cmd;
	if (op.cmd == XEN_PCI_OP_enable_msix) {
		if (arg[0] > SH_INFO_MAX_VEC)
			errx(2, "%s: at most %d entries", name, SH_INFO_MAX_VEC);
		op.value = arg[0];
		for (unsigned int n = 0; n < arg[0]; n++)
			op.msix_entries[n].entry = n;
	} else {
		op.offset = arg[0];
		op.size = arg[1];
		op.value = arg[2];
	}
	request(name, &op);
}

int main(int argc, char **argv)
{
	if (argc < 2) {
		fprintf(stderr, "usage: pciif FRONTEND OPERATION...\n");
		return 2;
	}
	connect_backend(argv[1]);
	for (int i = 2; i < argc; i++)
		perform(argv[i]);
	return 0;
}
