"""Settings come from the environment, and a server with settings that cannot work does not start."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.errors import UsageError
from serve_app.settings import Settings, digest


def test_settings_stand_in_the_environment() -> None:
    settings = Settings.from_environment(
        {
            "INKRAY_SERVE_MODELS": "ink:production, builtin",
            "INKRAY_SERVE_CPUS": "0.5",
            "INKRAY_SERVE_ROWS": "7",
            "X": "1",
        }
    )
    assert (settings.models, settings.cpus, settings.rows) == (("ink:production", "builtin"), 0.5, 7)
    assert Settings.from_environment({}) == Settings()


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("MODEL", "x", "There is no setting INKRAY_SERVE_MODEL; known: INKRAY_SERVE_MODELS"),
        ("ROWS", "many", "INKRAY_SERVE_ROWS is 'many'; it must be a number."),
        ("ROWS", "0", "INKRAY_SERVE_ROWS is 0; it must be at least 1."),
        ("SECONDS", "-1", "INKRAY_SERVE_SECONDS is -1; it must be above 0."),
        ("MODELS", " , ", "names no model"),
        ("SECOND_OPINION", "yes", "INKRAY_SERVE_SECOND_OPINION is 'yes'; it must be one of auto, always, never."),
        ("REQUESTS", "100", "would never fill"),
        ("QUEUE_ROWS", "1000", "must hold a whole request"),
        ("KEY_DIGESTS", "x", "There is no setting"),
    ],
)
def test_an_invalid_setting(name: str, value: str, words: str) -> None:
    with pytest.raises(UsageError) as refused:
        Settings.from_environment({f"INKRAY_SERVE_{name}": value})
    assert words in str(refused.value)


def test_keys_come_from_both_places_and_only_their_digests_are_kept(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text("# for the app\nfirst-key-1\n\nsecond-key\n")
    settings = Settings.from_environment(
        {"INKRAY_API_KEYS": "third-key,first-key-1", "INKRAY_API_KEYS_FILE": str(file)}
    )
    assert set(settings.key_digests) == {digest(key) for key in ("first-key-1", "second-key", "third-key")}
    assert "second-key" not in repr(settings)


@pytest.mark.parametrize(
    "environment",
    [
        {"INKRAY_API_KEYS": ""},
        {"INKRAY_API_KEYS": "short"},
        {"INKRAY_API_KEYS": "schlüssel-1"},
        {"INKRAY_API_KEYS_FILE": "/no/file"},
    ],
)
def test_a_server_that_should_be_locked_does_not_start_without_keys(environment: dict[str, str]) -> None:
    with pytest.raises(UsageError):
        Settings.from_environment(environment)
