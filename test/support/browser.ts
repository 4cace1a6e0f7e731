import { chromium, type Browser, type FrameLocator, type Locator, type Page } from 'playwright-core';
import { poll } from './poll.ts';

/** Where Debian installs it; see scripts/install.mjs. */
const EXECUTABLE = '/usr/bin/chromium';
const ARGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-background-networking',
  '--disable-sync',
  '--disable-component-update',
  '--no-first-run',
  // To optimize code in further threads costs more CPU time than it saves on pages that are open this briefly.
  '--js-flags=--single-threaded',
];
const STILL = `
const still = new CSSStyleSheet();
still.replaceSync('*, *::before, *::after { animation: none !important; transition: none !important }');
document.adoptedStyleSheets = [still];
`;
/** Only a hanging page takes this long: the UI paints within seconds, even on a busy machine. */
const TIMEOUT_MS = 60_000;

/** Starts a headless browser. */
export async function startBrowser(): Promise<{ readonly page: Page; readonly stop: () => Promise<void> }> {
  const browser: Browser = await chromium.launch({ executablePath: EXECUTABLE, args: ARGS });
  const page = await browser.newPage({
    viewport: { width: 1280, height: 1250 },
    timezoneId: 'UTC',
    reducedMotion: 'reduce',
  });
  // Without a graphics card, each frame of an animation costs CPU time.
  await page.addInitScript(STILL);
  page.setDefaultTimeout(TIMEOUT_MS);
  return { page, stop: () => browser.close() };
}

/** Drives the Temporal UI as a person would. */
export class TemporalUi {
  readonly page: Page;
  readonly #url: string;

  constructor(page: Page, uiUrl: string) {
    this.page = page;
    this.#url = `${uiUrl}/namespaces/default/workflows`;
  }

  /** Searches the list with a query. Returns the ids found once there are `count`. */
  async search(query: string, count: number): Promise<string[]> {
    const { page } = this;
    const field = page.getByTestId('workflow-manual-search-input');
    if (!(await field.isVisible())) {
      await page.goto(this.#url);
      await page.getByTestId('toggle-manual-query').click();
    }
    let ids: string[] = [];
    // The page loses text that is typed before it has loaded, and does not refresh results by itself.
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

  /** The ids in the list. Only links to runs count: others lead to filters. */
  async #listedIds(): Promise<string[]> {
    const links = await this.page
      .locator('tbody')
      .getByRole('link')
      .evaluateAll((all) => all.map((link) => [link.textContent.trim(), link.getAttribute('href') ?? '']));
    return links.flatMap(([text = '', href = '']) =>
      href.includes(`/workflows/${encodeURIComponent(text)}/`) ? [text] : [],
    );
  }

  /** Changes the columns of the list. */
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

  async open(workflowId: string): Promise<void> {
    await this.page.getByRole('link', { name: workflowId, exact: true }).first().click();
    await this.page.getByRole('heading', { name: workflowId }).waitFor();
  }

  /** Opens a tab of the run: `timeline`, `history`, `pending-activities`, `user-metadata`. */
  async tab(name: string): Promise<void> {
    await this.page.locator(`a[href*="/${name}"]`).first().click();
    await this.page.waitForURL((url) => url.pathname.endsWith(`/${name}`));
  }

  /** The frame that renders the static summary, the static details or the current details. */
  metadata(which: 'summary' | 'details' | 'current'): FrameLocator {
    return this.page.frameLocator('iframe').nth({ summary: 0, details: 1, current: 2 }[which]);
  }

  /** Opens a dialog of More Actions: `Reset`, `Terminate`. */
  async choose(action: string): Promise<void> {
    await this.page.getByRole('button', { name: 'More Actions' }).click();
    await this.page.getByRole('menuitem', { name: action, exact: true }).click();
  }

  /** Confirms the dialog that is open. */
  async confirm(): Promise<void> {
    await this.page.locator('dialog[open]').getByTestId('confirm-modal-button').click();
  }

  /** Fills in the dialog More Actions → Send a Signal. Returns the button that sends it. */
  async fillSignal(name: string, input: string): Promise<Locator> {
    await this.choose('Send a Signal');
    const dialog = this.page.locator('dialog[open]');
    await dialog.getByTestId('signal-select-button').click();
    await dialog.getByRole('option', { name }).click();
    await dialog.getByRole('textbox', { name: 'Data' }).fill(input);
    return dialog.getByTestId('confirm-modal-button');
  }
}
