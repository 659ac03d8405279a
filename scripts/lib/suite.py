# SPDX-License-Identifier: GPL-2.0-only
"""Boot tests: their heads, which boots they need, and what their outcome means.

A test is an executable below ci/tests; the comment lines at its head declare it:
    # This test will ...                     what it proves
    # patch: topic/slug | none               the patch it belongs to; none: a feature of the base
    # profile: pv pvh                        profiles of configs/profiles in which it runs
    # before: fail "text" | panic "text" | hang      how it comes out without the patch
    # missing: pvh fail "text"               a feature that the queue still lacks in this profile
    # needs: own-boot memory=3G xen="..."    what the common boot does not offer (see NEEDS)
    # needs: hypervisor>=4.18                versions of Xen that can tell; also hypervisor<4.18
    # expect-console: "text"                 the test ends by switching the machine off, after which
                                             the console holds the text
    # timeout: 60                            seconds, for the guest's own timer
"""
import concurrent.futures
import configparser
import dataclasses
import functools
import hashlib
import json
import os
import pathlib
import re
import secrets
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import threading

import vm

ROOT = pathlib.Path(__file__).resolve().parents[2]
CACHE = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
WORK = pathlib.Path(os.environ.get("PVOPS_WORK") or f"{CACHE}/pvops-dom0").resolve()
os.environ["PVOPS_WORK"] = str(WORK)  # what runs from here has the same
TESTS = ROOT / "ci/tests"

# Keys of "needs:". Tests with the same needs share a boot; domu is only said, config is a kernel.
NEEDS = {"domu", "memory", "smp", "xen", "append", "cpu", "acpi", "initrd", "qemu", "config", "own-boot",
         "hypervisor"}
KEYS = {"patch", "profile", "before", "missing", "needs", "expect-console", "timeout"}

# Most severe last; MISSING is a declared gap of the kernel and neither passed nor skipped.
VERDICTS = ["SUCCESS", "SKIP", "MISSING", "ERROR", "FAILURE", "CRASH"]
BAD = VERDICTS[3:]


