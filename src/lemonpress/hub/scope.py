"""Whether a token may write to a namespace, as far as a Hub's ``whoami-v2`` tells.

Only what the answer says plainly is refused; answers of an unknown shape pass, and the Hub decides at the first write.
"""

from collections.abc import Iterator, Mapping

from lemonpress.errors import UserError


def require_write(who: object, namespace: str | None, endpoint: str) -> None:
    """Refuse a token that may not write.

    Args:
        who: JSON of the answer.
        namespace: User or organisation that is to own the releases; None asks only whether it may write at all.
        endpoint: Address of the Hub, for the messages.

    Raises:
        UserError: The token may only read, the namespace is neither its user nor an organisation where the user may
            write, or it is a fine-grained token without ``repo.write`` there.
    """
    role = _at(who, "auth", "accessToken", "role")
    if role == "read":
        raise UserError(f"hub: the token for {endpoint} may only read; set HF_TOKEN to one that may write")
    fine = _at(who, "auth", "accessToken", "fineGrained") if role == "fineGrained" else None
    if fine is not None and _may_write(fine, namespace):
        return
    if namespace is not None:
        _require_member(who, namespace, endpoint)
    if fine is not None:
        where = "any repository" if namespace is None else f"repositories of {namespace}"
        raise UserError(
            f"hub: the fine-grained token for {endpoint} may not write to {where}; "
            "give it that permission in the Hub's settings, or set HF_TOKEN to another one"
        )


def _may_write(fine: object, namespace: str | None) -> bool:
    scoped = _at(fine, "scoped")
    if not isinstance(scoped, list) or _writes(_at(fine, "global")):
        return True
    return any(
        _covers(_at(scope, "entity", "name"), namespace) for scope in scoped if _writes(_at(scope, "permissions"))
    )


def _writes(permissions: object) -> bool:
    return isinstance(permissions, list) and "repo.write" in permissions


def _covers(entity: object, namespace: str | None) -> bool:
    """Whether an entity is the namespace, lies in it (a repository), or may (a resource group has no such name)."""
    return namespace is None or not isinstance(entity, str) or _same(entity.partition("/")[0], namespace)


def _require_member(who: object, namespace: str, endpoint: str) -> None:
    user, listed = _at(who, "name"), _at(who, "orgs")
    if not isinstance(user, str) or not isinstance(listed, list) or _same(user, namespace):
        return
    organisations = dict(_organisations(listed))
    for name, may_write in organisations.items():
        if _same(name, namespace):
            if may_write:
                return
            raise UserError(
                f"namespace: {user} may only read in {namespace} on {endpoint}; ask its admins for the role write"
            )
    ours = ", ".join([user, *(name for name, may_write in organisations.items() if may_write)])
    raise UserError(f"namespace: the token for {endpoint} may not write to {namespace!r}; use one of: {ours}")


def _organisations(listed: list[object]) -> Iterator[tuple[str, bool]]:
    """Names of organisations, and whether the user may write there or in one of their resource groups."""
    for organisation in listed:
        name = _at(organisation, "name")
        if isinstance(name, str):
            yield name, _at(organisation, "roleInOrg") != "read" or bool(_at(organisation, "resourceGroups"))


def _at(value: object, *names: str) -> object:
    """A member of nested JSON objects, or None where there is none."""
    for name in names:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _same(one: str, other: str) -> bool:
    return one.casefold() == other.casefold()
