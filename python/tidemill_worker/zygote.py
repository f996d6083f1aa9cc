"""Keeps monitors, each with a task process forked ahead; one zygote for each environment in use.

`python -c "...zygote.main()" --ahead N [--component] [--imports FILE]`: frames (framing.py) come in
on standard input, events go out on standard output. The end of standard input ends everything
below: idle children are let go, running tasks are killed by their monitors.
"""

import argparse
import gc
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


class _Zygote:
    def __init__(self, ahead, event_fd):
        self.ahead = ahead
        self.event_fd = event_fd
        self.idle = []
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
        framing.emit(self.event_fd, event="ready")
        while True:
            # A monitor that runs comes back, so a refill is only for those that died or a burst.
            missing = self.ahead - len(self.by_pid)
            for fd, _ in self.poll.poll(REFILL_DELAY_S * 1000 if missing > 0 else None):
                if fd == wake_read:
                    os.read(fd, 4096)
                    self._reap()
                elif fd in self.by_fd:
                    self._welcome_back(self.by_fd[fd])
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
            if not self.idle:
                self._fork()
            monitor_ = self.idle.pop(0)
            monitor_.attempt = header["id"]
            self.by_attempt[header["id"]] = monitor_
            self._tell(monitor_, header, payload)
        elif header["op"] == "stop" and header["id"] in self.by_attempt:
            self._tell(self.by_attempt[header["id"]], header)
        return True

    def _tell(self, monitor_, header, payload=b""):
        try:
            framing.write_frame(monitor_.control.fileno(), header, payload)
        except OSError:
            pass  # the monitor died; its end is noticed and reported when it is reaped

    def _welcome_back(self, monitor_):
        """A monitor's task is over and the next one forked. Too many monitors: it may go."""
        try:
            alive = bool(monitor_.control.recv(1))
        except OSError:
            alive = False
        self.by_attempt.pop(monitor_.attempt, None)
        if alive:
            monitor_.attempt = None
        if alive and len(self.idle) < self.ahead:
            self.idle.append(monitor_)
            return
        self.poll.unregister(monitor_.control)
        del self.by_fd[monitor_.control.fileno()]
        monitor_.control.close()

    def _fork(self):
        ours, theirs = socket.socketpair()
        pid = os.fork()
        if pid != 0:
            theirs.close()
            monitor_ = _Monitor(pid, ours)
            self.by_pid[pid] = monitor_
            self.by_fd[ours.fileno()] = monitor_
            self.poll.register(ours, select.POLLIN)
            self.idle.append(monitor_)
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
            if self.by_fd.pop(monitor_.control.fileno(), None) is not None:
                self.poll.unregister(monitor_.control)
                monitor_.control.close()
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
    component.baseline = frozenset(sys.modules)
    gc.collect()
    gc.freeze()
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
