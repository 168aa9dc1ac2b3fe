"""The command line: help without heavy imports, and one clear line with exit code 2 for whatever a user gets wrong."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
import yaml

from actupose import __version__
from actupose.cli import VERBS
from actupose.data.build import ShardResult, build_store
from actupose.data.store import StoreMeta
from actupose.skeletons import load_skeleton
from data.fakes import picture, row
from integration.runs import differing, fit, fit_args, run, weights
from tiny_stores import Stores

LIGHT = ["demo", "synth", "prepare", "inspect", "score", "predict", "export", "report"]
PROGRESS = ("decode ", "rendering", "curriculum epoch", "epoch ")
Say = Callable[[list[str]], str]


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Say:
    """Run bad arguments; the one line that the user reads."""

    def one_line(args: list[str]) -> str:
        capsys.readouterr()
        assert run(args) == 2
        lines = [line for line in capsys.readouterr().err.splitlines() if not line.startswith(PROGRESS)]
        assert len(lines) == 1, "\n".join(lines)
        assert lines[0].startswith(f"actupose {args[0]}: ")
        return lines[0].removeprefix(f"actupose {args[0]}: ")

    return one_line


def yaml_of(folder: Path, content: object) -> str:
    file = folder / "more.yaml"
    file.write_text(yaml.safe_dump(content), encoding="utf-8")
    return str(file)


# -- help


def test_help_of_the_light_verbs_imports_nothing_heavy() -> None:
    code = f"""
import sys
from actupose.cli import main
for verb in {LIGHT}:
    try:
        code = main([verb, "--help"])
    except SystemExit as stop:
        code = stop.code
    assert not code, verb
    heavy = {{"torch", "lightning", "timm", "datasets", "matplotlib"}} & set(sys.modules)
    assert not heavy, (verb, heavy)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert [done.stdout.count(f"usage: actupose {verb}") for verb in LIGHT] == [1] * len(LIGHT)


