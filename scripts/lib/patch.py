# SPDX-License-Identifier: GPL-2.0-only
"""A patch file of the queue taken apart."""
import dataclasses
import itertools
import pathlib
import re

# The tree that takes a patch, by the subsystem in its subject: MAINTAINERS has none for most of Xen.
TREES = {r"xen-netback|xen/netback": "netdev",
         r"xen-blkback|xen/blkback": "axboe/linux.git",
         r"xen(bus)?|x86/xen|x86/pci/xen": "xen/tip.git",
         r"x86": "tip/tip.git",
         r"ACPI": "rafael/linux-pm.git",
         r"mm": "akpm/mm.git"}

# Trailers in the order of maintainer-tip; any other comes before Signed-off-by.
OWN = "Signed-off-by"
ORDER = [("Fixes",), ("Reported-by", "Closes"), ("Originally-by",), ("Suggested-by",), (), (OWN,),
         ("Tested-by",), ("Reviewed-by",), ("Acked-by",), ("Cc",), ("Link",)]
QUEUE_TRAILERS = ("Test", "Forwarded", "Disclosure", "Gain")


def body_of(patch):
    """Head, subject, body lines, what is between --- and the diff, and the diff of a patch file."""
    head, _, rest = patch.partition("\n\n")
    subject = re.search(r"^Subject: (.*(?:\n .*)*)", head, re.M)
    subject = re.sub(r"\n ", " ", subject[1]) if subject else ""
    body, _, tail = rest.partition("\n---\n")
    notes, diff, code = tail.partition("\ndiff --git ")
    return head, subject, body.rstrip("\n").split("\n"), notes, diff + code


def trailers_of(body):
    """The last paragraph of a body as (key, value) pairs; other lines have an empty key."""
    last = body[len(body) - body[::-1].index("") :] if "" in body else []
    pairs = (re.match(r"([A-Za-z][\w-]*): ?(.*)", line) for line in last)
    return [(m[1], m[2]) if m else ("", line) for m, line in zip(pairs, last)]


@dataclasses.dataclass
class Patch:
    """A patch of the queue: name is topic/slug, number its place in the series. A file that is none
    raises ValueError."""
    name: str
    path: pathlib.Path
    number: int

    def __post_init__(self):
        head, subject, body, notes, self.diff = body_of(self.path.read_text())
        self.topic = self.name.split("/")[0]
        self.subject = subject.removeprefix("[PATCH] ")
        date = re.search(r"^Date: (.*)", head, re.M)
        if not subject or not date or not self.diff:
            raise ValueError("it is no patch with a Subject:, a Date: and a diff")
        self.date = date[1]
        self.trailers = [t for t in trailers_of(body) if all(t)]
        self.text = "\n".join(body[:len(body) - len(self.trailers)]).strip()
        self.excused = re.findall(r"^checkpatch: ([A-Z_]+): \S", notes, re.M)
        self.notes = "\n".join(line for line in notes.split("\n") if line.strip() and not re.match(
            r"checkpatch: | \S.* \| | \d+ files? changed|"
            r" (create|delete) mode | mode change ", line))
        self.files = sorted(set(re.findall(r"^diff --git a/.* b/(.*)$", self.diff, re.M)))

    def values(self, key):
        return [value for name, value in self.trailers if name == key]

    def tree(self):
        """The maintainers' tree that takes it, or None."""
        subsystem = self.subject.split(": ")[0]
        return next((tree for pattern, tree in TREES.items()
                     if re.match(rf"({pattern})\b", subsystem)), None)

    def why(self):
        """The paragraph that says what a user sees, with the log or table that it announces."""
        paragraphs = self.text.split("\n\n")
        log = itertools.takewhile(lambda text: text.startswith((" ", "\t")), paragraphs[1:])
        return "\n\n".join([paragraphs[0], *log])

    def message(self, me, further):
        """The commit message: queue trailers out, the submitter's and further ones in."""
        kept = [t for t in self.trailers if t[0] not in QUEUE_TRAILERS] + further
        kept = [*dict.fromkeys(t for t in kept if t != (OWN, me)), (OWN, me)]

        def rank(trailer):
            if trailer[0] == OWN and trailer[1] != me:  # of a co-author, behind Co-developed-by
                return 4
            return next((i for i, keys in enumerate(ORDER) if trailer[0] in keys), 4)
        kept.sort(key=rank)
        return "\n".join([self.subject, "", self.text, ""] + [f"{k}: {v}" for k, v in kept]) + "\n"
