#!/usr/bin/env python3
# Copyright (c) 2026 The opslot authors
# Distributed under the Boost Software License, Version 1.0.
"""Draws the results of the benchmarks: SVG by gnuplot, for light and dark.

Usage: bench/plot.py [RESULTS [DIRECTORY]]
  RESULTS    by default build/bench/results.json
  DIRECTORY  where the plots go, by default the directory of RESULTS
"""

import json
import pathlib
import re
import subprocess
import sys

# Of each plot, its suites.
PLOTS = {
    "echo": ["echo"],
    "streams": [
        "forms", "pipelined", "broadcast", "foreign_thread", "timeouts",
        "accept_churn", "http", "tls", "coroutines", "two_threads"],
    "queued_sends": ["queued_sends"],
    "datagrams": ["udp_receive", "udp_send", "udp_echo", "bursts"],
    "files": ["files"],
}

# What asio is compared with: a color that is seen on white and on black, and
# one of gnuplot's shapes.
SERVERS = {
    "asio_concrete": ("#8c8c8c", 6),
    "slotted": ("#2f9e44", 8),
    "opslot": ("#e8590c", 7),
    "epoll": ("#1c7ed6", 5),
    "libuv": ("#ae3ec9", 11),
}

PANELS = [("rate_ratio", "rate / rate of asio (more is better)"),
          ("cpu_ratio", "CPU time / that of asio (less is better)")]

# Stands for the color of text until gnuplot is done.
TEXT = "#010203"

ROW_HEIGHT = 22
WIDTH = 1000


def cells_of(results, suites):
    """The names of the cells, in their order, with the rows of each."""
    cells = {}
    for suite in suites:
        for row in results:
            if row["suite"] == suite:
                prefix = "" if len(suites) == 1 else suite + ", "
                cells.setdefault(prefix + row["cell"], []).append(row)
    return cells


def limits(cells, figure):
    """The ends of an axis, which has 1 in it."""
    values = [row[figure] for rows in cells.values() for row in rows
              if row[figure]]
    low = min(values + [0.8]) / 1.1
    high = max(values + [1.25]) * 1.1
    return low, high


def tics(low, high):
    steps = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200]
    if high / low < 6:
        steps = [0.25, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.1, 1.25, 1.5,
                 2, 2.5, 3]
    return ", ".join(str(s) for s in steps if low <= s <= high)


def panel(cells, figure, title, names):
    """The commands for one half of a plot."""
    low, high = limits(cells, figure)
    places = {name: len(cells) - i for i, name in enumerate(cells)}
    commands = [
        f"set xrange [{low}:{high}]",
        f"set xtics ({tics(low, high)}) textcolor rgb '{TEXT}'",
        f"set xlabel '{title}' textcolor rgb '{TEXT}'",
        f"set yrange [0.3:{len(cells) + 0.7}]",
    ]
    if names:
        labels = ", ".join(f"'{n}' {y}" for n, y in places.items())
        commands.append(f"set ytics ({labels}) textcolor rgb '{TEXT}'")
    else:
        labels = ", ".join(f"'' {y}" for y in places.values())
        commands.append(f"set ytics ({labels})")
    data, curves = [], []
    for server, (color, shape) in SERVERS.items():
        points = [f"{row[figure]} {places[name]}"
                  for name, rows in cells.items() for row in rows
                  if row["server"] == server and row[figure]]
        if points:
            block = f"${server}_{figure}"
            data += [f"{block} << EOD", *points, "EOD"]
            curves.append(f"{block} using 1:2 with points pt {shape} ps 0.9 "
                          f"lc rgb '{color}' title '{server}'")
    commands.append(f"set arrow 1 from 1,graph 0 to 1,graph 1 nohead "
                    f"lc rgb '{TEXT}' lw 1.5")
    return data + commands + ["plot " + ", ".join(curves)]


def legend():
    """One line above both halves: a plot of nothing."""
    curves = ", ".join(
        f"NaN with points pt {shape} ps 0.9 lc rgb '{color}' title '{server}'"
        for server, (color, shape) in SERVERS.items())
    return ["set lmargin at screen 0.02", "unset border", "unset tics",
            "unset xlabel", "unset grid", "unset arrow 1",
            "set key at screen 0.98,0.985 right top horizontal "
            f"textcolor rgb '{TEXT}'",
            "plot " + curves]


def script_for(cells, file):
    margin = max(len(name) for name in cells) * 8 + 40
    height = len(cells) * ROW_HEIGHT + 110
    left = margin / WIDTH
    middle = left + (1 - left) / 2
    lines = [
        f"set terminal svg size {WIDTH},{height} dynamic "
        "noenhanced font 'sans-serif,12'",
        f"set output '{file}'",
        f"set border 3 lc rgb '{TEXT}'",
        "set grid lc rgb '#888888' lw 0.3",
        "unset key",
        "set logscale x",
        "set tics nomirror",
        "set multiplot",
        "set tmargin 3",
        "set bmargin 4",
        f"set lmargin at screen {left}",
        f"set rmargin at screen {middle - 0.01}",
        *panel(cells, *PANELS[0], names=True),
        f"set lmargin at screen {middle + 0.01}",
        "set rmargin at screen 0.985",
        *panel(cells, *PANELS[1], names=False),
        *legend(),
        "unset multiplot",
    ]
    return "\n".join(lines) + "\n"


def follow_color_scheme(file):
    """Text and axes get the color that the reader's system prefers."""
    text = file.read_text()
    number = re.compile(r"rgb\(\s*1,\s*2,\s*3\)|" + TEXT)
    text = number.sub("currentColor", text)
    style = ("<style>svg{color:#24292f}"
             "@media(prefers-color-scheme:dark){svg{color:#d0d7de}}</style>")
    text = re.sub(r"(<svg[^>]*>)", r"\1\n" + style, text, count=1)
    file.write_text(text)


def main():
    results_file = pathlib.Path(
        sys.argv[1] if len(sys.argv) > 1 else "build/bench/results.json")
    directory = pathlib.Path(
        sys.argv[2] if len(sys.argv) > 2 else results_file.parent)
    results = json.loads(results_file.read_text())
    for name, suites in PLOTS.items():
        cells = cells_of(results, suites)
        if not cells:
            continue
        file = directory / f"{name}.svg"
        subprocess.run(["gnuplot"], input=script_for(cells, file), text=True,
                       check=True)
        follow_color_scheme(file)
        print(file)


if __name__ == "__main__":
    if "--help" in sys.argv:
        print(__doc__)
    else:
        main()
