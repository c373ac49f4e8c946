from train import make_loader


def test_each_epoch_has_a_new_order(dejabatch):
    dejabatch.assert_epochs_differ(make_loader)
