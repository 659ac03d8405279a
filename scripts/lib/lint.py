"""Check the series, the headers of patches, the heads of boot tests or Python files.

usage: lint.py series | headers [PATCH...] | tests | python FILE...     (environment: QUEUE, the project's directory)

Prints `ok NAME` or `not ok NAME - what is wrong; what to do` lines. PATCH is relative to patches/.
"""

import difflib
import importlib.util
import itertools
import os
import pathlib
import re
import subprocess
import sys

import suite
from patch import body_of, trailers_of

QUEUE = pathlib.Path(os.environ["QUEUE"])
PATCHES = QUEUE / "patches"
TESTS = QUEUE / "ci/tests"
suite.ROOT, suite.TESTS = QUEUE, TESTS
TOPICS = "core mmu evtchn gnttab xenbus blkback netback acpi s3 microcode msi".split()
AUTHOR = "pvops-dom0 queue <queue@pvops-dom0.invalid>"
FORMAT = "git format-patch --zero-commit --no-signature --full-index --no-renames -N --filename-max-length=100"

# Trailers of a patch and what their values look like.
TRAILERS = {
    "Fixes": (r'[0-9a-f]{12} \(".+"\)', 'Fixes: <12 hex digits> ("subject of the commit")'),
    "Link": (r"https?://\S+", "Link: <url>"),
    "Closes": (r"https?://\S+", "Closes: <url>"),
    "Test": (r"[\w-]+/[\w.-]+", "Test: <topic>/<name of a file in ci/tests>"),
    "Forwarded": (r"no|not-needed|https?://\S+", "Forwarded: no, not-needed or <url>"),
    "Gain": (r".+: .+ -> .+", "Gain: what is counted: before -> after"),
    "Disclosure": (r"security@xenproject\.org", "Disclosure: security@xenproject.org"),
}
PERSON = re.compile(r"[A-Z][a-z]+(-[a-z]+)*-by:|Cc:", re.I)


def report(name, errors):
    for error in errors:
        print(f"not ok {name} - {error}")
    if not errors:
        print(f"ok {name}")


def listed(series):
    """The patches of a quilt series and the reasons of its `# omit` comments."""
    patches, omitted = [], {}
    for line in series.read_text().splitlines():
        omit = re.match(r"#\s*omit\s+(\S+?)(\.patch)?:\s*(\S.*)", line)
        if omit:
            omitted[omit[1]] = omit[3]
        line = re.sub(r"(^|\s)#.*", "", line).split()
        if line:
            patches.append(line[0])
    return patches, omitted


def on_disk(directory):
    return {str(p.relative_to(PATCHES)) for p in directory.glob("*/*.patch")}


def check_order(patches):
    """Topics in their order; prints an error per patch in the wrong place."""
    errors, reached = [], 0
    for patch in patches:
        topic = patch.split("/")[-2] if "/" in patch else ""
        if topic not in TOPICS:
            errors.append(f"{patch}: not in the directory of a topic; the topics are {' '.join(TOPICS)}")
        elif TOPICS.index(topic) < reached:
            errors.append(f"{patch}: comes after a patch of {TOPICS[reached]}; move it up, the order is {' '.join(TOPICS)}")
        else:
            reached = TOPICS.index(topic)
    return errors


def check_series():
    primary, _ = listed(QUEUE / "series")
    every = [QUEUE / "series"] + sorted(PATCHES.glob("[0-9]*/series"))
    for series in every:
        patches, omitted = listed(series)
        own = on_disk(series.parent if series.parent != QUEUE else PATCHES)
        own = {p for p in own if not p[0].isdigit() or series.parent != QUEUE}
        errors = check_order(patches)
        for patch in sorted(set(patches)):
            if not (PATCHES / patch).is_file():
                errors.append(f"patches/{patch} does not exist; take the line out or add the file")
            if patches.count(patch) > 1:
                errors.append(f"{patch} is listed {patches.count(patch)} times; once is enough")
        for patch in sorted(own - set(patches)):
            errors.append(f"patches/{patch} is not listed; add the line {patch}, or delete the file")
        if series.parent != QUEUE:
            shared = {re.sub(r"^[\d.]+/", "", p) for p in patches}
            for patch in primary:
                if patch not in shared and patch.removesuffix(".patch") not in omitted:
                    errors.append(f"{patch} is missing; list it, or say why not: # omit {patch.removesuffix('.patch')}: reason")
        report(f"series {series.relative_to(QUEUE)}", errors)


