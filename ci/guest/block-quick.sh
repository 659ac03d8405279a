#!/bin/sh
# Hotplug script for disks of xl whose target is a block device of dom0: script=/pvops/block-quick.sh
#
# What /etc/xen/scripts/block does for such a disk, without its lock and its search for other users of the
# device: these start some hundred processes, which takes many seconds in an emulated machine.
# In:  $1 add or remove; XENBUS_PATH, the backend's XenStore directory; its node params, the device
# Out: the nodes physical-device (major:minor in hexadecimal), physical-device-path and hotplug-status
[ "$1" = add ] || exit 0
device=$(xenstore-read "$XENBUS_PATH/params")
if numbers=$(stat -L -c %t:%T "$device"); then
	exec xenstore-write "$XENBUS_PATH/physical-device" "$numbers" \
		"$XENBUS_PATH/physical-device-path" "$device" "$XENBUS_PATH/hotplug-status" connected
fi
xenstore-write "$XENBUS_PATH/hotplug-error" "no $device" "$XENBUS_PATH/hotplug-status" error
exit 1
