/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What frontends in user space share: xenstore, granted pages and event channels. Whatever fails
 * here ends the program with a line on standard error and status 2.
 *
 * ABI: the xenstore messages are those of public/io/xs_wire.h, which /dev/xen/xenbus takes as they
 * are, the states those of public/io/xenbus.h. The devices: sys/gntalloc.h, sys/evtchn.h. The other
 * end is domain 0.
 */
#ifndef FRONTEND_H
#define FRONTEND_H

#include <err.h>
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

#define __XEN_TOOLS__ /* the current version of the headers: without it ring.h has barriers of its own */
#define xen_mb() __atomic_thread_fence(__ATOMIC_SEQ_CST)
#define xen_rmb() __atomic_thread_fence(__ATOMIC_ACQUIRE)
#define xen_wmb() __atomic_thread_fence(__ATOMIC_RELEASE)

#include <xen/xen.h>
#include <xen/grant_table.h>
#include <xen/io/xenbus.h>
#include <xen/io/xs_wire.h>
#include <xen/sys/evtchn.h>
#include <xen/sys/gntalloc.h>

#define PAGE 4096
#define TIMEOUT 10 /* seconds */

struct page {
	uint8_t *data;
	grant_ref_t gref;
};

/* The directories of both ends in xenstore, and file descriptors of the device files. */
static char front[64], back[64];
static int xenbus, gntalloc, evtchn;

