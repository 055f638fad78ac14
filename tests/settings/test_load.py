"""Settings from a file, the environment and flags: who wins, and what a mistake is told."""

from __future__ import annotations

import tomllib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubbub.core.errors import Misconfigured
from hubbub.settings.load import Loaded, find_file, load
from hubbub.settings.schema import schema
from hubbub.settings.show import show
from hubbub.settings.values import duration

from .rooms import Attic, Door, Hall, Hinges, House


@pytest.fixture
def write(tmp_path):
    def write_file(text: str):
        file = tmp_path / "hubbub.toml"
        file.write_text(text, encoding="utf-8")
        return file

    return write_file


def env(**variables: str) -> dict[str, str]:
    return {f"HUBBUB_{name}": value for name, value in variables.items()}


def from_env(**variables: str) -> House:
    return load(House, environ=env(**variables)).settings


def refused(**how: object) -> str:
    with pytest.raises(Misconfigured) as caught:
        load(House, **how)
    return caught.value.detail


def test_nothing_has_to_be_set():
    loaded = load(House)
    assert loaded.settings == House()
    assert set(loaded.origins.values()) == {"default"}
    assert set(loaded.origins) == {key.path for key in schema(House).walk()}


def test_flags_win_over_the_environment_over_the_file(write):
    file = write('[hall]\nhost = "file"\nport = 1\ncolour = "blue"\n[hall.hinges]\ncount = 3')
    loaded = load(
        House,
        file=file,
        environ=env(HALL__HOST="env", HALL__PORT="2", ATTIC__MAX_AGE="24h"),
        flags={"hall.port": 3, "hall.host": None, "hall.is_open": True},
    )
    assert loaded.settings == House(
        hall=Hall(host="env", port=3, colour="blue", is_open=True, hinges=Hinges(count=3)),
        attic=Attic(max_age=86_400.0),
    )
    assert {path: o for path, o in loaded.origins.items() if o != "default"} == {
        "hall.host": "HUBBUB_HALL__HOST",
        "hall.port": "--port",
        "hall.colour": str(file),
        "hall.is_open": "--is-open",
        "hall.hinges.count": str(file),
        "attic.max_age": "HUBBUB_ATTIC__MAX_AGE",
    }
    assert loaded.value("hall.hinges.count") == 3


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("HOST", "", ""),
        ("HOST", "a=b, c", "a=b, c"),
        ("PORT", "8081", 8081),
        ("TIMEOUT", "2.5", 2.5),
        ("TIMEOUT", "250ms", 0.25),
        ("TIMEOUT", "15m", 900.0),
        ("TIMEOUT", "7", 7.0),
        ("IS_OPEN", "true", True),
        ("IS_OPEN", "TRUE", True),
        ("IS_OPEN", "0", False),
        ("COLOUR", "blue", "blue"),
        ("PATH", "/srv/x", "/srv/x"),
        ("PATH", "", None),
        ("NAMES", "", ()),
        ("NAMES", "a", ("a",)),
        ("NAMES", " a , b c,, ", ("a", "b c")),
        ("NAMES", '["a,b", "c"]', ("a,b", "c")),
        ("SIZES", "3,4", (3, 4)),
        ("DOORS", '[{"name": "a", "hold": "2m"}]', (Door(name="a", hold=120),)),
        ("SPARE", '{"name": "b", "tags": ["x"]}', Door(name="b", tags=("x",))),
        ("SPARE", "", None),
        ("GRANTS", "true", True),
        ("GRANTS", '["a", "b"]', ("a", "b")),
    ],
)
def test_texts_of_the_environment(name, text, value):
    assert getattr(from_env(**{f"HALL__{name}": text}).hall, name.lower()) == value


