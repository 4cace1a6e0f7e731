import { InvalidArgumentError } from 'commander';

/** Returns a parser for a command-line number of at least `least`. */
export const atLeast =
  (least: number) =>
  (text: string): number => {
    const value = Number(text);
    if (!(value >= least) || text.trim() === '')
      throw new InvalidArgumentError(`must be a number, at least ${least}`);
    return value;
  };
