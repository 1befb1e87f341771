"""How many pairs diversity leaves, by method and threshold: connected components (Algorithm 1) against cliques.

    python benchmarks/diversity.py --config dataset_builders/recipes/demo.yaml --plot docs/diversity.png

Every pair that the other critics keep goes in. Components join chains: A says what B says, B says what C says, so A
and C fall together though neither entails the other. Cliques join only pairs that are all joined with each other; then
two kept pairs may still be joined, which the last column counts.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

from lemonpress.console import quiet_libraries
from lemonpress.critics.cascade import judge
from lemonpress.critics.diversity import Diversity, Selection
from lemonpress.critics.judging import candidate_pairs
from lemonpress.critics.scores import Tables
from lemonpress.engine.store import sole_run
from lemonpress.pairs import Index
from lemonpress.pressing import press
from lemonpress.recipes import DiversitySettings, TeacherContexts, add_recipe_arguments, recipe_from_arguments
from lemonpress.runs import Run

_METHODS = ("components", "cliques")


def main() -> None:
    """Sweep the threshold over a recipe's pools; print a table and JSON, draw a plot."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_recipe_arguments(parser, "dataset_builders/recipes/demo.yaml")
    parser.add_argument(
        "--above", type=float, nargs="+", default=[0.5, 0.6, 0.75, 0.85, 0.9, 0.95, 0.98], help="thresholds to try"
    )
    parser.add_argument("--shards", type=int, default=3, help="shards of each pool to look at (default 3)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="PNG file to draw")
    args = parser.parse_args()
    quiet_libraries()
    recipe = recipe_from_arguments(args)
    fed = {name: pool for name, pool in recipe.contexts.items() if not isinstance(pool, TeacherContexts)}
    run = Run.open(recipe.model_copy(update={"contexts": fed}))
    with sole_run(run.folder):
        pools = press(run)
    rows: list[dict[str, Any]] = []
    for name, panel in run.panels.items():
        if panel.diversity is None:
            continue
        survivors = []
        for pool in pools:
            for sentences, scores in zip(pool.sentences[: args.shards], pool.scores[: args.shards], strict=True):
                shard, sources, targets = candidate_pairs(sentences.table("sentences"), panel, pool.pairing)
                tables = Tables(shard, scores.table("scores"))
                survivors.append((tables, judge(sources, targets, panel.critics, None, tables, recipe.seed).kept))
        for method in _METHODS:
            for above in args.above:
                settings = DiversitySettings(method=method, edges=panel.diversity.settings.edges, above=above)
                rows.append({"corpus": name, **_outcome(Diversity(settings, panel.diversity.scorer), survivors)})
    text = json.dumps(rows, indent=2)
    print(_table(rows))
    if args.json:
        args.json.write_text(text + "\n", encoding="utf-8")
    if args.plot:
        _draw(rows, args.plot)


def _outcome(diversity: Diversity, survivors: list[tuple[Tables, tuple[Index, Index]]]) -> dict[str, Any]:
    pairs = kept = still_joined = 0
    sizes: list[int] = []
    for tables, (sources, targets) in survivors:
        found = diversity.select(tables, sources, targets, 0)
        pairs += len(sources)
        kept += int(found.kept.sum())
        sizes += found.sizes[found.kept].tolist()
        still_joined += _joined(diversity, tables, sources[found.kept], targets[found.kept])
    return {
        "method": diversity.settings.method,
        "above": diversity.settings.above,
        "pairs": pairs,
        "kept": kept,
        "mean_group": round(float(np.mean(sizes)), 2) if sizes else 0.0,
        "largest_group": max(sizes, default=0),
        "kept_but_joined": still_joined,
    }


def _joined(diversity: Diversity, tables: Tables, sources: Index, targets: Index) -> int:
    """Kept pairs that share a component with another kept pair."""
    settings = diversity.settings.model_copy(update={"method": "components"})
    again: Selection = Diversity(settings, diversity.scorer).select(tables, sources, targets, 0)
    return int((again.sizes > 1).sum())


def _table(rows: list[dict[str, Any]]) -> str:
    head = list(rows[0]) if rows else []
    lines = [head, ["---"] * len(head), *([str(value) for value in row.values()] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _draw(rows: list[dict[str, Any]], path: Path) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    corpora = list(dict.fromkeys(row["corpus"] for row in rows))
    figure = Figure(figsize=(4.5 * len(corpora), 3.6), dpi=150, facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    for place, corpus in enumerate(corpora):
        axes = figure.add_subplot(1, len(corpora), place + 1)
        for method, colour in zip(_METHODS, ("#d9a300", "#2b2b2b"), strict=True):
            part = [row for row in rows if (row["corpus"], row["method"]) == (corpus, method)]
            axes.plot([r["above"] for r in part], [r["kept"] for r in part], "o-", color=colour, label=method)
        axes.set(title=corpus, xlabel="joined above this score", ylabel="pairs kept", ylim=(0, None))
        axes.legend(frameon=False)
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, format="png", metadata={"Software": None})


if __name__ == "__main__":
    main()
