"""How far raters agree."""

from typing import Any

from lemonpress import metric_modules
from lemonpress.metrics import agreement


class KrippendorffAlpha(metric_modules.Module):
    """Krippendorff's alpha with its bootstrap interval."""

    about = metric_modules.About(
        title="Krippendorff's alpha",
        summary="How far raters agree, beyond chance",
        description=(
            "1 less the disagreement of the raters over the disagreement that chance would give, from the "
            "coincidences of ratings within units; any number of raters, ratings may be missing. The interval is the "
            "95 % percentile bootstrap over units. By the krippendorff package."
        ),
        configs={"default": ("ratings",)},
        settings={
            "level": "what differences mean: nominal, ordinal, interval or ratio; ordinal suits graded scales",
            "bootstrap_seed": "of the bootstrap",
        },
        results={
            "alpha": "at most 1; 1 is perfect agreement, 0 what chance gives, below it raters disagree",
            "low": "lower end of the interval",
            "high": "upper end of the interval",
        },
        limits=(
            "It is undefined (NaN) where all raters gave one and the same rating throughout, and low where ratings "
            "hardly vary, though raters mostly agree. Units that fewer than two raters rated do not count."
        ),
        citation="""@article{hayes-krippendorff-2007-answering,
  title   = {Answering the Call for a Standard Reliability Measure for Coding Data},
  author  = {Hayes, Andrew F. and Krippendorff, Klaus},
  journal = {Communication Methods and Measures},
  volume  = {1},
  number  = {1},
  pages   = {77--89},
  year    = {2007},
  url     = {https://doi.org/10.1080/19312450709336664}
}""",
        urls=("https://doi.org/10.1080/19312450709336664", "https://pypi.org/project/krippendorff"),
        example={"ratings": [[1, 1, None], [2, 2, 2], [3, 2, 3], [3, 3, 3], [1, 2, 1], [2, None, 2]]},
    )

    def _compute(
        self, ratings: list[list[float | None]], level: agreement.Level = "ordinal", bootstrap_seed: int = 0
    ) -> dict[str, Any]:
        found = agreement.krippendorff_alpha(ratings, level, bootstrap_seed)
        figures = {"alpha": found.value, "low": found.low, "high": found.high}
        return figures | {"signatures": dict.fromkeys(figures, agreement.krippendorff_signature(level))}
