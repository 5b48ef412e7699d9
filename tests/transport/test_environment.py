"""TLS, proxies, and the choice of what carries the bytes."""

from __future__ import annotations

import shutil
import ssl
import subprocess

import pytest

from llmrouter_integrations.errors import (
    ConfigurationError,
    MissingExtraError,
    TargetConnectionError,
    TargetTimeoutError,
)
from llmrouter_integrations.transport import Transport, environment

PROXY_VARIABLES = ["http_proxy", "https_proxy", "all_proxy", "no_proxy"]


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch):
    for name in [*PROXY_VARIABLES, "LLMROUTER_HTTP", "SSL_CERT_FILE", "SSL_CERT_DIR"]:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A self-signed certificate for 127.0.0.1: path of the PEM with its key, and a server context."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("the openssl program, which makes the test's certificate, is not installed")
    place = tmp_path_factory.mktemp("tls")
    made = place / "certificate.pem"
    key = place / "key.pem"
    wanted = (
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=test "
        "-addext subjectAltName=IP:127.0.0.1"
    )
    command = [openssl, *wanted.split(), "-keyout", str(key), "-out", str(made)]
    subprocess.run(command, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made, key)
    return str(made), context


def ok(connection):
    while connection.request():
        connection.answer(b"ok")


class TestTls:
    def test_an_unknown_authority_is_refused_unsent(self, way, serve, post, limits, certificate):
        server = serve(ok, tls=certificate[1])
        with pytest.raises(TargetConnectionError, match="certificate") as caught:
            way.send(post(server.url), limits())
        assert not caught.value.sent
        assert server.requests == []

    def test_a_given_authority_is_trusted(self, way, serve, post, limits, certificate):
        server = serve(ok, tls=certificate[1])
        path = certificate[0]
        context = ssl.create_default_context(cafile=path)
        for verify in (path, context, False):
            assert way.send(post(server.url), limits(), verify=verify).body == b"ok"

    @pytest.fixture
    def trusting_environment(self, certificate, monkeypatch):
        monkeypatch.setenv("SSL_CERT_FILE", certificate[0])
        return certificate

    def test_the_environments_authority_is_trusted_if_it_counts(
        self, way, serve, post, limits, trusting_environment
    ):
        server = serve(ok, tls=trusting_environment[1])
        assert way.send(post(server.url), limits(), trust_env=True).body == b"ok"
        with pytest.raises(TargetConnectionError):
            way.send(post(server.url), limits(), trust_env=False)

    def test_a_name_that_does_not_match_is_refused(self, way, serve, post, limits, certificate):
        server = serve(ok, tls=certificate[1])
        url = server.url.replace("127.0.0.1", "localhost")
        with pytest.raises(TargetConnectionError, match="certificate"):
            way.send(post(url), limits(), verify=certificate[0])

    def test_total_time_holds_over_tls(self, way, serve, post, limits, certificate):
        def drip(connection):
            connection.request()
            connection.drip(b"HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\n" + b"x" * 50, 0.02)

        server = serve(drip, tls=certificate[1])
        with pytest.raises(TargetTimeoutError) as caught:
            way.send(post(server.url), limits(total_s=0.5), verify=certificate[0])
        assert caught.value.phase == "total"

    def test_an_empty_path_is_told_at_once(self):
        with pytest.raises(ConfigurationError, match="verify=''"):
            Transport(verify="")

    @pytest.mark.parametrize("kind", ["missing", "no certificates"])
    def test_an_unusable_path_is_told_at_once(self, tmp_path, kind):
        path = tmp_path / "authorities.pem"
        if kind != "missing":
            path.write_text("not a certificate")
        with pytest.raises(ConfigurationError, match=r"verify='.*authorities\.pem'"):
            Transport(verify=str(path))

    def test_an_unusable_path_of_the_environment_is_named(self, way, post, limits, monkeypatch):
        monkeypatch.setenv("SSL_CERT_FILE", "/nowhere/authorities.pem")
        with pytest.raises(ConfigurationError, match="SSL_CERT_FILE='/nowhere/"):
            way.send(post("https://127.0.0.1:9/"), limits(), trust_env=True)


