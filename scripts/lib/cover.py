# SPDX-License-Identifier: GPL-2.0-only
"""The text of a cover letter: why, what each patch is about, where it was seen red and green."""
import os
import re
import textwrap

import suite


def topic_prose(topic):
    """What the series says about a topic."""
    match = re.search(rf"^# {topic}: ((?:.*\n)(?:# .*\n)*)", (suite.ROOT / "series").read_text(), re.M)
    return " ".join(match[1].replace("\n# ", " ").split()) if match else ""


def title(patches, topics):
    """Subject of the cover letter: what the patches have in common, and the topic's first words."""
    common = [p.subject.split(": ")[0] for p in patches]
    if len(set(common)) > 1:
        common = ["/".join(os.path.commonprefix([re.split("[/-]", name) for name in common]))]
    first = topic_prose(topics[0]).split(". ")[0].rstrip(".")
    parts = re.split(r"(?=[,:;])", first)
    fitting = ["".join(parts[:n]) for n in range(len(parts), 0, -1)]
    label = common[0] or "xen"
    text = next((t for t in fitting if len(f"{label}: {t}") <= 70), fitting[-1])
    return f"{label}: " + (text if len(topics) == 1 and text else "patches of " + ", ".join(topics))


def proof(base, patches, rows):
    """The red/green table and the numbers."""
    words = {"SUCCESS": ("red", "green"), "SKIP": ("skipped", "skipped"), "MISSING": ("missing", "missing")}
    lines = [("patch", "boot test", "dom0", "before", "after")]
    lines += [(str(1 + patches.index(patch)), test, profiles, words[red][0], words[green][1])
              for patch, test, profiles, red, green in rows]
    width = [max(len(line[i]) for line in lines) for i in range(4)]
    text = (f"A boot test{' for each patch' if len(patches) > 1 else ''} ran in dom0, below Xen in QEMU. "
            "Red: it failed without the patch, for the reason that it declares. Green: it passed with it. "
            f"The source was {base_text(base)}")
    if len(patches) < max(p.number for p in patches):
        text += " with the earlier patches of the queue that these are from"
    table = ["  " + "  ".join([line[0].rjust(width[0]), *(line[i].ljust(width[i]) for i in (1, 2, 3)), line[4]])
             for line in lines]
    gains = [textwrap.fill(gain, 72, initial_indent="  ", subsequent_indent="    ")
             for p in patches for gain in p.values("Gain")]
    return "\n\n".join([textwrap.fill(text + ":", 72), "\n".join(table)]
                       + (["Before and after:", "\n".join(gains)] if gains else []))


def base_text(base):
    return f"Linux {base}" if re.match(r"\d", base) else "the base commit"


def fill(path, base, patches, rows):
    """Put the subject and the text into git's empty cover letter."""
    topics = list(dict.fromkeys(p.topic for p in patches))
    prose = [textwrap.fill(text[0].upper() + text[1:], 72) for topic in topics if (text := topic_prose(topic))]
    each = [f"{k}. {p.subject}\n\n" + textwrap.indent(p.why(), "   " + " " * (len(patches) > 9))
            for k, p in enumerate(patches, 1)]
    cover = path.read_text()
    line = next(x for x in cover.splitlines() if x.startswith("Subject: "))
    subject = textwrap.fill(line.replace("*** SUBJECT HERE ***", title(patches, topics)), 76, subsequent_indent=" ",
                            break_on_hyphens=False)
    text = "\n\n".join([*prose, *each, proof(base, patches, rows)])
    if not text.isascii():
        subject += "\nMIME-Version: 1.0\nContent-Type: text/plain; charset=UTF-8\nContent-Transfer-Encoding: 8bit"
    path.write_text(cover.replace(line, subject, 1).replace("*** BLURB HERE ***", text, 1))
