"""What the kernel offers beyond Python's own modules: process control by prctl, and /proc."""

import ctypes
import os
import signal
import subprocess
import sys

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36

_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def become_subreaper():
    """Orphaned descendants become children of this process, so that none can slip away."""
    if _libc is not None:
        _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def die_with_parent(parent):
    """The kernel kills this process when `parent` (its parent now) is gone. Survives exec."""
    if _libc is not None:
        _libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def thread_count():
    """Threads of this process, those that no Python code started included."""
    try:
        return len(os.listdir("/proc/self/task"))
    except OSError:
        return 1


def descendants(root):
    """Pids of everything below `root`, nearest first."""
    children = {}
    for pid, parent in _parents():
        children.setdefault(parent, []).append(pid)
    found, level = [], [root]
    while level:
        level = [pid for parent in level for pid in children.get(parent, [])]
        found.extend(level)
    return found


def _parents():
    if not os.path.isdir("/proc/self"):
        listing = subprocess.run(
            ["ps", "-axo", "pid=,ppid="], stdout=subprocess.PIPE, check=False
        ).stdout
        return [tuple(map(int, line.split())) for line in listing.splitlines()]
    pairs = []
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open("/proc/" + name + "/stat", "rb") as file:
                stat = file.read()
        except OSError:
            continue  # it ended while we were looking
        # The command's name stands in parentheses and may hold anything, a parenthesis too.
        pairs.append((int(name), int(stat[stat.rindex(b")") + 2 :].split()[1])))
    return pairs


def signal_all(pids, number):
    for pid in pids:
        try:
            os.kill(pid, number)
        except OSError:
            pass  # gone already, or no longer ours
