"""The command line: the commands that train (`t2t.cli_train`), eval, predict, serve, report, compare, check and others.

Floor 7. Commands parse, call the floors below and print; torch is imported only by those that need it. Every fault
is one line on stderr and an exit code (see `t2t.errors`).
"""

from __future__ import annotations

import json
import os
import signal
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from t2t.cli_completion import complete_values, completion
from t2t.cli_ls import ls
from t2t.cli_options import COLUMN, JSON, MEAN_SPAN, NOISE_DENSITY, PLAIN, SOURCE, joined_settings
from t2t.cli_prompt import prompt
from t2t.cli_show import show_check, show_comparison, show_report
from t2t.cli_train import distill_, pet, pretrain, resume, train
from t2t.cli_vocab import vocab
from t2t.errors import CheckpointError, DataError, MemoryLimitError, T2TError, UsageError, is_out_of_memory, visible
from t2t.screen import Screen, show, show_json
from t2t.version import VERSION

__all__ = ["cli", "main"]


@click.group(context_settings={"help_option_names": ["-h", "--help"], "auto_envvar_prefix": "T2T_CLI"})
@click.version_option(VERSION, prog_name="t2t")
@click.option("--debug", is_flag=True, help="Show tracebacks.")
@click.option("--quiet", "-q", is_flag=True, help="No notices and no progress bars.")
@click.pass_context
def cli(context: click.Context, debug: bool, quiet: bool) -> None:
    """Train and compare language models on tasks that are text in, text out."""
    context.obj = {"debug": debug, "screen": Screen(quiet=quiet)}


for _command in (train, pretrain, distill_, pet, resume, prompt, ls, vocab, completion):
    cli.add_command(_command)


# -- eval, predict, serve, report, compare ---------------------------------------------------------------------------


ANSWERING = ("precision", "engine", "beams", "sample_temperature", "top_p", "seed", "plain")


