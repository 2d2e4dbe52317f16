"""What the kernel says of processes: CPU time, memory, dropped datagrams. And how results are printed."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


def family(pid: int) -> list[int]:
    """A process and all that descend from it."""
    children: dict[int, list[int]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        children.setdefault(int(fields[1]), []).append(int(folder.name))
    found, new = [pid], [pid]
    while new:
        new = [child for parent in new for child in children.get(parent, [])]
        found += new
    return found


def cpu_s(pids: Iterable[int]) -> float:
    """User and system time of these processes, all threads; those that are gone count nothing."""
    total = 0
    for pid in pids:
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        total += int(fields[11]) + int(fields[12])
    return total / _TICKS


def memory_mb(pids: Iterable[int]) -> tuple[float, float]:
    """Sum of RSS (shared pages counted in each process) and of PSS (counted once), in MB."""
    rss = pss = 0
    for pid in pids:
        try:
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        values = {line.split(":")[0]: int(line.split()[1]) for line in lines if line.endswith("kB")}
        rss += values.get("Rss", 0)
        pss += values.get("Pss", 0)
    return rss / 1024, pss / 1024


def udp_drops(low: int, high: int) -> int:
    """Datagrams that the kernel dropped at open sockets on these ports (full buffers)."""
    lines = Path("/proc/net/udp").read_text().splitlines()[1:]
    found = [(int(line.split()[1].partition(":")[2], 16), int(line.split()[-1])) for line in lines]
    return sum(drops for port, drops in found if low <= port <= high)


def stolen_s() -> float:
    """Time of all cores that the hypervisor gave to others, since boot."""
    return int(Path("/proc/stat").read_text().split()[8]) / _TICKS


def busy_s() -> float:
    """Time of all cores that wasn't idle, since boot."""
    fields = [int(field) for field in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    return (sum(fields) - fields[3] - fields[4]) / _TICKS


def percentile(values: Sequence[float], share: float) -> float:
    """Nearest rank; 0.0 of nothing."""
    if not values:
        return 0.0
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def print_table(rows: Sequence[Sequence[object]]) -> None:
    """First column left, the others right."""
    cells = [[str(cell) for cell in row] for row in rows]
    widths = [max(len(row[i]) for row in cells if i < len(row)) for i in range(max(map(len, cells)))]
    for row in cells:
        first = row[0].ljust(widths[0])
        print("  ".join([first, *(cell.rjust(widths[i + 1]) for i, cell in enumerate(row[1:]))]))


def print_json(values: Mapping[str, object]) -> None:
    """The bench's last line."""
    print(json.dumps({k: round(v, 4) if isinstance(v, float) else v for k, v in values.items()}), flush=True)
