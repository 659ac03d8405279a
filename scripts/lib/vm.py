# SPDX-License-Identifier: GPL-2.0-only
"""Run one virtual machine and judge how it ended.

The guest reports on its second serial port (KTAP), its console is the first. A run ends well
only if the end line with this run's nonce came and QEMU left through isa-debug-exit: a panic, a
hang, a truncated report or QEMU's own exit can not look like that.
"""
import json
import re
import selectors
import shlex
import socket
import subprocess
import tempfile
import time

# isa-debug-exit: the guest's init writes 0x10, QEMU exits with (0x10 << 1) | 1.
EXIT_DONE = 33

BAD_CONSOLE = re.compile(
    rb"Kernel panic|PANIC: |\bBUG:|kernel BUG at|Oops|(?<!\(XEN\) )WARNING: |Bad FPU state|general protection fault"
    rb"|rcu: INFO: rcu\w* (?:self-)?detected|rcu_\w+ detected stalls|blocked for more than|hard LOCKUP"
    rb"|unchecked MSR access error|Hardware Dom0 (?:crashed|shutdown: watchdog)"
    rb"|\(XEN\) Panic on CPU|\(XEN\) Assertion|\(XEN\) FATAL|Xen BUG at|list_(?:add|del) corruption"
    rb"|UBSAN: |KASAN: |Slab corruption|Poison overwritten|possible circular locking")

# Now and then QEMU 7.2 runs an SVM guest, which triple-faults, with code segment and instruction pointer of
# the hypervisor; no guest can load that segment.
EMULATOR_FAULT = re.compile(rb"\(XEN\) RIP: +e008:.*\r?\n\(XEN\) RFLAGS: \w+ +CONTEXT: hvm guest")


class Outcome:
    """How a boot ended: 'done', 'bad-console', 'timeout', 'exit' (QEMU left early), 'emulator' (its
    fault) or 'poweroff' (the guest switched the machine off), and what it said."""

    def __init__(self, how, detail, console, report, bad_at, seconds):
        self.how, self.detail = how, detail
        self.console, self.report, self.bad_at = console, report, bad_at
        self.seconds = seconds

    def bad_text(self):
        """The console from the first bad line on, or '' when it stayed clean."""
        return "" if self.bad_at is None else self.console[self.bad_at:].decode(errors="replace")


def command(profile, kernel, root, files, nonce, qemu=(),
            console="stdio", work=None):
    """QEMU's argument list for a boot profile (a mapping as in configs/profiles)."""
    append = ["root=PARTUUID=70766f70-01", "rw", "init=/sbin/pvops-init", "loglevel=7",
              "ignore_loglevel", "log_buf_len=1M", "panic=0",
              f"pvops.nonce={nonce}", *shlex.split(profile["append"])]
    argv = ["qemu-system-x86_64", "-nodefaults", "-display", "none", "-machine", "q35",
            "-cpu", profile["cpu"], "-smp", profile["smp"], "-m", profile["memory"], "-no-reboot",
            "-device", "isa-debug-exit,iobase=0xf4,iosize=4",
            "-drive", f"file={root},format=raw,if=none,id=root,snapshot=on",
            "-drive", f"file={files},format=raw,if=none,id=files,snapshot=on",
            "-device", "nvme,serial=pvops,id=nvme", "-device", "nvme-ns,drive=root,nsid=1",
            "-device", "nvme-ns,drive=files,nsid=2",
            "-netdev", "user,id=n0", "-device", "e1000e,netdev=n0"]
    if profile["hypervisor"] == "xen":
        xen = ["com1=115200,8n1", "console=com1", "loglvl=all", "guest_loglvl=warning",
               "noreboot", *shlex.split(profile["xen"])]
        argv += ["-kernel", profile["xen-image"], "-append", " ".join(xen),
                 "-initrd", f"{kernel} console=hvc0 {' '.join(append)}".replace(",", ",,")]
    else:
        argv += ["-kernel", str(kernel), "-append", f"console=ttyS0 {' '.join(append)}"]
    argv += [*shlex.split(profile["machine"]), *qemu]
    if console == "stdio":
        return argv + ["-serial", "mon:stdio"]
    return argv + ["-chardev", f"socket,id=c0,path={work}/console", "-serial", "chardev:c0",
                   "-chardev", f"socket,id=c1,path={work}/report", "-serial", "chardev:c1",
                   "-qmp", f"unix:{work}/qmp"]


