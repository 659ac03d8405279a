#!/usr/bin/env bats
# apply: the series as commits, again only what changed, nothing half-done after a failure; in place with quilt.

setup() {
	. "$BATS_TEST_DIRNAME/queue.bash"
	queue_make
	queue_patch 'xen/grant: add one' drivers/xen/grant.c 'int one;'
	ONE=$PATCH
	queue_patch 'xen/grant: add two' Makefile 'two'
	TWO=$PATCH
	queue_patch 'xen/grant: add three' drivers/xen/new.c 'int three;'
}

# spoil PATCH: its context is found nowhere
spoil() {
	sed -i 's/^ \(int line_1[12]\|1[89]\)/ nowhere/' "$1"
}

@test "one commit for each patch, the last one is the patched tree" {
	queue apply
	ends 0
	says 'applied 3 of 3'
	[ "$(ref 'p/*' | wc -l)" -eq 3 ]
	[ "$(ref tip)" = "$(ref p/003)" ]
	tree=$(git --git-dir="$PVOPS_WORK/linux.git" rev-parse "$(ref tip)^{tree}")
	[ "$tree" = "$(git_toy rev-parse 'work^{tree}')" ]
}

@test "nothing changed: nothing is done; again from scratch: the same commits" {
	queue apply
	tip=$(ref tip)
	queue apply
	ends 0
	says 'already'
	rm -rf "$PVOPS_WORK"
	queue apply
	ends 0
	[ "$(ref tip)" = "$tip" ]
}

@test "a changed patch: the ones before it stay" {
	queue apply
	one=$(ref p/001) two=$(ref p/002)
	sed -i 's/^+two/+zwei/' "$TWO"
	queue apply
	ends 0
	says 'applied 2 of 3'
	[ "$(ref p/001)" = "$one" ]
	[ "$(ref p/002)" != "$two" ]
}

@test "a shorter series leaves no refs behind" {
	queue apply
	sed -i 3d "$TOY/series"
	queue apply
	ends 0
	[ -z "$(ref p/003)" ]
	[ "$(ref tip)" = "$(ref p/002)" ]
}

@test "a patch that fails is named with its file, the refs stay, the next run is clean" {
	queue apply
	tip=$(ref tip)
	cp "$TWO" "$TOY/good"
	spoil "$TWO"
	queue apply
	ends 1
	says 'patch 2 of 3 does not apply'
	says core/xen-grant-add-two.patch
	says Makefile
	says 'git am -3'
	[ "$(ref tip)" = "$tip" ]
	cp "$TOY/good" "$TWO"
	sed -i 's/add one/add first/' "$ONE"
	queue apply
	ends 0
	[ "$(ref tip)" != "$tip" ]
}

@test "the worktree of a failed patch is ready for git am -3" {
	spoil "$TWO"
	queue apply
	ends 1
	tree=$(sed -n 's/.*next: cd //p' <<<"$output")
	[ "$(git -C "$tree" log -1 --format=%s)" = 'xen/grant: add one' ]
	[ -z "$(git -C "$tree" status --porcelain)" ]
}

@test "a file with two mails, a missing file and an empty series are refused" {
	cat "$TWO" >>"$ONE"
	queue apply
	ends 1
	says 'not hold exactly one mail'
	rm "$ONE"
	queue apply
	ends 1
	says 'a patch that does not exist: core/xen-grant-add-one.patch'
	echo '# nothing' >"$TOY/series"
	queue apply
	ends 1
	says 'lists no patches'
}

@test "in place: quilt applies, and takes out again" {
	queue apply --in-place
	ends 0
	says 'applied 3 patches'
	git_toy add -N drivers
	git_toy diff --quiet work
	git_toy reset -q
	cd "$TOY/linux"
	quilt pop -aq >/dev/null
	git_toy diff --quiet base
}

@test "in place: a dirty checkout is refused and stays as it is" {
	git_toy checkout -q base
	echo mine >>"$TOY/linux/README"
	queue apply --tree "$TOY/linux" --in-place
	ends 1
	says 'uncommitted changes'
	[ ! -e "$TOY/linux/.pc" ]
	[ "$(tail -n 1 "$TOY/linux/README")" = mine ]
}

@test "in place: a failing patch is rolled back, the rest is an ordinary quilt series" {
	spoil "$TWO"
	queue apply --in-place
	ends 1
	says core/xen-grant-add-two.patch
	says 'quilt push -f'
	cd "$TOY/linux"
	[ "$(quilt top)" = "$(cd "$TOY/linux" && quilt applied | tail -n 1)" ]
	[[ $(quilt top) == *core/xen-grant-add-one.patch ]]
	[ "$(quilt unapplied | wc -l)" -eq 2 ]
	git_toy diff --quiet base -- Makefile
	queue apply --in-place
	ends 1
	says 'quilt pop -a'
}

@test "--in-place needs a tree" {
	queue apply --base 1.2.3 --in-place
	ends 2
}
