import json

with open("hosts.json") as file:
    hosts = [(host["name"], host["data"]) for host in json.load(file)]
