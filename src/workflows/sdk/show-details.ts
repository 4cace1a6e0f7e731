import { setCurrentDetails } from '@temporalio/workflow';

/**
 * Makes `render` provide what the UI shows as the current details of a workflow, when a person opens them. The SDK takes a text only, which
 * would have to be rendered after every change; but it reads the text when the UI asks, and then makes JSON of it. This can go
 * when `setCurrentDetails` accepts a function; the test in temporal-ui.test.ts fails if the SDK no longer makes JSON of it.
 */
export function showDetails(render: () => string): void {
  setCurrentDetails({ toJSON: render } as unknown as string);
}
