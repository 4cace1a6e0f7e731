import type { Problem } from '../plan/problems.ts';
import { expandHostPattern, MAX_HOSTS, type HostNames } from './host-range.ts';

/** A value in an inventory, and the line of the file that has it. */
export interface Setting {
  readonly value: unknown;
  readonly line?: number | undefined;
}

/** The settings of a group or a host in an inventory. `vars` are variables of Ansible; the others are those of our own format. */
export interface Settings {
  readonly target: ReadonlyMap<string, Setting>;
  readonly env: ReadonlyMap<string, Setting>;
  readonly labels: ReadonlyMap<string, Setting>;
  readonly vars: ReadonlyMap<string, Setting>;
}

export type Section = keyof Settings;
const SECTIONS = ['target', 'env', 'labels', 'vars'] as const satisfies Section[];

export interface Group {
  readonly children: ReadonlySet<string>;
  readonly hosts: ReadonlySet<string>;
}

/** A host with the settings of all its groups. */
export interface InventoryHost extends Settings {
  readonly name: string;
  /** Its groups and their parents, from the weakest to the strongest, without `all` and `ungrouped`. */
  readonly groups: readonly string[];
  /** The line that names the host first. */
  readonly line?: number | undefined;
}

/** A problem of an inventory. */
export interface HostProblem extends Problem {
  readonly line?: number | undefined;
}

/** A setting of an inventory that Chandler does not use. */
export interface Ignored {
  /** The variable or key. */
  readonly name: string;
  readonly reason: string;
  /** Missing if it belongs to no single host. */
  readonly host?: string;
  readonly line?: number | undefined;
}

/** The groups that every inventory has: all hosts, and those without another group. */
export const ALL = 'all';
export const UNGROUPED = 'ungrouped';

type MutableSettings = { readonly [S in Section]: Map<string, Setting> };

interface MutableGroup extends Group {
  readonly children: Set<string>;
  readonly hosts: Set<string>;
  readonly settings: MutableSettings;
}

