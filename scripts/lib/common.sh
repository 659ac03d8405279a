# shellcheck shell=bash
# What every script of the queue shares; a script starts with
#
#	set -euo pipefail
#	. "$(dirname "${BASH_SOURCE[0]}")/lib/common.sh"
#
# Its head comment is its --help. Exit codes: 0 ok, 1 the subject failed, 2 usage, 3 a tool is missing,
# 4 the harness itself failed (any command that fails unexpectedly).
#
# Variables: QUEUE (this project; PVOPS_QUEUE overrides), SCRIPTS, PVOPS_WORK (caches and work files),
# after base_resolve: BASE_ID.
#
# The kernel repository $PVOPS_WORK/linux.git, for a base <id>:
#	refs/pvops/<id>/base	parentless commit with the unpatched source
#	refs/pvops/<id>/p/001	the source after patch 1, and so on up to
#	refs/pvops/<id>/tip	the source with the whole series
#	refs/pvops/<id>/stamp	a blob: the base commit, then `<blob id> <patch>` for each applied patch
# <id> is X.Y.Z for a base of configs/bases, tarball-<sha256> for --tarball, tree-<tree id> for --tree (12 digits).

SCRIPTS=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
QUEUE=$(cd "${PVOPS_QUEUE:-$SCRIPTS/..}" && pwd)
PVOPS_WORK=${PVOPS_WORK:-${XDG_CACHE_HOME:-$HOME/.cache}/pvops-dom0}
PVOPS_WORK=$(realpath -m "$PVOPS_WORK")
export PVOPS_WORK

BASE_KIND=--base
BASE_ARG=
BASE_ID=
BASE_HELP='  --base X.Y[.Z]  a base of configs/bases (default: the first one), or the id of any base fetched before
  --tarball FILE  a kernel source tarball
  --tree DIR      a kernel source tree or git checkout; it is read, not modified'

set -E
trap 'die 4 "internal error: line $LINENO of ${BASH_SOURCE[0]##*/}: $BASH_COMMAND"' ERR

# A caller's git environment (a hook, for example) must not redirect our commands.
unset GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE GIT_OBJECT_DIRECTORY GIT_COMMON_DIR GIT_PREFIX
unset QUILT_PATCHES QUILT_SERIES

note() {
	printf '%s: %s\n' "${0##*/}" "$*" >&2
}

