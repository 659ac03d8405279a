#!/usr/bin/env bats
# rebase: what becomes of each patch on another kernel, conflicts and what follows, what --write does to the queue.

setup() {
	. "$BATS_TEST_DIRNAME/queue.bash"
	queue_make
	cp "$SCRIPTS/rebase" "$TOY/scripts"
	seq 201 220 >"$TOY/linux/drivers/xen/balloon.c"
	git_toy add -A
	git_toy commit -q -m balloon
	git_toy branch -f base
	queue_patch 'xen: add new' drivers/xen/new.c 'int new;'
	queue_patch 'xen/grant: add one' drivers/xen/grant.c 'int one;'
	queue_patch 'xen/balloon: add two' drivers/xen/balloon.c 'two'
	queue_patch 'kbuild: add three' Makefile 'three is the longest line'
	bash -c '. "$TOY/scripts/lib/common.sh"; kgit_init'
	release 1.2.3
	printf '%s\n' /linux/ "/${PVOPS_WORK##*/}/" >"$TOY/.gitignore"
	git -C "$TOY" init -q
	keep
}

# keep: the queue as it is, committed
keep() {
	git -C "$TOY" add -A
	git -C "$TOY" -c user.name=toy -c user.email=toy@toy.invalid commit -q -m queue
}

