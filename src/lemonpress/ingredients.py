"""What goes into the releases of a run: models, what was read, and the licences of all of it."""

from pathlib import Path

from lemonpress.critics.judging import Panel
from lemonpress.licences import Combined, Part, combine
from lemonpress.recipes import PairRows, SourceSentences, TeacherContexts, digest
from lemonpress.runs import Run
from lemonpress.source_sentences import NAMED
from lemonpress.sources import Model


def critic_models(panel: Panel, of: str = "") -> dict[str, Model]:
    """The models behind critics, by critic; `of` begins each role."""
    models: dict[str, Model] = {}
    for critic in panel.critics:
        for model in critic.models:
            models[f"{of}critic {critic.name}"] = model
            if model.base is not None:
                models[f"{of}critic {critic.name}, base"] = model.base
    return models


def teacher_of(run: Run) -> dict[str, Model]:
    """The teacher, where it writes for any pool."""
    wrote = any(not isinstance(pool, PairRows) for pool in run.recipe.contexts.values())
    return {"teacher": run.teacher_model} if run.teacher_model and wrote else {}


def pairs_of(run: Run) -> dict[str, PairRows]:
    """The pools of existing pairs, by name."""
    return {name: pool for name, pool in run.recipe.contexts.items() if isinstance(pool, PairRows)}


def inputs_of(run: Run) -> dict[str, dict[str, str]]:
    """What was read, by pool: Hub id and commit or the name of a file or folder, and a digest of the rows."""
    found = {}
    for name, pool in run.recipe.contexts.items():
        if not isinstance(pool, TeacherContexts):
            table = run.given[name]
            rows = [digest(table.slice(at, 1000).to_pylist()) for at in range(0, table.num_rows, 1000)]
            commit = (table.schema.metadata or {}).get(b"commit", b"").decode()
            found[name] = {
                "id": source_name(pool) if isinstance(pool, SourceSentences) else public_name(pool.path),
                **({"commit": commit} if commit else {}),
                "rows": digest(rows),
            }
    return found


def source_name(pool: SourceSentences) -> str:
    """The Hub id or file that source sentences come from."""
    return public_name(pool.path or (pool.benchmark and NAMED[pool.benchmark].path) or str(pool.benchmark))


def public_name(path: str) -> str:
    """A Hub id as it is; of a path on this machine the last name alone."""
    return Path(path).name if Path(path).expanduser().exists() else path


def corpus_models(run: Run, name: str) -> dict[str, Model]:
    """Every model behind a corpus, by role: teacher, critics, control parser."""
    parser = run.parsers.get(name)
    judges = critic_models(run.panels[name])
    return {**teacher_of(run), **judges, **({"control parser": parser.model} if parser else {})}


def corpus_parts(run: Run, name: str) -> list[Part]:
    """What goes into a corpus, for its licence."""
    parts = [
        Part(role, model.id, model.licence, "text" if role == "teacher" else "judge")
        for role, model in corpus_models(run, name).items()
    ]
    for pool, one in run.recipe.contexts.items():
        if isinstance(one, PairRows):
            parts.append(Part(f"pairs of {pool}", public_name(one.path), one.licence, "text"))
        elif isinstance(one, SourceSentences):
            parts.append(Part(f"sentences of {pool}", source_name(one), one.licence, "text"))
    return parts


def corpus_licence(run: Run, name: str) -> Combined:
    """The licence of a corpus (docs/licences.md).

    Raises:
        UserError: What goes into it contradicts.
    """
    return combine(corpus_parts(run, name), f"corpora.{name}")


def student_parts(run: Run, base: Model) -> list[Part]:
    """What goes into a student of a run: its base, and all that went into the corpora."""
    every = [part for name in run.recipe.corpora for part in corpus_parts(run, name)]
    return [Part("base", base.id, base.licence, "weights"), *dict.fromkeys(every)]


def student_licence(run: Run, base: Model) -> Combined:
    """The licence of a student of a run.

    Raises:
        UserError: What goes into it contradicts.
    """
    return combine(student_parts(run, base), "student")


def licences_of(parts: list[Part]) -> dict[str, str]:
    """The licence of each part, for provenance and cards."""
    return {part.what: part.licence for part in parts}
