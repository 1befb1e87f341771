"""Write README.md of each metric module here, with what its example gives.

python spaces/metrics/cards.py
"""

from pathlib import Path

import evaluate

from lemonpress.console import quiet_libraries
from lemonpress.metric_spaces import render_metric_card


def main() -> None:
    """Load every module from its folder and write its card."""
    quiet_libraries()
    for folder in sorted(file.parent for file in Path(__file__).parent.glob("*/requirements.txt")):
        module = evaluate.load(str(folder), keep_in_memory=True)
        card = render_metric_card(module, f"lemonpress/{module.name}", "1.0.0")
        (folder / "README.md").write_text(card, encoding="utf-8")


if __name__ == "__main__":
    main()
