"""Figures beside their targets: one table for the terminal and Markdown, one JSON file."""

import dataclasses
import json
import os
import statistics

import rig


@dataclasses.dataclass
class Figure:
    """One line of the table. values: one a round."""

    work: str
    unit: str
    values: list
    target: float = None
    at_most: bool = False  # a target is the least that is wanted, otherwise
    peer: str = ""
    ratios: list = dataclasses.field(default_factory=list)  # to the peer in the same round
    least_ratio: float = None

    @property
    def median(self):
        return statistics.median(self.values)

    def digits(self):
        """Of ten and more none are needed behind the point."""
        return 0 if self.median >= 10 else 1

    def target_text(self):
        parts = []
        if self.target is not None:
            parts.append(f"{'≤' if self.at_most else '≥'} {self.target:,g} {self.unit}")
        if self.least_ratio is not None:
            parts.append(f"≥ {self.least_ratio:g} × {self.peer}")
        return ", ".join(parts)

    def ratio_text(self):
        return f"{statistics.median(self.ratios):.2f} × {self.peer}" if self.ratios else ""

    def reached(self):
        """None where there is no target."""
        met = []
        if self.target is not None:
            met.append(self.median <= self.target if self.at_most else self.median >= self.target)
        if self.least_ratio is not None:
            met.append(statistics.median(self.ratios) >= self.least_ratio)
        return all(met) if met else None

    def cells(self):
        reached = {None: "", True: "yes", False: "no"}[self.reached()]
        median, spread = rig.spread(self.values, self.digits()).split(" | ")
        return [self.work, self.target_text(), f"{median} {self.unit}", spread, self.ratio_text(), reached]


HEAD = ["work", "target", "median", "lowest – highest", "beside", "reached"]


def markdown(figures):
    lines = [HEAD, ["---"] * len(HEAD), *(f.cells() for f in figures)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def plain(figures):
    """For a terminal: columns as wide as they must be."""
    lines = [HEAD, *(f.cells() for f in figures)]
    widths = [max(len(line[n]) for line in lines) for n in range(len(HEAD))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in lines)


def write_files(directory, heading, text, figures):
    """bench.md and bench.json."""
    os.makedirs(directory, exist_ok=True)
    with open(os.path.join(directory, "bench.md"), "w", encoding="utf-8") as f:
        f.write("\n\n".join(part for part in (heading, markdown(figures) if figures else "", text) if part) + "\n")
    rows = [{**dataclasses.asdict(f), "median": f.median, "reached": f.reached()} for f in figures]
    with open(os.path.join(directory, "bench.json"), "w", encoding="utf-8") as f:
        json.dump({"heading": heading, "figures": rows}, f, indent=1, ensure_ascii=False)
        f.write("\n")