def _answering(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of how answers are computed; a run's own settings hold where they are not given."""
    function = PLAIN(function)
    function = click.option("--seed", type=int, help="Seed of tokens, and of rows, that are drawn.  [default: 42]")(
        function
    )
    function = click.option("--top-p", type=float, help="Draw among the likeliest tokens that together reach this.  "
                            "[default: 1]")(function)  # fmt: skip
    function = click.option("--sample-temperature", type=float, help="Draw the tokens of written answers at this "
                            "temperature (0: the likeliest).  [default: 0]")(function)  # fmt: skip
    function = click.option("--beams", type=int, help="Hypotheses of a text that is written.  [default: 1]")(function)
    function = click.option("--engine", help="What writes: own | ctranslate2 (T5, mT5, UMT5).  [default: own]")(
        function
    )
    return click.option("--precision", help="fp32 | bf16 | auto | int8 (T5, mT5, UMT5).")(function)


@cli.command("eval")
@click.argument("model", metavar="RUN|MODEL")
@click.option("--mix", help="A mix of tasks (default: the run's).")
@click.option("--task", "task_", help="One or more tasks, separated by commas.")
@click.option("--family", help="Force a model family.")
@click.option("--split", default="validation", show_default=True)
@click.option(
    "--by",
    default="write",
    show_default=True,
    help="write | rank | both | constrained (nothing but choices) | all three.",
)
@_answering
@click.option("--prompt", help="The prompt, several (t5,plain) or all: a score for each, and their spread.")
@click.option("--shots", type=int, help="Rows of the training split to show before each input.")
@click.option("--shots-by", help="How they are chosen: random | balanced | nearest.")
@click.option(
    "--corpus",
    multiple=True,
    metavar="CORPUS",
    help="In place of tasks, plain text: a file, a directory, a glob or a hub id (--split of it); repeatable.",
)
@click.option(
    "--objective",
    help="What is asked of it: see `t2t ls objectives` (default: what the run was pretrained on, else lm for causal "
    "models, span_corruption for others).",
)
@NOISE_DENSITY
@MEAN_SPAN
@COLUMN
@click.option(
    "--limit",
    type=int,
    help="Score a fixed sample of this many rows a task; of a corpus so many stretches, evenly spaced (default: 256).",
)
@click.option("--source", metavar="WHERE", help="As for train (default: the run's own, or auto).")
@click.option(
    "--out",
    help="Folder for predictions and report (default: RUN/eval/SPLIT; with --limit, another --source, --corpus or a "
    "MODEL runs/eval-N).",
)
@click.option("--set", "given", multiple=True, metavar="KEY=VALUE", help="Any setting by name, such as max_target.")
@JSON
@click.pass_obj
def evaluate(obj: Any, /, model: str, given: tuple[str, ...], as_json: bool, **options: Any) -> None:
    """Evaluate a run or a model, on tasks or on plain text; every figure has n, an interval and a signature.

    Example: t2t eval runs/glue-1 --by both
    """
    from t2t.apply import evaluate_model
    from t2t.plain_text import evaluate_text

    options["task"] = options.pop("task_")
    options["eval_limit"] = options.pop("limit")
    options["corpus"] = list(options["corpus"]) or None
    settings, _ = joined_settings(options, None, given)
    odd = [name for name in ("objective", "noise_density", "mean_span", "column") if name in settings]
    if odd and not settings.get("corpus"):
        raise UsageError(f"tasks have no {', '.join(odd)}", fix="Say which text: --corpus CORPUS.", code="C01")
    folder = (evaluate_text if settings.get("corpus") else evaluate_model)(model, settings, watch=obj["screen"])
    from t2t.report import read, render

    render(folder)
    if as_json:
        show_json(read(folder))
    else:
        show_report(folder)
        obj["screen"].notice(f"report: {folder / 'report.html'}")


@cli.command()
@click.argument("model", metavar="RUN|MODEL")
@click.option("--task", "task_", help="Read rows with this task's columns (JSONL or CSV); without it, lines of text.")
@click.option("--prompt", help="The prompt of the task (default: its first).")
@click.option("--input", "source", default="-", show_default=True, help="A file, or - for stdin.")
@click.option("--out", "target", default="-", show_default=True, help="A JSONL file, or - for stdout.")
@click.option("--by", default="write", show_default=True, help="write | rank | constrained (nothing but choices).")
@_answering
@click.option("--family", help="Force a model family.")
@click.option("--embeddings", is_flag=True, help="Write embeddings instead of answers; --out may be .npy, .safetensors "
              "or .jsonl.")  # fmt: skip
@click.pass_obj
def predict(
    obj: Any, /, model: str, task_: str | None, source: str, target: str, embeddings: bool, **options: Any
) -> None:
    """Answer rows or lines; write one JSON object a row.

    Example: echo "sst2 sentence: a fine film" | t2t predict runs/glue-1
    """
    from t2t.apply import predict_rows

    if embeddings:
        _embed(obj, model, task_, source, target, options)
        return
    settings = {name: value for name in ANSWERING if (value := options.pop(name)) is not None}
    preds = predict_rows(model, task_, source, settings=settings, watch=obj["screen"], **options)
    lines = (json.dumps(pred, ensure_ascii=False) + "\n" for pred in preds)
    if target == "-":
        for line in lines:
            sys.stdout.write(line)
            sys.stdout.flush()
        return
    from t2t.runs import growing

    part = Path(f"{target}.part")
    try:
        with growing(Path(target), part=part) as write:
            for line in lines:
                write(line)
    finally:
        if part.is_file():
            obj["screen"].notice(f"the answers given so far are in {part}")


def _embed(obj: Any, model: str, task_: str | None, source: str, target: str, options: dict[str, Any]) -> None:
    """Write the embedding of each line, or of each text of each row."""
    from t2t.apply import embed_rows, embedding_lines, write_embeddings

    for name in ("by", *ANSWERING):
        del options[name]
    uids, vectors = embed_rows(model, task_, source, watch=obj["screen"], **options)
    if target == "-":
        sys.stdout.write(embedding_lines(uids, vectors))
    else:
        write_embeddings(Path(target), uids, vectors)


@cli.command("serve")
@click.argument("models", nargs=-1, required=True, metavar="RUN|MODEL [RUN|MODEL]...")
@click.option("--host", default="127.0.0.1", show_default=True, help="Where to listen; other machines need --token.")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(0, 65535), help="0 takes a free one.")
@click.option("--token", help="Ask for this token (better set as T2T_CLI_SERVE_TOKEN: others see a command's words).")
@click.option("--allow-host", "allow", multiple=True, metavar="NAME", help="Answer to this name too.")
@click.option("--queue", default=32, show_default=True, help="Most requests that wait for a model.")
@click.option("--timeout", default=60.0, show_default=True, help="Seconds of a request.")
@click.option("--max-body", default=1_000_000, show_default=True, help="Bytes of a request.")
@_answering
@click.option("--family", help="Force a model family.")
@click.pass_obj
def serve_(obj: Any, /, models: tuple[str, ...], family: str | None, **options: Any) -> None:
    """Serve models to a browser and over a JSON API, on this machine only unless a token is set.

    Example: t2t serve runs/glue-1 runs/glue-2
    """
    from t2t.serve import Door, serve

    settings = {name: value for name in ANSWERING if (value := options.pop(name)) is not None}
    watch = obj["screen"]
    serve(models, Door(**options), family=family, settings=settings, watch=watch, ready=click.echo)


