"""Tiny data sets in the exact layout of the published ones, one module a format, and shard makers for the builder."""

from data.fakes.coco import coco_data, write_coco
from data.fakes.folder import write_folder
from data.fakes.leeds import write_lsp, write_lspet
from data.fakes.pictures import jpeg, picture, poses
from data.fakes.rows import Rows, row

__all__ = [
    "Rows",
    "coco_data",
    "jpeg",
    "picture",
    "poses",
    "row",
    "write_coco",
    "write_folder",
    "write_lsp",
    "write_lspet",
]
