import pytest

from infra.address import Address, address_of, find_address, leave_address
from infra.data_directory import locked_data_directory
from infra.settings import Settings, SettingsError, load_settings
from infra.tls import own_certificate


def test_a_running_exchange_is_found_however_it_was_started(tmp_path):
    data_dir = tmp_path / "data"
    asked = Settings(data_dir=data_dir)
    with locked_data_directory(data_dir):
        files = own_certificate(data_dir, "127.0.0.1")
        started = Settings(data_dir=data_dir, gateway_port=9443, tls_cert=files.certificate, tls_key=files.key)
        leave_address(started)
        assert find_address(asked) == address_of(started) == Address("https://127.0.0.1:9443", files.certificate)
        leave_address(asked.model_copy(update={"gateway_port": 9000}))
        assert find_address(asked) == Address("http://127.0.0.1:9000", None)


def test_the_address_of_an_exchange_that_has_ended_does_not_count(tmp_path):
    data_dir = tmp_path / "data"
    asked = Settings(data_dir=data_dir)
    with locked_data_directory(data_dir):
        assert find_address(asked) == Address("http://127.0.0.1:8000", None)
        leave_address(asked.model_copy(update={"gateway_port": 9000}))
    assert find_address(asked) == Address("http://127.0.0.1:8000", None)


def test_a_certificate_without_its_key_is_refused(tmp_path, monkeypatch):
    files = own_certificate(tmp_path, "127.0.0.1")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MOCKX_TLS_CERT", str(files.certificate))
    with pytest.raises(SettingsError, match=r"MOCKX_TLS_CERT is set, but MOCKX_TLS_KEY is not") as raised:
        load_settings()
    assert len(str(raised.value).splitlines()) == 1
    monkeypatch.setenv("MOCKX_TLS_KEY", str(files.key))
    assert load_settings().gateway_url == "https://127.0.0.1:8000"
