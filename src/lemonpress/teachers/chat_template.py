"""What a chat model reads for the turns of a chat: its template, rendered the same on every day."""

import json
import re
from datetime import datetime
from pathlib import Path
from typing import Any

from lemonpress.errors import UserError

TODAY = datetime(2024, 7, 26)
"""The date that templates print which ask for today's: the one that Llama 3 takes where there is no clock."""

_CLOCK = re.compile(r"""strftime_now\(\s*(["'])(.*?)\1\s*\)""")


def check_template(tokenizer: Any, folder: Path) -> None:
    """Refuse a tokenizer without a chat template.

    Args:
        tokenizer: Of the model.
        folder: Where it is from, for the error message.

    Raises:
        UserError: It has none.
    """
    if tokenizer.chat_template is None:
        raise UserError(f"teacher.model: {folder.name} has no chat template; give an instruct model")


def rendered(tokenizer: Any, turns: list[dict[str, str]]) -> str:
    """The turns of a chat, and the beginning of the answer, as the model reads them.

    The template writes the special tokens, so the text is to be tokenised without any more. Today's date is `TODAY`,
    so that the same turns are the same text tomorrow.

    Args:
        tokenizer: One with a chat template.
        turns: Role and content of each.

    Raises:
        UserError: The template refuses them, such as a system turn.
    """
    from jinja2 import TemplateError

    template = _CLOCK.sub(lambda call: json.dumps(TODAY.strftime(call[2])), tokenizer.get_chat_template())
    try:
        return str(
            tokenizer.apply_chat_template(
                turns,
                chat_template=template,
                tokenize=False,
                add_generation_prompt=True,
                date_string=TODAY.strftime("%d %b %Y"),
            )
        )
    except TemplateError as error:
        reason = " ".join(str(error).split())[:120]
        if turns[0]["role"] == "system":
            raise UserError(f"rewriting.system: the model's chat template refuses it ({reason}); remove it") from None
        raise UserError(f"the model's chat template refuses what is asked ({reason}); give another model") from None
