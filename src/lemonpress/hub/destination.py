"""Where releases go: the local Hub, or a Hub named by its address."""

import ipaddress
import os
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from lemonpress.errors import UserError
from lemonpress.home import home
from lemonpress.hub.patience import limit_waiting
from lemonpress.hub.scope import require_write

PORT_VARIABLE = "LEMONPRESS_HUB_PORT"
DEFAULT_PORT = 8765


@dataclass(frozen=True)
class Destination:
    """A Hub that takes releases.

    Attributes:
        endpoint: Address without a slash at the end.
        token: Token for writes, or None; never shown.
        local: Whether it is a Hub on this machine, which takes uploads without Xet.
    """

    endpoint: str
    token: str | None = field(repr=False)
    local: bool


def destination(hub: str, namespace: str | None = None) -> Destination:
    """Find the Hub that a recipe names, and a token for it that may write there.

    From then on no call of this process to any Hub waits for ever.

    Args:
        hub: ``local`` finds or starts the local Hub of ``home()/hub`` at port ``$LEMONPRESS_HUB_PORT`` (default
            8765); an http or https address takes the token from ``HF_TOKEN`` or the Hub's token file.
        namespace: User or organisation that is to own the releases; None asks only for a token that may write at all.

    Raises:
        UserError: No address, no token, one the Hub does not know or that may not write to the namespace, a Hub that
            is away, or a port in use.
    """
    limit_waiting()
    if hub == "local":
        return _local()
    try:
        address = urlsplit(hub)
    except ValueError:
        raise UserError(f"hub: {hub!r} is no Hub; write local, or an address such as https://huggingface.co") from None
    if address.scheme not in ("http", "https") or not address.hostname:
        raise UserError(f"hub: {hub!r} is no Hub; write local, or an address such as https://huggingface.co")
    if address.username or address.password:
        raise UserError("hub: the address holds a user or password; remove it and put the token in HF_TOKEN")
    to = Destination(hub.rstrip("/"), _users_token(hub), is_loopback(hub))
    _check_token(to, namespace)
    return to


def is_loopback(endpoint: str) -> bool:
    """Whether an address is this machine's own."""
    host = urlsplit(endpoint).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _local() -> Destination:
    from lemonpress.hub.local.server import spawn

    text = os.environ.get(PORT_VARIABLE, str(DEFAULT_PORT))
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise UserError(f"{PORT_VARIABLE}: {text!r} is no port; use a number from 1 to 65535")
    try:
        hub = spawn(home() / "hub", int(text))
    except UserError as error:
        raise UserError(f"{error} (for releases: set {PORT_VARIABLE}, now {text})") from None
    return Destination(hub.endpoint, hub.token, local=True)


def _check_token(to: Destination, namespace: str | None) -> None:
    """Fail before any work where the Hub is away, does not know the token or does not let it write."""
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled
    from huggingface_hub.utils import httpx  # type: ignore[attr-defined]  # httpx or httpx2, by major version

    try:
        who: object = HfApi(endpoint=to.endpoint, token=to.token).whoami()
    except OfflineModeIsEnabled:
        raise UserError(f"hub: HF_HUB_OFFLINE is set; unset it to reach {to.endpoint}") from None
    except HfHubHTTPError as error:
        status = error.response.status_code
        if status in (401, 403):
            said = f"answers {status} to the token; set HF_TOKEN to one that may write"
        else:
            said = f"answers {status} when asked whose the token is; check the address, or try again later"
        raise UserError(f"hub: {to.endpoint} {said}") from None
    except (httpx.HTTPError, OSError) as error:
        raise UserError(
            f"hub: {to.endpoint} cannot be reached ({type(error).__name__}); check address and network"
        ) from None
    except ValueError:
        raise UserError(f"hub: {to.endpoint} answers as no Hub does; check the address") from None
    require_write(who, None if _is_local_hub(to, who) else namespace, to.endpoint)


def _is_local_hub(to: Destination, who: object) -> bool:
    """Whether it is one of our own, whose owner writes to every namespace."""
    if not to.local:
        return False
    from lemonpress.hub.local.store import OWNER

    return isinstance(who, dict) and who.get("name") == OWNER


def _users_token(hub: str) -> str:
    from huggingface_hub import get_token

    token = get_token()
    if token is None:
        raise UserError(f"hub: no token for {hub}; set HF_TOKEN or run: hf auth login")
    if not token.isascii() or not token.isprintable() or " " in token:
        raise UserError("HF_TOKEN: holds characters that no token has; copy the token again")
    return token
