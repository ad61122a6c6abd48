"""Importing any module of ours neither reads the command line nor the environment, and commands import little."""

from __future__ import annotations

import json
import subprocess
import sys

_WATCHED = """
import collections, importlib, json, os, pkgutil, sys, traceback
import datasync_spider

package = os.path.dirname(datasync_spider.__file__)
looks = []

def note(what):
    caller = traceback.extract_stack()[-3].filename
    if caller.startswith(package):
        looks.append(f"{what} by {os.path.relpath(caller, package)}")

class Arguments(list):
    def __getitem__(self, index):
        note("argv")
        return super().__getitem__(index)
    def __iter__(self):
        note("argv")
        return super().__iter__()

class Environment(collections.UserDict):
    def __getitem__(self, name):
        note(f"environment {name}")
        return super().__getitem__(name)
    def __contains__(self, name):
        note(f"environment {name}")
        return super().__contains__(name)
    def __iter__(self):
        note("environment")
        return super().__iter__()
    def get(self, name, default=None):
        note(f"environment {name}")
        return self.data.get(name, default)

sys.argv = Arguments(sys.argv)
os.environ = Environment(dict(os.environ))
names = [m.name for m in pkgutil.walk_packages(datasync_spider.__path__, "datasync_spider.")]
for name in names:
    importlib.import_module(name)
print(json.dumps([len(names), looks]))
"""
_COMMANDS = """
import importlib, json, pkgutil, sys
import datasync_spider.commands as commands

for module in pkgutil.iter_modules(commands.__path__):
    importlib.import_module(f"datasync_spider.commands.{module.name}")
print(json.dumps(sorted(name for name in sys.modules if name.startswith("datasync_spider."))))
"""
# What only one command works with.
_OF_ONE = ("dashboard", "submission", "verification", "discovery", "deadletters", "apiclient", "wire")


def _reported(program: str) -> list[object]:
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    reported: list[object] = json.loads(run.stdout.splitlines()[-1])
    return reported


def test_no_import_reads_the_command_line_or_the_environment() -> None:
    modules, looks = _reported(_WATCHED)
    assert isinstance(modules, int)
    assert modules > 200
    assert looks == []


def test_a_command_does_not_pay_for_what_the_others_work_with() -> None:
    imported = _reported(_COMMANDS)
    assert "datasync_spider.commands.submit" in imported
    assert [name for name in imported if str(name).split(".")[1] in _OF_ONE] == []
