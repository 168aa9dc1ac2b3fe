"""Opening pictures that may be of anyone: none may fill the memory."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image


@contextmanager
def open_image(source: bytes | Path) -> Iterator[Image.Image]:
    """Pillow's `Image.open` with a hard limit.

    Pillow warns above ``Image.MAX_IMAGE_PIXELS`` and refuses only above twice that, with an error of its own kind.

    Args:
        source: encoded bytes, or a file.

    Yields:
        The picture; no pixel is decoded yet.

    Raises:
        OSError: it is no image, or has more pixels than the limit.
    """
    try:
        opened = Image.open(io.BytesIO(source) if isinstance(source, bytes) else source)
    except Image.DecompressionBombError as error:
        raise OSError(f"has more than {Image.MAX_IMAGE_PIXELS} pixels") from error
    with opened as image:
        if Image.MAX_IMAGE_PIXELS is not None and image.width * image.height > Image.MAX_IMAGE_PIXELS:
            raise OSError(f"has more than {Image.MAX_IMAGE_PIXELS} pixels")
        yield image
