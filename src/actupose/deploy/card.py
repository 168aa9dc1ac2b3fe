"""The model card beside an export: what it is, what it was trained on, how it scores, what it must not be used for."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from actupose.data.store import read_meta
from actupose.deploy.checkpoint import LoadedModel
from actupose.deploy.compare import ONNX, PT2, Comparison
from actupose.engine.run_folder import RunFolder, write_text_atomically
from actupose.errors import UserError

CARD = "README.md"
_LICENCES = {
    "synth": "Rendered people or hands: body models from CC0 and Apache-2.0 sources, no restriction follows from them.",
    "surreal": "SURREAL: for research and non-commercial use alone; its terms hold for what is trained on it.",
    "lspet": "LSP-extended: pictures of Flickr users, handed out for research.",
    "lsp": "LSP: pictures of Flickr users, handed out for research.",
}
_UNKNOWN = "{name}: the terms of these pictures are not known here; look them up before you hand the model on."


def find_run(source: Path) -> RunFolder | None:
    """The run folder that a model was loaded from; None where there is none."""
    for folder in (source, source.parent.parent):
        run = RunFolder(folder)
        if run.config.is_file():
            return run
    return None


def write_card(model: LoadedModel, run: RunFolder | None, compared: Sequence[Comparison], out: Path) -> None:
    """Write ``README.md``.

    Args:
        model: what was exported.
        run: the run it came from; None = the card says that it is not known.
        compared: what `export` returned.
        out: the exported folder.
    """
    settings = _settings(run)
    parts = [
        _header(),
        f"# {model.name}: {model.skeleton.num_keypoints} keypoints ({model.skeleton.name})",
        _use(model, [c.file for c in compared]),
        _section("Training", _training(run, settings)),
        _section("Data", [f"* {role}: {text}" for role, text, _ in _stores(run, settings)] or ["Not known."]),
        _section("Scores with labels", _labelled_scores(model, run)),
        _section("Scores without target labels", _unlabelled_scores(run)),
        _section("Limits", _limits()),
        _section("Licence", _licences(run, settings)),
        _section("Checked", [f"* {c.text()}" for c in compared]),
    ]
    write_text_atomically(out / CARD, "\n\n".join(parts) + "\n")


def _header() -> str:
    front: dict[str, object] = {"library_name": "actupose", "pipeline_tag": "keypoint-detection", "license": "other"}
    front |= {"license_name": "see-card", "tags": ["pose-estimation", "domain-adaptation"]}
    return f"---\n{yaml.safe_dump(front, sort_keys=False)}---"


def _section(title: str, lines: Sequence[str]) -> str:
    return "\n".join([f"## {title}", "", *lines])


def _use(model: LoadedModel, files: Sequence[str]) -> str:
    config = model.config
    network = "" if config is None else f" of {config.backbone} with the head {config.head}"
    lines = [
        f"A pose network{network}, for images of {model.size} pixels. Keypoints, in order: "
        + ", ".join(model.skeleton.keypoints)
        + ".",
        "",
        '```python\nimport actupose\n\npeople = actupose.load("PATH OR REPOSITORY OF THIS FOLDER")("picture.jpg")\n```',
    ]
    graphs = [f"`{name}`" for name in (ONNX, PT2) if name in files]
    if graphs:
        lines += [
            "",
            f"{' and '.join(graphs)}: `images` (N, H, W, 3) uint8 RGB of any height and width, whole pictures or crops"
            " of one person each -> `keypoints` (N, K, 2), x and y with the centre of the first pixel at 0, and"
            " `confidence` (N, K), the heights of the heatmaps. Resizing and decoding are inside.",
        ]
    return "\n".join(lines)


def _settings(run: RunFolder | None) -> dict[str, Any]:
    if run is None:
        return {}
    try:
        settings = yaml.safe_load(run.config.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(
            f"{run.config}: is not readable YAML; restore it, or export a copy of the checkpoint."
        ) from error
    return dict(settings) if isinstance(settings, dict) else {}


def _at(settings: Mapping[str, Any], dotted: str) -> Any:  # noqa: ANN401 - YAML holds anything
    value: Any = settings
    for key in dotted.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _training(run: RunFolder | None, settings: Mapping[str, Any]) -> list[str]:
    if run is None:
        return ["Not known: the checkpoint was exported without its run folder."]
    method = str(_at(settings, "model.class_path")).rsplit(".", 1)[-1]
    facts = {
        "method": method,
        "epochs": _at(settings, "trainer.max_epochs"),
        "steps an epoch": _at(settings, "data.loader.iterations"),
        "batch size": _at(settings, "data.loader.batch_size"),
        "curriculum": _at(settings, "data.curriculum.kind"),
        "seed": _at(settings, "seed_everything"),
    }
    record = _json(run.path / "run.json")
    facts |= {"commit of actupose": record.get("git"), "torch": _at(record, "packages.torch")}
    return [f"* {name}: {value}" for name, value in facts.items() if value is not None]


def _stores(run: RunFolder | None, settings: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Role, description and source of each store of the training that is named in its configuration."""
    roles = {"source": "source, with labels", "target": "target, without labels"}
    prints = {} if run is None else _at(_json(run.path / "run.json"), "fingerprints") or {}
    found = []
    for key, role in roles.items():
        path = _at(settings, f"data.{key}")
        if isinstance(path, str):
            reader = _reader(Path(path))
            what = f"fingerprint {prints.get(key, 'not known')}" + (f", read by `{reader}`" if reader else "")
            found.append((role, f"{Path(path).name} ({what})", reader))
    return found


