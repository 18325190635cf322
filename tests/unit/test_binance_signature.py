"""Nobody gets anything private without a signature that holds over the request exactly as it was sent."""

from __future__ import annotations

import base64
from urllib.parse import quote, urlencode

import ccxt
import httpx
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

from gateway.binance.parameters import Parameters
from gateway.binance.signature import signed_parameters, signed_text
from gateway.key_ring import SecretKey
from tests.support.binance_api import BinanceApi, now_ms
from tests.support.local_exchange import ADMIN_KEY, DEMO_KEY, DEMO_SECRET, Api, with_exchange

FEES = "/sapi/v1/asset/tradeFee"

# The examples of Binance's documentation.
DOCUMENTED = SecretKey(b"NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j")
FIRST = b"symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC"
SECOND = b"quantity=1&price=0.1&recvWindow=5000&timestamp=1499827319559"
IN_ONE = "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71"
IN_TWO = "0fd168b8ddb4876a0358a8d14d0c9f3da0e9b20c5d52b2a00fcf7d1c602f9a77"


@pytest.mark.parametrize(
    ("query", "body", "signature"),
    [
        (FIRST + b"&" + SECOND + b"&signature=x", b"", IN_ONE),
        (b"", FIRST + b"&" + SECOND + b"&signature=x", IN_ONE),
        (b"signature=x&" + FIRST + b"&" + SECOND, b"", IN_ONE),
        (FIRST + b"&signature=x&" + SECOND, b"", IN_ONE),
        (FIRST, SECOND + b"&signature=x", IN_TWO),
        (FIRST + b"&signature=x", SECOND, IN_TWO),
        (FIRST, b"signature=x&" + SECOND, IN_TWO),
    ],
)
def test_the_documented_signatures_hold_wherever_the_signature_stands(
    query: bytes, body: bytes, signature: str
) -> None:
    assert DOCUMENTED.verify(signed_text(query, body), signature)
    assert DOCUMENTED.verify(signed_text(query, body), signature.upper())
    assert not DOCUMENTED.verify(signed_text(query + b"&x=1", body), signature)
    assert not DOCUMENTED.verify(signed_text(query, body), signature[:-1])
    assert not DOCUMENTED.verify(signed_text(query, body), "ü" * 64)


def test_a_name_that_only_ends_like_the_signature_is_signed() -> None:
    assert signed_text(b"mysignature=1&a=2&signature=3", b"") == b"mysignature=1&a=2"


def test_the_websocket_api_signs_its_parameters_in_alphabetical_order() -> None:
    parameters = Parameters.of_json(
        {"timestamp": 1, "apiKey": "k", "signature": "x", "price": "0.10", "newOrder": True}
    )
    assert signed_parameters(parameters) == b"apiKey=k&newOrder=true&price=0.10&timestamp=1"


def told(answer: httpx.Response) -> tuple[int, int, str]:
    body = answer.json()
    return answer.status_code, body["code"], body["msg"]


@with_exchange()
async def test_a_good_signature_opens_and_anything_else_does_not(api: Api) -> None:
    bot = BinanceApi(api)
    assert [fee["symbol"] for fee in await bot.get(FEES)] == ["BTCUSDT", "ETHUSDT", "GOLDUSDT"]
    query = urlencode({"symbol": "BTCUSDT", "timestamp": now_ms()})
    good = bot.sign(query)
    bad = (400, -1022, "Signature for this request is not valid.")
    unsigned = (400, -1102, "Mandatory parameter 'signature' was not sent, was empty/null, or malformed.")
    assert (await bot.send_text("GET", FEES, f"{query}&signature={good}")).status_code == 200
    assert told(await bot.send_text("GET", FEES, f"{query.replace('BTC', 'ETH')}&signature={good}")) == bad
    assert told(await bot.send_text("GET", FEES, f"{query}&signature={good[:-1]}0{good[-1]}")) == bad
    assert told(await bot.send_text("GET", FEES, f"{query}&recvWindow=60000&signature={good}")) == bad
    assert told(await bot.send_text("GET", FEES, query)) == unsigned
    assert told(await bot.send_text("GET", FEES, f"{query}&signature=")) == unsigned
    assert told(await bot.send_text("GET", FEES, f"{query}&signature={'0' * 2_000}")) == bad
    other = BinanceApi(api, secret="another")
    assert told(await other.send("GET", FEES)) == bad


@with_exchange()
async def test_percent_signs_are_signed_as_they_were_sent(api: Api) -> None:
    bot = BinanceApi(api)
    for escaped in ("a%7Eb", "a~b", "a%7eb", "a+b", "a%20b"):
        query = f"memo={escaped}&timestamp={now_ms()}"
        assert (await bot.send_text("GET", FEES, f"{query}&signature={bot.sign(query)}")).status_code == 200


@with_exchange()
async def test_a_key_that_is_missing_or_unknown_is_no_key(api: Api) -> None:
    bot = BinanceApi(api)
    unknown = (401, -2015, "Invalid API-key, IP, or permissions for action.")
    malformed = (401, -2014, "API-key format invalid.")
    assert told(await api.with_key(None).http.get(FEES)) == malformed
    for key in ("", " ", "x" * 300):
        bot.key = key
        assert told(await bot.send("GET", FEES)) == malformed
    # The native dialect's administrator signs nothing here.
    for key in ("unknown", ADMIN_KEY):
        bot.key = key
        assert told(await bot.send("GET", FEES)) == unknown


