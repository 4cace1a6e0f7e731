import json

from pyinfra.operations import server

with open("work.json") as file:
    work = json.load(file)

for name, script in work["steps"].items():
    server.shell(name=f"Step {name}", commands=[script])
server.shell(name="Finalizer", commands=[work["finalizer"]])
server.shell(name="Sentinel", commands=[work["sentinel"]])
