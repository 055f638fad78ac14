"""Other people's webhooks: is this request theirs, which event is it, where does it belong.

Sans-I/O: a `Received` request, a `Scheme` out of the data file and the secrets go in; `Verified`, an
`Answer` to a handshake or an error come out. Rules of the providers: specs/webhooks.md, RECEIVING.
"""

from hubbub.sources.webhook.catalogue import catalogue
from hubbub.sources.webhook.errors import Unverified
from hubbub.sources.webhook.handshakes import Answer, handshake
from hubbub.sources.webhook.options import WebhookSource
from hubbub.sources.webhook.request import Received
from hubbub.sources.webhook.scheme import Scheme
from hubbub.sources.webhook.templates import TopicTemplate
from hubbub.sources.webhook.verify import Verified, required_certificate, verify

__all__ = [
    "Answer",
    "Received",
    "Scheme",
    "TopicTemplate",
    "Unverified",
    "Verified",
    "WebhookSource",
    "catalogue",
    "handshake",
    "required_certificate",
    "verify",
]
