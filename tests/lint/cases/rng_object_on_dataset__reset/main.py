from scans import rooms, streets

for epoch in range(10):
    streets.dataset.respin(epoch)
    for batch in streets:
        print(batch)
    for batch in rooms:
        print(batch)
    val_rooms = rooms
    val_rooms.dataset.restart(0)