@cli.command()
@click.argument("run", type=str)
@click.option("--metric", metavar="evaluate:FILE.py", help="Measure the answers by a metric of Hugging Face's "
              "evaluate, too; its file is run.")  # fmt: skip
@JSON
@click.pass_obj
def report(obj: Any, run: str, metric: str | None, as_json: bool) -> None:
    """Print a run's scores and write report.md and report.html anew.

    Example: t2t report runs/glue-1
    """
    from t2t.report import read, render

    if metric:
        from t2t import own_metric

        read(Path(run))  # a folder without a report is none
        own_metric.add(Path(run), metric)
    render(Path(run))
    if as_json:
        show_json(read(Path(run)))
    else:
        show_report(Path(run))
        obj["screen"].notice(f"report: {Path(run) / 'report.html'}")


@cli.command()
@click.argument("run", type=str)
@click.argument("repo", metavar="OWNER/NAME")
@click.option("--private", is_flag=True, default=None, help="Make the repository private, if it has to be made.")
@click.option("--predictions", is_flag=True, help="Push the predictions too: they hold the texts of the data.")
@click.pass_obj
def push(obj: Any, run: str, repo: str, private: bool | None, predictions: bool) -> None:
    """Put a run's model, card and reports on the Hugging Face hub; checkpoints stay here.

    Example: t2t push runs/glue-1 me/my-model --private
    """
    from t2t.publish import push as put

    click.echo(put(Path(run), repo, private=private, predictions=predictions))


@cli.command()
@click.argument("run", type=str, metavar="RUN|EVALUATION")
@click.option("--glue-zip", metavar="FILE.zip", required=True, help="GLUE's submission, of the test split's answers.")
@click.option("--by", default="write", show_default=True, help="How they were answered: write | rank | constrained.")
@click.option(
    "--unparsed",
    default="refuse",
    show_default=True,
    help="What stands for answers that could not be read: refuse | majority | first.",
)
@click.pass_obj
def export(obj: Any, run: str, glue_zip: str, by: str, unparsed: str) -> None:
    """Write a run's answers as others want them: GLUE's submission.

    Example: t2t export runs/glue-1 --glue-zip submission.zip
    """
    from t2t.glue_zip import FILES
    from t2t.glue_zip import export as write

    done = write(Path(run), Path(glue_zip), by=by, unparsed=unparsed)
    for name, count in done.unparsed.items():
        click.echo(f"{name}: {count:,} of {FILES[name].rows:,} answers could not be read; {unparsed} stands for them")
    if done.missing:
        click.echo(f"missing: {', '.join(done.missing)}; GLUE takes a zip with all of them")
    click.echo(f"{glue_zip}: {', '.join(done.files)}")