class TestProxies:
    @pytest.fixture
    def proxy(self, serve):
        """A proxy that answers itself what it is asked to forward."""
        return serve(ok)

    def test_a_given_proxy_is_gone_through(self, way, proxy, post, limits):
        url = proxy.url.replace("//", "//user:p%40ss@")
        answer = way.send(post("http://provider.invalid/v1"), limits(), proxy=url)
        assert answer.body == b"ok"
        head = proxy.requests[0].lower()
        assert head.startswith(b"post http://provider.invalid/v1 http/1.1")
        assert b"proxy-authorization: basic dxnlcjpwqhnz" in head  # user:p@ss

    @pytest.fixture
    def proxied(self, proxy, monkeypatch):
        """Sets variables, in which ``*`` as a proxy's URL stands for the proxy's."""

        def set_variables(variables):
            for name, value in variables.items():
                is_url = name.upper() != "NO_PROXY"
                named = f"127.0.0.1:{proxy.port}" if is_url and value == "*" else value
                monkeypatch.setenv(name, named)

        return set_variables

    VARIABLES = (
        ({"HTTP_PROXY": "*"}, "http://provider.invalid/", True),
        ({"http_proxy": "*"}, "http://provider.invalid/", True),
        ({"ALL_PROXY": "*"}, "http://provider.invalid/", True),
        ({"HTTP_PROXY": "*", "NO_PROXY": "other.invalid"}, "http://provider.invalid/", True),
        ({"HTTP_PROXY": "*", "NO_PROXY": "10.0.0.0/8"}, "http://provider.invalid/", True),
        ({"HTTPS_PROXY": "*"}, "http://127.0.0.1:{port}/", False),
        ({"HTTP_PROXY": "*", "NO_PROXY": "127.0.0.1"}, "http://127.0.0.1:{port}/", False),
        ({"HTTP_PROXY": "*", "NO_PROXY": "127.0.0.0/8"}, "http://127.0.0.1:{port}/", False),
        ({"HTTP_PROXY": "*", "NO_PROXY": "a, localhost"}, "http://localhost:{port}/", False),
        ({"HTTP_PROXY": "*", "NO_PROXY": "*"}, "http://127.0.0.1:{port}/", False),
    )

    @pytest.mark.parametrize(
        "row", VARIABLES, ids=lambda row: ",".join(map("=".join, row[0].items()))
    )
    def test_the_environments_proxies_count(self, proxy, proxied, serve, post, limits, row):  # noqa: PLR0917  (fixtures)
        variables, target, goes_through = row
        proxied(variables)
        direct = serve(ok)
        with Transport() as transport:
            transport.send(post(target.format(port=direct.port)), limits())
        assert (len(proxy.requests), len(direct.requests)) == ((1, 0) if goes_through else (0, 1))

    def test_the_environments_proxies_can_be_left_out(self, way, proxy, proxied, post, limits):
        proxied({"HTTP_PROXY": "*"})
        request = post("http://127.0.0.1:1/")
        assert way.send(request, limits(), trust_env=True).body == b"ok"
        with pytest.raises(TargetConnectionError):
            way.send(request, limits(), trust_env=False)
        assert len(proxy.requests) == 1

    def test_https_goes_through_a_tunnel(self, way, serve, post, limits, certificate):
        def tunnel(connection):
            connection.request()
            connection.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
            connection.sock = certificate[1].wrap_socket(connection.sock, server_side=True)
            connection.server.open.append(connection.sock)
            ok(connection)

        proxy = serve(tunnel)
        request = post("https://127.0.0.1:8443/v1")
        url = proxy.url.replace("//", "//user:pass@")
        answer = way.send(request, limits(), proxy=url, verify=certificate[0])
        assert answer.body == b"ok"
        asked, tunnelled = (head.lower() for head in proxy.requests)
        assert asked.startswith(b"connect 127.0.0.1:8443 http/1.1")
        assert b"proxy-authorization: basic" in asked
        assert b"sk-secret" not in asked
        assert tunnelled.startswith(b"post /v1 http/1.1")
        assert b"proxy-authorization" not in tunnelled

    @pytest.mark.parametrize("scheme", ["http", "https"])
    def test_a_dead_proxy_is_named(self, way, post, limits, dead_port, scheme):
        proxy = f"http://user:hunter2@127.0.0.1:{dead_port}"
        with pytest.raises(TargetConnectionError, match=f"proxy http://127.0.0.1:{dead_port}") as e:
            way.send(post(f"{scheme}://provider.invalid/"), limits(), proxy=proxy)
        assert not e.value.sent
        assert "hunter2" not in str(e.value)

    def test_a_proxy_that_wants_other_credentials_is_told(self, way, serve, post, limits):
        def refuse(connection):
            connection.request()
            connection.answer(b"", status="407 Proxy Authentication Required")

        proxy = serve(refuse)
        with pytest.raises(TargetConnectionError, match="407") as caught:
            way.send(post("https://provider.invalid/"), limits(), proxy=proxy.url)
        assert not caught.value.sent

    @pytest.mark.parametrize("says", [b"", b"HTTP/1.1 200"])
    def test_a_proxy_that_hangs_runs_into_the_connect_limit(self, way, serve, post, limits, says):
        def hang(connection):
            connection.request()
            connection.send(says)
            connection.await_client_closing()

        proxy = serve(hang)
        with pytest.raises(TargetTimeoutError, match=f"proxy {proxy.url}") as caught:
            way.send(post("https://provider.invalid/"), limits(connect_s=0.2), proxy=proxy.url)
        assert (caught.value.phase, caught.value.sent) == ("connect", False)
        assert proxy.closed_by_client.wait(5)

    @pytest.mark.parametrize("target", ["http", "https"])
    def test_an_https_proxy_that_hangs_in_its_handshake_too(self, way, serve, post, limits, target):
        proxy = serve(lambda connection: connection.await_client_closing())
        with pytest.raises(TargetTimeoutError) as caught:
            way.send(
                post(f"{target}://provider.invalid/"),
                limits(connect_s=0.1),
                proxy=proxy.url.replace("http:", "https:"),
            )
        assert (caught.value.phase, caught.value.sent) == ("connect", False)

    def test_an_https_proxy_that_hangs_after_its_handshake_too(
        self, way, serve, post, limits, certificate
    ):
        def hang(connection):
            connection.request()
            connection.await_client_closing()

        proxy = serve(hang, tls=certificate[1])
        with pytest.raises(TargetTimeoutError) as caught:
            way.send(
                post("https://provider.invalid/"),
                limits(connect_s=0.3),
                proxy=proxy.url,
                verify=certificate[0],
            )
        assert (caught.value.phase, caught.value.sent) == ("connect", False)

    def test_a_proxy_that_hangs_while_it_forwards_may_have_sent(self, way, serve, post, limits):
        proxy = serve(lambda connection: (connection.request(), connection.await_client_closing()))
        with pytest.raises(TargetTimeoutError) as caught:
            way.send(
                post("http://provider.invalid/"),
                limits(connect_s=0.25, first_token_s=0.4),
                proxy=proxy.url,
            )
        assert (caught.value.phase, caught.value.sent) == ("first_token", True)

    @pytest.mark.parametrize("how", ["closes", "resets"])
    def test_a_proxy_that_breaks_off_before_its_tunnel_stands_sent_nothing(
        self, way, serve, post, limits, how
    ):
        def breaks(connection):
            connection.request()
            if how == "resets":
                connection.reset()

        proxy = serve(breaks)
        with pytest.raises(TargetConnectionError) as caught:
            way.send(post("https://provider.invalid/"), limits(), proxy=proxy.url)
        assert not caught.value.sent

    @pytest.mark.parametrize("target", ["http", "https"])
    @pytest.mark.parametrize("way", ["sync", "httpx"], indirect=True)
    def test_a_socks_proxy_that_hangs_too(self, way, serve, post, limits, target):
        pytest.importorskip("socksio", reason="httpx's extra 'socks' is not installed")
        proxy = serve(lambda connection: connection.await_client_closing())
        with pytest.raises(TargetTimeoutError) as caught:
            way.send(
                post(f"{target}://provider.invalid/"),
                limits(connect_s=0.1),
                proxy=proxy.url.replace("http:", "socks5:"),
            )
        assert (caught.value.phase, caught.value.sent) == ("connect", False)
        assert proxy.closed_by_client.wait(5)

    @pytest.mark.parametrize(
        "url",
        [
            "ftp://user:hunter2@proxy:1",
            "http://",
            "http://user:hunter2@proxy:port",
            "http://user:hunter2@proxy:65536",
            "http://[::1",
            "not a url",
        ],
    )
    def test_what_is_no_proxy_is_told_at_once_without_its_password(self, url, monkeypatch):
        with pytest.raises(ConfigurationError, match="proxy=") as caught:
            Transport(proxy=url)
        assert "hunter2" not in str(caught.value)
        assert caught.value.__cause__ is caught.value.__context__ is None
        monkeypatch.setenv("HTTPS_PROXY", url)
        with pytest.raises(ConfigurationError, match="HTTPS_PROXY="):
            Transport()

    def test_a_socks_proxy_names_what_it_needs(self, monkeypatch):
        monkeypatch.setattr(environment, "find_spec", lambda name: None)
        with pytest.raises(ConfigurationError, match=r"httpx\[socks\]"):
            Transport(http="httpx", proxy="socks5://127.0.0.1:1080")


