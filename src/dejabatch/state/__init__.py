"""What a process holds: objects, generators, open files and shared memory."""
