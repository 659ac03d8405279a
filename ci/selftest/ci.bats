#!/usr/bin/env bats
# shellcheck shell=bats
# The job definitions for CI services: every job is run here as its service would run it, each on a machine of its
# own; then the report, from what they left.

load toy.bash

setup() {
	local name
	toy_make
	export HOME=$BATS_TEST_TMPDIR
	for name in one two; do
		toy_test "topic/$name" "patch: topic/$name" 'profile: pv' 'before: fail "no feature"' <<-END
			has topic/$name && exit 0
			echo FAIL: no feature
			exit 1
		END
	done
	toy_stub check 'echo 1 passed, 0 failed, 0 skipped'
	for name in apt-get bats; do
		printf '#!/bin/sh\n' >"$TOY/bin/$name"
		chmod +x "$TOY/bin/$name"
	done
	printf '%s\n' "/${PVOPS_WORK##*/}/" /machines/ >"$TOY/.gitignore"
	git -C "$TOY" init -q
	git -C "$TOY" add -A
	git -C "$TOY" -c user.name=toy -c user.email=toy@toy.invalid commit -q -m queue
}

# jobs FILE: writes what each job of the file does into $TOY/machines/NUMBER-NAME/job, with its variables
jobs() {
	python3 - "$SELFTEST/../$1" "$SELFTEST/../../configs/bases" <<-'END'
		import itertools, os, pathlib, re, sys, yaml

		document = yaml.safe_load(open(sys.argv[1]))
		bases = [line.split()[0].rpartition(".")[0] for line in open(sys.argv[2]) if line[:1].isdigit()]
		assert "://" not in open(sys.argv[1]).read()

		def merged(job):
		    base = document.get(job.get("extends"), {})
		    return {**base, **job, "variables": {**document.get("variables", {}), **job.get("variables", {})}}

		def gitlab():
		    """(name, job, matrix, variables, commands), a stage after the other"""
		    found = {name: merged(job) for name, job in document.items() if "script" in job}
		    assert {job["stage"] for job in found.values()} == set(document["stages"])
		    for name, job in sorted(found.items(), key=lambda item: document["stages"].index(item[1]["stage"])):
		        matrix, = job.get("parallel", {"matrix": [{}]})["matrix"]
		        lines = [*job.get("before_script", []), *job["script"], *job.get("after_script", [])]
		        yield name, job, matrix, job["variables"], lines

		def github():
		    """The same; a job stands behind those that it needs."""
		    done = []
		    for name, job in document["jobs"].items():
		        needs = job.get("needs", [])
		        assert set([needs] if isinstance(needs, str) else needs) <= set(done), name
		        done.append(name)
		        variables = {**document["env"], **job.get("env", {})}
		        for step in job["steps"]:
		            assert ("run" in step) != ("uses" in step), step
		            variables |= step.get("env", {})
		        matrix = job.get("strategy", {}).get("matrix", {})
		        yield name, job, matrix, variables, [step["run"] for step in job["steps"] if "run" in step]

		number = 0
		for name, job, matrix, variables, commands in (github() if "jobs" in document else gitlab()):
		    text = "\n".join(commands)
		    if matrix:  # it boots: what is kept for the next time, and for the report
		        for kept in ("ccache", "image", "runs", "logs"):
		            assert re.search(rf"\b(work|pvops)/{kept}\b", str(job)), f"{name}: {kept}"
		    assert matrix.get("BASE", matrix.get("base", bases)) == bases, f"{name}: the bases are {bases}"
		    parts = [int(part) for part in matrix.get("PART", matrix.get("part", []))]
		    assert parts == list(range(1, int((re.findall(r'--shard "\$PART/(\d+)"', text) or [0])[0]) + 1)), name
		    for values in itertools.product(*matrix.values()):
		        number += 1
		        machine = pathlib.Path(os.environ["TOY"], "machines", f"{number:02}-{name}")
		        chosen = dict(zip(matrix, map(str, values)))
		        own = {}
		        for key, value in {**chosen, **variables}.items():
		            own[key] = re.sub(r"\$\{\{ matrix\.(\w+) \}\}", lambda match: chosen[match[1]], str(value))
		        own |= {"PVOPS_WORK": str(machine / "work"), "CI_MERGE_REQUEST_DIFF_BASE_SHA": "HEAD", "SINCE": "HEAD"}
		        machine.mkdir(parents=True)
		        exports = "".join(f"export {key}='{value}'\n" for key, value in own.items())
		        (machine / "job").write_text(f"#!/bin/bash\nset -eo pipefail\n{exports}{text}\n")
	END
}

# service FILE: runs its jobs, and what the report says of them
service() {
	local machine work last
	jobs "$1"
	cd "$TOY" || return
	shellcheck machines/*/job
	for machine in machines/*; do
		work=$TOY/$machine/work
		mkdir "$work"
		cp -r "$PVOPS_WORK/guest" "$work"
		if [[ $machine == *-report ]]; then
			for last in machines/*/work; do
				cp -r "$last"/{runs,logs} "$work" 2>/dev/null || true
			done
			mv machines/01-* machines/gone # that machine is not there any more
		fi
		bash "$machine/job" >"$machine/log" 2>&1 || {
			cat "$machine/job" "$machine/log"
			return 1
		}
	done
	work=$TOY/$machine/work
	[ "$(find machines -path '*/runs/*' -printf '%f\n' | sort -u | wc -l)" -eq 3 ]
	for last in red green tip; do
		grep -q "name=\"$last topic/two\"" "$work/report/junit.xml"
	done
	! grep -qE '<(failure|error)|topic/one.*stale' "$work/report/junit.xml"
	grep -q '\[red\]\[1\], \[green\]\[2\]' "$work/report/MATRIX.md"
	for last in 1 2; do
		[ -s "$work/report/$(sed -n "s/^\[$last\]: //p" "$work/report/MATRIX.md")" ]
	done
	grep -q '<html' "$work/report/index.html"
}

@test "GitLab: the jobs do what they should, and the report has all of it" {
	service gitlab-ci.yml
}

@test "GitHub: the jobs do what they should, and the report has all of it" {
	service github-actions.yml
}

@test "ci/run: what passed is not checked again until a file changes; what failed is" {
	cp "$SELFTEST/../run" "$TOY/ci/run"
	printf '#!/bin/sh\necho bats >>"%s/runs"\ncat "%s/tap"\n' "$TOY" "$TOY" >"$TOY/bin/bats"
	echo /runs >>"$TOY/.gitignore"
	echo 'not ok 1 it works' >"$TOY/tap"
	for _ in 1 2; do
		run "$TOY/ci/run"
		[ "$status" -eq 1 ]
	done
	echo 'ok 1 it works' >"$TOY/tap"
	for _ in 1 2; do
		run "$TOY/ci/run"
		[ "$status" -eq 0 ]
		[[ $output == *"selftest: 1 passed, 0 failed, 0 skipped"* ]]
		[ "$(wc -l <"$TOY/runs")" -eq 3 ]
	done
	[[ $output == *"passed before, at "* ]]
	echo new >"$TOY/ci/guest/new"
	run "$TOY/ci/run"
	[ "$status" -eq 0 ]
	[ "$(wc -l <"$TOY/runs")" -eq 4 ]
	chmod +x "$TOY/ci/guest/new"
	run "$TOY/ci/run"
	[ "$status" -eq 0 ]
	[ "$(wc -l <"$TOY/runs")" -eq 5 ]
}
