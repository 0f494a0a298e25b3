#!/usr/bin/env python3
"""Brute-force reference for funnels.

Writes random inputs with their answers, tab-separated, of two kinds:

    J  journey  steps  within  ordering  step_within  min_gap  exclude  step_exclude  same  entry  grace  level
    W  times  masks  steps  window  mode  level

J: journey_funnel, every choice of events for every step tried. W: window_funnel
in the modes that try every attempt, each attempt followed row by row.

    funnel_oracle.py SEED COUNT > answers.tsv
"""
import random
import sys
from datetime import datetime, timedelta, timezone

EPOCH = datetime(2026, 1, 1, tzinfo=timezone.utc)


def stamp(seconds):
    return (EPOCH + timedelta(seconds=seconds)).strftime("%Y-%m-%d %H:%M:%S+00")


def funnel_level(events, case):
    """events: (time, name, item) in stored order."""
    steps, n = case["steps"], len(events)
    required = [i for i, s in enumerate(steps) if not s.endswith("?")]

    def fits(step, i):
        return events[i][1] in step.rstrip("?").strip("[]").split("|")

    def whole(i):
        """With same, an event without the item takes no part."""
        return not case["same"] or events[i][2] is not None

    entries = [i for i in range(n) if whole(i) and any(fits(steps[s], i) for s in range(required[0] + 1))]
    if case["entry"] != "best":
        entries = entries[:1] if case["entry"] == "first" else entries[-1:]

    def gap_allows(used, b, s):
        """From the last event used to event b, which is to be step s; what lies between the steps before counts."""
        a = used[-1]
        ta, tb = events[a][0], events[b][0]
        if case["ordering"] == "exact":
            if b != a + 1:
                return False
        elif case["ordering"] == "strict":
            if b <= a:
                return False
            stay = [s - 1]
            while stay[-1] > 0 and steps[stay[-1]].endswith("?"):
                stay.append(stay[-1] - 1)
            if any(not any(fits(steps[p], x) for p in stay) for x in range(a + 1, b)):
                return False
        elif any(events[u][0] - tb > (case["grace"] or 0) for u in used):
            return False
        if case["step_within"] and case["step_within"][s - 1] is not None and tb - ta > case["step_within"][s - 1]:
            return False
        if case["min_gap"] and case["min_gap"][s - 1] is not None and tb - ta < case["min_gap"][s - 1]:
            return False
        bad = [case["exclude"]] if case["exclude"] else []
        if case["step_exclude"] and case["step_exclude"][s - 1]:
            bad.append(case["step_exclude"][s - 1])
        if any(min(ta, tb) < t < max(ta, tb) and name in bad for t, name, _ in events):
            return False
        return not case["same"] or (events[a][2] is not None and events[a][2] == events[b][2])

    best = 0

    def go(used, s, level):
        """The next step to take is s."""
        nonlocal best
        best = max(best, level)
        if s == len(steps):
            return
        if steps[s].endswith("?"):
            go(used, s + 1, level)
        for i in (entries if not used else range(n)):
            if i in used or not fits(steps[s], i):
                continue
            if not used and case["same"] and events[i][2] is None:
                continue
            if used and not gap_allows(used, i, s):
                continue
            if used and case["within"] is not None and events[i][0] - events[used[0]][0] > case["within"]:
                continue
            go(used + (i,), s + 1, level + (not steps[s].endswith("?")))

    def any_order(start):
        reach = []
        for i in range(start, n):
            if case["within"] is not None and events[i][0] - events[start][0] > case["within"]:
                break
            if events[i][0] > events[start][0] and events[i][1] == case["exclude"]:
                break
            if i == start or not case["same"] or (events[i][2] is not None and events[i][2] == events[start][2]):
                reach.append(i)

        def assign(k, left):
            if k == len(reach):
                return 0
            options = [assign(k + 1, left)] if k > 0 else []
            options += [1 + assign(k + 1, left - {s}) for s in left if fits(steps[s], reach[k])]
            return max(options, default=0)
        return assign(0, frozenset(required))

    if case["ordering"] == "any":
        starts = [i for i in range(n) if whole(i) and any(fits(steps[s], i) for s in required)]
        if case["entry"] != "best":
            starts = starts[:1] if case["entry"] == "first" else starts[-1:]
        return max([any_order(i) for i in starts], default=0)
    go((), 0, 0)
    return best