# release VERSION [FILE SED]...: a kernel, which differs from the base by what sed does to those files
release() {
	local version=$1
	git_toy checkout -q -B "v$1" base
	shift
	while (($#)); do
		sed -i "$2" "$TOY/linux/$1"
		shift 2
	done
	git_toy commit -q --allow-empty -a -m "Linux $version"
	git_toy push -q "$PVOPS_WORK/linux.git" "HEAD:refs/pvops/$version/base"
	mkdir -p "$PVOPS_WORK/offered"
	echo "$version	0	pool/linux_$version.orig.tar.xz" >"$PVOPS_WORK/offered/$version"
}

rebase() { run "$TOY/scripts/rebase" "$@"; }

OFFSET=(drivers/xen/grant.c '1i int first;')
THREE_WAY=(drivers/xen/balloon.c 's/218/changed/')
UPSTREAM=(Makefile '20a three is the longest line' Makefile 's/18/changed/') # so that git am -3 finds nothing to do
CONFLICT=(drivers/xen/balloon.c 's/220/changed/')

# resolve: the conflict in balloon.c
resolve() {
	sed -i '/^[<=>|]\{7\}/d' "$TREE/drivers/xen/balloon.c"
	git -C "$TREE" add drivers/xen/balloon.c
}

# conflict: a rebase to 1.2.4 that has stopped at its third patch, in $TREE
conflict() {
	TREE=$PVOPS_WORK/rebase/tree
	release 1.2.4 "${OFFSET[@]}" "${CONFLICT[@]}"
	rebase 1.2.4
	ends 1
}

@test "a line for each patch: clean, offset, three-way, upstream; a run that was killed is taken up there" {
	release 1.2.4 "${OFFSET[@]}" "${THREE_WAY[@]}" "${UPSTREAM[@]}"
	rebase 1.2.4
	ends 0
	says 'clean       core/xen-add-new'
	says 'offset      core/xen-grant-add-one'
	says 'three-way   core/xen-balloon-add-two: drivers/xen/balloon.c'
	says 'upstream    core/kbuild-add-three: already in 1.2.4'
	says '4 patches, 1 clean, 1 offset, 1 three-way, 1 upstream'
	says '! 3: '
	says '2 commits are equal in the range-diff'
	[ -z "$(git -C "$TOY" status --porcelain)" ]
	sed -i '3,$d' "$PVOPS_WORK/rebase/done" # before it could say that patch 3 is applied
	rebase --continue
	ends 0
	says 'three-way   core/xen-balloon-add-two'
	says_not 'add-one'
	says '2 commits are equal in the range-diff'
}

@test "a newer version of the primary base: its patches are written anew, what is upstream goes" {
	release 1.2.4 "${OFFSET[@]}" "${THREE_WAY[@]}" "${UPSTREAM[@]}"
	sed -i 's/^---$/&\nchecked: by hand\n/' "$TOY/patches/core/xen-balloon-add-two.patch"
	mkdir -p "$TOY/patches/1.1"
	sed 's/^/# old\n/' "$TOY/series" >"$TOY/patches/1.1/series"
	keep
	rebase 1.2.4 --write
	ends 0
	says 'kbuild-add-three names a patch that is gone'
	[ "$(grep -v '^#' "$TOY/configs/bases")" = "1.2.4	0	pool/linux_1.2.4.orig.tar.xz" ]
	grep -qx '# omit core/kbuild-add-three: already in 1.2.4' "$TOY/series"
	[ ! -e "$TOY/patches/core/kbuild-add-three.patch" ]
	grep -qx '1.1/core/kbuild-add-three.patch' "$TOY/patches/1.1/series"
	[ -e "$TOY/patches/1.1/core/kbuild-add-three.patch" ]
	grep -A 1 -x -e --- "$TOY/patches/core/xen-balloon-add-two.patch" | grep -qx 'checked: by hand'
	grep -q '^ changed' "$TOY/patches/core/xen-balloon-add-two.patch"
	rm -r "$TOY/patches/1.1"
	rm "$TOY/ci/tests/core/kbuild-add-three"
	run "$TOY/scripts/check" --base 1.2.4 series headers tree
	ends 0
}

@test "another X.Y: shared patches without fuzz, variants, omissions; then what the primary series has more" {
	release 1.3.1 "${OFFSET[@]}" "${THREE_WAY[@]}" "${UPSTREAM[@]}"
	rebase 1.3.1 --write
	ends 0
	[ "$(grep -v '^$' "$TOY/patches/1.3/series")" = "core/xen-add-new.patch
core/xen-grant-add-one.patch
1.3/core/xen-balloon-add-two.patch
# omit core/kbuild-add-three: already in 1.3.1" ]
	[ "$(tail -n 1 "$TOY/configs/bases")" = "1.3.1	0	pool/linux_1.3.1.orig.tar.xz" ]
	[ -z "$(git -C "$TOY" diff HEAD --name-only -- series patches)" ]
	rebase --diff 1.2.3 1.3.1
	ends 0
	says 'variant     core/xen-balloon-add-two: shared in 1.2.3, its own in 1.3.1'
	says 'omitted     core/kbuild-add-three: in 1.3.1: already in 1.3.1'
	says '2 patches are the same file in both'
	says '! 3: '
	git_toy checkout -q work
	queue_patch 'xen: add four' drivers/xen/four.c 'four'
	sed -i '/four/d; 1a core/xen-add-four.patch' "$TOY/series"
	keep
	release 1.3.2 "${THREE_WAY[@]}"
	rebase 1.3.2 --write
	ends 0
	says 'omitted     core/kbuild-add-three: already in 1.3.1'
	says 'clean       core/xen-balloon-add-two'
	[ "$(sed -n 2p "$TOY/patches/1.3/series")" = core/xen-add-four.patch ]
	grep -q ^1.3.2 "$TOY/configs/bases"
	git -C "$TOY" diff --quiet -- patches/1.3/core
	keep
	release 1.3.3
	rebase 1.3.3 --write
	ends 0
	grep -qx core/xen-balloon-add-two.patch "$TOY/patches/1.3/series"
	[ ! -e "$TOY/patches/1.3/core/xen-balloon-add-two.patch" ]
}

@test "a conflict: its lines, the commands, an ordinary git am; resolved, continued, written" {
	conflict
	says 'CONFLICT    core/xen-balloon-add-two: drivers/xen/balloon.c:20-25'
	says "next: cd $TREE"
	says 'git am --continue'
	says 'rebase --continue'
	says_not add-three
	rebase 1.2.4
	ends 1
	says 'has not been written'
	rebase --continue
	ends 1
	says 'is not resolved: drivers/xen/balloon.c:20-25'
	git -C "$TREE" add drivers/xen/balloon.c
	rebase --continue
	ends 1
	says 'leftover conflict marker'
	resolve
	git -C "$TREE" -c user.name=me -c user.email=me@toy.invalid am --continue
	rebase --continue
	ends 0
	says 'resolved    core/xen-balloon-add-two'
	says 'clean       core/kbuild-add-three'
	rebase 1.2.4 --write
	ends 1
	says 'has not been written'
	rebase --continue --write
	ends 0
	says_not 'add-three'
	grep -q '^ changed' "$TOY/patches/core/xen-balloon-add-two.patch"
	! grep -q toy.invalid -r "$TOY/patches" || false
	run "$TOY/scripts/check" --base 1.2.4 tree headers
	ends 0
	[ ! -e "$PVOPS_WORK/rebase" ]
}

@test "a conflicting patch can be left out, with a reason; --continue does git am --continue, --abort forgets" {
	conflict
	rebase --skip ''
	ends 2
	git -C "$TREE" -c user.name=me -c user.email=me@toy.invalid am --skip
	rebase --continue
	ends 1
	says 'say why'
	rebase --skip 'not needed there' --write
	ends 0
	grep -qx '# omit core/xen-balloon-add-two: not needed there' "$TOY/series"
	git -C "$TOY" reset -q --hard
	rebase 1.2.4
	ends 1
	resolve
	rebase --continue
	ends 0
	says 'resolved    core/xen-balloon-add-two'
	rebase --abort
	ends 0
	rebase --continue
	ends 1
	says 'no rebase to go on with'
}

@test "a tree with a history: the commit with the subject, or the one that brought the lines" {
	printf 'VERSION = 1\nPATCHLEVEL = 4\nSUBLEVEL = 0\n' >"$TOY/version"
	git_toy checkout -q base
	sed -i "1e cat $TOY/version" "$TOY/linux/Makefile"
	git_toy commit -q -a -m 'Linux 1.4'
	echo 'int one;' >>"$TOY/linux/drivers/xen/grant.c"
	git_toy commit -q -a -m 'xen/grant: add one'
	echo two >>"$TOY/linux/drivers/xen/balloon.c"
	git_toy commit -q -a -m 'xen/balloon: something else'
	echo more >>"$TOY/linux/README"
	git_toy commit -q -a -m 'later'
	rebase --tree "$TOY/linux" --write
	ends 0
	says "upstream    core/xen-grant-add-one: already in 1.4.0: $(git_toy rev-parse --short HEAD~2) (\"xen/grant: add one\")"
	says "upstream    core/xen-balloon-add-two: already in 1.4.0: $(git_toy rev-parse --short HEAD~1) (\"xen/balloon: something else\")"
	grep -q '^# omit core/xen-grant-add-one: already in 1.4.0' "$TOY/patches/1.4/series"
	[ "$(wc -l <"$TOY/configs/bases")" -eq 1 ]
}

@test "refused: uncommitted changes, an older version, a source that configs/bases does not name" {
	release 1.2.2
	echo '# mine' >>"$TOY/series"
	rebase 1.2.2
	ends 1
	says 'uncommitted changes: series'
	git -C "$TOY" checkout -q series
	rebase 1.2.2 --write
	ends 2
	says '1.2.2 is older than 1.2.3'
	rebase 1.2.2
	ends 0
	echo '# mine' >>"$TOY/series"
	rebase --continue --write
	ends 2
	sed -i "1i VERSION = 1\nPATCHLEVEL = 2\nSUBLEVEL = 9" "$TOY/linux/Makefile"
	git -C "$TOY" checkout -q series
	rebase --tree "$TOY/linux" --write
	ends 2
	says 'kept for Linux 1.2.3'
	rebase
	ends 2
	rebase 1.2.4 --abort
	ends 2
}

@test "--build: the patch that does not build, the tests that fail; nothing is written then" {
	release 1.2.4
	cat >"$TOY/scripts/build" <<-'END'
		#!/bin/bash
		echo "$4" >>"$PVOPS_WORK/built"
		(($4 < $(cat "$PVOPS_WORK/breaks"))) || { echo 'x.c:1: error: toy' >&2; exit 1; }
	END
	cat >"$TOY/scripts/boot-test" <<-'END'
		#!/bin/bash
		echo 'SUCCESS  pv         tip   core/xen-add-new'
		echo 'FAILURE  pv         tip   core/xen-grant-add-one  - no one'
		echo '1 passed, 1 failed, 0 skipped'
		exit 1
	END
	chmod +x "$TOY"/scripts/{build,boot-test}
	keep
	echo 3 >"$PVOPS_WORK/breaks"
	rebase 1.2.4 --build --write
	ends 1
	says 'build fails core/xen-balloon-add-two: x.c:1: error: toy'
	echo 9 >"$PVOPS_WORK/breaks"
	rebase --continue --build --write
	ends 1
	says 'test fails  core/xen-grant-add-one: core/xen-grant-add-one (pv) - no one'
	[ -z "$(git -C "$TOY" status --porcelain)" ]
	echo 0 >"$PVOPS_WORK/breaks"
	rebase --continue --build
	ends 1
	says '1.2.4 itself does not build'
}

@test "a conflict that git cannot merge: without the blobs, or without the file" {
	sed -i '/^index/s/[0-9a-f]\{40\}/1111111111111111111111111111111111111111/g' "$TOY/patches/core/xen-grant-add-one.patch"
	keep
	release 1.2.4 drivers/xen/grant.c 's/120/changed/'
	rebase 1.2.4
	ends 1
	says 'CONFLICT    core/xen-grant-add-one: drivers/xen/grant.c:18'
	says 'git apply --reject'
	rebase --abort
	git -C "$TOY" reset -q --hard HEAD^
	git_toy checkout -q base
	git_toy rm -q drivers/xen/balloon.c
	git_toy commit -q -m gone
	release 1.2.5
	rebase 1.2.5
	ends 1
	says 'CONFLICT    core/xen-balloon-add-two: drivers/xen/balloon.c'
}
