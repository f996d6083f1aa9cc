"""Watches one task: carries its output to files, waits for its end, leaves nothing of it behind.

A monitor has the process of its next task forked ahead and waits for a `run` frame. One task at a
time: whatever is below a monitor belongs to its task. When its control socket closes, the worker or
the zygote is gone, and the task is killed at once.
"""

import errno
import os
import select
import signal
import socket
import sys
import time

from tidemill_worker import framing, kernel, task

# What a task left running after its own end gets this long between TERM and KILL.
LEFTOVER_GRACE_S = 0.5
KILL_REPEAT_S = 0.02
# How often a task with a memory limit is measured.
MEMORY_LOOK_S = 0.1
OUTPUT_READ_BYTES = 1 << 18
# After a small read the rest of a burst is waited for, so that each line does not cost a wake-up.
OUTPUT_PAUSE_S = 0.01
OUTPUT_SMALL_BYTES = 1 << 16
# One stream of one attempt; what comes after is dropped, so that no task fills the disk.
OUTPUT_BYTES_MAX = 8 << 30
# A task that is over before this is heard of once: nobody is woken while it has work to do.
STARTED_DELAY_S = 0.005
_PIPE_BYTES = 1 << 20
_F_SETPIPE_SZ = 1031


# Comes with the descriptor into which the next task's request goes.
IDLE = b"i"


