"""Measures this server beside a stock nsqd, in turn, and prints a table.

    NSQD=build/bin/nsqd python3 tests/bench/compare.py --stock=PATH [--nats=PATH] [--rounds=5] [--rows=NAME,...] [--json=FILE]

Every round measures all servers one after the other; the table has the median of the rounds, their range, and the ratio
of the servers of each round. Needs nsq_load beside the server in NSQD (cmake -DBENCH=ON). Without --stock it measures
this server alone. README.md beside this file tells of the method."""

import argparse
import json
import os
import statistics
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import speed_rows  # noqa: E402
import storage_rows  # noqa: E402
import storm_rows  # noqa: E402
from bench_server import Contender, check_programs  # noqa: E402
from nats_server import NatsContender  # noqa: E402
from nsqtest import raise_file_limit  # noqa: E402
from nsqtest.server import binary  # noqa: E402

ROWS = speed_rows.ROWS + storage_rows.ROWS + storm_rows.ROWS
MORE_IS_BETTER = ("/s", "messages")


def shown(value, unit):
    if unit == "/s":
        return f"{value / 1e6:.2f}M/s" if value >= 1e6 else f"{value / 1e3:.1f}k/s" if value >= 1e4 else f"{value:,.0f}/s"
    if unit == "messages":
        return f"{value / 1e6:,.2f}M"
    if unit == "MB":
        return f"{value / 1e6:,.0f} MB"
    if unit == "s":
        return f"{value:,.1f} s" if value >= 1 else f"{value * 1e3:,.0f} ms" if value >= 0.1 else f"{value * 1e3:.2f} ms"
    return f"{value:.2f} {unit}"


def spread(values, unit):
    """The median, and the range where there is one."""
    text = shown(statistics.median(values), unit)
    if len(values) > 1:
        text += f" ({shown(min(values), unit)} to {shown(max(values), unit)})"
    return text


def times_better(stock, ours, unit):
    """Round by round."""
    pairs = [(s, o) if unit in MORE_IS_BETTER else (o, s) for s, o in zip(stock, ours)]
    return [good / base for base, good in pairs if base > 0]


def print_row(row, metrics, contenders):
    """The ratio is that of the last server and the first one."""
    for metric, (unit, values) in metrics.items():
        cells = [f"{row.title}: {metric}",
                 *(spread(values[each.name], unit) if each.name in values else "" for each in contenders)]
        if len(contenders) > 1:
            ratios = times_better(values.get(contenders[0].name, []), values[contenders[-1].name], unit)
            cells.append(f"{statistics.median(ratios):,.1f}" if ratios else "")
            if len(ratios) > 1:
                cells[-1] += f" ({min(ratios):,.1f} to {max(ratios):,.1f})"
        print("| " + " | ".join(cells) + " |", flush=True)


def measure(row, contenders, rounds):
    """Returns {metric: (unit, {contender: [value of each round]})}."""
    metrics = {}
    for number in range(rounds):
        for contender in contenders:
            print(f"{row.name}: round {number + 1} of {rounds}, {contender.name}", file=sys.stderr, flush=True)
            for metric, (value, unit) in contender.measure(row).items():
                metrics.setdefault(metric, (unit, {}))[1].setdefault(contender.name, []).append(value)
    return metrics


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stock", help="path of a stock nsqd")
    parser.add_argument("--nats", help="path of a nats-server, for the rows it has a counterpart of")
    parser.add_argument("--server", action="append", default=[], metavar="NAME=PATH",
                        help="one more build of this server, such as one before a change; can be repeated")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--rows", help=f"only these, of {', '.join(row.name for row in ROWS)}")
    parser.add_argument("--json", help="file for all figures")
    arguments = parser.parse_args()
    wanted = arguments.rows.split(",") if arguments.rows else [row.name for row in ROWS]
    if unknown := set(wanted) - {row.name for row in ROWS}:
        parser.error(f"no such row: {', '.join(sorted(unknown))}; there are {', '.join(row.name for row in ROWS)}")
    raise_file_limit()
    contenders = [Contender("stock", arguments.stock, True)] if arguments.stock else []
    try:
        check_programs()
        if arguments.nats:
            contenders.append(NatsContender(arguments.nats))
    except RuntimeError as error:
        parser.error(str(error))
    for server in arguments.server:
        name, _, program = server.partition("=")
        contenders.append(Contender(name, program, False))
    contenders.append(Contender("ours", binary(), False))
    columns = ["", *(each.name for each in contenders), *(["times better"] if len(contenders) > 1 else [])]
    print("| " + " | ".join(columns) + " |\n|" + "---|" * len(columns), flush=True)
    results = {}
    for row in ROWS:
        if row.name in wanted:
            metrics = measure(row, contenders, arguments.rounds)
            print_row(row, metrics, contenders)
            results[row.name] = {metric: {"unit": unit, "values": values,
                                          "better": times_better(values.get(contenders[0].name, []), values["ours"], unit)}
                                 for metric, (unit, values) in metrics.items()}
    if arguments.json:
        with open(arguments.json, "w", encoding="utf-8") as file:
            json.dump(results, file, indent=1)


if __name__ == "__main__":
    main()
