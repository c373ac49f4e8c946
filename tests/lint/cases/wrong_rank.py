import os

import torch.distributed as dist
from datasets.distributed import split_dataset_by_node
from detectron2.utils import comm
from torch.distributed.device_mesh import init_device_mesh
from torch.utils.data.distributed import DistributedSampler

from project.data import args, photographs, stream

local_rank = int(os.environ["LOCAL_RANK"])
device = f"cuda:{local_rank}"
world = dist.get_world_size()

by_machine = DistributedSampler(photographs, world, local_rank)  # found: wrong-rank
by_argument = DistributedSampler(  # found: wrong-rank
    photographs, num_replicas=world, rank=args.local_rank
)
number = local_rank
by_another_name = DistributedSampler(photographs, rank=number)  # found: wrong-rank
part = split_dataset_by_node(stream, rank=local_rank, world_size=world)  # found: wrong-rank

by_rank = DistributedSampler(photographs, num_replicas=world, rank=dist.get_rank())
by_default = DistributedSampler(photographs)

models = init_device_mesh("cuda", (2, 4), mesh_dim_names=("dp", "tp"))["dp"]
by_model = DistributedSampler(
    photographs, num_replicas=models.size(), rank=models.get_local_rank()
)
model = models.get_local_rank()
by_number_of_model = DistributedSampler(photographs, models.size(), model)
in_machine = comm.get_local_rank()
by_module = DistributedSampler(photographs, world, in_machine)  # found: wrong-rank
