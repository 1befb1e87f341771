"""Build corpora by sequence-level distillation: an instruct model rewrites sentences, the critics filter.

python dataset_builders/seqkd.py --help
python dataset_builders/seqkd.py --set 'teacher={model: Qwen/Qwen2.5-1.5B-Instruct}'
python dataset_builders/seqkd.py --set teacher.base_url=http://localhost:8000/v1 --set teacher.model=my-model
python dataset_builders/seqkd.py --set 'teacher.dollars_per_million=[0.15, 0.6]' --budget 5 --release

The key of a server comes from OPENAI_API_KEY. Every answer of one is kept in LEMONPRESS_HOME/answers.sqlite the moment
it comes: a run that stops goes on where it was, and no question is paid twice.
"""

import sys

from lemonpress.commands.build import build_program

if __name__ == "__main__":
    sys.exit(
        build_program(
            None,
            "Build and release corpora that an instruct model writes, here or behind a server, sentence by sentence.",
            default="dataset_builders/recipes/seqkd.yaml",
        )
    )
