"""Keeps monitors, each with a task process forked ahead; one zygote for each environment in use.

`python -c "...zygote.main()" --ahead N [--component] [--imports FILE]`: frames (framing.py) come in
on standard input, events go out on standard output. The end of standard input ends everything
below: idle children are let go, running tasks are killed by their monitors.
"""

import argparse
import importlib
import json
import os
import select
import shutil
import signal
import socket
import sys
import time
import traceback
import warnings

from tidemill_worker import component, framing, kernel, monitor

AHEAD_IMPORTS_S_MAX = 30.0
# The linear algebra of these starts threads when it is imported, and has handlers of its own that
# stop them before a fork and start them after it.
FORK_SAFE_THREADS = frozenset({"numpy", "scipy.linalg"})
# A fork is short, but it competes with the task that was started a moment ago.
REFILL_DELAY_S = 0.01


class _Monitor:
    def __init__(self, pid, control):
        self.pid = pid
        self.control = control
        # The attempt it runs; None while it waits for one.
        self.attempt = None
        # Where the request of its next task goes.
        self.request_fd = None


class _Zygote:
    def __init__(self, ahead, event_fd):
        self.ahead = ahead
        self.event_fd = event_fd
        self.idle = []
        # Runs for which no monitor waits yet.
        self.pending = []
        self.by_pid = {}
        self.by_attempt = {}
        self.by_fd = {}
        self.reader = framing.FrameReader(0)
        self.poll = select.poll()

    def serve(self):
        wake_read, wake_write = os.pipe()
        os.set_blocking(wake_read, False)
        os.set_blocking(wake_write, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
        self.wake_fds = (wake_read, wake_write)
        self.poll.register(0, select.POLLIN)
        self.poll.register(wake_read, select.POLLIN)
        for _ in range(self.ahead):
            self._fork()
        is_ready = False
        while True:
            if self.idle and not is_ready:
                is_ready = True
                framing.emit(self.event_fd, event="ready")
            # A monitor that runs comes back, so a refill is only for those that died or a burst.
            missing = self.ahead - len(self.by_pid)
            for fd, _ in self.poll.poll(REFILL_DELAY_S * 1000 if missing > 0 else None):
                if fd == wake_read:
                    os.read(fd, 4096)
                    self._reap()
                elif fd in self.by_fd:
                    self._welcome(self.by_fd[fd])
                elif not self._obey():
                    return
            while self.reader.has_frame():
                if not self._obey():
                    return
            if self.ahead > len(self.by_pid):
                self._fork()

    def _obey(self):
        frame = self.reader.read()
        if frame is None:
            return False
        header, payload = frame
        if header["op"] == "run":
            if self.idle:
                self._assign(self.idle.pop(0), header, payload)
            else:
                self.pending.append((header, payload))
                self._fork()
        elif header["op"] == "stop":
            self._stop(header)
        return True

    def _assign(self, monitor_, header, payload):
        monitor_.attempt = header["id"]
        self.by_attempt[header["id"]] = monitor_
        try:
            framing.write_all(monitor_.request_fd, payload)
        except OSError:
            pass  # it died before it began; its monitor reports its end like any other
        os.close(monitor_.request_fd)
        monitor_.request_fd = None
        self._tell(monitor_, {key: value for key, value in header.items() if key != "bytes"})

    def _stop(self, header):
        for run in self.pending:
            if run[0]["id"] == header["id"]:
                self.pending.remove(run)
                framing.emit(self.event_fd, event="lost", id=header["id"])
                return
        if header["id"] in self.by_attempt:
            monitor_ = self.by_attempt[header["id"]]
            # User code may have stopped it: it would neither hear this nor do what it says.
            kernel.signal_all([monitor_.pid], signal.SIGCONT)
            self._tell(monitor_, header)

    def _tell(self, monitor_, header):
        try:
            framing.write_frame(monitor_.control.fileno(), header)
        except OSError:
            pass  # the monitor died; its end is noticed and reported when it is reaped

    def _welcome(self, monitor_):
        """A monitor waits, its task forked. Too many of them: it may go."""
        try:
            message, fds, _, _ = socket.recv_fds(monitor_.control, 1, 1)
        except OSError:
            message, fds = b"", []
        self.by_attempt.pop(monitor_.attempt, None)
        if message and fds:
            monitor_.attempt = None
            monitor_.request_fd = fds[0]
            if self.pending:
                self._assign(monitor_, *self.pending.pop(0))
                return
            if len(self.idle) < self.ahead:
                self.idle.append(monitor_)
                return
        self._dismiss(monitor_)

    def _dismiss(self, monitor_):
        if self.by_fd.pop(monitor_.control.fileno(), None) is None:
            return
        self.poll.unregister(monitor_.control)
        monitor_.control.close()
        if monitor_.request_fd is not None:
            os.close(monitor_.request_fd)
            monitor_.request_fd = None

    def _fork(self):
        ours, theirs = socket.socketpair()
        try:
            pid = os.fork()
        except OSError:
            # No process or memory left just now. A monitor that comes back, or the next look at how
            # many are missing, helps; those that run must not suffer.
            ours.close()
            theirs.close()
            return
        if pid != 0:
            theirs.close()
            monitor_ = _Monitor(pid, ours)
            self.by_pid[pid] = monitor_
            self.by_fd[ours.fileno()] = monitor_
            self.poll.register(ours, select.POLLIN)
            return
        code = 1
        try:
            ours.close()
            self._forget_parent()
            monitor.watch(theirs, self.event_fd)
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)

    def _forget_parent(self):
        """In the child: an end of a sibling's socket kept open here would hide our parent's death."""
        signal.set_wakeup_fd(-1)
        for monitor_ in self.by_fd.values():
            monitor_.control.close()
            if monitor_.request_fd is not None:
                os.close(monitor_.request_fd)
        for fd in self.wake_fds:
            os.close(fd)
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)
        os.close(null)

    def _reap(self):
        while True:
            try:
                pid, _ = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            monitor_ = self.by_pid.pop(pid, None)
            if monitor_ is None:
                continue
            if monitor_ in self.idle:
                self.idle.remove(monitor_)
            self._dismiss(monitor_)
            if monitor_.attempt is not None:
                # It died in the middle of a task; after one it would have said that it is idle.
                self.by_attempt.pop(monitor_.attempt, None)
                framing.emit(self.event_fd, event="lost", id=monitor_.attempt)


