"""Public JSON and its inside: what is taken, what is refused and where, and what is wanted."""

from __future__ import annotations

import base64
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubbub.core.event import Record
from hubbub.core.start import EARLIEST, LATEST, After, SinceTime
from hubbub.core.subscription import Policy, Subscription
from hubbub.deliveries.documents import (
    MEMBERS,
    READ_ONLY,
    Draft,
    InvalidSubscription,
    document_of,
    merge,
    patched,
    read,
    selection,
)
from hubbub.deliveries.members import DURATIONS, MAX_ERRORS, seconds
from hubbub.deliveries.shown import show

NOW = 1_795_000_000.0
SINK = "https://shop.example/hooks"
SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
OTHER = "whsec_" + base64.b64encode(bytes(range(1, 33))).decode()


def taken(**members: Any) -> Draft:
    return read({"sink": SINK, **members}, NOW)


def mistakes(document: Any, current: Subscription | None = None) -> dict[str, str]:
    with pytest.raises(InvalidSubscription) as caught:
        read(document, NOW, current)
    return {one.pointer: one.detail for one in caught.value.errors}


def refused(**members: Any) -> list[str]:
    return list(mistakes({"sink": SINK, **members}))


def kept(**members: Any) -> Subscription:
    """A subscription that was made of a document."""
    draft = msgspec.structs.asdict(taken(**members))
    fields = {f.name for f in msgspec.structs.fields(Subscription)}
    return Subscription(id="s1", **{n: v for n, v in draft.items() if n in fields})


def record(topic: str = "a", kind: str = "t", **attributes: str) -> Record:
    json = msgspec.json.encode({"type": kind, "source": "/s", "topic": topic, **attributes})
    return Record(1, topic, kind, 0, json)


# Taken


def test_a_sink_is_enough() -> None:
    draft = taken()
    assert (draft.sink, draft.protocol, draft.topics, draft.filters) == (SINK, "HTTP", (), ())
    assert (draft.config, draft.protocolsettings, draft.expires) == ({}, {}, 0)
    assert (draft.start, draft.secrets, draft.credential) == (None, (), None)


def test_null_is_absent() -> None:
    assert taken(**dict.fromkeys(set(MEMBERS) - {"sink", "sinkcredential"})) == taken()


def test_read_only_members_are_ignored() -> None:
    assert taken(**dict.fromkeys(READ_ONLY, "x")) == taken()


def test_every_member() -> None:
    draft = taken(
        topics=["b/*", "a", "b/c"],
        types=["t", "t"],
        source="/s",
        filters=[{"prefix": {"type": "com."}}],
        protocolsettings={
            "signing": ["standard", "github"],
            "headers": {"X-Team": "shop 1"},
            "content": "data",
            "handshake": "required",
            "origin": "hub.example",
            "secret": SECRET,
        },
        config={"schedule": [0, "5s", "5m"], "timeout": "2.5s", "rate": 3, "order": "strict"},
        description="the shop",
        expires="2030-01-01T00:00:00Z",
    )
    assert draft.topics == ("a", "b/*")
    assert draft.types == ("t",)
    assert draft.protocolsettings == {
        "signing": ["standard", "github"],
        "headers": {"X-Team": "shop 1"},
        "content": "data",
        "handshake": "required",
        "origin": "hub.example",
    }
    assert draft.secrets == (SECRET,)
    assert draft.config["schedule"] == (0, 5, 300)
    policy = msgspec.convert(draft.config, Policy)
    assert (policy.timeout, policy.rate, policy.order) == (2.5, 3, "strict")
    assert draft.expires == 1_893_456_000_000


@pytest.mark.parametrize(
    ("since", "start"),
    [
        ("latest", LATEST),
        ("earliest", EARLIEST),
        ("1h", SinceTime(int(NOW * 1000) - 3_600_000)),
        ("2026-11-23T09:30:00Z", SinceTime(1_795_426_200_000)),
    ],
)
def test_since(since: str, start: object) -> None:
    assert taken(since=since).start == start


def test_since_a_position() -> None:
    start = taken(since="k3f9x2ab-7").start
    assert isinstance(start, After)
    assert str(start.position) == "k3f9x2ab-7"


@pytest.mark.parametrize(
    ("text", "value"),
    [("250ms", 0.25), ("90s", 90.0), ("1.5m", 90.0), ("2h", 7200.0), ("7d", 604_800.0)],
)
def test_durations(text: str, value: float) -> None:
    assert seconds(text) == value


@pytest.mark.parametrize("value", ["", "5", "5 s", "-5s", "5w", "\u0665s", 5, None])
def test_what_is_no_duration_stays(value: object) -> None:
    assert seconds(value) is value


def test_durations_are_members_of_the_policy() -> None:
    assert {field.name for field in msgspec.structs.fields(Policy)} > DURATIONS


# Credentials


def test_plain_is_basic() -> None:
    draft = taken(sinkcredential={"credentialtype": "PLAIN", "identifier": "u", "secret": "p:w"})
    assert draft.credential == "Basic " + base64.b64encode(b"u:p:w").decode()


