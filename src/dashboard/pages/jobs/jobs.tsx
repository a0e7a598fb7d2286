import type { JSX } from 'preact'
import { Page } from '../../parts/page.tsx'

/** Jobs. */
export function Jobs(): JSX.Element {
  return <Page title="Jobs">{null}</Page>
}
