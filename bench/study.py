#!/usr/bin/env python3
"""Measures `make study` beside one owner of all rows: what each of its four processes takes, and what an audit does.

usage: study.py [--bin FOLDER] [--out FOLDER] [--runs N] [--samples N] [--parameters NAME]

Runs examples/study.py --union, which has the study and then the one owner with the same settings, and looks at its processes every
tenth of a second (/proc). When something was done is read off the exchange's and the folders' files. CPU time is of all threads, the
system's too: where others use the machine it says more than the clock. One JSON object to stdout.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TICK = os.sysconf("SC_CLK_TCK")


def status_of(pid):
    """(parent, CPU seconds, bytes in memory, the most of them, command line) of a process; None where it is gone."""
    try:
        folder = Path("/proc") / str(pid)
        fields = (folder / "stat").read_text().rsplit(")", 1)[1].split()
        lines = dict(line.split(":", 1) for line in (folder / "status").read_text().splitlines())
        command = (folder / "cmdline").read_bytes().decode(errors="replace").split("\0")
        return (int(fields[1]), (int(fields[11]) + int(fields[12])) / TICK, 1024 * int(lines["VmRSS"].split()[0]),
                1024 * int(lines["VmHWM"].split()[0]), command)
    except (OSError, KeyError, IndexError, ValueError):
        return None


def role_of(command):
    """Whose process it is: clinic-a, server; of the one owner, one and one-server; empty: nobody's who is measured."""
    name = Path(command[0]).name
    if name not in ("blindtuner", "blindtuner-server") or len(command) < 2:
        return ""
    if command[1] == "study" and "--folder" in command:
        folder = Path(command[command.index("--folder") + 1])
        return folder.parent.name if folder.name == "study" else folder.name
    return {"finetune": "one", "train": "one-server"}.get(command[1], "")


class Watch:
    """What the descendants of a process take, by role, while it runs."""

    def __init__(self, steps):
        self.steps = steps  # role -> a file that is another one after each step
        self.cpu, self.peak, self.together = {}, {}, 0
        self.timeline = {}  # role -> [(time, CPU seconds)]
        self.done = {role: [] for role in steps}  # [(time, CPU seconds)] at each step
        self.seen = {role: None for role in steps}

    def look(self, root):
        processes = {int(p.name): s for p in Path("/proc").iterdir() if p.name.isdigit() and (s := status_of(p.name))}
        together, now = 0, time.time()
        for pid, (parent, cpu, memory, peak, command) in processes.items():
            while parent in processes and parent != root:
                parent = processes[parent][0]
            role = role_of(command)
            if parent != root or not role:
                continue
            self.cpu[role, pid] = cpu
            self.peak[role] = max(self.peak.get(role, 0), peak)
            total = sum(c for (r, _), c in self.cpu.items() if r == role)
            self.timeline.setdefault(role, []).append((now, total))
            if not role.startswith("one"):
                together += memory
        self.together = max(self.together, together)
        for role, file in self.steps.items():
            at = file.stat().st_mtime if file.exists() else None
            if at and at != self.seen[role] and role in self.timeline:
                self.done[role].append((at, self.timeline[role][-1][1]))
            self.seen[role] = at

    def run(self, command):
        with subprocess.Popen([str(c) for c in command], stdout=sys.stderr) as child:
            while child.poll() is None:
                self.look(child.pid)
                time.sleep(0.1)
        if child.returncode != 0:
            sys.exit(f"study.py: {Path(command[0]).name} failed")

    def cpu_between(self, role, begin, end):
        inside = [cpu for at, cpu in self.timeline[role] if begin <= at <= end]
        return inside[-1] - inside[0]

    def steps_of(self, role):
        """(seconds, CPU seconds) of a step in the middle, the first two left out: one has no softmax, one touches the memory first."""
        done = self.done[role]
        pairs = [(b[0] - a[0], b[1] - a[1]) for a, b in zip(done[1:], done[2:])]
        return tuple(statistics.median(p[i] for p in pairs) for i in (0, 1)) if pairs else (None, None)


def measured(o, out):
    watch = Watch({"server": out / "server/s1/checkpoint.enc"})
    watch.run([ROOT / "examples/study.py", "--bin", o.bin, "--out", out, "--samples", o.samples, "--union",
               *(["--parameters", o.parameters] if o.parameters else [])])
    exchange = out / "exchange"
    names = sorted(p.name.removeprefix("join-") for p in exchange.glob("join-*") if p.name != "join-server")

    def at(*files):
        return max(file.stat().st_mtime for file in files)
    begin, keys = at(exchange / "draft"), at(exchange / "ready-s1-server")
    data, model = at(*(exchange / f"data-s1-{n}" for n in names)), at(exchange / "model-file-s1-server")
    end = at(*(out / n / "study/report.json" for n in names))
    step, step_cpu = watch.steps_of("server")
    one = json.loads((out / "one/report.json").read_text())
    steps = [s["seconds"] for s in one.get("seconds_per_step", [])[2:]]
    one_cpu = max(cpu for (role, _), cpu in watch.cpu.items() if role == "one-server")
    report = json.loads((out / names[0] / "study/report.json").read_text())
    return {
        "seconds": {"whole": end - begin, "set_up": keys - begin, "statistics_and_data": data - keys,
                    "training": model - data, "opening": end - model, "step": step},
        "cpu_seconds": {"set_up": {n: watch.cpu_between(n, begin, keys) for n in [*names, "server"]},
                        "training": watch.cpu_between("server", data, model), "step": step_cpu},
        "peak_memory_bytes": {"together": watch.together, **{n: watch.peak[n] for n in [*names, "server"]}},
        "bytes": {"sent": {n: sum(p.stat().st_size for p in exchange.glob(f"*-{n}")) for n in names},
                  "exchange": sum(p.stat().st_size for p in exchange.iterdir() if p.is_file())},
        "accuracy": report["together"]["accuracy"],
        "one_owner": {
            "seconds": {"training": one["seconds_server"]["total"], "step": statistics.median(steps) if steps else None},
            "cpu_seconds": {"training": one_cpu}, "peak_memory_bytes": {k: watch.peak[k] for k in ("one", "one-server")},
            "accuracy": one["accuracy_encrypted"]},
    }


def audited(o, out):
    """The whole training computed again, out of the exchange."""
    begin, before = time.monotonic(), os.times()
    with subprocess.Popen([o.bin / "blindtuner-server", "study", "--audit", "all", "--folder", out / "auditor", "--exchange",
                           out / "exchange", "--quiet", *(["--allow-insecure-parameters"] if o.parameters else [])],
                          stdout=subprocess.DEVNULL) as child:
        peak = 0
        while child.poll() is None:
            status = status_of(child.pid)
            peak = max(peak, status[3] if status else 0)
            time.sleep(0.1)
    if child.returncode != 0:
        sys.exit("study.py: the audit failed")
    after = os.times()
    return {"seconds": time.monotonic() - begin, "peak_memory_bytes": peak,
            "cpu_seconds": after.children_user + after.children_system - before.children_user - before.children_system}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bin", type=Path, default=ROOT / "build/release/bin")
    parser.add_argument("--out", type=Path, default=ROOT / "build/bench/study")
    parser.add_argument("--runs", type=int, default=1, help="studies, each with the one owner after it")
    parser.add_argument("--samples", type=int, default=0)
    parser.add_argument("--parameters", default="", help="a parameter set for tests")
    o = parser.parse_args()
    runs = [measured(o, o.out) for _ in range(o.runs)]
    print(json.dumps({"runs": runs, "audit": audited(o, o.out)}, indent=1))


if __name__ == "__main__":
    main()
