"""A Ray cluster of two nodes on this machine, in a separate process because of Ray's sockets, controlled by pipes.

As a program it prints its address, and then reads one command per line: "workers" prints the nodes of evalgate's
workers, "crash" kills the worker on the first node, "kill" kills the second node's processes. Any other line, or the end
of the input, stops the cluster.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

MEMORY = 80 * 1024 * 1024
NODE = {"num_cpus": 1, "object_store_memory": MEMORY, "include_dashboard": False}


class TwoNodes:
    """The cluster in tests; `close` ends all its processes in any case."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        environment = {**os.environ, "RAY_USAGE_STATS_ENABLED": "0", "PYTHONWARNINGS": "default"}
        self._process = subprocess.Popen(
            [sys.executable, __file__, str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment,
            start_new_session=True,
        )
        try:
            self.address: str = self.ask("")
        except Exception:
            self.close()
            raise

    def ask(self, order: str) -> Any:
        """Send a command, and return the cluster's reply."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        if order:
            self._process.stdin.write(order + "\n")
            self._process.stdin.flush()
        for line in self._process.stdout:
            if line.startswith("> "):
                return json.loads(line[2:])
        raise RuntimeError("the cluster has ended")

    def close(self) -> None:
        try:
            self._process.communicate(timeout=30)
        except subprocess.TimeoutExpired:
            pass
        finally:
            if self._process.poll() is None:
                os.killpg(self._process.pid, signal.SIGKILL)  # Ray's reaper and its nodes are in this process group
                self._process.communicate()


def main() -> None:
    from ray.cluster_utils import Cluster

    def say(what: object) -> None:
        sys.stdout.write(f"> {json.dumps(what)}\n")
        sys.stdout.flush()

    # Ray writes the address of the newest cluster there, but does not create the folder
    os.environ["RAY_TMPDIR"] = sys.argv[1]
    Path(sys.argv[1], "ray").mkdir(exist_ok=True)
    cluster = Cluster(initialize_head=True, head_node_args={**NODE, "temp_dir": sys.argv[1]})
    try:
        second = cluster.add_node(**NODE)
        say(cluster.address)
        for line in sys.stdin:
            if line == "workers\n":
                say(sorted(node for node, _ in workers(cluster)))
            elif line == "crash\n":
                (pid,) = [pid for node, pid in workers(cluster) if node == cluster.head_node.node_id]
                os.kill(pid, signal.SIGKILL)
                say("crashed")
            elif line == "kill\n":
                cluster.remove_node(second, allow_graceful=False)
                say("killed")
            else:
                break
    finally:
        cluster.shutdown()


def workers(cluster: Any) -> list[tuple[str, int]]:
    """List the node and the process of each live actor."""
    actors = cluster.global_state.actor_table(None).values()
    return [(actor["Address"]["NodeID"], actor["Pid"]) for actor in actors if actor["State"] == "ALIVE"]


if __name__ == "__main__":
    main()
