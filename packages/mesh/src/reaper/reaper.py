"""The parent of every process of a mesh. Started with `python3 -I -S reaper.py`.

It has two duties. It starts, signals and reports on processes for the supervisor, over lines of
JSON on stdin and stdout. And it leaves nothing behind: as a subreaper it inherits whatever its
descendants orphan, however they daemonize, and when its stdin closes (the supervisor is gone,
even by SIGKILL) it ends everything within FAREWELL_S.

    -> {"op": "spawn", "id", "argv", "env", "cwd", "log", "log_bytes_max", "logs_kept",
        "uid"?, "gid"?, "stop_signal"?, "sweep"?}
    -> {"op": "signal", "id", "signal": "TERM"}
    <- {"event": "ready", "pid"} | {"event": "busy", "holder"} | {"event": "unlockable", "message"}
    <- {"event": "spawned", "id", "pid"} | {"event": "failed", "id", "message"}
    <- {"event": "exited", "id", "pid", "code", "signal", "tail"}

With `--lock FILE` it holds a lock for as long as it lives, which is as long as anything that it
started; the file names the supervisor. A lock that another holds is waited for only when that
one's supervisor is gone.

`sweep` marks a process (a worker) whose descendants must not outlive it.

`reaper.py --alone -- COMMAND...` is the same for one worker that has no supervisor: it forwards
TERM and INT, ends everything when its stdin is a pipe that closes, and exits as COMMAND did.
"""

import ctypes
import fcntl
import json
import os
import select
import signal
import stat
import subprocess
import sys
import time

PR_SET_CHILD_SUBREAPER = 36
GRACE_S = 3.0
LOCK_S = 8.0
FAREWELL_S = 4.5
SWEEP_S = 2.0
POLL_S = 0.01
READ_BYTES = 65536
TAIL_BYTES = 2048
COMMAND_BYTES_MAX = 1 << 20


class LogFile:
    """Appends to a file and starts a new one when it is full, keeping a fixed number of old ones."""

    def __init__(self, path, bytes_max, kept):
        self.path, self.bytes_max, self.kept = path, bytes_max, kept
        self.tail = b""
        self.fd = self._open()
        self.size = os.fstat(self.fd).st_size

    def _open(self):
        return os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def write(self, data):
        self.tail = (self.tail + data)[-TAIL_BYTES:]
        try:
            if self.size + len(data) > self.bytes_max and self.size > 0:
                self._rotate()
            self.size += os.write(self.fd, data)
        except OSError:
            # A full disk must not stop the process that logs; its line is lost.
            pass

    def _rotate(self):
        for number in range(self.kept - 1, 0, -1):
            older = "%s.%d" % (self.path, number)
            if os.path.exists(older):
                os.replace(older, "%s.%d" % (self.path, number + 1))
        os.replace(self.path, self.path + ".1")
        full, self.fd = self.fd, self._open()
        self.size = 0
        # Last: a number that is closed may be another file's by the time of the next write.
        os.close(full)

    def close(self):
        os.close(self.fd)


class Child:
    def __init__(self, pid, command, log, pipe):
        self.pid, self.log, self.pipe = pid, log, pipe
        self.id = command["id"]
        self.stop_signal = number_of(command.get("stop_signal", "TERM"))
        self.sweep = command.get("sweep", False)


def number_of(name):
    return getattr(signal, "SIG" + name)


def spawn(command, output):
    """Forks and executes in a session of its own. Raises OSError when that is not possible."""
    failed_read, failed_write = os.pipe()
    try:
        pid = os.fork()
    except OSError:
        os.close(failed_read)
        os.close(failed_write)
        raise
    if pid == 0:
        try:
            enter_child(command, output)
        except BaseException as error:
            os.write(failed_write, str(error).encode())
        os._exit(127)
    os.close(failed_write)
    with os.fdopen(failed_read, "rb") as pipe:
        message = pipe.read().decode()
    if message:
        os.waitpid(pid, 0)
        raise OSError(message)
    return pid


def enter_child(command, output):
    os.setsid()
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGPIPE, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    if output is not None:
        os.dup2(output, 1)
        os.dup2(output, 2)
    if command.get("uid") is not None:
        os.setgroups([])
        os.setgid(command["gid"])
        os.setuid(command["uid"])
    os.chdir(command.get("cwd") or "/")
    env = command.get("env")
    env = dict(os.environ) if env is None else env
    os.execvpe(command["argv"][0], command["argv"], env)


