#!/usr/bin/env bats
# export: mails that git am takes, with nothing of the queue in them; refuses what maintainers would.

setup() {
	. "$BATS_TEST_DIRNAME/queue.bash"
	queue_make
	cp "$SCRIPTS/export" "$TOY/scripts"
	cp "$SCRIPTS"/lib/{series,results,cover}.py "$TOY/scripts/lib"
	mkdir "$TOY/linux/scripts"
	cat >"$TOY/linux/scripts/checkpatch.pl" <<-'END'
		my $file = pop @ARGV;
		exit 0 if "@ARGV" =~ /BAD_NAME/ or `cat $file` !~ /^\+.*\bbad\b/m;
		print "$file:1: ERROR:BAD_NAME: bad\n";
		exit 1;
	END
	cat >"$TOY/linux/scripts/get_maintainer.pl" <<-'END'
		binmode STDOUT, ":utf8";
		print "J\x{fc}rgen M <m\@example.org> (maintainer:XEN (ALL OF IT))\nR <r\@example.org> (reviewer:XEN)\n";
		print "xen\@example.org (moderated list:XEN (ALL OF IT):Keyword:xen)\n";
	END
	touch "$TOY/linux/MAINTAINERS"
	git_toy add -A
	git_toy commit -q --amend -m base
	git_toy branch -f base
	git_toy tag v1.2.3
	unset "${!GIT_AUTHOR_@}" "${!GIT_COMMITTER_@}" EMAIL
	git config --global user.name 'A Submitter'
	git config --global user.email submitter@example.org
	printf '%s\n' '' '# core: things that are missing, or odd. More of it' '# in a second line.' >>"$TOY/series"
	queue_patch 'xen/grant: add one' drivers/xen/grant.c 'int one(void);'
	ONE=$PATCH
	queue_patch 'xen/events: add two' drivers/xen/grant.c 'int two;'
	sed -i 's/^Forwarded: no/&\nGain: lines: 21 -> 22/; s,^---$,&\ncheckpatch: OTHER: reason\nLook here.\n,' "$PATCH"
	OUT=$TOY/out BASE=tree-$(git_toy rev-parse --short=12 'base^{tree}')
	cd "$TOY" || return
}

# proved [RED] [GREEN]: a run saw the tests come out like that
proved() {
	PYTHONPATH=$TOY/scripts/lib python3 - "$BASE" "${1:-SUCCESS}" "${2:-SUCCESS}" <<-'END'
		import sys
		import series, suite
		base, *verdicts = sys.argv[1:]
		record = series.Record("prefix", base)
		for test in suite.load_tests().values():
		    before = record.head["series"].index(test.patch)
		    for prefix, kind, verdict in zip((before, before + 1), ("red", "green"), verdicts):
		        record.add(kind, test, "pv", verdict, "what it said", prefix=prefix)
		record.save()
	END
}

# refuses TEXT ARGS...: says why, and writes nothing
refuses() {
	local text=$1
	shift
	queue export "$@" --out "$OUT"
	ends 1
	says "$text"
	[ ! -e "$OUT" ]
	[ -z "$(ls "$PVOPS_WORK/tmp")" ]
}