def test_structures_and_durations_in_the_file(write):
    file = write("""
        attic.max_age = "7d"
        [hall]
        timeout = 3
        grants = ["a"]
        spare = { name = "b", hold = "90s" }
        [[hall.doors]]
        name = "front"
        hold = "1.5h"
        """)
    house = load(House, file=file).settings
    assert house.hall.doors == (Door(name="front", hold=5400),)
    assert house.hall.spare == Door(name="b", hold=90)
    assert (house.hall.grants, house.hall.timeout) == (("a",), 3.0)
    assert house.attic.max_age == 7 * 86_400


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[hal]\nport = 1", "hubbub.toml: there is no setting hal; did you mean hall?"),
        ("[hall]\nprot = 1", "there is no setting hall.prot; did you mean hall.port?"),
        ("[hall]\nzzzzzz = 1", "no setting hall.zzzzzz; [hall] has host, port, timeout"),
        ("zzz = 1", "there is no setting zzz; the sections are hall, attic"),
        ("hall = 3", "hall is a section: write [hall] above its keys"),
        ("[hall]\nport = 70000", "hubbub.toml: hall.port: expected `int` <= 65535"),
        ('[hall]\nport = "1"', "hall.port: expected `int`, got `str`"),
        ("[hall]\nis_open = 1", "hall.is_open: expected `bool`, got `int`"),
        ('[hall]\ntimeout = "soon"', "hall.timeout: is a number of seconds, or a text such as 90s"),
        ("[hall]\ntimeout = 0", "hall.timeout: expected `float` > 0.0"),
        ('[hall]\ncolour = "green"', "hall.colour: cannot be 'green'; it is one of blue, red"),
        (
            '[[hall.doors]]\nname = "a"\nhodl = 1',
            "hall.doors: has no member hodl; did you mean hold",
        ),
        ("[[hall.doors]]\nhold = 1", "hall.doors[0]: needs the member `name`"),
        ('[hall]\npassword = "abc"', "[hall] password has at least 4 characters ("),
        ("[hall]\nport = x", "is not valid TOML: Invalid value (at line 2"),
        ("[hall.hinges]\ncount = 0", "hall.hinges.count: expected `int` >= 1"),
    ],
)
def test_a_mistake_in_the_file_is_told_with_its_place(write, text, said):
    assert said in refused(file=write(text))


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        (
            "HALL__PROT",
            "1",
            "there is no setting HUBBUB_HALL__PROT; did you mean HUBBUB_HALL__PORT?",
        ),
        ("HALL__PORT", "x", "HUBBUB_HALL__PORT: expected `int`, got `str`"),
        ("HALL__TIMEOUT", "x", "HUBBUB_HALL__TIMEOUT: expected `float`, got `str`"),
        ("HALL__DOORS", "[", "HUBBUB_HALL__DOORS: "),
        ("HALL__SPARE", "{", "HUBBUB_HALL__SPARE: "),
        ("HALL__SPARE", '{"nmae": 1}', "did you mean name?"),
        ("HALL__PASSWORD", "abc", "(HUBBUB_HALL__PASSWORD)"),
    ],
)
def test_a_mistake_in_the_environment_names_the_variable(name, text, said):
    detail = refused(environ=env(**{name: text}))
    assert said in detail
    assert "abc" not in detail


def test_names_that_others_set_are_not_ours():
    ours = env(HALL__PORT="1")
    others = env(URL="http://x", TOKEN="t", PORT="tcp://10.0.0.1:80", PORT_80_TCP_ADDR="x")
    assert load(House, environ=ours | others | {"PATH": "x"}).settings.hall.port == 1


def test_files_that_cannot_be_read(tmp_path):
    assert "No such file" in refused(file=tmp_path / "missing.toml")
    (tmp_path / "latin.toml").write_bytes(b"# \xff")
    assert "is not UTF-8" in refused(file=tmp_path / "latin.toml")


def test_the_file_is_the_named_one_or_lies_in_the_folder(tmp_path):
    assert find_file(None, tmp_path) is None
    (tmp_path / "hubbub.toml").touch()
    assert find_file(None, tmp_path) == tmp_path / "hubbub.toml"
    assert find_file("other.toml", tmp_path).name == "other.toml"


class Needy(msgspec.Struct):
    name: str


class NeedyHouse(msgspec.Struct):
    hall: Needy


def test_a_key_without_a_default_must_be_set():
    with pytest.raises(Misconfigured, match=r"set hall\.name, or HUBBUB_HALL__NAME"):
        load(NeedyHouse)


def printed(loaded: Loaded[House]) -> str:
    return "\n".join(show(loaded))


def test_what_is_printed_can_be_loaded_again(write):
    loaded = load(
        House,
        environ=env(
            HALL__NAMES='["a\\"b", "\\\\", "\\u007f\\u0001é"]',
            HALL__DOORS='[{"name": "front", "hold": 2.5, "tags": ["x"]}]',
            HALL__SPARE='{"name": "b"}',
            HALL__IS_OPEN="1",
        ),
        flags={"hall.port": 0},
    )
    again = load(House, file=write(printed(loaded)))
    assert again.settings == loaded.settings


def test_what_is_printed_names_origins_and_hides_secrets():
    text = printed(
        load(
            House,
            environ=env(
                HALL__PASSWORD="hunter2", HALL__STORE="postgres://me:hunter2@db/x?y", HALL__PORT="9"
            ),
        )
    )
    assert "hunter2" not in text
    assert tomllib.loads(text)["hall"]["password"] == "********"
    assert tomllib.loads(text)["hall"]["store"] == "postgres://me:********@db/x?y"
    (line,) = [line for line in text.splitlines() if line.startswith("port")]
    assert line.split() == ["port", "=", "9", "#", "HUBBUB_HALL__PORT"]
    assert "# path is not set" in text
    assert "[hall.hinges]" in text


TEXTS = st.text(max_size=30)


@given(st.sampled_from([key.environment for key in schema(House).walk()]), TEXTS)
def test_any_text_is_a_value_or_a_mistake(name, text):
    try:
        load(House, environ={name: text})
    except Misconfigured as error:
        assert name in error.detail or "[hall]" in error.detail


@given(
    st.dictionaries(
        st.sampled_from(["hall.port", "hall.timeout", "hall.doors", "hall.spare", "hall.grants"]),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | TEXTS | st.dates(),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
        ),
    )
)
def test_any_value_is_taken_or_told(flags):
    try:
        load(House, flags=flags)
    except Misconfigured as error:
        assert error.detail


@pytest.mark.parametrize("text", ["1", "s", "1 year", "-1s", "1e3s", "٣s", "1s2m", "", "1.s"])
def test_what_is_no_duration(text):
    assert duration(text) is None
