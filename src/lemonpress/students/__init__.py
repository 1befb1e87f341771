"""Students: trained on corpora, loaded by version, asked for rewritings."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lemonpress.students.generate import Student

__all__ = ["load"]


def load(
    repo_id: str,
    version: str | None = None,
    endpoint: str | None = None,
    device: str = "auto",
    dtype: str = "auto",
) -> "Student":
    """Load a released student.

    Args:
        repo_id: ``namespace/name`` of a model repository.
        version: Released version such as ``1.0.0`` (or its tag ``v1.0.0``); the head of main if None. Once loaded, a
            version loads without the Hub too.
        endpoint: Address of the Hub; ``HF_ENDPOINT``, else the public one, if None.
        device: auto, cpu, cuda or cuda:N.
        dtype: float32, bfloat16, float16, or ``auto``: bfloat16 where the device computes it natively.

    Returns:
        The student; see its `paraphrase`, `summarise`, `control` and `generate`. A language model that was published
        without ``student.json`` is asked in today's prompts.

    Raises:
        UserError: The Hub cannot be reached, has no such repository or version, or it holds no language model.
    """
    from lemonpress.hub.load import snapshot
    from lemonpress.students.generate import Student

    return Student.load(snapshot(repo_id, version, endpoint), device=device, dtype=dtype)
