"""Label pairs of a pool's sentences with a larger model, for a critic to learn from.

    python trainers/label_pairs.py --base-url http://localhost:8000/v1 --model Qwen/Qwen2.5-32B-Instruct \\
        --output labels.jsonl
    python trainers/label_pairs.py ... --pairs 200 --dry-run          the first of the pairs; nothing is asked

The server is any that speaks the OpenAI protocol (vLLM, llama.cpp, TGI, Ollama, or a company's); its key, where it
wants one, is read from OPENAI_API_KEY. Give a model that answers at once: answers have 16 tokens, too few to think
aloud. Pairs are sentences of one context, three quarters of them near in words. The model gets the guideline by which
the packaged benchmark was judged, and gives each pair a label in either direction.

OUTPUT gets two rows a pair: premise, hypothesis, label, source, and the model that judged. Stopped half-way, the same
command goes on. A critic's recipe trains on the file as on any other:

    datasets:
      labelled: {path: labels.jsonl}
"""

import argparse
import os
import sys
from pathlib import Path

from lemonpress.console import run_program

_SHOWN = 10


def main() -> int:
    """Parse the command line and label."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base-url", required=True, metavar="URL", help="of the server, as a rule ending in /v1")
    parser.add_argument("--model", required=True, metavar="NAME", help="as the server names it")
    parser.add_argument("--output", type=Path, required=True, metavar="FILE", help="JSON lines; goes on where it ends")
    parser.add_argument("--pool", default="data/starter", metavar="DIR", help="a pressed pool (default: the starter)")
    parser.add_argument("--texts", default="data/paragraphs.jsonl", metavar="FILE", help="texts of its contexts")
    parser.add_argument("--pairs", type=int, default=10_000, metavar="N", help="pairs to label (default 10000)")
    parser.add_argument(
        "--held-out", type=float, default=0.1, metavar="SHARE", help="contexts left alone (default 0.1)"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the choice; the critic's recipe has the same")
    parser.add_argument("--workers", type=int, default=16, metavar="N", help="requests at a time (default 16)")
    parser.add_argument("--dry-run", action="store_true", help=f"print {_SHOWN} of the pairs and ask nothing")
    args = parser.parse_args()
    return run_program(parser.prog, lambda: _label(args))


def _label(args: argparse.Namespace) -> int:
    from lemonpress.asking.chat import Chat
    from lemonpress.assets import find_file
    from lemonpress.errors import UserError
    from lemonpress.nli.label import label_pairs, sample_pairs
    from lemonpress.nli.pool import read_pool, split_contexts

    for name, value in (("--pairs", args.pairs), ("--workers", args.workers)):
        if value < 1:
            raise UserError(f"{name}: is {value}; give 1 or more")
    if not 0 < args.held_out < 1:
        raise UserError(f"--held-out: is {args.held_out}; give a share between 0 and 1")
    if not args.output.resolve().parent.is_dir():
        raise UserError(f"{args.output}: its folder does not exist; make it or name another --output")
    contexts = read_pool(find_file(args.pool), find_file(args.texts))
    pairs = sample_pairs(split_contexts(contexts, args.held_out, args.seed)[0], args.pairs, args.seed)
    if args.dry_run:
        for first, second in pairs[:_SHOWN]:
            print(f"A: {first}\nB: {second}\n")
        print(f"{len(pairs):,} pairs would be sent to {args.model} at {args.base_url}")
        return 0
    chat = Chat(args.base_url, args.model, os.environ.get("OPENAI_API_KEY"))
    counts = label_pairs(pairs, chat, args.output, args.workers)
    print(f"{counts['labelled']:,} pairs labelled, {counts['known']:,} known, {counts['unread']:,} answers not read")
    print(f"{args.output}: two rows a pair")
    return 0


if __name__ == "__main__":
    sys.exit(main())
