"""Settings: where they come from, and what is said of impossible ones."""

from __future__ import annotations

import os
import traceback
from pathlib import Path

import pytest

from waypoint.cli import main
from waypoint.errors import ConfigurationError, ExitCode
from waypoint.settings import FACTS, QuotaTier, Settings, load, load_settings

KEY = "AIzaSyA-key-that-must-not-be-seen"


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty working folder, and an environment without any setting."""
    monkeypatch.chdir(tmp_path)
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def test_the_defaults() -> None:
    """As the README and .env.example give them."""
    settings = load_settings()
    assert settings.google_api_key is None
    assert settings.embedding_model == "gemini-embedding-001"
    assert settings.embedding_dimensions == 768
    assert (settings.chunk_size, settings.chunk_overlap) == (600, 90)
    assert settings.concurrency == 8
    assert settings.quota.tier is QuotaTier.AUTO
    assert (settings.quota.rpm, settings.quota.tpm, settings.quota.rpd) == (None, None, None)
    assert settings.store.server is None
    assert settings.store.persist_path == Path("chroma_db")


def test_an_option_wins_over_the_environment_over_the_file_over_the_default(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is taken where nothing before it says anything."""
    (folder / ".env").write_text("CONCURRENCY=3\nCHUNK_SIZE=301\nBATCH_SIZE=31\nUNKNOWN=1\n")
    monkeypatch.setenv("CONCURRENCY", "2")
    monkeypatch.setenv("CHUNK_SIZE", "201")
    settings = load_settings(concurrency=1, chunk_size=None)
    assert (settings.concurrency, settings.chunk_size) == (1, 201)
    assert (settings.batch_size, settings.chunk_overlap) == (31, 90)


def test_patterns_in_a_variable_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    """Given as options they are taken as they are."""
    monkeypatch.setenv("EXCLUDE", "drafts/, *.tmp,")
    assert load_settings().exclude == ("drafts/", "*.tmp")
    assert load_settings(exclude=["a,b"]).exclude == ("a,b",)
    assert load_settings().include == ()


def test_an_empty_variable_says_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Compose files pass on what is not set as an empty string."""
    (folder / ".env").write_text("CHROMA_HOST=\nQUOTA_RPM=\n")
    monkeypatch.setenv("GOOGLE_API_KEY", "")
    monkeypatch.setenv("EMBEDDING_DIMENSIONS", "")
    settings = load_settings()
    assert settings.google_api_key is None
    assert settings.store.server is None
    assert settings.quota.rpm is None
    assert settings.embedding_dimensions == 768


@pytest.mark.parametrize(
    "name", ["KNOWLEDGE_BASE_PATH", "CHROMA_PERSIST_PATH", "LOG_DIR", "COLLECTION_NAME"]
)
def test_an_empty_folder_or_collection_is_no_name(
    folder: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """It would be another one than was meant: the working folder, or the default."""
    for value in ("", "  "):
        monkeypatch.setenv(name, value)
        with pytest.raises(ConfigurationError, match=f"{name}: it is empty"):
            load_settings()
    monkeypatch.delenv(name)
    (folder / ".env").write_text(f"{name}=\n")
    with pytest.raises(ConfigurationError, match=rf"\.env line 1: {name}: it is empty"):
        load_settings()


@pytest.mark.parametrize(
    "arguments",
    [
        ["ingest", " "],
        ["ingest", "--collection="],
        ["ingest", "--category", ""],
        ["verify", "--queries", ""],
        ["search", ""],
        ["search", "words", "--where", " "],
        ["inspect", ""],
    ],
)
def test_an_empty_value_is_refused_by_every_command(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    """Before anything else."""
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert "it is empty" in capsys.readouterr().err


def test_what_was_left_out_can_be_taken_back(folder: Path) -> None:
    """By an empty value, which is one that was given."""
    settings = load_settings(include=[""], exclude=["", "a"], json_text_field="")
    assert (settings.include, settings.exclude, settings.json_text_field) == ((), ("a",), None)
    assert {"include", "exclude", "json_text_field"} <= settings.model_fields_set


def test_zero_is_a_value(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From wherever it comes, 0 means no limit, and is not taken for nothing."""
    (folder / ".env").write_text("QUOTA_RPD=0\n")
    monkeypatch.setenv("QUOTA_TPM", "0")
    settings = load_settings(quota_rpm=0, chunk_overlap=0)
    assert (settings.quota.rpm, settings.quota.tpm, settings.quota.rpd) == (0, 0, 0)
    assert settings.chunk_overlap == 0