class TestChoice:
    @pytest.mark.parametrize(
        ("chosen", "variable", "installed", "expected"),
        [
            (None, None, True, "aiohttp"),
            (None, None, False, "httpx"),
            ("auto", "httpx", True, "aiohttp"),
            (None, "httpx", True, "httpx"),
            ("httpx", "aiohttp", True, "httpx"),
            ("aiohttp", None, True, "aiohttp"),
        ],
    )
    def test_the_argument_beats_the_variable_beats_what_is_installed(
        self, monkeypatch, chosen, variable, installed, expected
    ):
        if variable:
            monkeypatch.setenv("LLMROUTER_HTTP", variable)
        monkeypatch.setattr(environment, "find_spec", lambda name: object() if installed else None)
        assert environment.async_backend(chosen) == expected

    def test_what_is_not_installed_names_its_extra(self, monkeypatch):
        monkeypatch.setattr(environment, "find_spec", lambda name: None)
        with pytest.raises(MissingExtraError, match=r"llmrouter-integrations\[fast\]") as caught:
            Transport(http="aiohttp")
        assert str(caught.value).startswith("http='aiohttp'")
        monkeypatch.setenv("LLMROUTER_HTTP", "aiohttp")
        with pytest.raises(MissingExtraError, match=r"^LLMROUTER_HTTP='aiohttp'"):
            Transport()

    def test_an_unknown_name_is_refused(self, monkeypatch):
        with pytest.raises(ConfigurationError, match="http='curl' is none of auto, httpx, aiohttp"):
            Transport(http="curl")
        monkeypatch.setenv("LLMROUTER_HTTP", "requests")
        with pytest.raises(ConfigurationError, match="LLMROUTER_HTTP='requests'"):
            Transport()
