import { type Command, Option } from 'commander';
import {
  type Act,
  describeServerCommand,
  lazily,
  PLAN_ARGUMENT,
  withTargetOption,
  withValueOptions,
} from './act.ts';
import { withSshConfigOption } from '../hosts/ssh-config-option.ts';
import { describe, type Manual } from '../manual.ts';

export function addSchedule(program: Command, act: Act): void {
  const schedule = program.command('schedule');
  describe(schedule, {
    group: 'Plans:',
    summary: 'check hosts for drift regularly',
    about:
      'Schedules of the Temporal server that compare a host with a plan, as `drift` does, and notify when it has drifted, or when that cannot be found out. They never change a host. The same finding is notified once. Notifications are those of the worker: see docs/worker.md.',
    examples: {
      'chandler schedule create web.yaml --every 1h': 'Check the host of a plan each hour.',
      'chandler schedule list': 'All schedules, and what they found last.',
    },
    seeAlso: ['drift', 'schedule create', 'schedule list'],
  });
  addCreate(schedule, act);
  const list = schedule
    .command('list')
    .option('--json', 'as JSON')
    .action(act(lazily(async () => (await import('../drift/run-schedule.ts')).listSchedules)));
  describeServerCommand(list, {
    summary: 'show the schedules, and what they found last',
    about: 'Shows each schedule that checks for drift: when it checks next, and what its latest check found.',
    examples: {
      'chandler schedule list': 'As a table.',
      'chandler schedule list --json | jq -r \'.[] | select(.last.outcome == "drifted").host\'':
        'The hosts that have drifted.',
    },
    seeAlso: ['schedule create', 'drift'],
  });
  for (const name of ['pause', 'resume', 'remove'] as const) addChange(schedule, act, name);
}

function addCreate(schedule: Command, act: Act): void {
  const create = schedule
    .command('create')
    .argument('<plan>', PLAN_ARGUMENT)
    .addOption(new Option('--every <duration>', 'check in this interval: 1h, 30m, 1d').conflicts('cron'))
    .option('--cron <expression>', 'check at these times, in UTC; CRON_TZ=ZONE before it sets another zone')
    .option('--id <id>', 'the id of the schedule (default: drift:HOST:PORT:PLAN)')
    .option('--json', 'as JSON')
    .action(act(lazily(async () => (await import('../drift/run-schedule.ts')).createSchedule)));
  describeServerCommand(withValueOptions(withTargetOption(withSshConfigOption(create))), {
    summary: 'create a schedule, or change the plan and times of one',
    about:
      'Stores the plan, as it is now, in a schedule of the Temporal server, which checks the host for drift in an interval or at the times of a cron expression. A schedule with the same id gets the new plan and times; if it is paused, it stays paused. A check is left out while the one before it still runs.',
    examples: {
      'chandler schedule create web.yaml --every 1h': 'Each hour.',
      "chandler schedule create web.yaml --cron 'CRON_TZ=Europe/Berlin 0 6 * * 1-5'":
        'At six in the morning, from Monday to Friday.',
      'chandler schedule create preset:docker --target root@web1 --every 1d --id web1':
        'A ready-made plan, under another id.',
    },
    exits: { usage: 'wrong usage, a bad plan, times that are not valid, or the id of another schedule' },
    seeAlso: ['schedule list', 'schedule remove', 'drift'],
  });
}

const CHANGES: Readonly<
  Record<'pause' | 'resume' | 'remove', Pick<Manual, 'summary' | 'about' | 'seeAlso'>>
> = {
  pause: {
    summary: 'stop the checks of a schedule until it is resumed',
    about: 'Starts no further check. A check that is running ends by itself.',
    seeAlso: ['schedule resume', 'schedule list'],
  },
  resume: {
    summary: 'continue a paused schedule',
    about: 'Checks the host again from the next time of the schedule on. Times in between are left out.',
    seeAlso: ['schedule pause', 'schedule list'],
  },
  remove: {
    summary: 'remove a schedule',
    about: 'Removes the schedule. A check that is running ends by itself; nothing changes on the host.',
    seeAlso: ['schedule create', 'schedule pause'],
  },
};

function addChange(schedule: Command, act: Act, name: keyof typeof CHANGES): void {
  const change = schedule.command(name).argument('<id>', 'of the schedule');
  if (name !== 'remove') change.option('--reason <text>', 'shown in the list');
  change.option('--json', 'as JSON').action(
    act(
      lazily<[string, { reason?: string; json?: boolean }]>(async () => {
        const { changeSchedule } = await import('../drift/run-schedule.ts');
        return (context, id, options) => changeSchedule(context, name, id, options);
      }),
    ),
  );
  describeServerCommand(change, {
    ...CHANGES[name],
    examples: {
      [`chandler schedule ${name} drift:web1:22:web`]: 'The default id for the plan `web` on web1.',
    },
    exits: { usage: 'wrong usage, or no such schedule' },
  });
}
