"""A token and the settings that know it."""

from __future__ import annotations

import hashlib

from hubbub.core.grants import Grants
from hubbub.web.auth.options import ApiKey, AuthOptions

KEY = "hk_key-of-a-test"


def only(*, publish: str = "nothing", subscribe: str = "nothing", **options: object) -> AuthOptions:
    """Return settings in which `KEY` may do this and nothing else."""
    digest = hashlib.sha256(KEY.encode()).hexdigest()
    held = ApiKey(name="test", hash=digest, grants=Grants((publish,), (subscribe,)))
    return AuthOptions(keys=(held,), **options)
