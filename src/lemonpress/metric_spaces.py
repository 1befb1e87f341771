"""Cards and pages of the Spaces that hold `evaluate` modules."""

import inspect
import json
from typing import TYPE_CHECKING, Any

from lemonpress.errors import UserError
from lemonpress.hub.cards import render_template
from lemonpress.metric_modules import INPUTS, Module

if TYPE_CHECKING:
    import gradio

GRADIO = "6.31.0"
_LONGEST = 20_000  # characters that a page takes


def render_metric_card(module: Module, repo_id: str, version: str) -> str:
    """Render README.md of a module's Space, with what its example gives.

    Args:
        module: The loaded module.
        repo_id: The Space, ``namespace/name``.
        version: Released version such as ``1.0.0``.

    Raises:
        ValueError: The summary is longer than the Hub shows, or the settings described are not those of the module.
        UserError: The example needs a model that is not here.
    """
    from huggingface_hub import SpaceCardData

    about = module.about
    if len(about.summary) > 60:
        raise ValueError(f"{module.name}: the summary of a Space has at most 60 characters, not {len(about.summary)}")
    data = SpaceCardData(
        title=about.title,
        emoji="🍋",
        colorFrom="yellow",
        colorTo="green",
        sdk="gradio",
        sdk_version=GRADIO,
        python_version="3.11",
        app_file="app.py",
        license="apache-2.0",
        short_description=about.summary,
        tags=["evaluate", "metric", "lemonpress"],
        description=about.description,
    )
    return render_template(
        "cards/metric_card.md.jinja",
        data,
        about=about,
        name=module.name,
        inputs=INPUTS,
        example={given: _code(value) for given, value in about.example.items()},
        defaults=_defaults(module),
        figures=module.compute(**about.example),
        per_row="scores" in inspect.signature(module._compute).parameters,
        repo_id=repo_id,
        version=version,
    )


def _code(value: Any) -> str:
    """Python of a list, text or number as ruff writes it."""
    if isinstance(value, list):
        return f"[{', '.join(map(_code, value))}]"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)


def _defaults(module: Module) -> dict[str, str]:
    """Default of each setting, as Python."""
    inputs = {given for needed in module.about.configs.values() for given in needed}
    parameters = inspect.signature(module._compute).parameters.values()
    found = {one.name: _code(one.default) for one in parameters if one.name not in inputs | {"scores"}}
    if list(found) != list(module.about.settings):
        raise ValueError(f"{module.name}: its settings are {', '.join(found)}; describe these")
    return found


def page(module: Module) -> "gradio.Interface":
    """The page of a module's Space: its inputs as JSON lists, and what it computes of them.

    `evaluate.utils.launch_gradio_widget` asks for `gradio.inputs`, which is gone since Gradio 4.

    Args:
        module: A loaded module.
    """
    import gradio

    names = module._feature_names()

    def compute(*texts: str) -> Any:
        if sum(map(len, texts)) > _LONGEST:
            raise gradio.Error(
                f"more than {_LONGEST:,} characters; run the module on your own machine", print_exception=False
            )
        try:
            return module.compute(**{name: _list(name, text) for name, text in zip(names, texts, strict=True)})
        except (ValueError, UserError) as error:
            raise gradio.Error(str(error), print_exception=False) from None

    return gradio.Interface(
        compute,
        [
            gradio.Code(
                json.dumps(module.about.example[name], indent=2, ensure_ascii=False),
                language="json",
                label=f"{name}: {INPUTS[name]}",
            )
            for name in names
        ],
        gradio.JSON(label="results"),
        title=module.about.title,
        description=module.about.description,
        flagging_mode="never",
    )


def _list(name: str, text: str) -> list[Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError(f"{name} are no JSON; write a list, texts in double quotes") from None
    if not isinstance(found, list):
        raise ValueError(f"{name} are no list; write the rows between [ and ]")
    return found