@with_exchange()
async def test_a_request_is_good_for_its_moment_alone(api: Api) -> None:
    bot = BinanceApi(api)
    late = (400, -1021, "Timestamp for this request is outside of the recvWindow.")
    early = (400, -1021, "Timestamp for this request was 1000ms ahead of the server's time.")
    assert told(await bot.send("GET", FEES, timestamp=now_ms() - 5_100)) == late
    assert (await bot.send("GET", FEES, timestamp=now_ms() - 5_100, recvWindow=20_000)).status_code == 200
    assert told(await bot.send("GET", FEES, timestamp=now_ms() - 100, recvWindow=50)) == late
    assert told(await bot.send("GET", FEES, timestamp=now_ms() + 2_000)) == early
    assert (await bot.send("GET", FEES, timestamp=now_ms() * 1_000)).status_code == 200
    assert told(await bot.send("GET", FEES, timestamp=(now_ms() - 5_100) * 1_000)) == late
    assert told(await bot.send("GET", FEES, recvWindow=60_001))[:2] == (400, -1130)
    assert told(await bot.send("GET", FEES, timestamp="yesterday"))[:2] == (400, -1100)
    query = f"recvWindow=5000&signature={bot.sign('recvWindow=5000')}"
    assert told(await bot.send_text("GET", FEES, query))[:2] == (400, -1102)


@with_exchange()
async def test_a_key_that_may_not_read_reads_nothing(api: Api) -> None:
    made = await api.admin.post("/accounts/1/keys", {"permissions": ["trade"]}, 201)
    bot = BinanceApi(api, made["api_key"], made["api_secret"])
    assert told(await bot.send("GET", FEES)) == (401, -2015, "You don't have permission.")
    # A key alone, without a signature, is enough for what is anybody's.
    assert await bot.ask("GET", "/sapi/v1/margin/allPairs") == []
    await api.admin.delete(f"/keys/{made['key_id']}")
    assert told(await bot.send("GET", FEES))[1] == -2015


def pem_of(private: rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey) -> tuple[str, str]:
    """Return both halves of a key as text."""
    secret = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return secret.decode(), public.decode()


@with_exchange()
async def test_keys_sign_by_rsa_and_by_ed25519(api: Api) -> None:
    rsa_key, ed_key = rsa.generate_private_key(65_537, 2_048), ed25519.Ed25519PrivateKey.generate()

    def by_rsa(text: bytes) -> bytes:
        return rsa_key.sign(text, padding.PKCS1v15(), hashes.SHA256())

    for kind, private, sign in (("rsa", rsa_key, by_rsa), ("ed25519", ed_key, ed_key.sign)):
        body = {"permissions": ["read", "trade"], "public_key": pem_of(private)[1]}
        made = await api.admin.post("/accounts/1/keys", body, 201)
        bot = BinanceApi(api, made["api_key"], made["api_secret"])
        query = f"timestamp={now_ms()}"
        signature = base64.b64encode(sign(query.encode())).decode()
        for written in (quote(signature, safe=""), signature):
            answer = await bot.send_text("GET", FEES, f"{query}&signature={written}")
            assert answer.status_code == 200, answer.text
        assert told(await bot.send_text("GET", FEES, f"{query}1&signature={quote(signature)}"))[1] in {-1021, -1022}
        # Its secret signs nothing, nor does any other key.
        assert told(await bot.send("GET", FEES))[1] == -1022
        kinds = {key["key_id"]: key["kind"] for key in await api.admin.get("/accounts/1/keys")}
        assert kinds[made["key_id"]] == kind


@with_exchange()
async def test_public_keys_that_cannot_be_used_are_refused(api: Api) -> None:
    small = pem_of(rsa.generate_private_key(65_537, 1_024))[1]
    other = pem_of(ec.generate_private_key(ec.SECP256R1()))[1]
    for text in ("nonsense", "x" * 5_000, small, other, pem_of(ed25519.Ed25519PrivateKey.generate())[0]):
        error = (await api.admin.post("/accounts/1/keys", {"public_key": text}, 400))["error"]
        assert error["field"] == "public_key"


@with_exchange()
async def test_what_ccxt_signs_is_accepted(api: Api) -> None:
    rsa_pem, rsa_public = pem_of(rsa.generate_private_key(65_537, 2_048))
    ed_pem, ed_public = pem_of(ed25519.Ed25519PrivateKey.generate())
    keys = [(DEMO_KEY, DEMO_SECRET)]
    for secret, public in ((rsa_pem, rsa_public), (ed_pem, ed_public)):
        made = await api.admin.post("/accounts/1/keys", {"public_key": public}, 201)
        keys.append((made["api_key"], secret))
    for key, secret in keys:
        bot = ccxt.binance({"apiKey": key, "secret": secret})
        signed = bot.sign("asset/tradeFee", ["sapi"], "GET", {"symbol": "BTCUSDT", "memo": "ä b+c/~"})
        path = signed["url"].removeprefix("https://api.binance.com")
        answer = await api.http.request("GET", path, headers=signed["headers"])
        assert answer.status_code == 200, answer.text


@with_exchange(is_auth_on=False)
async def test_without_authentication_nothing_has_to_be_signed(api: Api) -> None:
    assert (await api.with_key(None).http.get(FEES)).status_code == 200
