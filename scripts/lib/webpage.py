# SPDX-License-Identifier: GPL-2.0-only
"""The results as one HTML page that needs nothing beside it. Its script only filters; without it
everything shows."""
import base64
import collections
import html
import pathlib
import time

import formats
import results
import series
import suite

HERE = pathlib.Path(__file__).resolve().parent


def tag(name, content="", /, **attributes):
    """An element; content is HTML, attributes are not. class_ and data_x mean class and data-x."""
    words = "".join(f' {key.strip("_").replace("_", "-")}="{html.escape(str(value))}"'
                    for key, value in attributes.items() if value != "")
    return f"<{name}{words}>{content}</{name}>"


def text(value):
    return html.escape(results.plain(value))


def verdict(word, row=None, **attributes):
    """A verdict's word in its colour; struck through when stale."""
    classes, title = [word.replace(" ", "-")], row["remark"] if row else ""
    if row and row["stale"]:
        classes, title = ["stale"], f"stale: {row['stale']}"
    return tag("a" if "href" in attributes else "span", text(word), class_=" ".join(classes),
               title=results.plain(title), **attributes)


class Page:
    """The parts of the page; directory is where it will be, for the links to the logs."""

    def __init__(self, state, directory, charts):
        self.state, self.directory, self.charts = state, directory, charts
        self.subjects = {results.short(name): series.header(name)[0]
                         for names in state.patches.values() for name in names}
        self.ids = {id(row): f"r{number}" for number, row in enumerate(state.rows)}

    def counts(self):
        fresh = collections.Counter(row["verdict"] for row in self.state.rows if not row["stale"])
        parts = [f"{fresh[v]} {verdict(v)}" for v in suite.VERDICTS if fresh[v]]
        parts.append(f"{len(self.state.rows) - fresh.total()} {tag('span', 'stale', class_='stale')}")
        return tag("p", "\n".join(tag("span", part) for part in parts), class_="counts")

    def filters(self):
        verdicts = [*suite.VERDICTS, "stale", "not-run", "UNTESTED"]
        fields = ['<input type="search" name="words" placeholder="test, patch, words" aria-label="words">']
        for name, values in (("verdict", verdicts), ("base", self.state.bases),
                             ("topic", sorted({row["topic"] for row in self.state.rows}))):
            options = f'<option value="">every {name}</option>' + "".join(
                tag("option", text(value.replace("not-run", "not run")), value=value) for value in values)
            fields.insert(0, tag("select", options, name=name, aria_label=name))
        return tag("form", "".join(tag("label", field) for field in fields), hidden="hidden")

    def failures(self):
        """Links to what is bad and not stale."""
        bad = [row for row in self.state.rows if row["verdict"] in suite.BAD and not row["stale"]]
        items = [tag("li", f"{verdict(row['verdict'], row, href=f'#{self.ids[id(row)]}')} {text(results.label(row))} "
                     + tag("span", text(results.place(row)), class_="soft"), data_base=row["base"],
                     data_topic=row["topic"], data_verdict=row["verdict"]) for row in bad]
        return tag("h2", "Failures") + tag("ul", "\n".join(items)) if bad else ""

    def matrix(self, base):
        """The matrix of one base; its verdicts lead to the rows below."""
        columns = self.state.columns(base)
        heads = [tag("th", "#", class_="number"), tag("th", "patch", class_="patch"),
                 *(tag("th", text(" ".join(column))) for column in columns)]
        bodies = {}
        for number, (patch, remark, cells) in enumerate(self.state.matrix(base), 1):
            tokens, words = {remark}, []
            for pair in cells:
                word = {}
                for shown, row in pair or []:
                    tokens |= {row["verdict"], row["stale"] and "stale"} if row else {"not-run"}
                    word[verdict(shown, row, **({"href": f"#{self.ids[id(row)]}"} if row else {}))] = True
                words.append(tag("td", " ".join(word) or "-"))
            name = text(self.subjects[results.short(patch)])
            name += " " + tag("span", remark, class_="UNTESTED") if remark else ""
            topic = results.topic(patch)
            bodies.setdefault(topic, [tag("tr", tag("th", topic, colspan=len(heads)), class_="group")]).append(
                tag("tr", tag("td", number, class_="number") + tag("td", name, class_="patch", title=patch)
                    + "".join(words), data_base=base, data_topic=topic, data_verdict=" ".join(sorted(tokens - {""}))))
        table = tag("table", tag("thead", tag("tr", "".join(heads))) + "\n".join(
            tag("tbody", "\n".join(lines)) for lines in bodies.values()), class_="matrix")
        return tag("section", tag("h3", f"Linux {text(base)}") + tag("div", table, class_="scroll"), data_base=base)

    def benchmarks(self):
        pictures = [tag("div", f'<img alt="{text(chart.stem)}: instructions of base and series beside bare Linux" src="'
                        f'data:image/svg+xml;base64,{base64.b64encode(chart.read_bytes()).decode()}">', class_="scroll")
                    for chart in self.charts]
        return tag("h2", "Benchmarks") + "\n".join(pictures) if pictures else ""

    def evidence(self, row):
        """The remark and the console; of what did not simply pass also what the test said, and the
        console's first bad line."""
        link = formats.log_link(row, self.directory)
        link = tag("a", "console", href=link) if link else ""
        remark = text(row["remark"])
        lines, bad = results.console(row) if row["kind"] == "red" or row["verdict"] != "SUCCESS" else ([], None)
        if not lines or row["verdict"] == "SUCCESS" and not bad:
            return f"{remark} {link}"
        parts = [tag("summary", remark or row["verdict"])]
        if said := results.said(row):
            parts += [tag("div", "the test said", class_="soft"), tag("pre", html.escape(said))]
        where = f"around its first bad line, {bad}" if bad else "at its end; it has no bad line"
        console = "\n".join(tag("mark", f">{n:5} {html.escape(line)}") if n == bad else f"{n:6} {html.escape(line)}"
                            for n, line in lines)
        parts += [tag("div", f"{link} {where}", class_="soft"), tag("pre", console)]
        is_open = row["verdict"] in suite.BAD and not row["stale"]
        return tag("details", "".join(parts), **({"open": "open"} if is_open else {}))

    def results(self):
        """All rows, by test."""
        groups = {}
        for row in self.state.rows:
            groups.setdefault(row["test"] or row["patch"], []).append(row)
        bodies = []
        for name, rows in groups.items():
            patch = rows[0]["patch"]
            about = self.subjects.get(patch, "")
            lines = [tag("tr", tag("th", f"{text(name)} {tag('span', text(about), class_='soft')}", colspan=5),
                         class_="group")]
            for row in rows:
                cells = [verdict(row["verdict"], row), text(results.label(row).replace(f" {name}", "")),
                         text(results.place(row)), f"{row['seconds']:.0f} s" if row.get("seconds") else "",
                         (tag("i", f"{row['stale']}. ", class_="soft") if row["stale"] else "") + self.evidence(row)]
                lines.append(tag("tr", " ".join(tag("td", cell) for cell in cells), id=self.ids[id(row)],
                                 data_base=row["base"], data_topic=row["topic"],
                                 data_verdict=row["verdict"] + (row["stale"] and " stale")))
            bodies.append(tag("tbody", "\n".join(lines)))
        heads = "".join(tag("th", head) for head in ("verdict", "kind", "base, Xen, dom0", "time", "remark, console"))
        table = tag("table", tag("thead", tag("tr", heads)) + "\n".join(bodies), class_="results")
        return tag("h2", "Results") + tag("div", table, class_="scroll")

    def __str__(self):
        newest = max((row["date"] for row in self.state.rows), default="none")
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        parts = [
            tag("h1", "Linux as dom0: results"),
            tag("p", f"Newest run {text(newest)}, page written {now}", class_="soft"), self.counts(), self.filters(),
            self.failures(), tag("h2", "Patches"),
            tag("p", f"Before the patch its test must be {verdict('red')}: fail for the declared reason. At the patch "
                f"and after it the test must be {verdict('green')}; {verdict('tip')} where only the whole series was "
                f"booted. {tag('span', 'Struck through', class_='stale')} is stale: the test, or the source it ran on, "
                "has changed since."),
            *map(self.matrix, self.state.bases), self.benchmarks(), self.results(),
            tag("script", (HERE / "webpage.js").read_text())]
        return ('<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
                '<meta name="viewport" content="width=device-width, initial-scale=1">'
                '<title>Linux as dom0: results</title>'
                + tag("style", (HERE / "webpage.css").read_text()) + "</head><body>\n" + "\n".join(parts)
                + "\n</body></html>\n")