def slug(subject):
    """The file name that git format-patch gives, without its number, in lower case."""
    words = re.sub(r"\.+", ".", re.sub(r"[^A-Za-z0-9._]+", "-", subject))
    return words.strip("-").rstrip(".-").lower()


def check_trailers(name, body):
    trailers = trailers_of(body)
    tests = [value for key, value in trailers if key == "Test"]
    for line in body:
        if PERSON.match(line):
            yield f"tag for a person: {line!r}; take it out, nobody has signed this: whoever submits it adds their own"
    for key, value in trailers:
        if key not in TRAILERS:
            if not PERSON.match(f"{key}:"):
                yield f"no trailer: {(key + ': ' + value) if key else value!r}; the last paragraph holds only {' '.join(TRAILERS)}"
        elif not re.fullmatch(TRAILERS[key][0], value):
            yield f"bad trailer: {key}: {value}; write {TRAILERS[key][1]}"
    if not tests:
        yield "no Test: trailer; add Test: <topic>/<name> at the end of the body"
    if sum(key == "Forwarded" for key, _ in trailers) != 1:
        yield "not exactly one Forwarded: trailer; add Forwarded: no (or not-needed, or the url) at the end of the body"
    for test in tests:
        if not (TESTS / test).is_file():
            yield f"Test: {test} does not exist; add ci/tests/{test}"
    line = f"# patch: {re.sub(r'^[0-9.]+/', '', name).removesuffix('.patch')}"
    heads = [(TESTS / test).read_text(errors="replace").splitlines() for test in tests if (TESTS / test).is_file()]
    if heads and not any(line in head for head in heads):
        yield f"none of its tests proves it; one needs the line {line}"


def check_header(name):
    text = (PATCHES / name).read_bytes().decode(errors="replace")
    head, subject, body, _, diff = body_of(text)
    title = subject.removeprefix("[PATCH] ")
    stem = pathlib.Path(name).stem
    if not head.startswith("From " + "0" * 40 + " "):
        yield f"does not begin with the zero commit; write it with {FORMAT}"
    if not re.search(rf"^From: {re.escape(AUTHOR)}\n(?!\s)", head, re.M):
        yield f"From: is not the queue; write From: {AUTHOR}"
    if not re.search(r"^Date: \S", head, re.M):
        yield f"no Date: line; write it with {FORMAT}"
    if not subject.startswith("[PATCH] "):
        yield f"Subject: {subject!r} does not begin with [PATCH], without a number; write it with {FORMAT}"
    if len(title) > 70:
        yield f"subject has {len(title)} characters; 70 at most"
    if not re.match(r"[^\s:][^:]*(: [^:]+)*: \S", title) or title.endswith("."):
        yield f"subject {title!r}; write `subsystem: what it does`, without a full stop"
    if stem != slug(title):
        yield f"file name is not the subject's; rename it to {slug(title)}.patch (git mv; and in series and its test)"
    if "".join(body[:1]).strip() == "" or len(body) < 3:
        yield "no body; say what a user sees, the cause, the change and why this one"
    for line in body:
        # logs are indented, urls and Fixes: cannot be broken
        if len(line) > 75 and not re.match(r"\s|Fixes: ", line) and "://" not in line:
            yield f"line of {len(line)} characters: {line[:40]!r}...; wrap at 75 (log lines: indent them)"
    yield from check_trailers(name, body)
    if not diff:
        yield f"no diff after the --- line; write it with {FORMAT}"
    if re.search(r"^index (?![0-9a-f]{40}\.\.[0-9a-f]{40}\b)", diff, re.M):
        yield f"short index lines; write it with {FORMAT}"
    if re.search(r"^(similarity index|rename from|GIT binary patch)", diff, re.M):
        yield f"a rename or a binary, which quilt cannot apply; write it with {FORMAT}"
    if re.search(r"^-- \n[\d.]+", diff, re.M):
        yield f"ends with git's version; write it with {FORMAT}"


