import { ensurePages } from '../../scripts/pages.mjs'

/** Before all tests: the pages of the dashboard are built from the sources as they are. */
export async function setup(): Promise<void> {
  await ensurePages()
}