def test_a_reader_that_has_gone_is_no_error() -> None:
    code = "import time; from actupose.cli import entry; time.sleep(0.2); entry()"
    child = subprocess.Popen(
        [sys.executable, "-c", code, "skeleton", "body16"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert child.stdout is not None
    child.stdout.close()
    assert child.wait(60) == 141
    assert child.stderr is not None
    with child.stderr as errors:
        assert errors.read() == b""


def test_the_programs_help_names_every_verb(capsys: pytest.CaptureFixture[str]) -> None:
    for args in ([], ["--help"], ["help"]):
        assert run(args) == 0
        said = capsys.readouterr().out
        assert all(f"  {verb} " in said for verb in VERBS)
    assert run(["--version"]) == 0
    assert capsys.readouterr().out.strip() == f"actupose {__version__}"


def test_help_of_fit_names_the_options(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        run(["fit", "--help"])
    assert stop.value.code == 0
    said = capsys.readouterr().out
    assert all(option in said for option in ("--data.source", "--trainer.max_epochs", "--out", "--seed_everything"))


def test_verbs_that_do_not_exist(say: Say) -> None:
    assert "no such verb" in say(["fitt"])
    assert "did you mean 'fit'?" in say(["fitt"])


# -- typos


@pytest.mark.parametrize(
    ("options", "unknown", "near"),
    [
        (["--trainer.max_epoch", "3"], "trainer.max_epoch", "trainer.max_epochs"),
        (["--data.loader.batchsize", "3"], "batchsize", "batch_size"),
        (["--data.curriculum.n_bin", "3"], "n_bin", "n_bins"),
        (["--model.init_args.schedule.lrr", "3"], "lrr", "lr"),
        (["--model.init_args.skeleton_losses.gama", "3"], "gama", "gamma"),
        (["--modle", "x"], "modle", "model"),
        (["--outt", "x"], "outt", "out"),
        (["--model", "actupose.methods.ACTUPoes"], "ACTUPoes", "ACTUPose"),
    ],
)
def test_a_typo_on_the_command_line_gets_its_near_match(
    options: list[str], unknown: str, near: str, say: Say, stores: Stores, tmp_path: Path
) -> None:
    line = say(fit_args("actupose", stores, tmp_path / "run", *options))
    assert f"'{unknown}'" in line
    assert f"did you mean '{near}'" in line
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("content", "unknown", "near"),
    [
        ({"trainer": {"max_epoch": 3}}, "max_epoch", "max_epochs"),
        ({"data": {"sorce": "x"}}, "sorce", "source"),
        ({"data": {"loader": {"batchsize": 3}}}, "batchsize", "batch_size"),
        ({"data": {"pose_vae": {"epoch": 3}}}, "epoch", "epochs"),
        ({"model": {"init_args": {"schedule": {"lrr": 3}}}}, "lrr", "lr"),
        ({"model": {"init_args": {"shedule": {"lr": 3}}}}, "shedule", "schedule"),
        ({"model": {"class_path": "actupose.methods.UDAEP"}}, "UDAEP", "UDAPE"),
        ({"trainr": {"max_epochs": 3}}, "trainr.max_epochs", "trainer"),
        ({"modell": {"init_args": {"jitter": 0}}}, "modell", "model"),
    ],
)
def test_a_typo_in_yaml_gets_its_near_match(
    content: dict[str, object], unknown: str, near: str, say: Say, stores: Stores, tmp_path: Path
) -> None:
    line = say(fit_args("actupose", stores, tmp_path / "run", "--config", yaml_of(tmp_path, content)))
    assert f"'{unknown}" in line
    assert f"did you mean '{near}'" in line


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--data.size", "big"], "data.size: expected int, got big"),
        (["--trainer.max_epochs", "many"], "trainer.max_epochs: expected int, got many"),
        (["--model.init_args.schedule.lr", "abc"], "model.schedule.lr: expected float, got abc"),
        (["--model.init_args.net.head", "fnp"], "model.net.head: expected one of ['deconv', 'fpn'], got fnp"),
        (["--data.curriculum.kind", "activ"], "curriculum.kind 'activ' is unknown"),
        (["--model.init_args.net.backbone", "resnte18"], "did you mean 'resnet18'"),
        (["--data.skeleton", "body61"], "did you mean 'body16'"),
        (["--model.init_args.affine.scale", "[2,1]"], "scale must be a rising pair"),
        (["--trainer.strategy", "dpd"], "trainer: "),
    ],
)
def test_values_that_cannot_be(options: list[str], said: str, say: Say, stores: Stores, tmp_path: Path) -> None:
    assert said in say(fit_args("actupose", stores, tmp_path / "run", *options))
    assert not (tmp_path / "run").exists()


def test_an_option_of_another_method(say: Say, stores: Stores, tmp_path: Path) -> None:
    line = say(fit_args("source_only", stores, tmp_path / "run", "--model.init_args.teacher.bn", "own"))
    assert line == "there is no option or key 'teacher.bn' here; see --help."


def test_configs_that_cannot_be_read(say: Say, tmp_path: Path) -> None:
    broken, empty = tmp_path / "broken.yaml", tmp_path / "list.yaml"
    broken.write_text("a: [1\nb: 2", encoding="utf-8")
    empty.write_text("- 1\n", encoding="utf-8")
    for verb in ("fit", "synth"):
        assert f"{tmp_path / 'none.yaml'}: no such config file" in say([verb, "--config", str(tmp_path / "none.yaml")])
        assert f"{broken}: is not readable YAML" in say([verb, "--config", str(broken)])
        assert f"{empty}: holds no options" in say([verb, "--config", str(empty)])


@pytest.mark.parametrize(
    ("args", "near"),
    [
        (["synth", "OUT", "--nun", "3"], "num"),
        (["synth", "OUT", "--render.sise", "3"], "render.size"),
        (["inspect", "OUT", "--sheeet", "x"], "sheet"),
        (["score", "OUT", "--n_bin", "3"], "n_bins"),
        (["prepare", "lspet", "OUT", "OUT2", "--slpit", "x"], "split"),
    ],
)
def test_typos_of_the_other_verbs(args: list[str], near: str, say: Say, tmp_path: Path) -> None:
    assert f"did you mean '{near}'" in say([str(tmp_path / a) if a.startswith("OUT") else a for a in args])
    assert not list(tmp_path.iterdir())


