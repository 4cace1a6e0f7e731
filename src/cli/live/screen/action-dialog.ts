import { actions, actionsByKey, type ActionInput, type ActionName } from '../../../domain/run/actions.ts';
import { describeState } from '../../../domain/run/status.ts';
import { isDuration } from '../../../domain/text/duration.ts';
import type { Key } from './key.ts';
import { isOver, type RunView } from '../live-runs.ts';
import { withoutEffects, type ActionRequest, type Dialog, type State, type Updated } from './model.ts';
import { selectedPart, selectedRun, shownParts } from './selection.ts';
import { showMessage } from './show-message.ts';

const MAX_TEXT_LENGTH = 1000;

/** Begins the action of a key. Opens a dialog first if the action needs input or a confirmation. */
export function beginAction(state: State, key: string): Updated {
  const run = selectedRun(state);
  if (!run) return withoutEffects(showMessage(state, 'There is no run yet'));
  if (isOver(run)) return withoutEffects(showMessage(state, 'The run is over'));
  const names = actionsByKey.get(key) ?? [];
  if (names.length > 1 && !run.status)
    return withoutEffects(showMessage(state, 'The status of the run is not known yet'));
  const name = names.find((each) => !run.status || (actions[each].fitsRun?.(run.status) ?? true));
  if (name === undefined) return withoutEffects(state);
  const input = chooseInput(state, run, name);
  if (typeof input === 'string') return withoutEffects(showMessage(state, input));
  const request = { run: run.info.id, name, input };
  if (actions[name].prompt) return withoutEffects(ask(state, { kind: 'text', request, text: '' }));
  return actions[name].isConfirmed
    ? withoutEffects(ask(state, { kind: 'confirm', request }))
    : send(state, request);
}

/**
 * The input of the action: the step under the cursor; in the list of runs, the step for which the action is most suitable. Or why
 * there is none.
 */
function chooseInput(state: State, run: RunView, name: ActionName): ActionInput | string {
  const { onStep, command } = actions[name];
  if (!onStep) return {};
  const parts = shownParts(run).filter(({ part }) => onStep.fits(part, {}));
  const row =
    state.view === 'list'
      ? (parts.find(({ part }) => part.state === onStep.defaultState) ?? parts[0])
      : selectedPart(state);
  if (!row) return `${run.info.id}: ${onStep.noneFits}`;
  if (onStep.fits(row.part, {})) return { step: row.step };
  return `${row.name} ${describeState(row.part)}: there is nothing to ${command}`;
}

export function pressInDialog(state: State, dialog: Dialog, key: Key): Updated {
  if (dialog.kind === 'filter') return withoutEffects(typeFilter(state, dialog.before, key));
  const { dialog: _, ...closed } = state;
  if (key.name === 'escape') return withoutEffects(showMessage(closed, 'Nothing was done'));
  const { request } = dialog;
  if (dialog.kind === 'confirm') {
    // Pasted text must not answer a yes-or-no question.
    if (state.pasting) return withoutEffects(state);
    if (key.text === 'y' || key.text === 'Y') return send(closed, request);
    return withoutEffects(
      key.text === 'n' || key.text === 'N' ? showMessage(closed, 'Nothing was done') : state,
    );
  }
  if (key.name === 'enter' && !state.pasting) return answer(closed, request, dialog.text.trim());
  return withoutEffects(ask(state, { ...dialog, text: type(dialog.text, key) }));
}

function answer(closed: State, { run, name, input }: ActionRequest, text: string): Updated {
  const { prompt, isConfirmed } = actions[name];
  if (prompt?.key === 'by' && !isDuration(text)) {
    const why = text === '' ? '' : `"${text}" is not a duration such as 90s, 30m or 2h. `;
    return withoutEffects(showMessage(closed, `${why}Nothing was done`));
  }
  const answered = { run, name, input: { ...input, ...(prompt && text !== '' && { [prompt.key]: text }) } };
  return isConfirmed
    ? withoutEffects(ask(closed, { kind: 'confirm', request: answered }))
    : send(closed, answered);
}

/** `retry packages of web1` */
export function describeRequest({ run, name, input }: ActionRequest): string {
  return `${actions[name].command} ${subjectOf({ run, input })}${input.by === undefined ? '' : ` by ${input.by}`}`;
}

/** `packages of web1` */
export function subjectOf({ run, input: { step } }: Pick<ActionRequest, 'run' | 'input'>): string {
  return step === undefined ? run : `${step} of ${run}`;
}

function ask(state: State, dialog: Dialog): State {
  return { ...state, dialog };
}

function send(state: State, request: ActionRequest): Updated {
  return {
    state: showMessage(state, `${describeRequest(request)} …`),
    effects: [{ kind: 'act', request }],
  };
}

function typeFilter(state: State, before: string, key: Key): State {
  const { dialog: _, ...closed } = state;
  if (key.name === 'escape') return { ...closed, filter: before };
  if (key.name === 'enter' && !state.pasting) return closed;
  return { ...state, filter: type(state.filter, key) };
}

function type(text: string, key: Key): string {
  if (key.name === 'backspace') return [...text].slice(0, -1).join('');
  if (key.name === 'ctrl-u') return '';
  // Pasted text may have several lines, which become one.
  const more = key.name === 'enter' ? ' ' : key.text;
  return (text + more).slice(0, MAX_TEXT_LENGTH);
}
