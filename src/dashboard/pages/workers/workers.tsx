import type { JSX } from 'preact'
import { Page } from '../../parts/page.tsx'

/** Workers. */
export function Workers(): JSX.Element {
  return <Page title="Workers">{null}</Page>
}