class _Monitor:
    """The QMP side: commands the guest asks for, wake-up from S3, and shutdown events."""

    def __init__(self, conn):
        self.conn, self.buffer, self.pending, self.shutdown = conn, b"", [], None
        self.send({"execute": "qmp_capabilities"})

    def send(self, message):
        try:
            self.conn.sendall(json.dumps(message).encode() + b"\n")
        except ConnectionError:
            pass  # QEMU is gone; its exit status says more

    def later(self, seconds, command_line):
        self.pending.append((time.monotonic() + seconds, command_line))

    def run_due(self):
        now = time.monotonic()
        for item in [p for p in self.pending if p[0] <= now]:
            self.pending.remove(item)
            self.send({"execute": "human-monitor-command",
                       "arguments": {"command-line": item[1]}})

    def feed(self, data):
        self.buffer += data
        *lines, self.buffer = self.buffer.split(b"\n")
        for line in lines:
            event = json.loads(line)
            if event.get("event") == "SUSPEND":
                self.later(2, "system_wakeup")
            elif event.get("event") == "SHUTDOWN":
                self.shutdown = event["data"].get("reason")


_running = set()


def stop_all():
    """End the machines of all threads; their run() then returns."""
    for process in list(_running):
        process.kill()


def run(argv_for, nonce, timeout):
    """Boot and supervise. argv_for(work) gives QEMU's arguments with its sockets below work;
    timeout is in seconds. Returns an Outcome."""
    with tempfile.TemporaryDirectory(prefix="pvops-vm.") as work:
        listeners = {}
        for name in ("console", "report", "qmp"):
            listeners[name] = socket.socket(socket.AF_UNIX)
            listeners[name].bind(f"{work}/{name}")
            listeners[name].listen(1)
        begin = time.monotonic()
        with open(f"{work}/stderr", "w+b") as stderr:
            # The machine ends with this process, however that ends.
            process = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", *argv_for(work)],
                                       stdin=subprocess.DEVNULL, stdout=stderr, stderr=stderr)
            _running.add(process)
            try:
                conns = _accept(listeners, process, begin + timeout)
                if conns is None:
                    outcome = Outcome("exit", "QEMU did not start", b"", b"", None,
                                      time.monotonic() - begin)
                else:
                    outcome = _supervise(process, conns, nonce, begin, timeout)
                if outcome.how == "exit":
                    stderr.seek(0)
                    said = stderr.read().decode(errors="replace").strip()
                    outcome.detail += f": {said}" if said else ""
                return outcome
            finally:
                _running.discard(process)
                process.kill()
                process.wait()


def _accept(listeners, process, deadline):
    conns = {}
    for name, listener in listeners.items():
        listener.settimeout(0.2)
        while name not in conns:
            try:
                conns[name] = listener.accept()[0]
            except TimeoutError:
                if process.poll() is not None or time.monotonic() > deadline:
                    return None
    return conns


def _supervise(process, conns, nonce, begin, timeout):
    selector = selectors.DefaultSelector()
    for name, conn in conns.items():
        selector.register(conn, selectors.EVENT_READ, name)
    monitor = _Monitor(conns["qmp"])
    console, report, partial = bytearray(), bytearray(), b""
    bad_at, bad_since, end_seen = None, 0, False
    deadline = begin + timeout
    scanned = 0

    def finish(how, detail):
        return Outcome(how, detail, bytes(console), bytes(report), bad_at,
                       time.monotonic() - begin)

    while True:
        for key, _ in selector.select(0.1):
            try:
                data = key.fileobj.recv(65536)
            except ConnectionResetError:  # QEMU left without reading our last command
                data = b""
            if not data:
                selector.unregister(key.fileobj)
            elif key.data == "console":
                console += data
            elif key.data == "qmp":
                monitor.feed(data)
            else:
                report += data
                *lines, partial = (partial + data).split(b"\n")
                for line in (raw.decode(errors="replace").strip() for raw in lines):
                    if match := re.match(r"#\s*host (\d+) (.+)", line):
                        monitor.later(int(match[1]), match[2])
                    elif line == f"# pvops end {nonce}":
                        end_seen = True
        monitor.run_due()
        now = time.monotonic()
        if bad_at is None:
            seen, scanned = max(0, scanned - 200), len(console)
            if EMULATOR_FAULT.search(console, seen):
                return finish("emulator", "QEMU ran a guest with Xen's instruction pointer")
            if match := BAD_CONSOLE.search(console, seen):
                bad_at, bad_since = console.rfind(b"\n", 0, match.start()) + 1, now
        elif now - bad_since > 3:
            # Long enough for the call trace; what follows a first bad line proves nothing.
            return finish("bad-console", _line_at(console, bad_at))
        if process.poll() is not None and not selector.get_map():
            if bad_at is not None:
                return finish("bad-console", _line_at(console, bad_at))
            if end_seen and process.returncode == EXIT_DONE:
                return finish("done", "")
            if monitor.shutdown == "guest-shutdown":
                return finish("poweroff", "the guest switched the machine off")
            return finish("exit", f"QEMU left with status {process.returncode} "
                          f"({monitor.shutdown}) {'after' if end_seen else 'before'} the end line")
        if now > deadline and bad_at is None:
            return finish("timeout", f"no end line after {timeout} s")


def _line_at(console, at):
    return bytes(console[at:]).split(b"\n", 1)[0].decode(errors="replace").strip()
