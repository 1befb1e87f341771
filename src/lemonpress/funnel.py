"""The funnel: what every stage and critic saw, kept and rejected."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace


@dataclass(frozen=True)
class Step:
    """One step of a funnel.

    Attributes:
        name: Stage or critic.
        seen: Items that reached it.
        kept: Items that passed.
        seconds: Wall-clock time it took when its shards were made.
        scored: What a model had to answer: pairs, or sentences where a critic reads one at a time. The rest was known,
            from another corpus too, or needed no model.
    """

    name: str
    seen: int
    kept: int
    seconds: float = 0.0
    scored: int = 0

    @property
    def rejected(self) -> int:
        """Items that did not pass."""
        return self.seen - self.kept

    def to_json(self) -> dict[str, object]:
        """The step as plain values, for provenance."""
        return asdict(self)


def merge(funnels: Iterable[Sequence[Step]]) -> list[Step]:
    """Add up the funnels of shards, step by step, in the order of first appearance."""
    total: dict[str, Step] = {}
    for step in (step for funnel in funnels for step in funnel):
        sofar = total.get(step.name, Step(step.name, 0, 0))
        total[step.name] = Step(
            step.name,
            sofar.seen + step.seen,
            sofar.kept + step.kept,
            sofar.seconds + step.seconds,
            sofar.scored + step.scored,
        )
    return list(total.values())


def add_costs(funnel: Sequence[Step], costs: Sequence[Step]) -> list[Step]:
    """The steps of a funnel, with the seconds and model calls of other steps of the same names added."""
    extra = {step.name: step for step in costs}
    return [
        replace(step, seconds=step.seconds + extra[step.name].seconds, scored=step.scored + extra[step.name].scored)
        if step.name in extra
        else step
        for step in funnel
    ]


def render(funnel: Sequence[Step], timed: bool = False) -> str:
    """The funnel as an aligned Markdown table, readable in a terminal too.

    Args:
        funnel: Steps in order.
        timed: Show what the steps cost: seconds, which differ from run to run, and model calls, of which other corpora
            of a recipe save some.
    """
    head = ["step", "seen", "kept", "rejected", "kept %", *(["model calls", "seconds"] if timed else [])]
    body = [
        [
            s.name,
            f"{s.seen:,}",
            f"{s.kept:,}",
            f"{s.rejected:,}",
            f"{100 * s.kept / s.seen:.1f}" if s.seen else "-",
            *([f"{s.scored:,}" if s.scored else "-", f"{s.seconds:.1f}"] if timed else []),
        ]
        for s in funnel
    ]
    widths = [max(len(row[c]) for row in (head, *body)) for c in range(len(head))]

    def line(row: Sequence[str]) -> str:
        return (
            "| "
            + " | ".join(
                v.ljust(w) if c == 0 else v.rjust(w) for c, (v, w) in enumerate(zip(row, widths, strict=True))
            )
            + " |"
        )

    rule = "| " + " | ".join("-" * w if c == 0 else "-" * (w - 1) + ":" for c, w in enumerate(widths)) + " |"
    return "\n".join([line(head), rule, *map(line, body)])
