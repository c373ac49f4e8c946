from accelerate import Accelerator
from accelerate.utils import set_seed


def train(make_loader, folder, trained_on, **options):
    set_seed(0)
    accelerator = Accelerator(**options)
    loader = accelerator.prepare(make_loader())
    position, first, done = folder / "position", 0, 0
    if position.exists():
        accelerator.load_state(folder)
        first, done = divmod(int(position.read_text()), len(loader))
    accelerator.wait_for_everyone()  # else a slow rank finds the next position
    for epoch in range(first, 3):
        loader.set_epoch(epoch)
        rest = accelerator.skip_first_batches(loader, done)
        for batch in rest:
            # Train on the batch here.
            done += 1
            accelerator.save_state(folder)
            if accelerator.is_main_process:
                position.write_text(str(epoch * len(loader) + done))
            trained_on(batch)
        done = 0
