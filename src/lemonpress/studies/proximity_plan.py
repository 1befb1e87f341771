"""What a study of proximity samples; apart from the study, so that its options are listed without loading it."""

import math
from dataclasses import dataclass

from lemonpress.errors import UserError


@dataclass(frozen=True)
class Plan:
    """What is sampled.

    Attributes:
        lengths: Sentences of the contexts, each tried at `temperature`.
        temperatures: Softmax temperatures, each tried with contexts of `length` sentences.
        length: Sentences of the contexts while the temperature varies.
        temperature: While the length varies.
        count: Texts; every one of them is a context of every length.
        k: Next sentences of each context.
        seed: Chooses the texts and draws the sentences.
    """

    lengths: tuple[int, ...] = (1, 2, 3, 4)
    temperatures: tuple[float, ...] = (0.1, 0.3, 0.5, 0.7, 1.0)
    length: int = 4
    temperature: float = 0.3
    count: int = 24
    k: int = 40
    seed: int = 0

    @property
    def longest(self) -> int:
        """Sentences that a text must have."""
        return max(*self.lengths, self.length)

    @property
    def settings(self) -> list[tuple[int, float]]:
        """Length and temperature of everything that is sampled, each once; examples are of the first."""
        both = [(self.length, self.temperature), *((length, self.temperature) for length in self.lengths)]
        return list(dict.fromkeys([*both, *((self.length, temperature) for temperature in self.temperatures)]))

    def check(self) -> None:
        """Refuse what cannot be sampled.

        Raises:
            UserError: A number is too small, or a list holds one twice.
        """
        for name, values in (("lengths", self.lengths), ("temperatures", self.temperatures)):
            if len(set(values)) < len(values) or len(values) < 2:
                raise UserError(f"--{name} {' '.join(map(str, values))}: give at least two, each once")
        if min(*self.lengths, self.length) < 1:
            raise UserError("--lengths: a context has at least 1 sentence; leave out smaller numbers")
        if not all(0 < value < math.inf for value in (*self.temperatures, self.temperature)):
            raise UserError("--temperatures: a temperature is above 0; write 0.1 for almost greedy decoding")
        if self.count < 2:
            raise UserError(f"--count {self.count}: intervals need at least 2 contexts; raise it")
        if self.k < 2:
            raise UserError(f"--k {self.k}: a pair needs at least 2 sentences; raise it")
