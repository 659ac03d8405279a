# shellcheck shell=bash
# A toy queue for the selftests of fetch, apply, check and setup: the real scripts, a kernel of three files as a
# git checkout in $TOY/linux, and patches that are made by committing there.
#
#	queue_make		the queue, in $TOY
#	queue_patch SUBJECT PATH TEXT	appends TEXT to PATH of the kernel as the next patch, with a boot test;
#				sets PATCH to its file and TEST to its test
#	queue SCRIPT ARGS...	runs a script of the queue, for --tree $TOY/linux unless another base is given

. "$BATS_TEST_DIRNAME/toy.bash"

queue_make() {
	export TOY=$BATS_TEST_TMPDIR/queue PVOPS_WORK=$BATS_TEST_TMPDIR/queue/work HOME=$BATS_TEST_TMPDIR
	unset PVOPS_QUEUE PVOPS_KERNEL_MIRROR
	mkdir -p "$TOY"/{configs,patches,ci/tests,linux/drivers/xen,work}
	mkdir -p "$TOY/scripts/lib"
	cp "$SCRIPTS"/{setup,fetch,apply,check} "$TOY/scripts"
	cp "$SCRIPTS"/lib/{common.sh,tar2git.py,lint.py,patch.py,abi.py,suite.py,vm.py} "$TOY/scripts/lib"
	printf '[pv]\n[pvh]\n' >"$TOY/configs/profiles"
	echo "1.2.3	$(printf '%064d' 0)	pool/linux_1.2.3.orig.tar.xz" >"$TOY/configs/bases"
	touch "$TOY/configs/abi" "$TOY/series"
	seq 1 20 >"$TOY/linux/Makefile"
	seq 101 120 | sed 's/.*/int line_&;/' >"$TOY/linux/drivers/xen/grant.c"
	echo 'not touched' >"$TOY/linux/README"
	git_toy init -q
	git_toy add -A
	git_toy commit -q -m base
	git_toy branch base
}

git_toy() {
	git -C "$TOY/linux" -c user.name='pvops-dom0 queue' -c user.email=queue@pvops-dom0.invalid "$@"
}

queue_patch() {
	local subject=$1 slug
	slug=$(tr -cs 'a-zA-Z0-9\n' - <<<"$subject")
	PATCH=$TOY/patches/core/$slug.patch TEST=$TOY/ci/tests/core/$slug
	mkdir -p "${PATCH%/*}" "${TEST%/*}"
	printf '%s\n' "$3" >>"$TOY/linux/$2"
	git_toy checkout -q -B work
	git_toy add -A
	git_toy commit -q --date 2026-01-01T00:00:00Z -m "$subject" -m 'The toy lacks a line.  Add it.' \
		-m "Test: core/$slug"$'\n'"Forwarded: no"
	git_toy format-patch -q -1 --zero-commit --no-signature --full-index --no-renames -N --stdout >"$PATCH"
	echo "core/$slug.patch" >>"$TOY/series"
	printf '%s\n' '#!/bin/sh' '# This test will prove the queue.' "# patch: core/$slug" '# profile: pv' \
		'# before: fail "old"' '# timeout: 5' >"$TEST"
	chmod +x "$TEST"
}

queue() {
	local script=$1
	shift
	case " $* " in
	*' --base '* | *' --tarball '* | *' --tree '*) ;;
	*) git_toy checkout -q base && set -- --tree "$TOY/linux" "$@" ;;
	esac
	run "$TOY/scripts/$script" "$@"
}

# ref REF: what a ref of the kernel repository points to; the only base there is
ref() {
	git --git-dir="$PVOPS_WORK/linux.git" for-each-ref --format '%(objectname)' "refs/pvops/*/$1"
}
