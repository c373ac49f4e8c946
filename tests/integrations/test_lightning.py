"""The callback for Lightning, in real trainers."""

import doctest
import socket
from importlib import import_module

import pytest
import torch
from integration_loaders import Edited, Locked, Model, Rows, load
from test_doctests import assert_has_example, assert_is_described, with_methods

from dejabatch import FindingsError
from dejabatch.integrations import AuditWarning

pytestmark = pytest.mark.filterwarnings(
    "default", "error::dejabatch.integrations.AuditWarning"
)


def audit_callback(**options):
    """Return a callback; forks of a process with Lightning take twice as long."""
    return import_module("dejabatch.integrations.lightning").Audit(**options)


def losses(loaders, folder, *callbacks):
    pl = import_module("lightning.pytorch")

    class Linear(pl.LightningModule):
        def __init__(self):
            super().__init__()
            self.model, self.losses = Model(), []

        def training_step(self, batch, number):
            batches = batch.values() if "x" not in batch else [batch]
            loss = sum(self.model(**one)["loss"] for one in batches)
            self.losses.append(loss.item())
            return loss

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), 0.1)

    pl.seed_everything(1, verbose=False)
    module = Linear()
    trainer = pl.Trainer(
        accelerator="cpu",
        max_epochs=2,
        callbacks=list(callbacks),
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=folder,
    )
    trainer.fit(module, loaders)
    return module.losses


def test_docstring():
    for value in with_methods("dejabatch.integrations.lightning.Audit").values():
        assert_has_example(value)
        assert_is_described(value)


def test_examples():
    assert (
        doctest.testmod(import_module("dejabatch.integrations.lightning")).failed == 0
    )


def test_training_goes_on_as_without_the_callback(tmp_path):
    expected = losses(load(Edited()), tmp_path)
    with pytest.warns(AuditWarning, match=r"^audit of train_dataloader\n.*1 error"):
        assert losses(load(Edited()), tmp_path, audit_callback()) == expected
    assert len(expected) == 6


def test_nothing_is_said_about_a_healthy_loader(tmp_path):
    assert len(losses(load(Rows()), tmp_path, audit_callback(on_finding="raise"))) == 6


def test_error_comes_before_the_first_step(tmp_path):
    dataset = Edited()
    before = dataset.rows.clone()
    with pytest.raises(FindingsError, match="inplace_edit"):
        losses(load(dataset), tmp_path, audit_callback(on_finding="raise"))
    assert torch.equal(dataset.rows, before)


def test_each_of_several_loaders_is_named(tmp_path):
    loaders = {"one": load(Rows()), "other": load(Edited())}
    with pytest.warns(
        AuditWarning, match=r"train_dataloader\['other'\]\ndejabatch: 1 error"
    ):
        losses(loaders, tmp_path, audit_callback())


def test_loader_that_cannot_be_audited_is_trained_on(tmp_path):
    one, other = socket.socketpair()
    with one, other:
        loader = load(Locked(one))
        with pytest.warns(
            AuditWarning, match=r"no audit of train_dataloader: .*dataset\.connection"
        ):
            assert len(losses(loader, tmp_path, audit_callback())) == 6
        with pytest.raises(ValueError, match=r"dataset\.connection"):
            losses(loader, tmp_path, audit_callback(on_finding="raise"))


def test_options_are_those_of_audit(tmp_path):
    callback = audit_callback(on_finding="raise", checks=["drop-last"])
    assert len(losses(load(Edited()), tmp_path, callback)) == 6


def test_bad_argument_is_named():
    with pytest.raises(ValueError, match="on_finding must be 'warn' or 'raise'"):
        audit_callback(on_finding="ignore")
