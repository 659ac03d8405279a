#!/usr/bin/env bats
# fetch: known bases from a mirror, tarballs and trees; nothing that is wrong gets in.

setup() {
	. "$BATS_TEST_DIRNAME/queue.bash"
	queue_make
	MIRROR=$TOY/mirror
	mkdir -p "$MIRROR/pool" "$TOY/apt"
	echo "deb [trusted=yes] file:$MIRROR toy main" >"$TOY/apt/sources.list"
	cat >"$TOY/apt/apt.conf" <<-END
		Dir::Etc::SourceList "$TOY/apt/sources.list";
		Dir::Etc::SourceParts "/dev/null";
		Acquire::AllowInsecureRepositories "true";
	END
	export APT_CONFIG=$TOY/apt/apt.conf
}

# pack VERSION FILE: a tarball of the toy kernel, which says VERSION in its Makefile; entered as 1.2.3
pack() {
	mkdir -p "$TOY/pack/linux-$1"
	cp -r "$TOY/linux/." "$TOY/pack/linux-$1"
	rm -rf "$TOY/pack/linux-$1/.git"
	local x y z
	IFS=. read -r x y z <<<"$1"
	printf 'VERSION = %s\nPATCHLEVEL = %s\nSUBLEVEL = %s\n' "$x" "$y" "$z" >"$TOY/pack/linux-$1/Makefile"
	tar -C "$TOY/pack" -cJf "$2" "linux-$1"
}

# enter: the tarball of the mirror is base 1.2.3
enter() {
	echo "1.2.3 $(sha256sum "$MIRROR/pool/linux_1.2.3.orig.tar.xz" | cut -d ' ' -f 1) pool/linux_1.2.3.orig.tar.xz" \
		>"$TOY/configs/bases"
}