def test_a_token_is_bearer() -> None:
    token = {
        "credentialtype": "ACCESSTOKEN",
        "accesstoken": "abc",
        "accesstokentype": "Bearer",
        "accesstokenexpiresutc": "2030-01-01T00:00:00Z",
    }
    assert taken(sinkcredential=token).credential == "Bearer abc"


def test_null_removes_a_credential() -> None:
    assert taken(sinkcredential=None).credential == ""


@pytest.mark.parametrize(
    ("credential", "pointer"),
    [
        ({}, "/credentialtype"),
        ("abc", "/credentialtype"),
        ({"credentialtype": "REFRESHTOKEN"}, "/credentialtype"),
        ({"credentialtype": "ACCESSTOKEN"}, "/accesstoken"),
        ({"credentialtype": "ACCESSTOKEN", "accesstoken": "a\r\nb"}, "/accesstoken"),
        (
            {"credentialtype": "ACCESSTOKEN", "accesstoken": "a", "accesstokentype": "mac"},
            "/accesstokentype",
        ),
        ({"credentialtype": "PLAIN", "identifier": "a:b", "secret": "c"}, "/identifier"),
        ({"credentialtype": "PLAIN", "identifier": "a", "secret": "c", "x": 1}, "/x"),
    ],
)
def test_credentials_that_cannot_be(credential: Any, pointer: str) -> None:
    assert refused(sinkcredential=credential) == [f"/sinkcredential{pointer}"]


# Refused


@pytest.mark.parametrize("document", [None, 1, "x", []])
def test_what_is_no_object(document: Any) -> None:
    assert set(mistakes(document)) == {"", "/sink"}


def test_every_mistake_is_told_at_once() -> None:
    found = mistakes(
        {
            "topic": ["a"],
            "topics": ["a", "/b", "c\u200b"],
            "types": [""],
            "filters": [{"exact": {"type": ""}}],
            "since": "soon",
            "protocolsettings": {"sekret": "x", "content": "xml", "origin": "a b"},
            "config": {"timeout": "90s", "concurency": 3, "schedule": [0, "x"]},
        }
    )
    assert set(found) == {
        "/topic",
        "/sink",
        "/topics/1",
        "/topics/2",
        "/types/0",
        "/filters/0/exact/type",
        "/since",
        "/protocolsettings/sekret",
        "/protocolsettings/content",
        "/protocolsettings/origin",
        "/config/timeout",
        "/config/concurency",
        "/config/schedule/1",
    }
    assert "did you mean topics?" in found["/topic"]
    assert "did you mean concurrency?" in found["/config/concurency"]


def test_the_error_tells_all_of_it_and_points_at_the_first() -> None:
    with pytest.raises(InvalidSubscription) as caught:
        read({"sink": 1, "since": "soon"}, NOW)
    assert caught.value.pointer == "/sink"
    assert caught.value.detail.startswith("2 things are wrong: /sink: ")
    assert "/since: " in caught.value.detail
    with pytest.raises(InvalidSubscription, match="^expected str, got int$"):
        read({"sink": 1}, NOW)


def test_a_mistake_in_sql_has_its_place() -> None:
    with pytest.raises(InvalidSubscription) as caught:
        taken(filters=[{"sql": "type ="}])
    [error] = caught.value.errors
    assert (error.pointer, error.position) == ("/filters/0/sql", 6)


def test_mistakes_are_bounded() -> None:
    assert len(refused(**{f"m{n}": n for n in range(100)})) == MAX_ERRORS


def test_secrets_are_not_repeated() -> None:
    hidden = "whsec_c2hvcnQ-hidden"
    found = mistakes(
        {
            "sink": SINK,
            "protocolsettings": {"secrets": [SECRET, hidden, 7]},
            "sinkcredential": {"credentialtype": "ACCESSTOKEN", "accesstoken": "hidden\n"},
        }
    )
    assert "hidden" not in str(found)
    assert set(found) == {"/protocolsettings/secrets/2", "/sinkcredential/accesstoken"}
    assert refused(protocolsettings={"secrets": [SECRET, hidden]}) == [
        "/protocolsettings/secrets/1"
    ]


def test_one_secret_or_several() -> None:
    assert taken(protocolsettings={"secrets": [SECRET, OTHER]}).secrets == (SECRET, OTHER)
    assert refused(protocolsettings={"secret": SECRET, "secrets": [OTHER]}) == [
        "/protocolsettings/secrets"
    ]
    assert refused(protocolsettings={"secrets": []}) == ["/protocolsettings/secrets"]


def test_a_secret_fits_its_dialects() -> None:
    text = "It's a Secret to Everybody"
    assert taken(protocolsettings={"signing": ["github"], "secret": text}).secrets == (text,)
    assert refused(protocolsettings={"secret": text}) == ["/protocolsettings/secret"]
    assert refused(protocolsettings={"signing": ["morse"]}) == ["/protocolsettings/signing/0"]
    assert refused(protocolsettings={"signing": []}) == ["/protocolsettings/signing"]


