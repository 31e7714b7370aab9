"""Who gets in, who may change something, and what every answer says."""

from __future__ import annotations

import time

import pytest
from fastapi import FastAPI
from opentelemetry import trace
from starlette.testclient import TestClient

from hepatica.core.errors import ConfigError
from hepatica.serve import guard, run, web
from tests.serve.conftest import HOST, ORIGIN, TOKEN, Browser

HEADERS = {
    "content-security-policy": guard.POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
}


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:8127", "127.0.0.1", "127.0.0.1:1", "127.0.0.1.evil.example:8127",
     "localhost:8127@evil.example", ""],
)  # fmt: skip
def test_another_name_is_refused_with_and_without_a_session(door, host):
    door.open()
    for path in ("/", "/api/jobs", f"/?token={TOKEN}"):
        answer = door.get(path, headers={"Host": host}, follow_redirects=False)
        assert answer.status_code == 403
        assert "name" in answer.json()["error"]
        assert "set-cookie" not in answer.headers


def test_two_hosts_are_none(door):
    headers = [("Host", HOST), ("Host", HOST)]
    assert door.open().get("/api/jobs", headers=headers).status_code == 403


@pytest.mark.parametrize("path", ["/api/jobs", "/api/session", "/api/openapi.json", "/api/nothing"])
def test_without_the_key_nothing_is_told(door, path):
    answer = door.get(path)
    assert answer.status_code == 401
    assert set(answer.json()) == {"error", "hint"}
    door.cookies.set("hepatica-8127", "guessed")
    assert door.get(path).status_code == 401


def test_pages_and_assets_need_the_key_too(door):
    for path in ("/", "/assets/x.js", "/favicon.ico"):
        answer = door.get(path)
        assert answer.status_code == 401
        assert "hepatica app" in answer.text


def test_the_key_is_exchanged_for_a_cookie_that_scripts_and_other_pages_do_not_get(door):
    answer = door.get(f"/?token={TOKEN}", follow_redirects=False)
    assert answer.status_code == 303
    assert answer.headers["location"] == "/"
    cookie = answer.headers["set-cookie"]
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= {p.strip() for p in cookie.split(";")}
    assert TOKEN not in cookie
    assert door.get("/api/jobs").json() == {"jobs": []}
    assert door.get("/").status_code == 200


@pytest.mark.parametrize(
    "other", ['theme={"a": 1}; ', "note=caf\xe9 x; ", "a b=c; ", "hepatica-8128=x; ", "=; ;", ""]
)
def test_cookies_of_other_servers_of_this_machine_do_no_harm(door, other):
    given = door.open().cookies["hepatica-8127"]
    assert "hepatica" not in door.cookies  # another port's would take its place
    door.cookies.clear()
    cookie = f"{other}hepatica-8127={given}".encode("latin-1")
    assert door.get("/api/jobs", headers={"Cookie": cookie}).status_code == 200
    cookie = f"{other}hepatica-8128={given}".encode("latin-1")
    assert door.get("/api/jobs", headers={"Cookie": cookie}).status_code == 401


def test_a_wrong_key_opens_nothing(door, monkeypatch):
    monkeypatch.setattr(guard, "_WAIT_S", 0.0)
    for key in ("", "x", TOKEN[:-1], TOKEN + "x"):
        answer = door.get("/", params={"token": key})
        assert answer.status_code == 401
        assert "set-cookie" not in answer.headers
    assert door.post("/", data={"token": "x"}).status_code == 401


def test_a_wrong_key_costs_time(door, monkeypatch):
    monkeypatch.setattr(guard, "_WAIT_S", 0.4)
    began = time.monotonic()
    assert door.get("/", params={"token": "x"}).status_code == 401
    assert time.monotonic() - began >= 0.4


def test_over_tls_the_cookie_is_for_tls_alone(door):
    app = web.make(door.app.app.state.service, [HOST], TOKEN, "https")
    secure = TestClient(app, base_url=f"https://{HOST}")
    answer = secure.get(f"/?token={TOKEN}", follow_redirects=False)
    assert answer.headers["set-cookie"].endswith("; Secure")
    plain = door.get(f"/?token={TOKEN}", follow_redirects=False)
    assert "Secure" not in plain.headers["set-cookie"]


def test_what_is_built_may_be_kept_and_nothing_else(door, tmp_path, monkeypatch):
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / "x-1a2b.js").write_text("1")
    (tmp_path / "secret.js").write_text("1")
    monkeypatch.setattr(web, "static", lambda: tmp_path)
    built = Browser(web.make(door.app.app.state.service, [HOST], TOKEN)).open()
    answer = built.get("/assets/x-1a2b.js")
    assert (answer.status_code, answer.text) == (200, "1")
    assert "immutable" in answer.headers["cache-control"]
    for path in ("/assets/none.js", "/assets/..%2fsecret.js", "/secret.js"):
        answer = built.get(path)
        assert (answer.status_code, answer.headers["cache-control"]) == (404, "no-store")


