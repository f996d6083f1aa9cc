"""Runs a lightweight Python component of KFP as the SDK's own command would.

The SDK's command writes the component's source to a file and runs `python3 -m
kfp.dsl.executor_main` on it. Here the same module runs in this process, which has imported it
already; what user code can see of the difference (`__main__`, `sys.argv`, `sys.path`, environment,
exit) is made equal.
"""

import atexit
import gc
import importlib
import importlib.util
import io
import json
import logging
import os
import random
import signal
import sys
import sysconfig
import threading
import time
import types

from tidemill_worker import framing, kernel

EXECUTOR_MODULE = "kfp.dsl.executor_main"
COMPONENT_FILE = "ephemeral_component.py"
COMPONENT_MODULE = "ephemeral_component"
REMEMBERED_MODULES_MAX = 2000
_PREFIXES = {
    "minio": "_MINIO_LOCAL_MOUNT_PREFIX",
    "s3": "_S3_LOCAL_MOUNT_PREFIX",
    "gcs": "_GCS_LOCAL_MOUNT_PREFIX",
    "oci": "_OCI_LOCAL_MOUNT_PREFIX",
}
_OWN_DIRECTORY = os.path.dirname(os.path.abspath(__file__))
# What is there before user code runs; a zygote sets it once it is warm.
baseline = frozenset()
# Where a zygote rehearses; None in one that runs no components.
rehearsal_directory = None
# What a task writes to in the memory that it was forked with; None where that cannot be told.
warm_pages = None
# Where the modules of the environment and of Python itself lie.
library_roots = ()


def warm():
    """Imports the KFP runtime ahead. Returns what went wrong, or None."""
    os.environ["_KFP_RUNTIME"] = "true"
    try:
        importlib.import_module(EXECUTOR_MODULE)
    except Exception as error:
        # A component that brings its own broken kfp sees the same error when it runs.
        return "%s: %s" % (type(error).__name__, error)
    return None


_REHEARSAL = """
import kfp
from kfp import dsl
from kfp.dsl import *
from typing import *

def step(text: str, number: int, out: Output[Dataset]) -> NamedTuple("Outputs", [("text", str)]):
    return (text,)
"""


# The interpreter specializes code that has run so often; each task would do it anew.
_REHEARSALS = 10


def prepare_rehearsals(directory):
    """From now on `get_ready` works in every child. Only for a process without threads."""
    global rehearsal_directory
    rehearsal_directory = directory
    os.makedirs(directory, exist_ok=True)
    with open(os.path.join(directory, COMPONENT_FILE), "w", encoding="utf-8") as file:
        file.write(_REHEARSAL)
    for _ in range(_REHEARSALS):
        _rehearse()


def settle():
    """The last step of warming up: nothing but children comes after it."""
    global baseline, warm_pages
    _find_libraries()
    baseline = frozenset(sys.modules)
    gc.collect()
    gc.freeze()
    if rehearsal_directory is not None:
        warm_pages = _pages_of_a_task()


def get_ready():
    """In a child that waits for its task: after a fork the first touch of each page costs a copy.

    Better now than when the task is there. Copying all of them at once is cheaper than to run into
    one after the other, which is what a rehearsal does.
    """
    if warm_pages is None or not kernel.populate(warm_pages):
        _rehearse()


def _pages_of_a_task():
    """Found out by a task of our own; a third process looks, as looking writes to memory as well."""
    ready_read, ready_write = os.pipe()
    rehearsing = os.fork()
    if rehearsing == 0:
        try:
            _rehearse_as_task()
            os.write(ready_write, b"r")
            signal.pause()
        finally:
            os._exit(0)
    os.close(ready_write)
    os.read(ready_read, 1)
    answer_read, answer_write = os.pipe()
    looking = os.fork()
    if looking == 0:
        try:
            pages = kernel.own_pages(rehearsing)
            framing.write_all(answer_write, json.dumps(pages).encode())
        finally:
            os._exit(0)
    os.close(answer_write)
    with open(answer_read, "rb") as file:
        answer = file.read()
    os.close(ready_read)
    os.kill(rehearsing, signal.SIGKILL)
    for pid in (rehearsing, looking):
        os.waitpid(pid, 0)
    return json.loads(answer) if answer else None


def _rehearse_as_task():
    _become_python({"env": dict(os.environ), "cwd": rehearsal_directory})
    _rehearse()
    _remember(os.devnull)
    _flush_all()


def _find_libraries():
    global library_roots
    library_roots = tuple(
        os.path.join(sysconfig.get_path(name), "") for name in ("stdlib", "purelib", "platlib")
    )


def _rehearse():
    """Runs a component of our own to its end, and leaves no trace but warm caches and pages."""
    root = rehearsal_directory
    if root is None:
        return
    uri = "minio://b/out"
    artifact = {"name": "out", "type": {"schemaTitle": "system.Dataset"}, "uri": uri}
    executor_input = {
        "inputs": {"parameterValues": {"text": "", "number": 1}},
        "outputs": {
            "outputFile": os.path.join(root, "output.json"),
            "artifacts": {"out": {"artifacts": [artifact]}},
        },
    }
    saved = sys.argv, sys.path[:], sys.modules["__main__"], getattr(sys, "orig_argv", None)
    try:
        _execute(
            {
                "cwd": root,
                "source": None,
                "mounts": root,
                "args": [
                    *("--executor_input", json.dumps(executor_input)),
                    *("--function_to_execute", "step"),
                ],
            }
        )
    except BaseException:
        pass  # a kfp that cannot run this shows it when a task asks for it
    finally:
        sys.argv, sys.path[:], sys.modules["__main__"], sys.orig_argv = saved
        sys.modules.pop(COMPONENT_MODULE, None)
        root_logger = logging.getLogger()
        root_logger.handlers.clear()
        root_logger.setLevel(logging.WARNING)


