"""Draw a box of six colours in random views: COCO keypoints JSON beside images, for ``actupose prepare coco``.

A source domain of one's own needs no more than this: images, and where each keypoint is in them. The second look,
``target``, stands for the real object: paler and worn, in another light, on cluttered ground, by a noisy camera.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

SIDE, FINER = 160, 3  # pixels of an image; samples per pixel and axis
HALF = np.array([1.0, 0.7, 0.5])  # half of the box's width, height and depth
FOCAL = 1.6  # in image sides
SKELETON = Path(__file__).with_name("box8.yaml")
AXES = {"left": (0, -1), "right": (0, 1), "bottom": (1, -1), "top": (1, 1), "back": (2, -1), "front": (2, 1)}
COLORS = {
    "front": (200, 50, 45),
    "back": (40, 160, 80),
    "top": (235, 200, 40),
    "bottom": (140, 70, 160),
    "left": (40, 90, 200),
    "right": (235, 130, 40),
}


@dataclass(frozen=True)
class Look:
    """What sets one domain apart from another: shares and standard deviations, 0 to 1."""

    faded: float  # how far colours are drawn to grey
    wear: float  # blots on the faces
    ambient: float  # least light
    clutter: int  # shapes behind the box
    noise: float
    blur: float  # pixels


LOOKS = {"source": Look(0.0, 0.0, 0.55, 2, 0.0, 0.0), "target": Look(0.35, 0.25, 0.5, 14, 0.05, 0.7)}


def random_rotation(rng: np.random.Generator) -> NDArray[np.float64]:
    """(3, 3), uniform over all rotations, from a random unit quaternion."""
    w, x, y, z = (q := rng.normal(size=4)) / np.linalg.norm(q)
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )


@dataclass(frozen=True)
class View:
    """Where the box is: the camera stands at the origin and looks along +z, y points up."""

    rotation: NDArray[np.float64]
    centre: NDArray[np.float64]

    def place(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Points of the box (N, 3), in half sizes from -1 to 1, in the camera's frame."""
        return points * HALF @ self.rotation.T + self.centre

    def project(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Points of the box (N, 3) in pixel indices (N, 2)."""
        x, y, z = self.place(points).T
        return np.stack([FOCAL * x / z + 0.5, 0.5 - FOCAL * y / z], axis=1) * SIDE - 0.5

    def faces_camera(self, side: str) -> bool:
        """Whether the outside of a face is seen."""
        normal = np.zeros(3)
        normal[AXES[side][0]] = AXES[side][1]
        return bool(self.rotation @ normal @ self.place(normal[None])[0] < 0)


def random_view(rng: np.random.Generator) -> View:
    """Any rotation, near the middle of the image."""
    distance = rng.uniform(4.5, 6.5)
    return View(random_rotation(rng), np.array([*rng.uniform(-0.25, 0.25, 2), distance]))


def corner(name: str) -> NDArray[np.float64]:
    """Place of a corner on the box, from the three sides in its name."""
    point = np.zeros(3)
    for side in name.split("_"):
        axis, sign = AXES[side]
        point[axis] = sign
    return point


def face(side: str) -> NDArray[np.float64]:
    """The four corners (4, 3) of a face, in order around it."""
    axis, sign = AXES[side]
    ring = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]], float)
    return np.insert(ring, axis, sign, axis=1)


def draw(view: View, look: Look, rng: np.random.Generator) -> Image.Image:
    """The picture: ground, the faces that are seen (a box hides none of them), noise."""
    image = ground(look, rng)
    canvas = ImageDraw.Draw(image)
    light = random_rotation(rng)[0]
    for side, color in COLORS.items():
        if view.faces_camera(side):
            normal = view.rotation[:, AXES[side][0]] * AXES[side][1]
            shade = look.ambient + (1 - look.ambient) * max(0.0, float(normal @ light))
            paint = mixed(color, (128, 128, 128), look.faded) * shade
            canvas.polygon(finer(view.project(face(side))), fill=rgb(paint))
            for _ in range(rng.poisson(20 * look.wear)):
                blot(canvas, view, side, rgb(paint * rng.uniform(0.6, 1.2)), rng)
    image = image.resize((SIDE, SIDE), Image.Resampling.BOX).filter(ImageFilter.GaussianBlur(look.blur))
    noisy = np.asarray(image, float) + rng.normal(0, 255 * look.noise, (SIDE, SIDE, 3))
    return Image.fromarray(np.clip(noisy.round(), 0, 255).astype(np.uint8))


def ground(look: Look, rng: np.random.Generator) -> Image.Image:
    """Two colours running into each other, with ellipses on them."""
    ends = rng.uniform(0, 255, (2, 2, 3)).astype(np.uint8)
    image = Image.fromarray(ends).resize((SIDE * FINER, SIDE * FINER), Image.Resampling.BICUBIC)
    canvas = ImageDraw.Draw(image)
    for _ in range(look.clutter):
        (x, y), (w, h) = rng.uniform(0, SIDE * FINER, 2), rng.uniform(10, 60 * FINER, 2)
        canvas.ellipse((x - w, y - h, x + w, y + h), fill=rgb(rng.uniform(0, 255, 3)))
    return image


def blot(canvas: ImageDraw.ImageDraw, view: View, side: str, color: tuple[int, ...], rng: np.random.Generator) -> None:
    """A small worn patch on a face."""
    middle = face(side).mean(0)
    spread = rng.uniform(-0.9, 0.9, 3) * (middle == 0)
    ring = face(side) - middle
    canvas.polygon(finer(view.project(middle + spread + 0.1 * ring)), fill=color)


def finer(points: NDArray[np.float64]) -> list[tuple[float, float]]:
    """Pixel indices of the image in those of the finer drawing."""
    return [(float(x), float(y)) for x, y in (points + 0.5) * FINER - 0.5]


def mixed(a: tuple[int, ...], b: tuple[int, ...], share: float) -> NDArray[np.float64]:
    """A colour between two."""
    return (1 - share) * np.array(a, float) + share * np.array(b, float)


def rgb(color: NDArray[np.float64]) -> tuple[int, ...]:
    """A colour as Pillow takes it."""
    return tuple(int(v) for v in np.clip(color, 0, 255))


def annotation(view: View, names: list[str]) -> dict[str, Any]:
    """Keypoints as COCO has them: x, y, and 2 = visible, 1 = behind the box, 0 = outside the image."""
    points = view.project(np.stack([corner(n) for n in names]))
    values = []
    for name, (x, y) in zip(names, points.tolist(), strict=True):
        inside = -0.5 <= x <= SIDE - 0.5 and -0.5 <= y <= SIDE - 0.5
        seen = any(view.faces_camera(side) for side in name.split("_"))
        values += [round(x, 2), round(y, 2), 0 if not inside else 2 if seen else 1]
    low = np.clip(points.min(0) + 0.5, 0, SIDE)
    size = np.clip(points.max(0) + 0.5, 0, SIDE) - low
    box = [round(float(v), 2) for v in (*low, *size)]
    return {"keypoints": values, "num_keypoints": sum(v > 0 for v in values[2::3]), "bbox": box, "iscrowd": 0}


def main() -> None:
    """Write the images and ``annotations/box8.json``."""
    parser = argparse.ArgumentParser(description="Draw boxes with labelled corners, as COCO keypoints.")
    parser.add_argument("out", type=Path, help="new folder")
    parser.add_argument("--num", type=int, default=1000, help="number of images")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--look", choices=LOOKS, default="source")
    args = parser.parse_args()
    names = yaml.safe_load(SKELETON.read_text(encoding="utf-8"))["keypoints"]
    (args.out / "images").mkdir(parents=True)
    (args.out / "annotations").mkdir()
    images, annotations = [], []
    for i in range(args.num):
        rng = np.random.default_rng([args.seed, i])
        view, file = random_view(rng), f"{i:06d}.png"
        draw(view, LOOKS[args.look], rng).save(args.out / "images" / file)
        images.append({"id": i, "file_name": file, "width": SIDE, "height": SIDE})
        annotations.append({"id": i, "image_id": i, "category_id": 1, **annotation(view, names)})
    category = {"id": 1, "name": "box", "keypoints": names}
    content = {"images": images, "annotations": annotations, "categories": [category]}
    (args.out / "annotations" / "box8.json").write_text(json.dumps(content), encoding="utf-8")
    print(f"{args.out}: {args.num} images")


if __name__ == "__main__":
    main()
