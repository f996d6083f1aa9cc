import json
import os
import random
import sys
import unittest

from test.harness import Zygote

WHEEL = os.environ.get("TIDEMILL_KFP_WHEEL", "")
HEAD = "import kfp\nfrom kfp import dsl\nfrom kfp.dsl import *\nfrom typing import *\n\n"


@unittest.skipUnless(os.path.exists(WHEEL), "TIDEMILL_KFP_WHEEL names no kfp wheel")
class Components(unittest.TestCase):
    def setUp(self):
        # A wheel is a zip file, and Python imports from those.
        self.zygote = Zygote("--component", env={"PYTHONPATH": WHEEL})
        self.addCleanup(self.zygote.close)

    def run_component(self, body, parameters=None, outputs=None, env=None, attempt_id="a1"):
        home = self.zygote.home
        cwd = os.path.join(home, attempt_id)
        output_file = os.path.join(home, "mounts/minio/root", attempt_id, "output_metadata.json")
        executor_input = {
            "inputs": {"parameterValues": parameters or {}},
            "outputs": {"outputFile": output_file, "artifacts": outputs or {}},
        }
        self.zygote.run(
            attempt_id,
            {
                "mode": "component",
                "source": HEAD + body,
                "args": [
                    "--executor_input",
                    json.dumps(executor_input),
                    "--function_to_execute",
                    "step",
                ],
                "mounts": os.path.join(home, "mounts"),
                "env": {"_KFP_RUNTIME": "true", "HOME": cwd, **(env or {})},
                "modulesFile": os.path.join(home, attempt_id + ".modules"),
            },
        )
        exited = self.zygote.wait("exited", attempt_id)
        output = None
        if os.path.exists(output_file):
            with open(output_file) as file:
                output = json.load(file)
        return exited["code"], output

    def stderr(self):
        return self.zygote.output("a1", "stderr")

    def test_returns_what_the_function_returns(self):
        code, output = self.run_component("def step(x: int) -> int:\n    return x + 1\n", {"x": 4})
        self.assertEqual((code, output), (0, {"parameterValues": {"Output": 5}}), self.stderr())

    def test_maps_addresses_to_paths_and_back(self):
        artifact = {"name": "d", "type": {"schemaTitle": "system.Dataset"}, "uri": "minio://root/a1/d"}
        body = (
            "def step(d: Output[Dataset]) -> str:\n"
            "    open(d.path, 'w').write('data')\n"
            "    return dsl.get_uri('extra')\n"
        )
        code, output = self.run_component(body, outputs={"d": {"artifacts": [artifact]}})
        self.assertEqual(code, 0, self.stderr())
        self.assertEqual(output["parameterValues"], {"Output": "minio://root/a1/extra"})
        self.assertEqual(output["artifacts"]["d"]["artifacts"][0]["uri"], "minio://root/a1/d")
        self.assertTrue(os.path.exists(os.path.join(self.zygote.home, "mounts/minio/root/a1/d")))

    def test_an_exception_ends_with_1_and_a_traceback_without_our_frames(self):
        code, output = self.run_component("def step():\n    raise ValueError('no such thing')\n")
        self.assertEqual((code, output), (1, None))
        self.assertIn("ValueError: no such thing", self.stderr())
        self.assertIn("ephemeral_component.py", self.stderr())
        self.assertNotIn("tidemill_worker", self.stderr())

    def test_files_that_user_code_opens_hold_what_it_wrote(self):
        body = (
            "def step() -> str:\n"
            "    import os\n"
            "    os.closerange(3, 1024)\n"
            "    files = [os.open('file-%d' % n, os.O_CREAT | os.O_WRONLY) for n in range(40)]\n"
            "    for file in files: os.write(file, b'x')\n"
            "    return os.getcwd()\n"
        )
        code, output = self.run_component(body)
        self.assertEqual((code, self.stderr().count("Error")), (0, 0), self.stderr())
        for number in range(40):
            path = os.path.join(output["parameterValues"]["Output"], "file-%d" % number)
            with open(path, "rb") as file:
                self.assertEqual(file.read(), b"x", path)

    def test_ends_with_its_own_process_and_not_with_a_child_that_returns(self):
        body = (
            "def step() -> str:\n"
            "    import os, time\n"
            "    child = os.fork()\n"
            "    if child == 0: return 'child'\n"
            "    os.waitpid(child, 0)\n"
            "    time.sleep(0.3)\n"
            "    return 'parent'\n"
        )
        code, output = self.run_component(body)
        self.assertEqual(code, 0, self.stderr())
        self.assertEqual(output, {"parameterValues": {"Output": "parent"}})

    def test_exits_as_python_does(self):
        cases = [
            ("import sys; sys.exit(7)", 7),
            ("import sys; sys.exit()", 0),
            ("import sys; sys.exit('bad')", 1),
            ("import os; os._exit(9)", 9),
            ("import threading; threading.Thread(target=lambda: print('late')).start()", 0),
        ]
        for index, (statement, expected) in enumerate(cases):
            with self.subTest(statement):
                name = "c%d" % index
                code, _ = self.run_component("def step():\n    %s\n" % statement, attempt_id=name)
                self.assertEqual(code, expected)
        self.assertIn("late", self.zygote.output("c4"))
        self.assertIn("bad", self.zygote.output("c2", "stderr"))

    def test_atexit_runs_and_open_files_are_flushed(self):
        body = (
            "kept = open('kept.txt', 'w')\n"
            "def step():\n"
            "    import atexit, gzip\n"
            "    global packed\n"
            "    packed = gzip.open('packed.gz', 'wt')\n"
            "    packed.write('packed')\n"
            "    kept.write('kept')\n"
            "    atexit.register(lambda: print('bye'))\n"
        )
        self.assertEqual(self.run_component(body)[0], 0, self.stderr())
        cwd = os.path.join(self.zygote.home, "a1")
        with open(os.path.join(cwd, "kept.txt")) as file:
            self.assertEqual(file.read(), "kept")
        import gzip

        with gzip.open(os.path.join(cwd, "packed.gz"), "rt") as file:
            self.assertEqual(file.read(), "packed")
        self.assertTrue(self.zygote.output("a1").endswith("bye\n"))

    def test_all_that_was_printed_is_there_when_the_end_is_told(self):
        body = "def step():\n    print('x' * 3_000_000)\n    import sys; sys.stderr.write('end')\n"
        self.assertEqual(self.run_component(body)[0], 0)
        self.assertEqual(self.zygote.output("a1").count("x" * 3_000_000), 1)
        self.assertEqual(self.stderr(), "end")

    def test_its_end_is_told_once_and_after_that_of_what_it_left_behind(self):
        body = (
            "def step():\n"
            "    import os, time\n"
            "    if os.fork() == 0:\n"
            "        os.setsid()\n"
            "        if os.fork() == 0:\n"
            "            with open(os.environ['HOME'] + '.pid', 'w') as file: file.write(str(os.getpid()))\n"
            "            time.sleep(600)\n"
            "        os._exit(0)\n"
            "    os.wait()\n"
            "    while not os.path.exists(os.environ['HOME'] + '.pid'): time.sleep(0.01)\n"
        )
        self.assertEqual(self.run_component(body)[0], 0)
        ends = [event for event in self.zygote.events if event["event"] == "exited"]
        self.assertEqual([event["leftovers"] for event in ends], [1])
        with open(os.path.join(self.zygote.home, "a1.pid")) as file:
            self.assertFalse(os.path.exists("/proc/" + file.read()))
        self.assertEqual(self.run_component("def step(): pass", attempt_id="a2")[0], 0)

    def test_what_user_code_sees_is_what_python_would_show(self):
        body = (
            "def step() -> dict:\n"
            "    import os, sys, signal, __main__\n"
            "    return {'cwd': os.getcwd(), 'env': dict(os.environ), 'argv': sys.argv,\n"
            "            'main': __main__.__spec__.name, 'path0': sys.path[:2],\n"
            "            'stdin': sys.stdin.read(), 'name': __name__,\n"
            "            'int': signal.getsignal(signal.SIGINT) is signal.default_int_handler,\n"
            "            'term': signal.getsignal(signal.SIGTERM) == signal.SIG_DFL}\n"
        )
        code, output = self.run_component(body, env={"MINE": "1"})
        self.assertEqual(code, 0, self.stderr())
        seen = output["parameterValues"]["Output"]
        cwd = os.path.join(self.zygote.home, "a1")
        self.assertEqual(seen["cwd"], cwd)
        self.assertEqual(set(seen["env"]) - {"LC_CTYPE"}, {"MINE", "HOME", "_KFP_RUNTIME"})
        self.assertTrue(seen["argv"][0].endswith("kfp/dsl/executor_main.py"))
        self.assertEqual(seen["main"], "kfp.dsl.executor_main")
        self.assertEqual(seen["path0"], [cwd, cwd])
        self.assertEqual((seen["stdin"], seen["name"]), ("", "ephemeral_component"))
        self.assertTrue(seen["int"] and seen["term"])

    def test_multiprocessing_spawns_and_forks(self):
        body = (
            "def double(x):\n    return 2 * x\n"
            "def step() -> list:\n"
            "    import multiprocessing\n"
            "    found = []\n"
            "    for method in ('spawn', 'fork', 'forkserver'):\n"
            "        with multiprocessing.get_context(method).Pool(1) as pool:\n"
            "            found += pool.map(double, [1, 2])\n"
            "    return found\n"
        )
        env = {"PYTHONPATH": WHEEL, "PATH": os.environ["PATH"]}
        code, output = self.run_component(body, env=env)
        self.assertEqual(code, 0, self.stderr())
        self.assertEqual(output["parameterValues"]["Output"], [2, 4] * 3)

    def test_takes_an_input_beyond_what_one_argument_may_hold(self):
        text = "".join(random.Random(1).choices("ab\u00e9\U0001f600", k=2_000_000))
        code, output = self.run_component("def step(x: str) -> int:\n    return len(x)\n", {"x": text})
        self.assertEqual((code, output["parameterValues"]["Output"]), (0, 2_000_000))

    def test_random_numbers_differ_between_tasks(self):
        body = "def step() -> float:\n    import random\n    return random.random()\n"
        first = self.run_component(body, attempt_id="a1")[1]
        self.assertNotEqual(first, self.run_component(body, attempt_id="a2")[1])

    def test_remembers_what_was_imported_from_the_library(self):
        self.run_component("def step():\n    import wave, colorsys\n")
        with open(os.path.join(self.zygote.home, "a1.modules")) as file:
            names = json.load(file)
        self.assertLessEqual({"wave", "colorsys"}, set(names))
        self.assertNotIn("ephemeral_component", names)


@unittest.skipUnless(os.path.exists(WHEEL), "TIDEMILL_KFP_WHEEL names no kfp wheel")
class AheadImports(unittest.TestCase):
    def zygote(self, directory, modules):
        imports = os.path.join(directory, "imports.json")
        with open(imports, "w") as file:
            json.dump({"modules": modules}, file)
        zygote = Zygote("--component", "--imports", imports, env={"PYTHONPATH": WHEEL + os.pathsep + directory})
        self.addCleanup(zygote.close)
        return zygote

    def directory(self):
        import tempfile

        directory = tempfile.TemporaryDirectory(prefix="tidemill-imports-")
        self.addCleanup(directory.cleanup)
        return directory.name

    def test_a_missing_or_broken_module_is_no_matter(self):
        self.zygote(self.directory(), ["wave", "no_such_module"]).wait("ready")

    def test_refuses_a_module_that_starts_a_thread(self):
        directory = self.directory()
        with open(os.path.join(directory, "busy.py"), "w") as file:
            file.write("import threading\nthreading.Thread(target=threading.Event().wait, daemon=True).start()\n")
        self.assertEqual(self.zygote(directory, ["wave", "busy"]).wait("unsafe")["module"], "busy")


if __name__ == "__main__":
    unittest.main()
