"""Build a sentence-summary corpus, DimSum's way: the paraphrase walk with critics for summaries.

Corpora of one recipe share their sentences and scores, so after `dimple.py` nothing is sampled again.

    python dataset_builders/dimsum.py --help
    python dataset_builders/dimsum.py --config dataset_builders/recipes/demo.yaml --release
"""

import sys

from lemonpress.commands.build import build_program

if __name__ == "__main__":
    sys.exit(build_program("summary", "Build and release the summary corpora of a recipe."))
