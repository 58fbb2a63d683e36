"""`python -m simulator --channel telegram --seed 1 --messages 10000`: simulate, print what came of it; 1 when something was wrong."""

from __future__ import annotations

import argparse

from simulator.platforms import platforms
from simulator.world import Plan, Report, simulate


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m simulator", description="Residents, staff and faults on one channel.")
    parser.add_argument("--channel", choices=sorted(platforms()), default="telegram")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--messages", type=int, default=1000, help="messages to the desk, in all")
    parser.add_argument("--residents", type=int, default=60)
    parser.add_argument("--rough", type=float, default=1.0, help="how much goes wrong on the way: 0 nothing")
    parser.add_argument(
        "--reply-only", type=float, default=0.0, metavar="SHARE",
        help="WeChat: the share of people, 0 to 1, whose account may only reply",
    )
    parser.add_argument("--longest", type=float, default=3600.0, help="seconds of real time, then people stop writing")
    told = parser.parse_args()
    if told.reply_only and told.channel != "wechat":
        parser.error("--reply-only is of accounts of WeChat")
    report = simulate(
        Plan(told.channel, told.seed, told.messages, told.residents, told.rough, told.longest, told.reply_only)
    )
    show(report)
    return 0 if report.ok else 1


def show(report: Report) -> None:
    """The summary."""
    plan = report.plan
    print(f"{plan.channel}, seed {plan.seed}: {report.lived} lived in {report.seconds:.0f} s ({report.digest})")
    for name, count in report.figures.items():
        print(f"  {count:>7}  {name}")
    print("what went wrong on the way:")
    for name, count in sorted(report.happened.items()):
        print(f"  {count:>7}  {name}")
    if report.figures["messages in"] < plan.messages:
        print(f"stopped after {plan.longest:.0f} s, short of the {plan.messages} messages asked for")
    if report.ok:
        print("every message answered, none lost, none twice, no limit passed")
        return
    print(f"{len(report.faults)} findings:")
    for fault in report.faults:
        print(f"  - {fault}")
    print(f"replay: {plan.command}")


if __name__ == "__main__":
    raise SystemExit(main())
