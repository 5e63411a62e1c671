"""Processes in place of one that notifies, which import nothing."""

import multiprocessing
import os
import time
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess


def ends(wire: "Connection[str, str]", code: int) -> None:
    """End at once."""
    del wire
    os._exit(code)


def obeys(wire: "Connection[str, str]", code: int) -> None:
    """End when told to, with the code of the word."""
    os._exit({"stop": code, "finish": code + 1}[wire.recv()])


def hears_nothing(wire: "Connection[str, str]", code: int) -> None:
    """Stay."""
    time.sleep(600)
    ends(wire, code)


def started(how: str, code: int) -> tuple[BaseProcess, "Connection[str, str]"]:
    """Start one of them."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=globals()[how], args=(theirs, code))
    process.start()
    theirs.close()
    return process, ours
