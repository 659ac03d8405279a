# SPDX-License-Identifier: GPL-2.0-only
"""The series of a base as the Python side sees it, and the record of a run."""
import json
import subprocess
import sys
import time

import suite

SCRIPTS = suite.ROOT / "scripts"


class Failed(Exception):
    """A script of the queue failed; the text says which and how."""


def script(name, *args):
    """Last line that a script prints; raises Failed. What it says on the way is shown."""
    run = subprocess.run([SCRIPTS / name, *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                         text=True)
    sys.stderr.write(run.stderr)
    if run.returncode:
        raise Failed(run.stderr.strip() or f"scripts/{name} ended with {run.returncode}")
    return (run.stdout.splitlines() or [""])[-1]


def add_base_options(parser):
    """The options that choose a kernel, as in the shell scripts."""
    group = parser.add_mutually_exclusive_group()
    group.add_argument("--base", help="X.Y[.Z] of configs/bases (default: the first)")
    group.add_argument("--tarball", help="a kernel source tarball")
    group.add_argument("--tree", help="a kernel source tree; read, not modified")


def base_id(options):
    """Fetch or import the base that the options name; its id."""
    for name in ("base", "tarball", "tree"):
        if value := getattr(options, name):
            return script("fetch", f"--{name}", value)
    return script("fetch")


def patches(base):
    """The patches of a base's series in order, as topic/slug."""
    run = subprocess.run(
        ["bash", "-c", f'. "{SCRIPTS}/lib/common.sh"; series_list "$1"', "bash", base],
        check=True, stdout=subprocess.PIPE, text=True)
    return [line.removesuffix(".patch") for line in run.stdout.split()]


def build(base, prefix, config="default"):
    """Image directory of the first `prefix` patches."""
    return script("build", "--base", base, "--prefix", str(prefix), "--config", config)


class Record:
    """The rows of a run: one JSON file, from which every report is made.

    row: kind (red, green, tip, base), patch, prefix, test, profile, verdict, remark, seconds, log."""

    def __init__(self, command, base):
        self.rows, self.begin = [], time.time()
        self.head = {"command": command, "base": base, "series": patches(base),
                     "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}
        stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime())
        self.path = suite.WORK / "runs" / f"{stamp}-{command}.json"

    def add(self, kind, test, profile, verdict, remark, raw=None, **more):
        row = {"kind": kind, "test": test.name, "patch": test.patch, "profile": profile,
               "verdict": verdict, "remark": remark, "seconds": (raw or {}).get("seconds"),
               "log": (raw or {}).get("log"), **more}
        self.rows.append(row)
        print(f"{verdict:8} {profile:10} {kind:5} {test.name}" + (f"  - {remark}" if remark else ""),
              flush=True)

    def problem(self, kind, patch, remark):
        """Something that is no test: a prefix that does not build, a patch without a test."""
        self.rows.append({"kind": kind, "test": "", "patch": patch, "profile": "",
                          "verdict": "FAILURE", "remark": remark})
        print(f"FAILURE  {kind} {patch} - {remark}", flush=True)

    def save(self):
        self.head["seconds"] = round(time.time() - self.begin, 1)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        new = self.path.with_suffix(".new")
        new.write_text(json.dumps({**self.head, "rows": self.rows}, indent=1))
        new.rename(self.path)
        print(f"results: {self.path}")

    def summary(self):
        """Print the counts; exit status 0 if nothing failed."""
        count = {v: sum(r["verdict"] == v for r in self.rows) for v in suite.VERDICTS}
        for row in self.rows:
            if row["verdict"] in ("ERROR", "FAILURE", "CRASH"):
                print(f"  {row['verdict']} {row['profile']} {row['kind']} "
                      f"{row['test'] or row['patch']}: {row['remark']}"
                      + (f"\n    log: {row['log']}" if row.get("log") else ""))
        if count["MISSING"]:
            print(f"{count['MISSING']} declared missing: " + " ".join(
                f"{r['test']}({r['profile']})" for r in self.rows if r["verdict"] == "MISSING"))
        failed = count["ERROR"] + count["FAILURE"] + count["CRASH"]
        print(f"{count['SUCCESS']} passed, {failed} failed, {count['SKIP']} skipped")
        return 1 if failed or not count["SUCCESS"] else 0