static inline int device_open(const char *name)
{
	int fd = open(name, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		err(2, "%s", name);
	return fd;
}

/* devices_open(): to be called before anything else of this file. */
static inline void devices_open(void)
{
	xenbus = device_open("/dev/xen/xenbus");
	gntalloc = device_open("/dev/xen/gntalloc");
	evtchn = device_open("/dev/xen/evtchn");
}

/* ---- xenstore ---- */

static inline void xs_transfer(bool out, void *buffer, size_t length)
{
	for (char *p = buffer; length;) {
		ssize_t done = out ? write(xenbus, p, length) : read(xenbus, p, length);

		if (done < 0)
			err(2, "/dev/xen/xenbus");
		if (!done)
			errx(2, "/dev/xen/xenbus: end of file");
		p += done;
		length -= done;
	}
}

/* xs(): the answer to a message about a node, with a value if not NULL. NULL is for XS_ERROR. */
static inline const char *xs(enum xsd_sockmsg_type type, const char *directory, const char *name, const char *value)
{
	static struct {
		struct xsd_sockmsg head;
		char body[XENSTORE_PAYLOAD_MAX + 1];
	} msg;
	int len = snprintf(msg.body, sizeof(msg.body), "%s%s%s", directory, *name ? "/" : "", name) + 1;

	if (value)
		len += snprintf(msg.body + len, sizeof(msg.body) - len, "%s", value);
	msg.head = (struct xsd_sockmsg){ .type = type, .len = len };
	xs_transfer(true, &msg, sizeof(msg.head) + len);
	xs_transfer(false, &msg.head, sizeof(msg.head));
	if (msg.head.len > XENSTORE_PAYLOAD_MAX)
		errx(2, "xenstore: answer of %u bytes", msg.head.len);
	xs_transfer(false, msg.body, msg.head.len);
	msg.body[msg.head.len] = '\0';
	return msg.head.type == XS_ERROR ? NULL : msg.body;
}

static inline const char *node_read(const char *directory, const char *name)
{
	return xs(XS_READ, directory, name, NULL);
}

static inline __attribute__((format(printf, 3, 4))) void node_write(const char *directory, const char *name,
								    const char *format, ...)
{
	char value[256];
	va_list args;

	va_start(args, format);
	vsnprintf(value, sizeof(value), format, args);
	va_end(args);
	if (!xs(XS_WRITE, directory, name, value))
		errx(2, "cannot write %s/%s", directory, name);
}

/* node_assign(): write a node of the directory that is given as NODE=VALUE. */
static inline void node_assign(const char *directory, const char *assignment)
{
	const char *value = strchr(assignment, '=');
	char name[64];

	if (!value)
		errx(2, "not of the form NODE=VALUE: %s", assignment);
	snprintf(name, sizeof(name), "%.*s", (int)(value - assignment), assignment);
	node_write(directory, name, "%s", value + 1);
}

static inline enum xenbus_state backend_state(void)
{
	const char *value = node_read(back, "state");

	return value ? atoi(value) : XenbusStateUnknown;
}

/*
 * backend_reaches(): wait until the backend is in a state. A backend that refuses to connect goes to
 * Closing and has to stay there: it gets a second to change its mind.
 */
static inline bool backend_reaches(enum xenbus_state wanted)
{
	for (int i = 0, closing = 0; i < TIMEOUT * 100; i++) {
		enum xenbus_state state = backend_state();

		if (state == wanted)
			return true;
		closing += state == XenbusStateClosing;
		if (closing == 100 && wanted != XenbusStateClosed)
			break;
		usleep(10000);
	}
	return false;
}

/* close_backend(): the backend lets go of rings and pages in Closed, and of the device when not online. */
static inline void close_backend(void)
{
	node_write(front, "state", "%d", XenbusStateClosed);
	if (!backend_reaches(XenbusStateClosed))
		warnx("the backend does not close");
}

static inline void pair_remove(void)
{
	node_write(back, "online", "0");
	close_backend();
	xs(XS_RM, back, "", NULL);
	xs(XS_RM, front, "", NULL);
}

/*
 * pair_create(): what a toolstack writes first for a device of a kind, vbd or vif, both ends of which are in
 * this domain. They are removed when the program ends.
 */
static inline void pair_create(const char *kind)
{
	devices_open();
	/* Not below device/: there the kernel's own frontend would look for it. */
	snprintf(front, sizeof(front), "/local/domain/0/frontend/%s/%d", kind, getpid());
	snprintf(back, sizeof(back), "/local/domain/0/backend/%s/0/%d", kind, getpid());
	atexit(pair_remove);
	node_write(front, "backend", "%s", back);
	node_write(front, "backend-id", "0");
	node_write(front, "state", "%d", XenbusStateInitialising);
	node_write(back, "frontend", "%s", front);
	node_write(back, "frontend-id", "0");
	node_write(back, "online", "1");
}

/* ---- pages and event channels ---- */

/* page_alloc(): grant a page to domain 0, unless that is done. */
static inline void page_alloc(struct page *page)
{
	struct ioctl_gntalloc_alloc_gref alloc = { .domid = 0, .flags = GNTALLOC_FLAG_WRITABLE, .count = 1 };

	if (page->data)
		return;
	if (ioctl(gntalloc, IOCTL_GNTALLOC_ALLOC_GREF, &alloc))
		err(2, "IOCTL_GNTALLOC_ALLOC_GREF");
	page->data = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, gntalloc, alloc.index);
	if (page->data == MAP_FAILED)
		err(2, "mmap of a granted page");
	page->gref = alloc.gref_ids[0];
}

/* port_alloc(): an event channel for domain 0. It stays ours when that closes its end, and can be bound once more. */
static inline void port_alloc(unsigned int *port)
{
	struct ioctl_evtchn_bind_unbound_port bind = { .remote_domain = 0 };
	int ret;

	if (*port)
		return;
	ret = ioctl(evtchn, IOCTL_EVTCHN_BIND_UNBOUND_PORT, &bind);
	if (ret < 0)
		err(2, "IOCTL_EVTCHN_BIND_UNBOUND_PORT");
	*port = ret;
}

static inline void event_send(unsigned int port)
{
	struct ioctl_evtchn_notify notify = { .port = port };

	if (ioctl(evtchn, IOCTL_EVTCHN_NOTIFY, &notify))
		err(2, "IOCTL_EVTCHN_NOTIFY");
}

#endif
