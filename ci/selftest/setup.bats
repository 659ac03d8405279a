#!/usr/bin/env bats
# setup: says what is missing, and leaves with 3 where it cannot install it.

setup() {
	. "$BATS_TEST_DIRNAME/queue.bash"
	queue_make
	mkdir "$TOY/bin"
	PATH=$TOY/bin:$PATH
	# quilt is the only package that is not there
	stub dpkg-query <<-'END'
		[ "${*: -1}" = quilt ] && [ ! -e "$TOY/installed" ] || echo installed
	END
	stub apt-get <<-'END'
		echo "$*" >>"$TOY/apt-get"
		[[ $* != *install* ]] || touch "$TOY/installed"
	END
	stub apt-cache <<<'echo "  Candidate: (none)"'
	mkdir -p "$TOY/scripts/lib"
	printf '#!/bin/sh\n' >"$TOY/scripts/lib/guest.sh"
	chmod +x "$TOY/scripts/lib/guest.sh"
}

# stub COMMAND: its body on stdin
stub() {
	{ echo '#!/bin/bash' && cat; } >"$TOY/bin/$1"
	chmod +x "$TOY/bin/$1"
}

# as_nobody: setup for somebody who is neither root nor in sudoers
as_nobody() {
	stub sudo <<<'exit 1'
	if ((UID)); then
		run "$TOY/scripts/setup" </dev/null
	else
		chmod a+x "$BATS_RUN_TMPDIR" "${BATS_TEST_TMPDIR%/*}"
		chmod -R a+rX "$BATS_TEST_TMPDIR"
		run setpriv --reuid 65534 --clear-groups "$TOY/scripts/setup" </dev/null
	fi
}

@test "--check names what is missing and what it is for" {
	run "$TOY/scripts/setup" --check
	ends 3
	says 'quilt '
	says 'applying to a source tree'
	[ ! -e "$TOY/apt-get" ]
}

@test "without root and sudo: exit 3, and the command to run" {
	as_nobody
	ends 3
	says 'apt-get install quilt'
	[ ! -e "$TOY/apt-get" ]
}

@test "the package lists come first where there are none" {
	stub sudo <<-'END'
		[ "$1" != -n ] || shift
		"$@"
	END
	run "$TOY/scripts/setup"
	ends 0
	[ "$(head -n 1 "$TOY/apt-get")" = '-q update' ]
	[[ $(tail -n 1 "$TOY/apt-get") == *install*quilt ]]
}

@test "everything is there" {
	touch "$TOY/installed"
	run "$TOY/scripts/setup"
	ends 0
	[ ! -e "$TOY/apt-get" ]
}
