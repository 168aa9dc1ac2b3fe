"""Bake Anny into the small packs that the renderer ships: `python -m actupose.synth.bake OUT` (extra `anny`).

Anny's own model needs 500 MB of packages and a minute to load. A pack holds what rendering needs of it: the mesh, a
mean shape and principal components of vertices and bone heads in the reference pose, a table of sampled people, six
skin weights a vertex, face labels. `body.npz` holds adults and all that is common, `children.npz` the shapes of
children alone. Ours.
"""

from __future__ import annotations

import argparse
import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from actupose.errors import UserError
from actupose.progress import progress_bar
from actupose.synth.body import CAVITY, CHILDREN_PACK, EYE, NAIL, PACK
from actupose.synth.rotations import Array

_SKIN_WEIGHTS = 6
_BATCH = 50
_TRAITS = ("height", "weight", "muscle", "proportions")
_REFERENCE = {"age": 0.67, "gender": 0.5}  # Anny's phenotype of the body that clothing is described on
_LABELS = {
    EYE: ("eye_front.L", "eye_front.R", "eye_back.L", "eye_back.R"),
    CAVITY: ("mouth_cavity", "eye_cavity.L", "eye_cavity.R", "tongue"),
}
_NAIL_TEXTURE = "data/mpfb2/textures/mpfb_fingernails.jpg"
_NAIL_LEVEL = 100  # grey value of the texture above which a face is nail


@dataclass(frozen=True)
class Population:
    """Whom to sample.

    Attributes:
        people: How many.
        rank: Principal components kept.
        youngest, oldest: Ages in years.
        child: Ages are uniform; adults' follow a gamma distribution with its mode at 33 years.
    """

    people: int
    rank: int
    youngest: float
    oldest: float
    child: bool = False


ADULTS = Population(people=3000, rank=32, youngest=16, oldest=85)
CHILDREN = Population(people=1000, rank=48, youngest=3, oldest=15, child=True)


def load_anny() -> Any:  # noqa: ANN401 - the optional package has no types
    """Load Anny's full model; the first time takes a minute and fills Anny's cache with 790 MB.

    Raises:
        UserError: The extra is not installed.
    """
    try:
        importlib.import_module("warp").config.quiet = True
        anny = importlib.import_module("anny")
    except ImportError as error:
        raise UserError("baking a body needs Anny; install it: pip install 'actupose[anny]'") from error
    return anny.Anny(skinning_method="lbs").to(dtype=torch.float32)


def draw_phenotypes(model: Any, population: Population) -> tuple[dict[str, torch.Tensor], Array]:  # noqa: ANN401
    """Draw people from Anny's calibrated distributions of the body given the age; person i depends on i alone.

    Returns:
        Anny's phenotype arguments, (N,) each, and the ages in years.
    """
    beta = importlib.import_module("scipy.stats").beta
    shapes = importlib.import_module("anny.shape_distribution").SimpleShapeDistribution(model)
    ages, genders, levels = (np.empty((population.people, *size)) for size in ((), (), (len(_TRAITS),)))
    for person in range(population.people):
        rng = np.random.default_rng([int(population.child), person])
        ages[person] = rng.uniform(0, 1) if population.child else rng.gamma(6.5, 5.2) + 4
        genders[person], levels[person] = rng.beta(0.35, 0.35), rng.random(len(_TRAITS))
    if population.child:
        ages = population.youngest + ages * (population.oldest - population.youngest)
    ages = ages.clip(population.youngest, population.oldest)
    gender = torch.tensor(genders, dtype=torch.float32)
    age = shapes.morphological_age_mapping.morphological_to_anny_age(torch.tensor(ages, dtype=torch.float32))
    traits = {"age": age, "gender": gender}
    for k, trait in enumerate(_TRAITS):
        boys, girls = (
            getattr(shapes, f"{sex}_conditional_{trait}_distribution").get_distribution_params(age)
            for sex in ("boys", "girls")
        )
        a, b = (torch.where(gender <= 0.5, boy, girl).double().numpy() for boy, girl in zip(boys, girls, strict=True))
        traits[trait] = torch.from_numpy(beta.ppf(levels[:, k], a, b)).float()
    return traits, ages


def reference_points(model: Any, traits: dict[str, torch.Tensor], label: str) -> torch.Tensor:  # noqa: ANN401
    """Vertices and bone heads (N, V + J, 3) of people in the reference pose."""
    people = len(traits["age"])
    points = []
    with torch.no_grad(), progress_bar(total=people, label=label) as bar:
        for start in range(0, people, _BATCH):
            shown = model(phenotype_kwargs={name: value[start : start + _BATCH] for name, value in traits.items()})
            points.append(torch.cat([shown["vertices"], shown["bone_poses"][:, :, :3, 3]], 1))
            bar.update(len(points[-1]))
    return torch.cat(points)


