class Trainer:
    def __init__(self, train_loader, validation_loader):
        self.train_loader = train_loader
        self.validation_loader = validation_loader

    def fit(self):
        while True:
            for batch in self.train_loader:
                self.step(batch)
