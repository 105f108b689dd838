"""The process that does jobs, one after another, for a supervisor.

It is started by `tlbench.engine.work.supervisor` with the interpreter that the jobs need. A request
is a line of JSON on its standard input, an answer is one on the pipe it was given; nothing is
pickled, so that interpreters of different versions understand each other. It ends when its input
does, which happens when the supervisor stops or dies in whatever way.
"""

import faulthandler
import json
import os
import signal
import sys
import threading
from dataclasses import asdict
from queue import SimpleQueue

from tlbench.engine.work.attempts import read_request
from tlbench.engine.work.interpreters import describe
from tlbench.engine.work.memory import keep_freed_memory
from tlbench.engine.work.worker import attempt


def main(answers: int) -> None:
    """Do what is asked until there is nobody left to ask.

    Interrupts are left to the runner, and memory that jobs free is kept.

    Parameters
    ----------
    answers
        File descriptor of the pipe for answers.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    faulthandler.enable()
    keep_freed_memory()
    os.set_inheritable(answers, False)
    requests: SimpleQueue[str] = SimpleQueue()
    incoming = os.dup(0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    threading.Thread(target=_listen, args=(incoming, requests), daemon=True).start()
    with os.fdopen(answers, "w", encoding="utf-8") as file:
        while True:
            task = read_request(json.loads(requests.get()))
            outcome = attempt(task, capture=True)
            file.write(json.dumps(asdict(outcome)) + "\n")
            file.flush()


def _listen(incoming: int, requests: "SimpleQueue[str]") -> None:
    """Pass requests on, and end the process when there can be no more."""
    with os.fdopen(incoming, encoding="utf-8") as file:
        for line in file:
            requests.put(line)
    os._exit(1)


if __name__ == "__main__":
    if sys.argv[1:] == ["describe"]:
        sys.stdout.write(json.dumps(describe()) + "\n")
    else:
        main(int(sys.argv[1]))
