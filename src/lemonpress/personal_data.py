"""Secrets and personal data in sentences: what would do harm if it were published, by kind."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Literal, get_args

Kind = Literal["e-mail address", "phone number", "key", "payment card number", "IBAN"]
# In the order in which they are found and counted.
KINDS: tuple[Kind, ...] = get_args(Kind)

# What a key begins with, and what follows in those that the service issues. What may run over another beginning is
# bounded: text that repeats one would otherwise be read to its end from each.
_KEYS = {
    "hf_": r"[A-Za-z0-9]{30,}",
    "sk-": r"(?=[A-Za-z0-9_-]{0,255}[0-9])[A-Za-z0-9_-]{20}",  # OpenAI, Anthropic
    "AKIA": r"[A-Z0-9]{16}(?![A-Za-z0-9])",  # AWS
    "ASIA": r"[A-Z0-9]{16}(?![A-Za-z0-9])",
    "ghp_": r"[A-Za-z0-9]{36}",  # GitHub
    "gho_": r"[A-Za-z0-9]{36}",
    "ghu_": r"[A-Za-z0-9]{36}",
    "ghs_": r"[A-Za-z0-9]{36}",
    "ghr_": r"[A-Za-z0-9]{36}",
    "github_pat_": r"[A-Za-z0-9_]{36,}",
    "glpat-": r"[A-Za-z0-9_-]{20,}",  # GitLab
    "xox": r"[abeoprs]-(?:\d+-)+[A-Za-z0-9]{8,}",  # Slack
    "hooks.slack.com/services/": r"T\w+/B\w+/\w+",
    "AIza": r"[A-Za-z0-9_-]{35}",  # Google
    "sk_live_": r"[A-Za-z0-9]{16,}",  # Stripe
    "sk_test_": r"[A-Za-z0-9]{16,}",
    "rk_live_": r"[A-Za-z0-9]{16,}",
    "npm_": r"[A-Za-z0-9]{36}",
    "pypi-": r"AgEIcHlwaS5vcmc[A-Za-z0-9_-]{50,}",
    "SG.": r"[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}",  # SendGrid
    # JSON Web Token: two objects, a signature
    "eyJ": r"[A-Za-z0-9_-]{8,1000}\.eyJ[A-Za-z0-9_-]{8,8000}\.[A-Za-z0-9_-]{8}",
    "-----BEGIN ": r"(?:[A-Z0-9]+ )*PRIVATE KEY",
}
_KEY = re.compile("(?<![A-Za-z0-9])(?:" + "|".join(re.escape(start) + rest for start, rest in _KEYS.items()) + ")")
_EMAIL = re.compile(r"(?<![\w.%+-])[\w.%+-]{1,64}@(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.)+[^\W\d_]{2,}")
_DIGIT = re.compile(r"\d")
# Of a phone number with its country's code; cards and IBANs have more.
_FEWEST_DIGITS = 6
# Numbers of these countries are found without their country's code, those of all others with it.
_REGIONS = ("US", "GB")
_CARD = re.compile(r"(?<![\d.,-])[2-6]\d{3}(?:[ -]?\d){8,15}(?![\d-]|[.,]\d)", re.ASCII)
# First digits and lengths of the numbers that issuers give: Visa, Mastercard, American Express, Discover, JCB, Diners.
_ISSUED = re.compile(
    r"4(?:\d{12}|\d{15}|\d{18})|(?:5[1-5]|2[2-7])\d{14}|3[47]\d{13}|6(?:011|4[4-9]\d|5\d\d)\d{12}"
    r"|35\d{14}|3(?:0[0-5]|[68]\d)\d{11}"
)
_IBAN = re.compile(r"(?<![A-Za-z0-9])[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?(?![A-Za-z0-9])", re.ASCII)


def find(text: str) -> tuple[Kind, ...]:
    """The kinds of secrets and personal data that a text holds.

    Forms are checked, nothing is asked of anybody: e-mail addresses; phone numbers that their country's plan has, as
    people write them (`phonenumbers`; without a country's code those of the United States and Britain); keys and
    tokens of common services; card numbers of the large issuers whose check digit is right; IBANs whose check digits
    are.

    Args:
        text: A sentence, or any text.

    Returns:
        In the order of `KINDS`, each at most once; nearly always empty.
    """
    if not _may_hold(text):
        return ()
    return tuple(kind for kind, holds in _TESTS.items() if holds(text))


def count_rows(rows: Iterable[Sequence[str]]) -> Counter[Kind]:
    """Rows that hold each kind in any of their texts; a row that holds several kinds counts for each."""
    counts: Counter[Kind] = Counter()
    for texts in rows:
        counts.update({kind for text in texts for kind in find(text)})
    return counts


def _may_hold(text: str) -> bool:
    """Whether any test can succeed; nearly all sentences end here."""
    return "@" in text or len(_DIGIT.findall(text)) >= _FEWEST_DIGITS or any(start in text for start in _KEYS)


def _has_email(text: str) -> bool:
    return _EMAIL.search(text) is not None


def _has_phone(text: str) -> bool:
    from phonenumbers import Leniency, PhoneNumberMatcher

    # Digits must be grouped as numbers are, or not at all: dates, scores and addresses of machines pass otherwise.
    return any(PhoneNumberMatcher(text, region, leniency=Leniency.STRICT_GROUPING).has_next() for region in _REGIONS)


def holds_key(text: str) -> bool:
    """Whether a text of any length holds a key or token of a common service."""
    return _KEY.search(text) is not None


def _has_card(text: str) -> bool:
    written = (re.sub("[ -]", "", match.group()) for match in _CARD.finditer(text))
    return any(_ISSUED.fullmatch(digits) is not None and _luhn(digits) for digits in written)


def _luhn(digits: str) -> bool:
    """Whether the last digit checks the others (ISO/IEC 7812)."""
    doubled = (int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(digits)))
    return sum(value // 10 + value % 10 for value in doubled) % 10 == 0


def _has_iban(text: str) -> bool:
    return any(_checked(match.group().replace(" ", "")) for match in _IBAN.finditer(text))


def _checked(iban: str) -> bool:
    """Whether the digits after the country check the rest (ISO 13616)."""
    enough = sum(map(str.isdigit, iban)) >= _FEWEST_DIGITS
    return enough and int("".join(str(int(letter, 36)) for letter in iban[4:] + iban[:4])) % 97 == 1


_TESTS: Mapping[Kind, Callable[[str], bool]] = {
    "e-mail address": _has_email,
    "phone number": _has_phone,
    "key": holds_key,
    "payment card number": _has_card,
    "IBAN": _has_iban,
}
