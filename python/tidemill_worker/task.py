"""The process of a task, from the fork to the first line of what the user wrote."""

import json
import os
import resource
import signal
import sys
import threading

from tidemill_worker import component, kernel

# Container runtimes give about this many; the hard limit of the machine caps it. macOS refuses more
# than its OPEN_MAX, whatever it calls its hard limit.
OPEN_FILES_MAX = 65536 if sys.platform == "linux" else 10240
# When memory runs out the kernel takes a task before it takes a database.
OOM_SCORE_ADJ = 500
_UMASK = 0o022
_RESET_SIGNALS = [
    number
    for number in signal.valid_signals()
    if number not in (signal.SIGKILL, signal.SIGSTOP)
]


def _limits():
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    soft = OPEN_FILES_MAX if hard == resource.RLIM_INFINITY else min(hard, OPEN_FILES_MAX)
    return soft, hard


LIMITS_IN_FORCE = ["core=0", "nofile=%d" % _limits()[0], "umask=%03o" % _UMASK]
if sys.platform == "linux":
    LIMITS_IN_FORCE.append("oom_score_adj=%d" % OOM_SCORE_ADJ)


def wait_and_run(request_fd, output_fds, done_fd, monitor_pid):
    """Prepares all that is the same for every task, waits for the request, runs it. No return."""
    code = 1
    try:
        # Standard output still leads nowhere, so a rehearsal is not heard.
        component.get_ready()
        _prepare((request_fd, done_fd), output_fds, monitor_pid)
        request = _read_request(request_fd)
        if request is None:
            os._exit(1)
        os.chdir(request["cwd"])
        if request["mode"] == "exec":
            code = _execute(request)
        else:
            done = _identity(done_fd)
            code = component.run(request)
            _announce_end(done_fd, done, code)
    except BaseException:
        # Ours, not the user's: they get it on their stderr all the same, for want of a better
        # place.
        sys.excepthook(*sys.exc_info())
    finally:
        os._exit(code)


def _announce_end(done_fd, done, code):
    """Tells the monitor how this process ends, a moment before it does.

    The kernel takes a while to take its memory back, and nobody has to wait for that: what the task
    had to say and to write is there. Not when something might be left that goes on, nor in a child
    that user code has forked, nor into whatever user code has under that number by now.
    """
    if _identity(done_fd) != done:
        return
    if threading.active_count() > 1:
        return
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        os.write(done_fd, bytes([code & 0xFF]))


def _identity(fd):
    """Tells this process from its children, and the file of a number from a later one."""
    try:
        found = os.fstat(fd)
    except OSError:
        return None
    return os.getpid(), found.st_dev, found.st_ino


def _prepare(kept_fds, output_fds, monitor_pid):
    os.setsid()
    kernel.die_with_parent(monitor_pid)
    signal.set_wakeup_fd(-1)
    for number in _RESET_SIGNALS:
        try:
            signal.signal(number, signal.SIG_DFL)
        except (OSError, ValueError):
            pass  # the C library keeps two of the real-time signals for itself
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    for number, output_fd in enumerate(output_fds, 1):
        os.dup2(output_fd, number)
    _close_all_but(kept_fds)
    os.umask(_UMASK)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, _limits())
    try:
        with open("/proc/self/oom_score_adj", "w") as file:
            file.write(str(OOM_SCORE_ADJ))
    except OSError:
        pass  # no such thing here, or a sandbox forbids it


def _close_all_but(kept_fds):
    start = 3
    for kept in sorted(kept_fds):
        os.closerange(start, kept)
        start = kept + 1
    os.closerange(start, max(start, 1024))


def _read_request(fd):
    parts = []
    while True:
        data = os.read(fd, 1 << 20)
        if not data:
            break
        parts.append(data)
    os.close(fd)
    return json.loads(b"".join(parts)) if parts else None


def _execute(request):
    argv, env = request["argv"], request["env"]
    try:
        os.execvpe(argv[0], argv, env)
    except FileNotFoundError:
        message, code = "command not found", 127
    except OSError as error:
        message, code = error.strerror or str(error), 126
    os.write(2, ("tidemill: %s: %s\n" % (argv[0], message)).encode())
    return code
