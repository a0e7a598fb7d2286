import type { JSX } from 'preact'
import { Page } from '../../parts/page.tsx'

/** Workflows. */
export function Workflows(): JSX.Element {
  return <Page title="Workflows">{null}</Page>
}