# -- data


class Hands:
    def __call__(self, items: range) -> ShardResult:
        return ShardResult([row(i, 21) for i in items])


def copied(store: Path, out: Path) -> Path:
    shutil.copytree(store, out)
    return out


@pytest.mark.parametrize("key", ["source", "target", "target_test"])
def test_a_store_that_is_none(key: str, say: Say, stores: Stores, tmp_path: Path) -> None:
    out, empty, other = tmp_path / "run", tmp_path / "empty", tmp_path / "other"
    empty.mkdir()
    other.mkdir()
    (other / "joints.mat").write_bytes(b"")
    for path, said in (
        (tmp_path / "none", "no such folder; make a store with `actupose synth` or `actupose prepare`"),
        (empty, "is no store (no store.json)"),
        (other, "is no store (no store.json)"),
    ):
        line = say(fit_args("actupose", stores, out, f"--data.{key}", path))
        assert line.startswith(f"{path}: {said}")
        assert not out.exists()


def test_a_store_that_is_broken(say: Say, stores: Stores, tmp_path: Path) -> None:
    out = tmp_path / "run"
    open_store = copied(stores.target, tmp_path / "unfinished")
    meta = open_store / "store.json"
    meta.write_text(meta.read_text("utf-8").replace('"complete": true', '"complete": false'), encoding="utf-8")
    assert "the store is not finished" in say(fit_args("udape", stores, out, "--data.target", open_store))
    cut = copied(stores.source, tmp_path / "cut")
    shard = next((cut / "shards").glob("*.arrow"))
    shard.write_bytes(shard.read_bytes()[:-5000])
    assert f"{shard}: shard is missing or broken" in say(fit_args("udape", stores, out, "--data.source", cut))
    garbled = copied(stores.source, tmp_path / "garbled")
    (garbled / "store.json").write_text("{", encoding="utf-8")
    line = say(fit_args("udape", stores, out, "--data.source", garbled))
    assert f"{garbled / 'store.json'}: is not readable JSON" in line
    assert not out.exists()


@pytest.mark.parametrize(("workers", "cache"), [(0, "memory"), (1, "none")])
def test_an_image_that_is_broken(workers: int, cache: str, say: Say, stores: Stores, tmp_path: Path) -> None:
    broken = copied(stores.target, tmp_path / "broken")
    shard = next((broken / "shards").glob("*.arrow"))
    table = pa.ipc.open_stream(shard.read_bytes()).read_all()
    images = pa.array([image[:300] for image in table["image"].to_pylist()], pa.binary())
    with pa.OSFile(str(shard), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table.set_column(0, table.schema.field("image"), images))
    options = ["--data.target", broken, "--data.loader.num_workers", workers, "--data.loader.cache", cache]
    line = say(fit_args("udape", stores, tmp_path / "run", *options))
    assert line.startswith(f"{broken}: 1-00000")
    assert "the stored image cannot be decoded" in line


def test_labels_or_skeletons_that_do_not_fit(say: Say, stores: Stores, tmp_path: Path) -> None:
    out, bare, hands = (tmp_path / name for name in ("run", "bare", "hands"))
    (tmp_path / "pictures").mkdir()
    for i in range(3):
        picture(64, 64, i).save(tmp_path / "pictures" / f"{i}.jpg")
    assert run(["prepare", "folder", str(tmp_path / "pictures"), str(bare), "--size", "64", "--workers", "0"]) == 0
    assert f"{bare}: has 0 labelled joints" in say(fit_args("source_only", stores, out, "--data.source", bare))
    assert f"{bare}: has 0 labelled joints" in say(fit_args("source_only", stores, out, "--data.target_test", bare))
    build_store(hands, StoreMeta(load_skeleton("hand21"), 32, "fake", {}), 3, Hands())
    assert "share no keypoint name" in say(fit_args("source_only", stores, out, "--data.source", hands))
    assert not out.exists()


