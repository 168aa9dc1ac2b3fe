"""The page itself, in Gradio: what is on it, and which function answers what. Nothing here computes."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from actupose.app.compare import Comparison, compare
from actupose.app.curriculum import CurriculumBrowser
from actupose.app.html import asset, pictures_html, poses_html, problems_html
from actupose.app.limits import Limits, Rate
from actupose.app.uploads import read_uploads
from actupose.data.readers import folder, video
from actupose.deploy.predict import Predictor
from actupose.errors import UserError

if TYPE_CHECKING:
    import gradio as gr

ALL = "all"
_THRESHOLD = 0.3
_POSES, _NEAREST = 12, 6
_FORGET_S = 900  # seconds after which a visitor's last comparison is let go
_GONE = "nothing to show: upload pictures first (they are let go after 15 minutes)."


class Session:
    """What the page's elements call; models, limits and curriculum of one server.

    Args:
        models: title and predictor of each model, the adapted one last.
        limits: of uploads.
        curriculum: of the run; a text says why there is none.
    """

    def __init__(
        self, models: Sequence[tuple[str, Predictor]], limits: Limits, curriculum: CurriculumBrowser | str
    ) -> None:
        self.models, self.limits, self.curriculum = models, limits, curriculum
        self._rate = Rate(limits.per_minute)

    def upload(self, files: Sequence[str] | None, threshold: float) -> tuple[None, Comparison | None, str, str]:
        """Predict uploaded files.

        Returns:
            Nothing for the field of files, the comparison, problems and pictures as HTML.
        """
        comparison, problems = self._compare(files, self.models)
        return None, comparison, problems_html(problems), _pictures(comparison, threshold)

    def redraw(self, comparison: Comparison | None, threshold: float) -> str:
        """The same pictures at another threshold."""
        return _pictures(comparison, threshold)

    def download(self, comparison: Comparison | None, threshold: float) -> tuple[str, str]:
        """The archive in base64, and problems as HTML."""
        if not comparison:
            return "", problems_html([_GONE])
        return base64.b64encode(comparison.archive(threshold)).decode(), ""

    def browse(self, bin_number: float, archetype: str) -> str:
        """Source poses of a bin (1 the easiest, 0 all) and of a kind, evenly spread."""
        browser = self.curriculum
        if isinstance(browser, str):
            return problems_html([browser])
        index = int(bin_number) - 1
        rows = browser.select(None if index < 0 else index, None if archetype == ALL else archetype)
        shown = rows[[i * len(rows) // min(_POSES, len(rows)) for i in range(min(_POSES, len(rows)))]]
        text = f"{len(rows)} of {len(browser)} source poses, {len(shown)} of them shown, easiest first."
        if index >= 0 and browser.drawn is not None:
            text += f" The last epoch drew {browser.drawn[index]} samples from bin {index + 1}."
        return poses_html(browser.show(shown), browser.num_bins, text)

    def nearest(self, files: Sequence[str] | None) -> tuple[None, str, str]:
        """The source poses nearest to the pose of an uploaded picture.

        Returns:
            Nothing for the field of files, problems and the poses as HTML.
        """
        browser = self.curriculum
        if isinstance(browser, str):
            return None, problems_html([browser]), ""
        comparison, problems = self._compare(files, self.models[-1:])
        if not comparison:
            return None, problems_html(problems), ""
        found = browser.nearest(comparison.answers[-1].predictions[0].keypoints, _NEAREST)
        text = f"Source poses whose joint angles are nearest to those predicted in {comparison.names[0]} (Eq. 7)."
        pictures = pictures_html(comparison, 0.0)
        return None, problems_html(problems), pictures + poses_html(found, browser.num_bins, text)

    def _compare(
        self, files: Sequence[str] | None, models: Sequence[tuple[str, Predictor]]
    ) -> tuple[Comparison | None, list[str]]:
        records, problems = read_uploads([Path(file) for file in files or ()], self.limits)
        try:
            self._rate.check()
            if not records:
                return None, problems
            comparison, more = compare(records, models)
        except UserError as error:
            return None, [*problems, str(error)]
        return comparison or None, [*problems, *more]


def _pictures(comparison: Comparison | None, threshold: float) -> str:
    return pictures_html(comparison, threshold) if comparison else ""


def build_page(session: Session) -> gr.Blocks:
    """The page.

    Args:
        session: what its elements call.
    """
    import gradio as gr

    with gr.Blocks(analytics_enabled=False, title="actupose", delete_cache=(60, 60)) as page:
        titles = " and ".join(f"{title} ({model.model.name})" for title, model in session.models)
        gr.Markdown(f"# actupose\nKeypoints of your pictures by {titles}. Nothing that you upload is kept.")
        with gr.Tab("Predict"):
            _predict_tab(gr, session)
        with gr.Tab("Curriculum"):
            if isinstance(session.curriculum, str):
                gr.Markdown(session.curriculum)
            else:
                _curriculum_tab(gr, session, session.curriculum)
    return page  # type: ignore[no-any-return]  # gr.Blocks is typed as Any in a with statement


def _predict_tab(gr: Any, session: Session) -> None:  # noqa: ANN401 - the module
    state = gr.State(None, time_to_live=_FORGET_S)
    packed = gr.Textbox(visible=False)
    files = _files(gr, session.limits)
    threshold = gr.Slider(0, 1, value=_THRESHOLD, step=0.01, label="Least confidence of a keypoint that is drawn")
    save = gr.Button("Download COCO JSON and overlays")
    problems, pictures = gr.HTML(), gr.HTML()
    _on(files.upload, session.upload, [files, threshold], [files, state, problems, pictures])
    _on(threshold.change, session.redraw, [state, threshold], pictures)
    made = _on(save.click, session.download, [state, threshold], [packed, problems])
    made.success(None, packed, None, js=asset("save.js"), api_visibility="private")


def _curriculum_tab(gr: Any, session: Session, browser: CurriculumBrowser) -> None:  # noqa: ANN401 - the module
    gr.Markdown(f"{len(browser)} source poses, curriculum `{browser.kind}`, as the last epoch left them.")
    with gr.Row():
        bins = gr.Slider(0, browser.num_bins, value=1, step=1, label="Bin of pose complexity (1 the easiest, 0 = all)")
        kinds = gr.Dropdown([ALL, *browser.archetypes], value=ALL, label="Kind of pose")
    poses = gr.HTML(session.browse(1, ALL))
    _on(bins.change, session.browse, [bins, kinds], poses)
    _on(kinds.change, session.browse, [bins, kinds], poses)
    gr.Markdown("## Nearest source pose\nDrop a picture: its pose is predicted, and source poses like it are shown.")
    files = _files(gr, session.limits)
    problems, found = gr.HTML(), gr.HTML()
    _on(files.upload, session.nearest, [files], [files, problems, found])


def _files(gr: Any, limits: Limits) -> Any:  # noqa: ANN401 - Gradio's component
    label = f"Pictures or a video, at most {limits.megabytes} MB each and {limits.pictures} pictures at a time"
    return gr.File(file_count="multiple", file_types=[*folder.SUFFIXES, *video.SUFFIXES], label=label, height=150)


def _on(event: Any, function: Callable[..., Any], inputs: Any, outputs: Any) -> Any:  # noqa: ANN401 - Gradio's own
    """Call a function on an event, at last with the newest values; it is no public endpoint."""
    how = {"api_visibility": "private", "show_progress": "minimal", "trigger_mode": "always_last"}
    return event(function, inputs, outputs, **how)
