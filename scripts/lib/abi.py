"""Hold what the patches use of Xen's ABI against Xen's public headers.

usage: abi.py LIST LINUX_DIR PATCH...

LIST is configs/abi (its head explains the form), LINUX_DIR has include/xen and the x86 headers below it, of the
patched tree. The expressions of LIST are compiled twice, once with Linux's and once with Xen's headers (package
libxen-dev), and the values compared. A name from Linux' include/xen/interface that a PATCH adds a use of must be
in LIST. Prints `ok NAME` and `not ok NAME - what; what to do` lines.
"""

import pathlib
import re
import subprocess
import sys
import tempfile

XEN = "/usr/include/xen"

# Linux' headers need no more than this of the kernel around them.
LINUX_TYPES = """
#include <stdint.h>
#include <stddef.h>
#include <stdbool.h>
#include <stdio.h>
#include <errno.h>
typedef uint8_t u8, __u8;
typedef uint16_t u16, __u16;
typedef uint32_t u32, __u32;
typedef uint64_t u64, __u64, phys_addr_t, dma_addr_t;
typedef int8_t s8, __s8;
typedef int16_t s16, __s16;
typedef int32_t s32, __s32;
typedef int64_t s64, __s64;
typedef uint64_t aligned_u64 __attribute__((aligned(8)));
#define __packed __attribute__((packed))
#define __user
#include <xen/interface/xen.h>
"""
STUBS = "asm/emulate_prefix.h linux/net.h linux/spinlock.h linux/types.h".split()


class Entry:
    """One line of LIST: names on both sides, and the expressions to compare."""

    def __init__(self, number, header, text):
        self.number, self.header = number, header
        what, _, members = text.partition(":")
        linux, _, xen = (part.strip() for part in what.partition("="))
        self.name, xen = linux, xen or linux
        self.pairs = [(linux, xen)]
        if linux.startswith(("struct ", "union ")):
            self.pairs = [(f"sizeof({linux})", f"sizeof({xen})")]
            for member in members.split():
                ours, _, theirs = member.partition("=")
                for form in "offsetof({0}, {1})", "sizeof((({0} *)0)->{1})":
                    self.pairs.append((form.format(linux, ours), form.format(xen, theirs or ours)))


def read_list(path):
    """Entries, and the names that LIST excuses with `linux-only NAME: reason`."""
    entries, excused, header = [], set(), ("", "")
    for number, line in enumerate(path.read_text().splitlines(), 1):
        line = line.split("#")[0].strip()
        section = re.fullmatch(r"\[(\S+?)(?: = (\S+))?\]", line)
        if section:
            header = (section[1], section[2] or section[1])
        elif line.startswith("linux-only "):
            excused.add(line[11:].split(":")[0].strip())
        elif line:
            entries.append(Entry(number, header, line))
    return entries, excused


def values(entries, side, path, linux):
    """Compile and run one side: ({(entry number, index): value}, [errors])."""
    headers = dict.fromkeys(entry.header[side] for entry in entries)
    with tempfile.TemporaryDirectory() as work:
        for stub in STUBS:
            (pathlib.Path(work) / stub).parent.mkdir(exist_ok=True)
            (pathlib.Path(work) / stub).touch()
        if side == 0:
            source = LINUX_TYPES + "".join(f"#include <xen/interface/{h}>\n" for h in headers)
            flags = ["-D__KERNEL__", "-DCONFIG_X86_64", f"-I{work}", f"-I{linux}/include", f"-I{linux}/arch/x86/include"]
        else:
            source = "#include <stdint.h>\n#include <stddef.h>\n#include <stdio.h>\n#include <errno.h>\n"
            source += f"#include <{XEN}/xen.h>\n" + "".join(f"#include <{XEN}/{h}>\n" for h in headers)
            flags = ["-D__XEN_TOOLS__"]
        source += "int main(void)\n{\n"
        for entry in entries:
            for index, pair in enumerate(entry.pairs):
                source += f'#line {entry.number} "{path.name}"\n'
                source += f'\tprintf("{entry.number} {index} %lld\\n", (long long)({pair[side]}));\n'
        source += "}\n"
        gcc = subprocess.run(["gcc", "-w", "-x", "c", "-", *flags, "-o", f"{work}/values"], input=source,
                             capture_output=True, text=True)
        if gcc.returncode:
            errors = re.findall(r"^(\S+?:\d+):(?:\d+:)? error: (.*)", gcc.stderr, re.M)
            return {}, [f"{line}: {text}" for line, text in dict(reversed(errors)).items()][::-1] or [gcc.stderr]
        run = subprocess.run([f"{work}/values"], capture_output=True, text=True, check=True)
    rows = (map(int, line.split()) for line in run.stdout.splitlines())
    return {(number, index): value for number, index, value in rows}, []