def test_a_method_without_its_target(say: Say, stores: Stores, tmp_path: Path) -> None:
    line = say(fit_args("udape", stores, tmp_path / "run", "--data.target", "null"))
    assert "method UDAPE needs unlabelled target images; set data.target" in line
    assert "data.source is not set" in say(fit_args("udape", stores, tmp_path / "run", "--data.source", "null"))
    more_bins = fit_args("actupose", stores, tmp_path / "run", "--data.curriculum.n_bins", 999)
    assert "n_bins is 999 but there are 38 samples; lower it" in say(more_bins)
    assert not (tmp_path / "run").exists()


def test_an_output_that_holds_something_else(say: Say, stores: Stores, tmp_path: Path) -> None:
    out = tmp_path / "run"
    trained = fit("source_only", stores, out)
    line = say(fit_args("source_only", stores, out, "--seed_everything", 5))
    assert line.startswith(f"{out}: holds another run")
    assert differing(trained, weights(out)) == []
    folder, file = tmp_path / "thesis", tmp_path / "file"
    folder.mkdir()
    (folder / "chapter.tex").write_text("important", encoding="utf-8")
    file.write_text("important", encoding="utf-8")
    assert "holds other files" in say(fit_args("source_only", stores, folder))
    assert "is a file, not a folder" in say(fit_args("source_only", stores, file))
    assert [p.name for p in folder.iterdir()] == ["chapter.tex"]
    assert file.read_text("utf-8") == "important"


def test_a_checkpoint_that_does_not_fit(say: Say, stores: Stores, tmp_path: Path) -> None:
    out = tmp_path / "run"
    fit("source_only", stores, out, "--trainer.max_epochs", 1)
    saved = ["--config", str(out / "config.yaml"), "--ckpt_path"]
    assert "fit continues from its own `out`" in say(["fit", *saved, str(out / "checkpoints" / "last.ckpt")])
    checkpoint = str(out / "checkpoints" / "last.ckpt")
    assert f"{tmp_path / 'no.ckpt'}: no such checkpoint" in say(["test", *saved, str(tmp_path / "no.ckpt")])
    text = tmp_path / "text.ckpt"
    text.write_text("hello", encoding="utf-8")
    assert f"{text}: is no whole checkpoint" in say(["validate", *saved, str(text)])
    wider = [*saved, checkpoint, "--model.init_args.net.width", "24"]
    assert f"{checkpoint}: does not fit this model" in say(["test", *wider])


def test_a_loss_that_is_not_finite(say: Say, stores: Stores, tmp_path: Path) -> None:
    line = say(fit_args("source_only", stores, tmp_path / "run", "--model.init_args.schedule.lr", "1e30"))
    assert "train/supervised is" in line
    assert "in epoch 0" in line
    assert "lower model.init_args.schedule.lr" in line


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ({"dta": {}}, "there is no section 'dta' (did you mean 'data'?)"),
        ({"data": {"lodaer": {}}}, "there is no section 'data.lodaer'"),
        ({"model": {"init_args": {"scedule": {}}}}, "there is no section 'model.init_args.scedule'"),
    ],
)
def test_an_empty_section_of_no_known_name(
    section: dict[str, object], said: str, say: Say, stores: Stores, tmp_path: Path
) -> None:
    """The parser passes over it, and the user's typo would go unseen."""
    file = yaml_of(tmp_path, section)
    line = say(fit_args("source_only", stores, tmp_path / "run", "--config", file))
    assert said in line
    assert file in line
    assert not (tmp_path / "run").exists()


def test_an_empty_section_of_a_known_name_is_none(stores: Stores, tmp_path: Path, say: Say) -> None:
    known = {"data": {"loader": {}, "closed_loop": {}}, "model": {"init_args": {"schedule": {}}}, "trainer": {}}
    args = fit_args("source_only", stores, tmp_path / "run", "--config", yaml_of(tmp_path, known))
    assert "no multiple" in say([*args, "--trainer.accumulate_grad_batches", "2"])  # so far it came
    (tmp_path / "more").mkdir()
    assert "rendr" in say(["synth", str(tmp_path / "out"), "--config", yaml_of(tmp_path / "more", {"rendr": {}})])