@pytest.mark.parametrize(
    ("given", "tier"),
    [
        ("auto", QuotaTier.AUTO),
        ("free", QuotaTier.FREE),
        ("2", QuotaTier.TWO),
        (3, QuotaTier.THREE),
    ],
)
def test_a_tier_may_be_a_number(given: object, tier: QuotaTier) -> None:
    """As it is written in the table of quotas."""
    assert load_settings(quota_tier=given).quota.tier is tier


def test_a_model_has_one_name() -> None:
    """However it is written: the name goes into the keys of texts."""
    settings = load_settings(embedding_model="models/gemini-embedding-2")
    assert settings.embedding_model == "gemini-embedding-2"


def test_all_problems_are_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also those that concern two settings together; each by its variable."""
    monkeypatch.setenv("CONCURRENCY", "none")
    monkeypatch.setenv("CHUNK_SIZE", "100")
    monkeypatch.setenv("QUOTA_TIER", "gold")
    with pytest.raises(ConfigurationError) as caught:
        load_settings(chunk_overlap=100, embedding_dimensions=64, collection_name="-")
    message = str(caught.value)
    assert message.split("; ") == [
        "--dimensions 64: must be 128 to 3072",
        "--collection -: must be 3 to 512 characters of a-z A-Z 0-9 . _ -, beginning and ending "
        "with a letter or digit",
        "CONCURRENCY=none: must be 1 to 256, or auto",
        "QUOTA_TIER=gold: must be auto, free, 1, 2 or 3",
        "--chunk-overlap 100: must be below CHUNK_SIZE, which is 100",
    ]
    assert caught.value.hint
    assert caught.value.exit_code is ExitCode.USAGE


@pytest.mark.parametrize("options", [{"chunk_size": 90}, {"chunk_overlap": 600}])
def test_the_overlap_is_below_the_size(options: dict[str, int]) -> None:
    """Whichever of the two is the default."""
    with pytest.raises(ConfigurationError, match="must be below CHUNK_SIZE, which is"):
        load_settings(**options)


@pytest.mark.parametrize(
    "options",
    [
        {"concurrency": 0},
        {"batch_size": 251},
        {"embedding_dimensions": 3073},
        {"chunk_size": 49},
        {"quota_rpm": -1},
        {"chroma_port": 65_536},
        {"call_timeout": 0},
        {"collection_name": "ab"},
        {"collection_name": "ends with a dot."},
        {"log_level": "LOUD"},
    ],
)
def test_impossible_values_are_refused(options: dict[str, object]) -> None:
    """With the name of the setting."""
    (name,) = options
    shown = FACTS[name].option or FACTS[name].variable
    with pytest.raises(ConfigurationError, match=f"{shown}.*: must be .*"):
        load_settings(**options)


@pytest.mark.parametrize("key", ["AIza\u200bSy", "AIzaSy\nAIzaSy", "AIza Sy", "AIzaSy…"])
def test_a_key_that_cannot_be_sent_is_told_and_not_shown(key: str) -> None:
    """Copied with something invisible, mostly: no call could ever succeed."""
    with pytest.raises(
        ConfigurationError, match="GOOGLE_API_KEY: it contains a character"
    ) as caught:
        load_settings(google_api_key=key)
    assert "Sy" not in "".join(traceback.format_exception(caught.value))
    assert load_settings(google_api_key=" AIzaSy\n").google_api_key is not None


@pytest.mark.parametrize(
    "url",
    ["localhost:8080", "ftp://host", "http://", "https:/host", "http://h:abc", "http://h:99999"],
)
def test_a_base_url_is_a_web_address(url: str) -> None:
    """Else every call would fail, and say something else."""
    with pytest.raises(ConfigurationError, match="GOOGLE_GEMINI_BASE_URL"):
        load_settings(google_gemini_base_url=url)


@pytest.mark.parametrize(
    ("given", "host"),
    [
        ("chroma", "chroma"),
        ("my_chroma.example.org.", "my_chroma.example.org."),
        ("10.0.0.7", "10.0.0.7"),
        ("bücher.example", "bücher.example"),
        ("::1", "[::1]"),
        ("[2001:DB8::7]", "[2001:db8::7]"),
    ],
)
def test_a_host_is_a_name_or_an_address(given: str, host: str) -> None:
    """An address with colons gets the brackets that it needs before a port."""
    address = load_settings(chroma_host=given).store.server
    assert address is not None
    assert address.host == host


@pytest.mark.parametrize(
    "host", ["localhost:8000", "http://localhost", "chroma/api", "a b", "user@chroma", "-"]
)
def test_a_host_is_nothing_else(host: str) -> None:
    """Where the rest of an address belongs is said."""
    with pytest.raises(ConfigurationError, match=r"CHROMA_HOST .*: .* the port is CHROMA_PORT"):
        load_settings(chroma_host=host)


@pytest.mark.parametrize("field", ["knowledge_base_path", "chroma_persist_path", "log_dir"])
def test_a_folder_whose_name_is_not_utf8_is_refused(field: str) -> None:
    """What a run tells goes into files of UTF-8; it is known before anything is embedded."""
    with pytest.raises(ConfigurationError, match=r": the name a\\xff is not valid"):
        load_settings(**{field: Path(os.fsdecode(b"a\xff"))})


def test_the_key_is_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither by the settings nor by an error about others, down to its traceback."""
    monkeypatch.setenv("GOOGLE_API_KEY", KEY)
    settings = load_settings()
    assert settings.google_api_key is not None
    assert settings.google_api_key.get_secret_value() == KEY
    assert KEY not in repr(settings) + str(settings)
    with pytest.raises(ConfigurationError) as caught:
        load_settings(chunk_overlap=600, google_api_key=[KEY])
    assert KEY not in "".join(traceback.format_exception(caught.value))