def run_file(path):
    """Runs one component in an interpreter of its own; `path` holds the request."""
    global baseline
    with open(path, encoding="utf-8") as file:
        request = json.load(file)
    warm()
    _find_libraries()
    baseline = frozenset(sys.modules)
    os._exit(run(request))


def run(request):
    """Runs one component. Returns the exit code that `python3 -m` would have had."""
    _become_python(request)
    code = 0
    try:
        _execute(request)
    except SystemExit as error:
        code = _system_exit_code(error)
    except BaseException as error:
        code = 128 + signal.SIGINT if isinstance(error, KeyboardInterrupt) else 1
        _report(error)
    if code == 0:
        _remember(request.get("modulesFile"))
    _finish()
    return code


def _become_python(request):
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    zone = os.environ.get("TZ")
    os.environ.clear()
    os.environ.update(request["env"])
    if os.environ.get("TZ") != zone:
        time.tzset()
    random.seed()
    numpy_random = sys.modules.get("numpy.random")
    if numpy_random is not None:
        # Its global generator was seeded before the fork; a fresh process has its own.
        numpy_random.seed()
    extra = [part for part in request["env"].get("PYTHONPATH", "").split(os.pathsep) if part]
    own = os.path.dirname(_OWN_DIRECTORY)
    sys.path[:] = [request["cwd"], *extra, *(p for p in sys.path if p not in ("", own))]


def _execute(request):
    source = os.path.join(request["cwd"], COMPONENT_FILE)
    if request["source"] is not None:
        with open(source, "w", encoding="utf-8") as file:
            file.write(request["source"])
    module = importlib.import_module(EXECUTOR_MODULE)
    _skip_bytecode_of_components()
    artifact_types = importlib.import_module("kfp.dsl.types.artifact_types")
    for scheme, constant in _PREFIXES.items():
        setattr(artifact_types, constant, os.path.join(request["mounts"], scheme) + "/")
    sys.argv = [module.__file__, "--component_module_path", source, *request["args"]]
    sys.orig_argv = [sys.executable, "-m", EXECUTOR_MODULE, *sys.argv[1:]]
    sys.modules["__main__"] = _main_module(module)
    module.executor_main()


def _skip_bytecode_of_components():
    """A component is loaded once in its life: writing its bytecode would be in vain."""
    utils = importlib.import_module("kfp.dsl.utils")
    load_module = utils.load_module
    if getattr(load_module, "writes_no_bytecode", False):
        return

    def load(*args, **kwargs):
        saved, sys.dont_write_bytecode = sys.dont_write_bytecode, True
        try:
            return load_module(*args, **kwargs)
        finally:
            sys.dont_write_bytecode = saved

    load.writes_no_bytecode = True
    utils.load_module = load


def _main_module(module):
    """A `__main__` from which multiprocessing can start fresh interpreters, as from the real one."""
    main = types.ModuleType("__main__", module.__doc__)
    main.__dict__.update(
        {name: value for name, value in vars(module).items() if not name.startswith("__")}
    )
    main.__file__ = module.__file__
    main.__spec__ = module.__spec__
    main.__package__ = module.__package__
    main.__loader__ = module.__loader__
    main.__builtins__ = __builtins__
    return main


def _system_exit_code(error):
    if error.code is None:
        return 0
    if isinstance(error.code, int):
        return error.code & 0xFF
    print(error.code, file=sys.stderr)
    return 1


def _report(error):
    traceback = error.__traceback__
    while traceback is not None and _is_own(traceback.tb_frame.f_code.co_filename):
        traceback = traceback.tb_next
    try:
        sys.excepthook(type(error), error.with_traceback(traceback), traceback)
    except BaseException:
        sys.__excepthook__(type(error), error, traceback)


def _is_own(filename):
    return os.path.dirname(os.path.abspath(filename)) == _OWN_DIRECTORY


def _remember(path):
    """Notes what user code imported from the environment, for the zygote to import ahead."""
    if path is None:
        return
    fresh = []
    # The last ones are the new ones. Looking at all of them would touch memory all over the place.
    for name in reversed(sys.modules):
        if name in baseline:
            break
        if name not in (COMPONENT_MODULE, "__mp_main__"):
            fresh.append((name, sys.modules[name]))
    names = []
    for name, module in reversed(fresh):
        origin = getattr(getattr(module, "__spec__", None), "origin", None)
        if isinstance(origin, str) and origin.startswith(library_roots):
            names.append(name)
    if not names:
        return
    try:
        with open(path, "w", encoding="utf-8") as file:
            json.dump(names[:REMEMBERED_MODULES_MAX], file)
    except OSError:
        pass  # it only costs speed


def _finish():
    """What the interpreter does at its end and os._exit does not: threads, atexit, open files."""
    try:
        threading._shutdown()
        atexit._run_exitfuncs()
        for name in (COMPONENT_MODULE, "__main__"):
            module = sys.modules.pop(name, None)
            if module is not None:
                module.__dict__.clear()
        _flush_all()
    except BaseException as error:
        _report(error)


def _flush_all():
    # What lived before the fork is frozen, so this sees the task's own objects alone.
    gc.collect()
    for thing in gc.get_objects():
        if isinstance(thing, (io.TextIOWrapper, io.BufferedWriter, io.BufferedRandom)):
            _flush(thing)
    for stream in (sys.stdout, sys.stderr):
        _flush(stream)


def _flush(stream):
    try:
        if not stream.closed:
            stream.flush()
    except Exception:
        pass  # a reader that went away is no failure of the task
