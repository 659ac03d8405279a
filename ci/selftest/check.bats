#!/usr/bin/env bats
# check: every rule of the queue can be broken, and each break is told apart.

setup() {
	. "$BATS_TEST_DIRNAME/queue.bash"
	queue_make
	queue_patch 'xen/grant: add one' drivers/xen/grant.c 'int one;'
	queue_patch 'xen/grant: add two' drivers/xen/grant.c 'int two;'
}

# red TEXT CHECK...: the check fails, and says why
red() {
	local text=$1
	shift
	queue check "$@"
	ends 1
	says "not ok $1"
	says "$text"
	says ' failed, '
}

# change SED-SCRIPT: of the last patch
change() {
	sed -i "$1" "$PATCH"
}

@test "a good queue passes every check" {
	queue check
	ends 0
	says_not 'not ok'
	says 'ok tree git quiltimport'
	says 'ok headers core/xen-grant-add-two.patch'
	says 'ok tests core/xen-grant-add-two'
	says ' 0 failed, 2 skipped' # a toy kernel has neither checkpatch.pl nor Xen's headers
}

@test "usage" {
	queue check nonsense
	ends 2
	says 'no such check: nonsense'
	queue check --changed nonsense
	ends 2
}

@test "series: unlisted, missing, twice, in the wrong order" {
	cp "$TOY/series" "$TOY/good"
	sed -i 2d "$TOY/series"
	red 'xen-grant-add-two.patch is not listed' series
	cat "$TOY/good" "$TOY/good" >"$TOY/series"
	red 'is listed 2 times' series
	echo core/none.patch >>"$TOY/series"
	red 'patches/core/none.patch does not exist' series
	mkdir "$TOY/patches/mmu"
	touch "$TOY/patches/mmu/a.patch"
	{ echo mmu/a.patch && cat "$TOY/good"; } >"$TOY/series"
	red 'comes after a patch of mmu' series
}

@test "series: an older base has every patch or says why not" {
	mkdir "$TOY/patches/1.1"
	echo core/xen-grant-add-one.patch >"$TOY/patches/1.1/series"
	red '# omit core/xen-grant-add-two: reason' series
	echo '# omit core/xen-grant-add-two: not needed there' >>"$TOY/patches/1.1/series"
	queue check series
	ends 0
}

@test "headers: subject, file name, author, form" {
	change 's/^Subject: \[PATCH\]/Subject: [PATCH 2\/2]/'
	red 'does not begin with [PATCH], without a number' headers
	change 's/^Subject: .*/Subject: [PATCH] xen\/grant: add three/'
	red 'rename it to xen-grant-add-three.patch' headers
	change 's/^Subject: .*/Subject: [PATCH] Add two/'
	red 'subsystem: what it does' headers
	change "s/^Subject: .*/Subject: [PATCH] xen: $(printf 'a%.0s' {1..70})/"
	red 'subject has 75 characters' headers
	change 's/^From: .*/From: Some One <some@example.org>/'
	red 'From: is not the queue' headers
	change 's/^From 0*/From 1234567890123456789012345678901234567890/'
	red 'zero commit' headers
	change 's/^index \(.......\)[0-9a-f]*\.\.\(.......\)[0-9a-f]*/index \1..\2/'
	red 'short index lines' headers
	printf -- '-- \n2.39.5\n' >>"$PATCH"
	red "ends with git's version" headers
}

@test "headers: body" {
	change "s/^The toy lacks.*/The toy $(printf 'lacks %.0s' {1..15})/"
	red 'wrap at 75' headers
	change '/^The toy/d'
	red 'no body' headers
}

@test "headers: missing and wrong trailers" {
	cp "$PATCH" "$TOY/good"
	change '/^Test: /d'
	red 'no Test: trailer' headers
	cp "$TOY/good" "$PATCH"
	change '/^Forwarded: /d'
	red 'not exactly one Forwarded: trailer' headers
	cp "$TOY/good" "$PATCH"
	change 's/^Forwarded: .*/Forwarded: maybe/'
	red 'write Forwarded: no, not-needed or <url>' headers
	cp "$TOY/good" "$PATCH"
	change 's/^Test: .*/Fixes: 1234567 (something)\n&/'
	red 'bad trailer: Fixes' headers
	cp "$TOY/good" "$PATCH"
	change 's/^Test: .*/Test: core\/none/'
	red 'Test: core/none does not exist' headers
}

@test "headers: a tag for a person" {
	for tag in Signed-off-by Reviewed-by Reported-by Reported-and-tested-by Cc; do
		cp "$PATCH" "$TOY/good"
		change "s/^Forwarded: .*/&\n$tag: Some One <some@example.org>/"
		red "tag for a person: '$tag: Some One" headers
		cp "$TOY/good" "$PATCH"
	done
}

@test "headers: only what changed" {
	git -C "$TOY" init -q
	echo linux/ >"$TOY/.gitignore"
	echo work/ >>"$TOY/.gitignore"
	git -C "$TOY" add -A
	git -C "$TOY" -c user.name=a -c user.email=a@example.org commit -q -m queue
	change '/^Forwarded: /d'
	queue check --changed HEAD headers
	ends 1
	says 'headers core/xen-grant-add-two.patch'
	says_not 'headers core/xen-grant-add-one.patch'
}