@cli.command()
@click.argument("runs", nargs=-1, required=True, metavar="RUN RUN [RUN]...")
@click.option("--split", default="validation", show_default=True)
@click.option("--out", metavar="FOLDER", help="Write compare.html, compare.md and compare.json there, too.")
@JSON
def compare(runs: tuple[str, ...], split: str, out: str | None, as_json: bool) -> None:
    """Compare runs: what each costs and scores, and how each differs, row by row, from the first.

    Example: t2t compare runs/glue-1 runs/glue-2 --out runs/compared
    """
    from dataclasses import asdict

    from t2t import compare_page
    from t2t.compare import compare as of_runs

    found, written = compare_page.write(runs, Path(out), split=split) if out else (of_runs(runs, split=split), [])
    if as_json:
        show_json(asdict(found))
    else:
        show_comparison(found)
    for path in written[:1]:
        click.echo(f"page: {path}", err=as_json)


# -- check, fetch, info ----------------------------------------------------------------------------------------------


@cli.command()
@click.argument("what", nargs=-1, metavar="[TASK|MIX|FILE.yaml|RUN|DIR]...")
@SOURCE
@click.option("--model", default="t2t-mini", show_default=True, help="The model whose vocabulary is audited.")
@click.option("--max-input", default=512, show_default=True)
@click.option("--max-target", default=128, show_default=True)
@click.option("--task", "task_", default="", help="One or more tasks, separated by commas, beside those named.")
@click.option("--unlabelled", metavar="FILE", help="Rows without labels for `t2t pet` or `t2t distill`: not to be "
              "those that are scored.")  # fmt: skip
@click.option("--fail-on-leak", is_flag=True, help="Exit 3 where a row that is scored stands in another set.")
@JSON
@click.pass_obj
def check(obj: Any, /, what: tuple[str, ...], task_: str, fail_on_leak: bool, as_json: bool, **options: Any) -> None:
    """Check every row of tasks and mixes with a vocabulary, the checkpoints of runs, and fetched directories.

    Counts labels, rows that stand twice, and rows that are scored and stand in the training split as well (which shots
    are drawn from), the same or nearly. Without arguments every task file and mix is checked (no data).

    Example: t2t check glue/rte --fail-on-leak
    """
    from t2t.check import check_data, check_files, check_stored, is_stored, leaks, missing, named

    what = (*what, *filter(None, task_.split(",")))
    stored = [name for name in what if is_stored(name)]
    tasks = named([name for name in what if name not in stored])
    if not tasks and (fail_on_leak or options["unlabelled"]):
        raise UsageError("there is no task to check", fix="Name one: t2t check SET/NAME.")
    rows = check_data(tasks, watch=obj["screen"], **options) if tasks else []
    kept = [line for name in stored for line in check_stored(Path(name))]
    lacking = {task.name: missing(task) for task in tasks}
    if as_json:
        show_json([row | {"lacks": lacking[row["task"]]} for row in rows] + kept)
    elif not what:
        click.echo("{} tasks and {} mixes are sound".format(*check_files()))
    if not as_json:
        for name, lacks in lacking.items():
            show_check(name, [row for row in rows if row["task"] == name], lacks)
        if kept:
            show("", kept)
    if found := leaks(rows):
        message = f"rows that are scored stand in another set: {'; '.join(found)}"
        if fail_on_leak:
            raise DataError(message, fix="Take them out of one.", code="D11")
        obj["screen"].notice(f"warning: {message}")
    if any(line["said"] != "sound" for line in kept):
        raise CheckpointError("a stored file is damaged, see the table", code="K05")