def parents():
    """The parent of every process of this machine, by pid."""
    if not os.path.isdir("/proc/self"):
        listing = subprocess.run(["ps", "-axo", "pid=,ppid="], capture_output=True, text=True)
        pairs = (line.split() for line in listing.stdout.splitlines())
        return {int(pid): int(parent) for pid, parent in pairs}
    found = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open("/proc/%s/stat" % name, "rb") as file:
                    # The command in parentheses may hold anything, spaces and parentheses too.
                    fields = file.read().rpartition(b")")[2].split()
            except OSError:
                continue
            if fields[0] != b"Z":
                found[int(name)] = int(fields[1])
    return found


def descendants(roots, parent_of):
    children = {}
    for pid, parent in parent_of.items():
        children.setdefault(parent, []).append(pid)
    found, left = [], list(roots)
    while left:
        pid = left.pop()
        found.append(pid)
        left.extend(children.get(pid, ()))
    return found


def kill(pid, number, group=False):
    try:
        os.killpg(pid, number) if group else os.kill(pid, number)
    except OSError:
        # It is gone already, which is what was wanted.
        pass


class Reaper:
    def __init__(self):
        self.by_pid = {}
        self.exits = []
        self.stopping = False
        become_subreaper()
        self.wake_read, wake_write = os.pipe()
        os.set_blocking(self.wake_read, False)
        os.set_blocking(wake_write, False)
        signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)

    def reap(self):
        """Collects whoever ended: children of ours, and orphans that came to us."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            child = self.by_pid.pop(pid, None)
            if child is not None:
                self.exits.append((child, status))

    def orphans(self):
        parent_of = parents()
        me = os.getpid()
        roots = [
            pid for pid, parent in parent_of.items() if parent == me and pid not in self.by_pid
        ]
        return descendants(roots, parent_of)

    def sweep(self):
        """Kills every orphan, and what those orphan in turn, until there are none."""
        end = time.monotonic() + SWEEP_S
        while time.monotonic() < end:
            self.reap()
            found = self.orphans()
            if not found:
                return
            for pid in found:
                kill(pid, signal.SIGKILL)
            time.sleep(POLL_S)

    def end_all(self, wait=lambda: time.sleep(POLL_S)):
        """Asks all to stop, then kills: nothing is left FAREWELL_S later."""
        start = time.monotonic()
        for child in list(self.by_pid.values()):
            kill(child.pid, child.stop_signal)
        while time.monotonic() - start < FAREWELL_S:
            self.reap()
            if not self.by_pid:
                self.sweep()
                return
            if time.monotonic() - start > GRACE_S:
                for pid in descendants(list(self.by_pid), parents()) + self.orphans():
                    kill(pid, signal.SIGKILL)
                for pid in list(self.by_pid):
                    kill(pid, signal.SIGKILL, group=True)
            wait()


def become_subreaper():
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


class Served(Reaper):
    """The reaper of a supervisor."""

    def __init__(self):
        super().__init__()
        self.received = b""
        self.logs = {}
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self.on_signal)

    def on_signal(self, *_):
        self.stopping = True

    def run(self, first_event):
        self.tell(first_event)
        while not self.stopping:
            self.turn(None)
            self.reap()
            self.report()
        self.end_all(lambda: self.turn(POLL_S))
        self.report()

    def turn(self, timeout_s):
        stdin = [] if self.stopping else [0]
        ready, _, _ = select.select([*stdin, self.wake_read, *self.logs], [], [], timeout_s)
        for fd in ready:
            if fd == 0:
                self.read_commands()
            elif fd == self.wake_read:
                drain(fd)
            else:
                self.copy(fd)

    def copy(self, fd):
        data = os.read(fd, READ_BYTES)
        if data:
            self.logs[fd].write(data)
        else:
            self.logs.pop(fd).close()
            os.close(fd)

    def read_commands(self):
        data = os.read(0, READ_BYTES)
        self.received += data
        if not data or len(self.received) > COMMAND_BYTES_MAX:
            self.stopping = True
            return
        *lines, self.received = self.received.split(b"\n")
        for line in lines:
            command = json.loads(line)
            if command["op"] == "spawn":
                self.spawn(command)
            else:
                self.signal(command)

    def spawn(self, command):
        opened = []
        try:
            log = LogFile(command["log"], command["log_bytes_max"], command["logs_kept"])
            opened.append(log.fd)
            pipe, output = os.pipe()
            opened += [pipe, output]
            pid = spawn(command, output)
        except OSError as error:
            for fd in opened:
                os.close(fd)
            self.tell({"event": "failed", "id": command["id"], "message": str(error)})
            return
        os.close(output)
        self.logs[pipe] = log
        self.by_pid[pid] = Child(pid, command, log, pipe)
        self.tell({"event": "spawned", "id": command["id"], "pid": pid})

    def signal(self, command):
        for child in list(self.by_pid.values()):
            if child.id == command["id"]:
                kill(child.pid, number_of(command["signal"]))

    def report(self):
        """Tells of the ended ones, each after its last output and, where asked, its sweep."""
        while self.exits:
            child, status = self.exits.pop(0)
            if child.sweep:
                self.sweep()
            while child.pipe in self.logs and select.select([child.pipe], [], [], 0)[0]:
                self.copy(child.pipe)
            code = os.waitstatus_to_exitcode(status)
            self.tell(
                {
                    "event": "exited",
                    "id": child.id,
                    "pid": child.pid,
                    "code": code if code >= 0 else None,
                    "signal": signal.Signals(-code).name if code < 0 else None,
                    "tail": child.log.tail.decode(errors="replace"),
                }
            )

    def tell(self, event):
        try:
            os.write(1, json.dumps(event).encode() + b"\n")
        except OSError:
            # The supervisor is gone: its closed stdin says so too.
            pass


class Alone(Reaper):
    """The reaper of one worker without a supervisor."""

    def __init__(self, argv):
        super().__init__()
        self.signals = 0
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self.on_signal)
        self.pid = spawn({"id": "worker", "argv": argv, "cwd": os.getcwd()}, None)
        self.by_pid[self.pid] = Child(self.pid, {"id": "worker"}, None, None)

    def on_signal(self, *_):
        # Only counted: one may come while the worker is being forked.
        self.signals += 1

    def pass_on(self, passed):
        """The first signal asks the worker to stop in order; the second ends it."""
        for count in range(passed, self.signals):
            kill(self.pid, signal.SIGTERM if count == 0 else signal.SIGKILL)
        return self.signals

    def run(self):
        passed = 0
        mode = os.fstat(0).st_mode
        watched = [0] if stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) else []
        while self.by_pid:
            ready, _, _ = select.select([*watched, self.wake_read], [], [])
            drain(self.wake_read)
            passed = self.pass_on(passed)
            if 0 in ready and not os.read(0, READ_BYTES):
                self.end_all()
                break
            self.reap()
        self.sweep()
        code = os.waitstatus_to_exitcode(self.exits[0][1]) if self.exits else -signal.SIGKILL
        return code if code >= 0 else 128 - code


def drain(fd):
    try:
        while os.read(fd, READ_BYTES):
            pass
    except BlockingIOError:
        pass


def take_lock(path):
    """Returns the event to tell: ready, or who holds the lock."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    end = time.monotonic() + LOCK_S
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            holder = int(os.pread(fd, 32, 0) or b"0")
            if time.monotonic() > end or is_alive(holder):
                return {"event": "busy", "holder": holder}
            time.sleep(POLL_S)
        except OSError as error:
            return {"event": "unlockable", "message": str(error)}
    os.ftruncate(fd, 0)
    os.pwrite(fd, str(os.getppid()).encode(), 0)
    return {"event": "ready", "pid": os.getpid()}


def is_alive(pid):
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return pid > 0


def close_inherited():
    """Somebody's pipe, inherited and passed on, would never close while the mesh is up."""
    for name in os.listdir("/dev/fd"):
        if int(name) > 2:
            try:
                os.close(int(name))
            except OSError:
                # The descriptor of this very listing.
                pass


def run_to_the_end(reaper, *arguments):
    """Whatever goes wrong in here, nothing is left behind."""
    try:
        return reaper.run(*arguments)
    except BaseException:
        reaper.end_all()
        raise


def main(arguments):
    close_inherited()
    if arguments[:2] == ["--alone", "--"]:
        sys.exit(run_to_the_end(Alone(arguments[2:])))
    if arguments[:1] == ["--lock"]:
        event = take_lock(arguments[1])
    elif arguments:
        sys.exit("usage: reaper.py [--lock FILE] | --alone -- COMMAND...")
    else:
        event = {"event": "ready", "pid": os.getpid()}
    run_to_the_end(Served(), event)


if __name__ == "__main__":
    main(sys.argv[1:])
