"""Build a paraphrase corpus, DIMPLE's way: contexts, next sentences, pairs, critics, rows.

python dataset_builders/dimple.py --help
python dataset_builders/dimple.py --config dataset_builders/recipes/demo.yaml --release
"""

import sys

from lemonpress.commands.build import build_program

if __name__ == "__main__":
    sys.exit(build_program("paraphrase", "Build and release the paraphrase corpora of a recipe."))
