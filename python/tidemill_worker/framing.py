"""How the worker talks to a zygote and a zygote to its monitors.

A frame is one line of JSON; where it has a member `bytes`, that many bytes follow, which those who
only pass them on never parse. Events come back as lines of JSON, each short enough for a pipe to
take it whole, so that many processes may write to one.
"""

import json
import os

# A pipe takes a write of this size whole (PIPE_BUF is 4096 on Linux, 512 on macOS).
EVENT_BYTES_MAX = 512
PAYLOAD_BYTES_MAX = 512 * 1024 * 1024
_READ_BYTES = 65536


class FrameReader:
    """Takes frames from a file descriptor. `read` blocks and returns None at the end."""

    def __init__(self, fd):
        self.fd = fd
        self.buffer = bytearray()

    def has_frame(self):
        """Whether the next header is here already; its payload may still be on the way."""
        return b"\n" in self.buffer

    def read(self):
        while not self.has_frame():
            if not self._fill():
                return None
        end = self.buffer.index(b"\n")
        header = json.loads(self.buffer[:end])
        del self.buffer[: end + 1]
        size = header.get("bytes", 0)
        if not 0 <= size <= PAYLOAD_BYTES_MAX:
            raise ValueError("a payload of %d bytes is over the limit" % size)
        while len(self.buffer) < size:
            if not self._fill():
                return None
        payload = bytes(self.buffer[:size])
        del self.buffer[:size]
        return header, payload

    def _fill(self):
        try:
            data = os.read(self.fd, _READ_BYTES)
        except ConnectionError:
            return False  # the other side died with something of ours unread
        self.buffer += data
        return len(data) > 0


def write_frame(fd, header, payload=b""):
    if payload:
        header = dict(header, bytes=len(payload))
    write_all(fd, json.dumps(header).encode() + b"\n" + payload)


def write_all(fd, data):
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def emit(fd, **event):
    """Writes one event. Too long a text is cut, never split."""
    line = line_of(event)
    if len(line) > EVENT_BYTES_MAX and "message" in event:
        over = len(line) - EVENT_BYTES_MAX
        event["message"] = event["message"][: max(0, len(event["message"]) - over)]
        line = line_of(event)
    write_event(fd, line)


def line_of(event):
    return json.dumps(event).encode() + b"\n"


def write_event(fd, line):
    try:
        os.write(fd, line)
    except BrokenPipeError:
        pass  # nobody is left to tell; whoever notices that ends what runs
