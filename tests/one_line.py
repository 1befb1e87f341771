"""The promise of every UserError."""

import pytest

from lemonpress.errors import UserError


def one_line(error: pytest.ExceptionInfo[UserError]) -> str:
    """The message of a UserError, which must be one line."""
    message = str(error.value)
    assert message
    assert "\n" not in message
    return message