def import_ahead(path, event_fd):
    """Imports what earlier tasks of this environment imported. False: one of them must not be."""
    with open(path, encoding="utf-8") as file:
        names = json.load(file)["modules"][: component.REMEMBERED_MODULES_MAX]
    deadline = time.monotonic() + AHEAD_IMPORTS_S_MAX
    safe = [name for name in names if name in FORK_SAFE_THREADS]
    for name in safe:
        _try_import(name)
    threads = kernel.thread_count()
    for name in names:
        if name in sys.modules:
            continue
        if time.monotonic() > deadline:
            break
        _try_import(name)
        if kernel.thread_count() > threads:
            framing.emit(event_fd, event="unsafe", module=name.partition(".")[0])
            return False
    return True


def _try_import(name):
    try:
        importlib.import_module(name)
    except BaseException:
        pass  # whoever needs it will see the error in their own process


def _take_stdout():
    """Keeps standard output for events alone: whatever else prints goes nowhere."""
    event_fd = os.dup(1)
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.close(null)
    return event_fd


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--ahead", type=int, required=True)
    parser.add_argument("--component", action="store_true")
    parser.add_argument("--imports")
    options = parser.parse_args()
    # The worker alone says when to stop; a Ctrl-C at the terminal is none of our business.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    event_fd = _take_stdout()
    if options.component and not _warm_up(options.imports, event_fd):
        return
    scratch = os.path.join(os.environ.get("HOME") or "/tmp", "rehearsal-%d" % os.getpid())
    if options.component:
        component.prepare_rehearsals(scratch)
    component.settle()
    _Zygote(options.ahead, event_fd).serve()
    shutil.rmtree(scratch, ignore_errors=True)
    # Closing the sockets by dying is what tells the monitors.
    os._exit(0)


def _warm_up(imports, event_fd):
    with warnings.catch_warnings():
        # A module warns once; that once belongs to the task that uses it.
        warnings.simplefilter("ignore")
        problem = component.warm()
        if problem is not None:
            framing.emit(event_fd, event="cold", message=problem)
        return imports is None or import_ahead(imports, event_fd)
