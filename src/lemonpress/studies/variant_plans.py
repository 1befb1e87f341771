"""What the studies of students try; apart from the studies, so that their options are listed without loading them."""

from dataclasses import dataclass
from typing import Any

from lemonpress.errors import UserError
from lemonpress.recipes import Recipe
from lemonpress.recipes.evaluation import DecodingSettings
from lemonpress.recipes.load import check_section

GREEDY = "greedy"


@dataclass(frozen=True)
class DecodingPlan:
    """Which settings are tried, beside greedy decoding.

    Attributes:
        temperatures: Of samples, each with every nucleus mass.
        top_ps: Nucleus masses of samples.
        beams: Widths of beam search.
        max_new_tokens: Tokens a text at most.
        seed: Of samples.
    """

    temperatures: tuple[float, ...] = (0.3, 0.7, 1.0)
    top_ps: tuple[float, ...] = (0.9, 1.0)
    beams: tuple[int, ...] = (2, 5)
    max_new_tokens: int = 64
    seed: int = 0

    def check(self) -> None:
        """Refuse what cannot be tried.

        Raises:
            UserError: A value is out of its range, or there twice.
        """
        for flag, values in (("temperatures", self.temperatures), ("top-p", self.top_ps), ("beams", self.beams)):
            if len(set(values)) < len(values):
                raise UserError(f"--{flag} {' '.join(f'{value:g}' for value in values)}: remove what is there twice")
        if bool(self.temperatures) != bool(self.top_ps):
            raise UserError("--temperatures and --top-p: samples need both; give values of both or of neither")
        if len(self.settings) == 1:
            raise UserError("--temperatures, --top-p, --beams: name a setting to compare with greedy decoding")

    @property
    def settings(self) -> dict[str, DecodingSettings]:
        """Every setting that is tried, by the name of its row.

        Raises:
            UserError: A value is out of its range.
        """
        tried: dict[str, dict[str, Any]] = {GREEDY: {}}
        for mass in self.top_ps:
            for heat in sorted(self.temperatures):
                name = f"sample, T {heat:g}, top-p {mass:g}"
                tried[name] = {"method": "sample", "temperature": heat, "top_p": mass}
        for width in sorted(self.beams):
            tried[f"beam {width}"] = {"method": "beam", "beams": width}
        common = {"max_new_tokens": self.max_new_tokens, "seed": self.seed}
        return {name: check_section({**one, **common}, name, DecodingSettings) for name, one in tried.items()}

    @property
    def lines(self) -> dict[str, list[tuple[str, str]]]:
        """For each method its rows, each with the one value that moves along the method's line."""
        found: dict[str, list[tuple[str, str]]] = {}
        for name, one in self.settings.items():
            method, value = {
                "greedy": (GREEDY, GREEDY),
                "sample": (f"sample, top-p {one.top_p:g}", f"T {one.temperature:g}"),
                "beam": ("beam search", f"{one.beams} beams"),
            }[one.method]
            found.setdefault(method, []).append((name, value))
        return found


@dataclass(frozen=True)
class NoisePlan:
    """How much noise is tried.

    Attributes:
        shares: Of the training rows of each corpus whose target is another row's; 0 is among them.
    """

    shares: tuple[float, ...] = (0.0, 0.1, 0.25, 0.5)

    def check(self) -> None:
        """Refuse what cannot be tried.

        Raises:
            UserError: A share is no share or there twice, there is one alone, or none is 0.
        """
        given = f"--shares {' '.join(f'{share:g}' for share in self.shares)}"
        if not all(0 <= share <= 1 for share in self.shares):
            raise UserError(f"{given}: a share is between 0 and 1; correct it")
        if len(set(self.shares)) < max(2, len(self.shares)) or 0 not in self.shares:
            raise UserError(f"{given}: give 0, which the others are compared with, and others, each once")


@dataclass(frozen=True)
class RankPlan:
    """Which ranks are tried; alpha keeps the recipe's ratio to the rank.

    Attributes:
        ranks: From the lowest up, each once.
    """

    ranks: tuple[int, ...] = (2, 4, 8, 16, 32, 64)

    def check(self, recipe: Recipe) -> None:
        """Refuse what cannot be tried.

        Raises:
            UserError: Fewer than two ranks, one twice or below 1, or a student without an adapter.
        """
        if len(set(self.ranks)) < max(2, len(self.ranks)) or min(self.ranks) < 1:
            raise UserError(f"--ranks {' '.join(map(str, self.ranks))}: give at least two ranks from 1 up, each once")
        if recipe.student is not None and recipe.student.lora is None:
            raise UserError(f"student.lora: recipe {recipe.name} trains all weights; set student.lora.r")