# offer VERSION...: a suite of the mirror has sources of these versions, the tarballs of which are in its pool
offer() {
	local version file
	mkdir -p "$MIRROR/dists/sid/main/source"
	for version; do
		file=$MIRROR/pool/linux_$version.orig.tar.xz
		cat <<-END
			Package: linux
			Version: $version-1
			Format: 3.0 (quilt)
			Files:
			 $(md5sum "$file" | cut -d ' ' -f 1) $(stat -c %s "$file") ${file##*/}
			Checksums-Sha256:
			 $(sha256sum "$file" | cut -d ' ' -f 1) $(stat -c %s "$file") ${file##*/}
			Directory: pool

		END
	done >"$MIRROR/dists/sid/main/source/Sources"
	cd "$MIRROR/dists/sid" || return
	printf 'Suite: sid\nCodename: sid\nComponents: main\nDate: %s\nSHA256:\n %s %s main/source/Sources\n' \
		"$(date -Ru)" "$(sha256sum main/source/Sources | cut -d ' ' -f 1)" "$(stat -c %s main/source/Sources)" >Release
}

@test "a base comes from apt's mirror and is fetched once" {
	pack 1.2.3 "$MIRROR/pool/linux_1.2.3.orig.tar.xz"
	enter
	queue fetch --base 1.2
	ends 0
	[ "${lines[-1]}" = 1.2.3 ]
	tree=$(git --git-dir="$PVOPS_WORK/linux.git" rev-parse 'refs/pvops/1.2.3/base^{tree}')
	[ "$tree" = "$(cd "$TOY/pack/linux-1.2.3" && git init -q && git add -A && git write-tree)" ]
	rm -r "$MIRROR" "$PVOPS_WORK/dl"
	queue fetch --base 1.2.3
	ends 0
}

@test "a wrong checksum is refused" {
	pack 1.2.3 "$MIRROR/pool/linux_1.2.3.orig.tar.xz"
	queue fetch --base 1.2.3
	ends 1
	says 'wrong sha256'
	says 'linux_1.2.3.orig.tar.xz.bad'
	[ -z "$(ref base)" ]
}

@test "a damaged tarball in the cache is refused" {
	mkdir -p "$PVOPS_WORK/dl"
	echo damaged >"$PVOPS_WORK/dl/linux_1.2.3.orig.tar.xz"
	queue fetch --base 1.2.3
	ends 1
	says 'remove the file to download it again'
}

@test "an unknown base is a usage error that names the known ones" {
	queue fetch --base 9.9
	ends 2
	says 'unknown base: 9.9'
	says 1.2.3
}

@test "a mirror without the tarball: the newest of the series, unverified" {
	pack 1.2.10 "$MIRROR/pool/linux_1.2.10.orig.tar.xz"
	pack 1.2.9 "$MIRROR/pool/linux_1.2.9.orig.tar.xz"
	cp "$MIRROR/pool/linux_1.2.9.orig.tar.xz" "$MIRROR/pool/linux_1.3.1.orig.tar.xz"
	offer 1.2.9 1.2.10 1.3.1
	queue fetch --base 1.2.3
	ends 0
	says 'UNVERIFIED: Linux 1.2.10'
	queue fetch --base 1.2.3
	ends 0
	says 'UNVERIFIED: Linux 1.2.10'
}

@test "a version which the table lacks: as a suite offers it, and what the table would say" {
	pack 1.2.9 "$MIRROR/pool/linux_1.2.9.orig.tar.xz"
	offer 1.2.9
	queue fetch --base 1.2.8
	ends 2
	says 'unknown base: 1.2.8'
	queue fetch --base 1.2.9
	ends 0
	[ "${lines[-1]}" = 1.2.9 ]
	sum=$(sha256sum "$MIRROR/pool/linux_1.2.9.orig.tar.xz" | cut -d ' ' -f 1)
	[ "$(cat "$PVOPS_WORK/offered/1.2.9")" = "1.2.9	$sum	pool/linux_1.2.9.orig.tar.xz" ]
	rm -r "$PVOPS_WORK"/{dl,linux.git}
	echo damaged >>"$MIRROR/pool/linux_1.2.9.orig.tar.xz"
	queue fetch --base 1.2.9
	ends 1
	says 'wrong sha256'
}

@test "the kernel mirror is the last resort, unverified" {
	mkdir -p "$TOY/kernel/pub/linux/kernel/v1.x"
	pack 1.2.3 "$TOY/kernel/pub/linux/kernel/v1.x/linux-1.2.3.tar.xz"
	PVOPS_KERNEL_MIRROR=file:$TOY/kernel queue fetch --base 1.2.3
	ends 0
	says 'UNVERIFIED: Linux 1.2.3 (tarball-'
}

@test "no base at all" {
	echo '# none' >"$TOY/configs/bases"
	run "$TOY/scripts/fetch"
	ends 1
	says 'configs/bases names no kernel'
}

@test "nothing to download from: exit 4 and what to do" {
	queue fetch --base 1.2.3
	ends 4
	says 'give the source with --tarball'
}

@test "a tarball of one's own" {
	pack 1.2.7 "$TOY/my.tar.xz"
	queue fetch --tarball "$TOY/my.tar.xz"
	ends 0
	[[ ${lines[-1]} == tarball-* ]]
	echo broken >"$TOY/my.tar.xz"
	queue fetch --tarball "$TOY/my.tar.xz"
	ends 1
	says 'cannot be imported'
	queue fetch --tarball "$TOY/none.tar.xz"
	ends 2
}

@test "a tree is imported as it is on disk, and not modified" {
	echo '*.o' >"$TOY/linux/.gitignore"
	echo tracked >"$TOY/linux/blob.o"
	git_toy add -f blob.o
	echo object >"$TOY/linux/built.o"
	echo changed >"$TOY/linux/README"
	before=$(git_toy status --porcelain --ignored)
	queue fetch --tree "$TOY/linux"
	ends 0
	id=${lines[-1]}
	kernel() { git --git-dir="$PVOPS_WORK/linux.git" "$@"; }
	[ "$(kernel show "refs/pvops/$id/base:README")" = changed ]
	[ "$(kernel show "refs/pvops/$id/base:blob.o")" = tracked ]
	[ -z "$(kernel ls-tree "refs/pvops/$id/base" built.o)" ]
	[ "$(git_toy status --porcelain --ignored)" = "$before" ]
	rm "$TOY/linux/README"
	queue fetch --tree "$TOY/linux"
	ends 0
	[ -z "$(kernel ls-tree "refs/pvops/${lines[-1]}/base" README)" ]
}