def watch(control, event_fd):
    """The life of a monitor: one task after the other until the control socket closes."""
    kernel.become_subreaper()
    wake_read, wake_write = os.pipe()
    os.set_blocking(wake_write, False)
    os.set_blocking(wake_read, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
    reader = framing.FrameReader(control.fileno())
    while True:
        pid, request_write, done_read, outputs = _fork_ahead()
        try:
            # The zygote writes requests straight into the task's pipe: one wake-up less for a task.
            socket.send_fds(control, [IDLE], [request_write])
        except OSError:
            kernel.signal_all([pid], signal.SIGKILL)
            return  # the zygote has gone, or has enough of us
        os.close(request_write)
        frame = reader.read()
        if frame is None:
            kernel.signal_all([pid], signal.SIGKILL)
            return
        header = frame[0]
        attempt = _Attempt(header["id"], pid, event_fd, reader, wake_read)
        attempt.run(header, outputs, done_read)
        os.close(done_read)
        if attempt.is_orphaned:
            return


def _fork_ahead():
    request_read, request_write = os.pipe()
    done_read, done_write = os.pipe()
    pipes = [os.pipe(), os.pipe()]
    for read_end, _ in pipes:
        _enlarge(read_end)
        os.set_blocking(read_end, False)
    monitor_pid = os.getpid()
    pid = os.fork()
    if pid == 0:
        task.wait_and_run(request_read, [end for _, end in pipes], done_write, monitor_pid)
    for end in (request_read, done_write, *(write_end for _, write_end in pipes)):
        os.close(end)
    return pid, request_write, done_read, [read_end for read_end, _ in pipes]


class _Attempt:
    def __init__(self, attempt_id, pid, event_fd, reader, wake_fd):
        self.id = attempt_id
        self.pid = pid
        self.event_fd = event_fd
        self.reader = reader
        self.wake_fd = wake_fd
        self.status = None
        self.done_fd = None
        self.is_reported = False
        # That it has started, until that was said, and when to say so at the latest.
        self.unsaid = b""
        self.say_at = None
        self.children_left = True
        self.leftovers = 0
        self.stopped = False
        # When to send KILL next; None while nothing needs it.
        self.kill_at = None
        # What it may use, when to look again, and what it used when that was too much.
        self.memory_max = None
        self.look_at = None
        self.memory = 0
        self.is_orphaned = False
        self.pause = False
        self.spools = {}
        self.poll = select.poll()
        # Everything but output.
        self.quiet_poll = select.poll()

    def run(self, header, outputs, done_fd):
        self.done_fd = done_fd
        at = int(time.time() * 1000)
        started = {"event": "started", "id": self.id, "pid": self.pid, "at": at}
        limits = task.LIMITS_IN_FORCE + self._limit_memory(header.get("memory"))
        self.unsaid = framing.line_of({**started, "limits": limits})
        self.say_at = time.monotonic() + STARTED_DELAY_S
        for name, read_end in zip(("stdout", "stderr"), outputs):
            self.spools[read_end] = _Spool(header[name])
            self.poll.register(read_end, select.POLLIN)
        for poll in (self.poll, self.quiet_poll):
            poll.register(self.wake_fd, select.POLLIN)
            poll.register(self.reader.fd, select.POLLIN)
            poll.register(done_fd, select.POLLIN)
        while self.children_left:
            self._step()
        if not self.is_reported:
            signaled = os.WIFSIGNALED(self.status)
            self._report(_exit_code(self.status), os.WTERMSIG(self.status) if signaled else 0)
        for read_end, spool in self.spools.items():
            os.close(read_end)
            os.close(spool.fd)

    def _limit_memory(self, memory_max):
        if memory_max is None or sys.platform != "linux":
            return []
        self.memory_max = memory_max
        self.look_at = time.monotonic() + MEMORY_LOOK_S
        return ["memory=%d" % memory_max]

    def _look_at_memory(self):
        used = kernel.memory_used(kernel.descendants(os.getpid()), self.memory_max)
        self.look_at = time.monotonic() + MEMORY_LOOK_S
        if used > self.memory_max:
            self.memory = used
            self.look_at = None
            self._end(0)

    def _report(self, code, signal_number):
        self.is_reported = True
        self._drain()
        stdout, stderr = (spool.size for spool in self.spools.values())
        exited = {
            "event": "exited",
            "id": self.id,
            "code": code,
            "signal": signal_number,
            "stopped": self.stopped,
            "leftovers": self.leftovers,
            "stdout": stdout,
            "stderr": stderr,
            "memory": self.memory,
            "dropped": sum(spool.dropped for spool in self.spools.values()),
        }
        self._say(framing.line_of(exited))

    def _say(self, line=b""):
        framing.write_event(self.event_fd, self.unsaid + line)
        self.unsaid = b""
        self.say_at = None

    def _step(self):
        poll, timeout = self.poll, None
        if self.pause:
            self.pause = False
            poll, timeout = self.quiet_poll, OUTPUT_PAUSE_S * 1000
        for at in (self.kill_at, self.say_at, self.look_at):
            if at is not None:
                until = max(0.0, at - time.monotonic()) * 1000
                timeout = until if timeout is None else min(timeout, until)
        for fd, _ in poll.poll(timeout):
            if fd == self.wake_fd:
                _empty(fd)
                self._reap()
            elif fd == self.reader.fd:
                self._obey()
            elif fd == self.done_fd:
                self._hear_end()
            else:
                self._copy(fd)
        if self.say_at is not None and time.monotonic() >= self.say_at:
            self._say()
        if self.look_at is not None and time.monotonic() >= self.look_at:
            self._look_at_memory()
        if self.kill_at is not None and time.monotonic() >= self.kill_at:
            kernel.signal_all(kernel.descendants(os.getpid()), signal.SIGKILL)
            self.kill_at = time.monotonic() + KILL_REPEAT_S

    def _obey(self):
        frame = self.reader.read()
        if frame is None:
            # Nobody is left to tell. TERM would give the task time that nobody waits for.
            self.is_orphaned = True
            for poll in (self.poll, self.quiet_poll):
                poll.unregister(self.reader.fd)
            self._end(0)
            return
        if frame[0]["op"] == "stop":
            self.stopped = True
            self._end(frame[0]["graceMs"] / 1000)

    def _hear_end(self):
        """The task is about to end, if it has not been stopped first, or ran another program."""
        for poll in (self.poll, self.quiet_poll):
            poll.unregister(self.done_fd)
        code = os.read(self.done_fd, 1)
        if code and not self.stopped and not self.memory and kernel.children() == [self.pid]:
            self._report(code[0], 0)

    def _end(self, grace_s):
        if grace_s > 0:
            kernel.signal_all(kernel.descendants(os.getpid()), signal.SIGTERM)
        at = time.monotonic() + grace_s
        self.kill_at = at if self.kill_at is None else min(self.kill_at, at)

    def _reap(self):
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                self.children_left = False
                return
            if pid == 0:
                break
            if pid == self.pid:
                self.status = status
        if self.status is not None and self.leftovers == 0:
            # The task is over and something it started is not: orphans are our children by now.
            self.leftovers = len(kernel.descendants(os.getpid()))
            self._end(LEFTOVER_GRACE_S)

    def _copy(self, fd):
        data = os.read(fd, OUTPUT_READ_BYTES)
        if data:
            self.spools[fd].write(data)
            self.pause = len(data) < OUTPUT_SMALL_BYTES
        else:
            self.poll.unregister(fd)

    def _drain(self):
        """Takes what is left in the pipes. Nobody writes any more."""
        for fd, spool in self.spools.items():
            try:
                while data := os.read(fd, OUTPUT_READ_BYTES):
                    spool.write(data)
            except BlockingIOError:
                pass  # its writer is not gone yet


class _Spool:
    """A file that takes all that is written. A full disk costs output, never the task."""

    def __init__(self, path):
        self.fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self.size = 0
        self.dropped = 0

    def write(self, data):
        view = memoryview(data)[: OUTPUT_BYTES_MAX - self.size]
        self.dropped += len(data) - len(view)
        while view:
            try:
                written = os.write(self.fd, view)
            except OSError as error:
                if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EIO):
                    self.dropped += len(view)
                    return
                raise
            self.size += written
            view = view[written:]


def _enlarge(pipe):
    try:
        import fcntl

        fcntl.fcntl(pipe, _F_SETPIPE_SZ, _PIPE_BYTES)
    except OSError:
        pass  # a smaller pipe works as well, only slower


def _empty(fd):
    try:
        while os.read(fd, 4096):
            pass
    except BlockingIOError:
        pass


def _exit_code(status):
    return os.WEXITSTATUS(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status)
