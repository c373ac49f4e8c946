"""The callback for the trainer of transformers, in real trainers."""

import doctest
from importlib import import_module

import pytest
import torch
from integration_loaders import Edited, Model, Rows
from test_doctests import assert_has_example, assert_is_described, with_methods

from dejabatch import FindingsError
from dejabatch.integrations import AuditWarning

pytestmark = pytest.mark.filterwarnings(
    "default", "error::dejabatch.integrations.AuditWarning"
)


def audit_callback(**options):
    """Return a callback; forks of a process with transformers take twice as long."""
    return import_module("dejabatch.integrations.transformers").AuditCallback(**options)


def losses(dataset, folder, *callbacks):
    transformers = import_module("transformers")

    class Losses(transformers.TrainerCallback):
        def __init__(self):
            self.logged = []

        def on_log(self, args, state, control, logs=None, **objects):
            self.logged += [logs["loss"]] if "loss" in logs else []

    torch.manual_seed(1)
    arguments = transformers.TrainingArguments(
        folder,
        use_cpu=True,
        report_to=[],
        per_device_train_batch_size=4,
        num_train_epochs=2,
        logging_steps=1,
        save_strategy="no",
        disable_tqdm=True,
        seed=1,
    )
    seen = Losses()
    trainer = transformers.Trainer(
        Model(), arguments, train_dataset=dataset, callbacks=[seen, *callbacks]
    )
    trainer.train()
    return seen.logged


def test_docstring():
    for value in with_methods(
        "dejabatch.integrations.transformers.AuditCallback"
    ).values():
        assert_has_example(value)
        assert_is_described(value)


def test_examples():
    assert (
        doctest.testmod(import_module("dejabatch.integrations.transformers")).failed
        == 0
    )


def test_training_goes_on_as_without_the_callback(tmp_path):
    expected = losses(Edited(), tmp_path)
    with pytest.warns(AuditWarning, match=r"^audit of train_dataloader\n.*1 error"):
        assert losses(Edited(), tmp_path, audit_callback()) == expected
    assert len(expected) == 6


def test_nothing_is_said_about_a_healthy_loader(tmp_path):
    assert len(losses(Rows(), tmp_path, audit_callback(on_finding="raise"))) == 6


def test_error_comes_before_the_first_step(tmp_path):
    dataset = Edited()
    before = dataset.rows.clone()
    with pytest.raises(FindingsError, match="inplace_edit"):
        losses(dataset, tmp_path, audit_callback(on_finding="raise"))
    assert torch.equal(dataset.rows, before)


def test_bad_argument_is_named():
    with pytest.raises(ValueError, match="on_finding must be 'warn' or 'raise'"):
        audit_callback(on_finding="ignore")