@test "tests: the head of a test, and that test and patch name each other" {
	sed -i 's,^# patch: .*,# patch: core/xen-grant-add-one,' "$TEST"
	red 'add the trailer Test: core/xen-grant-add-two to patches/core/xen-grant-add-one.patch' tests
	red 'none of its tests proves it' headers
	sed -i 's,^# patch: .*,# patch: core/none,' "$TEST"
	red 'patches/core/none.patch does not exist' tests
	sed -i 's,^# profile: .*,# profile: pv bare-metal,' "$TEST"
	red 'profile bare-metal is unknown' tests
	sed -i 's,^# timeout: ,# timeouts: ,' "$TEST"
	red 'write # timeout: ...' tests
	sed -i 's,^# timeouts: .*,# timeout:,' "$TEST"
	red 'write # timeout: ...' tests
	sed -i 's,^# before: .*,# before: explode "red",' "$TEST"
	red 'expected fail "text", panic "text" or hang' tests
	sed -i 's,^# This test .*,# It tests,' "$TEST"
	red 'tests core/xen-grant-add-two' tests
}

@test "tree: a patch that does not apply, one with fuzz, one with an offset" {
	cp "$PATCH" "$TOY/good"
	change 's/^ int line_120;/ nowhere/'
	red 'xen-grant-add-two.patch' tree
	cp "$TOY/good" "$PATCH"
	change 's/^ int line_119;/ int fuzzy;/'
	red 'xen-grant-add-two.patch' tree
	cp "$TOY/good" "$PATCH"
	change 's/^@@ -[0-9]*\(.*\) +[0-9]*/@@ -100\1 +100/'
	queue check tree
	ends 0
	git --git-dir="$PVOPS_WORK/linux.git" update-ref refs/pvops/1.2.3/base "$(ref base)"
	queue check --base 1.2.3 tree
	ends 1
	says 'not ok tree quilt'
	says 'the primary base takes no offsets'
}

@test "checkpatch: the base's own, with a reason below --- where it cannot be met" {
	mkdir "$TOY/linux/scripts"
	cat >"$TOY/linux/scripts/checkpatch.pl" <<-'END'
		my $file = pop @ARGV;
		exit 0 if "@ARGV" =~ /--ignore \S*,TOY_RULE/ || $file !~ /two/;
		print "$file:1: WARNING:TOY_RULE: no two\n";
		exit 1;
	END
	queue check --tree "$TOY/linux" checkpatch
	says 'not ok checkpatch core/xen-grant-add-two.patch - core/xen-grant-add-two.patch:1: WARNING:TOY_RULE: no two'
	ends 1
	change 's/^---$/&\ncheckpatch: TOY_RULE: two is what it is about/'
	queue check --tree "$TOY/linux" checkpatch
	ends 0
}

# abi_kernel: a toy kernel whose Xen header has a structure as in Xen's public headers
abi_kernel() {
	mkdir -p "$TOY/linux/include/xen/interface" "$TOY/linux/drivers/xen"
	touch "$TOY/linux/include/xen/interface/xen.h"
	cat >"$TOY/linux/include/xen/interface/event_channel.h" <<-'END'
		#define EVTCHNOP_unmask 9
		struct evtchn_unmask {
			/* IN parameters. */
			uint32_t port;
		};
	END
	git_toy checkout -q base
	git_toy add -A
	git_toy commit -q --amend -m base
	rm -rf "$TOY"/patches/* "$TOY"/ci/tests/*
	: >"$TOY/series"
}

@test "abi: what a patch uses must be listed" {
	abi_kernel
	queue_patch 'xen/grant: unmask' drivers/xen/grant.c 'struct evtchn_unmask op = { EVTCHNOP_unmask };'
	red 'uses EVTCHNOP_unmask, which is not held against Xen; add to configs/abi below [event_channel.h]: EVTCHNOP_unmask' abi
	says 'add to configs/abi below [event_channel.h]: struct evtchn_unmask: port'
	printf '%s\n' '[event_channel.h]' EVTCHNOP_unmask 'struct evtchn_unmask: port' >"$TOY/configs/abi"
	queue check abi
	ends 0
	says '4 values as in /usr/include/xen/event_channel.h'
}

@test "abi: values, sizes, offsets and names that are not Xen's" {
	abi_kernel
	queue_patch 'xen/grant: unmask' drivers/xen/grant.c 'struct evtchn_unmask op;'
	printf '%s\n' '[event_channel.h]' EVTCHNOP_unmask 'struct evtchn_unmask: port' >"$TOY/configs/abi"
	git_toy checkout -q base
	header=$TOY/linux/include/xen/interface/event_channel.h
	sed -i 's/unmask 9/unmask 10/' "$header"
	queue check --tree "$TOY/linux" abi
	ends 1
	says 'EVTCHNOP_unmask is 0xa in Linux, EVTCHNOP_unmask is 0x9 in Xen'
	sed -i 's/unmask 10/unmask 9/; s/uint32_t port/uint32_t pad, port/' "$header"
	queue check --tree "$TOY/linux" abi
	ends 1
	says 'sizeof(struct evtchn_unmask) is 0x8 in Linux'
	says 'offsetof(struct evtchn_unmask, port) is 0x4 in Linux'
	echo EVTCHNOP_none >>"$TOY/configs/abi"
	queue check --tree "$TOY/linux" abi
	ends 1
	says "abi:4: ‘EVTCHNOP_none’ undeclared"
}

@test "scripts: shellcheck, shfmt, Python and YAML" {
	echo "echo \$1" >>"$TOY/scripts/fetch"
	printf 'if true; then\n  echo\nfi\n' >>"$TOY/scripts/apply"
	echo 'def (' >"$TOY/scripts/lib/abi.py"
	printf 'a: 1\na:  2\n' >"$TOY/ci/toy.yml"
	queue check scripts
	ends 1
	says 'not ok yamllint ci/toy.yml'
	says 'not ok shellcheck scripts/fetch'
	says 'not ok shfmt scripts/apply'
	says 'not ok python scripts/lib/abi.py'
	says ' 4 failed'
}
