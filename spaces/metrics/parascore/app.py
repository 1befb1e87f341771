"""The page of this metric's Space."""

from pathlib import Path

import evaluate

from lemonpress.metric_spaces import page

if __name__ == "__main__":
    page(evaluate.load(str(Path(__file__).with_name("parascore.py")), keep_in_memory=True)).launch()
