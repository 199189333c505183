"""Interpreters that are made when nothing is kept: they compute, are locked from the first, and are
reached by those who made them alone."""

import os
import re
import subprocess
import sys
import unittest
from test import support
from test.test_lockdown import fresh
from test.test_lockdown.test_import_each import strace_works

# What a child finds: told through its own standard output, which it has without any right.
RUN = """
    |import _interpreters
    |def run(number, source):
    |    error = _interpreters.exec(number, source)
    |    if error is not None:
    |        report(error=error.errdisplay)
    |CHILD = "import json, sys, lockdownlib\\n" + '''
    |def report(**facts):
    |    sys.stdout.write("\\\\n@" + json.dumps(facts) + "\\\\n")
    |    sys.stdout.flush()
    |def attempt(call, *args):
    |    try:
    |        return ["done", repr(call(*args))]
    |    except lockdownlib.LockdownError as error:
    |        return ["refused", error.right]
    |'''
    |"""


class CreateTest(fresh.FolderTest):

    def test_it_computes(self):
        for config in "isolated", "empty-with-gil":
            with self.subTest(config):
                facts = fresh.scenario(RUN + f"""
                    |lockdownlib.lockdown(keep=())
                    |config = _interpreters.new_config("isolated")
                    |if {config!r} != "isolated":
                    |    config.gil = "shared"
                    |child = _interpreters.create(config)
                    |run(child, CHILD + '''if True:
                    |    import asyncio, decimal, re, threading, zlib
                    |    found = []
                    |    thread = threading.Thread(target=found.append, args=(1,))
                    |    thread.start()
                    |    thread.join()
                    |    report(sum=str(decimal.Decimal("1.1") + 1), thread=found,
                    |           loop=asyncio.run(asyncio.sleep(0, "slept")),
                    |           match=re.sub("a", "b", "aa"))
                    |    ''')
                    |def function():
                    |    print("\\n@" + '{{"function": true}}', flush=True)
                    |_interpreters.run_func(child, function)
                    |_interpreters.set___main___attrs(child, {{"given": 5}})
                    |_interpreters.run_string(child, "report(given=given)")
                    |report(running=_interpreters.is_running(child))
                    |_interpreters.destroy(child)
                    |report(gone=attempt(_interpreters.exec, child, "pass")[0])
                    """).facts
                self.assertEqual(facts, {
                    "sum": "2.1", "thread": [1], "loop": "slept", "match": "bb",
                    "function": True, "given": 5, "running": False, "gone": "refused"})

    def test_it_is_locked_from_the_first(self):
        path = self.write("secret", "")
        for who in "process", "interpreter":
            with self.subTest(who):
                source = """
                    |lockdownlib.lockdown(keep=())
                    |child = _interpreters.create("isolated")
                    |run(child, CHILD + '''if True:
                    |    import os
                    |    status = lockdownlib.status()
                    |    report(locked=status.locked, keep=status.keep, unsafe=status.unsafe_modules)
                    |    report(open=attempt(open, PATH), list=attempt(os.listdir, "/"),
                    |           pid=attempt(os.getpid), environ=dict(os.environ),
                    |           system=attempt(os.system, "true"),
                    |           more=attempt(lambda: lockdownlib.lockdown(keep=("fd",))))
                    |    import mailbox
                    |    try:
                    |        import no_such_module
                    |    except ImportError as error:
                    |        report(missing=type(error).__name__)
                    |    '''.replace("PATH", repr(sys.argv[1])))
                    """
                if who == "interpreter":
                    # The locked one is itself not the main interpreter.
                    source = RUN + f"""
                        |first = _interpreters.create("isolated")
                        |run(first, "import sys; sys.argv = " + repr(sys.argv) + "\\n" + {
                             fresh.CHILD + fresh.text(RUN + source)!r})
                        """
                else:
                    source = RUN + source
                facts = fresh.scenario(source, path).facts
                self.assertNotIn("error", facts)
                self.assertTrue(facts["locked"])
                self.assertEqual((facts["keep"], facts["unsafe"]), ([], []))
                self.assertEqual(facts["open"], ["refused", "fs.read"])
                self.assertEqual(facts["list"], ["refused", "fs.read"])
                self.assertEqual(facts["pid"], ["refused", "env"])
                self.assertEqual(facts["system"], ["refused", "proc"])
                self.assertEqual(facts["more"][0], "refused")
                self.assertEqual(facts["environ"], {})
                self.assertEqual(facts["missing"], "LockdownImportError")

    def test_control(self):
        facts = fresh.scenario(RUN + """
            |child = _interpreters.create("isolated")
            |run(child, CHILD + '''if True:
            |    import os
            |    report(open=attempt(open, PATH)[0], list=attempt(os.listdir, "/")[0],
            |           pid=attempt(os.getpid)[0], environ=len(dict(os.environ)))
            |    '''.replace("PATH", repr(sys.argv[1])))
            """, self.write("secret", "")).facts
        self.assertEqual((facts["open"], facts["list"], facts["pid"]), ("done",) * 3)
        self.assertGreater(facts["environ"], 0)

    def test_it_learns_no_paths(self):
        source = RUN + """
            |child = _interpreters.create("isolated")
            |run(child, CHILD + '''if True:
            |    report(path=sys.path, argv=sys.argv, orig=sys.orig_argv, executable=sys.executable,
            |           prefix=sys.prefix, exec_prefix=sys.exec_prefix, base=sys.base_prefix,
            |           modules=sorted(set(sys.modules) & {"site", "sitecustomize"}))
            |    ''')
            |"""
        facts = fresh.scenario("    |lockdownlib.lockdown(keep=())\n" + source).facts
        self.assertEqual(facts, {"path": [], "argv": [""], "orig": [], "executable": "",
                                 "prefix": "", "exec_prefix": "", "base": "", "modules": []})
        control = fresh.scenario(source).facts
        self.assertNotEqual(control["path"], [])
        self.assertNotEqual(control["executable"], "")

    def test_streams(self):
        outcome = fresh.scenario(RUN + """
            |lockdownlib.lockdown(keep=())
            |child = _interpreters.create("isolated")
            |run(child, '''if True:
            |    import sys
            |    print("out:", sys.stdin.readline().strip(), flush=True)
            |    print("err", file=sys.stderr)
            |    ''')
            |report(errors=[_interpreters.exec(child, "1/0").errdisplay])
            """, stdin="a line\n")
        self.assertIn("out: a line", outcome.out)
        self.assertIn("err", outcome.err)
        self.assertIn("ZeroDivisionError: division by zero", outcome.facts["errors"][0])

    def test_only_those_kept_apart(self):
        facts = fresh.scenario(RUN + """
            |lockdownlib.lockdown(keep=())
            |for name in "isolated", "legacy", "empty", "default":
            |    report(**{name: attempt(_interpreters.create, name)})
            |config = _interpreters.new_config("isolated", allow_daemon_threads=True)
            |report(daemons=attempt(_interpreters.create, config))
            """).facts
        self.assertEqual(facts["isolated"][0], "done")
        self.assertEqual(facts["default"][0], "done")
        for name in "legacy", "daemons":
            self.assertEqual(facts[name][:3:2], ["refused", "runtime"])
        self.assertNotEqual(facts["empty"][0], "done")

    def test_threads_at_its_end_do_not_end_the_process(self):
        source = RUN + """
            |child = _interpreters.create("isolated")
            |run(child, '''if True:
            |    import _thread, atexit, time
            |    _thread.start_new_thread(time.sleep, (SECONDS,))
            |    atexit.register(_thread.start_new_thread, time.sleep, (SECONDS,))
            |    '''.replace("SECONDS", sys.argv[1]))
            |_interpreters.destroy(child)
            |report(alive=True)
            """
        facts = fresh.scenario(source.replace("RUN", "").replace(
            "|child = _int", "|lockdownlib.lockdown(keep=())\n            |child = _int"),
            "0.2").facts
        self.assertEqual(facts, {"alive": True})
        # The control is upstream's end of the process, which waits for no thread.
        outcome = fresh.scenario(source, "600", expect=None)
        self.assertTrue(fresh.died(outcome))

    @unittest.skipUnless(strace_works(), "strace is not there, or may not trace")
    def test_no_path_between_creation_and_first_run(self):
        trace = os.path.join(self.folder, "trace")
        source = """
            |import _interpreters
            |print("the beginning", flush=True)
            |child = _interpreters.create("isolated")
            |_interpreters.exec(child, "import json, asyncio, encodings.cp037")
            |_interpreters.destroy(child)
            |print("the end", flush=True)
            """
        calls = {}
        for locked in True, False:
            options = ("-X", "lockdown") if locked else ()
            process = subprocess.run(
                ["strace", "-f", "-o", trace, sys.executable, "-I", *options, "-c",
                 fresh.text(source)], env=fresh.environment(), stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                timeout=support.LONG_TIMEOUT)
            self.assertEqual(process.returncode, 0, process.stderr)
            with open(trace) as file:
                text = file.read()
            between = text.partition('"the beginning')[2].partition('"the end')[0]
            self.assertIn("fcntl(0", between)       # the streams
            calls[locked] = re.findall(
                r"\b(?:open\w*|stat\w*|newfstatat|l?stat\w*|readlink\w*|access|faccessat\d*|getcwd"
                r"|execve|statx)\((?!\d+, \"\")[^\n]*", between)
        self.assertEqual(calls[True], [])
        self.assertNotEqual(calls[False], [])