def check_test(test):
    name = str(test.relative_to(TESTS))
    lines = test.read_text(errors="replace").splitlines()
    try:
        head = suite.load_test(test)
    except suite.HeadError as error:
        yield str(error).removeprefix(f"{test}:").strip()
        return
    if lines[0] != "#!/bin/sh":
        yield "first line is not #!/bin/sh"
    if not os.access(test, os.X_OK):
        yield f"not executable; chmod +x ci/tests/{name}"
    for line in itertools.takewhile(lambda line: line.startswith("#"), lines[1:]):
        key = re.match(r"# *([a-z-]+):(?: |$)", line)
        meant = key and difflib.get_close_matches(key[1], suite.KEYS, cutoff=0.75)
        if meant and (key[1] not in suite.KEYS or not line.startswith(f"# {key[1]}: ")):
            yield f"{line!r} is no declaration; write # {meant[0]}: ..."
    profiles = suite.load_profiles()
    for profile in head.profiles:
        if profile not in profiles:
            yield f"profile {profile} is unknown; configs/profiles has {' '.join(profiles)}"
    for profile in head.missing:
        if profile not in head.profiles:
            yield f"missing: {profile}: not one of its profiles"
    for table in head.needs.get("acpi", "").split():
        if not (QUEUE / f"ci/guest/acpi/{table}.asl").is_file():
            yield f"needs: acpi={table}: add ci/guest/acpi/{table}.asl"
    for initrd in head.needs.get("initrd", "").split():
        if not (QUEUE / f"ci/guest/initrd/{initrd}").is_file():
            yield f"needs: initrd={initrd}: add ci/guest/initrd/{initrd}"
    if "hypervisor" in head.needs and not suite.home(head):
        yield f"needs: configs/hypervisors has no hypervisor{head.needs['hypervisor']}"
    if head.patch == "none":
        return
    patch = PATCHES / f"{head.patch}.patch"
    if not patch.is_file():
        yield f"patch: {head.patch}: patches/{head.patch}.patch does not exist"
    elif ("Test", name) not in trailers_of(body_of(patch.read_text(errors="replace"))[2]):
        yield f"its patch does not name it; add the trailer Test: {name} to patches/{head.patch}.patch"


def check_python(name):
    try:
        compile(pathlib.Path(name).read_text(), name, "exec")
    except SyntaxError as error:
        yield f"line {error.lineno}: {error.msg}; correct it"
        return
    if importlib.util.find_spec("pyflakes"):
        run = subprocess.run([sys.executable, "-m", "pyflakes", name], capture_output=True, text=True)
        yield from (f"{line}; correct it" for line in run.stdout.splitlines())


def main():
    what, names = sys.argv[1], sys.argv[2:]
    if what == "series":
        check_series()
    elif what == "headers":
        every = (str(p.relative_to(PATCHES)) for p in PATCHES.glob("**/*.patch"))
        for name in names or sorted(every):
            report(f"headers {name}", list(check_header(name)))
    elif what == "python":
        for name in names:
            report(f"python {name}", list(check_python(name)))
    else:
        for test in sorted(p for p in TESTS.glob("*/*") if p.is_file()):
            report(f"tests {test.relative_to(TESTS)}", list(check_test(test)))


main()
