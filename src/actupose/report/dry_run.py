"""A dry run on one screen."""

from __future__ import annotations

from actupose.engine.dry_run import DryRun


def dry_run_text(found: DryRun, out: str) -> str:
    """Lines of at most a screen.

    Args:
        found: from `dry_run`.
        out: the run folder, as the user named it.
    """
    groups = {
        "model": _model(found),
        "data": _data(found),
        "epochs": _epochs(found),
        "time": _time(found),
        "memory": _memory(found),
        "disk": _disk(found, out),
    }
    lines = [f"dry run of {found.method} on {found.device}; nothing is written"]
    for title, told in groups.items():
        lines += [f"  {title if i == 0 else '':<8}{line}" for i, line in enumerate(told)]
    return "\n".join([*lines, *(f"  note    {note}" for note in found.notes)])


def _model(found: DryRun) -> list[str]:
    return [", ".join(f"{name} {count / 1e6:.2f} M" for name, count in found.parameters.items()) + " parameters"]


def _data(found: DryRun) -> list[str]:
    lines = []
    for name, held in found.data.items():
        place = (
            "decoded on demand" if not held["bytes"] else f"{size(held['bytes'])} decoded, kept on {held['decoded']}"
        )
        mark = f", fingerprint {held['fingerprint'][:12]}" if held["fingerprint"] else ""
        lines.append(f"{name:<16} {held['images']:>9,} images, {place}{mark}")
    return lines


def _epochs(found: DryRun) -> list[str]:
    parts = " + ".join(f"{phase.epochs} {phase.name}" for phase in found.phases)
    each = found.batches_per_epoch // found.steps_per_epoch
    batch = f"{found.steps_per_epoch:,} steps of {found.batch_size * each} samples a domain"
    shared = [f"{found.processes} processes"] if found.processes > 1 else []
    shared += [f"{each} batches a step"] if each > 1 else []
    done = [f"{found.epochs_done} are done"] if found.epochs_done else []
    return [", ".join([f"{found.epochs} ({parts})", f"each {batch}", *shared, *done])]


def _time(found: DryRun) -> list[str]:
    lines = [
        f"{phase.name:<12} {phase.seconds_per_batch:.4f} s a batch, mean of {phase.batches}: "
        f"{duration(phase.seconds_per_batch * found.batches_per_epoch)} an epoch"
        for phase in found.phases
    ]
    lines.append(f"{'epoch ends':<12} {duration(found.epoch_end_seconds)} each, validation and label-free validators")
    if found.test_seconds is not None:
        lines.append(f"{'test':<12} {duration(found.test_seconds)}, once")
    return [*lines, f"{'in all':<12} {duration(found.seconds_left)} to go"]


def _memory(found: DryRun) -> list[str]:
    held = found.memory
    parts = "weights {weights}, gradients {gradients}, optimiser {optimizer}"
    fixed = parts.format(**{name: size(held[name]) for name in ("weights", "gradients", "optimizer")})
    lines = []
    if "device_peak" in held:
        cached = sum(d["bytes"] for d in found.data.values() if d["decoded"].startswith("cuda"))
        rest = held["device_peak"] - held["weights"] - held["gradients"] - held["optimizer"] - cached
        lines.append(f"device  {size(held['device_peak'])} at the peak, of {size(held['device_total'])}: {fixed},")
        lines.append(f"        decoded images {size(cached)}, activations and the rest {size(max(rest, 0))}")
    else:
        lines.append(fixed)
    lines.append(
        f"process {size(held['process_peak'])} at the peak, {size(held['process_before'])} before the first step"
    )
    return lines


def _disk(found: DryRun, out: str) -> list[str]:
    total = found.checkpoints * found.checkpoint_bytes
    kept = f"up to {found.checkpoints} checkpoints of {size(found.checkpoint_bytes)}: {size(total)}"
    short = "; TOO LITTLE" if total + found.checkpoint_bytes > found.disk_free else ""
    return [f"{kept}; {size(found.disk_free)} are free at {out}{short}"]


def size(count: float) -> str:
    """Bytes as people read them."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} TiB"


def duration(seconds: float) -> str:
    """Seconds as people read them."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes = round(seconds / 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min"