def funnel_case(rng):
    n, spread = rng.randint(0, 7), rng.choice([3, 12])
    events = [(rng.randint(0, spread), rng.choice("aabbccx"), rng.choice(["p", "p", "q", None])) for _ in range(n)]
    events.sort(key=lambda e: (e[0], e[1], (0, "") if e[2] is None else (1, e[2])))
    count = rng.randint(1, 4)
    steps = [rng.choice(["a", "b", "c", "[a|b]", "[b|c]"]) for _ in range(count)]
    ordering = rng.choice(["ordered", "ordered", "strict", "exact", "any"])
    steps = [s + ("?" if rng.random() < 0.2 else "") for s in steps]
    if all(s.endswith("?") for s in steps):
        steps[0] = steps[0][:-1]
    grace = rng.choice([0, 1, 2, 3]) if ordering == "ordered" and rng.random() < 0.6 else None
    gaps = count - 1
    free = ordering != "any" and gaps > 0

    def per_gap(chance, low, high):
        if not free or rng.random() > chance:
            return None
        return [None if rng.random() < 0.3 else rng.randint(low, high) for _ in range(gaps)]
    return events, {
        "steps": steps, "ordering": ordering,
        "within": rng.randint(0, 10) if rng.random() < 0.5 else None,
        "step_within": per_gap(0.3, 0, 6), "min_gap": per_gap(0.2, 0, 3),
        "exclude": "x" if rng.random() < 0.3 else None,
        "step_exclude": [rng.choice(["x", "a", None]) for _ in range(gaps)] if free and rng.random() < 0.2 else None,
        "same": rng.random() < 0.25, "entry": rng.choice(["best", "best", "best", "first", "last"]), "grace": grace}


def window_level(rows, n, window, modes):
    """rows: (time, mask) sorted by time and first bit."""
    order, dedup, increase, once, reentry = (m in modes for m in (
        "strict_order", "strict_deduplication", "strict_increase", "strict_once", "allow_reentry"))
    if not order and not dedup:
        best = 0

        def choose(level, begin, last, start):
            nonlocal best
            best = max(best, level)
            if level == n:
                return
            for r in range(start, len(rows)):
                t, mask = rows[r]
                if mask >> level & 1 and (level == 0 or (t - begin <= window and t > last)):
                    choose(level + 1, t if level == 0 else begin, t, r + 1)
        choose(0, 0, 0, 0)
        return best
    best = 0
    for start, (begin, mask) in enumerate(rows):
        if not mask & 1:
            continue
        level, last = 1, begin
        while not once and not increase and level < n and mask >> level & 1:
            level += 1
        best = max(best, level)
        for t, mask in rows[start + 1:]:
            if level == n or (increase and t == last):
                continue
            if mask >> level & 1 and t - begin <= window:
                while level < n and mask >> level & 1 and t - begin <= window:
                    level, last = level + 1, t
                    if once or increase:
                        break
                best = max(best, level)
                continue
            if dedup and mask & ((1 << level) - 1):
                break
            if order and not mask >> (level - 1) & 1 and (mask == 0 or not reentry):
                break
    return best


MODES = [["strict_order"], ["strict_deduplication"], ["strict_order", "strict_deduplication"], ["strict_order", "allow_reentry"],
         ["strict_increase"], ["strict_order", "strict_increase"], ["strict_deduplication", "strict_increase"],
         ["strict_order", "strict_once"], ["strict_order", "strict_deduplication", "allow_reentry"],
         ["strict_deduplication", "strict_once"], ["strict_order", "allow_reentry", "strict_once", "strict_increase"]]


def window_case(rng):
    n = rng.randint(1, 4)
    rows = [(rng.randint(0, 6), rng.choice([0, 1 << rng.randrange(n), 1 << rng.randrange(n), rng.randrange(1 << n)]))
            for _ in range(rng.randint(1, 8))]
    rows.sort(key=lambda r: (r[0], -1 if r[1] == 0 else (r[1] & -r[1]).bit_length() - 1, r[1]))
    return rows, n, rng.randint(0, 7), rng.choice(MODES)


def array(values, show=str):
    return "\\N" if values is None else "{" + ",".join("NULL" if v is None else show(v) for v in values) + "}"


def main():
    rng = random.Random(int(sys.argv[1]))
    for i in range(int(sys.argv[2])):
        if i % 2 == 0:
            events, case = funnel_case(rng)
            level = funnel_level(events, case)
            print("\t".join(["J", "{" + ", ".join("%s%s %s" % (e, "#" + item if item else "", stamp(t)) for t, e, item in events) + "}",
                             array(case["steps"]), "\\N" if case["within"] is None else "%d s" % case["within"], case["ordering"],
                             array(case["step_within"], "{} s".format), array(case["min_gap"], "{} s".format),
                             case["exclude"] or "\\N", array(case["step_exclude"]), "item" if case["same"] else "\\N", case["entry"],
                             "\\N" if case["grace"] is None else "%d s" % case["grace"], str(level)]))
        else:
            rows, n, window, modes = window_case(rng)
            print("\t".join(["W", array([t for t, _ in rows]), array([m for _, m in rows]), str(n), str(window), ",".join(modes),
                             str(window_level(rows, n, window, modes))] + ["\\N"] * 6))


if __name__ == "__main__":
    main()
