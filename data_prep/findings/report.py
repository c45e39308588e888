"""Findings as lines of text."""

from collections.abc import Iterator

from data_prep.findings.corpus import Findings, Tally
from data_prep.findings.finding import Finding, Remedy, Rules
from data_prep.findings.shift import Shift

SHIFTS = 3  # passages named


def describe_findings(findings: Findings, total: int, rules: Rules) -> Iterator[str]:
    """Tables of findings, one for each remedy that there is: counts, shares, first lines.

    Args:
        findings: by kind and place.
        total: the pairs that shares are of.
        rules: whose bounds the tables name.
    """
    order = list(Finding)
    for remedy in Remedy:
        keys = sorted(
            (key for key in findings if key[0].remedy is remedy),
            key=lambda key: (order.index(key[0]), key[1]),
        )
        if keys:
            rows = [_row(_label(*key, rules), findings[key], total) for key in keys]
            heading = (remedy.value, "count", "share", "lines")
            yield format_table([heading, *rows], left={0, 3})


def describe_cost(left_out: int, total: int) -> str:
    """What `clean` costs, in one line.

    >>> describe_cost(90, 5000)
    'clean costs 90 of 5,000 pairs (1.80%); 4,910 stay'
    """
    share = left_out / total if total else 0.0
    return f"clean costs {left_out:,} of {total:,} pairs ({share:.2%}); {total - left_out:,} stay"


def describe_shifts(shifts: list[Shift]) -> str:
    """A list of the first passages that are out of step, one a line."""
    rows = ["passages where lines fit their neighbours better (by lengths; borders +-50 lines)"]
    for shift in shifts[:SHIFTS]:
        away = f"{abs(shift.offset)} {'later' if shift.offset > 0 else 'earlier'}"
        rows.append(
            f"  source lines {shift.first} to {shift.last} fit target lines {away}: "
            f"correlation {shift.fit:.2f}, with their own lines "
            f"{shift.own_fit:.2f}"
        )
    if len(shifts) > SHIFTS:
        rows.append(f"  and {len(shifts) - SHIFTS:,} more passages")
    return "\n".join(rows)


def format_table(rows: list[tuple[str, ...]], left: set[int]) -> str:
    """A table of aligned columns, those in `left` to the left; rows under the first are indented.

    >>> print(format_table([("", "count"), ("dogs", "7")], left={0}))
            count
      dogs      7
    """
    rows = [rows[0], *((f"  {first}", *rest) for first, *rest in rows[1:])]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if column in left else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


def _row(label: str, tally: Tally, total: int) -> tuple[str, ...]:
    share = tally.count / total
    examples = [str(number) for number in tally.examples]
    if tally.count > len(examples):
        examples.append("...")
    return (
        label,
        f"{tally.count:,}",
        f"{share:.2%}" if share >= 0.0001 else "<0.01%",
        ", ".join(examples),
    )


def _label(finding: Finding, place: str, rules: Rules) -> str:
    limit = {
        Finding.LONG: f" (over {rules.longest:,} words)",
        Finding.RATIO: f" (over {rules.ratio:g} times)",
    }.get(finding, "")
    return f"{finding.value}{limit}{place and ': '}{place}"
