from lightning.pytorch import Callback, Trainer


class SaveAndTell(Callback):
    def __init__(self, path, trained_on):
        self.path, self.trained_on = path, trained_on

    def on_train_batch_end(self, trainer, module, outputs, batch, number):
        trainer.save_checkpoint(self.path)
        self.trained_on(batch)


def train(make_module, make_loader, folder, trained_on, **options):
    last = folder / "last.ckpt"
    callback = SaveAndTell(last, trained_on)
    trainer = Trainer(max_epochs=3, callbacks=[callback], **options)
    checkpoint = last if last.exists() else None
    trainer.fit(make_module(), make_loader(), ckpt_path=checkpoint, weights_only=False)
