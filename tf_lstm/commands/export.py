"""What scripts/export_model.py and scripts/draw_digit.py do after they have parsed their flags."""

from pathlib import Path

from tf_lstm.export.archive import save_archive
from tf_lstm.export.page import save_page
from tf_lstm.export.saved_model import save_litert, save_saved_model
from tf_lstm.runs import locate
from tf_lstm.runs.run import Run
from tf_lstm.terminal.errors import UserError


def export(run: Run, output: Path | None = None) -> Path:
    """Export a run's network in the format that the suffix of `output` selects.

    Args:
        run: a finished run.
        output: the file to write, or None for a page beside the run's folder, or in runs/ for the
            run that comes with this repository.

    Returns:
        The file.

    Raises:
        UserError: the run is not finished, or the format cannot hold its network.
    """
    if not run.is_finished:
        raise UserError(
            f"{run.folder} is not finished: continue its training with --resume, or choose another "
            "run."
        )
    folder = locate.RUNS if run.folder == locate.TRAINED else run.folder.parent
    path = output or folder / f"{run.folder.name}.html"
    suffix, model = path.suffix.lower(), run.kept_model()
    if suffix == ".html":
        run.require_rows()
        title = f"{run.folder.name}, {run.settings.data.name}"
        save_page(model, path, title, run.settings.data.class_names)
    else:
        save = {".npz": save_archive, ".savedmodel": save_saved_model, ".tflite": save_litert}
        save[suffix](model, path)
    return path
