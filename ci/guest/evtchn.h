/* SPDX-License-Identifier: GPL-2.0-only */
/* Calls of /dev/xen/evtchn (Linux' <xen/evtchn.h>); each returns -errno when it fails. */
#ifndef EVTCHN_H
#define EVTCHN_H

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <xen/xen.h>
/* After Xen's, which defines domid_t and evtchn_port_t. */
#include <xen/evtchn.h>
#include "fail.h"

/* bind_unbound(): a new port that domain dom may bind to. */
static inline int bind_unbound(int fd, unsigned int dom)
{
	struct ioctl_evtchn_bind_unbound_port b = { .remote_domain = dom };
	int ret = ioctl(fd, IOCTL_EVTCHN_BIND_UNBOUND_PORT, &b);

	return ret < 0 ? -errno : ret;
}

static inline int unbind(int fd, unsigned int port)
{
	struct ioctl_evtchn_unbind u = { .port = port };

	return ioctl(fd, IOCTL_EVTCHN_UNBIND, &u) < 0 ? -errno : 0;
}

static inline int notify(int fd, unsigned int port)
{
	struct ioctl_evtchn_notify n = { .port = port };

	return ioctl(fd, IOCTL_EVTCHN_NOTIFY, &n) < 0 ? -errno : 0;
}

/* must(): the result, which must not be negative (-errno). */
static inline int must(const char *what, int ret)
{
	if (ret < 0)
		fail("%s: %s", what, strerror(-ret));
	return ret;
}

/* expect(): the result must be the one wanted (-errno, or 0 for success). */
static inline void expect(const char *what, int got, int want)
{
	if (got != want)
		fail("%s: %s, not %s", what,
		     got < 0 ? strerror(-got) : "success",
		     want < 0 ? strerror(-want) : "success");
}

#endif