class MemoryTest(unittest.TestCase):

    # Releases that have no such test delete what is not there.
    @getattr(support, "nomemtest", unittest.skip("CPython fails here itself"))
    def test_no_memory_for_an_interpreter(self):
        # It ended the process: the creator was attached a second time.
        for number in range(4):
            with self.subTest(number):
                facts = fresh.scenario("""
                    |import _interpreters, _testcapi
                    |lockdownlib.lockdown(keep=("code", "env", "import", "inspect"))
                    |number = int(sys.argv[1])
                    |_testcapi.set_nomemory(number, number + 1)
                    |try:
                    |    _interpreters.create("isolated")
                    |except (MemoryError, _interpreters.InterpreterError):
                    |    error = True
                    |else:
                    |    error = False
                    |finally:
                    |    _testcapi.remove_mem_hooks()
                    |report(error=error)
                    """, str(number)).facts
                self.assertTrue(facts["error"])


class FamilyTest(unittest.TestCase):
    """Interpreters, queues and channels go by numbers; those of others are refused."""

    def test_interpreters_of_the_host(self):
        outcome = fresh.scenario(RUN + """
            |host = _interpreters.create("isolated")
            |_interpreters.exec(host, "secret = 42")
            |lockdownlib.lockdown(keep=())
            |own = _interpreters.create("isolated")
            |code = "print('in', flush=True)"
            |for name, number in {"host": host, "main": 0, "none": 99}.items():
            |    report(**{name + " exec": attempt(_interpreters.exec, number, code),
            |              name + " string": attempt(_interpreters.run_string, number, code),
            |              name + " keyword": attempt(lambda: _interpreters.exec(id=number, code=code)),
            |              name + " set": attempt(_interpreters.set___main___attrs, number, {}),
            |              name + " running": attempt(_interpreters.is_running, number),
            |              name + " config": attempt(_interpreters.get_config, number),
            |              name + " whence": attempt(_interpreters.whence, number),
            |              name + " destroy": attempt(_interpreters.destroy, number)})
            |class Number:
            |    def __init__(self): self.values = [own, host]
            |    def __index__(self): return self.values.pop(0) if len(self.values) > 1 else host
            |report(index=attempt(_interpreters.exec, Number(), code),
            |       list=attempt(_interpreters.list_all))
            |report(own=attempt(_interpreters.exec, own, "pass"))
            """)
        self.assertNotIn("in", outcome.out.splitlines())
        facts = outcome.facts
        self.assertEqual(facts.pop("own"), ["done", "None"])
        self.assertEqual(facts.pop("list")[2], "inspect")
        for name, result in facts.items():
            with self.subTest(name):
                self.assertEqual(result[0], "refused")

    def test_control_unlocked(self):
        out = fresh.scenario(RUN + """
            |host = _interpreters.create("isolated")
            |_interpreters.exec(host, "print('in', flush=True)")
            """).out
        self.assertIn("in", out.splitlines())

    def test_a_child_does_not_reach_its_maker(self):
        facts = fresh.scenario(RUN + """
            |lockdownlib.lockdown(keep=())
            |child, sibling = [_interpreters.create("isolated") for _ in range(2)]
            |run(child, CHILD + f'''if True:
            |    import _interpreters
            |    grandchild = _interpreters.create()
            |    report(maker=attempt(_interpreters.exec, 0, "pass"),
            |           sibling=attempt(_interpreters.exec, {sibling}, "pass"),
            |           itself=attempt(_interpreters.exec, {child}, "pass"),
            |           own=attempt(_interpreters.exec, grandchild, "pass"))
            |    report(number=grandchild)
            |    ''')
            |report(grandchild=attempt(_interpreters.exec, child + 2, "pass"))
            """).facts
        for name in "maker", "sibling", "itself":
            self.assertEqual(facts[name], ["refused", "runtime"])
        self.assertEqual(facts["own"], ["done", "None"])
        self.assertEqual(facts["grandchild"], ["done", "None"])

    # Built-in types are the same in all interpreters, and so are their flags.
    ABSTRACT = RUN + """
        |{lock}
        |other = _interpreters.create("isolated")
        |run(other, CHILD + '''if True:
        |    setter = vars(type)["__abstractmethods__"].__set__
        |    class Own: pass
        |    setter(Own, ["gone"])
        |    report(own=Own.__flags__ >> 20 & 1,
        |           set=[attempt(setter, cls, ["gone"])[0] for cls in (dict, object)])
        |    ''')
        |flags = object.__flags__ >> 20 & 1
        |try: object()
        |except Exception as error: report(flags=flags, here=type(error).__name__)
        |else: report(flags=flags, here="made")
        """

    def test_built_in_types_stay_as_they_are(self):
        facts = fresh.scenario(self.ABSTRACT.format(lock="lockdownlib.lockdown(keep=())")).facts
        self.assertEqual(facts, {"own": 1, "set": ["refused", "refused"], "flags": 0,
                                 "here": "made"})

    def test_control_built_in_types_unlocked(self):
        facts = fresh.scenario(self.ABSTRACT.format(lock="")).facts
        self.assertEqual(facts, {"own": 1, "set": ["done", "done"], "flags": 1,
                                 "here": "AttributeError"})

    def test_one_that_took_more_from_itself(self):
        # What it made before has more than it, so it may not go on through that.
        facts = fresh.scenario(RUN + """
            |first = _interpreters.create("isolated")
            |run(first, CHILD + '''if True:
            |    import _interpreters
            |    lockdownlib.lockdown(keep=("env",))
            |    second = _interpreters.create()
            |    report(before=attempt(_interpreters.exec, second, "pass"))
            |    lockdownlib.lockdown(keep=())
            |    report(after=attempt(_interpreters.exec, second, "import os; os.getpid()"))
            |    ''')
            """).facts
        self.assertEqual(facts["before"], ["done", "None"])
        self.assertEqual(facts["after"], ["refused", "runtime"])

    def test_queues_and_channels(self):
        facts = fresh.scenario(RUN + """
            |import _interpqueues, _interpchannels
            |hosts_queue = _interpqueues.create(0, 0, 1)
            |_interpqueues.put(hosts_queue, "secret", 0, 1)
            |hosts = _interpchannels.create(1)
            |hosts_channel = int(hosts)
            |_interpchannels.send(hosts_channel, "secret", blocking=False)
            |lockdownlib.lockdown(keep=())
            |queue = _interpqueues.create(0, 0, 1)
            |own = _interpchannels.create(1)
            |channel = int(own)
            |child = _interpreters.create()
            |_interpqueues.put(queue, ("a", 1, b"x"), 0, 1)
            |_interpchannels.send(channel, "b", blocking=False)
            |run(child, CHILD + f'''if True:
            |    import _interpqueues, _interpchannels
            |    report(got=repr(_interpqueues.get({queue})[0]),
            |           received=repr(_interpchannels.recv({channel})[0]))
            |    _interpqueues.put({queue}, "answer", 0, 1)
            |    report(child_queue=attempt(_interpqueues.get, {hosts_queue}),
            |           child_channel=attempt(_interpchannels.recv, {hosts_channel}))
            |    ''')
            |report(answer=_interpqueues.get(queue)[0], count=_interpqueues.get_count(queue))
            |class Number:
            |    def __init__(self): self.values = [queue, hosts_queue]
            |    def __index__(self): return self.values.pop(0)
            |report(queue=attempt(_interpqueues.get, hosts_queue),
            |       queue_put=attempt(_interpqueues.put, hosts_queue, "x", 0, 1),
            |       queue_index=attempt(_interpqueues.get, Number()),
            |       queue_list=attempt(_interpqueues.list_all),
            |       channel=attempt(_interpchannels.recv, hosts_channel),
            |       channel_close=attempt(_interpchannels.close, hosts_channel),
            |       channel_list=attempt(_interpchannels.list_all))
            |report(own=attempt(_interpchannels.get_count, own), hosts=attempt(_interpchannels.get_count, hosts))
            |_interpqueues.destroy(queue)
            |report(destroyed=attempt(_interpqueues.get, queue))
            """).facts
        self.assertNotIn("error", facts)
        self.assertEqual(facts["got"], repr(("a", 1, b"x")))
        self.assertEqual(facts["received"], repr("b"))
        self.assertEqual((facts["own"][0], facts["hosts"][:3:2]), ("done", ["refused", "ipc"]))
        self.assertEqual((facts["answer"], facts["count"]), ("answer", 0))
        for name in "child_queue", "child_channel":
            self.assertEqual(facts[name], ["refused", "ipc"])
        for name in ("queue", "queue_put", "queue_index", "queue_list", "channel",
                     "channel_close", "channel_list", "destroyed"):
            with self.subTest(name):
                self.assertEqual(facts[name][:3:2], ["refused", "ipc"])


if __name__ == "__main__":
    unittest.main()