# As many at a time as have two CPUs each: Xen's CPUs wait for each other, for ever so long if two of them share one.
# Two machines side by side on two CPUs take twice the time that they take one after the other.
MACHINES = threading.BoundedSemaphore(max(1, os.cpu_count() // 2))

os.environ["PATH"] += ":/usr/sbin:/sbin"  # mke2fs, for other users than root

# A run that is killed or interrupted cleans up: its machine and its work files go.
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
signal.signal(signal.SIGINT, lambda *_: sys.exit(130))


def refuse(message):
    """Exit 2: what the user gave makes no sense."""
    print(f"{pathlib.Path(sys.argv[0]).name}: {message}", file=sys.stderr)
    sys.exit(2)


class HeadError(Exception):
    """A test head that does not follow the rules: which file, which line, what to do."""


@dataclasses.dataclass
class Red:
    """A declared way to fail: kind fail, panic or hang, and the text that must show."""
    kind: str
    text: str

    @classmethod
    def parse(cls, words):
        if len(words) == 1 and words[0] not in ("fail", "panic", "hang"):
            words = ["fail", *words]
        if words[:1] == ["hang"] and len(words) == 1:
            return cls("hang", "")
        if len(words) == 2 and words[0] in ("fail", "panic") and words[1]:
            return cls(*words)
        raise ValueError('expected fail "text", panic "text" or hang')


@dataclasses.dataclass
class Test:
    name: str
    path: pathlib.Path
    text: str
    about: str = ""
    patch: str = "none"
    profiles: tuple = ()
    before: Red = None
    missing: dict = dataclasses.field(default_factory=dict)
    needs: dict = dataclasses.field(default_factory=dict)
    expect_console: str = ""
    timeout: int = 60

    def config(self, profile):
        """Name of the kernel configuration it needs in a profile (configs/NAME.config)."""
        return self.needs.get("config", load_profiles()[profile]["config"])

    def boot_with(self, profile, red):
        """Tests for which this is equal can share a boot; red: it is expected to fail."""
        declared = self.before if red else self.missing.get(profile)
        alone = ("own-boot" in self.needs or self.expect_console
                 or (declared and declared.kind != "fail"))
        needs = {key: value for key, value in self.needs.items() if key not in ("domu", "config", "hypervisor")}
        return (self.name if alone else "", json.dumps(needs, sort_keys=True))


def load_test(path):
    """Read one test and parse its head; raises HeadError."""
    try:
        test = Test(str(path.relative_to(TESTS)), path, path.read_text())
    except (OSError, UnicodeDecodeError) as error:
        raise HeadError(f"{path}: {error}") from None
    about = []
    for number, line in enumerate(test.text.splitlines()[1:], 2):
        if not line.startswith("#"):
            break
        match = re.match(r"# ([a-z-]+): (.*)", line)
        if not match or match[1] not in KEYS:
            about.append(line[2:])
            continue
        key, value = match.groups()
        try:
            words = shlex.split(value)
            if key == "profile":
                test.profiles = tuple(words)
            elif key == "patch":
                test.patch = value.strip()
            elif key == "before":
                test.before = Red.parse(words)
            elif key == "missing":
                test.missing[words[0]] = Red.parse(words[1:])
            elif key == "expect-console":
                test.expect_console = words[0]
            elif key == "timeout":
                test.timeout = int(value)
            else:
                for word in words:
                    name, setting = re.match(r"([\w-]*)=?(.*)", word, re.S).groups()
                    if name not in NEEDS:
                        raise ValueError(f"unknown need '{name}', known: {' '.join(sorted(NEEDS))}")
                    if name == "hypervisor" and not re.fullmatch(r"(>=|<)\d+\.\d+", setting):
                        raise ValueError(f"'{word}': write hypervisor>=X.Y or hypervisor<X.Y")
                    test.needs[name] = " ".join(filter(None, [test.needs.get(name), setting]))
        except (ValueError, IndexError) as error:
            raise HeadError(f"{path}:{number}: {key}: {error}") from None
    test.about = "\n".join(about).strip()
    if not test.about.startswith("This test will "):
        raise HeadError(f'{path}:2: the head must begin with "# This test will ..."')
    if not test.profiles:
        raise HeadError(f"{path}: no '# profile:' line, e.g. '# profile: pv pvh'")
    if (test.patch != "none") != (test.before is not None):
        raise HeadError(f"{path}: '# patch:' and '# before:' go together; a feature test has "
                        "'# patch: none' and no '# before:'")
    return test


def load_tests(topics=None, benches=False):
    """The tests by name, in a stable order, of all topics or of these; or the benchmarks, which are
    ci/tests/*/bench-*."""
    paths = sorted(p for p in TESTS.glob("*/*") if p.is_file() and os.access(p, os.X_OK)
                   and p.name.startswith("bench-") == benches)
    known = list(dict.fromkeys(p.parent.name for p in paths))
    for topic in topics or []:
        if topic not in known:
            refuse(f"no {'benchmark' if benches else 'test'} of topic {topic}; there are: {' '.join(known)}")
    try:
        return {test.name: test for test in map(load_test, paths)
                if not topics or test.name.split("/")[0] in topics}
    except HeadError as error:
        sys.exit(str(error))


@functools.cache
def load_profiles():
    """configs/profiles as mappings."""
    parser, path = configparser.ConfigParser(interpolation=None), ROOT / "configs/profiles"
    try:
        parser.read_string(path.read_text(), str(path))
    except (OSError, ValueError, configparser.Error) as error:
        refuse(error)
    return {name: dict(parser[name]) for name in parser.sections()}


@functools.cache
def hypervisors():
    """Versions of Xen, as configs/hypervisors has them; the first is the default."""
    return re.findall(r"^\d\S*", (ROOT / "configs/hypervisors").read_text(), re.M)


def lacks(test, hypervisor):
    """Why a hypervisor ("4.17", or "Xen 4.17.7" of a row) is none for the test; "" if it is one, or
    if it is not known which it is."""
    def number(words):
        return [int(n) for match in re.findall(r"(\d+)\.(\d+)", words)[:1] for n in match]
    for need in test.needs.get("hypervisor", "").split() if number(hypervisor) else ():
        if (number(hypervisor) >= number(need)) != need.startswith(">="):
            return f"needs hypervisor{need}, not {hypervisor}"
    return ""


def home(test):
    """The first hypervisor that has what the test needs, None without one."""
    return next((version for version in hypervisors() if not lacks(test, version)), None)


def suite_profiles():
    """Names of the profiles that the suite consists of."""
    return [name for name, profile in load_profiles().items() if profile.get("on-request") != "yes"]


def _output(*argv):
    try:
        return subprocess.run(argv, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    except FileNotFoundError:
        print(f"{argv[0]} is missing; scripts/setup installs it", file=sys.stderr)
        sys.exit(3)
    except subprocess.CalledProcessError as error:
        print(f"{shlex.join(argv)} ended with {error.returncode}", file=sys.stderr)
        sys.exit(4)


class Guest:
    """The guest side of a boot: root image, hypervisor and the files of ci/guest."""

    def __init__(self, hypervisor):
        make = str(ROOT / "scripts/lib/guest.sh")
        # Read before they are compiled: what is edited meanwhile must not pass for what was booted.
        self.sources = {p: p.read_text(errors="replace") for p in sorted((ROOT / "ci/guest").glob("**/*"))
                        if p.is_file() and not p.name.startswith(".")}
        self.root = _output(make, "root", hypervisor)
        self.xen = pathlib.Path(_output(make, "xen", hypervisor))
        self.files = pathlib.Path(_output(make, "files"))
        self.versions = (os.path.basename(self.root) + (self.xen / "version").read_text()
                         + _output("qemu-system-x86_64", "--version"))

    def key(self, test, profile):
        """Hash of everything but the kernel that decides how a test comes out."""
        machine = vm.command(dict(profile, **{"xen-image": ""}), "", "", "", "", console="socket")
        always = ("init", "domu-init", "lib.sh")
        parts = [self.versions, *machine, profile["boot-seconds"], vm.BAD_CONSOLE.pattern.decode(),
                 test.text, *(text for p, text in self.sources.items() if p.name in always)]
        others = {p: text for p, text in self.sources.items() if p.name not in always}
        for words in parts:  # grows: what a library names counts as well
            for path in [p for p in others if re.search(rf"\b{re.escape(p.stem)}\b", words)]:
                parts.append(others.pop(path))
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:24]


def command(profile, *args, **options):
    """vm.command, with an initrd for dom0 if the profile has one: Xen's second module."""
    argv = vm.command(profile, *args, **options)
    if "initrd" in profile:
        argv[argv.index("-initrd") + 1] += f",{profile['initrd']}"
    return argv


def image_id(image):
    try:
        return (pathlib.Path(image) / "id").read_text().strip()
    except OSError:
        refuse(f"no kernel image: {image}; give a directory that scripts/build printed")


def portions(tests, seconds=600):
    """Split tests into lists whose time-outs sum up to at most that, or which are one test: several
    machines run side by side, and one that breaks takes fewer tests with it."""
    lists, left = [], 0
    for test in tests:
        if test.timeout > left:
            lists.append([])
            left = seconds
        lists[-1].append(test)
        left -= test.timeout
    return lists


class Runner:
    """Runs tests on one kernel image and remembers their raw results."""

    def __init__(self, image, fresh=False, say=print, hypervisor=None):
        self.image, self.fresh, self.say = pathlib.Path(image), fresh, say
        image_id(image)  # before much is made for nothing
        self.hypervisor = hypervisor or hypervisors()[0]
        self.guest = Guest(self.hypervisor)
        self.profiles = load_profiles()

    # -- one boot ---------------------------------------------------------------------------

    def stage(self, tests, directory):
        """Make the disk with everything that changes between runs; returns its path."""
        stage = pathlib.Path(directory) / "stage"
        shutil.copytree(self.guest.files, stage)
        os.link(self.image / "vmlinux", stage / "vmlinuz")
        if (self.image / "modules").is_dir():
            shutil.copytree(self.image / "modules", stage / "modules", symlinks=True)
        for test in tests:
            file = stage / "tests" / test.name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(test.text)
            file.chmod(0o755)
        (stage / "plan").write_text("".join(f"{t.name} {t.timeout}\n" for t in tests))
        disk = pathlib.Path(directory) / "files.ext4"
        subprocess.run(["mke2fs", "-q", "-t", "ext4", "-O", "^has_journal", "-L", "pvops", "-d", stage, disk,
                        "256M"], check=True, stdout=subprocess.DEVNULL)
        shutil.rmtree(stage)
        return disk

    def profile_for(self, name, needs):
        """The profile with the needs of a boot's tests, which are the same for all, laid over it, and
        further QEMU options."""
        profile = dict(self.profiles[name], **{"xen-image": str(self.guest.xen / "xen")})
        for key in ("memory", "smp", "cpu"):
            profile[key] = needs.get(key, profile[key])
        for key in ("xen", "append"):
            profile[key] = f"{profile[key]} {needs.get(key, '')}".strip()
        qemu = shlex.split(needs.get("qemu", ""))
        if "initrd" in needs:
            profile["initrd"] = f"{self.guest.files}/initrd/{needs['initrd']}.cpio"
        if "acpi" in needs:
            qemu += ["-acpitable", f"file={self.guest.files}/acpi/{needs['acpi']}.aml"]
        return profile, qemu

    def boot(self, profile_name, tests, tries=3):
        """Boot and run the tests, again when the emulator failed; returns the vm.Outcome and the
        log directory."""
        self.say(f"boot {profile_name}: {' '.join(t.name for t in tests)}")
        profile, qemu = self.profile_for(profile_name, tests[0].needs)
        nonce = secrets.token_hex(8)
        timeout = 6 * float(profile["boot-seconds"]) + sum(1.25 * t.timeout + 1 for t in tests)
        (WORK / "tmp").mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=WORK / "tmp") as directory:
            disk = self.stage(tests, directory)

            def argv(work):
                return command(profile, self.image / "vmlinux", self.guest.root, disk, nonce,
                               qemu=qemu, console="socket", work=work)
            with MACHINES:
                outcome = vm.run(argv, nonce, timeout)
            log = WORK / "logs" / image_id(self.image) / f"{profile_name}-{nonce}"
            log.mkdir(parents=True)
            (log / "console").write_bytes(outcome.console)
            (log / "report").write_bytes(outcome.report)
            (log / "qemu").write_text(shlex.join(argv("SOCKETS")) + "\n")
        if outcome.how == "emulator" and tries > 1:
            self.say(f"    {outcome.detail}: once more")
            return self.boot(profile_name, tests, tries - 1)
        return outcome, log

    # -- results ----------------------------------------------------------------------------

    def _cache(self, test, profile):
        key = f"{image_id(self.image)}-{self.guest.key(test, self.profiles[profile])}-{profile}"
        return WORK / "results" / f"{key}.json"

    @staticmethod
    def _store(path, raw):
        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_suffix(".new")
        new.write_text(json.dumps(raw, indent=1))
        new.rename(path)

    def run(self, profile, tests, red=()):
        """Raw results of the tests in a profile, from the cache where nothing changed:
        {name: {"how", "status", "output", "detail", "bad", "seconds", "log"}}. Those in red are
        expected to fail. Boots run side by side, as many as MACHINES. Tests for which the hypervisor lacks
        something are not booted, and count as skipped."""
        results = {}
        groups = {}
        caches = {t.name: self._cache(t, profile) for t in tests}
        for test in tests:
            if reason := lacks(test, self.hypervisor):
                results[test.name] = {"how": "done", "status": "skip", "output": [reason], "detail": "", "bad": "",
                                      "seconds": 0, "log": "", "hypervisor": f"Xen {self.hypervisor}"}
            elif caches[test.name].exists() and not self.fresh:
                results[test.name] = json.loads(caches[test.name].read_text())
            else:
                groups.setdefault(test.boot_with(profile, test in red), []).append(test)
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            def start(group):
                return pool.submit(self.boot, profile, group), group
            try:
                running = dict(start(part) for group in groups.values() for part in portions(group))
                while running:
                    ended, _ = concurrent.futures.wait(running, return_when="FIRST_COMPLETED")
                    for future in ended:
                        outcome, log = future.result()
                        done, rest = judge_boot(outcome, running.pop(future))
                        for test, raw in done:
                            raw["log"] = str(log)
                            results[test.name] = raw
                            if raw["how"] != "error":
                                self._store(caches[test.name], raw)
                        if rest:
                            running.update([start(rest)])
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                vm.stop_all()
                raise
        return results


def parse_report(report):
    """{test: (status, output lines)}, the test that was running at the end and its output,
    and what is wrong with the form of the report ("" if nothing)."""
    found, current, output, plan, wrong = {}, None, [], None, ""
    for line in report.decode(errors="replace").split("\n"):
        line = line.rstrip("\r")
        if match := re.match(r"1\.\.(\d+)$", line):
            plan = int(match[1])
        elif current is None and (match := re.match(r"# start (\S+)$", line)):
            current, output = match[1], []
        elif match := re.match(r"(not ok|ok) (\d+) (\S+)(?: # SKIP ?(.*))?$", line):
            status = "skip" if match[4] is not None else {"ok": "pass"}.get(match[1], "fail")
            if match[3] == current and current not in found and int(match[2]) == len(found) + 1:
                found[current] = (status, output)
            else:
                wrong = wrong or f"the report has an unexpected line: {line}"
            current = None
        elif current and line.startswith("# "):
            output.append(line[2:])
    if plan != len(found):
        wrong = wrong or f"the report's plan is {plan}, but it has {len(found)} result(s)"
    return found, current, output, wrong


def judge_boot(outcome, group):
    """Split a boot into [(test, raw result)] that are settled and the tests to run again.

    A pass counts only if the whole boot ended well; when a test broke the boot, it alone is
    settled and the others run again without it."""
    found, current, output, wrong = parse_report(outcome.report)
    seconds = round(outcome.seconds, 1)

    def raw(how, status, lines):
        return {"how": how, "status": status, "output": lines, "detail": outcome.detail,
                "bad": outcome.bad_text()[:20000], "seconds": seconds}

    if outcome.how == "done":
        if set(found) != {t.name for t in group}:
            wrong = wrong or "the report is not about " + " ".join(t.name for t in group)
        if wrong:
            outcome.detail = wrong
            return [(t, raw("error", "none", [])) for t in group], []
        for test in group:
            status, lines = found[test.name]
            if test.expect_console and status == "pass":
                found[test.name] = ("fail", [*lines, "the test did not switch the machine off"])
        return [(t, raw("done", *found[t.name])) for t in group], []
    if outcome.how == "poweroff" and group[0].expect_console and current == group[0].name:
        good = group[0].expect_console.encode() in outcome.console
        lines = output + ([] if good else [f'console lacks "{group[0].expect_console}"'])
        return [(group[0], raw("done", "pass" if good else "fail", lines))], []
    culprit = next((t for t in group if t.name == current), None)
    if culprit:
        how = {"bad-console": "panic", "timeout": "hang"}.get(outcome.how, "error")
        return [(culprit, raw(how, "fail", output))], [t for t in group if t is not culprit]
    if outcome.how == "bad-console" and len(group) == 1:
        return [(group[0], raw("panic", "fail", output))], []
    return [(t, raw("error" if outcome.how != "bad-console" else "panic", "none", []))
            for t in group], []


def shows(red, raw):
    """Does a raw result fail in just the declared way?"""
    if raw["how"] == "hang" or red.kind == "hang":
        return raw["how"] == red.kind
    if red.kind == "panic":
        return raw["how"] == "panic" and red.text in raw["bad"]
    return (raw["how"] == "done" and raw["status"] == "fail"
            and any(red.text in line for line in raw["output"]))


def why(raw):
    """One line that says how a test failed."""
    if raw["how"] == "done":
        lines = [x for x in raw["output"] if not x.startswith(("exit status", "timeout"))]
        return next((x for x in lines if "FAIL" in x), (lines or raw["output"] or ["no output"])[-1])
    return f"{raw['how']}: {raw['detail']}"


def green(test, profile, raw):
    """(verdict, remark) where the test is expected to pass."""
    if raw["how"] == "error":
        return "ERROR", why(raw)
    if profile in test.missing:
        if shows(test.missing[profile], raw):
            return "MISSING", why(raw)
        if raw["status"] == "pass":
            return "FAILURE", f"passes: remove its '# missing: {profile}' line"
    if raw["how"] != "done":
        return "CRASH", why(raw)
    return {"pass": ("SUCCESS", ""), "skip": ("SKIP", why(raw))}.get(
        raw["status"], ("FAILURE", why(raw)))


def red(test, raw):
    """(verdict, remark) at the prefix before the test's patch: SUCCESS means red as declared."""
    if shows(test.before, raw):
        return "SUCCESS", why(raw)
    if raw["how"] == "done" and raw["status"] == "pass":
        return "FAILURE", "passes without its patch, so it proves nothing"
    if raw["how"] == "done" and raw["status"] == "skip":
        return "SKIP", why(raw)
    return "ERROR", f"red for another reason ({why(raw)}), declared: " \
                    f"{test.before.kind} \"{test.before.text}\""


def judge_again(runner, profile, tests, judge, red=()):
    """Run tests (those in red are expected to fail) and judge them; what ends as ERROR runs once
    more. Returns {name: (verdict, remark, raw)}."""
    raws = runner.run(profile, tests, red)
    verdicts = {t.name: (*judge(t, raws[t.name]), raws[t.name]) for t in tests}
    again = [t for t in tests if verdicts[t.name][0] == "ERROR"]
    if again:
        retry = Runner(runner.image, fresh=True, say=runner.say, hypervisor=runner.hypervisor)
        raws = retry.run(profile, again, red)
        for t in again:
            verdict, remark = judge(t, raws[t.name])
            verdicts[t.name] = (verdict, f"{remark} (second try)", raws[t.name])
    return verdicts
