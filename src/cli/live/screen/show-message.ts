import { oneLine } from '../../../domain/text/plain-text.ts';
import type { State } from './model.ts';

const SHOWN_MS = 8000;

/** Shows a line at the bottom of the screen for a while. */
export function showMessage(state: State, text: string): State {
  return { ...state, message: { text: oneLine(text), untilMs: state.nowMs + SHOWN_MS } };
}
