"""Starts a real zygote and speaks to it as the worker does."""

import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
DEADLINE_S = 30


class Zygote:
    def __init__(self, *options, env=None):
        code = "import sys; sys.path.insert(0, %r)\nfrom tidemill_worker import zygote; zygote.main()"
        self.home = tempfile.mkdtemp(prefix="tidemill-zygote-")
        self.process = subprocess.Popen(
            [sys.executable, "-s", "-c", code % ROOT, "--ahead", "2", *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={"PATH": os.environ["PATH"], "HOME": self.home, "PYTHONUNBUFFERED": "1", **(env or {})},
            start_new_session=True,
        )
        self.events = []
        self.buffer = b""

    def close(self):
        self.process.stdin.close()
        self.process.wait(DEADLINE_S)
        self.process.stdout.close()
        shutil.rmtree(self.home, ignore_errors=True)

    def send(self, header, payload=None):
        data = b"" if payload is None else json.dumps(payload).encode()
        line = json.dumps({**header, "bytes": len(data)}).encode()
        self.process.stdin.write(line + b"\n" + data)
        self.process.stdin.flush()

    def execute(self, attempt_id, argv, env=None, **limits):
        env = env or {"PATH": os.environ["PATH"]}
        self.run(attempt_id, {"mode": "exec", "argv": argv, "env": env}, **limits)

    def run(self, attempt_id, payload, **limits):
        cwd = os.path.join(self.home, attempt_id)
        os.makedirs(cwd)
        header = {
            "op": "run",
            "id": attempt_id,
            "stdout": cwd + ".stdout",
            "stderr": cwd + ".stderr",
            **limits,
        }
        self.send(header, {"cwd": cwd, **payload})

    def output(self, attempt_id, stream="stdout"):
        """What the task has printed so far."""
        path = os.path.join(self.home, attempt_id + "." + stream)
        if not os.path.exists(path):
            return ""
        with open(path, "rb") as file:
            return file.read().decode()

    def wait(self, name, attempt_id=None):
        """The first event of that name (and attempt), as soon as it is there."""
        deadline = time.monotonic() + DEADLINE_S
        while True:
            for event in self.events:
                if event["event"] == name and event.get("id") == attempt_id:
                    return event
            ready, _, _ = select.select([self.process.stdout], [], [], deadline - time.monotonic())
            if not ready:
                raise AssertionError("no event %s, only %r" % (name, self.events))
            data = os.read(self.process.stdout.fileno(), 65536)
            if not data:
                raise AssertionError("the zygote ended; events: %r" % self.events)
            *lines, self.buffer = (self.buffer + data).split(b"\n")
            self.events.extend(json.loads(line) for line in lines)


def until(condition, what):
    deadline = time.monotonic() + DEADLINE_S
    pause = select.poll()
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError("never came: " + what)
        pause.poll(10)


def is_alive(pid):
    try:
        with open("/proc/%d/stat" % pid, "rb") as file:
            return file.read().rsplit(b")", 1)[1].split()[0] != b"Z"
    except OSError:
        return False
