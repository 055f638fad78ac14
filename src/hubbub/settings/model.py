"""All settings: each section is the `Options` of the room that it belongs to."""

from __future__ import annotations

import msgspec

from hubbub.deliveries.options import DeliveryOptions
from hubbub.log.options import LogOptions
from hubbub.net.options import EgressOptions
from hubbub.observe.options import ObserveOptions
from hubbub.sources.options import PublishOptions
from hubbub.sources.websub.options import FollowOptions
from hubbub.streams.options import StreamOptions
from hubbub.web.auth.options import AuthOptions
from hubbub.web.options import WebOptions
from hubbub.web.server.options import ServerOptions
from hubbub.websub.options import WebSubOptions


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The effective settings of a gateway."""

    server: ServerOptions = ServerOptions()
    log: LogOptions = LogOptions()
    publish: PublishOptions = PublishOptions()
    streams: StreamOptions = StreamOptions()
    deliveries: DeliveryOptions = DeliveryOptions()
    websub: WebSubOptions = WebSubOptions()
    follow: FollowOptions = FollowOptions()
    egress: EgressOptions = EgressOptions()
    auth: AuthOptions = AuthOptions()
    web: WebOptions = WebOptions()
    observe: ObserveOptions = ObserveOptions()
