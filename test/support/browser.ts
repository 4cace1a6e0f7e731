import { chromium, type Browser, type FrameLocator, type Locator, type Page } from 'playwright-core';
import { poll } from './poll.ts';

/** Debian's own; see scripts/install.mjs. */
const EXECUTABLE = '/usr/bin/chromium';
const ARGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-background-networking',
  '--disable-sync',
  '--disable-component-update',
  '--no-first-run',
];
/** For what hangs: the UI takes seconds to paint on a busy machine. */
const PATIENCE_MS = 60_000;

/** Starts a real browser without a screen. */
export async function startBrowser(): Promise<{ readonly page: Page; readonly stop: () => Promise<void> }> {
  const browser: Browser = await chromium.launch({ executablePath: EXECUTABLE, args: ARGS });
  const page = await browser.newPage({ viewport: { width: 1280, height: 1250 }, timezoneId: 'UTC' });
  page.setDefaultTimeout(PATIENCE_MS);
  return { page, stop: () => browser.close() };
}

/** The Temporal UI as a person goes through it. */
export class TemporalUi {
  readonly page: Page;
  readonly #url: string;

  constructor(page: Page, uiUrl: string) {
    this.page = page;
    this.#url = `${uiUrl}/namespaces/default/workflows`;
  }

  /** Types a query over the list; answers with the ids that are found, once there are `count`. */
  async search(query: string, count: number): Promise<string[]> {
    const { page } = this;
    const field = page.getByTestId('workflow-manual-search-input');
    if (!(await field.isVisible())) {
      await page.goto(this.#url);
      await page.getByTestId('toggle-manual-query').click();
    }
    let ids: string[] = [];
    // What is typed before the page is at work is lost, and what was found is not looked for again by itself.
    await poll(
      async () => {
        await field.fill(query);
        await page.getByTestId('workflow-manual-search-button').click();
        if (new URL(page.url()).searchParams.get('query') !== query) return false;
        await page.waitForTimeout(300);
        const counted = await page.getByTestId('workflow-count').innerText();
        ids = await this.#listedIds();
        return counted === String(count) && ids.length === count;
      },
      `${count} runs for ${query}`,
      () => `${page.url()} shows ${ids.join(', ')}`,
    );
    return ids;
  }

  /** The ids in the list: those of links that lead to runs; others lead to filters. */
  async #listedIds(): Promise<string[]> {
    const links = await this.page
      .locator('tbody')
      .getByRole('link')
      .evaluateAll((all) => all.map((link) => [link.textContent.trim(), link.getAttribute('href') ?? '']));
    return links.flatMap(([text = '', href = '']) =>
      href.includes(`/workflows/${encodeURIComponent(text)}/`) ? [text] : [],
    );
  }

  /** Shows other columns of the list. */
  async changeColumns(changes: {
    readonly remove: readonly string[];
    readonly add: readonly string[];
  }): Promise<void> {
    const { page } = this;
    await page.getByTestId('workflows-summary-table-configuration-button').click();
    for (const name of changes.remove)
      await page.getByTestId(`orderable-list-item-${name}-remove-button`).click();
    for (const name of changes.add) await page.getByTestId(`orderable-list-item-${name}-add-button`).click();
    await page.getByTestId('drawer-close-button').click();
  }

  /** Opens a run that the list shows. */
  async open(workflowId: string): Promise<void> {
    await this.page.getByRole('link', { name: workflowId, exact: true }).first().click();
    await this.page.getByRole('heading', { name: workflowId }).waitFor();
  }

  /** Goes to a tab of the run: `timeline`, `history`, `pending-activities`, `user-metadata`. */
  async tab(name: string): Promise<void> {
    await this.page.locator(`a[href*="/${name}"]`).first().click();
    await this.page.waitForURL((url) => url.pathname.endsWith(`/${name}`));
  }

  /** Where the user metadata is rendered: static summary, static details, current details. */
  metadata(which: 'summary' | 'details' | 'current'): FrameLocator {
    return this.page.frameLocator('iframe').nth({ summary: 0, details: 1, current: 2 }[which]);
  }

  /** More Actions → Send a Signal, as far as the button that sends it. */
  async fillSignal(name: string, input: string): Promise<Locator> {
    const { page } = this;
    await page.getByRole('button', { name: 'More Actions' }).click();
    await page.getByRole('menuitem', { name: 'Send a Signal' }).click();
    const dialog = page.locator('dialog[open]');
    await dialog.getByTestId('signal-select-button').click();
    await dialog.getByRole('option', { name }).click();
    await dialog.getByRole('textbox', { name: 'Data' }).fill(input);
    return dialog.getByTestId('confirm-modal-button');
  }
}
