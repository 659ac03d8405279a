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
 * flag and sends an event. The nodes are pci-op-ref, event-channel and magic (XEN_PCI_MAGIC),
 * the states those of public/io/xenbus.h, the xenstore messages those of public/io/xs_wire.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <xen/xen.h>
#include <xen/io/pciif.h>
#include <xen/io/xenbus.h>
#include <xen/io/xs_wire.h>
#include <xen/sys/evtchn.h>
#include <xen/sys/gntalloc.h>

#define PAGE 4096
#define TIMEOUT 10 /* seconds */

static const char *front;
static char back[256];
static int xenbus, evtchn;
static unsigned int port;
static struct xen_pci_sharedinfo *shared;

static __attribute__((noreturn, format(printf, 1, 2))) void die(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fprintf(stderr, "pciif: ");
	vfprintf(stderr, format, args);
	fprintf(stderr, "\n");
	va_end(args);
	exit(2);
}

static int device_open(const char *name)
{
	int fd = open(name, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		die("%s: %s", name, strerror(errno));
	return fd;
}

/* ---- xenstore ---- */

static void xs_transfer(bool out, void *buffer, size_t length)
{
	for (char *p = buffer; length;) {
		ssize_t done = out ? write(xenbus, p, length) : read(xenbus, p, length);

		if (done <= 0)
			die("/dev/xen/xenbus: %s", done ? strerror(errno) : "end of file");
		p += done;
		length -= done;
	}
}

/* Reads a node or, if value is not NULL, writes it. Returns the answer, NULL for an error. */
static const char *xs(const char *directory, const char *name, const char *value)
{
	static struct {
		struct xsd_sockmsg head;
		char body[XENSTORE_PAYLOAD_MAX + 1];
	} msg;
	int len = snprintf(msg.body, sizeof(msg.body), "%s/%s", directory, name) + 1;

	if (value)
		len += snprintf(msg.body + len, sizeof(msg.body) - len, "%s", value);
	msg.head = (struct xsd_sockmsg){ .type = value ? XS_WRITE : XS_READ, .len = len };
	xs_transfer(true, &msg, sizeof(msg.head) + len);
	xs_transfer(false, &msg.head, sizeof(msg.head));
	if (msg.head.len > XENSTORE_PAYLOAD_MAX)
		die("xenstore: answer of %u bytes", msg.head.len);
	xs_transfer(false, msg.body, msg.head.len);
	msg.body[msg.head.len] = '\0';
	return msg.head.type == XS_ERROR ? NULL : msg.body;
}

static void front_write(const char *name, const char *format, ...)
{
	char value[32];
	va_list args;

	va_start(args, format);
	vsnprintf(value, sizeof(value), format, args);
	va_end(args);
	if (!xs(front, name, value))
		die("cannot write %s/%s", front, name);
}

static bool backend_reaches(enum xenbus_state wanted)
{
	for (int i = 0; i < TIMEOUT * 100; i++) {
		const char *value = xs(back, "state", NULL);

		if (value && atoi(value) == (int)wanted)
			return true;
		usleep(10000);
	}
	return false;
}

/* ---- the connection ---- */

static void disconnect(void)
{
	front_write("state", "%d", XenbusStateClosed);
	if (!backend_reaches(XenbusStateClosed))
		fprintf(stderr, "pciif: the backend does not close\n");
}

static void connect_backend(void)
{
	struct ioctl_gntalloc_alloc_gref alloc = { .domid = 0, .flags = GNTALLOC_FLAG_WRITABLE, .count = 1 };
	struct ioctl_evtchn_bind_unbound_port bind = { .remote_domain = 0 };
	int gntalloc = device_open("/dev/xen/gntalloc");
	const char *value;
	int ret;

	xenbus = device_open("/dev/xen/xenbus");
	evtchn = device_open("/dev/xen/evtchn");
	value = xs(front, "backend", NULL);
	if (!value)
		die("no %s/backend", front);
	snprintf(back, sizeof(back), "%s", value);

	if (ioctl(gntalloc, IOCTL_GNTALLOC_ALLOC_GREF, &alloc))
		die("IOCTL_GNTALLOC_ALLOC_GREF: %s", strerror(errno));
	shared = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, gntalloc, alloc.index);
	if (shared == MAP_FAILED)
		die("mmap of a granted page: %s", strerror(errno));
	ret = ioctl(evtchn, IOCTL_EVTCHN_BIND_UNBOUND_PORT, &bind);
	if (ret < 0)
		die("IOCTL_EVTCHN_BIND_UNBOUND_PORT: %s", strerror(errno));
	port = ret;

	front_write("pci-op-ref", "%u", alloc.gref_ids[0]);
	front_write("event-channel", "%u", port);
	front_write("magic", "%s", XEN_PCI_MAGIC);
	front_write("state", "%d", XenbusStateInitialised);
	atexit(disconnect);
	if (!backend_reaches(XenbusStateConnected))
		die("the backend does not connect");
	front_write("state", "%d", XenbusStateConnected);
}

/* ---- requests ---- */

static void request(const char *name, const struct xen_pci_op *op)
{
	struct ioctl_evtchn_notify notify = { .port = port };
	int i;

	shared->op = *op;
	__atomic_fetch_or(&shared->flags, XEN_PCIF_active, __ATOMIC_SEQ_CST);
	if (ioctl(evtchn, IOCTL_EVTCHN_NOTIFY, &notify))
		die("IOCTL_EVTCHN_NOTIFY: %s", strerror(errno));
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
			die("%s: too many arguments", name);
		arg[count++] = strtoul(word, NULL, 0);
	}
	for (i = 0; i < OPERATIONS && strcmp(operations[i].name, name); i++)
		;
	if (i == OPERATIONS || operations[i].args != count)
		die("%s: no such operation with %u arguments", name, count);

	op.cmd = operations[i].cmd;
	if (op.cmd == XEN_PCI_OP_enable_msix) {
		if (arg[0] > SH_INFO_MAX_VEC)
			die("%s: at most %d entries", name, SH_INFO_MAX_VEC);
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
	front = argv[1];
	connect_backend();
	for (int i = 2; i < argc; i++)
		perform(argv[i]);
	return 0;
}
