"""What the kernel offers beyond Python's own modules: process control by prctl, and /proc."""

import array
import ctypes
import errno
import os
import signal
import subprocess
import sys

_PR_SET_PDEATHSIG = 1
_MADV_POPULATE_WRITE = 23
_PAGE_PRESENT = 1 << 63
_PAGE_EXCLUSIVE = 1 << 56
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


def children():
    """Pids of this process' own children; None where the kernel does not say."""
    try:
        with open("/proc/self/task/%d/children" % os.getpid(), "rb") as file:
            return [int(pid) for pid in file.read().split()]
    except OSError:
        return None


def own_pages(pid):
    """Ranges (address, length) of what a process has written to since it was forked.

    Whoever it was forked from must be alive and must not have written since: what both still share
    is left out.
    """
    size = os.sysconf("SC_PAGE_SIZE")
    ranges = []
    with open("/proc/%d/maps" % pid) as maps, open("/proc/%d/pagemap" % pid, "rb", 0) as pagemap:
        for line in maps.readlines():
            span, flags = line.split(None, 2)[:2]
            if flags != "rw-p":
                continue
            start, end = (int(part, 16) for part in span.split("-"))
            pagemap.seek(start // size * 8)
            pages = array.array("Q", pagemap.read((end - start) // size * 8))
            for index, page in enumerate(pages):
                if not (page & _PAGE_PRESENT and page & _PAGE_EXCLUSIVE):
                    continue
                at = start + index * size
                if ranges and at == sum(ranges[-1]):
                    ranges[-1] = (ranges[-1][0], ranges[-1][1] + size)
                else:
                    ranges.append((at, size))
    return ranges


def populate(ranges):
    """Has pages of its own where a fork left shared ones. False where the kernel cannot."""
    for address, length in ranges:
        if _libc.madvise(ctypes.c_void_p(address), ctypes.c_size_t(length), _MADV_POPULATE_WRITE):
            # A part that is not mapped here any more (ENOMEM) is not missed either.
            if ctypes.get_errno() == errno.EINVAL:
                return False
    return True


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


def memory_used(pids, limit):
    """Bytes that processes hold together. What they share counts once where it matters: when the
    quick sum is over `limit`. Pages of files, which the kernel may drop, do not count then either.
    """
    quick = sum(_resident(pid) for pid in pids)
    return quick if quick <= limit else sum(_own_memory(pid) for pid in pids)


def _resident(pid):
    try:
        with open("/proc/%d/statm" % pid, "rb") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0  # it ended while we were looking


def _own_memory(pid):
    try:
        with open("/proc/%d/smaps_rollup" % pid, "rb") as file:
            lines = [line.split() for line in file if line.endswith(b" kB\n")]
    except OSError:
        return _resident(pid)  # it ended, or is another user's
    sizes = {words[0]: int(words[1]) * 1024 for words in lines}
    if b"Pss_Anon:" not in sizes:
        return sizes.get(b"Pss:", 0)  # a kernel before 5.4
    return sum(sizes.get(name, 0) for name in (b"Pss_Anon:", b"Pss_Shmem:", b"SwapPss:"))


def signal_all(pids, number):
    for pid in pids:
        try:
            os.kill(pid, number)
        except OSError:
            pass  # gone already, or no longer ours
