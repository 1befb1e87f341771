"""The codes that raters come back with."""

import re
import secrets

_LETTERS = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
_CODE = re.compile(rf"(?=.*\d)[{_LETTERS}]{{5}}-?[{_LETTERS}]{{5}}")  # a digit, which names such as Bernadette lack


def new_code() -> str:
    """A code that nobody can guess, and that no name looks like."""
    while True:
        code = "".join(secrets.choice(_LETTERS) for _ in range(10))
        if is_code(code):
            return code


def is_code(entered: str) -> bool:
    """Whether what somebody entered has the form of a code, in any case, with its dash or without."""
    return _CODE.fullmatch(entered.upper()) is not None


def bare(entered: str) -> str:
    """A code as it is hashed: capitals without dash and blanks around."""
    return entered.strip().upper().replace("-", "")


def shown(code: str) -> str:
    """A bare code as people read it."""
    return f"{code[:5]}-{code[5:]}"