def _reader(path: Path) -> str:
    """Name of a store's reader; empty where the store is not here any more."""
    try:
        meta = read_meta(path)
    except UserError:
        return ""
    return "" if meta is None else meta.source


def _labelled_scores(model: LoadedModel, run: RunFolder | None) -> list[str]:
    held = _json(run.scores) if run is not None else {}
    scores, prefix = held.get("scores", {}), f"{model.role}/"
    rows = [
        f"| {name.removeprefix(prefix)} | {value:.1f} |"
        for name, value in scores.items()
        if name.startswith(prefix) and "/bin/" not in name
    ]
    if not rows:
        return ["None: the model was not scored on labelled target pictures."]
    about = f"On {held.get('num_test')} labelled target pictures, which training and choice never used; per cent."
    return [about, "", "| score | value |", "|---|---:|", *rows]


def _unlabelled_scores(run: RunFolder | None) -> list[str]:
    if run is None:
        return ["None."]
    verdict, lines = _json(run.path / "verdict.json"), []
    if verdict.get("answer"):
        lines.append(f"* Verdict of the label-free validators on the target: {verdict['answer']}.")
    rows = run.read_metrics()
    last = rows[-1] if rows else {}
    for name, value in last.items():
        if name.startswith("source_val/") and name.endswith(("/pck/All", "/evalpose")) and value:
            lines.append(f"* {name.removeprefix('source_val/')}: {float(value):.1f} % on held-out source pictures.")
    return lines or ["None."]


def _limits() -> list[str]:
    return [
        "* One person a picture or crop; more people need boxes. No identity is followed from frame to frame.",
        "* Trained on one source and one target domain; expect worse results on others, and look at drawn predictions.",
        "* Rendered and published people do not stand for all bodies, skin tones, ages, clothes and aids.",
        "* Not for decisions about people, nor for medical or safety use, without an evaluation of one's own.",
    ]


def _licences(run: RunFolder | None, settings: Mapping[str, Any]) -> list[str]:
    sources = dict.fromkeys(source or role for role, _, source in _stores(run, settings))
    notes = [f"* {_LICENCES.get(name, _UNKNOWN.format(name=name))}" for name in sources]
    code = "* Code: Apache-2.0. The weights are bound by the terms of the pictures they were trained on."
    return [code, *dict.fromkeys(notes)] if notes else [code, "* Which pictures these are is not known here."]


def _json(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return data if isinstance(data, dict) else {}
