"""What is loaded when somebody first asks for it, and then kept."""

from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock
from typing import Generic, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


@dataclass
class Loaded(Generic[Key, Value]):
    """Values by key; while one is loaded, only those who ask for the same one wait.

    Attributes:
        load: Makes the value of a key. What it raises reaches those who asked; the next one tries again.
    """

    load: Callable[[Key], Value]
    _values: dict[Key, Value] = field(default_factory=dict)
    _loading: dict[Key, Lock] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def get(self, key: Key) -> Value:
        """The value of a key, loaded if it is not yet."""
        with self._lock:
            if key in self._values:
                return self._values[key]
            loading = self._loading.setdefault(key, Lock())
        with loading:
            if key not in self._values:
                found = self.load(key)
                with self._lock:
                    self._values[key] = found
            return self._values[key]