# die CODE MESSAGE...: each further argument is a line of its own
die() {
	local code=$1
	note "$2"
	shift 2
	(($# == 0)) || printf '%s\n' "$@" | sed 's/^/  /' >&2
	exit "$code"
}

# usage: the head comment of the script; @BASE@ stands for the common options
usage() {
	local text
	text=$(sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0")
	printf '%s\n' "${text/@BASE@/$BASE_HELP}"
}

# bad_usage MESSAGE: exit 2
bad_usage() {
	die 2 "$1" "${0##*/} --help explains the options"
}

# value OPTION [VALUE]: refuses an option without its value
value() {
	[ -n "${2:-}" ] || bad_usage "$1 needs a value"
}

# need COMMAND PACKAGE: exit 3 unless COMMAND can be run
need() {
	command -v "$1" >/dev/null ||
		die 3 "$1 is missing" "install the Debian package $2: apt-get install $2, or run scripts/setup"
}

# work_lock NAME: hold $PVOPS_WORK/NAME.lock until this script ends
work_lock() {
	local fd file=$PVOPS_WORK/$1.lock
	if ! mkdir -p "$PVOPS_WORK" 2>/dev/null || [ ! -w "$PVOPS_WORK" ]; then
		die 2 "cannot write to the work directory $PVOPS_WORK" 'PVOPS_WORK=DIR chooses another one'
	fi
	exec {fd}>>"$file"
	if ! flock -n "$fd"; then
		note "waiting for $file, held by: $(tail -n 1 "$file")"
		flock "$fd"
	fi
	printf '%s (process %s)\n' "${0##*/}" $$ >"$file"
}

# kgit ARGS...: git in the kernel repository, out of reach of the user's configuration
kgit() {
	GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1 git --git-dir="$PVOPS_WORK/linux.git" "$@"
}

# kgit_init: creates the kernel repository
kgit_init() {
	rm -rf "$PVOPS_WORK/linux.git.new"
	git init -q --bare --template= "$PVOPS_WORK/linux.git.new"
	git --git-dir="$PVOPS_WORK/linux.git.new" config core.excludesFile /dev/null
	git --git-dir="$PVOPS_WORK/linux.git.new" config core.attributesFile /dev/null
	git --git-dir="$PVOPS_WORK/linux.git.new" config gc.auto 0
	mv "$PVOPS_WORK/linux.git.new" "$PVOPS_WORK/linux.git"
}

# kref REF: the object id of refs/pvops/REF, empty if there is none
kref() {
	kgit rev-parse -q --verify "refs/pvops/$1" 2>/dev/null || true
}

# base_option OPTION VALUE: takes one of --base, --tarball, --tree; in the loop of a script:
#	--base | --tarball | --tree) base_option "$@"; shift 2 ;;
base_option() {
	value "$@"
	BASE_KIND=$1 BASE_ARG=$2
}

# base_resolve: sets BASE_ID, fetching or importing the base if it is not there yet
base_resolve() {
	local args=()
	[ -z "$BASE_ARG" ] || args=("$BASE_KIND" "$BASE_ARG")
	# shellcheck disable=SC2034 # for the scripts
	BASE_ID=$("$SCRIPTS/fetch" "${args[@]}") || exit
}

# base_table: the lines of configs/bases: version sha256 path
base_table() {
	sed '/^[[:space:]]*\(#\|$\)/d' "$QUEUE/configs/bases"
}

# base_primary: version of the primary base
base_primary() {
	base_table | awk 'NR == 1 { print $1 }'
}

# makefile_version: X.Y.Z of the kernel whose Makefile is on stdin
makefile_version() {
	awk -F ' *= *' '$1 == "VERSION" { v = $2 } $1 == "PATCHLEVEL" { p = $2 } $1 == "SUBLEVEL" { s = $2 }
		END { print v "." p "." s }'
}

# base_version ID: X.Y.Z, for imported trees from their Makefile
base_version() {
	case $1 in
	tarball-* | tree-*) { kgit show "refs/pvops/$1/base:Makefile" 2>/dev/null || true; } | makefile_version ;;
	*) echo "$1" ;;
	esac
}

# series_of X.Y.Z: the quilt series for that kernel
series_of() {
	local own=$QUEUE/patches/${1%.*}/series
	if [ -e "$own" ]; then echo "$own"; else echo "$QUEUE/series"; fi
}

# series_file ID: the quilt series for that base
series_file() {
	series_of "$(base_version "$1")"
}

# series_read FILE: the patches of a quilt series in order, relative to $QUEUE/patches
series_read() {
	sed 's/[[:space:]]*#.*//; s/^[[:space:]]*//; s/[[:space:]].*//; /^$/d' "$1"
}

# series_list ID: the patches for that base in order, relative to $QUEUE/patches
series_list() {
	series_read "$(series_file "$1")"
}

# wgit DIR ARGS...: git in a worktree of the kernel repository; what it commits does not depend on who runs it
wgit() {
	local dir=$1
	shift
	GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1 \
		GIT_COMMITTER_NAME='pvops-dom0 queue' GIT_COMMITTER_EMAIL=queue@pvops-dom0.invalid \
		git -C "$dir" "$@"
}

# sparse_worktree DIR COMMIT PATCH...: a fresh worktree of COMMIT with only the files that the patches touch, and
# the .gitattributes that give the hunks of a diff their function names
sparse_worktree() {
	local dir=$1 commit=$2
	shift 2
	rm -rf "$dir"
	kgit worktree prune
	kgit worktree add -q --no-checkout --detach "$dir" "$commit"
	{ echo .gitattributes && patch_files "$@"; } | sed 's,^,/,' | wgit "$dir" sparse-checkout set --no-cone --stdin
	wgit "$dir" checkout -q
}

# am DIR ARGS...: git am in a worktree; the commits depend on the patches and on what is below them only
am() {
	wgit "$1" am --quiet --committer-date-is-author-date "${@:2}" >"$1.log" 2>&1
}

# am_errors DIR: what that git am said, in a line
am_errors() {
	grep -m 3 '^error:' "$1.log" | paste -s -d ';' || true
}

# patch_files PATCH...: the files that the patches touch, sorted
patch_files() {
	sed -n 's,^diff --git a/.* b/,,p' "$@" | LC_ALL=C sort -u
}
