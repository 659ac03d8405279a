# SPDX-License-Identifier: GPL-2.0-only
"""The series of a base as the Python side sees it, and the record of a run."""
import argparse
import functools
import hashlib
import json
import pathlib
import re
import subprocess
import sys
import time

import suite
from patch import body_of

SCRIPTS = suite.ROOT / "scripts"


class Failed(Exception):
    """A script of the queue failed: what it said, and the exit status; shown: everybody saw that."""

    def __init__(self, text, status=1, shown=False):
        super().__init__(text)
        self.status, self.shown = status, shown

    def reason(self):
        """The one line that tells most: the compiler's first error, else the script's last message."""
        lines = str(self).splitlines()
        return next((line for line in lines if re.search("error:|undefined reference", line)), None) or next(
            (line for line in reversed(lines) if line[:1].strip()), "no message")


def run(main):
    """Exit with the status of main(), or of what failed in it."""
    try:
        sys.exit(main())
    except Failed as error:
        if not error.shown:
            print(f"{pathlib.Path(sys.argv[0]).name}: {error}", file=sys.stderr)
        sys.exit(error.status)


def script(name, *args):
    """Last line that a script prints; raises Failed. What it says on the way is shown."""
    run = subprocess.run([SCRIPTS / name, *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                         text=True)
    sys.stderr.write(run.stderr)
    if run.returncode:
        if run.returncode < 0:
            raise Failed(f"scripts/{name} was killed by signal {-run.returncode}", 4)
        raise Failed(run.stderr.strip() or f"scripts/{name} ended with {run.returncode}",
                     run.returncode, shown=bool(run.stderr.strip()))
    return (run.stdout.splitlines() or [""])[-1]


def parser(text):
    """An argument parser with the options that choose a kernel, as the shell scripts have them."""
    made = argparse.ArgumentParser(description=text, formatter_class=argparse.RawDescriptionHelpFormatter)
    group = made.add_mutually_exclusive_group()
    group.add_argument("--base", help="X.Y[.Z] of configs/bases (default: the first)")
    group.add_argument("--tarball", help="a kernel source tarball")
    group.add_argument("--tree", help="a kernel source tree; read, not modified")
    return made


def write(path, text):
    """Beside it, then rename: a reader never sees half of it."""
    new = path.with_name(path.name + ".new")
    try:
        new.write_text(text)
        new.rename(path)
    except OSError as error:
        suite.refuse(f"cannot write {path}: {error.strerror}")


def add_hypervisor_option(parser):
    """The option that chooses the version of Xen."""
    parser.add_argument("--hypervisor", choices=suite.hypervisors(), default=suite.hypervisors()[0],
                        help="version of Xen, with its toolstack (default: %(default)s; see configs/hypervisors)")


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
        stdout=subprocess.PIPE, text=True)
    if run.returncode:
        raise Failed(f"the series of {base} cannot be read", run.returncode)
    for name in run.stdout.split():
        if not (suite.ROOT / "patches" / name).is_file():
            raise Failed(f"the series of {base} lists a patch that does not exist: {name}")
    return [name.removesuffix(".patch") for name in run.stdout.split()]


def header(name):
    """Subject and gain of a patch, from its header."""
    _, subject, body, *_ = body_of((suite.ROOT / f"patches/{name}.patch").read_text(errors="replace"))
    gain = next((line for line in body if line.startswith("Gain: ")), "")
    return subject.removeprefix("[PATCH] "), gain.removeprefix("Gain: ")


def build(base, prefix, config="default"):
    """Image directory of the first `prefix` patches."""
    return script("build", "--base", base, "--prefix", str(prefix), "--config", config)


def text_id(*texts):
    """A short hash."""
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:16]


def source_ids(base, names):
    """What the source of each prefix, from 0 on, is made of: hashes of the base and the diffs up to
    there. Another wording of a header changes none."""
    ids = [text_id(base)]
    for name in names:
        text = (suite.ROOT / f"patches/{name}.patch").read_text(errors="replace")
        ids.append(text_id(ids[-1], text.partition("\ndiff --git ")[2]))
    return ids


@functools.cache
def hypervisor(profile, log):
    """Which one a boot had, as its console says: "Xen 4.17.7", "none" in a profile without it."""
    if suite.load_profiles().get(profile, {}).get("hypervisor") == "none":
        return "none"
    console = pathlib.Path(log or "") / "console"
    match = re.search(r"\(XEN\) Xen version (\d[\w.]*)",
                      console.read_text(errors="replace")[:4096] if console.is_file() else "")
    return f"Xen {match[1]}" if match else "Xen"


class Record:
    """The rows of a run: one JSON file, from which every report is made.

    row: kind (red, green, tip, base), patch, prefix, test, profile, verdict, remark, seconds, log,
    hypervisor, and what it was found with: source (see source_ids) and test_id."""

    def __init__(self, command, base):
        self.rows, self.begin = [], time.time()
        names = patches(base)
        self.sources = source_ids(base, names)
        self.head = {"command": command, "base": base, "series": names,
                     "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.begin))}
        stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime(self.begin))
        # With microseconds, as runs of several machines may be put together.
        self.path = suite.WORK / "runs" / f"{stamp}.{int(self.begin % 1 * 1e6):06}-{command}.json"

    def add(self, kind, test, profile, verdict, remark, raw=None, **more):
        row = {"kind": kind, "test": test.name, "patch": test.patch, "profile": profile,
               "verdict": verdict, "remark": remark, "seconds": (raw or {}).get("seconds"),
               "log": (raw or {}).get("log"), **more}
        row["hypervisor"] = (raw or {}).get("hypervisor") or hypervisor(profile, row["log"])
        row["test_id"] = text_id(test.text)
        if "prefix" in row:
            row["source"] = self.sources[row["prefix"]]
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
        write(self.path, json.dumps({**self.head, "rows": self.rows}, indent=1))
        print(f"results: {self.path}")

    def summary(self):
        """Print the counts; exit status 0 if nothing failed."""
        count = {v: sum(r["verdict"] == v for r in self.rows) for v in suite.VERDICTS}
        for row in self.rows:
            if row["verdict"] in suite.BAD:
                print(f"  {row['verdict']} {row['profile']} {row['kind']} "
                      f"{row['test'] or row['patch']}: {row['remark']}"
                      + (f"\n    log: {row['log']}" if row.get("log") else ""))
        if count["MISSING"]:
            print(f"{count['MISSING']} declared missing: " + " ".join(
                f"{r['test']}({r['profile']})" for r in self.rows if r["verdict"] == "MISSING"))
        failed = sum(count[v] for v in suite.BAD)
        print(f"{count['SUCCESS']} passed, {failed} failed, {count['SKIP']} skipped")
        return 1 if failed or not count["SUCCESS"] else 0
