import stat
from concurrent.futures import ThreadPoolExecutor

import pytest

from infra.credentials import (
    ApiKey,
    CredentialsError,
    credentials_for,
    new_api_key,
    ray_environment,
    read_credentials,
    seal,
    unseal,
)
from infra.settings import Settings


@pytest.fixture
def settings(tmp_path):
    return Settings(data_dir=tmp_path / "data")


def file_of(settings):
    return settings.data_dir / "credentials.toml"


def test_the_first_start_makes_secrets_for_the_owner_alone(settings):
    credentials = credentials_for(settings)
    assert stat.S_IMODE(file_of(settings).stat().st_mode) == 0o600
    assert stat.S_IMODE(settings.data_dir.stat().st_mode) == 0o700
    secrets = [getattr(credentials, name) for name in credentials.__struct_fields__]
    assert len(set(secrets)) == len(secrets)
    # The password is typed by hand; 72 random bits are still beyond guessing.
    assert len(credentials.dashboard_password) >= 12
    assert min(len(secret) for secret in secrets if secret != credentials.dashboard_password) >= 32


def test_the_second_start_reads_the_same_secrets(settings):
    assert credentials_for(settings) == credentials_for(settings)


def test_processes_that_start_at_once_use_the_same_secrets(settings):
    with ThreadPoolExecutor(8) as threads:
        made = list(threads.map(credentials_for, [settings] * 8))
    assert made == [credentials_for(settings)] * 8
    assert [path.name for path in settings.data_dir.iterdir()] == ["credentials.toml"]


def test_two_directories_have_different_secrets(settings, tmp_path):
    other = credentials_for(Settings(data_dir=tmp_path / "other"))
    assert other.admin_key != credentials_for(settings).admin_key


def test_the_admin_key_of_the_settings_wins_and_is_not_written(settings):
    made = credentials_for(settings)
    given = credentials_for(settings.model_copy(update={"admin_key": "0123456789abcdef"}))
    assert given.admin_key == "0123456789abcdef"
    assert given.nats_password == made.nats_password
    assert credentials_for(settings) == made


def test_servers_that_run_elsewhere_do_not_learn_the_passwords_of_the_embedded_ones(settings):
    own = credentials_for(settings)
    urls = {"nats_url": "nats://me:secret@elsewhere", "valkey_url": "valkey://elsewhere", "ray_address": "ray:6379"}
    other = credentials_for(settings.model_copy(update=urls))
    assert (other.nats_password, other.valkey_password, other.ray_token) == ("", "", "")
    assert all((own.nats_password, own.valkey_password, own.ray_token))
    assert "RAY_AUTH_TOKEN" not in ray_environment(other.ray_token)
    assert ray_environment(own.ray_token)["RAY_AUTH_TOKEN"] == own.ray_token


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o610])
def test_a_file_that_others_may_use_is_refused_with_the_remedy(settings, mode):
    credentials_for(settings)
    file_of(settings).chmod(mode)
    with pytest.raises(CredentialsError, match=rf"mode {mode:o}\): run chmod 600 .*credentials.toml") as raised:
        credentials_for(settings)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("content", [b"", b"admin_key = 5", b"\xff", b"admin_key = 'x'\n"])
def test_a_damaged_file_is_one_line_and_is_not_replaced(settings, content):
    credentials_for(settings)
    file_of(settings).write_bytes(content)
    with pytest.raises(CredentialsError, match="is damaged") as raised:
        credentials_for(settings)
    assert "\n" not in str(raised.value)
    assert file_of(settings).read_bytes() == content


def test_a_missing_file_is_one_line(tmp_path):
    with pytest.raises(CredentialsError, match="cannot be read"):
        read_credentials(tmp_path / "none.toml")


def test_credentials_show_nothing_of_themselves(settings):
    credentials = credentials_for(settings)
    assert credentials.admin_key not in f"{credentials} {credentials!r}"


def test_a_sealed_key_comes_back_and_does_not_show_itself(settings):
    credentials = credentials_for(settings)
    key = new_api_key()
    sealed = seal(key, credentials.seal_key)
    assert unseal(sealed, credentials.seal_key) == key
    assert key.api_key.encode() not in sealed
    assert key.api_secret.encode() not in sealed


def test_a_key_sealed_for_another_exchange_is_one_line(settings, tmp_path):
    other = credentials_for(Settings(data_dir=tmp_path / "other"))
    with pytest.raises(CredentialsError, match="seal_key does not open") as raised:
        unseal(seal(ApiKey("key", "secret"), other.seal_key), credentials_for(settings).seal_key)
    assert "\n" not in str(raised.value)


def test_an_api_key_fits_a_nats_subject_token():
    assert new_api_key().api_key.isalnum()