@cli.command("new-task")
@click.argument("name", metavar="SET/NAME")
@click.option("--data", default="", metavar="FILE[,SPLIT=FILE]", help="CSV, TSV, JSONL, JSON or parquet to train on.")
@click.option("--from", "start", default="", metavar="SET/NAME", help="Begin with a copy of this task.")
@click.option("--answer", default="", help="choice | number | spans | tags | text (default: guessed).")
@click.option("--target", default="", metavar="COLUMN", help="The column of the answer (default: guessed).")
@click.option("--input", "inputs", default="", metavar="COLUMN[,COLUMN]", help="The columns of the input.")
@click.option("--dest", default="", metavar="FOLDER", help="Default: the first folder of T2T_TASKS, or task_prompts.")
@click.option("--force", is_flag=True, help="Write over a task of that name.")
def new_task(inputs: str, **options: Any) -> None:
    """Write the task file of your own data, ready to train on and to be edited.

    Example: t2t new-task mine/reviews --data reviews.csv,validation=more.csv
    """
    from t2t.new_task import new_task as write

    made = write(inputs=[name.strip() for name in inputs.split(",") if name.strip()], **options)
    click.echo(f"{made.path}: a {made.task.answer} answer, scored by {', '.join(made.task.metrics)}")
    if made.example:
        click.echo(f"input   {visible(made.example.input, 1000)}\ntarget  {visible(made.example.target, 1000)}")
    for note in made.notes:
        click.echo(f"note: {visible(note, 1000)}")
    if made.setting:
        click.echo(f"export {made.setting}")
    click.echo(f"t2t check {made.task.name}\nt2t train --task {made.task.name}")


@cli.command()
@click.option("--mix", help="Fetch every task of a mix.")
@click.option("--task", "task_", help="One or more tasks, separated by commas.")
@click.option("--dest", required=True, type=str, help="The directory to write, laid out like the hub.")
@SOURCE
@click.pass_obj
def fetch(obj: Any, mix: str | None, task_: str | None, dest: str, source: str) -> None:
    """Fetch data sets into a directory that T2T_HUB or --source can name, with a sha256 manifest.

    Example: t2t fetch --mix glue --dest hub
    """
    from t2t import mixtures
    from t2t.sources import fetch as fetch_all
    from t2t.tasks import task

    if bool(mix) == bool(task_):
        raise UsageError("say what to fetch: --mix NAME or --task NAME[,NAME]", fix="See `t2t ls mixes`.")
    names = mixtures.mix(mix).scored if mix else tuple((task_ or "").split(","))
    path = fetch_all([task(name) for name in names], Path(dest), source=source)
    obj["screen"].notice(f"fetched {len(names)} tasks; use T2T_HUB={dest} or --source {dest}")
    click.echo(path)


@cli.command("bench")
@click.option("--case", help="NAME[,NAME] or all, see docs/bench.md  [default: a quick selection]")
@click.option("--rounds", type=int, help="Rounds, each with every contestant in turn.  [default: 5]")
@click.option("--seconds", type=float, help="Of each measurement, after warming up.  [default: 15]")
@click.option("--threads", type=int, help="Of each contestant (default: one a CPU).")
@click.option("--source", help="As for train.  [default: auto]")
@click.option("--model", metavar="DIR", help="A trained model to answer with (default: one is trained first).")
@click.option("--encoder", metavar="DIR", help="The encoder to train (default: MiniLM's shape, random weights).")
@click.option("--shape", help="tiny | d256 | t5-small in place of the case's own.")
@click.option("--rows", type=int, help="Rows to answer.  [default: 400]")
@click.option("--teach", type=float, help="Seconds to train the model that answers.  [default: 60]")
@click.option("--folder", help="Where models are kept.  [default: runs/bench]")
@click.option("--json", "json_file", metavar="FILE", help="Write everything that was measured as JSON.")
@click.option("--out", metavar="FILE.md", help="Write the tables as Markdown.")
@click.pass_obj
def bench_(obj: Any, /, json_file: str | None, out: str | None, **options: Any) -> None:
    """Measure t2t beside the Hugging Face Trainer and generate: same model, rows and machine, in turn.

    Example: t2t bench --case train-glue,classify --rounds 3
    """
    from t2t.bench import Plan, bench
    from t2t.bench.table import markdown, rows, title
    from t2t.runs import write_json, write_text

    plan = Plan(**{name: value for name, value in options.items() if value is not None})
    found = bench(plan, watch=obj["screen"])
    if json_file:
        write_json(Path(json_file), found)
    if out:
        write_text(Path(out), markdown(found))
    for name, case in found["cases"].items():
        table = rows(case)
        right = [column for column in table[0] if column not in ("contestant", "note")]
        show(title(name, case), table, right=right)


