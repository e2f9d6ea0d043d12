# SPDX-License-Identifier: GPL-3.0-or-later
"""What was measured, as a table for people and as JSON lines for programs."""

import json
import os
import statistics

NOISE = 0.10
COUNTED = {"connection_syscalls", "idle_bytes"}  # not timed: small differences are real


class Report:
    def __init__(self, path):
        self.rows = []
        self.file = open(path, "w")
        folder = os.stat(os.path.dirname(os.path.abspath(path)))
        os.chown(path, folder.st_uid, folder.st_gid)  # whoever builds can also clean, though we ran as root

    def compare(self, name, unit, samples, bars=None, remark=""):
        """One row for each peer. samples: contestant -> values, the nth of each from the same round.

        bars: peer -> highest ratio that is good enough.
        """
        ours = samples.get("postern")
        for peer, values in samples.items():
            if peer == "postern" or not values:
                continue
            if not ours:
                self.add(name, unit, None, statistics.median(values), peer, [], remark="ours was not measured")
                continue
            ratios = [a / b for a, b in zip(ours, values) if b]
            self.add(name, unit, statistics.median(ours), statistics.median(values), peer, ratios,
                     bar=(bars or {}).get(peer), bar_of="ratio", remark=remark)
        if ours and not any(values for peer, values in samples.items() if peer != "postern"):
            self.single(name, unit, ours, remark="no peer was measured")

    def single(self, name, unit, values, bar=None, peer=None, remark=""):
        """Ours alone, held against a bar of its own; `peer` if the remark says why that one has no figure."""
        self.add(name, unit, statistics.median(values), None, peer, [], bar=bar, bar_of="ours", remark=remark,
                 spread_of=values)

    def limit(self, name, unit, samples, bar, remark=""):
        """Rows as by compare(), with the bar on our own figure."""
        ours = samples["postern"]
        self.single(name, unit, ours, bar=bar, remark=remark)
        if len(samples) > 1:
            self.compare(name, unit, samples, remark=remark)

    def add(self, name, unit, ours, peer_value, peer, ratios, bar=None, bar_of="ratio", remark="",
            spread_of=None):
        ratio = statistics.median(ratios) if ratios else None
        measured = ratio if bar_of == "ratio" else ours
        slack = NOISE if bar_of == "ratio" and bar == 1.0 else 0.0
        met = None if bar is None or measured is None else measured <= bar + slack
        if ratio is not None and abs(ratio - 1) < NOISE and name not in COUNTED:
            remark = "; ".join(filter(None, [f"within the noise of {NOISE:.0%}", remark]))
        spread = ratios if ratios else spread_of or []
        row = {
            "name": name, "ours": ours, "peer": peer_value, "peer_name": peer, "ratio": ratio, "unit": unit,
            "spread": [min(spread), max(spread)] if spread else None, "spread_of": "ratio" if ratios else "ours",
            "rounds": len(spread), "bar": bar, "bar_of": bar_of if bar is not None else None, "met": met,
            "remark": remark,
        }
        self.rows.append(row)
        self.file.write(json.dumps(row) + "\n")
        self.file.flush()

    def note(self, name, peer, remark):
        """A peer that has no figure here, and why."""
        self.add(name, None, None, None, peer, [], remark=remark)

    def table(self):
        head = ("metric", "unit", "ours", "peer", "", "ratio", "spread", "bar", "", "remark")
        lines = [head] + [self.cells(row) for row in self.rows]
        widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
        right = {2, 4, 5, 7}
        out = []
        for line in lines:
            cells = [c.rjust(w) if i in right else c.ljust(w) for i, (c, w) in enumerate(zip(line, widths))]
            out.append("  ".join(cells).rstrip())
        out.insert(1, "-" * max(len(line) for line in out))
        return "\n".join(out)

    @staticmethod
    def cells(row):
        spread = row["spread"]
        bar = "" if row["bar"] is None else f"<= {figure(row['bar'])}"
        return (
            row["name"], row["unit"] or "", figure(row["ours"]), row["peer_name"] or "", figure(row["peer"]),
            figure(row["ratio"]), "" if not spread else f"{figure(spread[0])}..{figure(spread[1])}", bar,
            {True: "yes", False: "NO", None: ""}[row["met"]], row["remark"],
        )


def figure(value):
    if value is None:
        return ""
    if abs(value) >= 100:
        return f"{value:.0f}"
    if abs(value) >= 10:
        return f"{value:.1f}"
    if abs(value) >= 1:
        return f"{value:.2f}"
    return f"{value:.3f}" if abs(value) >= 0.01 or not value else f"{value:.2g}"
