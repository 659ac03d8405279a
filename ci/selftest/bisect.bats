#!/usr/bin/env bats
# shellcheck shell=bats
# scripts/boot --bisect below git bisect run: in the kernel repository of the work directory, and in a tree.

load toy.bash

setup() {
	toy_make
	printf 'topic/%s.patch\n' one two three four five six >"$TOY/series"
	mkdir "$TOY/linux"
	kernel init -q
	kernel commit -q --allow-empty -m base
	for n in one two three four five six; do
		kernel commit -q --allow-empty -m "toy: $n"
	done
	git clone -q --bare "$TOY/linux" "$PVOPS_WORK/linux.git"
	toy_test topic/good 'patch: none' 'profile: pv' <<-'END'
		has topic/five || exit 0
		echo FAIL: five
		exit 1
	END
}

kernel() { git -C "$TOY/linux" -c user.name=toy -c user.email=toy@toy.invalid "$@"; }

# scripts/build --rev REV, or --tree DIR by way of scripts/fetch: a commit of the kernel has as many patches as ancestors;
# $TOY/broken are the numbers of those that do not build
stub_build_rev() {
	local rev n image
	rev=$(given rev "$(given base '' "$@")" "$@")
	rev=${rev#tree-}
	n=$(git --git-dir="$PVOPS_WORK/linux.git" rev-list --count "$rev^")
	if grep -qx "$n" "$TOY/broken" 2>/dev/null; then
		echo 'toy.c:1: error: toy' >&2
		exit 1
	fi
	image=$PVOPS_WORK/image/$n
	mkdir -p "$image"
	echo "$n" >"$image/id"
	head -n "$n" "$TOY/series" >"$image/vmlinux"
	echo "$image"
}

stub_fetch_tree() { [ "$1" = --tree ] && echo "tree-$(git -C "$2" rev-parse HEAD)"; }

# finds STATUS OPTIONS...: bisects between the base and the tip
finds() {
	toy_stub build "$(declare -f given stub_build_rev)" 'stub_build_rev "$@"'
	git bisect start "$tip" "$tip~6" >/dev/null
	run git bisect run "$TOY/scripts/boot" pv --test topic/good --bisect "${@:2}"
	says_not Traceback
	ends "$1"
}

@test "the patch is found, in the kernel repository; a kernel that does not build is skipped" {
	tip=$(kernel rev-parse HEAD)
	cd "$PVOPS_WORK/linux.git"
	echo 3 >"$TOY/broken"
	finds 0 --rev BISECT_HEAD
	says 'is the first bad commit'
	says 'toy: five'
	[ "$(starts)" -le 4 ]
	git bisect reset
	seq 3 5 >"$TOY/broken"
	finds 2 --rev BISECT_HEAD
	says 'only '
	says_not 'is the first bad commit'
}

@test "the patch is found, in a tree of the user's own" {
	tip=$(kernel rev-parse HEAD)
	toy_stub fetch "$(declare -f stub_fetch_tree)" 'stub_fetch_tree "$@"'
	cd "$TOY/linux"
	finds 0 --tree . --prefix 0
	says 'is the first bad commit'
	says 'toy: five'
}

@test "what can not tell is skipped: a test that skips, a boot in error" {
	local image
	image=$(toy_image 2)
	toy_test topic/good 'patch: none' 'profile: pv' <<<'exit 4'
	toy boot pv --kernel "$image" --test topic/good --bisect
	ends 125
	SCENARIO='boot; exit 0' toy boot pv --kernel "$image" --test topic/good --bisect
	ends 125
	toy_test topic/bad 'patch: none' 'profile: pv' <<<'exit 1'
	toy boot pv --kernel "$image" --test topic/good --test topic/bad --bisect
	ends 1
}

@test "what is no kernel's fault ends the bisection" {
	tip=$(kernel rev-parse HEAD)
	cd "$TOY/linux"
	toy boot moon --test topic/good --bisect
	ends 255
	toy boot pv --bisect
	says '--bisect needs --test'
	ends 255
	toy_stub fetch 'exit 4'
	toy boot pv --test topic/good --bisect
	ends 255
	rm -r "$PVOPS_WORK/guest/xen"
	git bisect start "$tip" "$tip~6"
	run git bisect run "$TOY/scripts/boot" pv --kernel "$(toy_image 2)" --test topic/good --bisect
	says 'xen/version'
	says_not 'is the first bad commit'
	[ "$(grep -c Traceback <<<"$output")" -eq 1 ]
	toy_test topic/good 'profile: pv' 'patch: topic/one' <<<'exit 1'
	toy boot pv --kernel "$(toy_image 2)" --test topic/good --bisect
	says "'# patch:' and '# before:' go together"
	ends 255
}
