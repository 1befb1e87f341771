"""Sentences that repeat themselves or their context."""

import pytest
from groups import pairs_of

from lemonpress.critics.base import Critic
from lemonpress.critics.degeneracy import CopiedContext, Repetition, copied_share, repeated_share
from lemonpress.critics.scores import Tables
from lemonpress.pairs import Shard
from lemonpress.recipes import CopiedContextSettings, RepetitionSettings

LOOP = "it was late and it was late and it was late"
PLAIN = "the mayor opened the bridge on friday"
CONTEXT = "The old bridge fell. On Friday the mayor of the town opened the new bridge."


def ask(critic: Critic, *groups: tuple[str, list[str]]) -> list[tuple[float, bool]]:
    """Score and verdict of the first two sentences of each (context, sentences) group."""
    shard = Shard.of_groups([(str(number), "toy", texts, context) for number, (context, texts) in enumerate(groups)])
    scores = critic.score(Tables(shard), *pairs_of(*((start, start + 1) for start in shard.starts[:-1].tolist())))
    return list(zip(scores.tolist(), critic.keeps(scores).tolist(), strict=True))


def test_repetition_takes_the_worse_sentence() -> None:
    assert repeated_share(PLAIN) == repeated_share("two words") == 0.0
    assert repeated_share(LOOP) == pytest.approx(1 - 4 / 9)
    critic = Repetition(RepetitionSettings(critic="repetition"))
    worst = (pytest.approx(1 - 4 / 9), False)
    assert ask(critic, ("", [PLAIN, "x"]), ("", [PLAIN, LOOP]), ("", [LOOP, PLAIN])) == [(0.0, True), worst, worst]


def test_repetition_names_the_words() -> None:
    critic = Repetition(RepetitionSettings(critic="repetition"))
    assert critic.reason(PLAIN, LOOP) == 'target says "it was late" again'
    assert critic.reason(PLAIN, PLAIN) == ""


@pytest.mark.parametrize(
    ("sentence", "share"),
    [
        ("The mayor of the town opened the new bridge.", 1.0),
        ("THE MAYOR, OF THE TOWN: opened it late.", 6 / 8),
        ("Yesterday on Friday the mayor of someone opened the new bridge", 5 / 11),
        ("The mayor of the city opened a new bridge.", 0.0),
        ("The new bridge.", 1.0),
        ("New the bridge.", 0.0),
        ("...", 0.0),
    ],
)
def test_words_of_runs_of_five_are_copied(sentence: str, share: float) -> None:
    assert copied_share(sentence, CONTEXT) == pytest.approx(share)


def test_a_long_sentence_is_no_copy_of_a_short_context() -> None:
    assert copied_share("It fell on Friday, people said.", "It fell on Friday.") == 0.0


def test_copies_are_looked_up_in_their_own_context() -> None:
    critic = CopiedContext(CopiedContextSettings(critic="copied_context", max=0.5))
    copy, fresh = "The mayor of the town opened the new bridge.", "Hundreds came to see it."
    found = ask(critic, (CONTEXT, [copy, fresh]), (CONTEXT, [fresh, copy]), ("", [fresh, copy]), (copy, [fresh, LOOP]))
    assert found == [(1.0, False), (1.0, False), (0.0, True), (0.0, True)]
    assert critic.columns == {"context"}
