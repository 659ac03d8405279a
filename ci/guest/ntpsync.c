// SPDX-License-Identifier: GPL-2.0-only
/*
 * ntpsync - tell the kernel that its clock is right
 *
 * Usage:  ntpsync
 *
 * Does what an NTP daemon does when it has found the time: STA_UNSYNC is cleared and the maximum
 * error (microseconds) set to 0. The kernel then writes the time to the hardware clock, at
 * once and every 11 minutes.
 *
 * Output: none. Status: 0, or 1 and a message if adjtimex(2) refuses.
 *
 * ABI: struct timex of Linux' include/uapi/linux/timex.h.
 */
#include <stdio.h>
#include <sys/timex.h>

int main(void)
{
	struct timex t = { .modes = ADJ_STATUS | ADJ_MAXERROR };

	if (adjtimex(&t) < 0) {
		perror("adjtimex");
		return 1;
	}
	return 0;
}
