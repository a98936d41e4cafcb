"""Answers from the question alone. `calls.log` has a line for each call; with `limit.txt` the process dies there."""

import os
import time
from pathlib import Path

HERE = Path(__file__).parent
LOG, LIMIT = HERE / "calls.log", HERE / "limit.txt"


def answer(case, messages):
    made = LOG.read_text().splitlines() if LOG.exists() else []
    if LIMIT.exists() and len(made) >= int(LIMIT.read_text()):
        time.sleep(1)  # what was answered before is on disk by then
        os._exit(9)
    with LOG.open("a") as file:
        file.write(messages[-1]["content"] + "\n")
    return f"{messages[0]['content'].split()[-1]} {messages[-1]['content']}"
