"""Draws how many times better each row is, from what compare.py --json wrote: plot.py FIGURES.json... PLOT.svg.

Needs gnuplot. A point is the median of the rounds, a line their range."""

import json
import statistics
import subprocess
import sys

HEIGHT_A_ROW = 22  # pixels
SETTINGS = """
set terminal svg size 900,{height} font "sans,12" background rgb "white"
set output "{output}"
set title "times better than a stock nsqd in the same round (more is better)"
set logscale x 10
set xrange [{least}:*]
set yrange [-1:{count}]
set ytics ({labels})
set grid x
set arrow from 1, graph 0 to 1, graph 1 nohead lc rgb "black"
unset key
plot "-" using 2:1:3:4 with xerrorbars pt 7 ps 0.6 lc rgb "#20639b"
{points}
e
"""


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    *inputs, output = sys.argv[1:]
    figures = {}
    for path in inputs:
        with open(path, encoding="utf-8") as file:
            figures.update(json.load(file))
    rows = [(f"{row}: {metric}", figure["better"]) for row, metrics in figures.items()
            for metric, figure in metrics.items() if figure["better"]]
    if not rows:
        sys.exit("no ratios: there was nothing to compare with")
    rows.reverse()  # the first one is on top
    points = "\n".join(f"{place} {statistics.median(better)} {min(better)} {max(better)}"
                       for place, (_, better) in enumerate(rows))
    labels = ", ".join(f'"{label}" {place}' for place, (label, _) in enumerate(rows))
    least = min([0.5, *(min(better) for _, better in rows)])
    script = SETTINGS.format(height=100 + HEIGHT_A_ROW * len(rows), output=output, least=least, count=len(rows),
                             labels=labels, points=points)
    subprocess.run(["gnuplot"], input=script, text=True, check=True)


if __name__ == "__main__":
    main()