def compress(points: torch.Tensor, rank: int) -> dict[str, Array]:
    """Principal components of people (N, P, 3): `mean` (P, 3), `basis` (rank, P, 3), `people` (N, rank) in [-1, 1]."""
    mean = points.mean(0)
    spread = (points - mean).flatten(1)
    components = torch.linalg.svd(spread[::3], full_matrices=False).Vh[:rank]
    coefficients = spread @ components.T
    scale = coefficients.abs().amax(0)
    basis = (components * scale[:, None]).view(len(components), -1, 3)
    return {
        "mean": mean.numpy(),
        "basis": basis.half().numpy(),
        "people": (coefficients / scale).half().numpy(),
    }


def bake_shapes(model: Any, population: Population, label: str) -> dict[str, Array]:  # noqa: ANN401
    """Sample a population and compress it."""
    traits, ages = draw_phenotypes(model, population)
    shapes = compress(reference_points(model, traits, label), population.rank)
    return shapes | {"gender": traits["gender"].half().numpy(), "age": ages.astype(np.float16)}


def bake_topology(model: Any) -> dict[str, Array]:  # noqa: ANN401
    """What all bodies share: faces and their labels, skin weights, texture coordinates, bones, the reference body."""
    with torch.no_grad():
        reference = model(phenotype_kwargs=_REFERENCE)
    bones = reference["bone_poses"][0, :, :3, 3]
    weights = np.zeros((len(reference["vertices"][0]), len(model.bone_labels)), np.float32)
    rows = np.arange(len(weights))[:, None]
    np.add.at(weights, (rows, model.vertex_bone_indices.numpy()), model.vertex_bone_weights.numpy())
    strongest = np.argsort(-weights, axis=1)[:, :_SKIN_WEIGHTS]
    kept = np.take_along_axis(weights, strongest, axis=1)
    return {
        "canonical": reference["vertices"][0].numpy(),
        "faces": model.faces.numpy().astype(np.int16),
        "wi": strongest.astype(np.uint8),
        "wv": (kept / kept.sum(1, keepdims=True)).astype(np.float16),
        "uv": model.texture_coordinates.half().numpy(),
        "fuv": model.face_texture_coordinate_indices.numpy().astype(np.int16),
        "flabel": _face_labels(model),
        "bones": np.array(model.bone_labels),
        "parents": np.array(model.bone_parents, np.int16),
        "h0": bones.numpy(),
    }


def _face_labels(model: Any) -> Array:  # noqa: ANN401
    segmentation = importlib.import_module("anny.face_segmentation").get_face_segmentation_mask
    root = importlib.import_module("anny.paths").get_anny_root_dir()
    labels = np.zeros(len(model.faces), np.uint8)
    for label, parts in _LABELS.items():
        labels[segmentation(model, list(parts)).numpy()] = label
    with Image.open(root / _NAIL_TEXTURE) as image:
        texture = np.asarray(image.convert("L"))
    centre = model.texture_coordinates[model.face_texture_coordinate_indices.long()].mean(1).numpy()
    row = ((1 - centre[:, 1]) * (len(texture) - 1)).astype(int).clip(0, len(texture) - 1)
    column = (centre[:, 0] * (texture.shape[1] - 1)).astype(int).clip(0, texture.shape[1] - 1)
    labels[texture[row, column] > _NAIL_LEVEL] = NAIL
    return labels


def bake(folder: Path) -> list[Path]:
    """Bake both packs into a folder.

    Args:
        folder: Where `body.npz` and `children.npz` go; made if absent.

    Returns:
        The two files.

    Raises:
        UserError: The extra `anny` is not installed.
    """
    model = load_anny()
    folder.mkdir(parents=True, exist_ok=True)
    packs = {
        PACK.name: bake_topology(model) | bake_shapes(model, ADULTS, "adults"),
        CHILDREN_PACK.name: bake_shapes(model, CHILDREN, "children"),
    }
    for name, arrays in packs.items():
        np.savez_compressed(folder / name, allow_pickle=False, **arrays)
    return [folder / name for name in packs]


def main() -> None:
    """Parse the command line and bake."""
    parser = argparse.ArgumentParser(prog="python -m actupose.synth.bake", description="Bake the body packs from Anny.")
    parser.add_argument("out", type=Path, help="folder for body.npz and children.npz")
    for file in bake(parser.parse_args().out):
        print(f"{file}: {file.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
