import { sh } from '../shell/index.ts';
import type { ExecOptions, Executor, Outcome } from '../ssh/executor.ts';
import { parseAnswer, readAnswers, type Answer } from './answers.ts';
import type { Programs } from './programs.ts';

/** Puts a file on the host, whole or not at all. */
export type Upload = (file: { path: string; content: string; mode: number }) => Promise<void>;

/** Lines of ours that are kept: a program says one for each launch it is asked for, and a login may say more. */
const MAX_ANSWERS = 512;
/** Characters of them. */
const MAX_ANSWERS_LENGTH = 4_000_000;

/** The program on one host that does everything there. It is installed when it turns out to be missing. */
export class HostProgram {
  /** Where the supervisor of launches lies. */
  readonly supervisorPath: string;
  readonly #stateDir: string;
  readonly #executor: Executor;
  readonly #programs: Programs;
  readonly #upload: Upload;

  constructor(executor: Executor, programs: Programs, upload: Upload, stateDir: string) {
    this.#executor = executor;
    this.#programs = programs;
    this.#upload = upload;
    this.#stateDir = stateDir;
    this.supervisorPath = this.#pathOf(programs.supervise.name);
  }

  /** Installs it and the supervisor. Their names tell their content, so those already there are right. */
  async install(): Promise<void> {
    for (const { name, text } of [this.#programs.supervise, this.#programs.host]) {
      await this.#upload({ path: this.#pathOf(name), content: text, mode: 0o700 });
    }
  }

  /**
   * Calls a subcommand. `options.onLine` gets lines of progress only.
   *
   * @throws ChandlerError as {@link readAnswers}, or what the executor throws
   */
  async ask(
    subcommand: string,
    args: readonly string[],
    options?: ExecOptions,
  ): Promise<{ answers: Answer[]; stdout: string }> {
    const answers: Answer[] = [];
    const lengths: number[] = [];
    let room = MAX_ANSWERS_LENGTH;
    const onLine = (line: string) => {
      const answer = parseAnswer(line);
      if (answer?.['progress'] !== undefined) options?.onLine?.(line);
      else if (answer) {
        answers.push(answer);
        lengths.push(line.length);
        room -= line.length;
        for (; room < 0 || answers.length > MAX_ANSWERS; answers.shift()) room += lengths.shift() ?? 0;
      }
    };
    let outcome = await this.#run(subcommand, args, { ...options, onLine });
    if (answers.length === 0 && programIsMissing(outcome)) {
      await this.install();
      outcome = await this.#run(subcommand, args, { ...options, onLine });
    }
    readAnswers(outcome, subcommand, answers);
    return { answers, stdout: outcome.kind === 'exited' ? outcome.stdout : '' };
  }

  async #run(subcommand: string, args: readonly string[], options: ExecOptions): Promise<Outcome> {
    const program = this.#pathOf(this.#programs.host.name);
    return this.#executor.exec(sh('sh', program, this.#stateDir, subcommand, ...args), options);
  }

  #pathOf(name: string): string {
    return `${this.#stateDir}/bin/${name}`;
  }
}

/** A shell that cannot open its program says so with 2 (dash, busybox) or 127 (bash), and nothing of it has run. */
function programIsMissing(outcome: Outcome): boolean {
  return (
    outcome.kind === 'exited' &&
    (outcome.code === 2 || outcome.code === 127) &&
    /open|No such file/i.test(outcome.stderr)
  );
}
