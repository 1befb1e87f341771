"""``lemonpress demo``: the whole walk of a recipe, and what was made of it."""

import argparse
import time

from lemonpress.commands.budget import add_budget_arguments, limit_from_arguments
from lemonpress.console import heading
from lemonpress.engine.store import sole_run
from lemonpress.funnel import render
from lemonpress.recipes import add_recipe_arguments, recipe_from_arguments


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Recipe, overrides and budget."""
    add_recipe_arguments(parser, "dataset_builders/recipes/demo.yaml")
    add_budget_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Walk and report; running it again recognises what is done."""
    recipe = recipe_from_arguments(args)
    started = time.monotonic()
    from lemonpress.hub.destination import destination
    from lemonpress.pipeline import benchmark_text, held_out_sentences, preflight, read_back, walk
    from lemonpress.runs import Run

    opened = Run.open(recipe, limit_from_arguments(args, recipe))
    preflight(opened)
    to = destination(recipe.hub, recipe.namespace)
    with sole_run(opened.folder):
        walked = walk(opened, to, heading)
        heading("Read back by tag in a fresh process that has only HF_ENDPOINT set")
        sentences = held_out_sentences(opened)[:3]
        corpora = [(walked.corpora[name], one.corpus.task) for name, one in walked.built.items()]
        answer = read_back(to, corpora, walked.student, walked.tree, sentences)
    for repo, splits in answer["rows"].items():
        print(f"  {repo}: " + ", ".join(f"{split} {count:,}" for split, count in splits.items()))
    for source, text in zip(sentences, answer["texts"], strict=True):
        print(f"  {source}\n    => {text}")

    for name, one in walked.built.items():
        heading(f"{name}: {sum(one.corpus.rows.values()):,} {one.corpus.task} pairs")
        print(render(one.funnel, timed=True))
        print(
            ", ".join(f"{label}: {count:,.0f}" for label, count in one.corpus.statistics.items() if "dropped" in label)
        )
    shares = [walked.distillation.accepted, *(one.accepted for one in walked.distillation.rounds)]
    if all(share is not None for share in shares):
        said = ", then ".join(f"{share:.0%}" for share in shares)
        print(f"\nOf the student's greedy rewritings of held-out sentences the critics accept {said} (round by round)")
    if walked.distillation.stopped:
        print(f"Self-distillation stopped: {walked.distillation.stopped}")
    if walked.results:
        heading("Benchmark on held-out sentences (the walk at work, not quality: few steps, a small base)")
        print(benchmark_text(walked.results))
    heading(f"Made in {(time.monotonic() - started) / 60:.1f} minutes")
    releases = [*walked.corpora.values(), *([walked.base.release] if walked.base.release else []), *walked.rounds]
    releases.append(walked.student)
    for release in releases:
        print(f"  {release.repo_id:46} {release.tag}  {release.state:9}  {release.url}")
    if walked.collection:
        print(f"  collection: {walked.collection}")
    name, one = next(iter(walked.built.items()))
    repo_id, tag = walked.corpora[name].repo_id, recipe.tag
    print(
        f"\nFiles: {opened.folder}\nLoad it:\n"
        f"  export HF_ENDPOINT={to.endpoint}\n"
        f"  datasets.load_dataset({repo_id!r}, {one.corpus.task!r}, revision={tag!r})\n"
        f"  lemonpress.students.load({walked.student.repo_id!r}, version={recipe.version!r})\n"
        "Open the Space: make space      Serve the local Hub: make hub"
    )
    return 0