# mail N: the N-th mail, 0 is the cover letter
mail() { cat "$OUT"/*"000$1"-*; }

@test "a topic: a cover letter, and mails that give the same tree without the queue's trailers" {
	proved
	queue export core --out "$OUT"
	ends 0
	says 'patches for xen/tip.git'
	[ "$(find "$OUT" -type f | wc -l)" = 3 ]
	mail 0 | grep -qx 'Subject: \[PATCH 0/2\] xen: things that are missing, or odd'
	mail 0 | grep -qx 'Things that are missing, or odd. More of it in a second line.'
	mail 0 | grep -qx '1. xen/grant: add one'
	mail 0 | grep -qx '   The toy lacks a line.  Add it.'
	mail 0 | tr '\n' ' ' | grep -q 'The source was the base commit: '
	mail 0 | grep -Ex ' +2  core/xen-events-add-two +pv +red +green'
	mail 0 | grep -qx '  lines: 21 -> 22'
	mail 0 | grep -qx "base-commit: $(git_toy rev-parse v1.2.3^0)"
	for n in 0 1 2; do
		mail $n | grep -qx 'From: A Submitter <submitter@example.org>'
		mail $n | grep -qx 'To: =?utf-8?.*?= <m@example.org>'
		mail $n | grep -A 1 '^Cc: R <r@example.org>,$' | grep -qx '    xen@example.org'
	done
	mail 2 | grep -A 3 '^---$' | grep -qx 'Look here.'
	run grep -REi 'pvops|^(Test|Forwarded|Gain|checkpatch): ' "$OUT"
	ends 1
	git_toy checkout -q --detach base
	git_toy am -q "$OUT"/000[12]*
	[ "$(git_toy rev-parse 'HEAD^{tree}')" = "$(git_toy rev-parse 'work^{tree}')" ]
	[ "$(git_toy log -1 --format='%s|%an|%b')" = "$(printf '%s\n' \
		'xen/events: add two|A Submitter|The toy lacks a line.  Add it.' '' \
		'Signed-off-by: A Submitter <submitter@example.org>')" ]
}

@test "one patch: no cover letter, the proof is below its ---; a version, a request for comments" {
	proved
	queue export patches/core/xen-grant-add-one.patch -v 3 --rfc --out "$OUT"
	ends 0
	says 'what changed since v2'
	[ "$(ls "$OUT")" = v3-0001-xen-grant-add-one.patch ]
	mail 1 | grep -qx 'Subject: \[RFC PATCH v3\] xen/grant: add one'
	mail 1 | sed '1,/^---$/d' | grep -Ex ' +1  core/xen-grant-add-one +pv +red +green'
	queue export core/xen-grant-add-one --out "$OUT"
	ends 2
	says 'exists; remove it'
}

@test "further trailers come in the order of the kernel, to all patches or to one" {
	proved
	queue export core --out "$OUT" --trailer 'core/xen-events-add-two=Reviewed-by: R <r@example.org>' \
		--trailer 'Co-developed-by: C <c@example.org>' --trailer 'Signed-off-by: C <c@example.org>' \
		--trailer 'Fixes: 123456789012 ("xen: old")'
	ends 0
	own='Signed-off-by: A Submitter <submitter@example.org>'
	all=$(printf '%s\n' 'Fixes: 123456789012 ("xen: old")' 'Co-developed-by: C <c@example.org>' 'Signed-off-by: C <c@example.org>' "$own")
	[ "$(mail 1 | grep -E '^(Fixes|[A-Z][a-z-]*-by):')" = "$all" ]
	[ "$(mail 2 | grep -E '^(Fixes|[A-Z][a-z-]*-by):')" = "$all"$'\nReviewed-by: R <r@example.org>' ]
	queue export core --out "$OUT.2" --trailer 'core/none=Cc: R <r@example.org>'
	ends 2
}

@test "refuses what was not seen red and green, and what has changed since" {
	refuses 'core/xen-grant-add-one was not run in pv without the patch' core
	says_not 'no test shows it red and green'
	says "scripts/prefix --from 1 --to 1 --tree $TOY/linux"
	proved FAILURE
	echo '# more' >>"$TEST"
	refuses "red core/xen-grant-add-one FAILURE in $BASE Xen pv: what it said" core
	says "red core/xen-events-add-two in $BASE Xen pv is stale, the test changed"
	proved
	sed -i 's/^+int two/+int too/' "$PATCH"
	refuses "green core/xen-events-add-two in $BASE Xen pv is stale, the source changed" core
	says_not 'red core/xen-events-add-two'
	rm "$TEST" "$PVOPS_WORK"/runs/*
	proved SUCCESS SKIP
	refuses 'no test shows it red and green' core
	says 'UNTESTED: no test in ci/tests names it'
	sed -i 's/"hypervisor": "Xen"/"hypervisor": "Xen 4.1"/' "$PVOPS_WORK"/runs/*
	mv "$PVOPS_WORK"/runs/* "$PVOPS_WORK/runs/other.json"
	proved
	sed -i 's/^The toy lacks/The toy needs/' "$ONE"
	queue export core/xen-grant-add-one --out "$OUT"
	ends 0
}

@test "refuses a base that only we have" {
	proved
	git_toy tag -d v1.2.3
	echo mine >>"$TOY/linux/README"
	refuses 'no maintainer has this base: HEAD of' core
	says 'has uncommitted changes'
	git_toy checkout -q -f base
	git_toy update-ref refs/remotes/origin/master base
	queue export core --out "$OUT.1"
	ends 0
	rm -rf "$TOY/linux/.git"
	export_core() { run "$TOY/scripts/export" core --tree "$TOY/linux" --out "$OUT" "$@"; }
	export_core
	ends 1
	says 'was not imported from git'
	export_core --base-commit v1.2.3
	ends 2
	export_core --base-commit "$(printf '%040d' 7)"
	ends 0
	mail 0 | grep -qx "base-commit: $(printf '%040d' 7)"
}

@test "refuses an unknown submitter, what checkpatch finds, and a secret, all at once" {
	sed -i 's/^Forwarded: no/&\nDisclosure: security@xenproject.org/' "$ONE"
	sed -i 's/^+int two;/+int bad;/' "$PATCH"
	proved
	git config --global --unset user.email
	refuses 'nothing was written, for 3 reasons:' core
	says 'git does not know who you are'
	says 'not to be made public yet: core/xen-grant-add-one'
	says 'report it to security@xenproject.org'
	says 'ERROR:BAD_NAME: bad'
	git config --global user.email submitter@example.org
	sed -i 's/^checkpatch: OTHER/checkpatch: BAD_NAME/' "$PATCH"
	queue export core --disclosed --out "$OUT"
	ends 0
}

@test "refuses patches of several trees, of an unknown one, and too many; netdev's is in the subject" {
	for n in $(seq 14); do
		sed 's,xen/grant: add one,toy: add more,' "$ONE" >"$TOY/patches/core/more-$n.patch"
		echo "core/more-$n.patch" >>"$TOY/series"
	done
	sed -i 's,xen/grant: add one,xen-netback: add one,' "$ONE"
	refuses '16 patches are too many' core
	says 'it is not known which tree takes core/more-1 '
	sed -i '/more/d' "$TOY/series"
	proved
	refuses 'belong to 2 trees' core
	says 'for netdev: scripts/export core/xen-grant-add-one --tree'
	queue export core/xen-grant-add-one --out "$OUT"
	mail 1 | grep -qx 'Subject: \[PATCH net-next\] xen-netback: add one'
	queue export core/xen-grant-add-one --out "$OUT.2" --rfc --trailer 'Fixes: 123456789012 ("xen: old")'
	grep -qx 'Subject: \[RFC net\] xen-netback: add one' "$OUT.2"/*
	queue export nonsense
	ends 2
	says 'neither a topic nor a patch'
}

@test "refuses a patch that needs others which stay behind, and names just those" {
	sed -i '1i int zero;' "$TOY/linux/drivers/xen/grant.c"
	queue_patch 'xen/grant: add zero' Makefile three
	queue_patch 'xen/grant: call one' drivers/xen/grant.c $'int x(void)\n{\n\treturn one();\n}'
	proved
	refuses 'does not apply to the base by itself: core/xen-grant-call-one' core/xen-grant-call-one
	says 'export it together with core/xen-grant-add-one core/xen-events-add-two, or'
	says 'does not build by itself: core/xen-grant-call-one: one() comes with core/xen-grant-add-one'
}

@test "a patch file that is none is named" {
	sed -i '/^Date:/d' "$ONE"
	queue export core --out "$OUT"
	ends 2
	says 'patches/core/xen-grant-add-one.patch: it is no patch'
	says_not Traceback
	printf 'Subject: \xff\n' >"$ONE"
	queue export core --out "$OUT"
	ends 2
	says "patches/core/xen-grant-add-one.patch: 'utf-8' codec"
}
