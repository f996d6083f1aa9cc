import os
import signal
import sys
import unittest

from test.harness import Zygote, is_alive, until

DOUBLE_FORK = """
import os, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        import signal
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        with open(sys.argv[1] + ".tmp", "w") as file:
            file.write(str(os.getpid()))
        os.rename(sys.argv[1] + ".tmp", sys.argv[1])
        time.sleep(600)
    os._exit(0)
while not os.path.exists(sys.argv[1]):
    time.sleep(0.01)
"""
IGNORES_TERM = "trap '' TERM; echo ready; while :; do sleep 0.05; done"


class Commands(unittest.TestCase):
    def setUp(self):
        self.zygote = Zygote()
        self.addCleanup(self.zygote.close)

    def execute(self, script, attempt_id="a1"):
        self.zygote.execute(attempt_id, ["sh", "-c", script])
        return self.zygote.wait("exited", attempt_id)

    def pid_in(self, name):
        path = os.path.join(self.zygote.home, name)
        until(lambda: os.path.exists(path), "the file of a pid")
        with open(path) as file:
            return int(file.read())

    def test_carries_both_streams_and_the_exit_code(self):
        exited = self.execute("echo out; echo err >&2; exit 3")
        self.assertEqual((exited["code"], exited["signal"]), (3, 0))
        self.assertEqual((exited["stdout"], exited["stderr"]), (4, 4))
        self.assertEqual(self.zygote.output("a1"), "out\n")
        self.assertEqual(self.zygote.output("a1", "stderr"), "err\n")

    @unittest.skipUnless(os.path.exists("/dev/full"), "this system has no disk that is always full")
    def test_says_how_much_output_a_full_disk_cost(self):
        self.zygote.execute("a1", ["sh", "-c", "echo lost; echo kept >&2"], stdout="/dev/full")
        exited = self.zygote.wait("exited", "a1")
        self.assertEqual((exited["code"], exited["dropped"]), (0, 5))
        self.assertEqual(self.zygote.output("a1", "stderr"), "kept\n")

    def test_opening_dev_stderr_does_not_cut_what_was_written(self):
        self.execute("echo one >&2; echo two > /dev/stderr; echo three >&2")
        self.assertEqual(self.zygote.output("a1", "stderr"), "one\ntwo\nthree\n")

    def test_reports_the_signal_that_ended_it(self):
        exited = self.execute("kill -SEGV $$")
        self.assertEqual((exited["signal"], exited["code"]), (signal.SIGSEGV, 128 + signal.SIGSEGV))

    @unittest.skipUnless(sys.platform == "linux", "only Linux tells what a process shares")
    def test_ends_a_task_that_uses_more_memory_than_it_may(self):
        script = "import time; kept = bytearray(%d); print('has it', flush=True); time.sleep(600)"
        argv = [sys.executable, "-S", "-c", script % (96 << 20)]
        self.zygote.execute("a1", argv, memory=64 << 20)
        exited = self.zygote.wait("exited", "a1")
        self.assertEqual(exited["signal"], signal.SIGKILL)
        # It may be caught on its way there.
        self.assertGreater(exited["memory"], 64 << 20)
        self.assertIn("memory=%d" % (64 << 20), self.zygote.wait("started", "a1")["limits"])

    @unittest.skipUnless(sys.platform == "linux", "only Linux tells what a process shares")
    def test_counts_the_memory_of_all_its_processes_and_what_they_share_once(self):
        script = """
import os, time
kept = bytearray(60 << 20)
children = [os.fork() for _ in range(2)]
if 0 in children:
    own = bytearray(int(os.environ["OWN"]) << 20)
time.sleep(float(os.environ["SECONDS"]))
"""
        for attempt_id, own, seconds in (("shared", 1, 1), ("own", 60, 600)):
            env = {"PATH": os.environ["PATH"], "OWN": str(own), "SECONDS": str(seconds)}
            argv = [sys.executable, "-S", "-c", script]
            self.zygote.execute(attempt_id, argv, env, memory=120 << 20)
            exited = self.zygote.wait("exited", attempt_id)
            self.assertEqual(exited["memory"] > 0, attempt_id == "own", exited)

    def test_says_that_a_command_is_not_there(self):
        self.zygote.execute("a1", ["no-such-command"])
        self.assertEqual(self.zygote.wait("exited", "a1")["code"], 127)
        self.assertIn("no-such-command: command not found", self.zygote.output("a1", "stderr"))

    def test_runs_with_the_declared_environment_and_limits_alone(self):
        self.zygote.execute("a1", ["sh", "-c", "env; ulimit -c; ulimit -n; umask; cat"], {"X": "1"})
        started = self.zygote.wait("started", "a1")
        self.zygote.wait("exited", "a1")
        lines = self.zygote.output("a1").splitlines()
        self.assertLessEqual(set(line.partition("=")[0] for line in lines[:-3]), {"X", "PWD", "_", "SHLVL", "OLDPWD"})
        files = dict(limit.split("=") for limit in started["limits"])["nofile"]
        self.assertEqual(lines[-3:], ["0", files, "0022"])

    def test_each_task_has_a_session_of_its_own(self):
        self.execute("ps -o sid= -p $$; echo $$")
        session, pid = self.zygote.output("a1").split()
        self.assertEqual(session, pid)

    def test_kills_what_called_setsid_and_forked_twice(self):
        path = os.path.join(self.zygote.home, "pid")
        self.zygote.execute("a1", [sys.executable, "-c", DOUBLE_FORK, path])
        exited = self.zygote.wait("exited", "a1")
        self.assertEqual(exited["code"], 0)
        self.assertEqual(exited["leftovers"], 1)
        self.assertFalse(is_alive(self.pid_in("pid")))

    def test_stop_sends_term_and_kills_who_ignores_it(self):
        self.zygote.execute("a1", ["sh", "-c", IGNORES_TERM])
        until(lambda: self.zygote.wait("started", "a1") and self.zygote.output("a1"), "output")
        self.zygote.send({"op": "stop", "id": "a1", "graceMs": 100})
        exited = self.zygote.wait("exited", "a1")
        self.assertEqual((exited["signal"], exited["stopped"]), (signal.SIGKILL, True))

    def test_stop_ends_a_task_that_has_stopped_its_monitor(self):
        script = "kill -STOP $PPID; echo ready > ../ready; sleep 600"
        self.zygote.execute("a1", ["sh", "-c", script])
        until(lambda: os.path.exists(os.path.join(self.zygote.home, "ready")), "ready")
        self.zygote.send({"op": "stop", "id": "a1", "graceMs": 100})
        self.assertTrue(self.zygote.wait("exited", "a1")["stopped"])

    def test_a_task_that_obeys_term_may_say_goodbye(self):
        self.zygote.execute("a1", ["sh", "-c", "trap 'echo bye; exit 5' TERM; echo ready; sleep 600 & wait"])
        until(lambda: self.zygote.wait("started", "a1") and self.zygote.output("a1"), "output")
        self.zygote.send({"op": "stop", "id": "a1", "graceMs": 20000})
        self.assertEqual(self.zygote.wait("exited", "a1")["code"], 5)
        self.assertEqual(self.zygote.output("a1"), "ready\nbye\n")

    def test_nothing_survives_a_killed_zygote(self):
        self.zygote.execute("a1", ["sh", "-c", "(sleep 600 & echo $!) ; echo $$; sleep 600"])
        until(lambda: len(self.zygote.wait("started", "a1") and self.zygote.output("a1").split()) == 2, "pids")
        pids = [int(pid) for pid in self.zygote.output("a1").split()]
        self.zygote.process.kill()
        for pid in pids:
            until(lambda: not is_alive(pid), "the end of a process")

    def test_reports_a_task_whose_monitor_was_killed_as_lost(self):
        self.zygote.execute("a1", ["sleep", "600"])
        pid = self.zygote.wait("started", "a1")["pid"]
        with open("/proc/%d/stat" % pid) as file:
            os.kill(int(file.read().rsplit(")", 1)[1].split()[1]), signal.SIGKILL)
        self.zygote.wait("lost", "a1")
        until(lambda: not is_alive(pid), "the end of the task")

    def test_many_at_once_beyond_those_forked_ahead(self):
        for index in range(12):
            self.zygote.execute("a%d" % index, ["sh", "-c", "echo %d" % index])
        for index in range(12):
            self.assertEqual(self.zygote.wait("exited", "a%d" % index)["code"], 0)
            self.assertEqual(self.zygote.output("a%d" % index), "%d\n" % index)

    def test_carries_much_output_whole(self):
        exited = self.execute("head -c 50000000 /dev/zero")
        self.assertEqual(exited["stdout"], 50000000)


if __name__ == "__main__":
    unittest.main()
