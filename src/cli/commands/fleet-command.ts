import { type Command, Option } from 'commander';
import { hostStates } from '../../domain/fleet/host-tally.ts';
import { withRolloutOptions } from '../fleet/rollout-options.ts';
import { withPlanOptions } from '../hosts/hosts-options.ts';
import { withRunOptions } from '../input/run-options.ts';
import { describe } from '../manual.ts';
import { type Act, describeServerCommand, lazily, PLAN_ARGUMENT } from './act.ts';
import { addFleetActions } from './fleet-action-commands.ts';
import { withFollowOptions } from './up-command.ts';

const NAME = 'of the fleet';

export function addFleet(program: Command, act: Act): void {
  const fleet = program.command('fleet');
  describe(fleet, {
    group: 'Provision:',
    summary: 'roll a plan out to many hosts, wave by wave',
    about: `A fleet is one durable rollout of a plan to the hosts of an inventory: in waves, with a bounded number of hosts at the same time, and an error budget. The run of each host is an ordinary run, with its usual id. See docs/fleets.md.`,
    examples: {
      'chandler fleet up web.yaml --hosts hosts.yaml --waves 1,5,20% --pause promote --max-failures 2%':
        'A canary, five hosts, then a fifth at a time.',
      'chandler fleet promote web': 'Start the next wave.',
      'chandler fleet watch web': 'Follow it live.',
    },
    seeAlso: ['fleet up', 'fleet status', 'fleet watch', 'up'],
  });
  addUpFleet(fleet, act);
  addViews(fleet, act);
  addFleetActions(fleet, act);
}

function addUpFleet(fleet: Command, act: Act): void {
  const up = fleet
    .command('up')
    .argument('<plan>', PLAN_ARGUMENT)
    .option('--no-preflight', 'do not inspect the hosts of the first wave before')
    .action(act.untilStopped(lazily(async () => (await import('../fleet/up-fleet.ts')).upFleet)));
  describeServerCommand(withFollowOptions(withRolloutOptions(withRunOptions(withPlanOptions(up)))), {
    summary: 'start a rollout and follow it live',
    about: `Validates the plan with the values of every host, and inspects the hosts of the first wave: whether each can be reached and is free, and whether the worker has the keys, secrets and files of the plan. All problems appear in one table, and nothing has changed by then. Then it starts the fleet, and shows it until it is over. The server and the workers carry it out: it continues when this command ends.

A host counts as failed once its run has failed, or needs attention. When more hosts have failed than --max-failures allows, nothing new starts, running hosts finish, and the fleet needs attention. On a terminal this command keeps following; elsewhere it exits with 3 once nothing can continue without an operator.

A second rollout under the same name is refused while one is at work.`,
    examples: {
      'chandler fleet up web.yaml --hosts hosts.yaml': 'All hosts in one wave; the first failure stops it.',
      'chandler fleet up web.yaml --hosts hosts.yaml --waves 1,5,20% --pause promote':
        'A canary, five hosts, then a fifth at a time, each after `chandler fleet promote web`.',
      'chandler fleet up web.yaml --hosts hosts.yaml --waves label=zone --pause 10m --max-wave-failures 1':
        'Zone by zone, the smallest first.',
      'chandler fleet up web.yaml --hosts hosts.yaml --limit "web:!web3" --concurrency 50 --max-failures 5%':
        'A part of the inventory, 50 hosts at the same time.',
    },
    exits: {
      provisioned: 'every host is done',
      failed: 'some hosts failed, or the preflight found problems',
      parked: 'the fleet needs attention, and this command no longer follows',
      aborted: 'the fleet was aborted, cancelled or terminated',
      unreachable: 'no Temporal server answers',
      interrupted: 'left by q or Ctrl-C; the fleet continues',
    },
    seeAlso: ['fleet watch', 'fleet promote', 'fleet retry', 'hosts', 'validate'],
  });
}

function addViews(fleet: Command, act: Act): void {
  const status = fleet
    .command('status')
    .argument('[fleet]', 'its name; without it all fleets are listed')
    .option('--json', 'as JSON')
    .action(act(lazily(async () => (await import('../fleet/show-fleet.ts')).showFleet)));
  describeServerCommand(status, {
    summary: 'show a fleet, or list the fleets',
    about:
      'Shows where a fleet is: its hosts by state, its waves, the hosts to inspect first, and what it needs from you. The numbers always add up to the hosts of the fleet.',
    examples: { 'chandler fleet status': 'All fleets.', 'chandler fleet status web': 'One fleet.' },
    exits: { failed: 'no worker answers', usage: 'wrong usage, or no such fleet' },
    seeAlso: ['fleet watch', 'fleet hosts', 'fleet report'],
  });
  const watch = withFollowOptions(
    fleet
      .command('watch')
      .argument('<fleet>', NAME)
      .action(act.untilStopped(lazily(async () => (await import('../fleet/show-fleet.ts')).watchFleet))),
  );
  describeServerCommand(watch, {
    summary: 'follow a fleet live',
    about:
      'Shows a fleet on the whole screen until it is over: its waves, its pace and the time that is left, and below them the runs of its hosts, those that need attention first. Enter opens a run, Esc goes back; the keys are those of `watch`, q leaves. Without a terminal it prints a line for each change.',
    examples: { 'chandler fleet watch web': 'q leaves it; the fleet continues.' },
    exits: {
      provisioned: 'every host is done',
      failed: 'some hosts failed',
      parked: 'with --no-wait: the fleet needs attention',
      aborted: 'the fleet was aborted, cancelled or terminated',
      interrupted: 'left by q or Ctrl-C; the fleet continues',
    },
    seeAlso: ['fleet status', 'watch'],
  });
  const hosts = fleet
    .command('hosts')
    .argument('<fleet>', NAME)
    .addOption(
      new Option('--state <state...>', 'only hosts in these states').choices(
        hostStates.filter((state) => state !== 'overdue'),
      ),
    )
    .option('--json', 'as JSON')
    .action(act(lazily(async () => (await import('../fleet/show-fleet.ts')).showFleetHosts)));
  describeServerCommand(hosts, {
    summary: 'list the hosts of a fleet',
    about: 'Lists every host in the order of the rollout: its state, its wave, why it failed, and its run.',
    examples: {
      'chandler fleet hosts web --state failed': 'Those that failed.',
      'chandler fleet hosts web --json | jq -r \'.[] | select(.state == "failed").name\'': 'Their names.',
    },
    exits: { failed: 'no worker answers', usage: 'wrong usage, or no such fleet' },
    seeAlso: ['fleet status', 'fleet retry', 'fleet skip'],
  });
  const report = fleet
    .command('report')
    .argument('<fleet>', NAME)
    .addOption(
      new Option('--format <format>', 'of the report (default: markdown)').choices([
        'json',
        'markdown',
        'csv',
        'junit',
      ]),
    )
    .option('--output <file>', 'write it to a file (default: standard output)')
    .action(act(lazily(async () => (await import('../fleet/report-fleet.ts')).reportFleet)));
  describeServerCommand(report, {
    summary: 'write a report with every host',
    about: 'Writes the state of a fleet and of each of its hosts as JSON, Markdown, CSV or JUnit.',
    examples: {
      'chandler fleet report web --format csv --output web.csv': 'For a spreadsheet.',
      'chandler fleet report web --format junit --output web.xml': 'For a CI system.',
    },
    exits: { failed: 'no worker answers', usage: 'wrong usage, or no such fleet' },
    seeAlso: ['fleet status', 'fleet hosts'],
  });
}