def test_a_password_can_be_typed(door):
    assert door.post("/", data={"token": TOKEN}, follow_redirects=False).status_code == 303
    assert door.get("/api/jobs").status_code == 200


@pytest.mark.parametrize(
    "origin",
    ["http://evil.example", "null", "https://127.0.0.1:8127", "http://127.0.0.1:8128",
     "http://127.0.0.1", "http://localhost:8127", f"{ORIGIN}.evil.example", ""],
)  # fmt: skip
def test_another_page_changes_nothing(door, origin):
    door.open()
    for method, path in [
        ("POST", "/api/jobs"), ("PUT", "/api/session"), ("DELETE", "/api/jobs/x"),
        ("POST", "/api/uploads"), ("OPTIONS", "/api/jobs"), ("PATCH", "/api/jobs"), ("POST", "/"),
    ]:  # fmt: skip
        answer = door.request(method, path, headers={"Origin": origin}, json={"user": "X"})
        assert answer.status_code == 403, (method, path)
        assert "access-control-allow-origin" not in answer.headers


def test_no_origin_changes_nothing(door):
    door.open()
    del door.headers["Origin"]
    assert door.put("/api/session", json={"user": "X"}).status_code == 403
    door.headers["Origin"] = ORIGIN
    assert door.put("/api/session", json={"user": "X"}).status_code == 200


def test_a_form_of_another_page_is_no_json(door):
    door.open()
    for kind in ("text/plain", "application/x-www-form-urlencoded"):
        answer = door.put("/api/session", content=b'{"user": "X"}', headers={"Content-Type": kind})
        assert answer.status_code == 422


def test_every_answer_forbids_what_it_can(door):
    answers = [door.get("/api/jobs"), door.get("/", headers={"Host": "x"}), door.get("/")]
    door.open()
    answers += [door.get(p) for p in ("/", "/api/jobs", "/api/openapi.json", "/nothing")]
    answers += [door.post("/api/jobs", json={}), door.get("/api/jobs/none")]
    for answer in answers:
        assert HEADERS.items() <= dict(answer.headers).items()
        assert "access-control-allow-origin" not in answer.headers
        assert "server" not in answer.headers
    assert "unsafe" not in guard.POLICY


def test_bodies_end_where_they_should(door):
    door.open()
    long = b" " * (guard.SMALL_BYTES + 1)
    answer = door.post("/api/jobs", content=long, headers={"Content-Type": "application/json"})
    assert answer.status_code == 413

    def blocks():  # no Content-Length
        for _ in range(20):
            yield b" " * (guard.SMALL_BYTES // 10)

    kind = {"Content-Type": "application/json"}
    assert door.post("/api/jobs", content=blocks(), headers=kind).status_code == 413
    for length in ("-1", "x", "9" * 30):
        answer = door.post("/api/uploads", headers={"Content-Length": length})
        assert answer.status_code == 413


def test_the_interface_describes_itself_and_loads_nothing(door):
    door.open()
    paths = door.get("/api/openapi.json").json()["paths"]
    assert {"/api/jobs", "/api/cases/{identity}/correction", "/api/record.csv"} <= set(paths)
    assert door.get("/docs").status_code == door.get("/redoc").status_code == 404


def test_nothing_is_reported_whatever_the_environment_says(request, monkeypatch):
    """FastAPI traces each request where the process has a place to send it to."""
    spans = []

    class Tracer(trace.NoOpTracer):
        def start_span(self, name, *args, **kwargs):
            spans.append(name)
            return super().start_span(name, *args, **kwargs)

    class Provider(trace.TracerProvider):
        def get_tracer(self, *args, **kwargs):
            return Tracer()

    monkeypatch.setattr(trace, "get_tracer_provider", Provider)
    monkeypatch.setenv("FASTAPI_OTEL_AUTO_CONFIGURE", "true")
    TestClient(FastAPI()).get("/")
    assert spans  # so much for what it does by itself
    spans.clear()
    door = request.getfixturevalue("door").open()  # made after the environment was changed
    assert door.get("/api/jobs").json() == {"jobs": []}
    assert spans == []


# Other hosts


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "::", "example.org"])
def test_others_are_let_in_with_tls_and_a_password_alone(host, tmp_path):
    with pytest.raises(ConfigError, match="reach the app"):
        run.Door.of(host, None, None, None)
    files = [tmp_path / name for name in ("cert.pem", "key.pem", "password")]
    for path in files:
        path.write_text("short")
    with pytest.raises(ConfigError, match="reach the app"):
        run.Door.of(host, files[0], files[1], None)
    with pytest.raises(ConfigError, match="too short"):
        run.Door.of(host, *files)
    files[2].write_text("correct horse battery\n")
    door = run.Door.of(host, *files)
    assert (door.token, door.scheme) == ("correct horse battery", "https")


def test_keys_are_new_each_time():
    one, other = (run.Door.of("127.0.0.1", None, None, None) for _ in range(2))
    assert one.token != other.token
    assert len(one.token) >= 32
