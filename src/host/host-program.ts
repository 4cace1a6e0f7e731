import { sh } from '../shell/index.ts';
import { call, readReply, type CallOptions, type Reply } from '../ssh/call.ts';
import type { Executor } from '../ssh/executor.ts';
import { explainSilence } from '../ssh/explain-silence.ts';
import type { Answer } from '../ssh/frames.ts';
import { upload } from '../ssh/upload.ts';
import type { Programs } from './programs.ts';

/** The program that does Chandler's work on a host. It is installed again if it is missing. */
export class HostProgram {
  readonly supervisorPath: string;
  readonly #stateDir: string;
  readonly #executor: Executor;
  readonly #programs: Programs;

  constructor(executor: Executor, programs: Programs, stateDir: string) {
    this.#executor = executor;
    this.#programs = programs;
    this.#stateDir = stateDir;
    this.supervisorPath = this.#pathOf(programs.supervise.name);
  }

  /**
   * Installs the program and the supervisor. A file's name contains the hash of its content, so an existing file is the right
   * one.
   */
  async install(): Promise<void> {
    const programs = [this.#programs.supervise, this.#programs.host];
    await upload(
      this.#executor,
      programs.map(({ name, text }) => ({ path: this.#pathOf(name), content: text })),
    );
  }

  /**
   * Calls a subcommand.
   *
   * @throws ChandlerError as {@link readReply}, or what the executor throws
   */
  async ask(
    subcommand: string,
    args: readonly string[],
    options: CallOptions = {},
  ): Promise<readonly Answer[]> {
    let reply = await this.#call(subcommand, args, options);
    const { begun, damaged, outcome, printed } = reply;
    // A command ran to its end, but it was not the program.
    if (outcome.kind === 'exited' && !begun && !damaged) {
      const how = `exit ${outcome.code}`;
      const interference = await explainSilence(this.#executor, `${subcommand}: `, how, printed);
      if (interference) throw interference;
      // The program or the whole state directory may be missing. Every subcommand is safe to repeat.
      await this.#executor.exec(sh('sh', '-c', 'umask 077; mkdir -p "$1"', 'sh', this.#pathOf('')));
      await this.install();
      reply = await this.#call(subcommand, args, options);
    }
    return readReply(this.#executor, subcommand, reply);
  }

  async #call(subcommand: string, args: readonly string[], options: CallOptions): Promise<Reply> {
    const program = this.#pathOf(this.#programs.host.name);
    const command = (token: string) => sh('sh', program, token, this.#stateDir, subcommand, ...args);
    return call(this.#executor, command, options);
  }

  #pathOf(name: string): string {
    return `${this.#stateDir}/bin/${name}`;
  }
}
