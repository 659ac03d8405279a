# SPDX-License-Identifier: GPL-2.0-only
"""What runs found ($PVOPS_WORK/runs): the newest row of each cell, which of them are stale, the
matrix of the patches, and how two runs differ.

Rows are those of series.Record, with base, date, at (the last patch that was applied), stale (why,
or "") and topic."""
import json
import pathlib
import re

import series
import suite
import vm

KINDS = ("base", "red", "green", "tip")


def short(name):
    """TOPIC/SLUG of a patch, also of a variant for an older base, X.Y/TOPIC/SLUG."""
    return "/".join(name.split("/")[-2:])


def topic(name):
    """Of a test or a patch; what failed for all patches is about none."""
    return short(name).split("/")[0] if "/" in name else "base"


def load(path):
    """One run; a file that is none is refused."""
    try:
        run = json.loads(path.read_text())
        for row in run["rows"]:
            prefix = row.get("prefix") or 0
            row |= {"base": run["base"], "date": run["date"], "stale": "", "patch": short(row["patch"]),
                    "at": short(run["series"][prefix - 1]) if prefix else "",
                    "topic": topic(row["test"] or row["patch"])}
            log = pathlib.Path(row.get("log") or "/")
            if len(log.parts) > 2 and not log.is_dir():  # of another machine, whose logs may be here
                row["log"] = str(path.resolve().parents[1].joinpath("logs", *log.parts[-2:]))
            if "hypervisor" not in row:
                row["hypervisor"] = series.hypervisor(row["profile"], row.get("log"))
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        suite.refuse(f"{path} is not the record of a run ({type(error).__name__}: {error}); name a file of "
               f"{suite.WORK}/runs, or remove this one")
    return run


def find(name):
    """A run as the command line names it: a file, or the name of one in $PVOPS_WORK/runs."""
    path = pathlib.Path(name)
    return load(path if path.exists() else suite.WORK / "runs" / f"{path.name.removesuffix('.json')}.json")


def load_all(names=()):
    """The named runs, or all there are; oldest first."""
    runs = [find(n) for n in names] if names else [load(p) for p in sorted((suite.WORK / "runs").glob("*.json"))]
    return sorted(runs, key=lambda run: run["date"])


def cell(row):
    """What a later row must have in common to take the place of this one."""
    return (row["base"], row["hypervisor"], row["profile"], row["kind"], row["test"] or row["patch"],
            row["at"] if row["kind"] == "green" else "")


def place(row):
    """Where a row was found: the environment that a reader chooses by."""
    return " ".join(filter(None, (row["base"], row["hypervisor"] if row["profile"] else "", row["profile"])))


def label(row):
    """What was judged there."""
    later = row["kind"] == "green" and row["at"] != row["patch"]
    return " ".join([row["kind"], row["test"] or row["patch"]] + (["at", row["at"]] if later else []))


def by_version(base):
    """Sorts newer bases first, trees and tarballs last."""
    return [-int(n) for n in base.split(".")] if re.fullmatch(r"[\d.]+", base) else [1]


class State:
    """The newest rows of runs, for the queue as it is: bases, {base: patches}, tests, rows."""

    def __init__(self, runs, base=None):
        runs = [run for run in runs if run["base"] == (base or run["base"])]
        self.bases = sorted({run["base"] for run in runs}, key=by_version)
        self.patches = {base: series.patches(base) for base in self.bases}
        self.sources = {base: series.source_ids(base, names) for base, names in self.patches.items()}
        self.order = {base: [short(name) for name in names] for base, names in self.patches.items()}
        self.tests = suite.load_tests()
        self.rows = []
        for row in filter(self.exists, newest(runs)):
            row["stale"] = self.why_stale(row)
            self.rows.append(row)
        self.rows.sort(key=lambda row: (
            row["topic"], row["test"] or row["patch"], self.bases.index(row["base"]),
            KINDS.index(row["kind"]) if row["test"] else -1, row["profile"], row["hypervisor"], row["date"]))

    def exists(self, row):
        """Rows of tests and patches that the queue no longer has say nothing about it."""
        order = self.order[row["base"]]
        if not row["test"]:
            return row["patch"] in (*order, row["base"])
        test = self.tests.get(row["test"])
        return (test and test.patch == row["patch"] and row["patch"] in ("none", *order)
                and row["profile"] in test.profiles and (row["kind"] != "green" or row["at"] in order))

    def why_stale(self, row):
        """What changed since the row was found; "" if nothing did."""
        if not row["test"]:
            return ""
        if "source" not in row:
            return "of an unknown source"
        if row["test_id"] != series.text_id(self.tests[row["test"]].text):
            return "the test changed"
        order = self.order[row["base"]]
        if row["kind"] == "red":
            prefix = order.index(row["patch"])
        elif row["kind"] == "green":
            prefix = order.index(row["at"]) + 1
        else:
            prefix = len(order) if row["kind"] == "tip" else 0
        return "" if row["source"] == self.sources[row["base"]][prefix] else "the source changed"

    def columns(self, base):
        """(hypervisor, profile) of what was booted for the patches of a base."""
        return sorted({(row["hypervisor"], row["profile"]) for row in self.rows
                       if row["base"] == base and row["test"] and row["patch"] != "none"
                       and not suite.lacks(self.tests[row["test"]], row["hypervisor"])})

    def matrix(self, base):
        """[(patch, remark, [(before, after) of each column])]; before and after are (text, row), and
        the pair is None where no test of the patch runs in that profile, or below that hypervisor."""
        found = {}
        for row in (r for r in self.rows if r["base"] == base and r["kind"] != "base"):
            found.setdefault((row["test"], row["hypervisor"], row["profile"], row["kind"] == "red"), []).append(row)
        lines = []
        for name in self.patches[base]:
            tests = [t for t in self.tests.values() if t.patch == short(name)]
            cells = []
            for column in self.columns(base):
                here = [t.name for t in tests if column[1] in t.profiles and not suite.lacks(t, column[0])]
                cells.append([summary([found.get((test, *column, red), []) for test in here])
                              for red in (True, False)] if here else None)
            shown = {row["verdict"] for pair in filter(None, cells) for _, row in pair if row}
            remarks = ["UNTESTED"] if not tests or shown == {"SKIP"} else []
            remarks += [row["kind"] for row in self.rows if row["base"] == base and row["patch"] == short(name)
                        and not row["test"] and row["kind"] != "untested"]
            lines.append((name, ", ".join(remarks), cells))
        return lines


