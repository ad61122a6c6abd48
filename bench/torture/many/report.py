"""What a game of many slices has come to, in words."""

from __future__ import annotations

from bench.torture.many.tally import Tally

_MOST_FINDINGS = 20


def report(tally: Tally, seed: int, minutes: float, slices: int, processes: int) -> None:
    print(f"seed {seed}, {minutes:.1f} minutes, {slices} slices of three sources, {processes} processes")
    for name, count in sorted(tally.injected.items()):
        print(f"  {count:6}  {name}")
    print(f"  reach: {tally.kills} kills, {tally.injected['power loss']} crashes of PostgreSQL,", end=" ")
    print(
        f"{tally.injected['connections cut']} connections cut; {tally.grown:,} records came, {tally.changed:,} changed"
    )
    print(
        f"  exit codes: {dict(sorted(tally.exit_codes.items()))}, the slowest stop {tally.slowest_stop:.1f} s;", end=" "
    )
    print(f"of the last syncs {tally.last_syncs}")
    print(f"  runs: {tally.runs}; requests by status: {tally.requests}")
    print(f"  {tally.unheard} requests came early after a refusal that no one could pass on")
    print(f"  {tally.lateness}")
    print(f"  the process that was left alone: {tally.memory}")
    print(f"  {tally.totals} comparisons of the totals; {tally.events:,} records served compared with", end=" ")
    print(f"{tally.stored:,} stored and {tally.rejected:,} rejected")
    for finding in tally.wrong[:_MOST_FINDINGS]:
        print(f"WRONG: {finding}")
    print("nothing was lost, nothing came twice" if not tally.wrong else f"{len(tally.wrong)} findings")