def test_a_file_that_is_not_text_is_named(folder: Path) -> None:
    """Instead of a traceback."""
    (folder / ".env").write_bytes("COLLECTION_NAME=H\xe4fen\n".encode("latin-1"))
    with pytest.raises(ConfigurationError, match=r"\.env"):
        load_settings()


def test_settings_do_not_change() -> None:
    """What a run began with is what it ends with."""
    settings = load_settings()
    with pytest.raises(ValueError, match="frozen"):
        settings.concurrency = 9


def test_a_file_of_toml_is_below_everything_but_the_defaults(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Values have TOML's types; names may have hyphens; it is told where each comes from."""
    (folder / "waypoint.toml").write_text(
        "concurrency = 4\nbatch-size = 41\ncontext_headers = true\ncall_timeout = 7.5\n"
        'exclude = ["a,b", "c"]\nquota_tier = 2\n\n"chunk_unit" = "tokens"\nchunk_size = 400\n'
    )
    (folder / ".env").write_text("\n\nBATCH_SIZE=31\n")
    monkeypatch.setenv("CHUNK_SIZE", "201")
    loaded = load(concurrency=1)
    settings = loaded.settings
    assert (settings.concurrency, settings.batch_size, settings.chunk_size) == (1, 31, 201)
    assert (settings.context_headers, settings.call_timeout) == (True, 7.5)
    assert (settings.exclude, settings.quota_tier) == (("a,b", "c"), QuotaTier.TWO)
    assert {name: given.origin for name, given in loaded.given.items()} == {
        "concurrency": "option",
        "batch_size": ".env line 3",
        "chunk_size": "environment",
        "context_headers": "waypoint.toml line 3",
        "call_timeout": "waypoint.toml line 4",
        "exclude": "waypoint.toml line 5",
        "quota_tier": "waypoint.toml line 6",
        "chunk_unit": "waypoint.toml line 8",
    }


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("concurrency = true", "line 1: concurrency = true: must be 1 to 256, or auto"),
        ("\nrpm = 3", "line 2: rpm is not a setting; did you mean quota_rpm?"),
        ("batch_sice = 3", "line 1: batch_sice is not a setting; did you mean batch_size?"),
        ("weather = 3", "line 1: weather is not a setting"),
        ("[quota]\nrpm = 3", "line 1: quota is a table"),
        ("chunk_size = 1979-05-27", "line 1: chunk_size is neither a text, a number"),
        ("include = [1]", "line 1: include is neither"),
        ("chunk_size = x", "can't be read: Invalid value (at line 1"),
        ("stats_every = 1", "stats_every in waypoint.toml is now called STATS_INTERVAL"),
    ],
)
def test_what_a_file_of_toml_cannot_say(folder: Path, text: str, told: str) -> None:
    """It is named with its line."""
    (folder / "waypoint.toml").write_text(text)
    with pytest.raises(ConfigurationError) as caught:
        load_settings()
    assert told in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("CONCURRENCY=many", ".env line 1: CONCURRENCY=many: must be 1 to 256, or auto"),
        ("A=1\n\n  BATCH_SIZE = 0", ".env line 3: BATCH_SIZE=0: must be 1 to 250"),
        ("CHUNK_SIZE=9.5", ".env line 1: CHUNK_SIZE=9.5: must be a whole number, 50 to 16000"),
        ("CALL_TIMEOUT=soon", "CALL_TIMEOUT=soon: must be a number, more than 0, at most 600"),
        ("QUOTA_WAIT=perhaps", "QUOTA_WAIT=perhaps: must be true or false"),
        ("QUOTA_RPM=-5", "QUOTA_RPM=-5: must be 0 or more"),
        ("LOG_DIR=~nobody-of-this-name/logs", "no home folder is known"),
        ('A=1\nNOTE="abc\nB=2', ".env line 2 can't be read: its quotes are not closed"),
        ("A=1\nexport\n=3", ".env line 3 can't be read: it is not NAME=value"),
    ],
)
def test_what_a_file_of_variables_cannot_say(folder: Path, text: str, told: str) -> None:
    """The file, the line, the value and what it may be."""
    (folder / ".env").write_text(text)
    with pytest.raises(ConfigurationError) as caught:
        load_settings()
    assert told in caught.value.message