def newest(runs):
    """The rows of runs, oldest run first, without those that later ones replace."""
    cells = {}
    for run in runs:
        # A problem of a patch, or of the base, is one until a later run got results for it.
        seen = {row["patch"] for row in run["rows"] if row["test"]}
        seen |= {run["base"]} if seen else set()
        cells = {key: row for key, row in cells.items()
                 if row["test"] or row["base"] != run["base"] or row["patch"] not in seen}
        cells |= {cell(row): row for row in run["rows"]}
    return cells.values()


def summary(rows_of_tests):
    """(text, row) for what the tests of a patch show: the worst, of the rows that are not stale if
    there are any. A test that did not run is worse than one that passed."""
    chosen = []
    for rows in rows_of_tests:
        rows = [r for r in rows if not r["stale"]] or rows
        rows = sorted(rows, key=lambda r: r["at"] != r["patch"])  # at the patch itself before later ones
        chosen.append(max(rows, key=lambda r: suite.VERDICTS.index(r["verdict"]), default=None))
    worst = max(filter(None, chosen), key=lambda r: (suite.VERDICTS.index(r["verdict"]), r["stale"]), default=None)
    if None in chosen and not (worst and worst["verdict"] in suite.BAD):
        return "not run", None
    if worst["verdict"] != "SUCCESS":
        return worst["verdict"], worst
    return worst["kind"], worst


def plain(text):
    """Without the escapes and control characters of a console."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|[^\t\n\x20-\x7e\xa0-\ud7ff\ue000-\ufffd]", "", text)


def console(row, before=10, after=80):
    """[(line number, line)] of a row's console and the number of the first bad one, around which
    they are; of a console without one the end, and None."""
    path = pathlib.Path(row.get("log") or "") / "console"
    data = path.read_bytes() if path.is_file() else b""
    match = vm.BAD_CONSOLE.search(data)
    lines = list(enumerate(plain(data.decode(errors="replace")).split("\n"), 1))
    if not match:
        return lines[-after:], None
    bad = data.count(b"\n", 0, match.start()) + 1
    return lines[max(0, bad - 1 - before):bad + after], bad


def said(row):
    """What the row's test itself said."""
    path = pathlib.Path(row.get("log") or "") / "report"
    found, current, output, _ = suite.parse_report(path.read_bytes() if path.is_file() else b"")
    if row["test"] == current:
        return plain("\n".join(output))
    return plain("\n".join(found.get(row["test"], ("", []))[1]))


def compare(old, new):
    """[(better, worse, new or gone; old verdict, new verdict, row)] between two runs, whatever their
    bases and hypervisors are. A new row that fails is worse."""
    old, new = ({(row["profile"], label(row)): row for row in run["rows"]} for run in (old, new))
    changes = []
    for key in [*new, *(k for k in old if k not in new)]:
        ranks = [suite.VERDICTS.index(rows[key]["verdict"]) if key in rows else None for rows in (old, new)]
        row = new.get(key, old.get(key))
        if ranks[1] is None:
            what = "gone"
        elif ranks[0] is None:
            what = "worse" if row["verdict"] in suite.BAD else "new"
        else:
            what = "worse" if ranks[1] > ranks[0] else "better" if ranks[1] < ranks[0] else "same"
        changes.append((what, *(rows[key]["verdict"] if key in rows else "-" for rows in (old, new)), row))
    return changes
