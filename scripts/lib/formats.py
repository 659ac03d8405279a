# SPDX-License-Identifier: GPL-2.0-only
"""The rows of runs as other programs read them: the matrix as Markdown, JUnit and KTAP."""
import os
import pathlib
import xml.etree.ElementTree as xml

import results
import series
import suite


def log_link(row, directory):
    """Path of a row's console from a directory, "" if it is not there any more."""
    console = pathlib.Path((row or {}).get("log") or "") / "console"
    return os.path.relpath(console, directory) if console.is_file() else ""


def matrix(state, directory):
    """MATRIX.md: what each patch shows before and after it, on each base, hypervisor and kind of dom0."""
    links = {}

    def word(text, row):
        text = text if text in ("red", "green", "tip", "not run") else f"**{text}**"
        if link := log_link(row, directory):
            text = f"[{text}][{links.setdefault(link, len(links) + 1)}]"
        return f"~~{text}~~ (stale)" if row and row["stale"] else text

    lines = ["# Matrix of the patches", "",
             "Written by `scripts/report --matrix`. Before the patch its test must be *red*: fail for the declared "
             "reason. At the patch and after it the test must be *green*; *tip* where only the whole series was "
             "booted. ~~Struck through~~ is stale: the test, or the source it ran on, has changed since. - means that "
             "no test of the patch runs there."]
    for base in state.bases:
        columns = state.columns(base)
        lines += ["", f"## Linux {base}", "",
                  "| # | patch | " + " | ".join(f"{h}, {p}" for h, p in columns) + " |",
                  "| --- | --- |" + " --- |" * len(columns)]
        for number, (patch, remark, cells) in enumerate(state.matrix(base), 1):
            name = f"[{series.header(patch)[0]}]({os.path.relpath(suite.ROOT / 'patches' / patch, directory)}.patch)"
            name += f" **{remark}**" if remark else ""
            words = ["-" if pair is None else ", ".join(dict.fromkeys(word(*half) for half in pair))
                     for pair in cells]
            lines.append(" | ".join([f"| {number}", name, *words]) + " |")
    lines += ["", *(f"[{number}]: {link}" for link, number in links.items())]
    return "\n".join(lines) + "\n"


def suites(rows):
    """{place: rows}"""
    found = {}
    for row in rows:
        found.setdefault(results.place(row), []).append(row)
    return found


def unknown(row):
    """Why a row counts as skipped: a stale one proves nothing unless it failed."""
    if row["stale"] and row["verdict"] not in suite.BAD:
        return f"stale, {row['stale']}; was {row['verdict']}"
    return {"SKIP": row["remark"], "MISSING": f"missing: {row['remark']}"}.get(row["verdict"], "")


def junit(rows):
    """A test suite for each place; what is declared missing is a skip, as JUnit has nothing nearer."""
    root = xml.Element("testsuites", name="pvops-dom0")
    for place, group in suites(rows).items():
        top = xml.SubElement(root, "testsuite", name=place, tests=str(len(group)))
        for row in group:
            case = xml.SubElement(top, "testcase", classname=place, name=results.label(row),
                                  time=str(row.get("seconds") or 0))
            if row["verdict"] in suite.BAD:
                child = xml.SubElement(case, "error" if row["verdict"] == "ERROR" else "failure",
                                       type=row["verdict"], message=results.plain(row["remark"]))
                child.text = "\n".join([results.said(row), *(line for _, line in results.console(row)[0])])
            elif reason := unknown(row):
                xml.SubElement(case, "skipped", message=results.plain(reason))
            if row.get("log"):
                xml.SubElement(case, "system-out").text = f"log: {row['log']}"
        for key, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            top.set(key, str(len(top.findall(f"testcase/{tag}"))))
    xml.indent(root)
    return xml.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def ktap(rows):
    """A subtest for each place; what is declared missing is an expected failure, as in kselftest."""
    def line(number, row):
        bad = row["verdict"] in suite.BAD
        name = results.label(row).replace("#", "")
        directive = "XFAIL" if row["verdict"] == "MISSING" and not row["stale"] else "SKIP" if unknown(row) else ""
        remark = results.plain(unknown(row) or row["remark"]) if directive else ""
        return f"{'not ok' if bad else 'ok'} {number} {name}" + (f" # {directive} {remark}" if directive else "")

    groups = suites(rows)
    lines = ["KTAP version 1", f"1..{len(groups)}"]
    for number, (place, group) in enumerate(groups.items(), 1):
        lines += ["    KTAP version 1", f"    # Subtest: {place}", f"    1..{len(group)}"]
        for n, row in enumerate(group, 1):
            if row["verdict"] in suite.BAD:
                lines.append(f"    # {row['verdict']}: {results.plain(row['remark'])}")
            lines.append("    " + line(n, row))
        bad = any(row["verdict"] in suite.BAD for row in group)
        lines.append(f"{'not ok' if bad else 'ok'} {number} {place}")
    return "\n".join(lines) + "\n"
