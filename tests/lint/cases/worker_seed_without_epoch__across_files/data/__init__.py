from .workers import seed_worker
