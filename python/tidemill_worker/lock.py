"""Holds a lock on a file until standard input ends: `python lock.py FILE [--now]`.

The kernel lets go of it when this process or the one that started it is killed. At an orderly end
the file goes, too. With `--now` it is not waited for: exit code 1 when somebody else has it.
"""

import fcntl
import os
import sys


def main():
    path = sys.argv[1]
    mode = fcntl.LOCK_EX | (fcntl.LOCK_NB if "--now" in sys.argv else 0)
    try:
        take(path, mode)
    except BlockingIOError:
        sys.exit(1)
    sys.stdout.write("locked\n")
    sys.stdout.flush()
    while os.read(0, 4096):
        pass
    os.unlink(path)


def take(path, mode):
    """Until the file that is locked is the one that others will find."""
    while True:
        file = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
        fcntl.flock(file, mode)
        try:
            if os.path.samestat(os.fstat(file), os.stat(path)):
                return
        except FileNotFoundError:
            pass  # whoever held it has just removed it
        os.close(file)


if __name__ == "__main__":
    main()