@pytest.mark.parametrize(
    "name",
    [
        "Host",
        "content-length",
        "Transfer-Encoding",
        "connection",
        "Webhook-Id",
        "ce-type",
        "Proxy-Authorization",
        "authorization",
        "Cookie",
        "X-Hub-Signature-256",
        "User-Agent",
        "a b",
        "a\r\nb",
        "",
    ],
)
def test_headers_that_are_not_for_others(name: str) -> None:
    pointer = "/protocolsettings/headers/" + name.replace("~", "~0")
    assert refused(protocolsettings={"headers": {name: "x"}}) == [pointer]


@pytest.mark.parametrize(
    "value", ["", "a\r\nb: c", "a\nb", " a", "a ", "\u00e9", "\0", 1, None, "x" * 5000]
)
def test_header_values_that_cannot_be(value: Any) -> None:
    assert refused(protocolsettings={"headers": {"x-a": value}}) == [
        "/protocolsettings/headers/x-a"
    ]


def test_the_same_header_twice() -> None:
    assert refused(protocolsettings={"headers": {"X-A": "1", "x-a": "2"}}) == [
        "/protocolsettings/headers/x-a"
    ]
    many = {f"x-{n}": "1" for n in range(51)}
    assert refused(protocolsettings={"headers": many}) == ["/protocolsettings/headers"]


def test_a_term_lies_ahead() -> None:
    past = "2020-01-01T00:00:00Z"
    assert refused(expires=past) == ["/expires"]
    assert refused(expires="2h") == ["/expires"]
    current = Subscription(id="s1", sink=SINK, expires=1_577_836_800_000)
    assert read({"sink": SINK, "expires": past}, NOW, current).expires == current.expires


# Patching


def test_a_document_comes_back_as_it_was() -> None:
    one = kept(
        topics=["a"],
        filters=[{"sql": "EXISTS subject"}],
        protocolsettings={"content": "data", "secret": SECRET},
        config={"schedule": ["1s"]},
        expires="2030-01-01T00:00:00Z",
    )
    told = document_of(one)
    assert "secret" not in told["protocolsettings"]
    again = read(told, NOW)
    assert again == msgspec.structs.replace(
        taken(**{name: value for name, value in told.items() if name != "sink"}), secrets=()
    )
    assert read({"id": "s1", **show(one, None)}, NOW) == again


def test_a_patch_changes_what_it_names() -> None:
    one = kept(topics=["a"], config={"timeout": 5, "rate": 2}, source="/s")
    whole = patched(one, {"config": {"timeout": "9s", "rate": None}, "source": None})
    draft = read(whole, NOW, one)
    assert (draft.config, draft.source, draft.topics) == ({"timeout": 9.0}, None, ("a",))
    assert draft.credential is None
    assert read(patched(one, {"sinkcredential": None}), NOW, one).credential == ""


def test_a_patch_of_what_is_read_only_is_refused() -> None:
    with pytest.raises(InvalidSubscription) as caught:
        patched(kept(), {"status": "paused", "position": "x"})
    assert {error.pointer for error in caught.value.errors} == {"/status", "/position"}


RFC_7396 = [
    ({"a": "b"}, {"a": "c"}, {"a": "c"}),
    ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
    ({"a": "b"}, {"a": None}, {}),
    ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
    ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
    ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
    ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
    ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
    (["a", "b"], ["c", "d"], ["c", "d"]),
    ({"a": "b"}, ["c"], ["c"]),
    ({"a": "foo"}, None, None),
    ({"a": "foo"}, "bar", "bar"),
    ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
    ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
    ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
]


@pytest.mark.parametrize(("target", "patch", "result"), RFC_7396)
def test_merging_as_in_appendix_a_of_rfc_7396(target: Any, patch: Any, result: Any) -> None:
    assert merge(target, patch) == result


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from([*MEMBERS, "secret", "headers", "sql", "timeout", "x"]), inner
        )
    ),
    max_leaves=12,
)


@given(JSON)
def test_whatever_comes_is_taken_or_refused(document: Any) -> None:
    try:
        draft = read(document, NOW)
    except InvalidSubscription as error:
        assert error.errors
        return
    assert draft.sink


# Selecting


def test_selecting_by_type_topic_source_and_filters() -> None:
    wants = selection(
        kept(topics=["a/*"], types=["t"], source="/s", filters=[{"exact": {"subject": "x"}}])
    ).matches
    assert wants(record("a/b", subject="x"))
    assert not wants(record("a", subject="x"))
    assert not wants(record("a/b", "u", subject="x"))
    assert not wants(record("a/b", subject="y"))
    assert not wants(record("a/b", subject="x", source="/other"))


def test_source_alone_is_exact() -> None:
    wants = selection(kept(topics=["**"], source="/s")).matches
    assert wants(record())
    assert not wants(record(source="/s/more"))


def test_equal_wishes_are_equal_selections() -> None:
    one = kept(topics=["b", "a"], filters=[{"exact": {"type": "t", "source": "/s"}}])
    same = kept(topics=["a", "b"], filters=[{"exact": {"source": "/s", "type": "t"}}])
    assert selection(one) == selection(same)
    assert selection(one) != selection(kept(topics=["a", "b"], source="/s"))
    assert selection(kept(topics=["a"])).by_topic_alone
