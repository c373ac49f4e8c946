from transformers import Trainer, TrainerCallback, TrainingArguments
from transformers.trainer_utils import get_last_checkpoint


class KeepsBatch(Trainer):
    def training_step(self, model, inputs, *arguments):
        self.batch = inputs
        return super().training_step(model, inputs, *arguments)


class Tell(TrainerCallback):
    def __init__(self, trained_on):
        self.trained_on = trained_on

    def on_save(self, arguments, state, control, **_):
        self.trained_on(self.trainer.batch)


def train(make_model, dataset, folder, trained_on, callbacks=(), **options):
    tell = Tell(trained_on)
    arguments = TrainingArguments(
        str(folder), num_train_epochs=3, save_steps=1, save_total_limit=2, **options
    )
    tell.trainer = KeepsBatch(
        make_model(), arguments, train_dataset=dataset, callbacks=[tell, *callbacks]
    )
    tell.trainer.train(resume_from_checkpoint=get_last_checkpoint(str(folder)))