def compare(entries, path, linux):
    """Report on each header."""
    sides = []
    for side, name in enumerate(("Linux", "Xen")):
        table, errors = values(entries, side, path, linux)
        for error in errors:
            print(f"not ok abi {name} - {error}; correct that line in configs/")
        if errors:
            return
        sides.append(table)
    for header in dict.fromkeys(entry.header for entry in entries):
        count = bad = 0
        for entry in (entry for entry in entries if entry.header == header):
            for index, (ours, theirs) in enumerate(entry.pairs):
                a, b = (table[entry.number, index] for table in sides)
                count += 1
                if a != b:
                    bad += 1
                    print(f"not ok abi {header[0]} - {ours} is {a:#x} in Linux, {theirs} is {b:#x} in Xen's"
                          f" {header[1]}; correct the patch (configs/{path.name}:{entry.number})")
        if not bad:
            print(f"ok abi {header[0]} ({count} values as in {XEN}/{header[1]})")


def strip(text):
    return re.sub(r"/\*.*?\*/|//[^\n]*", "", text, flags=re.S)


def braces(text, start):
    """Where the brace that opens at start closes."""
    depth = 0
    for match in re.finditer("[{}]", text[start:]):
        depth += 1 if match[0] == "{" else -1
        if not depth:
            return start + match.start()
    return len(text)


def members(body):
    """Names of the members of a structure's body; those of anonymous structures count as its own."""
    while "{" in body:
        start = body.index("{")
        end = braces(body, start)
        anonymous = re.match(r"\s*;", body[end + 1 :])
        body = body[:start] + (";" + body[start + 1 : end] if anonymous else "") + body[end + 1 :]
    names = re.findall(r"(\w+)\s*(?:\[[^;]*\])*\s*(?:__\w+\s*)?;", body)
    return [name for name in names if name not in ("struct", "union")]


def definitions(linux):
    """What include/xen/interface defines: {name: (header, line for LIST)}."""
    found = {}
    base = linux / "include/xen/interface"
    for file in sorted(base.glob("**/*.h")):
        header, text = str(file.relative_to(base)), strip(file.read_text())
        for match in re.finditer(r"\b(struct|union) (\w+)\s*{", text):
            body = text[match.end() : braces(text, match.end() - 1)]
            name = f"{match[1]} {match[2]}"
            found[name] = (header, f"{name}: {' '.join(members(body))}")
        names = re.findall(r"^[ \t]*#[ \t]*define[ \t]+(\w+)[ \t]+\S", text, re.M)
        for match in re.finditer(r"\benum\b[^{;]*{([^}]*)}", text):
            names += re.findall(r"(?:^|,)\s*(\w+)", match[1])
        for name in names:
            found[name] = (header, name)
    return found


def added(patch):
    """C code that a patch adds, without its comments."""
    code, wanted = [], False
    for line in patch.read_text(errors="replace").splitlines():
        if line.startswith("diff --git "):
            wanted = line.endswith((".c", ".h", ".S"))
        elif wanted and line.startswith("+") and not line.startswith("+++") and not re.match(r"\+\s*\*", line):
            code.append(line[1:])
    return strip("\n".join(code))


def check_uses(known, linux, patches):
    table = definitions(linux)
    for patch in patches:
        name = f"{patch.parent.name}/{patch.name}"
        code = added(patch)
        used = set(re.findall(r"\b\w+\b", code)) | {
            re.sub(r"\s+", " ", use) for use in re.findall(r"\b(?:struct|union)\s+\w+\b", code)
        }
        missing = sorted((use for use in used if use in table and use not in known), key=lambda use: table[use])
        for use in missing:
            header, line = table[use]
            print(f"not ok abi {name} - uses {use}, which is not held against Xen; add to configs/abi below [{header}]: {line}")
        if not missing:
            print(f"ok abi {name}")


def main():
    path, linux = map(pathlib.Path, sys.argv[1:3])
    entries, excused = read_list(path)
    if entries:
        compare(entries, path, linux)
    check_uses({entry.name for entry in entries} | excused, linux, list(map(pathlib.Path, sys.argv[3:])))


main()
