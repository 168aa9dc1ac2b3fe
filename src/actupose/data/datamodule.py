"""The data of one training: a labelled source, an unlabelled target, and labelled data for evaluation alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
import torch
from lightning.pytorch.utilities.combined_loader import CombinedLoader
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader

from actupose.curriculum import ClosedLoopConfig, CurriculumConfig, CurriculumState, PoseVAEConfig, SourceCurriculum
from actupose.data.batch import LabeledBatch, UnlabeledBatch
from actupose.data.dataset import PoseDataset, as_batch
from actupose.data.image_cache import Cache, CacheBudget
from actupose.data.labelled_target import LabelledTargetConfig, chosen_rows, rows_to_test
from actupose.data.loader_config import LoaderConfig, rank_batch_size
from actupose.data.opened import OpenedStores
from actupose.data.samplers import EpochSampler, endless_shuffle
from actupose.data.store import PoseStore
from actupose.data.streaming import StreamConfig, StreamedTarget
from actupose.errors import UserError
from actupose.skeletons import Skeleton, keypoint_map, load_skeleton
from actupose.skeletons.mapping import check_renames, mapping_text, read_renames

Batch = LabeledBatch | UnlabeledBatch
_LABEL_FREE_SEED = 0


@dataclass(frozen=True)
class _Sets:
    """The datasets of a training, made once."""

    source: PoseDataset
    validation: PoseDataset | None
    target: PoseDataset | StreamedTarget | None
    labelled_target: PoseDataset | None


class PoseDataModule(L.LightningDataModule):
    """Stores in, batches out: ``{"source": LabeledBatch, "target": UnlabeledBatch}``, and a third of few target labels.

    Args:
        source: store of the labelled source domain, a folder or a URL as the other two; None when only testing.
        target: store of the target domain, read without its labels; a method without a target trains as if it were not
            there, and its label-free validators look at it.
        target_test: store with labels that evaluation alone reads.
        skeleton: name or file of the model's skeleton; keypoints map to it by name.
        keypoint_map: YAML with ``map: {store_name: skeleton_name}`` for the names that differ.
        size: S, side of the network's images.
        loader: batch size, steps an epoch, workers, cache.
        curriculum: which curriculum draws the source samples.
        pose_vae: the model that scores pose complexity.
        validation_share: share of the source held out for validation.
        seed: of draws and splits; the Pose-VAE has its own in ``pose_vae``.
        closed_loop: whether and how more of a rendered source is made during the training.
        labelled_target: a few target pictures with labels that are trained on beside the source; off by default.
        oracle: train on the labels of ``target``, or of ``labelled_target`` alone where it is given, in place of the
            source: the upper end of a table, `Oracle`'s alone.
        stream: whether the target is read block by block rather than as a whole.

    Raises:
        UserError: the size is no multiple of 32, the skeleton is unknown, or the map names unknown keypoints.
    """

    def __init__(
        self,
        source: Path | None = None,
        target: Path | None = None,
        target_test: Path | None = None,
        skeleton: str = "body16",
        keypoint_map: Path | None = None,
        size: int = 256,
        loader: LoaderConfig | None = None,
        curriculum: CurriculumConfig | None = None,
        pose_vae: PoseVAEConfig | None = None,
        validation_share: float = 0.05,
        seed: int = 0,
        oracle: bool = False,
        closed_loop: ClosedLoopConfig | None = None,
        labelled_target: LabelledTargetConfig | None = None,
        stream: StreamConfig | None = None,
    ) -> None:
        super().__init__()
        self._opened = OpenedStores()
        self.source, self.target, self.target_test = source, target, target_test
        self.oracle = oracle
        self.closed_loop, self.stream = closed_loop or ClosedLoopConfig(), stream or StreamConfig()
        self.labelled_target = labelled_target or LabelledTargetConfig()
        if self.stream.enabled and (oracle or target is None):
            raise UserError("data.stream is for a target without labels; set data.target, and data.oracle to false.")
        self.skeleton: Skeleton = load_skeleton(skeleton)
        self.renames = read_renames(keypoint_map) if keypoint_map is not None else {}
        stores, named = self._labelled_stores(), [p for p in self._label_paths().values() if p is not None]
        if stores and len(stores) == len(named):  # a missing store is said later, by its own name
            check_renames(self.renames, tuple(skeleton for _, skeleton in stores))
        if size < 32 or size % 32:
            raise UserError(f"data.size is {size}; it must be a multiple of 32, the coarsest stride of the backbones.")
        self.size, self.seed, self.validation_share = size, seed, validation_share
        self.loader = loader or LoaderConfig()
        configs = curriculum or CurriculumConfig(), pose_vae or PoseVAEConfig()
        self.source_curriculum = SourceCurriculum(self.skeleton, *configs, seed, self._source_poses)
        self._sets: _Sets | None = None
        self._streamed: StreamedTarget | None = None
        self._test: PoseDataset | None = None
        self._taught: Tensor | None = None
        self._budget: CacheBudget | None = None
        self.trains_on_target = True

    # -- stores and datasets

    def setup(self, stage: str) -> None:
        """Open the stores that a stage needs.

        Raises:
            UserError: a store is missing, has no labels where labels are needed, or has another skeleton.
        """
        if self.trainer is not None:
            self.use_trainer(self.trainer)
        if stage in ("fit", "validate") and self._sets is None:
            self._sets = self._open_training_sets()
            self._mask_untaught()
        if stage == "test" and self._test is None:
            if self.target_test is None:
                raise UserError("data.target_test is not set; name the store with labels to evaluate on.")
            self._test = self._open_test_set(self._opened.store(self.target_test))
            self._mask_untaught()

    def use_trainer(self, trainer: L.Trainer) -> None:
        """Let images be kept on the device of this process; Lightning attaches a trainer only when it runs.

        Args:
            trainer: that will run.
        """
        if self._budget is None:
            self._budget = CacheBudget(trainer.strategy.root_device, trainer.num_devices)

    def _dataset(
        self,
        path: Path | PoseStore,
        *,
        labelled: bool,
        rows: NDArray[np.int64] | None = None,
        cache: Cache | None = None,
    ) -> PoseDataset:
        return PoseDataset(
            path if isinstance(path, PoseStore) else self._opened.store(path),
            self.skeleton,
            self.size,
            labelled=labelled,
            rows=rows,
            renames=self.renames,
            cache=self.loader.cache if cache is None else cache,
            budget=self._budget,
        )

    def _labelled_stores(self) -> list[tuple[str, Skeleton]]:
        """Setting and skeleton of each store whose labels are read, where it exists."""
        metas = {key: self._opened.meta(path) for key, path in self._label_paths().items() if path is not None}
        return [(key, meta.skeleton) for key, meta in metas.items() if meta is not None]

    def _label_paths(self) -> dict[str, Path | None]:
        """Setting -> store whose labels are read."""
        few = self.labelled_target.store if self.labelled_target.enabled else None
        return {"data.source": self.source, "data.target_test": self.target_test, "data.labelled_target.store": few}

    def mapping_text(self) -> str:
        """How the keypoints of stores in another skeleton reach the model's; empty where none is in another."""
        return "\n".join(
            f"{key}: {mapping_text(skeleton, self.skeleton, keypoint_map(skeleton, self.skeleton, self.renames))}"
            for key, skeleton in self._labelled_stores()
            if skeleton.keypoints != self.skeleton.keypoints or self.renames
        )

    def _open_training_sets(self) -> _Sets:
        few = self._few_labels()
        if self.oracle and few is not None:
            (store, rows), few = few, None
        else:
            store = self._labelled_store()
            rows = np.arange(len(store))
        order = rows[torch.randperm(len(rows), generator=torch.Generator().manual_seed(self.seed)).numpy()]
        held = round(len(rows) * self.validation_share)
        validation = self._dataset(store, labelled=True, rows=np.sort(order[:held])) if held else None
        source = self._dataset(store, labelled=True, rows=np.sort(order[held:]))
        target = self._target_set() if self.trains_on_target else None
        labelled_target = None if few is None else self._dataset(few[0], labelled=True, rows=few[1])
        return _Sets(source, validation, target, labelled_target)

    def _labelled_store(self) -> PoseStore:
        path, name = (self.target, "target") if self.oracle else (self.source, "source")
        if path is None:
            raise UserError(f"data.{name} is not set; name the store of the labelled {name} domain.")
        return self._opened.store(path)

    def _few_labels(self) -> tuple[PoseStore, NDArray[np.int64]] | None:
        """Store and rows of the labelled part of the target, where there is one."""
        config = self.labelled_target
        if config.store is None or not config.enabled:
            return None
        store = self._opened.store(config.store)
        return store, chosen_rows(config, store, self.skeleton, self.renames, self.seed)

    def _open_test_set(self, store: PoseStore) -> PoseDataset:
        """The test set, without what is trained on."""
        few = self._few_labels()
        return self._dataset(store, labelled=True, rows=None if few is None else rows_to_test(*few, store))

    def _target_set(self) -> PoseDataset | StreamedTarget | None:
        if self.target is None:
            return None
        return self._streamed_target() if self.stream.enabled else self._dataset(self.target, labelled=False)

    def _streamed_target(self) -> StreamedTarget:
        if self._streamed is None:
            assert self.target is not None
            self._streamed = StreamedTarget(self.target, self.skeleton, self.size, self.seed, self.stream)
        return self._streamed

    def label_free_set(self, count: int) -> PoseDataset | None:
        """Target training images that label-free validators look at: the same ones in every run on a store.

        Args:
            count: how many; all where the target has fewer.

        Returns:
            Images without labels; None without a target.
        """
        return self._some_target_images(count, labelled=False)

    def pseudo_label_set(self, count: int) -> PoseDataset | None:
        """The same images with their labels, to tell how right pseudo-labels are: for the record alone.

        Raises:
            UserError: the target has no labels, or is streamed.
        """
        return self._some_target_images(count, labelled=True)

    def _some_target_images(self, count: int, *, labelled: bool) -> PoseDataset | None:
        if self.target is None:
            return None
        if self.stream.enabled:
            if labelled:
                raise UserError("a streamed target (data.stream) has no labels to compare with; make a store of it.")
            return self._dataset(self._streamed_target().part(count), labelled=False)
        total = len(self._opened.store(self.target))
        rows = torch.randperm(total, generator=torch.Generator().manual_seed(_LABEL_FREE_SEED))[:count]
        return self._dataset(self.target, labelled=labelled, rows=rows.sort().values.numpy())

    @property
    def sets(self) -> _Sets:
        """The training sets; `setup` has made them.

        Raises:
            RuntimeError: before `setup`.
        """
        if self._sets is None:
            raise RuntimeError("PoseDataModule.setup('fit') comes first")
        return self._sets

    def _mask_untaught(self) -> None:
        """Leave keypoints out of the evaluation that the source has no label of: nothing taught them."""
        if self._sets is not None:
            labelled = [part for part in (self._sets.source, self._sets.labelled_target) if part is not None]
            self._taught = torch.stack([(part.visible > 0).any(0) for part in labelled]).any(0)
        if self._test is not None and self._taught is not None:
            self._test.keep_keypoints(self._taught)

    # -- curriculum

    @property
    def curriculum(self) -> CurriculumState | None:
        """Scores, bins and draws of the source; None before `build_curriculum`."""
        return self.source_curriculum.state

    def build_curriculum(self, epochs: int) -> CurriculumState:
        """Score the source poses and bin them, or take both back from a checkpoint.

        Args:
            epochs: epochs of the whole training.
        """
        return self.source_curriculum.build(epochs, keep_pose_vae=self.target_test is not None)  # for the test's bins

    def score(self, keypoints: Tensor, visible: Tensor) -> Tensor:
        """Pose complexity (Eq. 2) by the Pose-VAE of the source, fitted on first use; (N,) float32."""
        return self.source_curriculum.score(keypoints, visible)

    def _source_poses(self) -> tuple[Tensor, Tensor]:
        return self.sets.source.keypoints, self.sets.source.visible

    def grow_source(self, store: PoseStore) -> None:
        """Take the samples of another store into the training's source, and into its curriculum where it is built.

        Args:
            store: labelled, of the source's kind.
        """
        more = self._dataset(store, labelled=True, cache="none")
        self.sets.source.extend(more)
        self.source_curriculum.grow(more.keypoints, more.visible)

    def test_bins(self) -> tuple[Tensor, int] | None:
        """Complexity bin of every test pose (evaluation alone reads its labels) and the number of bins.

        None where no Pose-VAE of the source is at hand: its run had neither a curriculum nor a test set.
        """
        return None if self._test is None else self.source_curriculum.bins_of(self._test.keypoints, self._test.visible)

    def state_dict(self) -> dict[str, Any]:
        """Scores, bins and the Pose-VAE, so that a resumed run draws what the unbroken one would."""
        taught = {} if self._taught is None else {"taught": self._taught}
        return {**self.source_curriculum.state_dict(), **taught}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Keep what a checkpoint holds until the curriculum is built."""
        self.source_curriculum.load_state_dict(state_dict)
        if "taught" in state_dict:
            self._taught = state_dict["taught"]
            self._mask_untaught()

    # -- loaders

    def train_dataloader(self) -> CombinedLoader:
        """The streams in step; the samplers start at the trainer's epoch.

        Lightning makes the first iterator of a resumed run before it sets the samplers' epoch (its issue 21938), and
        worker processes draw ahead, so the epoch is set here. It is the number of epochs done: ``current_epoch`` of a
        trainer just restored still names the last one.
        """
        trainer: Any = self.trainer
        epochs, epoch = trainer.max_epochs or 1, trainer.fit_loop.epoch_progress.current.processed
        curriculum = self.build_curriculum(epochs)
        if trainer.world_size > 1:  # another machine may have computed other last bits
            self.source_curriculum.agree(trainer.strategy.broadcast(self.source_curriculum.state_dict()))
        loaders = {}
        for name, dataset, setting, size in self._streams():
            samples = self.loader.iterations * size
            draw = self._source_draw(curriculum) if name == "source" else self._shuffled(dataset, samples)
            each = rank_batch_size(setting, size, trainer.world_size)
            sampler = EpochSampler(draw, samples, each, trainer.global_rank, trainer.world_size)
            sampler.set_epoch(epoch)
            loaders[name] = self._loader(dataset, sampler)
        return CombinedLoader(loaders, mode="min_size")

    def _source_draw(self, curriculum: CurriculumState) -> Callable[[int], Tensor]:
        return lambda epoch: curriculum.draw(epoch, self.samples_per_epoch)

    def _shuffled(self, dataset: PoseDataset | StreamedTarget, samples: int) -> Callable[[int], Tensor]:
        """Draws of so many samples an epoch that use all rows equally often."""
        if isinstance(dataset, StreamedTarget):  # its order is its own: the epoch's part of the stream's positions
            return lambda epoch: epoch * samples + torch.arange(samples)
        return endless_shuffle(len(dataset), samples, self.seed)

    @property
    def samples_per_epoch(self) -> int:
        """Samples of one domain an epoch, over all processes."""
        return self.loader.iterations * self.loader.batch_size

    def check_batches(self, num_processes: int) -> None:
        """Whether the batches of all streams divide among the processes; after `setup`.

        Raises:
            UserError: one does not.
        """
        for _, _, setting, size in self._streams():
            rank_batch_size(setting, size, num_processes)

    def _streams(self) -> Iterator[tuple[str, PoseDataset | StreamedTarget, str, int]]:
        """Name, samples, and the setting and value of the batch size of each stream of a training."""
        sets, batch = self.sets, ("data.loader.batch_size", self.loader.batch_size)
        yield "source", sets.source, *batch
        if sets.target is not None:
            yield "target", sets.target, *batch
        if sets.labelled_target is not None:
            few = self.labelled_target
            yield "labelled_target", sets.labelled_target, "data.labelled_target.batch_size", few.batch_size

    def _loader(self, dataset: PoseDataset | StreamedTarget, sampler: EpochSampler) -> DataLoader[Batch]:
        workers = self.loader.num_workers if dataset.cached_on is None else 0
        return DataLoader(
            dataset,
            batch_size=None,  # the sampler gives whole batches
            sampler=sampler,
            num_workers=workers,
            collate_fn=as_batch,
            pin_memory=torch.cuda.is_available() and dataset.cached_on in (None, torch.device("cpu")),
            # a worker that outlives its epoch would not see the source grow
            persistent_workers=workers > 0 and self.closed_loop.budget == 0,
        )

    def val_dataloader(self) -> list[DataLoader[Batch]]:
        """Held-out source samples; no target labels here."""
        held = self.sets.validation
        return [] if held is None else [self._eval_loader(held)]

    def test_dataloader(self) -> DataLoader[Batch]:
        """The labelled target test set."""
        return self._eval_loader(self.test_set)

    def _eval_loader(self, dataset: PoseDataset) -> DataLoader[Batch]:
        # Every process evaluates everything: PCK is a ratio of sums, so it is the same on one and on many.
        return self._loader(
            dataset, EpochSampler(lambda _: torch.arange(len(dataset)), len(dataset), self.loader.batch_size)
        )

    @property
    def test_set(self) -> PoseDataset:
        """The labelled target test set; `setup("test")` has made it.

        Raises:
            RuntimeError: before `setup`.
        """
        if self._test is None:
            raise RuntimeError("PoseDataModule.setup('test') comes first")
        return self._test

    @property
    def num_test_keypoints(self) -> int:
        """Labelled keypoints of the test set."""
        return int((self.test_set.visible > 0).sum())

    def fingerprints(self) -> dict[str, str]:
        """Hash of every store in use, for the run's record."""
        named = {"source": self.source, "target": self.target, "target_test": self.target_test}
        if self.labelled_target.enabled:
            named["labelled_target"] = self.labelled_target.store
        if self.stream.enabled:
            del named["target"]  # not opened as a whole for this
        found = {key: self._opened.store(path).meta.fingerprint() for key, path in named.items() if path is not None}
        return {**found, "target": self._streamed_target().meta.fingerprint()} if self.stream.enabled else found

    def describe(self) -> dict[str, Any]:
        """Plain data of what is trained on."""
        facts = {"loader": asdict(self.loader), "curriculum": asdict(self.source_curriculum.config), "size": self.size}
        if self.labelled_target.enabled:
            facts["labelled_target"] = asdict(self.labelled_target)
        return facts
