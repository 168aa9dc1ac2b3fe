"""The page of `actupose app` in a real browser without a network, and what the server refuses."""

from __future__ import annotations

import io
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page

import actupose.commands.app as verb
from actupose.app.limits import Limits
from actupose.app.page import Session
from actupose.app.serve import serving
from actupose.cli import main
from actupose.deploy.predict import PredictConfig
from actupose.engine.run_folder import RunFolder
from commands.conftest import TinyRun, tiny_run
from data.fakes import picture

__all__ = ["tiny_run"]
PER_MINUTE = 8


def session_of(run: TinyRun, limits: Limits) -> Session:
    models = verb._models(str(run.folder), None, RunFolder(run.folder), PredictConfig())
    return Session(models, limits, verb._curriculum(RunFolder(run.folder), None))


@pytest.fixture(scope="module")
def address(tiny_run: TinyRun, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A served page; its temporary files are below a folder of ours, and gone at the end."""
    folder = tmp_path_factory.mktemp("temporary")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tempfile, "tempdir", str(folder))
        with serving(session_of(tiny_run, Limits(megabytes=1, per_minute=PER_MINUTE))) as (url, _):
            yield url
            assert not [p for p in folder.rglob("*") if p.is_file() and p.stat().st_size]
    assert not list(folder.glob("actupose_app_*"))


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    """The opened page; whatever it asks of another host fails the test."""
    opened = browser.new_page()
    asked: list[str] = []
    opened.on("request", lambda r: asked.append(r.url))
    opened.goto(address)
    opened.get_by_role("tab", name="Predict").wait_for()
    yield opened
    opened.close()
    assert len(asked) > 5
    assert {urlsplit(url).hostname for url in asked if url.startswith("http")} == {"127.0.0.1"}


def picture_file(name: str, seed: int = 0) -> dict[str, object]:
    buffer = io.BytesIO()
    picture(80, 60, seed).save(buffer, "PNG")
    return {"name": name, "mimeType": "image/png", "buffer": buffer.getvalue()}


def send(page: Page, *files: dict[str, object], field: int = 0) -> None:
    page.locator("input[type=file]").nth(field).set_input_files(list(files))  # type: ignore[arg-type]


def test_upload_result_threshold_download(page: Page) -> None:
    send(page, picture_file("one.png"), {"name": "bad.png", "mimeType": "image/png", "buffer": b"broken"})
    page.locator(".pictures figure").first.wait_for()
    assert page.get_by_role("alert").inner_text().strip() == "bad.png: is no image that can be read."
    titles = page.locator(".pictures figcaption strong").all_inner_texts()
    assert titles == ["source-only", "adapted"]
    assert page.locator(".pictures img").first.evaluate("e => e.complete && e.naturalWidth > 0")
    page.get_by_text("Keypoints of one.png").click()
    assert page.locator(".pictures table").first.get_by_role("rowheader").count() == 14

    before = page.locator(".pictures img").last.get_attribute("src")
    slider = page.locator("input[type=range]").first
    slider.focus()
    slider.press("Home")
    page.get_by_text("14 of 14 keypoints reach 0.00").first.wait_for()
    assert page.locator(".pictures img").last.get_attribute("src") != before

    with page.expect_download() as download:
        page.get_by_role("button", name="Download").click()
    assert download.value.suggested_filename == "actupose.zip"
    with zipfile.ZipFile(download.value.path()) as packed:
        results = json.loads(packed.read("adapted/predictions.json"))
        assert Image.open(packed.open("adapted/overlay/01_one.png.jpg")).size == (80, 60)
    assert [(r["file_name"], len(r["keypoints"])) for r in results] == [("one.png", 42)]


def test_a_broken_file_alone_is_an_error_that_stays(page: Page) -> None:
    send(page, {"name": "<b>bad.jpg", "mimeType": "image/jpeg", "buffer": b"broken"})
    page.get_by_role("alert").wait_for()
    assert "bad.jpg: is no image that can be read." in page.get_by_role("alert").inner_text()
    assert page.locator(".pictures").count() == 0
    page.get_by_role("button", name="Download").click()
    page.get_by_text("nothing to show: upload pictures first").wait_for()


def test_the_curriculum_is_browsed(page: Page) -> None:
    page.get_by_role("tab", name="Curriculum").click()
    page.locator(".poses figure").first.wait_for()
    assert "10 of 38 source poses" in page.locator(".poses").first.locator("xpath=..").inner_text()
    slider = page.locator("input[type=range]:visible")
    slider.focus()
    slider.press("End")
    page.get_by_text("9 of 38 source poses").wait_for()
    assert "bin 4 of 4" in page.locator(".poses figcaption").first.inner_text()
    page.get_by_label("Kind of pose").click()
    page.get_by_role("option", name="sit").click()
    captions = "[...document.querySelectorAll('.poses figcaption')]"
    page.wait_for_function(f"{captions}.every(e => e.innerText.includes('sit'))")
    send(page, picture_file("target.png", 3), field=1)
    page.get_by_text("nearest to those predicted in target.png").wait_for()
    assert page.get_by_text("distance").count() == 6


def test_a_file_that_is_too_large_is_refused(page: Page, address: str) -> None:
    send(page, {"name": "large.png", "mimeType": "image/png", "buffer": bytes(2 << 20)})
    page.get_by_text("exceed the maximum").wait_for()
    answer = httpx.post(f"{address}gradio_api/upload", files={"files": ("large.png", bytes(2 << 20))}, timeout=20)
    assert answer.status_code == 413


def test_others_are_refused(address: str) -> None:
    assert httpx.get(address).status_code == 200
    assert httpx.get(address, headers={"host": "attacker.example"}).status_code == 403
    post = {"files": ("a.png", b"x")}
    theirs = {"origin": "http://attacker.example"}
    assert httpx.post(f"{address}gradio_api/upload", files=post, headers=theirs).status_code == 403
    assert httpx.post(f"{address}gradio_api/upload", files=post, headers={"origin": "null"}).status_code == 403
    assert "default-src 'self'" in httpx.get(address).headers["content-security-policy"]
    port = urlsplit(address).port
    sockets = [line.split() for line in Path("/proc/net/tcp").read_text(encoding="utf-8").splitlines()[1:]]
    listening = [local for _, local, _, state, *_ in sockets if state == "0A" and local.endswith(f":{port:04X}")]
    assert listening == [f"0100007F:{port:04X}"]
    assert not httpx.get(f"{address}gradio_api/info").json()["named_endpoints"]


def test_too_many_uploads_wait(tiny_run: TinyRun) -> None:
    session = session_of(tiny_run, Limits(per_minute=1))
    assert "more than 1 uploads" not in session.upload([], 0.3)[2]
    assert "more than 1 uploads in a minute" in session.upload([], 0.3)[2]


# -- the verb


def failed(capsys: pytest.CaptureFixture[str], *args: object) -> str:
    assert main(["app", *map(str, args)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    return line


def test_bad_input_is_one_line(tiny_run: TinyRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "gone: no such checkpoint" in failed(capsys, tmp_path / "gone")
    assert "nowhere: no such checkpoint" in failed(capsys, tiny_run.folder, "--source_only", tmp_path / "nowhere")
    assert "moved: no such folder" in failed(capsys, tiny_run.folder, "--store", tmp_path / "moved")
    assert "megabytes 0: must be 1" in failed(capsys, tiny_run.folder, "--megabytes", 0)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert f"port {port}: cannot be used" in failed(capsys, tiny_run.folder, "--port", port)


def test_without_gradio_the_remedy_is_named(
    tiny_run: TinyRun, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name, *_: None if name == "gradio" else object())
    assert "pip install actupose[app]" in failed(capsys, tiny_run.folder)


def test_a_terminated_server_leaves_nothing(tiny_run: TinyRun, tmp_path: Path) -> None:
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    command = [sys.executable, "-m", "actupose", "app", str(tiny_run.checkpoint)]
    with subprocess.Popen(command, env=environment, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("source-only and adapted: open http://127.0.0.1:")
        assert list(tmp_path.glob("actupose_app_*"))
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 143
    assert not list(tmp_path.iterdir())