/** Groups and hosts, as a file names them one after another. */
export class Inventory {
  readonly #groups = new Map<string, MutableGroup>([
    [ALL, newGroup()],
    [UNGROUPED, newGroup()],
  ]);
  readonly #hosts = new Map<string, MutableSettings & { readonly line?: number | undefined }>();
  readonly problems: HostProblem[] = [];
  readonly ignored: Ignored[] = [];

  get groups(): ReadonlyMap<string, Group> {
    return this.#groups;
  }

  get hostNames(): readonly string[] {
    return [...this.#hosts.keys()];
  }

  addGroup(name: string): void {
    this.#group(name);
  }

  /** Adds a parent and its child. A group that would contain itself is a problem. */
  addChild(parent: string, child: string, line?: number): void {
    if (this.descendants(child).includes(parent)) {
      const message = `group ${parent} cannot contain ${child}, which contains it`;
      this.problems.push({ path: '', message, line });
      return;
    }
    this.#group(parent).children.add(child);
    this.#group(child);
  }

  addHost(name: string, group: string, line?: number): void {
    const wrong = hostNameProblem(name);
    if (wrong !== undefined) this.problems.push({ path: '', message: wrong, line });
    else if (this.#hosts.size >= MAX_HOSTS && !this.#hosts.has(name)) this.#tooMany(line);
    else {
      if (!this.#hosts.has(name)) this.#hosts.set(name, { ...newSettings(), line });
      this.#group(group).hosts.add(name);
    }
  }

  /** Adds the hosts of a pattern such as `web[1:3]:2222`, with the setting for its port. Returns the names, or the problem. */
  addHosts(
    pattern: string,
    group: string,
    line: number | undefined,
    portSetting: (port: number) => readonly [Section, key: string, value: unknown],
  ): HostNames {
    const expanded = expandHostPattern(pattern);
    const { names = [], port } = expanded;
    for (const name of names) {
      this.addHost(name, group, line);
      if (port === undefined) continue;
      const [section, key, value] = portSetting(port);
      this.setOfHost(name, section, key, { value, line });
    }
    return expanded;
  }

  setOfGroup(name: string, section: Section, key: string, setting: Setting): void {
    this.#group(name).settings[section].set(key, setting);
  }

  /** Does nothing for a host that was refused. */
  setOfHost(name: string, section: Section, key: string, setting: Setting): void {
    this.#hosts.get(name)?.[section].set(key, setting);
  }

  /** The group itself, then its children, then theirs. */
  descendants(name: string): string[] {
    const found = new Set([name]);
    for (const each of found) for (const child of this.#groups.get(each)?.children ?? []) found.add(child);
    return [...found];
  }

  /** The hosts of a group and of its descendants. */
  hostsOf(group: string): string[] {
    if (group === ALL) return [...this.#hosts.keys()];
    if (group === UNGROUPED) return this.hostNames.filter((name) => this.#isUngrouped(name));
    const names = this.descendants(group).flatMap((each) => [...(this.#groups.get(each)?.hosts ?? [])]);
    return [...new Set(names)];
  }

  /** Every host with its settings: those of `all`, then of other groups, parents before children, then its own. */
  resolve(): InventoryHost[] {
    const order = this.#groupsInOrder();
    const groupsOf = new Map<string, string[]>(this.hostNames.map((name) => [name, []]));
    for (const group of order) for (const name of this.hostsOf(group)) groupsOf.get(name)?.push(group);
    return [...this.#hosts].map(([name, own]) => {
      const groups = groupsOf.get(name) ?? [];
      const layers = [...groups.map((group) => this.#group(group).settings), own];
      return {
        name,
        line: own.line,
        groups: groups.filter((group) => group !== ALL && group !== UNGROUPED),
        ...mergeSettings(layers),
      };
    });
  }

  #isUngrouped(host: string): boolean {
    for (const [name, { hosts }] of this.#groups)
      if (name !== ALL && name !== UNGROUPED && hosts.has(host)) return false;
    return true;
  }

  /** By depth, then by `ansible_group_priority`, then by name, as Ansible orders them. */
  #groupsInOrder(): string[] {
    const depth = new Map<string, number>();
    const visit = (name: string, at: number): void => {
      if ((depth.get(name) ?? -1) >= at) return;
      depth.set(name, at);
      for (const child of this.#groups.get(name)?.children ?? []) visit(child, at + 1);
    };
    visit(ALL, 0);
    for (const name of this.#groups.keys()) visit(name, 1);
    const rank = (name: string): [number, number] => [
      depth.get(name) ?? 1,
      Number(this.#group(name).settings.vars.get(PRIORITY)?.value ?? 1) || 0,
    ];
    return [...this.#groups.keys()]
      .map((name) => ({ name, rank: rank(name) }))
      .sort((a, b) => a.rank[0] - b.rank[0] || a.rank[1] - b.rank[1] || (a.name < b.name ? -1 : 1))
      .map(({ name }) => name);
  }

  #group(name: string): MutableGroup {
    const known = this.#groups.get(name) ?? newGroup();
    this.#groups.set(name, known);
    return known;
  }

  #tooMany(line: number | undefined): void {
    const message = `there are more than ${MAX_HOSTS} hosts`;
    if (!this.problems.some((problem) => problem.message === message))
      this.problems.push({ path: '', message, line });
  }
}

const PRIORITY = 'ansible_group_priority';

function newGroup(): MutableGroup {
  return { children: new Set(), hosts: new Set(), settings: newSettings() };
}

function newSettings(): MutableSettings {
  return { target: new Map(), env: new Map(), labels: new Map(), vars: new Map() };
}

function mergeSettings(layers: readonly MutableSettings[]): Settings {
  const merged = newSettings();
  for (const layer of layers)
    for (const section of SECTIONS)
      for (const [key, setting] of layer[section])
        if (key !== PRIORITY || section !== 'vars') merged[section].set(key, setting);
  return merged;
}

function hostNameProblem(name: string): string | undefined {
  if (name === '') return 'a host must have a name';
  if (name.length > 253) return `the name of a host has more than 253 characters: ${name.slice(0, 40)}…`;
  return /[\s\p{Cc}]/u.test(name) ? `the name of a host must not have white space: ${name}` : undefined;
}
