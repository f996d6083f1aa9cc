"""Keeps task processes forked ahead, one zygote for each environment in use.

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
# The fork itself is short, but it competes with the task that was started a moment ago.
REFILL_DELAY_S = 0.01


class _Zygote:
    def __init__(self, ahead, event_fd):
        self.ahead = ahead
        self.event_fd = event_fd
        self.idle = []
        # Attempt id to (pid, socket), and pid to attempt id.
        self.running = {}
        self.attempt_of = {}
        self.reader = framing.FrameReader(0)

    def serve(self):
        wake_read, wake_write = os.pipe()
        os.set_blocking(wake_read, False)
        os.set_blocking(wake_write, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
        self.wake_fds = (wake_read, wake_write)
        poll = select.poll()
        poll.register(0, select.POLLIN)
        poll.register(wake_read, select.POLLIN)
        self._refill()
        framing.emit(self.event_fd, event="ready")
        refill_at = None
        while True:
            timeout = None if refill_at is None else max(0.0, refill_at - time.monotonic()) * 1000
            for fd, _ in poll.poll(timeout):
                if fd == wake_read:
                    os.read(fd, 4096)
                    self._reap()
                elif not self._obey():
                    return
            while self.reader.has_frame():
                if not self._obey():
                    return
            if len(self.idle) >= self.ahead:
                refill_at = None
            elif refill_at is None:
                refill_at = time.monotonic() + REFILL_DELAY_S
            elif time.monotonic() >= refill_at:
                self._fork()

    def _obey(self):
        frame = self.reader.read()
        if frame is None:
            return False
        header, payload = frame
        if header["op"] == "run":
            if not self.idle:
                self._fork()
            pid, control = self.idle.pop(0)
            self.running[header["id"]] = (pid, control)
            self.attempt_of[pid] = header["id"]
            self._tell(control, header, payload)
        elif header["op"] == "stop" and header["id"] in self.running:
            self._tell(self.running[header["id"]][1], header)
        return True

    def _tell(self, control, header, payload=b""):
        try:
            framing.write_frame(control.fileno(), header, payload)
        except OSError:
            pass  # the monitor died; its end is noticed and reported when it is reaped

    def _refill(self):
        while len(self.idle) < self.ahead:
            self._fork()

    def _fork(self):
        ours, theirs = socket.socketpair()
        pid = os.fork()
        if pid != 0:
            theirs.close()
            self.idle.append((pid, ours))
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
        for _, control in [*self.idle, *self.running.values()]:
            control.close()
        for fd in self.wake_fds:
            os.close(fd)
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)
        os.close(null)

    def _reap(self):
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            attempt = self.attempt_of.pop(pid, None)
            if attempt is None:
                for entry in [entry for entry in self.idle if entry[0] == pid]:
                    entry[1].close()
                    self.idle.remove(entry)
                continue
            self.running.pop(attempt)[1].close()
            if status != 0:
                framing.emit(self.event_fd, event="lost", id=attempt)


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
    component.baseline = frozenset(sys.modules)
    gc.collect()
    gc.freeze()
    _Zygote(options.ahead, event_fd).serve()
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