@cli.command()
@JSON
def info(as_json: bool) -> None:
    """Print versions, paths and settings, to paste into an issue.

    Example: t2t info
    """
    from t2t import hub, paths
    from t2t.runs import environment

    found = environment({"task_prompts": [str(p) for p in paths.task_folders()], "data": str(paths.sample_folder())})
    found |= {"T2T_HUB": os.environ.get("T2T_HUB"), "hub": hub.endpoint(), "offline": bool(hub.offline())}
    del found["command"], found["started"]
    if as_json:
        show_json(found)
    else:
        for key, value in found.items():
            click.echo(
                f"{key}: {value if not isinstance(value, dict) else ', '.join(f'{k} {v}' for k, v in value.items())}"
            )


complete_values(cli)


# -- running ---------------------------------------------------------------------------------------------------------


def main() -> None:
    """Run the command line and exit with the code of what happened."""
    debug, stdout = "--debug" in sys.argv, sys.stdout
    # Threads soon sleep while they wait: one that spins keeps the one it waits for off a busy CPU (docs/fast.md).
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", "30000")
    if not debug:
        warnings.filterwarnings("ignore")
        os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
        os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
        os.environ.setdefault("TQDM_DISABLE", "1")
    try:
        code = cli.main(standalone_mode=False)
        sys.stdout.flush()
    except BaseException as error:
        # click ends a closed pipe with SystemExit(1), after putting another stream in place of stdout
        if isinstance(error, BrokenPipeError) or sys.stdout is not stdout:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stdout.fileno())
            sys.exit(128 + signal.SIGPIPE)
        if debug and not isinstance(error, (SystemExit, click.exceptions.Exit)):
            raise
        code = _code(error)
    sys.exit(code or 0)


def _code(error: BaseException) -> int:
    """Print one line about ``error`` and return its exit code."""
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else 1
    if isinstance(error, click.exceptions.Exit):
        return error.exit_code
    if isinstance(error, (KeyboardInterrupt, click.Abort)):
        return 128 + signal.SIGINT
    if isinstance(error, click.ClickException):
        return _say("", f"{visible(error.format_message(), 1000)} See `t2t --help`.", error.exit_code)
    if is_out_of_memory(error):
        said = "memory ran out. Lower --batch-tokens, or raise --set accumulate."
        return _say("K09", said, MemoryLimitError.exit_code)
    if isinstance(error, T2TError):
        return _say(error.code, str(error), error.exit_code)
    if isinstance(error, OSError):
        place = f"{error.filename}: " if error.filename else ""
        return _say("K04", f"{place}{error.strerror or error}", 5)
    said = f"internal: {type(error).__name__}: {visible(error)}. Run it again with --debug and report it."
    return _say("", said, 1)


def _say(code: str, text: str, exit_code: int) -> int:
    name = f" T2T-{code}" if code else ""
    click.echo(f"t2t: error{name}: {' '.join(text.split())}", err=True)
    return exit_code


if __name__ == "__main__":
    main()
