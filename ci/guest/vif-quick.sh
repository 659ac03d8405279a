#!/bin/sh
# Hotplug script for interfaces of xl: bridge=...,script=/pvops/vif-quick.sh
#
# The core of /etc/xen/scripts/vif-bridge: the backend's interface joins the bridge. The original starts some
# hundred processes, which takes many seconds in an emulated machine.
# In:  $1 online or offline; vif, the interface; XENBUS_PATH, the backend's XenStore directory; its node bridge
# Out: the node hotplug-status
[ "$1" = online ] || exit 0
# shellcheck disable=SC2154 # vif comes from xl
: "$vif"
bridge=$(xenstore-read "$XENBUS_PATH/bridge")
if ip link set "$vif" master "$bridge" && ip link set "$vif" up; then
	exec xenstore-write "$XENBUS_PATH/hotplug-status" connected
fi
xenstore-write "$XENBUS_PATH/hotplug-error" "no $vif or no $bridge" "$XENBUS_PATH/hotplug-status" error
exit 1
