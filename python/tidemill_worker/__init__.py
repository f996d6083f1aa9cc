"""The Python half of the worker: forks, warms, watches and ends the processes of tasks.

Standard library alone, Python 3.9 and later, so that it runs inside any environment a task asks
for. """
