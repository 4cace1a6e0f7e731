#!/bin/sh
# Creates the namespace and registers Chandler's search attributes. Safe to repeat.
set -eu
tries=0
until temporal operator cluster health; do
  tries=$((tries + 1))
  [ "$tries" -lt 60 ] || exit 1
  sleep 1
done
temporal operator namespace describe -n default >/dev/null 2>&1 ||
  temporal operator namespace create -n default --retention 72h
known=$(temporal operator search-attribute list -n default)
for attribute in ChandlerHost=Keyword ChandlerPlan=Keyword ChandlerPhase=Keyword ChandlerFleet=Keyword \
  ChandlerAttention=Bool ChandlerLabels=KeywordList; do
  name=${attribute%=*}
  case $known in
    *"$name"*) ;;
    *) temporal operator search-attribute create -n default --name "$name" --type "${attribute#*=}" ;;
  esac
done
