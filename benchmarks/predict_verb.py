"""What `actupose predict` costs from start to end, in CPU seconds of its process, as JSON.

``python benchmarks/predict_verb.py --pictures FOLDER`` predicts one picture and all of the folder in five formats, by
the network of ``configs/profiles/cpu.yaml`` with random weights, which take as long as trained ones. What all pictures
cost beyond one is reading, cropping, predicting and writing; one picture is nearly the start alone. Without
``--pictures`` it draws some of noise.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median

import numpy as np
from common import Figure, figure, parser, publish, record
from PIL import Image
from predict import make_net

from actupose.data.readers.folder import SUFFIXES
from actupose.deploy.checkpoint import LoadedModel
from actupose.deploy.folder import write_folder
from actupose.models import NetConfig
from actupose.skeletons import load_skeleton

FORMATS = "coco,csv,parquet,deeplabcut,sleap"


def cpu_seconds_of(command: Sequence[str]) -> float:
    """User and system time of a command, run to its end."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def draw_pictures(folder: Path, count: int) -> Path:
    """JPEG files of noise, about as large as those of LSP-extended."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    for i in range(count):
        coarse = Image.fromarray(rng.integers(0, 256, (15, 10, 3), dtype=np.uint8))
        coarse.resize((100, 150)).save(folder / f"{i:05d}.jpg")
    return folder


def measure(model: LoadedModel, pictures: Path, repeats: int, work: Path) -> list[Figure]:
    """Figures of a folder of pictures."""
    files = sorted(file for file in pictures.iterdir() if file.suffix.lower() in SUFFIXES)
    write_folder(model, work)

    def predict(inputs: Path) -> float:
        command = [sys.executable, "-m", "actupose", "predict", str(work), str(inputs), "--formats", FORMATS]
        return cpu_seconds_of([*command, "--out", str(work / "out"), "--overwrite", "true"])

    taken = [(predict(files[0]), predict(pictures)) for _ in range(repeats)]  # in turn, so that both see one machine
    start = median(one for one, _ in taken)
    where = {"pictures": len(files), "size": model.size, "backbone": model.name, "formats": FORMATS}
    return [
        figure("one picture", "CPU s", [one for one, _ in taken], {**where, "pictures": 1}),
        figure("all pictures", "CPU s", [whole for _, whole in taken], where),
        figure("beyond the start", "CPU s", [whole - start for _, whole in taken], where),
        figure("beyond the start", "images/CPU s", [(len(files) - 1) / (whole - start) for _, whole in taken], where),
    ]


def main() -> None:
    """Parse the command line and print the record."""
    made = parser(__doc__ or "")
    made.add_argument("--pictures", type=Path, help="folder of pictures, each taken whole; without it noise")
    made.add_argument("--num", type=int, default=3, help="repeats")
    options = made.parse_args()
    net = {"backbone": "tf_efficientnet_lite0", "width": 96}  # configs/profiles/cpu.yaml
    if options.quick:
        net = {"backbone": "test_efficientnet", "width": 16}
    config = NetConfig(weights="random", head="fpn", **net)
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder) / "model"
        work.mkdir()
        pictures = options.pictures or draw_pictures(Path(folder) / "pictures", 4 if options.quick else 1000)
        model = LoadedModel(make_net(config), load_skeleton("body16"), 128, config.backbone, config)
        figures = measure(model, pictures, 1 if options.quick else options.num, work)
    publish(record("predict_verb", figures, quick=options.quick), options.out)


if __name__ == "__main__":
    main()
