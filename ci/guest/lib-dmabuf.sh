# shellcheck shell=sh
# Functions for boot tests with dma-bufs of granted pages: . /pvops/lib-dmabuf.sh (after lib.sh)
. /pvops/lib-domu.sh

# dmabuf_domu: start the domU "grants", with the modules of its device files; sets dom to its number.
dmabuf_domu() {
	mkdir -p ramdisk/modules
	for m in xen_evtchn xen_gntdev xen_gntalloc; do
		cp "$(modinfo -n $m)" ramdisk/modules || fail "no module $m"
	done
	(cd ramdisk && find . | busybox cpio -o -H newc 2>/dev/null) | cat /pvops/domu.cpio - >/tmp/dmabuf.cpio
	domu_start grants pv "ramdisk='/tmp/dmabuf.cpio'"
	# shellcheck disable=SC2016 # the domU's variable
	domu_exec grants 'for m in /modules/*; do insmod "$m" || exit; done' || fail "modules in the domU"
	dom=$(xl domid grants)
}

# dmabuf_granted PAGES: let the domU share pages with dom0; prints what "gntuser map" wants to know.
dmabuf_granted() {
	domu_job grants owner "gntuser share 0 $1"
	domu_job_says grants owner peer
}

# dmabuf_do WHAT: the domU grants a page, and "gntdmabuf WHAT" does its work with it.
dmabuf_do() {
	dmabuf_domu
	ref=$(dmabuf_granted 1) || fail "no grant for dom0"
	gntdmabuf "$1" "$dom" "${ref##* }" || exit 1
	domu_stop grants
}