def test_a_line_that_cannot_be_read_is_not_shown(folder: Path) -> None:
    """It may hold a key."""
    (folder / ".env").write_text(f'GOOGLE_API_KEY="{KEY}\n')
    with pytest.raises(ConfigurationError) as caught:
        load_settings()
    assert KEY not in "".join(traceback.format_exception(caught.value))


def test_a_name_that_is_nearly_ours_is_told(folder: Path) -> None:
    """Others' variables are none of ours."""
    (folder / ".env").write_text("CONCURENCY=3\nUID=1000\nPOSTGRES_PASSWORD=abcdef\nMODEL=x\n")
    assert load().remarks == [
        ".env line 1: CONCURENCY is not a setting; did you mean CONCURRENCY?",
        ".env line 4: MODEL is not a setting; did you mean EMBEDDING_MODEL?",
    ]


def test_a_tilde_is_the_home(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever it comes from."""
    monkeypatch.setenv("HOME", str(folder))
    (folder / ".env").write_text("LOG_DIR=~/logs\n")
    settings = load_settings(knowledge_base_path=Path("~"))
    assert (settings.log_dir, settings.knowledge_base_path) == (folder / "logs", folder)


def test_a_folder_called_env_is_no_file_of_variables(folder: Path) -> None:
    """It is a virtual environment."""
    (folder / ".env").mkdir()
    assert load_settings() == Settings()
